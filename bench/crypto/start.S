/* SPDX-License-Identifier: AGPL-3.0-only */
    .section .text.start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, stack_top
    li t0, -1
    csrw mcounteren, t0
    csrw mcountinhibit, zero
    call bench_main
1:  j 1b
