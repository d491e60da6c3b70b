/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/worker.h"

#include <stdarg.h>
#include <string.h>

#include "vfio/address.h"

#define SECTION "node"

#define INSTANCE_STEP 10U
#define INSTANCE_MAX  5000U
#define CPUS_MAX      1024U

#define DEFAULT_MODEL       "Qwen/Qwen3-0.6B"
#define DEFAULT_MODEL_DIR   "/var/lib/cocoon/models"
#define DEFAULT_QEMU        "qemu-system-x86_64"
#define DEFAULT_COEFFICIENT 1000U
#define DEFAULT_CPUS        32U
#define CID_UNSET           UINT32_MAX
#define GIB                 (UINT64_C(1) << 30)
#define DEFAULT_MEMORY      (100 * GIB)
#define DEFAULT_PERSISTENT  (100 * GIB)
#define MEMORY_MIN          (UINT64_C(256) << 20)
#define PERSISTENT_MIN      (UINT64_C(1) << 20)

static const char *const type_names[_NODE_TYPE_MAX] = {
        [NODE_WORKER] = "worker",
        [NODE_PROXY]  = "proxy",
        [NODE_CLIENT] = "client",
};

static const char *const accel_names[_ACCEL_MAX] = {
        [ACCEL_KVM]  = "kvm",
        [ACCEL_TCG]  = "tcg",
        [ACCEL_AUTO] = "auto",
};

static const char *const port_keys[_NODE_PORT_MAX] = {
        [PORT_SSH]        = "ssh_port",
        [PORT_HTTP]       = "http_port",
        [PORT_WORKER_RPC] = "worker_rpc_port",
        [PORT_CLIENT_RPC] = "client_rpc_port",
};

/* What differs by type; a port that is 0 does not exist there. A service's port in the guest is the one of instance 0. */
static const struct {
        unsigned ports[_NODE_PORT_MAX];
        unsigned vsock_cid;
        bool any_port; /* no service is known: those that are configured */
} defaults[_NODE_TYPE_MAX] = {
        [NODE_WORKER] = { .ports = { [PORT_SSH] = 12005, [PORT_HTTP] = 12000 }, .vsock_cid = 6 },
        [NODE_PROXY]  = { .ports = { [PORT_SSH] = 11005, [PORT_HTTP] = 11000, [PORT_WORKER_RPC] = 11001,
                                     [PORT_CLIENT_RPC] = 11002 },
                          .vsock_cid = 7 },
        [NODE_CLIENT] = { .any_port = true },
};

#define GUEST_SSH_PORT 22U

const char *node_type_to_string(NodeType type) {
        return type_names[type];
}

