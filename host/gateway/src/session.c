/* SPDX-License-Identifier: AGPL-3.0-only */
/* The life of a connection:
 *
 *   HANDSHAKE --TLS connected, Device known, approved, key as in spec.publicKey--> HELLO --hello-->
 * READY
 *       \________________________ any fault, silence, revocation ____________________/     -->
 * CLOSING
 *
 * Deadlines: GATEWAY_HANDSHAKE_MS for the handshake, GATEWAY_HELLO_MS for hello, then
 * GATEWAY_MISSED_MAX heartbeat intervals of silence; CLOSING lasts at most two seconds, for the
 * alert to leave. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSING_MS 2000u

static struct gateway_session *session_find(const struct gateway *g, uint64_t id)
{
    char key[24];
    snprintf(key, sizeof key, "%llu", (unsigned long long)id);
    return table_find(&g->sessions, key);
}

static void pend(struct gateway *g, struct gateway_session *s)
{
    if (!s->is_pending && wb_tls_wants_emit(&s->tls)) {
        s->is_pending = true;
        act(g, GATEWAY_SEND, s->id, NULL);
    }
}

uint64_t gateway_opened(struct gateway *g, wb_ms now, wb_unix_s unix_now, const char *peer)
{
    if (g->sessions.count >= g->cfg.sessions_max) {
        g->counters.refused++;
        act_log(g, WB_PROTOCOL_LOG_WARNING, "connection_refused",
                "peer=%s reason=\"all %u connections are taken\"", peer, g->cfg.sessions_max);
        return 0;
    }
    struct gateway_session *s = calloc(1, sizeof *s);
    size_t work_len = WB_TLS_WORK_CAP(GATEWAY_CERT_MAX);
    if (s == NULL || (s->work = calloc(1, work_len)) == NULL) {
        free(s);
        return 0;
    }
    s->id = ++g->session_id;
    snprintf(s->key, sizeof s->key, "%llu", (unsigned long long)s->id);
    snprintf(s->peer, sizeof s->peer, "%s", peer);
    s->deadline = now + GATEWAY_HANDSHAKE_MS;
    s->frame_max = WB_PROTOCOL_FRAME_DEFAULT;
    wb_protocol_frames_init(&s->frames, s->frame, sizeof s->frame);
    struct wb_tls_mem mem = {.rx = s->rx,
                             .rx_cap = sizeof s->rx,
                             .tx = s->tx,
                             .tx_cap = sizeof s->tx,
                             .work = s->work,
                             .work_cap = work_len};
    enum wb_err err = wb_tls_init(&s->tls, g->cfg.tls, &mem, now, unix_now);
    if (err != WB_OK || table_put(&g->sessions, s->key, s) != WB_OK) {
        act_log(g, WB_PROTOCOL_LOG_ERROR, "session_failed", "peer=%s reason=\"%s\"", peer,
                wb_err_str(err));
        free(s->work);
        free(s);
        return 0;
    }
    g->counters.accepted++;
    return s->id;
}

void session_free(struct gateway *g, struct gateway_session *s)
{
    table_remove(&g->sessions, s->key);
    wb_tls_deinit(&s->tls);
    if (s->work != NULL) {
        wb_wipe(s->work, WB_TLS_WORK_CAP(GATEWAY_CERT_MAX));
        free(s->work);
    }
    free(s->queue);
    wb_wipe(s, sizeof *s);
    free(s);
}

/* The device is not connected any more; the connection may still have an alert to send. */
static void detach(struct gateway *g, wb_ms now, struct gateway_session *s)
{
    struct gateway_device *device = s->device;
    s->device = NULL;
    if (device == NULL || device->session != s) {
        return;
    }
    device->session = NULL;
    if (s->state == SESSION_READY) {
        g->connected--;
    }
    status_due(g, now, device);
}

