/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* org.cocoon.Host1 as a client sees it. */

#include <systemd/sd-bus.h>

#include "basic/json.h"
#include "ctl/ctl.h"

#define CLIENT_NAME "org.cocoon.Host1"
#define CLIENT_PATH "/org/cocoon/Host1"

/* CTL_DONE, or an exit status, said. */
int client_connect(const CtlOptions *o, sd_bus **ret);

/* The exit status for a call that failed, said; `what` comes before it ("0000:01:00.0", NULL for nothing). */
int client_failed(int r, const sd_bus_error *error, const char *what);

/* The daemon was not there any more to answer. */
bool client_went_away(const sd_bus_error *error);

/* A value, of whatever type, as JSON: structures and arrays become arrays. 0 or a negative errno. */
int client_read_value(sd_bus_message *m, json_object **ret);

/* a{sv} as an object. */
int client_read_properties(sd_bus_message *m, json_object **ret);

/* Objects of one kind ("GPU", "Job"): an array of their properties, with "Path", sorted by `key`. CTL_DONE, or an exit
 * status, said. */
int client_list(sd_bus *bus, const char *kind, const char *key, json_object **ret);

/* A property as text; "" when it is not there. Valid as long as the object. */
const char *client_text(json_object *object, const char *key);

void client_print_json(json_object *o);

/* Why an object has failed: the message of its property Failure, "" for none; the object's. */
const char *client_failure(json_object *object);
