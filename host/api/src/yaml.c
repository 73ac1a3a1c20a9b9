/* SPDX-License-Identifier: AGPL-3.0-only */
/* yaml.c: JSON values as YAML in block style. Strings are plain where no reader could take them for
 * something else, otherwise in double quotes with JSON's escapes, which YAML 1.2 shares. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wb_api.h"

#define DEPTH_MAX 64u

struct text {
    char *data;
    size_t len;
    size_t cap;
    bool failed;
};

static void write_block(struct text *out, const json_t *value, unsigned indent);

static void add(struct text *out, const char *data, size_t len)
{
    if (out->failed || len > SIZE_MAX / 2 - out->len) {
        out->failed = true;
        return;
    }
    if (out->len + len + 1 > out->cap) {
        size_t cap = (out->len + len + 1) * 2;
        char *bigger = realloc(out->data, cap);
        if (bigger == NULL) {
            out->failed = true;
            return;
        }
        out->data = bigger;
        out->cap = cap;
    }
    memcpy(out->data + out->len, data, len);
    out->len += len;
    out->data[out->len] = '\0';
}

static void add_text(struct text *out, const char *text)
{
    add(out, text, strlen(text));
}

static void add_indent(struct text *out, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++) {
        add(out, "  ", 2);
    }
}

static bool is_plain(const char *text)
{
    static const char *const reserved[] = {"true", "false", "null", "yes", "no",
                                           "on",   "off",   "y",    "n"};
    if (!isalpha((unsigned char)text[0]) && text[0] != '/' && text[0] != '.') {
        return false;
    }
    size_t len = strlen(text);
    if (text[len - 1] == ' ' || (text[0] == '.' && !isalpha((unsigned char)text[1]))) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr(" ./_-", text[i]) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(reserved); i++) {
        if (strcasecmp(text, reserved[i]) == 0) {
            return false;
        }
    }
    return strcasecmp(text, ".inf") != 0 && strcasecmp(text, ".nan") != 0;
}

static void add_string(struct text *out, const char *text, size_t len)
{
    if (strlen(text) == len && is_plain(text)) {
        add(out, text, len);
        return;
    }
    json_t *string = json_stringn(text, len);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    json_decref(string);
    if (quoted == NULL) {
        out->failed = true;
        return;
    }
    add_text(out, quoted);
    free(quoted);
}

static bool is_empty(const json_t *value)
{
    return (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static bool is_block(const json_t *value)
{
    return (json_is_object(value) || json_is_array(value)) && !is_empty(value);
}

static void add_scalar(struct text *out, const json_t *value)
{
    if (json_is_string(value)) {
        add_string(out, json_string_value(value), json_string_length(value));
    } else if (is_empty(value)) {
        add_text(out, json_is_object(value) ? "{}" : "[]");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        add_text(out, text != NULL ? text : "null");
        free(text);
    }
}

/* Writes the entries of an object; the first one's indent is there already when follows_dash. */
static void write_object(struct text *out, const json_t *object, unsigned indent, bool follows_dash)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (!follows_dash) {
            add_indent(out, indent);
        }
        follows_dash = false;
        add_string(out, key, strlen(key));
        if (is_block(value)) {
            add_text(out, ":\n");
            write_block(out, value, indent + 1);
        } else {
            add_text(out, ": ");
            add_scalar(out, value);
            add_text(out, "\n");
        }
    }
}

/* Recursion is as deep as the value, which DEPTH_MAX bounds. */
static void write_block(struct text *out, const json_t *value, unsigned indent)
{
    if (indent > DEPTH_MAX) {
        out->failed = true;
        return;
    }
    if (json_is_object(value)) {
        write_object(out, value, indent, false);
        return;
    }
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)value, index, item)
    {
        add_indent(out, indent);
        add_text(out, "- ");
        if (json_is_object(item) && !is_empty(item)) {
            write_object(out, item, indent + 1, true);
        } else if (is_block(item)) {
            add_text(out, "\n");
            write_block(out, item, indent + 1);
        } else {
            add_scalar(out, item);
            add_text(out, "\n");
        }
    }
}

char *wb_api_yaml_write(const json_t *value)
{
    struct text out = {0};
    if (is_block(value)) {
        write_block(&out, value, 0);
    } else {
        add_scalar(&out, value);
        add_text(&out, "\n");
    }
    if (out.failed) {
        free(out.data);
        return NULL;
    }
    return out.data;
}

char *wb_api_crd_yaml(const struct wb_api_kind *kind)
{
    static const char head[] =
        "# SPDX-License-Identifier: AGPL-3.0-only\n"
        "# Generated from host/api/src/tables.c by the target `crds`; change it there.\n";
    json_t *crd = wb_api_crd_json(kind);
    char *body = wb_api_yaml_write(crd);
    json_decref(crd);
    struct text out = {0};
    if (body != NULL) {
        add_text(&out, head);
        add_text(&out, body);
    }
    free(body);
    if (out.failed) {
        free(out.data);
        return NULL;
    }
    return out.data;
}
