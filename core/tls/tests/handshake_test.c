/* SPDX-License-Identifier: AGPL-3.0-only */
/* Two engines over a byte pipe agree: every suite, split, buffer size and record size limit; and
 * what a connection can do afterwards. */
#include "pair.h"

static void mutual_handshake_authenticates_both(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_int_equal(wb_tls_due(&p->client.tls), 10000);
    assert_null(wb_tls_peer(&p->client.tls));
    assert_null(wb_tls_alpn(&p->client.tls));
    assert_agreed(p);
    const struct wb_tls_peer *peer = wb_tls_peer(&p->server.tls);
    assert_non_null(peer);
    assert_string_equal(peer->common_name, "device-7");
    assert_memory_equal(peer->public_key, p->client_id.public_key, 32);
    uint8_t digest[32];
    wb_hash_once(WB_HASH_SHA256, p->client_id.der, p->client_id.len, digest);
    assert_memory_equal(peer->fingerprint, digest, 32);
    assert_int_equal(peer->not_after, NOW + YEAR);
    assert_false(peer->is_self_issued);
    assert_string_equal(wb_tls_peer(&p->client.tls)->common_name, SERVER_NAME);
    assert_string_equal(wb_tls_alpn(&p->client.tls), "wasmbed/1");
    assert_string_equal(wb_tls_alpn(&p->server.tls), "wasmbed/1");
    assert_int_equal(wb_tls_suite(&p->client.tls), WB_TLS_CHACHA20_POLY1305_SHA256);
    assert_int_equal(wb_tls_due(&p->client.tls), WB_NEVER);
    pair_free(p);
}

static void every_suite_works_with_and_without_retry(void **state)
{
    (void)state;
    static const uint16_t suites[] = {WB_TLS_CHACHA20_POLY1305_SHA256, WB_TLS_AES_256_GCM_SHA384,
                                      WB_TLS_AES_128_GCM_SHA256};
    for (unsigned i = 0; i < 2 * WB_ARRAY_LEN(suites); i++) {
        struct pair *p = pair_new();
        p->client.cfg.suites = &suites[i / 2];
        p->client.cfg.suite_count = 1;
        p->client.cfg.empty_key_share = i % 2 == 1;
        pair_start(p);
        assert_agreed(p);
        assert_int_equal(wb_tls_suite(&p->server.tls), suites[i / 2]);
        pair_free(p);
    }
}

static void server_takes_the_clients_first_suite_that_it_allows(void **state)
{
    (void)state;
    static const uint16_t client[] = {WB_TLS_AES_128_GCM_SHA256, WB_TLS_AES_256_GCM_SHA384};
    static const uint16_t server[] = {WB_TLS_CHACHA20_POLY1305_SHA256, WB_TLS_AES_256_GCM_SHA384};
    struct pair *p = pair_new();
    p->client.cfg.suites = client;
    p->client.cfg.suite_count = 2;
    p->server.cfg.suites = server;
    p->server.cfg.suite_count = 2;
    pair_start(p);
    assert_agreed(p);
    assert_int_equal(wb_tls_suite(&p->client.tls), WB_TLS_AES_256_GCM_SHA384);
    pair_free(p);
}

static void every_split_of_the_stream_gives_the_same_result(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk <= 64; chunk += chunk < 8 ? 1 : 7) {
        struct pair *p = pair_new();
        p->chunk = chunk;
        p->emit_chunk = 65 - chunk;
        p->client.cfg.empty_key_share = chunk % 2 == 0;
        pair_start(p);
        assert_agreed(p);
        pair_free(p);
    }
}

static void smallest_buffers_suffice(void **state)
{
    (void)state;
    for (unsigned retry = 0; retry < 2; retry++) {
        struct pair *p = pair_new();
        p->client.cfg.empty_key_share = retry == 1;
        side_memory(&p->client, WB_TLS_RX_CAP(128), 160 + 15 + 9, WB_TLS_CERT_CAP_MIN);
        side_memory(&p->server, WB_TLS_RX_CAP(192), WB_TLS_TX_CAP_MIN, WB_TLS_CERT_CAP_MIN);
        /* the least certificates that exist: short names, one alternative name */
        static const char *const names[] = {SERVER_NAME};
        struct wb_x509_spec spec = make_spec(&p->server_id, "s", 0);
        spec.alt_names = names;
        spec.alt_name_count = 1;
        issue(&p->server_id, &spec, &p->ca);
        side_memory(&p->client, WB_TLS_RX_CAP(128), 160 + 15 + 9, p->server_id.len);
        side_memory(&p->server, WB_TLS_RX_CAP(192), WB_TLS_TX_CAP_MIN, p->client_id.len);
        pair_start(p);
        assert_agreed(p);
        uint8_t data[3000];
        memset(data, 0x5a, sizeof data);
        pair_send(p, &p->client, &p->server, data, sizeof data);
        pair_send(p, &p->server, &p->client, data, sizeof data);
        pair_free(p);
    }
}

