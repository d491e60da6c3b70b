/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/polkit.h"

#include <grp.h>
#include <stdint.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "hostd/error.h"

#define COCOON_GROUP "cocoon"
#define WORKER_GROUP "cocoon-worker" /* of cocoon-worker@.service: may lease, and nothing else */
#define NO_GROUP     ((gid_t) -1)

/* A person types a password; a machine does not. */
#define QUERY_TIMEOUT_USEC             (25 * USEC_PER_SEC)
#define QUERY_INTERACTIVE_TIMEOUT_USEC (120 * USEC_PER_SEC)

/* Calls of which the bus has not said yet whose they are, which it does at once: of one connection, and of all, which are
 * more than the bus lets a user have. */
#define UNKNOWN_PER_SENDER_MAX 16U
#define QUERIES_MAX            8192U

/* Questions to polkit, which may wait for a person: of one user, and of all, fewer than the answers that the bus lets a
 * connection wait for (128). */
#define ASKED_PER_USER_MAX 8U
#define ASKED_MAX          64U

struct PolkitQuery {
        Manager *manager;
        PolkitQuery *next;
        sd_bus_message *message;
        sd_bus_slot *slot;
        const char *action;
        PolkitMethod method;
        bool asked; /* polkit, for this user */
        uid_t uid;
};

PolkitQuery *polkit_query_free(PolkitQuery *q) {
        PolkitQuery **p;

        if (!q)
                return NULL;
        for (p = &q->manager->queries; *p; p = &(*p)->next)
                if (*p == q) {
                        *p = q->next;
                        break;
                }
        (void) sd_bus_slot_unref(q->slot);
        (void) sd_bus_message_unref(q->message);
        free(q);
        return NULL;
}
DEFINE_CLEANUP_FUNC(PolkitQuery *, polkit_query_free)

/* Takes the query. */
static int run(PolkitQuery *q) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_message_rewind(q->message, true);
        if (r >= 0)
                r = q->method(q->manager, q->message, &error);
        if (r < 0)
                r = sd_bus_reply_method_errno(q->message, r, &error);
        sd_bus_error_free(&error);
        (void) polkit_query_free(q);
        return r;
}

/* So does this. */
static int refuse(PolkitQuery *q, const char *why) {
        int r;

        r = sd_bus_reply_method_errorf(q->message, HOST_ERROR_ACCESS_DENIED,
                                       "%s: expected root, a member of group " COCOON_GROUP ", or permission by polkit "
                                       "for %s; %s.", sd_bus_message_get_member(q->message), q->action, why);
        (void) polkit_query_free(q);
        return r;
}

static int on_polkit(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        PolkitQuery *q = userdata;
        int allowed = 0, challenge = 0;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_debug("polkit does not answer: %s", sd_bus_message_get_error(reply)->message);
                return refuse(q, "polkit gave no answer");
        }
        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &allowed, &challenge) < 0)
                return refuse(q, "polkit's answer is not understood");
        if (!allowed)
                return refuse(q, challenge ? "polkit wants the user to authenticate first" : "polkit says no");
        return run(q);
}

/* And this. */
static int refuse_more(PolkitQuery *q) {
        int r;

        r = sd_bus_reply_method_errorf(q->message, HOST_ERROR_LIMITS_EXCEEDED,
                                       "%s: expected at most %u calls of a user, and %u of all, that wait for polkit's answer, "
                                       "found more. Answer polkit's questions, then try again.",
                                       sd_bus_message_get_member(q->message), ASKED_PER_USER_MAX, ASKED_MAX);
        (void) polkit_query_free(q);
        return r;
}

static bool may_ask(const PolkitQuery *new) {
        unsigned n = 0, n_user = 0;

        for (const PolkitQuery *q = new->manager->queries; q; q = q->next) {
                n += q->asked;
                n_user += q->asked && q->uid == new->uid;
        }
        return n < ASKED_MAX && n_user < ASKED_PER_USER_MAX;
}

static int ask_polkit(PolkitQuery *q) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        bool interactive = sd_bus_message_get_allow_interactive_authorization(q->message) > 0;
        sd_bus *bus = q->manager->bus;
        sd_bus_slot *previous = q->slot;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(q->message), q->action);
        if (r >= 0)
                r = sd_bus_message_append(call, "a{ss}us", 0, (uint32_t) interactive, "");
        q->slot = NULL;
        if (r >= 0)
                r = sd_bus_call_async(bus, &q->slot, call, on_polkit, q,
                                      interactive ? QUERY_INTERACTIVE_TIMEOUT_USEC : QUERY_TIMEOUT_USEC);
        (void) sd_bus_slot_unref(previous);
        return r < 0 ? refuse(q, "polkit cannot be asked") : 0;
}

