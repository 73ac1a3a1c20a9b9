/* SPDX-License-Identifier: AGPL-3.0-only */
/* path.c: resources and their URLs, error texts, back-off. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

const struct wb_kube_resource wb_kube_devices = {WB_API_GROUP, WB_API_VERSION, "devices", "Device"};
const struct wb_kube_resource wb_kube_applications = {WB_API_GROUP, WB_API_VERSION, "applications",
                                                      "Application"};
const struct wb_kube_resource wb_kube_gateways = {WB_API_GROUP, WB_API_VERSION, "gateways",
                                                  "Gateway"};
const struct wb_kube_resource wb_kube_namespaces = {"", "v1", "namespaces", "Namespace"};
const struct wb_kube_resource wb_kube_secrets = {"", "v1", "secrets", "Secret"};
const struct wb_kube_resource wb_kube_configmaps = {"", "v1", "configmaps", "ConfigMap"};
const struct wb_kube_resource wb_kube_events = {"", "v1", "events", "Event"};
const struct wb_kube_resource wb_kube_leases = {"coordination.k8s.io", "v1", "leases", "Lease"};
const struct wb_kube_resource wb_kube_crds = {
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"};

const struct wb_kube_resource *wb_kube_resource_of(enum wb_api_kind_id kind)
{
    switch (kind) {
    case WB_API_DEVICE: return &wb_kube_devices;
    case WB_API_APPLICATION: return &wb_kube_applications;
    case WB_API_GATEWAY: return &wb_kube_gateways;
    case WB_API_KIND_COUNT: break;
    }
    WB_ASSERT(!"a kind");
}

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    char *bigger = len >= 0 ? realloc(text->data, text->len + (size_t)len + 1) : NULL;
    if (bigger != NULL) {
        vsnprintf(bigger + text->len, (size_t)len + 1, format, again);
        text->data = bigger;
        text->len += (size_t)len;
    }
    va_end(again);
    va_end(arguments);
}

void text_add_query(struct text *text, const char *name, const char *value)
{
    bool is_first = text->data == NULL || strchr(text->data, '?') == NULL;
    text_add(text, "%c%s=", is_first ? '?' : '&', name);
    for (; *value != '\0'; value++) {
        if (isalnum((unsigned char)*value) || strchr("-_.~", *value) != NULL) {
            text_add(text, "%c", *value);
        } else {
            text_add(text, "%%%02X", (unsigned char)*value);
        }
    }
}

char *path_of(const struct wb_kube_resource *resource, const char *namespace, const char *name,
              const char *subresource)
{
    struct text path = {0};
    if (resource->group[0] == '\0') {
        text_add(&path, "/api/%s", resource->version);
    } else {
        text_add(&path, "/apis/%s/%s", resource->group, resource->version);
    }
    if (namespace != NULL && namespace[0] != '\0') {
        text_add(&path, "/namespaces/%s", namespace);
    }
    text_add(&path, "/%s", resource->plural);
    if (name != NULL) {
        text_add(&path, "/%s", name);
    }
    if (subresource != NULL) {
        text_add(&path, "/%s", subresource);
    }
    return path.data;
}

static const char *status_word(unsigned status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Invalid";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Timeout";
    default: return "";
    }
}

static enum wb_err error_of_status(unsigned status, const char *reason)
{
    switch (status) {
    case 400:
    case 405:
    case 415:
    case 422: return WB_ERR_VALIDATION;
    case 401:
    case 403: return WB_ERR_AUTH;
    case 404: return WB_ERR_NOT_FOUND;
    case 409: return strcmp(reason, "AlreadyExists") == 0 ? WB_ERR_EXISTS : WB_ERR_STATE;
    case 410: return WB_ERR_END;
    case 413:
    case 429: return WB_ERR_LIMIT;
    case 504: return WB_ERR_TIMEOUT;
    default: return WB_ERR_IO;
    }
}

enum wb_err explain(const struct wb_kube *kube, const char *path,
                    const struct wb_http_result *result, const json_t *object, char *err_text,
                    size_t err_text_cap)
{
    int path_len = (int)strcspn(path, "?");
    if (result->err != WB_OK) {
        snprintf(err_text, err_text_cap, "%s%.*s: %s", kube->server, path_len, path,
                 result->why[0] != '\0' ? result->why : wb_err_str(result->err));
        return result->err;
    }
    if (result->status >= 200 && result->status < 300) {
        err_text[0] = '\0';
        return WB_OK;
    }
    const char *hint =
        result->status == 401 ? " (is the token in the kubeconfig this server's?)" : "";
    const char *message = wb_api_text_at(object, NULL, "message", NULL);
    snprintf(err_text, err_text_cap, "%s%.*s: %u %s: %.300s%s", kube->server, path_len, path,
             result->status, status_word(result->status),
             message != NULL ? message : (const char *)result->body, hint);
    return error_of_status(result->status, wb_api_text_at(object, "", "reason", NULL));
}

/* ---- back-off -------------------------------------------------------------------------------- */

uint64_t random_next(uint64_t *state)
{
    /* splitmix64: any state is a good one */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

wb_ms wb_kube_backoff_next(struct wb_kube_backoff *backoff)
{
    wb_ms pause = backoff->min_ms > 0 ? backoff->min_ms : 1;
    for (unsigned i = 0; i < backoff->failures && pause < backoff->max_ms; i++) {
        pause *= 2;
    }
    if (pause > backoff->max_ms) {
        pause = backoff->max_ms;
    }
    if (backoff->failures < 64) {
        backoff->failures++;
    }
    return pause + random_next(&backoff->random) % (pause / 2 + 1);
}

void wb_kube_backoff_reset(struct wb_kube_backoff *backoff)
{
    backoff->failures = 0;
}
