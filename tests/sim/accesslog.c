/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/accesslog.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include "sim/must.h"

struct SimAccessLog {
        int fd;
        atomic_uint n;
};

int sim_access_log_open(const char *path, SimAccessLog **ret) {
        _cleanup_(sim_access_log_freep) SimAccessLog *log = calloc(1, sizeof(*log));

        MUST(log);
        log->fd = open(path ?: "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log->fd < 0)
                return -errno;
        *ret = TAKE_PTR(log);
        return 0;
}

SimAccessLog *sim_access_log_free(SimAccessLog *log) {
        if (!log)
                return NULL;
        if (log->fd >= 0)
                (void) close(log->fd);
        free(log);
        return NULL;
}

_printf_(2, 3) static void put(SimAccessLog *log, const char *format, ...) {
        char line[1024];
        struct timespec now;
        va_list args;
        size_t length;
        int n, k;

        MUST(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
        n = snprintf(line, sizeof(line), "%lld.%06ld ", (long long) now.tv_sec, now.tv_nsec / 1000);
        va_start(args, format);
        k = vsnprintf(line + n, sizeof(line) - (size_t) n, format, args);
        va_end(args);
        MUST(k >= 0);
        length = (size_t) n + (size_t) k;
        if (length >= sizeof(line))
                length = sizeof(line) - 1;
        line[length - 1] = '\n';
        MUST(write(log->fd, line, length) == (ssize_t) length);
}

unsigned sim_access_log_begin(SimAccessLog *log, const char *what) {
        unsigned number = atomic_fetch_add(&log->n, 1) + 1;

        put(log, "begin %u %s\n", number, what);
        return number;
}

void sim_access_log_end(SimAccessLog *log, unsigned number, const char *what, const char *result) {
        put(log, "end %u %s -> %s\n", number, what, result);
}
