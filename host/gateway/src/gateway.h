/* SPDX-License-Identifier: AGPL-3.0-only */
/* gateway.h: the gateway's logic: sessions of devices, what they are to run, what becomes of it,
 * topics. Shape    an engine: objects of the API, bytes of devices and time in; bytes and actions
 * out Limits   GATEWAY_…_MAX below; connections by cfg.sessions_max Memory   heap when a thing is
 * admitted: a session (about 8 KB with its buffers), a device, an application Errors   a session's
 * fault ends that session with a logged reason and nothing else
 *
 * The shell (shell.c) carries out what gateway_next() asks for, and nothing else. Sessions are
 * named by numbers that are never used again, so that an answer that comes late finds nothing
 * rather than another.
 */
#ifndef WB_GATEWAY_CORE_H
#define WB_GATEWAY_CORE_H

#include <jansson.h>

#include "table.h"
#include "wb_api.h"
#include "wb_protocol.h"
#include "wb_tls.h"

#define GATEWAY_FRAME_MAX         2048u  /* largest message from a device */
#define GATEWAY_QUEUE_MAX         65536u /* bytes that wait for a slow device */
#define GATEWAY_SUBSCRIPTIONS_MAX 32u    /* of one session */
#define GATEWAY_LOG_LINES         64u    /* kept of each device */
#define GATEWAY_CERT_MAX          2048u  /* longest certificate of a device, DER */
#define GATEWAY_HANDSHAKE_MS      20000u
#define GATEWAY_HELLO_MS          10000u /* from the handshake to hello */
#define GATEWAY_GRACE_MS          20000u /* after a start, before absent devices are Disconnected */
#define GATEWAY_SEEN_MS           600000u /* lastSeen is written at most so old */
#define GATEWAY_RETRY_MS          500u    /* after a failed status write */
#define GATEWAY_MISSED_MAX        3u      /* silent heartbeat intervals that end a session */

struct gateway_cfg {
    const char *name;
    const char *namespace;
    const char *endpoint; /* told in Device.status.gateway */
    const char *version;
    const struct wb_tls_cfg *tls; /* server role, client certificates required */
    uint32_t sessions_max;
    wb_ms heartbeat_ms;
};

/* One line of an application or device. */
struct gateway_line {
    uint64_t sequence;
    uint64_t unix_ms;
    uint32_t level;                     /* enum wb_protocol_log_level */
    char app[WB_PROTOCOL_NAME_MAX + 1]; /* "": the device itself */
    char *text;
};

struct gateway_run { /* one application as the device reports it */
    char name[WB_PROTOCOL_NAME_MAX + 1];
    uint32_t phase;
    uint8_t digest[32];
    uint64_t revision;
    uint32_t restarts;
    uint32_t memory;
    uint64_t fuel;
    char *message; /* NULL: none */
};

struct gateway_session;

struct gateway_device {
    struct wb_api_device api;        /* the last object seen; api.meta.name is the key */
    json_t *conditions;              /* own copy of status.conditions; NULL: none */
    struct gateway_session *session; /* NULL: not connected here */
    struct gateway_run *runs;
    size_t run_count;
    struct gateway_line lines[GATEWAY_LOG_LINES];
    uint64_t line_count; /* lines so far; lines[n % GATEWAY_LOG_LINES] */
    bool was_connected;  /* since this gateway started */
    bool is_status_due;
    bool is_status_running;
    wb_ms status_at; /* not before */
    wb_ms seen_written;
    /* as of the last hello and heartbeat */
    bool has_hello, has_heartbeat;
    struct wb_protocol_hello hello; /* texts are not kept: see firmware, reset_reason */
    char firmware[32];
    char reset_reason[32];
    struct wb_protocol_heartbeat heartbeat;
    wb_unix_s last_seen;
    uint8_t fingerprint[32];
    wb_unix_s not_after;
};

struct gateway_counters {
    uint64_t accepted, refused, handshakes, handshake_failures, rejected, messages_in, messages_out,
        bytes_in, bytes_out, published, delivered, dropped, denied, frame_errors, timeouts, chunks,
        traps;
};

