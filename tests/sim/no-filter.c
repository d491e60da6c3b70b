/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded: no filter of system calls is set, so that what stands for the kernel in a process can go on talking to its server. */

#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...) {
        unsigned long arguments[4];
        va_list ap;

        va_start(ap, option);
        for (int i = 0; i < 4; i++)
                arguments[i] = va_arg(ap, unsigned long);
        va_end(ap);
        if (option == PR_SET_SECCOMP)
                return 0;
        return (int) syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
}
