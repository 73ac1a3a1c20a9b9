/* SPDX-License-Identifier: AGPL-3.0-only */
/* Soft float against the host's hardware, bit by bit: every pair of edge patterns, and random ones.
 * SEED= replays, COUNT= sets the number of random rounds. */
#include "wb_test.h"

#include <math.h>

#include "softfloat.c" /* hosts link float_native.c, so this program brings its own */

static uint64_t seed = 20260;
static unsigned rounds = 300000;

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value != value ? WB_F32_NAN : bits;
}

static uint64_t bits64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value != value ? WB_F64_NAN : bits;
}

/* Exponents at their edges and near each other, significands of few or many bits: where rounding
 * happens. */
static uint64_t pattern(unsigned exponent_bits, unsigned fraction_bits)
{
    const uint64_t exponents = (UINT64_C(1) << exponent_bits) - 1;
    const uint64_t fractions = (UINT64_C(1) << fraction_bits) - 1;
    uint64_t kind = random_next() >> 8;
    uint64_t exponent = random_next() >> 20 & exponents;
    uint64_t fraction = random_next() >> 3 & fractions;
    switch (kind & 7) {
    case 0: exponent = 0; break;
    case 1: exponent = exponents - (kind >> 3 & 1); break;
    case 2:
    case 3:
    case 4: exponent = exponents / 2 + (kind >> 3 & 63) - 31; break;
    default: break;
    }
    switch (kind >> 16 & 7) {
    case 0: fraction = 0; break;
    case 1: fraction = fractions; break;
    case 2: fraction = UINT64_C(1) << (kind >> 20) % fraction_bits; break;
    case 3: fraction &= fractions << (kind >> 20) % fraction_bits; break;
    case 4: fraction = fractions - (kind >> 20 & 3); break;
    default: break;
    }
    return (kind >> 40 & 1) << (exponent_bits + fraction_bits) | exponent << fraction_bits |
           fraction;
}

static void check(const char *operation, uint64_t a, uint64_t b, uint64_t actual, uint64_t expected)
{
    if (actual != expected) {
        fail_msg("%s of %016llx and %016llx: %016llx, hardware says %016llx", operation,
                 (unsigned long long)a, (unsigned long long)b, (unsigned long long)actual,
                 (unsigned long long)expected);
    }
}

static float min32(float a, float b)
{
    if (a != a || b != b) {
        return NAN;
    }
    return a == b ? (signbit(a) ? a : b) : (a < b ? a : b);
}

static float max32(float a, float b)
{
    if (a != a || b != b) {
        return NAN;
    }
    return a == b ? (signbit(a) ? b : a) : (a < b ? b : a);
}

static double min64(double a, double b)
{
    if (a != a || b != b) {
        return NAN;
    }
    return a == b ? (signbit(a) ? a : b) : (a < b ? a : b);
}

static double max64(double a, double b)
{
    if (a != a || b != b) {
        return NAN;
    }
    return a == b ? (signbit(a) ? b : a) : (a < b ? b : a);
}

static void check_pair32(uint32_t a, uint32_t b)
{
    const volatile float x = float_of(a), y = float_of(b);
    check("f32.add", a, b, wb_f32_add(a, b), bits32(x + y));
    check("f32.sub", a, b, wb_f32_sub(a, b), bits32(x - y));
    check("f32.mul", a, b, wb_f32_mul(a, b), bits32(x * y));
    check("f32.div", a, b, wb_f32_div(a, b), bits32(x / y));
    check("f32.min", a, b, wb_f32_min(a, b), bits32(min32(x, y)));
    check("f32.max", a, b, wb_f32_max(a, b), bits32(max32(x, y)));
    check("f32.eq", a, b, wb_f32_eq(a, b), x == y);
    check("f32.ne", a, b, wb_f32_ne(a, b), x != y);
    check("f32.lt", a, b, wb_f32_lt(a, b), x < y);
    check("f32.le", a, b, wb_f32_le(a, b), x <= y);
    check("f32.gt", a, b, wb_f32_gt(a, b), x > y);
    check("f32.ge", a, b, wb_f32_ge(a, b), x >= y);
}

