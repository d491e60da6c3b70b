/* SPDX-License-Identifier: Apache-2.0 */

/* What an appraisal costs beside the public-key operations in it: ECDSA P-384 verifications are counted while 1 and 8
 * devices are judged in this process, then as many bare ones are timed in the same run; and a whole process from exec
 * to verdict. Prints ratios; asserts nothing about time. */

#define OPENSSL_SUPPRESS_DEPRECATED

#include <fcntl.h>
#include <ftw.h>
#include <openssl/ec.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "attest/verdict.h"
#include "basic/io.h"
#include "sim/must.h"
#include "sim/scene.h"

extern char **environ;

static unsigned long n_verifications;
static int (*real_verify)(int, const unsigned char *, int, const unsigned char *, int, EC_KEY *);

static int counting_verify(int type, const unsigned char *digest, int digest_size, const unsigned char *sig, int sig_size,
                           EC_KEY *key) {
        n_verifications++;
        return real_verify(type, digest, digest_size, sig, sig_size, key);
}

/* Every EC key of the process goes through this method, so library code is counted like ours. */
static void count_verifications(void) {
        EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
        int (*verify_sig)(const unsigned char *, int, const ECDSA_SIG *, EC_KEY *);

        MUST(method);
        EC_KEY_METHOD_get_verify(method, &real_verify, &verify_sig);
        EC_KEY_METHOD_set_verify(method, counting_verify, verify_sig);
        EC_KEY_set_default_method(method);
}

