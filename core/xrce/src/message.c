/* SPDX-License-Identifier: AGPL-3.0-only */
/* Message header, the walk over submessages, and each submessage's payload (DDS-XRCE §8.3). Pairs
 * of functions read like the wire: what decodes stands beside what encodes. Payloads are aligned
 * from their own first byte, which equals alignment from the message's for sizes up to 4. */
#include "wb_xrce.h"

static const uint8_t cookie[4] = {'X', 'R', 'C', 'E'};

size_t wb_xrce_head_len(uint8_t session)
{
    return session <= WB_XRCE_SESSION_KEY_MAX ? 8 : 4;
}

size_t wb_xrce_head_encode(const struct wb_xrce_head *head, uint8_t out[WB_XRCE_HEAD_MAX])
{
    out[0] = head->session;
    out[1] = head->stream;
    out[2] = (uint8_t)head->seq;
    out[3] = (uint8_t)(head->seq >> 8);
    size_t len = wb_xrce_head_len(head->session);
    if (len > 4) {
        memcpy(out + 4, head->key, WB_XRCE_KEY_LEN);
    }
    return len;
}

enum wb_err wb_xrce_walk_message(struct wb_xrce_walk *walk, const void *data, size_t len,
                                 struct wb_xrce_head *head)
{
    const uint8_t *at = data;
    if (len < 4 || len < wb_xrce_head_len(at[0])) {
        return WB_ERR_END;
    }
    if (len > UINT32_MAX / 2) {
        return WB_ERR_LIMIT;
    }
    *head = (struct wb_xrce_head){
        .session = at[0], .stream = at[1], .seq = (uint16_t)(at[2] | at[3] << 8)};
    size_t head_len = wb_xrce_head_len(at[0]);
    if (head_len > 4) {
        memcpy(head->key, at + 4, WB_XRCE_KEY_LEN);
    }
    walk->data = data;
    walk->at = (uint32_t)head_len;
    walk->len = (uint32_t)len;
    return WB_OK;
}

void wb_xrce_walk_subs(struct wb_xrce_walk *walk, const void *data, size_t len)
{
    WB_ASSERT(len <= UINT32_MAX / 2);
    walk->data = data;
    walk->at = 0;
    walk->len = (uint32_t)len;
}

enum wb_err wb_xrce_walk_next(struct wb_xrce_walk *walk, struct wb_xrce_sub *sub)
{
    uint32_t at = (walk->at + 3) & ~3u;
    if (at >= walk->len) {
        walk->at = walk->len;
        return WB_ERR_NOT_FOUND;
    }
    const uint8_t *head = walk->data + at;
    if (walk->len - at < WB_XRCE_SUB_HEAD_LEN) {
        walk->at = walk->len;
        return WB_ERR_END;
    }
    uint16_t len = (uint16_t)(head[2] | head[3] << 8);
    if (len > walk->len - at - WB_XRCE_SUB_HEAD_LEN) {
        walk->at = walk->len;
        return WB_ERR_END;
    }
    *sub = (struct wb_xrce_sub){.id = head[0], .flags = head[1], .len = len, .payload = head + 4};
    walk->at = at + WB_XRCE_SUB_HEAD_LEN + len;
    return WB_OK;
}

/* ---- parts of payloads -------------------------------------------------------------------- */

static void reader_init(struct wb_cdr_reader *r, const struct wb_xrce_sub *sub)
{
    wb_cdr_reader_init(r, sub->payload, sub->len, (sub->flags & WB_XRCE_FLAG_LITTLE) == 0);
}

/* Request and object ids are octet arrays: big-endian whatever the flag says. */
static uint16_t read_id(struct wb_cdr_reader *r)
{
    const uint8_t *at = wb_cdr_read_bytes(r, 2);
    return at == NULL ? 0 : (uint16_t)(at[0] << 8 | at[1]);
}

static void write_id(struct wb_cdr_writer *w, uint16_t id)
{
    wb_cdr_write_u8(w, (uint8_t)(id >> 8));
    wb_cdr_write_u8(w, (uint8_t)id);
}

static struct wb_xrce_request read_request(struct wb_cdr_reader *r)
{
    struct wb_xrce_request request;
    request.request = read_id(r);
    request.object = read_id(r);
    return request;
}

