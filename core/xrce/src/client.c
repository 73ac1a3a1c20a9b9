/* SPDX-License-Identifier: AGPL-3.0-only */
/* The client's engine. feed() only decides whether a message is to be processed; next() walks over
 * its submessages, one event at a time, so nothing is copied and nothing queued. What the engine
 * itself has to say (control messages on stream 0) is remembered as bits and written by emit().
 *
 *   CLOSED -open-> OPENING -STATUS_AGENT ok-> OPEN -close-> CLOSING -STATUS, or 3 tries-> CLOSED
 *                     |  refused                |  silence, or no progress
 *                     +--------> CLOSED <-------+
 *
 * Timers: retry_at (CREATE_CLIENT, DELETE), the stream's heartbeat, keepalive since heard_at. */
#include "wb_xrce_client.h"

#define RETRY_MS      1000u
#define HEARTBEAT_MS  200u
#define KEEPALIVE_MS  2000u
#define MTU           512u
#define MTU_MIN       64u
#define CLOSE_TRIES   3u
#define PINGS_MAX     3u
#define ASKED_MAX     50u /* heartbeats without progress: the agent lost the streams */
#define REQUEST_FIRST 10u /* smaller ones are reserved */
#define PING_REQUEST  10u
#define CLOSE_REQUEST 2u
#define NS_PER_S      1000000000
#define NS_PER_MS     1000000

_Static_assert(sizeof(void *) > 4 || sizeof(struct wb_xrce_client) <= 176,
               "the header tells boards what a client takes");

enum owed { OWED_OPEN = 1, OWED_CLOSE = 2, OWED_PING = 4, OWED_SYNC = 8 };

enum pending { PENDING_SHUT = 1, PENDING_LOST = 2 };

static void set_state(struct wb_xrce_client *client, enum wb_xrce_client_state state)
{
    WB_TRACE(client, "client state %d -> %d", client->state, state);
    WB_ASSERT(state != WB_XRCE_CLIENT_OPENING || client->state == WB_XRCE_CLIENT_CLOSED);
    WB_ASSERT(state != WB_XRCE_CLIENT_OPEN || client->state == WB_XRCE_CLIENT_OPENING);
    WB_ASSERT(state != WB_XRCE_CLIENT_CLOSING || client->state == WB_XRCE_CLIENT_OPEN);
    client->state = (uint8_t)state;
    if (state == WB_XRCE_CLIENT_CLOSED) {
        client->retry_at = WB_NEVER;
        client->owed = 0;
        client->is_busy = false;
        wb_xrce_out_reset(&client->out);
        wb_xrce_in_reset(&client->in);
        client->burst.len = 0;
    }
}

void wb_xrce_client_init(struct wb_xrce_client *client, const struct wb_xrce_client_cfg *cfg,
                         wb_ms now)
{
    uint16_t mtu = cfg->mtu == 0 ? MTU : cfg->mtu;
    WB_ASSERT(mtu >= MTU_MIN);
    *client = (struct wb_xrce_client){
        .retry_at = WB_NEVER,
        .heard_at = now,
        .now = now,
        .mtu = mtu,
        .retry_ms = cfg->retry_ms == 0 ? RETRY_MS : cfg->retry_ms,
        .keepalive_ms = cfg->keepalive_ms == 0 ? KEEPALIVE_MS : cfg->keepalive_ms,
        .session = cfg->session == 0 ? WB_XRCE_SESSION_DEFAULT : cfg->session,
        .request = REQUEST_FIRST - 1,
    };
    WB_ASSERT(client->session != WB_XRCE_SESSION_NONE);
    memcpy(client->key, cfg->key, sizeof client->key);
    wb_xrce_out_init(&client->out, &cfg->memory, mtu,
                     cfg->heartbeat_ms == 0 ? HEARTBEAT_MS : cfg->heartbeat_ms);
    wb_xrce_in_init(&client->in, &cfg->memory);
    wb_xrce_burst_init(&client->burst, &cfg->memory, mtu);
}

