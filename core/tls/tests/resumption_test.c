/* SPDX-License-Identifier: AGPL-3.0-only */
/* Tickets and sessions, exporters, and the groups besides X25519: in full, retried and resumed
 * handshakes. */
#include "pair.h"

struct fixture {
    struct pair *p;
    uint8_t session[WB_TLS_SESSION_CAP];
    size_t session_len;
    struct wb_tls_ticket_keys keys;
    uint8_t exported[2][WB_TLS_EXPORTER_LEN];
    unsigned uses;
    bool is_refused;
};

static bool use_ticket(void *ctx, const uint8_t id[16], wb_unix_s until)
{
    struct fixture *f = ctx;
    assert_non_null(id);
    assert_int_equal(until, NOW + 3600);
    f->uses++;
    return !f->is_refused;
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->p = pair_new();
    f->keys = (struct wb_tls_ticket_keys){.current = {{1, 2, 3, 4}, {9, 9, 9}}, .lifetime_s = 3600};
    f->p->server.cfg.tickets = &f->keys;
    f->p->server.cfg.ticket_use = use_ticket;
    f->p->server.cfg.ticket_ctx = f;
    return f;
}

static void fixture_free(struct fixture *f)
{
    pair_free(f->p);
    free(f);
}

static void start(struct fixture *f, wb_unix_s client_time, wb_unix_s server_time)
{
    struct pair *p = f->p;
    wb_tls_deinit(&p->client.tls);
    wb_tls_deinit(&p->server.tls);
    struct side *sides[2] = {&p->client, &p->server};
    for (int i = 0; i < 2; i++) {
        sides[i]->err = WB_OK;
        sides[i]->is_connected = sides[i]->is_failed = sides[i]->is_peer_closed = false;
    }
    memset(&p->to_server, 0, sizeof p->to_server);
    memset(&p->to_client, 0, sizeof p->to_client);
    const struct wb_tls_more client = {.session = f->session,
                                       .session_cap = sizeof f->session,
                                       .session_len = f->session_len,
                                       .exporter_secret = f->exported[0]};
    const struct wb_tls_more server = {.exporter_secret = f->exported[1]};
    assert_ok(
        wb_tls_init_with(&p->client.tls, &p->client.cfg, &p->client.mem, &client, 0, client_time));
    assert_ok(
        wb_tls_init_with(&p->server.tls, &p->server.cfg, &p->server.mem, &server, 0, server_time));
}

