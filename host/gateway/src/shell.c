/* SPDX-License-Identifier: AGPL-3.0-only */
/* Sockets, timers, the Kubernetes client and the HTTP servers around the core. It decides nothing:
 * inputs go into the core, run_actions() carries out what the core asks for. */
#include "wb_gateway.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway.h"
#include "http.h"
#include "wb_kube.h"
#include "wb_libcrypto.h"
#include "wb_net.h"
#include "wb_pki.h"

#define GATEWAY_VERSION   "0.1.0"
#define EMIT_CAP          16384u
#define GATEWAY_STATUS_MS 2000u /* Gateway.status is written at most so often */
#define TIMER_MS          250u
#define SESSIONS_MAX      1000u  /* until the Gateway says otherwise: spec.maxDevices */
#define HEARTBEAT_MS      30000u /* the same: spec.heartbeatInterval */

struct connection {
    struct shell *shell;
    struct wb_net_stream *stream;
    uint64_t session;
    struct connection *next, *previous;
};

struct shell {
    const struct wb_gateway_options *options;
    char name[64];
    char namespace[64];
    char endpoint[128];
    struct wb_net_loop *loop;
    struct wb_kube *kube;
    struct wb_kube_recorder *recorder;
    struct wb_kube_lease *lease;
    struct wb_kube_reflector *devices, *applications, *revisions, *gateways;
    struct wb_net_timer *timer;
    struct wb_net_listener *listener;
    struct wb_http_server *plain, *api;
    struct http *http;
    struct tokens tokens;
    struct wb_pki_identity identity;
    struct wb_pki_anchors anchors;
    struct wb_tls_cfg tls;
    struct gateway *gateway;
    struct connection *connections;
    struct status_write *writes;
    bool is_running_actions;
    bool is_gateway_write_running;
    bool is_gateway_written;
    wb_ms gateway_write_at;
    uint32_t told_connected;
    char *cert_pem, *key_pem;
    char started[WB_API_TIME_CAP];
};

struct status_write { /* in shell.writes while its answer has not come */
    struct shell *shell;
    struct status_write *next, *previous;
    char device[WB_PROTOCOL_NAME_MAX + 1];
};

static void run_actions(struct shell *sh);

static void log_line(const struct shell *sh, enum wb_protocol_log_level level, const char *event,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
static void log_line(const struct shell *sh, enum wb_protocol_log_level level, const char *event,
                     const char *format, ...)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};
    if (level == WB_PROTOCOL_LOG_DEBUG && !sh->options->verbose) {
        return;
    }
    char time[WB_API_TIME_CAP];
    wb_api_time_write(wb_net_unix_s(), time);
    char text[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s %s %s %s\n", time, words[level], event, text);
}

static wb_ms now_ms(const struct shell *sh)
{
    return wb_net_now_ms(sh->loop);
}

/* ---- connections -------------------------------------------------------------------------- */

static void connection_free(struct connection *c)
{
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        c->shell->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    free(c);
}

static struct connection *connection_find(const struct shell *sh, uint64_t session)
{
    struct connection *c = sh->connections;
    while (c != NULL && c->session != session) {
        c = c->next;
    }
    return c;
}

static size_t on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct connection *c = ctx;
    struct shell *sh = c->shell;
    size_t used = gateway_feed(sh->gateway, now_ms(sh), wb_net_unix_s(), c->session, bytes, len);
    run_actions(sh);
    return used;
}

static void on_drained(void *ctx);
static void on_stream_closed(void *ctx, enum wb_err err, const char *why)
{
    (void)err;
    struct connection *c = ctx;
    struct shell *sh = c->shell;
    gateway_closed(sh->gateway, now_ms(sh), c->session, why);
    connection_free(c);
    run_actions(sh);
}

static const struct wb_net_stream_handler handler = {
    .data = on_data, .drained = on_drained, .closed = on_stream_closed};

static void on_accepted(void *ctx, struct wb_net_stream *stream)
{
    struct shell *sh = ctx;
    struct connection *c = calloc(1, sizeof *c);
    uint64_t session = c == NULL ? 0
                                 : gateway_opened(sh->gateway, now_ms(sh), wb_net_unix_s(),
                                                  wb_net_stream_peer(stream));
    if (session == 0) {
        free(c);
        wb_net_stream_close(stream);
        return;
    }
    *c = (struct connection){
        .shell = sh, .stream = stream, .session = session, .next = sh->connections};
    if (c->next != NULL) {
        c->next->previous = c;
    }
    sh->connections = c;
    wb_net_stream_start(stream, &handler, c);
    run_actions(sh);
}

