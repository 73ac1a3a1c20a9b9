/* SPDX-License-Identifier: AGPL-3.0-only */
/* discovery.c: what the server says about itself: versions, groups, resources, OpenAPI, health, and
 * the self reviews. All of it is derived from the registry. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

#define VERSION_MAJOR "1"
#define VERSION_MINOR "36"
#define VERSION_GIT   "v1.36.0+wasmbed"

static const char discovery_type[] =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/* Resources that only answer a POST; nothing of them is stored. */
static const struct review {
    const char *group, *version, *plural, *kind;
} reviews[] = {
    {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"},
    {"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview"},
    {"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview"},
};

static void reply_value(struct as_call *c, unsigned status, json_t *value)
{
    size_t len;
    char *data = as_dump(value, &len);
    json_decref(value);
    as_reply_json(c, status, data, len);
}

/* ---- groups and versions ------------------------------------------------------------------ */

struct group_version {
    const char *group, *version;
};

static size_t group_versions(const struct wb_apiserver *s, struct group_version *list, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < s->registry.count + WB_ARRAY_LEN(reviews); i++) {
        bool stored = i < s->registry.count;
        struct group_version gv = {
            stored ? s->registry.items[i].group : reviews[i - s->registry.count].group,
            stored ? s->registry.items[i].version : reviews[i - s->registry.count].version};
        bool known = false;
        for (size_t j = 0; j < count; j++) {
            known = known || (strcmp(list[j].group, gv.group) == 0 &&
                              strcmp(list[j].version, gv.version) == 0);
        }
        if (!known && count < max) {
            list[count++] = gv;
        }
    }
    return count;
}

static json_t *verbs_of(const struct as_resource *r)
{
    if (r->read_only) {
        return json_pack("[s,s,s]", "get", "list", "watch");
    }
    return json_pack("[s,s,s,s,s,s,s,s]", "create", "delete", "deletecollection", "get", "list",
                     "patch", "update", "watch");
}

static json_t *group_json(const char *group, const char *version)
{
    char *gv = as_fmt("%s/%s", group, version);
    json_t *value = json_pack("{s:s, s:[{s:s, s:s}], s:{s:s, s:s}}", "name", group, "versions",
                              "groupVersion", gv, "version", version, "preferredVersion",
                              "groupVersion", gv, "version", version);
    free(gv);
    return value;
}

static void legacy_root(struct as_call *c, bool core)
{
    if (core) {
        reply_value(c, 200,
                    json_pack("{s:s, s:[s], s:[{s:s, s:s}]}", "kind", "APIVersions", "versions",
                              "v1", "serverAddressByClientCIDRs", "clientCIDR", "0.0.0.0/0",
                              "serverAddress", "127.0.0.1"));
        return;
    }
    struct group_version list[32];
    size_t count = group_versions(c->server, list, WB_ARRAY_LEN(list));
    json_t *groups = json_array();
    for (size_t i = 0; i < count; i++) {
        if (list[i].group[0]) {
            json_array_append_new(groups, group_json(list[i].group, list[i].version));
        }
    }
    reply_value(
        c, 200,
        json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups", groups));
}

static void add_legacy_resource(json_t *list, const struct as_resource *r)
{
    json_t *item =
        json_pack("{s:s, s:s, s:b, s:s, s:o, s:O*, s:O*}", "name", r->plural, "singularName",
                  r->singular, "namespaced", r->namespaced, "kind", r->kind, "verbs", verbs_of(r),
                  "shortNames", r->short_names, "categories", r->categories);
    json_array_append_new(list, item);
    if (r->has_status) {
        json_array_append_new(list, json_pack("{s:o, s:s, s:b, s:s, s:[s,s,s]}", "name",
                                              json_sprintf("%s/status", r->plural), "singularName",
                                              "", "namespaced", r->namespaced, "kind", r->kind,
                                              "verbs", "get", "patch", "update"));
    }
}

static bool legacy_resources(struct as_call *c, const char *group, const char *version)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->server->registry.count; i++) {
        const struct as_resource *r = &c->server->registry.items[i];
        if (strcmp(r->group, group) == 0 && strcmp(r->version, version) == 0) {
            add_legacy_resource(list, r);
        }
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(reviews); i++) {
        const struct review *v = &reviews[i];
        if (strcmp(v->group, group) == 0 && strcmp(v->version, version) == 0) {
            json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:[s]}", "name", v->plural,
                                                  "singularName", "", "namespaced", 0, "kind",
                                                  v->kind, "verbs", "create"));
        }
    }
    if (json_array_size(list) == 0) {
        json_decref(list);
        return false;
    }
    reply_value(c, 200,
                json_pack("{s:s, s:s, s:o, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                          "groupVersion",
                          group[0] ? json_sprintf("%s/%s", group, version) : json_string(version),
                          "resources", list));
    return true;
}

