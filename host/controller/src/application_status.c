/* SPDX-License-Identifier: AGPL-3.0-only */
/* application_status.c: what the Devices say about an Application, summed up.
 *
 * First every device that should run it becomes a row (what it does there, and why); the rows give
 * the counts, the counts give the phase and the conditions, the first hundred rows, those with
 * trouble first, the list. */
#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout.h"

enum row_state {
    ROW_FAILED,  /* order of the list */
    ROW_BLOCKED, /* cannot be assigned: the message says why */
    ROW_PENDING,
    ROW_OFFLINE,
    ROW_STOPPED,
    ROW_RUNNING,
};

struct row {
    const char *name;
    enum row_state state;
    const char *blocked;               /* why, for ROW_BLOCKED */
    const struct world_device *device; /* NULL: does not exist */
    const struct wb_api_run *run;      /* NULL: not reported */
    int64_t revision;                  /* that it should run; 0: none */
};

struct rows {
    struct row *items;
    size_t count;
    size_t cap;
};

static const struct wb_api_run *find_run(const struct wb_api_device *device, const char *name)
{
    for (size_t i = 0; i < device->run_count; i++) {
        if (strcmp(device->runs[i].name, name) == 0) {
            return &device->runs[i];
        }
    }
    return NULL;
}

static const struct wb_api_assignment *find_assignment(const struct wb_api_device *device,
                                                       const char *name)
{
    for (size_t i = 0; i < device->assignment_count; i++) {
        if (strcmp(device->assignments[i].name, name) == 0) {
            return &device->assignments[i];
        }
    }
    return NULL;
}

