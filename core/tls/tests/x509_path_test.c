/* SPDX-License-Identifier: AGPL-3.0-only */
/* Paths through intermediates, revocation lists, P-256 certificates, private keys of all forms. */
#include "pair.h"
#include "wb_pem.h"

struct entity {
    uint8_t private_key[32];
    uint8_t public_key[65];
    uint8_t der[WB_X509_CERT_MAX];
    size_t len;
    const struct wb_x509_algorithm *algorithm;
    struct wb_x509_cert cert;
};

static struct entity root, middle, leaf;
static struct wb_x509_anchor anchor;
static uint8_t serial[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static struct wb_x509_spec begin(struct entity *e, uint8_t fill, const char *name,
                                 const struct wb_x509_algorithm *algorithm)
{
    size_t len;
    memset(e->private_key, fill, 32);
    e->algorithm = algorithm;
    assert_ok(algorithm->public_key(e->public_key, &len, e->private_key));
    serial[7]++;
    return (struct wb_x509_spec){.serial = serial,
                                 .serial_len = sizeof serial,
                                 .common_name = name,
                                 .public_key = e->public_key,
                                 .key_type = (enum wb_x509_key_type)algorithm->key_type,
                                 .not_before = NOW - YEAR,
                                 .not_after = NOW + YEAR};
}

static void finish(struct entity *e, const struct wb_x509_spec *spec, const struct entity *by)
{
    if (by == NULL) {
        assert_ok(wb_x509_write_self_signed_with(spec, e->algorithm, e->private_key, e->der,
                                                 sizeof e->der, &e->len));
    } else {
        const struct wb_x509_issuer issuer = {by->cert.subject, by->private_key, by->public_key};
        assert_ok(wb_x509_write_with(spec, &issuer, by->algorithm, e->der, sizeof e->der, &e->len));
    }
    assert_ok(wb_x509_parse(&e->cert, e->der, e->len, NULL));
}

static const char *const names[] = {SERVER_NAME, "10.1.2.3"};

/* root (path length 1) <- middle <- leaf; edits are made by the tests. */
static struct wb_x509_spec root_spec, middle_spec, leaf_spec;

static void make_specs(const struct wb_x509_algorithm *algorithm)
{
    root_spec = begin(&root, 1, "Root", algorithm);
    root_spec.is_ca = true;
    root_spec.path_len = 1;
    static uint8_t middle_serial[8], leaf_serial[8];
    middle_spec = begin(&middle, 2, "Middle", algorithm);
    memcpy(middle_serial, serial, 8);
    middle_spec.serial = middle_serial;
    middle_spec.is_ca = true;
    leaf_spec = begin(&leaf, 3, SERVER_NAME, algorithm);
    memcpy(leaf_serial, serial, 8);
    leaf_spec.serial = leaf_serial;
    leaf_spec.purposes = WB_X509_SERVER_AUTH;
    leaf_spec.alt_names = names;
    leaf_spec.alt_name_count = WB_ARRAY_LEN(names);
}

static void issue_all(void)
{
    finish(&root, &root_spec, NULL);
    finish(&middle, &middle_spec, &root);
    finish(&leaf, &leaf_spec, &middle);
    assert_ok(wb_x509_anchor_init(&anchor, root.der, root.len, NULL));
}

static enum wb_err verify(const struct wb_x509_crl *crls, size_t crl_count, struct wb_fault *fault)
{
    const struct wb_bytes others[] = {
        {leaf.der, leaf.len}, {"junk", 4}, {root.der, root.len}, {middle.der, middle.len}};
    const struct wb_x509_check check = {.anchors = &anchor,
                                        .anchor_count = 1,
                                        .unix_now = NOW,
                                        .purpose = WB_X509_SERVER_AUTH,
                                        .server_name = SERVER_NAME,
                                        .algorithms = wb_x509_algorithms,
                                        .intermediates = others,
                                        .intermediate_count = WB_ARRAY_LEN(others),
                                        .crls = crls,
                                        .crl_count = crl_count};
    return wb_x509_verify_path(&leaf.cert, &check, NULL, fault);
}

static void path_is_found_with_either_kind_of_key(void **state)
{
    (void)state;
    const struct wb_x509_algorithm *const algorithms[] = {&wb_x509_ed25519, &wb_x509_p256};
    for (size_t i = 0; i < 2; i++) {
        struct wb_fault fault = {0};
        make_specs(algorithms[i]);
        issue_all();
        assert_int_equal(leaf.cert.key_type, algorithms[i]->key_type);
        if (verify(NULL, 0, &fault) != WB_OK) {
            fail_msg("%s", fault.what);
        }
        const struct wb_x509_check direct = {.anchors = &anchor,
                                             .anchor_count = 1,
                                             .purpose = WB_X509_SERVER_AUTH,
                                             .algorithms = wb_x509_algorithms};
        assert_err(WB_ERR_CERTIFICATE_UNTRUSTED, wb_x509_verify(&leaf.cert, &direct, NULL, NULL));
        assert_err(WB_ERR_CERTIFICATE_UNTRUSTED,
                   wb_x509_verify_path(&leaf.cert, &direct, NULL, NULL));
    }
}

static void broken_paths_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct wb_fault fault = {0};
        enum wb_err want = WB_ERR_CERTIFICATE;
        make_specs(i % 2 != 0 ? &wb_x509_ed25519 : &wb_x509_p256);
        switch (i) {
        case 0: middle_spec.is_ca = false; break;
        case 1: root_spec.path_len = 0; break;
        case 2: middle_spec.not_after = NOW - 1, want = WB_ERR_CERTIFICATE_EXPIRED; break;
        case 3: root_spec.not_after = NOW - 1, want = WB_ERR_CERTIFICATE_EXPIRED; break;
        case 4: leaf_spec.not_after = NOW - 1, want = WB_ERR_CERTIFICATE_EXPIRED; break;
        case 5: middle_spec.purposes = WB_X509_CLIENT_AUTH; break;
        case 6: leaf_spec.purposes = WB_X509_CLIENT_AUTH, want = WB_ERR_UNSUPPORTED; break;
        case 7: leaf_spec.alt_name_count = 0; break;
        case 8: want = WB_ERR_CERTIFICATE_UNTRUSTED; break;
        }
        issue_all();
        if (i == 8) { /* another key than the intermediate's signed */
            memset(middle.private_key, 9, 32);
            size_t len;
            assert_ok(middle.algorithm->public_key(middle.public_key, &len, middle.private_key));
            finish(&leaf, &leaf_spec, &middle);
        }
        assert_err(want, verify(NULL, 0, &fault));
        assert_true(strlen(fault.what) > 10);
    }
}

