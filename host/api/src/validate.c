/* SPDX-License-Identifier: AGPL-3.0-only */
/* validate.c: an object against its kind's tables. The order is that of a reader's interest: type,
 * then bounds, then what is inside, then rules. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

#define PATH_CAP 192u

struct place {
    char path[PATH_CAP];
    struct wb_api_problem *problem;
};

static enum wb_err check_value(struct place *place, const struct wb_api_field *field,
                               const json_t *value, const json_t *old);
static enum wb_err check_fields(struct place *place, const struct wb_api_field *fields,
                                size_t count, const json_t *object, const json_t *old);

#define REFUSE(place, format, ...)                                                                 \
    wb_api_problem_set((place)->problem, WB_ERR_VALIDATION, "%s: " format, (place)->path,          \
                       __VA_ARGS__)

static const char *type_word(enum wb_api_type type)
{
    switch (type) {
    case WB_API_STRING: return "a string";
    case WB_API_INTEGER: return "an integer";
    case WB_API_BOOLEAN: return "true or false";
    case WB_API_OBJECT:
    case WB_API_MAP: return "an object";
    case WB_API_LIST: return "a list";
    case WB_API_INT_OR_STRING: return "an integer or a string";
    }
    return "";
}

static bool has_type(enum wb_api_type type, const json_t *value)
{
    switch (type) {
    case WB_API_STRING: return json_is_string(value);
    case WB_API_INTEGER: return json_is_integer(value);
    case WB_API_BOOLEAN: return json_is_boolean(value);
    case WB_API_OBJECT:
    case WB_API_MAP: return json_is_object(value);
    case WB_API_LIST: return json_is_array(value);
    case WB_API_INT_OR_STRING: return json_is_integer(value) || json_is_string(value);
    }
    return false;
}

static int64_t characters(const char *text)
{
    int64_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static bool pattern_matches(const char *pattern, const char *text)
{
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        WB_ASSERT(!"a pattern of tables.c does not compile");
    }
    bool matches = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}

static enum wb_err check_format(struct place *place, const char *format, const json_t *value)
{
    wb_unix_s time;
    uint8_t *data;
    size_t len;
    const char *text = json_string_value(value);
    if (strcmp(format, "date-time") == 0 && wb_api_time_read(text, &time) != WB_OK) {
        return REFUSE(place, "\"%.40s\" is no time; write it like 2026-11-23T16:00:00Z", text);
    }
    if (strcmp(format, "byte") == 0) {
        if (wb_api_base64_decode(text, json_string_length(value), SIZE_MAX, &data, &len) != WB_OK) {
            return REFUSE(place, "%s", "not base64; encode the file with base64 -w0");
        }
        free(data);
    }
    return WB_OK;
}

static enum wb_err check_string(struct place *place, const struct wb_api_field *field,
                                const json_t *value)
{
    const char *text = json_string_value(value);
    if (strlen(text) != json_string_length(value)) {
        return REFUSE(place, "%s", "contains a NUL character");
    }
    int64_t len = characters(text);
    if (field->is_bounded && (len < field->min || len > field->max)) {
        return REFUSE(place, "has %lld characters; %lld to %lld are allowed", (long long)len,
                      (long long)field->min, (long long)field->max);
    }
    if (field->values != NULL) {
        const char *const *word = field->values;
        while (*word != NULL && strcmp(*word, text) != 0) {
            word++;
        }
        if (*word == NULL) {
            char words[128] = "";
            for (word = field->values; *word != NULL; word++) {
                size_t used = strlen(words);
                snprintf(words + used, sizeof words - used, "%s%s", used > 0 ? ", " : "", *word);
            }
            return REFUSE(place, "\"%.40s\" is none of %s", text, words);
        }
    }
    if (field->pattern != NULL && !pattern_matches(field->pattern, text)) {
        return REFUSE(place, "\"%.60s\" does not match %s", text, field->pattern);
    }
    return field->format != NULL ? check_format(place, field->format, value) : WB_OK;
}

/* Members of a set, and keys of a map list, occur once. */
static enum wb_err check_unique(struct place *place, const struct wb_api_field *field,
                                const json_t *list)
{
    bool is_set = strcmp(field->list_type, "set") == 0;
    if (!is_set && field->list_key == NULL) {
        return WB_OK;
    }
    json_t *seen = json_object();
    enum wb_err err = WB_OK;
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *key = json_string_value(is_set ? item : json_object_get(item, field->list_key));
        if (key != NULL && json_object_get(seen, key) != NULL) {
            err = REFUSE(place, "\"%.60s\" occurs twice", key);
            break;
        }
        if (key != NULL) {
            json_object_set_new(seen, key, json_true());
        }
    }
    json_decref(seen);
    return err;
}

