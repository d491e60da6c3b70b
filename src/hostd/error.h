/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The names of errors on the bus, org.cocoon.Host1.Error.*: of replies, of jobs, of what a GPU failed for. */

#include <systemd/sd-bus.h>

#include "basic/cleanup.h"

#define HOST_ERROR(name) "org.cocoon.Host1.Error." name

#define HOST_ERROR_ACCESS_DENIED         HOST_ERROR("AccessDenied")
#define HOST_ERROR_BUSY                  HOST_ERROR("Busy")
#define HOST_ERROR_CANCELED              HOST_ERROR("Canceled")
#define HOST_ERROR_DEVICE_ERROR          HOST_ERROR("DeviceError")
#define HOST_ERROR_DEVICE_GONE           HOST_ERROR("DeviceGone")
#define HOST_ERROR_DEVICE_TIMEOUT        HOST_ERROR("DeviceTimeout")
#define HOST_ERROR_HASH_MISMATCH         HOST_ERROR("HashMismatch")
#define HOST_ERROR_HUB_UNAVAILABLE       HOST_ERROR("HubUnavailable")
#define HOST_ERROR_IN_USE                HOST_ERROR("InUse")
#define HOST_ERROR_INVALID_ADDRESS       HOST_ERROR("InvalidAddress")
#define HOST_ERROR_INVALID_CONFIGURATION HOST_ERROR("InvalidConfiguration")
#define HOST_ERROR_INVALID_FLAGS         HOST_ERROR("InvalidFlags")
#define HOST_ERROR_INVALID_OPTION        HOST_ERROR("InvalidOption")
#define HOST_ERROR_INVALID_SPECIFICATION HOST_ERROR("InvalidSpecification")
#define HOST_ERROR_LIMITS_EXCEEDED       HOST_ERROR("LimitsExceeded")
#define HOST_ERROR_MODEL_FAILED          HOST_ERROR("ModelFailed")
#define HOST_ERROR_NO_SPACE              HOST_ERROR("NoSpace")
#define HOST_ERROR_NO_SUCH_GPU           HOST_ERROR("NoSuchGPU")
#define HOST_ERROR_NO_SUCH_MODEL         HOST_ERROR("NoSuchModel")
#define HOST_ERROR_NOT_READY             HOST_ERROR("NotReady")
#define HOST_ERROR_NOT_PERMITTED         HOST_ERROR("NotPermitted")
#define HOST_ERROR_NOT_SUPPORTED         HOST_ERROR("NotSupported")
#define HOST_ERROR_STATE_NOT_STORED      HOST_ERROR("StateNotStored")
#define HOST_ERROR_WORKER_FAILED         HOST_ERROR("WorkerFailed")

/* The name for what a worker calls by the name of an errno ("EBUSY"); DeviceError for what is none or unknown. */
const char *host_error_from_errno_name(const char *name);

/* sd_bus_error_setf() for text that came from elsewhere, and may be cut: a message that is not UTF-8 could not be sent at
 * all. */
int host_error_set(sd_bus_error *error, const char *name, const char *format, ...) _printf_(3, 4);

/* Replaces what is not printable ASCII by '?': what a device, a file or a caller says ends on terminals. Returns `text`. */
char *make_printable(char *text);
