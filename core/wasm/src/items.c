/* SPDX-License-Identifier: AGPL-3.0-only */
/* Numbers of the binary format. */
#include "install.h"

uint8_t wb_wasm_item_u8(struct item *r)
{
    if (r->at == r->end) {
        r->short_input = true;
        return 0;
    }
    return *r->at++;
}

/* Signed LEB128 of bits significant bits; unsigned numbers are one bit wider. */
static uint64_t leb(struct item *r, unsigned bits, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    for (;;) {
        uint8_t byte = wb_wasm_item_u8(r);
        if (!item_ok(r)) {
            return 0;
        }
        unsigned left = bits - shift; /* bits that this byte may still fill */
        if (left < 7) {
            unsigned high = (byte & 0x7fu) >> left;
            unsigned ones = 0x7fu >> left;
            bool negative = is_signed && (byte >> (left - 1) & 1u) != 0;
            if ((byte & 0x80u) != 0 || high != (negative ? ones : 0)) {
                r->bad = true;
                return 0;
            }
        }
        value |= (uint64_t)(byte & 0x7fu) << shift;
        shift += 7;
        if ((byte & 0x80u) == 0) {
            if (is_signed && shift < 64 && (byte & 0x40u) != 0) {
                value |= UINT64_MAX << shift;
            }
            return value;
        }
    }
}

uint32_t wb_wasm_item_u32(struct item *r)
{
    return (uint32_t)leb(r, 32, false);
}

int32_t wb_wasm_item_s32(struct item *r)
{
    return (int32_t)(uint32_t)leb(r, 32, true);
}

int64_t wb_wasm_item_s33(struct item *r)
{
    return (int64_t)leb(r, 33, true);
}

int64_t wb_wasm_item_s64(struct item *r)
{
    return (int64_t)leb(r, 64, true);
}

uint32_t wb_wasm_item_le32(struct item *r)
{
    uint32_t v = wb_wasm_item_u8(r);
    v |= (uint32_t)wb_wasm_item_u8(r) << 8;
    v |= (uint32_t)wb_wasm_item_u8(r) << 16;
    v |= (uint32_t)wb_wasm_item_u8(r) << 24;
    return v;
}
