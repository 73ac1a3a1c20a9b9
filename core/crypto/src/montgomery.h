/* SPDX-License-Identifier: AGPL-3.0-only */
/* montgomery.h: products modulo any odd number by Montgomery's method, in constant time. */
#ifndef WB_CRYPTO_MONTGOMERY_H
#define WB_CRYPTO_MONTGOMERY_H

#include <stddef.h>
#include <stdint.h>

/* out = a * b / R mod n with R = 2^(32 count), when a < R and b < n. Numbers have count words,
 * least significant first; out may be a or b; minus_inverse is -1 / n mod 2^32. t: count + 1 words
 * of work memory, not wiped. */
void wb_montgomery(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *n,
                   uint32_t minus_inverse, size_t count, uint32_t *t);
/* out = a - n if a >= n, else a. top is word count of a; out may be a. */
void wb_montgomery_subtract(uint32_t *out, const uint32_t *a, uint32_t top, const uint32_t *n,
                            size_t count);

#endif