static void check_pair64(uint64_t a, uint64_t b)
{
    const volatile double x = double_of(a), y = double_of(b);
    check("f64.add", a, b, wb_f64_add(a, b), bits64(x + y));
    check("f64.sub", a, b, wb_f64_sub(a, b), bits64(x - y));
    check("f64.mul", a, b, wb_f64_mul(a, b), bits64(x * y));
    check("f64.div", a, b, wb_f64_div(a, b), bits64(x / y));
    check("f64.min", a, b, wb_f64_min(a, b), bits64(min64(x, y)));
    check("f64.max", a, b, wb_f64_max(a, b), bits64(max64(x, y)));
    check("f64.eq", a, b, wb_f64_eq(a, b), x == y);
    check("f64.ne", a, b, wb_f64_ne(a, b), x != y);
    check("f64.lt", a, b, wb_f64_lt(a, b), x < y);
    check("f64.le", a, b, wb_f64_le(a, b), x <= y);
    check("f64.gt", a, b, wb_f64_gt(a, b), x > y);
    check("f64.ge", a, b, wb_f64_ge(a, b), x >= y);
}

static void check_one32(uint32_t a)
{
    const volatile float x = float_of(a);
    check("f32.sqrt", a, 0, wb_f32_sqrt(a), bits32(sqrtf(x)));
    check("f32.ceil", a, 0, wb_f32_ceil(a), bits32(ceilf(x)));
    check("f32.floor", a, 0, wb_f32_floor(a), bits32(floorf(x)));
    check("f32.trunc", a, 0, wb_f32_trunc(a), bits32(truncf(x)));
    check("f32.nearest", a, 0, wb_f32_nearest(a), bits32(rintf(x)));
    check("f64.promote_f32", a, 0, wb_f64_promote_f32(a), bits64((double)x));
}

static void check_one64(uint64_t a)
{
    const volatile double x = double_of(a);
    check("f64.sqrt", a, 0, wb_f64_sqrt(a), bits64(sqrt(x)));
    check("f64.ceil", a, 0, wb_f64_ceil(a), bits64(ceil(x)));
    check("f64.floor", a, 0, wb_f64_floor(a), bits64(floor(x)));
    check("f64.trunc", a, 0, wb_f64_trunc(a), bits64(trunc(x)));
    check("f64.nearest", a, 0, wb_f64_nearest(a), bits64(rint(x)));
    if (!isfinite(x) || fabs(x) < 0x1.ffffffp127) { /* beyond, the C conversion is undefined */
        check("f32.demote_f64", a, 0, wb_f32_demote_f64(a), bits32((float)x));
    } else {
        check("f32.demote_f64", a, 0, wb_f32_demote_f64(a),
              UINT32_C(0x7f800000) | (uint32_t)(a >> 63) << 31);
    }
}

/* x truncated against [below, above], both bounds exclusive and exact as double. */
static enum wb_float_outcome outcome_of(double x, double below, double above)
{
    return x != x ? WB_FLOAT_NAN : x > below && x < above ? WB_FLOAT_OK : WB_FLOAT_OVERFLOW;
}

