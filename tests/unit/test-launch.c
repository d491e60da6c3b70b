/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "launch/qemu.h"
#include "launch/secret.h"
#include "launch/vars.h"
#include "launch/worker.h"
#include "test.h"

#define GIB (UINT64_C(1) << 30)

typedef struct Trial {
        char refusals[4096];
        WorkerConfig config;
} Trial;

static void note(const char *file, unsigned line, const char *message, void *userdata) {
        Trial *t = userdata;
        size_t used = strlen(t->refusals);

        (void) snprintf(t->refusals + used, sizeof(t->refusals) - used, "%s:%u: %s\n", file, line, message);
}

static void trial_done(Trial *t) {
        worker_config_done(&t->config);
}

static int load(Trial *t, unsigned instance, char *const *overrides, const char *text) {
        _cleanup_close_ int fd = memfd_create("worker.conf", MFD_CLOEXEC);
        char path[64];

        *t = (Trial){};
        CHECK(fd >= 0 && write_all(fd, text, strlen(text)) == 0);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return worker_config_load(path, "w", overrides, instance, note, t, &t->config);
}

static void test_defaults(void) {
        _cleanup_(trial_done) Trial t;

        CHECK_EQ(load(&t, 0, NULL, "[node]\nowner_address = a\n"), 0);
        CHECK_STR(t.refusals, "");
        CHECK_EQ(t.config.type, NODE_WORKER);
        CHECK_STR(t.config.model, "Qwen/Qwen3-0.6B");
        CHECK_STR(t.config.model_spec.name, "Qwen/Qwen3-0.6B");
        CHECK_EQ(worker_config_gpus(&t.config), 0);
        CHECK_EQ(t.config.worker_coefficient, 1000);
        CHECK_STR(t.config.image_dir, "images/prod");
        CHECK_STR(t.config.spec_dir, "spec/worker");
        CHECK_STR(t.config.persistent, "persistent-worker-0.img");
        CHECK_EQ(t.config.persistent_size, 100 * GIB);
        CHECK_EQ(t.config.memory, 100 * GIB);
        CHECK_EQ(t.config.cpus, 32);
        CHECK_EQ(t.config.ports[PORT_SSH], 12005);
        CHECK_EQ(t.config.ports[PORT_HTTP], 12000);
        CHECK_EQ(t.config.ports[PORT_WORKER_RPC], 0);
        CHECK_EQ(t.config.guest_ports[PORT_SSH], 22);
        CHECK_EQ(t.config.vsock_cid, 6);
        CHECK_EQ(t.config.accel, ACCEL_KVM);
        CHECK(!t.config.no_tdx && !t.config.test && !t.config.fake_ton);
}

static void test_every_key(void) {
        _cleanup_(trial_done) Trial t;

        CHECK_EQ(load(&t, 9, NULL, "; comment\n# comment\n[node]\ntype=worker\nmodel = O/M@0123456789abcdef0123456789abcdef01234567\n"
                      "owner_address = o\ngpu = C1:00.0\ngpu = 0001:02:03.4\ninstance = 3\nworker_coefficient = 5\nhf_token = t\n"
                      "node_wallet_key = k=\nroot_contract_address = r\nexternal_ip = e\nexternal_worker_port = 1\n"
                      "external_client_port = 2\nton_config_base = b\nton_config = c\nimage-dir = i\npersistent = p\nssh_port = 100\n"
                      "vsock_cid = 20\nhttp_port = 200\ntest = 1\nfake_ton = on\nbuild_dir = d\ncpus = 4\nmemory = 512M\naccel = auto\n"
                      "no_tdx = true\npersistent_size = 2G\nspec_dir = s\nmodel_dir = m\nqemu = q\n"), 0);
        CHECK_STR(t.refusals, "");
        CHECK_STR(t.config.gpus.addresses[0], "0000:c1:00.0");
        CHECK_STR(t.config.gpus.addresses[1], "0001:02:03.4");
        CHECK_EQ(worker_config_gpus(&t.config), 2);
        CHECK_EQ(t.config.instance, 3);
        CHECK_STR(t.config.node_wallet_key, "k=");
        CHECK_EQ(t.config.ports[PORT_SSH], 130);
        CHECK_EQ(t.config.ports[PORT_HTTP], 230);
        CHECK_EQ(t.config.guest_ports[PORT_HTTP], 12000);
        CHECK_EQ(t.config.vsock_cid, 50);
        CHECK_EQ(t.config.memory, GIB / 2);
        CHECK_EQ(t.config.accel, ACCEL_AUTO);
        CHECK_STR(t.config.persistent, "p");
        CHECK(t.config.test && t.config.fake_ton && t.config.no_tdx);
}

