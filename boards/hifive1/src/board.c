/* SPDX-License-Identifier: AGPL-3.0-only */
/* HAL of the HiFive1: UART0 is the link, UART1 console and flash mailbox, the CLINT the clock.
 * Interrupts move received bytes into rings and do nothing else; the main loop sleeps in wfi. When
 * a ring is full its UART's interrupt is switched off, so that the FIFO holds the rest, until the
 * ring is read. Addresses: FE310-G000 manual; run on QEMU's sifive_e only. */
#include <string.h>

#include "wb_board_port.h"
#include "wb_retained.h"

/* The CLINT counts at 10 MHz in QEMU; on the FE310 at 32768 Hz. */
#ifndef MTIME_HZ
#define MTIME_HZ 10000000u
#endif
#define TICKS_PER_MS (MTIME_HZ / 1000u)
#define CORE_HZ      16000000u
#define BAUD         115200u

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define MTIMECMP     0x02004000u
#define MTIME        0x0200BFF8u
#define PLIC         0x0C000000u
#define PLIC_ENABLE  (PLIC + 0x2000u)
#define PLIC_CLAIM   (PLIC + 0x200004u)
#define HFXOSCCFG    0x10008004u
#define PLLCFG       0x10008008u
#define GPIO_IOF_EN  0x10012038u
#define GPIO_IOF_SEL 0x1001203Cu
#define UART0        0x10013000u
#define UART1        0x10023000u
#define UART0_IRQ    3u
#define UART1_IRQ    4u

enum uart_register {
    TXDATA = 0x00,
    RXDATA = 0x04,
    TXCTRL = 0x08,
    RXCTRL = 0x0C,
    IE = 0x10,
    DIV = 0x18
};
#define UART_FULL_OR_EMPTY 0x80000000u /* bit 31 of txdata: full; of rxdata: empty */
#define UART_IE_RX         2u

#define MSTATUS_MIE (1u << 3)
#define MIE_TIMER   (1u << 7)
#define MIE_EXTERN  (1u << 11)
#define CAUSE_TIMER 0x80000007u

struct ring {
    uint32_t uart;
    uint32_t cap; /* a power of two */
    uint8_t *bytes;
    volatile uint32_t head; /* written by the interrupt */
    volatile uint32_t tail; /* written by the main loop */
};

void wb_hifive1_interrupt(uint32_t cause); /* called by start.S */

static void uart_init(uint32_t uart);
static void uart_write(uint32_t uart, const uint8_t *data, size_t len);
static void ring_fill(struct ring *ring);
static size_t ring_read(struct ring *ring, uint8_t *buf, size_t cap);
static void sleep_while_empty(const struct ring *ring, wb_ms deadline);
static uint64_t mtime(void);

static uint8_t link_bytes[256];
static uint8_t console_bytes[16];
static struct ring link_ring = {UART0, sizeof link_bytes, link_bytes, 0, 0};
static struct ring console_ring = {UART1, sizeof console_bytes, console_bytes, 0, 0};

extern const uint8_t wb_board_store_base[], wb_board_store_size[], wb_board_seed_base[],
    wb_board_ram_base[], wb_board_ram_size[];

#define LINKER_VALUE(symbol) ((uint32_t)(uintptr_t)(symbol))

const struct wb_board_layout wb_board_layout __attribute__((section(".board_layout"), used)) = {
    .magic = WB_BOARD_MAGIC,
    .type = "hifive1",
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
    /* 16 MHz from the crystal, PLL bypassed. The model is ready at once; a board whose crystal does
     * not start goes on with its ring oscillator, and a link of the wrong speed. */
    REG(HFXOSCCFG) = 1u << 30;
    for (uint32_t i = 0; i < 100000u && (REG(HFXOSCCFG) >> 31) == 0; i++) {
    }
    REG(PLLCFG) = (1u << 18) | (1u << 17) | (1u << 16);

    /* Pins 16, 17: UART0. Pins 18, 23: UART1. */
    REG(GPIO_IOF_SEL) &= ~((3u << 16) | (1u << 18) | (1u << 23));
    REG(GPIO_IOF_EN) |= (3u << 16) | (1u << 18) | (1u << 23);

    /* The UARTs last: QEMU's PLIC does not look again at what was pending before it was enabled. */
    REG(PLIC_ENABLE) = (1u << UART0_IRQ) | (1u << UART1_IRQ);
    REG(PLIC + 4u * UART0_IRQ) = 1;
    REG(PLIC + 4u * UART1_IRQ) = 1;
    REG(PLIC + 0x200000u) = 0;
    uart_init(UART0);
    uart_init(UART1);
    __asm__ volatile("csrs mie, %0" ::"r"(MIE_EXTERN));
    __asm__ volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE));
}

