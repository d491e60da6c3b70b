/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Everything that one attestation needs, in memory and then as files: devices, their evidence, the RIMs of their
 * firmware, trust anchors and OCSP answers. All of it is open to change before it is written. */

#include "sim/evidence.h"
#include "sim/ocsp.h"
#include "sim/rim.h"

#define SIM_SCENE_DEVICES_MAX 64U
#define SIM_SCENE_RIMS_MAX    (2 * SIM_SCENE_DEVICES_MAX)

typedef struct SimScene {
        SimPki *pki;
        uint8_t nonce[SIM_NONCE_SIZE];
        SimDevice *devices[SIM_SCENE_DEVICES_MAX];
        size_t n_devices;
        SimEvidence evidence[SIM_SCENE_DEVICES_MAX + 1]; /* one for each device, and room for one more */
        size_t n_evidence;
        SimRim *rims[SIM_SCENE_RIMS_MAX];                /* each id once, the first device's first */
        size_t n_rims;
        SimEvidenceForm form;
} SimScene;

/* One machine of the named models, all of it good. */
SimScene *sim_scene_new(const SimModel *models, size_t n, const uint8_t nonce[static SIM_NONCE_SIZE]);

/* The same, with keys, certificates and devices that are kept in `dir` (may be NULL), or made now and kept there, for
 * each place in the machine and model; and DIR/anchors with the two roots. 0 or a negative errno. */
int sim_scene_open(const char *dir, const SimModel *models, size_t n, const uint8_t nonce[static SIM_NONCE_SIZE],
                   SimScene **ret);

SimScene *sim_scene_free(SimScene *s);
DEFINE_CLEANUP_FUNC(SimScene *, sim_scene_free)

/* The first device's RIM; a switch has only SIM_RIM_VBIOS. */
SimRim *sim_scene_rim(SimScene *s, SimRimKind kind);

/* Writes evidence.json, anchors/, rims/ID.xml and ocsp/SERIAL.der into `dir`, which is made when it is not there. 0
 * or the errno of writing or of sim_ocsp_write_all(). */
int sim_scene_write(SimScene *s, const char *dir);
