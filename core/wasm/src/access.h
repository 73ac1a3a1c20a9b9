/* SPDX-License-Identifier: AGPL-3.0-only */
/* Little-endian loads and stores at any address. Where the processor cannot do misaligned accesses,
 * aligned ones take the fast path. */
#ifndef WB_WASM_ACCESS_H
#define WB_WASM_ACCESS_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(__aarch64__) || defined(__ARM_FEATURE_UNALIGNED)
#define MISALIGNED(p, mask) 0
#else
#define MISALIGNED(p, mask) (((uintptr_t)(p) & (mask)) != 0)
#endif

static inline uint32_t load16(const uint8_t *p)
{
    if (MISALIGNED(p, 1)) {
        return p[0] | (uint32_t)p[1] << 8;
    }
    uint16_t v;
    memcpy(&v, __builtin_assume_aligned(p, MISALIGNED(1, 1) ? 2 : 1), 2);
    return v;
}

static inline uint32_t load32(const uint8_t *p)
{
    if (MISALIGNED(p, 3)) {
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    uint32_t v;
    memcpy(&v, __builtin_assume_aligned(p, MISALIGNED(1, 1) ? 4 : 1), 4);
    return v;
}

static inline void store16(uint8_t *p, uint32_t v)
{
    if (MISALIGNED(p, 1)) {
        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
        return;
    }
    uint16_t h = (uint16_t)v;
    memcpy(__builtin_assume_aligned(p, MISALIGNED(1, 1) ? 2 : 1), &h, 2);
}

static inline void store32(uint8_t *p, uint32_t v)
{
    if (MISALIGNED(p, 3)) {
        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
        p[2] = (uint8_t)(v >> 16);
        p[3] = (uint8_t)(v >> 24);
        return;
    }
    memcpy(__builtin_assume_aligned(p, MISALIGNED(1, 1) ? 4 : 1), &v, 4);
}

#endif
