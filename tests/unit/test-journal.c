/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "basic/io.h"
#include "model/journal.h"
#include "test.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEADER "cocoon-download 1 " DIGEST "\n"
#define OTHER  "boot 0123456789abcdef0123456789abcdef\n"

/* Three files, the middle one empty: pieces 0 to 3 and 4 to 6 of ten bytes. */
static HubFile files[] = { { .path = (char[]){ "a" }, .size = 35 }, { .path = (char[]){ "b" } },
                           { .path = (char[]){ "c" }, .size = 30 } };
static const HubListing listing = { .files = files, .n_files = 3 };
static const uint64_t offsets[] = { 100, 200, 200 };

typedef struct Scene {
        char path[32];
        Pieces *pieces;
        Journal *journal;
} Scene;

static void scene_open(Scene *s, const char *text) {
        *s = (Scene){ .path = "/tmp/cocoon-journal-XXXXXX" };
        CHECK(mkdtemp(s->path));
        (void) strcat(s->path, "/j");
        if (text)
                CHECK_EQ(write_file_atomic(s->path, text, strlen(text), 0600), 0);
        CHECK_EQ(pieces_new(&listing, offsets, 10, &s->pieces), 0);
        CHECK_EQ(journal_open(s->path, DIGEST, s->pieces, &s->journal), 0);
}

static void scene_close(Scene *s) {
        journal_free(s->journal);
        pieces_free(s->pieces);
        CHECK_EQ(unlink(s->path), 0);
        s->path[strlen(s->path) - 2] = 0;
        CHECK_EQ(rmdir(s->path), 0);
}

/* Which pieces are there, a digit each. */
static const char *remembered(Pieces *p, char ret[static 16]) {
        uint64_t bytes = pieces_bytes(p);
        size_t n = 0;
        Piece piece;
        bool missing[16] = {};

        while (pieces_claim(p, &piece)) {
                CHECK(piece.number < pieces_count(p) && !missing[piece.number]);
                missing[piece.number] = true;
                bytes += piece.size;
        }
        CHECK_EQ(bytes, 65);
        for (size_t i = 0; i < pieces_count(p); i++)
                if (!missing[i])
                        ret[n++] = (char) ('0' + i);
        ret[n] = 0;
        return ret;
}

static void check_replay(const char *text, const char *wanted) {
        char found[16];
        Scene s;

        scene_open(&s, text);
        if (strcmp(remembered(s.pieces, found), wanted) != 0) {
                test_failures++;
                (void) printf("# %s: %s, not %s\n", text, found, wanted);
        }
        scene_close(&s);
}

/* Text with the running system's boot in the place of BOOT. */
static void check_boot(const char *before, const char *after, const char *wanted) {
        char boot[SD_ID128_STRING_MAX], text[1024];
        sd_id128_t id;

        CHECK_EQ(sd_id128_get_boot(&id), 0);
        (void) snprintf(text, sizeof(text), "%sboot %s\n%s", before, sd_id128_to_string(id, boot), after);
        check_replay(text, wanted);
}

static void test_this_boot(void) {
        check_boot(HEADER, "", "");
        check_boot(HEADER, "piece 0\npiece 5\npiece 3\n", "035");
        check_boot(HEADER, "piece 0\npiece 1\npiece 2\nforget 0 2\npiece 1\n", "12");
        check_boot(HEADER, "piece 6\npiece 6\nforget 6 1\n", "");
        check_boot(HEADER, "piece 1\nforget 0 18446744073709551615\npiece 2\nforget 7 7\n", "2");
        check_boot(HEADER, "piece 7\npiece 18446744073709551615\npiece 4\n", "4"); /* there is no such piece */
}

static void test_torn(void) {
        check_boot(HEADER, "piece 0\npiece 1", "0");
        check_boot(HEADER, "piece 0\npie", "0");
        check_boot(HEADER, "piece 0\npiece\npiece 1\n", "0");
        check_boot(HEADER, "piece 0\npiece 18446744073709551616\npiece 1\n", "0");
        check_boot(HEADER, "piece 0\npiece -1\npiece 1\n", "0");
        check_boot(HEADER, "piece 0\npiece 1 \npiece 1\n", "0");
        check_boot(HEADER, "piece 0\nnonsense\npiece 1\n", "0");
        check_boot(HEADER, "piece 0\n\npiece 1\n", "0");
        check_boot(HEADER, "piece 0\nsynced 99999\npiece 1\n", "0");
        check_boot("", "piece 0\n", "");
        check_boot("cocoon-download 2 " DIGEST "\n", "piece 0\n", "");
        check_boot("cocoon-download 1 " DIGEST "0\n", "piece 0\n", "");
        check_boot("cocoon-download 1 f" DIGEST "\n", "piece 0\n", "");
        check_replay("", "");
        check_replay("cocoon-down", "");
        check_replay(HEADER "piece 0\n", ""); /* nobody knows when */
}

/* Of a system that went down, only what was synced counts. */
static void test_other_boot(void) {
        char text[512];
        size_t n = strlen(HEADER OTHER "piece 0\npiece 1\n");

        check_replay(HEADER OTHER "piece 0\npiece 1\n", "");
        (void) snprintf(text, sizeof(text), HEADER OTHER "piece 0\npiece 1\npiece 2\nsynced %zu\npiece 3\n", n);
        check_replay(text, "01");
        check_boot(HEADER OTHER "piece 0\n", "piece 1\n", "01"); /* the run that wrote BOOT believed it */
        (void) snprintf(text, sizeof(text), HEADER OTHER "piece 0\npiece 1\nsynced %zu\n" OTHER "piece 4\n", n);
        check_replay(text, "01");
}

