/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_xrce.h: Micro XRCE-DDS messages, object descriptions and framings; no state.
 * Shape    structs in, bytes out, and back; one pair of functions a submessage, one dispatcher
 * Message  header {session, stream, sequence number, key when session < 128}, then submessages,
 *          each {id, flags, length u16 little-endian} and starting at a multiple of 4
 * Order    flag bit 0 of a submessage chooses little-endian; request and object ids and the
 *          nack bitmap are always big-endian
 * Limits   a submessage has at most 65,535 bytes of payload; names WB_XRCE_NAME_MAX
 * Memory   no heap; what is decoded points into the message
 * Errors   foreign bytes give ERR_END, ERR_FORMAT, ERR_VALUE, ERR_LIMIT or ERR_UNSUPPORTED;
 *          padding is never looked at (the reference client sends what lay in memory)
 * Source   OMG DDS-XRCE 1.0 §7.7 (object representations), §8.3 (messages), §11 (transports)
 */
#ifndef WB_XRCE_H
#define WB_XRCE_H

#include "wb_base.h"
#include "wb_cdr.h"

#define WB_XRCE_NAME_MAX      255u  /* bytes of a topic, type, service or participant name */
#define WB_XRCE_TEXT_MAX      4096u /* bytes of an XML description or a profile's name */
#define WB_XRCE_HEAD_MAX      8u
#define WB_XRCE_SUB_HEAD_LEN  4u
#define WB_XRCE_KEY_LEN       4u
#define WB_XRCE_VERSION_MAJOR 1u

/* ---- ids ---------------------------------------------------------------------------------- */

enum wb_xrce_session {
    WB_XRCE_SESSION_NONE_KEY = 0x00, /* no session, key in the header */
    WB_XRCE_SESSION_KEY_MAX = 0x7F,  /* 0x01 to 0x7F: session with the key in the header */
    WB_XRCE_SESSION_NONE = 0x80,     /* no session, no key */
    WB_XRCE_SESSION_DEFAULT = 0x81,  /* what Micro XRCE-DDS clients use: known by their address */
};

enum wb_xrce_stream {
    WB_XRCE_STREAM_NONE = 0x00,        /* sequence numbers without meaning */
    WB_XRCE_STREAM_BEST_EFFORT = 0x01, /* 0x01 to 0x7F */
    WB_XRCE_STREAM_RELIABLE = 0x80,    /* 0x80 to 0xFF */
};

enum wb_xrce_sub_id {
    WB_XRCE_CREATE_CLIENT = 0,
    WB_XRCE_CREATE = 1,
    WB_XRCE_GET_INFO = 2,
    WB_XRCE_DELETE = 3,
    WB_XRCE_STATUS_AGENT = 4,
    WB_XRCE_STATUS = 5,
    WB_XRCE_INFO = 6,
    WB_XRCE_WRITE_DATA = 7,
    WB_XRCE_READ_DATA = 8,
    WB_XRCE_DATA = 9,
    WB_XRCE_ACKNACK = 10,
    WB_XRCE_HEARTBEAT = 11,
    WB_XRCE_RESET = 12,
    WB_XRCE_FRAGMENT = 13,
    WB_XRCE_TIMESTAMP = 14,
    WB_XRCE_TIMESTAMP_REPLY = 15,
};

#define WB_XRCE_FLAG_LITTLE        0x01u
#define WB_XRCE_FLAG_REUSE         0x02u /* CREATE: an equal object may exist already */
#define WB_XRCE_FLAG_REPLACE       0x04u /* CREATE: an object of this id is replaced */
#define WB_XRCE_FLAG_LAST_FRAGMENT 0x02u /* FRAGMENT */
#define WB_XRCE_FLAG_FORMAT        0x0Eu /* WRITE_DATA, DATA: an enum wb_xrce_format */

enum wb_xrce_kind { /* low 4 bits of an object id */
                    WB_XRCE_PARTICIPANT = 1,
                    WB_XRCE_TOPIC = 2,
                    WB_XRCE_PUBLISHER = 3,
                    WB_XRCE_SUBSCRIBER = 4,
                    WB_XRCE_DATAWRITER = 5,
                    WB_XRCE_DATAREADER = 6,
                    WB_XRCE_REQUESTER = 7,
                    WB_XRCE_REPLIER = 8,
                    WB_XRCE_TYPE = 10,
                    WB_XRCE_QOSPROFILE = 11,
                    WB_XRCE_APPLICATION = 12,
                    WB_XRCE_AGENT = 13,
                    WB_XRCE_CLIENT = 14,
};