static void read_cookie(struct wb_cdr_reader *r)
{
    const uint8_t *at = wb_cdr_read_bytes(r, sizeof cookie);
    if (at != NULL && memcmp(at, cookie, sizeof cookie) != 0) {
        wb_cdr_reader_fail(r, WB_ERR_FORMAT);
    }
}

static void read_pair(struct wb_cdr_reader *r, uint8_t out[2])
{
    out[0] = wb_cdr_read_u8(r);
    out[1] = wb_cdr_read_u8(r);
}

static void read_properties(struct wb_cdr_reader *r, struct wb_xrce_self *self)
{
    self->properties_count = 0;
    self->has_properties = wb_cdr_read_bool(r);
    if (!self->has_properties) {
        return;
    }
    uint32_t count = wb_cdr_read_count(r, WB_XRCE_PROPERTIES_MAX, 8);
    for (uint32_t i = 0; i < count; i++) {
        self->properties[i].name = wb_cdr_read_str(r, WB_XRCE_NAME_MAX);
        self->properties[i].value = wb_cdr_read_str(r, WB_XRCE_NAME_MAX);
    }
    self->properties_count = (uint8_t)count;
}

static void write_properties(struct wb_cdr_writer *w, const struct wb_xrce_self *self)
{
    wb_cdr_write_bool(w, self->has_properties);
    if (!self->has_properties) {
        return;
    }
    WB_ASSERT(self->properties_count <= WB_XRCE_PROPERTIES_MAX);
    wb_cdr_write_u32(w, self->properties_count);
    for (uint8_t i = 0; i < self->properties_count; i++) {
        wb_cdr_write_str(w, self->properties[i].name, WB_XRCE_NAME_MAX);
        wb_cdr_write_str(w, self->properties[i].value, WB_XRCE_NAME_MAX);
    }
}

static void read_agent(struct wb_cdr_reader *r, struct wb_xrce_self *self)
{
    read_cookie(r);
    read_pair(r, self->version);
    read_pair(r, self->vendor);
    read_properties(r, self);
}

static void write_versions(struct wb_cdr_writer *w, const struct wb_xrce_self *self)
{
    wb_cdr_write_bytes(w, cookie, sizeof cookie);
    wb_cdr_write_bytes(w, self->version, 2);
    wb_cdr_write_bytes(w, self->vendor, 2);
}

static struct wb_xrce_time read_time(struct wb_cdr_reader *r)
{
    struct wb_xrce_time time;
    time.s = wb_cdr_read_u32(r);
    time.ns = wb_cdr_read_u32(r);
    return time;
}

static void write_time(struct wb_cdr_writer *w, struct wb_xrce_time time)
{
    wb_cdr_write_u32(w, time.s);
    wb_cdr_write_u32(w, time.ns);
}

/* ---- client and agent --------------------------------------------------------------------- */

enum wb_err wb_xrce_decode_create_client(const struct wb_xrce_sub *sub,
                                         struct wb_xrce_create_client *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    read_cookie(&r);
    read_pair(&r, out->self.version);
    read_pair(&r, out->self.vendor);
    const uint8_t *key = wb_cdr_read_bytes(&r, WB_XRCE_KEY_LEN);
    if (key != NULL) {
        memcpy(out->key, key, WB_XRCE_KEY_LEN);
    }
    out->session = wb_cdr_read_u8(&r);
    read_properties(&r, &out->self);
    out->mtu = wb_cdr_read_u16(&r);
    return r.err;
}

void wb_xrce_encode_create_client(struct wb_cdr_writer *w, const struct wb_xrce_create_client *in)
{
    write_versions(w, &in->self);
    wb_cdr_write_bytes(w, in->key, WB_XRCE_KEY_LEN);
    wb_cdr_write_u8(w, in->session);
    write_properties(w, &in->self);
    wb_cdr_write_u16(w, in->mtu);
}

enum wb_err wb_xrce_decode_status_agent(const struct wb_xrce_sub *sub,
                                        struct wb_xrce_status_agent *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->status = wb_cdr_read_u8(&r);
    out->implementation = wb_cdr_read_u8(&r);
    read_agent(&r, &out->self);
    return r.err;
}

