/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/rimid.h"

#include <string.h>

/* What Blackwell reports of drivers before 590 leave out. */
#define BLACKWELL_DEFAULT_CHIP "GB100"

/* A switch's report does not name its project; there is one. */
#define LS10_PROJECT "5612_0002_890"

#define ID_PREFIX "NV_"

static int get_text(const Opaque *o, OpaqueType type, const char *name, char ret[static OPAQUE_TEXT_SIZE], Fault *f) {
        int r;

        r = opaque_text(o, type, ret);
        if (r < 0)
                return fault_set(f, EBADMSG, name, "letters, digits, '.', '-' and '_' in the report",
                                 r == -ENOENT ? "no such entry" : "other bytes");
        return 0;
}

int rim_product(const Opaque *o, Architecture arch, char ret[static OPAQUE_TEXT_SIZE], Fault *ret_fault) {
        const char *product = arch_info(arch)->product;

        if (!product && opaque_find(o, OPAQUE_CHIP_INFO))
                return get_text(o, OPAQUE_CHIP_INFO, "chip info", ret, ret_fault);
        (void) snprintf(ret, OPAQUE_TEXT_SIZE, "%s", product ?: BLACKWELL_DEFAULT_CHIP);
        return 0;
}

int rim_id_driver(const Opaque *o, Architecture arch, char **ret, Fault *ret_fault) {
        char version[OPAQUE_TEXT_SIZE], chip[OPAQUE_TEXT_SIZE];
        int r;

        r = get_text(o, OPAQUE_DRIVER_VERSION, "driver version", version, ret_fault);
        if (r < 0)
                return r;
        r = rim_product(o, arch, chip, ret_fault);
        if (r < 0)
                return r;
        return rim_id_driver_of(arch, chip, version, ret);
}

int rim_id_driver_of(Architecture arch, const char *chip, const char *version, char **ret) {
        const char *product = chip ?: arch_info(arch)->product ?: BLACKWELL_DEFAULT_CHIP;

        if (strncmp(version, ID_PREFIX, strlen(ID_PREFIX)) == 0) {
                *ret = strdup(version);
                return *ret ? 0 : -ENOMEM;
        }
        return asprintf(ret, "%s_%s_%s", arch == ARCH_HOPPER ? "NV_GPU_DRIVER" : "NV_GPU_CC_DRIVER", product, version) < 0 ?
                       -ENOMEM :
                       0;
}

static void remove_dots(char *text) {
        char *to = text;

        for (; *text; text++)
                if (*text != '.')
                        *to++ = *text;
        *to = 0;
}

int rim_id_vbios_of(Architecture arch, const char *firmware, char **ret) {
        bool whole = strncmp(firmware, ID_PREFIX, strlen(ID_PREFIX)) == 0;
        const char *prefix = whole ? "" : arch_info(arch)->is_switch ? "NV_SWITCH_BIOS_" LS10_PROJECT "_" : "NV_GPU_VBIOS_";
        char *id;

        if (asprintf(&id, "%s%s", prefix, firmware) < 0)
                return -ENOMEM;
        remove_dots(id + strlen(prefix));
        *ret = id;
        return 0;
}

int rim_id_vbios(const Opaque *o, Architecture arch, char **ret, Fault *ret_fault) {
        char version[OPAQUE_TEXT_SIZE], project[OPAQUE_TEXT_SIZE], project_sku[OPAQUE_TEXT_SIZE],
                chip_sku[OPAQUE_TEXT_SIZE];
        bool is_switch = arch_info(arch)->is_switch;
        int r;

        if (opaque_vbios_version(o, is_switch, version) < 0)
                return fault_set(ret_fault, EBADMSG, "VBIOS version", "an entry in the report", "none");
        if (is_switch)
                return rim_id_vbios_of(arch, version, ret);
        remove_dots(version);

        r = get_text(o, OPAQUE_PROJECT, "project", project, ret_fault);
        if (r < 0)
                return r;
        r = get_text(o, OPAQUE_PROJECT_SKU, "project SKU", project_sku, ret_fault);
        if (r < 0)
                return r;
        r = get_text(o, OPAQUE_CHIP_SKU, "chip SKU", chip_sku, ret_fault);
        if (r < 0)
                return r;
        if (asprintf(ret, "NV_GPU_VBIOS_%s_%s_%s_%s", project, project_sku, chip_sku, version) < 0)
                return -ENOMEM;
        return 0;
}