/* ---- aggregated discovery ----------------------------------------------------------------- */

static json_t *response_kind(const char *group, const char *version, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "version", version, "kind", kind);
}

static json_t *aggregated_resources(const struct wb_apiserver *s, const char *group,
                                    const char *version)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->registry.count; i++) {
        const struct as_resource *r = &s->registry.items[i];
        if (strcmp(r->group, group) != 0 || strcmp(r->version, version) != 0) {
            continue;
        }
        json_t *item = json_pack("{s:s, s:o, s:s, s:s, s:o, s:O*, s:O*}", "resource", r->plural,
                                 "responseKind", response_kind(group, version, r->kind), "scope",
                                 r->namespaced ? "Namespaced" : "Cluster", "singularResource",
                                 r->singular, "verbs", verbs_of(r), "shortNames", r->short_names,
                                 "categories", r->categories);
        if (r->has_status) {
            as_set(item, "subresources",
                   json_pack("[{s:s, s:o, s:[s,s,s]}]", "subresource", "status", "responseKind",
                             response_kind(group, version, r->kind), "verbs", "get", "patch",
                             "update"));
        }
        json_array_append_new(list, item);
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(reviews); i++) {
        const struct review *v = &reviews[i];
        if (strcmp(v->group, group) == 0 && strcmp(v->version, version) == 0) {
            json_array_append_new(
                list, json_pack("{s:s, s:o, s:s, s:s, s:[s]}", "resource", v->plural,
                                "responseKind", response_kind(group, version, v->kind), "scope",
                                "Cluster", "singularResource", "", "verbs", "create"));
        }
    }
    return list;
}

static void aggregated(struct as_call *c, bool core)
{
    struct group_version list[32];
    size_t count = group_versions(c->server, list, WB_ARRAY_LEN(list));
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        if ((list[i].group[0] == '\0') != core) {
            continue;
        }
        json_array_append_new(
            items, json_pack("{s:{s:s, s:n}, s:[{s:s, s:s, s:o}]}", "metadata", "name",
                             list[i].group, "creationTimestamp", "versions", "version",
                             list[i].version, "freshness", "Current", "resources",
                             aggregated_resources(c->server, list[i].group, list[i].version)));
    }
    reply_value(c, 200,
                json_pack("{s:s, s:s, s:{}, s:o}", "kind", "APIGroupDiscoveryList", "apiVersion",
                          "apidiscovery.k8s.io/v2", "metadata", "items", items));
    c->response->content_type = discovery_type;
}

/* ---- OpenAPI v3 --------------------------------------------------------------------------- */

static char *component_name(const struct as_resource *r)
{
    if (!r->custom) {
        return as_fmt("io.k8s.api.%s.%s.%s", r->group[0] ? r->group : "core", r->version, r->kind);
    }
    return as_fmt("io.github.wasmbed.%s.%s", r->version, r->kind);
}

static json_t *query_parameters(void)
{
    static const char *const names[] = {"fieldValidation", "dryRun", "fieldManager"};
    json_t *list = json_array();
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:{s:s, s:b}}", "name", names[i], "in", "query",
                                        "schema", "type", "string", "uniqueItems", 1));
    }
    return list;
}

static json_t *operation(const struct as_resource *r, const char *action, const char *component,
                         bool writes)
{
    json_t *schema = json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", component));
    json_t *op = json_pack("{s:s, s:o, s:{s:{s:s, s:{s:{s:o}}}}}", "x-kubernetes-action", action,
                           "x-kubernetes-group-version-kind",
                           response_kind(r->group, r->version, r->kind), "responses", "200",
                           "description", "OK", "content", "application/json", "schema", schema);
    if (writes) {
        as_set(op, "parameters", query_parameters());
    }
    return op;
}

