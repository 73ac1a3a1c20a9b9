/* SPDX-License-Identifier: AGPL-3.0-only */
/* server.c: the core: start, routing, authorization, upkeep.
 *
 * A request is routed by its path to a resource, namespace, name and subresource, and by its method
 * to a verb; then it is authorized; then read.c, write.c or watch.c answers. */
#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "server.h"
#include "wb_api.h"

#define EVENT_LIFE_US (3600u * 1000000ull) /* Events are kept for an hour, as everywhere */

/* ---- start -------------------------------------------------------------------------------- */

static bool load_builtin(struct wb_apiserver *s, char *err, size_t err_cap)
{
    json_t *all = as_yaml_parse(as_embedded_builtin, strlen(as_embedded_builtin), err, err_cap);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(all, "items"), i, item)
    {
        if (!as_registry_add(&s->registry, item, false, err, err_cap)) {
            json_decref(all);
            return false;
        }
    }
    json_decref(all);
    return all != NULL;
}

/* How the lists of metadata merge, whatever the kind. */
static bool load_meta_schema(struct wb_apiserver *s, char *err, size_t err_cap)
{
    static const char text[] =
        "{type: object, properties: {"
        "labels: {type: object, additionalProperties: {type: string}},"
        "annotations: {type: object, additionalProperties: {type: string}},"
        "finalizers: {type: array, items: {type: string}, x-kubernetes-list-type: set},"
        "ownerReferences: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: "
        "[uid],"
        " items: {type: object, x-kubernetes-map-type: atomic}}}}";
    json_t *source = as_yaml_parse(text, sizeof(text) - 1, err, err_cap);
    s->meta_schema = source ? as_schema_new(source, err, err_cap) : NULL;
    json_decref(source);
    return s->meta_schema != NULL;
}

static bool load_crds(struct wb_apiserver *s, const char *const *texts, size_t count, char *err,
                      size_t err_cap)
{
    for (size_t i = 0; i < count; i++) {
        char why[256];
        json_t *crd = as_yaml_parse(texts[i], strlen(texts[i]), why, sizeof(why));
        bool ok = crd && strcmp(as_str(crd, "kind"), "CustomResourceDefinition") == 0;
        if (crd && !ok) {
            snprintf(why, sizeof(why), "kind is not CustomResourceDefinition");
        }
        ok = ok && as_registry_add(&s->registry, crd, true, why, sizeof(why));
        json_decref(crd);
        if (!ok) {
            snprintf(err, err_cap, "CRD %zu: %s", i + 1, why);
            return false;
        }
    }
    return true;
}

/* The CRD as a cluster would show it: accepted and established. */
static json_t *crd_object(const struct wb_apiserver *s, const struct as_resource *r)
{
    json_t *crd = json_deep_copy(r->definition);
    json_t *names = json_deep_copy(json_object_get(json_object_get(crd, "spec"), "names"));
    json_t *conditions = json_pack(
        "[{s:s, s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s, s:s}]", "type", "NamesAccepted", "status",
        "True", "reason", "NoConflicts", "message", "no conflicts found", "lastTransitionTime",
        s->start_time, "type", "Established", "status", "True", "reason", "InitialNamesAccepted",
        "message", "the initial names have been accepted", "lastTransitionTime", s->start_time);
    as_set(crd, "status",
           json_pack("{s:o, s:o, s:[s]}", "acceptedNames", names, "conditions", conditions,
                     "storedVersions", r->version));
    return crd;
}

/* Keeps the times of what was there before, so that an unchanged CRD is not written again. */
static void ensure_crd(struct wb_apiserver *s, const struct as_resource *crds,
                       const struct as_resource *r)
{
    json_t *crd = crd_object(s, r);
    json_t *old = as_load(s, crds, "", r->key);
    json_t *old_spec = json_object_get(old, "spec");
    if (old && json_equal(old_spec, json_object_get(crd, "spec"))) {
        as_set(crd, "status", json_incref(json_object_get(old, "status")));
    }
    json_decref(old);
    as_ensure(s, crds, crd);
    json_decref(crd);
}

