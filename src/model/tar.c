/* SPDX-License-Identifier: Apache-2.0 */

#include "model/tar.h"

#include <assert.h>
#include <string.h>

#define NAME_SIZE 100U
#define SIZE_MAX_OCTAL UINT64_C(077777777777)

/* POSIX.1-2017, pax, "ustar Interchange Format". */
typedef struct TarHeader {
        char name[NAME_SIZE];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char linkname[NAME_SIZE];
        char magic[6];
        char version[2];
        char uname[32];
        char gname[32];
        char devmajor[8];
        char devminor[8];
        char prefix[155];
        char pad[12];
} TarHeader;

_Static_assert(sizeof(TarHeader) == TAR_BLOCK_SIZE, "a header fills a block");

/* The records of an entry's pax header. */
typedef struct Records {
        size_t size;
        char text[2 * (LISTING_NAME_MAX + 1) + TAR_BLOCK_SIZE];
} Records;

TarVersion tar_version_from_string(const char *text) {
        for (TarVersion v = 0; v < _TAR_VERSION_MAX; v++)
                if (strcmp(text, tar_version_to_string(v)) == 0)
                        return v;
        return _TAR_VERSION_INVALID;
}

const char *tar_version_to_string(TarVersion version) {
        static const char *const names[] = { [TAR_1_34] = "1.34", [TAR_1_35] = "1.35" };

        return names[version];
}

static size_t round_up(size_t size) {
        return (size + TAR_BLOCK_SIZE - 1) / TAR_BLOCK_SIZE * TAR_BLOCK_SIZE;
}

/* "LEN key=value\n", LEN counting itself. */
static void add_record(Records *records, const char *key, const char *value) {
        size_t body = strlen(key) + strlen(value) + 3, length = body + 1;
        char digits[24];

        while (length != body + (size_t) snprintf(digits, sizeof(digits), "%zu", length))
                length++;
        assert(records->size + length < sizeof(records->text));
        records->size += (size_t) snprintf(records->text + records->size, sizeof(records->text) - records->size,
                                           "%s %s=%s\n", digits, key, value);
}

/* Whether an entry's name cannot stand in its header alone. */
static bool needs_record(const char *name) {
        if (strlen(name) > NAME_SIZE)
                return true;
        for (; *name; name++)
                if ((unsigned char) *name > 0x7f)
                        return true;
        return false;
}

/* Seconds and what is left of them, in decimal, as short as can be. */
static void add_time_record(Records *records, const struct timespec *t) {
        long long sec = (long long) t->tv_sec;
        long nsec = t->tv_nsec;
        const char *sign = "";
        char text[64];
        size_t length;

        if (sec < 0) {
                sign = "-";
                sec = -sec;
                if (nsec > 0) {
                        sec--;
                        nsec = 1000000000 - nsec;
                }
        }
        length = (size_t) snprintf(text, sizeof(text), "%s%lld.%09ld", sign, sec, nsec);
        while (text[length - 1] == '0')
                text[--length] = 0;
        if (text[length - 1] == '.')
                text[--length] = 0;
        add_record(records, "mtime", text);
}

static bool is_before_1970(const Entry *entry) {
        return entry->mtime.tv_sec < 0;
}

static void collect_records(const Entry *entry, Records *ret) {
        ret->size = 0;
        /* Only its length counts for a link's target: GNU tar writes non-ASCII ones into the header as they are. */
        if (entry->target && strlen(entry->target) > NAME_SIZE)
                add_record(ret, "linkpath", entry->target);
        if (needs_record(entry->name))
                add_record(ret, "path", entry->name);
        if (entry->size > SIZE_MAX_OCTAL) {
                char text[24];

                (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) entry->size);
                add_record(ret, "size", text);
        }
        if (is_before_1970(entry))
                add_time_record(ret, &entry->mtime);
}

static void copy_field(char *field, size_t size, const char *text) {
        size_t length = strlen(text);

        memcpy(field, text, length < size ? length : size);
}