/* What the bus knows of the sender: a{sv}. 0 or a negative errno. */
static int read_credentials(sd_bus_message *reply, uint32_t *ret_uid, const uint32_t **ret_groups, size_t *ret_n) {
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                const void *groups;
                const char *key;
                size_t size;

                r = sd_bus_message_read(reply, "s", &key);
                if (r < 0)
                        return r;
                if (strcmp(key, "UnixUserID") == 0)
                        r = sd_bus_message_read(reply, "v", "u", ret_uid);
                else if (strcmp(key, "UnixGroupIDs") == 0) {
                        r = sd_bus_message_enter_container(reply, 'v', "au");
                        if (r >= 0)
                                r = sd_bus_message_read_array(reply, 'u', &groups, &size);
                        if (r >= 0) {
                                *ret_groups = groups;
                                *ret_n = size / sizeof(uint32_t);
                                r = sd_bus_message_exit_container(reply);
                        }
                } else
                        r = sd_bus_message_skip(reply, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r;
}

void polkit_find_group(Manager *m) {
        const struct group *group;

        group = getgrnam(COCOON_GROUP);
        m->group = group ? group->gr_gid : NO_GROUP;
        group = getgrnam(WORKER_GROUP);
        m->worker_group = group ? group->gr_gid : NO_GROUP;
}

static bool in_group(gid_t group, const uint32_t *groups, size_t n) {
        for (size_t i = 0; group != NO_GROUP && i < n; i++)
                if (groups[i] == group)
                        return true;
        return false;
}

static bool need_not_ask(const PolkitQuery *q, const uint32_t *groups, size_t n) {
        return q->uid == 0 || in_group(q->manager->group, groups, n) ||
               (strcmp(q->action, ACTION_LEASE_GPUS) == 0 && in_group(q->manager->worker_group, groups, n));
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        PolkitQuery *q = userdata;
        const uint32_t *groups = NULL;
        size_t n_groups = 0;

        q->uid = UINT32_MAX;
        if (sd_bus_message_is_method_error(reply, NULL) || read_credentials(reply, &q->uid, &groups, &n_groups) < 0)
                return refuse(q, "the bus does not say who asks");
        if (need_not_ask(q, groups, n_groups))
                return run(q);
        if (!may_ask(q))
                return refuse_more(q);
        q->asked = true;
        return ask_polkit(q);
}

uid_t polkit_sender(const Manager *m, const sd_bus_message *message) {
        for (const PolkitQuery *q = m->queries; q; q = q->next)
                if (q->message == message)
                        return q->uid;
        return (uid_t) -1;
}

static bool too_many(const Manager *m, const char *sender) {
        unsigned n = 0, n_sender = 0;

        for (const PolkitQuery *q = m->queries; q; q = q->next) {
                n++;
                n_sender += !q->asked && strcmp(sd_bus_message_get_sender(q->message), sender) == 0;
        }
        return n >= QUERIES_MAX || n_sender >= UNKNOWN_PER_SENDER_MAX;
}

int polkit_run(Manager *m, sd_bus_message *message, const char *action, PolkitMethod method, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(message);
        _cleanup_(polkit_query_freep) PolkitQuery *q = NULL;
        int r;

        if (!sender)
                return -EBADMSG;
        if (too_many(m, sender))
                return host_error_set(error, HOST_ERROR_LIMITS_EXCEEDED,
                                      "%s: too many calls at once. Wait for their answers.",
                                      sd_bus_message_get_member(message));
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        *q = (PolkitQuery){
                .manager = m,
                .next = m->queries,
                .message = sd_bus_message_ref(message),
                .action = action,
                .method = method,
        };
        m->queries = q;
        r = sd_bus_call_method_async(m->bus, &q->slot, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetConnectionCredentials", on_credentials, q, "s", sender);
        if (r < 0)
                return host_error_set(error, HOST_ERROR_ACCESS_DENIED, "%s: the bus cannot be asked who calls: %s",
                                      sd_bus_message_get_member(message), strerror(-r));
        (void) TAKE_PTR(q);
        return 1;
}
