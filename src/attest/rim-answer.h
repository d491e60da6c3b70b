/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What NVIDIA's RIM service answers to GET /v1/rim/ID: a JSON object with the RIM in base64. */

#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"

#define RIM_ANSWER_MAX (512U * 1024)

/* Takes the RIM (*ret, the caller's) out of an answer about `id`, which must say that it is about it; a digest and a
 * format that it states must be true. Nothing is said about the RIM itself. 0, -EBADMSG (with *ret_fault), -ENOMEM. */
int rim_answer_parse(const char *text, size_t size, const char *id, uint8_t **ret, size_t *ret_size, Fault *ret_fault);
