/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/opaque.h"

#include <ctype.h>
#include <string.h>

#define OPAQUE_VERSION_MAX 2U

static const uint8_t versioned_magic[6] = { 'N', 'V', 'D', 'A', 'O', 'D' };

typedef struct OpaqueSize {
        uint16_t type;
        uint16_t gpu_min, gpu_max;
        uint16_t switch_min, switch_max;
} OpaqueSize;

/* The sizes of what is used anywhere; 0 as maximum: any size. Types that are not listed are carried along unread. */
static const OpaqueSize size_table[] = {
        { OPAQUE_DRIVER_VERSION,  1,   63,  1,   63  },
        { OPAQUE_VBIOS_VERSION,   8,   8,   14,  14  },
        { OPAQUE_NVDEC0_STATUS,   1,   1,   1,   1   },
        { OPAQUE_CHIP_SKU,        1,   63,  1,   63  },
        { OPAQUE_PROJECT,         1,   63,  1,   63  },
        { OPAQUE_PROJECT_SKU,     1,   63,  1,   63  },
        { OPAQUE_FWID,            48,  48,  48,  48  },
        { OPAQUE_PPCIE_STATUS,    1,   1,   1,   1   },
        { OPAQUE_SWITCH_PDI,      144, 144, 8,   8   },
        { OPAQUE_POSITION_ID,     2,   2,   2,   2   },
        { OPAQUE_LOCK_STATUS,     2,   2,   2,   2   },
        { OPAQUE_SWITCH_GPU_PDIS, 128, 128, 128, 128 },
        { OPAQUE_DATA_VERSION,    2,   2,   2,   2   },
        { OPAQUE_CHIP_INFO,       1,   63,  1,   63  },
        { OPAQUE_FEATURE_FLAG,    2,   2,   2,   2   },
};

/* Highest type that a legacy report can hold. */
enum {
        LEGACY_GPU_TYPE_MAX    = 36,
        LEGACY_SWITCH_TYPE_MAX = 27,
};

static int check_size(const OpaqueEntry *e, bool is_switch, Fault *f) {
        for (size_t i = 0; i < ELEMENTSOF(size_table); i++) {
                const OpaqueSize *s = &size_table[i];
                unsigned min = is_switch ? s->switch_min : s->gpu_min, max = is_switch ? s->switch_max : s->gpu_max;
                char what[64], expected[64];

                if (s->type != e->type || (e->size >= min && e->size <= max))
                        continue;
                (void) snprintf(what, sizeof(what), "opaque data: size of entry %u", (unsigned) e->type);
                (void) snprintf(expected, sizeof(expected), "%u to %u bytes", min, max);
                return fault_set(f, EBADMSG, what, expected, "%u bytes", (unsigned) e->size);
        }
        return 0;
}

static int check_type(const Opaque *o, const OpaqueEntry *e, bool is_switch, Fault *f) {
        unsigned max = is_switch ? LEGACY_SWITCH_TYPE_MAX : LEGACY_GPU_TYPE_MAX;

        if (e->type == 0 || (!o->versioned && e->type > max))
                return fault_set(f, EBADMSG, "opaque data: entry type", "a type of this layout", "%u",
                                 (unsigned) e->type);
        if (opaque_find(o, e->type))
                return fault_set(f, EBADMSG, "opaque data", "every type at most once", "type %u again",
                                 (unsigned) e->type);
        return 0;
}

static int parse_entry(Cursor *c, bool is_switch, Opaque *o, Fault *f) {
        OpaqueEntry e = {};
        int r;

        if (cursor_le16(c, &e.type) < 0 || (o->versioned && cursor_le16(c, &e.value_type) < 0) ||
            cursor_le16(c, &e.size) < 0 || cursor_bytes(c, e.size, &e.value) < 0)
                return fault_set(f, EBADMSG, "opaque data", "whole entries up to its end",
                                 "an entry cut off after %zu bytes", c->size);
        r = check_type(o, &e, is_switch, f);
        if (r < 0)
                return r;
        r = check_size(&e, is_switch, f);
        if (r < 0)
                return r;
        if (o->n_entries >= ELEMENTSOF(o->entries))
                return fault_set(f, EBADMSG, "opaque data", "at most 64 entries", "more");
        o->entries[o->n_entries++] = e;
        return 0;
}

