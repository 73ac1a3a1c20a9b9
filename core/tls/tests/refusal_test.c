/* SPDX-License-Identifier: AGPL-3.0-only */
/* What is not right is refused, with the right alert, by both sides: certificates, altered and cut
 * streams, records and messages that may not come. */
#include "pair.h"
#include "tls.h"

/* ---- certificates ---- */

static void no_certificate_where_one_is_required(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    p->client.cfg.credential = NULL;
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_CERTIFICATE_REQUIRED, WB_ERR_CERTIFICATE_REQUIRED);
    pair_free(p);
}

static void certificate_of_an_unknown_authority(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct pair *p = pair_new();
        struct identity other = {0};
        make_ca(&other, 9, "Other CA");
        if (i == 0) {
            make_client(&p->client_id, &other);
        } else {
            make_server(&p->server_id, &other);
        }
        pair_start(p);
        assert_refused(p, i == 0 ? &p->server : &p->client, WB_TLS_ALERT_UNKNOWN_CA,
                       WB_ERR_CERTIFICATE_UNTRUSTED);
        pair_free(p);
    }
}

static void certificate_of_another_authority_with_the_same_name(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct identity other = {0};
    make_ca(&other, 9, "Test CA");
    make_server(&p->server_id, &other);
    pair_start(p);
    assert_refused(p, &p->client, WB_TLS_ALERT_BAD_CERTIFICATE, WB_ERR_SIGNATURE);
    pair_free(p);
}

static void self_issued_certificate_unless_allowed(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct wb_x509_spec spec = make_spec(&p->client_id, "new-device", WB_X509_CLIENT_AUTH);
    assert_ok(wb_x509_write_self_signed(&spec, p->client_id.private_key, p->client_id.der,
                                        sizeof p->client_id.der, &p->client_id.len));
    use_identity(&p->client_id);
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_UNKNOWN_CA, WB_ERR_CERTIFICATE_UNTRUSTED);
    pair_free(p);
}

static void certificate_outside_its_validity_to_the_second(void **state)
{
    (void)state;
    static const struct {
        wb_unix_s now;
        bool is_good;
    } cases[] = {
        {NOW - YEAR - 1, false}, {NOW - YEAR, true}, {NOW + YEAR, true}, {NOW + YEAR + 1, false}};
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        for (unsigned by_server = 0; by_server < 2; by_server++) {
            struct pair *p = pair_new();
            /* the authority's own validity is wider, so that the leaf's is seen */
            struct wb_x509_spec spec = make_spec(&p->ca, "Test CA", 0);
            spec.is_ca = true;
            spec.not_before = NOW - 2 * YEAR;
            spec.not_after = NOW + 2 * YEAR;
            assert_ok(wb_x509_write_self_signed(&spec, p->ca.private_key, p->ca.der,
                                                sizeof p->ca.der, &p->ca.len));
            assert_ok(wb_x509_anchor_init(&p->anchor, p->ca.der, p->ca.len, NULL));
            pair_start_at(p, by_server ? NOW : cases[i].now, by_server ? cases[i].now : NOW);
            if (cases[i].is_good) {
                assert_agreed(p);
            } else {
                assert_refused(p, by_server ? &p->server : &p->client,
                               WB_TLS_ALERT_CERTIFICATE_EXPIRED, WB_ERR_CERTIFICATE_EXPIRED);
            }
            pair_free(p);
        }
    }
}

static void expired_authority(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    p->anchor.not_after = NOW - 1;
    pair_start(p);
    assert_refused(p, &p->client, WB_TLS_ALERT_CERTIFICATE_EXPIRED, WB_ERR_CERTIFICATE_EXPIRED);
    pair_free(p);
}

static void certificate_for_another_purpose(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct wb_x509_spec spec = make_spec(&p->client_id, "device-7", WB_X509_SERVER_AUTH);
    issue(&p->client_id, &spec, &p->ca);
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE, WB_ERR_UNSUPPORTED);
    pair_free(p);

    p = pair_new();
    static const char *const names[] = {SERVER_NAME};
    spec = make_spec(&p->server_id, SERVER_NAME, WB_X509_CLIENT_AUTH);
    spec.alt_names = names;
    spec.alt_name_count = 1;
    issue(&p->server_id, &spec, &p->ca);
    pair_start(p);
    assert_refused(p, &p->client, WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE, WB_ERR_UNSUPPORTED);
    pair_free(p);
}

