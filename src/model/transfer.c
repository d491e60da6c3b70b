/* SPDX-License-Identifier: Apache-2.0 */

#include "model/transfer.h"

#include <inttypes.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/io.h"
#include "model/fields.h"
#include "model/http.h"

#define BUFFER_SIZE    (256L * 1024)
#define POLL_MSEC      1000
#define PROGRESS_BYTES (64U * 1024) /* what a try must bring in to be no failure */
#define REFUSAL_MAX    (64U * 1024) /* bytes that may come with a redirect or an error */

typedef enum TransferState {
        TRANSFER_IDLE,
        TRANSFER_PAUSED, /* has a piece, and waits for its time */
        TRANSFER_RUNNING,
} TransferState;

typedef enum AnswerKind {
        ANSWER_UNKNOWN,
        ANSWER_CONTENT,
        ANSWER_OTHER, /* a redirect or an error: what comes with it is of no interest */
} AnswerKind;

/* One connection's work. */
typedef struct Transfer {
        Transfers *all;
        CURL *easy;
        TransferState state;
        Piece piece;
        uint64_t received;    /* bytes of the piece that are in the image */
        uint64_t since_retry; /* bytes since something last went wrong */
        unsigned attempts, redirects;
        uint64_t not_before;  /* milliseconds */

        char *url;            /* NULL: the hub's */
        bool from_cache;      /* `url` is where an earlier request was redirected to */
        AnswerKind kind;
        uint64_t position;    /* in the file, of the next byte that comes */
        uint64_t other_bytes;
        bool whole_file;      /* the server knows no ranges, and sends the file from its start */
        bool satisfied;       /* broken off by us, with all that was wanted */
        int error;            /* of writing, or an answer that is none */
        Fault fault;
} Transfer;

/* Where the content of a file was last found. */
typedef struct Target {
        size_t file;
        char *url;
} Target;

struct Transfers {
        const TransferJob *job;
        const HttpSource *http;
        CURLM *multi;
        Transfer *items; /* as many as there are connections; so are targets */
        Target *targets;
        uint64_t not_before; /* when the hub wants to be asked again by anybody */
};

static uint64_t now_msec(void) {
        return monotonic_usec() / USEC_PER_MSEC;
}

static Target *find_target(Transfers *ts, size_t file) {
        for (unsigned i = 0; i < ts->job->connections; i++)
                if (ts->targets[i].url && ts->targets[i].file == file)
                        return &ts->targets[i];
        return NULL;
}

static void drop_target(Transfers *ts, size_t file) {
        Target *t = find_target(ts, file);

        if (!t)
                return;
        free(t->url);
        *t = (Target){};
}

/* A signed place of content is good for more than one piece. It replaces that of a file that is further back. */
static void remember_target(Transfer *t) {
        Transfers *ts = t->all;
        Target *place = find_target(ts, t->piece.file);
        char *url;

        if (!t->url || t->from_cache || place)
                return;
        url = strdup(t->url);
        if (!url)
                return;
        place = &ts->targets[t - ts->items];
        free(place->url);
        *place = (Target){ .file = t->piece.file, .url = url };
}

static const HubFile *file_of(const Transfer *t) {
        return &t->all->job->listing->files[t->piece.file];
}

static int refuse(Transfer *t, const char *expected, const char *found) {
        t->error = fault_set(&t->fault, EBADMSG, "hub: file", expected, "%s: %s", file_of(t)->path, found);
        return t->error;
}

static int check_range(Transfer *t, uint64_t wanted) {
        const char *value = http_easy_header(t->easy, "Content-Range");
        ContentRange range;

        if (!value || field_content_range(value, &range) < 0)
                return refuse(t, "Content-Range with status 206", value ? "something that is none" : "none");
        if (range.has_size && range.size != file_of(t)->size)
                return refuse(t, "the size that is listed", "another one");
        if (range.first != wanted)
                return refuse(t, "the range that was asked for", "another one");
        t->position = range.first;
        return 0;
}

