/* SPDX-License-Identifier: AGPL-3.0-only */
/* The record log: a ring of R sectors. The ones in use run cyclically from the oldest to the head;
 * at rest at least one is free. A record is appended to the head; the last one of a key counts.
 * When the head is full the next free sector becomes head; before the last free one would be taken,
 * the oldest sector is collected: its records that still count are appended again, then it is
 * retired.
 *
 * Sector    0 magic, 4 seq, 8 geometry, 12 sectors of the flash, 16 CRC-32 of these; records from
 * 20 Record    0 key (16 bits), 2 len (16 bits), 4 CRC-32 (started with seq) of key, len and value;
 * value; padding
 *
 * Why a cut does no harm, operation by operation:
 *   append     a torn record fails its CRC; it is the last one of its sector, which takes no more
 *   open       a torn header fails its CRC: the sector is free
 *   collect    copies equal what they copy; only a collection leaves no sector free, so a mount
 * that finds none erases the head, which holds copies only, and the collection is done again retire
 * the oldest sector's header is programmed to zeros; from the first bit on it is free erase only of
 * free sectors (or of that head); an erased zero never turns into a header again */
#ifndef WB_STORE_LOG_H
#define WB_STORE_LOG_H

#include "wb_store.h"

#define SECTOR_HEAD   20u
#define RECORD_HEAD   8u
#define LEN_REMOVED   0xfffeu /* len of a record that says: removed */
#define CHUNK         64u     /* bytes moved at a time */
#define KEY_IMAGE_MIN 0x8000u
#define KEY_IMAGE_MAX 0xffefu
#define KEY_LAST      0xfff0u /* id of the image committed last */

struct record {
    uint32_t offset; /* of its head in the flash; 0: none */
    uint16_t key;
    uint16_t len; /* of the value; LEN_REMOVED */
};

/* Where a value comes from: memory, or another place of the flash. */
struct source {
    const uint8_t *memory; /* NULL: flash */
    uint32_t offset;
};

enum wb_err flash_read(const struct wb_store *store, uint32_t offset, void *buf, size_t len);
bool flash_is_blank(const struct wb_store *store, uint32_t offset, uint32_t len);
enum wb_err source_read(const struct wb_store *store, const struct source *source, uint32_t at,
                        void *buf, size_t len);

/* Reads all sectors and finishes what was interrupted. */
enum wb_err log_mount(struct wb_store *store);
/* Makes sector 0 the head of an empty log. The ring is erased. */
enum wb_err log_start(struct wb_store *store);

/* The record of a key that counts; false when there is none or it is removed. */
bool log_find(const struct wb_store *store, uint16_t key, struct record *record);

/* The smallest key above `key` that has a record which counts; false when there is none: start with
 * 0. One walk over the log for each key, however many records do not count any more. */
bool log_next_key(const struct wb_store *store, uint16_t key, struct record *record);

/* Compares the CRC of a record that was found: WB_ERR_INTEGRITY when flash lost bits since mount.
 */
enum wb_err log_check(const struct wb_store *store, const struct record *record);

/* Appends a record, making room first. WB_ERR_FULL. */
enum wb_err log_append(struct wb_store *store, uint16_t key, uint16_t len,
                       const struct source *source);
/* The same from memory, unless the record has that value already. */
enum wb_err log_put(struct wb_store *store, uint16_t key, const void *value, size_t len);
/* Removes a key that has a record; needs no room. */
enum wb_err log_remove(struct wb_store *store, uint16_t key);

uint32_t log_live_bytes(const struct wb_store *store);

static inline uint32_t record_size(uint16_t len)
{
    return RECORD_HEAD + (len == LEN_REMOVED ? 0u : (len + 3u) & ~3u);
}

#endif
