/* SPDX-License-Identifier: AGPL-3.0-only */
/* store.c: the SQLite file.
 *
 * objects holds the present state as served bytes; changes holds what happened, bounded by
 * compaction; meta holds the schema version and the version up to which changes were forgotten. The
 * counter is the greatest version of changes or `compacted`, so it needs no row of its own and no
 * second write.
 *
 * WAL with synchronous=FULL: an answered write survives a power cut; NORMAL would survive a crash
 * of this process only. Each write is one transaction: begin, object, change, commit. */
#include "store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 2

/* Lists that go over several pages show one state. While a page's token is good, what is replaced
 * or removed is kept in a table in memory, so that later pages can read it. */
#define SNAPSHOTS_MAX  16u
#define SNAPSHOT_US    (300u * 1000000ull)
#define KEPT_BYTES_MAX (32u * 1024u * 1024u)

enum statement {
    STMT_GET,
    STMT_PUT,
    STMT_REMOVE,
    STMT_CHANGE,
    STMT_LIST,
    STMT_LIST_NS,
    STMT_COUNT,
    STMT_COUNT_NS,
    STMT_CHANGES,
    STMT_SIZES,
    STMT_FORGET,
    STMT_COMPACTED,
    STMT_KEEP,
    STMT_KEPT_FORGET,
    STMT_LIST_AT,
    STMT_COUNT_AT,
    STMT_OWNERS_CLEAR,
    STMT_OWNERS_ADD,
    STMT_DEPENDENTS,
    STMT_OWNED,
    STMT_BACKUP,
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_END
};

/* The objects as they were at version ?6. */
#define AT_VERSION                                                                                 \
    "SELECT version,namespace,name,body FROM main.objects WHERE resource=?1 AND "                  \
    "(namespace,name)>(?2,?3) AND (?5 IS NULL OR namespace=?5) AND version<=?6 UNION ALL "         \
    "SELECT version,namespace,name,body FROM temp.kept WHERE resource=?1 AND "                     \
    "(namespace,name)>(?2,?3) AND (?5 IS NULL OR namespace=?5) AND version<=?6 AND until>?6"

static const char *const statements[STMT_END] = {
    [STMT_GET] = "SELECT body FROM objects WHERE resource=?1 AND namespace=?2 AND name=?3",
    [STMT_PUT] = "INSERT INTO objects(resource,namespace,name,version,body) VALUES(?1,?2,?3,?4,?5) "
                 "ON CONFLICT(resource,namespace,name) DO UPDATE SET version=?4, body=?5",
    [STMT_REMOVE] = "DELETE FROM objects WHERE resource=?1 AND namespace=?2 AND name=?3",
    [STMT_CHANGE] =
        "INSERT INTO "
        "changes(version,resource,namespace,name,change,time_us,selectors,body,old_body) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [STMT_LIST] = "SELECT version,namespace,name,body FROM objects WHERE resource=?1 AND "
                  "(namespace,name)>(?2,?3) ORDER BY namespace,name LIMIT ?4",
    [STMT_LIST_NS] = "SELECT version,namespace,name,body FROM objects WHERE resource=?1 AND "
                     "namespace=?5 AND name>?3 ORDER BY name LIMIT ?4",
    [STMT_COUNT] = "SELECT count(*) FROM objects WHERE resource=?1 AND (namespace,name)>(?2,?3)",
    [STMT_COUNT_NS] = "SELECT count(*) FROM objects WHERE resource=?1 AND namespace=?5 AND name>?3",
    [STMT_CHANGES] =
        "SELECT version,resource,namespace,name,change,time_us,selectors,body,old_body FROM "
        "changes "
        "WHERE version>?1 ORDER BY version",
    [STMT_SIZES] = "SELECT version,length(body) FROM changes ORDER BY version DESC",
    [STMT_FORGET] = "DELETE FROM changes WHERE version<=?1",
    [STMT_COMPACTED] = "INSERT INTO meta(key,value) VALUES('compacted',?1) "
                       "ON CONFLICT(key) DO UPDATE SET value=?1",
    [STMT_KEEP] = "INSERT OR REPLACE INTO temp.kept SELECT resource,namespace,name,version,?4,body "
                  "FROM main.objects WHERE resource=?1 AND namespace=?2 AND name=?3 AND "
                  "version<=?5",
    [STMT_KEPT_FORGET] = "DELETE FROM temp.kept WHERE until<=?1",
    [STMT_LIST_AT] =
        "SELECT version,namespace,name,body FROM (" AT_VERSION ") ORDER BY namespace,name LIMIT ?4",
    [STMT_COUNT_AT] = "SELECT count(*) FROM (" AT_VERSION ")",
    [STMT_OWNERS_CLEAR] = "DELETE FROM owners WHERE resource=?1 AND namespace=?2 AND name=?3",
    [STMT_OWNERS_ADD] =
        "INSERT OR IGNORE INTO owners(resource,namespace,name,uid) VALUES(?1,?2,?3,?4)",
    [STMT_DEPENDENTS] = "SELECT resource,namespace,name FROM owners WHERE uid=?1",
    [STMT_OWNED] = "SELECT DISTINCT resource,namespace,name FROM owners",
    [STMT_BACKUP] = "VACUUM INTO ?1",
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
};

