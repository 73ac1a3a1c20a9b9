/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reduction needs no multiplication, as -1 / p is 1 modulo 2^96: the factor by which p is added to
 * clear a word is that word itself. Every operation computes its result less p in one pass of
 * carries and then, in a second, adds p again when that went below zero. */
#include "p256_field.h"

#include "bytes.h"
#include "product.h"

#include <string.h>

/* The words of p. */
static const uint32_t prime[8] = {0xffffffff, 0xffffffff, 0xffffffff, 0, 0, 0, 1, 0xffffffff};

/* 2^256 and 2^512 mod p. */
const struct p256_field wb_p256_field_one = {
    {1, 0, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe, 0}};
static const struct p256_field r_squared = {
    {3, 0, 0xffffffff, 0xfffffffb, 0xfffffffe, 0xffffffff, 0xfffffffd, 4}};

/* a += p when mask is all ones, nothing when it is 0. */
static void add_prime(struct p256_field *a, uint32_t mask)
{
    uint64_t t = (uint64_t)a->v[0] + mask;
    a->v[0] = (uint32_t)t;
    t = (t >> 32) + a->v[1] + mask;
    a->v[1] = (uint32_t)t;
    t = (t >> 32) + a->v[2] + mask;
    a->v[2] = (uint32_t)t;
    for (unsigned i = 3; i < 6; i++) {
        t = (t >> 32) + a->v[i];
        a->v[i] = (uint32_t)t;
    }
    t = (t >> 32) + a->v[6] + (mask & 1);
    a->v[6] = (uint32_t)t;
    a->v[7] += (uint32_t)(t >> 32) + mask;
}

void wb_p256_field_add(struct p256_field *out, const struct p256_field *a,
                       const struct p256_field *b)
{
    int64_t t = 0;
    for (unsigned i = 0; i < 8; i++) {
        t += (int64_t)a->v[i] + b->v[i] - prime[i];
        out->v[i] = (uint32_t)t;
        t >>= 32;
    }
    add_prime(out, (uint32_t)t);
}

void wb_p256_field_sub(struct p256_field *out, const struct p256_field *a,
                       const struct p256_field *b)
{
    int64_t t = 0;
    for (unsigned i = 0; i < 8; i++) {
        t += (int64_t)a->v[i] - b->v[i];
        out->v[i] = (uint32_t)t;
        t >>= 32;
    }
    add_prime(out, (uint32_t)t);
}

/* out = t / 2^256 mod p, t below 2^256 p. With m_i for the word that is cleared at position i (0 to
 * 7), t + sum of m_i p 2^(32 i) has in word k, for p's five terms,
 *     t_k + m_(k-3) + m_(k-6) - m_(k-7) + m_(k-8)     (-m_k clears m_k itself)
 * and the upper half is the result, below 2 p. */
static void reduce(struct p256_field *out, const uint32_t t[16])
{
    const uint32_t m0 = t[0], m1 = t[1], m2 = t[2];
    int64_t sum = (int64_t)t[3] + m0;
    const uint32_t m3 = (uint32_t)sum;
    sum = (sum >> 32) + t[4] + m1;
    const uint32_t m4 = (uint32_t)sum;
    sum = (sum >> 32) + t[5] + m2;
    const uint32_t m5 = (uint32_t)sum;
    sum = (sum >> 32) + t[6] + m3 + m0;
    const uint32_t m6 = (uint32_t)sum;
    sum = (sum >> 32) + t[7] + m4 + m1 - m0;
    const uint32_t m7 = (uint32_t)sum;
    /* From here on less p, too. */
    sum = (sum >> 32) + t[8] + m5 + m2 - m1 + m0 - UINT32_MAX;
    out->v[0] = (uint32_t)sum;
    sum = (sum >> 32) + t[9] + m6 + m3 - m2 + m1 - UINT32_MAX;
    out->v[1] = (uint32_t)sum;
    sum = (sum >> 32) + t[10] + m7 + m4 - m3 + m2 - UINT32_MAX;
    out->v[2] = (uint32_t)sum;
    sum = (sum >> 32) + t[11] + m5 - m4 + m3;
    out->v[3] = (uint32_t)sum;
    sum = (sum >> 32) + t[12] + m6 - m5 + m4;
    out->v[4] = (uint32_t)sum;
    sum = (sum >> 32) + t[13] + m7 - m6 + m5;
    out->v[5] = (uint32_t)sum;
    sum = (sum >> 32) + t[14] - m7 + m6 - 1;
    out->v[6] = (uint32_t)sum;
    sum = (sum >> 32) + t[15] + m7 - UINT32_MAX;
    out->v[7] = (uint32_t)sum;
    add_prime(out, (uint32_t)(sum >> 32));
}

