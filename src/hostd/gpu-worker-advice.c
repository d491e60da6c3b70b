/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-worker.h"

#define ANY (-1)

/* The first line that fits. */
static const struct {
        int step, error;
        const char *text;
} advice[] = {
        { ANY, ECANCELED, NULL },
        { WORKER_STEP_IDENTIFY, ENODEV, "look for its address with lspci -D -d 10de:" },
        { WORKER_STEP_IDENTIFY, EOPNOTSUPP, "ask for a mode that this device has, if it has any" },
        { WORKER_STEP_REBIND, ENOENT, "load the module of that driver and try again" },
        { WORKER_STEP_REBIND, ANY, "see the kernel log for why the driver did not take it" },
        { WORKER_STEP_BIND, ANY, "see the kernel log for why vfio-pci did not take it" },
        { ANY, ENODEV, "the device is gone or its link is down: plug it in, or power-cycle the host" },
        { WORKER_STEP_SURVEY, EIO, "it was changed from outside: prepare it again, or restore it" },
        { WORKER_STEP_SURVEY, EOPNOTSUPP,
          "turn on VT-d or AMD-Vi in the firmware, and boot Linux with intel_iommu=on on Intel" },
        { WORKER_STEP_SURVEY, EBUSY, "end these processes, or stop their services (such as nvidia-persistenced) first" },
        { WORKER_STEP_RELEASE, EBUSY, "end these processes first" },
        { WORKER_STEP_UNBIND, EBUSY, "end these processes, or stop their services (such as nvidia-persistenced) first" },
        { WORKER_STEP_SURVEY, EACCES, "the host daemon needs CAP_SYS_PTRACE to see who uses a device" },
        { WORKER_STEP_UNBIND, ETIMEDOUT, "something that is no process uses the device (a console, a DRM client): see the "
                                         "kernel log; the driver may yet let go" },
        { WORKER_STEP_OPEN, EBUSY, "shut down the guest that has it" },
        { WORKER_STEP_OPEN, EOPNOTSUPP, "systemctl restart cocoon-hostd.service loads VFIO (modprobe@vfio_pci.service)" },
        /* What is in the unit's sandbox: nodes of the driver that was loaded when the daemon began. */
        { WORKER_STEP_OPEN, ENOENT, "VFIO was loaded anew: systemctl restart cocoon-hostd.service lets the daemon see it" },
        { WORKER_STEP_OPEN, EPERM, "VFIO was loaded anew: systemctl restart cocoon-hostd.service lets the daemon see it" },
        { WORKER_STEP_OPEN, EADDRNOTAVAIL,
          "there was no room for its memory: see the kernel log; turn on decoding above 4 GiB in the firmware, or boot "
          "Linux with pci=realloc" },
        { WORKER_STEP_PERMISSIONS, EPERM, "allow it out of band, through the board's management controller" },
        { WORKER_STEP_QUERY, EOPNOTSUPP, "ask for a mode that this device has: an NVSwitch has protected PCIe" },
        { WORKER_STEP_PERMISSIONS, EOPNOTSUPP, "this firmware or chip has no such mode: update the VBIOS" },
        { WORKER_STEP_STAGE, EIO, "the GPU's firmware refused: allow the change out of band, or update the VBIOS" },
        { WORKER_STEP_READ_BACK, EIO, "the GPU's firmware refused: allow the change out of band, or update the VBIOS" },
        { ANY, ETIMEDOUT, "the device does not do what it should: power-cycle the host, then try again" },
        { ANY, EBADMSG, "the device does not do what it should: power-cycle the host, then try again" },
        { ANY, EIO, "the device does not do what it should: power-cycle the host, then try again" },
};

const char *worker_advice(WorkerStep step, int error) {
        for (size_t i = 0; i < ELEMENTSOF(advice); i++)
                if ((advice[i].step == ANY || advice[i].step == (int) step) &&
                    (advice[i].error == ANY || advice[i].error == abs(error)))
                        return advice[i].text;
        return NULL;
}
