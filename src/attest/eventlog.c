/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/eventlog.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"

#define LINE_VALUES_MAX 32U

void event_log_done(EventLog *log) {
        free(log->events);
        *log = (EventLog){};
}

static int read_name(json_object *o, LogEvent *e, Fault *f) {
        const char *name;

        if (json_get_string(o, "event", &name) < 0 || !*name || strlen(name) >= sizeof(e->name))
                return fault_set(f, EBADMSG, "event log", "\"event\", a name of at most 63 characters", "none");
        for (const char *p = name; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        return fault_set(f, EBADMSG, "event log", "a name in printable ASCII", "%s", name);
        memcpy(e->name, name, strlen(name) + 1);
        return 0;
}

static int read_event(const char *line, size_t size, LogEvent *e, Fault *f) {
        _cleanup_json_ json_object *o = NULL;
        const char *digest, *hash = "sha384";
        json_object *rtmr;
        int r;

        r = json_parse(line, size, 4, LINE_VALUES_MAX, &o);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !json_object_is_type(o, json_type_object))
                return fault_set(f, EBADMSG, "event log", "a JSON object on each line", "something else");
        if (!json_object_object_get_ex(o, "rtmr", &rtmr) || !json_object_is_type(rtmr, json_type_int) ||
            json_object_get_int64(rtmr) < 0 || json_object_get_int64(rtmr) >= (int64_t) RTMR_COUNT)
                return fault_set(f, EBADMSG, "event log", "\"rtmr\", a number from 0 to 3", "none");
        e->rtmr = (unsigned) json_object_get_int64(rtmr);
        r = json_get_string(o, "hash", &hash);
        if ((r < 0 && r != -ENOENT) || strcmp(hash, "sha384") != 0)
                return fault_set(f, EBADMSG, "event log", "\"hash\": \"sha384\"", "another");
        if (json_get_string(o, "digest", &digest) < 0 ||
            hex_decode(digest, strlen(digest), e->digest, sizeof(e->digest)) < 0)
                return fault_set(f, EBADMSG, "event log", "\"digest\", 96 hexadecimal digits", "none");
        return read_name(o, e, f);
}

int event_log_parse(const char *text, size_t size, EventLog *ret, Fault *ret_fault) {
        _cleanup_(event_log_done) EventLog log = {};
        const char *end = text + size;

        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t) (end - text));
                LogEvent *grown;
                int r;

                if (!newline)
                        return fault_set(ret_fault, EBADMSG, "event log", "a last line with its end",
                                         "one that was cut off");
                grown = reallocarray(log.events, log.n_events + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                log.events = grown;
                r = read_event(text, (size_t) (newline - text), &log.events[log.n_events], ret_fault);
                if (r < 0)
                        return r;
                log.n_events++;
                text = newline + 1;
        }
        *ret = TAKE_STRUCT(log);
        return 0;
}

int event_log_read(const char *path, EventLog *ret, Fault *ret_fault) {
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, EVENT_LOG_MAX, &text, &size);
        if (r < 0)
                return fault_set(ret_fault, r, "event log", "a file that can be read, of at most 256 KiB", "%s: %s",
                                 path, read_file_strerror(r));
        return event_log_parse((const char *) text, size, ret, ret_fault);
}

static int make_line(const LogEvent *e, char **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        char digest[2 * RTMR_SIZE + 1];
        const char *text;

        hex_encode(e->digest, RTMR_SIZE, digest);
        if (!o || json_add_int(o, "rtmr", e->rtmr) < 0 || json_add_string(o, "hash", "sha384") < 0 ||
            json_add_string(o, "event", e->name) < 0 || json_add_string(o, "digest", digest) < 0)
                return -ENOMEM;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        return !text || asprintf(ret, "%s\n", text) < 0 ? -ENOMEM : 0;
}

int event_log_append(const char *path, const LogEvent *event, uint64_t *ret_size_before) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *line = NULL;
        struct stat st;
        int r;

        r = make_line(event, &line);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        r = pwrite_all(fd, line, strlen(line), (uint64_t) st.st_size);
        /* For everybody to read, whatever the mask. */
        if (r >= 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
                r = -errno;
        if (r >= 0)
                r = sync_directory_of(path);
        if (r < 0) {
                (void) (ftruncate(fd, st.st_size) < 0);
                return r;
        }
        *ret_size_before = (uint64_t) st.st_size;
        return 0;
}

int event_log_take_back(const char *path, uint64_t size_before) {
        return truncate(path, (off_t) size_before) < 0 ? -errno : 0;
}

int event_log_settle(const char *path, unsigned rtmr, const uint8_t value[static RTMR_SIZE]) {
        _cleanup_(event_log_done) EventLog log = {};
        _cleanup_free_ uint8_t *text = NULL;
        uint8_t replayed[RTMR_SIZE];
        const uint8_t *newline;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, EVENT_LOG_MAX, &text, &size);
        if (r >= 0)
                r = event_log_parse((const char *) text, size, &log, NULL);
        if (r < 0)
                return r == -ENOENT || r == -EBADMSG ? 0 : r;
        event_log_replay(&log, rtmr, replayed);
        if (log.n_events == 0 || memcmp(replayed, value, RTMR_SIZE) == 0)
                return 0;
        log.n_events--;
        event_log_replay(&log, rtmr, replayed);
        if (memcmp(replayed, value, RTMR_SIZE) != 0)
                return 0;
        newline = memrchr(text, '\n', size - 1);
        return event_log_take_back(path, newline ? (uint64_t) (newline + 1 - text) : 0);
}

void rtmr_extend(uint8_t value[static RTMR_SIZE], const uint8_t digest[static RTMR_SIZE]) {
        uint8_t both[2 * RTMR_SIZE];

        memcpy(both, value, RTMR_SIZE);
        memcpy(both + RTMR_SIZE, digest, RTMR_SIZE);
        (void) SHA384(both, sizeof(both), value);
}

void event_log_replay(const EventLog *log, unsigned rtmr, uint8_t ret[static RTMR_SIZE]) {
        memset(ret, 0, RTMR_SIZE);
        for (size_t i = 0; i < log->n_events; i++)
                if (log->events[i].rtmr == rtmr)
                        rtmr_extend(ret, log->events[i].digest);
}
