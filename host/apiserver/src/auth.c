/* SPDX-License-Identifier: AGPL-3.0-only */
/* auth.c: who asks, and what he may. Users come from a tokens file; roles are fixed and go by
 * group:
 *
 *   system:masters      everything
 *   wasmbed:component   our kinds, leases, events, secrets and configmaps; reads the rest
 *   wasmbed:operator    our kinds, configmaps, secrets and events; reads the rest
 *   wasmbed:viewer      reads everything but secrets
 *
 * Whoever is known may discover, ask about himself, and read the API's description. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

/* Splits a CSV line in place: fields separated by ',', quotes around fields that contain it. */
static size_t split_csv(char *line, char *fields[], size_t max)
{
    size_t count = 0;
    char *at = line;
    while (count < max) {
        while (*at == ' ') {
            at++;
        }
        if (*at == '"') {
            fields[count++] = ++at;
            at += strcspn(at, "\"");
            if (*at) {
                *at++ = '\0';
            }
            at += strcspn(at, ",");
        } else {
            fields[count++] = at;
            at += strcspn(at, ",");
        }
        if (*at == '\0') {
            break;
        }
        *at++ = '\0';
    }
    return count;
}

static char *copy(const char *text)
{
    char *copied = strdup(text);
    WB_ASSERT(copied);
    return copied;
}

static bool read_user(struct wb_apiserver *s, char *line, char *err, size_t err_cap, size_t number)
{
    char *fields[5];
    size_t count = split_csv(line, fields, WB_ARRAY_LEN(fields));
    if (count < 3 || !fields[0][0] || !fields[1][0]) {
        snprintf(err, err_cap, "tokens file, line %zu: want token,user,uid[,\"group,group\"]",
                 number);
        return false;
    }
    if (s->user_count == AS_USERS_MAX) {
        snprintf(err, err_cap, "tokens file: more than %u users", AS_USERS_MAX);
        return false;
    }
    struct as_user *user = &s->users[s->user_count++];
    *user = (struct as_user){copy(fields[0]), copy(fields[1]), copy(fields[2]), {NULL}, 0};
    char *groups[AS_GROUPS_MAX];
    size_t group_count = count > 3 ? split_csv(fields[3], groups, AS_GROUPS_MAX - 1) : 0;
    for (size_t i = 0; i < group_count; i++) {
        if (groups[i][0]) {
            user->groups[user->group_count++] = copy(groups[i]);
        }
    }
    user->groups[user->group_count++] = copy("system:authenticated");
    return true;
}

bool as_users_read(struct wb_apiserver *s, const char *text, char *err, size_t err_cap)
{
    s->anonymous.name = copy("system:anonymous");
    s->anonymous.uid = copy("");
    s->anonymous.groups[s->anonymous.group_count++] = copy("system:unauthenticated");
    if (!text) {
        s->open = true;
        return true;
    }
    char *storage = copy(text);
    char *rest = storage;
    char *line;
    bool ok = true;
    for (size_t number = 1; ok && (line = strsep(&rest, "\n")); number++) {
        line[strcspn(line, "\r")] = '\0';
        if (line[0] && line[0] != '#') {
            ok = read_user(s, line, err, err_cap, number);
        }
    }
    wb_wipe(storage, strlen(text));
    free(storage);
    return ok;
}

static void user_free(struct as_user *user)
{
    if (user->token) {
        wb_wipe(user->token, strlen(user->token));
    }
    free(user->token);
    free(user->name);
    free(user->uid);
    for (size_t i = 0; i < user->group_count; i++) {
        free(user->groups[i]);
    }
}

void as_users_free(struct wb_apiserver *s)
{
    for (size_t i = 0; i < s->user_count; i++) {
        user_free(&s->users[i]);
    }
    user_free(&s->anonymous);
}

const struct as_user *as_authenticate(const struct wb_apiserver *s, const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) {
        return &s->anonymous;
    }
    const char *token = authorization + 7;
    size_t len = strlen(token);
    const struct as_user *found = NULL;
    for (size_t i = 0; i < s->user_count; i++) {
        const struct as_user *user = &s->users[i];
        if (strlen(user->token) == len && wb_ct_equal(user->token, token, len)) {
            found = user;
        }
    }
    return !found && s->open ? &s->anonymous : found;
}

bool as_in_group(const struct as_user *user, const char *group)
{
    for (size_t i = 0; i < user->group_count; i++) {
        if (strcmp(user->groups[i], group) == 0) {
            return true;
        }
    }
    return false;
}

void as_user_of_certificate(const struct wb_apiserver_request *request, struct as_user *user)
{
    static char empty[] = "";
    *user = (struct as_user){.name = (char *)(uintptr_t)request->cert_name, .uid = empty};
    for (size_t i = 0; i < request->cert_group_count && i + 1 < AS_GROUPS_MAX; i++) {
        user->groups[user->group_count++] = (char *)(uintptr_t)request->cert_groups[i];
    }
    static char authenticated[] = "system:authenticated";
    user->groups[user->group_count++] = authenticated;
}

/* ---- rates -------------------------------------------------------------------------------- */

/* The user's bucket, or that of who was silent longest. */
static struct as_bucket *bucket_of(struct wb_apiserver *s, const char *name)
{
    struct as_bucket *oldest = &s->buckets[0];
    for (size_t i = 0; i < WB_ARRAY_LEN(s->buckets); i++) {
        struct as_bucket *b = &s->buckets[i];
        if (strncmp(b->name, name, sizeof(b->name) - 1) == 0) {
            return b;
        }
        oldest = b->us < oldest->us ? b : oldest;
    }
    *oldest = (struct as_bucket){.tokens = 2.0 * s->rate_max};
    snprintf(oldest->name, sizeof(oldest->name), "%s", name);
    return oldest;
}

bool as_rate_take(struct wb_apiserver *s, const struct as_user *user, uint64_t now_us)
{
    if (s->open || as_in_group(user, "system:masters")) {
        return true;
    }
    struct as_bucket *b = bucket_of(s, user->name);
    double rate = s->rate_max;
    if (b->us && now_us > b->us) {
        b->tokens += (double)(now_us - b->us) * rate / 1e6;
    }
    b->tokens = b->tokens > 2 * rate ? 2 * rate : b->tokens;
    b->us = now_us;
    if (b->tokens < 1) {
        return false;
    }
    b->tokens -= 1;
    return true;
}

/* ---- roles -------------------------------------------------------------------------------- */

static bool is_read(const char *verb)
{
    return strcmp(verb, "get") == 0 || strcmp(verb, "list") == 0 || strcmp(verb, "watch") == 0;
}

static bool is_any(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

bool as_allowed(const struct wb_apiserver *s, const struct as_user *user, const char *verb,
                const char *group, const char *resource)
{
    static const char *const component[] = {"leases", "events", "secrets", "configmaps", NULL};
    static const char *const operator[] = {"events", "secrets", "configmaps", NULL};
    bool ours = strcmp(group, "wasmbed.github.io") == 0;
    if (s->open || as_in_group(user, "system:masters")) {
        return true;
    }
    if (strncmp(resource, "selfsubject", 11) == 0) {
        return as_in_group(user, "system:authenticated");
    }
    if (as_in_group(user, "wasmbed:component") &&
        (is_read(verb) || ours || is_any(resource, component))) {
        return true;
    }
    if (as_in_group(user, "wasmbed:operator") &&
        (is_read(verb) || ours || is_any(resource, operator))) {
        return true;
    }
    return as_in_group(user, "wasmbed:viewer") && is_read(verb) && strcmp(resource, "secrets") != 0;
}