/* At the first byte of an answer: what the bytes are. */
static int look_at_answer(Transfer *t) {
        uint64_t wanted = t->piece.offset + t->received;
        curl_off_t length = -1;
        long status = 0;
        int r = 0;

        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        t->kind = status == 200 || status == 206 ? ANSWER_CONTENT : ANSWER_OTHER;
        if (status == 206)
                r = check_range(t, wanted);
        else if (status == 200) {
                t->position = 0;
                t->whole_file = wanted > 0 || t->piece.size < file_of(t)->size;
                if (length >= 0 && (uint64_t) length != file_of(t)->size)
                        r = refuse(t, "the size that is listed", "another one");
        }
        if (r >= 0 && t->kind == ANSWER_CONTENT)
                remember_target(t);
        return r;
}

/* The piece is whole. 1 when there is a next one to take from the same answer. */
static int complete_piece(Transfer *t) {
        const TransferJob *job = t->all->job;
        int r;

        r = job->arrived(job->userdata, t->piece.number);
        if (r < 0) {
                t->error = fault_set(&t->fault, r, "download", "a journal that can be written", "%s", strerror(-r));
                return r;
        }
        pieces_arrived(job->pieces, t->piece.number);
        t->received = 0;
        t->attempts = 0;
        t->satisfied = !t->whole_file || !pieces_claim_in(job->pieces, t->piece.file, t->position, &t->piece);
        return !t->satisfied;
}

/* Takes what of `n` bytes at the current position belongs to the piece. Returns how far that brought it. */
static ssize_t place_bytes(Transfer *t, const char *data, size_t n) {
        uint64_t wanted = t->piece.offset + t->received, left = t->piece.size - t->received;
        int r;

        if (t->position < wanted)
                return (ssize_t) (wanted - t->position < n ? wanted - t->position : n);
        if (n > left)
                n = (size_t) left;
        r = pwrite_all(t->all->job->image_fd, data, n, t->piece.image_offset + t->received);
        if (r < 0) {
                t->error = fault_set(&t->fault, r, "image", "room for what is downloaded", "%s: %s", file_of(t)->path,
                                     strerror(-r));
                return r;
        }
        t->received += n;
        t->since_retry += n;
        pieces_count_bytes(t->all->job->pieces, (int64_t) n);
        return (ssize_t) n;
}

static size_t take_bytes(char *data, size_t size, size_t n, void *userdata) {
        Transfer *t = userdata;

        n *= size;
        if (t->satisfied || (t->kind == ANSWER_UNKNOWN && look_at_answer(t) < 0))
                return 0;
        if (t->kind == ANSWER_OTHER) {
                t->other_bytes += n;
                return t->other_bytes <= REFUSAL_MAX ? n : 0;
        }
        for (size_t done = 0; done < n;) {
                ssize_t k = place_bytes(t, data + done, n - done);

                if (k < 0)
                        return 0;
                done += (size_t) k;
                t->position += (uint64_t) k;
                if (t->received == t->piece.size && complete_piece(t) <= 0)
                        return done == n && t->error == 0 ? n : 0;
        }
        return n;
}

static bool set_range(Transfer *t) {
        uint64_t first = t->piece.offset + t->received, end = t->piece.offset + t->piece.size;
        char range[64];

        /* Without one, every server sends what is wanted. */
        if (first == 0 && end == file_of(t)->size)
                return curl_easy_setopt(t->easy, CURLOPT_RANGE, NULL) == CURLE_OK;
        (void) snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, first, end - 1);
        return curl_easy_setopt(t->easy, CURLOPT_RANGE, range) == CURLE_OK;
}

static int begin(Transfer *t) {
        const TransferJob *job = t->all->job;
        Target *target = t->url ? NULL : find_target(t->all, t->piece.file);
        _cleanup_free_ char *url = NULL;

        if (target) {
                t->url = strdup(target->url);
                t->from_cache = true;
        }
        url = t->url ? strdup(t->url) : hub_file_url(job->hub, job->name, job->commit, file_of(t)->path);
        t->kind = ANSWER_UNKNOWN;
        t->other_bytes = 0;
        t->whole_file = false;
        t->satisfied = false;
        if (!url || http_easy_aim(t->easy, t->all->http, url) < 0 || !set_range(t) ||
            curl_multi_add_handle(t->all->multi, t->easy) != CURLM_OK)
                return -ENOMEM;
        t->state = TRANSFER_RUNNING;
        return 0;
}