static void bootstrap(struct wb_apiserver *s)
{
    static const char *const names[] = {"default", "kube-system", WB_API_NAMESPACE};
    const struct as_resource *namespaces = as_registry_find(&s->registry, "", "v1", "namespaces");
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace",
                                   "metadata", "name", names[i]);
        as_ensure(s, namespaces, object);
        json_decref(object);
    }
    const struct as_resource *crds =
        as_registry_find(&s->registry, "apiextensions.k8s.io", "v1", "customresourcedefinitions");
    for (size_t i = 0; i < s->registry.count; i++) {
        if (s->registry.items[i].custom) {
            ensure_crd(s, crds, &s->registry.items[i]);
        }
    }
}

struct wb_apiserver *wb_apiserver_new(const struct wb_apiserver_cfg *cfg, char *err_text,
                                      size_t err_text_cap)
{
    struct wb_apiserver *s = calloc(1, sizeof(*s));
    if (!s) {
        snprintf(err_text, err_text_cap, "out of memory");
        return NULL;
    }
    s->services = cfg->services;
    s->db_path = strdup(cfg->db_path);
    s->rate_max = cfg->rate_max ? cfg->rate_max : WB_APISERVER_RATE_MAX;
    s->history_max = cfg->history_max ? cfg->history_max : WB_APISERVER_HISTORY_MAX;
    s->candidates = json_array();
    as_time_s(s->services.unix_us(s->services.ctx), s->start_time);
    const char *const *crds = cfg->crds ? cfg->crds : as_embedded_crds;
    size_t crd_count = cfg->crds ? cfg->crd_count : as_embedded_crd_count;
    if (!as_users_read(s, cfg->tokens, err_text, err_text_cap) ||
        !load_meta_schema(s, err_text, err_text_cap) || !load_builtin(s, err_text, err_text_cap) ||
        !load_crds(s, crds, crd_count, err_text, err_text_cap) ||
        !(s->store = as_store_open(cfg->db_path, err_text, err_text_cap))) {
        wb_apiserver_free(s);
        return NULL;
    }
    as_store_batch_begin(s->store);
    bootstrap(s);
    if (as_store_batch_end(s->store, err_text, err_text_cap) != WB_OK) {
        wb_apiserver_free(s);
        return NULL;
    }
    as_collect_all(s);
    return s;
}

void wb_apiserver_free(struct wb_apiserver *s)
{
    if (!s) {
        return;
    }
    WB_ASSERT(s->watch_count == 0); /* they refer to the server */
    as_ring_free(s);
    as_schema_free(s->meta_schema);
    as_store_close(s->store);
    as_registry_deinit(&s->registry);
    as_users_free(s);
    json_decref(s->candidates);
    free(s->db_path);
    free(s);
}

uint64_t wb_apiserver_version(const struct wb_apiserver *s)
{
    return as_store_version(s->store);
}

/* ---- upkeep ------------------------------------------------------------------------------- */

struct old_events {
    json_t *list; /* [namespace, name, …] */
    uint64_t before_us;
};

static bool collect_old(void *ctx, const struct as_row *row)
{
    struct old_events *old = ctx;
    json_t *object = json_loadb(row->body, row->body_len, 0, NULL);
    int64_t us = 0;
    static const char *const times[] = {"lastTimestamp", "eventTime"};
    for (size_t i = 0; i < WB_ARRAY_LEN(times) && us == 0; i++) {
        const char *text = as_str(object, times[i]);
        if (text[0] && wb_api_time_read_micro(text, &us) != WB_OK) {
            us = 0;
        }
    }
    const char *created = as_str(json_object_get(object, "metadata"), "creationTimestamp");
    int64_t created_us = 0;
    if (wb_api_time_read_micro(created, &created_us) == WB_OK && created_us > us) {
        us = created_us;
    }
    if ((uint64_t)us < old->before_us) {
        json_array_append_new(old->list, json_string(row->namespace));
        json_array_append_new(old->list, json_string(row->name));
    }
    json_decref(object);
    return true;
}

