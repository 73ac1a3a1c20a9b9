/* SPDX-License-Identifier: AGPL-3.0-only */
/* Hellos and encrypted server messages that break a rule, each with the alert that RFC 8446 asks
 * for. Messages are taken from a real engine and edited, or written from scratch and sealed with
 * the real keys. */
#include "pair.h"
#include "tls.h"

struct message {
    uint8_t
        bytes[1024]; /* with its 4-byte header, and room for 5 bytes of record header in front */
    size_t len;
};

/* ---- editing a hello ---- */

static size_t be16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static void put_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Offset of the extensions' length field. */
static size_t extensions_at(const struct message *m)
{
    size_t at = 4 + 2 + 32;
    at += 1 + m->bytes[at];
    if (m->bytes[0] == MESSAGE_CLIENT_HELLO) {
        at += 2 + be16(m->bytes + at);
        return at + 1 + m->bytes[at];
    }
    return at + 3;
}

static size_t find_extension(const struct message *m, unsigned type)
{
    size_t at = extensions_at(m) + 2;
    while (at < m->len && be16(m->bytes + at) != type) {
        at += 4 + be16(m->bytes + at + 2);
    }
    assert_true(at < m->len);
    return at;
}

static void fix_lengths(struct message *m)
{
    size_t at = extensions_at(m);
    put_be16(m->bytes + at, m->len - at - 2);
    put_be16(m->bytes + 2, m->len - 4);
}

static void remove_extension(struct message *m, unsigned type)
{
    size_t at = find_extension(m, type);
    size_t len = 4 + be16(m->bytes + at + 2);
    memmove(m->bytes + at, m->bytes + at + len, m->len - at - len);
    m->len -= len;
    fix_lengths(m);
}

static void add_extension(struct message *m, unsigned type, const void *body, size_t len)
{
    put_be16(m->bytes + m->len, type);
    put_be16(m->bytes + m->len + 2, len);
    if (len > 0) {
        memcpy(m->bytes + m->len + 4, body, len);
    }
    m->len += 4 + len;
    fix_lengths(m);
}

static void replace_extension(struct message *m, unsigned type, const void *body, size_t len)
{
    remove_extension(m, type);
    add_extension(m, type, body, len);
}

static struct message take_hello(struct side *from)
{
    struct message m;
    uint8_t wire[1024];
    size_t len = wb_tls_emit(&from->tls, 0, wire, sizeof wire);
    assert_true(len > 9);
    m.len = be16(wire + 3);
    memcpy(m.bytes, wire + 5, m.len);
    return m;
}

static enum wb_err feed_plain(struct side *side, const struct message *m)
{
    uint8_t wire[1100] = {TYPE_HANDSHAKE, 3, 3};
    size_t used;
    put_be16(wire + 3, m->len);
    memcpy(wire + 5, m->bytes, m->len);
    enum wb_err err = wb_tls_feed(&side->tls, 0, wire, 5 + m->len, &used);
    side_events(side);
    return err;
}

static void assert_alert(const struct side *side, enum wb_tls_alert alert)
{
    assert_true(side->is_failed);
    assert_string_equal(wb_tls_alert_str(side->failure.alert), wb_tls_alert_str(alert));
    assert_false(side->failure.is_alert_received);
}

/* ---- ClientHello ---- */

static const uint8_t x25519_share[36 + 2] = {0, 36, 0, 0x1d, 0, 32, 9};

typedef void (*edit_fn)(struct message *m);

