/* SPDX-License-Identifier: AGPL-3.0-only */
/* http_stream.c: answers that grow: a queue of counted buffers between the user and the daemon.
 *
 * The daemon pulls (on_pull); when the queue is empty the connection is suspended until the next
 * write. A stream belongs to the user until `closed` or wb_http_stream_close(), and to the daemon
 * until on_response_free(); the later of both frees it. */
#include "http_server.h"

#include <stdlib.h>
#include <string.h>

#define NON_CHUNKED_BLOCK 4096u /* for HTTP/1.0 readers only */

struct item {
    struct item *next;
    struct wb_http_buf *buf;
};

struct wb_http_stream {
    struct wb_http_server *server;
    struct wb_http_request *request; /* NULL when the daemon has done with it */
    struct wb_http_stream *dead_next;
    struct item *first, *last;
    size_t first_used;
    size_t queued;
    void (*closed)(void *ctx);
    void (*drained)(void *ctx);
    void *ctx;
    bool user_done, daemon_done, dropped, was_queued;
};

/* ---- counted buffers ---------------------------------------------------------------------- */

struct wb_http_buf *wb_http_buf_new(const void *data, size_t len)
{
    struct wb_http_buf *buf = malloc(sizeof(*buf) + len);
    if (buf) {
        buf->references = 1;
        buf->len = len;
        if (len > 0) {
            memcpy(buf->data, data, len);
        }
    }
    return buf;
}

struct wb_http_buf *wb_http_buf_ref(struct wb_http_buf *buf)
{
    buf->references++;
    return buf;
}

void wb_http_buf_unref(struct wb_http_buf *buf)
{
    if (buf && --buf->references == 0) {
        free(buf);
    }
}

/* ---- queue -------------------------------------------------------------------------------- */

static void pop(struct wb_http_stream *s)
{
    struct item *item = s->first;
    s->first = item->next;
    if (!s->first) {
        s->last = NULL;
    }
    s->first_used = 0;
    wb_http_buf_unref(item->buf);
    free(item);
}

static void stream_free_if_done(struct wb_http_stream *s)
{
    if (!s->user_done || !s->daemon_done) {
        return;
    }
    while (s->first) {
        pop(s);
    }
    free(s);
}

/* ---- the daemon's side -------------------------------------------------------------------- */

static size_t copy_out(struct wb_http_stream *s, char *to, size_t max)
{
    size_t copied = 0;
    while (copied < max && s->first) {
        struct wb_http_buf *buf = s->first->buf;
        size_t len = buf->len - s->first_used;
        if (len > max - copied) {
            len = max - copied;
        }
        memcpy(to + copied, buf->data + s->first_used, len);
        copied += len;
        s->first_used += len;
        if (s->first_used == buf->len) {
            pop(s);
        }
    }
    s->queued -= copied;
    return copied;
}

static ssize_t on_pull(void *cls, uint64_t pos, char *to, size_t max)
{
    struct wb_http_stream *s = cls;
    (void)pos;
    if (s->dropped || !s->request || s->request->broken) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (!s->first && s->was_queued && s->drained && !s->user_done) {
        s->was_queued = false;
        s->drained(s->ctx); /* may write or close */
    }
    if (s->first) {
        return (ssize_t)copy_out(s, to, max);
    }
    if (s->user_done) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    http_request_suspend(s->request);
    return 0;
}

static void on_response_free(void *cls)
{
    struct wb_http_stream *s = cls;
    s->daemon_done = true;
    s->request = NULL;
    if (!s->user_done) {
        s->user_done = true;
        s->closed(s->ctx);
    }
    stream_free_if_done(s);
}

void http_streams_bury(struct wb_http_server *server)
{
    while (server->dead) {
        struct wb_http_stream *s = server->dead;
        server->dead = s->dead_next;
        on_response_free(s);
    }
}

/* ---- the user's side ---------------------------------------------------------------------- */

struct wb_http_stream *wb_http_stream_open(struct wb_http_request *request,
                                           const struct wb_http_response *from,
                                           void (*closed)(void *ctx), void *ctx)
{
    struct wb_http_stream *s = calloc(1, sizeof(*s));
    WB_ASSERT(s);
    s->server = request->server;
    s->closed = closed;
    s->ctx = ctx;
    if (request->completed || request->broken) {
        s->dropped = true;
    }
    if (request->completed) {
        s->dead_next = s->server->dead;
        s->server->dead = s;
        http_server_wake(s->server);
        http_request_answer(request, from->status, NULL);
        return s;
    }
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, NON_CHUNKED_BLOCK, on_pull, s, on_response_free);
    WB_ASSERT(response);
    http_response_decorate(response, from);
    s->request = request;
    http_request_answer(request, from->status, response);
    return s;
}

static enum wb_err put(struct wb_http_stream *s, struct wb_http_buf *take)
{
    struct item *item = malloc(sizeof(*item));
    if (!item) {
        wb_http_buf_unref(take);
        return WB_ERR_MEMORY;
    }
    *item = (struct item){.buf = take};
    if (s->last) {
        s->last->next = item;
    } else {
        s->first = item;
    }
    s->last = item;
    s->queued += take->len;
    s->was_queued = true;
    if (s->request) {
        http_request_resume(s->request);
    }
    return WB_OK;
}

/* Over the limit: this reader does not keep up. */
static bool drop_if_over(struct wb_http_stream *s, size_t len)
{
    size_t max = s->server->cfg.stream_queue_max;
    if (s->dropped) {
        return true;
    }
    if (s->queued == 0 || (len <= max && s->queued <= max - len)) {
        return false; /* one large piece is no proof of slowness */
    }
    s->dropped = true;
    if (s->request) {
        http_request_break(s->request);
    }
    return true;
}

enum wb_err wb_http_stream_write_buf(struct wb_http_stream *s, struct wb_http_buf *buf)
{
    WB_ASSERT(!s->user_done);
    if (buf->len == 0) {
        return WB_OK;
    }
    if (drop_if_over(s, buf->len)) {
        return WB_ERR_FULL;
    }
    return put(s, wb_http_buf_ref(buf));
}

enum wb_err wb_http_stream_write(struct wb_http_stream *s, const void *bytes, size_t len)
{
    WB_ASSERT(!s->user_done);
    if (len == 0) {
        return WB_OK;
    }
    if (drop_if_over(s, len)) {
        return WB_ERR_FULL;
    }
    struct wb_http_buf *buf = wb_http_buf_new(bytes, len);
    return buf ? put(s, buf) : WB_ERR_MEMORY;
}

size_t wb_http_stream_queued(const struct wb_http_stream *s)
{
    return s->queued;
}

void wb_http_stream_on_drained(struct wb_http_stream *s, void (*drained)(void *ctx))
{
    s->drained = drained;
}

void wb_http_stream_close(struct wb_http_stream *s)
{
    WB_ASSERT(!s->user_done);
    s->user_done = true;
    if (s->request) {
        http_request_resume(s->request);
    }
    stream_free_if_done(s);
}
