/* SPDX-License-Identifier: AGPL-3.0-only */
/* world.h: what the controller has observed: parsed objects, sorted by namespace and name. No I/O.
 * Shape    put and remove follow the caches; reconcile.h reads
 * Memory   copies what it needs of each object
 */
#ifndef WB_CONTROLLER_WORLD_H
#define WB_CONTROLLER_WORLD_H

#include "wb_api.h"

/* What the shell keeps about its own writes to an object; the world only stores it. */
struct world_work {
    bool is_dirty;    /* to be reconciled */
    bool is_busy;     /* a write of ours is under way */
    wb_ms not_before; /* later than this: the echo of our write should come first, or a pause */
    unsigned failures;
};

/* What the controller saw of one assignment over time; API objects tell only the present. */
struct world_seen {
    char *name;
    int64_t revision;
    uint32_t restarts;
    wb_ms assigned_at; /* the device has had it, and was there to act on it, since then */
    wb_ms up_since;    /* it has run without a restart since then, if is_up */
    bool is_up;
    bool was_offline;
};

struct world_device {
    struct wb_api_device api;
    bool is_valid;           /* parsed; otherwise only api.meta.name and .namespace hold */
    struct world_seen *seen; /* one for each of api.assignments, in their order */
    size_t seen_count;
    struct world_work spec_work;
    struct world_work status_work;
};

/* Why an Application is not accepted; NULL reason: it is. */
struct world_verdict {
    const char *reason; /* CamelCase, static */
    char message[512];
    char digest[WB_API_DIGEST_LEN + 1]; /* of the module; "" when not accepted */
};

struct rollout;

struct world_application {
    struct wb_api_application api;
    bool is_valid;
    struct world_verdict verdict;
    char print[65];        /* fingerprint of what devices get of the spec: records compare it */
    json_t *module;        /* of spec.source, fetched for this generation; NULL: not (yet) */
    bool is_source_bad;    /* verdict.reason came from fetching, which is tried again */
    wb_ms deleting_since;  /* when its deletion was seen first; 0: it is not being deleted */
    wb_ms wake_at;         /* time alone changes something then; 0: not */
    struct rollout *cache; /* rollout.c's, for the present state of the world */
    struct world_work work;
    struct world_work meta_work; /* its finalizer */
    struct world_work record_work;
};

/* What a revision of an Application was: a ConfigMap that the controller wrote. */
struct world_record {
    char *namespace;
    char *name;
    char *application;
    char *uid; /* of the Application */
    int64_t revision;
    char digest[WB_API_DIGEST_LEN + 1];
    char print[65];
    struct world_work work;
};

struct world_gateway {
    struct wb_api_gateway api;
    bool is_valid;
    struct world_work work;
};

struct world_lease {
    char *namespace;
    char *name;
    char *renewed;       /* renewTime as text: only whether it changes matters */
    uint32_t duration_s; /* 0: not said */
    bool is_renewed;     /* we have seen it change: its holder lives, or did */
    wb_ms seen_at;       /* when we saw it change, by our own clock */
    bool is_expired;     /* it was when we looked last; the shell's */
};

/* Pointers to the views, sorted by (namespace, name); pointers stay until the view is removed. */
struct world_list {
    void **items;
    size_t count;
    size_t cap;
};

struct world {
    struct world_list devices;
    struct world_list applications;
    struct world_list gateways;
    struct world_list leases;
    struct world_list records;
    wb_ms now;                /* of what is being put; the shell's clock */
    uint64_t serial;          /* raised by every change of devices, applications and records */
    uint32_t lease_default_s; /* for Leases that do not say */
};

void world_init(struct world *world, uint32_t lease_default_s);
void world_deinit(struct world *world);

/* Take an observed object over; the view is replaced in place and its work kept. NULL: no memory.
 * problem says what is wrong with an object that cannot be used (it is kept as invalid). */
struct world_device *world_put_device(struct world *world, const json_t *object,
                                      struct wb_api_problem *problem);
struct world_application *world_put_application(struct world *world, const json_t *object);
struct world_gateway *world_put_gateway(struct world *world, const json_t *object,
                                        struct wb_api_problem *problem);
struct world_lease *world_put_lease(struct world *world, const json_t *object, wb_ms now);
/* NULL: no memory, or not a record. */
struct world_record *world_put_record(struct world *world, const json_t *object);
void world_remove_record(struct world *world, const char *namespace, const char *name);
void world_remove_device(struct world *world, const char *namespace, const char *name);
void world_remove_application(struct world *world, const char *namespace, const char *name);
void world_remove_gateway(struct world *world, const char *namespace, const char *name);
void world_remove_lease(struct world *world, const char *namespace, const char *name);

struct world_device *world_find_device(const struct world *world, const char *namespace,
                                       const char *name);
struct world_application *world_find_application(const struct world *world, const char *namespace,
                                                 const char *name);
struct world_gateway *world_find_gateway(const struct world *world, const char *namespace,
                                         const char *name);
struct world_lease *world_find_lease(const struct world *world, const char *namespace,
                                     const char *name);

struct world_record *world_find_record(const struct world *world, const char *namespace,
                                       const char *name);

/* What fetching spec.source brought: the ConfigMap, or NULL when there is none. Changes the
 * verdict. True: application->module is there now. */
bool world_take_module(struct world *world, struct world_application *application,
                       const json_t *config_map);

/* Objects of one namespace: items[first … end - 1] of the list. */
struct world_range {
    size_t first;
    size_t end;
};
struct world_range world_devices_of(const struct world *world, const char *namespace);
struct world_range world_applications_of(const struct world *world, const char *namespace);
struct world_range world_records_of(const struct world *world, const char *namespace);

/* The parts of an Application's spec that reach devices (new reference), and their fingerprint. */
json_t *world_template(const json_t *application);
void world_print(const json_t *template, char print[65]);

/* Judges an Application by its spec alone; application may be NULL when it did not parse (problem).
 */
void world_judge(const struct wb_api_application *application, const struct wb_api_problem *problem,
                 struct world_verdict *verdict);

#endif
