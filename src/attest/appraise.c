/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/appraise.h"

#include <string.h>

#include "attest/measurements.h"
#include "attest/rimid.h"
#include "attest/signature.h"
#include "attest/topology.h"
#include "basic/hex.h"

/* Leaf, per-device CA, two CAs, root. */
#define DEVICE_CHAIN_LENGTH 5U

/* The leaf's key is made at every boot; no responder has ever heard of its certificate. */
#define DEVICE_OCSP_FIRST 1U

enum {
        ON_GPU    = 1 << 0,
        ON_SWITCH = 1 << 1,
        ON_BOTH   = ON_GPU | ON_SWITCH,
        MAY_BE_OFF = 1 << 2,
};

#define DRIVER(check) [CHECK_DRIVER_RIM + (check)]
#define VBIOS(check)  [CHECK_VBIOS_RIM + (check)]

static const struct {
        unsigned flags;
        const char *name;
        const char *switch_name; /* where it is another */
} check_table[_CHECK_MAX] = {
        [CHECK_ARCH]                       = { ON_BOTH,              "architecture",               NULL                  },
        [CHECK_PARSED]                     = { ON_BOTH,              "report-parsed",              NULL                  },
        [CHECK_CHAIN]                      = { ON_BOTH,              "report-cert-chain",          NULL                  },
        [CHECK_CHAIN_OCSP]                 = { ON_BOTH | MAY_BE_OFF, "report-cert-chain-ocsp",     NULL                  },
        [CHECK_SIGNATURE]                  = { ON_BOTH,              "report-signature",           NULL                  },
        [CHECK_NONCE]                      = { ON_BOTH,              "nonce",                      NULL                  },
        [CHECK_FWID]                       = { ON_BOTH,              "fwid",                       NULL                  },
        [CHECK_IDENTITY]                   = { ON_BOTH,              "device-identity",            NULL                  },
        [CHECK_TOLD]                       = { ON_BOTH | MAY_BE_OFF, "driver-agrees",              NULL                  },
        [CHECK_DISTINCT]                   = { ON_BOTH,              "distinct-devices",           NULL                  },
        DRIVER(RIM_FETCHED)                = { ON_GPU,               "driver-rim-fetched",         NULL                  },
        DRIVER(RIM_SCHEMA)                 = { ON_GPU,               "driver-rim-schema",          NULL                  },
        DRIVER(RIM_CHAIN)                  = { ON_GPU,               "driver-rim-cert-chain",      NULL                  },
        DRIVER(RIM_OCSP)                   = { ON_GPU | MAY_BE_OFF,  "driver-rim-cert-chain-ocsp", NULL                  },
        DRIVER(RIM_SIGNATURE)              = { ON_GPU,               "driver-rim-signature",       NULL                  },
        DRIVER(RIM_PRODUCT)                = { ON_GPU,               "driver-rim-product",         NULL                  },
        DRIVER(RIM_VERSION)                = { ON_GPU,               "driver-rim-version",         NULL                  },
        DRIVER(RIM_MEASUREMENTS_AVAILABLE) = { ON_GPU,               "driver-rim-measurements",    NULL                  },
        VBIOS(RIM_FETCHED)                 = { ON_BOTH,              "vbios-rim-fetched",          "bios-rim-fetched"    },
        VBIOS(RIM_SCHEMA)                  = { ON_BOTH,              "vbios-rim-schema",           "bios-rim-schema"     },
        VBIOS(RIM_CHAIN)                   = { ON_BOTH,              "vbios-rim-cert-chain",       "bios-rim-cert-chain" },
        VBIOS(RIM_OCSP)                    = { ON_BOTH | MAY_BE_OFF, "vbios-rim-cert-chain-ocsp",  "bios-rim-cert-chain-ocsp" },
        VBIOS(RIM_SIGNATURE)               = { ON_BOTH,              "vbios-rim-signature",        "bios-rim-signature"  },
        VBIOS(RIM_PRODUCT)                 = { ON_BOTH,              "vbios-rim-product",          "bios-rim-product"    },
        VBIOS(RIM_VERSION)                 = { ON_BOTH,              "vbios-rim-version",          "bios-rim-version"    },
        VBIOS(RIM_MEASUREMENTS_AVAILABLE)  = { ON_BOTH,              "vbios-rim-measurements",     "bios-rim-measurements" },
        [CHECK_NO_CONFLICT]                = { ON_GPU,               "rim-index-conflict",         NULL                  },
        [CHECK_MEASUREMENTS]               = { ON_BOTH,              "measurements",               NULL                  },
        [CHECK_MINIMUM_SVN]                = { ON_BOTH,              "minimum-svn",                NULL                  },
        [CHECK_MODE]                       = { ON_BOTH,              "mode",                       NULL                  },
        [CHECK_TOPOLOGY]                   = { ON_BOTH | MAY_BE_OFF, "topology",                   NULL                  },
};

