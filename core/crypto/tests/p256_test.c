/* SPDX-License-Identifier: AGPL-3.0-only */
/* P-256: the field and the scalars at their edges, the tables computed anew, the three
 * multiplications against one another, RFC 6979's signatures, and what is refused. */
#include "wb_test.h"

#include "hex.h"
#include "p256_point.h"
#include "wb_crypto.h"

static const char order_hex[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
static const char prime_hex[] = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
static const char base_hex[] = "04"
                               "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                               "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *seed >> 33;
}

/* ---- reference: big-endian bytes, long division; slow and obvious -------------------------- */

static void reference_reduce(uint8_t out[32], const uint8_t wide[64], const uint8_t modulus[32])
{
    uint8_t rest[33] = {0};
    for (unsigned bit = 0; bit < 512; bit++) {
        unsigned carry = wide[bit / 8] >> (7 - bit % 8) & 1;
        for (unsigned i = 33; i-- > 0;) {
            carry |= (unsigned)rest[i] << 1;
            rest[i] = (uint8_t)carry;
            carry >>= 8;
        }
        uint8_t less[33];
        int borrow = 0;
        for (unsigned i = 33; i-- > 0;) {
            borrow += rest[i] - (i == 0 ? 0 : modulus[i - 1]);
            less[i] = (uint8_t)borrow;
            borrow = borrow < 0 ? -1 : 0;
        }
        if (borrow == 0) {
            memcpy(rest, less, 33);
        }
    }
    memcpy(out, rest + 1, 32);
}

static void reference_product(uint8_t out[64], const uint8_t a[32], const uint8_t b[32])
{
    memset(out, 0, 64);
    for (unsigned i = 32; i-- > 0;) {
        unsigned carry = 0;
        for (unsigned j = 32; j-- > 0;) {
            carry += (unsigned)a[i] * b[j] + out[i + j + 1];
            out[i + j + 1] = (uint8_t)carry;
            carry >>= 8;
        }
        out[i] = (uint8_t)carry;
    }
}

