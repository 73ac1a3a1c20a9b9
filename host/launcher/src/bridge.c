/* SPDX-License-Identifier: AGPL-3.0-only */
/* Order of reading: bridge_run(), then the helpers in the order it calls them.
 * A session of the link and a connection to the gateway live and end together: OPEN connects, a
 * failed connect refuses, the end of either ends the other. */
#include "bridge.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define COMPLAIN_MS 60000u

static bool line_read(struct bridge *b, wb_ms now);
static void events_handle(struct bridge *b, wb_ms now);
static void gateway_connect(struct bridge *b, wb_ms now);
static void gateway_connected(struct bridge *b, wb_ms now);
static void gateway_refused(struct bridge *b, wb_ms now, const char *why);
static void gateway_close(struct bridge *b);
static void gateway_exchange(struct bridge *b, wb_ms now);
static bool gateway_send(struct bridge *b);
static void gateway_receive(struct bridge *b);
static bool line_write(struct bridge *b, wb_ms now);

bool bridge_init(struct bridge *b, const char *gateway, wb_ms now)
{
    memset(b, 0, sizeof *b);
    b->line_fd = -1;
    b->gateway_fd = -1;
    b->complained_at = WB_NEVER;
    bridge_line(b, -1, now);
    return gateway == NULL ||
           util_address(gateway, b->host, sizeof b->host, b->port, sizeof b->port);
}

void bridge_line(struct bridge *b, int fd, wb_ms now)
{
    static const struct wb_link_cfg cfg = {.opens = false};
    gateway_close(b);
    wb_link_init(&b->link, &cfg, now);
    b->line_fd = fd;
    b->line_out_at = 0;
    b->line_out_len = 0;
}

void bridge_poll(const struct bridge *b, struct pollfd fds[BRIDGE_FDS])
{
    fds[0] = (struct pollfd){.fd = b->line_fd, .events = POLLIN};
    if (b->line_out_len > 0) {
        fds[0].events |= POLLOUT;
    }
    fds[1] = (struct pollfd){.fd = b->gateway_fd};
    if (b->connecting) {
        fds[1].events = POLLOUT;
        return;
    }
    const uint8_t *data;
    size_t len = 0;
    if (b->gateway_fd >= 0) {
        wb_link_read((struct wb_link *)(uintptr_t)&b->link, &data, &len);
    }
    if (len > 0) {
        fds[1].events |= POLLOUT;
    }
    if (b->from_gateway_len == 0 && !b->gateway_ended) {
        fds[1].events |= POLLIN;
    } else if (fds[1].events == 0) {
        fds[1].fd = -1; /* else poll() would report a hang-up again and again */
    }
}

wb_ms bridge_due(const struct bridge *b)
{
    return b->line_fd >= 0 ? wb_link_due(&b->link) : WB_NEVER;
}

bool bridge_run(struct bridge *b, const struct pollfd fds[BRIDGE_FDS], wb_ms now)
{
    if (b->line_fd < 0) {
        return true;
    }
    if (fds[0].revents != 0 && !line_read(b, now)) {
        return false;
    }
    wb_link_tick(&b->link, now);
    events_handle(b, now);
    if (b->connecting && fds[1].fd == b->gateway_fd && fds[1].revents != 0) {
        gateway_connected(b, now);
    }
    gateway_exchange(b, now);
    return line_write(b, now);
}

