/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/follow.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "basic/bar.h"
#include "basic/clock.h"
#include "basic/log.h"
#include "ctl/table.h"

#define JOB_INTERFACE CLIENT_NAME ".Job"
#define MATCH_JOBS    "type='signal',sender='" CLIENT_NAME "',path_namespace='" CLIENT_PATH "/job'"
#define MATCH_DAEMON                                                                                        \
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged'," \
        "arg0='" CLIENT_NAME "'"

/* In the time that a service may take to stop (cocoon-hostd.service), and to start. */
#define PATIENCE_USEC (180 * USEC_PER_SEC)

/* A daemon that dies of what it is asked for is not asked for ever. */
#define LOSSES_MAX 5U

typedef struct Followed {
        Follow *follow;
        sd_bus_message *call; /* NULL: it is not asked for again */
        const char *fine;
        sd_bus_slot *slot;
        char *path; /* NULL: it has to be asked for again */
        char *kind, *subject;
        char step[32];
        int64_t n_done, n_total;
        int64_t n_first;     /* of bytes: when the step began, */
        uint64_t began_usec; /* which was then */
        char *result, *error, *message; /* NULL result: not yet */
} Followed;

struct Follow {
        sd_bus *bus;
        sd_event *event;
        sd_event_source *terminated, *timer;
        sd_bus_slot *jobs, *daemon;
        uint64_t patience_usec;
        unsigned n_losses;
        bool steps, line_open;
        bool lost;   /* the daemon, and the next one is not there */
        bool cancel; /* all of it */
        Followed *list;
        size_t n;
        json_object *early; /* of jobs that were not added yet: path to [result, error, message] */
};

static Followed *find(Follow *f, const char *path) {
        for (size_t i = 0; i < f->n; i++)
                if (f->list[i].path && strcmp(f->list[i].path, path) == 0)
                        return &f->list[i];
        return NULL;
}

static bool all_ended(const Follow *f) {
        for (size_t i = 0; i < f->n; i++)
                if (!f->list[i].result)
                        return false;
        return true;
}

bool follow_counts_bytes(const char *kind) {
        static const char *const kinds[] = { "build", "verify", "remove" };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i], kind) == 0)
                        return true;
        return false;
}

/* One that counts bytes alone has a bar. */
static bool show_bar(Follow *f, size_t width) {
        const Followed *j = &f->list[0];
        const Bar b = { j->step, (uint64_t) j->n_first, (uint64_t) j->n_done, (uint64_t) j->n_total,
                        monotonic_usec() - j->began_usec };
        char text[BAR_SIZE];

        if (f->n != 1 || j->result || j->n_total <= 0)
                return false;
        (void) fprintf(stderr, "\r\033[K%.*s", (int) width, bar_format(&b, (unsigned) width, text));
        f->line_open = true;
        return true;
}

static void format_piece(const Followed *j, char *ret, size_t size) {
        if (!follow_counts_bytes(j->kind))
                (void) snprintf(ret, size, "  %s: %s %" PRIi64 "/%" PRIi64, j->subject, j->step, j->n_done + 1, j->n_total);
        else
                (void) snprintf(ret, size, "  %s: %s %u%%", j->subject, j->step,
                                j->n_total > 0 ? (unsigned) ((double) j->n_done * 100 / (double) j->n_total) : 0);
}

/* One line for all, the slowest first to be named. */
static void show(Follow *f) {
        char text[512] = "", piece[128];
        size_t done = 0, width = terminal_width(stderr), length = 0;

        if (f->steps || width == SIZE_MAX || (f->n > 0 && follow_counts_bytes(f->list[0].kind) && show_bar(f, width)))
                return;
        for (size_t i = 0; i < f->n; i++) {
                const Followed *j = &f->list[i];

                done += j->result ? 1 : 0;
                if (j->result || !j->step[0])
                        continue;
                format_piece(j, piece, sizeof(piece));
                if (length + strlen(piece) < sizeof(text))
                        length += (size_t) snprintf(text + length, sizeof(text) - length, "%s", piece);
        }
        (void) fprintf(stderr, "\r\033[K%zu of %zu%.*s", done, f->n, (int) (width > 16 ? width - 16 : 0), text);
        f->line_open = true;
}

