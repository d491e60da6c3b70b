/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/config.h"

#include <string.h>
#include <strings.h>

#include "attest/evidence.h"
#include "basic/cleanup.h"
#include "basic/clock.h"

#define CONFIG_NAME "cocoon/attest.conf"
#define RETRIES_MAX 10U

/* A disk that the host attaches with this serial. */
#define DEFAULT_BUNDLE "/dev/disk/by-id/virtio-cocoon-bundle"
#define DEFAULT_CACHE  "/var/cache/cocoon"

/* Where [Attest] leaves time for them. */
#define DEFAULT_DEVICE_TIMEOUT_USEC  (20 * USEC_PER_SEC)
#define DEFAULT_NETWORK_TIMEOUT_USEC (60 * USEC_PER_SEC)

static const char *const source_names[_SOURCE_MAX] = {
        [SOURCE_CACHE]     = "cache",
        [SOURCE_BUNDLE]    = "bundle",
        [SOURCE_DIRECTORY] = "directory",
        [SOURCE_NETWORK]   = "network",
};

static int append_source(SourceOrder *order, const char *name, size_t length) {
        for (CollateralSource s = 0; s < _SOURCE_MAX; s++) {
                if (strlen(source_names[s]) != length || strncmp(source_names[s], name, length) != 0)
                        continue;
                for (size_t i = 0; i < order->n_items; i++)
                        if (order->items[i] == s)
                                return -EINVAL;
                order->items[order->n_items++] = s;
                return 0;
        }
        return -EINVAL;
}

/* Unlike other lists, a second assignment is a new order: what could it mean to append to one? */
static int parse_sources(const ConfItem *item, const char *value, void *target) {
        SourceOrder order = {};

        while (*value) {
                size_t length = strcspn(value, " \t");
                int r = append_source(&order, value, length);

                if (r < 0)
                        return r;
                value += length;
                value += strspn(value, " \t");
        }
        *(SourceOrder *) target = order;
        return 0;
}

static int parse_path(const ConfItem *item, const char *value, void *target) {
        return *value && *value != '/' ? -EINVAL : conf_parse_string(item, value, target);
}

/* A word has no blanks in it, so that one assignment is one path. */
static int parse_path_list(const ConfItem *item, const char *value, void *target) {
        return *value && *value != '/' ? -EINVAL : conf_parse_strv(item, value, target);
}

static int parse_count(const ConfItem *item, const char *value, void *target) {
        unsigned n;
        int r;

        if (strcmp(value, "any") == 0) {
                *(unsigned *) target = 0;
                return 0;
        }
        r = conf_parse_unsigned(item, value, &n);
        if (r < 0)
                return r;
        if (n == 0 || n > EVIDENCE_DEVICES_MAX)
                return -ERANGE;
        *(unsigned *) target = n;
        return 0;
}

static int parse_retries(const ConfItem *item, const char *value, void *target) {
        unsigned n;
        int r;

        r = conf_parse_unsigned(item, value, &n);
        if (r < 0)
                return r;
        if (n > RETRIES_MAX)
                return -ERANGE;
        *(unsigned *) target = n;
        return 0;
}

/* A limit that is none would let one sick device or server hold the boot for ever; no time at all lets nothing pass. */
static int parse_limit(const ConfItem *item, const char *value, void *target) {
        uint64_t usec;
        int r;

        r = conf_parse_sec(item, value, &usec);
        if (r < 0)
                return r;
        if (usec == 0 || usec > 3600 * USEC_PER_SEC)
                return -ERANGE;
        *(uint64_t *) target = usec;
        return 0;
}

static int parse_age(const ConfItem *item, const char *value, void *target) {
        uint64_t usec;
        int r;

        r = conf_parse_sec(item, value, &usec);
        if (r < 0)
                return r;
        if (usec == 0)
                return -ERANGE;
        *(uint64_t *) target = usec;
        return 0;
}

#define AT(field) offsetof(AttestConfig, field)

