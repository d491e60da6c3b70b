/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "basic/hex.h"
#include "hostd/error.h"
#include "hostd/model-job.h"
#include "hostd/model-store.h"
#include "hostd/polkit.h"

#define MODEL_PREFIX HOST_BUS_PATH "/model"

char *model_bus_path(const char *file) {
        _cleanup_free_ char *name = strndup(file, strlen(file) - strlen(".tar"));
        char *path;

        return !name || sd_bus_path_encode(MODEL_PREFIX, name, &path) < 0 ? NULL : path;
}

int model_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error) {
        Manager *m = userdata;

        for (ModelObject *o = m->models->models; o; o = o->next)
                if (strcmp(o->path, path) == 0) {
                        *ret = o;
                        return 1;
                }
        return 0;
}

int model_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        Manager *m = userdata;
        _cleanup_(strv_freep) char **paths = NULL;

        for (const ModelObject *o = m->models->models; o; o = o->next)
                if (strv_append(&paths, strdup(o->path)) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(paths);
        return 0;
}

static int get_name(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;

        return sd_bus_message_append(reply, "s", o->spec.name);
}

static int get_commit(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;

        return sd_bus_message_append(reply, "s", o->spec.commit);
}

static int get_root_hash(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                         void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;
        char hex[2 * ROOT_HASH_SIZE + 1] = "";

        if (o->spec.has_root_hash)
                (void) hex_encode(o->spec.root_hash, ROOT_HASH_SIZE, hex);
        return sd_bus_message_append(reply, "s", hex);
}

static int get_spec(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;
        char text[MODEL_SPEC_TEXT_MAX];

        return sd_bus_message_append(reply, "s", model_spec_format(&o->spec, true, text));
}

static int get_path(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;
        _cleanup_free_ char *file = NULL;

        if (asprintf(&file, "%s/%s%s", o->manager->models->directory, o->file,
                     strcmp(property, "VerityPath") == 0 ? ".verity" : "") < 0) {
                file = NULL;
                return -ENOMEM;
        }
        return sd_bus_message_append(reply, "s", file);
}

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;

        return sd_bus_message_append(reply, "s", model_state_to_string(o->state));
}

static int get_failure(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;

        return sd_bus_message_append(reply, "(ss)", o->failure ? HOST_ERROR_HASH_MISMATCH : "", o->failure ?: "");
}

static int get_users(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error) {
        const ModelObject *o = userdata;

        return sd_bus_message_append_strv(reply, o->users);
}

static int refuse_option(sd_bus_message *message, sd_bus_error *error) {
        const char *option;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'e', "sv");
        if (r <= 0)
                return r;
        r = sd_bus_message_read(message, "s", &option);
        return r < 0 ? r : host_error_set(error, HOST_ERROR_INVALID_OPTION,
                                          "Options: expected none, found '%s'. None are defined yet.", option);
}

static int read_build(sd_bus_message *message, ModelSpec *ret, sd_bus_error *error) {
        const char *text;
        Fault fault;
        int r;

        r = sd_bus_message_read(message, "s", &text);
        if (r >= 0)
                r = refuse_option(message, error);
        if (r < 0 || model_spec_parse(text, ret, &fault) >= 0)
                return r;
        return host_error_set(error, HOST_ERROR_INVALID_SPECIFICATION, "%s: expected %s, found %s.", fault.what, fault.expected,
                              fault.found);
}

