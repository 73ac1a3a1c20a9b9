/* SPDX-License-Identifier: AGPL-3.0-only */
/* internal.h: what the files of the gateway's core share. gateway.c holds devices, applications,
 * actions and time; session.c speaks with a device; desired.c says what it is to run; topics.c
 * carries messages; status.c writes what is known. */
#ifndef WB_GATEWAY_INTERNAL_H
#define WB_GATEWAY_INTERNAL_H

#include "gateway.h"

struct gateway_application {
    struct wb_api_application api; /* without its base64 module; api.meta.name is the key */
    uint8_t digest[32];
    char digest_text[WB_API_DIGEST_LEN + 1];
    uint8_t *module;
    size_t module_len;
    uint8_t *signature;
    size_t signature_len;
    char key[96]; /* of a recorded revision: "name/revision" */
};

struct gateway_subscription {
    char app[WB_PROTOCOL_NAME_MAX + 1];
    char topic[WB_PROTOCOL_TOPIC_MAX + 1];
};

enum session_state {
    SESSION_HANDSHAKE, /* until TLS is connected */
    SESSION_HELLO,     /* identity known, hello awaited */
    SESSION_READY,
    SESSION_CLOSING, /* what waits is sent, then the stream ends */
};

#define SESSION_RX_CAP WB_TLS_RX_CAP(GATEWAY_FRAME_MAX + 256u)
#define SESSION_TX_CAP WB_TLS_TX_CAP(GATEWAY_FRAME_MAX + 256u)

struct gateway_session {
    uint64_t id;
    char key[24]; /* id as text, key in the table of sessions */
    char peer[64];
    enum session_state state;
    wb_ms deadline; /* of the state: handshake, hello, or silence */
    wb_ms close_by; /* CLOSING: when patience ends */
    struct gateway_device *device;
    uint32_t frame_max; /* of the device */
    bool is_pending;    /* a GATEWAY_SEND is queued */
    bool is_close_told; /* GATEWAY_CLOSE was queued */
    bool is_desired_due;
    uint64_t desired_print; /* fingerprint of the set sent last */
    uint64_t desired_generation;
    uint64_t acked_generation;
    uint8_t *queue; /* frames that wait for the TLS engine */
    size_t queue_at, queue_len, queue_cap;
    struct gateway_subscription subscriptions[GATEWAY_SUBSCRIPTIONS_MAX];
    uint32_t subscription_count;
    struct wb_tls tls;
    void *work; /* of the handshake; NULL afterwards */
    struct wb_protocol_frames frames;
    uint8_t frame[GATEWAY_FRAME_MAX];
    uint8_t rx[SESSION_RX_CAP];
    uint8_t tx[SESSION_TX_CAP];
};

struct queued_action {
    enum gateway_action_type type;
    uint64_t session;
    char device[WB_PROTOCOL_NAME_MAX + 1];
    uint64_t line;
    uint32_t level;
    bool is_warning;
    char word[32];
    char *text;
};

struct gateway {
    struct gateway_cfg cfg;
    wb_ms started;
    bool is_synced;
    struct table devices;      /* by name */
    struct table device_ids;   /* by spec.deviceId */
    struct table applications; /* by name */
    struct table revisions;    /* recorded ones, by "name/revision" */
    struct table sessions;     /* by id */
    uint64_t session_id;
    uint64_t generation;
    uint32_t connected;
    struct queued_action *actions; /* ring */
    size_t action_at, action_count, action_cap;
    struct gateway_counters counters;
};

/* ---- gateway.c */
void act(struct gateway *g, enum gateway_action_type type, uint64_t session, const char *device);
void act_log(struct gateway *g, enum wb_protocol_log_level level, const char *event,
             const char *format, ...) __attribute__((format(printf, 4, 5)));
void act_event(struct gateway *g, const char *device, bool is_warning, const char *reason,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
struct gateway_device *device_by_id(const struct gateway *g, const char *device_id);
void status_due(struct gateway *g, wb_ms now, struct gateway_device *device);
void device_log(struct gateway *g, struct gateway_device *device, uint64_t unix_ms, uint32_t level,
                struct wb_cbor_text app, struct wb_cbor_text text);

/* Decodes module and signature of a parsed Application; the base64 text is not kept. */
enum wb_err application_load(struct gateway_application *app,
                             struct wb_api_problem *problem) WB_MUST_USE;
void application_free(struct gateway_application *app); /* NULL is fine */
void desired_all(struct gateway *g);

/* ---- revisions.c */
/* What an assignment names: the Application as it is now, or a recorded revision. NULL: it has not
 * arrived here yet. */
struct gateway_application *revision_find(const struct gateway *g,
                                          const struct wb_api_assignment *assignment);

/* ---- session.c */
/* Frames and queues a message. Outcomes: WB_ERR_FULL (too slow a device), and those of encoding. */
enum wb_err session_send(struct gateway *g, struct gateway_session *s,
                         const struct wb_protocol_message *message) WB_MUST_USE;
/* Ends a session: an alert for the peer, a line for the log; the device becomes disconnected. */
void session_end(struct gateway *g, wb_ms now, struct gateway_session *s, enum wb_tls_alert alert,
                 const char *reason);
void session_free(struct gateway *g, struct gateway_session *s);
void session_tick(struct gateway *g, wb_ms now, struct gateway_session *s);
/* Whether the device may be served; else why not, in words. */
const char *session_objection(const struct gateway_device *device, const uint8_t public_key[32],
                              wb_unix_s unix_now);

/* ---- desired.c */
/* Sends the desired set when it is known and differs from what was sent. */
void desired_update(struct gateway *g, struct gateway_session *s);
void desired_chunk(struct gateway *g, struct gateway_session *s,
                   const struct wb_protocol_fetch *fetch);
/* Forgets what the device reported about applications that it is not to run any more. */
void desired_acked(struct gateway *g, wb_ms now, struct gateway_session *s, uint64_t generation);

/* ---- topics.c */
void topic_subscribe(struct gateway *g, struct gateway_session *s,
                     const struct wb_protocol_subscribe *message, bool is_on);
void topic_publish(struct gateway *g, struct gateway_session *s,
                   const struct wb_protocol_publish *message);

/* ---- status.c */
void run_update(struct gateway *g, wb_ms now, struct gateway_device *device,
                const struct wb_protocol_app_status *status);
void runs_free(struct gateway_device *device);

#endif
