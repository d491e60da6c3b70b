/* SPDX-License-Identifier: Apache-2.0 */

#include "model/verify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/fs.h>

#include "basic/io.h"

typedef struct Scratch {
        uint8_t chunk[VERITY_CHUNK_SIZE];
        uint8_t found[VERITY_BLOCK_SIZE], stated[VERITY_BLOCK_SIZE];
} Scratch;

typedef struct Verifier {
        const VerifyJob *job;
        VerityGeometry geometry;
        BlockHash hash;
        atomic_uint_fast64_t done;
        pthread_mutex_t lock; /* for `result` */
        VerifyResult result;
} Verifier;

static void note_bad(Verifier *v, uint64_t *count, uint64_t *first, uint64_t block) {
        (void) pthread_mutex_lock(&v->lock);
        if (*count == 0 || block < *first)
                *first = block;
        (*count)++;
        (void) pthread_mutex_unlock(&v->lock);
}

/* 0, or the errno of reading: a block that is not what it should be is counted. */
static int check_tree_block(Verifier *v, unsigned level, uint64_t index, uint8_t *ret) {
        int r = verity_read_block(v->job->tree_fd, &v->geometry, v->hash, v->job->root, level, index, ret);

        if (r == -EBADMSG) {
                note_bad(v, &v->result.bad_tree_blocks, &v->result.first_bad_tree_block,
                         v->geometry.start[level] + index);
                return 0;
        }
        return r;
}

static int check_chunk(void *userdata, void *scratch, uint64_t index) {
        Verifier *v = userdata;
        Scratch *s = scratch;
        size_t blocks = verity_chunk_blocks(&v->geometry, index);
        int r;

        r = pread_all(v->job->image_fd, s->chunk, blocks * VERITY_BLOCK_SIZE, index * VERITY_CHUNK_SIZE);
        if (r < 0)
                return r;
        r = check_tree_block(v, 0, index, s->stated);
        if (r < 0)
                return r;
        v->hash(s->chunk, blocks, s->found);
        for (size_t i = 0; i < blocks; i++)
                if (memcmp(s->found + i * VERITY_DIGEST_SIZE, s->stated + i * VERITY_DIGEST_SIZE, VERITY_DIGEST_SIZE) != 0)
                        note_bad(v, &v->result.bad_blocks, &v->result.first_bad_block, index * VERITY_FANOUT + i);
        (void) atomic_fetch_add(&v->done, blocks * VERITY_BLOCK_SIZE);
        return 0;
}

static int tick(void *userdata) {
        Verifier *v = userdata;

        if (v->job->show)
                v->job->show(v->job->userdata, atomic_load(&v->done), v->geometry.data_blocks * VERITY_BLOCK_SIZE);
        return v->job->interrupted ? v->job->interrupted() : 0;
}

static int size_of(int fd, uint64_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISBLK(st.st_mode))
                return ioctl(fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        *ret = (uint64_t) st.st_size;
        return 0;
}

static int check_upper_levels(Verifier *v) {
        uint8_t block[VERITY_BLOCK_SIZE];

        for (unsigned level = v->geometry.n_levels; level-- > 1;)
                for (uint64_t i = 0; i < v->geometry.blocks[level]; i++) {
                        int r = check_tree_block(v, level, i, block);

                        if (r < 0)
                                return r;
                }
        return 0;
}

int verify_image(const VerifyJob *job, VerifyResult *ret, Fault *ret_fault) {
        Verifier v = { .job = job, .hash = block_hash_choose(), .lock = PTHREAD_MUTEX_INITIALIZER };
        uint64_t size;
        int r;

        r = size_of(job->image_fd, &size);
        if (r < 0)
                return r;
        r = verity_read_superblock(job->tree_fd, size, &v.geometry, ret_fault);
        if (r < 0)
                return r;
        v.result.data_blocks = v.geometry.data_blocks;
        v.result.tree_blocks = v.geometry.file_blocks - 1;
        r = check_upper_levels(&v);
        if (r >= 0)
                r = parallel_run(job->jobs, verity_chunks(&v.geometry), sizeof(Scratch), check_chunk, tick, &v);
        (void) pthread_mutex_destroy(&v.lock);
        if (r < 0)
                return r;
        *ret = v.result;
        return 0;
}