void wb_xrce_encode_status_agent(struct wb_cdr_writer *w, const struct wb_xrce_status_agent *in)
{
    wb_cdr_write_u8(w, in->status);
    wb_cdr_write_u8(w, in->implementation);
    write_versions(w, &in->self);
    write_properties(w, &in->self);
}

enum wb_err wb_xrce_decode_get_info(const struct wb_xrce_sub *sub, struct wb_xrce_get_info *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->base = read_request(&r);
    out->mask = wb_cdr_read_u32(&r);
    return r.err;
}

void wb_xrce_encode_get_info(struct wb_cdr_writer *w, const struct wb_xrce_get_info *in)
{
    wb_xrce_encode_request(w, &in->base);
    wb_cdr_write_u32(w, in->mask);
}

/* ObjectInfo {optional ActivityInfoVariant, optional ObjectVariant} in the order that Micro
 * XRCE-DDS has it: configuration first. Only the agent's variants are known here. */
enum wb_err wb_xrce_decode_info(const struct wb_xrce_sub *sub, struct wb_xrce_info *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->related = read_request(&r);
    out->status = wb_cdr_read_u8(&r);
    out->implementation = wb_cdr_read_u8(&r);
    out->availability = 0;
    out->self = (struct wb_xrce_self){0};
    out->has_activity = false;
    out->has_configuration = wb_cdr_read_bool(&r);
    if (out->has_configuration) {
        if (wb_cdr_read_u8(&r) != WB_XRCE_AGENT) {
            wb_cdr_reader_fail(&r, WB_ERR_UNSUPPORTED);
        }
        read_agent(&r, &out->self);
    }
    out->has_activity = wb_cdr_read_bool(&r);
    if (out->has_activity) {
        if (wb_cdr_read_u8(&r) != WB_XRCE_AGENT) {
            wb_cdr_reader_fail(&r, WB_ERR_UNSUPPORTED);
        }
        out->availability = wb_cdr_read_i16(&r);
        (void)wb_cdr_read_count(&r, UINT32_MAX, 1); /* transport locators: not used */
    }
    return r.err;
}

void wb_xrce_encode_info(struct wb_cdr_writer *w, const struct wb_xrce_info *in)
{
    wb_xrce_encode_request(w, &in->related);
    wb_cdr_write_u8(w, in->status);
    wb_cdr_write_u8(w, in->implementation);
    wb_cdr_write_bool(w, in->has_configuration);
    if (in->has_configuration) {
        wb_cdr_write_u8(w, WB_XRCE_AGENT);
        write_versions(w, &in->self);
        write_properties(w, &in->self);
    }
    wb_cdr_write_bool(w, in->has_activity);
    if (in->has_activity) {
        wb_cdr_write_u8(w, WB_XRCE_AGENT);
        wb_cdr_write_u16(w, (uint16_t)in->availability);
        wb_cdr_write_u32(w, 0);
    }
}

/* ---- objects ------------------------------------------------------------------------------ */

enum wb_err wb_xrce_decode_request(const struct wb_xrce_sub *sub, struct wb_xrce_request *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    *out = read_request(&r);
    return r.err;
}

void wb_xrce_encode_request(struct wb_cdr_writer *w, const struct wb_xrce_request *in)
{
    write_id(w, in->request);
    write_id(w, in->object);
}

static bool has_parent(uint8_t kind)
{
    return kind >= WB_XRCE_TOPIC && kind <= WB_XRCE_REPLIER;
}