static void key_usage_without_signatures(void **state)
{
    (void)state;
    struct pair *p = pair_new(); /* an authority's certificate: keyCertSign only */
    struct wb_x509_spec spec = make_spec(&p->client_id, "device-7", 0);
    spec.is_ca = true;
    issue(&p->client_id, &spec, &p->ca);
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE, WB_ERR_UNSUPPORTED);
    pair_free(p);
}

static void server_with_another_name(void **state)
{
    (void)state;
    static const char *const names[] = {"other", "wasmbed-gateway.example", "127.0.0.2", "wasmbed"};
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        struct pair *p = pair_new();
        p->client.cfg.server_name = names[i];
        pair_start(p);
        assert_refused(p, &p->client, WB_TLS_ALERT_BAD_CERTIFICATE, WB_ERR_CERTIFICATE);
        pair_free(p);
    }
}

static void common_name_does_not_stand_for_a_server_name(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct wb_x509_spec spec = make_spec(&p->server_id, SERVER_NAME, WB_X509_SERVER_AUTH);
    issue(&p->server_id, &spec, &p->ca);
    pair_start(p);
    assert_refused(p, &p->client, WB_TLS_ALERT_BAD_CERTIFICATE, WB_ERR_CERTIFICATE);
    pair_free(p);
}

static void certificate_without_its_key(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct pair *p = pair_new();
        struct identity *id = i == 0 ? &p->client_id : &p->server_id;
        memset(id->private_key, 0x77, 32);
        wb_ed25519_public_key(id->credential.public_key, id->private_key);
        pair_start(p);
        assert_refused(p, i == 0 ? &p->server : &p->client, WB_TLS_ALERT_DECRYPT_ERROR,
                       WB_ERR_SIGNATURE);
        pair_free(p);
    }
}

static void certificate_longer_than_the_work_memory(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    side_memory(&p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(256), p->server_id.len - 1);
    pair_start(p);
    assert_refused(p, &p->client, WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE, WB_ERR_LIMIT);
    assert_non_null(strstr(p->client.failure.fault->hint, "work_cap"));
    assert_int_equal(p->client.failure.fault->where[0], p->server_id.len);
    pair_free(p);
}

/* ---- what cannot be agreed ---- */

static void no_common_cipher_suite(void **state)
{
    (void)state;
    static const uint16_t a = WB_TLS_AES_128_GCM_SHA256, b = WB_TLS_AES_256_GCM_SHA384;
    struct pair *p = pair_new();
    p->client.cfg.suites = &a;
    p->client.cfg.suite_count = 1;
    p->server.cfg.suites = &b;
    p->server.cfg.suite_count = 1;
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED);
    pair_free(p);
}

static void no_common_application_protocol(void **state)
{
    (void)state;
    static const char *const other[] = {"wasmbed/2", "wasmbed"};
    struct pair *p = pair_new();
    p->client.cfg.alpn = other;
    p->client.cfg.alpn_count = 2;
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_NO_APPLICATION_PROTOCOL, WB_ERR_PROTOCOL);
    pair_free(p);

    for (unsigned i = 0; i < 4; i++) { /* one side has none: fine unless the other insists */
        p = pair_new();
        struct side *without = i % 2 == 0 ? &p->client : &p->server;
        struct side *with = i % 2 == 0 ? &p->server : &p->client;
        without->cfg.alpn_count = 0;
        with->cfg.alpn_required = i >= 2;
        pair_start(p);
        if (i < 2) {
            assert_agreed(p);
            assert_null(wb_tls_alpn(&p->client.tls));
        } else {
            assert_refused(p, with, WB_TLS_ALERT_NO_APPLICATION_PROTOCOL, WB_ERR_PROTOCOL);
        }
        pair_free(p);
    }
}

static enum wb_err random_fails(void *ctx, void *out, size_t len)
{
    (void)ctx, (void)out, (void)len;
    return WB_ERR_ENTROPY;
}

static void nothing_happens_without_entropy(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    p->client.cfg.random = random_fails;
    assert_err(WB_ERR_ENTROPY, wb_tls_init(&p->client.tls, &p->client.cfg, &p->client.mem, 0, NOW));
    pair_free(p);
    p = pair_new();
    p->server.cfg.random = random_fails;
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_INTERNAL_ERROR, WB_ERR_ENTROPY);
    pair_free(p);
}