/* Sends what the session has, as far as the socket's queue takes it. */
static void flush(struct shell *sh, struct connection *c)
{
    static uint8_t buf[EMIT_CAP];
    while (wb_net_stream_queued(c->stream) < EMIT_CAP) {
        size_t len = gateway_emit(sh->gateway, now_ms(sh), c->session, buf, sizeof buf);
        if (len == 0) {
            break;
        }
        if (wb_net_stream_write(c->stream, buf, len) != WB_OK) {
            break; /* closed follows */
        }
    }
    wb_net_stream_resume(c->stream); /* what the engine did not take before, it may take now */
}

static void on_drained(void *ctx)
{
    struct connection *c = ctx;
    flush(c->shell, c);
    run_actions(c->shell);
}

/* ---- Kubernetes --------------------------------------------------------------------------- */

static void write_free(struct status_write *w)
{
    if (w->previous != NULL) {
        w->previous->next = w->next;
    } else {
        w->shell->writes = w->next;
    }
    if (w->next != NULL) {
        w->next->previous = w->previous;
    }
    free(w);
}

static void on_status_written(void *ctx, const struct wb_kube_result *result)
{
    struct status_write *w = ctx;
    struct shell *sh = w->shell;
    if (result->err != WB_OK) {
        log_line(sh, result->err == WB_ERR_STATE ? WB_PROTOCOL_LOG_DEBUG : WB_PROTOCOL_LOG_WARNING,
                 "status_not_written", "device=%s reason=\"%s\"", w->device, result->text);
    }
    gateway_status_done(sh->gateway, now_ms(sh), w->device,
                        result->err == WB_OK || result->err == WB_ERR_NOT_FOUND);
    write_free(w);
    run_actions(sh);
}

static void write_status(struct shell *sh, struct gateway_device *device)
{
    struct status_write *w = calloc(1, sizeof *w);
    json_t *patch = gateway_status_take(sh->gateway, now_ms(sh), wb_net_unix_s(), device);
    wb_kube_call call = 0;
    if (w != NULL) {
        *w = (struct status_write){.shell = sh, .next = sh->writes};
        if (w->next != NULL) {
            w->next->previous = w;
        }
        sh->writes = w;
        snprintf(w->device, sizeof w->device, "%s", device->api.meta.name);
        call = wb_kube_patch(sh->kube, &wb_kube_devices, sh->namespace, w->device, "status", patch,
                             on_status_written, w);
    }
    json_decref(patch);
    if (call == 0) {
        gateway_status_done(sh->gateway, now_ms(sh), device->api.meta.name, false);
        if (w != NULL) {
            write_free(w);
        }
    }
}

static void claim(struct shell *sh, const struct gateway_device *device)
{
    const char *label = wb_api_text_at(device->api.meta.labels, "", WB_API_LABEL_GATEWAY, NULL);
    if (strcmp(label, sh->name) == 0) {
        return;
    }
    json_t *patch =
        json_pack("{s:{s:{s:s}}}", "metadata", "labels", WB_API_LABEL_GATEWAY, sh->name);
    wb_kube_patch(sh->kube, &wb_kube_devices, sh->namespace, device->api.meta.name, NULL, patch,
                  NULL, NULL);
    json_decref(patch);
}

static void write_event(struct shell *sh, const struct gateway_device *device, bool is_warning,
                        const char *reason, const char *message)
{
    json_t *object =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "apiVersion", WB_API_GROUP_VERSION, "kind",
                  "Device", "metadata", "name", device->api.meta.name, "namespace",
                  device->api.meta.namespace, "uid", device->api.meta.uid);
    wb_kube_event(sh->recorder, object, is_warning, reason, message);
    json_decref(object);
}

static void on_gateway_written(void *ctx, const struct wb_kube_result *result)
{
    struct shell *sh = ctx;
    sh->is_gateway_write_running = false;
    sh->is_gateway_written = result->err == WB_OK;
    sh->gateway_write_at = now_ms(sh) + (result->err == WB_OK ? GATEWAY_STATUS_MS : 5000u);
    if (result->err == WB_ERR_NOT_FOUND) {
        log_line(sh, WB_PROTOCOL_LOG_DEBUG, "no_gateway_object", "gateway=%s", sh->name);
    }
}

