/* SPDX-License-Identifier: AGPL-3.0-only */
/* chip.h: the board's flash chip: a file, under the rules of NOR flash.
 * Memory   the region's bytes; the file is locked against a second launcher
 * Durability each operation is in the file (the kernel's cache) before it is answered, so the death
 * of the launcher loses nothing; chip_sync() makes it survive the machine, too
 */
#ifndef WB_LAUNCHER_CHIP_H
#define WB_LAUNCHER_CHIP_H

#include "wb_mailbox.h"

struct chip {
    int fd;
    uint8_t *bytes;
    uint32_t size;
    uint32_t sector_size;
    wb_ms sync_due; /* WB_NEVER: nothing unsynced */
    uint64_t programs;
    uint64_t erases;
};

/* Opens or creates the file. False: *why says what is wrong (static text). */
bool chip_open(struct chip *c, const char *path, uint32_t size, uint32_t sector_size,
               const char **why);
void chip_close(struct chip *c);

/* Carries out PROGRAM or ERASE; [*from, *from + *len) is what changed in the region, also when
 * refused (then *len is 0). */
enum wb_mailbox_status chip_execute(struct chip *c, const struct wb_mailbox_request *request,
                                    wb_ms now, uint32_t *from, uint32_t *len);

/* Writes the kernel's cache to the disk. */
void chip_sync(struct chip *c);

#endif
