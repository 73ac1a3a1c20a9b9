/* SPDX-License-Identifier: AGPL-3.0-only */
/* rollout.h: which revision each device is to have now, and what is to be remembered of it.
 * Shape    a pure function of the world and the time; the answer is kept until either changes
 *
 *     spec changes -> a record of what devices get (a ConfigMap) -> devices in turn -> stable
 *                                                                       └ failures -> stopped, or
 *                                                                         back to stable
 *
 * What must outlast the controller stands in Application.status.rollout: the last revision that
 * completed and the one that failed. All else follows from the Devices. Only times (how long has it
 * run?) are the controller's own; after a restart they start again, which makes it more careful.
 */
#ifndef WB_CONTROLLER_ROLLOUT_H
#define WB_CONTROLLER_ROLLOUT_H

#include "reconcile.h"

#define ROLLOUT_RECORDS_MAX 5u     /* records kept of one Application, besides those in use */
#define UNDEPLOY_MS         60000u /* a deletion waits at most so long for connected devices */

enum rollout_state {
    ROLLOUT_FROZEN,  /* paused, not accepted, or not recorded yet: all stays as it is */
    ROLLOUT_OPEN,    /* everybody gets target */
    ROLLOUT_GATED,   /* only those whose turn it is */
    ROLLOUT_STOPPED, /* the revision failed; nobody gets it any more */
};

struct rollout {
    uint64_t serial; /* of the world that it was made from */
    wb_ms at;
    enum rollout_state state;
    int64_t current;                            /* revision that the spec asks for */
    bool is_recorded;                           /* its record exists */
    char current_digest[WB_API_DIGEST_LEN + 1]; /* of its module, if so */
    bool is_rolling_back; /* target is the stable revision, since current failed */
    int64_t target;
    char target_digest[WB_API_DIGEST_LEN + 1];
    int64_t stable; /* whose record exists; 0: none */
    char stable_digest[WB_API_DIGEST_LEN + 1];
    const struct world_device **granted; /* sorted by address: whose turn it is */
    size_t granted_count;
    uint32_t total;   /* devices selected */
    uint32_t updated; /* of them, were given current */
    uint32_t healthy; /* of those, run it and have for a while */
    uint32_t failed;  /* failed it, or did not get there in time */
    uint32_t waiting; /* connected and not updated yet */
    bool is_complete; /* current shall be remembered as stable */
    bool is_failed;   /* current shall be remembered as failed */
    const struct world_device *first_failed;
    wb_ms due; /* when time alone changes the answer */
};

/* Borrows; until the world changes. NULL: no memory. */
const struct rollout *rollout_of(const struct world *world,
                                 const struct world_application *application, wb_ms now);
void rollout_free(struct rollout *rollout);
bool rollout_is_granted(const struct rollout *rollout, const struct world_device *device);

/* The ConfigMap that records the Application's present revision, or NULL: it exists, or there is
 * nothing worth recording. object: the Application as stored, with its module. */
json_t *reconcile_record(const struct world *world, const struct world_application *application,
                         const json_t *object, wb_ms now);
/* Whether the module has to be fetched from spec.source before the revision can be recorded. */
bool needs_module(const struct world *world, const struct world_application *application,
                  wb_ms now);
/* Whether a record is not needed any more: its Application is gone, or has newer ones enough. */
bool is_record_surplus(const struct world *world, const struct world_record *record, wb_ms now);

/* metadata.finalizers: added while the Application lives; removed when no connected device has it
 * any more, or UNDEPLOY_MS have passed (is_late). *due: when to look again. */
json_t *reconcile_finalizer(const struct world *world, const struct world_application *application,
                            wb_ms now, bool *is_late, wb_ms *due);

#endif