enum wb_xrce_client_state wb_xrce_client_state(const struct wb_xrce_client *client)
{
    return (enum wb_xrce_client_state)client->state;
}

void wb_xrce_client_clock(struct wb_xrce_client *client, wb_ms now, int64_t clock_ns)
{
    client->clock_at = now;
    client->clock_ns = clock_ns;
}

static int64_t clock_now(const struct wb_xrce_client *client)
{
    return client->clock_ns + (int64_t)(client->now - client->clock_at) * NS_PER_MS;
}

enum wb_err wb_xrce_client_open(struct wb_xrce_client *client, wb_ms now)
{
    if (client->state != WB_XRCE_CLIENT_CLOSED) {
        return WB_ERR_STATE;
    }
    set_state(client, WB_XRCE_CLIENT_OPENING);
    client->burst.seq = 0;
    client->burst_expected = 0;
    client->request = REQUEST_FIRST - 1;
    client->events = 0;
    client->owed = OWED_OPEN;
    client->now = now;
    client->retry_at = now + client->retry_ms;
    return WB_OK;
}

void wb_xrce_client_close(struct wb_xrce_client *client, wb_ms now)
{
    client->now = now;
    if (client->state == WB_XRCE_CLIENT_OPENING) {
        set_state(client, WB_XRCE_CLIENT_CLOSED);
        client->events |= PENDING_SHUT;
    } else if (client->state == WB_XRCE_CLIENT_OPEN) {
        set_state(client, WB_XRCE_CLIENT_CLOSING);
        client->owed = OWED_CLOSE;
        client->tries = 1;
        client->retry_at = now + client->retry_ms;
    }
}

static void lose(struct wb_xrce_client *client)
{
    set_state(client, WB_XRCE_CLIENT_CLOSED);
    client->events |= PENDING_LOST;
}

/* ---- requests ----------------------------------------------------------------------------- */

static struct wb_xrce_head session_head(const struct wb_xrce_client *client, uint8_t stream)
{
    struct wb_xrce_head head = {.session = client->session, .stream = stream};
    memcpy(head.key, client->key, sizeof head.key);
    return head;
}

static uint16_t next_request(const struct wb_xrce_client *client)
{
    return client->request == UINT16_MAX ? REQUEST_FIRST : (uint16_t)(client->request + 1);
}

/* The request went into a stream: its id is used. */
static void take_request(struct wb_xrce_client *client, uint16_t *request)
{
    client->request = next_request(client);
    if (request != NULL) {
        *request = client->request;
    }
}

/* Puts a submessage that begins with request and object id. */
static enum wb_err put(struct wb_xrce_client *client, uint8_t stream, uint8_t id,
                       const struct wb_cdr_writer *prefix, const void *data, size_t len,
                       uint16_t *request)
{
    WB_ASSERT(prefix->err == WB_OK);
    if (client->state != WB_XRCE_CLIENT_OPEN) {
        return WB_ERR_STATE;
    }
    if (len > UINT16_MAX) {
        return WB_ERR_LIMIT;
    }
    const struct wb_xrce_piece pieces[2] = {{prefix->origin, (uint32_t)prefix->len},
                                            {data, (uint32_t)len}};
    struct wb_xrce_head head = session_head(client, stream);
    if (stream == WB_XRCE_STREAM_RELIABLE) {
        WB_TRY(wb_xrce_out_put(&client->out, &head, id, WB_XRCE_FLAG_LITTLE, pieces));
    } else {
        WB_TRY(wb_xrce_burst_put(&client->burst, &head, id, WB_XRCE_FLAG_LITTLE, pieces));
    }
    take_request(client, request);
    return WB_OK;
}

