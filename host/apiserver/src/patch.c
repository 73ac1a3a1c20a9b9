/* SPDX-License-Identifier: AGPL-3.0-only */
/* patch.c: patches are applied to a deep copy, so a failed one leaves nothing behind. */
#include "patch.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MAX 10000u /* as kube-apiserver has it */

/* ---- merge patch, RFC 7386 §2 ------------------------------------------------------------- */

static void merge_into(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value)) {
            merge_into(as_object(target, key), value);
        } else {
            json_object_set_new_nocheck(target, key, json_deep_copy(value));
        }
    }
}

json_t *as_patch_merge(const json_t *target, const json_t *patch)
{
    if (!json_is_object(patch)) {
        return json_deep_copy(patch);
    }
    json_t *result = json_is_object(target) ? json_deep_copy(target) : json_object();
    merge_into(result, patch);
    return result;
}

/* ---- strategic merge patch ---------------------------------------------------------------- */

/* The key by which items of a list are one and the same; "" for lists of plain values that are
 * sets; NULL: the list is replaced. */
static const char *list_merge_key(const char *name)
{
    static const struct {
        const char *name, *key;
    } rows[] = {{"finalizers", ""}, {"ownerReferences", "uid"}, {"conditions", "type"}};
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].key;
        }
    }
    return NULL;
}

static void strategic_into(json_t *target, const json_t *patch);

static size_t find_item(const json_t *list, const json_t *item, const char *key)
{
    size_t i;
    json_t *other;
    json_array_foreach(list, i, other)
    {
        if (key[0] ? json_equal(json_object_get(other, key), json_object_get(item, key))
                   : json_equal(other, item)) {
            break;
        }
    }
    return i;
}

static void strategic_list(json_t *target, const json_t *patch, const char *key)
{
    size_t i;
    json_t *item;
    json_array_foreach(patch, i, item)
    {
        size_t at = find_item(target, item, key);
        bool is_there = at < json_array_size(target);
        if (strcmp(as_str(item, "$patch"), "delete") == 0) {
            if (is_there) {
                json_array_remove(target, at);
            }
        } else if (!is_there) {
            json_array_append_new(target, json_deep_copy(item));
        } else if (json_is_object(item)) {
            strategic_into(json_array_get(target, at), item);
        }
    }
}

static void delete_from_list(json_t *target, const char *name, const json_t *values)
{
    json_t *list = json_object_get(target, name);
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value)
    {
        size_t at = find_item(list, value, "");
        if (at < json_array_size(list)) {
            json_array_remove(list, at);
        }
    }
}

static void strategic_into(json_t *target, const json_t *patch)
{
    static const char delete_prefix[] = "$deleteFromPrimitiveList/";
    if (strcmp(as_str(patch, "$patch"), "replace") == 0) {
        json_object_clear(target);
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, name, value)
    {
        const char *key = list_merge_key(name);
        json_t *old = json_object_get(target, name);
        if (strncmp(name, delete_prefix, sizeof(delete_prefix) - 1) == 0) {
            delete_from_list(target, name + sizeof(delete_prefix) - 1, value);
        } else if (name[0] == '$') {
            continue;
        } else if (json_is_null(value)) {
            json_object_del(target, name);
        } else if (json_is_object(value)) {
            strategic_into(as_object(target, name), value);
        } else if (key && json_is_array(value) && json_is_array(old)) {
            strategic_list(old, value, key);
        } else {
            json_object_set_new_nocheck(target, name, json_deep_copy(value));
        }
    }
}

json_t *as_patch_strategic(const json_t *target, const json_t *patch)
{
    json_t *result = json_deep_copy(target);
    if (json_is_object(patch)) {
        strategic_into(result, patch);
    }
    return result;
}

/* ---- JSON patch, RFC 6902 ----------------------------------------------------------------- */

struct place {
    json_t *parent; /* NULL: the document itself */
    char key[512];
    size_t index; /* of an array; its size for "-" */
};

/* One reference token (RFC 6901 §4): "~1" is '/', "~0" is '~'. */
static bool next_token(const char **at, char *to, size_t cap)
{
    size_t len = 0;
    const char *p = *at + 1;
    for (; *p && *p != '/'; p++) {
        char c = *p;
        if (c == '~') {
            p++;
            if (*p != '0' && *p != '1') {
                return false;
            }
            c = *p == '0' ? '~' : '/';
        }
        if (len + 1 >= cap) {
            return false;
        }
        to[len++] = c;
    }
    to[len] = '\0';
    *at = p;
    return true;
}

static bool array_index(const json_t *array, const char *token, size_t *index)
{
    if (strcmp(token, "-") == 0) {
        *index = json_array_size(array);
        return true;
    }
    if (!isdigit((unsigned char)token[0]) || (token[0] == '0' && token[1]) || strlen(token) > 9) {
        return false;
    }
    char *end;
    *index = (size_t)strtoul(token, &end, 10);
    return *end == '\0' && *index <= json_array_size(array);
}

