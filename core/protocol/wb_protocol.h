/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_protocol.h: the device protocol: its messages as structs, and the frames they travel in.
 * Shape    one struct a message in a tagged union; encode writes a frame, decode reads a message
 * Limits   a message has at most 65535 bytes and never more than the receiver's frame_max
 * Memory   no heap; decoded texts, bytes and lists borrow the message's bytes; about 100 bytes a
 *          struct wb_protocol_message (32-bit)
 * Optional absent, zero and empty are the same: an optional field that is 0 or empty is not sent,
 *          and one that is absent reads as 0 or empty (data may be NULL then)
 * Errors   decode: see there; a fault names the offending byte
 * Source   docs/spec/protocol.cddl, from whose keys the tables in src/messages.c are written
 */
#ifndef WB_PROTOCOL_H
#define WB_PROTOCOL_H

#include "wb_base.h"
#include "wb_cbor.h"

#define WB_PROTOCOL_VERSION       1u
#define WB_PROTOCOL_ALPN          "wasmbed/1"
#define WB_PROTOCOL_FRAME_DEFAULT 512u /* message size until hello or welcome says otherwise */
#define WB_PROTOCOL_FRAME_HEAD    2u   /* length of the message, big-endian, before each message */
#define WB_PROTOCOL_NAME_MAX      63u
#define WB_PROTOCOL_TOPIC_MAX     127u
#define WB_PROTOCOL_DIGEST_LEN    32u
#define WB_PROTOCOL_SIGNATURE_MAX 160u
#define WB_PROTOCOL_LIST_MAX      64u /* items of a list */
#define WB_PROTOCOL_LOG_REST      96u /* bytes of a log message beside its text, at most */

/* The number on the wire. Up to 31 from the device, above from the gateway. */
enum wb_protocol_type {
    WB_PROTOCOL_HELLO = 1,
    WB_PROTOCOL_HEARTBEAT = 3,
    WB_PROTOCOL_APP_STATUS = 4,
    WB_PROTOCOL_LOG = 5,
    WB_PROTOCOL_TRAP = 6,
    WB_PROTOCOL_FETCH = 7,
    WB_PROTOCOL_PUBLISH = 8,
    WB_PROTOCOL_DESIRED_ACK = 9,
    WB_PROTOCOL_SUBSCRIBE = 10,
    WB_PROTOCOL_UNSUBSCRIBE = 11,
    WB_PROTOCOL_WELCOME = 32,
    WB_PROTOCOL_DESIRED = 34,
    WB_PROTOCOL_CHUNK = 35,
    WB_PROTOCOL_DATA = 36,
    WB_PROTOCOL_COMMAND = 37,
};

/* A list in a message: its items as CBOR. Read it with wb_protocol_list_next…, which shortens it
 * (copy the struct to read twice); build it with struct wb_protocol_list_writer. All zero is the
 * empty list. */
struct wb_protocol_list {
    const uint8_t *data;
    size_t len;
    size_t count; /* items left */
};

/* ---- device -> gateway -------------------------------------------------------------------- */

struct wb_protocol_hello {
    uint32_t version;              /* WB_PROTOCOL_VERSION */
    struct wb_cbor_text device_id; /* the certificate's CN */
    struct wb_cbor_text firmware;
    struct wb_cbor_text device_type;
    uint32_t frame_max;               /* largest message that the device takes, bytes */
    uint32_t abi;                     /* version of the host interface */
    uint32_t app_slots;               /* applications it can hold */
    uint32_t arena_size;              /* bytes for applications */
    uint32_t boots;                   /* so far */
    uint64_t generation;              /* optional: of the desired state it holds */
    struct wb_cbor_text reset_reason; /* optional */
};

struct wb_protocol_heartbeat {
    uint64_t uptime_ms;
    uint32_t arena_free;
    uint32_t ram_peak; /* static and stack high-water mark, bytes */
    uint32_t cpu_permille;
    uint64_t bytes_in; /* since connecting */
    uint64_t bytes_out;
    uint32_t flash_free;
    uint32_t ram_size; /* optional */
};

enum wb_protocol_app_phase {
    WB_PROTOCOL_APP_PENDING,
    WB_PROTOCOL_APP_INSTALLING,
    WB_PROTOCOL_APP_RUNNING,
    WB_PROTOCOL_APP_STOPPED,
    WB_PROTOCOL_APP_FAILED,
    WB_PROTOCOL_APP_PHASE_COUNT
};

struct wb_protocol_app_status {
    struct wb_cbor_text name;
    uint32_t phase;        /* enum wb_protocol_app_phase */
    const uint8_t *digest; /* WB_PROTOCOL_DIGEST_LEN bytes */
    uint32_t restarts;
    struct wb_cbor_text message; /* optional: why, and what to do */
    uint32_t memory;             /* bytes */
    uint64_t fuel;               /* used so far */
    uint64_t revision;
    const uint8_t *running; /* optional: installing or failed: the version that keeps running */
};

