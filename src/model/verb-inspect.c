/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/json.h"
#include "basic/log.h"
#include "model/archive.h"
#include "model/spec.h"
#include "model/verbs.h"
#include "model/verity.h"

static const char help[] =
        "cocoon-model inspect IMAGE [--json]\n"
        "\n"
        "Print what an image is and what is in it: name and commit from its file name, the root hash from its hash tree\n"
        "(read, not checked: see verify), files and sizes from the archive itself.\n"
        "\n"
        "Exit status: 0 done, 1 it is no image, 2 usage.";

typedef struct Image {
        const char *path;
        int fd;
        uint64_t size;
        bool has_spec, has_root;
        ModelSpec spec;
        uint8_t root[VERITY_DIGEST_SIZE];
} Image;

static int refuse(const Image *image, const Fault *f) {
        log_error("%s: %s: expected %s, found %s.", image->path, f->what, f->expected, f->found);
        return -EBADMSG;
}

/* A tree that is missing leaves the hash unknown; one that is wrong is an error. */
static int read_root(Image *image) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        VerityGeometry g;
        Fault fault;
        int r;

        if (asprintf(&path, "%s.verity", image->path) < 0)
                return log_oom();
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? 0 : log_error_errno(errno, "%s: cannot be opened: %m", path);
        r = verity_read_superblock(fd, image->size, &g, &fault);
        if (r == -EBADMSG)
                return refuse(image, &fault);
        if (r >= 0)
                r = verity_read_root(fd, &g, block_hash_choose(), image->root);
        if (r < 0)
                return log_error_errno(r, "%s: cannot be read: %m", path);
        image->has_root = true;
        return 0;
}

static int open_image(Image *image) {
        _cleanup_free_ char *copy = strdup(image->path);
        struct stat st;

        if (!copy)
                return log_oom();
        image->fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (image->fd < 0 || fstat(image->fd, &st) < 0)
                return log_error_errno(errno, "%s: cannot be opened: %m", image->path);
        if (!S_ISREG(st.st_mode)) {
                log_error("%s: expected a regular file.", image->path);
                return -EINVAL;
        }
        image->size = (uint64_t) st.st_size;
        image->has_spec = model_spec_from_image_name(basename(copy), &image->spec) >= 0;
        return read_root(image);
}

static const char *type_name(EntryType type) {
        switch (type) {
        case ENTRY_FILE:
                return "file";
        case ENTRY_HARD_LINK:
                return "hard link";
        case ENTRY_SYMLINK:
                return "symlink";
        case ENTRY_DIRECTORY:
                return "directory";
        case ENTRY_FIFO:
                return "fifo";
        }
        return "?";
}

