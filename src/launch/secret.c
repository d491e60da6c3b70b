/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/secret.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"

#define SECRET_MAX 4096U

static int check_text(const char *name, const char *text, Fault *f) {
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p > '~')
                        return fault_set(f, EINVAL, name, "one word of printable characters", "something else");
        if (!*text)
                return fault_set(f, EINVAL, name, "one word of printable characters", "nothing");
        return 0;
}

/* 0 with NULL when there is none of that name. */
static int read_credential(const char *name, char **ret, Fault *f) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        int r;

        if (!directory)
                return 0;
        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        r = read_file_at(AT_FDCWD, path, SECRET_MAX, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return fault_set(f, r, name, "a credential that can be read", "%s", read_file_strerror(r));
        /* What an editor leaves behind the last line. */
        if (size > 0 && text[size - 1] == '\n')
                text[--size] = 0;
        if (strlen((char *) text) != size)
                return fault_set(f, EINVAL, name, "one word of printable characters", "something else");
        r = check_text(name, (char *) text, f);
        if (r >= 0)
                *ret = (char *) TAKE_PTR(text);
        return r;
}

static int find_one(char **secret, const char *name, const char *variable, Fault *f) {
        const char *value = variable ? getenv(variable) : NULL;
        int r;

        if (!*secret) {
                r = read_credential(name, secret, f);
                if (r < 0 || *secret)
                        return r;
                if (!value || !*value)
                        return 0;
                *secret = strdup(value);
                if (!*secret)
                        return -ENOMEM;
        }
        return check_text(name, *secret, f);
}

/* One that this process cannot even reach, not everybody can read. */
static int check_file(const char *path, Fault *f) {
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == ENOENT || errno == EACCES ?
                               0 :
                               fault_set(f, errno, "configuration file", "its mode", "%s: %s", path, strerror(errno));
        return st.st_mode & (S_IROTH | S_IWOTH) ?
                       fault_set(f, EPERM, "configuration file", "a mode such as 0600, because hf_token or node_wallet_key is in it",
                                 "mode %04o of %s; chmod o= it, or use credentials", st.st_mode & 07777, path) :
                       0;
}

int secrets_find(WorkerConfig *c, const char *config_path, const char *config_name, Fault *ret_fault) {
        int r = 0;

        if (c->hf_token || c->node_wallet_key) {
                r = check_file(config_path, ret_fault);
                /* A credential is a copy; what it was copied from is what others see. */
                if (r >= 0)
                        r = check_file(config_name, ret_fault);
        }
        if (r < 0)
                return r;
        r = find_one(&c->hf_token, "hf_token", "HF_TOKEN", ret_fault);
        if (r < 0)
                return r;
        return find_one(&c->node_wallet_key, "node_wallet_key", NULL, ret_fault);
}
