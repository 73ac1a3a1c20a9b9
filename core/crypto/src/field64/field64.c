/* SPDX-License-Identifier: AGPL-3.0-only */
/* field64.c: the field on 64-bit words, for hosts: field32.c with wider words. The bounds are those
 * explained there, with 2^192 in place of 2^224. */
#include "field.h"

__extension__ typedef unsigned __int128 uint128;
__extension__ typedef __int128 int128;

#define LOW63 (UINT64_MAX >> 1)

/* Low word of a * b + c + *carry; the high word becomes the carry. */
static inline uint64_t mul_add(uint64_t *carry, uint64_t a, uint64_t b, uint64_t c)
{
    uint128 t = (uint128)a * b + c + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

void wb_field_add(struct field *out, const struct field *a, const struct field *b)
{
    uint128 high = (uint128)a->v[3] + b->v[3];
    uint128 t = (uint64_t)(high >> 63) * 19;
    for (unsigned i = 0; i < 3; i++) {
        t += (uint128)a->v[i] + b->v[i];
        out->v[i] = (uint64_t)t;
        t >>= 64;
    }
    out->v[3] = ((uint64_t)high & LOW63) + (uint64_t)t;
}

void wb_field_sub(struct field *out, const struct field *a, const struct field *b)
{
    int128 high = (int128)a->v[3] - b->v[3] - 2;
    int128 t = (high >> 63) * 19;
    for (unsigned i = 0; i < 3; i++) {
        t += (int128)a->v[i] - b->v[i];
        out->v[i] = (uint64_t)t;
        t >>= 64;
    }
    out->v[3] = ((uint64_t)high & LOW63) + 2 + (uint64_t)t;
}

static inline void reduce(struct field *out, const uint64_t t[8])
{
    uint128 high = (uint128)t[7] * 38 + t[3];
    uint64_t carry = (uint64_t)(high >> 63) * 19;
    uint64_t r0 = mul_add(&carry, t[4], 38, t[0]);
    uint64_t r1 = mul_add(&carry, t[5], 38, t[1]);
    uint64_t r2 = mul_add(&carry, t[6], 38, t[2]);
    out->v[0] = r0, out->v[1] = r1, out->v[2] = r2;
    out->v[3] = ((uint64_t)high & LOW63) + carry;
}

void wb_field_mul(struct field *out, const struct field *a, const struct field *b)
{
    const uint64_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3];
    uint64_t r0 = 0, r1 = 0, r2 = 0, r3 = 0;
    uint64_t t[8];
    for (unsigned i = 0; i < 4; i++) { /* r = (r + a[i] * b) / 2^64 */
        const uint64_t x = a->v[i];
        uint64_t carry = 0;
        t[i] = mul_add(&carry, x, b0, r0);
        r0 = mul_add(&carry, x, b1, r1);
        r1 = mul_add(&carry, x, b2, r2);
        r2 = mul_add(&carry, x, b3, r3);
        r3 = carry;
    }
    t[4] = r0, t[5] = r1, t[6] = r2, t[7] = r3;
    reduce(out, t);
}

void wb_field_square(struct field *out, const struct field *a)
{
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3];
    uint64_t carry = 0;
    uint64_t t1 = mul_add(&carry, a0, a1, 0);
    uint64_t t2 = mul_add(&carry, a0, a2, 0);
    uint64_t t3 = mul_add(&carry, a0, a3, 0);
    uint64_t t4 = carry;
    carry = 0;
    t3 = mul_add(&carry, a1, a2, t3);
    t4 = mul_add(&carry, a1, a3, t4);
    uint64_t t5 = carry;
    carry = 0;
    t5 = mul_add(&carry, a2, a3, t5);
    uint64_t t[8] = {0, t1, t2, t3, t4, t5, carry, 0};

    uint64_t shifted_out = 0;
    uint128 sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t low = t[2 * i], high = t[2 * i + 1];
        const uint128 square = (uint128)a->v[i] * a->v[i];
        sum += (uint128)(low << 1 | shifted_out) + (uint64_t)square;
        t[2 * i] = (uint64_t)sum;
        sum = (sum >> 64) + (high << 1 | low >> 63) + (square >> 64);
        t[2 * i + 1] = (uint64_t)sum;
        sum >>= 64;
        shifted_out = high >> 63;
    }
    reduce(out, t);
}

void wb_field_mul_small(struct field *out, const struct field *a, uint32_t b)
{
    uint128 high = (uint128)a->v[3] * b;
    uint64_t carry = (uint64_t)(high >> 63) * 19;
    for (unsigned i = 0; i < 3; i++) {
        out->v[i] = mul_add(&carry, a->v[i], b, 0);
    }
    out->v[3] = ((uint64_t)high & LOW63) + carry;
}
