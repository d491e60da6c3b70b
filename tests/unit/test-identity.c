/* SPDX-License-Identifier: Apache-2.0 */

/* Certificates: how they are written down, the chain that they make, and the device and firmware that they name. */

#include "basic/hex.h"
#include "breaks.h"
#include "sim/bytes.h"
#include "sim/must.h"
#include "test.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

/* What the first device must be refused for: names of checks, and what the chain's claim says. */
static void check_refused(Trial *s, const char *checks, const char *chain_status) {
        _cleanup_free_ char *failed = NULL;

        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        failed = trial_failed_checks(s, 0);
        CHECK_STR(failed, checks);
        CHECK_STR(s->appraisal->devices[0].chain_status.status, chain_status);
}

static void hole_16_identity_of_another_form(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        SimCertSpec spec = s->devices[0]->brom->spec;

        spec.serial[0] = 0x50; /* a switch's */
        sim_device_reissue(s->devices[0], 1, &spec);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_IDENTITY)->state, CHECK_FAILED);
}

static void hole_16_dice_extension_of_another_key(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        SimCertSpec spec = s->devices[0]->leaf->spec;

        spec.dice_key = spec.key;
        sim_device_reissue(s->devices[0], 0, &spec);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_FWID)->state, CHECK_FAILED);
}

static void test_chains_that_are_refused(void) {
        static const struct {
                const char *name;
                int drop, swap, repeat;
        } cases[] = {
                { "four certificates", 4, -1, -1 },
                { "no per-device CA",  1, -1, -1 },
                { "wrong order",      -1,  2, -1 },
                { "root before its CA", -1, 3, -1 },
                { "six certificates", -1, -1,  3 },
                { "five, one of them twice", 3, -1, 2 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                if (cases[i].drop >= 0)
                        sim_chain_drop(s->devices[0], (size_t) cases[i].drop);
                if (cases[i].swap >= 0)
                        sim_chain_swap(s->devices[0], (size_t) cases[i].swap, (size_t) cases[i].swap + 1);
                if (cases[i].repeat >= 0)
                        sim_chain_insert(s->devices[0], (size_t) cases[i].repeat, s->devices[0]->chain[cases[i].repeat]);
                check_refused(s, "report-cert-chain", "invalid");
                CHECK_EQ(trial_check(s, 0, CHECK_SIGNATURE)->state, CHECK_NOT_RUN);
        }
}

static void test_stranger_root(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        sim_chain_replace(s->devices[0], 4, sim_pki_stranger(s->pki, SIM_DEVICE_ROOT)->cert);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_CHAIN)->state, CHECK_FAILED);
}

static void become_ca(SimCertSpec *spec) {
        spec->basic_constraints = "critical,CA:TRUE";
}

static void sign_certificates_too(SimCertSpec *spec) {
        spec->key_usage = "critical,digitalSignature,keyCertSign";
}

static void sign_certificates_alone(SimCertSpec *spec) {
        spec->key_usage = "critical,cRLSign";
}

static void lose_usage(SimCertSpec *spec) {
        spec->key_usage = NULL;
}

static void sign_data_alone(SimCertSpec *spec) {
        spec->key_usage = "critical,digitalSignature";
}

static void lose_constraints(SimCertSpec *spec) {
        spec->basic_constraints = NULL;
}

static void lose_key_id(SimCertSpec *spec) {
        spec->omit_key_id = true;
}

static void lose_authority_key_id(SimCertSpec *spec) {
        spec->omit_authority_key_id = true;
}

static void use_sha1(SimCertSpec *spec) {
        spec->digest = EVP_sha1();
}

static void take_p224(SimCertSpec *spec) {
        spec->key = NULL;
        spec->curve = "P-224";
}

static void take_p256(SimCertSpec *spec) {
        spec->key = NULL;
        spec->curve = "P-256";
}

