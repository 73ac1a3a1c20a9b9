/* SPDX-License-Identifier: AGPL-3.0-only */
/* The whole controller against a small API server that keeps objects as JSON, here in this thread;
 * the controller runs in another one. The server drops connections, refuses writes and forgets
 * history as told. */
#include "wb_test.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "wb_api.h"
#include "wb_controller.h"
#include "wb_http.h"

#define WATCHES_MAX 32

struct watch {
    struct server *server;
    struct wb_http_stream *stream; /* NULL: free */
    char plural[32];
};

struct server {
    struct wb_net_loop *loop;
    struct wb_http_server *http;
    struct wb_net_timer *alarm;
    uint16_t port;
    json_t *objects; /* "plural/name" -> object */
    uint64_t version;
    struct watch watches[WATCHES_MAX];
    unsigned conflicts_to_give; /* that many writes are refused with 409 */
    unsigned errors_to_give;    /* and that many with 500 */
    unsigned writes;
    unsigned events;
    pthread_t thread;
    char config[64];
    int exit_code;
};

static json_t *object_of(struct server *s, const char *plural, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "%s/%s", plural, name);
    return json_object_get(s->objects, key);
}

static void respond_json(struct wb_http_request *request, unsigned status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    wb_http_respond(request, &(struct wb_http_response){.status = status,
                                                        .content_type = "application/json",
                                                        .body = text,
                                                        .body_len = strlen(text),
                                                        .body_free = free});
}

static void tell(struct server *s, const char *plural, const char *type, const json_t *object)
{
    json_t *event = json_pack("{s:s, s:O}", "type", type, "object", object);
    char *text = json_dumps(event, JSON_COMPACT);
    json_decref(event);
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &s->watches[i];
        if (watch->stream != NULL && strcmp(watch->plural, plural) == 0) {
            assert_ok(wb_http_stream_write(watch->stream, text, strlen(text)));
            assert_ok(wb_http_stream_write(watch->stream, "\n", 1));
        }
    }
    free(text);
}

static void stamp(struct server *s, json_t *object)
{
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                        json_sprintf("%llu", (unsigned long long)++s->version));
}

/* Puts an object, as a user would with kubectl apply. */
static void put(struct server *s, const char *plural, const char *text)
{
    json_error_t error;
    json_t *object = json_loads(text, 0, &error);
    if (object == NULL) {
        fail_msg("%s: %s", error.text, text);
    }
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    bool is_new = object_of(s, plural, name) == NULL;
    char key[128];
    snprintf(key, sizeof key, "%s/%s", plural, name);
    stamp(s, object);
    json_object_set_new(s->objects, key, object);
    tell(s, plural, is_new ? "ADDED" : "MODIFIED", object);
}

static void take_out(struct server *s, const char *plural, const char *name)
{
    json_t *object = json_incref(object_of(s, plural, name));
    char key[128];
    snprintf(key, sizeof key, "%s/%s", plural, name);
    json_object_del(s->objects, key);
    stamp(s, object);
    tell(s, plural, "DELETED", object);
    json_decref(object);
}

static void merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)patch, key, value)
    {
        json_t *old = json_object_get(target, key);
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value) && json_is_object(old)) {
            merge(old, value);
        } else {
            json_object_set_new(target, key, json_deep_copy(value));
        }
    }
}

/* A device reports, through its gateway. */
static void report(struct server *s, const char *device, const char *status)
{
    json_t *object = object_of(s, "devices", device);
    json_t *json = json_loads(status, 0, NULL);
    assert_non_null(json);
    json_t *patch = json_pack("{s:o}", "status", json);
    merge(object, patch);
    json_decref(patch);
    stamp(s, object);
    tell(s, "devices", "MODIFIED", object);
}

static void respond_list(struct server *s, struct wb_http_request *request, const char *plural)
{
    json_t *items = json_array();
    const char *key;
    json_t *object;
    json_object_foreach(s->objects, key, object)
    {
        if (strncmp(key, plural, strlen(plural)) == 0 && key[strlen(plural)] == '/') {
            json_array_append(items, object);
        }
    }
    respond_json(request, 200,
                 json_pack("{s:{s:o}, s:o}", "metadata", "resourceVersion",
                           json_sprintf("%llu", (unsigned long long)s->version), "items", items));
}

