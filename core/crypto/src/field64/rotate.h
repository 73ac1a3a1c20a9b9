/* SPDX-License-Identifier: AGPL-3.0-only */
/* rotate.h: Keccak's lanes on words of 64 bits. */
#ifndef WB_CRYPTO_ROTATE_H
#define WB_CRYPTO_ROTATE_H

#include <stdint.h>

/* x rotated to the left by n bits; n is public, below 64, neither 0 nor 32. */
static inline uint64_t rotate_left(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

#endif
