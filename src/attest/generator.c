/* SPDX-License-Identifier: Apache-2.0 */

/* systemd.generator(7): what nvidia-tdx.service must wait for follows from attest.conf(5), and a boot that needs no
 * network does not wait for one.
 *
 *   cocoon-attest-generator NORMAL-DIR EARLY-DIR LATE-DIR [ROOT]      ROOT: the directory that stands for / */

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/config.h"
#include "basic/clock.h"
#include "basic/io.h"
#include "basic/log.h"

#define DROP_IN_DIR "%s/nvidia-tdx.service.d"
#define DROP_IN_FILE DROP_IN_DIR "/50-attest-conf.conf"

/* Room to say what went wrong, and to undo it. */
#define GRACE_SEC 60U

/* For network and time, which a host may withhold for ever; systemd-time-wait-sync.service has no limit of its own. */
#define WAIT_SEC 600U

#define WORD "cocoon_gpu"
#define COMMAND_LINE_MAX 65536U

/* Whether ConditionKernelCommandLine=cocoon_gpu is met: a condition is looked at only when everything else has been
 * waited for, and a guest without GPUs has nothing to wait for. What cannot be known is waited for. */
static bool is_wanted(const char *root) {
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        char *rest;

        if (asprintf(&path, "%s/proc/cmdline", root) < 0 ||
            read_virtual_file_at(AT_FDCWD, path, COMMAND_LINE_MAX, &text, &size) < 0)
                return true;
        rest = (char *) text;
        for (char *word; (word = strsep(&rest, " \t\n"));)
                if (strncmp(word, WORD, strlen(WORD)) == 0 && (!word[strlen(WORD)] || word[strlen(WORD)] == '='))
                        return true;
        return false;
}

static void ignore(const char *file, unsigned line, const char *message, void *userdata) {
}

static int make_text(const AttestConfig *c, char **ret) {
        const uint64_t start_sec = c->timeout_usec / USEC_PER_SEC + GRACE_SEC;
        bool network = attest_config_uses(c, SOURCE_NETWORK);
        size_t size = 0;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        (void) fputs("# Made by cocoon-attest-generator from attest.conf(5)\n[Unit]\n", f);
        if (network)
                (void) fprintf(f,
                               "# Sources= has \"network\"\n"
                               "Wants=network-online.target time-sync.target\n"
                               "After=network-online.target time-sync.target\n"
                               "JobTimeoutSec=%" PRIu64 "s\n"
                               "JobTimeoutAction=poweroff-force\n",
                               start_sec + WAIT_SEC);
        /* No unit stands for a disk that may be attached or not. */
        if (attest_config_uses(c, SOURCE_BUNDLE) && c->bundle && strncmp(c->bundle, "/dev/", 5) == 0)
                (void) fputs("# Bundle= may be a disk\n"
                             "Wants=systemd-udev-settle.service\n"
                             "After=systemd-udev-settle.service\n",
                             f);
        (void) fputs("[Service]\n", f);
        if (network)
                (void) fputs("PrivateNetwork=no\n"
                             "RestrictAddressFamilies=AF_INET AF_INET6\n"
                             "# Unicast alone: names are not asked of whoever listens nearby (mDNS, LLMNR).\n"
                             "IPAddressAllow=0.0.0.0/1 128.0.0.0/2 192.0.0.0/3\n"
                             "IPAddressAllow=::1 64:ff9b::/96 2000::/3 fc00::/7 fe80::/10\n",
                             f);
        (void) fprintf(f, "TimeoutStartSec=%" PRIu64 "s\n", start_sec);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int write_drop_in(const char *dir, const char *text) {
        _cleanup_free_ char *folder = NULL, *file = NULL;

        if (asprintf(&folder, DROP_IN_DIR, dir) < 0 || asprintf(&file, DROP_IN_FILE, dir) < 0)
                return log_oom();
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return log_error_errno(errno, "Failed to make %s: %m", folder);
        return write_file_atomic(file, text, strlen(text), 0644);
}

int main(int argc, char *argv[]) {
        _cleanup_(attest_config_done) AttestConfig config = {};
        _cleanup_free_ char *text = NULL;
        const char *root;
        int r;

        log_open("cocoon-attest-generator", LOG_INFO);
        if (argc != 4 && argc != 5) {
                log_error("expected three directories of systemd.generator(7), found %d arguments.", argc - 1);
                return EXIT_FAILURE;
        }
        root = argc == 5 ? argv[4] : "";
        if (!is_wanted(root))
                return EXIT_SUCCESS;
        /* What is wrong with the configuration the gate itself says, and refuses. */
        r = attest_config_load(root, &config, ignore, NULL);
        if (r == -EINVAL)
                return EXIT_SUCCESS;
        if (r >= 0)
                r = make_text(&config, &text);
        if (r >= 0)
                r = write_drop_in(argv[1], text);
        if (r < 0)
                return (void) log_error_errno(r, "Failed to write a drop-in for nvidia-tdx.service: %m"), EXIT_FAILURE;
        return EXIT_SUCCESS;
}
