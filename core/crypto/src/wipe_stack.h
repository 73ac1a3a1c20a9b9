/* SPDX-License-Identifier: AGPL-3.0-only */
/* wipe_stack.h: overwrites what functions called before left on the stack below the caller:
 * intermediate values of loops in which wiping each time would cost too much. */
#ifndef WB_CRYPTO_WIPE_STACK_H
#define WB_CRYPTO_WIPE_STACK_H

void wb_wipe_stack(void);

#endif
