/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What all requests to a hub have in common: whom the token may go to, which redirects are followed, what is tried
 * again and when, and what its refusals mean. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/http.h"

#define HTTP_REDIRECTS_MAX 10U
#define HTTP_USER_AGENT    "cocoon-model"

typedef struct HttpLimits {
        unsigned retries;      /* after the first try, in succession */
        unsigned backoff_msec; /* before the first of them; each is about twice as long as the one before */
        unsigned wait_max_sec; /* a server that says it needs longer is taken at its word: the request has failed */
        unsigned connect_sec;
        unsigned stall_sec;    /* a transfer that is slower than 1 KiB/s for so long is broken off */
        unsigned answer_sec;   /* for all of an answer to http_get() */
        uint64_t piece_size;   /* of a file; what a download asks for at a time */
} HttpLimits;

typedef struct HttpSource {
        CURL *easy;     /* for http_get() */
        char *endpoint; /* URL without a '/' at its end */
        char *token;    /* NULL: none */
        HttpLimits limits;
        int (*interrupted)(void); /* a negative errno ends http_get() with it; may be NULL */
} HttpSource;

/* Sets up endpoint and limits; the token is NULL. 0; -EINVAL with *ret_fault for what is no http or https URL, or has
 * a user, query or fragment; -ENOMEM. */
int http_source_make(const char *endpoint, HttpSource *ret, Fault *ret_fault);
void http_source_done(HttpSource *source);

/* What is asked for, and the words for it in a Fault. */
typedef struct HttpRequest {
        const char *what;
        const char *subject;
        const char *url;
        size_t limit; /* bytes of the answer */
} HttpRequest;

typedef struct HttpAnswer {
        char *text; /* with a NUL behind it */
        size_t size;
        char *next; /* URL of the page after this one; NULL: it is the last */
} HttpAnswer;

void http_answer_done(HttpAnswer *answer);

/* One answer, after redirects and retries. 0; with *ret_fault: the errors of hub_resolve(); -ENOMEM; what `interrupted`
 * returns. */
int http_get(const HttpSource *source, const HttpRequest *request, HttpAnswer *ret, Fault *ret_fault);

/* Where the next request of the handle goes, and how long it may take; the token goes with it only to scheme, host and port of the endpoint.
 * 0 or -ENOMEM. */
int http_easy_aim(CURL *easy, const HttpSource *source, const char *url);

/* Where the answer of the handle redirects to: 1 and the URL, the caller's; 0 when it is no redirect; -EBADMSG with
 * *ret_fault for a place that is not followed: no HTTP, or from https to http. */
int http_easy_redirect(CURL *easy, const HttpRequest *request, char **ret, Fault *ret_fault);

/* What went wrong with a request, as a negative errno and in words. `result` is what libcurl says of it. 0: nothing. */
int http_easy_judge(CURL *easy, CURLcode result, const HttpSource *source, const HttpRequest *request,
                    Fault *ret_fault);
