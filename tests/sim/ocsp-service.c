/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/services.h"

#include <openssl/ocsp.h>
#include <stdarg.h>
#include <string.h>

#include "basic/hex.h"
#include "sim/must.h"
#include "sim/ocsp-compose.h"

#define DAY_SEC      86400
#define KEYS_MAX     (6 * SIM_SCENE_DEVICES_MAX + 1)
#define LEVELS       3U
#define SERIAL_MAX   32U

/* The certificate that was asked about. */
typedef struct Subject {
        const OCSP_CERTID *id;      /* of the request */
        SimAuthority authority;     /* _SIM_AUTHORITY_NONE: nobody here has issued it */
        bool known;                 /* it is one of the scene's */
        char keys[KEYS_MAX][SIM_CONTROL_KEY];
        size_t n_keys;
} Subject;

/* A certificate id of the same digest about `serial` of an authority. The caller's. */
static OCSP_CERTID *make_id(SimPki *pki, const OCSP_CERTID *like, SimAuthority authority, const ASN1_INTEGER *serial) {
        X509 *issuer = sim_pki_cert(pki, authority)->cert;
        ASN1_OBJECT *algorithm;
        OCSP_CERTID *id;

        MUST(OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, (OCSP_CERTID *) (uintptr_t) like) == 1);
        if (!EVP_get_digestbyobj(algorithm))
                return NULL;
        id = OCSP_cert_id_new(EVP_get_digestbyobj(algorithm), X509_get_subject_name(issuer),
                              X509_get0_pubkey_bitstr(issuer), serial);
        MUST(id);
        return id;
}

static const ASN1_INTEGER *serial_of(const OCSP_CERTID *id) {
        ASN1_INTEGER *serial;

        MUST(OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *) (uintptr_t) id) == 1);
        return serial;
}

static SimAuthority find_authority(SimPki *pki, const OCSP_CERTID *asked) {
        for (SimAuthority a = 0; a < _SIM_AUTHORITY_MAX; a++) {
                OCSP_CERTID *id = make_id(pki, asked, a, serial_of(asked));
                bool same = id && OCSP_id_issuer_cmp(id, asked) == 0;

                OCSP_CERTID_free(id);
                if (same)
                        return a;
        }
        return _SIM_AUTHORITY_NONE;
}

_printf_(2, 3) static void add_key(Subject *s, const char *format, ...) {
        va_list args;

        MUST(s->n_keys < KEYS_MAX);
        va_start(args, format);
        (void) vsnprintf(s->keys[s->n_keys++], SIM_CONTROL_KEY, format, args);
        va_end(args);
}

static bool is_about(const Subject *s, const SimOcspSpec *spec) {
        return spec->authority == s->authority && ASN1_INTEGER_cmp(X509_get0_serialNumber(spec->cert), serial_of(s->id)) == 0;
}

/* A certificate that devices share is known by each of its places. */
static void find_places(Subject *s, const SimScene *scene) {
        add_key(s, "ocsp all");
        for (unsigned level = 0; level < LEVELS && s->authority != _SIM_AUTHORITY_NONE; level++) {
                bool rim = false;

                for (size_t i = 0; i < scene->n_devices; i++) {
                        SimOcspSpec of_device = sim_ocsp_device(scene->devices[i], level + 1);
                        SimOcspSpec of_rim = sim_ocsp_rim(scene->devices[i], level);

                        if (is_about(s, &of_device))
                                add_key(s, "ocsp device %zu %u", i, level + 1);
                        if (is_about(s, &of_rim) && !rim) {
                                add_key(s, "ocsp rim %u", level);
                                rim = true;
                        }
                }
        }
        s->known = s->n_keys > 1;
}

typedef enum Nonce {
        NONCE_SAME,
        NONCE_NONE,
        NONCE_OTHER,
} Nonce;

typedef struct Row {
        const char *word;
        SimOcspStatus status;
        SimResponder responder;
        int shift;     /* seconds, of all times */
        Nonce nonce;
        bool other_id;
        const uint8_t *raw; /* the whole answer: five bytes */
} Row;

static const Row rows[] = {
        { "good" },
        { "revoked", .status = SIM_OCSP_REVOKED },
        { "unknown", .status = SIM_OCSP_UNKNOWN },
        { "unauthorized", .raw = sim_ocsp_unauthorized },
        { "trylater", .raw = sim_ocsp_try_later },
        { "stale", .shift = -3 * DAY_SEC },
        { "future", .shift = 2 * DAY_SEC },
        { "age" },
        { "no-nonce", .nonce = NONCE_NONE },
        { "other-nonce", .nonce = NONCE_OTHER },
        { "wrong-certid", .other_id = true },
        { "no-eku", .responder = SIM_RESPONDER_NO_EKU },
        { "elsewhere", .responder = SIM_RESPONDER_ELSEWHERE },
        { "stranger", .responder = SIM_RESPONDER_STRANGER },
        { "expired", .responder = SIM_RESPONDER_EXPIRED },
        { "issuer", .responder = SIM_RESPONDER_ISSUER },
};

