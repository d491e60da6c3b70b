/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/topology.h"

#include <string.h>

#include "basic/hex.h"

#define SWITCH_GPU_PDIS 8U /* in entry 26, before the port map */
#define GPU_LINKS       18U
#define PDIS_MAX        (GPU_LINKS + EVIDENCE_DEVICES_MAX)

typedef struct PdiSet {
        uint8_t pdis[PDIS_MAX][PDI_SIZE];
        size_t n;
} PdiSet;

static bool pdi_set_has(const PdiSet *set, const uint8_t pdi[static PDI_SIZE]) {
        for (size_t i = 0; i < set->n; i++)
                if (memcmp(set->pdis[i], pdi, PDI_SIZE) == 0)
                        return true;
        return false;
}

/* Zero stands for a link that is off. */
static void pdi_set_add(PdiSet *set, const uint8_t pdi[static PDI_SIZE]) {
        static const uint8_t zero[PDI_SIZE];

        if (memcmp(pdi, zero, PDI_SIZE) != 0 && !pdi_set_has(set, pdi) && set->n < PDIS_MAX)
                memcpy(set->pdis[set->n++], pdi, PDI_SIZE);
}

static bool pdi_set_equal(const PdiSet *a, const PdiSet *b) {
        for (size_t i = 0; i < a->n; i++)
                if (!pdi_set_has(b, a->pdis[i]))
                        return false;
        return a->n == b->n;
}

/* The devices of one kind, by what their certificates say. */
static PdiSet attested_pdis(const Appraisal *a, bool switches) {
        PdiSet set = {};

        for (size_t i = 0; i < a->n_devices; i++) {
                const DeviceAppraisal *d = &a->devices[i];

                if (d->arch && d->arch->is_switch == switches && d->checks[CHECK_IDENTITY].state == CHECK_PASSED)
                        pdi_set_add(&set, d->identity.pdi);
        }
        return set;
}

/* The devices of the other kind that this one's report names. A GPU spells a switch's PDI backwards. */
static PdiSet named_pdis(const DeviceAppraisal *d) {
        const OpaqueEntry *e = opaque_find(&d->opaque, d->arch->is_switch ? OPAQUE_SWITCH_GPU_PDIS : OPAQUE_SWITCH_PDI);
        size_t n = d->arch->is_switch ? SWITCH_GPU_PDIS : GPU_LINKS;
        Cursor c = e ? cursor_of(e->value, e->size) : cursor_of(NULL, 0);
        PdiSet set = {};

        for (size_t i = 0; i < n; i++) {
                const uint8_t *pdi;
                uint8_t turned[PDI_SIZE];

                if (cursor_bytes(&c, PDI_SIZE, &pdi) < 0)
                        break;
                for (size_t k = 0; k < PDI_SIZE; k++)
                        turned[k] = d->arch->is_switch ? pdi[k] : pdi[PDI_SIZE - 1 - k];
                pdi_set_add(&set, turned);
        }
        return set;
}

static void check_distinct(Appraisal *a, size_t index) {
        DeviceAppraisal *d = &a->devices[index];

        check_pass(&d->checks[CHECK_DISTINCT], "the only evidence of this device");
        for (size_t i = 0; i < a->n_devices; i++) {
                const DeviceAppraisal *other = &a->devices[i];

                if (i != index && other->arch && other->checks[CHECK_IDENTITY].state == CHECK_PASSED &&
                    memcmp(other->identity.pdi, d->identity.pdi, PDI_SIZE) == 0)
                        (void) check_fail(&d->checks[CHECK_DISTINCT], "device", "every device once",
                                          "the same device as number %zu", i);
        }
}

/* Values of the feature flag (opaque entry 36), and a word for reports from before there was one. */
enum {
        MODE_SINGLE_GPU,
        MODE_MULTI_GPU,
        MODE_PPCIE,
        _MODE_MAX,
};

static const char *const mode_names[] = {
        [MODE_SINGLE_GPU] = "single-GPU CC",
        [MODE_MULTI_GPU]  = "multi-GPU CC",
        [MODE_PPCIE]      = "protected PCIe",
        [_MODE_MAX]       = "CC of firmware without a mode flag",
};

/* A switch has no mode of its own, but must be locked. */
static bool read_switch_mode(DeviceAppraisal *d) {
        unsigned lock;

        if (opaque_number(&d->opaque, OPAQUE_LOCK_STATUS, &lock) < 0)
                return check_fail(&d->checks[CHECK_MODE], "switch lock", "1 (locked)", "no lock status in the report");
        if (lock != 1)
                return check_fail(&d->checks[CHECK_MODE], "switch lock", "1 (locked)", "%u", lock);
        check_pass(&d->checks[CHECK_MODE], "NVSwitch, locked");
        return true;
}

