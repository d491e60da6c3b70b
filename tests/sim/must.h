/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The simulator is test equipment: when memory, randomness or a library fails there is nothing left to test, so the
 * process ends with a message. Only what depends on the outside (files, the openssl program) returns errors. */

#define MUST(condition) ((condition) ? (void) 0 : must_failed(#condition, __FILE__, __LINE__))

_Noreturn void must_failed(const char *condition, const char *file, int line);
