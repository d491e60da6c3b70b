/* SPDX-License-Identifier: Apache-2.0 */

/* Hashing alone, for tests/bench/model: makes the hash tree of a file that is there, as `veritysetup format` does. Prints
 * the root hash. */

#include <fcntl.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/parallel.h"
#include "model/verity.h"

typedef struct Job {
        int data_fd, tree_fd;
        VerityGeometry geometry;
        BlockHash hash;
} Job;

typedef struct Scratch {
        uint8_t chunk[VERITY_CHUNK_SIZE], digests[VERITY_BLOCK_SIZE];
} Scratch;

static int hash_chunk(void *userdata, void *scratch, uint64_t index) {
        Job *job = userdata;
        Scratch *s = scratch;
        size_t blocks = verity_chunk_blocks(&job->geometry, index);
        int r;

        r = pread_all(job->data_fd, s->chunk, blocks * VERITY_BLOCK_SIZE, index * VERITY_CHUNK_SIZE);
        if (r < 0)
                return r;
        job->hash(s->chunk, blocks, s->digests);
        return verity_store_chunk(job->tree_fd, &job->geometry, job->hash, index, s->digests);
}

int main(int argc, char *argv[]) {
        uint8_t root[VERITY_DIGEST_SIZE];
        char text[2 * VERITY_DIGEST_SIZE + 1];
        Job job = {};
        struct stat st;

        if (argc < 3 || argc > 4) {
                (void) fprintf(stderr, "usage: %s IMAGE TREE [sha-ni|openssl]\n", argv[0]);
                return 2;
        }
        job.data_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
        job.tree_fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        job.hash = argc > 3 ? block_hash_find(argv[3]) : block_hash_choose();
        if (job.data_fd < 0 || job.tree_fd < 0 || !job.hash || fstat(job.data_fd, &st) < 0 ||
            verity_geometry((uint64_t) st.st_size, &job.geometry) < 0 ||
            parallel_run(0, verity_chunks(&job.geometry), sizeof(Scratch), hash_chunk, NULL, &job) < 0 ||
            verity_finish(job.tree_fd, &job.geometry, job.hash, root) < 0)
                return 1;
        (void) puts(hex_encode(root, sizeof(root), text));
        return 0;
}
