/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One operation on one GPU, in a process of its own (worker-protocol.h): what its files share. */

#include "gpu/stage.h"
#include "hostd/worker-protocol.h"
#include "vfio/access.h"
#include "vfio/group.h"

#define WORKER_COMPANIONS_MAX 8U

/* A device that goes where the GPU goes, the GPU being the first. */
typedef struct WorkerMember {
        PciDevice device;
        Binding before; /* from before the first operation */
} WorkerMember;

/* What hostd keeps. */
typedef struct WorkerRecord {
        bool known;
        Binding binding;
        char cc[16], ppcie[16]; /* "" as long as nobody has looked */
        struct {
                char address[PCI_ADDRESS_SIZE];
                Binding binding;
        } siblings[WORKER_COMPANIONS_MAX];
        size_t n;
} WorkerRecord;

/* What a test puts in the kernel's place. */
typedef struct WorkerOps {
        int (*open_vfio)(const PciDevice *d, Access **ret, Fault *ret_fault);
        int (*open_sysfs)(const PciDevice *d, Access **ret, Fault *ret_fault);
        uint64_t (*now_usec)(void);
        void (*pause)(uint64_t usec); /* NULL: really */
        bool in_process; /* others run in it, and it is not confined */
} WorkerOps;

typedef struct GpuWorker {
        WorkerOperation operation;
        char address[PCI_ADDRESS_SIZE];
        int fd;
        PciHost host;
        const WorkerOps *ops;
        char root[256];
        CcMode mode;
        uid_t uid;      /* of lease */
        WorkerRecord record;
        bool resumed;   /* the record is of an earlier run: what that left is not known */

        WorkerMember members[1 + WORKER_COMPANIONS_MAX];
        size_t n_members;
        Access *access;
        VfioLoan loan;
        Gpu gpu;
        StageDevice stage;

        WorkerStep step;
        uint64_t step_started, progress_sent;
        bool undoing;   /* steps are told, not asked for */
        bool cancelled; /* by hostd */
        bool orphaned;  /* hostd is gone */
        bool moved;     /* a driver was changed */
        bool opened;    /* and with that reset */
        bool queried;   /* stage.before is what it was */
        bool reset;     /* with changed knobs: the mode is another one */
        bool changed;
        bool rolled_back;
        char cc[16], ppcie[16]; /* what is in effect, as far as known */
        const char *advice;     /* NULL: worker_advice() knows */
        Fault fault;
} GpuWorker;

extern const WorkerOps worker_real_ops;

/* Talks to hostd at `fd` from its first message to the last one. 0 when the operation was done, else its error. */
int worker_run(WorkerOperation operation, const char *address, int fd, const PciHost *host, const WorkerOps *ops);

/* gpu-worker-talk.c */

/* Says that a step begins and waits for leave to. 0; -ECANCELED when hostd does not want it any more, or is gone. */
int worker_announce(GpuWorker *w, WorkerStep step);
void worker_note(GpuWorker *w, const char *text);

/* Waits about so long: 0; -ECANCELED; -ENODEV when the kernel wants the device back. */
int worker_wait(GpuWorker *w, uint64_t usec);

/* The first message, into record, mode and host. 0 or -EBADMSG, -EINVAL with the fault filled. */
int worker_receive_start(GpuWorker *w);
void worker_send_result(GpuWorker *w, int error);

/* gpu-worker-record.c */

/* NULL when memory is out. */
json_object *worker_record_to_json(const WorkerRecord *record);

/* 0, or -EBADMSG for what worker_record_to_json() never made. `o` may be NULL: nothing is known then. */
int worker_record_from_json(json_object *o, WorkerRecord *ret);

/* gpu-worker-sandbox.c: the process from now on reaches its own device and what its group has, in sysfs and of VFIO, and
 * nothing else, nor any process or service; then, of VFIO, only the device's own nodes. What the kernel cannot do of this is
 * not done. 0 or a negative errno. */
int worker_confine(GpuWorker *w);
int worker_confine_to_nodes(GpuWorker *w);

/* gpu-worker-steps.c: what operations are made of. Each announces its steps. 0 or a negative errno with w->fault. */

int worker_identify(GpuWorker *w);

/* Without a step of its own: which devices go along, and what they are bound to, into the record unless that is known. */
int worker_find_members(GpuWorker *w);

/* Whether nothing is in the way of moving all of them to vfio-pci. */
int worker_check_free(GpuWorker *w);
int worker_move_to_vfio(GpuWorker *w);

/* Whether nobody has any of them open, or only of those that are not with VFIO, which says so itself when it is opened. */
int worker_check_users(GpuWorker *w, bool all);

/* Opens with VFIO. */
int worker_open(GpuWorker *w);
void worker_close(GpuWorker *w);
int worker_set_mode(GpuWorker *w, CcMode mode);

/* Looks, through sysfs; what cannot be seen is "unknown", and told. */
void worker_peek(GpuWorker *w);

/* Puts *status into w->cc and w->ppcie. */
void worker_set_status(GpuWorker *w, const CcStatus *status);

/* Puts "unknown" there. */
void worker_forget_status(GpuWorker *w);

/* gpu-worker-advice.c: what to do about an error of this step; NULL when there is nothing to say. Static. */
const char *worker_advice(WorkerStep step, int error);
