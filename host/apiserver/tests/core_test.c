/* SPDX-License-Identifier: AGPL-3.0-only */
/* core_test.c: the API server's core: requests in, answers and watch lines out; database in memory,
 * clock of the test. */
#include <jansson.h>
#include <unistd.h>

#include "wb_apiserver.h"
#include "wb_http.h"
#include "wb_test.h"

#define DEVICES "/apis/wasmbed.github.io/v1/namespaces/wasmbed/devices"
#define MAPS    "/api/v1/namespaces/wasmbed/configmaps"
#define MERGE   "application/merge-patch+json"
#define TABLE   "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

struct world {
    struct wb_apiserver *server;
    uint64_t now_us;
    uint32_t seed;
    unsigned status; /* of the last answer */
    json_t *body;    /* of the last answer */
    char *text;
    char warning[256];
    struct wb_apiserver_watch *watch;
    const char *token;
};

static uint64_t test_now(void *ctx)
{
    return ((struct world *)ctx)->now_us;
}

static void test_random(void *ctx, void *to, size_t len)
{
    struct world *w = ctx;
    for (size_t i = 0; i < len; i++) {
        w->seed = w->seed * 1664525u + 1013904223u;
        ((uint8_t *)to)[i] = (uint8_t)(w->seed >> 24);
    }
}

static const char tokens[] = "admin-token,admin,1,\"system:masters\"\n"
                             "view-token,eve,2,\"wasmbed:viewer\"\n"
                             "gw-token,gw,3,\"wasmbed:component\"\n"
                             "op-token,op,5,\"wasmbed:operator\"\n"
                             "# comment\n"
                             "none-token,none,4\n";

static void open_server(struct world *w, const char *path)
{
    char err[256] = "";
    struct wb_apiserver_cfg cfg = {.db_path = path,
                                   .tokens = tokens,
                                   .history_max = 100,
                                   .services = {test_now, test_random, w}};
    w->server = wb_apiserver_new(&cfg, err, sizeof(err));
    assert_string_equal(err, "");
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->now_us = 1700000000000000ull;
    w->token = "Bearer admin-token";
    open_server(w, ":memory:");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    wb_apiserver_watch_free(w->watch);
    wb_apiserver_free(w->server);
    json_decref(w->body);
    free(w->text);
    free(w);
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------- */

static unsigned ask_as(struct world *w, const char *method, const char *target, const char *type,
                       const char *accept, const void *body, size_t len)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s", target);
    char *query = strchr(path, '?');
    if (query) {
        *query++ = '\0';
    }
    struct wb_apiserver_request request = {.method = method,
                                           .path = path,
                                           .query = query,
                                           .accept = accept,
                                           .content_type = type,
                                           .authorization = w->token,
                                           .user_agent = "test/1",
                                           .body = body,
                                           .body_len = len};
    struct wb_apiserver_response response;
    wb_apiserver_handle(w->server, &request, &response);
    json_decref(w->body);
    free(w->text);
    w->status = response.status;
    w->text = strndup(response.body ? response.body : "", response.body_len);
    w->body = json_loads(w->text, 0, NULL);
    snprintf(w->warning, sizeof(w->warning), "%s",
             response.warning_count ? response.warnings[0] : "");
    if (response.watch) {
        assert_null(w->watch);
        w->watch = response.watch;
    }
    wb_apiserver_response_deinit(&response);
    return w->status;
}

static unsigned ask(struct world *w, const char *method, const char *target, const char *body)
{
    return ask_as(w, method, target, strcmp(method, "PATCH") == 0 ? MERGE : "application/json",
                  NULL, body, body ? strlen(body) : 0);
}

/* Text at a path of keys, "" when absent. */
static const char *at(struct world *w, const char *a, const char *b)
{
    json_t *value = json_object_get(w->body, a);
    value = b ? json_object_get(value, b) : value;
    return json_is_string(value) ? json_string_value(value) : "";
}

static long long number_at(struct world *w, const char *a, const char *b)
{
    return json_integer_value(json_object_get(json_object_get(w->body, a), b));
}

#define UNCHECKED                                                                                  \
    "<nil>: Invalid value: null: some validation rules were not checked because the object was "   \
    "invalid; correct the existing errors to complete validation"
#define assert_message(w, wanted) assert_string_equal(at((w), "message", NULL), (wanted))

static void make_device(struct world *w, const char *name, const char *labels)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"apiVersion\":\"wasmbed.github.io/"
             "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"%s\","
             "\"labels\":%s},\"spec\":{\"deviceId\":\"%s\",\"deviceType\":\"posix\"}}",
             name, labels, name);
    if (ask(w, "POST", DEVICES, body) != 201) {
        fail_msg("%s", w->text);
    }
}

/* The next line of the watch; NULL when it is idle. Valid until the next call. */
static const char *line(struct world *w)
{
    static char text[16384];
    struct wb_http_buf *buf;
    enum wb_apiserver_watch_state state = wb_apiserver_watch_next(w->watch, &buf);
    if (state == WB_APISERVER_WATCH_END) {
        return "END";
    }
    if (state == WB_APISERVER_WATCH_IDLE) {
        return NULL;
    }
    assert_true(buf->len < sizeof(text));
    memcpy(text, buf->data, buf->len);
    text[buf->len] = '\0';
    assert_int_equal(text[buf->len - 1], '\n');
    wb_http_buf_unref(buf);
    return text;
}

static void expect_line(struct world *w, const char *type, const char *part)
{
    const char *text = line(w);
    char head[64];
    snprintf(head, sizeof(head), "{\"type\":\"%s\"", type);
    if (!text || strncmp(text, head, strlen(head)) != 0 || !strstr(text, part)) {
        fail_msg("want %s with %s, have %s", type, part, text ? text : "nothing");
    }
}

/* ---- objects ------------------------------------------------------------------------------ */

static void creates_and_reads(void **state)
{
    struct world *w = *state;
    make_device(w, "d1", "{\"a\":\"b\"}");
    assert_string_equal(at(w, "metadata", "creationTimestamp"), "2023-11-14T22:13:20Z");
    assert_int_equal(strlen(at(w, "metadata", "uid")), 36);
    assert_int_equal(number_at(w, "metadata", "generation"), 1);
    assert_true(json_is_false(json_object_get(json_object_get(w->body, "spec"), "approved")));
    char *created = strdup(w->text);
    assert_int_equal(ask(w, "GET", DEVICES "/d1", NULL), 200);
    assert_string_equal(w->text, created);
    free(created);
    assert_int_equal(ask(w, "GET", DEVICES "/none", NULL), 404);
    assert_message(w, "devices.wasmbed.github.io \"none\" not found");
    assert_string_equal(at(w, "details", "kind"), "devices");
    assert_int_equal(ask(w, "GET", DEVICES, NULL), 200);
    assert_string_equal(at(w, "kind", NULL), "DeviceList");
    assert_int_equal(json_array_size(json_object_get(w->body, "items")), 1);
}

