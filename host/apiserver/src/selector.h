/* SPDX-License-Identifier: AGPL-3.0-only */
/* selector.h: label and field selectors as they stand in queries. */
#ifndef AS_SELECTOR_H
#define AS_SELECTOR_H

#include "text.h"

#define AS_SELECTOR_MAX 32u /* requirements */

enum as_operator { AS_IN, AS_NOT_IN, AS_EXISTS, AS_NOT_EXISTS, AS_GREATER, AS_LESS };

struct as_requirement {
    enum as_operator op;
    char *key;
    json_t *values; /* set of texts: an object with them as keys */
};

struct as_selector {
    size_t count; /* 0: matches everything */
    struct as_requirement items[AS_SELECTOR_MAX];
};

/* Label selectors: a=b, a==b, a!=b, a in (b,c), a notin (b), a, !a, a>1, a<1, joined by commas. */
WB_MUST_USE enum wb_err as_selector_parse(struct as_selector *s, const char *text, char *err,
                                          size_t err_cap);
/* Field selectors: a=b, a==b, a!=b joined by commas; backslash escapes in values. */
WB_MUST_USE enum wb_err as_field_selector_parse(struct as_selector *s, const char *text, char *err,
                                                size_t err_cap);
void as_selector_deinit(struct as_selector *s);

/* labels: an object of texts, or NULL. For field selectors absent fields count as "". */
bool as_selector_matches(const struct as_selector *s, const json_t *labels);
bool as_field_selector_matches(const struct as_selector *s, const json_t *fields);

/* The value that the selector demands of a key; NULL when it demands none. */
const char *as_selector_wanted(const struct as_selector *s, const char *key);

#endif
