/* SPDX-License-Identifier: AGPL-3.0-only */
/* http_server.c: the HTTP server: libmicrohttpd driven by the loop through its epoll descriptor.
 *
 * The daemon runs when its descriptor is readable, when its timeout has passed, and after each
 * resume. It calls on_access() with the head (once), with body parts, and with an empty part at the
 * end: then the user is asked. If he does not answer at once, the connection is suspended; the
 * answer resumes it, on_access() is called again and queues what was answered.
 *
 * A suspended connection is invisible to the daemon, so the loop watches its socket for a hang-up
 * meanwhile. */
#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX_DEFAULT    (4u * 1024u * 1024u)
#define STREAM_MAX_DEFAULT  (4u * 1024u * 1024u)
#define CONNECTIONS_DEFAULT 4096u
#define IDLE_DEFAULT_S      120u
#define REFUSED_READ_FACTOR                                                                        \
    4u /* how far a body over the limit is still read, to answer politely                          \
        */
#define STALLED_FREE      4u
#define STALLED_MAX_MS    100u
#define CONNECTION_MEMORY (32u * 1024u) /* head of a request and a part of its answer */

/* ---- running the daemon ------------------------------------------------------------------- */

static wb_ms patience(struct wb_http_server *server, wb_ms wanted);

static void server_run(struct wb_http_server *server)
{
    if (server->running) {
        server->run_again = true;
        return;
    }
    server->running = true;
    server->run_again = false;
    MHD_run(server->daemon);
    server->running = false;
    http_streams_bury(server);
    MHD_UNSIGNED_LONG_LONG timeout;
    if (server->run_again) {
        wb_net_timer_start(server->timer, 0, 0);
    } else if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES) {
        wb_net_timer_start(server->timer, patience(server, timeout), 0);
    } else {
        wb_net_timer_stop(server->timer);
    }
}

/* While a TLS handshake waits for its client, libmicrohttpd (0.9.75) asks to be run again at once,
 * and would so keep a processor busy for as long as the client likes. When no request is being
 * dealt with, such wishes are granted a few times, then ever later; what the client sends wakes the
 * daemon through its descriptor anyhow. */
static wb_ms patience(struct wb_http_server *server, wb_ms wanted)
{
    if (wanted > 0 || server->active > 0) {
        server->stalled = 0;
        return wanted;
    }
    server->stalled++;
    if (server->stalled <= STALLED_FREE) {
        return 0;
    }
    unsigned doublings = server->stalled - STALLED_FREE;
    return doublings > 7 ? STALLED_MAX_MS : (wb_ms)1 << (doublings - 1);
}

static void on_daemon_ready(void *ctx, unsigned events)
{
    struct wb_http_server *server = ctx;
    (void)events;
    server->stalled = 0;
    server_run(server);
}

static void on_daemon_timeout(void *ctx)
{
    server_run(ctx);
}

void http_server_wake(struct wb_http_server *server)
{
    if (server->running) {
        server->run_again = true;
    } else if (!server->stopping) {
        wb_net_timer_start(server->timer, 0, 0);
    }
}

/* ---- suspending --------------------------------------------------------------------------- */

static int connection_fd(struct wb_http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static void hangup_forget(struct wb_http_request *r)
{
    wb_net_watch_free(r->hangup);
    r->hangup = NULL;
}

static void on_hangup(void *ctx, unsigned events)
{
    struct wb_http_request *r = ctx;
    (void)events;
    r->broken = true;
    http_request_resume(r);
}

void http_request_suspend(struct wb_http_request *r)
{
    if (r->suspended) {
        return;
    }
    r->suspended = true;
    r->server->active--;
    MHD_suspend_connection(r->connection);
    int fd = connection_fd(r);
    r->hangup = fd >= 0 ? wb_net_watch_new(r->server->loop, fd, on_hangup, r) : NULL;
    if (r->hangup) {
        wb_net_watch_set(r->hangup, WB_NET_HANGUP);
    }
}

void http_request_resume(struct wb_http_request *r)
{
    if (!r->suspended) {
        return;
    }
    hangup_forget(r);
    r->suspended = false;
    r->server->active++;
    MHD_resume_connection(r->connection);
    http_server_wake(r->server);
}

void http_request_break(struct wb_http_request *r)
{
    if (r->completed || r->broken) {
        return;
    }
    r->broken = true;
    int fd = connection_fd(r);
    if (fd >= 0) {
        shutdown(fd, SHUT_RDWR); /* wakes the daemon, also where it waits for a slow reader */
    }
    http_request_resume(r);
}

/* ---- requests ----------------------------------------------------------------------------- */

static void request_free(struct wb_http_request *r)
{
    free(r->path);
    free(r->body);
    wb_http_query_deinit(&r->query);
    free(r);
}

/* First sight of a request: its raw target, before anything else is read. */
static void *on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct wb_http_server *server = cls;
    struct wb_http_request *r = calloc(1, sizeof(*r));
    if (!r) {
        return NULL;
    }
    r->server = server;
    r->connection = connection;
    r->path = strdup(uri);
    if (!r->path) {
        free(r);
        return NULL;
    }
    char *question = strchr(r->path, '?');
    r->query_text = "";
    if (question) {
        *question = '\0';
        r->query_text = question + 1;
    }
    wb_http_percent_decode(r->path, false);
    r->next = server->requests;
    if (r->next) {
        r->next->prev = r;
    }
    server->requests = r;
    server->active++;
    return r;
}

