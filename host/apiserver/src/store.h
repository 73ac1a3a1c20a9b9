/* SPDX-License-Identifier: AGPL-3.0-only */
/* store.h: objects and the history of their changes, in SQLite.
 * Every change gets the next number of one counter: the resource version. */
#ifndef AS_STORE_H
#define AS_STORE_H

#include "wb_base.h"

struct as_store;

enum as_change { AS_ADDED = 1, AS_MODIFIED = 2, AS_DELETED = 3 };

/* A stored object or change; all texts are borrowed for the callback. */
struct as_row {
    uint64_t version;
    const char *resource;  /* "devices.wasmbed.github.io" */
    const char *namespace; /* "" for what has none */
    const char *name;
    const char *body;
    size_t body_len;
    enum as_change change; /* changes only */
    const char *selectors; /* changes only: what selectors look at, before and after (JSON) */
    uint64_t time_us;      /* changes only */
    const char *old_body;  /* changes only: the state before, under this change's version, where
                              selectors tell the two apart; may be NULL */
    size_t old_body_len;
    const char *const *owners; /* writes only: uids of metadata.ownerReferences */
    size_t owner_count;
    bool had_owners; /* writes only: the stored object has some */
};

/* NULL with a text. */
struct as_store *as_store_open(const char *path, char *err, size_t err_cap);
void as_store_close(struct as_store *s);

uint64_t as_store_version(const struct as_store *s);
/* Changes up to this one are forgotten. */
uint64_t as_store_compacted(const struct as_store *s);

/* Body of an object (free it), or NULL. */
char *as_store_get(struct as_store *s, const char *resource, const char *namespace,
                   const char *name, size_t *len);

/* One change in one transaction, durable when it returns. row->version must be as_store_version()
 * + 1. Outcomes: WB_ERR_IO: nothing was changed; err says why. */
WB_MUST_USE enum wb_err as_store_write(struct as_store *s, const struct as_row *row, char *err,
                                       size_t err_cap);

/* Between these, writes share one transaction: they are durable, all or none, when the batch ends.
 */
void as_store_batch_begin(struct as_store *s);
WB_MUST_USE enum wb_err as_store_batch_end(struct as_store *s, char *err, size_t err_cap);

/* Objects of a resource in order of namespace and name, after (after_ns, after_name) if after_name
 * is not NULL; of one namespace unless namespace is NULL; until limit (0: none) or until each
 * returns false. */
void as_store_list(struct as_store *s, const char *resource, const char *namespace,
                   const char *after_ns, const char *after_name, size_t limit,
                   bool (*each)(void *ctx, const struct as_row *row), void *ctx);
/* The same as things were at a version: the present one, or one with a snapshot. */
void as_store_list_at(struct as_store *s, uint64_t version, const char *resource,
                      const char *namespace, const char *after_ns, const char *after_name,
                      bool (*each)(void *ctx, const struct as_row *row), void *ctx);
size_t as_store_count(struct as_store *s, uint64_t version, const char *resource,
                      const char *namespace, const char *after_ns, const char *after_name);

/* Keeps the present state readable for five minutes; the memory for it is bounded, so it may end
 * earlier. Expire: call it now and then. */
void as_store_snapshot(struct as_store *s, uint64_t version, uint64_t now_us);
bool as_store_has_snapshot(const struct as_store *s, uint64_t version);
void as_store_snapshots_expire(struct as_store *s, uint64_t now_us);

/* Keys of the objects that name an owner; of all that name any. */
void as_store_dependents(struct as_store *s, const char *uid,
                         void (*each)(void *ctx, const struct as_row *row), void *ctx);
void as_store_owned(struct as_store *s, void (*each)(void *ctx, const struct as_row *row),
                    void *ctx);

/* A consistent copy of the open database into a new file. */
WB_MUST_USE enum wb_err as_store_backup(struct as_store *s, const char *path, char *err,
                                        size_t err_cap);
/* Replaces the database at path, which no server may have open, by a backup. Versions go on far
 * above all that were seen. */
WB_MUST_USE enum wb_err as_store_restore(const char *backup, const char *path, char *err,
                                         size_t err_cap);

/* Changes after a version, oldest first, until each returns false. */
void as_store_changes(struct as_store *s, uint64_t after,
                      bool (*each)(void *ctx, const struct as_row *row), void *ctx);

/* Forgets the oldest changes until at most count_max, and at most bytes_max bytes of them, are
 * left. */
void as_store_compact(struct as_store *s, size_t count_max, size_t bytes_max);

#endif
