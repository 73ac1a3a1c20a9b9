/* SPDX-License-Identifier: AGPL-3.0-only */
/* The link engine.
 *
 *   board:   IDLE --wb_link_open--> OPENING --OPENED, or any frame of the session--> OPEN --> IDLE
 *   bridge:  IDLE --OPEN--> ASKED --accept--> OPEN --> IDLE          ASKED --refuse--> IDLE
 *   OPEN leaves by CLOSE, by silence (dead_ms), and at the bridge by an OPEN of another session.
 *
 * Sending: payload collects in tx[] until emit seals it (COLLECTING -> SENDING); when its last byte
 * was emitted it waits for its ACK (WAITING) and is sent again by tick. Control frames need no
 * memory: `owed` has a bit for each that is due, and emit builds it when its turn comes. Receiving:
 * bytes collect in rx[] until a delimiter. While rx[] holds payload that was not read, further
 * frames collect in the small rx_control[], so that acknowledgements pass; DATA does not fit there,
 * is dropped, and comes again. Timers: retransmission (sent_at + rto), keepalive (probe_at), dead
 * (heard_at + dead_ms). */
#include "frame.h"

#include <string.h>

enum tx_state { COLLECTING, SENDING, WAITING };

enum { EVENT_CLOSED = 1, EVENT_ASKED = 2, EVENT_OPENED = 4 };

#define BACKOFF_MAX 3
#define RX_TOO_LONG UINT8_MAX /* rx_len of a frame that does not fit; it is passed over */

static void start_session(struct wb_link *link, uint32_t session, enum wb_link_state state,
                          wb_ms now);
static void end_session(struct wb_link *link, enum wb_link_reason reason);
static void handle_frame(struct wb_link *link, wb_ms now, const struct frame *frame);

void wb_link_init(struct wb_link *link, const struct wb_link_cfg *cfg, wb_ms now)
{
    memset(link, 0, sizeof *link);
    link->cfg = *cfg;
    if (cfg->payload_max == 0 || cfg->payload_max > WB_LINK_PAYLOAD_MAX) {
        link->cfg.payload_max = WB_LINK_PAYLOAD_MAX;
    }
    if (cfg->retransmit_ms == 0) {
        link->cfg.retransmit_ms = 200;
    }
    if (cfg->keepalive_ms == 0) {
        link->cfg.keepalive_ms = 15000;
    }
    if (cfg->dead_ms == 0) {
        link->cfg.dead_ms = 3 * link->cfg.keepalive_ms;
    }
    link->heard_at = now;
}

enum wb_link_state wb_link_state(const struct wb_link *link)
{
    return (enum wb_link_state)link->state;
}

static void set_state(struct wb_link *link, enum wb_link_state state)
{
    WB_TRACE(link, "state %d -> %d", link->state, state);
    link->state = (uint8_t)state;
}

static void owe(struct wb_link *link, enum kind kind)
{
    link->owed |= (uint8_t)(1u << kind);
}

static void owe_close(struct wb_link *link, uint32_t session, enum wb_link_reason reason)
{
    link->foreign_session = session;
    link->foreign_reason = (uint8_t)reason;
    owe(link, KIND_CLOSE);
}

/* ---- the user's side ---------------------------------------------------------------------- */

void wb_link_open(struct wb_link *link, uint32_t session, wb_ms now)
{
    WB_ASSERT(link->cfg.opens);
    wb_link_close(link, now);
    link->events = 0;
    start_session(link, session, WB_LINK_OPENING, now);
    owe(link, KIND_OPEN);
}

void wb_link_accept(struct wb_link *link, wb_ms now)
{
    if (link->state == WB_LINK_ASKED) {
        set_state(link, WB_LINK_OPEN);
        link->heard_at = now;
        link->probe_at = now + link->cfg.keepalive_ms;
        owe(link, KIND_OPENED);
    }
}

void wb_link_refuse(struct wb_link *link, wb_ms now)
{
    (void)now;
    if (link->state == WB_LINK_ASKED) {
        set_state(link, WB_LINK_IDLE);
        link->foreign_session = link->session;
        owe(link, KIND_REFUSED);
    }
}

