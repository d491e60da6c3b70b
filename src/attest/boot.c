/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/boot.h"

#include <assert.h>
#include <string.h>

#include "attest/pci.h"
#include "attest/policy-file.h"
#include "attest/publish.h"
#include "attest/ready.h"
#include "attest/tdx.h"
#include "attest/tsm.h"
#include "basic/clock.h"
#include "basic/log.h"

#define EVENT_ATTESTED  "cocoon:gpu-attestation"
#define EVENT_WITHDRAWN "cocoon:gpu-attestation-withdrawn"
#define RTMR_OF_GUEST 3U

/* Undoing has its own time: a gate that ran out of it must still close. */
#define UNDO_USEC (10 * USEC_PER_SEC)

/* Every line that is wrong is logged, the first is the reason. */
static void note_configuration(const char *file, unsigned line, const char *message, void *userdata) {
        Boot *b = userdata;
        char where[16] = "";

        if (line > 0)
                (void) snprintf(where, sizeof(where), ":%u", line);
        log_error("%s%s: %s.", file, where, message);
        if (!*b->fault.what)
                (void) fault_set(&b->fault, EINVAL, "configuration", "settings that can be understood", "%s%s: %s", file,
                                 where, message);
}

static int read_policy(Boot *b) {
        int r;

        r = policy_file_read(b->config.policy, CLAIMS_3_0, &b->policy, &b->policy_name, &b->fault);
        if (r >= 0)
                r = policy_check_form(b->policy, &b->fault);
        if (r < 0 && r != -ENOMEM) {
                char found[sizeof(b->fault.found)];

                (void) snprintf(found, sizeof(found), "%s", b->fault.found);
                (void) snprintf(b->fault.found, sizeof(b->fault.found), "%.120s: %.120s", b->policy_name, found);
        }
        return r;
}

static int step_configuration(Boot *b) {
        int r;

        b->status = EXIT_CONFIGURATION;
        r = attest_config_load(b->root, &b->config, note_configuration, b);
        if (r >= 0)
                r = read_policy(b);
        if (r < 0)
                return r;
        b->status = EXIT_REFUSED;
        b->deadline_usec = b->started_usec + b->config.timeout_usec;
        b->wants = (SurveyWants){
                .gpus = b->config.gpus,
                .switches = b->config.switches,
                .with_switches = b->config.switches > 0,
                .device_timeout_usec = b->config.device_timeout_usec,
                .retries = b->config.device_retries,
                .deadline_usec = b->deadline_usec,
        };
        return 0;
}

/* What an earlier run left says nothing about this one. */
static int step_withdraw(Boot *b) {
        return publish_withdraw(b->root, &b->fault);
}

static int step_nonce(Boot *b) {
        int r;

        r = nonce_fresh(b->nonce);
        return r < 0 ? fault_set(&b->fault, r, "nonce", "randomness of the kernel", "%s", strerror(-r)) : 0;
}

static int step_survey(Boot *b) {
        int r;

        r = survey_take(&b->wants, &b->survey, &b->fault);
        return r < 0 ? r : survey_judge(b->survey, &b->wants, &b->fault);
}

static int step_clear(Boot *b) {
        return ready_state_set(false, b->deadline_usec, &b->fault);
}

static int step_collect(Boot *b) {
        return collect_evidence(b->survey, &b->wants, b->nonce, true, &b->evidence, &b->fault);
}

static void drop_verdict(Boot *b) {
        verdict_done(&b->verdict);
        gather_result_done(&b->gathered);
}

/* What could not be used, or kept, refuses nothing by itself; it explains what may be missing. */
static void note_sources(const GatherResult *g) {
        const Fault *const faults[] = { &g->bundle, &g->cache };

        for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                if (*faults[i]->found)
                        log_info("%s: expected %s, found %s.", faults[i]->what, faults[i]->expected, faults[i]->found);
}

static void add_source(GatherOptions *o, const AttestConfig *c, CollateralSource source, const FetchOptions *fetch) {
        switch (source) {
        case SOURCE_CACHE:
                o->cache = c->cache;
                break;
        case SOURCE_BUNDLE:
                /* The default is a disk that a host may attach. */
                o->bundle = c->bundle && (access(c->bundle, F_OK) == 0 || errno != ENOENT) ? c->bundle : NULL;
                break;
        case SOURCE_DIRECTORY:
                o->collateral.rim_dirs = (const char *const *) c->rim_dirs;
                o->collateral.ocsp_dirs = (const char *const *) c->ocsp_dirs;
                break;
        default:
                o->fetch = fetch;
        }
}

