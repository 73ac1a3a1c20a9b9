/* SPDX-License-Identifier: AGPL-3.0-only */
/* X25519 (RFC 7748 §5.2, §6.1) and Ed25519 (RFC 8032 §7.1). */
#include "wb_test.h"

#include "hex.h"
#include "wb_crypto.h"

/* ---- X25519 ------------------------------------------------------------------------------- */

static void multiplies_rfc_7748_points(void **state)
{
    (void)state;
    static const char *const cases[2][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };
    for (unsigned i = 0; i < 2; i++) {
        uint8_t k[32], u[32], out[32];
        from_hex(k, 32, cases[i][0]);
        from_hex(u, 32, cases[i][1]);
        assert_ok(wb_x25519(out, k, u));
        assert_hex_equal(out, cases[i][2]);
    }
}

static void iterates_a_thousand_times(void **state)
{
    (void)state;
    uint8_t k[32] = {9}, u[32] = {9}, out[32];
    for (unsigned i = 0; i < 1000; i++) {
        assert_ok(wb_x25519(out, k, u));
        memcpy(u, k, 32);
        memcpy(k, out, 32);
        if (i == 0) {
            assert_hex_equal(k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
        }
    }
    assert_hex_equal(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void agrees_on_a_secret(void **state)
{
    (void)state;
    uint8_t alice[32], bob[32], alice_public[32], bob_public[32], secret[32];
    from_hex(alice, 32, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    from_hex(bob, 32, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    wb_x25519_public_key(alice_public, alice);
    assert_hex_equal(alice_public,
                     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    wb_x25519_public_key(bob_public, bob);
    assert_hex_equal(bob_public,
                     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_ok(wb_x25519(secret, alice, bob_public));
    assert_hex_equal(secret, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_ok(wb_x25519(secret, bob, alice_public));
    assert_hex_equal(secret, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void public_key_equals_ladder_from_nine(void **state)
{
    (void)state;
    static const uint8_t nine[32] = {9};
    uint8_t k[32], expected[32], public_key[32];
    for (unsigned i = 0; i < 64; i++) {
        memset(k, i < 2 ? (int)(i * 0xff) : 0, 32);
        if (i >= 2) {
            wb_hash_once(WB_HASH_SHA256, &i, sizeof i, k);
        }
        assert_ok(wb_x25519(expected, k, nine));
        wb_x25519_public_key(public_key, k);
        assert_memory_equal(public_key, expected, 32);
    }
}

static void refuses_points_of_low_order(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    static const uint8_t zero[32];
    for (unsigned i = 0; i < WB_ARRAY_LEN(points); i++) {
        uint8_t k[32], u[32], out[32];
        memset(k, 0x77, 32);
        from_hex(u, 32, points[i]);
        assert_err(WB_ERR_KEY, wb_x25519(out, k, u));
        assert_memory_equal(out, zero, 32);
    }
}

/* ---- Ed25519 ------------------------------------------------------------------------------ */

struct signature_case {
    const char *private_key, *public_key, *message, *signature;
};

static const struct signature_case signature_cases[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "030"
     "3dca179c138ac17ad9bef1177331a704"},
};

static void signs_rfc_8032_messages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WB_ARRAY_LEN(signature_cases); i++) {
        const struct signature_case *c = &signature_cases[i];
        uint8_t private_key[32], public_key[32], message[64], signature[64];
        from_hex(private_key, 32, c->private_key);
        size_t len = from_hex(message, sizeof message, c->message);
        wb_ed25519_public_key(public_key, private_key);
        assert_hex_equal(public_key, c->public_key);
        wb_ed25519_sign(signature, private_key, public_key, message, len);
        assert_hex_equal(signature, c->signature);
        assert_ok(wb_ed25519_verify(signature, public_key, message, len));
        const struct wb_bytes pieces[3] = {
            {message, len / 2}, {NULL, 0}, {message + len / 2, len - len / 2}};
        uint8_t again[64];
        wb_ed25519_sign_pieces(again, private_key, public_key, pieces, 3);
        assert_memory_equal(again, signature, 64);
        assert_ok(wb_ed25519_verify_pieces(signature, public_key, pieces, 3));
    }
}

static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t public_key[32], message[2], signature[64];
    from_hex(public_key, 32, signature_cases[2].public_key);
    from_hex(message, 2, signature_cases[2].message);
    from_hex(signature, 64, signature_cases[2].signature);
    for (unsigned bit = 0; bit < 64 * 8; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, public_key, message, 2));
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 32 * 8; bit++) {
        public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, public_key, message, 2));
        public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 2 * 8; bit++) {
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, public_key, message, 2));
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, public_key, message, 1));
    assert_ok(wb_ed25519_verify(signature, public_key, message, 2));
}

static void refuses_s_not_below_the_order(void **state)
{
    (void)state;
    uint8_t public_key[32], message[2], signature[64], order[32];
    from_hex(order, 32, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    from_hex(public_key, 32, signature_cases[2].public_key);
    from_hex(message, 2, signature_cases[2].message);
    from_hex(signature, 64, signature_cases[2].signature);
    unsigned carry = 0; /* s + L satisfies the equation as well as s */
    for (unsigned i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, public_key, message, 2));
}

/* With the neutral element as key and as R, s = 0 satisfies the equation for any message: the
 * encodings decide. (1 is the only y whose second encoding, p + 1, fits 255 bits besides 0 and 2
 * to 18.) */
static void refuses_encodings_that_are_not_canonical(void **state)
{
    (void)state;
    uint8_t neutral[32] = {1}, other[32], signature[64] = {1};
    assert_ok(wb_ed25519_verify(signature, neutral, "m", 1));
    from_hex(other, 32, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, other, "m", 1));
    memcpy(signature, other, 32);
    assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, neutral, "m", 1));
    memcpy(signature, neutral, 32);
    neutral[31] = 0x80; /* x = 0 with sign */
    assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, neutral, "m", 1));
    signature[31] = 0x80;
    neutral[31] = 0;
    assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, neutral, "m", 1));
}

static void refuses_keys_that_are_no_points(void **state)
{
    (void)state;
    unsigned points = 0;
    for (unsigned y = 0; y < 200; y++) {
        uint8_t key[32] = {0}, signature[64] = {0};
        key[0] = (uint8_t)y;
        signature[0] = 1;
        /* s = 0, R neutral: only verifies for keys in the small subgroup, never for the rest */
        points += wb_ed25519_verify(signature, key, "", 0) == WB_OK;
    }
    assert_true(points <= 2); /* y = 0 has order 4, y = 1 is neutral */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies_rfc_7748_points),
        cmocka_unit_test(iterates_a_thousand_times),
        cmocka_unit_test(agrees_on_a_secret),
        cmocka_unit_test(public_key_equals_ladder_from_nine),
        cmocka_unit_test(refuses_points_of_low_order),
        cmocka_unit_test(signs_rfc_8032_messages),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_s_not_below_the_order),
        cmocka_unit_test(refuses_encodings_that_are_not_canonical),
        cmocka_unit_test(refuses_keys_that_are_no_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