void wb_apiserver_compact(struct wb_apiserver *s)
{
    uint64_t now = s->services.unix_us(s->services.ctx);
    const struct as_resource *events = as_registry_find(&s->registry, "", "v1", "events");
    struct old_events old = {json_array(), now > EVENT_LIFE_US ? now - EVENT_LIFE_US : 0};
    as_store_list(s->store, events->key, NULL, NULL, NULL, 0, collect_old, &old);
    for (size_t i = 0; i + 1 < json_array_size(old.list); i += 2) {
        as_remove(s, events, json_string_value(json_array_get(old.list, i)),
                  json_string_value(json_array_get(old.list, i + 1)));
    }
    json_decref(old.list);
    as_collect(s);
    as_store_snapshots_expire(s->store, now);
    as_store_compact(s->store, s->history_max, WB_APISERVER_HISTORY_BYTES);
}

/* ---- routing ------------------------------------------------------------------------------ */

const char *as_query(const struct as_call *c, const char *name)
{
    const char *value = wb_http_query_find(&c->query, name);
    return value ? value : "";
}

bool as_query_bool(const struct as_call *c, const char *name)
{
    const char *value = wb_http_query_find(&c->query, name);
    return value && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

/* Cuts the path into its parts; the first empty one ends it. */
static size_t split_path(char *path, const char *parts[], size_t max)
{
    size_t count = 0;
    char *rest = path + 1;
    char *part;
    while (count < max && (part = strsep(&rest, "/"))) {
        parts[count++] = part;
    }
    return rest ? max + 1 : count;
}

/* /api/v1/… or /apis/group/version/…, then [namespaces/ns/]resource[/name[/subresource]]. */
static bool route(struct as_call *c, char *path)
{
    const char *parts[9] = {NULL};
    size_t count = split_path(path, parts, WB_ARRAY_LEN(parts) - 1);
    const char *group = "";
    size_t at;
    if (count > WB_ARRAY_LEN(parts) - 1) {
        return false;
    }
    if (strcmp(parts[0], "api") == 0 && count >= 3) {
        at = 1;
    } else if (strcmp(parts[0], "apis") == 0 && count >= 4) {
        group = parts[1];
        at = 2;
    } else {
        return false;
    }
    const char *version = parts[at++];
    bool in_namespace =
        strcmp(parts[at], "namespaces") == 0 && count - at >= 3 &&
        !(group[0] == '\0' && count - at == 3 &&
          (strcmp(parts[at + 2], "status") == 0 || strcmp(parts[at + 2], "finalize") == 0));
    if (in_namespace) {
        c->namespace = parts[at + 1];
        at += 2;
        if (c->namespace[0] == '\0') {
            return false;
        }
    }
    c->resource = as_registry_find(&c->server->registry, group, version, parts[at++]);
    c->name = at < count ? parts[at++] : "";
    c->subresource = at < count ? parts[at++] : "";
    return c->resource && at >= count && c->resource->namespaced >= in_namespace;
}

static const char *verb_of(const struct as_call *c)
{
    const char *method = c->request->method;
    bool one = c->name[0] != '\0';
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        return as_query_bool(c, "watch") ? "watch" : one ? "get" : "list";
    }
    if (strcmp(method, "POST") == 0 && !one) {
        return "create";
    }
    if (strcmp(method, "PUT") == 0 && one) {
        return "update";
    }
    if (strcmp(method, "PATCH") == 0 && one) {
        return "patch";
    }
    if (strcmp(method, "DELETE") == 0) {
        return one ? "delete" : "deletecollection";
    }
    return NULL;
}

