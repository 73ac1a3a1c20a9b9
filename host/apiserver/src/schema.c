/* SPDX-License-Identifier: AGPL-3.0-only */
/* schema.c: structural schemas. Compiled once from the CRD's JSON, because patterns are expensive
 * to compile; walked by recursion as deep as the schema is. The words of the messages are
 * kube-apiserver's. */
#include "schema.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

enum type {
    TYPE_ANY,
    TYPE_OBJECT,
    TYPE_ARRAY,
    TYPE_STRING,
    TYPE_INTEGER,
    TYPE_NUMBER,
    TYPE_BOOLEAN
};

static const char *const type_names[] = {"any",     "object", "array",  "string",
                                         "integer", "number", "boolean"};

struct property {
    const char *name; /* borrowed from the source */
    struct as_schema *schema;
};

static bool has_rules(const json_t *source);

struct as_schema {
    json_t *source;
    enum type type;
    bool nullable, preserve_unknown, int_or_string, has_pattern;
    struct property *properties;
    size_t property_count;
    struct as_schema *additional; /* of the other members */
    bool additional_any;
    struct as_schema *items;
    const json_t *required, *values, *default_value, *rules, *list_keys;
    bool any_rules; /* here or below */
    const char *format, *pattern, *list_type;
    bool map_atomic;
    regex_t regex;
    const json_t *minimum, *maximum;
    json_int_t length_min, length_max, items_min, items_max; /* -1: no bound */
};

/* ---- causes ------------------------------------------------------------------------------- */

void as_cause_add(struct as_causes *causes, const char *field, const char *reason,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_t *message = json_vsprintf(format, args);
    va_end(args);
    if (!causes->list) {
        causes->list = json_array();
    }
    if (json_array_size(causes->list) < 64) {
        json_array_append_new(
            causes->list, json_pack("{s:s, s:o, s:s}", "reason", reason, "message",
                                    message ? message : json_string("invalid"), "field", field));
    } else {
        json_decref(message);
    }
}

/* ---- compiling ---------------------------------------------------------------------------- */

