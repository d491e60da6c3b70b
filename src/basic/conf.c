/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/conf.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/io.h"

#define CONF_FILE_MAX (1024 * 1024)
#define CONF_VALUE_SPACE " \t\r"

/* Longer than any key, shorter than any token. */
#define KEY_QUOTED_MAX 24U

static const char *const conf_directories[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };

typedef struct Loader {
        const char *root;
        const ConfItem *items;
        size_t n_items;
        void *target;
        ConfReport report;
        void *userdata;

        const char *file;
        char *section;   /* of the line being read */
        unsigned *lines; /* of the items; NULL: of no interest */
        bool discreet;
        bool refused;
} Loader;

_printf_(3, 4) static void refuse(Loader *l, unsigned line, const char *format, ...) {
        char message[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        l->refused = true;
        if (l->report)
                l->report(l->file, line, message, l->userdata);
}

static char *strip(char *s) {
        char *end;

        s += strspn(s, CONF_VALUE_SPACE);
        end = s + strlen(s);
        while (end > s && strchr(CONF_VALUE_SPACE, end[-1]))
                *--end = 0;
        return s;
}

static const ConfItem *find_item(const Loader *l, const char *key) {
        for (size_t i = 0; i < l->n_items; i++)
                if (strcmp(l->items[i].section, l->section) == 0 && strcmp(l->items[i].key, key) == 0)
                        return l->items + i;
        return NULL;
}

static int enter_section(Loader *l, unsigned line, char *text) {
        size_t length = strlen(text);

        l->section = NULL;
        if (text[length - 1] != ']') {
                refuse(l, line, "section '%s' has no closing bracket", text);
                return 0;
        }
        text[length - 1] = 0;
        for (size_t i = 0; i < l->n_items; i++)
                if (strcmp(l->items[i].section, text + 1) == 0) {
                        l->section = text + 1;
                        return 0;
                }
        refuse(l, line, "unknown section [%s]", text + 1);
        return 0;
}

/* A token in the wrong place may look like a key: what is quoted could not be one. */
static bool may_quote_key(const Loader *l, const char *key) {
        return !l->discreet || (strlen(key) <= KEY_QUOTED_MAX &&
                                !key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]);
}

/* 0; or 1, said, for a key that is there already and may not be. */
static int note_line(Loader *l, const ConfItem *item, unsigned line) {
        unsigned *seen = l->lines ? &l->lines[item - l->items] : NULL;

        if (!seen)
                return 0;
        if (*seen > 0 && (item->flags & CONF_ONCE)) {
                refuse(l, line, "%s= stands in line %u already", item->key, *seen);
                return 1;
        }
        *seen = line;
        return 0;
}

static void refuse_value(Loader *l, unsigned line, const ConfItem *item, const char *value, int error) {
        const char *why = item->expected ?: strerror(-error), *word = item->expected ? "expected " : "";

        if (item->flags & CONF_SECRET)
                refuse(l, line, "%s= cannot be what it is: %s%s", item->key, word, why);
        else
                refuse(l, line, "%s= cannot be '%s': %s%s", item->key, value, word, why);
}

/* 0, or -ENOMEM: everything else is reported and the next line read. */
static int read_line(Loader *l, unsigned line, char *text) {
        const ConfItem *item;
        char *equal, *key, *value;
        int r;

        if (text[0] == '[')
                return enter_section(l, line, text);
        equal = strchr(text, '=');
        if (!equal) {
                if (l->discreet)
                        refuse(l, line, "neither a section nor key = value");
                else
                        refuse(l, line, "'%s' is neither a section nor Key=value", text);
                return 0;
        }
        if (!l->section) {
                if (l->discreet)
                        refuse(l, line, "stands in no section that is known");
                else
                        refuse(l, line, "'%s' stands in no section that is known", text);
                return 0;
        }
        *equal = 0;
        key = strip(text);
        value = strip(equal + 1);
        item = find_item(l, key);
        if (!item) {
                refuse(l, line, "unknown key %s%sin section [%s]", may_quote_key(l, key) ? key : "",
                       may_quote_key(l, key) ? "= " : "", l->section);
                return 0;
        }
        if (note_line(l, item, line) > 0)
                return 0;
        r = item->parse(item, value, (char *) l->target + item->offset);
        if (r < 0 && r != -ENOMEM) {
                refuse_value(l, line, item, value, r);
                return 0;
        }
        return r;
}

/* Takes the physical line at `text`, ends it, and returns where the next one begins (NULL after the last). */
static char *cut_line(char *text) {
        char *newline = strchr(text, '\n');

        if (!newline)
                return NULL;
        *newline = 0;
        return newline + 1;
}

static bool is_comment(const char *text) {
        return text[0] == '#' || text[0] == ';';
}

