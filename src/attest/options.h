/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of cocoon-attest. */

#include <stdbool.h>
#include <time.h>

#include "attest/claims.h"
#include "attest/fetch.h"

typedef struct Options {
        const char *evidence, *policy, *trust_anchors, *eat, *bundle, *cache;
        const char **rim_dirs, **ocsp_dirs; /* NULL terminated; the arrays are owned, the strings are argv's */
        bool have_nonce, ocsp, json, check, have_version, online, have_fetch;
        FetchOptions fetch;
        uint64_t max_age; /* microseconds */
        uint8_t nonce[32];
        time_t device_time, rim_time, any_time; /* the last: for those that have none of their own */
        ClaimsVersion version;
        char **operands; /* what is left of argv */
        int n_operands;
        bool done; /* --help or --version was printed */
} Options;

/* Parses what follows the verb: argv[0] is the program. 0; -EINVAL after having said what is wrong on standard error;
 * -ENOMEM. */
int options_parse(int argc, char *argv[], Options *ret);
void options_done(Options *o);

/* Parses, and runs a verb with the result and with the XML signature library started: its exit status. */
int options_run(int argc, char *argv[], int (*run)(const Options *options));