static json_int_t bound(const json_t *source, const char *key)
{
    const json_t *value = json_object_get(source, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static bool read_type(struct as_schema *s, char *err, size_t err_cap)
{
    const char *type = json_string_value(json_object_get(s->source, "type"));
    if (!type) {
        s->type = TYPE_ANY;
        return true;
    }
    for (size_t i = 1; i < WB_ARRAY_LEN(type_names); i++) {
        if (strcmp(type, type_names[i]) == 0) {
            s->type = (enum type)i;
            return true;
        }
    }
    snprintf(err, err_cap, "unknown type \"%s\" in a schema", type);
    return false;
}

static bool read_properties(struct as_schema *s, char *err, size_t err_cap)
{
    json_t *properties = json_object_get(s->source, "properties");
    size_t count = json_object_size(properties);
    if (count == 0) {
        return true;
    }
    s->properties = calloc(count, sizeof(*s->properties));
    WB_ASSERT(s->properties);
    const char *name;
    json_t *value;
    json_object_foreach(properties, name, value)
    {
        struct as_schema *schema = as_schema_new(value, err, err_cap);
        if (!schema) {
            return false;
        }
        s->properties[s->property_count++] = (struct property){name, schema};
    }
    return true;
}

static bool read_parts(struct as_schema *s, char *err, size_t err_cap)
{
    json_t *items = json_object_get(s->source, "items");
    json_t *additional = json_object_get(s->source, "additionalProperties");
    if (!read_type(s, err, err_cap) || !read_properties(s, err, err_cap)) {
        return false;
    }
    if (json_is_object(items) && !(s->items = as_schema_new(items, err, err_cap))) {
        return false;
    }
    if (json_is_object(additional) && !(s->additional = as_schema_new(additional, err, err_cap))) {
        return false;
    }
    s->additional_any = json_is_true(additional);
    s->pattern = json_string_value(json_object_get(s->source, "pattern"));
    if (s->pattern) {
        if (regcomp(&s->regex, s->pattern, REG_EXTENDED | REG_NOSUB) != 0) {
            snprintf(err, err_cap, "pattern \"%s\" is not a regular expression", s->pattern);
            return false;
        }
        s->has_pattern = true;
    }
    return true;
}

struct as_schema *as_schema_new(json_t *source, char *err, size_t err_cap)
{
    if (!json_is_object(source)) {
        snprintf(err, err_cap, "a schema is not an object");
        return NULL;
    }
    struct as_schema *s = calloc(1, sizeof(*s));
    WB_ASSERT(s);
    s->source = json_incref(source);
    s->nullable = json_is_true(json_object_get(source, "nullable"));
    s->preserve_unknown =
        json_is_true(json_object_get(source, "x-kubernetes-preserve-unknown-fields"));
    s->int_or_string = json_is_true(json_object_get(source, "x-kubernetes-int-or-string"));
    s->required = json_object_get(source, "required");
    s->values = json_object_get(source, "enum");
    s->default_value = json_object_get(source, "default");
    s->rules = json_object_get(source, "x-kubernetes-validations");
    s->any_rules = has_rules(source);
    s->list_type = json_string_value(json_object_get(source, "x-kubernetes-list-type"));
    s->list_keys = json_object_get(source, "x-kubernetes-list-map-keys");
    s->map_atomic = strcmp(as_str(source, "x-kubernetes-map-type"), "atomic") == 0;
    s->format = json_string_value(json_object_get(source, "format"));
    s->minimum = json_object_get(source, "minimum");
    s->maximum = json_object_get(source, "maximum");
    s->length_min = bound(source, "minLength");
    s->length_max = bound(source, "maxLength");
    s->items_min = bound(source, "minItems");
    s->items_max = bound(source, "maxItems");
    if (!read_parts(s, err, err_cap)) {
        as_schema_free(s);
        return NULL;
    }
    return s;
}

void as_schema_free(struct as_schema *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->property_count; i++) {
        as_schema_free(s->properties[i].schema);
    }
    free(s->properties);
    as_schema_free(s->items);
    as_schema_free(s->additional);
    if (s->has_pattern) {
        regfree(&s->regex);
    }
    json_decref(s->source);
    free(s);
}

const struct as_schema *as_schema_property(const struct as_schema *s, const char *name)
{
    if (!s) {
        return NULL;
    }
    for (size_t i = 0; i < s->property_count; i++) {
        if (strcmp(s->properties[i].name, name) == 0) {
            return s->properties[i].schema;
        }
    }
    return s->additional;
}

const struct as_schema *as_schema_items(const struct as_schema *s)
{
    return s ? s->items : NULL;
}

enum as_list_type as_schema_list_type(const struct as_schema *s, const json_t **keys)
{
    *keys = s ? s->list_keys : NULL;
    if (!s || !s->list_type) {
        return AS_LIST_ATOMIC;
    }
    if (strcmp(s->list_type, "map") == 0 && json_array_size(s->list_keys) > 0) {
        return AS_LIST_MAP;
    }
    return strcmp(s->list_type, "set") == 0 ? AS_LIST_SET : AS_LIST_ATOMIC;
}

bool as_schema_is_atomic_map(const struct as_schema *s)
{
    return s && s->map_atomic;
}

/* ---- pruning ------------------------------------------------------------------------------ */

static char *path_member(const char *path, const char *name)
{
    return path[0] ? as_fmt("%s.%s", path, name) : as_fmt("%s", name);
}

static bool is_root_member(const char *name)
{
    return strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
           strcmp(name, "metadata") == 0;
}

static void prune(const struct as_schema *s, json_t *value, const char *path, json_t *unknown)
{
    if (json_is_array(value) && s->items) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item)
        {
            char *below = as_fmt("%s[%zu]", path, i);
            prune(s->items, item, below, unknown);
            free(below);
        }
        return;
    }
    if (!json_is_object(value)) {
        return;
    }
    const char *name;
    json_t *member;
    void *next;
    json_object_foreach_safe(value, next, name, member)
    {
        if (path[0] == '\0' && is_root_member(name)) {
            continue;
        }
        const struct as_schema *below = as_schema_property(s, name);
        char *below_path = path_member(path, name);
        if (below) {
            prune(below, member, below_path, unknown);
        } else if (!s->preserve_unknown && !s->additional_any && s->type != TYPE_ANY) {
            if (unknown) {
                json_array_append_new(unknown, json_string_nocheck(below_path));
            }
            json_object_del(value, name);
        }
        free(below_path);
    }
}

void as_schema_prune(const struct as_schema *s, json_t *object, json_t *unknown)
{
    if (s) {
        prune(s, object, "", unknown);
    }
}

/* ---- defaults ----------------------------------------------------------------------------- */

