/* SPDX-License-Identifier: AGPL-3.0-only */
/* server.h: what the files of the API server's core share: the server, one call, its answers. */
#ifndef AS_SERVER_H
#define AS_SERVER_H

#include "resource.h"
#include "selector.h"
#include "store.h"
#include "table.h"
#include "wb_apiserver.h"
#include "wb_http.h"

#define AS_GROUPS_MAX 8u
#define AS_USERS_MAX  64u

struct as_user {
    char *token, *name, *uid;
    char *groups[AS_GROUPS_MAX];
    size_t group_count;
};

enum as_format { AS_PLAIN, AS_TABLE, AS_PARTIAL, AS_DISCOVERY };

/* ---- recent changes ----------------------------------------------------------------------- */

#define AS_RING_COUNT 1024u /* older ones are read from the database */
#define AS_RING_BYTES (4u * 1024u * 1024u)

struct as_encoded { /* a change as a watch's line; made when the first watch wants it */
    struct as_encoded *next;
    enum as_format format;
    enum as_include include;
    enum as_change change;
    struct wb_http_buf *line;
};

struct as_change_entry {
    uint64_t version;
    const struct as_resource *resource;
    char *namespace, *name;
    enum as_change change;
    json_t *facets, *facets_old; /* what selectors look at, now and before (NULL: was not there) */
    char *body;
    size_t body_len;
    char *old_body; /* for watches whose selection the object leaves; NULL: as body */
    size_t old_body_len;
    struct as_encoded *encoded;
};

struct wb_apiserver {
    struct wb_apiserver_services services;
    struct as_store *store;
    char *db_path;
    struct as_registry registry;
    struct as_user users[AS_USERS_MAX];
    size_t user_count;
    struct as_user anonymous;
    struct as_bucket {
        char name[64];
        uint64_t us;
        double tokens;
    } buckets[AS_USERS_MAX]; /* of users who asked lately */
    unsigned rate_max;
    bool open; /* no tokens: everybody is admin */
    size_t history_max;
    struct as_change_entry *ring[AS_RING_COUNT]; /* of version v at v % AS_RING_COUNT */
    uint64_t ring_first;                         /* oldest version in the ring; 0: empty */
    size_t ring_bytes;
    struct wb_apiserver_watch *watches;
    size_t watch_count;
    struct as_schema *meta_schema; /* list types of metadata, for apply */
    json_t
        *candidates; /* what the garbage collector is to look at: [[resource, namespace, name]] */
    char start_time[32];
};

/* ---- one call ----------------------------------------------------------------------------- */

enum as_validation { AS_IGNORE, AS_WARN, AS_STRICT };

struct as_call {
    struct wb_apiserver *server;
    const struct wb_apiserver_request *request;
    struct wb_apiserver_response *response;
    const struct as_user *user;
    struct as_user cert_user; /* borrows the request's texts */
    struct wb_http_query query;
    char *path_storage;
    const struct as_resource *resource;
    const char *namespace;   /* "" for all, or for cluster scope */
    const char *name;        /* "" for collections */
    const char *subresource; /* "" for the object */
    const char *verb;        /* get list watch create update patch delete deletecollection */
    enum as_format format;
    enum as_include include;
    bool dry_run;
    bool applied; /* managedFields are up to date */
    enum as_validation validation;
    uint64_t now_us;
};

/* ---- answers (reply.c) -------------------------------------------------------------------- */

