/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/host.h"

#include <fcntl.h>
#include <string.h>

#define HOST_NAME    "org.cocoon.Host1"
#define HOST_PATH    "/org/cocoon/Host1"
#define HOST_MANAGER HOST_NAME ".Manager"
#define HOST_GPU     HOST_NAME ".GPU"
#define HOST_JOB     HOST_NAME ".Job"

#define HOST_ERROR_DENIED HOST_NAME ".Error.AccessDenied"

#define GPUS_LISTED_MAX 256U

void leases_done(Leases *leases) {
        for (size_t i = 0; i < leases->n; i++) {
                closep(&leases->items[i].device);
                closep(&leases->items[i].iommu);
                closep(&leases->items[i].lease);
        }
        *leases = (Leases){};
}

/* The daemon's own words say what is wrong and what to do. */
static int refused(int error, const sd_bus_error *e, const char *what, const char *expected, Fault *f) {
        static const char *const nobody[] = { SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER };

        for (size_t i = 0; i < ELEMENTSOF(nobody); i++)
                if (sd_bus_error_has_name(e, nobody[i]))
                        return fault_set(f, EHOSTUNREACH, what, expected,
                                         "no cocoon-hostd on the bus; see systemctl status cocoon-hostd");
        if (sd_bus_error_has_name(e, HOST_ERROR_DENIED))
                error = EACCES;
        return fault_set(f, error, what, expected, "%s", e->message ?: strerror(abs(error)));
}

static void describe(const char *address, char ret[static sizeof((Fault){}.what)]) {
        (void) snprintf(ret, sizeof((Fault){}.what), "GPU %s", address);
}

/* Descriptors of a message end with it. */
static int read_descriptors(sd_bus_message *reply, Lease *ret) {
        Lease l = { .device = -EBADF, .iommu = -EBADF, .lease = -EBADF };
        int device, iommu, lease, r;

        r = sd_bus_message_read(reply, "hhh", &device, &iommu, &lease);
        if (r < 0)
                return r;
        l.device = fcntl(device, F_DUPFD_CLOEXEC, 3);
        l.iommu = fcntl(iommu, F_DUPFD_CLOEXEC, 3);
        l.lease = fcntl(lease, F_DUPFD_CLOEXEC, 3);
        if (l.device < 0 || l.iommu < 0 || l.lease < 0) {
                r = -errno;
                closep(&l.device);
                closep(&l.iommu);
                closep(&l.lease);
                return r;
        }
        r = fcntl(l.device, F_GETFL);
        /* A path is all that there is of a group: it can be opened once, by who uses it. */
        l.by_address = r >= 0 && (r & O_PATH);
        (void) memcpy(l.address, ret->address, sizeof(l.address));
        *ret = l;
        return 0;
}

static int find_path(sd_bus *bus, const char *address, char **ret, Fault *f) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char what[sizeof(f->what)];
        const char *path;
        int r;

        describe(address, what);
        r = sd_bus_call_method(bus, HOST_NAME, HOST_PATH, HOST_MANAGER, "GetGPU", &error, &reply, "s", address);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return refused(r, &error, what, "one that cocoon-hostd knows", f);
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

static int lease_one(sd_bus *bus, const char *address, const char *holder, Lease *ret, Fault *f) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        Lease lease = {};
        char what[sizeof(f->what)];
        int r;

        describe(address, what);
        (void) snprintf(lease.address, sizeof(lease.address), "%s", address);
        r = find_path(bus, address, &path, f);
        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, HOST_NAME, path, HOST_GPU, "Lease", &error, &reply, "s", holder);
        if (r >= 0)
                r = read_descriptors(reply, &lease);
        if (r < 0)
                return refused(r, &error, what, "one that is ready and that nobody else has", f);
        *ret = lease;
        return 0;
}

typedef struct FreeGpu {
        bool later; /* its last holder is gone, and it is being looked at */
        char address[PCI_ADDRESS_SIZE];
} FreeGpu;