static void add_paths(json_t *paths, const struct as_resource *r)
{
    char *component = component_name(r);
    char *base = as_fmt("/%s%s/%s", r->group[0] ? "apis/" : "api", r->group, r->version);
    char *all = as_fmt("%s/%s", base, r->plural);
    char *one = as_fmt("%s%s/%s", base, r->namespaced ? "/namespaces/{namespace}" : "", r->plural);
    json_t *collection = json_pack("{s:o}", "get", operation(r, "list", component, false));
    json_t *object = json_pack("{s:o}", "get", operation(r, "get", component, false));
    if (!r->read_only) {
        as_set(collection, "post", operation(r, "post", component, true));
        as_set(object, "put", operation(r, "put", component, true));
        as_set(object, "patch", operation(r, "patch", component, true));
        as_set(object, "delete", operation(r, "delete", component, false));
    }
    if (r->namespaced) {
        json_object_set_new(paths, all,
                            json_pack("{s:o}", "get", operation(r, "list", component, false)));
    }
    json_object_set_new(paths, one, collection);
    char *object_path = as_fmt("%s/{name}", one);
    json_object_set_new(paths, object_path, object);
    free(object_path);
    if (r->has_status) {
        char *status_path = as_fmt("%s/{name}/status", one);
        json_object_set_new(paths, status_path,
                            json_pack("{s:o, s:o, s:o}", "get",
                                      operation(r, "get", component, false), "put",
                                      operation(r, "put", component, true), "patch",
                                      operation(r, "patch", component, true)));
        free(status_path);
    }
    free(one);
    free(all);
    free(base);
    free(component);
}

static const char meta_ref[] =
    "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

static json_t *meta_schema(void)
{
    static const struct {
        const char *name, *description;
        bool map;
    } rows[] = {
        {"name", "Name must be unique within a namespace.", false},
        {"generateName",
         "GenerateName is an optional prefix, used by the server to generate a unique name.",
         false},
        {"namespace", "Namespace defines the space within which each name must be unique.", false},
        {"uid", "UID is the unique in time and space value for this object.", false},
        {"resourceVersion", "An opaque value that represents the internal version of this object.",
         false},
        {"creationTimestamp", "When this object was created.", false},
        {"deletionTimestamp", "When this resource will be deleted.", false},
        {"labels", "Map of string keys and values that can be used to organize and select objects.",
         true},
        {"annotations", "Unstructured key value map that may be set by external tools.", true},
    };
    json_t *properties = json_object();
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        json_t *property = rows[i].map ? json_pack("{s:s, s:{s:s}}", "type", "object",
                                                   "additionalProperties", "type", "string")
                                       : json_pack("{s:s}", "type", "string");
        as_set(property, "description", json_string(rows[i].description));
        json_object_set_new(properties, rows[i].name, property);
    }
    json_object_set_new(properties, "generation",
                        json_pack("{s:s, s:s}", "type", "integer", "description",
                                  "A sequence number of the desired state."));
    json_object_set_new(properties, "finalizers",
                        json_pack("{s:s, s:{s:s}, s:s}", "type", "array", "items", "type", "string",
                                  "description",
                                  "Must be empty before the object is deleted from the registry."));
    json_object_set_new(properties, "ownerReferences",
                        json_pack("{s:s, s:{s:s}, s:s}", "type", "array", "items", "type", "object",
                                  "description", "List of objects depended by this object."));
    return json_pack("{s:s, s:s, s:o}", "type", "object", "description",
                     "ObjectMeta is metadata that all persisted resources must have.", "properties",
                     properties);
}

static json_t *component_schema(const struct as_resource *r)
{
    json_t *schema = json_deep_copy(r->schema_source);
    json_t *properties = as_object(schema, "properties");
    as_set(
        properties, "apiVersion",
        json_pack("{s:s, s:s}", "type", "string", "description",
                  "APIVersion defines the versioned schema of this representation of an object."));
    as_set(
        properties, "kind",
        json_pack("{s:s, s:s}", "type", "string", "description",
                  "Kind is a string value representing the REST resource this object represents."));
    as_set(properties, "metadata",
           json_pack("{s:s, s:[{s:s}], s:{}}", "description", "Standard object's metadata.",
                     "allOf", "$ref", meta_ref, "default"));
    as_set(schema, "x-kubernetes-group-version-kind",
           json_pack("[o]", response_kind(r->group, r->version, r->kind)));
    return schema;
}

