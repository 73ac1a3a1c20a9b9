/* SPDX-License-Identifier: AGPL-3.0-only */
/* view.h: what people see: tables of devices and applications, log lines. */
#ifndef WB_CLI_VIEW_H
#define WB_CLI_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "wb_http.h"
#include "wb_kube.h"

/* Tables from lists of Kubernetes objects. live: the gateway's view of the same devices ({items}),
 * or NULL. */
void view_gateways(FILE *out, const json_t *gateways);
void view_devices(FILE *out, const json_t *devices, const json_t *live);
void view_applications(FILE *out, const json_t *applications);

/* One event of the gateway's log stream: {time, device, application, level, text}. */
void view_log_line(FILE *out, const json_t *line);

/* Follows the gateway's log. device and application NULL: all. line gets each object, borrowed;
 * done tells why it ended (text is "" when the stream simply ended). */
struct log_stream_cfg {
    struct wb_http_client *http; /* base_url: the gateway's HTTPS API */
    const char *device;
    const char *application;
    long lines; /* of the past */
    bool is_following;
    void (*line)(void *ctx, const json_t *line);
    void (*done)(void *ctx, unsigned status, const char *text);
    void *ctx;
};
struct log_stream;
/* NULL: no memory. Freed by itself after done. */
struct log_stream *log_stream_open(const struct log_stream_cfg *cfg);
void log_stream_close(struct log_stream *stream);

/* A client for the gateway's API with the kubeconfig's authority and token. url NULL: the address
 * that the state folder remembers. Prints what is wrong and returns NULL. */
struct wb_http_client *view_gateway_client(struct wb_net_loop *loop, const char *kubeconfig,
                                           const char *state, const char *url);

#endif
