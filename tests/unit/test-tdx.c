/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "attest/console.h"
#include "attest/tdx.h"
#include "attest/tsm.h"
#include "basic/cleanup.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "test.h"

/* A directory that stands for / of a TDX guest; its kernel is sim/tdx-kernel.c, linked in. */
typedef struct Guest {
        char root[40], log[80], rtmr3[128];
} Guest;

static void guest_init(Guest *g) {
        _cleanup_free_ char *command = NULL;

        *g = (Guest){ .root = "/tmp/cocoon-tdx-XXXXXX" };
        (void) unsetenv("COCOON_TDX_FAULT");
        CHECK(mkdtemp(g->root));
        CHECK(asprintf(&command,
                       "cd '%s' && mkdir -p sys/kernel/config/tsm/report sys/devices/virtual/misc/tdx_guest/measurements "
                       "&& for i in 0 1 2 3; do head -c 48 /dev/zero "
                       ">sys/devices/virtual/misc/tdx_guest/measurements/rtmr$i:sha384; done",
                       g->root) > 0);
        CHECK_EQ(system(command), 0);
        (void) snprintf(g->log, sizeof(g->log), "%s/rtmr3.log", g->root);
        (void) snprintf(g->rtmr3, sizeof(g->rtmr3), "%s/sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384",
                        g->root);
}

static void guest_done(Guest *g) {
        _cleanup_free_ char *command = NULL;

        (void) unsetenv("COCOON_TDX_FAULT");
        CHECK(asprintf(&command, "rm -r '%s'", g->root) > 0);
        CHECK_EQ(system(command), 0);
}

static LogEvent event_of(const char *name, uint8_t fill) {
        LogEvent e = { .rtmr = 3 };

        (void) snprintf(e.name, sizeof(e.name), "%s", name);
        memset(e.digest, fill, sizeof(e.digest));
        return e;
}

static char *log_text(const Guest *g) {
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;

        return read_file_at(AT_FDCWD, g->log, EVENT_LOG_MAX, &text, &size) < 0 ? strdup("") :
                                                                                   (char *) TAKE_PTR(text);
}

static void test_measure(void) {
        _cleanup_(guest_done) Guest g;
        _cleanup_(event_log_done) EventLog log = {};
        LogEvent first = event_of("cocoon:one", 0x11), second = event_of("cocoon:two", 0x22);
        uint8_t value[RTMR_SIZE], replayed[RTMR_SIZE], wanted[2 * RTMR_SIZE] = {};
        Fault f;

        guest_init(&g);
        CHECK_EQ(tdx_has_register(g.root, 3), 1);
        CHECK_EQ(tdx_measure(g.root, g.log, &first, &f), 0);
        CHECK_EQ(tdx_measure(g.root, g.log, &second, &f), 0);
        CHECK_EQ(tdx_read_register(g.root, 3, value, &f), 0);
        /* Not by rtmr_extend(): the definition, written out. */
        memset(wanted + RTMR_SIZE, 0x11, RTMR_SIZE);
        (void) SHA384(wanted, sizeof(wanted), wanted);
        memset(wanted + RTMR_SIZE, 0x22, RTMR_SIZE);
        (void) SHA384(wanted, sizeof(wanted), wanted);
        CHECK(memcmp(value, wanted, RTMR_SIZE) == 0);
        CHECK_EQ(event_log_read(g.log, &log, &f), 0);
        CHECK_EQ(log.n_events, 2);
        CHECK_STR(log.events[1].name, "cocoon:two");
        event_log_replay(&log, 3, replayed);
        CHECK(memcmp(value, replayed, RTMR_SIZE) == 0);
        event_log_replay(&log, 2, replayed);
        memset(wanted, 0, RTMR_SIZE);
        CHECK(memcmp(wanted, replayed, RTMR_SIZE) == 0);
}

