/* SPDX-License-Identifier: AGPL-3.0-only */
/* The messages as tables: one row a key of docs/spec/protocol.cddl, in its order. A small
 * interpreter each way (decode_map, encode_map) moves fields between the map and the struct, so
 * both directions agree by construction. Read the tables first. */
#include "wb_protocol.h"

#include <string.h>

enum kind {
    U32,    /* uint32_t; max: largest value, 0: any */
    U64,    /* uint64_t */
    TEXT,   /* struct wb_cbor_text of at most max bytes */
    NAME,   /* struct wb_cbor_text: a Kubernetes name; empty only when optional */
    BYTES,  /* struct wb_cbor_bytes of at most max bytes */
    DIGEST, /* pointer to 32 bytes */
    TEXTS,  /* struct wb_protocol_list of texts */
    PLACES, /* struct wb_protocol_list of [uint, uint] */
    APP,    /* struct wb_protocol_application */
};

#define OPTIONAL  1u /* 0, empty or NULL is not sent */
#define NON_EMPTY 2u
#define ANY       UINT16_MAX /* bounded by the message */

struct row {
    uint8_t key;
    uint8_t kind;
    uint16_t flags;
    uint16_t offset; /* of the field in its struct */
    uint16_t max;
};

#define ROW(key, kind, type, field, flags, max)                                                    \
    {                                                                                              \
        key, kind, flags, (uint16_t)offsetof(struct wb_protocol_##type, field), max                \
    }

static const struct row hello_rows[] = {
    ROW(1, U32, hello, version, 0, 0),
    ROW(2, TEXT, hello, device_id, NON_EMPTY, 63),
    ROW(3, TEXT, hello, firmware, 0, 63),
    ROW(4, TEXT, hello, device_type, 0, 63),
    ROW(5, U32, hello, frame_max, 0, 0),
    ROW(6, U32, hello, abi, 0, 0),
    ROW(7, U32, hello, app_slots, 0, 0),
    ROW(8, U32, hello, arena_size, 0, 0),
    ROW(9, U32, hello, boots, 0, 0),
    ROW(10, U64, hello, generation, OPTIONAL, 0),
    ROW(11, TEXT, hello, reset_reason, OPTIONAL, 127),
};
static const struct row heartbeat_rows[] = {
    ROW(1, U64, heartbeat, uptime_ms, 0, 0),  ROW(2, U32, heartbeat, arena_free, 0, 0),
    ROW(3, U32, heartbeat, ram_peak, 0, 0),   ROW(4, U32, heartbeat, cpu_permille, 0, 0),
    ROW(5, U64, heartbeat, bytes_in, 0, 0),   ROW(6, U64, heartbeat, bytes_out, 0, 0),
    ROW(7, U32, heartbeat, flash_free, 0, 0), ROW(8, U32, heartbeat, ram_size, OPTIONAL, 0),
};
static const struct row app_status_rows[] = {
    ROW(1, NAME, app_status, name, 0, 0),
    ROW(2, U32, app_status, phase, 0, WB_PROTOCOL_APP_PHASE_COUNT - 1),
    ROW(3, DIGEST, app_status, digest, 0, 0),
    ROW(4, U32, app_status, restarts, 0, 0),
    ROW(5, TEXT, app_status, message, OPTIONAL, 255),
    ROW(6, U32, app_status, memory, 0, 0),
    ROW(7, U64, app_status, fuel, 0, 0),
    ROW(8, U64, app_status, revision, 0, 0),
    ROW(9, DIGEST, app_status, running, OPTIONAL, 0),
};
static const struct row log_rows[] = {
    ROW(1, NAME, log, app, OPTIONAL, 0),
    ROW(2, U32, log, level, 0, WB_PROTOCOL_LOG_LEVEL_COUNT - 1),
    ROW(3, TEXT, log, text, 0, ANY),
    ROW(4, U64, log, uptime_ms, 0, 0),
};
static const struct row trap_rows[] = {
    ROW(1, NAME, trap, app, 0, 0),
    ROW(2, TEXT, trap, reason, 0, 255),
    ROW(3, PLACES, trap, backtrace, 0, 0),
};
static const struct row fetch_rows[] = {
    ROW(1, DIGEST, fetch, digest, 0, 0),
    ROW(2, U32, fetch, offset, 0, 0),
    ROW(3, U32, fetch, len, 0, 0),
};
static const struct row publish_rows[] = {
    ROW(1, NAME, publish, app, 0, 0),
    ROW(2, TEXT, publish, topic, NON_EMPTY, WB_PROTOCOL_TOPIC_MAX),
    ROW(3, BYTES, publish, payload, 0, ANY),
};
static const struct row subscribe_rows[] = {
    ROW(1, NAME, subscribe, app, 0, 0),
    ROW(2, TEXT, subscribe, topic, NON_EMPTY, WB_PROTOCOL_TOPIC_MAX),
};
static const struct row desired_ack_rows[] = {
    ROW(1, U64, desired_ack, generation, 0, 0),
};
static const struct row welcome_rows[] = {
    ROW(1, U64, welcome, unix_ms, 0, 0),
    ROW(2, U32, welcome, heartbeat_ms, 0, 0),
    ROW(3, U32, welcome, frame_max, 0, 0),
};
static const struct row desired_rows[] = {
    ROW(1, U64, desired, generation, 0, 0),
    ROW(2, U32, desired, index, 0, 0),
    ROW(3, U32, desired, count, 0, 0),
    ROW(4, APP, desired, app, OPTIONAL, 0),
};
static const struct row application_rows[] = {
    ROW(1, NAME, application, name, 0, 0),
    ROW(2, DIGEST, application, digest, 0, 0),
    ROW(3, U32, application, size, 0, 0),
    ROW(4, BYTES, application, signature, OPTIONAL, WB_PROTOCOL_SIGNATURE_MAX),
    ROW(5, U64, application, revision, 0, 0),
    ROW(6, U32, application, memory, OPTIONAL, 0),
    ROW(7, U64, application, fuel_per_s, OPTIONAL, 0),
    ROW(8, U32, application, restart, OPTIONAL, WB_PROTOCOL_RESTART_COUNT - 1),
    ROW(9, TEXTS, application, args, OPTIONAL, 0),
    ROW(10, TEXTS, application, env, OPTIONAL, 0),
};
static const struct row chunk_rows[] = {
    ROW(1, DIGEST, chunk, digest, 0, 0),
    ROW(2, U32, chunk, offset, 0, 0),
    ROW(3, BYTES, chunk, data, OPTIONAL, ANY),
    ROW(4, TEXT, chunk, error, OPTIONAL, 255),
};
static const struct row command_rows[] = {
    ROW(1, U32, command, action, 0, 0),
    ROW(2, NAME, command, app, OPTIONAL, 0),
};

struct table {
    uint8_t type;
    uint8_t count;
    const struct row *rows;
};
#define TABLE(type, rows)                                                                          \
    {                                                                                              \
        WB_PROTOCOL_##type, WB_ARRAY_LEN(rows), rows                                               \
    }

static const struct table tables[] = {
    TABLE(HELLO, hello_rows),
    TABLE(HEARTBEAT, heartbeat_rows),
    TABLE(APP_STATUS, app_status_rows),
    TABLE(LOG, log_rows),
    TABLE(TRAP, trap_rows),
    TABLE(FETCH, fetch_rows),
    TABLE(PUBLISH, publish_rows),
    TABLE(DESIRED_ACK, desired_ack_rows),
    TABLE(SUBSCRIBE, subscribe_rows),
    TABLE(UNSUBSCRIBE, subscribe_rows),
    TABLE(WELCOME, welcome_rows),
    TABLE(DESIRED, desired_rows),
    TABLE(CHUNK, chunk_rows),
    TABLE(DATA, publish_rows),
    TABLE(COMMAND, command_rows),
};
static const struct table application_table = {0, WB_ARRAY_LEN(application_rows), application_rows};

static const struct table *find_table(uint64_t type);
static void decode_map(struct wb_cbor_reader *r, const struct table *table, void *fields);
static enum wb_err encode_map(struct wb_writer *w, const struct table *table, const void *fields);
static bool is_desired_consistent(const struct wb_protocol_desired *desired);

enum wb_err wb_protocol_decode(const void *data, size_t len, struct wb_protocol_message *message,
                               struct wb_fault *fault)
{
    struct wb_cbor_reader r;
    wb_cbor_reader_init(&r, data, len, fault);
    size_t items = wb_cbor_read_array(&r, SIZE_MAX);
    uint64_t type = wb_cbor_read_uint(&r, UINT64_MAX);
    WB_TRY(r.err);
    const struct table *table = find_table(type);
    if (table == NULL) {
        return WB_ERR_UNSUPPORTED;
    }
    memset(message, 0, sizeof *message);
    message->type = (enum wb_protocol_type)type;
    if (items < 2) {
        wb_cbor_fail(&r, WB_ERR_FORMAT, "message without fields");
    }
    decode_map(&r, table, &message->u);
    if (type == WB_PROTOCOL_DESIRED && !is_desired_consistent(&message->u.desired)) {
        wb_cbor_fail(&r, WB_ERR_VALUE, "index, count and application do not agree");
    }
    for (size_t i = 2; i < items; i++) {
        wb_cbor_skip(&r);
    }
    if (wb_cbor_finish(&r) != WB_OK && fault != NULL) {
        fault->where[1] = (uint32_t)type;
    }
    return r.err;
}

enum wb_err wb_protocol_encode(const struct wb_protocol_message *message, size_t frame_max,
                               void *buf, size_t cap, size_t *len)
{
    const struct table *table = find_table(message->type);
    WB_ASSERT(table != NULL);
    size_t frame_cap = WB_PROTOCOL_FRAME_HEAD + (frame_max < UINT16_MAX ? frame_max : UINT16_MAX);
    struct wb_writer w;
    wb_writer_init(&w, buf, cap < frame_cap ? cap : frame_cap);
    wb_write_be16(&w, 0); /* the length, when it is known */
    wb_cbor_write_array(&w, 2);
    wb_cbor_write_uint(&w, message->type);
    if (message->type == WB_PROTOCOL_DESIRED && !is_desired_consistent(&message->u.desired)) {
        return WB_ERR_VALUE;
    }
    WB_TRY(encode_map(&w, table, &message->u));
    if (w.err != WB_OK) {
        return cap >= frame_cap ? WB_ERR_LIMIT : WB_ERR_SPACE;
    }
    struct wb_writer head;
    wb_writer_init(&head, buf, WB_PROTOCOL_FRAME_HEAD);
    wb_write_be16(&head, (uint16_t)(w.len - WB_PROTOCOL_FRAME_HEAD));
    *len = w.len;
    return WB_OK;
}

enum wb_err wb_protocol_application_decode(const void *data, size_t len,
                                           struct wb_protocol_application *app,
                                           struct wb_fault *fault)
{
    struct wb_cbor_reader r;
    wb_cbor_reader_init(&r, data, len, fault);
    memset(app, 0, sizeof *app);
    decode_map(&r, &application_table, app);
    app->raw = (struct wb_cbor_bytes){data, len};
    return wb_cbor_finish(&r);
}

enum wb_err wb_protocol_application_encode(const struct wb_protocol_application *app, void *buf,
                                           size_t cap, size_t *len)
{
    struct wb_writer w;
    wb_writer_init(&w, buf, cap);
    WB_TRY(encode_map(&w, &application_table, app));
    WB_TRY(w.err);
    *len = w.len;
    return WB_OK;
}

size_t wb_protocol_chunk_data_max(size_t frame_max)
{
    /* [35, {1: digest, 2: offset, 3: data}]: 1 + 2, 1, 1 + 2 + 32, 1 + 5, 1 + 3 */
    size_t rest = 3 + 1 + 35 + 6 + 4;
    size_t message_max = frame_max < UINT16_MAX ? frame_max : UINT16_MAX;
    return message_max > rest ? message_max - rest : 0;
}

bool wb_protocol_is_from_device(enum wb_protocol_type type)
{
    return type < 32;
}

const char *wb_protocol_type_str(enum wb_protocol_type type)
{
    switch (type) {
    case WB_PROTOCOL_HELLO: return "hello";
    case WB_PROTOCOL_HEARTBEAT: return "heartbeat";
    case WB_PROTOCOL_APP_STATUS: return "app-status";
    case WB_PROTOCOL_LOG: return "log";
    case WB_PROTOCOL_TRAP: return "trap";
    case WB_PROTOCOL_FETCH: return "fetch";
    case WB_PROTOCOL_PUBLISH: return "publish";
    case WB_PROTOCOL_DESIRED_ACK: return "desired-ack";
    case WB_PROTOCOL_SUBSCRIBE: return "subscribe";
    case WB_PROTOCOL_UNSUBSCRIBE: return "unsubscribe";
    case WB_PROTOCOL_WELCOME: return "welcome";
    case WB_PROTOCOL_DESIRED: return "desired";
    case WB_PROTOCOL_CHUNK: return "chunk";
    case WB_PROTOCOL_DATA: return "data";
    case WB_PROTOCOL_COMMAND: return "command";
    }
    return "unknown";
}

/* ---- the interpreter ---------------------------------------------------------------------- */

static const struct table *find_table(uint64_t type)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(tables); i++) {
        if (tables[i].type == type) {
            return &tables[i];
        }
    }
    return NULL;
}

