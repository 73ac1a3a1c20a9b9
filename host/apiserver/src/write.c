/* SPDX-License-Identifier: AGPL-3.0-only */
/* write.c: create, update, patch, delete.
 *
 * All writes of an object meet in two functions: `prepare` (clean metadata, prune, default, carry
 * over what the client may not change, validate) and `as_commit` (number, bytes, database,
 * watches). PUT and PATCH differ only in how the wanted object comes about. Read: as_create,
 * store_changed, as_update, as_patch, as_delete, then the helpers. */
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "meta.h"
#include "patch.h"
#include "proto.h"
#include "server.h"
#include "wb_api.h"

static const char modified_text[] =
    "the object has been modified; please apply your changes to the latest version and try again";

/* ---- services ----------------------------------------------------------------------------- */

void as_uid(struct wb_apiserver *s, char to[37])
{
    uint8_t b[16];
    s->services.random(s->services.ctx, b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0fu) | 0x40u); /* RFC 9562 §5.4: version 4 */
    b[8] = (uint8_t)((b[8] & 0x3fu) | 0x80u);
    snprintf(to, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

static void random_suffix(struct wb_apiserver *s, char to[6])
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789"; /* no vowels, no words */
    uint8_t b[5];
    s->services.random(s->services.ctx, b, sizeof(b));
    for (size_t i = 0; i < sizeof(b); i++) {
        to[i] = letters[b[i] % (sizeof(letters) - 1)];
    }
    to[5] = '\0';
}

json_t *as_load(struct wb_apiserver *s, const struct as_resource *r, const char *namespace,
                const char *name)
{
    size_t len;
    char *body = as_store_get(s->store, r->key, namespace, name, &len);
    json_t *object = body ? json_loadb(body, len, 0, NULL) : NULL;
    free(body);
    return object;
}

/* ---- commit ------------------------------------------------------------------------------- */

/* Numbers the object and makes its bytes. */
static char *encode(struct wb_apiserver *s, json_t *object, size_t *len)
{
    json_t *metadata = as_object(object, "metadata");
    as_set(metadata, "resourceVersion",
           json_sprintf("%llu", (unsigned long long)as_store_version(s->store) + 1));
    return as_dump(object, len);
}

#define OWNERS_MAX 64u

static size_t owner_uids(const json_t *metadata, const char *uids[OWNERS_MAX])
{
    const json_t *references = json_object_get(metadata, "ownerReferences");
    size_t count = 0, i;
    json_t *reference;
    json_array_foreach(references, i, reference)
    {
        if (count < OWNERS_MAX) {
            uids[count++] = as_str(reference, "uid");
        }
    }
    return count;
}

/* The state before under the new version: what a watch shows when the object leaves its selection.
 */
static char *encode_old(const json_t *old, uint64_t version, size_t *len)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)old);
    json_t *metadata = json_copy(json_object_get(old, "metadata"));
    as_set(metadata, "resourceVersion", json_sprintf("%llu", (unsigned long long)version));
    as_set(copy, "metadata", metadata);
    char *bytes = as_dump(copy, len);
    json_decref(copy);
    return bytes;
}

/* What a stored change means for the garbage collector. */
static void note_owners(struct wb_apiserver *s, const struct as_resource *r, enum as_change change,
                        const json_t *object, const struct as_row *row)
{
    const json_t *metadata = json_object_get(object, "metadata");
    if (change == AS_DELETED) {
        as_collect_dependents(s, as_str(metadata, "uid"));
        if (row->owner_count) {
            as_collect_released(s, object);
        }
        return;
    }
    bool waits = json_object_get(metadata, "deletionTimestamp") != NULL;
    if (row->owner_count || row->had_owners || waits) {
        as_collect_object(s, r, object);
    }
    if (waits) {
        as_collect_dependents(s, as_str(metadata, "uid"));
    }
}

/* Outcomes: WB_ERR_LIMIT: too large; WB_ERR_IO: the database failed, err says why. */
static enum wb_err commit(struct wb_apiserver *s, const struct as_resource *r,
                          enum as_change change, json_t *object, const json_t *old, char **body,
                          size_t *len, char *err, size_t err_cap)
{
    const json_t *metadata = json_object_get(object, "metadata");
    *body = encode(s, object, len);
    if (*len > WB_APISERVER_OBJECT_MAX && change != AS_DELETED) {
        free(*body);
        return WB_ERR_LIMIT;
    }
    json_t *now = as_resource_facets(r, object);
    json_t *before = old ? as_resource_facets(r, old) : NULL;
    json_t *both = json_pack("{s:O, s:O?}", "n", now, "o", before);
    char *selectors = as_dump(both, NULL);
    const char *uids[OWNERS_MAX], *old_uids[OWNERS_MAX];
    struct as_row row = {.version = as_store_version(s->store) + 1,
                         .resource = r->key,
                         .namespace = as_str(metadata, "namespace"),
                         .name = as_str(metadata, "name"),
                         .body = *body,
                         .body_len = *len,
                         .change = change,
                         .selectors = selectors,
                         .time_us = s->services.unix_us(s->services.ctx),
                         .owners = uids,
                         .owner_count = owner_uids(metadata, uids),
                         .had_owners =
                             old && owner_uids(json_object_get(old, "metadata"), old_uids) > 0};
    char *old_body = NULL;
    if (before && change == AS_MODIFIED && !json_equal(now, before)) {
        row.old_body = old_body = encode_old(old, row.version, &row.old_body_len);
    }
    row.owners = row.owner_count ? uids : NULL;
    enum wb_err result = as_store_write(s->store, &row, err, err_cap);
    if (result == WB_OK) {
        as_ring_add(s, &row, r, json_incref(now), json_incref(before));
        note_owners(s, r, change, object, &row);
    } else {
        free(*body);
        *body = NULL;
    }
    free(old_body);
    free(selectors);
    json_decref(both);
    json_decref(now);
    json_decref(before);
    return result;
}

