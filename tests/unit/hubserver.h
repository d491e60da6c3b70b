/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* tests/sim/hub-server as a child, with a repository in a scratch directory, and a Hub that asks it.
 * What cannot be set up ends the test program. */

#include "model/http.h"
#include "model/hub.h"

#define HUB_TEST_NAME   "acme/tiny"
#define HUB_TEST_COMMIT "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"
#define HUB_TEST_OTHER  "0123456789012345678901234567890123456789" /* another commit, of one file */
#define HUB_TEST_TOKEN  "hf_abcdefghijklmnopqrstuvwxyz012345"
#define HUB_TEST_PIECE  (64U * 1024)

typedef struct HubTestFile {
        const char *path;
        size_t size;
} HubTestFile;

/* What HUB_TEST_COMMIT has, in the order of the paths, without what an image leaves out. */
extern const HubTestFile hub_test_files[];
extern const size_t hub_test_n_files;

/* The bytes of one; `ret` has room for its size. */
void hub_test_content(size_t file, uint8_t *ret);

/* Makes the repository below a new scratch directory, and removes it with all that came into it. */
void hub_test_setup(void);
void hub_test_cleanup(void);

/* A path in the scratch directory. The caller's. */
char *hub_test_path(const char *name);

/* An authority of its own for both servers, and its key: paths, the caller's. False when there is no openssl(1). */
bool hub_test_make_certificate(char **ret_certificate, char **ret_key);

typedef struct HubServer {
        pid_t pid;
        int input; /* it ends when this is closed */
        int port, storage_port;
        bool encrypted; /* started with --tls */
} HubServer;

/* Starts it with these further arguments, NULL ended; they may be NULL. */
void hub_server_start(HubServer *s, const char *const *arguments);
void hub_server_stop(HubServer *s);

/* A hub that asks the server, with or without HUB_TEST_TOKEN, and with little patience. */
Hub *hub_server_connect(const HubServer *s, bool token);

/* Lines of the server's log, which starts anew with each server, that contain both; either may be NULL. */
size_t hub_server_requests(const char *needle, const char *other);

/* Bytes of files that it has sent. */
uint64_t hub_server_bytes(void);
