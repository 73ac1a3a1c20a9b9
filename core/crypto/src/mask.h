/* SPDX-License-Identifier: AGPL-3.0-only */
/* mask.h: masks that choose by secrets. Where a compiler sees that a mask is all ones or 0, it may
 * branch around what the mask hides: clang does so to save loads from a table. */
#ifndef WB_CRYPTO_MASK_H
#define WB_CRYPTO_MASK_H

#include <stdint.h>

/* x, of which the compiler knows nothing any more. */
static inline uint32_t mask_hide(uint32_t x)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(x));
    return x;
#else
    volatile uint32_t hidden = x;
    return hidden;
#endif
}

/* All ones when a == b, both below 2^31, else 0. */
static inline uint32_t mask_equal(uint32_t a, uint32_t b)
{
    return mask_hide((uint32_t)0 - (((a ^ b) - 1) >> 31));
}

#endif
