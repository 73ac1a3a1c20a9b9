/* SPDX-License-Identifier: AGPL-3.0-only */
/* Writes beyond the memory that a small board backs, within what it declares. */
#include "wasmbed.h"

WASMBED_EXPORT("_start") void beyond_start(void);

void beyond_start(void)
{
    wasmbed_print(WASMBED_INFO, "writing at 40000");
    *(volatile uint8_t *)(uintptr_t)40000 = 1;
    wasmbed_print(WASMBED_INFO, "memory is there");
    wasmbed_sleep_ms(1000000);
}
