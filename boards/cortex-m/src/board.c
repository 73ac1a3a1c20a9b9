/* SPDX-License-Identifier: AGPL-3.0-only */
/* HAL of the STM32F405 as QEMU's netduinoplus2 has it: USART1 is the link, USART2 console and flash
 * mailbox, SysTick the clock. Interrupts move received bytes into rings and count time, nothing
 * else; the main loop sleeps in wfi. When a ring is full its receive interrupt is switched off, so
 * that the USART keeps the byte, until it is read. SysTick counts down over periods of at most 2^24
 * ticks (0.8 s at 21 MHz): a sleeping board wakes that often. A nearer deadline makes one period
 * shorter. Addresses: ST RM0090. */
#include <string.h>

#include "wb_board_port.h"

/* An eighth of the core clock, 168 MHz in QEMU from the start. A real chip starts at 16 MHz and
 * needs its PLL set up, which is missing here. */
#ifndef SYSTICK_HZ
#define SYSTICK_HZ 21000000u
#endif
#define USART1_HZ        84000000u
#define USART2_HZ        42000000u
#define BAUD             115200u
#define TICKS_PER_MS     (SYSTICK_HZ / 1000u)
#define PERIOD_MAX_TICKS 0x1000000u

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define SYST_CSR    0xE000E010u
#define SYST_RVR    0xE000E014u
#define SYST_CVR    0xE000E018u
#define ICSR        0xE000ED04u
#define PENDSTSET   (1u << 26)
#define PENDSTCLR   (1u << 25)
#define NVIC_ISER   0xE000E100u
#define SHCSR       0xE000ED24u
#define RCC_AHB1ENR 0x40023830u
#define RCC_APB1ENR 0x40023840u
#define RCC_APB2ENR 0x40023844u
#define GPIOA_MODER 0x40020000u
#define GPIOA_AFRL  0x40020020u
#define GPIOA_AFRH  0x40020024u
#define USART1      0x40011000u
#define USART2      0x40004400u
#define USART1_IRQ  37u
#define USART2_IRQ  38u

enum usart_register { SR = 0x00, DR = 0x04, BRR = 0x08, CR1 = 0x0C };
#define SR_ORE     (1u << 3)
#define SR_RXNE    (1u << 5)
#define SR_TXE     (1u << 7)
#define CR1_ENABLE ((1u << 13) | (1u << 3) | (1u << 2)) /* USART, transmitter, receiver */
#define CR1_RXNEIE (1u << 5)

struct ring {
    uint32_t usart;
    uint32_t cap; /* a power of two */
    uint8_t *bytes;
    volatile uint32_t head;     /* written by the interrupt */
    volatile uint32_t tail;     /* written by the main loop */
    volatile uint32_t overruns; /* the USART saw a byte before the last one was read */
};

void wb_cortex_m_systick(void); /* called through the vectors */
void wb_cortex_m_usart1(void);
void wb_cortex_m_usart2(void);

static void usart_init(uint32_t usart, uint32_t clock_hz);
static void usart_write(uint32_t usart, const uint8_t *data, size_t len);
static void ring_fill(struct ring *ring);
static size_t ring_read(struct ring *ring, uint8_t *buf, size_t cap);
static void sleep_while_empty(const struct ring *ring, wb_ms deadline);
static void period_begin(uint32_t ticks);
static uint64_t ticks_now(void);
static uint32_t irq_off(void);
static void irq_restore(uint32_t primask);

static uint8_t link_bytes[1024];
static uint8_t console_bytes[16];
static struct ring link_ring = {USART1, sizeof link_bytes, link_bytes, 0, 0, 0};
static struct ring console_ring = {USART2, sizeof console_bytes, console_bytes, 0, 0, 0};
static volatile uint64_t period_start; /* in ticks since start */
static volatile uint32_t period;

extern const uint8_t wb_board_store_base[], wb_board_store_size[], wb_board_seed_base[],
    wb_board_ram_base[], wb_board_ram_size[];

#define LINKER_VALUE(symbol) ((uint32_t)(uintptr_t)(symbol))