/* One field of a certificate, which is otherwise as good as it was. */
static void test_certificates_that_are_refused(void) {
        static const struct {
                unsigned level;
                void (*edit)(SimCertSpec *spec);
                const char *what;
        } cases[] = {
                { 0, become_ca,               "certificate 0: constraints" },
                { 0, sign_certificates_too,   "certificate 0: constraints" },
                { 0, sign_certificates_alone, "certificate 0: constraints" },
                { 0, lose_usage,              "certificate 0: constraints" },
                { 1, lose_usage,              "certificate 1: constraints" },
                { 1, sign_data_alone,         "certificate 1: constraints" },
                { 1, lose_constraints,        "certificate 1: constraints" },
                { 0, lose_authority_key_id,   "certificate 0"              }, /* RFC 5280, 4.2.1.1: MUST */
                { 1, lose_authority_key_id,   "certificate 1"              },
                { 1, lose_key_id,             "certificate 1"              },
                { 0, use_sha1,                "certificate 0"              }, /* below 128 bits of security */
                { 1, use_sha1,                "certificate 1"              },
                { 0, take_p224,               "certificate 0"              },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                reissue_device_cert(s, cases[i].level, cases[i].edit);
                check_refused(s, "report-cert-chain", "invalid");
                CHECK_STR(trial_check(s, 0, CHECK_CHAIN)->fault.what, cases[i].what);
        }
}

/* As strong as can be asked for in a chain, but not what a device signs its report with. */
static void test_leaf_on_another_curve(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        reissue_device_cert(s, 0, take_p256);
        check_refused(s, "report-signature", "valid");
        CHECK_STR(trial_check(s, 0, CHECK_SIGNATURE)->fault.what, "leaf key");
}

static void expire(SimCertSpec *spec) {
        (void) snprintf(spec->not_after, sizeof(spec->not_after), "20240101000000Z");
}

static void postpone(SimCertSpec *spec) {
        (void) snprintf(spec->not_before, sizeof(spec->not_before), "29990101000000Z");
}

/* By its own key instead of its issuer's. */
static void forge(SimCertSpec *spec) {
        spec->signing_key = spec->key;
}

/* "Expired" means that nothing else is wrong with a chain; all else is judged as far as it would be without. */
static void test_expired_and_otherwise_broken(void) {
        static const struct {
                unsigned level;
                void (*edit)(SimCertSpec *spec); /* beside the leaf that has expired */
                const char *status, *what;
        } cases[] = {
                { 0, expire,                "expired", "certificate 0"              },
                { 1, expire,                "expired", "certificate 0"              },
                { 0, forge,                 "invalid", "certificate 0"              },
                { 1, forge,                 "invalid", "certificate 1"              },
                { 1, postpone,              "invalid", "certificate 1"              },
                { 0, sign_certificates_too, "invalid", "certificate 0: constraints" },
                { 1, lose_key_id,           "invalid", "certificate 1"              },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
                bool expired = strcmp(cases[i].status, "expired") == 0;

                expire_leaf(s);
                reissue_device_cert(s, cases[i].level, cases[i].edit);
                check_refused(s, "report-cert-chain", cases[i].status);
                CHECK_STR(trial_check(s, 0, CHECK_CHAIN)->fault.what, cases[i].what);
                CHECK_EQ(trial_check(s, 0, CHECK_SIGNATURE)->state, expired ? CHECK_PASSED : CHECK_NOT_RUN);
        }
}

static void test_expired_and_out_of_order(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper), *forged = trial_new(one_hopper);

        expire_leaf(s);
        sim_chain_swap(s->devices[0], 2, 3);
        check_refused(s, "report-cert-chain", "invalid");
        CHECK_STR(trial_check(s, 0, CHECK_CHAIN)->fault.what, "certificate chain");

        expire_leaf(forged);
        break_signature(forged);
        check_refused(forged, "report-cert-chain report-signature", "expired");
}

static void set_subject_serial(SimCertSpec *spec) {
        char *digit = strchr(spec->subject, '=') + 4;

        *digit = *digit == '0' ? '1' : '0';
}

static void lose_subject_serial(SimCertSpec *spec) {
        char *rest = strstr(spec->subject, "/C=US");

        memmove(spec->subject, rest, strlen(rest) + 1);
}

static void name_other_model(SimCertSpec *spec) {
        memcpy(strstr(spec->subject, "CN=GH100") + 3, "AD102", 5);
}

static void name_longer_model(SimCertSpec *spec) {
        memcpy(strstr(spec->subject, "CN=GH100 ") + 3, "GH1000", 6);
}

static void shorten_serial(SimCertSpec *spec) {
        memmove(strchr(spec->subject, '=') + 1, strchr(spec->subject, '=') + 3, strlen(strchr(spec->subject, '=') + 3) + 1);
        spec->serial_size--;
        memmove(spec->serial, spec->serial + 1, spec->serial_size);
        spec->serial[0] = 0x41;
        memcpy(strchr(spec->subject, '=') + 1, "41", 2);
}

