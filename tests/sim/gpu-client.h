/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A client of vfio-user without QEMU: the device behind a socket as src/gpu sees one, in real time. */

#include "gpu/stage.h"
#include "sim/vfio-user.h"

typedef struct SimClient SimClient;

extern const GpuOps sim_client_ops;

/* Connects and agrees on the version. 0 or a negative errno. */
int sim_client_new(const char *path, SimClient **ret);
SimClient *sim_client_free(SimClient *c);
DEFINE_CLEANUP_FUNC(SimClient *, sim_client_free)

/* One command: 0 and what follows the header of the reply, of which there must be exactly `ret_size` bytes; -EPROTO
 * for any other reply; the errno that the server gave; or that of the socket. */
int sim_client_call(SimClient *c, uint16_t command, const void *data, size_t size, void *ret, size_t ret_size);

/* One command that wants no reply. 0 or a negative errno. */
int sim_client_post(SimClient *c, uint16_t command, const void *data, size_t size);

/* `size` bytes of a region, whatever its length and alignment. As sim_client_call(). */
int sim_client_read(SimClient *c, uint32_t region, uint64_t offset, void *ret, size_t size);
int sim_client_write(SimClient *c, uint32_t region, uint64_t offset, const void *data, size_t size);

/* As sim_kernel_reset(); a StageReset, with a SimClient. */
int sim_client_reset(void *userdata, Fault *ret_fault);

/* The socket, for what no client should send. */
int sim_client_fd(const SimClient *c);
