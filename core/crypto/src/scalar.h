/* SPDX-License-Identifier: AGPL-3.0-only */
/* scalar.h: integers modulo the order of a curve's base point, in constant time. */
#ifndef WB_CRYPTO_SCALAR_H
#define WB_CRYPTO_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

struct scalar {
    uint32_t v[8]; /* least significant first */
};

/* R = 2^256. */
struct scalar_order {
    struct scalar n;
    struct scalar r_squared; /* R^2 mod n */
    uint32_t minus_inverse;  /* -1 / n mod 2^32 */
};

/* Ed25519's L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 §5.1). */
extern const struct scalar_order wb_scalar_ed25519;
/* P-256's n (SP 800-186 §3.2.1.3). */
extern const struct scalar_order wb_scalar_p256;

/* As they are, without reduction. Little-endian as Ed25519 has it, big-endian as P-256 has it. */
void wb_scalar_decode(struct scalar *out, const uint8_t in[32]);
void wb_scalar_encode(uint8_t out[32], const struct scalar *a);
void wb_scalar_decode_be(struct scalar *out, const uint8_t in[32]);
void wb_scalar_encode_be(uint8_t out[32], const struct scalar *a);

bool wb_scalar_is_zero(const struct scalar *a);
bool wb_scalar_is_reduced(const struct scalar *a, const struct scalar_order *order); /* below n */
/* out < n from a scalar of any size. */
void wb_scalar_reduce(struct scalar *out, const struct scalar *a, const struct scalar_order *order);
/* out = low + high * R mod n; both of any size. */
void wb_scalar_reduce_wide(struct scalar *out, const struct scalar *low, const struct scalar *high,
                           const struct scalar_order *order);
/* out = a * b mod n; a of any size, b below n. */
void wb_scalar_mul(struct scalar *out, const struct scalar *a, const struct scalar *b,
                   const struct scalar_order *order);
/* out = a + b mod n, both below n. */
void wb_scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b,
                   const struct scalar_order *order);
/* out = 1 / a mod n, 0 for 0; a below n; apart from a. */
void wb_scalar_invert(struct scalar *out, const struct scalar *a, const struct scalar_order *order);
/* The k below L for which a = sum over i = 0..255 of (2 k_i - 1) 2^i mod L: digits that are never
 * 0. a below L, for Ed25519 only. */
void wb_scalar_recode(struct scalar *out, const struct scalar *a);

static inline uint32_t scalar_bit(const struct scalar *k, unsigned i)
{
    return k->v[i / 32] >> (i % 32) & 1;
}

#endif
