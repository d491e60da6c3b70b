/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Takes the number that *text begins with, and moves on behind it, to what must be `end`, and behind that unless it is
 * the text's. Digits alone. False, with nothing moved or stored, when that is not so or it is too large. */
bool decimal_take(const char **text, char end, uint64_t *ret);
