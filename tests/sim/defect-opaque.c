/* SPDX-License-Identifier: Apache-2.0 */

/* The opaque data: their layout, and what they say about the device. */

#include <string.h>

#include "sim/defect.h"
#include "sim/must.h"

static SimDevice *first(SimScene *s) {
        return s->devices[0];
}

static void add_unknown(SimScene *s) {
        (void) sim_entry_append(first(s), 200, 0, "??", 2);
}

static void add_type_zero(SimScene *s) {
        (void) sim_entry_append(first(s), 0, 0, "", 0);
}

static void repeat_entry(SimScene *s) {
        const SimOpaqueEntry e = *sim_entry_find(first(s), 6);

        (void) sim_entry_append(first(s), e.type, e.value_type, e.value, e.size);
}

static void lengthen_last(SimScene *s) {
        first(s)->entries[first(s)->n_entries - 1].size_delta = 1;
}

static void shorten_last(SimScene *s) {
        first(s)->entries[first(s)->n_entries - 1].size_delta = -1;
}

static void set_version_3(SimScene *s) {
        (void) sim_entry_replace(first(s), 34, "\x03", 2);
}

static void set_profile_1(SimScene *s) {
        first(s)->profile = 1;
}

static void set_major_3(SimScene *s) {
        first(s)->major = 3;
}

static void drop_header(SimScene *s) {
        first(s)->versioned = false;
}

static void drop_driver_version(SimScene *s) {
        sim_entry_remove(first(s), 3);
}

static void drop_vbios_version(SimScene *s) {
        sim_entry_remove(first(s), 6);
}

static void drop_project(SimScene *s) {
        sim_entry_remove(first(s), 17);
}

static void drop_decoder(SimScene *s) {
        sim_entry_remove(first(s), 11);
}

static void drop_fwid(SimScene *s) {
        sim_entry_remove(first(s), 20);
}

static void change_decoder(SimScene *s) {
        (void) sim_entry_replace(first(s), 11, "\x00", 1);
}

static void change_fwid(SimScene *s) {
        sim_entry_find(first(s), 20)->value[0] ^= 1;
}

static void shorten_fwid(SimScene *s) {
        sim_entry_find(first(s), 20)->size = 32;
}

static void leave_directory(SimScene *s) {
        (void) sim_entry_replace(first(s), 3, "../../driver", sizeof("../../driver"));
}

static void cut_text(SimScene *s) {
        SimOpaqueEntry *e = sim_entry_find(first(s), 3);

        e->value[3] = 0;
}

static void change_driver_version(SimScene *s) {
        SimOpaqueEntry *e = sim_entry_find(first(s), 3);

        e->value[0] = '9';
}

static void change_vbios_version(SimScene *s) {
        sim_entry_find(first(s), 6)->value[4] ^= 1;
}

static void disagree_about_ppcie(SimScene *s) {
        SimOpaqueEntry *e = sim_entry_find(first(s), 21);

        e->value[0] = (uint8_t) (e->value[0] == 0xaa ? 0x55 : 0xaa);
}

static void set_strange_ppcie(SimScene *s) {
        (void) sim_entry_replace(first(s), 21, "\x00", 1);
}

static void set_strange_flag(SimScene *s) {
        (void) sim_entry_replace(first(s), 36, "\x07", 2);
}

static void lower_svn(SimScene *s) {
        sim_entry_find(first(s), 37)->value[0]--;
}

static void retype_svn(SimScene *s) {
        sim_entry_find(first(s), 37)->value_type = 0x83;
}

static void drop_svn(SimScene *s) {
        sim_entry_remove(first(s), 37);
}

static void unlock_switch(SimScene *s) {
        (void) sim_entry_replace(first(s), 25, "\x00", 2);
}

static void change_own_pdi(SimScene *s) {
        sim_entry_find(first(s), 22)->value[0] ^= 1;
}

#define CALL(label, mask, function, text) { label, text, mask, {}, 0, function, NULL }

