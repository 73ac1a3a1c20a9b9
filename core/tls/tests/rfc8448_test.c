/* SPDX-License-Identifier: AGPL-3.0-only */
/* RFC 8448 §3, "Simple 1-RTT Handshake", byte for byte through key schedule and record layer, from
 * both sides. (Its server has an RSA key, so the messages' contents are replayed rather than
 * negotiated.) */
#include "rfc8448.h"
#include "tls.h"
#include "wb_test.h"

struct bytes {
    uint8_t data[1024];
    size_t len;
};

static struct bytes hex(const char *text)
{
    struct bytes b = {.len = strlen(text) / 2};
    assert_true(b.len <= sizeof b.data);
    for (size_t i = 0; i < b.len; i++) {
        unsigned value;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
        b.data[i] = (uint8_t)value;
    }
    return b;
}

#define assert_hex(actual, text)                                                                   \
    do {                                                                                           \
        struct bytes expected_ = hex(text);                                                        \
        assert_memory_equal(actual, expected_.data, expected_.len);                                \
    } while (0)

/* Entropy of the trace's server: its random, then its share's private key. */
static enum wb_err trace_random(void *ctx, void *out, size_t len)
{
    unsigned *calls = ctx;
    struct bytes b =
        hex((*calls)++ == 0 ? "a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928"
                            : "b1580eeadf6dd589b8ef4f2d5652578cc810e9980191ec8d058308cea216a21e");
    assert_int_equal(len, b.len);
    memcpy(out, b.data, len);
    return WB_OK;
}

static const uint16_t trace_suite = WB_TLS_AES_128_GCM_SHA256;

struct half {
    struct wb_tls tls;
    struct wb_tls_cfg cfg;
    _Alignas(8) uint8_t work[sizeof(struct wb_tls_work) + 512];
    uint8_t rx[2048], tx[2048];
    unsigned random_calls;
};

static void begin(struct half *h, const struct wb_tls_role *role)
{
    memset(h, 0, sizeof *h);
    h->cfg = (struct wb_tls_cfg){.role = role,
                                 .crypto = &wb_tls_crypto_core,
                                 .random = trace_random,
                                 .random_ctx = &h->random_calls,
                                 .suites = &trace_suite,
                                 .suite_count = 1};
    struct wb_tls *tls = &h->tls;
    tls->cfg = &h->cfg;
    tls->work = (struct wb_tls_work *)(void *)h->work;
    tls->scratch_cap = 512;
    tls->rx = h->rx;
    tls->rx_cap = sizeof h->rx;
    tls->tx = h->tx;
    tls->tx_cap = sizeof h->tx;
    tls->limit_out = PLAINTEXT_MAX;
    tls->suite = tls_suite_find(&h->cfg, trace_suite);
    assert_int_equal(tls_suite(tls)->id, trace_suite);
    tls_transcript_init(tls);
}

static void hash(struct half *h, const char *message)
{
    struct bytes b = hex(message);
    tls_transcript_update(&h->tls, b.data, b.len);
}

/* Opens a record of the trace; its content must be these messages. */
static void opens(struct half *h, const char *record, uint8_t type, const struct bytes *content)
{
    struct bytes b = hex(record);
    uint8_t found;
    size_t len;
    bool is_ignored;
    memcpy(h->rx, b.data, b.len);
    h->tls.rx_have = (uint32_t)b.len;
    assert_ok(tls_record_check_header(&h->tls));
    assert_ok(tls_record_open(&h->tls, &found, &len, &is_ignored));
    assert_int_equal(found, type);
    assert_int_equal(len, content->len);
    assert_memory_equal(h->rx + RECORD_HEADER_LEN, content->data, len);
    h->tls.rx_have = 0;
}

/* Seals this content; the record must be the trace's. */
static void seals(struct half *h, uint8_t type, const struct bytes *content, const char *record)
{
    uint32_t at = h->tls.tx_len;
    assert_true(tls_record_put(&h->tls, type, content->data, content->len));
    assert_int_equal(h->tls.tx_len - at, strlen(record) / 2);
    assert_hex(h->tx + at, record);
}

