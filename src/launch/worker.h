/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A worker's configuration, worker.conf(5): one file with a section [node], the keys of upstream COCOON and a few more. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/conf.h"
#include "basic/fault.h"
#include "model/spec.h"

#define WORKER_GPUS_MAX 16U

typedef enum NodeType {
        NODE_WORKER,
        NODE_PROXY,
        NODE_CLIENT,
        _NODE_TYPE_MAX,
} NodeType;

typedef enum Accel {
        ACCEL_KVM,
        ACCEL_TCG,
        ACCEL_AUTO, /* KVM where it is, else TCG */
        _ACCEL_MAX,
} Accel;

/* TCP ports of the host that lead to the guest. */
typedef enum NodePort {
        PORT_SSH,
        PORT_HTTP,
        PORT_WORKER_RPC,
        PORT_CLIENT_RPC,
        _NODE_PORT_MAX,
} NodePort;

/* Either addresses, or as many of any. */
typedef struct WorkerGpus {
        char **addresses; /* NULL ended, or NULL; as sysfs writes them */
        unsigned n_auto;
} WorkerGpus;

typedef struct WorkerConfig {
        NodeType type;
        char *model;
        ModelSpec model_spec; /* of `model`; a worker's alone */
        char *owner_address, *root_contract_address;
        WorkerGpus gpus;
        unsigned instance, worker_coefficient;
        char *hf_token, *node_wallet_key;
        char *external_ip;
        unsigned external_worker_port, external_client_port;
        char *ton_config_base, *ton_config;
        char *image_dir, *spec_dir, *model_dir, *persistent, *build_dir, *qemu;
        uint64_t persistent_size, memory;
        unsigned cpus;
        unsigned ports[_NODE_PORT_MAX]; /* of the host, with the instance's offset; 0: none */
        unsigned guest_ports[_NODE_PORT_MAX];
        unsigned vsock_cid; /* with the offset; 0: none */
        Accel accel;
        bool test, fake_ton, no_tdx;
} WorkerConfig;

/* Reads the file at `path`, which is called `name` in reports, and then `overrides` ("key=value", NULL ended, or NULL), which
 * win. `instance` counts where neither says one. All problems are reported, contradictions too. 0; -EINVAL when anything was
 * refused; -ENOMEM. Nothing is set then. */
int worker_config_load(const char *path, const char *name, char *const *overrides, unsigned instance, ConfReport report,
                       void *userdata, WorkerConfig *ret);
void worker_config_done(WorkerConfig *c);

size_t worker_config_gpus(const WorkerConfig *c);

/* The keys that may be given on a command line, by number from 0; NULL after the last. Secrets may not: everybody can read a
 * command line. `ret_flag`: whether it is one that is on or off. */
const char *worker_config_key(size_t n, bool *ret_flag);

const char *node_type_to_string(NodeType type);