void wb_link_close(struct wb_link *link, wb_ms now)
{
    (void)now;
    if (link->state != WB_LINK_IDLE) {
        end_session(link, WB_LINK_CLOSED_BY_USER);
        link->events = 0;
        owe_close(link, link->session, WB_LINK_CLOSED_BY_USER);
    }
}

bool wb_link_next(struct wb_link *link, struct wb_link_event *event)
{
    if ((link->events & EVENT_CLOSED) != 0) { /* always of an earlier session than the others */
        link->events &= (uint8_t)~EVENT_CLOSED;
        event->kind = WB_LINK_EVENT_CLOSED;
        event->reason = (enum wb_link_reason)link->close_reason;
        return true;
    }
    if (link->events == 0) {
        return false;
    }
    event->kind = (link->events & EVENT_ASKED) != 0 ? WB_LINK_EVENT_ASKED : WB_LINK_EVENT_OPENED;
    event->reason = WB_LINK_CLOSED_BY_USER;
    link->events = 0;
    return true;
}

enum wb_err wb_link_write(struct wb_link *link, const void *data, size_t len, size_t *taken)
{
    if (link->state != WB_LINK_OPEN) {
        return WB_ERR_CLOSED;
    }
    size_t room = link->tx_state == COLLECTING ? (size_t)(link->cfg.payload_max - link->tx_len) : 0;
    size_t take = len < room ? len : room;
    if (take > 0) {
        memcpy(link->tx + FRAME_PAYLOAD + link->tx_len, data, take);
        link->tx_len = (uint8_t)(link->tx_len + take);
    }
    *taken = take;
    return WB_OK;
}

void wb_link_read(struct wb_link *link, const uint8_t **data, size_t *len)
{
    *data = link->rx + link->payload_at;
    *len = link->payload_len;
}

void wb_link_read_done(struct wb_link *link, size_t len)
{
    if (link->payload_len == 0) {
        return; /* the session ended in between */
    }
    WB_ASSERT(len <= link->payload_len);
    link->payload_at = (uint8_t)(link->payload_at + len);
    link->payload_len = (uint8_t)(link->payload_len - len);
    if (link->payload_len == 0) {
        link->rx_seq++;
        owe(link, KIND_ACK);
    }
}

bool wb_link_is_flushed(const struct wb_link *link)
{
    return link->tx_state == COLLECTING && link->tx_len == 0;
}

/* ---- sessions ----------------------------------------------------------------------------- */

static void start_session(struct wb_link *link, uint32_t session, enum wb_link_state state,
                          wb_ms now)
{
    set_state(link, state);
    link->session = session;
    link->heard_at = now;
    link->sent_at = now;
    link->probe_at = now + link->cfg.keepalive_ms;
    link->backoff = 0;
    link->tx_seq = 0;
    link->rx_seq = 0;
}

/* Forgets the session's bytes and tells the user, unless it never heard of the session. */
static void end_session(struct wb_link *link, enum wb_link_reason reason)
{
    set_state(link, WB_LINK_IDLE);
    link->owed = 0;
    link->tx_state = COLLECTING;
    link->tx_len = 0;
    link->tx_at = 0;
    link->payload_len = 0;
    if ((link->events & EVENT_ASKED) != 0) {
        link->events &= (uint8_t)~EVENT_ASKED;
        return;
    }
    link->events = EVENT_CLOSED;
    link->close_reason = (uint8_t)reason;
}

/* ---- the line: in ------------------------------------------------------------------------- */

static void end_of_frame(struct wb_link *link, wb_ms now)
{
    uint8_t len = link->rx_len;
    struct frame frame;
    link->rx_len = 0;
    if (len == 0) {
        return;
    }
    if (len == RX_TOO_LONG) {
        /* Beside unread payload that is most likely its repetition: say that we live, but are busy.
         */
        if (link->rx_aside && link->payload_len > 0) {
            owe(link, KIND_ACK);
        } else if (!link->rx_aside) {
            link->frames_damaged++;
        }
        return;
    }
    if (!frame_decode(link->rx_aside ? link->rx_control : link->rx, len, &frame)) {
        link->frames_damaged++;
        return;
    }
    handle_frame(link, now, &frame);
}

