/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/io.h"
#include "hubserver.h"
#include "model/download.h"
#include "test.h"

static char *certificate, *key;

static bool make_certificate(void) {
        return certificate || hub_test_make_certificate(&certificate, &key);
}

static int resolve(Hub *hub, Fault *fault) {
        char commit[MODEL_COMMIT_MAX + 1];

        return hub_resolve(hub, HUB_TEST_NAME, NULL, commit, fault);
}

static int fetch(Hub *hub, Fault *fault) {
        _cleanup_free_ char *journal = hub_test_path("journal");
        _cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
        _cleanup_(hub_listing_done) HubListing listing = {};
        _cleanup_(download_freep) Download *d = NULL;
        _cleanup_free_ uint64_t *offsets = NULL;
        int r;

        (void) unlink(journal);
        r = hub_list(hub, HUB_TEST_NAME, HUB_TEST_COMMIT, &listing, fault);
        if (r < 0)
                return r;
        offsets = calloc(listing.n_files, sizeof(*offsets));
        for (size_t i = 1; i < listing.n_files; i++)
                offsets[i] = offsets[i - 1] + listing.files[i - 1].size;
        r = download_new(hub, HUB_TEST_NAME, HUB_TEST_COMMIT, &listing, offsets, fd, journal, 4, &d, fault);
        if (r < 0)
                return r;
        CHECK_EQ(download_start(d), 0);
        return download_finish(d, fault);
}

static void test_encrypted(void) {
        Fault fault = {};
        HubServer s;
        Hub *hub;

        if (!make_certificate())
                SKIP("no openssl");
        hub_server_start(&s, (const char *const[]){ "--tls", certificate, key, NULL });
        (void) setenv("CURL_CA_BUNDLE", certificate, 1);
        hub = hub_server_connect(&s, true);
        CHECK_EQ(resolve(hub, &fault), 0);
        CHECK_EQ(fetch(hub, &fault), 0);
        CHECK_STR(fault.found, "");
        hub_free(hub);
        hub_server_stop(&s);
        CHECK(hub_server_requests("storage ", NULL) > 0);
        CHECK_EQ(hub_server_requests("storage ", " token "), 0);
        CHECK_EQ(hub_server_requests("hub ", " - "), 0); /* all with the token, each with "bytes=" or no range */
}

static void test_unknown_authority(void) {
        Fault fault = {};
        HubServer s;
        Hub *hub;

        if (!make_certificate())
                SKIP("no openssl");
        hub_server_start(&s, (const char *const[]){ "--tls", certificate, key, NULL });
        (void) unsetenv("CURL_CA_BUNDLE");
        hub = hub_server_connect(&s, true);
        CHECK_EQ(resolve(hub, &fault), -EACCES);
        CHECK(strstr(fault.found, "certificate"));
        hub_free(hub);
        hub_server_stop(&s);
        CHECK_EQ(hub_server_requests(NULL, NULL), 0);
}

/* From https to http: the storage is never asked. */
static void test_downgrade(void) {
        Fault fault = {};
        HubServer s;
        Hub *hub;

        if (!make_certificate())
                SKIP("no openssl");
        hub_server_start(&s, (const char *const[]){ "--tls", certificate, key, "--plain-storage", NULL });
        (void) setenv("CURL_CA_BUNDLE", certificate, 1);
        hub = hub_server_connect(&s, true);
        CHECK_EQ(fetch(hub, &fault), -EBADMSG);
        CHECK(strstr(fault.expected, "stays encrypted"));
        hub_free(hub);
        hub_server_stop(&s);
        CHECK_EQ(hub_server_requests("storage ", NULL), 0);
}

static const Test tests[] = {
        { "a hub with a certificate",         test_encrypted         },
        { "of an authority that is not known", test_unknown_authority },
        { "a redirect to plain HTTP",         test_downgrade         },
};

int main(void) {
        int r;

        hub_test_setup();
        r = test_run_all(tests, ELEMENTSOF(tests));
        hub_test_cleanup();
        free(certificate);
        free(key);
        return r;
}
