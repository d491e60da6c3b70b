/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-worker.h"

#include <string.h>

static json_object *binding_to_json(const char *address, const Binding *b) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || (address && json_add_string(o, "address", address) < 0) ||
            json_add_string(o, "driver", b->driver) < 0 || json_add_string(o, "override", b->override) < 0)
                return NULL;
        return TAKE_PTR(o);
}

json_object *worker_record_to_json(const WorkerRecord *record) {
        _cleanup_json_ json_object *o = binding_to_json(NULL, &record->binding), *list = json_object_new_array();

        if (!o || !list || json_add_string(o, "cc", *record->cc ? record->cc : NULL) < 0 ||
            json_add_string(o, "ppcie", *record->ppcie ? record->ppcie : NULL) < 0)
                return NULL;
        for (size_t i = 0; i < record->n; i++) {
                json_object *s = binding_to_json(record->siblings[i].address, &record->siblings[i].binding);

                if (!s || json_object_array_add(list, s) < 0) {
                        (void) json_object_put(s);
                        return NULL;
                }
        }
        if (json_add(o, "siblings", TAKE_PTR(list)) < 0)
                return NULL;
        return TAKE_PTR(o);
}

/* A missing one, or null, is "". */
static int get_text(json_object *o, const char *key, char *ret, size_t size) {
        const char *text = "";
        json_object *value = NULL;
        int r = 0;

        if (json_object_object_get_ex(o, key, &value) && value)
                r = json_get_string(o, key, &text);
        if (r < 0 || strlen(text) >= size || strchr(text, '/'))
                return -EBADMSG;
        (void) snprintf(ret, size, "%s", text);
        return 0;
}

static int get_binding(json_object *o, Binding *ret) {
        int r = get_text(o, "driver", ret->driver, sizeof(ret->driver));

        return r < 0 ? r : get_text(o, "override", ret->override, sizeof(ret->override));
}

static int get_siblings(json_object *list, WorkerRecord *ret) {
        size_t n = list ? json_object_array_length(list) : 0;
        int r = 0;

        if (n > WORKER_COMPANIONS_MAX)
                return -EBADMSG;
        for (ret->n = 0; ret->n < n && r >= 0; ret->n++) {
                json_object *s = json_object_array_get_idx(list, ret->n);
                const char *address;

                r = json_get_string(s, "address", &address);
                if (r >= 0)
                        r = pci_address_parse(address, ret->siblings[ret->n].address);
                if (r >= 0)
                        r = get_binding(s, &ret->siblings[ret->n].binding);
        }
        return r < 0 ? -EBADMSG : 0;
}

int worker_record_from_json(json_object *o, WorkerRecord *ret) {
        WorkerRecord record = { .known = true };
        json_object *list = NULL;
        int r;

        *ret = (WorkerRecord){};
        if (!o)
                return 0;
        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        r = get_binding(o, &record.binding);
        if (r >= 0)
                r = get_text(o, "cc", record.cc, sizeof(record.cc));
        if (r >= 0)
                r = get_text(o, "ppcie", record.ppcie, sizeof(record.ppcie));
        if (r >= 0 && json_get_array(o, "siblings", &list) == -EBADMSG)
                r = -EBADMSG;
        if (r >= 0)
                r = get_siblings(list, &record);
        if (r >= 0)
                *ret = record;
        return r;
}
