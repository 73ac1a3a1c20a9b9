/* SPDX-License-Identifier: AGPL-3.0-only */
/* CDR cursors. Everything goes through take() and give(): align, check the bounds once, then move
 * bytes in the stream's order. */
#include "wb_cdr.h"

#define CDR_BE 0x0000u
#define CDR_LE 0x0001u

/* Skips padding and item_len bytes; NULL after an error. */
static const uint8_t *take(struct wb_cdr_reader *r, size_t multiple, size_t len)
{
    if (r->err != WB_OK) {
        return NULL;
    }
    size_t pad = (0 - r->at) & (multiple - 1);
    if (pad > r->len - r->at || len > r->len - r->at - pad) {
        r->err = WB_ERR_END;
        return NULL;
    }
    const uint8_t *at = r->origin + r->at + pad;
    r->at += pad + len;
    return at;
}

static uint64_t read_number(struct wb_cdr_reader *r, size_t len)
{
    const uint8_t *at = take(r, len, len);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < len; i++) {
        value = value << 8 | at[r->is_big ? i : len - 1 - i];
    }
    return value;
}

void wb_cdr_reader_init(struct wb_cdr_reader *r, const void *data, size_t len, bool is_big)
{
    static const uint8_t nothing[1] = {0};
    *r = (struct wb_cdr_reader){
        .origin = data == NULL ? nothing : data, .len = len, .is_big = is_big};
}

void wb_cdr_reader_init_encapsulated(struct wb_cdr_reader *r, const void *data, size_t len)
{
    const uint8_t *head = data;
    wb_cdr_reader_init(r, data, len, false);
    if (len < WB_CDR_ENCAPSULATION_LEN) {
        r->err = WB_ERR_END;
        return;
    }
    unsigned kind = (unsigned)head[0] << 8 | head[1];
    size_t pad = head[3] & 3u;
    if (kind != CDR_BE && kind != CDR_LE) {
        r->err = WB_ERR_UNSUPPORTED;
        return;
    }
    if (pad > len - WB_CDR_ENCAPSULATION_LEN) {
        r->err = WB_ERR_FORMAT;
        return;
    }
    wb_cdr_reader_init(r, head + WB_CDR_ENCAPSULATION_LEN, len - WB_CDR_ENCAPSULATION_LEN - pad,
                       kind == CDR_BE);
}

size_t wb_cdr_reader_left(const struct wb_cdr_reader *r)
{
    return r->err == WB_OK ? r->len - r->at : 0;
}

void wb_cdr_reader_fail(struct wb_cdr_reader *r, enum wb_err err)
{
    if (r->err == WB_OK) {
        r->err = err;
    }
}

uint8_t wb_cdr_read_u8(struct wb_cdr_reader *r)
{
    return (uint8_t)read_number(r, 1);
}

uint16_t wb_cdr_read_u16(struct wb_cdr_reader *r)
{
    return (uint16_t)read_number(r, 2);
}

uint32_t wb_cdr_read_u32(struct wb_cdr_reader *r)
{
    return (uint32_t)read_number(r, 4);
}

uint64_t wb_cdr_read_u64(struct wb_cdr_reader *r)
{
    return read_number(r, 8);
}

bool wb_cdr_read_bool(struct wb_cdr_reader *r)
{
    uint8_t value = wb_cdr_read_u8(r);
    if (value > 1) {
        wb_cdr_reader_fail(r, WB_ERR_VALUE);
    }
    return r->err == WB_OK && value == 1;
}

struct wb_cdr_str wb_cdr_read_str(struct wb_cdr_reader *r, uint32_t len_max)
{
    const struct wb_cdr_str empty = {"", 0};
    uint32_t len = wb_cdr_read_u32(r);
    if (r->err != WB_OK || len == 0) {
        return empty;
    }
    if (len - 1 > len_max) {
        r->err = WB_ERR_LIMIT;
        return empty;
    }
    const uint8_t *at = take(r, 1, len);
    if (at == NULL) {
        return empty;
    }
    if (memchr(at, 0, len) != at + len - 1) {
        r->err = WB_ERR_FORMAT;
        return empty;
    }
    return (struct wb_cdr_str){(const char *)at, len - 1};
}

uint32_t wb_cdr_read_count(struct wb_cdr_reader *r, uint32_t count_max, uint32_t item_len_min)
{
    WB_ASSERT(item_len_min > 0);
    uint32_t count = wb_cdr_read_u32(r);
    if (count > count_max) {
        wb_cdr_reader_fail(r, WB_ERR_LIMIT);
    } else if (count > wb_cdr_reader_left(r) / item_len_min) {
        wb_cdr_reader_fail(r, WB_ERR_END);
    }
    return r->err == WB_OK ? count : 0;
}

const uint8_t *wb_cdr_read_bytes(struct wb_cdr_reader *r, size_t len)
{
    return take(r, 1, len);
}

void wb_cdr_read_align(struct wb_cdr_reader *r, size_t multiple)
{
    (void)take(r, multiple, 0);
}

static bool is_host_big(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 0;
}

/* Copies count numbers, turning each round when the orders differ. */
static void copy_numbers(uint8_t *to, const uint8_t *from, size_t item_len, size_t count,
                         bool is_turned)
{
    if (!is_turned || item_len == 1) {
        memcpy(to, from, item_len * count);
        return;
    }
    for (size_t i = 0; i < item_len * count; i++) {
        to[i] = from[i - i % item_len + (item_len - 1 - i % item_len)];
    }
}