typedef struct FreeGpus {
        FreeGpu items[GPUS_LISTED_MAX];
        size_t n, n_ready;
} FreeGpus;

static int read_string(sd_bus_message *m, const char **ret) {
        return sd_bus_message_read(m, "v", "s", ret);
}

static int add_gpu(FreeGpus *gpus, const char *address, const char *state, const char *holder) {
        bool ready = strcmp(state, "ready") == 0, later = strcmp(state, "leased") == 0 && !*holder;

        if ((!ready && !later) || gpus->n >= GPUS_LISTED_MAX)
                return 0;
        gpus->n_ready += ready;
        gpus->items[gpus->n].later = later;
        return pci_address_parse(address, gpus->items[gpus->n++].address);
}

/* The properties of one GPU: a{sv}. */
static int read_gpu(sd_bus_message *m, FreeGpus *gpus) {
        const char *address = NULL, *state = NULL, *holder = NULL, *key;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = strcmp(key, "Address") == 0 ? read_string(m, &address) :
                            strcmp(key, "State") == 0   ? read_string(m, &state) :
                            strcmp(key, "Holder") == 0  ? read_string(m, &holder) :
                                                          sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r >= 0 && address && state && holder ? add_gpu(gpus, address, state, holder) : r;
}

/* One object's interfaces: a{sa{sv}}. */
static int read_object(sd_bus_message *m, FreeGpus *gpus) {
        const char *interface;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                r = sd_bus_message_read(m, "s", &interface);
                if (r >= 0)
                        r = strcmp(interface, HOST_GPU) == 0 ? read_gpu(m, gpus) : sd_bus_message_skip(m, "a{sv}");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int by_address(const void *a, const void *b) {
        const FreeGpu *x = a, *y = b;

        return x->later != y->later ? x->later - y->later : strcmp(x->address, y->address);
}

/* In the order of their addresses, so that it does not depend on chance which is taken; the daemon has whoever asks for one that
 * is being looked at wait for the end of that, so those come last. */
static int find_free(sd_bus *bus, FreeGpus *ret, Fault *f) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        *ret = (FreeGpus){};
        r = sd_bus_call_method(bus, HOST_NAME, HOST_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error, &m,
                               NULL);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                r = sd_bus_message_skip(m, "o");
                if (r >= 0)
                        r = read_object(m, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return refused(r, &error, "gpu=auto", "cocoon-hostd to list GPUs", f);
        qsort(ret->items, ret->n, sizeof(*ret->items), by_address);
        return 0;
}

/* Somebody may be faster: then the next one. */
static int lease_any(sd_bus *bus, unsigned wanted, const char *holder, Leases *leases, Fault *f) {
        FreeGpus gpus;
        int r;

        r = find_free(bus, &gpus, f);
        if (r < 0)
                return r;
        for (size_t i = 0; i < gpus.n && leases->n < wanted; i++) {
                r = lease_one(bus, gpus.items[i].address, holder, &leases->items[leases->n], f);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0)
                        leases->n++;
        }
        if (leases->n == wanted)
                return 0;
        /* One that is ready and refused has a reason, which is in the fault already. */
        return r < 0 ? r : fault_set(f, EBUSY, "gpu=auto", "GPUs that are ready and that nobody has",
                                     "%zu of %u; see cocoonctl gpu list", leases->n, wanted);
}

int host_lease(sd_bus *bus, const WorkerConfig *c, const char *holder, Leases *ret, Fault *ret_fault) {
        _cleanup_(leases_done) Leases leases = {};
        int r;

        for (char **a = c->gpus.addresses; a && *a; a++) {
                r = lease_one(bus, *a, holder, &leases.items[leases.n], ret_fault);
                if (r < 0)
                        return r;
                leases.n++;
        }
        if (c->gpus.n_auto > 0) {
                r = lease_any(bus, c->gpus.n_auto, holder, &leases, ret_fault);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_STRUCT(leases);
        return 0;
}

static int look_at(sd_bus *bus, const char *address, Fault *f) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *path = NULL, *state = NULL;
        char what[sizeof(f->what)];
        int r;

        describe(address, what);
        r = find_path(bus, address, &path, f);
        if (r < 0)
                return r;
        r = sd_bus_get_property_string(bus, HOST_NAME, path, HOST_GPU, "State", &error, &state);
        if (r < 0)
                return refused(r, &error, what, "its state", f);
        return strcmp(state, "ready") == 0 ?
                       0 :
                       fault_set(f, EBUSY, what, "ready", "%s; see cocoonctl gpu status %s", state, address);
}

