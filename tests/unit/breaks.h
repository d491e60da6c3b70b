/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One thing wrong with the first device of a trial, or with its collateral; all else stays good. */

#include "trial.h"

void break_arch(Trial *s);
void break_framing(Trial *s); /* a byte behind the report */
void break_nonce(Trial *s);   /* the report's, not the file's */
void break_signature(Trial *s);
void break_measurement(Trial *s); /* with index 1, a VBIOS one */
void break_fwid(Trial *s);
void break_identity(Trial *s); /* the per-device CA is of the other kind */
void break_mode(Trial *s);

void expire_leaf(Trial *s);
void postpone_leaf(Trial *s);

/* Issues the leaf (level 0) or the per-device CA (1) anew, from its description as `edit` changes it. */
void reissue_device_cert(Trial *s, unsigned level, void (*edit)(SimCertSpec *spec));

/* There is no such RIM. */
void lose_driver_rim(Trial *s);
void lose_vbios_rim(Trial *s);

void break_driver_schema(Trial *s);
void break_vbios_schema(Trial *s);
void expire_driver_signer(Trial *s);
void expire_vbios_signer(Trial *s);
void break_driver_key(Trial *s);
void break_vbios_key(Trial *s);
void break_driver_product(Trial *s);
void break_vbios_product(Trial *s);
void break_driver_version(Trial *s);
void break_vbios_version(Trial *s);
void empty_driver_rim(Trial *s); /* nothing is active in it */
void empty_vbios_rim(Trial *s);
void make_conflict(Trial *s);    /* an index is active in both, with one value */
