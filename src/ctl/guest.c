/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/guest.h"

#include <stdbool.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "basic/cleanup.h"

/* How far back a chatty guest's console is read. */
#define ENTRIES_MAX 20000U

static const char *const outcome_names[_GUEST_OUTCOME_MAX] = {
        [GUEST_UNKNOWN] = "unknown",
        [GUEST_PASSED]  = "passed",
        [GUEST_REFUSED] = "refused",
};

const char *guest_outcome_to_string(GuestOutcome outcome) {
        return outcome_names[outcome];
}

/* A line of the console begins with what another program left on it, at most. */
void guest_judge(const void *line, size_t size, GuestReport *report) {
        static const struct {
                const char *text;
                GuestOutcome outcome;
        } words[] = {
                { "cocoon-attest: GPU attestation passed",                   GUEST_PASSED  },
                { "cocoon-attest: GPU attestation refused",                  GUEST_REFUSED },
                { "cocoon-attest: This guest was not told to attest GPUs",   GUEST_REFUSED },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                const char *found = memmem(line, size, words[i].text, strlen(words[i].text));
                size_t length = found ? size - (size_t) (found - (const char *) line) : 0;

                if (!found)
                        continue;
                if (length >= sizeof(report->line))
                        length = sizeof(report->line) - 1;
                (void) memcpy(report->line, found, length);
                while (length > 0 && strchr("\r\n", report->line[length - 1]))
                        length--;
                report->line[length] = 0;
                for (char *p = report->line; p < report->line + length; p++)
                        if (*p < 0x20 || *p > 0x7e)
                                *p = '?';
                report->outcome = words[i].outcome;
                return;
        }
}

static int open_journal(const char *root, sd_journal **ret) {
        _cleanup_free_ char *path = NULL;

        if (!*root)
                return sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (asprintf(&path, "%s/var/log/journal", root) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return sd_journal_open_directory(ret, path, 0);
}

static int match(sd_journal *j, const char *field, const char *value) {
        char text[512];
        int n = snprintf(text, sizeof(text), "%s=%s", field, value);

        return n >= (int) sizeof(text) ? -E2BIG : sd_journal_add_match(j, text, 0);
}

/* Whether an entry is of the run that the newest one is of. */
static bool is_same_run(sd_journal *j, char run[static 33]) {
        static const char field[] = "_SYSTEMD_INVOCATION_ID";
        const void *data;
        size_t size, prefix = sizeof(field); /* and the '=' */

        if (sd_journal_get_data(j, field, &data, &size) < 0 || size != prefix + 32)
                return true;
        if (!*run) {
                (void) memcpy(run, (const char *) data + prefix, 32);
                return true;
        }
        return memcmp(run, (const char *) data + prefix, 32) == 0;
}

void guest_read(const char *root, const char *unit, const char *invocation, GuestReport *ret) {
        _cleanup_(sd_journal_closep) sd_journal *j = NULL;
        char run[33] = "";

        *ret = (GuestReport){};
        (void) snprintf(run, sizeof(run), "%s", invocation);
        /* What cocoon-launch says comes by the journal's own protocol, the guest's console as a stream. */
        if (open_journal(root, &j) < 0 || match(j, "_SYSTEMD_UNIT", unit) < 0 || match(j, "_TRANSPORT", "stdout") < 0 ||
            sd_journal_seek_tail(j) < 0)
                return;
        for (unsigned n = 0; n < ENTRIES_MAX && sd_journal_previous(j) > 0 && is_same_run(j, run); n++) {
                const void *data;
                size_t size;

                if (sd_journal_get_data(j, "MESSAGE", &data, &size) >= 0)
                        guest_judge(data, size, ret);
                if (ret->outcome != GUEST_UNKNOWN)
                        return;
        }
}
