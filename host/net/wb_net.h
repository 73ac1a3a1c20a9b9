/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_net.h: one thread's event loop: time, timers, signals, byte streams, watched descriptors.
 * Shape    callbacks on the loop's thread; nothing here is safe to call from another thread
 * Memory   heap when a thing is admitted (stream, timer), and for queued output; every queue has a
 * limit Limits   WB_NET_WRITE_QUEUE_MAX and WB_NET_READ_KEEP_MAX unless set for a stream Errors
 * outcomes only; texts for people where noted Process  wb_net_loop_new() ignores SIGPIPE and raises
 * the soft limit of open files to the hard one Life     free or close everything of a loop before
 * wb_net_loop_free(); every object may be freed inside any callback, its own included. Freed
 * objects make no further callback
 */
#ifndef WB_NET_H
#define WB_NET_H

#include "wb_base.h"

struct wb_net_loop;
struct wb_net_timer;
struct wb_net_watch;
struct wb_net_listener;
struct wb_net_stream;

/* ---- loop and time ------------------------------------------------------------------------ */

/* NULL when memory or descriptors are exhausted. */
struct wb_net_loop *wb_net_loop_new(void);
void wb_net_loop_free(struct wb_net_loop *loop);

/* Runs until wb_net_loop_stop(), or until nothing is left that could make a callback. */
void wb_net_loop_run(struct wb_net_loop *loop);

/* Runs one turn: waits for the next event if wait, else only handles what is due. False when
 * nothing is left. For tests and for programs that own the outer loop. */
bool wb_net_loop_turn(struct wb_net_loop *loop, bool wait);
void wb_net_loop_stop(struct wb_net_loop *loop);

/* Monotonic milliseconds, read anew at each call. */
wb_ms wb_net_now_ms(const struct wb_net_loop *loop);

/* Wall clock. */
wb_unix_s wb_net_unix_s(void);
uint64_t wb_net_unix_us(void);

/* Calls called(ctx, signal) on SIGINT and SIGTERM from now on; NULL: the signal stops the loop.
 * Does not keep the loop alive. Outcomes: WB_ERR_IO. */
WB_MUST_USE enum wb_err wb_net_loop_signals(struct wb_net_loop *loop,
                                            void (*called)(void *ctx, int signal), void *ctx);

/* ---- timers ------------------------------------------------------------------------------- */

/* A timer that is not armed yet. NULL when memory is exhausted. */
struct wb_net_timer *wb_net_timer_new(struct wb_net_loop *loop, void (*called)(void *ctx),
                                      void *ctx);
void wb_net_timer_free(struct wb_net_timer *timer);

/* Arms it (again) to be called once after delay_ms, then every repeat_ms (0: only once). */
void wb_net_timer_start(struct wb_net_timer *timer, wb_ms delay_ms, wb_ms repeat_ms);

/* Arms it for a point of wb_net_now_ms(), as an engine's due() gives it; WB_NEVER stops it. */
void wb_net_timer_at(struct wb_net_timer *timer, wb_ms deadline);
void wb_net_timer_stop(struct wb_net_timer *timer);

/* ---- watched descriptors ------------------------------------------------------------------ */

enum wb_net_ready { WB_NET_READABLE = 1, WB_NET_WRITABLE = 2, WB_NET_HANGUP = 4 };

/* Calls ready(ctx, events) while the descriptor is ready for what wb_net_watch_set() asked for. The
 * caller owns fd, and frees the watch before closing it. NULL when fd cannot be watched (regular
 * files). */
struct wb_net_watch *wb_net_watch_new(struct wb_net_loop *loop, int fd,
                                      void (*ready)(void *ctx, unsigned events), void *ctx);
void wb_net_watch_set(struct wb_net_watch *watch, unsigned events); /* 0: none for now */
void wb_net_watch_free(struct wb_net_watch *watch);

/* ---- byte streams ------------------------------------------------------------------------- */

