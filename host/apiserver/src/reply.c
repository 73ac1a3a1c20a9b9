/* SPDX-License-Identifier: AGPL-3.0-only */
/* reply.c: answers: Status objects in kube-apiserver's words, and objects in the format that was
 * asked for. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

void as_reply_json(struct as_call *c, unsigned status, char *data, size_t len)
{
    c->response->status = status;
    c->response->content_type = "application/json";
    c->response->body = data;
    c->response->body_len = len;
}

void as_reply_text(struct as_call *c, unsigned status, const char *text)
{
    c->response->status = status;
    c->response->content_type = "text/plain; charset=utf-8";
    c->response->body = strdup(text);
    c->response->body_len = strlen(text);
}

json_t *as_status_new(unsigned code, const char *reason, const char *message, json_t *details)
{
    json_t *status = json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status",
                               "apiVersion", "v1", "metadata", "status", "Failure", "message",
                               message, "reason", reason, "code", (int)code);
    if (!status) { /* message is not UTF-8 */
        status = json_pack("{s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "status",
                           "Failure", "code", (int)code);
    }
    as_set(status, "details", details);
    return status;
}

static void reply_status(struct as_call *c, json_t *status)
{
    size_t len;
    unsigned code = (unsigned)json_integer_value(json_object_get(status, "code"));
    char *data = as_dump(status, &len);
    json_decref(status);
    as_reply_json(c, code, data, len);
}

void as_reply_error(struct as_call *c, unsigned code, const char *reason, json_t *details,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = NULL;
    WB_ASSERT(vasprintf(&message, format, args) >= 0);
    va_end(args);
    reply_status(c, as_status_new(code, reason, message, details));
    free(message);
}

/* {name, group, kind} without what is empty; kind is the plural here, as kube-apiserver has it. */
static json_t *details_of(const struct as_resource *r, const char *name, const char *kind)
{
    json_t *details = json_object();
    if (name[0]) {
        as_set(details, "name", json_string(name));
    }
    if (r->group[0]) {
        as_set(details, "group", json_string(r->group));
    }
    as_set(details, "kind", json_string(kind));
    return details;
}

void as_reply_not_found(struct as_call *c, const struct as_resource *r, const char *name)
{
    as_reply_error(c, 404, "NotFound", details_of(r, name, r->plural), "%s \"%s\" not found",
                   r->key, name);
}

void as_reply_no_resource(struct as_call *c)
{
    as_reply_error(c, 404, "NotFound", json_object(),
                   "the server could not find the requested resource");
}

void as_reply_no_method(struct as_call *c)
{
    as_reply_error(c, 405, "MethodNotAllowed", json_object(),
                   "the server does not allow this method on the requested resource");
}

void as_reply_exists(struct as_call *c, const char *name)
{
    as_reply_error(c, 409, "AlreadyExists", details_of(c->resource, name, c->resource->plural),
                   "%s \"%s\" already exists", c->resource->key, name);
}

void as_reply_conflict(struct as_call *c, const char *name, const char *why)
{
    as_reply_error(c, 409, "Conflict", details_of(c->resource, name, c->resource->plural),
                   "Operation cannot be fulfilled on %s \"%s\": %s", c->resource->key, name, why);
}

void as_reply_bad_request(struct as_call *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = NULL;
    WB_ASSERT(vasprintf(&message, format, args) >= 0);
    va_end(args);
    reply_status(c, as_status_new(400, "BadRequest", message, NULL));
    free(message);
}

void as_reply_invalid(struct as_call *c, const char *name, struct as_causes *causes)
{
    struct as_text message = {0};
    size_t count = json_array_size(causes->list);
    as_text_fmt(&message, "%s \"%s\" is invalid: %s", c->resource->qualified_kind, name,
                count > 1 ? "[" : "");
    size_t i;
    json_t *cause;
    json_array_foreach(causes->list, i, cause)
    {
        as_text_fmt(&message, "%s%s: %s", i ? ", " : "", as_str(cause, "field"),
                    as_str(cause, "message"));
    }
    as_text_str(&message, count > 1 ? "]" : "");
    json_t *details = details_of(c->resource, name, c->resource->kind);
    as_set(details, "causes", causes->list);
    causes->list = NULL;
    reply_status(c, as_status_new(422, "Invalid", message.data, details));
    as_text_deinit(&message);
}

