/* SPDX-License-Identifier: AGPL-3.0-only */
/* A finite operand is taken apart into sign, biased exponent and significand, with the leading one
 * at bit 23 (f32) or 52 (f64); an exact or jammed result goes to pack32 or pack64, which alone
 * round. Jammed means: bits shifted out to the right are remembered as a one in the lowest bit,
 * enough to tell below, at and above a tie.
 *
 * Read pack32 and f32 addition; f64 is the same with wider words. What is rare or cheap to widen
 * (rounding to an integer, conversions) exists once, for f64: each f32 is an f64 exactly. */
#include "softfloat.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define SIGN32 UINT32_C(0x80000000)
#define INF32  UINT32_C(0x7f800000)
#define SIGN64 (UINT64_C(1) << 63)
#define INF64  UINT64_C(0x7ff0000000000000)

static bool is_nan32(uint32_t a)
{
    return wb_f32_abs(a) > INF32;
}

static bool is_nan64(uint64_t a)
{
    return wb_f64_abs(a) > INF64;
}

/* Leading zeros; 32 for 0. */
static int leading_zeros32(uint32_t x)
{
    int count = 32;
    for (int step = 16; step > 0; step >>= 1) {
        if (x >> step != 0) {
            x >>= step;
            count -= step;
        }
    }
    return count - (int)x;
}

static int leading_zeros64(uint64_t x)
{
    uint32_t high = (uint32_t)(x >> 32);
    return high != 0 ? leading_zeros32(high) : 32 + leading_zeros32((uint32_t)x);
}

static uint32_t shift_jam32(uint32_t x, int count)
{
    if (count > 31) {
        return x != 0;
    }
    uint32_t result = x >> count;
    return result | (result << count != x);
}

/* 64-bit shifts by a variable are calls on a 32-bit machine, so this works on words. */
static uint64_t shift_jam64(uint64_t x, int count)
{
    uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x, lost = 0;
    if (count >= 32) {
        lost = low;
        low = high;
        high = 0;
        count -= 32;
    }
    if (count >= 32) {
        return x != 0;
    }
    if (count > 0) {
        lost |= low << (32 - count);
        low = low >> count | high << (32 - count);
        high >>= count;
    }
    return (uint64_t)high << 32 | low | (lost != 0);
}

/* ---- f32 ---------------------------------------------------------------------------------- */

/* The value of significand * 2^(exponent - 127 - 30), rounded. The significand is below 2^31. */
static uint32_t pack32(uint32_t sign, int exponent, uint32_t significand)
{
    if (significand >> 30 == 0) {
        if (significand == 0) {
            return sign;
        }
        int shift = significand >> 29 != 0 ? 1 : leading_zeros32(significand) - 1;
        significand <<= shift;
        exponent -= shift;
    }
    if ((unsigned)exponent - 1 >= 254) {
        if (exponent >= 255) {
            return sign | INF32;
        }
        /* subnormal: as with exponent 1, but without a leading one */
        significand = shift_jam32(significand, 1 - exponent);
        exponent = 1;
    }
    significand += 63 + (significand >> 7 & 1); /* to nearest, ties to even */
    /* The leading one adds 1 to the exponent field, a carry of the rounding another, up to
     * infinity. */
    return sign | (((uint32_t)(exponent - 1) << 23) + (significand >> 7));
}

/* Significand with the leading one at bit 23, and the exponent that belongs to it, for finite a !=
 * 0. */
static ALWAYS_INLINE uint32_t unpack32(uint32_t a, int *exponent)
{
    uint32_t fraction = a & 0x007fffff;
    *exponent = (int)(a >> 23 & 0xff);
    if (*exponent == 0) { /* subnormal */
        int shift = leading_zeros32(fraction) - 8;
        *exponent = 1 - shift;
        return fraction << shift;
    }
    return fraction | 0x00800000;
}