static json_t *child(const json_t *value, const char *token)
{
    size_t index;
    if (json_is_array(value)) {
        return array_index(value, token, &index) ? json_array_get(value, index) : NULL;
    }
    return json_object_get(value, token);
}

/* Finds the container that a pointer's last token lies in. */
static bool locate(json_t *document, const char *pointer, struct place *place)
{
    *place = (struct place){0};
    if (pointer[0] == '\0') {
        return true;
    }
    if (pointer[0] != '/') {
        return false;
    }
    json_t *at = document;
    while (*pointer) {
        if (!next_token(&pointer, place->key, sizeof(place->key))) {
            return false;
        }
        if (*pointer) {
            at = child(at, place->key);
            if (!at) {
                return false;
            }
        }
    }
    place->parent = at;
    if (json_is_array(at)) {
        return array_index(at, place->key, &place->index);
    }
    return json_is_object(at);
}

static json_t *value_at(json_t *document, const struct place *place)
{
    if (!place->parent) {
        return document;
    }
    return json_is_array(place->parent) ? json_array_get(place->parent, place->index)
                                        : json_object_get(place->parent, place->key);
}

/* Takes value. */
static bool add_at(json_t **document, const struct place *place, json_t *value)
{
    if (!place->parent) {
        json_decref(*document);
        *document = value;
        return true;
    }
    if (json_is_array(place->parent)) {
        return json_array_insert_new(place->parent, place->index, value) == 0;
    }
    return json_object_set_new_nocheck(place->parent, place->key, value) == 0;
}

static bool remove_at(json_t *document, const struct place *place)
{
    if (!place->parent || !value_at(document, place)) {
        return false;
    }
    if (json_is_array(place->parent)) {
        return json_array_remove(place->parent, place->index) == 0;
    }
    return json_object_del(place->parent, place->key) == 0;
}

static bool replace_at(json_t **document, const struct place *place, json_t *value)
{
    if (place->parent && json_is_array(place->parent)) {
        return json_array_set_new(place->parent, place->index, value) == 0;
    }
    return add_at(document, place, value);
}

static bool copy_or_move(json_t **document, const json_t *operation, const char *path, bool is_move)
{
    const char *from = json_string_value(json_object_get(operation, "from"));
    struct place place;
    if (!from || !locate(*document, from, &place) || !value_at(*document, &place)) {
        return false;
    }
    size_t from_len = strlen(from);
    if (is_move && strncmp(path, from, from_len) == 0 && path[from_len] == '/') {
        return false; /* RFC 6902 §4.4: not into one of its own children */
    }
    json_t *value = json_deep_copy(value_at(*document, &place));
    if (is_move && !remove_at(*document, &place)) {
        json_decref(value);
        return false;
    }
    if (!locate(*document, path, &place)) {
        json_decref(value);
        return false;
    }
    return add_at(document, &place, value);
}

static bool apply(json_t **document, const json_t *operation)
{
    const char *op = as_str(operation, "op");
    const char *path = json_string_value(json_object_get(operation, "path"));
    const json_t *value = json_object_get(operation, "value");
    struct place place;
    if (!path) {
        return false;
    }
    if (strcmp(op, "move") == 0 || strcmp(op, "copy") == 0) {
        return copy_or_move(document, operation, path, op[0] == 'm');
    }
    if (!locate(*document, path, &place)) {
        return false;
    }
    if (strcmp(op, "add") == 0) {
        return value && add_at(document, &place, json_deep_copy(value));
    }
    if (strcmp(op, "remove") == 0) {
        return remove_at(*document, &place);
    }
    if (strcmp(op, "replace") == 0) {
        return value && value_at(*document, &place) &&
               replace_at(document, &place, json_deep_copy(value));
    }
    if (strcmp(op, "test") == 0) {
        json_t *have = value_at(*document, &place);
        return value && (have ? json_equal(have, value) : json_is_null(value));
    }
    return false;
}

json_t *as_patch_json(const json_t *target, const json_t *operations, char *err, size_t err_cap)
{
    if (!json_is_array(operations) || json_array_size(operations) > OPERATIONS_MAX) {
        snprintf(err, err_cap, "a JSON patch is a list of at most %u operations", OPERATIONS_MAX);
        return NULL;
    }
    json_t *document = json_deep_copy(target);
    size_t i;
    json_t *operation;
    json_array_foreach(operations, i, operation)
    {
        if (!apply(&document, operation)) {
            snprintf(err, err_cap, "operation %zu (\"%.20s\" at \"%.120s\") cannot be applied", i,
                     as_str(operation, "op"), as_str(operation, "path"));
            json_decref(document);
            return NULL;
        }
    }
    return document;
}