void wb_link_feed(struct wb_link *link, wb_ms now, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == 0) {
            end_of_frame(link, now);
            continue;
        }
        if (link->rx_len == 0) {
            link->rx_aside = link->payload_len > 0;
        }
        size_t cap = link->rx_aside ? sizeof link->rx_control : sizeof link->rx;
        if (link->rx_len >= cap) {
            link->rx_len = RX_TOO_LONG;
            continue;
        }
        (link->rx_aside ? link->rx_control : link->rx)[link->rx_len++] = bytes[i];
    }
}

static void handle_open(struct wb_link *link, wb_ms now, const struct frame *frame)
{
    if (link->cfg.opens) {
        return;
    }
    if (link->state != WB_LINK_IDLE && frame->session == link->session) {
        link->heard_at = now;
        if (link->state == WB_LINK_OPEN) {
            owe(link, KIND_OPENED); /* ours was lost */
        }
        return;
    }
    if (link->state != WB_LINK_IDLE) {
        end_session(link, WB_LINK_RESTARTED);
    }
    start_session(link, frame->session, WB_LINK_ASKED, now);
    link->events |= EVENT_ASKED;
}

static void handle_data(struct wb_link *link, const struct frame *frame)
{
    bool is_new = frame->seq == link->rx_seq && link->payload_len == 0;
    /* A frame collected aside is as short as its payload, but lies in the wrong buffer: as if lost.
     */
    if (is_new && frame->len > 0 && !link->rx_aside) {
        link->payload_at = (uint8_t)(frame->payload - link->rx);
        link->payload_len = frame->len;
    } else {
        owe(link, KIND_ACK); /* ours was lost, or the payload is not read yet */
    }
}

static void handle_ack(struct wb_link *link, const struct frame *frame)
{
    bool in_flight = link->tx_state != COLLECTING;
    if (in_flight && frame->seq == link->tx_seq) {
        link->tx_state = COLLECTING; /* a repetition under way is cut; the peer has it already */
        link->tx_len = 0;
        link->tx_at = 0;
        link->tx_seq++;
        link->backoff = 0;
    }
}

static void handle_frame(struct wb_link *link, wb_ms now, const struct frame *frame)
{
    if (frame->kind == KIND_OPEN) {
        handle_open(link, now, frame);
        return;
    }
    bool ours = frame->session == link->session && link->state != WB_LINK_IDLE &&
                link->state != WB_LINK_ASKED;
    if (!ours) {
        if (frame->kind != KIND_CLOSE && frame->kind != KIND_REFUSED) {
            owe_close(link, frame->session, WB_LINK_RESTARTED);
        } else if (frame->kind == KIND_CLOSE && link->state == WB_LINK_ASKED &&
                   frame->session == link->session) {
            end_session(link, WB_LINK_CLOSED_BY_USER);
        }
        return;
    }
    link->heard_at = now;
    link->probe_at = now + link->cfg.keepalive_ms;
    if (frame->kind == KIND_CLOSE) {
        bool known = frame->len == 1 && frame->payload[0] == WB_LINK_CLOSED_BY_USER;
        end_session(link, known ? WB_LINK_CLOSED_BY_USER : WB_LINK_RESTARTED);
        return;
    }
    if (frame->kind == KIND_REFUSED) {
        if (link->state == WB_LINK_OPENING) {
            end_session(link, WB_LINK_REFUSED);
        }
        return;
    }
    if (link->state == WB_LINK_OPENING) { /* OPENED, or what the peer sent after a lost one */
        set_state(link, WB_LINK_OPEN);
        link->owed &= (uint8_t) ~(1u << KIND_OPEN);
        link->backoff = 0;
        link->events |= EVENT_OPENED;
    }
    if (frame->kind == KIND_DATA) {
        handle_data(link, frame);
    } else if (frame->kind == KIND_ACK) {
        handle_ack(link, frame);
    } else if (frame->kind == KIND_PROBE) {
        owe(link, KIND_ACK);
    }
}

/* ---- the line: out ------------------------------------------------------------------------ */