enum gateway_action_type {
    GATEWAY_SEND,   /* session: gateway_emit() has bytes */
    GATEWAY_CLOSE,  /* session: end the stream once it is flushed; gateway_closed() need not be
                       called */
    GATEWAY_STATUS, /* device: gateway_status_take(), PATCH /status, gateway_status_done() */
    GATEWAY_CLAIM,  /* device: label it as ours */
    GATEWAY_EVENT,  /* device, is_warning, word = reason, text = message */
    GATEWAY_LINE,   /* device, line: a new line of its log */
    GATEWAY_LOG,    /* level, word = event, text = key=value …: for the gateway's own log */
};

struct gateway_action {
    enum gateway_action_type type;
    uint64_t session;
    struct gateway_device *device; /* valid until the next call */
    const struct gateway_line *line;
    uint32_t level;
    bool is_warning;
    char word[32];
    char text[448];
};

struct gateway;

/* NULL: no memory. cfg and what it points to are kept. */
struct gateway *gateway_new(const struct gateway_cfg *cfg, wb_ms now);
void gateway_free(struct gateway *g);

/* The Gateway object's wishes, for sessions from now on. */
void gateway_configure(struct gateway *g, wb_ms heartbeat_ms, uint32_t sessions_max);

/* ---- from the API ------------------------------------------------------------------------- */

void gateway_device_put(struct gateway *g, wb_ms now, const json_t *object);
void gateway_device_remove(struct gateway *g, wb_ms now, const char *name);
void gateway_application_put(struct gateway *g, wb_ms now, const json_t *object);
void gateway_application_remove(struct gateway *g, wb_ms now, const char *name);
/* Records of Applications' revisions: the controller's ConfigMaps with WB_API_LABEL_REVISION. */
void gateway_revision_put(struct gateway *g, wb_ms now, const json_t *record);
void gateway_revision_remove(struct gateway *g, wb_ms now, const json_t *record);
/* Both first lists are complete: only now are devices judged. */
void gateway_synced(struct gateway *g, wb_ms now);

/* ---- from devices ------------------------------------------------------------------------- */

/* A connection came; 0: refused (too many), close it. peer is copied, for logs. */
uint64_t gateway_opened(struct gateway *g, wb_ms now, wb_unix_s unix_now, const char *peer);
/* Bytes of it; how many were taken: offer the rest again after emitting. */
size_t gateway_feed(struct gateway *g, wb_ms now, wb_unix_s unix_now, uint64_t session,
                    const uint8_t *bytes, size_t len);
size_t gateway_emit(struct gateway *g, wb_ms now, uint64_t session, uint8_t *buf, size_t cap);
/* The stream is gone. */
void gateway_closed(struct gateway *g, wb_ms now, uint64_t session, const char *why);

/* ---- time, actions ------------------------------------------------------------------------ */

void gateway_tick(struct gateway *g, wb_ms now);
wb_ms gateway_due(const struct gateway *g);
bool gateway_next(struct gateway *g, wb_ms now, struct gateway_action *action);

/* The merge patch of a device's status (new reference); the write counts as running until done. */
json_t *gateway_status_take(struct gateway *g, wb_ms now, wb_unix_s unix_now,
                            struct gateway_device *device);
void gateway_status_done(struct gateway *g, wb_ms now, const char *device, bool is_written);

/* ---- for the HTTP API --------------------------------------------------------------------- */

struct gateway_device *gateway_device_find(struct gateway *g, const char *name);
struct gateway_device *gateway_device_next(struct gateway *g, size_t *cursor);
uint32_t gateway_connected(const struct gateway *g);
uint32_t gateway_session_count(const struct gateway *g);
const struct gateway_counters *gateway_counters(const struct gateway *g);
/* Outcomes: WB_ERR_NOT_FOUND no such device, WB_ERR_CLOSED not connected. app: RESTART_APP only. */
enum wb_err gateway_command(struct gateway *g, wb_ms now, const char *device,
                            enum wb_protocol_action action, const char *app) WB_MUST_USE;
/* Publishes for an operator; returns how many applications receive it. */
uint32_t gateway_publish(struct gateway *g, wb_ms now, const char *topic, const uint8_t *payload,
                         size_t len);
/* Prometheus text (free it). */
char *gateway_metrics(struct gateway *g);
/* One device, live, as JSON (new reference). */
json_t *gateway_device_json(const struct gateway_device *device);

#endif