static void end_line(Follow *f) {
        if (f->line_open)
                (void) fputs("\r\033[K", stderr);
        f->line_open = false;
}

static void set_end(Followed *j, const char *result, const char *error, const char *message) {
        if (j->result)
                return;
        j->result = strdup(result);
        j->error = strdup(error);
        j->message = strdup(message);
}

static void on_finished(Follow *f, sd_bus_message *m) {
        const char *path = sd_bus_message_get_path(m), *result, *error, *message;
        Followed *j = find(f, path);
        json_object *end;

        if (sd_bus_message_read(m, "sss", &result, &error, &message) < 0)
                return;
        if (j) {
                set_end(j, result, error, message);
                return;
        }
        end = json_object_new_object();
        if (!end || json_add(f->early, path, end) < 0 || json_add_string(end, "Result", result) < 0 ||
            json_add_string(end, "Error", error) < 0 || json_add_string(end, "Message", message) < 0)
                (void) log_oom();
}

/* A line for each step; of bytes one for each tenth of a step as well. */
static void print_step(const Followed *j, bool is_new, int64_t before) {
        char done[24], total[24];

        if (!follow_counts_bytes(j->kind))
                (void) printf("%s %s: %s %" PRIi64 "/%" PRIi64 "\n", j->subject, j->kind, j->step, j->n_done + 1, j->n_total);
        else if (j->n_total <= 0 && is_new)
                (void) printf("%s %s: %s\n", j->subject, j->kind, j->step);
        else if (j->n_total > 0 && (is_new || j->n_done / (j->n_total / 10 + 1) != before / (j->n_total / 10 + 1)))
                (void) printf("%s %s: %s %s of %s\n", j->subject, j->kind, j->step, format_size((uint64_t) j->n_done, done),
                              format_size((uint64_t) j->n_total, total));
}

static void on_changed(Follow *f, sd_bus_message *m) {
        _cleanup_json_ json_object *changed = NULL;
        Followed *j = find(f, sd_bus_message_get_path(m));
        const char *interface;
        json_object *value;
        int64_t before;
        bool is_new;

        if (!j || sd_bus_message_read(m, "s", &interface) < 0 || strcmp(interface, JOB_INTERFACE) != 0 ||
            client_read_properties(m, &changed) < 0 || !json_object_object_get_ex(changed, "Step", &value))
                return;
        is_new = strcmp(j->step, json_object_get_string(value)) != 0;
        before = j->n_done;
        (void) snprintf(j->step, sizeof(j->step), "%s", json_object_get_string(value));
        if (json_object_object_get_ex(changed, "Done", &value))
                j->n_done = json_object_get_int64(value);
        if (json_object_object_get_ex(changed, "Total", &value))
                j->n_total = json_object_get_int64(value);
        if (is_new) {
                j->n_first = j->n_done;
                j->began_usec = monotonic_usec();
        }
        if (f->steps)
                print_step(j, is_new, before);
        (void) fflush(stdout);
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Follow *f = userdata;

        if (sd_bus_message_is_signal(m, JOB_INTERFACE, "Finished"))
                on_finished(f, m);
        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                on_changed(f, m);
        show(f);
        if (all_ended(f))
                (void) sd_event_exit(f->event, CTL_DONE);
        return 0;
}

/* A job that ended meanwhile is no error. */
static int on_cancelled(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0;
}

static void cancel(Followed *j) {
        (void) sd_bus_call_method_async(j->follow->bus, NULL, CLIENT_NAME, j->path, JOB_INTERFACE, "Cancel", on_cancelled, NULL,
                                        NULL);
}

