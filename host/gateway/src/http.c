/* SPDX-License-Identifier: AGPL-3.0-only */
/* Routes as a table; each handler answers its request. Logs are server-sent events of one JSON
 * object each. */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLLOWERS_MAX 64u

struct follower {
    struct http *http;
    struct wb_http_stream *stream;         /* NULL: free place */
    char device[WB_PROTOCOL_NAME_MAX + 1]; /* "": all */
    char app[WB_PROTOCOL_NAME_MAX + 1];    /* "": all */
};

struct http {
    struct http_cfg cfg;
    struct follower followers[FOLLOWERS_MAX];
};

struct http *http_new(const struct http_cfg *cfg)
{
    struct http *h = calloc(1, sizeof *h);
    if (h != NULL) {
        h->cfg = *cfg;
    }
    return h;
}

void http_free(struct http *h)
{
    free(h);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void answer_json(struct wb_http_request *request, unsigned status, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    if (text == NULL) {
        wb_http_respond_text(request, 500, "out of memory\n");
        return;
    }
    wb_http_respond(request, &(struct wb_http_response){.status = status,
                                                        .content_type = "application/json",
                                                        .body = text,
                                                        .body_len = strlen(text),
                                                        .body_free = free});
}

static void answer_problem(struct wb_http_request *request, unsigned status, const char *text)
{
    answer_json(request, status, json_pack("{s:i, s:s}", "status", (int)status, "error", text));
}

/* ---- health and metrics ------------------------------------------------------------------- */

static void get_health(struct http *h, struct wb_http_request *request, const char *rest)
{
    (void)rest;
    bool is_ready = h->cfg.is_ready(h->cfg.ctx);
    answer_json(request, 200,
                json_pack("{s:s, s:b, s:I}", "status", "ok", "ready", is_ready, "connectedDevices",
                          (json_int_t)gateway_connected(h->cfg.gateway)));
}

static void get_ready(struct http *h, struct wb_http_request *request, const char *rest)
{
    (void)rest;
    if (h->cfg.is_ready(h->cfg.ctx)) {
        wb_http_respond_text(request, 200, "ok\n");
    } else {
        wb_http_respond_text(request, 503, "waiting for the Kubernetes API\n");
    }
}

static void get_metrics(struct http *h, struct wb_http_request *request, const char *rest)
{
    (void)rest;
    char *text = gateway_metrics(h->cfg.gateway);
    if (text == NULL) {
        wb_http_respond_text(request, 500, "out of memory\n");
        return;
    }
    wb_http_respond(request, &(struct wb_http_response){.status = 200,
                                                        .content_type = "text/plain; version=0.0.4",
                                                        .body = text,
                                                        .body_len = strlen(text),
                                                        .body_free = free});
}

/* ---- devices ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    const struct gateway_device *const *x = a;
    const struct gateway_device *const *y = b;
    return strcmp((*x)->api.meta.name, (*y)->api.meta.name);
}

static void get_devices(struct http *h, struct wb_http_request *request, const char *rest)
{
    if (rest[0] != '\0') {
        struct gateway_device *device = gateway_device_find(h->cfg.gateway, rest);
        if (device == NULL) {
            answer_problem(request, 404, "no such device");
        } else {
            answer_json(request, 200, gateway_device_json(device));
        }
        return;
    }
    size_t count = 0;
    size_t cursor = 0;
    while (gateway_device_next(h->cfg.gateway, &cursor) != NULL) {
        count++;
    }
    struct gateway_device **all = calloc(count + 1, sizeof *all);
    if (all == NULL) {
        answer_problem(request, 500, "out of memory");
        return;
    }
    cursor = 0;
    for (size_t i = 0; i < count; i++) {
        all[i] = gateway_device_next(h->cfg.gateway, &cursor);
    }
    qsort(all, count, sizeof *all, by_name);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(items, gateway_device_json(all[i]));
    }
    free(all);
    answer_json(request, 200, json_pack("{s:o}", "items", items));
}

static void post_command(struct http *h, struct wb_http_request *request, const char *device)
{
    static const struct {
        const char *word;
        enum wb_protocol_action action;
    } words[] = {{"restart", WB_PROTOCOL_RESTART_DEVICE},
                 {"identify", WB_PROTOCOL_IDENTIFY},
                 {"restart-application", WB_PROTOCOL_RESTART_APP}};
    size_t len = 0;
    const uint8_t *body = wb_http_request_body(request, &len);
    json_t *object = json_loadb((const char *)body, len, 0, NULL);
    const char *word = wb_api_text_at(object, "", "command", NULL);
    const char *app = wb_api_text_at(object, "", "application", NULL);
    for (size_t i = 0; i < WB_ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) != 0) {
            continue;
        }
        if (words[i].action == WB_PROTOCOL_RESTART_APP &&
            !wb_protocol_is_name(wb_protocol_text(app))) {
            answer_problem(request, 400, "application: the name of an application is needed");
        } else {
            enum wb_err err = gateway_command(h->cfg.gateway, 0, device, words[i].action, app);
            if (err == WB_OK) {
                answer_json(request, 202, json_pack("{s:s}", "status", "sent"));
            } else if (err == WB_ERR_NOT_FOUND) {
                answer_problem(request, 404, "no such device");
            } else {
                answer_problem(request, 409,
                               err == WB_ERR_CLOSED ? "the device is not connected"
                                                    : wb_err_str(err));
            }
        }
        json_decref(object);
        h->cfg.changed(h->cfg.ctx);
        return;
    }
    json_decref(object);
    answer_problem(request, 400, "command: one of restart, identify, restart-application");
}

static void post_device(struct http *h, struct wb_http_request *request, const char *rest)
{
    char device[WB_PROTOCOL_NAME_MAX + 1];
    const char *slash = strchr(rest, '/');
    if (slash == NULL || strcmp(slash, "/command") != 0 || slash - rest >= (long)sizeof device) {
        answer_problem(request, 404, "POST /api/v1/devices/NAME/command");
        return;
    }
    snprintf(device, sizeof device, "%.*s", (int)(slash - rest), rest);
    post_command(h, request, device);
}

/* ---- topics ------------------------------------------------------------------------------- */

static void post_topic(struct http *h, struct wb_http_request *request, const char *topic)
{
    size_t len = 0;
    const uint8_t *body = wb_http_request_body(request, &len);
    if (topic[0] == '\0' || strlen(topic) > WB_PROTOCOL_TOPIC_MAX) {
        answer_problem(request, 400, "a topic has 1 to 127 bytes");
        return;
    }
    uint32_t receivers = gateway_publish(h->cfg.gateway, 0, topic, body, len);
    answer_json(request, 200, json_pack("{s:I}", "receivers", (json_int_t)receivers));
    h->cfg.changed(h->cfg.ctx);
}

/* ---- logs --------------------------------------------------------------------------------- */

static const char *const level_words[] = {"error", "warning", "info", "debug"};
_Static_assert(WB_ARRAY_LEN(level_words) == WB_PROTOCOL_LOG_LEVEL_COUNT, "a word a level");

/* "data: {…}\n\n" (free it). */
static char *line_event(const struct gateway_device *device, const struct gateway_line *line)
{
    char time[WB_API_TIME_CAP];
    wb_api_time_write((wb_unix_s)(line->unix_ms / 1000), time);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "time", time, "device", device->api.meta.name,
                  "application", line->app, "level",
                  level_words[line->level % WB_PROTOCOL_LOG_LEVEL_COUNT], "text", line->text);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text == NULL) {
        return NULL;
    }
    size_t cap = strlen(text) + 16;
    char *event = malloc(cap);
    if (event != NULL) {
        snprintf(event, cap, "data: %s\n\n", text);
    }
    free(text);
    return event;
}

