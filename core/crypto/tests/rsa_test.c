/* SPDX-License-Identifier: AGPL-3.0-only */
/* RSA verification: what is accepted, and each way in which a key or a signature is refused. */
#include "wb_test.h"

#include "hex.h"
#include "rsa_keys.h"
#include "wb_crypto.h"

static uint8_t modulus[520], signature[520];
static size_t signature_len;
static const uint8_t e_65537[3] = {1, 0, 1}, e_3[1] = {3};
static struct wb_rsa_public_key key;
static uint8_t digest[64];
static uint32_t work[WB_RSA_WORK_COUNT_MAX];

static void use(const char *modulus_hex, const char *signature_hex, enum wb_hash_id id)
{
    key.modulus = (struct wb_bytes){modulus, from_hex(modulus, sizeof modulus, modulus_hex)};
    key.exponent =
        key.modulus.len == 256 ? (struct wb_bytes){e_65537, 3} : (struct wb_bytes){e_3, 1};
    signature_len = from_hex(signature, sizeof signature, signature_hex);
    wb_hash_once(id, "message", 7, digest);
}

static enum wb_err pkcs1(enum wb_hash_id id)
{
    return wb_rsa_verify_pkcs1(&key, id, digest, signature, signature_len, work,
                               WB_RSA_WORK_COUNT(key.modulus.len));
}

static enum wb_err pss(enum wb_hash_id id, size_t salt_len)
{
    return wb_rsa_verify_pss(&key, id, id, salt_len, digest, signature, signature_len, work,
                             WB_RSA_WORK_COUNT(key.modulus.len));
}

static void verifies_both_schemes(void **state)
{
    (void)state;
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
    assert_ok(pkcs1(WB_HASH_SHA256));
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha512, WB_HASH_SHA512);
    assert_ok(pkcs1(WB_HASH_SHA512));
    use(rsa_2048_modulus, rsa_2048_pss_sha256, WB_HASH_SHA256);
    assert_ok(pss(WB_HASH_SHA256, 32));
    use(rsa_2049_modulus, rsa_2049_pkcs1_sha256, WB_HASH_SHA256);
    assert_ok(pkcs1(WB_HASH_SHA256));
    use(rsa_2049_modulus, rsa_2049_pss_sha256, WB_HASH_SHA256);
    assert_ok(pss(WB_HASH_SHA256, 32)); /* the encoded message begins in the second byte */
}

static void takes_leading_zeros_of_the_key(void **state)
{
    (void)state;
    static const uint8_t exponent[6] = {0, 0, 0, 1, 0, 1};
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
    memmove(modulus + 2, modulus, 256);
    memset(modulus, 0, 2);
    key.modulus.len = 258;
    key.exponent = (struct wb_bytes){exponent, 6};
    assert_ok(wb_rsa_verify_pkcs1(&key, WB_HASH_SHA256, digest, signature, 256, work,
                                  WB_RSA_WORK_COUNT(256)));
}

static void salt_has_the_length_that_was_asked_for(void **state)
{
    (void)state;
    use(rsa_2048_modulus, rsa_2048_pss_sha256, WB_HASH_SHA256);
    static const size_t wrong[] = {0, 31, 33, 64, 221, 222, 223, 224, 256, SIZE_MAX - 1, SIZE_MAX};
    for (unsigned i = 0; i < WB_ARRAY_LEN(wrong); i++) {
        assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, wrong[i]));
    }
    use(rsa_2048_modulus, rsa_2048_pss_sha256_salt_0, WB_HASH_SHA256);
    assert_ok(pss(WB_HASH_SHA256, 0));
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 1));
    use(rsa_2048_modulus, rsa_2048_pss_sha384_longest_salt, WB_HASH_SHA384);
    assert_ok(pss(WB_HASH_SHA384, 256 - 48 - 2));
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA384, 256 - 48 - 1));
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA384, 256 - 48 - 3));
}

static void refuses_another_scheme_or_hash(void **state)
{
    (void)state;
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 32));
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA384));
    use(rsa_2048_modulus, rsa_2048_pss_sha256, WB_HASH_SHA256);
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
    assert_err(WB_ERR_SIGNATURE, wb_rsa_verify_pss(&key, WB_HASH_SHA256, WB_HASH_SHA384, 32, digest,
                                                   signature, 256, work, WB_RSA_WORK_COUNT(256)));
    wb_hash_once(WB_HASH_SHA256, "messagE", 7, digest);
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 32));
}

static void refuses_changed_signatures(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 2048; bit += 61) {
        use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
        use(rsa_2048_modulus, rsa_2048_pss_sha256, WB_HASH_SHA256);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 32));
    }
}

