/* SPDX-License-Identifier: AGPL-3.0-only */
/* world.c: sorted lists of views, and the verdict on each Application. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout.h"
#include "wb_crypto.h"

/* ---- lists ----------------------------------------------------------------------------------- */

/* Every view starts with what names it, but in structs of different kinds. */
typedef const char *name_of(const void *view);

static const char *device_namespace(const void *view)
{
    return ((const struct world_device *)view)->api.meta.namespace;
}
static const char *device_name(const void *view)
{
    return ((const struct world_device *)view)->api.meta.name;
}
static const char *application_namespace(const void *view)
{
    return ((const struct world_application *)view)->api.meta.namespace;
}
static const char *application_name(const void *view)
{
    return ((const struct world_application *)view)->api.meta.name;
}
static const char *gateway_namespace(const void *view)
{
    return ((const struct world_gateway *)view)->api.meta.namespace;
}
static const char *gateway_name(const void *view)
{
    return ((const struct world_gateway *)view)->api.meta.name;
}
static const char *lease_namespace(const void *view)
{
    return ((const struct world_lease *)view)->namespace;
}
static const char *lease_name(const void *view)
{
    return ((const struct world_lease *)view)->name;
}

static const char *record_namespace(const void *view)
{
    return ((const struct world_record *)view)->namespace;
}
static const char *record_name(const void *view)
{
    return ((const struct world_record *)view)->name;
}

struct naming {
    name_of *namespace;
    name_of *name;
};
static const struct naming device_naming = {device_namespace, device_name};
static const struct naming application_naming = {application_namespace, application_name};
static const struct naming gateway_naming = {gateway_namespace, gateway_name};
static const struct naming lease_naming = {lease_namespace, lease_name};
static const struct naming record_naming = {record_namespace, record_name};