/* The prefix of a switch, in the number and in the subject alike. */
static void take_switch_serial(SimCertSpec *spec) {
        spec->serial[0] = 0x50;
        memcpy(strchr(spec->subject, '=') + 1, "50", 2);
}

static void test_identities_that_are_refused(void) {
        static const struct {
                void (*edit)(SimCertSpec *spec);
                const char *what;
        } cases[] = {
                { set_subject_serial,  "certificate 1: serial number" },
                { lose_subject_serial, "certificate 1: serial number" },
                { shorten_serial,      "certificate 1: serial number" },
                { take_switch_serial,  "certificate 1: serial number" },
                { name_other_model,    "certificate 1: common name"   },
                { name_longer_model,   "certificate 1: common name"   },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                reissue_device_cert(s, 1, cases[i].edit);
                check_refused(s, "device-identity", "valid");
                CHECK_STR(trial_check(s, 0, CHECK_IDENTITY)->fault.what, cases[i].what);
        }
}

/* Each form of the extension, in the form that each kind of device has. */
static void test_dice_extensions_that_are_refused(void) {
        static const SimModel models[] = { SIM_MODEL_HOPPER, SIM_MODEL_BLACKWELL, SIM_MODEL_LS10 };

        for (size_t i = 0; i < ELEMENTSOF(models); i++)
                for (SimDiceFlaw flaw = SIM_DICE_GOOD + 1; flaw < _SIM_DICE_FLAW_MAX; flaw++) {
                        const SimModel one[] = { models[i], _SIM_MODEL_INVALID };
                        _cleanup_(trial_freep) Trial *s = trial_new(one);
                        SimCertSpec spec = s->devices[0]->leaf->spec;
                        unsigned before = test_failures;

                        spec.dice_flaw = flaw;
                        sim_device_reissue(s->devices[0], 0, &spec);
                        check_refused(s, "fwid", "valid");
                        if (test_failures > before)
                                (void) printf("# flaw %d of %s\n", (int) flaw, sim_model_to_string(models[i]));
                }
}

/* Only the first firmware of Hopper leaves the id out of its reports. What came with it or later, in one of them, tells
 * that another firmware made it. */
static void test_fwid_lacks_in_the_first_firmware_alone(void) {
        static const struct {
                SimModel model;
                unsigned add, remove[2];
                bool versioned;
                ExitStatus wanted;
        } cases[] = {
                { SIM_MODEL_HOPPER_EARLY,  0,  {},           false, EXIT_ACCEPTED },
                { SIM_MODEL_LS10,          0,  {},           false, EXIT_ACCEPTED },
                { SIM_MODEL_HOPPER_EARLY,  21, {},           false, EXIT_REFUSED  },
                { SIM_MODEL_HOPPER_EARLY,  34, {},           false, EXIT_REFUSED  },
                { SIM_MODEL_HOPPER_EARLY,  36, {},           false, EXIT_REFUSED  },
                { SIM_MODEL_HOPPER_EARLY,  0,  {},           true,  EXIT_REFUSED  },
                { SIM_MODEL_BLACKWELL_575, 0,  { 20, 34 },   false, EXIT_REFUSED  },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const SimModel one[] = { cases[i].model, _SIM_MODEL_INVALID };
                _cleanup_(trial_freep) Trial *s = trial_new(one);
                _cleanup_free_ char *failed = NULL;

                if (cases[i].add == 21)
                        sim_entry_append(s->devices[0], 21, 0, "\x55", 1);
                else if (cases[i].add > 0)
                        sim_entry_append(s->devices[0], cases[i].add, 0, "\x00", 2);
                for (size_t k = 0; k < 2 && cases[i].remove[k] > 0; k++)
                        sim_entry_remove(s->devices[0], cases[i].remove[k]);
                s->devices[0]->versioned = cases[i].versioned;
                CHECK_EQ(trial_judge(s), cases[i].wanted);
                failed = trial_failed_checks(s, 0);
                CHECK_STR(failed, cases[i].wanted == EXIT_ACCEPTED ? "" : "fwid");
        }
}

