/* SPDX-License-Identifier: AGPL-3.0-only */
/* http_test.c: server and client against each other over loopback, plain and with TLS. */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wb_http.h"
#include "wb_test.h"

struct world {
    struct wb_net_loop *loop;
    struct wb_net_timer *guard;
    struct wb_http_server *server;
    struct wb_http_client *client;
    char *cert_pem, *key_pem;
    bool late;
    /* server's side */
    struct wb_http_request *held;
    struct wb_http_stream *stream;
    unsigned gone, stream_closed, stream_drained;
    char seen[256];
    /* client's side */
    unsigned done;
    struct wb_http_call *call;
    enum wb_err err;
    unsigned status;
    char body[4096];
    size_t body_len;
    char why[256];
    unsigned lines;
    char last_line[64];
    bool cancel_in_line, chain;
};

#define wait_for(w, condition)                                                                     \
    do {                                                                                           \
        wb_net_timer_start((w)->guard, 20000, 0);                                                  \
        while (!(condition)) {                                                                     \
            wb_net_loop_turn((w)->loop, true);                                                     \
            assert_false((w)->late);                                                               \
        }                                                                                          \
    } while (0)

static void on_guard(void *ctx)
{
    ((struct world *)ctx)->late = true;
}

/* ---- server ------------------------------------------------------------------------------- */

static void on_gone(void *ctx)
{
    struct world *w = ctx;
    w->gone++;
    wb_http_respond_text(w->held, 500, "");
    w->held = NULL;
}

static void on_stream_closed(void *ctx)
{
    struct world *w = ctx;
    w->stream_closed++;
    w->stream = NULL;
}

static void on_stream_drained(void *ctx)
{
    ((struct world *)ctx)->stream_drained++;
}

static void on_request(void *ctx, struct wb_http_request *r)
{
    struct world *w = ctx;
    const char *path = wb_http_request_path(r);
    size_t len;
    const uint8_t *body = wb_http_request_body(r, &len);
    if (strcmp(path, "/hold") == 0) {
        w->held = r;
        wb_http_request_on_gone(r, on_gone, w);
    } else if (strcmp(path, "/stream") == 0) {
        struct wb_http_response head = {.status = 200, .content_type = "application/json"};
        w->stream = wb_http_stream_open(r, &head, on_stream_closed, w);
        wb_http_stream_on_drained(w->stream, on_stream_drained);
    } else if (strcmp(path, "/echo") == 0) {
        struct wb_http_header header = {"X-Len", "some"};
        struct wb_http_response response = {.status = 200,
                                            .content_type = "application/octet-stream",
                                            .headers = &header,
                                            .header_count = 1,
                                            .body = body,
                                            .body_len = len};
        wb_http_respond(r, &response);
    } else if (strcmp(path, "/taken") == 0) {
        struct wb_http_response response = {
            .status = 201, .body = strdup("mine"), .body_len = 4, .body_free = free};
        wb_http_respond(r, &response);
    } else {
        const char *value = wb_http_query_find(wb_http_request_query(r), "q");
        const char *auth = wb_http_request_header(r, "authorization");
        snprintf(w->seen, sizeof(w->seen), "%s %s q=%s auth=%s", wb_http_request_method(r), path,
                 value ? value : "(none)", auth ? auth : "(none)");
        assert_memory_equal(wb_http_request_peer(r), "127.0.0.1:", 10);
        wb_http_respond_text(r, 404, w->seen);
    }
}

