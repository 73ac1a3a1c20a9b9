/* SPDX-License-Identifier: AGPL-3.0-only */
/* product.c on 64-bit words, for hosts. */
#include "product.h"

__extension__ typedef unsigned __int128 uint128;

static inline uint64_t load(const uint32_t *words)
{
    return words[0] | (uint64_t)words[1] << 32;
}

static inline void store(uint32_t *words, uint64_t value)
{
    words[0] = (uint32_t)value;
    words[1] = (uint32_t)(value >> 32);
}

void wb_product(uint32_t out[16], const uint32_t a[8], const uint32_t b[8])
{
    uint64_t r[4] = {0};
    for (unsigned i = 0; i < 4; i++) { /* r = (r + a[i] * b) / 2^64 */
        const uint64_t x = load(a + 2 * i);
        uint128 t = (uint128)x * load(b) + r[0];
        store(out + 2 * i, (uint64_t)t);
        for (unsigned j = 1; j < 4; j++) {
            t = (uint128)x * load(b + 2 * j) + r[j] + (uint64_t)(t >> 64);
            r[j - 1] = (uint64_t)t;
        }
        r[3] = (uint64_t)(t >> 64);
    }
    for (unsigned i = 0; i < 4; i++) {
        store(out + 8 + 2 * i, r[i]);
    }
}

void wb_product_square(uint32_t out[16], const uint32_t a[8])
{
    wb_product(out, a, a);
}
