/* SPDX-License-Identifier: AGPL-3.0-only */
/* The field at its edges, and the base point's tables computed anew from the base point. */
#include "wb_test.h"

#include "edwards.h"
#include "hex.h"

/* Big-number reference: 64 bytes, schoolbook, reduced by long division. Slow and obvious. */
static void reference_reduce(uint8_t out[32], const uint8_t wide[65])
{
    uint8_t rest[33] = {0};
    static const uint8_t p_low = 0xed;
    for (int bit = 65 * 8 - 1; bit >= 0; bit--) {
        unsigned carry = wide[bit / 8] >> (bit % 8) & 1;
        for (unsigned i = 0; i < 33; i++) {
            carry |= (unsigned)rest[i] << 1;
            rest[i] = (uint8_t)carry;
            carry >>= 8;
        }
        uint8_t less[33];
        int borrow = 0;
        for (unsigned i = 0; i < 33; i++) {
            int p = i == 0 ? p_low : i < 31 ? 0xff : i == 31 ? 0x7f : 0;
            borrow += rest[i] - p;
            less[i] = (uint8_t)borrow;
            borrow = borrow < 0 ? -1 : 0;
        }
        if (borrow == 0) {
            memcpy(rest, less, 33);
        }
    }
    memcpy(out, rest, 32);
}

static void element(struct field *out, const uint8_t bytes[32]) /* all 256 bits, unlike decode */
{
    for (unsigned i = 0; i < 32; i++) {
        unsigned shift = 8 * (i % sizeof(field_word));
        field_word *word = &out->v[i / sizeof(field_word)];
        *word = (shift == 0 ? 0 : *word) | (field_word)bytes[i] << shift;
    }
}

static void check_pair(const uint8_t a[32], const uint8_t b[32])
{
    struct field x, y, z;
    uint8_t wide[65] = {0}, expected[32], actual[32];
    element(&x, a);
    element(&y, b);

    unsigned carry = 0;
    for (unsigned i = 0; i < 33; i++) {
        carry += i < 32 ? (unsigned)a[i] + b[i] : 0;
        wide[i] = (uint8_t)carry;
        carry >>= 8;
    }
    reference_reduce(expected, wide);
    wb_field_add(&z, &x, &y);
    wb_field_encode(actual, &z);
    assert_memory_equal(actual, expected, 32);
    wb_field_sub(&z, &z, &y); /* and back */
    wb_field_encode(actual, &z);
    memset(wide, 0, sizeof wide);
    memcpy(wide, a, 32);
    reference_reduce(expected, wide);
    assert_memory_equal(actual, expected, 32);
    wb_field_sub(&z, &x, &y);
    wb_field_add(&z, &z, &y);
    wb_field_encode(actual, &z);
    assert_memory_equal(actual, expected, 32);

    memset(wide, 0, sizeof wide);
    for (unsigned i = 0; i < 32; i++) {
        carry = 0;
        for (unsigned j = 0; j < 32; j++) {
            carry += (unsigned)a[i] * b[j] + wide[i + j];
            wide[i + j] = (uint8_t)carry;
            carry >>= 8;
        }
        wide[i + 32] = (uint8_t)carry;
    }
    reference_reduce(expected, wide);
    wb_field_mul(&z, &x, &y);
    wb_field_encode(actual, &z);
    assert_memory_equal(actual, expected, 32);

    struct field square;
    wb_field_mul(&z, &x, &x);
    wb_field_square(&square, &x);
    wb_field_encode(expected, &z);
    wb_field_encode(actual, &square);
    assert_memory_equal(actual, expected, 32);

    struct field small;
    wb_field_set_small(&small, 121665);
    wb_field_mul(&z, &x, &small);
    wb_field_encode(expected, &z);
    wb_field_mul_small(&z, &x, 121665);
    wb_field_encode(actual, &z);
    assert_memory_equal(actual, expected, 32);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *seed >> 33;
}

/* Runs of ones and zeros, numbers around p and 2^256: where carries live. */
static void field_agrees_with_long_arithmetic(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0, 1, 18, 19, 20, 37, 38, 39, 0xda, 0xec, 0xed, 0xee, 0xff};
    uint8_t a[32], b[32];
    for (unsigned i = 0; i < sizeof edges * 6; i++) {
        for (unsigned j = 0; j < sizeof edges * 6; j++) {
            static const uint8_t fill[6] = {0, 0xff, 0xff, 0, 0, 0xff};
            static const uint8_t top[6] = {0, 0x7f, 0xff, 0x80, 0x7f, 0};
            memset(a, fill[i % 6], 32);
            memset(b, fill[j % 6], 32);
            a[0] = edges[i / 6];
            b[0] = edges[j / 6];
            a[31] = top[i % 6];
            b[31] = top[j % 6];
            check_pair(a, b);
        }
    }
    uint64_t seed = 1;
    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned k = 0; k < 32; k += 4) { /* a word is all zeros, all ones or random */
            unsigned kind = (unsigned)random_next(&seed);
            for (unsigned j = 0; j < 4; j++) {
                a[k + j] = kind % 4 == 0 ? 0 : kind % 4 == 1 ? 0xff : (uint8_t)random_next(&seed);
                b[k + j] = kind / 4 % 4 == 0   ? 0
                           : kind / 4 % 4 == 1 ? 0xff
                                               : (uint8_t)random_next(&seed);
            }
        }
        check_pair(a, b);
    }
}

