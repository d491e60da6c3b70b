/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/io.h"
#include "model/report.h"
#include "model/stamp.h"
#include "model/store.h"

#include "test.h"

static void test_good_messages(void) {
        static const char step[] = "{\"step\":\"Downloading\",\"done\":3,\"total\":9223372036854775807}";
        static const char failed[] = "{\"result\":\"failed\",\"errno\":\"ENOSPC\",\"message\":\"a\\u001b[31m\\u00e9\"}";
        static const char nothing[] = "{\"result\":\"done\",\"spec\":null}";
        ReportMessage m;

        CHECK_EQ(report_message_parse(step, strlen(step), &m), 0);
        CHECK(m.kind == REPORT_STEP && m.done == 3 && m.total == INT64_MAX);
        CHECK_STR(m.step, "Downloading");
        CHECK_EQ(report_message_parse(failed, strlen(failed), &m), 0);
        CHECK(m.kind == REPORT_FAILED);
        CHECK_STR(m.errno_name, "ENOSPC");
        CHECK_STR(m.message, "a?[31m??");
        CHECK_EQ(report_message_parse(nothing, strlen(nothing), &m), 0);
        CHECK(m.kind == REPORT_DONE);
        CHECK_STR(m.spec, "");
}

static void test_bad_messages(void) {
        static const char *const texts[] = {
                "", "{}", "[]", "null", "{\"step\":\"x\"}", "{\"step\":\"\",\"done\":0,\"total\":0}",
                "{\"step\":7,\"done\":0,\"total\":0}", "{\"step\":\"x\",\"done\":2,\"total\":1}",
                "{\"step\":\"x\",\"done\":-1,\"total\":1}", "{\"step\":\"x\",\"done\":0.5,\"total\":1}",
                "{\"step\":\"x\",\"done\":\"0\",\"total\":1}", "{\"result\":\"won\",\"errno\":\"E\",\"message\":\"\"}",
                "{\"result\":\"done\"}", "{\"result\":\"done\",\"spec\":1}", "{\"result\":\"failed\",\"errno\":null,\"message\":\"\"}",
                "{\"result\":\"failed\",\"errno\":\"EIO\"}", "{\"step\":\"x\",\"done\":0,\"total\":0} ,",
                "{\"step\":\"x\",\"done\":0,\"total\":0,\"more\":[[[1]]]}",
        };
        char huge[REPORT_MESSAGE_MAX + 2];
        ReportMessage m;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                CHECK_EQ(report_message_parse(texts[i], strlen(texts[i]), &m), -EBADMSG);
        memset(huge, ' ', sizeof(huge));
        CHECK_EQ(report_message_parse(huge, sizeof(huge), &m), -EBADMSG);
}

static int listen_at(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void) unlink(path);
        CHECK(bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0 && listen(fd, 4) == 0);
        return fd;
}

static void expect_message(int fd, ReportKind kind, ReportMessage *ret) {
        char text[REPORT_MESSAGE_MAX];
        ssize_t n = recv(fd, text, sizeof(text), 0);

        CHECK(n > 0);
        CHECK_EQ(report_message_parse(text, n > 0 ? (size_t) n : 0, ret), 0);
        CHECK(ret->kind == kind);
}

