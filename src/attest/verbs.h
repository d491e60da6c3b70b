/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of cocoon-attest: each takes its own command line (argv[0] is the program, for getopt_long()), prints, and
 * returns the exit status, an ExitStatus of attest/verdict.h. */

int verb_verify(int argc, char *argv[]);
int verb_inspect(int argc, char *argv[]);
int verb_collect(int argc, char *argv[]);
int verb_bundle(int argc, char *argv[]);
int verb_boot(int argc, char *argv[]);
int verb_absent(int argc, char *argv[]);
int verb_replay_log(int argc, char *argv[]);
