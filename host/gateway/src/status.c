/* SPDX-License-Identifier: AGPL-3.0-only */
/* What is known of a device: as a status patch, as live JSON, as metrics. Status is written when
 * something changed that a person would want to see at once; figures ride along. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- runs --------------------------------------------------------------------------------- */

void runs_free(struct gateway_device *device)
{
    for (size_t i = 0; i < device->run_count; i++) {
        free(device->runs[i].message);
    }
    free(device->runs);
    device->runs = NULL;
    device->run_count = 0;
}

static struct gateway_run *run_get(struct gateway_device *device, struct wb_cbor_text name)
{
    for (size_t i = 0; i < device->run_count; i++) {
        if (wb_protocol_text_equal(name, device->runs[i].name)) {
            return &device->runs[i];
        }
    }
    if (device->run_count == WB_API_APPLICATIONS_MAX) {
        return NULL;
    }
    struct gateway_run *runs = realloc(device->runs, (device->run_count + 1) * sizeof *runs);
    if (runs == NULL) {
        return NULL;
    }
    device->runs = runs;
    struct gateway_run *run = &runs[device->run_count++];
    *run = (struct gateway_run){.phase = WB_PROTOCOL_APP_PHASE_COUNT};
    snprintf(run->name, sizeof run->name, "%.*s", (int)name.len, name.data);
    return run;
}

void run_update(struct gateway *g, wb_ms now, struct gateway_device *device,
                const struct wb_protocol_app_status *status)
{
    struct gateway_run *run = run_get(device, status->name);
    if (run == NULL) {
        return;
    }
    const char *old_message = run->message != NULL ? run->message : "";
    bool is_changed = run->phase != status->phase || run->revision != status->revision ||
                      run->restarts != status->restarts ||
                      memcmp(run->digest, status->digest, 32) != 0 ||
                      !wb_protocol_text_equal(status->message, old_message);
    run->phase = status->phase;
    run->revision = status->revision;
    run->restarts = status->restarts;
    run->memory = status->memory;
    run->fuel = status->fuel;
    memcpy(run->digest, status->digest, 32);
    if (!wb_protocol_text_equal(status->message, old_message)) {
        free(run->message);
        run->message =
            status->message.len > 0 ? strndup(status->message.data, status->message.len) : NULL;
        if (run->message != NULL && status->phase == WB_PROTOCOL_APP_FAILED) {
            act_event(g, device->api.meta.name, true, "ApplicationFailed", "application %s: %s",
                      run->name, run->message);
        }
    }
    if (is_changed) {
        status_due(g, now, device);
    }
}

static enum wb_api_run_phase phase_of(uint32_t phase)
{
    switch ((enum wb_protocol_app_phase)phase) {
    case WB_PROTOCOL_APP_PENDING: return WB_API_RUN_PENDING;
    case WB_PROTOCOL_APP_INSTALLING: return WB_API_RUN_INSTALLING;
    case WB_PROTOCOL_APP_RUNNING: return WB_API_RUN_RUNNING;
    case WB_PROTOCOL_APP_STOPPED: return WB_API_RUN_STOPPED;
    case WB_PROTOCOL_APP_FAILED: return WB_API_RUN_FAILED;
    case WB_PROTOCOL_APP_PHASE_COUNT: break;
    }
    return WB_API_RUN_NONE;
}

static json_t *runs_json(const struct gateway_device *device)
{
    json_t *list = json_array();
    for (size_t i = 0; i < device->run_count; i++) {
        const struct gateway_run *run = &device->runs[i];
        char digest[WB_API_DIGEST_LEN + 1];
        wb_api_digest_write(run->digest, digest);
        json_t *item =
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", run->name, "phase",
                      wb_api_run_phase_str(phase_of(run->phase)), "digest", digest, "revision",
                      (json_int_t)run->revision, "restarts", (json_int_t)run->restarts,
                      "memoryBytes", (json_int_t)run->memory, "fuel", (json_int_t)run->fuel);
        if (run->message != NULL) {
            char text[WB_API_MESSAGE_MAX];
            snprintf(text, sizeof text, "%s", run->message);
            json_object_set_new(item, "message", json_string(text));
        }
        json_array_append_new(list, item);
    }
    return list;
}

/* ---- status ------------------------------------------------------------------------------- */

