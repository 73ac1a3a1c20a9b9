/* SPDX-License-Identifier: AGPL-3.0-only */
/* http_server.h: what http_server.c and http_stream.c share. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <microhttpd.h>

#include "wb_http.h"

struct wb_http_server {
    struct wb_net_loop *loop;
    struct wb_http_server_cfg cfg;
    struct MHD_Daemon *daemon;
    struct wb_net_watch *watch;       /* the daemon's epoll descriptor */
    struct wb_net_timer *timer;       /* its next timeout, or 0 to run it in the next turn */
    struct wb_http_request *requests; /* all that the daemon knows */
    struct wb_http_stream *dead;      /* opened after their reader had gone: closed is due */
    uint16_t port;
    unsigned active;  /* requests that are not suspended */
    unsigned stalled; /* runs in a row that the daemon asked for at once, without any request */
    bool running, run_again, stopping;
};

/* One request. It belongs to the daemon until its `completed` callback and to the user until the
 * answer; the later of both frees it. */
struct wb_http_request {
    struct wb_http_server *server;
    struct MHD_Connection *connection;
    struct wb_http_request *next, *prev;
    char *path; /* decoded; its allocation holds the raw query, too */
    const char *query_text;
    struct wb_http_query query;
    char method[16];
    char peer[64];
    uint8_t *body;
    size_t body_len, body_cap;
    struct MHD_Response *response; /* the answer, not queued yet */
    unsigned status;
    struct wb_net_watch *hangup; /* while suspended: the daemon does not look at the socket then */
    void (*gone)(void *ctx);
    void *gone_ctx;
    struct wb_http_stream *stream; /* of the answer; NULL when it is closed or plain */
    bool seen, query_ready, body_refused, asked, answered, completed, suspended, broken;
};

/* Runs the daemon in the next turn of the loop, or once more if it runs now. */
void http_server_wake(struct wb_http_server *server);

/* Suspend and resume a request's connection; while it is suspended, a hang-up is watched for. */
void http_request_suspend(struct wb_http_request *request);
void http_request_resume(struct wb_http_request *request);

/* Cuts the connection. */
void http_request_break(struct wb_http_request *request);

/* Hands the answer to the daemon. Takes response. */
void http_request_answer(struct wb_http_request *request, unsigned status,
                         struct MHD_Response *response);

/* Tells the users of dead streams. */
void http_streams_bury(struct wb_http_server *server);

/* Adds content type and headers. */
void http_response_decorate(struct MHD_Response *to, const struct wb_http_response *from);

#endif
