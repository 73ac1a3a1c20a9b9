/* SPDX-License-Identifier: AGPL-3.0-only */
/* reconcile.c: assignments, and the status of Devices and Gateways. application_status.c has the
 * rest. */
#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollout.h"

/* ---- selection ------------------------------------------------------------------------------- */

enum selection select_device(const struct wb_api_application *application,
                             const struct wb_api_device *device)
{
    if (!wb_api_strings_contain(&application->target_devices, device->meta.name) &&
        !wb_api_selector_matches(application->device_selector, device->meta.labels)) {
        return SELECT_NO;
    }
    if (!device->is_approved) {
        return SELECT_NOT_APPROVED;
    }
    for (size_t i = 0; i < application->required_capabilities.count; i++) {
        if (!wb_api_strings_contain(&device->capabilities,
                                    application->required_capabilities.items[i])) {
            return SELECT_INCAPABLE;
        }
    }
    return SELECT_YES;
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

bool is_concerned(const struct world_application *application, const struct world_device *device)
{
    const char *name = application->api.meta.name;
    if (!device->is_valid || find_assignment(&device->api, name) != NULL) {
        return true;
    }
    for (size_t i = 0; i < device->api.run_count; i++) {
        if (strcmp(device->api.runs[i].name, name) == 0) {
            return true;
        }
    }
    return application->is_valid && select_device(&application->api, &device->api) != SELECT_NO;
}

/* ---- assignments ----------------------------------------------------------------------------- */

/* What cannot be judged, and what is paused, stays as it is: a mistake in a new version must not
 * stop the one that runs. */
struct wanted wanted_of(const struct world *world, const struct world_application *application,
                        const struct world_device *device, wb_ms now)
{
    const struct wanted nothing = {0, ""};
    if (application->api.meta.is_deleting) {
        return nothing;
    }
    const struct wb_api_assignment *current =
        find_assignment(&device->api, application->api.meta.name);
    const struct rollout *r = rollout_of(world, application, now);
    struct wanted same =
        current != NULL ? (struct wanted){current->revision, current->digest} : nothing;
    if (r == NULL || r->state == ROLLOUT_FROZEN) {
        return same;
    }
    if (select_device(&application->api, &device->api) != SELECT_YES) {
        return nothing;
    }
    bool has_turn =
        r->state == ROLLOUT_OPEN || (r->state == ROLLOUT_GATED && rollout_is_granted(r, device));
    if (has_turn || (current != NULL && current->revision == r->target)) {
        return (struct wanted){r->target, r->target_digest};
    }
    /* a newcomer gets what was good before; the others keep what they have */
    return current == NULL && r->stable > 0 ? (struct wanted){r->stable, r->stable_digest} : same;
}

static json_t *assignment_json(const char *name, struct wanted wanted)
{
    return wanted.revision == 0 ? NULL
                                : json_pack("{s:s, s:s, s:I}", "name", name, "digest",
                                            wanted.digest, "revision", (json_int_t)wanted.revision);
}

static bool is_assigned_already(const struct wb_api_device *device, const json_t *wanted)
{
    const struct wb_api_assignment *current =
        find_assignment(device, wb_api_text_at(wanted, "", "name", NULL));
    return current != NULL &&
           strcmp(current->digest, wb_api_text_at(wanted, "", "digest", NULL)) == 0 &&
           current->revision == wb_api_integer_at(wanted, 0, "revision", NULL);
}

json_t *reconcile_assignments(const struct world *world, const struct world_device *device,
                              struct reconcile_now now)
{
    if (!device->is_valid || device->api.meta.is_deleting) {
        return NULL;
    }
    /* Applications are sorted by name, and so is the list. */
    json_t *wanted = json_array();
    bool is_same = true;
    struct world_range range = world_applications_of(world, device->api.meta.namespace);
    for (size_t i = range.first; i < range.end; i++) {
        const struct world_application *application = world->applications.items[i];
        json_t *item = assignment_json(application->api.meta.name,
                                       wanted_of(world, application, device, now.ms));
        if (item != NULL && json_array_size(wanted) < WB_API_APPLICATIONS_MAX) {
            is_same = is_same && is_assigned_already(&device->api, item);
            json_array_append_new(wanted, item);
        } else {
            json_decref(item);
        }
    }
    if (is_same && json_array_size(wanted) == device->api.assignment_count) {
        json_decref(wanted);
        return NULL;
    }
    return json_pack("{s:{s:s}, s:{s:o}}", "metadata", "resourceVersion",
                     device->api.meta.resource_version, "spec", "applications", wanted);
}

/* ---- devices --------------------------------------------------------------------------------- */

bool is_lease_expired(const struct world *world, const char *namespace, const char *gateway,
                      wb_ms now)
{
    const struct world_lease *lease = world_find_lease(world, namespace, gateway);
    return lease != NULL && now - lease->seen_at > (uint64_t)lease->duration_s * 1000u;
}

/* The phases before the first connection are the controller's; the others the gateway's. */
static enum wb_api_device_phase device_phase(const struct wb_api_device *device, bool is_lost)
{
    bool may_connect = device->is_approved && device->has_public_key;
    switch (device->phase) {
    case WB_API_DEVICE_NONE:
    case WB_API_DEVICE_PENDING:
    case WB_API_DEVICE_ENROLLED:
        return may_connect ? WB_API_DEVICE_ENROLLED : WB_API_DEVICE_PENDING;
    case WB_API_DEVICE_CONNECTED: return is_lost ? WB_API_DEVICE_UNREACHABLE : device->phase;
    case WB_API_DEVICE_ENROLLING:
    case WB_API_DEVICE_DISCONNECTED:
    case WB_API_DEVICE_UNREACHABLE: break;
    }
    return device->phase;
}

static struct wb_api_condition approved_condition(const struct wb_api_device *device)
{
    if (!device->is_approved) {
        return (struct wb_api_condition){
            WB_API_CONDITION_APPROVED, WB_API_FALSE, "WaitingForOperator",
            "No operator has let the device in yet; set spec.approved to true to do so."};
    }
    if (!device->has_public_key) {
        return (struct wb_api_condition){
            WB_API_CONDITION_APPROVED, WB_API_FALSE, "NoPublicKey",
            "The device is approved but has no spec.publicKey by which it could be recognised."};
    }
    return (struct wb_api_condition){WB_API_CONDITION_APPROVED, WB_API_TRUE, "ApprovedByOperator",
                                     "The device may connect."};
}

/* Every assignment raises the Device's generation; if nothing else changed, the condition keeps the
 * old one: a rollout to ten thousand devices shall not cost ten thousand more writes that say
 * nothing. */
static bool set_approved(json_t *conditions, const struct wb_api_device *device,
                         struct reconcile_now now)
{
    struct wb_api_condition approved = approved_condition(device);
    const json_t *before = wb_api_condition_find(conditions, approved.type);
    if (wb_api_condition_is(conditions, approved.type, approved.status) &&
        strcmp(wb_api_text_at(before, "", "reason", NULL), approved.reason) == 0 &&
        strcmp(wb_api_text_at(before, "", "message", NULL), approved.message) == 0) {
        return false;
    }
    return wb_api_condition_set(conditions, &approved, device->meta.generation, now.unix_s);
}

json_t *reconcile_device_status(const struct world *world, const struct world_device *device,
                                struct reconcile_now now, bool *is_unreachable)
{
    const struct wb_api_device *api = &device->api;
    if (!device->is_valid) {
        return NULL;
    }
    const char *gateway_namespace =
        api->gateway_namespace[0] != '\0' ? api->gateway_namespace : api->meta.namespace;
    bool is_lost =
        api->gateway[0] != '\0' && is_lease_expired(world, gateway_namespace, api->gateway, now.ms);
    enum wb_api_device_phase phase = device_phase(api, is_lost);
    bool became_lost = phase == WB_API_DEVICE_UNREACHABLE && phase != api->phase;
    json_t *conditions = api->conditions != NULL ? json_deep_copy(api->conditions) : json_array();
    bool is_changed = set_approved(conditions, api, now);
    if (became_lost) {
        char message[256];
        snprintf(
            message, sizeof message,
            "Gateway %.63s has stopped renewing its Lease; the device goes on running and will "
            "connect again.",
            api->gateway);
        struct wb_api_condition online = {WB_API_CONDITION_ONLINE, WB_API_UNKNOWN, "GatewayLost",
                                          message};
        is_changed = wb_api_condition_set(conditions, &online, api->meta.generation, now.unix_s) ||
                     is_changed;
    }
    if (!is_changed && phase == api->phase) {
        json_decref(conditions);
        return NULL;
    }
    if (is_unreachable != NULL) {
        *is_unreachable = became_lost;
    }
    return json_pack("{s:{s:s}, s:{s:s, s:o}}", "metadata", "resourceVersion",
                     api->meta.resource_version, "status", "phase", wb_api_device_phase_str(phase),
                     "conditions", conditions);
}

/* ---- gateways -------------------------------------------------------------------------------- */

/* Seen to renew its Lease: one that merely has not expired since we started proves nothing. */
static bool is_renewing(const struct world *world, const struct wb_api_gateway *gateway, wb_ms now)
{
    const struct world_lease *lease =
        world_find_lease(world, gateway->meta.namespace, gateway->meta.name);
    return lease != NULL && lease->is_renewed &&
           !is_lease_expired(world, gateway->meta.namespace, gateway->meta.name, now);
}

json_t *reconcile_gateway_status(const struct world *world, const struct world_gateway *gateway,
                                 struct reconcile_now now)
{
    const struct wb_api_gateway *api = &gateway->api;
    if (!gateway->is_valid) {
        return NULL;
    }
    bool is_lost = is_lease_expired(world, api->meta.namespace, api->meta.name, now.ms);
    struct wb_api_condition ready = {WB_API_CONDITION_READY, WB_API_UNKNOWN, NULL, NULL};
    const char *phase;
    if (api->phase[0] == '\0') {
        phase = "Pending";
        ready.reason = "NotStarted";
        ready.message = "No gateway process has taken this name yet.";
    } else if (is_lost && strcmp(api->phase, "Ready") == 0) {
        phase = "Unreachable";
        ready.reason = "LeaseExpired";
        ready.message = "The gateway has stopped renewing its Lease; see its log.";
    } else if (is_renewing(world, api, now.ms) && strcmp(api->phase, "Unreachable") == 0) {
        phase = "Ready";
        ready.status = WB_API_TRUE;
        ready.reason = "LeaseRenewed";
        ready.message = "The gateway renews its Lease again.";
    } else {
        return NULL;
    }
    json_t *conditions = api->conditions != NULL ? json_deep_copy(api->conditions) : json_array();
    wb_api_condition_set(conditions, &ready, api->meta.generation, now.unix_s);
    return json_pack("{s:{s:s}, s:{s:s, s:o}}", "metadata", "resourceVersion",
                     api->meta.resource_version, "status", "phase", phase, "conditions",
                     conditions);
}
