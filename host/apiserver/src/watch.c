/* SPDX-License-Identifier: AGPL-3.0-only */
/* watch.c: watches, and the ring of recent changes that feeds them.
 *
 * A watch is a position in the sequence of changes; it holds no queue of its own.
 * wb_apiserver_watch_next() looks at the changes after the position: in the ring, or in the
 * database when the ring has moved on. A slow reader costs no memory; when even the database has
 * forgotten its position, it gets the 410 that makes clients list again.
 *
 * The initial objects of a watch are read in chunks, and changes go on meanwhile. So that no object
 * appears to go back in time, each chunk's last key and version are remembered, and later changes
 * that a chunk already showed are skipped. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

#define CHUNK          200u
#define CHUNKS_MAX     1024u
#define BOOKMARK_US    (60u * 1000000ull)
#define TIMEOUT_US     (1800u * 1000000ull) /* when the client names none */
#define TIMEOUT_MAX_S  3600u
#define PENDING_MAX    (CHUNK + 8u)
#define DATABASE_BATCH 100u

enum phase { PHASE_INITIAL, PHASE_STREAM, PHASE_ENDING, PHASE_END };

struct chunk {
    char *ns, *name; /* of its last object; NULL: all that were left */
    uint64_t version;
};

struct wb_apiserver_watch {
    struct wb_apiserver *server;
    struct wb_apiserver_watch *next, *prev;
    const struct as_resource *resource;
    char *namespace;
    struct as_selector labels, fields;
    enum as_format format;
    enum as_include include;
    enum phase phase;
    bool bookmarks, send_initial, columns_sent;
    uint64_t position;      /* changes up to this one are dealt with */
    uint64_t initial_until; /* chunks may have shown changes up to this one */
    uint64_t deadline_us, bookmark_us;
    struct chunk *chunks;
    size_t chunk_count;
    struct wb_http_buf *pending[PENDING_MAX];
    size_t pending_first, pending_count;
};

/* ---- ring --------------------------------------------------------------------------------- */

static void entry_free(struct as_change_entry *e)
{
    while (e->encoded) {
        struct as_encoded *encoded = e->encoded;
        e->encoded = encoded->next;
        wb_http_buf_unref(encoded->line);
        free(encoded);
    }
    json_decref(e->facets);
    json_decref(e->facets_old);
    free(e->namespace);
    free(e->name);
    free(e->body);
    free(e->old_body);
    free(e);
}

static void ring_drop_first(struct wb_apiserver *s)
{
    struct as_change_entry **at = &s->ring[s->ring_first % AS_RING_COUNT];
    s->ring_bytes -= (*at)->body_len + (*at)->old_body_len;
    entry_free(*at);
    *at = NULL;
    s->ring_first++;
}

static char *bytes_copy(const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);
    WB_ASSERT(copy);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static struct as_change_entry *entry_new(const struct as_row *row, const struct as_resource *r,
                                         json_t *facets, json_t *facets_old)
{
    struct as_change_entry *e = calloc(1, sizeof(*e));
    WB_ASSERT(e);
    *e = (struct as_change_entry){.version = row->version,
                                  .resource = r,
                                  .namespace = strdup(row->namespace),
                                  .name = strdup(row->name),
                                  .change = row->change,
                                  .facets = facets,
                                  .facets_old = facets_old,
                                  .body = bytes_copy(row->body, row->body_len),
                                  .body_len = row->body_len};
    if (row->old_body) {
        e->old_body = bytes_copy(row->old_body, row->old_body_len);
        e->old_body_len = row->old_body_len;
    }
    return e;
}

void as_ring_add(struct wb_apiserver *s, const struct as_row *row, const struct as_resource *r,
                 json_t *facets, json_t *facets_old)
{
    size_t len = row->body_len + row->old_body_len;
    if (s->ring_first == 0) {
        s->ring_first = row->version;
    }
    while (s->ring_first < row->version &&
           (row->version - s->ring_first >= AS_RING_COUNT || s->ring_bytes + len > AS_RING_BYTES)) {
        ring_drop_first(s);
    }
    s->ring[row->version % AS_RING_COUNT] = entry_new(row, r, facets, facets_old);
    s->ring_bytes += len;
}

