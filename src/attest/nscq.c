/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/nscq.h"

#include <string.h>

#define LIBRARY "libnvidia-nscq.so.2"
#define PACKAGE "its NVSwitch part (libnvidia-nscq)"

#define API_MAJOR(version) ((version) >> 24)
#define MOUNT_DEVICES      1U

/* nscq_arch_t */
#define ARCH_CODE_LS10 2

typedef struct NscqReport {
        uint32_t size;
        uint8_t data[NSCQ_REPORT_MAX];
} NscqReport;
_Static_assert(sizeof(NscqReport) == 8196, "nscq_attestation_report_t");

typedef struct NscqCertificate {
        uint8_t chain[NSCQ_CHAIN_MAX];
        uint32_t size;
} NscqCertificate;
_Static_assert(sizeof(NscqCertificate) == 5124, "nscq_certificate_chain_t");

static const LibrarySymbol symbols[] = {
        { "nscq_api_version",          NULL, offsetof(Nscq, api_version),    false },
        { "nscq_session_create",       NULL, offsetof(Nscq, session_create), false },
        { "nscq_session_path_observe", NULL, offsetof(Nscq, observe),        false },
        { "nscq_session_set_input",    NULL, offsetof(Nscq, set_input),      false },
        { "nscq_uuid_to_label",        NULL, offsetof(Nscq, uuid_to_label),  false },
};

/* What callbacks of one question have said. */
typedef struct Answer {
        size_t n;      /* how often */
        int8_t result; /* the first that is no success */
        size_t size, max;
        union {
                uint8_t bytes[NSCQ_REPORT_MAX];
                char text[80];
                int8_t number;
        };
} Answer;

typedef struct List {
        NscqUuid uuids[SURVEY_DEVICES_MAX];
        int8_t archs[SURVEY_DEVICES_MAX];
        unsigned arch_answers[SURVEY_DEVICES_MAX];
        size_t n, max;
        bool too_many;
        int8_t result;
} List;

static int judge(const Nscq *n, int8_t result, Fault *f) {
        return result == 0 ? 0 : fault_set(f, EIO, n->library.call, "success", "NSCQ %s %d", result > 0 ? "warning" : "error", result);
}

static void on_uuid(const NscqUuid *device, int8_t result, const NscqUuid *uuid, void *userdata) {
        List *list = userdata;

        if (result != 0 || !uuid)
                list->result = list->result ?: result ?: -128;
        else if (list->n < list->max)
                list->uuids[list->n++] = *uuid;
        else
                list->too_many = true;
}

static void on_arch(const NscqUuid *device, int8_t result, int8_t arch, void *userdata) {
        List *list = userdata;

        if (result != 0 || !device) {
                list->result = list->result ?: result ?: -128;
                return;
        }
        for (size_t i = 0; i < list->n; i++)
                if (memcmp(&list->uuids[i], device, sizeof(*device)) == 0) {
                        list->archs[i] = arch;
                        list->arch_answers[i]++;
                }
}

/* The first answer stays; what is too large is not taken. */
static void take(Answer *a, int8_t result, const void *data, size_t size) {
        if (a->n++ > 0)
                return;
        a->result = result;
        a->size = size;
        if (result == 0 && size <= a->max)
                memcpy(a->bytes, data, size);
}

static void on_number(const NscqUuid *device, int8_t result, int8_t number, void *userdata) {
        take(userdata, result, &number, sizeof(number));
}

static void on_text(const NscqUuid *device, int8_t result, const char *text, void *userdata) {
        take(userdata, result, text ?: "", text ? strlen(text) + 1 : 1);
}

static void on_report(const NscqUuid *device, int8_t result, NscqReport report, void *userdata) {
        take(userdata, result, report.data, report.size);
}

static void on_certificate(const NscqUuid *device, int8_t result, NscqCertificate certificate, void *userdata) {
        take(userdata, result, certificate.chain, certificate.size);
}

int nscq_open(Nscq *n, int pipe, Fault *f) {
        NscqSession s;
        int r;

        *n = (Nscq){ .library.pipe = pipe };
        r = library_load(&n->library, LIBRARY, PACKAGE, symbols, ELEMENTSOF(symbols), n, f);
        if (r < 0)
                return r;
        if (API_MAJOR(*n->api_version) != 2)
                return fault_set(f, ELIBACC, LIBRARY, "API version 2", "%u", API_MAJOR(*n->api_version));
        library_say(&n->library, "nscq_session_create");
        s = n->session_create(MOUNT_DEVICES);
        if (s.result != 0 || !s.session)
                return fault_set(f, EIO, n->library.call, "a session (library and driver must be of one version)",
                                 "NSCQ result %d", s.result);
        n->session = s.session;
        return 0;
}

/* `path` is the one that the library is asked, `name` what it is about. */
static int observe(Nscq *n, const char *path, const char *name, NscqCallback callback, void *userdata, Fault *f) {
        library_say(&n->library, name);
        return judge(n, n->observe(n->session, path, callback, userdata, 0), f);
}