void as_reply_bad_option(struct as_call *c, const char *kind, const char *field, const char *reason,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    WB_ASSERT(vasprintf(&text, format, args) >= 0);
    va_end(args);
    json_t *details = json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "group", "meta.k8s.io", "kind",
                                kind, "causes", "reason", reason, "message", text, "field", field);
    as_reply_error(c, 422, "Invalid", details, "%s.meta.k8s.io \"\" is invalid: %s: %s", kind,
                   field, text);
    free(text);
}

void as_reply_object(struct as_call *c, unsigned status, char *body, size_t len)
{
    if (c->format == AS_PLAIN || c->format == AS_DISCOVERY) {
        as_reply_json(c, status, body, len);
        return;
    }
    json_t *object = json_loadb(body, len, 0, NULL);
    free(body);
    WB_ASSERT(object); /* our own bytes */
    struct as_text t = {0};
    if (c->format == AS_PARTIAL) {
        as_partial_metadata(&t, object);
    } else {
        as_text_str(&t, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
                        "v1\",\"metadata\":{\"resourceVersion\":");
        as_text_json_str(&t, as_str(json_object_get(object, "metadata"), "resourceVersion"));
        as_text_str(&t, "},");
        as_table_columns(&t, c->resource);
        as_text_str(&t, ",\"rows\":[");
        as_table_row(&t, c->resource, object, c->include, c->now_us);
        as_text_str(&t, "]}");
    }
    json_decref(object);
    as_reply_json(c, status, t.data, t.len);
}

void as_warn(struct as_call *c, const char *format, ...)
{
    if (c->response->warning_count == WB_APISERVER_WARNINGS_MAX) {
        return;
    }
    va_list args;
    va_start(args, format);
    char *text = NULL;
    WB_ASSERT(vasprintf(&text, format, args) >= 0);
    va_end(args);
    struct as_text t = {0};
    as_text_str(&t, "299 - \"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            as_text_str(&t, "\\");
        }
        if ((unsigned char)*p >= 0x20) {
            as_text_add(&t, p, 1);
        }
    }
    as_text_str(&t, "\"");
    free(text);
    c->response->warnings[c->response->warning_count++] = t.data;
}

/* ---- negotiation -------------------------------------------------------------------------- */

static bool has_part(const char *item, size_t len, const char *part)
{
    return memmem(item, len, part, strlen(part)) != NULL;
}

/* One item of Accept; true when it can be served. */
static bool try_item(const char *item, size_t len, enum as_format *format)
{
    while (len > 0 && *item == ' ') {
        item++;
        len--;
    }
    size_t type_len = 0;
    while (type_len < len && item[type_len] != ';' && item[type_len] != ' ') {
        type_len++;
    }
    static const char *const types[] = {"application/json", "*/*", "application/*"};
    bool known = false;
    for (size_t i = 0; i < WB_ARRAY_LEN(types); i++) {
        known = known || (strlen(types[i]) == type_len && memcmp(item, types[i], type_len) == 0);
    }
    if (!known) {
        return false;
    }
    bool is_v1 =
        has_part(item, len, "v=v1;") || (len > 4 && memcmp(item + len - 4, "v=v1", 4) == 0);
    if (has_part(item, len, "as=Table")) {
        *format = AS_TABLE;
        return is_v1 && has_part(item, len, "g=meta.k8s.io");
    }
    if (has_part(item, len, "as=PartialObjectMetadata")) {
        *format = AS_PARTIAL;
        return is_v1 && has_part(item, len, "g=meta.k8s.io");
    }
    if (has_part(item, len, "as=APIGroupDiscoveryList")) {
        *format = AS_DISCOVERY;
        return has_part(item, len, "v=v2;") || (len > 4 && memcmp(item + len - 4, "v=v2", 4) == 0);
    }
    *format = AS_PLAIN;
    return !has_part(item, len, "as=");
}

bool as_negotiate(const char *accept, enum as_format *format)
{
    if (!accept || !accept[0]) {
        *format = AS_PLAIN;
        return true;
    }
    for (const char *at = accept; *at;) {
        size_t len = strcspn(at, ",");
        if (try_item(at, len, format)) {
            return true;
        }
        at += len + (at[len] == ',');
    }
    return false;
}
