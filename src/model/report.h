/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a build, a verification or a removal tells cocoon-hostd: one JSON object a message on a SOCK_SEQPACKET socket.
 *
 *   {"step":"download", "done":BYTES, "total":BYTES}      how far it is; 0 of 0: not known
 *   {"result":"done", "spec":"NAME@COMMIT:ROOTHASH"}      its last word; the specification may be null
 *   {"result":"failed", "errno":"ENOSPC", "message":"…"}  the other last word
 *
 * Nothing is ever answered. After its last word it waits a moment for the daemon to close, so that it can still be asked
 * who it is. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_MESSAGE_MAX 2048U

typedef enum ReportKind {
        REPORT_STEP,
        REPORT_DONE,
        REPORT_FAILED,
} ReportKind;

typedef struct ReportMessage {
        ReportKind kind;
        char step[24];
        uint64_t done, total;
        char spec[384];
        char errno_name[24];
        char message[640];
} ReportMessage;

/* 0; -EBADMSG for what is no such message; -ENOMEM. Text comes out printable. */
int report_message_parse(const char *text, size_t size, ReportMessage *ret);

/* report.c: the side that tells. All of it is silent about a daemon that is not there, and tries again. */
typedef struct Report {
        const char *path; /* NULL: nobody wants to know */
        int fd;
        uint64_t tried, told; /* CLOCK_MONOTONIC */
} Report;

#define REPORT_NONE { .fd = -1 }

/* At once. */
void report_step(Report *r, const char *step, uint64_t done, uint64_t total);

/* Four times a second at most. */
void report_progress(Report *r, const char *step, uint64_t done, uint64_t total);

/* The last word: `error` 0, or an errno of either sign and its message. */
void report_done(Report *r, const char *spec);
void report_failed(Report *r, int error, const char *message);
