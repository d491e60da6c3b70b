/* SPDX-License-Identifier: Apache-2.0 */

#include "model/archive.h"

#include <string.h>

#include "basic/cursor.h"
#include "basic/io.h"

/* Fields of a header by offset and size (POSIX.1-2017, pax, "ustar Interchange Format"). */
enum {
        NAME_OFFSET = 0,        NAME_SIZE = 100,
        MODE_OFFSET = 100,      MODE_SIZE = 8,
        SIZE_OFFSET = 124,      SIZE_SIZE = 12,
        CHECKSUM_OFFSET = 148,  CHECKSUM_SIZE = 8,
        TYPE_OFFSET = 156,
        LINK_OFFSET = 157,      LINK_SIZE = 100,
        MAGIC_OFFSET = 257,     MAGIC_SIZE = 8,
        DEVMAJOR_OFFSET = 329,
};

struct ArchiveReader {
        int fd;
        uint64_t size, at;
        ArchiveEntry entry;
};

/* What the pax header before an entry says instead of its own. */
typedef struct Extended {
        char *path, *linkpath;
        bool has_size;
        uint64_t size;
} Extended;

static void extended_done(Extended *x) {
        free(x->path);
        free(x->linkpath);
}

ArchiveReader *archive_reader_new(int fd, uint64_t size) {
        ArchiveReader *r = calloc(1, sizeof(*r));

        if (r)
                *r = (ArchiveReader){ .fd = fd, .size = size };
        return r;
}

static void forget_entry(ArchiveReader *r) {
        free(r->entry.name);
        free(r->entry.target);
        r->entry = (ArchiveEntry){};
}

ArchiveReader *archive_reader_free(ArchiveReader *reader) {
        if (!reader)
                return NULL;
        forget_entry(reader);
        free(reader);
        return NULL;
}

static int bad(const ArchiveReader *r, const char *expected, const char *found, Fault *f) {
        char what[64];

        (void) snprintf(what, sizeof(what), "archive, byte %llu", (unsigned long long) r->at);
        return fault_set(f, EBADMSG, what, expected, "%s", found);
}

/* Octal digits up to a NUL or a blank; one of them must be there. */
static int parse_octal(const uint8_t *field, size_t size, uint64_t *ret) {
        uint64_t value = 0;
        size_t i;

        for (i = 0; i < size && field[i] >= '0' && field[i] <= '7'; i++)
                value = value << 3 | (uint64_t) (field[i] - '0');
        if (i == 0 || i == size || (field[i] != 0 && field[i] != ' '))
                return -EBADMSG;
        *ret = value;
        return 0;
}

static int check_header(const ArchiveReader *r, const uint8_t *h, Fault *f) {
        uint64_t stated, sum = 0;

        if (memcmp(h + MAGIC_OFFSET, "ustar\0" "00", MAGIC_SIZE) != 0)
                return bad(r, "a header of a POSIX archive", "something else", f);
        for (size_t i = 0; i < TAR_BLOCK_SIZE; i++)
                sum += i >= CHECKSUM_OFFSET && i < CHECKSUM_OFFSET + CHECKSUM_SIZE ? ' ' : h[i];
        if (parse_octal(h + CHECKSUM_OFFSET, CHECKSUM_SIZE, &stated) < 0 || stated != sum)
                return bad(r, "a header's checksum", "another one", f);
        return 0;
}

/* Moves on to the next block. */
static int read_block(ArchiveReader *r, uint8_t ret[static TAR_BLOCK_SIZE], Fault *f) {
        int k;

        if (r->size - r->at < TAR_BLOCK_SIZE)
                return bad(r, "two blocks of zeros at its end", "the end of the file", f);
        k = pread_all(r->fd, ret, TAR_BLOCK_SIZE, r->at);
        if (k < 0)
                return k;
        return 0;
}