static double now_ms(void) {
        struct timespec t;

        MUST(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

typedef struct Inputs {
        char dir[64], rims[96], ocsp[96], anchors[96], evidence[96];
        char *text, *policy;
        uint8_t nonce[SIM_NONCE_SIZE];
} Inputs;

static void make_inputs(Inputs *in, size_t n) {
        _cleanup_(sim_scene_freep) SimScene *scene = NULL;
        SimModel models[8];
        uint8_t *text;
        size_t size;

        for (size_t i = 0; i < n; i++)
                models[i] = SIM_MODEL_HOPPER;
        memset(in->nonce, 0x17, sizeof(in->nonce));
        (void) snprintf(in->dir, sizeof(in->dir), "/tmp/cocoon-bench-XXXXXX");
        MUST(mkdtemp(in->dir));
        (void) snprintf(in->rims, sizeof(in->rims), "%s/rims", in->dir);
        (void) snprintf(in->ocsp, sizeof(in->ocsp), "%s/ocsp", in->dir);
        (void) snprintf(in->anchors, sizeof(in->anchors), "%s/anchors", in->dir);
        (void) snprintf(in->evidence, sizeof(in->evidence), "%s/evidence.json", in->dir);
        scene = sim_scene_new(models, n, in->nonce);
        MUST(scene && sim_scene_write(scene, in->dir) >= 0);
        MUST(read_file_at(AT_FDCWD, in->evidence, EVIDENCE_FILE_MAX, &text, &size) >= 0);
        in->text = (char *) text;
        MUST(read_file_at(AT_FDCWD, SOURCE_ROOT "/policy/attest_policy.json", POLICY_FILE_MAX, &text, &size) >= 0);
        in->policy = (char *) text;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void inputs_done(Inputs *in) {
        (void) nftw(in->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(in->text);
        free(in->policy);
}

/* All that the program does but start and print. */
static void judge(const Inputs *in) {
        const char *rims[] = { in->rims, NULL }, *ocsp[] = { in->ocsp, NULL };
        const CollateralOptions options = {
                .anchors_dir = in->anchors, .rim_dirs = rims, .ocsp_dirs = ocsp, .ocsp = true,
                .device_time = time(NULL), .rim_time = time(NULL),
        };
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        _cleanup_(collateral_freep) Collateral *collateral = NULL;
        _cleanup_(appraisal_freep) Appraisal *appraisal = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(verdict_done) Verdict verdict = {};
        Fault fault;

        MUST(collateral_open(&options, &collateral, &fault) >= 0);
        MUST(policy_parse(in->policy, strlen(in->policy), &policy, &fault) >= 0);
        MUST(evidence_set_parse(in->text, strlen(in->text), &set, &fault) >= 0);
        MUST(appraise(set, in->nonce, collateral, &appraisal) >= 0);
        MUST(verdict_reach(appraisal, policy, CLAIMS_3_0, time(NULL), &verdict) >= 0);
        MUST(verdict.status == EXIT_ACCEPTED);
}

static void spawn(const Inputs *in) {
        char nonce[2 * SIM_NONCE_SIZE + 1];
        const char *argv[] = { ATTEST, "verify", "--evidence", in->evidence, "--nonce", NULL, "--rim-dir", in->rims,
                               "--ocsp-dir", in->ocsp, "--trust-anchors", in->anchors, "--policy",
                               SOURCE_ROOT "/policy/attest_policy.json", NULL };
        posix_spawn_file_actions_t actions;
        int status;
        pid_t pid;

        memset(nonce, 0, sizeof(nonce));
        for (size_t i = 0; i < SIM_NONCE_SIZE; i++)
                (void) snprintf(nonce + 2 * i, 3, "%02x", in->nonce[i]);
        argv[5] = nonce;
        MUST(posix_spawn_file_actions_init(&actions) == 0 &&
             posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
        MUST(posix_spawn(&pid, ATTEST, &actions, NULL, (char *const *) (uintptr_t) argv, environ) == 0);
        MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ACCEPTED);
        (void) posix_spawn_file_actions_destroy(&actions);
}

/* The best of several rounds: what is left out is the noise of the machine. */
static double best(void (*run)(const Inputs *), const Inputs *in, unsigned rounds) {
        double least = 1e9;

        for (unsigned i = 0; i < rounds; i++) {
                double start = now_ms();

                run(in);
                if (now_ms() - start < least)
                        least = now_ms() - start;
        }
        return least;
}

/* One verification, key and signature parsed before. */
static double bare_verification(unsigned rounds) {
        EVP_PKEY *key = sim_key_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
        unsigned char digest[48] = { 1 }, sig[128];
        size_t size = sizeof(sig);
        double least = 1e9;

        MUST(ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, sig, &size, digest, sizeof(digest)) == 1);
        MUST(EVP_PKEY_verify_init(ctx) == 1);
        for (unsigned i = 0; i < rounds; i++) {
                double start = now_ms();

                for (int k = 0; k < 8; k++)
                        MUST(EVP_PKEY_verify(ctx, sig, size, digest, sizeof(digest)) == 1);
                if ((now_ms() - start) / 8 < least)
                        least = (now_ms() - start) / 8;
        }
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
        return least;
}

int main(int argc, char *argv[]) {
        unsigned rounds = argc > 1 && strcmp(argv[1], "--short") == 0 ? 3 : 30;
        static const size_t counts[] = { 1, 8 };
        double bare;

        count_verifications();
        MUST(rim_library_init() >= 0);
        bare = bare_verification(rounds);
        (void) printf("one bare ECDSA P-384 verification   %8.3f ms\n", bare);
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                _cleanup_(inputs_done) Inputs in = {};
                double inside, outside;
                unsigned long n;

                make_inputs(&in, counts[i]);
                n_verifications = 0;
                judge(&in);
                n = n_verifications;
                inside = best(judge, &in, rounds);
                outside = best(spawn, &in, rounds);
                (void) printf("%zu device%s: %lu verifications, bare %8.2f ms\n", counts[i], counts[i] > 1 ? "s" : " ", n,
                              (double) n * bare);
                (void) printf("  in this process                   %8.2f ms, %.2f times the bare ones\n", inside,
                              inside / ((double) n * bare));
                (void) printf("  as a process, exec to verdict     %8.2f ms, %.2f times the bare ones\n", outside,
                              outside / ((double) n * bare));
        }
        return 0;
}
