/* SPDX-License-Identifier: Apache-2.0 */

#include "trial.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"
#include "sim/must.h"
#include "sim/ocsp.h"

char *trial_read(const char *path) {
        uint8_t *data;
        size_t size;

        MUST(read_file_at(AT_FDCWD, path, 4U * 1024 * 1024, &data, &size) >= 0);
        return (char *) data;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

Trial *trial_new(const SimModel *models) {
        Trial *s = calloc(1, sizeof(*s));

        MUST(s);
        (void) snprintf(s->dir, sizeof(s->dir), "/tmp/cocoon-trial-XXXXXX");
        MUST(mkdtemp(s->dir));
        MUST(RAND_bytes(s->nonce, sizeof(s->nonce)) == 1);
        s->version = CLAIMS_3_0;
        s->rim_dirs[0] = s->dir;
        s->pki = sim_pki_new(0);
        for (; *models != _SIM_MODEL_INVALID; models++) {
                size_t i = s->n_devices++;

                MUST(s->n_devices <= TRIAL_DEVICES_MAX);
                s->devices[i] = sim_device_new(s->pki, *models);
                s->evidence[i] = sim_evidence_of(s->devices[i], s->nonce);
        }
        sim_machine_connect(s->devices, s->n_devices);
        for (size_t i = 0; i < s->n_devices; i++) {
                if (s->devices[i]->arch != SIM_ARCH_LS10)
                        s->rims[i][SIM_RIM_DRIVER] = sim_rim_new(s->devices[i], SIM_RIM_DRIVER);
                s->rims[i][SIM_RIM_VBIOS] = sim_rim_new(s->devices[i], SIM_RIM_VBIOS);
        }
        return s;
}

static void forget_verdict(Trial *s) {
        verdict_done(&s->verdict);
        s->appraisal = appraisal_free(s->appraisal);
        s->collateral = collateral_free(s->collateral);
        s->set = evidence_set_free(s->set);
}

Trial *trial_free(Trial *s) {
        if (!s)
                return NULL;
        forget_verdict(s);
        for (size_t i = 0; i < s->n_devices; i++) {
                sim_rim_free(s->rims[i][SIM_RIM_DRIVER]);
                sim_rim_free(s->rims[i][SIM_RIM_VBIOS]);
                sim_device_free(s->devices[i]);
        }
        sim_pki_free(s->pki);
        (void) nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(s);
        return NULL;
}

void trial_answer_all(Trial *s) {
        (void) snprintf(s->answers, sizeof(s->answers), "%s/ocsp", s->dir);
        MUST(mkdir(s->answers, 0700) == 0);
        MUST(sim_ocsp_write_all(s->pki, s->devices, s->n_devices, s->answers) >= 0);
        s->ocsp_dir = s->answers;
}

static void write_rim(const Trial *s, const SimRim *rim) {
        _cleanup_free_ char *xml = sim_rim_xml(rim), *path = NULL;

        MUST(asprintf(&path, "%s/%s.xml", s->dir, rim->id) > 0);
        MUST(write_file_atomic(path, xml, strlen(xml), 0600) >= 0);
}

static void open_collateral(Trial *s) {
        time_t now = s->at > 0 ? s->at : time(NULL);
        const char *ocsp_dirs[] = { s->ocsp_dir, NULL };
        const CollateralOptions options = {
                .anchors_dir = s->dir,
                .rim_dirs = s->rim_dirs,
                .ocsp_dirs = s->ocsp_dir ? ocsp_dirs : NULL,
                .ocsp = s->ocsp_dir,
                .device_time = now,
                .rim_time = now,
        };
        Fault fault;

        MUST(sim_pki_write_anchors(s->pki, s->dir) >= 0);
        for (size_t i = 0; i < s->n_devices; i++)
                for (size_t k = 0; k < 2; k++)
                        if (s->rims[i][k])
                                write_rim(s, s->rims[i][k]);
        MUST(collateral_open(&options, &s->collateral, &fault) >= 0);
}

static bool has_check(const DeviceAppraisal *d, CheckId id) {
        bool gpu_only = (id >= CHECK_DRIVER_RIM && id < CHECK_VBIOS_RIM) || id == CHECK_NO_CONFLICT;

        return !gpu_only || !d->arch || !d->arch->is_switch;
}

static bool may_be_off(CheckId id) {
        return id == CHECK_CHAIN_OCSP || id == CHECK_DRIVER_RIM + RIM_OCSP || id == CHECK_VBIOS_RIM + RIM_OCSP ||
               id == CHECK_TOPOLOGY || id == CHECK_TOLD;
}

/* Bit n: a check is in state n. Those that a device does not have count only when they say something. */
static unsigned states_of(const DeviceAppraisal *d) {
        unsigned states = 0;

        for (CheckId id = 0; id < _CHECK_MAX; id++) {
                CheckState state = d->checks[id].state;

                if (state == CHECK_OFF && !may_be_off(id))
                        state = CHECK_NOT_RUN;
                if (has_check(d, id) || state != CHECK_NOT_RUN)
                        states |= 1U << state;
        }
        return states;
}

/* Says itself what the verdict must be, from nothing but the states of the checks. */
static bool is_consistent(const Trial *s) {
        const unsigned wrong = 1U << CHECK_FAILED, missing = 1U << CHECK_MISSING, not_run = 1U << CHECK_NOT_RUN;
        json_object *overall = json_object_object_get(s->verdict.overall, "x-nvidia-overall-att-result");
        bool good = true, policy_met = json_object_array_length(s->verdict.policy_failures) == 0;
        unsigned all = 0;

        for (size_t i = 0; i < s->appraisal->n_devices; i++) {
                unsigned states = states_of(&s->appraisal->devices[i]);

                good = good && s->appraisal->devices[i].accepted == !(states & (wrong | missing | not_run));
                all |= states;
        }
        good = good && s->appraisal->accepted == !(all & (wrong | missing | not_run));
        good = good && json_object_is_type(overall, json_type_boolean) &&
               (bool) json_object_get_boolean(overall) == s->appraisal->accepted;
        if (all & wrong)
                return good && s->verdict.status == EXIT_REFUSED;
        if (all & missing)
                return good && s->verdict.status == EXIT_COLLATERAL_MISSING;
        return good && s->verdict.status == (s->appraisal->accepted && policy_met ? EXIT_ACCEPTED : EXIT_REFUSED);
}

static void tell(const Trial *s) {
        for (size_t i = 0; i < s->set->n_items; i++)
                if (s->told[i]) {
                        s->set->items[i].told = malloc(sizeof(*s->told[i]));
                        MUST(s->set->items[i].told);
                        *s->set->items[i].told = *s->told[i];
                }
}

int trial_judge(Trial *s) {
        _cleanup_free_ char *json = sim_evidence_json(s->evidence, s->n_devices, SIM_FORM_CPP), *text = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        const char *rules = s->policy;
        Fault fault;

        forget_verdict(s);
        open_collateral(s);
        if (!rules)
                rules = text = trial_read(s->ocsp_dir ? SOURCE_ROOT "/policy/attest_policy.json"
                                                      : SOURCE_ROOT "/policy/attest_policy-no-ocsp.json");
        MUST(policy_parse(rules, strlen(rules), &policy, &fault) >= 0);
        if (evidence_set_parse(json, strlen(json), &s->set, &fault) < 0)
                return -1;
        tell(s);
        MUST(appraise(s->set, s->without_nonce ? NULL : s->nonce, s->collateral, &s->appraisal) >= 0);
        MUST(verdict_reach(s->appraisal, policy, s->version, time(NULL), &s->verdict) >= 0);
        if (is_consistent(s))
                return (int) s->verdict.status;
        (void) printf("# status %d, accepted %d, overall claim %s: not what the checks say\n", (int) s->verdict.status,
                      s->appraisal->accepted, json_object_to_json_string(s->verdict.overall));
        return -2;
}

json_object *trial_claims(const Trial *s, size_t index) {
        json_object *claims;
        char key[16];

        claims_device_key(s->appraisal, index, key);
        MUST(json_object_object_get_ex(s->verdict.devices, key, &claims));
        return claims;
}

const Check *trial_check(const Trial *s, size_t index, CheckId id) {
        return &s->appraisal->devices[index].checks[id];
}

static bool member_is(json_object *o, const char *key, const char *wanted) {
        json_object *value;

        return json_object_object_get_ex(o, key, &value) &&
               (!value || strcmp(json_object_get_string(value), wanted) == 0);
}

static bool says_no(json_object *value) {
        if (json_object_is_type(value, json_type_boolean))
                return !json_object_get_boolean(value);
        return json_object_is_type(value, json_type_object) &&
               json_object_object_get_ex(value, "x-nvidia-cert-status", NULL) &&
               !(member_is(value, "x-nvidia-cert-status", "valid") &&
                 member_is(value, "x-nvidia-cert-ocsp-status", "good"));
}

char *trial_false_claims(const Trial *s, size_t index) {
        bool compared = trial_check(s, index, CHECK_MEASUREMENTS)->state != CHECK_NOT_RUN;
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        const char *separator = "";

        MUST(f);
        json_object_object_foreach(trial_claims(s, index), key, value) {
                bool mismatch = compared && strcmp(key, "measres") == 0 &&
                                strcmp(json_object_get_string(value), "success") != 0;

                if (!mismatch && !says_no(value))
                        continue;
                (void) fprintf(f, "%s%s", separator, key);
                separator = " ";
        }
        MUST(fclose(f) == 0);
        return text;
}

char *trial_failed_checks(const Trial *s, size_t index) {
        const DeviceAppraisal *d = &s->appraisal->devices[index];
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        const char *separator = "";

        MUST(f);
        for (CheckId id = 0; id < _CHECK_MAX; id++) {
                if (d->checks[id].state != CHECK_FAILED && d->checks[id].state != CHECK_MISSING)
                        continue;
                (void) fprintf(f, "%s%s", separator, check_name(id, d->arch && d->arch->is_switch));
                separator = " ";
        }
        MUST(fclose(f) == 0);
        return text;
}
