/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A simulated machine's evidence, and its manufacturer's services in a child process, as tests/sim serves them. What
 * cannot be set up ends the test program. */

#include "attest/gather.h"
#include "sim/scene.h"

#define SERVICES_RETRIES 1U

typedef struct Services {
        SimScene *scene;
        uint8_t nonce[SIM_NONCE_SIZE];
        EvidenceSet *set;
        pid_t pid;
        int input; /* it ends when this is closed */
        char dir[64], url[64];
} Services;

/* Of the models, up to _SIM_MODEL_INVALID; all is good. */
Services *services_new(const SimModel *models);
Services *services_free(Services *s);
DEFINE_CLEANUP_FUNC(Services *, services_free)

/* From now on they misbehave as this says (tests/sim/control.h), and their log starts anew. */
void services_control(const Services *s, const char *control);

/* Lines of the log that have both in them; NULL: any. */
size_t services_count(const Services *s, const char *needle, const char *other);

/* A path in the scratch directory. The caller's. */
char *services_path(const Services *s, const char *name);

/* What to ask them with: both URLs, http allowed, SERVICES_RETRIES, and `seconds` from now for everything. */
FetchOptions services_fetch(const Services *s, unsigned seconds);

/* What to judge with: their anchors, now, OCSP required; `fetch` may be NULL. */
GatherOptions services_options(const Services *s, const FetchOptions *fetch);