/* Bytes of the UTF-8 character that the text begins with (RFC 3629); 0 for what is none, and for a control character. */
static size_t character_size(const char *text) {
        static const struct {
                uint8_t mask, lead;
                uint32_t least; /* what is less is written shorter */
        } forms[] = { { 0x80, 0x00, 0x20 }, { 0xe0, 0xc0, 0xa0 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
        uint8_t lead = (uint8_t) *text;

        for (size_t n = 1; n <= ELEMENTSOF(forms); n++) {
                uint32_t c = lead & (uint8_t) ~forms[n - 1].mask;

                if ((lead & forms[n - 1].mask) != forms[n - 1].lead)
                        continue;
                for (size_t i = 1; i < n; i++) {
                        if ((text[i] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (text[i] & 0x3f);
                }
                return c >= forms[n - 1].least && c != 0x7f && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
        }
        return 0;
}

/* Names come from the archive and go to terminals and into JSON: all but characters as \ooo, and backslashes too, so that
 * it is one name's alone. NULL when memory is out. */
static char *escape(const char *name) {
        char *escaped = malloc(4 * strlen(name) + 1), *p = escaped;

        while (escaped && *name) {
                size_t n = *name == '\\' ? 0 : character_size(name);

                if (n > 0)
                        p = mempcpy(p, name, n);
                else
                        p += sprintf(p, "\\%03o", (unsigned) (uint8_t) *name);
                name += n > 0 ? n : 1;
        }
        if (escaped)
                *p = 0;
        return escaped;
}

static void print_entry(const ArchiveEntry *e, const char *name, const char *target) {
        (void) printf("%04o %14llu  %s", e->mode, (unsigned long long) e->size, name);
        if (target)
                (void) printf(" %s %s", e->type == ENTRY_SYMLINK ? "->" : "=", target);
        (void) putchar('\n');
}

static int add_entry(json_object *files, const ArchiveEntry *e, const char *name, const char *target) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_string(o, "name", name) < 0 || json_add_string(o, "type", type_name(e->type)) < 0 ||
            json_add_int(o, "mode", (int64_t) e->mode) < 0 || json_add_int(o, "size", (int64_t) e->size) < 0 ||
            (target && json_add_string(o, "target", target) < 0))
                return -ENOMEM;
        return json_object_array_add(files, json_object_get(o)) < 0 ? -ENOMEM : 0;
}

static int show_entry(const ArchiveEntry *e, json_object *files, bool print) {
        _cleanup_free_ char *name = escape(e->name), *target = e->target ? escape(e->target) : NULL;

        if (!name || (e->target && !target))
                return -ENOMEM;
        if (print)
                print_entry(e, name, target);
        return files ? add_entry(files, e, name, target) : 0;
}

typedef struct Summary {
        uint64_t n_files, content;
        TarVersion version;
} Summary;

/* Every entry, printed or (with `files`) added. */
static int walk(const Image *image, json_object *files, bool print, Summary *ret) {
        _cleanup_(archive_reader_freep) ArchiveReader *reader = archive_reader_new(image->fd, image->size);
        Summary summary = {};
        const ArchiveEntry *e;
        Fault fault = {};
        int r;

        if (!reader)
                return log_oom();
        while ((r = archive_next(reader, &e, &fault)) > 0) {
                if (e->type == ENTRY_FILE)
                        summary.n_files++;
                summary.content += e->size;
                summary.version = e->version;
                if (show_entry(e, files, print) < 0)
                        return log_oom();
        }
        if (r < 0)
                return r == -EBADMSG ? refuse(image, &fault) : log_error_errno(r, "%s: cannot be read: %m", image->path);
        *ret = summary;
        return 0;
}

static int print_text(const Image *image) {
        char hex[2 * VERITY_DIGEST_SIZE + 1];
        Summary s;
        int r;

        r = walk(image, NULL, false, &s);
        if (r < 0)
                return r;
        (void) printf("name       %s\n", image->has_spec ? image->spec.name : "unknown: the file's name is none of an image");
        (void) printf("commit     %s\n", image->has_spec ? image->spec.commit : "unknown");
        (void) printf("root hash  %s\n", image->has_root ? hex_encode(image->root, sizeof(image->root), hex) :
                                                          "unknown: there is no hash tree beside it");
        (void) printf("size       %llu bytes\n", (unsigned long long) image->size);
        (void) printf("files      %llu, with %llu bytes\n", (unsigned long long) s.n_files, (unsigned long long) s.content);
        (void) printf("headers    as GNU tar %s writes them\n\n", tar_version_to_string(s.version));
        return walk(image, NULL, true, &s);
}

static int print_json(const Image *image) {
        _cleanup_json_ json_object *o = json_object_new_object();
        json_object *files = json_object_new_array();
        char hex[2 * VERITY_DIGEST_SIZE + 1];
        Summary s;
        int r;

        if (!o || !files || json_add(o, "files", files) < 0)
                return log_oom();
        r = walk(image, files, false, &s);
        if (r < 0)
                return r;
        if (json_add_string(o, "name", image->has_spec ? image->spec.name : NULL) < 0 ||
            json_add_string(o, "commit", image->has_spec ? image->spec.commit : NULL) < 0 ||
            json_add_string(o, "root_hash",
                            image->has_root ? hex_encode(image->root, sizeof(image->root), hex) : NULL) < 0 ||
            json_add_int(o, "size", (int64_t) image->size) < 0 ||
            json_add_int(o, "content", (int64_t) s.content) < 0 ||
            json_add_string(o, "tar_version", tar_version_to_string(s.version)) < 0)
                return log_oom();
        (void) puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        return 0;
}

int verb_inspect(int argc, char *argv[]) {
        static const struct option long_options[] = {
                { "json", no_argument, NULL, 'j' },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        Image image = { .fd = -EBADF };
        bool json = false;
        int c, r;

        while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
                if (c == 'j')
                        json = true;
                else {
                        if (c == 'h')
                                (void) puts(help);
                        return c == 'h' ? MODEL_DONE : MODEL_USAGE;
                }
        if (argc - optind != 1) {
                log_error("inspect: expected one image, found %d.", argc - optind);
                return MODEL_USAGE;
        }
        image.path = argv[optind];
        r = open_image(&image);
        if (r >= 0)
                r = json ? print_json(&image) : print_text(&image);
        closep(&image.fd);
        return verb_end(r < 0 ? MODEL_REFUSED : MODEL_DONE);
}
