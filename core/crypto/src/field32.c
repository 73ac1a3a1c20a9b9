/* SPDX-License-Identifier: AGPL-3.0-only */
/* field32.c: the field on 32-bit words. Full words rather than the usual 25 or 26 bits: a
 * multiply-accumulate a * b + c + d never overflows 64 bits, there is no carry pass after a
 * product, and an element takes 32 bytes.
 *
 * Reduction uses 2^255 = 19: what lies above bit 255 is known before the words below are added, so
 * one pass from the lowest word to the highest both folds it in and carries. */
#include "field.h"

#define LOW31 UINT32_C(0x7fffffff)

/* Low word of a * b + c + *carry; the high word becomes the carry. */
static inline uint32_t mul_add(uint32_t *carry, uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t t = (uint64_t)a * b + c + *carry;
    *carry = (uint32_t)(t >> 32);
    return (uint32_t)t;
}

/* a + b < 2^257, so 3 * 19 is folded in at most, the carry into the top word is 2 at most, and the
 * result is below 2^255 + 2^226. */
void wb_field_add(struct field *out, const struct field *a, const struct field *b)
{
    uint64_t high = (uint64_t)a->v[7] + b->v[7];
    uint64_t t = (uint32_t)(high >> 31) * UINT32_C(19);
    for (unsigned i = 0; i < 7; i++) {
        t += (uint64_t)a->v[i] + b->v[i];
        out->v[i] = (uint32_t)t;
        t >>= 32;
    }
    out->v[7] = ((uint32_t)high & LOW31) + (uint32_t)t;
}

/* The carry into the top word lies between -2 and 1: the words below can be just under -2^224
 * before up to 3 * 19 is taken away. The top word is kept at 2 or above until then, so that no
 * borrow leaves the number. The result is below 2^255 + 2^226. */
void wb_field_sub(struct field *out, const struct field *a, const struct field *b)
{
    int64_t high = (int64_t)a->v[7] - b->v[7] - 2;
    int64_t t = (high >> 31) * 19;
    for (unsigned i = 0; i < 7; i++) {
        t += (int64_t)a->v[i] - b->v[i];
        out->v[i] = (uint32_t)t;
        t >>= 32;
    }
    out->v[7] = ((uint32_t)high & LOW31) + 2 + (uint32_t)t;
}

/* out = low + 2^256 * carry, carry < 2^26. The result is below 2^255 + 2^32. */
static void fold(struct field *out, uint32_t low[8], uint32_t carry)
{
    uint32_t top = carry << 1 | low[7] >> 31;
    low[7] &= LOW31;
    uint64_t t = (uint64_t)top * 19;
    for (unsigned i = 0; i < 8; i++) {
        t += low[i];
        out->v[i] = (uint32_t)t;
        t >>= 32;
    }
}

void wb_field_mul(struct field *out, const struct field *a, const struct field *b)
{
    const uint32_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3];
    const uint32_t b4 = b->v[4], b5 = b->v[5], b6 = b->v[6], b7 = b->v[7];
    uint32_t r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0, r6 = 0, r7 = 0;
    uint32_t low[8];
    for (unsigned i = 0; i < 8; i++) { /* r = (r + a[i] * b) / 2^32 */
        const uint32_t x = a->v[i];
        uint32_t carry = 0;
        low[i] = mul_add(&carry, x, b0, r0);
        r0 = mul_add(&carry, x, b1, r1);
        r1 = mul_add(&carry, x, b2, r2);
        r2 = mul_add(&carry, x, b3, r3);
        r3 = mul_add(&carry, x, b4, r4);
        r4 = mul_add(&carry, x, b5, r5);
        r5 = mul_add(&carry, x, b6, r6);
        r6 = mul_add(&carry, x, b7, r7);
        r7 = carry;
    }
    uint32_t carry = 0; /* 2^256 = 38 */
    low[0] = mul_add(&carry, r0, 38, low[0]);
    low[1] = mul_add(&carry, r1, 38, low[1]);
    low[2] = mul_add(&carry, r2, 38, low[2]);
    low[3] = mul_add(&carry, r3, 38, low[3]);
    low[4] = mul_add(&carry, r4, 38, low[4]);
    low[5] = mul_add(&carry, r5, 38, low[5]);
    low[6] = mul_add(&carry, r6, 38, low[6]);
    low[7] = mul_add(&carry, r7, 38, low[7]);
    fold(out, low, carry);
}

void wb_field_square(struct field *out, const struct field *a)
{
    wb_field_mul(out, a, a);
}

void wb_field_mul_small(struct field *out, const struct field *a, uint32_t b)
{
    uint32_t low[8];
    uint32_t carry = 0;
    for (unsigned i = 0; i < 8; i++) {
        low[i] = mul_add(&carry, a->v[i], b, 0);
    }
    fold(out, low, carry);
}