/* What the real service says: "good" about any number of an authority for devices, "unknown" about one that an
 * authority for RIMs has not issued, "unauthorized" about all others' certificates. */
static const char *plain_word(const Subject *s) {
        if (s->authority == _SIM_AUTHORITY_NONE)
                return "unauthorized";
        return s->known || s->authority < SIM_RIM_ROOT ? "good" : "unknown";
}

/* `text` begins with a word of the table; what follows goes to *ret_rest. */
static const Row *find_row(const char *text, const char **ret_rest) {
        size_t n = strcspn(text, " \t");

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (strlen(rows[i].word) == n && strncmp(rows[i].word, text, n) == 0) {
                        *ret_rest = text + n + strspn(text + n, " \t");
                        return &rows[i];
                }
        return NULL;
}

static int reason_number(const char *name) {
        static const char *const names[] = {
                "unspecified", "keyCompromise", "CACompromise", "affiliationChanged", "superseded",
                "cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "AACompromise",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (*name && strcmp(names[i], name) == 0)
                        return (int) i;
        return OCSP_REVOKED_STATUS_NOSTATUS;
}

static void compose(SimMachine *m, const Subject *s, const Row *row, const char *argument, OCSP_REQUEST *request,
                    SimBytes *body) {
        const ASN1_INTEGER *other = X509_get0_serialNumber(sim_pki_cert(m->scene->pki, s->authority)->cert);
        OCSP_CERTID *id = make_id(m->scene->pki, s->id, s->authority, row->other_id ? other : serial_of(s->id));
        bool aged = strcmp(row->word, "age") == 0;
        int shift = aged ? -(int) strtol(argument, NULL, 10) : row->shift;
        SimOcspComposition c = {
                .singles = { {
                        .about = { .authority = s->authority, .status = row->status },
                        .id = id,
                        .reason = reason_number(argument),
                        .this_update = shift,
                        .next_update = (aged ? 0 : shift) + DAY_SEC,
                } },
                .n_singles = 1,
                .responder = row->responder,
                .produced_at = shift,
                .request = row->nonce == NONCE_SAME ? request : NULL,
                .other_nonce = row->nonce == NONCE_OTHER,
        };
        _cleanup_free_ uint8_t *der = NULL;
        size_t size;

        sim_ocsp_compose(m->scene->pki, &c, &der, &size);
        sim_bytes_put(body, der, size);
        OCSP_CERTID_free(id);
}

/* SERIAL (PLACE) WORD, the first place that the certificate has. */
static void describe(const Subject *s, const char *word, char ret[static 192]) {
        const ASN1_INTEGER *serial = serial_of(s->id);
        char hex[2 * SERIAL_MAX + 1];
        int n = ASN1_STRING_length(serial);

        hex_encode(ASN1_STRING_get0_data(serial), (size_t) n < SERIAL_MAX ? (size_t) n : SERIAL_MAX, hex);
        (void) snprintf(ret, 192, "%s (%.40s) %.60s", hex,
                        s->known ? s->keys[1] + strlen("ocsp ") : "not of this machine", word);
}

static void answer_about(SimMachine *m, OCSP_REQUEST *request, const OCSP_CERTID *id, SimHttpAnswer *ret,
                         SimBehaviour *b, char ret_about[static 192]) {
        _cleanup_free_ Subject *s = calloc(1, sizeof(*s));
        const char *word, *argument;
        const Row *row;

        MUST(s);
        s->id = id;
        s->authority = find_authority(m->scene->pki, id);
        find_places(s, m->scene);
        *b = sim_control_find(m->control, s->keys, s->n_keys);
        word = b->deed == SIM_DEED_VALUE && find_row(b->text, &argument) ? b->text : plain_word(s);
        /* Nobody here can sign in the name of a stranger. */
        if (s->authority == _SIM_AUTHORITY_NONE)
                word = "unauthorized";
        row = find_row(word, &argument);
        MUST(row);
        describe(s, word, ret_about);
        if (row->raw)
                sim_bytes_put(&ret->body, row->raw, sizeof(sim_ocsp_unauthorized));
        else
                compose(m, s, row, argument, request, &ret->body);
}

void sim_ocsp_service_answer(SimMachine *m, const uint8_t *request, size_t size, SimHttpAnswer *ret,
                             SimBehaviour *ret_behaviour, char ret_about[static 192]) {
        static const uint8_t malformed[] = { 0x30, 0x03, 0x0a, 0x01, 0x01 };
        const unsigned char *p = request;
        OCSP_REQUEST *parsed = d2i_OCSP_REQUEST(NULL, &p, (long) size);

        ret->status = 200;
        ret->type = "application/ocsp-response";
        if (parsed && OCSP_request_onereq_count(parsed) == 1) {
                MUST(pthread_mutex_lock(&m->lock) == 0);
                answer_about(m, parsed, OCSP_onereq_get0_id(OCSP_request_onereq_get0(parsed, 0)), ret, ret_behaviour,
                             ret_about);
                (void) pthread_mutex_unlock(&m->lock);
        } else
                sim_bytes_put(&ret->body, malformed, sizeof(malformed));
        OCSP_REQUEST_free(parsed);
}
