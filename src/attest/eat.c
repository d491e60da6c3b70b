/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/eat.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/json.h"

#define LIFETIME_SEC 3600
#define BACKDATE_SEC 120

typedef struct TokenForm {
        const char *header;     /* of every token */
        const char *key;        /* of HS256; NULL: no signature */
        const char *gpu_issuer, *switch_issuer; /* of the overall token */
        bool backdated;         /* has nbf */
        bool uuid;              /* jti is a UUID */
        bool digest_of_claims;  /* the digest is over the claims' text, not over the token */
} TokenForm;

static const TokenForm python_form = {
        .header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
        .key = "secret",
        .gpu_issuer = "LOCAL_GPU_VERIFIER",
        .switch_issuer = "LOCAL_SWITCH_VERIFIER",
        .backdated = true,
        .uuid = true,
        .digest_of_claims = true,
};

static const TokenForm cpp_form = {
        .header = "{\"alg\":\"none\",\"typ\":\"JWT\"}",
        .gpu_issuer = "NVAT-LOCAL-VERIFIER",
        .switch_issuer = "NVAT-LOCAL-VERIFIER",
};

static const TokenForm *form_of(ClaimsVersion version) {
        return version == CLAIMS_4_0 ? &cpp_form : &python_form;
}

/* 32 random bytes in hex, or a random UUID (RFC 9562, version 4). */
static int make_id(bool uuid, char ret[static 65]) {
        uint8_t b[32];

        if (RAND_bytes(b, sizeof(b)) != 1)
                return -EIO;
        if (!uuid) {
                hex_encode(b, sizeof(b), ret);
                return 0;
        }
        b[6] = (uint8_t) ((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);
        (void) snprintf(ret, 65, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                        b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
        return 0;
}

static int add_validity(json_object *o, const TokenForm *form, int64_t now) {
        char id[65];
        int r;

        r = make_id(form->uuid, id);
        if (r < 0)
                return r;
        if (form->backdated && json_add_int(o, "nbf", now - BACKDATE_SEC) < 0)
                return -ENOMEM;
        if (json_add_int(o, "exp", now + LIFETIME_SEC) < 0 || json_add_int(o, "iat", now) < 0 ||
            json_add_string(o, "jti", id) < 0)
                return -ENOMEM;
        return 0;
}

static int print_claims(FILE *f, json_object *o);

static int print_members(FILE *f, json_object *o) {
        const char *separator = "";

        json_object_object_foreach(o, key, value) {
                _cleanup_json_ json_object *name = json_object_new_string(key);

                if (!name)
                        return -ENOMEM;
                (void) fputs(separator, f);
                if (print_claims(f, name) < 0)
                        return -ENOMEM;
                (void) fputs(": ", f);
                if (print_claims(f, value) < 0)
                        return -ENOMEM;
                separator = ", ";
        }
        return 0;
}

/* The text that Python's json.dumps() makes of claims, which is what the digests in 2.0 and 3.0 tokens are over. */
static int print_claims(FILE *f, json_object *o) {
        const char *scalar;

        if (json_object_is_type(o, json_type_object)) {
                (void) fputc('{', f);
                if (print_members(f, o) < 0)
                        return -ENOMEM;
                (void) fputc('}', f);
                return 0;
        }
        if (json_object_is_type(o, json_type_array)) {
                (void) fputc('[', f);
                for (size_t i = 0; i < json_object_array_length(o); i++) {
                        (void) fputs(i > 0 ? ", " : "", f);
                        if (print_claims(f, json_object_array_get_idx(o, i)) < 0)
                                return -ENOMEM;
                }
                (void) fputc(']', f);
                return 0;
        }
        scalar = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        return scalar && fputs(scalar, f) >= 0 ? 0 : -ENOMEM;
}

static int claims_text(json_object *claims, char **ret) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        int r;

        if (!f)
                return -ENOMEM;
        r = print_claims(f, claims);
        if (fclose(f) != 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }
        *ret = text;
        return 0;
}

/* RFC 7515, compact. */
static int make_token(const TokenForm *form, json_object *payload, char **ret) {
        const char *text = json_object_to_json_string_ext(payload, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        _cleanup_free_ char *head = base64url_encode(form->header, strlen(form->header));
        _cleanup_free_ char *body = text ? base64url_encode(text, strlen(text)) : NULL;
        _cleanup_free_ char *input = NULL, *mac_text = NULL;
        uint8_t mac[SHA256_DIGEST_LENGTH];

        if (!head || !body || asprintf(&input, "%s.%s", head, body) < 0)
                return -ENOMEM;
        if (form->key) {
                if (!HMAC(EVP_sha256(), form->key, (int) strlen(form->key), (const uint8_t *) input, strlen(input), mac,
                          NULL))
                        return -EIO;
                mac_text = base64url_encode(mac, sizeof(mac));
                if (!mac_text)
                        return -ENOMEM;
        }
        return asprintf(ret, "%s.%s", input, mac_text ?: "") < 0 ? -ENOMEM : 0;
}

/* Device tokens are the claims with a validity of their own; the overall token's times are given to them all, so that
 * one bundle lives and dies at once. */
static int device_token(const TokenForm *form, json_object *claims, json_object *overall, char **ret) {
        _cleanup_json_ json_object *payload = NULL;
        json_object *issued;
        int r;

        if (json_object_deep_copy(claims, &payload, NULL) < 0 || !json_object_object_get_ex(overall, "iat", &issued))
                return -ENOMEM;
        if (!form->backdated && json_add_string(payload, "iss", form->gpu_issuer) < 0)
                return -ENOMEM;
        r = add_validity(payload, form, json_object_get_int64(issued));
        if (r < 0)
                return r;
        return make_token(form, payload, ret);
}

static int add_digest(json_object *submods, const char *key, const char *text) {
        _cleanup_json_ json_object *outer = json_object_new_array(), *inner = json_object_new_array();
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char hex[2 * sizeof(digest) + 1];

        if (!outer || !inner)
                return -ENOMEM;
        (void) SHA256((const uint8_t *) text, strlen(text), digest);
        hex_encode(digest, sizeof(digest), hex);
        if (json_object_array_add(inner, json_object_new_string("SHA256")) < 0 ||
            json_object_array_add(inner, json_object_new_string(hex)) < 0 ||
            json_object_array_add(outer, json_object_new_string("DIGEST")) < 0 ||
            json_object_array_add(outer, json_object_get(inner)) < 0)
                return -ENOMEM;
        return json_add(submods, key, TAKE_PTR(outer));
}

int eat_overall_claims(const Appraisal *a, ClaimsVersion version, time_t now, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        const TokenForm *form = form_of(version);
        char nonce[2 * NONCE_SIZE + 1];
        bool any_gpu = false;
        int r;

        if (!o)
                return -ENOMEM;
        for (size_t i = 0; i < a->n_devices; i++)
                any_gpu = any_gpu || !a->devices[i].arch || !a->devices[i].arch->is_switch;
        if (json_add_string(o, "sub", "NVIDIA-PLATFORM-ATTESTATION") < 0)
                return -ENOMEM;
        r = add_validity(o, form, now);
        if (r < 0)
                return r;
        if (a->n_devices > 0)
                hex_encode(a->nonce, NONCE_SIZE, nonce);
        if (json_add_string(o, "x-nvidia-ver", claims_version_to_string(version)) < 0 ||
            json_add_string(o, "iss", any_gpu ? form->gpu_issuer : form->switch_issuer) < 0 ||
            json_add_bool(o, "x-nvidia-overall-att-result", a->accepted) < 0 ||
            json_add_string(o, "eat_nonce", a->n_devices > 0 ? nonce : NULL) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

static int add_device(const TokenForm *form, const char *key, json_object *claims, json_object *overall,
                      json_object *submods, json_object *tokens) {
        _cleanup_free_ char *token = NULL, *text = NULL;
        int r;

        r = device_token(form, claims, overall, &token);
        if (r < 0)
                return r;
        r = claims_text(claims, &text);
        if (r < 0)
                return r;
        r = add_digest(submods, key, form->digest_of_claims ? text : token);
        if (r < 0)
                return r;
        return json_add_string(tokens, key, token);
}

int eat_bundle(json_object *overall, json_object *devices, ClaimsVersion version, char **ret) {
        _cleanup_json_ json_object *signed_overall = NULL, *tokens = json_object_new_object(),
                                   *submods = json_object_new_object();
        const TokenForm *form = form_of(version);
        _cleanup_free_ char *token = NULL;
        const char *text;
        int r;

        if (!tokens || !submods || json_object_deep_copy(overall, &signed_overall, NULL) < 0)
                return -ENOMEM;
        json_object_object_foreach(devices, key, claims) {
                r = add_device(form, key, claims, overall, submods, tokens);
                if (r < 0)
                        return r;
        }
        r = json_add(signed_overall, "submods", json_object_get(submods));
        if (r < 0)
                return r;
        r = make_token(form, signed_overall, &token);
        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(tokens, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text || asprintf(ret, "[[\"JWT\",\"%s\"],%s]\n", token, text) < 0)
                return -ENOMEM;
        return 0;
}
