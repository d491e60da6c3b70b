/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/json.h"

#define VERSION    1
#define DEPTH_MAX  4
#define VALUES_MAX 4096U
#define READ_STEP  (64U * 1024)

static int refuse(Fault *f, const char *expected, const char *found) {
        return fault_set(f, EBADMSG, "bundle", expected, "%s", found);
}

static int take_rim(json_object *entry, Collateral *c, Fault *f) {
        _cleanup_free_ uint8_t *xml = NULL;
        const char *id, *base64;
        size_t size;
        int r;

        if (json_get_string(entry, "id", &id) < 0 || json_get_string(entry, "rim", &base64) < 0)
                return refuse(f, "an id and a rim in each of its rims", "something else");
        if (!rim_id_is_valid(id))
                return refuse(f, "ids made of letters, digits, '.', '-' and '_'", id);
        r = base64_decode(base64, strlen(base64), &xml, &size);
        if (r < 0)
                return r == -ENOMEM ? r : refuse(f, "RIMs in base64", "something else");
        if (size > RIM_FILE_MAX)
                return refuse(f, "RIMs of at most 256 KiB", "a larger one");
        r = collateral_store_rim(c, id, xml, size, f);
        if (r >= 0)
                TAKE_PTR(xml);
        return r;
}

static int take_answer(json_object *entry, Collateral *c, Fault *f) {
        _cleanup_free_ uint8_t *der = NULL;
        Fault ignored;
        size_t size;
        int r;

        if (!json_object_is_type(entry, json_type_string))
                return refuse(f, "strings as its OCSP answers", "something else");
        r = base64_decode(json_object_get_string(entry), (size_t) json_object_get_string_len(entry), &der, &size);
        if (r < 0)
                return r == -ENOMEM ? r : refuse(f, "OCSP answers in base64", "something else");
        return c->ocsp && ocsp_answers_add(c->ocsp, der, size, &ignored) == -ENOMEM ? -ENOMEM : 0;
}

static int take_each(json_object *o, const char *key, int (*take)(json_object *, Collateral *, Fault *), Collateral *c,
                     Fault *f) {
        json_object *list;
        int r = 0;

        if (json_get_array(o, key, &list) < 0)
                return refuse(f, "lists \"rims\" and \"ocsp\"", "none");
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++)
                r = take(json_object_array_get_idx(list, i), c, f);
        return r;
}

int bundle_parse(const char *text, size_t size, Collateral *c, Fault *ret_fault) {
        _cleanup_json_ json_object *o = NULL;
        json_object *version;
        int r;

        r = json_parse(text, size, DEPTH_MAX, VALUES_MAX, &o);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return refuse(ret_fault, "a JSON object", "something that is none");
        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "cocoon-bundle", &version))
                return refuse(ret_fault, "\"cocoon-bundle\" in it", "none");
        if (!json_object_is_type(version, json_type_int) || json_object_get_int64(version) != VERSION)
                return refuse(ret_fault, "version 1", json_object_to_json_string(version));
        r = take_each(o, "rims", take_rim, c, ret_fault);
        return r < 0 ? r : take_each(o, "ocsp", take_answer, c, ret_fault);
}

/* Up to the first NUL, or the end. */
static int read_text(int fd, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        for (;;) {
                char *grown, *nul;
                ssize_t k;

                if (size > BUNDLE_MAX)
                        return -EFBIG;
                grown = realloc(text, size + READ_STEP);
                if (!grown)
                        return -ENOMEM;
                text = grown;
                k = read(fd, text + size, READ_STEP);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                nul = memchr(text + size, 0, (size_t) k);
                size = nul ? (size_t) (nul - text) : size + (size_t) k;
                if (nul || k == 0)
                        break;
        }
        if (size > BUNDLE_MAX)
                return -EFBIG;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

int bundle_load(const char *path, Collateral *c, Fault *ret_fault) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t size = 0;
        int r;

        r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
        if (r >= 0 && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return fault_set(ret_fault, EINVAL, "bundle", "a file or block device", "%s, which is neither", path);
        if (r >= 0)
                r = read_text(fd, &text, &size);
        if (r == -EFBIG)
                return fault_set(ret_fault, EFBIG, "bundle", "at most 4 MiB", "%s: more", path);
        if (r < 0)
                return fault_set(ret_fault, r, "bundle", "a file or block device that can be read", "%s: %s", path,
                                 strerror(-r));
        return bundle_parse(text, size, c, ret_fault);
}

static int add_rims(json_object *list, const Collateral *c) {
        for (size_t i = 0; i < c->n_rims; i++) {
                const RimEntry *e = c->rims[i];
                _cleanup_json_ json_object *o = NULL;
                _cleanup_free_ char *text = NULL;

                if (!rim_entry_is_good(e))
                        continue;
                text = base64_encode(e->xml, e->size);
                o = json_object_new_object();
                if (!text || !o || json_add_string(o, "id", e->id) < 0 || json_add_string(o, "rim", text) < 0 ||
                    json_object_array_add(list, o) < 0)
                        return -ENOMEM;
                TAKE_PTR(o);
        }
        return 0;
}

static int add_answers(json_object *list, const Collateral *c) {
        OcspAnswerView answer;

        for (size_t i = 0; c->ocsp && ocsp_answers_get(c->ocsp, i, &answer); i++) {
                _cleanup_json_ json_object *o = NULL;
                _cleanup_free_ char *text = NULL;

                if (!answer.good)
                        continue;
                text = base64_encode(answer.der, answer.size);
                o = text ? json_object_new_string(text) : NULL;
                if (!o || json_object_array_add(list, o) < 0)
                        return -ENOMEM;
                TAKE_PTR(o);
        }
        return 0;
}

int bundle_format(const Collateral *c, time_t created, char **ret) {
        _cleanup_json_ json_object *o = json_object_new_object(), *rims = json_object_new_array(),
                                   *answers = json_object_new_array();
        const char *text;
        char time[32];
        struct tm tm;

        if (!gmtime_r(&created, &tm) || strftime(time, sizeof(time), "%FT%TZ", &tm) == 0)
                return -ENOMEM;
        if (!o || !rims || !answers || add_rims(rims, c) < 0 || add_answers(answers, c) < 0 ||
            json_add_int(o, "cocoon-bundle", VERSION) < 0 || json_add_string(o, "created", time) < 0 ||
            json_add(o, "rims", TAKE_PTR(rims)) < 0 || json_add(o, "ocsp", TAKE_PTR(answers)) < 0)
                return -ENOMEM;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
                return -ENOMEM;
        if (strlen(text) > BUNDLE_MAX - 1)
                return -E2BIG;
        return asprintf(ret, "%s\n", text) < 0 ? -ENOMEM : 0;
}
