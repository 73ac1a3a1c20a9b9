/* SPDX-License-Identifier: AGPL-3.0-only */
/* client.h: what the parts of host/kube share: paths, requests, the client's insides. */
#ifndef WB_KUBE_CLIENT_H
#define WB_KUBE_CLIENT_H

#include "wb_http.h"
#include "wb_kube.h"

struct call;

struct wb_kube {
    struct wb_net_loop *loop;
    struct wb_http_client *http;
    char *server;
    char *name;
    char *token_file;
    struct wb_net_timer *token_timer; /* reads token_file again; NULL: the token is fixed */
    struct call *calls;               /* running ones, newest first */
    wb_kube_call next_id;
    uint64_t random; /* seed of the jitters */
};

/* "/apis/group/version[/namespaces/ns]/plural[/name][/subresource]"; free it. */
char *path_of(const struct wb_kube_resource *resource, const char *namespace, const char *name,
              const char *subresource);

/* Text grown by formatting; failed: memory ran out, the text is NULL then. */
struct text {
    char *data;
    size_t len;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds value as a query parameter ("?name=value" or "&name=value"), percent-encoded. */
void text_add_query(struct text *text, const char *name, const char *value);

/* What went wrong with an answer, as wb_kube_result has it. object: the answer's JSON, may be NULL.
 * Writes the text for people to err_text. */
enum wb_err explain(const struct wb_kube *kube, const char *path,
                    const struct wb_http_result *result, const json_t *object, char *err_text,
                    size_t err_text_cap);

/* A next pseudo-random number for jitters; not for secrets. */
uint64_t random_next(uint64_t *state);

#endif