static void test_types(void) {
        static const struct {
                const char *text;
                unsigned ports[_NODE_PORT_MAX], cid;
        } rows[] = {
                { "type=proxy\n", { 11005 + 20, 11000 + 20, 11001 + 20, 11002 + 20 }, 27 },
                { "type=client\nvsock_cid=9\nhttp_port=80\n", { 0, 100, 0, 0 }, 29 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(trial_done) Trial t;
                _cleanup_free_ char *text = NULL;

                CHECK(asprintf(&text, "[node]\nowner_address=o\ninstance=2\n%s", rows[i].text) > 0);
                CHECK_EQ(load(&t, 0, NULL, text), 0);
                for (NodePort p = 0; p < _NODE_PORT_MAX; p++)
                        CHECK_EQ(t.config.ports[p], rows[i].ports[p]);
                CHECK_EQ(t.config.vsock_cid, rows[i].cid);
                CHECK(!t.config.model);
        }
}

/* A file with a secret, as the launch knows it. */
static void make_file(mode_t mode, int *ret_fd, char ret[static 64]) {
        *ret_fd = memfd_create("worker.conf", MFD_CLOEXEC);
        CHECK(*ret_fd >= 0 && fchmod(*ret_fd, mode) == 0);
        (void) snprintf(ret, 64, "/proc/self/fd/%d", *ret_fd);
}

/* What a service manager copied is as secret as what it copied it from. */
static void test_secrets(void) {
        _cleanup_close_ int copy_fd = -EBADF, open_fd = -EBADF, closed_fd = -EBADF;
        char copy[64], open[64], closed[64], token[] = "t";
        WorkerConfig c = { .hf_token = token }, without = {};
        Fault f = {};

        make_file(0400, &copy_fd, copy);
        make_file(0604, &open_fd, open);
        make_file(0640, &closed_fd, closed);
        CHECK_EQ(secrets_find(&c, copy, closed, &f), 0);
        CHECK_EQ(secrets_find(&c, copy, "/nowhere/worker.conf", &f), 0);
        CHECK_EQ(secrets_find(&c, copy, open, &f), -EPERM);
        CHECK(strstr(f.found, "mode 0604 of /proc/self/fd/"));
        CHECK_EQ(secrets_find(&c, open, open, &f), -EPERM);
        CHECK_EQ(secrets_find(&without, copy, open, &f), 0);
}

static void test_overrides(void) {
        char *const overrides[] = { (char[]){ "gpu=auto" }, (char[]){ "gpu=auto" }, (char[]){ "cpus=2" }, (char[]){ "cpus=3" }, NULL };
        char *const wrong[] = { (char[]){ "cpus=0" }, NULL };
        _cleanup_(trial_done) Trial t, u;

        CHECK_EQ(load(&t, 4, overrides, "[node]\nowner_address=o\ngpu=01:00.0\ncpus=9\n"), 0);
        CHECK_EQ(t.config.gpus.n_auto, 2);
        CHECK(!t.config.gpus.addresses);
        CHECK_EQ(t.config.cpus, 3);
        CHECK_EQ(t.config.instance, 4);
        CHECK_EQ(load(&u, 0, wrong, "[node]\nowner_address=o\n"), -EINVAL);
        CHECK_STR(u.refusals, "command line:0: cpus cannot be '0': expected a number, 1 to 1024\n");
        CHECK(!u.config.owner_address);
}

static void test_sizes(void) {
        static const struct {
                const char *text;
                uint64_t size; /* 0: refused */
        } rows[] = {
                { "1T", 1024 * GIB }, { "262144K", GIB / 4 }, { "1", 0 }, { "1GB", 0 }, { "G", 0 }, { "-1G", 0 }, { "1.5G", 0 },
                { "0G", 0 }, { "99999999999999999999G", 0 }, { "2000T", 0 }, { "1 G", 0 }, { "", 0 }, { "1g", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(trial_done) Trial t;
                _cleanup_free_ char *text = NULL;

                CHECK(asprintf(&text, "[node]\nowner_address=o\nmemory=%s\n", rows[i].text) > 0);
                CHECK_EQ(load(&t, 0, NULL, text), rows[i].size > 0 ? 0 : -EINVAL);
                CHECK_EQ(t.config.memory, rows[i].size);
        }
}

static void test_keys(void) {
        bool flag, has_test = false;
        const char *key;

        for (size_t i = 0; (key = worker_config_key(i, &flag)); i++) {
                CHECK(strcmp(key, "hf_token") != 0 && strcmp(key, "node_wallet_key") != 0);
                if (strcmp(key, "test") == 0)
                        has_test = flag;
                if (strcmp(key, "gpu") == 0)
                        CHECK(!flag);
        }
        CHECK(has_test);
}

static void test_vars(void) {
        _cleanup_(vars_freep) Vars *v = vars_new();
        _cleanup_free_ char *text = NULL, *large = calloc(1, 70000);
        static const char *const wrong[] = { "", "=", "=a", "1A=b", "A B=c", "A", "A=b\nC=d", "A=\033", "A-B=c" };
        static const char begin[] = "# comment\n\nA=1\r\nB=2\nA=3";
        Fault f;

        CHECK_EQ(vars_read(v, begin, strlen(begin), &f), 0);
        CHECK_EQ(vars_set(v, "B", "x=y"), 0);
        CHECK_EQ(vars_set(v, "C", NULL), 0);
        CHECK_EQ(vars_set_unsigned(v, "D", 7), 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                CHECK_EQ(vars_set_line(v, wrong[i]), -EINVAL);
        memset(large, 'a', 66000);
        CHECK_EQ(vars_set(v, "E", large), -E2BIG);
        CHECK_EQ(vars_read(v, large, 70000, &f), -EBADMSG);
        CHECK_EQ(vars_read(v, "hf_secret", 9, &f), -EBADMSG);
        CHECK(!strstr(f.found, "hf_secret"));
        text = vars_text(v);
        CHECK_STR(text, "A=3\nB=x=y\nD=7\n");
}

static void test_printing(void) {
        char *const command[] = { (char[]){ "q" }, (char[]){ "-a" }, (char[]){ "b c" }, (char[]){ "-d" }, (char[]){ "it's" },
                                  (char[]){ "" }, NULL };
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        CHECK(f);
        command_print(f, command);
        CHECK_EQ(fclose(f), 0);
        CHECK_STR(text, "q \\\n        -a 'b c' \\\n        -d 'it'\\''s' ''\n");
}

static const Test tests[] = {
        { "what a configuration need not say",       test_defaults  },
        { "every key",                               test_every_key },
        { "types and instances",                     test_types     },
        { "a command line",                          test_overrides },
        { "secrets that everybody can read",         test_secrets   },
        { "sizes",                                   test_sizes     },
        { "which keys a command line may have",      test_keys      },
        { "variables for the guest",                 test_vars      },
        { "a command as a shell takes it",           test_printing  },
};

TEST_MAIN(tests)
