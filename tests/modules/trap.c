/* SPDX-License-Identifier: AGPL-3.0-only */
/* Says a line, then traps (unreachable) two calls deep: a status with reason and backtrace. */
#include "wasmbed.h"

WASMBED_EXPORT("_start") void trap_start(void);

__attribute__((noinline)) static void inner(int32_t depth)
{
    if (depth != 0) {
        __builtin_trap();
    }
}

__attribute__((noinline)) static void outer(int32_t depth)
{
    inner(depth);
    wasmbed_print(WASMBED_INFO, "not reached");
}

void trap_start(void)
{
    wasmbed_print(WASMBED_INFO, "about to trap");
    outer((int32_t)wasmbed_time_ms() | 1);
}
