/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ready state: whether the GPUs of the machine, all of them, take work. It is off after a boot, only root may
 * change it, and it is switched on for nothing but a verdict. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/cursor.h"
#include "basic/fault.h"

/* Sets it and reads it back, in a child process (attest/probe.h), in one attempt that ends at `deadline_usec`
 * (CLOCK_MONOTONIC; 0: after 30 s). 0; -EIO when it reads back as something else; errors as of survey_take(). After
 * any error the state is unknown: whoever wanted it on must now want it off. */
int ready_state_set(bool ready, uint64_t deadline_usec, Fault *f);

/* 0, or errors as of survey_take(). */
int ready_state_get(uint64_t deadline_usec, bool *ret, Fault *f);

/* What the child sends: 0, or -EBADMSG with *f filled. */
int ready_read(Cursor answer, bool *ret, Fault *f);