/* An object id: 12 bits chosen by the client, and the kind. */
#define WB_XRCE_ID(number, kind) ((uint16_t)((number) << 4 | (kind)))
#define WB_XRCE_ID_KIND(id)      ((uint8_t)((id)&0x0F))
#define WB_XRCE_ID_NONE          0x0000u
#define WB_XRCE_ID_AGENT         0xFFFDu
#define WB_XRCE_ID_CLIENT        0xFFFEu

enum wb_xrce_representation {
    WB_XRCE_REF = 1, /* name of a profile that the agent knows */
    WB_XRCE_XML = 2,
    WB_XRCE_BIN = 3, /* CDR of a struct of DDS-XRCE §7.7.3 */
};

enum wb_xrce_status_code {
    WB_XRCE_OK = 0x00,
    WB_XRCE_OK_MATCHED = 0x01, /* existed already and is equal */
    WB_XRCE_DDS_ERROR = 0x80,
    WB_XRCE_MISMATCH = 0x81,
    WB_XRCE_ALREADY_EXISTS = 0x82,
    WB_XRCE_DENIED = 0x83,
    WB_XRCE_UNKNOWN_REFERENCE = 0x84,
    WB_XRCE_INVALID_DATA = 0x85,
    WB_XRCE_INCOMPATIBLE = 0x86,
    WB_XRCE_RESOURCES = 0x87,
};

/* Text of a status code, for people; never NULL. */
const char *wb_xrce_status_str(uint8_t status);

enum wb_xrce_format { /* as in the flags of WRITE_DATA and DATA, and in READ_DATA */
                      WB_XRCE_FORMAT_DATA = 0x00,
                      WB_XRCE_FORMAT_SAMPLE = 0x02,
                      WB_XRCE_FORMAT_DATA_SEQ = 0x08,
                      WB_XRCE_FORMAT_SAMPLE_SEQ = 0x0A,
                      WB_XRCE_FORMAT_PACKED = 0x0E,
};

/* Service requests at a replier, and its replies, begin with the requester's identity. */
#define WB_XRCE_SAMPLE_IDENTITY_LEN 24u

/* ---- messages ----------------------------------------------------------------------------- */

struct wb_xrce_head {
    uint8_t session;
    uint8_t stream;
    uint16_t seq;
    uint8_t key[WB_XRCE_KEY_LEN]; /* on the wire when session < 128; else zeros after decoding */
};

/* Bytes of a header: 8 with a key, else 4. */
size_t wb_xrce_head_len(uint8_t session);
size_t wb_xrce_head_encode(const struct wb_xrce_head *head, uint8_t out[WB_XRCE_HEAD_MAX]);

/* A submessage as found in a message. */
struct wb_xrce_sub {
    uint8_t id; /* enum wb_xrce_sub_id, or unknown: skip it */
    uint8_t flags;
    uint16_t len;
    const uint8_t *payload;
};

/* Walks over one message, or over the submessages reassembled from fragments. */
struct wb_xrce_walk { /* private */
    const uint8_t *data;
    uint32_t at;
    uint32_t len;
};

/* Decodes the header and stands before the first submessage; the walk keeps data.
 * Outcomes: ERR_END. */
enum wb_err wb_xrce_walk_message(struct wb_xrce_walk *walk, const void *data, size_t len,
                                 struct wb_xrce_head *head) WB_MUST_USE;
/* Reassembled submessages have no header of their own. */
void wb_xrce_walk_subs(struct wb_xrce_walk *walk, const void *data, size_t len);
/* Gives the next submessage. Outcomes: ERR_NOT_FOUND at the end of the message, ERR_END when one
 * ends after the message does (then the rest is to be dropped). */
enum wb_err wb_xrce_walk_next(struct wb_xrce_walk *walk, struct wb_xrce_sub *sub) WB_MUST_USE;

/* ---- submessages -------------------------------------------------------------------------- */

struct wb_xrce_property {
    struct wb_cdr_str name;
    struct wb_cdr_str value;
};
#define WB_XRCE_PROPERTIES_MAX 4u

/* CREATE_CLIENT and STATUS_AGENT and INFO share what an end says of itself. */
struct wb_xrce_self {
    uint8_t version[2]; /* major, minor: 1, 0 */
    uint8_t vendor[2];  /* eProsima: 1, 15 */
    uint8_t properties_count;
    bool has_properties;
    struct wb_xrce_property properties[WB_XRCE_PROPERTIES_MAX];
};

struct wb_xrce_create_client {
    struct wb_xrce_self self;
    uint8_t key[WB_XRCE_KEY_LEN];
    uint8_t session;
    uint16_t mtu; /* largest message that the client takes, in bytes */
};

