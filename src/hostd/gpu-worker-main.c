/* SPDX-License-Identifier: Apache-2.0 */

/* cocoon-gpu-worker: what cocoon-hostd runs, a process for one operation on one GPU. */

#include <fcntl.h>
#include <signal.h>

#include "basic/log.h"
#include "hostd/gpu-worker.h"

#define EXIT_USAGE 2

/* A service that is stopped tells its workers through their sockets; a signal would come between two knobs. */
static void ignore_signals(void) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) signal(signals[i], SIG_IGN);
}

int main(int argc, char *argv[]) {
        static const PciHost host = { .root = "" };
        char address[PCI_ADDRESS_SIZE];
        WorkerOperation operation;

        log_open("cocoon-gpu-worker", LOG_INFO);
        operation = argc == 3 ? worker_operation_from_string(argv[1]) : _WORKER_OPERATION_INVALID;
        if (operation == _WORKER_OPERATION_INVALID || pci_address_parse(argv[2], address) < 0 ||
            fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC) < 0) {
                log_error("Usage: cocoon-gpu-worker inspect|prepare|restore|check|lease ADDRESS, with cocoon-hostd at descriptor 3");
                return EXIT_USAGE;
        }
        ignore_signals();
        return worker_run(operation, address, WORKER_FD, &host, &worker_real_ops) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
