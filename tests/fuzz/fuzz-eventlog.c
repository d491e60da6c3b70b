/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/eventlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is a log has an event for every line, none more, and all of them in registers that there are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(event_log_done) EventLog log = {};
        uint8_t value[RTMR_SIZE];
        size_t n_lines = 0;
        Fault fault;

        if (event_log_parse((const char *) data, size, &log, &fault) < 0)
                return 0;
        for (size_t i = 0; i < size; i++)
                n_lines += data[i] == '\n';
        if (log.n_events != n_lines)
                abort();
        for (size_t i = 0; i < log.n_events; i++)
                if (log.events[i].rtmr >= RTMR_COUNT || !memchr(log.events[i].name, 0, EVENT_NAME_SIZE))
                        abort();
        event_log_replay(&log, 3, value);
        return 0;
}
