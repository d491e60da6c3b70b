/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/evidence.h"

#include <string.h>

#include "basic/hex.h"
#include "basic/json.h"

/* Evidence is flat: array, object, string. The Python form adds one level, the wrapped form another. */
#define JSON_DEPTH_MAX  8
#define JSON_VALUES_MAX 4096U

EvidenceSet *evidence_set_free(EvidenceSet *set) {
        if (!set)
                return NULL;
        for (size_t i = 0; i < set->n_items; i++) {
                free(set->items[i].arch_name);
                free(set->items[i].report);
                free(set->items[i].chain);
                free(set->items[i].told);
        }
        free(set->items);
        free(set);
        return NULL;
}

static int get_text(json_object *o, const char *key, size_t device, const char **ret, Fault *f) {
        char what[64];
        int r;

        r = json_get_string(o, key, ret);
        if (r >= 0)
                return 0;
        (void) snprintf(what, sizeof(what), "device %zu: %s", device, key);
        return fault_set(f, EBADMSG, what, "a string", r == -ENOENT ? "no such member" : "another type");
}

static int get_blob(json_object *o, const char *key, size_t device, size_t limit, uint8_t **ret, size_t *ret_size,
                    Fault *f) {
        _cleanup_free_ uint8_t *bytes = NULL;
        const char *text;
        char what[64], expected[64];
        size_t size;
        int r;

        r = get_text(o, key, device, &text, f);
        if (r < 0)
                return r;

        (void) snprintf(what, sizeof(what), "device %zu: %s", device, key);
        (void) snprintf(expected, sizeof(expected), "base64 of 1 to %zu bytes", limit);
        r = base64_decode(text, strlen(text), &bytes, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fault_set(f, EBADMSG, what, expected, "text that is not base64");
        if (size == 0 || size > limit)
                return fault_set(f, EBADMSG, what, expected, "%zu bytes", size);

        *ret = TAKE_PTR(bytes);
        *ret_size = size;
        return 0;
}

/* `common` holds what the C++ form repeats for every device: the entry itself there, the outer object in the Python
 * form. */
static int parse_device(json_object *entry, json_object *common, size_t index, Evidence *e, Fault *f) {
        const char *arch, *nonce;
        uint8_t *chain;
        int r;

        if (!json_object_is_type(entry, json_type_object))
                return fault_set(f, EBADMSG, "evidence list", "an object for every device",
                                 "entry %zu is of another type", index);

        r = get_text(common, "arch", index, &arch, f);
        if (r < 0)
                return r;
        r = get_text(common, "nonce", index, &nonce, f);
        if (r < 0)
                return r;
        r = hex_decode(nonce, strlen(nonce), e->nonce, sizeof(e->nonce));
        if (r < 0)
                return fault_set(f, EBADMSG, "nonce", "64 hexadecimal digits", "%.80s", nonce);

        e->arch = arch_from_string(arch);
        e->arch_name = strdup(arch);
        if (!e->arch_name)
                return -ENOMEM;
        r = get_blob(entry, "evidence", index, EVIDENCE_REPORT_MAX, &e->report, &e->report_size, f);
        if (r < 0)
                return r;
        r = get_blob(entry, "certificate", index, EVIDENCE_CHAIN_MAX, &chain, &e->chain_size, f);
        if (r < 0)
                return r;
        e->chain = (char *) chain;
        return 0;
}

/* Two lists in one file would be two claims of what was collected, of which only one is judged. */
static int find_list(json_object *root, json_object **ret_list, json_object **ret_common, Fault *f) {
        if (json_object_is_type(root, json_type_array)) {
                *ret_list = root;
                *ret_common = NULL;
                return 0;
        }
        if (json_object_object_get_ex(root, "evidences", NULL) && json_object_object_get_ex(root, "evidence_list", NULL))
                return fault_set(f, EBADMSG, "evidence file", "either \"evidences\" or \"evidence_list\"", "both");
        if (json_get_array(root, "evidences", ret_list) >= 0) {
                *ret_common = NULL;
                return 0;
        }
        if (json_get_array(root, "evidence_list", ret_list) >= 0) {
                *ret_common = root;
                return 0;
        }
        return fault_set(f, EBADMSG, "evidence file",
                         "an array of devices, or an object with \"evidences\" or \"evidence_list\"",
                         "neither");
}

int evidence_set_parse(const char *text, size_t size, EvidenceSet **ret, Fault *ret_fault) {
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        _cleanup_json_ json_object *root = NULL;
        json_object *list = NULL, *common = NULL;
        size_t n;
        int r;

        r = json_parse(text, size, JSON_DEPTH_MAX, JSON_VALUES_MAX, &root);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fault_set(ret_fault, EBADMSG, "evidence file", "one complete JSON value of a sensible size",
                                 r == -E2BIG ? "more values than any evidence has" :
                                 "text that is not JSON, or in which an object has a key twice");
        r = find_list(root, &list, &common, ret_fault);
        if (r < 0)
                return r;

        n = json_object_array_length(list);
        if (n == 0 || n > EVIDENCE_DEVICES_MAX)
                return fault_set(ret_fault, EBADMSG, "evidence list", "1 to 64 devices", "%zu devices", n);

        set = calloc(1, sizeof(*set));
        if (!set)
                return -ENOMEM;
        set->items = calloc(n, sizeof(*set->items));
        if (!set->items)
                return -ENOMEM;
        set->n_items = n;
        for (size_t i = 0; i < n; i++) {
                json_object *entry = json_object_array_get_idx(list, i);

                r = parse_device(entry, common ? common : entry, i, &set->items[i], ret_fault);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(set);
        return 0;
}

static int add_base64(json_object *o, const char *key, const void *data, size_t size) {
        _cleanup_free_ char *text = base64_encode(data, size);

        return text ? json_add_string(o, key, text) : -ENOMEM;
}

static int add_device(json_object *list, const Evidence *e) {
        _cleanup_json_ json_object *o = json_object_new_object();
        char nonce[2 * EVIDENCE_NONCE_SIZE + 1];

        hex_encode(e->nonce, EVIDENCE_NONCE_SIZE, nonce);
        if (!o || json_add_string(o, "arch", e->arch_name) < 0 || json_add_string(o, "nonce", nonce) < 0 ||
            add_base64(o, "evidence", e->report, e->report_size) < 0 ||
            add_base64(o, "certificate", e->chain, e->chain_size) < 0 || json_object_array_add(list, o) < 0)
                return -ENOMEM;
        TAKE_PTR(o);
        return 0;
}

int evidence_set_to_json(const EvidenceSet *set, json_object **ret) {
        _cleanup_json_ json_object *list = json_object_new_array();

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < set->n_items; i++)
                if (add_device(list, &set->items[i]) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(list);
        return 0;
}

int evidence_set_write(const EvidenceSet *set, char **ret_json) {
        _cleanup_json_ json_object *list = NULL;
        const char *text;

        if (evidence_set_to_json(set, &list) < 0)
                return -ENOMEM;
        text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        return !text || asprintf(ret_json, "%s\n", text) < 0 ? -ENOMEM : 0;
}