const char *check_name(CheckId id, bool is_switch) {
        return is_switch && check_table[id].switch_name ? check_table[id].switch_name : check_table[id].name;
}

bool check_applies(CheckId id, bool is_switch) {
        return check_table[id].flags & (is_switch ? ON_SWITCH : ON_GPU);
}

static void device_done(DeviceAppraisal *d) {
        certchain_done(&d->chain);
        free(d->mismatches);
        free(d->svn_mismatches);
}

Appraisal *appraisal_free(Appraisal *a) {
        if (!a)
                return NULL;
        for (size_t i = 0; i < a->n_devices; i++)
                device_done(&a->devices[i]);
        free(a->devices);
        free(a);
        return NULL;
}

/* -ENOMEM goes up; any other error has filled the check's fault. */
static int outcome(Check *check, int r, const char *remark) {
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                check->state = CHECK_FAILED;
        else
                check_pass(check, "%s", remark);
        return r < 0 ? 0 : 1;
}

static void take_architecture(DeviceAppraisal *d) {
        Check *check = &d->checks[CHECK_ARCH];

        if (d->evidence->arch == _ARCH_INVALID) {
                (void) check_fail(check, "architecture", "HOPPER, BLACKWELL or LS10", "%s", d->evidence->arch_name);
                return;
        }
        d->arch = arch_info(d->evidence->arch);
        check_pass(check, "%s", d->arch->name);
}

static int judge_chain(DeviceAppraisal *d, const CertChain *like, const Collateral *c) {
        Check *check = &d->checks[CHECK_CHAIN];
        int r;

        r = certchain_parse_pem(d->evidence->chain, d->evidence->chain_size, like, &d->chain,
                                &check->fault);
        if (r < 0) {
                d->chain_status.status = "invalid";
                return outcome(check, r, "");
        }
        identity_read_names(&d->chain, &d->identity);
        chain_status_judge_path(&d->chain_status, c->device_verifier, &d->chain, DEVICE_CHAIN_LENGTH);
        *check = d->chain_status.path;
        return d->chain_status.authentic;
}

/* From untrusted bytes to a report that is known to be the device's own. 1 when it is, 0 when not. */
static int authenticate(DeviceAppraisal *d, const CertChain *like, const Collateral *c) {
        int r;

        r = spdm_report_parse(d->evidence->report, d->evidence->report_size, &d->report, &d->checks[CHECK_PARSED].fault);
        if (r < 0)
                return outcome(&d->checks[CHECK_PARSED], r, "");
        r = judge_chain(d, like, c);
        if (r <= 0)
                return r;
        r = report_signature_check(&d->report, d->chain.certs[0], &d->checks[CHECK_SIGNATURE].fault);
        return outcome(&d->checks[CHECK_SIGNATURE], r, "ECDSA P-384 by the leaf certificate");
}

