/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/config.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/clock.h"

#define CONFIG_NAME "cocoon/hostd.conf"

/* Class 0302: a GPU that no monitor can be connected to. */
#define PCI_CLASS_3D 0x0302

/* Shorter than any reset and boot takes, nothing could ever be prepared; a limit that is none would leave a job that
 * hangs for ever. */
#define JOB_TIMEOUT_MIN USEC_PER_SEC
#define JOB_TIMEOUT_MAX (3600 * USEC_PER_SEC)

static int parse_job_timeout(const ConfItem *item, const char *value, void *target) {
        uint64_t usec;
        int r;

        r = conf_parse_sec(item, value, &usec);
        if (r < 0)
                return r;
        if (usec < JOB_TIMEOUT_MIN || usec > JOB_TIMEOUT_MAX)
                return -ERANGE;
        *(uint64_t *) target = usec;
        return 0;
}

/* What could be part of "10de:2331" or of "0000:01:00.0", and the characters of a glob. A word with others matches
 * nothing ever, which is not what its author had in mind. */
static int parse_match(const ConfItem *item, const char *value, void *target) {
        if (value[strspn(value, "0123456789abcdefABCDEFxX:.*?[]!- \t")])
                return -EINVAL;
        return conf_parse_strv(item, value, target);
}

static const ConfItem items[] = {
        { "GPU", "AutoPrepare",   conf_parse_bool,   offsetof(HostConfig, auto_prepare)     },
        { "GPU", "Match",         parse_match,       offsetof(HostConfig, match)            },
        { "GPU", "JobTimeoutSec", parse_job_timeout, offsetof(HostConfig, job_timeout_usec) },
};

void host_config_defaults(HostConfig *ret) {
        *ret = (HostConfig){ .auto_prepare = true, .job_timeout_usec = 300 * USEC_PER_SEC };
}

void host_config_done(HostConfig *c) {
        (void) strv_free(c->match);
        *c = (HostConfig){};
}

int host_config_load(const char *root, HostConfig *ret, ConfReport report, void *userdata) {
        _cleanup_(host_config_done) HostConfig c = {};
        int r;

        host_config_defaults(&c);
        r = conf_load(root, CONFIG_NAME, items, ELEMENTSOF(items), &c, report, userdata);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(c);
        return 0;
}

/* An address without a domain is in domain 0, in a glob too. */
static bool matches(const char *pattern, const char *address, const char *ids) {
        return fnmatch(pattern, ids, FNM_CASEFOLD) == 0 || fnmatch(pattern, address, FNM_CASEFOLD) == 0 ||
               (strncmp(address, "0000:", 5) == 0 && fnmatch(pattern, address + 5, FNM_CASEFOLD) == 0);
}

bool host_config_wants(const HostConfig *c, const PciDevice *d) {
        char ids[sizeof("10de:2331")];

        if (!c->auto_prepare)
                return false;
        if (!c->match)
                return d->class >> 8 == PCI_CLASS_3D;
        (void) snprintf(ids, sizeof(ids), "%04x:%04x", d->vendor, d->device);
        for (char **pattern = c->match; *pattern; pattern++)
                if (matches(*pattern, d->address, ids))
                        return true;
        return false;
}