/* A cache that is asked only after the network is filled by it all the same. */
static int fill_cache(Boot *b, const GatherOptions *o) {
        _cleanup_(cache_freep) Cache *cache = NULL;
        int r;

        if (!o->fetch || o->cache || !b->config.cache || !attest_config_uses(&b->config, SOURCE_CACHE))
                return 0;
        r = cache_open(b->config.cache, &cache, &b->gathered.cache);
        if (r >= 0)
                r = cache_store(cache, b->gathered.collateral, &b->gathered.cache);
        return r == -ENOMEM ? r : 0;
}

/* With the sources [from, to) of the configured order. */
static int appraise_with(Boot *b, size_t from, size_t to) {
        const AttestConfig *c = &b->config;
        uint64_t fetch_deadline = monotonic_usec() + c->network_timeout_usec;
        const FetchOptions fetch = {
                .rim_url = c->rim_url,
                .ocsp_url = c->ocsp_url,
                .allow_http = c->allow_http,
                .require_nonce = c->ocsp_nonce,
                .deadline_usec = fetch_deadline < b->deadline_usec ? fetch_deadline : b->deadline_usec,
                .retries = c->network_retries,
                .service_key_file = c->service_key_file,
        };
        GatherOptions options = {
                .collateral = {
                        .anchors_dir = c->trust_anchors,
                        .ocsp = true,
                        .device_time = time(NULL),
                        .rim_time = time(NULL),
                },
                .bundle_optional = true,
                .max_age_usec = c->max_age_usec == UINT64_MAX ? 0 : c->max_age_usec,
        };
        int r;

        for (size_t i = from; i < to; i++)
                add_source(&options, c, c->sources.items[i], &fetch);
        drop_verdict(b);
        r = gather(b->evidence, b->nonce, &options, &b->gathered, &b->fault);
        if (r >= 0)
                r = fill_cache(b, &options);
        if (r < 0)
                return r;
        note_sources(&b->gathered);
        b->n_requests += b->gathered.n_requests;
        return verdict_reach(b->gathered.appraisal, b->policy, policy_claims_version(b->policy), time(NULL),
                             &b->verdict);
}

/* gather() asks sources from the nearest to the farthest. An order of another kind is asked in parts that are in that
 * order, for as long as something is missing. */
static int step_appraise(Boot *b) {
        const SourceOrder *order = &b->config.sources;
        size_t to;

        for (size_t from = 0; from < order->n_items; from = to) {
                int r;

                for (to = from + 1; to < order->n_items && order->items[to] > order->items[to - 1];)
                        to++;
                r = appraise_with(b, from, to);
                if (r < 0)
                        return r;
                if (b->verdict.status != EXIT_COLLATERAL_MISSING)
                        break;
        }
        return 0;
}

/* A bundle that is there and cannot be used is why something is missing. */
static const char *advise_on_missing(Boot *b) {
        const Fault *bundle = &b->gathered.bundle;

        if (!*bundle->found)
                return "Let the guest reach the services, or give it a fresh bundle (cocoon-attest bundle).";
        (void) snprintf(b->advice_text, sizeof(b->advice_text),
                        "The bundle cannot be used: expected %.160s, found %.200s. Give the guest a fresh one (cocoon-attest "
                        "bundle).",
                        bundle->expected, bundle->found);
        return b->advice_text;
}

static int step_decide(Boot *b) {
        assert(b->verdict.appraisal);
        if (b->verdict.status == EXIT_ACCEPTED)
                return 0;
        b->status = b->verdict.status;
        b->refused_check = verdict_reason(&b->verdict, b->refused_device, &b->fault);
        if (b->status == EXIT_COLLATERAL_MISSING)
                b->advice = advise_on_missing(b);
        else if (strcmp(b->fault.what, "policy") == 0)
                b->advice = "Give the guest a GPU that meets the policy, or another policy in its image.";
        return -EPERM;
}

static size_t count_gpus(const Survey *s) {
        size_t n = 0;

        for (size_t i = 0; i < s->n_devices; i++)
                n += !s->devices[i].is_switch;
        return n;
}

/* A GPU that the driver does not show was not attested, and may be shown later. */
static int check_bus(Boot *b) {
        PciCensus census;
        int r;

        r = pci_count_nvidia(b->root, &census, &b->fault);
        if (r < 0)
                return r;
        if (census.gpus > count_gpus(b->survey))
                return fault_set(&b->fault, EPERM, "PCI bus", "no GPU but those that the driver knows",
                                 "%u, the driver knows %zu", census.gpus, count_gpus(b->survey));
        return 0;
}

