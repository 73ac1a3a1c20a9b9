/* SPDX-License-Identifier: AGPL-3.0-only */
/* rotate.h: Keccak's lanes on words of 32 bits. */
#ifndef WB_CRYPTO_ROTATE_H
#define WB_CRYPTO_ROTATE_H

#include <stdint.h>

/* x rotated to the left by n bits; n is public, below 64, neither 0 nor 32. */
static inline uint64_t rotate_left(uint64_t x, unsigned n)
{
    uint32_t low = (uint32_t)x, high = (uint32_t)(x >> 32);
    if (n > 32) {
        const uint32_t t = low;
        low = high;
        high = t;
        n -= 32;
    }
    return (uint64_t)(high << n | low >> (32 - n)) << 32 | (low << n | high >> (32 - n));
}

#endif
