/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
#define N 32
static int A[N][N], B[N][N], C[N][N];
EXPORT(run) int run(int n)
{
    u32 s = 7, acc = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            A[i][j] = (int)(rng_next(&s) & 0xff);
            B[i][j] = (int)(rng_next(&s) & 0xff);
        }
    for (int r = 0; r < n; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int t = 0;
                for (int k = 0; k < N; k++)
                    t += A[i][k] * B[k][j];
                C[i][j] = t;
            }
        acc += (u32)C[r % N][(r * 7) % N];
        A[r % N][0] ^= 1;
    }
    return (int)acc;
}
