/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/error.h"
#include "hostd/gpu-object.h"
#include "hostd/job.h"
#include "hostd/model-store.h"
#include "hostd/polkit.h"

#define MANAGER_INTERFACE "org.cocoon.Host1.Manager"

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

static int get_features(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                        void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "as", 2, "gpu", "model");
}

static int method_get_gpu(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *address;
        GpuObject *g;
        int r;

        r = sd_bus_message_read(message, "s", &address);
        if (r >= 0)
                r = manager_find_gpu(userdata, address, &g, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", g->path);
}

static int read_gpu(Manager *m, sd_bus_message *message, GpuObject **ret, sd_bus_error *error) {
        const char *address;
        int r;

        r = sd_bus_message_read(message, "s", &address);
        if (r >= 0)
                r = manager_find_gpu(m, address, ret, error);
        return r < 0 ? r : gpu_bus_read_flags(message, error);
}

static int begin(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        GpuObject *g;
        int r;

        r = read_gpu(m, message, &g, error);
        return r < 0 ? r : gpu_bus_begin(g, message, error);
}

static int reload(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        int r;

        r = manager_reload(m, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

static int method_begin(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        GpuObject *g;
        int r;

        r = read_gpu(userdata, message, &g, error);
        return r < 0 ? r : polkit_run(userdata, message, ACTION_MANAGE_GPUS, begin, error);
}

static int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return polkit_run(userdata, message, ACTION_MANAGE_GPUS, reload, error);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Features", "as", get_features, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD_WITH_ARGS("PrepareGPU", SD_BUS_ARGS("s", address, "t", flags), SD_BUS_RESULT("o", job),
                                method_begin, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RestoreGPU", SD_BUS_ARGS("s", address, "t", flags), SD_BUS_RESULT("o", job),
                                method_begin, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetGPU", SD_BUS_ARGS("s", address), SD_BUS_RESULT("o", gpu), method_get_gpu,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("BuildModel", SD_BUS_ARGS("s", spec, "a{sv}", options), SD_BUS_RESULT("o", job),
                                model_bus_build, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetModel", SD_BUS_ARGS("s", spec), SD_BUS_RESULT("o", model), model_bus_get,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", NULL, NULL, method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("u", id, "o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("u", id, "o", job, "s", result), 0),
        SD_BUS_VTABLE_END,
};

static const struct {
        const char *path, *interface;
        const sd_bus_vtable *vtable;
        sd_bus_object_find_t find;
        sd_bus_node_enumerator_t list;
} objects[] = {
        { HOST_BUS_PATH "/gpu", GPU_INTERFACE, gpu_vtable, gpu_bus_find, gpu_bus_list },
        { HOST_BUS_PATH "/model", MODEL_INTERFACE, model_vtable, model_bus_find, model_bus_list },
        { HOST_BUS_PATH "/job", JOB_INTERFACE, job_vtable, job_bus_find, job_bus_list },
};

int manager_bus_export(Manager *m) {
        int r;

        r = sd_bus_add_object_manager(m->bus, NULL, HOST_BUS_PATH);
        if (r >= 0)
                r = sd_bus_add_object_vtable(m->bus, NULL, HOST_BUS_PATH, MANAGER_INTERFACE, manager_vtable, m);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(objects); i++) {
                r = sd_bus_add_fallback_vtable(m->bus, NULL, objects[i].path, objects[i].interface, objects[i].vtable,
                                               objects[i].find, m);
                if (r >= 0)
                        r = sd_bus_add_node_enumerator(m->bus, NULL, objects[i].path, objects[i].list, m);
        }
        return r;
}
