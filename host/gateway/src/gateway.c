/* SPDX-License-Identifier: AGPL-3.0-only */
/* Devices and applications as the API has them, the queue of actions, and time. Read gateway.h
 * first, then session.c for the life of a connection. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wb_crypto.h"

#define TICK_MS 250u

struct gateway *gateway_new(const struct gateway_cfg *cfg, wb_ms now)
{
    struct gateway *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return NULL;
    }
    g->cfg = *cfg;
    g->started = now;
    g->generation = (uint64_t)now + 1;
    return g;
}

void gateway_configure(struct gateway *g, wb_ms heartbeat_ms, uint32_t sessions_max)
{
    g->cfg.heartbeat_ms = heartbeat_ms;
    g->cfg.sessions_max = sessions_max;
}

static void line_deinit(struct gateway_line *line)
{
    free(line->text);
    *line = (struct gateway_line){0};
}

static void device_free(struct gateway_device *device)
{
    wb_api_device_deinit(&device->api);
    json_decref(device->conditions);
    runs_free(device);
    for (size_t i = 0; i < GATEWAY_LOG_LINES; i++) {
        line_deinit(&device->lines[i]);
    }
    free(device);
}

void application_free(struct gateway_application *app)
{
    if (app == NULL) {
        return;
    }
    wb_api_application_deinit(&app->api);
    free(app->module);
    free(app->signature);
    free(app);
}

void gateway_free(struct gateway *g)
{
    if (g == NULL) {
        return;
    }
    size_t cursor = 0;
    for (struct gateway_session *s; (s = table_next(&g->sessions, &cursor)) != NULL;) {
        session_free(g, s);
    }
    cursor = 0;
    for (struct gateway_device *d; (d = table_next(&g->devices, &cursor)) != NULL;) {
        device_free(d);
    }
    cursor = 0;
    for (struct gateway_application *a; (a = table_next(&g->applications, &cursor)) != NULL;) {
        application_free(a);
    }
    cursor = 0;
    for (struct gateway_application *a; (a = table_next(&g->revisions, &cursor)) != NULL;) {
        application_free(a);
    }
    for (size_t i = 0; i < g->action_count; i++) {
        free(g->actions[(g->action_at + i) % g->action_cap].text);
    }
    free(g->actions);
    table_deinit(&g->sessions);
    table_deinit(&g->devices);
    table_deinit(&g->device_ids);
    table_deinit(&g->applications);
    table_deinit(&g->revisions);
    free(g);
}

/* ---- actions ------------------------------------------------------------------------------ */

static struct queued_action *action_add(struct gateway *g)
{
    if (g->action_count == g->action_cap) {
        size_t cap = g->action_cap == 0 ? 64 : g->action_cap * 2;
        struct queued_action *next = calloc(cap, sizeof *next);
        if (next == NULL) {
            return NULL;
        }
        for (size_t i = 0; i < g->action_count; i++) {
            next[i] = g->actions[(g->action_at + i) % g->action_cap];
        }
        free(g->actions);
        g->actions = next;
        g->action_cap = cap;
        g->action_at = 0;
    }
    struct queued_action *a = &g->actions[(g->action_at + g->action_count++) % g->action_cap];
    *a = (struct queued_action){0};
    return a;
}

void act(struct gateway *g, enum gateway_action_type type, uint64_t session, const char *device)
{
    struct queued_action *a = action_add(g);
    if (a != NULL) {
        a->type = type;
        a->session = session;
        snprintf(a->device, sizeof a->device, "%s", device != NULL ? device : "");
    }
}

static char *format_text(const char *format, va_list arguments)
{
    char text[448];
    vsnprintf(text, sizeof text, format, arguments);
    return strdup(text);
}

void act_log(struct gateway *g, enum wb_protocol_log_level level, const char *event,
             const char *format, ...)
{
    struct queued_action *a = action_add(g);
    if (a != NULL) {
        va_list arguments;
        va_start(arguments, format);
        a->type = GATEWAY_LOG;
        a->level = level;
        snprintf(a->word, sizeof a->word, "%s", event);
        a->text = format_text(format, arguments);
        va_end(arguments);
    }
}

