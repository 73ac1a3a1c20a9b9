/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_xrce_agent.h: the agent's end: one proxy engine a client, and a table that finds it.
 * Shape    engine: feed, emit, tick, due, next; answers and samples are functions
 * Flow     feed -> next: CONNECTED, CREATE -> answer, WRITE, READ -> deliver …, DELETE -> answer
 * Does     STATUS_AGENT, INFO and TIMESTAMP_REPLY, streams, the object table (ids, parents, reuse
 *          and replace), delivery control, by itself
 * Leaves   names, permissions and DDS to its user, who sees every creation before it is confirmed
 * Limits   objects of the caller's table; one reliable stream each way (messages on others are
 *          dropped); FORMAT_DATA only
 * Memory   no heap; 272 bytes a proxy and 40 an object (64-bit), and the buffers of
 *          struct wb_xrce_memory
 * Errors   bad messages are dropped and counted, bad requests are answered by STATUS
 * Source   OMG DDS-XRCE 1.0 §8; behaviour of the reference agent 2.3
 */
#ifndef WB_XRCE_AGENT_H
#define WB_XRCE_AGENT_H

#include "wb_xrce_stream.h"

struct wb_xrce_object { /* private; the caller gives an array */
    wb_ms read_until;   /* READ_DATA ends; WB_NEVER */
    wb_ms read_at;      /* no sample before (pace, byte rate) */
    uint32_t digest;    /* of the description, to tell equal from different */
    uint16_t id;        /* 0: free */
    uint16_t parent;
    uint16_t create_request; /* that an error answer undoes */
    uint16_t read_request;
    uint16_t read_samples; /* still wanted; WB_XRCE_SAMPLES_UNLIMITED */
    uint16_t read_pace_ms;
    uint16_t read_rate; /* bytes a second; 0: unlimited */
    uint8_t read_stream;
    bool is_reading;
};

struct wb_xrce_proxy_cfg {
    struct wb_xrce_memory memory;
    struct wb_xrce_object *objects; /* kept; contents need not be set */
    uint16_t objects_cap;
    uint16_t mtu;          /* largest message to send; 0: 512. The client's own limit counts, too */
    uint16_t heartbeat_ms; /* 0: 200 */
    uint32_t silent_ms;    /* no heartbeats to a client not heard of for so long; 0: 30,000 */
};

enum wb_xrce_proxy_event_kind {
    WB_XRCE_PROXY_CONNECTED,    /* .client; all earlier objects are gone (unless .is_resumed) */
    WB_XRCE_PROXY_DISCONNECTED, /* the client closed: all objects are gone */
    WB_XRCE_PROXY_CREATE,       /* .create, .description: answer it */
    WB_XRCE_PROXY_DELETE,       /* .object is gone; answer it unless .is_implied */
    WB_XRCE_PROXY_WRITE,        /* .data: a sample of .object */
    WB_XRCE_PROXY_READ,         /* .read: samples are wanted (or no longer); deliver serves it */
    WB_XRCE_PROXY_DROPPED,      /* a fragmented submessage exceeded memory.assembly */
};

struct wb_xrce_proxy_event { /* borrows the message until the next call of next or feed */
    enum wb_xrce_proxy_event_kind kind;
    uint16_t request;
    uint16_t object;
    bool is_implied; /* DELETE: a child of a deleted object, or replaced by the CREATE that follows
                      */
    bool is_resumed; /* CONNECTED: same key and session, the objects live on, streams begin anew */
    uint8_t stream;  /* that the submessage came on */
    union {
        struct wb_xrce_create_client client;
        struct {
            struct wb_xrce_create create;
            struct wb_xrce_description description;
        } creation;
        struct wb_xrce_data data;
        struct wb_xrce_read_data read;
    } of;
};

struct wb_xrce_proxy { /* private, except peer, key, is_connected, heard_at and counters */
    uint64_t peer;     /* address in the caller's terms, for struct wb_xrce_agent; 0: free */
    struct wb_xrce_out out;
    struct wb_xrce_in in;
    struct wb_xrce_burst burst;
    struct wb_xrce_walk walk;
    struct wb_xrce_walk parts;
    struct wb_xrce_time asked_originate; /* TIMESTAMP to be answered */
    struct wb_xrce_time asked_receive;
    wb_ms heard_at;   /* last message of the session */
    wb_ms created_at; /* last CREATE_CLIENT that began a session */
    wb_ms now;
    wb_ms clock_at;
    int64_t clock_ns;
    struct wb_xrce_object *objects;
    struct wb_xrce_sub replacing; /* CREATE that waits for the deletion of its predecessor */
    uint32_t messages_dropped;    /* foreign, malformed, or without room for their answers */
    uint32_t answers_dropped;     /* found no room in the reliable stream */
    uint32_t silent_ms;
    uint16_t objects_cap;
    uint16_t mtu_cfg;
    uint16_t slot_message_max;
    uint16_t burst_cap;
    uint16_t burst_expected;
    uint16_t info_request;   /* GET_INFO to be answered */
    uint16_t close_request;  /* DELETE of the client to be answered */
    uint16_t deleting;       /* object whose children are being deleted; 0: none */
    uint16_t delete_request; /* that asked for it */
    uint8_t key[WB_XRCE_KEY_LEN];
    uint8_t answer_key[WB_XRCE_KEY_LEN]; /* of CREATE_CLIENT and session-less GET_INFO */
    uint8_t session;
    uint8_t answer_session; /* of CREATE_CLIENT */
    uint8_t info_session;
    uint8_t owed; /* control messages, as bits */
    uint8_t create_status;
    uint8_t rx_session;
    uint8_t rx_stream;
    bool is_connected;
    bool is_busy;
    bool in_parts;
    bool is_replacing; /* the deletion under way makes room for the CREATE in replacing */
};