/* Nobody there; somebody there; somebody else there. */
static void test_telling(void) {
        char directory[] = "/tmp/cocoon-test-XXXXXX", path[64], hostile[2000];
        _cleanup_close_ int listener = -EBADF, fd = -EBADF, second = -EBADF;
        Report r = REPORT_NONE;
        ReportMessage m;

        CHECK(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/socket", directory);
        r.path = path;
        report_step(&r, "Listing", 0, 0);
        CHECK(r.fd < 0);
        listener = listen_at(path);
        report_step(&r, "Listing", 0, 0);
        CHECK(r.fd < 0); /* not every moment */
        r.tried = 0;
        report_step(&r, "Listing", 5, 3);
        fd = accept(listener, NULL, NULL);
        expect_message(fd, REPORT_STEP, &m);
        CHECK(m.done == 3 && m.total == 3);
        report_progress(&r, "Listing", 1, 3);
        CHECK(recv(fd, hostile, sizeof(hostile), MSG_DONTWAIT) < 0 && errno == EAGAIN);
        closep(&fd);
        closep(&listener);
        listener = listen_at(path);
        memset(hostile, '"', sizeof(hostile) - 1);
        hostile[sizeof(hostile) - 1] = 0;
        report_failed(&r, -ENOSPC, hostile); /* nobody closes: it does not wait for ever */
        second = accept(listener, NULL, NULL);
        expect_message(second, REPORT_FAILED, &m);
        CHECK_STR(m.errno_name, "ENOSPC");
        CHECK(strlen(m.message) > 500);
        CHECK(r.fd < 0);
        (void) unlink(path);
        (void) rmdir(directory);
}

static void write_text(const char *path, const char *text) {
        CHECK_EQ(write_file_atomic(path, text, strlen(text), 0644), 0);
}

static void test_stamps(void) {
        static const char *const bad[] = { "", "{}", "{\"root_hash\":\"00\"}", "[", "{\"root_hash\":null,\"intact\":true}" };
        char directory[] = "/tmp/cocoon-test-XXXXXX", image[64], path[80];
        uint8_t root[ROOT_HASH_SIZE] = { 1 }, other[ROOT_HASH_SIZE] = { 2 };
        Stamp stamp = { .usec = 77, .reason = "because" }, found;

        CHECK(mkdtemp(directory));
        (void) snprintf(image, sizeof(image), "%s/m@c.tar", directory);
        (void) snprintf(path, sizeof(path), "%s.verified", image);
        CHECK_EQ(stamp_read(AT_FDCWD, image, root, &found), -ENOENT);
        CHECK_EQ(stamp_write(image, root, &stamp), 0);
        CHECK_EQ(stamp_read(AT_FDCWD, image, root, &found), 0);
        CHECK(!found.intact && found.usec == 77);
        CHECK_STR(found.reason, "because");
        CHECK_EQ(stamp_read(AT_FDCWD, image, other, &found), -ENOENT);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                write_text(path, bad[i]);
                CHECK_EQ(stamp_read(AT_FDCWD, image, root, &found), -EBADMSG);
        }
        (void) unlink(path);
        CHECK(symlink("/dev/null", path) == 0);
        CHECK_EQ(stamp_read(AT_FDCWD, image, root, &found), -ELOOP);
        (void) unlink(path);
        (void) rmdir(directory);
}

/* What is used is not removed, and what is removed is gone with all that belongs to it. */
static void test_use_and_remove(void) {
        static const char *const suffixes[] = { "", ".verity", ".hash", ".verified", ".partial", ".journal.partial" };
        char directory[] = "/tmp/cocoon-test-XXXXXX", path[96];
        _cleanup_(store_paths_done) StorePaths paths = {};
        ModelSpec spec = { .name = "m", .commit = "c" };
        int image_fd = -EBADF, tree_fd = -EBADF, lock;

        CHECK(mkdtemp(directory));
        CHECK_EQ(store_paths_make(directory, &spec, &paths), 0);
        CHECK_EQ(store_use(&paths, &image_fd, &tree_fd), -ENOENT);
        CHECK_EQ(store_remove(&paths), -ENOENT);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                (void) snprintf(path, sizeof(path), "%s/m@c.tar%s", directory, suffixes[i]);
                write_text(path, "x");
        }
        CHECK_EQ(store_use(&paths, &image_fd, &tree_fd), 0);
        CHECK_EQ(store_remove(&paths), -EBUSY);
        CHECK(access(paths.image, F_OK) == 0 && access(paths.stamp, F_OK) == 0);
        (void) close(image_fd);
        (void) close(tree_fd);
        CHECK_EQ(store_lock(&paths, &lock), 0);
        CHECK_EQ(store_remove(&paths), -EBUSY);
        CHECK(access(paths.image, F_OK) == 0);
        (void) close(lock);
        CHECK_EQ(store_remove(&paths), 0);
        CHECK(rmdir(directory) == 0);
}

static const Test tests[] = {
        { "messages that are good",             test_good_messages  },
        { "messages that are refused",          test_bad_messages   },
        { "a report to nobody, and to somebody", test_telling        },
        { "what a verification came to",        test_stamps         },
        { "images in use are not removed",      test_use_and_remove },
};

TEST_MAIN(tests)
