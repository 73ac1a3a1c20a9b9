/* SPDX-License-Identifier: AGPL-3.0-only */
/* softfloat.h by the processor's own floating point: for hosts. NaN results are made canonical, as
 * softfloat.c's are, so that every board computes the same. Rounding to integers works on the bits:
 * C's functions would need libm. */
#include "softfloat.h"

#include <string.h>

static float f32(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

static double f64(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

static uint32_t bits32(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    return v != v ? WB_F32_NAN : bits;
}

static uint64_t bits64(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return v != v ? WB_F64_NAN : bits;
}

enum rounding { CEIL, FLOOR, TRUNC, NEAREST };

/* Rounds a number of mantissa bits (23 or 52) whose pattern is in 64 bits. */
static uint64_t round_bits(uint64_t a, unsigned mantissa, unsigned exponent_bits, enum rounding how)
{
    uint64_t sign = a >> (mantissa + exponent_bits) & 1;
    uint64_t sign_bit = sign << (mantissa + exponent_bits);
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (int)(a >> mantissa & ((1u << exponent_bits) - 1)) - bias;
    uint64_t one = (uint64_t)bias << mantissa;
    uint64_t magnitude = a ^ sign_bit;
    if (exponent >= (int)mantissa || magnitude == 0) {
        return a;
    }
    bool away = how == (sign != 0 ? FLOOR : CEIL);
    if (exponent < 0) {
        uint64_t half = one - ((uint64_t)1 << mantissa);
        bool up = away || (how == NEAREST && magnitude > half);
        return sign_bit | (up ? one : 0);
    }
    uint64_t unit = (uint64_t)1 << (mantissa - (unsigned)exponent);
    uint64_t fraction = magnitude & (unit - 1);
    magnitude -= fraction;
    /* The unit's bit tells an odd integer, also for 1.5, where it is the exponent's lowest (the
     * bias is odd). */
    bool tie_up = fraction == unit / 2 && (magnitude & unit) != 0;
    bool up = away ? fraction != 0 : how == NEAREST && (fraction > unit / 2 || tie_up);
    return sign_bit | (up ? magnitude + unit : magnitude);
}

static uint32_t round32(uint32_t a, enum rounding how)
{
    return f32(a) != f32(a) ? WB_F32_NAN : (uint32_t)round_bits(a, 23, 8, how);
}

static uint64_t round64(uint64_t a, enum rounding how)
{
    return f64(a) != f64(a) ? WB_F64_NAN : round_bits(a, 52, 11, how);
}

#define FLOAT_FUNCTIONS(name, word, sqrt_builtin, sign_bit)                                        \
    word wb_##name##_add(word a, word b)                                                           \
    {                                                                                              \
        return TO(name(a) + name(b));                                                              \
    }                                                                                              \
    word wb_##name##_sub(word a, word b)                                                           \
    {                                                                                              \
        return TO(name(a) - name(b));                                                              \
    }                                                                                              \
    word wb_##name##_mul(word a, word b)                                                           \
    {                                                                                              \
        return TO(name(a) * name(b));                                                              \
    }                                                                                              \
    word wb_##name##_div(word a, word b)                                                           \
    {                                                                                              \
        return TO(name(a) / name(b));                                                              \
    }                                                                                              \
    word wb_##name##_sqrt(word a)                                                                  \
    {                                                                                              \
        return TO(sqrt_builtin(name(a)));                                                          \
    }                                                                                              \
    word wb_##name##_min(word a, word b)                                                           \
    {                                                                                              \
        if (name(a) != name(a) || name(b) != name(b)) {                                            \
            return NOT_A_NUMBER;                                                                   \
        }                                                                                          \
        return name(a) == name(b) ? (a | b) : name(a) < name(b) ? a : b;                           \
    }                                                                                              \
    word wb_##name##_max(word a, word b)                                                           \
    {                                                                                              \
        if (name(a) != name(a) || name(b) != name(b)) {                                            \
            return NOT_A_NUMBER;                                                                   \
        }                                                                                          \
        return name(a) == name(b) ? (a & b) : name(a) > name(b) ? a : b;                           \
    }                                                                                              \
    bool wb_##name##_eq(word a, word b)                                                            \
    {                                                                                              \
        return name(a) == name(b);                                                                 \
    }                                                                                              \
    bool wb_##name##_lt(word a, word b)                                                            \
    {                                                                                              \
        return name(a) < name(b);                                                                  \
    }                                                                                              \
    bool wb_##name##_le(word a, word b)                                                            \
    {                                                                                              \
        return name(a) <= name(b);                                                                 \
    }

#define TO           bits32
#define NOT_A_NUMBER WB_F32_NAN
FLOAT_FUNCTIONS(f32, uint32_t, __builtin_sqrtf, 31)
#undef TO
#undef NOT_A_NUMBER
#define TO           bits64
#define NOT_A_NUMBER WB_F64_NAN
FLOAT_FUNCTIONS(f64, uint64_t, __builtin_sqrt, 63)

uint32_t wb_f32_ceil(uint32_t a)
{
    return round32(a, CEIL);
}

uint32_t wb_f32_floor(uint32_t a)
{
    return round32(a, FLOOR);
}

uint32_t wb_f32_trunc(uint32_t a)
{
    return round32(a, TRUNC);
}

uint32_t wb_f32_nearest(uint32_t a)
{
    return round32(a, NEAREST);
}

uint64_t wb_f64_ceil(uint64_t a)
{
    return round64(a, CEIL);
}

uint64_t wb_f64_floor(uint64_t a)
{
    return round64(a, FLOOR);
}

uint64_t wb_f64_trunc(uint64_t a)
{
    return round64(a, TRUNC);
}

uint64_t wb_f64_nearest(uint64_t a)
{
    return round64(a, NEAREST);
}

/* Truncates toward zero; low and high are the exclusive bounds. An f32 is an f64 exactly, and so
 * are the bounds. */
static enum wb_float_outcome to_integer(double v, double low, double high, bool low_inclusive,
                                        uint64_t min, uint64_t max, uint64_t *out)
{
    if (v != v) {
        *out = 0;
        return WB_FLOAT_NAN;
    }
    if (v >= high) {
        *out = max;
        return WB_FLOAT_OVERFLOW;
    }
    if (low_inclusive ? v < low : v <= low) {
        *out = min;
        return WB_FLOAT_OVERFLOW;
    }
    *out = v < 0                        ? (uint64_t)(int64_t)v
           : v >= 9223372036854775808.0 ? (uint64_t)v
                                        : (uint64_t)(int64_t)v;
    return WB_FLOAT_OK;
}

static enum wb_float_outcome to_i32(double v, bool is_signed, uint32_t *out)
{
    uint64_t wide;
    enum wb_float_outcome outcome =
        is_signed
            ? to_integer(v, -2147483649.0, 2147483648.0, false, 0x80000000u, 0x7fffffffu, &wide)
            : to_integer(v, -1.0, 4294967296.0, false, 0, UINT32_MAX, &wide);
    *out = (uint32_t)wide;
    return outcome;
}

static enum wb_float_outcome to_i64(double v, bool is_signed, uint64_t *out)
{
    return is_signed ? to_integer(v, -9223372036854775808.0, 9223372036854775808.0, true,
                                  (uint64_t)1 << 63, INT64_MAX, out)
                     : to_integer(v, -1.0, 18446744073709551616.0, false, 0, UINT64_MAX, out);
}

enum wb_float_outcome wb_f32_to_i32_s(uint32_t a, uint32_t *out)
{
    return to_i32(f32(a), true, out);
}

enum wb_float_outcome wb_f32_to_i32_u(uint32_t a, uint32_t *out)
{
    return to_i32(f32(a), false, out);
}

enum wb_float_outcome wb_f32_to_i64_s(uint32_t a, uint64_t *out)
{
    return to_i64(f32(a), true, out);
}

enum wb_float_outcome wb_f32_to_i64_u(uint32_t a, uint64_t *out)
{
    return to_i64(f32(a), false, out);
}

enum wb_float_outcome wb_f64_to_i32_s(uint64_t a, uint32_t *out)
{
    return to_i32(f64(a), true, out);
}

enum wb_float_outcome wb_f64_to_i32_u(uint64_t a, uint32_t *out)
{
    return to_i32(f64(a), false, out);
}

enum wb_float_outcome wb_f64_to_i64_s(uint64_t a, uint64_t *out)
{
    return to_i64(f64(a), true, out);
}

enum wb_float_outcome wb_f64_to_i64_u(uint64_t a, uint64_t *out)
{
    return to_i64(f64(a), false, out);
}

uint32_t wb_f32_from_i32_s(uint32_t a)
{
    return bits32((float)(int32_t)a);
}

uint32_t wb_f32_from_i32_u(uint32_t a)
{
    return bits32((float)a);
}

uint32_t wb_f32_from_i64_s(uint64_t a)
{
    return bits32((float)(int64_t)a);
}

uint32_t wb_f32_from_i64_u(uint64_t a)
{
    return bits32((float)a);
}

uint64_t wb_f64_from_i32_s(uint32_t a)
{
    return bits64((int32_t)a);
}

uint64_t wb_f64_from_i32_u(uint32_t a)
{
    return bits64(a);
}

uint64_t wb_f64_from_i64_s(uint64_t a)
{
    return bits64((double)(int64_t)a);
}

uint64_t wb_f64_from_i64_u(uint64_t a)
{
    return bits64((double)a);
}

uint64_t wb_f64_promote_f32(uint32_t a)
{
    return bits64(f32(a));
}

uint32_t wb_f32_demote_f64(uint64_t a)
{
    return bits32((float)f64(a));
}
