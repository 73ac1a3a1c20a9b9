/* SPDX-License-Identifier: AGPL-3.0-only */
/* Certificates: written ones read back, every kind of damage refused, names matched, requests
 * proven. */
#include "der.h"
#include "pair.h"
#include "x509.h"

static struct wb_x509_cert parse_ok(const uint8_t *der, size_t len)
{
    struct wb_x509_cert cert;
    struct wb_fault fault = {0};
    enum wb_err err = wb_x509_parse(&cert, der, len, &fault);
    if (err != WB_OK) {
        fail_msg("%s at %u", fault.what, fault.where[1]);
    }
    return cert;
}

static void written_certificate_reads_back(void **state)
{
    (void)state;
    struct identity ca = {0}, server = {0};
    make_ca(&ca, 1, "Test CA");
    make_server(&server, &ca);
    struct wb_x509_cert c = parse_ok(server.der, server.len);
    assert_int_equal(c.common_name.len, strlen(SERVER_NAME));
    assert_memory_equal(c.common_name.data, SERVER_NAME, c.common_name.len);
    assert_memory_equal(c.public_key, server.public_key, 32);
    assert_int_equal(c.not_before, NOW - YEAR);
    assert_int_equal(c.not_after, NOW + YEAR);
    assert_int_equal(c.key_usage, WB_X509_KEY_USAGE_DIGITAL_SIGNATURE);
    assert_int_equal(c.purposes, WB_X509_SERVER_AUTH);
    assert_false(c.is_ca);
    assert_int_equal(c.path_len, -1);
    assert_true(c.has_authority_key_id);
    struct wb_x509_cert a = parse_ok(ca.der, ca.len);
    assert_true(a.is_ca);
    assert_int_equal(a.path_len, 0);
    assert_int_equal(a.key_usage, WB_X509_KEY_USAGE_CERT_SIGN | WB_X509_KEY_USAGE_CRL_SIGN);
    assert_int_equal(a.subject_key_id.len, 20);
    assert_memory_equal(a.subject_key_id.data, c.authority_key_id.data, 20);
    assert_true(server.len <= 448);
}

static void dates_survive_the_way_through_der(void **state)
{
    (void)state;
    static const wb_unix_s dates[] = {0,
                                      86399,
                                      951782400 /* 2000-02-29 */,
                                      951868800,
                                      1709164800,
                                      2524607999 /* 2049-12-31T23:59:59 */,
                                      2524608000,
                                      4107542400 /* 2100-03-01 */,
                                      WB_X509_NO_EXPIRY};
    struct identity id = {0};
    make_key(&id, 5);
    for (size_t i = 0; i < WB_ARRAY_LEN(dates); i++) {
        for (size_t k = i; k < WB_ARRAY_LEN(dates); k++) {
            struct wb_x509_spec spec = make_spec(&id, "x", 0);
            spec.not_before = dates[i];
            spec.not_after = dates[k];
            assert_ok(
                wb_x509_write_self_signed(&spec, id.private_key, id.der, sizeof id.der, &id.len));
            struct wb_x509_cert c = parse_ok(id.der, id.len);
            assert_int_equal(c.not_before, dates[i]);
            assert_int_equal(c.not_after, dates[k]);
        }
    }
}

static void impossible_dates_are_refused(void **state)
{
    (void)state;
    static const unsigned dates[][6] = {{2025, 0, 1, 0, 0, 0},  {2025, 13, 1, 0, 0, 0},
                                        {2025, 1, 0, 0, 0, 0},  {2025, 4, 31, 0, 0, 0},
                                        {2025, 2, 29, 0, 0, 0}, {2100, 2, 29, 0, 0, 0},
                                        {2025, 1, 1, 24, 0, 0}, {2025, 1, 1, 0, 60, 0},
                                        {2025, 1, 1, 0, 0, 60}, {0, 1, 1, 0, 0, 0}};
    wb_unix_s t;
    for (size_t i = 0; i < WB_ARRAY_LEN(dates); i++) {
        const unsigned *d = dates[i];
        assert_false(x509_unix_time(d[0], d[1], d[2], d[3], d[4], d[5], &t));
    }
    assert_true(x509_unix_time(2000, 2, 29, 12, 30, 15, &t));
    assert_int_equal(t, 951827415);
    assert_true(x509_unix_time(1970, 1, 1, 0, 0, 0, &t));
    assert_int_equal(t, 0);
}

