/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/cursor.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"
#include "basic/log.h"
#include "test.h"

static void test_cursor(void) {
        static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
        Cursor c = cursor_of(bytes, sizeof(bytes)), sub;
        const uint8_t *p = NULL;
        uint32_t u32;
        uint16_t u16;
        uint8_t u8;

        CHECK_EQ(cursor_u8(&c, &u8), 0);
        CHECK_EQ(u8, 1);
        CHECK_EQ(cursor_le16(&c, &u16), 0);
        CHECK_EQ(u16, 0x0302);
        CHECK_EQ(cursor_le24(&c, &u32), 0);
        CHECK_EQ(u32, 0x060504);
        CHECK_EQ(cursor_le32(&c, &u32), 0);
        CHECK_EQ(u32, 0x0a090807);
        CHECK_EQ(cursor_left(&c), 1);

        u16 = 77;
        CHECK_EQ(cursor_le16(&c, &u16), -EBADMSG);
        CHECK_EQ(u16, 77);
        CHECK_EQ(cursor_bytes(&c, SIZE_MAX, &p), -EBADMSG);
        CHECK(!p);
        CHECK_EQ(cursor_left(&c), 1);
        CHECK_EQ(cursor_sub(&c, 1, &sub), 0);
        CHECK_EQ(cursor_left(&sub), 1);
        CHECK_EQ(cursor_u8(&sub, &u8), 0);
        CHECK_EQ(u8, 11);
        CHECK_EQ(cursor_u8(&sub, &u8), -EBADMSG);
        CHECK_EQ(cursor_left(&c), 0);
}

static void test_cursor_over_nothing(void) {
        Cursor c = cursor_of(NULL, 0);
        const uint8_t *p;
        uint8_t u8;

        CHECK_EQ(cursor_u8(&c, &u8), -EBADMSG);
        CHECK_EQ(cursor_bytes(&c, 0, &p), 0);
        CHECK_EQ(cursor_bytes(&c, 1, &p), -EBADMSG);
}

/* With any of the standard streams closed, none of them becomes a file that is opened later. */
static void test_closed_streams(void) {
        for (unsigned closed = 0; closed < 8; closed++) {
                pid_t pid = fork();
                int status = -1;

                if (pid == 0) {
                        for (int fd = 0; fd < 3; fd++)
                                if (closed & 1U << fd)
                                        (void) close(fd);
                        log_open("test", LOG_INFO);
                        if (open("/dev/zero", O_RDWR | O_CLOEXEC) < 3)
                                _exit(1);
                        _exit((closed & 2) && write(STDOUT_FILENO, "x", 1) >= 0 ? 2 : 0);
                }
                CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
                CHECK_EQ(status, 0);
        }
}

static void test_hex(void) {
        uint8_t bytes[4] = { 9, 9, 9, 9 };
        char text[9];

        CHECK_EQ(hex_decode("00ffA5b6", 8, bytes, 4), 0);
        CHECK_EQ(bytes[1], 0xff);
        CHECK_STR(hex_encode(bytes, 4, text), "00ffa5b6");
        CHECK_EQ(hex_decode("00ffA5b", 7, bytes, 4), -EINVAL);
        CHECK_EQ(hex_decode("00ffA5b6 ", 9, bytes, 4), -EINVAL);
        CHECK_EQ(hex_decode("0x00ffA5", 8, bytes, 4), -EINVAL);
        CHECK_EQ(hex_decode("00 fA5b6", 8, bytes, 4), -EINVAL);
        CHECK_EQ(hex_decode("00ffA5b600", 10, bytes, 4), -EINVAL);
        CHECK_EQ(bytes[2], 0xa5);
}

