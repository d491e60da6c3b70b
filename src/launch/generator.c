/* SPDX-License-Identifier: Apache-2.0 */

/* systemd.generator(7): which GPUs and which model cocoon-worker@NAME.service needs follows from /etc/cocoon/worker/NAME.conf.
 *
 *   cocoon-worker-generator NORMAL-DIR EARLY-DIR LATE-DIR [ROOT]      ROOT: the directory that stands for / */

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"
#include "basic/log.h"
#include "launch/worker.h"

#define DIRECTORY "/etc/cocoon/worker"
#define SUFFIX    ".conf"

#define UNIT_NAME_MAX 255U /* of systemd's */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* As systemd-escape(1) does. */
static char *escape(const char *text) {
        char *escaped = malloc(4 * strlen(text) + 1), *end = escaped;

        if (!escaped)
                return NULL;
        for (const char *p = text; *p; p++)
                if (*p == '/')
                        *end++ = '-';
                else if (strchr(letters, *p) || strchr(":_", *p) || (*p == '.' && p > text))
                        *end++ = *p;
                else
                        end += sprintf(end, "\\x%02x", (unsigned) (unsigned char) *p);
        *end = 0;
        return escaped;
}

/* What may stand in a unit's name as it is. */
static bool is_instance(const char *name) {
        for (; *name; name++)
                if (!strchr(letters, *name) && !strchr(":_.-\\", *name))
                        return false;
        return true;
}

static void ignore(const char *file, unsigned line, const char *message, void *userdata) {
}

static void write_need(FILE *f, const char *how, const char *template, const char *instance) {
        (void) fprintf(f, "%s=%s@%s.service\nAfter=%s@%s.service\n", how, template, instance, template, instance);
}

static int write_model(FILE *f, const WorkerConfig *c) {
        _cleanup_free_ char *instance = NULL;

        if (c->type != NODE_WORKER)
                return 0;
        instance = escape(c->model);
        if (!instance)
                return -ENOMEM;
        if (strlen("cocoon-model@.service") + strlen(instance) > UNIT_NAME_MAX)
                return 0;
        /* Without a commit the hub is asked which is the newest; an image that is there serves when it cannot be. */
        write_need(f, c->model_spec.commit[0] ? "Requires" : "Wants", "cocoon-model", instance);
        return 0;
}

static int make_text(const WorkerConfig *c, const char *file, char **ret) {
        size_t size = 0;
        FILE *f = open_memstream(ret, &size);
        int r;

        if (!f)
                return -ENOMEM;
        (void) fprintf(f, "# Made by cocoon-worker-generator from %s\n[Unit]\n", file);
        for (char **a = c->gpus.addresses; a && *a; a++)
                write_need(f, "Requires", "cocoon-gpu", *a);
        r = write_model(f, c);
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
static int generate(const char *normal, const char *directory, const char *file) {
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
        r = make_text(&config, file, &text);
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
                one = generate(normal, directory, e->d_name);
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
