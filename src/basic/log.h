/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages for people and for the journal: to the journal with fields when standard error is connected to it
 * (sd_journal protocol, JOURNAL_STREAM), else a line to standard error, after the program's name. Library-like modules do not log; the
 * level that knows what an error means does, once. Levels are syslog's (LOG_ERR, LOG_WARNING, …). */

#include <errno.h>
#include <syslog.h>

#include "basic/cleanup.h"

/* Called first by main; `ident` must stay. Messages above `max_level` are dropped. Standard streams that are closed are
 * made ones that only fail. */
void log_open(const char *ident, int max_level);

/* `error` is an errno of either sign, 0 for none; %m in the format is its text. Returns -|error|. */
int log_full(int level, int error, const char *file, int line, const char *func, const char *format, ...) _printf_(6, 7);

/* A field of a journal record beside the message; the name as systemd.journal-fields(7) has it. */
typedef struct LogField {
        const char *name, *value; /* a NULL value leaves the field out */
} LogField;

/* One record that programs may look for: MESSAGE_ID is `message_id` (32 hexadecimal digits), and the fields are its own.
 * Without a journal only the message is printed. */
void log_record(int level, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...)
        _printf_(5, 6);

#define log_error_errno(error, ...) log_full(LOG_ERR, error, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full(LOG_WARNING, error, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define log_error(...) ((void) log_full(LOG_ERR, 0, __FILE__, __LINE__, __func__, __VA_ARGS__))
#define log_warning(...) ((void) log_full(LOG_WARNING, 0, __FILE__, __LINE__, __func__, __VA_ARGS__))
#define log_info(...) ((void) log_full(LOG_INFO, 0, __FILE__, __LINE__, __func__, __VA_ARGS__))
#define log_debug(...) ((void) log_full(LOG_DEBUG, 0, __FILE__, __LINE__, __func__, __VA_ARGS__))
#define log_oom() log_full(LOG_ERR, ENOMEM, __FILE__, __LINE__, __func__, "Out of memory")
