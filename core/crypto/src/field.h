/* SPDX-License-Identifier: AGPL-3.0-only */
/* field.h: arithmetic modulo p = 2^255 - 19 for X25519 and Ed25519, in constant time.
 *
 * An element is any number below 2^256, in words of the machine, least significant first; every
 * function takes any such number, and results are congruent, not reduced: wb_field_encode alone
 * reduces. Results may lie where operands lie. The word and the first five functions come from the
 * folder field32 or field64, whichever the build takes; the rest is in field.c.
 */
#ifndef WB_CRYPTO_FIELD_H
#define WB_CRYPTO_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "word.h"

#define FIELD_WORDS (32 / sizeof(field_word))

struct field {
    field_word v[32 / sizeof(field_word)];
};

/* A constant from eight 32-bit words, least significant first. */
#define FIELD(a, b, c, d, e, f, g, h)                                                              \
    {                                                                                              \
        {                                                                                          \
            FIELD_WORD(a, b), FIELD_WORD(c, d), FIELD_WORD(e, f), FIELD_WORD(g, h)                 \
        }                                                                                          \
    }

void wb_field_add(struct field *out, const struct field *a, const struct field *b);
void wb_field_sub(struct field *out, const struct field *a, const struct field *b);
void wb_field_mul(struct field *out, const struct field *a, const struct field *b);
void wb_field_square(struct field *out, const struct field *a);
/* b < 2^26. */
void wb_field_mul_small(struct field *out, const struct field *a, uint32_t b);

void wb_field_set_small(struct field *out, uint32_t value);
/* Squares count times, count >= 1. */
void wb_field_square_times(struct field *out, const struct field *a, unsigned count);
/* a^(p - 2) = 1 / a, and 0 for 0. */
void wb_field_invert(struct field *out, const struct field *a);
/* a^((p - 5) / 8), the heart of a square root. */
void wb_field_pow_p58(struct field *out, const struct field *a);
/* out = mask == 0 ? out : a; mask is 0 or all ones. */
void wb_field_select(struct field *out, const struct field *a, field_word mask);
/* Exchanges a and b when mask is all ones, not when it is 0. */
void wb_field_swap(struct field *a, struct field *b, field_word mask);
/* Little-endian; bit 255 of the input is ignored. */
void wb_field_decode(struct field *out, const uint8_t in[32]);
/* The one representative below p. */
void wb_field_encode(uint8_t out[32], const struct field *a);
bool wb_field_is_zero(const struct field *a);
/* The lowest bit of the representative below p. */
unsigned wb_field_is_odd(const struct field *a);

#endif
