/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/io.h"
#include "model/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(archive_reader_freep) ArchiveReader *reader = NULL;
        _cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
        const ArchiveEntry *e;
        TarVersion version;
        Fault fault;

        if (fd < 0 || pwrite_all(fd, data, size, 0) < 0)
                return 0;
        (void) archive_version(fd, size, &version, &fault);
        reader = archive_reader_new(fd, size);
        while (reader && archive_next(reader, &e, &fault) > 0)
                if (!e->name || strlen(e->name) > LISTING_NAME_MAX || e->size > size)
                        abort();
        return 0;
}
