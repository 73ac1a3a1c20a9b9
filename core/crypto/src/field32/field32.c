/* SPDX-License-Identifier: AGPL-3.0-only */
/* field32.c: the field on 32-bit words. Full words rather than the usual 25 or 26 bits: a
 * multiply-accumulate a * b + c + d never overflows 64 bits, there is no carry pass after a
 * product, and an element takes 32 bytes.
 *
 * Reduction uses 2^255 = 19: what lies above bit 255 is known before the words below are added, so
 * one pass from the lowest word to the highest both folds it in and carries. */
#include "field.h"
#include "product.h"

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
    uint32_t t[16];
    wb_product(t, a->v, b->v);
    reduce(out, t);
}

void wb_field_square(struct field *out, const struct field *a)
{
    uint32_t t[16];
    wb_product_square(t, a->v);
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
