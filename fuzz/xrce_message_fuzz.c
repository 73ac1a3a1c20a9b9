/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: xrce */
/* Any bytes as one message. What decodes must encode, and decode from that to the same again. */
#include "wb_xrce.h"

#include <stdlib.h>

static size_t encode(const struct wb_xrce_any *any, uint8_t *out, size_t cap)
{
    size_t len = 0;
    switch (wb_xrce_encode_any(any, out, cap, &len)) {
    case WB_OK: return len;
    case WB_ERR_SPACE:
    case WB_ERR_LIMIT: return 0;
    default: abort();
    }
}

static void describe(const struct wb_xrce_entity *entity)
{
    static uint8_t first[70000];
    static uint8_t second[70000];
    struct wb_xrce_description d;
    struct wb_cdr_writer w;
    if (wb_xrce_describe(entity, &d) != WB_OK || entity->representation != WB_XRCE_BIN) {
        return;
    }
    wb_cdr_writer_init(&w, first, sizeof first, entity->is_big);
    wb_xrce_encode_description(&w, &d);
    if (w.err != WB_OK) {
        abort();
    }
    struct wb_xrce_entity again = *entity;
    again.bin = first;
    again.bin_len = (uint32_t)w.len;
    if (wb_xrce_describe(&again, &d) != WB_OK) {
        abort();
    }
    size_t len = w.len;
    wb_cdr_writer_init(&w, second, sizeof second, entity->is_big);
    wb_xrce_encode_description(&w, &d);
    if (w.len != len || memcmp(first, second, len) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[70000];
    static uint8_t second[70000];
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_sub sub;
    struct wb_xrce_any any;
    if (wb_xrce_walk_message(&walk, data, size, &head) != WB_OK) {
        return 0;
    }
    while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
        if (sub.payload < data || sub.payload + sub.len > data + size) {
            abort();
        }
        if (wb_xrce_decode_any(&sub, &any) != WB_OK) {
            continue;
        }
        if (sub.id == WB_XRCE_CREATE) {
            describe(&any.of.create.entity);
        }
        size_t len = encode(&any, first, sizeof first);
        if (len == 0) {
            continue;
        }
        struct wb_xrce_walk again;
        wb_xrce_walk_subs(&again, first, len);
        if (wb_xrce_walk_next(&again, &sub) != WB_OK || wb_xrce_decode_any(&sub, &any) != WB_OK ||
            encode(&any, second, sizeof second) != len || memcmp(first, second, len) != 0) {
            abort();
        }
    }
    return 0;
}