static void impossible_specs_are_refused(void **state)
{
    (void)state;
    static const uint8_t negative[] = {0x80}, padded[] = {0, 1}, zero[] = {0};
    static const char *const spaced[] = {"a b"}, *const empty[] = {""};
    struct identity id = {0};
    make_key(&id, 5);
    struct wb_x509_spec good = make_spec(&id, "x", 0);
    static char long_name[66];
    memset(long_name, 'n', 65);
    for (unsigned i = 0; i < 12; i++) {
        struct wb_x509_spec spec = good;
        switch (i) {
        case 0: spec.serial_len = 0; break;
        case 1: spec.serial_len = 21; break;
        case 2:
            spec.serial = negative;
            spec.serial_len = 1;
            break;
        case 3:
            spec.serial = padded;
            spec.serial_len = 2;
            break;
        case 4:
            spec.serial = zero;
            spec.serial_len = 1;
            break;
        case 5: spec.common_name = ""; break;
        case 6: spec.common_name = long_name; break;
        case 7: spec.common_name = "new\nline"; break;
        case 8: spec.not_after = spec.not_before - 1; break;
        case 9: spec.not_after = WB_X509_NO_EXPIRY + 1; break;
        case 10:
            spec.alt_names = spaced;
            spec.alt_name_count = 1;
            break;
        case 11:
            spec.alt_names = empty;
            spec.alt_name_count = 1;
            break;
        }
        assert_err(WB_ERR_VALUE, wb_x509_write_self_signed(&spec, id.private_key, id.der,
                                                           sizeof id.der, &id.len));
    }
    assert_ok(wb_x509_write_self_signed(&good, id.private_key, id.der, sizeof id.der, &id.len));
    size_t len;
    for (size_t cap = 0; cap < id.len; cap++) {
        uint8_t *der = malloc(cap + 1);
        assert_non_null(der);
        assert_err(WB_ERR_SPACE, wb_x509_write_self_signed(&good, id.private_key, der, cap, &len));
        free(der);
    }
}

static void every_cut_and_every_appended_byte_is_refused(void **state)
{
    (void)state;
    struct identity ca = {0}, server = {0};
    struct wb_x509_cert cert;
    make_ca(&ca, 1, "Test CA");
    make_server(&server, &ca);
    for (size_t len = 0; len < server.len; len++) {
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, server.der, len);
        assert_int_not_equal(wb_x509_parse(&cert, copy, len, NULL), WB_OK);
        free(copy);
    }
    server.der[server.len] = 0;
    assert_err(WB_ERR_FORMAT, wb_x509_parse(&cert, server.der, server.len + 1, NULL));
}

/* Whatever bit is altered: it no longer parses, or no longer verifies. */
static void every_altered_bit_is_refused(void **state)
{
    (void)state;
    struct identity ca = {0}, server = {0};
    make_ca(&ca, 1, "Test CA");
    make_server(&server, &ca);
    struct wb_x509_anchor anchor;
    assert_ok(wb_x509_anchor_init(&anchor, ca.der, ca.len, NULL));
    const struct wb_x509_check check = {
        .anchors = &anchor, .anchor_count = 1, .purpose = WB_X509_SERVER_AUTH};
    for (size_t i = 0; i < server.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct wb_x509_cert cert;
            struct wb_fault fault = {0};
            server.der[i] ^= (uint8_t)(1u << bit);
            enum wb_err err = wb_x509_parse(&cert, server.der, server.len, &fault);
            if (err == WB_OK) {
                err = wb_x509_verify(&cert, &check, NULL, &fault);
            }
            assert_int_not_equal(err, WB_OK);
            assert_int_equal(fault.code, err);
            assert_true(strlen(fault.what) > 0);
            server.der[i] ^= (uint8_t)(1u << bit);
        }
    }
}

