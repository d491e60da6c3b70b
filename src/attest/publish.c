/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/publish.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"

#define RUN_DIR "/run/cocoon"

static const char *const names[_PUBLISHED_MAX] = {
        [PUBLISHED_CLAIMS]   = "gpu-attestation.json",
        [PUBLISHED_EAT]      = "gpu-attestation.eat",
        [PUBLISHED_EVIDENCE] = "gpu-evidence.json",
        [PUBLISHED_QUOTE]    = "gpu-attestation.quote",
};

static int cannot_write(Fault *f, int error, const char *path) {
        return fault_set(f, error, "run directory", "files that can be written and removed", "%s: %s", path,
                         strerror(abs(error)));
}

static int make_directory(const char *root, Fault *f) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s" RUN_DIR, root) < 0)
                return -ENOMEM;
        return mkdir(path, 0755) < 0 && errno != EEXIST ? cannot_write(f, errno, path) : 0;
}

int publish_file(const char *root, PublishedFile which, const void *data, size_t size, Fault *ret_fault) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = make_directory(root, ret_fault);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s" RUN_DIR "/%s", root, names[which]) < 0)
                return -ENOMEM;
        r = write_file_atomic(path, data, size, 0644);
        return r < 0 ? cannot_write(ret_fault, r, path) : 0;
}

/* One of the files, or a temporary file of write_file_atomic() for one. */
static bool is_published(const char *name) {
        for (PublishedFile i = 0; i < _PUBLISHED_MAX; i++) {
                size_t n = strlen(names[i]);

                if (strncmp(name, names[i], n) == 0 && (!name[n] || name[n] == '.'))
                        return true;
        }
        return false;
}

int publish_withdraw(const char *root, Fault *ret_fault) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;
        const struct dirent *entry;
        int r = 0;

        if (asprintf(&path, "%s" RUN_DIR, root) < 0)
                return -ENOMEM;
        dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? 0 : cannot_write(ret_fault, errno, path);
        while (errno = 0, (entry = readdir(dir)))
                if (is_published(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
                        r = cannot_write(ret_fault, errno, entry->d_name);
        return errno != 0 ? cannot_write(ret_fault, errno, path) : r;
}

char *publish_event_log_path(const char *root) {
        char *path;

        return asprintf(&path, "%s" RUN_DIR "/rtmr3.log", root) < 0 ? NULL : path;
}