/* Keeps cfg's buffers and table, copies the rest. */
void wb_xrce_proxy_init(struct wb_xrce_proxy *proxy, const struct wb_xrce_proxy_cfg *cfg,
                        wb_ms now);

/* Sets wall time in nanoseconds since 1970 for TIMESTAMP_REPLY; call it just before feed and emit.
 * Without it the time told is now. */
void wb_xrce_proxy_clock(struct wb_xrce_proxy *proxy, wb_ms now, int64_t unix_ns);

/* A message arrived. Borrows it until next has returned false; feed must not be called before. */
void wb_xrce_proxy_feed(struct wb_xrce_proxy *proxy, wb_ms now, const void *message, size_t len);
bool wb_xrce_proxy_next(struct wb_xrce_proxy *proxy, struct wb_xrce_proxy_event *event);

/* Answers a CREATE or DELETE with a status code, once each, now or later. A CREATE answered with an
 * error removes the object again. Also refuses a READ (then the request ends) or WRITE, where the
 * reference agent would stay silent. */
void wb_xrce_proxy_answer(struct wb_xrce_proxy *proxy, uint16_t request, uint16_t object,
                          uint8_t status);
/* Answers CONNECTED with an error and forgets the client; emit sends the answer. */
void wb_xrce_proxy_refuse(struct wb_xrce_proxy *proxy, uint8_t status);

/* True when a READ_DATA of the object waits for samples. */
bool wb_xrce_proxy_is_reading(const struct wb_xrce_proxy *proxy, uint16_t object, wb_ms now);
/* Sends a sample (little-endian CDR without encapsulation header; for repliers and requesters with
 * its identity in front) to the READ_DATA of a reader, replier or requester.
 * Outcomes: ERR_NOT_FOUND nobody asks; ERR_STATE not now (pace or byte rate): drop it or come back;
 * ERR_FULL come back after emit or feed; ERR_LIMIT longer than can be sent. */
enum wb_err wb_xrce_proxy_deliver(struct wb_xrce_proxy *proxy, wb_ms now, uint16_t object,
                                  const void *data, size_t len) WB_MUST_USE;

/* Writes one message; 0 when there is none. cap must be the mtu at least. */
size_t wb_xrce_proxy_emit(struct wb_xrce_proxy *proxy, wb_ms now, void *buf, size_t cap);
void wb_xrce_proxy_tick(struct wb_xrce_proxy *proxy, wb_ms now);
wb_ms wb_xrce_proxy_due(const struct wb_xrce_proxy *proxy);

/* ---- many clients on one transport -------------------------------------------------------- */

struct wb_xrce_agent { /* private */
    struct wb_xrce_proxy *proxies;
    size_t count;
};

/* Keeps an array of initialised proxies. A search is linear: meant for hundreds, not for thousands;
 * transports with one client a connection need no table. */
void wb_xrce_agent_init(struct wb_xrce_agent *agent, struct wb_xrce_proxy *proxies, size_t count);
/* Finds the proxy that a message from peer (not 0) is for: by peer, or by the key in its header; a
 * CREATE_CLIENT gets that of its key, which moves to peer, or one that is free or whose client is
 * gone. Whoever knows a key can take its client over: check a CREATE_CLIENT's
 * key against the allow-list before (wb_xrce_peek).
 * Outcomes: ERR_NOT_FOUND unknown client: drop; ERR_FULL no free proxy; ERR_END malformed. */
enum wb_err wb_xrce_agent_route(struct wb_xrce_agent *agent, uint64_t peer, const void *message,
                                size_t len, struct wb_xrce_proxy **proxy) WB_MUST_USE;
/* Gives back the proxy of a client that is gone; its objects are forgotten without events. */
void wb_xrce_proxy_forget(struct wb_xrce_proxy *proxy);

/* True when the message is a CREATE_CLIENT; out is filled then. */
bool wb_xrce_peek(const void *message, size_t len, struct wb_xrce_create_client *out);
/* Answers a GET_INFO without session (how clients look for an agent); returns the length of the
 * answer, 0 when the message is something else. */
size_t wb_xrce_answer_ping(const void *message, size_t len, void *buf, size_t cap);

#endif
