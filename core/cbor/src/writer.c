/* SPDX-License-Identifier: AGPL-3.0-only */
/* Writing CBOR: everything is a head (major type and argument in shortest form), some with content.
 */
#include "wb_cbor.h"

static void write_head(struct wb_writer *w, uint8_t major, uint64_t argument)
{
    /* RFC 8949 §4.2.1: the argument is as short as possible. */
    uint8_t type = (uint8_t)(major << 5);
    if (argument < 24) {
        wb_write_u8(w, (uint8_t)(type | argument));
    } else if (argument <= UINT8_MAX) {
        wb_write_be16(w, (uint16_t)((type | 24) << 8 | argument));
    } else if (argument <= UINT16_MAX) {
        wb_write_be24(w, (uint32_t)(type | 25) << 16 | (uint32_t)argument);
    } else if (argument <= UINT32_MAX) {
        wb_write_u8(w, type | 26);
        wb_write_be32(w, (uint32_t)argument);
    } else {
        wb_write_u8(w, type | 27);
        wb_write_be64(w, argument);
    }
}

void wb_cbor_write_uint(struct wb_writer *w, uint64_t value)
{
    write_head(w, 0, value);
}

void wb_cbor_write_int(struct wb_writer *w, int64_t value)
{
    if (value >= 0) {
        write_head(w, 0, (uint64_t)value);
    } else {
        write_head(w, 1, ~(uint64_t)value); /* -1 - value */
    }
}

void wb_cbor_write_bytes_head(struct wb_writer *w, size_t len)
{
    write_head(w, 2, len);
}

void wb_cbor_write_bytes(struct wb_writer *w, const void *data, size_t len)
{
    write_head(w, 2, len);
    wb_write_bytes(w, data, len);
}

void wb_cbor_write_text(struct wb_writer *w, const char *text, size_t len)
{
    write_head(w, 3, len);
    wb_write_bytes(w, text, len);
}

void wb_cbor_write_array(struct wb_writer *w, size_t count)
{
    write_head(w, 4, count);
}

void wb_cbor_write_map(struct wb_writer *w, size_t pairs)
{
    write_head(w, 5, pairs);
}

void wb_cbor_write_tag(struct wb_writer *w, uint64_t tag)
{
    write_head(w, 6, tag);
}

void wb_cbor_write_bool(struct wb_writer *w, bool value)
{
    write_head(w, 7, value ? 21 : 20);
}

void wb_cbor_write_null(struct wb_writer *w)
{
    write_head(w, 7, 22);
}

void wb_cbor_write_raw(struct wb_writer *w, const void *items, size_t len)
{
    wb_write_bytes(w, items, len);
}
