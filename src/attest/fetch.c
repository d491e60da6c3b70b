/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/fetch.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "attest/ocsp-request.h"
#include "attest/rim-answer.h"
#include "basic/clock.h"
#include "basic/http.h"
#include "basic/io.h"

#define KEY_FILE_MAX     8192U
#define CONNECTIONS_MAX  16L /* to one host; HTTP/2 needs one */
#define CONNECT_MSEC     5000L
#define REQUEST_MSEC     30000U /* for one try, all of it */
#define BACKOFF_MSEC     100U
#define RETRY_AFTER_MAX  30U /* seconds; a service that says it needs longer has failed */
#define POLL_MSEC        1000
#define BODY_STEP        16384U
#define ITEMS_MAX        1024U

typedef enum ItemState {
        ITEM_WAITING, /* for its time */
        ITEM_RUNNING,
        ITEM_DONE,
} ItemState;

/* One thing that is asked for: a RIM, or an answer about a certificate. */
typedef struct Item {
        RimEntry *rim;
        OcspWant *want;
        OcspRequest question;

        char *url;
        const char *what;
        char expected[192];
        ItemState state;
        CURL *easy;
        unsigned attempts;
        uint64_t not_before; /* milliseconds */

        uint8_t *body;
        size_t size, limit;
        bool too_large;
} Item;

struct Fetcher {
        const FetchOptions *options;
        char *rim_url, *ocsp_url, *key;
        struct curl_slist *ocsp_headers;
        CURLM *multi;
        Collateral *collateral;
        Item **items;
        size_t n_items;
        size_t n_requests;
};

static uint64_t now_msec(void) {
        return monotonic_usec() / USEC_PER_MSEC;
}

/* UINT64_MAX: no end. */
static uint64_t time_left(const Fetcher *f) {
        uint64_t now = now_msec(), end = f->options->deadline_usec / USEC_PER_MSEC;

        if (f->options->deadline_usec == 0)
                return UINT64_MAX;
        return now < end ? end - now : 0;
}

/* Without the slashes at its end, and for the RIM service without the path that Python tools want in it. */
static int take_url(const char *text, const char *suffix, bool allow_http, const char *what, char **ret, Fault *f) {
        _cleanup_(curl_url_cleanupp) CURLU *url = http_url_parse(text);
        size_t n = strlen(text), k = strlen(suffix);

        /* It may hold a password, so it is not repeated. */
        if (!url || !http_url_is_base(url) || (!allow_http && !http_url_is_scheme(url, "https")))
                return fault_set(f, EINVAL, what, allow_http ? "https://HOST or http://HOST, without user or query" :
                                                               "https://HOST, without user or query", "something else");
        while (n > 0 && text[n - 1] == '/')
                n--;
        if (k > 0 && n > k && strncmp(text + n - k, suffix, k) == 0)
                n -= k;
        *ret = strndup(text, n);
        return *ret ? 0 : -ENOMEM;
}

static int read_key(const char *path, char **ret, Fault *f) {
        uint8_t *text;
        size_t size;
        int r;

        if (!path)
                return 0;
        r = read_file_at(AT_FDCWD, path, KEY_FILE_MAX, &text, &size);
        if (r < 0)
                return fault_set(f, r, "service key", "a file that can be read", "%s: %s", path, read_file_strerror(r));
        r = http_token_parse((const char *) text, size, path, ret, f);
        explicit_bzero(text, size);
        free(text);
        return r;
}

bool fetch_may_carry_key(const char *text) {
        static const char domain[] = ".nvidia.com";
        _cleanup_(curl_url_cleanupp) CURLU *url = http_url_parse(text);
        _cleanup_(curl_freep) char *host = NULL;
        size_t n;

        if (!url || !http_url_is_scheme(url, "https") || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
                return false;
        n = strlen(host);
        return strcasecmp(host, domain + 1) == 0 ||
               (n >= sizeof(domain) && strcasecmp(host + n - (sizeof(domain) - 1), domain) == 0);
}

static int make_headers(Fetcher *f) {
        static const char *const headers[] = { "Content-Type: application/ocsp-request",
                                               "Accept: application/ocsp-response", "Expect:" };

        for (size_t i = 0; i < ELEMENTSOF(headers); i++) {
                struct curl_slist *list = curl_slist_append(f->ocsp_headers, headers[i]);

                if (!list)
                        return -ENOMEM;
                f->ocsp_headers = list;
        }
        return 0;
}

int fetcher_new(const FetchOptions *o, Fetcher **ret, Fault *ret_fault) {
        _cleanup_(fetcher_freep) Fetcher *f = NULL;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        f = calloc(1, sizeof(*f));
        if (!f) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        f->options = o;
        r = take_url(o->rim_url ?: FETCH_RIM_URL, "/v1/rim", o->allow_http, "URL of the RIM service", &f->rim_url,
                     ret_fault);
        if (r >= 0)
                r = take_url(o->ocsp_url ?: FETCH_OCSP_URL, "", o->allow_http, "URL of the OCSP responder",
                             &f->ocsp_url, ret_fault);
        if (r >= 0)
                r = read_key(o->service_key_file, &f->key, ret_fault);
        if (r >= 0)
                r = make_headers(f);
        if (r < 0)
                return r;
        f->multi = curl_multi_init();
        if (!f->multi || curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX) != CURLM_OK)
                return -ENOMEM;
        *ret = TAKE_PTR(f);
        return 0;
}

