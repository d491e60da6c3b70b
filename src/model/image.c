/* SPDX-License-Identifier: Apache-2.0 */

#include "model/image.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "basic/io.h"

#define THREADS_PER_PROCESSOR 2U

/* One thread's memory: a chunk and its digests. */
typedef struct Scratch {
        uint8_t chunk[VERITY_CHUNK_SIZE];
        uint8_t digests[VERITY_BLOCK_SIZE];
} Scratch;

typedef struct Writer {
        ImageJob *job;
        VerityGeometry geometry;
        BlockHash hash;
} Writer;

static TarVersion other_version(TarVersion version) {
        return version == TAR_1_34 ? TAR_1_35 : TAR_1_34;
}

static int reserve(int fd, uint64_t size) {
        if (fallocate(fd, 0, 0, (off_t) size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
                return 0;
        return -errno;
}

int image_reserve(const ImageJob *job) {
        VerityGeometry g;
        int r;

        if (verity_geometry(job->layout->image_size, &g) < 0)
                return -EFBIG;
        r = reserve(job->image_fd, job->layout->image_size);
        if (r < 0)
                return r;
        return reserve(job->tree_fd, g.file_blocks * VERITY_BLOCK_SIZE);
}

/* Puts the other form's headers into a chunk and its digests up to date: only blocks with a header differ. */
typedef struct Patch {
        const Writer *writer;
        Scratch *scratch;
        uint64_t offset;
        size_t size;
} Patch;

static int patch_headers(void *userdata, uint64_t offset, const uint8_t *headers, size_t size) {
        const Patch *p = userdata;
        uint64_t from = offset > p->offset ? offset : p->offset;
        uint64_t to = offset + size < p->offset + p->size ? offset + size : p->offset + p->size;

        memcpy(p->scratch->chunk + (from - p->offset), headers + (from - offset), to - from);
        for (uint64_t block = (from - p->offset) / VERITY_BLOCK_SIZE; block * VERITY_BLOCK_SIZE < to - p->offset; block++)
                p->writer->hash(p->scratch->chunk + block * VERITY_BLOCK_SIZE, 1,
                                p->scratch->digests + block * VERITY_DIGEST_SIZE);
        return 0;
}

static int store_other_form(const Writer *w, Scratch *s, uint64_t index, size_t size) {
        Patch patch = { .writer = w, .scratch = s, .offset = index * VERITY_CHUNK_SIZE, .size = size };
        const ImageJob *job = w->job;
        int r;

        r = layout_each_headers(job->layout, other_version(job->version), patch.offset, size, patch_headers, &patch);
        if (r < 0)
                return r;
        return verity_store_chunk(job->other_tree_fd, &w->geometry, w->hash, index, s->digests);
}

/* Past the page cache: the disk works while other chunks are hashed, the sync at the end finds nothing left to write, and
 * no memory is taken from what others have in the cache. Where that cannot be, through it. */
static void set_direct(int fd, bool direct) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0)
                (void) fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT);
}

static int store_chunk(int fd, const uint8_t *chunk, size_t size, uint64_t offset) {
        int r = pwrite_all(fd, chunk, size, offset);

        if (r != -EINVAL)
                return r;
        set_direct(fd, false); /* it is for larger blocks only */
        return pwrite_all(fd, chunk, size, offset);
}

static int write_chunk(void *userdata, void *scratch, uint64_t index) {
        Writer *w = userdata;
        ImageJob *job = w->job;
        Scratch *s = scratch;
        uint64_t offset = index * VERITY_CHUNK_SIZE;
        size_t blocks = verity_chunk_blocks(&w->geometry, index), size = blocks * VERITY_BLOCK_SIZE;
        int r;

        r = layout_read(job->layout, job->version, offset, s->chunk, size, job->content, job->userdata);
        if (r < 0)
                return r;
        if (!job->in_place) {
                r = store_chunk(job->image_fd, s->chunk, size, offset);
                if (r < 0)
                        return r;
        }
        w->hash(s->chunk, blocks, s->digests);
        r = verity_store_chunk(job->tree_fd, &w->geometry, w->hash, index, s->digests);
        if (r >= 0 && job->other_tree_fd >= 0)
                r = store_other_form(w, s, index, size);
        if (r >= 0)
                (void) atomic_fetch_add(&job->done, size);
        return r;
}

static int tick(void *userdata) {
        Writer *w = userdata;

        return w->job->tick ? w->job->tick(w->job->userdata) : 0;
}

/* A thread that writes waits for the disk, and leaves its processor to another one that hashes. */
static unsigned choose_jobs(const ImageJob *job) {
        return job->jobs > 0 || job->in_place ? job->jobs : THREADS_PER_PROCESSOR * parallel_processors();
}

int image_write(ImageJob *job, uint8_t ret_root[static VERITY_DIGEST_SIZE],
                uint8_t ret_other_root[static VERITY_DIGEST_SIZE]) {
        Writer w = { .job = job, .hash = block_hash_choose() };
        int r;

        if (verity_geometry(job->layout->image_size, &w.geometry) < 0)
                return -EFBIG;
        set_direct(job->image_fd, !job->in_place);
        r = parallel_run(choose_jobs(job), verity_chunks(&w.geometry), sizeof(Scratch), write_chunk, tick, &w);
        set_direct(job->image_fd, false); /* headers are not of whole blocks */
        if (r < 0)
                return r;
        r = verity_finish(job->tree_fd, &w.geometry, w.hash, ret_root);
        if (r < 0 || job->other_tree_fd < 0)
                return r;
        return verity_finish(job->other_tree_fd, &w.geometry, w.hash, ret_other_root);
}

static int put_headers(void *userdata, uint64_t offset, const uint8_t *headers, size_t size) {
        return pwrite_all(*(int *) userdata, headers, size, offset);
}

int image_write_headers(const Layout *layout, TarVersion version, int image_fd) {
        return layout_each_headers(layout, version, 0, layout->archive_size, put_headers, &image_fd);
}
