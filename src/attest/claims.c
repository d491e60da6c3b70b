/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/claims.h"

#include <string.h>

#include "basic/hex.h"
#include "basic/json.h"

typedef struct ClaimContext {
        const DeviceAppraisal *device;
        ClaimsVersion version;
        json_object *object;
} ClaimContext;

/* Which versions have a claim, and which kinds of device. */
enum {
        V2   = 1 << CLAIMS_2_0,
        V3   = 1 << CLAIMS_3_0,
        V4   = 1 << CLAIMS_4_0,
        VALL = V2 | V3 | V4,
        GPU  = 1 << 4,
        SWITCH = 1 << 5,
        BOTH = GPU | SWITCH,
};

typedef struct ClaimRow {
        unsigned flags;
        const char *name; /* '*' stands for "gpu" or "switch", '+' for the name of a RIM: "vbios" or "bios" */
        int (*add)(ClaimContext *c, const char *name, int argument);
        int argument;
} ClaimRow;

static const char *const version_names[] = {
        [CLAIMS_2_0] = "2.0",
        [CLAIMS_3_0] = "3.0",
        [CLAIMS_4_0] = "4.0",
};

const char *claims_version_to_string(ClaimsVersion version) {
        return version_names[version];
}

ClaimsVersion claims_version_from_string(const char *text) {
        for (size_t i = 0; i < ELEMENTSOF(version_names); i++)
                if (strcmp(text, version_names[i]) == 0)
                        return (ClaimsVersion) i;
        return _CLAIMS_VERSION_INVALID;
}

void claims_device_key(const Appraisal *a, size_t index, char ret[static 16]) {
        bool is_switch = a->devices[index].arch && a->devices[index].arch->is_switch;
        unsigned n = 0;

        for (size_t i = 0; i < index; i++)
                n += (a->devices[i].arch && a->devices[i].arch->is_switch) == is_switch;
        (void) snprintf(ret, 16, "%s-%u", is_switch ? "SWITCH" : "GPU", n);
}

static int add_not_reached(ClaimContext *c, const char *name) {
        return c->version == CLAIMS_2_0 ? json_add_bool(c->object, name, false) : json_add(c->object, name, NULL);
}

static int add_check(ClaimContext *c, const char *name, int id) {
        const Check *check = &c->device->checks[id];

        if (check->state == CHECK_NOT_RUN)
                return add_not_reached(c, name);
        return json_add_bool(c->object, name, check->state == CHECK_PASSED);
}

static const ChainStatus *chain_of(const DeviceAppraisal *d, int id) {
        if (id == CHECK_CHAIN)
                return &d->chain_status;
        if (id == CHECK_DRIVER_RIM)
                return d->rims[RIM_SLOT_DRIVER] ? &d->rims[RIM_SLOT_DRIVER]->chain : NULL;
        return d->rims[RIM_SLOT_VBIOS] ? &d->rims[RIM_SLOT_VBIOS]->chain : NULL;
}

/* Version 2.0 has one word for path and revocation together. Where revocation was not asked it stays unsaid. */
static int add_chain_validated(ClaimContext *c, const char *name, int id) {
        const ChainStatus *s = chain_of(c->device, id);

        if (!s || s->path.state == CHECK_NOT_RUN)
                return add_not_reached(c, name);
        if (s->path.state == CHECK_PASSED && s->ocsp.state == CHECK_OFF)
                return json_add(c->object, name, NULL);
        return json_add_bool(c->object, name, s->path.state == CHECK_PASSED && s->ocsp.state == CHECK_PASSED);
}

/* Null when it was not asked. */
static int add_bool_if(json_object *o, const char *name, bool asked, bool value) {
        return asked ? json_add_bool(o, name, value) : json_add(o, name, NULL);
}

