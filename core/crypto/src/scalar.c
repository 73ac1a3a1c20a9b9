/* SPDX-License-Identifier: AGPL-3.0-only */
/* Modulo the order by Montgomery's method with R = 2^256: one short routine serves reduction and
 * products. */
#include "scalar.h"

#include "bytes.h"
#include "montgomery.h"
#include "wb_base.h"

const struct scalar_order wb_scalar_ed25519 = {
    {{0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000}},
    {{0x449c0f01, 0xa40611e3, 0x68859347, 0xd00e1ba7, 0x17f5be65, 0xceec73d2, 0x7c309a3d,
      0x0399411b}},
    0x12547e1b};
const struct scalar_order wb_scalar_p256 = {
    {{0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, 0xffffffff, 0xffffffff, 0, 0xffffffff}},
    {{0xbe79eea2, 0x83244c95, 0x49bd6fa6, 0x4699799c, 0x2b6bec59, 0x2845b239, 0xf3d95620,
      0x66e12d94}},
    0xee00bc4f};
static const struct scalar one = {{1}};

/* out = a * b / R mod n, below n, when b < n. */
static void montgomery(struct scalar *out, const struct scalar *a, const struct scalar *b,
                       const struct scalar_order *order)
{
    uint32_t t[9];
    wb_montgomery(out->v, a->v, b->v, order->n.v, order->minus_inverse, 8, t);
    wb_wipe(t, sizeof t);
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

void wb_scalar_decode_be(struct scalar *out, const uint8_t in[32])
{
    for (unsigned i = 0; i < 8; i++) {
        out->v[i] = load_be32(in + 28 - 4 * i);
    }
}

void wb_scalar_encode_be(uint8_t out[32], const struct scalar *a)
{
    for (unsigned i = 0; i < 8; i++) {
        store_be32(out + 28 - 4 * i, a->v[i]);
    }
}

bool wb_scalar_is_zero(const struct scalar *a)
{
    uint32_t any = 0;
    for (unsigned i = 0; i < 8; i++) {
        any |= a->v[i];
    }
    return any == 0;
}

bool wb_scalar_is_reduced(const struct scalar *a, const struct scalar_order *order)
{
    int64_t carry = 0;
    for (unsigned i = 0; i < 8; i++) {
        carry = (carry + a->v[i] - order->n.v[i]) >> 32;
    }
    return carry < 0;
}

void wb_scalar_reduce(struct scalar *out, const struct scalar *a, const struct scalar_order *order)
{
    montgomery(out, a, &order->r_squared, order);
    montgomery(out, out, &one, order);
}

void wb_scalar_reduce_wide(struct scalar *out, const struct scalar *low, const struct scalar *high,
                           const struct scalar_order *order)
{
    struct scalar t;
    montgomery(&t, high, &order->r_squared, order); /* high * R */
    wb_scalar_reduce(out, low, order);
    wb_scalar_add(out, out, &t, order);
    wb_wipe(&t, sizeof t);
}

void wb_scalar_mul(struct scalar *out, const struct scalar *a, const struct scalar *b,
                   const struct scalar_order *order)
{
    struct scalar t;
    montgomery(&t, a, &order->r_squared, order);
    montgomery(out, &t, b, order);
    wb_wipe(&t, sizeof t);
}

void wb_scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b,
                   const struct scalar_order *order)
{
    struct scalar sum;
    uint64_t t = 0;
    for (unsigned i = 0; i < 8; i++) {
        t += (uint64_t)a->v[i] + b->v[i];
        sum.v[i] = (uint32_t)t;
        t >>= 32;
    }
    wb_montgomery_subtract(out->v, sum.v, (uint32_t)t, order->n.v, 8);
    wb_wipe(&sum, sizeof sum);
}

/* a^(n - 2) (Fermat); the exponent is public. */
void wb_scalar_invert(struct scalar *out, const struct scalar *a, const struct scalar_order *order)
{
    struct scalar exponent = order->n, base;
    exponent.v[0] -= 2; /* no order ends in 0 or 1 */
    montgomery(&base, a, &order->r_squared, order);
    montgomery(out, &one, &order->r_squared, order); /* R, that is 1 */
    for (unsigned i = 256; i-- > 0;) {
        montgomery(out, out, out, order);
        if (scalar_bit(&exponent, i) != 0) {
            montgomery(out, out, &base, order);
        }
    }
    montgomery(out, out, &one, order);
    wb_wipe(&base, sizeof base);
}

void wb_scalar_recode(struct scalar *out, const struct scalar *a)
{
    /* The sum is 2 k - (2^256 - 1), so k = (a + 2^256 - 1) / 2. */
    static const struct scalar ones = {{0x8d98951c, 0xd6ec3174, 0x737dcf70, 0xc6ef5bf4, 0xfffffffe,
                                        0xffffffff, 0xffffffff, 0x0fffffff}}; /* R - 1 mod L */
    static const struct scalar half = {{0x75473485, 0x977f4a47, 0x8b3ab623, 0x6de72ae9, 0xffffffff,
                                        0xffffffff, 0xffffffff, 0x0fffffff}}; /* R / 2 mod L */
    wb_scalar_add(out, a, &ones, &wb_scalar_ed25519);
    montgomery(out, out, &half, &wb_scalar_ed25519);
}