static void refuses_bad_creations(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *target, *body;
        unsigned status;
        const char *message;
    } rows[] = {
        {DEVICES, "", 400, "the request has no body; an object is needed"},
        {DEVICES, "[]", 400, "the body is not an object"},
        {DEVICES, "{}", 400, "Object 'Kind' is missing in the request body"},
        {DEVICES, "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\"}", 400,
         "the API version in the data (x/v1) does not match the expected API version "
         "(wasmbed.github.io/v1)"},
        {DEVICES, "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Gateway\"}", 400,
         "Gateway in version \"v1\" cannot be handled as a Device"},
        {DEVICES,
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"metadata\":{\"labels\":{\"a\":1}}}",
         400,
         "Device in version \"v1\" cannot be handled as a Device: metadata.labels must be an "
         "object of strings"},
        {DEVICES,
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}",
         400,
         "the namespace of the provided object does not match the namespace sent on the request"},
        {DEVICES,
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"metadata\":{\"resourceVersion\":\"1\"}}",
         400, "resourceVersion should not be set on objects to be created"},
        {DEVICES "?fieldValidation=Strict",
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"a\",\"nick\":1},"
         "\"spec\":{\"deviceId\":\"a\",\"deviceType\":\"posix\",\"bogus\":1}}",
         400,
         "Device in version \"v1\" cannot be handled as a Device: strict decoding error: unknown "
         "field \"metadata.nick\", unknown field \"spec.bogus\""},
        {DEVICES "?dryRun=Some", "{}", 422,
         "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: "
         "supported values: \"All\""},
        {"/apis/wasmbed.github.io/v1/namespaces/none/devices",
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"a\"},"
         "\"spec\":{\"deviceId\":\"a\",\"deviceType\":\"posix\"}}",
         404, "namespaces \"none\" not found"},
        {DEVICES,
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"a\"}}",
         422, "Device.wasmbed.github.io \"a\" is invalid: [spec: Required value, " UNCHECKED "]"},
        {DEVICES,
         "{\"apiVersion\":\"wasmbed.github.io/"
         "v1\",\"kind\":\"Device\",\"spec\":{\"deviceId\":\"a\"}}",
         422,
         "Device.wasmbed.github.io \"\" is invalid: [metadata.name: Required value: name or "
         "generateName is "
         "required, spec.deviceType: Required value, " UNCHECKED "]"},
        {"/apis/wasmbed.github.io/v1/devices", "{}", 405,
         "the server does not allow this method on the requested resource"},
        {"/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "{}", 405,
         "the server does not allow this method on the requested resource"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        unsigned status = ask(w, "POST", rows[i].target, rows[i].body);
        assert_message(w, rows[i].message);
        assert_int_equal(status, rows[i].status);
        assert_string_equal(at(w, "kind", NULL), "Status");
    }
    assert_int_equal(ask_as(w, "POST", DEVICES, "text/csv", NULL, "a", 1), 415);
    assert_int_equal(ask_as(w, "POST", DEVICES, "application/yaml", NULL, "a: [", 4), 400);
    assert_int_equal(ask_as(w, "GET", DEVICES, NULL, "text/html", NULL, 0), 406);
    make_device(w, "twice", "{}");
    make_device(w, "other", "{}");
    assert_int_equal(ask(w, "POST", DEVICES,
                         "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Device\","
                         "\"metadata\":{\"name\":\"twice\"},\"spec\":{\"deviceId\":\"x\","
                         "\"deviceType\":\"posix\"}}"),
                     409);
    assert_string_equal(at(w, "reason", NULL), "AlreadyExists");
}

static void unknown_fields_warn_by_default(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        ask(w, "POST", DEVICES "?fieldValidation=Warn",
            "{\"apiVersion\":\"wasmbed.github.io/"
            "v1\",\"kind\":\"Device\",\"metadata\":{\"generateName\":"
            "\"dev-\"},\"spec\":{\"deviceId\":\"a\",\"deviceType\":\"posix\",\"bogus\":1}}"),
        201);
    assert_string_equal(w->warning, "299 - \"unknown field \\\"spec.bogus\\\"\"");
    assert_null(strstr(w->text, "bogus"));
    assert_memory_equal(at(w, "metadata", "name"), "dev-", 4);
    assert_int_equal(strlen(at(w, "metadata", "name")), 9);
}

static void dry_runs_change_nothing(void **state)
{
    struct world *w = *state;
    uint64_t before = wb_apiserver_version(w->server);
    assert_int_equal(ask(w, "POST", DEVICES "?dryRun=All",
                         "{\"apiVersion\":\"wasmbed.github.io/"
                         "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"a\"},"
                         "\"spec\":{\"deviceId\":\"a\",\"deviceType\":\"posix\"}}"),
                     201);
    assert_int_equal(ask(w, "GET", DEVICES "/a", NULL), 404);
    make_device(w, "a", "{}");
    assert_int_equal(ask(w, "DELETE", DEVICES "/a", "{\"dryRun\":[\"All\"]}"), 200);
    assert_int_equal(ask(w, "GET", DEVICES "/a", NULL), 200);
    assert_int_equal(wb_apiserver_version(w->server), before + 1);
}

