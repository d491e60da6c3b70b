/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "attest/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_(cert_verifier_freep) CertVerifier *verifier = NULL;
        DeviceIdentity identity = {};
        Fault fault;

        if (certchain_parse_pem((const char *) data, size, NULL, &chain, &fault) < 0)
                return 0;
        for (Architecture arch = 0; arch < _ARCH_MAX; arch++)
                if (identity_read_device(&chain, arch_info(arch), &identity, &fault) >= 0)
                        (void) identity_read_fwid(&chain, arch_info(arch), &identity, &fault);
        /* Its own last certificate is the anchor, or nothing beyond the comparison with it would be reached. */
        verifier = cert_verifier_new(chain.certs[chain.n_certs - 1], time(NULL));
        if (verifier)
                (void) cert_verifier_check(verifier, &chain, 0, &fault);
        return 0;
}
