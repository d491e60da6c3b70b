/* SPDX-License-Identifier: Apache-2.0 */

#include "model/pieces.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
        PIECE_MISSING,
        PIECE_CLAIMED,
        PIECE_ARRIVED,
        PIECE_REMEMBERED,
};

/* A file, in the order of the image. */
typedef struct Place {
        uint64_t image_offset;
        uint64_t first; /* piece */
        uint64_t front; /* so many pieces from the first on are there */
        uint32_t file;
} Place;

struct Pieces {
        const HubListing *listing;
        uint64_t piece_size, n;
        Place *places;       /* and one behind the last, for its first piece */
        uint32_t *place_of;  /* of each file of the listing */
        atomic_uint_fast64_t bytes;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        uint8_t *states;
        uint64_t next; /* no piece before it is missing */
        unsigned n_threads;
        int error;
        bool has_fault;
        Fault fault;
};

static int by_image_offset(const void *a, const void *b) {
        const Place *x = a, *y = b;

        /* An empty file may be where the next one is; the order of the listing decides, so that it is one order. */
        if (x->image_offset != y->image_offset)
                return x->image_offset < y->image_offset ? -1 : 1;
        return x->file < y->file ? -1 : x->file > y->file;
}

static uint64_t count_pieces(const Pieces *p, size_t file) {
        uint64_t size = p->listing->files[file].size;

        return size / p->piece_size + (size % p->piece_size > 0);
}

int pieces_new(const HubListing *listing, const uint64_t *offsets, uint64_t piece_size, Pieces **ret) {
        _cleanup_(pieces_freep) Pieces *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->listing = listing;
        p->piece_size = piece_size;
        (void) pthread_mutex_init(&p->lock, NULL);
        (void) pthread_cond_init(&p->changed, NULL);
        p->places = calloc(listing->n_files + 1, sizeof(*p->places));
        p->place_of = calloc(listing->n_files + 1, sizeof(*p->place_of));
        if (!p->places || !p->place_of)
                return -ENOMEM;
        for (size_t i = 0; i < listing->n_files; i++)
                p->places[i] = (Place){ .image_offset = offsets[i], .file = (uint32_t) i };
        qsort(p->places, listing->n_files, sizeof(*p->places), by_image_offset);
        for (size_t i = 0; i < listing->n_files; i++) {
                p->place_of[p->places[i].file] = (uint32_t) i;
                p->places[i].first = p->n;
                p->n += count_pieces(p, p->places[i].file);
        }
        p->places[listing->n_files].first = p->n;
        p->states = calloc(p->n ?: 1, sizeof(*p->states));
        if (!p->states)
                return -ENOMEM;
        *ret = TAKE_PTR(p);
        return 0;
}

Pieces *pieces_free(Pieces *p) {
        if (!p)
                return NULL;
        (void) pthread_cond_destroy(&p->changed);
        (void) pthread_mutex_destroy(&p->lock);
        free(p->places);
        free(p->place_of);
        free(p->states);
        free(p);
        return NULL;
}

uint64_t pieces_count(const Pieces *p) {
        return p->n;
}

size_t pieces_file_at(const Pieces *p, size_t index, uint64_t *ret_image_offset) {
        *ret_image_offset = p->places[index].image_offset;
        return p->places[index].file;
}

uint64_t pieces_of_file(const Pieces *p, size_t file, uint64_t *ret_n) {
        const Place *place = &p->places[p->place_of[file]];

        *ret_n = place[1].first - place->first;
        return place->first;
}

/* The place that piece `number` belongs to: the last that starts at it or before. Empty files start where the next
 * one does, and are not it. */
static Place *find_place(const Pieces *p, uint64_t number) {
        size_t low = 0, high = p->listing->n_files;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (p->places[middle].first <= number)
                        low = middle;
                else
                        high = middle;
        }
        return &p->places[low];
}

static Piece describe(const Pieces *p, uint64_t number) {
        const Place *place = find_place(p, number);
        uint64_t offset = (number - place->first) * p->piece_size, left = p->listing->files[place->file].size - offset;

        return (Piece){
                .number = number,
                .file = place->file,
                .offset = offset,
                .size = left < p->piece_size ? left : p->piece_size,
                .image_offset = place->image_offset + offset,
        };
}

static bool is_there(uint8_t state) {
        return state == PIECE_ARRIVED || state == PIECE_REMEMBERED;
}

bool pieces_claim(Pieces *p, Piece *ret) {
        bool found;

        (void) pthread_mutex_lock(&p->lock);
        while (p->next < p->n && p->states[p->next] != PIECE_MISSING)
                p->next++;
        found = p->next < p->n;
        if (found) {
                p->states[p->next] = PIECE_CLAIMED;
                *ret = describe(p, p->next);
        }
        (void) pthread_mutex_unlock(&p->lock);
        return found;
}

