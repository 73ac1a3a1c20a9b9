/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed tls client HOST:PORT`: connects, sends standard input (or --send), prints what comes
 * back. The input is read by the loop where it can wait for it (terminal, pipe), at once where it
 * cannot (file). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "tls_link.h"

#define INPUT_CAP   16384u
#define SESSION_CAP 4096u /* other servers' tickets may hold certificates */

struct client {
    struct wb_net_loop *loop;
    struct tls_settings settings;
    struct tls_link *link;
    struct wb_net_watch *input; /* NULL: --send, or a file */
    const char *send;
    bool is_ok, is_connected, is_eof;
    size_t expected; /* --send: so many bytes end it; 0: the peer does */
    size_t received;
    char buf[INPUT_CAP]; /* input on its way */
    size_t len, at;
    /* --reconnect: one buffer is the engine's, the other holds what the connection before left */
    long reconnects;
    uint8_t sessions[2][SESSION_CAP];
    const char *host;
    uint16_t port;
};

static bool start(struct client *c);

static void read_input(struct client *c);

/* Sends what there is; reads on when all is gone; closes when there is no more. */
static void send_on(struct client *c)
{
    while (c->link != NULL && c->is_connected) {
        while (c->at < c->len) {
            size_t taken = tls_link_write(c->link, c->buf + c->at, c->len - c->at);
            if (taken == 0) {
                return; /* writable comes */
            }
            c->at += taken;
        }
        c->at = c->len = 0;
        if (c->is_eof) {
            if (c->expected == 0 || c->received >= c->expected) {
                tls_link_close(c->link);
            }
            return;
        }
        if (c->input != NULL) {
            wb_net_watch_set(c->input, WB_NET_READABLE);
            return;
        }
        read_input(c);
    }
}

static void read_input(struct client *c)
{
    ssize_t n = read(STDIN_FILENO, c->buf, sizeof c->buf);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    c->at = 0;
    c->len = n > 0 ? (size_t)n : 0;
    c->is_eof = n <= 0;
}

static void on_input(void *ctx, unsigned events)
{
    struct client *c = ctx;
    (void)events;
    wb_net_watch_set(c->input, 0); /* until it is sent */
    read_input(c);
    send_on(c);
}

static void on_connected(void *ctx, struct tls_link *link)
{
    struct client *c = ctx;
    c->link = link;
    c->is_connected = true;
    if (c->send != NULL) {
        c->len = strlen(c->send);
        if (c->len > sizeof c->buf) {
            c->len = sizeof c->buf;
        }
        memcpy(c->buf, c->send, c->len);
        c->expected = c->len;
        c->is_eof = true;
    } else {
        c->input = wb_net_watch_new(c->loop, STDIN_FILENO, on_input, c);
    }
    send_on(c);
}

static size_t on_data(void *ctx, struct tls_link *link, const uint8_t *bytes, size_t len)
{
    struct client *c = ctx;
    (void)link;
    (void)fwrite(bytes, 1, len, stdout);
    (void)fflush(stdout);
    c->received += len;
    if (c->expected > 0 && c->received >= c->expected) {
        tls_link_close(link);
    }
    return len;
}

static void on_writable(void *ctx, struct tls_link *link)
{
    struct client *c = ctx;
    (void)link;
    if (c->at < c->len) {
        send_on(c);
    }
}

static void on_peer_closed(void *ctx, struct tls_link *link)
{
    (void)ctx;
    tls_link_close(link);
}

static void on_over(void *ctx, struct tls_link *link, bool is_ok)
{
    struct client *c = ctx;
    c->link = NULL;
    c->is_ok = is_ok;
    if (is_ok && c->received < c->expected) {
        fprintf(stderr, "failed: %zu of %zu bytes came back\n", c->received, c->expected);
        c->is_ok = false;
    }
    wb_net_watch_free(c->input);
    c->input = NULL;
    if (c->is_ok && c->reconnects > 0) {
        c->reconnects--;
        struct wb_tls_more *more = &c->settings.more;
        more->session_len = wb_tls_session(tls_link_engine(link));
        uint8_t *other = more->session == c->sessions[0] ? c->sessions[1] : c->sessions[0];
        memcpy(other, more->session, more->session_len);
        more->session = other;
        c->is_connected = c->is_ok = c->is_eof = false;
        c->received = c->at = c->len = 0;
        if (start(c)) {
            return;
        }
    }
    wb_net_loop_stop(c->loop);
}

/* "host:port", "[::1]:port". */
static bool split_target(const char *target, char *host, size_t cap, uint16_t *port)
{
    const char *colon = strrchr(target, ':');
    char *end = NULL;
    if (colon == NULL || colon == target) {
        return false;
    }
    long number = strtol(colon + 1, &end, 10);
    size_t len = (size_t)(colon - target);
    if (target[0] == '[' && colon[-1] == ']') {
        target++;
        len -= 2;
    }
    if (*end != '\0' || end == colon + 1 || number < 1 || number > 65535 || len >= cap) {
        return false;
    }
    memcpy(host, target, len);
    host[len] = '\0';
    *port = (uint16_t)number;
    return true;
}

static bool start(struct client *c)
{
    const struct tls_link_user user = {.connected = on_connected,
                                       .data = on_data,
                                       .writable = on_writable,
                                       .peer_closed = on_peer_closed,
                                       .over = on_over,
                                       .ctx = c};
    return tls_link_connect(c->loop, c->host, c->port, &c->settings, "", &user) != NULL;
}

static int run(struct client *c)
{
    c->loop = wb_net_loop_new();
    if (c->loop == NULL || wb_net_loop_signals(c->loop, NULL, NULL) != WB_OK) {
        fprintf(stderr, "wasmbed tls client: no event loop: out of memory or descriptors\n");
        return EXIT_FAILED;
    }
    if (!start(c)) {
        wb_net_loop_free(c->loop);
        return EXIT_FAILED;
    }
    wb_net_loop_run(c->loop);
    return c->is_ok ? EXIT_OK : EXIT_FAILED;
}

int command_tls_client(struct args *args)
{
    static struct client c;
    struct tls_settings *t = &c.settings;
    char host[256];
    uint16_t port = 0;
    const struct option options[] = {
        TLS_OPTIONS(t),
        OPTION_TEXT("name", 0, "NAME", "name in the server's certificate (default: HOST)",
                    &t->cfg.server_name),
        OPTION_FLAG("empty-key-share", 0, "let the server ask for a key share (HelloRetryRequest)",
                    &t->cfg.empty_key_share),
        OPTION_TEXT("send", 0, "TEXT",
                    "send this instead of standard input; end when as much came back", &c.send),
        OPTION_NUMBER("reconnect", 0, "N", "connect again N times and resume; needs --send",
                      &c.reconnects, 0, 1000),
        OPTION_END,
    };
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    if (!split_target(args->positional[0], host, sizeof host, &port)) {
        fprintf(stderr, "wasmbed tls client: not HOST:PORT: %s\nTry 'wasmbed tls client --help'.\n",
                args->positional[0]);
        return EXIT_USAGE;
    }
    if (t->ca == NULL) {
        fprintf(stderr, "wasmbed tls client: --ca is needed: the authority that issued the "
                        "server's certificate\nTry 'wasmbed tls client --help'.\n");
        return EXIT_USAGE;
    }
    if (c.reconnects > 0 && c.send == NULL) {
        fprintf(stderr, "wasmbed tls client: --reconnect needs --send\n"
                        "Try 'wasmbed tls client --help'.\n");
        return EXIT_USAGE;
    }
    c.host = host;
    c.port = port;
    if (c.reconnects > 0) {
        t->more = (struct wb_tls_more){.session = c.sessions[0], .session_cap = SESSION_CAP};
    }
    t->cfg.role = WB_TLS_CLIENT;
    if (t->cfg.server_name == NULL) {
        t->cfg.server_name = host;
    }
    result = tls_settings_apply(t, args);
    if (result == -1) {
        result = run(&c);
    }
    tls_settings_wipe(t);
    wb_wipe(c.sessions, sizeof c.sessions);
    return result;
}
