/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/evidence.h"

#include <json.h>
#include <string.h>

#include "basic/hex.h"
#include "sim/must.h"

static const char *const form_names[_SIM_FORM_MAX] = {
        [SIM_FORM_CPP]     = "cpp",
        [SIM_FORM_WRAPPED] = "wrapped",
        [SIM_FORM_PYTHON]  = "python",
};

SimEvidenceForm sim_form_from_string(const char *name) {
        for (SimEvidenceForm f = 0; f < _SIM_FORM_MAX; f++)
                if (strcmp(form_names[f], name) == 0)
                        return f;
        return _SIM_FORM_INVALID;
}

SimEvidence sim_evidence_of(const SimDevice *device, const uint8_t nonce[static SIM_NONCE_SIZE]) {
        SimEvidence e = { .device = device, .tweaks = SIM_REPORT_TWEAKS };

        memcpy(e.nonce, nonce, SIM_NONCE_SIZE);
        memcpy(e.file_nonce, nonce, SIM_NONCE_SIZE);
        return e;
}

static void add_string(json_object *object, const char *key, const char *value) {
        json_object *string = json_object_new_string(value);

        MUST(string && json_object_object_add(object, key, string) == 0);
}

static void add_base64(json_object *object, const char *key, const void *data, size_t size) {
        _cleanup_free_ char *text = base64_encode(data, size);

        MUST(text);
        add_string(object, key, text);
}

static void add_common(json_object *object, const SimEvidence *e) {
        char nonce[2 * SIM_NONCE_SIZE + 1];

        add_string(object, "arch", e->arch ?: sim_arch_name(e->device->arch));
        add_string(object, "nonce", hex_encode(e->file_nonce, SIM_NONCE_SIZE, nonce));
}

static void add_blobs(json_object *object, const SimEvidence *e) {
        _cleanup_free_ char *own_chain = e->chain ? NULL : sim_device_chain_pem(e->device);
        const char *chain = e->chain ?: own_chain;
        _cleanup_free_ uint8_t *report = NULL;
        size_t size;

        sim_device_report(e->device, e->nonce, &e->tweaks, &report, &size);
        add_base64(object, "evidence", report, size);
        add_base64(object, "certificate", chain, strlen(chain));
}

static json_object *make_list(const SimEvidence *items, size_t n, bool with_common) {
        json_object *list = json_object_new_array();

        MUST(list);
        for (size_t i = 0; i < n; i++) {
                json_object *entry = json_object_new_object();

                MUST(entry);
                if (with_common)
                        add_common(entry, &items[i]);
                add_blobs(entry, &items[i]);
                MUST(json_object_array_add(list, entry) == 0);
        }
        return list;
}

static json_object *make_root(const SimEvidence *items, size_t n, SimEvidenceForm form) {
        json_object *list = make_list(items, n, form != SIM_FORM_PYTHON), *root;

        if (form == SIM_FORM_CPP)
                return list;
        root = json_object_new_object();
        MUST(root);
        if (form == SIM_FORM_WRAPPED) {
                MUST(json_object_object_add(root, "result_code", json_object_new_int(0)) == 0);
                add_string(root, "result_message", "Ok");
                MUST(json_object_object_add(root, "evidences", list) == 0);
                return root;
        }
        MUST(n > 0);
        add_common(root, &items[0]);
        MUST(json_object_object_add(root, "evidence_list", list) == 0);
        add_string(root, "claims_version", "3.0");
        return root;
}

char *sim_evidence_json(const SimEvidence *items, size_t n, SimEvidenceForm form) {
        json_object *root = make_root(items, n, form);
        const char *text;
        char *copy;

        text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        MUST(text);
        copy = strdup(text);
        MUST(copy);
        (void) json_object_put(root);
        return copy;
}
