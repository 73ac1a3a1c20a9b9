/* SPDX-License-Identifier: AGPL-3.0-only */
/* read.c: get and list. Plain lists join stored bytes; only selectors and tables parse objects.
 *
 * A continue token holds the version of the first page and the last key. All pages show the state
 * of that version: the store keeps what is replaced meanwhile, for five minutes. */
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "wb_api.h"

bool as_call_selectors(struct as_call *c, struct as_selector *labels, struct as_selector *fields)
{
    char err[512];
    labels->count = fields->count = 0;
    if (as_selector_parse(labels, as_query(c, "labelSelector"), err, sizeof(err)) != WB_OK ||
        as_field_selector_parse(fields, as_query(c, "fieldSelector"), err, sizeof(err)) != WB_OK) {
        as_selector_deinit(labels);
        as_reply_bad_request(c, "%s", err);
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        const char *key = fields->items[i].key;
        bool known = strcmp(key, "metadata.name") == 0 ||
                     (strcmp(key, "metadata.namespace") == 0 && c->resource->namespaced);
        for (size_t j = 0; j < c->resource->selectable_count && !known; j++) {
            known = strcmp(key, c->resource->selectable[j]) == 0;
        }
        if (!known) {
            as_reply_bad_request(c, "field label not supported: %s", key);
            as_selector_deinit(labels);
            as_selector_deinit(fields);
            return false;
        }
    }
    return true;
}

