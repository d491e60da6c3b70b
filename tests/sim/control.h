/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a served machine misbehaves: a file that is read again before every answer, so that a test changes its mind by
 * writing it (a new file renamed over it, so that no half of one is seen).
 *
 * A line is a key and what is done whenever it is looked up; # starts a comment; of several lines that fit, the last
 * one counts. `first N KEY …` is in force for the first N times that the key is looked up, `after N KEY …` for all
 * later ones; counting starts anew when the file changes. `count-second N` is `after 1 count N`.
 *
 * Devices: `KEY …` for all of them, `device N KEY …` for the Nth --device. Keys: handle uuid arch board vbios pdi
 * persistence tnvl chain report, and all of these at once: all.
 *   VALUE                  is said instead: uuid, arch, board, vbios, pdi (16 hex digits), persistence, tnvl
 *   error N                the status of NVML or NSCQ
 *   hang | slow MS … | crash
 *   garbage | empty | flip | size N | huge | other     chain and report: bytes that mean nothing, none, the last one
 *                          wrong, another size than the array has room for, the next device's
 *   replay | measurement I                              report: of another nonce; with another measurement
 * `report-nonce replay` and `size N|huge` are the same as `report replay` and `report size N`, `report huge`;
 * `gone N` makes the Nth --device answer to nothing any more.
 *
 * The system: init state settings capabilities ready-get ready driver count; error, hang, slow, crash as above.
 * For switches: nscq-init nscq-driver nscq-count.
 *   driver VERSION | count N | cc on|off | devtools on|off | environment unavailable|simulation|production
 *   multigpu none|ppcie|nvle | ready refuse (no permission) | ready stick (says yes and does nothing)
 *
 * Services: `rim ID …`, `rim all …`; `ocsp all …`, `ocsp device N LEVEL …` (1 to 3), `ocsp rim LEVEL …` (0 to 2).
 *   NUMBER (an HTTP status) | slow MS … | hang | close | truncated | huge | endless | redirect URL | garbage | empty
 *   RIMs: wrong-id bad-base64 wrong-sha other (the next one under this id)
 *   OCSP: see sim/services.h */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"

#define SIM_CONTROL_KEY 192U

typedef enum SimDeed {
        SIM_DEED_GOOD,
        SIM_DEED_ERROR,
        SIM_DEED_HANG,
        SIM_DEED_CRASH,
        SIM_DEED_GARBAGE,
        SIM_DEED_EMPTY,
        SIM_DEED_FLIP,
        SIM_DEED_SIZE,
        SIM_DEED_HUGE,
        SIM_DEED_OTHER,
        SIM_DEED_REPLAY,
        SIM_DEED_MEASUREMENT,
        SIM_DEED_CLOSE,
        SIM_DEED_TRUNCATED,
        SIM_DEED_ENDLESS,
        SIM_DEED_REDIRECT,
        SIM_DEED_VALUE, /* none of these words: see `text` */
        _SIM_DEED_MAX,
} SimDeed;

typedef struct SimBehaviour {
        unsigned delay_ms;   /* before anything else */
        SimDeed deed;
        unsigned long number; /* behind the word, or the value as a number; 0: none */
        char text[SIM_CONTROL_KEY]; /* behind the word, or the value */
} SimBehaviour;

typedef struct SimControl SimControl;

/* `path` NULL, or a file that is not there: everything is good. */
SimControl *sim_control_new(const char *path);
SimControl *sim_control_free(SimControl *c);
DEFINE_CLEANUP_FUNC(SimControl *, sim_control_free)

/* What is to be done about any of these keys. */
SimBehaviour sim_control_find(SimControl *c, char keys[][SIM_CONTROL_KEY], size_t n);

/* The value of one key as a text into `ret`, `fallback` when there is none. Returns `ret`. */
char *sim_control_value(SimControl *c, const char *key, const char *fallback, char ret[static SIM_CONTROL_KEY]);
