/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What cocoon-hostd and its children, one process for one operation on one GPU, say to each other:
 *
 *   cocoon-gpu-worker OPERATION ADDRESS
 *
 * with a SOCK_SEQPACKET socket as descriptor 3: one JSON object a message, 8 KiB at most.
 *
 * To the worker, once, at the start:
 *   {"record":{…}|null, "options":{…}|null}   The record is the last one that the worker of an operation on this GPU
 *                                             sent and that was not ended by "done" of a restore; null: none.
 * From it, before each step, of which there may be fewer than "of":
 *   {"step":"unbind", "n":3, "of":13, "record":{…}}
 * which has to be answered with {"go":true} when the record is stored durably, or {"go":false} to cancel: then the
 * worker undoes what it did and reports. {"go":false} is understood at any other time as well.
 * At times, never answered:
 *   {"progress":N, "total":M}                 microseconds of a wait that may take as long as M
 *   {"note":"…"}                              something that was put right on the way
 *   {"undo":"bind"}                           the step that is being undone
 * And last, one of:
 *   {"result":"done", "cc":"on", "ppcie":"off", "driver":"vfio-pci", "changed":true}
 *   {"result":"failed", "step":"unbind", "what":"…", "expected":"…", "found":"…", "advice":"…", "errno":"EBUSY",
 *    "rolled-back":true, "cc":"off", "ppcie":"off", "driver":"nvidia"}
 * where that of lease comes with two descriptors, of device and IOMMU (vfio/lend.h).
 * "cc" is on, off, devtools, invalid or unknown; "ppcie" on, off, unsupported or unknown; "driver" "" for none.
 * "rolled-back" says that the device is as it was before this worker; where it does not, the device is left where it
 * does no harm, which is vfio-pci for one that may be in a CC mode; "advice" may be missing. A cancelled operation
 * has failed with ECANCELED. The end of the stream without a last message: the worker died. A worker whose hostd died
 * takes back what a reset would bring into effect, leaves the driver as it is and ends.
 *
 * The record, which the worker alone understands and hostd keeps:
 *   {"driver":"nvidia", "override":"", "cc":"off", "ppcie":"off",
 *    "siblings":[{"address":"0000:01:00.1", "driver":"snd_hda_intel", "override":""}]}
 * "driver" is the one from before, "" for none. Of siblings only those that go where the GPU goes.
 *
 * Options: "mode" of prepare and check: "on" (default), "devtools", "ppcie"; "uid" of lease: for whom; "root": the directory below which /sys,
 * /dev and /proc are, for tests. */

#include <stdint.h>

#include "basic/fault.h"
#include "basic/json.h"
#include "vfio/lend.h"

#define WORKER_FD          3
#define WORKER_MESSAGE_MAX 8192U

typedef enum WorkerOperation {
        WORKER_INSPECT, /* modes and driver; changes nothing */
        WORKER_PREPARE, /* to vfio-pci, CC on */
        WORKER_RESTORE, /* CC off, to the driver from before */
        WORKER_CHECK,   /* one that was ready: nobody has it, and its mode is still so after a reset */
        WORKER_LEASE,   /* one that is ready: somebody else gets it, unopened */
        _WORKER_OPERATION_MAX,
        _WORKER_OPERATION_INVALID = -1,
} WorkerOperation;

/* In the order in which they are done; each operation leaves some out. */
typedef enum WorkerStep {
        WORKER_STEP_IDENTIFY,    /* who is it? */
        WORKER_STEP_SURVEY,      /* IOMMU, group, who uses it */
        WORKER_STEP_UNBIND,      /* from here on the device is changed */
        WORKER_STEP_BIND,
        WORKER_STEP_OPEN,        /* VFIO, which resets the device */
        WORKER_STEP_BOOT,
        WORKER_STEP_QUERY,
        WORKER_STEP_PERMISSIONS,
        WORKER_STEP_STAGE,       /* from here on a reset changes the mode */
        WORKER_STEP_READ_BACK,
        WORKER_STEP_RESET,
        WORKER_STEP_VERIFY,
        WORKER_STEP_RELEASE,     /* restore: off vfio-pci */
        WORKER_STEP_REBIND,      /* restore: to the driver from before */
        WORKER_STEP_LEND,        /* lease: from here on others may open it */
        _WORKER_STEP_MAX,
} WorkerStep;

/* "inspect", "prepare", …. */
const char *worker_operation_to_string(WorkerOperation operation);
WorkerOperation worker_operation_from_string(const char *name);

/* "identify", "survey", "read-back", …. */
const char *worker_step_to_string(WorkerStep step);

/* Sends one message, which is freed in any case. 0; -E2BIG; -ENOMEM (also for NULL); or the errno of send(). */
int worker_send(int fd, json_object *message);

/* Receives one, which is the caller's. Does not wait when the socket does not. 0; -ECONNRESET at the end of the stream;
 * -EBADMSG for what is no JSON object; -EAGAIN; or the errno of recv(). */
int worker_receive(int fd, json_object **ret);

/* The same with the descriptors of a loan. What is not received is -EBADF and a loan in part is none; to be closed in any
 * case. */
int worker_send_loan(int fd, json_object *message, const VfioLoan *loan);
int worker_receive_loan(int fd, json_object **ret, VfioLoan *ret_loan);
