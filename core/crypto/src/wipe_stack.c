/* SPDX-License-Identifier: AGPL-3.0-only */
/* Compiled on its own so that it gets a frame of its own. */
#include "wipe_stack.h"

#include "wb_base.h"

#include <stdint.h>

/* What lies below the functions that use this, on 32-bit machines (measured with bench/crypto). */
#define DEPTH 448u

void wb_wipe_stack(void)
{
    uint8_t below[DEPTH];
    wb_wipe(below, sizeof below);
}
