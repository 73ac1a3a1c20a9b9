/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_hal.h: everything the firmware needs from a board.
 * Shape    plain functions, one board a program; boards/<board>/ implements them
 * Order    wb_hal_init() first; nothing else may be called before it
 * Threads  called from the main loop only; interrupt handlers fill rings and count time, nothing
 * else Memory   static storage of the board, no heap Errors   only flash and entropy can fail; a
 * broken UART shows as wb_hal_link_errors()
 */
#ifndef WB_HAL_H
#define WB_HAL_H

#include "wb_base.h"

/* Starts clocks, UARTs, timer and interrupts. */
void wb_hal_init(void);

/* ---- link: the UART that leads to the gateway ---------------------------------------------- */

/* Takes what has arrived, at most cap bytes; 0 when there is nothing. Never waits. */
size_t wb_hal_link_read(uint8_t *buf, size_t cap);

/* Hands bytes to the transmitter; returns how many it took, which may be fewer than len. Waits no
 * longer than the transmit FIFO needs. The caller offers the rest again. */
size_t wb_hal_link_write(const uint8_t *data, size_t len);

/* Bytes lost on reception since the last call (overruns, framing errors); the count restarts at 0.
 */
uint32_t wb_hal_link_errors(void);

/* ---- time ---------------------------------------------------------------------------------- */

/* Milliseconds since the start of the board; never goes back; not wall time. */
wb_ms wb_hal_now_ms(void);

/* Sleeps until link input is waiting or the clock has reached deadline, whichever is first; returns
 * at once when either holds already, and may return early. WB_NEVER: only input wakes it. Uses no
 * processor time while it sleeps. */
void wb_hal_idle(wb_ms deadline);

/* ---- entropy ------------------------------------------------------------------------------- */

/* Fills buf with seed material of this start and says in *bits how much entropy it is worth, by a
 * conservative estimate. The same bytes may come again on a second call in one start: mix, do not
 * rely on freshness. Outcomes: WB_ERR_ENTROPY when the board has none; nothing is faked. */
enum wb_err wb_hal_entropy(uint8_t *buf, size_t len, uint32_t *bits) WB_MUST_USE;

/* ---- flash: the store region, offsets from its first byte ---------------------------------- */

struct wb_hal_flash {
    uint32_t size;            /* bytes of the region; a multiple of sector_size */
    uint32_t sector_size;     /* unit of erasing, a power of two */
    uint32_t program_len_max; /* longest single wb_hal_flash_program() the driver does without
                                 splitting */
    const uint8_t *map; /* the region in the address space, readable and executable in place */
};

const struct wb_hal_flash *wb_hal_flash(void);

/* Clears bits. Any offset and length inside the region; bytes 0xFF in data leave the flash as it
 * is, a byte may be programmed again to clear more bits. Reads back and compares. While it runs,
 * link input may be lost on real boards: the link's peer holds back. Errors: WB_ERR_VALUE outside
 * the region, WB_ERR_FLASH when a bit would have to change from 0 to 1, the chip refused, did not
 * answer, or reads back differently. */
enum wb_err wb_hal_flash_program(uint32_t offset, const void *data, size_t len) WB_MUST_USE;

/* Sets the sector that begins at offset to 0xFF; errors as above. */
enum wb_err wb_hal_flash_erase(uint32_t offset) WB_MUST_USE;

/* ---- console and reset --------------------------------------------------------------------- */

/* Writes text for people; may drop it. Bytes below 0x20 other than newline and tab become '?'. */
void wb_hal_log(const char *text, size_t len);

/* Restarts the board. Retained RAM (wb_retained.h) keeps its contents; reason is for the console.
 */
_Noreturn void wb_hal_reset(const char *reason);

#endif
