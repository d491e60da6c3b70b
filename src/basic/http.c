/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/http.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#define LOW_SPEED_BYTES  1024L
#define BACKOFF_MAX_MSEC 60000U
#define TOKEN_MAX        4096U

static int get_part(CURLU *url, CURLUPart part, char **ret) {
        return curl_url_get(url, part, ret, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) == CURLUE_OK ? 0 : -EINVAL;
}

CURLU *http_url_parse(const char *text) {
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();

        return url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK ? TAKE_PTR(url) : NULL;
}

bool http_url_has(CURLU *url, CURLUPart part) {
        _cleanup_(curl_freep) char *text = NULL;

        return get_part(url, part, &text) >= 0;
}

bool http_url_is_scheme(CURLU *url, const char *scheme) {
        _cleanup_(curl_freep) char *text = NULL;

        return get_part(url, CURLUPART_SCHEME, &text) >= 0 && strcasecmp(text, scheme) == 0;
}

static bool is_same_part(CURLU *a, CURLU *b, CURLUPart part) {
        _cleanup_(curl_freep) char *x = NULL, *y = NULL;

        return get_part(a, part, &x) >= 0 && get_part(b, part, &y) >= 0 && strcasecmp(x, y) == 0;
}

bool http_same_origin(const char *url, const char *other) {
        _cleanup_(curl_url_cleanupp) CURLU *a = http_url_parse(url), *b = http_url_parse(other);

        return a && b && is_same_part(a, b, CURLUPART_SCHEME) && is_same_part(a, b, CURLUPART_HOST) &&
               is_same_part(a, b, CURLUPART_PORT);
}

bool http_url_is_base(CURLU *url) {
        static const CURLUPart unwanted[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT };

        for (size_t i = 0; i < ELEMENTSOF(unwanted); i++)
                if (http_url_has(url, unwanted[i]))
                        return false;
        return (http_url_is_scheme(url, "https") || http_url_is_scheme(url, "http")) && http_url_has(url, CURLUPART_HOST);
}

/* As curl(1) has it, which the library has not. */
static const char *own_authorities(void) {
        const char *path = getenv("CURL_CA_BUNDLE");

        return path && *path ? path : getenv("SSL_CERT_FILE");
}

CURL *http_easy_new(const char *user_agent) {
        CURL *easy = curl_easy_init();
        const char *authorities = own_authorities();
        bool good;

        if (!easy)
                return NULL;
        good = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES) == CURLE_OK;
        if (good && authorities && *authorities)
                good = curl_easy_setopt(easy, CURLOPT_CAINFO, authorities) == CURLE_OK;
        if (good)
                return easy;
        curl_easy_cleanup(easy);
        return NULL;
}

long http_easy_status(CURL *easy) {
        long status = 0;

        (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

const char *http_easy_server(CURL *easy, char ret[static HTTP_SERVER_SIZE]) {
        _cleanup_(curl_url_cleanupp) CURLU *url = NULL;
        _cleanup_(curl_freep) char *host = NULL, *port = NULL;
        const char *text = NULL;

        if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &text) == CURLE_OK && text)
                url = http_url_parse(text);
        if (!url || get_part(url, CURLUPART_HOST, &host) < 0 || get_part(url, CURLUPART_PORT, &port) < 0)
                return "the server";
        (void) snprintf(ret, HTTP_SERVER_SIZE, "%s:%s", host, port);
        return ret;
}

const char *http_easy_header_at(CURL *easy, const char *name, size_t index) {
        struct curl_header *header;

        return curl_easy_header(easy, name, index, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

const char *http_easy_header(CURL *easy, const char *name) {
        return http_easy_header_at(easy, name, 0);
}

static const struct {
        CURLcode result;
        int error;
} transport_errors[] = {
        { CURLE_OPERATION_TIMEDOUT,      ETIMEDOUT    },
        { CURLE_COULDNT_CONNECT,         ECONNREFUSED },
        { CURLE_COULDNT_RESOLVE_HOST,    EHOSTUNREACH },
        { CURLE_COULDNT_RESOLVE_PROXY,   EHOSTUNREACH },
        { CURLE_PEER_FAILED_VERIFICATION, EACCES      },
        { CURLE_SSL_CACERT_BADFILE,      EACCES       },
        { CURLE_OUT_OF_MEMORY,           ENOMEM       },
};

int http_errno(CURLcode result) {
        for (size_t i = 0; i < ELEMENTSOF(transport_errors); i++)
                if (transport_errors[i].result == result)
                        return transport_errors[i].error;
        return EIO;
}

static bool is_any(CURLcode result, const CURLcode *of, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (of[i] == result)
                        return true;
        return false;
}

bool http_is_tls_failure(CURLcode result) {
        static const CURLcode failures[] = {
                CURLE_SSL_CONNECT_ERROR, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_CERTPROBLEM,
                CURLE_SSL_CIPHER, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE,
                CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED,
        };

        return is_any(result, failures, ELEMENTSOF(failures));
}

bool http_easy_is_transient(CURL *easy, CURLcode result) {
        static const CURLcode lasting[] = {
                CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_OUT_OF_MEMORY, CURLE_URL_MALFORMAT,
                CURLE_UNSUPPORTED_PROTOCOL, CURLE_ABORTED_BY_CALLBACK, CURLE_WRITE_ERROR,
                CURLE_FILESIZE_EXCEEDED,
        };
        long status = http_easy_status(easy);

        if (result == CURLE_OK)
                return status == 408 || status == 429 || status >= 500;
        return !is_any(result, lasting, ELEMENTSOF(lasting));
}

int64_t http_easy_wait_msec(CURL *easy, unsigned backoff_msec, unsigned wait_max_sec, unsigned attempt) {
        uint64_t base = (uint64_t) backoff_msec << (attempt > 16 ? 16 : attempt - 1);
        curl_off_t asked = 0;
        uint32_t random = 0;

        if (base > BACKOFF_MAX_MSEC)
                base = BACKOFF_MAX_MSEC;
        /* Many who were turned away at once must not come back at once. */
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
                random = (uint32_t) time(NULL);
        base = base / 2 + random % (base / 2 + 1);
        (void) curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &asked);
        if (asked > (curl_off_t) wait_max_sec)
                return -1;
        return (int64_t) base + (asked > 0 ? asked * 1000 : 0);
}

int http_token_parse(const char *text, size_t size, const char *origin, char **ret, Fault *ret_fault) {
        static const char space[] = " \t\r\n";
        char *token;

        while (size > 0 && text[0] && strchr(space, text[0]))
                text++, size--;
        while (size > 0 && text[size - 1] && strchr(space, text[size - 1]))
                size--;
        for (size_t i = 0; i < size; i++)
                if (text[i] <= 0x20 || text[i] >= 0x7f)
                        return fault_set(ret_fault, EINVAL, "token", "letters, digits and punctuation on one line",
                                         "something else in %s", origin);
        if (size > TOKEN_MAX)
                return fault_set(ret_fault, EINVAL, "token", "at most 4096 characters", "%zu in %s", size, origin);
        token = size > 0 ? strndup(text, size) : NULL;
        if (size > 0 && !token)
                return -ENOMEM;
        *ret = token;
        return 0;
}
