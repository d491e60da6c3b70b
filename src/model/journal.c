/* SPDX-License-Identifier: Apache-2.0 */

#include "model/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "model/decimal.h"

#define HEADER    "cocoon-download 1 "
#define LINE_SIZE 128U

struct Journal {
        int fd;
};

/* What the lines say without what they do, from the first pass over them. */
typedef struct Survey {
        bool ours;       /* the first line is the one that is wanted */
        bool this_boot;  /* written by the running system, at its end */
        uint64_t end;    /* of the last whole line */
        uint64_t synced; /* what is before it was in the image before a crash could have come */
} Survey;

typedef struct Reader {
        FILE *file;
        Pieces *pieces; /* NULL: nothing happens yet */
        const char *digest;
        const char *boot;
        uint64_t limit;
        Survey survey;
} Reader;

static bool read_piece(Reader *r, const char *text, uint64_t at) {
        uint64_t number;

        if (!decimal_take(&text, '\n', &number))
                return false;
        if (r->pieces && number < pieces_count(r->pieces))
                pieces_remember(r->pieces, number);
        return true;
}

static bool read_forget(Reader *r, const char *text, uint64_t at) {
        uint64_t first, n;

        if (!decimal_take(&text, ' ', &first) || !decimal_take(&text, '\n', &n))
                return false;
        for (uint64_t i = 0; r->pieces && i < n && first < pieces_count(r->pieces) - i; i++)
                pieces_forget(r->pieces, first + i);
        return true;
}

static bool read_boot(Reader *r, const char *text, uint64_t at) {
        size_t n = strlen(r->boot);

        r->survey.this_boot = strncmp(text, r->boot, n) == 0 && strcmp(text + n, "\n") == 0;
        r->survey.synced = at;
        return true;
}

static bool read_synced(Reader *r, const char *text, uint64_t at) {
        uint64_t end;

        if (!decimal_take(&text, '\n', &end) || end > at)
                return false;
        if (end > r->survey.synced)
                r->survey.synced = end;
        return true;
}

static const struct {
        const char *word;
        bool (*read)(Reader *r, const char *text, uint64_t at);
} records[] = {
        { "piece ",  read_piece  },
        { "forget ", read_forget },
        { "boot ",   read_boot   },
        { "synced ", read_synced },
};

static bool read_header(Reader *r, const char *line) {
        size_t n = strlen(HEADER), digest = strlen(r->digest);

        r->survey.ours = strncmp(line, HEADER, n) == 0 && strncmp(line + n, r->digest, digest) == 0 &&
                         strcmp(line + n + digest, "\n") == 0;
        return r->survey.ours;
}

static bool read_record(Reader *r, const char *line) {
        for (size_t i = 0; i < ELEMENTSOF(records); i++) {
                size_t n = strlen(records[i].word);

                if (strncmp(line, records[i].word, n) == 0)
                        return records[i].read(r, line + n, r->survey.end);
        }
        return false;
}

/* Up to the limit, or the first line that is none: a torn one, or what a crash has left. */
static void read_lines(Reader *r) {
        char line[LINE_SIZE];

        rewind(r->file);
        r->survey = (Survey){};
        while (r->survey.end < r->limit && fgets(line, sizeof(line), r->file)) {
                size_t n = strlen(line);

                if (n == 0 || line[n - 1] != '\n')
                        break;
                if (r->survey.end == 0 ? !read_header(r, line) : !read_record(r, line))
                        break;
                r->survey.end += n;
        }
}

static int append(Journal *j, const char *format, ...) _printf_(2, 3);
static int append(Journal *j, const char *format, ...) {
        char line[LINE_SIZE];
        va_list ap;
        ssize_t n;
        int size;

        va_start(ap, format);
        size = vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        /* One write a line, so that lines of several threads do not mix. */
        do
                n = write(j->fd, line, (size_t) size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == size ? 0 : -ENOSPC;
}

/* Leaves the file with whole lines that may be believed, and the pieces as they say. */
static int replay(Journal *j, const char *digest, const char *boot, Pieces *pieces) {
        Reader reader = { .digest = digest, .boot = boot, .limit = UINT64_MAX };
        int fd = fcntl(j->fd, F_DUPFD_CLOEXEC, 0);
        _cleanup_fclose_ FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
        int r = 0;

        if (!file) {
                r = -errno;
                closep(&fd);
                return r;
        }
        reader.file = file;
        read_lines(&reader);
        reader.limit = reader.survey.this_boot ? reader.survey.end : reader.survey.synced;
        if (!reader.survey.ours)
                reader.limit = 0;
        reader.pieces = pieces;
        read_lines(&reader);
        if (ftruncate(j->fd, (off_t) reader.survey.end) < 0)
                return -errno;
        if (reader.survey.end == 0)
                r = append(j, HEADER "%s\n", digest);
        return r < 0 ? r : append(j, "boot %s\n", boot);
}

int journal_open(const char *path, const char *digest, Pieces *pieces, Journal **ret) {
        _cleanup_(journal_freep) Journal *j = calloc(1, sizeof(*j));
        char boot[SD_ID128_STRING_MAX];
        sd_id128_t id;
        struct stat st;
        int r;

        if (!j)
                return -ENOMEM;
        j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
        if (j->fd < 0 || fstat(j->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        /* A boot that has no name is like no other. */
        r = sd_id128_get_boot(&id);
        if (r < 0)
                r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        r = replay(j, digest, sd_id128_to_string(id, boot), pieces);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}

Journal *journal_free(Journal *j) {
        if (j)
                closep(&j->fd);
        free(j);
        return NULL;
}

int journal_add(Journal *j, uint64_t piece) {
        return append(j, "piece %" PRIu64 "\n", piece);
}

int journal_forget(Journal *j, uint64_t first, uint64_t n) {
        return append(j, "forget %" PRIu64 " %" PRIu64 "\n", first, n);
}

int journal_sync(Journal *j, int image_fd) {
        struct stat st;

        if (fstat(j->fd, &st) < 0 || fdatasync(image_fd) < 0)
                return -errno;
        return append(j, "synced %llu\n", (unsigned long long) st.st_size);
}