/* ---- altered and cut streams ---- */

/* The version of a plaintext record is ignored (§5.1); each side's first record is its only one. */
static bool is_ignored_byte(size_t at)
{
    return at == 2 || at == 3;
}

static void one_altered_byte_anywhere_in_the_handshake(void **state)
{
    (void)state;
    for (unsigned direction = 0; direction < 2; direction++) {
        bool to_server = direction == 0;
        struct pair *p = pair_new();
        pair_start(p);
        assert_handshake(p);
        size_t total = to_server ? p->sent_to_server : p->sent_to_client;
        pair_free(p);
        for (size_t at = 1; at <= total; at++) {
            p = pair_new();
            p->flip_at = at;
            p->is_flip_to_server = to_server;
            p->flip_mask = (uint8_t)(1u << at % 8);
            pair_start(p);
            pair_run(p);
            if (is_ignored_byte(at)) {
                assert_agreed(p);
            } else {
                /* A longer length makes the reader wait: the end of the transport then is the
                 * failure. */
                bool ends_open = !p->client.is_failed && !p->server.is_failed;
                if (ends_open) {
                    assert_false(p->client.is_connected && p->server.is_connected);
                    assert_err(WB_ERR_CLOSED, wb_tls_feed_end(&p->client.tls));
                    assert_err(WB_ERR_CLOSED, wb_tls_feed_end(&p->server.tls));
                } else {
                    /* One refused; the other heard of it, or refused the alert that it could not
                     * read. */
                    assert_true(p->client.is_failed || wb_tls_feed_end(&p->client.tls) != WB_OK);
                    assert_true(p->server.is_failed || wb_tls_feed_end(&p->server.tls) != WB_OK);
                }
                assert_false(wb_tls_is_connected(&p->client.tls) &&
                             wb_tls_is_connected(&p->server.tls));
            }
            pair_free(p);
        }
    }
}

/* The records are sound, but Finished is computed with another key: only its own check can see
 * that. */
static void finished_that_does_not_match(void **state)
{
    (void)state;
    for (unsigned by_server = 0; by_server < 2; by_server++) {
        struct pair *p = pair_new();
        p->server.cfg.require_client_certificate = false;
        side_memory(&p->server, WB_TLS_RX_CAP(1024), WB_TLS_TX_CAP_MIN, SCRATCH);
        pair_start(p);
        struct side *liar = by_server ? &p->server : &p->client;
        p->chunk = 1; /* stop as soon as the liar has its handshake keys */
        while (!liar->tls.is_encrypted_out) {
            (void)pair_emit(p, &p->client, &p->to_server, &p->sent_to_server);
            (void)pair_feed(p, &p->server, &p->to_server);
            if (!liar->tls.is_encrypted_out) {
                (void)pair_emit(p, &p->server, &p->to_client, &p->sent_to_client);
                (void)pair_feed(p, &p->client, &p->to_client);
            }
        }
        liar->tls.out.traffic_secret[0] ^= 1;
        p->chunk = 0;
        assert_refused(p, by_server ? &p->client : &p->server, WB_TLS_ALERT_DECRYPT_ERROR,
                       WB_ERR_AUTH);
        pair_free(p);
    }
}

static void altered_application_data(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    size_t taken;
    pair_start(p);
    assert_agreed(p);
    assert_ok(wb_tls_write(&p->client.tls, "transfer 100", 12, &taken));
    p->is_flip_to_server = true;
    p->flip_at = p->sent_to_server + 5 + 9;
    assert_refused(p, &p->server, WB_TLS_ALERT_BAD_RECORD_MAC, WB_ERR_AUTH);
    assert_int_equal(p->server.received_len, 0);
    pair_free(p);
}

static void replayed_record(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint8_t wire[64];
    size_t taken, used;
    pair_start(p);
    assert_agreed(p);
    assert_ok(wb_tls_write(&p->client.tls, "once", 4, &taken));
    size_t len = wb_tls_emit(&p->client.tls, 0, wire, sizeof wire);
    assert_ok(wb_tls_feed(&p->server.tls, 0, wire, len, &used));
    wb_tls_read_done(&p->server.tls, 4);
    assert_err(WB_ERR_AUTH, wb_tls_feed(&p->server.tls, 0, wire, len, &used));
    assert_refused(p, &p->server, WB_TLS_ALERT_BAD_RECORD_MAC, WB_ERR_AUTH);
    pair_free(p);
}