static void updates_follow_the_rules(void **state)
{
    struct world *w = *state;
    make_device(w, "d", "{}");
    char *first = strdup(w->text);
    /* intent changes count */
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"spec\":{\"approved\":true}}"), 200);
    assert_int_equal(number_at(w, "metadata", "generation"), 2);
    /* labels do not */
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}"),
                     200);
    assert_int_equal(number_at(w, "metadata", "generation"), 2);
    /* neither does status, which only its subresource takes */
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"status\":{\"phase\":\"Connected\"}}"), 200);
    assert_null(json_object_get(w->body, "status"));
    assert_int_equal(ask(w, "PATCH", DEVICES "/d/status",
                         "{\"status\":{\"phase\":\"Connected\"},\"spec\":{\"approved\":false},"
                         "\"metadata\":{\"labels\":{\"z\":\"z\"}}}"),
                     200);
    assert_string_equal(at(w, "status", "phase"), "Connected");
    assert_int_equal(number_at(w, "metadata", "generation"), 2);
    assert_true(json_is_true(json_object_get(json_object_get(w->body, "spec"), "approved")));
    assert_null(strstr(w->text, "\"z\""));
    /* nothing new: no number */
    uint64_t before = wb_apiserver_version(w->server);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d/status", "{\"status\":{\"phase\":\"Connected\"}}"),
                     200);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{}"), 200);
    assert_int_equal(wb_apiserver_version(w->server), before);
    /* an old version */
    assert_int_equal(ask(w, "PUT", DEVICES "/d", first), 409);
    assert_message(
        w, "Operation cannot be fulfilled on devices.wasmbed.github.io \"d\": the object has been "
           "modified; please apply your changes to the latest version and try again");
    free(first);
    /* what the server owns stays */
    assert_int_equal(
        ask(w, "PATCH", DEVICES "/d",
            "{\"metadata\":{\"creationTimestamp\":\"1999-01-01T00:00:00Z\",\"generation\":77}}"),
        200);
    assert_int_equal(number_at(w, "metadata", "generation"), 2);
    /* refusals */
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"name\":\"e\"}}"), 400);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"uid\":\"e\"}}"), 409);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"spec\":{\"deviceId\":\"e\"}}"), 422);
    assert_non_null(strstr(w->text, "deviceId is the device's identity"));
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"spec\":null}"), 422);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "[]"), 400);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{"), 400);
    assert_int_equal(ask(w, "PATCH", DEVICES "/e", "{}"), 404);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d/scale", "{}"), 404);
    assert_int_equal(
        ask_as(w, "PATCH", DEVICES "/d", "application/strategic-merge-patch+json", NULL, "{}", 2),
        415);
    assert_int_equal(ask_as(w, "PATCH", DEVICES "/d", "application/json-patch+json", NULL,
                            "[{\"op\":\"test\",\"path\":\"/kind\",\"value\":1}]", 40),
                     422);
    assert_int_equal(ask(w, "PUT", DEVICES "/d",
                         "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Device\","
                         "\"metadata\":{\"name\":\"d\"},\"spec\":{\"deviceId\":\"d\","
                         "\"deviceType\":\"posix\"}}"),
                     422);
    assert_non_null(strstr(w->text, "must be specified for an update"));
}

static void deletion_waits_for_finalizers(void **state)
{
    struct world *w = *state;
    make_device(w, "d", "{}");
    assert_int_equal(ask(w, "DELETE", DEVICES "/d", "{\"preconditions\":{\"uid\":\"x\"}}"), 409);
    assert_int_equal(
        ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"finalizers\":[\"a/b\",\"a/c\"]}}"), 200);
    assert_int_equal(ask(w, "DELETE", DEVICES "/d", NULL), 200);
    assert_string_equal(at(w, "kind", NULL), "Device");
    assert_string_equal(at(w, "metadata", "deletionTimestamp"), "2023-11-14T22:13:20Z");
    assert_int_equal(number_at(w, "metadata", "generation"), 2);
    uint64_t before = wb_apiserver_version(w->server);
    assert_int_equal(ask(w, "DELETE", DEVICES "/d", NULL), 200);
    assert_int_equal(wb_apiserver_version(w->server), before);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"finalizers\":[\"a/new\"]}}"),
                     422);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"finalizers\":[\"a/b\"]}}"),
                     200);
    assert_int_equal(ask(w, "GET", DEVICES "/d", NULL), 200);
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"metadata\":{\"finalizers\":null}}"), 200);
    assert_int_equal(ask(w, "GET", DEVICES "/d", NULL), 404);
    assert_int_equal(ask(w, "DELETE", DEVICES "/d", NULL), 404);
    make_device(w, "e", "{}");
    assert_int_equal(ask(w, "DELETE", DEVICES "/e", "{\"propagationPolicy\":\"Background\"}"), 200);
    assert_string_equal(at(w, "status", NULL), "Success");
    assert_string_equal(at(w, "details", "name"), "e");
}

static void collections_are_deleted_by_selector(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{\"k\":\"1\"}");
    make_device(w, "b", "{\"k\":\"2\"}");
    make_device(w, "c", "{\"k\":\"1\"}");
    assert_int_equal(ask(w, "DELETE", DEVICES "?labelSelector=k%3D1", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(w->body, "items")), 2);
    ask(w, "GET", DEVICES, NULL);
    assert_int_equal(json_array_size(json_object_get(w->body, "items")), 1);
    assert_int_equal(ask(w, "DELETE", DEVICES "?labelSelector=k%3D%3D%3D", NULL), 400);
}

static void namespaces_take_their_contents_along(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"n\"}}"), 201);
    assert_string_equal(at(w, "status", "phase"), "Active");
    assert_int_equal(
        ask(w, "POST", "/api/v1/namespaces/n/configmaps", "{\"metadata\":{\"name\":\"c\"}}"), 201);
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces/n/configmaps",
                         "{\"metadata\":{\"name\":\"held\",\"finalizers\":[\"a/b\"]}}"),
                     201);
    assert_int_equal(ask(w, "DELETE", "/api/v1/namespaces/n", NULL), 200);
    assert_int_equal(ask(w, "GET", "/api/v1/namespaces/n/configmaps/c", NULL), 404);
    assert_int_equal(ask(w, "GET", "/api/v1/namespaces/n", NULL), 200);
    assert_string_equal(at(w, "status", "phase"), "Terminating");
    assert_int_equal(
        ask(w, "POST", "/api/v1/namespaces/n/configmaps", "{\"metadata\":{\"name\":\"d\"}}"), 403);
    assert_int_equal(ask(w, "PATCH", "/api/v1/namespaces/n/configmaps/held",
                         "{\"metadata\":{\"finalizers\":null}}"),
                     200);
    assert_int_equal(ask(w, "GET", "/api/v1/namespaces/n", NULL), 404);
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"with.dot\"}}"),
                     422);
}

/* ---- lists -------------------------------------------------------------------------------- */