static void add_time(json_t *object, const char *key, wb_unix_s time)
{
    if (time != 0) {
        char text[WB_API_TIME_CAP];
        wb_api_time_write(time, text);
        json_object_set_new(object, key, json_string(text));
    }
}

static json_t *metrics_json(const struct gateway_device *device)
{
    const struct wb_protocol_heartbeat *h = &device->heartbeat;
    json_t *metrics = json_pack("{s:I}", "boots", (json_int_t)device->hello.boots);
    if (device->has_heartbeat) {
        json_t *more = json_pack(
            "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "uptimeSeconds",
            (json_int_t)(h->uptime_ms / 1000), "cpuPermille",
            (json_int_t)(h->cpu_permille > 1000 ? 1000 : h->cpu_permille), "memoryUsedBytes",
            (json_int_t)h->ram_peak, "memoryFreeBytes", (json_int_t)h->arena_free, "flashFreeBytes",
            (json_int_t)h->flash_free, "networkReceivedBytes", (json_int_t)h->bytes_in,
            "networkSentBytes", (json_int_t)h->bytes_out);
        json_object_update(metrics, more);
        json_decref(more);
    }
    return metrics;
}

static json_t *resources_json(const struct gateway_device *device)
{
    const struct wb_protocol_hello *hello = &device->hello;
    json_t *resources =
        json_pack("{s:I, s:I, s:I, s:I}", "arenaBytes", (json_int_t)hello->arena_size,
                  "applicationSlots", (json_int_t)hello->app_slots, "frameMax",
                  (json_int_t)hello->frame_max, "abi", (json_int_t)hello->abi);
    if (device->heartbeat.ram_size != 0) {
        json_object_set_new(resources, "ramBytes",
                            json_integer((json_int_t)device->heartbeat.ram_size));
    }
    return resources;
}

/* The conditions with ours set, when that changes them (new reference), else NULL. The stored list
 * is left alone: it changes when the watch brings what was written. */
