/* SPDX-License-Identifier: AGPL-3.0-only */
/* client.c: requests. Each is a struct call in the client's list until its callback; apply and
 * modify are calls of several steps that keep their id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define CONNECTIONS_MAX 32u
#define TOKEN_READ_MS   60000u
#define MODIFY_ATTEMPTS 5u
#define MERGE_PATCH     "application/merge-patch+json"

struct call {
    wb_kube_call id;
    struct wb_kube *kube;
    struct call *next;
    struct call **link; /* what points here */
    struct wb_http_call *http;
    char *url; /* of the step that runs: path and query */
    bool may_be_text;
    /* The step's answer; NULL: it is the call's own. True: another step runs, the call goes on. */
    bool (*answered)(struct call *call, const struct wb_kube_result *result);
    wb_kube_done *done;
    void *ctx;
    /* apply and modify */
    char *path;
    char *patch_path;
    json_t *object;
    json_t *(*change)(void *ctx, const json_t *current);
    unsigned attempts;
    struct wb_kube_backoff backoff;
    struct wb_net_timer *timer;
};

static void start_get(void *ctx);

/* ---- the client ------------------------------------------------------------------------------ */

static void read_token(void *ctx)
{
    struct wb_kube *kube = ctx;
    char token[16384];
    FILE *file = fopen(kube->token_file, "rbe");
    if (file == NULL) {
        return; /* the old one may still do; a 401 will say so otherwise */
    }
    size_t len = fread(token, 1, sizeof token - 1, file);
    fclose(file);
    while (len > 0 && strchr(" \t\r\n", token[len - 1]) != NULL) {
        len--;
    }
    token[len] = '\0';
    if (len > 0) {
        wb_http_client_token(kube->http, token);
    }
    wb_wipe(token, sizeof token);
}

struct wb_kube *wb_kube_new(struct wb_net_loop *loop, const struct wb_kube_config *config,
                            const char *name)
{
    struct wb_kube *kube = calloc(1, sizeof *kube);
    if (kube == NULL) {
        return NULL;
    }
    kube->loop = loop;
    kube->next_id = 1;
    kube->random = wb_net_unix_us() ^ (uint64_t)(uintptr_t)kube;
    kube->server = strdup(config->server);
    kube->name = strdup(name);
    kube->http = wb_http_client_new(
        loop, &(struct wb_http_client_cfg){.base_url = config->server,
                                           .ca_pem = config->ca_pem,
                                           .client_cert_pem = config->client_cert_pem,
                                           .client_key_pem = config->client_key_pem,
                                           .bearer_token = config->token,
                                           .user_agent = name,
                                           .insecure = config->insecure,
                                           .connections_max = CONNECTIONS_MAX});
    if (config->token_file != NULL) {
        kube->token_file = strdup(config->token_file);
        kube->token_timer = wb_net_timer_new(loop, read_token, kube);
    }
    if (kube->server == NULL || kube->name == NULL || kube->http == NULL ||
        (config->token_file != NULL && (kube->token_file == NULL || kube->token_timer == NULL))) {
        wb_kube_free(kube);
        return NULL;
    }
    if (kube->token_timer != NULL) {
        wb_net_timer_start(kube->token_timer, TOKEN_READ_MS, TOKEN_READ_MS);
    }
    return kube;
}

/* Ends a call without callback. */
static void call_free(struct call *call)
{
    *call->link = call->next;
    if (call->next != NULL) {
        call->next->link = call->link;
    }
    wb_http_call_cancel(call->http);
    if (call->timer != NULL) {
        wb_net_timer_free(call->timer);
    }
    free(call->url);
    free(call->path);
    free(call->patch_path);
    json_decref(call->object);
    free(call);
}

void wb_kube_free(struct wb_kube *kube)
{
    if (kube == NULL) {
        return;
    }
    while (kube->calls != NULL) {
        call_free(kube->calls);
    }
    if (kube->token_timer != NULL) {
        wb_net_timer_free(kube->token_timer);
    }
    if (kube->http != NULL) {
        wb_http_client_free(kube->http);
    }
    free(kube->token_file);
    free(kube->server);
    free(kube->name);
    free(kube);
}

const char *wb_kube_server(const struct wb_kube *kube)
{
    return kube->server;
}

void wb_kube_cancel(struct wb_kube *kube, wb_kube_call id)
{
    for (struct call *call = kube->calls; call != NULL; call = call->next) {
        if (call->id == id) {
            call_free(call);
            return;
        }
    }
}

/* ---- one request ----------------------------------------------------------------------------- */

static struct call *call_new(struct wb_kube *kube, wb_kube_done *done, void *ctx)
{
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        return NULL;
    }
    call->id = kube->next_id++;
    call->kube = kube;
    call->done = done;
    call->ctx = ctx;
    call->link = &kube->calls;
    call->next = kube->calls;
    if (call->next != NULL) {
        call->next->link = &call->next;
    }
    kube->calls = call;
    return call;
}

