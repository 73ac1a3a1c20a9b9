/* SPDX-License-Identifier: AGPL-3.0-only */
/* work.c: what is written, and when.
 *
 * A view is dirty from the moment that something it depends on changed until a reconciler says that
 * there is nothing to write. Writes are spread by three rules:
 *   - at most RUNNING_MAX at once;
 *   - after a write its object rests until the watch has brought our own change back (ECHO_MS at
 *     most): reconciling the old state again would only repeat the write;
 *   - an Application's status is written at most every COALESCE_MS, however many devices report.
 * A conflict means that somebody wrote first; the watch brings their change and we look again. */
#include <stdlib.h>
#include <string.h>

#include "controller.h"

#define RUNNING_MAX  16u
#define ECHO_MS      1000u
#define COALESCE_MS  150u
#define CONFLICT_MS  50u
#define FETCH_MS     10000u /* until a missing source is looked for again */
#define RETRY_MIN_MS 250u
#define RETRY_MAX_MS 30000u

struct job {
    struct controller *c;
    struct job *next; /* all jobs of the controller, newest first */
    struct job **link;
    enum job_kind kind;
    char namespace[64];
    char name[254];
    json_t *patch;  /* for the log */
    json_t *before; /* an Application's status when the patch was made; NULL: none */
};

static const char *const job_names[JOB_KIND_COUNT] = {
    [JOB_ASSIGN] = "assign",
    [JOB_DEVICE_STATUS] = "device_status",
    [JOB_APPLICATION_STATUS] = "application_status",
    [JOB_GATEWAY_STATUS] = "gateway_status",
    [JOB_FINALIZER] = "finalizer",
    [JOB_FETCH] = "fetch",
    [JOB_RECORD] = "record",
    [JOB_RECORD_REMOVAL] = "record_removal",
};

const char *work_job_name(enum job_kind kind)
{
    return job_names[kind];
}

bool work_is_ready(const struct controller *c)
{
    for (int i = 0; i < CACHE_LEASES; i++) { /* the last; without Leases only liveness is missing */
        if (!wb_kube_reflector_is_synced(c->caches[i])) {
            return false;
        }
    }
    return true;
}

static wb_ms now_ms(const struct controller *c)
{
    return wb_net_now_ms(c->loop);
}

void work_mark(struct controller *c, struct world_work *work)
{
    work->is_dirty = true;
    wb_net_timer_start(c->work_timer, 0, 0);
}

void work_mark_applications_of(struct controller *c, const struct world_device *device)
{
    struct world_range range = world_applications_of(&c->world, device->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        struct world_application *application = c->world.applications.items[i];
        if (is_concerned(application, device)) {
            work_mark(c, &application->work);
            if (application->api.meta.is_deleting) {
                work_mark(c, &application->meta_work);
            }
        }
    }
}

void work_mark_devices_of(struct controller *c, const struct world_application *application)
{
    struct world_range range = world_devices_of(&c->world, application->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        struct world_device *device = c->world.devices.items[i];
        if (is_concerned(application, device)) {
            work_mark(c, &device->spec_work);
        }
    }
}

void work_mark_records_of(struct controller *c, const char *namespace, const char *application)
{
    struct world_range range = world_records_of(&c->world, namespace);
    for (size_t i = range.first; i < range.end; i++) {
        struct world_record *record = c->world.records.items[i];
        if (strcmp(record->application, application) == 0) {
            work_mark(c, &record->work);
        }
    }
}

void work_end_rest(struct controller *c, struct world_work *work, bool is_spread)
{
    if (work->failures == 0) {
        work->not_before = wb_ms_min(work->not_before, now_ms(c) + (is_spread ? COALESCE_MS : 0));
    }
}

/* ---- after a write --------------------------------------------------------------------------- */