static void name_peer(struct wb_http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char ip[INET6_ADDRSTRLEN] = "";
    if (info && info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)info->client_addr;
        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
        snprintf(r->peer, sizeof(r->peer), "%s:%u", ip, ntohs(in->sin_port));
    } else if (info && info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 =
            (const struct sockaddr_in6 *)(const void *)info->client_addr;
        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        snprintf(r->peer, sizeof(r->peer), "[%s]:%u", ip, ntohs(in6->sin6_port));
    }
}

static enum MHD_Result queue_text(struct MHD_Connection *connection, unsigned status,
                                  const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "text/plain");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static bool body_append(struct wb_http_request *r, const char *data, size_t len)
{
    if (len > r->body_cap - r->body_len) {
        size_t cap = r->body_cap ? r->body_cap : 4096;
        while (cap - r->body_len < len) {
            cap *= 2;
        }
        uint8_t *grown = realloc(r->body, cap);
        if (!grown) {
            return false;
        }
        r->body = grown;
        r->body_cap = cap;
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
    return true;
}

/* A part of the body. One that is over the limit is read and forgotten for a while, so that its
 * sender gets to read the 413; a sender that goes on is cut off. */
static enum MHD_Result take_part(struct wb_http_request *r, const char *data, size_t *len)
{
    size_t max = r->server->cfg.body_max;
    if (!r->body_refused && (*len > max || r->body_len > max - *len)) {
        r->body_refused = true;
        free(r->body);
        r->body = NULL;
        r->body_cap = 0;
    }
    if (r->body_refused) {
        r->body_len += *len;
        if (r->body_len / REFUSED_READ_FACTOR > max) {
            return MHD_NO;
        }
    } else if (!body_append(r, data, *len)) {
        return MHD_NO;
    }
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result queue_answer(struct wb_http_request *r)
{
    if (r->broken || r->server->stopping) {
        return MHD_NO;
    }
    struct MHD_Response *response = r->response;
    r->response = NULL;
    enum MHD_Result result = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *part,
                                 size_t *part_len, void **con_cls)
{
    struct wb_http_server *server = cls;
    struct wb_http_request *r = *con_cls;
    (void)url;
    (void)version;
    if (!r || server->stopping) {
        return MHD_NO;
    }
    if (!r->seen) {
        r->seen = true;
        snprintf(r->method, sizeof(r->method), "%s", method);
        name_peer(r);
        const char *length =
            MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
        if (length && strtoull(length, NULL, 10) / REFUSED_READ_FACTOR > server->cfg.body_max) {
            return queue_text(connection, 413, "request body is too large\n");
        }
        return MHD_YES;
    }
    if (*part_len > 0) {
        return take_part(r, part, part_len);
    }
    if (r->body_refused) {
        return queue_text(connection, 413, "request body is too large\n");
    }
    if (!r->asked) {
        r->asked = true;
        if (wb_http_query_init(&r->query, r->query_text) != WB_OK) {
            return MHD_NO;
        }
        server->cfg.request(server->cfg.ctx, r);
    }
    if (r->response) {
        return queue_answer(r);
    }
    if (r->broken) {
        return MHD_NO;
    }
    http_request_suspend(r);
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct wb_http_server *server = cls;
    struct wb_http_request *r = *con_cls;
    (void)connection;
    (void)code;
    if (!r) {
        return;
    }
    *con_cls = NULL;
    server->active -= !r->suspended;
    r->completed = true;
    r->connection = NULL;
    hangup_forget(r);
    if (r->prev) {
        r->prev->next = r->next;
    } else {
        server->requests = r->next;
    }
    if (r->next) {
        r->next->prev = r->prev;
    }
    if (r->response) { /* answered, but the client was gone */
        struct MHD_Response *response = r->response;
        r->response = NULL;
        MHD_destroy_response(response);
    }
    if (r->answered || !r->asked) {
        request_free(r);
    } else if (r->gone) {
        r->gone(r->gone_ctx); /* may answer, which frees the request */
    }
}

/* ---- what the user asks of a request ------------------------------------------------------ */

const char *wb_http_request_method(const struct wb_http_request *r)
{
    return r->method;
}

const char *wb_http_request_path(const struct wb_http_request *r)
{
    return r->path;
}

const char *wb_http_request_query_text(const struct wb_http_request *r)
{
    return r->query_text;
}

const struct wb_http_query *wb_http_request_query(const struct wb_http_request *r)
{
    return &r->query;
}

const char *wb_http_request_header(const struct wb_http_request *r, const char *name)
{
    return r->completed ? NULL : MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const uint8_t *wb_http_request_body(const struct wb_http_request *r, size_t *len)
{
    *len = r->body_len;
    return r->body ? r->body : (const uint8_t *)"";
}

const char *wb_http_request_peer(const struct wb_http_request *r)
{
    return r->peer;
}

static bool dn_part(gnutls_x509_crt_t cert, const char *oid, unsigned index,
                    char to[WB_HTTP_IDENTITY_TEXT_MAX])
{
    size_t len = WB_HTTP_IDENTITY_TEXT_MAX;
    return gnutls_x509_crt_get_dn_by_oid(cert, oid, index, 0, to, &len) == 0 && to[0] &&
           strlen(to) == len;
}

static enum wb_err read_identity(const gnutls_datum_t *der, struct wb_http_identity *to)
{
    struct wb_http_identity identity = {0};
    gnutls_x509_crt_t cert;
    if (gnutls_x509_crt_init(&cert) != 0) {
        return WB_ERR_MEMORY;
    }
    enum wb_err err = WB_ERR_CERTIFICATE_UNTRUSTED;
    if (gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER) == 0 &&
        dn_part(cert, GNUTLS_OID_X520_COMMON_NAME, 0, identity.name)) {
        while (identity.group_count < WB_HTTP_IDENTITY_GROUPS_MAX &&
               dn_part(cert, GNUTLS_OID_X520_ORGANIZATION_NAME, (unsigned)identity.group_count,
                       identity.groups[identity.group_count])) {
            identity.group_count++;
        }
        *to = identity;
        err = WB_OK;
    }
    gnutls_x509_crt_deinit(cert);
    return err;
}

enum wb_err wb_http_request_identity(const struct wb_http_request *r,
                                     struct wb_http_identity *identity)
{
    const union MHD_ConnectionInfo *info =
        r->completed ? NULL
                     : MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info ? info->tls_session : NULL;
    unsigned count = 0, problems = 0;
    const gnutls_datum_t *chain = session ? gnutls_certificate_get_peers(session, &count) : NULL;
    if (!chain || count == 0) {
        return WB_ERR_NOT_FOUND;
    }
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &problems) != 0 || problems != 0) {
        return WB_ERR_CERTIFICATE_UNTRUSTED;
    }
    return read_identity(&chain[0], identity);
}