/* The call ends before its callback, which may do anything: free the client, too. */
static void finish(struct call *call, const struct wb_kube_result *result)
{
    wb_kube_done *done = call->done;
    void *ctx = call->ctx;
    call_free(call);
    if (done != NULL) {
        done(ctx, result);
    }
}

static void http_done(void *ctx, const struct wb_http_result *http)
{
    struct call *call = ctx;
    char text[WB_KUBE_ERR_CAP];
    const char *retry = wb_http_call_header(call->http, "Retry-After");
    struct wb_kube_result result = {.status = http->status,
                                    .body = (const char *)http->body,
                                    .text = text,
                                    .reason = "",
                                    .retry_after_s =
                                        retry != NULL ? (unsigned)strtoul(retry, NULL, 10) : 0};
    call->http = NULL; /* gone when this returns */
    if (http->body_len > 0) {
        result.object = json_loadb((const char *)http->body, http->body_len, 0, NULL);
    }
    result.err = explain(call->kube, call->url, http, result.object, text, sizeof text);
    if (result.err != WB_OK) {
        result.reason = wb_api_text_at(result.object, "", "reason", NULL);
    } else if (!json_is_object(result.object) && !call->may_be_text) {
        result.err = WB_ERR_FORMAT;
        snprintf(text, sizeof text, "%s%.*s: the answer is not JSON: %.80s", call->kube->server,
                 (int)strcspn(call->url, "?"), call->url, result.body);
    }
    json_t *object = result.object;
    if (call->answered == NULL || !call->answered(call, &result)) {
        finish(call, &result);
    }
    json_decref(object);
}

/* Starts a step; takes url. False when memory is exhausted. */
static bool send_request(struct call *call, const char *method, char *url, const char *content_type,
                         const void *body, size_t body_len)
{
    static const struct wb_http_header accept = {"Accept", "application/json"};
    free(call->url);
    call->url = url;
    if (url == NULL) {
        return false;
    }
    call->http = wb_http_client_call(call->kube->http,
                                     &(struct wb_http_call_cfg){.method = method,
                                                                .url = url,
                                                                .headers = &accept,
                                                                .header_count = 1,
                                                                .content_type = content_type,
                                                                .body = body,
                                                                .body_len = body_len,
                                                                .body_max = WB_KUBE_ANSWER_MAX,
                                                                .done = http_done,
                                                                .ctx = call});
    return call->http != NULL;
}

static bool send_json(struct call *call, const char *method, char *url, const char *content_type,
                      const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    if (text == NULL) {
        free(url);
        return false;
    }
    bool ok = send_request(call, method, url, content_type, text, strlen(text));
    free(text);
    return ok;
}

static wb_kube_call started(struct call *call, bool ok)
{
    if (call == NULL) {
        return 0;
    }
    if (!ok) {
        call_free(call);
        return 0;
    }
    return call->id;
}

/* Path with ?fieldManager=, which says who wrote a field. */
static char *with_manager(const struct wb_kube *kube, char *path)
{
    struct text url = {.data = path, .len = path != NULL ? strlen(path) : 0};
    if (path != NULL) {
        text_add_query(&url, "fieldManager", kube->name);
    }
    return url.data;
}

wb_kube_call wb_kube_get(struct wb_kube *kube, const struct wb_kube_resource *resource,
                         const char *namespace, const char *name, wb_kube_done *done, void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    return started(call, call != NULL &&
                             send_request(call, "GET", path_of(resource, namespace, name, NULL),
                                          NULL, NULL, 0));
}

wb_kube_call wb_kube_list(struct wb_kube *kube, const struct wb_kube_resource *resource,
                          const char *namespace, const char *label_selector,
                          const char *field_selector, wb_kube_done *done, void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    struct text url = {.data = path_of(resource, namespace, NULL, NULL)};
    url.len = url.data != NULL ? strlen(url.data) : 0;
    if (label_selector != NULL) {
        text_add_query(&url, "labelSelector", label_selector);
    }
    if (field_selector != NULL) {
        text_add_query(&url, "fieldSelector", field_selector);
    }
    if (call == NULL) {
        free(url.data);
        return 0;
    }
    return started(call, send_request(call, "GET", url.data, NULL, NULL, 0));
}

wb_kube_call wb_kube_create(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const json_t *object, wb_kube_done *done,
                            void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    return started(call, call != NULL &&
                             send_json(call, "POST",
                                       with_manager(kube, path_of(resource, namespace, NULL, NULL)),
                                       NULL, object));
}

wb_kube_call wb_kube_update(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const char *subresource, const json_t *object,
                            wb_kube_done *done, void *ctx)
{
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    struct call *call = call_new(kube, done, ctx);
    return started(call, call != NULL && send_json(call, "PUT",
                                                   with_manager(kube, path_of(resource, namespace,
                                                                              name, subresource)),
                                                   NULL, object));
}

