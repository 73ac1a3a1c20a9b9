/* SPDX-License-Identifier: AGPL-3.0-only */
/* text.h: growing texts and small JSON helpers of the API server. */
#ifndef AS_TEXT_H
#define AS_TEXT_H

#include <jansson.h>

#include "wb_base.h"

/* Grows as needed; always terminated once something was added. Out of memory aborts: the server's
 * own state would be in doubt. */
struct as_text {
    char *data;
    size_t len;
    size_t cap;
};

void as_text_add(struct as_text *t, const char *data, size_t len);
void as_text_str(struct as_text *t, const char *text);
void as_text_fmt(struct as_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text as a JSON string literal with its quotes. */
void as_text_json_str(struct as_text *t, const char *text);
void as_text_json(struct as_text *t, const json_t *value);
void as_text_deinit(struct as_text *t);

char *as_fmt(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Compact JSON with sorted keys. */
char *as_dump(const json_t *value, size_t *len);

/* Sets a member, or removes it when value is NULL. Takes value. */
void as_set(json_t *object, const char *key, json_t *value);
/* The member object, created when it is absent or no object. Borrowed. */
json_t *as_object(json_t *object, const char *key);
const char *as_str(const json_t *object, const char *key); /* "" when absent or no string */

/* Parses YAML (one document; JSON is YAML, too) with core-schema scalars. Aliases and merges are
 * refused. NULL with a text on failure. */
json_t *as_yaml_parse(const char *text, size_t len, char *err, size_t err_cap);

/* RFC 3339 in seconds or microseconds. */
void as_time_s(uint64_t unix_us, char to[32]);
void as_time_us(uint64_t unix_us, char to[40]);

#endif
