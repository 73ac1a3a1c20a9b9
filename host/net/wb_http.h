/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_http.h: HTTP and HTTPS server, HTTP and HTTPS client, on a wb_net loop.
 * Shape    server: one callback a request, answered now or later, whole or as a stream; client: one
 * callback a call, and one a line for streamed answers Memory   bodies are collected up to a limit;
 * a stream queues up to a limit, then its reader is dropped Errors   a text for people comes with
 * each failure to listen or to call Source   RFC 9110, RFC 9112; libmicrohttpd (TLS: GnuTLS) and
 * libcurl lie behind it
 */
#ifndef WB_HTTP_H
#define WB_HTTP_H

#include "wb_net.h"

struct wb_http_header {
    const char *name;
    const char *value;
};

/* ---- query strings ------------------------------------------------------------------------ */

#define WB_HTTP_QUERY_MAX 64 /* parameters; further ones are ignored */

/* A decoded query string: "a=b%20c&d" becomes {a: "b c"}, {d: ""}. A bad percent escape stays as it
 * is; a zero byte ends its value. */
struct wb_http_query {
    size_t count;
    struct wb_http_header pairs[WB_HTTP_QUERY_MAX];
    char *storage;
};
/* Outcomes: WB_ERR_MEMORY. */
WB_MUST_USE enum wb_err wb_http_query_init(struct wb_http_query *query, const char *text);
void wb_http_query_deinit(struct wb_http_query *query);
/* Value of the first parameter of that name; "" for "name" without "=", NULL when absent. */
const char *wb_http_query_find(const struct wb_http_query *query, const char *name);

/* Decodes percent escapes in place; '+' becomes a space if plus. Returns the new length. */
size_t wb_http_percent_decode(char *text, bool plus);

/* ---- server ------------------------------------------------------------------------------- */

struct wb_http_server;
struct wb_http_request;
struct wb_http_stream;

struct wb_http_server_cfg {
    const char *host;     /* numeric address; NULL: 127.0.0.1 */
    uint16_t port;        /* 0: any, see wb_http_server_port() */
    const char *cert_pem; /* certificate chain and key as PEM text; both NULL: plain HTTP */
    const char *key_pem;
    const char *client_ca_pem; /* https: clients are asked for a certificate (it may stay away) that
                                  these anchors vouch for; NULL: they are not asked */
    size_t body_max;           /* larger request bodies get 413; 0: 4 MiB */
    size_t stream_queue_max;   /* a stream's reader that is further behind is dropped; 0: 4 MiB */
    unsigned connections_max;  /* further connections wait; 0: 4,096 */
    unsigned idle_s;           /* a silent connection without a running stream is closed; 0: 120 */
    /* Called when a request has come completely. Must answer it exactly once, now or later, with
     * wb_http_respond() or wb_http_stream_open(). */
    void (*request)(void *ctx, struct wb_http_request *request);
    void *ctx;
};

/* Starts to serve; copies cfg. On failure returns NULL and writes why into err_text. */
struct wb_http_server *wb_http_server_new(struct wb_net_loop *loop,
                                          const struct wb_http_server_cfg *cfg, char *err_text,
                                          size_t err_text_cap);
uint16_t wb_http_server_port(const struct wb_http_server *server);

/* Closes all connections; unanswered requests and open streams get their gone/closed callback
 * first. */
void wb_http_server_free(struct wb_http_server *server);

/* What was asked. All pointers live until the request is answered. */
const char *wb_http_request_method(const struct wb_http_request *request);     /* "GET" */
const char *wb_http_request_path(const struct wb_http_request *request);       /* percent-decoded */
const char *wb_http_request_query_text(const struct wb_http_request *request); /* "a=b%20c", "" */
const struct wb_http_query *wb_http_request_query(const struct wb_http_request *request);
const char *wb_http_request_header(const struct wb_http_request *request, const char *name);
const uint8_t *wb_http_request_body(const struct wb_http_request *request, size_t *len);
const char *wb_http_request_peer(const struct wb_http_request *request); /* "127.0.0.1:51234" */

/* Whom a client's certificate names: the subject's CN, and its O as groups. */
#define WB_HTTP_IDENTITY_GROUPS_MAX 7u
#define WB_HTTP_IDENTITY_TEXT_MAX   128u
struct wb_http_identity {
    char name[WB_HTTP_IDENTITY_TEXT_MAX];
    char groups[WB_HTTP_IDENTITY_GROUPS_MAX][WB_HTTP_IDENTITY_TEXT_MAX];
    size_t group_count;
};
/* Outcomes: WB_ERR_NOT_FOUND: the client showed no certificate; WB_ERR_CERTIFICATE_UNTRUSTED: one
 * that is expired, for another purpose, without a name, or not from client_ca_pem. */
WB_MUST_USE enum wb_err wb_http_request_identity(const struct wb_http_request *request,
                                                 struct wb_http_identity *identity);

/* For requests that are answered later: called when the client goes away before. The request must
 * still be answered (the answer is dropped), in this callback or later. */
void wb_http_request_on_gone(struct wb_http_request *request, void (*gone)(void *ctx), void *ctx);

struct wb_http_response {
    unsigned status;                      /* 200 … 599 */
    const char *content_type;             /* NULL: none */
    const struct wb_http_header *headers; /* further ones, copied */
    size_t header_count;
    const void *body; /* may be NULL */
    size_t body_len;
    void (*body_free)(
        void *body); /* NULL: body is copied; else body is taken, and freed with this */
};

