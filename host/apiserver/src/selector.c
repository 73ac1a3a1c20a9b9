/* SPDX-License-Identifier: AGPL-3.0-only */
/* selector.c: a small scanner over the text; words are everything but space and the operators'
 * characters. */
#include "selector.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

struct scanner {
    const char *at;
    char word[512];
};

static void skip_space(struct scanner *c)
{
    while (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r') {
        c->at++;
    }
}

static bool scan_char(struct scanner *c, char wanted)
{
    skip_space(c);
    if (*c->at != wanted) {
        return false;
    }
    c->at++;
    return true;
}

/* A word, perhaps empty; false when it is too long. */
static bool scan_word(struct scanner *c)
{
    skip_space(c);
    size_t len = strcspn(c->at, " \t\r\n=!,()<>");
    if (len >= sizeof(c->word)) {
        return false;
    }
    memcpy(c->word, c->at, len);
    c->word[len] = '\0';
    c->at += len;
    return true;
}

static enum wb_err complain(char *err, size_t err_cap, const char *text, const char *why)
{
    snprintf(err, err_cap, "unable to parse requirement: %s (in \"%.200s\")", why, text);
    return WB_ERR_FORMAT;
}

static enum wb_err add_value(struct as_requirement *r, const char *value)
{
    if (!r->values) {
        r->values = json_object();
    }
    return json_object_set_new(r->values, value, json_true()) == 0 ? WB_OK : WB_ERR_FORMAT;
}

static enum wb_err scan_set(struct scanner *c, struct as_requirement *r)
{
    if (!scan_char(c, '(')) {
        return WB_ERR_FORMAT;
    }
    do {
        if (!scan_word(c) || !wb_api_is_label_value(c->word)) {
            return WB_ERR_FORMAT;
        }
        WB_TRY(add_value(r, c->word));
    } while (scan_char(c, ','));
    return scan_char(c, ')') ? WB_OK : WB_ERR_FORMAT;
}

static enum wb_err scan_number(struct scanner *c, struct as_requirement *r)
{
    if (!scan_word(c)) {
        return WB_ERR_FORMAT;
    }
    char *end;
    errno = 0;
    (void)strtoll(c->word, &end, 10);
    if (end == c->word || *end != '\0' || errno != 0) {
        return WB_ERR_FORMAT;
    }
    return add_value(r, c->word);
}

static enum wb_err scan_requirement(struct scanner *c, struct as_requirement *r)
{
    bool negated = scan_char(c, '!');
    if (!scan_word(c) || !wb_api_is_label_key(c->word)) {
        return WB_ERR_FORMAT;
    }
    r->key = strdup(c->word);
    WB_ASSERT(r->key);
    skip_space(c);
    if (negated || *c->at == '\0' || *c->at == ',') {
        r->op = negated ? AS_NOT_EXISTS : AS_EXISTS;
        return WB_OK;
    }
    if (scan_char(c, '>')) {
        r->op = AS_GREATER;
        return scan_number(c, r);
    }
    if (scan_char(c, '<')) {
        r->op = AS_LESS;
        return scan_number(c, r);
    }
    r->op = AS_IN;
    if (scan_char(c, '!')) {
        r->op = AS_NOT_IN;
        if (*c->at != '=') {
            return WB_ERR_FORMAT;
        }
    }
    if (scan_char(c, '=')) {
        if (*c->at == '=') {
            c->at++;
        }
        if (!scan_word(c) || !wb_api_is_label_value(c->word)) {
            return WB_ERR_FORMAT;
        }
        return add_value(r, c->word);
    }
    if (!scan_word(c)) {
        return WB_ERR_FORMAT;
    }
    if (strcmp(c->word, "notin") == 0) {
        r->op = AS_NOT_IN;
    } else if (strcmp(c->word, "in") != 0) {
        return WB_ERR_FORMAT;
    }
    return scan_set(c, r);
}

