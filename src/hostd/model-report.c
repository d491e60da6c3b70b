/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/model-report.h"

#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/log.h"
#include "hostd/model-job.h"

#define MODEL_USER "cocoon-model"
#define PEERS_MAX  128U
#define BURST      16 /* messages of one peer, before it is another one's turn */
#define UNITS_PATH "/org/freedesktop/systemd1/unit"

typedef struct Peer Peer;

struct Peer {
        ModelReports *reports;
        Peer *next;
        int fd;
        sd_bus_slot *question; /* to systemd: whose process is it? */
        char *unit;
        ModelJob *job; /* of the unit; nothing is read before it is there */
        sd_event_source *io;
};

struct ModelReports {
        Manager *manager;
        char *path;
        int fd;
        sd_event_source *io;
        uid_t uid; /* whose processes are heard beside root's, if has_uid */
        bool has_uid;
        Peer *peers;
        size_t n_peers;
};

static Peer *peer_free(Peer *p) {
        Peer **at;

        if (!p)
                return NULL;
        for (at = &p->reports->peers; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        p->reports->n_peers--;
                        break;
                }
        (void) sd_bus_slot_unref(p->question);
        (void) sd_event_source_disable_unref(p->io);
        closep(&p->fd);
        free(p->unit);
        free(p);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Peer *, peer_free)

/* 1 after a message, 0 when there is none now, a negative errno when there will be none any more. */
static int read_message(Peer *p) {
        char text[REPORT_MESSAGE_MAX];
        ReportMessage message;
        ssize_t n;
        int r;

        do
                n = recv(p->fd, text, sizeof(text), MSG_TRUNC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        r = (size_t) n > sizeof(text) ? -EBADMSG : report_message_parse(text, (size_t) n, &message);
        if (r < 0) {
                log_warning("%s: expected a report, found something else; it is not heard any more.", p->job->unit);
                return r;
        }
        model_job_report(p->job, &message);
        return 1;
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Peer *p = userdata;
        int r = 1;

        for (int i = 0; i < BURST && r > 0; i++)
                r = read_message(p);
        if (r < 0)
                (void) peer_free(p);
        return 0;
}

void model_report_drain(ModelJob *j) {
        Peer *next;

        for (Peer *p = j->base.manager->reports->peers; p; p = next) {
                next = p->next;
                if (p->job != j)
                        continue;
                for (int i = 0; i < BURST && read_message(p) > 0; i++)
                        ;
        }
}

void model_report_forget(ModelJob *j) {
        Peer *next;

        for (Peer *p = j->base.manager->reports->peers; p; p = next) {
                next = p->next;
                if (p->job == j)
                        (void) peer_free(p);
        }
}

/* False when its unit has no job. */
static bool find_job(Peer *p) {
        Manager *m = p->reports->manager;

        ModelJob *j = model_job_find_unit(m, p->unit);

        if (!j || sd_event_add_io(m->event, &p->io, p->fd, EPOLLIN, on_message, p) < 0)
                return false;
        p->job = j;
        return true;
}

void model_reports_settle(ModelReports *r) {
        Peer *next;

        for (Peer *p = r->peers; p; p = next) {
                next = p->next;
                if (p->unit && !p->job && !find_job(p))
                        (void) peer_free(p);
        }
}

static int on_unit(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Peer *p = userdata;
        const char *path;

        p->question = sd_bus_slot_unref(p->question);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "o", &path) < 0 ||
            sd_bus_path_decode(path, UNITS_PATH, &p->unit) <= 0) {
                (void) peer_free(p);
                return 0;
        }
        /* One that nobody asked this daemon for, or one that is over. */
        if (!find_job(p))
                model_jobs_sync(p->reports->manager);
        return 0;
}

static bool is_welcome(const ModelReports *r, int fd, struct ucred *ret) {
        socklen_t size = sizeof(*ret);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) < 0 || ret->pid <= 0)
                return false;
        return ret->uid == 0 || (r->has_uid && ret->uid == r->uid);
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        ModelReports *reports = userdata;
        _cleanup_close_ int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        _cleanup_(peer_freep) Peer *p = NULL;
        struct ucred from;

        if (connection < 0 || !is_welcome(reports, connection, &from) || reports->n_peers >= PEERS_MAX)
                return 0;
        p = calloc(1, sizeof(*p));
        if (!p)
                return 0;
        *p = (Peer){ .reports = reports, .next = reports->peers, .fd = TAKE_FD(connection) };
        reports->peers = p;
        reports->n_peers++;
        if (sd_bus_call_method_async(reports->manager->bus, &p->question, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                     "org.freedesktop.systemd1.Manager", "GetUnitByPID", on_unit, p, "u",
                                     (uint32_t) from.pid) >= 0)
                (void) TAKE_PTR(p);
        return 0;
}

static int make_directory(const char *root) {
        static const char *const parts[] = { "/run", "/run/cocoon", MODEL_REPORT_DIR };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s%s", root, parts[i]) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

/* Everybody may knock; who is let in is asked for then. */
static int listen_at(ModelReports *r) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (strlen(r->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void) memcpy(address.sun_path, r->path, strlen(r->path) + 1);
        (void) unlink(r->path);
        r->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (r->fd < 0 || bind(r->fd, (struct sockaddr *) &address, sizeof(address)) < 0 || chmod(r->path, 0666) < 0 ||
            listen(r->fd, 64) < 0)
                return -errno;
        return sd_event_add_io(r->manager->event, &r->io, r->fd, EPOLLIN, on_connection, r);
}

ModelReports *model_reports_free(ModelReports *r) {
        if (!r)
                return NULL;
        while (r->peers)
                (void) peer_free(r->peers);
        (void) sd_event_source_disable_unref(r->io);
        closep(&r->fd);
        free(r->path);
        free(r);
        return NULL;
}
DEFINE_CLEANUP_FUNC(ModelReports *, model_reports_free)

int model_reports_new(Manager *m, ModelReports **ret) {
        _cleanup_(model_reports_freep) ModelReports *reports = calloc(1, sizeof(*reports));
        const struct passwd *user;
        int r;

        if (!reports)
                return -ENOMEM;
        *reports = (ModelReports){ .manager = m, .fd = -EBADF };
        if (asprintf(&reports->path, "%s" MODEL_REPORT_SOCKET, m->root) < 0) {
                reports->path = NULL;
                return -ENOMEM;
        }
        /* Before the event loop, because the user may be somewhere on a network. */
        user = getpwnam(MODEL_USER);
        reports->has_uid = user;
        if (user)
                reports->uid = user->pw_uid;
        r = make_directory(m->root);
        if (r >= 0)
                r = listen_at(reports);
        if (r < 0)
                (void) log_warning_errno(r, "%s: cannot listen there, so nothing tells how far a build is: %m", reports->path);
        *ret = TAKE_PTR(reports);
        return 0;
}