/* What is appended after something torn is read again, and what was not believed is gone. */
static void test_goes_on(void) {
        char found[16];
        Scene s;

        scene_open(&s, HEADER OTHER "piece 0\npiece 1\n");
        CHECK_EQ(journal_add(s.journal, 4), 0);
        CHECK_EQ(journal_add(s.journal, 5), 0);
        CHECK_EQ(journal_forget(s.journal, 5, 1), 0);
        s.journal = journal_free(s.journal);
        s.pieces = pieces_free(s.pieces);
        CHECK_EQ(pieces_new(&listing, offsets, 10, &s.pieces), 0);
        CHECK_EQ(journal_open(s.path, DIGEST, s.pieces, &s.journal), 0);
        CHECK_STR(remembered(s.pieces, found), "4");
        scene_close(&s);
}

static void test_sync(void) {
        _cleanup_free_ uint8_t *text = NULL;
        struct stat st;
        size_t size;
        char line[64];
        Scene s;
        int fd;

        scene_open(&s, NULL);
        fd = open(s.path, O_RDWR | O_CLOEXEC);
        CHECK_EQ(journal_add(s.journal, 2), 0);
        CHECK_EQ(fstat(fd, &st), 0);
        CHECK_EQ(journal_sync(s.journal, fd), 0);
        CHECK_EQ(journal_sync(s.journal, -EBADF), -EBADF);
        CHECK_EQ(read_file_at(AT_FDCWD, s.path, 4096, &text, &size), 0);
        (void) snprintf(line, sizeof(line), "piece 2\nsynced %llu\n", (unsigned long long) st.st_size);
        CHECK(text && size > strlen(line));
        CHECK_STR((const char *) text + size - strlen(line), line);
        CHECK_EQ(close(fd), 0);
        scene_close(&s);
}

static void test_not_ours(void) {
        char directory[] = "/tmp/cocoon-journal-XXXXXX", link[64];
        Pieces *pieces = NULL;
        Journal *j = NULL;

        CHECK(mkdtemp(directory));
        (void) snprintf(link, sizeof(link), "%s/link", directory);
        CHECK_EQ(pieces_new(&listing, offsets, 10, &pieces), 0);
        CHECK_EQ(journal_open("/nonexistent/j", DIGEST, pieces, &j), -ENOENT);
        CHECK_EQ(journal_open("/tmp", DIGEST, pieces, &j), -EISDIR);
        CHECK_EQ(journal_open("/dev/null", DIGEST, pieces, &j), -EINVAL);
        CHECK_EQ(symlink("target", link), 0);
        CHECK_EQ(journal_open(link, DIGEST, pieces, &j), -ELOOP);
        CHECK_EQ(unlink(link), 0);
        CHECK_EQ(rmdir(directory), 0);
        pieces_free(pieces);
}

static void test_pieces(void) {
        static const struct {
                size_t file;
                uint64_t offset, size, image_offset;
        } wanted[] = { { 0, 0, 10, 100 }, { 0, 10, 10, 110 }, { 0, 20, 10, 120 }, { 0, 30, 5, 130 },
                       { 2, 0, 10, 200 }, { 2, 10, 10, 210 }, { 2, 20, 10, 220 } };
        Pieces *p = NULL;
        Piece piece;

        CHECK_EQ(pieces_new(&listing, offsets, 10, &p), 0);
        CHECK(pieces_claim_in(p, 2, 1, &piece));
        CHECK_EQ(piece.number, 5);
        for (uint64_t i = 0; i < ELEMENTSOF(wanted); i++) {
                if (i == 5)
                        continue;
                CHECK(pieces_claim(p, &piece));
                CHECK_EQ(piece.number, i);
                CHECK_EQ(piece.file, wanted[i].file);
                CHECK_EQ(piece.offset, wanted[i].offset);
                CHECK_EQ(piece.size, wanted[i].size);
                CHECK_EQ(piece.image_offset, wanted[i].image_offset);
        }
        CHECK(!pieces_claim(p, &piece) && !pieces_claim_in(p, 0, 0, &piece) && !pieces_claim_in(p, 1, 0, &piece));
        pieces_arrived(p, 1);
        pieces_arrived(p, 0);
        CHECK_EQ(pieces_wait(p, 0, 20), 0);
        CHECK_EQ(pieces_wait(p, 1, 0), 0);
        pieces_fail(p, -EIO, NULL);
        pieces_fail(p, -ENOMEM, NULL);
        CHECK_EQ(pieces_wait(p, 0, 21), -EIO);
        CHECK_EQ(pieces_error(p, NULL), -EIO);
        pieces_free(p);
}

static const Test tests[] = {
        { "pieces in the order of the image",          test_pieces     },
        { "what the running system wrote",             test_this_boot  },
        { "torn and foreign lines",                    test_torn       },
        { "after the system went down",                test_other_boot },
        { "goes on after what it does not believe",    test_goes_on    },
        { "synced says how far",                       test_sync       },
        { "what is no journal",                        test_not_ours   },
};

TEST_MAIN(tests)