static bool line_read(struct bridge *b, wb_ms now)
{
    uint8_t in[4096];
    ssize_t got = read(b->line_fd, in, sizeof in);
    if (got > 0) {
        wb_link_feed(&b->link, now, in, (size_t)got);
        return true;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static void events_handle(struct bridge *b, wb_ms now)
{
    static const char *const reasons[] = {"closed", "refused", "board restarted",
                                          "board is silent"};
    struct wb_link_event event;
    while (wb_link_next(&b->link, &event)) {
        switch (event.kind) {
        case WB_LINK_EVENT_ASKED: gateway_connect(b, now); break;
        case WB_LINK_EVENT_OPENED: break;
        case WB_LINK_EVENT_CLOSED:
            util_log("info", "link-closed reason=\"%s\" bytes_up=%llu bytes_down=%llu",
                     reasons[(size_t)event.reason % WB_ARRAY_LEN(reasons)],
                     (unsigned long long)b->bytes_up, (unsigned long long)b->bytes_down);
            gateway_close(b);
            break;
        }
    }
}

static void gateway_connect(struct bridge *b, wb_ms now)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int one = 1;
    gateway_close(b);
    if (b->host[0] == 0) {
        wb_link_refuse(&b->link, now);
        return;
    }
    int failed = getaddrinfo(b->host, b->port, &hints, &found);
    if (failed != 0) {
        gateway_refused(b, now, gai_strerror(failed));
        return;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    }
    if (fd < 0 || (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS)) {
        gateway_refused(b, now, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    } else {
        b->gateway_fd = fd;
        b->connecting = true;
    }
    freeaddrinfo(found);
}

static void gateway_connected(struct bridge *b, wb_ms now)
{
    int failed = 0;
    socklen_t len = sizeof failed;
    b->connecting = false;
    getsockopt(b->gateway_fd, SOL_SOCKET, SO_ERROR, &failed, &len);
    if (failed != 0) {
        gateway_refused(b, now, strerror(failed));
        gateway_close(b);
        return;
    }
    b->complained_at = WB_NEVER;
    util_log("info", "link-open gateway=%s:%s", b->host, b->port);
    wb_link_accept(&b->link, now);
}

static void gateway_refused(struct bridge *b, wb_ms now, const char *why)
{
    wb_link_refuse(&b->link, now);
    if (b->complained_at == WB_NEVER || now - b->complained_at >= COMPLAIN_MS) {
        util_log("warning",
                 "gateway-unreachable gateway=%s:%s reason=\"%s\" (the board asks again)", b->host,
                 b->port, why);
        b->complained_at = now;
    }
}

static void gateway_close(struct bridge *b)
{
    if (b->gateway_fd >= 0) {
        close(b->gateway_fd);
        b->gateway_fd = -1;
    }
    b->connecting = false;
    b->gateway_ended = false;
    b->from_gateway_at = 0;
    b->from_gateway_len = 0;
    b->bytes_up = 0;
    b->bytes_down = 0;
}

static void gateway_exchange(struct bridge *b, wb_ms now)
{
    if (b->gateway_fd < 0 || b->connecting) {
        return;
    }
    if (wb_link_state(&b->link) != WB_LINK_OPEN) {
        return;
    }
    if (!gateway_send(b)) {
        wb_link_close(&b->link, now);
        gateway_close(b);
        return;
    }
    gateway_receive(b);
    while (b->from_gateway_len > 0) {
        size_t taken = 0;
        if (wb_link_write(&b->link, b->from_gateway + b->from_gateway_at, b->from_gateway_len,
                          &taken) != WB_OK ||
            taken == 0) {
            break;
        }
        b->from_gateway_at += taken;
        b->from_gateway_len -= taken;
        b->bytes_down += taken;
        gateway_receive(b);
    }
    if (b->gateway_ended && b->from_gateway_len == 0 && wb_link_is_flushed(&b->link)) {
        util_log("info", "gateway-closed bytes_up=%llu bytes_down=%llu",
                 (unsigned long long)b->bytes_up, (unsigned long long)b->bytes_down);
        wb_link_close(&b->link, now);
        gateway_close(b);
    }
}

/* False: the connection is broken. */
static bool gateway_send(struct bridge *b)
{
    for (;;) {
        const uint8_t *data;
        size_t len;
        wb_link_read(&b->link, &data, &len);
        if (len == 0) {
            return true;
        }
        ssize_t sent = send(b->gateway_fd, data, len, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        b->bytes_up += (size_t)sent;
        wb_link_read_done(&b->link, (size_t)sent);
    }
}

static void gateway_receive(struct bridge *b)
{
    if (b->from_gateway_len > 0 || b->gateway_ended) {
        return;
    }
    ssize_t got = recv(b->gateway_fd, b->from_gateway, sizeof b->from_gateway, 0);
    if (got > 0) {
        b->from_gateway_at = 0;
        b->from_gateway_len = (size_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        b->gateway_ended = true;
    }
}

static bool line_write(struct bridge *b, wb_ms now)
{
    for (;;) {
        if (b->line_out_len == 0) {
            b->line_out_at = 0;
            b->line_out_len = wb_link_emit(&b->link, now, b->line_out, sizeof b->line_out);
        }
        if (b->line_out_len == 0) {
            return true;
        }
        ssize_t put = write(b->line_fd, b->line_out + b->line_out_at, b->line_out_len);
        if (put < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        b->line_out_at += (size_t)put;
        b->line_out_len -= (size_t)put;
    }
}
