/* SPDX-License-Identifier: Apache-2.0 */

/* OCSP answers. Levels: of the device 1 the per-device CA, 2 and 3 the CAs above; of a RIM 0 its signer, 1 and 2. */

#include "sim/defect.h"

static void flip_last(uint8_t *der, size_t *size) {
        der[*size - 1] ^= 1;
}

static void cut(uint8_t *der, size_t *size) {
        *size /= 2;
}

#define ROW(label, text, ...)                                                                                   \
        { label, text, SIM_ON_ALL, {}, 0, NULL, &(const SimOcspDefect){ __VA_ARGS__ } }
#define DEVICE(number) .rim = false, .level = number
#define RIM(number)    .rim = true, .level = number
#define REVOKED(why)   .status = SIM_OCSP_REVOKED, .reason = why

static const SimDefect rows[] = {
        ROW("ocsp-device-missing", "no answer about the per-device CA", DEVICE(1), .remove = true),
        ROW("ocsp-rim-missing", "no answer about the RIM's signer", RIM(0), .remove = true),
        ROW("ocsp-device-revoked", "the per-device CA is revoked, without a reason", DEVICE(1), REVOKED(NULL)),
        ROW("ocsp-device-key", "the per-device CA is revoked: key compromise", DEVICE(1), REVOKED("keyCompromise")),
        ROW("ocsp-device-hold", "the per-device CA is on hold", DEVICE(1), REVOKED("certificateHold")),
        ROW("ocsp-device-superseded", "the per-device CA is superseded", DEVICE(1), REVOKED("superseded")),
        ROW("ocsp-device-ceased", "the per-device CA has ceased", DEVICE(1), REVOKED("cessationOfOperation")),
        ROW("ocsp-device-affiliation", "the per-device CA moved", DEVICE(1), REVOKED("affiliationChanged")),
        ROW("ocsp-provisioner-revoked", "the provisioner is compromised", DEVICE(2), REVOKED("CACompromise")),
        ROW("ocsp-identity-revoked", "certificate 3 is compromised", DEVICE(3), REVOKED("CACompromise")),
        ROW("ocsp-rim-revoked", "the RIM's signer is revoked: superseded", RIM(0), REVOKED("superseded")),
        ROW("ocsp-rim-hold", "the RIM's signer is on hold", RIM(0), REVOKED("certificateHold")),
        ROW("ocsp-rim-l3-revoked", "the RIM's level 3 is revoked", RIM(1), REVOKED("keyCompromise")),
        ROW("ocsp-rim-ca-revoked", "the RIM's CA is revoked", RIM(2), REVOKED("CACompromise")),
        ROW("ocsp-device-unknown", "the per-device CA is unknown", DEVICE(1), .status = SIM_OCSP_UNKNOWN),
        ROW("ocsp-rim-unknown", "the RIM's signer is unknown", RIM(0), .status = SIM_OCSP_UNKNOWN),
        ROW("ocsp-unauthorized", "the responder says unauthorized", DEVICE(2), .raw = sim_ocsp_unauthorized),
        ROW("ocsp-try-later", "the responder says try later", RIM(1), .raw = sim_ocsp_try_later),
        ROW("ocsp-responder-no-eku", "signed by a certificate not made for OCSP", DEVICE(1),
            .responder = SIM_RESPONDER_NO_EKU),
        ROW("ocsp-responder-elsewhere", "signed by another authority's responder", DEVICE(1),
            .responder = SIM_RESPONDER_ELSEWHERE),
        ROW("ocsp-responder-stranger", "signed by a stranger's responder", DEVICE(1),
            .responder = SIM_RESPONDER_STRANGER),
        ROW("ocsp-responder-expired", "signed by a responder that has expired", DEVICE(1),
            .responder = SIM_RESPONDER_EXPIRED),
        ROW("ocsp-rim-responder-no-eku", "signed by a certificate not made for OCSP", RIM(0),
            .responder = SIM_RESPONDER_NO_EKU),
        ROW("ocsp-rim-responder-elsewhere", "signed by another authority's responder", RIM(0),
            .responder = SIM_RESPONDER_ELSEWHERE),
        ROW("ocsp-tampered", "one bit of an answer is wrong", DEVICE(1), .spoil = flip_last),
        ROW("ocsp-truncated", "half an answer", RIM(0), .spoil = cut),
};

const SimDefectTable sim_ocsp_defects = { rows, ELEMENTSOF(rows) };
