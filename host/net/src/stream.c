/* SPDX-License-Identifier: AGPL-3.0-only */
/* stream.c: TCP and Unix-socket streams and listeners.
 *
 * Output: what the socket does not take at once goes to `out`; one uv_write at a time carries a
 * whole such buffer (`flying`). Input: read into the loop's shared buffer; only what the user does
 * not consume is copied
 * (`keep`). One timer a stream serves connect timeout, flush timeout and "call me from the loop"
 * (defer); these never overlap.
 *
 * A stream is freed when the last of its uv handles and requests has called back (`references`). */
#include "net_loop.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 10000u
#define FLUSH_TIMEOUT_MS   5000u

struct bytes {
    uint8_t *data;
    size_t len;
    size_t cap;
};

struct wb_net_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    uv_timer_t timer;
    uv_connect_t connect_req;
    uv_getaddrinfo_t resolve_req;
    uv_write_t write_req;
    struct wb_net_loop *loop;
    struct wb_net_stream_handler handler;
    void *ctx;
    struct wb_net_stream *ended_next;
    struct bytes out, flying, keep;
    size_t queue_max;
    unsigned references;
    enum wb_err failed; /* reported by the deferred call */
    char failed_why[160];
    bool connecting, reading, paused, ended, closing, in_timer, resume_due;
    uint16_t port; /* of a name being resolved */
    char peer[64];
};

static void deliver(struct wb_net_stream *s);
static void flush_out(struct wb_net_stream *s);
static void on_timer(uv_timer_t *timer);

/* ---- buffers ------------------------------------------------------------------------------ */