static int add_chain(ClaimContext *c, const char *name, int id) {
        const ChainStatus *s = chain_of(c->device, id);
        _cleanup_json_ json_object *o = NULL;

        if (!s || !s->status)
                return add_not_reached(c, name);
        o = json_object_new_object();
        if (!o || json_add_string(o, "x-nvidia-cert-expiration-date", *s->expiration ? s->expiration : NULL) < 0 ||
            json_add_string(o, "x-nvidia-cert-status", s->status) < 0 ||
            json_add_string(o, "x-nvidia-cert-ocsp-status", s->ocsp_status) < 0 ||
            json_add_string(o, "x-nvidia-cert-revocation-reason", s->revocation_reason) < 0)
                return -ENOMEM;
        if (c->version == CLAIMS_4_0) {
                bool asked = s->ocsp.state != CHECK_OFF && s->ocsp.state != CHECK_NOT_RUN;

                if (add_bool_if(o, "x-nvidia-cert-ocsp-nonce-matches", asked, s->nonces_match) < 0 ||
                    add_bool_if(o, "x-nvidia-cert-ocsp-response-valid", asked, s->answers_valid) < 0)
                        return -ENOMEM;
        }
        return json_add(c->object, name, TAKE_PTR(o));
}

static bool measurements_good(const DeviceAppraisal *d) {
        return d->checks[CHECK_MEASUREMENTS].state == CHECK_PASSED && d->checks[CHECK_MINIMUM_SVN].state == CHECK_PASSED;
}

static int add_measres(ClaimContext *c, const char *name, int unused) {
        static const char *const not_reached[] = { [CLAIMS_2_0] = "fail", [CLAIMS_3_0] = NULL, [CLAIMS_4_0] = "not-run" };

        if (c->device->checks[CHECK_MEASUREMENTS].state == CHECK_NOT_RUN)
                return json_add_string(c->object, name, not_reached[c->version]);
        return json_add_string(c->object, name, measurements_good(c->device) ? "success" : "fail");
}

/* These two repeat measres in other words; 2.0 and 3.0 have them only when it is good. */
static int add_secboot(ClaimContext *c, const char *name, int unused) {
        if (measurements_good(c->device))
                return json_add_bool(c->object, name, true);
        return c->version == CLAIMS_4_0 ? json_add(c->object, name, NULL) : 0;
}

static int add_dbgstat(ClaimContext *c, const char *name, int unused) {
        if (measurements_good(c->device))
                return json_add_string(c->object, name, "disabled");
        return c->version == CLAIMS_4_0 ? json_add(c->object, name, NULL) : 0;
}

enum {
        TEXT_DRIVER_VERSION,
        TEXT_VBIOS_VERSION,
        TEXT_HWMODEL,
        TEXT_UEID,
        TEXT_OEMID,
        TEXT_ISSUER,
        TEXT_DEVICE_TYPE,
        TEXT_VERSION,
        TEXT_SWITCH_VERSION,
};

static const char *text_of(const ClaimContext *c, int which) {
        const DeviceAppraisal *d = c->device;
        bool is_switch = d->arch && d->arch->is_switch;
        const RimEntry *rim = d->rims[RIM_SLOT_DRIVER] ?: d->rims[RIM_SLOT_VBIOS];

        switch (which) {
        case TEXT_DRIVER_VERSION: return d->driver_version;
        case TEXT_VBIOS_VERSION:  return d->vbios_version;
        case TEXT_HWMODEL:        return d->identity.hwmodel;
        case TEXT_UEID:           return d->identity.ueid;
        case TEXT_OEMID:          return rim ? rim->content.manufacturer_id : "";
        case TEXT_ISSUER:         return is_switch ? "LOCAL_SWITCH_VERIFIER" : "LOCAL_GPU_VERIFIER";
        case TEXT_DEVICE_TYPE:    return is_switch ? "nvswitch" : "gpu";
        case TEXT_SWITCH_VERSION: return "3.0"; /* the C++ SDK never raised it */
        default:                  return version_names[c->version];
        }
}

static int add_text(ClaimContext *c, const char *name, int which) {
        const char *text = text_of(c, which);

        if (!*text && c->version != CLAIMS_2_0)
                text = NULL;
        return json_add_string(c->object, name, text);
}

static int add_nonce(ClaimContext *c, const char *name, int unused) {
        char text[2 * EVIDENCE_NONCE_SIZE + 1];

        return json_add_string(c->object, name, hex_encode(c->device->evidence->nonce, EVIDENCE_NONCE_SIZE, text));
}

static int add_null(ClaimContext *c, const char *name, int unused) {
        return json_add(c->object, name, NULL);
}