static struct bytes server_flight(void)
{
    struct bytes all = {.len = 0};
    const char *const messages[] = {encrypted_extensions, certificate, certificate_verify,
                                    server_finished};
    for (size_t i = 0; i < WB_ARRAY_LEN(messages); i++) {
        struct bytes b = hex(messages[i]);
        memcpy(all.data + all.len, b.data, b.len);
        all.len += b.len;
    }
    return all;
}

static struct bytes application_data(void)
{
    struct bytes b = {.len = 50};
    for (uint8_t i = 0; i < 50; i++) {
        b.data[i] = i;
    }
    return b;
}

static const struct bytes close_notify = {{1, 0}, 2};

#define CLIENT_HS "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
#define SERVER_HS "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"
#define CLIENT_AP "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define SERVER_AP "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"

static void client_side_matches_the_trace(void **state)
{
    (void)state;
    static struct half h;
    struct wb_tls *tls = &h.tls;
    uint8_t shared_secret[32], digest[64], mac[48];
    begin(&h, WB_TLS_CLIENT);
    struct bytes key = hex("49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005");
    struct bytes peer = hex("c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f");
    assert_ok(wb_x25519(shared_secret, key.data, peer.data));
    assert_hex(shared_secret, "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    hash(&h, client_hello);
    hash(&h, server_hello);
    tls_transcript_digest(tls, digest);
    assert_hex(digest, "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    tls_schedule_handshake(tls, shared_secret, 32);
    assert_hex(tls->out.traffic_secret, CLIENT_HS);
    assert_hex(tls->out.key, "dbfaa693d1762c5b666af5d950258d01");
    assert_hex(tls->out.iv, "5bd3c71b836e0b76bb73265f");
    assert_hex(tls->in.traffic_secret, SERVER_HS);
    assert_hex(tls->in.key, "3fce516009c21727d0f2e4e86ee403bc");
    assert_hex(tls->in.iv, "5d313eb2671276ee13000b30");
    assert_hex(tls->work->secret,
               "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");

    struct bytes flight = server_flight();
    opens(&h, server_flight_record, TYPE_HANDSHAKE, &flight);
    hash(&h, encrypted_extensions);
    hash(&h, certificate);
    tls_transcript_digest(tls, digest);
    uint8_t content[VERIFY_CONTENT_MAX];
    assert_int_equal(tls_verify_content(tls, true, digest, content), 64 + 34 + 32);
    assert_hex(content + 64,
               "544c5320312e332c207365727665722043657274696669636174655665726966"
               "7900764d6632b3c35c3f3205e3499ac3edbaabb88295fba751461d3678e2e5ea0687");
    hash(&h, certificate_verify);
    tls_transcript_digest(tls, digest);
    tls_finished_mac(tls, tls->in.traffic_secret, digest, mac);
    assert_hex(mac, server_finished + 8);
    hash(&h, server_finished);
    tls_schedule_application(tls);
    assert_hex(tls->in.traffic_secret, SERVER_AP);
    assert_hex(tls->in.key, "9f02283b6c9c07efc26bb9f2ac92e356");
    assert_hex(tls->in.iv, "cf782b88dd83549aadf1e984");
    assert_hex(tls->work->client_secret, CLIENT_AP);

    tls_transcript_digest(tls, digest);
    tls_finished_mac(tls, tls->out.traffic_secret, digest, mac);
    assert_hex(mac, client_finished + 8);
    struct bytes finished = hex(client_finished);
    seals(&h, TYPE_HANDSHAKE, &finished, client_finished_record);
    tls_keys_set(tls, &tls->out, tls->work->client_secret);
    assert_hex(tls->out.key, "17422dda596ed5d9acd890e3c63f5051");
    assert_hex(tls->out.iv, "5b78923dee08579033e523d9");

    struct bytes ticket = hex(new_session_ticket);
    struct bytes data = application_data();
    opens(&h, ticket_record, TYPE_HANDSHAKE, &ticket);
    seals(&h, TYPE_APPLICATION_DATA, &data, client_data_record);
    opens(&h, server_data_record, TYPE_APPLICATION_DATA, &data);
    seals(&h, TYPE_ALERT, &close_notify, client_alert_record);
    opens(&h, server_alert_record, TYPE_ALERT, &close_notify);
}

static void server_side_matches_the_trace(void **state)
{
    (void)state;
    static struct half h;
    struct wb_tls *tls = &h.tls;
    uint8_t shared_secret[32];
    begin(&h, WB_TLS_SERVER);
    struct bytes peer = hex("99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c");
    struct wb_writer w;
    wb_writer_init(&w, tls_scratch(tls), tls->scratch_cap);
    assert_true(tls_keep(tls, peer.data, peer.len));
    assert_ok(tls_server_hello_write(tls, &w));
    assert_int_equal(w.len, strlen(server_hello) / 2);
    assert_hex(w.buf, server_hello);
    assert_int_equal(tls->work->kept_len, 32);
    memcpy(shared_secret, tls_kept(tls), 32);
    hash(&h, client_hello);
    hash(&h, server_hello);
    tls_schedule_handshake(tls, shared_secret, 32);
    assert_hex(tls->in.traffic_secret, CLIENT_HS);
    assert_hex(tls->out.traffic_secret, SERVER_HS);
    struct bytes flight = server_flight();
    seals(&h, TYPE_HANDSHAKE, &flight, server_flight_record);
    tls_transcript_update(tls, flight.data, flight.len);
    tls_schedule_application(tls);
    assert_hex(tls->out.traffic_secret, SERVER_AP);
    struct bytes finished = hex(client_finished);
    opens(&h, client_finished_record, TYPE_HANDSHAKE, &finished);
    tls_keys_set(tls, &tls->in, tls->work->client_secret);
    struct bytes ticket = hex(new_session_ticket);
    struct bytes data = application_data();
    seals(&h, TYPE_HANDSHAKE, &ticket, ticket_record);
    opens(&h, client_data_record, TYPE_APPLICATION_DATA, &data);
    seals(&h, TYPE_APPLICATION_DATA, &data, server_data_record);
    opens(&h, client_alert_record, TYPE_ALERT, &close_notify);
    seals(&h, TYPE_ALERT, &close_notify, server_alert_record);
}

static void altered_record_of_the_trace_is_refused(void **state)
{
    (void)state;
    static struct half h;
    struct bytes b = hex(client_finished_record);
    for (size_t i = 0; i < b.len; i++) {
        begin(&h, WB_TLS_SERVER);
        struct bytes secret = hex(CLIENT_HS);
        tls_keys_set(&h.tls, &h.tls.in, secret.data);
        h.tls.is_encrypted_in = true;
        memcpy(h.rx, b.data, b.len);
        h.rx[i] ^= 0x80;
        h.tls.rx_have = (uint32_t)b.len;
        uint8_t type;
        size_t len;
        bool is_ignored;
        enum wb_err err = tls_record_check_header(&h.tls);
        if (err == WB_OK) {
            err = tls_record_open(&h.tls, &type, &len, &is_ignored);
        }
        assert_int_not_equal(err, WB_OK);
    }
}

/* §3's resumption master secret becomes §4's PSK, whose binder stands in §4's ClientHello. */
static void resumption_matches_the_trace(void **state)
{
    (void)state;
    static struct half h;
    uint8_t psk[48], mac[48];
    begin(&h, WB_TLS_CLIENT);
    struct bytes master = hex("7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c");
    static const uint8_t nonce[2] = {0, 0};
    tls_expand_label(&h.tls, master.data, "resumption", nonce, sizeof nonce, psk, 32);
    assert_hex(psk, "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
    struct bytes digest = hex("63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14");
    tls_psk_binder(&h.tls, psk, digest.data, mac);
    assert_hex(mac, "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_side_matches_the_trace),
        cmocka_unit_test(server_side_matches_the_trace),
        cmocka_unit_test(resumption_matches_the_trace),
        cmocka_unit_test(altered_record_of_the_trace_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
