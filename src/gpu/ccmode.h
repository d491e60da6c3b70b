/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Confidential Computing modes: which one a device is in, and the knobs that bring it into another one at its next
 * reset. Orders of reading and writing are those of NVIDIA's tool: the enable knob is set first and cleared last, so
 * that devtools is never set without it. */

#include <stddef.h>

#include "gpu/gpu.h"

/* What a device can be brought into. Each excludes the others. */
typedef enum CcMode {
        CC_MODE_OFF,      /* neither CC nor PPCIe */
        CC_MODE_ON,
        CC_MODE_DEVTOOLS, /* CC that a debugger can look into */
        CC_MODE_PPCIE,    /* protected PCIe: all GPUs and switches of a machine in one guest; not on Blackwell */
        _CC_MODE_MAX,
        _CC_MODE_INVALID = -1,
} CcMode;

/* The CC bits as registers have them. */
typedef enum CcState {
        CC_STATE_OFF      = 0,
        CC_STATE_ON       = 1,
        CC_STATE_INVALID  = 2, /* devtools without CC: set any mode and reset */
        CC_STATE_DEVTOOLS = 3,
} CcState;

/* What is in effect now. What a chip does not have is off. */
typedef struct CcStatus {
        CcState cc;
        bool ppcie;
        bool firewall; /* Blackwell: the BAR0 firewall (decoupler) as a mode of its own */
} CcStatus;

/* What takes effect at the next reset, and whether it may be changed from the host; -1: there is no such knob. */
typedef struct CcSettings {
        int enable, devtools, firewall, ppcie;
        int enable_allowed, devtools_allowed, firewall_allowed, ppcie_allowed;
} CcSettings;

/* A knob that was changed, so that it can be changed back. */
typedef struct CcChange {
        uint8_t knob;
        uint16_t before, after;
} CcChange;

#define CC_CHANGES_MAX 16U

typedef struct CcChanges {
        CcChange list[CC_CHANGES_MAX];
        size_t n;
} CcChanges;

/* "off", "on", "devtools", "ppcie". */
const char *cc_mode_to_string(CcMode mode);
CcMode cc_mode_from_string(const char *name);

/* "off", "on", "devtools", "invalid". */
const char *cc_state_to_string(CcState state);

bool cc_mode_supported(const Chip *c, CcMode mode);

/* Whether a device in this state is in that mode, and in no other. */
bool cc_status_is(const CcStatus *status, CcMode mode);

/* Reads the mode; the device has booted (boot_wait()). 0 or the errors of bar0_read(). */
int ccmode_read(const Gpu *g, CcStatus *ret, Fault *ret_fault);

/* Reads the knobs. 0 or the errors of prc_read(). */
int ccmode_settings(Gpu *g, CcSettings *ret, Fault *ret_fault);

/* Whether all knobs that have to change for `mode` may be changed from the host. Changes nothing. 0; -EPERM when one
 * may not, which the fault names; -EOPNOTSUPP when chip or firmware do not have this mode; the errors of prc_read(). */
int ccmode_check(Gpu *g, CcMode mode, Fault *ret_fault);

/* Changes the knobs that are not yet as `mode` needs them, reads the changed ones back, and appends them to *changes.
 * After a failure *changes holds what was changed so far; ccmode_undo() takes it back. 0; -EOPNOTSUPP; -EIO when FSP
 * refuses one or does not keep it; the errors of prc_read(). */
int ccmode_stage(Gpu *g, CcMode mode, CcChanges *changes, Fault *ret_fault);

/* The BAR0 firewall alone, which only Blackwell has as a mode of its own; otherwise as ccmode_stage(), permission
 * included. */
int ccmode_stage_firewall(Gpu *g, bool on, CcChanges *changes, Fault *ret_fault);

/* Gives the changed knobs their values back, the last one first, and empties *changes. 0 or the errors of
 * prc_write(): then what is left in *changes takes effect at the next reset, whoever makes it. */
int ccmode_undo(Gpu *g, CcChanges *changes, Fault *ret_fault);