void wb_http_request_on_gone(struct wb_http_request *r, void (*gone)(void *ctx), void *ctx)
{
    r->gone = gone;
    r->gone_ctx = ctx;
}

/* ---- answers ------------------------------------------------------------------------------ */

void http_response_decorate(struct MHD_Response *to, const struct wb_http_response *from)
{
    if (from->content_type) {
        MHD_add_response_header(to, "Content-Type", from->content_type);
    }
    for (size_t i = 0; i < from->header_count; i++) {
        MHD_add_response_header(to, from->headers[i].name, from->headers[i].value);
    }
}

void http_request_answer(struct wb_http_request *r, unsigned status, struct MHD_Response *response)
{
    WB_ASSERT(r->asked);
    WB_ASSERT(!r->answered);
    r->answered = true;
    r->gone = NULL;
    if (r->completed) {
        if (response) {
            MHD_destroy_response(response);
        }
        request_free(r);
        return;
    }
    /* A long stream shall not hold its request's body. */
    free(r->body);
    r->body = NULL;
    r->response = response;
    r->status = status;
    http_request_resume(r);
}

void wb_http_respond(struct wb_http_request *r, const struct wb_http_response *from)
{
    struct MHD_Response *response;
    if (from->body_free && from->body_len > 0) {
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            from->body_len, (void *)(uintptr_t)from->body, from->body_free,
            (void *)(uintptr_t)from->body);
    } else {
        response = MHD_create_response_from_buffer(
            from->body_len, (void *)(uintptr_t)(from->body_len ? from->body : ""),
            from->body_len ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
        if (from->body_free) {
            from->body_free((void *)(uintptr_t)from->body);
        }
    }
    WB_ASSERT(response);
    http_response_decorate(response, from);
    http_request_answer(r, from->status, response);
}