void wb_cdr_read_array(struct wb_cdr_reader *r, void *out, size_t item_len, size_t count)
{
    WB_ASSERT(item_len == 1 || item_len == 2 || item_len == 4 || item_len == 8);
    if (count == 0) {
        return;
    }
    if (count > SIZE_MAX / item_len) {
        wb_cdr_reader_fail(r, WB_ERR_END);
        return;
    }
    const uint8_t *at = take(r, item_len, item_len * count);
    if (at != NULL) {
        copy_numbers(out, at, item_len, count, r->is_big != is_host_big());
    }
}

/* ---- writer ------------------------------------------------------------------------------- */

/* Writes padding and makes room for len bytes; NULL after an error. */
static uint8_t *give(struct wb_cdr_writer *w, size_t multiple, size_t len)
{
    if (w->err != WB_OK) {
        return NULL;
    }
    size_t pad = (0 - w->len) & (multiple - 1);
    if (pad > w->cap - w->len || len > w->cap - w->len - pad) {
        w->err = WB_ERR_SPACE;
        return NULL;
    }
    uint8_t *at = w->origin + w->len;
    for (; pad > 0; pad--) {
        *at++ = 0;
        w->len++;
    }
    w->len += len;
    return at;
}

static void write_number(struct wb_cdr_writer *w, uint64_t value, size_t len)
{
    uint8_t *at = give(w, len, len);
    for (size_t i = 0; at != NULL && i < len; i++) {
        at[w->is_big ? len - 1 - i : i] = (uint8_t)value;
        value >>= 8;
    }
}

void wb_cdr_writer_init(struct wb_cdr_writer *w, void *buf, size_t cap, bool is_big)
{
    *w = (struct wb_cdr_writer){.origin = buf, .cap = cap, .is_big = is_big};
}

void wb_cdr_writer_init_encapsulated(struct wb_cdr_writer *w, void *buf, size_t cap, bool is_big)
{
    uint8_t *head = buf;
    wb_cdr_writer_init(w, buf, cap, is_big);
    if (cap < WB_CDR_ENCAPSULATION_LEN) {
        w->err = WB_ERR_SPACE;
        return;
    }
    head[0] = 0;
    head[1] = is_big ? CDR_BE : CDR_LE;
    head[2] = 0;
    head[3] = 0;
    wb_cdr_writer_init(w, head + WB_CDR_ENCAPSULATION_LEN, cap - WB_CDR_ENCAPSULATION_LEN, is_big);
}

void wb_cdr_writer_fail(struct wb_cdr_writer *w, enum wb_err err)
{
    if (w->err == WB_OK) {
        w->err = err;
    }
}

size_t wb_cdr_writer_finish_encapsulated(struct wb_cdr_writer *w)
{
    size_t pad = (0 - w->len) & 3u;
    wb_cdr_write_align(w, 4);
    if (w->err != WB_OK) {
        return 0;
    }
    w->origin[-1] = (uint8_t)pad;
    return w->len + WB_CDR_ENCAPSULATION_LEN;
}

void wb_cdr_write_u8(struct wb_cdr_writer *w, uint8_t value)
{
    write_number(w, value, 1);
}

void wb_cdr_write_u16(struct wb_cdr_writer *w, uint16_t value)
{
    write_number(w, value, 2);
}

void wb_cdr_write_u32(struct wb_cdr_writer *w, uint32_t value)
{
    write_number(w, value, 4);
}

void wb_cdr_write_u64(struct wb_cdr_writer *w, uint64_t value)
{
    write_number(w, value, 8);
}

void wb_cdr_write_bool(struct wb_cdr_writer *w, bool value)
{
    write_number(w, value ? 1 : 0, 1);
}

void wb_cdr_write_str(struct wb_cdr_writer *w, struct wb_cdr_str text, uint32_t len_max)
{
    if (text.len > len_max || text.len == UINT32_MAX) {
        wb_cdr_writer_fail(w, WB_ERR_LIMIT);
    } else if (text.len > 0 && memchr(text.at, 0, text.len) != NULL) {
        wb_cdr_writer_fail(w, WB_ERR_VALUE);
    }
    wb_cdr_write_u32(w, text.len + 1);
    wb_cdr_write_bytes(w, text.at, text.len);
    wb_cdr_write_u8(w, 0);
}

void wb_cdr_write_bytes(struct wb_cdr_writer *w, const void *data, size_t len)
{
    uint8_t *at = give(w, 1, len);
    if (at != NULL && len > 0) {
        memcpy(at, data, len);
    }
}

void wb_cdr_write_array(struct wb_cdr_writer *w, const void *items, size_t item_len, size_t count)
{
    WB_ASSERT(item_len == 1 || item_len == 2 || item_len == 4 || item_len == 8);
    if (count == 0) {
        return;
    }
    if (count > SIZE_MAX / item_len) {
        wb_cdr_writer_fail(w, WB_ERR_SPACE);
        return;
    }
    uint8_t *at = give(w, item_len, item_len * count);
    if (at != NULL) {
        copy_numbers(at, items, item_len, count, w->is_big != is_host_big());
    }
}

void wb_cdr_write_align(struct wb_cdr_writer *w, size_t multiple)
{
    (void)give(w, multiple, 0);
}