static int find_name(const char *const *names, size_t n, const char *value, unsigned *ret) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i], value) == 0) {
                        *ret = (unsigned) i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_type(const ConfItem *item, const char *value, void *target) {
        unsigned i;
        int r = find_name(type_names, _NODE_TYPE_MAX, value, &i);

        if (r >= 0)
                *(NodeType *) target = (NodeType) i;
        return r;
}

static int parse_accel(const ConfItem *item, const char *value, void *target) {
        unsigned i;
        int r = find_name(accel_names, _ACCEL_MAX, value, &i);

        if (r >= 0)
                *(Accel *) target = (Accel) i;
        return r;
}

/* Each becomes a line KEY=VALUE for the guest, or a file's name: an empty one says nothing. */
static int parse_text(const ConfItem *item, const char *value, void *target) {
        for (const char *p = value; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return -EINVAL;
        return *value ? conf_parse_string(item, value, target) : -EINVAL;
}

static int parse_range(const char *value, unsigned min, unsigned max, unsigned *ret) {
        unsigned n;
        int r;

        r = conf_parse_unsigned(NULL, value, &n);
        if (r < 0)
                return r;
        if (n < min || n > max)
                return -ERANGE;
        *ret = n;
        return 0;
}

static int parse_port(const ConfItem *item, const char *value, void *target) {
        return parse_range(value, 1, UINT16_MAX, target);
}

/* 1 and 2 are the hypervisor's and the host's; 0 stands for a guest without. */
static int parse_cid(const ConfItem *item, const char *value, void *target) {
        unsigned n;
        int r;

        r = parse_range(value, 0, INT32_MAX, &n);
        if (r < 0)
                return r;
        if (n == 1 || n == 2)
                return -ERANGE;
        *(unsigned *) target = n;
        return 0;
}

static int parse_instance(const ConfItem *item, const char *value, void *target) {
        return parse_range(value, 0, INSTANCE_MAX, target);
}

static int parse_cpus(const ConfItem *item, const char *value, void *target) {
        return parse_range(value, 1, CPUS_MAX, target);
}

/* As QEMU takes sizes, but never without a unit: QEMU's own is MiB. */
static int parse_size(const ConfItem *item, const char *value, void *target) {
        static const char units[] = "KMGT";
        size_t digits = strspn(value, "0123456789");
        char number[16];
        const char *unit;
        unsigned n;
        uint64_t size;
        int r;

        if (digits == 0 || digits >= sizeof(number) || !value[digits] || value[digits + 1])
                return -EINVAL;
        unit = strchr(units, value[digits]);
        if (!unit)
                return -EINVAL;
        (void) snprintf(number, sizeof(number), "%.*s", (int) digits, value);
        r = parse_range(number, 1, 1U << 24, &n);
        if (r < 0)
                return r;
        size = (uint64_t) n << 10 * (unit - units + 1);
        /* What a disk, or a guest's memory, could be at all. */
        if (size > UINT64_C(1) << 50)
                return -ERANGE;
        *(uint64_t *) target = size;
        return 0;
}

static int parse_gpu(const ConfItem *item, const char *value, void *target) {
        char address[PCI_ADDRESS_SIZE];
        WorkerGpus *g = target;

        if (strcmp(value, "auto") == 0) {
                g->n_auto++;
                return 0;
        }
        return pci_address_parse(value, address) < 0 ? -EINVAL : strv_append(&g->addresses, strdup(address));
}

#define AT(field) offsetof(WorkerConfig, field)
#define PORT_AT(port) (offsetof(WorkerConfig, ports) + (port) * sizeof(unsigned))

#define EXPECTED_TEXT "text"
#define EXPECTED_PORT "a port, 1 to 65535"
#define EXPECTED_BOOL "yes or no"
#define EXPECTED_SIZE "a number with K, M, G or T, such as 100G"

static const ConfItem items[] = {
        { SECTION, "type",                  parse_type,      AT(type),                  CONF_ONCE, "worker, proxy or client" },
        { SECTION, "model",                 parse_text,      AT(model),                 CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "owner_address",         parse_text,      AT(owner_address),         CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "gpu",                   parse_gpu,       AT(gpus),                  0,
          "a PCI address such as 0000:01:00.0, or auto" },
        { SECTION, "instance",              parse_instance,  AT(instance),              CONF_ONCE, "a number, 0 to 5000" },
        { SECTION, "worker_coefficient",    conf_parse_unsigned, AT(worker_coefficient), CONF_ONCE, "a number" },
        { SECTION, "hf_token",              parse_text,      AT(hf_token),              CONF_ONCE | CONF_SECRET, EXPECTED_TEXT },
        { SECTION, "node_wallet_key",       parse_text,      AT(node_wallet_key),       CONF_ONCE | CONF_SECRET, EXPECTED_TEXT },
        { SECTION, "root_contract_address", parse_text,      AT(root_contract_address), CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "external_ip",           parse_text,      AT(external_ip),           CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "external_worker_port",  parse_port,      AT(external_worker_port),  CONF_ONCE, EXPECTED_PORT },
        { SECTION, "external_client_port",  parse_port,      AT(external_client_port),  CONF_ONCE, EXPECTED_PORT },
        { SECTION, "ton_config_base",       parse_text,      AT(ton_config_base),       CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "ton_config",            parse_text,      AT(ton_config),            CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "image-dir",             parse_text,      AT(image_dir),             CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "persistent",            parse_text,      AT(persistent),            CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "ssh_port",              parse_port,      PORT_AT(PORT_SSH),         CONF_ONCE, EXPECTED_PORT },
        { SECTION, "vsock_cid",             parse_cid,       AT(vsock_cid),             CONF_ONCE, "a number from 3 on, or 0 for none" },
        { SECTION, "http_port",             parse_port,      PORT_AT(PORT_HTTP),        CONF_ONCE, EXPECTED_PORT },
        { SECTION, "worker_rpc_port",       parse_port,      PORT_AT(PORT_WORKER_RPC),  CONF_ONCE, EXPECTED_PORT },
        { SECTION, "client_rpc_port",       parse_port,      PORT_AT(PORT_CLIENT_RPC),  CONF_ONCE, EXPECTED_PORT },
        { SECTION, "test",                  conf_parse_bool, AT(test),                  CONF_ONCE, EXPECTED_BOOL },
        { SECTION, "fake_ton",              conf_parse_bool, AT(fake_ton),              CONF_ONCE, EXPECTED_BOOL },
        { SECTION, "build_dir",             parse_text,      AT(build_dir),             CONF_ONCE, EXPECTED_TEXT },
        /* Not upstream's. */
        { SECTION, "cpus",                  parse_cpus,      AT(cpus),                  CONF_ONCE, "a number, 1 to 1024" },
        { SECTION, "memory",                parse_size,      AT(memory),                CONF_ONCE, EXPECTED_SIZE },
        { SECTION, "accel",                 parse_accel,     AT(accel),                 CONF_ONCE, "kvm, tcg or auto" },
        { SECTION, "no_tdx",                conf_parse_bool, AT(no_tdx),                CONF_ONCE, EXPECTED_BOOL },
        { SECTION, "persistent_size",       parse_size,      AT(persistent_size),       CONF_ONCE, EXPECTED_SIZE },
        { SECTION, "spec_dir",              parse_text,      AT(spec_dir),              CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "model_dir",             parse_text,      AT(model_dir),             CONF_ONCE, EXPECTED_TEXT },
        { SECTION, "qemu",                  parse_text,      AT(qemu),                  CONF_ONCE, EXPECTED_TEXT },
};

const char *worker_config_key(size_t n, bool *ret_flag) {
        for (size_t i = 0; i < ELEMENTSOF(items); i++) {
                if (items[i].flags & CONF_SECRET)
                        continue;
                if (n-- == 0) {
                        *ret_flag = items[i].parse == conf_parse_bool;
                        return items[i].key;
                }
        }
        return NULL;
}

size_t worker_config_gpus(const WorkerConfig *c) {
        size_t n = c->gpus.n_auto;

        for (char **a = c->gpus.addresses; a && *a; a++)
                n++;
        return n;
}

void worker_config_done(WorkerConfig *c) {
        char *const texts[] = { c->model, c->owner_address, c->root_contract_address, c->hf_token, c->node_wallet_key,
                                c->external_ip, c->ton_config_base, c->ton_config, c->image_dir, c->spec_dir, c->model_dir,
                                c->persistent, c->build_dir, c->qemu };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                free(texts[i]);
        (void) strv_free(c->gpus.addresses);
        *c = (WorkerConfig){};
}

/* Reading, and where what was read stands. */
typedef struct Reading {
        const char *name;
        WorkerConfig *config;
        unsigned lines[ELEMENTSOF(items)];
        bool given[ELEMENTSOF(items)]; /* on the command line */
        ConfReport report;
        void *userdata;
        bool refused;
} Reading;

static size_t find_item(const char *key, size_t length) {
        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                if (strlen(items[i].key) == length && strncmp(items[i].key, key, length) == 0)
                        return i;
        return ELEMENTSOF(items);
}

static bool is_set(const Reading *r, const char *key) {
        size_t i = find_item(key, strlen(key));

        return r->lines[i] > 0 || r->given[i];
}

/* With the line where the key stands; NULL for a key that is not there. */
_printf_(3, 4) static void refuse(Reading *r, const char *key, const char *format, ...) {
        size_t i = key ? find_item(key, strlen(key)) : ELEMENTSOF(items);
        char message[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        r->refused = true;
        r->report(i < ELEMENTSOF(items) && r->given[i] ? "command line" : r->name,
                  i < ELEMENTSOF(items) && !r->given[i] ? r->lines[i] : 0, message, r->userdata);
}

static int apply_override(Reading *r, const char *assignment) {
        size_t length = strcspn(assignment, "="), i = find_item(assignment, length);
        const char *value = assignment + length + 1;
        int error;

        /* The first `gpu` puts those of the file aside. */
        if (!r->given[i] && items[i].parse == parse_gpu) {
                r->config->gpus.addresses = strv_free(r->config->gpus.addresses);
                r->config->gpus.n_auto = 0;
        }
        r->given[i] = true;
        error = items[i].parse(&items[i], value, (char *) r->config + items[i].offset);
        if (error < 0 && error != -ENOMEM)
                refuse(r, items[i].key, "%s cannot be '%s': expected %s", items[i].key, value, items[i].expected);
        return error == -ENOMEM ? error : 0;
}

static int set_text(char **text, const char *value) {
        if (!*text)
                *text = strdup(value);
        return *text ? 0 : -ENOMEM;
}

static int set_persistent(WorkerConfig *c) {
        if (!c->persistent && asprintf(&c->persistent, "persistent-%s-%u.img", type_names[c->type], c->instance) < 0) {
                c->persistent = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int set_spec_dir(WorkerConfig *c) {
        if (!c->spec_dir && asprintf(&c->spec_dir, "spec/%s", type_names[c->type]) < 0) {
                c->spec_dir = NULL;
                return -ENOMEM;
        }
        return 0;
}

static void set_numbers(WorkerConfig *c) {
        for (NodePort p = 0; p < _NODE_PORT_MAX; p++) {
                unsigned by_default = defaults[c->type].ports[p];

                if (c->ports[p] == 0)
                        c->ports[p] = by_default;
                c->guest_ports[p] = p == PORT_SSH ? GUEST_SSH_PORT : by_default ?: c->ports[p];
        }
        if (c->vsock_cid == CID_UNSET)
                c->vsock_cid = defaults[c->type].vsock_cid ?: CID_UNSET;
        if (c->cpus == 0)
                c->cpus = DEFAULT_CPUS;
        if (c->memory == 0)
                c->memory = DEFAULT_MEMORY;
        if (c->persistent_size == 0)
                c->persistent_size = DEFAULT_PERSISTENT;
}

static int set_defaults(WorkerConfig *c) {
        int r = 0;

        set_numbers(c);
        if (c->type == NODE_WORKER)
                r = set_text(&c->model, DEFAULT_MODEL);
        if (r >= 0)
                r = set_text(&c->image_dir, c->test ? "images/test" : "images/prod");
        if (r >= 0)
                r = set_text(&c->model_dir, DEFAULT_MODEL_DIR);
        if (r >= 0)
                r = set_text(&c->qemu, DEFAULT_QEMU);
        if (r >= 0)
                r = set_persistent(c);
        return r < 0 ? r : set_spec_dir(c);
}

static void check_model(Reading *r) {
        WorkerConfig *c = r->config;
        Fault f;

        if (c->type != NODE_WORKER) {
                if (c->model)
                        refuse(r, "model", "model= is a worker's, and type is %s", type_names[c->type]);
                return;
        }
        if (model_spec_parse(c->model, &c->model_spec, &f) < 0)
                refuse(r, "model", "model= cannot be '%s': %s: expected %s, found %s", c->model, f.what, f.expected, f.found);
        else if (c->model_spec.commit[0] && !model_commit_is_id(c->model_spec.commit))
                refuse(r, "model", "model=%s: expected a commit of 40 hexadecimal digits, found '%s', which may be another one "
                       "tomorrow", c->model_spec.name, c->model_spec.commit);
}

static void check_gpus(Reading *r) {
        const WorkerConfig *c = r->config;
        size_t n = worker_config_gpus(c);

        if (n > 0 && c->type != NODE_WORKER)
                refuse(r, "gpu", "gpu= is a worker's, and type is %s", type_names[c->type]);
        if (c->gpus.addresses && c->gpus.n_auto > 0)
                refuse(r, "gpu", "gpu= is an address and auto: any one could be the other one");
        if (n > WORKER_GPUS_MAX)
                refuse(r, "gpu", "gpu= names %zu GPUs, expected at most %u", n, WORKER_GPUS_MAX);
        for (char **a = c->gpus.addresses; a && *a; a++)
                for (char **b = a + 1; *b; b++)
                        if (strcmp(*a, *b) == 0)
                                refuse(r, "gpu", "gpu=%s stands there twice", *a);
}

static void check_ports(Reading *r) {
        WorkerConfig *c = r->config;
        unsigned offset = c->instance * INSTANCE_STEP;

        for (NodePort p = 0; p < _NODE_PORT_MAX; p++) {
                if (c->ports[p] == 0)
                        continue;
                if (defaults[c->type].ports[p] == 0 && !defaults[c->type].any_port)
                        refuse(r, port_keys[p], "%s= is for other types, and type is %s", port_keys[p], type_names[c->type]);
                c->ports[p] += offset;
                if (c->ports[p] > UINT16_MAX)
                        refuse(r, port_keys[p], "%s= and instance %u make port %u, expected at most 65535", port_keys[p],
                               c->instance, c->ports[p]);
                for (NodePort q = 0; q < p; q++)
                        if (c->ports[q] == c->ports[p])
                                refuse(r, port_keys[p], "%s= and %s= are the same port, %u", port_keys[q], port_keys[p],
                                       c->ports[p]);
        }
}

static void check_vsock(Reading *r) {
        WorkerConfig *c = r->config;

        if (c->vsock_cid == CID_UNSET)
                refuse(r, NULL, "vsock_cid= is missing, and a %s has no default", type_names[c->type]);
        else if (c->vsock_cid > 0)
                c->vsock_cid += c->instance * INSTANCE_STEP;
        else if (!c->no_tdx)
                refuse(r, "vsock_cid", "vsock_cid=0 leaves a TDX guest without quotes: expected a number from 3 on, or no_tdx = yes");
}

static void check_machine(Reading *r) {
        const WorkerConfig *c = r->config;

        if (c->accel == ACCEL_TCG && !c->no_tdx)
                refuse(r, "accel", "accel=tcg cannot run a TDX guest: expected kvm, or no_tdx = yes");
        if (c->memory < MEMORY_MIN)
                refuse(r, "memory", "memory= is less than 256M");
        if (c->persistent_size < PERSISTENT_MIN)
                refuse(r, "persistent_size", "persistent_size= is less than 1M");
}

static void check(Reading *r) {
        const WorkerConfig *c = r->config;

        if (!c->owner_address)
                refuse(r, NULL, "owner_address= is missing: expected the address that is paid");
        if (is_set(r, "worker_coefficient") && c->type != NODE_WORKER)
                refuse(r, "worker_coefficient", "worker_coefficient= is a worker's, and type is %s", type_names[c->type]);
        check_model(r);
        check_gpus(r);
        check_ports(r);
        check_vsock(r);
        check_machine(r);
}

int worker_config_load(const char *path, const char *name, char *const *overrides, unsigned instance, ConfReport report,
                       void *userdata, WorkerConfig *ret) {
        _cleanup_(worker_config_done) WorkerConfig c = { .instance = instance, .worker_coefficient = DEFAULT_COEFFICIENT,
                                                             .vsock_cid = CID_UNSET };
        Reading reading = { .name = name, .config = &c, .report = report, .userdata = userdata };
        int r;

        r = conf_load_file(path, name, items, ELEMENTSOF(items), &c, reading.lines, report, userdata);
        if (r < 0)
                return r;
        for (; overrides && *overrides; overrides++) {
                r = apply_override(&reading, *overrides);
                if (r < 0)
                        return r;
        }
        r = set_defaults(&c);
        if (r < 0)
                return r;
        check(&reading);
        if (reading.refused)
                return -EINVAL;
        *ret = TAKE_STRUCT(c);
        return 0;
}