char *as_commit(struct as_call *c, const struct as_resource *r, enum as_change change,
                json_t *object, const json_t *old, size_t *len)
{
    char *body;
    char err[256];
    if (c->dry_run) {
        return as_dump(object, len);
    }
    switch ((int)commit(c->server, r, change, object, old, &body, len, err, sizeof(err))) {
    case WB_OK: return body;
    case WB_ERR_LIMIT:
        as_reply_error(c, 413, "RequestEntityTooLarge", NULL,
                       "Request entity too large: limit is %u", WB_APISERVER_OBJECT_MAX);
        return NULL;
    default:
        as_reply_error(c, 500, "InternalError", NULL, "Internal error occurred: %s", err);
        return NULL;
    }
}

/* ---- decoding ----------------------------------------------------------------------------- */

static bool type_is(const char *content_type, const char *wanted)
{
    size_t len = strlen(wanted);
    return content_type && strncasecmp(content_type, wanted, len) == 0 &&
           (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

static void unsupported_media(struct as_call *c, const char *accepted)
{
    as_reply_error(c, 415, "UnsupportedMediaType", NULL,
                   "the body of the request was in an unknown format - accepted media types "
                   "include: %s",
                   accepted);
}

static json_t *decode_json(struct as_call *c, const char *what)
{
    json_error_t error;
    json_t *value =
        json_loadb((const char *)c->request->body, c->request->body_len, JSON_DECODE_ANY, &error);
    if (!value) {
        as_reply_bad_request(c, "%s: %s (line %d, column %d)", what, error.text, error.line,
                             error.column);
    }
    return value;
}

json_t *as_decode_body(struct as_call *c)
{
    const char *type = c->request->content_type;
    json_t *object = NULL;
    char err[256];
    if (!type || !type[0] || type_is(type, "application/json") ||
        type_is(type, "application/x-www-form-urlencoded")) {
        if (c->request->body_len == 0) {
            as_reply_bad_request(c, "the request has no body; an object is needed");
            return NULL;
        }
        object = decode_json(c, "couldn't get version/kind; json parse error");
    } else if (type_is(type, "application/yaml")) {
        object =
            as_yaml_parse((const char *)c->request->body, c->request->body_len, err, sizeof(err));
        if (!object) {
            as_reply_bad_request(c, "error converting YAML to JSON: %s", err);
        }
    } else if (type_is(type, "application/vnd.kubernetes.protobuf")) {
        object = as_proto_decode(c->request->body, c->request->body_len, err, sizeof(err));
        if (!object) {
            as_reply_bad_request(c, "protobuf body: %s", err);
        }
    } else {
        unsupported_media(
            c, "application/json, application/yaml, application/vnd.kubernetes.protobuf");
    }
    if (object && !json_is_object(object)) {
        json_decref(object);
        as_reply_bad_request(c, "the body is not an object");
        return NULL;
    }
    return object;
}

/* apiVersion and kind; absent ones are filled in. */
static bool type_meta_fits(struct as_call *c, json_t *object)
{
    const struct as_resource *r = c->resource;
    const char *version = as_str(object, "apiVersion");
    const char *kind = as_str(object, "kind");
    if (r->custom && (!version[0] || !kind[0])) {
        as_reply_bad_request(c, "Object '%s' is missing in the request body",
                             kind[0] ? "apiVersion" : "Kind");
        return false;
    }
    if (version[0] && strcmp(version, r->group_version) != 0) {
        as_reply_bad_request(c,
                             "the API version in the data (%s) does not match the expected API "
                             "version (%s)",
                             version, r->group_version);
        return false;
    }
    if (kind[0] && strcmp(kind, r->kind) != 0) {
        as_reply_bad_request(c, "%s in version \"%s\" cannot be handled as a %s", kind, r->version,
                             r->kind);
        return false;
    }
    as_set(object, "apiVersion", json_string(r->group_version));
    as_set(object, "kind", json_string(r->kind));
    return true;
}

/* Name and namespace against the URL; generated names. */
static bool names_fit(struct as_call *c, json_t *metadata)
{
    const char *namespace = as_str(metadata, "namespace");
    const char *name = as_str(metadata, "name");
    if (c->resource->namespaced) {
        if (namespace[0] && strcmp(namespace, c->namespace) != 0) {
            as_reply_bad_request(c, "the namespace of the provided object does not match the "
                                    "namespace sent on the request");
            return false;
        }
        as_set(metadata, "namespace", json_string(c->namespace));
    } else {
        json_object_del(metadata, "namespace");
    }
    if (c->name[0] && name[0] && strcmp(name, c->name) != 0) {
        as_reply_bad_request(c,
                             "the name of the object (%s) does not match the name on the URL (%s)",
                             name, c->name);
        return false;
    }
    if (c->name[0]) {
        as_set(metadata, "name", json_string(c->name));
    } else if (!name[0] && as_str(metadata, "generateName")[0]) {
        char suffix[6];
        random_suffix(c->server, suffix);
        as_set(metadata, "name",
               json_sprintf("%.240s%s", as_str(metadata, "generateName"), suffix));
    }
    return true;
}

/* What the schema does not know: an error, a warning, or nothing. */
static bool unknown_fits(struct as_call *c, const json_t *unknown)
{
    size_t count = json_array_size(unknown);
    if (count == 0 || c->validation == AS_IGNORE) {
        return true;
    }
    size_t i;
    json_t *path;
    if (c->validation == AS_WARN) {
        json_array_foreach(unknown, i, path)
        {
            as_warn(c, "unknown field \"%s\"", json_string_value(path));
        }
        return true;
    }
    struct as_text t = {0};
    json_array_foreach(unknown, i, path)
    {
        as_text_fmt(&t, "%sunknown field \"%s\"", i ? ", " : "", json_string_value(path));
    }
    if (c->request->method && strcmp(c->request->method, "PATCH") == 0) {
        as_reply_error(c, 422, "Invalid", NULL, "strict decoding error: %s", t.data);
    } else {
        as_reply_bad_request(c,
                             "%s in version \"%s\" cannot be handled as a %s: strict decoding "
                             "error: %s",
                             c->resource->kind, c->resource->version, c->resource->kind, t.data);
    }
    as_text_deinit(&t);
    return false;
}

/* Metadata and schema of an object that came from outside; false after an answer. */
static bool clean(struct as_call *c, json_t *object)
{
    json_t *unknown = json_array();
    json_t *metadata = as_object(object, "metadata");
    const char *problem = as_meta_clean(metadata, unknown);
    if (problem) {
        json_decref(unknown);
        as_reply_bad_request(c, "%s in version \"%s\" cannot be handled as a %s: %s",
                             c->resource->kind, c->resource->version, c->resource->kind, problem);
        return false;
    }
    as_schema_prune(c->resource->schema, object, unknown);
    bool fits = unknown_fits(c, unknown);
    json_decref(unknown);
    return fits;
}

/* Small duties of the core kinds. */
static void core_rules(const struct as_resource *r, json_t *object)
{
    if (strcmp(r->key, "namespaces") == 0) {
        json_t *metadata = as_object(object, "metadata");
        as_set(as_object(metadata, "labels"), "kubernetes.io/metadata.name",
               json_string(as_str(metadata, "name")));
        if (!json_object_get(object, "spec")) {
            as_set(object, "spec", json_pack("{s:[s]}", "finalizers", "kubernetes"));
        }
        if (!json_object_get(object, "status")) {
            as_set(object, "status", json_pack("{s:s}", "phase", "Active"));
        }
    } else if (strcmp(r->key, "secrets") == 0) {
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(object, "stringData"), key, value)
        {
            if (json_is_string(value)) {
                char *encoded =
                    wb_api_base64_encode(json_string_value(value), json_string_length(value));
                as_set(as_object(object, "data"), key, json_string(encoded));
                free(encoded);
            }
        }
        json_object_del(object, "stringData");
    }
}

/* Finalizers without a domain may belong to anybody. */
static void warn_of_finalizers(struct as_call *c, const json_t *metadata)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(metadata, "finalizers"), i, name)
    {
        const char *text = json_string_value(name);
        if (c->resource->custom && text && !strchr(text, '/') && strcmp(text, "orphan") != 0 &&
            strcmp(text, "foregroundDeletion") != 0) {
            as_warn(
                c,
                "metadata.finalizers: \"%s\": prefer a domain-qualified finalizer name to avoid "
                "accidental conflicts with other finalizer writers",
                text);
        }
    }
}