int host_look(sd_bus *bus, const WorkerConfig *c, Fault *ret_fault) {
        FreeGpus gpus;
        int r;

        for (char **a = c->gpus.addresses; a && *a; a++) {
                r = look_at(bus, *a, ret_fault);
                if (r < 0)
                        return r;
        }
        if (c->gpus.n_auto == 0)
                return 0;
        r = find_free(bus, &gpus, ret_fault);
        if (r < 0)
                return r;
        return gpus.n_ready >= c->gpus.n_auto ?
                       0 :
                       fault_set(ret_fault, EBUSY, "gpu=auto", "GPUs that are ready and that nobody has",
                                 "%zu of %u; see cocoonctl gpu list", gpus.n_ready, c->gpus.n_auto);
}

/* Waiting for a job */

typedef struct Waiting {
        char *job;       /* NULL: not known yet */
        bool ended;
        char *result, *message;
        bool gone; /* the daemon */
} Waiting;

static void waiting_done(Waiting *w) {
        free(w->job);
        free(w->result);
        free(w->message);
        *w = (Waiting){};
}

static int on_finished(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *result, *name, *message;
        Waiting *w = userdata;

        if (!w->job || strcmp(sd_bus_message_get_path(m), w->job) != 0 || w->ended ||
            sd_bus_message_read(m, "sss", &result, &name, &message) < 0)
                return 0;
        w->ended = true;
        w->result = strdup(result);
        w->message = strdup(message);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *before, *now;
        Waiting *w = userdata;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 && strcmp(name, HOST_NAME) == 0 && *before && !*now)
                w->gone = true;
        return 0;
}

/* Signals that arrived with the reply wait in the queue until they are looked at here, when the job's name is known. */
static int wait_for_job(sd_bus *bus, Waiting *w) {
        while (!w->ended && !w->gone) {
                int r = sd_bus_process(bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

static int begin_build(sd_bus *bus, const char *spec, Waiting *w, Fault *f) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *job;
        int r;

        r = sd_bus_match_signal(bus, NULL, HOST_NAME, NULL, HOST_JOB, "Finished", on_finished, w);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        "NameOwnerChanged", on_owner, w);
        if (r >= 0)
                r = sd_bus_call_method(bus, HOST_NAME, HOST_PATH, HOST_MANAGER, "BuildModel", &error, &reply, "sa{sv}", spec, 0);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &job);
        if (r < 0)
                return refused(r, &error, "model", "cocoon-hostd to build it", f);
        w->job = strdup(job);
        return w->job ? 0 : -ENOMEM;
}

int host_build(sd_bus *bus, const char *spec, void (*progress)(const char *text), Fault *ret_fault) {
        _cleanup_(waiting_done) Waiting w = {};
        int r;

        r = begin_build(bus, spec, &w, ret_fault);
        if (r < 0)
                return r;
        progress("waiting for the model to be built");
        r = wait_for_job(bus, &w);
        if (r < 0)
                return fault_set(ret_fault, r, "model", "to hear from cocoon-hostd", "%s", strerror(-r));
        if (w.gone)
                return fault_set(ret_fault, EHOSTUNREACH, "model", "cocoon-hostd to build it", "it went away; see cocoonctl job list");
        if (!w.result || strcmp(w.result, "done") != 0)
                return fault_set(ret_fault, EIO, "model", "to be built", "%s: %s", w.result ?: "", w.message ?: "");
        return 0;
}
