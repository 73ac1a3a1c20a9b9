/* SPDX-License-Identifier: AGPL-3.0-only */
/* Message boundaries on byte streams: two bytes of length on TCP; flag, escape and checksum on
 * serial lines:
 *   0x7E, source, destination, length u16 LE, message, CRC-16 of the message LE
 * where every 0x7E and 0x7D after the flag is sent as 0x7D and the byte xor 0x20. */
#include "wb_xrce.h"

#define ESCAPE     0x7Du
#define ESCAPE_XOR 0x20u

void wb_xrce_tcp_head(uint8_t out[2], uint16_t message_len)
{
    out[0] = (uint8_t)message_len;
    out[1] = (uint8_t)(message_len >> 8);
}

void wb_xrce_tcp_init(struct wb_xrce_tcp *tcp, void *buf, size_t cap)
{
    WB_ASSERT(cap > 2);
    *tcp = (struct wb_xrce_tcp){.buf = buf, .cap = cap};
}

static size_t tcp_message_len(const struct wb_xrce_tcp *tcp)
{
    return (size_t)(tcp->buf[0] | tcp->buf[1] << 8);
}

enum wb_err wb_xrce_tcp_feed(struct wb_xrce_tcp *tcp, const void *data, size_t len, size_t *used,
                             const uint8_t **message, size_t *message_len)
{
    const uint8_t *at = data;
    *message = NULL;
    *message_len = 0;
    *used = 0;
    if (tcp->len >= 2 && tcp->len == 2 + tcp_message_len(tcp)) {
        tcp->len = 0; /* handed over by the call before */
    }
    while (tcp->err == WB_OK && *used < len) {
        if (tcp->len < 2) {
            tcp->buf[tcp->len++] = at[(*used)++];
            if (tcp->len < 2) {
                continue;
            }
            size_t whole = tcp_message_len(tcp);
            if (whole == 0) {
                tcp->err = WB_ERR_FORMAT;
            } else if (whole > tcp->cap - 2) {
                tcp->err = WB_ERR_LIMIT;
            }
            continue;
        }
        size_t missing = 2 + tcp_message_len(tcp) - tcp->len;
        size_t taken = len - *used < missing ? len - *used : missing;
        memcpy(tcp->buf + tcp->len, at + *used, taken);
        tcp->len += taken;
        *used += taken;
        if (taken == missing) {
            *message = tcp->buf + 2;
            *message_len = tcp->len - 2;
            break;
        }
    }
    return tcp->err;
}

/* ---- serial ------------------------------------------------------------------------------- */

uint16_t wb_xrce_serial_crc(const void *data, size_t len)
{
    const uint8_t *at = data;
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)(crc >> 1 ^ (0xA001u & (0u - (crc & 1u))));
        }
    }
    return crc;
}

static void put(struct wb_writer *w, uint8_t byte)
{
    if (byte == WB_XRCE_SERIAL_FLAG || byte == ESCAPE) {
        wb_write_u8(w, ESCAPE);
        byte ^= ESCAPE_XOR;
    }
    wb_write_u8(w, byte);
}

enum wb_err wb_xrce_serial_encode(uint8_t source, uint8_t destination, const void *message,
                                  size_t message_len, void *buf, size_t cap, size_t *len)
{
    const uint8_t *at = message;
    if (message_len > UINT16_MAX) {
        return WB_ERR_LIMIT;
    }
    struct wb_writer w;
    wb_writer_init(&w, buf, cap);
    wb_write_u8(&w, WB_XRCE_SERIAL_FLAG);
    put(&w, source);
    put(&w, destination);
    put(&w, (uint8_t)message_len);
    put(&w, (uint8_t)(message_len >> 8));
    for (size_t i = 0; i < message_len; i++) {
        put(&w, at[i]);
    }
    uint16_t crc = wb_xrce_serial_crc(message, message_len);
    put(&w, (uint8_t)crc);
    put(&w, (uint8_t)(crc >> 8));
    if (w.err != WB_OK) {
        return w.err;
    }
    *len = w.len;
    return WB_OK;
}

void wb_xrce_serial_init(struct wb_xrce_serial *serial, void *buf, size_t cap)
{
    *serial = (struct wb_xrce_serial){.buf = buf, .cap = cap};
}

/* A frame starts; the one before, when unfinished, is lost. Repeated flags are idle filling. */
static void begin(struct wb_xrce_serial *serial)
{
    if (serial->in_frame && serial->at > 0) {
        serial->frames_damaged++;
    }
    serial->in_frame = true;
    serial->escaped = false;
    serial->at = 0;
}

/* Adds one byte of the frame's content; true when the frame is complete and right. */
static bool collect(struct wb_xrce_serial *serial, uint8_t byte)
{
    uint32_t at = serial->at++;
    if (at < 4) {
        serial->head[at] = byte;
        if (at < 3) {
            return false;
        }
    }
    uint32_t whole = (uint32_t)(serial->head[2] | serial->head[3] << 8);
    if (whole > serial->cap || whole == 0) {
        serial->frames_damaged++;
        serial->in_frame = false;
        return false;
    }
    if (at < 4) {
        return false;
    }
    if (at - 4 < whole) {
        serial->buf[at - 4] = byte;
        return false;
    }
    serial->tail[at - 4 - whole] = byte;
    if (at - 4 - whole == 0) {
        return false;
    }
    serial->in_frame = false;
    if (wb_xrce_serial_crc(serial->buf, whole) !=
        (uint16_t)(serial->tail[0] | serial->tail[1] << 8)) {
        serial->frames_damaged++;
        return false;
    }
    return true;
}

void wb_xrce_serial_feed(struct wb_xrce_serial *serial, const void *data, size_t len, size_t *used,
                         const uint8_t **message, size_t *message_len, uint8_t *source,
                         uint8_t *destination)
{
    const uint8_t *in = data;
    *message = NULL;
    *message_len = 0;
    for (*used = 0; *used < len;) {
        uint8_t byte = in[(*used)++];
        if (byte == WB_XRCE_SERIAL_FLAG) {
            begin(serial);
            continue;
        }
        if (!serial->in_frame) {
            continue;
        }
        if (byte == ESCAPE && !serial->escaped) {
            serial->escaped = true;
            continue;
        }
        byte ^= serial->escaped ? ESCAPE_XOR : 0;
        serial->escaped = false;
        if (collect(serial, byte)) {
            *message = serial->buf;
            *message_len = serial->at - 6;
            *source = serial->head[0];
            *destination = serial->head[1];
            return;
        }
    }
}
