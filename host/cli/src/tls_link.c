/* SPDX-License-Identifier: AGPL-3.0-only */
/* The engine between stream and user. Every entry (stream callbacks, timer, the user's calls) ends
 * in pump(), which moves bytes until nothing moves any more; what happens meanwhile is only noted,
 * so that nothing is freed beneath a caller: settle() frees, from a timer of delay 0. */
#include "tls_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERT_CAP  16384u
#define QUEUE_MAX 65536u
#define LINGER_MS 5000u /* for the peer's close_notify after ours */
#define NAME_CAP  80u

struct tls_link {
    struct wb_tls tls;
    struct wb_net_loop *loop;
    struct wb_net_stream *stream; /* NULL: gone */
    struct wb_net_timer *timer;   /* the engine's deadline */
    struct wb_net_timer *settler; /* armed once it is over */
    struct tls_link_user user;
    long key_updates;
    wb_ms linger_until;
    bool is_ok, is_over, is_pumping;
    char name[NAME_CAP];
    uint8_t rx[WB_TLS_RX_CAP_FULL];
    uint8_t tx[WB_TLS_TX_CAP(16384)];
    _Alignas(8) uint8_t work[WB_TLS_WORK_CAP(CERT_CAP)];
};

static void finish(struct tls_link *l)
{
    if (!l->is_over) {
        l->is_over = true;
        wb_net_timer_stop(l->timer);
        wb_net_timer_start(l->settler, 0, 0);
    }
}

static void settle(void *ctx)
{
    struct tls_link *l = ctx;
    l->user.over(l->user.ctx, l, l->is_ok);
    if (l->stream != NULL) {
        wb_net_stream_end(l->stream); /* what waits is still sent, an alert above all */
    }
    wb_net_timer_free(l->timer);
    wb_net_timer_free(l->settler);
    wb_tls_deinit(&l->tls);
    wb_wipe(l, sizeof *l);
    free(l);
}

/* The lines that people and tests read. */
static void tell_connected(const struct tls_link *l)
{
    const struct wb_tls_peer *peer = wb_tls_peer(&l->tls);
    const char *alpn = wb_tls_alpn(&l->tls);
    fprintf(stderr, "%sconnected suite=%s peer=\"%s\" alpn=%s group=%s resumed=%s\n", l->name,
            tls_suite_name(wb_tls_suite(&l->tls)), peer != NULL ? peer->common_name : "",
            alpn != NULL ? alpn : "-", tls_group_name(wb_tls_group(&l->tls)),
            wb_tls_is_resumed(&l->tls) ? "yes" : "no");
}

static void tell_failed(const struct tls_link *l, const struct wb_tls_event *event)
{
    fprintf(stderr, "%sfailed: %s alert=%s %s (%s)\n", l->name,
            event->is_alert_received ? "received" : "sent", wb_tls_alert_str(event->alert),
            event->fault->what, wb_err_str(event->fault->code));
}

static bool handle_events(struct tls_link *l)
{
    struct wb_tls_event event;
    bool is_any = false;
    while (wb_tls_next(&l->tls, &event)) {
        is_any = true;
        switch (event.type) {
        case WB_TLS_EVENT_CONNECTED:
            tell_connected(l);
            l->user.connected(l->user.ctx, l);
            break;
        case WB_TLS_EVENT_PEER_CLOSED:
            l->is_ok = true;
            l->user.peer_closed(l->user.ctx, l);
            break;
        case WB_TLS_EVENT_FAILED:
            tell_failed(l, &event);
            l->is_ok = false;
            break;
        }
    }
    return is_any;
}

static bool give_data(struct tls_link *l)
{
    const uint8_t *data;
    size_t len;
    bool is_any = false;
    while (wb_tls_read(&l->tls, &data, &len)) {
        size_t used = l->user.data(l->user.ctx, l, data, len);
        if (used == 0) {
            break;
        }
        wb_tls_read_done(&l->tls, used);
        is_any = true;
        if (l->linger_until != 0) { /* the peer has still something to say */
            l->linger_until = wb_net_now_ms(l->loop) + LINGER_MS;
        }
    }
    return is_any;
}

static bool flush(struct tls_link *l)
{
    uint8_t buf[16384];
    bool is_any = false;
    while (l->stream != NULL && wb_net_stream_queued(l->stream) < QUEUE_MAX) {
        size_t len = wb_tls_emit(&l->tls, wb_net_now_ms(l->loop), buf, sizeof buf);
        if (len == 0) {
            break;
        }
        is_any = true;
        if (wb_net_stream_write(l->stream, buf, len) != WB_OK) {
            break; /* the stream's own end follows */
        }
    }
    return is_any;
}

static void pump(struct tls_link *l)
{
    if (l->is_pumping || l->is_over) {
        return;
    }
    l->is_pumping = true;
    bool is_moved;
    do {
        is_moved = handle_events(l);
        is_moved = give_data(l) || is_moved;
        bool is_flushed = flush(l);
        if (is_flushed && wb_tls_is_connected(&l->tls) && wb_tls_write_room(&l->tls) > 0) {
            l->user.writable(l->user.ctx, l);
        }
        is_moved = is_flushed || is_moved;
    } while (is_moved && !l->is_over);
    l->is_pumping = false;
    if (wb_tls_is_done(&l->tls)) {
        finish(l);
        return;
    }
    wb_ms due = wb_tls_due(&l->tls);
    wb_net_timer_at(l->timer, l->linger_until != 0 ? wb_ms_min(due, l->linger_until) : due);
}

/* ---- stream and time ---- */