static void forget_url(Transfer *t) {
        free(t->url);
        t->url = NULL;
        t->from_cache = false;
}

static HttpRequest describe(const Transfer *t) {
        return (HttpRequest){ .what = "hub: file", .subject = file_of(t)->path };
}

/* 1 when the answer is a redirect that is followed. */
static int follow(Transfer *t, CURLcode result) {
        HttpRequest request = describe(t);
        char *url;
        int r;

        r = result == CURLE_OK ? http_easy_redirect(t->easy, &request, &url, &t->fault) : 0;
        if (r <= 0)
                return r;
        forget_url(t);
        t->url = url;
        if (t->redirects++ < HTTP_REDIRECTS_MAX)
                return 1;
        return refuse(t, "an end of the redirects", "more than 10 of them");
}

/* After a failure that may pass: what to try, and when. 0, or the error if it has been tried often enough. */
static int retry(Transfer *t, int error) {
        Transfers *ts = t->all;
        bool stale = t->from_cache && t->since_retry == 0;
        curl_off_t asked = 0;
        int64_t wait;

        if (t->since_retry < PROGRESS_BYTES) {
                if (t->attempts++ >= ts->http->limits.retries)
                        return error;
        } else
                t->attempts = 1;
        wait = http_easy_wait_msec(t->easy, ts->http->limits.backoff_msec, ts->http->limits.wait_max_sec,
                                   t->attempts);
        if (wait < 0)
                return error;
        (void) curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &asked);
        if (t->since_retry == 0)
                drop_target(ts, t->piece.file);
        forget_url(t);
        t->redirects = 0;
        t->since_retry = 0;
        t->not_before = now_msec() + (stale && asked == 0 ? 0 : (uint64_t) wait);
        if (asked > 0 && ts->not_before < t->not_before)
                ts->not_before = t->not_before;
        t->state = TRANSFER_PAUSED;
        return 0;
}

/* A place that was good before may have expired, and so may one that was just named: the hub names another. */
static bool may_pass(const Transfer *t, CURLcode result) {
        return (result == CURLE_OK && t->url) || http_easy_is_transient(t->easy, result);
}

/* What a transfer that has ended means. 0 or a negative errno with t->fault. */
static int judge(Transfer *t, CURLcode result) {
        HttpRequest request = describe(t);
        int r;

        if (t->error < 0)
                return t->error;
        if (t->satisfied) {
                forget_url(t);
                t->redirects = 0;
                t->state = TRANSFER_IDLE;
                return 0;
        }
        if (t->kind == ANSWER_OTHER && result == CURLE_WRITE_ERROR)
                result = CURLE_OK; /* broken off because there was too much of it */
        r = follow(t, result);
        if (r != 0)
                return r < 0 ? r : begin(t);
        r = http_easy_judge(t->easy, result, t->all->http, &request, &t->fault);
        if (r >= 0 && t->since_retry > 0) {
                t->since_retry = 0; /* a server may send less than it is asked for (RFC 9110, 15.3.7) */
                return begin(t);
        }
        if (r >= 0)
                return retry(t, fault_set(&t->fault, EIO, "hub: file", "all of its bytes", "%s: fewer", file_of(t)->path));
        return may_pass(t, result) ? retry(t, r) : r;
}

static bool finish(Transfer *t, CURLcode result) {
        int r;

        (void) curl_multi_remove_handle(t->all->multi, t->easy);
        r = judge(t, result);
        if (r < 0)
                pieces_fail(t->all->job->pieces, r, r == -ENOMEM ? NULL : &t->fault);
        return r >= 0;
}