static bool bytes_append(struct bytes *b, const uint8_t *data, size_t len)
{
    if (len > b->cap - b->len) {
        size_t cap = b->cap ? b->cap : 1024;
        while (cap - b->len < len) {
            cap *= 2;
        }
        uint8_t *grown = realloc(b->data, cap);
        if (!grown) {
            return false;
        }
        b->data = grown;
        b->cap = cap;
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return true;
}

static void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

/* ---- life --------------------------------------------------------------------------------- */

static void unref(struct wb_net_stream *s)
{
    if (--s->references == 0) {
        bytes_free(&s->out);
        bytes_free(&s->flying);
        bytes_free(&s->keep);
        free(s);
    }
}

static void on_closed(uv_handle_t *handle)
{
    unref(handle->data);
}

static struct wb_net_stream *stream_new(struct wb_net_loop *loop, bool is_pipe)
{
    struct wb_net_stream *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->loop = loop;
    s->queue_max = WB_NET_WRITE_QUEUE_MAX;
    s->references = 2; /* the socket's and the timer's handle */
    if (is_pipe) {
        uv_pipe_init(&loop->uv, &s->h.pipe, 0);
    } else {
        uv_tcp_init(&loop->uv, &s->h.tcp);
    }
    uv_timer_init(&loop->uv, &s->timer);
    s->h.handle.data = s;
    s->timer.data = s;
    return s;
}

static void ended_remove(struct wb_net_stream *s)
{
    for (struct wb_net_stream **at = &s->loop->ended; *at; at = &(*at)->ended_next) {
        if (*at == s) {
            *at = s->ended_next;
            return;
        }
    }
}

void wb_net_stream_close(struct wb_net_stream *s)
{
    if (!s || s->closing) {
        return;
    }
    if (s->ended) {
        ended_remove(s);
    }
    s->closing = true;
    uv_close(&s->h.handle, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

void net_stream_close_ended(struct wb_net_loop *loop)
{
    while (loop->ended) {
        wb_net_stream_close(loop->ended);
    }
}

/* The connection is over: tells the user, unless the stream is not his any more. */
static void fail(struct wb_net_stream *s, enum wb_err err, const char *why)
{
    if (s->closing) {
        return;
    }
    bool tell = !s->ended && s->handler.closed;
    wb_net_stream_close(s);
    if (tell) {
        s->handler.closed(s->ctx, err, why);
    }
}

static void fail_uv(struct wb_net_stream *s, int status)
{
    if (status == UV_EOF) {
        fail(s, WB_ERR_CLOSED, "closed by the peer");
    } else {
        fail(s, WB_ERR_IO, uv_strerror(status));
    }
}

/* Calls on_timer() from the loop. From inside it only a millisecond later: uv runs timers until
 * none is due, and one that is due at once again would keep it from its descriptors. */
static void call_later(struct wb_net_stream *s)
{
    uv_update_time(&s->loop->uv);
    uv_timer_start(&s->timer, on_timer, s->in_timer ? 1 : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct wb_net_stream *s = timer->data;
    net_loop_timer_fired(timer->loop);
    if (s->failed != WB_OK) {
        fail(s, s->failed, s->failed_why);
    } else if (s->ended) {
        wb_net_stream_close(s);
    } else if (s->connecting) {
        fail(s, WB_ERR_TIMEOUT, "no answer to the connection attempt");
    } else if (s->resume_due) {
        s->resume_due = false;
        s->in_timer = true;
        deliver(s);
        s->in_timer = false;
    }
}

/* Fails from the loop, so that no callback runs inside a call of the user's. */
static void fail_later(struct wb_net_stream *s, enum wb_err err, const char *why)
{
    if (s->failed == WB_OK) {
        s->failed = err;
        snprintf(s->failed_why, sizeof(s->failed_why), "%s", why);
        call_later(s);
    }
}

/* ---- input -------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct wb_net_stream *s = handle->data;
    (void)suggested;
    size_t room = WB_NET_READ_KEEP_MAX - s->keep.len;
    *buf = uv_buf_init((char *)s->loop->read_buf,
                       (unsigned)(room < NET_READ_BUF ? room : NET_READ_BUF));
}

static void read_stop(struct wb_net_stream *s)
{
    if (s->reading) {
        uv_read_stop(&s->h.stream);
        s->reading = false;
    }
}

/* Gives bytes to the user; false when the stream is closed afterwards. */
static bool give(struct wb_net_stream *s, const uint8_t *bytes, size_t len, size_t *used)
{
    *used = s->handler.data(s->ctx, bytes, len);
    WB_ASSERT(*used <= len);
    return !s->closing && !s->ended;
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct wb_net_stream *s = stream->data;
    if (nread == 0 || s->closing) {
        return;
    }
    if (nread < 0) {
        fail_uv(s, (int)nread);
        return;
    }
    const uint8_t *bytes = (const uint8_t *)buf->base;
    size_t len = (size_t)nread;
    if (s->ended) {
        return; /* nobody reads any more; wait for the end of the flush */
    }
    if (s->keep.len == 0) {
        size_t used;
        if (!give(s, bytes, len, &used)) {
            return;
        }
        if (used < len && !bytes_append(&s->keep, bytes + used, len - used)) {
            fail(s, WB_ERR_IO, "out of memory");
            return;
        }
    } else {
        if (!bytes_append(&s->keep, bytes, len)) {
            fail(s, WB_ERR_IO, "out of memory");
            return;
        }
        deliver(s);
        return;
    }
    if (s->keep.len >= WB_NET_READ_KEEP_MAX) {
        read_stop(s);
    }
}

static void read_start(struct wb_net_stream *s)
{
    if (s->reading || s->paused || s->connecting || s->closing ||
        s->keep.len >= WB_NET_READ_KEEP_MAX) {
        return;
    }
    int status = uv_read_start(&s->h.stream, on_alloc, on_read);
    if (status != 0) {
        fail_later(s, WB_ERR_IO, uv_strerror(status));
        return;
    }
    s->reading = true;
}

/* Offers what is kept, then reads on if there is room and nobody paused. */
static void deliver(struct wb_net_stream *s)
{
    if (s->keep.len > 0 && !s->paused) {
        size_t used;
        if (!give(s, s->keep.data, s->keep.len, &used)) {
            return;
        }
        if (used == s->keep.len) {
            bytes_free(&s->keep); /* idle streams hold no buffer */
        } else if (used > 0) {
            memmove(s->keep.data, s->keep.data + used, s->keep.len - used);
            s->keep.len -= used;
        }
    }
    if (s->keep.len >= WB_NET_READ_KEEP_MAX) {
        read_stop(s);
    } else {
        read_start(s);
    }
}

void wb_net_stream_pause(struct wb_net_stream *s)
{
    s->paused = true;
    read_stop(s);
}

void wb_net_stream_resume(struct wb_net_stream *s)
{
    if (s->closing || s->ended) {
        return;
    }
    s->paused = false;
    s->resume_due = true;
    if (!s->connecting && s->failed == WB_OK) {
        call_later(s);
    }
}

/* ---- output ------------------------------------------------------------------------------- */

static void on_written(uv_write_t *req, int status)
{
    struct wb_net_stream *s = req->data;
    bytes_free(&s->flying);
    if (!s->closing) {
        if (status < 0) {
            fail_uv(s, status);
        } else if (s->out.len > 0) {
            flush_out(s);
        } else if (s->ended) {
            wb_net_stream_close(s);
        } else if (s->handler.drained) {
            s->handler.drained(s->ctx);
        }
    }
    unref(s);
}

static void flush_out(struct wb_net_stream *s)
{
    if (s->connecting || s->closing || s->flying.len > 0 || s->out.len == 0) {
        return;
    }
    s->flying = s->out;
    s->out = (struct bytes){0};
    uv_buf_t buf = uv_buf_init((char *)s->flying.data, (unsigned)s->flying.len);
    s->write_req.data = s;
    s->references++;
    int status = uv_write(&s->write_req, &s->h.stream, &buf, 1, on_written);
    if (status != 0) {
        s->references--;
        bytes_free(&s->flying);
        fail_later(s, WB_ERR_IO, uv_strerror(status));
    }
}

enum wb_err wb_net_stream_write(struct wb_net_stream *s, const void *bytes, size_t len)
{
    if (s->ended || s->closing) {
        return WB_ERR_CLOSED;
    }
    if (len == 0 || s->failed != WB_OK) {
        return WB_OK; /* the failure is on its way to closed */
    }
    const uint8_t *at = bytes;
    if (!s->connecting && s->flying.len == 0 && s->out.len == 0) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)at, (unsigned)len);
        int sent = uv_try_write(&s->h.stream, &buf, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            fail_later(s, WB_ERR_IO, uv_strerror(sent));
            return WB_OK;
        }
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        }
        if (len == 0) {
            return WB_OK;
        }
        /* A part is out already: the rest must follow, whatever the limit says. */
    } else if (len > s->queue_max || wb_net_stream_queued(s) > s->queue_max - len) {
        return WB_ERR_FULL;
    }
    if (!bytes_append(&s->out, at, len)) {
        fail_later(s, WB_ERR_IO, "out of memory");
        return WB_OK;
    }
    flush_out(s);
    return WB_OK;
}