static void name_constraints(void **state)
{
    (void)state;
    static const struct {
        const char *permitted, *excluded;
        size_t permitted_len, excluded_len;
        bool is_ok;
    } cases[] = {
        {"\x30\x11\x82\x0fwasmbed-gateway", "", 19, 0, true},
        {"\x30\x0f\x82\x0dother-gateway", "", 17, 0, false},
        {"", "\x30\x11\x82\x0fwasmbed-gateway", 0, 19, false},
        {"", "\x30\x09\x82\x07gateway", 0, 11, true}, /* no label of its own */
        {"\x30\x0a\x87\x08\x0a\x01\0\0\xff\xff\0\0", "", 12, 0, true},
        {"\x30\x0a\x87\x08\x0a\x02\0\0\xff\xff\0\0", "", 12, 0, false},
        {"", "\x30\x0a\x87\x08\x0a\0\0\0\xff\0\0\0", 0, 12, false},
        {"\x30\x03\xa4\x01\x30", "", 5, 0, false}, /* malformed */
        {"\x30\x04\xa4\x02\x30\x00", "", 6, 0, true},
        {"\x30\x06\x81\x04mail", "", 8, 0, true}, /* of a kind that nothing here bears */
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        make_specs(&wb_x509_ed25519);
        issue_all();
        anchor.permitted = (struct wb_bytes){cases[i].permitted, cases[i].permitted_len};
        anchor.excluded = (struct wb_bytes){cases[i].excluded, cases[i].excluded_len};
        assert_err(cases[i].is_ok ? WB_OK : WB_ERR_CERTIFICATE, verify(NULL, 0, NULL));
    }
}

