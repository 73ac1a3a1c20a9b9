/* SPDX-License-Identifier: AGPL-3.0-only */
/* resource.h: what is served: one row a resource, read from CRD-shaped definitions. */
#ifndef AS_RESOURCE_H
#define AS_RESOURCE_H

#include "schema.h"

#define AS_COLUMNS_MAX    16u
#define AS_SELECTABLE_MAX 16u
#define AS_RESOURCES_MAX  32u

struct as_column {
    const char *name, *type, *format, *description, *path;
    int priority;
};

struct as_resource {
    json_t *definition; /* owns the texts below */
    const char *group, *version, *plural, *singular, *kind, *list_kind;
    const json_t *short_names, *categories; /* may be NULL */
    bool namespaced, has_status, custom, read_only;
    char *key; /* "devices.wasmbed.github.io", "namespaces": in the store and in messages */
    char *group_version;  /* "wasmbed.github.io/v1", "v1": apiVersion of its objects */
    char *qualified_kind; /* "Device.wasmbed.github.io", "Namespace": in messages about invalid
                             objects */
    json_t *schema_source;
    struct as_schema *schema;
    struct as_column columns[AS_COLUMNS_MAX];
    size_t column_count;
    const char *selectable[AS_SELECTABLE_MAX]; /* paths without the first dot */
    size_t selectable_count;
};

struct as_registry {
    struct as_resource items[AS_RESOURCES_MAX];
    size_t count;
};

/* Adds the resource that a definition describes (its first version). Keeps a reference. False with
 * a text. */
bool as_registry_add(struct as_registry *r, json_t *definition, bool custom, char *err,
                     size_t err_cap);
void as_registry_deinit(struct as_registry *r);

/* By group, version and plural; version NULL: any. NULL: not served. */
const struct as_resource *as_registry_find(const struct as_registry *r, const char *group,
                                           const char *version, const char *plural);

/* The value at a simple path: .a.b, .a[0], .a[?(@.b=="c")].d, names with \. escapes. Borrowed;
 * NULL: absent. */
const json_t *as_path_get(const json_t *value, const char *path);

/* What selectors look at: {"l": labels, "f": {path: text}}. New reference. */
json_t *as_resource_facets(const struct as_resource *r, const json_t *object);

#endif