void act_event(struct gateway *g, const char *device, bool is_warning, const char *reason,
               const char *format, ...)
{
    struct queued_action *a = action_add(g);
    if (a != NULL) {
        va_list arguments;
        va_start(arguments, format);
        a->type = GATEWAY_EVENT;
        a->is_warning = is_warning;
        snprintf(a->device, sizeof a->device, "%s", device);
        snprintf(a->word, sizeof a->word, "%s", reason);
        a->text = format_text(format, arguments);
        va_end(arguments);
    }
}

bool gateway_next(struct gateway *g, wb_ms now, struct gateway_action *action)
{
    while (g->action_count > 0) {
        struct queued_action a = g->actions[g->action_at];
        g->action_at = (g->action_at + 1) % g->action_cap;
        g->action_count--;
        *action = (struct gateway_action){
            .type = a.type, .session = a.session, .level = a.level, .is_warning = a.is_warning};
        memcpy(action->word, a.word, sizeof action->word);
        snprintf(action->text, sizeof action->text, "%s", a.text != NULL ? a.text : "");
        free(a.text);
        action->device = a.device[0] != '\0' ? table_find(&g->devices, a.device) : NULL;
        bool is_stale = a.device[0] != '\0' && action->device == NULL;
        if (a.type == GATEWAY_SEND || a.type == GATEWAY_CLOSE) {
            char key[24];
            snprintf(key, sizeof key, "%llu", (unsigned long long)a.session);
            struct gateway_session *s = table_find(&g->sessions, key);
            if (s != NULL && a.type == GATEWAY_SEND) {
                s->is_pending = false;
            } else if (s != NULL) {
                session_free(g, s);
            }
            is_stale = s == NULL;
        } else if (a.type == GATEWAY_STATUS && !is_stale) {
            struct gateway_device *d = action->device;
            is_stale = !d->is_status_due || d->is_status_running || now < d->status_at;
        } else if (a.type == GATEWAY_LINE && !is_stale) {
            action->line = &action->device->lines[a.line % GATEWAY_LOG_LINES];
            is_stale = action->line->sequence != a.line;
        }
        if (!is_stale) {
            return true;
        }
    }
    return false;
}

/* ---- devices ------------------------------------------------------------------------------ */

struct gateway_device *gateway_device_find(struct gateway *g, const char *name)
{
    return table_find(&g->devices, name);
}

struct gateway_device *gateway_device_next(struct gateway *g, size_t *cursor)
{
    return table_next(&g->devices, cursor);
}

struct gateway_device *device_by_id(const struct gateway *g, const char *device_id)
{
    return table_find(&g->device_ids, device_id);
}

void status_due(struct gateway *g, wb_ms now, struct gateway_device *device)
{
    device->is_status_due = true;
    if (!device->is_status_running && now >= device->status_at) {
        act(g, GATEWAY_STATUS, 0, device->api.meta.name);
    }
}

/* Takes over a new state of the object; the keys of both tables point into it. */
static enum wb_err device_store(struct gateway *g, struct gateway_device *device,
                                struct wb_api_device *api)
{
    struct gateway_device *owner = device_by_id(g, api->device_id);
    if (device->api.device_id != NULL && device_by_id(g, device->api.device_id) == device) {
        table_remove(&g->device_ids, device->api.device_id);
    }
    struct wb_api_device old = device->api;
    device->api = *api;
    enum wb_err err = table_put(&g->devices, device->api.meta.name, device);
    if (err == WB_OK && (owner == NULL || owner == device)) {
        err = table_put(&g->device_ids, device->api.device_id, device);
    } else if (err == WB_OK) {
        act_log(g, WB_PROTOCOL_LOG_WARNING, "duplicate_device_id",
                "device=%s device_id=%s other=%s", device->api.meta.name, device->api.device_id,
                owner->api.meta.name);
    }
    wb_api_device_deinit(&old);
    json_decref(device->conditions);
    device->conditions = device->api.conditions; /* the reference is ours now */
    device->api.conditions = NULL;
    return err;
}

