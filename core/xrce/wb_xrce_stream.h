/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_xrce_stream.h: reliable and best-effort streams, the part that client and agent share.
 * Shape    plain functions over structs that the engines embed; programs need only
 *          struct wb_xrce_memory
 * Reliable sender keeps messages in slots until acknowledged, repeats what ACKNACK names, asks with
 *          HEARTBEAT while something is unacknowledged; receiver hands messages over in order,
 *          keeps early ones in slots, joins fragments
 * Limits   WB_XRCE_WINDOW messages on their way; one reliable stream each way (0x80)
 * Memory   the caller's slots and assembly buffer; early messages that find no slot are dropped and
 *          come again
 * Source   OMG DDS-XRCE 1.0 §8.3.5 (ACKNACK to FRAGMENT), §8.4 (reliability)
 */
#ifndef WB_XRCE_STREAM_H
#define WB_XRCE_STREAM_H

#include "wb_xrce.h"

#define WB_XRCE_WINDOW   16u
#define WB_XRCE_SLOT_LEN 2u /* of a slot are taken by its length; the rest holds a message */

/* Buffers of one session, kept by the engine. Lengths in bytes. */
struct wb_xrce_memory {
    uint8_t *out;      /* reliable output: out_slots of equal size */
    uint8_t *in;       /* reliable input that came early: in_slots of equal size; may be NULL */
    uint8_t *assembly; /* a submessage joined from fragments; NULL: fragments are refused */
    uint8_t *burst;    /* best-effort output: one message; NULL: none can be sent */
    uint32_t out_len;
    uint32_t in_len;
    uint32_t assembly_len;
    uint16_t burst_len;
    uint8_t out_slots; /* 1 to WB_XRCE_WINDOW */
    uint8_t in_slots;  /* 0 to WB_XRCE_WINDOW */
};

/* A submessage to be sent, in three pieces (so that samples are copied once). */
struct wb_xrce_piece {
    const uint8_t *at;
    uint32_t len;
};

struct wb_xrce_out {    /* private */
    wb_ms heartbeat_at; /* WB_NEVER while nothing is unacknowledged */
    uint8_t *mem;
    uint16_t slot_len;
    uint16_t message_max; /* slot, or MTU when that is smaller */
    uint16_t first;       /* sequence number of the oldest message kept */
    uint16_t resend;      /* bit i: first + i was asked for again */
    uint16_t heartbeat_ms;
    uint8_t slots;
    uint8_t first_slot; /* where message first lies */
    uint8_t kept;       /* messages kept */
    uint8_t sent;       /* of these, the oldest ones that went out at least once */
    uint8_t asked;      /* heartbeats since the last progress; 255: stays */
    bool sealed;        /* nothing may be added to the newest message */
    bool heartbeat_owed;
};

struct wb_xrce_in { /* private */
    uint8_t *mem;
    uint8_t *assembly;
    uint32_t assembly_cap;
    uint32_t assembly_len;
    uint16_t slot_len;
    uint16_t expected; /* sequence number to be handed over next */
    uint16_t last;     /* highest one known of */
    uint16_t stored;   /* bit i: expected + 1 + i lies in a slot */
    uint8_t slots;
    uint8_t first_slot; /* where expected + 1 belongs */
    bool ack_owed;
    bool assembly_whole;  /* it was handed over: the next fragment begins anew */
    bool assembly_broken; /* a fragment did not fit: drop the rest up to the last */
};

struct wb_xrce_burst { /* private */
    uint8_t *mem;
    uint16_t cap;
    uint16_t len; /* of the message collected; 0: none */
    uint16_t seq;
    uint8_t stream; /* of the message collected */
};

void wb_xrce_out_init(struct wb_xrce_out *out, const struct wb_xrce_memory *memory,
                      uint16_t message_max, uint16_t heartbeat_ms);
void wb_xrce_out_reset(struct wb_xrce_out *out);
/* Bytes of submessages that can still be taken at least. */
uint32_t wb_xrce_out_room(const struct wb_xrce_out *out, size_t head_len);
/* Appends a submessage, to the newest message when it fits there, else to a new one, else cut into
 * fragments. All of it or nothing. Outcomes: ERR_FULL come back when something was acknowledged,
 * ERR_LIMIT longer than all slots together or than 65,535 bytes. */
enum wb_err wb_xrce_out_put(struct wb_xrce_out *out, const struct wb_xrce_head *head, uint8_t id,
                            uint8_t flags, const struct wb_xrce_piece pieces[2]) WB_MUST_USE;
/* Gives room for a submessage's payload of at most *cap bytes in the newest message or, with
 * is_fresh, in a new one. NULL: no room. Finish with wb_xrce_out_commit or forget it. */
uint8_t *wb_xrce_out_reserve(struct wb_xrce_out *out, const struct wb_xrce_head *head,
                             bool is_fresh, size_t *cap);
void wb_xrce_out_commit(struct wb_xrce_out *out, const struct wb_xrce_head *head, bool is_fresh,
                        uint8_t id, uint8_t flags, size_t payload_len);
/* Copies the next message to be repeated or sent; 0 when there is none or it exceeds cap. */
size_t wb_xrce_out_emit(struct wb_xrce_out *out, wb_ms now, void *buf, size_t cap);
void wb_xrce_out_acknack(struct wb_xrce_out *out, wb_ms now, const struct wb_xrce_acknack *ack);
void wb_xrce_out_tick(struct wb_xrce_out *out, wb_ms now);
struct wb_xrce_heartbeat wb_xrce_out_heartbeat(const struct wb_xrce_out *out);

void wb_xrce_in_init(struct wb_xrce_in *in, const struct wb_xrce_memory *memory);
void wb_xrce_in_reset(struct wb_xrce_in *in);
/* A message of the stream arrived: true when it is the one expected and is to be processed now,
 * after which wb_xrce_in_advance is called. Early ones are kept, others dropped. */
bool wb_xrce_in_accept(struct wb_xrce_in *in, uint16_t seq, const void *message, size_t len);
/* The expected message is dealt with. Gives the next when it is there already (valid until the next
 * call of wb_xrce_in_accept), else NULL. */
const uint8_t *wb_xrce_in_advance(struct wb_xrce_in *in, size_t *len);
void wb_xrce_in_heartbeat(struct wb_xrce_in *in, const struct wb_xrce_heartbeat *heartbeat);
struct wb_xrce_acknack wb_xrce_in_acknack(const struct wb_xrce_in *in);
/* Adds a fragment. Outcomes: ERR_LIMIT it did not fit (told once, at the last fragment);
 * *is_whole: the assembly holds submessages, to be walked over before the next fragment. */
enum wb_err wb_xrce_in_fragment(struct wb_xrce_in *in, const struct wb_xrce_sub *sub,
                                bool *is_whole) WB_MUST_USE;

void wb_xrce_burst_init(struct wb_xrce_burst *burst, const struct wb_xrce_memory *memory,
                        uint16_t message_max);
/* Appends a submessage to the message being collected for head->stream. Outcomes: ERR_FULL emit
 * first, ERR_LIMIT it can never fit. */
enum wb_err wb_xrce_burst_put(struct wb_xrce_burst *burst, const struct wb_xrce_head *head,
                              uint8_t id, uint8_t flags,
                              const struct wb_xrce_piece pieces[2]) WB_MUST_USE;
size_t wb_xrce_burst_emit(struct wb_xrce_burst *burst, void *buf, size_t cap);

#endif
