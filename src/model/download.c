/* SPDX-License-Identifier: Apache-2.0 */

#include "model/download.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "model/filehash.h"
#include "model/http.h"
#include "model/journal.h"
#include "model/transfer.h"

#define DEFAULT_CONNECTIONS 16U
#define HASH_STEP           (256U * 1024)
#define SYNC_BYTES          (UINT64_C(1) << 30) /* what a crash of the system may cost */

struct Download {
        TransferJob job;
        Transfers *transfers;
        Pieces *pieces;
        Journal *journal;
        uint64_t hashed_since_sync;
        pthread_t threads[2];
        unsigned n_threads;
};

/* Everything that says what belongs where in the image, as a name for the journal. */
static int digest_job(const TransferJob *job, const uint64_t *offsets, char ret[static 65]) {
        const HttpLimits *limits = &hub_http(job->hub)->limits;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        uint8_t digest[EVP_MAX_MD_SIZE];
        bool good;

        good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
               EVP_DigestUpdate(context, job->name, strlen(job->name) + 1) == 1 &&
               EVP_DigestUpdate(context, job->commit, strlen(job->commit) + 1) == 1 &&
               EVP_DigestUpdate(context, &limits->piece_size, sizeof(limits->piece_size)) == 1;
        for (size_t i = 0; good && i < job->listing->n_files; i++) {
                const HubFile *file = &job->listing->files[i];
                uint64_t numbers[] = { offsets[i], file->size, file->hash };

                good = EVP_DigestUpdate(context, file->path, strlen(file->path) + 1) == 1 &&
                       EVP_DigestUpdate(context, numbers, sizeof(numbers)) == 1 &&
                       EVP_DigestUpdate(context, file->digest, sizeof(file->digest)) == 1;
        }
        good = good && EVP_DigestFinal_ex(context, digest, NULL) == 1;
        EVP_MD_CTX_free(context);
        if (!good)
                return -ENOMEM;
        hex_encode(digest, 32, ret);
        return 0;
}

static int note_arrival(void *userdata, uint64_t piece) {
        Download *d = userdata;

        return journal_add(d->journal, piece);
}

/* The journal, what it remembers, and what is needed to fetch the rest. */
static int prepare(Download *d, const uint64_t *offsets, const char *journal_path, Fault *f) {
        char digest[65];
        int r;

        r = pieces_new(d->job.listing, offsets, hub_http(d->job.hub)->limits.piece_size, &d->pieces);
        if (r >= 0)
                r = digest_job(&d->job, offsets, digest);
        if (r < 0)
                return r;
        r = journal_open(journal_path, digest, d->pieces, &d->journal);
        if (r < 0)
                return fault_set(f, r, "download", "a journal that can be written", "%s: %s", journal_path, strerror(-r));
        d->job.pieces = d->pieces;
        d->transfers = transfers_new(&d->job);
        return d->transfers ? 0 : -ENOMEM;
}

