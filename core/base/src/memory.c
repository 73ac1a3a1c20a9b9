/* SPDX-License-Identifier: AGPL-3.0-only */
/* Memory that holds secrets: wiping and comparing. */
#include "wb_base.h"

/* Volatile stores are not removed. Word by word: a board's memset goes byte by byte, and some of
 * this happens for each block of a hash. */
void wb_wipe(void *memory, size_t len)
{
    typedef uint32_t __attribute__((may_alias)) word;
    volatile uint8_t *at = memory;
    for (; len > 0 && (uintptr_t)at % sizeof(word) != 0; len--) {
        *at++ = 0;
    }
    for (; len >= sizeof(word); len -= sizeof(word)) {
        *(volatile word *)(volatile void *)at = 0;
        at += sizeof(word);
    }
    for (; len > 0; len--) {
        *at++ = 0;
    }
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
