/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/fetch-options.h"

#include "basic/clock.h"
#include "basic/conf.h"
#include "basic/log.h"

#define RETRIES_MAX 100U

static int parse_retries(FetchOptions *o, const char *text) {
        unsigned n;

        if (conf_parse_unsigned(NULL, text, &n) < 0 || n > RETRIES_MAX) {
                log_error("--retries: expected a number up to 100, found \"%s\".", text);
                return -EINVAL;
        }
        o->retries = n;
        return 1;
}

static int parse_deadline(FetchOptions *o, const char *text) {
        if (*text && conf_parse_sec(NULL, text, &o->deadline_usec) >= 0 && o->deadline_usec > 0 &&
            o->deadline_usec < UINT64_MAX / 2)
                return 1;
        log_error("--deadline: expected a time such as 30s or 2min, found \"%s\".", text);
        return -EINVAL;
}

int fetch_options_take(FetchOptions *o, int option, const char *argument) {
        switch (option) {
        case OPT_RIM_URL:          o->rim_url = argument; return 1;
        case OPT_OCSP_URL:         o->ocsp_url = argument; return 1;
        case OPT_SERVICE_KEY_FILE: o->service_key_file = argument; return 1;
        case OPT_NO_OCSP_NONCE:    o->require_nonce = false; return 1;
        case OPT_ALLOW_HTTP:       o->allow_http = true; return 1;
        case OPT_DEADLINE:         return parse_deadline(o, argument);
        case OPT_RETRIES:          return parse_retries(o, argument);
        default:                   return 0;
        }
}

void fetch_options_start(FetchOptions *o) {
        o->deadline_usec += monotonic_usec();
}
