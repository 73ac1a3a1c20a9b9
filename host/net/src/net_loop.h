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
    struct wb_net_stream *ended; /* streams that flush before they close; nobody else knows them */
    uint8_t read_buf[NET_READ_BUF]; /* shared by all streams: a read is handed on before the next */
};

/* Closes the streams in loop->ended at once. */
void net_stream_close_ended(struct wb_net_loop *loop);

#endif