/* Without a nonce of the verifier's own, devices of one file must at least have been asked for the same. */
static void check_nonce(DeviceAppraisal *d, size_t index, const uint8_t wanted[static NONCE_SIZE], bool asked) {
        const uint8_t *nonce = d->report.nonce;
        Check *check = &d->checks[CHECK_NONCE];
        bool same = memcmp(nonce, wanted, NONCE_SIZE) == 0;
        char found[2 * NONCE_SIZE + 1], text[2 * NONCE_SIZE + 1], expected[sizeof(check->fault.expected)];

        hex_encode(nonce, NONCE_SIZE, found);
        (void) snprintf(expected, sizeof(expected), "%s%s", hex_encode(wanted, NONCE_SIZE, text),
                        asked ? " or derived from it" : ", the first device's, or --nonce with the one that all are derived from");
        if (!same && !(asked && nonce_is_for(wanted, index, nonce)))
                (void) check_fail(check, "nonce in the report", expected, "%s", found);
        else if (memcmp(d->evidence->nonce, nonce, NONCE_SIZE) != 0)
                (void) check_fail(check, "nonce in the evidence file", found, "%s",
                                  hex_encode(d->evidence->nonce, NONCE_SIZE, text));
        else if (!asked)
                check_pass(check, "as in the evidence file; freshness is not proven without a nonce of yours");
        else
                check_pass(check, "%s", same ? "as asked" : "derived from what was asked");
}

static int parse_opaque(DeviceAppraisal *d) {
        Check *check = &d->checks[CHECK_PARSED];
        int r;

        r = opaque_parse(d->report.opaque, d->arch->is_switch, &d->opaque, &check->fault);
        if (r >= 0 && !d->arch->is_switch && opaque_text(&d->opaque, OPAQUE_DRIVER_VERSION, d->driver_version) < 0)
                r = fault_set(&check->fault, EBADMSG, "opaque data: driver version", "letters, digits, dots and the like", "none or something else");
        if (r >= 0 && opaque_vbios_version(&d->opaque, d->arch->is_switch, d->vbios_version) < 0)
                r = fault_set(&check->fault, EBADMSG, "opaque data: VBIOS version", "an entry of its form", "none");
        if (r < 0)
                return outcome(check, r, "");
        d->parsed = true;
        check_pass(check, "%zu measurements, %s layout", d->report.n_blocks, d->opaque.versioned ? "NVDAOD" : "legacy");
        return 1;
}

/* Only the first Hopper firmware signs reports without a firmware id, none of whose reports has the fields that came
 * with it or later. Switches have no such field. */
static bool may_lack_fwid(const DeviceAppraisal *d) {
        if (d->arch->is_switch)
                return true;
        return d->evidence->arch == ARCH_HOPPER && !d->opaque.versioned &&
               !opaque_find(&d->opaque, OPAQUE_PPCIE_STATUS) && !opaque_find(&d->opaque, OPAQUE_DATA_VERSION) &&
               !opaque_find(&d->opaque, OPAQUE_FEATURE_FLAG);
}

static void check_fwid(DeviceAppraisal *d) {
        const OpaqueEntry *entry = opaque_find(&d->opaque, OPAQUE_FWID);
        char expected[2 * FWID_SIZE + 1], found[2 * FWID_SIZE + 1];
        Check *check = &d->checks[CHECK_FWID];
        int r;

        r = identity_read_fwid(&d->chain, d->arch, &d->identity, &check->fault);
        if (r == -ENOENT)
                (void) check_fail(check, "leaf: DICE extension", d->arch->fwid_oid, "none");
        else if (r < 0)
                check->state = CHECK_FAILED;
        else if (!entry && may_lack_fwid(d))
                check_pass(check, "none in reports of this firmware");
        else if (!entry)
                (void) check_fail(check, "firmware id in the report", "one", "none");
        else if (memcmp(entry->value, d->identity.fwid, FWID_SIZE) != 0) {
                hex_encode(d->identity.fwid, FWID_SIZE, expected);
                hex_encode(entry->value, FWID_SIZE, found);
                (void) check_fail(check, "firmware id in the report", expected, "%s", found);
        } else
                check_pass(check, "the leaf certificate's");
}

