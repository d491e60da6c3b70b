/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/lease.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/gpu-job.h"
#include "hostd/messages.h"

#define HOLDER_SIZE_MAX 128U

Lease *lease_free(Lease *l) {
        if (!l)
                return NULL;
        (void) sd_event_source_disable_unref(l->source);
        (void) sd_bus_track_unref(l->caller);
        (void) sd_bus_message_unref(l->call);
        vfio_loan_close(&l->loan);
        closep(&l->end);
        free(l->holder);
        free(l);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Lease *, lease_free)

static void answer_error(Lease *l, const char *error, const char *message) {
        if (l->call)
                (void) sd_bus_reply_method_errorf(l->call, error, "%s", message ?: "The GPU could not be leased.");
        l->call = sd_bus_message_unref(l->call);
}

static void log_lease(const Lease *l, const char *id, const char *what) {
        const LogField fields[] = { { "COCOON_GPU", l->gpu->address }, { "COCOON_HOLDER", l->holder } };

        log_record(LOG_INFO, id, fields, ELEMENTSOF(fields), "%s: the lease of %s %s", l->gpu->address, l->holder, what);
}

static void lease_end(GpuObject *g) {
        lease_forget(g);
        g->lease = lease_free(g->lease);
}

static int on_hang_up(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        const Lease *l = userdata;
        GpuObject *g = l->gpu;

        log_lease(l, MESSAGE_LEASE_ENDED, "has ended");
        lease_end(g);
        lease_next(g);
        return 0;
}

/* Nothing is read from it, whatever somebody writes into it. Before calls on the bus, so that a GPU that somebody has just
 * let go of is not said to be theirs. */
static int watch(Lease *l) {
        int r;

        r = sd_event_add_io(l->gpu->manager->event, &l->source, l->end, 0, on_hang_up, l);
        return r < 0 ? r : sd_event_source_set_priority(l->source, SD_EVENT_PRIORITY_IMPORTANT);
}

/* The other end is made when it is handed out, so that no child of the daemon has a copy meanwhile. */
static int open_other_end(const Lease *l) {
        char path[32];
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", l->end);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int hand_out(Lease *l) {
        _cleanup_close_ int other = open_other_end(l);
        int r;

        if (other < 0)
                return other;
        lease_keep(l);
        r = sd_bus_reply_method_return(l->call, "hhh", l->loan.device, l->loan.iommu, other);
        if (r < 0)
                return r;
        r = watch(l);
        l->call = sd_bus_message_unref(l->call);
        l->caller = sd_bus_track_unref(l->caller);
        vfio_loan_close(&l->loan);
        return r;
}

void lease_settle(GpuObject *g, const char *error, const char *message) {
        Lease *l = g->lease;
        int r;

        if (error) {
                answer_error(l, error, message);
                lease_end(g);
                return;
        }
        log_lease(l, MESSAGE_GPU_LEASED, "begins");
        r = hand_out(l);
        if (r >= 0)
                return;
        (void) log_warning_errno(r, "%s: cannot hand it out to %s: %m", g->address, l->holder);
        answer_error(l, HOST_ERROR_WORKER_FAILED, "The descriptors could not be handed out.");
        lease_end(g);
}

void lease_drop(GpuObject *g) {
        char message[64];

        if (!g->lease)
                return;
        (void) snprintf(message, sizeof(message), "%s was unplugged.", g->address);
        answer_error(g->lease, HOST_ERROR_DEVICE_GONE, message);
        lease_end(g);
}

static int refuse_not_ready(const GpuObject *g, sd_bus_error *error) {
        return host_error_set(error, HOST_ERROR_NOT_READY,
                              "%s: expected a GPU that is ready, found one that is %s%s%s. Prepare it first: cocoonctl gpu "
                              "prepare --wait %s", g->address, gpu_state_to_string(g->state), g->message ? ": " : "",
                              g->message ?: "", g->address);
}

static void begin(GpuObject *g) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        g->lease->waits = false;
        r = g->state == GPU_READY ? gpu_job_request(g, WORKER_LEASE, NULL, &error) : refuse_not_ready(g, &error);
        if (r < 0) {
                answer_error(g->lease, error.name ?: HOST_ERROR_WORKER_FAILED, error.message);
                lease_end(g);
        }
        sd_bus_error_free(&error);
}

