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

struct world_device {
    struct wb_api_device api;
    bool is_valid; /* parsed; otherwise only api.meta.name and .namespace hold */
    struct world_work spec_work;
    struct world_work status_work;
};

/* Why an Application is not accepted; NULL reason: it is. */
struct world_verdict {
    const char *reason; /* CamelCase, static */
    char message[512];
    char digest[WB_API_DIGEST_LEN + 1]; /* of the module; "" when not accepted */
};

struct world_application {
    struct wb_api_application api;
    bool is_valid;
    struct world_verdict verdict;
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

/* Objects of one namespace: items[first … end - 1] of the list. */
struct world_range {
    size_t first;
    size_t end;
};
struct world_range world_devices_of(const struct world *world, const char *namespace);
struct world_range world_applications_of(const struct world *world, const char *namespace);

/* Judges an Application by its spec alone; application may be NULL when it did not parse (problem).
 */
void world_judge(const struct wb_api_application *application, const struct wb_api_problem *problem,
                 struct world_verdict *verdict);

#endif