#define CONFIG_KEY_RULE                                                                            \
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "           \
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

/* Keys of ConfigMaps and Secrets become file names elsewhere. */
static void check_config_keys(const struct as_resource *r, const json_t *object, const char *member,
                              struct as_causes *causes)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._";
    const char *key;
    json_t *value;
    if (strcmp(r->key, "configmaps") != 0 && strcmp(r->key, "secrets") != 0) {
        return;
    }
    json_object_foreach(json_object_get(object, member), key, value)
    {
        if (key[0] == '\0' || key[strspn(key, allowed)] != '\0') {
            char *field = as_fmt("%s[%s]", member, key);
            as_cause_add(causes, field, "FieldValueInvalid", "Invalid value: \"%s\": %s", key,
                         CONFIG_KEY_RULE);
            free(field);
        }
    }
}

static bool validate(struct as_call *c, const json_t *object, const json_t *old)
{
    struct as_causes causes = {0};
    warn_of_finalizers(c, json_object_get(object, "metadata"));
    as_meta_validate(c->resource, json_object_get(object, "metadata"), &causes);
    as_schema_validate(c->resource->schema, object, old, &causes);
    check_config_keys(c->resource, object, "data", &causes);
    check_config_keys(c->resource, object, "binaryData", &causes);
    if (causes.list) {
        as_reply_invalid(c, as_str(json_object_get(object, "metadata"), "name"), &causes);
        return false;
    }
    return true;
}

/* ---- create ------------------------------------------------------------------------------- */

