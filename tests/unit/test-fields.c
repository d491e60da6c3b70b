/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>

#include "basic/cleanup.h"
#include "model/fields.h"
#include "test.h"

static const struct {
        const char *value;
        int found; /* 1: `target` */
        const char *target;
} links[] = {
        { "<https://h/p?cursor=1>; rel=\"next\"",                               1,        "https://h/p?cursor=1" },
        { "<https://h/a,b;c>; rel=\"next\"",                                    1,        "https://h/a,b;c"      },
        { "</first>; rel=\"first\", </next>; rel=\"next\"",                     1,        "/next"                },
        { "</next>; rel=next",                                                  1,        "/next"                },
        { "</next>;rel=next,</other>;rel=next",                                 1,        "/next"                },
        { "</next> ; REL = \"NeXT\"",                                           1,        "/next"                },
        { "</next>; rel=\"prefetch next\"",                                     1,        "/next"                },
        { "</next>; title=\"a, <b>; rel=\\\"x\\\"\"; rel=\"next\"",             1,        "/next"                },
        { "</x>; title=\"rel=\\\"next\\\"\"; rel=last",                         0,        NULL                   },
        { "</x>; rel=last; rel=next",                                           0,        NULL                   },
        { "</x>; rel=\"nextish not-next\", </y>; xrel=next, </z>",              0,        NULL                   },
        { ", ,</next>; rel=next",                                               1,        "/next"                },
        { "<>; rel=next",                                                       1,        ""                     },
        { "",                                                                   0,        NULL                   },
        { "</next",                                                             -EBADMSG, NULL                   },
        { "/next; rel=next",                                                    -EBADMSG, NULL                   },
        { ">",                                                                  -EBADMSG, NULL                   },
        { "</x>; rel=\"next",                                                   -EBADMSG, NULL                   },
        { "</x>; rel=\"next\\",                                                 -EBADMSG, NULL                   },
        { "</x> rel=next",                                                      -EBADMSG, NULL                   },
        { "</x>; rel=\"last\"next",                                             -EBADMSG, NULL                   },
        { "</x>; rel=last </y>; rel=next",                                      -EBADMSG, NULL                   },
};

static void test_links(void) {
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                _cleanup_free_ char *target = NULL;
                int r = field_next_link(links[i].value, &target);

                if (r == links[i].found && (r != 1 || strcmp(target, links[i].target) == 0))
                        continue;
                test_failures++;
                (void) printf("# %s: %d, %s\n", links[i].value, r, target ?: "nothing");
        }
}

static void test_ranges(void) {
        static const char *const bad[] = {
                "", "bytes", "bytes ", "bytes */10", "bytes 0-9", "bytes 0-9/", "bytes 0-9/10x", "bytes 0-9/10 ",
                "bytes 9-0/10", "bytes 0-10/10", "bytes -9/10", "bytes 0-/10", "bytes +0-9/10", "items 0-9/10",
                "bytes 0-9/**", "bytes 0-18446744073709551616/*", "bytes 0-9,20-29/30",
        };
        ContentRange range;

        CHECK_EQ(field_content_range("bytes 5-9/10", &range), 0);
        CHECK(range.first == 5 && range.last == 9 && range.has_size && range.size == 10);
        CHECK_EQ(field_content_range("Bytes 0-18446744073709551615/*", &range), 0);
        CHECK(range.first == 0 && range.last == UINT64_MAX && !range.has_size);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (field_content_range(bad[i], &range) != -EBADMSG) {
                        test_failures++;
                        (void) printf("# '%s' is a range\n", bad[i]);
                }
}

static const Test tests[] = {
        { "links to the next page", test_links  },
        { "ranges of content",      test_ranges },
};

TEST_MAIN(tests)
