/* SPDX-License-Identifier: AGPL-3.0-only */
/* schema.h: structural schemas of custom resources: pruning, defaults, validation. */
#ifndef AS_SCHEMA_H
#define AS_SCHEMA_H

#include "text.h"

struct as_schema;

/* Compiles an openAPIV3Schema; keeps a reference to it. NULL with a text when it is not usable. */
struct as_schema *as_schema_new(json_t *source, char *err, size_t err_cap);
void as_schema_free(struct as_schema *schema);

/* Problems of an object as Kubernetes reports them: a list of {field, message, reason}. */
struct as_causes {
    json_t *list; /* NULL: none */
};
void as_cause_add(struct as_causes *causes, const char *field, const char *reason,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Removes what the schema does not know from the object; apiVersion, kind and metadata stay. Paths
 * of what was removed are added to unknown (a list of strings), unless it is NULL. */
void as_schema_prune(const struct as_schema *schema, json_t *object, json_t *unknown);

/* Adds the schema's defaults where values are absent. */
void as_schema_default(const struct as_schema *schema, json_t *object);

/* Checks the object. Problems of values that are the same in old (NULL on create) do not count. */
void as_schema_validate(const struct as_schema *schema, const json_t *object, const json_t *old,
                        struct as_causes *causes);

/* list type of the field at a path step, for patches: NULL when unknown. */
const struct as_schema *as_schema_property(const struct as_schema *schema, const char *name);
const struct as_schema *as_schema_items(const struct as_schema *schema);
enum as_list_type { AS_LIST_ATOMIC, AS_LIST_SET, AS_LIST_MAP };
enum as_list_type as_schema_list_type(const struct as_schema *schema, const json_t **keys);
bool as_schema_is_atomic_map(const struct as_schema *schema);

#endif
