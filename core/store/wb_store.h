/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_store.h: records and executable images in raw NOR flash, safe against power cuts.
 * Shape    plain calls on a mounted store; each returns when its flash operations are done
 * Layout   sectors 0 to R-1: a circular log of records; the others: images, contiguous, nothing
 *          but content, so that code is executed where it lies. An image exists when its record
 *          does
 * Promise  what was acknowledged (put, remove, commit) is there after any cut, whole; what was
 *          not is there whole or not at all. A half-programmed word or half-erased sector is
 *          never believed
 * Limits   flash of 8 to 65535 sectors of 1 KB to 128 KB; records of 512 bytes; live records
 *          together about R-1 sectors; one image is written at a time
 * Memory   no heap; a store 52 bytes, a writer 92 (32-bit); at most 0.9 KB of stack
 * Time     mount reads the log once (R sectors), however large the flash; put erases one sector
 *          every sector's worth of records; wear is even over the log
 * Errors   those of flash functions pass through; the store stays consistent and usable
 * Source   docs/spec/store.md
 */
#ifndef WB_STORE_H
#define WB_STORE_H

#include "wb_base.h"

#define WB_STORE_VALUE_MAX          512u /* bytes of a record */
#define WB_STORE_META_MAX           256u /* bytes of description kept with an image */
#define WB_STORE_RECORD_SECTORS_MAX 16u  /* R is 2 … 16 */
#define WB_STORE_PAGE               64u  /* bytes the writer collects before it programs */

/* The flash as a board or a fixture supplies it; kept until the store is no longer used. The store
 * calls it with offsets below size and aligned lengths only. */
struct wb_flash {
    uint32_t size;        /* bytes; a multiple of sector_size; at least 8 sectors */
    uint32_t sector_size; /* smallest erasable unit: a power of two, 1 KB … 128 KB */
    /* Any offset, any len. */
    enum wb_err (*read)(uint32_t offset, void *buf, size_t len, void *ctx);
    /* offset and len are multiples of 4. Bits go from 1 to 0 only; bytes 0xff in data leave the
     * flash as it is. A word may be programmed again to clear more bits. data may lie in the flash
     * itself. */
    enum wb_err (*program)(uint32_t offset, const void *data, size_t len, void *ctx);
    /* Sector index; all its bytes become 0xff. */
    enum wb_err (*erase)(uint32_t sector, void *ctx);
    /* Pointer through which the range can be read and executed as long as the program runs, or NULL
     * when this flash is not memory-mapped. The function itself may be NULL, too. */
    const void *(*map)(uint32_t offset, size_t len, void *ctx);
    void *ctx;
};

struct wb_store { /* private */
    const struct wb_flash *flash;
    uint32_t seq;                               /* sequence number of the head sector */
    uint16_t ends[WB_STORE_RECORD_SECTORS_MAX]; /* of each sector's records, in words; 0: unused */
    uint16_t write_start;                       /* sectors reserved by the writer … */
    uint16_t write_sectors;                     /* … 0: nothing is being written */
    uint16_t image_last;                        /* id of the image committed last */
    uint8_t sectors;                            /* R */
    uint8_t head;                               /* sector that records are appended to */
    uint8_t used;     /* sectors in use, head included; they end at head, cyclically */
    bool head_closed; /* nothing may be appended to the head any more */
};

/* Record sectors (R) for a flash when the caller has no wish of its own: room for 12 KB of records
 * and at most half of the flash. */
uint8_t wb_store_record_sectors(const struct wb_flash *flash);

/* Mounts what is there, finishing what a power cut interrupted. record_sectors: 0 takes the
 * default; else it must be what the store was formatted with. Outcomes: WB_ERR_NOT_FOUND the record
 * region is blank (all 0xff): format it. WB_ERR_FORMAT there is content, but none of ours;
 * formatting would destroy it, so ask. WB_ERR_UNSUPPORTED ours, of another version or geometry.
 * WB_ERR_INTEGRITY ours, and damaged (or a format was cut). Never formats by itself. */
enum wb_err wb_store_mount(struct wb_store *store, const struct wb_flash *flash,
                           uint8_t record_sectors) WB_MUST_USE;

/* Erases the record region (images vanish with it), and mounts the empty store. */
enum wb_err wb_store_format(struct wb_store *store, const struct wb_flash *flash,
                            uint8_t record_sectors) WB_MUST_USE;

/* ---- records ------------------------------------------------------------------------------ */

/* Keys of records: 1 … WB_STORE_KEY_MAX; those above are the store's own. */
#define WB_STORE_KEY_MAX 0x7fffu

/* Copies the value into buf. Outcomes: WB_ERR_NOT_FOUND; WB_ERR_SPACE when it is longer than cap
 * (*len is its length then, too); WB_ERR_INTEGRITY flash lost bits of it. */
enum wb_err wb_store_get(const struct wb_store *store, uint16_t key, void *buf, size_t cap,
                         size_t *len) WB_MUST_USE;

/* Borrows the value where it lies in flash, until the next put, remove or commit. Outcomes: as
 * wb_store_get; WB_ERR_UNSUPPORTED when the flash is not memory-mapped. */
enum wb_err wb_store_get_mapped(const struct wb_store *store, uint16_t key, const void **value,
                                size_t *len) WB_MUST_USE;

/* Replaces the value at once: after a cut there is the old one or the new one. An equal value costs
 * no flash operation. value must not be a borrow from this store (compaction may erase it).
 * Outcomes: WB_ERR_FULL, WB_ERR_LIMIT (longer than WB_STORE_VALUE_MAX); the old value stays. */