/* Answers with a whole body. The request is gone afterwards. */
void wb_http_respond(struct wb_http_request *request, const struct wb_http_response *response);

/* Answers with a text body. */
void wb_http_respond_text(struct wb_http_request *request, unsigned status, const char *text);

/* Bytes shared by several streams, counted by references. */
struct wb_http_buf {
    size_t references;
    size_t len;
    uint8_t data[];
};
struct wb_http_buf *wb_http_buf_new(const void *data,
                                    size_t len); /* one reference; NULL: no memory */
struct wb_http_buf *wb_http_buf_ref(struct wb_http_buf *buf);
void wb_http_buf_unref(struct wb_http_buf *buf); /* NULL is fine */

/* Answers with a body that grows (chunked): status, content_type and headers of response are used.
 * The request is gone afterwards. closed is called when the reader went away or was dropped, and
 * then the stream is gone; not before this call returns. Never NULL. */
struct wb_http_stream *wb_http_stream_open(struct wb_http_request *request,
                                           const struct wb_http_response *response,
                                           void (*closed)(void *ctx), void *ctx);
/* Queue bytes: copied, or by reference. Outcomes: WB_ERR_FULL: the reader is too slow and is
 * dropped; closed follows. */
WB_MUST_USE enum wb_err wb_http_stream_write(struct wb_http_stream *stream, const void *bytes,
                                             size_t len);
WB_MUST_USE enum wb_err wb_http_stream_write_buf(struct wb_http_stream *stream,
                                                 struct wb_http_buf *buf);
size_t wb_http_stream_queued(const struct wb_http_stream *stream);
/* Called each time the queue, which was not empty, has become empty; may write more. NULL: no more
 * calls. */
void wb_http_stream_on_drained(struct wb_http_stream *stream, void (*drained)(void *ctx));
/* Ends the body after what is queued; closed is not called, the stream is no longer the caller's.
 */
void wb_http_stream_close(struct wb_http_stream *stream);

/* ---- client ------------------------------------------------------------------------------- */

struct wb_http_client;
struct wb_http_call;

struct wb_http_client_cfg {
    const char *base_url;        /* put before each call's url that starts with '/'; NULL: none */
    const char *ca_pem;          /* trust anchors as PEM text; NULL: the system's */
    const char *ca_file;         /* or a file of them */
    const char *client_cert_pem; /* both or none */
    const char *client_key_pem;
    const char *bearer_token; /* sent over https only; NULL: none */
    const char *user_agent;   /* NULL: "wasmbed" */
    bool insecure;            /* do not verify the server's certificate */
    unsigned connections_max; /* to one server; 0: 8 (streamed calls included) */
    wb_ms connect_timeout_ms; /* 0: 10,000 */
};

/* Copies cfg. NULL when memory is exhausted. */
struct wb_http_client *wb_http_client_new(struct wb_net_loop *loop,
                                          const struct wb_http_client_cfg *cfg);
/* Replaces the bearer token for later calls (NULL: none). */
void wb_http_client_token(struct wb_http_client *client, const char *bearer_token);
/* Cancels all calls without their callbacks. */
void wb_http_client_free(struct wb_http_client *client);

struct wb_http_result {
    enum wb_err err; /* WB_OK: an answer came, whatever its status; else WB_ERR_IO, _TIMEOUT,
                        _CERTIFICATE_UNTRUSTED, _LIMIT */
    unsigned status; /* 0: no answer */
    const char *content_type; /* "" when absent */
    const uint8_t *body;      /* terminated by a 0 that does not count; never NULL */
    size_t body_len;
    const char *why; /* text for people when err is not WB_OK, else "" */
};

struct wb_http_call_cfg {
    const char *method;                   /* NULL: GET, or POST when there is a body */
    const char *url;                      /* absolute, or starting with '/' */
    const struct wb_http_header *headers; /* copied */
    size_t header_count;
    const char *content_type; /* of body; NULL: application/json */
    const void *body;         /* copied */
    size_t body_len;
    wb_ms timeout_ms; /* whole call; 0: 30,000 for plain calls, none for streamed ones */
    wb_ms silence_ms; /* streamed: fails after so long without a byte; rounded up to seconds; 0:
                         never */
    size_t body_max; /* larger answers (streamed: larger lines) fail with WB_ERR_LIMIT; 0: 64 MiB */
    /* Streamed answers: each line of a 2xx answer without its newline, terminated by a 0. NULL: the
     * body is collected. Other answers are always collected for done. */
    void (*line)(void *ctx, const char *line, size_t len);
    /* Exactly once, unless cancelled; the call is gone when it returns. Never inside
     * wb_http_client_call(). */
    void (*done)(void *ctx, const struct wb_http_result *result);
    void *ctx;
};

/* Starts a call. NULL when memory is exhausted. */
struct wb_http_call *wb_http_client_call(struct wb_http_client *client,
                                         const struct wb_http_call_cfg *cfg);
/* Value of an answer's header, NULL when absent; inside line and done only. */
const char *wb_http_call_header(const struct wb_http_call *call, const char *name);
/* Ends it without callback. NULL is fine. */
void wb_http_call_cancel(struct wb_http_call *call);

#endif
