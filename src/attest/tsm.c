/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/tsm.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"

#define REPORTS_DIR "%s/sys/kernel/config/tsm/report"
/* Of our own, so that nobody else's requests come between. */
#define REPORT_ITEM REPORTS_DIR "/cocoon"
#define ATTRIBUTE_MAX 4096U
#define PROVIDER "tdx_guest"

static int no_quote(Fault *f, int error, const char *attribute) {
        return fault_set(f, error, "TDX quote", "the kernel's tsm/report to give one", "%s: %s", attribute,
                         strerror(abs(error)));
}

int tsm_available(const char *root) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, REPORTS_DIR, root) < 0)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return 1;
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

static int read_attribute(int item_fd, const char *name, char **ret, Fault *f) {
        uint8_t *text;
        size_t size;
        int r;

        r = read_virtual_file_at(item_fd, name, ATTRIBUTE_MAX, &text, &size);
        if (r < 0) {
                (void) no_quote(f, r, name);
                return r;
        }
        *ret = (char *) text;
        return 0;
}

static int check_provider(int item_fd, Fault *f) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_attribute(item_fd, "provider", &text, f);
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = 0;
        if (strcmp(text, PROVIDER) != 0)
                return fault_set(f, EPROTONOSUPPORT, "TDX quote", "the provider " PROVIDER, "%s", text);
        return 0;
}

static int read_generation(int item_fd, uint64_t *ret, Fault *f) {
        _cleanup_free_ char *text = NULL;
        char *end;
        int r;

        r = read_attribute(item_fd, "generation", &text, f);
        if (r < 0)
                return r;
        *ret = strtoull(text, &end, 10);
        return end > text && *end == '\n' ? 0 : no_quote(f, EBADMSG, "generation");
}

/* configfs hands the data on when the file is closed, and nobody hears of an error then; the generation tells. */
static int write_inblob(int item_fd, const uint8_t *data, size_t size, Fault *f) {
        _cleanup_close_ int fd = openat(item_fd, "inblob", O_WRONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return no_quote(f, errno, "inblob");
        n = write(fd, data, size);
        if (n != (ssize_t) size)
                return no_quote(f, n < 0 ? errno : EIO, "inblob");
        return 0;
}

static int ask(int item_fd, const uint8_t *report_data, uint8_t **ret, size_t *ret_size, Fault *f) {
        _cleanup_free_ uint8_t *quote = NULL;
        uint64_t before, after;
        size_t size;
        int r;

        r = check_provider(item_fd, f);
        if (r >= 0)
                r = read_generation(item_fd, &before, f);
        if (r >= 0)
                r = write_inblob(item_fd, report_data, QUOTE_REPORT_DATA_SIZE, f);
        if (r < 0)
                return r;
        r = read_virtual_file_at(item_fd, "outblob", TSM_QUOTE_MAX, &quote, &size);
        if (r < 0)
                return no_quote(f, r, "outblob");
        r = read_generation(item_fd, &after, f);
        if (r < 0)
                return r;
        if (after != before + 1)
                return fault_set(f, ESTALE, "TDX quote", "one request, ours", "generation %" PRIu64 " after %" PRIu64,
                                 after, before);
        *ret = TAKE_PTR(quote);
        *ret_size = size;
        return 0;
}

void tsm_clean(const char *root) {
        _cleanup_free_ char *item = NULL;

        if (asprintf(&item, REPORT_ITEM, root) < 0)
                item = NULL;
        else
                (void) rmdir(item);
}

int tsm_get_quote(const char *root, const uint8_t report_data[static QUOTE_REPORT_DATA_SIZE], uint8_t **ret,
                  size_t *ret_size, Fault *ret_fault) {
        _cleanup_close_ int item_fd = -EBADF;
        _cleanup_free_ char *item = NULL;
        int r;

        tsm_clean(root);
        if (asprintf(&item, REPORT_ITEM, root) < 0)
                return -ENOMEM;
        if (mkdir(item, 0700) < 0)
                return no_quote(ret_fault, errno, item);
        item_fd = open(item, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = item_fd < 0 ? no_quote(ret_fault, errno, item) : ask(item_fd, report_data, ret, ret_size, ret_fault);
        if (rmdir(item) < 0 && r >= 0) {
                r = no_quote(ret_fault, errno, item);
                free(TAKE_PTR(*ret));
        }
        return r;
}