void as_ring_free(struct wb_apiserver *s)
{
    for (size_t i = 0; i < AS_RING_COUNT; i++) {
        if (s->ring[i]) {
            entry_free(s->ring[i]);
        }
    }
}

/* ---- lines -------------------------------------------------------------------------------- */

static const char *change_name(enum as_change change)
{
    switch (change) {
    case AS_ADDED: return "ADDED";
    case AS_MODIFIED: return "MODIFIED";
    case AS_DELETED: return "DELETED";
    }
    return "ERROR";
}

static struct wb_http_buf *to_buf(struct as_text *t)
{
    struct wb_http_buf *buf = wb_http_buf_new(t->data, t->len);
    WB_ASSERT(buf);
    as_text_deinit(t);
    return buf;
}

static struct wb_http_buf *encode_table(const struct as_resource *r, const char *type,
                                        const json_t *object, uint64_t version,
                                        enum as_include include, bool columns, uint64_t now_us)
{
    struct as_text t = {0};
    as_text_fmt(&t,
                "{\"type\":\"%s\",\"object\":{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\","
                "\"metadata\":{\"resourceVersion\":\"%llu\"},",
                type, (unsigned long long)version);
    if (columns) {
        as_table_columns(&t, r);
    } else {
        as_text_str(&t, "\"columnDefinitions\":null");
    }
    as_text_str(&t, ",\"rows\":[");
    if (object) {
        as_table_row(&t, r, object, include, now_us);
    }
    as_text_str(&t, "]}}\n");
    return to_buf(&t);
}

static struct wb_http_buf *encode(const struct as_resource *r, enum as_change change,
                                  const char *body, size_t len, uint64_t version,
                                  enum as_format format, enum as_include include, bool columns,
                                  uint64_t now_us)
{
    struct as_text t = {0};
    if (format == AS_PLAIN) {
        as_text_fmt(&t, "{\"type\":\"%s\",\"object\":", change_name(change));
        as_text_add(&t, body, len);
        as_text_str(&t, "}\n");
        return to_buf(&t);
    }
    json_t *object = json_loadb(body, len, 0, NULL);
    WB_ASSERT(object); /* our own bytes */
    struct wb_http_buf *buf;
    if (format == AS_TABLE) {
        buf = encode_table(r, change_name(change), object, version, include, columns, now_us);
    } else {
        as_text_fmt(&t, "{\"type\":\"%s\",\"object\":", change_name(change));
        as_partial_metadata(&t, object);
        as_text_str(&t, "}\n");
        buf = to_buf(&t);
    }
    json_decref(object);
    return buf;
}

static void push(struct wb_apiserver_watch *w, struct wb_http_buf *line)
{
    WB_ASSERT(w->pending_count < PENDING_MAX);
    w->pending[(w->pending_first + w->pending_count++) % PENDING_MAX] = line;
}

static uint64_t now_us(const struct wb_apiserver_watch *w)
{
    return w->server->services.unix_us(w->server->services.ctx);
}

/* The line of an entry, shared by all watches that want this form. */
static struct wb_http_buf *entry_line(struct wb_apiserver_watch *w, struct as_change_entry *e,
                                      enum as_change change)
{
    /* What leaves a selection is shown as it was when it still belonged to it. */
    bool leaves = change == AS_DELETED && e->old_body;
    const char *body = leaves ? e->old_body : e->body;
    size_t len = leaves ? e->old_body_len : e->body_len;
    if (w->format == AS_TABLE && !w->columns_sent) {
        w->columns_sent = true;
        return encode(e->resource, change, body, len, e->version, w->format, w->include, true,
                      now_us(w));
    }
    for (struct as_encoded *have = e->encoded; have; have = have->next) {
        if (have->format == w->format && have->include == w->include && have->change == change) {
            return wb_http_buf_ref(have->line);
        }
    }
    struct as_encoded *made = calloc(1, sizeof(*made));
    WB_ASSERT(made);
    *made = (struct as_encoded){.next = e->encoded,
                                .format = w->format,
                                .include = w->include,
                                .change = change,
                                .line = encode(e->resource, change, body, len, e->version,
                                               w->format, w->include, false, now_us(w))};
    e->encoded = made;
    return wb_http_buf_ref(made->line);
}