wb_kube_call wb_kube_patch(struct wb_kube *kube, const struct wb_kube_resource *resource,
                           const char *namespace, const char *name, const char *subresource,
                           const json_t *patch, wb_kube_done *done, void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    return started(call, call != NULL && send_json(call, "PATCH",
                                                   with_manager(kube, path_of(resource, namespace,
                                                                              name, subresource)),
                                                   MERGE_PATCH, patch));
}

wb_kube_call wb_kube_delete(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const char *name, wb_kube_done *done, void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    return started(call, call != NULL &&
                             send_request(call, "DELETE", path_of(resource, namespace, name, NULL),
                                          NULL, NULL, 0));
}

wb_kube_call wb_kube_raw(struct wb_kube *kube, const char *method, const char *path,
                         const char *content_type, const void *body, size_t body_len,
                         wb_kube_done *done, void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    if (call != NULL) {
        call->may_be_text = true;
    }
    return started(call, call != NULL && send_request(call, method, strdup(path), content_type,
                                                      body, body_len));
}

/* ---- apply: create, and patch what exists ---------------------------------------------------- */

static bool apply_created(struct call *call, const struct wb_kube_result *result)
{
    if (result->err != WB_ERR_EXISTS) {
        return false;
    }
    static const char *const parts[] = {"spec", "data", "stringData", "binaryData"};
    json_t *patch = json_object();
    json_t *meta = json_object();
    json_t *old = json_object_get(call->object, "metadata");
    json_object_set(meta, "labels", json_object_get(old, "labels"));
    json_object_set(meta, "annotations", json_object_get(old, "annotations"));
    json_object_set_new(patch, "metadata", meta);
    for (size_t i = 0; i < WB_ARRAY_LEN(parts); i++) {
        json_object_set(patch, parts[i], json_object_get(call->object, parts[i]));
    }
    call->answered = NULL;
    bool ok = send_json(call, "PATCH", with_manager(call->kube, strdup(call->patch_path)),
                        MERGE_PATCH, patch);
    json_decref(patch);
    return ok;
}

wb_kube_call wb_kube_apply(struct wb_kube *kube, const struct wb_kube_resource *resource,
                           const char *namespace, const json_t *object, wb_kube_done *done,
                           void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    if (call == NULL) {
        return 0;
    }
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    call->answered = apply_created;
    call->object = json_incref((json_t *)object);
    call->patch_path = path_of(resource, namespace, name, NULL);
    return started(call, call->patch_path != NULL &&
                             send_json(call, "POST",
                                       with_manager(kube, path_of(resource, namespace, NULL, NULL)),
                                       NULL, object));
}

/* ---- modify: read, change, write ------------------------------------------------------------- */

static void finish_without_memory(struct call *call)
{
    finish(call,
           &(struct wb_kube_result){
               .err = WB_ERR_MEMORY, .reason = "", .body = "", .text = wb_err_str(WB_ERR_MEMORY)});
}

static bool modify_written(struct call *call, const struct wb_kube_result *result)
{
    if (result->err != WB_ERR_STATE || ++call->attempts >= MODIFY_ATTEMPTS) {
        return false;
    }
    if (call->timer == NULL) {
        call->timer = wb_net_timer_new(call->kube->loop, start_get, call);
    }
    if (call->timer == NULL) {
        return false;
    }
    wb_net_timer_start(call->timer, wb_kube_backoff_next(&call->backoff), 0);
    return true;
}

static bool modify_read(struct call *call, const struct wb_kube_result *result)
{
    if (result->err != WB_OK) {
        return false;
    }
    json_t *patch = call->change(call->ctx, result->object);
    if (patch == NULL) {
        return false;
    }
    json_t *meta = json_object_get(patch, "metadata");
    if (meta == NULL) {
        meta = json_object();
        json_object_set_new(patch, "metadata", meta);
    }
    json_object_set(meta, "resourceVersion",
                    wb_api_at(result->object, "metadata", "resourceVersion", NULL));
    call->answered = modify_written;
    bool ok = send_json(call, "PATCH", with_manager(call->kube, strdup(call->patch_path)),
                        MERGE_PATCH, patch);
    json_decref(patch);
    if (!ok) {
        finish_without_memory(call);
    }
    return true;
}

static void start_get(void *ctx)
{
    struct call *call = ctx;
    call->answered = modify_read;
    if (!send_request(call, "GET", strdup(call->path), NULL, NULL, 0)) {
        finish_without_memory(call);
    }
}

wb_kube_call wb_kube_modify(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const char *name, const char *subresource,
                            json_t *(*change)(void *ctx, const json_t *current), wb_kube_done *done,
                            void *ctx)
{
    struct call *call = call_new(kube, done, ctx);
    if (call == NULL) {
        return 0;
    }
    call->answered = modify_read;
    call->change = change;
    call->path = path_of(resource, namespace, name, NULL);
    call->patch_path = path_of(resource, namespace, name, subresource);
    call->backoff =
        (struct wb_kube_backoff){.min_ms = 20, .max_ms = 500, .random = random_next(&kube->random)};
    return started(call, call->path != NULL && call->patch_path != NULL &&
                             send_request(call, "GET", strdup(call->path), NULL, NULL, 0));
}
