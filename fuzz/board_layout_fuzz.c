/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: common base */
/* Any file as firmware: a record that is found keeps what its check promises. */
#include "wb_board.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct wb_board_layout layout;
    if (wb_board_layout_find(data, len, &layout) == WB_OK) {
        WB_ASSERT(layout.store_size % layout.sector_size == 0);
        WB_ASSERT(layout.store_base <= UINT32_MAX - layout.store_size);
        WB_ASSERT(strlen(layout.type) < sizeof layout.type);
    }
    return 0;
}