static json_object *mismatch_json(const DeviceAppraisal *d, const MeasurementMismatch *m) {
        _cleanup_json_ json_object *o = json_object_new_object();
        char golden[2 * SPDM_DIGEST_SIZE + 1], runtime[2 * SPDM_DIGEST_SIZE + 1] = "NA";
        const char *source = m->slot == RIM_SLOT_DRIVER ? "Driver" : "Firmware";

        hex_encode(m->golden->digests[0], SPDM_DIGEST_SIZE, golden);
        if (m->runtime)
                hex_encode(m->runtime, SPDM_DIGEST_SIZE, runtime);
        if (!o || json_add_int(o, "index", m->golden->index) < 0 ||
            json_add_int(o, "goldenSize", SPDM_DIGEST_SIZE) < 0 || json_add_string(o, "goldenValue", golden) < 0 ||
            json_add_int(o, "runtimeSize", m->runtime ? SPDM_DIGEST_SIZE : 0) < 0 ||
            json_add_string(o, "runtimeValue", runtime) < 0 || json_add_string(o, "measurementSource", source) < 0)
                return NULL;
        return TAKE_PTR(o);
}

static json_object *svn_json(const SvnMismatch *m) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_int(o, "id", m->golden->type) < 0 || json_add_string(o, "name", m->golden->name) < 0 ||
            json_add_string(o, "goldenType", "MIN_SVN") < 0 || json_add_int(o, "goldenValue", m->golden->minimum) < 0)
                return NULL;
        if (m->found && (json_add_string(o, "runtimeType", "SVN") < 0 || json_add_int(o, "runtimeValue", m->runtime) < 0))
                return NULL;
        return TAKE_PTR(o);
}

static int append(json_object *array, json_object *item) {
        if (!item)
                return -ENOMEM;
        if (json_object_array_add(array, item) < 0) {
                (void) json_object_put(item);
                return -ENOMEM;
        }
        return 0;
}

static int add_mismatches(ClaimContext *c, const char *name, int svns) {
        const DeviceAppraisal *d = c->device;
        size_t n = svns ? d->n_svn_mismatches : d->n_mismatches;
        _cleanup_json_ json_object *array = NULL;

        if (n == 0)
                return json_add(c->object, name, NULL);
        array = json_object_new_array();
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (append(array, svns ? svn_json(&d->svn_mismatches[i]) : mismatch_json(d, &d->mismatches[i])) < 0)
                        return -ENOMEM;
        return json_add(c->object, name, TAKE_PTR(array));
}

static int add_attester(ClaimContext *c, const char *name, int unused) {
        _cleanup_json_ json_object *o = json_object_new_object();
        const DeviceAppraisal *d = c->device;

        if (!o)
                return -ENOMEM;
        for (RimSlot slot = 0; slot < _RIM_SLOT_MAX; slot++)
                for (size_t i = 0; d->rims[slot] && i < d->rims[slot]->content.n_svns; i++) {
                        const RimSvn *svn = &d->rims[slot]->content.svns[i];
                        unsigned value;

                        if (!svn->include_in_result || opaque_number(&d->opaque, svn->type, &value) < 0)
                                continue;
                        if (json_add_int(o, svn->name, value) < 0)
                                return -ENOMEM;
                }
        return json_add(c->object, name, TAKE_PTR(o));
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(a, b);
}

