/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/client.h"

#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"

/* Somebody may have to type a password. */
#define CALL_TIMEOUT_USEC (150 * USEC_PER_SEC)

int client_connect(const CtlOptions *o, sd_bus **ret) {
        sd_bus *bus = NULL;
        int r;

        r = o->host ? sd_bus_open_system_remote(&bus, o->host) : sd_bus_open_system(&bus);
        if (r < 0) {
                (void) log_error_errno(r, "Cannot connect to the system bus%s%s: %m", o->host ? " of " : "", o->host ?: "");
                return CTL_NO_DAEMON;
        }
        (void) sd_bus_set_allow_interactive_authorization(bus, true);
        (void) sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
        *ret = bus;
        return CTL_DONE;
}

int client_failed(int r, const sd_bus_error *error, const char *what) {
        static const struct {
                const char *name;
                int status;
        } statuses[] = {
                { "org.freedesktop.DBus.Error.ServiceUnknown",                   CTL_NO_DAEMON },
                { "org.freedesktop.DBus.Error.NameHasNoOwner",                   CTL_NO_DAEMON },
                { "org.freedesktop.DBus.Error.NoReply",                          CTL_NO_DAEMON },
                { "org.freedesktop.DBus.Error.AccessDenied",                     CTL_DENIED    },
                { "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", CTL_DENIED    },
                { CLIENT_NAME ".Error.AccessDenied",                             CTL_DENIED    },
                { CLIENT_NAME ".Error.NoSuchGPU",                                CTL_NO_GPU    },
                { CLIENT_NAME ".Error.NoSuchModel",                              CTL_NO_MODEL  },
                { CLIENT_NAME ".Error.InvalidAddress",                           CTL_USAGE     },
                { CLIENT_NAME ".Error.InvalidSpecification",                     CTL_USAGE     },
        };
        const char *name = error && error->name ? error->name : "";

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                if (strcmp(statuses[i].name, name) == 0) {
                        if (statuses[i].status == CTL_NO_DAEMON)
                                log_error("cocoon-hostd is not on the bus: %s; see systemctl status cocoon-hostd.",
                                          error->message);
                        else
                                log_error("%s", error->message);
                        return statuses[i].status;
                }
        if (error && error->message)
                log_error("%s", error->message);
        else
                (void) log_error_errno(r, "%s%s%m", what ?: "", what ? ": " : "");
        return CTL_FAILED;
}

bool client_went_away(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) || sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN);
}

static int read_integer(sd_bus_message *m, char type, json_object **ret) {
        union {
                uint8_t y;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
        } value;
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        *ret = type == 'y'   ? json_object_new_int64(value.y)
               : type == 'q' ? json_object_new_int64(value.q)
               : type == 'i' ? json_object_new_int64(value.i)
               : type == 'u' ? json_object_new_int64(value.u)
               : type == 'x' ? json_object_new_int64(value.x)
                             : json_object_new_uint64(value.t);
        return *ret ? 0 : -ENOMEM;
}

/* Of a structure or an array; a message's nesting is bounded by sd-bus. */
static int read_members(sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *array = json_object_new_array();
        int r;

        if (!array)
                return -ENOMEM;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_object *value;

                r = client_read_value(m, &value);
                if (r < 0)
                        return r;
                if (json_object_array_add(array, value) < 0) {
                        (void) json_object_put(value);
                        return -ENOMEM;
                }
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

int client_read_value(sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *value = NULL;
        const char *contents, *text;
        char type;
        int r, flag;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                r = sd_bus_message_read_basic(m, type, &text);
                if (r >= 0)
                        value = json_object_new_string(text);
                break;
        case 'b':
                r = sd_bus_message_read_basic(m, type, &flag);
                if (r >= 0)
                        value = json_object_new_boolean(flag);
                break;
        case 'v':
                r = sd_bus_message_enter_container(m, 'v', contents);
                if (r >= 0)
                        r = client_read_value(m, &value);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                break;
        case 'r':
        case 'a':
                r = sd_bus_message_enter_container(m, type, contents);
                if (r >= 0)
                        r = read_members(m, &value);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                break;
        default:
                r = read_integer(m, type, &value);
        }
        if (r < 0)
                return r;
        if (!value)
                return -ENOMEM;
        *ret = TAKE_PTR(value);
        return 0;
}

int client_read_properties(sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                json_object *value;
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = client_read_value(m, &value);
                if (r >= 0)
                        r = json_add(object, key, value);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

/* The interfaces of one object: a{sa{sv}}. */
static int read_object(sd_bus_message *m, const char *path, const char *wanted, json_object *array) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                const char *interface;
                json_object *object;

                r = sd_bus_message_read(m, "s", &interface);
                if (r < 0)
                        return r;
                if (strcmp(interface, wanted) == 0) {
                        r = client_read_properties(m, &object);
                        if (r >= 0)
                                r = json_object_array_add(array, object) < 0 || json_add_string(object, "Path", path) < 0
                                            ? -ENOMEM : 0;
                } else
                        r = sd_bus_message_skip(m, "a{sv}");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_objects(sd_bus_message *m, const char *interface, json_object *array) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                const char *path;

                r = sd_bus_message_read(m, "o", &path);
                if (r >= 0)
                        r = read_object(m, path, interface, array);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

/* json-c hands the comparison nothing but the two. */
static const char *sort_key;

static int compare(const void *a, const void *b) {
        json_object *const *x = a, *const *y = b;
        json_object *m, *n;

        if (json_object_object_get_ex(*x, sort_key, &m) && json_object_is_type(m, json_type_int) &&
            json_object_object_get_ex(*y, sort_key, &n))
                return json_object_get_int64(m) < json_object_get_int64(n) ? -1
                       : json_object_get_int64(m) > json_object_get_int64(n);
        return strcmp(client_text(*x, sort_key), client_text(*y, sort_key));
}

int client_list(sd_bus *bus, const char *kind, const char *key, json_object **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_object *array = json_object_new_array();
        char interface[64];
        int r;

        r = sd_bus_call_method(bus, CLIENT_NAME, CLIENT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error,
                               &reply, NULL);
        if (r < 0)
                return client_failed(r, &error, NULL);
        (void) snprintf(interface, sizeof(interface), CLIENT_NAME ".%s", kind);
        r = array ? read_objects(reply, interface, array) : -ENOMEM;
        if (r < 0) {
                (void) log_error_errno(r, "Cannot understand what cocoon-hostd says: %m");
                return CTL_FAILED;
        }
        sort_key = key;
        json_object_array_sort(array, compare);
        *ret = TAKE_PTR(array);
        return CTL_DONE;
}

const char *client_text(json_object *object, const char *key) {
        json_object *value;

        if (!json_object_object_get_ex(object, key, &value))
                return "";
        return json_object_get_string(value) ?: "";
}

void client_print_json(json_object *o) {
        (void) puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

const char *client_failure(json_object *object) {
        json_object *failure;

        if (!json_object_object_get_ex(object, "Failure", &failure) || !json_object_is_type(failure, json_type_array) ||
            json_object_array_length(failure) != 2)
                return "";
        return json_object_get_string(json_object_array_get_idx(failure, 1)) ?: "";
}
