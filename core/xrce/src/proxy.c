/* SPDX-License-Identifier: AGPL-3.0-only */
/* The agent's engine of one client, built like client.c: feed() decides whether a message is to be
 * processed, next() walks over it. Two things may take several events: deleting an object (its
 * children first, leaves before branches), and a CREATE that replaces an object (the deletion, then
 * the creation).
 *
 * Back-pressure: a reliable message is accepted only when the answers it may cause find room in the
 * output stream; else it is left unacknowledged and comes again. deliver() leaves one or two slots
 * to answers. */
#include "wb_xrce_agent.h"

#define HEARTBEAT_MS   200u
#define SILENT_MS      30000u
#define MTU            512u
#define MTU_MIN        64u
#define DUPLICATE_MS   500u /* a second CREATE_CLIENT within it is the same one, delayed */
#define SLOTS_RESERVED 2u
#define STATUS_LEN     12u /* of a STATUS submessage, padded */
#define NS_PER_MS      1000000

enum owed { OWED_STATUS_AGENT = 1, OWED_CLOSED = 2, OWED_INFO = 4, OWED_TIME = 8 };

/* Version and dialect: object representations are those of eProsima's vendor id. */
static const struct wb_xrce_self self = {.version = {WB_XRCE_VERSION_MAJOR, 0}, .vendor = {1, 15}};

static bool is_session_none(uint8_t session)
{
    return session == WB_XRCE_SESSION_NONE || session == WB_XRCE_SESSION_NONE_KEY;
}

/* ---- object table ------------------------------------------------------------------------- */

static struct wb_xrce_object *find_object(const struct wb_xrce_proxy *proxy, uint16_t id)
{
    for (uint16_t i = 0; i < proxy->objects_cap && id != 0; i++) {
        if (proxy->objects[i].id == id) {
            return &proxy->objects[i];
        }
    }
    return NULL;
}

static struct wb_xrce_object *find_free(const struct wb_xrce_proxy *proxy)
{
    for (uint16_t i = 0; i < proxy->objects_cap; i++) {
        if (proxy->objects[i].id == 0) {
            return &proxy->objects[i];
        }
    }
    return NULL;
}

static struct wb_xrce_object *find_child(const struct wb_xrce_proxy *proxy, uint16_t parent)
{
    for (uint16_t i = 0; i < proxy->objects_cap; i++) {
        if (proxy->objects[i].id != 0 && proxy->objects[i].parent == parent) {
            return &proxy->objects[i];
        }
    }
    return NULL;
}

static void clear_objects(struct wb_xrce_proxy *proxy)
{
    for (uint16_t i = 0; i < proxy->objects_cap; i++) {
        proxy->objects[i].id = 0;
    }
    proxy->deleting = 0;
    proxy->is_replacing = false;
}

static void stop_reading(struct wb_xrce_proxy *proxy)
{
    for (uint16_t i = 0; i < proxy->objects_cap; i++) {
        proxy->objects[i].is_reading = false;
    }
}

static uint32_t digest_str(uint32_t digest, struct wb_cdr_str text)
{
    const uint8_t mark = text.at != NULL;
    digest = wb_crc32(digest, &mark, 1);
    digest = wb_crc32(digest, &text.len, sizeof text.len);
    return text.len == 0 ? digest : wb_crc32(digest, text.at, text.len);
}

/* Of what a description says, not of its bytes: those hold padding of any value. */
static uint32_t digest_of(const struct wb_xrce_entity *entity, const struct wb_xrce_description *d)
{
    const struct wb_xrce_qos *q = &d->qos;
    const uint32_t numbers[] = {
        entity->kind,     entity->representation,
        entity->parent,   (uint16_t)entity->domain,
        d->topic,         q->has_qos,
        q->has_depth,     q->has_deadline,
        q->flags,         q->has_lifespan,
        q->has_user_data, q->has_strength,
        q->depth,         q->deadline_ms,
        q->lifespan_ms,   q->has_time_filter,
        q->strength,      q->time_filter_ms,
        q->user_data_len,
    };
    uint32_t digest = wb_crc32(0, numbers, sizeof numbers);
    digest = digest_str(digest, d->domain_ref);
    digest = digest_str(digest, d->name);
    digest = digest_str(digest, d->type_ref);
    digest = digest_str(digest, d->type);
    digest = digest_str(digest, d->reply_type);
    digest = digest_str(digest, d->request_topic);
    digest = digest_str(digest, d->reply_topic);
    digest = digest_str(digest, q->filter);
    if (q->user_data_len > 0) {
        digest = wb_crc32(digest, q->user_data, q->user_data_len);
    }
    return entity->representation == WB_XRCE_BIN ? digest : digest_str(digest, entity->text);
}