static bool namespace_fits(struct as_call *c)
{
    if (!c->resource->namespaced) {
        return true;
    }
    const struct as_resource *namespaces =
        as_registry_find(&c->server->registry, "", "v1", "namespaces");
    json_t *ns = as_load(c->server, namespaces, "", c->namespace);
    if (!ns) {
        as_reply_not_found(c, namespaces, c->namespace);
        return false;
    }
    bool terminating =
        json_object_get(json_object_get(ns, "metadata"), "deletionTimestamp") != NULL;
    json_decref(ns);
    if (terminating) {
        json_t *details =
            json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "name", c->name, "kind",
                      c->resource->plural, "causes", "reason", "NamespaceTerminating", "message",
                      "namespace is being terminated", "field", "metadata.namespace");
        as_reply_error(
            c, 403, "Forbidden", details,
            "%s is forbidden: unable to create new content in namespace %s because it is "
            "being terminated",
            c->resource->key, c->namespace);
    }
    return !terminating;
}

/* Fields of a new object that are the server's. */
static void own_new(struct as_call *c, json_t *object)
{
    static const char *const owned[] = {"deletionTimestamp", "deletionGracePeriodSeconds",
                                        "selfLink", "resourceVersion", "generation"};
    json_t *metadata = as_object(object, "metadata");
    for (size_t i = 0; i < WB_ARRAY_LEN(owned); i++) {
        json_object_del(metadata, owned[i]);
    }
    char uid[37], now[32];
    as_uid(c->server, uid);
    as_time_s(c->now_us, now);
    as_set(metadata, "uid", json_string(uid));
    as_set(metadata, "creationTimestamp", json_string(now));
    if (c->resource->custom) {
        as_set(metadata, "generation", json_integer(1));
    }
    if (c->resource->has_status) {
        json_object_del(object, "status");
    }
}

/* Stores a new object that came about by POST or apply. Takes object. */
static void store_new(struct as_call *c, json_t *object)
{
    json_t *metadata = as_object(object, "metadata");
    own_new(c, object);
    core_rules(c->resource, object);
    as_schema_default(c->resource->schema, object);
    if (validate(c, object, NULL) && namespace_fits(c)) {
        const char *name = as_str(metadata, "name");
        size_t len;
        char *body = as_store_get(c->server->store, c->resource->key, c->namespace, name, &len);
        if (body) {
            free(body);
            as_reply_exists(c, name);
        } else {
            as_apply_record_update(c, object, NULL);
            body = as_commit(c, c->resource, AS_ADDED, object, NULL, &len);
            if (body) {
                as_reply_object(c, 201, body, len);
            }
        }
    }
    json_decref(object);
}

void as_create(struct as_call *c)
{
    json_t *object = as_decode_body(c);
    if (!object) {
        return;
    }
    json_t *metadata = as_object(object, "metadata");
    if (as_str(metadata, "resourceVersion")[0]) {
        as_reply_bad_request(c, "resourceVersion should not be set on objects to be created");
    } else if (type_meta_fits(c, object) && clean(c, object) && names_fit(c, metadata)) {
        store_new(c, object);
        return;
    }
    json_decref(object);
}

/* ---- changing ----------------------------------------------------------------------------- */

static bool is_status_call(const struct as_call *c)
{
    return strcmp(c->subresource, "status") == 0;
}

