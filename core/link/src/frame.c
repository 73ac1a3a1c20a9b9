/* SPDX-License-Identifier: AGPL-3.0-only */
#include "frame.h"

_Static_assert(WB_LINK_FRAME_MAX - 3 < 254, "one COBS code byte must suffice");
_Static_assert(WB_LINK_CONTROL_MAX >= FRAME_PAYLOAD + 1 + FRAME_CRC + 1,
               "control frames carry a byte");

uint8_t frame_encode(uint8_t *buf, enum kind kind, uint32_t session, uint8_t seq, uint8_t len)
{
    struct wb_writer w;
    wb_writer_init(&w, buf, FRAME_PAYLOAD + len + FRAME_CRC + 1);
    wb_write_be16(&w, 0); /* delimiter, and the place of the first COBS code */
    wb_write_u8(&w, (uint8_t)kind);
    wb_write_be32(&w, session);
    wb_write_u8(&w, seq);
    WB_ASSERT(w.len == FRAME_PAYLOAD);
    w.len += len;
    wb_write_be32(&w, wb_crc32(0, buf + 2, FRAME_HEAD + len));
    WB_ASSERT(w.err == WB_OK);
    size_t code_at = 1;
    for (size_t i = 2; i < w.len; i++) {
        if (buf[i] == 0) {
            buf[code_at] = (uint8_t)(i - code_at);
            code_at = i;
        }
    }
    buf[code_at] = (uint8_t)(w.len - code_at);
    wb_write_u8(&w, 0);
    return (uint8_t)w.len;
}

bool frame_decode(uint8_t *buf, size_t len, struct frame *frame)
{
    for (size_t i = 0; i < len;) {
        size_t next = i + buf[i];
        buf[i] = 0; /* for i = 0 that is the first code, which stands for nothing */
        if (next <= i || next > len) {
            return false;
        }
        i = next;
    }
    if (len < 1 + FRAME_HEAD + FRAME_CRC) {
        return false;
    }
    struct wb_reader r;
    wb_reader_init(&r, buf + 1, len - 1);
    frame->kind = (enum kind)wb_read_u8(&r);
    frame->session = wb_read_be32(&r);
    frame->seq = wb_read_u8(&r);
    frame->len = (uint8_t)(wb_reader_left(&r) - FRAME_CRC);
    frame->payload = wb_read_bytes(&r, frame->len);
    return wb_read_be32(&r) == wb_crc32(0, buf + 1, FRAME_HEAD + frame->len);
}
