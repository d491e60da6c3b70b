/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The model images in a directory, which is watched, and what is known of each; org.cocoon.Host1.Model on the bus. */

#include <sys/types.h>
#include <time.h>

#include "hostd/manager.h"
#include "model/spec.h"

#define MODEL_STORE_DIR "/var/lib/cocoon/models"

typedef enum ModelState {
        MODEL_PARTIAL,   /* begun, and nobody is at it: the next build resumes it */
        MODEL_BUILDING,
        MODEL_READY,
        MODEL_VERIFYING,
        MODEL_CORRUPT,
        _MODEL_STATE_MAX,
} ModelState;

typedef struct ModelObject ModelObject;

/* Which file it is, and with which content, as far as that can be told without reading it. All zero: none. */
typedef struct ModelFile {
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec written, changed;
} ModelFile;

struct ModelObject {
        Manager *manager;
        ModelObject *next;
        char *path;     /* on the bus */
        ModelSpec spec; /* with a root hash once it is known */
        char *file;     /* name of the image, without a directory */
        uint64_t size;
        ModelState state;
        uint64_t verified_usec; /* CLOCK_REALTIME; 0: never */
        char *failure;          /* why it is corrupt */
        char **users;           /* units, or processes, that hold it */

        bool whole;     /* the image has its name */
        bool being_written, verifying;
        bool seen;      /* by the scan */
        bool announced; /* on the bus */
        ModelFile image, tree, hash, stamp; /* what was read of them is read again when they change */
        char *noted; /* by the last verification: why it is corrupt, or NULL */
        uint64_t noted_usec;
        bool hash_good;
};

typedef struct ModelStore {
        Manager *manager;
        char *directory;
        int fd;         /* of the directory; -EBADF when there is none */
        sd_event_source *inotify, *timer;
        bool rescan, full;
        dev_t device;   /* as /proc/locks has the file system */
        ModelObject *models;
        size_t n_models;
} ModelStore;

/* Begins to watch the directory, which may be made later than the daemon starts. */
int model_store_open(ModelStore *s);

int model_store_new(Manager *m, ModelStore **ret);
ModelStore *model_store_free(ModelStore *s);

/* Looks at everything now. Nothing of it waits for content. */
void model_store_refresh(ModelStore *s);

/* The image that a user names, NAME[@COMMIT[:ROOTHASH]]: 0, or an error in *error that says why there is none. */
int model_store_find(ModelStore *s, const char *text, ModelObject **ret, sd_bus_error *error);

/* The image of exactly this name and commit, or NULL. */
ModelObject *model_store_get(ModelStore *s, const ModelSpec *spec);

/* "ready", …. */
const char *model_state_to_string(ModelState state);

/* NAME@COMMIT, and with a root hash that too. Returns `ret`. */
#define MODEL_SPEC_TEXT_MAX (sizeof(ModelSpec) + 2 * ROOT_HASH_SIZE + 3)
char *model_spec_format(const ModelSpec *spec, bool root_hash, char ret[static MODEL_SPEC_TEXT_MAX]);

/* model-bus.c */
extern const sd_bus_vtable model_vtable[];
int model_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error);
int model_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
char *model_bus_path(const char *file);
int model_bus_build(sd_bus_message *message, void *userdata, sd_bus_error *error); /* methods of the manager */
int model_bus_get(sd_bus_message *message, void *userdata, sd_bus_error *error);

#define MODEL_INTERFACE "org.cocoon.Host1.Model"

/* model_bus_changed(o, "Property", …, NULL), once it is announced. */
#define model_bus_changed(o, ...)                                                                                        \
        ((o)->announced ? (void) sd_bus_emit_properties_changed((o)->manager->bus, (o)->path, MODEL_INTERFACE, __VA_ARGS__) \
                        : (void) 0)