uint32_t wb_f32_add(uint32_t a, uint32_t b)
{
    if (wb_f32_abs(a) < wb_f32_abs(b)) { /* a NaN is larger than all else */
        uint32_t t = a;
        a = b;
        b = t;
    }
    const bool differ = ((a ^ b) & SIGN32) != 0;
    if (wb_f32_abs(a) >= INF32) {
        return is_nan32(a) || (differ && wb_f32_abs(b) == INF32) ? WB_F32_NAN : a;
    }
    if (wb_f32_abs(b) == 0) { /* a + 0, but 0 - 0 = +0 */
        return wb_f32_abs(a) == 0 && differ ? 0 : a;
    }
    int ea, eb;
    uint32_t x = unpack32(a, &ea) << 6;
    uint32_t y = unpack32(b, &eb) << 6;
    y = shift_jam32(y, ea - eb);
    if (!differ) {
        return pack32(a & SIGN32, ea + 1, x + y);
    }
    return x == y ? 0 : pack32(a & SIGN32, ea + 1, x - y);
}

uint32_t wb_f32_sub(uint32_t a, uint32_t b)
{
    return wb_f32_add(a, b ^ SIGN32);
}

uint32_t wb_f32_mul(uint32_t a, uint32_t b)
{
    const uint32_t sign = (a ^ b) & SIGN32;
    a = wb_f32_abs(a);
    b = wb_f32_abs(b);
    if (a >= INF32 || b >= INF32) {
        return a > INF32 || b > INF32 || a == 0 || b == 0 ? WB_F32_NAN : sign | INF32;
    }
    if (a == 0 || b == 0) {
        return sign;
    }
    int ea, eb;
    uint64_t product = (uint64_t)(unpack32(a, &ea) << 8) * (unpack32(b, &eb) << 7);
    return pack32(sign, ea + eb - 126, (uint32_t)(product >> 32) | ((uint32_t)product != 0));
}

uint32_t wb_f32_div(uint32_t a, uint32_t b)
{
    const uint32_t sign = (a ^ b) & SIGN32;
    a = wb_f32_abs(a);
    b = wb_f32_abs(b);
    if (a > INF32 || b > INF32 || (a == b && (a == 0 || a == INF32))) {
        return WB_F32_NAN;
    }
    if (a == INF32 || b == 0) {
        return sign | INF32;
    }
    if (a == 0 || b == INF32) {
        return sign;
    }
    int ea, eb;
    uint32_t x = unpack32(a, &ea), y = unpack32(b, &eb);
    if (x < y) {
        x <<= 1;
        ea--;
    }
    /* The quotient lies in [1, 2): its one, and three digits of 8 bits; what remains is below y <
     * 2^24. */
    uint32_t quotient = 1;
    uint32_t rest = x - y;
    for (unsigned i = 0; i < 3; i++) {
        rest <<= 8;
        uint32_t digit = rest / y;
        rest -= digit * y;
        quotient = quotient << 8 | digit;
    }
    return pack32(sign, ea - eb + 127, quotient << 6 | (rest != 0));
}

uint32_t wb_f32_sqrt(uint32_t a)
{
    if (wb_f32_abs(a) == 0 || a == INF32) {
        return a;
    }
    if (a > INF32) { /* negative or NaN */
        return WB_F32_NAN;
    }
    int exponent;
    uint32_t rest = unpack32(a, &exponent) << 1;
    if ((exponent & 1) == 0) { /* make the true exponent even; the biased one is odd then */
        rest <<= 1;
        exponent--;
    }
    /* Bit by bit: root^2 + rest stays the operand. 25 bits, the last one for rounding. */
    uint32_t root = 0, twice = 0;
    for (uint32_t bit = UINT32_C(1) << 24; bit != 0; bit >>= 1) {
        if (twice + bit <= rest) {
            rest -= twice + bit;
            twice += 2 * bit;
            root += bit;
        }
        rest <<= 1;
    }
    return pack32(0, (exponent + 127) / 2, root << 6 | (rest != 0));
}

bool wb_f32_eq(uint32_t a, uint32_t b)
{
    return !is_nan32(a) && !is_nan32(b) && (a == b || wb_f32_abs(a | b) == 0);
}

/* The order of floating-point numbers as the order of integers; both zeros are 0. */
static int32_t order32(uint32_t a)
{
    return (a & SIGN32) != 0 ? -(int32_t)wb_f32_abs(a) : (int32_t)a;
}

bool wb_f32_lt(uint32_t a, uint32_t b)
{
    return !is_nan32(a) && !is_nan32(b) && order32(a) < order32(b);
}

