/* SPDX-License-Identifier: AGPL-3.0-only */
/* Memory that holds secrets: wiping and comparing. */
#include "wb_base.h"

#include <string.h>

void wb_wipe(void *memory, size_t len)
{
    memset(memory, 0, len);
    /* The compiler must assume that this reads the memory, so the memset above stays. */
    __asm__ volatile("" : : "r"(memory) : "memory");
}

bool wb_ct_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++) {
        difference |= (uint8_t)(x[i] ^ y[i]);
    }
    return difference == 0;
}
