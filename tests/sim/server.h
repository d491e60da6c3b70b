/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sockets that listen, and a thread for every connection. */

#include <stdbool.h>
#include <stddef.h>

typedef void (*SimServe)(void *userdata, int fd); /* owns `fd` */

typedef struct SimListener {
        int fd;
        SimServe serve;
        void *userdata;
} SimListener;

/* A stream socket at `path`, in place of whatever socket is left there; its directory is made when it is missing.
 * 0 or a negative errno. */
int sim_listen_unix(const char *path, int *ret);

/* "ADDRESS:PORT", the port 0 being any that is free; the one it became goes to *ret_port. 0, -EINVAL or a negative
 * errno. */
int sim_listen_tcp(const char *address, int *ret, unsigned *ret_port);

/* Serves until SIGTERM or SIGINT, which must be blocked in all threads, or until `input` (a descriptor, or -1) ends. */
void sim_server_run(const SimListener *listeners, size_t n, int input);