static void push_bookmark(struct wb_apiserver_watch *w, bool initial_end)
{
    struct as_text t = {0};
    if (w->format == AS_TABLE && !initial_end) {
        push(w, encode_table(w->resource, "BOOKMARK", NULL, w->position, w->include,
                             !w->columns_sent, 0));
        w->columns_sent = true;
        return;
    }
    const char *annotations =
        initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";
    bool partial = w->format != AS_PLAIN;
    as_text_fmt(&t,
                "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\","
                "\"metadata\":{\"resourceVersion\":\"%llu\"%s}}}\n",
                partial ? "PartialObjectMetadata" : w->resource->kind,
                partial ? "meta.k8s.io/v1" : w->resource->group_version,
                (unsigned long long)w->position, annotations);
    push(w, to_buf(&t));
}

static void push_expired(struct wb_apiserver_watch *w)
{
    char *message = as_fmt("too old resource version: %llu (%llu)", (unsigned long long)w->position,
                           (unsigned long long)as_store_compacted(w->server->store));
    json_t *status = as_status_new(410, "Expired", message, NULL);
    struct as_text t = {0};
    as_text_str(&t, "{\"type\":\"ERROR\",\"object\":");
    as_text_json(&t, status);
    as_text_str(&t, "}\n");
    json_decref(status);
    free(message);
    push(w, to_buf(&t));
    w->phase = PHASE_ENDING;
}

/* ---- what a change means to a watch ------------------------------------------------------- */

static bool facets_match(const struct wb_apiserver_watch *w, const json_t *facets)
{
    return facets && as_selector_matches(&w->labels, json_object_get(facets, "l")) &&
           as_field_selector_matches(&w->fields, json_object_get(facets, "f"));
}

/* ADDED when an object enters the selection, DELETED when it leaves. False: does not concern it. */
static bool change_for(const struct wb_apiserver_watch *w, const struct as_change_entry *e,
                       enum as_change *change)
{
    bool now = e->change != AS_DELETED && facets_match(w, e->facets);
    bool before = facets_match(w, e->facets_old);
    if (!now && !before) {
        return false;
    }
    *change = !now ? AS_DELETED : before ? AS_MODIFIED : AS_ADDED;
    return true;
}

static int compare_keys(const char *ns_a, const char *name_a, const char *ns_b, const char *name_b)
{
    int order = strcmp(ns_a, ns_b);
    return order ? order : strcmp(name_a, name_b);
}

/* Whether the initial objects already showed the effect of this change. */
static bool was_shown(const struct wb_apiserver_watch *w, const struct as_change_entry *e)
{
    if (e->version > w->initial_until) {
        return false;
    }
    for (size_t i = 0; i < w->chunk_count; i++) {
        const struct chunk *k = &w->chunks[i];
        if (!k->name || compare_keys(e->namespace, e->name, k->ns, k->name) <= 0) {
            return e->version <= k->version;
        }
    }
    return false;
}

static void chunks_free(struct wb_apiserver_watch *w)
{
    for (size_t i = 0; i < w->chunk_count; i++) {
        free(w->chunks[i].ns);
        free(w->chunks[i].name);
    }
    free(w->chunks);
    w->chunks = NULL;
    w->chunk_count = 0;
}

static void take(struct wb_apiserver_watch *w, struct as_change_entry *e)
{
    enum as_change change;
    w->position = e->version;
    if (e->resource != w->resource ||
        (w->namespace[0] && strcmp(w->namespace, e->namespace) != 0) || was_shown(w, e) ||
        !change_for(w, e, &change)) {
        return;
    }
    push(w, entry_line(w, e, change));
}

/* ---- sources ------------------------------------------------------------------------------ */

struct from_database {
    struct wb_apiserver_watch *watch;
    size_t seen;
};

static bool on_change(void *ctx, const struct as_row *row)
{
    struct from_database *f = ctx;
    struct wb_apiserver_watch *w = f->watch;
    if (strcmp(row->resource, w->resource->key) == 0) {
        json_t *both = json_loads(row->selectors, 0, NULL);
        WB_ASSERT(both);
        json_t *old = json_object_get(both, "o");
        struct as_change_entry *e =
            entry_new(row, w->resource, json_incref(json_object_get(both, "n")),
                      json_is_null(old) ? NULL : json_incref(old));
        json_decref(both);
        take(w, e);
        entry_free(e);
    }
    w->position = row->version;
    return ++f->seen < DATABASE_BATCH && w->pending_count < CHUNK;
}

