/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What was asked of a served machine, one line when a question arrives and one when its answer leaves:
 *   SECONDS.MICROSECONDS begin NUMBER WHAT
 *   SECONDS.MICROSECONDS end NUMBER WHAT -> RESULT
 * The clock is monotonic, NUMBER pairs the lines, and a line is written at once and whole. WHAT is "nvml FUNCTION
 * ARGUMENT", "nscq FUNCTION ARGUMENT" or "http METHOD PATH", behind which the end says more about the question. */

#include "basic/cleanup.h"

typedef struct SimAccessLog SimAccessLog;

/* Appends to `path`; NULL: to nothing. 0 and the log, or the errno of opening. */
int sim_access_log_open(const char *path, SimAccessLog **ret);
SimAccessLog *sim_access_log_free(SimAccessLog *log);
DEFINE_CLEANUP_FUNC(SimAccessLog *, sim_access_log_free)

/* The number for the end. */
unsigned sim_access_log_begin(SimAccessLog *log, const char *what);
void sim_access_log_end(SimAccessLog *log, unsigned number, const char *what, const char *result);
