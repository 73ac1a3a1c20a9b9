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

#define SCHEMA_VERSION 1

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
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_END
};

static const char *const statements[STMT_END] = {
    [STMT_GET] = "SELECT body FROM objects WHERE resource=?1 AND namespace=?2 AND name=?3",
    [STMT_PUT] = "INSERT INTO objects(resource,namespace,name,version,body) VALUES(?1,?2,?3,?4,?5) "
                 "ON CONFLICT(resource,namespace,name) DO UPDATE SET version=?4, body=?5",
    [STMT_REMOVE] = "DELETE FROM objects WHERE resource=?1 AND namespace=?2 AND name=?3",
    [STMT_CHANGE] =
        "INSERT INTO changes(version,resource,namespace,name,change,time_us,selectors,body) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [STMT_LIST] = "SELECT version,namespace,name,body FROM objects WHERE resource=?1 AND "
                  "(namespace,name)>(?2,?3) ORDER BY namespace,name LIMIT ?4",
    [STMT_LIST_NS] = "SELECT version,namespace,name,body FROM objects WHERE resource=?1 AND "
                     "namespace=?5 AND name>?3 ORDER BY name LIMIT ?4",
    [STMT_COUNT] = "SELECT count(*) FROM objects WHERE resource=?1 AND (namespace,name)>(?2,?3)",
    [STMT_COUNT_NS] = "SELECT count(*) FROM objects WHERE resource=?1 AND namespace=?5 AND name>?3",
    [STMT_CHANGES] =
        "SELECT version,resource,namespace,name,change,time_us,selectors,body FROM changes "
        "WHERE version>?1 ORDER BY version",
    [STMT_SIZES] = "SELECT version,length(body) FROM changes ORDER BY version DESC",
    [STMT_FORGET] = "DELETE FROM changes WHERE version<=?1",
    [STMT_COMPACTED] = "INSERT INTO meta(key,value) VALUES('compacted',?1) "
                       "ON CONFLICT(key) DO UPDATE SET value=?1",
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
};

struct as_store {
    sqlite3 *db;
    sqlite3_stmt *stmt[STMT_END];
    uint64_t version, compacted;
    bool in_batch;
};

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS objects(resource TEXT NOT NULL, namespace TEXT NOT NULL,"
    " name TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(resource,namespace,name));"
    "CREATE TABLE IF NOT EXISTS changes(version INTEGER PRIMARY KEY, resource TEXT NOT NULL,"
    " namespace TEXT NOT NULL, name TEXT NOT NULL, change INTEGER NOT NULL,"
    " time_us INTEGER NOT NULL, selectors TEXT NOT NULL, body BLOB NOT NULL);";

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

static bool write_object(struct as_store *s, const struct as_row *row)
{
    enum statement which = row->change == AS_DELETED ? STMT_REMOVE : STMT_PUT;
    sqlite3_stmt *stmt = s->stmt[which];
    bind_text(stmt, 1, row->resource);
    bind_text(stmt, 2, row->namespace);
    bind_text(stmt, 3, row->name);
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
    return run(s, STMT_CHANGE);
}

enum wb_err as_store_write(struct as_store *s, const struct as_row *row, char *err, size_t err_cap)
{
    WB_ASSERT(row->version == s->version + 1);
    if ((s->in_batch || run(s, STMT_BEGIN)) && write_object(s, row) && write_change(s, row) &&
        (s->in_batch || run(s, STMT_COMMIT))) {
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

void as_store_list(struct as_store *s, const char *resource, const char *namespace,
                   const char *after_ns, const char *after_name, size_t limit,
                   bool (*each)(void *ctx, const struct as_row *row), void *ctx)
{
    sqlite3_stmt *stmt =
        bind_range(s, STMT_LIST, STMT_LIST_NS, resource, namespace, after_ns, after_name);
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

size_t as_store_count(struct as_store *s, const char *resource, const char *namespace,
                      const char *after_ns, const char *after_name)
{
    sqlite3_stmt *stmt =
        bind_range(s, STMT_COUNT, STMT_COUNT_NS, resource, namespace, after_ns, after_name);
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
                             .body_len = (size_t)sqlite3_column_bytes(stmt, 7)};
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
