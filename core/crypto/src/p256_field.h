/* SPDX-License-Identifier: AGPL-3.0-only */
/* p256_field.h: arithmetic modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1 in constant time.
 *
 * An element a is held as a * 2^256 mod p (Montgomery's form), always below p, so two elements are
 * equal exactly when their words are. Words have 32 bits on every machine; only the product below
 * them (product.h) differs. Results may lie where operands lie.
 */
#ifndef WB_CRYPTO_P256_FIELD_H
#define WB_CRYPTO_P256_FIELD_H

#include <stdbool.h>
#include <stdint.h>

struct p256_field {
    uint32_t v[8]; /* least significant first */
};

extern const struct p256_field wb_p256_field_one;

void wb_p256_field_add(struct p256_field *out, const struct p256_field *a,
                       const struct p256_field *b);
void wb_p256_field_sub(struct p256_field *out, const struct p256_field *a,
                       const struct p256_field *b);
void wb_p256_field_mul(struct p256_field *out, const struct p256_field *a,
                       const struct p256_field *b);
void wb_p256_field_square(struct p256_field *out, const struct p256_field *a);
/* a^(p - 2) = 1 / a, and 0 for 0. out apart from a. */
void wb_p256_field_invert(struct p256_field *out, const struct p256_field *a);
/* out = mask == 0 ? out : a; mask is 0 or all ones. */
void wb_p256_field_select(struct p256_field *out, const struct p256_field *a, uint32_t mask);
bool wb_p256_field_is_zero(const struct p256_field *a);
/* Big-endian. False when the number is p or above; then out is undefined. */
bool wb_p256_field_decode(struct p256_field *out, const uint8_t in[32]);
void wb_p256_field_encode(uint8_t out[32], const struct p256_field *a);

#endif