/* ---- set-up ------------------------------------------------------------------------------- */

void wb_xrce_proxy_init(struct wb_xrce_proxy *proxy, const struct wb_xrce_proxy_cfg *cfg, wb_ms now)
{
    uint16_t mtu = cfg->mtu == 0 ? MTU : cfg->mtu;
    WB_ASSERT(mtu >= MTU_MIN);
    *proxy = (struct wb_xrce_proxy){
        .now = now,
        .heard_at = now,
        .objects = cfg->objects,
        .objects_cap = cfg->objects_cap,
        .mtu_cfg = mtu,
        .silent_ms = cfg->silent_ms == 0 ? SILENT_MS : cfg->silent_ms,
    };
    memset(proxy->objects, 0, sizeof *proxy->objects * proxy->objects_cap);
    wb_xrce_out_init(&proxy->out, &cfg->memory, mtu,
                     cfg->heartbeat_ms == 0 ? HEARTBEAT_MS : cfg->heartbeat_ms);
    wb_xrce_in_init(&proxy->in, &cfg->memory);
    wb_xrce_burst_init(&proxy->burst, &cfg->memory, mtu);
    proxy->slot_message_max = proxy->out.message_max;
    proxy->burst_cap = proxy->burst.cap;
}

void wb_xrce_proxy_clock(struct wb_xrce_proxy *proxy, wb_ms now, int64_t unix_ns)
{
    proxy->clock_at = now;
    proxy->clock_ns = unix_ns;
}

static struct wb_xrce_time clock_now(const struct wb_xrce_proxy *proxy)
{
    return wb_xrce_time_of_ns(
        (uint64_t)(proxy->clock_ns + (int64_t)(proxy->now - proxy->clock_at) * NS_PER_MS));
}

static void reset_streams(struct wb_xrce_proxy *proxy)
{
    wb_xrce_out_reset(&proxy->out);
    wb_xrce_in_reset(&proxy->in);
    proxy->burst.len = 0;
    proxy->burst.seq = 0;
    proxy->burst_expected = 0;
    proxy->deleting = 0;
    proxy->is_replacing = false;
}

void wb_xrce_proxy_forget(struct wb_xrce_proxy *proxy)
{
    clear_objects(proxy);
    reset_streams(proxy);
    proxy->is_connected = false;
    proxy->is_busy = false;
    proxy->owed = 0;
    proxy->session = 0;
    proxy->peer = 0;
    memset(proxy->key, 0, sizeof proxy->key);
}

static struct wb_xrce_head session_head(const struct wb_xrce_proxy *proxy, uint8_t stream)
{
    struct wb_xrce_head head = {.session = proxy->session, .stream = stream};
    memcpy(head.key, proxy->key, sizeof head.key);
    return head;
}

/* ---- answers and samples ------------------------------------------------------------------ */

void wb_xrce_proxy_answer(struct wb_xrce_proxy *proxy, uint16_t request, uint16_t object,
                          uint8_t status)
{
    struct wb_xrce_object *entry = find_object(proxy, object);
    bool is_error = status > WB_XRCE_OK_MATCHED;
    if (!proxy->is_connected) {
        return;
    }
    if (entry != NULL && is_error && entry->create_request == request) {
        entry->id = 0;
    } else if (entry != NULL && is_error && entry->read_request == request) {
        entry->is_reading = false;
    }
    uint8_t buf[6];
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_xrce_encode_status(&w, &(struct wb_xrce_status){{request, object}, status, 0});
    const struct wb_xrce_piece pieces[2] = {{buf, (uint32_t)w.len}, {NULL, 0}};
    struct wb_xrce_head head = session_head(proxy, WB_XRCE_STREAM_RELIABLE);
    if (wb_xrce_out_put(&proxy->out, &head, WB_XRCE_STATUS, WB_XRCE_FLAG_LITTLE, pieces) != WB_OK) {
        proxy->answers_dropped++;
    }
}