/* Takes over from the stored object what this call may not change. */
static void carry_over(struct as_call *c, json_t *object, const json_t *old)
{
    static const char *const owned[] = {
        "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "generation", "selfLink"};
    const json_t *old_metadata = json_object_get(old, "metadata");
    if (is_status_call(c)) {
        /* Only status is taken; metadata and the rest stay. */
        json_t *status = json_incref(json_object_get(object, "status"));
        json_t *managers =
            json_incref(json_object_get(json_object_get(object, "metadata"), "managedFields"));
        json_object_clear(object);
        json_object_update(object, (json_t *)(uintptr_t)old);
        json_object_set_new(object, "metadata", json_deep_copy(old_metadata));
        if (c->applied) {
            as_set(as_object(object, "metadata"), "managedFields", managers);
        } else {
            json_decref(managers);
        }
        as_set(object, "status", status);
        return;
    }
    json_t *metadata = as_object(object, "metadata");
    for (size_t i = 0; i < WB_ARRAY_LEN(owned); i++) {
        json_t *value = json_object_get(old_metadata, owned[i]);
        as_set(metadata, owned[i], json_incref(value));
    }
    if (!json_object_get(metadata,
                         "managedFields")) { /* clients that leave them out do not mean it */
        as_set(metadata, "managedFields",
               json_deep_copy(json_object_get(old_metadata, "managedFields")));
    }
    if (c->resource->has_status) {
        as_set(object, "status", json_incref(json_object_get(old, "status")));
    }
}

/* Whether anything but metadata (and status) differs. */
static bool intent_differs(const struct as_call *c, const json_t *object, const json_t *old)
{
    json_t *a = json_copy((json_t *)(uintptr_t)object);
    json_t *b = json_copy((json_t *)(uintptr_t)old);
    json_object_del(a, "metadata");
    json_object_del(b, "metadata");
    if (c->resource->has_status) {
        json_object_del(a, "status");
        json_object_del(b, "status");
    }
    bool differs = !json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return differs;
}

/* Equal but for numbers and times that the server itself writes. */
static bool is_same(const json_t *object, const json_t *old)
{
    json_t *a = json_copy((json_t *)(uintptr_t)object);
    json_t *b = json_copy((json_t *)(uintptr_t)old);
    json_t *ma = json_copy(json_object_get(object, "metadata"));
    json_t *mb = json_copy(json_object_get(old, "metadata"));
    json_object_del(ma, "resourceVersion");
    json_object_del(mb, "resourceVersion");
    json_object_set_new(a, "metadata", ma);
    json_object_set_new(b, "metadata", mb);
    bool same = json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

/* Finalizers of an object that is being deleted may only become fewer. */
static bool finalizers_fit(struct as_call *c, const json_t *object, const json_t *old)
{
    const json_t *old_metadata = json_object_get(old, "metadata");
    if (!json_object_get(old_metadata, "deletionTimestamp")) {
        return true;
    }
    const json_t *before = json_object_get(old_metadata, "finalizers");
    const json_t *now = json_object_get(json_object_get(object, "metadata"), "finalizers");
    size_t i, j;
    json_t *a, *b;
    json_array_foreach(now, i, a)
    {
        bool found = false;
        json_array_foreach(before, j, b)
        {
            found = found || json_equal(a, b);
        }
        if (!found) {
            struct as_causes causes = {0};
            as_cause_add(
                &causes, "metadata.finalizers", "FieldValueForbidden",
                "Forbidden: no new finalizers can be added if the object is being deleted, "
                "found new finalizers []string{\"%s\"}",
                json_string_value(a));
            as_reply_invalid(c, c->name, &causes);
            return false;
        }
    }
    return true;
}

/* The version that the client saw, if it named one, must be the stored one. */
static bool version_fits(struct as_call *c, const json_t *object, const json_t *old)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *old_metadata = json_object_get(old, "metadata");
    const char *uid = as_str(metadata, "uid");
    const char *old_uid = as_str(old_metadata, "uid");
    if (uid[0] && strcmp(uid, old_uid) != 0) {
        char *why = as_fmt("Precondition failed: UID in precondition: %s, UID in object meta: %s",
                           uid, old_uid);
        as_reply_conflict(c, c->name, why);
        free(why);
        return false;
    }
    const char *version = as_str(metadata, "resourceVersion");
    if (version[0] && strcmp(version, as_str(old_metadata, "resourceVersion")) != 0) {
        as_reply_conflict(c, c->name, modified_text);
        return false;
    }
    return true;
}

/* Stores the wanted state of an existing object. Takes both. */
static void store_changed(struct as_call *c, json_t *object, json_t *old)
{
    json_t *metadata = as_object(object, "metadata");
    if (!version_fits(c, object, old) || !finalizers_fit(c, object, old)) {
        goto out;
    }
    carry_over(c, object, old);
    core_rules(c->resource, object);
    as_schema_default(c->resource->schema, object);
    if (!validate(c, object, old)) {
        goto out;
    }
    metadata = as_object(object, "metadata");
    if (c->resource->custom && intent_differs(c, object, old)) {
        json_int_t generation = json_integer_value(json_object_get(metadata, "generation"));
        as_set(metadata, "generation", json_integer(generation + 1));
    }
    as_apply_record_update(c, object, old);
    size_t len;
    char *body;
    if (is_same(object, old)) { /* nothing happens: no number, no event */
        body = as_dump(old, &len);
    } else if (json_object_get(metadata, "deletionTimestamp") &&
               json_array_size(json_object_get(metadata, "finalizers")) == 0) {
        body = as_commit(c, c->resource, AS_DELETED, object, old, &len);
        if (body && !c->dry_run) {
            as_namespace_finish(c->server, c->namespace);
        }
    } else {
        body = as_commit(c, c->resource, AS_MODIFIED, object, old, &len);
    }
    if (body) {
        as_reply_object(c, 200, body, len);
    }
out:
    json_decref(object);
    json_decref(old);
}

void as_update(struct as_call *c)
{
    json_t *old = as_load(c->server, c->resource, c->namespace, c->name);
    json_t *object = as_decode_body(c);
    if (!object) {
        json_decref(old);
        return;
    }
    json_t *metadata = as_object(object, "metadata");
    if (!type_meta_fits(c, object) || !clean(c, object) || !names_fit(c, metadata)) {
        goto out;
    }
    if (!old) {
        as_reply_not_found(c, c->resource, c->name);
        goto out;
    }
    if (c->resource->custom && !as_str(metadata, "resourceVersion")[0]) {
        json_t *details = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s}]}", "name", c->name,
                                    "group", c->resource->group, "kind", c->resource->plural,
                                    "causes", "reason", "FieldValueInvalid", "message",
                                    "Invalid value: 0: must be specified for an update", "field",
                                    "metadata.resourceVersion");
        as_reply_error(c, 422, "Invalid", details,
                       "%s \"%s\" is invalid: metadata.resourceVersion: Invalid value: 0: must be "
                       "specified for an update",
                       c->resource->key, c->name);
        goto out;
    }
    store_changed(c, object, old);
    return;
out:
    json_decref(object);
    json_decref(old);
}

/* ---- patch -------------------------------------------------------------------------------- */

enum patch_kind { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY, PATCH_UNKNOWN };

static enum patch_kind patch_kind(const struct as_call *c)
{
    const char *type = c->request->content_type;
    if (type_is(type, "application/json-patch+json")) {
        return PATCH_JSON;
    }
    if (type_is(type, "application/merge-patch+json")) {
        return PATCH_MERGE;
    }
    if (type_is(type, "application/strategic-merge-patch+json") && !c->resource->custom) {
        return PATCH_STRATEGIC;
    }
    if (type_is(type, "application/apply-patch+yaml")) {
        return PATCH_APPLY;
    }
    return PATCH_UNKNOWN;
}