static void buffers_below_the_least_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t rx, tx, scratch;
        enum wb_err err;
    } cases[] = {{WB_TLS_RX_CAP(127), 512, 448, WB_ERR_SPACE},
                 {WB_TLS_RX_CAP(128), WB_TLS_TX_CAP_MIN - 1, 448, WB_ERR_SPACE},
                 {WB_TLS_RX_CAP(128), WB_TLS_TX_CAP_MIN, 448, WB_ERR_SPACE}, /* ClientHello */
                 {WB_TLS_RX_CAP(128), 512, WB_TLS_CERT_CAP_MIN - 1, WB_ERR_SPACE},
                 {WB_TLS_RX_CAP(128), 512, WB_TLS_CERT_CAP_MIN, WB_OK}};
    struct pair *p = pair_new();
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        side_memory(&p->client, cases[i].rx, cases[i].tx, cases[i].scratch);
        assert_err(cases[i].err,
                   wb_tls_init(&p->client.tls, &p->client.cfg, &p->client.mem, 0, NOW));
        if (cases[i].err != WB_OK) {
            size_t used;
            assert_err(cases[i].err, wb_tls_feed(&p->client.tls, 0, "x", 1, &used));
            uint8_t out[8];
            assert_int_equal(wb_tls_emit(&p->client.tls, 0, out, sizeof out), 0);
        }
    }
    pair_free(p);
}

static void incomplete_configuration_is_refused(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct wb_tls_cfg good = p->client.cfg;
    for (unsigned i = 0; i < 8; i++) {
        struct wb_tls_cfg cfg = good;
        static const uint16_t unknown = 0x1399;
        static const char *const long_name[] = {"123456789012345678901234567890123"};
        switch (i) {
        case 0: cfg.crypto = NULL; break;
        case 1: cfg.random = NULL; break;
        case 2: cfg.server_name = NULL; break;
        case 3: cfg.anchor_count = 0; break;
        case 4: cfg.record_size_limit = 63; break;
        case 5: cfg.record_size_limit = 16386; break;
        case 6:
            cfg.suites = &unknown;
            cfg.suite_count = 1;
            break;
        case 7: cfg.alpn = long_name; break;
        }
        assert_err(WB_ERR_VALUE, wb_tls_init(&p->client.tls, &cfg, &p->client.mem, 0, NOW));
        assert_true(strlen(p->client.tls.fault.what) > 0);
    }
    struct wb_tls_cfg server = p->server.cfg;
    server.credential = NULL;
    assert_err(WB_ERR_VALUE, wb_tls_init(&p->server.tls, &server, &p->server.mem, 0, NOW));
    pair_free(p);
}

static void every_record_size_limit_is_obeyed_both_ways(void **state)
{
    (void)state;
    static const uint16_t limits[] = {64,   65,   66,   67,    80,    95,   100, 127,
                                      128,  129,  255,  256,   300,   511,  512, 513,
                                      1000, 4096, 8191, 16383, 16384, 16385};
    static uint8_t data[20000];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(limits); i++) {
        struct pair *p = pair_new();
        uint16_t other = limits[WB_ARRAY_LEN(limits) - 1 - i];
        p->client.cfg.record_size_limit = limits[i];
        p->server.cfg.record_size_limit = other;
        side_memory(&p->client, WB_TLS_RX_CAP_FULL, WB_TLS_TX_CAP(16384), 448);
        side_memory(&p->server, WB_TLS_RX_CAP_FULL, WB_TLS_TX_CAP(16384), SCRATCH);
        pair_start(p);
        assert_agreed(p);
        pair_send(p, &p->client, &p->server, data, sizeof data);
        pair_send(p, &p->server, &p->client, data, sizeof data);
        assert_int_equal(p->to_client.protected_max,
                         limits[i] + 16); /* full records are used, too */
        assert_int_equal(p->to_server.protected_max, other + 16);
        pair_free(p);
    }
}

