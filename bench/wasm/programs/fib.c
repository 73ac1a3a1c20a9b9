/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
static __attribute__((noinline)) int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
EXPORT(run) int run(int n)
{
    return fib(n);
}
