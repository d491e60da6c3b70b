/* SPDX-License-Identifier: Apache-2.0 */

#include "model/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/fields.h"

#define PAUSE_MSEC 100
#define TEXT_STEP  65536U /* by which an answer grows */

static const HttpLimits default_limits = {
        .retries = 6,
        .backoff_msec = 500,
        .wait_max_sec = 600,
        .connect_sec = 20,
        .stall_sec = 30,
        .answer_sec = 300,
        .piece_size = 8 * 1024 * 1024,
};

int http_source_make(const char *endpoint, HttpSource *ret, Fault *ret_fault) {
        _cleanup_(curl_url_cleanupp) CURLU *url = http_url_parse(endpoint);
        HttpSource s = { .limits = default_limits };
        size_t length = strlen(endpoint);

        /* It may hold a password, so it is not repeated. */
        if (!url || !http_url_is_base(url))
                return fault_set(ret_fault, EINVAL, "HF_ENDPOINT", "https://HOST or http://HOST, without user or query",
                                 "something else");
        while (length > 0 && endpoint[length - 1] == '/')
                length--;
        s.endpoint = strndup(endpoint, length);
        s.easy = s.endpoint ? http_easy_new(HTTP_USER_AGENT) : NULL;
        if (!s.easy) {
                free(s.endpoint);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

void http_source_done(HttpSource *source) {
        if (source->token)
                explicit_bzero(source->token, strlen(source->token));
        free(source->token);
        free(source->endpoint);
        curl_easy_cleanup(source->easy);
        *source = (HttpSource){};
}

int http_easy_aim(CURL *easy, const HttpSource *source, const char *url) {
        bool own = source->token && http_same_origin(url, source->endpoint);

        if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long) source->limits.connect_sec) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long) source->limits.stall_sec) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, own ? source->token : NULL) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_HTTPAUTH, own ? CURLAUTH_BEARER : CURLAUTH_NONE) != CURLE_OK)
                return -ENOMEM;
        return 0;
}

/* A place that an answer of `from` names may be gone to, with what the connection has to offer or better. */
static int check_step(const char *from, const char *to, const HttpRequest *request, Fault *f) {
        _cleanup_(curl_url_cleanupp) CURLU *a = http_url_parse(from), *b = http_url_parse(to);

        if (!a || !b || !http_url_has(b, CURLUPART_HOST) || (!http_url_is_scheme(b, "https") && !http_url_is_scheme(b, "http")))
                return fault_set(f, EBADMSG, request->what, "a redirect to an https URL", "%s: another one", request->subject);
        if (http_url_is_scheme(a, "https") && !http_url_is_scheme(b, "https"))
                return fault_set(f, EBADMSG, request->what, "a redirect that stays encrypted", "%s: one from https to http",
                                 request->subject);
        return 0;
}

int http_easy_redirect(CURL *easy, const HttpRequest *request, char **ret, Fault *ret_fault) {
        const char *from = NULL, *to = NULL;
        char *url;
        int r;

        if (http_easy_status(easy) / 100 != 3)
                return 0;
        if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &from) != CURLE_OK ||
            curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !from || !to)
                return 0;
        r = check_step(from, to, request, ret_fault);
        if (r < 0)
                return r;
        url = strdup(to);
        if (!url)
                return -ENOMEM;
        *ret = url;
        return 1;
}

/* The hub's refusals, the first that fits. No status or code: any. */
static const struct {
        long status;
        const char *code;
        int error;
        const char *expected;
        const char *found;           /* with a token */
        const char *found_anonymous; /* NULL: the same */
} refusals[] = {
        { 0, "GatedRepo", EACCES, "a repository that may be read",
          "gated, and the token's owner has not been let in: ask for access on the repository's page",
          "gated: ask for access on the repository's page, and set HF_TOKEN" },
        { 0, "RepoNotFound", ENOENT, "a repository that may be read",
          "no such repository, or a private one that the token may not read",
          "no such repository, or a private one, which needs HF_TOKEN" },
        { 0, "RevisionNotFound", ENOENT, "a revision of the repository", "no such commit, branch or tag", NULL },
        { 0, "EntryNotFound", ENOENT, "a file of the commit", "no such file, although it is listed", NULL },
        { 0, "DisabledRepo", EACCES, "a repository that may be read", "disabled by the hub", NULL },
        { 401, NULL, EACCES, "to be let in", "the token is refused (HF_TOKEN, or the token file)",
          "a token is wanted (HF_TOKEN)" },
        { 403, NULL, EACCES, "to be let in", "forbidden: private or gated, and this token is not enough",
          "forbidden: private or gated, and no token was given (HF_TOKEN)" },
        { 404, NULL, ENOENT, "something that is there", "nothing", NULL },
        { 410, NULL, ENOENT, "something that is there", "nothing any more", NULL },
        { 429, NULL, EBUSY, "to be served", "too many requests (rate limited), try again later", NULL },
};

