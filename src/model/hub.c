/* SPDX-License-Identifier: Apache-2.0 */

#include "model/hub.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "basic/io.h"
#include "model/http.h"

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define DEFAULT_REVISION "main"
#define ANSWER_MAX       (32U * 1024 * 1024)
#define PAGES_MAX        100000U
#define TOKEN_FILE_MAX   8192U

struct Hub {
        HttpSource http;
};

static const char *get_variable(const char *name) {
        const char *value = getenv(name);

        return value && *value ? value : NULL;
}

static bool is_offline(void) {
        static const char *const yes[] = { "1", "ON", "YES", "TRUE" };
        const char *value = get_variable("HF_HUB_OFFLINE");

        for (size_t i = 0; value && i < ELEMENTSOF(yes); i++)
                if (strcasecmp(value, yes[i]) == 0)
                        return true;
        return false;
}

/* The file that `hf auth login` writes. NULL when there is no place for it, or memory is out. */
static char *token_path(void) {
        static const struct {
                const char *variable;
                const char *suffix;
        } places[] = {
                { "HF_TOKEN_PATH",  ""                          },
                { "HF_HOME",        "/token"                    },
                { "XDG_CACHE_HOME", "/huggingface/token"        },
                { "HOME",           "/.cache/huggingface/token" },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const char *value = get_variable(places[i].variable);
                char *path;

                if (value)
                        return asprintf(&path, "%s%s", value, places[i].suffix) < 0 ? NULL : path;
        }
        return NULL;
}

static int read_token(char **ret, Fault *f) {
        const char *variable = get_variable("HF_TOKEN");
        _cleanup_free_ char *path = NULL;
        uint8_t *text;
        size_t size;
        int r;

        if (variable)
                return http_token_parse(variable, strlen(variable), "HF_TOKEN", ret, f);
        path = token_path();
        if (!path)
                return 0;
        r = read_file_at(AT_FDCWD, path, TOKEN_FILE_MAX, &text, &size);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r < 0)
                return fault_set(f, r, "token", "a file that can be read", "%s: %s", path, read_file_strerror(r));
        r = http_token_parse((const char *) text, size, path, ret, f);
        explicit_bzero(text, size);
        free(text);
        return r;
}

int hub_new(Hub **ret, Fault *ret_fault) {
        _cleanup_(hub_freep) Hub *hub = NULL;
        int r;

        if (is_offline())
                return fault_set(ret_fault, ENETDOWN, "hub", "a network to use", "HF_HUB_OFFLINE, which asks for none");
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        hub = calloc(1, sizeof(*hub));
        if (!hub) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        r = http_source_make(get_variable("HF_ENDPOINT") ?: DEFAULT_ENDPOINT, &hub->http, ret_fault);
        if (r >= 0)
                r = read_token(&hub->http.token, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(hub);
        return 0;
}

Hub *hub_free(Hub *hub) {
        if (!hub)
                return NULL;
        http_source_done(&hub->http);
        curl_global_cleanup();
        free(hub);
        return NULL;
}

HttpSource *hub_http(Hub *hub) {
        return &hub->http;
}

/* RFC 3986: all but the unreserved characters as %XX, and '/' too unless it is kept. NULL when memory is out. */
static char *escape(const char *text, bool keep_slashes) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        char *escaped = malloc(3 * strlen(text) + 1), *p = escaped;

        for (; escaped && *text; text++)
                if (strchr(plain, *text) || (keep_slashes && *text == '/'))
                        *p++ = *text;
                else
                        p += snprintf(p, 4, "%%%02X", (unsigned) (unsigned char) *text);
        if (escaped)
                *p = 0;
        return escaped;
}

char *hub_file_url(const Hub *hub, const char *name, const char *commit, const char *path) {
        _cleanup_free_ char *revision = escape(commit, false), *file = escape(path, true);
        char *url;

        if (!revision || !file || asprintf(&url, "%s/%s/resolve/%s/%s", hub->http.endpoint, name, revision, file) < 0)
                return NULL;
        return url;
}

static char *api_url(const Hub *hub, const char *name, const char *what, const char *revision, const char *query) {
        _cleanup_free_ char *escaped = escape(revision, false);
        char *url;

        if (!escaped ||
            asprintf(&url, "%s/api/models/%s/%s/%s%s", hub->http.endpoint, name, what, escaped, query) < 0)
                return NULL;
        return url;
}

int hub_resolve(Hub *hub, const char *name, const char *revision, char ret_commit[static MODEL_COMMIT_MAX + 1],
                Fault *ret_fault) {
        const char *asked = revision && *revision ? revision : DEFAULT_REVISION;
        _cleanup_free_ char *url = api_url(hub, name, "revision", asked, ""), *subject = NULL;
        _cleanup_(http_answer_done) HttpAnswer answer = {};
        char commit[MODEL_COMMIT_MAX + 1];
        HttpRequest request;
        int r;

        if (!url || asprintf(&subject, "%s@%s", name, asked) < 0)
                return -ENOMEM;
        request = (HttpRequest){ .what = "hub: revision", .subject = subject, .url = url, .limit = ANSWER_MAX };
        r = http_get(&hub->http, &request, &answer, ret_fault);
        if (r < 0)
                return r;
        r = hub_parse_commit(answer.text, answer.size, commit, ret_fault);
        if (r < 0)
                return r;
        if (model_commit_is_id(asked) && strcmp(asked, commit) != 0)
                return fault_set(ret_fault, EBADMSG, "hub: revision", "the commit that was asked for", "%s for %s", commit,
                                 subject);
        memcpy(ret_commit, commit, sizeof(commit));
        return 0;
}

/* Whether pages have begun to come again. `mark` is one that was there; it moves on at every power of two, so that it
 * is on the circle sooner or later. */
static int check_circle(const char *url, unsigned page, char **mark, const char *subject, Fault *f) {
        if (page >= PAGES_MAX || (*mark && strcmp(*mark, url) == 0))
                return fault_set(f, EBADMSG, "hub: listing", "an end of its pages", "%s: none after %u", subject, page);
        if ((page & (page - 1)) != 0)
                return 0;
        free(*mark);
        *mark = strdup(url);
        return *mark ? 0 : -ENOMEM;
}

int hub_list(Hub *hub, const char *name, const char *commit, HubListing *ret, Fault *ret_fault) {
        _cleanup_free_ char *url = api_url(hub, name, "tree", commit, "?recursive=true"), *subject = NULL, *mark = NULL;
        _cleanup_(hub_listing_done) HubListing listing = {};
        int r;

        if (!url || asprintf(&subject, "%s@%s", name, commit) < 0)
                return -ENOMEM;
        for (unsigned page = 1; url; page++) {
                HttpRequest request = { .what = "hub: listing", .subject = subject, .url = url, .limit = ANSWER_MAX };
                _cleanup_(http_answer_done) HttpAnswer answer = {};

                r = check_circle(url, page, &mark, subject, ret_fault);
                if (r >= 0)
                        r = http_get(&hub->http, &request, &answer, ret_fault);
                if (r >= 0)
                        r = hub_parse_page(answer.text, answer.size, &listing, ret_fault);
                if (r < 0)
                        return r;
                free(url);
                url = TAKE_PTR(answer.next);
        }
        r = hub_listing_finish(&listing, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(listing);
        return 0;
}