/* Refuses resource versions that cannot be served; false after an answer. */
static bool version_fits(struct as_call *c)
{
    const char *text = as_query(c, "resourceVersion");
    const char *match = as_query(c, "resourceVersionMatch");
    if (match[0] && !text[0]) {
        as_reply_bad_option(
            c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
        return false;
    }
    if (match[0] && strcmp(match, "Exact") != 0 && strcmp(match, "NotOlderThan") != 0) {
        as_reply_bad_option(
            c, "ListOptions", "resourceVersionMatch", "FieldValueNotSupported",
            "Unsupported value: \"%s\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
            match);
        return false;
    }
    if (!text[0]) {
        return true;
    }
    char *end;
    unsigned long long version = strtoull(text, &end, 10);
    if (*end || end == text) {
        as_reply_bad_request(c,
                             "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing "
                             "\"%s\": invalid syntax",
                             text, text);
        return false;
    }
    uint64_t now = as_store_version(c->server->store);
    if (version > now) {
        c->response->retry_after_s = 1;
        json_t *details =
            json_pack("{s:[{s:s, s:s}], s:i}", "causes", "reason", "ResourceVersionTooLarge",
                      "message", "Too large resource version", "retryAfterSeconds", 1);
        as_reply_error(c, 504, "Timeout", details,
                       "Timeout: Too large resource version: %llu, current: %llu", version,
                       (unsigned long long)now);
        return false;
    }
    if (strcmp(match, "Exact") == 0 && version == 0) {
        as_reply_bad_option(c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden",
                            "Forbidden: resourceVersionMatch \"exact\" is forbidden for "
                            "resourceVersion \"0\"");
        return false;
    }
    if (strcmp(match, "Exact") == 0 && version != now) {
        as_reply_error(c, 410, "Expired", NULL,
                       "The resourceVersion for the provided list is too old.");
        return false;
    }
    return true;
}

void as_get(struct as_call *c)
{
    if (!version_fits(c)) {
        return;
    }
    size_t len;
    char *body = as_store_get(c->server->store, c->resource->key, c->namespace, c->name, &len);
    if (!body) {
        as_reply_not_found(c, c->resource, c->name);
        return;
    }
    as_reply_object(c, 200, body, len);
}

/* ---- list --------------------------------------------------------------------------------- */

struct lister {
    struct as_call *c;
    struct as_text out;
    struct as_selector labels, fields;
    size_t count, limit;
    char *last_ns, *last_name; /* of the page, when it is full */
    bool more;
};

static void add_object(struct lister *l, const struct as_row *row, const json_t *object)
{
    struct as_call *c = l->c;
    as_text_str(&l->out, l->count ? "," : "");
    if (c->format == AS_TABLE) {
        as_table_row(&l->out, c->resource, object, c->include, c->now_us);
    } else if (c->format == AS_PARTIAL) {
        as_partial_metadata(&l->out, object);
    } else {
        as_text_add(&l->out, row->body, row->body_len);
    }
    l->count++;
}

static bool on_row(void *ctx, const struct as_row *row)
{
    struct lister *l = ctx;
    if (l->limit && l->count == l->limit) {
        l->more = true;
        return false;
    }
    json_t *object = NULL;
    bool wanted = true;
    if (l->labels.count || l->fields.count || l->c->format != AS_PLAIN) {
        object = json_loadb(row->body, row->body_len, 0, NULL);
        WB_ASSERT(object); /* our own bytes */
        if (l->labels.count || l->fields.count) {
            json_t *facets = as_resource_facets(l->c->resource, object);
            wanted = as_selector_matches(&l->labels, json_object_get(facets, "l")) &&
                     as_field_selector_matches(&l->fields, json_object_get(facets, "f"));
            json_decref(facets);
        }
    }
    if (wanted) {
        add_object(l, row, object);
        if (l->limit && l->count == l->limit) {
            l->last_ns = strdup(row->namespace);
            l->last_name = strdup(row->name);
        }
    }
    json_decref(object);
    return true;
}

/* token: base64 of {"v":version,"ns":…,"n":…} */
static bool read_token(struct as_call *c, uint64_t *version, char **ns, char **name)
{
    const char *token = as_query(c, "continue");
    uint8_t *data = NULL;
    size_t len;
    json_t *json = NULL;
    if (wb_api_base64_decode(token, strlen(token), 4096, &data, &len) == WB_OK) {
        json = json_loadb((const char *)data, len, 0, NULL);
    }
    free(data);
    if (!json_is_integer(json_object_get(json, "v")) || !as_str(json, "n")[0]) {
        json_decref(json);
        as_reply_bad_request(c, "continue key is not valid");
        return false;
    }
    *version = (uint64_t)json_integer_value(json_object_get(json, "v"));
    *ns = strdup(as_str(json, "ns"));
    *name = strdup(as_str(json, "n"));
    json_decref(json);
    if (*version != as_store_version(c->server->store) &&
        !as_store_has_snapshot(c->server->store, *version)) {
        free(*ns);
        free(*name);
        *ns = *name = NULL;
        as_reply_error(c, 410, "Expired", NULL,
                       "The provided continue parameter is too old to display a consistent list "
                       "result. You can start a new list without the continue parameter.");
        return false;
    }
    return true;
}

static void add_list_metadata(struct lister *l, struct as_text *head, uint64_t version)
{
    struct as_call *c = l->c;
    as_text_fmt(head, "\"metadata\":{\"resourceVersion\":\"%llu\"", (unsigned long long)version);
    if (!l->more && c->resource->custom && c->format == AS_PLAIN) {
        as_text_str(head, ",\"continue\":\"\"");
    }
    if (l->more) {
        json_t *token = json_pack("{s:I, s:s, s:s}", "v", (json_int_t)version, "ns", l->last_ns,
                                  "n", l->last_name);
        size_t len;
        char *text = as_dump(token, &len);
        char *encoded = wb_api_base64_encode(text, len);
        as_text_fmt(head, ",\"continue\":\"%s\"", encoded);
        free(encoded);
        free(text);
        json_decref(token);
        if (l->labels.count == 0 && l->fields.count == 0) {
            as_text_fmt(head, ",\"remainingItemCount\":%zu",
                        as_store_count(c->server->store, version, c->resource->key,
                                       c->namespace[0] ? c->namespace : NULL, l->last_ns,
                                       l->last_name));
        }
    }
    as_text_str(head, "}");
}

static void send_list(struct lister *l, uint64_t version)
{
    struct as_call *c = l->c;
    struct as_text t = {0};
    if (c->format == AS_TABLE) {
        as_text_str(&t, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",");
        add_list_metadata(l, &t, version);
        as_text_str(&t, ",");
        as_table_columns(&t, c->resource);
        as_text_str(&t, ",\"rows\":[");
    } else if (c->format == AS_PARTIAL) {
        as_text_str(&t,
                    "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",");
        add_list_metadata(l, &t, version);
        as_text_str(&t, ",\"items\":[");
    } else {
        as_text_fmt(&t, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",", c->resource->group_version,
                    c->resource->list_kind);
        add_list_metadata(l, &t, version);
        as_text_str(&t, ",\"items\":[");
    }
    if (l->out.data) {
        as_text_add(&t, l->out.data, l->out.len);
    }
    as_text_str(&t, "]}");
    as_reply_json(c, 200, t.data, t.len);
}

void as_list(struct as_call *c)
{
    struct lister l = {.c = c};
    char *after_ns = NULL, *after_name = NULL;
    uint64_t version = as_store_version(c->server->store);
    bool continued = as_query(c, "continue")[0] != '\0';
    if (as_query(c, "sendInitialEvents")[0]) {
        as_reply_bad_option(c, "ListOptions", "sendInitialEvents", "FieldValueForbidden",
                            "Forbidden: sendInitialEvents is forbidden for list");
        return;
    }
    if (continued && as_query(c, "resourceVersion")[0] &&
        strcmp(as_query(c, "resourceVersion"), "0") != 0) {
        as_reply_bad_request(c, "specifying resource version is not allowed when using continue");
        return;
    }
    char *limit_end;
    long long limit = strtoll(as_query(c, "limit"), &limit_end, 10);
    if (*limit_end) {
        as_reply_bad_request(c, "strconv.ParseInt: parsing \"%s\": invalid syntax",
                             as_query(c, "limit"));
        return;
    }
    if (!version_fits(c) || (continued && !read_token(c, &version, &after_ns, &after_name)) ||
        !as_call_selectors(c, &l.labels, &l.fields)) {
        free(after_ns);
        free(after_name);
        return;
    }
    l.limit = limit > 0 ? (size_t)limit : 0;
    const char *ns = c->namespace[0] ? c->namespace : NULL;
    const char *wanted = as_selector_wanted(&l.fields, "metadata.name");
    if (wanted && ns) { /* by name: one lookup instead of a scan */
        struct as_row row = {.namespace = ns, .name = wanted};
        char *body = as_store_get(c->server->store, c->resource->key, ns, wanted, &row.body_len);
        if (body) {
            row.body = body;
            on_row(&l, &row);
            free(body);
        }
    } else {
        as_store_list_at(c->server->store, version, c->resource->key, ns, after_ns, after_name,
                         on_row, &l);
    }
    if (l.more) {
        as_store_snapshot(c->server->store, version, c->now_us);
    }
    send_list(&l, version);
    as_text_deinit(&l.out);
    as_selector_deinit(&l.labels);
    as_selector_deinit(&l.fields);
    free(l.last_ns);
    free(l.last_name);
    free(after_ns);
    free(after_name);
}
