/* SPDX-License-Identifier: AGPL-3.0-only */
/* tls_tool: core/tls over sockets, and host/pki, on the command line, for tests against other
 * implementations.
 *
 *     tls_tool pki DIR                     authority, server.{pem,key}, device.{pem,key} in DIR
 *     tls_tool server [options]            echoes what comes, one connection after the other
 *     tls_tool client HOST:PORT [options]  sends --send, prints what comes back
 *     tls_tool port                        prints a port that is free
 *
 * The server prints "listening PORT" when it is ready. Exit code 0: every connection ended as it
 * should. Read main(), then serve() and talk(). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wb_pki.h"
#include "wb_tls.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

struct options {
    const char *cert, *key, *ca, *name, *alpn, *send;
    unsigned port, limit, count, key_updates, rx;
    bool require_client_cert, retry, http, tiny;
    uint16_t suite;
};

static int make_pki(const char *dir);
static int listen_on(unsigned wanted, unsigned *port);
static int serve(const struct options *o);
static int connect_to(const char *target, const struct options *o);
static bool read_options(int argc, char **argv, struct options *o);

int main(int argc, char **argv)
{
    struct options o = {.count = 1, .name = "localhost"};
    if (argc >= 3 && strcmp(argv[1], "pki") == 0) {
        return make_pki(argv[2]);
    }
    if (argc == 2 && strcmp(argv[1], "port") == 0) {
        unsigned port;
        int fd = listen_on(0, &port);
        printf("%u\n", port);
        return fd < 0 ? 2 : close(fd);
    }
    if (argc >= 2 && strcmp(argv[1], "server") == 0 && read_options(argc - 2, argv + 2, &o)) {
        return serve(&o);
    }
    if (argc >= 3 && strcmp(argv[1], "client") == 0 && read_options(argc - 3, argv + 3, &o)) {
        return connect_to(argv[2], &o);
    }
    fprintf(stderr,
            "usage: tls_tool pki DIR | server [options] | client HOST:PORT [options]\n"
            "  --cert F --key F   our certificate and key     --ca F      whom we trust\n"
            "  --require-client-cert                          --alpn P    application protocol\n"
            "  --suite 0x1301     only this suite             --limit N   record_size_limit\n"
            "  --count N          connections (server)        --port N    (server) 0: any\n"
            "  --name N           server's name (client)      --send T    text (client)\n"
            "  --retry            send no key share (client)  --key-updates N\n"
            "  --http             answer a request (server)   --tiny      smallest buffers\n");
    return 2;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    const struct {
        const char *name;
        const char **text;
        unsigned *number;
        bool *flag;
    } table[] = {
        {"--cert", &o->cert, NULL, NULL},
        {"--key", &o->key, NULL, NULL},
        {"--ca", &o->ca, NULL, NULL},
        {"--name", &o->name, NULL, NULL},
        {"--alpn", &o->alpn, NULL, NULL},
        {"--send", &o->send, NULL, NULL},
        {"--port", NULL, &o->port, NULL},
        {"--limit", NULL, &o->limit, NULL},
        {"--count", NULL, &o->count, NULL},
        {"--key-updates", NULL, &o->key_updates, NULL},
        {"--require-client-cert", NULL, NULL, &o->require_client_cert},
        {"--retry", NULL, NULL, &o->retry},
        {"--http", NULL, NULL, &o->http},
        {"--tiny", NULL, NULL, &o->tiny},
    };
    for (int i = 0; i < argc; i++) {
        size_t row = 0;
        if (strcmp(argv[i], "--suite") == 0 && i + 1 < argc) {
            o->suite = (uint16_t)strtoul(argv[++i], NULL, 16);
            continue;
        }
        while (row < WB_ARRAY_LEN(table) && strcmp(argv[i], table[row].name) != 0) {
            row++;
        }
        if (row == WB_ARRAY_LEN(table) || (table[row].flag == NULL && i + 1 == argc)) {
            fprintf(stderr, "tls_tool: %s: unknown option, or its value is missing\n", argv[i]);
            return false;
        }
        if (table[row].flag != NULL) {
            *table[row].flag = true;
        } else if (table[row].text != NULL) {
            *table[row].text = argv[++i];
        } else {
            *table[row].number = (unsigned)strtoul(argv[++i], NULL, 10);
        }
    }
    return true;
}

/* ---- pki ---- */

