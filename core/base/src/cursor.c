/* SPDX-License-Identifier: AGPL-3.0-only */
/* Byte cursors. Everything is built on take() and put(), which hold the bounds and the sticky
 * error. */
#include "wb_base.h"

#include <string.h>

void wb_reader_init(struct wb_reader *r, const void *data, size_t len)
{
    r->at = data;
    r->end = len == 0 ? r->at : r->at + len;
    r->err = WB_OK;
}

size_t wb_reader_left(const struct wb_reader *r)
{
    return r->err == WB_OK ? (size_t)(r->end - r->at) : 0;
}

const uint8_t *wb_read_bytes(struct wb_reader *r, size_t len)
{
    if (r->err != WB_OK) {
        return NULL;
    }
    if (len > (size_t)(r->end - r->at)) {
        r->err = WB_ERR_END;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at = len == 0 ? at : at + len;
    return at;
}

static uint64_t read_be(struct wb_reader *r, size_t len)
{
    const uint8_t *p = wb_read_bytes(r, len);
    uint64_t value = 0;
    for (size_t i = 0; p != NULL && i < len; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

static uint64_t read_le(struct wb_reader *r, size_t len)
{
    const uint8_t *p = wb_read_bytes(r, len);
    uint64_t value = 0;
    for (size_t i = len; p != NULL && i > 0; i--) {
        value = value << 8 | p[i - 1];
    }
    return value;
}

uint8_t wb_read_u8(struct wb_reader *r)
{
    return (uint8_t)read_be(r, 1);
}
uint16_t wb_read_be16(struct wb_reader *r)
{
    return (uint16_t)read_be(r, 2);
}
uint32_t wb_read_be24(struct wb_reader *r)
{
    return (uint32_t)read_be(r, 3);
}
uint32_t wb_read_be32(struct wb_reader *r)
{
    return (uint32_t)read_be(r, 4);
}
uint64_t wb_read_be64(struct wb_reader *r)
{
    return read_be(r, 8);
}
uint16_t wb_read_le16(struct wb_reader *r)
{
    return (uint16_t)read_le(r, 2);
}
uint32_t wb_read_le32(struct wb_reader *r)
{
    return (uint32_t)read_le(r, 4);
}
uint64_t wb_read_le64(struct wb_reader *r)
{
    return read_le(r, 8);
}

void wb_writer_init(struct wb_writer *w, void *buf, size_t cap)
{
    *w = (struct wb_writer){.buf = buf, .cap = cap};
}

void wb_write_bytes(struct wb_writer *w, const void *data, size_t len)
{
    if (w->err != WB_OK) {
        return;
    }
    if (len > w->cap - w->len) {
        w->err = WB_ERR_SPACE;
        return;
    }
    if (len > 0) {
        memcpy(w->buf + w->len, data, len);
        w->len += len;
    }
}

static void write_be(struct wb_writer *w, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = len; i > 0; i--) {
        bytes[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    wb_write_bytes(w, bytes, len);
}

static void write_le(struct wb_writer *w, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)value;
        value >>= 8;
    }
    wb_write_bytes(w, bytes, len);
}

void wb_write_u8(struct wb_writer *w, uint8_t value)
{
    write_be(w, value, 1);
}
void wb_write_be16(struct wb_writer *w, uint16_t value)
{
    write_be(w, value, 2);
}
void wb_write_be24(struct wb_writer *w, uint32_t value)
{
    write_be(w, value, 3);
}
void wb_write_be32(struct wb_writer *w, uint32_t value)
{
    write_be(w, value, 4);
}
void wb_write_be64(struct wb_writer *w, uint64_t value)
{
    write_be(w, value, 8);
}
void wb_write_le16(struct wb_writer *w, uint16_t value)
{
    write_le(w, value, 2);
}
void wb_write_le32(struct wb_writer *w, uint32_t value)
{
    write_le(w, value, 4);
}
void wb_write_le64(struct wb_writer *w, uint64_t value)
{
    write_le(w, value, 8);
}