enum wb_err wb_xrce_decode_create(const struct wb_xrce_sub *sub, struct wb_xrce_create *out)
{
    struct wb_cdr_reader r;
    struct wb_xrce_entity *entity = &out->entity;
    reader_init(&r, sub);
    out->reuse = (sub->flags & WB_XRCE_FLAG_REUSE) != 0;
    out->replace = (sub->flags & WB_XRCE_FLAG_REPLACE) != 0;
    out->base = read_request(&r);
    *entity = (struct wb_xrce_entity){.is_big = r.is_big};
    entity->kind = wb_cdr_read_u8(&r);
    entity->representation = wb_cdr_read_u8(&r);
    switch (entity->representation) {
    case WB_XRCE_REF:
    case WB_XRCE_XML: entity->text = wb_cdr_read_str(&r, WB_XRCE_TEXT_MAX); break;
    case WB_XRCE_BIN:
        entity->bin_len = wb_cdr_read_count(&r, UINT16_MAX, 1);
        entity->bin = wb_cdr_read_bytes(&r, entity->bin_len);
        break;
    default: wb_cdr_reader_fail(&r, WB_ERR_UNSUPPORTED); break;
    }
    if (entity->kind == WB_XRCE_PARTICIPANT) {
        entity->domain = wb_cdr_read_i16(&r);
    } else if (has_parent(entity->kind)) {
        entity->parent = read_id(&r);
    } else {
        wb_cdr_reader_fail(&r, WB_ERR_UNSUPPORTED);
    }
    return r.err;
}

void wb_xrce_encode_create(struct wb_cdr_writer *w, const struct wb_xrce_create *in)
{
    const struct wb_xrce_entity *entity = &in->entity;
    wb_xrce_encode_request(w, &in->base);
    wb_cdr_write_u8(w, entity->kind);
    wb_cdr_write_u8(w, entity->representation);
    if (entity->representation == WB_XRCE_BIN) {
        wb_cdr_write_u32(w, entity->bin_len);
        wb_cdr_write_bytes(w, entity->bin, entity->bin_len);
    } else {
        wb_cdr_write_str(w, entity->text, WB_XRCE_TEXT_MAX);
    }
    if (entity->kind == WB_XRCE_PARTICIPANT) {
        wb_cdr_write_u16(w, (uint16_t)entity->domain);
    } else {
        write_id(w, entity->parent);
    }
}

enum wb_err wb_xrce_decode_status(const struct wb_xrce_sub *sub, struct wb_xrce_status *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->related = read_request(&r);
    out->status = wb_cdr_read_u8(&r);
    out->implementation = wb_cdr_read_u8(&r);
    return r.err;
}

void wb_xrce_encode_status(struct wb_cdr_writer *w, const struct wb_xrce_status *in)
{
    wb_xrce_encode_request(w, &in->related);
    wb_cdr_write_u8(w, in->status);
    wb_cdr_write_u8(w, in->implementation);
}

/* ---- samples ------------------------------------------------------------------------------ */

enum wb_err wb_xrce_decode_data(const struct wb_xrce_sub *sub, struct wb_xrce_data *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->base = read_request(&r);
    out->format = sub->flags & WB_XRCE_FLAG_FORMAT;
    out->is_big = r.is_big;
    out->len = (uint32_t)wb_cdr_reader_left(&r);
    out->data = wb_cdr_read_bytes(&r, out->len);
    return r.err;
}

void wb_xrce_encode_data(struct wb_cdr_writer *w, const struct wb_xrce_data *in)
{
    wb_xrce_encode_request(w, &in->base);
    wb_cdr_write_bytes(w, in->data, in->len);
}

enum wb_err wb_xrce_decode_read_data(const struct wb_xrce_sub *sub, struct wb_xrce_read_data *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->base = read_request(&r);
    out->stream = wb_cdr_read_u8(&r);
    out->format = wb_cdr_read_u8(&r);
    out->filter = (struct wb_cdr_str){NULL, 0};
    if (wb_cdr_read_bool(&r)) {
        out->filter = wb_cdr_read_str(&r, WB_XRCE_NAME_MAX);
    }
    out->delivery = (struct wb_xrce_delivery){.samples_max = 1};
    out->has_delivery = wb_cdr_read_bool(&r);
    if (out->has_delivery) {
        out->delivery.samples_max = wb_cdr_read_u16(&r);
        out->delivery.elapsed_max_s = wb_cdr_read_u16(&r);
        out->delivery.bytes_per_second_max = wb_cdr_read_u16(&r);
        out->delivery.pace_min_ms = wb_cdr_read_u16(&r);
    }
    return r.err;
}

