/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/error.h"

#include <stdarg.h>
#include <string.h>

#define MESSAGE_SIZE 1024U

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

char *make_printable(char *text) {
        for (char *p = text; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        return text;
}

int host_error_set(sd_bus_error *error, const char *name, const char *format, ...) {
        char message[MESSAGE_SIZE];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        return sd_bus_error_set(error, name, make_printable(message));
}