/* Gateway.status: when it was never written, or the number of devices changed. */
static void write_gateway(struct shell *sh)
{
    uint32_t connected = gateway_connected(sh->gateway);
    if (sh->is_gateway_write_running || now_ms(sh) < sh->gateway_write_at ||
        (sh->is_gateway_written && sh->told_connected == connected)) {
        return;
    }
    json_t *conditions = json_array();
    wb_api_condition_set(conditions,
                         &(struct wb_api_condition){.type = WB_API_CONDITION_READY,
                                                    .status = WB_API_TRUE,
                                                    .reason = "Serving",
                                                    .message = "devices are served"},
                         0, wb_net_unix_s());
    /* A constant time keeps an unchanged condition unchanged. */
    json_object_set_new(json_array_get(conditions, 0), "lastTransitionTime",
                        json_string(sh->started));
    json_t *patch =
        json_pack("{s:{s:s, s:I, s:s, s:s, s:s, s:o}}", "status", "phase", "Ready",
                  "connectedDevices", (json_int_t)connected, "version", GATEWAY_VERSION, "endpoint",
                  sh->endpoint, "startedAt", sh->started, "conditions", conditions);
    sh->is_gateway_write_running = true;
    sh->told_connected = connected;
    if (wb_kube_patch(sh->kube, &wb_kube_gateways, sh->namespace, sh->name, "status", patch,
                      on_gateway_written, sh) == 0) {
        sh->is_gateway_write_running = false;
    }
    json_decref(patch);
}

static void on_device(void *ctx, enum wb_kube_change change, const json_t *object,
                      const json_t *old)
{
    (void)old;
    struct shell *sh = ctx;
    if (change == WB_KUBE_DELETED) {
        gateway_device_remove(sh->gateway, now_ms(sh),
                              wb_api_text_at(object, "", "metadata", "name", NULL));
    } else {
        gateway_device_put(sh->gateway, now_ms(sh), object);
    }
    run_actions(sh);
}

static void on_application(void *ctx, enum wb_kube_change change, const json_t *object,
                           const json_t *old)
{
    (void)old;
    struct shell *sh = ctx;
    if (change == WB_KUBE_DELETED) {
        gateway_application_remove(sh->gateway, now_ms(sh),
                                   wb_api_text_at(object, "", "metadata", "name", NULL));
    } else {
        gateway_application_put(sh->gateway, now_ms(sh), object);
    }
    run_actions(sh);
}

static void on_revision(void *ctx, enum wb_kube_change change, const json_t *object,
                        const json_t *old)
{
    (void)old;
    struct shell *sh = ctx;
    if (change == WB_KUBE_DELETED) {
        gateway_revision_remove(sh->gateway, now_ms(sh), object);
    } else {
        gateway_revision_put(sh->gateway, now_ms(sh), object);
    }
    run_actions(sh);
}

/* Our own Gateway object: how to work. Without one the defaults hold. */
static void on_gateway(void *ctx, enum wb_kube_change change, const json_t *object,
                       const json_t *old)
{
    (void)old;
    struct shell *sh = ctx;
    struct wb_api_gateway parsed;
    struct wb_api_problem problem = {0};
    if (change == WB_KUBE_DELETED) {
        sh->is_gateway_written = false;
        return;
    }
    if (wb_api_gateway_parse(&parsed, object, &problem) != WB_OK) {
        log_line(sh, WB_PROTOCOL_LOG_WARNING, "bad_gateway", "reason=\"%s\"", problem.text);
        return;
    }
    gateway_configure(sh->gateway, parsed.heartbeat_ms, parsed.devices_max);
    wb_api_gateway_deinit(&parsed);
    if (change == WB_KUBE_ADDED) {
        sh->is_gateway_written = false;
    }
}

static bool is_ready(void *ctx)
{
    struct shell *sh = ctx;
    return sh->listener != NULL;
}

/* The device port opens when the first lists are complete: before, every device would be a
 * stranger. */
