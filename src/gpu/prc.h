/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* PRC knobs: settings that FSP keeps and that take effect at the next reset. A knob of 16 bits that may be changed
 * from the host is preceded by one that says whether it may. */

#include "gpu/gpu.h"

typedef enum PrcKnob {
        PRC_CCD_ALLOW_INB            = 5,
        PRC_CCD                      = 6, /* devtools: CC with debugging, proves nothing */
        PRC_CCM_ALLOW_INB            = 7,
        PRC_CCM                      = 8, /* CC */
        PRC_BAR0_DECOUPLER_ALLOW_INB = 9,
        PRC_BAR0_DECOUPLER           = 10,
        PRC_PPCIE_ALLOW_INB          = 44,
        PRC_PPCIE                    = 45,
        PRC_KNOB_MAX                 = 47,
} PrcKnob;

#define PRC_BAR0_DECOUPLER_ON 2U /* 1 means nothing */

/* -ENOENT: FSP says that there is no such knob (0x1e3); -EIO: it gave another error code, which the fault names; or
 * the errors of fsp_call(). */
int prc_read(Gpu *g, unsigned knob, uint16_t *ret, Fault *ret_fault);
int prc_write(Gpu *g, unsigned knob, uint16_t value, Fault *ret_fault);

/* "PRC knob 8 (CCM)" into `ret`, which has room for 48 characters. Returns `ret`. */
char *prc_knob_text(unsigned knob, char ret[static 48]);