static void refuses_signatures_of_another_length_or_above_the_modulus(void **state)
{
    (void)state;
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
    static const size_t lengths[] = {0, 1, 255, 257, 512};
    for (unsigned i = 0; i < WB_ARRAY_LEN(lengths); i++) {
        signature_len = lengths[i];
        assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
        assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 32));
    }
    memcpy(signature, modulus, 256); /* n, n + 2, all ones; n - 1 is in range, and wrong */
    signature_len = 256;
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
    signature[255] += 2;
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
    memset(signature, 0xff, 256);
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
    memcpy(signature, modulus, 256);
    signature[255]--;
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));

    /* s + n is the same number modulo n, one byte longer: 2,049 bits hold it in the same length. */
    use(rsa_2049_modulus, rsa_2049_pkcs1_sha256, WB_HASH_SHA256);
    unsigned carry = 0;
    for (unsigned i = 257; i-- > 0;) {
        carry += (unsigned)signature[i] + modulus[i];
        signature[i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
}

/* 0 and 1 are their own powers. */
static void refuses_trivial_signatures(void **state)
{
    (void)state;
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
    memset(signature, 0, 256);
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 32));
    signature[255] = 1;
    assert_err(WB_ERR_SIGNATURE, pkcs1(WB_HASH_SHA256));
    assert_err(WB_ERR_SIGNATURE, pss(WB_HASH_SHA256, 32));
}

static void refuses_keys_outside_the_limits(void **state)
{
    (void)state;
    static const struct {
        const char *exponent;
        enum wb_err err;
    } exponents[] = {{"", WB_ERR_KEY},
                     {"00", WB_ERR_KEY},
                     {"01", WB_ERR_KEY},
                     {"02", WB_ERR_KEY},
                     {"010000", WB_ERR_KEY},
                     {"0100000001", WB_ERR_KEY},
                     {"03", WB_OK},
                     {"ffffffff", WB_OK},
                     {"00ffffffff", WB_OK},
                     {"fffffffe", WB_ERR_KEY},
                     {"ffffffffffff", WB_ERR_KEY}};
    uint8_t exponent[8];
    use(rsa_2048_modulus, rsa_2048_pkcs1_sha256, WB_HASH_SHA256);
    for (unsigned i = 0; i < WB_ARRAY_LEN(exponents); i++) {
        key.exponent = (struct wb_bytes){exponent, from_hex(exponent, 8, exponents[i].exponent)};
        assert_err(exponents[i].err, wb_rsa_public_key_check(&key));
        assert_err(exponents[i].err == WB_OK ? WB_ERR_SIGNATURE : WB_ERR_KEY,
                   pkcs1(WB_HASH_SHA256));
    }

    static uint8_t number[520];
    key.modulus.data = number;
    key.exponent = (struct wb_bytes){e_65537, 3};
    memset(number, 0xff, sizeof number);
    static const struct {
        size_t len;
        enum wb_err err;
    } lengths[] = {{0, WB_ERR_KEY}, {1, WB_ERR_KEY}, {255, WB_ERR_KEY},
                   {256, WB_OK},    {512, WB_OK},    {513, WB_ERR_KEY}};
    for (unsigned i = 0; i < WB_ARRAY_LEN(lengths); i++) {
        key.modulus.len = lengths[i].len;
        assert_err(lengths[i].err, wb_rsa_public_key_check(&key));
    }
    key.modulus.len = 256;
    number[0] = 0x7f; /* 2,047 bits */
    assert_err(WB_ERR_KEY, wb_rsa_public_key_check(&key));
    number[0] = 0x80;
    assert_ok(wb_rsa_public_key_check(&key));
    number[255] = 0xfe; /* even */
    assert_err(WB_ERR_KEY, wb_rsa_public_key_check(&key));
    key.modulus.len = 257; /* 2,049 bits */
    number[0] = 0x01;
    assert_ok(wb_rsa_public_key_check(&key));
    memset(number, 0, sizeof number);
    assert_err(WB_ERR_KEY, wb_rsa_public_key_check(&key));
}

static void needs_its_work_memory(void **state)
{
    (void)state;
    assert_int_equal(WB_RSA_WORK_COUNT(256) * 4, 1028);
    assert_int_equal(WB_RSA_WORK_COUNT(512) * 4, 2052);
    use(rsa_2049_modulus, rsa_2049_pss_sha256, WB_HASH_SHA256);
    const size_t count = WB_RSA_WORK_COUNT(257);
    uint32_t *exact = malloc(count * sizeof *exact); /* the sanitizer looks behind it */
    assert_non_null(exact);
    assert_ok(wb_rsa_verify_pss(&key, WB_HASH_SHA256, WB_HASH_SHA256, 32, digest, signature,
                                signature_len, exact, count));
    assert_err(WB_ERR_SPACE, wb_rsa_verify_pss(&key, WB_HASH_SHA256, WB_HASH_SHA256, 32, digest,
                                               signature, signature_len, exact, count - 1));
    assert_err(WB_ERR_SPACE, wb_rsa_verify_pkcs1(&key, WB_HASH_SHA256, digest, signature,
                                                 signature_len, exact, 0));
    free(exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_both_schemes),
        cmocka_unit_test(takes_leading_zeros_of_the_key),
        cmocka_unit_test(salt_has_the_length_that_was_asked_for),
        cmocka_unit_test(refuses_another_scheme_or_hash),
        cmocka_unit_test(refuses_changed_signatures),
        cmocka_unit_test(refuses_signatures_of_another_length_or_above_the_modulus),
        cmocka_unit_test(refuses_trivial_signatures),
        cmocka_unit_test(refuses_keys_outside_the_limits),
        cmocka_unit_test(needs_its_work_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
