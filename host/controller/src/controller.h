/* SPDX-License-Identifier: AGPL-3.0-only */
/* controller.h: the shell around the reconcilers: caches in, patches out. Read controller.c (life,
 * caches), work.c (what is written when), report.c (health, metrics). */
#ifndef WB_CONTROLLER_SHELL_H
#define WB_CONTROLLER_SHELL_H

#include "log.h"
#include "rollout.h"
#include "wb_controller.h"
#include "wb_http.h"
#include "wb_kube.h"

enum job_kind {
    JOB_ASSIGN,
    JOB_DEVICE_STATUS,
    JOB_APPLICATION_STATUS,
    JOB_GATEWAY_STATUS,
    JOB_FINALIZER,
    JOB_FETCH,
    JOB_RECORD,
    JOB_RECORD_REMOVAL,
    JOB_KIND_COUNT
};

struct job;

struct job_counters {
    uint64_t written;
    uint64_t conflicts;
    uint64_t failed;
};

enum cache_kind {
    CACHE_DEVICES,
    CACHE_APPLICATIONS,
    CACHE_GATEWAYS,
    CACHE_RECORDS,
    CACHE_LEASES,
    CACHE_COUNT
};

struct controller {
    struct wb_controller_options options;
    struct wb_net_loop *loop;
    struct wb_kube_config config;
    struct wb_kube *kube;
    struct wb_kube_reflector *caches[CACHE_COUNT];
    struct wb_kube_recorder *recorder;
    struct wb_kube_lease *lease; /* leadership; NULL: not asked for */
    struct wb_http_server *http;
    struct wb_net_timer *work_timer;
    struct wb_net_timer *second_timer;
    struct world world;
    bool is_leader;
    bool is_ready;    /* the caches were read; told once */
    struct job *jobs; /* writes under way */
    unsigned running; /* their number */
    unsigned unreachable_tokens;
    struct job_counters counters[JOB_KIND_COUNT];
};

/* ---- work.c ---------------------------------------------------------------------------------- */

/* Marks what a change of an object makes necessary, and sees to it soon. */
void work_mark(struct controller *c, struct world_work *work);
void work_mark_applications_of(struct controller *c, const struct world_device *device);
void work_mark_devices_of(struct controller *c, const struct world_application *application);
void work_mark_records_of(struct controller *c, const char *namespace, const char *application);
/* Starts what is due; the work timer calls it, too. */
void work_run(void *ctx);
/* Forgets the writes under way, after their requests were cancelled. */
void work_drop(struct controller *c);
/* The watch brought a change of the object: end the rest after a write, but for the time by which
 * writes of status are spread. */
void work_end_rest(struct controller *c, struct world_work *work, bool is_spread);
bool work_is_ready(const struct controller *c);
const char *work_job_name(enum job_kind kind);

/* ---- report.c -------------------------------------------------------------------------------- */

/* Starts the HTTP server. False: err_text says why not. */
bool report_open(struct controller *c, char *err_text, size_t err_text_cap);

#endif