/* Encodes CREATE where it will be sent from; ERR_SPACE when that is too small. */
static enum wb_err encode_create(uint8_t *buf, size_t cap, const struct wb_xrce_create *create,
                                 const struct wb_xrce_description *description, size_t *len)
{
    struct wb_cdr_writer w;
    const struct wb_xrce_entity *entity = &create->entity;
    wb_cdr_writer_init(&w, buf, cap, false);
    wb_xrce_encode_request(&w, &create->base);
    wb_cdr_write_u8(&w, entity->kind);
    wb_cdr_write_u8(&w, entity->representation);
    if (description == NULL) {
        wb_cdr_write_str(&w, entity->text, WB_XRCE_TEXT_MAX);
    } else {
        wb_cdr_write_u32(&w, 0);
        WB_TRY(w.err);
        struct wb_cdr_writer body; /* aligned from its own first byte */
        wb_cdr_writer_init(&body, buf + w.len, cap - w.len, false);
        wb_xrce_encode_description(&body, description);
        WB_TRY(body.err);
        buf[w.len - 4] = (uint8_t)body.len;
        buf[w.len - 3] = (uint8_t)(body.len >> 8);
        w.len += body.len;
    }
    if (entity->kind == WB_XRCE_PARTICIPANT) {
        wb_cdr_write_u16(&w, (uint16_t)entity->domain);
    } else {
        wb_cdr_write_u8(&w, (uint8_t)(entity->parent >> 8));
        wb_cdr_write_u8(&w, (uint8_t)entity->parent);
    }
    *len = w.len;
    return w.err;
}

static enum wb_err put_create(struct wb_xrce_client *client, uint8_t flags,
                              const struct wb_xrce_create *create,
                              const struct wb_xrce_description *description, uint16_t *request)
{
    if (client->state != WB_XRCE_CLIENT_OPEN) {
        return WB_ERR_STATE;
    }
    struct wb_xrce_head head = session_head(client, WB_XRCE_STREAM_RELIABLE);
    flags &= WB_XRCE_FLAG_REUSE | WB_XRCE_FLAG_REPLACE;
    for (int is_fresh = 0; is_fresh < 2; is_fresh++) {
        size_t cap, len;
        uint8_t *buf = wb_xrce_out_reserve(&client->out, &head, is_fresh != 0, &cap);
        if (buf == NULL) {
            continue;
        }
        enum wb_err err = encode_create(buf, cap, create, description, &len);
        if (err == WB_OK) {
            wb_xrce_out_commit(&client->out, &head, is_fresh != 0, WB_XRCE_CREATE,
                               flags | WB_XRCE_FLAG_LITTLE, len);
            take_request(client, request);
            return WB_OK;
        }
        if (err != WB_ERR_SPACE || is_fresh != 0) {
            return err == WB_ERR_SPACE ? WB_ERR_LIMIT : err;
        }
    }
    return WB_ERR_FULL;
}

enum wb_err wb_xrce_client_create(struct wb_xrce_client *client, uint16_t object, uint16_t parent,
                                  uint8_t flags, const struct wb_xrce_description *description,
                                  int16_t domain, uint16_t *request)
{
    const struct wb_xrce_create create = {
        .base = {next_request(client), object},
        .entity = {.kind = description->kind,
                   .representation = WB_XRCE_BIN,
                   .parent = parent,
                   .domain = domain},
    };
    return put_create(client, flags, &create, description, request);
}

enum wb_err wb_xrce_client_create_text(struct wb_xrce_client *client, uint16_t object,
                                       uint16_t parent, uint8_t flags, uint8_t representation,
                                       struct wb_cdr_str text, int16_t domain, uint16_t *request)
{
    const struct wb_xrce_create create = {
        .base = {next_request(client), object},
        .entity = {.kind = WB_XRCE_ID_KIND(object),
                   .representation = representation,
                   .text = text,
                   .parent = parent,
                   .domain = domain},
    };
    return put_create(client, flags, &create, NULL, request);
}

enum wb_err wb_xrce_client_delete(struct wb_xrce_client *client, uint16_t object, uint16_t *request)
{
    uint8_t buf[4];
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_xrce_encode_request(&w, &(struct wb_xrce_request){next_request(client), object});
    return put(client, WB_XRCE_STREAM_RELIABLE, WB_XRCE_DELETE, &w, NULL, 0, request);
}