/* A message for people. It is the hub's, so it is left out when it repeats the token. */
static const char *get_message(CURL *easy, const HttpSource *source) {
        const char *message = http_easy_header(easy, "X-Error-Message");

        return message && !(source->token && strstr(message, source->token)) ? message : NULL;
}

static int refuse(CURL *easy, long status, const HttpSource *source, const HttpRequest *request, Fault *f) {
        const char *code = http_easy_header(easy, "X-Error-Code"), *message = get_message(easy, source), *found, *url;

        if (status < 500 && status != 429 && curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK &&
            !http_same_origin(url, source->endpoint))
                return fault_set(f, EIO, request->what, "HTTP status 200", "%s: %ld from where the hub redirects to",
                                 request->subject, status);
        for (size_t i = 0; i < ELEMENTSOF(refusals); i++) {
                if ((refusals[i].status && refusals[i].status != status) ||
                    (refusals[i].code && (!code || strcmp(refusals[i].code, code) != 0)))
                        continue;
                found = !source->token && refusals[i].found_anonymous ? refusals[i].found_anonymous : refusals[i].found;
                return fault_set(f, refusals[i].error, request->what, refusals[i].expected, "%s: %s%s%.80s",
                                 request->subject, found, message ? ": " : "", message ?: "");
        }
        return fault_set(f, status >= 500 ? EIO : EBADMSG, request->what, "HTTP status 200", "%s: %ld%s%.80s",
                         request->subject, status, message ? ": " : status >= 500 ? " (the server's error)" : "",
                         message ?: "");
}

int http_easy_judge(CURL *easy, CURLcode result, const HttpSource *source, const HttpRequest *request,
                    Fault *ret_fault) {
        char server[HTTP_SERVER_SIZE];
        long status = http_easy_status(easy);

        if (result == CURLE_OK)
                return status == 200 || status == 206 ? 0 : refuse(easy, status, source, request, ret_fault);
        return fault_set(ret_fault, http_errno(result), request->what, "an answer", "%s: %s: %s", request->subject,
                         http_easy_server(easy, server), curl_easy_strerror(result));
}

typedef struct Fetch {
        const HttpSource *source;
        const HttpRequest *request;
        HttpAnswer answer;
        bool too_long;
        int interrupted;
} Fetch;

static size_t take_text(char *data, size_t size, size_t n, void *userdata) {
        Fetch *f = userdata;
        char *text;

        n *= size;
        f->too_long = n > f->request->limit - f->answer.size;
        if (f->too_long)
                return 0;
        if (!f->answer.text || (f->answer.size + n) / TEXT_STEP != f->answer.size / TEXT_STEP) {
                text = realloc(f->answer.text, ((f->answer.size + n) / TEXT_STEP + 1) * TEXT_STEP + 1);
                if (!text)
                        return 0;
                f->answer.text = text;
        }
        memcpy(f->answer.text + f->answer.size, data, n);
        f->answer.size += n;
        f->answer.text[f->answer.size] = 0;
        return n;
}

static int look_up(void *userdata, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
        Fetch *f = userdata;

        if (f->source->interrupted && f->interrupted >= 0)
                f->interrupted = f->source->interrupted();
        return f->interrupted < 0;
}

static int prepare(Fetch *f) {
        CURL *easy = f->source->easy;

        if (curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_text) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_WRITEDATA, f) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, look_up) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_XFERINFODATA, f) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long) f->source->limits.answer_sec) != CURLE_OK)
                return -ENOMEM;
        return 0;
}

static int report_interrupt(const Fetch *f, Fault *fault) {
        return fault_set(fault, f->interrupted, f->request->what, "to be let finish", "a signal to stop");
}

