/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/ccmode.h"

#include <string.h>

#include "gpu/bar0.h"
#include "gpu/fsp.h"
#include "gpu/prc.h"
#include "gpu/registers.h"

#define CC_STATE_MASK 0x3U

#define FLOW_STEPS 7U

/* A knob, and the value that a mode needs. */
typedef struct KnobValue {
        uint8_t knob;
        uint16_t value;
} KnobValue;

/* One sequence of NVIDIA's tool. `probe` is read before anything else; firmware without PPCIe has no knob 45, and
 * then a flow that only switches CC goes on without it. */
typedef struct Flow {
        uint8_t probe; /* 0: nothing */
        size_t n;
        KnobValue steps[FLOW_STEPS];
} Flow;

/* Knobs 2, 4 and 34 have no names; they exclude CC and PPCIe. */
static const Flow hopper_on = {
        PRC_PPCIE, 7,
        { { 2, 0 }, { 4, 0 }, { 34, 0 }, { PRC_PPCIE, 0 }, { PRC_BAR0_DECOUPLER, PRC_BAR0_DECOUPLER_ON },
          { PRC_CCM, 1 }, { PRC_CCD, 0 } },
};
static const Flow hopper_devtools = {
        PRC_PPCIE, 7,
        { { 2, 0 }, { 4, 0 }, { 34, 0 }, { PRC_PPCIE, 0 }, { PRC_BAR0_DECOUPLER, 0 }, { PRC_CCM, 1 },
          { PRC_CCD, 1 } },
};
static const Flow hopper_off = {
        PRC_PPCIE, 3, { { PRC_BAR0_DECOUPLER, 0 }, { PRC_CCD, 0 }, { PRC_CCM, 0 } },
};
static const Flow blackwell_on = { 0, 5, { { 2, 0 }, { 4, 0 }, { 34, 0 }, { PRC_CCM, 1 }, { PRC_CCD, 0 } } };
static const Flow blackwell_devtools = { 0, 5, { { 2, 0 }, { 4, 0 }, { 34, 0 }, { PRC_CCM, 1 }, { PRC_CCD, 1 } } };
static const Flow blackwell_off = { 0, 2, { { PRC_CCD, 0 }, { PRC_CCM, 0 } } };
static const Flow ppcie_on = {
        PRC_CCM, 7,
        { { 2, 0 }, { 4, 0 }, { 34, 0 }, { PRC_CCD, 0 }, { PRC_CCM, 0 },
          { PRC_BAR0_DECOUPLER, PRC_BAR0_DECOUPLER_ON }, { PRC_PPCIE, 1 } },
};
static const Flow ppcie_on_switch = {
        PRC_CCM, 7,
        { { 2, 0 }, { 4, 0 }, { 34, 0 }, { PRC_CCD, 0 }, { PRC_CCM, 0 }, { PRC_BAR0_DECOUPLER, 0 },
          { PRC_PPCIE, 1 } },
};
static const Flow ppcie_off = { PRC_CCM, 2, { { PRC_BAR0_DECOUPLER, 0 }, { PRC_PPCIE, 0 } } };
static const Flow firewall_on = { 0, 1, { { PRC_BAR0_DECOUPLER, PRC_BAR0_DECOUPLER_ON } } };
static const Flow firewall_off = { 0, 1, { { PRC_BAR0_DECOUPLER, 0 } } };

#define MODE_FLOWS 2U

/* Off is both: NVIDIA's CC off leaves PPCIe as it is, so its PPCIe off follows before the one reset. */
static const Flow *const flows[][_CC_MODE_MAX][MODE_FLOWS] = {
        [CHIP_HOPPER] = {
                [CC_MODE_OFF] = { &hopper_off, &ppcie_off },
                [CC_MODE_ON] = { &hopper_on },
                [CC_MODE_DEVTOOLS] = { &hopper_devtools },
                [CC_MODE_PPCIE] = { &ppcie_on },
        },
        [CHIP_BLACKWELL] = {
                [CC_MODE_OFF] = { &blackwell_off },
                [CC_MODE_ON] = { &blackwell_on },
                [CC_MODE_DEVTOOLS] = { &blackwell_devtools },
        },
        [CHIP_LAGUNA] = {
                [CC_MODE_OFF] = { &ppcie_off },
                [CC_MODE_PPCIE] = { &ppcie_on_switch },
        },
        [CHIP_LIMEROCK] = {},
};

static const char *const mode_names[_CC_MODE_MAX] = {
        [CC_MODE_OFF] = "off",
        [CC_MODE_ON] = "on",
        [CC_MODE_DEVTOOLS] = "devtools",
        [CC_MODE_PPCIE] = "ppcie",
};

const char *cc_mode_to_string(CcMode mode) {
        return mode_names[mode];
}

CcMode cc_mode_from_string(const char *name) {
        for (CcMode m = 0; m < _CC_MODE_MAX; m++)
                if (strcmp(name, mode_names[m]) == 0)
                        return m;
        return _CC_MODE_INVALID;
}

