/* SPDX-License-Identifier: AGPL-3.0-only */
/* net_loop.h: what the files of host/net share about the loop. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <uv.h>

#include "wb_net.h"

#define NET_READ_BUF (64u * 1024u)

struct wb_net_loop {
    uv_loop_t uv;
    uv_signal_t signals[2];
    bool signals_on;
    void (*signal_called)(void *ctx, int signal);
    void *signal_ctx;
    bool in_turn;                /* wb_net_loop_turn() runs */
    uv_idle_t idle;              /* active while somebody waits in soon */
    struct wb_net_timer *soon;   /* timers of delay 0, for the next turn */
    struct wb_net_timer *now;    /* those of this turn */
    struct wb_net_stream *ended; /* streams that flush before they close; nobody else knows them */
    uint8_t read_buf[NET_READ_BUF]; /* shared by all streams: a read is handed on before the next */
};

/* Called by every timer: one that fired is what a turn waited for, so that the turn does not wait
 * again. */
void net_loop_timer_fired(uv_loop_t *uv);

/* Closes the streams in loop->ended at once. */
void net_stream_close_ended(struct wb_net_loop *loop);

#endif
