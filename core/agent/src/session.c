/* SPDX-License-Identifier: AGPL-3.0-only */
/* session.c: the connection to the gateway.
 *
 *     NONE --link_up--> HANDSHAKE --TLS connected--> HELLO --welcome--> READY
 *       ^                   \___________________________\________________/
 *       |                                      failure: CLOSED (the board closes the link)
 *       `------------------------------------------- link_down ----'
 *
 * Deadlines: TLS' own for the handshake; WELCOME_MS from hello to welcome; the heartbeat. After
 * each end the next link waits: 1 s, doubled for each failure in a row up to 60 s, +-25 %, so that
 * a fleet does not come back in one moment.
 */
#include <string.h>

#include "agent.h"

#define HANDSHAKE_MS         30000u
#define WELCOME_MS           15000u
#define RETRY_MIN_MS         1000u
#define RETRY_MAX_MS         60000u
#define RETRY_DOUBLES        6u
#define SESSION_GOOD_MS      10000u /* one that lasted this long is no failure in a row */
#define HEARTBEAT_MIN_MS     500u
#define HEARTBEAT_MAX_MS     3600000u
#define HEARTBEAT_DEFAULT_MS 30000u

static const char *const alpn[] = {WB_PROTOCOL_ALPN};

bool wb_agent_session_is_ready(const struct wb_agent *a)
{
    return a->session == SESSION_READY;
}

/* ---- back-off ------------------------------------------------------------------------------ */

static void retry_plan(struct wb_agent *a)
{
    uint32_t delay = RETRY_MIN_MS << a->attempts;
    uint8_t random[2] = {0, 0};

    if (delay > RETRY_MAX_MS) {
        delay = RETRY_MAX_MS;
    }
    if (a->attempts < RETRY_DOUBLES) {
        a->attempts++;
    }
    /* Without random numbers TLS fails anyway, and the middle of the range does. */
    if (wb_drbg_generate(a->cfg->drbg, random, sizeof(random)) != WB_OK) {
        random[0] = 0x80;
    }
    a->retry_at = a->now + delay - delay / 4u +
                  ((delay / 2u) * (((uint32_t)random[0] << 8) | random[1]) >> 16);
}

