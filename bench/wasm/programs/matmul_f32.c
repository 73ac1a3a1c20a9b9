/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
#define N 32
static float A[N][N], B[N][N], C[N][N];
EXPORT(run) int run(int n)
{
    u32 s = 7, acc = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            A[i][j] = (float)(int)(rng_next(&s) & 0xff) * 0.25f;
            B[i][j] = (float)(int)(rng_next(&s) & 0xff) * 0.25f;
        }
    for (int r = 0; r < n; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                float t = 0;
                for (int k = 0; k < N; k++)
                    t += A[i][k] * B[k][j];
                C[i][j] = t;
            }
        acc += (u32)(int)C[r % N][(r * 7) % N];
        A[r % N][0] += 0.5f;
    }
    return (int)acc;
}
