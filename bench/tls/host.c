/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a host's TLS server costs: ours over either provider, and libssl, on the same keys.
 *
 *     host core|openssl|libssl handshake|resume|write64|read64|write16k|read16k COUNT
 *     host core|openssl|libssl memory COUNT      heap and engine bytes of idle connections
 *
 * Everything of the server happens inside measured(); bench/tls/host.sh lets callgrind count there
 * only, for two COUNTs, and divides the difference. */
#include <malloc.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wb_libcrypto.h"
#include "wb_tls.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

#define UNIX_NOW 1750000000

struct identity {
    uint8_t private_key[32], public_key[32], der[WB_X509_CERT_MAX];
    size_t len;
    struct wb_bytes chain[1];
    struct wb_tls_credential credential;
};
static struct identity ca, server_id, client_id;
static struct wb_x509_anchor anchor;

/* One pair of endpoints, behind four functions. */
struct endpoint {
    struct wb_tls tls;
    uint8_t *rx, *tx, *work;
    SSL *ssl;
};

__attribute__((noinline)) void measured(void (*work)(struct endpoint *), struct endpoint *e);
void measured(void (*work)(struct endpoint *), struct endpoint *e)
{
    work(e);
    __asm__ volatile("" ::: "memory");
}

static bool is_libssl;
static struct wb_tls_cfg server_cfg, client_cfg;
static SSL_CTX *server_ctx, *client_ctx;
static uint8_t wire_to_server[40000], wire_to_client[40000], payload[16384];
static bool is_resuming;
static uint8_t sessions[2][WB_TLS_SESSION_CAP];
static struct wb_tls_more client_more;
static struct wb_tls_ticket_keys ticket_keys = {.lifetime_s = 7200};
static SSL_SESSION *libssl_session;
static size_t to_server_len, to_client_len, payload_len;

static enum wb_err next_random(void *ctx, void *out, size_t len)
{
    static uint64_t s = 88172645463325252ull;
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        ((uint8_t *)out)[i] = (uint8_t)(s >> 32);
    }
    return WB_OK;
}

static void make(struct identity *id, uint8_t fill, const char *name, uint8_t purposes)
{
    static const uint8_t serial[8] = {0x40, 1, 2, 3, 4, 5, 6, 7};
    static const char *const names[] = {"wasmbed-gateway", "localhost", "127.0.0.1"};
    memset(id->private_key, fill, 32);
    wb_ed25519_public_key(id->public_key, id->private_key);
    struct wb_x509_spec spec = {.serial = serial,
                                .serial_len = 8,
                                .common_name = name,
                                .public_key = id->public_key,
                                .not_before = 1700000000,
                                .not_after = 4000000000,
                                .is_ca = purposes == 0,
                                .purposes = purposes,
                                .alt_names = names,
                                .alt_name_count = purposes == WB_X509_SERVER_AUTH ? 3 : 0};
    if (purposes == 0) {
        WB_ASSERT(wb_x509_write_self_signed(&spec, id->private_key, id->der, sizeof id->der,
                                            &id->len) == WB_OK);
        return;
    }
    const struct wb_x509_issuer issuer = {anchor.subject, ca.private_key, ca.public_key};
    WB_ASSERT(wb_x509_write(&spec, &issuer, id->der, sizeof id->der, &id->len) == WB_OK);
    id->chain[0] = (struct wb_bytes){id->der, id->len};
    WB_ASSERT(wb_tls_credential_init(&id->credential, id->chain, 1, id->private_key, NULL) ==
              WB_OK);
}

static SSL_CTX *make_ctx(bool is_server)
{
    const struct identity *id = is_server ? &server_id : &client_id;
    SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    const uint8_t *der = ca.der;
    X509 *root = d2i_X509(NULL, &der, (long)ca.len);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, id->private_key, 32);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    WB_ASSERT(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") == 1);
    WB_ASSERT(SSL_CTX_set1_groups_list(ctx, "X25519") == 1);
    WB_ASSERT(SSL_CTX_use_certificate_ASN1(ctx, (int)id->len, id->der) == 1);
    WB_ASSERT(SSL_CTX_use_PrivateKey(ctx, key) == 1);
    WB_ASSERT(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root) == 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    EVP_PKEY_free(key);
    X509_free(root);
    return ctx;
}

/* ---- endpoints ---- */