/* Index of the first item that is not before (namespace, name); name NULL: of the namespace. */
static size_t lower_bound(const struct world_list *list, const struct naming *naming,
                          const char *namespace, const char *name)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(naming->namespace(list->items[middle]), namespace);
        if (order == 0 && name != NULL) {
            order = strcmp(naming->name(list->items[middle]), name);
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void *find(const struct world_list *list, const struct naming *naming, const char *namespace,
                  const char *name)
{
    size_t index = lower_bound(list, naming, namespace, name);
    bool found = index < list->count &&
                 strcmp(naming->namespace(list->items[index]), namespace) == 0 &&
                 strcmp(naming->name(list->items[index]), name) == 0;
    return found ? list->items[index] : NULL;
}

/* Inserts a view that is not there yet. */
static bool insert(struct world_list *list, const struct naming *naming, void *view)
{
    if (list->count == list->cap) {
        size_t cap = list->cap * 2 + 16;
        void **items = realloc(list->items, cap * sizeof *items);
        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->cap = cap;
    }
    size_t index = lower_bound(list, naming, naming->namespace(view), naming->name(view));
    memmove(list->items + index + 1, list->items + index,
            (list->count - index) * sizeof *list->items);
    list->items[index] = view;
    list->count++;
    return true;
}

static void *take_out(struct world_list *list, const struct naming *naming, const char *namespace,
                      const char *name)
{
    void *view = find(list, naming, namespace, name);
    if (view != NULL) {
        size_t index = lower_bound(list, naming, namespace, name);
        memmove(list->items + index, list->items + index + 1,
                (list->count - index - 1) * sizeof *list->items);
        list->count--;
    }
    return view;
}

static struct world_range range_of(const struct world_list *list, const struct naming *naming,
                                   const char *namespace)
{
    struct world_range range = {.first = lower_bound(list, naming, namespace, NULL)};
    range.end = range.first;
    while (range.end < list->count &&
           strcmp(naming->namespace(list->items[range.end]), namespace) == 0) {
        range.end++;
    }
    return range;
}

/* ---- the verdict on an Application ----------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void
reject(struct world_verdict *verdict, const char *reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->message, sizeof verdict->message, format, arguments);
    va_end(arguments);
    verdict->reason = reason;
    verdict->digest[0] = '\0';
}

/* WebAssembly core specification §5.5.16: magic and version. */
static const uint8_t wasm_head[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};

static void judge_module(const uint8_t *module, size_t len, struct world_verdict *verdict)
{
    uint8_t digest[32];
    if (len >= 4 && memcmp(module, wasm_head, 4) == 0 && len < 8) {
        reject(verdict, "InvalidModule", "spec.wasmBinary: the module ends within its head");
    } else if (len >= 8 && memcmp(module, wasm_head, 4) == 0 && memcmp(module, wasm_head, 8) != 0) {
        reject(verdict, "InvalidModule",
               "spec.wasmBinary: version %u of the binary format is not supported; only 1 is "
               "(components need to be lowered to a core module)",
               (unsigned)(module[4] | module[5] << 8));
    } else if (len < 8 || memcmp(module, wasm_head, 8) != 0) {
        bool is_text = len > 0 && (module[0] == '(' || module[0] == ';');
        bool is_elf = len >= 4 && memcmp(module,
                                         "\x7f"
                                         "ELF",
                                         4) == 0;
        reject(verdict, "InvalidModule", "spec.wasmBinary: no WebAssembly module%s",
               len == 0  ? ": it is empty"
               : is_text ? ": it is the text format; translate it with wat2wasm"
               : is_elf  ? ": it is an ELF file; compile for wasm32"
                         : ": it does not start with \\0asm");
    } else {
        wb_hash_once(WB_HASH_SHA256, module, len, digest);
        wb_api_digest_write(digest, verdict->digest);
    }
}

static void judge_binary(const struct wb_api_application *application,
                         struct world_verdict *verdict)
{
    uint8_t *module;
    size_t len;
    const char *text = json_string_value(application->wasm_binary);
    enum wb_err err = wb_api_base64_decode(text, json_string_length(application->wasm_binary),
                                           WB_API_MODULE_MAX, &module, &len);
    if (err == WB_ERR_LIMIT) {
        reject(verdict, "ModuleTooLarge",
               "spec.wasmBinary: the module has more than %u bytes; make it smaller (wasm-opt -Oz, "
               "wasm-strip) or give it by spec.source",
               WB_API_MODULE_MAX);
    } else if (err != WB_OK) {
        reject(verdict, "InvalidModule",
               "spec.wasmBinary: not base64; encode the module with base64 -w0");
    } else {
        judge_module(module, len, verdict);
        free(module);
    }
}

static bool is_base64(const char *text)
{
    uint8_t *data;
    size_t len;
    if (wb_api_base64_decode(text, strlen(text), SIZE_MAX, &data, &len) != WB_OK) {
        return false;
    }
    free(data);
    return true;
}

void world_judge(const struct wb_api_application *application, const struct wb_api_problem *problem,
                 struct world_verdict *verdict)
{
    struct wb_api_problem selector_problem = {0};
    memset(verdict, 0, sizeof *verdict);
    if (application == NULL) {
        reject(verdict, "InvalidSpec", "%s", problem->text);
    } else if (application->wasm_binary != NULL && application->has_source) {
        reject(verdict, "InvalidSpec", "spec: exactly one of wasmBinary and source is needed");
    } else if (application->has_source &&
               (application->source_name == NULL || application->source_name[0] == '\0')) {
        reject(
            verdict, "SourceNotSupported",
            "spec.source: this version takes modules from a configMap or by spec.wasmBinary; put "
            "it there with base64 -w0");
    } else if (!application->has_source && application->wasm_binary == NULL) {
        reject(verdict, "InvalidSpec",
               "spec.wasmBinary: missing; put the module there with base64 -w0");
    } else if (!is_base64(application->signature)) {
        reject(verdict, "InvalidSignature",
               "spec.signature: not base64; wasmbed sign prints what belongs there");
    } else if (application->device_selector != NULL &&
               wb_api_selector_check(application->device_selector, &selector_problem) != WB_OK) {
        reject(verdict, "InvalidSelector", "%s", selector_problem.text);
    } else if (application->device_selector == NULL && application->target_devices.count == 0) {
        reject(verdict, "NoTarget",
               "spec: names no device; list names in targetDevices or set deviceSelector ({} "
               "selects every approved Device)");
    } else if (!application->has_source) {
        judge_binary(application, verdict);
    } /* else the module is judged when it was fetched */
}

bool world_take_module(struct world *world, struct world_application *application,
                       const json_t *config_map)
{
    struct wb_api_application *api = &application->api;
    json_t *module = json_object_get(json_object_get(config_map, "binaryData"), api->source_key);
    struct world_verdict verdict = {0};
    if (config_map == NULL) {
        reject(&verdict, "SourceNotFound", "spec.source.configMap: there is no ConfigMap %.253s",
               api->source_name);
    } else if (!json_is_string(module)) {
        reject(&verdict, "SourceNotFound",
               "spec.source.configMap: ConfigMap %.200s has no binaryData.%.200s; kubectl create "
               "configmap --from-file makes one",
               api->source_name, api->source_key);
    } else {
        struct wb_api_application judged = {.wasm_binary = module};
        judge_binary(&judged, &verdict);
        if (verdict.reason != NULL) { /* the same words, about another place */
            char text[sizeof verdict.message];
            const char *what = strchr(verdict.message, ':');
            snprintf(text, sizeof text, "ConfigMap %.200s, binaryData.%.200s%s", api->source_name,
                     api->source_key, what != NULL ? what : "");
            memcpy(verdict.message, text, sizeof text);
        }
    }
    application->verdict = verdict;
    application->is_source_bad = verdict.reason != NULL;
    json_decref(application->module);
    application->module = verdict.reason == NULL ? json_incref(module) : NULL;
    world->serial++;
    return application->module != NULL;
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Gives an object that did not parse the names by which it is found again. */
static void name_only(struct wb_api_meta *meta, const json_t *object)
{
    meta->name = strdup(wb_api_text_at(object, "", "metadata", "name", NULL));
    meta->namespace = strdup(wb_api_text_at(object, "", "metadata", "namespace", NULL));
    meta->uid = strdup("");
    meta->resource_version =
        strdup(wb_api_text_at(object, "", "metadata", "resourceVersion", NULL));
    meta->generation = wb_api_integer_at(object, 0, "metadata", "generation", NULL);
}

#define OBJECT_NAMESPACE(object) wb_api_text_at(object, "", "metadata", "namespace", NULL)
#define OBJECT_NAME(object)      wb_api_text_at(object, "", "metadata", "name", NULL)

static const struct wb_api_run *find_run(const struct wb_api_device *device, const char *name)
{
    for (size_t i = 0; i < device->run_count; i++) {
        if (strcmp(device->runs[i].name, name) == 0) {
            return &device->runs[i];
        }
    }
    return NULL;
}

static void free_seen(struct world_seen *seen, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(seen[i].name);
    }
    free(seen);
}

/* One assignment, as seen now; before: what was seen of it last, or NULL. */
static void see(struct world_seen *seen, const struct world_seen *before,
                const struct wb_api_device *device, const struct wb_api_assignment *assignment,
                wb_ms now)
{
    const struct wb_api_run *run = find_run(device, assignment->name);
    bool is_current = run != NULL && run->revision == assignment->revision &&
                      (run->digest[0] == '\0' || strcmp(run->digest, assignment->digest) == 0);
    bool is_same = before != NULL && before->revision == assignment->revision;
    seen->revision = assignment->revision;
    seen->restarts = run != NULL ? run->restarts : 0;
    seen->was_offline = device->phase != WB_API_DEVICE_CONNECTED;
    /* the clock of a device that is away stands still */
    bool is_counting = is_same && !seen->was_offline && !before->was_offline;
    seen->assigned_at = is_counting ? before->assigned_at : now;
    seen->is_up = is_current && !seen->was_offline &&
                  (run->phase == WB_API_RUN_RUNNING || run->phase == WB_API_RUN_STOPPED);
    bool was_up = is_same && before->is_up && before->restarts == seen->restarts;
    seen->up_since = was_up ? before->up_since : now;
}

/* Without memory the device merely counts as not healthy yet. */
static void observe(struct world_device *view, wb_ms now)
{
    struct world_seen *old = view->seen;
    size_t old_count = view->seen_count;
    const struct wb_api_device *device = &view->api;
    view->seen = calloc(device->assignment_count + 1, sizeof *view->seen);
    view->seen_count = 0;
    for (size_t i = 0; i < device->assignment_count && view->seen != NULL; i++) {
        const struct wb_api_assignment *assignment = &device->assignments[i];
        const struct world_seen *before = NULL;
        for (size_t k = 0; k < old_count && before == NULL; k++) {
            before = strcmp(old[k].name, assignment->name) == 0 ? &old[k] : NULL;
        }
        char *name = strdup(assignment->name);
        if (name == NULL) {
            break;
        }
        struct world_seen *seen = &view->seen[view->seen_count++];
        seen->name = name;
        see(seen, before, device, assignment, now);
    }
    free_seen(old, old_count);
}

struct world_device *world_put_device(struct world *world, const json_t *object,
                                      struct wb_api_problem *problem)
{
    world->serial++;
    struct wb_api_device parsed;
    bool is_valid = wb_api_device_parse(&parsed, object, problem) == WB_OK;
    if (!is_valid) {
        name_only(&parsed.meta, object);
    }
    struct world_device *view =
        world_find_device(world, OBJECT_NAMESPACE(object), OBJECT_NAME(object));
    bool is_new = view == NULL;
    if (is_new) {
        view = calloc(1, sizeof *view);
    } else {
        wb_api_device_deinit(&view->api);
    }
    if (view == NULL) {
        wb_api_device_deinit(&parsed);
        return NULL;
    }
    view->api = parsed;
    view->is_valid = is_valid;
    if (is_new && !insert(&world->devices, &device_naming, view)) {
        wb_api_device_deinit(&view->api);
        free(view);
        return NULL;
    }
    observe(view, world->now);
    return view;
}

static void free_device(void *view)
{
    if (view != NULL) {
        struct world_device *device = view;
        wb_api_device_deinit(&device->api);
        free_seen(device->seen, device->seen_count);
        free(view);
    }
}

void world_remove_device(struct world *world, const char *namespace, const char *name)
{
    world->serial++;
    free_device(take_out(&world->devices, &device_naming, namespace, name));
}

struct world_device *world_find_device(const struct world *world, const char *namespace,
                                       const char *name)
{
    return find(&world->devices, &device_naming, namespace, name);
}

struct world_range world_devices_of(const struct world *world, const char *namespace)
{
    return range_of(&world->devices, &device_naming, namespace);
}

/* ---- applications ---------------------------------------------------------------------------- */

static const char *const template_parts[] = {"wasmBinary", "source",      "signature",    "config",
                                             "resources",  "permissions", "restartPolicy"};

json_t *world_template(const json_t *application)
{
    const json_t *spec = json_object_get(application, "spec");
    json_t *template = json_object();
    for (size_t i = 0; i < WB_ARRAY_LEN(template_parts); i++) {
        json_t *part = json_object_get(spec, template_parts[i]);
        if (part != NULL && !json_is_null(part)) {
            json_object_set(template, template_parts[i], part);
        }
    }
    return template;
}

static int add_to_hash(const char *text, size_t len, void *ctx)
{
    wb_hash_update(ctx, text, len);
    return 0;
}

void world_print(const json_t *template, char print[65])
{
    uint8_t digest[WB_HASH_LEN_MAX];
    struct wb_hash hash;
    wb_hash_init(&hash, WB_HASH_SHA256);
    (void)json_dump_callback(template, add_to_hash, &hash, JSON_COMPACT | JSON_SORT_KEYS);
    wb_hash_final(&hash, digest);
    for (size_t i = 0; i < 32; i++) {
        snprintf(print + 2 * i, 3, "%02x", digest[i]);
    }
}

struct world_application *world_put_application(struct world *world, const json_t *object)
{
    world->serial++;
    struct wb_api_application parsed;
    struct wb_api_problem problem = {0};
    bool is_valid = wb_api_application_parse(&parsed, object, &problem) == WB_OK;
    if (!is_valid) {
        name_only(&parsed.meta, object);
        parsed.status = json_incref(json_object_get(object, "status"));
        parsed.conditions = json_object_get(parsed.status, "conditions");
        parsed.digest = strdup(wb_api_text_at(parsed.status, "", "digest", NULL));
    }
    struct world_application *view =
        world_find_application(world, OBJECT_NAMESPACE(object), OBJECT_NAME(object));
    bool is_new = view == NULL;
    /* the verdict depends on spec alone, and status changes more often: decode and hash once */
    bool is_judged = !is_new && view->is_valid && is_valid && parsed.meta.generation > 0 &&
                     view->api.meta.generation == parsed.meta.generation &&
                     strcmp(view->api.meta.uid, parsed.meta.uid) == 0;
    if (is_new) {
        view = calloc(1, sizeof *view);
    } else {
        wb_api_application_deinit(&view->api);
    }
    if (view == NULL) {
        wb_api_application_deinit(&parsed);
        return NULL;
    }
    view->api = parsed;
    view->is_valid = is_valid;
    if (!is_judged) {
        json_t *template = world_template(object);
        world_print(template, view->print);
        json_decref(template);
        json_decref(view->module);
        view->module = NULL;
        view->is_source_bad = false;
        world_judge(is_valid ? &view->api : NULL, &problem, &view->verdict);
    }
    if (!view->api.meta.is_deleting) {
        view->deleting_since = 0;
    } else if (view->deleting_since == 0) {
        view->deleting_since = world->now > 0 ? world->now : 1;
    }
    /* the module itself is not needed any more: the gateway reads it from the API server */
    json_decref(view->api.wasm_binary);
    view->api.wasm_binary = NULL;
    if (is_new && !insert(&world->applications, &application_naming, view)) {
        wb_api_application_deinit(&view->api);
        free(view);
        return NULL;
    }
    return view;
}

static void free_application(void *view)
{
    if (view != NULL) {
        struct world_application *application = view;
        wb_api_application_deinit(&application->api);
        rollout_free(application->cache);
        json_decref(application->module);
        free(view);
    }
}

void world_remove_application(struct world *world, const char *namespace, const char *name)
{
    world->serial++;
    free_application(take_out(&world->applications, &application_naming, namespace, name));
}

struct world_application *world_find_application(const struct world *world, const char *namespace,
                                                 const char *name)
{
    return find(&world->applications, &application_naming, namespace, name);
}

struct world_range world_applications_of(const struct world *world, const char *namespace)
{
    return range_of(&world->applications, &application_naming, namespace);
}

/* ---- records --------------------------------------------------------------------------------- */

static void free_record(void *item)
{
    struct world_record *view = item;
    if (view != NULL) {
        free(view->namespace);
        free(view->name);
        free(view->application);
        free(view->uid);
        free(view);
    }
}

struct world_record *world_put_record(struct world *world, const json_t *object)
{
    const json_t *labels = wb_api_at(object, "metadata", "labels", NULL);
    const json_t *data = json_object_get(object, "data");
    const char *application = wb_api_text_at(labels, "", WB_API_LABEL_APPLICATION, NULL);
    int64_t revision = strtoll(wb_api_text_at(labels, "", WB_API_LABEL_REVISION, NULL), NULL, 10);
    world_remove_record(world, OBJECT_NAMESPACE(object), OBJECT_NAME(object));
    struct world_record *view = calloc(1, sizeof *view);
    if (view == NULL || application[0] == '\0' || revision <= 0) {
        free(view);
        return NULL;
    }
    view->namespace = strdup(OBJECT_NAMESPACE(object));
    view->name = strdup(OBJECT_NAME(object));
    view->application = strdup(application);
    view->uid = strdup(wb_api_text_at(data, "", "uid", NULL));
    view->revision = revision;
    snprintf(view->digest, sizeof view->digest, "%s", wb_api_text_at(data, "", "digest", NULL));
    snprintf(view->print, sizeof view->print, "%s", wb_api_text_at(data, "", "print", NULL));
    if (view->namespace == NULL || view->name == NULL || view->application == NULL ||
        view->uid == NULL || !insert(&world->records, &record_naming, view)) {
        free_record(view);
        return NULL;
    }
    return view;
}

void world_remove_record(struct world *world, const char *namespace, const char *name)
{
    world->serial++;
    free_record(take_out(&world->records, &record_naming, namespace, name));
}

struct world_record *world_find_record(const struct world *world, const char *namespace,
                                       const char *name)
{
    return find(&world->records, &record_naming, namespace, name);
}

struct world_range world_records_of(const struct world *world, const char *namespace)
{
    return range_of(&world->records, &record_naming, namespace);
}

/* ---- gateways and their leases --------------------------------------------------------------- */

struct world_gateway *world_put_gateway(struct world *world, const json_t *object,
                                        struct wb_api_problem *problem)
{
    struct wb_api_gateway parsed;
    bool is_valid = wb_api_gateway_parse(&parsed, object, problem) == WB_OK;
    if (!is_valid) {
        name_only(&parsed.meta, object);
    }
    struct world_gateway *view =
        world_find_gateway(world, OBJECT_NAMESPACE(object), OBJECT_NAME(object));
    bool is_new = view == NULL;
    if (is_new) {
        view = calloc(1, sizeof *view);
    } else {
        wb_api_gateway_deinit(&view->api);
    }
    if (view == NULL) {
        wb_api_gateway_deinit(&parsed);
        return NULL;
    }
    view->api = parsed;
    view->is_valid = is_valid;
    if (is_new && !insert(&world->gateways, &gateway_naming, view)) {
        wb_api_gateway_deinit(&view->api);
        free(view);
        return NULL;
    }
    return view;
}

static void free_gateway(void *view)
{
    if (view != NULL) {
        wb_api_gateway_deinit(&((struct world_gateway *)view)->api);
        free(view);
    }
}

void world_remove_gateway(struct world *world, const char *namespace, const char *name)
{
    free_gateway(take_out(&world->gateways, &gateway_naming, namespace, name));
}

struct world_gateway *world_find_gateway(const struct world *world, const char *namespace,
                                         const char *name)
{
    return find(&world->gateways, &gateway_naming, namespace, name);
}

static void free_lease(void *item)
{
    struct world_lease *view = item;
    if (view != NULL) {
        free(view->namespace);
        free(view->name);
        free(view->renewed);
        free(view);
    }
}

struct world_lease *world_put_lease(struct world *world, const json_t *object, wb_ms now)
{
    const char *renewed = wb_api_text_at(object, "", "spec", "renewTime", NULL);
    int64_t duration_s = wb_api_integer_at(object, 0, "spec", "leaseDurationSeconds", NULL);
    struct world_lease *view =
        world_find_lease(world, OBJECT_NAMESPACE(object), OBJECT_NAME(object));
    if (view == NULL) {
        view = calloc(1, sizeof *view);
        if (view == NULL) {
            return NULL;
        }
        view->namespace = strdup(OBJECT_NAMESPACE(object));
        view->name = strdup(OBJECT_NAME(object));
        if (view->namespace == NULL || view->name == NULL ||
            !insert(&world->leases, &lease_naming, view)) {
            free_lease(view);
            return NULL;
        }
    }
    if (view->renewed == NULL || strcmp(view->renewed, renewed) != 0) {
        view->is_renewed = view->renewed != NULL;
        free(view->renewed);
        view->renewed = strdup(renewed);
        view->seen_at = now;
    }
    view->duration_s =
        duration_s > 0 && duration_s < 86400 ? (uint32_t)duration_s : world->lease_default_s;
    return view;
}

void world_remove_lease(struct world *world, const char *namespace, const char *name)
{
    free_lease(take_out(&world->leases, &lease_naming, namespace, name));
}

struct world_lease *world_find_lease(const struct world *world, const char *namespace,
                                     const char *name)
{
    return find(&world->leases, &lease_naming, namespace, name);
}

/* ---- life ------------------------------------------------------------------------------------ */

void world_init(struct world *world, uint32_t lease_default_s)
{
    memset(world, 0, sizeof *world);
    world->lease_default_s = lease_default_s;
}

static void free_list(struct world_list *list, void (*free_view)(void *view))
{
    for (size_t i = 0; i < list->count; i++) {
        free_view(list->items[i]);
    }
    free(list->items);
}

void world_deinit(struct world *world)
{
    free_list(&world->devices, free_device);
    free_list(&world->applications, free_application);
    free_list(&world->gateways, free_gateway);
    free_list(&world->leases, free_lease);
    free_list(&world->records, free_record);
    memset(world, 0, sizeof *world);
}
