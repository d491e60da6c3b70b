/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <string.h>

#include "attest/fetch-options.h"
#include "attest/gather.h"
#include "attest/options.h"
#include "attest/policy-file.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/io.h"
#include "basic/log.h"

static int read_policy(const Options *o, Policy **ret, char **ret_name) {
        Fault fault;
        int r;

        r = policy_file_read(o->policy, o->have_version ? o->version : CLAIMS_3_0, ret, ret_name, &fault);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                log_error("%s: %s: expected %s, found %s.", *ret_name, fault.what, fault.expected, fault.found);
        return r;
}

/* Rules about what nobody will ask can never be met: said at once, before any work. */
static int check_ocsp_rules(const Options *o, const Policy *policy, const char *name) {
        const char *rule = o->ocsp ? NULL : policy_ocsp_rule(policy);

        if (!rule)
                return 0;
        log_error("%s: has a rule for \"%s\", but --ocsp=off leaves it unset. Use --ocsp=require, or a policy without "
                  "such rules (such as --policy " POLICY_DIR "/attest_policy-no-ocsp.json).",
                  name, rule);
        return -EINVAL;
}

static int write_eat(const Options *o, const Verdict *v) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (!o->eat)
                return 0;
        r = eat_bundle(v->overall, v->devices, v->version, &text);
        if (r < 0)
                return log_error_errno(r, "Failed to make the token bundle: %m");
        r = write_file_atomic(o->eat, text, strlen(text), 0644);
        if (r < 0)
                log_error("Failed to write %s: %s", o->eat, read_file_strerror(r));
        return r;
}

/* A run that comes to no verdict must not leave the token of an earlier one. */
static int remove_old_eat(const Options *o) {
        int r;

        if (!o->eat)
                return 0;
        if (strcmp(o->eat, o->evidence) == 0) {
                log_error("--eat: expected a file to write, found the evidence itself.");
                return -EINVAL;
        }
        r = remove_file(o->eat);
        if (r < 0)
                log_error("Failed to replace %s: %s", o->eat, read_file_strerror(r));
        return r;
}

static int print(const Options *o, const Verdict *v, const Policy *policy, const char *policy_name) {
        int r = 0;

        if (o->json)
                r = verdict_print_json(v, stdout, policy_name, policy);
        else
                verdict_print(v, stdout, policy_name);
        /* A verdict that nobody could read is not given. */
        if (r < 0 || fflush(stdout) != 0)
                return log_error_errno(EIO, "Failed to print the verdict: %m");
        return 0;
}

static int get_appraisal(const Options *o, const EvidenceSet *set, GatherResult *ret) {
        FetchOptions fetch = o->fetch;
        const GatherOptions options = {
                .collateral = {
                        .anchors_dir = o->trust_anchors,
                        .rim_dirs = (const char *const *) o->rim_dirs,
                        .ocsp_dirs = (const char *const *) o->ocsp_dirs,
                        .ocsp = o->ocsp,
                        .device_time = o->device_time,
                        .rim_time = o->rim_time,
                },
                .bundle = o->bundle,
                .cache = o->cache,
                .max_age_usec = o->max_age,
                .fetch = o->online ? &fetch : NULL,
        };
        Fault fault = {};
        int r;

        fetch_options_start(&fetch);
        r = gather(set, o->have_nonce ? o->nonce : NULL, &options, ret, &fault);
        if (r < 0 && *fault.what)
                log_error("%s: expected %s, found %s.", fault.what, fault.expected, fault.found);
        else if (r < 0)
                return log_error_errno(r, "Failed to appraise: %m");
        else if (*ret->cache.found)
                log_warning("%s: expected %s, found %s.", ret->cache.what, ret->cache.expected, ret->cache.found);
        return r;
}

static int judge(const Options *o, const EvidenceSet *set, const Policy *policy, const char *policy_name) {
        _cleanup_(gather_result_done) GatherResult result = {};
        _cleanup_(verdict_done) Verdict verdict = {};
        ClaimsVersion version = o->have_version ? o->version : policy_claims_version(policy);
        int r;

        if (get_appraisal(o, set, &result) < 0)
                return EXIT_CONFIGURATION;
        r = verdict_reach(result.appraisal, policy, version, time(NULL), &verdict);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to reach a verdict: %m");
                return EXIT_CONFIGURATION;
        }
        if (write_eat(o, &verdict) < 0 || print(o, &verdict, policy, policy_name) < 0)
                return EXIT_CONFIGURATION;
        return (int) verdict.status;
}

/* Evidence that cannot be parsed is refused like evidence that does not hold. */
static int refuse_evidence(const Options *o, const Policy *policy, const char *policy_name, const Fault *fault) {
        if (o->json)
                (void) verdict_print_json_fault(stdout, policy_name, policy, fault);
        else
                (void) printf("%s: %s: expected %s, found %s\nverdict: REFUSED\n", o->evidence, fault->what,
                              fault->expected, fault->found);
        return EXIT_REFUSED;
}

static int verify(const Options *o) {
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        _cleanup_free_ char *policy_name = NULL;
        Fault fault;
        size_t size;
        int r;

        if (!o->evidence || o->n_operands > 0 || o->check) {
                log_error(o->check ? "--check belongs to inspect; see cocoon-attest --help." :
                                     "verify takes --evidence FILE and no other operand; see cocoon-attest --help.");
                return EXIT_CONFIGURATION;
        }
        if (remove_old_eat(o) < 0 || read_policy(o, &policy, &policy_name) < 0 ||
            check_ocsp_rules(o, policy, policy_name) < 0)
                return EXIT_CONFIGURATION;

        r = read_file_at(AT_FDCWD, o->evidence, EVIDENCE_FILE_MAX, &text, &size);
        if (r == -EFBIG) {
                (void) fault_set(&fault, EFBIG, "evidence file", "at most 2 MiB", "more");
                return refuse_evidence(o, policy, policy_name, &fault);
        }
        if (r < 0) {
                log_error("Failed to read evidence %s: %s", o->evidence, read_file_strerror(r));
                return EXIT_CONFIGURATION;
        }
        r = evidence_set_parse((const char *) text, size, &set, &fault);
        if (r == -ENOMEM) {
                (void) log_oom();
                return EXIT_CONFIGURATION;
        }
        if (r < 0)
                return refuse_evidence(o, policy, policy_name, &fault);
        return judge(o, set, policy, policy_name);
}

int verb_verify(int argc, char *argv[]) {
        return options_run(argc, argv, verify);
}