static void begin(struct endpoint *e, bool is_server)
{
    if (is_libssl) {
        e->ssl = SSL_new(is_server ? server_ctx : client_ctx);
        SSL_set_bio(e->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        is_server ? SSL_set_accept_state(e->ssl) : SSL_set_connect_state(e->ssl);
        if (!is_server && libssl_session != NULL) {
            WB_ASSERT(SSL_set_session(e->ssl, libssl_session) == 1);
        }
        return;
    }
    const struct wb_tls_mem mem = {e->rx,   WB_TLS_RX_CAP_FULL,   e->tx, WB_TLS_TX_CAP(16384),
                                   e->work, WB_TLS_WORK_CAP(2048)};
    WB_ASSERT(wb_tls_init_with(&e->tls, is_server ? &server_cfg : &client_cfg, &mem,
                               is_server ? NULL : &client_more, 0, UNIX_NOW) == WB_OK);
}

static void begin_server(struct endpoint *e)
{
    begin(e, true);
}

/* Takes what came from the other side, gives what goes there. */
static void step(struct endpoint *e, uint8_t *in, size_t *in_len, uint8_t *out, size_t *out_len)
{
    if (is_libssl) {
        uint8_t data[16384];
        if (*in_len > 0) {
            (void)BIO_write(SSL_get_rbio(e->ssl), in, (int)*in_len);
        }
        if (!SSL_is_init_finished(e->ssl)) {
            (void)SSL_do_handshake(e->ssl);
        } else {
            (void)SSL_read(e->ssl, data, sizeof data);
        }
        int n = BIO_read(SSL_get_wbio(e->ssl), out, (int)sizeof wire_to_client);
        *out_len = n > 0 ? (size_t)n : 0;
        *in_len = 0;
        return;
    }
    struct wb_tls_event event;
    const uint8_t *data;
    size_t n, used, at = 0, sent = 0;
    do {
        WB_ASSERT(wb_tls_feed(&e->tls, 0, in + at, *in_len - at, &used) == WB_OK);
        at += used;
        while (wb_tls_next(&e->tls, &event)) {
            WB_ASSERT(event.type != WB_TLS_EVENT_FAILED);
        }
        while (wb_tls_read(&e->tls, &data, &n)) {
            wb_tls_read_done(&e->tls, n);
        }
        n = wb_tls_emit(&e->tls, 0, out + sent, sizeof wire_to_client - sent);
        sent += n;
    } while (at < *in_len || n > 0);
    *in_len = 0;
    *out_len = sent;
}

static void step_server(struct endpoint *e)
{
    step(e, wire_to_server, &to_server_len, wire_to_client, &to_client_len);
}

static bool is_connected(const struct endpoint *e)
{
    return is_libssl ? SSL_is_init_finished(e->ssl) != 0 : wb_tls_is_connected(&e->tls);
}

static void send_payload(struct endpoint *e)
{
    bool is_server = is_libssl ? SSL_is_server(e->ssl) != 0 : e->tls.cfg->role == WB_TLS_SERVER;
    uint8_t *out = is_server ? wire_to_client : wire_to_server;
    size_t *out_len = is_server ? &to_client_len : &to_server_len;
    size_t taken;
    if (is_libssl) {
        WB_ASSERT(SSL_write(e->ssl, payload, (int)payload_len) == (int)payload_len);
        *out_len = (size_t)BIO_read(SSL_get_wbio(e->ssl), out, (int)sizeof wire_to_client);
        return;
    }
    WB_ASSERT(wb_tls_write(&e->tls, payload, payload_len, &taken) == WB_OK);
    WB_ASSERT(taken == payload_len);
    *out_len = wb_tls_emit(&e->tls, 0, out, sizeof wire_to_client);
}

static void end(struct endpoint *e)
{
    if (is_libssl) {
        SSL_free(e->ssl);
    } else {
        wb_tls_deinit(&e->tls);
    }
}

static void memory(struct endpoint *e)
{
    e->rx = malloc(WB_TLS_RX_CAP_FULL);
    e->tx = malloc(WB_TLS_TX_CAP(16384));
    e->work = malloc(WB_TLS_WORK_CAP(2048));
}

static void connect_pair(struct endpoint *server, struct endpoint *client)
{
    to_server_len = to_client_len = 0;
    measured(begin_server, server);
    begin(client, false);
    while (!is_connected(server) || !is_connected(client)) {
        step(client, wire_to_client, &to_client_len, wire_to_server, &to_server_len);
        measured(step_server, server);
    }
    if (is_resuming) { /* the ticket */
        step(client, wire_to_client, &to_client_len, wire_to_server, &to_server_len);
    }
    to_server_len = to_client_len = 0;
}

/* Takes the ticket that the server sent behind its handshake, for the next connection. */
static void keep_session(struct endpoint *client)
{
    if (is_libssl) {
        SSL_SESSION_free(libssl_session);
        libssl_session = SSL_get1_session(client->ssl);
        return;
    }
    size_t len = wb_tls_session(&client->tls);
    uint8_t *other = client_more.session == sessions[0] ? sessions[1] : sessions[0];
    memcpy(other, client_more.session, len);
    client_more.session = other;
    client_more.session_len = len;
}

static void run_resume(struct endpoint *server, struct endpoint *client, long count)
{
    client_more = (struct wb_tls_more){.session = sessions[0], .session_cap = WB_TLS_SESSION_CAP};
    server_cfg.tickets = &ticket_keys;
    SSL_CTX_set_num_tickets(server_ctx, 1);
    (void)SSL_CTX_set_session_id_context(server_ctx, (const uint8_t *)"bench", 5);
    is_resuming = true;
    for (long i = 0; i < count; i++) {
        connect_pair(server, client);
        bool is_resumed =
            is_libssl ? SSL_session_reused(server->ssl) != 0 : wb_tls_is_resumed(&server->tls);
        WB_ASSERT(is_resumed == (i > 0));
        keep_session(client);
        if (is_libssl) { /* an unclean end would spoil the session */
            SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            SSL_set_shutdown(server->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        }
        end(server);
        end(client);
    }
}

static void run_memory(size_t count)
{
    struct endpoint client = {0};
    struct endpoint *servers = calloc(count, sizeof *servers);
    memory(&client);
    struct endpoint shared = {0}; /* buffers are lent to busy connections only */
    memory(&shared);
    size_t before = 0;
    for (size_t i = 0; i < count; i++) {
        servers[i] = (struct endpoint){.rx = shared.rx, .tx = shared.tx, .work = shared.work};
        connect_pair(&servers[i], &client);
        end(&client);
        if (i == 0) {
            before = mallinfo2().uordblks;
        }
    }
    size_t heap = (mallinfo2().uordblks - before) / (count - 1);
    printf("%zu\n", heap + (is_libssl ? 0 : sizeof(struct wb_tls)));
}

int main(int argc, char **argv)
{
    static struct endpoint server, client;
    if (argc != 4) {
        fprintf(stderr, "usage: host core|openssl|libssl WORK COUNT\n");
        return 2;
    }
    is_libssl = strcmp(argv[1], "libssl") == 0;
    bool is_core = strcmp(argv[1], "core") == 0;
    long count = strtol(argv[3], NULL, 10);
    make(&ca, 1, "Wasmbed CA", 0);
    WB_ASSERT(wb_x509_anchor_init(&anchor, ca.der, ca.len, NULL) == WB_OK);
    make(&server_id, 2, "wasmbed-gateway", WB_X509_SERVER_AUTH);
    make(&client_id, 3, "device-1", WB_X509_CLIENT_AUTH);
    server_ctx = make_ctx(true);
    client_ctx = make_ctx(false);
    static const uint16_t suites[] = {WB_TLS_AES_256_GCM_SHA384};
    client_cfg = (struct wb_tls_cfg){.role = WB_TLS_CLIENT,
                                     .crypto = &wb_tls_crypto_libcrypto,
                                     .random = next_random,
                                     .credential = &client_id.credential,
                                     .anchors = &anchor,
                                     .anchor_count = 1,
                                     .server_name = "wasmbed-gateway",
                                     .suites = suites,
                                     .suite_count = 1};
    server_cfg = client_cfg;
    server_cfg.role = WB_TLS_SERVER;
    server_cfg.credential = &server_id.credential;
    server_cfg.require_client_certificate = true;
    server_cfg.crypto = is_core ? &wb_tls_crypto_core : &wb_tls_crypto_libcrypto;
    if (strcmp(argv[2], "memory") == 0) {
        run_memory((size_t)count);
        return 0;
    }
    memory(&server);
    memory(&client);
    if (strcmp(argv[2], "resume") == 0) {
        run_resume(&server, &client, count);
        return 0;
    }
    if (strcmp(argv[2], "handshake") == 0) {
        for (long i = 0; i < count; i++) {
            connect_pair(&server, &client);
            end(&server);
            end(&client);
        }
        return 0;
    }
    connect_pair(&server, &client);
    payload_len = strstr(argv[2], "16k") != NULL ? sizeof payload : 64;
    for (long i = 0; i < count; i++) {
        if (strncmp(argv[2], "write", 5) == 0) {
            measured(send_payload, &server);
            step(&client, wire_to_client, &to_client_len, wire_to_server, &to_server_len);
        } else {
            send_payload(&client);
            measured(step_server, &server);
        }
        to_server_len = to_client_len = 0;
    }
    return 0;
}
