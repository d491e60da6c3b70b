/* SPDX-License-Identifier: Apache-2.0 */

/* libnvidia-nscq.so.2 of the simulated machine: `cocoon-sim serve` knows the answers. */

#include "sim/fake-nscq.h"

#include <stdbool.h>
#include <string.h>

#include "basic/cleanup.h"
#include "sim/wire.h"

#define EXPORT       __attribute__((visibility("default")))
#define SWITCHES_MAX 64U

_Static_assert(sizeof(nscq_attestation_report_t) == 8196, "as in the library");
_Static_assert(sizeof(nscq_attestation_certificate_t) == 5124, "as in the library");
_Static_assert(sizeof(nscq_session_result_t) == 16, "as in the library");
_Static_assert(sizeof(nscq_uuid_t) == 16 && sizeof(nscq_label_t) == 64, "as in the library");

EXPORT const uint32_t nscq_api_version = NSCQ_VERSION;

struct nscq_session_st {
        uint8_t nonce[NSCQ_NONCE];
        bool have_nonce;
};

/* One switch that a path is about. */
typedef struct Visit {
        const struct nscq_session_st *session;
        const nscq_uuid_t *uuid;
        uint32_t index;
        nscq_fn_t callback;
        void *userdata;
} Visit;

static nscq_rc_t ask(SimCall call, uint32_t index, const uint8_t *nonce, void *ret, size_t max, size_t *ret_size) {
        SimQuestion question = { .call = call, .is_switch = 1, .index = index };
        int32_t status;

        if (nonce)
                memcpy(question.nonce, nonce, sizeof(question.nonce));
        if (sim_wire_ask(&question, ret, max, ret_size, &status) < 0)
                return NSCQ_ERROR_DRIVER;
        return status >= INT8_MIN && status <= INT8_MAX ? (nscq_rc_t) status : NSCQ_ERROR_UNSPECIFIED;
}

static nscq_rc_t ask_int8(SimCall call, uint32_t index, int8_t *ret) {
        uint32_t value = 0;
        nscq_rc_t rc = ask(call, index, NULL, &value, sizeof(value), NULL);

        *ret = (int8_t) value;
        return rc;
}

/* The size that the server has the library report is what it is: it may be more than there is room for. */
static nscq_rc_t ask_blob(SimCall call, const Visit *v, const uint8_t *nonce, uint32_t *ret_size, uint8_t *ret,
                          size_t max) {
        uint8_t answer[sizeof(uint32_t) + NSCQ_REPORT_MAX];
        size_t size = 0;
        nscq_rc_t rc = ask(call, v->index, nonce, answer, sizeof(*ret_size) + max, &size);

        if (rc != NSCQ_SUCCESS || size < sizeof(*ret_size))
                return rc;
        memcpy(ret_size, answer, sizeof(*ret_size));
        memcpy(ret, answer + sizeof(*ret_size), size - sizeof(*ret_size));
        return rc;
}

static void visit_uuid(const Visit *v) {
        ((nscq_uuid_fn_t) v->callback)(v->uuid, NSCQ_SUCCESS, v->uuid, v->userdata);
}

static void visit_architecture(const Visit *v) {
        int8_t value;
        nscq_rc_t rc = ask_int8(SIM_CALL_ARCHITECTURE, v->index, &value);

        ((nscq_int8_fn_t) v->callback)(v->uuid, rc, value, v->userdata);
}

static void visit_tnvl(const Visit *v) {
        int8_t value;
        nscq_rc_t rc = ask_int8(SIM_CALL_TNVL, v->index, &value);

        ((nscq_int8_fn_t) v->callback)(v->uuid, rc, value, v->userdata);
}

static void visit_certificate(const Visit *v) {
        nscq_attestation_certificate_t value = {};
        nscq_rc_t rc = ask_blob(SIM_CALL_CHAIN, v, NULL, &value.cert_chain_size, value.cert_chain,
                                sizeof(value.cert_chain));

        ((nscq_certificate_fn_t) v->callback)(v->uuid, rc, value, v->userdata);
}

static void visit_report(const Visit *v) {
        nscq_attestation_report_t value = {};
        nscq_rc_t rc = NSCQ_ERROR_UNEXPECTED_VALUE;

        if (v->session->have_nonce)
                rc = ask_blob(SIM_CALL_REPORT, v, v->session->nonce, &value.report_size, value.report,
                              sizeof(value.report));
        ((nscq_report_fn_t) v->callback)(v->uuid, rc, value, v->userdata);
}

