/* SPDX-License-Identifier: AGPL-3.0-only */
/* yaml.c: YAML to JSON through libyaml's events, with a stack of open containers.
 *
 * Scalars follow YAML 1.2's core schema as Kubernetes' own reader does: plain null, booleans and
 * numbers are typed, everything quoted is text. Aliases are refused: no manifest needs them, and
 * they are how small files become large objects. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "text.h"

#define DEPTH_MAX 64u

struct frame {
    json_t *container;
    char *key; /* of a mapping, when its value is due */
};

struct reader {
    struct frame stack[DEPTH_MAX];
    size_t depth;
    json_t *root;
    char *err;
    size_t err_cap;
    bool failed;
};

static void fail(struct reader *r, const yaml_event_t *event, const char *why)
{
    if (!r->failed) {
        snprintf(r->err, r->err_cap, "line %zu: %s", event->start_mark.line + 1, why);
        r->failed = true;
    }
}

static bool is_number(const char *s, size_t len, bool *is_real)
{
    size_t i = 0;
    *is_real = false;
    if (i < len && (s[i] == '-' || s[i] == '+')) {
        i++;
    }
    size_t digits = 0;
    for (; i < len; i++) {
        if (s[i] >= '0' && s[i] <= '9') {
            digits++;
        } else if ((s[i] == '.' || s[i] == 'e' || s[i] == 'E') && digits > 0) {
            *is_real = true;
        } else if ((s[i] == '-' || s[i] == '+') && (s[i - 1] == 'e' || s[i - 1] == 'E')) {
            continue;
        } else {
            return false;
        }
    }
    return digits > 0;
}

static bool one_of(const char *s, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(s, *words) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *plain_scalar(const char *s, size_t len)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (one_of(s, nulls)) {
        return json_null();
    }
    if (one_of(s, trues)) {
        return json_true();
    }
    if (one_of(s, falses)) {
        return json_false();
    }
    bool is_real;
    if (!is_number(s, len, &is_real)) {
        return json_stringn(s, len);
    }
    char *end;
    errno = 0;
    if (!is_real) {
        long long value = strtoll(s, &end, 10);
        if (errno == 0 && *end == '\0') {
            return json_integer(value);
        }
    }
    errno = 0;
    double value = strtod(s, &end);
    return errno == 0 && *end == '\0' ? json_real(value) : json_stringn(s, len);
}

/* Puts a finished or opened value into the container on top. Takes value. */
static void put(struct reader *r, const yaml_event_t *event, json_t *value)
{
    if (!value) {
        fail(r, event, "not UTF-8");
        return;
    }
    if (r->depth == 0) {
        if (r->root) {
            json_decref(value);
            fail(r, event, "more than one document");
            return;
        }
        r->root = value;
        return;
    }
    struct frame *top = &r->stack[r->depth - 1];
    if (json_is_array(top->container)) {
        json_array_append_new(top->container, value);
    } else {
        json_object_set_new_nocheck(top->container, top->key, value);
        free(top->key);
        top->key = NULL;
    }
}

static bool wants_key(const struct reader *r)
{
    return r->depth > 0 && json_is_object(r->stack[r->depth - 1].container) &&
           !r->stack[r->depth - 1].key;
}

static void on_scalar(struct reader *r, const yaml_event_t *event)
{
    const char *s = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    bool has_zero = memchr(s, '\0', len) != NULL;
    if (wants_key(r)) {
        json_t *container = r->stack[r->depth - 1].container;
        json_t *utf8 = json_stringn(s, len);
        if (!utf8 || has_zero) {
            fail(r, event, "key is not UTF-8 text");
        } else if (json_object_get(container, s)) {
            fail(r, event, "duplicate key");
        } else {
            r->stack[r->depth - 1].key = strdup(s);
        }
        json_decref(utf8);
        return;
    }
    if (has_zero) {
        fail(r, event, "zero byte in text");
        return;
    }
    put(r, event,
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_scalar(s, len)
                                                            : json_stringn(s, len));
}

static void on_open(struct reader *r, const yaml_event_t *event, json_t *container)
{
    if (wants_key(r)) {
        json_decref(container);
        fail(r, event, "a key must be text");
        return;
    }
    if (r->depth == DEPTH_MAX) {
        json_decref(container);
        fail(r, event, "nested too deeply");
        return;
    }
    put(r, event, container);
    if (!r->failed) {
        r->stack[r->depth++] = (struct frame){.container = container};
    }
}

static void on_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: on_scalar(r, event); break;
    case YAML_MAPPING_START_EVENT: on_open(r, event, json_object()); break;
    case YAML_SEQUENCE_START_EVENT: on_open(r, event, json_array()); break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: r->depth--; break;
    case YAML_ALIAS_EVENT: fail(r, event, "aliases are not supported"); break;
    default: break;
    }
}

json_t *as_yaml_parse(const char *text, size_t len, char *err, size_t err_cap)
{
    struct reader r = {.err = err, .err_cap = err_cap};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(err, err_cap, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    bool end = false;
    while (!end && !r.failed) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            snprintf(err, err_cap, "line %zu: %s", parser.problem_mark.line + 1,
                     parser.problem ? parser.problem : "not YAML");
            r.failed = true;
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        on_event(&r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < WB_ARRAY_LEN(r.stack); i++) {
        free(r.stack[i].key);
    }
    if (r.failed) {
        json_decref(r.root);
        return NULL;
    }
    if (!r.root) {
        snprintf(err, err_cap, "no document");
    }
    return r.root;
}