static void reply_forbidden(struct as_call *c)
{
    const struct as_resource *r = c->resource;
    struct as_text place = {0};
    if (c->namespace[0]) {
        as_text_fmt(&place, "in the namespace \"%s\"", c->namespace);
    } else {
        as_text_str(&place, "at the cluster scope");
    }
    json_t *details = json_object();
    if (c->name[0]) {
        as_set(details, "name", json_string(c->name));
    }
    if (r->group[0]) {
        as_set(details, "group", json_string(r->group));
    }
    as_set(details, "kind", json_string(r->plural));
    char *quoted = c->name[0] ? as_fmt(" \"%s\"", c->name) : as_fmt("%s", "");
    as_reply_error(
        c, 403, "Forbidden", details,
        "%s%s is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s",
        r->key, quoted, c->user->name, c->verb, r->plural, c->subresource[0] ? "/" : "",
        c->subresource, r->group, place.data);
    free(quoted);
    as_text_deinit(&place);
}

static const char *options_kind(const struct as_call *c)
{
    return strcmp(c->verb, "create") == 0   ? "CreateOptions"
           : strcmp(c->verb, "update") == 0 ? "UpdateOptions"
           : strcmp(c->verb, "patch") == 0  ? "PatchOptions"
                                            : "DeleteOptions";
}

static bool read_options(struct as_call *c)
{
    const char *dry_run = as_query(c, "dryRun");
    const char *validation = as_query(c, "fieldValidation");
    const char *include = as_query(c, "includeObject");
    if (dry_run[0] && strcmp(dry_run, "All") != 0) {
        as_reply_bad_option(c, options_kind(c), "dryRun", "FieldValueNotSupported",
                            "Unsupported value: [\"%s\"]: supported values: \"All\"", dry_run);
        return false;
    }
    c->dry_run = dry_run[0] != '\0';
    c->validation = strcmp(validation, "Strict") == 0   ? AS_STRICT
                    : strcmp(validation, "Ignore") == 0 ? AS_IGNORE
                                                        : AS_WARN;
    if (validation[0] && c->validation == AS_WARN && strcmp(validation, "Warn") != 0) {
        as_reply_bad_option(
            c, options_kind(c), "fieldValidation", "FieldValueNotSupported",
            "Unsupported value: \"%s\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
            validation);
        return false;
    }
    c->include = strcmp(include, "None") == 0     ? AS_INCLUDE_NONE
                 : strcmp(include, "Object") == 0 ? AS_INCLUDE_OBJECT
                                                  : AS_INCLUDE_METADATA;
    return true;
}

static void run_verb(struct as_call *c)
{
    static const struct {
        const char *verb;
        void (*run)(struct as_call *c);
        bool writes;
    } rows[] = {
        {"get", as_get, false},      {"list", as_list, false},
        {"watch", as_watch, false},  {"create", as_create, true},
        {"update", as_update, true}, {"patch", as_patch, true},
        {"delete", as_delete, true}, {"deletecollection", as_delete_collection, true},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].verb, c->verb) != 0) {
            continue;
        }
        bool in_all = c->resource->namespaced && !c->namespace[0];
        if (rows[i].writes && (c->resource->read_only || in_all)) {
            as_reply_no_method(c);
        } else {
            rows[i].run(c);
        }
        return;
    }
}

/* A watch of one name is a watch of the collection with that name. */
static void watch_of_name(struct as_call *c)
{
    if (strcmp(c->verb, "watch") == 0 && c->name[0]) {
        as_reply_no_method(c);
        return;
    }
    run_verb(c);
}

