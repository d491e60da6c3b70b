/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/verdict.h"

#include <string.h>

#include "basic/json.h"

static bool any_check(const Appraisal *a, CheckState state) {
        for (size_t i = 0; i < a->n_devices; i++)
                for (CheckId id = 0; id < _CHECK_MAX; id++)
                        if (a->devices[i].checks[id].state == state)
                                return true;
        return false;
}

/* What is wrong, the policy's own form included, outweighs what is missing; what is missing outweighs a policy that sees
 * its traces in the claims. */
static ExitStatus decide(const Appraisal *a, const Policy *policy, size_t n_policy_failures) {
        if (a->n_devices == 0 || any_check(a, CHECK_FAILED) || policy_check_form(policy, NULL) < 0)
                return EXIT_REFUSED;
        if (any_check(a, CHECK_MISSING))
                return EXIT_COLLATERAL_MISSING;
        return a->accepted && n_policy_failures == 0 ? EXIT_ACCEPTED : EXIT_REFUSED;
}

static int make_claims(const Appraisal *a, ClaimsVersion version, json_object *devices) {
        for (size_t i = 0; i < a->n_devices; i++) {
                json_object *claims;
                char key[16];
                int r;

                r = claims_of_device(&a->devices[i], version, &claims);
                if (r < 0)
                        return r;
                claims_device_key(a, i, key);
                r = json_add(devices, key, claims);
                if (r < 0)
                        return r;
        }
        return 0;
}

void verdict_done(Verdict *v) {
        json_object_putp(&v->overall);
        json_object_putp(&v->devices);
        json_object_putp(&v->policy_failures);
        *v = (Verdict){};
}

int verdict_reach(const Appraisal *a, const Policy *policy, ClaimsVersion version, time_t now, Verdict *ret) {
        _cleanup_(verdict_done) Verdict v = { .appraisal = a, .version = version };
        int r;

        v.devices = json_object_new_object();
        if (!v.devices)
                return -ENOMEM;
        r = make_claims(a, version, v.devices);
        if (r < 0)
                return r;
        r = eat_overall_claims(a, version, now, &v.overall);
        if (r < 0)
                return r;
        r = policy_evaluate(policy, v.overall, v.devices, &v.policy_failures);
        if (r < 0)
                return r;
        v.status = decide(a, policy, json_object_array_length(v.policy_failures));
        *ret = TAKE_STRUCT(v);
        return 0;
}

static const struct {
        const char *word, *color;
} state_words[] = {
        [CHECK_NOT_RUN] = { "not run", "\033[2m"    },
        [CHECK_PASSED]  = { "passed",  "\033[32m"   },
        [CHECK_FAILED]  = { "FAILED",  "\033[1;31m" },
        [CHECK_MISSING] = { "MISSING", "\033[1;33m" },
        [CHECK_OFF]     = { "off",     "\033[2m"    },
};

static void print_check(FILE *f, const Check *check, const char *name, bool color) {
        const Fault *fault = &check->fault;

        (void) fprintf(f, "  %s%-7s%s  %-26s  ", color ? state_words[check->state].color : "",
                       state_words[check->state].word, color ? "\033[0m" : "", name);
        if (check->state == CHECK_FAILED || check->state == CHECK_MISSING)
                (void) fprintf(f, "%s: expected %s, found %s\n", fault->what, fault->expected, fault->found);
        else if (check->state == CHECK_NOT_RUN)
                (void) fputs("what it needs was refused or missing\n", f);
        else
                (void) fprintf(f, "%s\n", fault->found);
}

static void print_device(FILE *f, const Appraisal *a, size_t index, bool color) {
        const DeviceAppraisal *d = &a->devices[index];
        bool is_switch = d->arch && d->arch->is_switch;
        char key[16];

        claims_device_key(a, index, key);
        (void) fprintf(f, "%s: %s%s%s%s%s%s%s\n", key, d->arch ? d->arch->name : "unknown architecture",
                       *d->identity.hwmodel ? ", " : "", d->identity.hwmodel, *d->driver_version ? ", driver " : "",
                       d->driver_version, *d->vbios_version ? ", VBIOS " : "", d->vbios_version);
        for (CheckId id = 0; id < _CHECK_MAX; id++)
                if (check_applies(id, is_switch))
                        print_check(f, &d->checks[id], check_name(id, is_switch), color);
}