/* A switch reports its own PDI as well. */
static int check_identity(DeviceAppraisal *d) {
        Check *check = &d->checks[CHECK_IDENTITY];
        const OpaqueEntry *own = opaque_find(&d->opaque, OPAQUE_SWITCH_PDI);
        char text[2 * PDI_SIZE + 1], other[2 * PDI_SIZE + 1];
        int r;

        r = identity_read_device(&d->chain, d->arch, &d->identity, &check->fault);
        if (r < 0)
                return outcome(check, r, "");
        hex_encode(d->identity.pdi, PDI_SIZE, text);
        if (d->arch->is_switch && !own)
                (void) check_fail(check, "PDI in the report", text, "none");
        else if (d->arch->is_switch && memcmp(own->value, d->identity.pdi, PDI_SIZE) != 0)
                (void) check_fail(check, "PDI in the report", text, "%s", hex_encode(own->value, PDI_SIZE, other));
        else
                check_pass(check, "%s, PDI %s", d->identity.hwmodel, text);
        return 0;
}

/* What the driver said outside of the evidence can show that it took one device for another, or that the driver that
 * runs is not the one that was measured. */
static void check_told(DeviceAppraisal *d) {
        const DeviceFacts *told = d->evidence->told;
        Check *check = &d->checks[CHECK_TOLD];
        char expected[2 * PDI_SIZE + 1], found[2 * PDI_SIZE + 1];

        if (!told)
                check_off(check, "no driver was asked");
        else if (told->arch != d->evidence->arch)
                (void) check_fail(check, "architecture that the driver says", d->arch->name, "%s",
                                  told->arch == _ARCH_INVALID ? "another" : arch_info(told->arch)->name);
        else if (d->checks[CHECK_IDENTITY].state != CHECK_PASSED)
                return;
        else if (!d->arch->is_switch && strcmp(told->driver_version, d->driver_version) != 0)
                (void) check_fail(check, "driver version that the driver says", d->driver_version, "%s", told->driver_version);
        else if (!d->arch->is_switch && strcasecmp(told->vbios_version, d->vbios_version) != 0)
                (void) check_fail(check, "VBIOS version that the driver says", d->vbios_version, "%s", told->vbios_version);
        else if (told->have_pdi && memcmp(told->pdi, d->identity.pdi, PDI_SIZE) != 0)
                (void) check_fail(check, "PDI that the driver says", hex_encode(d->identity.pdi, PDI_SIZE, expected), "%s",
                                  hex_encode(told->pdi, PDI_SIZE, found));
        else
                check_pass(check, "%s", *told->uuid ? told->uuid : "as the driver says");
}

static void check_rim_fits(Check *checks, const RimEntry *rim, const char *product, const char *version) {
        size_t active = rim_content_active(&rim->content);

        if (strcmp(rim->content.product, product) == 0)
                check_pass(&checks[RIM_PRODUCT], "%s", product);
        else
                (void) check_fail(&checks[RIM_PRODUCT], "RIM product", product, "%s", rim->content.product);
        if (strcasecmp(rim->content.version, version) == 0)
                check_pass(&checks[RIM_VERSION], "%s", version);
        else
                (void) check_fail(&checks[RIM_VERSION], "RIM version", version, "%s", rim->content.version);
        if (active > 0)
                check_pass(&checks[RIM_MEASUREMENTS_AVAILABLE], "%zu active golden values", active);
        else
                (void) check_fail(&checks[RIM_MEASUREMENTS_AVAILABLE], "RIM", "active golden values", "none");
}