static void openapi_index(struct as_call *c)
{
    struct group_version list[32];
    size_t count = group_versions(c->server, list, WB_ARRAY_LEN(list));
    json_t *paths = json_object();
    for (size_t i = 0; i < count; i++) {
        char *path = list[i].group[0] ? as_fmt("apis/%s/%s", list[i].group, list[i].version)
                                      : as_fmt("api/%s", list[i].version);
        json_object_set_new(
            paths, path,
            json_pack("{s:o}", "serverRelativeURL",
                      json_sprintf("/openapi/v3/%s?hash=%s", path, c->server->start_time)));
        free(path);
    }
    reply_value(c, 200, json_pack("{s:o}", "paths", paths));
}

static bool openapi_document(struct as_call *c, const char *group, const char *version)
{
    json_t *paths = json_object(), *schemas = json_object();
    for (size_t i = 0; i < c->server->registry.count; i++) {
        const struct as_resource *r = &c->server->registry.items[i];
        if (strcmp(r->group, group) != 0 || strcmp(r->version, version) != 0) {
            continue;
        }
        add_paths(paths, r);
        char *component = component_name(r);
        json_object_set_new(schemas, component, component_schema(r));
        free(component);
    }
    json_object_set_new(schemas, strrchr(meta_ref, '/') + 1, meta_schema());
    reply_value(c, 200,
                json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.0.0", "info", "title",
                          "Kubernetes", "version", VERSION_GIT, "paths", paths, "components",
                          "schemas", schemas));
    return true;
}

/* ---- paths -------------------------------------------------------------------------------- */

static bool health(struct as_call *c, const char *path)
{
    static const char *const names[] = {"/healthz", "/livez", "/readyz"};
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(path, names[i], len) == 0 && (path[len] == '\0' || path[len] == '/')) {
            as_reply_text(c, 200, "ok");
            return true;
        }
    }
    return false;
}

/* Splits "group/version"; false when there is more or less. */
static bool split(const char *text, char *group, char *version, size_t cap)
{
    const char *slash = strchr(text, '/');
    if (!slash || strchr(slash + 1, '/') || (size_t)(slash - text) >= cap ||
        strlen(slash + 1) >= cap) {
        return false;
    }
    memcpy(group, text, (size_t)(slash - text));
    group[slash - text] = '\0';
    memmove(version, slash + 1, strlen(slash + 1) + 1);
    return slash[1] != '\0';
}

static bool group_paths(struct as_call *c, const char *path)
{
    char group[256], version[256];
    if (strncmp(path, "/apis/", 6) != 0) {
        return false;
    }
    if (split(path + 6, group, version, sizeof(group))) {
        return legacy_resources(c, group, version);
    }
    struct group_version list[32];
    size_t count = group_versions(c->server, list, WB_ARRAY_LEN(list));
    for (size_t i = 0; i < count; i++) {
        if (list[i].group[0] && strcmp(list[i].group, path + 6) == 0) {
            json_t *group_value = group_json(list[i].group, list[i].version);
            as_set(group_value, "kind", json_string("APIGroup"));
            as_set(group_value, "apiVersion", json_string("v1"));
            reply_value(c, 200, group_value);
            return true;
        }
    }
    return false;
}

/* Version 2 is what kubectl asks for kinds that version 3 does not have. An empty document makes it
 * go on to its own message about unknown kinds; a gnostic Document with {1: "2.0", 2: {1:
 * "Kubernetes", 2: "v1"}}. */
static void openapi_v2(struct as_call *c)
{
    static const char document[] = "\x0a\x03"
                                   "2.0"
                                   "\x12\x10"
                                   "\x0a\x0a"
                                   "Kubernetes"
                                   "\x12\x02"
                                   "v1";
    const char *accept = c->request->accept;
    if (!accept || !strstr(accept, "protobuf")) {
        reply_value(c, 200,
                    json_pack("{s:s, s:{s:s, s:s}, s:{}}", "swagger", "2.0", "info", "title",
                              "Kubernetes", "version", "v1", "paths"));
        return;
    }
    char *copy = malloc(sizeof(document) - 1);
    WB_ASSERT(copy);
    memcpy(copy, document, sizeof(document) - 1);
    as_reply_json(c, 200, copy, sizeof(document) - 1);
    c->response->content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
}

static bool openapi(struct as_call *c, const char *path)
{
    char group[256], version[256];
    if (strcmp(path, "/openapi/v2") == 0) {
        openapi_v2(c);
        return true;
    }
    if (strcmp(path, "/openapi/v3") == 0) {
        openapi_index(c);
        return true;
    }
    if (strcmp(path, "/openapi/v3/api/v1") == 0) {
        return openapi_document(c, "", "v1");
    }
    return strncmp(path, "/openapi/v3/apis/", 17) == 0 &&
           split(path + 17, group, version, sizeof(group)) && openapi_document(c, group, version);
}

