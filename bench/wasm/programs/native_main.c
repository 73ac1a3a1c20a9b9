/* SPDX-License-Identifier: AGPL-3.0-only */
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"
int main(int argc, char **argv)
{
    volatile int n = argc > 1 ? atoi(argv[1]) : 1;
    printf("0x%x\n", (unsigned)run(n));
    return 0;
}