/* A ConfigMap that names owners by name, uid and whether it blocks their deletion. */
static void make_owned(struct world *w, const char *name, const char *owner, const char *uid,
                       const char *owner2, const char *uid2)
{
    char body[1024];
    int len =
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[{\"apiVersion\":"
                 "\"wasmbed.github.io/v1\",\"kind\":\"Device\",\"name\":\"%s\",\"uid\":\"%s\","
                 "\"blockOwnerDeletion\":true}",
                 name, owner, uid);
    if (owner2) {
        len += snprintf(body + len, sizeof(body) - (size_t)len,
                        ",{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Device\",\"name\":"
                        "\"%s\",\"uid\":\"%s\"}",
                        owner2, uid2);
    }
    snprintf(body + len, sizeof(body) - (size_t)len, "]}}");
    if (ask(w, "POST", MAPS, body) != 201) {
        fail_msg("%s", w->text);
    }
}

static size_t owner_count(struct world *w)
{
    return json_array_size(
        json_object_get(json_object_get(w->body, "metadata"), "ownerReferences"));
}

static void dependents_go_with_their_last_owner(void **state)
{
    struct world *w = *state;
    char a[40], b[40];
    make_device(w, "a", "{}");
    snprintf(a, sizeof(a), "%s", at(w, "metadata", "uid"));
    make_device(w, "b", "{}");
    snprintf(b, sizeof(b), "%s", at(w, "metadata", "uid"));
    make_owned(w, "one", "a", a, NULL, NULL);
    make_owned(w, "both", "a", a, "b", b);
    assert_int_equal(ask(w, "DELETE", DEVICES "/a", NULL), 200);
    assert_int_equal(ask(w, "GET", MAPS "/one", NULL), 404);
    assert_int_equal(ask(w, "GET", MAPS "/both", NULL), 200);
    assert_int_equal(owner_count(w), 1); /* the other is forgotten */
    assert_int_equal(ask(w, "DELETE", DEVICES "/b", NULL), 200);
    assert_int_equal(ask(w, "GET", MAPS "/both", NULL), 404);
    make_owned(w, "late", "a", a, NULL, NULL); /* its owner is gone already */
    assert_int_equal(ask(w, "GET", MAPS "/late", NULL), 404);
    make_device(w, "a", "{}"); /* another one of that name */
    make_owned(w, "late", "a", a, NULL, NULL);
    assert_int_equal(ask(w, "GET", MAPS "/late", NULL), 404);
}

static void orphans_stay_and_forget_their_owner(void **state)
{
    struct world *w = *state;
    char a[40];
    make_device(w, "a", "{}");
    snprintf(a, sizeof(a), "%s", at(w, "metadata", "uid"));
    make_owned(w, "one", "a", a, NULL, NULL);
    assert_int_equal(ask(w, "DELETE", DEVICES "/a", "{\"propagationPolicy\":\"Never\"}"), 422);
    assert_int_equal(ask(w, "DELETE", DEVICES "/a", "{\"propagationPolicy\":\"Orphan\"}"), 200);
    assert_int_equal(ask(w, "GET", DEVICES "/a", NULL), 404);
    assert_int_equal(ask(w, "GET", MAPS "/one", NULL), 200);
    assert_int_equal(owner_count(w), 0);
}

static void foreground_deletion_waits_for_blocking_dependents(void **state)
{
    struct world *w = *state;
    char a[40];
    make_device(w, "a", "{}");
    snprintf(a, sizeof(a), "%s", at(w, "metadata", "uid"));
    make_owned(w, "one", "a", a, NULL, NULL);
    ask(w, "PATCH", MAPS "/one", "{\"metadata\":{\"finalizers\":[\"t/x\"]}}");
    ask(w, "DELETE", DEVICES "/a?propagationPolicy=Foreground", NULL);
    assert_int_equal(w->status, 200);
    assert_non_null(strstr(w->text, "foregroundDeletion"));
    assert_int_equal(ask(w, "GET", DEVICES "/a", NULL), 200);
    assert_int_equal(ask(w, "GET", MAPS "/one", NULL), 200);
    assert_non_null(strstr(w->text, "deletionTimestamp"));
    ask(w, "PATCH", MAPS "/one", "{\"metadata\":{\"finalizers\":null}}");
    assert_int_equal(ask(w, "GET", MAPS "/one", NULL), 404);
    assert_int_equal(ask(w, "GET", DEVICES "/a", NULL), 404);
}

static void lists_come_in_pages(void **state)
{
    struct world *w = *state;
    for (char name[2] = "a"; name[0] <= 'e'; name[0]++) {
        make_device(w, name, "{}");
    }
    ask(w, "GET", DEVICES "?limit=2", NULL);
    assert_int_equal(json_array_size(json_object_get(w->body, "items")), 2);
    assert_int_equal(number_at(w, "metadata", "remainingItemCount"), 3);
    char target[512], version[32];
    snprintf(version, sizeof(version), "%s", at(w, "metadata", "resourceVersion"));
    char token[256];
    snprintf(token, sizeof(token), "%s", at(w, "metadata", "continue"));
    make_device(w, "z", "{}");
    ask(w, "DELETE", DEVICES "/d", NULL);
    ask(w, "PATCH", DEVICES "/e", "{\"metadata\":{\"labels\":{\"new\":\"1\"}}}");
    snprintf(target, sizeof(target), DEVICES "?limit=1&continue=%s", token);
    assert_int_equal(ask(w, "GET", target, NULL), 200);
    assert_int_equal(number_at(w, "metadata", "remainingItemCount"), 2);
    snprintf(target, sizeof(target), DEVICES "?limit=10&continue=%s", token);
    assert_int_equal(ask(w, "GET", target, NULL), 200);
    /* c, d, e as they were when the first page was made */
    assert_int_equal(json_array_size(json_object_get(w->body, "items")), 3);
    assert_non_null(strstr(w->text, "\"name\":\"d\""));
    assert_null(strstr(w->text, "\"new\""));
    assert_null(strstr(w->text, "\"name\":\"z\""));
    assert_string_equal(at(w, "metadata", "resourceVersion"), version);
    assert_string_equal(at(w, "metadata", "continue"), "");
    snprintf(target, sizeof(target), DEVICES "?continue=%s&resourceVersion=5", token);
    assert_int_equal(ask(w, "GET", target, NULL), 400);
    assert_int_equal(ask(w, "GET", DEVICES "?continue=nonsense", NULL), 400);
    snprintf(target, sizeof(target), DEVICES "?continue=%s", token);
    w->now_us += 299000000;
    wb_apiserver_compact(w->server);
    assert_int_equal(ask(w, "GET", target, NULL), 200);
    w->now_us += 2000000;
    wb_apiserver_compact(w->server);
    assert_int_equal(ask(w, "GET", target, NULL), 410);
    assert_string_equal(at(w, "reason", NULL), "Expired");
}

static void lists_select(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{\"k\":\"1\"}");
    make_device(w, "b", "{\"k\":\"2\"}");
    ask(w, "PATCH", DEVICES "/b/status", "{\"status\":{\"phase\":\"Connected\"}}");
    static const struct {
        const char *query;
        size_t count;
    } rows[] = {{"?labelSelector=k%3D1", 1},
                {"?labelSelector=k", 2},
                {"?labelSelector=k+notin+(1,2)", 0},
                {"?fieldSelector=metadata.name%3Da", 1},
                {"?fieldSelector=metadata.name%3Dnone", 0},
                {"?fieldSelector=metadata.name!%3Da", 1},
                {"?fieldSelector=metadata.namespace%3Dwasmbed", 2},
                {"?fieldSelector=status.phase%3DConnected", 1},
                {"?fieldSelector=status.phase%3DConnected,metadata.name%3Da", 0},
                {"?resourceVersion=0", 2}};
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        char target[256];
        snprintf(target, sizeof(target), "%s%s", DEVICES, rows[i].query);
        assert_int_equal(ask(w, "GET", target, NULL), 200);
        assert_int_equal(json_array_size(json_object_get(w->body, "items")), rows[i].count);
    }
    assert_int_equal(ask(w, "GET", DEVICES "?fieldSelector=spec.x%3D1", NULL), 400);
    assert_message(w, "field label not supported: spec.x");
    assert_int_equal(ask(w, "GET", DEVICES "?labelSelector=%21%21", NULL), 400);
    assert_int_equal(ask(w, "GET", DEVICES "?resourceVersion=x", NULL), 400);
    assert_int_equal(ask(w, "GET", DEVICES "?resourceVersion=99999", NULL), 504);
    assert_int_equal(ask(w, "GET", DEVICES "?resourceVersionMatch=Exact", NULL), 422);
    assert_int_equal(ask(w, "GET", DEVICES "?sendInitialEvents=true", NULL), 422);
    ask_as(w, "GET", DEVICES, NULL, TABLE, NULL, 0);
    assert_string_equal(at(w, "kind", NULL), "Table");
    assert_int_equal(json_array_size(json_object_get(w->body, "rows")), 2);
    ask_as(w, "GET", DEVICES, NULL,
           "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", NULL, 0);
    assert_string_equal(at(w, "kind", NULL), "PartialObjectMetadataList");
    assert_null(strstr(w->text, "\"deviceType\":"));
}

