/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/scene.h"

#include <string.h>
#include <sys/stat.h>

#include "sim/bytes.h"
#include "sim/must.h"
#include "sim/store.h"

static void add_rim(SimScene *s, SimDevice *d, SimRimKind kind) {
        char id[160];

        sim_rim_id(d, kind, id);
        for (size_t i = 0; i < s->n_rims; i++)
                if (strcmp(s->rims[i]->id, id) == 0)
                        return;
        s->rims[s->n_rims++] = sim_rim_new(d, kind);
}

static SimScene *make_scene(const char *dir, const SimModel *models, size_t n,
                            const uint8_t nonce[static SIM_NONCE_SIZE]) {
        SimScene *s = calloc(1, sizeof(*s));

        MUST(s && n <= SIM_SCENE_DEVICES_MAX);
        s->pki = sim_pki_open(dir);
        memcpy(s->nonce, nonce, sizeof(s->nonce));
        for (size_t i = 0; i < n; i++) {
                char name[64];
                SimDevice *d;

                (void) snprintf(name, sizeof(name), "device-%zu-%s", i, sim_model_to_string(models[i]));
                d = sim_device_open(s->pki, models[i], name);
                s->devices[s->n_devices++] = d;
                s->evidence[s->n_evidence++] = sim_evidence_of(d, nonce);
                if (d->arch != SIM_ARCH_LS10)
                        add_rim(s, d, SIM_RIM_DRIVER);
                add_rim(s, d, SIM_RIM_VBIOS);
        }
        sim_machine_connect(s->devices, s->n_devices);
        return s;
}

SimScene *sim_scene_new(const SimModel *models, size_t n, const uint8_t nonce[static SIM_NONCE_SIZE]) {
        return make_scene(NULL, models, n, nonce);
}

SimScene *sim_scene_free(SimScene *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_rims; i++)
                sim_rim_free(s->rims[i]);
        for (size_t i = 0; i < s->n_devices; i++)
                sim_device_free(s->devices[i]);
        sim_pki_free(s->pki);
        free(s);
        return NULL;
}

SimRim *sim_scene_rim(SimScene *s, SimRimKind kind) {
        return s->rims[kind == SIM_RIM_VBIOS && s->devices[0]->arch != SIM_ARCH_LS10];
}

/* The name of a directory in `dir`, made when it is not there. */
static int make_directory(const char *dir, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL;

        MUST(asprintf(&path, "%s%s%s", dir, *name ? "/" : "", name) >= 0);
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
                return -errno;
        *ret = TAKE_PTR(path);
        return 0;
}

static int write_evidence(const SimScene *s, const char *dir) {
        _cleanup_free_ char *text = sim_evidence_json(s->evidence, s->n_evidence, s->form);

        return sim_write_file(dir, "evidence.json", text, strlen(text));
}

static int write_anchors(const SimScene *s, const char *dir) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_directory(dir, "anchors", &path);
        if (r < 0)
                return r;
        return sim_pki_write_anchors(s->pki, path);
}

int sim_scene_open(const char *dir, const SimModel *models, size_t n, const uint8_t nonce[static SIM_NONCE_SIZE],
                   SimScene **ret) {
        _cleanup_(sim_scene_freep) SimScene *s = NULL;
        _cleanup_close_ int lock = -EBADF;
        int r;

        if (!dir) {
                *ret = sim_scene_new(models, n, nonce);
                return 0;
        }
        r = sim_store_open(dir, &lock);
        if (r < 0)
                return r;
        s = make_scene(dir, models, n, nonce);
        sim_pki_complete(s->pki);
        r = write_anchors(s, dir);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

static int write_rims(const SimScene *s, const char *dir) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_directory(dir, "rims", &path);
        if (r < 0)
                return r;
        for (size_t i = 0; i < s->n_rims; i++) {
                _cleanup_free_ char *xml = sim_rim_xml(s->rims[i]), *name = NULL;

                MUST(asprintf(&name, "%s.xml", s->rims[i]->id) >= 0);
                r = sim_write_file(path, name, xml, strlen(xml));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_ocsp(SimScene *s, const char *dir) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_directory(dir, "ocsp", &path);
        if (r < 0)
                return r;
        return sim_ocsp_write_all(s->pki, s->devices, s->n_devices, path);
}

int sim_scene_write(SimScene *s, const char *dir) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_directory(dir, "", &path);
        if (r < 0)
                return r;
        r = write_evidence(s, dir);
        if (r < 0)
                return r;
        r = write_anchors(s, dir);
        if (r < 0)
                return r;
        r = write_rims(s, dir);
        if (r < 0)
                return r;
        return write_ocsp(s, dir);
}