static bool read_mode(DeviceAppraisal *d, unsigned *ret) {
        Check *check = &d->checks[CHECK_MODE];
        bool has_flag, has_ppcie;
        unsigned flag, ppcie;

        if (d->arch->is_switch)
                return read_switch_mode(d);
        has_flag = opaque_number(&d->opaque, OPAQUE_FEATURE_FLAG, &flag) >= 0;
        has_ppcie = opaque_number(&d->opaque, OPAQUE_PPCIE_STATUS, &ppcie) >= 0;
        if (has_flag && flag >= _MODE_MAX)
                return check_fail(check, "feature flag", "0, 1 or 2", "%u", flag);
        if (has_ppcie && ppcie != OPAQUE_ENABLED && ppcie != OPAQUE_DISABLED)
                return check_fail(check, "protected PCIe status", "0xaa or 0x55", "0x%02x", ppcie);
        if (has_flag && has_ppcie && (flag == MODE_PPCIE) != (ppcie == OPAQUE_ENABLED))
                return check_fail(check, "mode", "feature flag and protected PCIe status that agree", "%u and 0x%02x",
                                  flag, ppcie);
        *ret = has_flag ? flag : has_ppcie && ppcie == OPAQUE_ENABLED ? MODE_PPCIE : _MODE_MAX;
        check_pass(check, "%s", mode_names[*ret]);
        return true;
}

static void check_modes(Appraisal *a) {
        unsigned first = 0;
        bool have_first = false;

        for (size_t i = 0; i < a->n_devices; i++) {
                DeviceAppraisal *d = &a->devices[i];
                unsigned mode = 0;

                if (!d->authentic || !read_mode(d, &mode) || d->arch->is_switch)
                        continue;
                if (have_first && mode != first)
                        (void) check_fail(&d->checks[CHECK_MODE], "mode", mode_names[first], "%s", mode_names[mode]);
                if (!have_first)
                        first = mode;
                have_first = true;
        }
}

/* Whether this device's connections say anything: those of a switch always do, those of a GPU in protected PCIe mode,
 * where entry 22 is part of the mode. */
static bool is_connected(const DeviceAppraisal *d) {
        unsigned flag, ppcie;

        if (d->arch->is_switch)
                return true;
        return (opaque_number(&d->opaque, OPAQUE_FEATURE_FLAG, &flag) >= 0 && flag == MODE_PPCIE) ||
               (opaque_number(&d->opaque, OPAQUE_PPCIE_STATUS, &ppcie) >= 0 && ppcie == OPAQUE_ENABLED);
}

/* Devices of one kind in one machine are behind the same devices of the other kind. */
static bool check_same_machine(const Appraisal *a, DeviceAppraisal *d, const PdiSet *named) {
        for (size_t i = 0; i < a->n_devices; i++) {
                const DeviceAppraisal *other = &a->devices[i];
                PdiSet theirs;

                if (other == d || !other->authentic || other->arch->is_switch != d->arch->is_switch || !is_connected(other))
                        continue;
                theirs = named_pdis(other);
                if (!pdi_set_equal(named, &theirs))
                        return check_fail(&d->checks[CHECK_TOPOLOGY], "topology", "devices of one machine",
                                          "another set of connected devices than device %zu names", i);
        }
        return true;
}

/* Position ids (opaque entry 24) tell the switches of one machine apart. */
static bool check_position(const Appraisal *a, DeviceAppraisal *d) {
        unsigned own, theirs;

        if (!d->arch->is_switch || opaque_number(&d->opaque, OPAQUE_POSITION_ID, &own) < 0)
                return true;
        for (size_t i = 0; i < a->n_devices; i++) {
                const DeviceAppraisal *other = &a->devices[i];

                if (other != d && other->authentic && other->arch->is_switch &&
                    opaque_number(&other->opaque, OPAQUE_POSITION_ID, &theirs) >= 0 && theirs == own)
                        return check_fail(&d->checks[CHECK_TOPOLOGY], "switch position", "a position of its own",
                                          "%u, that of device %zu as well", own, i);
        }
        return true;
}

static void check_machine(const Appraisal *a, DeviceAppraisal *d, const PdiSet *gpus, const PdiSet *switches) {
        Check *check = &d->checks[CHECK_TOPOLOGY];
        PdiSet named = named_pdis(d);
        const PdiSet *others = d->arch->is_switch ? gpus : switches;

        if (!check_position(a, d))
                return;
        if (d->arch->is_switch && !opaque_find(&d->opaque, OPAQUE_SWITCH_GPU_PDIS))
                (void) check_fail(check, "topology", "a list of GPUs in the switch's report", "none");
        else if (!d->arch->is_switch && is_connected(d) && named.n == 0)
                (void) check_fail(check, "topology", "switches in the report of a GPU in protected PCIe mode", "none");
        else if (gpus->n == 0 || switches->n == 0) {
                if (!is_connected(d) || check_same_machine(a, d, &named))
                        check_off(check, named.n > 0 ? "not judged: what it is connected to is not here"
                                                     : "one kind of device");
        } else if (pdi_set_equal(&named, others))
                check_pass(check, "connected to the %zu %s attested here", others->n,
                           d->arch->is_switch ? "GPUs" : "switches");
        else
                (void) check_fail(check, "topology",
                                  d->arch->is_switch ? "the GPUs attested here, and no others"
                                                     : "the switches attested here, and no others",
                                  "%zu devices named, %zu attested", named.n, others->n);
}

void topology_check(Appraisal *a) {
        PdiSet gpus = attested_pdis(a, false), switches = attested_pdis(a, true);

        for (size_t i = 0; i < a->n_devices; i++) {
                DeviceAppraisal *d = &a->devices[i];

                if (d->checks[CHECK_IDENTITY].state == CHECK_PASSED)
                        check_distinct(a, i);
                if (d->authentic)
                        check_machine(a, d, &gpus, &switches);
        }
        check_modes(a);
}