/* Upper-case hexadecimal, sorted, each once. A GPU spells its switches' identifiers backwards. */
static int add_pdis(ClaimContext *c, const char *name, int gpu_list) {
        enum { LINKS = 18, GPUS = 8 };
        const DeviceAppraisal *d = c->device;
        const OpaqueEntry *e = opaque_find(&d->opaque, gpu_list ? OPAQUE_SWITCH_GPU_PDIS : OPAQUE_SWITCH_PDI);
        char texts[LINKS][2 * PDI_SIZE + 1];
        _cleanup_json_ json_object *array = NULL;
        size_t n = d->arch && d->arch->is_switch ? GPUS : LINKS;
        Cursor cursor;

        if (!e)
                return 0;
        array = json_object_new_array();
        if (!array)
                return -ENOMEM;
        cursor = cursor_of(e->value, e->size);
        for (size_t i = 0; i < n; i++) {
                const uint8_t *pdi;

                if (cursor_bytes(&cursor, PDI_SIZE, &pdi) < 0)
                        return -ENOMEM;
                for (size_t k = 0; k < PDI_SIZE; k++)
                        (void) snprintf(texts[i] + 2 * k, 3, "%02X",
                                        (unsigned) (gpu_list ? pdi[k] : pdi[PDI_SIZE - 1 - k]));
        }
        qsort(texts, n, sizeof(texts[0]), compare_texts);
        for (size_t i = 0; i < n; i++)
                if ((i == 0 || strcmp(texts[i], texts[i - 1]) != 0) &&
                    append(array, json_object_new_string(texts[i])) < 0)
                        return -ENOMEM;
        return json_add(c->object, name, TAKE_PTR(array));
}

static int add_own_pdi(ClaimContext *c, const char *name, int unused) {
        const OpaqueEntry *e = opaque_find(&c->device->opaque, OPAQUE_SWITCH_PDI);
        char text[2 * PDI_SIZE + 1] = "";

        if (!e)
                return 0;
        for (size_t k = 0; k < PDI_SIZE; k++)
                (void) snprintf(text + 2 * k, 3, "%02X", e->value[k]);
        return json_add_string(c->object, name, text);
}

/* In the order in which NVIDIA's verifiers print them; digests of 2.0 and 3.0 tokens depend on it. */
static const ClaimRow claim_table[] = {
        { VALL | BOTH, "measres", add_measres, 0 },
        { VALL | BOTH, "x-nvidia-*-arch-check", add_check, CHECK_ARCH },
        { VALL | GPU, "x-nvidia-gpu-driver-version", add_text, TEXT_DRIVER_VERSION },
        { VALL | BOTH, "x-nvidia-*-+-version", add_text, TEXT_VBIOS_VERSION },
        { V2 | BOTH, "x-nvidia-*-attestation-report-cert-chain-validated", add_chain_validated, CHECK_CHAIN },
        { V3 | V4 | BOTH, "x-nvidia-*-attestation-report-cert-chain", add_chain, CHECK_CHAIN },
        { V3 | V4 | BOTH, "x-nvidia-*-attestation-report-cert-chain-fwid-match", add_check, CHECK_FWID },
        { VALL | BOTH, "x-nvidia-*-attestation-report-parsed", add_check, CHECK_PARSED },
        { VALL | BOTH, "x-nvidia-*-attestation-report-nonce-match", add_check, CHECK_NONCE },
        { VALL | BOTH, "x-nvidia-*-attestation-report-signature-verified", add_check, CHECK_SIGNATURE },
        { VALL | GPU, "x-nvidia-gpu-driver-rim-fetched", add_check, CHECK_DRIVER_RIM + RIM_FETCHED },
        { V2 | V3 | GPU, "x-nvidia-gpu-driver-rim-schema-validated", add_check, CHECK_DRIVER_RIM + RIM_SCHEMA },
        { V2 | GPU, "x-nvidia-gpu-driver-rim-cert-validated", add_chain_validated, CHECK_DRIVER_RIM },
        { V3 | V4 | GPU, "x-nvidia-gpu-driver-rim-cert-chain", add_chain, CHECK_DRIVER_RIM },
        { VALL | GPU, "x-nvidia-gpu-driver-rim-signature-verified", add_check, CHECK_DRIVER_RIM + RIM_SIGNATURE },
        { V3 | V4 | GPU, "x-nvidia-gpu-driver-rim-version-match", add_check, CHECK_DRIVER_RIM + RIM_VERSION },
        { VALL | GPU, "x-nvidia-gpu-driver-rim-measurements-available", add_check,
          CHECK_DRIVER_RIM + RIM_MEASUREMENTS_AVAILABLE },
        { VALL | BOTH, "x-nvidia-*-+-rim-fetched", add_check, CHECK_VBIOS_RIM + RIM_FETCHED },
        { V2 | V3 | BOTH, "x-nvidia-*-+-rim-schema-validated", add_check, CHECK_VBIOS_RIM + RIM_SCHEMA },
        { V2 | BOTH, "x-nvidia-*-+-rim-cert-validated", add_chain_validated, CHECK_VBIOS_RIM },
        { V3 | V4 | BOTH, "x-nvidia-*-+-rim-cert-chain", add_chain, CHECK_VBIOS_RIM },
        { V3 | V4 | BOTH, "x-nvidia-*-+-rim-version-match", add_check, CHECK_VBIOS_RIM + RIM_VERSION },
        { VALL | BOTH, "x-nvidia-*-+-rim-signature-verified", add_check, CHECK_VBIOS_RIM + RIM_SIGNATURE },
        { VALL | BOTH, "x-nvidia-*-+-rim-measurements-available", add_check,
          CHECK_VBIOS_RIM + RIM_MEASUREMENTS_AVAILABLE },
        { VALL | GPU, "x-nvidia-gpu-vbios-index-no-conflict", add_check, CHECK_NO_CONFLICT },
        { VALL | BOTH, "secboot", add_secboot, 0 },
        { VALL | BOTH, "dbgstat", add_dbgstat, 0 },
        { VALL | BOTH, "eat_nonce", add_nonce, 0 },
        { VALL | BOTH, "hwmodel", add_text, TEXT_HWMODEL },
        { VALL | BOTH, "ueid", add_text, TEXT_UEID },
        { VALL | GPU, "oemid", add_text, TEXT_OEMID },
        { V2 | V3 | BOTH, "iss", add_text, TEXT_ISSUER },
        { V3 | BOTH, "x-nvidia-attestation-warning", add_null, 0 },
        { V4 | BOTH, "x-nvidia-device-type", add_text, TEXT_DEVICE_TYPE },
        { V4 | BOTH, "x-nvidia-mismatch-measurement-records", add_mismatches, 0 },
        { V4 | BOTH, "x-nvidia-mismatch-opaque-data-records", add_mismatches, 1 },
        { V4 | BOTH, "x-nvidia-attester-claims", add_attester, 0 },
        { V4 | GPU, "x-nvidia-gpu-switch-pdis", add_pdis, 0 },
        { V4 | SWITCH, "x-nvidia-switch-pdi", add_own_pdi, 0 },
        { V4 | SWITCH, "x-nvidia-switch-gpu-pdis", add_pdis, 1 },
        { V4 | GPU, "x-nvidia-gpu-claims-version", add_text, TEXT_VERSION },
        { V4 | SWITCH, "x-nvidia-version", add_text, TEXT_SWITCH_VERSION },
};

