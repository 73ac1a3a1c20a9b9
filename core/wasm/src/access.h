/* SPDX-License-Identifier: AGPL-3.0-only */
/* Little-endian loads and stores. Where the processor cannot do misaligned ones, MISALIGNED tells
 * them, and load… and store… want aligned addresses. */
#ifndef WB_WASM_ACCESS_H
#define WB_WASM_ACCESS_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(__aarch64__) || defined(__ARM_FEATURE_UNALIGNED)
#define MISALIGNED(p, mask) 0
#define ACCESS_ALIGN(size)  1
#else
#define MISALIGNED(p, mask) (((uintptr_t)(p) & (mask)) != 0)
#define ACCESS_ALIGN(size)  (size)
#endif

static inline uint32_t load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, __builtin_assume_aligned(p, ACCESS_ALIGN(2)), 2);
    return v;
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, __builtin_assume_aligned(p, ACCESS_ALIGN(4)), 4);
    return v;
}

static inline void store8(uint8_t *p, uint32_t v)
{
    *p = (uint8_t)v;
}

static inline void store16(uint8_t *p, uint32_t v)
{
    uint16_t h = (uint16_t)v;
    memcpy(__builtin_assume_aligned(p, ACCESS_ALIGN(2)), &h, 2);
}

static inline void store32(uint8_t *p, uint32_t v)
{
    memcpy(__builtin_assume_aligned(p, ACCESS_ALIGN(4)), &v, 4);
}

#endif