/* ---- watches ------------------------------------------------------------------------------ */

static void watches_show_changes_in_order(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{}");
    char target[256];
    snprintf(target, sizeof(target), DEVICES "?watch=1&resourceVersion=%llu",
             (unsigned long long)wb_apiserver_version(w->server));
    assert_int_equal(ask(w, "GET", target, NULL), 200);
    assert_null(line(w));
    assert_false(wb_apiserver_watch_is_behind(w->watch));
    make_device(w, "b", "{}");
    ask(w, "PATCH", DEVICES "/a", "{\"spec\":{\"approved\":true}}");
    ask(w, "POST", "/api/v1/namespaces/wasmbed/configmaps", "{\"metadata\":{\"name\":\"c\"}}");
    ask(w, "DELETE", DEVICES "/b", NULL);
    assert_true(wb_apiserver_watch_is_behind(w->watch));
    expect_line(w, "ADDED", "\"name\":\"b\"");
    expect_line(w, "MODIFIED", "\"name\":\"a\"");
    char version[64];
    snprintf(version, sizeof(version), "\"resourceVersion\":\"%llu\"",
             (unsigned long long)wb_apiserver_version(w->server));
    expect_line(w, "DELETED", version);
    assert_null(line(w));
}

static void watches_begin_with_what_is_there(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{}");
    ask(w, "GET", DEVICES "?watch=True&allowWatchBookmarks=1", NULL);
    expect_line(w, "ADDED", "\"name\":\"a\"");
    assert_null(line(w));
    w->now_us += 61 * 1000000ull;
    assert_true(wb_apiserver_watch_due_us(w->watch) <= w->now_us);
    expect_line(w, "BOOKMARK", "\"kind\":\"Device\"");
    assert_null(line(w));
    w->now_us += 3600 * 1000000ull;
    assert_string_equal(line(w), "END");
}

static void watch_lists_end_with_a_bookmark(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{}");
    assert_int_equal(
        ask(w, "GET", DEVICES "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true", NULL),
        422);
    assert_int_equal(ask(w, "GET", DEVICES "?watch=1&resourceVersionMatch=NotOlderThan", NULL),
                     422);
    assert_int_equal(ask(w, "GET", DEVICES "?watch=1&resourceVersion=x", NULL), 400);
    assert_int_equal(ask(w, "GET", DEVICES "?watch=1&resourceVersion=99999", NULL), 504);
    assert_int_equal(ask(w, "GET", DEVICES "?watch=1&fieldSelector=x%3Dy", NULL), 400);
    assert_int_equal(ask(w, "GET", DEVICES "/a?watch=1", NULL), 405);
    ask(w, "GET",
        DEVICES "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch="
                "NotOlderThan&resourceVersion=&timeoutSeconds=300",
        NULL);
    expect_line(w, "ADDED", "\"name\":\"a\"");
    expect_line(w, "BOOKMARK", "\"k8s.io/initial-events-end\":\"true\"");
    assert_null(line(w));
    w->now_us += 299 * 1000000ull;
    while (line(w)) {
    }
    w->now_us += 1000000ull;
    assert_string_equal(line(w), "END");
}

static void selections_are_entered_and_left(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{\"g\":\"1\"}");
    make_device(w, "b", "{\"g\":\"2\"}");
    ask(w, "GET", DEVICES "?watch=1&labelSelector=g%3D1", NULL);
    expect_line(w, "ADDED", "\"name\":\"a\"");
    assert_null(line(w));
    ask(w, "PATCH", DEVICES "/b", "{\"metadata\":{\"labels\":{\"g\":\"1\"}}}");
    expect_line(w, "ADDED", "\"name\":\"b\"");
    ask(w, "PATCH", DEVICES "/b", "{\"spec\":{\"approved\":true}}");
    expect_line(w, "MODIFIED", "\"name\":\"b\"");
    ask(w, "PATCH", DEVICES "/b", "{\"metadata\":{\"labels\":{\"g\":\"2\"}}}");
    /* the object as it was when it belonged to the selection, under the new version */
    char last[64];
    snprintf(last, sizeof(last), "\"resourceVersion\":\"%s\"",
             at(w, "metadata", "resourceVersion"));
    const char *left = line(w);
    assert_non_null(left);
    assert_int_equal(strncmp(left, "{\"type\":\"DELETED\"", 17), 0);
    assert_non_null(strstr(left, "\"g\":\"1\""));
    assert_non_null(strstr(left, last));
    ask(w, "DELETE", DEVICES "/b", NULL);
    assert_null(line(w));
    ask(w, "DELETE", DEVICES "/a", NULL);
    expect_line(w, "DELETED", "\"name\":\"a\"");
}

