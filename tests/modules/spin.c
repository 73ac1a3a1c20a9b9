/* SPDX-License-Identifier: AGPL-3.0-only */
/* Never returns: others must run beside it, and its fuel per second must hold. */
#include "wasmbed.h"

WASMBED_EXPORT("_start") void spin_start(void);

void spin_start(void)
{
    volatile uint32_t count = 0;

    wasmbed_print(WASMBED_INFO, "spinning");
    for (;;) {
        count++;
    }
}
