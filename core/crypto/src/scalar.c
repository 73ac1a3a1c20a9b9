/* SPDX-License-Identifier: AGPL-3.0-only */
/* Modulo L by Montgomery's method with R = 2^256: one short routine serves reduction and products.
 */
#include "scalar.h"

#include "bytes.h"
#include "wb_base.h"

/* L = 2^252 + 27742317777372353535851937790883648493. */
static const struct scalar order = {
    {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000}};
#define MINUS_ORDER_INVERSE UINT32_C(0x12547e1b) /* -1 / L mod 2^32 */
/* R^2 mod L. */
static const struct scalar r_squared = {{0x449c0f01, 0xa40611e3, 0x68859347, 0xd00e1ba7, 0x17f5be65,
                                         0xceec73d2, 0x7c309a3d, 0x0399411b}};
static const struct scalar one = {{1}};

/* out = a - L if a >= L, else a. top is word 8 of a. */
static void subtract_order(struct scalar *out, const uint32_t a[8], uint32_t top)
{
    struct scalar t;
    int64_t carry = 0;
    for (unsigned i = 0; i < 8; i++) {
        carry += (int64_t)a[i] - order.v[i];
        t.v[i] = (uint32_t)carry;
        carry >>= 32;
    }
    uint32_t keep = (uint32_t)((carry + top) >> 32); /* all ones when a < L */
    for (unsigned i = 0; i < 8; i++) {
        out->v[i] = t.v[i] ^ ((t.v[i] ^ a[i]) & keep);
    }
    wb_wipe(&t, sizeof t);
}

/* out = a * b / R mod L, below L, when a < R and b < L: the sum before the last step is below 2 L.
 */
static void montgomery(struct scalar *out, const struct scalar *a, const struct scalar *b)
{
    uint32_t t[9] = {0};
    for (unsigned i = 0; i < 8; i++) {
        uint64_t x = 0;
        uint64_t y = 0;
        uint32_t factor = (t[0] + a->v[i] * b->v[0]) * MINUS_ORDER_INVERSE;
        for (unsigned j = 0; j < 8; j++) {
            x += (uint64_t)a->v[i] * b->v[j] + t[j];
            y += (uint64_t)factor * order.v[j] + (uint32_t)x;
            if (j > 0) {
                t[j - 1] = (uint32_t)y;
            }
            x >>= 32;
            y >>= 32;
        }
        x += y + t[8];
        t[7] = (uint32_t)x;
        t[8] = (uint32_t)(x >> 32);
    }
    subtract_order(out, t, t[8]);
    wb_wipe(t, sizeof t);
}

/* out = a + b mod L, both below L. */
static void add(struct scalar *out, const struct scalar *a, const struct scalar *b)
{
    uint32_t sum[8];
    uint64_t t = 0;
    for (unsigned i = 0; i < 8; i++) {
        t += (uint64_t)a->v[i] + b->v[i];
        sum[i] = (uint32_t)t;
        t >>= 32;
    }
    subtract_order(out, sum, 0);
    wb_wipe(sum, sizeof sum);
}

void wb_scalar_decode(struct scalar *out, const uint8_t in[32])
{
    for (unsigned i = 0; i < 8; i++) {
        out->v[i] = load_le32(in + 4 * i);
    }
}

void wb_scalar_encode(uint8_t out[32], const struct scalar *a)
{
    for (unsigned i = 0; i < 8; i++) {
        store_le32(out + 4 * i, a->v[i]);
    }
}

bool wb_scalar_is_reduced(const struct scalar *a)
{
    int64_t carry = 0;
    for (unsigned i = 0; i < 8; i++) {
        carry = (carry + a->v[i] - order.v[i]) >> 32;
    }
    return carry < 0;
}

void wb_scalar_reduce(struct scalar *out, const struct scalar *a)
{
    montgomery(out, a, &r_squared);
    montgomery(out, out, &one);
}

void wb_scalar_reduce_wide(struct scalar *out, const uint8_t in[64])
{
    struct scalar low, high;
    wb_scalar_decode(&low, in);
    wb_scalar_decode(&high, in + 32);
    wb_scalar_reduce(&low, &low);
    montgomery(&high, &high, &r_squared); /* high * R */
    add(out, &low, &high);
    wb_wipe(&low, sizeof low);
    wb_wipe(&high, sizeof high);
}

void wb_scalar_mul_add(struct scalar *out, const struct scalar *a, const struct scalar *b,
                       const struct scalar *c)
{
    struct scalar t;
    montgomery(&t, a, &r_squared);
    montgomery(&t, &t, b);
    add(out, &t, c);
    wb_wipe(&t, sizeof t);
}

void wb_scalar_recode(struct scalar *out, const struct scalar *a)
{
    /* The sum is 2 k - (2^256 - 1), so k = (a + 2^256 - 1) / 2. */
    static const struct scalar ones = {{0x8d98951c, 0xd6ec3174, 0x737dcf70, 0xc6ef5bf4, 0xfffffffe,
                                        0xffffffff, 0xffffffff, 0x0fffffff}}; /* R - 1 mod L */
    static const struct scalar half = {{0x75473485, 0x977f4a47, 0x8b3ab623, 0x6de72ae9, 0xffffffff,
                                        0xffffffff, 0xffffffff, 0x0fffffff}}; /* R / 2 mod L */
    add(out, a, &ones);
    montgomery(out, out, &half);
}