static void read_changes(struct wb_apiserver_watch *w)
{
    struct wb_apiserver *s = w->server;
    uint64_t latest = as_store_version(s->store);
    while (w->position < latest && w->pending_count == 0) {
        if (s->ring_first == 0 || w->position + 1 < s->ring_first) {
            if (w->position < as_store_compacted(s->store)) {
                push_expired(w);
                return;
            }
            struct from_database f = {w, 0};
            as_store_changes(s->store, w->position, on_change, &f);
            WB_ASSERT(f.seen > 0);
        } else {
            take(w, s->ring[(w->position + 1) % AS_RING_COUNT]);
        }
    }
    if (w->chunks && w->position >= w->initial_until) {
        chunks_free(w);
    }
}

struct initial {
    struct wb_apiserver_watch *watch;
    size_t seen;
    char *ns, *name;
};

static bool on_object(void *ctx, const struct as_row *row)
{
    struct initial *i = ctx;
    struct wb_apiserver_watch *w = i->watch;
    bool wanted = true;
    if (w->labels.count || w->fields.count) {
        json_t *object = json_loadb(row->body, row->body_len, 0, NULL);
        json_t *facets = as_resource_facets(w->resource, object);
        wanted = facets_match(w, facets);
        json_decref(facets);
        json_decref(object);
    }
    if (wanted) {
        bool columns = w->format == AS_TABLE && !w->columns_sent;
        push(w, encode(w->resource, AS_ADDED, row->body, row->body_len, row->version, w->format,
                       w->include, columns, now_us(w)));
        w->columns_sent = w->columns_sent || columns;
    }
    free(i->ns);
    free(i->name);
    i->ns = strdup(row->namespace);
    i->name = strdup(row->name);
    return ++i->seen < CHUNK;
}

static void read_initial(struct wb_apiserver_watch *w)
{
    struct wb_apiserver *s = w->server;
    while (w->phase == PHASE_INITIAL && w->pending_count == 0) {
        struct chunk *last = w->chunk_count ? &w->chunks[w->chunk_count - 1] : NULL;
        struct initial i = {.watch = w};
        as_store_list(s->store, w->resource->key, w->namespace[0] ? w->namespace : NULL,
                      last ? last->ns : NULL, last ? last->name : NULL, CHUNK, on_object, &i);
        bool end = i.seen < CHUNK || w->chunk_count + 1 == CHUNKS_MAX;
        if (end) {
            free(i.ns);
            free(i.name);
            i.ns = i.name = NULL;
        }
        struct chunk *grown = realloc(w->chunks, (w->chunk_count + 1) * sizeof(*grown));
        WB_ASSERT(grown);
        w->chunks = grown;
        w->initial_until = as_store_version(s->store);
        w->chunks[w->chunk_count++] = (struct chunk){i.ns, i.name, w->initial_until};
        if (end) {
            w->phase = PHASE_STREAM;
            if (w->send_initial && w->bookmarks) {
                /* Everything up to here has been shown or will follow. */
                push_bookmark(w, true);
            }
        }
    }
}

enum wb_apiserver_watch_state wb_apiserver_watch_next(struct wb_apiserver_watch *w,
                                                      struct wb_http_buf **line)
{
    uint64_t now = now_us(w);
    if (w->pending_count == 0 && w->phase == PHASE_INITIAL) {
        read_initial(w);
    }
    if (w->pending_count == 0 && w->phase == PHASE_STREAM) {
        read_changes(w);
    }
    if (w->pending_count == 0 && w->phase == PHASE_STREAM && now >= w->deadline_us) {
        w->phase = PHASE_ENDING;
    } else if (w->pending_count == 0 && w->phase == PHASE_STREAM && w->bookmarks &&
               now >= w->bookmark_us) {
        w->bookmark_us = now + BOOKMARK_US;
        push_bookmark(w, false);
    }
    if (w->pending_count > 0) {
        *line = w->pending[w->pending_first];
        w->pending_first = (w->pending_first + 1) % PENDING_MAX;
        w->pending_count--;
        return WB_APISERVER_WATCH_LINE;
    }
    if (w->phase == PHASE_ENDING) {
        w->phase = PHASE_END;
    }
    return w->phase == PHASE_END ? WB_APISERVER_WATCH_END : WB_APISERVER_WATCH_IDLE;
}

