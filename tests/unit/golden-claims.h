/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The claims of each version and kind of device, in the order in which they are printed. */

#define G "x-nvidia-gpu-"
#define S "x-nvidia-switch-"

/* A claim to a line: its name and its type (s string, b boolean, i integer, a array, n null, and for an object the
 * types of its members). */
static const char gpu_2_0[] =
        "measres s\n"
        G "arch-check b\n"
        G "driver-version s\n"
        G "vbios-version s\n"
        G "attestation-report-cert-chain-validated b\n"
        G "attestation-report-parsed b\n"
        G "attestation-report-nonce-match b\n"
        G "attestation-report-signature-verified b\n"
        G "driver-rim-fetched b\n"
        G "driver-rim-schema-validated b\n"
        G "driver-rim-cert-validated b\n"
        G "driver-rim-signature-verified b\n"
        G "driver-rim-measurements-available b\n"
        G "vbios-rim-fetched b\n"
        G "vbios-rim-schema-validated b\n"
        G "vbios-rim-cert-validated b\n"
        G "vbios-rim-signature-verified b\n"
        G "vbios-rim-measurements-available b\n"
        G "vbios-index-no-conflict b\n"
        "secboot b\n"
        "dbgstat s\n"
        "eat_nonce s\n"
        "hwmodel s\n"
        "ueid s\n"
        "oemid s\n"
        "iss s\n";

#define CHAIN_3_0 "{x-nvidia-cert-expiration-date s, x-nvidia-cert-status s, x-nvidia-cert-ocsp-status s, " \
                  "x-nvidia-cert-revocation-reason n}\n"

static const char gpu_3_0[] =
        "measres s\n"
        G "arch-check b\n"
        G "driver-version s\n"
        G "vbios-version s\n"
        G "attestation-report-cert-chain " CHAIN_3_0
        G "attestation-report-cert-chain-fwid-match b\n"
        G "attestation-report-parsed b\n"
        G "attestation-report-nonce-match b\n"
        G "attestation-report-signature-verified b\n"
        G "driver-rim-fetched b\n"
        G "driver-rim-schema-validated b\n"
        G "driver-rim-cert-chain " CHAIN_3_0
        G "driver-rim-signature-verified b\n"
        G "driver-rim-version-match b\n"
        G "driver-rim-measurements-available b\n"
        G "vbios-rim-fetched b\n"
        G "vbios-rim-schema-validated b\n"
        G "vbios-rim-cert-chain " CHAIN_3_0
        G "vbios-rim-version-match b\n"
        G "vbios-rim-signature-verified b\n"
        G "vbios-rim-measurements-available b\n"
        G "vbios-index-no-conflict b\n"
        "secboot b\n"
        "dbgstat s\n"
        "eat_nonce s\n"
        "hwmodel s\n"
        "ueid s\n"
        "oemid s\n"
        "iss s\n"
        "x-nvidia-attestation-warning n\n";

#define CHAIN_4_0 "{x-nvidia-cert-expiration-date s, x-nvidia-cert-status s, x-nvidia-cert-ocsp-status s, "        \
                  "x-nvidia-cert-revocation-reason n, x-nvidia-cert-ocsp-nonce-matches b, "                         \
                  "x-nvidia-cert-ocsp-response-valid b}\n"

static const char gpu_4_0[] =
        "measres s\n"
        G "arch-check b\n"
        G "driver-version s\n"
        G "vbios-version s\n"
        G "attestation-report-cert-chain " CHAIN_4_0
        G "attestation-report-cert-chain-fwid-match b\n"
        G "attestation-report-parsed b\n"
        G "attestation-report-nonce-match b\n"
        G "attestation-report-signature-verified b\n"
        G "driver-rim-fetched b\n"
        G "driver-rim-cert-chain " CHAIN_4_0
        G "driver-rim-signature-verified b\n"
        G "driver-rim-version-match b\n"
        G "driver-rim-measurements-available b\n"
        G "vbios-rim-fetched b\n"
        G "vbios-rim-cert-chain " CHAIN_4_0
        G "vbios-rim-version-match b\n"
        G "vbios-rim-signature-verified b\n"
        G "vbios-rim-measurements-available b\n"
        G "vbios-index-no-conflict b\n"
        "secboot b\n"
        "dbgstat s\n"
        "eat_nonce s\n"
        "hwmodel s\n"
        "ueid s\n"
        "oemid s\n"
        "x-nvidia-device-type s\n"
        "x-nvidia-mismatch-measurement-records n\n"
        "x-nvidia-mismatch-opaque-data-records n\n"
        "x-nvidia-attester-claims {}\n"
        G "claims-version s\n";

static const char switch_2_0[] =
        "measres s\n"
        S "arch-check b\n"
        S "bios-version s\n"
        S "attestation-report-cert-chain-validated b\n"
        S "attestation-report-parsed b\n"
        S "attestation-report-nonce-match b\n"
        S "attestation-report-signature-verified b\n"
        S "bios-rim-fetched b\n"
        S "bios-rim-schema-validated b\n"
        S "bios-rim-cert-validated b\n"
        S "bios-rim-signature-verified b\n"
        S "bios-rim-measurements-available b\n"
        "secboot b\n"
        "dbgstat s\n"
        "eat_nonce s\n"
        "hwmodel s\n"
        "ueid s\n"
        "iss s\n";

static const char switch_3_0[] =
        "measres s\n"
        S "arch-check b\n"
        S "bios-version s\n"
        S "attestation-report-cert-chain " CHAIN_3_0
        S "attestation-report-cert-chain-fwid-match b\n"
        S "attestation-report-parsed b\n"
        S "attestation-report-nonce-match b\n"
        S "attestation-report-signature-verified b\n"
        S "bios-rim-fetched b\n"
        S "bios-rim-schema-validated b\n"
        S "bios-rim-cert-chain " CHAIN_3_0
        S "bios-rim-version-match b\n"
        S "bios-rim-signature-verified b\n"
        S "bios-rim-measurements-available b\n"
        "secboot b\n"
        "dbgstat s\n"
        "eat_nonce s\n"
        "hwmodel s\n"
        "ueid s\n"
        "iss s\n"
        "x-nvidia-attestation-warning n\n";

static const char switch_4_0[] =
        "measres s\n"
        S "arch-check b\n"
        S "bios-version s\n"
        S "attestation-report-cert-chain " CHAIN_4_0
        S "attestation-report-cert-chain-fwid-match b\n"
        S "attestation-report-parsed b\n"
        S "attestation-report-nonce-match b\n"
        S "attestation-report-signature-verified b\n"
        S "bios-rim-fetched b\n"
        S "bios-rim-cert-chain " CHAIN_4_0
        S "bios-rim-version-match b\n"
        S "bios-rim-signature-verified b\n"
        S "bios-rim-measurements-available b\n"
        "secboot b\n"
        "dbgstat s\n"
        "eat_nonce s\n"
        "hwmodel s\n"
        "ueid s\n"
        "x-nvidia-device-type s\n"
        "x-nvidia-mismatch-measurement-records n\n"
        "x-nvidia-mismatch-opaque-data-records n\n"
        "x-nvidia-attester-claims {}\n"
        S "pdi s\n"
        S "gpu-pdis a\n"
        "x-nvidia-version s\n";