static bool is_desired_consistent(const struct wb_protocol_desired *desired)
{
    bool has_app = desired->app.digest != NULL;
    return desired->count == 0 ? desired->index == 0 && !has_app
                               : desired->index < desired->count && has_app;
}

static struct wb_protocol_list decode_list(struct wb_cbor_reader *r, enum kind kind)
{
    struct wb_protocol_list list = {0};
    size_t count = wb_cbor_read_array(r, WB_PROTOCOL_LIST_MAX);
    const uint8_t *begin = wb_cbor_at(r);
    for (size_t i = 0; i < count; i++) {
        if (kind == TEXTS) {
            (void)wb_cbor_read_text(r, SIZE_MAX);
        } else if (wb_cbor_read_array(r, 2) == 2) {
            (void)wb_cbor_read_uint(r, UINT32_MAX);
            (void)wb_cbor_read_uint(r, UINT32_MAX);
        } else {
            wb_cbor_fail(r, WB_ERR_FORMAT, "not a pair");
        }
    }
    if (r->err == WB_OK && count > 0) {
        list = (struct wb_protocol_list){begin, (size_t)(wb_cbor_at(r) - begin), count};
    }
    return list;
}

static struct wb_cbor_text decode_text(struct wb_cbor_reader *r, const struct row *row)
{
    size_t max = row->kind == NAME ? WB_PROTOCOL_NAME_MAX : row->max;
    struct wb_cbor_text text = wb_cbor_read_text(r, max);
    if (row->kind == NAME && !wb_protocol_is_name(text)) {
        wb_cbor_fail(r, WB_ERR_VALUE, "not a name (1 to 63 of a-z, 0-9, -)");
    }
    if ((row->flags & NON_EMPTY) != 0 && text.len == 0) {
        wb_cbor_fail(r, WB_ERR_VALUE, "empty text");
    }
    return text;
}

