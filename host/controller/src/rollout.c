/* SPDX-License-Identifier: AGPL-3.0-only */
/* rollout.c: first the revision (records), then every device's place (walk), then who is next
 * (grant), then what is to be remembered (judge). */
#include "rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_online(const struct world_device *device)
{
    return device->api.phase == WB_API_DEVICE_CONNECTED;
}

/* ---- records --------------------------------------------------------------------------------- */

static bool is_record_of(const struct world_record *record,
                         const struct world_application *application)
{
    return strcmp(record->application, application->api.meta.name) == 0 &&
           strcmp(record->uid, application->api.meta.uid) == 0;
}

/* The record of a revision; revision 0: the newest. */
static const struct world_record *find_revision(const struct world *world,
                                                const struct world_application *application,
                                                int64_t revision)
{
    const struct world_record *found = NULL;
    struct world_range range = world_records_of(world, application->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        const struct world_record *record = world->records.items[i];
        if (is_record_of(record, application) &&
            (revision > 0 ? record->revision == revision
                          : found == NULL || record->revision > found->revision)) {
            found = record;
        }
    }
    return found;
}

/* Revisions count changes of what devices get; pausing or choosing other devices makes none. */
static void find_current(const struct world *world, const struct world_application *application,
                         struct rollout *r)
{
    const struct world_record *newest = find_revision(world, application, 0);
    r->is_recorded = newest != NULL && strcmp(newest->print, application->print) == 0;
    r->current = r->is_recorded ? newest->revision : application->api.meta.generation;
    if (r->is_recorded) {
        memcpy(r->current_digest, newest->digest, sizeof r->current_digest);
    }
    if (!r->is_recorded && newest != NULL && newest->revision >= r->current) {
        r->current = newest->revision + 1;
    }
    const struct world_record *stable =
        application->api.stable_revision > 0
            ? find_revision(world, application, application->api.stable_revision)
            : NULL;
    if (stable != NULL) {
        r->stable = stable->revision;
        memcpy(r->stable_digest, stable->digest, sizeof r->stable_digest);
    }
}

/* ---- devices --------------------------------------------------------------------------------- */

static const struct world_seen *find_seen(const struct world_device *device, const char *name)
{
    for (size_t i = 0; i < device->seen_count; i++) {
        if (strcmp(device->seen[i].name, name) == 0) {
            return &device->seen[i];
        }
    }
    return NULL;
}

static bool reports_failure(const struct world_device *device, const char *name, int64_t revision)
{
    for (size_t i = 0; i < device->api.run_count; i++) {
        const struct wb_api_run *run = &device->api.runs[i];
        if (strcmp(run->name, name) == 0) {
            return run->revision == revision && run->phase == WB_API_RUN_FAILED;
        }
    }
    return false;
}

struct walk {
    const struct world_application *application;
    wb_ms now;
    struct rollout *r;
    uint32_t settling; /* connected, updated, neither healthy nor failed */
    uint32_t away;     /* updated, not connected */
};

static void add_failed(struct walk *w, const struct world_device *device)
{
    if (w->r->failed++ == 0) {
        w->r->first_failed = device;
    }
}

static void walk_updated(struct walk *w, const struct world_device *device,
                         const struct world_seen *seen)
{
    const struct wb_api_rollout *rollout = &w->application->api.rollout;
    struct rollout *r = w->r;
    wb_ms ready_at = seen->up_since + (wb_ms)rollout->min_ready_s * 1000u;
    wb_ms late_at = seen->assigned_at + (wb_ms)rollout->progress_deadline_s * 1000u;
    r->updated++;
    if (reports_failure(device, w->application->api.meta.name, r->current)) {
        add_failed(w, device);
    } else if (!is_online(device)) {
        w->away++;
    } else if (seen->is_up && w->now >= ready_at) {
        r->healthy++;
    } else if (w->now >= late_at) {
        add_failed(w, device);
    } else {
        w->settling++;
        r->due = wb_ms_min(r->due, seen->is_up ? wb_ms_min(ready_at, late_at) : late_at);
    }
}

static void walk_devices(const struct world *world, struct walk *w)
{
    struct world_range range = world_devices_of(world, w->application->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        const struct world_device *device = world->devices.items[i];
        if (!device->is_valid || device->api.meta.is_deleting ||
            select_device(&w->application->api, &device->api) != SELECT_YES) {
            continue;
        }
        const struct world_seen *seen = find_seen(device, w->application->api.meta.name);
        w->r->total++;
        if (seen != NULL && seen->revision == w->r->current) {
            walk_updated(w, device, seen);
        } else if (is_online(device)) {
            w->r->waiting++;
        }
    }
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

/* How many more devices may get the revision now. A device that failed within what maxFailures
 * tolerates, or went away, holds nobody up. */
static uint32_t room(const struct walk *w)
{
    const struct wb_api_rollout *rollout = &w->application->api.rollout;
    const struct rollout *r = w->r;
    if (rollout->strategy == WB_API_ROLLING) {
        uint32_t max = wb_api_amount_of(rollout->max_unavailable, r->total);
        max = max > 0 ? max : 1;
        return max > w->settling ? max - w->settling : 0;
    }
    uint32_t done = r->healthy + r->failed + w->away;
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        uint32_t size = wb_api_amount_of(rollout->waves[i], r->total);
        size = size > 0 ? size : 1;
        if (done < size) {
            return size > r->updated ? size - r->updated : 0;
        }
    }
    return r->total;
}

