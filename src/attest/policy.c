/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/policy.h"

#include <string.h>

#include "basic/json.h"

#define JSON_DEPTH_MAX  16
#define JSON_VALUES_MAX 8192U

#define FAILURES_MAX     256U
#define FAILURE_TEXT_MAX 512U

struct Policy {
        json_object *root;
        json_object *rules; /* borrowed from root, like the two below; NULL when absent */
        json_object *overall, *detached;
};

Policy *policy_free(Policy *p) {
        if (!p)
                return NULL;
        json_object_putp(&p->root);
        free(p);
        return NULL;
}

int policy_parse(const char *text, size_t size, Policy **ret, Fault *ret_fault) {
        _cleanup_(policy_freep) Policy *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        if (size > POLICY_FILE_MAX)
                return fault_set(ret_fault, EBADMSG, "policy", "at most 256 KiB", "%zu bytes", size);
        r = json_parse(text, size, JSON_DEPTH_MAX, JSON_VALUES_MAX, &p->root);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fault_set(ret_fault, EBADMSG, "policy", "one JSON object",
                                 "text that is not JSON, or in which an object has a key twice");
        if (json_get_object(p->root, "authorization-rules", &p->rules) >= 0) {
                (void) json_get_object(p->rules, "overall-claims", &p->overall);
                (void) json_get_object(p->rules, "detached-claims", &p->detached);
        }
        *ret = TAKE_PTR(p);
        return 0;
}

static int check_members(json_object *o, const char *const *known, size_t n_known, const char *where, Fault *f) {
        json_object_object_foreach(o, key, value) {
                bool found = false;

                (void) value;
                for (size_t i = 0; i < n_known; i++)
                        found = found || strcmp(key, known[i]) == 0;
                if (!found)
                        return fault_set(f, EBADMSG, where, "known sections alone", "\"%.64s\"", key);
        }
        return 0;
}

