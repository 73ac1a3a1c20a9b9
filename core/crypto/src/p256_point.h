/* SPDX-License-Identifier: AGPL-3.0-only */
/* p256_point.h: points of the curve y^2 = x^3 - 3 x + b (SP 800-186 §3.2.1.3). */
#ifndef WB_CRYPTO_P256_POINT_H
#define WB_CRYPTO_P256_POINT_H

#include "p256_field.h"
#include "scalar.h"

/* Jacobian coordinates: x / z^2, y / z^3; z = 0 is the point at infinity. */
struct p256_point {
    struct p256_field x, y, z;
};

/* z = 1: what the tables of the base point hold. */
struct p256_affine {
    struct p256_field x, y;
};

/* out = k * base point, or k * p, in constant time; k from 1 to n - 1, p not at infinity. */
void wb_p256_mul_base(struct p256_point *out, const struct scalar *k);
void wb_p256_mul(struct p256_point *out, const struct scalar *k, const struct p256_point *p);
/* out = a * p + b * base point; the time depends on a, p and b: public values only. */
void wb_p256_mul_add_public(struct p256_point *out, const struct scalar *a,
                            const struct p256_point *p, const struct scalar *b);
/* SEC 1 §2.3.4 without compressed forms; false unless the point lies on the curve. */
bool wb_p256_point_decode(struct p256_point *out, const uint8_t in[65]);
/* x and y in affine coordinates, 32 bytes each, of a point not at infinity. y may be NULL. */
void wb_p256_point_encode(uint8_t x[32], uint8_t y[32], const struct p256_point *p);

/* p256_tables.c: [j][i] is 2^(32 j) (2^192 + s2 2^128 + s1 2^64 + s0) * base point, where s_n is
 * 1 or -1 as bit n of i is 1 or 0. */
extern const struct p256_affine wb_p256_comb[2][8];
/* 1, 3, 5 ... 15 times the base point. */
extern const struct p256_affine wb_p256_odd[8];

#endif