struct as_store {
    sqlite3 *db;
    sqlite3_stmt *stmt[STMT_END];
    uint64_t version, compacted;
    struct {
        uint64_t version, until_us; /* version 0: free */
    } snapshots[SNAPSHOTS_MAX];
    uint64_t snapshot_newest; /* of the live ones; 0: none */
    size_t kept_bytes;
    bool in_batch;
};

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS objects(resource TEXT NOT NULL, namespace TEXT NOT NULL,"
    " name TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(resource,namespace,name));"
    "CREATE TABLE IF NOT EXISTS changes(version INTEGER PRIMARY KEY, resource TEXT NOT NULL,"
    " namespace TEXT NOT NULL, name TEXT NOT NULL, change INTEGER NOT NULL,"
    " time_us INTEGER NOT NULL, selectors TEXT NOT NULL, body BLOB NOT NULL, old_body BLOB);"
    "CREATE TABLE IF NOT EXISTS owners(uid TEXT NOT NULL, resource TEXT NOT NULL,"
    " namespace TEXT NOT NULL, name TEXT NOT NULL,"
    " PRIMARY KEY(uid,resource,namespace,name)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS owners_by_name ON owners(resource,namespace,name);"
    "CREATE TABLE temp.kept(resource TEXT, namespace TEXT, name TEXT, version INTEGER,"
    " until INTEGER, body BLOB, PRIMARY KEY(resource,namespace,name,version)) WITHOUT ROWID;";

/* Files of schema 1: changes had no old_body, owners was not there. */
static const char migrate_1_sql[] =
    "BEGIN IMMEDIATE; ALTER TABLE changes ADD COLUMN old_body BLOB;"
    "CREATE TABLE owners(uid TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL,"
    " name TEXT NOT NULL, PRIMARY KEY(uid,resource,namespace,name)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO owners SELECT json_extract(r.value,'$.uid'),o.resource,o.namespace,"
    "o.name FROM objects o, json_each(CAST(o.body AS TEXT),'$.metadata.ownerReferences') r "
    "WHERE json_extract(r.value,'$.uid') IS NOT NULL;"
    "PRAGMA user_version=2; COMMIT;";

static int64_t query_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        value = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return value;
}

/* True when the check finds the file sound; else what it found, in err. */
static bool is_sound(sqlite3 *db, char *err, size_t err_cap)
{
    sqlite3_stmt *stmt = NULL;
    bool sound = false;
    if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        sound = text && strcmp(text, "ok") == 0;
        if (!sound) {
            snprintf(err, err_cap, "%.200s", text ? text : "unreadable");
        }
    } else {
        snprintf(err, err_cap, "%.200s", sqlite3_errmsg(db));
    }
    sqlite3_finalize(stmt);
    return sound;
}

static bool prepare_all(struct as_store *s)
{
    for (size_t i = 0; i < STMT_END; i++) {
        if (sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i],
                               NULL) != SQLITE_OK) {
            return false;
        }
    }
    return true;
}

