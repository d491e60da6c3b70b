/* SPDX-License-Identifier: Apache-2.0 */

/* systemd.generator(7): which GPUs and which model cocoon-worker@NAME.service needs follows from /etc/cocoon/worker/NAME.conf.
 *
 *   cocoon-worker-generator NORMAL-DIR EARLY-DIR LATE-DIR [ROOT]      ROOT: the directory that stands for / */

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"
#include "basic/log.h"
#include "basic/unit-name.h"
#include "launch/worker.h"
#include "vfio/address.h"

#define DIRECTORY "/etc/cocoon/worker"
#define SUFFIX    ".conf"
#define DEVICES   "/sys/bus/pci/devices"

/* What may stand in a unit's name as it is. */
static bool is_instance(const char *name) {
        return !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-\\")];
}

static void ignore(const char *file, unsigned line, const char *message, void *userdata) {
}

static int write_need(FILE *f, const char *how, const char *prefix, const char *instance) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = unit_name_make(prefix, instance, &unit);
        if (r < 0)
                return r;
        (void) fprintf(f, "%s=%s\nAfter=%s\n", how, unit, unit);
        return 0;
}

static bool begins_with(int devices, const char *address, const char *attribute, const char *text) {
        _cleanup_free_ uint8_t *data = NULL;
        char path[2 * PCI_ADDRESS_SIZE];
        size_t size;

        (void) snprintf(path, sizeof(path), "%s/%s", address, attribute);
        return read_virtual_file_at(devices, path, 32, &data, &size) >= 0 && size >= strlen(text) &&
               memcmp(data, text, strlen(text)) == 0;
}

/* As udev's rules have it. */
static bool is_gpu(int devices, const char *address) {
        return begins_with(devices, address, "vendor", "0x10de") &&
               (begins_with(devices, address, "class", "0x0300") || begins_with(devices, address, "class", "0x0302"));
}

/* Whoever takes any GPU requires none, but does not come before those that are just being prepared, nor is it there longer. */
static int write_any_gpu(FILE *f, const char *root) {
        _cleanup_closedir_ DIR *d = NULL;
        _cleanup_free_ char *path = NULL;
        struct dirent *e;

        if (asprintf(&path, "%s" DEVICES, root) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        d = opendir(path);
        while (d && (e = readdir(d))) {
                char address[PCI_ADDRESS_SIZE];

                if (pci_address_parse(e->d_name, address) >= 0 && is_gpu(dirfd(d), address))
                        (void) fprintf(f, "After=cocoon-gpu@%s.service\n", address);
        }
        return 0;
}

static int write_needs(FILE *f, const WorkerConfig *c, const char *root) {
        int r = c->gpus.n_auto > 0 ? write_any_gpu(f, root) : 0;

        for (char **a = c->gpus.addresses; r >= 0 && a && *a; a++)
                r = write_need(f, "Requires", "cocoon-gpu@", *a);
        if (r < 0 || c->type != NODE_WORKER)
                return r;
        /* Without a commit the hub is asked which is the newest; an image that is there serves when it cannot be. */
        r = write_need(f, c->model_spec.commit[0] ? "Requires" : "Wants", "cocoon-model@", c->model);
        return r == -ENAMETOOLONG ? 0 : r;
}

static int make_text(const WorkerConfig *c, const char *root, const char *file, char **ret) {
        size_t size = 0;
        FILE *f = open_memstream(ret, &size);
        int r;

        if (!f)
                return -ENOMEM;
        (void) fprintf(f, "# Made by cocoon-worker-generator from %s\n[Unit]\n", file);
        r = write_needs(f, c, root);
        return fclose(f) == 0 ? r : -ENOMEM;
}

static int write_drop_in(const char *normal, const char *name, const char *text) {
        _cleanup_free_ char *folder = NULL, *file = NULL;

        if (asprintf(&folder, "%s/cocoon-worker@%s.service.d", normal, name) < 0 ||
            asprintf(&file, "%s/50-worker-conf.conf", folder) < 0)
                return -ENOMEM;
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return -errno;
        return write_file_atomic(file, text, strlen(text), 0644);
}

/* What is wrong with a configuration the launch itself says, and refuses. */
static int generate(const char *normal, const char *root, const char *directory, const char *file) {
        _cleanup_(worker_config_done) WorkerConfig config = {};
        _cleanup_free_ char *path = NULL, *name = strndup(file, strlen(file) - strlen(SUFFIX)), *text = NULL;
        int r;

        if (!name || asprintf(&path, "%s/%s", directory, file) < 0)
                return -ENOMEM;
        if (!is_instance(name))
                return 0;
        r = worker_config_load(path, path, NULL, 0, ignore, NULL, &config);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        r = make_text(&config, root, file, &text);
        return r < 0 ? r : write_drop_in(normal, name, text);
}

static int generate_all(const char *normal, const char *root) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *e;
        int r = 0;

        if (asprintf(&directory, "%s" DIRECTORY, root) < 0)
                return log_oom();
        d = opendir(directory);
        while (d && (e = readdir(d))) {
                size_t length = strlen(e->d_name);
                int one;

                if (e->d_name[0] == '.' || length <= strlen(SUFFIX) ||
                    strcmp(e->d_name + length - strlen(SUFFIX), SUFFIX) != 0)
                        continue;
                one = generate(normal, root, directory, e->d_name);
                if (one < 0)
                        r = log_error_errno(one, "Failed to write a drop-in for %s/%s: %m", directory, e->d_name);
        }
        return r;
}

int main(int argc, char *argv[]) {
        log_open("cocoon-worker-generator", LOG_INFO);
        if (argc != 4 && argc != 5) {
                log_error("expected three directories of systemd.generator(7), found %d arguments.", argc - 1);
                return EXIT_FAILURE;
        }
        return generate_all(argv[1], argc == 5 ? argv[4] : "") < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