/* Puts bytes in place of others of the same length; asserts that they were there. */
static void patch(struct identity *id, const char *from, const char *to, size_t len)
{
    uint8_t *at = memmem(id->der, id->len, from, len);
    assert_non_null(at);
    memcpy(at, to, len);
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        size_t len;
        enum wb_err err;
    } cases[] = {
        {"\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x01", 5, WB_ERR_UNSUPPORTED}, /* version 2 */
        {"\x06\x03\x2b\x65\x70\x30", "\x06\x03\x2b\x65\x71\x30", 6,
         WB_ERR_FORMAT}, /* inner Ed448 */
        {"\x06\x03\x2b\x65\x70\x03\x41", "\x06\x03\x2b\x65\x71\x03\x41", 7, WB_ERR_UNSUPPORTED},
        {"\x06\x03\x2b\x65\x70\x03\x21", "\x06\x03\x2b\x65\x6e\x03\x21", 7, WB_ERR_UNSUPPORTED},
        {"\x55\x1d\x13\x01\x01\xff", "\x55\x1d\x24\x01\x01\xff", 6,
         WB_ERR_CERTIFICATE}, /* constraints */
        {"\x55\x1d\x13\x01\x01\xff", "\x55\x1d\x13\x01\x01\x00", 6,
         WB_ERR_FORMAT}, /* FALSE written out */
        {"\x55\x1d\x13\x01\x01\xff", "\x55\x1d\x0f\x01\x01\xff", 6,
         WB_ERR_FORMAT},                                            /* twice, malformed */
        {"\x02\x08\x11\x22", "\x02\x08\x81\x22", 4, WB_ERR_FORMAT}, /* negative serial */
        {"\x02\x08\x11\x22", "\x02\x08\x00\x22", 4, WB_ERR_FORMAT}, /* padded serial */
        {"\x03\x02\x07\x80", "\x03\x02\x07\x81", 4, WB_ERR_FORMAT}, /* unused bit set */
        {"\x03\x02\x07\x80", "\x03\x02\x08\x80", 4, WB_ERR_FORMAT},
    };
    struct identity ca = {0}, server = {0};
    make_ca(&ca, 1, "Test CA");
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_x509_cert cert;
        make_server(&server, &ca);
        patch(&server, cases[i].from, cases[i].to, cases[i].len);
        assert_err(cases[i].err, wb_x509_parse(&cert, server.der, server.len, NULL));
    }
}

static void lengths_have_one_spelling(void **state)
{
    (void)state;
    static const struct {
        uint8_t der[6];
        size_t len;
        bool is_good;
    } cases[] = {
        {{0x04, 0x01, 0xaa}, 3, true},           {{0x04, 0x81, 0x01, 0xaa}, 4, false},
        {{0x04, 0x82, 0, 0x01, 0xaa}, 5, false}, {{0x04, 0x80, 0xaa, 0, 0}, 5, false},
        {{0x04, 0x02, 0xaa}, 3, false},          {{0x04}, 1, false},
        {{0x04, 0x83, 0, 0, 1, 0xaa}, 6, false}, {{0x05, 0x01, 0xaa}, 3, false},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_reader r;
        wb_reader_init(&r, cases[i].der, cases[i].len);
        (void)der_take(&r, DER_OCTET_STRING);
        assert_int_equal(r.err == WB_OK, cases[i].is_good);
    }
}