void as_schema_default(const struct as_schema *s, json_t *value)
{
    if (!s) {
        return;
    }
    if (json_is_array(value) && s->items) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item)
        {
            as_schema_default(s->items, item);
        }
        return;
    }
    if (!json_is_object(value)) {
        return;
    }
    for (size_t i = 0; i < s->property_count; i++) {
        const struct property *p = &s->properties[i];
        json_t *member = json_object_get(value, p->name);
        if (json_is_null(member) && p->schema->default_value && !p->schema->nullable) {
            json_object_del(value, p->name); /* null where null is not allowed counts as absent */
            member = NULL;
        }
        if (!member && p->schema->default_value) {
            member = json_deep_copy(p->schema->default_value);
            json_object_set_new_nocheck(value, p->name, member);
        }
        if (member) {
            as_schema_default(p->schema, member);
        }
    }
    if (s->additional) {
        const char *name;
        json_t *member;
        json_object_foreach(value, name, member)
        {
            as_schema_default(s->additional, member);
        }
    }
}

/* ---- validation --------------------------------------------------------------------------- */

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "object";
    case JSON_ARRAY: return "array";
    case JSON_STRING: return "string";
    case JSON_INTEGER: return "integer";
    case JSON_REAL: return "number";
    case JSON_TRUE:
    case JSON_FALSE: return "boolean";
    case JSON_NULL: return "null";
    }
    return "unknown";
}

static bool has_type(enum type type, const json_t *value)
{
    switch (type) {
    case TYPE_ANY: return true;
    case TYPE_OBJECT: return json_is_object(value);
    case TYPE_ARRAY: return json_is_array(value);
    case TYPE_STRING: return json_is_string(value);
    case TYPE_INTEGER:
        return json_is_integer(value) ||
               (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value));
    case TYPE_NUMBER: return json_is_number(value);
    case TYPE_BOOLEAN: return json_is_boolean(value);
    }
    return false;
}

static size_t count_chars(const char *text)
{
    size_t count = 0;
    for (; *text; text++) {
        count += ((unsigned char)*text & 0xC0u) != 0x80u;
    }
    return count;
}

static bool format_fits(const char *format, const char *text)
{
    if (strcmp(format, "date-time") == 0) {
        int64_t us;
        return wb_api_time_read_micro(text, &us) == WB_OK;
    }
    if (strcmp(format, "byte") == 0) {
        size_t len = strlen(text);
        size_t digits =
            strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        size_t pads = strspn(text + digits, "=");
        return len % 4 == 0 && pads <= 2 && digits + pads == len;
    }
    return true;
}

/* Long values are not repeated to the person who sent them. */
static char *shown(const json_t *value)
{
    char *text = as_dump(value, NULL);
    if (strlen(text) > 200) {
        free(text);
        return as_fmt("\"%s of %zu bytes\"", type_of(value), json_string_length(value));
    }
    return text;
}

static void check_string(const struct as_schema *s, const json_t *value, const char *path,
                         struct as_causes *causes)
{
    const char *text = json_string_value(value);
    size_t len = count_chars(text);
    char *show = shown(value);
    if (s->length_max >= 0 && len > (size_t)s->length_max) {
        as_cause_add(causes, path, "FieldValueTooLong", "Too long: may not be more than %lld bytes",
                     (long long)s->length_max);
    } else if (s->length_min >= 0 && len < (size_t)s->length_min) {
        as_cause_add(causes, path, "FieldValueInvalid",
                     "Invalid value: %s: %s in body should be at least %lld chars long", show, path,
                     (long long)s->length_min);
    } else {
        if (s->has_pattern && regexec(&s->regex, text, 0, NULL, 0) != 0) {
            as_cause_add(causes, path, "FieldValueInvalid",
                         "Invalid value: %s: %s in body should match '%s'", show, path, s->pattern);
        }
        if (s->format && !format_fits(s->format, text)) {
            as_cause_add(causes, path, "FieldValueInvalid",
                         "Invalid value: %s: %s in body must be of type %s: %s", show, path,
                         s->format, show);
        }
    }
    free(show);
}

static void check_number(const struct as_schema *s, const json_t *value, const char *path,
                         struct as_causes *causes)
{
    double number = json_number_value(value);
    char *show = shown(value);
    if (s->minimum && number < json_number_value(s->minimum)) {
        as_cause_add(causes, path, "FieldValueInvalid",
                     "Invalid value: %s: %s in body should be greater than or equal to %.0f", show,
                     path, json_number_value(s->minimum));
    } else if (s->maximum && number > json_number_value(s->maximum)) {
        as_cause_add(causes, path, "FieldValueInvalid",
                     "Invalid value: %s: %s in body should be less than or equal to %.0f", show,
                     path, json_number_value(s->maximum));
    }
    free(show);
}