static void stream_cut_after_any_byte(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_handshake(p);
    size_t total = p->sent_to_client;
    pair_free(p);
    for (size_t cut = 0; cut < total; cut += 1 + cut % 3) {
        p = pair_new();
        pair_start(p);
        (void)pair_emit(p, &p->client, &p->to_server, &p->sent_to_server);
        (void)pair_feed(p, &p->server, &p->to_server);
        while (pair_emit(p, &p->server, &p->to_client, &p->sent_to_client) > 0) {
        }
        p->to_client.len = cut;
        (void)pair_feed(p, &p->client, &p->to_client);
        assert_false(p->client.is_connected);
        assert_err(WB_ERR_CLOSED, wb_tls_feed_end(&p->client.tls));
        side_events(&p->client);
        assert_true(p->client.is_failed);
        pair_free(p);
    }
}

static void connection_cut_without_close_notify(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    assert_err(WB_ERR_CLOSED, wb_tls_feed_end(&p->client.tls));
    assert_err(WB_ERR_CLOSED, wb_tls_feed_end(&p->client.tls));
    side_events(&p->client);
    assert_non_null(strstr(p->client.failure.fault->what, "close_notify"));
    pair_free(p);
}

static void garbage_instead_of_tls(void **state)
{
    (void)state;
    static const char *const texts[] = {"GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH\r\n",
                                        "\x80\x2e\x01\x03\x01", "\0\0\0\0\0\0\0\0"};
    for (size_t i = 0; i < 2 * WB_ARRAY_LEN(texts); i++) {
        struct pair *p = pair_new();
        struct side *side = i % 2 == 0 ? &p->server : &p->client;
        size_t used;
        pair_start(p);
        assert_err(WB_ERR_PROTOCOL, wb_tls_feed(&side->tls, 0, texts[i / 2], 5, &used));
        side_events(side);
        assert_int_equal(side->failure.alert, WB_TLS_ALERT_UNEXPECTED_MESSAGE);
        assert_err(WB_ERR_PROTOCOL, wb_tls_feed(&side->tls, 0, "x", 1, &used)); /* sticky */
        pair_free(p);
    }
}

static void random_bytes_never_connect(void **state)
{
    (void)state;
    uint32_t seed = 0xc0ffee;
    for (unsigned i = 0; i < 400; i++) {
        struct pair *p = pair_new();
        struct side *side = i % 2 == 0 ? &p->server : &p->client;
        uint8_t bytes[600];
        size_t used;
        (void)test_random(&seed, bytes, sizeof bytes);
        bytes[0] = TYPE_HANDSHAKE; /* a plausible beginning, so that it goes deeper */
        bytes[3] = 0;
        bytes[5] = i % 2 == 0 ? MESSAGE_CLIENT_HELLO : MESSAGE_SERVER_HELLO;
        bytes[6] = 0;
        bytes[7] = 0;
        pair_start(p);
        enum wb_err err = wb_tls_feed(&side->tls, 0, bytes, sizeof bytes, &used);
        assert_int_not_equal(err, WB_OK);
        assert_false(wb_tls_is_connected(&side->tls));
        pair_free(p);
    }
}

/* ---- records and messages that may not come ---- */

/* Seals any content with one side's current keys and lets the other side take it. */
static void inject(struct pair *p, struct side *from, uint8_t type, const void *content, size_t len)
{
    assert_true(tls_record_put(&from->tls, type, content, len));
    pair_run(p);
}

static void assert_injected_refused(uint8_t type, const void *content, size_t len,
                                    enum wb_tls_alert alert)
{
    for (unsigned i = 0; i < 2; i++) {
        struct pair *p = pair_new();
        pair_start(p);
        assert_agreed(p);
        struct side *victim = i == 0 ? &p->server : &p->client;
        inject(p, i == 0 ? &p->client : &p->server, type, content, len);
        assert_true(victim->is_failed);
        assert_string_equal(wb_tls_alert_str(victim->failure.alert), wb_tls_alert_str(alert));
        pair_free(p);
    }
}

