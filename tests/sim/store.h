/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys, certificates and device numbers kept in a directory, so that several processes, one after the other or on
 * several machines, are of one PKI. Every certificate with its key is a file NAME.pem. A directory of NULL keeps
 * nothing. What cannot be read or written after sim_store_open() ends the process. */

#include "sim/cert.h"

/* Makes the directory if it is missing and locks it until *ret is closed. 0 or a negative errno. */
int sim_store_open(const char *dir, int *ret);

/* What is kept under that name, or what is issued from `spec` and kept from now on. */
SimCert *sim_store_cert(const char *dir, const char *name, const SimCertSpec *spec);

/* The key of what is kept under that name, or a fresh one. The caller's. */
EVP_PKEY *sim_store_key(const char *dir, const char *name);

/* The bytes kept under that name, or random ones that are kept from now on. */
void sim_store_random(const char *dir, const char *name, uint8_t *ret, size_t size);

/* A file name of a text that has all kinds of characters, into `ret`. Returns `ret`. */
char *sim_store_name(const char *text, char ret[static 160]);