/* PEM of the chain with bytes behind the DER of certificate `index`; the caller's. */
static char *pem_with_trailing(const SimDevice *d, size_t index, size_t n) {
        SimBytes text = {};

        for (size_t i = 0; i < d->n_chain; i++) {
                _cleanup_bytes_ SimBytes der = {};
                _cleanup_free_ char *base64 = NULL;
                unsigned char *own = NULL;
                int size = i2d_X509(d->chain[i], &own);

                MUST(size > 0);
                sim_bytes_put(&der, own, (size_t) size);
                OPENSSL_free(own);
                sim_bytes_fill(&der, 0, i == index ? n : 0);
                base64 = base64_encode(der.data, der.size);
                MUST(base64);
                sim_bytes_printf(&text, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", base64);
        }
        return (char *) text.data;
}

static void test_bytes_behind_a_certificate(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        _cleanup_free_ char *good = pem_with_trailing(s->devices[0], 0, 0);

        s->evidence[0].chain = good;
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        for (size_t i = 0; i < 5; i++)
                for (size_t n = 1; n < 3; n++) {
                        _cleanup_free_ char *bad = pem_with_trailing(s->devices[0], i, n);
                        char what[32];

                        s->evidence[0].chain = bad;
                        check_refused(s, "report-cert-chain", "invalid");
                        (void) snprintf(what, sizeof(what), "certificate %zu", i);
                        CHECK_STR(trial_check(s, 0, CHECK_CHAIN)->fault.what, what);
                }
}

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "\n-----END CERTIFICATE-----"

/* What may stand around a good chain, and what not. */
static void test_text_that_is_no_chain(void) {
        static const struct {
                const char *before, *after;
                int wanted;
        } cases[] = {
                { "",       "",                0        },
                { "\n \t",  "\r\n ",           0        },
                { "x",      "",                -EBADMSG },
                { "",       "x",               -EBADMSG },
                { "",       "\n" BEGIN,        -EBADMSG },
                { "",       BEGIN END,         -EBADMSG },
                { "",       BEGIN "AAAA" END,  -EBADMSG },
                { "",       BEGIN "A=AA" END,  -EBADMSG },
                { BEGIN,    "",                -EBADMSG },
                { END,      "",                -EBADMSG },
                { "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "", -EBADMSG },
        };
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        _cleanup_free_ char *good = sim_device_chain_pem(s->devices[0]);
        _cleanup_(certchain_done) CertChain none = {};
        Fault fault = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(certchain_done) CertChain chain = {};
                _cleanup_free_ char *text = NULL;

                MUST(asprintf(&text, "%s%s%s", cases[i].before, good, cases[i].after) > 0);
                CHECK_EQ(certchain_parse_pem(text, strlen(text), NULL, &chain, &fault), cases[i].wanted);
        }
        CHECK_EQ(certchain_parse_pem(" ", 1, NULL, &none, &fault), -EBADMSG);
        CHECK_EQ(certchain_parse_pem(good, strlen(good) - 1, NULL, &none, &fault), -EBADMSG);
}

static void test_chains_of_eight_and_nine(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        Fault fault = {};

        for (size_t n = 6; n <= 9; n++) {
                _cleanup_(certchain_done) CertChain chain = {};
                _cleanup_free_ char *text = NULL;

                sim_chain_insert(s->devices[0], 1, s->devices[0]->chain[1]);
                text = sim_device_chain_pem(s->devices[0]);
                CHECK_EQ(certchain_parse_pem(text, strlen(text), NULL, &chain, &fault), n <= 8 ? 0 : -EBADMSG);
                CHECK_EQ(chain.n_certs, n <= 8 ? n : 0);
        }
}

static const Test tests[] = {
        { "hole 16: a per-device CA of another form",             hole_16_identity_of_another_form            },
        { "hole 16: a DICE extension about another key",          hole_16_dice_extension_of_another_key       },
        { "chains of another length or order",                    test_chains_that_are_refused                },
        { "another root",                                         test_stranger_root                          },
        { "certificates that may not do what they do",            test_certificates_that_are_refused          },
        { "a leaf on another curve",                              test_leaf_on_another_curve                  },
        { "expired and broken is broken",                         test_expired_and_otherwise_broken           },
        { "expired and out of order, or badly signed",            test_expired_and_out_of_order               },
        { "per-device CAs that name no device",                   test_identities_that_are_refused            },
        { "DICE extensions of another form",                      test_dice_extensions_that_are_refused       },
        { "the first firmware alone may lack an id",              test_fwid_lacks_in_the_first_firmware_alone },
        { "bytes behind a certificate",                           test_bytes_behind_a_certificate             },
        { "text that is no chain",                                test_text_that_is_no_chain                  },
        { "chains of eight certificates, and of nine",            test_chains_of_eight_and_nine               },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