static void watch_closed(void *ctx)
{
    ((struct watch *)ctx)->stream = NULL;
}

static void respond_watch(struct server *s, struct wb_http_request *request, const char *plural)
{
    const char *from = wb_http_query_find(wb_http_request_query(request), "resourceVersion");
    struct watch *watch = s->watches;
    while (watch->stream != NULL) {
        watch++;
        assert_true(watch < s->watches + WATCHES_MAX);
    }
    watch->server = s;
    snprintf(watch->plural, sizeof watch->plural, "%s", plural);
    watch->stream = wb_http_stream_open(
        request, &(struct wb_http_response){.status = 200, .content_type = "application/json"},
        watch_closed, watch);
    if (strtoull(from, NULL, 10) != s->version) { /* history is not this server's strength */
        static const char gone[] = "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":"
                                   "\"too old resource version\"}}\n";
        assert_ok(wb_http_stream_write(watch->stream, gone, strlen(gone)));
    }
}

static void respond_patch(struct server *s, struct wb_http_request *request, const char *plural,
                          const char *name)
{
    size_t len;
    const uint8_t *body = wb_http_request_body(request, &len);
    json_t *patch = json_loadb((const char *)body, len, 0, NULL);
    json_t *object = object_of(s, plural, name);
    const char *expected = wb_api_text_at(patch, NULL, "metadata", "resourceVersion", NULL);
    s->writes++;
    if (s->errors_to_give > 0) {
        s->errors_to_give--;
        wb_http_respond_text(request, 500, "boom");
    } else if (object == NULL) {
        respond_json(request, 404, json_pack("{s:s}", "reason", "NotFound"));
    } else if (s->conflicts_to_give > 0 ||
               (expected != NULL &&
                strcmp(expected, wb_api_text_at(object, "", "metadata", "resourceVersion", NULL)) !=
                    0)) {
        s->conflicts_to_give -= s->conflicts_to_give > 0;
        respond_json(request, 409, json_pack("{s:s}", "reason", "Conflict"));
    } else {
        merge(object, patch);
        json_incref(object);
        if (wb_api_at(object, "metadata", "deletionTimestamp", NULL) != NULL &&
            json_array_size(wb_api_at(object, "metadata", "finalizers", NULL)) == 0) {
            take_out(s, plural, name);
        } else {
            stamp(s, object);
            tell(s, plural, "MODIFIED", object);
        }
        respond_json(request, 200, object);
    }
    json_decref(patch);
}

static void respond_create(struct server *s, struct wb_http_request *request)
{
    size_t len;
    const uint8_t *body = wb_http_request_body(request, &len);
    char *text = strndup((const char *)body, len);
    json_t *object = json_loads(text, 0, NULL);
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    s->writes++;
    if (object_of(s, "configmaps", name) != NULL) {
        respond_json(request, 409, json_pack("{s:s}", "reason", "AlreadyExists"));
    } else {
        put(s, "configmaps", text);
        respond_json(request, 201, json_incref(object_of(s, "configmaps", name)));
    }
    json_decref(object);
    free(text);
}