static void check_enum(const struct as_schema *s, const json_t *value, const char *path,
                       struct as_causes *causes)
{
    size_t i;
    json_t *allowed;
    struct as_text list = {0};
    json_array_foreach(s->values, i, allowed)
    {
        if (json_equal(allowed, value)) {
            as_text_deinit(&list);
            return;
        }
        as_text_str(&list, i ? ", " : "");
        as_text_json(&list, allowed);
    }
    char *show = shown(value);
    as_cause_add(causes, path, "FieldValueNotSupported",
                 "Unsupported value: %s: supported values: %s", show, list.data ? list.data : "");
    free(show);
    as_text_deinit(&list);
}

/* The part of an item that must be unique: the item, or its keys. */
static json_t *item_key(const struct as_schema *s, json_t *item)
{
    if (strcmp(s->list_type, "set") == 0) {
        return json_incref(item);
    }
    json_t *key = json_object();
    size_t i;
    json_t *name;
    json_array_foreach(s->list_keys, i, name)
    {
        json_t *part = json_object_get(item, json_string_value(name));
        if (part) {
            json_object_set(key, json_string_value(name), part);
        }
    }
    return key;
}

static void check_unique(const struct as_schema *s, const json_t *value, const char *path,
                         struct as_causes *causes)
{
    json_t *seen = json_object();
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        json_t *key = item_key(s, item);
        char *text = as_dump(key, NULL);
        if (json_object_get(seen, text)) {
            char *at = as_fmt("%s[%zu]", path, i);
            as_cause_add(causes, at, "FieldValueDuplicate", "Duplicate value: %s", text);
            free(at);
        }
        json_object_set_new_nocheck(seen, text, json_true());
        free(text);
        json_decref(key);
    }
    json_decref(seen);
}

static void check_rules(const struct as_schema *s, const json_t *value, const json_t *old,
                        const char *path, struct as_causes *causes)
{
    size_t i;
    json_t *rule;
    json_array_foreach(s->rules, i, rule)
    {
        bool holds = true;
        const char *cel = as_str(rule, "rule");
        if (!old && strstr(cel, "oldSelf")) {
            continue;
        }
        if (wb_api_rule_check(cel, value, old, &holds) == WB_OK && !holds) {
            const char *message = as_str(rule, "message");
            char *shown = json_is_object(value) || json_is_array(value)
                              ? NULL
                              : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            as_cause_add(causes, path[0] ? path : "<nil>", "FieldValueInvalid",
                         "Invalid value: %s%s%s", shown ? shown : "", shown ? ": " : "",
                         message[0] ? message : "failed rule");
            free(shown);
        }
    }
}

static void check(const struct as_schema *s, const json_t *value, const json_t *old,
                  const char *path, struct as_causes *causes);

/* The stored item that corresponds to an item: by key in map lists, by place otherwise. */
static const json_t *old_item(const struct as_schema *s, json_t *item, const json_t *old, size_t i)
{
    if (!s->list_type || strcmp(s->list_type, "map") != 0) {
        return s->list_type ? NULL : json_array_get(old, i);
    }
    json_t *key = item_key(s, item);
    const json_t *found = NULL;
    for (size_t j = 0; j < json_array_size(old) && !found; j++) {
        json_t *other = item_key(s, json_array_get(old, j));
        if (json_equal(key, other)) {
            found = json_array_get(old, j);
        }
        json_decref(other);
    }
    json_decref(key);
    return found;
}

static void check_array(const struct as_schema *s, const json_t *value, const json_t *old,
                        const char *path, struct as_causes *causes)
{
    size_t count = json_array_size(value);
    if (s->items_max >= 0 && count > (size_t)s->items_max) {
        as_cause_add(causes, path, "FieldValueTooMany",
                     "Too many: %zu: must have at most %lld items", count, (long long)s->items_max);
        return;
    }
    if (s->items_min >= 0 && count < (size_t)s->items_min) {
        as_cause_add(causes, path, "FieldValueInvalid",
                     "Invalid value: %zu: %s in body should have at least %lld items", count, path,
                     (long long)s->items_min);
    }
    if (s->list_type && strcmp(s->list_type, "atomic") != 0) {
        check_unique(s, value, path, causes);
    }
    if (!s->items) {
        return;
    }
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        char *below = as_fmt("%s[%zu]", path, i);
        check(s->items, item, json_is_array(old) ? old_item(s, item, old, i) : NULL, below, causes);
        free(below);
    }
}