static void decode_field(struct wb_cbor_reader *r, const struct row *row, void *field)
{
    switch ((enum kind)row->kind) {
    case U32:
        *(uint32_t *)field = (uint32_t)wb_cbor_read_uint(r, row->max != 0 ? row->max : UINT32_MAX);
        break;
    case U64: *(uint64_t *)field = wb_cbor_read_uint(r, UINT64_MAX); break;
    case TEXT:
    case NAME: *(struct wb_cbor_text *)field = decode_text(r, row); break;
    case BYTES: *(struct wb_cbor_bytes *)field = wb_cbor_read_bytes(r, row->max); break;
    case DIGEST:
        *(const uint8_t **)field = wb_cbor_read_bytes_exact(r, WB_PROTOCOL_DIGEST_LEN);
        break;
    case TEXTS:
    case PLACES: *(struct wb_protocol_list *)field = decode_list(r, row->kind); break;
    case APP: {
        struct wb_protocol_application *app = field;
        const uint8_t *begin = wb_cbor_at(r);
        decode_map(r, &application_table, app); /* the tables nest once */
        app->raw = (struct wb_cbor_bytes){begin, (size_t)(wb_cbor_at(r) - begin)};
        break;
    }
    }
}

/* Passes over rows before key; a required one among them is missing. Returns the row at or after
 * key. */
