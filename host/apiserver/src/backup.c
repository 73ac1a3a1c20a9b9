/* SPDX-License-Identifier: AGPL-3.0-only */
/* backup.c: the database as a file, while requests are served; and back again, while none are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

/* The whole file; NULL: it could not be read. */
static char *read_all(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0) {
        rewind(file);
        data = malloc((size_t)size);
    }
    if (data && fread(data, 1, (size_t)size, file) != (size_t)size) {
        free(data);
        data = NULL;
    }
    if (file) {
        fclose(file);
    }
    *len = size > 0 ? (size_t)size : 0;
    return data;
}

bool as_backup(struct as_call *c, const char *path)
{
    struct wb_apiserver *s = c->server;
    char err[256];
    size_t len = 0;
    if (strcmp(path, "/wasmbed/backup") != 0) {
        return false;
    }
    if (!s->open && !as_in_group(c->user, "system:masters")) {
        as_reply_error(c, 403, "Forbidden", json_object(),
                       "forbidden: User \"%s\" cannot get path \"%s\"", c->user->name, path);
        return true;
    }
    char *copy = as_fmt("%s.backup", s->db_path);
    unlink(copy);
    char *data = NULL;
    if (strcmp(s->db_path, ":memory:") == 0) {
        snprintf(err, sizeof(err), "the database is in memory only");
    } else if (as_store_backup(s->store, copy, err, sizeof(err)) == WB_OK &&
               !(data = read_all(copy, &len))) {
        snprintf(err, sizeof(err), "cannot read %s", copy);
    }
    unlink(copy);
    free(copy);
    if (!data) {
        as_reply_error(c, 500, "InternalError", NULL, "Internal error occurred: %s", err);
        return true;
    }
    as_reply_json(c, 200, data, len);
    c->response->content_type = "application/vnd.sqlite3";
    return true;
}

int wb_apiserver_restore(const char *state_dir, const char *backup)
{
    char err[512];
    char *path = as_fmt("%s/apiserver.db", state_dir);
    bool ok = as_store_restore(backup, path, err, sizeof(err)) == WB_OK;
    if (!ok) {
        fprintf(stderr, "wasmbed restore: %s\n", err);
    }
    free(path);
    return ok ? 0 : 1;
}
