/* SPDX-License-Identifier: AGPL-3.0-only */
/* Frames on the line: 0x00, COBS(kind, session, seq, payload, CRC-32), 0x00. The leading delimiter
 * ends whatever noise came before. Consistent overhead byte stuffing replaces each zero by the
 * distance to the next; below 254 bytes that costs one byte in front, so both directions work in
 * place. */
#ifndef WB_LINK_FRAME_H
#define WB_LINK_FRAME_H

#include "wb_link.h"

enum kind {
    KIND_OPEN = 1,    /* board -> bridge */
    KIND_OPENED = 2,  /* bridge -> board */
    KIND_REFUSED = 3, /* bridge -> board */
    KIND_DATA = 4,    /* payload */
    KIND_ACK = 5,     /* seq: last one read; payload: 1 send on, 0 still busy */
    KIND_PROBE = 6,   /* asks for an ACK */
    KIND_CLOSE = 7,   /* payload: reason */
    KIND_COUNT
};

#define FRAME_PAYLOAD 8u /* offset of the payload in an unencoded frame: 0x00, COBS code, head */
#define FRAME_HEAD    6u /* kind, session, seq */
#define FRAME_CRC     4u

struct frame {
    enum kind kind;
    uint32_t session;
    uint8_t seq;
    const uint8_t *payload;
    uint8_t len;
};

/* Completes the frame around the payload at buf + FRAME_PAYLOAD; returns its length on the line,
 * which is FRAME_PAYLOAD + len + 5. */
uint8_t frame_encode(uint8_t *buf, enum kind kind, uint32_t session, uint8_t seq, uint8_t len);

/* Decodes what stood between two delimiters, in place; false when it is damaged. */
bool frame_decode(uint8_t *buf, size_t len, struct frame *frame);

#endif