/* Killed behind the log and before the register: the line is gone with the next event, and only that line. */
static void test_measure_killed(void) {
        const LogEvent events[] = { event_of("cocoon:one", 0x11), event_of("cocoon:two", 0x22),
                                    event_of("cocoon:three", 0x33) };
        uint8_t value[RTMR_SIZE], replayed[RTMR_SIZE];

        for (size_t before = 0; before < 2; before++) {
                _cleanup_(event_log_done) EventLog log = {};
                _cleanup_(guest_done) Guest g;
                uint64_t size;
                Fault f = {};

                guest_init(&g);
                for (size_t i = 0; i < before; i++)
                        CHECK_EQ(tdx_measure(g.root, g.log, &events[i], &f), 0);
                CHECK_EQ(event_log_append(g.log, &events[1], &size), 0);
                CHECK_EQ(tdx_measure(g.root, g.log, &events[2], &f), 0);
                CHECK_EQ(event_log_read(g.log, &log, &f), 0);
                CHECK_EQ(log.n_events, before + 1);
                CHECK_STR(log.events[before].name, "cocoon:three");
                CHECK_EQ(tdx_read_register(g.root, 3, value, &f), 0);
                event_log_replay(&log, 3, replayed);
                CHECK(memcmp(value, replayed, RTMR_SIZE) == 0);
        }
}

/* What somebody else measured is not in the log; nothing may be taken out of it for that. */
static void test_measure_others(void) {
        LogEvent e = event_of("cocoon:one", 0x11);
        _cleanup_(event_log_done) EventLog log = {};
        _cleanup_(guest_done) Guest g;
        uint8_t value[RTMR_SIZE] = {};
        Fault f = {};

        guest_init(&g);
        rtmr_extend(value, e.digest);
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), 0);
        rtmr_extend(value, (const uint8_t[RTMR_SIZE]){ 0x99 });
        CHECK_EQ(write_file_atomic(g.rtmr3, value, sizeof(value), 0600), 0);
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), 0);
        CHECK_EQ(event_log_read(g.log, &log, &f), 0);
        CHECK_EQ(log.n_events, 2);
}

static void test_measure_fails(void) {
        static const struct {
                const char *fault;
                int error;
                bool in_log;
        } cases[] = {
                { "extend-refused", -EIO, false },
                { "extend-ignored", -EIO, false },
                { "extend-other",   -EIO, true  },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(guest_done) Guest g;
                _cleanup_free_ char *text = NULL;
                LogEvent e = event_of("cocoon:one", 0x11);
                Fault f = {};

                guest_init(&g);
                (void) setenv("COCOON_TDX_FAULT", cases[i].fault, 1);
                CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), cases[i].error);
                CHECK_STR(f.what, "TDX measurement register");
                text = log_text(&g);
                CHECK_EQ(!!*text, cases[i].in_log);
        }
}

static void test_no_interface(void) {
        LogEvent e = event_of("cocoon:one", 0x11);
        _cleanup_free_ char *text = NULL;
        _cleanup_(guest_done) Guest g;
        Fault f;

        guest_init(&g);
        CHECK_EQ(unlink(g.rtmr3), 0);
        CHECK_EQ(tdx_has_register(g.root, 3), 0);
        CHECK_EQ(tdx_has_register("/nowhere", 3), 0);
        CHECK_EQ(tsm_available("/nowhere"), 0);
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), -ENOENT);
        text = log_text(&g);
        CHECK_STR(text, "");
        CHECK_EQ(write_file_atomic(g.rtmr3, "short", 5, 0600), 0);
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), -EBADMSG);
        CHECK_EQ(write_file_atomic(g.rtmr3, "much longer than the 48 bytes that a register has", 49, 0600), 0);
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), -EFBIG);
        /* A log that cannot be written: nothing is measured. */
        CHECK_EQ(write_file_atomic(g.rtmr3, (const uint8_t[48]){ 7 }, 48, 0600), 0);
        (void) strcat(g.log, "/x");
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), -ENOENT);
        {
                uint8_t value[RTMR_SIZE];

                CHECK_EQ(tdx_read_register(g.root, 3, value, &f), 0);
                CHECK_EQ(value[0], 7);
        }
}