static void late_watches_read_history_or_expire(void **state)
{
    struct world *w = *state;
    make_device(w, "a", "{}");
    uint64_t start = wb_apiserver_version(w->server);
    for (unsigned i = 0; i < 150; i++) {
        char patch[64];
        snprintf(patch, sizeof(patch), "{\"metadata\":{\"labels\":{\"n\":\"%u\"}}}", i);
        ask(w, "PATCH", DEVICES "/a", patch);
    }
    char target[256];
    snprintf(target, sizeof(target), DEVICES "?watch=1&resourceVersion=%llu",
             (unsigned long long)start);
    ask(w, "GET", target, NULL);
    for (unsigned i = 0; i < 150; i++) {
        char part[32];
        snprintf(part, sizeof(part), "\"n\":\"%u\"", i);
        expect_line(w, "MODIFIED", part);
    }
    assert_null(line(w));
    wb_apiserver_watch_free(w->watch);
    w->watch = NULL;
    /* The ring still has them; the history in the database keeps 100. A new server has no ring. */
    wb_apiserver_compact(w->server);
}

static void too_old_watches_get_an_error_event(void **state)
{
    struct world *w = *state;
    char path[] = "/tmp/wb-apiserver-XXXXXX";
    assert_non_null(mkdtemp(path));
    char db[64], target[256];
    snprintf(db, sizeof(db), "%s/db", path);
    wb_apiserver_free(w->server);
    open_server(w, db);
    make_device(w, "a", "{}");
    for (unsigned i = 0; i < 150; i++) {
        char patch[64];
        snprintf(patch, sizeof(patch), "{\"metadata\":{\"labels\":{\"n\":\"%u\"}}}", i);
        ask(w, "PATCH", DEVICES "/a", patch);
    }
    wb_apiserver_compact(w->server);
    uint64_t version = wb_apiserver_version(w->server);
    wb_apiserver_free(w->server);
    open_server(w, db); /* everything survives, and the counter goes on */
    assert_int_equal(wb_apiserver_version(w->server), version);
    assert_int_equal(ask(w, "GET", DEVICES "/a", NULL), 200);
    snprintf(target, sizeof(target), DEVICES "?watch=1&resourceVersion=%llu",
             (unsigned long long)version - 50);
    ask(w, "GET", target, NULL);
    for (unsigned i = 100; i < 150; i++) { /* from the database */
        char part[32];
        snprintf(part, sizeof(part), "\"n\":\"%u\"", i);
        expect_line(w, "MODIFIED", part);
    }
    assert_null(line(w));
    wb_apiserver_watch_free(w->watch);
    w->watch = NULL;
    assert_int_equal(ask(w, "GET", DEVICES "?watch=1&resourceVersion=3", NULL), 200);
    expect_line(w, "ERROR", "\"reason\":\"Expired\"");
    assert_string_equal(line(w), "END");
    wb_apiserver_watch_free(w->watch);
    w->watch = NULL;
    wb_apiserver_free(w->server);
    char err[256];
    struct wb_apiserver_cfg cfg = {.db_path = path, .services = {test_now, test_random, w}};
    assert_null(wb_apiserver_new(&cfg, err, sizeof(err)));
    assert_non_null(strstr(err, "cannot open"));
    FILE *file = fopen(db, "r+b");
    assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
    char junk[8192];
    memset(junk, 0x5a, sizeof(junk));
    fwrite(junk, sizeof(junk), 1, file);
    fclose(file);
    cfg.db_path = db;
    assert_null(wb_apiserver_new(&cfg, err, sizeof(err)));
    open_server(w, ":memory:");
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

/* Objects change while their initial list is read in chunks: each appears once, and never goes
 * back. */
static void changes_during_the_initial_list_are_shown_once(void **state)
{
    struct world *w = *state;
    char name[16], target[128];
    for (unsigned i = 0; i < 450; i++) {
        snprintf(name, sizeof(name), "d%03u", i);
        make_device(w, name, "{\"n\":\"old\"}");
    }
    ask(w, "GET",
        DEVICES "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch="
                "NotOlderThan",
        NULL);
    expect_line(w, "ADDED", "d000"); /* the first chunk of 200 is read */
    ask(w, "PATCH", DEVICES "/d010", "{\"metadata\":{\"labels\":{\"n\":\"new\"}}}"); /* in it */
    ask(w, "PATCH", DEVICES "/d300",
        "{\"metadata\":{\"labels\":{\"n\":\"new\"}}}"); /* not yet read */
    ask(w, "DELETE", DEVICES "/d310", NULL);
    make_device(w, "d3005", "{\"n\":\"old\"}");
    for (unsigned i = 1; i < 450; i++) {
        if (i == 310) {
            continue;
        }
        snprintf(name, sizeof(name), "\"name\":\"d%03u\"", i);
        expect_line(w, "ADDED", name);
        if (i == 300) {
            expect_line(w, "ADDED", "\"name\":\"d3005\"");
        }
    }
    expect_line(w, "BOOKMARK", "initial-events-end");
    expect_line(w, "MODIFIED", "\"name\":\"d010\"");
    assert_null(line(w)); /* d300, d310, d3005 were shown as they are */
    snprintf(target, sizeof(target), "%s/d310", DEVICES);
    make_device(w, "d310", "{}");
    expect_line(w, "ADDED", "\"name\":\"d310\"");
    assert_null(line(w));
}

static void table_watches_name_columns_once(void **state)
{
    struct world *w = *state;
    ask_as(w, "GET", DEVICES "?watch=1&includeObject=None", NULL, TABLE, NULL, 0);
    make_device(w, "a", "{}");
    make_device(w, "b", "{}");
    expect_line(w, "ADDED", "\"columnDefinitions\":[{\"name\":\"Name\"");
    expect_line(w, "ADDED", "\"columnDefinitions\":null");
}

/* ---- users -------------------------------------------------------------------------------- */

static void users_get_what_their_role_allows(void **state)
{
    struct world *w = *state;
    make_device(w, "d", "{}");
    static const struct {
        const char *token, *method, *target;
        unsigned status;
    } rows[] = {
        {"Bearer wrong", "GET", DEVICES, 401},
        {"Bearer ", "GET", DEVICES, 401},
        {"Bearer admin-toke", "GET", DEVICES, 401},
        {"Bearer admin-tokenx", "GET", DEVICES, 401},
        {NULL, "GET", DEVICES, 403},
        {"Basic YTpi", "GET", DEVICES, 403},
        {NULL, "GET", "/healthz", 200},
        {NULL, "GET", "/version", 200},
        {NULL, "GET", "/openapi/v3", 403},
        {"Bearer none-token", "GET", DEVICES, 403},
        {"Bearer none-token", "GET", "/apis", 200},
        {"bearer view-token", "GET", DEVICES, 200},
        {"Bearer view-token", "GET", "/api/v1/secrets", 403},
        {"Bearer view-token", "DELETE", DEVICES "/d", 403},
        {"Bearer view-token", "PATCH", DEVICES "/d/status", 403},
        {"Bearer gw-token", "PATCH", DEVICES "/d/status", 200},
        {"Bearer gw-token", "POST", "/api/v1/namespaces", 403},
        {"Bearer gw-token", "GET", "/api/v1/secrets", 200},
        {"Bearer op-token", "PATCH", DEVICES "/d", 200},
        {"Bearer op-token", "POST", "/apis/coordination.k8s.io/v1/namespaces/wasmbed/leases", 403},
        {"Bearer admin-token", "DELETE", DEVICES "/d", 200},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        w->token = rows[i].token;
        unsigned status = ask(w, rows[i].method, rows[i].target, "{}");
        if (status != rows[i].status) {
            fail_msg("%s %s as %s: %u %s", rows[i].method, rows[i].target,
                     rows[i].token ? rows[i].token : "nobody", status, w->text);
        }
    }
    w->token = "Bearer view-token";
    ask(w, "DELETE", DEVICES "/d", NULL);
    assert_message(w, "devices.wasmbed.github.io \"d\" is forbidden: User \"eve\" cannot delete "
                      "resource \"devices\" in "
                      "API group \"wasmbed.github.io\" in the namespace \"wasmbed\"");
    ask(w, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"group\":\"wasmbed.github.io\","
        "\"resource\":\"devices\"}}}");
    assert_true(json_is_true(json_object_get(json_object_get(w->body, "status"), "allowed")));
    ask(w, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "{\"spec\":{\"resourceAttributes\":{\"verb\":\"*\",\"group\":\"*\",\"resource\":\"*\"}}}");
    assert_true(json_is_false(json_object_get(json_object_get(w->body, "status"), "allowed")));
}

static void users_have_a_rate(void **state)
{
    struct world *w = *state;
    w->token = "Bearer view-token";
    for (unsigned i = 0; i < 2 * WB_APISERVER_RATE_MAX; i++) {
        assert_int_equal(ask(w, "GET", "/version", NULL), 200);
    }
    assert_int_equal(ask(w, "GET", "/version", NULL), 429);
    w->token = "Bearer admin-token"; /* system:masters are free */
    assert_int_equal(ask(w, "GET", "/version", NULL), 200);
    w->token = "Bearer view-token";
    w->now_us += 1000000 / WB_APISERVER_RATE_MAX;
    assert_int_equal(ask(w, "GET", "/version", NULL), 200);
    assert_int_equal(ask(w, "GET", "/version", NULL), 429);
}

static void bad_tokens_files_are_refused(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"only-a-token", "token,user", ",user,1", "a,b,c\nbroken"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        char err[256] = "";
        struct wb_apiserver_cfg cfg = {
            .db_path = ":memory:", .tokens = bad[i], .services = {test_now, test_random, w}};
        assert_null(wb_apiserver_new(&cfg, err, sizeof(err)));
        assert_memory_equal(err, "tokens file", 11);
    }
    static const char *const crds[] = {"kind: Other", "kind: CustomResourceDefinition", "a: ["};
    for (size_t i = 0; i < WB_ARRAY_LEN(crds); i++) {
        char err[256] = "";
        struct wb_apiserver_cfg cfg = {.db_path = ":memory:",
                                       .crds = &crds[i],
                                       .crd_count = 1,
                                       .services = {test_now, test_random, w}};
        assert_null(wb_apiserver_new(&cfg, err, sizeof(err)));
        assert_memory_equal(err, "CRD 1: ", 7);
    }
}