static void octal_field(char *field, size_t size, uint64_t value) {
        for (field[--size] = 0; size > 0; value >>= 3)
                field[--size] = (char) ('0' + (value & 7));
}

/* Six digits, NUL, blank; summed up with blanks in its own place. */
static void set_checksum(TarHeader *h) {
        const uint8_t *bytes = (const uint8_t *) h;
        uint64_t sum = 0;

        memset(h->checksum, ' ', sizeof(h->checksum));
        for (size_t i = 0; i < sizeof(*h); i++)
                sum += bytes[i];
        octal_field(h->checksum, sizeof(h->checksum) - 1, sum);
}

static void fill_header(TarHeader *h, const char *name, mode_t mode, uint64_t size, char type, const char *linkname) {
        memset(h, 0, sizeof(*h));
        copy_field(h->name, sizeof(h->name), name);
        octal_field(h->mode, sizeof(h->mode), mode);
        octal_field(h->uid, sizeof(h->uid), 0);
        octal_field(h->gid, sizeof(h->gid), 0);
        octal_field(h->size, sizeof(h->size), size > SIZE_MAX_OCTAL ? 0 : size);
        octal_field(h->mtime, sizeof(h->mtime), 0);
        h->type = type;
        copy_field(h->linkname, sizeof(h->linkname), linkname ?: "");
        memcpy(h->magic, "ustar", sizeof(h->magic));
        memcpy(h->version, "00", sizeof(h->version));
}

/* --mode='go+u,go-w' */
static mode_t recipe_mode(mode_t mode) {
        mode_t user = mode >> 6 & 7;

        return (mode | user << 3 | user) & ~(mode_t) 022;
}

/* exthdr.name=%d/PaxHeaders/%f */
static void fill_pax_header(TarHeader *h, const Entry *entry, size_t size) {
        char name[LISTING_NAME_MAX + sizeof("PaxHeaders/") + 1];
        size_t length = strlen(entry->name);
        const char *slash, *base;

        /* A directory's own slash is not part of its base name. Of "./" nothing else is left, and it lies in itself. */
        if (entry->name[length - 1] == '/')
                length--;
        slash = memrchr(entry->name, '/', length);
        base = slash ? slash + 1 : entry->name;
        (void) snprintf(name, sizeof(name), "%.*s/PaxHeaders/%.*s", slash ? (int) (slash - entry->name) : 1,
                        entry->name, (int) (length - (size_t) (base - entry->name)), base);
        fill_header(h, name, 0644, size, 'x', NULL);
        set_checksum(h);
}

static void fill_entry_header(TarHeader *h, const Entry *entry, TarVersion version) {
        fill_header(h, entry->name, recipe_mode(entry->mode), entry->size, (char) entry->type, entry->target);
        if (version == TAR_1_34) {
                octal_field(h->devmajor, sizeof(h->devmajor), 0);
                octal_field(h->devminor, sizeof(h->devminor), 0);
        }
        set_checksum(h);
}

size_t tar_headers_size(const Entry *entry) {
        Records records;

        collect_records(entry, &records);
        return TAR_BLOCK_SIZE + (records.size > 0 ? TAR_BLOCK_SIZE + round_up(records.size) : 0);
}

size_t tar_headers(const Entry *entry, TarVersion version, uint8_t ret[static TAR_HEADERS_MAX]) {
        Records records;
        TarHeader h;
        size_t n = 0;

        collect_records(entry, &records);
        if (records.size > 0) {
                size_t padded = round_up(records.size);

                fill_pax_header(&h, entry, records.size);
                memcpy(ret, &h, sizeof(h));
                n = sizeof(h);
                memset(ret + n, 0, padded);
                memcpy(ret + n, records.text, records.size);
                n += padded;
        }
        fill_entry_header(&h, entry, version);
        memcpy(ret + n, &h, sizeof(h));
        return n + sizeof(h);
}