static void check_object(const struct as_schema *s, const json_t *value, const json_t *old,
                         const char *path, struct as_causes *causes)
{
    size_t i;
    json_t *required;
    json_array_foreach(s->required, i, required)
    {
        if (!json_object_get(value, json_string_value(required))) {
            char *below = path_member(path, json_string_value(required));
            as_cause_add(causes, below, "FieldValueRequired", "Required value");
            free(below);
        }
    }
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        const struct as_schema *below = as_schema_property(s, name);
        if (!below || (path[0] == '\0' && is_root_member(name))) {
            continue;
        }
        char *below_path = path_member(path, name);
        check(below, member, json_object_get(old, name), below_path, causes);
        free(below_path);
    }
}

static void check(const struct as_schema *s, const json_t *value, const json_t *old,
                  const char *path, struct as_causes *causes)
{
    if (old && json_equal(value, old)) {
        return; /* what is stored already does not block other changes */
    }
    if (json_is_null(value) && s->nullable) {
        return;
    }
    if (s->int_or_string) {
        if (!json_is_integer(value) && !json_is_string(value)) {
            as_cause_add(causes, path, "FieldValueTypeInvalid",
                         "Invalid value: \"%s\": %s in body must be of type integer,string: \"%s\"",
                         type_of(value), path, type_of(value));
            return;
        }
    } else if (!has_type(s->type, value)) {
        as_cause_add(causes, path, "FieldValueTypeInvalid",
                     "Invalid value: \"%s\": %s in body must be of type %s: \"%s\"", type_of(value),
                     path, type_names[s->type], type_of(value));
        return;
    }
    if (json_is_string(value)) {
        check_string(s, value, path, causes);
    } else if (json_is_number(value)) {
        check_number(s, value, path, causes);
    } else if (json_is_array(value)) {
        check_array(s, value, old, path, causes);
    } else if (json_is_object(value)) {
        check_object(s, value, old, path, causes);
    }
    if (s->values) {
        check_enum(s, value, path, causes);
    }
}

/* The rules of a value, then those of its members. */
static void check_all_rules(const struct as_schema *s, const json_t *value, const json_t *old,
                            const char *path, bool is_root, struct as_causes *causes)
{
    if (!s || json_is_null(value) || (old && json_equal(value, old))) {
        return;
    }
    check_rules(s, value, old, path, causes);
    size_t i;
    json_t *item;
    const char *name;
    json_array_foreach(json_is_array(value) && s->items ? value : NULL, i, item)
    {
        char *below = as_fmt("%s[%zu]", path, i);
        check_all_rules(s->items, item, json_is_array(old) ? old_item(s, item, old, i) : NULL,
                        below, false, causes);
        free(below);
    }
    json_object_foreach((json_t *)(uintptr_t)(json_is_object(value) ? value : NULL), name, item)
    {
        if (!is_root || !is_root_member(name)) {
            char *below = path_member(path, name);
            check_all_rules(as_schema_property(s, name), item, json_object_get(old, name), below,
                            false, causes);
            free(below);
        }
    }
}

static bool has_rules(const json_t *source)
{
    const char *name;
    json_t *member;
    if (json_object_get(source, "x-kubernetes-validations")) {
        return true;
    }
    json_object_foreach(json_object_get(source, "properties"), name, member)
    {
        if (has_rules(member)) {
            return true;
        }
    }
    return json_object_get(source, "items") && has_rules(json_object_get(source, "items"));
}

/* Rules may rely on types and presence: after such causes none is asked. */
static bool blocks_rules(const struct as_causes *causes)
{
    static const char *const reasons[] = {"FieldValueRequired", "FieldValueTypeInvalid",
                                          "FieldValueNotSupported", "FieldValueTooLong",
                                          "FieldValueTooMany"};
    size_t i;
    json_t *cause;
    json_array_foreach(causes->list, i, cause)
    {
        for (size_t j = 0; j < WB_ARRAY_LEN(reasons); j++) {
            if (strcmp(as_str(cause, "reason"), reasons[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

void as_schema_validate(const struct as_schema *s, const json_t *object, const json_t *old,
                        struct as_causes *causes)
{
    if (s) {
        check(s, object, old, "", causes);
        if (!blocks_rules(causes)) {
            check_all_rules(s, object, old, "", true, causes);
        } else if (s->any_rules) {
            as_cause_add(causes, "<nil>", "FieldValueInvalid",
                         "Invalid value: null: some validation rules were not checked because the "
                         "object was invalid; correct the existing errors to complete validation");
        }
    }
}