static const struct row *advance(struct wb_cbor_reader *r, const struct row *row,
                                 const struct row *end, uint64_t key)
{
    while (row < end && row->key < key) {
        if ((row->flags & OPTIONAL) == 0) {
            wb_cbor_fail(r, WB_ERR_NOT_FOUND, "required key is missing");
        }
        row++;
    }
    return row;
}

static void decode_map(struct wb_cbor_reader *r, const struct table *table, void *fields)
{
    const struct row *row = table->rows;
    const struct row *end = row + table->count;
    size_t pairs = wb_cbor_read_map(r, SIZE_MAX);
    uint64_t smallest = 0; /* RFC 8949 §4.2.1: keys ascend; so none comes twice */
    for (size_t i = 0; i < pairs && r->err == WB_OK; i++) {
        if (wb_cbor_peek(r) != WB_CBOR_UINT) {
            wb_cbor_skip(r); /* key of a future kind, and below its value */
        } else {
            uint64_t key = wb_cbor_read_uint(r, UINT64_MAX - 1);
            if (key < smallest) {
                wb_cbor_fail(r, WB_ERR_FORMAT, "map keys are not in ascending order");
                return;
            }
            smallest = key + 1;
            row = advance(r, row, end, key);
            if (row < end && row->key == key) {
                decode_field(r, row, (uint8_t *)fields + row->offset);
                row++;
                continue;
            }
        }
        wb_cbor_skip(r);
    }
    (void)advance(r, row, end, UINT64_MAX);
}

