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

/* out = t, sixteen words, by 2^256 = 38. What the top word will give above bit 255 is taken from it
 * first: 38 * t[15] + t[7] < 2^38, so 19 * 77 at most is folded in, and the carry that comes back
 * is below 2^6: the result is below 2^255 + 2^230. */
static void reduce(struct field *out, const uint32_t t[16])
{
    uint64_t high = (uint64_t)t[15] * 38 + t[7];
    uint32_t carry = (uint32_t)(high >> 31) * 19;
    for (unsigned i = 0; i < 7; i++) {
        out->v[i] = mul_add(&carry, t[8 + i], 38, t[i]);
    }
    out->v[7] = ((uint32_t)high & LOW31) + carry;
}

void wb_field_mul(struct field *out, const struct field *a, const struct field *b)
{
    const uint32_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3];
    const uint32_t b4 = b->v[4], b5 = b->v[5], b6 = b->v[6], b7 = b->v[7];
    uint32_t r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0, r6 = 0, r7 = 0;
    uint32_t t[16];
    for (unsigned i = 0; i < 8; i++) { /* r = (r + a[i] * b) / 2^32 */
        const uint32_t x = a->v[i];
        uint32_t carry = 0;
        t[i] = mul_add(&carry, x, b0, r0);
        r0 = mul_add(&carry, x, b1, r1);
        r1 = mul_add(&carry, x, b2, r2);
        r2 = mul_add(&carry, x, b3, r3);
        r3 = mul_add(&carry, x, b4, r4);
        r4 = mul_add(&carry, x, b5, r5);
        r5 = mul_add(&carry, x, b6, r6);
        r6 = mul_add(&carry, x, b7, r7);
        r7 = carry;
    }
    t[8] = r0, t[9] = r1, t[10] = r2, t[11] = r3;
    t[12] = r4, t[13] = r5, t[14] = r6, t[15] = r7;
    reduce(out, t);
}

/* The 28 products of different words, row by row, then everything doubled and the 8 squares added.
 */
void wb_field_square(struct field *out, const struct field *a)
{
    const uint32_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3];
    const uint32_t a4 = a->v[4], a5 = a->v[5], a6 = a->v[6], a7 = a->v[7];
    uint32_t carry = 0;
    uint32_t t1 = mul_add(&carry, a0, a1, 0);
    uint32_t t2 = mul_add(&carry, a0, a2, 0);
    uint32_t t3 = mul_add(&carry, a0, a3, 0);
    uint32_t t4 = mul_add(&carry, a0, a4, 0);
    uint32_t t5 = mul_add(&carry, a0, a5, 0);
    uint32_t t6 = mul_add(&carry, a0, a6, 0);
    uint32_t t7 = mul_add(&carry, a0, a7, 0);
    uint32_t t8 = carry;
    carry = 0;
    t3 = mul_add(&carry, a1, a2, t3);
    t4 = mul_add(&carry, a1, a3, t4);
    t5 = mul_add(&carry, a1, a4, t5);
    t6 = mul_add(&carry, a1, a5, t6);
    t7 = mul_add(&carry, a1, a6, t7);
    t8 = mul_add(&carry, a1, a7, t8);
    uint32_t t9 = carry;
    carry = 0;
    t5 = mul_add(&carry, a2, a3, t5);
    t6 = mul_add(&carry, a2, a4, t6);
    t7 = mul_add(&carry, a2, a5, t7);
    t8 = mul_add(&carry, a2, a6, t8);
    t9 = mul_add(&carry, a2, a7, t9);
    uint32_t t10 = carry;
    carry = 0;
    t7 = mul_add(&carry, a3, a4, t7);
    t8 = mul_add(&carry, a3, a5, t8);
    t9 = mul_add(&carry, a3, a6, t9);
    t10 = mul_add(&carry, a3, a7, t10);
    uint32_t t11 = carry;
    carry = 0;
    t9 = mul_add(&carry, a4, a5, t9);
    t10 = mul_add(&carry, a4, a6, t10);
    t11 = mul_add(&carry, a4, a7, t11);
    uint32_t t12 = carry;
    carry = 0;
    t11 = mul_add(&carry, a5, a6, t11);
    t12 = mul_add(&carry, a5, a7, t12);
    uint32_t t13 = carry;
    carry = 0;
    t13 = mul_add(&carry, a6, a7, t13);
    uint32_t t[16] = {0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, carry, 0};

    uint32_t shifted_out = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < 8; i++) {
        const uint32_t low = t[2 * i], high = t[2 * i + 1];
        const uint64_t square = (uint64_t)a->v[i] * a->v[i];
        sum += (uint64_t)(low << 1 | shifted_out) + (uint32_t)square;
        t[2 * i] = (uint32_t)sum;
        sum = (sum >> 32) + (high << 1 | low >> 31) + (square >> 32);
        t[2 * i + 1] = (uint32_t)sum;
        sum >>= 32;
        shifted_out = high >> 31;
    }
    reduce(out, t);
}

void wb_field_mul_small(struct field *out, const struct field *a, uint32_t b)
{
    uint64_t high = (uint64_t)a->v[7] * b;
    uint32_t carry = (uint32_t)(high >> 31) * 19;
    for (unsigned i = 0; i < 7; i++) {
        out->v[i] = mul_add(&carry, a->v[i], b, 0);
    }
    out->v[7] = ((uint32_t)high & LOW31) + carry;
}