/* After a restart of this process: who was connected to us and has not come back is Disconnected.
 */
static void judge_absent(struct gateway *g, wb_ms now, struct gateway_device *device)
{
    if (g->is_synced && device->session == NULL && now >= g->started + GATEWAY_GRACE_MS &&
        device->api.phase == WB_API_DEVICE_CONNECTED && !device->is_status_due &&
        !device->is_status_running && device->api.gateway != NULL &&
        strcmp(device->api.gateway, g->cfg.name) == 0) {
        status_due(g, now, device);
    }
}

void gateway_device_put(struct gateway *g, wb_ms now, const json_t *object)
{
    struct wb_api_device api;
    struct wb_api_problem problem = {0};
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    if (wb_api_device_parse(&api, object, &problem) != WB_OK) {
        act_log(g, WB_PROTOCOL_LOG_WARNING, "bad_device", "device=%s reason=\"%s\"", name,
                problem.text);
        return;
    }
    struct gateway_device *device = table_find(&g->devices, api.meta.name);
    if (device == NULL && (device = calloc(1, sizeof *device)) == NULL) {
        wb_api_device_deinit(&api);
        return;
    }
    if (device_store(g, device, &api) != WB_OK) {
        act_log(g, WB_PROTOCOL_LOG_ERROR, "out_of_memory", "device=%s", name);
        return;
    }
    struct gateway_session *s = device->session;
    if (s != NULL) {
        const struct wb_tls_peer *peer = wb_tls_peer(&s->tls);
        const char *objection =
            peer == NULL ? NULL : session_objection(device, peer->public_key, 0);
        if (objection != NULL) {
            act_event(g, device->api.meta.name, true, "Disconnected", "connection ended: %s",
                      objection);
            session_end(g, now, s, WB_TLS_ALERT_ACCESS_DENIED, objection);
        } else {
            if (device->has_hello && device->api.phase != WB_API_DEVICE_CONNECTED) {
                status_due(g, now,
                           device); /* somebody judged it by our Lease while the API was away */
            }
            desired_update(g, s);
        }
    }
}

void gateway_device_remove(struct gateway *g, wb_ms now, const char *name)
{
    struct gateway_device *device = table_find(&g->devices, name);
    if (device == NULL) {
        return;
    }
    if (device->session != NULL) {
        struct gateway_session *s = device->session;
        session_end(g, now, s, WB_TLS_ALERT_ACCESS_DENIED, "its Device was deleted");
    }
    table_remove(&g->devices, name);
    if (device_by_id(g, device->api.device_id) == device) {
        table_remove(&g->device_ids, device->api.device_id);
    }
    device_free(device);
}

void gateway_synced(struct gateway *g, wb_ms now)
{
    (void)now;
    g->is_synced = true;
}

void device_log(struct gateway *g, struct gateway_device *device, uint64_t unix_ms, uint32_t level,
                struct wb_cbor_text app, struct wb_cbor_text text)
{
    uint64_t sequence = ++device->line_count;
    struct gateway_line *line = &device->lines[sequence % GATEWAY_LOG_LINES];
    line_deinit(line);
    line->text = malloc(text.len + 1);
    if (line->text == NULL) {
        return;
    }
    memcpy(line->text, text.data, text.len);
    line->text[text.len] = '\0';
    line->sequence = sequence;
    line->unix_ms = unix_ms;
    line->level = level;
    snprintf(line->app, sizeof line->app, "%.*s", (int)app.len, app.data != NULL ? app.data : "");
    struct queued_action *a = action_add(g);
    if (a != NULL) {
        a->type = GATEWAY_LINE;
        a->line = sequence;
        snprintf(a->device, sizeof a->device, "%s", device->api.meta.name);
    }
}

/* ---- applications ------------------------------------------------------------------------- */

void desired_all(struct gateway *g)
{
    size_t cursor = 0;
    for (struct gateway_session *s; (s = table_next(&g->sessions, &cursor)) != NULL;) {
        desired_update(g, s);
    }
}

