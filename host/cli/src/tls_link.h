/* SPDX-License-Identifier: AGPL-3.0-only */
/* tls_link.h: one TLS connection of `tls server` or `tls client`: the engine between a stream of
 * host/net and a user.
 * Memory   one block a connection, with its buffers; freed by itself after `over`
 * Order    connected, then any number of data and writable, then over; or over alone */
#ifndef WB_CLI_TLS_LINK_H
#define WB_CLI_TLS_LINK_H

#include "tls_settings.h"
#include "wb_net.h"

struct tls_link;

struct tls_link_user {
    void (*connected)(void *ctx, struct tls_link *link);
    /* Application data, borrowed: returns how much was consumed; the rest comes again after
     * tls_link_resume(). */
    size_t (*data)(void *ctx, struct tls_link *link, const uint8_t *bytes, size_t len);
    /* There is room for tls_link_write() again. */
    void (*writable)(void *ctx, struct tls_link *link);
    /* The peer closed its direction; no data follows. */
    void (*peer_closed)(void *ctx, struct tls_link *link);
    /* It ended: is_ok when both sides closed as they should. The link is gone when this returns. */
    void (*over)(void *ctx, struct tls_link *link, bool is_ok);
    void *ctx;
};

/* Server: takes an accepted stream. NULL when memory is exhausted or cfg is refused (said on
 * stderr); the stream is closed then. name is printed in front of each line, "" for none. */
struct tls_link *tls_link_accept(struct wb_net_loop *loop, struct wb_net_stream *stream,
                                 const struct tls_settings *settings, const char *name,
                                 const struct tls_link_user *user);
/* Client: connects. */
struct tls_link *tls_link_connect(struct wb_net_loop *loop, const char *host, uint16_t port,
                                  const struct tls_settings *settings, const char *name,
                                  const struct tls_link_user *user);

/* Sends as much as there is room for; returns how much: 0, then writable comes. Makes no callback.
 * Renews keys first while the settings' number of key updates is not reached. */
size_t tls_link_write(struct tls_link *link, const void *bytes, size_t len);
/* Gives the data that was not consumed. */
void tls_link_resume(struct tls_link *link);
/* Sends close_notify; the end comes when the peer closed, too. */
void tls_link_close(struct tls_link *link);
/* Ends without a word. */
void tls_link_drop(struct tls_link *link);

const struct wb_tls *tls_link_engine(const struct tls_link *link);

#endif
