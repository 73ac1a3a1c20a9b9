/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_mailbox.h: flash commands between an emulated board and its launcher, on the console UART.
 * Shape    the board writes text and, in between, requests; the launcher answers each with one
 * reply Format   integers little-endian; CRC-32 (wb_crc32) over everything between start byte and
 * CRC request  0x01 op seq len:u16 addr:u32 payload[len] crc:u32 reply    0x01 'R' seq status
 * crc:u32 Text never contains 0x01. One request at a time; a reply repeats the request's seq. A
 * board that sees no reply repeats the request unchanged: all of them may be done twice. Limits
 * payload at most WB_MAILBOX_PAYLOAD_MAX Memory   no heap; the decoder holds one request
 */
#ifndef WB_MAILBOX_H
#define WB_MAILBOX_H

#include "wb_base.h"

#define WB_MAILBOX_START       0x01
#define WB_MAILBOX_PAYLOAD_MAX 1024
#define WB_MAILBOX_HEAD_LEN    9 /* start byte to addr */
#define WB_MAILBOX_CRC_LEN     4
#define WB_MAILBOX_REPLY_LEN   8

enum wb_mailbox_op {
    WB_MAILBOX_PROGRAM =
        'P', /* addr: offset in the store region; payload's bytes other than 0xFF go there */
    WB_MAILBOX_ERASE = 'E', /* addr: offset of a sector; no payload */
    WB_MAILBOX_RESET = 'Z', /* payload: reason as text; answered by the reset only */
};

enum wb_mailbox_status {
    WB_MAILBOX_DONE = 0,
    WB_MAILBOX_REFUSED_RANGE = 1, /* outside the region, or an erase off a sector's beginning */
    WB_MAILBOX_REFUSED_BITS = 2,  /* a bit would have to change from 0 to 1; nothing was changed */
    WB_MAILBOX_REFUSED_IO = 3,    /* the launcher could not keep it; nothing was promised */
    WB_MAILBOX_REFUSED_UNKNOWN = 4, /* no such op */
};

/* Writes a request's head; the payload follows, then the CRC of head (without its start byte) and
 * payload. So a board sends from where the data lies. */
void wb_mailbox_head(uint8_t head[WB_MAILBOX_HEAD_LEN], enum wb_mailbox_op op, uint8_t seq,
                     uint16_t len, uint32_t addr);

void wb_mailbox_reply(uint8_t reply[WB_MAILBOX_REPLY_LEN], uint8_t seq,
                      enum wb_mailbox_status status);

/* Reads a reply; false when it is none or damaged. */
bool wb_mailbox_reply_read(const uint8_t reply[WB_MAILBOX_REPLY_LEN], uint8_t *seq,
                           uint8_t *status);

/* ---- the launcher's side: text and requests out of one stream ------------------------------- */

struct wb_mailbox_request {
    uint8_t op; /* an enum wb_mailbox_op, or something unknown */
    uint8_t seq;
    uint16_t len;
    uint32_t addr;
    uint8_t payload[WB_MAILBOX_PAYLOAD_MAX];
};

struct wb_mailbox_decoder {
    uint8_t packet[WB_MAILBOX_HEAD_LEN + WB_MAILBOX_PAYLOAD_MAX + WB_MAILBOX_CRC_LEN];
    size_t len;       /* bytes of the packet so far; 0: in text */
    uint32_t damaged; /* packets dropped for their length or CRC */
};

enum wb_mailbox_got {
    WB_MAILBOX_NOTHING, /* the input is used up */
    WB_MAILBOX_TEXT,    /* *text .. *text + *text_len: borrowed from the input */
    WB_MAILBOX_REQUEST,
};

void wb_mailbox_decoder_init(struct wb_mailbox_decoder *d);

/* Takes the next piece out of data[*used..len] and advances *used. A damaged packet is dropped and
 * counted; text goes on after it. */
enum wb_mailbox_got wb_mailbox_next(struct wb_mailbox_decoder *d, const uint8_t *data, size_t len,
                                    size_t *used, const uint8_t **text, size_t *text_len,
                                    struct wb_mailbox_request *request);

#endif
