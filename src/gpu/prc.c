/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/prc.h"

#include "gpu/fsp.h"

#define KNOB_TEXT_SIZE 48U

/* Word 0 of a request: what to do, how many bytes a value has, which knob. */
#define PRC_READ        0x0cU
#define PRC_WRITE       0x0dU
#define PRC_VALUE_BYTES 2U

static const struct {
        uint32_t code;
        const char *text;
} codes[] = {
        { 0x09e, "invalid state"  },
        { 0x09f, "file not found" },
        { 0x0a0, "not supported"  },
        { 0x0a1, "invalid data"   },
        { 0x1e3, "no such knob"   },
};

#define CODE_NO_SUCH_KNOB 0x1e3U

char *prc_knob_text(unsigned knob, char ret[static KNOB_TEXT_SIZE]) {
        static const char *const names[PRC_KNOB_MAX + 1] = {
                [PRC_CCD_ALLOW_INB] = "CCD_ALLOW_INB",
                [PRC_CCD] = "CCD",
                [PRC_CCM_ALLOW_INB] = "CCM_ALLOW_INB",
                [PRC_CCM] = "CCM",
                [PRC_BAR0_DECOUPLER_ALLOW_INB] = "BAR0_DECOUPLER_ALLOW_INB",
                [PRC_BAR0_DECOUPLER] = "BAR0_DECOUPLER",
                [PRC_PPCIE_ALLOW_INB] = "PPCIE_ALLOW_INB",
                [PRC_PPCIE] = "PPCIE",
        };
        const char *name = knob <= PRC_KNOB_MAX ? names[knob] : NULL;

        (void) snprintf(ret, KNOB_TEXT_SIZE, "PRC knob %u%s%s%s", knob, name ? " (" : "", name ? name : "",
                        name ? ")" : "");
        return ret;
}

static int refused(const Gpu *g, unsigned knob, const char *verb, uint32_t code, Fault *f) {
        char where[KNOB_TEXT_SIZE], expected[32];
        const char *text = "unknown";

        for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                if (code == codes[i].code)
                        text = codes[i].text;
        (void) snprintf(expected, sizeof(expected), "to be %s", verb);
        return gpu_fault(g, f, code == CODE_NO_SUCH_KNOB ? ENOENT : EIO, prc_knob_text(knob, where), expected,
                         "FSP error 0x%03x (%s)", code, text);
}

static int wrong_length(const Gpu *g, unsigned knob, size_t expected, size_t found, Fault *f) {
        char where[KNOB_TEXT_SIZE], text[32];

        (void) snprintf(text, sizeof(text), "an answer of %zu words", 5 + expected);
        return gpu_fault(g, f, EBADMSG, prc_knob_text(knob, where), text, "%zu words", 5 + found);
}

int prc_read(Gpu *g, unsigned knob, uint16_t *ret, Fault *ret_fault) {
        const uint32_t request = PRC_READ | PRC_VALUE_BYTES << 8 | knob << 16;
        FspAnswer answer;
        int r;

        r = fsp_call(g, FSP_NVDM_PRC, &request, 1, &answer, ret_fault);
        if (r < 0)
                return r;
        if (answer.code != 0)
                return refused(g, knob, "read", answer.code, ret_fault);
        if (answer.n_payload != 1)
                return wrong_length(g, knob, 1, answer.n_payload, ret_fault);
        *ret = (uint16_t) answer.payload[0]; /* the upper half is not the value's */
        return 0;
}

int prc_write(Gpu *g, unsigned knob, uint16_t value, Fault *ret_fault) {
        const uint32_t request[] = { PRC_WRITE | PRC_VALUE_BYTES << 8 | knob << 16, value };
        FspAnswer answer;
        int r;

        r = fsp_call(g, FSP_NVDM_PRC, request, ELEMENTSOF(request), &answer, ret_fault);
        if (r < 0)
                return r;
        if (answer.code != 0)
                return refused(g, knob, "written", answer.code, ret_fault);
        if (answer.n_payload != 0)
                return wrong_length(g, knob, 0, answer.n_payload, ret_fault);
        return 0;
}
