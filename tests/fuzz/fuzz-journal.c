/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "basic/io.h"
#include "model/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PIECE  10U

/* Three files, the middle one empty: 19 pieces. */
static HubFile files[] = { { .path = (char[]){ "a" }, .size = 35 }, { .path = (char[]){ "b" } },
                           { .path = (char[]){ "c" }, .size = 150 } };
static const HubListing listing = { .files = files, .n_files = 3 };
static const uint64_t offsets[] = { 100, 200, 200 };

static char path[] = "/tmp/cocoon-fuzz-journal-XXXXXX";

static void remove_journal(void) {
        (void) unlink(path);
}

/* A file for the journal, the same each time. */
static int open_file(void) {
        static int fd = -EBADF;

        if (fd >= 0)
                return fd;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0 || atexit(remove_journal) != 0)
                exit(1);
        return fd;
}

/* Digits of the pieces that are there, as the journal says; each is there or can be claimed, and once. */
static void replay(char ret[static 20]) {
        _cleanup_(pieces_freep) Pieces *pieces = NULL;
        _cleanup_(journal_freep) Journal *journal = NULL;
        uint64_t bytes;
        Piece piece;

        if (pieces_new(&listing, offsets, PIECE, &pieces) < 0 || journal_open(path, DIGEST, pieces, &journal) < 0)
                exit(1);
        memset(ret, '1', 19);
        ret[19] = 0;
        bytes = pieces_bytes(pieces);
        while (pieces_claim(pieces, &piece)) {
                if (piece.number >= 19 || ret[piece.number] != '1')
                        abort();
                ret[piece.number] = '0';
                bytes += piece.size;
        }
        if (bytes != 185)
                abort();
}

/* The first byte says whether what follows comes after a header and the running system's own line. What is read has been
 * put right: read again, it says the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char boot[SD_ID128_STRING_MAX], header[256], first[20], second[20];
        sd_id128_t id;
        int fd = open_file(), n = 0;

        if (size == 0 || sd_id128_get_boot(&id) < 0)
                return 0;
        if (data[0] & 1)
                n = snprintf(header, sizeof(header), "cocoon-download 1 " DIGEST "\n");
        if (data[0] & 2)
                n += snprintf(header + n, sizeof(header) - (size_t) n, "boot %s\n", sd_id128_to_string(id, boot));
        if (ftruncate(fd, 0) < 0 || pwrite_all(fd, header, (size_t) n, 0) < 0 ||
            pwrite_all(fd, data + 1, size - 1, (uint64_t) n) < 0)
                exit(1);
        replay(first);
        replay(second);
        if (strcmp(first, second) != 0)
                abort();
        return 0;
}
