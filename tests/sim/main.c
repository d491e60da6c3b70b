/* SPDX-License-Identifier: Apache-2.0 */

/* cocoon-sim: what a simulated machine sends to its verifier, as files. */

#include <getopt.h>
#include <openssl/rand.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/log.h"
#include "sim/defect.h"
#include "sim/must.h"

#define EXIT_USAGE 2

typedef struct Options {
        const char *output, *nonce;
        SimModel models[SIM_SCENE_DEVICES_MAX];
        size_t n_models;
        SimEvidenceForm form;
        const SimDefect *defect;
        bool list, help;
} Options;

static void print_help(void) {
        printf("cocoon-sim evidence --output DIR [OPTION...]\n\n"
               "Writes evidence of simulated devices and all that its verification needs, and prints its nonce:\n"
               "  cocoon-attest verify --evidence DIR/evidence.json --nonce HEX --rim-dir DIR/rims\n"
               "                       --ocsp-dir DIR/ocsp --trust-anchors DIR/anchors\n"
               "accepts it, unless a defect was asked for. All keys are new each time.\n\n"
               "  --output DIR     where to, made when it is not there\n"
               "  --device MODEL   a device, as often as there are to be devices (default: hopper); one of\n"
               "                  ");
        for (SimModel m = 0; m < _SIM_MODEL_MAX; m++)
                printf(" %s", sim_model_to_string(m));
        printf("\n"
               "  --nonce HEX      64 digits (default: random)\n"
               "  --form FORM      of evidence.json: cpp (default), wrapped, python\n"
               "  --defect NAME    make the first device or its collateral wrong; \"list\" prints what there is\n"
               "  --help           this text\n");
}

static void print_defects(void) {
        for (const SimDefect *d = sim_defect_next(NULL); d; d = sim_defect_next(d))
                printf("%-28s %s\n", d->name, d->description);
}

static int parse_device(Options *o, const char *name) {
        SimModel model = sim_model_from_string(name);

        if (model == _SIM_MODEL_INVALID) {
                log_error("--device %s: no such model", name);
                return -EINVAL;
        }
        if (o->n_models >= ELEMENTSOF(o->models)) {
                log_error("--device %s: too many devices", name);
                return -EINVAL;
        }
        o->models[o->n_models++] = model;
        return 0;
}

static int parse_form(Options *o, const char *name) {
        o->form = sim_form_from_string(name);
        if (o->form != _SIM_FORM_INVALID)
                return 0;
        log_error("--form %s: not cpp, wrapped or python", name);
        return -EINVAL;
}

static int parse_defect(Options *o, const char *name) {
        o->list = strcmp(name, "list") == 0;
        o->defect = sim_defect_find(name);
        if (o->list || o->defect)
                return 0;
        log_error("--defect %s: no such defect, see --defect list", name);
        return -EINVAL;
}

static int parse_output(Options *o, const char *value) {
        o->output = value;
        return 0;
}

static int parse_nonce(Options *o, const char *value) {
        o->nonce = value;
        return 0;
}

static int parse_help(Options *o, const char *value) {
        o->help = true;
        return 0;
}

static const struct option long_options[] = {
        { "output", required_argument, NULL, 0 }, { "device", required_argument, NULL, 0 },
        { "nonce",  required_argument, NULL, 0 }, { "form",   required_argument, NULL, 0 },
        { "defect", required_argument, NULL, 0 }, { "help",   no_argument,       NULL, 0 },
        {},
};

/* In the order of long_options. */
static int (*const parsers[])(Options *, const char *) = {
        parse_output, parse_device, parse_nonce, parse_form, parse_defect, parse_help,
};

static int parse_options(int argc, char *argv[], Options *o) {
        int c, index;

        while ((c = getopt_long(argc, argv, "", long_options, &index)) >= 0) {
                int r = c == 0 ? parsers[index](o, optarg) : -EINVAL;

                if (r < 0)
                        return r;
        }
        if (o->help || o->list)
                return 0;
        if (argc - optind != 1 || strcmp(argv[optind], "evidence") != 0 || !o->output) {
                log_error("Usage: cocoon-sim evidence --output DIR [OPTION...]; see --help");
                return -EINVAL;
        }
        if (o->n_models == 0)
                o->models[o->n_models++] = SIM_MODEL_HOPPER;
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
        _cleanup_(sim_scene_freep) SimScene *s = sim_scene_new(o->models, o->n_models, nonce);
        int r;

        s->form = o->form;
        if (o->defect && !sim_defect_fits(o->defect, s)) {
                log_error("%s cannot have the defect %s", sim_model_to_string(o->models[0]), o->defect->name);
                return -EOPNOTSUPP;
        }
        r = o->defect ? sim_defect_write(o->defect, s, o->output) : sim_scene_write(s, o->output);
        if (r < 0)
                return log_error_errno(r, "Failed to write to %s: %m", o->output);
        return 0;
}

int main(int argc, char *argv[]) {
        uint8_t nonce[SIM_NONCE_SIZE];
        char text[2 * SIM_NONCE_SIZE + 1];
        Options o = {};

        log_open("cocoon-sim", LOG_INFO);
        if (parse_options(argc, argv, &o) < 0)
                return EXIT_USAGE;
        if (o.help)
                print_help();
        else if (o.list)
                print_defects();
        if (o.help || o.list)
                return EXIT_SUCCESS;
        if (take_nonce(o.nonce, nonce) < 0)
                return EXIT_USAGE;
        if (write_scene(&o, nonce) < 0)
                return EXIT_FAILURE;
        printf("%s\n", hex_encode(nonce, sizeof(nonce), text));
        return EXIT_SUCCESS;
}