#define CHECK_TO(width, name, type, below, above, least, most)                                     \
    do {                                                                                           \
        enum wb_float_outcome expected_outcome_ = outcome_of(x, below, above);                     \
        uint##width##_t out_ = 0x5555;                                                             \
        uint##width##_t expected_ = expected_outcome_ == WB_FLOAT_NAN  ? 0                         \
                                    : expected_outcome_ == WB_FLOAT_OK ? (uint##width##_t)(type)x  \
                                    : x < 0                            ? (uint##width##_t)least    \
                                                                       : (uint##width##_t)most;                               \
        check(#name " outcome", bits64(x), 0, name(bits, &out_), expected_outcome_);               \
        check(#name, bits64(x), 0, out_, expected_);                                               \
    } while (0)

static void check_to_integer32(uint32_t bits)
{
    const double x = float_of(bits);
    CHECK_TO(32, wb_f32_to_i32_s, int32_t, -2147483649.0, 2147483648.0, INT32_MIN, INT32_MAX);
    CHECK_TO(32, wb_f32_to_i32_u, uint32_t, -1.0, 4294967296.0, 0, UINT32_MAX);
    CHECK_TO(64, wb_f32_to_i64_s, int64_t, -0x1.0000000000001p63, 0x1p63, INT64_MIN, INT64_MAX);
    CHECK_TO(64, wb_f32_to_i64_u, uint64_t, -1.0, 0x1p64, 0, UINT64_MAX);
}

static void check_to_integer64(uint64_t bits)
{
    const double x = double_of(bits);
    CHECK_TO(32, wb_f64_to_i32_s, int32_t, -2147483649.0, 2147483648.0, INT32_MIN, INT32_MAX);
    CHECK_TO(32, wb_f64_to_i32_u, uint32_t, -1.0, 4294967296.0, 0, UINT32_MAX);
    CHECK_TO(64, wb_f64_to_i64_s, int64_t, -0x1.0000000000001p63, 0x1p63, INT64_MIN, INT64_MAX);
    CHECK_TO(64, wb_f64_to_i64_u, uint64_t, -1.0, 0x1p64, 0, UINT64_MAX);
}

static void check_from_integer(uint64_t a)
{
    const uint32_t low = (uint32_t)a;
    check("f32.convert_i32_s", a, 0, wb_f32_from_i32_s(low), bits32((float)(int32_t)low));
    check("f32.convert_i32_u", a, 0, wb_f32_from_i32_u(low), bits32((float)low));
    check("f32.convert_i64_s", a, 0, wb_f32_from_i64_s(a), bits32((float)(int64_t)a));
    check("f32.convert_i64_u", a, 0, wb_f32_from_i64_u(a), bits32((float)a));
    check("f64.convert_i32_s", a, 0, wb_f64_from_i32_s(low), bits64((double)(int32_t)low));
    check("f64.convert_i32_u", a, 0, wb_f64_from_i32_u(low), bits64((double)low));
    check("f64.convert_i64_s", a, 0, wb_f64_from_i64_s(a), bits64((double)(int64_t)a));
    check("f64.convert_i64_u", a, 0, wb_f64_from_i64_u(a), bits64((double)a));
}

/* ---- the tests ---------------------------------------------------------------------------- */

static const uint32_t edges32[] = {
    0x00000000, 0x00000001, 0x00000002, 0x00000003, 0x003fffff, 0x00400000, 0x007fffff, 0x00800000,
    0x00800001, 0x00ffffff, 0x01000000, 0x33800000, 0x33800001, 0x34000000, 0x3effffff, 0x3f000000,
    0x3f000001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000, 0x40200000, 0x40490fdb,
    0x4a800000, 0x4afffffe, 0x4affffff, 0x4b000000, 0x4b000001, 0x4b7fffff, 0x4b800000, 0x4effffff,
    0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000, 0x7e800000,
    0x7effffff, 0x7f000000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fffffff,
};

static void f32_edges_agree_with_hardware(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * WB_ARRAY_LEN(edges32); i++) {
        uint32_t a = edges32[i / 2] | (uint32_t)(i & 1) << 31;
        check_one32(a);
        check_to_integer32(a);
        for (size_t j = 0; j < 2 * WB_ARRAY_LEN(edges32); j++) {
            check_pair32(a, edges32[j / 2] | (uint32_t)(j & 1) << 31);
        }
    }
}

/* The edges of f32 as f64, their neighbours, and the same fractions at f64's own exponent edges. */
static uint64_t edge64(size_t i)
{
    uint64_t sign = (uint64_t)(i & 1) << 63;
    uint32_t narrow = edges32[i / 2 % WB_ARRAY_LEN(edges32)];
    uint64_t fraction = (uint64_t)(narrow & 0x007fffff) << 29;
    switch (i / (2 * WB_ARRAY_LEN(edges32))) {
    case 0: return sign | wb_f64_promote_f32(narrow);
    case 1: return sign | (wb_f64_promote_f32(narrow) + 1);
    case 2: return sign | (wb_f64_promote_f32(narrow) - (narrow != 0));
    case 3: return sign | fraction;
    case 4: return sign | fraction >> 29;
    case 5: return sign | UINT64_C(0x7fe0000000000000) | fraction;
    default: return sign | UINT64_C(0x4330000000000000) | fraction >> 29; /* 2^52 */
    }
}

#define EDGES64 (7 * 2 * WB_ARRAY_LEN(edges32))

static void f64_edges_agree_with_hardware(void **state)
{
    (void)state;
    for (size_t i = 0; i < EDGES64; i++) {
        uint64_t a = edge64(i);
        check_one64(a);
        check_to_integer64(a);
        for (size_t j = 0; j < EDGES64; j++) {
            check_pair64(a, edge64(j));
        }
    }
}

static void f32_random_patterns_agree_with_hardware(void **state)
{
    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t a = (uint32_t)pattern(8, 23), b = (uint32_t)pattern(8, 23);
        check_pair32(a, b);
        check_pair32(a, a ^ (b & 3));
        check_one32(a);
        check_to_integer32(a);
    }
}

static void f64_random_patterns_agree_with_hardware(void **state)
{
    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t a = pattern(11, 52), b = pattern(11, 52);
        check_pair64(a, b);
        check_pair64(a, a ^ (b & 3));
        check_one64(a);
        check_one64(wb_f64_promote_f32((uint32_t)b) ^ (a & 0x3fffffff)); /* around ties of f32 */
        check_to_integer64(a);
    }
}

static void integers_convert_as_in_hardware(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (unsigned other = 0; other <= bit; other++) {
            for (int add = -2; add <= 2; add++) {
                uint64_t a = UINT64_C(1) << bit | UINT64_C(1) << other;
                check_from_integer(a + (uint64_t)(int64_t)add);
                check_from_integer(0 - a + (uint64_t)(int64_t)add);
            }
        }
    }
    check_from_integer(0);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t kind = random_next() >> 30;
        check_from_integer(random_next() >> kind % 64);
        check_from_integer(0 - (random_next() >> kind % 64));
    }
}

