/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options about services that verbs have in common. */

#include <getopt.h>

#include "attest/fetch.h"

enum {
        OPT_RIM_URL = 512,
        OPT_OCSP_URL,
        OPT_SERVICE_KEY_FILE,
        OPT_NO_OCSP_NONCE,
        OPT_ALLOW_HTTP,
        OPT_DEADLINE,
        OPT_RETRIES,
};

#define FETCH_LONG_OPTIONS                                                        \
        { "rim-url",          required_argument, NULL, OPT_RIM_URL          },    \
        { "ocsp-url",         required_argument, NULL, OPT_OCSP_URL         },    \
        { "service-key-file", required_argument, NULL, OPT_SERVICE_KEY_FILE },    \
        { "no-ocsp-nonce",    no_argument,       NULL, OPT_NO_OCSP_NONCE    },    \
        { "allow-http",       no_argument,       NULL, OPT_ALLOW_HTTP       },    \
        { "deadline",         required_argument, NULL, OPT_DEADLINE         },    \
        { "retries",          required_argument, NULL, OPT_RETRIES          }

#define FETCH_HELP                                                                                                  \
        "     --rim-url URL            the RIM service [" FETCH_RIM_URL "]\n"                                       \
        "     --ocsp-url URL           the OCSP responder [" FETCH_OCSP_URL "]\n"                                   \
        "     --service-key-file FILE  a key for NVIDIA's services, which need none\n"                              \
        "     --no-ocsp-nonce          take answers from caches, whose nonce is another one or none\n"              \
        "     --allow-http             URLs may be http, for tests\n"                                               \
        "     --deadline TIME          for everything from services [1min]\n"                                       \
        "     --retries N              of each request, after the first try [4]\n"

/* What holds when no option says otherwise. Until fetch_options_start() the deadline is a span of time. */
#define FETCH_OPTIONS_DEFAULT { .require_nonce = true, .deadline_usec = 60 * UINT64_C(1000000), .retries = 4 }

/* Takes one of these: 1; 0 when it is another option; -EINVAL after having said what is wrong. */
int fetch_options_take(FetchOptions *o, int option, const char *argument);

/* The time begins to run. */
void fetch_options_start(FetchOptions *o);