static enum wb_err check_size(struct place *place, const struct wb_api_field *field, size_t size)
{
    if (field->is_bounded && (int64_t)size > field->max) {
        return REFUSE(place, "has %zu entries; %lld are allowed", size, (long long)field->max);
    }
    return WB_OK;
}

/* Runs a check one step further down the path. */
static enum wb_err check_below(struct place *place, const struct wb_api_field *field,
                               const json_t *value, const json_t *old, const char *format,
                               const char *name, size_t index)
{
    size_t len = strlen(place->path);
    if (name != NULL) {
        snprintf(place->path + len, PATH_CAP - len, format, name);
    } else {
        snprintf(place->path + len, PATH_CAP - len, "[%zu]", index);
    }
    enum wb_err err = check_value(place, field, value, old);
    place->path[len] = '\0';
    return err;
}

static enum wb_err check_list(struct place *place, const struct wb_api_field *field,
                              const json_t *list)
{
    WB_TRY(check_size(place, field, json_array_size(list)));
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        WB_TRY(check_below(place, &field->fields[0], item, NULL, NULL, NULL, index));
    }
    return check_unique(place, field, list);
}

static enum wb_err check_map(struct place *place, const struct wb_api_field *field,
                             const json_t *map)
{
    WB_TRY(check_size(place, field, json_object_size(map)));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)map, key, value)
    {
        WB_TRY(check_below(place, &field->fields[0], value, NULL, "[%.64s]", key, 0));
    }
    return WB_OK;
}

static enum wb_err check_rules(struct place *place, const struct wb_api_rule *rules,
                               const json_t *value, const json_t *old)
{
    for (size_t i = 0; rules != NULL && i < WB_API_RULES_MAX && rules[i].cel != NULL; i++) {
        bool is_transition = strstr(rules[i].cel, "oldSelf") != NULL;
        if ((!is_transition || old != NULL) && !rules[i].holds(value, old)) {
            return REFUSE(place, "%s", rules[i].message);
        }
    }
    return WB_OK;
}

static enum wb_err check_value(struct place *place, const struct wb_api_field *field,
                               const json_t *value, const json_t *old)
{
    if (!has_type(field->type, value)) {
        return REFUSE(place, "must be %s", type_word(field->type));
    }
    switch (field->type) {
    case WB_API_STRING: WB_TRY(check_string(place, field, value)); break;
    case WB_API_INTEGER:
        if (field->is_bounded &&
            (json_integer_value(value) < field->min || json_integer_value(value) > field->max)) {
            return REFUSE(place, "%lld is outside %lld to %lld",
                          (long long)json_integer_value(value), (long long)field->min,
                          (long long)field->max);
        }
        break;
    case WB_API_INT_OR_STRING:
        if (json_is_string(value)) {
            WB_TRY(check_string(place, field, value));
        } else if (json_integer_value(value) < 0) {
            return REFUSE(place, "%s", "must not be negative");
        }
        break;
    case WB_API_BOOLEAN: break;
    case WB_API_LIST: WB_TRY(check_list(place, field, value)); break;
    case WB_API_MAP: WB_TRY(check_map(place, field, value)); break;
    case WB_API_OBJECT:
        WB_TRY(check_fields(place, field->fields, field->field_count, value, old));
        break;
    }
    return check_rules(place, field->rules, value, old);
}

static enum wb_err check_fields(struct place *place, const struct wb_api_field *fields,
                                size_t count, const json_t *object, const json_t *old)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].name);
        const char *format = place->path[0] == '\0' ? "%s" : ".%s";
        if (value == NULL && fields[i].required) {
            size_t len = strlen(place->path);
            snprintf(place->path + len, PATH_CAP - len, format, fields[i].name);
            enum wb_err err = REFUSE(place, "%s", "is required");
            place->path[len] = '\0';
            return err;
        }
        if (value != NULL) {
            WB_TRY(check_below(place, &fields[i], value, json_object_get(old, fields[i].name),
                               format, fields[i].name, 0));
        }
    }
    return WB_OK;
}

enum wb_err wb_api_validate(const struct wb_api_kind *kind, const json_t *object, const json_t *old,
                            struct wb_api_problem *problem)
{
    struct place place = {.problem = problem};
    if (!json_is_object(object)) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION, "not an object");
    }
    if (strcmp(wb_api_text_at(object, "", "kind", NULL), kind->kind) != 0 ||
        strcmp(wb_api_text_at(object, "", "apiVersion", NULL), WB_API_GROUP_VERSION) != 0) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION, "apiVersion, kind: must be %s, %s",
                                  WB_API_GROUP_VERSION, kind->kind);
    }
    for (size_t i = 0; i < WB_API_RULES_MAX && kind->rules[i].cel != NULL; i++) {
        if (!kind->rules[i].holds(object, old)) {
            return wb_api_problem_set(problem, WB_ERR_VALIDATION, "%s", kind->rules[i].message);
        }
    }
    return check_fields(&place, kind->fields, kind->field_count, object, old);
}
