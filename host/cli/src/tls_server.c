/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed tls server`: a TLS server to try other clients on: echoes what comes, or answers HTTP
 * requests with what it knows about the connection. Any number of connections in one loop. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "tls_link.h"

#define REQUEST_MAX     16384u
#define TICKET_USED_MAX 4096u /* tickets that were used and have not expired */
#define TICKET_S        7200

struct server {
    struct wb_net_loop *loop;
    struct wb_net_listener *listener;
    struct tls_settings settings;
    bool is_http, is_failed;
    long count;    /* connections until it ends; 0: for ever */
    long accepted; /* so far */
    long open;     /* of them */
    struct wb_tls_ticket_keys tickets;
    struct {
        uint8_t id[16];
        wb_unix_s until;
    } used[TICKET_USED_MAX];
};

struct visitor {
    struct server *server;
    char name[80];
    /* HTTP: the request so far, then the reply */
    char request[REQUEST_MAX + 1];
    size_t request_len;
    char reply[4096];
    size_t reply_len, reply_at;
    bool is_answered, is_eof;
};

static void end_when_done(struct server *s)
{
    if (s->count > 0 && s->accepted >= s->count && s->open == 0) {
        wb_net_loop_stop(s->loop);
    }
}

/* ---- tickets ---- */

/* Each ticket once. A table without a free place refuses: the handshake is a full one then. */
static bool use_ticket(void *ctx, const uint8_t id[16], wb_unix_s until)
{
    struct server *s = ctx;
    wb_unix_s now = wb_net_unix_s();
    size_t place = TICKET_USED_MAX;
    for (size_t i = 0; i < TICKET_USED_MAX; i++) {
        if (s->used[i].until < now) {
            place = i;
        } else if (memcmp(s->used[i].id, id, sizeof s->used[i].id) == 0) {
            return false;
        }
    }
    if (place == TICKET_USED_MAX) {
        return false;
    }
    memcpy(s->used[place].id, id, sizeof s->used[place].id);
    s->used[place].until = until;
    return true;
}

static bool begin_tickets(struct server *s, long lifetime_s)
{
    struct wb_tls_ticket_key *key = &s->tickets.current;
    s->tickets.lifetime_s = (uint32_t)lifetime_s;
    s->settings.cfg.tickets = lifetime_s > 0 ? &s->tickets : NULL;
    s->settings.cfg.ticket_use = use_ticket;
    s->settings.cfg.ticket_ctx = s;
    return wb_pki_random(NULL, key->id, sizeof key->id) == WB_OK &&
           wb_pki_random(NULL, key->key, sizeof key->key) == WB_OK;
}

/* ---- the page ---- */

static void hex(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* Facts about the connection, a line each; the request line is shown back. */
static void write_page(struct visitor *v, const struct wb_tls *tls, const char *method)
{
    const struct wb_tls_peer *peer = wb_tls_peer(tls);
    const char *alpn = wb_tls_alpn(tls);
    char page[2048];
    char fingerprint[65] = "";
    if (peer != NULL) {
        hex(fingerprint, peer->fingerprint, 32);
    }
    int len = snprintf(page, sizeof page,
                       "wasmbed tls server " WASMBED_VERSION "\n"
                       "protocol:      TLS 1.3\n"
                       "cipher suite:  %s\n"
                       "key exchange:  %s\n"
                       "resumed:       %s\n"
                       "ALPN:          %s\n"
                       "provider:      %s\n"
                       "your address:  %s\n"
                       "your name:     %s\n"
                       "fingerprint:   %s%s\n",
                       tls_suite_name(wb_tls_suite(tls)), tls_group_name(wb_tls_group(tls)),
                       wb_tls_is_resumed(tls) ? "yes" : "no", alpn != NULL ? alpn : "none",
                       tls->cfg->crypto->name, v->name,
                       peer != NULL ? peer->common_name : "no certificate",
                       peer != NULL ? "sha256:" : "-", fingerprint);
    bool is_head = strcmp(method, "HEAD") == 0;
    int total = snprintf(v->reply, sizeof v->reply,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                         "Content-Length: %d\r\nConnection: close\r\nCache-Control: no-store\r\n"
                         "\r\n%s",
                         len, is_head ? "" : page);
    v->reply_len = total > 0 && (size_t)total < sizeof v->reply ? (size_t)total : 0;
}

static void write_refusal(struct visitor *v, const char *status)
{
    int len = snprintf(v->reply, sizeof v->reply,
                       "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                       "Connection: close\r\n\r\n%s\n",
                       status, strlen(status) + 1, status);
    v->reply_len = (size_t)len;
}

static void send_reply(struct visitor *v, struct tls_link *link)
{
    while (v->reply_at < v->reply_len) {
        size_t taken = tls_link_write(link, v->reply + v->reply_at, v->reply_len - v->reply_at);
        if (taken == 0) {
            return;
        }
        v->reply_at += taken;
    }
    tls_link_close(link);
}

static void answer(struct visitor *v, struct tls_link *link)
{
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    v->request[v->request_len] = '\0';
    bool is_whole = strstr(v->request, "\r\n\r\n") != NULL || strstr(v->request, "\n\n") != NULL;
    if (v->is_answered || (!is_whole && v->request_len < REQUEST_MAX)) {
        return;
    }
    v->is_answered = true;
    if (!is_whole) {
        write_refusal(v, "431 Request Header Fields Too Large");
    } else {
        char method[8] = "", version[16] = "";
        int fields = sscanf(v->request, "%7[A-Z] %*s %15s", method, version);
        bool is_known = false;
        for (size_t i = 0; i < WB_ARRAY_LEN(methods); i++) {
            is_known = is_known || strcmp(method, methods[i]) == 0;
        }
        if (fields != 2 || strncmp(version, "HTTP/1.", 7) != 0) {
            write_refusal(v, "400 Bad Request");
        } else if (!is_known) {
            write_refusal(v, "501 Not Implemented");
        } else {
            write_page(v, tls_link_engine(link), method);
        }
    }
    send_reply(v, link);
}

/* ---- a connection ---- */

static void on_connected(void *ctx, struct tls_link *link)
{
    (void)ctx;
    (void)link;
}

static size_t on_data(void *ctx, struct tls_link *link, const uint8_t *bytes, size_t len)
{
    struct visitor *v = ctx;
    if (!v->server->is_http) {
        return tls_link_write(link, bytes, len);
    }
    size_t room = REQUEST_MAX - v->request_len;
    size_t take = len < room ? len : room;
    if (!v->is_answered) {
        memcpy(v->request + v->request_len, bytes, take);
        v->request_len += take;
        answer(v, link);
    }
    return len; /* what follows a request is not looked at */
}

static void on_writable(void *ctx, struct tls_link *link)
{
    struct visitor *v = ctx;
    if (v->is_answered && v->reply_at < v->reply_len) {
        send_reply(v, link);
    }
}

static void on_peer_closed(void *ctx, struct tls_link *link)
{
    (void)ctx;
    tls_link_close(link);
}

static void on_over(void *ctx, struct tls_link *link, bool is_ok)
{
    struct visitor *v = ctx;
    struct server *s = v->server;
    (void)link;
    s->is_failed = s->is_failed || !is_ok;
    s->open--;
    free(v);
    end_when_done(s);
}

static void on_accepted(void *ctx, struct wb_net_stream *stream)
{
    struct server *s = ctx;
    struct visitor *v = calloc(1, sizeof *v);
    if (v == NULL || (s->count > 0 && s->accepted >= s->count)) {
        free(v);
        wb_net_stream_close(stream);
        return;
    }
    v->server = s;
    snprintf(v->name, sizeof v->name, "%s", wb_net_stream_peer(stream));
    s->accepted++;
    s->open++;
    const struct tls_link_user user = {.connected = on_connected,
                                       .data = on_data,
                                       .writable = on_writable,
                                       .peer_closed = on_peer_closed,
                                       .over = on_over,
                                       .ctx = v};
    if (tls_link_accept(s->loop, stream, &s->settings, v->name, &user) == NULL) {
        s->is_failed = true;
        s->open--;
        free(v);
        end_when_done(s);
    }
}

static int serve(struct server *s, const char *bind, long port)
{
    char why[160];
    s->loop = wb_net_loop_new();
    if (s->loop == NULL || wb_net_loop_signals(s->loop, NULL, NULL) != WB_OK) {
        fprintf(stderr, "wasmbed tls server: no event loop: out of memory or descriptors\n");
        return EXIT_FAILED;
    }
    s->listener = wb_net_listen(s->loop, bind, (uint16_t)port, on_accepted, s, why, sizeof why);
    if (s->listener == NULL) {
        fprintf(stderr, "wasmbed tls server: %s\n", why);
        wb_net_loop_free(s->loop);
        return EXIT_FAILED;
    }
    printf("listening %s:%u\n", bind, wb_net_listener_port(s->listener));
    (void)fflush(stdout);
    wb_net_loop_run(s->loop);
    wb_net_listener_free(s->listener);
    return s->is_failed && s->count > 0 ? EXIT_FAILED : EXIT_OK;
}

int command_tls_server(struct args *args)
{
    static struct server s;
    struct tls_settings *t = &s.settings;
    const char *bind = "127.0.0.1";
    long port = 4433;
    long ticket_s = TICKET_S;
    const struct option options[] = {
        OPTION_NUMBER("port", 'p', "N", "port, 0 for any free one (default 4433)", &port, 0, 65535),
        OPTION_TEXT("bind", 0, "ADDRESS", "numeric address (default 127.0.0.1)", &bind),
        TLS_OPTIONS(t),
        OPTION_FLAG("request-client-cert", 0, "ask for a certificate, go on without one",
                    &t->cfg.request_client_certificate),
        OPTION_FLAG("require-client-cert", 0, "refuse clients without a certificate",
                    &t->cfg.require_client_certificate),
        OPTION_FLAG("accept-self-issued", 0, "take self-signed client certificates, too",
                    &t->cfg.accept_self_issued),
        OPTION_NUMBER("ticket-lifetime", 0, "SECONDS",
                      "of tickets for resumption, each good for one use (default 7200, 0: none)",
                      &ticket_s, 0, 604800),
        OPTION_FLAG("http", 0, "answer requests with the facts about the connection", &s.is_http),
        OPTION_NUMBER("count", 0, "N", "end after N connections; exit code 1 if one of them failed",
                      &s.count, 1, 1000000),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    if (result != -1) {
        return result;
    }
    bool asks = t->cfg.request_client_certificate || t->cfg.require_client_certificate;
    if (t->cert == NULL) {
        fprintf(stderr, "wasmbed tls server: --cert and --key are needed; `wasmbed cert` makes "
                        "them\nTry 'wasmbed tls server --help'.\n");
        return EXIT_USAGE;
    }
    if (asks && t->ca == NULL && !t->cfg.accept_self_issued) {
        fprintf(stderr, "wasmbed tls server: client certificates need --ca to be checked against\n"
                        "Try 'wasmbed tls server --help'.\n");
        return EXIT_USAGE;
    }
    t->cfg.role = WB_TLS_SERVER;
    result = tls_settings_apply(t, args);
    if (result == -1) {
        result = begin_tickets(&s, ticket_s) ? serve(&s, bind, port) : EXIT_FAILED;
    }
    wb_wipe(&s.tickets, sizeof s.tickets);
    tls_settings_wipe(t);
    return result;
}
