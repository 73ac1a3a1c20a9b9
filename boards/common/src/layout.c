/* SPDX-License-Identifier: AGPL-3.0-only */
/* The layout record, found by its magic at any multiple of 4 of the image: an ELF file keeps
 * sections aligned, so neither headers nor symbols need to be read. */
#include "wb_board.h"

#include <string.h>

static enum wb_err layout_check(const struct wb_board_layout *layout);

enum wb_err wb_board_layout_find(const uint8_t *image, size_t len, struct wb_board_layout *layout)
{
    for (size_t at = 0; at + sizeof *layout <= len; at += 4) {
        if (memcmp(image + at, WB_BOARD_MAGIC, sizeof WB_BOARD_MAGIC) != 0) {
            continue;
        }
        struct wb_board_layout found;
        struct wb_reader r;
        wb_reader_init(&r, image + at, sizeof found);
        memcpy(found.magic, wb_read_bytes(&r, sizeof found.magic), sizeof found.magic);
        memcpy(found.type, wb_read_bytes(&r, sizeof found.type), sizeof found.type);
        memcpy(found.version, wb_read_bytes(&r, sizeof found.version), sizeof found.version);
        found.store_base = wb_read_le32(&r);
        found.store_size = wb_read_le32(&r);
        found.sector_size = wb_read_le32(&r);
        found.seed_base = wb_read_le32(&r);
        found.ram_base = wb_read_le32(&r);
        found.ram_size = wb_read_le32(&r);
        WB_TRY(r.err);
        WB_TRY(layout_check(&found));
        *layout = found;
        return WB_OK;
    }
    return WB_ERR_NOT_FOUND;
}

static enum wb_err layout_check(const struct wb_board_layout *l)
{
    if (memchr(l->type, 0, sizeof l->type) == NULL ||
        memchr(l->version, 0, sizeof l->version) == NULL) {
        return WB_ERR_FORMAT;
    }
    bool sector_ok = l->sector_size >= 256 && (l->sector_size & (l->sector_size - 1)) == 0;
    /* 64 MB is more flash than any board has; it bounds what the launcher allocates. */
    if (!sector_ok || l->store_size == 0 || l->store_size > (64u << 20) ||
        l->store_size % l->sector_size != 0 || l->store_base % l->sector_size != 0 ||
        l->store_base > UINT32_MAX - l->store_size || l->ram_size == 0) {
        return WB_ERR_FORMAT;
    }
    bool seed_inside =
        l->seed_base >= l->store_base && l->seed_base - l->store_base < l->store_size;
    return seed_inside ? WB_ERR_FORMAT : WB_OK;
}