enum wb_protocol_log_level {
    WB_PROTOCOL_LOG_ERROR,
    WB_PROTOCOL_LOG_WARNING,
    WB_PROTOCOL_LOG_INFO,
    WB_PROTOCOL_LOG_DEBUG,
    WB_PROTOCOL_LOG_LEVEL_COUNT
};

struct wb_protocol_log {
    struct wb_cbor_text app; /* optional: the device itself when empty */
    uint32_t level;          /* enum wb_protocol_log_level */
    struct wb_cbor_text text;
    uint64_t uptime_ms;
};

struct wb_protocol_trap {
    struct wb_cbor_text app;
    struct wb_cbor_text reason;
    struct wb_protocol_list backtrace; /* wb_protocol_list_next_place; innermost first */
};

struct wb_protocol_fetch {
    const uint8_t *digest;
    uint32_t offset;
    uint32_t len; /* wanted; the gateway may send less */
};

/* publish (device -> gateway: app published it) and data (gateway -> device: app subscribed to it).
 */
struct wb_protocol_publish {
    struct wb_cbor_text app;
    struct wb_cbor_text topic;
    struct wb_cbor_bytes payload;
};

/* subscribe and unsubscribe */
struct wb_protocol_subscribe {
    struct wb_cbor_text app;
    struct wb_cbor_text topic;
};

struct wb_protocol_desired_ack {
    uint64_t generation;
};

/* ---- gateway -> device -------------------------------------------------------------------- */

struct wb_protocol_welcome {
    uint64_t unix_ms;
    uint32_t heartbeat_ms;
    uint32_t frame_max; /* largest message that the gateway takes, bytes */
};

enum wb_protocol_restart {
    WB_PROTOCOL_RESTART_ALWAYS,
    WB_PROTOCOL_RESTART_ON_FAILURE,
    WB_PROTOCOL_RESTART_NEVER,
    WB_PROTOCOL_RESTART_COUNT
};

/* One application of the desired state. The device keeps `raw` in flash as it came and reads it
 * again with wb_protocol_application_decode. */
struct wb_protocol_application {
    struct wb_cbor_text name;
    const uint8_t *digest;          /* WB_PROTOCOL_DIGEST_LEN bytes, SHA-256 of the module */
    uint32_t size;                  /* of the module, bytes */
    struct wb_cbor_bytes signature; /* optional: COSE_Sign1 */
    uint64_t revision;
    uint32_t memory;              /* optional: linear memory to back, bytes; 0: all declared */
    uint64_t fuel_per_s;          /* optional; 0: unlimited */
    uint32_t restart;             /* enum wb_protocol_restart; optional: always */
    struct wb_protocol_list args; /* optional; wb_protocol_list_next_text */
    struct wb_protocol_list env;  /* optional; wb_protocol_list_next_text, "NAME=value" */
    struct wb_cbor_bytes raw;     /* decode sets it: the map as it came; encode ignores it */
};

struct wb_protocol_desired {
    uint64_t generation;
    uint32_t index; /* below count, or 0 when count is 0 */
    uint32_t count;
    struct wb_protocol_application app; /* unused when count is 0 */
};

struct wb_protocol_chunk {
    const uint8_t *digest;
    uint32_t offset;
    struct wb_cbor_bytes data; /* empty when there is an error */
    struct wb_cbor_text error; /* optional: why there is no data */
};

enum wb_protocol_action {
    WB_PROTOCOL_RESTART_DEVICE = 1,
    WB_PROTOCOL_IDENTIFY = 2,
    WB_PROTOCOL_RESTART_APP = 3,
};

struct wb_protocol_command {
    uint32_t action;         /* enum wb_protocol_action; others may come: ignore them */
    struct wb_cbor_text app; /* RESTART_APP only */
};

/* ---- any message -------------------------------------------------------------------------- */

struct wb_protocol_message {
    enum wb_protocol_type type;
    union {
        struct wb_protocol_hello hello;
        struct wb_protocol_heartbeat heartbeat;
        struct wb_protocol_app_status app_status;
        struct wb_protocol_log log;
        struct wb_protocol_trap trap;
        struct wb_protocol_fetch fetch;
        struct wb_protocol_publish publish;     /* WB_PROTOCOL_PUBLISH and WB_PROTOCOL_DATA */
        struct wb_protocol_subscribe subscribe; /* WB_PROTOCOL_SUBSCRIBE and …_UNSUBSCRIBE */
        struct wb_protocol_desired_ack desired_ack;
        struct wb_protocol_welcome welcome;
        struct wb_protocol_desired desired;
        struct wb_protocol_chunk chunk;
        struct wb_protocol_command command;
    } u;
};

/* True for the types that a device sends. Check it: decode takes messages of both directions. */
bool wb_protocol_is_from_device(enum wb_protocol_type type);

/* Name of a message type for logs ("app-status"); "unknown" for others. */
const char *wb_protocol_type_str(enum wb_protocol_type type);