static bool is_present(const struct row *row, const void *field)
{
    if ((row->flags & OPTIONAL) == 0) {
        return true;
    }
    switch ((enum kind)row->kind) {
    case U32: return *(const uint32_t *)field != 0;
    case U64: return *(const uint64_t *)field != 0;
    case TEXT:
    case NAME: return ((const struct wb_cbor_text *)field)->len != 0;
    case BYTES: return ((const struct wb_cbor_bytes *)field)->len != 0;
    case DIGEST: return *(const uint8_t *const *)field != NULL;
    case TEXTS:
    case PLACES: return ((const struct wb_protocol_list *)field)->count != 0;
    case APP: return ((const struct wb_protocol_application *)field)->digest != NULL;
    }
    return false;
}

static enum wb_err encode_field(struct wb_writer *w, const struct row *row, const void *field)
{
    switch ((enum kind)row->kind) {
    case U32: {
        uint32_t value = *(const uint32_t *)field;
        wb_cbor_write_uint(w, value);
        return row->max != 0 && value > row->max ? WB_ERR_VALUE : WB_OK;
    }
    case U64: wb_cbor_write_uint(w, *(const uint64_t *)field); return WB_OK;
    case TEXT:
    case NAME: {
        struct wb_cbor_text text = *(const struct wb_cbor_text *)field;
        wb_cbor_write_text(w, text.data, text.len);
        if (row->kind == NAME) {
            return wb_protocol_is_name(text) ? WB_OK : WB_ERR_VALUE;
        }
        bool wrong = text.len > row->max || wb_cbor_utf8_prefix(text.data, text.len) != text.len ||
                     ((row->flags & NON_EMPTY) != 0 && text.len == 0);
        return wrong ? WB_ERR_VALUE : WB_OK;
    }
    case BYTES: {
        struct wb_cbor_bytes bytes = *(const struct wb_cbor_bytes *)field;
        wb_cbor_write_bytes(w, bytes.data, bytes.len);
        return bytes.len > row->max ? WB_ERR_VALUE : WB_OK;
    }
    case DIGEST: {
        const uint8_t *digest = *(const uint8_t *const *)field;
        if (digest == NULL) {
            return WB_ERR_VALUE;
        }
        wb_cbor_write_bytes(w, digest, WB_PROTOCOL_DIGEST_LEN);
        return WB_OK;
    }
    case TEXTS:
    case PLACES: {
        const struct wb_protocol_list *list = field;
        wb_cbor_write_array(w, list->count);
        wb_cbor_write_raw(w, list->data, list->len);
        return WB_OK;
    }
    case APP: return encode_map(w, &application_table, field);
    }
    return WB_ERR_VALUE;
}

static enum wb_err encode_map(struct wb_writer *w, const struct table *table, const void *fields)
{
    size_t pairs = 0;
    for (size_t i = 0; i < table->count; i++) {
        pairs += is_present(&table->rows[i], (const uint8_t *)fields + table->rows[i].offset);
    }
    wb_cbor_write_map(w, pairs);
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        const void *field = (const uint8_t *)fields + row->offset;
        if (is_present(row, field)) {
            wb_cbor_write_uint(w, row->key);
            WB_TRY(encode_field(w, row, field));
        }
    }
    return WB_OK;
}
