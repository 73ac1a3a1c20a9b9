/* SPDX-License-Identifier: AGPL-3.0-only */
/* product.c on 32-bit words. Full words rather than the usual 25 or 26 bits: a multiply-accumulate
 * a * b + c + d never overflows 64 bits. */
#include "product.h"

/* Low word of a * b + c + *carry; the high word becomes the carry. */
static inline uint32_t mul_add(uint32_t *carry, uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t t = (uint64_t)a * b + c + *carry;
    *carry = (uint32_t)(t >> 32);
    return (uint32_t)t;
}

void wb_product(uint32_t out[16], const uint32_t a[8], const uint32_t b[8])
{
    const uint32_t b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3];
    const uint32_t b4 = b[4], b5 = b[5], b6 = b[6], b7 = b[7];
    uint32_t r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0, r6 = 0, r7 = 0;
    for (unsigned i = 0; i < 8; i++) { /* r = (r + a[i] * b) / 2^32 */
        const uint32_t x = a[i];
        uint32_t carry = 0;
        out[i] = mul_add(&carry, x, b0, r0);
        r0 = mul_add(&carry, x, b1, r1);
        r1 = mul_add(&carry, x, b2, r2);
        r2 = mul_add(&carry, x, b3, r3);
        r3 = mul_add(&carry, x, b4, r4);
        r4 = mul_add(&carry, x, b5, r5);
        r5 = mul_add(&carry, x, b6, r6);
        r6 = mul_add(&carry, x, b7, r7);
        r7 = carry;
    }
    out[8] = r0, out[9] = r1, out[10] = r2, out[11] = r3;
    out[12] = r4, out[13] = r5, out[14] = r6, out[15] = r7;
}

/* The 28 products of different words, row by row, then everything doubled and the 8 squares added.
 */
void wb_product_square(uint32_t out[16], const uint32_t a[8])
{
    const uint32_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    const uint32_t a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7];
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
    out[0] = 0, out[1] = t1, out[2] = t2, out[3] = t3;
    out[4] = t4, out[5] = t5, out[6] = t6, out[7] = t7;
    out[8] = t8, out[9] = t9, out[10] = t10, out[11] = t11;
    out[12] = t12, out[13] = t13, out[14] = carry, out[15] = 0;

    uint32_t shifted_out = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < 8; i++) {
        const uint32_t low = out[2 * i], high = out[2 * i + 1];
        const uint64_t square = (uint64_t)a[i] * a[i];
        sum += (uint64_t)(low << 1 | shifted_out) + (uint32_t)square;
        out[2 * i] = (uint32_t)sum;
        sum = (sum >> 32) + (high << 1 | low >> 31) + (square >> 32);
        out[2 * i + 1] = (uint32_t)sum;
        sum >>= 32;
        shifted_out = high >> 31;
    }
}