/* Header of the versioned layout: magic, profile, major, minor, patch, padding. */
static int parse_header(Cursor *c, Opaque *o, Fault *f) {
        Cursor header;
        const uint8_t *magic, *minor_patch_padding;
        uint16_t profile;
        uint8_t major;

        if (cursor_left(c) < 12 || memcmp(c->data, versioned_magic, sizeof(versioned_magic)) != 0)
                return 0;
        if (cursor_sub(c, 12, &header) < 0 || cursor_bytes(&header, sizeof(versioned_magic), &magic) < 0 ||
            cursor_le16(&header, &profile) < 0 || cursor_u8(&header, &major) < 0 ||
            cursor_bytes(&header, 3, &minor_patch_padding) < 0)
                return -EBADMSG;
        if (profile != 0)
                return fault_set(f, EBADMSG, "opaque data: profile", "0", "%u", (unsigned) profile);
        o->versioned = true;
        o->version = major;
        return 0;
}

static int check_version(Opaque *o, Fault *f) {
        if (!o->versioned) {
                int r;

                r = opaque_number(o, OPAQUE_DATA_VERSION, &o->version);
                if (r < 0 && r != -ENOENT)
                        return fault_set(f, EBADMSG, "opaque data: version", "2 bytes", "another size");
        }
        if (o->version > OPAQUE_VERSION_MAX)
                return fault_set(f, EBADMSG, "opaque data: version", "0 to 2 (newer firmware needs a newer verifier)",
                                 "%u", o->version);
        return 0;
}

int opaque_parse(Cursor data, bool is_switch, Opaque *ret, Fault *ret_fault) {
        Opaque o = {};
        int r;

        r = parse_header(&data, &o, ret_fault);
        if (r < 0)
                return r;
        /* Said before the entries are read: those of an unknown version may mean anything. */
        r = check_version(&o, ret_fault);
        if (r < 0)
                return r;
        while (cursor_left(&data) > 0) {
                r = parse_entry(&data, is_switch, &o, ret_fault);
                if (r < 0)
                        return r;
        }
        r = check_version(&o, ret_fault);
        if (r < 0)
                return r;
        if (o.n_entries == 0)
                return fault_set(ret_fault, EBADMSG, "opaque data", "entries", "none");
        *ret = o;
        return 0;
}

const OpaqueEntry *opaque_find(const Opaque *o, unsigned type) {
        for (size_t i = 0; i < o->n_entries; i++)
                if (o->entries[i].type == type)
                        return &o->entries[i];
        return NULL;
}

int opaque_text(const Opaque *o, OpaqueType type, char ret[static OPAQUE_TEXT_SIZE]) {
        const OpaqueEntry *e = opaque_find(o, type);
        size_t length;

        if (!e)
                return -ENOENT;
        length = strnlen((const char *) e->value, e->size);
        if (length == 0 || length >= OPAQUE_TEXT_SIZE)
                return -EBADMSG;
        for (size_t i = 0; i < e->size; i++) {
                unsigned char c = e->value[i];

                if (i < length ? !(isascii(c) && (isalnum(c) || strchr("._-", c))) : c != 0)
                        return -EBADMSG;
        }
        memcpy(ret, e->value, length);
        ret[length] = 0;
        return 0;
}

int opaque_number(const Opaque *o, unsigned type, unsigned *ret) {
        const OpaqueEntry *e = opaque_find(o, type);

        if (!e)
                return -ENOENT;
        if (e->size < 1 || e->size > 2)
                return -EBADMSG;
        *ret = e->value[0] | (e->size == 2 ? (unsigned) e->value[1] << 8 : 0);
        return 0;
}

static void upper_case(char *text) {
        for (; *text; text++)
                *text = (char) toupper((unsigned char) *text);
}

int opaque_vbios_version(const Opaque *o, bool is_switch, char ret[static OPAQUE_TEXT_SIZE]) {
        const OpaqueEntry *e;

        if (is_switch) {
                int r;

                r = opaque_text(o, OPAQUE_VBIOS_VERSION, ret);
                if (r < 0)
                        return r;
                upper_case(ret);
                return 0;
        }
        e = opaque_find(o, OPAQUE_VBIOS_VERSION);
        if (!e)
                return -ENOENT;
        if (e->size != 8)
                return -EBADMSG;
        (void) snprintf(ret, OPAQUE_TEXT_SIZE, "%02X.%02X.%02X.%02X.%02X", e->value[3], e->value[2], e->value[1],
                        e->value[0], e->value[4]);
        return 0;
}