enum wb_err application_load(struct gateway_application *app, struct wb_api_problem *problem)
{
    const json_t *binary = app->api.wasm_binary;
    if (binary == NULL) {
        return wb_api_problem_set(problem, WB_ERR_UNSUPPORTED, "spec.wasmBinary: missing");
    }
    enum wb_err err = wb_api_base64_decode(json_string_value(binary), json_string_length(binary),
                                           WB_API_MODULE_MAX, &app->module, &app->module_len);
    if (err != WB_OK) {
        return wb_api_problem_set(problem, err, "spec.wasmBinary: %s", wb_err_str(err));
    }
    wb_hash_once(WB_HASH_SHA256, app->module, app->module_len, app->digest);
    wb_api_digest_write(app->digest, app->digest_text);
    if (app->api.signature != NULL && app->api.signature[0] != '\0') {
        err = wb_api_base64_decode(app->api.signature, strlen(app->api.signature),
                                   WB_PROTOCOL_SIGNATURE_MAX, &app->signature, &app->signature_len);
        if (err != WB_OK) {
            return wb_api_problem_set(problem, err, "spec.signature: %s", wb_err_str(err));
        }
    }
    json_decref(app->api.wasm_binary);
    app->api.wasm_binary = NULL;
    return WB_OK;
}

void gateway_application_put(struct gateway *g, wb_ms now, const json_t *object)
{
    (void)now;
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    int64_t generation = wb_api_integer_at(object, 0, "metadata", "generation", NULL);
    struct gateway_application *old = table_find(&g->applications, name);
    if (old != NULL && old->api.meta.generation == generation &&
        strcmp(old->api.meta.uid, wb_api_text_at(object, "", "metadata", "uid", NULL)) == 0) {
        return; /* its status changed, which is none of our business */
    }
    if (wb_api_at(object, "spec", "source", NULL) != NULL) {
        return; /* the controller fetches the module; its record of the revision holds it */
    }
    struct gateway_application *app = calloc(1, sizeof *app);
    if (app == NULL) {
        return;
    }
    struct wb_api_problem problem = {0};
    if (wb_api_application_parse(&app->api, object, &problem) != WB_OK ||
        application_load(app, &problem) != WB_OK ||
        table_put(&g->applications, app->api.meta.name, app) != WB_OK) {
        act_log(g, WB_PROTOCOL_LOG_WARNING, "bad_application", "application=%s reason=\"%s\"", name,
                problem.text);
        application_free(app);
        return; /* the version that we have stays, as the controller keeps it assigned */
    }
    if (old != NULL) {
        application_free(old);
    }
    desired_all(g);
}

void gateway_application_remove(struct gateway *g, wb_ms now, const char *name)
{
    (void)now;
    struct gateway_application *app = table_find(&g->applications, name);
    if (app != NULL) {
        table_remove(&g->applications, name);
        application_free(app);
    }
}

/* ---- time --------------------------------------------------------------------------------- */

void gateway_tick(struct gateway *g, wb_ms now)
{
    size_t cursor = 0;
    for (struct gateway_session *s; (s = table_next(&g->sessions, &cursor)) != NULL;) {
        session_tick(g, now, s);
    }
    cursor = 0;
    for (struct gateway_device *d; (d = table_next(&g->devices, &cursor)) != NULL;) {
        judge_absent(g, now, d);
        if (d->session != NULL && now >= d->seen_written + GATEWAY_SEEN_MS) {
            d->is_status_due = true;
        }
        if (d->is_status_due) {
            status_due(g, now, d);
        }
    }
}

wb_ms gateway_due(const struct gateway *g)
{
    /* Deadlines are coarse (seconds), so one walk every quarter second beats a heap of timers. */
    return g->sessions.count > 0 || g->devices.count > 0 ? TICK_MS : WB_NEVER;
}

uint32_t gateway_connected(const struct gateway *g)
{
    return g->connected;
}

uint32_t gateway_session_count(const struct gateway *g)
{
    return (uint32_t)g->sessions.count;
}

const struct gateway_counters *gateway_counters(const struct gateway *g)
{
    return &g->counters;
}
