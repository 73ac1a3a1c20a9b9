/* SPDX-License-Identifier: AGPL-3.0-only */
/* scalar.h: integers modulo L, the order of the base point of Ed25519 (RFC 8032 §5.1), in constant
 * time. */
#ifndef WB_CRYPTO_SCALAR_H
#define WB_CRYPTO_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

struct scalar {
    uint32_t v[8]; /* least significant first */
};

void wb_scalar_decode(struct scalar *out, const uint8_t in[32]); /* as it is, without reduction */
void wb_scalar_encode(uint8_t out[32], const struct scalar *a);
bool wb_scalar_is_reduced(const struct scalar *a); /* below L */
/* out < L from 64 bytes, or from a scalar of any size. */
void wb_scalar_reduce_wide(struct scalar *out, const uint8_t in[64]);
void wb_scalar_reduce(struct scalar *out, const struct scalar *a);
/* out = a * b + c mod L; a of any size, b and c below L. */
void wb_scalar_mul_add(struct scalar *out, const struct scalar *a, const struct scalar *b,
                       const struct scalar *c);
/* The k below L for which a = sum over i = 0..255 of (2 k_i - 1) 2^i mod L: digits that are never
 * 0. a below L. */
void wb_scalar_recode(struct scalar *out, const struct scalar *a);

#endif