/* 4 KB sectors are the emulated chip's; the STM32F405's own flash erases 128 KB at once there. */
const struct wb_board_layout wb_board_layout __attribute__((section(".board_layout"), used)) = {
    .magic = WB_BOARD_MAGIC,
    .type = "cortex-m",
    .version = WB_FIRMWARE_VERSION,
    .store_base = LINKER_VALUE(wb_board_store_base),
    .store_size = LINKER_VALUE(wb_board_store_size),
    .sector_size = 4096,
    .seed_base = LINKER_VALUE(wb_board_seed_base),
    .ram_base = LINKER_VALUE(wb_board_ram_base),
    .ram_size = LINKER_VALUE(wb_board_ram_size),
};

/* ---- HAL ----------------------------------------------------------------------------------- */

void wb_hal_init(void)
{
    REG(RCC_AHB1ENR) |= 1u;
    REG(RCC_APB1ENR) |= 1u << 17;
    REG(RCC_APB2ENR) |= 1u << 4;
    /* PA9, PA10: USART1; PA2, PA3: USART2; all alternate function 7. */
    REG(GPIOA_MODER) = (REG(GPIOA_MODER) & ~0x003C00F0u) | 0x002800A0u;
    REG(GPIOA_AFRL) = (REG(GPIOA_AFRL) & ~0x0000FF00u) | 0x00007700u;
    REG(GPIOA_AFRH) = (REG(GPIOA_AFRH) & ~0x00000FF0u) | 0x00000770u;

    REG(SHCSR) |= 7u << 16; /* usage, bus and memory faults by themselves */
    period_begin(PERIOD_MAX_TICKS);
    REG(SYST_CSR) = 3; /* on, with interrupt, from the divided clock */

    REG(NVIC_ISER + 4u * (USART1_IRQ / 32u)) = 1u << (USART1_IRQ % 32u);
    REG(NVIC_ISER + 4u * (USART2_IRQ / 32u)) = 1u << (USART2_IRQ % 32u);
    usart_init(USART1, USART1_HZ);
    usart_init(USART2, USART2_HZ);
}

size_t wb_hal_link_read(uint8_t *buf, size_t cap)
{
    return ring_read(&link_ring, buf, cap);
}

size_t wb_hal_link_write(const uint8_t *data, size_t len)
{
    usart_write(USART1, data, len);
    return len;
}

uint32_t wb_hal_link_errors(void)
{
    uint32_t mask = irq_off();
    uint32_t overruns = link_ring.overruns;
    link_ring.overruns = 0;
    irq_restore(mask);
    return overruns;
}

wb_ms wb_hal_now_ms(void)
{
    return ticks_now() / TICKS_PER_MS;
}

void wb_hal_idle(wb_ms deadline)
{
    sleep_while_empty(&link_ring, deadline);
}

/* The chip's own generator (RNG, 0x50060800) reads as zeros in QEMU; the launcher's seed takes its
 * place. */
enum wb_err wb_hal_entropy(uint8_t *buf, size_t len, uint32_t *bits)
{
    const uint8_t *seed = wb_board_seed_base;
    bool blank = true;
    for (size_t i = 0; i < WB_BOARD_SEED_LEN; i++) {
        blank = blank && (seed[i] == 0xFF || seed[i] == 0);
    }
    if (blank || len > WB_BOARD_SEED_LEN) {
        return WB_ERR_ENTROPY;
    }
    memcpy(buf, seed, len);
    *bits = (uint32_t)len * 8u;
    return WB_OK;
}

/* ---- what boards/common needs -------------------------------------------------------------- */

void wb_board_console_write(const uint8_t *data, size_t len)
{
    usart_write(USART2, data, len);
}

size_t wb_board_console_read(uint8_t *buf, size_t cap)
{
    return ring_read(&console_ring, buf, cap);
}

void wb_board_console_idle(wb_ms deadline)
{
    sleep_while_empty(&console_ring, deadline);
}

/* Left to the launcher, which gives a new seed with it and slows a board down that resets again and
 * again. A real board writes 0x05FA0004 to AIRCR (0xE000ED0C) here. */
