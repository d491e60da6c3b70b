/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which pieces of a commit's files are in an image, shared by those who fetch them and those who wait for them: every
 * function but pieces_new() and pieces_free() may be called from any thread. Pieces are numbered in the order of the
 * image. */

#include "model/hub.h"

typedef struct Pieces Pieces;

typedef struct Piece {
        uint64_t number;
        size_t file;           /* in the listing */
        uint64_t offset, size; /* in the file */
        uint64_t image_offset;
} Piece;

/* `listing` is borrowed; `offsets` is that of each file's content in the image. 0 or -ENOMEM. */
int pieces_new(const HubListing *listing, const uint64_t *offsets, uint64_t piece_size, Pieces **ret);
Pieces *pieces_free(Pieces *p);
DEFINE_CLEANUP_FUNC(Pieces *, pieces_free)

uint64_t pieces_count(const Pieces *p);

/* The file that is number `index` in the image, and where its content is there. */
size_t pieces_file_at(const Pieces *p, size_t index, uint64_t *ret_image_offset);

/* The first and the number of the file's pieces. */
uint64_t pieces_of_file(const Pieces *p, size_t file, uint64_t *ret_n);

/* The next piece that nobody has, which is the caller's to bring. */
bool pieces_claim(Pieces *p, Piece *ret);

/* The same, of one file and not before this offset of it. */
bool pieces_claim_in(Pieces *p, size_t file, uint64_t offset, Piece *ret);

void pieces_arrived(Pieces *p, uint64_t number);

/* What a journal knows: such a piece is there from an earlier run, or is not after all. */
void pieces_remember(Pieces *p, uint64_t number);
void pieces_forget(Pieces *p, uint64_t number);

/* Whether a piece of the file is from an earlier run. */
bool pieces_remembers_file(Pieces *p, size_t file);

/* Bytes that are in the image, those of pieces that are on their way included: who brings them adds them. */
void pieces_count_bytes(Pieces *p, int64_t n);
uint64_t pieces_bytes(const Pieces *p);

/* Until the first `end` bytes of the file are there: 0, or what pieces_fail() was told. */
int pieces_wait(Pieces *p, size_t file, uint64_t end);

/* Ends all waiting. The first error is the one that counts, with its fault, which may be NULL. */
void pieces_fail(Pieces *p, int error, const Fault *fault);

/* 0, or the error, with *ret_fault if it has one. */
int pieces_error(Pieces *p, Fault *ret_fault);

/* How many threads are at work on the pieces, and waiting until none is. */
void pieces_enter(Pieces *p);
void pieces_leave(Pieces *p);
void pieces_wait_idle(Pieces *p);