/* An empty object among the rules would be met by anything. */
static int check_rules(json_object *rules, const char *where, Fault *f) {
        if (!rules || json_object_object_length(rules) == 0)
                return fault_set(f, EBADMSG, where, "an object with rules", rules ? "an empty one" : "none");
        json_object_object_foreach(rules, key, value) {
                if (json_object_is_type(value, json_type_object)) {
                        char inner[64];
                        int r;

                        (void) snprintf(inner, sizeof(inner), "policy: %.50s", key);
                        r = check_rules(value, inner, f);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int policy_check_form(const Policy *p, Fault *ret_fault) {
        static const char *const root_members[] = { "version", "authorization-rules" };
        static const char *const rule_members[] = { "type", "overall-claims", "detached-claims" };
        const char *type;
        int r;

        if (!json_object_is_type(p->root, json_type_object) || !p->rules)
                return fault_set(ret_fault, EBADMSG, "policy", "an object with \"authorization-rules\"", "none");
        r = check_members(p->root, root_members, ELEMENTSOF(root_members), "policy", ret_fault);
        if (r < 0)
                return r;
        r = check_members(p->rules, rule_members, ELEMENTSOF(rule_members), "policy: authorization-rules", ret_fault);
        if (r < 0)
                return r;
        if (json_get_string(p->rules, "type", &type) < 0 || strcmp(type, "JWT") != 0)
                return fault_set(ret_fault, EBADMSG, "policy: type", "\"JWT\"", "something else or nothing");
        r = check_rules(p->overall, "policy: overall-claims", ret_fault);
        if (r < 0)
                return r;
        return check_rules(p->detached, "policy: detached-claims", ret_fault);
}

const char *policy_version(const Policy *p) {
        const char *version;

        return json_get_string(p->root, "version", &version) >= 0 ? version : "";
}

ClaimsVersion policy_claims_version(const Policy *p) {
        ClaimsVersion version = _CLAIMS_VERSION_INVALID;
        const char *text;

        if (p->overall && json_get_string(p->overall, "x-nvidia-ver", &text) >= 0)
                version = claims_version_from_string(text);
        return version == _CLAIMS_VERSION_INVALID ? CLAIMS_3_0 : version;
}

static const char *find_ocsp_rule(json_object *rules) {
        if (!rules)
                return NULL;
        json_object_object_foreach(rules, key, value) {
                const char *inner = json_object_is_type(value, json_type_object) ? find_ocsp_rule(value) : NULL;

                /* A rule for null is met by what is unset. */
                if (inner || (value && claims_name_is_ocsp(key)))
                        return inner ?: key;
        }
        return NULL;
}

const char *policy_ocsp_rule(const Policy *p) {
        return find_ocsp_rule(p->detached) ?: find_ocsp_rule(p->overall);
}

typedef struct Evaluation {
        const char *device;
        json_object *failures;
} Evaluation;

/* The beginning of a text that may be as long as a policy. */
static int add_text(json_object *o, const char *key, const char *text) {
        char beginning[FAILURE_TEXT_MAX];

        (void) snprintf(beginning, sizeof(beginning), "%s", text);
        return json_add_string(o, key, beginning);
}

static const char *value_text(json_object *value) {
        return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* A policy may have thousands of rules, and a machine 64 devices: enough is told to act on, in bounded memory. */
static int add_failure(Evaluation *e, const char *claim, const char *expected, const char *found) {
        size_t n = json_object_array_length(e->failures);
        _cleanup_json_ json_object *o = NULL;

        if (n >= FAILURES_MAX)
                return 0;
        if (n + 1 == FAILURES_MAX) {
                claim = "further rules";
                expected = "to be met";
                found = "more failures than are listed here";
        }
        o = json_object_new_object();
        if (!o || json_add_string(o, "device", e->device) < 0 || add_text(o, "check", claim) < 0 ||
            add_text(o, "expected", expected) < 0 || add_text(o, "found", found) < 0)
                return -ENOMEM;
        if (json_object_array_add(e->failures, o) < 0)
                return -ENOMEM;
        TAKE_PTR(o);
        return 0;
}

static bool is_number(json_object *o) {
        return json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double) ||
               json_object_is_type(o, json_type_boolean);
}

static double number_of(json_object *o) {
        return json_object_is_type(o, json_type_boolean) ? json_object_get_boolean(o) : json_object_get_double(o);
}

static bool values_equal(json_object *a, json_object *b);

static bool lists_equal(json_object *a, json_object *b) {
        size_t n = json_object_array_length(a);

        if (json_object_array_length(b) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!values_equal(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
                        return false;
        return true;
}

/* As Python compares, which NVIDIA's SDK is written in: true, 1 and 1.0 are one number, and no string is one. */
static bool values_equal(json_object *a, json_object *b) {
        if (is_number(a) && is_number(b) && json_object_get_type(a) != json_object_get_type(b)) {
                double x = number_of(a), y = number_of(b);

                return x >= y && x <= y;
        }
        if (json_object_get_type(a) != json_object_get_type(b))
                return false;
        return json_object_is_type(a, json_type_array) ? lists_equal(a, b) : json_object_equal(a, b);
}

typedef bool (*RuleFilter)(const char *name, bool is_switch);

static int compare_rules(Evaluation *e, const char *prefix, json_object *rules, json_object *claims,
                         RuleFilter applies, bool is_switch);

static int compare_rule(Evaluation *e, const char *name, json_object *rule, json_object *claims, const char *key) {
        json_object *claim;

        if (!json_object_object_get_ex(claims, key, &claim))
                return add_failure(e, name, value_text(rule), "no such claim");
        if (json_object_is_type(rule, json_type_object) && json_object_is_type(claim, json_type_object))
                return compare_rules(e, name, rule, claim, NULL, false);
        if (!values_equal(rule, claim))
                return add_failure(e, name, value_text(rule), value_text(claim));
        return 0;
}

static int compare_rules(Evaluation *e, const char *prefix, json_object *rules, json_object *claims,
                         RuleFilter applies, bool is_switch) {
        json_object_object_foreach(rules, key, rule) {
                _cleanup_free_ char *name = NULL;
                int r;

                if (applies && !applies(key, is_switch))
                        continue;
                if (asprintf(&name, "%s%s%s", prefix, *prefix ? "." : "", key) < 0)
                        return -ENOMEM;
                r = compare_rule(e, name, rule, claims, key);
                if (r < 0)
                        return r;
        }
        return 0;
}

#define GPU_PREFIX    "x-nvidia-gpu-"
#define SWITCH_PREFIX "x-nvidia-switch-"

static bool is_for_kind(const char *name, bool is_switch) {
        const char *prefix = is_switch ? SWITCH_PREFIX : GPU_PREFIX;

        return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool concerns_kind(const char *name, bool is_switch) {
        return !is_for_kind(name, !is_switch);
}

static bool has_rules_for(const Policy *p, bool is_switch) {
        json_object_object_foreach(p->detached, key, value) {
                (void) value;
                if (is_for_kind(key, is_switch))
                        return true;
        }
        return false;
}

/* A policy for one kind of device holds every device to all of its rules, and so refuses the other kind. */
static int evaluate_device(const Policy *p, Evaluation *e, json_object *claims) {
        bool is_switch = strncmp(e->device, "SWITCH-", strlen("SWITCH-")) == 0;
        bool for_both = has_rules_for(p, true) && has_rules_for(p, false);

        return compare_rules(e, "", p->detached, claims, for_both ? concerns_kind : NULL, is_switch);
}

int policy_evaluate(const Policy *p, json_object *overall, json_object *devices, json_object **ret_failures) {
        _cleanup_json_ json_object *failures = json_object_new_array();
        Evaluation e = { .device = "overall", .failures = failures };
        Fault fault;
        int r;

        if (!failures)
                return -ENOMEM;
        if (policy_check_form(p, &fault) < 0)
                r = add_failure(&e, fault.what, fault.expected, fault.found);
        else if (json_object_object_length(devices) == 0)
                r = add_failure(&e, "devices", "at least one", "none");
        else {
                r = compare_rules(&e, "", p->overall, overall, NULL, false);
                json_object_object_foreach(devices, key, claims) {
                        if (r < 0)
                                break;
                        e.device = key;
                        r = evaluate_device(p, &e, claims);
                }
        }
        if (r < 0)
                return r;
        *ret_failures = TAKE_PTR(failures);
        return 0;
}
