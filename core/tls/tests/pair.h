/* SPDX-License-Identifier: AGPL-3.0-only */
/* pair.h: fixture for tests of the engine: an authority, a server's and a client's identity, two
 * engines and a byte pipe between them. Everything is deterministic. */
#ifndef WB_TLS_TEST_PAIR_H
#define WB_TLS_TEST_PAIR_H

#include "wb_test.h"
#include "wb_tls.h"

#define NOW         1750000000 /* 2025-06-15 */
#define YEAR        (365 * 86400)
#define PIPE_CAP    65536u
#define SCRATCH     2048u
#define SERVER_NAME "wasmbed-gateway"

/* Who computes; other modules' tests of their provider compile these tests with another one. */
#ifndef PAIR_CLIENT_CRYPTO
#define PAIR_CLIENT_CRYPTO wb_tls_crypto_core
#endif
#ifndef PAIR_SERVER_CRYPTO
#define PAIR_SERVER_CRYPTO wb_tls_crypto_core
#endif

struct identity {
    uint8_t private_key[32];
    uint8_t public_key[32];
    uint8_t der[WB_X509_CERT_MAX];
    size_t len;
    struct wb_bytes chain[1];
    struct wb_tls_credential credential;
};

struct side {
    struct wb_tls tls;
    struct wb_tls_cfg cfg;
    struct wb_tls_mem mem;
    uint8_t *rx, *tx;
    _Alignas(8) uint8_t work[sizeof(struct wb_tls_work) + SCRATCH];
    uint32_t seed;
    enum wb_err err; /* of feed */
    bool is_connected, is_peer_closed, is_failed;
    struct wb_tls_event failure;
    uint8_t received[PIPE_CAP];
    size_t received_len;
};

struct pipe {
    uint8_t bytes[PIPE_CAP];
    size_t at, len;
    uint8_t header[5]; /* of the record passing by */
    size_t header_have, body_left;
    size_t protected_max; /* longest body of a protected record */
    size_t records;
};

struct pair {
    struct identity ca, server_id, client_id;
    struct wb_x509_anchor anchor;
    struct side client, server;
    struct pipe to_server, to_client;
    size_t chunk;      /* bytes a feed, 0: as many as there are */
    size_t emit_chunk; /* bytes an emit */
    size_t
        flip_at; /* byte of the to-be-flipped direction that is altered, counted from 1; 0: none */
    bool is_flip_to_server;
    uint8_t flip_mask;
    size_t sent_to_server, sent_to_client;
};

/* xorshift: the tests' entropy. */
static inline enum wb_err test_random(void *ctx, void *out, size_t len)
{
    uint32_t *s = ctx;
    for (size_t i = 0; i < len; i++) {
        *s ^= *s << 13;
        *s ^= *s >> 17;
        *s ^= *s << 5;
        ((uint8_t *)out)[i] = (uint8_t)*s;
    }
    return WB_OK;
}

static inline void make_key(struct identity *id, uint8_t fill)
{
    memset(id->private_key, fill, 32);
    wb_ed25519_public_key(id->public_key, id->private_key);
}

static inline void use_identity(struct identity *id)
{
    id->chain[0] = (struct wb_bytes){id->der, id->len};
    struct wb_fault fault = {0};
    assert_ok(wb_tls_credential_init(&id->credential, id->chain, 1, id->private_key, &fault));
}

static inline struct wb_x509_spec make_spec(const struct identity *id, const char *name,
                                            uint8_t purposes)
{
    static const uint8_t serial[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08};
    return (struct wb_x509_spec){.serial = serial,
                                 .serial_len = sizeof serial,
                                 .common_name = name,
                                 .public_key = id->public_key,
                                 .not_before = NOW - YEAR,
                                 .not_after = NOW + YEAR,
                                 .purposes = purposes};
}

static inline void issue(struct identity *id, const struct wb_x509_spec *spec,
                         const struct identity *ca)
{
    struct wb_x509_cert ca_cert;
    assert_ok(wb_x509_parse(&ca_cert, ca->der, ca->len, NULL));
    const struct wb_x509_issuer issuer = {ca_cert.subject, ca->private_key, ca->public_key};
    assert_ok(wb_x509_write(spec, &issuer, id->der, sizeof id->der, &id->len));
    use_identity(id);
}

static inline void make_ca(struct identity *ca, uint8_t fill, const char *name)
{
    make_key(ca, fill);
    struct wb_x509_spec spec = make_spec(ca, name, 0);
    spec.is_ca = true;
    assert_ok(wb_x509_write_self_signed(&spec, ca->private_key, ca->der, sizeof ca->der, &ca->len));
}

