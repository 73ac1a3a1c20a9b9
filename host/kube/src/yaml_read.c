/* SPDX-License-Identifier: AGPL-3.0-only */
/* yaml_read.c: YAML as JSON values. libyaml's events build the value on an explicit stack, so that
 * nesting in foreign text costs no C stack. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "wb_kube.h"

#define DEPTH_MAX 64u
#define NODE_MAX  1000000u

struct builder {
    json_t *documents;
    json_t *stack[DEPTH_MAX]; /* borrowed: the containers that are open, innermost last */
    char *keys[DEPTH_MAX];    /* key that waits for its value, by level; owned */
    unsigned depth;
    size_t nodes;
    char *err_text;
    size_t err_text_cap;
};

static enum wb_err fail(struct builder *b, enum wb_err err, const yaml_mark_t *mark,
                        const char *what)
{
    if (b->err_text_cap > 0) {
        snprintf(b->err_text, b->err_text_cap, "line %zu, column %zu: %s", mark->line + 1,
                 mark->column + 1, what);
    }
    return err;
}

/* Puts a value where it belongs and takes it. */
static enum wb_err place(struct builder *b, const yaml_mark_t *mark, json_t *value)
{
    if (value == NULL) {
        return fail(b, WB_ERR_FORMAT, mark, "not UTF-8 text");
    }
    if (++b->nodes > NODE_MAX) {
        json_decref(value);
        return fail(b, WB_ERR_LIMIT, mark, "too many values");
    }
    if (b->depth == 0) {
        json_array_append_new(b->documents, value);
        return WB_OK;
    }
    json_t *parent = b->stack[b->depth - 1];
    if (json_is_array(parent)) {
        json_array_append_new(parent, value);
        return WB_OK;
    }
    char *key = b->keys[b->depth - 1];
    if (key == NULL) { /* the value is a key */
        key = json_is_string(value) ? strdup(json_string_value(value))
                                    : json_dumps(value, JSON_ENCODE_ANY);
        bool is_scalar = !json_is_object(value) && !json_is_array(value);
        json_decref(value);
        if (!is_scalar || key == NULL || json_object_get(parent, key) != NULL) {
            free(key);
            return fail(b, WB_ERR_FORMAT, mark,
                        is_scalar ? "this key occurs twice" : "a key must be a scalar");
        }
        b->keys[b->depth - 1] = key;
        return WB_OK;
    }
    int failed = json_object_set_new(parent, key, value);
    free(key);
    b->keys[b->depth - 1] = NULL;
    return failed == 0 ? WB_OK : fail(b, WB_ERR_FORMAT, mark, "not UTF-8 text");
}

/* Opens a list or a mapping; it stays in its parent's hands. */
static enum wb_err open_container(struct builder *b, const yaml_mark_t *mark, json_t *value)
{
    if (b->depth == DEPTH_MAX) {
        json_decref(value);
        return fail(b, WB_ERR_LIMIT, mark, "nested too deeply");
    }
    if (b->depth > 0 && json_is_object(b->stack[b->depth - 1]) && b->keys[b->depth - 1] == NULL) {
        json_decref(value);
        return fail(b, WB_ERR_FORMAT, mark, "a key must be a scalar");
    }
    WB_TRY(place(b, mark, value));
    b->stack[b->depth] = value;
    b->keys[b->depth] = NULL;
    b->depth++;
    return WB_OK;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool looks_like_number(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    if (*at == '.') {
        at++;
    }
    if (!isdigit((unsigned char)*at)) {
        return false;
    }
    return strspn(text, "0123456789.eE+-") == strlen(text);
}

/* YAML 1.2, core schema. Version 1.1's yes, no, on and off stay text, as kubectl's parser has them
 * for quoted keys and as people expect. */
static json_t *plain_scalar(const char *text, size_t len)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (strlen(text) == len) {
        if (is_one_of(text, nulls)) {
            return json_null();
        }
        if (is_one_of(text, trues)) {
            return json_true();
        }
        if (is_one_of(text, falses)) {
            return json_false();
        }
        char *end;
        errno = 0;
        if (looks_like_number(text)) {
            long long integer = strtoll(text, &end, 10);
            if (*end == '\0' && errno == 0) {
                return json_integer(integer);
            }
            errno = 0;
            double real = strtod(text, &end);
            if (*end == '\0' && errno == 0 && isfinite(real)) {
                return json_real(real);
            }
        }
        if (strncmp(text, "0x", 2) == 0 && isxdigit((unsigned char)text[2])) {
            long long integer = strtoll(text, &end, 16);
            if (*end == '\0' && errno == 0) {
                return json_integer(integer);
            }
        }
    }
    return json_stringn(text, len);
}

static enum wb_err take_event(struct builder *b, const yaml_event_t *event)
{
    const yaml_mark_t *mark = &event->start_mark;
    switch (event->type) {
    case YAML_SCALAR_EVENT: {
        const char *text = (const char *)event->data.scalar.value;
        size_t len = event->data.scalar.length;
        bool is_plain =
            event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
        if (b->depth == 0 && is_plain && len == 0) {
            return WB_OK; /* an empty document */
        }
        return place(b, mark, is_plain ? plain_scalar(text, len) : json_stringn(text, len));
    }
    case YAML_SEQUENCE_START_EVENT: return open_container(b, mark, json_array());
    case YAML_MAPPING_START_EVENT: return open_container(b, mark, json_object());
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: b->depth--; return WB_OK;
    case YAML_ALIAS_EVENT:
        return fail(b, WB_ERR_FORMAT, mark, "aliases are not supported; write the value out");
    default: return WB_OK;
    }
}

static enum wb_err read_events(struct builder *b, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return fail(b, WB_ERR_FORMAT, &parser->problem_mark,
                        parser->problem != NULL ? parser->problem : "not YAML");
        }
        bool is_end = event.type == YAML_STREAM_END_EVENT;
        enum wb_err err = take_event(b, &event);
        yaml_event_delete(&event);
        if (err != WB_OK || is_end) {
            return err;
        }
    }
}

enum wb_err wb_kube_yaml_read(const char *yaml, size_t len, json_t **documents, char *err_text,
                              size_t err_text_cap)
{
    struct builder b = {
        .documents = json_array(), .err_text = err_text, .err_text_cap = err_text_cap};
    yaml_parser_t parser;
    if (b.documents == NULL || !yaml_parser_initialize(&parser)) {
        json_decref(b.documents);
        return WB_ERR_MEMORY;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, len);
    enum wb_err err = read_events(&b, &parser);
    yaml_parser_delete(&parser);
    for (unsigned i = 0; i < b.depth; i++) {
        free(b.keys[i]);
    }
    if (err != WB_OK) {
        json_decref(b.documents);
        return err;
    }
    *documents = b.documents;
    return WB_OK;
}