/* Builds the control frame that is owed and comes first; false when none is. */
static bool build_control(struct wb_link *link, wb_ms now)
{
    static const uint8_t order[] = {KIND_CLOSE,  KIND_REFUSED, KIND_OPEN,
                                    KIND_OPENED, KIND_ACK,     KIND_PROBE};
    uint8_t *payload = link->control + FRAME_PAYLOAD;
    for (size_t i = 0; i < sizeof order; i++) {
        enum kind kind = (enum kind)order[i];
        if ((link->owed & 1u << kind) == 0) {
            continue;
        }
        link->owed &= (uint8_t) ~(1u << kind);
        uint32_t session = link->session;
        uint8_t seq = 0;
        uint8_t len = 0;
        if (kind == KIND_CLOSE || kind == KIND_REFUSED) {
            session = link->foreign_session;
            payload[0] = link->foreign_reason;
            len = kind == KIND_CLOSE ? 1 : 0;
        } else if (kind == KIND_OPEN) {
            link->sent_at = now;
        } else if (kind == KIND_ACK) {
            seq = (uint8_t)(link->rx_seq - 1);
            payload[0] = link->payload_len == 0;
            len = 1;
        }
        link->control_len = frame_encode(link->control, kind, session, seq, len);
        link->control_at = 0;
        return true;
    }
    return false;
}

/* Copies what is left of a frame; returns how many bytes. */
static size_t copy_out(uint8_t *out, size_t cap, const uint8_t *frame, uint8_t len, uint8_t *at)
{
    size_t take = (size_t)(len - *at) < cap ? (size_t)(len - *at) : cap;
    memcpy(out, frame + *at, take);
    *at = (uint8_t)(*at + take);
    return take;
}

size_t wb_link_emit(struct wb_link *link, wb_ms now, void *buf, size_t cap)
{
    uint8_t *out = buf;
    size_t len = 0;
    while (len < cap) {
        bool data_begun = link->tx_state == SENDING && link->tx_at > 0;
        if (link->control_at < link->control_len || (!data_begun && build_control(link, now))) {
            len +=
                copy_out(out + len, cap - len, link->control, link->control_len, &link->control_at);
            continue;
        }
        if (link->state != WB_LINK_OPEN) {
            break;
        }
        if (link->tx_state == COLLECTING && link->tx_len > 0) {
            link->tx_len =
                frame_encode(link->tx, KIND_DATA, link->session, link->tx_seq, link->tx_len);
            link->tx_state = SENDING;
        }
        if (link->tx_state != SENDING) {
            break;
        }
        len += copy_out(out + len, cap - len, link->tx, link->tx_len, &link->tx_at);
        if (link->tx_at == link->tx_len) {
            link->tx_state = WAITING;
            link->sent_at = now;
        }
    }
    return len;
}

/* ---- time --------------------------------------------------------------------------------- */

/* When what was sent is sent again; WB_NEVER when nothing waits for an answer. */
static wb_ms resend_at(const struct wb_link *link)
{
    bool waits = link->state == WB_LINK_OPENING ? (link->owed & 1u << KIND_OPEN) == 0
                                                : link->tx_state == WAITING;
    return waits ? link->sent_at + ((wb_ms)link->cfg.retransmit_ms << link->backoff) : WB_NEVER;
}

wb_ms wb_link_due(const struct wb_link *link)
{
    wb_ms due = WB_NEVER;
    switch ((enum wb_link_state)link->state) {
    case WB_LINK_IDLE: break;
    case WB_LINK_OPENING: due = resend_at(link); break;
    case WB_LINK_ASKED: due = link->heard_at + link->cfg.dead_ms; break;
    case WB_LINK_OPEN:
        due = wb_ms_min(resend_at(link), link->probe_at);
        due = wb_ms_min(due, link->heard_at + link->cfg.dead_ms);
        break;
    }
    return due;
}

void wb_link_tick(struct wb_link *link, wb_ms now)
{
    if (now < wb_link_due(link)) {
        return;
    }
    if (link->state != WB_LINK_OPENING && now >= link->heard_at + link->cfg.dead_ms) {
        end_session(link, WB_LINK_DEAD);
        return;
    }
    if (now >= resend_at(link)) {
        link->frames_repeated++;
        link->backoff = link->backoff < BACKOFF_MAX ? link->backoff + 1 : BACKOFF_MAX;
        if (link->state == WB_LINK_OPENING) {
            owe(link, KIND_OPEN);
        } else {
            link->tx_state = SENDING;
            link->tx_at = 0;
        }
    }
    if (link->state == WB_LINK_OPEN && now >= link->probe_at) {
        owe(link, KIND_PROBE);
        link->probe_at = now + link->cfg.keepalive_ms / 4 + 1;
    }
}
