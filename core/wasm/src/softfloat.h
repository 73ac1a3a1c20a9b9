/* SPDX-License-Identifier: AGPL-3.0-only */
/* softfloat.h: binary32 and binary64 arithmetic with integers only, as WebAssembly defines it.
 * Shape    pure functions on bit patterns: uint32_t is an f32, uint64_t an f64
 * Rounding to nearest, ties to even; subnormals are exact; there are no flags
 * NaN      every NaN result is the canonical one, positive: 0x7fc00000, 0x7ff8000000000000. abs,
 * neg and copysign only touch the sign bit, as the specification demands Source   WebAssembly core
 * specification §4.3.3; IEEE 754-2019
 */
#ifndef WB_WASM_SOFTFLOAT_H
#define WB_WASM_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

#define WB_F32_NAN UINT32_C(0x7fc00000)
#define WB_F64_NAN UINT64_C(0x7ff8000000000000)

/* ---- f32 ---------------------------------------------------------------------------------- */

uint32_t wb_f32_add(uint32_t a, uint32_t b);
uint32_t wb_f32_sub(uint32_t a, uint32_t b);
uint32_t wb_f32_mul(uint32_t a, uint32_t b);
uint32_t wb_f32_div(uint32_t a, uint32_t b);
uint32_t wb_f32_sqrt(uint32_t a);
uint32_t wb_f32_min(uint32_t a, uint32_t b); /* NaN when either is NaN; -0 is less than +0 */
uint32_t wb_f32_max(uint32_t a, uint32_t b);
uint32_t wb_f32_ceil(uint32_t a);
uint32_t wb_f32_floor(uint32_t a);
uint32_t wb_f32_trunc(uint32_t a);
uint32_t wb_f32_nearest(uint32_t a);
bool wb_f32_eq(uint32_t a, uint32_t b);
bool wb_f32_lt(uint32_t a, uint32_t b);
bool wb_f32_le(uint32_t a, uint32_t b);

static inline bool wb_f32_ne(uint32_t a, uint32_t b)
{
    return !wb_f32_eq(a, b);
}

static inline bool wb_f32_gt(uint32_t a, uint32_t b)
{
    return wb_f32_lt(b, a);
}

static inline bool wb_f32_ge(uint32_t a, uint32_t b)
{
    return wb_f32_le(b, a);
}

static inline uint32_t wb_f32_abs(uint32_t a)
{
    return a & UINT32_C(0x7fffffff);
}

static inline uint32_t wb_f32_neg(uint32_t a)
{
    return a ^ UINT32_C(0x80000000);
}

static inline uint32_t wb_f32_copysign(uint32_t a, uint32_t sign)
{
    return (a & UINT32_C(0x7fffffff)) | (sign & UINT32_C(0x80000000));
}

/* ---- f64 ---------------------------------------------------------------------------------- */

uint64_t wb_f64_add(uint64_t a, uint64_t b);
uint64_t wb_f64_sub(uint64_t a, uint64_t b);
uint64_t wb_f64_mul(uint64_t a, uint64_t b);
uint64_t wb_f64_div(uint64_t a, uint64_t b);
uint64_t wb_f64_sqrt(uint64_t a);
uint64_t wb_f64_min(uint64_t a, uint64_t b);
uint64_t wb_f64_max(uint64_t a, uint64_t b);
uint64_t wb_f64_ceil(uint64_t a);
uint64_t wb_f64_floor(uint64_t a);
uint64_t wb_f64_trunc(uint64_t a);
uint64_t wb_f64_nearest(uint64_t a);
bool wb_f64_eq(uint64_t a, uint64_t b);
bool wb_f64_lt(uint64_t a, uint64_t b);
bool wb_f64_le(uint64_t a, uint64_t b);

static inline bool wb_f64_ne(uint64_t a, uint64_t b)
{
    return !wb_f64_eq(a, b);
}

static inline bool wb_f64_gt(uint64_t a, uint64_t b)
{
    return wb_f64_lt(b, a);
}

static inline bool wb_f64_ge(uint64_t a, uint64_t b)
{
    return wb_f64_le(b, a);
}

static inline uint64_t wb_f64_abs(uint64_t a)
{
    return a & ~(UINT64_C(1) << 63);
}

static inline uint64_t wb_f64_neg(uint64_t a)
{
    return a ^ UINT64_C(1) << 63;
}

static inline uint64_t wb_f64_copysign(uint64_t a, uint64_t sign)
{
    return wb_f64_abs(a) | (sign & UINT64_C(1) << 63);
}

/* ---- conversions -------------------------------------------------------------------------- */

/* What a truncation to an integer met. *out always holds the saturated result (i32.trunc_sat_f32_s
 * and so on: 0 for NaN); the trapping instructions trap unless the outcome is WB_FLOAT_OK. */
enum wb_float_outcome {
    WB_FLOAT_OK,
    WB_FLOAT_OVERFLOW, /* "integer overflow" */
    WB_FLOAT_NAN,      /* "invalid conversion to integer" */
};

/* Signed results are two's complement. */
enum wb_float_outcome wb_f32_to_i32_s(uint32_t a, uint32_t *out);
enum wb_float_outcome wb_f32_to_i32_u(uint32_t a, uint32_t *out);
enum wb_float_outcome wb_f32_to_i64_s(uint32_t a, uint64_t *out);
enum wb_float_outcome wb_f32_to_i64_u(uint32_t a, uint64_t *out);
enum wb_float_outcome wb_f64_to_i32_s(uint64_t a, uint32_t *out);
enum wb_float_outcome wb_f64_to_i32_u(uint64_t a, uint32_t *out);
enum wb_float_outcome wb_f64_to_i64_s(uint64_t a, uint64_t *out);
enum wb_float_outcome wb_f64_to_i64_u(uint64_t a, uint64_t *out);

uint32_t wb_f32_from_i32_s(uint32_t a);
uint32_t wb_f32_from_i32_u(uint32_t a);
uint32_t wb_f32_from_i64_s(uint64_t a);
uint32_t wb_f32_from_i64_u(uint64_t a);
uint64_t wb_f64_from_i32_s(uint32_t a);
uint64_t wb_f64_from_i32_u(uint32_t a);
uint64_t wb_f64_from_i64_s(uint64_t a);
uint64_t wb_f64_from_i64_u(uint64_t a);

uint64_t wb_f64_promote_f32(uint32_t a);
uint32_t wb_f32_demote_f64(uint64_t a);

#endif