void session_end(struct gateway *g, wb_ms now, struct gateway_session *s, enum wb_tls_alert alert,
                 const char *reason)
{
    if (s->state == SESSION_CLOSING) {
        return;
    }
    act_log(g, WB_PROTOCOL_LOG_WARNING, "session_ended", "device=%s peer=%s reason=\"%s\"",
            s->device != NULL ? s->device->api.meta.name : "?", s->peer, reason);
    detach(g, now, s);
    s->state = SESSION_CLOSING;
    s->close_by = now + CLOSING_MS;
    s->queue_len = s->queue_at = 0;
    if (alert == WB_TLS_ALERT_CLOSE_NOTIFY) {
        wb_tls_close(&s->tls);
    } else {
        wb_tls_abort(&s->tls, alert, WB_ERR_PROTOCOL, "ended by the gateway");
    }
    pend(g, s);
}

void gateway_closed(struct gateway *g, wb_ms now, uint64_t id, const char *why)
{
    struct gateway_session *s = session_find(g, id);
    if (s == NULL) {
        return;
    }
    if (s->state == SESSION_READY || s->state == SESSION_HELLO) {
        act_log(g, WB_PROTOCOL_LOG_INFO, "device_disconnected", "device=%s peer=%s reason=\"%s\"",
                s->device->api.meta.name, s->peer, why);
        act_event(g, s->device->api.meta.name, false, "Disconnected", "connection lost: %s", why);
    } else if (s->state == SESSION_HANDSHAKE) {
        g->counters.handshake_failures++;
    }
    detach(g, now, s);
    session_free(g, s);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Gives the TLS engine what waits, as far as it has room. */
static void pump(struct gateway *g, struct gateway_session *s)
{
    while (s->queue_at < s->queue_len) {
        size_t taken = 0;
        if (wb_tls_write(&s->tls, s->queue + s->queue_at, s->queue_len - s->queue_at, &taken) !=
                WB_OK ||
            taken == 0) {
            break;
        }
        s->queue_at += taken;
    }
    if (s->queue_at == s->queue_len) {
        s->queue_at = s->queue_len = 0;
        if (s->queue_cap > 4096) { /* an idle session holds no large buffer */
            free(s->queue);
            s->queue = NULL;
            s->queue_cap = 0;
        }
    }
    pend(g, s);
}

static enum wb_err queue_reserve(struct gateway_session *s, size_t len)
{
    if (s->queue_at > 0) {
        memmove(s->queue, s->queue + s->queue_at, s->queue_len - s->queue_at);
        s->queue_len -= s->queue_at;
        s->queue_at = 0;
    }
    if (s->queue_len + len > GATEWAY_QUEUE_MAX) {
        return WB_ERR_FULL;
    }
    if (s->queue_len + len > s->queue_cap) {
        size_t cap = s->queue_cap == 0 ? 1024 : s->queue_cap;
        while (cap < s->queue_len + len) {
            cap *= 2;
        }
        uint8_t *next = realloc(s->queue, cap);
        if (next == NULL) {
            return WB_ERR_MEMORY;
        }
        s->queue = next;
        s->queue_cap = cap;
    }
    return WB_OK;
}

enum wb_err session_send(struct gateway *g, struct gateway_session *s,
                         const struct wb_protocol_message *message)
{
    size_t len = 0;
    size_t room = s->frame_max + WB_PROTOCOL_FRAME_HEAD;
    WB_TRY(queue_reserve(s, room));
    WB_TRY(wb_protocol_encode(message, s->frame_max, s->queue + s->queue_len, room, &len));
    s->queue_len += len;
    g->counters.messages_out++;
    pump(g, s);
    return WB_OK;
}

size_t gateway_emit(struct gateway *g, wb_ms now, uint64_t id, uint8_t *buf, size_t cap)
{
    struct gateway_session *s = session_find(g, id);
    if (s == NULL) {
        return 0;
    }
    size_t len = 0;
    for (;;) {
        size_t n = wb_tls_emit(&s->tls, now, buf + len, cap - len);
        len += n;
        if (n == 0 || len == cap) {
            break;
        }
        pump(g, s);
    }
    g->counters.bytes_out += len;
    if (s->state == SESSION_CLOSING && !wb_tls_wants_emit(&s->tls) && !s->is_close_told) {
        s->is_close_told = true;
        act(g, GATEWAY_CLOSE, s->id, NULL);
    } else {
        pend(g, s);
    }
    return len;
}

/* ---- identity ----------------------------------------------------------------------------- */

const char *session_objection(const struct gateway_device *device, const uint8_t public_key[32],
                              wb_unix_s unix_now)
{
    const struct wb_api_device *api = &device->api;
    if (!api->is_approved) {
        return "the Device is not approved (spec.approved)";
    }
    if (!api->has_public_key) {
        return "the Device has no key (spec.publicKey)";
    }
    if (!wb_ct_equal(api->public_key, public_key, sizeof api->public_key)) {
        return "the certificate's key is not the Device's (spec.publicKey.keyData)";
    }
    if (unix_now != 0 && api->key_valid_from != 0 && unix_now < api->key_valid_from) {
        return "the Device's key is not valid yet (spec.publicKey.validFrom)";
    }
    if (unix_now != 0 && api->key_valid_to != 0 && unix_now >= api->key_valid_to) {
        return "the Device's key is no longer valid (spec.publicKey.validTo)";
    }
    return NULL;
}

static void on_connected(struct gateway *g, wb_ms now, wb_unix_s unix_now,
                         struct gateway_session *s)
{
    free(s->work); /* wiped by the engine */
    s->work = NULL;
    g->counters.handshakes++;
    const struct wb_tls_peer *peer = wb_tls_peer(&s->tls);
    struct gateway_device *device = peer != NULL ? device_by_id(g, peer->common_name) : NULL;
    char reason[256];
    if (device == NULL) {
        g->counters.rejected++;
        snprintf(reason, sizeof reason, "no Device has spec.deviceId \\\"%s\\\"",
                 peer != NULL ? peer->common_name : "");
        session_end(g, now, s, WB_TLS_ALERT_ACCESS_DENIED,
                    g->is_synced ? reason : "the Devices are not known yet");
        return;
    }
    const char *objection = session_objection(device, peer->public_key, unix_now);
    if (objection != NULL) {
        g->counters.rejected++;
        act_event(g, device->api.meta.name, true, "Refused", "connection from %s refused: %s",
                  s->peer, objection);
        snprintf(reason, sizeof reason, "%s: %s", device->api.meta.name, objection);
        session_end(g, now, s, WB_TLS_ALERT_ACCESS_DENIED, reason);
        return;
    }
    if (device->session != NULL) { /* newest wins: the old connection may be a dead one */
        act_event(g, device->api.meta.name, true, "DuplicateIdentity",
                  "a new connection from %s replaces that of %s", s->peer, device->session->peer);
        session_end(g, now, device->session, WB_TLS_ALERT_CLOSE_NOTIFY,
                    "a newer connection has the same identity");
    }
    s->device = device;
    device->session = s;
    device->was_connected = true;
    memcpy(device->fingerprint, peer->fingerprint, sizeof device->fingerprint);
    device->not_after = peer->not_after;
    s->state = SESSION_HELLO;
    s->deadline = now + GATEWAY_HELLO_MS;
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void copy_text(char *to, size_t cap, struct wb_cbor_text text)
{
    snprintf(to, cap, "%.*s", (int)text.len, text.data != NULL ? text.data : "");
}

static void on_hello(struct gateway *g, wb_ms now, wb_unix_s unix_now, struct gateway_session *s,
                     const struct wb_protocol_hello *hello)
{
    struct gateway_device *device = s->device;
    if (!wb_protocol_text_equal(hello->device_id, device->api.device_id)) {
        session_end(g, now, s, WB_TLS_ALERT_ACCESS_DENIED, "hello names another device");
        return;
    }
    if (hello->version != WB_PROTOCOL_VERSION || hello->frame_max < 128) {
        session_end(g, now, s, WB_TLS_ALERT_ACCESS_DENIED,
                    "hello announces a protocol version or frame size that is not supported");
        return;
    }
    device->hello = *hello;
    device->hello.device_id = device->hello.firmware = device->hello.device_type =
        device->hello.reset_reason = (struct wb_cbor_text){0};
    copy_text(device->firmware, sizeof device->firmware, hello->firmware);
    copy_text(device->reset_reason, sizeof device->reset_reason, hello->reset_reason);
    device->has_hello = true;
    device->has_heartbeat = false;
    device->last_seen = unix_now;
    s->frame_max = hello->frame_max < 32768 ? hello->frame_max : 32768;
    s->state = SESSION_READY;
    g->connected++;
    struct wb_protocol_message welcome = {
        .type = WB_PROTOCOL_WELCOME,
        .u.welcome = {.unix_ms = (uint64_t)unix_now * 1000u,
                      .heartbeat_ms = (uint32_t)g->cfg.heartbeat_ms,
                      .frame_max = GATEWAY_FRAME_MAX}};
    if (session_send(g, s, &welcome) != WB_OK) {
        session_end(g, now, s, WB_TLS_ALERT_INTERNAL_ERROR, "welcome cannot be sent");
        return;
    }
    act_log(g, WB_PROTOCOL_LOG_INFO, "device_connected",
            "device=%s peer=%s type=%s firmware=%s boots=%u", device->api.meta.name, s->peer,
            device->api.device_type, device->firmware, hello->boots);
    act_event(g, device->api.meta.name, false, "Connected", "connected to gateway %s from %s",
              g->cfg.name, s->peer);
    act(g, GATEWAY_CLAIM, 0, device->api.meta.name);
    status_due(g, now, device);
    s->is_desired_due = true;
    desired_update(g, s);
}

static void on_trap(struct gateway *g, struct gateway_session *s, wb_unix_s unix_now,
                    const struct wb_protocol_trap *trap)
{
    g->counters.traps++;
    char text[400];
    size_t len =
        (size_t)snprintf(text, sizeof text, "trap: %.*s", (int)trap->reason.len, trap->reason.data);
    struct wb_protocol_list list = trap->backtrace;
    uint32_t function = 0;
    uint32_t offset = 0;
    while (len < sizeof text && wb_protocol_list_next_place(&list, &function, &offset)) {
        len += (size_t)snprintf(text + len, sizeof text - len, " | function %u at offset %u",
                                function, offset);
    }
    device_log(g, s->device, (uint64_t)unix_now * 1000u, WB_PROTOCOL_LOG_ERROR, trap->app,
               wb_protocol_text(text));
    act_event(g, s->device->api.meta.name, true, "ApplicationTrap", "application %.*s: %s",
              (int)trap->app.len, trap->app.data, text);
}

static void on_message(struct gateway *g, wb_ms now, wb_unix_s unix_now, struct gateway_session *s,
                       const struct wb_protocol_message *m)
{
    struct gateway_device *device = s->device;
    if ((s->state == SESSION_HELLO) != (m->type == WB_PROTOCOL_HELLO)) {
        session_end(g, now, s, WB_TLS_ALERT_UNEXPECTED_MESSAGE,
                    s->state == SESSION_HELLO ? "first message is not hello" : "hello came twice");
        return;
    }
    switch (m->type) {
    case WB_PROTOCOL_HELLO: on_hello(g, now, unix_now, s, &m->u.hello); break;
    case WB_PROTOCOL_HEARTBEAT:
        device->heartbeat = m->u.heartbeat;
        if (!device->has_heartbeat) { /* the first one after connecting completes the status */
            device->has_heartbeat = true;
            status_due(g, now, device);
        }
        break;
    case WB_PROTOCOL_APP_STATUS: run_update(g, now, device, &m->u.app_status); break;
    case WB_PROTOCOL_LOG:
        device_log(g, device, (uint64_t)unix_now * 1000u, m->u.log.level, m->u.log.app,
                   m->u.log.text);
        break;
    case WB_PROTOCOL_TRAP: on_trap(g, s, unix_now, &m->u.trap); break;
    case WB_PROTOCOL_FETCH: desired_chunk(g, s, &m->u.fetch); break;
    case WB_PROTOCOL_PUBLISH: topic_publish(g, s, &m->u.publish); break;
    case WB_PROTOCOL_SUBSCRIBE: topic_subscribe(g, s, &m->u.subscribe, true); break;
    case WB_PROTOCOL_UNSUBSCRIBE: topic_subscribe(g, s, &m->u.subscribe, false); break;
    case WB_PROTOCOL_DESIRED_ACK: desired_acked(g, now, s, m->u.desired_ack.generation); break;
    case WB_PROTOCOL_WELCOME:
    case WB_PROTOCOL_DESIRED:
    case WB_PROTOCOL_CHUNK:
    case WB_PROTOCOL_DATA:
    case WB_PROTOCOL_COMMAND:
        session_end(g, now, s, WB_TLS_ALERT_UNEXPECTED_MESSAGE,
                    "a message that only gateways send");
        break;
    }
}

/* Handles one complete message; false when the session ended. */
static bool on_frame(struct gateway *g, wb_ms now, wb_unix_s unix_now, struct gateway_session *s,
                     const uint8_t *data, size_t len)
{
    struct wb_protocol_message message;
    struct wb_fault fault = {0};
    enum wb_err err = wb_protocol_decode(data, len, &message, &fault);
    g->counters.messages_in++;
    s->deadline = now + g->cfg.heartbeat_ms * GATEWAY_MISSED_MAX;
    s->device->last_seen = unix_now;
    if (err == WB_ERR_UNSUPPORTED) {
        return true; /* a newer device: its message is for a newer gateway */
    }
    if (err != WB_OK) {
        g->counters.frame_errors++;
        char reason[160];
        snprintf(reason, sizeof reason, "malformed message: %s at byte %u of a %s of %zu bytes",
                 fault.what != NULL ? fault.what : wb_err_str(err), fault.where[0],
                 wb_protocol_type_str((enum wb_protocol_type)fault.where[1]), len);
        session_end(g, now, s, WB_TLS_ALERT_DECODE_ERROR, reason);
        return false;
    }
    on_message(g, now, unix_now, s, &message);
    return s->state != SESSION_CLOSING;
}

/* Plaintext into frames, frames into messages. */
static void on_data(struct gateway *g, wb_ms now, wb_unix_s unix_now, struct gateway_session *s)
{
    const uint8_t *data = NULL;
    size_t len = 0;
    while (s->state != SESSION_CLOSING && wb_tls_read(&s->tls, &data, &len)) {
        size_t used = 0;
        if (wb_protocol_frames_feed(&s->frames, data, len, &used) != WB_OK) {
            g->counters.frame_errors++;
            session_end(g, now, s, WB_TLS_ALERT_RECORD_OVERFLOW,
                        "a frame is empty or longer than what welcome announced");
            return;
        }
        wb_tls_read_done(&s->tls, used);
        const uint8_t *message = NULL;
        size_t message_len = 0;
        if (wb_protocol_frames_message(&s->frames, &message, &message_len)) {
            if (!on_frame(g, now, unix_now, s, message, message_len)) {
                return;
            }
            wb_protocol_frames_done(&s->frames);
        }
    }
}

static void on_tls_failed(struct gateway *g, wb_ms now, struct gateway_session *s,
                          const struct wb_tls_event *event)
{
    if (s->state == SESSION_HANDSHAKE) {
        g->counters.handshake_failures++;
    }
    if (s->state != SESSION_CLOSING) {
        act_log(g, WB_PROTOCOL_LOG_WARNING, "tls_failed",
                "device=%s peer=%s alert=%s by=%s reason=\"%s\"",
                s->device != NULL ? s->device->api.meta.name : "?", s->peer,
                wb_tls_alert_str(event->alert), event->is_alert_received ? "peer" : "us",
                event->fault->what != NULL ? event->fault->what : wb_err_str(event->fault->code));
        detach(g, now, s);
        s->state = SESSION_CLOSING;
        s->close_by = now + CLOSING_MS;
    }
}

static void on_events(struct gateway *g, wb_ms now, wb_unix_s unix_now, struct gateway_session *s)
{
    struct wb_tls_event event;
    while (wb_tls_next(&s->tls, &event)) {
        switch (event.type) {
        case WB_TLS_EVENT_CONNECTED: on_connected(g, now, unix_now, s); break;
        case WB_TLS_EVENT_PEER_CLOSED:
            session_end(g, now, s, WB_TLS_ALERT_CLOSE_NOTIFY, "the device closed the connection");
            break;
        case WB_TLS_EVENT_FAILED: on_tls_failed(g, now, s, &event); break;
        }
    }
}

size_t gateway_feed(struct gateway *g, wb_ms now, wb_unix_s unix_now, uint64_t id,
                    const uint8_t *bytes, size_t len)
{
    struct gateway_session *s = session_find(g, id);
    size_t done = 0;
    while (s != NULL && done < len && s->state != SESSION_CLOSING) {
        size_t used = 0;
        enum wb_err err = wb_tls_feed(&s->tls, now, bytes + done, len - done, &used);
        done += used;
        on_events(g, now, unix_now, s);
        on_data(g, now, unix_now, s);
        on_events(g, now, unix_now, s); /* PEER_CLOSED comes once its data was read */
        pend(g, s);
        if (err != WB_OK || used == 0) {
            break;
        }
    }
    g->counters.bytes_in += done;
    if (s != NULL && s->state == SESSION_CLOSING) {
        done = len; /* nobody reads what comes now */
        if (!wb_tls_wants_emit(&s->tls) && !s->is_close_told) {
            s->is_close_told = true;
            act(g, GATEWAY_CLOSE, s->id, NULL);
        }
    }
    return done;
}

void session_tick(struct gateway *g, wb_ms now, struct gateway_session *s)
{
    if (s->state == SESSION_CLOSING) {
        if (now >= s->close_by && !s->is_close_told) {
            s->is_close_told = true;
            act(g, GATEWAY_CLOSE, s->id, NULL);
        }
        return;
    }
    wb_tls_tick(&s->tls, now);
    if (now < s->deadline) {
        return;
    }
    g->counters.timeouts++;
    if (s->state == SESSION_HANDSHAKE) {
        g->counters.handshake_failures++;
    }
    session_end(g, now, s, WB_TLS_ALERT_USER_CANCELED,
                s->state == SESSION_HANDSHAKE ? "no complete handshake in time"
                : s->state == SESSION_HELLO   ? "no hello in time"
                                              : "silent for three heartbeat intervals");
}

enum wb_err gateway_command(struct gateway *g, wb_ms now, const char *device,
                            enum wb_protocol_action action, const char *app)
{
    (void)now;
    struct gateway_device *d = gateway_device_find(g, device);
    if (d == NULL) {
        return WB_ERR_NOT_FOUND;
    }
    if (d->session == NULL || d->session->state != SESSION_READY) {
        return WB_ERR_CLOSED;
    }
    struct wb_protocol_message m = {.type = WB_PROTOCOL_COMMAND,
                                    .u.command = {.action = action, .app = wb_protocol_text(app)}};
    return session_send(g, d->session, &m);
}