static void test_base64(void) {
        static const struct {
                const char *text;
                int size; /* negative: refused */
        } cases[] = {
                { "", 0 },          { "TQ==", 1 },      { "TWE=", 2 },      { "TWFu", 3 },      { "TWFuTQ==", 4 },
                { "TQ=", -1 },      { "TQ", -1 },       { "TR==", -1 },     { "TWF=", -1 },     { "TWFu\n", -1 },
                { " TWFu", -1 },    { "TW-u", -1 },     { "T===", -1 },     { "====", -1 },     { "TQ==TWFu", -1 },
                { "TWFu TWF", -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ uint8_t *data = NULL;
                size_t size = 0;
                int r = base64_decode(cases[i].text, strlen(cases[i].text), &data, &size);

                CHECK_EQ(r < 0 ? -1 : (int) size, cases[i].size);
                if (r >= 0) {
                        _cleanup_free_ char *again = base64_encode(data, size);

                        CHECK_STR(again, cases[i].text);
                }
        }
}

static void test_base64url(void) {
        static const uint8_t bytes[] = { 0xfb, 0xff, 0xfe, 0x01 };
        _cleanup_free_ char *text = base64url_encode(bytes, sizeof(bytes));

        CHECK_STR(text, "-__-AQ");
}

static int parse(const char *text) {
        _cleanup_json_ json_object *o = NULL;

        return json_parse(text, strlen(text), 4, 16, &o);
}

static void test_json_good(void) {
        static const char *const good[] = {
                "{}", "[]", " [1, 2.5e-3, -0, \"a\\u00e9\\n\", true, false, null] ", "\"x\"", "17", "{\"a\":{\"b\":[[]]}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                CHECK_EQ(parse(good[i]), 0);
}

static void test_json_bad(void) {
        static const char *const bad[] = {
                "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1 2]", "[1] x", "[01]", "[1.]", "[.5]", "[+1]",
                "[NaN]", "[Infinity]", "[1e]", "\"a", "\"\n\"", "\"\\x\"", "\"\\u12g4\"", "/* c */ 1", "tru",
                "{\"a\":1,\"a\":2}", "{\"b\":{\"a\":1,\"\\u0061\":2}}", "\"\xff\"", "\"\xc3(\"", "[[[[[1]]]]]",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                CHECK_EQ(parse(bad[i]), -EBADMSG);
                if (parse(bad[i]) != -EBADMSG)
                        printf("# %s\n", bad[i]);
        }
        CHECK_EQ(parse("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"), 0);
        CHECK_EQ(parse("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"), -E2BIG);
}

static void test_json_members(void) {
        static const char text[] = "{\"s\":\"x\",\"n\":1,\"z\":\"a\\u0000b\",\"a\":[],\"o\":{}}";
        _cleanup_json_ json_object *o = NULL;
        json_object *member;
        const char *s;

        CHECK_EQ(json_parse(text, strlen(text), 4, 16, &o), 0);
        CHECK_EQ(json_get_string(o, "s", &s), 0);
        CHECK_STR(s, "x");
        CHECK_EQ(json_get_string(o, "n", &s), -EBADMSG);
        CHECK_EQ(json_get_string(o, "z", &s), -EBADMSG);
        CHECK_EQ(json_get_string(o, "none", &s), -ENOENT);
        CHECK_EQ(json_get_array(o, "a", &member), 0);
        CHECK_EQ(json_get_array(o, "o", &member), -EBADMSG);
        CHECK_EQ(json_get_object(o, "o", &member), 0);
}

static void test_files(void) {
        char dir[] = "/tmp/cocoon-test-XXXXXX", path[64], fifo[64];
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;
        size_t size = 0;

        CHECK(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/file", dir);
        (void) snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
        CHECK_EQ(write_file_atomic(path, "old", 3, 0600), 0);
        CHECK_EQ(write_file_atomic(path, "12345", 5, 0640), 0);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640);
        CHECK_EQ(read_file_at(AT_FDCWD, path, 5, &data, &size), 0);
        CHECK_EQ(size, 5);
        CHECK_STR((char *) data, "12345");
        CHECK_EQ(read_file_at(AT_FDCWD, path, 4, &data, &size), -EFBIG);
        CHECK_EQ(read_file_at(AT_FDCWD, dir, 4, &data, &size), -EISDIR);
        CHECK_EQ(mkfifo(fifo, 0600), 0);
        CHECK_EQ(read_file_at(AT_FDCWD, fifo, 4, &data, &size), -EINVAL);
        CHECK_EQ(write_file_atomic(fifo, "x", 1, 0600), -EINVAL);
        CHECK_EQ(remove_file(fifo), -EINVAL);
        CHECK_EQ(unlink(fifo), 0);
        CHECK_EQ(symlink("file", fifo), 0);
        CHECK_EQ(write_file_atomic(fifo, "x", 1, 0600), -EINVAL);
        CHECK_EQ(remove_file(fifo), -EINVAL);
        CHECK_EQ(unlink(fifo), 0);
        CHECK_EQ(write_file_atomic(dir, "x", 1, 0600), -EISDIR);
        CHECK_EQ(remove_file(path), 0);
        CHECK_EQ(remove_file(path), 0);
        CHECK_EQ(read_file_at(AT_FDCWD, path, 4, &data, &size), -ENOENT);
        CHECK_EQ(rmdir(dir), 0);
}

static const Test tests[] = {
        { "cursor reads and stops at the end", test_cursor              },
        { "cursor over nothing",               test_cursor_over_nothing },
        { "standard streams that are closed",  test_closed_streams      },
        { "hexadecimal, strictly",             test_hex                 },
        { "base64, strictly",                  test_base64              },
        { "base64url",                         test_base64url           },
        { "JSON that is good",                 test_json_good           },
        { "JSON that is refused",              test_json_bad            },
        { "typed members of JSON",             test_json_members        },
        { "whole files, with limits",          test_files               },
};

TEST_MAIN(tests)
