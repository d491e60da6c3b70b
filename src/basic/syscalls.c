/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/syscalls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "basic/cleanup.h"

#define CALLS_MAX 200U /* jumps of a filter are 255 long */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define FOREIGN      0x40000000U /* x32: the same architecture, other numbers from here on */
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define FOREIGN      UINT32_MAX
#else
#define ARCHITECTURE 0U
#define FOREIGN      UINT32_MAX
#endif

static struct sock_filter load(size_t offset) {
        return (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t) offset);
}

static struct sock_filter result(uint32_t value) {
        return (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, value);
}

static struct sock_filter jump(uint16_t condition, uint32_t value, size_t yes, size_t no) {
        return (struct sock_filter) BPF_JUMP(BPF_JMP | condition | BPF_K, value, (uint8_t) yes, (uint8_t) no);
}

int syscalls_refuse(const uint32_t *calls, size_t n) {
        struct sock_filter filter[CALLS_MAX + 7];
        struct sock_fprog program = { .filter = filter };
        size_t at = 0;

        if (ARCHITECTURE == 0)
                return -EOPNOTSUPP;
        if (n > CALLS_MAX)
                return -E2BIG;
        filter[at++] = load(offsetof(struct seccomp_data, arch));
        filter[at++] = jump(BPF_JEQ, ARCHITECTURE, 1, 0);
        filter[at++] = result(SECCOMP_RET_KILL_PROCESS);
        filter[at++] = load(offsetof(struct seccomp_data, nr));
        filter[at++] = jump(BPF_JGE, FOREIGN, n + 1, 0);
        for (size_t i = 0; i < n; i++)
                filter[at++] = jump(BPF_JEQ, calls[i], n - i, 0);
        filter[at++] = result(SECCOMP_RET_ALLOW);
        filter[at++] = result(SECCOMP_RET_ERRNO | EPERM);
        program.len = (unsigned short) at;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return errno == EINVAL ? -EOPNOTSUPP : -errno;
        return 0;
}
