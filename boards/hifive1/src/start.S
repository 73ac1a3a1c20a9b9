/* SPDX-License-Identifier: AGPL-3.0-only */
/* Start-up and trap entry of the FE310 (one hart, machine mode only). */
    .section .init, "ax"
    .globl _start
_start:
    csrr t0, mhartid
1:  beqz t0, 2f
    wfi
    j    1b
2:  la   sp, wb_board_stack_top
    .option push
    .option norelax
    la   gp, __global_pointer$
    .option pop
    la   t0, trap_entry
    csrw mtvec, t0

    la   a0, wb_board_data_start
    la   a1, wb_board_data_load
    la   a2, wb_board_data_end
3:  bgeu a0, a2, 4f
    lw   t0, 0(a1)
    sw   t0, 0(a0)
    addi a0, a0, 4
    addi a1, a1, 4
    j    3b

4:  la   a0, wb_board_bss_start
    la   a1, wb_board_bss_end
5:  bgeu a0, a1, 6f
    sw   zero, 0(a0)
    addi a0, a0, 4
    j    5b

    /* Paint the whole stack; nothing is on it yet. */
6:  la   a0, wb_board_stack_bottom
    li   t0, 0xA5A5A5A5
7:  bgeu a0, sp, 8f
    sw   t0, 0(a0)
    addi a0, a0, 4
    j    7b

8:  call main
9:  wfi
    j    9b

/* An exception must not touch the stack before it is known to be usable: overflow of the stack is the
 * likeliest one. It never returns, so it starts over at the stack's top. Interrupts (mcause negative) run
 * on the interrupted stack. */
    .text
    .align 2
trap_entry:
    csrw mscratch, t0
    csrr t0, mcause
    bgez t0, fault
    csrr t0, mscratch
    addi sp, sp, -64
    sw   ra, 0(sp)
    sw   t0, 4(sp)
    sw   t1, 8(sp)
    sw   t2, 12(sp)
    sw   t3, 16(sp)
    sw   t4, 20(sp)
    sw   t5, 24(sp)
    sw   t6, 28(sp)
    sw   a0, 32(sp)
    sw   a1, 36(sp)
    sw   a2, 40(sp)
    sw   a3, 44(sp)
    sw   a4, 48(sp)
    sw   a5, 52(sp)
    sw   a6, 56(sp)
    sw   a7, 60(sp)
    csrr a0, mcause
    call wb_hifive1_interrupt
    lw   ra, 0(sp)
    lw   t0, 4(sp)
    lw   t1, 8(sp)
    lw   t2, 12(sp)
    lw   t3, 16(sp)
    lw   t4, 20(sp)
    lw   t5, 24(sp)
    lw   t6, 28(sp)
    lw   a0, 32(sp)
    lw   a1, 36(sp)
    lw   a2, 40(sp)
    lw   a3, 44(sp)
    lw   a4, 48(sp)
    lw   a5, 52(sp)
    lw   a6, 56(sp)
    lw   a7, 60(sp)
    addi sp, sp, 64
    mret

fault:
    la   sp, wb_board_stack_top
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    j    wb_retained_fault