struct wb_xrce_status_agent {
    uint8_t status; /* enum wb_xrce_status_code */
    uint8_t implementation;
    struct wb_xrce_self self;
};

/* What every request begins with. */
struct wb_xrce_request {
    uint16_t request; /* chosen by the client, repeated in answers */
    uint16_t object;
};

struct wb_xrce_status { /* the answer to CREATE and DELETE, and to what was refused */
    struct wb_xrce_request related;
    uint8_t status;
    uint8_t implementation;
};

#define WB_XRCE_INFO_CONFIGURATION 0x01u
#define WB_XRCE_INFO_ACTIVITY      0x02u

struct wb_xrce_get_info {
    struct wb_xrce_request base;
    uint32_t mask;
};

struct wb_xrce_info { /* of the agent; other objects' information is not decoded */
    struct wb_xrce_request related;
    uint8_t status;
    uint8_t implementation;
    bool has_configuration;
    bool has_activity;
    struct wb_xrce_self self;
    int16_t availability; /* 1: accepts clients */
};

/* Description of an object, borrowed from the message, or to be sent. */
struct wb_xrce_entity {
    uint8_t kind;           /* enum wb_xrce_kind, participant to qos profile */
    uint8_t representation; /* enum wb_xrce_representation */
    struct wb_cdr_str text; /* REF and XML */
    const uint8_t *bin;     /* BIN: aligned from its own first byte */
    uint32_t bin_len;
    bool is_big;     /* byte order of bin */
    uint16_t parent; /* object id; 0 for a participant */
    int16_t domain;  /* participant: DDS domain */
};

struct wb_xrce_create {
    struct wb_xrce_request base;
    bool reuse;
    bool replace;
    struct wb_xrce_entity entity;
};

struct wb_xrce_data { /* WRITE_DATA and DATA */
    struct wb_xrce_request base;
    uint8_t format;      /* enum wb_xrce_format */
    bool is_big;         /* byte order that the sample's CDR has */
    const uint8_t *data; /* the sample's CDR without encapsulation header */
    uint32_t len;
};

#define WB_XRCE_SAMPLES_UNLIMITED 0xFFFFu

struct wb_xrce_delivery {
    uint16_t samples_max;          /* 0 cancels; WB_XRCE_SAMPLES_UNLIMITED */
    uint16_t elapsed_max_s;        /* the request ends after this many seconds; 0: never */
    uint16_t bytes_per_second_max; /* 0: unlimited */
    uint16_t pace_min_ms;          /* shortest time between two samples */
};

struct wb_xrce_read_data {
    struct wb_xrce_request base;
    uint8_t stream; /* on which DATA is wanted; 0: the agent's choice, best effort */
    uint8_t format;
    bool has_delivery;        /* false: one sample */
    struct wb_cdr_str filter; /* content filter expression; at NULL: none */
    struct wb_xrce_delivery delivery;
};

struct wb_xrce_acknack {
    uint16_t first_unacked;
    uint16_t nacks; /* bit i: first_unacked + i is missing */
    uint8_t stream;
};

struct wb_xrce_heartbeat {
    uint16_t first_unacked;
    uint16_t last_unacked;
    uint8_t stream;
};

struct wb_xrce_time {
    uint32_t s;
    uint32_t ns;
};

/* Seconds (modulo 2^32) and the rest. */
struct wb_xrce_time wb_xrce_time_of_ns(uint64_t ns);

struct wb_xrce_timestamp {
    struct wb_xrce_time transmit;
};

struct wb_xrce_timestamp_reply {
    struct wb_xrce_time transmit;  /* when the reply left */
    struct wb_xrce_time receive;   /* when TIMESTAMP arrived */
    struct wb_xrce_time originate; /* copied from TIMESTAMP */
};

/* Decoders look at the payload only; the caller has compared sub->id. Each ignores what a newer
 * version may have appended. */