static bool set_up(struct as_store *s, char *err, size_t err_cap)
{
    char why[256];
    static const char pragmas[] =
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "PRAGMA cache_size=-4000; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=16777216;";
    if (sqlite3_exec(s->db, pragmas, NULL, NULL, NULL) != SQLITE_OK) {
        snprintf(err, err_cap, "%s", sqlite3_errmsg(s->db));
        return false;
    }
    if (!is_sound(s->db, why, sizeof(why))) {
        snprintf(err, err_cap, "the file is damaged (%s); restore a backup or move it away", why);
        return false;
    }
    int64_t version = query_int(s->db, "PRAGMA user_version");
    if (version > SCHEMA_VERSION) {
        snprintf(err, err_cap, "written by a newer program (schema %lld, this one knows %d)",
                 (long long)version, SCHEMA_VERSION);
        return false;
    }
    char mark[64];
    snprintf(mark, sizeof(mark), "PRAGMA user_version=%d", SCHEMA_VERSION);
    if (version == 1 && sqlite3_exec(s->db, migrate_1_sql, NULL, NULL, NULL) != SQLITE_OK) {
        snprintf(err, err_cap, "cannot bring the file from schema 1 to %d: %s", SCHEMA_VERSION,
                 sqlite3_errmsg(s->db));
        return false;
    }
    if (sqlite3_exec(s->db, create_sql, NULL, NULL, NULL) != SQLITE_OK ||
        (version != SCHEMA_VERSION && sqlite3_exec(s->db, mark, NULL, NULL, NULL) != SQLITE_OK) ||
        !prepare_all(s)) {
        snprintf(err, err_cap, "%s", sqlite3_errmsg(s->db));
        return false;
    }
    s->compacted = (uint64_t)query_int(s->db, "SELECT value FROM meta WHERE key='compacted'");
    s->version = (uint64_t)query_int(s->db, "SELECT max(version) FROM changes");
    s->version = s->version > s->compacted ? s->version : s->compacted;
    return true;
}

struct as_store *as_store_open(const char *path, char *err, size_t err_cap)
{
    struct as_store *s = calloc(1, sizeof(*s));
    WB_ASSERT(s);
    char why[320];
    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        snprintf(err, err_cap, "cannot open %s: %s", path, sqlite3_errmsg(s->db));
        as_store_close(s);
        return NULL;
    }
    if (!set_up(s, why, sizeof(why))) {
        snprintf(err, err_cap, "cannot use %s: %s", path, why);
        as_store_close(s);
        return NULL;
    }
    return s;
}

void as_store_close(struct as_store *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < STMT_END; i++) {
        sqlite3_finalize(s->stmt[i]);
    }
    sqlite3_close(s->db);
    free(s);
}

uint64_t as_store_version(const struct as_store *s)
{
    return s->version;
}

uint64_t as_store_compacted(const struct as_store *s)
{
    return s->compacted;
}

/* ---- statements --------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static bool run(struct as_store *s, enum statement which)
{
    int result = sqlite3_step(s->stmt[which]);
    sqlite3_reset(s->stmt[which]);
    return result == SQLITE_DONE || result == SQLITE_ROW;
}

static const char *column_text(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text ? text : "";
}

char *as_store_get(struct as_store *s, const char *resource, const char *namespace,
                   const char *name, size_t *len)
{
    sqlite3_stmt *stmt = s->stmt[STMT_GET];
    bind_text(stmt, 1, resource);
    bind_text(stmt, 2, namespace);
    bind_text(stmt, 3, name);
    char *body = NULL;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        *len = (size_t)sqlite3_column_bytes(stmt, 0);
        body = malloc(*len + 1);
        WB_ASSERT(body);
        memcpy(body, sqlite3_column_blob(stmt, 0), *len);
        body[*len] = '\0';
    }
    sqlite3_reset(stmt);
    return body;
}

static void bind_key(sqlite3_stmt *stmt, const struct as_row *row)
{
    bind_text(stmt, 1, row->resource);
    bind_text(stmt, 2, row->namespace);
    bind_text(stmt, 3, row->name);
}

/* Saves the stored state for the lists that are still reading it. */
static bool keep_old(struct as_store *s, const struct as_row *row)
{
    if (s->snapshot_newest == 0 || row->change == AS_ADDED) {
        return true;
    }
    sqlite3_stmt *stmt = s->stmt[STMT_KEEP];
    bind_key(stmt, row);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->version);
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)s->snapshot_newest);
    s->kept_bytes += row->body_len; /* about */
    return run(s, STMT_KEEP);
}

static bool write_owners(struct as_store *s, const struct as_row *row)
{
    if (!row->owners && !row->had_owners) {
        return true;
    }
    bind_key(s->stmt[STMT_OWNERS_CLEAR], row);
    bool ok = run(s, STMT_OWNERS_CLEAR);
    for (size_t i = 0; ok && i < row->owner_count && row->change != AS_DELETED; i++) {
        bind_key(s->stmt[STMT_OWNERS_ADD], row);
        bind_text(s->stmt[STMT_OWNERS_ADD], 4, row->owners[i]);
        ok = run(s, STMT_OWNERS_ADD);
    }
    return ok;
}

