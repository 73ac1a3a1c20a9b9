/* SPDX-License-Identifier: AGPL-3.0-only */
/* util.h: time, sockets and messages of the launcher. */
#ifndef WB_LAUNCHER_UTIL_H
#define WB_LAUNCHER_UTIL_H

#include "wb_base.h"

wb_ms util_now(void);

/* A connected pair of TCP sockets on 127.0.0.1; nobody else can have connected to either end. False
 * with errno set. Unix sockets would do, but QEMU's UART models lose bytes on them. */
bool util_tcp_pair(int pair[2]);

/* Timeout for poll(): milliseconds from now to due, -1 for WB_NEVER. */
int util_timeout(wb_ms due, wb_ms now);

bool util_nonblocking(int fd);

/* One line "level event key=value …" on stderr. */
void util_log(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Splits HOST:PORT or [HOST]:PORT. False when it is neither, or too long. */
bool util_address(const char *text, char *host, size_t host_cap, char *port, size_t port_cap);

/* SIGTERM, SIGINT and SIGCHLD as a readable descriptor; SIGPIPE is ignored. -1 with errno set. */
int util_signals(void);

#endif