static void board_client_holds_a_server_to_its_buffer(void **state)
{
    (void)state;
    struct pair *p = pair_new(); /* the client has room for 512 and 256 bytes */
    static uint8_t data[5000];
    side_memory(&p->server, WB_TLS_RX_CAP_FULL, WB_TLS_TX_CAP(16384), SCRATCH);
    pair_start(p);
    assert_agreed(p);
    pair_send(p, &p->server, &p->client, data, sizeof data);
    pair_send(p, &p->client, &p->server, data, sizeof data);
    assert_int_equal(p->to_client.protected_max, 512 + 16);
    assert_int_equal(p->to_server.protected_max, 257 + 16);
    pair_free(p);
}

static void context_and_buffers_of_a_board_fit_its_budget(void **state)
{
    (void)state;
    /* pointers are twice as large here, so this is an upper bound; rv32: 496 and 512 bytes */
    assert_true(sizeof(struct wb_tls) <= 608);
    assert_true(sizeof(struct wb_tls_work) <= 544);
    assert_true(sizeof(struct wb_tls) + sizeof(struct wb_tls_work) + WB_TLS_RX_CAP(512) +
                    WB_TLS_TX_CAP(256) <=
                2048);
}

static void keys_are_renewed_by_either_side_at_any_time(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_err(WB_ERR_STATE, wb_tls_key_update(&p->client.tls, true));
    assert_agreed(p);
    for (unsigned i = 0; i < 24; i++) {
        uint8_t before_in[32], before_out[32];
        memcpy(before_in, p->client.tls.in.key, 32);
        memcpy(before_out, p->client.tls.out.key, 32);
        bool is_asked = i % 3 != 0;
        bool by_client = i % 2 == 0;
        assert_ok(wb_tls_key_update(by_client ? &p->client.tls : &p->server.tls, is_asked));
        if (i % 4 == 0) { /* both at once */
            assert_ok(wb_tls_key_update(by_client ? &p->server.tls : &p->client.tls, is_asked));
        }
        pair_send(p, &p->client, &p->server, "one", 3);
        pair_send(p, &p->server, &p->client, "two", 3);
        bool is_out_new = memcmp(before_out, p->client.tls.out.key, 32) != 0;
        bool is_in_new = memcmp(before_in, p->client.tls.in.key, 32) != 0;
        assert_true(is_out_new == (by_client || is_asked || i % 4 == 0));
        assert_true(is_in_new == (!by_client || is_asked || i % 4 == 0));
        assert_memory_equal(p->client.tls.out.key, p->server.tls.in.key, 32);
        assert_memory_equal(p->client.tls.in.key, p->server.tls.out.key, 32);
    }
    pair_free(p);
}

static void worn_out_key_is_renewed_by_itself(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    p->client.tls.out.sequence = p->server.tls.in.sequence = (1u << 23) - 1;
    pair_send(p, &p->client, &p->server, "last with the old key", 21);
    pair_send(p, &p->client, &p->server, "first with the new one", 22);
    assert_true(p->client.tls.out.sequence < 4);
    assert_true(p->server.tls.in.sequence < 4);
    pair_free(p);
}

static void feed_takes_nothing_while_data_is_unread(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    uint8_t wire[256];
    size_t taken, used;
    assert_ok(wb_tls_write(&p->client.tls, "first", 5, &taken));
    assert_ok(wb_tls_write(&p->client.tls, "second", 6, &taken));
    size_t len = wb_tls_emit(&p->client.tls, 0, wire, sizeof wire);
    assert_int_equal(len, 2 * 22 + 11);
    assert_ok(wb_tls_feed(&p->server.tls, 0, wire, len, &used));
    assert_int_equal(used, 22 + 5);
    assert_false(wb_tls_wants_feed(&p->server.tls));
    const uint8_t *data;
    size_t n;
    assert_true(wb_tls_read(&p->server.tls, &data, &n));
    assert_int_equal(n, 5);
    wb_tls_read_done(&p->server.tls, 4);
    size_t more;
    assert_ok(wb_tls_feed(&p->server.tls, 0, wire + used, len - used, &more));
    assert_int_equal(more, 0);
    assert_true(wb_tls_read(&p->server.tls, &data, &n));
    assert_int_equal(n, 1);
    assert_memory_equal(data, "t", 1);
    wb_tls_read_done(&p->server.tls, 1);
    assert_false(wb_tls_read(&p->server.tls, &data, &n));
    assert_ok(wb_tls_feed(&p->server.tls, 0, wire + used, len - used, &more));
    assert_true(wb_tls_read(&p->server.tls, &data, &n));
    assert_memory_equal(data, "second", 6);
    pair_free(p);
}

