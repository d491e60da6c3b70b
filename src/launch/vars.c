/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/vars.h"

#include <ctype.h>
#include <string.h>

#include "basic/hex.h"
#include "model/runtime.h"

struct Vars {
        char **lines; /* NULL ended, or NULL */
        size_t size;  /* of all of them, with their ends */
};

Vars *vars_new(void) {
        return calloc(1, sizeof(Vars));
}

Vars *vars_free(Vars *v) {
        if (!v)
                return NULL;
        (void) strv_free(v->lines);
        free(v);
        return NULL;
}

static bool is_key(const char *text, size_t length) {
        if (length == 0 || isdigit((unsigned char) text[0]))
                return false;
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char) text[i]) && text[i] != '_')
                        return false;
        return true;
}

/* The guest's reader wants text; a tab may stand in a value. */
static bool is_value(const char *text) {
        for (; *text; text++)
                if (((unsigned char) *text < 0x20 && *text != '\t') || *text == 0x7f)
                        return false;
        return true;
}

static char **find_line(const Vars *v, const char *key, size_t length) {
        for (char **l = v->lines; l && *l; l++)
                if (strncmp(*l, key, length) == 0 && (*l)[length] == '=')
                        return l;
        return NULL;
}

int vars_set_line(Vars *v, const char *line) {
        size_t length = strcspn(line, "="), size = strlen(line) + 1;
        _cleanup_free_ char *copy = NULL;
        char **place;

        if (line[length] != '=' || !is_key(line, length) || !is_value(line + length + 1))
                return -EINVAL;
        place = find_line(v, line, length);
        if (v->size + size > RUNTIME_VARS_MAX)
                return -E2BIG;
        copy = strdup(line);
        if (!copy)
                return -ENOMEM;
        if (!place) {
                v->size += size;
                return strv_append(&v->lines, TAKE_PTR(copy));
        }
        v->size += size - strlen(*place) - 1;
        free(*place);
        *place = TAKE_PTR(copy);
        return 0;
}

int vars_set(Vars *v, const char *key, const char *value) {
        _cleanup_free_ char *line = NULL;

        if (!value)
                return 0;
        if (asprintf(&line, "%s=%s", key, value) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        return strchr(key, '=') ? -EINVAL : vars_set_line(v, line);
}

int vars_set_unsigned(Vars *v, const char *key, unsigned value) {
        char text[16];

        (void) snprintf(text, sizeof(text), "%u", value);
        return vars_set(v, key, text);
}

int vars_read(Vars *v, const char *text, size_t size, Fault *ret_fault) {
        unsigned number = 0;

        if (size > RUNTIME_VARS_MAX || memchr(text, 0, size))
                return fault_set(ret_fault, EBADMSG, "runtime/runtime.vars", "at most 64 KiB of text", "%zu bytes of something else", size);
        for (size_t at = 0; at < size;) {
                const char *end = memchr(text + at, '\n', size - at);
                size_t length = end ? (size_t) (end - text) - at : size - at;
                _cleanup_free_ char *line = strndup(text + at, length);
                int r;

                if (!line)
                        return -ENOMEM;
                number++;
                at += length + 1;
                if (length > 0 && line[length - 1] == '\r')
                        line[length - 1] = 0;
                if (!line[0] || line[0] == '#')
                        continue;
                /* Not quoted: it may be a secret. */
                r = vars_set_line(v, line);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return fault_set(ret_fault, EBADMSG, "runtime/runtime.vars", "lines KEY=VALUE", "another line %u", number);
        }
        return 0;
}

static int set_model(Vars *v, const ModelSpec *model) {
        char root_hash[2 * ROOT_HASH_SIZE + 1];
        int r;

        r = vars_set(v, "MODEL_NAME", model->name);
        if (r >= 0)
                r = vars_set(v, "MODEL_COMMIT", model->commit);
        return r < 0 ? r : vars_set(v, "MODEL_VERITY_HASH", hex_encode(model->root_hash, ROOT_HASH_SIZE, root_hash));
}

static int set_external(Vars *v, const WorkerConfig *c) {
        int r;

        r = vars_set(v, "EXTERNAL_IP", c->external_ip);
        if (r >= 0 && c->external_worker_port > 0)
                r = vars_set_unsigned(v, "EXTERNAL_WORKER_PORT", c->external_worker_port);
        if (r >= 0 && c->external_client_port > 0)
                r = vars_set_unsigned(v, "EXTERNAL_CLIENT_PORT", c->external_client_port);
        return r;
}

int vars_set_config(Vars *v, const WorkerConfig *c, const ModelSpec *model) {
        const struct {
                const char *key, *value;
        } rows[] = {
                { "OWNER_ADDRESS",         c->owner_address         },
                { "ROOT_CONTRACT_ADDRESS", c->root_contract_address },
                { "HF_TOKEN",              c->hf_token              },
                { "NODE_WALLET_KEY",       c->node_wallet_key       },
        };
        int r = model ? set_model(v, model) : 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(rows); i++)
                r = vars_set(v, rows[i].key, rows[i].value);
        if (r >= 0 && c->type == NODE_WORKER)
                r = vars_set_unsigned(v, "WORKER_COEFFICIENT", c->worker_coefficient);
        return r >= 0 && c->fake_ton ? set_external(v, c) : r;
}

char *vars_text(const Vars *v) {
        char *text = malloc(v->size + 1), *end = text;

        if (!text)
                return NULL;
        for (char **l = v->lines; l && *l; l++)
                end += sprintf(end, "%s\n", *l);
        *end = 0;
        return text;
}