static json_t *patched(struct as_call *c, enum patch_kind kind, const json_t *old)
{
    char err[256];
    json_t *patch = decode_json(c, "error decoding patch");
    json_t *result = NULL;
    if (!patch) {
        return NULL;
    }
    if (kind == PATCH_JSON) {
        result = as_patch_json(old, patch, err, sizeof(err));
        if (!result) {
            json_t *details = json_pack("{s:[{s:s}]}", "causes", "message", err);
            as_reply_error(c, 422, "Invalid", details,
                           "the server rejected our request due to an error in our request: %s",
                           err);
        }
    } else if (!json_is_object(patch)) {
        as_reply_bad_request(c, "a merge patch is an object; a list of operations goes as "
                                "application/json-patch+json");
    } else {
        result = kind == PATCH_MERGE ? as_patch_merge(old, patch) : as_patch_strategic(old, patch);
    }
    json_decref(patch);
    if (result && !json_is_object(result)) {
        json_decref(result);
        as_reply_bad_request(c, "the patch does not leave an object");
        return NULL;
    }
    return result;
}

static void apply(struct as_call *c, json_t *old)
{
    char err[256];
    if (!as_query(c, "fieldManager")[0]) {
        as_reply_bad_option(c, "PatchOptions", "fieldManager", "FieldValueRequired",
                            "Required value: is required for apply patch");
        json_decref(old);
        return;
    }
    json_t *wanted =
        as_yaml_parse((const char *)c->request->body, c->request->body_len, err, sizeof(err));
    if (!json_is_object(wanted)) {
        as_reply_bad_request(c, "error decoding YAML: %s", wanted ? "not an object" : err);
    } else if (type_meta_fits(c, wanted) && clean(c, wanted) &&
               names_fit(c, as_object(wanted, "metadata"))) {
        json_t *result = as_apply(c, wanted, old);
        if (result && old) {
            store_changed(c, result, json_incref(old));
        } else if (result) {
            store_new(c, result);
        }
    }
    json_decref(wanted);
    json_decref(old);
}

void as_patch(struct as_call *c)
{
    enum patch_kind kind = patch_kind(c);
    json_t *old = as_load(c->server, c->resource, c->namespace, c->name);
    if (kind == PATCH_UNKNOWN) {
        json_decref(old);
        unsupported_media(c, c->resource->custom
                                 ? "application/json-patch+json, application/merge-patch+json, "
                                   "application/apply-patch+yaml"
                                 : "application/json-patch+json, application/merge-patch+json, "
                                   "application/strategic-merge-patch+json, "
                                   "application/apply-patch+yaml");
        return;
    }
    if (kind == PATCH_APPLY) {
        apply(c, old);
        return;
    }
    if (as_query(c, "force")[0]) {
        json_decref(old);
        as_reply_bad_option(c, "PatchOptions", "force", "FieldValueForbidden",
                            "Forbidden: may not be specified for non-apply patch");
        return;
    }
    if (!old) {
        as_reply_not_found(c, c->resource, c->name);
        return;
    }
    json_t *object = patched(c, kind, old);
    if (object && type_meta_fits(c, object) && clean(c, object) &&
        names_fit(c, as_object(object, "metadata"))) {
        store_changed(c, object, old);
        return;
    }
    json_decref(object);
    json_decref(old);
}

/* ---- delete ------------------------------------------------------------------------------- */

enum propagation { BACKGROUND, FOREGROUND, ORPHAN };

struct delete_options {
    char uid[64], version[32];
    enum propagation propagation;
};

static bool read_propagation(struct as_call *c, const char *text, enum propagation *to)
{
    static const char *const names[] = {
        [BACKGROUND] = "Background", [FOREGROUND] = "Foreground", [ORPHAN] = "Orphan"};
    for (size_t i = 0; text[0] && i < WB_ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *to = (enum propagation)i;
            return true;
        }
    }
    if (text[0]) {
        as_reply_bad_option(c, "DeleteOptions", "propagationPolicy", "FieldValueNotSupported",
                            "Unsupported value: \"%s\": supported values: \"Foreground\", "
                            "\"Background\", \"Orphan\", \"nil\"",
                            text);
    }
    return !text[0];
}

static bool read_delete_options(struct as_call *c, struct delete_options *options)
{
    *options = (struct delete_options){0};
    if (!read_propagation(c, as_query(c, "propagationPolicy"), &options->propagation)) {
        return false;
    }
    if (as_query_bool(c, "orphanDependents")) {
        options->propagation = ORPHAN;
    }
    if (c->request->body_len == 0) {
        return true;
    }
    json_t *body = as_decode_body(c);
    if (!body || !read_propagation(c, as_str(body, "propagationPolicy"), &options->propagation)) {
        json_decref(body);
        return false;
    }
    if (json_is_true(json_object_get(body, "orphanDependents"))) {
        options->propagation = ORPHAN;
    }
    const json_t *conditions = json_object_get(body, "preconditions");
    snprintf(options->uid, sizeof(options->uid), "%s", as_str(conditions, "uid"));
    snprintf(options->version, sizeof(options->version), "%s",
             as_str(conditions, "resourceVersion"));
    if (json_array_size(json_object_get(body, "dryRun")) > 0) {
        c->dry_run = true;
    }
    json_decref(body);
    return true;
}

