/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_board.h: where a firmware image expects its flash store and seed; a record inside the image.
 * Shape    the firmware holds one struct wb_board_layout; the launcher finds it by its magic and so
 * needs no table of boards of its own Format   little-endian, this layout exactly, 4-byte aligned
 * in the image
 */
#ifndef WB_BOARD_H
#define WB_BOARD_H

#include "wb_base.h"

#define WB_BOARD_MAGIC    "wasmbed-board/1" /* 15 characters and a zero */
#define WB_BOARD_SEED_LEN 64

struct wb_board_layout {
    char magic[16];
    char type[16];        /* "hifive1", "cortex-m": what --type names; padded with zeros */
    char version[16];     /* of the firmware */
    uint32_t store_base;  /* address of the store region, mapped for reading in place */
    uint32_t store_size;  /* bytes */
    uint32_t sector_size; /* unit of erasing */
    uint32_t
        seed_base; /* WB_BOARD_SEED_LEN bytes: fresh random bytes of this start; all 0xFF: none */
    uint32_t ram_base;
    uint32_t ram_size;
};

_Static_assert(sizeof(struct wb_board_layout) == 72, "read byte by byte from the image");

/* Finds and checks the record in an image. Errors: WB_ERR_NOT_FOUND without a record, WB_ERR_FORMAT
 * when its numbers contradict each other. */
enum wb_err wb_board_layout_find(const uint8_t *image, size_t len,
                                 struct wb_board_layout *layout) WB_MUST_USE;

#endif