bool wb_f32_le(uint32_t a, uint32_t b)
{
    return !is_nan32(a) && !is_nan32(b) && order32(a) <= order32(b);
}

uint32_t wb_f32_min(uint32_t a, uint32_t b)
{
    if (is_nan32(a) || is_nan32(b)) {
        return WB_F32_NAN;
    }
    if (wb_f32_abs(a | b) == 0) { /* -0 if either is */
        return a | b;
    }
    return order32(a) < order32(b) ? a : b;
}

uint32_t wb_f32_max(uint32_t a, uint32_t b)
{
    if (is_nan32(a) || is_nan32(b)) {
        return WB_F32_NAN;
    }
    if (wb_f32_abs(a | b) == 0) {
        return a & b;
    }
    return order32(a) < order32(b) ? b : a;
}

/* ---- f64 ---------------------------------------------------------------------------------- */

/* The value of significand * 2^(exponent - 1023 - 62), rounded. The significand is below 2^63. */
static uint64_t pack64(uint64_t sign, int exponent, uint64_t significand)
{
    if (significand >> 62 == 0) {
        if (significand == 0) {
            return sign;
        }
        if (significand >> 61 != 0) {
            significand <<= 1;
            exponent--;
        } else {
            int shift = leading_zeros64(significand) - 1;
            significand <<= shift;
            exponent -= shift;
        }
    }
    if ((unsigned)exponent - 1 >= 2046) {
        if (exponent >= 2047) {
            return sign | INF64;
        }
        significand = shift_jam64(significand, 1 - exponent);
        exponent = 1;
    }
    significand += 511 + (significand >> 10 & 1);
    return sign | (((uint64_t)(exponent - 1) << 52) + (significand >> 10));
}

static ALWAYS_INLINE uint64_t unpack64(uint64_t a, int *exponent)
{
    uint64_t fraction = a & UINT64_C(0x000fffffffffffff);
    *exponent = (int)(a >> 52 & 0x7ff);
    if (*exponent == 0) {
        int shift = leading_zeros64(fraction) - 11;
        *exponent = 1 - shift;
        return fraction << shift;
    }
    return fraction | UINT64_C(0x0010000000000000);
}

uint64_t wb_f64_add(uint64_t a, uint64_t b)
{
    if (wb_f64_abs(a) < wb_f64_abs(b)) { /* a NaN is larger than all else */
        uint64_t t = a;
        a = b;
        b = t;
    }
    const bool differ = ((a ^ b) & SIGN64) != 0;
    if (wb_f64_abs(a) >= INF64) {
        return is_nan64(a) || (differ && wb_f64_abs(b) == INF64) ? WB_F64_NAN : a;
    }
    if (wb_f64_abs(b) == 0) {
        return wb_f64_abs(a) == 0 && differ ? 0 : a;
    }
    int ea, eb;
    uint64_t x = unpack64(a, &ea) << 9;
    uint64_t y = unpack64(b, &eb) << 9;
    y = shift_jam64(y, ea - eb);
    if (!differ) {
        return pack64(a & SIGN64, ea + 1, x + y);
    }
    return x == y ? 0 : pack64(a & SIGN64, ea + 1, x - y);
}

uint64_t wb_f64_sub(uint64_t a, uint64_t b)
{
    return wb_f64_add(a, b ^ SIGN64);
}

/* The upper half of a product of 64-bit numbers, jammed. */
static uint64_t multiply_jam(uint64_t a, uint64_t b)
{
    const uint32_t a0 = (uint32_t)a, a1 = (uint32_t)(a >> 32);
    const uint32_t b0 = (uint32_t)b, b1 = (uint32_t)(b >> 32);
    uint64_t low = (uint64_t)a0 * b0;
    uint64_t middle = (uint64_t)a1 * b0 + (low >> 32);
    uint64_t other = (uint64_t)a0 * b1 + (uint32_t)middle;
    uint64_t high = (uint64_t)a1 * b1 + (middle >> 32) + (other >> 32);
    return high | (((uint32_t)low | (uint32_t)other) != 0);
}

