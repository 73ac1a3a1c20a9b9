/* SPDX-License-Identifier: AGPL-3.0-only */
/* loop.c: the loop, time, signals, timers and watched descriptors.
 *
 * Every uv handle is closed asynchronously, so each object is freed in its close callback; the
 * public
 * ..._free() only starts that. Read: loop, signals, timers, watches. */
#include "net_loop.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct wb_net_loop *wb_net_loop_new(void)
{
    struct wb_net_loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        return NULL;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    loop->uv.data = loop;
    uv_idle_init(&loop->uv, &loop->idle);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    return loop;
}

void wb_net_loop_free(struct wb_net_loop *loop)
{
    if (!loop) {
        return;
    }
    net_stream_close_ended(loop);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    if (loop->signals_on) {
        uv_close((uv_handle_t *)&loop->signals[0], NULL);
        uv_close((uv_handle_t *)&loop->signals[1], NULL);
    }
    while (uv_loop_close(&loop->uv) == UV_EBUSY) {
        uv_run(&loop->uv, UV_RUN_ONCE);
    }
    free(loop);
}

void wb_net_loop_run(struct wb_net_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

bool wb_net_loop_turn(struct wb_net_loop *loop, bool wait)
{
    loop->in_turn = true;
    bool more = uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
    loop->in_turn = false;
    return more;
}

void net_loop_timer_fired(uv_loop_t *uv)
{
    struct wb_net_loop *loop = uv->data;
    if (loop->in_turn) {
        uv_stop(&loop->uv); /* uv_run() handles timers first, and would block afterwards */
    }
}

void wb_net_loop_stop(struct wb_net_loop *loop)
{
    uv_stop(&loop->uv);
}

wb_ms wb_net_now_ms(const struct wb_net_loop *loop)
{
    (void)loop;
    return uv_hrtime() / 1000000u;
}

wb_unix_s wb_net_unix_s(void)
{
    return (wb_unix_s)time(NULL);
}

uint64_t wb_net_unix_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* ---- signals ------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int number)
{
    struct wb_net_loop *loop = handle->data;
    if (loop->signal_called) {
        loop->signal_called(loop->signal_ctx, number);
    } else {
        uv_stop(&loop->uv);
    }
}

enum wb_err wb_net_loop_signals(struct wb_net_loop *loop, void (*called)(void *ctx, int signal),
                                void *ctx)
{
    static const int numbers[2] = {SIGINT, SIGTERM};
    loop->signal_called = called;
    loop->signal_ctx = ctx;
    if (loop->signals_on) {
        return WB_OK;
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(numbers); i++) {
        uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
        uv_unref((uv_handle_t *)&loop->signals[i]);
    }
    loop->signals_on = true;
    for (size_t i = 0; i < WB_ARRAY_LEN(numbers); i++) {
        if (uv_signal_start(&loop->signals[i], on_signal, numbers[i]) != 0) {
            return WB_ERR_IO;
        }
    }
    return WB_OK;
}

/* ---- timers -------------------------------------------------------------------------------
 * A delay of 0 does not go through uv's timers: these run until none is due, so one that arms
 * itself again with 0 would keep the loop from ever looking at its descriptors. It goes through a
 * list that is handled once a turn. */

struct wb_net_timer {
    uv_timer_t uv;
    struct wb_net_timer *next, **at; /* at: what points to this one; NULL: in no list */
    wb_ms repeat_ms;                 /* of one that waits in a list */
    void (*called)(void *ctx);
    void *ctx;
};

static void list_remove(struct wb_net_timer *timer)
{
    if (timer->at) {
        *timer->at = timer->next;
        if (timer->next) {
            timer->next->at = timer->at;
        }
        timer->at = NULL;
        timer->next = NULL;
    }
}

static void list_add(struct wb_net_timer **head, struct wb_net_timer *timer)
{
    timer->next = *head;
    timer->at = head;
    if (timer->next) {
        timer->next->at = &timer->next;
    }
    *head = timer;
}

static void on_timer(uv_timer_t *handle)
{
    struct wb_net_timer *timer = handle->data;
    net_loop_timer_fired(handle->loop);
    timer->called(timer->ctx);
}