/* A handshake; afterwards the session it brought is the fixture's. */
static void connect_at(struct fixture *f, wb_unix_s client_time, wb_unix_s server_time,
                       bool is_resumed)
{
    struct pair *p = f->p;
    start(f, client_time, server_time);
    assert_agreed(p);
    assert_int_equal(wb_tls_is_resumed(&p->client.tls), is_resumed);
    assert_int_equal(wb_tls_is_resumed(&p->server.tls), is_resumed);
    uint8_t a[40], b[40];
    assert_ok(wb_tls_export(&p->client.tls, "EXPORTER-test", "context", 7, a, sizeof a));
    assert_ok(wb_tls_export(&p->server.tls, "EXPORTER-test", "context", 7, b, sizeof b));
    assert_memory_equal(a, b, sizeof a);
    assert_ok(wb_tls_export(&p->server.tls, "EXPORTER-test", NULL, 0, b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    f->session_len = wb_tls_session(&p->client.tls);
}

static void connect_now(struct fixture *f, bool is_resumed)
{
    connect_at(f, NOW, NOW, is_resumed);
}

static void assert_identity(struct fixture *f)
{
    const struct wb_tls_peer *peer = wb_tls_peer(&f->p->server.tls);
    assert_non_null(peer);
    assert_string_equal(peer->common_name, "device-7");
    assert_memory_equal(peer->public_key, f->p->client_id.public_key, 32);
    assert_int_equal(peer->key_type, WB_X509_KEY_ED25519);
    assert_int_equal(peer->not_after, NOW + YEAR);
    assert_false(peer->is_self_issued);
    uint8_t digest[32];
    wb_hash_once(WB_HASH_SHA256, f->p->client_id.der, f->p->client_id.len, digest);
    assert_memory_equal(peer->fingerprint, digest, 32);
}

static void resumes_again_and_again_and_keeps_the_identity(void **state)
{
    (void)state;
    static const uint16_t suites[] = {WB_TLS_CHACHA20_POLY1305_SHA256, WB_TLS_AES_256_GCM_SHA384,
                                      WB_TLS_AES_128_GCM_SHA256};
    for (size_t i = 0; i < WB_ARRAY_LEN(suites); i++) {
        for (int is_retried = 0; is_retried < 2; is_retried++) {
            struct fixture *f = fixture_new();
            f->p->client.cfg.suites = &suites[i];
            f->p->client.cfg.suite_count = 1;
            f->p->client.cfg.empty_key_share = is_retried != 0;
            side_memory(&f->p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(600), 448);
            connect_now(f, false);
            assert_true(f->session_len > 0);
            size_t full = f->p->sent_to_server;
            for (int round = 0; round < 3; round++) {
                f->p->sent_to_server = 0;
                connect_now(f, true);
                assert_identity(f);
                assert_int_equal(f->uses, round + 1);
                assert_true(f->session_len > 0);
                assert_true(is_retried || f->p->sent_to_server < full);
                assert_int_equal(wb_tls_suite(&f->p->client.tls), suites[i]);
                assert_int_equal(wb_tls_peer(&f->p->client.tls)->not_after, NOW + YEAR);
            }
            fixture_free(f);
        }
    }
}

static void resumes_byte_by_byte_through_small_buffers(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    f->p->chunk = 1;
    f->p->emit_chunk = 7;
    side_memory(&f->p->client, WB_TLS_RX_CAP(160), WB_TLS_TX_CAP(480), 448);
    side_memory(&f->p->server, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP_MIN, 448);
    connect_now(f, false);
    connect_now(f, true);
    assert_identity(f);
    fixture_free(f);
}

static void nothing_is_resumed_that_may_not_be(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        struct fixture *f = fixture_new();
        wb_unix_s client_time = NOW, server_time = NOW;
        side_memory(&f->p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(600), 448);
        if (i == 7) {
            f->p->server.cfg.require_client_certificate = false;
        }
        connect_now(f, false);
        static const uint16_t sha384[] = {WB_TLS_AES_256_GCM_SHA384};
        switch (i) {
        case 0: f->is_refused = true; break;                       /* used before */
        case 1: f->session[f->session_len - 1] ^= 1; break;        /* altered ticket */
        case 2: f->keys.current.id[0]++; break;                    /* key forgotten */
        case 3: f->keys.current.key[0]++; break;                   /* another key */
        case 4: server_time = NOW + 3601; break;                   /* expired at the server */
        case 5: client_time = server_time = NOW + 3600; break;     /* expired at the client */
        case 6: f->p->client.cfg.server_name = "localhost"; break; /* another server */
        case 7: f->p->server.cfg.require_client_certificate = true; break; /* no identity in it */
        case 8: f->keys.lifetime_s = 0; break;
        case 9: f->p->client.cfg.suites = sha384, f->p->client.cfg.suite_count = 1; break;
        case 10: server_time = NOW - 1; break; /* issued in the future */
        case 11: f->session_len = 20; break;   /* cut */
        }
        connect_at(f, client_time, server_time, false);
        assert_identity(f);
        fixture_free(f);
    }
}

static void previous_key_still_opens(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    side_memory(&f->p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(600), 448);
    connect_now(f, false);
    f->keys.previous = f->keys.current;
    f->keys.has_previous = true;
    f->keys.current.id[0] = 77;
    f->keys.current.key[0] = 77;
    connect_now(f, true);
    f->keys.has_previous = false;
    connect_now(f, true); /* the ticket that came was sealed with the new key */
    fixture_free(f);
}

static void stolen_ticket_without_its_key_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    side_memory(&f->p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(600), 448);
    connect_now(f, false);
    f->session[32] ^= 1; /* the PSK */
    start(f, NOW, NOW);
    assert_refused(f->p, &f->p->server, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_AUTH);
    fixture_free(f);
}

/* Ticket, binder, modes, lengths: whatever is altered on its way, nobody connects. */
static void every_altered_byte_of_a_resumption_is_noticed(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct pair *p = f->p;
    side_memory(&p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(600), 448);
    connect_now(f, false);
    uint8_t session[WB_TLS_SESSION_CAP];
    memcpy(session, f->session, sizeof session);
    size_t len = f->session_len;
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    /* past the record header's version, which is to be ignored */
    for (size_t at = 4; at < 400; at++) {
        memcpy(f->session, session, sizeof session);
        f->session_len = len;
        p->flip_at = at;
        p->flip_mask = masks[at % WB_ARRAY_LEN(masks)];
        p->is_flip_to_server = true;
        p->sent_to_server = p->sent_to_client = 0;
        start(f, NOW, NOW);
        pair_run(p);
        assert_false(p->client.is_connected && p->server.is_connected);
    }
    fixture_free(f);
}

static void ticket_that_does_not_fit_is_no_error(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    const struct wb_tls_more more = {.session = f->session, .session_cap = 100};
    pair_start(f->p);
    wb_tls_deinit(&f->p->client.tls);
    assert_ok(
        wb_tls_init_with(&f->p->client.tls, &f->p->client.cfg, &f->p->client.mem, &more, 0, NOW));
    assert_agreed(f->p);
    assert_int_equal(wb_tls_session(&f->p->client.tls), 0);
    fixture_free(f);
}

static void nobody_exports_without_the_secret(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    uint8_t out[4];
    pair_start(p);
    assert_err(WB_ERR_STATE, wb_tls_export(&p->client.tls, "x", NULL, 0, out, 4));
    assert_agreed(p);
    assert_err(WB_ERR_STATE, wb_tls_export(&p->client.tls, "x", NULL, 0, out, 4));
    pair_free(p);
}