/* Gives everything something to do whose time has come. How long nothing more will, or -1: there is nothing to do. */
static int start_transfers(Transfers *ts) {
        uint64_t now = now_msec();
        int wait = -1;

        for (unsigned i = 0; i < ts->job->connections; i++) {
                Transfer *t = &ts->items[i];
                uint64_t when = t->not_before > ts->not_before ? t->not_before : ts->not_before;

                if (t->state == TRANSFER_IDLE && pieces_claim(ts->job->pieces, &t->piece)) {
                        t->state = TRANSFER_PAUSED;
                        t->received = 0;
                        t->since_retry = 0;
                        t->attempts = 0;
                        t->not_before = 0;
                        when = ts->not_before;
                }
                if (t->state == TRANSFER_PAUSED && when <= now && begin(t) < 0) {
                        pieces_fail(ts->job->pieces, -ENOMEM, NULL);
                        return -1;
                }
                if (t->state == TRANSFER_RUNNING && wait < 0)
                        wait = POLL_MSEC;
                if (t->state == TRANSFER_PAUSED && (wait < 0 || when - now < (uint64_t) wait))
                        wait = when - now < POLL_MSEC ? (int) (when - now) : POLL_MSEC;
        }
        return wait;
}

/* Whether any transfer ended. */
static bool finish_transfers(Transfers *ts) {
        bool any = false;
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(ts->multi, &left))) {
                CURLcode result = message->data.result;
                Transfer *t;

                if (message->msg != CURLMSG_DONE ||
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &t) != CURLE_OK)
                        continue;
                any = true;
                if (!finish(t, result))
                        break;
        }
        return any;
}

void transfers_run(Transfers *ts) {
        Pieces *pieces = ts->job->pieces;

        while (pieces_error(pieces, NULL) == 0) {
                int wait = start_transfers(ts), running;

                if (wait < 0)
                        break;
                if (curl_multi_perform(ts->multi, &running) != CURLM_OK) {
                        pieces_fail(pieces, -ENOMEM, NULL);
                        break;
                }
                if (!finish_transfers(ts))
                        (void) curl_multi_poll(ts->multi, NULL, 0, wait, NULL);
        }
        for (unsigned i = 0; i < ts->job->connections; i++)
                if (ts->items[i].state == TRANSFER_RUNNING)
                        (void) curl_multi_remove_handle(ts->multi, ts->items[i].easy);
}

void transfers_wake(Transfers *ts) {
        (void) curl_multi_wakeup(ts->multi);
}

static int prepare(Transfers *ts, Transfer *t) {
        t->all = ts;
        t->easy = http_easy_new(HTTP_USER_AGENT);
        if (!t->easy || curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_bytes) != CURLE_OK ||
            curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t) != CURLE_OK ||
            curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) != CURLE_OK ||
            curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
            curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE) != CURLE_OK)
                return -ENOMEM;
        return 0;
}

Transfers *transfers_new(const TransferJob *job) {
        _cleanup_(transfers_freep) Transfers *ts = calloc(1, sizeof(*ts));

        if (!ts)
                return NULL;
        ts->job = job;
        ts->http = hub_http(job->hub);
        ts->multi = curl_multi_init();
        ts->items = calloc(job->connections, sizeof(*ts->items));
        ts->targets = calloc(job->connections, sizeof(*ts->targets));
        if (!ts->multi || !ts->items || !ts->targets)
                return NULL;
        /* Each transfer has a connection of its own, HTTP/2 or not: many streams on one would share its window. */
        if (curl_multi_setopt(ts->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK ||
            curl_multi_setopt(ts->multi, CURLMOPT_MAXCONNECTS, (long) job->connections * 2) != CURLM_OK)
                return NULL;
        for (unsigned i = 0; i < job->connections; i++)
                if (prepare(ts, &ts->items[i]) < 0)
                        return NULL;
        return TAKE_PTR(ts);
}

Transfers *transfers_free(Transfers *ts) {
        if (!ts)
                return NULL;
        for (unsigned i = 0; ts->items && i < ts->job->connections; i++) {
                curl_easy_cleanup(ts->items[i].easy);
                free(ts->items[i].url);
        }
        for (unsigned i = 0; ts->targets && i < ts->job->connections; i++)
                free(ts->targets[i].url);
        (void) curl_multi_cleanup(ts->multi);
        free(ts->items);
        free(ts->targets);
        free(ts);
        return NULL;
}