static void revocation_lists(void **state)
{
    (void)state;
    const struct wb_x509_algorithm *const algorithms[] = {&wb_x509_ed25519, &wb_x509_p256};
    for (size_t i = 0; i < 2; i++) {
        uint8_t der[512];
        size_t len;
        struct wb_x509_crl crl;
        make_specs(algorithms[i]);
        issue_all();
        const struct wb_x509_issuer issuer = {middle.cert.subject, middle.private_key,
                                              middle.public_key};
        const uint8_t other[2] = {0x11, 0x22};
        const struct wb_x509_revoked revoked[2] = {
            {other, 2, NOW - 5}, {leaf.cert.serial.data, leaf.cert.serial.len, NOW - 7}};
        for (size_t count = 0; count <= 2; count++) {
            assert_ok(wb_x509_crl_write(&issuer, middle.algorithm, 200 + count, NOW - 10, NOW + 10,
                                        revoked, count, der, sizeof der, &len));
            assert_ok(wb_x509_crl_init(&crl, der, len, &middle.cert, wb_x509_algorithms, NULL));
            wb_unix_s when = 0;
            assert_int_equal(wb_x509_crl_has(&crl, leaf.cert.serial, &when), count == 2);
            assert_int_equal(when, count == 2 ? NOW - 7 : 0);
            assert_err(count == 2 ? WB_ERR_CERTIFICATE_REVOKED : WB_OK, verify(&crl, 1, NULL));
        }
        assert_ok(wb_x509_crl_write(&issuer, middle.algorithm, 1, NOW - 10, NOW - 1, NULL, 0, der,
                                    sizeof der, &len));
        assert_ok(wb_x509_crl_init(&crl, der, len, &middle.cert, wb_x509_algorithms, NULL));
        assert_err(WB_ERR_CERTIFICATE_EXPIRED, verify(&crl, 1, NULL));
        assert_err(WB_ERR_CERTIFICATE_UNTRUSTED,
                   wb_x509_crl_init(&crl, der, len, &root.cert, wb_x509_algorithms, NULL));
        for (size_t at = 0; at < len; at++) { /* altered anywhere, cut anywhere: refused */
            der[at] ^= 1;
            assert_int_not_equal(
                wb_x509_crl_init(&crl, der, len, &middle.cert, wb_x509_algorithms, NULL), WB_OK);
            der[at] ^= 1;
            if (at % 16 == 0) {
                assert_int_not_equal(
                    wb_x509_crl_init(&crl, der, at, &middle.cert, wb_x509_algorithms, NULL), WB_OK);
            }
        }
    }
}

static void handshake_with_p256_and_intermediates(void **state)
{
    (void)state;
    make_specs(&wb_x509_p256);
    issue_all();
    const struct wb_bytes chain[] = {{leaf.der, leaf.len}, {middle.der, middle.len}};
    struct wb_tls_credential credential;
    assert_err(WB_ERR_UNSUPPORTED,
               wb_tls_credential_init(&credential, chain, 2, leaf.private_key, NULL));
    assert_err(WB_ERR_KEY, wb_tls_credential_init_with(&credential, wb_x509_algorithms, chain, 2,
                                                       middle.private_key, NULL));
    assert_ok(wb_tls_credential_init_with(&credential, wb_x509_algorithms, chain, 2,
                                          leaf.private_key, NULL));
    for (int i = 0; i < 4; i++) {
        struct pair *p = pair_new();
        struct wb_x509_crl crl = {.issuer = root.cert.subject};
        side_memory(&p->client, WB_TLS_RX_CAP(1024), WB_TLS_TX_CAP(256), SCRATCH);
        p->server.cfg.credential = &credential;
        p->client.cfg.anchors = &anchor;
        p->client.cfg.verify = i == 1 ? NULL : wb_x509_verify_path;
        if (i == 2) {
            p->client.cfg.crypto = &wb_tls_crypto_small;
        } else if (i == 3) {
            p->client.cfg.crls = &crl;
            p->client.cfg.crl_count = 1;
        }
        pair_start(p);
        if (i == 1) {
            assert_refused(p, &p->client, WB_TLS_ALERT_UNKNOWN_CA, WB_ERR_CERTIFICATE_UNTRUSTED);
        } else if (i == 2) {
            assert_refused(p, &p->server, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED);
        } else {
            assert_agreed(p);
            assert_int_equal(wb_tls_peer(&p->client.tls)->key_type, WB_X509_KEY_P256);
        }
        pair_free(p);
    }
}

static void credential_that_the_peer_accepts_is_chosen(void **state)
{
    (void)state;
    make_specs(&wb_x509_p256);
    finish(&root, &root_spec, NULL);
    finish(&leaf, &leaf_spec, &root);
    const struct wb_bytes chain[] = {{leaf.der, leaf.len}};
    struct wb_tls_credential credential;
    assert_ok(wb_tls_credential_init_with(&credential, wb_x509_algorithms, chain, 1,
                                          leaf.private_key, NULL));
    struct pair *p = pair_new();
    credential.next = &p->server_id.credential;
    p->server.cfg.credential = &credential;
    p->client.cfg.crypto = &wb_tls_crypto_small; /* which knows no P-256 */
    pair_start(p);
    assert_agreed(p);
    assert_int_equal(wb_tls_peer(&p->client.tls)->key_type, WB_X509_KEY_ED25519);
    pair_free(p);
}