enum wb_err as_selector_parse(struct as_selector *s, const char *text, char *err, size_t err_cap)
{
    struct scanner c = {.at = text};
    s->count = 0;
    skip_space(&c);
    while (*c.at) {
        if (s->count == AS_SELECTOR_MAX) {
            as_selector_deinit(s);
            return complain(err, err_cap, text, "too many requirements");
        }
        struct as_requirement *r = &s->items[s->count++];
        *r = (struct as_requirement){0};
        if (scan_requirement(&c, r) != WB_OK) {
            as_selector_deinit(s);
            return complain(err, err_cap, text,
                            "want key, !key, key=value, key!=value, key in (a,b), key>1");
        }
        skip_space(&c);
        if (*c.at == ',' && c.at[1] != '\0') {
            c.at++;
        } else if (*c.at != '\0') {
            as_selector_deinit(s);
            return complain(err, err_cap, text, "want ',' or the end");
        }
    }
    return WB_OK;
}

/* Copies up to an unescaped comma; false on a bad escape. */
static bool field_value(const char **at, char *to, size_t cap)
{
    size_t len = 0;
    const char *p = *at;
    for (; *p && *p != ','; p++) {
        if (*p == '\\') {
            p++;
            if (*p != '\\' && *p != ',' && *p != '=') {
                return false;
            }
        }
        if (len + 1 >= cap) {
            return false;
        }
        to[len++] = *p;
    }
    to[len] = '\0';
    *at = p;
    return true;
}

enum wb_err as_field_selector_parse(struct as_selector *s, const char *text, char *err,
                                    size_t err_cap)
{
    s->count = 0;
    const char *at = text;
    while (*at) {
        if (*at == ',') {
            at++;
            continue;
        }
        size_t key_len = strcspn(at, "=!,");
        const char *op = at + key_len;
        char value[512];
        bool is_not = op[0] == '!' && op[1] == '=';
        if (s->count == AS_SELECTOR_MAX || key_len == 0 || (!is_not && *op != '=')) {
            as_selector_deinit(s);
            snprintf(err, err_cap, "invalid selector: '%.200s'; can't understand '%.100s'", text,
                     at);
            return WB_ERR_FORMAT;
        }
        struct as_requirement *r = &s->items[s->count++];
        *r = (struct as_requirement){.op = is_not ? AS_NOT_IN : AS_IN, .key = strndup(at, key_len)};
        WB_ASSERT(r->key);
        at = op + (is_not || op[1] == '=' ? 2 : 1);
        if (!field_value(&at, value, sizeof(value)) || add_value(r, value) != WB_OK) {
            as_selector_deinit(s);
            snprintf(err, err_cap, "invalid field selector value in '%.200s'", text);
            return WB_ERR_FORMAT;
        }
    }
    return WB_OK;
}

void as_selector_deinit(struct as_selector *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].key);
        json_decref(s->items[i].values);
    }
    s->count = 0;
}

static bool compare(const struct as_requirement *r, const char *value)
{
    char *end;
    errno = 0;
    long long have = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0) {
        return false;
    }
    const char *wanted = json_object_iter_key(json_object_iter(r->values));
    long long bound = strtoll(wanted, NULL, 10);
    return r->op == AS_GREATER ? have > bound : have < bound;
}

static bool requirement_matches(const struct as_requirement *r, const char *value)
{
    switch (r->op) {
    case AS_IN: return value && json_object_get(r->values, value);
    case AS_NOT_IN: return !value || !json_object_get(r->values, value);
    case AS_EXISTS: return value != NULL;
    case AS_NOT_EXISTS: return value == NULL;
    case AS_GREATER:
    case AS_LESS: return value && compare(r, value);
    }
    return false;
}

bool as_selector_matches(const struct as_selector *s, const json_t *labels)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!requirement_matches(&s->items[i],
                                 json_string_value(json_object_get(labels, s->items[i].key)))) {
            return false;
        }
    }
    return true;
}

bool as_field_selector_matches(const struct as_selector *s, const json_t *fields)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!requirement_matches(&s->items[i], as_str(fields, s->items[i].key))) {
            return false;
        }
    }
    return true;
}

const char *as_selector_wanted(const struct as_selector *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct as_requirement *r = &s->items[i];
        if (r->op == AS_IN && json_object_size(r->values) == 1 && strcmp(r->key, key) == 0) {
            return json_object_iter_key(json_object_iter(r->values));
        }
    }
    return NULL;
}
