/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/hub.h"
#include "model/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing that is accepted could be anywhere but below a directory, or be there twice. */
static void check(const HubListing *l) {
        for (size_t i = 0; i < l->n_files; i++) {
                const char *path = l->files[i].path;
                size_t n = strlen(path);

                if (n == 0 || n > HUB_PATH_MAX || path[0] == '/' || path[n - 1] == '/' || strstr(path, "//") ||
                    strncmp(path, "../", 3) == 0 || strstr(path, "/../") || strcmp(path, "..") == 0 ||
                    (n > 2 && strcmp(path + n - 3, "/..") == 0) || strncmp(path, ".cache/", 7) == 0 ||
                    l->files[i].directory || (i > 0 && strcmp(l->files[i - 1].path, path) >= 0))
                        abort();
        }
}

/* The first byte chooses what the rest is an answer to; a listing's pages are separated by NUL. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(hub_listing_done) HubListing listing = {};
        _cleanup_(listing_done) Listing image = {};
        char commit[MODEL_COMMIT_MAX + 1];
        Fault fault;

        if (size == 0)
                return 0;
        const char *text = (const char *) data + 1;
        const char *end = (const char *) data + size;

        if (data[0] & 1) {
                if (hub_parse_commit(text, (size_t) (end - text), commit, &fault) >= 0 && !model_commit_is_id(commit))
                        abort();
                return 0;
        }
        while (text < end) {
                const char *nul = memchr(text, 0, (size_t) (end - text)), *stop = nul ? nul : end;

                if (hub_parse_page(text, (size_t) (stop - text), &listing, &fault) < 0)
                        return 0;
                text = stop + 1;
        }
        if (hub_listing_finish(&listing, &fault) < 0)
                return 0;
        check(&listing);
        if (listing_from_hub(&listing, &image, &fault) < 0)
                abort();
        return 0;
}
