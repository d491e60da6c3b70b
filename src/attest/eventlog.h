/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The log of what was measured into a TDX run-time measurement register (RTMR). The register alone is one digest; the
 * log says of what, and whoever replays it must arrive at the register's value in a quote. The log itself proves
 * nothing. JSON, one object a line:
 *
 *   {"rtmr":3,"hash":"sha384","event":"cocoon:gpu-attestation","digest":"<96 hexadecimal digits>"}
 */

#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"

#define RTMR_SIZE 48U /* SHA-384 */
#define RTMR_COUNT 4U
#define EVENT_NAME_SIZE 64U
#define EVENT_LOG_MAX (256U * 1024)

typedef struct LogEvent {
        unsigned rtmr;
        char name[EVENT_NAME_SIZE]; /* printable ASCII */
        uint8_t digest[RTMR_SIZE];
} LogEvent;

typedef struct EventLog {
        LogEvent *events;
        size_t n_events;
} EventLog;

void event_log_done(EventLog *log);

/* 0; -EBADMSG with *ret_fault for text that is not a log, a last line without its end included; -ENOMEM. An empty
 * text is an empty log. Members beyond those above are passed over. */
int event_log_parse(const char *text, size_t size, EventLog *ret, Fault *ret_fault);

/* The same from a file; also the errors of read_file_at(). */
int event_log_read(const char *path, EventLog *ret, Fault *ret_fault);

/* Appends one line, durably. 0 and how long the file was before, or a negative errno, and then nothing was added. */
int event_log_append(const char *path, const LogEvent *event, uint64_t *ret_size_before);

/* Takes back what was appended last. 0 or a negative errno. */
int event_log_take_back(const char *path, uint64_t size_before);

/* Takes back a last line that was never measured into the register, which has `value`: whoever appended it was killed
 * in between. A log that does not explain the value either way is left alone. 0 or a negative errno. */
int event_log_settle(const char *path, unsigned rtmr, const uint8_t value[static RTMR_SIZE]);

/* What one event does to a register: SHA-384 of its value and the digest (Intel TDX Module ABI, TDG.MR.RTMR.EXTEND). */
void rtmr_extend(uint8_t value[static RTMR_SIZE], const uint8_t digest[static RTMR_SIZE]);

/* The value of register `rtmr` when the events of this log, and nothing else, were measured into it after reset. */
void event_log_replay(const EventLog *log, unsigned rtmr, uint8_t ret[static RTMR_SIZE]);