/* ---- groups ---- */

static const struct wb_tls_group *const all_groups[] = {&wb_tls_x25519mlkem768, &wb_tls_x25519,
                                                        &wb_tls_secp256r1, NULL};

static void every_group_full_retried_and_resumed(void **state)
{
    (void)state;
    struct wb_tls_crypto crypto = wb_tls_crypto_core;
    crypto.groups = all_groups;
    static const uint16_t ids[][2] = {{WB_TLS_GROUP_X25519MLKEM768, WB_TLS_GROUP_X25519},
                                      {WB_TLS_GROUP_X25519, WB_TLS_GROUP_SECP256R1},
                                      {WB_TLS_GROUP_SECP256R1, WB_TLS_GROUP_X25519MLKEM768}};
    for (size_t i = 0; i < WB_ARRAY_LEN(ids); i++) {
        for (int kind = 0; kind < 3; kind++) { /* full, empty share, share of another group */
            struct fixture *f = fixture_new();
            uint8_t *work[2];
            struct side *sides[2] = {&f->p->client, &f->p->server};
            for (int s = 0; s < 2; s++) {
                sides[s]->cfg.crypto = &crypto;
                side_memory(sides[s], WB_TLS_RX_CAP(2048), WB_TLS_TX_CAP(2048), 0);
                work[s] = malloc(WB_TLS_WORK_CAP(4096));
                assert_non_null(work[s]);
                sides[s]->mem.work = work[s];
                sides[s]->mem.work_cap = WB_TLS_WORK_CAP(4096);
            }
            f->p->server.cfg.groups = ids[i];
            f->p->server.cfg.group_count = 1;
            uint16_t reversed[2] = {ids[i][1], ids[i][0]};
            f->p->client.cfg.groups = kind == 2 ? reversed : ids[i];
            f->p->client.cfg.group_count = 2;
            f->p->client.cfg.empty_key_share = kind == 1;
            connect_now(f, false);
            assert_int_equal(wb_tls_group(&f->p->client.tls), ids[i][0]);
            assert_int_equal(wb_tls_group(&f->p->server.tls), ids[i][0]);
            connect_now(f, true);
            assert_int_equal(wb_tls_group(&f->p->client.tls), ids[i][0]);
            pair_free(f->p);
            free(f);
            free(work[0]);
            free(work[1]);
        }
    }
}

static void group_that_does_not_fit_gives_way(void **state)
{
    (void)state;
    struct wb_tls_crypto crypto = wb_tls_crypto_core;
    crypto.groups = all_groups;
    static const uint16_t ids[2] = {WB_TLS_GROUP_X25519MLKEM768, WB_TLS_GROUP_X25519};
    struct pair *p = pair_new();
    uint8_t *work = malloc(WB_TLS_WORK_CAP(4096));
    p->client.cfg.crypto = p->server.cfg.crypto = &crypto;
    p->client.cfg.groups = ids;
    p->client.cfg.group_count = 2;
    side_memory(&p->client, WB_TLS_RX_CAP(2048), WB_TLS_TX_CAP(2048), 0);
    p->client.mem.work = work;
    p->client.mem.work_cap = WB_TLS_WORK_CAP(4096);
    side_memory(&p->server, WB_TLS_RX_CAP(2048), WB_TLS_TX_CAP(1024), SCRATCH);
    pair_start(p); /* the server's scratch of 2 KB is too short for both shares */
    assert_agreed(p);
    assert_int_equal(wb_tls_group(&p->server.tls), WB_TLS_GROUP_X25519);
    pair_free(p);
    free(work);
}

static void no_common_group(void **state)
{
    (void)state;
    static const uint16_t p256[] = {WB_TLS_GROUP_SECP256R1};
    struct pair *p = pair_new();
    p->client.cfg.groups = p256;
    p->client.cfg.group_count = 1;
    p->server.cfg.crypto = &wb_tls_crypto_small;
    side_memory(&p->client, WB_TLS_RX_CAP(512), WB_TLS_TX_CAP(400), 448);
    pair_start(p);
    assert_refused(p, &p->server, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED);
    pair_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes_again_and_again_and_keeps_the_identity),
        cmocka_unit_test(resumes_byte_by_byte_through_small_buffers),
        cmocka_unit_test(nothing_is_resumed_that_may_not_be),
        cmocka_unit_test(previous_key_still_opens),
        cmocka_unit_test(stolen_ticket_without_its_key_is_refused),
        cmocka_unit_test(every_altered_byte_of_a_resumption_is_noticed),
        cmocka_unit_test(ticket_that_does_not_fit_is_no_error),
        cmocka_unit_test(nobody_exports_without_the_secret),
        cmocka_unit_test(every_group_full_retried_and_resumed),
        cmocka_unit_test(group_that_does_not_fit_gives_way),
        cmocka_unit_test(no_common_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