void wb_xrce_proxy_refuse(struct wb_xrce_proxy *proxy, uint8_t status)
{
    uint64_t peer = proxy->peer;
    uint8_t owed = proxy->owed & OWED_STATUS_AGENT;
    wb_xrce_proxy_forget(proxy);
    proxy->peer = peer; /* its answer is still to be sent there */
    proxy->owed = owed;
    proxy->create_status = status;
}

static bool has_read(const struct wb_xrce_object *object, wb_ms now)
{
    return object != NULL && object->is_reading && now < object->read_until;
}

bool wb_xrce_proxy_is_reading(const struct wb_xrce_proxy *proxy, uint16_t object, wb_ms now)
{
    return proxy->is_connected && has_read(find_object(proxy, object), now);
}

/* A sample of len bytes went out: when may the next one? */
static void pace(struct wb_xrce_object *object, wb_ms now, size_t len)
{
    wb_ms wait = object->read_pace_ms;
    if (object->read_rate > 0) {
        wb_ms rate_wait = ((wb_ms)len * 1000 + object->read_rate - 1) / object->read_rate;
        wait = rate_wait > wait ? rate_wait : wait;
    }
    object->read_at = now + wait;
    if (object->read_samples != WB_XRCE_SAMPLES_UNLIMITED && --object->read_samples == 0) {
        object->is_reading = false;
    }
}

/* Slots that samples leave to answers, else a busy topic would starve requests. */
static uint8_t reserved_slots(const struct wb_xrce_out *out)
{
    if (out->slots > 2 * SLOTS_RESERVED) {
        return SLOTS_RESERVED;
    }
    return out->slots > 1 ? 1 : 0;
}

enum wb_err wb_xrce_proxy_deliver(struct wb_xrce_proxy *proxy, wb_ms now, uint16_t object,
                                  const void *data, size_t len)
{
    struct wb_xrce_object *entry = find_object(proxy, object);
    proxy->now = now;
    if (!proxy->is_connected || !has_read(entry, now)) {
        return WB_ERR_NOT_FOUND;
    }
    if (now < entry->read_at) {
        return WB_ERR_STATE;
    }
    if (len > UINT16_MAX) {
        return WB_ERR_LIMIT;
    }
    uint8_t buf[4];
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_xrce_encode_request(&w, &(struct wb_xrce_request){entry->read_request, object});
    const struct wb_xrce_piece pieces[2] = {{buf, sizeof buf}, {data, (uint32_t)len}};
    struct wb_xrce_head head = session_head(proxy, entry->read_stream);
    if (entry->read_stream == WB_XRCE_STREAM_RELIABLE) {
        struct wb_xrce_out *out = &proxy->out;
        size_t usable = (size_t)out->slots - reserved_slots(out);
        size_t chunk = out->message_max - wb_xrce_head_len(head.session) - WB_XRCE_SUB_HEAD_LEN;
        size_t needed = (len + 8 + chunk - 1) / chunk;
        if (needed > usable) {
            return WB_ERR_LIMIT;
        }
        if (needed + out->kept > usable) {
            return WB_ERR_FULL;
        }
        WB_TRY(wb_xrce_out_put(out, &head, WB_XRCE_DATA, WB_XRCE_FLAG_LITTLE, pieces));
    } else {
        WB_TRY(wb_xrce_burst_put(&proxy->burst, &head, WB_XRCE_DATA, WB_XRCE_FLAG_LITTLE, pieces));
    }
    pace(entry, now, len);
    return WB_OK;
}

/* ---- input -------------------------------------------------------------------------------- */

static bool is_delete_of_client(const struct wb_xrce_walk *walk, uint16_t *request)
{
    struct wb_xrce_walk copy = *walk;
    struct wb_xrce_sub sub;
    struct wb_xrce_request base;
    if (wb_xrce_walk_next(&copy, &sub) != WB_OK || sub.id != WB_XRCE_DELETE ||
        wb_xrce_decode_request(&sub, &base) != WB_OK || base.object != WB_XRCE_ID_CLIENT) {
        return false;
    }
    *request = base.request;
    return true;
}