static bool write_object(struct as_store *s, const struct as_row *row)
{
    enum statement which = row->change == AS_DELETED ? STMT_REMOVE : STMT_PUT;
    sqlite3_stmt *stmt = s->stmt[which];
    bind_key(stmt, row);
    if (which == STMT_PUT) {
        sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->version);
        sqlite3_bind_blob64(stmt, 5, row->body, row->body_len, SQLITE_STATIC);
    }
    return run(s, which);
}

static bool write_change(struct as_store *s, const struct as_row *row)
{
    sqlite3_stmt *stmt = s->stmt[STMT_CHANGE];
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row->version);
    bind_text(stmt, 2, row->resource);
    bind_text(stmt, 3, row->namespace);
    bind_text(stmt, 4, row->name);
    sqlite3_bind_int(stmt, 5, (int)row->change);
    sqlite3_bind_int64(stmt, 6, (sqlite3_int64)row->time_us);
    bind_text(stmt, 7, row->selectors);
    sqlite3_bind_blob64(stmt, 8, row->body, row->body_len, SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 9, row->old_body, row->old_body_len, SQLITE_STATIC);
    return run(s, STMT_CHANGE);
}

enum wb_err as_store_write(struct as_store *s, const struct as_row *row, char *err, size_t err_cap)
{
    WB_ASSERT(row->version == s->version + 1);
    if ((s->in_batch || run(s, STMT_BEGIN)) && keep_old(s, row) && write_object(s, row) &&
        write_owners(s, row) && write_change(s, row) && (s->in_batch || run(s, STMT_COMMIT))) {
        s->version = row->version;
        return WB_OK;
    }
    snprintf(err, err_cap, "database: %s", sqlite3_errmsg(s->db));
    if (!s->in_batch) {
        run(s, STMT_ROLLBACK);
    }
    return WB_ERR_IO;
}

void as_store_batch_begin(struct as_store *s)
{
    WB_ASSERT(!s->in_batch);
    s->in_batch = run(s, STMT_BEGIN);
}

enum wb_err as_store_batch_end(struct as_store *s, char *err, size_t err_cap)
{
    bool in_batch = s->in_batch;
    s->in_batch = false;
    if (in_batch && run(s, STMT_COMMIT)) {
        return WB_OK;
    }
    snprintf(err, err_cap, "database: %s", sqlite3_errmsg(s->db));
    run(s, STMT_ROLLBACK);
    return WB_ERR_IO;
}

/* ---- snapshots ---------------------------------------------------------------------------- */

static void snapshots_settle(struct as_store *s)
{
    uint64_t oldest = UINT64_MAX;
    s->snapshot_newest = 0;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
        uint64_t version = s->snapshots[i].version;
        if (version) {
            oldest = version < oldest ? version : oldest;
            s->snapshot_newest = version > s->snapshot_newest ? version : s->snapshot_newest;
        }
    }
    sqlite3_bind_int64(s->stmt[STMT_KEPT_FORGET], 1,
                       oldest == UINT64_MAX ? INT64_MAX : (sqlite3_int64)oldest);
    run(s, STMT_KEPT_FORGET);
    s->kept_bytes = (size_t)query_int(s->db, "SELECT total(length(body)) FROM temp.kept");
}

void as_store_snapshot(struct as_store *s, uint64_t version, uint64_t now_us)
{
    size_t at = 0;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
        if (s->snapshots[i].version == version) {
            at = i;
            break;
        }
        if (s->snapshots[i].until_us < s->snapshots[at].until_us) {
            at = i;
        }
    }
    s->snapshots[at].version = version;
    s->snapshots[at].until_us = now_us + SNAPSHOT_US;
    s->snapshot_newest = version > s->snapshot_newest ? version : s->snapshot_newest;
}

bool as_store_has_snapshot(const struct as_store *s, uint64_t version)
{
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
        if (version && s->snapshots[i].version == version) {
            return true;
        }
    }
    return false;
}

void as_store_snapshots_expire(struct as_store *s, uint64_t now_us)
{
    bool too_many = s->kept_bytes > KEPT_BYTES_MAX;
    bool changed = false;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
        if (s->snapshots[i].version && (too_many || s->snapshots[i].until_us <= now_us)) {
            s->snapshots[i].version = s->snapshots[i].until_us = 0;
            changed = true;
        }
    }
    if (changed) {
        snapshots_settle(s);
    }
}

/* ---- owners ------------------------------------------------------------------------------- */

