/* SPDX-License-Identifier: AGPL-3.0-only */
/* text.c: growing texts and small JSON helpers. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void reserve(struct as_text *t, size_t more)
{
    if (t->cap - t->len > more) {
        return;
    }
    size_t cap = t->cap ? t->cap : 256;
    while (cap - t->len <= more) {
        cap *= 2;
    }
    char *grown = realloc(t->data, cap);
    WB_ASSERT(grown);
    t->data = grown;
    t->cap = cap;
}

void as_text_add(struct as_text *t, const char *data, size_t len)
{
    reserve(t, len);
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void as_text_str(struct as_text *t, const char *text)
{
    as_text_add(t, text, strlen(text));
}

void as_text_fmt(struct as_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    WB_ASSERT(len >= 0);
    reserve(t, (size_t)len);
    vsnprintf(t->data + t->len, (size_t)len + 1, format, again);
    va_end(again);
    t->len += (size_t)len;
}

void as_text_json_str(struct as_text *t, const char *text)
{
    json_t *value = json_string_nocheck(text);
    as_text_json(t, value);
    json_decref(value);
}

static int dump_part(const char *data, size_t len, void *ctx)
{
    as_text_add(ctx, data, len);
    return 0;
}

void as_text_json(struct as_text *t, const json_t *value)
{
    (void)json_dump_callback(value, dump_part, t,
                             JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY |
                                 JSON_REAL_PRECISION(17));
}

void as_text_deinit(struct as_text *t)
{
    free(t->data);
    *t = (struct as_text){0};
}

char *as_fmt(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    WB_ASSERT(len >= 0);
    return text;
}

char *as_dump(const json_t *value, size_t *len)
{
    struct as_text t = {0};
    as_text_json(&t, value);
    if (len) {
        *len = t.len;
    }
    return t.data;
}

void as_set(json_t *object, const char *key, json_t *value)
{
    if (value) {
        json_object_set_new_nocheck(object, key, value);
    } else {
        json_object_del(object, key);
    }
}

json_t *as_object(json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);
    if (!json_is_object(member)) {
        member = json_object();
        json_object_set_new_nocheck(object, key, member);
    }
    return member;
}

const char *as_str(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void as_time_s(uint64_t unix_us, char to[32])
{
    time_t s = (time_t)(unix_us / 1000000u);
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void as_time_us(uint64_t unix_us, char to[40])
{
    time_t s = (time_t)(unix_us / 1000000u);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t len = strftime(to, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(to + len, 40 - len, ".%06uZ", (unsigned)(unix_us % 1000000u));
}