static void without_versions(struct message *m)
{
    remove_extension(m, EXT_SUPPORTED_VERSIONS);
}
static void without_groups(struct message *m)
{
    remove_extension(m, EXT_SUPPORTED_GROUPS);
}
static void without_share(struct message *m)
{
    remove_extension(m, EXT_KEY_SHARE);
}
static void without_schemes(struct message *m)
{
    remove_extension(m, EXT_SIGNATURE_ALGORITHMS);
}
static void only_tls_1_2(struct message *m)
{
    replace_extension(m, EXT_SUPPORTED_VERSIONS, "\x02\x03\x03", 3);
}
static void empty_versions(struct message *m)
{
    replace_extension(m, EXT_SUPPORTED_VERSIONS, "\x00", 1);
}
static void odd_versions(struct message *m)
{
    replace_extension(m, EXT_SUPPORTED_VERSIONS, "\x03\x03\x04\x03", 4);
}
static void other_scheme(struct message *m)
{
    replace_extension(m, EXT_SIGNATURE_ALGORITHMS, "\0\2\4\3", 4);
}
static void empty_schemes(struct message *m)
{
    replace_extension(m, EXT_SIGNATURE_ALGORITHMS, "\0\0", 2);
}
static void other_group(struct message *m)
{
    replace_extension(m, EXT_SUPPORTED_GROUPS, "\0\2\0\x18", 4);
    replace_extension(m, EXT_KEY_SHARE, "\0\0", 2);
}
static void share_without_group(struct message *m)
{
    replace_extension(m, EXT_SUPPORTED_GROUPS, "\0\2\0\x18", 4);
}
static void short_share(struct message *m)
{
    replace_extension(m, EXT_KEY_SHARE, "\0\5\0\x1d\0\1\1", 7);
}
static void empty_share_entry(struct message *m)
{
    replace_extension(m, EXT_KEY_SHARE, "\0\4\0\x1d\0\0", 6);
}
static void cut_share(struct message *m)
{
    replace_extension(m, EXT_KEY_SHARE, x25519_share, 20);
}
static void small_order_share(struct message *m)
{
    static const uint8_t zero[38] = {0, 36, 0, 0x1d, 0, 32};
    replace_extension(m, EXT_KEY_SHARE, zero, sizeof zero);
}
static void two_shares(struct message *m)
{
    uint8_t body[2 + 72];
    memcpy(body + 2, x25519_share + 2, 36);
    memcpy(body + 38, x25519_share + 2, 36);
    put_be16(body, 72);
    replace_extension(m, EXT_KEY_SHARE, body, sizeof body);
}
static void twice_the_same_extension(struct message *m)
{
    add_extension(m, EXT_SUPPORTED_GROUPS, "\0\2\0\x1d", 4);
}
static void limit_of_63(struct message *m)
{
    replace_extension(m, EXT_RECORD_SIZE_LIMIT, "\0\x3f", 2);
}
static void long_limit(struct message *m)
{
    replace_extension(m, EXT_RECORD_SIZE_LIMIT, "\0\x40\0", 3);
}
static void empty_alpn(struct message *m)
{
    replace_extension(m, EXT_ALPN, "\0\0", 2);
}
static void empty_alpn_name(struct message *m)
{
    replace_extension(m, EXT_ALPN, "\0\2\0\0", 4);
}
static void empty_name(struct message *m)
{
    replace_extension(m, EXT_SERVER_NAME, "\0\3\0\0\0", 5);
}
static void name_of_another_type(struct message *m)
{
    replace_extension(m, EXT_SERVER_NAME, "\0\4\1\0\1x", 6);
}
static void oid_filters_in_hello(struct message *m)
{
    add_extension(m, 48, "\0\0", 2);
}
static void psk_not_last(struct message *m)
{
    add_extension(m, EXT_PSK_KEY_EXCHANGE_MODES, "\1\1", 2);
    add_extension(m, EXT_PRE_SHARED_KEY, "\0\0\0\0", 4);
    add_extension(m, 0xfafa, "", 0);
}
static void psk_without_modes(struct message *m)
{
    add_extension(m, EXT_PRE_SHARED_KEY, "\0\0\0\0", 4);
}
static void compression_offered(struct message *m)
{
    size_t at = extensions_at(m);
    memmove(m->bytes + at + 1, m->bytes + at, m->len - at);
    m->bytes[at - 2] = 2;
    m->bytes[at] = 1;
    m->len++;
    fix_lengths(m);
}
static void no_compression_at_all(struct message *m)
{
    size_t at = extensions_at(m);
    memmove(m->bytes + at - 1, m->bytes + at, m->len - at);
    m->bytes[at - 2] = 0;
    m->len--;
    fix_lengths(m);
}
static void odd_suites(struct message *m)
{
    put_be16(m->bytes + 39, be16(m->bytes + 39) - 1);
}
static void long_session_id(struct message *m)
{
    m->bytes[38] = 33;
}
static void list_longer_than_message(struct message *m)
{
    size_t at = extensions_at(m);
    put_be16(m->bytes + at, be16(m->bytes + at) + 1);
}
static void list_shorter_than_message(struct message *m)
{
    size_t at = extensions_at(m);
    put_be16(m->bytes + at, be16(m->bytes + at) - 1);
}
static void extension_longer_than_list(struct message *m)
{
    size_t at = find_extension(m, EXT_KEY_SHARE); /* the last one */
    put_be16(m->bytes + at + 2, be16(m->bytes + at + 2) + 1);
}
static void three_bytes_too_many(struct message *m)
{
    memset(m->bytes + m->len, 0, 3);
    m->len += 3;
    fix_lengths(m);
}
static void message_goes_on(struct message *m)
{
    m->len += 4; /* behind a ClientHello no handshake byte may stand in its record */
}
static void no_extensions(struct message *m)
{
    m->len = extensions_at(m);
    put_be16(m->bytes + 2, m->len - 4);
}