uint64_t wb_f64_mul(uint64_t a, uint64_t b)
{
    const uint64_t sign = (a ^ b) & SIGN64;
    a = wb_f64_abs(a);
    b = wb_f64_abs(b);
    if (a >= INF64 || b >= INF64) {
        return a > INF64 || b > INF64 || a == 0 || b == 0 ? WB_F64_NAN : sign | INF64;
    }
    if (a == 0 || b == 0) {
        return sign;
    }
    int ea, eb;
    uint64_t x = unpack64(a, &ea) << 11;
    uint64_t y = unpack64(b, &eb) << 10;
    return pack64(sign, ea + eb - 1022, multiply_jam(x, y));
}

uint64_t wb_f64_div(uint64_t a, uint64_t b)
{
    const uint64_t sign = (a ^ b) & SIGN64;
    a = wb_f64_abs(a);
    b = wb_f64_abs(b);
    if (a > INF64 || b > INF64 || (a == b && (a == 0 || a == INF64))) {
        return WB_F64_NAN;
    }
    if (a == INF64 || b == 0) {
        return sign | INF64;
    }
    if (a == 0 || b == INF64) {
        return sign;
    }
    int ea, eb;
    uint64_t rest = unpack64(a, &ea), y = unpack64(b, &eb);
    if (rest < y) {
        rest <<= 1;
        ea--;
    }
    /* Four digits of 14 bits, from divisions of 32 by 17 bits: by y's upper 16 bits and one, so
     * that a digit is never too large, and too small by at most 3.01: 2^16 * 2^-15 for the divisor,
     * 1 for rounding down. So rest stays below 4 y < 2^55, its upper bits fit in a word, and only
     * the last digit needs correction. What wraps around in rest << 14 is taken away again by digit
     * * y. */
    const uint32_t divisor = (uint32_t)(y >> 37) + 1;
    uint64_t quotient = 0;
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t digit = (uint32_t)(rest >> 23) / divisor;
        rest = (rest << 14) - digit * y;
        quotient = (quotient << 14) + digit;
    }
    while (rest >= y) {
        rest -= y;
        quotient++;
    }
    return pack64(sign, ea - eb + 1023, quotient << 6 | (rest != 0));
}

uint64_t wb_f64_sqrt(uint64_t a)
{
    if (wb_f64_abs(a) == 0 || a == INF64) {
        return a;
    }
    if (a > INF64) {
        return WB_F64_NAN;
    }
    int exponent;
    uint64_t rest = unpack64(a, &exponent) << 1;
    if ((exponent & 1) == 0) {
        rest <<= 1;
        exponent--;
    }
    uint64_t root = 0, twice = 0;
    for (uint64_t bit = UINT64_C(1) << 53; bit != 0; bit >>= 1) {
        if (twice + bit <= rest) {
            rest -= twice + bit;
            twice += 2 * bit;
            root += bit;
        }
        rest <<= 1;
    }
    return pack64(0, (exponent + 1023) / 2, root << 9 | (rest != 0));
}

bool wb_f64_eq(uint64_t a, uint64_t b)
{
    return !is_nan64(a) && !is_nan64(b) && (a == b || wb_f64_abs(a | b) == 0);
}

static int64_t order64(uint64_t a)
{
    return (a & SIGN64) != 0 ? -(int64_t)wb_f64_abs(a) : (int64_t)a;
}

bool wb_f64_lt(uint64_t a, uint64_t b)
{
    return !is_nan64(a) && !is_nan64(b) && order64(a) < order64(b);
}

bool wb_f64_le(uint64_t a, uint64_t b)
{
    return !is_nan64(a) && !is_nan64(b) && order64(a) <= order64(b);
}

uint64_t wb_f64_min(uint64_t a, uint64_t b)
{
    if (is_nan64(a) || is_nan64(b)) {
        return WB_F64_NAN;
    }
    if (wb_f64_abs(a | b) == 0) {
        return a | b;
    }
    return order64(a) < order64(b) ? a : b;
}

uint64_t wb_f64_max(uint64_t a, uint64_t b)
{
    if (is_nan64(a) || is_nan64(b)) {
        return WB_F64_NAN;
    }
    if (wb_f64_abs(a | b) == 0) {
        return a & b;
    }
    return order64(a) < order64(b) ? b : a;
}

/* ---- rounding to an integer --------------------------------------------------------------- */