static void request(void *ctx, struct wb_http_request *r)
{
    struct server *s = ctx;
    char plural[32] = "";
    char name[64] = "";
    const char *path = wb_http_request_path(r);
    const char *method = wb_http_request_method(r);
    if (strcmp(method, "DELETE") == 0 &&
        sscanf(path, "/api/v1/namespaces/n/%31[a-z]/%63[^/]", plural, name) == 2) {
        json_t *object = json_incref(object_of(s, plural, name));
        if (object != NULL) {
            take_out(s, plural, name);
        }
        respond_json(r, object != NULL ? 200 : 404, object != NULL ? object : json_object());
    } else if (strcmp(method, "GET") == 0 &&
               sscanf(path, "/api/v1/namespaces/n/%31[a-z]/%63[^/]", plural, name) == 2) {
        json_t *object = json_incref(object_of(s, plural, name));
        respond_json(r, object != NULL ? 200 : 404,
                     object != NULL ? object : json_pack("{s:s}", "reason", "NotFound"));
    } else if (strcmp(method, "POST") == 0 && strstr(path, "/configmaps") != NULL) {
        respond_create(s, r);
    } else if (strcmp(method, "POST") == 0) {
        s->events += strstr(path, "/events") != NULL;
        respond_json(r, 201, json_object());
    } else if (sscanf(path, "/apis/wasmbed.github.io/v1/namespaces/n/%31[a-z]/%63[^/]", plural,
                      name) == 2) {
        respond_patch(s, r, plural, name);
    } else if (sscanf(path, "/apis/wasmbed.github.io/v1/namespaces/n/%31[a-z]", plural) != 1 &&
               sscanf(path, "/api/v1/namespaces/n/%31[a-z]", plural) != 1 &&
               sscanf(path, "/apis/coordination.k8s.io/v1/namespaces/n/%31[a-z]", plural) != 1) {
        respond_json(r, 404, json_pack("{s:s}", "reason", "NotFound"));
    } else if (strstr(wb_http_request_query_text(r), "watch=true") != NULL) {
        respond_watch(s, r, plural);
    } else {
        respond_list(s, r, plural);
    }
}

static void alarm_rang(void *ctx)
{
    struct server *s = ctx;
    char *text = json_dumps(s->objects, JSON_INDENT(1));
    fail_msg("what the test waits for did not happen within 20 s; objects:\n%s", text);
}

static void listen_on(struct server *s, uint16_t port)
{
    char text[256];
    s->http = wb_http_server_new(
        s->loop, &(struct wb_http_server_cfg){.port = port, .request = request, .ctx = s}, text,
        sizeof text);
    if (s->http == NULL) {
        fail_msg("%s", text);
    }
    s->port = wb_http_server_port(s->http);
}

static void *run_controller(void *ctx)
{
    struct server *s = ctx;
    s->exit_code = wb_controller_main(&(struct wb_controller_options){
        .kubeconfig = s->config, .namespace = "n", .http_port = 0, .unreachable_rate = 5});
    return NULL;
}

static void open_server(struct server *s)
{
    memset(s, 0, sizeof *s);
    s->loop = wb_net_loop_new();
    s->objects = json_object();
    listen_on(s, 0);
    s->alarm = wb_net_timer_new(s->loop, alarm_rang, s);
    wb_net_timer_start(s->alarm, 20000, 0);
    snprintf(s->config, sizeof s->config, "/tmp/wb_controller_XXXXXX");
    FILE *file = fdopen(mkstemp(s->config), "w");
    fprintf(file,
            "current-context: m\ncontexts: [{name: m, context: {cluster: c}}]\n"
            "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%u'}}]\n",
            s->port);
    fclose(file);
}

static void start(struct server *s)
{
    assert_int_equal(pthread_create(&s->thread, NULL, run_controller, s), 0);
}

static void close_server(struct server *s)
{
    kill(getpid(), SIGTERM); /* the controller's loop is the one that listens */
    pthread_join(s->thread, NULL);
    assert_int_equal(s->exit_code, 0);
    unlink(s->config);
    wb_http_server_free(s->http);
    wb_net_timer_free(s->alarm);
    wb_net_loop_free(s->loop);
    json_decref(s->objects);
}

#define WAIT_FOR(s, condition)                                                                     \
    while (!(condition)) {                                                                         \
        wb_net_loop_turn((s)->loop, true);                                                         \
    }

#define DEVICE(name)                                                                               \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"generation\":1},\"spec\":{"        \
    "\"deviceId\":\"" name "\",\"deviceType\":\"posix\",\"approved\":true,\"publicKey\":{"         \
    "\"keyData\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}}"
