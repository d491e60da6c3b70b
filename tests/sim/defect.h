/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Named defects: each makes a scene that a verifier has to refuse, and is wrong in that one way. */

#include "sim/scene.h"

#define SIM_DEFECT_TWEAKS 3U

/* Masks of models. */
#define SIM_ON(model) (1U << SIM_MODEL_##model)

enum {
        SIM_ON_ALL       = (1 << _SIM_MODEL_MAX) - 1,
        SIM_ON_SWITCH    = SIM_ON(LS10),
        SIM_ON_GPU       = SIM_ON_ALL & ~SIM_ON_SWITCH,
        SIM_ON_NVDAOD    = SIM_ON(HOPPER_NVDAOD),
        SIM_ON_LEGACY    = SIM_ON_ALL & ~SIM_ON_NVDAOD,
        SIM_ON_BLACKWELL = SIM_ON(BLACKWELL_575) | SIM_ON(BLACKWELL),
        SIM_ON_HOPPER    = SIM_ON_GPU & ~SIM_ON_BLACKWELL,
        SIM_ON_FWID      = SIM_ON_GPU & ~SIM_ON(HOPPER_EARLY),
        SIM_ON_FLAG      = SIM_ON(HOPPER) | SIM_ON(HOPPER_PPCIE) | SIM_ON(HOPPER_NVDAOD) | SIM_ON(BLACKWELL),
};

/* A field of SimReportTweaks, and what the first device's report has in it. */
typedef struct SimTweak {
        size_t offset;
        int value;
} SimTweak;

#define SIM_TWEAK(field, number) { offsetof(SimReportTweaks, field), number }

/* An OCSP answer about the first device that is not the good one. */
typedef struct SimOcspDefect {
        bool rim;       /* about its RIMs' chain */
        unsigned level; /* as in sim_ocsp_device() and sim_ocsp_rim() */
        SimOcspStatus status;
        const char *reason;
        SimResponder responder;
        const uint8_t *raw; /* five bytes instead of any answer */
        bool remove;        /* no answer at all */
        void (*spoil)(uint8_t *der, size_t *size);
} SimOcspDefect;

typedef struct SimDefect {
        const char *name, *description;
        unsigned models; /* that the first device must be one of */
        SimTweak tweaks[SIM_DEFECT_TWEAKS];
        size_t n_tweaks;
        void (*apply)(SimScene *s);   /* before anything is written */
        const SimOcspDefect *ocsp;    /* written over the good answer */
} SimDefect;

typedef struct SimDefectTable {
        const SimDefect *rows;
        size_t n;
} SimDefectTable;

extern const SimDefectTable sim_report_defects, sim_opaque_defects, sim_chain_defects, sim_rim_defects,
        sim_ocsp_defects;

/* NULL when there is none of that name. */
const SimDefect *sim_defect_find(const char *name);

/* The defects one after the other: NULL gives the first, NULL comes after the last. */
const SimDefect *sim_defect_next(const SimDefect *defect);

/* Whether the first device can have it. */
bool sim_defect_fits(const SimDefect *defect, const SimScene *s);

/* Makes the scene have it, which it must fit, but for OCSP answers. */
void sim_defect_apply(const SimDefect *defect, SimScene *s);

/* sim_scene_write() of a scene with the defect, which it must fit. */
int sim_defect_write(const SimDefect *defect, SimScene *s, const char *dir);
