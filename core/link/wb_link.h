/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_link.h: a reliable byte stream over a UART, beneath TLS. The same engine at both ends.
 * Shape    engine: feed, emit, tick, due, next; wb_link_write and wb_link_read are the stream
 * Line     may lose, damage, insert and double bytes and be cut and joined again at any time;
 *          either end may restart at any time
 * Frames   0x00, COBS(kind, session, sequence number, payload, CRC-32), 0x00
 * Flow     stop-and-wait in each direction. A frame is acknowledged when its payload has been
 *          read, so a receiver that is busy (erasing flash) holds the sender by not reading;
 *          repetitions do no harm
 * Roles    the board opens with a session id of its own choice, the bridge accepts or refuses.
 *          A frame of another session is answered with CLOSE, so the survivor of a restart
 *          notices at once
 * Timers   retransmission (doubles up to 8 times retransmit_ms), keepalive when nothing was
 *          heard for keepalive_ms, dead after dead_ms without a valid frame. An idle link wakes
 *          for keepalive only
 * Memory   no heap; 392 bytes an end (32-bit) with payloads up to WB_LINK_PAYLOAD_MAX
 * Errors   line noise is never an error, it is counted; a dead or vanished peer is the event
 *          CLOSED
 * Source   docs/spec/link.md
 */
#ifndef WB_LINK_H
#define WB_LINK_H

#include "wb_base.h"

#define WB_LINK_PAYLOAD_MAX 128u
#define WB_LINK_CONTROL_MAX 14u /* bytes on the line of a frame without payload */
#define WB_LINK_FRAME_MAX   (WB_LINK_CONTROL_MAX + WB_LINK_PAYLOAD_MAX)

struct wb_link_cfg {
    bool opens;          /* true: board, calls wb_link_open; false: bridge, calls wb_link_accept */
    uint8_t payload_max; /* bytes a frame that this end sends; 0 or more than 128: 128 */
    uint16_t retransmit_ms; /* first repetition of an unanswered frame; 0: 200 */
    uint32_t keepalive_ms;  /* silence after which the peer is asked for a sign of life; 0: 15 s */
    uint32_t dead_ms;       /* silence after which it is given up; 0: three times keepalive_ms */
};

enum wb_link_reason {
    WB_LINK_CLOSED_BY_USER = 0, /* this or the other end called wb_link_close */
    WB_LINK_REFUSED = 1,        /* the bridge did not accept (no gateway behind it) */
    WB_LINK_RESTARTED =
        2,            /* the other end restarted: it does not know the session or opened another */
    WB_LINK_DEAD = 3, /* nothing valid was heard for dead_ms */
};

enum wb_link_state {
    WB_LINK_IDLE,    /* no session: open it (board), or wait for the peer to (bridge) */
    WB_LINK_OPENING, /* board: OPEN is being sent */
    WB_LINK_ASKED,   /* bridge: answer with wb_link_accept or wb_link_refuse */
    WB_LINK_OPEN,    /* the stream runs */
};

enum wb_link_event_kind {
    WB_LINK_EVENT_ASKED,  /* bridge: a board opens a session; accept it when the far side is reached
                           */
    WB_LINK_EVENT_OPENED, /* board: accepted */
    WB_LINK_EVENT_CLOSED, /* the session is over; unread and unsent bytes are gone */
};

struct wb_link_event {
    enum wb_link_event_kind kind;
    enum wb_link_reason reason; /* CLOSED only */
};

struct wb_link { /* private */
    struct wb_link_cfg cfg;
    wb_ms heard_at; /* last valid frame of this session */
    wb_ms sent_at;  /* last frame that wants an answer */
    wb_ms probe_at; /* next PROBE */
    uint32_t session;
    uint32_t foreign_session; /* session that CLOSE or REFUSED is owed for */
    uint32_t frames_damaged;  /* counters, readable by anyone */
    uint32_t frames_repeated;
    uint8_t state;
    uint8_t events;         /* pending, as bits */
    uint8_t close_reason;   /* of the pending event CLOSED */
    uint8_t foreign_reason; /* of the CLOSE owed */
    uint8_t owed;           /* control frames to be sent, as bits of their kinds */
    uint8_t backoff;        /* doublings of the retransmission time, 0 to 3 */
    uint8_t tx_state;       /* collecting, sending, waiting */
    uint8_t tx_seq;
    uint8_t tx_len; /* payload collected, or length of the encoded frame */
    uint8_t tx_at;  /* bytes of the frame already emitted */
    uint8_t control_len;
    uint8_t control_at;
    uint8_t rx_seq;     /* sequence number expected next */
    uint8_t rx_len;     /* bytes collected of the frame being received */
    bool rx_aside;      /* it is collected in rx_control, because rx holds unread payload */
    uint8_t payload_at; /* unread payload in rx */
    uint8_t payload_len;
    uint8_t tx[WB_LINK_FRAME_MAX];
    uint8_t rx[WB_LINK_FRAME_MAX];
    uint8_t control[WB_LINK_CONTROL_MAX];
    uint8_t rx_control[WB_LINK_CONTROL_MAX];
};

void wb_link_init(struct wb_link *link, const struct wb_link_cfg *cfg, wb_ms now);

enum wb_link_state wb_link_state(const struct wb_link *link);

/* Board: starts a session, closing the one before. session must differ from every earlier one of
 * this board that the peer may remember: random, or counted across restarts. OPEN is repeated until
 * the peer answers; there is no deadline: close it when patience ends. */
void wb_link_open(struct wb_link *link, uint32_t session, wb_ms now);

/* Bridge: answers the pending request; without effect in another state than WB_LINK_ASKED. */
void wb_link_accept(struct wb_link *link, wb_ms now);
void wb_link_refuse(struct wb_link *link, wb_ms now);

/* Ends the session at once: what was written and not yet acknowledged is dropped (see
 * wb_link_is_flushed). The peer is told once; if that is lost it notices at its next frame. Raises
 * no event here. */
void wb_link_close(struct wb_link *link, wb_ms now);

/* Bytes came from the line, of any split; all are consumed. */
void wb_link_feed(struct wb_link *link, wb_ms now, const void *data, size_t len);

/* Writes bytes for the line, any cap; returns how many, 0 when there is nothing to send now. */
size_t wb_link_emit(struct wb_link *link, wb_ms now, void *buf, size_t cap);

/* A deadline passed; early or twice is harmless. */
void wb_link_tick(struct wb_link *link, wb_ms now);

/* Next time tick has something to do; WB_NEVER without a session. Not affected by bytes waiting in
 * emit. */
wb_ms wb_link_due(const struct wb_link *link);

/* Takes the next event; false when there is none. */
bool wb_link_next(struct wb_link *link, struct wb_link_event *event);

/* Takes up to len bytes for the peer and says how many (0 while a frame is on its way: come back
 * after feed). Bytes of several writes share a frame until emit takes it. Outcomes: WB_ERR_CLOSED
 * the session is not open. */
enum wb_err wb_link_write(struct wb_link *link, const void *data, size_t len, size_t *taken);

/* Borrows the received bytes that were not read yet, until wb_link_read_done or a CLOSED event;
 * *len is 0 when there are none. */
void wb_link_read(struct wb_link *link, const uint8_t **data, size_t *len);
/* len bytes of them are dealt with. After the last one the frame is acknowledged and the peer sends
 * on. */
void wb_link_read_done(struct wb_link *link, size_t len);

/* True when all that was written was acknowledged, i.e. read by the peer. */
bool wb_link_is_flushed(const struct wb_link *link);

#endif