static inline void make_server(struct identity *id, const struct identity *ca)
{
    static const char *const names[] = {SERVER_NAME, "localhost", "127.0.0.1"};
    make_key(id, 2);
    struct wb_x509_spec spec = make_spec(id, SERVER_NAME, WB_X509_SERVER_AUTH);
    spec.alt_names = names;
    spec.alt_name_count = WB_ARRAY_LEN(names);
    issue(id, &spec, ca);
}

static inline void make_client(struct identity *id, const struct identity *ca)
{
    make_key(id, 3);
    struct wb_x509_spec spec = make_spec(id, "device-7", WB_X509_CLIENT_AUTH);
    issue(id, &spec, ca);
}

static const char *const test_alpn[] = {"wasmbed/1"};

static inline void side_memory(struct side *side, size_t rx_cap, size_t tx_cap, size_t scratch)
{
    free(side->rx);
    free(side->tx);
    side->rx = malloc(rx_cap);
    side->tx = malloc(tx_cap);
    assert_non_null(side->rx);
    assert_non_null(side->tx);
    side->mem = (struct wb_tls_mem){side->rx, rx_cap,     side->tx,
                                    tx_cap,   side->work, WB_TLS_WORK_CAP(scratch)};
}

/* A pair that will agree: mutual authentication, ALPN. Tests change what they are about before
 * pair_start. */
static inline struct pair *pair_new(void)
{
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    make_ca(&p->ca, 1, "Test CA");
    make_server(&p->server_id, &p->ca);
    make_client(&p->client_id, &p->ca);
    assert_ok(wb_x509_anchor_init(&p->anchor, p->ca.der, p->ca.len, NULL));
    p->client.seed = 0x12345678;
    p->server.seed = 0x9abcdef0;
    p->client.cfg = (struct wb_tls_cfg){.role = WB_TLS_CLIENT,
                                        .crypto = &PAIR_CLIENT_CRYPTO,
                                        .random = test_random,
                                        .random_ctx = &p->client.seed,
                                        .credential = &p->client_id.credential,
                                        .anchors = &p->anchor,
                                        .anchor_count = 1,
                                        .server_name = SERVER_NAME,
                                        .alpn = test_alpn,
                                        .alpn_count = 1,
                                        .handshake_timeout_ms = 10000};
    p->server.cfg = (struct wb_tls_cfg){.role = WB_TLS_SERVER,
                                        .crypto = &PAIR_SERVER_CRYPTO,
                                        .random = test_random,
                                        .random_ctx = &p->server.seed,
                                        .credential = &p->server_id.credential,
                                        .anchors = &p->anchor,
                                        .anchor_count = 1,
                                        .require_client_certificate = true,
                                        .alpn = test_alpn,
                                        .alpn_count = 1,
                                        .handshake_timeout_ms = 10000};
    side_memory(&p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(256), 448);
    side_memory(&p->server, WB_TLS_RX_CAP(1024), WB_TLS_TX_CAP(1024), SCRATCH);
    return p;
}

static inline void pair_start_at(struct pair *p, wb_unix_s client_time, wb_unix_s server_time)
{
    assert_ok(wb_tls_init(&p->client.tls, &p->client.cfg, &p->client.mem, 0, client_time));
    assert_ok(wb_tls_init(&p->server.tls, &p->server.cfg, &p->server.mem, 0, server_time));
}

static inline void pair_start(struct pair *p)
{
    pair_start_at(p, NOW, NOW);
}

static inline void pair_free(struct pair *p)
{
    wb_tls_deinit(&p->client.tls);
    wb_tls_deinit(&p->server.tls);
    free(p->client.rx);
    free(p->client.tx);
    free(p->server.rx);
    free(p->server.tx);
    free(p);
}

/* Watches the records that pass. */
static inline void pipe_watch(struct pipe *pipe, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (pipe->body_left > 0) {
            pipe->body_left--;
            continue;
        }
        pipe->header[pipe->header_have++] = bytes[i];
        if (pipe->header_have == 5) {
            pipe->header_have = 0;
            pipe->records++;
            pipe->body_left = (size_t)pipe->header[3] << 8 | pipe->header[4];
            if (pipe->header[0] == 23 && pipe->body_left > pipe->protected_max) {
                pipe->protected_max = pipe->body_left;
            }
        }
    }
}