static void on_synced(void *ctx)
{
    struct shell *sh = ctx;
    if (sh->listener != NULL || !wb_kube_reflector_is_synced(sh->devices) ||
        !wb_kube_reflector_is_synced(sh->applications) ||
        !wb_kube_reflector_is_synced(sh->revisions) || !wb_kube_reflector_is_synced(sh->gateways)) {
        return;
    }
    gateway_synced(sh->gateway, now_ms(sh));
    const char *host = sh->options->bind != NULL ? sh->options->bind : "0.0.0.0";
    uint16_t port = sh->options->tls_port != 0 ? sh->options->tls_port : 4423;
    char why[256];
    sh->listener = wb_net_listen(sh->loop, host, port, on_accepted, sh, why, sizeof why);
    if (sh->listener == NULL) {
        log_line(sh, WB_PROTOCOL_LOG_ERROR, "cannot_listen", "reason=\"%s\"", why);
        wb_net_loop_stop(sh->loop);
        return;
    }
    log_line(sh, WB_PROTOCOL_LOG_INFO, "serving", "gateway=%s devices=%s:%u known=%zu", sh->name,
             host, port, wb_kube_reflector_count(sh->devices));
    write_gateway(sh);
}

static void on_trouble(void *ctx, const char *text, wb_ms retry_ms)
{
    struct shell *sh = ctx;
    if (text == NULL) {
        log_line(sh, WB_PROTOCOL_LOG_INFO, "api_reachable", "server=%s", wb_kube_server(sh->kube));
        sh->is_gateway_written = false;
    } else {
        log_line(sh, WB_PROTOCOL_LOG_WARNING, "api_unreachable", "reason=\"%s\" retry_ms=%llu",
                 text, (unsigned long long)retry_ms);
    }
}

/* ---- actions ------------------------------------------------------------------------------ */

static void run_action(struct shell *sh, const struct gateway_action *a)
{
    struct connection *c = NULL;
    switch (a->type) {
    case GATEWAY_SEND:
        c = connection_find(sh, a->session);
        if (c != NULL) {
            flush(sh, c);
        }
        break;
    case GATEWAY_CLOSE:
        c = connection_find(sh, a->session);
        if (c != NULL) {
            wb_net_stream_end(c->stream);
            connection_free(c);
        }
        break;
    case GATEWAY_STATUS: write_status(sh, a->device); break;
    case GATEWAY_CLAIM: claim(sh, a->device); break;
    case GATEWAY_EVENT: write_event(sh, a->device, a->is_warning, a->word, a->text); break;
    case GATEWAY_LINE: http_line(sh->http, a->device, a->line); break;
    case GATEWAY_LOG:
        log_line(sh, (enum wb_protocol_log_level)a->level, a->word, "%s", a->text);
        break;
    }
}

static void run_actions(struct shell *sh)
{
    if (sh->is_running_actions) {
        return; /* the outer call goes on */
    }
    sh->is_running_actions = true;
    struct gateway_action action;
    while (gateway_next(sh->gateway, now_ms(sh), &action)) {
        run_action(sh, &action);
    }
    sh->is_running_actions = false;
}

static void on_http_changed(void *ctx)
{
    run_actions(ctx);
}

static void on_timer(void *ctx)
{
    struct shell *sh = ctx;
    gateway_tick(sh->gateway, now_ms(sh));
    run_actions(sh);
    if (sh->listener != NULL) {
        write_gateway(sh);
    }
}

/* ---- start and end ------------------------------------------------------------------------ */

