/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a description says. BIN: the structs of DDS-XRCE §7.7.3 as Micro XRCE-DDS 2.4 writes them,
 * decoded and encoded side by side. XML: no parser, but a search for the elements that carry names,
 * types and qos; nothing else in it has any effect, least of all a transport's configuration. */
#include "wb_xrce.h"

static struct wb_cdr_str read_optional(struct wb_cdr_reader *r)
{
    if (wb_cdr_read_bool(r)) {
        return wb_cdr_read_str(r, WB_XRCE_NAME_MAX);
    }
    return (struct wb_cdr_str){NULL, 0};
}

static void write_optional(struct wb_cdr_writer *w, struct wb_cdr_str text)
{
    wb_cdr_write_bool(w, text.at != NULL);
    if (text.at != NULL) {
        wb_cdr_write_str(w, text, WB_XRCE_NAME_MAX);
    }
}

static bool read_optional_u32(struct wb_cdr_reader *r, uint32_t *value)
{
    bool has = wb_cdr_read_bool(r);
    if (has) {
        *value = wb_cdr_read_u32(r);
    }
    return has;
}

static void write_optional_u32(struct wb_cdr_writer *w, bool has, uint32_t value)
{
    wb_cdr_write_bool(w, has);
    if (has) {
        wb_cdr_write_u32(w, value);
    }
}

static uint16_t read_id(struct wb_cdr_reader *r)
{
    const uint8_t *at = wb_cdr_read_bytes(r, 2);
    return at == NULL ? 0 : (uint16_t)(at[0] << 8 | at[1]);
}

/* Publisher and subscriber: partitions and group data are understood and left out. */
static void read_group(struct wb_cdr_reader *r, struct wb_xrce_description *out)
{
    out->name = read_optional(r);
    if (!wb_cdr_read_bool(r)) {
        return;
    }
    if (wb_cdr_read_bool(r)) {
        uint32_t count = wb_cdr_read_count(r, 64, 4);
        for (uint32_t i = 0; i < count; i++) {
            (void)wb_cdr_read_str(r, WB_XRCE_NAME_MAX);
        }
    }
    if (wb_cdr_read_bool(r)) {
        (void)wb_cdr_read_bytes(r, wb_cdr_read_count(r, UINT16_MAX, 1));
    }
}

static void read_endpoint(struct wb_cdr_reader *r, struct wb_xrce_description *out)
{
    struct wb_xrce_qos *qos = &out->qos;
    out->topic = read_id(r);
    qos->has_qos = wb_cdr_read_bool(r);
    if (!qos->has_qos) {
        return;
    }
    qos->flags = wb_cdr_read_u16(r);
    qos->has_depth = wb_cdr_read_bool(r);
    if (qos->has_depth) {
        qos->depth = wb_cdr_read_u16(r);
    }
    qos->has_deadline = read_optional_u32(r, &qos->deadline_ms);
    qos->has_lifespan = read_optional_u32(r, &qos->lifespan_ms);
    qos->has_user_data = wb_cdr_read_bool(r);
    if (qos->has_user_data) {
        qos->user_data_len = wb_cdr_read_count(r, UINT16_MAX, 1);
        qos->user_data = wb_cdr_read_bytes(r, qos->user_data_len);
    }
    if (out->kind == WB_XRCE_DATAWRITER) {
        qos->has_strength = read_optional_u32(r, &qos->strength);
    } else {
        qos->has_time_filter = read_optional_u32(r, &qos->time_filter_ms);
        qos->filter = read_optional(r);
    }
}

static void write_endpoint(struct wb_cdr_writer *w, const struct wb_xrce_description *in)
{
    const struct wb_xrce_qos *qos = &in->qos;
    wb_cdr_write_u8(w, (uint8_t)(in->topic >> 8));
    wb_cdr_write_u8(w, (uint8_t)in->topic);
    wb_cdr_write_bool(w, qos->has_qos);
    if (!qos->has_qos) {
        return;
    }
    wb_cdr_write_u16(w, qos->flags);
    wb_cdr_write_bool(w, qos->has_depth);
    if (qos->has_depth) {
        wb_cdr_write_u16(w, qos->depth);
    }
    write_optional_u32(w, qos->has_deadline, qos->deadline_ms);
    write_optional_u32(w, qos->has_lifespan, qos->lifespan_ms);
    wb_cdr_write_bool(w, qos->has_user_data);
    if (qos->has_user_data) {
        wb_cdr_write_u32(w, qos->user_data_len);
        wb_cdr_write_bytes(w, qos->user_data, qos->user_data_len);
    }
    if (in->kind == WB_XRCE_DATAWRITER) {
        write_optional_u32(w, qos->has_strength, qos->strength);
    } else {
        write_optional_u32(w, qos->has_time_filter, qos->time_filter_ms);
        write_optional(w, qos->filter);
    }
}