static void version(struct as_call *c)
{
    reply_value(c, 200,
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", VERSION_MAJOR,
                          "minor", VERSION_MINOR, "gitVersion", VERSION_GIT, "gitCommit", "",
                          "gitTreeState", "clean", "buildDate", "2026-01-01T00:00:00Z", "goVersion",
                          "none", "compiler", "cc", "platform", "linux/amd64"));
}

bool as_discovery(struct as_call *c, const char *path)
{
    bool core = strcmp(path, "/api") == 0;
    if (health(c, path)) {
        return true;
    }
    if (strcmp(path, "/version") == 0 || strcmp(path, "/version/") == 0) {
        version(c);
    } else if (core || strcmp(path, "/apis") == 0) {
        if (c->format == AS_DISCOVERY) {
            aggregated(c, core);
        } else {
            legacy_root(c, core);
        }
    } else if (strcmp(path, "/api/v1") == 0) {
        return legacy_resources(c, "", "v1");
    } else {
        return group_paths(c, path) || openapi(c, path);
    }
    return true;
}

/* ---- self reviews ------------------------------------------------------------------------- */

static json_t *access_status(struct as_call *c, const json_t *spec)
{
    const json_t *attributes = json_object_get(spec, "resourceAttributes");
    bool allowed;
    if (attributes) {
        allowed = as_allowed(c->server, c->user, as_str(attributes, "verb"),
                             as_str(attributes, "group"), as_str(attributes, "resource"));
    } else {
        const char *verb = as_str(json_object_get(spec, "nonResourceAttributes"), "verb");
        allowed = strcmp(verb, "get") == 0 || as_allowed(c->server, c->user, verb, "*", "*");
    }
    return json_pack("{s:b, s:s}", "allowed", allowed, "reason",
                     allowed ? "by role" : "no role allows it");
}

static json_t *rules_status(struct as_call *c)
{
    static const char *const verbs[] = {"get",    "list",  "watch",  "create",
                                        "update", "patch", "delete", "deletecollection"};
    json_t *rules = json_array();
    for (size_t i = 0; i < c->server->registry.count; i++) {
        const struct as_resource *r = &c->server->registry.items[i];
        json_t *allowed = json_array();
        for (size_t j = 0; j < WB_ARRAY_LEN(verbs); j++) {
            if (as_allowed(c->server, c->user, verbs[j], r->group, r->plural)) {
                json_array_append_new(allowed, json_string(verbs[j]));
            }
        }
        if (json_array_size(allowed) == 0) {
            json_decref(allowed);
            continue;
        }
        json_array_append_new(rules, json_pack("{s:o, s:[s], s:[s]}", "verbs", allowed, "apiGroups",
                                               r->group, "resources", r->plural));
    }
    return json_pack("{s:o, s:[{s:[s], s:[s,s,s,s,s,s]}], s:b}", "resourceRules", rules,
                     "nonResourceRules", "verbs", "get", "nonResourceURLs", "/api", "/apis",
                     "/healthz", "/openapi/*", "/readyz", "/version", "incomplete", 0);
}

static json_t *self_status(struct as_call *c)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < c->user->group_count; i++) {
        json_array_append_new(groups, json_string(c->user->groups[i]));
    }
    return json_pack("{s:{s:s, s:s, s:o}}", "userInfo", "username", c->user->name, "uid",
                     c->user->uid, "groups", groups);
}

bool as_reviews(struct as_call *c, const char *path)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(reviews); i++) {
        const struct review *v = &reviews[i];
        char expected[128];
        snprintf(expected, sizeof(expected), "/apis/%s/%s/%s", v->group, v->version, v->plural);
        if (strcmp(path, expected) != 0) {
            continue;
        }
        if (strcmp(c->request->method, "POST") != 0) {
            as_reply_no_method(c);
            return true;
        }
        json_t *object = as_decode_body(c);
        if (!object) {
            return true;
        }
        json_t *status = i == 0   ? access_status(c, json_object_get(object, "spec"))
                         : i == 1 ? rules_status(c)
                                  : self_status(c);
        as_object(object, "metadata");
        as_set(object, "apiVersion", json_sprintf("%s/%s", v->group, v->version));
        as_set(object, "kind", json_string(v->kind));
        as_set(object, "status", status);
        reply_value(c, 201, object);
        return true;
    }
    return false;
}
