/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded: fsync() takes as long as the file is there that COCOON_SLOW_DISK names. */

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd) {
        const char *file = getenv("COCOON_SLOW_DISK");

        while (file && access(file, F_OK) == 0)
                (void) usleep(5000);
        return (int) syscall(SYS_fsync, fd);
}
