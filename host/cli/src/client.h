/* SPDX-License-Identifier: AGPL-3.0-only */
/* client.h: the Kubernetes API for commands: one call, one answer, errors printed.
 * Shape    each call runs the event loop until its answer has come
 */
#ifndef WB_CLI_CLIENT_H
#define WB_CLI_CLIENT_H

#include <jansson.h>

#include "wb_kube.h"

struct client {
    struct wb_net_loop *loop;
    struct wb_kube *kube;
    char namespace[64];
    bool is_quiet; /* do not print errors */
    /* last answer */
    bool is_done;
    enum wb_err err;
    json_t *answer;
    char text[WB_KUBE_ERR_CAP];
};

/* The kubeconfig to use: the word given with --kubeconfig, else STATE/kubeconfig when that file
 * exists (state may be NULL), else NULL for the usual rules. buf holds the result. */
const char *client_config_path(const char *kubeconfig, const char *state, char *buf, size_t cap);

/* path NULL: $KUBECONFIG, in-cluster, ~/.kube/config. namespace NULL: the context's, else
 * "wasmbed". Prints what is wrong. */
enum wb_err client_open(struct client *c, const char *path, const char *namespace) WB_MUST_USE;
void client_close(struct client *c);

/* Each returns a new reference, or NULL after printing the error (see is_quiet; c->err says which).
 */
json_t *client_get(struct client *c, const struct wb_kube_resource *resource, const char *name);
json_t *client_list(struct client *c, const struct wb_kube_resource *resource); /* its items */
json_t *client_apply(struct client *c, const struct wb_kube_resource *resource,
                     const json_t *object);
json_t *client_delete(struct client *c, const struct wb_kube_resource *resource, const char *name);

/* Namespace objects have no namespace themselves. */
json_t *client_apply_namespace(struct client *c, const char *name);

#endif