void wb_board_reset(void)
{
}

/* ---- interrupts and rings ------------------------------------------------------------------ */

void wb_cortex_m_usart1(void)
{
    ring_fill(&link_ring);
}

void wb_cortex_m_usart2(void)
{
    ring_fill(&console_ring);
}

static void ring_fill(struct ring *ring)
{
    for (;;) {
        uint32_t status = REG(ring->usart + SR);
        if ((status & (SR_RXNE | SR_ORE)) == 0) {
            return;
        }
        if (ring->head - ring->tail == ring->cap) {
            REG(ring->usart + CR1) = CR1_ENABLE;
            return;
        }
        if ((status & SR_ORE) != 0) {
            ring->overruns = ring->overruns + 1;
        }
        ring->bytes[ring->head & (ring->cap - 1)] = (uint8_t)REG(ring->usart + DR);
        ring->head = ring->head + 1;
    }
}

static size_t ring_read(struct ring *ring, uint8_t *buf, size_t cap)
{
    size_t len = 0;
    while (len < cap && ring->tail != ring->head) {
        buf[len++] = ring->bytes[ring->tail & (ring->cap - 1)];
        ring->tail = ring->tail + 1;
    }
    if (len > 0) {
        REG(ring->usart + CR1) = CR1_ENABLE | CR1_RXNEIE;
    }
    return len;
}

/* wfi with interrupts masked ends when one is pending, so nothing is missed between the look at the
 * ring and the sleep. */
static void sleep_while_empty(const struct ring *ring, wb_ms deadline)
{
    uint64_t at = deadline > UINT64_MAX / TICKS_PER_MS ? UINT64_MAX : deadline * TICKS_PER_MS;
    uint32_t mask = irq_off();
    uint64_t now = ticks_now();
    if (ring->head == ring->tail && now < at) {
        if (at < period_start + period) {
            uint64_t left = at - now;
            /* RVR 0 would stop the counter. */
            period_begin(left < 2 ? 2 : (uint32_t)left);
        }
        __asm__ volatile("dsb\nwfi" ::: "memory");
    }
    irq_restore(mask);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* A period is over. A short one is followed by a long one, so that nothing wakes the board again
 * for it. */
void wb_cortex_m_systick(void)
{
    period_start = period_start + period;
    if (period != PERIOD_MAX_TICKS) {
        period_begin(PERIOD_MAX_TICKS);
    }
}

/* Ends the current period now. Interrupts are off, or it is the handler; a wrap that was pending is
 * in ticks_now() already. */
static void period_begin(uint32_t ticks)
{
    period_start = ticks_now();
    period = ticks;
    REG(SYST_RVR) = ticks - 1u;
    REG(SYST_CVR) = 0;
    REG(ICSR) = PENDSTCLR;
}

/* The counter runs from period - 1 down to 0, then again; a wrap whose interrupt waits counts as
 * well. */
static uint64_t ticks_now(void)
{
    uint32_t mask = irq_off();
    uint64_t now = period_start;
    if (period != 0) {
        uint32_t left = REG(SYST_CVR);
        if ((REG(ICSR) & PENDSTSET) != 0) {
            now += period;
            left = REG(SYST_CVR);
        }
        now += left == 0 ? 0 : period - left;
    }
    irq_restore(mask);
    return now;
}

static uint32_t irq_off(void)
{
    uint32_t primask;
    __asm__ volatile("mrs %0, primask\ncpsid i" : "=r"(primask)::"memory");
    return primask;
}

static void irq_restore(uint32_t primask)
{
    __asm__ volatile("msr primask, %0" ::"r"(primask) : "memory");
}

/* ---- USART --------------------------------------------------------------------------------- */

static void usart_init(uint32_t usart, uint32_t clock_hz)
{
    REG(usart + BRR) = (clock_hz + BAUD / 2u) / BAUD;
    REG(usart + CR1) = CR1_ENABLE | CR1_RXNEIE;
}

static void usart_write(uint32_t usart, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while ((REG(usart + SR) & SR_TXE) == 0) {
        }
        REG(usart + DR) = data[i];
    }
}