static void crls_without_path_validation_are_a_mistake(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    const struct wb_x509_crl crl = {0};
    p->client.cfg.crls = &crl;
    p->client.cfg.crl_count = 1;
    assert_err(WB_ERR_VALUE, wb_tls_init(&p->client.tls, &p->client.cfg, &p->client.mem, 0, NOW));
    pair_free(p);
}

static void requests_with_p256(void **state)
{
    (void)state;
    uint8_t der[512];
    size_t len;
    struct wb_x509_request request;
    make_specs(&wb_x509_p256);
    assert_ok(wb_x509_request_write_with("device-9", &wb_x509_p256, leaf.private_key,
                                         leaf.public_key, der, sizeof der, &len));
    assert_ok(wb_x509_request_parse_with(&request, der, len, wb_x509_algorithms, NULL));
    assert_int_equal(request.key_type, WB_X509_KEY_P256);
    assert_int_equal(request.public_key_len, 65);
    assert_memory_equal(request.public_key, leaf.public_key, 65);
    assert_err(WB_ERR_UNSUPPORTED, wb_x509_request_parse(&request, der, len, NULL));
    der[40] ^= 1;
    assert_int_not_equal(wb_x509_request_parse_with(&request, der, len, wb_x509_algorithms, NULL),
                         WB_OK);
}

static void private_keys_of_all_forms(void **state)
{
    (void)state;
    uint8_t der[WB_PKCS8_P256_LEN + 8];
    struct wb_private_key key;
    struct wb_fault fault = {0};
    make_specs(&wb_x509_p256);
    wb_pkcs8_write_p256(leaf.private_key, leaf.public_key, der);
    assert_ok(wb_private_key_read(&key, der, WB_PKCS8_P256_LEN, &fault));
    assert_int_equal(key.key_type, WB_X509_KEY_P256);
    assert_memory_equal(key.private_key, leaf.private_key, 32);
    for (size_t len = 0; len < WB_PKCS8_P256_LEN; len++) {
        assert_int_not_equal(wb_private_key_read(&key, der, len, NULL), WB_OK);
    }
    /* SEC 1: the same with the curve inside */
    uint8_t sec1[51] = {0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20};
    static const uint8_t curve[] = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    memcpy(sec1 + 7, leaf.private_key, 32);
    memcpy(sec1 + 39, curve, sizeof curve);
    assert_ok(wb_private_key_read(&key, sec1, sizeof sec1, &fault));
    assert_int_equal(key.key_type, WB_X509_KEY_P256);
    sec1[50] = 0x06;
    assert_err(WB_ERR_UNSUPPORTED, wb_private_key_read(&key, sec1, sizeof sec1, &fault));
    assert_non_null(strstr(fault.what, "P-256"));
    assert_int_not_equal(wb_private_key_read(&key, sec1, 39, NULL), WB_OK);
    /* PKCS#1 in miniature: 0, n, e, d, p, q, dP, dQ, qInv */
    static const uint8_t rsa[] = {0x30, 27, 2, 1, 0, 2, 1, 35, 2, 1, 5, 2, 1, 5, 2,
                                  1,    5,  2, 1, 7, 2, 1, 1,  2, 1, 5, 2, 1, 3};
    assert_ok(wb_private_key_read(&key, rsa, sizeof rsa, NULL));
    assert_int_equal(key.key_type, WB_X509_KEY_RSA);
    assert_int_equal(*(const uint8_t *)key.modulus, 35);
    assert_int_equal(*(const uint8_t *)key.exponent, 5);
    static const uint8_t encrypted[] = {0x30, 4, 0x30, 0, 0x04, 0};
    fault = (struct wb_fault){0};
    assert_err(WB_ERR_UNSUPPORTED, wb_private_key_read(&key, encrypted, sizeof encrypted, &fault));
    assert_non_null(strstr(fault.what, "encrypted"));
    uint8_t ed25519[WB_PKCS8_ED25519_LEN];
    wb_pkcs8_write_ed25519(leaf.private_key, ed25519);
    assert_ok(wb_private_key_read(&key, ed25519, sizeof ed25519, NULL));
    assert_int_equal(key.key_type, WB_X509_KEY_ED25519);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_found_with_either_kind_of_key),
        cmocka_unit_test(broken_paths_are_refused),
        cmocka_unit_test(name_constraints),
        cmocka_unit_test(revocation_lists),
        cmocka_unit_test(handshake_with_p256_and_intermediates),
        cmocka_unit_test(credential_that_the_peer_accepts_is_chosen),
        cmocka_unit_test(crls_without_path_validation_are_a_mistake),
        cmocka_unit_test(requests_with_p256),
        cmocka_unit_test(private_keys_of_all_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
