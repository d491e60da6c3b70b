/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/control.h"

#include <fcntl.h>
#include <string.h>

#include "basic/io.h"
#include "sim/must.h"

#define FILE_MAX  65536U
#define LINES_MAX 256U
#define SPACE     " \t\r"

typedef enum Limit {
        LIMIT_NONE,
        LIMIT_FIRST,
        LIMIT_AFTER,
} Limit;

typedef struct Line {
        char text[SIM_CONTROL_KEY];
        Limit limit;
        unsigned long number;
        unsigned long asked;
} Line;

struct SimControl {
        pthread_mutex_t lock;
        char *path;
        uint8_t *content;
        size_t size;
        Line lines[LINES_MAX];
        size_t n_lines;
};

static const char *const deed_names[_SIM_DEED_MAX] = {
        [SIM_DEED_GOOD]        = "good",
        [SIM_DEED_ERROR]       = "error",
        [SIM_DEED_HANG]        = "hang",
        [SIM_DEED_CRASH]       = "crash",
        [SIM_DEED_GARBAGE]     = "garbage",
        [SIM_DEED_EMPTY]       = "empty",
        [SIM_DEED_FLIP]        = "flip",
        [SIM_DEED_SIZE]        = "size",
        [SIM_DEED_HUGE]        = "huge",
        [SIM_DEED_OTHER]       = "other",
        [SIM_DEED_REPLAY]      = "replay",
        [SIM_DEED_MEASUREMENT] = "measurement",
        [SIM_DEED_CLOSE]       = "close",
        [SIM_DEED_TRUNCATED]   = "truncated",
        [SIM_DEED_ENDLESS]     = "endless",
        [SIM_DEED_REDIRECT]    = "redirect",
};

SimControl *sim_control_new(const char *path) {
        SimControl *c = calloc(1, sizeof(*c));

        MUST(c && pthread_mutex_init(&c->lock, NULL) == 0);
        if (path)
                MUST(c->path = strdup(path));
        return c;
}

SimControl *sim_control_free(SimControl *c) {
        if (!c)
                return NULL;
        (void) pthread_mutex_destroy(&c->lock);
        free(c->path);
        free(c->content);
        free(c);
        return NULL;
}

/* What follows `word` in `text`, NULL when it does not begin with it. */
static const char *behind(const char *text, const char *word) {
        size_t n = strlen(word);

        if (strncmp(text, word, n) != 0 || (text[n] && !strchr(SPACE, text[n])))
                return NULL;
        return text + n + strspn(text + n, SPACE);
}

static const char *take_limit(const char *text, Line *line) {
        static const char *const words[] = { [LIMIT_FIRST] = "first", [LIMIT_AFTER] = "after" };

        for (Limit l = LIMIT_FIRST; l <= LIMIT_AFTER; l++) {
                const char *rest = behind(text, words[l]);
                char *end;

                if (!rest)
                        continue;
                line->limit = l;
                line->number = strtoul(rest, &end, 10);
                return end + strspn(end, SPACE);
        }
        return text;
}

static void parse_line(SimControl *c, char *text) {
        Line *line = &c->lines[c->n_lines];
        const char *rest;
        size_t length;

        text[strcspn(text, "#")] = 0;
        text += strspn(text, SPACE);
        for (length = strlen(text); length > 0 && strchr(SPACE, text[length - 1]); length--)
                text[length - 1] = 0;
        if (!*text)
                return;
        MUST(c->n_lines++ < LINES_MAX);
        *line = (Line){};
        rest = take_limit(text, line);
        if (behind(rest, "count-second")) {
                *line = (Line){ .limit = LIMIT_AFTER, .number = 1 };
                MUST((size_t) snprintf(line->text, sizeof(line->text), "count %s", behind(rest, "count-second")) <
                     sizeof(line->text));
                return;
        }
        MUST((size_t) snprintf(line->text, sizeof(line->text), "%s", rest) < sizeof(line->text));
}

/* Keeps what was counted for as long as the file says the same. */
static void read_again(SimControl *c) {
        _cleanup_free_ uint8_t *content = NULL;
        _cleanup_free_ char *copy = NULL;
        size_t size = 0;
        char *rest;

        /* A file that is not there, or is being written at this moment, says nothing. */
        if (c->path && read_file_at(AT_FDCWD, c->path, FILE_MAX, &content, &size) < 0)
                size = 0;
        if (size == c->size && (size == 0 || memcmp(content, c->content, size) == 0))
                return;
        c->n_lines = 0;
        copy = strndup(size > 0 ? (const char *) content : "", size);
        MUST(copy);
        rest = copy;
        for (char *line; (line = strsep(&rest, "\n"));)
                parse_line(c, line);
        free(c->content);
        c->content = TAKE_PTR(content);
        c->size = size;
}

static bool in_force(Line *line) {
        line->asked++;
        switch (line->limit) {
        case LIMIT_FIRST:
                return line->asked <= line->number;
        case LIMIT_AFTER:
                return line->asked > line->number;
        default:
                return true;
        }
}

static const char *fits(const Line *line, char keys[][SIM_CONTROL_KEY], size_t n) {
        for (size_t i = 0; i < n; i++) {
                const char *rest = behind(line->text, keys[i]);

                if (rest)
                        return rest;
        }
        return NULL;
}

static SimBehaviour parse_behaviour(const char *text) {
        SimBehaviour b = {};
        const char *rest = behind(text, "slow");
        char *end;

        if (rest) {
                b.delay_ms = (unsigned) strtoul(rest, &end, 10);
                text = end + strspn(end, SPACE);
                if (!*text)
                        return b;
        }
        b.deed = SIM_DEED_VALUE;
        for (SimDeed d = 0; d < SIM_DEED_VALUE; d++) {
                rest = behind(text, deed_names[d]);
                if (!rest)
                        continue;
                b.deed = d;
                text = rest;
                break;
        }
        (void) snprintf(b.text, sizeof(b.text), "%s", text);
        b.number = (unsigned long) strtol(text, NULL, 10);
        return b;
}

SimBehaviour sim_control_find(SimControl *c, char keys[][SIM_CONTROL_KEY], size_t n) {
        SimBehaviour b = {};

        (void) pthread_mutex_lock(&c->lock);
        read_again(c);
        for (size_t i = 0; i < c->n_lines; i++) {
                const char *rest = fits(&c->lines[i], keys, n);

                if (rest && in_force(&c->lines[i]))
                        b = parse_behaviour(rest);
        }
        (void) pthread_mutex_unlock(&c->lock);
        return b;
}

char *sim_control_value(SimControl *c, const char *key, const char *fallback, char ret[static SIM_CONTROL_KEY]) {
        char keys[1][SIM_CONTROL_KEY];
        SimBehaviour b;

        (void) snprintf(keys[0], sizeof(keys[0]), "%s", key);
        b = sim_control_find(c, keys, 1);
        (void) snprintf(ret, SIM_CONTROL_KEY, "%s", b.deed == SIM_DEED_VALUE ? b.text : fallback);
        return ret;
}