static int by_address(const void *a, const void *b)
{
    const struct world_device *const *left = a;
    const struct world_device *const *right = b;
    return (*left > *right) - (*left < *right);
}

static bool grant(const struct world *world, struct walk *w)
{
    struct rollout *r = w->r;
    uint32_t count = room(w);
    struct world_range range = world_devices_of(world, w->application->api.meta.namespace);
    r->granted = calloc((count < r->waiting ? count : r->waiting) + 1u, sizeof(void *));
    if (r->granted == NULL) {
        return false;
    }
    for (size_t i = range.first; i < range.end && r->granted_count < count; i++) {
        const struct world_device *device = world->devices.items[i];
        if (!device->is_valid || device->api.meta.is_deleting || !is_online(device) ||
            select_device(&w->application->api, &device->api) != SELECT_YES) {
            continue;
        }
        const struct world_seen *seen = find_seen(device, w->application->api.meta.name);
        if (seen == NULL || seen->revision != r->current) {
            r->granted[r->granted_count++] = device;
        }
    }
    qsort(r->granted, r->granted_count, sizeof(void *), by_address);
    return true;
}

bool rollout_is_granted(const struct rollout *rollout, const struct world_device *device)
{
    return rollout->granted_count > 0 && bsearch(&device, rollout->granted, rollout->granted_count,
                                                 sizeof(void *), by_address) != NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void set_target(struct rollout *r, int64_t revision, const char *digest)
{
    r->target = revision;
    snprintf(r->target_digest, sizeof r->target_digest, "%s", digest);
}

static void judge(const struct world_application *application, struct walk *w)
{
    const struct wb_api_rollout *rollout = &application->api.rollout;
    struct rollout *r = w->r;
    uint32_t tolerated = rollout->is_judged ? wb_api_amount_of(rollout->max_failures, r->total) : 0;
    r->is_failed = rollout->is_judged && r->failed > tolerated;
    r->is_rolling_back = r->is_failed && rollout->is_rolled_back && r->stable > 0; /* next */
    r->is_complete = !r->is_failed && r->failed <= tolerated && r->healthy > 0 && r->waiting == 0 &&
                     w->settling == 0;
}

/* Outcomes: false without memory. */
static bool decide(const struct world *world, const struct world_application *application,
                   struct walk *w)
{
    struct rollout *r = w->r;
    const struct wb_api_application *api = &application->api;
    find_current(world, application, r);
    if (!application->is_valid || application->verdict.reason != NULL) {
        return true;
    }
    walk_devices(world, w);
    if (!r->is_recorded || api->is_paused || api->meta.is_deleting) {
        return true;
    }
    set_target(r, r->current, r->current_digest);
    if (api->stable_revision == r->current) {
        r->state = ROLLOUT_OPEN;
    } else if (api->failed_revision == r->current) {
        r->is_rolling_back = api->rollout.is_rolled_back && r->stable > 0;
        r->state = r->is_rolling_back ? ROLLOUT_OPEN : ROLLOUT_STOPPED;
        if (r->is_rolling_back) {
            set_target(r, r->stable, r->stable_digest);
        }
    } else {
        judge(application, w);
        r->state = r->is_failed                                  ? ROLLOUT_STOPPED
                   : api->rollout.strategy == WB_API_ALL_AT_ONCE ? ROLLOUT_OPEN
                                                                 : ROLLOUT_GATED;
        return r->state != ROLLOUT_GATED || grant(world, w);
    }
    return true;
}

void rollout_free(struct rollout *rollout)
{
    if (rollout != NULL) {
        free(rollout->granted);
        free(rollout);
    }
}

const struct rollout *rollout_of(const struct world *world,
                                 const struct world_application *application, wb_ms now)
{
    /* The answer is kept with the Application: what the world says of it does not change by that.
     */
    struct rollout *old = application->cache;
    if (old != NULL && old->serial == world->serial && old->at == now) {
        return old;
    }
    struct rollout *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    *r = (struct rollout){.serial = world->serial, .at = now, .due = WB_NEVER};
    struct walk w = {.application = application, .now = now, .r = r};
    if (!decide(world, application, &w)) {
        rollout_free(r);
        return NULL;
    }
    rollout_free(old);
    ((struct world_application *)application)->cache = r;
    return r;
}

/* ---- writing records ------------------------------------------------------------------------- */

bool needs_module(const struct world *world, const struct world_application *application, wb_ms now)
{
    const struct rollout *r = rollout_of(world, application, now);
    return r != NULL && !r->is_recorded && application->is_valid &&
           application->api.source_name[0] != '\0' && application->module == NULL &&
           !application->api.meta.is_deleting &&
           (application->verdict.reason == NULL || application->is_source_bad);
}

json_t *reconcile_record(const struct world *world, const struct world_application *application,
                         const json_t *object, wb_ms now)
{
    const struct rollout *r = rollout_of(world, application, now);
    const struct wb_api_meta *meta = &application->api.meta;
    if (r == NULL || r->is_recorded || meta->is_deleting || !application->is_valid ||
        application->verdict.reason != NULL || object == NULL ||
        wb_api_integer_at(object, 0, "metadata", "generation", NULL) != meta->generation ||
        (application->api.has_source && application->module == NULL)) {
        return NULL;
    }
    json_t *template = world_template(object);
    if (application->module != NULL) { /* gateways need not know where it came from */
        json_object_del(template, "source");
        json_object_set(template, "wasmBinary", application->module);
    }
    char *spec = json_dumps(template, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(template);
    json_t *record = json_pack(
        "{s:s, s:s, s:{s:o, s:s, s:{s:s, s:o, s:s}, s:[{s:s, s:s, s:s, s:s, s:b}]}, s:b,"
        " s:{s:s, s:s, s:s, s:s}}",
        "apiVersion", "v1", "kind", "ConfigMap", "metadata", "name",
        json_sprintf("wasmbed.%s.r%lld", meta->name, (long long)r->current), "namespace",
        meta->namespace, "labels", WB_API_LABEL_APPLICATION, meta->name, WB_API_LABEL_REVISION,
        json_sprintf("%lld", (long long)r->current), "app.kubernetes.io/managed-by",
        "wasmbed-controller", "ownerReferences", "apiVersion", WB_API_GROUP_VERSION, "kind",
        "Application", "name", meta->name, "uid", meta->uid, "controller", 1, "immutable", 1,
        "data", "uid", meta->uid, "digest", application->verdict.digest, "print",
        application->print, "spec.json", spec != NULL ? spec : "");
    free(spec);
    return record;
}

static bool is_assigned_somewhere(const struct world *world, const struct world_record *record)
{
    struct world_range range = world_devices_of(world, record->namespace);
    for (size_t i = range.first; i < range.end; i++) {
        const struct world_seen *seen = find_seen(world->devices.items[i], record->application);
        if (seen != NULL && seen->revision == record->revision) {
            return true;
        }
    }
    return false;
}

bool is_record_surplus(const struct world *world, const struct world_record *record, wb_ms now)
{
    const struct world_application *application =
        world_find_application(world, record->namespace, record->application);
    if (application == NULL || !is_record_of(record, application)) {
        return true;
    }
    const struct rollout *r = rollout_of(world, application, now);
    if (r == NULL || record->revision == r->current ||
        record->revision == application->api.stable_revision) {
        return false;
    }
    uint32_t newer = 0;
    struct world_range range = world_records_of(world, record->namespace);
    for (size_t i = range.first; i < range.end; i++) {
        const struct world_record *other = world->records.items[i];
        newer += is_record_of(other, application) && other->revision > record->revision;
    }
    return newer >= ROLLOUT_RECORDS_MAX && !is_assigned_somewhere(world, record);
}

/* ---- the finalizer --------------------------------------------------------------------------- */

/* A device that is away is no reason to wait: it is not assigned the Application any more, and its
 * gateway tells it so when it returns. */
static bool is_clean(const struct world_device *device, const char *name)
{
    if (!device->is_valid) {
        return true;
    }
    for (size_t i = 0; i < device->api.assignment_count; i++) {
        if (strcmp(device->api.assignments[i].name, name) == 0) {
            return device->api.meta.is_deleting;
        }
    }
    for (size_t i = 0; is_online(device) && i < device->api.run_count; i++) {
        if (strcmp(device->api.runs[i].name, name) == 0) {
            return false;
        }
    }
    return true;
}

static bool is_undeployed(const struct world *world, const struct world_application *application)
{
    struct world_range range = world_devices_of(world, application->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        if (!is_clean(world->devices.items[i], application->api.meta.name)) {
            return false;
        }
    }
    return true;
}

json_t *reconcile_finalizer(const struct world *world, const struct world_application *application,
                            wb_ms now, bool *is_late, wb_ms *due)
{
    const struct wb_api_meta *meta = &application->api.meta;
    *is_late = false;
    if (meta->has_finalizer != meta->is_deleting) {
        return NULL; /* as it should be */
    }
    if (meta->is_deleting && !is_undeployed(world, application)) {
        wb_ms late_at = application->deleting_since + UNDEPLOY_MS;
        *is_late = now >= late_at;
        if (!*is_late) {
            *due = wb_ms_min(*due, late_at);
            return NULL;
        }
    }
    json_t *list = json_array();
    size_t index;
    json_t *item;
    json_array_foreach(meta->finalizers, index, item)
    {
        if (strcmp(json_string_value(item) != NULL ? json_string_value(item) : "",
                   WB_API_FINALIZER) != 0) {
            json_array_append(list, item);
        }
    }
    if (!meta->is_deleting) {
        json_array_append_new(list, json_string(WB_API_FINALIZER));
    }
    return json_pack("{s:{s:s, s:o}}", "metadata", "resourceVersion", meta->resource_version,
                     "finalizers", list);
}