static bool is_wanted(const struct follower *f, const struct gateway_device *device,
                      const struct gateway_line *line)
{
    return (f->device[0] == '\0' || strcmp(f->device, device->api.meta.name) == 0) &&
           (f->app[0] == '\0' || strcmp(f->app, line->app) == 0);
}

static void follower_closed(void *ctx)
{
    struct follower *f = ctx;
    f->stream = NULL;
}

static void send_line(struct follower *f, const struct gateway_device *device,
                      const struct gateway_line *line)
{
    char *event = is_wanted(f, device, line) ? line_event(device, line) : NULL;
    if (event != NULL && f->stream != NULL &&
        wb_http_stream_write(f->stream, event, strlen(event)) != WB_OK) {
        /* the reader is too slow: follower_closed() comes */
    }
    free(event);
}

void http_line(struct http *h, const struct gateway_device *device, const struct gateway_line *line)
{
    for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
        if (h->followers[i].stream != NULL) {
            send_line(&h->followers[i], device, line);
        }
    }
}

/* The last lines of a device that are kept, oldest first. */
static void send_past(struct follower *f, const struct gateway_device *device, uint64_t lines)
{
    uint64_t kept = device->line_count < GATEWAY_LOG_LINES ? device->line_count : GATEWAY_LOG_LINES;
    uint64_t count = lines < kept ? lines : kept;
    for (uint64_t n = device->line_count - count + 1; n <= device->line_count; n++) {
        const struct gateway_line *line = &device->lines[n % GATEWAY_LOG_LINES];
        if (line->text != NULL) {
            send_line(f, device, line);
        }
    }
}