static void item_free(Fetcher *f, Item *i) {
        if (i->state == ITEM_RUNNING)
                (void) curl_multi_remove_handle(f->multi, i->easy);
        curl_easy_cleanup(i->easy);
        ocsp_request_done(&i->question);
        free(i->body);
        free(i->url);
        free(i);
}

static void forget_items(Fetcher *f) {
        for (size_t i = 0; i < f->n_items; i++)
                item_free(f, f->items[i]);
        free(f->items);
        f->items = NULL;
        f->n_items = 0;
}

Fetcher *fetcher_free(Fetcher *f) {
        if (!f)
                return NULL;
        forget_items(f);
        (void) curl_multi_cleanup(f->multi);
        curl_slist_free_all(f->ocsp_headers);
        if (f->key)
                explicit_bzero(f->key, strlen(f->key));
        free(f->key);
        free(f->rim_url);
        free(f->ocsp_url);
        free(f);
        curl_global_cleanup();
        return NULL;
}

size_t fetcher_requests(const Fetcher *f) {
        return f->n_requests;
}

static size_t take_bytes(char *data, size_t size, size_t n, void *userdata) {
        Item *i = userdata;
        size_t room = (i->size + n * size) / BODY_STEP + 1;
        uint8_t *body;

        n *= size;
        i->too_large = n > i->limit - i->size;
        if (i->too_large)
                return 0;
        if (!i->body || room > i->size / BODY_STEP + 1) {
                body = realloc(i->body, room * BODY_STEP + 1);
                if (!body)
                        return 0;
                i->body = body;
        }
        memcpy(i->body + i->size, data, n);
        i->size += n;
        i->body[i->size] = 0;
        return n;
}

/* What does not change between tries. */
static int prepare(Fetcher *f, Item *i) {
        CURL *easy = i->easy = http_easy_new("cocoon-attest");
        bool key = f->key && fetch_may_carry_key(i->url);

        if (!easy || curl_easy_setopt(easy, CURLOPT_URL, i->url) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_WRITEDATA, i) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_PRIVATE, i) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
            /* A resolver that hangs must not hold up the end. */
            curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MSEC) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long) i->limit) != CURLE_OK ||
            /* With https, it is known after the first handshake whether one connection can carry all. */
            curl_easy_setopt(easy, CURLOPT_PIPEWAIT, strncasecmp(i->url, "https:", 6) == 0 ? 1L : 0L) != CURLE_OK ||
            (key && (curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, f->key) != CURLE_OK ||
                     curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) != CURLE_OK)))
                return -ENOMEM;
        if (!f->options->allow_http && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK)
                return -ENOMEM;
        if (i->want && (curl_easy_setopt(easy, CURLOPT_POSTFIELDS, i->question.der) != CURLE_OK ||
                        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long) i->question.size) != CURLE_OK ||
                        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->ocsp_headers) != CURLE_OK))
                return -ENOMEM;
        return 0;
}

static int describe(Fetcher *f, Item *i) {
        int r;

        if (i->rim) {
                i->what = "RIM";
                i->limit = RIM_ANSWER_MAX;
                (void) snprintf(i->expected, sizeof(i->expected), "%s", i->rim->id);
                return asprintf(&i->url, "%s/v1/rim/%s", f->rim_url, i->rim->id) < 0 ? -ENOMEM : 0;
        }
        i->what = "OCSP answer";
        i->limit = OCSP_ANSWER_MAX;
        (void) snprintf(i->expected, sizeof(i->expected), "one for this certificate");
        (void) snprintf(i->want->service, sizeof(i->want->service), "%s", f->ocsp_url);
        r = ocsp_request_make(i->want->cert, i->want->issuer, &i->question);
        if (r < 0)
                return r;
        i->url = strdup(f->ocsp_url);
        return i->url ? 0 : -ENOMEM;
}

