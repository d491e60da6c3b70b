/* SPDX-License-Identifier: Apache-2.0 */

/* worker-driver WORKER OPERATION ADDRESS RECORD: what cocoon-hostd does with a cocoon-gpu-worker, for tests. Prints its
 * messages, a line each; keeps the record in the file RECORD. In the environment:
 *
 *   AT=STEP      before leave is given for this step
 *   DO=COMMAND   this is run, with the worker's process id in $WORKER
 *   ANSWER=no    and leave is not given
 *   MODE=MODE    the option
 *   FOR=UID      the option; the names of the descriptors that come back are printed
 *
 * Exits with 0 when the operation was done, 1 when it failed, 3 when the worker died without a word. */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "basic/io.h"
#include "basic/log.h"
#include "hostd/worker-protocol.h"

#define EXIT_USAGE 2
#define EXIT_DIED  3
#define FILE_LIMIT 8192U

typedef struct Driver {
        const char *record;
        pid_t pid;
        int fd;
} Driver;

static int start(Driver *d, char *argv[]) {
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
                return -errno;
        d->pid = fork();
        if (d->pid < 0)
                return -errno;
        if (d->pid == 0) {
                (void) close(fds[0]);
                if (fds[1] != WORKER_FD && (dup2(fds[1], WORKER_FD) < 0 || close(fds[1]) < 0))
                        _exit(EXIT_USAGE);
                execl(argv[1], argv[1], argv[2], argv[3], NULL);
                _exit(EXIT_USAGE);
        }
        (void) close(fds[1]);
        d->fd = fds[0];
        return 0;
}

static int send_first(const Driver *d) {
        _cleanup_json_ json_object *o = json_object_new_object(), *options = json_object_new_object(), *record = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        const char *mode = getenv("MODE"), *uid = getenv("FOR");
        size_t n;

        if (read_file_at(AT_FDCWD, d->record, FILE_LIMIT, &text, &n) >= 0 && n > 0 &&
            json_parse((const char *) text, n, 6, 200, &record) < 0)
                return -EBADMSG;
        if (!o || !options || (mode && json_add_string(options, "mode", mode) < 0) ||
            (uid && json_add_int(options, "uid", atoi(uid)) < 0) || json_add(o, "options", TAKE_PTR(options)) < 0 || json_add(o, "record", TAKE_PTR(record)) < 0)
                return -ENOMEM;
        return worker_send(d->fd, TAKE_PTR(o));
}

static int on_step(const Driver *d, json_object *message, const char *step) {
        const char *at = getenv("AT"), *what = getenv("DO"), *answer = getenv("ANSWER"), *text;
        bool here = at && strcmp(at, step) == 0;
        json_object *record;
        char pid[16];
        int r;

        if (json_get_object(message, "record", &record) >= 0) {
                text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN);
                r = write_file_atomic(d->record, text, strlen(text), 0600);
                if (r < 0)
                        return r;
        }
        (void) snprintf(pid, sizeof(pid), "%d", (int) d->pid);
        (void) setenv("WORKER", pid, 1);
        if (here && what && system(what) != 0)
                log_warning("%s: %s failed", step, what);
        message = json_object_new_object();
        if (!message || json_add_bool(message, "go", !here || !answer) < 0)
                return -ENOMEM;
        return worker_send(d->fd, message);
}

static void print_name(int fd) {
        char link[64], name[256];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%i", fd);
        n = fd < 0 ? -1 : readlink(link, name, sizeof(name) - 1);
        if (n >= 0)
                printf("%.*s\n", (int) n, name);
}

/* 1 for the last message. */
static int on_message(const Driver *d, json_object *message) {
        const char *text;

        printf("%s\n", json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN));
        (void) fflush(stdout);
        if (json_get_string(message, "result", &text) >= 0)
                return 1;
        if (json_get_string(message, "step", &text) >= 0)
                return on_step(d, message, text);
        return 0;
}

int main(int argc, char *argv[]) {
        Driver d = {};
        int r, status;

        log_open("worker-driver", LOG_INFO);
        if (argc != 5)
                return EXIT_USAGE;
        d.record = argv[4];
        r = start(&d, argv);
        if (r >= 0)
                r = send_first(&d);
        while (r == 0) {
                _cleanup_json_ json_object *message = NULL;
                VfioLoan loan;

                r = worker_receive_loan(d.fd, &message, &loan);
                print_name(loan.device);
                print_name(loan.iommu);
                vfio_loan_close(&loan);
                if (r >= 0)
                        r = on_message(&d, message);
        }
        if (r < 0 && r != -ECONNRESET && r != -EPIPE)
                (void) log_error_errno(r, "Talking to the worker: %m");
        (void) close(d.fd);
        if (waitpid(d.pid, &status, 0) < 0 || r < 0)
                return EXIT_DIED;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_DIED;
}