static const SimDefect rows[] = {
        { "opaque-empty", "there are no opaque data", SIM_ON_ALL, { SIM_TWEAK(opaque_empty, 1) }, 1, NULL, NULL },
        { "opaque-trailing", "three bytes stand behind the last entry", SIM_ON_ALL,
          { SIM_TWEAK(opaque_trailing, 3) }, 1, NULL, NULL },
        CALL("opaque-unknown-type", SIM_ON_LEGACY, add_unknown, "an entry of a type that the layout does not have"),
        CALL("opaque-type-zero", SIM_ON_ALL, add_type_zero, "an entry of type 0"),
        CALL("opaque-repeated", SIM_ON_ALL, repeat_entry, "the VBIOS version is there twice"),
        CALL("opaque-entry-long", SIM_ON_ALL, lengthen_last, "the last entry claims a byte that is not there"),
        CALL("opaque-entry-short", SIM_ON_ALL, shorten_last, "the last entry leaves a byte over"),
        CALL("opaque-version-3", SIM_ON_GPU & SIM_ON_LEGACY, set_version_3, "a data version that nobody knows"),
        CALL("opaque-profile-1", SIM_ON_NVDAOD, set_profile_1, "the layout's header has another profile"),
        CALL("opaque-major-3", SIM_ON_NVDAOD, set_major_3, "the layout's header has a version that nobody knows"),
        CALL("opaque-header-missing", SIM_ON_NVDAOD, drop_header, "entries of new firmware in the old layout"),
        CALL("driver-version-missing", SIM_ON_GPU, drop_driver_version, "no driver version"),
        CALL("driver-version-path", SIM_ON_GPU, leave_directory, "a driver version that is a path"),
        CALL("driver-version-nul", SIM_ON_GPU, cut_text, "a driver version with a NUL inside"),
        CALL("driver-version-other", SIM_ON_GPU, change_driver_version, "a driver version that has no RIM"),
        CALL("vbios-version-missing", SIM_ON_ALL, drop_vbios_version, "no VBIOS version"),
        CALL("vbios-version-other", SIM_ON_ALL, change_vbios_version, "a VBIOS version that has no RIM"),
        CALL("project-missing", SIM_ON_GPU, drop_project, "no project, so no VBIOS RIM can be named"),
        CALL("nvdec-missing", SIM_ON_GPU, drop_decoder, "no status of NVDEC0"),
        CALL("nvdec-strange", SIM_ON_GPU, change_decoder, "a status of NVDEC0 that is neither on nor off"),
        CALL("fwid-missing", SIM_ON_FWID, drop_fwid, "a report without firmware id"),
        CALL("fwid-other", SIM_ON_FWID, change_fwid, "the report names other firmware than the leaf"),
        CALL("fwid-short", SIM_ON_FWID, shorten_fwid, "a firmware id of 32 bytes"),
        CALL("mode-disagreeing", SIM_ON_FLAG & SIM_ON_HOPPER, disagree_about_ppcie,
             "feature flag and protected PCIe status disagree"),
        CALL("mode-strange", SIM_ON_FLAG & SIM_ON_HOPPER, set_strange_ppcie,
             "a protected PCIe status that is neither on nor off"),
        CALL("mode-flag-strange", SIM_ON_FLAG, set_strange_flag, "a feature flag that nobody knows"),
        CALL("svn-low", SIM_ON_NVDAOD, lower_svn, "a security version below the RIM's minimum"),
        CALL("svn-type", SIM_ON_NVDAOD, retype_svn, "a security version of a type that cannot be compared"),
        CALL("svn-missing", SIM_ON_NVDAOD, drop_svn, "no security version, where the RIM has a minimum"),
        CALL("switch-unlocked", SIM_ON_SWITCH, unlock_switch, "the switch is not locked"),
        CALL("switch-pdi", SIM_ON_SWITCH, change_own_pdi, "the switch reports another PDI than its certificate's"),
};

const SimDefectTable sim_opaque_defects = { rows, ELEMENTSOF(rows) };