static void handle_resource(struct as_call *c)
{
    bool status = strcmp(c->subresource, "status") == 0;
    c->verb = verb_of(c);
    if (!c->verb) {
        as_reply_no_method(c);
        return;
    }
    if (!as_allowed(c->server, c->user, c->verb, c->resource->group, c->resource->plural)) {
        reply_forbidden(c);
        return;
    }
    if (c->subresource[0] && !(status && c->resource->has_status)) {
        as_reply_no_resource(c);
        return;
    }
    if (status && (strcmp(c->verb, "delete") == 0 || strcmp(c->verb, "watch") == 0)) {
        as_reply_no_method(c);
        return;
    }
    if (read_options(c)) {
        watch_of_name(c);
    }
}

static bool is_public(const char *path)
{
    return strncmp(path, "/healthz", 8) == 0 || strncmp(path, "/livez", 6) == 0 ||
           strncmp(path, "/readyz", 7) == 0 || strncmp(path, "/version", 8) == 0;
}

static void handle(struct as_call *c, char *path)
{
    bool is_known = c->user != &c->server->anonymous || c->server->open;
    bool is_get = strcmp(c->request->method, "GET") == 0 || strcmp(c->request->method, "HEAD") == 0;
    if (!is_known && !is_public(path) && strncmp(path, "/api", 4) != 0) {
        as_reply_error(c, 403, "Forbidden", json_object(),
                       "forbidden: User \"%s\" cannot get path \"%s\"", c->user->name, path);
        return;
    }
    if (!as_negotiate(c->request->accept, &c->format)) {
        if (strncmp(path, "/openapi/v3", 11) != 0 && strncmp(path, "/api", 4) != 0) {
            c->format = AS_PLAIN; /* health checks name all kinds of types */
        } else {
            as_reply_error(c, 406, "NotAcceptable", NULL,
                           "only the following media types are accepted: application/json");
            return;
        }
    }
    if (is_known && (as_reviews(c, path) || (is_get && as_backup(c, path)))) {
        return;
    }
    if (is_get && (is_known || is_public(path)) && as_discovery(c, path)) {
        return;
    }
    char *copy = c->path_storage = strdup(path);
    if (route(c, copy)) {
        handle_resource(c);
    } else if (strncmp(path, "/api/v1/", 8) == 0) {
        as_reply_no_resource(c);
    } else {
        as_reply_text(c, 404, "404 page not found\n");
    }
}

void wb_apiserver_handle(struct wb_apiserver *s, const struct wb_apiserver_request *request,
                         struct wb_apiserver_response *response)
{
    struct as_call c = {.server = s,
                        .request = request,
                        .response = response,
                        .namespace = "",
                        .name = "",
                        .subresource = ""};
    *response = (struct wb_apiserver_response){0};
    c.now_us = s->services.unix_us(s->services.ctx);
    c.user = as_authenticate(s, request->authorization);
    if (c.user == &s->anonymous && request->cert_name) {
        as_user_of_certificate(request, &c.cert_user);
        c.user = &c.cert_user;
    }
    if (!c.user || (c.user == &s->anonymous && request->cert_bad)) {
        as_reply_error(&c, 401, "Unauthorized", NULL, "Unauthorized");
        return;
    }
    response->user = c.user->name;
    if (!as_rate_take(s, c.user, c.now_us)) {
        response->retry_after_s = 1;
        as_reply_error(&c, 429, "TooManyRequests", json_pack("{s:i}", "retryAfterSeconds", 1),
                       "Too many requests, please try again later.");
        return;
    }
    if (wb_http_query_init(&c.query, request->query ? request->query : "") != WB_OK) {
        as_reply_error(&c, 500, "InternalError", NULL, "Internal error occurred: out of memory");
        return;
    }
    char *path = strdup(request->path && request->path[0] == '/' ? request->path : "/");
    handle(&c, path);
    as_collect(s);
    free(path);
    free(c.path_storage);
    wb_http_query_deinit(&c.query);
}

void wb_apiserver_response_deinit(struct wb_apiserver_response *response)
{
    free(response->body);
    for (size_t i = 0; i < response->warning_count; i++) {
        free(response->warnings[i]);
    }
    response->body = NULL;
    response->warning_count = 0;
}