size_t wb_net_stream_queued(const struct wb_net_stream *s)
{
    return s->flying.len + s->out.len;
}

void wb_net_stream_limit(struct wb_net_stream *s, size_t write_queue_max)
{
    s->queue_max = write_queue_max;
}

void wb_net_stream_end(struct wb_net_stream *s)
{
    if (s->closing || s->ended) {
        return;
    }
    if (wb_net_stream_queued(s) == 0 || s->connecting || s->failed != WB_OK) {
        wb_net_stream_close(s);
        return;
    }
    s->ended = true;
    s->ended_next = s->loop->ended;
    s->loop->ended = s;
    uv_timer_start(&s->timer, on_timer, FLUSH_TIMEOUT_MS, 0);
}

const char *wb_net_stream_peer(const struct wb_net_stream *s)
{
    return s->peer;
}

/* ---- addresses ---------------------------------------------------------------------------- */

static bool is_unix(const char *host)
{
    return strncmp(host, "unix:", 5) == 0;
}

static bool parse_numeric(const char *host, uint16_t port, struct sockaddr_storage *addr)
{
    return uv_ip4_addr(host, port, (struct sockaddr_in *)addr) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr) == 0;
}

static void name_peer(struct wb_net_stream *s, bool is_pipe)
{
    struct sockaddr_storage addr;
    int len = sizeof(addr);
    char ip[48];
    if (is_pipe) {
        snprintf(s->peer, sizeof(s->peer), "unix");
    } else if (uv_tcp_getpeername(&s->h.tcp, (struct sockaddr *)&addr, &len) != 0) {
        snprintf(s->peer, sizeof(s->peer), "unknown");
    } else if (addr.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr;
        uv_ip6_name(in6, ip, sizeof(ip));
        snprintf(s->peer, sizeof(s->peer), "[%s]:%u", ip, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&addr;
        uv_ip4_name(in, ip, sizeof(ip));
        snprintf(s->peer, sizeof(s->peer), "%s:%u", ip, ntohs(in->sin_port));
    }
}

/* ---- connect ------------------------------------------------------------------------------ */

static void on_connected(uv_connect_t *req, int status)
{
    struct wb_net_stream *s = req->data;
    if (!s->closing && status != UV_ECANCELED) {
        if (status < 0) {
            fail_uv(s, status);
        } else {
            s->connecting = false;
            uv_timer_stop(&s->timer);
            bool is_pipe = s->h.handle.type == UV_NAMED_PIPE;
            if (!is_pipe) {
                uv_tcp_nodelay(&s->h.tcp, 1);
            }
            name_peer(s, is_pipe);
            flush_out(s);
            read_start(s);
            if (s->handler.connected && !s->closing) {
                s->handler.connected(s->ctx);
            }
        }
    }
    unref(s);
}

static void tcp_connect(struct wb_net_stream *s, const struct sockaddr *addr)
{
    s->connect_req.data = s;
    s->references++;
    int status = uv_tcp_connect(&s->connect_req, &s->h.tcp, addr, on_connected);
    if (status != 0) {
        s->references--;
        fail_later(s, WB_ERR_IO, uv_strerror(status));
    }
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct wb_net_stream *s = req->data;
    if (!s->closing) {
        if (status < 0) {
            fail_uv(s, status);
        } else {
            tcp_connect(s, found->ai_addr);
        }
    }
    uv_freeaddrinfo(found);
    unref(s);
}

struct wb_net_stream *wb_net_connect(struct wb_net_loop *loop, const char *host, uint16_t port,
                                     wb_ms timeout_ms, const struct wb_net_stream_handler *handler,
                                     void *ctx)
{
    struct wb_net_stream *s = stream_new(loop, is_unix(host));
    if (!s) {
        return NULL;
    }
    s->handler = *handler;
    s->ctx = ctx;
    s->connecting = true;
    snprintf(s->peer, sizeof(s->peer), "%.50s:%u", host, port);
    uv_update_time(&loop->uv);
    uv_timer_start(&s->timer, on_timer, timeout_ms ? timeout_ms : CONNECT_TIMEOUT_MS, 0);
    struct sockaddr_storage addr;
    if (is_unix(host)) {
        s->connect_req.data = s;
        s->references++;
        uv_pipe_connect(&s->connect_req, &s->h.pipe, host + 5, on_connected);
    } else if (parse_numeric(host, port, &addr)) {
        tcp_connect(s, (const struct sockaddr *)&addr);
    } else {
        char service[8];
        snprintf(service, sizeof(service), "%u", port);
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        s->resolve_req.data = s;
        s->references++;
        int status = uv_getaddrinfo(&loop->uv, &s->resolve_req, on_resolved, host, service, &hints);
        if (status != 0) {
            s->references--;
            fail_later(s, WB_ERR_IO, uv_strerror(status));
        }
    }
    return s;
}

/* ---- listen ------------------------------------------------------------------------------- */

struct wb_net_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    struct wb_net_loop *loop;
    void (*accepted)(void *ctx, struct wb_net_stream *stream);
    void *ctx;
    bool is_pipe;
};