bool wb_agent_wants_link(const struct wb_agent *a, wb_ms now)
{
    return a->is_provisioned && a->session != SESSION_CLOSED &&
           (a->is_link_up || now >= a->retry_at);
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void handshake_memory_free(struct wb_agent *a)
{
    wb_agent_arena_free_block(&a->handshake_block);
}

/* Work memory of the handshake: the installer's, or of the arena while that one is in use. */
static struct wb_tls_mem handshake_memory(struct wb_agent *a)
{
    struct wb_tls_mem mem = {
        .rx = a->cfg->tls_in,
        .rx_cap = a->cfg->tls_in_len,
        .tx = a->cfg->tls_out,
        .tx_cap = a->cfg->tls_out_len,
        .work = a->cfg->scratch,
        .work_cap = a->cfg->scratch_len,
    };

    if (a->job != WB_AGENT_NONE) {
        uint32_t len = (uint32_t)WB_TLS_WORK_CAP(WB_AGENT_CERTIFICATE_MAX);
        void *work = wb_agent_arena_take(a, &a->handshake_block, len);

        if (work != NULL) {
            mem.work = work;
            mem.work_cap = len;
        } else {
            wb_agent_deploy_abandon_job(a);
        }
    }
    return mem;
}

static void session_end(struct wb_agent *a)
{
    handshake_memory_free(a);
    if (a->session == SESSION_READY && a->now - a->welcomed_at >= SESSION_GOOD_MS) {
        a->attempts = 0;
    }
    wb_agent_deploy_session_end(a);
    wb_agent_outbox_keep_reports(a);
    a->hello_left = 0;
    retry_plan(a);
    wb_agent_set_state(a, WB_AGENT_CERTIFICATE_VALIDATION);
}

void wb_agent_session_fail(struct wb_agent *a, enum wb_err err, const char *what)
{
    WB_ASSERT(err != WB_OK);
    if (a->session == SESSION_CLOSED || a->session == SESSION_NONE) {
        return;
    }
    session_end(a);
    a->session = SESSION_CLOSED;
    wb_agent_log_err(a, WB_AGENT_WARNING, what, err);
    wb_agent_push_event(a, WB_AGENT_EVENT_CLOSED, (uint8_t)err);
}

void wb_agent_link_up(struct wb_agent *a, wb_ms now)
{
    struct wb_tls_mem mem;
    enum wb_err err;

    a->now = now > a->now ? now : a->now;
    if (a->is_link_up || !a->is_provisioned) {
        return;
    }
    a->is_link_up = true;
    a->bytes_in = 0;
    a->bytes_out = 0;
    a->provisioning_error = wb_agent_identity_load(a); /* the records may have moved */
    if (a->provisioning_error != NULL) {
        a->is_provisioned = false;
        return;
    }
    a->tls_cfg = (struct wb_tls_cfg){
        .role = WB_TLS_CLIENT,
        .crypto = &wb_tls_crypto_small, /* boards link no more than they use */
        .random = wb_agent_random,
        .random_ctx = a->cfg->drbg,
        .credential = &a->credential,
        .anchors = &a->anchor,
        .anchor_count = 1,
        .server_name = a->server_name,
        .alpn = alpn,
        .alpn_count = 1,
        .alpn_required = true,
        .handshake_timeout_ms = HANDSHAKE_MS,
    };
    mem = handshake_memory(a);
    wb_protocol_frames_init(&a->frames, a->cfg->frame, a->cfg->frame_len);
    a->peer_frame_max = WB_PROTOCOL_FRAME_DEFAULT;
    a->session = SESSION_HANDSHAKE;
    wb_agent_set_state(a, WB_AGENT_CERTIFICATE_VALIDATION);
    err = wb_tls_init(&a->tls, &a->tls_cfg, &mem, a->now, (wb_unix_s)(wb_agent_unix_ms(a) / 1000u));
    if (err != WB_OK) {
        wb_agent_session_fail(a, err, "cannot begin TLS");
    }
}

void wb_agent_link_down(struct wb_agent *a, wb_ms now)
{
    bool was_open;

    a->now = now > a->now ? now : a->now;
    if (!a->is_link_up) {
        if (wb_agent_wants_link(a, now)) { /* the board tried and got none */
            retry_plan(a);
        }
        return;
    }
    a->is_link_up = false;
    if (a->session == SESSION_NONE) {
        return;
    }
    was_open = a->session != SESSION_CLOSED;
    if (was_open) { /* no event: the board knows */
        session_end(a);
    }
    wb_tls_deinit(&a->tls);
    a->session = SESSION_NONE;
    if (was_open) {
        wb_agent_log_text(a, NULL, WB_AGENT_WARNING, "link to the gateway is lost");
    }
}

/* ---- messages from the gateway --------------------------------------------------------------- */

static void welcome(struct wb_agent *a, const struct wb_protocol_welcome *message)
{
    if (message->frame_max < WB_PROTOCOL_FRAME_DEFAULT) {
        wb_agent_session_fail(a, WB_ERR_LIMIT, "gateway takes too short messages (below 512)");
        return;
    }
    a->peer_frame_max = message->frame_max > UINT16_MAX ? UINT16_MAX : message->frame_max;
    a->heartbeat_ms = message->heartbeat_ms == 0 ? HEARTBEAT_DEFAULT_MS : message->heartbeat_ms;
    if (a->heartbeat_ms < HEARTBEAT_MIN_MS) {
        a->heartbeat_ms = HEARTBEAT_MIN_MS;
    } else if (a->heartbeat_ms > HEARTBEAT_MAX_MS) {
        a->heartbeat_ms = HEARTBEAT_MAX_MS;
    }
    wb_agent_set_time(a, a->now, message->unix_ms);
    a->session = SESSION_READY;
    a->welcomed_at = a->now;
    a->heartbeat_at = a->now + a->heartbeat_ms;
    a->is_heartbeat_due = true;
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        a->cfg->slots[i].is_status_due = !wb_agent_slot_is_free(&a->cfg->slots[i]);
    }
    wb_agent_app_resubscribe(a);
    wb_agent_set_state(a, WB_AGENT_APPLICATION_DEPLOYMENT);
    wb_agent_log_text(a, NULL, WB_AGENT_INFO, "connected to the gateway");
}

static void command(struct wb_agent *a, const struct wb_protocol_command *message)
{
    uint8_t slot;

    switch (message->action) {
    case WB_PROTOCOL_RESTART_DEVICE:
        wb_agent_log_text(a, NULL, WB_AGENT_INFO, "restart was asked for");
        wb_agent_push_event(a, WB_AGENT_EVENT_RESET, 0);
        break;
    case WB_PROTOCOL_IDENTIFY:
        wb_agent_log_text(a, NULL, WB_AGENT_INFO, "identify: here I am");
        wb_agent_push_event(a, WB_AGENT_EVENT_IDENTIFY, 0);
        break;
    case WB_PROTOCOL_RESTART_APP:
        slot = wb_agent_slot_find(a, message->app);
        if (slot == WB_AGENT_NONE) {
            wb_agent_log_text(a, NULL, WB_AGENT_WARNING,
                              "restart was asked for an application that is not here");
            break;
        }
        wb_agent_app_stop(a, slot);
        a->cfg->slots[slot].backoff = 0;
        a->cfg->slots[slot].restarts++;
        (void)wb_agent_app_start(a, slot); /* on failure the slot says why and tries again */
        break;
    default: break; /* of a newer gateway */
    }
}