static int step_compare(Boot *b) {
        _cleanup_(survey_freep) Survey *again = NULL;
        int r;

        r = survey_take(&b->wants, &again, &b->fault);
        if (r >= 0)
                r = survey_compare(b->survey, again, &b->fault);
        return r < 0 ? r : check_bus(b);
}

static int publish_claims(Boot *b) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        int r;

        if (!f)
                return -ENOMEM;
        r = verdict_print_json(&b->verdict, f, b->policy_name, b->policy);
        if (fclose(f) != 0)
                r = -ENOMEM;
        if (r >= 0)
                r = publish_file(b->root, PUBLISHED_CLAIMS, text, size, &b->fault);
        free(text);
        return r;
}

static int step_publish(Boot *b) {
        _cleanup_free_ char *evidence = NULL;
        int r;

        r = eat_bundle(b->verdict.overall, b->verdict.devices, b->verdict.version, &b->eat);
        if (r < 0)
                return r;
        (void) SHA384((const uint8_t *) b->eat, strlen(b->eat), b->eat_digest);
        r = evidence_set_write(b->evidence, &evidence);
        if (r >= 0)
                r = publish_file(b->root, PUBLISHED_EVIDENCE, evidence, strlen(evidence), &b->fault);
        if (r >= 0)
                r = publish_claims(b);
        if (r >= 0)
                r = publish_file(b->root, PUBLISHED_EAT, b->eat, strlen(b->eat), &b->fault);
        return r;
}

static int measure(Boot *b, const char *event, const uint8_t digest[static RTMR_SIZE], Fault *f) {
        _cleanup_free_ char *log_path = publish_event_log_path(b->root);
        LogEvent e = { .rtmr = RTMR_OF_GUEST };

        if (!log_path)
                return -ENOMEM;
        (void) snprintf(e.name, sizeof(e.name), "%s", event);
        memcpy(e.digest, digest, RTMR_SIZE);
        return tdx_measure(b->root, log_path, &e, f);
}

static int step_measure(Boot *b) {
        int r;

        r = tdx_has_register(b->root, RTMR_OF_GUEST);
        if (r < 0)
                return fault_set(&b->fault, r, "TDX measurement register", "one that can be looked at", "%s",
                                 strerror(-r));
        if (r == 0 && b->config.require_tdx)
                return fault_set(&b->fault, ENODEV, "TDX measurement register",
                                 "one, because of RequireTDX=yes (a TDX guest, Linux 6.16 or newer)", "none");
        if (r == 0)
                return 0;
        r = measure(b, EVENT_ATTESTED, b->eat_digest, &b->fault);
        b->measured = r >= 0;
        return r;
}

static int fetch_quote(Boot *b, uint8_t **ret, size_t *ret_size) {
        uint8_t report_data[QUOTE_REPORT_DATA_SIZE] = {}, rtmr3[RTMR_SIZE];
        int r;

        memcpy(report_data, b->eat_digest, sizeof(b->eat_digest));
        r = tsm_get_quote(b->root, report_data, ret, ret_size, &b->fault);
        if (r >= 0 && b->measured)
                r = tdx_read_register(b->root, RTMR_OF_GUEST, rtmr3, &b->fault);
        return r < 0 ? r : quote_check(*ret, *ret_size, report_data, b->measured ? rtmr3 : NULL, &b->fault);
}

static int step_quote(Boot *b) {
        _cleanup_free_ uint8_t *quote = NULL;
        size_t size;
        int r;

        if (!b->config.bind_quote)
                return 0;
        r = tsm_available(b->root);
        if (r < 0)
                return fault_set(&b->fault, r, "TDX quote", "an interface that can be looked at", "%s", strerror(-r));
        if (r == 0)
                return b->config.require_tdx ?
                               fault_set(&b->fault, ENODEV, "TDX quote",
                                         "configfs-tsm, because of RequireTDX=yes and BindQuote=yes", "none") :
                               0;
        r = fetch_quote(b, &quote, &size);
        return r < 0 ? r : publish_file(b->root, PUBLISHED_QUOTE, quote, size, &b->fault);
}

static int step_ready(Boot *b) {
        return ready_state_set(true, b->deadline_usec, &b->fault);
}

/* In this order: nothing is decided before all is known, nobody is told before it is decided, and the GPUs hear of it
 * last. */