void wb_p256_field_mul(struct p256_field *out, const struct p256_field *a,
                       const struct p256_field *b)
{
    uint32_t t[16];
    wb_product(t, a->v, b->v);
    reduce(out, t);
}

void wb_p256_field_square(struct p256_field *out, const struct p256_field *a)
{
    uint32_t t[16];
    wb_product_square(t, a->v);
    reduce(out, t);
}

/* out = a^(2^count) * b */
static void square_times_mul(struct p256_field *out, const struct p256_field *a, unsigned count,
                             const struct p256_field *b)
{
    struct p256_field t = *a;
    while (count-- > 0) {
        wb_p256_field_square(&t, &t);
    }
    wb_p256_field_mul(out, &t, b);
}

/* x_n stands for a^(2^n - 1). The exponent is, in words from the top,
 * ffffffff 00000001 00000000 00000000 00000000 ffffffff ffffffff fffffffd. */
void wb_p256_field_invert(struct p256_field *out, const struct p256_field *a)
{
    struct p256_field x2, x30, x;
    square_times_mul(&x2, a, 1, a);
    square_times_mul(&x, &x2, 2, &x2); /* x_4 */
    square_times_mul(&x, &x, 2, &x2);  /* x_6 */
    square_times_mul(&x30, &x, 6, &x); /* x_12 */
    square_times_mul(&x30, &x30, 2, &x2);
    square_times_mul(&x, &x30, 1, a);   /* x_15 */
    square_times_mul(&x30, &x, 15, &x); /* x_30 */
    square_times_mul(&x, &x30, 2, &x2); /* x_32 */
    square_times_mul(out, &x, 32, a);
    square_times_mul(out, out, 128, &x);
    square_times_mul(out, out, 32, &x);
    square_times_mul(out, out, 30, &x30);
    square_times_mul(out, out, 2, a);
}

void wb_p256_field_select(struct p256_field *out, const struct p256_field *a, uint32_t mask)
{
    for (unsigned i = 0; i < 8; i++) {
        out->v[i] ^= (out->v[i] ^ a->v[i]) & mask;
    }
}

bool wb_p256_field_is_zero(const struct p256_field *a)
{
    uint32_t any = 0;
    for (unsigned i = 0; i < 8; i++) {
        any |= a->v[i];
    }
    return any == 0;
}

bool wb_p256_field_decode(struct p256_field *out, const uint8_t in[32])
{
    int64_t borrow = 0;
    for (unsigned i = 0; i < 8; i++) {
        out->v[i] = load_be32(in + 28 - 4 * i);
        borrow = (borrow + out->v[i] - prime[i]) >> 32;
    }
    wb_p256_field_mul(out, out, &r_squared);
    return borrow < 0;
}

void wb_p256_field_encode(uint8_t out[32], const struct p256_field *a)
{
    struct p256_field plain;
    uint32_t t[16] = {0};
    memcpy(t, a->v, sizeof a->v);
    reduce(&plain, t);
    for (unsigned i = 0; i < 8; i++) {
        store_be32(out + 28 - 4 * i, plain.v[i]);
    }
}
