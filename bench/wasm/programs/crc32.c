/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
static u32 T[256];
static u8 buf[4096];
EXPORT(run) int run(int n)
{
    u32 seed = 99, c = ~0u;
    for (u32 i = 0; i < 256; i++) {
        u32 v = i;
        for (int k = 0; k < 8; k++)
            v = v & 1 ? (v >> 1) ^ 0xEDB88320u : v >> 1;
        T[i] = v;
    }
    for (int i = 0; i < (int)sizeof buf; i++)
        buf[i] = (u8)rng_next(&seed);
    for (int r = 0; r < n; r++) {
        /* half table-driven, half bitwise, as small firmware does it */
        for (int i = 0; i < 3072; i++)
            c = T[(c ^ buf[i]) & 0xff] ^ (c >> 8);
        for (int i = 3072; i < 4096; i++) {
            c ^= buf[i];
            for (int k = 0; k < 8; k++)
                c = (c >> 1) ^ (0xEDB88320u & (0u - (c & 1)));
        }
    }
    return (int)~c;
}