#define APPLICATION(generation, module)                                                            \
    "{\"metadata\":{\"name\":\"hello\",\"namespace\":\"n\",\"generation\":" generation             \
    "},\"spec\":{\"wasmBinary\":\"" module "\",\"deviceSelector\":{}}}"
#define MODULE "AGFzbQEAAAA="
#define DIGEST "sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"
#define RUNNING(revision)                                                                          \
    "{\"phase\":\"Connected\",\"gateway\":{\"name\":\"gw0\"},\"applications\":[{\"name\":"         \
    "\"hello\",\"phase\":\"Running\",\"digest\":\"" DIGEST "\",\"revision\":" revision "}]}"

static size_t assigned(struct server *s, const char *device)
{
    return json_array_size(
        wb_api_at(object_of(s, "devices", device), "spec", "applications", NULL));
}

static bool has_phase(struct server *s, const char *plural, const char *name, const char *phase)
{
    return strcmp(wb_api_text_at(object_of(s, plural, name), "", "status", "phase", NULL), phase) ==
           0;
}

static void application_reaches_its_devices_and_leaves_them(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    put(&s, "devices", DEVICE("d0"));
    start(&s);
    WAIT_FOR(&s, has_phase(&s, "devices", "d0", "Enrolled"));
    put(&s, "applications", APPLICATION("1", MODULE));
    WAIT_FOR(&s, assigned(&s, "d0") == 1);
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "Deploying"));
    report(&s, "d0", RUNNING("1"));
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "Running"));
    put(&s, "devices", DEVICE("d1")); /* a new device that matches gets it at once */
    WAIT_FOR(&s, assigned(&s, "d1") == 1);
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "PartiallyRunning"));
    report(&s, "d1", RUNNING("1"));
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "Running"));
    take_out(&s, "applications", "hello");
    WAIT_FOR(&s, assigned(&s, "d0") == 0 && assigned(&s, "d1") == 0);
    assert_true(s.writes < 30); /* no write leads to another one for ever */
    assert_true(s.events >= 3);
    close_server(&s);
}

/* What kubectl delete does to an object with finalizers. */
static void mark_deleted(struct server *s, const char *plural, const char *name)
{
    json_t *object = object_of(s, plural, name);
    json_object_set_new(json_object_get(object, "metadata"), "deletionTimestamp",
                        json_string("2026-11-23T16:00:00Z"));
    stamp(s, object);
    tell(s, plural, "MODIFIED", object);
}

#define EMPTY "{\"phase\":\"Connected\",\"gateway\":{\"name\":\"gw0\"},\"applications\":[]}"

static void deletion_waits_for_connected_devices_only(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    put(&s, "devices", DEVICE("d0"));
    put(&s, "devices", DEVICE("d1"));
    start(&s);
    put(&s, "applications", APPLICATION("1", MODULE));
    WAIT_FOR(&s, assigned(&s, "d0") == 1 && assigned(&s, "d1") == 1);
    WAIT_FOR(&s, json_array_size(wb_api_at(object_of(&s, "applications", "hello"), "metadata",
                                           "finalizers", NULL)) == 1);
    report(&s, "d0", RUNNING("1"));
    report(&s, "d1", RUNNING("1"));
    report(&s, "d1", "{\"phase\":\"Disconnected\"}"); /* it never acknowledges */
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "PartiallyRunning"));
    assert_non_null(object_of(&s, "configmaps", "wasmbed.hello.r1"));
    mark_deleted(&s, "applications", "hello");
    WAIT_FOR(&s, assigned(&s, "d0") == 0 && assigned(&s, "d1") == 0);
    assert_non_null(object_of(&s, "applications", "hello")); /* d0 still reports it */
    report(&s, "d0", EMPTY);
    WAIT_FOR(&s, object_of(&s, "applications", "hello") == NULL);
    WAIT_FOR(&s, object_of(&s, "configmaps", "wasmbed.hello.r1") == NULL);
    close_server(&s);
}

