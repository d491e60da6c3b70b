/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/manager.h"

#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/gpu-object.h"
#include "hostd/job.h"
#include "hostd/lease.h"
#include "hostd/model-job.h"
#include "hostd/model-report.h"
#include "hostd/model-store.h"
#include "hostd/polkit.h"
#include "hostd/state.h"
#include "hostd/udev.h"
#include "hostd/worker.h"

static void report_problem(const char *file, unsigned line, const char *message, void *userdata) {
        sd_bus_error *first = userdata;
        char text[512];

        (void) snprintf(text, sizeof(text), "%s:%u: %s", file, line, message);
        log_warning("%s", make_printable(text));
        if (first && !sd_bus_error_is_set(first))
                (void) host_error_set(first, HOST_ERROR_INVALID_CONFIGURATION, "%s:%u: %s. The configuration is as before.",
                                         file, line, message);
}

static int load_configuration(Manager *m, sd_bus_error *error) {
        HostConfig config;
        int r;

        r = host_config_load(m->root, &config, report_problem, error);
        if (r < 0)
                return r;
        host_config_done(&m->config);
        m->config = config;
        return 0;
}

int manager_reload(Manager *m, sd_bus_error *error) {
        int r;

        (void) sd_notify(false, "RELOADING=1");
        r = load_configuration(m, error);
        (void) host_udev_rescan(m);
        model_store_refresh(m->models);
        (void) sd_notify(false, "READY=1");
        return r;
}

void manager_notify_status(Manager *m) {
        unsigned n[_GPU_STATE_MAX] = {}, total = 0;
        char text[160];
        int length;

        for (const GpuObject *g = m->gpus; g; g = g->next, total++)
                n[g->state]++;
        length = snprintf(text, sizeof(text), "%u GPU%s", total, total == 1 ? "" : "s");
        for (GpuState s = 0; s < _GPU_STATE_MAX; s++)
                if (n[s] > 0)
                        length += snprintf(text + length, sizeof(text) - (size_t) length, "%s%u %s",
                                           strchr(text, ':') ? ", " : ": ", n[s], gpu_state_to_string(s));
        (void) sd_notifyf(false, "STATUS=%s", text);
}

int manager_find_gpu(Manager *m, const char *text, GpuObject **ret, sd_bus_error *error) {
        char address[PCI_ADDRESS_SIZE];

        if (pci_address_parse(text, address) < 0)
                return host_error_set(error, HOST_ERROR_INVALID_ADDRESS,
                                         "'%.64s': expected a PCI address such as 0000:01:00.0 or 01:00.0.", text);
        for (int attempt = 0; attempt < 2; attempt++) {
                for (GpuObject *g = m->gpus; g; g = g->next)
                        if (strcmp(g->address, address) == 0) {
                                *ret = g;
                                return !g->forgotten ? 0 : host_error_set(error, HOST_ERROR_NO_SUCH_GPU,
                                                                          "%s was unplugged.", address);
                        }
                /* udev may not have told yet. */
                if (attempt == 0 && host_udev_probe(m, address, error) < 0)
                        break;
        }
        return sd_bus_error_is_set(error) ? -sd_bus_error_get_errno(error) : -ENODEV;
}

static int make_state_directory(Manager *m) {
        static const char *const parts[] = { "/var", "/var/lib", "/var/lib/cocoon", HOST_STATE_DIR };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                free(m->state_dir);
                if (asprintf(&m->state_dir, "%s%s", m->root, parts[i]) < 0) {
                        m->state_dir = NULL;
                        return log_oom();
                }
                if (mkdir(m->state_dir, i < 3 ? 0755 : 0700) < 0 && errno != EEXIST)
                        return log_error_errno(errno, "Cannot create %s: %m", m->state_dir);
        }
        return 0;
}

static int connect_bus(Manager *m) {
        int r;

        r = sd_bus_default_system(&m->bus);
        if (r < 0)
                return log_error_errno(r, "Cannot connect to the system bus: %m");
        r = manager_bus_export(m);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(m->bus, true);
        if (r >= 0)
                r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return log_error_errno(r, "Cannot export objects on the bus: %m");
        return 0;
}

static int start_models(Manager *m) {
        int r;

        r = model_store_new(m, &m->models);
        if (r >= 0)
                r = model_reports_new(m, &m->reports);
        if (r >= 0)
                r = model_jobs_start(m);
        if (r < 0)
                return log_error_errno(r, "Cannot set up models: %m");
        model_store_refresh(m->models);
        return 0;
}

int manager_start(Manager *m, const char *root, const char *worker) {
        int r;

        m->root = root;
        m->worker = worker;
        polkit_find_group(m);
        host_config_defaults(&m->config);
        if (load_configuration(m, NULL) < 0)
                log_warning("The configuration has mistakes, and is not used: defaults are, until it is reloaded.");
        r = make_state_directory(m);
        if (r < 0)
                return r;
        state_sweep(m);
        r = connect_bus(m);
        lease_keep_start(m);
        if (r >= 0)
                r = start_models(m);
        if (r >= 0)
                r = host_udev_start(m);
        if (r < 0)
                return r;
        lease_keep_done(m);
        state_drop_absent(m);
        /* Last: who finds the name finds the GPUs. */
        r = sd_bus_request_name(m->bus, HOST_BUS_NAME, 0);
        if (r < 0)
                return log_error_errno(r, "Cannot own " HOST_BUS_NAME " on the system bus: %m");
        return 0;
}

void manager_done(Manager *m) {
        while (m->queries)
                (void) polkit_query_free(m->queries);
        while (m->jobs)
                (void) job_free(m->jobs);
        (void) model_reports_free(m->reports);
        (void) model_store_free(m->models);
        while (m->gpus)
                (void) gpu_object_free(m->gpus);
        while (m->stuck) {
                Worker *w = m->stuck;

                m->stuck = worker_next_stuck(w);
                (void) worker_free(w);
        }
        (void) sd_event_source_disable_unref(m->monitor_source);
        if (m->monitor)
                (void) udev_monitor_unref(m->monitor);
        if (m->udev)
                (void) udev_unref(m->udev);
        (void) sd_bus_flush_close_unref(m->bus);
        host_config_done(&m->config);
        free(m->state_dir);
}