static bool is_of_session(struct wb_xrce_proxy *proxy, const struct wb_xrce_head *head)
{
    if (head->session != proxy->session) {
        return false;
    }
    if (wb_xrce_head_len(head->session) > 4 &&
        memcmp(head->key, proxy->key, WB_XRCE_KEY_LEN) != 0) {
        return false;
    }
    if (!proxy->is_connected) { /* closed already: its confirmation was lost, say it again */
        if (is_delete_of_client(&proxy->walk, &proxy->close_request)) {
            proxy->owed |= OWED_CLOSED;
        }
        return false;
    }
    return true;
}

/* Does the stream have room for the answers that this message may cause? Samples cause none, so
 * they pass when it is full; a fragment may complete one request. */
static bool has_room(const struct wb_xrce_proxy *proxy, const void *message, size_t len)
{
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_sub sub;
    uint32_t needed = 0;
    if (proxy->out.kept == 0 || wb_xrce_walk_message(&walk, message, len, &head) != WB_OK) {
        return true;
    }
    while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
        if (sub.id == WB_XRCE_CREATE || sub.id == WB_XRCE_DELETE || sub.id == WB_XRCE_READ_DATA ||
            sub.id == WB_XRCE_FRAGMENT) {
            needed += STATUS_LEN;
        }
    }
    return needed <= wb_xrce_out_room(&proxy->out, wb_xrce_head_len(head.session));
}

void wb_xrce_proxy_feed(struct wb_xrce_proxy *proxy, wb_ms now, const void *message, size_t len)
{
    struct wb_xrce_head head;
    WB_ASSERT(!proxy->is_busy);
    proxy->now = now;
    if (wb_xrce_walk_message(&proxy->walk, message, len, &head) != WB_OK) {
        proxy->messages_dropped++;
        return;
    }
    if (is_session_none(head.session)) {
        proxy->is_busy = true;
        memcpy(proxy->answer_key, head.key, sizeof proxy->answer_key);
    } else if (!is_of_session(proxy, &head)) {
        proxy->messages_dropped++;
        return;
    } else {
        proxy->heard_at = now;
        if (head.stream == WB_XRCE_STREAM_NONE) {
            proxy->is_busy = true;
        } else if (head.stream < WB_XRCE_STREAM_RELIABLE) {
            proxy->is_busy = head.stream != WB_XRCE_STREAM_BEST_EFFORT ||
                             (uint16_t)(head.seq - proxy->burst_expected) < 0x8000;
            if (proxy->is_busy && head.stream == WB_XRCE_STREAM_BEST_EFFORT) {
                proxy->burst_expected = (uint16_t)(head.seq + 1);
            }
        } else if (head.stream != WB_XRCE_STREAM_RELIABLE ||
                   (head.seq == proxy->in.expected && !has_room(proxy, message, len))) {
            proxy->messages_dropped++;
        } else {
            proxy->is_busy = wb_xrce_in_accept(&proxy->in, head.seq, message, len);
        }
    }
    proxy->rx_session = head.session;
    proxy->rx_stream = head.stream;
    proxy->in_parts = false;
}

/* CREATE_CLIENT (§8.3.5.1). Same key and session: the objects live on, streams begin anew. */
static bool process_create_client(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                                  struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_create_client *client = &event->of.client;
    if (!is_session_none(proxy->rx_session) || wb_xrce_decode_create_client(sub, client) != WB_OK) {
        return false;
    }
    proxy->owed |= OWED_STATUS_AGENT;
    proxy->answer_session = client->session;
    memcpy(proxy->answer_key, client->key, sizeof proxy->answer_key);
    proxy->create_status = WB_XRCE_OK;
    if (client->self.version[0] != WB_XRCE_VERSION_MAJOR) {
        proxy->create_status = WB_XRCE_INCOMPATIBLE;
        return false;
    }
    if (is_session_none(client->session) || client->mtu < MTU_MIN) {
        proxy->create_status = WB_XRCE_INVALID_DATA;
        return false;
    }
    bool is_same = proxy->is_connected && client->session == proxy->session &&
                   memcmp(client->key, proxy->key, sizeof proxy->key) == 0;
    if (is_same && proxy->now - proxy->created_at < DUPLICATE_MS) {
        return false;
    }
    reset_streams(proxy);
    stop_reading(proxy);
    if (!is_same) {
        clear_objects(proxy);
    }
    proxy->out.message_max =
        client->mtu < proxy->slot_message_max ? client->mtu : proxy->slot_message_max;
    proxy->burst.cap = client->mtu < proxy->burst_cap ? client->mtu : proxy->burst_cap;
    proxy->session = client->session;
    memcpy(proxy->key, client->key, sizeof proxy->key);
    proxy->created_at = proxy->now;
    proxy->heard_at = proxy->now;
    proxy->is_connected = true;
    event->kind = WB_XRCE_PROXY_CONNECTED;
    event->is_resumed = is_same;
    return true;
}