/* Joins the lines that end in a backslash, in place: what is joined is never longer than it was. A comment between
 * them is left out (systemd.syntax(7)). */
static int read_text(Loader *l, char *text) {
        unsigned line = 0;

        l->section = NULL;
        while (text) {
                char *logical = text, *end = text;
                unsigned first = line + 1;
                bool more = true;

                while (more && text) {
                        char *physical = text, *content;
                        size_t length;

                        text = cut_line(physical);
                        line++;
                        content = strip(physical);
                        more = end != logical;
                        if (is_comment(content)) {
                                if (!more)
                                        break;
                                continue;
                        }
                        length = strlen(content);
                        more = length > 0 && content[length - 1] == '\\';
                        if (more)
                                content[length - 1] = ' ';
                        memmove(end, content, length);
                        end += length;
                }
                /* The NUL lands on the line's own end at most. */
                *end = 0;
                logical = strip(logical);
                if (logical[0] && !is_comment(logical)) {
                        int r = read_line(l, first, logical);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* 1 when the file was there (a hiding link to /dev/null counts), 0 when not, -ENOMEM. */
static int read_file(Loader *l, const char *path) {
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;
        size_t size;
        int r;

        l->file = path;
        if (stat(path, &st) == 0 && S_ISCHR(st.st_mode))
                return 1;
        r = read_file_at(AT_FDCWD, path, CONF_FILE_MAX, &data, &size);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                refuse(l, 0, "cannot be read: %s", strerror(-r));
                return 1;
        }
        if (memchr(data, 0, size)) {
                refuse(l, 0, "is not text: it has a NUL in it");
                return 1;
        }
        r = read_text(l, (char *) data);
        l->section = NULL;
        return r < 0 ? r : 1;
}

static int read_main_file(Loader *l, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(conf_directories); i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                if (asprintf(&path, "%s%s/%s", l->root, conf_directories[i], name) < 0)
                        return -ENOMEM;
                r = read_file(l, path);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return 0;
}

char **strv_free(char **list) {
        for (char **p = list; p && *p; p++)
                free(*p);
        free(list);
        return NULL;
}

static size_t strv_length(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

int strv_append(char ***list, char *word) {
        size_t n = strv_length(*list);
        char **longer = word ? realloc(*list, (n + 2) * sizeof(*longer)) : NULL;

        if (!longer) {
                free(word);
                return -ENOMEM;
        }
        longer[n] = word;
        longer[n + 1] = NULL;
        *list = longer;
        return 0;
}

static const char *file_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int by_file_name(const void *a, const void *b) {
        return strcmp(file_name(*(char *const *) a), file_name(*(char *const *) b));
}

static bool is_hidden(char *const *paths, const char *name) {
        for (; paths && *paths; paths++)
                if (strcmp(file_name(*paths), name) == 0)
                        return true;
        return false;
}

/* A directory that cannot be listed may have a setting in it that refuses more. */
static int list_drop_ins(Loader *l, const char *directory, char ***paths) {
        _cleanup_closedir_ DIR *d = opendir(directory);
        struct dirent *e;

        if (!d && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        while (d && (errno = 0, e = readdir(d))) {
                size_t length = strlen(e->d_name);
                char *path;

                if (e->d_name[0] == '.' || length < 6 || strcmp(e->d_name + length - 5, ".conf") != 0 ||
                    is_hidden(*paths, e->d_name))
                        continue;
                if (asprintf(&path, "%s/%s", directory, e->d_name) < 0)
                        return -ENOMEM;
                if (strv_append(paths, path) < 0)
                        return -ENOMEM;
        }
        if (errno != 0) {
                l->file = directory;
                refuse(l, 0, "cannot be listed: %s", strerror(errno));
        }
        return 0;
}

static int read_drop_ins(Loader *l, const char *name) {
        _cleanup_(strv_freep) char **paths = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(conf_directories); i++) {
                _cleanup_free_ char *directory = NULL;

                if (asprintf(&directory, "%s%s/%s.d", l->root, conf_directories[i], name) < 0)
                        return -ENOMEM;
                r = list_drop_ins(l, directory, &paths);
                if (r < 0)
                        return r;
        }
        if (paths)
                qsort(paths, strv_length(paths), sizeof(*paths), by_file_name);
        for (char **p = paths; p && *p; p++) {
                r = read_file(l, *p);
                if (r < 0)
                        return r;
                if (r == 0)
                        refuse(l, 0, "is listed, and not there");
        }
        return 0;
}

int conf_load(const char *root, const char *name, const ConfItem *items, size_t n_items, void *target,
              ConfReport report, void *userdata) {
        Loader l = {
                .root = root,
                .items = items,
                .n_items = n_items,
                .target = target,
                .report = report,
                .userdata = userdata,
        };
        int r;

        r = read_main_file(&l, name);
        if (r >= 0)
                r = read_drop_ins(&l, name);
        if (r < 0)
                return r;
        return l.refused ? -EINVAL : 0;
}

int conf_load_file(const char *path, const char *name, const ConfItem *items, size_t n_items, void *target, unsigned *lines,
                   ConfReport report, void *userdata) {
        _cleanup_free_ uint8_t *data = NULL;
        Loader l = {
                .items = items,
                .n_items = n_items,
                .target = target,
                .report = report,
                .userdata = userdata,
                .file = name,
                .lines = lines,
                .discreet = true,
        };
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, CONF_FILE_MAX, &data, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                refuse(&l, 0, "cannot be read: %s", read_file_strerror(r));
        else if (memchr(data, 0, size))
                refuse(&l, 0, "is not text: it has a NUL in it");
        else
                r = read_text(&l, (char *) data);
        return r == -ENOMEM ? r : l.refused ? -EINVAL : 0;
}

int conf_parse_bool(const ConfItem *item, const char *value, void *target) {
        static const char *const words[][6] = {
                { "0", "no", "n", "false", "f", "off" },
                { "1", "yes", "y", "true", "t", "on" },
        };

        for (size_t b = 0; b < ELEMENTSOF(words); b++)
                for (size_t i = 0; i < ELEMENTSOF(words[b]); i++)
                        if (strcasecmp(value, words[b][i]) == 0) {
                                *(bool *) target = b;
                                return 0;
                        }
        return -EINVAL;
}

int conf_parse_string(const ConfItem *item, const char *value, void *target) {
        char **s = target, *copy = NULL;

        if (value[0]) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*s);
        *s = copy;
        return 0;
}

int conf_parse_strv(const ConfItem *item, const char *value, void *target) {
        char ***list = target;

        if (!value[0])
                *list = strv_free(*list);
        while (value[0]) {
                size_t length = strcspn(value, CONF_VALUE_SPACE);
                int r = strv_append(list, strndup(value, length));

                if (r < 0)
                        return r;
                value += length;
                value += strspn(value, CONF_VALUE_SPACE);
        }
        return 0;
}

/* Digits only: strtoul() would take blanks and a sign. Moves *p behind them. */
static int take_number(const char **p, uint64_t *ret) {
        char *end;

        if (!isdigit((unsigned char) **p))
                return -EINVAL;
        errno = 0;
        *ret = strtoull(*p, &end, 10);
        if (errno != 0)
                return -errno;
        *p = end;
        return 0;
}

int conf_parse_unsigned(const ConfItem *item, const char *value, void *target) {
        uint64_t n;
        int r;

        r = take_number(&value, &n);
        if (r < 0)
                return r;
        if (value[0])
                return -EINVAL;
        if (n > UINT_MAX)
                return -ERANGE;
        *(unsigned *) target = (unsigned) n;
        return 0;
}

static int take_unit(const char **p, uint64_t *ret) {
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                { "us", 1 },           { "usec", 1 },           { "ms", 1000 },          { "msec", 1000 },
                { "s", 1000000 },      { "sec", 1000000 },      { "second", 1000000 },   { "seconds", 1000000 },
                { "m", 60000000 },     { "min", 60000000 },     { "minute", 60000000 },  { "minutes", 60000000 },
                { "h", 3600000000 },   { "hr", 3600000000 },    { "hour", 3600000000 },  { "hours", 3600000000 },
                { "d", 86400000000 },  { "day", 86400000000 },  { "days", 86400000000 }, { "w", 604800000000 },
                { "week", 604800000000 }, { "weeks", 604800000000 },
        };
        size_t length = 0;

        while (isalpha((unsigned char) (*p)[length]))
                length++;
        if (length == 0) {
                *ret = 1000000;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == length && strncmp(units[i].name, *p, length) == 0) {
                        *ret = units[i].usec;
                        *p += length;
                        return 0;
                }
        return -EINVAL;
}

int conf_parse_sec(const ConfItem *item, const char *value, void *target) {
        uint64_t total = 0;

        if (strcmp(value, "infinity") == 0) {
                *(uint64_t *) target = UINT64_MAX;
                return 0;
        }
        if (!value[0])
                return -EINVAL;
        while (value[0]) {
                uint64_t n, unit;
                int r;

                r = take_number(&value, &n);
                if (r < 0)
                        return r;
                value += strspn(value, CONF_VALUE_SPACE);
                r = take_unit(&value, &unit);
                if (r < 0)
                        return r;
                if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(total, n, &total))
                        return -ERANGE;
                value += strspn(value, CONF_VALUE_SPACE);
        }
        *(uint64_t *) target = total;
        return 0;
}