enum wb_err wb_xrce_decode_create_client(const struct wb_xrce_sub *sub,
                                         struct wb_xrce_create_client *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_status_agent(const struct wb_xrce_sub *sub,
                                        struct wb_xrce_status_agent *out) WB_MUST_USE;
/* Only the request and object id that CREATE, GET_INFO, DELETE, WRITE_DATA, READ_DATA begin with.
 * DELETE has nothing else. */
enum wb_err wb_xrce_decode_request(const struct wb_xrce_sub *sub,
                                   struct wb_xrce_request *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_create(const struct wb_xrce_sub *sub,
                                  struct wb_xrce_create *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_get_info(const struct wb_xrce_sub *sub,
                                    struct wb_xrce_get_info *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_status(const struct wb_xrce_sub *sub,
                                  struct wb_xrce_status *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_info(const struct wb_xrce_sub *sub,
                                struct wb_xrce_info *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_data(const struct wb_xrce_sub *sub,
                                struct wb_xrce_data *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_read_data(const struct wb_xrce_sub *sub,
                                     struct wb_xrce_read_data *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_acknack(const struct wb_xrce_sub *sub,
                                   struct wb_xrce_acknack *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_heartbeat(const struct wb_xrce_sub *sub,
                                     struct wb_xrce_heartbeat *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_timestamp(const struct wb_xrce_sub *sub,
                                     struct wb_xrce_timestamp *out) WB_MUST_USE;
enum wb_err wb_xrce_decode_timestamp_reply(const struct wb_xrce_sub *sub,
                                           struct wb_xrce_timestamp_reply *out) WB_MUST_USE;

/* Encoders write payloads; w->is_big chooses the byte order and must agree with the flag. */
void wb_xrce_encode_create_client(struct wb_cdr_writer *w, const struct wb_xrce_create_client *in);
void wb_xrce_encode_status_agent(struct wb_cdr_writer *w, const struct wb_xrce_status_agent *in);
void wb_xrce_encode_request(struct wb_cdr_writer *w, const struct wb_xrce_request *in);
void wb_xrce_encode_create(struct wb_cdr_writer *w, const struct wb_xrce_create *in);
void wb_xrce_encode_get_info(struct wb_cdr_writer *w, const struct wb_xrce_get_info *in);
void wb_xrce_encode_status(struct wb_cdr_writer *w, const struct wb_xrce_status *in);
void wb_xrce_encode_info(struct wb_cdr_writer *w, const struct wb_xrce_info *in);
void wb_xrce_encode_data(struct wb_cdr_writer *w, const struct wb_xrce_data *in);
void wb_xrce_encode_read_data(struct wb_cdr_writer *w, const struct wb_xrce_read_data *in);
void wb_xrce_encode_acknack(struct wb_cdr_writer *w, const struct wb_xrce_acknack *in);
void wb_xrce_encode_heartbeat(struct wb_cdr_writer *w, const struct wb_xrce_heartbeat *in);
void wb_xrce_encode_timestamp(struct wb_cdr_writer *w, const struct wb_xrce_timestamp *in);
void wb_xrce_encode_timestamp_reply(struct wb_cdr_writer *w,
                                    const struct wb_xrce_timestamp_reply *in);

/* Any submessage, for tools and tests; engines use the single functions. */
struct wb_xrce_any {
    uint8_t id;
    uint8_t flags; /* as on the wire; encoding takes the byte order from here */
    union {
        struct wb_xrce_create_client create_client;
        struct wb_xrce_create create;
        struct wb_xrce_get_info get_info;
        struct wb_xrce_request request; /* DELETE */
        struct wb_xrce_status_agent status_agent;
        struct wb_xrce_status status;
        struct wb_xrce_info info;
        struct wb_xrce_data data; /* WRITE_DATA, DATA */
        struct wb_xrce_read_data read_data;
        struct wb_xrce_acknack acknack;
        struct wb_xrce_heartbeat heartbeat;
        struct wb_xrce_sub raw; /* FRAGMENT, RESET */
        struct wb_xrce_timestamp timestamp;
        struct wb_xrce_timestamp_reply timestamp_reply;
    } of;
};

/* Outcomes: ERR_UNSUPPORTED for an unknown id. */
enum wb_err wb_xrce_decode_any(const struct wb_xrce_sub *sub, struct wb_xrce_any *out) WB_MUST_USE;
/* Appends header and payload to a message of *len bytes in buf, padding it to a multiple of 4
 * first. Outcomes: ERR_SPACE (buf keeps its *len bytes). */
enum wb_err wb_xrce_encode_any(const struct wb_xrce_any *in, uint8_t *buf, size_t cap,
                               size_t *len) WB_MUST_USE;

/* ---- object descriptions ------------------------------------------------------------------ */

#define WB_XRCE_QOS_RELIABLE        0x01u
#define WB_XRCE_QOS_KEEP_LAST       0x02u
#define WB_XRCE_QOS_EXCLUSIVE       0x04u
#define WB_XRCE_QOS_TRANSIENT_LOCAL 0x08u
#define WB_XRCE_QOS_TRANSIENT       0x10u
#define WB_XRCE_QOS_PERSISTENT      0x20u

struct wb_xrce_qos { /* has_…: present; absent ones are DDS's defaults */
    bool has_qos;    /* false: nothing but defaults */
    bool has_depth, has_deadline, has_lifespan, has_user_data, has_strength, has_time_filter;
    uint16_t flags; /* WB_XRCE_QOS_… */
    uint16_t depth; /* history depth with keep last */
    uint32_t deadline_ms;
    uint32_t lifespan_ms;
    uint32_t strength;       /* writer: ownership strength */
    uint32_t time_filter_ms; /* reader: minimum separation */
    const uint8_t *user_data;
    uint32_t user_data_len;
    struct wb_cdr_str filter; /* reader: content filter */
};

/* What a description says, whatever its representation. Absent texts have at NULL. */
struct wb_xrce_description {
    uint8_t kind;
    struct wb_cdr_str domain_ref; /* BIN participant */
    struct wb_cdr_str name; /* participant, topic, publisher, subscriber, service; REF: profile */
    struct wb_cdr_str type_ref; /* BIN topic */
    struct wb_cdr_str type;     /* topic; XML reader and writer; request type of a service */
    struct wb_cdr_str reply_type;
    struct wb_cdr_str request_topic;
    struct wb_cdr_str reply_topic;
    uint16_t topic; /* object id of a BIN reader's or writer's topic; 0: see name and type */
    struct wb_xrce_qos qos;
};

/* Understands BIN completely, of XML the names, types and the qos of PX4, micro-ROS and the
 * reference examples (elements are found by their tags; the rest is skipped), of REF the name.
 * Outcomes: ERR_FORMAT, ERR_END, ERR_LIMIT, ERR_VALUE, ERR_UNSUPPORTED (kind). */
enum wb_err wb_xrce_describe(const struct wb_xrce_entity *entity,
                             struct wb_xrce_description *out) WB_MUST_USE;

/* Writes the BIN body of a description; the writer's origin must be the body's first byte. */
void wb_xrce_encode_description(struct wb_cdr_writer *w, const struct wb_xrce_description *in);

/* ---- framings ----------------------------------------------------------------------------- */

/* UDP needs none: a datagram is a message. */

/* TCP: length u16 little-endian, message. Writes the two bytes. */
void wb_xrce_tcp_head(uint8_t out[2], uint16_t message_len);

struct wb_xrce_tcp { /* private */
    uint8_t *buf;
    size_t cap;
    size_t len; /* collected, with the 2 bytes of length */
    enum wb_err err;
};

/* Keeps buf, which must hold 2 bytes more than the largest message. */
void wb_xrce_tcp_init(struct wb_xrce_tcp *tcp, void *buf, size_t cap);
/* Takes bytes up to the end of one message; *message is NULL when none is complete, else valid
 * until the next call. Outcomes (sticky): ERR_LIMIT a message longer than the buffer,
 * ERR_FORMAT an empty one; the connection is to be closed. */
enum wb_err wb_xrce_tcp_feed(struct wb_xrce_tcp *tcp, const void *data, size_t len, size_t *used,
                             const uint8_t **message, size_t *message_len) WB_MUST_USE;

#define WB_XRCE_SERIAL_FLAG 0x7Eu
/* Largest frame of a message of len bytes: everything escaped. */
#define WB_XRCE_SERIAL_LEN_MAX(len) (1u + 2u * (6u + (len)))

/* CRC-16 (reflected 0x8005, start 0) of the payload. */
uint16_t wb_xrce_serial_crc(const void *data, size_t len);
/* Writes a frame. Outcomes: ERR_SPACE, ERR_LIMIT (message over 65,535 bytes). */
enum wb_err wb_xrce_serial_encode(uint8_t source, uint8_t destination, const void *message,
                                  size_t message_len, void *buf, size_t cap,
                                  size_t *len) WB_MUST_USE;

struct wb_xrce_serial { /* private, except counters */
    uint8_t *buf;
    size_t cap;
    uint32_t at;             /* bytes of the frame collected, from the source address on */
    uint32_t frames_damaged; /* wrong checksum, too long, or cut by the next one */
    bool in_frame;
    bool escaped;
    uint8_t head[4]; /* source, destination, length */
    uint8_t tail[2];
};

/* Keeps buf, which must hold the largest message. */
void wb_xrce_serial_init(struct wb_xrce_serial *serial, void *buf, size_t cap);
/* Takes bytes up to the end of one frame. *message is NULL when none is complete, else valid until
 * the next call, with its addresses. Noise between frames and damaged frames are skipped. */
void wb_xrce_serial_feed(struct wb_xrce_serial *serial, const void *data, size_t len, size_t *used,
                         const uint8_t **message, size_t *message_len, uint8_t *source,
                         uint8_t *destination);

#endif