static bool refuse(struct wb_xrce_proxy *proxy, const struct wb_xrce_request *base, uint8_t status)
{
    wb_xrce_proxy_answer(proxy, base->request, base->object, status);
    return false;
}

static uint8_t parent_kind(uint8_t kind)
{
    switch (kind) {
    case WB_XRCE_DATAWRITER: return WB_XRCE_PUBLISHER;
    case WB_XRCE_DATAREADER: return WB_XRCE_SUBSCRIBER;
    default: return WB_XRCE_PARTICIPANT;
    }
}

static void start_delete(struct wb_xrce_proxy *proxy, uint16_t object, uint16_t request)
{
    proxy->deleting = object;
    proxy->delete_request = request;
}

/* CREATE with its modes (§8.3.5.2): reuse accepts an equal object, replace removes a different one.
 */
static bool process_create(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                           struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_create *create = &event->of.creation.create;
    const struct wb_xrce_entity *entity = &create->entity;
    enum wb_err err = wb_xrce_decode_create(sub, create);
    if (err == WB_ERR_END && sub->len < 4) {
        return false;
    }
    if (err != WB_OK || entity->kind != WB_XRCE_ID_KIND(create->base.object) ||
        wb_xrce_describe(entity, &event->of.creation.description) != WB_OK) {
        return refuse(proxy, &create->base, WB_XRCE_INVALID_DATA);
    }
    if (entity->kind != WB_XRCE_PARTICIPANT &&
        (WB_XRCE_ID_KIND(entity->parent) != parent_kind(entity->kind) ||
         find_object(proxy, entity->parent) == NULL)) {
        return refuse(proxy, &create->base, WB_XRCE_UNKNOWN_REFERENCE);
    }
    uint32_t digest = digest_of(entity, &event->of.creation.description);
    struct wb_xrce_object *object = find_object(proxy, create->base.object);
    if (object != NULL) {
        if (create->reuse && object->digest == digest) {
            return refuse(proxy, &create->base, WB_XRCE_OK_MATCHED);
        }
        if (!create->replace) {
            return refuse(proxy, &create->base,
                          create->reuse ? WB_XRCE_MISMATCH : WB_XRCE_ALREADY_EXISTS);
        }
        start_delete(proxy, create->base.object, create->base.request);
        proxy->is_replacing = true;
        proxy->replacing = *sub;
        return false;
    }
    object = find_free(proxy);
    if (object == NULL) {
        return refuse(proxy, &create->base, WB_XRCE_RESOURCES);
    }
    *object = (struct wb_xrce_object){.id = create->base.object,
                                      .parent = entity->parent,
                                      .create_request = create->base.request,
                                      .digest = digest};
    event->kind = WB_XRCE_PROXY_CREATE;
    event->request = create->base.request;
    event->object = create->base.object;
    return true;
}

static bool process_delete(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                           struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_request base;
    if (wb_xrce_decode_request(sub, &base) != WB_OK) {
        return false;
    }
    if (base.object == WB_XRCE_ID_CLIENT) {
        proxy->owed |= OWED_CLOSED;
        proxy->close_request = base.request;
        proxy->is_connected = false;
        proxy->is_busy = false;
        clear_objects(proxy);
        reset_streams(proxy);
        event->kind = WB_XRCE_PROXY_DISCONNECTED;
        event->request = base.request;
        return true;
    }
    if (find_object(proxy, base.object) == NULL) {
        return refuse(proxy, &base, WB_XRCE_UNKNOWN_REFERENCE);
    }
    start_delete(proxy, base.object, base.request);
    return false;
}

