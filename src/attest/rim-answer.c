/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/rim-answer.h"

#include <openssl/sha.h>
#include <string.h>

#include "attest/rim.h"
#include "basic/hex.h"
#include "basic/json.h"

#define WHAT       "RIM service's answer"
#define DEPTH_MAX  4
#define VALUES_MAX 64

/* A member that may be left out, but not be of another type. */
static int get_optional(json_object *o, const char *key, const char **ret, Fault *f) {
        int r;

        r = json_get_string(o, key, ret);
        if (r == -ENOENT) {
                *ret = NULL;
                return 0;
        }
        return r < 0 ? fault_set(f, EBADMSG, WHAT, key, "something that is no string under this name") : 0;
}

/* NVIDIA does not say whether it is made of the document or of its base64 text. */
static bool is_digest_of(const char *digest, const void *data, size_t size) {
        uint8_t wanted[SHA256_DIGEST_LENGTH], found[SHA256_DIGEST_LENGTH];

        return hex_decode(digest, strlen(digest), wanted, sizeof(wanted)) >= 0 && SHA256(data, size, found) &&
               memcmp(wanted, found, sizeof(found)) == 0;
}

static int decode(const char *base64, const char *digest, uint8_t **ret, size_t *ret_size, Fault *f) {
        _cleanup_free_ uint8_t *xml = NULL;
        size_t size;
        int r;

        r = base64_decode(base64, strlen(base64), &xml, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || size == 0)
                return fault_set(f, EBADMSG, WHAT, "a RIM in base64", "something else");
        if (size > RIM_FILE_MAX)
                return fault_set(f, EBADMSG, WHAT, "a RIM of at most 256 KiB", "%zu bytes", size);
        if (digest && !is_digest_of(digest, xml, size) && !is_digest_of(digest, base64, strlen(base64)))
                return fault_set(f, EBADMSG, WHAT, "a RIM with the SHA-256 that is given with it", "%.80s for another one",
                                 digest);
        *ret = TAKE_PTR(xml);
        *ret_size = size;
        return 0;
}

int rim_answer_parse(const char *text, size_t size, const char *id, uint8_t **ret, size_t *ret_size, Fault *ret_fault) {
        _cleanup_json_ json_object *o = NULL;
        const char *found = NULL, *base64 = NULL, *digest, *format;
        int r;

        r = json_parse(text, size, DEPTH_MAX, VALUES_MAX, &o);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fault_set(ret_fault, EBADMSG, WHAT, "a JSON object", "%zu bytes that are none", size);
        if (json_get_string(o, "id", &found) < 0 || strcmp(found, id) != 0)
                return fault_set(ret_fault, EBADMSG, WHAT, id, "%.80s", found ?: "no id");
        if (json_get_string(o, "rim", &base64) < 0)
                return fault_set(ret_fault, EBADMSG, WHAT, "a RIM in base64", "none");
        r = get_optional(o, "rim_format", &format, ret_fault);
        if (r >= 0)
                r = get_optional(o, "sha256", &digest, ret_fault);
        if (r < 0)
                return r;
        if (format && strcmp(format, "TCG") != 0)
                return fault_set(ret_fault, EBADMSG, WHAT, "a RIM of format TCG", "%.40s", format);
        return decode(base64, digest, ret, ret_size, ret_fault);
}