enum wb_err wb_xrce_client_read(struct wb_xrce_client *client, uint16_t object, uint8_t stream,
                                const struct wb_xrce_delivery *delivery, uint16_t *request)
{
    uint8_t buf[16];
    struct wb_cdr_writer w;
    struct wb_xrce_read_data read = {
        .base = {next_request(client), object}, .stream = stream, .format = WB_XRCE_FORMAT_DATA};
    if (delivery != NULL) {
        read.has_delivery = true;
        read.delivery = *delivery;
    }
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_xrce_encode_read_data(&w, &read);
    return put(client, WB_XRCE_STREAM_RELIABLE, WB_XRCE_READ_DATA, &w, NULL, 0, request);
}

enum wb_err wb_xrce_client_write(struct wb_xrce_client *client, uint16_t object, uint8_t stream,
                                 const void *data, size_t len, uint16_t *request)
{
    uint8_t buf[4];
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_xrce_encode_request(&w, &(struct wb_xrce_request){next_request(client), object});
    return put(client, stream, WB_XRCE_WRITE_DATA, &w, data, len, request);
}

bool wb_xrce_client_is_flushed(const struct wb_xrce_client *client)
{
    return client->out.kept == 0;
}

void wb_xrce_client_ping(struct wb_xrce_client *client, wb_ms now)
{
    client->now = now;
    client->owed |= OWED_PING;
}

void wb_xrce_client_sync(struct wb_xrce_client *client, wb_ms now)
{
    client->now = now;
    if (client->state == WB_XRCE_CLIENT_OPEN) {
        client->owed |= OWED_SYNC;
    }
}

/* ---- input -------------------------------------------------------------------------------- */

static bool is_for_us(const struct wb_xrce_client *client, const struct wb_xrce_head *head)
{
    if (head->session == WB_XRCE_SESSION_NONE || head->session == WB_XRCE_SESSION_NONE_KEY) {
        return head->stream == WB_XRCE_STREAM_NONE; /* the answer to a ping without session */
    }
    if (head->session != client->session || client->state == WB_XRCE_CLIENT_CLOSED) {
        return false;
    }
    if (wb_xrce_head_len(head->session) > 4 &&
        memcmp(head->key, client->key, WB_XRCE_KEY_LEN) != 0) {
        return false;
    }
    return head->stream == WB_XRCE_STREAM_NONE || client->state == WB_XRCE_CLIENT_OPEN;
}

/* Best effort: what is older than something already seen is dropped. */
static bool is_in_time(uint16_t *expected, uint16_t seq)
{
    if ((uint16_t)(seq - *expected) >= 0x8000) {
        return false;
    }
    *expected = (uint16_t)(seq + 1);
    return true;
}

void wb_xrce_client_feed(struct wb_xrce_client *client, wb_ms now, const void *message, size_t len)
{
    struct wb_xrce_head head;
    WB_ASSERT(!client->is_busy);
    client->now = now;
    if (wb_xrce_walk_message(&client->walk, message, len, &head) != WB_OK ||
        !is_for_us(client, &head)) {
        client->messages_dropped++;
        return;
    }
    client->heard_at = now;
    client->pings = 0;
    switch (head.stream) {
    case WB_XRCE_STREAM_NONE: client->is_busy = true; break;
    case WB_XRCE_STREAM_BEST_EFFORT:
        client->is_busy = is_in_time(&client->burst_expected, head.seq);
        break;
    case WB_XRCE_STREAM_RELIABLE:
        client->is_busy = wb_xrce_in_accept(&client->in, head.seq, message, len);
        break;
    default: client->messages_dropped++; break;
    }
    client->rx_stream = head.stream;
    client->in_parts = false;
}

/* Clock offset as NTP computes it (RFC 5905 §8): half of what the two ways differ. */
static int64_t clock_offset(const struct wb_xrce_client *client,
                            const struct wb_xrce_timestamp_reply *reply)
{
    int64_t sent = (int64_t)reply->originate.s * NS_PER_S + reply->originate.ns;
    int64_t received = (int64_t)reply->receive.s * NS_PER_S + reply->receive.ns;
    int64_t answered = (int64_t)reply->transmit.s * NS_PER_S + reply->transmit.ns;
    struct wb_xrce_time time = wb_xrce_time_of_ns((uint64_t)clock_now(client));
    int64_t now = (int64_t)time.s * NS_PER_S + time.ns;
    return (received - sent) / 2 + (answered - now) / 2;
}

