/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* The one piece of process-wide state: where messages go. Set once by main. */
static struct {
        const char *ident;
        int max_level;
        bool journal;
} log_target = { "cocoon", LOG_INFO, false };

/* JOURNAL_STREAM is "device:inode" of the stream that the service manager connected (systemd.exec(5)). */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        char wanted[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void) snprintf(wanted, sizeof(wanted), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        return strcmp(stream, wanted) == 0;
}

void log_open(const char *ident, int max_level) {
        log_target.ident = ident;
        log_target.max_level = max_level;
        log_target.journal = stderr_is_journal();
}

static int to_journal(int level, int error, const char *file, int line, const char *func, const char *message) {
        return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%i", level,
                                             "CODE_FILE=%s", file, "CODE_LINE=%i", line, "CODE_FUNC=%s", func,
                                             "ERRNO=%i", error, NULL);
}

int log_full(int level, int error, const char *file, int line, const char *func, const char *format, ...) {
        char message[2048];
        va_list ap;

        error = abs(error);
        if (level > log_target.max_level)
                return -error;
        errno = error;
        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        if (!log_target.journal || to_journal(level, error, file, line, func, message) < 0)
                (void) fprintf(stderr, "%s: %s\n", log_target.ident, message);
        return -error;
}