static void test_log_syntax(void) {
        char line[512], digest[2 * RTMR_SIZE + 1];
        const char *const bad[] = {
                "{}\n", "x\n", "\n", "[]\n", "{\"rtmr\":3}\n",
                "{\"rtmr\":4,\"hash\":\"sha384\",\"event\":\"e\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":-1,\"hash\":\"sha384\",\"event\":\"e\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":\"3\",\"hash\":\"sha384\",\"event\":\"e\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":3,\"hash\":\"sha256\",\"event\":\"e\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":3,\"hash\":1,\"event\":\"e\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":3,\"event\":\"\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":3,\"event\":\"\\u0007\",\"digest\":\"%s\"}\n",
                "{\"rtmr\":3,\"event\":\"e\",\"digest\":\"%.95s\"}\n",
                "{\"rtmr\":3,\"event\":\"e\",\"digest\":\"%s0\"}\n",
                "{\"rtmr\":3,\"event\":\"e\",\"digest\":\"%s\"}",
                "{\"rtmr\":3,\"event\":\"e\",\"digest\":\"%s\"} {}\n",
        };
        const char *good = "{\"digest\":\"%s\",\"event\":\"e\",\"rtmr\":0,\"time\":\"now\"}\n";

        memset(digest, 'a', sizeof(digest) - 1);
        digest[sizeof(digest) - 1] = 0;
        for (size_t i = 0; i < ELEMENTSOF(bad) + 1; i++) {
                _cleanup_(event_log_done) EventLog log = {};
                Fault f = {};
                int r;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                (void) snprintf(line, sizeof(line), i < ELEMENTSOF(bad) ? bad[i] : good, digest);
#pragma GCC diagnostic pop
                r = event_log_parse(line, strlen(line), &log, &f);
                if (r != (i < ELEMENTSOF(bad) ? -EBADMSG : 0))
                        (void) printf("# %s", line);
                CHECK_EQ(r, i < ELEMENTSOF(bad) ? -EBADMSG : 0);
        }
}

static void test_log_take_back(void) {
        LogEvent first = event_of("one", 1), second = event_of("two", 2);
        _cleanup_free_ char *before = NULL, *after = NULL;
        _cleanup_(guest_done) Guest g;
        uint64_t size;

        guest_init(&g);
        CHECK_EQ(event_log_append(g.log, &first, &size), 0);
        CHECK_EQ(size, 0);
        before = log_text(&g);
        CHECK_EQ(event_log_append(g.log, &second, &size), 0);
        CHECK_EQ(event_log_take_back(g.log, size), 0);
        after = log_text(&g);
        CHECK_STR(after, before);
        CHECK_EQ(unlink(g.log), 0);
        CHECK_EQ(symlink("/dev/null", g.log), 0);
        CHECK_EQ(event_log_append(g.log, &first, &size), -ELOOP);
}

static bool is_empty(const Guest *g) {
        _cleanup_free_ char *command = NULL;

        CHECK(asprintf(&command, "test -z \"$(ls -A '%s/sys/kernel/config/tsm/report')\"", g->root) > 0);
        return system(command) == 0;
}

static void test_quote(void) {
        uint8_t data[QUOTE_REPORT_DATA_SIZE], rtmr3[RTMR_SIZE];
        LogEvent e = event_of("cocoon:one", 0x11);
        _cleanup_free_ uint8_t *quote = NULL;
        _cleanup_(guest_done) Guest g;
        size_t size;
        Fault f;

        guest_init(&g);
        memset(data, 0xda, sizeof(data));
        CHECK_EQ(tsm_available(g.root), 1);
        CHECK_EQ(tdx_measure(g.root, g.log, &e, &f), 0);
        CHECK_EQ(tdx_read_register(g.root, 3, rtmr3, &f), 0);
        CHECK_EQ(tsm_get_quote(g.root, data, &quote, &size, &f), 0);
        CHECK_EQ(quote_check(quote, size, data, rtmr3, &f), 0);
        CHECK_EQ(quote_check(quote, size, data, NULL, &f), 0);
        data[63]++;
        CHECK_EQ(quote_check(quote, size, data, rtmr3, &f), -ESTALE);
        data[63]--;
        rtmr3[0]++;
        CHECK_EQ(quote_check(quote, size, data, rtmr3, &f), -ESTALE);
        CHECK(is_empty(&g));
}

/* A request of a process that was killed is neither in the way nor left. */
static void test_quote_killed(void) {
        const uint8_t data[QUOTE_REPORT_DATA_SIZE] = { 1 };
        _cleanup_free_ uint8_t *quote = NULL;
        _cleanup_free_ char *item = NULL;
        _cleanup_(guest_done) Guest g;
        size_t size;
        Fault f;

        guest_init(&g);
        CHECK(asprintf(&item, "%s/sys/kernel/config/tsm/report/cocoon", g.root) > 0);
        CHECK_EQ(mkdir(item, 0700), 0);
        CHECK_EQ(tsm_get_quote(g.root, data, &quote, &size, &f), 0);
        CHECK(is_empty(&g));
        CHECK_EQ(mkdir(item, 0700), 0);
        tsm_clean(g.root);
        CHECK(is_empty(&g));
        tsm_clean("/nonexistent");
}