static int make_pki(const char *dir)
{
    static const char *const names[] = {"localhost", "wasmbed-gateway", "127.0.0.1", "::1"};
    static struct wb_pki_ca ca;
    static struct wb_pki_identity identity;
    wb_pki_err_text err_text;
    char cert[512], key[512];
    wb_unix_s now = time(NULL);
    (void)snprintf(cert, sizeof cert, "%s/server.pem", dir);
    (void)snprintf(key, sizeof key, "%s/server.key", dir);
    enum wb_err err = wb_pki_ca_load_or_create(&ca, dir, "Wasmbed CA", now, err_text);
    if (err == WB_OK) {
        err = wb_pki_server_ensure(&identity, &ca, cert, key, names, WB_ARRAY_LEN(names), 365, now,
                                   err_text);
    }
    (void)snprintf(cert, sizeof cert, "%s/device.pem", dir);
    (void)snprintf(key, sizeof key, "%s/device.key", dir);
    if (err == WB_OK) {
        err = wb_pki_device_ensure(&identity, &ca, cert, key, "device-1", 365, now, err_text);
    }
    if (err != WB_OK) {
        fprintf(stderr, "tls_tool: %s\n", err_text);
        return 1;
    }
    return 0;
}

/* ---- a connection ---- */

struct connection {
    struct wb_tls tls;
    int fd;
    const struct options *options;
    const char *to_send;
    size_t to_send_len;
    unsigned key_updates;
    char reply[32768]; /* server: what is to be echoed; client: what came */
    size_t reply_len;
    bool is_over, is_ok;
};

struct setup {
    struct wb_tls_cfg cfg;
    struct wb_pki_identity identity;
    struct wb_pki_anchors anchors;
    const char *alpn[1];
    uint16_t suites[1];
};

static bool make_setup(struct setup *s, const struct options *o, enum wb_tls_role role)
{
    wb_pki_err_text err_text;
    s->cfg = (struct wb_tls_cfg){.role = role,
                                 .crypto = &wb_tls_crypto_core,
                                 .random = wb_pki_random,
                                 .server_name = role == WB_TLS_CLIENT ? o->name : NULL,
                                 .require_client_certificate = o->require_client_cert,
                                 .empty_key_share = o->retry,
                                 .record_size_limit = (uint16_t)o->limit,
                                 .handshake_timeout_ms = 10000};
    if (o->alpn != NULL) {
        s->alpn[0] = o->alpn;
        s->cfg.alpn = s->alpn;
        s->cfg.alpn_count = 1;
    }
    if (o->suite != 0) {
        s->suites[0] = o->suite;
        s->cfg.suites = s->suites;
        s->cfg.suite_count = 1;
    }
    if (o->cert != NULL && o->key != NULL) {
        if (wb_pki_identity_load(&s->identity, o->cert, o->key, err_text) != WB_OK) {
            fprintf(stderr, "tls_tool: %s\n", err_text);
            return false;
        }
        s->cfg.credential = &s->identity.credential;
    }
    if (o->ca != NULL) {
        if (wb_pki_anchors_load(&s->anchors, o->ca, err_text) != WB_OK) {
            fprintf(stderr, "tls_tool: %s\n", err_text);
            return false;
        }
        s->cfg.anchors = s->anchors.anchors;
        s->cfg.anchor_count = s->anchors.count;
    }
    return true;
}

static wb_ms now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (wb_ms)ts.tv_sec * 1000 + (wb_ms)ts.tv_nsec / 1000000;
}

static void on_connected(struct connection *c)
{
    const struct wb_tls_peer *peer = wb_tls_peer(&c->tls);
    const char *alpn = wb_tls_alpn(&c->tls);
    fprintf(stderr, "connected suite=%04x peer=\"%s\" alpn=%s\n", wb_tls_suite(&c->tls),
            peer != NULL ? peer->common_name : "", alpn != NULL ? alpn : "-");
    if (c->options->send != NULL) {
        c->to_send = c->options->send;
        c->to_send_len = strlen(c->to_send);
    }
}

