/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/error.h"

#include <string.h>

#include "basic/cleanup.h"

static const struct {
        const char *errno_name, *error;
} errors[] = {
        { "EACCES",     HOST_ERROR_NOT_PERMITTED  },
        { "EBUSY",      HOST_ERROR_IN_USE         },
        { "ECANCELED",  HOST_ERROR_CANCELED       },
        { "ENODEV",     HOST_ERROR_DEVICE_GONE    },
        { "ENOSPC",     HOST_ERROR_NO_SPACE       },
        { "ENXIO",      HOST_ERROR_DEVICE_GONE    },
        { "EOPNOTSUPP", HOST_ERROR_NOT_SUPPORTED  },
        { "EPERM",      HOST_ERROR_NOT_PERMITTED  },
        { "ETIMEDOUT",  HOST_ERROR_DEVICE_TIMEOUT },
};

const char *host_error_from_errno_name(const char *name) {
        for (size_t i = 0; name && i < ELEMENTSOF(errors); i++)
                if (strcmp(errors[i].errno_name, name) == 0)
                        return errors[i].error;
        return HOST_ERROR_DEVICE_ERROR;
}