static void wrong_records_on_a_connection(void **state)
{
    (void)state;
    assert_injected_refused(TYPE_CHANGE_CIPHER_SPEC, "\x01", 1, WB_TLS_ALERT_UNEXPECTED_MESSAGE);
    assert_injected_refused(24, "heartbeat", 9, WB_TLS_ALERT_UNEXPECTED_MESSAGE);
    assert_injected_refused(TYPE_HANDSHAKE, "", 0, WB_TLS_ALERT_UNEXPECTED_MESSAGE);
    assert_injected_refused(0, "", 0, WB_TLS_ALERT_UNEXPECTED_MESSAGE); /* padding only */
    assert_injected_refused(TYPE_ALERT, "\x02", 1, WB_TLS_ALERT_DECODE_ERROR);
    assert_injected_refused(TYPE_ALERT, "\x01\x00\x01", 3, WB_TLS_ALERT_DECODE_ERROR);
    assert_injected_refused(TYPE_HANDSHAKE, "\x18\0\0\1\2", 5, WB_TLS_ALERT_ILLEGAL_PARAMETER);
    assert_injected_refused(TYPE_HANDSHAKE, "\x18\0\0\2\0\0", 6, WB_TLS_ALERT_DECODE_ERROR);
    assert_injected_refused(TYPE_HANDSHAKE, "\x18\0\0\0", 4, WB_TLS_ALERT_DECODE_ERROR);
    assert_injected_refused(TYPE_HANDSHAKE, "\x18\0\0\1\0\x18", 6, WB_TLS_ALERT_UNEXPECTED_MESSAGE);
}

static void only_servers_send_tickets_and_clients_pass_over_them(void **state)
{
    (void)state;
    uint8_t ticket[200] = {MESSAGE_NEW_SESSION_TICKET, 0, 0, 196};
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(
            tls_record_put(&p->server.tls, TYPE_HANDSHAKE, ticket, 70)); /* in two records */
        assert_true(tls_record_put(&p->server.tls, TYPE_HANDSHAKE, ticket + 70, 130));
    }
    pair_run(p);
    assert_agreed(p);
    inject(p, &p->client, TYPE_HANDSHAKE, ticket, sizeof ticket);
    assert_refused(p, &p->server, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL);
    pair_free(p);
}

static void message_interrupted_by_application_data(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    inject(p, &p->server, TYPE_HANDSHAKE, "\x04\0\0\x20", 4);
    assert_false(p->client.is_failed);
    inject(p, &p->server, TYPE_APPLICATION_DATA, "data", 4);
    assert_refused(p, &p->client, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL);
    pair_free(p);
}

static void endless_records_that_bring_nothing(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    for (unsigned i = 0; i < 50; i++) {
        inject(p, &p->client, TYPE_APPLICATION_DATA, "", 0);
    }
    assert_agreed(p);
    for (unsigned i = 0; i < 120 && !p->server.is_failed; i++) {
        inject(p, &p->client, TYPE_APPLICATION_DATA, "", 0);
    }
    assert_refused(p, &p->server, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL);
    pair_free(p);
}

static void padding_is_taken_off(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    /* content || type || zeros, sealed as if its last zero were the type */
    inject(p, &p->client, 0, "padded\x17\0\0\0\0", 11);
    assert_int_equal(p->server.received_len, 6);
    assert_memory_equal(p->server.received, "padded", 6);
    pair_free(p);
}

static void record_over_the_agreed_limit(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct pair *p = pair_new();
        static uint8_t data[600];
        side_memory(&p->client, WB_TLS_RX_CAP_FULL, WB_TLS_TX_CAP(256), 448);
        p->client.cfg.record_size_limit = 512;
        pair_start(p);
        assert_agreed(p);
        p->server.tls.limit_out = 16384;
        inject(p, &p->server, TYPE_APPLICATION_DATA, data, 511 + over);
        if (over == 0) {
            assert_int_equal(p->client.received_len, 511);
            p->client.received_len = 0;
            assert_agreed(p);
        } else {
            assert_refused(p, &p->client, WB_TLS_ALERT_RECORD_OVERFLOW, WB_ERR_PROTOCOL);
        }
        pair_free(p);
    }
}

static void record_over_the_buffer_or_the_protocol(void **state)
{
    (void)state;
    static const struct {
        uint8_t header[5];
        enum wb_err err;
    } cases[] = {
        {{22, 3, 3, 0x02, 0x01}, WB_ERR_LIMIT},
        {{22, 3, 3, 0x40, 0x01}, WB_ERR_PROTOCOL}, /* 2^14 + 1 in plaintext */
        {{23, 3, 3, 0x41, 0x01}, WB_ERR_PROTOCOL}, /* 2^14 + 257 protected */
        {{23, 3, 3, 0x41, 0x00}, WB_ERR_LIMIT},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_new();
        size_t used;
        side_memory(&p->client, WB_TLS_RX_CAP(256), WB_TLS_TX_CAP(256), 448);
        pair_start(p);
        assert_err(cases[i].err, wb_tls_feed(&p->client.tls, 0, cases[i].header, 5, &used));
        side_events(&p->client);
        assert_int_equal(p->client.failure.alert, WB_TLS_ALERT_RECORD_OVERFLOW);
        pair_free(p);
    }
}