static bool process_status_agent(struct wb_xrce_client *client, const struct wb_xrce_sub *sub,
                                 struct wb_xrce_client_event *event)
{
    struct wb_xrce_status_agent status;
    if (client->state != WB_XRCE_CLIENT_OPENING ||
        wb_xrce_decode_status_agent(sub, &status) != WB_OK) {
        return false;
    }
    event->status = status.status;
    if (status.status > WB_XRCE_OK_MATCHED) {
        set_state(client, WB_XRCE_CLIENT_CLOSED);
        event->kind = WB_XRCE_CLIENT_REFUSED;
        return true;
    }
    set_state(client, WB_XRCE_CLIENT_OPEN);
    client->retry_at = WB_NEVER;
    client->owed &= (uint8_t)~OWED_OPEN;
    event->kind = WB_XRCE_CLIENT_OPENED;
    return true;
}

static bool process_status(struct wb_xrce_client *client, const struct wb_xrce_sub *sub,
                           struct wb_xrce_client_event *event)
{
    struct wb_xrce_status status;
    if (wb_xrce_decode_status(sub, &status) != WB_OK) {
        return false;
    }
    if (client->state == WB_XRCE_CLIENT_CLOSING) {
        if (status.related.object != WB_XRCE_ID_CLIENT) {
            return false;
        }
        set_state(client, WB_XRCE_CLIENT_CLOSED);
        event->kind = WB_XRCE_CLIENT_SHUT;
        return true;
    }
    event->kind = WB_XRCE_CLIENT_GOT_STATUS;
    event->request = status.related.request;
    event->object = status.related.object;
    event->status = status.status;
    return client->state == WB_XRCE_CLIENT_OPEN;
}

static bool process_fragment(struct wb_xrce_client *client, const struct wb_xrce_sub *sub,
                             struct wb_xrce_client_event *event)
{
    bool is_whole;
    if (client->rx_stream != WB_XRCE_STREAM_RELIABLE || client->in_parts) {
        return false;
    }
    if (wb_xrce_in_fragment(&client->in, sub, &is_whole) != WB_OK) {
        event->kind = WB_XRCE_CLIENT_DROPPED;
        return true;
    }
    if (is_whole) {
        wb_xrce_walk_subs(&client->parts, client->in.assembly, client->in.assembly_len);
        client->in_parts = true;
    }
    return false;
}

/* Deals with one submessage; true when it is an event. What does not decode is dropped. */
static bool process(struct wb_xrce_client *client, const struct wb_xrce_sub *sub,
                    struct wb_xrce_client_event *event)
{
    struct wb_xrce_acknack ack;
    struct wb_xrce_heartbeat heartbeat;
    struct wb_xrce_info info;
    struct wb_xrce_timestamp_reply reply;
    bool is_open = client->state == WB_XRCE_CLIENT_OPEN;
    switch (sub->id) {
    case WB_XRCE_STATUS_AGENT: return process_status_agent(client, sub, event);
    case WB_XRCE_STATUS: return process_status(client, sub, event);
    case WB_XRCE_FRAGMENT: return process_fragment(client, sub, event);
    case WB_XRCE_INFO:
        event->kind = WB_XRCE_CLIENT_GOT_PONG;
        return wb_xrce_decode_info(sub, &info) == WB_OK;
    case WB_XRCE_DATA:
        if (!is_open || wb_xrce_decode_data(sub, &event->data) != WB_OK) {
            return false;
        }
        event->kind = WB_XRCE_CLIENT_GOT_DATA;
        event->request = event->data.base.request;
        event->object = event->data.base.object;
        return true;
    case WB_XRCE_ACKNACK:
        if (is_open && wb_xrce_decode_acknack(sub, &ack) == WB_OK &&
            ack.stream == WB_XRCE_STREAM_RELIABLE) {
            wb_xrce_out_acknack(&client->out, client->now, &ack);
        }
        return false;
    case WB_XRCE_HEARTBEAT:
        if (is_open && wb_xrce_decode_heartbeat(sub, &heartbeat) == WB_OK &&
            heartbeat.stream == WB_XRCE_STREAM_RELIABLE) {
            wb_xrce_in_heartbeat(&client->in, &heartbeat);
        }
        return false;
    case WB_XRCE_TIMESTAMP_REPLY:
        if (!is_open || wb_xrce_decode_timestamp_reply(sub, &reply) != WB_OK) {
            return false;
        }
        event->kind = WB_XRCE_CLIENT_GOT_TIME;
        event->offset_ns = clock_offset(client, &reply);
        return true;
    default: return false;
    }
}

