/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/bytes.h"

#include <stdarg.h>
#include <string.h>

#include "sim/must.h"

void sim_bytes_done(SimBytes *b) {
        free(b->data);
        *b = (SimBytes){};
}

static uint8_t *grow(SimBytes *b, size_t size) {
        uint8_t *end;

        if (b->room <= b->size + size) {
                b->room = 2 * (b->size + size) + 1;
                b->data = realloc(b->data, b->room);
                MUST(b->data);
        }
        end = b->data + b->size;
        b->size += size;
        b->data[b->size] = 0;
        return end;
}

void sim_bytes_put(SimBytes *b, const void *data, size_t size) {
        uint8_t *end = grow(b, size);

        if (size > 0)
                memcpy(end, data, size);
}

void sim_bytes_fill(SimBytes *b, uint8_t value, size_t size) {
        uint8_t *end = grow(b, size);

        memset(end, value, size);
}

void sim_bytes_put_le(SimBytes *b, uint32_t value, size_t size) {
        for (size_t i = 0; i < size; i++, value >>= 8) {
                uint8_t byte = (uint8_t) value;

                sim_bytes_put(b, &byte, 1);
        }
}

void sim_bytes_put_der(SimBytes *b, uint8_t tag, const void *content, size_t size) {
        uint8_t head[] = { tag, 0x82, (uint8_t) (size >> 8), (uint8_t) size };
        uint8_t middle[] = { tag, 0x81, (uint8_t) size };
        uint8_t small[] = { tag, (uint8_t) size };

        MUST(size <= UINT16_MAX);
        if (size < 0x80)
                sim_bytes_put(b, small, sizeof(small));
        else if (size < 0x100)
                sim_bytes_put(b, middle, sizeof(middle));
        else
                sim_bytes_put(b, head, sizeof(head));
        sim_bytes_put(b, content, size);
}

void sim_bytes_printf(SimBytes *b, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        MUST(n >= 0);
        sim_bytes_put(b, text, (size_t) n);
}

char *sim_text_replace(char *text, const char *from, const char *to) {
        const char *at = strstr(text, from);
        SimBytes b = {};

        MUST(at);
        sim_bytes_put(&b, text, (size_t) (at - text));
        sim_bytes_put(&b, to, strlen(to));
        sim_bytes_put(&b, at + strlen(from), strlen(at + strlen(from)));
        free(text);
        return (char *) b.data;
}

int sim_write_file(const char *dir, const char *name, const void *data, size_t size) {
        _cleanup_free_ char *path = NULL;
        FILE *f;
        size_t n;

        MUST(asprintf(&path, "%s/%s", dir, name) >= 0);
        f = fopen(path, "we");
        if (!f)
                return -errno;
        n = fwrite(data, 1, size, f);
        if (fclose(f) != 0 || n != size)
                return -EIO;
        return 0;
}