enum wb_err wb_store_put(struct wb_store *store, uint16_t key, const void *value,
                         size_t len) WB_MUST_USE;

/* Removes the record. Outcomes: WB_ERR_NOT_FOUND. */
enum wb_err wb_store_remove(struct wb_store *store, uint16_t key) WB_MUST_USE;

/* Smallest key above key that has a record, 0 when there is none: start with 0. The store may be
 * changed between calls. */
uint16_t wb_store_next(const struct wb_store *store, uint16_t key);

/* ---- images ------------------------------------------------------------------------------- */

/* A committed image. Refer to it by id: an id is not used again until 32,000 others were. */
struct wb_store_image {
    uint16_t id;       /* 0x8000 … 0xffef */
    uint16_t meta_len; /* read with wb_store_image_meta */
    uint32_t size;     /* bytes of content */
    uint32_t crc;      /* CRC-32 of the content */
    uint32_t offset;   /* of the content in the flash; a multiple of sector_size */
    const void *data;  /* the content mapped until it is removed; NULL: flash is not mapped */
};

/* An image being written; the caller's storage until commit or abort. */
struct wb_store_writer { /* private */
    struct wb_store *store;
    uint32_t base;       /* offset of the content in the flash */
    uint32_t cap;        /* bytes reserved */
    uint32_t len;        /* bytes appended so far */
    uint32_t programmed; /* of them in the flash; a multiple of 4 */
    uint32_t erased;     /* sectors before this offset (from base) are erased */
    enum wb_err err;
    uint8_t page[WB_STORE_PAGE]; /* bytes of the last, not yet programmed page */
};

/* Reserves the first gap that holds size_max bytes (0: the largest gap there is;
 * wb_store_writer_cap tells) and starts writing there. Every committed image stays valid and
 * mapped. Sectors are erased as the content reaches them. An image that is not committed leaves no
 * trace after a cut. Outcomes: WB_ERR_FULL no such gap; WB_ERR_STATE another image is being
 * written. */
enum wb_err wb_store_image_begin(struct wb_store *store, struct wb_store_writer *writer,
                                 uint32_t size_max) WB_MUST_USE;

/* Bytes that the image can have at most. */
uint32_t wb_store_writer_cap(const struct wb_store_writer *writer);
/* Bytes appended so far; the offset of the next. */
uint32_t wb_store_writer_len(const struct wb_store_writer *writer);

/* Appends. The writer is sticky: after an error each call returns it. Outcomes: WB_ERR_FULL beyond
 * the reservation. */
enum wb_err wb_store_image_append(struct wb_store_writer *writer, const void *data, size_t len);

/* Programs bytes that were appended as 0xff (words reserved for later). offset and len are
 * multiples of 4 and lie in what was appended; else WB_ERR_VALUE. Bits that are 0 already stay 0.
 */
enum wb_err wb_store_image_program(struct wb_store_writer *writer, uint32_t offset,
                                   const void *data, size_t len);

/* Reads back what was appended. Outcomes: WB_ERR_VALUE out of range. */
enum wb_err wb_store_image_read(struct wb_store_writer *writer, uint32_t offset, void *buf,
                                size_t len);

/* Programs what is still collected and returns the content mapped, or NULL (not mapped, or an
 * error, which the next call returns): for checks that run over the whole before it is committed.
 */
const void *wb_store_image_map(struct wb_store_writer *writer);

/* Makes the image exist, with meta. The reservation shrinks to what was used. On an error the image
 * does not exist and the writer is as after abort. Outcomes: WB_ERR_FULL no room for the record. */
enum wb_err wb_store_image_commit(struct wb_store_writer *writer, const void *meta, size_t meta_len,
                                  uint16_t *id) WB_MUST_USE;

/* Gives the reservation back. Harmless after commit and on a writer that never began (all zero). */
void wb_store_image_abort(struct wb_store_writer *writer);

/* Outcomes: WB_ERR_NOT_FOUND. */
enum wb_err wb_store_image_find(const struct wb_store *store, uint16_t id,
                                struct wb_store_image *image) WB_MUST_USE;
/* Smallest id above id that is an image, 0 when there is none: start with 0. */
uint16_t wb_store_image_next(const struct wb_store *store, uint16_t id);
/* Copies the description. Outcomes: WB_ERR_NOT_FOUND, WB_ERR_SPACE. */
enum wb_err wb_store_image_meta(const struct wb_store *store, uint16_t id, void *buf, size_t cap,
                                size_t *len) WB_MUST_USE;
/* Reads the content and compares its CRC: WB_ERR_INTEGRITY when flash lost bits. Run it before
 * executing. */
enum wb_err wb_store_image_check(const struct wb_store *store, uint16_t id) WB_MUST_USE;
/* Removes the image; nobody may execute it any more. Outcomes: WB_ERR_NOT_FOUND. */
enum wb_err wb_store_image_remove(struct wb_store *store, uint16_t id) WB_MUST_USE;

/* ---- space -------------------------------------------------------------------------------- */

struct wb_store_space {
    uint32_t image_size; /* bytes of the image region */
    uint32_t image_free; /* bytes of it without image (a reservation counts as free until commit) */
    uint32_t image_gap_max; /* largest image that could be begun */
    uint32_t record_size;   /* bytes that live records can have together, heads included */
    uint32_t
        record_live; /* bytes that they have; a record costs 8 more than its value, rounded to 4 */
};

void wb_store_space(const struct wb_store *store, struct wb_store_space *space);

#endif