static int skip(ArchiveReader *r, uint64_t size, Fault *f) {
        uint64_t left = r->size - r->at;

        if (size > left || left - size < (TAR_BLOCK_SIZE - size % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE)
                return bad(r, "content within the file", "more than there is", f);
        r->at += size + (TAR_BLOCK_SIZE - size % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE;
        return 0;
}

static int take_number(Cursor *c, uint8_t end, uint64_t *ret) {
        uint64_t value = 0;
        unsigned digits = 0;
        uint8_t b;

        for (;;) {
                if (cursor_u8(c, &b) < 0)
                        return -EBADMSG;
                if (b == end && digits > 0)
                        break;
                if (b < '0' || b > '9' || ++digits > 19)
                        return -EBADMSG;
                value = value * 10 + (uint64_t) (b - '0');
        }
        *ret = value;
        return 0;
}

static int take_text(Cursor *value, char **ret) {
        size_t size = cursor_left(value);
        const uint8_t *bytes;

        if (*ret || size == 0 || size > LISTING_NAME_MAX || cursor_bytes(value, size, &bytes) < 0 ||
            memchr(bytes, 0, size))
                return -EBADMSG;
        *ret = strndup((const char *) bytes, size);
        return *ret ? 0 : -ENOMEM;
}

static int take_size(Cursor *value, Extended *x) {
        uint8_t digits[24] = {};
        const uint8_t *bytes;
        size_t size = cursor_left(value);
        Cursor c;

        if (x->has_size || size >= sizeof(digits) || cursor_bytes(value, size, &bytes) < 0)
                return -EBADMSG;
        memcpy(digits, bytes, size);
        c = cursor_of(digits, size + 1);
        x->has_size = true;
        return take_number(&c, 0, &x->size);
}

/* "LEN key=value\n" (POSIX.1-2017, pax, "pax Extended Header"). */
static int take_record(Cursor *c, Extended *x) {
        size_t before = cursor_left(c), used;
        const uint8_t *key, *equal, *skipped;
        uint64_t length;
        Cursor record;
        uint8_t end;

        if (take_number(c, ' ', &length) < 0)
                return -EBADMSG;
        used = before - cursor_left(c);
        if (length <= used + 1 || cursor_sub(c, length - used - 1, &record) < 0 || cursor_u8(c, &end) < 0 || end != '\n')
                return -EBADMSG;
        key = record.data;
        equal = memchr(key, '=', cursor_left(&record));
        if (!equal || cursor_bytes(&record, (size_t) (equal - key) + 1, &skipped) < 0)
                return -EBADMSG;
        if (equal - key == 4 && memcmp(key, "path", 4) == 0)
                return take_text(&record, &x->path);
        if (equal - key == 8 && memcmp(key, "linkpath", 8) == 0)
                return take_text(&record, &x->linkpath);
        if (equal - key == 4 && memcmp(key, "size", 4) == 0)
                return take_size(&record, x);
        return equal - key == 5 && memcmp(key, "mtime", 5) == 0 ? 0 : -EBADMSG;
}

static int read_extended(ArchiveReader *r, const uint8_t *header, Extended *x, Fault *f) {
        uint8_t records[TAR_HEADERS_MAX];
        uint64_t size;
        Cursor c;
        int k;

        if (parse_octal(header + SIZE_OFFSET, SIZE_SIZE, &size) < 0 || size == 0 || size > sizeof(records))
                return bad(r, "pax records of a sensible size", "another one", f);
        if (size > r->size - r->at)
                return bad(r, "pax records within the file", "the end of the file", f);
        k = pread_all(r->fd, records, size, r->at);
        if (k < 0)
                return k;
        c = cursor_of(records, size);
        while (cursor_left(&c) > 0) {
                k = take_record(&c, x);
                if (k < 0)
                        return k == -ENOMEM ? k : bad(r, "pax records: path, linkpath, size, mtime, each once", "others", f);
        }
        return skip(r, size, f);
}

static bool is_known_type(uint8_t type) {
        return type && strchr("01256", type);
}

/* GNU tar 1.35 leaves the field empty for what is no device, 1.34 writes a number. */
static TarVersion version_of(const uint8_t *h) {
        return h[DEVMAJOR_OFFSET] == 0 ? TAR_1_35 : TAR_1_34;
}

static int fill_entry(ArchiveReader *r, const uint8_t *h, Extended *x, Fault *f) {
        bool is_link = h[TYPE_OFFSET] == ENTRY_SYMLINK || h[TYPE_OFFSET] == ENTRY_HARD_LINK;
        uint64_t mode, size;

        if (!is_known_type(h[TYPE_OFFSET]))
                return bad(r, "a file, directory, link or FIFO", "another type of entry", f);
        if (parse_octal(h + MODE_OFFSET, MODE_SIZE, &mode) < 0 || mode > 07777 ||
            parse_octal(h + SIZE_OFFSET, SIZE_SIZE, &size) < 0)
                return bad(r, "octal numbers in the header", "something else", f);
        if (x->has_size)
                size = x->size;
        if (size > 0 && h[TYPE_OFFSET] != ENTRY_FILE)
                return bad(r, "content of files alone", "content of something else", f);
        r->entry = (ArchiveEntry){ .type = (EntryType) h[TYPE_OFFSET], .mode = (mode_t) mode, .size = size,
                                    .version = version_of(h) };
        r->entry.name = x->path ? TAKE_PTR(x->path) : strndup((const char *) h + NAME_OFFSET, NAME_SIZE);
        if (is_link)
                r->entry.target = x->linkpath ? TAKE_PTR(x->linkpath) : strndup((const char *) h + LINK_OFFSET, LINK_SIZE);
        return r->entry.name && (!is_link || r->entry.target) ? 0 : -ENOMEM;
}

static bool is_zero(const uint8_t *block) {
        return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK_SIZE - 1) == 0;
}

static int next_header(ArchiveReader *r, uint8_t ret[static TAR_BLOCK_SIZE], Fault *f) {
        int k;

        k = read_block(r, ret, f);
        if (k < 0)
                return k;
        if (is_zero(ret))
                return 0;
        k = check_header(r, ret, f);
        if (k < 0)
                return k;
        r->at += TAR_BLOCK_SIZE;
        return 1;
}

int archive_next(ArchiveReader *reader, const ArchiveEntry **ret, Fault *ret_fault) {
        _cleanup_(extended_done) Extended x = {};
        uint8_t header[TAR_BLOCK_SIZE];
        int k;

        forget_entry(reader);
        k = next_header(reader, header, ret_fault);
        if (k <= 0)
                return k;
        if (header[TYPE_OFFSET] == 'x') {
                k = read_extended(reader, header, &x, ret_fault);
                if (k < 0)
                        return k;
                k = next_header(reader, header, ret_fault);
                if (k <= 0)
                        return k < 0 ? k : bad(reader, "an entry after its pax header", "the end of the archive", ret_fault);
        }
        k = fill_entry(reader, header, &x, ret_fault);
        if (k < 0)
                return k;
        k = skip(reader, reader->entry.size, ret_fault);
        if (k < 0)
                return k;
        *ret = &reader->entry;
        return 1;
}

int archive_version(int fd, uint64_t size, TarVersion *ret, Fault *ret_fault) {
        _cleanup_(archive_reader_freep) ArchiveReader *r = archive_reader_new(fd, size);
        const ArchiveEntry *e = NULL;
        const char *name;
        int k;

        if (!r)
                return -ENOMEM;
        k = archive_next(r, &e, ret_fault);
        if (k < 0)
                return k;
        name = e ? e->name : NULL;
        if (!name || strcmp(name, "./") != 0)
                return bad(r, "the entry ./ first", name ?: "nothing", ret_fault);
        *ret = e->version;
        return 0;
}
