/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/tdx.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/io.h"

#define REGISTER_FILE "%s/sys/devices/virtual/misc/tdx_guest/measurements/rtmr%u:sha384"

static char *register_path(const char *root, unsigned rtmr) {
        char *path;

        return asprintf(&path, REGISTER_FILE, root, rtmr) < 0 ? NULL : path;
}

int tdx_has_register(const char *root, unsigned rtmr) {
        _cleanup_free_ char *path = register_path(root, rtmr);

        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return 1;
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

int tdx_read_register(const char *root, unsigned rtmr, uint8_t ret[static RTMR_SIZE], Fault *ret_fault) {
        _cleanup_free_ char *path = register_path(root, rtmr);
        _cleanup_free_ uint8_t *value = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = read_virtual_file_at(AT_FDCWD, path, RTMR_SIZE, &value, &size);
        if (r < 0)
                return fault_set(ret_fault, r, "TDX measurement register", "one that can be read", "%s: %s", path,
                                 read_file_strerror(r));
        if (size != RTMR_SIZE)
                return fault_set(ret_fault, EBADMSG, "TDX measurement register", "48 bytes", "%zu", size);
        memcpy(ret, value, RTMR_SIZE);
        return 0;
}

/* The kernel takes all 48 bytes in one write or none. */
static int write_register(const char *root, unsigned rtmr, const uint8_t digest[static RTMR_SIZE]) {
        _cleanup_free_ char *path = register_path(root, rtmr);
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        n = write(fd, digest, RTMR_SIZE);
        if (n < 0)
                return -errno;
        return n == (ssize_t) RTMR_SIZE ? 0 : -EIO;
}

static int extend_and_compare(const char *root, const LogEvent *event, const uint8_t before[static RTMR_SIZE],
                              bool *ret_changed, Fault *f) {
        char expected[2 * RTMR_SIZE + 1], found[2 * RTMR_SIZE + 1];
        uint8_t wanted[RTMR_SIZE], after[RTMR_SIZE];
        int r, written;

        memcpy(wanted, before, RTMR_SIZE);
        rtmr_extend(wanted, event->digest);
        written = write_register(root, event->rtmr, event->digest);
        r = tdx_read_register(root, event->rtmr, after, f);
        /* What cannot be known is taken for the worse: the log keeps the event. */
        *ret_changed = r < 0 || memcmp(before, after, RTMR_SIZE) != 0;
        if (r < 0)
                return r;
        if (written < 0)
                return fault_set(f, written, "TDX measurement register", "one that can be extended", "RTMR%u: %s",
                                 event->rtmr, strerror(-written));
        if (memcmp(wanted, after, RTMR_SIZE) != 0)
                return fault_set(f, EIO, "TDX measurement register", hex_encode(wanted, RTMR_SIZE, expected), "%s",
                                 hex_encode(after, RTMR_SIZE, found));
        return 0;
}

int tdx_measure(const char *root, const char *log_path, const LogEvent *event, Fault *ret_fault) {
        uint8_t before[RTMR_SIZE];
        uint64_t size_before;
        bool changed;
        int r;

        r = tdx_read_register(root, event->rtmr, before, ret_fault);
        if (r < 0)
                return r;
        r = event_log_settle(log_path, event->rtmr, before);
        /* First the log: a register that changed without a line in it could not be explained any more. */
        if (r >= 0)
                r = event_log_append(log_path, event, &size_before);
        if (r < 0)
                return fault_set(ret_fault, r, "event log", "a file that can be written", "%s: %s", log_path,
                                 strerror(-r));
        r = extend_and_compare(root, event, before, &changed, ret_fault);
        if (r < 0 && !changed)
                (void) event_log_take_back(log_path, size_before);
        return r;
}