static void on_events(struct connection *c)
{
    struct wb_tls_event event;
    while (wb_tls_next(&c->tls, &event)) {
        switch (event.type) {
        case WB_TLS_EVENT_CONNECTED: on_connected(c); break;
        case WB_TLS_EVENT_PEER_CLOSED:
            c->is_ok = true;
            wb_tls_close(&c->tls);
            break;
        case WB_TLS_EVENT_FAILED:
            fprintf(stderr, "failed: %s alert=%s %s (%s)\n",
                    event.is_alert_received ? "received" : "sent", wb_tls_alert_str(event.alert),
                    event.fault->what, wb_err_str(event.fault->code));
            c->is_ok = false;
            break;
        }
    }
}

static const char http_reply[] = "HTTP/1.0 200 ok\r\nContent-Type: text/plain\r\n"
                                 "Content-Length: 6\r\n\r\nhello\n";

/* Data came: the server echoes it (or answers a whole request), the client collects it. */
static void on_data(struct connection *c)
{
    const uint8_t *data;
    size_t len;
    while (wb_tls_read(&c->tls, &data, &len)) {
        size_t room = sizeof c->reply - c->reply_len;
        if (room == 0) {
            return; /* until the echo left */
        }
        len = len < room ? len : room;
        memcpy(c->reply + c->reply_len, data, len);
        c->reply_len += len;
        wb_tls_read_done(&c->tls, len);
    }
    bool is_server = c->tls.cfg->role == WB_TLS_SERVER;
    if (is_server && c->options->http && c->to_send_len == 0 &&
        memmem(c->reply, c->reply_len, "\r\n\r\n", 4) != NULL) {
        c->to_send = http_reply;
        c->to_send_len = strlen(http_reply);
        c->reply_len = 0;
    } else if (is_server && !c->options->http && c->to_send_len == 0 && c->reply_len > 0) {
        c->to_send = c->reply;
        c->to_send_len = c->reply_len;
    }
}

static void send_some(struct connection *c)
{
    size_t taken;
    if (c->to_send_len == 0) {
        return;
    }
    if (c->key_updates < c->options->key_updates) {
        c->key_updates += wb_tls_key_update(&c->tls, true) == WB_OK;
    }
    if (wb_tls_write(&c->tls, c->to_send, c->to_send_len, &taken) != WB_OK) {
        c->to_send_len = 0;
        return;
    }
    c->to_send += taken;
    c->to_send_len -= taken;
    if (c->to_send_len == 0 && c->tls.cfg->role == WB_TLS_SERVER) {
        c->reply_len = 0;
        if (c->options->http) {
            wb_tls_close(&c->tls);
        }
    }
}

/* The client is done when everything it sent came back. */
static void close_when_done(struct connection *c)
{
    if (c->tls.cfg->role == WB_TLS_CLIENT && wb_tls_is_connected(&c->tls) &&
        (c->options->send == NULL || c->reply_len >= strlen(c->options->send))) {
        c->is_ok = true;
        wb_tls_close(&c->tls);
    }
}

static bool flush(struct connection *c)
{
    uint8_t buf[16384];
    size_t n;
    while ((n = wb_tls_emit(&c->tls, now_ms(), buf, sizeof buf)) > 0) {
        for (size_t at = 0; at < n;) {
            ssize_t sent = send(c->fd, buf + at, n - at, MSG_NOSIGNAL);
            if (sent < 0) {
                return false;
            }
            at += (size_t)sent;
        }
    }
    return true;
}

static bool receive(struct connection *c)
{
    uint8_t buf[16384];
    ssize_t n = recv(c->fd, buf, sizeof buf, 0);
    if (n <= 0) {
        (void)!wb_tls_feed_end(&c->tls);
        on_events(c);
        return false;
    }
    for (size_t at = 0; at < (size_t)n;) {
        size_t used;
        enum wb_err err = wb_tls_feed(&c->tls, now_ms(), buf + at, (size_t)n - at, &used);
        at += used;
        on_events(c);
        on_data(c);
        send_some(c);
        if (!flush(c) || err != WB_OK) {
            return err == WB_OK;
        }
    }
    return true;
}