/* (a +- b) mod m, all below m. */
static void reference_sum(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], int sign,
                          const uint8_t modulus[32])
{
    uint8_t wide[64] = {0};
    int carry = 0;
    for (unsigned i = 32; i-- > 0;) {
        carry += a[i] + sign * b[i] + (sign < 0 ? modulus[i] : 0);
        wide[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    wide[31] = (uint8_t)carry;
    reference_reduce(out, wide, modulus);
}

/* The words as they are held, big-endian. */
static void words_to_bytes(uint8_t out[32], const uint32_t v[8])
{
    struct scalar s;
    memcpy(s.v, v, sizeof s.v);
    wb_scalar_encode_be(out, &s);
}

/* Words that are all zeros, all ones, those of the modulus, next to it, or random: where carries
 * live. Always below the modulus. */
static void edge_number(uint8_t out[32], const uint8_t modulus[32], uint64_t *seed)
{
    struct scalar s, m;
    uint8_t wide[64] = {0};
    wb_scalar_decode_be(&m, modulus);
    for (unsigned i = 0; i < 8; i++) {
        switch (random_next(seed) % 6) {
        case 0: s.v[i] = 0; break;
        case 1: s.v[i] = UINT32_MAX; break;
        case 2: s.v[i] = m.v[i]; break;
        case 3: s.v[i] = m.v[i] - 1; break;
        case 4: s.v[i] = (uint32_t)(random_next(seed) % 3); break;
        default: s.v[i] = (uint32_t)(random_next(seed) << 16 ^ random_next(seed)); break;
        }
    }
    wb_scalar_encode_be(wide + 32, &s);
    reference_reduce(out, wide, modulus);
}

static void field_agrees_with_long_arithmetic(void **state)
{
    (void)state;
    uint64_t seed = 1;
    uint8_t prime[32], a[32], b[32], expected[32], actual[32], wide[64];
    from_hex(prime, 32, prime_hex);
    for (unsigned i = 0; i < 1500; i++) {
        struct p256_field x, y, z;
        struct scalar words;
        edge_number(a, prime, &seed);
        edge_number(b, prime, &seed);
        wb_scalar_decode_be(&words, a);
        memcpy(x.v, words.v, sizeof x.v);
        wb_scalar_decode_be(&words, b);
        memcpy(y.v, words.v, sizeof y.v);

        reference_sum(expected, a, b, 1, prime);
        wb_p256_field_add(&z, &x, &y);
        words_to_bytes(actual, z.v);
        assert_memory_equal(actual, expected, 32);
        reference_sum(expected, a, b, -1, prime);
        wb_p256_field_sub(&z, &x, &y);
        words_to_bytes(actual, z.v);
        assert_memory_equal(actual, expected, 32);

        /* A product in Montgomery's form, times 2^256, is the product of the words. */
        reference_product(wide, a, b);
        reference_reduce(expected, wide, prime);
        wb_p256_field_mul(&z, &x, &y);
        memset(wide, 0, 64);
        words_to_bytes(wide, z.v);
        reference_reduce(actual, wide, prime);
        assert_memory_equal(actual, expected, 32);
        words_to_bytes(actual, z.v);
        assert_true(memcmp(actual, prime, 32) < 0);
        wb_p256_field_mul(&z, &x, &x);
        wb_p256_field_square(&y, &x);
        assert_memory_equal(&y, &z, sizeof z);

        assert_true(wb_p256_field_decode(&y, a));
        wb_p256_field_encode(actual, &y);
        assert_memory_equal(actual, a, 32);
        if (i < 100) {
            wb_p256_field_invert(&z, &x);
            wb_p256_field_mul(&z, &z, &x);
            assert_memory_equal(&z, wb_p256_field_is_zero(&x) ? &x : &wb_p256_field_one, sizeof z);
        }
    }
}

static void field_decodes_only_what_is_below_p(void **state)
{
    (void)state;
    static const char *const above[] = {
        prime_hex, "ffffffff00000001000000000000000000000001000000000000000000000000",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    uint8_t bytes[32];
    struct p256_field t;
    for (unsigned i = 0; i < WB_ARRAY_LEN(above); i++) {
        from_hex(bytes, 32, above[i]);
        assert_false(wb_p256_field_decode(&t, bytes));
    }
    from_hex(bytes, 32, "ffffffff00000001000000000000000000000000fffffffffffffffffffffffe");
    assert_true(wb_p256_field_decode(&t, bytes));
}

static void scalars_agree_with_long_arithmetic(void **state)
{
    (void)state;
    uint64_t seed = 2;
    uint8_t order[32], a[32], b[32], expected[32], actual[32], wide[64];
    from_hex(order, 32, order_hex);
    for (unsigned i = 0; i < 1000; i++) {
        struct scalar x, y, z;
        edge_number(a, order, &seed);
        edge_number(b, order, &seed);
        wb_scalar_decode_be(&x, a);
        wb_scalar_decode_be(&y, b);
        assert_true(wb_scalar_is_reduced(&x, &wb_scalar_p256));
        reference_sum(expected, a, b, 1, order);
        wb_scalar_add(&z, &x, &y, &wb_scalar_p256);
        wb_scalar_encode_be(actual, &z);
        assert_memory_equal(actual, expected, 32);
        reference_product(wide, a, b);
        reference_reduce(expected, wide, order);
        wb_scalar_mul(&z, &x, &y, &wb_scalar_p256);
        wb_scalar_encode_be(actual, &z);
        assert_memory_equal(actual, expected, 32);
        memcpy(wide, a, 32);
        memset(wide + 32, 0xff, 32);
        reference_reduce(expected, wide, order);
        memset(&y, 0xff, sizeof y);
        wb_scalar_reduce_wide(&z, &y, &x, &wb_scalar_p256);
        wb_scalar_encode_be(actual, &z);
        assert_memory_equal(actual, expected, 32);
        if (i < 50 && !wb_scalar_is_zero(&x)) {
            wb_scalar_invert(&z, &x, &wb_scalar_p256);
            wb_scalar_mul(&z, &z, &x, &wb_scalar_p256);
            wb_scalar_encode_be(actual, &z);
            assert_hex_equal(actual,
                             "0000000000000000000000000000000000000000000000000000000000000001");
        }
    }
}

/* ---- points ------------------------------------------------------------------------------- */

static void base_point(struct p256_point *out)
{
    uint8_t bytes[65];
    from_hex(bytes, 65, base_hex);
    assert_true(wb_p256_point_decode(out, bytes));
}

static void assert_same_point(const struct p256_point *a, const struct p256_point *b)
{
    uint8_t ax[32], ay[32], bx[32], by[32];
    wb_p256_point_encode(ax, ay, a);
    wb_p256_point_encode(bx, by, b);
    assert_memory_equal(ax, bx, 32);
    assert_memory_equal(ay, by, 32);
}

/* By the multiplication of public scalars, which knows every case and, with b = 0, no table. */
static void multiple(struct p256_point *out, const struct scalar *k)
{
    static const struct scalar zero;
    struct p256_point base;
    base_point(&base);
    wb_p256_mul_add_public(out, k, &base, &zero);
}

static void tables_hold_multiples_of_the_base_point(void **state)
{
    (void)state;
    struct p256_point p, entry;
    for (unsigned i = 0; i < 8; i++) {
        struct scalar k = {{2 * i + 1}};
        multiple(&p, &k);
        entry = (struct p256_point){wb_p256_odd[i].x, wb_p256_odd[i].y, wb_p256_field_one};
        assert_same_point(&entry, &p);
        for (unsigned j = 0; j < 2; j++) {
            struct scalar sum = {{0}};
            sum.v[6 + j] = 1;
            for (unsigned t = 0; t < 3; t++) {
                struct scalar tooth = {{0}};
                tooth.v[2 * t + j] = 1;
                if ((i >> t & 1) == 0) { /* n - tooth */
                    int64_t carry = 0;
                    for (unsigned w = 0; w < 8; w++) {
                        carry += (int64_t)wb_scalar_p256.n.v[w] - tooth.v[w];
                        tooth.v[w] = (uint32_t)carry;
                        carry >>= 32;
                    }
                }
                wb_scalar_add(&sum, &sum, &tooth, &wb_scalar_p256);
            }
            multiple(&p, &sum);
            entry =
                (struct p256_point){wb_p256_comb[j][i].x, wb_p256_comb[j][i].y, wb_p256_field_one};
            assert_same_point(&entry, &p);
        }
    }
}

static void check_scalar(const struct scalar *k)
{
    static const struct scalar zero;
    struct p256_point base, expected, p;
    base_point(&base);
    multiple(&expected, k);
    wb_p256_mul_base(&p, k);
    assert_same_point(&p, &expected);
    wb_p256_mul(&p, k, &base);
    assert_same_point(&p, &expected);
    wb_p256_mul_add_public(&p, &zero, &base, k);
    assert_same_point(&p, &expected);
}

/* Small ones, those next to n, and the two for which the last addition doubles. */
static void multiplications_agree_for_special_scalars(void **state)
{
    (void)state;
    static const char *const special[] = {
        "fffffffd00000000fffffffdffffffffbce6faafa7179e84f3b9cac0fc632551", /* in mul_base */
        "000000020000000000000001fffffffffffffffe000000000000000200000000", /* n less that */
        "8000000000000000000000000000000000000000000000000000000000000000",
        "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8", /* (n - 1) / 2 */
        "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9",
        "0000000000000000000000000000000000000001000000000000000000000000",
        "ffffffff00000000000000000000000000000000000000000000000000000000",
    };
    struct scalar k;
    for (uint32_t i = 1; i < 80; i++) {
        k = (struct scalar){{i}};
        check_scalar(&k);
        k = wb_scalar_p256.n;
        k.v[0] -= i; /* n - 2 among them */
        check_scalar(&k);
    }
    for (unsigned i = 0; i < WB_ARRAY_LEN(special); i++) {
        uint8_t bytes[32];
        from_hex(bytes, 32, special[i]);
        wb_scalar_decode_be(&k, bytes);
        check_scalar(&k);
    }
}

static void multiplications_agree_for_random_scalars(void **state)
{
    (void)state;
    uint64_t seed = 3;
    uint8_t order[32], bytes[32];
    from_hex(order, 32, order_hex);
    for (unsigned i = 0; i < 60; i++) {
        struct scalar k;
        edge_number(bytes, order, &seed);
        wb_scalar_decode_be(&k, bytes);
        if (!wb_scalar_is_zero(&k)) {
            check_scalar(&k);
        }
    }
}

static void sums_meet_infinity_and_doubling(void **state)
{
    (void)state;
    struct p256_point base, p, expected;
    base_point(&base);
    for (uint32_t i = 1; i < 40; i++) {
        struct scalar a = {{i}}, b = wb_scalar_p256.n, twice = {{2 * i}};
        b.v[0] -= i;
        wb_p256_mul_add_public(&p, &a, &base, &b); /* i - i */
        assert_true(wb_p256_field_is_zero(&p.z));
        wb_p256_mul_add_public(&p, &a, &base, &a); /* i + i */
        multiple(&expected, &twice);
        assert_same_point(&p, &expected);
    }
    static const struct scalar zero;
    wb_p256_mul_add_public(&p, &zero, &base, &zero);
    assert_true(wb_p256_field_is_zero(&p.z));
}

/* ---- keys --------------------------------------------------------------------------------- */

static void makes_private_keys_below_n(void **state)
{
    (void)state;
    uint8_t random[48], key[32], public_key[65];
    memset(random, 0, sizeof random);
    wb_p256_private_key(key, random);
    assert_hex_equal(key, "0000000000000000000000000000000000000000000000000000000000000001");
    from_hex(random + 16, 32, order_hex); /* n, that is 0 */
    wb_p256_private_key(key, random);
    assert_hex_equal(key, "0000000000000000000000000000000000000000000000000000000000000001");
    random[47]--;
    wb_p256_private_key(key, random); /* n - 1 stays */
    assert_memory_equal(key, random + 16, 32);
    memset(random, 0xff, sizeof random);
    wb_p256_private_key(key, random); /* 2^384 - 1 mod n */
    assert_hex_equal(key, "431905529c0166ce652e96b7ccca0a99679b73e19ad16947f01cf013fc632550");
    assert_ok(wb_p256_public_key(public_key, key));
}

static void refuses_private_keys_out_of_range(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", order_hex,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    uint8_t key[32], out[65], base[65], digest[64] = {1}, untouched[65];
    from_hex(base, 65, base_hex);
    memset(out, 0xee, sizeof out);
    memset(untouched, 0xee, sizeof untouched);
    for (unsigned i = 0; i < WB_ARRAY_LEN(keys); i++) {
        from_hex(key, 32, keys[i]);
        assert_err(WB_ERR_KEY, wb_p256_public_key(out, key));
        assert_err(WB_ERR_KEY, wb_p256_ecdh(out, key, base));
        assert_err(WB_ERR_KEY, wb_p256_sign(out, key, WB_HASH_SHA256, digest, NULL, 0));
        assert_memory_equal(out, untouched, sizeof out);
    }
}

static void refuses_what_is_no_point(void **state)
{
    (void)state;
    uint8_t base[65], point[65], key[32] = {[31] = 2}, out[32], signature[64] = {1};
    from_hex(base, 65, base_hex);
    assert_ok(wb_p256_public_key_check(base));
    for (unsigned i = 0; i < 65 * 8; i++) { /* every bit changed */
        memcpy(point, base, 65);
        point[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_err(WB_ERR_KEY, wb_p256_public_key_check(point));
    }
    assert_err(WB_ERR_KEY, wb_p256_ecdh(out, key, point));
    assert_err(WB_ERR_KEY, wb_p256_verify(signature, point, WB_HASH_SHA256, key));
    memset(point, 0, 65);
    assert_err(WB_ERR_KEY, wb_p256_public_key_check(point)); /* infinity, padded */
    point[0] = 4;
    assert_err(WB_ERR_KEY, wb_p256_public_key_check(point)); /* (0, 0) */
    /* x = 0 is a point, but not as x = p. */
    from_hex(point + 33, 32, "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4");
    assert_ok(wb_p256_public_key_check(point));
    from_hex(point + 1, 32, prime_hex);
    assert_err(WB_ERR_KEY, wb_p256_public_key_check(point));
}

static void agrees_on_a_secret(void **state)
{
    (void)state;
    /* RFC 5903 §8.1. */
    uint8_t i_key[32], r_key[32], i_public[65], r_public[65], secret[32];
    from_hex(i_key, 32, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    from_hex(r_key, 32, "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
    assert_ok(wb_p256_public_key(i_public, i_key));
    assert_hex_equal(i_public,
                     "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461c"
                     "db8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3");
    assert_ok(wb_p256_public_key(r_public, r_key));
    assert_ok(wb_p256_ecdh(secret, i_key, r_public));
    assert_hex_equal(secret, "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    assert_ok(wb_p256_ecdh(secret, r_key, i_public));
    assert_hex_equal(secret, "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
}

/* ---- signatures --------------------------------------------------------------------------- */

static const char rfc6979_key[] =
    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";

static void signs_as_rfc_6979(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum wb_hash_id id;
        const char *signature;
    } cases[] = {
        {"sample", WB_HASH_SHA256,
         "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
         "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {"sample", WB_HASH_SHA384,
         "0eafea039b20e9b42309fb1d89e213057cbf973dc0cfc8f129edddc800ef7719"
         "4861f0491e6998b9455193e34e7b0d284ddd7149a74b95b9261f13abde940954"},
        {"sample", WB_HASH_SHA512,
         "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00"
         "2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe"},
        {"test", WB_HASH_SHA256,
         "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
         "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
        {"test", WB_HASH_SHA384,
         "83910e8b48bb0c74244ebdf7f07a1c5413d61472bd941ef3920e623fbccebeb6"
         "8ddbec54cf8cd5874883841d712142a56a8d0f218f5003cb0296b6b509619f2c"},
        {"test", WB_HASH_SHA512,
         "461d93f31b6540894788fd206c07cfa0cc35f46fa3c91816fff1040ad1581a04"
         "39af9f15de0db8d97e72719c74820d304ce5226e32dedae67519e840d1194e55"},
    };
    uint8_t key[32], public_key[65], digest[64], signature[64];
    from_hex(key, 32, rfc6979_key);
    assert_ok(wb_p256_public_key(public_key, key));
    assert_hex_equal(public_key,
                     "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008"
                     "b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    for (unsigned i = 0; i < WB_ARRAY_LEN(cases); i++) {
        wb_hash_once(cases[i].id, cases[i].message, strlen(cases[i].message), digest);
        assert_ok(wb_p256_sign(signature, key, cases[i].id, digest, NULL, 0));
        assert_hex_equal(signature, cases[i].signature);
        assert_ok(wb_p256_verify(signature, public_key, cases[i].id, digest));
        for (unsigned bit = 0; bit < 512; bit += 37) {
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_err(WB_ERR_SIGNATURE,
                       wb_p256_verify(signature, public_key, cases[i].id, digest));
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        digest[31] ^= 1;
        assert_err(WB_ERR_SIGNATURE, wb_p256_verify(signature, public_key, cases[i].id, digest));
    }
}

static void extra_entropy_changes_the_nonce(void **state)
{
    (void)state;
    uint8_t key[32], public_key[65], digest[32] = {7}, plain[64], extra[64], again[64];
    from_hex(key, 32, rfc6979_key);
    assert_ok(wb_p256_public_key(public_key, key));
    assert_ok(wb_p256_sign(plain, key, WB_HASH_SHA256, digest, NULL, 0));
    assert_ok(wb_p256_sign(extra, key, WB_HASH_SHA256, digest, "entropy", 7));
    assert_ok(wb_p256_sign(again, key, WB_HASH_SHA256, digest, "entropy", 7));
    assert_memory_not_equal(plain, extra, 32);
    assert_memory_equal(extra, again, 64);
    assert_ok(wb_p256_verify(extra, public_key, WB_HASH_SHA256, digest));
}

static void refuses_signature_numbers_out_of_range(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", order_hex,
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    uint8_t key[32], public_key[65], digest[32] = {7}, signature[64], changed[64];
    from_hex(key, 32, rfc6979_key);
    assert_ok(wb_p256_public_key(public_key, key));
    assert_ok(wb_p256_sign(signature, key, WB_HASH_SHA256, digest, NULL, 0));
    for (unsigned i = 0; i < WB_ARRAY_LEN(wrong); i++) {
        for (unsigned half = 0; half < 2; half++) {
            memcpy(changed, signature, 64);
            from_hex(changed + 32 * half, 32, wrong[i]);
            assert_err(WB_ERR_SIGNATURE,
                       wb_p256_verify(changed, public_key, WB_HASH_SHA256, digest));
        }
    }
}

/* ---- DER ---------------------------------------------------------------------------------- */

static void writes_shortest_der(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *der;
    } cases[] = {
        {"0000000000000000000000000000000000000000000000000000000000000001"
         "000000000000000000000000000000000000000000000000000000000000007f",
         "300602010102017f"},
        {"0000000000000000000000000000000000000000000000000000000000000080"
         "000000000000000000000000000000000000000000000000000000000000ff00",
         "3009020200800203 00ff00"},
        {"8000000000000000000000000000000000000000000000000000000000000000"
         "7f00000000000000000000000000000000000000000000000000000000000000",
         "3045 022100 8000000000000000000000000000000000000000000000000000000000000000"
         "0220 7f00000000000000000000000000000000000000000000000000000000000000"},
    };
    for (unsigned i = 0; i < WB_ARRAY_LEN(cases); i++) {
        uint8_t raw[64], der[72], expected[72], back[64];
        from_hex(raw, 64, cases[i].raw);
        const size_t len = from_hex(expected, 72, cases[i].der);
        assert_int_equal(wb_p256_signature_encode(der, raw), len);
        assert_memory_equal(der, expected, len);
        assert_ok(wb_p256_signature_decode(back, der, len));
        assert_memory_equal(back, raw, 64);
    }
    uint8_t raw[64], der[72], back[64];
    memset(raw, 0xff, 64);
    assert_int_equal(wb_p256_signature_encode(der, raw), WB_P256_SIGNATURE_DER_MAX);
    assert_ok(wb_p256_signature_decode(back, der, WB_P256_SIGNATURE_DER_MAX));
    for (size_t len = 0; len < WB_P256_SIGNATURE_DER_MAX; len++) { /* every truncation */
        assert_err(WB_ERR_SIGNATURE, wb_p256_signature_decode(back, der, len));
    }
}

static void refuses_other_encodings(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "30",
        "3000",
        "3003020101",
        "3006020101020100",        /* s = 0 */
        "3006020100020101",        /* r = 0 */
        "3006020101020181",        /* negative */
        "300702020001020101",      /* longer than needed */
        "3006020101020101 00",     /* something behind */
        "3007020101020101 00",     /* something behind, inside */
        "3009020101020101 020101", /* a third number */
        "308106020101020101",      /* long form of the length */
        "30820006020101020101",    /* the same */
        "3080020101020101 0000",   /* indefinite length */
        "300702810101020101",      /* long form inside */
        "3005020002020101",        /* empty number */
        "3106020101020101",        /* SET */
        "3006030101020101",        /* BIT STRING */
        "3006020101220101",        /* constructed INTEGER */
        "3007020101020101",        /* announces more than there is */
        "3005020101020101",        /* and less */
        "3006020101020201",        /* the same inside */
        "302602010102210100000000000000000000000000000000000000000000000000000000000000 00",
        "3027 020101 0222 00ff0000000000000000000000000000000000000000000000000000000000000000 00",
    };
    uint8_t der[80], signature[64], untouched[64];
    memset(signature, 0xee, 64);
    memset(untouched, 0xee, 64);
    for (unsigned i = 0; i < WB_ARRAY_LEN(wrong); i++) {
        const size_t len = from_hex(der, sizeof der, wrong[i]);
        assert_err(WB_ERR_SIGNATURE, wb_p256_signature_decode(signature, der, len));
        assert_memory_equal(signature, untouched, 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_agrees_with_long_arithmetic),
        cmocka_unit_test(field_decodes_only_what_is_below_p),
        cmocka_unit_test(scalars_agree_with_long_arithmetic),
        cmocka_unit_test(tables_hold_multiples_of_the_base_point),
        cmocka_unit_test(multiplications_agree_for_special_scalars),
        cmocka_unit_test(multiplications_agree_for_random_scalars),
        cmocka_unit_test(sums_meet_infinity_and_doubling),
        cmocka_unit_test(makes_private_keys_below_n),
        cmocka_unit_test(refuses_private_keys_out_of_range),
        cmocka_unit_test(refuses_what_is_no_point),
        cmocka_unit_test(agrees_on_a_secret),
        cmocka_unit_test(signs_as_rfc_6979),
        cmocka_unit_test(extra_entropy_changes_the_nonce),
        cmocka_unit_test(refuses_signature_numbers_out_of_range),
        cmocka_unit_test(writes_shortest_der),
        cmocka_unit_test(refuses_other_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