/* ---- the rest ----------------------------------------------------------------------------- */

static void discovery_is_negotiated(void **state)
{
    struct world *w = *state;
    ask(w, "GET", "/apis", NULL);
    assert_string_equal(at(w, "kind", NULL), "APIGroupList");
    ask_as(w, "GET", "/apis", NULL,
           "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/"
           "json",
           NULL, 0);
    assert_string_equal(at(w, "kind", NULL), "APIGroupList");
    ask_as(w, "GET", "/apis", NULL,
           "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
           NULL, 0);
    assert_string_equal(at(w, "kind", NULL), "APIGroupDiscoveryList");
    assert_int_equal(ask(w, "GET", "/apis/wasmbed.github.io", NULL), 200);
    assert_int_equal(ask(w, "GET", "/apis/wasmbed.github.io/v1", NULL), 200);
    assert_int_equal(ask(w, "GET", "/apis/wasmbed.github.io/v2", NULL), 404);
    assert_int_equal(ask(w, "GET", "/apis/none", NULL), 404);
    assert_int_equal(ask(w, "GET", "/openapi/v3/apis/wasmbed.github.io/v1?hash=x", NULL), 200);
    assert_non_null(strstr(w->text, "fieldValidation"));
    static const char *const odd[] = {"",
                                      "/",
                                      "//",
                                      "/api/",
                                      "/api/v1/",
                                      "/apis/",
                                      "/apis//",
                                      "/nothing",
                                      "/apis/wasmbed.github.io/v1/namespaces//devices",
                                      "/apis/wasmbed.github.io/v1/namespaces/a/devices/b/status/c",
                                      "/apis/wasmbed.github.io/v1/namespaces/a/devices/b/c/d/e/f/g",
                                      "/api/v1/namespaces/a/namespaces/b"};
    for (size_t i = 0; i < WB_ARRAY_LEN(odd); i++) {
        assert_int_equal(ask(w, "GET", odd[i], NULL), 404);
    }
}

static void events_live_an_hour(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces/wasmbed/events",
                         "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Device\","
                         "\"name\":\"d\"},"
                         "\"reason\":\"R\"}"),
                     201);
    ask(w, "GET",
        "/api/v1/events?fieldSelector=involvedObject.kind%3DDevice,involvedObject.name%3Dd", NULL);
    assert_int_equal(json_array_size(json_object_get(w->body, "items")), 1);
    w->now_us += 3599 * 1000000ull;
    wb_apiserver_compact(w->server);
    assert_int_equal(ask(w, "GET", "/api/v1/namespaces/wasmbed/events/e", NULL), 200);
    w->now_us += 2 * 1000000ull;
    wb_apiserver_compact(w->server);
    assert_int_equal(ask(w, "GET", "/api/v1/namespaces/wasmbed/events/e", NULL), 404);
}

static void secrets_take_plain_text(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces/wasmbed/secrets",
                         "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"a\":\"b\"},\"data\":{"
                         "\"c\":\"ZA==\"}}"),
                     201);
    assert_string_equal(at(w, "data", "a"), "Yg==");
    assert_string_equal(at(w, "data", "c"), "ZA==");
    assert_string_equal(at(w, "type", NULL), "Opaque");
    assert_null(json_object_get(w->body, "stringData"));
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces/wasmbed/secrets",
                         "{\"metadata\":{\"name\":\"t\"},\"data\":{\"c\":\"%\"}}"),
                     422);
}

