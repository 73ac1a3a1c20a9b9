/* SPDX-License-Identifier: AGPL-3.0-only */
/* query.c: percent escapes and query strings (RFC 3986 §2.1, and '+' for a space as HTML forms
 * write it). */
#include "wb_http.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

size_t wb_http_percent_decode(char *text, bool plus)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
            char decoded = (char)(hex_digit(from[1]) * 16 + hex_digit(from[2]));
            if (decoded == '\0') {
                break;
            }
            *to++ = decoded;
            from += 2;
        } else {
            *to++ = plus && *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

enum wb_err wb_http_query_init(struct wb_http_query *query, const char *text)
{
    query->count = 0;
    query->storage = strdup(text);
    if (!query->storage) {
        return WB_ERR_MEMORY;
    }
    char *rest = query->storage;
    char *pair;
    while ((pair = strsep(&rest, "&")) && query->count < WB_HTTP_QUERY_MAX) {
        if (*pair == '\0') {
            continue;
        }
        char *value = strchr(pair, '=');
        if (value) {
            *value++ = '\0';
            wb_http_percent_decode(value, true);
        }
        wb_http_percent_decode(pair, true);
        query->pairs[query->count++] =
            (struct wb_http_header){.name = pair, .value = value ? value : ""};
    }
    return WB_OK;
}

void wb_http_query_deinit(struct wb_http_query *query)
{
    free(query->storage);
    query->storage = NULL;
    query->count = 0;
}

const char *wb_http_query_find(const struct wb_http_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->pairs[i].name, name) == 0) {
            return query->pairs[i].value;
        }
    }
    return NULL;
}