static void names_match_as_rfc_9525_says(void **state)
{
    (void)state;
    static const char *const names[] = {"Example.com", "*.wild.example", "10.0.0.1", "2001:db8::1",
                                        "*"};
    static const struct {
        const char *name;
        bool is_match;
    } cases[] = {
        {"example.com", true},
        {"EXAMPLE.COM", true},
        {"example.com.", true},
        {"www.example.com", false},
        {"xample.com", false},
        {"example.co", false},
        {"a.wild.example", true},
        {"A.WILD.example", true},
        {"wild.example", false},
        {"a.b.wild.example", false},
        {".wild.example", false},
        {"10.0.0.1", true},
        {"10.0.0.2", false},
        {"010.0.0.1", false},
        {"2001:db8::1", true},
        {"2001:0DB8:0:0:0:0:0:1", true},
        {"2001:db8::2", false},
        {"anything", false},
        {"", false},
        {".", false},
    };
    struct identity ca = {0}, server = {0};
    make_ca(&ca, 1, "Test CA");
    make_key(&server, 2);
    struct wb_x509_spec spec = make_spec(&server, "common.example", WB_X509_SERVER_AUTH);
    spec.alt_names = names;
    spec.alt_name_count = WB_ARRAY_LEN(names);
    issue(&server, &spec, &ca);
    struct wb_x509_cert cert = parse_ok(server.der, server.len);
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        if (wb_x509_has_name(&cert, cases[i].name) != cases[i].is_match) {
            fail_msg("\"%s\"", cases[i].name);
        }
    }
    assert_false(wb_x509_has_name(&cert, "common.example"));
}

