/* SPDX-License-Identifier: AGPL-3.0-only */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

wb_ms util_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (wb_ms)now.tv_sec * 1000u + (wb_ms)now.tv_nsec / 1000000u;
}

bool util_tcp_pair(int pair[2])
{
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int server = -1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in mine;
    struct sockaddr_in peer;
    socklen_t len = sizeof at;
    if (listener < 0 || client < 0 || bind(listener, (struct sockaddr *)&at, len) != 0 ||
        listen(listener, 4) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
        connect(client, (struct sockaddr *)&at, len) != 0 ||
        getsockname(client, (struct sockaddr *)&mine, &len) != 0) {
        goto out;
    }
    /* Another process may have been quicker to connect: take ours only. */
    for (int i = 0; i < 8 && server < 0; i++) {
        len = sizeof peer;
        server = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
        if (server < 0) {
            goto out;
        }
        if (peer.sin_port != mine.sin_port || peer.sin_addr.s_addr != mine.sin_addr.s_addr) {
            close(server);
            server = -1;
        }
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
out:
    if (listener >= 0) {
        close(listener);
    }
    if (server < 0) {
        if (client >= 0) {
            close(client);
        }
        return false;
    }
    pair[0] = client;
    pair[1] = server;
    return true;
}

int util_timeout(wb_ms due, wb_ms now)
{
    if (due == WB_NEVER) {
        return -1;
    }
    if (due <= now) {
        return 0;
    }
    return due - now > 60000u ? 60000 : (int)(due - now);
}

bool util_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void util_log(const char *level, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "%s %s\n", level, line);
}

bool util_address(const char *text, char *host, size_t host_cap, char *port, size_t port_cap)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == 0) {
        return false;
    }
    const char *from = text;
    size_t len = (size_t)(colon - text);
    if (from[0] == '[' && len > 2 && from[len - 1] == ']') {
        from++;
        len -= 2;
    } else if (memchr(from, ':', len) != NULL || from[0] == '[') {
        return false;
    }
    size_t port_len = strlen(colon + 1);
    if (len >= host_cap || port_len >= port_cap || strspn(colon + 1, "0123456789") != port_len) {
        return false;
    }
    memcpy(host, from, len);
    host[len] = 0;
    memcpy(port, colon + 1, port_len + 1);
    return true;
}

int util_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
