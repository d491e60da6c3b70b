/* SPDX-License-Identifier: Apache-2.0 */

/* usage PROGRAM ARGUMENT…: runs it, and prints the most memory that it had, in KiB, and how long it took, in microseconds. Small
 * itself: what a process had before it executed a program counts too. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"

int main(int argc, char *argv[]) {
        uint64_t begin = monotonic_usec();
        struct rusage usage;
        int status;
        pid_t pid;

        pid = argc > 1 ? fork() : -1;
        if (pid == 0) {
                (void) execv(argv[1], argv + 1);
                _exit(127);
        }
        if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
                return EXIT_FAILURE;
        (void) printf("%ld %llu\n", usage.ru_maxrss, (unsigned long long) (monotonic_usec() - begin));
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
