/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    volatile int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
    printf("0x%x\n", (unsigned)run(n));
    return 0;
}