static int build(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        ModelSpec spec;
        ModelJob *j;
        int r;

        r = read_build(message, &spec, error);
        if (r >= 0)
                r = model_job_request(m, MODEL_BUILD, &spec, &j, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", j->base.path);
}

int model_bus_build(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        ModelSpec spec;
        int r;

        r = read_build(message, &spec, error);
        return r < 0 ? r : polkit_run(userdata, message, ACTION_MANAGE_MODELS, build, error);
}

int model_bus_get(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        const char *text;
        ModelObject *o;
        int r;

        r = sd_bus_message_read(message, "s", &text);
        if (r >= 0)
                r = model_store_find(m->models, text, &o, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", o->path);
}

/* It is looked up again: it may be gone by the time that a permission is there. */
static ModelObject *look_up(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        void *o;

        model_store_refresh(m->models);
        if (model_bus_find(m->bus, sd_bus_message_get_path(message), NULL, m, &o, NULL) > 0)
                return o;
        (void) host_error_set(error, SD_BUS_ERROR_UNKNOWN_OBJECT, "The model is gone.");
        return NULL;
}

/* An image, as the units for it know it. */
static ModelSpec without_root_hash(const ModelObject *o) {
        ModelSpec spec = o->spec;

        spec.has_root_hash = false;
        return spec;
}

static int verify(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        ModelObject *o = look_up(m, message, error);
        ModelSpec spec;
        ModelJob *j;
        int r;

        if (!o)
                return -ENXIO;
        if (!o->whole)
                return host_error_set(error, HOST_ERROR_NO_SUCH_MODEL, "%s@%s: expected a finished image, found a %s one. "
                                      "Build it first.", o->spec.name, o->spec.commit, model_state_to_string(o->state));
        spec = without_root_hash(o);
        r = model_job_request(m, MODEL_VERIFY, &spec, &j, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", j->base.path);
}

/* Refused at once as far as it is known now; whoever begins to use it meanwhile is noticed by the unit. */
static int refuse_removal(Manager *m, const ModelObject *o, const ModelSpec *spec, sd_bus_error *error) {
        ModelJob *j = model_job_find_any(m, spec);

        if (o->users && o->users[0])
                return host_error_set(error, HOST_ERROR_IN_USE, "%s@%s: expected nobody to use it, found %s%s. Stop that first.",
                                      o->spec.name, o->spec.commit, o->users[0], o->users[1] ? " and others" : "");
        if (o->being_written)
                return host_error_set(error, HOST_ERROR_BUSY, "%s@%s is being built. Wait for that, or cancel it.",
                                      o->spec.name, o->spec.commit);
        if (j)
                return host_error_set(error, HOST_ERROR_BUSY, "%s: job %u (%s) is at work on it. Wait for it, or cancel it.",
                                      j->base.subject, j->base.id, j->base.kind);
        return 0;
}

static int remove_model(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        ModelObject *o = look_up(m, message, error);
        ModelSpec spec;
        ModelJob *j;
        int r;

        if (!o)
                return -ENXIO;
        spec = without_root_hash(o);
        r = refuse_removal(m, o, &spec, error);
        if (r >= 0)
                r = model_job_request(m, MODEL_REMOVE, &spec, &j, error);
        if (r < 0)
                return r;
        j->answer = sd_bus_message_ref(message);
        return 1;
}

static int method_verify(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        ModelObject *o = userdata;

        return polkit_run(o->manager, message, ACTION_MANAGE_MODELS, verify, error);
}

static int method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        ModelObject *o = userdata;

        return polkit_run(o->manager, message, ACTION_MANAGE_MODELS, remove_model, error);
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable model_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_name, 0, CONST),
        SD_BUS_PROPERTY("Commit", "s", get_commit, 0, CONST),
        SD_BUS_PROPERTY("RootHash", "s", get_root_hash, 0, EMITS),
        SD_BUS_PROPERTY("Spec", "s", get_spec, 0, EMITS),
        SD_BUS_PROPERTY("ImagePath", "s", get_path, 0, CONST),
        SD_BUS_PROPERTY("VerityPath", "s", get_path, 0, CONST),
        SD_BUS_PROPERTY("Size", "t", NULL, offsetof(ModelObject, size), EMITS),
        SD_BUS_PROPERTY("State", "s", get_state, 0, EMITS),
        SD_BUS_PROPERTY("Failure", "(ss)", get_failure, 0, EMITS),
        SD_BUS_PROPERTY("VerifiedUSec", "t", NULL, offsetof(ModelObject, verified_usec), EMITS),
        SD_BUS_PROPERTY("Users", "as", get_users, 0, EMITS),
        SD_BUS_METHOD_WITH_ARGS("Verify", NULL, SD_BUS_RESULT("o", job), method_verify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Remove", NULL, NULL, method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