static void get_logs(struct http *h, struct wb_http_request *request, const char *rest)
{
    const struct wb_http_query *query = wb_http_request_query(request);
    const char *app = wb_http_query_find(query, "application");
    const char *lines = wb_http_query_find(query, "lines");
    const char *follow = wb_http_query_find(query, "follow");
    struct follower *f = NULL;
    for (size_t i = 0; i < FOLLOWERS_MAX && f == NULL; i++) {
        f = h->followers[i].stream == NULL ? &h->followers[i] : NULL;
    }
    if (f == NULL) {
        answer_problem(request, 503, "too many readers follow logs");
        return;
    }
    if (rest[0] != '\0' && gateway_device_find(h->cfg.gateway, rest) == NULL) {
        answer_problem(request, 404, "no such device");
        return;
    }
    *f = (struct follower){.http = h};
    snprintf(f->device, sizeof f->device, "%s", rest);
    snprintf(f->app, sizeof f->app, "%s", app != NULL ? app : "");
    uint64_t count = lines != NULL ? strtoull(lines, NULL, 10) : GATEWAY_LOG_LINES;
    f->stream = wb_http_stream_open(
        request, &(struct wb_http_response){.status = 200, .content_type = "text/event-stream"},
        follower_closed, f);
    size_t cursor = 0;
    for (struct gateway_device *d; (d = gateway_device_next(h->cfg.gateway, &cursor)) != NULL;) {
        send_past(f, d, count);
    }
    if (follow == NULL || strcmp(follow, "false") == 0) {
        wb_http_stream_close(f->stream);
        f->stream = NULL;
    }
}

/* ---- routes ------------------------------------------------------------------------------- */

static void get_openapi(struct http *h, struct wb_http_request *request, const char *rest);

/* OpenAPI objects as JSON text, in the words of docs/API.md. */
#define JSON_ANSWER(status, words) "\"" status "\":{\"description\":\"" words "\"}"
#define COMMAND_BODY                                                                               \
    "{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","       \
    "\"required\":[\"command\"],\"properties\":{\"command\":{\"enum\":[\"restart\",\"identify\","  \
    "\"restart-application\"]},\"application\":{\"type\":\"string\"}}}}}}"
#define ANY_BODY "{\"content\":{\"application/octet-stream\":{\"schema\":{\"type\":\"string\"}}}}"
#define QUERY(name, type, words)                                                                   \
    "{\"name\":\"" name "\",\"in\":\"query\",\"description\":\"" words                             \
    "\",\"schema\":{\"type\":\"" type "\"}}"
#define LOG_QUERY                                                                                  \
    "[" QUERY("application", "string", "only lines of this application") "," QUERY(                \
        "lines", "integer",                                                                        \
        "past lines of each device, 64 at most") "," QUERY("follow", "boolean",                    \
                                                           "go on with new lines") "]"

