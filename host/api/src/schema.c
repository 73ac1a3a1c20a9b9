/* SPDX-License-Identifier: AGPL-3.0-only */
/* schema.c: a kind's tables as a CustomResourceDefinition (apiextensions.k8s.io/v1). */
#include <stdio.h>
#include <string.h>

#include "wb_api.h"

static json_t *schema_of_fields(const struct wb_api_field *fields, size_t count);
static json_t *schema_of(const struct wb_api_field *field);
static json_t *rules_json(const struct wb_api_rule *rules);

/* Every put below takes the value; a NULL value (no memory) leaves the key out. */
static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        json_object_del(object, key);
    }
}

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        put(object, key, json_string(text));
    }
}

static void put_bounds(json_t *schema, const struct wb_api_field *field, const char *min_key,
                       const char *max_key)
{
    if (field->is_bounded) {
        if (field->min != 0 || field->type == WB_API_INTEGER) {
            put(schema, min_key, json_integer(field->min));
        }
        put(schema, max_key, json_integer(field->max));
    }
}

static json_t *schema_of(const struct wb_api_field *field)
{
    json_t *schema = json_object();
    put_text(schema, "description", field->description);
    switch (field->type) {
    case WB_API_STRING:
        put_text(schema, "type", "string");
        put_bounds(schema, field, "minLength", "maxLength");
        break;
    case WB_API_INTEGER:
        put_text(schema, "type", "integer");
        put_bounds(schema, field, "minimum", "maximum");
        break;
    case WB_API_BOOLEAN: put_text(schema, "type", "boolean"); break;
    case WB_API_INT_OR_STRING: put(schema, "x-kubernetes-int-or-string", json_true()); break;
    case WB_API_LIST:
        put_text(schema, "type", "array");
        put_bounds(schema, field, "minItems", "maxItems");
        put(schema, "items", schema_of(&field->fields[0]));
        put_text(schema, "x-kubernetes-list-type", field->list_type);
        if (field->list_key != NULL) {
            put(schema, "x-kubernetes-list-map-keys", json_pack("[s]", field->list_key));
        }
        break;
    case WB_API_MAP:
        put_text(schema, "type", "object");
        put_bounds(schema, field, "minProperties", "maxProperties");
        put(schema, "additionalProperties", schema_of(&field->fields[0]));
        break;
    case WB_API_OBJECT: {
        put_text(schema, "type", "object");
        json_t *parts = schema_of_fields(field->fields, field->field_count);
        json_object_update(schema, parts);
        json_decref(parts);
        break;
    }
    }
    put_text(schema, "format", field->format);
    put_text(schema, "pattern", field->pattern);
    if (field->values != NULL) {
        json_t *values = json_array();
        for (const char *const *value = field->values; *value != NULL; value++) {
            json_array_append_new(values, json_string(*value));
        }
        put(schema, "enum", values);
    }
    if (field->default_json != NULL) {
        put(schema, "default", json_loads(field->default_json, JSON_DECODE_ANY, NULL));
    }
    if (field->rules[0].cel != NULL) {
        put(schema, "x-kubernetes-validations", rules_json(field->rules));
    }
    return schema;
}

/* {required, properties} of an object. */
static json_t *schema_of_fields(const struct wb_api_field *fields, size_t count)
{
    json_t *schema = json_object();
    json_t *required = json_array();
    json_t *properties = json_object();
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required) {
            json_array_append_new(required, json_string(fields[i].name));
        }
        put(properties, fields[i].name, schema_of(&fields[i]));
    }
    if (json_array_size(required) > 0) {
        put(schema, "required", required);
    } else {
        json_decref(required);
    }
    put(schema, "properties", properties);
    return schema;
}

static json_t *rules_json(const struct wb_api_rule *rules)
{
    json_t *list = json_array();
    for (size_t i = 0; i < WB_API_RULES_MAX && rules[i].cel != NULL; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "rule", rules[i].cel, "message", rules[i].message));
    }
    return list;
}

static json_t *columns_json(const struct wb_api_kind *kind)
{
    json_t *list = json_array();
    for (size_t i = 0; i < kind->column_count; i++) {
        const struct wb_api_column *column = &kind->columns[i];
        json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "name", column->name, "type", column->type,
                                 "description", column->description, "jsonPath", column->path);
        if (column->priority != 0) {
            put(json, "priority", json_integer(column->priority));
        }
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *root_schema(const struct wb_api_kind *kind)
{
    json_t *schema = json_object();
    put_text(schema, "description", kind->description);
    put_text(schema, "type", "object");
    json_t *parts = schema_of_fields(kind->fields, kind->field_count);
    json_object_update(schema, parts);
    json_t *properties = json_object();
    put(properties, "apiVersion", json_pack("{s:s}", "type", "string"));
    put(properties, "kind", json_pack("{s:s}", "type", "string"));
    put(properties, "metadata", json_pack("{s:s}", "type", "object"));
    json_object_update(properties, json_object_get(parts, "properties"));
    put(schema, "properties", properties);
    json_decref(parts);
    if (kind->rules != NULL && kind->rules[0].cel != NULL) {
        put(schema, "x-kubernetes-validations", rules_json(kind->rules));
    }
    return schema;
}

json_t *wb_api_crd_json(const struct wb_api_kind *kind)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", kind->plural, WB_API_GROUP);
    json_t *version =
        json_pack("{s:s, s:b, s:b, s:o, s:{s:{}}, s:o}", "name", WB_API_VERSION, "served", 1,
                  "storage", 1, "additionalPrinterColumns", columns_json(kind), "subresources",
                  "status", "schema", json_pack("{s:o}", "openAPIV3Schema", root_schema(kind)));
    json_t *selectable = json_array();
    for (const char *const *path = kind->selectable; *path != NULL; path++) {
        json_array_append_new(selectable, json_pack("{s:s}", "jsonPath", *path));
    }
    put(version, "selectableFields", selectable);
    return json_pack(
        "{s:s, s:s, s:{s:s}, s:{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:[s], s:[s]}, s:[o]}}",
        "apiVersion", "apiextensions.k8s.io/v1", "kind", "CustomResourceDefinition", "metadata",
        "name", name, "spec", "group", WB_API_GROUP, "scope", "Namespaced", "names", "kind",
        kind->kind, "listKind", kind->list, "plural", kind->plural, "singular", kind->singular,
        "shortNames", kind->short_name, "categories", "wasmbed", "versions", version);
}