void wb_agent_session_message(struct wb_agent *a, const uint8_t *bytes, size_t len)
{
    struct wb_protocol_message message;
    enum wb_err err = wb_protocol_decode(bytes, len, &message, NULL);

    if (err == WB_ERR_UNSUPPORTED) {
        return; /* of a newer gateway */
    }
    if (err != WB_OK) {
        wb_agent_session_fail(a, err, "gateway sent a malformed message");
        return;
    }
    if (wb_protocol_is_from_device(message.type) ||
        (a->session == SESSION_HELLO) != (message.type == WB_PROTOCOL_WELCOME)) {
        wb_agent_session_fail(a, WB_ERR_PROTOCOL, wb_protocol_type_str(message.type));
        return;
    }
    switch (message.type) {
    case WB_PROTOCOL_WELCOME: welcome(a, &message.u.welcome); break;
    case WB_PROTOCOL_DESIRED: wb_agent_deploy_desired(a, &message.u.desired); break;
    case WB_PROTOCOL_CHUNK: wb_agent_deploy_chunk(a, &message.u.chunk); break;
    case WB_PROTOCOL_DATA: wb_agent_app_deliver(a, &message.u.publish); break;
    case WB_PROTOCOL_COMMAND: command(a, &message.u.command); break;
    case WB_PROTOCOL_HELLO:
    case WB_PROTOCOL_HEARTBEAT:
    case WB_PROTOCOL_APP_STATUS:
    case WB_PROTOCOL_LOG:
    case WB_PROTOCOL_TRAP:
    case WB_PROTOCOL_FETCH:
    case WB_PROTOCOL_PUBLISH:
    case WB_PROTOCOL_DESIRED_ACK:
    case WB_PROTOCOL_SUBSCRIBE:
    case WB_PROTOCOL_UNSUBSCRIBE: break; /* refused above */
    }
}

/* Application data of TLS -> frames -> messages. */
static void data_read(struct wb_agent *a)
{
    const uint8_t *data, *message;
    size_t len, used, message_len;

    while (a->session != SESSION_CLOSED && wb_tls_read(&a->tls, &data, &len)) {
        enum wb_err err = wb_protocol_frames_feed(&a->frames, data, len, &used);

        wb_tls_read_done(&a->tls, used);
        if (err != WB_OK) {
            wb_agent_session_fail(a, err, "gateway sent a message over this device's limit");
            return;
        }
        if (wb_protocol_frames_message(&a->frames, &message, &message_len)) {
            wb_agent_session_message(a, message, message_len);
            wb_protocol_frames_done(&a->frames);
        }
    }
}

/* ---- hello ----------------------------------------------------------------------------------- */

static struct wb_cbor_text short_text(const char *text)
{
    struct wb_cbor_text t = wb_protocol_text(text);

    t.len = t.len > 31 ? 31 : t.len;
    return t;
}

/* Puts hello before what waits; it fits, because reports leave OUTBOX_RESERVE free. */
static void hello(struct wb_agent *a)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_HELLO};
    struct wb_protocol_hello *m = &message.u.hello;
    uint32_t before = a->outbox_used;

    m->version = WB_PROTOCOL_VERSION;
    m->device_id = wb_agent_identity_name(a);
    m->firmware = short_text(a->cfg->firmware);
    m->device_type = short_text(a->cfg->device_type);
    m->frame_max = a->cfg->frame_len;
    m->abi = WB_AGENT_ABI;
    m->app_slots = a->cfg->slot_count;
    m->arena_size = a->cfg->arena_len;
    m->boots = a->boots;
    m->reset_reason = short_text(a->cfg->reset_reason);
    if (!wb_agent_outbox_put(a, &message, 0)) {
        wb_agent_session_fail(a, WB_ERR_SPACE, "hello does not fit the outbox");
        return;
    }
    a->hello_left = (uint16_t)(a->outbox_used - before);
    wb_agent_outbox_to_front(a, before);
    a->session = SESSION_HELLO;
    a->session_deadline = a->now + WELCOME_MS;
    wb_agent_set_state(a, WB_AGENT_TLS_CONNECTION);
}

