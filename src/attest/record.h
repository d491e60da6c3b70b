/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a probe's child (attest/probe.h) sends through its pipe: records of a tag (1 byte), a size (4 bytes, like all
 * integers little-endian) and so many bytes. The child has foreign code in it, so what comes out of the pipe is read
 * as if an enemy had written it. */

#include <stddef.h>
#include <stdint.h>

#include "basic/cursor.h"
#include "basic/fault.h"

typedef enum RecordTag {
        RECORD_CALL,   /* text: what is about to be asked, and about which device */
        RECORD_FAULT,  /* errno, then the three texts of a Fault: the child could not do it */
        RECORD_END,    /* empty: all has been said */
        RECORD_SYSTEM, /* of survey.c: four numbers, then the driver's version */
        RECORD_FACTS,  /* of survey.c: one device's */
        RECORD_REPORT, /* of collect.c, both of them bytes as the library gave them */
        RECORD_CHAIN,
        RECORD_READY,  /* of ready.c: 0 or 1 */
        _RECORD_MAX,
} RecordTag;

typedef struct Record {
        RecordTag tag;
        Cursor body;
} Record;

/* In the child: all of it is written, or the process ends, since its parent is gone or has had enough. */
void record_send(int pipe, RecordTag tag, const void *data, size_t size);
void record_send_text(int pipe, RecordTag tag, const char *text);
void record_send_fault(int pipe, int error, const Fault *f);

/* In the parent: takes the next whole record. 1; 0 when there is no whole one left; -EBADMSG for a tag that does not exist. */
int record_next(Cursor *c, Record *ret);

/* Takes text in a field of `size` bytes: NUL terminated, zero behind, printable ASCII. 0 or -EBADMSG. */
int record_take_text(Cursor *c, char *ret, size_t size);

/* The body of a RECORD_FAULT: 0 and a positive errno, or -EBADMSG. */
int record_take_fault(Cursor body, int *ret_error, Fault *ret);