static const struct {
        const char *name;
        int (*run)(Boot *b);
        const char *advice;
} steps[] = {
        { "configuration", step_configuration, "Correct attest.conf(5) or the policy in the guest's image." },
        { "withdraw",      step_withdraw,      "Look at /run/cocoon." },
        { "nonce",         step_nonce,         "Look at the guest's kernel." },
        { "survey",        step_survey,
          "Check the GPUs' mode on the host (CC mode on, developer tools off), the number of GPUs that attest.conf(5) "
          "expects, and the NVIDIA driver in the guest." },
        { "clear",         step_clear,         "Reboot the guest: its GPUs' ready state cannot be changed." },
        { "collect",       step_collect,       "Reset the GPU on the host; if it stays, it is broken." },
        { "appraise",      step_appraise,      "Check TrustAnchors= and what [Collateral] names in attest.conf(5)." },
        { "decide",        step_decide,        "Do not trust this GPU before that is understood; the journal has every check." },
        { "compare",       step_compare,       "Give the guest its GPUs before it boots, and leave them alone." },
        { "publish",       step_publish,       "Look at /run/cocoon: is there space?" },
        { "measure",       step_measure,       "Start the guest as a TDX guest with Linux 6.16 or newer, or without RequireTDX=." },
        { "quote",         step_quote,         "Check the host's quote generation service, or do without BindQuote=." },
        { "ready",         step_ready,         "Reboot the guest: its GPUs' ready state cannot be changed." },
};
static_assert(ELEMENTSOF(steps) <= BOOT_STEPS_MAX, "times have a place for each step");

/* Whether the log ends in a measured attestation. A log that cannot be read may well. */
static bool is_attested(const char *log_path) {
        _cleanup_(event_log_done) EventLog log = {};
        int r;

        r = event_log_read(log_path, &log, NULL);
        if (r < 0)
                return r != -ENOENT;
        return log.n_events > 0 && strcmp(log.events[log.n_events - 1].name, EVENT_ATTESTED) == 0;
}

/* A register cannot be taken back, only gone on with: from then on a quote says that the attestation counts no more. */
static int measure_withdrawal(Boot *b, Fault *f) {
        _cleanup_free_ char *log_path = publish_event_log_path(b->root);
        uint8_t digest[RTMR_SIZE];

        if (!log_path)
                return -ENOMEM;
        if (!is_attested(log_path))
                return 0;
        (void) SHA384((const uint8_t *) EVENT_WITHDRAWN, strlen(EVENT_WITHDRAWN), digest);
        return measure(b, EVENT_WITHDRAWN, digest, f);
}

/* Everything is tried, whatever of it fails; the last failure is told. */
static int undo(Boot *b, Fault *f) {
        int r, ready, files;

        ready = ready_state_set(false, monotonic_usec() + UNDO_USEC, f);
        files = publish_withdraw(b->root, f);
        tsm_clean(b->root);
        r = measure_withdrawal(b, f);
        return ready < 0 ? ready : files < 0 ? files : r;
}

static void refuse(Boot *b, size_t step, int error) {
        Fault f = {};

        b->failed_step = steps[step].name;
        b->advice = b->advice ?: steps[step].advice;
        if (!*b->fault.what)
                (void) fault_set(&b->fault, error, steps[step].name, "to be done", "%s", strerror(-error));
        if (undo(b, &f) < 0)
                log_warning("Not everything could be undone: %s: expected %s, found %s.", f.what, f.expected, f.found);
}

ExitStatus boot_run(Boot *b, const char *root) {
        *b = (Boot){ .root = root, .status = EXIT_REFUSED, .started_usec = monotonic_usec() };
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                uint64_t started = monotonic_usec();
                int r = steps[i].run(b);

                b->step_usec[i] = monotonic_usec() - started;
                b->n_steps = i + 1;
                if (r < 0) {
                        refuse(b, i, r);
                        return b->status;
                }
        }
        b->status = EXIT_ACCEPTED;
        return b->status;
}

ExitStatus boot_withdraw(Boot *b, const char *root) {
        *b = (Boot){ .root = root, .started_usec = monotonic_usec() };
        b->status = undo(b, &b->fault) < 0 ? EXIT_REFUSED : EXIT_ACCEPTED;
        return b->status;
}

void boot_done(Boot *b) {
        drop_verdict(b);
        (void) evidence_set_free(b->evidence);
        (void) survey_free(b->survey);
        (void) policy_free(b->policy);
        free(b->policy_name);
        free(b->eat);
        attest_config_done(&b->config);
        *b = (Boot){};
}

char *boot_timing(const Boot *b) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < b->n_steps; i++)
                (void) fprintf(f, "%s%s %.1f ms", i > 0 ? ", " : "", steps[i].name, (double) b->step_usec[i] / 1000);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