static enum wb_err describe_bin(const struct wb_xrce_entity *entity,
                                struct wb_xrce_description *out)
{
    struct wb_cdr_reader r;
    wb_cdr_reader_init(&r, entity->bin, entity->bin_len, entity->is_big);
    switch (entity->kind) {
    case WB_XRCE_PARTICIPANT:
        out->domain_ref = read_optional(&r);
        out->name = read_optional(&r);
        break;
    case WB_XRCE_TOPIC:
        out->name = wb_cdr_read_str(&r, WB_XRCE_NAME_MAX);
        out->type_ref = read_optional(&r);
        out->type = read_optional(&r);
        break;
    case WB_XRCE_PUBLISHER:
    case WB_XRCE_SUBSCRIBER: read_group(&r, out); break;
    case WB_XRCE_DATAWRITER:
    case WB_XRCE_DATAREADER: read_endpoint(&r, out); break;
    case WB_XRCE_REQUESTER:
    case WB_XRCE_REPLIER:
        out->name = wb_cdr_read_str(&r, WB_XRCE_NAME_MAX);
        out->type = wb_cdr_read_str(&r, WB_XRCE_NAME_MAX);
        out->reply_type = wb_cdr_read_str(&r, WB_XRCE_NAME_MAX);
        out->request_topic = read_optional(&r);
        out->reply_topic = read_optional(&r);
        break;
    default: wb_cdr_reader_fail(&r, WB_ERR_UNSUPPORTED); break;
    }
    return r.err;
}

void wb_xrce_encode_description(struct wb_cdr_writer *w, const struct wb_xrce_description *in)
{
    switch (in->kind) {
    case WB_XRCE_PARTICIPANT:
        write_optional(w, in->domain_ref);
        write_optional(w, in->name);
        break;
    case WB_XRCE_TOPIC:
        wb_cdr_write_str(w, in->name, WB_XRCE_NAME_MAX);
        write_optional(w, in->type_ref);
        write_optional(w, in->type);
        break;
    case WB_XRCE_PUBLISHER:
    case WB_XRCE_SUBSCRIBER:
        write_optional(w, in->name);
        wb_cdr_write_bool(w, false);
        break;
    case WB_XRCE_DATAWRITER:
    case WB_XRCE_DATAREADER: write_endpoint(w, in); break;
    case WB_XRCE_REQUESTER:
    case WB_XRCE_REPLIER:
        wb_cdr_write_str(w, in->name, WB_XRCE_NAME_MAX);
        wb_cdr_write_str(w, in->type, WB_XRCE_NAME_MAX);
        wb_cdr_write_str(w, in->reply_type, WB_XRCE_NAME_MAX);
        write_optional(w, in->request_topic);
        write_optional(w, in->reply_topic);
        break;
    default: wb_cdr_writer_fail(w, WB_ERR_UNSUPPORTED); break;
    }
}

/* ---- XML ---------------------------------------------------------------------------------- */

static const struct wb_cdr_str absent = {NULL, 0};