static void print_policy(FILE *f, const Verdict *v, const char *name, bool color) {
        size_t n = json_object_array_length(v->policy_failures);

        (void) fprintf(f, "policy: %s\n", name);
        for (size_t i = 0; i < n; i++) {
                json_object *failure = json_object_array_get_idx(v->policy_failures, i);
                const char *device = "", *check = "", *expected = "", *found = "";

                (void) json_get_string(failure, "device", &device);
                (void) json_get_string(failure, "check", &check);
                (void) json_get_string(failure, "expected", &expected);
                (void) json_get_string(failure, "found", &found);
                (void) fprintf(f, "  %sFAILED%s   %s: %s: expected %s, found %s\n", color ? "\033[1;31m" : "",
                               color ? "\033[0m" : "", device, check, expected, found);
        }
        if (n == 0)
                (void) fprintf(f, "  %spassed%s   every rule is met\n", color ? "\033[32m" : "", color ? "\033[0m" : "");
}

static const char *const status_words[] = {
        [EXIT_ACCEPTED]           = "accepted",
        [EXIT_REFUSED]            = "REFUSED",
        [EXIT_CONFIGURATION]      = "REFUSED: configuration",
        [EXIT_COLLATERAL_MISSING] = "REFUSED: collateral is missing; nothing that is here was found wrong",
};

void verdict_print(const Verdict *v, FILE *f, const char *policy_name) {
        bool color = isatty(fileno(f));

        for (size_t i = 0; i < v->appraisal->n_devices; i++)
                print_device(f, v->appraisal, i, color);
        print_policy(f, v, policy_name, color);
        (void) fprintf(f, "verdict: %s\n", status_words[v->status]);
}

static const char *check_reason(const Verdict *v, CheckState state, char ret_device[static 16], Fault *ret_fault) {
        for (size_t i = 0; i < v->appraisal->n_devices; i++) {
                const DeviceAppraisal *d = &v->appraisal->devices[i];

                for (CheckId id = 0; id < _CHECK_MAX; id++) {
                        if (d->checks[id].state != state)
                                continue;
                        claims_device_key(v->appraisal, i, ret_device);
                        *ret_fault = d->checks[id].fault;
                        return check_name(id, d->arch && d->arch->is_switch);
                }
        }
        return NULL;
}

static const char *policy_reason(const Verdict *v, char ret_device[static 16], Fault *ret_fault) {
        const char *device = "", *check = "policy", *expected = "", *found = "";
        json_object *failure;

        if (json_object_array_length(v->policy_failures) == 0) {
                (void) fault_set(ret_fault, EPERM, "devices", "every check of every device passed", "others");
                return check;
        }
        failure = json_object_array_get_idx(v->policy_failures, 0);
        (void) json_get_string(failure, "device", &device);
        (void) json_get_string(failure, "check", &check);
        (void) json_get_string(failure, "expected", &expected);
        (void) json_get_string(failure, "found", &found);
        (void) snprintf(ret_device, 16, "%s", device);
        (void) fault_set(ret_fault, EPERM, "policy", expected, "%s", found);
        return check;
}

const char *verdict_reason(const Verdict *v, char ret_device[static 16], Fault *ret_fault) {
        const char *name;

        *ret_device = 0;
        if (v->status == EXIT_ACCEPTED)
                return NULL;
        name = check_reason(v, CHECK_FAILED, ret_device, ret_fault);
        if (!name && v->status == EXIT_COLLATERAL_MISSING)
                name = check_reason(v, CHECK_MISSING, ret_device, ret_fault);
        return name ?: policy_reason(v, ret_device, ret_fault);
}