static json_t *conditions_changed(const struct gateway *g, const struct gateway_device *device,
                                  bool is_online, wb_unix_s unix_now)
{
    char text[160];
    snprintf(text, sizeof text,
             is_online ? "connected to gateway %s" : "not connected to gateway %s", g->cfg.name);
    const struct wb_api_condition condition = {
        .type = WB_API_CONDITION_ONLINE,
        .status = is_online ? WB_API_TRUE : WB_API_FALSE,
        .reason = is_online ? "Connected" : "Disconnected",
        .message = text,
    };
    json_t *list = device->conditions != NULL ? json_deep_copy(device->conditions) : json_array();
    if (!wb_api_condition_set(list, &condition, device->api.meta.generation, unix_now)) {
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *gateway_status_take(struct gateway *g, wb_ms now, wb_unix_s unix_now,
                            struct gateway_device *device)
{
    device->is_status_due = false;
    device->is_status_running = true;
    device->seen_written = now;
    bool is_online = device->session != NULL && device->has_hello;
    json_t *status = json_pack(
        "{s:s, s:I, s:{s:s, s:s, s:s}}", "phase",
        wb_api_device_phase_str(is_online ? WB_API_DEVICE_CONNECTED : WB_API_DEVICE_DISCONNECTED),
        "observedGeneration", (json_int_t)device->api.meta.generation, "gateway", "namespace",
        g->cfg.namespace, "name", g->cfg.name, "endpoint", g->cfg.endpoint);
    if (device->has_hello) {
        json_object_set_new(status, "applications", runs_json(device));
        json_object_set_new(status, "firmware", json_pack("{s:s}", "version", device->firmware));
        json_object_set_new(status, "resources", resources_json(device));
        json_object_set_new(status, "metrics", metrics_json(device));
        json_object_set_new(status, "lastResetReason", json_string(device->reset_reason));
        char fingerprint[WB_API_DIGEST_LEN + 1];
        wb_api_digest_write(device->fingerprint, fingerprint);
        json_t *certificate = json_pack("{s:s}", "fingerprint", fingerprint);
        add_time(certificate, "notAfter", device->not_after);
        json_object_set_new(status, "certificate", certificate);
        add_time(status, "lastSeen", device->last_seen);
    }
    json_t *patch = json_pack("{s:o}", "status", status);
    json_t *conditions = conditions_changed(g, device, is_online, unix_now);
    if (conditions != NULL) {
        /* The list is written whole and has other writers: only onto the version that we have
         * read. */
        json_object_set_new(status, "conditions", conditions);
        json_object_set_new(
            patch, "metadata",
            json_pack("{s:s}", "resourceVersion", device->api.meta.resource_version));
    }
    return patch;
}

void gateway_status_done(struct gateway *g, wb_ms now, const char *name, bool is_written)
{
    struct gateway_device *device = table_find(&g->devices, name);
    if (device == NULL) {
        return;
    }
    device->is_status_running = false;
    device->status_at = is_written ? now : now + GATEWAY_RETRY_MS;
    if (!is_written) {
        device->is_status_due = true;
    }
    if (device->is_status_due) {
        status_due(g, now, device);
    }
}

json_t *gateway_device_json(const struct gateway_device *device)
{
    bool is_online = device->session != NULL && device->has_hello;
    json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", device->api.meta.name,
                               "deviceId", device->api.device_id, "type", device->api.device_type,
                               "connected", is_online, "applications", runs_json(device));
    enum wb_api_device_phase phase = is_online ? WB_API_DEVICE_CONNECTED
                                     : device->api.phase == WB_API_DEVICE_CONNECTED
                                         ? WB_API_DEVICE_DISCONNECTED
                                         : device->api.phase;
    json_object_set_new(object, "phase", json_string(wb_api_device_phase_str(phase)));
    add_time(object, "lastSeen",
             device->last_seen != 0 ? device->last_seen : device->api.last_seen);
    if (device->has_hello) {
        json_object_set_new(object, "firmware", json_string(device->firmware));
        json_object_set_new(object, "resources", resources_json(device));
        json_object_set_new(object, "metrics", metrics_json(device));
    }
    return object;
}

/* ---- Prometheus --------------------------------------------------------------------------- */

char *gateway_metrics(struct gateway *g)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    const struct gateway_counters *c = &g->counters;
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        {"wasmbed_gateway_devices_connected", "gauge", "Devices with a running session.",
         g->connected},
        {"wasmbed_gateway_devices_known", "gauge", "Devices of the API.", g->devices.count},
        {"wasmbed_gateway_applications_known", "gauge", "Applications of the API.",
         g->applications.count},
        {"wasmbed_gateway_connections", "gauge", "Open connections, handshakes included.",
         g->sessions.count},
        {"wasmbed_gateway_connections_accepted_total", "counter", "Connections accepted.",
         c->accepted},
        {"wasmbed_gateway_connections_refused_total", "counter",
         "Connections refused because all places were taken.", c->refused},
        {"wasmbed_gateway_handshakes_total", "counter", "TLS handshakes completed.", c->handshakes},
        {"wasmbed_gateway_handshake_failures_total", "counter", "TLS handshakes that failed.",
         c->handshake_failures},
        {"wasmbed_gateway_devices_rejected_total", "counter",
         "Authenticated devices that are unknown, not approved or have another key.", c->rejected},
        {"wasmbed_gateway_session_timeouts_total", "counter", "Sessions ended for silence.",
         c->timeouts},
        {"wasmbed_gateway_frame_errors_total", "counter", "Malformed frames.", c->frame_errors},
        {"wasmbed_gateway_messages_received_total", "counter", "Messages from devices.",
         c->messages_in},
        {"wasmbed_gateway_messages_sent_total", "counter", "Messages to devices.", c->messages_out},
        {"wasmbed_gateway_received_bytes_total", "counter", "Bytes from devices, TLS included.",
         c->bytes_in},
        {"wasmbed_gateway_sent_bytes_total", "counter", "Bytes to devices, TLS included.",
         c->bytes_out},
        {"wasmbed_gateway_chunks_total", "counter", "Module chunks sent.", c->chunks},
        {"wasmbed_gateway_published_total", "counter", "Messages published to topics.",
         c->published},
        {"wasmbed_gateway_delivered_total", "counter", "Messages delivered to applications.",
         c->delivered},
        {"wasmbed_gateway_dropped_total", "counter", "Messages lost to slow devices.", c->dropped},
        {"wasmbed_gateway_denied_total", "counter", "Topic uses without permission.", c->denied},
        {"wasmbed_gateway_application_traps_total", "counter", "Traps of applications.", c->traps},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", rows[i].name, rows[i].help,
                rows[i].name, rows[i].type, rows[i].name, (unsigned long long)rows[i].value);
    }
    fclose(out);
    return text;
}