static bool preconditions_fit(struct as_call *c, const struct delete_options *options,
                              const json_t *metadata)
{
    const char *uid = as_str(metadata, "uid");
    const char *version = as_str(metadata, "resourceVersion");
    char *why = NULL;
    if (options->uid[0] && strcmp(options->uid, uid) != 0) {
        why = as_fmt("the UID in the precondition (%s) does not match the UID in record (%s). The "
                     "object might have been deleted and then recreated",
                     options->uid, uid);
    } else if (options->version[0] && strcmp(options->version, version) != 0) {
        why = as_fmt("the ResourceVersion in the precondition (%s) does not match the "
                     "ResourceVersion in record (%s). The object might have been modified",
                     options->version, version);
    }
    if (!why) {
        return true;
    }
    const struct as_resource *r = c->resource;
    json_t *details = json_pack("{s:s, s:s}", "name", as_str(metadata, "name"), "kind", r->kind);
    if (r->group[0]) {
        as_set(details, "group", json_string(r->group));
    }
    as_reply_error(c, 409, "Conflict", details, "Operation cannot be fulfilled on %s \"%s\": %s",
                   r->qualified_kind, as_str(metadata, "name"), why);
    free(why);
    return false;
}

/* Deletes or marks one object. Returns its last bytes (free them), NULL after an answer. *gone: it
 * is not there any more. */
static char *delete_one(struct as_call *c, json_t *object, enum propagation propagation, bool *gone,
                        size_t *len)
{
    json_t *old = json_deep_copy(object);
    json_t *metadata = as_object(object, "metadata");
    bool is_namespace = strcmp(c->resource->key, "namespaces") == 0;
    if (propagation != BACKGROUND && !is_namespace) {
        const char *finalizer = propagation == FOREGROUND ? "foregroundDeletion" : "orphan";
        json_t *names = json_object_get(metadata, "finalizers");
        if (!names) {
            names = json_array();
            as_set(metadata, "finalizers", names);
        }
        if (!as_has_finalizer(metadata, finalizer)) {
            json_array_append_new(names, json_string(finalizer));
        }
    }
    bool waits = is_namespace || json_array_size(json_object_get(metadata, "finalizers")) > 0;
    char *body;
    *gone = !waits;
    if (!waits) {
        body = as_commit(c, c->resource, AS_DELETED, object, old, len);
    } else if (json_object_get(metadata, "deletionTimestamp")) {
        body = as_dump(object, len); /* again: nothing new */
    } else {
        char now[32];
        as_time_s(c->now_us, now);
        as_set(metadata, "deletionTimestamp", json_string(now));
        if (is_namespace) {
            as_set(as_object(object, "status"), "phase", json_string("Terminating"));
        } else {
            as_set(metadata, "deletionGracePeriodSeconds", json_integer(0));
        }
        json_t *generation = json_object_get(metadata, "generation");
        if (generation) {
            as_set(metadata, "generation", json_integer(json_integer_value(generation) + 1));
        }
        body = as_commit(c, c->resource, AS_MODIFIED, object, old, len);
    }
    json_decref(old);
    return body;
}

struct name_list {
    json_t *names;
};

static bool collect_name(void *ctx, const struct as_row *row)
{
    struct name_list *list = ctx;
    json_array_append_new(list->names, json_string(row->name));
    return true;
}

/* Removes the contents of a namespace that is going away; those with finalizers are marked. */
static void namespace_empty(struct as_call *c, const char *namespace)
{
    for (size_t i = 0; i < c->server->registry.count; i++) {
        const struct as_resource *r = &c->server->registry.items[i];
        if (!r->namespaced) {
            continue;
        }
        struct name_list list = {json_array()};
        as_store_list(c->server->store, r->key, namespace, NULL, NULL, 0, collect_name, &list);
        struct as_call inner = *c;
        inner.resource = r;
        inner.namespace = namespace;
        size_t j;
        json_t *name;
        json_array_foreach(list.names, j, name)
        {
            json_t *object = as_load(c->server, r, namespace, json_string_value(name));
            bool gone;
            size_t len;
            free(delete_one(&inner, object, BACKGROUND, &gone, &len));
            json_decref(object);
        }
        json_decref(list.names);
    }
}

void as_namespace_finish(struct wb_apiserver *s, const char *namespace)
{
    const struct as_resource *r = as_registry_find(&s->registry, "", "v1", "namespaces");
    json_t *object = namespace[0] ? as_load(s, r, "", namespace) : NULL;
    bool terminating =
        object && json_object_get(json_object_get(object, "metadata"), "deletionTimestamp");
    for (size_t i = 0; terminating && i < s->registry.count; i++) {
        const struct as_resource *inner = &s->registry.items[i];
        terminating = !inner->namespaced || as_store_count(s->store, as_store_version(s->store),
                                                           inner->key, namespace, "", NULL) == 0;
    }
    json_decref(object);
    if (terminating) {
        as_remove(s, r, "", namespace);
    }
}