enum rounding {
    ROUND_TRUNC,
    ROUND_FLOOR,
    ROUND_CEIL,
    ROUND_NEAREST,
};

#define ONE64  UINT64_C(0x3ff0000000000000)
#define HALF64 UINT64_C(0x3fe0000000000000)

static uint64_t round64(uint64_t a, enum rounding rounding)
{
    const uint64_t sign = a & SIGN64;
    const uint64_t magnitude = wb_f64_abs(a);
    const int exponent = (int)(magnitude >> 52) - 1023;
    if (magnitude > INF64) {
        return WB_F64_NAN;
    }
    if (exponent >= 52 || magnitude == 0) {
        return a;
    }
    const bool away =
        (rounding == ROUND_FLOOR && sign != 0) || (rounding == ROUND_CEIL && sign == 0);
    if (exponent < 0) { /* between 0 and 1 */
        const bool up = away || (rounding == ROUND_NEAREST && magnitude > HALF64);
        return sign | (up ? ONE64 : 0);
    }
    /* A carry out of the fraction raises the exponent, which is right. */
    const uint64_t unit = UINT64_C(1) << (52 - exponent);
    uint64_t add = away ? unit - 1 : 0;
    if (rounding == ROUND_NEAREST) { /* the exponent's low bit is the leading one for 1 <= a < 2 */
        add = (unit >> 1) - 1 + ((magnitude & unit) != 0);
    }
    return sign | ((magnitude + add) & ~(unit - 1));
}

uint64_t wb_f64_trunc(uint64_t a)
{
    return round64(a, ROUND_TRUNC);
}

uint64_t wb_f64_floor(uint64_t a)
{
    return round64(a, ROUND_FLOOR);
}

uint64_t wb_f64_ceil(uint64_t a)
{
    return round64(a, ROUND_CEIL);
}

uint64_t wb_f64_nearest(uint64_t a)
{
    return round64(a, ROUND_NEAREST);
}

static uint32_t round32(uint32_t a, enum rounding rounding)
{
    return wb_f32_demote_f64(round64(wb_f64_promote_f32(a), rounding));
}

uint32_t wb_f32_trunc(uint32_t a)
{
    return round32(a, ROUND_TRUNC);
}

uint32_t wb_f32_floor(uint32_t a)
{
    return round32(a, ROUND_FLOOR);
}

uint32_t wb_f32_ceil(uint32_t a)
{
    return round32(a, ROUND_CEIL);
}

uint32_t wb_f32_nearest(uint32_t a)
{
    return round32(a, ROUND_NEAREST);
}

/* ---- conversions -------------------------------------------------------------------------- */

uint64_t wb_f64_promote_f32(uint32_t a)
{
    const uint64_t sign = (uint64_t)(a & SIGN32) << 32;
    const uint32_t magnitude = wb_f32_abs(a);
    if (magnitude > INF32) {
        return WB_F64_NAN;
    }
    if (magnitude == INF32) {
        return sign | INF64;
    }
    if (magnitude == 0) {
        return sign;
    }
    int exponent;
    uint32_t significand = unpack32(magnitude, &exponent);
    return sign | (((uint64_t)(exponent - 127 + 1023 - 1) << 52) + ((uint64_t)significand << 29));
}

uint32_t wb_f32_demote_f64(uint64_t a)
{
    const uint32_t sign = (uint32_t)(a >> 32) & SIGN32;
    const uint64_t magnitude = wb_f64_abs(a);
    if (magnitude > INF64) {
        return WB_F32_NAN;
    }
    if (magnitude == INF64) {
        return sign | INF32;
    }
    if (magnitude == 0) {
        return sign;
    }
    int exponent;
    uint64_t significand = unpack64(magnitude, &exponent);
    return pack32(sign, exponent - 1023 + 127, (uint32_t)shift_jam64(significand, 22));
}

