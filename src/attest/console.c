/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/console.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#define LINE_MAX_SIZE 1024U

int console_say(const char *root, const char *format, ...) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        char text[LINE_MAX_SIZE], line[LINE_MAX_SIZE + 4];
        va_list ap;
        int n;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        for (char *p = text; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        if (asprintf(&path, "%s/dev/console", root) < 0)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* Whatever state another program left the line in. */
        n = snprintf(line, sizeof(line), "\r%s\r\n", text);
        return write(fd, line, (size_t) n) == n ? 0 : -EIO;
}
