/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Work with a driver's library, each piece of it in a child process of its own: such a library may crash, end the
 * process, or wait in the kernel for a device that will never answer. Pieces run side by side; what fails is tried
 * again; what does not answer in time is killed, and if the kernel does not let go of it, left behind. Must be called
 * while the process has one thread. */

#include <stddef.h>
#include <stdint.h>

#include "attest/record.h"
#include "basic/fault.h"

#define PROBE_ANSWER_MAX        (128U * 1024)
#define PROBE_TIMEOUT_USEC      (30U * UINT64_C(1000000)) /* of one attempt, where nothing else is said */

typedef struct Probe {
        char name[16]; /* "GPU 3", for messages before the first call */
        /* In the child: says each call and sends what it found (attest/record.h), and returns 0, or a negative errno
         * with *f filled. */
        int (*work)(int pipe, const void *argument, Fault *f);
        const void *argument;

        /* What came of it, after probe_run(). */
        int error; /* 0 or a negative errno, `fault` then says which call failed and how */
        Fault fault;
        uint8_t *answer; /* whole records, calls among them; owned by the probe */
        size_t size;
} Probe;

typedef struct ProbeLimits {
        uint64_t timeout_usec;  /* of one attempt; 0: PROBE_TIMEOUT_USEC */
        uint64_t deadline_usec; /* of everything, CLOCK_MONOTONIC; 0: none */
        unsigned retries;
} ProbeLimits;

/* Runs all of them, and returns when each is done. 0, or the error of the first that failed (in their order), -ETIMEDOUT
 * for one that did not answer, -ECHILD for one that died. Errors that another attempt cannot change (-ELIBACC,
 * -EPERM, -EOPNOTSUPP, -ENOMEM) are not tried again. */
int probe_run(Probe *probes, size_t n, const ProbeLimits *limits);

void probe_done(Probe *p);
