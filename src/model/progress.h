/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How far a long piece of work is: a bar on a terminal, lines of JSON for programs, the status line of a service. */

#include <stdbool.h>
#include <stdint.h>

#include "model/report.h"

typedef struct Progress {
        const char *step; /* what is being done, as in "Building" */
        Report *report;   /* told as well; NULL: nobody */
        bool json;
        bool terminal;
        uint64_t total;   /* bytes; 0: not known yet */
        uint64_t first;   /* bytes that were there at the start: no part of the rate */
        uint64_t started, shown; /* microseconds, CLOCK_MONOTONIC */
} Progress;

/* Begins a step. The bar goes to standard error, JSON to standard output, and `report` may be NULL. */
void progress_start(Progress *p, const char *step, bool json, Report *report, uint64_t first, uint64_t total);

/* Shows it if it is time to: ten times a second at most on a terminal, once a second elsewhere. */
void progress_show(Progress *p, uint64_t done);

/* Leaves the terminal's line as it was. */
void progress_stop(Progress *p);
