/* SPDX-License-Identifier: Apache-2.0 */

/* OCSP answers by themselves: what is taken as one, and what several of them mean together. */

#include <stdlib.h>
#include <string.h>

#include "attest/collateral.h"
#include "attest/ocsp.h"
#include "sim/must.h"
#include "sim/ocsp-compose.h"
#include "test.h"

/* Where certificate 1 of a device is asked about. */
typedef struct Desk {
        SimPki *pki;
        SimDevice *device, *other;
        CertChain chain;
        CertVerifier *verifier;
} Desk;

static void desk_done(Desk *d) {
        cert_verifier_free(d->verifier);
        certchain_done(&d->chain);
        sim_device_free(d->other);
        sim_device_free(d->device);
        sim_pki_free(d->pki);
}

static Desk desk(void) {
        Desk d = { .pki = sim_pki_new(0) };
        _cleanup_free_ char *pem = NULL;
        Fault fault;

        d.device = sim_device_new(d.pki, SIM_MODEL_HOPPER);
        d.other = sim_device_new(d.pki, SIM_MODEL_HOPPER);
        pem = sim_device_chain_pem(d.device);
        MUST(certchain_parse_pem(pem, strlen(pem), NULL, &d.chain, &fault) >= 0);
        d.verifier = cert_verifier_new(sim_pki_cert(d.pki, SIM_DEVICE_ROOT)->cert, time(NULL));
        MUST(d.verifier);
        return d;
}

/* What is known when these have been said, in this order; -1 when one of them is no answer. */
static int known(Desk *d, const SimOcspComposition *const *compositions, size_t n) {
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        OcspFinding found;
        Fault fault;

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ uint8_t *der = NULL;
                size_t size;

                sim_ocsp_compose(d->pki, compositions[i], &der, &size);
                if (ocsp_answers_add(answers, der, size, &fault) < 0)
                        return -1;
        }
        return (int) ocsp_check(answers, d->verifier, &d->chain, 1, &found);
}

static int known_by(Desk *d, const SimOcspComposition *c) {
        return known(d, &c, 1);
}

/* From the lightest to the heaviest: in whatever order two of them come, the heavier one counts. */
static void test_weights(void) {
        static const struct {
                SimOcspStatus status;
                SimResponder responder;
                int next_update;
                OcspStatus wanted;
        } cases[] = {
                { SIM_OCSP_REVOKED, SIM_RESPONDER_DELEGATED, -1800, OCSP_STATUS_MISSING },
                { SIM_OCSP_REVOKED, SIM_RESPONDER_STRANGER,  86400, OCSP_STATUS_INVALID },
                { SIM_OCSP_GOOD,    SIM_RESPONDER_DELEGATED, 86400, OCSP_STATUS_GOOD    },
                { SIM_OCSP_UNKNOWN, SIM_RESPONDER_DELEGATED, 86400, OCSP_STATUS_UNKNOWN },
                { SIM_OCSP_REVOKED, SIM_RESPONDER_DELEGATED, 86400, OCSP_STATUS_REVOKED },
        };
        _cleanup_(desk_done) Desk d = desk();
        SimOcspComposition c[ELEMENTSOF(cases)];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                c[i] = sim_ocsp_composition(sim_ocsp_device(d.device, 1));
                c[i].responder = cases[i].responder;
                c[i].singles[0].about.status = cases[i].status;
                c[i].singles[0].this_update = -3600;
                c[i].singles[0].next_update = cases[i].next_update;
                CHECK_EQ(known_by(&d, &c[i]), cases[i].wanted);
        }
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (size_t k = 0; k < ELEMENTSOF(cases); k++)
                        CHECK_EQ(known(&d, (const SimOcspComposition *[]){ &c[i], &c[k] }, 2), cases[i > k ? i : k].wanted);
}

/* One answer about several certificates, or more than once about one: the worst that it says counts. */
static void test_several_in_one_answer(void) {
        _cleanup_(desk_done) Desk d = desk();
        const SimOcspSingle other = { .about = sim_ocsp_device(d.other, 1), .next_update = 86400 };
        SimOcspSingle good = { .about = sim_ocsp_device(d.device, 1), .next_update = 86400 }, revoked = good, stale = good;
        SimOcspComposition c = sim_ocsp_composition(good.about);

        revoked.about.status = SIM_OCSP_REVOKED;
        stale.this_update = -7200;
        stale.next_update = -3600;
        const struct {
                SimOcspSingle singles[2];
                OcspStatus wanted;
        } cases[] = {
                { { other,   good },    OCSP_STATUS_GOOD    },
                { { good,    other },   OCSP_STATUS_GOOD    },
                { { other,   other },   OCSP_STATUS_MISSING },
                { { good,    revoked }, OCSP_STATUS_REVOKED },
                { { revoked, good },    OCSP_STATUS_REVOKED },
                { { stale,   good },    OCSP_STATUS_GOOD    },
                { { good,    stale },   OCSP_STATUS_GOOD    },
                { { stale,   stale },   OCSP_STATUS_MISSING },
        };

        c.n_singles = 2;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                memcpy(c.singles, cases[i].singles, sizeof(cases[i].singles));
                CHECK_EQ(known_by(&d, &c), cases[i].wanted);
        }
        for (c.n_singles = 1; c.n_singles <= SIM_OCSP_SINGLES_MAX; c.n_singles++) {
                c.singles[c.n_singles - 1] = good;
                CHECK_EQ(known_by(&d, &c), c.n_singles <= OCSP_SINGLES_MAX ? (int) OCSP_STATUS_GOOD : -1);
        }
}