/* Gives the next submessage of the message, of what fragments joined to, or of the message that
 * waited for it; false: nothing is left. */
static bool next_sub(struct wb_xrce_client *client, struct wb_xrce_sub *sub)
{
    while (client->is_busy) {
        struct wb_xrce_walk *walk = client->in_parts ? &client->parts : &client->walk;
        if (wb_xrce_walk_next(walk, sub) == WB_OK) {
            return true;
        }
        if (client->in_parts) {
            client->in_parts = false;
            continue;
        }
        client->is_busy = false;
        if (client->rx_stream == WB_XRCE_STREAM_RELIABLE) {
            size_t len;
            struct wb_xrce_head head;
            const uint8_t *message = wb_xrce_in_advance(&client->in, &len);
            client->is_busy = message != NULL &&
                              wb_xrce_walk_message(&client->walk, message, len, &head) == WB_OK;
        }
    }
    return false;
}

bool wb_xrce_client_next(struct wb_xrce_client *client, struct wb_xrce_client_event *event)
{
    memset(event, 0, sizeof *event);
    if (client->events != 0) {
        bool is_lost = (client->events & PENDING_LOST) != 0;
        client->events = 0; /* they exclude one another */
        event->kind = is_lost ? WB_XRCE_CLIENT_LOST : WB_XRCE_CLIENT_SHUT;
        return true;
    }
    struct wb_xrce_sub sub;
    while (next_sub(client, &sub)) {
        if (process(client, &sub, event)) {
            return true;
        }
        memset(event, 0, sizeof *event);
    }
    return false;
}

/* ---- output and time ---------------------------------------------------------------------- */

/* Writes a message of one submessage on stream 0. */
static void encode_control(struct wb_xrce_client *client, uint8_t owed, uint8_t *id,
                           struct wb_cdr_writer *w)
{
    if (owed == OWED_OPEN) {
        struct wb_xrce_create_client create = {
            .self = {.version = {WB_XRCE_VERSION_MAJOR, 0}, .vendor = {1, 15}},
            .session = client->session,
            .mtu = client->mtu,
        };
        memcpy(create.key, client->key, sizeof create.key);
        *id = WB_XRCE_CREATE_CLIENT;
        wb_xrce_encode_create_client(w, &create);
    } else if (owed == OWED_CLOSE) {
        *id = WB_XRCE_DELETE;
        wb_xrce_encode_request(w, &(struct wb_xrce_request){CLOSE_REQUEST, WB_XRCE_ID_CLIENT});
    } else if (owed == OWED_PING) {
        *id = WB_XRCE_GET_INFO;
        wb_xrce_encode_get_info(
            w, &(struct wb_xrce_get_info){{PING_REQUEST, WB_XRCE_ID_AGENT}, WB_XRCE_INFO_ACTIVITY});
    } else {
        struct wb_xrce_timestamp stamp = {wb_xrce_time_of_ns((uint64_t)clock_now(client))};
        *id = WB_XRCE_TIMESTAMP;
        wb_xrce_encode_timestamp(w, &stamp);
    }
}

