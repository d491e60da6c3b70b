/* SPDX-License-Identifier: Apache-2.0 */

/* What the kernel of a TDX guest does behind its files, over plain files below a directory: linked into a test, or
 * preloaded into a program. Writing to …/measurements/rtmrN:sha384 extends the register in the file; a directory made
 * in …/config/tsm/report gets its attributes, and data written to inblob give a quote. The quote has the layout of
 * version 4 and no signature that anybody could verify.
 *
 * COCOON_TDX_FAULT names what goes wrong: extend-refused, extend-ignored, extend-other, inblob-ignored,
 * generation-moves, quote-other, quote-short, quote-other-rtmr, no-quote, provider. */

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attest/quote.h"

#define REPORT_PART "/sys/kernel/config/tsm/report/"

static const char *const attributes[] = { "provider", "generation", "inblob", "outblob" };

static bool fault_is(const char *name) {
        const char *fault = getenv("COCOON_TDX_FAULT");

        return fault && strcmp(fault, name) == 0;
}

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), m = strlen(end);

        return n >= m && strcmp(text + n - m, end) == 0;
}

static bool get_all(const char *path, void *data, size_t size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        bool good = fd >= 0 && read(fd, data, size) == (ssize_t) size;

        if (fd >= 0)
                (void) close(fd);
        return good;
}

/* Whoever is killed in the midst of this leaves a register as it was, or as it will be: a kernel does nothing by halves. */
static bool put_all(const char *path, const void *data, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        bool good = fd >= 0 && syscall(SYS_write, fd, data, size) == (long) size && ftruncate(fd, (off_t) size) == 0;

        if (fd >= 0)
                (void) close(fd);
        return good;
}

static ssize_t extend(const char *path, const uint8_t *digest, size_t size) {
        uint8_t both[2 * RTMR_SIZE];

        if (size != RTMR_SIZE) {
                errno = EINVAL;
                return -1;
        }
        if (fault_is("extend-refused") || !get_all(path, both, RTMR_SIZE)) {
                errno = EIO;
                return -1;
        }
        if (fault_is("extend-ignored"))
                return (ssize_t) size;
        memcpy(both + RTMR_SIZE, digest, RTMR_SIZE);
        if (fault_is("extend-other"))
                both[0] ^= 1;
        (void) SHA384(both, sizeof(both), both);
        if (!put_all(path, both, RTMR_SIZE)) {
                errno = EIO;
                return -1;
        }
        return (ssize_t) size;
}

static void sibling(const char *path, const char *name, char ret[static 512]) {
        const char *slash = strrchr(path, '/');

        (void) snprintf(ret, 512, "%.*s/%s", (int) (slash - path), path, name);
}

static void make_quote(const char *inblob_path, const uint8_t *data, size_t size) {
        uint8_t quote[48 + 584 + 4] = { 4, 0, 2, 0, 0x81 };
        char path[512];

        for (unsigned i = 0; i < RTMR_COUNT; i++) {
                const char *part = strstr(inblob_path, REPORT_PART);

                (void) snprintf(path, sizeof(path), "%.*s/sys/devices/virtual/misc/tdx_guest/measurements/rtmr%u:sha384",
                                (int) (part - inblob_path), inblob_path, i);
                (void) get_all(path, quote + 48 + 328 + (size_t) i * RTMR_SIZE, RTMR_SIZE);
        }
        memcpy(quote + 48 + 520, data, size < QUOTE_REPORT_DATA_SIZE ? size : QUOTE_REPORT_DATA_SIZE);
        quote[48 + 520] ^= fault_is("quote-other");
        quote[48 + 472] ^= fault_is("quote-other-rtmr");
        sibling(inblob_path, "outblob", path);
        if (fault_is("no-quote"))
                (void) unlink(path);
        else
                (void) put_all(path, quote, fault_is("quote-short") ? 600 : sizeof(quote));
}

static ssize_t take_inblob(const char *path, const uint8_t *data, size_t size) {
        char generation_path[512], text[32] = "";
        unsigned generation;
        int n;

        if (fault_is("inblob-ignored"))
                return (ssize_t) size;
        sibling(path, "generation", generation_path);
        (void) get_all(generation_path, text, sizeof(text) - 1);
        generation = (unsigned) strtoul(text, NULL, 10) + (fault_is("generation-moves") ? 2 : 1);
        n = snprintf(text, sizeof(text), "%u\n", generation);
        (void) put_all(generation_path, text, (size_t) n);
        make_quote(path, data, size);
        return (ssize_t) size;
}

ssize_t write(int fd, const void *data, size_t size) {
        char link[64], path[512] = "";

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, path, sizeof(path) - 1) > 0) {
                if (strstr(path, "/tdx_guest/measurements/rtmr") && ends_with(path, ":sha384"))
                        return extend(path, data, size);
                if (strstr(path, REPORT_PART) && ends_with(path, "/inblob"))
                        return take_inblob(path, data, size);
        }
        return syscall(SYS_write, fd, data, size);
}

int mkdir(const char *path, mode_t mode) {
        const char *provider = fault_is("provider") ? "sev_guest\n" : "tdx_guest\n";
        char file[512];

        if (syscall(SYS_mkdir, path, mode) < 0)
                return -1;
        if (!strstr(path, REPORT_PART))
                return 0;
        for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
                (void) snprintf(file, sizeof(file), "%s/%s", path, attributes[i]);
                if (i == 0)
                        (void) put_all(file, provider, strlen(provider));
                else
                        (void) put_all(file, "0\n", i == 1 ? 2 : 0);
        }
        return 0;
}

int rmdir(const char *path) {
        char file[512];

        for (size_t i = 0; strstr(path, REPORT_PART) && i < sizeof(attributes) / sizeof(*attributes); i++) {
                (void) snprintf(file, sizeof(file), "%s/%s", path, attributes[i]);
                (void) unlink(file);
        }
        return (int) syscall(SYS_rmdir, path);
}