static void broken_client_hellos(void **state)
{
    (void)state;
    static const struct {
        edit_fn edit;
        enum wb_tls_alert alert;
    } cases[] = {
        {without_versions, WB_TLS_ALERT_PROTOCOL_VERSION},
        {only_tls_1_2, WB_TLS_ALERT_PROTOCOL_VERSION},
        {no_extensions, WB_TLS_ALERT_PROTOCOL_VERSION},
        {without_groups, WB_TLS_ALERT_MISSING_EXTENSION},
        {without_share, WB_TLS_ALERT_MISSING_EXTENSION},
        {without_schemes, WB_TLS_ALERT_MISSING_EXTENSION},
        {psk_without_modes, WB_TLS_ALERT_MISSING_EXTENSION},
        {other_scheme, WB_TLS_ALERT_HANDSHAKE_FAILURE},
        {other_group, WB_TLS_ALERT_HANDSHAKE_FAILURE},
        {share_without_group, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {short_share, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {small_order_share, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {two_shares, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {twice_the_same_extension, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {limit_of_63, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {oid_filters_in_hello, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {psk_not_last, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {compression_offered, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {no_compression_at_all, WB_TLS_ALERT_DECODE_ERROR},
        {empty_versions, WB_TLS_ALERT_DECODE_ERROR},
        {odd_versions, WB_TLS_ALERT_DECODE_ERROR},
        {empty_schemes, WB_TLS_ALERT_DECODE_ERROR},
        {empty_share_entry, WB_TLS_ALERT_DECODE_ERROR},
        {cut_share, WB_TLS_ALERT_DECODE_ERROR},
        {long_limit, WB_TLS_ALERT_DECODE_ERROR},
        {empty_alpn, WB_TLS_ALERT_DECODE_ERROR},
        {empty_alpn_name, WB_TLS_ALERT_DECODE_ERROR},
        {empty_name, WB_TLS_ALERT_DECODE_ERROR},
        {name_of_another_type, WB_TLS_ALERT_DECODE_ERROR},
        {odd_suites, WB_TLS_ALERT_DECODE_ERROR},
        {long_session_id, WB_TLS_ALERT_DECODE_ERROR},
        {list_longer_than_message, WB_TLS_ALERT_DECODE_ERROR},
        {list_shorter_than_message, WB_TLS_ALERT_DECODE_ERROR},
        {extension_longer_than_list, WB_TLS_ALERT_DECODE_ERROR},
        {three_bytes_too_many, WB_TLS_ALERT_DECODE_ERROR},
        {message_goes_on, WB_TLS_ALERT_UNEXPECTED_MESSAGE},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_new();
        pair_start(p);
        struct message m = take_hello(&p->client);
        memset(m.bytes + m.len, 0, sizeof m.bytes - m.len);
        cases[i].edit(&m);
        enum wb_err err = feed_plain(&p->server, &m);
        if (err == WB_OK || p->server.failure.alert != cases[i].alert) {
            fail_msg("case %zu: %s, alert %s", i, wb_err_str(err),
                     wb_tls_alert_str(p->server.failure.alert));
        }
        pair_free(p);
    }
}

static void unknown_extensions_and_grease_are_passed_over(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    static uint8_t long_body[300];
    pair_start(p);
    struct message m = take_hello(&p->client);
    add_extension(&m, 0x0a0a, "", 0);
    add_extension(&m, 0xfafa, long_body, sizeof long_body);
    add_extension(&m, 49, "", 0);
    side_memory(&p->server, WB_TLS_RX_CAP(1024), 512,
                WB_TLS_CERT_CAP_MIN); /* smaller than the body */
    assert_ok(wb_tls_init(&p->server.tls, &p->server.cfg, &p->server.mem, 0, NOW));
    assert_ok(feed_plain(&p->server, &m));
    assert_false(p->server.is_failed);
    assert_int_equal(p->server.tls.state, STATE_WAIT_CLIENT_CERTIFICATE);
    pair_free(p);
}

static void refused_early_data_is_passed_over(void **state)
{
    (void)state;
    for (unsigned retry = 0; retry < 2; retry++) {
        struct pair *p = pair_new();
        uint8_t junk[5 + 40] = {TYPE_APPLICATION_DATA, 3, 3, 0, 40};
        size_t used;
        p->client.cfg.empty_key_share = retry == 1;
        pair_start(p);
        struct message m = take_hello(&p->client);
        add_extension(&m, EXT_EARLY_DATA, "", 0);
        assert_ok(feed_plain(&p->server, &m));
        /* the flight leaves, then what the client sent ahead comes in */
        (void)pair_emit(p, &p->server, &p->to_client, &p->sent_to_client);
        for (unsigned i = 0; i < 8; i++) {
            assert_ok(wb_tls_feed(&p->server.tls, 0, junk, sizeof junk, &used));
            assert_int_equal(used, sizeof junk);
        }
        for (unsigned i = 0; i < 500 && !p->server.is_failed; i++) { /* but not without end */
            (void)!wb_tls_feed(&p->server.tls, 0, junk, sizeof junk, &used);
            side_events(&p->server);
        }
        assert_true(p->server.is_failed);
        pair_free(p);
    }
}

static void suite_gone(struct message *m)
{
    put_be16(m->bytes + 41, 0x1304); /* the first one, which was chosen */
}

static void early_data_announced(struct message *m)
{
    add_extension(m, EXT_EARLY_DATA, "", 0);
}

static void second_hello_that_ignores_the_retry(void **state)
{
    (void)state;
    static const struct {
        edit_fn edit; /* NULL: the first ClientHello again, without a share */
        enum wb_tls_alert alert;
    } cases[] = {{NULL, WB_TLS_ALERT_ILLEGAL_PARAMETER},
                 {two_shares, WB_TLS_ALERT_ILLEGAL_PARAMETER},
                 {suite_gone, WB_TLS_ALERT_ILLEGAL_PARAMETER},
                 {early_data_announced, WB_TLS_ALERT_ILLEGAL_PARAMETER},
                 {other_group, WB_TLS_ALERT_HANDSHAKE_FAILURE}};
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_new();
        p->client.cfg.empty_key_share = true;
        pair_start(p);
        struct message first = take_hello(&p->client);
        assert_ok(feed_plain(&p->server, &first));
        struct message retry = take_hello(&p->server);
        assert_ok(feed_plain(&p->client, &retry));
        struct message second = take_hello(&p->client);
        if (cases[i].edit == NULL) {
            second = first;
        } else {
            cases[i].edit(&second);
        }
        assert_int_not_equal(feed_plain(&p->server, &second), WB_OK);
        assert_alert(&p->server, cases[i].alert);
        pair_free(p);
    }
}

static void server_that_changes_the_suite_after_the_retry(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    p->client.cfg.empty_key_share = true;
    pair_start(p);
    struct message first = take_hello(&p->client);
    assert_ok(feed_plain(&p->server, &first));
    struct message retry = take_hello(&p->server);
    assert_ok(feed_plain(&p->client, &retry));
    struct message second = take_hello(&p->client);
    assert_ok(feed_plain(&p->server, &second));
    struct message hello = take_hello(&p->server);
    put_be16(hello.bytes + 39, WB_TLS_AES_128_GCM_SHA256);
    assert_int_not_equal(feed_plain(&p->client, &hello), WB_OK);
    assert_alert(&p->client, WB_TLS_ALERT_ILLEGAL_PARAMETER);
    pair_free(p);
}

/* ---- ServerHello and HelloRetryRequest ---- */

static void other_version_chosen(struct message *m)
{
    replace_extension(m, EXT_SUPPORTED_VERSIONS, "\3\3", 2);
}
static void alpn_in_hello(struct message *m)
{
    add_extension(m, EXT_ALPN, "\0\3\2h2", 5);
}
static void unknown_answer(struct message *m)
{
    add_extension(m, 0xfafa, "", 0);
}
static void psk_chosen(struct message *m)
{
    add_extension(m, EXT_PRE_SHARED_KEY, "\0\0", 2);
}
static void versions_twice(struct message *m)
{
    add_extension(m, EXT_SUPPORTED_VERSIONS, "\3\4", 2);
}
static void other_group_chosen(struct message *m)
{
    m->bytes[find_extension(m, EXT_KEY_SHARE) + 5] = 0x17;
}
static void suite_not_offered(struct message *m)
{
    put_be16(m->bytes + 39, 0x1304);
}
static void compression_chosen(struct message *m)
{
    m->bytes[41] = 1;
}
static void old_legacy_version(struct message *m)
{
    m->bytes[5] = 2;
}
static void zero_share(struct message *m)
{
    memset(m->bytes + find_extension(m, EXT_KEY_SHARE) + 8, 0, 32);
}
static void share_of_31(struct message *m)
{
    uint8_t body[35] = {0, 0x1d, 0, 31};
    replace_extension(m, EXT_KEY_SHARE, body, sizeof body);
}
static void session_id_from_nowhere(struct message *m)
{
    memmove(m->bytes + 40, m->bytes + 39, m->len - 39);
    m->bytes[38] = 1;
    m->len++;
    fix_lengths(m);
}

static void broken_server_hellos(void **state)
{
    (void)state;
    static const struct {
        edit_fn edit;
        enum wb_tls_alert alert;
    } cases[] = {
        {without_versions, WB_TLS_ALERT_PROTOCOL_VERSION},
        {old_legacy_version, WB_TLS_ALERT_PROTOCOL_VERSION},
        {other_version_chosen, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {without_share, WB_TLS_ALERT_MISSING_EXTENSION},
        {other_group_chosen, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {share_of_31, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {zero_share, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {suite_not_offered, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {compression_chosen, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {session_id_from_nowhere, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {versions_twice, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {alpn_in_hello, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {unknown_answer, WB_TLS_ALERT_UNSUPPORTED_EXTENSION},
        {psk_chosen, WB_TLS_ALERT_UNSUPPORTED_EXTENSION},
        {list_longer_than_message, WB_TLS_ALERT_DECODE_ERROR},
        {list_shorter_than_message, WB_TLS_ALERT_DECODE_ERROR},
        {long_session_id, WB_TLS_ALERT_DECODE_ERROR},
        {three_bytes_too_many, WB_TLS_ALERT_DECODE_ERROR},
        {message_goes_on, WB_TLS_ALERT_UNEXPECTED_MESSAGE},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_new();
        pair_start(p);
        struct message hello = take_hello(&p->client);
        assert_ok(feed_plain(&p->server, &hello));
        struct message m = take_hello(&p->server);
        memset(m.bytes + m.len, 0, sizeof m.bytes - m.len);
        cases[i].edit(&m);
        enum wb_err err = feed_plain(&p->client, &m);
        if (err == WB_OK || p->client.failure.alert != cases[i].alert) {
            fail_msg("case %zu: %s, alert %s", i, wb_err_str(err),
                     wb_tls_alert_str(p->client.failure.alert));
        }
        pair_free(p);
    }
}

static void broken_retries(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct pair *p = pair_new();
        p->client.cfg.empty_key_share = true;
        pair_start(p);
        struct message hello = take_hello(&p->client);
        assert_ok(feed_plain(&p->server, &hello));
        struct message m = take_hello(&p->server);
        enum wb_tls_alert alert = WB_TLS_ALERT_ILLEGAL_PARAMETER;
        switch (i) {
        case 0: remove_extension(&m, EXT_KEY_SHARE); break;
        case 1: replace_extension(&m, EXT_KEY_SHARE, "\0\x18", 2); break;
        case 2: /* a second one */
            assert_ok(feed_plain(&p->client, &m));
            (void)take_hello(&p->client);
            alert = WB_TLS_ALERT_UNEXPECTED_MESSAGE;
            break;
        case 3:
            add_extension(&m, EXT_COOKIE, "\0\0", 2);
            alert = WB_TLS_ALERT_DECODE_ERROR;
            break;
        case 4:
            add_extension(&m, EXT_COOKIE, "\0\2xxx", 5);
            alert = WB_TLS_ALERT_DECODE_ERROR;
            break;
        }
        assert_int_not_equal(feed_plain(&p->client, &m), WB_OK);
        assert_alert(&p->client, alert);
        pair_free(p);
    }
    struct pair *p = pair_new(); /* for a share that was sent */
    pair_start(p);
    struct message m = {{MESSAGE_SERVER_HELLO, 0, 0, 0, 3, 3}, 4 + 2 + 32 + 1 + 3 + 2};
    memcpy(m.bytes + 6, tls_hello_retry_random, 32);
    put_be16(m.bytes + 39, WB_TLS_CHACHA20_POLY1305_SHA256);
    add_extension(&m, EXT_SUPPORTED_VERSIONS, "\3\4", 2);
    add_extension(&m, EXT_KEY_SHARE, "\0\x1d", 2);
    (void)take_hello(&p->client);
    assert_int_not_equal(feed_plain(&p->client, &m), WB_OK);
    assert_alert(&p->client, WB_TLS_ALERT_ILLEGAL_PARAMETER);
    pair_free(p);
}

/* ---- encrypted messages of a server ---- */

/* A client that has taken ServerHello, and a server whose handshake keys are set and that has sent
 * nothing since. */
static struct pair *pair_after_server_hello(void)
{
    struct pair *p = pair_new();
    side_memory(&p->server, WB_TLS_RX_CAP(1024), WB_TLS_TX_CAP_MIN,
                SCRATCH); /* stops behind ServerHello */
    pair_start(p);
    struct message hello = take_hello(&p->client);
    assert_ok(feed_plain(&p->server, &hello));
    struct wb_tls *tls = &p->server.tls;
    size_t used;
    assert_ok(wb_tls_feed(&p->client.tls, 0, p->server.tx, 5 + be16(p->server.tx + 3), &used));
    assert_int_equal(p->client.tls.state, STATE_WAIT_ENCRYPTED_EXTENSIONS);
    /* back to the point behind ServerHello: the rest of the flight waits for room still */
    uint8_t secret[48];
    assert_int_not_equal(tls->flight, FLIGHT_NONE);
    memcpy(secret, tls->out.traffic_secret, sizeof secret);
    tls_keys_set(tls, &tls->out, secret);
    tls->flight = FLIGHT_NONE;
    tls->work->run_left = 0;
    tls->tx_at = tls->tx_len = 0;
    return p;
}

static void send_message(struct pair *p, const void *message, size_t len)
{
    assert_true(tls_record_put(&p->server.tls, TYPE_HANDSHAKE, message, len));
    pair_run(p);
}

static void broken_server_messages(void **state)
{
    (void)state;
#define EMPTY_EE "\x08\0\0\2\0\0"
    static const struct {
        const char *good; /* EncryptedExtensions and whatever must come before */
        size_t good_len;
        const char *bad;
        size_t len;
        enum wb_tls_alert alert;
    } cases[] = {
        {NULL, 0, "\x08\0\0\0", 4, WB_TLS_ALERT_DECODE_ERROR},
        {NULL, 0, "\x08\0\0\3\0\0\0", 7, WB_TLS_ALERT_DECODE_ERROR},
        {NULL, 0, "\x08\0\0\2\0\1", 6, WB_TLS_ALERT_DECODE_ERROR},
        {NULL, 0, "\x08\0\0\x08\0\6\0\x10\0\2\0\0", 12,
         WB_TLS_ALERT_DECODE_ERROR}, /* no ALPN name */
        {NULL, 0, "\x08\0\0\x0b\0\x09\0\x10\0\5\0\3\2h2", 15, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {NULL, 0, "\x08\0\0\x08\0\6\0\x1c\0\2\0\x3f", 12, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {NULL, 0, "\x08\0\0\x08\0\6\0\x1c\0\2\x40\2", 12, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {NULL, 0, "\x08\0\0\x08\0\6\0\x2b\0\2\3\4", 12,
         WB_TLS_ALERT_ILLEGAL_PARAMETER}, /* versions */
        {NULL, 0, "\x08\0\0\6\0\4\0\x2a\0\0", 10,
         WB_TLS_ALERT_UNSUPPORTED_EXTENSION}, /* early data */
        {NULL, 0, "\x08\0\0\6\0\4\xfa\xfa\0\0", 10, WB_TLS_ALERT_UNSUPPORTED_EXTENSION},
        {NULL, 0, "\x08\0\0\7\0\5\0\0\0\1x", 11,
         WB_TLS_ALERT_DECODE_ERROR}, /* server_name not empty */
        {NULL, 0, "\x0b\0\0\4\0\0\0\0", 8,
         WB_TLS_ALERT_UNEXPECTED_MESSAGE}, /* no EncryptedExtensions */
        {EMPTY_EE, 6, "\x0d\0\0\3\0\0\0", 7, WB_TLS_ALERT_MISSING_EXTENSION},
        {EMPTY_EE, 6, "\x0d\0\0\4\1x\0\0", 8, WB_TLS_ALERT_ILLEGAL_PARAMETER}, /* a context */
        {EMPTY_EE, 6, "\x0d\0\0\7\0\0\4\0\x0d\0\0", 11, WB_TLS_ALERT_DECODE_ERROR},
        {EMPTY_EE, 6, "\x0b\0\0\4\0\0\0\0", 8,
         WB_TLS_ALERT_DECODE_ERROR}, /* empty certificate list */
        {EMPTY_EE, 6, "\x0b\0\0\5\1x\0\0\0", 9, WB_TLS_ALERT_ILLEGAL_PARAMETER},
        {EMPTY_EE, 6, "\x0b\0\0\x09\0\0\0\5\0\0\0\0\0", 13,
         WB_TLS_ALERT_DECODE_ERROR}, /* empty entry */
        {EMPTY_EE, 6, "\x0b\0\0\x0a\0\0\0\6\0\0\2\0\0\0", 14, WB_TLS_ALERT_DECODE_ERROR},
        {EMPTY_EE, 6, "\x0b\0\0\x0a\0\0\0\6\0\0\1\xff\0\0", 14, WB_TLS_ALERT_BAD_CERTIFICATE},
        {EMPTY_EE, 6, "\x0f\0\0\4\x08\x07\0\0", 8, WB_TLS_ALERT_UNEXPECTED_MESSAGE},
        {EMPTY_EE, 6, "\x14\0\0\x20", 4, WB_TLS_ALERT_UNEXPECTED_MESSAGE},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_after_server_hello();
        p->client.cfg.alpn_required = false;
        if (cases[i].good != NULL) {
            send_message(p, cases[i].good, cases[i].good_len);
            assert_false(p->client.is_failed);
        }
        send_message(p, cases[i].bad, cases[i].len);
        if (!p->client.is_failed || p->client.failure.alert != cases[i].alert) {
            fail_msg("case %zu: alert %s", i, wb_tls_alert_str(p->client.failure.alert));
        }
        assert_true(p->server.is_failed); /* it could read the alert */
        assert_true(p->server.failure.is_alert_received);
        pair_free(p);
    }
}

/* Certificate with our leaf, then something wrong behind it. */
static void broken_proof_of_the_server(void **state)
{
    (void)state;
    static const struct {
        const char *bad;
        size_t len;
        enum wb_tls_alert alert;
    } cases[] = {
        {"\x0f\0\0\x08\x04\x03\0\4abcd", 12,
         WB_TLS_ALERT_ILLEGAL_PARAMETER}, /* ECDSA: not offered */
        {"\x0f\0\0\x08\x08\x07\0\3abcd", 12, WB_TLS_ALERT_DECODE_ERROR},
        {"\x0f\0\0\x08\x08\x07\0\4abcd", 12, WB_TLS_ALERT_DECRYPT_ERROR},
        {"\x0f\0\0\x03\x08\x07\0", 7, WB_TLS_ALERT_DECODE_ERROR},
        {"\x14\0\0\x20", 4,
         WB_TLS_ALERT_UNEXPECTED_MESSAGE}, /* Finished without CertificateVerify */
        {"\x0b\0\0\4\0\0\0\0", 8, WB_TLS_ALERT_UNEXPECTED_MESSAGE}, /* a second Certificate */
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct pair *p = pair_after_server_hello();
        uint8_t message[WB_X509_CERT_MAX + 16] = {MESSAGE_CERTIFICATE};
        size_t len = p->server_id.len;
        put_be16(message + 2, 4 + 3 + len + 2);
        put_be16(message + 6, 3 + len + 2);
        put_be16(message + 9, len);
        memcpy(message + 11, p->server_id.der, len);
        p->client.cfg.alpn_required = false;
        send_message(p, EMPTY_EE, 6);
        for (size_t at = 0; at < 11 + len + 2; at += 100) {
            size_t n = 11 + len + 2 - at;
            send_message(p, message + at, n < 100 ? n : 100);
        }
        assert_int_equal(p->client.tls.state, STATE_WAIT_CERTIFICATE_VERIFY);
        send_message(p, cases[i].bad, cases[i].len);
        assert_alert(&p->client, cases[i].alert);
        assert_null(wb_tls_peer(&p->client.tls));
        pair_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_client_hellos),
        cmocka_unit_test(unknown_extensions_and_grease_are_passed_over),
        cmocka_unit_test(refused_early_data_is_passed_over),
        cmocka_unit_test(second_hello_that_ignores_the_retry),
        cmocka_unit_test(server_that_changes_the_suite_after_the_retry),
        cmocka_unit_test(broken_server_hellos),
        cmocka_unit_test(broken_retries),
        cmocka_unit_test(broken_server_messages),
        cmocka_unit_test(broken_proof_of_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