static struct world_work *find_work(struct controller *c, const struct job *job)
{
    struct world_device *device;
    struct world_application *application;
    struct world_gateway *gateway;
    struct world_record *record;
    switch (job->kind) {
    case JOB_ASSIGN:
        device = world_find_device(&c->world, job->namespace, job->name);
        return device != NULL ? &device->spec_work : NULL;
    case JOB_DEVICE_STATUS:
        device = world_find_device(&c->world, job->namespace, job->name);
        return device != NULL ? &device->status_work : NULL;
    case JOB_APPLICATION_STATUS:
        application = world_find_application(&c->world, job->namespace, job->name);
        return application != NULL ? &application->work : NULL;
    case JOB_GATEWAY_STATUS:
        gateway = world_find_gateway(&c->world, job->namespace, job->name);
        return gateway != NULL ? &gateway->work : NULL;
    case JOB_FINALIZER:
        application = world_find_application(&c->world, job->namespace, job->name);
        return application != NULL ? &application->meta_work : NULL;
    case JOB_FETCH:
    case JOB_RECORD:
        application = world_find_application(&c->world, job->namespace, job->name);
        return application != NULL ? &application->record_work : NULL;
    case JOB_RECORD_REMOVAL:
        record = world_find_record(&c->world, job->namespace, job->name);
        return record != NULL ? &record->work : NULL;
    case JOB_KIND_COUNT: break;
    }
    return NULL;
}

/* An Application that is refused anew, or whose phase changed: Event and log line. */
static void tell_application(struct controller *c, const struct job *job, const json_t *object)
{
    char quoted[LOG_TEXT_CAP];
    const json_t *status = json_object_get(job->patch, "status");
    const json_t *conditions = json_object_get(status, "conditions");
    const json_t *accepted = wb_api_condition_find(conditions, WB_API_CONDITION_ACCEPTED);
    const json_t *accepted_before = wb_api_condition_find(
        json_object_get(job->before, "conditions"), WB_API_CONDITION_ACCEPTED);
    const char *phase = wb_api_text_at(status, "", "phase", NULL);
    const char *phase_before = wb_api_text_at(job->before, "", "phase", NULL);
    if (wb_api_condition_is(conditions, WB_API_CONDITION_ACCEPTED, WB_API_FALSE) &&
        !json_equal(json_object_get(accepted, "message"),
                    json_object_get(accepted_before, "message"))) {
        const char *message = wb_api_text_at(accepted, "", "message", NULL);
        const char *reason = wb_api_text_at(accepted, "NotAccepted", "reason", NULL);
        wb_kube_event(c->recorder, object, true, reason, message);
        log_line("warning", "application_not_accepted", "namespace=%s name=%s reason=%s message=%s",
                 job->namespace, job->name, reason, log_quote(quoted, message));
    }
    if (strcmp(phase, phase_before) != 0) {
        const json_t *available = wb_api_condition_find(conditions, WB_API_CONDITION_AVAILABLE);
        const json_t *degraded = wb_api_condition_find(conditions, WB_API_CONDITION_DEGRADED);
        bool is_failed = strcmp(phase, "Failed") == 0;
        const char *message = wb_api_text_at(is_failed ? degraded : available, "", "message", NULL);
        wb_kube_event(c->recorder, object, is_failed, phase, message);
        log_line(is_failed ? "warning" : "info", "application_phase",
                 "namespace=%s name=%s phase=%s before=%s message=%s", job->namespace, job->name,
                 phase, phase_before[0] != '\0' ? phase_before : "-", log_quote(quoted, message));
    }
}

/* Tells people (the log, and Events) what was written. */
static void tell_written(struct controller *c, const struct job *job, const json_t *object)
{
    const char *phase = wb_api_text_at(job->patch, "", "status", "phase", NULL);
    switch (job->kind) {
    case JOB_ASSIGN:
        log_line("info", "assigned", "namespace=%s device=%s applications=%zu", job->namespace,
                 job->name, json_array_size(wb_api_at(job->patch, "spec", "applications", NULL)));
        break;
    case JOB_APPLICATION_STATUS: tell_application(c, job, object); break;
    case JOB_DEVICE_STATUS:
    case JOB_GATEWAY_STATUS:
        log_line("info", job_names[job->kind], "namespace=%s name=%s phase=%s", job->namespace,
                 job->name, phase);
        if (strcmp(phase, "Unreachable") == 0) {
            wb_kube_event(c->recorder, object, true, "GatewayLost",
                          "The gateway has stopped renewing its Lease.");
        }
        break;
    case JOB_FETCH:
    case JOB_FINALIZER:
    case JOB_RECORD_REMOVAL:
        log_line("info", job_names[job->kind], "namespace=%s name=%s", job->namespace, job->name);
        break;
    case JOB_RECORD:
        log_line("info", "revision_recorded", "namespace=%s application=%s record=%s",
                 job->namespace, job->name, wb_api_text_at(object, "", "metadata", "name", NULL));
        break;
    case JOB_KIND_COUNT: break;
    }
}

