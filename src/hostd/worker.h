/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The child process that does an operation, seen from the daemon (worker-protocol.h). */

#include <signal.h>

#include "basic/json.h"
#include "hostd/manager.h"
#include "hostd/worker-protocol.h"
#include "vfio/lend.h"

typedef struct WorkerOps {
        /* What it says; NULL for what is no message. Not called after ended(). */
        void (*message)(void *userdata, json_object *message);
        /* The process is gone, and all that it said was handed over. May free the worker. */
        void (*ended)(void *userdata, const siginfo_t *how);
} WorkerOps;

/* Runs it, and sends the first message; `record` and `options` are borrowed and may be NULL. 0 or a negative errno. */
int worker_start(Manager *m, WorkerOperation operation, const char *address, json_object *record, json_object *options,
                 const WorkerOps *ops, void *userdata, Worker **ret);

/* The descriptors that came with its last message, which are the caller's: 0, or -ENOENT. */
int worker_take_loan(Worker *w, VfioLoan *ret);

void worker_answer(Worker *w, bool go);
void worker_kill(Worker *w);

/* Lets go of a process that was killed and does not die: nothing waits for it any more. */
void worker_leave(Worker *w);

/* The process left behind that still has its hands on this GPU, 0 for none. */
pid_t worker_stuck(const Manager *m, const char *address);

Worker *worker_next_stuck(const Worker *w);

/* Closes the socket. One that still runs takes back what a reset would bring into effect, and ends. */
Worker *worker_free(Worker *w);
