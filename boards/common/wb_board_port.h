/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_board_port.h: what a board's driver gives the code that all boards share, beside the HAL. */
#ifndef WB_BOARD_PORT_H
#define WB_BOARD_PORT_H

#include "wb_board.h"
#include "wb_hal.h"

/* The layout record of this image; supplied by the board. */
extern const struct wb_board_layout wb_board_layout;

/* Raw console bytes, for the flash mailbox. Writing waits for the FIFO; reading takes what is
 * there. */
void wb_board_console_write(const uint8_t *data, size_t len);
size_t wb_board_console_read(uint8_t *buf, size_t cap);

/* As wb_hal_idle(), but console input wakes it and link input does not. */
void wb_board_console_idle(wb_ms deadline);

/* Resets for real, after the console has been told; returns when the board has no means (then the
 * launcher does it). */
void wb_board_reset(void);

/* Memory that the linker script leaves to the applications. */
extern uint8_t wb_board_arena_start[], wb_board_arena_size[]; /* the second's address is the size */
/* The stack: painted by start-up code with WB_BOARD_STACK_PAINT. */
extern uint32_t wb_board_stack_bottom[], wb_board_stack_top[];
#define WB_BOARD_STACK_PAINT 0xA5A5A5A5u
/* Static data: .data and .bss. */
extern uint8_t wb_board_static_start[], wb_board_static_end[];

/* Bytes of the stack that have ever been used. */
uint32_t wb_board_stack_used(void);

#endif