uint64_t wb_apiserver_watch_due_us(const struct wb_apiserver_watch *w)
{
    return w->bookmarks && w->bookmark_us < w->deadline_us ? w->bookmark_us : w->deadline_us;
}

bool wb_apiserver_watch_is_behind(const struct wb_apiserver_watch *w)
{
    return w->pending_count > 0 || w->phase != PHASE_STREAM ||
           w->position < as_store_version(w->server->store);
}

void wb_apiserver_watch_free(struct wb_apiserver_watch *w)
{
    if (!w) {
        return;
    }
    while (w->pending_count > 0) {
        wb_http_buf_unref(w->pending[w->pending_first]);
        w->pending_first = (w->pending_first + 1) % PENDING_MAX;
        w->pending_count--;
    }
    if (w->prev) {
        w->prev->next = w->next;
    } else {
        w->server->watches = w->next;
    }
    if (w->next) {
        w->next->prev = w->prev;
    }
    w->server->watch_count--;
    chunks_free(w);
    as_selector_deinit(&w->labels);
    as_selector_deinit(&w->fields);
    free(w->namespace);
    free(w);
}

/* ---- the request -------------------------------------------------------------------------- */

/* sendInitialEvents only goes with a watch that is not older than something. */
static bool initial_fits(struct as_call *c)
{
    const char *match = as_query(c, "resourceVersionMatch");
    if (as_query(c, "sendInitialEvents")[0]) {
        if (strcmp(match, "NotOlderThan") == 0) {
            return true;
        }
        as_reply_bad_option(
            c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        return false;
    }
    if (match[0]) {
        as_reply_bad_option(
            c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
            "provided");
        return false;
    }
    return true;
}

void as_watch(struct as_call *c)
{
    struct wb_apiserver *s = c->server;
    if (s->watch_count >= WB_APISERVER_WATCHES_MAX) {
        c->response->retry_after_s = 1;
        as_reply_error(c, 429, "TooManyRequests", json_pack("{s:i}", "retryAfterSeconds", 1),
                       "Too many watches, please try again later.");
        return;
    }
    const char *text = as_query(c, "resourceVersion");
    char *end;
    unsigned long long version = strtoull(text, &end, 10);
    if (*end) {
        as_reply_bad_request(c, "resourceVersion: Invalid value: \"%s\": not a number", text);
        return;
    }
    uint64_t latest = as_store_version(s->store);
    if (!initial_fits(c)) {
        return;
    }
    if (version > latest) {
        c->response->retry_after_s = 1;
        as_reply_error(c, 504, "Timeout",
                       json_pack("{s:[{s:s, s:s}], s:i}", "causes", "reason",
                                 "ResourceVersionTooLarge", "message", "Too large resource version",
                                 "retryAfterSeconds", 1),
                       "Timeout: Too large resource version: %llu, current: %llu", version,
                       (unsigned long long)latest);
        return;
    }
    struct wb_apiserver_watch *w = calloc(1, sizeof(*w));
    WB_ASSERT(w);
    if (!as_call_selectors(c, &w->labels, &w->fields)) {
        free(w);
        return;
    }
    w->server = s;
    w->resource = c->resource;
    w->namespace = strdup(c->namespace);
    w->format = c->format;
    w->include = c->include;
    w->bookmarks = as_query_bool(c, "allowWatchBookmarks");
    w->send_initial = as_query_bool(c, "sendInitialEvents");
    bool has_initial_flag = as_query(c, "sendInitialEvents")[0] != '\0';
    bool initial = has_initial_flag ? w->send_initial : version == 0;
    w->phase = initial ? PHASE_INITIAL : PHASE_STREAM;
    w->position = initial || version == 0 ? latest : version;
    unsigned long seconds = strtoul(as_query(c, "timeoutSeconds"), NULL, 10);
    seconds = seconds > TIMEOUT_MAX_S ? TIMEOUT_MAX_S : seconds;
    w->deadline_us = c->now_us + (seconds ? seconds * 1000000ull : TIMEOUT_US);
    w->bookmark_us = c->now_us + BOOKMARK_US;
    w->next = s->watches;
    if (w->next) {
        w->next->prev = w;
    }
    s->watches = w;
    s->watch_count++;
    c->response->status = 200;
    c->response->content_type = "application/json";
    c->response->watch = w;
}