static inline size_t pair_emit(struct pair *p, struct side *from, struct pipe *to, size_t *sent)
{
    size_t room = PIPE_CAP - to->len;
    size_t cap = p->emit_chunk > 0 && p->emit_chunk < room ? p->emit_chunk : room;
    size_t n = wb_tls_emit(&from->tls, 0, to->bytes + to->len, cap);
    pipe_watch(to, to->bytes + to->len, n);
    bool is_flipped = to == (p->is_flip_to_server ? &p->to_server : &p->to_client);
    if (is_flipped && p->flip_at > *sent && p->flip_at <= *sent + n) {
        to->bytes[to->len + p->flip_at - *sent - 1] ^= p->flip_mask != 0 ? p->flip_mask : 1;
    }
    to->len += n;
    *sent += n;
    return n;
}

static inline void side_events(struct side *side)
{
    struct wb_tls_event event;
    while (wb_tls_next(&side->tls, &event)) {
        switch (event.type) {
        case WB_TLS_EVENT_CONNECTED:
            assert_false(side->is_failed);
            side->is_connected = true;
            break;
        case WB_TLS_EVENT_PEER_CLOSED: side->is_peer_closed = true; break;
        case WB_TLS_EVENT_FAILED:
            side->is_failed = true;
            side->failure = event;
            break;
        }
    }
}

static inline size_t pair_feed(struct pair *p, struct side *side, struct pipe *from)
{
    size_t len = from->len - from->at;
    len = p->chunk > 0 && p->chunk < len ? p->chunk : len;
    size_t used = 0;
    if (side->err == WB_OK) {
        /* an exact copy, so that the address sanitizer sees reads beyond what was given */
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, from->bytes + from->at, len);
        side->err = wb_tls_feed(&side->tls, 0, copy, len, &used);
        free(copy);
    }
    from->at += used;
    if (from->at == from->len) {
        from->at = from->len = 0;
    }
    side_events(side);
    const uint8_t *data;
    size_t n;
    while (wb_tls_read(&side->tls, &data, &n)) {
        assert_true(side->received_len + n <= sizeof side->received);
        memcpy(side->received + side->received_len, data, n);
        side->received_len += n;
        wb_tls_read_done(&side->tls, n);
        used++;
    }
    return used;
}

/* Carries bytes until nothing moves any more. */
static inline void pair_run(struct pair *p)
{
    size_t moved;
    do {
        moved = pair_emit(p, &p->client, &p->to_server, &p->sent_to_server);
        moved += pair_emit(p, &p->server, &p->to_client, &p->sent_to_client);
        moved += pair_feed(p, &p->server, &p->to_server);
        moved += pair_feed(p, &p->client, &p->to_client);
    } while (moved > 0);
    side_events(&p->client);
    side_events(&p->server);
}

/* Sends all of data, however small the buffers are; the other side must receive exactly it. */
static inline void pair_send(struct pair *p, struct side *from, struct side *to, const void *data,
                             size_t len)
{
    const uint8_t *bytes = data;
    size_t sent = 0;
    size_t before = to->received_len;
    while (sent < len) {
        size_t taken;
        assert_ok(wb_tls_write(&from->tls, bytes + sent, len - sent, &taken));
        sent += taken;
        pair_run(p);
    }
    assert_int_equal(to->received_len - before, len);
    assert_memory_equal(to->received + before, data, len);
    to->received_len = before;
}

static inline void assert_handshake(struct pair *p)
{
    pair_run(p);
    if (p->client.is_failed) {
        fail_msg("client: %s", p->client.failure.fault->what);
    }
    if (p->server.is_failed) {
        fail_msg("server: %s", p->server.failure.fault->what);
    }
    assert_true(p->client.is_connected);
    assert_true(p->server.is_connected);
}

/* They shake hands and understand each other. */
static inline void assert_agreed(struct pair *p)
{
    assert_handshake(p);
    pair_send(p, &p->client, &p->server, "hello from the client", 21);
    pair_send(p, &p->server, &p->client, "hello from the server", 21);
}

/* The one side refuses with this alert, and the other hears it. */
static inline void assert_refused(struct pair *p, struct side *refuser, enum wb_tls_alert alert,
                                  enum wb_err err)
{
    struct side *other = refuser == &p->client ? &p->server : &p->client;
    pair_run(p);
    assert_true(refuser->is_failed);
    assert_string_equal(wb_tls_alert_str(refuser->failure.alert), wb_tls_alert_str(alert));
    assert_false(refuser->failure.is_alert_received);
    assert_err(err, refuser->failure.fault->code);
    assert_true(strlen(refuser->failure.fault->what) > 0);
    assert_true(other->is_failed);
    assert_true(other->failure.is_alert_received);
    assert_string_equal(wb_tls_alert_str(other->failure.alert), wb_tls_alert_str(alert));
    assert_true(wb_tls_is_done(&refuser->tls));
    assert_true(wb_tls_is_done(&other->tls));
}

#endif
