/* SPDX-License-Identifier: AGPL-3.0-only */
/* http.h: the gateway's two HTTP faces.
 *   plain   /health /healthz /readyz /metrics
 *   HTTPS   the same, and with a bearer token the API (docs/API.md): /api/v1/devices…, /logs,
 * /topics
 */
#ifndef WB_GATEWAY_HTTP_H
#define WB_GATEWAY_HTTP_H

#include "gateway.h"
#include "tokens.h"
#include "wb_http.h"

struct http;

struct http_cfg {
    struct wb_net_loop *loop;
    struct gateway *gateway;
    const struct tokens *tokens;
    bool (*is_ready)(void *ctx);
    void (*changed)(void *ctx); /* the gateway has new actions */
    void *ctx;
};

/* NULL: no memory. */
struct http *http_new(const struct http_cfg *cfg);
/* Ends the log streams; free the servers first. */
void http_free(struct http *h);

/* Callbacks of the two servers; ctx is the struct http. */
void http_request_plain(void *ctx, struct wb_http_request *request);
void http_request_api(void *ctx, struct wb_http_request *request);

/* A new line of a device's log, for those who follow it. */
void http_line(struct http *h, const struct gateway_device *device,
               const struct gateway_line *line);

/* The HTTP API as an OpenAPI 3.1 document (new reference), and the rows that it is made from. */
json_t *http_openapi(void);
bool http_route_at(size_t index, const char **method, const char **path, const char **template);

#endif