/* Its jobs ended with it, and their numbers will be those of others; but all can be asked for again. */
static void lose(Follow *f) {
        bool hopeless;

        if (f->lost)
                return;
        hopeless = f->n_losses++ >= LOSSES_MAX;
        f->lost = true;
        for (size_t i = 0; i < f->n; i++) {
                Followed *j = &f->list[i];

                if (j->result)
                        continue;
                hopeless = hopeless || !j->call;
                free(TAKE_PTR(j->path));
                j->step[0] = '\0';
        }
        (void) json_object_put(f->early);
        f->early = json_object_new_object();
        if (hopeless || !f->early) {
                (void) sd_event_exit(f->event, CTL_NO_DAEMON);
                return;
        }
        end_line(f);
        log_info("cocoon-hostd went away; waiting for the next one.");
        (void) sd_event_source_set_time_relative(f->timer, f->patience_usec);
        (void) sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static int on_patience_ended(sd_event_source *s, uint64_t usec, void *userdata) {
        Follow *f = userdata;

        return sd_event_exit(f->event, CTL_NO_DAEMON);
}

static int set_path(Followed *j, const char *path) {
        json_object *end;

        j->path = strdup(path);
        if (!j->path)
                return -ENOMEM;
        if (json_object_object_get_ex(j->follow->early, path, &end))
                set_end(j, client_text(end, "Result"), client_text(end, "Error"), client_text(end, "Message"));
        else if (j->follow->cancel)
                cancel(j);
        return 0;
}

static int on_asked_again(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Followed *j = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(m);
        /* Without a job it is over. */
        bool done = e ? j->fine && sd_bus_error_has_name(e, j->fine) : sd_bus_message_is_empty(m);
        const char *path;

        if (e && client_went_away(e))
                lose(j->follow);
        else if (done)
                set_end(j, "done", "", "");
        else if (e)
                set_end(j, "failed", e->name, e->message ?: "");
        else if (sd_bus_message_read(m, "o", &path) < 0 || set_path(j, path) < 0)
                set_end(j, "failed", "", "what cocoon-hostd says is not understood");
        if (all_ended(j->follow))
                (void) sd_event_exit(j->follow->event, CTL_DONE);
        return 0;
}

static int ask_again(Followed *j) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        j->slot = sd_bus_slot_unref(j->slot);
        r = sd_bus_message_new_method_call(j->follow->bus, &call, CLIENT_NAME, sd_bus_message_get_path(j->call),
                                           sd_bus_message_get_interface(j->call), sd_bus_message_get_member(j->call));
        if (r >= 0)
                r = sd_bus_message_rewind(j->call, true);
        if (r >= 0)
                r = sd_bus_message_copy(call, j->call, true);
        return r < 0 ? r : sd_bus_call_async(j->follow->bus, &j->slot, call, on_asked_again, j, 0);
}

/* The next daemon does again what the one before was doing, which is the same job for whoever asks for it. */
static void find_again(Follow *f) {
        f->lost = false;
        (void) sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
        for (size_t i = 0; i < f->n; i++) {
                Followed *j = &f->list[i];
                int r = j->result || j->path ? 0 : ask_again(j);

                if (r < 0)
                        (void) sd_event_exit(f->event, client_failed(r, NULL, j->subject));
        }
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *before, *now;
        Follow *f = userdata;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) < 0)
                return 0;
        /* Somebody who starts it is no loss. */
        if (*before)
                lose(f);
        if (*now && f->lost)
                find_again(f);
        return 0;
}

/* Whoever began something with --wait and is told to end, does not want it any more: a unit that is stopped while it
 * starts. Their ends are still waited for. */
static int on_terminated(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata) {
        Follow *f = userdata;

        f->cancel = true;
        for (size_t i = 0; i < f->n; i++)
                if (!f->list[i].result && f->list[i].path)
                        cancel(&f->list[i]);
        return 0;
}

Follow *follow_free(Follow *f) {
        if (!f)
                return NULL;
        (void) sd_bus_detach_event(f->bus);
        (void) sd_event_source_disable_unref(f->terminated);
        (void) sd_event_source_disable_unref(f->timer);
        (void) sd_event_unref(f->event);
        (void) sd_bus_slot_unref(f->jobs);
        (void) sd_bus_slot_unref(f->daemon);
        for (size_t i = 0; i < f->n; i++) {
                (void) sd_bus_message_unref(f->list[i].call);
                (void) sd_bus_slot_unref(f->list[i].slot);
                free(f->list[i].path);
                free(f->list[i].kind);
                free(f->list[i].subject);
                free(f->list[i].result);
                free(f->list[i].error);
                free(f->list[i].message);
        }
        free(f->list);
        (void) json_object_put(f->early);
        free(f);
        return NULL;
}