/* What may stand behind the name of a switch, or behind the one for all of them. */
static const struct {
        const char *path;
        void (*visit)(const Visit *v);
} path_table[] = {
        { "/uuid",                      visit_uuid         },
        { "/id/uuid",                   visit_uuid         },
        { "/id/arch",                   visit_architecture },
        { "/config/pcie_mode",          visit_tnvl         },
        { "/config/certificate",        visit_certificate  },
        { "/config/attestation_report", visit_report       },
};

static nscq_rc_t observe_version(nscq_fn_t callback, void *userdata) {
        char text[256];
        size_t size = 0;
        nscq_rc_t rc = ask(SIM_CALL_DRIVER, 0, NULL, text, sizeof(text) - 1, &size);

        text[size] = 0;
        ((nscq_text_fn_t) callback)(NULL, rc, text, userdata);
        return NSCQ_SUCCESS;
}

/* Whether a path begins with the name of this switch or of all; what follows goes to *ret_rest. */
static bool names(const char *path, const nscq_uuid_t *uuid, const char **ret_rest) {
        static const char *const all[] = { "/drv/nvswitch/{device}", "/{nvswitch}" };
        nscq_label_t label;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (strncmp(path, all[i], strlen(all[i])) == 0) {
                        *ret_rest = path + strlen(all[i]);
                        return true;
                }
        (void) nscq_uuid_to_label(uuid, &label, 0);
        n = strlen(label.data);
        if (path[0] != '/' || strncmp(path + 1, label.data, n) != 0)
                return false;
        *ret_rest = path + 1 + n;
        return true;
}

static bool visit(const Visit *v, const char *path) {
        const char *rest;

        if (!names(path, v->uuid, &rest))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(path_table); i++)
                if (strcmp(path_table[i].path, rest) == 0) {
                        path_table[i].visit(v);
                        return true;
                }
        return false;
}

EXPORT nscq_session_result_t nscq_session_create(uint32_t flags) {
        nscq_session_result_t result = {};
        char nothing;

        result.rc = ask(SIM_CALL_INIT, 0, NULL, &nothing, 0, NULL);
        /* A warning comes with a session. */
        if (result.rc < 0)
                return result;
        result.session = calloc(1, sizeof(*result.session));
        if (!result.session)
                result.rc = NSCQ_ERROR_UNSPECIFIED;
        return result;
}

EXPORT void nscq_session_destroy(nscq_session_t session) {
        free(session);
}

EXPORT nscq_rc_t nscq_session_set_input(nscq_session_t session, uint32_t flags, void *data, uint32_t size) {
        if (!session || !data || size != sizeof(session->nonce))
                return NSCQ_ERROR_UNEXPECTED_VALUE;
        memcpy(session->nonce, data, size);
        session->have_nonce = true;
        return NSCQ_SUCCESS;
}

EXPORT nscq_rc_t nscq_session_path_observe(nscq_session_t session, const char *path, nscq_fn_t callback, void *userdata,
                                           uint32_t flags) {
        uint32_t n = 0;
        bool found = false;
        nscq_rc_t rc;

        if (!session || !path || !callback)
                return NSCQ_ERROR_UNEXPECTED_VALUE;
        if (strcmp(path, "/drv/nvswitch/version") == 0)
                return observe_version(callback, userdata);
        rc = ask(SIM_CALL_COUNT, 0, NULL, &n, sizeof(n), NULL);
        if (rc != NSCQ_SUCCESS)
                return rc;
        for (uint32_t i = 0; i < n && i < SWITCHES_MAX; i++) {
                nscq_uuid_t uuid;
                Visit v = { session, &uuid, i, callback, userdata };

                rc = ask(SIM_CALL_UUID, i, NULL, &uuid, sizeof(uuid), NULL);
                if (rc != NSCQ_SUCCESS)
                        return rc;
                found = visit(&v, path) || found;
        }
        return found || n == 0 ? NSCQ_SUCCESS : NSCQ_ERROR_NOT_IMPLEMENTED;
}

EXPORT nscq_rc_t nscq_uuid_to_label(const nscq_uuid_t *uuid, nscq_label_t *label, uint32_t flags) {
        static const char digits[] = "0123456789ABCDEF";
        char *p;

        if (!uuid || !label)
                return NSCQ_ERROR_INVALID_UUID;
        memset(label, 0, sizeof(*label));
        memcpy(label->data, "SWX-", 4);
        p = label->data + 4;
        for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                *p++ = digits[uuid->bytes[i] >> 4];
                *p++ = digits[uuid->bytes[i] & 15];
        }
        return NSCQ_SUCCESS;
}