/* Whatever the holder did to it. */
static void check(GpuObject *g) {
        sd_bus_error error = SD_BUS_ERROR_NULL;

        if (gpu_job_request(g, WORKER_CHECK, NULL, &error) < 0) {
                gpu_object_set_state(g, GPU_FAILED, error.name ?: HOST_ERROR_WORKER_FAILED,
                                     error.message ?: "it could not be checked after a lease");
                gpu_object_save(g, NULL);
        }
        sd_bus_error_free(&error);
}

void lease_next(GpuObject *g) {
        if (g->lease && g->lease->waits)
                begin(g);
        else if (!g->lease && g->state == GPU_LEASED)
                check(g);
}

/* Nobody waits for the answer any more. */
static int on_caller_gone(sd_bus_track *track, void *userdata) {
        Lease *l = userdata;

        if (l->waits)
                lease_end(l->gpu);
        return 0;
}

static int make_pipe(Lease *l) {
        struct stat st;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        l->end = fds[0];
        (void) close(fds[1]);
        if (fstat(l->end, &st) < 0)
                return -errno;
        l->pipe = st.st_ino;
        return 0;
}

static int lease_new(GpuObject *g, const char *holder, Lease **ret) {
        _cleanup_(lease_freep) Lease *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        *l = (Lease){ .gpu = g, .end = -EBADF, .loan = { -EBADF, -EBADF }, .holder = strdup(holder) };
        if (!l->holder)
                return -ENOMEM;
        *ret = TAKE_PTR(l);
        return 0;
}

static int watch_caller(Lease *l, sd_bus_message *call) {
        int r;

        r = sd_bus_track_new(l->gpu->manager->bus, &l->caller, on_caller_gone, l);
        return r < 0 ? r : sd_bus_track_add_sender(l->caller, call);
}

static bool is_name(const char *holder) {
        size_t n = strlen(holder);

        for (size_t i = 0; i < n; i++)
                if (holder[i] < 0x20 || holder[i] > 0x7e)
                        return false;
        return n > 0 && n <= HOLDER_SIZE_MAX;
}

int lease_check(const GpuObject *g, const char *holder, sd_bus_error *error) {
        if (!is_name(holder))
                return host_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                      "holder: expected a name of 1 to 128 printable characters, such as that of a unit.");
        if (g->lease)
                return host_error_set(error, HOST_ERROR_IN_USE, "%s: expected nobody to have it, found that '%s' %s. Wait for "
                                      "its end, or take another GPU: cocoonctl gpu list", g->address, g->lease->holder,
                                      g->lease->call ? "has asked for it" : "has");
        /* One that is being looked at will be ready, as far as anybody knows. */
        if (g->state != GPU_READY && !(g->job && g->job->operation == WORKER_CHECK))
                return refuse_not_ready(g, error);
        return 0;
}

int lease_request(GpuObject *g, sd_bus_message *call, const char *holder, uid_t uid, sd_bus_error *error) {
        _cleanup_(lease_freep) Lease *l = NULL;
        int r;

        r = lease_check(g, holder, error);
        if (r >= 0)
                r = lease_new(g, holder, &l);
        if (r >= 0)
                r = make_pipe(l);
        if (r >= 0)
                r = watch_caller(l, call);
        if (r < 0)
                return r;
        l->uid = uid;
        l->call = sd_bus_message_ref(call);
        l->waits = true;
        g->lease = TAKE_PTR(l);
        if (!g->job)
                begin(g);
        return 1;
}

bool lease_resume(GpuObject *g, const char *holder, uint64_t pipe) {
        _cleanup_(lease_freep) Lease *l = NULL;
        int r;

        if (!holder)
                return false;
        r = lease_new(g, holder, &l);
        if (r >= 0) {
                l->pipe = pipe;
                l->end = lease_find(g->manager, g->address, pipe);
                r = l->end < 0 ? l->end : watch(l);
        }
        if (r < 0)
                return false;
        g->lease = TAKE_PTR(l);
        return true;
}
