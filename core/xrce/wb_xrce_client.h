/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_xrce_client.h: the client's end of an XRCE session (a device, a vehicle simulator).
 * Shape    engine: feed, emit, tick, due, next; requests are functions
 * Flow     open -> OPENED -> create … each answered by STATUS -> write, read -> DATA -> close
 * Messages whole ones: a datagram, or what a framing of wb_xrce.h gives
 * Line     may lose, double and reorder messages: reliable requests and samples survive that,
 *          best-effort samples may be lost but are never handed over twice or late
 * Limits   one reliable and one best-effort stream each way; a description must fit into one slot
 * Memory   no heap; 176 bytes a client (32-bit) and the buffers of struct wb_xrce_memory
 * Errors   bad bytes from the agent are dropped and counted
 * Source   OMG DDS-XRCE 1.0 §8; behaviour of Micro XRCE-DDS 2.4
 */
#ifndef WB_XRCE_CLIENT_H
#define WB_XRCE_CLIENT_H

#include "wb_xrce_stream.h"

struct wb_xrce_client_cfg {
    struct wb_xrce_memory memory;
    uint8_t key[WB_XRCE_KEY_LEN]; /* must differ from every other client's of the agent; not 0 */
    uint8_t session;              /* 0: WB_XRCE_SESSION_DEFAULT. Below 128 the key travels in each
                                     message, for transports without addresses */
    uint16_t mtu;                 /* largest message of the transport, at least 64; 0: 512 */
    uint16_t retry_ms;            /* repetition of open, close and ping; 0: 1000 */
    uint16_t heartbeat_ms;        /* repeated while reliable data is unacknowledged; 0: 200 */
    uint32_t keepalive_ms; /* silence after which the agent is pinged; after three pings without
                              answer LOST comes; 0: 2000 */
};

enum wb_xrce_client_state {
    WB_XRCE_CLIENT_CLOSED,
    WB_XRCE_CLIENT_OPENING, /* CREATE_CLIENT is repeated until answered; stop it with close */
    WB_XRCE_CLIENT_OPEN,
    WB_XRCE_CLIENT_CLOSING, /* DELETE is repeated, at most three times */
};

enum wb_xrce_client_event_kind {
    WB_XRCE_CLIENT_OPENED,
    WB_XRCE_CLIENT_REFUSED,    /* .status says why; closed */
    WB_XRCE_CLIENT_SHUT,       /* after close: the agent confirmed, or three tries passed */
    WB_XRCE_CLIENT_LOST,       /* the agent is silent; closed, all objects are gone: open anew */
    WB_XRCE_CLIENT_GOT_STATUS, /* .request .object .status: answer to create, delete, read */
    WB_XRCE_CLIENT_GOT_DATA,   /* .request .object .data: a sample */
    WB_XRCE_CLIENT_GOT_PONG,   /* the agent answered ping */
    WB_XRCE_CLIENT_GOT_TIME,   /* .offset_ns */
    WB_XRCE_CLIENT_DROPPED,    /* a fragmented sample exceeded memory.assembly */
};

struct wb_xrce_client_event {
    enum wb_xrce_client_event_kind kind;
    uint8_t status; /* enum wb_xrce_status_code */
    uint16_t request;
    uint16_t object;
    int64_t offset_ns;        /* agent's clock minus own clock */
    struct wb_xrce_data data; /* borrows the message until the next call of next or feed */
};

struct wb_xrce_client { /* private, except counters */
    struct wb_xrce_out out;
    struct wb_xrce_in in;
    struct wb_xrce_burst burst;
    struct wb_xrce_walk walk;  /* over the message being processed */
    struct wb_xrce_walk parts; /* over what was joined from fragments */
    wb_ms retry_at;            /* open, close; WB_NEVER */
    wb_ms heard_at;            /* last message of this session */
    wb_ms now;                 /* of the last call */
    int64_t clock_ns;          /* own clock as set by wb_xrce_client_clock */
    wb_ms clock_at;
    uint32_t keepalive_ms;
    uint32_t messages_dropped; /* foreign, malformed, or not expected */
    uint16_t retry_ms;
    uint16_t mtu;
    uint16_t request;        /* last request id used */
    uint16_t burst_expected; /* best-effort input: next sequence number */
    uint8_t key[WB_XRCE_KEY_LEN];
    uint8_t session;
    uint8_t state;
    uint8_t owed;   /* control messages, as bits */
    uint8_t events; /* pending, as bits */
    uint8_t refused_status;
    uint8_t tries;     /* of close */
    uint8_t pings;     /* unanswered */
    uint8_t rx_stream; /* of the message being processed */
    bool is_busy;      /* a message is being processed */
    bool in_parts;
};

