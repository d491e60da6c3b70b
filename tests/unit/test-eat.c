/* SPDX-License-Identifier: Apache-2.0 */

/* Bundles are taken apart with OpenSSL and json-c alone, as one who receives them would. */

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#include "attest/eat.h"
#include "basic/hex.h"
#include "basic/json.h"
#include "trial.h"
#include "test.h"

static const SimModel models[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

static const char any_policy[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":"
                                 "{\"x-nvidia-overall-att-result\":true},\"detached-claims\":{\"measres\":\"success\"}}}";

/* The part of a compact token that begins at `text`, decoded: the caller's. */
static char *decode_part(const char *text, size_t length) {
        char *padded = calloc(1, length + 4), *bytes = calloc(1, length + 4);
        size_t n = length;
        int size;

        for (size_t i = 0; i < length; i++)
                padded[i] = (char) (text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
        while (n % 4 != 0)
                padded[n++] = '=';
        size = EVP_DecodeBlock((uint8_t *) bytes, (uint8_t *) padded, (int) n);
        CHECK(size >= (int) (n - length));
        bytes[size - (int) (n - length)] = 0;
        free(padded);
        return bytes;
}

static json_object *decode_token(const char *token, const char *header) {
        const char *dot = strchr(token, '.'), *last = dot ? strchr(dot + 1, '.') : NULL;
        _cleanup_free_ char *head = NULL, *body = NULL;
        json_object *payload = NULL;

        CHECK(last);
        if (!last)
                return NULL;
        head = decode_part(token, (size_t) (dot - token));
        CHECK_STR(head, header);
        body = decode_part(dot + 1, (size_t) (last - dot - 1));
        CHECK_EQ(json_parse(body, strlen(body), 16, 4096, &payload), 0);
        return payload;
}

static void check_hs256(const char *token) {
        const char *last = strrchr(token, '.');
        _cleanup_free_ char *wanted = NULL;
        uint8_t mac[32];

        CHECK(HMAC(EVP_sha256(), "secret", 6, (const uint8_t *) token, (size_t) (last - token), mac, NULL));
        wanted = base64url_encode(mac, sizeof(mac));
        CHECK_STR(last + 1, wanted);
}

static const char *digest_in(json_object *overall, const char *key) {
        json_object *submods = json_object_object_get(overall, "submods"), *outer, *inner;

        outer = json_object_object_get(submods, key);
        CHECK_EQ(json_object_array_length(outer), 2);
        CHECK_STR(json_object_get_string(json_object_array_get_idx(outer, 0)), "DIGEST");
        inner = json_object_array_get_idx(outer, 1);
        CHECK_EQ(json_object_array_length(inner), 2);
        return json_object_get_string(json_object_array_get_idx(inner, 1));
}

static void check_bundle(ClaimsVersion version, const char *header, bool is_signed) {
        _cleanup_json_ json_object *bundle = NULL, *overall = NULL;
        _cleanup_(trial_freep) Trial *s = trial_new(models);
        _cleanup_free_ char *text = NULL, *nonce = hex_encode_alloc(s->nonce, SIM_NONCE_SIZE);
        json_object *first, *tokens;
        const char *token;

        s->version = version;
        s->policy = any_policy;
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        CHECK_EQ(eat_bundle(s->verdict.overall, s->verdict.devices, version, &text), 0);
        CHECK_EQ(json_parse(text, strlen(text), 16, 4096, &bundle), 0);
        CHECK_EQ(json_object_array_length(bundle), 2);
        first = json_object_array_get_idx(bundle, 0);
        tokens = json_object_array_get_idx(bundle, 1);
        CHECK_STR(json_object_get_string(json_object_array_get_idx(first, 0)), "JWT");
        token = json_object_get_string(json_object_array_get_idx(first, 1));
        overall = decode_token(token, header);
        CHECK_STR(json_object_get_string(json_object_object_get(overall, "eat_nonce")), nonce);
        CHECK(json_object_get_boolean(json_object_object_get(overall, "x-nvidia-overall-att-result")));
        CHECK_EQ(json_object_object_length(tokens), 2);
        json_object_object_foreach(tokens, key, value) {
                const char *device = json_object_get_string(value), *digest = digest_in(overall, key);
                _cleanup_json_ json_object *claims = decode_token(device, header);
                uint8_t hash[SHA256_DIGEST_LENGTH];
                char hex[2 * sizeof(hash) + 1];

                CHECK_STR(json_object_get_string(json_object_object_get(claims, "measres")), "success");
                CHECK(json_object_get_int64(json_object_object_get(claims, "exp")) >
                      json_object_get_int64(json_object_object_get(claims, "iat")));
                if (is_signed)
                        check_hs256(device);
                else {
                        CHECK_STR(strrchr(device, '.'), ".");
                        SHA256((const uint8_t *) device, strlen(device), hash);
                        CHECK_STR(digest, hex_encode(hash, sizeof(hash), hex));
                }
                CHECK_EQ(strlen(digest), 64);
        }
        CHECK(strcmp(digest_in(overall, "GPU-0"), digest_in(overall, "GPU-1")) != 0);
        if (is_signed)
                check_hs256(token);
}

static void test_python_form(void) {
        check_bundle(CLAIMS_2_0, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", true);
        check_bundle(CLAIMS_3_0, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", true);
}

static void test_cpp_form(void) {
        check_bundle(CLAIMS_4_0, "{\"alg\":\"none\",\"typ\":\"JWT\"}", false);
}

/* The digest of the 2.0 and 3.0 forms is over what Python's json.dumps() writes. */
static void test_digest_is_of_python_text(void) {
        static const char claims[] = "{\"a\":true,\"b\":null,\"c\":[1,\"x\\/\"],\"d\":{\"e\":\"f\"}}";
        static const char dumped[] = "{\"a\": true, \"b\": null, \"c\": [1, \"x/\"], \"d\": {\"e\": \"f\"}}";
        _cleanup_json_ json_object *bundle = NULL, *overall = json_object_new_object(), *signed_overall = NULL,
                                   *devices = json_object_new_object();
        uint8_t hash[SHA256_DIGEST_LENGTH];
        _cleanup_free_ char *text = NULL;
        char hex[2 * sizeof(hash) + 1];
        json_object *one = NULL;

        CHECK_EQ(json_parse(claims, strlen(claims), 8, 64, &one), 0);
        CHECK_EQ(json_add(devices, "GPU-0", one), 0);
        CHECK_EQ(json_add_int(overall, "iat", 1000), 0);
        CHECK_EQ(eat_bundle(overall, devices, CLAIMS_3_0, &text), 0);
        CHECK_EQ(json_parse(text, strlen(text), 16, 4096, &bundle), 0);
        signed_overall = decode_token(
                json_object_get_string(json_object_array_get_idx(json_object_array_get_idx(bundle, 0), 1)),
                "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
        SHA256((const uint8_t *) dumped, sizeof(dumped) - 1, hash);
        CHECK_STR(digest_in(signed_overall, "GPU-0"), hex_encode(hash, sizeof(hash), hex));
}

static const Test tests[] = {
        { "claims 2.0 and 3.0: HS256 with the known key", test_python_form              },
        { "claims 4.0: no signature, digest of tokens",   test_cpp_form                 },
        { "digests of 3.0 are of Python's text",          test_digest_is_of_python_text },
};

int main(void) {
        int r;

        if (rim_library_init() < 0)
                return 1;
        r = test_run_all(tests, ELEMENTSOF(tests));
        rim_library_done();
        return r;
}
