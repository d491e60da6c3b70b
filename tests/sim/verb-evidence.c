/* SPDX-License-Identifier: Apache-2.0 */

/* What a simulated machine sends to its verifier, as files. */

#include <openssl/rand.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/log.h"
#include "sim/defect.h"
#include "sim/must.h"
#include "sim/options.h"
#include "sim/store.h"

typedef struct Options {
        const char *output, *nonce, *state;
        SimModels devices;
        SimEvidenceForm form;
        const SimDefect *defect;
        bool list, help;
} Options;

static void print_help(void) {
        printf("cocoon-sim evidence --output DIR [OPTION...]\n\n"
               "Writes evidence of simulated devices and all that its verification needs, and prints its nonce:\n"
               "  cocoon-attest verify --evidence DIR/evidence.json --nonce HEX --rim-dir DIR/rims\n"
               "                       --ocsp-dir DIR/ocsp --trust-anchors DIR/anchors\n"
               "accepts it, unless a defect was asked for. All keys are new each time, unless they are kept.\n\n"
               "  --output DIR     where to, made when it is not there\n"
               "  --device MODEL   a device, as often as there are to be devices (default: hopper); one of\n"
               "                  ");
        sim_models_print();
        printf("\n"
               "  --state DIR      keep keys, certificates and devices there, and use those that are\n"
               "  --nonce HEX      64 digits (default: random)\n"
               "  --form FORM      of evidence.json: cpp (default), wrapped, python\n"
               "  --defect NAME    make the first device or its collateral wrong; \"list\" prints what there is\n"
               "  --help           this text\n");
}

static void print_defects(void) {
        for (const SimDefect *d = sim_defect_next(NULL); d; d = sim_defect_next(d))
                printf("%-28s %s\n", d->name, d->description);
}

static int parse_output(void *options, const char *value) {
        ((Options *) options)->output = value;
        return 0;
}

static int parse_device(void *options, const char *value) {
        return sim_models_add(&((Options *) options)->devices, value);
}

static int parse_state(void *options, const char *value) {
        ((Options *) options)->state = value;
        return 0;
}

static int parse_nonce(void *options, const char *value) {
        ((Options *) options)->nonce = value;
        return 0;
}

static int parse_form(void *options, const char *value) {
        Options *o = options;

        o->form = sim_form_from_string(value);
        if (o->form != _SIM_FORM_INVALID)
                return 0;
        log_error("--form %s: not cpp, wrapped or python", value);
        return -EINVAL;
}

static int parse_defect(void *options, const char *value) {
        Options *o = options;

        o->list = strcmp(value, "list") == 0;
        o->defect = sim_defect_find(value);
        if (o->list || o->defect)
                return 0;
        log_error("--defect %s: no such defect, see --defect list", value);
        return -EINVAL;
}

static int parse_help(void *options, const char *value) {
        ((Options *) options)->help = true;
        return 0;
}

static const SimOption option_table[] = {
        { "output", true, parse_output }, { "device", true, parse_device }, { "state", true, parse_state },
        { "nonce",  true, parse_nonce  }, { "form",   true, parse_form   }, { "defect", true, parse_defect },
        { "help",   false, parse_help  },
};

static int parse(int argc, char *argv[], Options *o) {
        int r;

        r = sim_options_parse(argc, argv, option_table, ELEMENTSOF(option_table), o);
        if (r < 0 || o->help || o->list)
                return r;
        if (!o->output) {
                log_error("Usage: cocoon-sim evidence --output DIR [OPTION...]; see --help");
                return -EINVAL;
        }
        if (o->devices.n == 0)
                o->devices.models[o->devices.n++] = SIM_MODEL_HOPPER;
        return 0;
}

static int take_nonce(const char *text, uint8_t ret[static SIM_NONCE_SIZE]) {
        if (text) {
                if (hex_decode(text, strlen(text), ret, SIM_NONCE_SIZE) >= 0)
                        return 0;
                log_error("--nonce %s: not 64 hexadecimal digits", text);
                return -EINVAL;
        }
        MUST(RAND_bytes(ret, SIM_NONCE_SIZE) == 1);
        return 0;
}

static int write_scene(const Options *o, const uint8_t nonce[static SIM_NONCE_SIZE]) {
        _cleanup_(sim_scene_freep) SimScene *s = NULL;
        int r;

        r = sim_scene_open(o->state, o->devices.models, o->devices.n, nonce, &s);
        if (r < 0)
                return log_error_errno(r, "Failed to keep keys in %s: %m", o->state);
        s->form = o->form;
        if (o->defect && !sim_defect_fits(o->defect, s)) {
                log_error("%s cannot have the defect %s", sim_model_to_string(o->devices.models[0]), o->defect->name);
                return -EOPNOTSUPP;
        }
        r = o->defect ? sim_defect_write(o->defect, s, o->output) : sim_scene_write(s, o->output);
        if (r < 0)
                return log_error_errno(r, "Failed to write to %s: %m", o->output);
        return 0;
}

int sim_verb_evidence(int argc, char *argv[]) {
        uint8_t nonce[SIM_NONCE_SIZE];
        char text[2 * SIM_NONCE_SIZE + 1];
        Options o = {};

        if (parse(argc, argv, &o) < 0)
                return SIM_EXIT_USAGE;
        if (o.help)
                print_help();
        else if (o.list)
                print_defects();
        if (o.help || o.list)
                return EXIT_SUCCESS;
        if (take_nonce(o.nonce, nonce) < 0)
                return SIM_EXIT_USAGE;
        if (write_scene(&o, nonce) < 0)
                return EXIT_FAILURE;
        printf("%s\n", hex_encode(nonce, sizeof(nonce), text));
        return EXIT_SUCCESS;
}
