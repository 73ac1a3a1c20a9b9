/* SPDX-License-Identifier: AGPL-3.0-only */
/* parse.c: JSON objects as structs. A sticky reader: after the first problem every read gives an
 * empty value, so that each kind is one list of fields with one check at the end. */
#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

struct reader {
    struct wb_api_problem *problem;
    enum wb_err err;
};

static void refuse(struct reader *r, const char *path, const char *key, const char *what)
{
    if (r->err == WB_OK) {
        r->err = WB_ERR_VALIDATION;
        wb_api_problem_set(r->problem, WB_ERR_VALIDATION, "%s%s%s: %s", path,
                           path[0] != '\0' ? "." : "", key, what);
    }
}

static void *allocate(struct reader *r, size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL && r->err == WB_OK) {
        r->err = WB_ERR_MEMORY;
        wb_api_problem_set(r->problem, WB_ERR_MEMORY, "not enough memory");
    }
    return memory;
}

static char *copy(struct reader *r, const char *text)
{
    size_t len = strlen(text);
    char *result = allocate(r, len + 1, 1);
    if (result != NULL) {
        memcpy(result, text, len);
    }
    return result;
}

/* A member of the wanted type; NULL when it is absent or null, and with a problem for other types.
 */
static json_t *member(struct reader *r, const json_t *object, const char *path, const char *key,
                      json_type type, const char *what)
{
    json_t *value = json_object_get(object, key);
    if (r->err != WB_OK || value == NULL || json_is_null(value)) {
        return NULL;
    }
    if (json_typeof(value) != type) {
        refuse(r, path, key, what);
        return NULL;
    }
    return value;
}

static json_t *read_object(struct reader *r, const json_t *object, const char *path,
                           const char *key)
{
    return member(r, object, path, key, JSON_OBJECT, "must be an object");
}

static json_t *read_list(struct reader *r, const json_t *object, const char *path, const char *key,
                         size_t max)
{
    json_t *list = member(r, object, path, key, JSON_ARRAY, "must be a list");
    if (json_array_size(list) > max) {
        refuse(r, path, key, "has too many entries");
        return NULL;
    }
    return list;
}

static char *read_text(struct reader *r, const json_t *object, const char *path, const char *key)
{
    const json_t *value = member(r, object, path, key, JSON_STRING, "must be a string");
    return copy(r, value != NULL ? json_string_value(value) : "");
}

static uint64_t read_number(struct reader *r, const json_t *object, const char *path,
                            const char *key, uint64_t fallback, uint64_t max)
{
    const json_t *value = member(r, object, path, key, JSON_INTEGER, "must be an integer");
    if (value == NULL) {
        return fallback;
    }
    if (json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max) {
        refuse(r, path, key, "is out of range");
        return fallback;
    }
    return (uint64_t)json_integer_value(value);
}

static bool read_flag(struct reader *r, const json_t *object, const char *path, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value != NULL && !json_is_boolean(value) && !json_is_null(value)) {
        refuse(r, path, key, "must be true or false");
    }
    return json_is_true(value);
}

static wb_unix_s read_time(struct reader *r, const json_t *object, const char *path,
                           const char *key)
{
    const json_t *value = member(r, object, path, key, JSON_STRING, "must be a time");
    wb_unix_s time = 0;
    if (value != NULL && wb_api_time_read(json_string_value(value), &time) != WB_OK) {
        refuse(r, path, key, "is no time; write it like 2026-11-23T16:00:00Z");
    }
    return time;
}

static void read_strings(struct reader *r, const json_t *object, const char *path, const char *key,
                         size_t max, struct wb_api_strings *strings)
{
    const json_t *list = read_list(r, object, path, key, max);
    size_t count = json_array_size(list);
    strings->items = count > 0 ? allocate(r, count, sizeof *strings->items) : NULL;
    for (size_t i = 0; i < count && strings->items != NULL; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL) {
            refuse(r, path, key, "must be a list of strings");
            return;
        }
        strings->items[i] = copy(r, text);
        strings->count = i + 1;
    }
}

static void free_strings(struct wb_api_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        free(strings->items[i]);
    }
    free(strings->items);
}