/* The serial number is right, and the issuer another. */
static void test_id_of_another_issuer(void) {
        _cleanup_(desk_done) Desk d = desk();
        SimOcspComposition c = sim_ocsp_composition(sim_ocsp_device(d.device, 1));

        CHECK_EQ(known_by(&d, &c), OCSP_STATUS_GOOD);
        c.singles[0].about.authority = SIM_GH100_IDENTITY;
        CHECK_EQ(known_by(&d, &c), OCSP_STATUS_MISSING);
}

/* An answer of exactly `size` bytes; signatures differ by a byte or two in length. */
static void compose_sized(Desk *d, size_t wanted, uint8_t **ret) {
        SimOcspComposition c = sim_ocsp_composition(sim_ocsp_device(d->device, 1));
        size_t size = 0;

        c.padding = wanted / 2;
        for (unsigned tries = 0; size != wanted; tries++) {
                MUST(tries < 1000);
                sim_ocsp_compose(d->pki, &c, ret, &size);
                if (size == wanted)
                        break;
                free(*ret);
                c.padding += wanted - size;
        }
}

static void test_size_of_an_answer(void) {
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        _cleanup_free_ uint8_t *largest = NULL, *larger = NULL;
        _cleanup_(desk_done) Desk d = desk();
        Fault fault;

        compose_sized(&d, OCSP_ANSWER_MAX, &largest);
        CHECK_EQ(ocsp_answers_add(answers, largest, OCSP_ANSWER_MAX, &fault), 0);
        compose_sized(&d, OCSP_ANSWER_MAX + 1, &larger);
        CHECK_EQ(ocsp_answers_add(answers, larger, OCSP_ANSWER_MAX + 1, &fault), -E2BIG);
        CHECK_STR(fault.what, "OCSP answers");
}

static void test_number_of_answers(void) {
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        _cleanup_(desk_done) Desk d = desk();
        SimOcspComposition c = sim_ocsp_composition(sim_ocsp_device(d.device, 1));
        _cleanup_free_ uint8_t *der = NULL;
        size_t size;
        Fault fault;

        sim_ocsp_compose(d.pki, &c, &der, &size);
        for (size_t i = 0; i < OCSP_ANSWERS_MAX; i++)
                CHECK_EQ(ocsp_answers_add(answers, der, size, &fault), 0);
        CHECK_EQ(ocsp_answers_add(answers, der, size, &fault), -E2BIG);
}

static void test_answers_that_say_nothing(void) {
        static const struct {
                const uint8_t *der;
                size_t size;
        } cases[] = {
                { sim_ocsp_unauthorized, sizeof(sim_ocsp_unauthorized) },
                { sim_ocsp_try_later,    sizeof(sim_ocsp_try_later)    },
                { (const uint8_t *) "",  0                             },
        };
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        Fault fault;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK_EQ(ocsp_answers_add(answers, cases[i].der, cases[i].size, &fault), -EBADMSG);
}

static void test_trailing_bytes_refuse(void) {
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        _cleanup_(desk_done) Desk d = desk();
        SimOcspComposition c = sim_ocsp_composition(sim_ocsp_device(d.device, 1));
        _cleanup_free_ uint8_t *der = NULL, *longer = NULL;
        Fault fault;
        size_t size;

        sim_ocsp_compose(d.pki, &c, &der, &size);
        CHECK_EQ(ocsp_answers_add(answers, der, size, &fault), 0);
        longer = calloc(1, size + 1);
        memcpy(longer, der, size);
        CHECK_EQ(ocsp_answers_add(answers, longer, size + 1, &fault), -EBADMSG);
        CHECK_EQ(ocsp_answers_add(answers, der, size - 1, &fault), -EBADMSG);
}

/* Of a directory that is a host's. */
static void test_names_without_end(void) {
        char dir[] = "/tmp/cocoon-ocsp-XXXXXX";
        const CollateralOptions options = { .ocsp = true, .ocsp_dirs = (const char *const[]){ dir, NULL } };
        _cleanup_free_ char *fill = NULL, *empty = NULL;
        _cleanup_(collateral_freep) Collateral *c = NULL;
        Fault f = {};

        CHECK(mkdtemp(dir));
        CHECK(asprintf(&fill, "cd '%s' && seq 16000 | xargs touch", dir) > 0);
        CHECK(asprintf(&empty, "rm -r '%s'", dir) > 0);
        CHECK_EQ(system(fill), 0);
        CHECK_EQ(collateral_open(&options, &c, &f), 0);
        c = collateral_free(c);
        strstr(fill, "16000")[0] = '2';
        CHECK_EQ(system(fill), 0);
        CHECK_EQ(collateral_open(&options, &c, &f), -E2BIG);
        CHECK_STR(f.what, "directory of OCSP answers");
        CHECK_EQ(system(empty), 0);
}

static const Test tests[] = {
        { "of two answers the heavier counts, in any order", test_weights                  },
        { "several certificates in one answer",              test_several_in_one_answer    },
        { "the certificate id of another issuer",            test_id_of_another_issuer     },
        { "the size of an answer",                           test_size_of_an_answer        },
        { "the number of answers",                           test_number_of_answers        },
        { "answers that say nothing",                        test_answers_that_say_nothing },
        { "a directory without end",                         test_names_without_end        },
        { "cut and extended answers",                        test_trailing_bytes_refuse    },
};

TEST_MAIN(tests)