static void test_quote_fails(void) {
        static const struct {
                const char *fault;
                int get, check;
        } cases[] = {
                { "provider",         -EPROTONOSUPPORT, 0        },
                { "inblob-ignored",   -ESTALE,          0        },
                { "generation-moves", -ESTALE,          0        },
                { "no-quote",         -ENOENT,          0        },
                { "quote-short",      0,                -EBADMSG },
                { "quote-other",      0,                -ESTALE  },
                { "quote-other-rtmr", 0,                -ESTALE  },
        };
        const uint8_t data[QUOTE_REPORT_DATA_SIZE] = { 1 }, rtmr3[RTMR_SIZE] = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ uint8_t *quote = NULL;
                _cleanup_(guest_done) Guest g;
                Fault f = {};
                size_t size;
                int r;

                guest_init(&g);
                (void) setenv("COCOON_TDX_FAULT", cases[i].fault, 1);
                r = tsm_get_quote(g.root, data, &quote, &size, &f);
                if (r != cases[i].get)
                        (void) printf("# %s: %s %s\n", cases[i].fault, f.expected, f.found);
                CHECK_EQ(r, cases[i].get);
                if (r >= 0)
                        CHECK_EQ(quote_check(quote, size, data, rtmr3, &f), cases[i].check);
                CHECK_STR(f.what, "TDX quote");
                CHECK(is_empty(&g));
        }
}

/* Version 5 names the body's size; everything else is where it is in version 4. */
static void test_quote_forms(void) {
        uint8_t quote[48 + 6 + 648] = { 5, 0, 2, 0, 0x81 }, data[QUOTE_REPORT_DATA_SIZE];
        Fault f;

        memset(data, 0xda, sizeof(data));
        quote[48] = 3;
        quote[50] = 648 & 0xff;
        quote[51] = 648 >> 8;
        memcpy(quote + 54 + 520, data, sizeof(data));
        CHECK_EQ(quote_check(quote, sizeof(quote), data, NULL, &f), 0);
        CHECK_EQ(quote_check(quote, sizeof(quote) - 1, data, NULL, &f), -EBADMSG);
        quote[51] = 0;
        CHECK_EQ(quote_check(quote, sizeof(quote), data, NULL, &f), -EBADMSG);
        quote[51] = 648 >> 8;
        quote[4] = 0;
        CHECK_EQ(quote_check(quote, sizeof(quote), data, NULL, &f), -EBADMSG);
        quote[4] = 0x81;
        quote[0] = 3;
        CHECK_EQ(quote_check(quote, sizeof(quote), data, NULL, &f), -EBADMSG);
        for (size_t size = 0; size < 54; size++)
                CHECK_EQ(quote_check(quote, size, data, NULL, &f), -EBADMSG);
}

static void test_console(void) {
        _cleanup_free_ uint8_t *text = NULL;
        _cleanup_(guest_done) Guest g;
        char path[80];
        size_t size;

        guest_init(&g);
        CHECK_EQ(console_say(g.root, "nobody"), -ENOENT);
        (void) snprintf(path, sizeof(path), "%s/dev", g.root);
        CHECK_EQ(mkdir(path, 0700), 0);
        (void) strcat(path, "/console");
        CHECK_EQ(write_file_atomic(path, "", 0, 0600), 0);
        CHECK_EQ(console_say(g.root, "GPU %s\n%d", "\033[2J", 1), 0);
        CHECK_EQ(read_file_at(AT_FDCWD, path, 100, &text, &size), 0);
        CHECK_STR((const char *) text, "\rGPU ?[2J?1\r\n");
        /* A console that takes nothing. */
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(mkfifo(path, 0600), 0);
        CHECK_EQ(console_say(g.root, "x"), -ENXIO);
}

static const Test tests[] = {
        { "events measured, logged, replayed",            test_measure       },
        { "killed between log and register",              test_measure_killed },
        { "a register that others measured into",         test_measure_others },
        { "registers that refuse, ignore or lie",         test_measure_fails },
        { "no interface, no register, no log",            test_no_interface  },
        { "what is no event log",                         test_log_syntax    },
        { "a line is taken back; no link is followed",    test_log_take_back },
        { "a quote about what was asked",                 test_quote         },
        { "a request that was left",                      test_quote_killed  },
        { "quotes that fail, or are about another thing", test_quote_fails   },
        { "forms of quotes",                              test_quote_forms   },
        { "the console",                                  test_console       },
};

TEST_MAIN(tests)