static int ask(Nscq *n, const char *label, const char *name, NscqCallback callback, Answer *a, Fault *f) {
        char path[128];
        int r;

        (void) snprintf(path, sizeof(path), "/%s%s", label, name);
        r = observe(n, path, name, callback, a, f);
        if (r < 0)
                return r;
        if (a->n != 1)
                return fault_set(f, EBADMSG, n->library.call, "one answer", "%zu", a->n);
        if (a->result != 0)
                return judge(n, a->result, f);
        if (a->size == 0 || a->size > a->max)
                return fault_set(f, EBADMSG, n->library.call, "bytes, not more than it has room for", "%zu", a->size);
        return 0;
}

static int ask_label(Nscq *n, const NscqUuid *uuid, DeviceFacts *ret, Fault *f) {
        char text[sizeof(ret->uuid)] = "";
        NscqLabel label = {};
        int r;

        library_say(&n->library, "nscq_uuid_to_label");
        r = judge(n, n->uuid_to_label(uuid, &label, 0), f);
        if (r < 0)
                return r;
        memcpy(text, label.text, sizeof(label.text));
        r = library_take_text(&n->library, text, ret->uuid, sizeof(text), f);
        /* It becomes a part of paths. */
        if (r >= 0 && (!*ret->uuid || strchr(ret->uuid, '/')))
                r = fault_set(f, EBADMSG, n->library.call, "a label", "\"%s\"", ret->uuid);
        return r;
}

static int ask_switch(Nscq *n, const List *list, size_t i, const char *driver_version, DeviceFacts *ret, Fault *f) {
        DeviceFacts facts = { .is_switch = true, .index = (unsigned) i, .arch_code = (unsigned) list->archs[i] };
        Answer tnvl = { .max = sizeof(tnvl.number) };
        int r;

        library_set_subject(&n->library, "switch", facts.index);
        if (list->arch_answers[i] != 1)
                return fault_set(f, EBADMSG, "switches: /{nvswitch}/id/arch", "one answer for each", "%u for switch %zu",
                                 list->arch_answers[i], i);
        facts.arch = list->archs[i] == ARCH_CODE_LS10 ? ARCH_LS10 : _ARCH_INVALID;
        memcpy(facts.driver_version, driver_version, sizeof(facts.driver_version));
        r = ask_label(n, &list->uuids[i], &facts, f);
        if (r >= 0)
                r = ask(n, facts.uuid, "/config/pcie_mode", (NscqCallback) on_number, &tnvl, f);
        if (r < 0)
                return r;
        facts.tnvl = (int) tnvl.number;
        *ret = facts;
        return 0;
}

int nscq_facts(Nscq *n, DeviceFacts *ret, size_t max, size_t *ret_n, Fault *f) {
        List list = { .max = max < SURVEY_DEVICES_MAX ? max : SURVEY_DEVICES_MAX };
        char driver_version[sizeof(ret->driver_version)];
        Answer version = { .max = sizeof(version.text) };
        int r;

        library_set_subject(&n->library, NULL, 0);
        r = ask(n, "drv", "/nvswitch/version", (NscqCallback) on_text, &version, f);
        if (r >= 0)
                r = library_take_text(&n->library, version.text, driver_version, sizeof(driver_version), f);
        if (r >= 0)
                r = observe(n, "/drv/nvswitch/{device}/uuid", "/drv/nvswitch/{device}/uuid", (NscqCallback) on_uuid, &list, f);
        if (r >= 0 && list.too_many)
                r = fault_set(f, E2BIG, n->library.call, "not so many switches", "more than %zu", list.max);
        if (r >= 0)
                r = judge(n, list.result, f);
        if (r >= 0 && list.n > 0)
                r = observe(n, "/{nvswitch}/id/arch", "/{nvswitch}/id/arch", (NscqCallback) on_arch, &list, f);
        if (r >= 0)
                r = judge(n, list.result, f);
        for (size_t i = 0; r >= 0 && i < list.n; i++)
                r = ask_switch(n, &list, i, driver_version, &ret[i], f);
        if (r < 0)
                return r;
        *ret_n = list.n;
        return 0;
}

static int ask_bytes(Nscq *n, const char *label, const char *name, NscqCallback callback, size_t max, uint8_t *ret,
                     size_t *ret_size, Fault *f) {
        Answer a = { .max = max };
        int r;

        r = ask(n, label, name, callback, &a, f);
        if (r < 0)
                return r;
        memcpy(ret, a.bytes, a.size);
        *ret_size = a.size;
        return 0;
}

int nscq_report(Nscq *n, const char *label, const uint8_t nonce[static NONCE_SIZE], uint8_t ret[static NSCQ_REPORT_MAX],
                size_t *ret_size, Fault *f) {
        uint8_t input[NONCE_SIZE];
        int r;

        memcpy(input, nonce, sizeof(input));
        library_say(&n->library, "nscq_session_set_input");
        r = judge(n, n->set_input(n->session, 0, input, sizeof(input)), f);
        if (r < 0)
                return r;
        return ask_bytes(n, label, "/config/attestation_report", (NscqCallback) on_report, NSCQ_REPORT_MAX, ret, ret_size, f);
}

int nscq_chain(Nscq *n, const char *label, uint8_t ret[static NSCQ_CHAIN_MAX], size_t *ret_size, Fault *f) {
        return ask_bytes(n, label, "/config/certificate", (NscqCallback) on_certificate, NSCQ_CHAIN_MAX, ret, ret_size, f);
}