static void read_meta(struct reader *r, const json_t *object, struct wb_api_meta *meta)
{
    const json_t *json = read_object(r, object, "", "metadata");
    meta->name = read_text(r, json, "metadata", "name");
    meta->namespace = read_text(r, json, "metadata", "namespace");
    meta->uid = read_text(r, json, "metadata", "uid");
    meta->resource_version = read_text(r, json, "metadata", "resourceVersion");
    meta->generation = (int64_t)read_number(r, json, "metadata", "generation", 0, INT64_MAX);
    meta->is_deleting = json_is_string(json_object_get(json, "deletionTimestamp"));
    meta->labels = json_incref(read_object(r, json, "metadata", "labels"));
    size_t index;
    const json_t *finalizer;
    meta->finalizers = json_incref(read_list(r, json, "metadata", "finalizers", 64));
    json_array_foreach(meta->finalizers, index, finalizer)
    {
        const char *text = json_string_value(finalizer);
        meta->has_finalizer |= text != NULL && strcmp(text, WB_API_FINALIZER) == 0;
    }
    if (r->err == WB_OK && !wb_api_is_dns_subdomain(meta->name)) {
        refuse(r, "metadata", "name", "is needed");
    }
}

static void free_meta(struct wb_api_meta *meta)
{
    free(meta->name);
    free(meta->namespace);
    free(meta->uid);
    free(meta->resource_version);
    json_decref(meta->labels);
    json_decref(meta->finalizers);
}