static void full_send_buffer_takes_less_and_says_how_much(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    static uint8_t data[1000];
    size_t taken;
    pair_start(p);
    assert_int_equal(wb_tls_write_room(&p->client.tls), 0);
    assert_ok(wb_tls_write(&p->client.tls, data, 10, &taken));
    assert_int_equal(taken, 0);
    assert_agreed(p);
    assert_int_equal(wb_tls_write_room(&p->client.tls), 256);
    assert_ok(wb_tls_write(&p->client.tls, data, sizeof data, &taken));
    assert_int_equal(taken, 256);
    assert_int_equal(wb_tls_write_room(&p->client.tls), 0);
    assert_ok(wb_tls_write(&p->client.tls, data, sizeof data, &taken));
    assert_int_equal(taken, 0);
    pair_run(p);
    assert_int_equal(wb_tls_write_room(&p->client.tls), 256);
    pair_free(p);
}

static void client_certificate_may_be_optional_or_not_asked_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct pair *p = pair_new();
        bool is_asked = i & 1, has_one = i & 2;
        p->server.cfg.require_client_certificate = false;
        p->server.cfg.request_client_certificate = is_asked;
        if (!has_one) {
            p->client.cfg.credential = NULL;
        }
        pair_start(p);
        assert_agreed(p);
        assert_int_equal(wb_tls_peer(&p->server.tls) != NULL, is_asked && has_one);
        pair_free(p);
    }
}

static void self_issued_device_is_taken_when_allowed_and_marked(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct wb_x509_spec spec = make_spec(&p->client_id, "new-device", WB_X509_CLIENT_AUTH);
    assert_ok(wb_x509_write_self_signed(&spec, p->client_id.private_key, p->client_id.der,
                                        sizeof p->client_id.der, &p->client_id.len));
    use_identity(&p->client_id);
    p->server.cfg.accept_self_issued = true;
    pair_start(p);
    assert_agreed(p);
    assert_true(wb_tls_peer(&p->server.tls)->is_self_issued);
    assert_memory_equal(wb_tls_peer(&p->server.tls)->public_key, p->client_id.public_key, 32);
    pair_free(p);
}

static enum wb_err sign_elsewhere(void *ctx, uint16_t scheme, const void *message, size_t len,
                                  uint8_t signature[WB_TLS_SIGNATURE_MAX], size_t *signature_len)
{
    const struct identity *id = ctx;
    assert_int_equal(scheme, WB_TLS_SIGNATURE_ED25519);
    wb_ed25519_sign(signature, id->private_key, id->public_key, message, len);
    *signature_len = 64;
    return WB_OK;
}

static enum wb_err sign_never(void *ctx, uint16_t scheme, const void *message, size_t len,
                              uint8_t signature[WB_TLS_SIGNATURE_MAX], size_t *signature_len)
{
    (void)ctx, (void)scheme, (void)message, (void)len, (void)signature, (void)signature_len;
    return WB_ERR_IO;
}

static void private_key_may_lie_elsewhere(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    p->server_id.credential.private_key = NULL;
    p->server_id.credential.sign = sign_elsewhere;
    p->server_id.credential.ctx = &p->server_id;
    pair_start(p);
    assert_agreed(p);
    pair_free(p);
    p = pair_new();
    p->server_id.credential.sign = sign_never;
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_INTERNAL_ERROR, WB_ERR_IO);
    pair_free(p);
}

static void chain_longer_than_the_send_buffer_passes(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct wb_bytes chain[5];
    for (size_t i = 0; i < 5; i++) {
        chain[i] = i == 0 ? p->server_id.chain[0] : (struct wb_bytes){p->ca.der, p->ca.len};
    }
    p->server_id.credential.chain = chain;
    p->server_id.credential.chain_count = 5;
    pair_start(p);
    assert_agreed(p);
    pair_free(p);
}

static void server_may_be_named_by_its_address(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    p->client.cfg.server_name = "127.0.0.1";
    pair_start(p);
    assert_agreed(p);
    pair_free(p);
}

static void validity_is_not_checked_without_a_clock(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start_at(p, 0, 0);
    assert_agreed(p);
    pair_free(p);
}

static void close_notify_ends_each_direction_by_itself(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    size_t taken;
    pair_start(p);
    assert_agreed(p);
    wb_tls_close(&p->client.tls);
    wb_tls_close(&p->client.tls);
    assert_err(WB_ERR_CLOSED, wb_tls_write(&p->client.tls, "x", 1, &taken));
    pair_run(p);
    assert_true(p->server.is_peer_closed);
    assert_false(wb_tls_is_done(&p->server.tls));
    pair_send(p, &p->server, &p->client, "still open this way", 19);
    wb_tls_close(&p->server.tls);
    pair_run(p);
    assert_true(p->client.is_peer_closed);
    assert_true(wb_tls_is_done(&p->client.tls));
    assert_true(wb_tls_is_done(&p->server.tls));
    assert_ok(wb_tls_feed_end(&p->client.tls));
    pair_free(p);
}