/* Waits, with an ear for interruptions. */
static int pause_for(Fetch *f, int64_t msec, Fault *fault) {
        const struct timespec step = { .tv_nsec = PAUSE_MSEC * 1000000L };

        for (; msec > 0; msec -= PAUSE_MSEC) {
                if (look_up(f, 0, 0, 0, 0))
                        return report_interrupt(f, fault);
                (void) nanosleep(&step, NULL);
        }
        return 0;
}

static CURLcode fetch_once(Fetch *f, const char *url) {
        http_answer_done(&f->answer);
        if (http_easy_aim(f->source->easy, f->source, url) < 0)
                return CURLE_OUT_OF_MEMORY;
        return curl_easy_perform(f->source->easy);
}

/* To the end of the redirects. 0, or a negative errno with *fault. */
static int fetch_through(Fetch *f, CURLcode *ret_result, Fault *fault) {
        _cleanup_free_ char *url = strdup(f->request->url);
        int r;

        *ret_result = CURLE_OK;
        for (unsigned i = 0; url && i <= HTTP_REDIRECTS_MAX; i++) {
                char *next;

                *ret_result = fetch_once(f, url);
                if (f->interrupted < 0)
                        return report_interrupt(f, fault);
                if (f->too_long)
                        return fault_set(fault, EBADMSG, f->request->what, "an answer of a sensible size",
                                         "%s: more than %zu bytes", f->request->subject, f->request->limit);
                r = *ret_result == CURLE_OK ? http_easy_redirect(f->source->easy, f->request, &next, fault) : 0;
                if (r <= 0)
                        return r < 0 ? r
                                     : http_easy_judge(f->source->easy, *ret_result, f->source, f->request, fault);
                free(url);
                url = next;
        }
        return url ? fault_set(fault, EBADMSG, f->request->what, "an end of the redirects", "%s: more than %u of them",
                               f->request->subject, HTTP_REDIRECTS_MAX)
                   : -ENOMEM;
}

/* What the answer says is the next page, resolved. A list of which a part was not understood would look like the end. */
static int find_next(CURL *easy, const HttpRequest *request, char **ret, Fault *f) {
        const char *link, *from = NULL;
        _cleanup_(curl_url_cleanupp) CURLU *url = NULL;
        _cleanup_(curl_freep) char *absolute = NULL;
        _cleanup_free_ char *target = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && (link = http_easy_header_at(easy, "Link", i)); i++)
                r = field_next_link(link, &target);
        if (r == -EBADMSG)
                return fault_set(f, r, request->what, "links to other pages in Link (RFC 8288)", "%s: something else",
                                 request->subject);
        if (r <= 0)
                return r;
        if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &from) != CURLE_OK)
                return -ENOMEM;
        /* Set on top of the page's own, a relative one is resolved. */
        url = http_url_parse(from);
        if (!url || curl_url_set(url, CURLUPART_URL, target, 0) != CURLUE_OK ||
            curl_url_get(url, CURLUPART_URL, &absolute, 0) != CURLUE_OK || strcmp(absolute, from) == 0)
                return fault_set(f, EBADMSG, request->what, "a link to a next page", "%s: one that leads nowhere",
                                 request->subject);
        r = check_step(from, absolute, request, f);
        if (r < 0)
                return r;
        *ret = strdup(absolute);
        return *ret ? 0 : -ENOMEM;
}

int http_get(const HttpSource *source, const HttpRequest *request, HttpAnswer *ret, Fault *ret_fault) {
        Fetch f = { .source = source, .request = request };
        unsigned attempt = 0;
        CURLcode result;
        int r;

        r = prepare(&f);
        while (r >= 0) {
                int64_t wait;

                r = fetch_through(&f, &result, ret_fault);
                if (r >= 0)
                        r = find_next(source->easy, request, &f.answer.next, ret_fault);
                if (r >= 0)
                        break;
                if (r == -ENOMEM || attempt++ >= source->limits.retries ||
                    !http_easy_is_transient(source->easy, result))
                        break;
                wait = http_easy_wait_msec(source->easy, source->limits.backoff_msec, source->limits.wait_max_sec, attempt);
                if (wait < 0 || pause_for(&f, wait, ret_fault) < 0)
                        break;
                r = 0;
        }
        if (r < 0) {
                http_answer_done(&f.answer);
                return f.interrupted < 0 ? f.interrupted : r;
        }
        *ret = f.answer;
        return 0;
}

void http_answer_done(HttpAnswer *answer) {
        free(answer->text);
        free(answer->next);
        *answer = (HttpAnswer){};
}