static int add_fault(json_object *array, const char *check, const Fault *fault, bool missing) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_string(o, "check", check) < 0 || json_add_string(o, "what", fault->what) < 0 ||
            json_add_string(o, "expected", fault->expected) < 0 || json_add_string(o, "found", fault->found) < 0 ||
            json_add_bool(o, "missing-collateral", missing) < 0 || json_object_array_add(array, o) < 0)
                return -ENOMEM;
        TAKE_PTR(o);
        return 0;
}

static int device_json(const Verdict *v, size_t index, json_object **ret) {
        _cleanup_json_ json_object *failures = json_object_new_array(), *o = NULL;
        const DeviceAppraisal *d = &v->appraisal->devices[index];
        bool is_switch = d->arch && d->arch->is_switch;
        json_object *claims;
        char key[16];

        claims_device_key(v->appraisal, index, key);
        if (!failures || !json_object_object_get_ex(v->devices, key, &claims) ||
            json_object_deep_copy(claims, &o, NULL) < 0)
                return -ENOMEM;
        for (CheckId id = 0; id < _CHECK_MAX; id++) {
                const Check *check = &d->checks[id];

                if (check->state != CHECK_FAILED && check->state != CHECK_MISSING)
                        continue;
                if (add_fault(failures, check_name(id, is_switch), &check->fault, check->state == CHECK_MISSING) < 0)
                        return -ENOMEM;
        }
        if (json_add_string(o, "device", key) < 0 || json_add(o, "failures", TAKE_PTR(failures)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

static int devices_json(const Verdict *v, json_object **ret) {
        _cleanup_json_ json_object *devices = json_object_new_array();

        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < v->appraisal->n_devices; i++) {
                json_object *device;

                if (device_json(v, i, &device) < 0)
                        return -ENOMEM;
                if (json_object_array_add(devices, device) < 0) {
                        (void) json_object_put(device);
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(devices);
        return 0;
}

static int print_object(FILE *f, json_object *o) {
        const char *text = json_object_to_json_string_ext(
                o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

        if (!text)
                return -ENOMEM;
        (void) fprintf(f, "%s\n", text);
        return 0;
}

static int policy_json(json_object *failures, const char *name, const Policy *policy, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_bool(o, "result", failures && json_object_array_length(failures) == 0) < 0 ||
            json_add_string(o, "name", name) < 0 || json_add_string(o, "version", policy_version(policy)) < 0 ||
            json_add(o, "failures", failures ? json_object_get(failures) : json_object_new_array()) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

int verdict_print_json(const Verdict *v, FILE *f, const char *policy_name, const Policy *policy) {
        _cleanup_json_ json_object *o = json_object_new_object();
        json_object *devices, *rules;

        if (!o || json_add_bool(o, "result", v->status == EXIT_ACCEPTED) < 0 || devices_json(v, &devices) < 0 ||
            json_add(o, "devices", devices) < 0 || json_add(o, "overall", json_object_get(v->overall)) < 0 ||
            policy_json(v->policy_failures, policy_name, policy, &rules) < 0 || json_add(o, "policy", rules) < 0)
                return -ENOMEM;
        return print_object(f, o);
}

int verdict_print_json_fault(FILE *f, const char *policy_name, const Policy *policy, const Fault *fault) {
        _cleanup_json_ json_object *o = json_object_new_object(), *failures = json_object_new_array(),
                                   *overall = json_object_new_object();
        json_object *rules;

        if (!o || !failures || !overall || json_add_bool(o, "result", false) < 0 ||
            json_add(o, "devices", json_object_new_array()) < 0 ||
            json_add_bool(overall, "x-nvidia-overall-att-result", false) < 0 ||
            json_add(o, "overall", TAKE_PTR(overall)) < 0 || policy_json(NULL, policy_name, policy, &rules) < 0 ||
            json_add(o, "policy", rules) < 0 || add_fault(failures, "evidence", fault, false) < 0 ||
            json_add(o, "failures", TAKE_PTR(failures)) < 0)
                return -ENOMEM;
        return print_object(f, o);
}
