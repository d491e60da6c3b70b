/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names of template units' instances, as systemd-escape(1) writes and reads them. */

/* "cocoon-model@", "a/b@c" -> "cocoon-model@a-b\x40c.service", the caller's. 0; -ENAMETOOLONG for what no unit can be called;
 * -ENOMEM. */
int unit_name_make(const char *prefix, const char *instance, char **ret);

/* The opposite. 0; -EINVAL when it is no instance of this template, or none that unit_name_make() would have made; -ENOMEM. */
int unit_name_instance(const char *unit, const char *prefix, char **ret);
