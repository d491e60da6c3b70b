/* SPDX-License-Identifier: Apache-2.0 */

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++) {
                if (!text[i])
                        return;
                if (!isascii(text[i]) || !isprint((unsigned char) text[i]))
                        abort();
        }
        abort();
}

/* Whatever comes out can be shown to people, and makes a progress bar. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ReportMessage m;

        if (report_message_parse((const char *) data, size, &m) < 0)
                return 0;
        check_text(m.step, sizeof(m.step));
        check_text(m.spec, sizeof(m.spec));
        check_text(m.errno_name, sizeof(m.errno_name));
        check_text(m.message, sizeof(m.message));
        if (m.done > m.total || (m.kind == REPORT_STEP && !m.step[0]))
                abort();
        return 0;
}
