/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which device a certificate chain is about: the PDI (per-device identifier) and model in the per-device CA
 * (certificate 1), and the firmware id (FWID) that the leaf carries in a DICE extension (TCG DICE Attestation
 * Architecture 1.1, section 6.1; for Hopper and LS10 in the form of its first edition). */

#include "attest/arch.h"
#include "attest/certchain.h"
#include "attest/opaque.h"

#define FWID_SIZE 48U

typedef struct DeviceIdentity {
        uint8_t pdi[PDI_SIZE];
        char hwmodel[64];  /* common name of certificate 1 */
        char ueid[64];     /* serial number of the leaf, decimal */
        uint8_t fwid[FWID_SIZE];
} DeviceIdentity;

/* Model and serial numbers. 0; -EBADMSG (with *ret_fault) when the chain has fewer than two certificates, or
 * certificate 1 has not the form that this architecture's per-device CAs have. */
int identity_read_device(const CertChain *chain, const ArchInfo *arch, DeviceIdentity *ret, Fault *ret_fault);

/* Common name of certificate 1 and decimal serial of the leaf, whatever their form; empty strings when absent. */
void identity_read_names(const CertChain *chain, DeviceIdentity *ret);

/* The leaf's firmware id, into ret->fwid. Where the extension also names the key of the layer below, it must be
 * certificate 1's. 0; -ENOENT when the leaf has no such extension; -EBADMSG (with *ret_fault) when it is malformed
 * or names another key. */
int identity_read_fwid(const CertChain *chain, const ArchInfo *arch, DeviceIdentity *ret, Fault *ret_fault);