/* A watcher that is told to end just ends. */
static int cancel_on_termination(Follow *f) {
        sigset_t mask;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        return sd_event_add_signal(f->event, &f->terminated, SIGTERM, on_terminated, f);
}

int follow_new(sd_bus *bus, bool steps, Follow **ret) {
        _cleanup_(follow_freep) Follow *f = calloc(1, sizeof(*f));
        int r;

        if (!f) {
                (void) log_oom();
                return CTL_FAILED;
        }
        *f = (Follow){
                .bus = bus,
                .steps = steps,
                .patience_usec = PATIENCE_USEC,
                .early = json_object_new_object(),
        };
        r = f->early ? sd_event_new(&f->event) : -ENOMEM;
        if (r >= 0)
                r = sd_bus_attach_event(bus, f->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(bus, true);
        if (r >= 0)
                r = sd_event_add_time(f->event, &f->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_patience_ended, f);
        if (r >= 0)
                r = sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
        if (r >= 0 && !steps)
                r = cancel_on_termination(f);
        if (r >= 0)
                r = sd_bus_add_match(bus, &f->jobs, MATCH_JOBS, on_signal, f);
        if (r >= 0)
                r = sd_bus_add_match(bus, &f->daemon, MATCH_DAEMON, on_owner, f);
        if (r < 0)
                return client_failed(r, NULL, "Cannot listen to cocoon-hostd");
        *ret = TAKE_PTR(f);
        return CTL_DONE;
}

void follow_set_patience(Follow *f, uint64_t usec) {
        f->patience_usec = usec;
}

int follow_add(Follow *f, const char *job, const char *kind, const char *subject) {
        return follow_add_call(f, NULL, NULL, job, kind, subject);
}

int follow_add_call(Follow *f, sd_bus_message *call, const char *fine, const char *job, const char *kind, const char *subject) {
        Followed *grown = reallocarray(f->list, f->n + 1, sizeof(*grown));
        Followed *j;

        if (!grown)
                return -ENOMEM;
        f->list = grown;
        j = &grown[f->n++];
        *j = (Followed){
                .follow = f,
                .call = sd_bus_message_ref(call),
                .fine = fine,
                .kind = strdup(kind),
                .subject = strdup(subject),
        };
        if (!j->kind || !j->subject)
                return -ENOMEM;
        if (job)
                return set_path(j, job);
        lose(f);
        return 0;
}

static int report(const Followed *j, json_object **results) {
        bool done = strcmp(j->result, "done") == 0;

        if (results) {
                json_object *o = json_object_new_object();

                if (!o || json_object_array_add(*results, o) < 0 || json_add_string(o, "Subject", j->subject) < 0 ||
                    json_add_string(o, "Kind", j->kind) < 0 || json_add_string(o, "Result", j->result) < 0 ||
                    json_add_string(o, "Error", j->error) < 0 || json_add_string(o, "Message", j->message) < 0)
                        (void) log_oom();
        } else {
                FILE *to = done ? stdout : stderr;

                (void) fprintf(to, "%s %s: %s%s%s%s", j->subject, j->kind, terminal_color(to, state_color(j->result)),
                               j->result, terminal_color(to, COLOR_PLAIN), j->message && *j->message ? ": " : "");
                print_safely(to, j->message ?: "");
                (void) fputc('\n', to);
        }
        return done ? CTL_DONE : CTL_FAILED;
}

int follow_run(Follow *f, json_object **results) {
        int r, status = CTL_DONE;

        r = all_ended(f) ? CTL_DONE : sd_event_loop(f->event);
        end_line(f);
        if (r < 0)
                return client_failed(r, NULL, "Cannot wait for cocoon-hostd");
        if (r != CTL_DONE) {
                log_error("cocoon-hostd went away; the next one goes on where it was. See cocoonctl gpu list.");
                return CTL_NO_DAEMON;
        }
        for (size_t i = 0; i < f->n; i++) {
                int one = report(&f->list[i], results);

                status = status ?: one;
        }
        return status;
}