static const ConfItem items[] = {
        { "Attest",     "Policy",            parse_path,       AT(policy)               },
        { "Attest",     "TrustAnchors",      parse_path,       AT(trust_anchors)        },
        { "Attest",     "TimeoutSec",        parse_limit,      AT(timeout_usec)         },
        { "Devices",    "GPUs",              parse_count,      AT(gpus)                 },
        { "Devices",    "Switches",          parse_count,      AT(switches)             },
        { "Devices",    "TimeoutSec",        parse_limit,      AT(device_timeout_usec)  },
        { "Devices",    "Retries",           parse_retries,    AT(device_retries)       },
        { "Collateral", "Sources",           parse_sources,    AT(sources)              },
        { "Collateral", "Cache",             parse_path,       AT(cache)                },
        { "Collateral", "Bundle",            parse_path,       AT(bundle)               },
        { "Collateral", "RIMDirectory",      parse_path_list,  AT(rim_dirs)             },
        { "Collateral", "OCSPDirectory",     parse_path_list,  AT(ocsp_dirs)            },
        { "Collateral", "MaxCollateralAge",  parse_age,        AT(max_age_usec)         },
        { "Collateral", "RIMServiceURL",     conf_parse_string, AT(rim_url)             },
        { "Collateral", "OCSPServiceURL",    conf_parse_string, AT(ocsp_url)            },
        { "Collateral", "ServiceKeyFile",    parse_path,       AT(service_key_file)     },
        { "Collateral", "AllowHTTP",         conf_parse_bool,  AT(allow_http)           },
        { "Collateral", "OCSPNonce",         conf_parse_bool,  AT(ocsp_nonce)           },
        { "Collateral", "TimeoutSec",        parse_limit,      AT(network_timeout_usec) },
        { "Collateral", "Retries",           parse_retries,    AT(network_retries)      },
        { "TDX",        "RequireTDX",        conf_parse_bool,  AT(require_tdx)          },
        { "TDX",        "BindQuote",         conf_parse_bool,  AT(bind_quote)           },
};

static int set_defaults(AttestConfig *c) {
        *c = (AttestConfig){
                .timeout_usec = 120 * USEC_PER_SEC,
                .device_retries = 2,
                .sources = { { SOURCE_CACHE, SOURCE_BUNDLE, SOURCE_DIRECTORY, SOURCE_NETWORK }, _SOURCE_MAX },
                .max_age_usec = UINT64_MAX,
                .ocsp_nonce = true,
                .network_retries = 4,
                .cache = strdup(DEFAULT_CACHE),
                .bundle = strdup(DEFAULT_BUNDLE),
        };
        return c->cache && c->bundle ? 0 : -ENOMEM;
}

/* A limit that nobody set (none is 0) must not contradict one that somebody did. */
static uint64_t limit_or(uint64_t set, uint64_t by_default, uint64_t of_all) {
        return set > 0 ? set : by_default < of_all ? by_default : of_all;
}

/* What is wrong with the settings together, or NULL. */
static const char *find_contradiction(const AttestConfig *c) {
        const char *const urls[] = { c->rim_url, c->ocsp_url };

        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                if (!urls[i] || strncasecmp(urls[i], "https://", 8) == 0)
                        continue;
                if (strncasecmp(urls[i], "http://", 7) != 0)
                        return "a service's URL is neither https:// nor http://";
                if (!c->allow_http)
                        return "a service's URL is http://, and AllowHTTP= is off";
        }
        if (c->sources.n_items == 0)
                return "Sources= names none: no device could ever pass";
        if (!attest_config_uses(c, SOURCE_DIRECTORY) && (c->rim_dirs || c->ocsp_dirs))
                return "RIMDirectory= or OCSPDirectory= is set, but Sources= does not name \"directory\"";
        if (c->device_timeout_usec > c->timeout_usec || c->network_timeout_usec > c->timeout_usec)
                return "a TimeoutSec= of [Devices] or [Collateral] is longer than that of [Attest]";
        return NULL;
}

bool attest_config_uses(const AttestConfig *c, CollateralSource source) {
        for (size_t i = 0; i < c->sources.n_items; i++)
                if (c->sources.items[i] == source)
                        return true;
        return false;
}

void attest_config_done(AttestConfig *c) {
        free(c->policy);
        free(c->trust_anchors);
        free(c->cache);
        free(c->bundle);
        (void) strv_free(c->rim_dirs);
        (void) strv_free(c->ocsp_dirs);
        free(c->rim_url);
        free(c->ocsp_url);
        free(c->service_key_file);
        *c = (AttestConfig){};
}

int attest_config_load(const char *root, AttestConfig *ret, ConfReport report, void *userdata) {
        _cleanup_(attest_config_done) AttestConfig c = {};
        const char *contradiction;
        int r;

        r = set_defaults(&c);
        if (r >= 0)
                r = conf_load(root, CONFIG_NAME, items, ELEMENTSOF(items), &c, report, userdata);
        if (r < 0)
                return r;
        c.device_timeout_usec = limit_or(c.device_timeout_usec, DEFAULT_DEVICE_TIMEOUT_USEC, c.timeout_usec);
        c.network_timeout_usec = limit_or(c.network_timeout_usec, DEFAULT_NETWORK_TIMEOUT_USEC, c.timeout_usec);
        contradiction = find_contradiction(&c);
        if (contradiction) {
                report("/etc/" CONFIG_NAME, 0, contradiction, userdata);
                return -EINVAL;
        }
        *ret = TAKE_STRUCT(c);
        return 0;
}