/* A self-issued Ed25519 certificate for 127.0.0.1. */
static void make_certificate(struct world *w)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(x, san, -1);
    X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
    X509_add_ext(x, ca, -1);
    assert_true(X509_sign(x, key, NULL) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    w->cert_pem = strndup(text, (size_t)len);
    BIO_free(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &text);
    w->key_pem = strndup(text, (size_t)len);
    BIO_free(bio);
    X509_EXTENSION_free(san);
    X509_EXTENSION_free(ca);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void start(struct world *w, bool tls, bool trust)
{
    char err[160] = "";
    struct wb_http_server_cfg cfg = {.cert_pem = tls ? w->cert_pem : NULL,
                                     .key_pem = tls ? w->key_pem : NULL,
                                     .body_max = 1024 * 1024,
                                     .stream_queue_max = 256 * 1024,
                                     .request = on_request,
                                     .ctx = w};
    w->server = wb_http_server_new(w->loop, &cfg, err, sizeof(err));
    assert_string_equal(err, "");
    char url[64];
    snprintf(url, sizeof(url), "http%s://127.0.0.1:%u", tls ? "s" : "",
             wb_http_server_port(w->server));
    struct wb_http_client_cfg client = {
        .base_url = url, .ca_pem = trust ? w->cert_pem : NULL, .bearer_token = "secret"};
    w->client = wb_http_client_new(w->loop, &client);
}

static int setup_none(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->loop = wb_net_loop_new();
    w->guard = wb_net_timer_new(w->loop, on_guard, w);
    make_certificate(w);
    *state = w;
    return 0;
}

static int setup_plain(void **state)
{
    setup_none(state);
    start(*state, false, false);
    return 0;
}

static int setup_tls(void **state)
{
    setup_none(state);
    start(*state, true, true);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    wb_http_client_free(w->client);
    wb_http_server_free(w->server);
    assert_null(w->held);
    wb_net_timer_free(w->guard);
    wb_net_loop_free(w->loop);
    free(w->cert_pem);
    free(w->key_pem);
    free(w);
    return 0;
}

/* ---- client ------------------------------------------------------------------------------- */

static void fetch(struct world *w, const char *method, const char *url, const void *body,
                  size_t len);

static void on_done(void *ctx, const struct wb_http_result *result)
{
    struct world *w = ctx;
    w->done++;
    w->call = NULL;
    w->err = result->err;
    w->status = result->status;
    w->body_len = result->body_len;
    size_t len = result->body_len < sizeof(w->body) ? result->body_len : sizeof(w->body) - 1;
    memcpy(w->body, result->body, len);
    w->body[len] = '\0';
    snprintf(w->why, sizeof(w->why), "%s", result->why);
    if (w->chain) {
        w->chain = false;
        fetch(w, NULL, "/taken", NULL, 0);
    }
}

static void on_line(void *ctx, const char *line, size_t len)
{
    struct world *w = ctx;
    w->lines++;
    assert_int_equal(strlen(line), len);
    snprintf(w->last_line, sizeof(w->last_line), "%s", line);
    if (w->cancel_in_line) {
        wb_http_call_cancel(w->call);
        w->call = NULL;
    }
}

static void fetch(struct world *w, const char *method, const char *url, const void *body,
                  size_t len)
{
    struct wb_http_call_cfg cfg = {
        .method = method, .url = url, .body = body, .body_len = len, .done = on_done, .ctx = w};
    w->call = wb_http_client_call(w->client, &cfg);
    assert_non_null(w->call);
}

static void stream(struct world *w)
{
    struct wb_http_call_cfg cfg = {.url = "/stream", .line = on_line, .done = on_done, .ctx = w};
    w->call = wb_http_client_call(w->client, &cfg);
    wait_for(w, w->stream);
}

/* ---- claims ------------------------------------------------------------------------------- */

static void decodes_path_and_query(void **state)
{
    struct world *w = *state;
    fetch(w, NULL, "/a%20b?x=1&q=c%2Cd+e", NULL, 0);
    wait_for(w, w->done == 1);
    assert_ok(w->err);
    assert_int_equal(w->status, 404);
    assert_string_equal(w->body, "GET /a b q=c,d e auth=(none)"); /* no token over plain http */
}

static void echoes_bodies_with_any_method(void **state)
{
    struct world *w = *state;
    fetch(w, "PATCH", "/echo", "{}", 2);
    wait_for(w, w->done == 1);
    assert_string_equal(w->body, "{}");
    fetch(w, "DELETE", "/x", NULL, 0);
    wait_for(w, w->done == 2);
    assert_memory_equal(w->seen, "DELETE /x q=(none)", 18);
    fetch(w, "HEAD", "/x", NULL, 0);
    wait_for(w, w->done == 3);
    assert_int_equal(w->status, 404);
    assert_int_equal(w->body_len, 0);
    fetch(w, NULL, "/taken", NULL, 0);
    wait_for(w, w->done == 4);
    assert_string_equal(w->body, "mine");
}

static void large_bodies_pass_and_larger_ones_get_413(void **state)
{
    struct world *w = *state;
    static char body[8 * 1024 * 1024];
    memset(body, 'x', sizeof(body));
    fetch(w, NULL, "/echo", body, 1024 * 1024);
    wait_for(w, w->done == 1);
    assert_int_equal(w->status, 200);
    assert_int_equal(w->body_len, 1024 * 1024);
    fetch(w, NULL, "/echo", body, 1024 * 1024 + 1);
    wait_for(w, w->done == 2);
    assert_int_equal(w->status, 413);
    fetch(w, NULL, "/echo", body, sizeof(body));
    wait_for(w, w->done == 3);
    assert_true(w->status == 413 || w->err == WB_ERR_IO); /* cut off while still sending */
    fetch(w, NULL, "/taken", NULL, 0);
    wait_for(w, w->done == 4);
    assert_int_equal(w->status, 201);
}

static void answers_later(void **state)
{
    struct world *w = *state;
    fetch(w, NULL, "/hold", NULL, 0);
    wait_for(w, w->held);
    wb_net_loop_turn(w->loop, false);
    assert_int_equal(w->done, 0);
    wb_http_respond_text(w->held, 200, "late");
    w->held = NULL;
    wait_for(w, w->done == 1);
    assert_string_equal(w->body, "late");
    assert_int_equal(w->gone, 0);
}

static void tells_when_the_asker_is_gone(void **state)
{
    struct world *w = *state;
    fetch(w, NULL, "/hold", NULL, 0);
    wait_for(w, w->held);
    wb_http_call_cancel(w->call);
    wait_for(w, w->gone == 1);
    assert_int_equal(w->done, 0);
}

static void unanswered_request_at_the_end_is_told(void **state)
{
    struct world *w = *state;
    fetch(w, NULL, "/hold", NULL, 0);
    wait_for(w, w->held);
    wb_http_server_free(w->server);
    w->server = NULL;
    assert_int_equal(w->gone, 1);
}

static void streams_lines_as_they_come(void **state)
{
    struct world *w = *state;
    stream(w);
    struct wb_http_buf *buf = wb_http_buf_new("{\"a\":1}\n", 8);
    assert_ok(wb_http_stream_write_buf(w->stream, buf));
    wait_for(w, w->lines == 1);
    assert_string_equal(w->last_line, "{\"a\":1}");
    assert_ok(wb_http_stream_write(w->stream, "half", 4));
    wait_for(w, w->stream_drained >= 1);
    assert_int_equal(w->lines, 1);
    assert_ok(wb_http_stream_write(w->stream, " line\nlast", 10));
    wait_for(w, w->lines == 2);
    assert_string_equal(w->last_line, "half line");
    wb_http_stream_close(w->stream);
    w->stream = NULL;
    wait_for(w, w->done == 1);
    assert_ok(w->err);
    assert_string_equal(w->last_line, "last");
    assert_int_equal(buf->references, 1);
    wb_http_buf_unref(buf);
    assert_int_equal(w->stream_closed, 0);
}

static void stream_ends_when_the_reader_goes(void **state)
{
    struct world *w = *state;
    stream(w);
    assert_ok(wb_http_stream_write(w->stream, "x\n", 2));
    wait_for(w, w->lines == 1);
    wb_http_call_cancel(w->call);
    wait_for(w, w->stream_closed == 1);
    assert_int_equal(w->done, 0);
}

static void reader_may_cancel_inside_its_line(void **state)
{
    struct world *w = *state;
    stream(w);
    w->cancel_in_line = true;
    assert_ok(wb_http_stream_write(w->stream, "x\ny\n", 4));
    wait_for(w, w->stream_closed == 1);
    assert_int_equal(w->lines, 1);
    assert_int_equal(w->done, 0);
}

/* A reader that never reads: a bare socket. */
static void slow_reader_is_dropped(void **state)
{
    struct world *w = *state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(wb_http_server_port(w->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    static const char ask[] = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(write(fd, ask, sizeof(ask) - 1), sizeof(ask) - 1);
    wait_for(w, w->stream);
    static char block[16 * 1024];
    enum wb_err err = WB_OK;
    for (unsigned i = 0; i < 2000 && err == WB_OK; i++) {
        err = wb_http_stream_write(w->stream, block, sizeof(block));
        wb_net_loop_turn(w->loop, false);
    }
    assert_err(WB_ERR_FULL, err);
    wait_for(w, w->stream_closed == 1);
    close(fd);
}

static void open_stream_at_the_end_is_closed(void **state)
{
    struct world *w = *state;
    stream(w);
    wb_http_server_free(w->server);
    w->server = NULL;
    assert_int_equal(w->stream_closed, 1);
    wait_for(w, w->done == 1);
    assert_err(WB_ERR_IO, w->err);
}

static void callbacks_may_start_calls(void **state)
{
    struct world *w = *state;
    w->chain = true;
    fetch(w, NULL, "/x", NULL, 0);
    wait_for(w, w->done == 2);
    assert_string_equal(w->body, "mine");
}

static void sends_the_token_over_tls(void **state)
{
    struct world *w = *state;
    fetch(w, NULL, "/x", NULL, 0);
    wait_for(w, w->done == 1);
    assert_string_equal(w->why, "");
    assert_string_equal(w->body, "GET /x q=(none) auth=Bearer secret");
}

static void streams_large_pieces(void **state)
{
    struct world *w = *state;
    stream(w);
    size_t len = 900 * 1024;
    char *piece = malloc(len);
    memset(piece, 'y', len);
    piece[len - 1] = '\n';
    assert_ok(wb_http_stream_write(w->stream, piece, len));
    free(piece);
    wait_for(w, w->lines == 1);
    wb_http_stream_close(w->stream);
    w->stream = NULL;
    wait_for(w, w->done == 1);
}

static void refuses_a_server_it_does_not_trust(void **state)
{
    struct world *w = *state;
    start(w, true, false);
    fetch(w, NULL, "/x", NULL, 0);
    wait_for(w, w->done == 1);
    assert_err(WB_ERR_CERTIFICATE_UNTRUSTED, w->err);
    assert_int_equal(w->status, 0);
    assert_string_not_equal(w->why, "");
}

static void call_times_out(void **state)
{
    struct world *w = *state;
    struct wb_http_call_cfg cfg = {.url = "/hold", .timeout_ms = 50, .done = on_done, .ctx = w};
    w->call = wb_http_client_call(w->client, &cfg);
    wait_for(w, w->done == 1);
    assert_err(WB_ERR_TIMEOUT, w->err);
    wait_for(w, !w->held);
}

static void answers_over_the_limit_fail(void **state)
{
    struct world *w = *state;
    struct wb_http_call_cfg cfg = {.url = "/echo",
                                   .body = "0123456789",
                                   .body_len = 10,
                                   .body_max = 9,
                                   .done = on_done,
                                   .ctx = w};
    w->call = wb_http_client_call(w->client, &cfg);
    wait_for(w, w->done == 1);
    assert_err(WB_ERR_LIMIT, w->err);
}

static void nobody_there_is_an_error(void **state)
{
    struct world *w = *state;
    wb_http_server_free(w->server);
    w->server = NULL;
    fetch(w, NULL, "/x", NULL, 0);
    wait_for(w, w->done == 1);
    assert_err(WB_ERR_IO, w->err);
}

static void many_streams_at_once(void **state)
{
    struct world *w = *state;
    enum { COUNT = 200 };
    int fds[COUNT];
    static const char ask[] = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    struct wb_http_stream *streams[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        struct sockaddr_in in = {.sin_family = AF_INET,
                                 .sin_port = htons(wb_http_server_port(w->server)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&in, sizeof(in)), 0);
        assert_int_equal(write(fds[i], ask, sizeof(ask) - 1), sizeof(ask) - 1);
        w->stream = NULL;
        wait_for(w, w->stream);
        streams[i] = w->stream;
    }
    struct wb_http_buf *buf = wb_http_buf_new("event\n", 6);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_ok(wb_http_stream_write_buf(streams[i], buf));
    }
    wb_http_buf_unref(buf);
    wait_for(w, w->stream_drained == COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        char got[512] = "";
        size_t len = 0;
        while (!strstr(got, "event\n")) {
            ssize_t n = recv(fds[i], got + len, sizeof(got) - 1 - len, 0);
            assert_true(n > 0);
            len += (size_t)n;
        }
        close(fds[i]);
    }
    wait_for(w, w->stream_closed == COUNT);
}

static void bad_certificate_is_refused(void **state)
{
    struct world *w = *state;
    char err[160] = "";
    struct wb_http_server_cfg cfg = {
        .cert_pem = "nonsense", .key_pem = "nonsense", .request = on_request, .ctx = w};
    assert_null(wb_http_server_new(w->loop, &cfg, err, sizeof(err)));
    assert_non_null(strstr(err, "certificate or key is not usable"));
    cfg = (struct wb_http_server_cfg){.request = on_request, .ctx = w};
    cfg.port = wb_http_server_port(w->server);
    assert_null(wb_http_server_new(w->loop, &cfg, err, sizeof(err)));
    assert_non_null(strstr(err, "Address already in use"));
}

static void garbage_costs_only_its_connection(void **state)
{
    struct world *w = *state;
    static const char *const garbage[] = {"\r\n\r\n\r\n", "GET", "GET / HTTP/9.9\r\n\r\n",
                                          "\x16\x03\x01\x02\x00\x01\x00",
                                          "POST /echo HTTP/1.1\r\n"
                                          "Host: x\r\nContent-Length: 99\r\n\r\nshort"};
    for (size_t i = 0; i < WB_ARRAY_LEN(garbage); i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in in = {.sin_family = AF_INET,
                                 .sin_port = htons(wb_http_server_port(w->server)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        assert_true(write(fd, garbage[i], strlen(garbage[i])) > 0);
        wb_net_loop_turn(w->loop, false);
        close(fd);
        wb_net_loop_turn(w->loop, false);
    }
    fetch(w, NULL, "/taken", NULL, 0);
    wait_for(w, w->done == 1);
    assert_int_equal(w->status, 201);
}

/* A client that begins a TLS handshake and then says nothing must not keep a processor busy. */
static void stalled_handshake_costs_few_turns(void **state)
{
    struct world *w = *state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(wb_http_server_port(w->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(write(fd, "\x16\x03\x01\x02\x00\x01", 6), 6);
    unsigned turns = 0;
    wb_ms end = wb_net_now_ms(w->loop) + 500;
    while (wb_net_now_ms(w->loop) < end) {
        wb_net_timer_start(w->guard, 500, 0);
        wb_net_loop_turn(w->loop, true);
        turns++;
    }
    w->late = false;
    assert_true(turns < 40);
    fetch(w, NULL, "/taken", NULL, 0); /* others are served meanwhile */
    wait_for(w, w->done == 1);
    assert_int_equal(w->status, 201);
    close(fd);
}

static void query_strings_decode(void **state)
{
    (void)state;
    struct wb_http_query q;
    assert_ok(wb_http_query_init(&q, "a=1&&b&c=%41%zz%4&a=2&d=%00x&e=x%3Dy"));
    assert_string_equal(wb_http_query_find(&q, "a"), "1");
    assert_string_equal(wb_http_query_find(&q, "b"), "");
    assert_string_equal(wb_http_query_find(&q, "c"), "A%zz%4");
    assert_string_equal(wb_http_query_find(&q, "d"), "");
    assert_string_equal(wb_http_query_find(&q, "e"), "x=y");
    assert_null(wb_http_query_find(&q, "f"));
    wb_http_query_deinit(&q);
    char many[400] = "";
    for (unsigned i = 0; i < 100; i++) {
        strcat(many, "a=&");
    }
    assert_ok(wb_http_query_init(&q, many));
    assert_int_equal(q.count, WB_HTTP_QUERY_MAX);
    wb_http_query_deinit(&q);
}

int main(void)
{
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, setup_plain, teardown)
#define TLS(test)   cmocka_unit_test_setup_teardown(test, setup_tls, teardown)
#define BOTH(test)  PLAIN(test), TLS(test)
    const struct CMUnitTest tests[] = {
        PLAIN(decodes_path_and_query),
        BOTH(echoes_bodies_with_any_method),
        BOTH(large_bodies_pass_and_larger_ones_get_413),
        BOTH(answers_later),
        BOTH(tells_when_the_asker_is_gone),
        BOTH(unanswered_request_at_the_end_is_told),
        BOTH(streams_lines_as_they_come),
        BOTH(stream_ends_when_the_reader_goes),
        BOTH(reader_may_cancel_inside_its_line),
        PLAIN(slow_reader_is_dropped),
        BOTH(open_stream_at_the_end_is_closed),
        BOTH(callbacks_may_start_calls),
        TLS(sends_the_token_over_tls),
        BOTH(streams_large_pieces),
        cmocka_unit_test_setup_teardown(refuses_a_server_it_does_not_trust, setup_none, teardown),
        BOTH(call_times_out),
        PLAIN(answers_over_the_limit_fail),
        PLAIN(nobody_there_is_an_error),
        PLAIN(many_streams_at_once),
        PLAIN(bad_certificate_is_refused),
        BOTH(garbage_costs_only_its_connection),
        TLS(stalled_handshake_costs_few_turns),
        cmocka_unit_test(query_strings_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
