/* SPDX-License-Identifier: AGPL-3.0-only */
/* Shared declarations for the Wasmbed benchmark set. Freestanding C. */
#ifndef WASMBED_BENCH_H
#define WASMBED_BENCH_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#if defined(__wasm__) && !defined(SUITE)
#define EXPORT(name) __attribute__((export_name(#name), noinline))
#else
#define EXPORT(name) __attribute__((noinline))
#endif
/* Every program exports run(n): does n rounds of work, returns a checksum. */
int run(int n);
static inline u32 rng_next(u32 *s)
{
    u32 x = *s;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *s = x;
}
#endif