/* A JSON body; takes data. */
void as_reply_json(struct as_call *c, unsigned status, char *data, size_t len);
void as_reply_text(struct as_call *c, unsigned status, const char *text);
/* A Status of failure. details may be NULL; taken. */
void as_reply_error(struct as_call *c, unsigned code, const char *reason, json_t *details,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
void as_reply_not_found(struct as_call *c, const struct as_resource *r, const char *name);
void as_reply_no_resource(struct as_call *c);
void as_reply_no_method(struct as_call *c);
void as_reply_exists(struct as_call *c, const char *name);
void as_reply_conflict(struct as_call *c, const char *name, const char *why);
void as_reply_bad_request(struct as_call *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 422 about an option: kind "ListOptions", "Forbidden: …". */
void as_reply_bad_option(struct as_call *c, const char *kind, const char *field, const char *reason,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
/* 422 from causes; takes the list. */
void as_reply_invalid(struct as_call *c, const char *name, struct as_causes *causes);
/* An object in the format that was asked for. body: its bytes, taken. */
void as_reply_object(struct as_call *c, unsigned status, char *body, size_t len);
void as_warn(struct as_call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A Status as JSON, for watches. */
json_t *as_status_new(unsigned code, const char *reason, const char *message, json_t *details);

/* "application/json;as=Table;…": what the client wants. False: nothing that can be had (406). */
bool as_negotiate(const char *accept, enum as_format *format);

/* ---- users (auth.c) ----------------------------------------------------------------------- */

bool as_users_read(struct wb_apiserver *s, const char *text, char *err, size_t err_cap);
void as_users_free(struct wb_apiserver *s);
/* NULL: bad credentials. */
const struct as_user *as_authenticate(const struct wb_apiserver *s, const char *authorization);
/* By certificate; fills in *user. */
void as_user_of_certificate(const struct wb_apiserver_request *request, struct as_user *user);
bool as_in_group(const struct as_user *user, const char *group);
/* Counts a request against a user's rate. False: too many. */
bool as_rate_take(struct wb_apiserver *s, const struct as_user *user, uint64_t now_us);
bool as_allowed(const struct wb_apiserver *s, const struct as_user *user, const char *verb,
                const char *group, const char *resource);

/* Answers GET /wasmbed/backup, for system:masters: the database as a file. False: not that. */
bool as_backup(struct as_call *c, const char *path);

/* ---- discovery (discovery.c) -------------------------------------------------------------- */

/* Answers what is no resource: /api, /apis, /version, /healthz, /openapi, … False: not one of
 * those. */
bool as_discovery(struct as_call *c, const char *path);
/* Self subject reviews. False: not one of those. */
bool as_reviews(struct as_call *c, const char *path);

/* ---- writing (write.c) -------------------------------------------------------------------- */

void as_create(struct as_call *c);
void as_update(struct as_call *c);
void as_patch(struct as_call *c);
void as_delete(struct as_call *c);
void as_delete_collection(struct as_call *c);
/* Decodes the body; NULL after an answer was given. */
json_t *as_decode_body(struct as_call *c);

/* Stores a change and tells the watches. Sets the object's resourceVersion. NULL after an answer
 * was given, else the body's bytes (free them). old: what was stored, NULL when nothing was. */
char *as_commit(struct as_call *c, const struct as_resource *r, enum as_change change,
                json_t *object, const json_t *old, size_t *len);
/* The stored object (new reference), NULL: none. */
json_t *as_load(struct wb_apiserver *s, const struct as_resource *r, const char *namespace,
                const char *name);
void as_uid(struct wb_apiserver *s, char to[37]);
/* For start-up: creates or updates an object as the server itself. */
void as_ensure(struct wb_apiserver *s, const struct as_resource *r, json_t *object);
/* Removes an object whose time is over. */
void as_remove(struct wb_apiserver *s, const struct as_resource *r, const char *namespace,
               const char *name);

/* The server's own write of an object; without effect when the database fails. */
void as_write(struct wb_apiserver *s, const struct as_resource *r, enum as_change change,
              json_t *object, const json_t *old);
/* Removes a terminating namespace once it is empty. */
void as_namespace_finish(struct wb_apiserver *s, const char *namespace);

/* ---- garbage collection (collect.c) ------------------------------------------------------- */

/* Candidates: an object with owners; those that name an owner; the owners that an object named;
 * all. */
void as_collect_object(struct wb_apiserver *s, const struct as_resource *r, const json_t *object);
void as_collect_dependents(struct wb_apiserver *s, const char *uid);
void as_collect_released(struct wb_apiserver *s, const json_t *object);
void as_collect_all(struct wb_apiserver *s);
/* Deals with some of them. */
void as_collect(struct wb_apiserver *s);
bool as_has_finalizer(const json_t *metadata, const char *name);

/* ---- reading (read.c) --------------------------------------------------------------------- */

void as_get(struct as_call *c);
void as_list(struct as_call *c);
/* Parses the call's selectors; false after an answer was given. */
bool as_call_selectors(struct as_call *c, struct as_selector *labels, struct as_selector *fields);

/* ---- watching (watch.c) ------------------------------------------------------------------- */

void as_watch(struct as_call *c);
/* Takes facets and facets_old; copies the bodies of row. */
void as_ring_add(struct wb_apiserver *s, const struct as_row *row, const struct as_resource *r,
                 json_t *facets, json_t *facets_old);
void as_ring_free(struct wb_apiserver *s);

bool as_query_bool(const struct as_call *c, const char *name);
const char *as_query(const struct as_call *c, const char *name); /* "" when absent */

#endif
