/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/policy-file.h"

#include <fcntl.h>
#include <string.h>

#include "basic/io.h"

/* The strict policy for the claims that are made, installed or built in; the name tells which. */
static int read_default_policy(const DefaultPolicy *p, Policy **ret, char **ret_name, Fault *f) {
        _cleanup_free_ char *name = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        int r;

        if (asprintf(&name, "%s/%s", POLICY_DIR, p->file) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        r = read_file_at(AT_FDCWD, name, POLICY_FILE_MAX, &text, &size);
        if (r >= 0)
                r = policy_parse((const char *) text, size, ret, f);
        else if (r == -ENOENT) {
                (void) snprintf(name, strlen(name) + 1, "%s, built in", p->file);
                r = policy_parse(p->text, strlen(p->text), ret, f);
        } else
                r = fault_set(f, r, "policy", "a file that can be read", "%s", read_file_strerror(r));
        *ret_name = TAKE_PTR(name);
        return r;
}

static int read_named_policy(const char *path, Policy **ret, char **ret_name, Fault *f) {
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        int r;

        *ret_name = strdup(path);
        if (!*ret_name)
                return -ENOMEM;
        r = read_file_at(AT_FDCWD, path, POLICY_FILE_MAX, &text, &size);
        if (r < 0)
                return fault_set(f, r, "policy", "a file that can be read", "%s", read_file_strerror(r));
        return policy_parse((const char *) text, size, ret, f);
}

int policy_file_read(const char *path, ClaimsVersion claims, Policy **ret, char **ret_name, Fault *ret_fault) {
        return path ? read_named_policy(path, ret, ret_name, ret_fault) :
                      read_default_policy(&default_policies[claims], ret, ret_name, ret_fault);
}