static char *read_text(const char *path, char *err_text, size_t cap)
{
    FILE *file = fopen(path, "r");
    char *text = file != NULL ? calloc(1, 65536) : NULL;
    if (text == NULL || fread(text, 1, 65535, file) == 0) {
        snprintf(err_text, cap, "cannot read %s", path);
        free(text);
        text = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static enum wb_err load_identity(struct shell *sh, char *why, size_t cap)
{
    const struct wb_gateway_options *o = sh->options;
    if (o->cert == NULL || o->key == NULL || o->ca == NULL) {
        snprintf(why, cap, "--cert, --key and --ca are needed");
        return WB_ERR_VALUE;
    }
    wb_pki_err_text text;
    enum wb_err err = wb_pki_identity_load(&sh->identity, o->cert, o->key, text);
    if (err == WB_OK) {
        err = wb_pki_anchors_load(&sh->anchors, o->ca, text);
    }
    if (err != WB_OK) {
        snprintf(why, cap, "%s", text);
        return err;
    }
    static const char *const alpn[] = {WB_PROTOCOL_ALPN};
    sh->tls = (struct wb_tls_cfg){.role = WB_TLS_SERVER,
                                  .crypto = &wb_tls_crypto_libcrypto,
                                  .random = wb_pki_random,
                                  .credential = &sh->identity.credential,
                                  .anchors = sh->anchors.anchors,
                                  .anchor_count = sh->anchors.count,
                                  .require_client_certificate = true,
                                  .alpn = alpn,
                                  .alpn_count = 1,
                                  .handshake_timeout_ms = GATEWAY_HANDSHAKE_MS};
    return WB_OK;
}

static enum wb_err start_kube(struct shell *sh, char *why, size_t cap)
{
    struct wb_kube_config config = {0};
    WB_TRY(wb_kube_config_load(sh->options->kubeconfig, NULL, &config, why, cap));
    const char *namespace = sh->options->namespace != NULL ? sh->options->namespace
                            : config.namespace != NULL     ? config.namespace
                                                           : WB_API_NAMESPACE;
    snprintf(sh->namespace, sizeof sh->namespace, "%s", namespace);
    sh->kube = wb_kube_new(sh->loop, &config, "wasmbed-gateway");
    wb_kube_config_deinit(&config);
    if (sh->kube == NULL) {
        return WB_ERR_MEMORY;
    }
    sh->recorder = wb_kube_recorder_new(sh->kube, "wasmbed-gateway", sh->name);
    char holder[160];
    snprintf(holder, sizeof holder, "%s_%lld", sh->name, (long long)wb_net_unix_us());
    sh->lease = wb_kube_lease_new(sh->kube, &(struct wb_kube_lease_cfg){.namespace = sh->namespace,
                                                                        .name = sh->name,
                                                                        .holder = holder,
                                                                        .duration_s = 40});
    struct wb_kube_reflector_cfg cfg = {.resource = &wb_kube_devices,
                                        .namespace = sh->namespace,
                                        .changed = on_device,
                                        .synced = on_synced,
                                        .trouble = on_trouble,
                                        .ctx = sh};
    sh->devices = wb_kube_reflector_new(sh->kube, &cfg);
    cfg.resource = &wb_kube_applications;
    cfg.changed = on_application;
    cfg.trouble = NULL; /* one voice is enough */
    sh->applications = wb_kube_reflector_new(sh->kube, &cfg);
    cfg.resource = &wb_kube_configmaps;
    cfg.label_selector = WB_API_LABEL_REVISION;
    cfg.changed = on_revision;
    sh->revisions = wb_kube_reflector_new(sh->kube, &cfg);
    cfg.label_selector = NULL;
    char selector[96];
    snprintf(selector, sizeof selector, "metadata.name=%s", sh->name);
    cfg.resource = &wb_kube_gateways;
    cfg.field_selector = selector;
    cfg.changed = on_gateway;
    sh->gateways = wb_kube_reflector_new(sh->kube, &cfg);
    bool is_complete = sh->gateways != NULL && sh->devices != NULL && sh->applications != NULL &&
                       sh->revisions != NULL;
    return is_complete ? WB_OK : WB_ERR_MEMORY;
}

static enum wb_err start_http(struct shell *sh, char *why, size_t cap)
{
    const struct wb_gateway_options *o = sh->options;
    sh->http = http_new(&(struct http_cfg){.loop = sh->loop,
                                           .gateway = sh->gateway,
                                           .tokens = &sh->tokens,
                                           .is_ready = is_ready,
                                           .changed = on_http_changed,
                                           .ctx = sh});
    if (sh->http == NULL) {
        return WB_ERR_MEMORY;
    }
    struct wb_http_server_cfg cfg = {.host = o->http_bind,
                                     .port = o->http_port != 0 ? o->http_port : 8080,
                                     .request = http_request_plain,
                                     .ctx = sh->http};
    sh->plain = wb_http_server_new(sh->loop, &cfg, why, cap);
    if (sh->plain == NULL) {
        return WB_ERR_IO;
    }
    if (o->tokens == NULL) {
        return WB_OK;
    }
    WB_TRY(tokens_load(&sh->tokens, o->tokens, why, cap));
    sh->cert_pem = read_text(o->cert, why, cap);
    sh->key_pem = read_text(o->key, why, cap);
    if (sh->cert_pem == NULL || sh->key_pem == NULL) {
        return WB_ERR_IO;
    }
    cfg.port = o->https_port != 0 ? o->https_port : 8443;
    cfg.cert_pem = sh->cert_pem;
    cfg.key_pem = sh->key_pem;
    cfg.request = http_request_api;
    sh->api = wb_http_server_new(sh->loop, &cfg, why, cap);
    return sh->api != NULL ? WB_OK : WB_ERR_IO;
}

static enum wb_err start(struct shell *sh, char *why, size_t cap)
{
    const struct wb_gateway_options *o = sh->options;
    snprintf(sh->name, sizeof sh->name, "%s", o->name != NULL ? o->name : "gateway");
    if (o->endpoint != NULL) {
        snprintf(sh->endpoint, sizeof sh->endpoint, "%s", o->endpoint);
    } else {
        snprintf(sh->endpoint, sizeof sh->endpoint, "%s:%u", o->bind != NULL ? o->bind : "0.0.0.0",
                 o->tls_port != 0 ? o->tls_port : 4423);
    }
    wb_api_time_write(wb_net_unix_s(), sh->started);
    WB_TRY(load_identity(sh, why, cap));
    sh->loop = wb_net_loop_new();
    if (sh->loop == NULL) {
        return WB_ERR_MEMORY;
    }
    WB_TRY(wb_net_loop_signals(sh->loop, NULL, NULL));
    sh->gateway = gateway_new(&(struct gateway_cfg){.name = sh->name,
                                                    .namespace = sh->namespace,
                                                    .endpoint = sh->endpoint,
                                                    .version = GATEWAY_VERSION,
                                                    .tls = &sh->tls,
                                                    .sessions_max = SESSIONS_MAX,
                                                    .heartbeat_ms = HEARTBEAT_MS},
                              now_ms(sh));
    sh->timer = wb_net_timer_new(sh->loop, on_timer, sh);
    if (sh->gateway == NULL || sh->timer == NULL) {
        return WB_ERR_MEMORY;
    }
    wb_net_timer_start(sh->timer, TIMER_MS, TIMER_MS);
    WB_TRY(start_http(sh, why, cap));
    return start_kube(sh, why, cap);
}

static void stop(struct shell *sh)
{
    while (sh->connections != NULL) {
        struct connection *c = sh->connections;
        wb_net_stream_close(c->stream);
        connection_free(c);
    }
    wb_net_listener_free(sh->listener);
    wb_http_server_free(sh->plain);
    wb_http_server_free(sh->api);
    wb_kube_reflector_free(sh->devices);
    wb_kube_reflector_free(sh->applications);
    wb_kube_reflector_free(sh->revisions);
    wb_kube_reflector_free(sh->gateways);
    wb_kube_lease_free(sh->lease);
    wb_kube_recorder_free(sh->recorder);
    wb_kube_free(sh->kube);
    while (sh->writes != NULL) {
        write_free(sh->writes); /* their answers do not come any more */
    }
    wb_net_timer_free(sh->timer);
    http_free(sh->http);
    gateway_free(sh->gateway);
    wb_net_loop_free(sh->loop);
    wb_pki_identity_wipe(&sh->identity);
    free(sh->cert_pem);
    if (sh->key_pem != NULL) {
        wb_wipe(sh->key_pem, strlen(sh->key_pem));
        free(sh->key_pem);
    }
    wb_wipe(&sh->tokens, sizeof sh->tokens);
}

int wb_gateway_main(const struct wb_gateway_options *options)
{
    struct shell *sh = calloc(1, sizeof *sh);
    if (sh == NULL) {
        return 1;
    }
    sh->options = options;
    char why[WB_KUBE_ERR_CAP] = "";
    enum wb_err err = start(sh, why, sizeof why);
    int code = 0;
    if (err == WB_OK) {
        wb_net_loop_run(sh->loop);
        code = sh->listener == NULL ? 1 : 0;
        log_line(sh, WB_PROTOCOL_LOG_INFO, "stopped", "gateway=%s", sh->name);
    } else {
        fprintf(stderr, "wasmbed gateway: %s\n", why[0] != '\0' ? why : wb_err_str(err));
        code = 1;
    }
    stop(sh);
    free(sh);
    return code;
}
