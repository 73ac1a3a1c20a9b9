/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
#define N 1024
static int a[N];
static void heap_down(int i, int n)
{
    for (;;) {
        int c = 2 * i + 1;
        if (c >= n)
            return;
        if (c + 1 < n && a[c + 1] > a[c])
            c++;
        if (a[i] >= a[c])
            return;
        int t = a[i];
        a[i] = a[c];
        a[c] = t;
        i = c;
    }
}
static void quick(int lo, int hi)
{
    while (hi - lo > 12) {
        int p = a[(lo + hi) / 2], i = lo, j = hi;
        while (i <= j) {
            while (a[i] < p)
                i++;
            while (a[j] > p)
                j--;
            if (i <= j) {
                int t = a[i];
                a[i] = a[j];
                a[j] = t;
                i++;
                j--;
            }
        }
        if (j - lo < hi - i) {
            quick(lo, j);
            lo = i;
        } else {
            quick(i, hi);
            hi = j;
        }
    }
    for (int i = lo + 1; i <= hi; i++) {
        int v = a[i], j = i - 1;
        while (j >= lo && a[j] > v) {
            a[j + 1] = a[j];
            j--;
        }
        a[j + 1] = v;
    }
}
EXPORT(run) int run(int n)
{
    u32 s = 31337, acc = 0;
    for (int r = 0; r < n; r++) {
        for (int i = 0; i < N; i++)
            a[i] = (int)rng_next(&s);
        if (r & 1)
            quick(0, N - 1);
        else {
            for (int i = N / 2 - 1; i >= 0; i--)
                heap_down(i, N);
            for (int i = N - 1; i > 0; i--) {
                int t = a[0];
                a[0] = a[i];
                a[i] = t;
                heap_down(0, i);
            }
        }
        for (int i = 1; i < N; i++)
            if (a[i - 1] > a[i])
                acc += 1u << 30;
        acc = acc * 33 + (u32)a[N / 3];
    }
    return (int)acc;
}
