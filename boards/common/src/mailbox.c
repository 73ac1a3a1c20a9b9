/* SPDX-License-Identifier: AGPL-3.0-only */
/* The flash mailbox's bytes. Packets are length-driven, so that a payload needs no escaping; text
 * cannot contain the start byte, so a decoder that lost its place finds it again at the next
 * packet. */
#include "wb_mailbox.h"

#include <string.h>

static bool request_complete(struct wb_mailbox_decoder *d, struct wb_mailbox_request *request);

void wb_mailbox_head(uint8_t head[WB_MAILBOX_HEAD_LEN], enum wb_mailbox_op op, uint8_t seq,
                     uint16_t len, uint32_t addr)
{
    struct wb_writer w;
    wb_writer_init(&w, head, WB_MAILBOX_HEAD_LEN);
    wb_write_u8(&w, WB_MAILBOX_START);
    wb_write_u8(&w, (uint8_t)op);
    wb_write_u8(&w, seq);
    wb_write_le16(&w, len);
    wb_write_le32(&w, addr);
    WB_ASSERT(w.err == WB_OK && w.len == WB_MAILBOX_HEAD_LEN);
}

void wb_mailbox_reply(uint8_t reply[WB_MAILBOX_REPLY_LEN], uint8_t seq,
                      enum wb_mailbox_status status)
{
    struct wb_writer w;
    wb_writer_init(&w, reply, WB_MAILBOX_REPLY_LEN);
    wb_write_u8(&w, WB_MAILBOX_START);
    wb_write_u8(&w, 'R');
    wb_write_u8(&w, seq);
    wb_write_u8(&w, (uint8_t)status);
    wb_write_le32(&w, wb_crc32(0, reply + 1, 3));
    WB_ASSERT(w.err == WB_OK && w.len == WB_MAILBOX_REPLY_LEN);
}

bool wb_mailbox_reply_read(const uint8_t reply[WB_MAILBOX_REPLY_LEN], uint8_t *seq, uint8_t *status)
{
    struct wb_reader r;
    wb_reader_init(&r, reply, WB_MAILBOX_REPLY_LEN);
    uint8_t start = wb_read_u8(&r);
    uint8_t kind = wb_read_u8(&r);
    uint8_t got_seq = wb_read_u8(&r);
    uint8_t got_status = wb_read_u8(&r);
    uint32_t crc = wb_read_le32(&r);
    if (start != WB_MAILBOX_START || kind != 'R' || crc != wb_crc32(0, reply + 1, 3)) {
        return false;
    }
    *seq = got_seq;
    *status = got_status;
    return true;
}

void wb_mailbox_decoder_init(struct wb_mailbox_decoder *d)
{
    d->len = 0;
    d->damaged = 0;
}

enum wb_mailbox_got wb_mailbox_next(struct wb_mailbox_decoder *d, const uint8_t *data, size_t len,
                                    size_t *used, const uint8_t **text, size_t *text_len,
                                    struct wb_mailbox_request *request)
{
    while (*used < len) {
        if (d->len == 0 && data[*used] != WB_MAILBOX_START) {
            const uint8_t *from = data + *used;
            const uint8_t *start = memchr(from, WB_MAILBOX_START, len - *used);
            *text = from;
            *text_len = start == NULL ? len - *used : (size_t)(start - from);
            *used += *text_len;
            return WB_MAILBOX_TEXT;
        }
        d->packet[d->len++] = data[(*used)++];
        if (request_complete(d, request)) {
            return WB_MAILBOX_REQUEST;
        }
    }
    return WB_MAILBOX_NOTHING;
}

/* A packet whose length field cannot be right, or whose CRC is wrong, ends here; what follows is
 * text. */
static bool request_complete(struct wb_mailbox_decoder *d, struct wb_mailbox_request *request)
{
    if (d->len < WB_MAILBOX_HEAD_LEN) {
        return false;
    }
    struct wb_reader r;
    wb_reader_init(&r, d->packet + 1, d->len - 1);
    request->op = wb_read_u8(&r);
    request->seq = wb_read_u8(&r);
    request->len = wb_read_le16(&r);
    request->addr = wb_read_le32(&r);
    if (request->len > WB_MAILBOX_PAYLOAD_MAX) {
        d->len = 0;
        d->damaged++;
        return false;
    }
    if (d->len < (size_t)WB_MAILBOX_HEAD_LEN + request->len + WB_MAILBOX_CRC_LEN) {
        return false;
    }
    const uint8_t *payload = wb_read_bytes(&r, request->len);
    uint32_t crc = wb_read_le32(&r);
    WB_ASSERT(r.err == WB_OK);
    bool good = crc == wb_crc32(0, d->packet + 1, WB_MAILBOX_HEAD_LEN - 1u + request->len);
    if (good) {
        memcpy(request->payload, payload, request->len);
    } else {
        d->damaged++;
    }
    d->len = 0;
    return good;
}
