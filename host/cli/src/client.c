/* SPDX-License-Identifier: AGPL-3.0-only */
/* Synchronous use of host/kube: start a call, turn the loop until its answer is here. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *client_config_path(const char *kubeconfig, const char *state, char *buf, size_t cap)
{
    if (kubeconfig != NULL) {
        snprintf(buf, cap, "%s", kubeconfig);
        return buf;
    }
    if (state != NULL) {
        snprintf(buf, cap, "%s/kubeconfig", state);
        if (access(buf, R_OK) == 0) {
            return buf;
        }
    }
    return NULL;
}

enum wb_err client_open(struct client *c, const char *path, const char *namespace)
{
    *c = (struct client){0};
    struct wb_kube_config config = {0};
    enum wb_err err = wb_kube_config_load(path, NULL, &config, c->text, sizeof c->text);
    if (err != WB_OK) {
        fprintf(stderr, "wasmbed: %s\n", c->text);
        return err;
    }
    const char *ns = namespace != NULL ? namespace : config.namespace;
    snprintf(c->namespace, sizeof c->namespace, "%s", ns != NULL ? ns : WB_API_NAMESPACE);
    c->loop = wb_net_loop_new();
    c->kube = c->loop != NULL ? wb_kube_new(c->loop, &config, "wasmbed-cli") : NULL;
    wb_kube_config_deinit(&config);
    if (c->kube == NULL) {
        fprintf(stderr, "wasmbed: %s\n", wb_err_str(WB_ERR_MEMORY));
        client_close(c);
        return WB_ERR_MEMORY;
    }
    return WB_OK;
}

void client_close(struct client *c)
{
    json_decref(c->answer);
    if (c->kube != NULL) {
        wb_kube_free(c->kube);
    }
    if (c->loop != NULL) {
        wb_net_loop_free(c->loop);
    }
    *c = (struct client){0};
}

static void on_done(void *ctx, const struct wb_kube_result *result)
{
    struct client *c = ctx;
    c->is_done = true;
    c->err = result->err;
    snprintf(c->text, sizeof c->text, "%s", result->text);
    json_decref(c->answer);
    c->answer = json_incref(result->object);
}

static json_t *await(struct client *c, wb_kube_call call)
{
    if (call == 0) {
        c->err = WB_ERR_MEMORY;
        snprintf(c->text, sizeof c->text, "%s", wb_err_str(c->err));
    }
    while (call != 0 && !c->is_done && wb_net_loop_turn(c->loop, true)) {
    }
    c->is_done = false;
    if (c->err != WB_OK) {
        if (!c->is_quiet) {
            fprintf(stderr, "wasmbed: %s\n", c->text);
        }
        return NULL;
    }
    return json_incref(c->answer);
}

json_t *client_get(struct client *c, const struct wb_kube_resource *resource, const char *name)
{
    return await(c, wb_kube_get(c->kube, resource, c->namespace, name, on_done, c));
}

json_t *client_list(struct client *c, const struct wb_kube_resource *resource)
{
    json_t *list = await(c, wb_kube_list(c->kube, resource, c->namespace, NULL, NULL, on_done, c));
    json_t *items = json_incref(json_object_get(list, "items"));
    json_decref(list);
    return items;
}

/* What kubectl apply leaves behind to compute the next change from; so that people can go on with
 * it. */
#define LAST_APPLIED     "kubectl.kubernetes.io/last-applied-configuration"
#define LAST_APPLIED_MAX (200u * 1024u) /* annotations may have 256 KiB together */

json_t *client_apply(struct client *c, const struct wb_kube_resource *resource,
                     const json_t *object)
{
    json_t *annotated = json_deep_copy(object);
    json_t *metadata = json_object_get(annotated, "metadata");
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    if (text != NULL && metadata != NULL && strlen(text) <= LAST_APPLIED_MAX) {
        json_t *annotations = json_object_get(metadata, "annotations");
        if (annotations == NULL) {
            annotations = json_object();
            json_object_set_new(metadata, "annotations", annotations);
        }
        json_object_set_new(annotations, LAST_APPLIED, json_sprintf("%s\n", text));
    }
    free(text);
    json_t *answer =
        await(c, wb_kube_apply(c->kube, resource, c->namespace, annotated, on_done, c));
    json_decref(annotated);
    return answer;
}

json_t *client_delete(struct client *c, const struct wb_kube_resource *resource, const char *name)
{
    return await(c, wb_kube_delete(c->kube, resource, c->namespace, name, on_done, c));
}

json_t *client_apply_namespace(struct client *c, const char *name)
{
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace",
                               "metadata", "name", name);
    json_t *answer =
        await(c, wb_kube_apply(c->kube, &wb_kube_namespaces, NULL, object, on_done, c));
    json_decref(object);
    return answer;
}