size_t wb_hal_link_read(uint8_t *buf, size_t cap)
{
    return ring_read(&link_ring, buf, cap);
}

size_t wb_hal_link_write(const uint8_t *data, size_t len)
{
    uart_write(UART0, data, len);
    return len;
}

/* The FE310 drops silently when its FIFO overflows; the link's CRC finds out. */
uint32_t wb_hal_link_errors(void)
{
    return 0;
}

wb_ms wb_hal_now_ms(void)
{
    return mtime() / TICKS_PER_MS;
}

void wb_hal_idle(wb_ms deadline)
{
    sleep_while_empty(&link_ring, deadline);
}

enum wb_err wb_hal_entropy(uint8_t *buf, size_t len, uint32_t *bits)
{
    const uint8_t *seed = wb_board_seed_base;
    bool erased = true;
    for (size_t i = 0; i < WB_BOARD_SEED_LEN; i++) {
        erased = erased && (seed[i] == 0xFF || seed[i] == 0);
    }
    if (erased || len > WB_BOARD_SEED_LEN) {
        return WB_ERR_ENTROPY;
    }
    memcpy(buf, seed, len);
    *bits = (uint32_t)len * 8u;
    return WB_OK;
}

/* ---- what boards/common needs -------------------------------------------------------------- */

void wb_board_console_write(const uint8_t *data, size_t len)
{
    uart_write(UART1, data, len);
}

size_t wb_board_console_read(uint8_t *buf, size_t cap)
{
    return ring_read(&console_ring, buf, cap);
}

void wb_board_console_idle(wb_ms deadline)
{
    sleep_while_empty(&console_ring, deadline);
}

/* The watchdog would do it on the FE310; QEMU's model has none, so the launcher resets. */
void wb_board_reset(void)
{
}

/* ---- interrupts and rings ------------------------------------------------------------------ */

void wb_hifive1_interrupt(uint32_t cause)
{
    if (cause == CAUSE_TIMER) {
        /* It has done its work by ending wfi; the next sleep arms it again. */
        __asm__ volatile("csrc mie, %0" ::"r"(MIE_TIMER));
        return;
    }
    uint32_t source = REG(PLIC_CLAIM);
    if (source == UART0_IRQ) {
        ring_fill(&link_ring);
    } else if (source == UART1_IRQ) {
        ring_fill(&console_ring);
    }
    REG(PLIC_CLAIM) = source;
}

static void ring_fill(struct ring *ring)
{
    for (;;) {
        if (ring->head - ring->tail == ring->cap) {
            REG(ring->uart + IE) = 0;
            return;
        }
        uint32_t got = REG(ring->uart + RXDATA);
        if ((got & UART_FULL_OR_EMPTY) != 0) {
            return;
        }
        ring->bytes[ring->head & (ring->cap - 1)] = (uint8_t)got;
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
        REG(ring->uart + IE) = UART_IE_RX;
    }
    return len;
}

/* wfi with interrupts masked ends when one is pending, so nothing is missed between the look at the
 * ring and the sleep. */
static void sleep_while_empty(const struct ring *ring, wb_ms deadline)
{
    uint64_t at = deadline > UINT64_MAX / TICKS_PER_MS ? UINT64_MAX : deadline * TICKS_PER_MS;
    REG(MTIMECMP + 4) = UINT32_MAX; /* no alarm while the two halves disagree */
    REG(MTIMECMP) = (uint32_t)at;
    REG(MTIMECMP + 4) = (uint32_t)(at >> 32);

    __asm__ volatile("csrc mstatus, %0" ::"r"(MSTATUS_MIE) : "memory");
    if (ring->head == ring->tail && mtime() < at) {
        __asm__ volatile("csrs mie, %0" ::"r"(MIE_TIMER));
        __asm__ volatile("wfi" ::: "memory");
    }
    __asm__ volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE) : "memory");
}

static uint64_t mtime(void)
{
    uint32_t high;
    uint32_t low;
    do {
        high = REG(MTIME + 4);
        low = REG(MTIME);
    } while (high != REG(MTIME + 4));
    return ((uint64_t)high << 32) | low;
}

/* ---- UART ---------------------------------------------------------------------------------- */

static void uart_init(uint32_t uart)
{
    REG(uart + DIV) = CORE_HZ / BAUD - 1u;
    REG(uart + TXCTRL) = 1;
    REG(uart + RXCTRL) = 1; /* interrupt from the first byte on */
    REG(uart + IE) = UART_IE_RX;
}

static void uart_write(uint32_t uart, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while ((REG(uart + TXDATA) & UART_FULL_OR_EMPTY) != 0) {
        }
        REG(uart + TXDATA) = data[i];
    }
}