static void conflicts_and_errors_are_outlasted(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    s.conflicts_to_give = 4;
    s.errors_to_give = 3;
    put(&s, "devices", DEVICE("d0"));
    put(&s, "applications", APPLICATION("1", MODULE));
    start(&s);
    WAIT_FOR(&s, assigned(&s, "d0") == 1);
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "Deploying"));
    close_server(&s);
}

static void restart_of_the_server_loses_nothing(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    put(&s, "devices", DEVICE("d0"));
    put(&s, "devices", DEVICE("d1"));
    put(&s, "applications", APPLICATION("1", MODULE));
    start(&s);
    WAIT_FOR(&s, assigned(&s, "d0") == 1 && assigned(&s, "d1") == 1);
    uint16_t port = s.port;
    wb_http_server_free(s.http);
    put(&s, "devices", DEVICE("d2")); /* nobody watches now */
    report(&s, "d0", RUNNING("1"));
    json_object_del(s.objects, "devices/d1");
    listen_on(&s, port);
    WAIT_FOR(&s, assigned(&s, "d2") == 1);
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "PartiallyRunning"));
    assert_int_equal(wb_api_integer_at(object_of(&s, "applications", "hello"), 0, "status",
                                       "counts", "target", NULL),
                     2);
    close_server(&s);
}

static void refused_version_keeps_the_old_one(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    put(&s, "devices", DEVICE("d0"));
    put(&s, "applications", APPLICATION("1", MODULE));
    start(&s);
    WAIT_FOR(&s, assigned(&s, "d0") == 1);
    report(&s, "d0", RUNNING("1"));
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "Running"));
    put(&s, "applications", APPLICATION("2", "*"));
    WAIT_FOR(&s, wb_api_condition_is(wb_api_at(object_of(&s, "applications", "hello"), "status",
                                               "conditions", NULL),
                                     "Accepted", WB_API_FALSE));
    assert_true(has_phase(&s, "applications", "hello", "Running"));
    json_t *entry =
        json_array_get(wb_api_at(object_of(&s, "devices", "d0"), "spec", "applications", NULL), 0);
    assert_int_equal(wb_api_integer_at(entry, 0, "revision", NULL), 1);
    put(&s, "applications", APPLICATION("3", MODULE)); /* the same as before: no new revision */
    WAIT_FOR(&s, wb_api_condition_is(wb_api_at(object_of(&s, "applications", "hello"), "status",
                                               "conditions", NULL),
                                     "Accepted", WB_API_TRUE));
    entry =
        json_array_get(wb_api_at(object_of(&s, "devices", "d0"), "spec", "applications", NULL), 0);
    assert_int_equal(wb_api_integer_at(entry, 0, "revision", NULL), 1);
    put(&s, "applications",
        "{\"metadata\":{\"name\":\"hello\",\"namespace\":\"n\",\"generation\":4},\"spec\":{"
        "\"wasmBinary\":\"" MODULE "\",\"deviceSelector\":{},\"config\":{\"args\":[\"x\"]}}}");
    WAIT_FOR(&s, wb_api_integer_at(json_array_get(wb_api_at(object_of(&s, "devices", "d0"), "spec",
                                                            "applications", NULL),
                                                  0),
                                   0, "revision", NULL) == 4);
    close_server(&s);
}

static const char *accepted_reason(struct server *s)
{
    const json_t *conditions =
        wb_api_at(object_of(s, "applications", "hello"), "status", "conditions", NULL);
    return wb_api_text_at(wb_api_condition_find(conditions, "Accepted"), "", "reason", NULL);
}

#define FROM(generation, key)                                                                      \
    "{\"metadata\":{\"name\":\"hello\",\"namespace\":\"n\",\"generation\":" generation             \
    "},\"spec\":{\"source\":{\"configMap\":{\"name\":\"modules\",\"key\":\"" key                   \
    "\"}},\"deviceSelector\":{}}}"

