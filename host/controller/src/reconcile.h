/* SPDX-License-Identifier: AGPL-3.0-only */
/* reconcile.h: the reconcilers: what was observed -> what has to be written. Pure.
 * Shape    each returns a merge patch (new reference) for one object, or NULL when nothing is to
 *          be done; applying the patch and reconciling again gives NULL (tests/converge_test.c)
 *
 *     Application ──select──> Device.spec.applications ──gateway──> the device
 *          ^                                                            │
 *          └── Application.status <──sum up── Device.status.applications┘
 */
#ifndef WB_CONTROLLER_RECONCILE_H
#define WB_CONTROLLER_RECONCILE_H

#include "world.h"

struct reconcile_now {
    wb_ms ms;         /* monotonic */
    wb_unix_s unix_s; /* for times that are written */
};

/* Whether an Application is meant for a Device. */
enum selection {
    SELECT_NO,
    SELECT_YES,
    SELECT_NOT_APPROVED, /* named or matched, but no operator let the device in */
    SELECT_INCAPABLE,    /* named or matched, but a capability is missing */
};
enum selection select_device(const struct wb_api_application *application,
                             const struct wb_api_device *device);

/* Whether a change of the device can change the Application's status. */
bool is_concerned(const struct world_application *application, const struct world_device *device);

/* What a device is to run of an Application now, by its rollout (rollout.h). revision 0: nothing.
 */
struct wanted {
    int64_t revision;
    const char *digest;
};
struct wanted wanted_of(const struct world *world, const struct world_application *application,
                        const struct world_device *device, wb_ms now);

/* Device.spec.applications: for the Device itself, with its resourceVersion. */
json_t *reconcile_assignments(const struct world *world, const struct world_device *device,
                              struct reconcile_now now);

/* What the controller knows about a Device: Approved, the phases Pending and Enrolled, and
 * Unreachable when its gateway's Lease has expired. For /status, with the resourceVersion: gateways
 * write conditions, too. is_unreachable (may be NULL): the patch says that the device became
 * unreachable; such patches come in crowds and are to be rate-limited. */
json_t *reconcile_device_status(const struct world *world, const struct world_device *device,
                                struct reconcile_now now, bool *is_unreachable);

/* The whole Application.status, for /status. */
json_t *reconcile_application_status(const struct world *world,
                                     const struct world_application *application,
                                     struct reconcile_now now);

/* A Gateway that was never heard of is Pending, one whose Lease has expired Unreachable, until it
 * is seen to renew it again. */
json_t *reconcile_gateway_status(const struct world *world, const struct world_gateway *gateway,
                                 struct reconcile_now now);

/* Whether the Lease of that gateway is known and has not been renewed within its duration. */
bool is_lease_expired(const struct world *world, const char *namespace, const char *gateway,
                      wb_ms now);

#endif