void wb_net_stream_start(struct wb_net_stream *s, const struct wb_net_stream_handler *handler,
                         void *ctx)
{
    s->handler = *handler;
    s->ctx = ctx;
    read_start(s);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct wb_net_listener *listener = server->data;
    if (status < 0) {
        return;
    }
    struct wb_net_stream *s = stream_new(listener->loop, listener->is_pipe);
    if (!s) {
        return; /* stays in the backlog until the next connection */
    }
    if (uv_accept(server, &s->h.stream) != 0) {
        wb_net_stream_close(s);
        return;
    }
    if (!listener->is_pipe) {
        uv_tcp_nodelay(&s->h.tcp, 1);
        uv_tcp_keepalive(&s->h.tcp, 1, 60);
    }
    name_peer(s, listener->is_pipe);
    listener->accepted(listener->ctx, s);
}

static void listener_on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct wb_net_listener *wb_net_listen(struct wb_net_loop *loop, const char *host, uint16_t port,
                                      void (*accepted)(void *ctx, struct wb_net_stream *stream),
                                      void *ctx, char *err_text, size_t err_text_cap)
{
    struct wb_net_listener *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(err_text, err_text_cap, "out of memory");
        return NULL;
    }
    l->loop = loop;
    l->accepted = accepted;
    l->ctx = ctx;
    l->is_pipe = is_unix(host);
    int status;
    if (l->is_pipe) {
        uv_pipe_init(&loop->uv, &l->h.pipe, 0);
        status = uv_pipe_bind(&l->h.pipe, host + 5);
    } else {
        struct sockaddr_storage addr;
        uv_tcp_init(&loop->uv, &l->h.tcp);
        status = parse_numeric(host, port, &addr)
                     ? uv_tcp_bind(&l->h.tcp, (const struct sockaddr *)&addr, 0)
                     : UV_EINVAL;
    }
    l->h.handle.data = l;
    if (status == 0) {
        status = uv_listen(&l->h.stream, 1024, on_connection);
    }
    if (status != 0) {
        if (l->is_pipe) {
            snprintf(err_text, err_text_cap, "cannot listen on %s: %s", host, uv_strerror(status));
        } else {
            snprintf(err_text, err_text_cap, "cannot listen on %s:%u: %s", host, port,
                     uv_strerror(status));
        }
        uv_close(&l->h.handle, listener_on_closed);
        return NULL;
    }
    return l;
}

uint16_t wb_net_listener_port(const struct wb_net_listener *l)
{
    struct sockaddr_storage addr;
    int len = sizeof(addr);
    if (l->is_pipe || uv_tcp_getsockname(&l->h.tcp, (struct sockaddr *)&addr, &len) != 0) {
        return 0;
    }
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

void wb_net_listener_free(struct wb_net_listener *l)
{
    if (l) {
        uv_close(&l->h.handle, listener_on_closed);
    }
}
