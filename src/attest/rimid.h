/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The names under which NVIDIA publishes the RIMs of a device, computed from its report alone. */

#include "attest/arch.h"
#include "basic/fault.h"
#include "attest/opaque.h"

/* RIM of the driver, such as NV_GPU_DRIVER_GH100_550.90.07. 0 (*ret is the caller's); -EBADMSG (with *ret_fault)
 * when the report lacks a field; -ENOMEM. GPUs only. */
int rim_id_driver(const Opaque *o, Architecture arch, char **ret, Fault *ret_fault);

/* RIM of a GPU's VBIOS or a switch's BIOS, such as NV_GPU_VBIOS_1010_0200_882_96009F0001. */
int rim_id_vbios(const Opaque *o, Architecture arch, char **ret, Fault *ret_fault);

/* The product that these RIMs must be for, into `ret`: GH100, LS10, or what a Blackwell's chip info says. */
int rim_product(const Opaque *o, Architecture arch, char ret[static OPAQUE_TEXT_SIZE], Fault *ret_fault);

/* The same without a report, for those who know what they will run. `chip` is the product that rim_product() would
 * say, NULL the usual one. `firmware` is what a VBIOS RIM's id ends in, PROJECT_SKU_CHIP_VERSION for a GPU and a version
 * for a switch, with or without the version's dots; or a whole id. 0 or -ENOMEM. */
int rim_id_driver_of(Architecture arch, const char *chip, const char *version, char **ret);
int rim_id_vbios_of(Architecture arch, const char *firmware, char **ret);