static void job_free(struct job *job)
{
    *job->link = job->next;
    if (job->next != NULL) {
        job->next->link = job->link;
    }
    json_decref(job->patch);
    json_decref(job->before);
    free(job);
}

void work_drop(struct controller *c)
{
    while (c->jobs != NULL) {
        job_free(c->jobs);
    }
}

/* The module is there, or the Application's status says why not. */
static bool take_module(struct controller *c, const struct job *job, const json_t *config_map)
{
    struct world_application *application =
        world_find_application(&c->world, job->namespace, job->name);
    if (application == NULL ||
        strcmp(application->api.source_name, json_string_value(job->patch)) != 0) {
        return true; /* changed meanwhile: the next look knows */
    }
    bool is_there = world_take_module(&c->world, application, config_map);
    work_mark(c, &application->work);
    return is_there;
}

static void written(void *ctx, const struct wb_kube_result *result)
{
    struct job *job = ctx;
    struct controller *c = job->c;
    struct world_work *work = find_work(c, job);
    struct job_counters *counters = &c->counters[job->kind];
    wb_ms pause = ECHO_MS;
    c->running--;
    if (job->kind == JOB_FETCH && (result->err == WB_OK || result->err == WB_ERR_NOT_FOUND)) {
        pause = take_module(c, job, result->err == WB_OK ? result->object : NULL) ? 0 : FETCH_MS;
    }
    if (result->err == WB_OK) {
        counters->written++;
        tell_written(c, job, result->object);
    } else if (result->err == WB_ERR_STATE) {
        counters->conflicts++;
        pause = CONFLICT_MS;
    } else if (result->err != WB_ERR_NOT_FOUND) { /* deleted meanwhile: the watch will say so */
        char quoted[LOG_TEXT_CAP];
        counters->failed++;
        pause = RETRY_MIN_MS << (work != NULL && work->failures < 7 ? work->failures : 7);
        pause = result->retry_after_s > 0 ? result->retry_after_s * 1000u
                                          : wb_ms_min(pause, RETRY_MAX_MS);
        log_line("warning", "write_failed", "job=%s namespace=%s name=%s retry_ms=%llu error=%s",
                 job_names[job->kind], job->namespace, job->name, (unsigned long long)pause,
                 log_quote(quoted, result->text));
    }
    if (work != NULL) {
        work->is_busy = false;
        work->is_dirty = true; /* is the state what we wanted? */
        work->not_before = now_ms(c) + pause;
        work->failures =
            result->err == WB_OK || result->err == WB_ERR_STATE ? 0 : work->failures + 1;
    }
    job_free(job);
    wb_net_timer_start(c->work_timer, 0, 0);
}

/* ---- before a write -------------------------------------------------------------------------- */

static wb_kube_call send_job(struct controller *c, struct job *job)
{
    if (job->kind == JOB_FETCH) {
        return wb_kube_get(c->kube, &wb_kube_configmaps, job->namespace,
                           json_string_value(job->patch), written, job);
    }
    static const struct wb_kube_resource *const patched[JOB_KIND_COUNT] = {
        [JOB_ASSIGN] = &wb_kube_devices,
        [JOB_DEVICE_STATUS] = &wb_kube_devices,
        [JOB_APPLICATION_STATUS] = &wb_kube_applications,
        [JOB_GATEWAY_STATUS] = &wb_kube_gateways,
        [JOB_FINALIZER] = &wb_kube_applications};
    if (job->kind == JOB_RECORD) {
        return wb_kube_create(c->kube, &wb_kube_configmaps, job->namespace, job->patch, written,
                              job);
    }
    if (job->kind == JOB_RECORD_REMOVAL) {
        return wb_kube_delete(c->kube, &wb_kube_configmaps, job->namespace, job->name, written,
                              job);
    }
    bool is_main = job->kind == JOB_ASSIGN || job->kind == JOB_FINALIZER;
    return wb_kube_patch(c->kube, patched[job->kind], job->namespace, job->name,
                         is_main ? NULL : "status", job->patch, written, job);
}