static void module_is_taken_from_a_config_map(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    put(&s, "devices", DEVICE("d0"));
    put(&s, "applications", FROM("1", "a.wasm"));
    start(&s);
    WAIT_FOR(&s, strcmp(accepted_reason(&s), "SourceNotFound") == 0);
    put(&s, "configmaps",
        "{\"metadata\":{\"name\":\"modules\",\"namespace\":\"n\"},\"binaryData\":{\"b.wasm\":"
        "\"" MODULE "\",\"c.wasm\":\"AAAA\"}}");
    put(&s, "applications", FROM("2", "none.wasm"));
    WAIT_FOR(&s, wb_api_integer_at(object_of(&s, "applications", "hello"), 0, "status",
                                   "observedGeneration", NULL) == 2);
    WAIT_FOR(&s, strcmp(accepted_reason(&s), "SourceNotFound") == 0);
    put(&s, "applications", FROM("3", "c.wasm"));
    WAIT_FOR(&s, strcmp(accepted_reason(&s), "InvalidModule") == 0);
    assert_int_equal(assigned(&s, "d0"), 0);
    put(&s, "applications", FROM("4", "b.wasm"));
    WAIT_FOR(&s, assigned(&s, "d0") == 1);
    json_t *entry =
        json_array_get(wb_api_at(object_of(&s, "devices", "d0"), "spec", "applications", NULL), 0);
    assert_string_equal(wb_api_text_at(entry, "", "digest", NULL), DIGEST);
    json_t *spec = json_loads(wb_api_text_at(object_of(&s, "configmaps", "wasmbed.hello.r4"), "",
                                             "data", "spec.json", NULL),
                              0, NULL);
    assert_string_equal(wb_api_text_at(spec, "", "wasmBinary", NULL), MODULE);
    json_decref(spec);
    take_out(&s, "configmaps", "modules"); /* not needed any more */
    report(&s, "d0", RUNNING("4"));
    WAIT_FOR(&s, has_phase(&s, "applications", "hello", "Running"));
    close_server(&s);
}

static void lost_gateway_makes_its_devices_unreachable(void **state)
{
    (void)state;
    struct server s;
    open_server(&s);
    put(&s, "devices", DEVICE("d0"));
    put(&s, "devices", DEVICE("d1"));
    put(&s, "gateways",
        "{\"metadata\":{\"name\":\"gw0\",\"namespace\":\"n\",\"generation\":1},"
        "\"spec\":{},\"status\":{\"phase\":\"Ready\"}}");
    put(&s, "leases",
        "{\"metadata\":{\"name\":\"gw0\",\"namespace\":\"n\"},\"spec\":{"
        "\"renewTime\":\"2026-11-23T16:00:00.000000Z\",\"leaseDurationSeconds\":1}}");
    report(&s, "d0", RUNNING("1"));
    start(&s);
    WAIT_FOR(&s, has_phase(&s, "devices", "d0", "Unreachable"));
    WAIT_FOR(&s, has_phase(&s, "gateways", "gw0", "Unreachable"));
    assert_true(has_phase(&s, "devices", "d1", "Enrolled"));
    close_server(&s);
}

static void start_without_configuration_fails_in_one_line(void **state)
{
    (void)state;
    assert_int_equal(wb_controller_main(&(struct wb_controller_options){
                         .kubeconfig = "/nowhere/config", .http_port = -1}),
                     1);
    struct server s; /* a port that is in use */
    open_server(&s);
    assert_int_equal(wb_controller_main(&(struct wb_controller_options){.kubeconfig = s.config,
                                                                        .http_port = s.port}),
                     1);
    start(&s);
    put(&s, "devices", DEVICE("d0"));
    WAIT_FOR(&s, has_phase(&s, "devices", "d0", "Enrolled"));
    close_server(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(application_reaches_its_devices_and_leaves_them),
        cmocka_unit_test(deletion_waits_for_connected_devices_only),
        cmocka_unit_test(conflicts_and_errors_are_outlasted),
        cmocka_unit_test(restart_of_the_server_loses_nothing),
        cmocka_unit_test(refused_version_keeps_the_old_one),
        cmocka_unit_test(module_is_taken_from_a_config_map),
        cmocka_unit_test(lost_gateway_makes_its_devices_unreachable),
        cmocka_unit_test(start_without_configuration_fails_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