static void on_idle(uv_idle_t *handle)
{
    struct wb_net_loop *loop = handle->loop->data;
    while (loop->soon) { /* those who come back meanwhile wait for the next turn */
        struct wb_net_timer *timer = loop->soon;
        list_remove(timer);
        list_add(&loop->now, timer);
    }
    while (loop->now) {
        struct wb_net_timer *timer = loop->now;
        list_remove(timer);
        if (timer->repeat_ms) {
            uv_timer_start(&timer->uv, on_timer, timer->repeat_ms, timer->repeat_ms);
        }
        net_loop_timer_fired(handle->loop);
        timer->called(timer->ctx);
    }
    if (!loop->soon) {
        uv_idle_stop(&loop->idle);
    }
}

static void free_data(uv_handle_t *handle)
{
    free(handle->data);
}

struct wb_net_timer *wb_net_timer_new(struct wb_net_loop *loop, void (*called)(void *ctx),
                                      void *ctx)
{
    struct wb_net_timer *timer = calloc(1, sizeof(*timer));
    if (timer) {
        uv_timer_init(&loop->uv, &timer->uv);
        timer->uv.data = timer;
        timer->called = called;
        timer->ctx = ctx;
    }
    return timer;
}

void wb_net_timer_free(struct wb_net_timer *timer)
{
    if (timer) {
        list_remove(timer);
        uv_close((uv_handle_t *)&timer->uv, free_data);
    }
}

void wb_net_timer_start(struct wb_net_timer *timer, wb_ms delay_ms, wb_ms repeat_ms)
{
    struct wb_net_loop *loop = timer->uv.loop->data;
    wb_net_timer_stop(timer);
    if (delay_ms == 0) {
        timer->repeat_ms = repeat_ms;
        list_add(&loop->soon, timer);
        uv_idle_start(&loop->idle, on_idle);
        return;
    }
    uv_update_time(&loop->uv);
    uv_timer_start(&timer->uv, on_timer, delay_ms, repeat_ms);
}

void wb_net_timer_at(struct wb_net_timer *timer, wb_ms deadline)
{
    if (deadline == WB_NEVER) {
        wb_net_timer_stop(timer);
        return;
    }
    wb_ms now = wb_net_now_ms(NULL);
    wb_net_timer_start(timer, deadline > now ? deadline - now : 0, 0);
}

void wb_net_timer_stop(struct wb_net_timer *timer)
{
    list_remove(timer);
    uv_timer_stop(&timer->uv);
}

/* ---- watched descriptors ------------------------------------------------------------------ */

struct wb_net_watch {
    uv_poll_t uv;
    void (*ready)(void *ctx, unsigned events);
    void *ctx;
};

_Static_assert((int)WB_NET_READABLE == (int)UV_READABLE &&
                   (int)WB_NET_WRITABLE == (int)UV_WRITABLE &&
                   (int)WB_NET_HANGUP == (int)UV_DISCONNECT,
               "the bits are handed through");

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct wb_net_watch *watch = handle->data;
    /* An error condition of the descriptor: let the user's own read or write meet it. */
    unsigned ready =
        status < 0 ? (WB_NET_READABLE | WB_NET_WRITABLE | WB_NET_HANGUP) : (unsigned)events;
    watch->ready(watch->ctx, ready);
}

struct wb_net_watch *wb_net_watch_new(struct wb_net_loop *loop, int fd,
                                      void (*ready)(void *ctx, unsigned events), void *ctx)
{
    struct wb_net_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        return NULL;
    }
    if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->uv.data = watch;
    watch->ready = ready;
    watch->ctx = ctx;
    return watch;
}

void wb_net_watch_set(struct wb_net_watch *watch, unsigned events)
{
    if (events == 0) {
        uv_poll_stop(&watch->uv);
    } else {
        uv_poll_start(&watch->uv, (int)events, on_poll);
    }
}

void wb_net_watch_free(struct wb_net_watch *watch)
{
    if (watch) {
        uv_close((uv_handle_t *)&watch->uv, free_data);
    }
}
