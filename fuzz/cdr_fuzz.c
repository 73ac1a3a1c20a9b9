/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: xrce */
/* A script of types and a stream: the first byte says how long the script is. Values that are read
 * are written again; the writer must take them, and reading that gives the same. */
#include "wb_cdr.h"

#include <stdlib.h>

static uint8_t copy[8192];

static void one(uint8_t type, struct wb_cdr_reader *r, struct wb_cdr_writer *w)
{
    static uint64_t items[64];
    struct wb_cdr_str text;
    uint32_t count;
    switch (type & 7) {
    case 0: wb_cdr_write_u8(w, wb_cdr_read_u8(r)); break;
    case 1: wb_cdr_write_u16(w, wb_cdr_read_u16(r)); break;
    case 2: wb_cdr_write_u32(w, wb_cdr_read_u32(r)); break;
    case 3: wb_cdr_write_u64(w, wb_cdr_read_u64(r)); break;
    case 4: wb_cdr_write_bool(w, wb_cdr_read_bool(r)); break;
    case 5:
        text = wb_cdr_read_str(r, 40);
        if (text.at == NULL || text.len > 40 || memchr(text.at, 0, text.len) != NULL) {
            abort();
        }
        wb_cdr_write_str(w, text, 40);
        break;
    case 6:
        count = wb_cdr_read_count(r, 64, 1u << (type >> 6));
        wb_cdr_write_u32(w, count);
        if (r->err == WB_OK) {
            wb_cdr_read_array(r, items, 1u << (type >> 6), count);
            wb_cdr_write_array(w, items, 1u << (type >> 6), count);
        }
        break;
    default:
        wb_cdr_read_align(r, 1u << (type >> 6));
        wb_cdr_write_align(w, 1u << (type >> 6));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t second[8192];
    struct wb_cdr_reader r;
    struct wb_cdr_writer w;
    if (size == 0 || size > 4096 || size < 1u + data[0]) {
        return 0;
    }
    const uint8_t *script = data + 1;
    size_t script_len = data[0];
    const uint8_t *stream = script + script_len;
    size_t stream_len = size - 1 - script_len;
    size_t done = 0;
    wb_cdr_reader_init_encapsulated(&r, stream, stream_len);
    wb_cdr_writer_init_encapsulated(&w, copy, sizeof copy, r.is_big);
    while (done < script_len && r.err == WB_OK) {
        one(script[done++], &r, &w);
    }
    if (r.err != WB_OK) {
        return 0;
    }
    size_t len = wb_cdr_writer_finish_encapsulated(&w);
    if (w.err != WB_OK || len == 0) {
        abort();
    }
    wb_cdr_reader_init_encapsulated(&r, copy, len);
    wb_cdr_writer_init_encapsulated(&w, second, sizeof second, r.is_big);
    for (size_t i = 0; i < done; i++) {
        one(script[i], &r, &w);
    }
    if (r.err != WB_OK || wb_cdr_writer_finish_encapsulated(&w) != len ||
        memcmp(copy, second, len) != 0) {
        abort();
    }
    return 0;
}