static void expand_name(const char *pattern, bool is_switch, char ret[static 80]) {
        size_t n = 0;

        for (; *pattern && n + 8 < 80; pattern++) {
                const char *word = *pattern == '*' ? (is_switch ? "switch" : "gpu")
                                 : *pattern == '+' ? (is_switch ? "bios" : "vbios")
                                                   : NULL;

                if (word) {
                        memcpy(ret + n, word, strlen(word));
                        n += strlen(word);
                } else
                        ret[n++] = *pattern;
        }
        ret[n] = 0;
}

int claims_of_device(const DeviceAppraisal *d, ClaimsVersion version, json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object();
        bool is_switch = d->arch && d->arch->is_switch;
        ClaimContext c = { .device = d, .version = version, .object = object };

        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(claim_table); i++) {
                const ClaimRow *row = &claim_table[i];
                char name[80];
                int r;

                if (!(row->flags & (1U << version)) || !(row->flags & (is_switch ? SWITCH : GPU)))
                        continue;
                expand_name(row->name, is_switch, name);
                r = row->add(&c, name, row->argument);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(object);
        return 0;
}

bool claims_name_is_ocsp(const char *name) {
        char expanded[80];

        if (strncmp(name, "x-nvidia-cert-ocsp-", strlen("x-nvidia-cert-ocsp-")) == 0 ||
            strcmp(name, "x-nvidia-cert-revocation-reason") == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(claim_table); i++)
                for (int is_switch = 0; claim_table[i].add == add_chain_validated && is_switch < 2; is_switch++) {
                        expand_name(claim_table[i].name, is_switch, expanded);
                        if (strcmp(name, expanded) == 0)
                                return true;
                }
        return false;
}
