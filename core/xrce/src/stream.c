/* SPDX-License-Identifier: AGPL-3.0-only */
/* Streams. A slot is a length (2 bytes) and a message; slots are used in a ring, oldest first:
 *
 *   out:  first ...... first+sent ...... first+kept        in:  expected, expected+1 ... (slots)
 *         unacknowledged      waiting for emit                  missing    stored bit 0 ...
 *
 * The one timer is the heartbeat: while something is unacknowledged the receiver is asked every
 * heartbeat_ms and its ACKNACK says what to repeat. Nothing is repeated unasked. */
#include "wb_xrce_stream.h"

#define MESSAGE_MIN 32u

static uint16_t get_len(const uint8_t *slot)
{
    return (uint16_t)(slot[0] | slot[1] << 8);
}

static void set_len(uint8_t *slot, size_t len)
{
    slot[0] = (uint8_t)len;
    slot[1] = (uint8_t)(len >> 8);
}

static size_t align4(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

/* ---- reliable output ---------------------------------------------------------------------- */

void wb_xrce_out_init(struct wb_xrce_out *out, const struct wb_xrce_memory *memory,
                      uint16_t message_max, uint16_t heartbeat_ms)
{
    WB_ASSERT(memory->out_slots >= 1 && memory->out_slots <= WB_XRCE_WINDOW);
    size_t slot_len = memory->out_len / memory->out_slots;
    WB_ASSERT(slot_len >= WB_XRCE_SLOT_LEN + MESSAGE_MIN);
    WB_ASSERT(message_max >= MESSAGE_MIN);
    slot_len = slot_len > UINT16_MAX ? UINT16_MAX : slot_len;
    *out = (struct wb_xrce_out){
        .mem = memory->out,
        .slot_len = (uint16_t)slot_len,
        .message_max = (uint16_t)(slot_len - WB_XRCE_SLOT_LEN),
        .heartbeat_ms = heartbeat_ms,
        .heartbeat_at = WB_NEVER,
        .slots = memory->out_slots,
    };
    if (message_max < out->message_max) {
        out->message_max = message_max;
    }
}

void wb_xrce_out_reset(struct wb_xrce_out *out)
{
    out->first = 0;
    out->resend = 0;
    out->kept = 0;
    out->sent = 0;
    out->asked = 0;
    out->sealed = false;
    out->heartbeat_owed = false;
    out->heartbeat_at = WB_NEVER;
}

static uint8_t *slot_of(const struct wb_xrce_out *out, uint8_t index)
{
    return out->mem + (size_t)out->slot_len * ((out->first_slot + index) % out->slots);
}

/* The newest message, when something may still be added to it. */
static uint8_t *open_slot(const struct wb_xrce_out *out)
{
    return out->kept > out->sent && !out->sealed ? slot_of(out, (uint8_t)(out->kept - 1)) : NULL;
}

uint32_t wb_xrce_out_room(const struct wb_xrce_out *out, size_t head_len)
{
    return (uint32_t)(out->slots - out->kept) * (uint32_t)(out->message_max - head_len);
}

/* Begins a message in a free slot. */
static uint8_t *start_message(struct wb_xrce_out *out, const struct wb_xrce_head *head)
{
    WB_ASSERT(out->kept < out->slots);
    uint8_t *slot = slot_of(out, out->kept);
    struct wb_xrce_head full = *head;
    full.stream = WB_XRCE_STREAM_RELIABLE;
    full.seq = (uint16_t)(out->first + out->kept);
    set_len(slot, wb_xrce_head_encode(&full, slot + WB_XRCE_SLOT_LEN));
    out->kept++;
    out->sealed = false;
    return slot;
}

/* Pads the message and appends a submessage header; returns where the payload goes. */
static uint8_t *append_head(uint8_t *message, size_t *len, uint8_t id, uint8_t flags,
                            size_t payload_len)
{
    while ((*len & 3) != 0) {
        message[(*len)++] = 0;
    }
    uint8_t *head = message + *len;
    head[0] = id;
    head[1] = flags;
    set_len(head + 2, payload_len);
    *len += WB_XRCE_SUB_HEAD_LEN + payload_len;
    return head + WB_XRCE_SUB_HEAD_LEN;
}

static void copy_pieces(uint8_t *to, const struct wb_xrce_piece pieces[2])
{
    for (int i = 0; i < 2; i++) {
        if (pieces[i].len > 0) {
            memcpy(to, pieces[i].at, pieces[i].len);
            to += pieces[i].len;
        }
    }
}

/* Takes len bytes out of the pieces from offset at on. */
static void copy_part(uint8_t *to, const struct wb_xrce_piece *pieces, size_t count, size_t at,
                      size_t len)
{
    for (size_t i = 0; i < count && len > 0; i++) {
        if (at >= pieces[i].len) {
            at -= pieces[i].len;
            continue;
        }
        size_t part = pieces[i].len - at < len ? pieces[i].len - at : len;
        memcpy(to, pieces[i].at + at, part);
        to += part;
        len -= part;
        at = 0;
    }
}

/* Cuts a submessage, header and all, into messages of one FRAGMENT each. */
static enum wb_err put_fragments(struct wb_xrce_out *out, const struct wb_xrce_head *head,
                                 const struct wb_xrce_piece *whole, size_t len)
{
    size_t chunk = out->message_max - wb_xrce_head_len(head->session) - WB_XRCE_SUB_HEAD_LEN;
    size_t count = (len + chunk - 1) / chunk;
    if (count > out->slots) {
        return WB_ERR_LIMIT;
    }
    if (count > (size_t)(out->slots - out->kept)) {
        return WB_ERR_FULL;
    }
    for (size_t at = 0; at < len; at += chunk) {
        size_t part = len - at < chunk ? len - at : chunk;
        uint8_t flags = WB_XRCE_FLAG_LITTLE;
        flags |= at + part == len ? WB_XRCE_FLAG_LAST_FRAGMENT : 0;
        uint8_t *slot = start_message(out, head);
        size_t message_len = get_len(slot);
        uint8_t *payload =
            append_head(slot + WB_XRCE_SLOT_LEN, &message_len, WB_XRCE_FRAGMENT, flags, part);
        copy_part(payload, whole, 3, at, part);
        set_len(slot, message_len);
    }
    out->sealed = true;
    return WB_OK;
}

enum wb_err wb_xrce_out_put(struct wb_xrce_out *out, const struct wb_xrce_head *head, uint8_t id,
                            uint8_t flags, const struct wb_xrce_piece pieces[2])
{
    if (pieces[0].len > UINT16_MAX || pieces[1].len > UINT16_MAX - pieces[0].len) {
        return WB_ERR_LIMIT;
    }
    size_t payload_len = pieces[0].len + pieces[1].len;
    size_t len = WB_XRCE_SUB_HEAD_LEN + payload_len;
    uint8_t *slot = open_slot(out);
    if (slot == NULL || align4(get_len(slot)) + len > out->message_max) {
        if (wb_xrce_head_len(head->session) + len > out->message_max) {
            const uint8_t sub_head[WB_XRCE_SUB_HEAD_LEN] = {id, flags, (uint8_t)payload_len,
                                                            (uint8_t)(payload_len >> 8)};
            const struct wb_xrce_piece whole[3] = {
                {sub_head, sizeof sub_head}, pieces[0], pieces[1]};
            return put_fragments(out, head, whole, len);
        }
        if (out->kept == out->slots) {
            return WB_ERR_FULL;
        }
        slot = start_message(out, head);
    }
    size_t message_len = get_len(slot);
    copy_pieces(append_head(slot + WB_XRCE_SLOT_LEN, &message_len, id, flags, payload_len), pieces);
    set_len(slot, message_len);
    return WB_OK;
}

uint8_t *wb_xrce_out_reserve(struct wb_xrce_out *out, const struct wb_xrce_head *head,
                             bool is_fresh, size_t *cap)
{
    uint8_t *slot = is_fresh ? NULL : open_slot(out);
    if (slot == NULL && (!is_fresh || out->kept == out->slots)) {
        return NULL;
    }
    size_t at = is_fresh ? wb_xrce_head_len(head->session) : align4(get_len(slot));
    slot = is_fresh ? slot_of(out, out->kept) : slot;
    at += WB_XRCE_SUB_HEAD_LEN;
    if (at > out->message_max) {
        return NULL;
    }
    *cap = out->message_max - at;
    return slot + WB_XRCE_SLOT_LEN + at;
}

void wb_xrce_out_commit(struct wb_xrce_out *out, const struct wb_xrce_head *head, bool is_fresh,
                        uint8_t id, uint8_t flags, size_t payload_len)
{
    uint8_t *slot = is_fresh ? start_message(out, head) : open_slot(out);
    WB_ASSERT(slot != NULL);
    size_t len = get_len(slot);
    (void)append_head(slot + WB_XRCE_SLOT_LEN, &len, id, flags, payload_len);
    WB_ASSERT(len <= out->message_max);
    set_len(slot, len);
}

size_t wb_xrce_out_emit(struct wb_xrce_out *out, wb_ms now, void *buf, size_t cap)
{
    uint8_t index = 0;
    while (index < out->sent && (out->resend >> index & 1) == 0) {
        index++;
    }
    if (index == out->kept) {
        return 0;
    }
    const uint8_t *slot = slot_of(out, index);
    size_t len = get_len(slot);
    if (len > cap) {
        return 0;
    }
    memcpy(buf, slot + WB_XRCE_SLOT_LEN, len);
    out->resend &= (uint16_t) ~(1u << index);
    if (index == out->sent) {
        out->sent++;
        if (out->heartbeat_at == WB_NEVER) {
            out->heartbeat_at = now + out->heartbeat_ms;
        }
    }
    return len;
}

void wb_xrce_out_acknack(struct wb_xrce_out *out, wb_ms now, const struct wb_xrce_acknack *ack)
{
    uint16_t done = (uint16_t)(ack->first_unacked - out->first);
    if (done > out->sent) {
        return; /* an old one, or nonsense */
    }
    if (done > 0) {
        out->first = ack->first_unacked;
        out->first_slot = (uint8_t)((out->first_slot + done) % out->slots);
        out->kept = (uint8_t)(out->kept - done);
        out->sent = (uint8_t)(out->sent - done);
        out->asked = 0;
        out->heartbeat_at = out->sent > 0 ? now + out->heartbeat_ms : WB_NEVER;
        out->heartbeat_owed = false;
    }
    uint32_t sent_mask = (1u << out->sent) - 1;
    out->resend = (uint16_t)(((uint32_t)out->resend >> done | ack->nacks) & sent_mask);
}

void wb_xrce_out_tick(struct wb_xrce_out *out, wb_ms now)
{
    if (now >= out->heartbeat_at) {
        out->heartbeat_owed = true;
        out->heartbeat_at = now + out->heartbeat_ms;
        out->asked = (uint8_t)(out->asked + (out->asked < UINT8_MAX));
    }
}

struct wb_xrce_heartbeat wb_xrce_out_heartbeat(const struct wb_xrce_out *out)
{
    return (struct wb_xrce_heartbeat){.first_unacked = out->first,
                                      .last_unacked = (uint16_t)(out->first + out->sent - 1),
                                      .stream = WB_XRCE_STREAM_RELIABLE};
}

/* ---- reliable input ----------------------------------------------------------------------- */

void wb_xrce_in_init(struct wb_xrce_in *in, const struct wb_xrce_memory *memory)
{
    WB_ASSERT(memory->in_slots <= WB_XRCE_WINDOW);
    size_t slot_len = memory->in_slots == 0 ? 0 : memory->in_len / memory->in_slots;
    WB_ASSERT(memory->in_slots == 0 || slot_len > WB_XRCE_SLOT_LEN);
    *in = (struct wb_xrce_in){
        .mem = memory->in,
        .assembly = memory->assembly,
        .assembly_cap = memory->assembly == NULL ? 0 : memory->assembly_len,
        .slot_len = (uint16_t)(slot_len > UINT16_MAX ? UINT16_MAX : slot_len),
        .slots = memory->in_slots,
    };
    wb_xrce_in_reset(in);
}

void wb_xrce_in_reset(struct wb_xrce_in *in)
{
    in->expected = 0;
    in->last = UINT16_MAX;
    in->stored = 0;
    in->assembly_len = 0;
    in->ack_owed = false;
    in->assembly_whole = false;
    in->assembly_broken = false;
}

static uint8_t *stored_slot(const struct wb_xrce_in *in, uint16_t index)
{
    return in->mem + (size_t)in->slot_len * ((in->first_slot + index) % in->slots);
}

static void know_of(struct wb_xrce_in *in, uint16_t seq)
{
    if ((uint16_t)(seq - in->expected) < WB_XRCE_WINDOW && (uint16_t)(seq - in->last) < 0x8000) {
        in->last = seq;
    }
}

bool wb_xrce_in_accept(struct wb_xrce_in *in, uint16_t seq, const void *message, size_t len)
{
    uint16_t early = (uint16_t)(seq - in->expected);
    in->ack_owed = true; /* also for a repetition: its acknowledgement may be lost */
    if (early >= 0x8000) {
        return false;
    }
    know_of(in, seq);
    if (early == 0) {
        return true;
    }
    bool fits = early <= in->slots && len + WB_XRCE_SLOT_LEN <= in->slot_len;
    if (fits && (in->stored >> (early - 1) & 1) == 0) {
        uint8_t *slot = stored_slot(in, (uint16_t)(early - 1));
        set_len(slot, len);
        memcpy(slot + WB_XRCE_SLOT_LEN, message, len);
        in->stored |= (uint16_t)(1u << (early - 1));
    }
    return false;
}

const uint8_t *wb_xrce_in_advance(struct wb_xrce_in *in, size_t *len)
{
    in->expected++;
    in->ack_owed = true;
    if (in->slots == 0) {
        return NULL;
    }
    const uint8_t *slot = stored_slot(in, 0);
    bool is_there = (in->stored & 1) != 0;
    in->first_slot = (uint8_t)((in->first_slot + 1) % in->slots);
    in->stored >>= 1;
    *len = is_there ? get_len(slot) : 0;
    return is_there ? slot + WB_XRCE_SLOT_LEN : NULL;
}

void wb_xrce_in_heartbeat(struct wb_xrce_in *in, const struct wb_xrce_heartbeat *heartbeat)
{
    know_of(in, heartbeat->last_unacked);
    in->ack_owed = true;
}

struct wb_xrce_acknack wb_xrce_in_acknack(const struct wb_xrce_in *in)
{
    uint32_t known = (uint16_t)(in->last + 1 - in->expected); /* 0 to WB_XRCE_WINDOW */
    uint32_t missing = ~((uint32_t)in->stored << 1) & ((1u << known) - 1);
    return (struct wb_xrce_acknack){.first_unacked = in->expected,
                                    .nacks = (uint16_t)missing,
                                    .stream = WB_XRCE_STREAM_RELIABLE};
}

enum wb_err wb_xrce_in_fragment(struct wb_xrce_in *in, const struct wb_xrce_sub *sub,
                                bool *is_whole)
{
    *is_whole = false;
    if (in->assembly_whole) {
        in->assembly_whole = false;
        in->assembly_len = 0;
    }
    if (in->assembly_broken || sub->len > in->assembly_cap - in->assembly_len) {
        in->assembly_broken = true;
    } else if (sub->len > 0) {
        memcpy(in->assembly + in->assembly_len, sub->payload, sub->len);
        in->assembly_len += sub->len;
    }
    if ((sub->flags & WB_XRCE_FLAG_LAST_FRAGMENT) == 0) {
        return WB_OK;
    }
    in->assembly_whole = true;
    if (in->assembly_broken) {
        in->assembly_broken = false;
        return WB_ERR_LIMIT;
    }
    *is_whole = true;
    return WB_OK;
}

/* ---- best-effort output ------------------------------------------------------------------- */

void wb_xrce_burst_init(struct wb_xrce_burst *burst, const struct wb_xrce_memory *memory,
                        uint16_t message_max)
{
    *burst = (struct wb_xrce_burst){.mem = memory->burst};
    if (memory->burst != NULL) {
        burst->cap = memory->burst_len < message_max ? memory->burst_len : message_max;
    }
}

enum wb_err wb_xrce_burst_put(struct wb_xrce_burst *burst, const struct wb_xrce_head *head,
                              uint8_t id, uint8_t flags, const struct wb_xrce_piece pieces[2])
{
    size_t head_len = wb_xrce_head_len(head->session) + WB_XRCE_SUB_HEAD_LEN;
    size_t room = burst->cap > head_len ? burst->cap - head_len : 0;
    if (pieces[0].len > room || pieces[1].len > room - pieces[0].len) {
        return WB_ERR_LIMIT;
    }
    size_t payload_len = pieces[0].len + pieces[1].len;
    size_t len = burst->len;
    if (len > 0) {
        bool fits = align4(len) + WB_XRCE_SUB_HEAD_LEN + payload_len <= burst->cap;
        if (head->stream != burst->stream || !fits) {
            return WB_ERR_FULL;
        }
    } else {
        struct wb_xrce_head full = *head;
        full.seq = burst->seq++;
        len = wb_xrce_head_encode(&full, burst->mem);
        burst->stream = head->stream;
    }
    copy_pieces(append_head(burst->mem, &len, id, flags, payload_len), pieces);
    burst->len = (uint16_t)len;
    return WB_OK;
}

size_t wb_xrce_burst_emit(struct wb_xrce_burst *burst, void *buf, size_t cap)
{
    size_t len = burst->len;
    if (len == 0 || len > cap) {
        return 0;
    }
    memcpy(buf, burst->mem, len);
    burst->len = 0;
    return len;
}