void wb_xrce_encode_read_data(struct wb_cdr_writer *w, const struct wb_xrce_read_data *in)
{
    wb_xrce_encode_request(w, &in->base);
    wb_cdr_write_u8(w, in->stream);
    wb_cdr_write_u8(w, in->format);
    wb_cdr_write_bool(w, in->filter.at != NULL);
    if (in->filter.at != NULL) {
        wb_cdr_write_str(w, in->filter, WB_XRCE_NAME_MAX);
    }
    wb_cdr_write_bool(w, in->has_delivery);
    if (in->has_delivery) {
        wb_cdr_write_u16(w, in->delivery.samples_max);
        wb_cdr_write_u16(w, in->delivery.elapsed_max_s);
        wb_cdr_write_u16(w, in->delivery.bytes_per_second_max);
        wb_cdr_write_u16(w, in->delivery.pace_min_ms);
    }
}

/* ---- streams and time --------------------------------------------------------------------- */

enum wb_err wb_xrce_decode_acknack(const struct wb_xrce_sub *sub, struct wb_xrce_acknack *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->first_unacked = wb_cdr_read_u16(&r);
    out->nacks = read_id(&r); /* octet[2], high byte first */
    out->stream = wb_cdr_read_u8(&r);
    return r.err;
}

void wb_xrce_encode_acknack(struct wb_cdr_writer *w, const struct wb_xrce_acknack *in)
{
    wb_cdr_write_u16(w, in->first_unacked);
    write_id(w, in->nacks);
    wb_cdr_write_u8(w, in->stream);
}

enum wb_err wb_xrce_decode_heartbeat(const struct wb_xrce_sub *sub, struct wb_xrce_heartbeat *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->first_unacked = wb_cdr_read_u16(&r);
    out->last_unacked = wb_cdr_read_u16(&r);
    out->stream = wb_cdr_read_u8(&r);
    return r.err;
}

void wb_xrce_encode_heartbeat(struct wb_cdr_writer *w, const struct wb_xrce_heartbeat *in)
{
    wb_cdr_write_u16(w, in->first_unacked);
    wb_cdr_write_u16(w, in->last_unacked);
    wb_cdr_write_u8(w, in->stream);
}

/* Long division by hand: 35 bits of quotient; a library's 64-bit division is 1 KB on rv32. */
struct wb_xrce_time wb_xrce_time_of_ns(uint64_t ns)
{
    uint64_t divisor = (uint64_t)1000000000 << 34;
    uint32_t s = 0;
    for (int bit = 34; bit >= 0; bit--) {
        s <<= 1;
        if (ns >= divisor) {
            ns -= divisor;
            s |= 1;
        }
        divisor >>= 1;
    }
    return (struct wb_xrce_time){s, (uint32_t)ns};
}

enum wb_err wb_xrce_decode_timestamp(const struct wb_xrce_sub *sub, struct wb_xrce_timestamp *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->transmit = read_time(&r);
    return r.err;
}

void wb_xrce_encode_timestamp(struct wb_cdr_writer *w, const struct wb_xrce_timestamp *in)
{
    write_time(w, in->transmit);
}

enum wb_err wb_xrce_decode_timestamp_reply(const struct wb_xrce_sub *sub,
                                           struct wb_xrce_timestamp_reply *out)
{
    struct wb_cdr_reader r;
    reader_init(&r, sub);
    out->transmit = read_time(&r);
    out->receive = read_time(&r);
    out->originate = read_time(&r);
    return r.err;
}

void wb_xrce_encode_timestamp_reply(struct wb_cdr_writer *w,
                                    const struct wb_xrce_timestamp_reply *in)
{
    write_time(w, in->transmit);
    write_time(w, in->receive);
    write_time(w, in->originate);
}

const char *wb_xrce_status_str(uint8_t status)
{
    switch (status) {
    case WB_XRCE_OK: return "ok";
    case WB_XRCE_OK_MATCHED: return "ok, an equal object existed";
    case WB_XRCE_DDS_ERROR: return "DDS error";
    case WB_XRCE_MISMATCH: return "a different object of this id exists";
    case WB_XRCE_ALREADY_EXISTS: return "object exists already";
    case WB_XRCE_DENIED: return "denied";
    case WB_XRCE_UNKNOWN_REFERENCE: return "unknown object";
    case WB_XRCE_INVALID_DATA: return "invalid data";
    case WB_XRCE_INCOMPATIBLE: return "incompatible";
    case WB_XRCE_RESOURCES: return "no resources left";
    default: return "unknown status";
    }
}