static void data_before_close_notify_is_read_first(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    uint8_t wire[256];
    size_t taken, used;
    assert_ok(wb_tls_write(&p->client.tls, "last words", 10, &taken));
    wb_tls_close(&p->client.tls);
    size_t len = wb_tls_emit(&p->client.tls, 0, wire, sizeof wire);
    assert_ok(wb_tls_feed(&p->server.tls, 0, wire, len, &used));
    struct wb_tls_event event;
    assert_false(wb_tls_next(&p->server.tls, &event));
    wb_tls_read_done(&p->server.tls, 10);
    assert_ok(wb_tls_feed(&p->server.tls, 0, wire + used, len - used, &used));
    assert_true(wb_tls_next(&p->server.tls, &event));
    assert_int_equal(event.type, WB_TLS_EVENT_PEER_CLOSED);
    pair_free(p);
}

static void handshake_deadline_is_kept_to_the_millisecond(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    wb_tls_tick(&p->server.tls, 9999);
    side_events(&p->server);
    assert_false(p->server.is_failed);
    wb_tls_tick(&p->server.tls, 10000);
    side_events(&p->server);
    assert_true(p->server.is_failed);
    assert_err(WB_ERR_TIMEOUT, p->server.failure.fault->code);
    assert_int_equal(wb_tls_due(&p->server.tls), WB_NEVER);
    wb_tls_tick(&p->server.tls, 20000);
    pair_run(p);
    assert_true(p->client.failure.is_alert_received);
    pair_free(p);
}

static void work_memory_is_wiped_and_free_after_the_handshake(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    for (size_t i = 0; i < p->client.mem.work_cap; i++) {
        assert_int_equal(p->client.work[i], 0);
    }
    memset(p->client.work, 0xee, sizeof p->client.work);
    memset(p->server.work, 0xee, sizeof p->server.work);
    assert_ok(wb_tls_key_update(&p->client.tls, true));
    assert_agreed(p);
    pair_free(p);
}

static void abort_tells_the_peer_why(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    assert_agreed(p);
    wb_tls_abort(&p->server.tls, WB_TLS_ALERT_ACCESS_DENIED, WB_ERR_AUTH, "device is not approved");
    assert_refused(p, &p->server, WB_TLS_ALERT_ACCESS_DENIED, WB_ERR_AUTH);
    pair_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_handshake_authenticates_both),
        cmocka_unit_test(every_suite_works_with_and_without_retry),
        cmocka_unit_test(server_takes_the_clients_first_suite_that_it_allows),
        cmocka_unit_test(every_split_of_the_stream_gives_the_same_result),
        cmocka_unit_test(smallest_buffers_suffice),
        cmocka_unit_test(buffers_below_the_least_are_refused),
        cmocka_unit_test(incomplete_configuration_is_refused),
        cmocka_unit_test(every_record_size_limit_is_obeyed_both_ways),
        cmocka_unit_test(board_client_holds_a_server_to_its_buffer),
        cmocka_unit_test(context_and_buffers_of_a_board_fit_its_budget),
        cmocka_unit_test(keys_are_renewed_by_either_side_at_any_time),
        cmocka_unit_test(worn_out_key_is_renewed_by_itself),
        cmocka_unit_test(feed_takes_nothing_while_data_is_unread),
        cmocka_unit_test(full_send_buffer_takes_less_and_says_how_much),
        cmocka_unit_test(client_certificate_may_be_optional_or_not_asked_for),
        cmocka_unit_test(self_issued_device_is_taken_when_allowed_and_marked),
        cmocka_unit_test(private_key_may_lie_elsewhere),
        cmocka_unit_test(chain_longer_than_the_send_buffer_passes),
        cmocka_unit_test(server_may_be_named_by_its_address),
        cmocka_unit_test(validity_is_not_checked_without_a_clock),
        cmocka_unit_test(close_notify_ends_each_direction_by_itself),
        cmocka_unit_test(data_before_close_notify_is_read_first),
        cmocka_unit_test(handshake_deadline_is_kept_to_the_millisecond),
        cmocka_unit_test(work_memory_is_wiped_and_free_after_the_handshake),
        cmocka_unit_test(abort_tells_the_peer_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