/* One row is a request and its description; get_openapi() writes the latter down. */
static const struct route {
    const char *method;
    const char *path; /* ends with '/': the rest of the path goes to the handler */
    bool is_public;
    bool is_write;
    void (*handle)(struct http *h, struct wb_http_request *request, const char *rest);
    const char *template; /* of OpenAPI: the path with {parameters} */
    const char *summary;
    const char *answers;    /* members of "responses" */
    const char *parameters; /* list, besides those of the template; NULL: none */
    const char *body;       /* NULL: none */
} routes[] = {
    {"GET", "/health", true, false, get_health, "/health", "Whether the process lives",
     JSON_ANSWER("200", "status, ready, connectedDevices"), NULL, NULL},
    {"GET", "/healthz", true, false, get_health, "/healthz", "The same by its usual name",
     JSON_ANSWER("200", "status, ready, connectedDevices"), NULL, NULL},
    {"GET", "/readyz", true, false, get_ready, "/readyz", "Whether devices are served",
     JSON_ANSWER("200", "ready") "," JSON_ANSWER("503", "waiting for the Kubernetes API"), NULL,
     NULL},
    {"GET", "/metrics", true, false, get_metrics, "/metrics", "Metrics for Prometheus",
     JSON_ANSWER("200", "text exposition format 0.0.4"), NULL, NULL},
    {"GET", "/api/v1/openapi.json", false, false, get_openapi, "/api/v1/openapi.json",
     "This description", JSON_ANSWER("200", "OpenAPI 3.1"), NULL, NULL},
    {"GET", "/api/v1/devices", false, false, get_devices, "/api/v1/devices", "All devices, live",
     JSON_ANSWER("200", "items: a list of devices"), NULL, NULL},
    {"GET", "/api/v1/devices/", false, false, get_devices, "/api/v1/devices/{device}",
     "One device, live: phase, applications, resources, metrics",
     JSON_ANSWER("200", "the device") "," JSON_ANSWER("404", "no such device"), NULL, NULL},
    {"POST", "/api/v1/devices/", false, true, post_device, "/api/v1/devices/{device}/command",
     "Sends a command to a connected device",
     JSON_ANSWER("202", "sent") "," JSON_ANSWER("400", "no such command") "," JSON_ANSWER(
         "404", "no such device") "," JSON_ANSWER("409", "the device is not connected"),
     NULL, COMMAND_BODY},
    {"GET", "/api/v1/logs", false, false, get_logs, "/api/v1/logs", "Lines of all devices",
     JSON_ANSWER("200", "server-sent events: time, device, application, level, text"), LOG_QUERY,
     NULL},
    {"GET", "/api/v1/logs/", false, false, get_logs, "/api/v1/logs/{device}", "Lines of one device",
     JSON_ANSWER(
         "200",
         "server-sent events: time, device, application, level, text") "," JSON_ANSWER("404",
                                                                                       "no such "
                                                                                       "device"),
     LOG_QUERY, NULL},
    {"POST", "/api/v1/topics/", false, true, post_topic, "/api/v1/topics/{topic}",
     "Publishes to the applications that subscribe to the topic",
     JSON_ANSWER("200", "receivers: their number") "," JSON_ANSWER("400", "no usable topic"), NULL,
     ANY_BODY},
};

static const struct route *route_find(const char *method, const char *path, const char **rest,
                                      bool *is_path_known)
{
    *is_path_known = false;
    for (size_t i = 0; i < WB_ARRAY_LEN(routes); i++) {
        size_t len = strlen(routes[i].path);
        bool is_prefix = routes[i].path[len - 1] == '/';
        if (strncmp(path, routes[i].path, len) != 0 || (!is_prefix && path[len] != '\0')) {
            continue;
        }
        *is_path_known = true;
        if (strcmp(method, routes[i].method) == 0) {
            *rest = path + len;
            return &routes[i];
        }
    }
    return NULL;
}

/* ---- the description ---------------------------------------------------------------------- */