static void every_nan_operand_gives_the_canonical_nan(void **state)
{
    (void)state;
    static const uint32_t nans32[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff, 0xffffffff};
    static const uint64_t nans64[] = {UINT64_C(0x7ff8000000000000), UINT64_C(0xfff8000000000000),
                                      UINT64_C(0x7ff0000000000001), UINT64_C(0xfff7ffffffffffff),
                                      UINT64_C(0xffffffffffffffff)};
    for (size_t i = 0; i < WB_ARRAY_LEN(nans32); i++) {
        const uint32_t n = nans32[i], one = 0x3f800000;
        uint32_t (*const binary[])(uint32_t, uint32_t) = {wb_f32_add, wb_f32_sub, wb_f32_mul,
                                                          wb_f32_div, wb_f32_min, wb_f32_max};
        uint32_t (*const unary[])(uint32_t) = {wb_f32_sqrt, wb_f32_ceil, wb_f32_floor, wb_f32_trunc,
                                               wb_f32_nearest};
        for (size_t k = 0; k < WB_ARRAY_LEN(binary); k++) {
            assert_int_equal(binary[k](n, one), WB_F32_NAN);
            assert_int_equal(binary[k](one, n), WB_F32_NAN);
        }
        for (size_t k = 0; k < WB_ARRAY_LEN(unary); k++) {
            assert_int_equal(unary[k](n), WB_F32_NAN);
        }
        assert_true(wb_f64_promote_f32(n) == WB_F64_NAN);
        assert_int_equal(wb_f32_neg(n), n ^ 0x80000000); /* only the sign: the payload stays */
        assert_int_equal(wb_f32_abs(n), n & 0x7fffffff);
        assert_int_equal(wb_f32_copysign(n, 0x80000000), n | 0x80000000);
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(nans64); i++) {
        const uint64_t n = nans64[i], one = UINT64_C(0x3ff0000000000000);
        uint64_t (*const binary[])(uint64_t, uint64_t) = {wb_f64_add, wb_f64_sub, wb_f64_mul,
                                                          wb_f64_div, wb_f64_min, wb_f64_max};
        uint64_t (*const unary[])(uint64_t) = {wb_f64_sqrt, wb_f64_ceil, wb_f64_floor, wb_f64_trunc,
                                               wb_f64_nearest};
        for (size_t k = 0; k < WB_ARRAY_LEN(binary); k++) {
            assert_true(binary[k](n, one) == WB_F64_NAN);
            assert_true(binary[k](one, n) == WB_F64_NAN);
        }
        for (size_t k = 0; k < WB_ARRAY_LEN(unary); k++) {
            assert_true(unary[k](n) == WB_F64_NAN);
        }
        assert_int_equal(wb_f32_demote_f64(n), WB_F32_NAN);
        assert_true(wb_f64_neg(n) == (n ^ UINT64_C(1) << 63));
        assert_true(wb_f64_copysign(n, UINT64_C(1) << 63) == (n | UINT64_C(1) << 63));
    }
    const uint32_t inf = 0x7f800000;
    assert_int_equal(wb_f32_sub(inf, inf), WB_F32_NAN);
    assert_int_equal(wb_f32_mul(inf, 0x80000000), WB_F32_NAN);
    assert_int_equal(wb_f32_div(0, 0x80000000), WB_F32_NAN);
    assert_int_equal(wb_f32_div(inf, inf), WB_F32_NAN);
    assert_int_equal(wb_f32_sqrt(0xbf800000), WB_F32_NAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_edges_agree_with_hardware),
        cmocka_unit_test(f64_edges_agree_with_hardware),
        cmocka_unit_test(f32_random_patterns_agree_with_hardware),
        cmocka_unit_test(f64_random_patterns_agree_with_hardware),
        cmocka_unit_test(integers_convert_as_in_hardware),
        cmocka_unit_test(every_nan_operand_gives_the_canonical_nan),
    };
    if (getenv("SEED") != NULL) {
        seed = strtoull(getenv("SEED"), NULL, 0) | 1;
    }
    if (getenv("COUNT") != NULL) {
        rounds = (unsigned)strtoul(getenv("COUNT"), NULL, 0);
    }
    printf("SEED=%llu COUNT=%u\n", (unsigned long long)seed, rounds);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