static void reply_deleted(struct as_call *c, const json_t *metadata)
{
    json_t *details = json_object();
    as_set(details, "name", json_string(as_str(metadata, "name")));
    if (c->resource->group[0]) {
        as_set(details, "group", json_string(c->resource->group));
    }
    as_set(details, "kind", json_string(c->resource->plural));
    as_set(details, "uid", json_string(as_str(metadata, "uid")));
    json_t *status = json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1",
                               "metadata", "status", "Success", "details", details);
    size_t len;
    char *data = as_dump(status, &len);
    json_decref(status);
    as_reply_json(c, 200, data, len);
}

void as_delete(struct as_call *c)
{
    struct delete_options options;
    if (!read_delete_options(c, &options)) {
        return;
    }
    json_t *object = as_load(c->server, c->resource, c->namespace, c->name);
    if (!object) {
        as_reply_not_found(c, c->resource, c->name);
        return;
    }
    if (preconditions_fit(c, &options, json_object_get(object, "metadata"))) {
        bool gone;
        size_t len;
        char *body = delete_one(c, object, options.propagation, &gone, &len);
        if (body && !c->dry_run && strcmp(c->resource->key, "namespaces") == 0) {
            namespace_empty(c, c->name);
            as_namespace_finish(c->server, c->name);
        } else if (body && gone && !c->dry_run) {
            as_namespace_finish(c->server, c->namespace);
        }
        if (body && gone) {
            reply_deleted(c, json_object_get(object, "metadata"));
            free(body);
        } else if (body) {
            as_reply_object(c, 200, body, len);
        }
    }
    json_decref(object);
}

struct collection {
    struct as_call *c;
    struct as_selector labels, fields;
    json_t *objects;
};

static bool collect_object(void *ctx, const struct as_row *row)
{
    struct collection *l = ctx;
    json_t *object = json_loadb(row->body, row->body_len, 0, NULL);
    json_t *facets = as_resource_facets(l->c->resource, object);
    if (as_selector_matches(&l->labels, json_object_get(facets, "l")) &&
        as_field_selector_matches(&l->fields, json_object_get(facets, "f"))) {
        json_array_append(l->objects, object);
    }
    json_decref(facets);
    json_decref(object);
    return true;
}

void as_delete_collection(struct as_call *c)
{
    struct delete_options options;
    struct collection l = {.c = c};
    if (!read_delete_options(c, &options) || !as_call_selectors(c, &l.labels, &l.fields)) {
        return;
    }
    l.objects = json_array();
    as_store_list(c->server->store, c->resource->key, c->namespace[0] ? c->namespace : NULL, NULL,
                  NULL, 0, collect_object, &l);
    struct as_text t = {0};
    as_text_fmt(
        &t,
        "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}"
        ",\"items\":[",
        c->resource->group_version, c->resource->list_kind,
        (unsigned long long)as_store_version(c->server->store),
        c->resource->custom ? ",\"continue\":\"\"" : "");
    size_t i;
    json_t *object;
    bool failed = false;
    json_array_foreach(l.objects, i, object)
    {
        bool gone;
        size_t len;
        char *body = delete_one(c, object, options.propagation, &gone, &len);
        if (!body) {
            failed = true;
            break;
        }
        as_text_str(&t, i ? "," : "");
        as_text_add(&t, body, len);
        free(body);
    }
    as_text_str(&t, "]}");
    if (failed) {
        as_text_deinit(&t);
    } else {
        as_reply_json(c, 200, t.data, t.len);
    }
    json_decref(l.objects);
    as_selector_deinit(&l.labels);
    as_selector_deinit(&l.fields);
}

/* ---- the server's own writes -------------------------------------------------------------- */

void as_ensure(struct wb_apiserver *s, const struct as_resource *r, json_t *object)
{
    json_t *metadata = as_object(object, "metadata");
    json_t *old = as_load(s, r, as_str(metadata, "namespace"), as_str(metadata, "name"));
    char err[256], uid[37], now[32];
    if (old) {
        const json_t *old_metadata = json_object_get(old, "metadata");
        as_set(metadata, "uid", json_incref(json_object_get(old_metadata, "uid")));
        as_set(metadata, "creationTimestamp",
               json_incref(json_object_get(old_metadata, "creationTimestamp")));
    } else {
        as_uid(s, uid);
        as_time_s(s->services.unix_us(s->services.ctx), now);
        as_set(metadata, "uid", json_string(uid));
        as_set(metadata, "creationTimestamp", json_string(now));
    }
    core_rules(r, object);
    if (!old || (!is_same(object, old) && r->read_only)) {
        char *body;
        size_t len;
        if (commit(s, r, old ? AS_MODIFIED : AS_ADDED, object, old, &body, &len, err,
                   sizeof(err)) == WB_OK) {
            free(body);
        }
    }
    json_decref(old);
}

void as_write(struct wb_apiserver *s, const struct as_resource *r, enum as_change change,
              json_t *object, const json_t *old)
{
    char err[256];
    char *body;
    size_t len;
    if (commit(s, r, change, object, old, &body, &len, err, sizeof(err)) == WB_OK) {
        free(body);
    }
}

void as_remove(struct wb_apiserver *s, const struct as_resource *r, const char *namespace,
               const char *name)
{
    json_t *object = as_load(s, r, namespace, name);
    if (!object) {
        return;
    }
    json_t *old = json_deep_copy(object);
    char err[256];
    char *body;
    size_t len;
    if (commit(s, r, AS_DELETED, object, old, &body, &len, err, sizeof(err)) == WB_OK) {
        free(body);
    }
    json_decref(object);
    json_decref(old);
}
