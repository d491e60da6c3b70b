/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/worker-protocol.h"

#include <string.h>
#include <sys/socket.h>

#define DEPTH_MAX  6
#define VALUES_MAX 512U

static const char *const operations[_WORKER_OPERATION_MAX] = {
        [WORKER_INSPECT] = "inspect",
        [WORKER_PREPARE] = "prepare",
        [WORKER_RESTORE] = "restore",
        [WORKER_CHECK] = "check",
        [WORKER_LEASE] = "lease",
};

const char *worker_operation_to_string(WorkerOperation operation) {
        return operations[operation];
}

WorkerOperation worker_operation_from_string(const char *name) {
        for (WorkerOperation i = 0; i < _WORKER_OPERATION_MAX; i++)
                if (strcmp(name, operations[i]) == 0)
                        return i;
        return _WORKER_OPERATION_INVALID;
}

const char *worker_step_to_string(WorkerStep step) {
        static const char *const names[_WORKER_STEP_MAX] = {
                [WORKER_STEP_IDENTIFY] = "identify",
                [WORKER_STEP_SURVEY] = "survey",
                [WORKER_STEP_UNBIND] = "unbind",
                [WORKER_STEP_BIND] = "bind",
                [WORKER_STEP_OPEN] = "open",
                [WORKER_STEP_BOOT] = "boot",
                [WORKER_STEP_QUERY] = "query",
                [WORKER_STEP_PERMISSIONS] = "permissions",
                [WORKER_STEP_STAGE] = "stage",
                [WORKER_STEP_READ_BACK] = "read-back",
                [WORKER_STEP_RESET] = "reset",
                [WORKER_STEP_VERIFY] = "verify",
                [WORKER_STEP_RELEASE] = "release",
                [WORKER_STEP_REBIND] = "rebind",
                [WORKER_STEP_LEND] = "lend",
        };

        return names[step];
}

/* Room for two descriptors. */
typedef union LoanBuffer {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
} LoanBuffer;

int worker_send_loan(int fd, json_object *message, const VfioLoan *loan) {
        _cleanup_json_ json_object *owned = message;
        const char *text = owned ? json_object_to_json_string_ext(owned, JSON_C_TO_STRING_PLAIN) : NULL;
        LoanBuffer buffer = { .header = { CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
        char copy[WORKER_MESSAGE_MAX];
        struct iovec data = { copy, text ? strlen(text) : 0 };
        struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

        if (!text)
                return -ENOMEM;
        if (data.iov_len > sizeof(copy))
                return -E2BIG;
        memcpy(copy, text, data.iov_len);
        if (loan) {
                memcpy(CMSG_DATA(&buffer.header), (const int[]){ loan->device, loan->iommu }, 2 * sizeof(int));
                m.msg_control = &buffer;
                m.msg_controllen = sizeof(buffer);
        }
        return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int worker_send(int fd, json_object *message) {
        return worker_send_loan(fd, message, NULL);
}

/* All descriptors or none. */
static void take_loan(struct msghdr *m, VfioLoan *ret) {
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        int fds[2] = { -EBADF, -EBADF };

        if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                return;
        memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0) < sizeof(fds) ? c->cmsg_len - CMSG_LEN(0) : sizeof(fds));
        *ret = (VfioLoan){ fds[0], fds[1] };
        if (fds[1] < 0)
                vfio_loan_close(ret);
}

int worker_receive_loan(int fd, json_object **ret, VfioLoan *ret_loan) {
        _cleanup_json_ json_object *message = NULL;
        char text[WORKER_MESSAGE_MAX];
        struct iovec data = { text, sizeof(text) };
        LoanBuffer buffer = {};
        struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &buffer, .msg_controllen = sizeof(buffer) };
        ssize_t n;
        int r;

        *ret_loan = (VfioLoan){ -EBADF, -EBADF };
        do
                n = recvmsg(fd, &m, MSG_TRUNC | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        take_loan(&m, ret_loan);
        if (n == 0)
                return -ECONNRESET;
        if ((size_t) n > sizeof(text))
                return -EBADMSG;
        r = json_parse(text, (size_t) n, DEPTH_MAX, VALUES_MAX, &message);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (!json_object_is_type(message, json_type_object))
                return -EBADMSG;
        *ret = TAKE_PTR(message);
        return 0;
}

int worker_receive(int fd, json_object **ret) {
        VfioLoan loan;
        int r = worker_receive_loan(fd, ret, &loan);

        vfio_loan_close(&loan);
        return r;
}