/* Runs one connection to its end; blocking socket, woken for input and deadlines by poll. */
static bool talk(int fd, const struct setup *s, const struct options *o)
{
    static struct connection c;
    static uint8_t rx[WB_TLS_RX_CAP_FULL], tx[WB_TLS_TX_CAP(16384)];
    static _Alignas(8) uint8_t work[sizeof(struct wb_tls_work) + 8192];
    struct wb_tls_mem mem = {rx, sizeof rx, tx, sizeof tx, work, sizeof work};
    if (o->tiny) {
        mem.rx_cap = WB_TLS_RX_CAP(512);
        mem.tx_cap = WB_TLS_TX_CAP(256);
        mem.work_cap = WB_TLS_WORK_CAP(448);
    }
    memset(&c, 0, sizeof c);
    c.fd = fd;
    c.options = o;
    if (wb_tls_init(&c.tls, &s->cfg, &mem, now_ms(), time(NULL)) != WB_OK) {
        fprintf(stderr, "tls_tool: %s\n", c.tls.fault.what);
        return false;
    }
    bool is_open = flush(&c);
    while (is_open && !wb_tls_is_done(&c.tls)) {
        struct pollfd p = {fd, POLLIN, 0};
        wb_ms due = wb_tls_due(&c.tls);
        int timeout = due == WB_NEVER ? 20000 : (int)(due > now_ms() ? due - now_ms() : 0);
        if (poll(&p, 1, timeout) == 0) {
            wb_tls_tick(&c.tls, now_ms());
            on_events(&c);
            is_open = due != WB_NEVER && flush(&c);
            continue;
        }
        is_open = receive(&c);
        send_some(&c);
        close_when_done(&c);
        is_open = flush(&c) && is_open;
    }
    (void)flush(&c);
    if (c.tls.cfg->role == WB_TLS_CLIENT && c.reply_len > 0) {
        (void)fwrite(c.reply, 1, c.reply_len, stdout);
        (void)fflush(stdout);
    }
    bool is_ok = c.is_ok;
    wb_tls_deinit(&c.tls);
    /* An orderly end, so that the alert is not overtaken by a reset. */
    (void)shutdown(fd, SHUT_WR);
    struct pollfd p = {fd, POLLIN, 0};
    while (poll(&p, 1, 2000) > 0 && recv(fd, rx, sizeof rx, 0) > 0) {
    }
    return is_ok;
}

/* ---- sockets ---- */

static int listen_on(unsigned wanted, unsigned *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)wanted),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int one = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        fprintf(stderr, "tls_tool: cannot listen: %s\n", strerror(errno));
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static int serve(const struct options *o)
{
    static struct setup s;
    if (!make_setup(&s, o, WB_TLS_SERVER)) {
        return 2;
    }
    unsigned port = 0;
    int fd = listen_on(o->port, &port);
    if (fd < 0) {
        return 2;
    }
    printf("listening %u\n", port);
    (void)fflush(stdout);
    bool is_ok = true;
    for (unsigned i = 0; i < o->count; i++) {
        int peer = accept(fd, NULL, NULL);
        if (peer < 0) {
            break;
        }
        is_ok = talk(peer, &s, o) && is_ok;
        (void)close(peer);
    }
    (void)close(fd);
    return is_ok ? 0 : 1;
}

static int connect_to(const char *target, const struct options *o)
{
    static struct setup s;
    const char *colon = strrchr(target, ':');
    if (colon == NULL || !make_setup(&s, o, WB_TLS_CLIENT)) {
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fprintf(stderr, "tls_tool: %s: %s\n", target, strerror(errno));
        return 2;
    }
    bool is_ok = talk(fd, &s, o);
    (void)close(fd);
    return is_ok ? 0 : 1;
}
