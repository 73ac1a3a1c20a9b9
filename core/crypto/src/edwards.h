/* SPDX-License-Identifier: AGPL-3.0-only */
/* edwards.h: points of the curve of Ed25519, -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 §5.1). */
#ifndef WB_CRYPTO_EDWARDS_H
#define WB_CRYPTO_EDWARDS_H

#include "field.h"
#include "scalar.h"

/* Extended coordinates: x = X / Z, y = Y / Z, x y = T / Z. The multiplications leave t undefined.
 */
struct point {
    struct field x, y, z, t;
};

/* A point prepared for being added, with z = 1: what the tables of the base point hold. */
struct point_affine {
    struct field sum, difference, product; /* y + x, y - x, 2 d x y */
};

/* out = k * base point in constant time; k below L. */
void wb_edwards_mul_base(struct point *out, const struct scalar *k);
/* out = a * p + b * base point; the time depends on a, p and b: public values only. a, b below
 * 2^253. */
void wb_edwards_mul_add_public(struct point *out, const struct scalar *a, const struct point *p,
                               const struct scalar *b);
/* RFC 8032 §5.1.2 and §5.1.3. Decoding refuses what encoding never writes: y >= p, and x = 0 with
 * sign. */
void wb_edwards_encode(uint8_t out[32], const struct point *p);
bool wb_edwards_decode(struct point *out, const uint8_t in[32]);
void wb_edwards_negate(struct point *p);

/* edwards_tables.c: [j][i] is 2^(32 j) (2^192 + s2 2^128 + s1 2^64 + s0) * base point, where s_n is
 * 1 or -1 as bit n of i is 1 or 0. */
extern const struct point_affine wb_edwards_comb[2][8];
/* 1, 3, 5 ... 15 times the base point. */
extern const struct point_affine wb_edwards_odd[8];

#endif