/* One step of a deletion: the first leaf below the object, or the object itself. */
static void delete_step(struct wb_xrce_proxy *proxy, struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_object *object = find_object(proxy, proxy->deleting);
    WB_ASSERT(object != NULL);
    for (struct wb_xrce_object *child = object; child != NULL;
         child = find_child(proxy, object->id)) {
        object = child; /* kinds of parents differ from their children's: no circles */
    }
    event->kind = WB_XRCE_PROXY_DELETE;
    event->object = object->id;
    event->request = proxy->delete_request;
    event->is_implied = object->id != proxy->deleting || proxy->is_replacing;
    if (object->id == proxy->deleting) {
        proxy->deleting = 0;
    }
    object->id = 0;
}

static bool can_read(uint8_t kind)
{
    return kind == WB_XRCE_DATAREADER || kind == WB_XRCE_REQUESTER || kind == WB_XRCE_REPLIER;
}

static bool can_write(uint8_t kind)
{
    return kind == WB_XRCE_DATAWRITER || kind == WB_XRCE_REQUESTER || kind == WB_XRCE_REPLIER;
}

static bool process_write(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                          struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_data *data = &event->of.data;
    if (wb_xrce_decode_data(sub, data) != WB_OK || data->format != WB_XRCE_FORMAT_DATA ||
        !can_write(WB_XRCE_ID_KIND(data->base.object)) ||
        find_object(proxy, data->base.object) == NULL) {
        proxy->messages_dropped++;
        return false;
    }
    event->kind = WB_XRCE_PROXY_WRITE;
    event->request = data->base.request;
    event->object = data->base.object;
    return true;
}

static bool process_read(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                         struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_read_data *read = &event->of.read;
    if (wb_xrce_decode_read_data(sub, read) != WB_OK) {
        return false;
    }
    struct wb_xrce_object *object = find_object(proxy, read->base.object);
    if (object == NULL || !can_read(WB_XRCE_ID_KIND(read->base.object))) {
        return refuse(proxy, &read->base, WB_XRCE_UNKNOWN_REFERENCE);
    }
    if (read->format != WB_XRCE_FORMAT_DATA || read->stream > WB_XRCE_STREAM_RELIABLE) {
        return refuse(proxy, &read->base, WB_XRCE_INCOMPATIBLE);
    }
    const struct wb_xrce_delivery *delivery = &read->delivery;
    wb_ms elapsed_max = (wb_ms)delivery->elapsed_max_s * 1000;
    object->is_reading = delivery->samples_max > 0;
    object->read_request = read->base.request;
    object->read_stream = read->stream == 0 ? (uint8_t)WB_XRCE_STREAM_BEST_EFFORT : read->stream;
    object->read_samples = delivery->samples_max;
    object->read_pace_ms = delivery->pace_min_ms;
    object->read_rate = delivery->bytes_per_second_max;
    object->read_at = 0;
    object->read_until = elapsed_max == 0 ? WB_NEVER : proxy->now + elapsed_max;
    event->kind = WB_XRCE_PROXY_READ;
    event->request = read->base.request;
    event->object = read->base.object;
    return true;
}

static bool process_fragment(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                             struct wb_xrce_proxy_event *event)
{
    bool is_whole;
    if (proxy->rx_stream != WB_XRCE_STREAM_RELIABLE || proxy->in_parts) {
        return false;
    }
    if (wb_xrce_in_fragment(&proxy->in, sub, &is_whole) != WB_OK) {
        event->kind = WB_XRCE_PROXY_DROPPED;
        return true;
    }
    if (is_whole) {
        wb_xrce_walk_subs(&proxy->parts, proxy->in.assembly, proxy->in.assembly_len);
        proxy->in_parts = true;
    }
    return false;
}

static void process_get_info(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub)
{
    struct wb_xrce_get_info get;
    if (wb_xrce_decode_get_info(sub, &get) == WB_OK && get.base.object == WB_XRCE_ID_AGENT) {
        proxy->owed |= OWED_INFO;
        proxy->info_request = get.base.request;
        proxy->info_session = proxy->rx_session;
    }
}