static void plaintext_where_protection_is_due(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {{"\x16\x03\x03\0\x05\x18\0\0\1\0", 10},
                 {"\x15\x03\x03\0\x02\x01\0", 7},
                 {"\x14\x03\x03\0\x01\x01", 6}};
    for (size_t i = 0; i < 2 * WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_new();
        size_t used;
        pair_start(p);
        assert_agreed(p);
        struct side *side = i % 2 == 0 ? &p->server : &p->client;
        assert_err(WB_ERR_PROTOCOL,
                   wb_tls_feed(&side->tls, 0, cases[i / 2].bytes, cases[i / 2].len, &used));
        side_events(side);
        assert_int_equal(side->failure.alert, WB_TLS_ALERT_UNEXPECTED_MESSAGE);
        pair_free(p);
    }
}

static void change_cipher_spec_outside_its_window(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    size_t used;
    pair_start(p);
    assert_err(WB_ERR_PROTOCOL, wb_tls_feed(&p->server.tls, 0, "\x14\x03\x03\0\x01\x01", 6, &used));
    pair_free(p);
    for (unsigned i = 0; i < 3; i++) { /* dropped, but only in its exact form */
        static const char *const bytes[] = {"\x14\x03\x03\0\x01\x01", "\x14\x03\x03\0\x01\x02",
                                            "\x14\x03\x03\0\x02\x01\x01"};
        static const size_t lens[] = {6, 6, 7};
        p = pair_new();
        pair_start(p);
        enum wb_err err = wb_tls_feed(&p->client.tls, 0, bytes[i], lens[i], &used);
        if (i == 0) {
            assert_ok(err);
            assert_agreed(p);
        } else {
            assert_err(WB_ERR_PROTOCOL, err);
        }
        pair_free(p);
    }
}

static void application_data_before_the_handshake_is_over(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    size_t used;
    pair_start(p);
    assert_err(WB_ERR_PROTOCOL, wb_tls_feed(&p->client.tls, 0,
                                            "\x17\x03\x03\0\x14"
                                            "aaaaaaaaaaaaaaaaaaaa",
                                            25, &used));
    pair_free(p);
}

static void alerts_of_the_peer_end_the_connection(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 2; level++) { /* §6.2: fatal whatever the level says */
        struct pair *p = pair_new();
        uint8_t alert[2] = {(uint8_t)level, WB_TLS_ALERT_INTERNAL_ERROR};
        pair_start(p);
        assert_agreed(p);
        inject(p, &p->server, TYPE_ALERT, alert, 2);
        assert_true(p->client.is_failed);
        assert_true(p->client.failure.is_alert_received);
        assert_err(WB_ERR_PEER, p->client.failure.fault->code);
        assert_string_equal(p->client.failure.fault->what, "internal_error");
        assert_true(wb_tls_is_done(&p->client.tls)); /* no alert answers an alert */
        pair_free(p);
    }
    struct pair *p = pair_new(); /* user_canceled announces a close_notify */
    pair_start(p);
    assert_agreed(p);
    inject(p, &p->server, TYPE_ALERT, "\x01\x5a", 2);
    assert_false(p->client.is_failed);
    inject(p, &p->server, TYPE_ALERT, "\x01\x00", 2);
    assert_true(p->client.is_peer_closed);
    pair_free(p);
}

/* Every message in every state: what the table of RFC 8446 §A does not show is unexpected_message.
 */