/* Reads one message (without its length). Unknown keys are passed over; more items in the outer
 * array, too. Outcomes: WB_ERR_UNSUPPORTED a message type that this version does not know: ignore
 * the message. Anything else closes the connection: WB_ERR_END, _TYPE, _FORMAT not CBOR as the CDDL
 * says, WB_ERR_VALUE a number or name out of range, WB_ERR_LIMIT too long, WB_ERR_NOT_FOUND a
 * required key is missing. fault may be NULL; where[0] is the offset in data, where[1] the message
 * type. *message is undefined after an error. */
enum wb_err wb_protocol_decode(const void *data, size_t len, struct wb_protocol_message *message,
                               struct wb_fault *fault) WB_MUST_USE;

/* Writes the frame (length and message) of a message into buf. frame_max is what the receiver
 * announced (WB_PROTOCOL_FRAME_DEFAULT before it did). Outcomes: WB_ERR_LIMIT the message is larger
 * than frame_max; WB_ERR_SPACE than buf; WB_ERR_VALUE a field breaks its limits (a name that is
 * none). */
enum wb_err wb_protocol_encode(const struct wb_protocol_message *message, size_t frame_max,
                               void *buf, size_t cap, size_t *len) WB_MUST_USE;

/* Largest data of a chunk whose message fits into frame_max; 0 when not even one byte does. */
size_t wb_protocol_chunk_data_max(size_t frame_max);

/* The map of one application alone, as it stands inside desired and in the device's flash. Errors
 * as above. */
enum wb_err wb_protocol_application_decode(const void *data, size_t len,
                                           struct wb_protocol_application *app,
                                           struct wb_fault *fault) WB_MUST_USE;
enum wb_err wb_protocol_application_encode(const struct wb_protocol_application *app, void *buf,
                                           size_t cap, size_t *len) WB_MUST_USE;

/* ---- lists -------------------------------------------------------------------------------- */

/* Takes the next item; false at the end. Decoded lists were checked, so that nothing else can
 * happen. */
bool wb_protocol_list_next_text(struct wb_protocol_list *list, struct wb_cbor_text *text);
/* Function index and module offset of a backtrace. */
bool wb_protocol_list_next_place(struct wb_protocol_list *list, uint32_t *function,
                                 uint32_t *offset);

/* Builds a list in the caller's buffer, which must live until the message is encoded. Sticky with
 * WB_ERR_SPACE, WB_ERR_LIMIT (more than WB_PROTOCOL_LIST_MAX items). */
struct wb_protocol_list_writer {
    struct wb_writer w;
    size_t count;
};

void wb_protocol_list_init(struct wb_protocol_list_writer *writer, void *buf, size_t cap);
void wb_protocol_list_add_text(struct wb_protocol_list_writer *writer, const char *text,
                               size_t len);
void wb_protocol_list_add_place(struct wb_protocol_list_writer *writer, uint32_t function,
                                uint32_t offset);
/* The list so far; the error of an addition that failed. */
enum wb_err wb_protocol_list_finish(const struct wb_protocol_list_writer *writer,
                                    struct wb_protocol_list *list) WB_MUST_USE;

/* ---- texts -------------------------------------------------------------------------------- */

/* A text of a terminated string; NULL gives the empty text. */
struct wb_cbor_text wb_protocol_text(const char *string);
bool wb_protocol_text_equal(struct wb_cbor_text text, const char *string);
/* Replaces each byte that is not UTF-8 by '?': texts that applications make must pass through it,
 * for encode refuses others. */
void wb_protocol_text_clean(char *text, size_t len);
/* Whether a text is a Kubernetes object name: DNS-1123 label, 1 to 63 of a-z 0-9 -, alphanumeric
 * ends. */
bool wb_protocol_is_name(struct wb_cbor_text text);

/* ---- frames ------------------------------------------------------------------------------- */

/* Cuts a byte stream into frames. The caller's buffer holds one message and bounds it: its size is
 * the frame_max that was announced to the peer. */
struct wb_protocol_frames { /* private */
    uint8_t *buf;
    size_t cap;
    size_t len;  /* bytes collected, the 2 of the length included */
    size_t want; /* of the message; valid once len >= 2 */
    enum wb_err err;
};

void wb_protocol_frames_init(struct wb_protocol_frames *frames, void *buf, size_t cap);

/* Takes bytes until a message is complete or they end, and says in *used how many. Outcomes
 * (sticky): WB_ERR_LIMIT a message longer than the buffer, WB_ERR_FORMAT one of length 0. */
enum wb_err wb_protocol_frames_feed(struct wb_protocol_frames *frames, const void *data, size_t len,
                                    size_t *used) WB_MUST_USE;

/* Borrows the complete message until wb_protocol_frames_done; false while there is none. */
bool wb_protocol_frames_message(const struct wb_protocol_frames *frames, const uint8_t **message,
                                size_t *len);
/* The message was dealt with: feed takes the next. */
void wb_protocol_frames_done(struct wb_protocol_frames *frames);

#endif
