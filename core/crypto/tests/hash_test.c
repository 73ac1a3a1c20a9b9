/* SPDX-License-Identifier: AGPL-3.0-only */
/* SHA-2 (FIPS 180 examples), HMAC (RFC 4231), HKDF (RFC 5869). */
#include "wb_test.h"

#include "hex.h"
#include "wb_crypto.h"

static const char two_blocks_256[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
static const char two_blocks_512[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                     "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

static void check_hash(enum wb_hash_id id, const char *text, const char *expected)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    wb_hash_once(id, text, strlen(text), digest);
    assert_hex_equal(digest, expected);
}

static void hashes_fips_180_examples(void **state)
{
    (void)state;
    check_hash(WB_HASH_SHA256, "",
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hash(WB_HASH_SHA256, "abc",
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_hash(WB_HASH_SHA256, two_blocks_256,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_hash(WB_HASH_SHA384, "abc",
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
    check_hash(WB_HASH_SHA384, two_blocks_512,
               "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712"
               "fcc7c71a557e2db966c3e9fa91746039");
    check_hash(WB_HASH_SHA512, "abc",
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    check_hash(WB_HASH_SHA512, two_blocks_512,
               "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
               "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

static void hashes_a_million_letters(void **state)
{
    (void)state;
    struct wb_hash hash;
    uint8_t digest[WB_HASH_LEN_MAX];
    char letters[1000];
    memset(letters, 'a', sizeof letters);
    static const char *const expected[] = {
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b"
        "07b8b3dc38ecc4ebae97ddd87f3d8985",
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
        "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
    };
    for (int id = WB_HASH_SHA256; id <= WB_HASH_SHA512; id++) {
        wb_hash_init(&hash, (enum wb_hash_id)id);
        for (unsigned i = 0; i < 1000; i++) {
            wb_hash_update(&hash, letters, sizeof letters);
        }
        wb_hash_final(&hash, digest);
        assert_hex_equal(digest, expected[id]);
    }
}

static void digest_does_not_depend_on_how_input_is_cut(void **state)
{
    (void)state;
    uint8_t data[300];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (int id = WB_HASH_SHA256; id <= WB_HASH_SHA512; id++) {
        uint8_t whole[WB_HASH_LEN_MAX];
        wb_hash_once((enum wb_hash_id)id, data, sizeof data, whole);
        for (size_t step = 1; step < sizeof data; step++) {
            struct wb_hash hash, fork;
            uint8_t digest[WB_HASH_LEN_MAX];
            wb_hash_init(&hash, (enum wb_hash_id)id);
            for (size_t at = 0; at < sizeof data; at += step) {
                size_t len = sizeof data - at < step ? sizeof data - at : step;
                wb_hash_update(&hash, data + at, len);
                wb_hash_update(&hash, NULL, 0);
            }
            fork = hash;
            wb_hash_final(&fork, digest);
            assert_memory_equal(digest, whole, wb_hash_len((enum wb_hash_id)id));
            wb_hash_update(&hash, data, 1);
            wb_hash_final(&hash, digest);
            assert_memory_not_equal(digest, whole, wb_hash_len((enum wb_hash_id)id));
        }
    }
}

static void final_wipes_the_context(void **state)
{
    (void)state;
    struct wb_sha256 hash;
    static const struct wb_sha256 zero;
    uint8_t digest[32];
    wb_sha256_init(&hash);
    wb_sha256_update(&hash, "secret", 6);
    wb_sha256_final(&hash, digest);
    assert_memory_equal(&hash, &zero, sizeof hash);
}

/* ---- HMAC --------------------------------------------------------------------------------- */

static void check_hmac(const uint8_t *key, size_t key_len, const void *data, size_t len,
                       const char *const expected[3])
{
    for (int id = WB_HASH_SHA256; id <= WB_HASH_SHA512; id++) {
        uint8_t mac[WB_HASH_LEN_MAX];
        const struct wb_bytes whole = {data, len};
        wb_hmac((enum wb_hash_id)id, key, key_len, &whole, 1, mac);
        assert_hex_equal(mac, expected[id]);
        size_t half = len / 2;
        const struct wb_bytes pieces[3] = {
            {data, half}, {NULL, 0}, {(const uint8_t *)data + half, len - half}};
        wb_hmac((enum wb_hash_id)id, key, key_len, pieces, 3, mac);
        assert_hex_equal(mac, expected[id]);
    }
}

static void authenticates_rfc_4231_cases(void **state)
{
    (void)state;
    uint8_t key[131];
    uint8_t data[50];
    memset(key, 0x0b, 20);
    check_hmac(
        key, 20, "Hi There", 8,
        (const char *const[]){"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                              "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
                              "faea9ea9076ede7f4af152e8b2fa9cb6",
                              "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                              "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"});
    check_hmac(
        (const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28,
        (const char *const[]){"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                              "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                              "8e2240ca5e69e2c78b3239ecfab21649",
                              "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                              "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"});
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    check_hmac(
        key, 20, data, 50,
        (const char *const[]){"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                              "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
                              "2a5ab39dc13814b94e3ab6e101a34f27",
                              "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
                              "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"});
    check_hmac(
        key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
        (const char *const[]){"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                              "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
                              "0c2ef6ab4030fe8296248df163f44952",
                              "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                              "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"});
}

/* ---- HKDF --------------------------------------------------------------------------------- */

static void derives_rfc_5869_cases(void **state)
{
    (void)state;
    uint8_t ikm[80], salt[80], info[80], prk[32], okm[82];
    memset(ikm, 0x0b, 22);
    for (unsigned i = 0; i < 13; i++) {
        salt[i] = (uint8_t)i;
    }
    for (unsigned i = 0; i < 10; i++) {
        info[i] = (uint8_t)(0xf0 + i);
    }
    wb_hkdf_extract(WB_HASH_SHA256, salt, 13, ikm, 22, prk);
    assert_hex_equal(prk, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    assert_ok(wb_hkdf_expand(WB_HASH_SHA256, prk, info, 10, okm, 42));
    assert_hex_equal(okm, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                          "34007208d5b887185865");
    for (unsigned i = 0; i < 80; i++) {
        ikm[i] = (uint8_t)i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    wb_hkdf_extract(WB_HASH_SHA256, salt, 80, ikm, 80, prk);
    assert_hex_equal(prk, "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    assert_ok(wb_hkdf_expand(WB_HASH_SHA256, prk, info, 80, okm, 82));
    assert_hex_equal(okm, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                          "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                          "cc30c58179ec3e87c14c01d5c1f3434f1d87");
    memset(ikm, 0x0b, 22);
    wb_hkdf_extract(WB_HASH_SHA256, NULL, 0, ikm, 22, prk);
    assert_hex_equal(prk, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    assert_ok(wb_hkdf_expand(WB_HASH_SHA256, prk, NULL, 0, okm, 42));
    assert_hex_equal(okm, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                          "9d201395faa4b61a96c8");
}

static void expands_to_255_hashes_and_no_further(void **state)
{
    (void)state;
    static uint8_t out[255 * 64 + 1];
    uint8_t prk[64] = {1};
    for (int id = WB_HASH_SHA256; id <= WB_HASH_SHA512; id++) {
        size_t most = 255 * wb_hash_len((enum wb_hash_id)id);
        memset(out, 0x55, sizeof out);
        assert_err(WB_ERR_LIMIT, wb_hkdf_expand((enum wb_hash_id)id, prk, "x", 1, out, most + 1));
        assert_int_equal(out[0], 0x55);
        assert_ok(wb_hkdf_expand((enum wb_hash_id)id, prk, "x", 1, out, most));
        assert_int_equal(out[most], 0x55);
        assert_ok(wb_hkdf_expand((enum wb_hash_id)id, prk, "x", 1, out, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_fips_180_examples),
        cmocka_unit_test(hashes_a_million_letters),
        cmocka_unit_test(digest_does_not_depend_on_how_input_is_cut),
        cmocka_unit_test(final_wipes_the_context),
        cmocka_unit_test(authenticates_rfc_4231_cases),
        cmocka_unit_test(derives_rfc_5869_cases),
        cmocka_unit_test(expands_to_255_hashes_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