static void ip_addresses_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *bytes;
    } cases[] = {
        {"127.0.0.1", 4, "\x7f\0\0\1"},
        {"255.255.255.255", 4, "\xff\xff\xff\xff"},
        {"::", 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
        {"::1", 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"},
        {"1::", 16, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
        {"fe80::1:2", 16, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\1\0\2"},
        {"1:2:3:4:5:6:7:8", 16, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\x8"},
        {"::ffff:1.2.3.4", 16, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4"},
        {"1:2:3:4:5:6:7::", 16, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\0"},
        {"1:2:3:4:5:6:1.2.3.4", 16, "\0\1\0\2\0\3\0\4\0\5\0\6\1\2\3\4"},
    };
    static const char *const bad[] = {"",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "01.2.3.4",
                                      "1.2.3.",
                                      " 1.2.3.4",
                                      "1.2.3.4 ",
                                      "1..3.4",
                                      ":",
                                      ":::",
                                      "1::2::3",
                                      "12345::",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "g::",
                                      "1:",
                                      "a.example",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "1.2.3.4::",
                                      "1000.1.1.1"};
    uint8_t out[16];
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        assert_int_equal(wb_x509_ip_parse(cases[i].text, out), cases[i].len);
        assert_memory_equal(out, cases[i].bytes, cases[i].len);
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        if (wb_x509_ip_parse(bad[i], out) != 0) {
            fail_msg("\"%s\"", bad[i]);
        }
    }
}

static void only_authorities_become_anchors(void **state)
{
    (void)state;
    struct identity ca = {0}, server = {0};
    struct wb_x509_anchor anchor;
    struct wb_fault fault = {0};
    make_ca(&ca, 1, "Test CA");
    make_server(&server, &ca);
    assert_err(WB_ERR_CERTIFICATE, wb_x509_anchor_init(&anchor, server.der, server.len, &fault));
    assert_non_null(strstr(fault.what, "authority"));
}

static void anchor_itself_is_trusted(void **state)
{
    (void)state;
    struct identity ca = {0};
    struct wb_x509_anchor anchor;
    make_ca(&ca, 1, "Test CA");
    assert_ok(wb_x509_anchor_init(&anchor, ca.der, ca.len, NULL));
    struct wb_x509_cert cert = parse_ok(ca.der, ca.len);
    const struct wb_x509_check check = {
        .anchors = &anchor, .anchor_count = 1, .purpose = WB_X509_SERVER_AUTH};
    struct wb_fault fault = {
        0}; /* trusted, but its keyUsage is not for signatures of a handshake */
    assert_err(WB_ERR_UNSUPPORTED, wb_x509_verify(&cert, &check, NULL, &fault));
}

static void several_anchors_may_bear_one_name(void **state)
{
    (void)state;
    struct identity old_ca = {0}, new_ca = {0}, client = {0};
    struct wb_x509_anchor anchors[2];
    make_ca(&old_ca, 1, "Test CA");
    make_ca(&new_ca, 2, "Test CA");
    make_client(&client, &new_ca);
    assert_ok(wb_x509_anchor_init(&anchors[0], old_ca.der, old_ca.len, NULL));
    assert_ok(wb_x509_anchor_init(&anchors[1], new_ca.der, new_ca.len, NULL));
    struct wb_x509_cert cert = parse_ok(client.der, client.len);
    struct wb_x509_check check = {
        .anchors = anchors, .anchor_count = 2, .purpose = WB_X509_CLIENT_AUTH, .unix_now = NOW};
    bool is_self_issued = true;
    assert_ok(wb_x509_verify(&cert, &check, &is_self_issued, NULL));
    assert_false(is_self_issued);
    check.anchor_count = 1;
    assert_err(WB_ERR_SIGNATURE, wb_x509_verify(&cert, &check, NULL, NULL));
    check.anchor_count = 0;
    assert_err(WB_ERR_CERTIFICATE_UNTRUSTED, wb_x509_verify(&cert, &check, NULL, NULL));
}

static void requests_prove_possession(void **state)
{
    (void)state;
    struct identity id = {0};
    uint8_t der[512];
    size_t len;
    struct wb_x509_request request;
    struct wb_fault fault = {0};
    make_key(&id, 4);
    assert_ok(
        wb_x509_request_write("device-9", id.private_key, id.public_key, der, sizeof der, &len));
    assert_ok(wb_x509_request_parse(&request, der, len, &fault));
    assert_memory_equal(request.public_key, id.public_key, 32);
    assert_int_equal(request.common_name.len, 8);
    assert_memory_equal(request.common_name.data, "device-9", 8);
    for (size_t i = 0; i < len; i++) {
        der[i] ^= 1;
        assert_int_not_equal(wb_x509_request_parse(&request, der, len, NULL), WB_OK);
        der[i] ^= 1;
        uint8_t *copy = malloc(i + 1);
        assert_non_null(copy);
        memcpy(copy, der, i);
        assert_int_not_equal(wb_x509_request_parse(&request, copy, i, NULL), WB_OK);
        free(copy);
    }
    assert_err(WB_ERR_VALUE,
               wb_x509_request_write("", id.private_key, id.public_key, der, sizeof der, &len));
    assert_err(WB_ERR_SPACE,
               wb_x509_request_write("x", id.private_key, id.public_key, der, 100, &len));
}

static void credential_needs_its_own_key(void **state)
{
    (void)state;
    struct identity ca = {0}, client = {0};
    struct wb_tls_credential credential;
    struct wb_fault fault = {0};
    make_ca(&ca, 1, "Test CA");
    make_client(&client, &ca);
    assert_err(WB_ERR_KEY,
               wb_tls_credential_init(&credential, client.chain, 1, ca.private_key, &fault));
    assert_non_null(strstr(fault.what, "another certificate"));
    assert_err(WB_ERR_VALUE,
               wb_tls_credential_init(&credential, client.chain, 0, client.private_key, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_certificate_reads_back),
        cmocka_unit_test(dates_survive_the_way_through_der),
        cmocka_unit_test(impossible_dates_are_refused),
        cmocka_unit_test(impossible_specs_are_refused),
        cmocka_unit_test(every_cut_and_every_appended_byte_is_refused),
        cmocka_unit_test(every_altered_bit_is_refused),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(lengths_have_one_spelling),
        cmocka_unit_test(names_match_as_rfc_9525_says),
        cmocka_unit_test(ip_addresses_are_read_strictly),
        cmocka_unit_test(only_authorities_become_anchors),
        cmocka_unit_test(anchor_itself_is_trusted),
        cmocka_unit_test(several_anchors_may_bear_one_name),
        cmocka_unit_test(requests_prove_possession),
        cmocka_unit_test(credential_needs_its_own_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
