/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>

#include "attest/opaque.h"
#include "attest/rimid.h"
#include "attest/spdm.h"

static void read_opaque(Cursor bytes, Architecture arch) {
        char text[OPAQUE_TEXT_SIZE], *id;
        Opaque opaque;
        Fault fault;

        if (opaque_parse(bytes, arch_info(arch)->is_switch, &opaque, &fault) < 0)
                return;
        (void) rim_product(&opaque, arch, text, &fault);
        if (rim_id_driver(&opaque, arch, &id, &fault) >= 0)
                free(id);
        if (rim_id_vbios(&opaque, arch, &id, &fault) >= 0)
                free(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SpdmReport report;
        Fault fault;

        if (spdm_report_parse(data, size, &report, &fault) >= 0)
                for (Architecture arch = 0; arch < _ARCH_MAX; arch++)
                        read_opaque(report.opaque, arch);
        /* The opaque data alone as well, so that it is reached without a frame that fits. */
        for (Architecture arch = 0; arch < _ARCH_MAX; arch++)
                read_opaque(cursor_of(data, size), arch);
        return 0;
}