int download_new(Hub *hub, const char *name, const char *commit, const HubListing *listing, const uint64_t *offsets,
                 int image_fd, const char *journal_path, unsigned connections, Download **ret, Fault *ret_fault) {
        _cleanup_(download_freep) Download *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->job = (TransferJob){
                .hub = hub,
                .name = name,
                .commit = commit,
                .listing = listing,
                .image_fd = image_fd,
                .connections = connections ?: DEFAULT_CONNECTIONS,
                .arrived = note_arrival,
                .userdata = d,
        };
        r = prepare(d, offsets, journal_path, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

Download *download_free(Download *d) {
        if (!d)
                return NULL;
        if (d->n_threads > 0)
                download_cancel(d, -ECANCELED);
        for (unsigned i = 0; i < d->n_threads; i++)
                (void) pthread_join(d->threads[i], NULL);
        transfers_free(d->transfers);
        journal_free(d->journal);
        pieces_free(d->pieces);
        free(d);
        return NULL;
}

static void *fetch_all(void *userdata) {
        Download *d = userdata;

        transfers_run(d->transfers);
        pieces_leave(d->pieces);
        return NULL;
}

/* Adds what has arrived of a file, step by step, to its hash. */
static int hash_content(Download *d, FileHash *h, size_t index, uint64_t image_offset, uint8_t *buffer) {
        uint64_t size = d->job.listing->files[index].size;
        int r = 0;

        for (uint64_t done = 0; r >= 0 && done < size;) {
                size_t n = size - done < HASH_STEP ? (size_t) (size - done) : HASH_STEP;

                r = download_wait(d, index, done + n);
                if (r >= 0)
                        r = pread_all(d->job.image_fd, buffer, n, image_offset + done);
                if (r >= 0)
                        r = file_hash_add(h, buffer, n);
                done += n;
                d->hashed_since_sync += n;
                if (r >= 0 && d->hashed_since_sync >= SYNC_BYTES) {
                        d->hashed_since_sync = 0;
                        r = journal_sync(d->journal, d->job.image_fd);
                }
        }
        return r;
}

/* A file has other bytes than the hub says. */
static int refuse_file(Download *d, size_t index, Fault *f) {
        const HubFile *file = &d->job.listing->files[index];
        bool earlier = pieces_remembers_file(d->pieces, index);
        uint64_t n, first = pieces_of_file(d->pieces, index, &n);
        int r;

        r = n > 0 ? journal_forget(d->journal, first, n) : 0;
        if (r < 0)
                return fault_set(f, r, "download", "a journal that can be written", "%s", strerror(-r));
        return fault_set(f, earlier ? ESTALE : EBADMSG, "hub: file",
                         file->hash == HUB_HASH_SHA256 ? "content with the SHA-256 that is listed"
                                                       : "content with the git blob id that is listed",
                         "%s: another%s", file->path, earlier ? ", with what an earlier run had left of it" : "");
}

static int check_file(Download *d, FileHash *h, size_t place, uint8_t *buffer, Fault *f) {
        uint64_t image_offset;
        size_t index = pieces_file_at(d->pieces, place, &image_offset);
        const HubFile *file = &d->job.listing->files[index];
        int r;

        r = file_hash_start(h, file);
        if (r >= 0)
                r = hash_content(d, h, index, image_offset, buffer);
        if (r < 0)
                return fault_set(f, r, "download", "bytes that can be read back and hashed", "%s: %s", file->path,
                                 strerror(-r));
        return file_hash_matches(h, file) ? 0 : refuse_file(d, index, f);
}

/* To the first file that is wrong. What an earlier run has spoiled is wrong in many places, maybe, and all of them are
 * found out in one go, to be fetched again. */
static int hash_files(Download *d, Fault *f) {
        _cleanup_(file_hash_freep) FileHash *h = file_hash_new();
        _cleanup_free_ uint8_t *buffer = malloc(HASH_STEP);
        int stale = 0;

        if (!h || !buffer)
                return -ENOMEM;
        for (size_t i = 0; i < d->job.listing->n_files; i++) {
                int r = check_file(d, h, i, buffer, f);

                if (r == -ESTALE)
                        stale = r;
                else if (r < 0)
                        return r;
        }
        return stale;
}

/* In the order of the image, so that one hash at a time is enough, and what it reads was written just now. */
static void *hash_all(void *userdata) {
        Download *d = userdata;
        Fault fault;
        int r;

        r = hash_files(d, &fault);
        if (r < 0) {
                pieces_fail(d->pieces, r, r == -ENOMEM ? NULL : &fault);
                transfers_wake(d->transfers);
        }
        pieces_leave(d->pieces);
        return NULL;
}

int download_start(Download *d) {
        void *(*const mains[])(void *) = { fetch_all, hash_all };
        sigset_t all, before;
        int r = 0;

        /* Signals are for the threads that know what to do about them; a broken connection shall not be one either. */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(mains); i++) {
                pieces_enter(d->pieces);
                r = pthread_create(&d->threads[i], NULL, mains[i], d);
                if (r == 0)
                        d->n_threads++;
                else
                        pieces_leave(d->pieces);
        }
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return -r;
}

int download_wait(Download *d, size_t file, uint64_t end) {
        return pieces_wait(d->pieces, file, end);
}

int download_finish(Download *d, Fault *ret_fault) {
        pieces_wait_idle(d->pieces);
        return pieces_error(d->pieces, ret_fault);
}

void download_cancel(Download *d, int error) {
        pieces_fail(d->pieces, error, NULL);
        transfers_wake(d->transfers);
}

uint64_t download_received(const Download *d) {
        return pieces_bytes(d->pieces);
}
