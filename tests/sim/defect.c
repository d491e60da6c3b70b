/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/defect.h"

#include <string.h>

#include "sim/bytes.h"
#include "sim/must.h"

static const SimDefectTable *const tables[] = {
        &sim_report_defects, &sim_opaque_defects, &sim_chain_defects, &sim_rim_defects, &sim_ocsp_defects,
};

const SimDefect *sim_defect_next(const SimDefect *defect) {
        bool found = !defect;

        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (size_t k = 0; k < tables[i]->n; k++) {
                        if (found)
                                return &tables[i]->rows[k];
                        found = &tables[i]->rows[k] == defect;
                }
        return NULL;
}

const SimDefect *sim_defect_find(const char *name) {
        const SimDefect *d = NULL;

        while ((d = sim_defect_next(d)))
                if (strcmp(d->name, name) == 0)
                        break;
        return d;
}

bool sim_defect_fits(const SimDefect *defect, const SimScene *s) {
        return defect->models & 1U << s->devices[0]->model;
}

static void apply_tweaks(const SimDefect *defect, SimReportTweaks *tweaks) {
        for (size_t i = 0; i < defect->n_tweaks; i++) {
                int *field = (int *) (void *) ((char *) tweaks + defect->tweaks[i].offset);

                *field = defect->tweaks[i].value;
        }
}

static int write_answer(SimScene *s, const SimOcspDefect *defect, const SimOcspSpec *spec, const char *dir,
                        const char *name) {
        _cleanup_free_ uint8_t *der = NULL;
        size_t size;
        int r;

        if (defect->raw)
                return sim_write_file(dir, name, defect->raw, sizeof(sim_ocsp_unauthorized));
        r = sim_ocsp_answer(s->pki, spec, &der, &size);
        if (r < 0)
                return r;
        if (defect->spoil)
                defect->spoil(der, &size);
        return sim_write_file(dir, name, der, size);
}

static int replace_answer(SimScene *s, const SimOcspDefect *defect, const char *dir) {
        SimOcspSpec spec = (defect->rim ? sim_ocsp_rim : sim_ocsp_device)(s->devices[0], defect->level);
        _cleanup_free_ char *ocsp = NULL, *path = NULL;
        char name[64];

        spec.status = defect->status;
        spec.reason = defect->reason;
        spec.responder = defect->responder;
        sim_ocsp_file_name(&spec, name);
        MUST(asprintf(&ocsp, "%s/ocsp", dir) >= 0 && asprintf(&path, "%s/%s", ocsp, name) >= 0);
        if (defect->remove)
                return unlink(path) < 0 ? -errno : 0;
        return write_answer(s, defect, &spec, ocsp, name);
}

void sim_defect_apply(const SimDefect *defect, SimScene *s) {
        MUST(sim_defect_fits(defect, s));
        apply_tweaks(defect, &s->evidence[0].tweaks);
        if (defect->apply)
                defect->apply(s);
}

int sim_defect_write(const SimDefect *defect, SimScene *s, const char *dir) {
        int r;

        sim_defect_apply(defect, s);
        r = sim_scene_write(s, dir);
        if (r < 0 || !defect->ocsp)
                return r;
        return replace_answer(s, defect->ocsp, dir);
}