static bool process(struct wb_xrce_proxy *proxy, const struct wb_xrce_sub *sub,
                    struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_acknack ack;
    struct wb_xrce_heartbeat heartbeat;
    struct wb_xrce_timestamp stamp;
    event->stream = proxy->rx_stream;
    if (sub->id == WB_XRCE_CREATE_CLIENT) {
        return process_create_client(proxy, sub, event);
    }
    if (sub->id == WB_XRCE_GET_INFO) {
        process_get_info(proxy, sub);
        return false;
    }
    if (!proxy->is_connected || is_session_none(proxy->rx_session)) {
        proxy->messages_dropped++;
        return false;
    }
    switch (sub->id) {
    case WB_XRCE_CREATE: return process_create(proxy, sub, event);
    case WB_XRCE_DELETE: return process_delete(proxy, sub, event);
    case WB_XRCE_WRITE_DATA: return process_write(proxy, sub, event);
    case WB_XRCE_READ_DATA: return process_read(proxy, sub, event);
    case WB_XRCE_FRAGMENT: return process_fragment(proxy, sub, event);
    case WB_XRCE_ACKNACK:
        if (wb_xrce_decode_acknack(sub, &ack) == WB_OK && ack.stream == WB_XRCE_STREAM_RELIABLE) {
            wb_xrce_out_acknack(&proxy->out, proxy->now, &ack);
        }
        return false;
    case WB_XRCE_HEARTBEAT:
        if (wb_xrce_decode_heartbeat(sub, &heartbeat) == WB_OK &&
            heartbeat.stream == WB_XRCE_STREAM_RELIABLE) {
            wb_xrce_in_heartbeat(&proxy->in, &heartbeat);
        }
        return false;
    case WB_XRCE_TIMESTAMP:
        if (wb_xrce_decode_timestamp(sub, &stamp) == WB_OK) {
            proxy->owed |= OWED_TIME;
            proxy->asked_originate = stamp.transmit;
            proxy->asked_receive = clock_now(proxy);
        }
        return false;
    default: return false;
    }
}

/* As in client.c, but a message that waited is left for a repetition when its answers would find
 * no room. */
static bool next_sub(struct wb_xrce_proxy *proxy, struct wb_xrce_sub *sub)
{
    while (proxy->is_busy) {
        struct wb_xrce_walk *walk = proxy->in_parts ? &proxy->parts : &proxy->walk;
        if (wb_xrce_walk_next(walk, sub) == WB_OK) {
            return true;
        }
        if (proxy->in_parts) {
            proxy->in_parts = false;
            continue;
        }
        proxy->is_busy = false;
        if (proxy->rx_stream == WB_XRCE_STREAM_RELIABLE && !is_session_none(proxy->rx_session)) {
            size_t len;
            struct wb_xrce_head head;
            const uint8_t *message = wb_xrce_in_advance(&proxy->in, &len);
            proxy->is_busy = message != NULL && has_room(proxy, message, len) &&
                             wb_xrce_walk_message(&proxy->walk, message, len, &head) == WB_OK;
        }
    }
    return false;
}

bool wb_xrce_proxy_next(struct wb_xrce_proxy *proxy, struct wb_xrce_proxy_event *event)
{
    struct wb_xrce_sub sub;
    for (;;) {
        memset(event, 0, sizeof *event);
        if (proxy->deleting != 0) {
            delete_step(proxy, event);
            return true;
        }
        if (proxy->is_replacing) {
            proxy->is_replacing = false;
            sub = proxy->replacing;
        } else if (!next_sub(proxy, &sub)) {
            return false;
        }
        if (process(proxy, &sub, event)) {
            return true;
        }
    }
}

/* ---- output and time ---------------------------------------------------------------------- */

