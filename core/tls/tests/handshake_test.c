/* SPDX-License-Identifier: AGPL-3.0-only */
/* Two engines over a byte pipe agree: every suite, split, buffer size and record size limit. */
#include "pair.h"

static void mutual_handshake_authenticates_both(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    pair_start(p);
    pair_run(p);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_handshake_authenticates_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