static void every_message_in_every_wrong_state(void **state)
{
    (void)state;
    static const struct {
        enum state state;
        uint8_t allowed[3];
    } table[] = {
        {STATE_WAIT_SERVER_HELLO, {MESSAGE_SERVER_HELLO}},
        {STATE_WAIT_ENCRYPTED_EXTENSIONS, {MESSAGE_ENCRYPTED_EXTENSIONS}},
        {STATE_WAIT_CERTIFICATE_OR_REQUEST, {MESSAGE_CERTIFICATE_REQUEST, MESSAGE_CERTIFICATE}},
        {STATE_WAIT_CERTIFICATE, {MESSAGE_CERTIFICATE}},
        {STATE_WAIT_CERTIFICATE_VERIFY, {MESSAGE_CERTIFICATE_VERIFY}},
        {STATE_WAIT_FINISHED, {MESSAGE_FINISHED}},
        {STATE_WAIT_CLIENT_HELLO, {MESSAGE_CLIENT_HELLO}},
        {STATE_WAIT_CLIENT_HELLO_2, {MESSAGE_CLIENT_HELLO}},
        {STATE_WAIT_CLIENT_CERTIFICATE, {MESSAGE_CERTIFICATE}},
        {STATE_WAIT_CLIENT_VERIFY, {MESSAGE_CERTIFICATE_VERIFY}},
        {STATE_WAIT_CLIENT_FINISHED, {MESSAGE_FINISHED}},
        {STATE_CONNECTED, {MESSAGE_KEY_UPDATE, MESSAGE_NEW_SESSION_TICKET}},
    };
    _Static_assert(WB_ARRAY_LEN(table) == STATE_COUNT, "every state");
    for (size_t i = 0; i < WB_ARRAY_LEN(table); i++) {
        for (unsigned type = 0; type < 256; type++) {
            struct pair *p = pair_new();
            pair_start(p);
            struct wb_tls *tls =
                table[i].state <= STATE_WAIT_FINISHED ? &p->client.tls : &p->server.tls;
            if (table[i].state == STATE_CONNECTED) {
                assert_agreed(p);
                tls = &p->client.tls;
            } else {
                tls->suite = 1;
                tls_transcript_init(tls);
                tls->state = (uint8_t)table[i].state;
            }
            const uint8_t header[4] = {(uint8_t)type, 0, 0, 0x20};
            bool is_allowed = type != 0 && memchr(table[i].allowed, (int)type, 3) != NULL;
            enum wb_err err = tls_messages_feed(tls, header, sizeof header);
            bool is_unexpected = err != WB_OK && tls->alert == WB_TLS_ALERT_UNEXPECTED_MESSAGE;
            assert_int_equal(is_unexpected, !is_allowed);
            pair_free(p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_certificate_where_one_is_required),
        cmocka_unit_test(certificate_of_an_unknown_authority),
        cmocka_unit_test(certificate_of_another_authority_with_the_same_name),
        cmocka_unit_test(self_issued_certificate_unless_allowed),
        cmocka_unit_test(certificate_outside_its_validity_to_the_second),
        cmocka_unit_test(expired_authority),
        cmocka_unit_test(certificate_for_another_purpose),
        cmocka_unit_test(key_usage_without_signatures),
        cmocka_unit_test(server_with_another_name),
        cmocka_unit_test(common_name_does_not_stand_for_a_server_name),
        cmocka_unit_test(certificate_without_its_key),
        cmocka_unit_test(certificate_longer_than_the_work_memory),
        cmocka_unit_test(no_common_cipher_suite),
        cmocka_unit_test(no_common_application_protocol),
        cmocka_unit_test(nothing_happens_without_entropy),
        cmocka_unit_test(one_altered_byte_anywhere_in_the_handshake),
        cmocka_unit_test(finished_that_does_not_match),
        cmocka_unit_test(altered_application_data),
        cmocka_unit_test(replayed_record),
        cmocka_unit_test(stream_cut_after_any_byte),
        cmocka_unit_test(connection_cut_without_close_notify),
        cmocka_unit_test(garbage_instead_of_tls),
        cmocka_unit_test(random_bytes_never_connect),
        cmocka_unit_test(wrong_records_on_a_connection),
        cmocka_unit_test(only_servers_send_tickets_and_clients_pass_over_them),
        cmocka_unit_test(message_interrupted_by_application_data),
        cmocka_unit_test(endless_records_that_bring_nothing),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(record_over_the_agreed_limit),
        cmocka_unit_test(record_over_the_buffer_or_the_protocol),
        cmocka_unit_test(plaintext_where_protection_is_due),
        cmocka_unit_test(change_cipher_spec_outside_its_window),
        cmocka_unit_test(application_data_before_the_handshake_is_over),
        cmocka_unit_test(alerts_of_the_peer_end_the_connection),
        cmocka_unit_test(every_message_in_every_wrong_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
