/* SPDX-License-Identifier: AGPL-3.0-only */
/* Vectors, start-up and faults of the STM32F405. The main loop runs on the process stack, handlers
 * on the main stack: an overflow of the first (it leaves the SRAM) faults, and the handler can
 * still say so. */
#include "wb_board_port.h"
#include "wb_retained.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define CPACR 0xE000ED88u
#define CFSR  0xE000ED28u
#define HFSR  0xE000ED2Cu
#define BFAR  0xE000ED38u
#define SHCSR 0xE000ED24u

#define USART1_IRQ 37
#define USART2_IRQ 38

extern uint32_t wb_board_data_start[], wb_board_data_end[], wb_board_data_load[];
extern uint32_t wb_board_bss_start[], wb_board_bss_end[];
extern uint32_t wb_cortex_m_handler_stack_top[];

int main(void);
void wb_cortex_m_reset(void);
void wb_cortex_m_start(void);
void wb_cortex_m_fault(const uint32_t *frame);
void wb_cortex_m_systick(void);
void wb_cortex_m_usart1(void);
void wb_cortex_m_usart2(void);
static void fault_entry(void);

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16 + 82] = {
    (vector)(uintptr_t)wb_cortex_m_handler_stack_top,
    wb_cortex_m_reset,
    fault_entry, /* NMI */
    fault_entry, /* HardFault */
    fault_entry, /* MemManage */
    fault_entry, /* BusFault */
    fault_entry, /* UsageFault */
    [11] = fault_entry,
    [14] = fault_entry,
    [15] = wb_cortex_m_systick,
    [16 + USART1_IRQ] = wb_cortex_m_usart1,
    [16 + USART2_IRQ] = wb_cortex_m_usart2,
};

/* FPU on before any C code, which may keep values in its registers; then over to the process stack.
 */
__attribute__((naked)) void wb_cortex_m_reset(void)
{
    __asm__ volatile("ldr r0, =0xE000ED88\n"
                     "ldr r1, [r0]\n"
                     "orr r1, r1, #(0xf << 20)\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "ldr r0, =wb_board_stack_top\n"
                     "msr psp, r0\n"
                     "movs r0, #2\n"
                     "msr control, r0\n"
                     "isb\n"
                     /* Paint the stack; nothing is on it yet. */
                     "ldr r0, =wb_board_stack_bottom\n"
                     "ldr r1, =wb_board_stack_top\n"
                     "ldr r2, =0xA5A5A5A5\n"
                     "1: cmp r0, r1\n"
                     "bhs 2f\n"
                     "str r2, [r0], #4\n"
                     "b 1b\n"
                     "2: b wb_cortex_m_start\n"
                     ".ltorg\n");
}

void wb_cortex_m_start(void)
{
    const uint32_t *from = wb_board_data_load;
    for (uint32_t *to = wb_board_data_start; to < wb_board_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = wb_board_bss_start; to < wb_board_bss_end; to++) {
        *to = 0;
    }
    main();
    for (;;) {
        __asm__ volatile("wfi");
    }
}

/* Says what happened from the handlers' stack; the frame that the processor pushed may be anywhere,
 * also nowhere (stacking failed), so only its address within the SRAM is trusted. */
void wb_cortex_m_fault(const uint32_t *frame)
{
    uintptr_t at = (uintptr_t)frame;
    uint32_t ram_size = wb_board_layout.ram_size;
    bool readable =
        at >= wb_board_layout.ram_base && at - wb_board_layout.ram_base < ram_size - 32u;
    uint32_t cause = REG(CFSR) != 0 ? REG(CFSR) : REG(HFSR);
    wb_retained_fault(cause != 0 ? cause : 1, readable ? frame[6] : 0, REG(BFAR));
}

/* Bit 2 of the return code says which stack the frame is on. The main stack starts over: nothing
 * returns. */
__attribute__((naked)) static void fault_entry(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "ldr r1, =wb_cortex_m_handler_stack_top\n"
                     "msr msp, r1\n"
                     "b wb_cortex_m_fault\n"
                     ".ltorg\n");
}
