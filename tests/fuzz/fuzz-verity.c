/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/io.h"
#include "model/verity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A size of the image in eight bytes, then its hash tree. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("verity", MFD_CLOEXEC);
        uint8_t root[VERITY_DIGEST_SIZE] = {}, block[VERITY_BLOCK_SIZE];
        BlockHash hash = block_hash_choose();
        VerityGeometry g;
        uint64_t image_size;
        Fault fault;

        if (fd < 0 || size < sizeof(image_size) || pwrite_all(fd, data + 8, size - 8, 0) < 0)
                return 0;
        memcpy(&image_size, data, sizeof(image_size));
        if (verity_read_superblock(fd, image_size, &g, &fault) < 0 || verity_read_root(fd, &g, hash, root) < 0)
                return 0;
        for (unsigned level = 0; level < g.n_levels; level++)
                for (uint64_t i = 0; i < g.blocks[level]; i++)
                        (void) verity_read_block(fd, &g, hash, root, level, i, block);
        return 0;
}