void wb_http_respond_text(struct wb_http_request *r, unsigned status, const char *text)
{
    struct wb_http_response response = {
        .status = status, .content_type = "text/plain", .body = text, .body_len = strlen(text)};
    wb_http_respond(r, &response);
}

/* ---- the server --------------------------------------------------------------------------- */

static void no_log(void *cls, const char *format, va_list args)
{
    (void)cls;
    (void)format;
    (void)args;
}

static int listen_socket(const char *host, uint16_t port, uint16_t *bound, char *err_text,
                         size_t err_text_cap)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr *addr = (struct sockaddr *)&in;
    socklen_t addr_len = sizeof(in);
    if (inet_pton(AF_INET, host, &in.sin_addr) != 1) {
        if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1) {
            snprintf(err_text, err_text_cap,
                     "cannot listen on %s: not a numeric IPv4 or IPv6 address", host);
            return -1;
        }
        addr = (struct sockaddr *)&in6;
        addr_len = sizeof(in6);
    }
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, keepalive_s = 60; /* accepted sockets inherit it: a vanished watcher is noticed */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof(keepalive_s)) != 0 ||
        bind(fd, addr, addr_len) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, addr, &addr_len) != 0) {
        snprintf(err_text, err_text_cap, "cannot listen on %s:%u: %s", host, port, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    *bound = ntohs(addr->sa_family == AF_INET ? in.sin_port : in6.sin6_port);
    return fd;
}

static struct MHD_Daemon *daemon_start(struct wb_http_server *server, int fd)
{
    const struct wb_http_server_cfg *cfg = &server->cfg;
    bool tls = cfg->cert_pem != NULL;
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cfg->cert_pem},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)cfg->key_pem},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {cfg->client_ca_pem ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
         (void *)(uintptr_t)cfg->client_ca_pem},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0,
        NULL, NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_CONNECTION_LIMIT,
        cfg->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, cfg->idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_ARRAY,
        tls ? tls_options : &tls_options[WB_ARRAY_LEN(tls_options) - 1], MHD_OPTION_END);
}

static void cfg_defaults(struct wb_http_server_cfg *cfg)
{
    cfg->host = cfg->host ? cfg->host : "127.0.0.1";
    cfg->body_max = cfg->body_max ? cfg->body_max : BODY_MAX_DEFAULT;
    cfg->stream_queue_max = cfg->stream_queue_max ? cfg->stream_queue_max : STREAM_MAX_DEFAULT;
    cfg->connections_max = cfg->connections_max ? cfg->connections_max : CONNECTIONS_DEFAULT;
    cfg->idle_s = cfg->idle_s ? cfg->idle_s : IDLE_DEFAULT_S;
}

struct wb_http_server *wb_http_server_new(struct wb_net_loop *loop,
                                          const struct wb_http_server_cfg *cfg, char *err_text,
                                          size_t err_text_cap)
{
    struct wb_http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        snprintf(err_text, err_text_cap, "out of memory");
        return NULL;
    }
    server->loop = loop;
    server->cfg = *cfg;
    cfg_defaults(&server->cfg);
    int fd = listen_socket(server->cfg.host, cfg->port, &server->port, err_text, err_text_cap);
    if (fd < 0) {
        free(server);
        return NULL;
    }
    server->daemon = daemon_start(server, fd);
    /* Borrowed until here only. */
    server->cfg.host = server->cfg.cert_pem = server->cfg.key_pem = NULL;
    server->cfg.client_ca_pem = NULL;
    if (!server->daemon) {
        snprintf(err_text, err_text_cap, "cannot serve on port %u: %s", server->port,
                 cfg->cert_pem ? "certificate or key is not usable" : "server did not start");
        close(fd);
        free(server);
        return NULL;
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->timer = wb_net_timer_new(loop, on_daemon_timeout, server);
    server->watch = wb_net_watch_new(loop, info->epoll_fd, on_daemon_ready, server);
    WB_ASSERT(server->timer && server->watch);
    wb_net_watch_set(server->watch, WB_NET_READABLE);
    return server;
}

uint16_t wb_http_server_port(const struct wb_http_server *server)
{
    return server->port;
}

void wb_http_server_free(struct wb_http_server *server)
{
    if (!server) {
        return;
    }
    WB_ASSERT(!server->running); /* the daemon cannot be stopped from inside itself */
    server->stopping = true;
    for (struct wb_http_request *r = server->requests; r; r = r->next) {
        r->broken = true;
        http_request_resume(r);
    }
    wb_net_watch_free(server->watch);
    wb_net_timer_free(server->timer);
    MHD_run(server->daemon); /* takes the resumed connections back, or stopping would be refused */
    MHD_stop_daemon(server->daemon);
    http_streams_bury(server);
    free(server);
}
