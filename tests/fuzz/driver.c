/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target over files and over the files of directories, without libFuzzer: the corpus as a regression
 * test under any compiler. Fails when there was nothing to run. */

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/io.h"

#define INPUT_MAX (16U * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

DEFINE_CLEANUP_FUNC(DIR *, closedir)

static int run_file(int dir_fd, const char *name, size_t *count) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = read_file_at(dir_fd, name, INPUT_MAX, &data, &size);
        if (r < 0) {
                (void) fprintf(stderr, "%s: %s\n", name, strerror(-r));
                return r;
        }
        /* A crash ends the process at once: the name must be out by then. */
        (void) fprintf(stderr, "%s\n", name);
        (void) LLVMFuzzerTestOneInput(data, size);
        (*count)++;
        return 0;
}

static int run_directory(const char *path, size_t *count) {
        _cleanup_(closedirp) DIR *dir = opendir(path);
        struct dirent *entry;

        if (!dir)
                return -errno;
        while (errno = 0, (entry = readdir(dir))) {
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                r = run_file(dirfd(dir), entry->d_name, count);
                if (r < 0)
                        return r;
        }
        return -errno;
}

static int run_argument(const char *path, size_t *count) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? run_directory(path, count) : run_file(AT_FDCWD, path, count);
}

int main(int argc, char *argv[]) {
        size_t count = 0;

        for (int i = 1; i < argc; i++) {
                int r;

                r = run_argument(argv[i], &count);
                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
        }
        printf("%zu inputs\n", count);
        return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