static int add_item(Fetcher *f, RimEntry *rim, OcspWant *want) {
        Item **items = reallocarray(f->items, f->n_items + 1, sizeof(Item *)), *i;
        int r;

        if (!items)
                return -ENOMEM;
        f->items = items;
        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        f->items[f->n_items++] = i;
        i->rim = rim;
        i->want = want;
        r = describe(f, i);
        return r < 0 ? r : prepare(f, i);
}

static bool is_item(const Fetcher *f, const void *what) {
        for (size_t i = 0; i < f->n_items; i++)
                if (f->items[i]->rim == what || f->items[i]->want == what)
                        return true;
        return false;
}

/* Whatever is missed that was not before. */
static int add_items(Fetcher *f) {
        size_t at = 0;
        RimEntry *rim;
        OcspWant *want;
        int r = 0;

        while (r >= 0 && f->n_items < ITEMS_MAX && (rim = collateral_next_rim(f->collateral, &at)))
                r = is_item(f, rim) ? 0 : add_item(f, rim, NULL);
        at = 0;
        while (r >= 0 && f->n_items < ITEMS_MAX && (want = collateral_next_answer(f->collateral, &at)))
                r = is_item(f, want) ? 0 : add_item(f, NULL, want);
        return r;
}

static int begin(Fetcher *f, Item *i) {
        uint64_t left = time_left(f);

        i->size = 0;
        i->too_large = false;
        i->attempts++;
        if (curl_easy_setopt(i->easy, CURLOPT_TIMEOUT_MS, (long) (left < REQUEST_MSEC ? left : REQUEST_MSEC)) != CURLE_OK ||
            curl_multi_add_handle(f->multi, i->easy) != CURLM_OK)
                return -ENOMEM;
        i->state = ITEM_RUNNING;
        f->n_requests++;
        return 0;
}

/* There is none; `why` has been said. */
static void give_up(Fetcher *f, Item *i, const Fault *why) {
        Fault fault;
        char tries[32] = "";

        if (i->attempts > 1)
                (void) snprintf(tries, sizeof(tries), " (%u tries)", i->attempts);
        (void) fault_set(&fault, 0, i->what, i->expected, "%.120s: %s%s", i->url, why->found, tries);
        i->state = ITEM_DONE;
        if (i->rim)
                collateral_deny_rim(i->rim, &fault);
        else
                ocsp_answers_deny(f->collateral->ocsp, i->want, &fault);
}

static int refuse_status(const Item *i, long status, Fault *f) {
        const char *to = http_easy_header(i->easy, "Location");

        if (status / 100 == 3)
                return fault_set(f, EBADMSG, i->what, i->expected, "HTTP status %ld, a redirect to %.80s, which is not followed",
                                 status, to ?: "nowhere");
        if (status == 401 || status == 403)
                return fault_set(f, EACCES, i->what, i->expected, "HTTP status %ld, the service key is wanted or refused",
                                 status);
        if (status == 404 && i->rim)
                return fault_set(f, ENOENT, i->what, i->expected, "HTTP status 404, the service has no such RIM");
        return fault_set(f, EIO, i->what, i->expected, "HTTP status %ld", status);
}

/* A service that answers keeps to the answer; the reason names what was expected of it. */
static int accept_body(Fetcher *f, Item *i, Fault *fault) {
        bool nonce_matches;
        uint8_t *xml;
        size_t size;
        Fault why = {};
        int r;

        if (i->rim) {
                r = rim_answer_parse((const char *) i->body ?: "", i->size, i->rim->id, &xml, &size, &why);
                if (r >= 0)
                        return collateral_give_rim(f->collateral, i->rim, xml, size);
        } else {
                r = ocsp_request_check(&i->question, i->body, i->size, f->options->require_nonce,
                                       &nonce_matches, &why);
                if (r >= 0)
                        r = ocsp_answers_give(f->collateral->ocsp, i->want, i->body, i->size, nonce_matches, &why);
        }
        if (r < 0 && r != -ENOMEM)
                (void) fault_set(fault, r, i->what, i->expected, "expected %.100s, found %.100s", why.expected, why.found);
        return r;
}