static int judge_rim(DeviceAppraisal *d, Collateral *c, RimSlot slot) {
        Check *checks = &d->checks[slot == RIM_SLOT_DRIVER ? CHECK_DRIVER_RIM : CHECK_VBIOS_RIM];
        _cleanup_free_ char *id = NULL;
        char product[OPAQUE_TEXT_SIZE];
        const RimEntry *rim;
        int r;

        r = (slot == RIM_SLOT_DRIVER ? rim_id_driver : rim_id_vbios)(&d->opaque, d->evidence->arch, &id,
                                                                    &checks[RIM_FETCHED].fault);
        if (r < 0)
                return outcome(&checks[RIM_FETCHED], r, "");
        rim = collateral_rim(c, id);
        if (!rim)
                return -ENOMEM;
        d->rims[slot] = rim;
        checks[RIM_FETCHED] = rim->fetched;
        checks[RIM_SCHEMA] = rim->schema;
        checks[RIM_CHAIN] = rim->chain.path;
        checks[RIM_OCSP] = rim->chain.ocsp;
        checks[RIM_SIGNATURE] = rim->signature;
        if (!rim->content_valid)
                return 0;
        r = rim_product(&d->opaque, d->evidence->arch, product, &checks[RIM_PRODUCT].fault);
        if (r < 0)
                return outcome(&checks[RIM_PRODUCT], r, "");
        check_rim_fits(checks, rim, product, slot == RIM_SLOT_DRIVER ? d->driver_version : d->vbios_version);
        return 1;
}

static int judge_rims(DeviceAppraisal *d, Collateral *c) {
        int driver = 1, vbios;

        if (!d->arch->is_switch)
                driver = judge_rim(d, c, RIM_SLOT_DRIVER);
        if (driver < 0)
                return driver;
        vbios = judge_rim(d, c, RIM_SLOT_VBIOS);
        if (vbios <= 0 || driver == 0)
                return vbios < 0 ? vbios : 0;
        return measurements_compare(d);
}

static int appraise_device(DeviceAppraisal *d, size_t index, const uint8_t nonce[static NONCE_SIZE], bool asked,
                           const CertChain *like, Collateral *c) {
        int r;

        take_architecture(d);
        if (!d->arch)
                return 0;
        r = authenticate(d, like, c);
        if (r <= 0)
                return r;
        check_nonce(d, index, nonce, asked);
        r = parse_opaque(d);
        if (r <= 0)
                return r;
        d->authentic = true;
        check_fwid(d);
        r = check_identity(d);
        if (r < 0)
                return r;
        check_told(d);
        chain_status_judge_revocation(&d->chain_status, c->device_verifier, &d->chain, c->ocsp, DEVICE_OCSP_FIRST);
        d->checks[CHECK_CHAIN_OCSP] = d->chain_status.ocsp;
        return judge_rims(d, c);
}

static bool device_accepted(const DeviceAppraisal *d) {
        if (!d->arch)
                return false;
        for (CheckId id = 0; id < _CHECK_MAX; id++) {
                CheckState state = d->checks[id].state;

                if (!check_applies(id, d->arch->is_switch) || state == CHECK_PASSED)
                        continue;
                if (state != CHECK_OFF || !(check_table[id].flags & MAY_BE_OFF))
                        return false;
        }
        return true;
}

int appraise(const EvidenceSet *set, const uint8_t *root, Collateral *collateral, Appraisal **ret) {
        _cleanup_(appraisal_freep) Appraisal *a = NULL;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->devices = calloc(set->n_items ?: 1, sizeof(*a->devices));
        if (!a->devices)
                return -ENOMEM;
        a->n_devices = set->n_items;
        if (root || set->n_items > 0)
                memcpy(a->nonce, root ?: set->items[0].nonce, NONCE_SIZE);
        for (size_t i = 0; i < a->n_devices; i++) {
                a->devices[i].evidence = &set->items[i];
                r = appraise_device(&a->devices[i], i, a->nonce, root,
                                    i > 0 ? &a->devices[i - 1].chain : NULL, collateral);
                if (r < 0)
                        return r;
        }
        topology_check(a);

        a->accepted = a->n_devices > 0;
        for (size_t i = 0; i < a->n_devices; i++) {
                a->devices[i].accepted = device_accepted(&a->devices[i]);
                a->accepted = a->accepted && a->devices[i].accepted;
        }
        *ret = TAKE_PTR(a);
        return 0;
}
