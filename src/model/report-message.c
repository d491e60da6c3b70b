/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "basic/json.h"
#include "model/report.h"

#define DEPTH_MAX  2
#define VALUES_MAX 8U

/* A member that is a string, or NULL where it may be null: 0 or -EBADMSG. It is cut to its place, and made printable. */
static int copy_string(json_object *o, const char *key, bool may_be_null, char *ret, size_t size) {
        const char *value = "";
        json_object *member;

        if (!(may_be_null && json_object_object_get_ex(o, key, &member) && !member) && json_get_string(o, key, &value) < 0)
                return -EBADMSG;
        (void) snprintf(ret, size, "%s", value);
        for (char *p = ret; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        return 0;
}

static int copy_number(json_object *o, const char *key, uint64_t *ret) {
        json_object *value;

        if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_int) ||
            json_object_get_int64(value) < 0)
                return -EBADMSG;
        *ret = (uint64_t) json_object_get_int64(value);
        return 0;
}

static int read_result(json_object *o, const char *result, ReportMessage *m) {
        if (strcmp(result, "done") == 0) {
                m->kind = REPORT_DONE;
                return copy_string(o, "spec", true, m->spec, sizeof(m->spec));
        }
        m->kind = REPORT_FAILED;
        if (strcmp(result, "failed") != 0 || copy_string(o, "errno", false, m->errno_name, sizeof(m->errno_name)) < 0)
                return -EBADMSG;
        return copy_string(o, "message", false, m->message, sizeof(m->message));
}

static int read_step(json_object *o, ReportMessage *m) {
        m->kind = REPORT_STEP;
        if (copy_string(o, "step", false, m->step, sizeof(m->step)) < 0 || !m->step[0] ||
            copy_number(o, "done", &m->done) < 0 || copy_number(o, "total", &m->total) < 0 || m->done > m->total)
                return -EBADMSG;
        return 0;
}

int report_message_parse(const char *text, size_t size, ReportMessage *ret) {
        _cleanup_json_ json_object *o = NULL;
        ReportMessage m = {};
        const char *result;
        int r;

        if (size > REPORT_MESSAGE_MAX)
                return -EBADMSG;
        r = json_parse(text, size, DEPTH_MAX, VALUES_MAX, &o);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        r = json_get_string(o, "result", &result) == 0 ? read_result(o, result, &m) : read_step(o, &m);
        if (r < 0)
                return r;
        *ret = m;
        return 0;
}