/* 0; -EAGAIN when the same request may succeed later, else the error; with *fault. */
static int judge(Fetcher *f, Item *i, CURLcode result, Fault *fault) {
        int r;

        if (i->too_large || result == CURLE_FILESIZE_EXCEEDED)
                return fault_set(fault, EFBIG, i->what, i->expected, "an answer of more than %zu bytes", i->limit);
        if (result != CURLE_OK)
                r = fault_set(fault, http_errno(result), i->what, i->expected, "%s", curl_easy_strerror(result));
        else if (http_easy_status(i->easy) != 200)
                r = refuse_status(i, http_easy_status(i->easy), fault);
        else
                return accept_body(f, i, fault);
        return http_easy_is_transient(i->easy, result) && !http_is_tls_failure(result) ? -EAGAIN : r;
}

static int finish(Fetcher *f, Item *i, CURLcode result) {
        Fault fault = {};
        int64_t wait;
        int r;

        (void) curl_multi_remove_handle(f->multi, i->easy);
        i->state = ITEM_WAITING;
        r = judge(f, i, result, &fault);
        if (r >= 0) {
                i->state = ITEM_DONE;
                return 0;
        }
        if (r == -ENOMEM)
                return r;
        if (i->rim)
                i->rim->unpublished = r == -ENOENT;
        wait = http_easy_wait_msec(i->easy, BACKOFF_MSEC, RETRY_AFTER_MAX, i->attempts);
        if (r == -EAGAIN && i->attempts <= f->options->retries && wait >= 0 && (uint64_t) wait < time_left(f))
                i->not_before = now_msec() + (uint64_t) wait;
        else
                give_up(f, i, &fault);
        return 0;
}

/* Whether anything has ended. */
static int finish_items(Fetcher *f) {
        CURLMsg *message;
        int left, any = 0;

        while ((message = curl_multi_info_read(f->multi, &left))) {
                CURLcode result = message->data.result;
                Item *i;
                int r;

                if (message->msg != CURLMSG_DONE ||
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &i) != CURLE_OK)
                        continue;
                any = 1;
                r = finish(f, i, result);
                if (r < 0)
                        return r;
        }
        return any;
}

/* Starts whatever's time has come. Milliseconds until there is more to start; -1 when everything is done. */
static int start_items(Fetcher *f) {
        uint64_t now = now_msec();
        int wait = -1, r;

        for (size_t k = 0; k < f->n_items; k++) {
                Item *i = f->items[k];
                uint64_t left = i->not_before > now ? i->not_before - now : 0;

                if (i->state == ITEM_DONE)
                        continue;
                if (i->state == ITEM_RUNNING)
                        left = POLL_MSEC;
                else if (left == 0) {
                        r = begin(f, i);
                        if (r < 0)
                                return r;
                        left = POLL_MSEC;
                }
                if (wait < 0 || left < (uint64_t) wait)
                        wait = left < POLL_MSEC ? (int) left : POLL_MSEC;
        }
        return wait;
}

/* The time is up for what is not done. */
static void break_off(Fetcher *f) {
        for (size_t k = 0; k < f->n_items; k++) {
                Item *i = f->items[k];
                Fault fault;

                if (i->state == ITEM_DONE)
                        continue;
                if (i->state == ITEM_RUNNING)
                        (void) curl_multi_remove_handle(f->multi, i->easy);
                (void) fault_set(&fault, 0, i->what, i->expected, "no answer within the time limit");
                give_up(f, i, &fault);
        }
}

static int run(Fetcher *f) {
        for (;;) {
                int wait, running, r;

                r = add_items(f);
                if (r < 0)
                        return r;
                if (time_left(f) == 0) {
                        break_off(f);
                        return 0;
                }
                wait = start_items(f);
                if (wait < 0)
                        return wait == -1 ? 0 : wait;
                if (curl_multi_perform(f->multi, &running) != CURLM_OK)
                        return -ENOMEM;
                r = finish_items(f);
                if (r < 0)
                        return r;
                if (r == 0 && (uint64_t) wait > time_left(f))
                        wait = (int) time_left(f);
                if (r == 0 && curl_multi_poll(f->multi, NULL, 0, wait, NULL) != CURLM_OK)
                        return -ENOMEM;
        }
}

int fetch_missing(Fetcher *f, Collateral *c) {
        int r, n;

        f->collateral = c;
        r = run(f);
        n = (int) f->n_items;
        forget_items(f);
        return r < 0 ? r : n;
}