const char *cc_state_to_string(CcState state) {
        static const char *const names[] = {
                [CC_STATE_OFF] = "off",
                [CC_STATE_ON] = "on",
                [CC_STATE_INVALID] = "invalid",
                [CC_STATE_DEVTOOLS] = "devtools",
        };

        return names[state];
}

bool cc_mode_supported(const Chip *c, CcMode mode) {
        return flows[c->arch][mode][0];
}

bool cc_status_is(const CcStatus *status, CcMode mode) {
        static const struct {
                CcState cc;
                bool ppcie;
        } wanted[_CC_MODE_MAX] = {
                [CC_MODE_OFF] = { CC_STATE_OFF, false },
                [CC_MODE_ON] = { CC_STATE_ON, false },
                [CC_MODE_DEVTOOLS] = { CC_STATE_DEVTOOLS, false },
                [CC_MODE_PPCIE] = { CC_STATE_OFF, true },
        };

        return status->cc == wanted[mode].cc && status->ppcie == wanted[mode].ppcie;
}

int ccmode_read(const Gpu *g, CcStatus *ret, Fault *ret_fault) {
        const ChipRegisters *c = g->chip->registers;
        uint32_t cc = 0, ppcie = 0;
        int r = 0;

        if (c->cc_mode != 0)
                r = bar0_read(g, c->cc_mode, &cc, ret_fault);
        if (c->ppcie_mode == c->cc_mode)
                ppcie = cc;
        else if (r >= 0 && c->ppcie_mode != 0)
                r = bar0_read(g, c->ppcie_mode, &ppcie, ret_fault);
        if (r < 0)
                return r;
        *ret = (CcStatus){
                .cc = (CcState) (cc & CC_STATE_MASK),
                .ppcie = ppcie & c->ppcie_mask,
                .firewall = cc & c->firewall_mask,
        };
        return 0;
}

int ccmode_settings(Gpu *g, CcSettings *ret, Fault *ret_fault) {
        CcSettings s;
        const struct {
                PrcKnob knob;
                int *value;
        } knobs[] = {
                { PRC_CCM,                      &s.enable           },
                { PRC_CCD,                      &s.devtools         },
                { PRC_BAR0_DECOUPLER,           &s.firewall         },
                { PRC_CCM_ALLOW_INB,            &s.enable_allowed   },
                { PRC_CCD_ALLOW_INB,            &s.devtools_allowed },
                { PRC_BAR0_DECOUPLER_ALLOW_INB, &s.firewall_allowed },
                { PRC_PPCIE,                    &s.ppcie            },
                { PRC_PPCIE_ALLOW_INB,          &s.ppcie_allowed    },
        };

        for (size_t i = 0; i < ELEMENTSOF(knobs); i++) {
                uint16_t value = 0;
                int r = prc_read(g, knobs[i].knob, &value, ret_fault);

                if (r < 0 && r != -ENOENT)
                        return r;
                *knobs[i].value = r < 0 ? -1 : value;
        }
        *ret = s;
        return 0;
}

/* A knob that firmware does not have, or that a mode needs, in the words of a person. */
static int no_knob(int r, Fault *f) {
        if (r != -ENOENT)
                return r;
        if (f)
                (void) snprintf(f->expected, sizeof(f->expected), "firmware that has it: update the device's firmware");
        return -EOPNOTSUPP;
}

static int check_step(Gpu *g, const KnobValue *s, Fault *f) {
        const unsigned permission = s->knob - 1U;
        char where[48], expected[96], name[48];
        uint16_t value = 0;
        int r;

        r = prc_read(g, permission, &value, f);
        if (r == -ENOENT || (r >= 0 && value != 0))
                return 0; /* without the one, FSP decides when the other is written */
        if (r >= 0)
                r = prc_read(g, s->knob, &value, f);
        if (r == -ENOENT || (r >= 0 && value == s->value))
                return 0;
        if (r < 0)
                return r;
        (void) snprintf(expected, sizeof(expected), "1: %s may be changed from the host", prc_knob_text(s->knob, name));
        return gpu_fault(g, f, EPERM, prc_knob_text(permission, where), expected,
                         "0, and it has to change from %u to %u: allow it out of band, through the BMC", value,
                         s->value);
}

static int flow_check(Gpu *g, const Flow *flow, Fault *f) {
        int r = gpu_begin(g, GPU_STEP_PERMISSIONS, f);

        for (size_t i = 0; i < flow->n && r >= 0; i++)
                r = check_step(g, &flow->steps[i], f);
        return r;
}

static int no_mode(const Gpu *g, CcMode mode, Fault *f) {
        return gpu_fault(g, f, EOPNOTSUPP, "mode", cc_mode_to_string(mode), "%s, which has no such mode", g->chip->name);
}

/* The decoupler comes before knob 45 in all flows, so that without it something would have been changed already when
 * its absence is noticed: PPCIe is asked for here. */