/* Sends a patch; takes it. before: see struct job. */
static void start_job(struct controller *c, enum job_kind kind, const struct wb_api_meta *meta,
                      struct world_work *work, json_t *patch, json_t *before)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL || strlen(meta->namespace) >= sizeof job->namespace ||
        strlen(meta->name) >= sizeof job->name) {
        free(job);
        json_decref(patch);
        return;
    }
    job->c = c;
    job->kind = kind;
    job->patch = patch;
    job->before = json_incref(before);
    memcpy(job->namespace, meta->namespace, strlen(meta->namespace));
    memcpy(job->name, meta->name, strlen(meta->name));
    job->link = &c->jobs;
    job->next = c->jobs;
    if (job->next != NULL) {
        job->next->link = &job->next;
    }
    c->jobs = job;
    if (send_job(c, job) == 0) {
        job_free(job);
        work->is_dirty = true;
        work->not_before = now_ms(c) + RETRY_MIN_MS;
        return;
    }
    work->is_busy = true;
    c->running++;
}

/* Whether the work is due now; else notes when it will be. */
static bool is_due(const struct world_work *work, wb_ms now, wb_ms *next)
{
    if (!work->is_dirty || work->is_busy) {
        return false;
    }
    if (work->not_before > now) {
        *next = wb_ms_min(*next, work->not_before);
        return false;
    }
    return true;
}

/* A reconciler's answer: nothing to do, or a patch. */
static void act(struct controller *c, enum job_kind kind, const struct wb_api_meta *meta,
                struct world_work *work, json_t *patch, json_t *before)
{
    work->is_dirty = false;
    if (patch != NULL) {
        start_job(c, kind, meta, work, patch, before);
    }
}

static void look_at_device_status(struct controller *c, struct world_device *device,
                                  struct reconcile_now now, wb_ms *next)
{
    bool is_unreachable = false;
    json_t *patch = reconcile_device_status(&c->world, device, now, &is_unreachable);
    if (is_unreachable && c->unreachable_tokens == 0) {
        json_decref(patch);
        device->status_work.not_before = now.ms + 500;
        *next = wb_ms_min(*next, device->status_work.not_before);
        return;
    }
    c->unreachable_tokens -= is_unreachable;
    act(c, JOB_DEVICE_STATUS, &device->api.meta, &device->status_work, patch, NULL);
}

static void look_at_devices(struct controller *c, struct reconcile_now now, wb_ms *next)
{
    for (size_t i = 0; i < c->world.devices.count && c->running < RUNNING_MAX; i++) {
        struct world_device *device = c->world.devices.items[i];
        if (is_due(&device->spec_work, now.ms, next)) {
            act(c, JOB_ASSIGN, &device->api.meta, &device->spec_work,
                reconcile_assignments(&c->world, device, now), NULL);
        }
        /* one write at a time to an object: the other would meet a conflict */
        if (!device->spec_work.is_busy && is_due(&device->status_work, now.ms, next)) {
            look_at_device_status(c, device, now, next);
        }
    }
}

/* Whose turn it is may depend on time alone. */
static void wake_devices(struct controller *c, struct world_application *application,
                         struct reconcile_now now)
{
    const struct rollout *r = rollout_of(&c->world, application, now.ms);
    application->wake_at = r != NULL && r->due != WB_NEVER ? r->due : 0;
    struct world_range range = world_devices_of(&c->world, application->api.meta.namespace);
    for (size_t i = range.first; r != NULL && r->granted_count > 0 && i < range.end; i++) {
        struct world_device *device = c->world.devices.items[i];
        if (rollout_is_granted(r, device)) {
            work_mark(c, &device->spec_work);
        }
    }
}