static size_t emit_control(struct wb_xrce_client *client, uint8_t *buf, size_t cap)
{
    uint8_t id;
    uint8_t owed = client->owed & (uint8_t)-client->owed; /* the lowest bit */
    bool is_open = client->state == WB_XRCE_CLIENT_OPEN;
    bool acks = is_open && owed == 0 && client->in.ack_owed;
    bool asks = is_open && owed == 0 && !acks && client->out.heartbeat_owed;
    if ((owed == 0 && !acks && !asks) || cap < MTU_MIN) {
        return 0;
    }
    struct wb_xrce_head head = session_head(client, WB_XRCE_STREAM_NONE);
    if (owed == OWED_OPEN || (owed == OWED_PING && !is_open)) {
        head.session &= WB_XRCE_SESSION_NONE; /* 0x80 stays 0x80, a session with key becomes 0 */
    }
    size_t len = wb_xrce_head_encode(&head, buf);
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf + len + WB_XRCE_SUB_HEAD_LEN, cap - len - WB_XRCE_SUB_HEAD_LEN,
                       false);
    if (acks) {
        struct wb_xrce_acknack ack = wb_xrce_in_acknack(&client->in);
        id = WB_XRCE_ACKNACK;
        wb_xrce_encode_acknack(&w, &ack);
        client->in.ack_owed = false;
    } else if (asks) {
        struct wb_xrce_heartbeat heartbeat = wb_xrce_out_heartbeat(&client->out);
        id = WB_XRCE_HEARTBEAT;
        wb_xrce_encode_heartbeat(&w, &heartbeat);
        client->out.heartbeat_owed = false;
    } else {
        encode_control(client, owed, &id, &w);
        client->owed &= (uint8_t)~owed;
    }
    WB_ASSERT(w.err == WB_OK);
    buf[len] = id;
    buf[len + 1] = WB_XRCE_FLAG_LITTLE;
    buf[len + 2] = (uint8_t)w.len;
    buf[len + 3] = 0;
    return len + WB_XRCE_SUB_HEAD_LEN + w.len;
}

size_t wb_xrce_client_emit(struct wb_xrce_client *client, wb_ms now, void *buf, size_t cap)
{
    client->now = now;
    size_t len = emit_control(client, buf, cap);
    if (len == 0 && client->state == WB_XRCE_CLIENT_OPEN) {
        len = wb_xrce_out_emit(&client->out, now, buf, cap);
        if (len == 0) {
            len = wb_xrce_burst_emit(&client->burst, buf, cap);
        }
    }
    return len;
}

static wb_ms keepalive_at(const struct wb_xrce_client *client)
{
    return client->heard_at + (wb_ms)client->keepalive_ms * (client->pings + 1u);
}

void wb_xrce_client_tick(struct wb_xrce_client *client, wb_ms now)
{
    client->now = now;
    switch (wb_xrce_client_state(client)) {
    case WB_XRCE_CLIENT_CLOSED: break;
    case WB_XRCE_CLIENT_OPENING:
        if (now >= client->retry_at) {
            client->owed |= OWED_OPEN;
            client->retry_at = now + client->retry_ms;
        }
        break;
    case WB_XRCE_CLIENT_OPEN:
        wb_xrce_out_tick(&client->out, now);
        if (client->out.asked > ASKED_MAX) {
            lose(client);
        } else if (now >= keepalive_at(client)) {
            if (client->pings == PINGS_MAX) {
                lose(client);
            } else {
                client->pings++;
                client->owed |= OWED_PING;
            }
        }
        break;
    case WB_XRCE_CLIENT_CLOSING:
        if (now >= client->retry_at && client->tries == CLOSE_TRIES) {
            set_state(client, WB_XRCE_CLIENT_CLOSED);
            client->events |= PENDING_SHUT;
        } else if (now >= client->retry_at) {
            client->tries++;
            client->owed |= OWED_CLOSE;
            client->retry_at = now + client->retry_ms;
        }
        break;
    }
}

wb_ms wb_xrce_client_due(const struct wb_xrce_client *client)
{
    if (client->state != WB_XRCE_CLIENT_OPEN) {
        return client->retry_at;
    }
    return wb_ms_min(client->out.heartbeat_at, keepalive_at(client));
}
