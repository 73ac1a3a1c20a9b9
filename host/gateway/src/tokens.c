/* SPDX-License-Identifier: AGPL-3.0-only */
/* Token file and look-up. */
#include "tokens.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const writers[] = {"system:masters", "wasmbed:admin", "wasmbed:operator"};

/* Whether "a,b,c" (quotes and blanks allowed) holds the group. */
static bool has_group(const char *groups, const char *group)
{
    size_t len = strlen(group);
    for (const char *at = groups; (at = strstr(at, group)) != NULL; at += len) {
        bool is_start = at == groups || strchr("\", ", at[-1]) != NULL;
        if (is_start && strchr("\", \r\n", at[len]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum wb_err read_line(struct tokens *tokens, char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') {
        return WB_OK;
    }
    char *user = strchr(line, ',');
    char *uid = user != NULL ? strchr(user + 1, ',') : NULL;
    if (uid == NULL || user == line) {
        return WB_ERR_FORMAT;
    }
    *user++ = '\0';
    *uid++ = '\0';
    const char *groups = strchr(uid, ',');
    if (tokens->count == TOKENS_MAX || strlen(line) >= sizeof tokens->items[0].text) {
        return WB_ERR_LIMIT;
    }
    struct token *token = &tokens->items[tokens->count++];
    *token = (struct token){0};
    snprintf(token->text, sizeof token->text, "%s", line);
    snprintf(token->user, sizeof token->user, "%s", user);
    for (size_t i = 0; groups != NULL && i < WB_ARRAY_LEN(writers); i++) {
        token->can_write |= has_group(groups, writers[i]);
    }
    return WB_OK;
}

enum wb_err tokens_load(struct tokens *tokens, const char *path, char *err_text,
                        size_t err_text_cap)
{
    *tokens = (struct tokens){0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(err_text, err_text_cap, "cannot read tokens from %s: %s", path, strerror(errno));
        return WB_ERR_IO;
    }
    char line[512];
    enum wb_err err = WB_OK;
    unsigned number = 0;
    while (err == WB_OK && fgets(line, sizeof line, file) != NULL) {
        number++;
        err = read_line(tokens, line);
    }
    fclose(file);
    wb_wipe(line, sizeof line);
    if (err != WB_OK) {
        snprintf(err_text, err_text_cap, "%s line %u: %s; expected token,user,uid,\"groups\"", path,
                 number, wb_err_str(err));
    }
    return err;
}

const struct token *tokens_find(const struct tokens *tokens, const char *authorization)
{
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0) {
        return NULL;
    }
    char given[sizeof tokens->items[0].text] = {0};
    snprintf(given, sizeof given, "%s", authorization + 7);
    const struct token *found = NULL;
    for (size_t i = 0; i < tokens->count; i++) {
        if (wb_ct_equal(tokens->items[i].text, given, sizeof given)) {
            found = &tokens->items[i];
        }
    }
    wb_wipe(given, sizeof given);
    return found;
}
