/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
EXPORT(run) int run(int n)
{
    return n + 1;
}
