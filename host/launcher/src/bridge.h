/* SPDX-License-Identifier: AGPL-3.0-only */
/* bridge.h: one board's link at the host end, joined with one TCP connection to the gateway.
 * Shape    the owner polls what bridge_poll() asks for and calls bridge_run() with the outcome
 * Flow     bytes wait in the sender: the link's frame is acknowledged when the gateway's socket has
 * taken it, the gateway's socket is read when the link has taken what was read before Memory   4.5
 * KB
 */
#ifndef WB_LAUNCHER_BRIDGE_H
#define WB_LAUNCHER_BRIDGE_H

#include <poll.h>

#include "wb_link.h"

#define BRIDGE_FDS 2 /* line, gateway */

struct bridge {
    struct wb_link link;
    char host[256]; /* empty: no gateway, every session is refused */
    char port[8];
    int line_fd;    /* the board's UART, non-blocking; owned by the caller; -1: none */
    int gateway_fd; /* owned; -1: none */
    bool connecting;
    bool gateway_ended;  /* it sends no more: close the session when all was passed on */
    wb_ms complained_at; /* connect failures are told once a minute; WB_NEVER: not yet */
    uint8_t line_out[512];
    size_t line_out_at;
    size_t line_out_len;
    uint8_t from_gateway[4096];
    size_t from_gateway_at;
    size_t from_gateway_len;
    uint64_t bytes_up; /* board to gateway */
    uint64_t bytes_down;
};

/* False: gateway is no HOST:PORT. NULL is allowed. */
bool bridge_init(struct bridge *b, const char *gateway, wb_ms now);

/* The board started anew, or its line was found or lost (fd -1): forgets session and gateway
 * connection. */
void bridge_line(struct bridge *b, int fd, wb_ms now);

/* Fills both entries; an unused one has fd -1. */
void bridge_poll(const struct bridge *b, struct pollfd fds[BRIDGE_FDS]);
/* When to call bridge_run() at the latest. */
wb_ms bridge_due(const struct bridge *b);

/* Moves what can be moved. False: the line is lost. */
bool bridge_run(struct bridge *b, const struct pollfd fds[BRIDGE_FDS], wb_ms now);

#endif
