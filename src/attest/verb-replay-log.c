/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "attest/eventlog.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/log.h"

#define DEFAULT_LOG "/run/cocoon/rtmr3.log"
#define RTMR_OF_GUEST 3U

static const char help[] =
        "cocoon-attest replay-log [OPTION]…\n"
        "\n"
        "Compute what RTMR3 must be when the events of a log were measured into it, and compare.\n"
        "\n"
        "     --log FILE       [" DEFAULT_LOG "]\n"
        "     --value HEX      what RTMR3 is, from a quote (96 hexadecimal digits)\n"
        "     --register FILE  the same, 48 bytes from a file, such as\n"
        "                      /sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 equal, or nothing to compare with; 1 not equal, or no log; 2 usage or unreadable file.";

enum {
        OPT_LOG = 256,
        OPT_VALUE,
        OPT_REGISTER,
};

static const struct option options[] = {
        { "log",      required_argument, NULL, OPT_LOG      },
        { "value",    required_argument, NULL, OPT_VALUE    },
        { "register", required_argument, NULL, OPT_REGISTER },
        { "help",     no_argument,       NULL, 'h'          },
        {},
};

/* What the register is said to be. 1, 0 when nothing is said, or -EINVAL after having said why. */
static int read_value(const char *value, const char *file, uint8_t ret[static RTMR_SIZE]) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        if (value) {
                if (hex_decode(value, strlen(value), ret, RTMR_SIZE) >= 0)
                        return 1;
                log_error("--value: expected 96 hexadecimal digits, found \"%s\".", value);
                return -EINVAL;
        }
        if (!file)
                return 0;
        r = read_virtual_file_at(AT_FDCWD, file, RTMR_SIZE, &data, &size);
        if (r < 0 || size != RTMR_SIZE) {
                log_error("%s: expected 48 bytes, found %s.", file, r < 0 ? read_file_strerror(r) : "less");
                return -EINVAL;
        }
        memcpy(ret, data, RTMR_SIZE);
        return 1;
}

static void print_events(const EventLog *log) {
        uint8_t value[RTMR_SIZE] = {};
        char digest[2 * RTMR_SIZE + 1];

        for (size_t i = 0; i < log->n_events; i++) {
                const LogEvent *e = &log->events[i];

                if (e->rtmr != RTMR_OF_GUEST)
                        continue;
                rtmr_extend(value, e->digest);
                (void) printf("%s %s\n", hex_encode(e->digest, RTMR_SIZE, digest), e->name);
        }
        (void) printf("RTMR3 %s\n", hex_encode(value, RTMR_SIZE, digest));
}

static int replay(const char *path, const char *wanted_hex, const char *wanted_file) {
        _cleanup_(event_log_done) EventLog log = {};
        uint8_t value[RTMR_SIZE], wanted[RTMR_SIZE];
        char hex[2 * RTMR_SIZE + 1];
        Fault f;
        int r, k;

        k = read_value(wanted_hex, wanted_file, wanted);
        if (k < 0)
                return EXIT_CONFIGURATION;
        r = event_log_read(path, &log, &f);
        if (r < 0) {
                log_error("%s: expected %s, found %s.", f.what, f.expected, f.found);
                return r == -EBADMSG ? EXIT_REFUSED : EXIT_CONFIGURATION;
        }
        print_events(&log);
        event_log_replay(&log, RTMR_OF_GUEST, value);
        if (k > 0 && memcmp(value, wanted, RTMR_SIZE) != 0) {
                (void) printf("differs: the register is %s\n", hex_encode(wanted, RTMR_SIZE, hex));
                return EXIT_REFUSED;
        }
        if (k > 0)
                (void) puts("equal");
        return fflush(stdout) == 0 ? EXIT_ACCEPTED : EXIT_CONFIGURATION;
}

int verb_replay_log(int argc, char *argv[]) {
        const char *log = DEFAULT_LOG, *value = NULL, *file = NULL;
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case OPT_LOG:
                        log = optarg;
                        break;
                case OPT_VALUE:
                        value = optarg;
                        break;
                case OPT_REGISTER:
                        file = optarg;
                        break;
                case 'h':
                        (void) puts(help);
                        return EXIT_ACCEPTED;
                default:
                        return EXIT_CONFIGURATION;
                }
        if (optind < argc || (value && file)) {
                log_error("replay-log: expected no operand, and one of --value and --register at most.");
                return EXIT_CONFIGURATION;
        }
        return replay(log, value, file);
}
