/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
#define LIM 8192
static u8 comp[LIM];
EXPORT(run) int run(int n)
{
    int count = 0;
    for (int r = 0; r < n; r++) {
        for (int i = 0; i < LIM; i++)
            comp[i] = 0;
        count = 0;
        for (int i = 2; i < LIM; i++) {
            if (comp[i])
                continue;
            count++;
            for (int j = i + i; j < LIM; j += i)
                comp[j] = 1;
        }
    }
    return count;
}