static void objects_have_a_limit(void **state)
{
    struct world *w = *state;
    size_t len = WB_APISERVER_OBJECT_MAX;
    char *body = malloc(len + 200);
    int head = sprintf(body, "{\"metadata\":{\"name\":\"large\"},\"data\":{\"a\":\"");
    memset(body + head, 'x', len);
    strcpy(body + head + len, "\"}}");
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces/wasmbed/configmaps", body), 413);
    assert_string_equal(at(w, "reason", NULL), "RequestEntityTooLarge");
    strcpy(body + head + len - 1000, "\"}}");
    assert_int_equal(ask(w, "POST", "/api/v1/namespaces/wasmbed/configmaps", body), 201);
    free(body);
}

/* ---- server-side apply -------------------------------------------------------------------- */

static unsigned apply(struct world *w, const char *query, const char *body)
{
    char target[256];
    snprintf(target, sizeof(target), DEVICES "/d?%s", query);
    return ask_as(w, "PATCH", target, "application/apply-patch+yaml", NULL, body, strlen(body));
}

#define HEAD "apiVersion: wasmbed.github.io/v1\nkind: Device\nmetadata:\n  name: d\n"

static void apply_owns_and_gives_up_fields(void **state)
{
    struct world *w = *state;
    assert_int_equal(apply(w, "fieldManager=one",
                           HEAD "  labels: {a: x, b: y}\nspec: {deviceId: d, deviceType: posix, "
                                "capabilities: [gpio, adc]}\n"),
                     201);
    uint64_t before = wb_apiserver_version(w->server);
    assert_int_equal(apply(w, "fieldManager=one",
                           HEAD "  labels: {a: x, b: y}\nspec: {deviceId: d, deviceType: posix, "
                                "capabilities: [gpio, adc]}\n"),
                     200);
    assert_int_equal(wb_apiserver_version(w->server), before);
    /* another manager adds to the set; the first gives up one item and one label */
    assert_int_equal(
        apply(w, "fieldManager=two", HEAD "  labels: {b: y}\nspec: {capabilities: [pwm]}\n"), 200);
    assert_int_equal(apply(w, "fieldManager=one",
                           HEAD "spec: {deviceId: d, deviceType: posix, capabilities: [gpio]}\n"),
                     200);
    json_t *capabilities = json_object_get(json_object_get(w->body, "spec"), "capabilities");
    assert_int_equal(json_array_size(capabilities), 2);
    json_t *labels = json_object_get(json_object_get(w->body, "metadata"), "labels");
    assert_int_equal(json_object_size(labels), 1);
    assert_string_equal(json_string_value(json_object_get(labels, "b")), "y");
    /* a conflict, then force */
    assert_int_equal(apply(w, "fieldManager=two", HEAD "spec: {deviceType: esp32}\n"), 409);
    assert_message(w, "Apply failed with 1 conflict: conflict with \"one\": .spec.deviceType");
    assert_int_equal(apply(w, "fieldManager=two&force=true", HEAD "spec: {deviceType: esp32}\n"),
                     200);
    assert_int_equal(apply(w, "fieldManager=one", HEAD "spec: {deviceId: d, deviceType: posix}\n"),
                     409);
    /* a plain write takes over */
    assert_int_equal(ask(w, "PATCH", DEVICES "/d", "{\"spec\":{\"deviceType\":\"cortex-m\"}}"),
                     200);
    assert_int_equal(apply(w, "fieldManager=two", HEAD "spec: {deviceType: esp32}\n"), 409);
    assert_message(w, "Apply failed with 1 conflict: conflict with \"test\" using "
                      "wasmbed.github.io/v1: .spec.deviceType");
    assert_int_equal(apply(w, "", HEAD "spec: {}\n"), 422);
    assert_int_equal(apply(w, "fieldManager=x", "a: ["), 400);
    assert_int_equal(apply(w, "fieldManager=x", "kind: Device"), 400);
    assert_int_equal(apply(w, "fieldManager=x", HEAD "spec: {deviceType: 7}\n"), 409);
    assert_int_equal(apply(w, "fieldManager=x&force=1", HEAD "spec: {deviceType: 7}\n"), 422);
}

static void apply_merges_map_lists_by_key(void **state)
{
    struct world *w = *state;
    static const char digest[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    make_device(w, "d", "{}");
    char body[1024];
    snprintf(body, sizeof(body),
             HEAD "spec: {applications: [{name: a, digest: '%s', revision: 1}]}\n", digest);
    assert_int_equal(apply(w, "fieldManager=one", body), 200);
    snprintf(body, sizeof(body),
             HEAD "spec: {applications: [{name: b, digest: '%s', revision: 1}]}\n", digest);
    assert_int_equal(apply(w, "fieldManager=two", body), 200);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(w->body, "spec"), "applications")), 2);
    assert_int_equal(apply(w, "fieldManager=one", HEAD), 200);
    json_t *left = json_object_get(json_object_get(w->body, "spec"), "applications");
    assert_int_equal(json_array_size(left), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(left, 0), "name")), "b");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(creates_and_reads),
        TEST(refuses_bad_creations),
        TEST(unknown_fields_warn_by_default),
        TEST(dry_runs_change_nothing),
        TEST(updates_follow_the_rules),
        TEST(deletion_waits_for_finalizers),
        TEST(collections_are_deleted_by_selector),
        TEST(namespaces_take_their_contents_along),
        TEST(lists_come_in_pages),
        TEST(dependents_go_with_their_last_owner),
        TEST(orphans_stay_and_forget_their_owner),
        TEST(foreground_deletion_waits_for_blocking_dependents),
        TEST(lists_select),
        TEST(watches_show_changes_in_order),
        TEST(watches_begin_with_what_is_there),
        TEST(watch_lists_end_with_a_bookmark),
        TEST(selections_are_entered_and_left),
        TEST(late_watches_read_history_or_expire),
        TEST(too_old_watches_get_an_error_event),
        TEST(changes_during_the_initial_list_are_shown_once),
        TEST(table_watches_name_columns_once),
        TEST(users_get_what_their_role_allows),
        TEST(users_have_a_rate),
        TEST(bad_tokens_files_are_refused),
        TEST(discovery_is_negotiated),
        TEST(events_live_an_hour),
        TEST(secrets_take_plain_text),
        TEST(objects_have_a_limit),
        TEST(apply_owns_and_gives_up_fields),
        TEST(apply_merges_map_lists_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
