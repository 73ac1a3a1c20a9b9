/* SPDX-License-Identifier: AGPL-3.0-only */
/* tokens.h: bearer tokens of the HTTPS API, from a file in kube-apiserver's format:
 * token,user,uid,"group,group". */
#ifndef WB_GATEWAY_TOKENS_H
#define WB_GATEWAY_TOKENS_H

#include "wb_base.h"

#define TOKENS_MAX 64u

struct token {
    char text[128];
    char user[64];
    bool can_write; /* system:masters, wasmbed:admin, wasmbed:operator; others may read */
};

struct tokens {
    struct token items[TOKENS_MAX];
    size_t count;
};

/* Reads the file; writes why into err_text. Outcomes: WB_ERR_IO, WB_ERR_FORMAT, WB_ERR_LIMIT. */
enum wb_err tokens_load(struct tokens *tokens, const char *path, char *err_text,
                        size_t err_text_cap) WB_MUST_USE;

/* The token of an Authorization header; NULL when there is none, or it is not known. Every known
 * token is compared, each in constant time. */
const struct token *tokens_find(const struct tokens *tokens, const char *authorization);

#endif