static void powers_invert_and_zero_has_no_inverse(void **state)
{
    (void)state;
    struct field x, y;
    uint8_t bytes[32], one[32] = {1}, zero[32] = {0};
    for (uint32_t i = 1; i < 50; i++) {
        wb_field_set_small(&x, i * 77777);
        wb_field_invert(&y, &x);
        wb_field_mul(&y, &y, &x);
        wb_field_encode(bytes, &y);
        assert_memory_equal(bytes, one, 32);
    }
    wb_field_set_small(&x, 0);
    wb_field_invert(&y, &x);
    wb_field_encode(bytes, &y);
    assert_memory_equal(bytes, zero, 32);
}

/* ---- tables ------------------------------------------------------------------------------- */

static const uint8_t base_bytes[32] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

/* k * base by way of the public multiplication, whose own table is not used: b = 0. */
static void multiple(struct point *out, const struct scalar *k)
{
    struct point base;
    static const struct scalar zero;
    assert_true(wb_edwards_decode(&base, base_bytes));
    wb_edwards_mul_add_public(out, k, &base, &zero);
}

static void check_entry(const struct point_affine *entry, const struct scalar *k)
{
    struct point p;
    struct field inverse, x, y, t;
    uint8_t expected[32], actual[32];
    multiple(&p, k);
    wb_field_invert(&inverse, &p.z);
    wb_field_mul(&x, &p.x, &inverse);
    wb_field_mul(&y, &p.y, &inverse);
    wb_field_add(&t, &y, &x);
    wb_field_encode(expected, &t);
    wb_field_encode(actual, &entry->sum);
    assert_memory_equal(actual, expected, 32);
    wb_field_sub(&t, &y, &x);
    wb_field_encode(expected, &t);
    wb_field_encode(actual, &entry->difference);
    assert_memory_equal(actual, expected, 32);
    /* product * 121666 = -2 * 121665 x y */
    wb_field_mul(&t, &x, &y);
    wb_field_mul_small(&t, &t, 2 * 121665);
    wb_field_mul_small(&x, &entry->product, 121666);
    wb_field_add(&t, &t, &x);
    assert_true(wb_field_is_zero(&t));
}

static void tables_hold_multiples_of_the_base_point(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        struct scalar k = {{2 * i + 1}};
        check_entry(&wb_edwards_odd[i], &k);
    }
    for (unsigned j = 0; j < 2; j++) {
        for (unsigned i = 0; i < 8; i++) {
            int64_t words[8] = {0}; /* 2^(32 j) times 2^192 +- 2^128 +- 2^64 +- 1 */
            words[6 + j] = 1;
            for (unsigned t = 0; t < 3; t++) {
                words[2 * t + j] = i >> t & 1 ? 1 : -1;
            }
            struct scalar k;
            int64_t carry = 0;
            for (unsigned n = 0; n < 8; n++) {
                carry += words[n];
                k.v[n] = (uint32_t)carry;
                carry >>= 32;
            }
            check_entry(&wb_edwards_comb[j][i], &k);
        }
    }
}

static void both_multiplications_agree(void **state)
{
    (void)state;
    struct point base;
    assert_true(wb_edwards_decode(&base, base_bytes));
    uint64_t seed = 5;
    for (unsigned i = 0; i < 100; i++) {
        uint8_t wide[64] = {0}, expected[32], actual[32];
        for (unsigned j = 0; j < 64 && i > 2; j++) {
            wide[j] = (uint8_t)random_next(&seed);
        }
        wide[0] = i <= 2 ? (uint8_t)i : wide[0]; /* 0, 1, 2 among them */
        struct scalar k, high, zero = {{0}};
        struct point p;
        wb_scalar_decode(&k, wide);
        wb_scalar_decode(&high, wide + 32);
        wb_scalar_reduce_wide(&k, &k, &high, &wb_scalar_ed25519);
        wb_edwards_mul_base(&p, &k);
        wb_edwards_encode(expected, &p);
        wb_edwards_mul_add_public(&p, &k, &base, &zero);
        wb_edwards_encode(actual, &p);
        assert_memory_equal(actual, expected, 32);
        wb_edwards_mul_add_public(&p, &zero, &base, &k);
        wb_edwards_encode(actual, &p);
        assert_memory_equal(actual, expected, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_agrees_with_long_arithmetic),
        cmocka_unit_test(powers_invert_and_zero_has_no_inverse),
        cmocka_unit_test(tables_hold_multiples_of_the_base_point),
        cmocka_unit_test(both_multiplications_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