static void look_at_finalizer(struct controller *c, struct world_application *application,
                              struct reconcile_now now, wb_ms *next)
{
    bool is_late;
    wb_ms due = WB_NEVER;
    json_t *patch = reconcile_finalizer(&c->world, application, now.ms, &is_late, &due);
    if (is_late) {
        log_line("warning", "undeploy_incomplete", "namespace=%s name=%s",
                 application->api.meta.namespace, application->api.meta.name);
    }
    act(c, JOB_FINALIZER, &application->api.meta, &application->meta_work, patch, NULL);
    if (due != WB_NEVER) { /* look again then, or when a device reports */
        application->wake_at =
            application->wake_at > 0 ? wb_ms_min(application->wake_at, due) : due;
        *next = wb_ms_min(*next, due);
    }
}

static void look_at_application(struct controller *c, struct world_application *application,
                                struct reconcile_now now, wb_ms *next)
{
    const struct wb_api_meta *meta = &application->api.meta;
    if (application->wake_at > 0 && application->wake_at <= now.ms) {
        application->wake_at = 0;
        application->work.is_dirty = true;
        application->meta_work.is_dirty = true;
    }
    if (is_due(&application->record_work, now.ms, next)) {
        const json_t *object =
            wb_kube_reflector_find(c->caches[CACHE_APPLICATIONS], meta->namespace, meta->name);
        bool is_fetch = needs_module(&c->world, application, now.ms);
        json_t *plan = is_fetch ? json_string(application->api.source_name)
                                : reconcile_record(&c->world, application, object, now.ms);
        act(c, is_fetch ? JOB_FETCH : JOB_RECORD, meta, &application->record_work, plan, NULL);
    }
    if ((!application->record_work.is_busy || application->is_source_bad) &&
        is_due(&application->work, now.ms, next)) {
        act(c, JOB_APPLICATION_STATUS, meta, &application->work,
            reconcile_application_status(&c->world, application, now), application->api.status);
        if (!application->work.is_dirty) {
            application->work.not_before = now.ms + COALESCE_MS;
        }
        wake_devices(c, application, now);
    }
    if (is_due(&application->meta_work, now.ms, next)) {
        look_at_finalizer(c, application, now, next);
    }
    if (application->wake_at > 0) {
        *next = wb_ms_min(*next, application->wake_at);
    }
}

static void look_at_applications(struct controller *c, struct reconcile_now now, wb_ms *next)
{
    for (size_t i = 0; i < c->world.applications.count && c->running < RUNNING_MAX; i++) {
        look_at_application(c, c->world.applications.items[i], now, next);
    }
}

static void look_at_records(struct controller *c, struct reconcile_now now, wb_ms *next)
{
    for (size_t i = 0; i < c->world.records.count && c->running < RUNNING_MAX; i++) {
        struct world_record *record = c->world.records.items[i];
        if (!is_due(&record->work, now.ms, next)) {
            continue;
        }
        struct wb_api_meta meta = {.namespace = record->namespace, .name = record->name};
        bool is_surplus = is_record_surplus(&c->world, record, now.ms);
        act(c, JOB_RECORD_REMOVAL, &meta, &record->work, is_surplus ? json_object() : NULL, NULL);
    }
}

void work_run(void *ctx)
{
    struct controller *c = ctx;
    if (!c->is_leader || !work_is_ready(c)) {
        return;
    }
    struct reconcile_now now = {.ms = now_ms(c), .unix_s = wb_net_unix_s()};
    wb_ms next = WB_NEVER;
    look_at_devices(c, now, &next);
    look_at_applications(c, now, &next);
    look_at_records(c, now, &next);
    for (size_t i = 0; i < c->world.gateways.count && c->running < RUNNING_MAX; i++) {
        struct world_gateway *gateway = c->world.gateways.items[i];
        if (is_due(&gateway->work, now.ms, &next)) {
            act(c, JOB_GATEWAY_STATUS, &gateway->api.meta, &gateway->work,
                reconcile_gateway_status(&c->world, gateway, now), NULL);
        }
    }
    /* at the limit, the end of a write brings us back here */
    wb_net_timer_at(c->work_timer, next);
}
