/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <sys/socket.h>

#include "hostd/gpu-worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name of a driver becomes part of a path. */
static void check(const WorkerRecord *r) {
        if (r->n > WORKER_COMPANIONS_MAX || strchr(r->binding.driver, '/') || strchr(r->binding.override, '/'))
                abort();
        for (size_t i = 0; i < r->n; i++)
                if (strchr(r->siblings[i].binding.driver, '/') || strchr(r->siblings[i].binding.override, '/'))
                        abort();
}

/* What is taken for a record is the same one when it is written and read again. */
static void write_and_read(const WorkerRecord *record) {
        _cleanup_json_ json_object *o = worker_record_to_json(record), *again = NULL;
        WorkerRecord r;

        if (!o || worker_record_from_json(o, &r) < 0 || r.n != record->n || strcmp(r.binding.driver, record->binding.driver) != 0)
                abort();
        again = worker_record_to_json(&r);
        if (!again || !json_object_equal(o, again))
                abort();
}

/* What one of the two says to the other; a record is what a worker made of it, or a damaged disk. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ json_object *message = NULL;
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        json_object *record = NULL;
        WorkerRecord r;
        int fds[2];

        if (size > 2 * WORKER_MESSAGE_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return 0;
        from = fds[0];
        to = fds[1];
        if (send(from, data, size, MSG_NOSIGNAL) < 0 || worker_receive(to, &message) < 0)
                return 0;
        if (!json_object_is_type(message, json_type_object))
                abort();
        (void) json_object_object_get_ex(message, "record", &record);
        if (worker_record_from_json(record, &r) < 0 || !r.known)
                return 0;
        check(&r);
        write_and_read(&r);
        return 0;
}
