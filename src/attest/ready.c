/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/ready.h"

#include "attest/nvml.h"
#include "attest/probe.h"
#include "basic/clock.h"

static int send_state(Nvml *nvml, int pipe, Fault *f) {
        uint8_t state;
        bool ready;
        int r;

        r = nvml_ready_get(nvml, &ready, f);
        if (r < 0)
                return r;
        state = ready;
        record_send(pipe, RECORD_READY, &state, sizeof(state));
        return 0;
}

/* In the child. */
static int get(int pipe, const void *unused, Fault *f) {
        Nvml nvml;
        int r;

        r = nvml_open(&nvml, pipe, f);
        return r < 0 ? r : send_state(&nvml, pipe, f);
}

static int set(int pipe, const void *argument, Fault *f) {
        const bool *ready = argument;
        Nvml nvml;
        int r;

        r = nvml_open(&nvml, pipe, f);
        if (r >= 0)
                r = nvml_ready_set(&nvml, *ready, f);
        return r < 0 ? r : send_state(&nvml, pipe, f);
}

int ready_read(Cursor answer, bool *ret, Fault *f) {
        unsigned n = 0;
        uint8_t state = 0;
        Record record;
        int r;

        while ((r = record_next(&answer, &record)) > 0) {
                if (record.tag == RECORD_CALL || record.tag == RECORD_END)
                        continue;
                if (record.tag != RECORD_READY || n++ > 0 || cursor_u8(&record.body, &state) < 0 || state > 1 ||
                    cursor_left(&record.body) > 0)
                        break;
        }
        if (r != 0 || n != 1 || cursor_left(&answer) > 0)
                return fault_set(f, EBADMSG, "answer of the child process", "the ready state", "something else");
        *ret = state;
        return 0;
}

static int run(int (*work)(int pipe, const void *argument, Fault *f), const bool *argument, uint64_t deadline_usec,
               bool *ret, Fault *f) {
        const ProbeLimits limits = { .deadline_usec = deadline_usec ?: monotonic_usec() + PROBE_TIMEOUT_USEC,
                                     .timeout_usec = UINT64_MAX };
        _cleanup_(probe_done) Probe probe = { .name = "ready state", .work = work, .argument = argument };
        int r;

        r = probe_run(&probe, 1, &limits);
        if (r < 0) {
                *f = probe.fault;
                return r;
        }
        return ready_read(cursor_of(probe.answer, probe.size), ret, f);
}

int ready_state_set(bool ready, uint64_t deadline_usec, Fault *f) {
        bool found;
        int r;

        r = run(set, &ready, deadline_usec, &found, f);
        if (r >= 0 && found != ready)
                r = fault_set(f, EIO, "ready state", ready ? "ready" : "not ready", "%s after it was set", found ? "ready" : "not ready");
        return r;
}

int ready_state_get(uint64_t deadline_usec, bool *ret, Fault *f) {
        return run(get, NULL, deadline_usec, ret, f);
}