static size_t on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct tls_link *l = ctx;
    size_t at = 0;
    while (at < len && !l->is_over) {
        size_t used = 0;
        enum wb_err err = wb_tls_feed(&l->tls, wb_net_now_ms(l->loop), bytes + at, len - at, &used);
        at += used;
        pump(l);
        if (err != WB_OK || (used == 0 && !wb_tls_wants_feed(&l->tls))) {
            break;
        }
    }
    return l->is_over ? len : at;
}

static void on_drained(void *ctx)
{
    struct tls_link *l = ctx;
    pump(l);
    if (l->stream != NULL) {
        wb_net_stream_resume(l->stream);
    }
}

static void on_stream_closed(void *ctx, enum wb_err err, const char *why)
{
    struct tls_link *l = ctx;
    l->stream = NULL;
    bool was_done = wb_tls_is_done(&l->tls);
    if (err != WB_ERR_CLOSED && !was_done) {
        fprintf(stderr, "%sfailed: %s\n", l->name, why);
        l->is_ok = false;
    } else if (!was_done && wb_tls_feed_end(&l->tls) != WB_OK) {
        (void)handle_events(l);
    }
    finish(l);
}

static void on_stream_connected(void *ctx)
{
    pump(ctx);
}

static void on_timer(void *ctx)
{
    struct tls_link *l = ctx;
    wb_ms now = wb_net_now_ms(l->loop);
    if (l->linger_until != 0 && now >= l->linger_until) {
        fprintf(stderr, "%sfailed: no close_notify came within %u s after ours\n", l->name,
                LINGER_MS / 1000);
        finish(l);
        return;
    }
    wb_tls_tick(&l->tls, now);
    pump(l);
}

static const struct wb_net_stream_handler handler = {.connected = on_stream_connected,
                                                     .data = on_data,
                                                     .drained = on_drained,
                                                     .closed = on_stream_closed};

/* ---- life ---- */

static struct tls_link *link_new(struct wb_net_loop *loop, const struct tls_settings *settings,
                                 const char *name, const struct tls_link_user *user)
{
    struct tls_link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    l->loop = loop;
    l->user = *user;
    l->key_updates = settings->key_updates;
    snprintf(l->name, sizeof l->name, "%s%s", name, name[0] != '\0' ? " " : "");
    struct wb_tls_mem mem = {.rx = l->rx,
                             .rx_cap = sizeof l->rx,
                             .tx = l->tx,
                             .tx_cap = sizeof l->tx,
                             .work = l->work,
                             .work_cap = sizeof l->work};
    if (settings->board_buffers) {
        mem.rx_cap = WB_TLS_RX_CAP(512);
        mem.tx_cap = WB_TLS_TX_CAP(256);
        mem.work_cap = WB_TLS_WORK_CAP(448);
    }
    if (wb_tls_init_with(&l->tls, &settings->cfg, &mem, &settings->more, wb_net_now_ms(loop),
                         wb_net_unix_s()) != WB_OK) {
        fprintf(stderr, "%sfailed: %s\n", l->name, l->tls.fault.what);
        free(l);
        return NULL;
    }
    l->timer = wb_net_timer_new(loop, on_timer, l);
    l->settler = wb_net_timer_new(loop, settle, l);
    if (l->timer == NULL || l->settler == NULL) {
        wb_net_timer_free(l->timer);
        wb_net_timer_free(l->settler);
        wb_tls_deinit(&l->tls);
        free(l);
        return NULL;
    }
    return l;
}

struct tls_link *tls_link_accept(struct wb_net_loop *loop, struct wb_net_stream *stream,
                                 const struct tls_settings *settings, const char *name,
                                 const struct tls_link_user *user)
{
    struct tls_link *l = link_new(loop, settings, name, user);
    if (l == NULL) {
        wb_net_stream_close(stream);
        return NULL;
    }
    l->stream = stream;
    wb_net_stream_start(stream, &handler, l);
    pump(l);
    return l;
}

struct tls_link *tls_link_connect(struct wb_net_loop *loop, const char *host, uint16_t port,
                                  const struct tls_settings *settings, const char *name,
                                  const struct tls_link_user *user)
{
    struct tls_link *l = link_new(loop, settings, name, user);
    if (l == NULL) {
        return NULL;
    }
    l->stream = wb_net_connect(loop, host, port, settings->cfg.handshake_timeout_ms, &handler, l);
    if (l->stream == NULL) {
        wb_net_timer_free(l->timer);
        wb_net_timer_free(l->settler);
        wb_tls_deinit(&l->tls);
        free(l);
        return NULL;
    }
    return l;
}

/* ---- the user's calls ---- */

size_t tls_link_write(struct tls_link *l, const void *bytes, size_t len)
{
    size_t taken = 0;
    if (len == 0 || l->is_over) {
        return 0;
    }
    if (l->key_updates > 0 && wb_tls_key_update(&l->tls, true) == WB_OK) {
        l->key_updates--;
    }
    if (wb_tls_write(&l->tls, bytes, len, &taken) != WB_OK) {
        return len; /* nobody will read it; the end is on its way */
    }
    (void)flush(l); /* no callbacks: the caller is in the middle of something */
    return taken;
}

void tls_link_resume(struct tls_link *l)
{
    pump(l);
    if (l->stream != NULL) {
        wb_net_stream_resume(l->stream);
    }
}

void tls_link_close(struct tls_link *l)
{
    if (l->linger_until == 0) {
        l->linger_until = wb_net_now_ms(l->loop) + LINGER_MS;
    }
    wb_tls_close(&l->tls);
    pump(l);
}

void tls_link_drop(struct tls_link *l)
{
    l->is_ok = false;
    finish(l);
}

const struct wb_tls *tls_link_engine(const struct tls_link *l)
{
    return &l->tls;
}