/* The template's {parameters}, then those of the row. */
static json_t *parameters_of(const struct route *route)
{
    json_t *list = route->parameters != NULL ? json_loads(route->parameters, 0, NULL) : NULL;
    list = list != NULL ? list : json_array();
    const char *open = strchr(route->template, '{');
    const char *close = open != NULL ? strchr(open, '}') : NULL;
    if (close != NULL) {
        json_array_insert_new(list, 0,
                              json_pack("{s:s#, s:s, s:b, s:{s:s}}", "name", open + 1,
                                        (int)(close - open - 1), "in", "path", "required", 1,
                                        "schema", "type", "string"));
    }
    return list;
}

static json_t *responses_of(const struct route *route)
{
    char text[1024];
    snprintf(text, sizeof text, "{%s%s%s}", route->answers,
             route->is_public ? "" : "," JSON_ANSWER("401", "a known bearer token is needed"),
             route->is_write ? "," JSON_ANSWER("403", "this token may only read") : "");
    json_t *responses = json_loads(text, 0, NULL);
    const char *status;
    json_t *response;
    json_object_foreach(responses, status, response)
    {
        if (status[0] >= '4') {
            json_object_set_new(response, "content",
                                json_pack("{s:{s:{s:s}}}", "application/json", "schema", "$ref",
                                          "#/components/schemas/Error"));
        }
    }
    return responses;
}

json_t *http_openapi(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < WB_ARRAY_LEN(routes); i++) {
        const struct route *route = &routes[i];
        bool is_get = strcmp(route->method, "GET") == 0;
        json_t *operation = json_pack("{s:s, s:o, s:o}", "summary", route->summary, "parameters",
                                      parameters_of(route), "responses", responses_of(route));
        if (route->body != NULL) {
            json_object_set_new(operation, "requestBody", json_loads(route->body, 0, NULL));
        }
        if (route->is_public) {
            json_object_set_new(operation, "security", json_array());
        }
        json_t *item = json_object_get(paths, route->template);
        if (item == NULL) {
            item = json_object();
            json_object_set_new(paths, route->template, item);
        }
        json_object_set_new(item, is_get ? "get" : "post", operation);
    }
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:[{s:[]}], s:o, s:{s:{s:{s:s, s:s}}, s:{s:{s:s, s:{s:{s:s}, "
        "s:{s:s}}}}}}",
        "openapi", "3.1.0", "info", "title", "Wasmbed gateway", "version", "v1", "description",
        "Live state, logs and commands of the devices that this gateway knows. Objects are "
        "managed through the Kubernetes API.",
        "security", "token", "paths", paths, "components", "securitySchemes", "token", "type",
        "http", "scheme", "bearer", "schemas", "Error", "type", "object", "properties", "status",
        "type", "integer", "error", "type", "string");
}

static void get_openapi(struct http *h, struct wb_http_request *request, const char *rest)
{
    (void)h;
    (void)rest;
    answer_json(request, 200, http_openapi());
}

bool http_route_at(size_t index, const char **method, const char **path, const char **template)
{
    if (index >= WB_ARRAY_LEN(routes)) {
        return false;
    }
    *method = routes[index].method;
    *path = routes[index].path;
    *template = routes[index].template;
    return true;
}

static void request_any(struct http *h, struct wb_http_request *request, bool is_plain)
{
    const char *rest = "";
    bool is_path_known = false;
    const struct route *route = route_find(wb_http_request_method(request),
                                           wb_http_request_path(request), &rest, &is_path_known);
    if (route == NULL || (is_plain && !route->is_public)) {
        answer_problem(request, is_path_known && !is_plain ? 405 : 404,
                       is_plain ? "only /health, /readyz and /metrics are served without TLS"
                                : "no such resource; see docs/API.md");
        return;
    }
    if (!route->is_public) {
        const struct token *token =
            tokens_find(h->cfg.tokens, wb_http_request_header(request, "Authorization"));
        if (token == NULL) {
            answer_problem(request, 401, "a known bearer token is needed");
            return;
        }
        if (route->is_write && !token->can_write) {
            answer_problem(request, 403, "this token may only read");
            return;
        }
    }
    route->handle(h, request, rest);
}

void http_request_plain(void *ctx, struct wb_http_request *request)
{
    request_any(ctx, request, true);
}

void http_request_api(void *ctx, struct wb_http_request *request)
{
    request_any(ctx, request, false);
}
