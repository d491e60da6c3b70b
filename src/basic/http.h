/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What all who speak HTTP have in common, over libcurl: looking at URLs, handles with safe defaults, what is tried
 * again and when, and whom to show a token. A library of its own (http_dep), so that others are not linked to libcurl. */

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "basic/cleanup.h"
#include "basic/fault.h"

DEFINE_CLEANUP_FUNC(CURLU *, curl_url_cleanup)
DEFINE_CLEANUP_FUNC(char *, curl_free)

/* NULL for what is no URL, and when memory is out. */
CURLU *http_url_parse(const char *text);
bool http_url_has(CURLU *url, CURLUPart part);
bool http_url_is_scheme(CURLU *url, const char *scheme);

/* https or http, with a host, and without user, query and fragment: something that paths can be put behind. */
bool http_url_is_base(CURLU *url);

/* Same scheme, host and port. */
bool http_same_origin(const char *url, const char *other);

/* A handle that follows no redirect, speaks nothing but HTTP, breaks off what stalls once CURLOPT_LOW_SPEED_TIME is
 * set, and trusts the system's authorities (CURL_CA_BUNDLE and SSL_CERT_FILE name others, as for curl(1)). NULL when
 * memory is out. */
CURL *http_easy_new(const char *user_agent);

/* Status of the handle's answer; 0 when there is none. */
long http_easy_status(CURL *easy);

/* The header's value in the handle's answer, until its next request; NULL when there is none. A header may be there
 * several times: `index` counts from 0. */
const char *http_easy_header_at(CURL *easy, const char *name, size_t index);
const char *http_easy_header(CURL *easy, const char *name);

#define HTTP_SERVER_SIZE 128U

/* "HOST:PORT" of where the handle's request went, into `ret`, which is returned. The rest of a URL may be a secret. */
const char *http_easy_server(CURL *easy, char ret[static HTTP_SERVER_SIZE]);

/* The errno, positive, that says best what libcurl says. */
int http_errno(CURLcode result);

/* Whether the other side could not prove who it is, or encryption failed otherwise. */
bool http_is_tls_failure(CURLcode result);

/* Whether the same request may succeed later. */
bool http_easy_is_transient(CURL *easy, CURLcode result);

/* Milliseconds until try number `attempt` (from 1) after the handle's answer: `backoff_msec` before the first, each
 * about twice as long as the one before, and what Retry-After asks for on top; -1 when it asks for more than
 * `wait_max_sec`. */
int64_t http_easy_wait_msec(CURL *easy, unsigned backoff_msec, unsigned wait_max_sec, unsigned attempt);

/* A token without the white space around it, the caller's, or NULL when nothing else is there. What is left must be
 * able to stand in a header: 0, -EINVAL (with *ret_fault that names `origin` and not the token), -ENOMEM. */
int http_token_parse(const char *text, size_t size, const char *origin, char **ret, Fault *ret_fault);
