/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/services.h"

#include <json.h>
#include <openssl/sha.h>
#include <string.h>

#include "basic/hex.h"
#include "sim/must.h"

#define PREFIX "/v1/rim/"

/* Any will do: nobody looks it up. */
#define REQUEST_ID "00000000-0000-4000-8000-000000000000"

static void add_string(json_object *object, const char *key, const char *value) {
        json_object *string = json_object_new_string(value);

        MUST(string && json_object_object_add(object, key, string) == 0);
}

static void give_json(SimHttpAnswer *a, json_object *object) {
        const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        MUST(text);
        a->status = 200;
        a->type = "application/json";
        sim_bytes_put(&a->body, text, strlen(text));
        (void) json_object_put(object);
}

static void list_ids(const SimScene *s, SimHttpAnswer *a) {
        json_object *root = json_object_new_object(), *ids = json_object_new_array();

        MUST(root && ids && json_object_object_add(root, "ids", ids) == 0);
        for (size_t i = 0; i < s->n_rims; i++)
                MUST(json_object_array_add(ids, json_object_new_string(s->rims[i]->id)) == 0);
        add_string(root, "request_id", REQUEST_ID);
        give_json(a, root);
}

static bool wants(const SimBehaviour *b, const char *word) {
        return b->deed == SIM_DEED_VALUE && strcmp(b->text, word) == 0;
}

static void give_rim(const SimRim *content, const char *id, const SimBehaviour *b, SimHttpAnswer *a) {
        _cleanup_free_ char *xml = sim_rim_xml(content), *base64 = base64_encode(xml, strlen(xml));
        json_object *root = json_object_new_object();
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char hex[2 * SHA256_DIGEST_LENGTH + 1];

        MUST(base64 && root && SHA256((const unsigned char *) xml, strlen(xml), digest));
        if (wants(b, "bad-base64"))
                base64[strlen(base64) / 2] = '!';
        if (wants(b, "wrong-sha"))
                digest[0] ^= 1;
        add_string(root, "id", wants(b, "wrong-id") ? "NV_GPU_DRIVER_GH100_1.2" : id);
        add_string(root, "rim", base64);
        add_string(root, "sha256", hex_encode(digest, sizeof(digest), hex));
        add_string(root, "request_id", REQUEST_ID);
        add_string(root, "rim_format", "TCG");
        add_string(root, "last_updated", "2026-04-30T03:33:17.102Z");
        give_json(a, root);
}

void sim_rim_answer(SimMachine *m, const char *path, SimHttpAnswer *ret, SimBehaviour *ret_behaviour) {
        const SimScene *s = m->scene;
        const char *id = path + strlen(PREFIX);
        char keys[2][SIM_CONTROL_KEY];

        if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
                return;
        (void) snprintf(keys[0], sizeof(keys[0]), "rim all");
        (void) snprintf(keys[1], sizeof(keys[1]), "rim %.128s", id);
        *ret_behaviour = sim_control_find(m->control, keys, ELEMENTSOF(keys));
        if (strncmp(id, "ids", strcspn(id, "?")) == 0 && strcspn(id, "?") == 3) {
                list_ids(s, ret);
                return;
        }
        for (size_t i = 0; i < s->n_rims; i++)
                if (strcmp(s->rims[i]->id, id) == 0)
                        give_rim(s->rims[ret_behaviour->deed == SIM_DEED_OTHER ? (i + 1) % s->n_rims : i], id,
                                 ret_behaviour, ret);
}
