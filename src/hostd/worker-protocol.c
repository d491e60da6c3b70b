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
        };

        return names[step];
}

int worker_send(int fd, json_object *message) {
        _cleanup_json_ json_object *owned = message;
        const char *text = owned ? json_object_to_json_string_ext(owned, JSON_C_TO_STRING_PLAIN) : NULL;
        size_t n;

        if (!text)
                return -ENOMEM;
        n = strlen(text);
        if (n > WORKER_MESSAGE_MAX)
                return -E2BIG;
        if (send(fd, text, n, MSG_NOSIGNAL) < 0)
                return -errno;
        return 0;
}

int worker_receive(int fd, json_object **ret) {
        _cleanup_json_ json_object *message = NULL;
        char text[WORKER_MESSAGE_MAX];
        ssize_t n;
        int r;

        do
                n = recv(fd, text, sizeof(text), MSG_TRUNC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
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
