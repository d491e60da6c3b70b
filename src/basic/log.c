/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define MESSAGE_SIZE 2048

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

/* A file that is opened later must not take the place of a standard stream that the caller closed: what is printed would
 * go into it. Reading alone, so that what is written is still an error. */
static void occupy_standard_streams(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDONLY);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                (void) close(fd);
}

void log_open(const char *ident, int max_level) {
        occupy_standard_streams();
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
        char message[MESSAGE_SIZE];
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

static int add_field(struct iovec *v, const char *name, const char *value) {
        char *text;
        int n = asprintf(&text, "%s=%s", name, value);

        if (n < 0)
                return -ENOMEM;
        *v = (struct iovec){ text, (size_t) n };
        return 0;
}

static int record_to_journal(int level, const char *message_id, const LogField *fields, size_t n_fields,
                             const char *message) {
        const char priority[] = { (char) ('0' + level), 0 };
        const LogField common[] = { { "MESSAGE", message }, { "PRIORITY", priority }, { "MESSAGE_ID", message_id } };
        struct iovec *v = calloc(ELEMENTSOF(common) + n_fields, sizeof(*v));
        int n = 0, r = v ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(common) + n_fields; i++) {
                const LogField *field = i < ELEMENTSOF(common) ? &common[i] : &fields[i - ELEMENTSOF(common)];

                if (!field->value)
                        continue;
                r = add_field(&v[n], field->name, field->value);
                if (r >= 0)
                        n++;
        }
        if (r >= 0)
                r = sd_journal_sendv(v, n);
        while (n > 0)
                free(v[--n].iov_base);
        free(v);
        return r;
}

void log_record(int level, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) {
        char message[MESSAGE_SIZE];
        va_list ap;

        if (level > log_target.max_level)
                return;
        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        if (!log_target.journal || record_to_journal(level, message_id, fields, n_fields, message) < 0)
                (void) fprintf(stderr, "%s: %s\n", log_target.ident, message);
}