static void encode_control(struct wb_xrce_proxy *proxy, uint8_t owed, struct wb_xrce_head *head,
                           uint8_t *id, struct wb_cdr_writer *w)
{
    if (owed == OWED_STATUS_AGENT) {
        *id = WB_XRCE_STATUS_AGENT;
        head->session = proxy->answer_session;
        memcpy(head->key, proxy->answer_key, sizeof head->key);
        wb_xrce_encode_status_agent(
            w, &(struct wb_xrce_status_agent){.status = proxy->create_status, .self = self});
    } else if (owed == OWED_CLOSED) {
        *id = WB_XRCE_STATUS;
        wb_xrce_encode_status(
            w, &(struct wb_xrce_status){{proxy->close_request, WB_XRCE_ID_CLIENT}, WB_XRCE_OK, 0});
    } else if (owed == OWED_INFO) {
        *id = WB_XRCE_INFO;
        head->session = proxy->info_session;
        if (is_session_none(head->session)) {
            memcpy(head->key, proxy->answer_key, sizeof head->key);
        }
        wb_xrce_encode_info(
            w, &(struct wb_xrce_info){
                   .related = {proxy->info_request, WB_XRCE_ID_AGENT},
                   .implementation = is_session_none(head->session) ? 0 : 1, /* as the reference */
                   .has_configuration = true,
                   .has_activity = true,
                   .self = self,
                   .availability = 1});
    } else {
        *id = WB_XRCE_TIMESTAMP_REPLY;
        wb_xrce_encode_timestamp_reply(
            w, &(struct wb_xrce_timestamp_reply){.transmit = clock_now(proxy),
                                                 .receive = proxy->asked_receive,
                                                 .originate = proxy->asked_originate});
    }
}

static size_t emit_control(struct wb_xrce_proxy *proxy, uint8_t *buf, size_t cap)
{
    uint8_t id;
    uint8_t owed = proxy->owed & (uint8_t)-proxy->owed; /* the lowest bit */
    bool acks = proxy->is_connected && owed == 0 && proxy->in.ack_owed;
    bool asks = proxy->is_connected && owed == 0 && !acks && proxy->out.heartbeat_owed;
    if ((owed == 0 && !acks && !asks) || cap < MTU_MIN) {
        return 0;
    }
    struct wb_xrce_head head = session_head(proxy, WB_XRCE_STREAM_NONE);
    uint8_t payload[MTU_MIN];
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, payload, MTU_MIN - WB_XRCE_HEAD_MAX - WB_XRCE_SUB_HEAD_LEN, false);
    if (acks) {
        struct wb_xrce_acknack ack = wb_xrce_in_acknack(&proxy->in);
        id = WB_XRCE_ACKNACK;
        wb_xrce_encode_acknack(&w, &ack);
        proxy->in.ack_owed = false;
    } else if (asks) {
        struct wb_xrce_heartbeat heartbeat = wb_xrce_out_heartbeat(&proxy->out);
        id = WB_XRCE_HEARTBEAT;
        wb_xrce_encode_heartbeat(&w, &heartbeat);
        proxy->out.heartbeat_owed = false;
    } else {
        encode_control(proxy, owed, &head, &id, &w);
        proxy->owed &= (uint8_t)~owed;
    }
    WB_ASSERT(w.err == WB_OK);
    size_t len = wb_xrce_head_encode(&head, buf);
    buf[len++] = id;
    buf[len++] = WB_XRCE_FLAG_LITTLE;
    buf[len++] = (uint8_t)w.len;
    buf[len++] = 0;
    memcpy(buf + len, payload, w.len);
    return len + w.len;
}

size_t wb_xrce_proxy_emit(struct wb_xrce_proxy *proxy, wb_ms now, void *buf, size_t cap)
{
    proxy->now = now;
    size_t len = emit_control(proxy, buf, cap);
    if (len == 0 && proxy->is_connected) {
        len = wb_xrce_out_emit(&proxy->out, now, buf, cap);
        if (len == 0) {
            len = wb_xrce_burst_emit(&proxy->burst, buf, cap);
        }
    }
    return len;
}

static bool is_silent(const struct wb_xrce_proxy *proxy, wb_ms now)
{
    return !proxy->is_connected || now >= proxy->heard_at + proxy->silent_ms;
}

void wb_xrce_proxy_tick(struct wb_xrce_proxy *proxy, wb_ms now)
{
    proxy->now = now;
    if (!is_silent(proxy, now)) {
        wb_xrce_out_tick(&proxy->out, now);
    }
}

wb_ms wb_xrce_proxy_due(const struct wb_xrce_proxy *proxy)
{
    wb_ms at = proxy->out.heartbeat_at;
    return at == WB_NEVER || is_silent(proxy, at) ? WB_NEVER : at;
}
