/* SPDX-License-Identifier: AGPL-3.0-only */
/* DER: the reader refuses everything that has a second spelling, so that signed bytes mean one
 * thing only. */
#include "der.h"

#include <string.h>

const uint8_t der_ed25519[DER_ED25519_LEN] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

uint8_t der_peek(const struct wb_reader *r)
{
    return r->err == WB_OK && r->at < r->end ? *r->at : 0;
}

static struct wb_bytes fail(struct wb_reader *r)
{
    if (r->err == WB_OK || r->err == WB_ERR_END) {
        r->err = WB_ERR_FORMAT;
    }
    return (struct wb_bytes){NULL, 0};
}

struct wb_bytes der_take(struct wb_reader *r, uint8_t tag)
{
    if (wb_read_u8(r) != tag || r->err != WB_OK) {
        return fail(r);
    }
    size_t len = wb_read_u8(r);
    if (len == 0x81) {
        len = wb_read_u8(r);
        if (len < 0x80) {
            return fail(r);
        }
    } else if (len == 0x82) {
        len = wb_read_be16(r);
        if (len < 0x100) {
            return fail(r);
        }
    } else if (len >= 0x80) { /* indefinite, or 16 MB and more */
        return fail(r);
    }
    if (r->err != WB_OK || wb_reader_left(r) < len) {
        return fail(r);
    }
    return (struct wb_bytes){wb_read_bytes(r, len), len};
}

struct wb_bytes der_take_whole(struct wb_reader *r, uint8_t tag)
{
    const uint8_t *start = r->at;
    struct wb_bytes content = der_take(r, tag);
    if (content.data == NULL) {
        return content;
    }
    return (struct wb_bytes){start, (size_t)(r->at - start)};
}

struct wb_reader der_enter(struct wb_reader *r, uint8_t tag)
{
    struct wb_bytes content = der_take(r, tag);
    struct wb_reader inner;
    wb_reader_init(&inner, content.data, content.len);
    inner.err = r->err;
    return inner;
}

struct wb_bytes der_take_bits(struct wb_reader *r)
{
    struct wb_bytes bits = der_take(r, DER_BIT_STRING);
    if (bits.len < 1 || ((const uint8_t *)bits.data)[0] != 0) {
        return fail(r);
    }
    bits.data = (const uint8_t *)bits.data + 1;
    bits.len--;
    return bits;
}

void der_end(struct wb_reader *r)
{
    if (r->err == WB_OK && r->at != r->end) {
        r->err = WB_ERR_FORMAT;
    }
}

bool der_is(struct wb_bytes a, const void *data, size_t len)
{
    return a.len == len && len > 0 && memcmp(a.data, data, len) == 0;
}

void der_writer_init(struct der_writer *w, uint8_t *buf, size_t cap)
{
    *w = (struct der_writer){buf, cap, cap, WB_OK};
}

void der_put(struct der_writer *w, const void *data, size_t len)
{
    if (w->err != WB_OK || len == 0) {
        return;
    }
    if (len > w->at) {
        w->err = WB_ERR_SPACE;
        return;
    }
    w->at -= len;
    memcpy(w->buf + w->at, data, len);
}

void der_put_u8(struct der_writer *w, uint8_t value)
{
    der_put(w, &value, 1);
}

void der_put_header(struct der_writer *w, uint8_t tag, size_t end)
{
    size_t len = end - w->at;
    if (len >= 0x10000) {
        w->err = WB_ERR_SPACE;
        return;
    }
    der_put_u8(w, (uint8_t)len);
    if (len >= 0x100) {
        der_put_u8(w, (uint8_t)(len >> 8));
        der_put_u8(w, 0x82);
    } else if (len >= 0x80) {
        der_put_u8(w, 0x81);
    }
    der_put_u8(w, tag);
}

void der_put_element(struct der_writer *w, uint8_t tag, const void *data, size_t len)
{
    size_t end = w->at;
    der_put(w, data, len);
    der_put_header(w, tag, end);
}

void der_put_bits(struct der_writer *w, const void *data, size_t len)
{
    size_t end = w->at;
    der_put(w, data, len);
    der_put_u8(w, 0);
    der_put_header(w, DER_BIT_STRING, end);
}

enum wb_err der_finish(struct der_writer *w, size_t *len)
{
    if (w->err != WB_OK) {
        return w->err;
    }
    memmove(w->buf, w->buf + w->at, w->cap - w->at);
    *len = w->cap - w->at;
    return WB_OK;
}