static int check_firmware(Gpu *g, CcMode mode, Fault *f) {
        uint16_t value;

        return mode == CC_MODE_PPCIE ? no_knob(prc_read(g, PRC_PPCIE, &value, f), f) : 0;
}

int ccmode_check(Gpu *g, CcMode mode, Fault *ret_fault) {
        const Flow *const *list = flows[g->chip->arch][mode];
        int r = 0;

        if (!list[0])
                return no_mode(g, mode, ret_fault);
        for (size_t i = 0; i < MODE_FLOWS && r >= 0 && list[i]; i++)
                r = flow_check(g, list[i], ret_fault);
        return r < 0 ? r : check_firmware(g, mode, ret_fault);
}

static int change_knob(Gpu *g, const KnobValue *s, CcChanges *changes, Fault *f) {
        uint16_t value = 0;
        int r;

        r = prc_read(g, s->knob, &value, f);
        if (r < 0 || value == s->value)
                return r;
        if (changes->n >= CC_CHANGES_MAX)
                return gpu_fault(g, f, E2BIG, "changes", "16 at most", "more");
        /* Noted before it is known to be done: a request that FSP took but did not answer may have worked. */
        changes->list[changes->n++] = (CcChange){ s->knob, value, s->value };
        return prc_write(g, s->knob, s->value, f);
}

/* Firmware without PPCIe has none to switch off. */
static int flow_stage(Gpu *g, const Flow *flow, bool *has_ppcie, CcChanges *changes, Fault *f) {
        uint16_t value;
        int r = 0;

        if (flow->probe != 0)
                r = prc_read(g, flow->probe, &value, f);
        if (r == -ENOENT && flow->probe == PRC_PPCIE) {
                *has_ppcie = false;
                r = 0;
        }
        for (size_t i = 0; i < flow->n && r >= 0; i++) {
                const KnobValue *s = &flow->steps[i];

                if (s->knob != PRC_PPCIE || *has_ppcie)
                        r = change_knob(g, s, changes, f);
                if (r == -ENOENT && s->knob == PRC_PPCIE && s->value == 0)
                        r = 0;
        }
        return no_knob(r, f);
}

/* FSP may say yes and not do it. */
static int read_back(Gpu *g, const CcChanges *changes, size_t first, Fault *f) {
        char where[48], expected[24];
        int r;

        r = gpu_begin(g, GPU_STEP_READ_BACK, f);
        for (size_t i = first; i < changes->n && r >= 0; i++) {
                const CcChange *c = &changes->list[i];
                uint16_t value = 0;

                r = prc_read(g, c->knob, &value, f);
                if (r < 0 || value == c->after)
                        continue;
                (void) snprintf(expected, sizeof(expected), "%u, as written", c->after);
                return gpu_fault(g, f, EIO, prc_knob_text(c->knob, where), expected, "%u", value);
        }
        return r;
}

int ccmode_stage(Gpu *g, CcMode mode, CcChanges *changes, Fault *ret_fault) {
        const Flow *const *list = flows[g->chip->arch][mode];
        size_t first = changes->n;
        bool has_ppcie = true;
        int r;

        if (!list[0])
                return no_mode(g, mode, ret_fault);
        r = gpu_begin(g, GPU_STEP_STAGE, ret_fault);
        for (size_t i = 0; i < MODE_FLOWS && r >= 0 && list[i]; i++)
                if (list[i] != &ppcie_off || has_ppcie)
                        r = flow_stage(g, list[i], &has_ppcie, changes, ret_fault);
        return r < 0 ? r : read_back(g, changes, first, ret_fault);
}

int ccmode_stage_firewall(Gpu *g, bool on, CcChanges *changes, Fault *ret_fault) {
        const Flow *flow = on ? &firewall_on : &firewall_off;
        size_t first = changes->n;
        bool has_ppcie = false;
        int r;

        if (g->chip->registers->firewall_mask == 0)
                return gpu_fault(g, ret_fault, EOPNOTSUPP, "BAR0 firewall", "a chip that has it as a mode: Blackwell",
                                 "%s", g->chip->name);
        r = flow_check(g, flow, ret_fault);
        if (r >= 0)
                r = gpu_begin(g, GPU_STEP_STAGE, ret_fault);
        if (r >= 0)
                r = flow_stage(g, flow, &has_ppcie, changes, ret_fault);
        return r < 0 ? r : read_back(g, changes, first, ret_fault);
}

int ccmode_undo(Gpu *g, CcChanges *changes, Fault *ret_fault) {
        int r = 0;

        if (changes->n > 0)
                r = gpu_begin(g, GPU_STEP_UNSTAGE, ret_fault);
        while (changes->n > 0 && r >= 0) {
                const CcChange *c = &changes->list[changes->n - 1];
                uint16_t value = 0;

                /* What was refused did not change, and would be refused again. */
                r = prc_read(g, c->knob, &value, ret_fault);
                if (r >= 0 && value != c->before)
                        r = prc_write(g, c->knob, c->before, ret_fault);
                if (r >= 0)
                        changes->n--;
        }
        return r;
}
