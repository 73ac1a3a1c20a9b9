/* SPDX-License-Identifier: AGPL-3.0-only */
/* table.h: pointers by text key: open addressing, grows by doubling. Keys are borrowed: they live
 * in the object that the pointer names, as long as it is in the table. */
#ifndef WB_GATEWAY_TABLE_H
#define WB_GATEWAY_TABLE_H

#include "wb_base.h"

struct table_entry {
    const char *key; /* NULL: free */
    void *value;     /* NULL with a key: removed */
};

struct table {
    struct table_entry *entries;
    size_t cap;   /* power of two, or 0 */
    size_t used;  /* entries with a key, removed ones included */
    size_t count; /* values */
};

/* All zero is an empty table. */
void table_deinit(struct table *t);
void *table_find(const struct table *t, const char *key);
/* Adds or replaces. Outcomes: WB_ERR_MEMORY. */
enum wb_err table_put(struct table *t, const char *key, void *value) WB_MUST_USE;
void table_remove(struct table *t, const char *key);
/* Next value from *cursor (start at 0); NULL: end. Removing the value just returned is allowed. */
void *table_next(const struct table *t, size_t *cursor);

#endif
