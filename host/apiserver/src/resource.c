/* SPDX-License-Identifier: AGPL-3.0-only */
/* resource.c: definitions to rows. */
#include "resource.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *object, const char *key)
{
    return as_str(object, key);
}

static void read_columns(struct as_resource *r, const json_t *columns)
{
    r->columns[r->column_count++] = (struct as_column){
        .name = "Name",
        .type = "string",
        .format = "name",
        .path = ".metadata.name",
        .description = "Name must be unique within a namespace. Is required when creating "
                       "resources, although some resources may allow a client "
                       "to request the generation of an appropriate name "
                       "automatically. Name is primarily intended for creation "
                       "idempotence and configuration definition. Cannot be "
                       "updated. More info: https://kubernetes.io/docs/concepts/"
                       "overview/working-with-objects/names#names"};
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column)
    {
        if (r->column_count == AS_COLUMNS_MAX) {
            break;
        }
        r->columns[r->column_count++] = (struct as_column){
            .name = text(column, "name"),
            .type = text(column, "type"),
            .format = text(column, "format"),
            .description = text(column, "description"),
            .path = text(column, "jsonPath"),
            .priority = (int)json_integer_value(json_object_get(column, "priority"))};
    }
    if (json_array_size(columns) == 0) {
        r->columns[r->column_count++] = (struct as_column){.name = "Age",
                                                           .type = "date",
                                                           .format = "",
                                                           .path = ".metadata.creationTimestamp",
                                                           .description = "Time since creation"};
    }
}

bool as_registry_add(struct as_registry *registry, json_t *definition, bool custom, char *err,
                     size_t err_cap)
{
    const json_t *spec = json_object_get(definition, "spec");
    const json_t *names = json_object_get(spec, "names");
    const json_t *version = json_array_get(json_object_get(spec, "versions"), 0);
    json_t *schema = json_object_get(json_object_get(version, "schema"), "openAPIV3Schema");
    if (!text(names, "kind")[0] || !text(names, "plural")[0] || !text(version, "name")[0] ||
        !schema) {
        snprintf(err, err_cap,
                 "not a definition: spec.names, spec.versions or a schema is missing");
        return false;
    }
    if (registry->count == AS_RESOURCES_MAX) {
        snprintf(err, err_cap, "more than %u definitions", AS_RESOURCES_MAX);
        return false;
    }
    struct as_resource *r = &registry->items[registry->count];
    *r = (struct as_resource){.group = text(spec, "group"),
                              .version = text(version, "name"),
                              .plural = text(names, "plural"),
                              .singular = text(names, "singular"),
                              .kind = text(names, "kind"),
                              .list_kind = text(names, "listKind"),
                              .short_names = json_object_get(names, "shortNames"),
                              .categories = json_object_get(names, "categories"),
                              .namespaced = strcmp(text(spec, "scope"), "Namespaced") == 0,
                              .read_only = json_is_true(json_object_get(spec, "readOnly")),
                              .custom = custom,
                              .schema_source = schema};
    r->has_status = json_object_get(json_object_get(version, "subresources"), "status") != NULL;
    r->schema = as_schema_new(schema, err, err_cap);
    if (!r->schema) {
        return false;
    }
    const char *dot = r->group[0] ? "." : "";
    r->definition = json_incref(definition);
    r->key = as_fmt("%s%s%s", r->plural, dot, r->group);
    r->qualified_kind = as_fmt("%s%s%s", r->kind, dot, r->group);
    r->group_version = as_fmt("%s%s%s", r->group, r->group[0] ? "/" : "", r->version);
    read_columns(r, json_object_get(version, "additionalPrinterColumns"));
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(version, "selectableFields"), i, field)
    {
        const char *path = text(field, "jsonPath");
        if (path[0] == '.' && r->selectable_count < AS_SELECTABLE_MAX) {
            r->selectable[r->selectable_count++] = path + 1;
        }
    }
    registry->count++;
    return true;
}

void as_registry_deinit(struct as_registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) {
        struct as_resource *r = &registry->items[i];
        as_schema_free(r->schema);
        free(r->key);
        free(r->qualified_kind);
        free(r->group_version);
        json_decref(r->definition);
    }
    registry->count = 0;
}

const struct as_resource *as_registry_find(const struct as_registry *registry, const char *group,
                                           const char *version, const char *plural)
{
    for (size_t i = 0; i < registry->count; i++) {
        const struct as_resource *r = &registry->items[i];
        if (strcmp(r->plural, plural) == 0 && strcmp(r->group, group) == 0 &&
            (!version || strcmp(r->version, version) == 0)) {
            return r;
        }
    }
    return NULL;
}

/* ---- paths -------------------------------------------------------------------------------- */

/* [N] or [?(@.name=="text")] */
static const json_t *path_bracket(const json_t *value, const char **at)
{
    const char *p = *at + 1;
    const char *end = strchr(p, ']');
    if (!end) {
        return NULL;
    }
    *at = end + 1;
    if (isdigit((unsigned char)*p)) {
        return json_array_get(value, (size_t)strtoul(p, NULL, 10));
    }
    char name[64], wanted[128];
    if (sscanf(p, "?(@.%63[^=]==\"%127[^\"]\")", name, wanted) != 2 &&
        sscanf(p, "?(@.%63[^=]=='%127[^']')", name, wanted) != 2) {
        return NULL;
    }
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        if (strcmp(as_str(item, name), wanted) == 0) {
            return item;
        }
    }
    return NULL;
}

const json_t *as_path_get(const json_t *value, const char *path)
{
    const char *at = path;
    while (value && *at && *at != '|') {
        if (*at == '[') {
            value = path_bracket(value, &at);
            continue;
        }
        if (*at == '.') {
            at++;
        }
        char name[256];
        size_t len = 0;
        while (*at && *at != '.' && *at != '[' && *at != '|' && len + 1 < sizeof(name)) {
            if (*at == '\\' && at[1]) {
                at++;
            }
            name[len++] = *at++;
        }
        name[len] = '\0';
        if (len > 0) {
            value = json_object_get(value, name);
        } else if (*at != '[' && *at != '.') {
            break;
        }
    }
    return value;
}

json_t *as_resource_facets(const struct as_resource *r, const json_t *object)
{
    json_t *facets = json_object();
    const json_t *metadata = json_object_get(object, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    json_object_set(facets, "l", labels ? labels : json_null());
    json_t *fields = json_object();
    json_object_set_new(fields, "metadata.name", json_string(as_str(metadata, "name")));
    json_object_set_new(fields, "metadata.namespace", json_string(as_str(metadata, "namespace")));
    for (size_t i = 0; i < r->selectable_count; i++) {
        const json_t *value = as_path_get(object, r->selectable[i]);
        if (json_is_string(value)) {
            json_object_set(fields, r->selectable[i], (json_t *)(uintptr_t)value);
        } else if (json_is_object(value) && json_object_get(value, "component")) {
            json_object_set(fields, r->selectable[i], json_object_get(value, "component"));
        } else if (value && !json_is_null(value) && !json_is_object(value) &&
                   !json_is_array(value)) {
            char *shown = as_dump(value, NULL);
            json_object_set_new(fields, r->selectable[i], json_string(shown));
            free(shown);
        }
    }
    json_object_set_new(facets, "f", fields);
    return facets;
}