bool pieces_claim_in(Pieces *p, size_t file, uint64_t offset, Piece *ret) {
        const Place *place = &p->places[p->place_of[file]];
        uint64_t number = place->first + offset / p->piece_size + (offset % p->piece_size > 0);
        bool found;

        (void) pthread_mutex_lock(&p->lock);
        while (number < place[1].first && p->states[number] != PIECE_MISSING)
                number++;
        found = number < place[1].first;
        if (found) {
                p->states[number] = PIECE_CLAIMED;
                *ret = describe(p, number);
        }
        (void) pthread_mutex_unlock(&p->lock);
        return found;
}

static void set_there(Pieces *p, uint64_t number, uint8_t state) {
        Place *place = find_place(p, number);

        p->states[number] = state;
        while (place->first + place->front < place[1].first && is_there(p->states[place->first + place->front]))
                place->front++;
}

void pieces_arrived(Pieces *p, uint64_t number) {
        (void) pthread_mutex_lock(&p->lock);
        set_there(p, number, PIECE_ARRIVED);
        (void) pthread_cond_broadcast(&p->changed);
        (void) pthread_mutex_unlock(&p->lock);
}

void pieces_remember(Pieces *p, uint64_t number) {
        (void) pthread_mutex_lock(&p->lock);
        if (!is_there(p->states[number])) {
                pieces_count_bytes(p, (int64_t) describe(p, number).size);
                set_there(p, number, PIECE_REMEMBERED);
        }
        (void) pthread_mutex_unlock(&p->lock);
}

void pieces_forget(Pieces *p, uint64_t number) {
        (void) pthread_mutex_lock(&p->lock);
        if (is_there(p->states[number])) {
                Place *place = find_place(p, number);

                pieces_count_bytes(p, -(int64_t) describe(p, number).size);
                p->states[number] = PIECE_MISSING;
                if (place->front > number - place->first)
                        place->front = number - place->first;
                if (number < p->next)
                        p->next = number;
        }
        (void) pthread_mutex_unlock(&p->lock);
}

bool pieces_remembers_file(Pieces *p, size_t file) {
        uint64_t n, first = pieces_of_file(p, file, &n);
        bool found = false;

        (void) pthread_mutex_lock(&p->lock);
        for (uint64_t i = first; !found && i < first + n; i++)
                found = p->states[i] == PIECE_REMEMBERED;
        (void) pthread_mutex_unlock(&p->lock);
        return found;
}

void pieces_count_bytes(Pieces *p, int64_t n) {
        (void) atomic_fetch_add(&p->bytes, (uint64_t) n);
}

uint64_t pieces_bytes(const Pieces *p) {
        return atomic_load(&p->bytes);
}

int pieces_wait(Pieces *p, size_t file, uint64_t end) {
        const Place *place = &p->places[p->place_of[file]];
        uint64_t wanted = end / p->piece_size + (end % p->piece_size > 0);
        int r;

        (void) pthread_mutex_lock(&p->lock);
        while (p->error == 0 && place->front < wanted)
                (void) pthread_cond_wait(&p->changed, &p->lock);
        r = p->error;
        (void) pthread_mutex_unlock(&p->lock);
        return r;
}

void pieces_fail(Pieces *p, int error, const Fault *fault) {
        (void) pthread_mutex_lock(&p->lock);
        if (p->error == 0) {
                p->error = -abs(error);
                p->has_fault = fault;
                if (fault)
                        p->fault = *fault;
        }
        (void) pthread_cond_broadcast(&p->changed);
        (void) pthread_mutex_unlock(&p->lock);
}

int pieces_error(Pieces *p, Fault *ret_fault) {
        int r;

        (void) pthread_mutex_lock(&p->lock);
        r = p->error;
        if (r < 0 && p->has_fault && ret_fault)
                *ret_fault = p->fault;
        (void) pthread_mutex_unlock(&p->lock);
        return r;
}

void pieces_enter(Pieces *p) {
        (void) pthread_mutex_lock(&p->lock);
        p->n_threads++;
        (void) pthread_mutex_unlock(&p->lock);
}

void pieces_leave(Pieces *p) {
        (void) pthread_mutex_lock(&p->lock);
        p->n_threads--;
        (void) pthread_cond_broadcast(&p->changed);
        (void) pthread_mutex_unlock(&p->lock);
}

void pieces_wait_idle(Pieces *p) {
        (void) pthread_mutex_lock(&p->lock);
        while (p->n_threads > 0)
                (void) pthread_cond_wait(&p->changed, &p->lock);
        (void) pthread_mutex_unlock(&p->lock);
}