#define WB_NET_WRITE_QUEUE_MAX (1024u * 1024u) /* bytes of output waiting for a slow peer */
#define WB_NET_READ_KEEP_MAX   (64u * 1024u)   /* bytes of input that the user did not take yet */

struct wb_net_stream_handler {
    /* A connect succeeded. Not called for accepted streams. May be NULL. */
    void (*connected)(void *ctx);
    /* Input, borrowed for the call: returns how many bytes were consumed. The rest is kept and
     * comes again in front of later input; when WB_NET_READ_KEEP_MAX bytes lie unconsumed, reading
     * pauses until wb_net_stream_resume(), so the peer feels the back-pressure. */
    size_t (*data)(void *ctx, const uint8_t *bytes, size_t len);
    /* The output queue, which was not empty, is empty now. May be NULL. */
    void (*drained)(void *ctx);
    /* The peer closed (WB_ERR_CLOSED), or the connection failed (WB_ERR_IO, WB_ERR_TIMEOUT). why is
     * a text for people. The stream is gone when this returns. Never called after
     * wb_net_stream_close(). */
    void (*closed)(void *ctx, enum wb_err err, const char *why);
};

/* Listens. host: numeric IPv4 or IPv6 address, or "unix:/path" (port is ignored then); port 0 picks
 * one. accepted takes the stream and must call wb_net_stream_start() or wb_net_stream_close()
 * before it returns. Returns NULL and writes why into err_text ("cannot listen on 127.0.0.1:4423:
 * address already in use") on failure. */
struct wb_net_listener *wb_net_listen(struct wb_net_loop *loop, const char *host, uint16_t port,
                                      void (*accepted)(void *ctx, struct wb_net_stream *stream),
                                      void *ctx, char *err_text, size_t err_text_cap);
uint16_t wb_net_listener_port(const struct wb_net_listener *listener);
void wb_net_listener_free(struct wb_net_listener *listener);

/* Connects; the handler's connected or closed follows, never before this call returns. host as for
 * listening, or a name. timeout_ms bounds resolution and connect (0: 10,000). Writing before
 * connected is queued. NULL when memory is exhausted. */
struct wb_net_stream *wb_net_connect(struct wb_net_loop *loop, const char *host, uint16_t port,
                                     wb_ms timeout_ms, const struct wb_net_stream_handler *handler,
                                     void *ctx);

/* Gives an accepted stream its handler (copied) and starts reading. */
void wb_net_stream_start(struct wb_net_stream *stream, const struct wb_net_stream_handler *handler,
                         void *ctx);

/* Replaces the limit of the output queue. */
void wb_net_stream_limit(struct wb_net_stream *stream, size_t write_queue_max);

/* Sends, copying what the socket does not take at once. Outcomes: WB_ERR_FULL when the queue would
 * grow over its limit (nothing of these bytes was queued: wait for drained, or close);
 * WB_ERR_CLOSED after wb_net_stream_end(). An error of the socket shows as closed later. */
WB_MUST_USE enum wb_err wb_net_stream_write(struct wb_net_stream *stream, const void *bytes,
                                            size_t len);
size_t wb_net_stream_queued(const struct wb_net_stream *stream);

/* Stops reading; reads again, first giving what was kept. */
void wb_net_stream_pause(struct wb_net_stream *stream);
void wb_net_stream_resume(struct wb_net_stream *stream);

/* Sends what is queued, then closes; closed is not called. Gives up after 5 s. The stream is no
 * longer the caller's. */
void wb_net_stream_end(struct wb_net_stream *stream);

/* Closes at once, dropping what is queued; closed is not called. NULL is fine. */
void wb_net_stream_close(struct wb_net_stream *stream);

/* "127.0.0.1:51234", "[::1]:51234" or "unix"; lives as long as the stream. */
const char *wb_net_stream_peer(const struct wb_net_stream *stream);

#endif