bool wb_api_strings_contain(const struct wb_api_strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++) {
        if (strcmp(strings->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

bool wb_api_is_permitted(const struct wb_api_strings *permissions, const char *action,
                         const char *topic)
{
    size_t action_len = strlen(action);
    for (size_t i = 0; i < permissions->count; i++) {
        const char *text = permissions->items[i];
        if (strncmp(text, action, action_len) != 0 || text[action_len] != ':') {
            continue;
        }
        const char *pattern = text + action_len + 1;
        size_t len = strlen(pattern);
        bool is_prefix = len > 0 && pattern[len - 1] == '*';
        if (is_prefix ? strncmp(pattern, topic, len - 1) == 0 : strcmp(pattern, topic) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- Device ---------------------------------------------------------------------------------- */

static void read_public_key(struct reader *r, const json_t *spec, struct wb_api_device *device)
{
    const char *path = "spec.publicKey";
    const json_t *json = read_object(r, spec, "spec", "publicKey");
    if (json == NULL) {
        device->key_algorithm = copy(r, "");
        return;
    }
    const json_t *algorithm = member(r, json, path, "algorithm", JSON_STRING, "must be a string");
    device->key_algorithm = copy(r, algorithm != NULL ? json_string_value(algorithm) : "Ed25519");
    device->key_valid_from = read_time(r, json, path, "validFrom");
    device->key_valid_to = read_time(r, json, path, "validTo");
    const json_t *data = member(r, json, path, "keyData", JSON_STRING, "must be a string");
    uint8_t *key = NULL;
    size_t len = 0;
    if (data == NULL ||
        wb_api_base64_decode(json_string_value(data), json_string_length(data), 32, &key, &len) !=
            WB_OK ||
        len != 32) {
        refuse(r, path, "keyData", "must be the base64 of 32 bytes");
    } else {
        memcpy(device->public_key, key, 32);
        device->has_public_key = true;
    }
    free(key);
}

static void read_assignments(struct reader *r, const json_t *spec, struct wb_api_device *device)
{
    const char *path = "spec.applications";
    const json_t *list = read_list(r, spec, "spec", "applications", WB_API_APPLICATIONS_MAX);
    device->assignments = allocate(r, json_array_size(list), sizeof *device->assignments);
    for (size_t i = 0; i < json_array_size(list) && device->assignments != NULL; i++) {
        const json_t *item = json_array_get(list, i);
        struct wb_api_assignment *to = &device->assignments[device->assignment_count++];
        to->name = read_text(r, item, path, "name");
        to->digest = read_text(r, item, path, "digest");
        to->revision = (int64_t)read_number(r, item, path, "revision", 0, INT64_MAX);
    }
}

static void read_runs(struct reader *r, const json_t *status, struct wb_api_device *device)
{
    const char *path = "status.applications";
    const json_t *list = read_list(r, status, "status", "applications", WB_API_APPLICATIONS_MAX);
    device->runs = allocate(r, json_array_size(list), sizeof *device->runs);
    for (size_t i = 0; i < json_array_size(list) && device->runs != NULL; i++) {
        const json_t *item = json_array_get(list, i);
        struct wb_api_run *to = &device->runs[device->run_count++];
        to->name = read_text(r, item, path, "name");
        to->phase = wb_api_run_phase_read(wb_api_text_at(item, "", "phase", NULL));
        to->digest = read_text(r, item, path, "digest");
        to->revision = (int64_t)read_number(r, item, path, "revision", 0, INT64_MAX);
        to->restarts = (uint32_t)read_number(r, item, path, "restarts", 0, UINT32_MAX);
        to->message = read_text(r, item, path, "message");
        to->memory_bytes = read_number(r, item, path, "memoryBytes", 0, INT64_MAX);
        to->fuel = read_number(r, item, path, "fuel", 0, INT64_MAX);
    }
}

enum wb_err wb_api_device_parse(struct wb_api_device *device, const json_t *object,
                                struct wb_api_problem *problem)
{
    struct reader reader = {.problem = problem};
    struct reader *r = &reader;
    memset(device, 0, sizeof *device);
    read_meta(r, object, &device->meta);
    const json_t *spec = read_object(r, object, "", "spec");
    device->device_id = read_text(r, spec, "spec", "deviceId");
    device->device_type = read_text(r, spec, "spec", "deviceType");
    read_public_key(r, spec, device);
    read_strings(r, spec, "spec", "capabilities", 32, &device->capabilities);
    device->is_approved = read_flag(r, spec, "spec", "approved");
    device->gateway_ref =
        read_text(r, read_object(r, spec, "spec", "gatewayRef"), "spec.gatewayRef", "name");
    device->firmware =
        read_text(r, read_object(r, spec, "spec", "firmware"), "spec.firmware", "version");
    read_assignments(r, spec, device);

    const json_t *status = read_object(r, object, "", "status");
    const json_t *gateway = read_object(r, status, "status", "gateway");
    device->phase = wb_api_device_phase_read(wb_api_text_at(status, "", "phase", NULL));
    device->gateway = read_text(r, gateway, "status.gateway", "name");
    device->gateway_namespace = read_text(r, gateway, "status.gateway", "namespace");
    read_runs(r, status, device);
    device->firmware_current =
        read_text(r, read_object(r, status, "status", "firmware"), "status.firmware", "version");
    device->last_seen = read_time(r, status, "status", "lastSeen");
    device->conditions =
        json_incref(read_list(r, status, "status", "conditions", WB_API_CONDITIONS_MAX));
    if (r->err == WB_OK && device->device_id[0] == '\0') {
        refuse(r, "spec", "deviceId", "is required");
    }
    if (r->err != WB_OK) {
        wb_api_device_deinit(device);
    }
    return r->err;
}

void wb_api_device_deinit(struct wb_api_device *device)
{
    free_meta(&device->meta);
    free(device->device_id);
    free(device->device_type);
    free(device->key_algorithm);
    free_strings(&device->capabilities);
    free(device->gateway_ref);
    free(device->firmware);
    for (size_t i = 0; i < device->assignment_count; i++) {
        free(device->assignments[i].name);
        free(device->assignments[i].digest);
    }
    free(device->assignments);
    free(device->gateway);
    free(device->gateway_namespace);
    for (size_t i = 0; i < device->run_count; i++) {
        free(device->runs[i].name);
        free(device->runs[i].digest);
        free(device->runs[i].message);
    }
    free(device->runs);
    free(device->firmware_current);
    json_decref(device->conditions);
    memset(device, 0, sizeof *device);
}

/* ---- Application ----------------------------------------------------------------------------- */

static enum wb_api_restart_policy read_restart_policy(struct reader *r, const json_t *spec)
{
    const char *text = wb_api_text_at(spec, "Always", "restartPolicy", NULL);
    if (strcmp(text, "OnFailure") == 0) {
        return WB_API_RESTART_ON_FAILURE;
    }
    if (strcmp(text, "Never") == 0) {
        return WB_API_RESTART_NEVER;
    }
    if (strcmp(text, "Always") != 0) {
        refuse(r, "spec", "restartPolicy", "must be Always, OnFailure or Never");
    }
    return WB_API_RESTART_ALWAYS;
}

static void read_config(struct reader *r, const json_t *spec,
                        struct wb_api_application *application)
{
    const char *path = "spec.config";
    const json_t *config = read_object(r, spec, "spec", "config");
    read_strings(r, config, path, "args", 16, &application->args);
    const json_t *env = read_list(r, config, path, "env", 16);
    application->env = allocate(r, json_array_size(env), sizeof *application->env);
    for (size_t i = 0; i < json_array_size(env) && application->env != NULL; i++) {
        const json_t *item = json_array_get(env, i);
        struct wb_api_env *to = &application->env[application->env_count++];
        to->name = read_text(r, item, "spec.config.env", "name");
        to->value = read_text(r, item, "spec.config.env", "value");
    }
}

static void read_limits(struct reader *r, const json_t *spec,
                        struct wb_api_application *application)
{
    const char *path = "spec.resources";
    const json_t *resources = read_object(r, spec, "spec", "resources");
    const json_t *memory = json_object_get(resources, "memory");
    if (memory != NULL && wb_api_quantity_read(memory, &application->memory) != WB_OK) {
        refuse(r, path, "memory", "must be a number of bytes up to 4Gi, like 8192 or \"8Ki\"");
    }
    application->fuel_per_second =
        (uint32_t)read_number(r, resources, path, "fuelPerSecond", 0, UINT32_MAX);
}

/* ---- rollout --------------------------------------------------------------------------------- */

uint32_t wb_api_amount_of(struct wb_api_amount amount, uint32_t total)
{
    uint64_t value =
        amount.is_percent ? ((uint64_t)amount.value * total + 99u) / 100u : amount.value;
    return value < total ? (uint32_t)value : total;
}

static void read_amount_value(struct reader *r, const json_t *value, const char *path,
                              const char *key, struct wb_api_amount *amount)
{
    static const char what[] = "must be a number, or a percentage like \"25%\"";
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        if (number < 0 || number > 1000000) {
            refuse(r, path, key, what);
            return;
        }
        *amount = (struct wb_api_amount){.value = (uint32_t)number};
        return;
    }
    const char *text = json_string_value(value);
    uint32_t number = 0;
    size_t i = 0;
    while (text != NULL && i < 7 && text[i] >= '0' && text[i] <= '9') {
        number = number * 10 + (uint32_t)(text[i++] - '0');
    }
    bool is_percent = text != NULL && text[i] == '%';
    if (i == 0 || number > (is_percent ? 100u : 1000000u) ||
        strcmp(text + i, is_percent ? "%" : "") != 0) {
        refuse(r, path, key, what);
        return;
    }
    *amount = (struct wb_api_amount){.value = number, .is_percent = is_percent};
}

/* Whether it was there. */
static bool read_amount(struct reader *r, const json_t *object, const char *path, const char *key,
                        struct wb_api_amount *amount)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return false;
    }
    read_amount_value(r, value, path, key, amount);
    return true;
}

static void read_waves(struct reader *r, const json_t *json, struct wb_api_rollout *rollout)
{
    const json_t *list = read_list(r, json, "spec.rollout", "waves", WB_API_WAVES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        read_amount_value(r, json_array_get(list, i), "spec.rollout", "waves", &rollout->waves[i]);
        rollout->wave_count++;
    }
    if (rollout->wave_count == 0) {
        rollout->waves[0] = (struct wb_api_amount){.value = 10, .is_percent = true};
        rollout->wave_count = 1;
    }
}

static void read_rollout(struct reader *r, const json_t *spec, struct wb_api_rollout *rollout)
{
    static const char path[] = "spec.rollout";
    const json_t *json = read_object(r, spec, "spec", "rollout");
    const char *strategy = wb_api_text_at(json, "AllAtOnce", "strategy", NULL);
    rollout->strategy = strcmp(strategy, "Rolling") == 0  ? WB_API_ROLLING
                        : strcmp(strategy, "Canary") == 0 ? WB_API_CANARY
                                                          : WB_API_ALL_AT_ONCE;
    if (rollout->strategy == WB_API_ALL_AT_ONCE && strcmp(strategy, "AllAtOnce") != 0) {
        refuse(r, path, "strategy", "must be AllAtOnce, Rolling or Canary");
    }
    rollout->max_unavailable = (struct wb_api_amount){.value = 25, .is_percent = true};
    read_amount(r, json, path, "maxUnavailable", &rollout->max_unavailable);
    bool has_limit = read_amount(r, json, path, "maxFailures", &rollout->max_failures);
    read_waves(r, json, rollout);
    rollout->progress_deadline_s =
        (uint32_t)read_number(r, json, path, "progressDeadlineSeconds", 600, 604800);
    rollout->min_ready_s = (uint32_t)read_number(r, json, path, "minReadySeconds", 10, 3600);
    rollout->is_rolled_back = read_flag(r, json, path, "autoRollback");
    rollout->is_judged =
        rollout->strategy != WB_API_ALL_AT_ONCE || rollout->is_rolled_back || has_limit;
}

enum wb_err wb_api_application_parse(struct wb_api_application *application, const json_t *object,
                                     struct wb_api_problem *problem)
{
    struct reader reader = {.problem = problem};
    struct reader *r = &reader;
    memset(application, 0, sizeof *application);
    read_meta(r, object, &application->meta);
    const json_t *spec = read_object(r, object, "", "spec");
    application->wasm_binary =
        json_incref(member(r, spec, "spec", "wasmBinary", JSON_STRING, "must be a string"));
    const json_t *source = read_object(r, spec, "spec", "source");
    const json_t *config_map = read_object(r, source, "spec.source", "configMap");
    application->has_source = source != NULL;
    application->source_name = read_text(r, config_map, "spec.source.configMap", "name");
    application->source_key = read_text(r, config_map, "spec.source.configMap", "key");
    application->signature = read_text(r, spec, "spec", "signature");
    read_strings(r, spec, "spec", "targetDevices", WB_API_TARGET_DEVICES_MAX,
                 &application->target_devices);
    application->device_selector = json_incref(read_object(r, spec, "spec", "deviceSelector"));
    read_strings(r, spec, "spec", "requiredCapabilities", 32, &application->required_capabilities);
    read_config(r, spec, application);
    read_limits(r, spec, application);
    read_strings(r, spec, "spec", "permissions", 64, &application->permissions);
    application->restart_policy = read_restart_policy(r, spec);
    read_rollout(r, spec, &application->rollout);
    application->is_paused = read_flag(r, spec, "spec", "paused");

    application->status = json_incref(read_object(r, object, "", "status"));
    application->phase =
        wb_api_application_phase_read(wb_api_text_at(application->status, "", "phase", NULL));
    application->digest = read_text(r, application->status, "status", "digest");
    application->stable_revision =
        wb_api_integer_at(application->status, 0, "rollout", "stableRevision", NULL);
    application->failed_revision =
        wb_api_integer_at(application->status, 0, "rollout", "failedRevision", NULL);
    application->conditions =
        read_list(r, application->status, "status", "conditions", WB_API_CONDITIONS_MAX);
    if (r->err != WB_OK) {
        wb_api_application_deinit(application);
    }
    return r->err;
}

void wb_api_application_deinit(struct wb_api_application *application)
{
    free_meta(&application->meta);
    json_decref(application->wasm_binary);
    free(application->source_name);
    free(application->source_key);
    free(application->signature);
    free_strings(&application->target_devices);
    json_decref(application->device_selector);
    free_strings(&application->required_capabilities);
    free_strings(&application->args);
    for (size_t i = 0; i < application->env_count; i++) {
        free(application->env[i].name);
        free(application->env[i].value);
    }
    free(application->env);
    free_strings(&application->permissions);
    free(application->digest);
    json_decref(application->status);
    memset(application, 0, sizeof *application);
}

/* ---- Gateway --------------------------------------------------------------------------------- */

enum wb_err wb_api_gateway_parse(struct wb_api_gateway *gateway, const json_t *object,
                                 struct wb_api_problem *problem)
{
    struct reader reader = {.problem = problem};
    struct reader *r = &reader;
    memset(gateway, 0, sizeof *gateway);
    read_meta(r, object, &gateway->meta);
    const json_t *spec = read_object(r, object, "", "spec");
    gateway->endpoint = read_text(r, spec, "spec", "endpoint");
    gateway->tls_port = (uint16_t)read_number(r, spec, "spec", "tlsPort", 4423, 65535);
    gateway->http_port = (uint16_t)read_number(r, spec, "spec", "httpPort", 8080, 65535);
    const json_t *pairing = read_object(r, spec, "spec", "pairing");
    gateway->is_pairing = read_flag(r, pairing, "spec.pairing", "enabled");
    gateway->pairing_until = read_time(r, pairing, "spec.pairing", "until");
    gateway->heartbeat_ms = 30000;
    const json_t *interval =
        member(r, spec, "spec", "heartbeatInterval", JSON_STRING, "must be a duration");
    if (interval != NULL &&
        (wb_api_duration_read(json_string_value(interval), &gateway->heartbeat_ms) != WB_OK ||
         gateway->heartbeat_ms == 0)) {
        refuse(r, "spec", "heartbeatInterval", "must be a duration like 500ms, 30s, 5m");
    }
    gateway->devices_max = (uint32_t)read_number(r, spec, "spec", "maxDevices", 1000, 1000000);

    const json_t *status = read_object(r, object, "", "status");
    gateway->phase = read_text(r, status, "status", "phase");
    gateway->connected_devices =
        (uint32_t)read_number(r, status, "status", "connectedDevices", 0, UINT32_MAX);
    gateway->conditions =
        json_incref(read_list(r, status, "status", "conditions", WB_API_CONDITIONS_MAX));
    if (r->err != WB_OK) {
        wb_api_gateway_deinit(gateway);
    }
    return r->err;
}

void wb_api_gateway_deinit(struct wb_api_gateway *gateway)
{
    free_meta(&gateway->meta);
    free(gateway->endpoint);
    free(gateway->phase);
    json_decref(gateway->conditions);
    memset(gateway, 0, sizeof *gateway);
}