static struct row *add_row(struct rows *rows, const char *name)
{
    if (rows->count == rows->cap) {
        size_t cap = rows->cap * 2 + 16;
        struct row *items = realloc(rows->items, cap * sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        rows->items = items;
        rows->cap = cap;
    }
    struct row *row = &rows->items[rows->count++];
    *row = (struct row){.name = name, .state = ROW_PENDING};
    return row;
}

static bool is_offline(const struct wb_api_device *device)
{
    return device->phase == WB_API_DEVICE_DISCONNECTED ||
           device->phase == WB_API_DEVICE_UNREACHABLE;
}

/* What a report says, if it is about the revision and module that the device should run. */
static enum row_state judge_run(const struct row *row, const char *digest)
{
    const struct wb_api_run *run = row->run;
    bool is_current = run != NULL && run->revision == row->revision &&
                      (run->digest[0] == '\0' || strcmp(run->digest, digest) == 0);
    if (is_current && run->phase == WB_API_RUN_FAILED) {
        return ROW_FAILED;
    }
    if (is_offline(&row->device->api)) {
        return ROW_OFFLINE;
    }
    if (is_current && run->phase == WB_API_RUN_RUNNING) {
        return ROW_RUNNING;
    }
    return is_current && run->phase == WB_API_RUN_STOPPED ? ROW_STOPPED : ROW_PENDING;
}

/* Adds the device if it should run the Application, or does. */
static void add_device(struct rows *rows, const struct world *world,
                       const struct world_application *application,
                       const struct world_device *device, wb_ms now)
{
    const struct wb_api_application *api = &application->api;
    const struct wb_api_assignment *current = find_assignment(&device->api, api->meta.name);
    bool is_frozen = application->verdict.reason != NULL || api->is_paused;
    bool is_named = wb_api_strings_contain(&api->target_devices, device->api.meta.name);
    enum selection selection = application->is_valid ? select_device(api, &device->api) : SELECT_NO;
    if (is_frozen ? current == NULL && selection != SELECT_YES
                  : selection == SELECT_NO || (selection != SELECT_YES && !is_named)) {
        return;
    }
    struct row *row = add_row(rows, device->api.meta.name);
    if (row == NULL) {
        return;
    }
    row->device = device;
    row->run = find_run(&device->api, api->meta.name);
    if (is_frozen || selection == SELECT_YES) {
        struct wanted wanted = wanted_of(world, application, device, now);
        row->revision = wanted.revision;
        row->state = wanted.revision > 0 ? judge_run(row, wanted.digest) : ROW_PENDING;
    } else {
        row->state = ROW_BLOCKED;
        row->blocked = selection == SELECT_NOT_APPROVED
                           ? "the Device is not approved; set its spec.approved to true"
                           : "the Device lacks a capability of spec.requiredCapabilities";
    }
}

static struct rows collect(const struct world *world, const struct world_application *application,
                           wb_ms now)
{
    struct rows rows = {0};
    struct world_range range = world_devices_of(world, application->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        const struct world_device *device = world->devices.items[i];
        if (device->is_valid) {
            add_device(&rows, world, application, device, now);
        }
    }
    for (size_t i = 0; i < application->api.target_devices.count; i++) {
        const char *name = application->api.target_devices.items[i];
        const struct world_device *device =
            world_find_device(world, application->api.meta.namespace, name);
        struct row *row = device == NULL || !device->is_valid ? add_row(&rows, name) : NULL;
        if (row != NULL) {
            row->state = ROW_BLOCKED;
            row->blocked = device == NULL ? "no Device of this name exists in the namespace"
                                          : "the Device is malformed; see the controller's log";
        }
    }
    return rows;
}

static int by_trouble_then_name(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    if (left->state != right->state) {
        return left->state < right->state ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

/* ---- the list -------------------------------------------------------------------------------- */

/* Several bytes longer than what is kept, so that it is cut once, between characters. */
static void row_message(const struct row *row, char *text, size_t cap)
{
    const struct wb_api_run *run = row->run;
    text[0] = '\0';
    switch (row->state) {
    case ROW_BLOCKED: snprintf(text, cap, "%s", row->blocked); break;
    case ROW_OFFLINE:
        snprintf(text, cap, "the device is %s%s", wb_api_device_phase_str(row->device->api.phase),
                 run != NULL && run->phase == WB_API_RUN_RUNNING
                     ? "; the application ran when it was seen last"
                     : "");
        break;
    case ROW_PENDING:
        if (run != NULL && row->revision != 0 && run->revision != row->revision) {
            snprintf(text, cap, "reports revision %lld; revision %lld is wanted",
                     (long long)run->revision, (long long)row->revision);
        } else if (row->revision == 0) {
            snprintf(text, cap, "waits for its turn in the rollout");
        } else if (run == NULL && row->device->api.phase != WB_API_DEVICE_CONNECTED) {
            snprintf(text, cap, "the device has not connected yet");
        } else if (run != NULL) {
            snprintf(text, cap, "%s", run->message);
        }
        break;
    case ROW_FAILED:
    case ROW_STOPPED:
    case ROW_RUNNING: snprintf(text, cap, "%s", run->message); break;
    }
}

static json_t *row_json(const struct row *row)
{
    char message[WB_API_MESSAGE_MAX + 8];
    row_message(row, message, sizeof message);
    const struct wb_api_run *run = row->run;
    enum wb_api_run_phase phase =
        run != NULL && run->phase != WB_API_RUN_NONE ? run->phase : WB_API_RUN_PENDING;
    json_t *json = json_pack("{s:s, s:s}", "name", row->name, "phase", wb_api_run_phase_str(phase));
    if (run != NULL && run->digest[0] != '\0') {
        json_object_set_new(json, "digest", json_string(run->digest));
    }
    if (message[0] != '\0') {
        json_t *text = json_stringn(message, wb_api_text_cut(message, WB_API_MESSAGE_MAX - 4));
        json_object_set_new(json, "message",
                            text != NULL ? text : json_string("(the message is not text)"));
    }
    return json;
}

static json_t *list_json(const struct rows *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->count && i < WB_API_DEPLOYED_DEVICES_MAX; i++) {
        json_array_append_new(list, row_json(&rows->items[i]));
    }
    return list;
}

/* ---- counts and conditions ------------------------------------------------------------------- */

static struct wb_api_counts count_rows(const struct rows *rows)
{
    struct wb_api_counts counts = {.target = (uint32_t)rows->count};
    for (size_t i = 0; i < rows->count; i++) {
        counts.running += rows->items[i].state == ROW_RUNNING;
        counts.failed += rows->items[i].state == ROW_FAILED;
        counts.stopped += rows->items[i].state == ROW_STOPPED;
    }
    return counts;
}

/* Everything that the conditions speak about. */
struct summary {
    const struct world_application *application;
    const struct rows *rows;
    const struct rollout *rollout;
    bool is_stopped; /* the revision's rollout failed, as is known now or was before */
    struct wb_api_counts counts;
    char failure[WB_API_MESSAGE_MAX]; /* why it was stopped */
    char text[640];                   /* message of the condition that is being made */
};

/* Nothing of the new revision is assigned before its record exists. */
static bool is_being_recorded(const struct summary *s)
{
    return s->application->verdict.reason == NULL && !s->application->api.is_paused &&
           !s->rollout->is_recorded;
}

static struct wb_api_condition accepted_condition(struct summary *s)
{
    const struct world_verdict *verdict = &s->application->verdict;
    if (verdict->reason == NULL) {
        return (struct wb_api_condition){WB_API_CONDITION_ACCEPTED, WB_API_TRUE, "Valid",
                                         "The module and its targets make sense."};
    }
    snprintf(s->text, sizeof s->text, "%s%s", verdict->message,
             s->counts.running > 0 ? " (the previous version goes on running)" : "");
    return (struct wb_api_condition){WB_API_CONDITION_ACCEPTED, WB_API_FALSE, verdict->reason,
                                     s->text};
}

static struct wb_api_condition progressing_condition(struct summary *s)
{
    struct wb_api_condition c = {WB_API_CONDITION_PROGRESSING, WB_API_FALSE, NULL, s->text};
    uint32_t settled = s->counts.running + s->counts.failed + s->counts.stopped;
    s->text[0] = '\0';
    if (s->application->verdict.reason != NULL) {
        c.reason = "NotAccepted";
        c.message = "Nothing is deployed until the Application is accepted.";
    } else if (s->application->api.is_paused) {
        c.reason = "Paused";
        c.message = "Changes are held back while spec.paused is true.";
    } else if (s->counts.target == 0) {
        c.reason = "NoDevices";
        c.message = "No approved Device matches; devices that come later get the application.";
    } else if (is_being_recorded(s)) {
        c.status = WB_API_TRUE;
        c.reason = "RecordingRevision";
        c.message = "What devices are to get is being recorded in a ConfigMap.";
    } else if (s->is_stopped) {
        bool is_going_back = s->rollout->is_rolling_back && s->counts.running < s->counts.target;
        c.status = is_going_back ? WB_API_TRUE : WB_API_FALSE;
        c.reason = is_going_back                 ? "RollingBack"
                   : s->rollout->is_rolling_back ? "RolledBack"
                                                 : "RolloutFailed";
        snprintf(s->text, sizeof s->text, "%u of %u devices run the revision they were given; %.*s",
                 s->counts.running, s->counts.target, (int)wb_api_text_cut(s->failure, 500),
                 s->failure);
    } else if (s->rollout->state == ROLLOUT_GATED && !s->rollout->is_complete) {
        c.status = WB_API_TRUE;
        c.reason = "RollingOut";
        snprintf(s->text, sizeof s->text,
                 "Revision %lld: %u of %u devices have it, %u of them healthy, %u failed; %u wait "
                 "for their turn.",
                 (long long)s->rollout->current, s->rollout->updated, s->rollout->total,
                 s->rollout->healthy, s->rollout->failed, s->rollout->waiting);
    } else if (settled < s->counts.target) {
        c.status = WB_API_TRUE;
        c.reason = "Deploying";
        snprintf(s->text, sizeof s->text, "%u of %u devices have not settled yet.",
                 s->counts.target - settled, s->counts.target);
    } else {
        c.reason = s->counts.failed > 0 ? "Failed" : "Complete";
        snprintf(s->text, sizeof s->text, "%u of %u devices run it.", s->counts.running,
                 s->counts.target);
    }
    return c;
}

static struct wb_api_condition available_condition(struct summary *s)
{
    bool is_available = s->counts.running > 0;
    snprintf(s->text, sizeof s->text, "%u of %u devices run it.", s->counts.running,
             s->counts.target);
    return (struct wb_api_condition){WB_API_CONDITION_AVAILABLE,
                                     is_available ? WB_API_TRUE : WB_API_FALSE,
                                     !is_available                           ? "NotRunning"
                                     : s->counts.running == s->counts.target ? "AllRunning"
                                                                             : "SomeRunning",
                                     s->text};
}

static struct wb_api_condition degraded_condition(struct summary *s)
{
    const struct row *first = s->rows->count > 0 ? &s->rows->items[0] : NULL;
    if (s->is_stopped) {
        return (struct wb_api_condition){
            WB_API_CONDITION_DEGRADED, WB_API_TRUE,
            s->rollout->is_rolling_back ? "RolledBack" : "RolloutFailed", s->failure};
    }
    if (first != NULL && first->state == ROW_FAILED) {
        const char *why = first->run->message[0] != '\0' ? first->run->message : "no reason given";
        snprintf(s->text, sizeof s->text, "%u of %u devices report a failure; %s: %.*s",
                 s->counts.failed, s->counts.target, first->name, (int)wb_api_text_cut(why, 400),
                 why);
        return (struct wb_api_condition){WB_API_CONDITION_DEGRADED, WB_API_TRUE, "DevicesFailed",
                                         s->text};
    }
    if (first != NULL && first->state == ROW_BLOCKED) {
        snprintf(s->text, sizeof s->text, "%s: %s", first->name, first->blocked);
        return (struct wb_api_condition){WB_API_CONDITION_DEGRADED, WB_API_TRUE, "TargetNotUsable",
                                         s->text};
    }
    return (struct wb_api_condition){WB_API_CONDITION_DEGRADED, WB_API_FALSE, "NoFailures",
                                     "No device reports a failure."};
}

static json_t *conditions_json(struct summary *s, struct reconcile_now now)
{
    const struct wb_api_application *api = &s->application->api;
    json_t *list = json_is_array(api->conditions) ? json_deep_copy(api->conditions) : json_array();
    struct wb_api_condition (*const makers[])(struct summary *) = {
        accepted_condition, progressing_condition, available_condition, degraded_condition};
    for (size_t i = 0; i < WB_ARRAY_LEN(makers); i++) {
        struct wb_api_condition condition = makers[i](s);
        wb_api_condition_set(list, &condition, api->meta.generation, now.unix_s);
    }
    return list;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* When it was given to devices last: now, if this is the first status of this generation. */
static json_t *last_deployed(const struct summary *s, struct reconcile_now now)
{
    const json_t *status = s->application->api.status;
    json_t *before = json_object_get(status, "lastDeployed");
    bool is_deployed = s->application->verdict.reason == NULL && !s->application->api.is_paused &&
                       s->counts.target > 0;
    bool is_new = wb_api_integer_at(status, 0, "observedGeneration", NULL) !=
                      s->application->api.meta.generation ||
                  before == NULL;
    if (!is_deployed || !is_new) {
        return json_incref(before);
    }
    char text[WB_API_TIME_CAP];
    wb_api_time_write(now.unix_s, text);
    return json_string(text);
}

static void put_unless_null(json_t *object, const char *key, json_t *value)
{
    if (value != NULL) {
        json_object_set_new(object, key, value);
    }
}

/* What is to be written so that current becomes wanted; keys that go are null (RFC 7386). */
static json_t *status_patch(const json_t *current, json_t *wanted)
{
    if (json_equal((json_t *)current, wanted)) {
        json_decref(wanted);
        return NULL;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)current, key, value)
    {
        if (json_object_get(wanted, key) == NULL) {
            json_object_set_new(wanted, key, json_null());
        }
    }
    return json_pack("{s:o}", "status", wanted);
}

/* ---- the rollout ----------------------------------------------------------------------------- */

/* Why the rollout was stopped: as remembered, or as it is found now. */
static void explain_failure(struct summary *s)
{
    const struct rollout *r = s->rollout;
    const struct wb_api_application *api = &s->application->api;
    const char *before = wb_api_text_at(api->status, "", "rollout", "message", NULL);
    if (!r->is_failed) {
        snprintf(s->failure, sizeof s->failure, "%s", before);
        return;
    }
    const struct world_device *device = r->first_failed;
    const struct wb_api_run *run = find_run(&device->api, api->meta.name);
    char why[256];
    if (run != NULL && run->revision == r->current && run->phase == WB_API_RUN_FAILED) {
        snprintf(why, sizeof why, "%.*s", (int)wb_api_text_cut(run->message, 240),
                 run->message[0] != '\0' ? run->message : "no reason given");
    } else {
        snprintf(why, sizeof why, "it did not run steadily within %u s",
                 api->rollout.progress_deadline_s);
    }
    snprintf(s->failure, sizeof s->failure,
             "revision %lld failed on %u of %u devices; %s: %s. Change the module or its "
             "configuration to try again.",
             (long long)r->current, r->failed, r->total, device->api.meta.name, why);
}

static json_t *rollout_json(const struct summary *s)
{
    const struct rollout *r = s->rollout;
    const struct wb_api_application *api = &s->application->api;
    json_t *before = json_object_get(api->status, "rollout");
    if (!r->is_recorded || s->application->verdict.reason != NULL) {
        return json_incref(before);
    }
    /* no key is ever left out: a merge patch would keep its old value */
    return json_pack(
        "{s:I, s:I, s:I, s:s}", "currentRevision", (json_int_t)r->current, "stableRevision",
        (json_int_t)(r->is_complete ? r->current : api->stable_revision), "failedRevision",
        (json_int_t)(s->is_stopped ? r->current : 0), "message", s->is_stopped ? s->failure : "");
}

static enum wb_api_application_phase phase_of(const struct summary *s)
{
    const struct rollout *r = s->rollout;
    enum wb_api_application_phase phase =
        wb_api_application_phase_derive(s->application->verdict.reason == NULL, &s->counts);
    if (is_being_recorded(s)) {
        return WB_API_APPLICATION_DEPLOYING;
    }
    if (s->is_stopped && r->is_rolling_back) {
        return s->counts.running < s->counts.target ? WB_API_APPLICATION_ROLLING_BACK : phase;
    }
    if (s->is_stopped && !s->application->api.is_paused) {
        return WB_API_APPLICATION_FAILED;
    }
    return r->state == ROLLOUT_GATED && r->waiting > 0 ? WB_API_APPLICATION_DEPLOYING : phase;
}

/* ---- the whole, put together ----------------------------------------------------------------- */

json_t *reconcile_application_status(const struct world *world,
                                     const struct world_application *application,
                                     struct reconcile_now now)
{
    const struct rollout *r = rollout_of(world, application, now.ms);
    if (r == NULL || application->api.meta.is_deleting) {
        return NULL;
    }
    struct rows rows = collect(world, application, now.ms);
    if (rows.count > 0) {
        qsort(rows.items, rows.count, sizeof *rows.items, by_trouble_then_name);
    }
    bool is_accepted = application->verdict.reason == NULL;
    struct summary s = {.application = application, .rows = &rows, .rollout = r};
    s.counts = count_rows(&rows);
    s.is_stopped = is_accepted && r->is_recorded &&
                   (r->is_failed || application->api.failed_revision == r->current);
    explain_failure(&s);
    const char *digest = is_accepted && r->is_recorded     ? r->current_digest
                         : is_accepted                     ? application->verdict.digest
                         : application->api.digest != NULL ? application->api.digest
                                                           : "";
    json_t *wanted = json_pack("{s:I, s:s, s:{s:i, s:i, s:i, s:i, s:i}, s:o}", "observedGeneration",
                               (json_int_t)application->api.meta.generation, "phase",
                               wb_api_application_phase_str(phase_of(&s)), "counts", "target",
                               (int)s.counts.target, "running", (int)s.counts.running, "failed",
                               (int)s.counts.failed, "stopped", (int)s.counts.stopped, "updated",
                               (int)r->updated, "deployedDevices", list_json(&rows));
    put_unless_null(wanted, "rollout", rollout_json(&s));
    put_unless_null(wanted, "digest", digest[0] != '\0' ? json_string(digest) : NULL);
    put_unless_null(wanted, "lastDeployed", last_deployed(&s, now));
    put_unless_null(wanted, "conditions", conditions_json(&s, now));
    free(rows.items);
    return status_patch(application->api.status, wanted);
}