/* Keeps the memory of cfg, copies the rest. */
void wb_xrce_client_init(struct wb_xrce_client *client, const struct wb_xrce_client_cfg *cfg,
                         wb_ms now);

enum wb_xrce_client_state wb_xrce_client_state(const struct wb_xrce_client *client);

/* Sets the own clock in nanoseconds (of any origin) for time synchronisation: call it just before
 * feed and emit where better than a millisecond is wanted. Without it the clock is now. */
void wb_xrce_client_clock(struct wb_xrce_client *client, wb_ms now, int64_t clock_ns);

/* Starts a session; the agent forgets an earlier one of the same key. Outcomes: ERR_STATE when not
 * closed. */
enum wb_err wb_xrce_client_open(struct wb_xrce_client *client, wb_ms now) WB_MUST_USE;
/* Ends it politely: SHUT follows. Without effect when closed. */
void wb_xrce_client_close(struct wb_xrce_client *client, wb_ms now);

/* Requests go over the reliable stream; each is answered by GOT_STATUS with *request (may be NULL).
 * Outcomes of all: ERR_STATE not open; ERR_FULL the stream's slots are taken: come back after feed;
 * ERR_LIMIT can never fit. */

/* Creates an object from a description in BIN. parent is 0 for a participant. flags:
 * WB_XRCE_FLAG_REUSE and WB_XRCE_FLAG_REPLACE. */
enum wb_err wb_xrce_client_create(struct wb_xrce_client *client, uint16_t object, uint16_t parent,
                                  uint8_t flags, const struct wb_xrce_description *description,
                                  int16_t domain, uint16_t *request) WB_MUST_USE;
/* The same from XML or the name of a profile (representation XML or REF). */
enum wb_err wb_xrce_client_create_text(struct wb_xrce_client *client, uint16_t object,
                                       uint16_t parent, uint8_t flags, uint8_t representation,
                                       struct wb_cdr_str text, int16_t domain,
                                       uint16_t *request) WB_MUST_USE;
enum wb_err wb_xrce_client_delete(struct wb_xrce_client *client, uint16_t object,
                                  uint16_t *request) WB_MUST_USE;
/* Asks a reader, requester or replier for samples on stream (WB_XRCE_STREAM_RELIABLE or
 * _BEST_EFFORT). delivery NULL: one sample; samples_max 0: stop. A good request has no answer but
 * the samples, each with *request. */
enum wb_err wb_xrce_client_read(struct wb_xrce_client *client, uint16_t object, uint8_t stream,
                                const struct wb_xrce_delivery *delivery,
                                uint16_t *request) WB_MUST_USE;

/* Sends a sample (little-endian CDR without encapsulation header) through a writer, requester or
 * replier. There is no answer; a requester's reply names *request. Best effort: it must fit into
 * one message, and waits in memory.burst for emit. */
enum wb_err wb_xrce_client_write(struct wb_xrce_client *client, uint16_t object, uint8_t stream,
                                 const void *data, size_t len, uint16_t *request) WB_MUST_USE;

/* True when everything reliable was acknowledged. */
bool wb_xrce_client_is_flushed(const struct wb_xrce_client *client);

/* Asks the agent for a sign of life: GOT_PONG. Works without a session, too. Sent once. */
void wb_xrce_client_ping(struct wb_xrce_client *client, wb_ms now);
/* Asks for the agent's time: GOT_TIME. Sent once; repeat it as precision wants. */
void wb_xrce_client_sync(struct wb_xrce_client *client, wb_ms now);

/* A message arrived. Borrows it until next has returned false; feed must not be called before. */
void wb_xrce_client_feed(struct wb_xrce_client *client, wb_ms now, const void *message, size_t len);
/* Takes the next event; false: the message fed is done with. */
bool wb_xrce_client_next(struct wb_xrce_client *client, struct wb_xrce_client_event *event);
/* Writes one message; 0 when there is none. cap must be the mtu at least. */
size_t wb_xrce_client_emit(struct wb_xrce_client *client, wb_ms now, void *buf, size_t cap);
void wb_xrce_client_tick(struct wb_xrce_client *client, wb_ms now);
wb_ms wb_xrce_client_due(const struct wb_xrce_client *client);

#endif