static void each_key(struct as_store *s, enum statement which,
                     void (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    sqlite3_stmt *stmt = s->stmt[which];
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct as_row row = {.resource = column_text(stmt, 0),
                             .namespace = column_text(stmt, 1),
                             .name = column_text(stmt, 2)};
        each(ctx, &row);
    }
    sqlite3_reset(stmt);
}

void as_store_dependents(struct as_store *s, const char *uid,
                         void (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    bind_text(s->stmt[STMT_DEPENDENTS], 1, uid);
    each_key(s, STMT_DEPENDENTS, each, ctx);
}

void as_store_owned(struct as_store *s, void (*each)(void *ctx, const struct as_row *row),
                    void *ctx)
{
    each_key(s, STMT_OWNED, each, ctx);
}

/* ---- backup ------------------------------------------------------------------------------- */

enum wb_err as_store_backup(struct as_store *s, const char *path, char *err, size_t err_cap)
{
    bind_text(s->stmt[STMT_BACKUP], 1, path);
    if (run(s, STMT_BACKUP)) {
        return WB_OK;
    }
    snprintf(err, err_cap, "cannot write %s: %s", path, sqlite3_errmsg(s->db));
    return WB_ERR_IO;
}

/* Versions go on far above those of the file, so that nobody who saw later ones takes a new one
 * for an old one; histories before that are gone. */
#define RESTORE_GAP 1000000

enum wb_err as_store_restore(const char *backup, const char *path, char *err, size_t err_cap)
{
    char gap[512], why[320];
    struct as_store *s = as_store_open(path, why, sizeof(why)); /* fails while a server runs */
    if (!s) {
        snprintf(err, err_cap, "%s", why);
        return WB_ERR_IO;
    }
    sqlite3 *from = NULL;
    enum wb_err result = WB_ERR_IO;
    int64_t newest = (int64_t)s->version;
    if (sqlite3_open_v2(backup, &from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        !is_sound(from, why, sizeof(why)) || query_int(from, "PRAGMA user_version") < 1 ||
        query_int(from, "PRAGMA user_version") > SCHEMA_VERSION) {
        snprintf(err, err_cap, "%s is not a sound backup of this program", backup);
    } else {
        for (size_t i = 0; i < STMT_END; i++) {
            sqlite3_finalize(s->stmt[i]);
            s->stmt[i] = NULL;
        }
        sqlite3_backup *copy = sqlite3_backup_init(s->db, "main", from, "main");
        int done = copy ? sqlite3_backup_step(copy, -1) : SQLITE_ERROR;
        if (copy) {
            sqlite3_backup_finish(copy);
        }
        int64_t version = query_int(s->db, "SELECT max((SELECT coalesce(max(version),0) FROM "
                                           "changes),(SELECT coalesce(max(value),0) FROM meta "
                                           "WHERE key='compacted'))");
        version = (version > newest ? version : newest) + RESTORE_GAP;
        snprintf(gap, sizeof(gap),
                 "BEGIN IMMEDIATE; DELETE FROM changes; INSERT INTO meta(key,value) "
                 "VALUES('compacted',%lld) ON CONFLICT(key) DO UPDATE SET value=%lld; COMMIT;",
                 (long long)version, (long long)version);
        if (done == SQLITE_DONE && sqlite3_exec(s->db, gap, NULL, NULL, NULL) == SQLITE_OK) {
            result = WB_OK;
        } else {
            snprintf(err, err_cap, "cannot restore into %s: %s", path, sqlite3_errmsg(s->db));
        }
    }
    sqlite3_close(from);
    as_store_close(s);
    return result;
}

/* ---- lists -------------------------------------------------------------------------------- */

static sqlite3_stmt *bind_range(struct as_store *s, enum statement all, enum statement one,
                                const char *resource, const char *namespace, const char *after_ns,
                                const char *after_name)
{
    sqlite3_stmt *stmt = s->stmt[namespace ? one : all];
    bind_text(stmt, 1, resource);
    if (!namespace) {
        bind_text(stmt, 2, after_name ? after_ns : "");
    }
    bind_text(stmt, 3, after_name ? after_name : "");
    if (namespace) {
        bind_text(stmt, 5, namespace);
    }
    return stmt;
}

static sqlite3_stmt *bind_at(struct as_store *s, enum statement which, uint64_t version,
                             const char *resource, const char *namespace, const char *after_ns,
                             const char *after_name)
{
    sqlite3_stmt *stmt = s->stmt[which];
    bind_text(stmt, 1, resource);
    bind_text(stmt, 2, after_name ? after_ns : "");
    bind_text(stmt, 3, after_name ? after_name : "");
    if (namespace) {
        bind_text(stmt, 5, namespace);
    } else {
        sqlite3_bind_null(stmt, 5);
    }
    sqlite3_bind_int64(stmt, 6, (sqlite3_int64)version);
    return stmt;
}

static void list_rows(sqlite3_stmt *stmt, const char *resource, size_t limit,
                      bool (*each)(void *ctx, const struct as_row *row), void *ctx);

void as_store_list(struct as_store *s, const char *resource, const char *namespace,
                   const char *after_ns, const char *after_name, size_t limit,
                   bool (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    list_rows(bind_range(s, STMT_LIST, STMT_LIST_NS, resource, namespace, after_ns, after_name),
              resource, limit, each, ctx);
}

void as_store_list_at(struct as_store *s, uint64_t version, const char *resource,
                      const char *namespace, const char *after_ns, const char *after_name,
                      bool (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    if (version == s->version) {
        as_store_list(s, resource, namespace, after_ns, after_name, 0, each, ctx);
    } else {
        list_rows(bind_at(s, STMT_LIST_AT, version, resource, namespace, after_ns, after_name),
                  resource, 0, each, ctx);
    }
}

static void list_rows(sqlite3_stmt *stmt, const char *resource, size_t limit,
                      bool (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    sqlite3_bind_int64(stmt, 4, limit ? (sqlite3_int64)limit : -1);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct as_row row = {.version = (uint64_t)sqlite3_column_int64(stmt, 0),
                             .resource = resource,
                             .namespace = column_text(stmt, 1),
                             .name = column_text(stmt, 2),
                             .body = sqlite3_column_blob(stmt, 3),
                             .body_len = (size_t)sqlite3_column_bytes(stmt, 3)};
        if (!each(ctx, &row)) {
            break;
        }
    }
    sqlite3_reset(stmt);
}

size_t as_store_count(struct as_store *s, uint64_t version, const char *resource,
                      const char *namespace, const char *after_ns, const char *after_name)
{
    sqlite3_stmt *stmt =
        version == s->version
            ? bind_range(s, STMT_COUNT, STMT_COUNT_NS, resource, namespace, after_ns, after_name)
            : bind_at(s, STMT_COUNT_AT, version, resource, namespace, after_ns, after_name);
    size_t count = sqlite3_step(stmt) == SQLITE_ROW ? (size_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return count;
}

void as_store_changes(struct as_store *s, uint64_t after,
                      bool (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    sqlite3_stmt *stmt = s->stmt[STMT_CHANGES];
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)after);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct as_row row = {.version = (uint64_t)sqlite3_column_int64(stmt, 0),
                             .resource = column_text(stmt, 1),
                             .namespace = column_text(stmt, 2),
                             .name = column_text(stmt, 3),
                             .change = (enum as_change)sqlite3_column_int(stmt, 4),
                             .time_us = (uint64_t)sqlite3_column_int64(stmt, 5),
                             .selectors = column_text(stmt, 6),
                             .body = sqlite3_column_blob(stmt, 7),
                             .body_len = (size_t)sqlite3_column_bytes(stmt, 7),
                             .old_body = sqlite3_column_blob(stmt, 8),
                             .old_body_len = (size_t)sqlite3_column_bytes(stmt, 8)};
        if (!each(ctx, &row)) {
            break;
        }
    }
    sqlite3_reset(stmt);
}

void as_store_compact(struct as_store *s, size_t count_max, size_t bytes_max)
{
    sqlite3_stmt *stmt = s->stmt[STMT_SIZES];
    size_t count = 0, bytes = 0;
    uint64_t forget = 0;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        bytes += (size_t)sqlite3_column_int64(stmt, 1);
        if (++count > count_max || bytes > bytes_max) {
            forget = (uint64_t)sqlite3_column_int64(stmt, 0);
            break;
        }
    }
    sqlite3_reset(stmt);
    if (forget == 0) {
        return;
    }
    sqlite3_bind_int64(s->stmt[STMT_COMPACTED], 1, (sqlite3_int64)forget);
    sqlite3_bind_int64(s->stmt[STMT_FORGET], 1, (sqlite3_int64)forget);
    if (run(s, STMT_BEGIN) && run(s, STMT_COMPACTED) && run(s, STMT_FORGET) &&
        run(s, STMT_COMMIT)) {
        s->compacted = forget;
    } else {
        run(s, STMT_ROLLBACK);
    }
}
