/* SPDX-License-Identifier: AGPL-3.0-only */
/* Linear probing over FNV-1a hashes; removed entries keep their key's place until the table is
 * rebuilt. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* What a removed entry's key becomes: its own text may be freed. */
static const char removed_key[] = "";

static size_t hash_of(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *key != '\0'; key++) {
        hash = (hash ^ (uint8_t)*key) * 0x100000001b3u;
    }
    return (size_t)(hash ^ hash >> 32);
}

void table_deinit(struct table *t)
{
    free(t->entries);
    *t = (struct table){0};
}

static struct table_entry *find_entry(const struct table *t, const char *key)
{
    if (t->cap == 0) {
        return NULL;
    }
    for (size_t i = hash_of(key);; i++) {
        struct table_entry *e = &t->entries[i & (t->cap - 1)];
        if (e->key == NULL) {
            return NULL;
        }
        if (e->value != NULL && strcmp(e->key, key) == 0) {
            return e;
        }
    }
}

void *table_find(const struct table *t, const char *key)
{
    struct table_entry *e = find_entry(t, key);
    return e != NULL ? e->value : NULL;
}

static void insert(struct table *t, const char *key, void *value)
{
    size_t i = hash_of(key);
    while (t->entries[i & (t->cap - 1)].key != NULL) {
        i++;
    }
    t->entries[i & (t->cap - 1)] = (struct table_entry){key, value};
    t->used++;
    t->count++;
}

static enum wb_err grow(struct table *t)
{
    size_t cap = t->count * 2 < 16 ? 16 : t->cap;
    while (cap < t->count * 4) {
        cap *= 2;
    }
    struct table next = {.entries = calloc(cap, sizeof *next.entries), .cap = cap};
    if (next.entries == NULL) {
        return WB_ERR_MEMORY;
    }
    for (size_t i = 0; i < t->cap; i++) {
        if (t->entries[i].value != NULL) {
            insert(&next, t->entries[i].key, t->entries[i].value);
        }
    }
    free(t->entries);
    *t = next;
    return WB_OK;
}

enum wb_err table_put(struct table *t, const char *key, void *value)
{
    WB_ASSERT(value != NULL);
    struct table_entry *e = find_entry(t, key);
    if (e != NULL) {
        *e = (struct table_entry){key, value};
        return WB_OK;
    }
    if ((t->used + 1) * 4 > t->cap * 3) {
        WB_TRY(grow(t));
    }
    insert(t, key, value);
    return WB_OK;
}

void table_remove(struct table *t, const char *key)
{
    struct table_entry *e = find_entry(t, key);
    if (e != NULL) {
        *e = (struct table_entry){removed_key, NULL};
        t->count--;
    }
}

void *table_next(const struct table *t, size_t *cursor)
{
    while (*cursor < t->cap) {
        void *value = t->entries[(*cursor)++].value;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