/* Truncates to an integer between -below and above, saturating there. Two's complement. */
static enum wb_float_outcome to_integer(uint64_t a, uint64_t below, uint64_t above, uint64_t *out)
{
    const bool negative = (a & SIGN64) != 0;
    const uint64_t limit = negative ? below : above;
    a = wb_f64_abs(a);
    *out = 0;
    if (a > INF64) {
        return WB_FLOAT_NAN;
    }
    if (a < ONE64) {
        return WB_FLOAT_OK;
    }
    enum wb_float_outcome outcome = WB_FLOAT_OK;
    int exponent;
    uint64_t magnitude = unpack64(a, &exponent);
    exponent -= 1023 + 52;
    if (exponent > 11) { /* 2^64 or more */
        outcome = WB_FLOAT_OVERFLOW;
    } else {
        magnitude = exponent < 0 ? magnitude >> -exponent : magnitude << exponent;
        if (magnitude > limit) {
            outcome = WB_FLOAT_OVERFLOW;
        }
    }
    magnitude = outcome == WB_FLOAT_OK ? magnitude : limit;
    *out = negative ? 0 - magnitude : magnitude;
    return outcome;
}

enum wb_float_outcome wb_f64_to_i32_s(uint64_t a, uint32_t *out)
{
    uint64_t wide;
    enum wb_float_outcome outcome = to_integer(a, UINT64_C(0x80000000), INT32_MAX, &wide);
    *out = (uint32_t)wide;
    return outcome;
}

enum wb_float_outcome wb_f64_to_i32_u(uint64_t a, uint32_t *out)
{
    uint64_t wide;
    enum wb_float_outcome outcome = to_integer(a, 0, UINT32_MAX, &wide);
    *out = (uint32_t)wide;
    return outcome;
}

enum wb_float_outcome wb_f64_to_i64_s(uint64_t a, uint64_t *out)
{
    return to_integer(a, SIGN64, INT64_MAX, out);
}

enum wb_float_outcome wb_f64_to_i64_u(uint64_t a, uint64_t *out)
{
    return to_integer(a, 0, UINT64_MAX, out);
}

enum wb_float_outcome wb_f32_to_i32_s(uint32_t a, uint32_t *out)
{
    return wb_f64_to_i32_s(wb_f64_promote_f32(a), out);
}

enum wb_float_outcome wb_f32_to_i32_u(uint32_t a, uint32_t *out)
{
    return wb_f64_to_i32_u(wb_f64_promote_f32(a), out);
}

enum wb_float_outcome wb_f32_to_i64_s(uint32_t a, uint64_t *out)
{
    return wb_f64_to_i64_s(wb_f64_promote_f32(a), out);
}

enum wb_float_outcome wb_f32_to_i64_u(uint32_t a, uint64_t *out)
{
    return wb_f64_to_i64_u(wb_f64_promote_f32(a), out);
}

uint64_t wb_f64_from_i64_u(uint64_t a)
{
    const int shift = (int)(a >> 63); /* leaves 63 bits */
    return pack64(0, 1023 + 62 + shift, shift_jam64(a, shift));
}

uint64_t wb_f64_from_i64_s(uint64_t a)
{
    return (a & SIGN64) != 0 ? SIGN64 | wb_f64_from_i64_u(0 - a) : wb_f64_from_i64_u(a);
}

uint64_t wb_f64_from_i32_u(uint32_t a)
{
    return wb_f64_from_i64_u(a);
}

uint64_t wb_f64_from_i32_s(uint32_t a)
{
    return (a & SIGN32) != 0 ? SIGN64 | wb_f64_from_i64_u(0 - a) : wb_f64_from_i64_u(a);
}

uint32_t wb_f32_from_i64_u(uint64_t a)
{
    int shift = a == 0 ? 0 : 33 - leading_zeros64(a); /* leaves 31 bits */
    shift = shift < 0 ? 0 : shift;
    return pack32(0, 127 + 30 + shift, (uint32_t)shift_jam64(a, shift));
}

uint32_t wb_f32_from_i64_s(uint64_t a)
{
    return (a & SIGN64) != 0 ? SIGN32 | wb_f32_from_i64_u(0 - a) : wb_f32_from_i64_u(a);
}

uint32_t wb_f32_from_i32_u(uint32_t a)
{
    const int shift = (int)(a >> 31);
    return pack32(0, 127 + 30 + shift, shift_jam32(a, shift));
}

uint32_t wb_f32_from_i32_s(uint32_t a)
{
    return (a & SIGN32) != 0 ? SIGN32 | wb_f32_from_i32_u(0 - a) : wb_f32_from_i32_u(a);
}