static bool starts_with(struct wb_cdr_str text, uint32_t at, const char *word, size_t word_len)
{
    return text.len - at >= word_len && memcmp(text.at + at, word, word_len) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct wb_cdr_str trim(struct wb_cdr_str text)
{
    while (text.len > 0 && is_space(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Content of the first element with this tag (without attributes); absent when there is none. */
static struct wb_cdr_str element(struct wb_cdr_str text, const char *tag)
{
    size_t tag_len = strlen(tag);
    uint32_t begin = 0;
    for (uint32_t i = 0; text.at != NULL && i < text.len; i++) {
        if (text.at[i] != '<') {
            continue;
        }
        if (begin == 0 && starts_with(text, i + 1, tag, tag_len) &&
            starts_with(text, i + 1 + (uint32_t)tag_len, ">", 1)) {
            begin = i + 2 + (uint32_t)tag_len;
        } else if (begin != 0 && starts_with(text, i + 1, "/", 1) &&
                   starts_with(text, i + 2, tag, tag_len) &&
                   starts_with(text, i + 2 + (uint32_t)tag_len, ">", 1)) {
            return trim((struct wb_cdr_str){text.at + begin, i - begin});
        }
    }
    return absent;
}

/* Value of the first attribute of this name, wherever it stands. */
static struct wb_cdr_str attribute(struct wb_cdr_str text, const char *name)
{
    size_t name_len = strlen(name);
    for (uint32_t i = 1; i < text.len; i++) {
        if (!is_space(text.at[i - 1]) || !starts_with(text, i, name, name_len) ||
            !starts_with(text, i + (uint32_t)name_len, "=\"", 2)) {
            continue;
        }
        struct wb_cdr_str value = {text.at + i + name_len + 2,
                                   text.len - i - (uint32_t)name_len - 2};
        const char *end = memchr(value.at, '"', value.len);
        value.len = end == NULL ? 0 : (uint32_t)(end - value.at);
        return end == NULL ? absent : value;
    }
    return absent;
}

static bool equals(struct wb_cdr_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static void describe_xml_qos(struct wb_cdr_str text, struct wb_xrce_qos *qos)
{
    struct wb_cdr_str reliability = element(element(text, "reliability"), "kind");
    struct wb_cdr_str durability = element(element(text, "durability"), "kind");
    struct wb_cdr_str history = element(text, "historyQos");
    if (history.at == NULL) {
        history = element(text, "history");
    }
    struct wb_cdr_str depth = element(history, "depth");
    qos->has_qos = reliability.at != NULL || durability.at != NULL || history.at != NULL;
    qos->flags = WB_XRCE_QOS_KEEP_LAST;
    if (equals(reliability, "RELIABLE")) {
        qos->flags |= WB_XRCE_QOS_RELIABLE;
    }
    if (equals(durability, "TRANSIENT_LOCAL")) {
        qos->flags |= WB_XRCE_QOS_TRANSIENT_LOCAL;
    } else if (equals(durability, "TRANSIENT")) {
        qos->flags |= WB_XRCE_QOS_TRANSIENT;
    } else if (equals(durability, "PERSISTENT")) {
        qos->flags |= WB_XRCE_QOS_PERSISTENT;
    }
    if (equals(element(history, "kind"), "KEEP_ALL")) {
        qos->flags &= (uint16_t)~WB_XRCE_QOS_KEEP_LAST;
    }
    for (uint32_t i = 0; i < depth.len && i < 4; i++) {
        if (depth.at[i] < '0' || depth.at[i] > '9') {
            return;
        }
        qos->depth = (uint16_t)(qos->depth * 10 + (depth.at[i] - '0'));
        qos->has_depth = i + 1 == depth.len;
    }
}

/* Names end up in other programs: no markup and no references in them. */
static enum wb_err check_name(struct wb_cdr_str name)
{
    if (name.len > WB_XRCE_NAME_MAX) {
        return WB_ERR_LIMIT;
    }
    for (uint32_t i = 0; i < name.len; i++) {
        if (name.at[i] == '<' || name.at[i] == '&') {
            return WB_ERR_UNSUPPORTED;
        }
    }
    return WB_OK;
}

static enum wb_err describe_xml(const struct wb_xrce_entity *entity,
                                struct wb_xrce_description *out)
{
    struct wb_cdr_str text = entity->text;
    struct wb_cdr_str topic = text;
    switch (entity->kind) {
    case WB_XRCE_PARTICIPANT: out->name = element(text, "name"); break;
    case WB_XRCE_DATAWRITER:
    case WB_XRCE_DATAREADER:
        describe_xml_qos(text, &out->qos);
        topic = element(text, "topic");
        out->name = element(topic, "name");
        out->type = element(topic, "dataType");
        break;
    case WB_XRCE_TOPIC:
        out->name = element(topic, "name");
        out->type = element(topic, "dataType");
        break;
    case WB_XRCE_REQUESTER:
    case WB_XRCE_REPLIER:
        out->name = attribute(text, "service_name");
        out->type = attribute(text, "request_type");
        out->reply_type = attribute(text, "reply_type");
        out->request_topic = element(text, "request_topic_name");
        out->reply_topic = element(text, "reply_topic_name");
        break;
    default: break; /* publisher, subscriber: nothing of interest */
    }
    WB_TRY(check_name(out->name));
    WB_TRY(check_name(out->type));
    WB_TRY(check_name(out->reply_type));
    WB_TRY(check_name(out->request_topic));
    return check_name(out->reply_topic);
}

enum wb_err wb_xrce_describe(const struct wb_xrce_entity *entity, struct wb_xrce_description *out)
{
    *out = (struct wb_xrce_description){.kind = entity->kind};
    if (entity->kind < WB_XRCE_PARTICIPANT || entity->kind > WB_XRCE_REPLIER) {
        return WB_ERR_UNSUPPORTED;
    }
    switch (entity->representation) {
    case WB_XRCE_BIN: return describe_bin(entity, out);
    case WB_XRCE_XML: return describe_xml(entity, out);
    case WB_XRCE_REF: out->name = entity->text; return check_name(out->name);
    default: return WB_ERR_UNSUPPORTED;
    }
}