static void tls_failed(struct wb_agent *a, const struct wb_tls_event *event)
{
    char what[LOG_LINE_MAX];
    struct wb_text t = wb_text_init(what, sizeof(what));
    enum wb_err err = WB_ERR_PEER;

    wb_text_add(&t, "TLS");
    if (event->is_alert_received) {
        wb_text_add(&t, ": gateway refuses with alert ");
        wb_text_add(&t, wb_tls_alert_str(event->alert));
    } else if (event->fault != NULL && event->fault->what != NULL) {
        wb_text_add(&t, ": ");
        wb_text_add(&t, event->fault->what);
    }
    if (event->fault != NULL && event->fault->code != WB_OK) {
        err = event->fault->code;
    }
    wb_agent_session_fail(a, err, what);
}

static void tls_events(struct wb_agent *a)
{
    struct wb_tls_event event;

    while (wb_tls_next(&a->tls, &event)) {
        switch (event.type) {
        case WB_TLS_EVENT_CONNECTED:
            handshake_memory_free(a);
            hello(a);
            break;
        case WB_TLS_EVENT_PEER_CLOSED:
            wb_agent_session_fail(a, WB_ERR_CLOSED, "gateway ended the session");
            break;
        case WB_TLS_EVENT_FAILED: tls_failed(a, &event); break;
        }
    }
}

/* ---- the calls of the engine --------------------------------------------------------------------
 */

static bool is_session_open(const struct wb_agent *a)
{
    return a->session != SESSION_NONE && a->session != SESSION_CLOSED;
}

enum wb_err wb_agent_feed(struct wb_agent *a, wb_ms now, const uint8_t *bytes, size_t len,
                          size_t *used)
{
    size_t at = 0;

    a->now = now > a->now ? now : a->now;
    *used = len;
    while (is_session_open(a) && at < len) {
        size_t n = 0;
        enum wb_err err = wb_tls_feed(&a->tls, a->now, bytes + at, len - at, &n);

        at += n;
        a->bytes_in += n;
        data_read(a);
        if (a->session != SESSION_CLOSED) {
            tls_events(a);
        }
        if (a->session == SESSION_CLOSED) {
            return err != WB_OK ? err : WB_ERR_CLOSED;
        }
        if (n == 0) {
            *used = at; /* a flight of ours must go first */
            return WB_OK;
        }
    }
    return WB_OK;
}

void wb_agent_session_pump(struct wb_agent *a)
{
    const uint8_t *data;
    size_t len, taken;

    if (a->session != SESSION_HELLO && a->session != SESSION_READY) {
        return;
    }
    for (;;) {
        if (a->session == SESSION_READY) {
            wb_agent_report_pump(a);
        }
        len = wb_agent_outbox_peek(a, &data);
        if (a->session == SESSION_HELLO && len > a->hello_left) {
            len = a->hello_left; /* nothing else before welcome */
        }
        if (len == 0 || wb_tls_write(&a->tls, data, len, &taken) != WB_OK || taken == 0) {
            return;
        }
        if (a->session == SESSION_HELLO) {
            a->hello_left -= (uint16_t)taken;
        }
        wb_agent_outbox_sent(a, taken);
    }
}

size_t wb_agent_emit(struct wb_agent *a, wb_ms now, uint8_t *buf, size_t cap)
{
    size_t n;

    a->now = now > a->now ? now : a->now;
    if (a->session == SESSION_NONE) {
        return 0;
    }
    wb_agent_session_pump(a);
    if (a->session == SESSION_NONE) {
        return 0;
    }
    n = wb_tls_emit(&a->tls, a->now, buf, cap);
    a->bytes_out += n;
    return n;
}

void wb_agent_session_tick(struct wb_agent *a)
{
    if (!is_session_open(a)) {
        return;
    }
    wb_tls_tick(&a->tls, a->now);
    tls_events(a);
    if (a->session == SESSION_HELLO && a->session_deadline <= a->now) {
        wb_agent_session_fail(a, WB_ERR_TIMEOUT, "gateway does not answer hello");
    }
    if (a->session == SESSION_READY && a->heartbeat_at <= a->now) {
        a->heartbeat_at = a->now + a->heartbeat_ms;
        a->is_heartbeat_due = true;
        for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
            if (a->cfg->slots[i].run != NULL) {
                a->cfg->slots[i].is_status_due = true; /* fuel and restarts */
            }
        }
    }
}

wb_ms wb_agent_session_due(const struct wb_agent *a)
{
    switch ((enum session)a->session) {
    case SESSION_NONE:
        /* Once it has passed, the board knows from wants_link() and waits for the link, not for
         * time. */
        return a->is_provisioned && a->retry_at > a->now ? a->retry_at : WB_NEVER;
    case SESSION_HANDSHAKE: return wb_tls_due(&a->tls);
    case SESSION_HELLO: return a->session_deadline;
    case SESSION_READY: return a->heartbeat_at;
    case SESSION_CLOSED: break;
    }
    return WB_NEVER;
}
