/* SPDX-License-Identifier: AGPL-3.0-only */
/* Retained RAM, the assertion handler and the stack's high-water mark. */
#include "wb_retained.h"

#include <string.h>

#include "wb_board_port.h"

#define RETAINED_MAGIC 0x57425244u /* "WBRD" */

static uint32_t sum_of(const struct wb_retained *r);
_Noreturn static void keep_and_reset(enum wb_retained_reason reason, const char *text);

static struct wb_retained retained __attribute__((section(".retained")));

struct wb_retained wb_retained_take(void)
{
    struct wb_retained got = retained;
    if (got.magic != RETAINED_MAGIC || got.sum != sum_of(&got)) {
        memset(&got, 0, sizeof got);
        got.magic = RETAINED_MAGIC;
    }
    got.file[sizeof got.file - 1] = 0;
    retained = got;
    retained.reason = WB_RETAINED_POWER_ON;
    retained.sum = sum_of(&retained);
    return got;
}

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    (void)expression;
    strncpy(retained.file, file, sizeof retained.file - 1);
    retained.line = (uint32_t)line;
    keep_and_reset(WB_RETAINED_ASSERT, "assertion failed");
}

_Noreturn void wb_retained_fault(uint32_t cause, uint32_t pc, uint32_t address)
{
    retained.cause = cause;
    retained.pc = pc;
    retained.address = address;
    keep_and_reset(WB_RETAINED_FAULT, "processor fault");
}

_Noreturn void wb_retained_restart(const char *reason)
{
    keep_and_reset(WB_RETAINED_RESTART, reason);
}

uint32_t wb_board_stack_used(void)
{
    const uint32_t *at = wb_board_stack_bottom;
    while (at < wb_board_stack_top && *at == WB_BOARD_STACK_PAINT) {
        at++;
    }
    return (uint32_t)((const uint8_t *)wb_board_stack_top - (const uint8_t *)at);
}

_Noreturn static void keep_and_reset(enum wb_retained_reason reason, const char *text)
{
    retained.magic = RETAINED_MAGIC;
    retained.reason = (uint32_t)reason;
    retained.resets++;
    retained.sum = sum_of(&retained);
    wb_hal_reset(text);
}

/* Enough to tell a record from what RAM holds after power-on. */
static uint32_t sum_of(const struct wb_retained *r)
{
    const uint8_t *at = (const uint8_t *)r;
    uint32_t sum = 0x811C9DC5u;
    for (size_t i = 0; i < offsetof(struct wb_retained, sum); i++) {
        sum = (sum ^ at[i]) * 0x01000193u;
    }
    return sum;
}
