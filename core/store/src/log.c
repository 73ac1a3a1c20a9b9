/* SPDX-License-Identifier: AGPL-3.0-only */
/* The record log; see log.h for its idea. Order: mount, find, append, collect. */
#include "log.h"

#include <string.h>

#define MAGIC   0x31534257u /* "WBS1" */
#define VERSION 1u

static enum wb_err open_sector(struct wb_store *store);

static uint32_t sector_size(const struct wb_store *store)
{
    return store->flash->sector_size;
}

enum wb_err flash_read(const struct wb_store *store, uint32_t offset, void *buf, size_t len)
{
    return store->flash->read(offset, buf, len, store->flash->ctx);
}

static enum wb_err flash_program(const struct wb_store *store, uint32_t offset, const void *data,
                                 size_t len)
{
    return store->flash->program(offset, data, len, store->flash->ctx);
}

bool flash_is_blank(const struct wb_store *store, uint32_t offset, uint32_t len)
{
    uint8_t buf[CHUNK];
    while (len > 0) {
        size_t take = len < CHUNK ? len : CHUNK;
        if (flash_read(store, offset, buf, take) != WB_OK) {
            return false;
        }
        for (size_t i = 0; i < take; i++) {
            if (buf[i] != 0xff) {
                return false;
            }
        }
        offset += (uint32_t)take;
        len -= (uint32_t)take;
    }
    return true;
}

enum wb_err source_read(const struct wb_store *store, const struct source *source, uint32_t at,
                        void *buf, size_t len)
{
    if (source->memory == NULL) {
        return flash_read(store, source->offset + at, buf, len);
    }
    memcpy(buf, source->memory + at, len);
    return WB_OK;
}

/* ---- sectors ------------------------------------------------------------------------------ */

/* Sector `back` steps before the head on the ring. */
static uint8_t sector_before(const struct wb_store *store, uint8_t back)
{
    return (uint8_t)((store->head + store->sectors - back) % store->sectors);
}

static void make_header(const struct wb_store *store, uint32_t seq, uint8_t header[SECTOR_HEAD])
{
    struct wb_writer w;
    wb_writer_init(&w, header, SECTOR_HEAD);
    wb_write_le32(&w, MAGIC);
    wb_write_le32(&w, seq);
    wb_write_le32(&w, VERSION << 24 | (uint32_t)store->sectors << 16 | sector_size(store) >> 10);
    wb_write_le32(&w, store->flash->size / sector_size(store));
    wb_write_le32(&w, wb_crc32(0, header, SECTOR_HEAD - 4));
}

enum header_state { HEADER_NONE, HEADER_MAGIC, HEADER_FOREIGN, HEADER_GOOD };

/* NONE: not ours, free or blank. MAGIC: ours but damaged. FOREIGN: of another geometry or version.
 */
static enum header_state read_header(const struct wb_store *store, uint8_t sector, uint32_t *seq)
{
    uint8_t header[SECTOR_HEAD];
    uint8_t expected[SECTOR_HEAD];
    if (flash_read(store, sector * sector_size(store), header, SECTOR_HEAD) != WB_OK) {
        return HEADER_NONE;
    }
    struct wb_reader r;
    wb_reader_init(&r, header, SECTOR_HEAD);
    if (wb_read_le32(&r) != MAGIC) {
        return HEADER_NONE;
    }
    *seq = wb_read_le32(&r);
    (void)wb_read_le64(&r);
    if (wb_read_le32(&r) != wb_crc32(0, header, SECTOR_HEAD - 4)) {
        return HEADER_MAGIC;
    }
    make_header(store, *seq, expected);
    return memcmp(header, expected, SECTOR_HEAD) == 0 ? HEADER_GOOD : HEADER_FOREIGN;
}

/* ---- records ------------------------------------------------------------------------------ */

static enum wb_err record_crc(const struct wb_store *store, uint32_t seq, uint16_t key,
                              uint16_t len, const struct source *source, uint32_t *crc)
{
    uint8_t buf[CHUNK];
    struct wb_writer w;
    wb_writer_init(&w, buf, sizeof buf);
    wb_write_le16(&w, key);
    wb_write_le16(&w, len);
    *crc = wb_crc32(seq, buf, w.len);
    uint32_t value_len = len == LEN_REMOVED ? 0 : len;
    for (uint32_t at = 0; at < value_len;) {
        size_t take = value_len - at < CHUNK ? value_len - at : CHUNK;
        WB_TRY(source_read(store, source, at, buf, take));
        *crc = wb_crc32(*crc, buf, take);
        at += (uint32_t)take;
    }
    return WB_OK;
}

/* Key and length at offset; false when there is no record. All walks come through here, so it is
 * short. */
static bool read_record(const struct wb_store *store, uint32_t offset, struct record *record)
{
    uint8_t head[4];
    if (flash_read(store, offset, head, sizeof head) != WB_OK) {
        return false;
    }
    record->offset = offset;
    record->key = (uint16_t)(head[0] | head[1] << 8);
    record->len = (uint16_t)(head[2] | head[3] << 8);
    return record->len <= WB_STORE_VALUE_MAX || record->len == LEN_REMOVED;
}

/* Whether the record at offset is whole; `room` bytes are left in its sector. */
static bool is_record(const struct wb_store *store, uint32_t seq, uint32_t offset, uint32_t room,
                      struct record *record)
{
    uint8_t stored[4];
    uint32_t crc;
    if (room < RECORD_HEAD || !read_record(store, offset, record) ||
        record_size(record->len) > room) {
        return false;
    }
    struct source value = {NULL, offset + RECORD_HEAD};
    if (flash_read(store, offset + 4, stored, sizeof stored) != WB_OK ||
        record_crc(store, seq, record->key, record->len, &value, &crc) != WB_OK) {
        return false;
    }
    struct wb_reader r;
    wb_reader_init(&r, stored, sizeof stored);
    return wb_read_le32(&r) == crc;
}

/* Finds the end of a sector's records by checking each. */
static void scan_sector(struct wb_store *store, uint8_t sector, uint32_t seq)
{
    uint32_t base = sector * sector_size(store);
    uint32_t at = SECTOR_HEAD;
    struct record record;
    while (is_record(store, seq, base + at, sector_size(store) - at, &record)) {
        at += record_size(record.len);
    }
    store->ends[sector] = (uint16_t)(at / 4);
    if (sector == store->head) {
        store->head_closed = !flash_is_blank(store, base + at, sector_size(store) - at);
    }
}

/* Takes the head, which holds copies only, away again: the collection that made it was cut. */
static enum wb_err undo_head(struct wb_store *store)
{
    WB_TRACE(store, "no free sector -> collection was cut, erase head %u", store->head);
    uint8_t head = store->head;
    store->ends[head] = 0;
    store->head = sector_before(store, 1);
    store->seq--;
    store->used--;
    store->head_closed = true; /* something did not fit */
    return store->flash->erase(head, store->flash->ctx);
}

enum wb_err log_mount(struct wb_store *store)
{
    uint8_t good = 0;
    bool magic = false;
    bool foreign = false;
    for (uint8_t i = 0; i < store->sectors; i++) {
        uint32_t seq = 0;
        enum header_state state = read_header(store, i, &seq);
        magic = magic || state == HEADER_MAGIC;
        foreign = foreign || state == HEADER_FOREIGN;
        if (state == HEADER_GOOD && (good++ == 0 || seq > store->seq)) {
            store->seq = seq;
            store->head = i;
        }
    }
    if (foreign) {
        return WB_ERR_UNSUPPORTED;
    }
    if (good == 0) {
        bool blank = flash_is_blank(store, 0, store->sectors * sector_size(store));
        return blank ? WB_ERR_NOT_FOUND : magic ? WB_ERR_INTEGRITY : WB_ERR_FORMAT;
    }
    uint32_t seq;
    while (store->used < good) {
        uint8_t sector = sector_before(store, store->used);
        if (read_header(store, sector, &seq) != HEADER_GOOD || seq != store->seq - store->used) {
            return WB_ERR_INTEGRITY; /* a hole between sectors that are good */
        }
        scan_sector(store, sector, seq);
        store->used++;
    }
    return store->used == store->sectors ? undo_head(store) : WB_OK;
}

enum wb_err log_start(struct wb_store *store)
{
    store->head = (uint8_t)(store->sectors - 1);
    return open_sector(store);
}

/* ---- finding ------------------------------------------------------------------------------ */

/* A walk over all records from the oldest on, or from any of them. */
struct walk {
    uint8_t back; /* sectors before the head */
    uint32_t at;
};

static bool walk_next(const struct wb_store *store, struct walk *walk, struct record *record)
{
    for (;;) {
        uint8_t sector = sector_before(store, walk->back);
        if (walk->at < store->ends[sector] * 4u) {
            bool good = read_record(store, sector * sector_size(store) + walk->at, record);
            walk->at += record_size(record->len);
            return good; /* it was there at mount: else the flash fails */
        }
        if (walk->back == 0) {
            return false;
        }
        walk->back--;
        walk->at = SECTOR_HEAD;
    }
}

static struct walk walk_begin(const struct wb_store *store)
{
    return (struct walk){(uint8_t)(store->used - 1), SECTOR_HEAD};
}

bool log_find(const struct wb_store *store, uint16_t key, struct record *record)
{
    struct walk walk = walk_begin(store);
    struct record at;
    record->offset = 0;
    while (walk_next(store, &walk, &at)) {
        if (at.key == key) {
            *record = at;
        }
    }
    return record->offset != 0 && record->len != LEN_REMOVED;
}

/* Whether a later record of the key, behind where the walk stands, makes this one count no more.
 * Mostly it is near. */
static bool is_superseded(const struct wb_store *store, struct walk walk, uint16_t key)
{
    struct record later;
    while (walk_next(store, &walk, &later)) {
        if (later.key == key) {
            return true;
        }
    }
    return false;
}

bool log_next_key(const struct wb_store *store, uint16_t key, struct record *record)
{
    struct walk walk = walk_begin(store);
    struct record at;
    struct record found;
    record->offset = 0;
    while (walk_next(store, &walk, &at)) {
        if (at.key > key && (record->offset == 0 || at.key < record->key) &&
            log_find(store, at.key, &found)) {
            *record = found;
        }
    }
    return record->offset != 0;
}

enum wb_err log_check(const struct wb_store *store, const struct record *record)
{
    uint8_t sector = (uint8_t)(record->offset / sector_size(store));
    uint8_t back = (uint8_t)((store->head + store->sectors - sector) % store->sectors);
    struct record same;
    bool whole =
        is_record(store, store->seq - back, record->offset, record_size(record->len), &same);
    return whole ? WB_OK : WB_ERR_INTEGRITY;
}

uint32_t log_live_bytes(const struct wb_store *store)
{
    struct record record = {0};
    uint32_t bytes = 0;
    while (log_next_key(store, record.key, &record)) {
        bytes += record_size(record.len);
    }
    return bytes;
}

/* ---- appending ---------------------------------------------------------------------------- */

static uint32_t head_room(const struct wb_store *store)
{
    return store->head_closed ? 0 : sector_size(store) - store->ends[store->head] * 4u;
}

/* Makes the next sector, which is free, the head. */
static enum wb_err open_sector(struct wb_store *store)
{
    uint8_t header[SECTOR_HEAD];
    uint8_t next = (uint8_t)((store->head + 1) % store->sectors);
    WB_ASSERT(store->used < store->sectors);
    if (!flash_is_blank(store, next * sector_size(store), sector_size(store))) {
        WB_TRY(store->flash->erase(next, store->flash->ctx));
    }
    make_header(store, store->seq + 1, header);
    WB_TRY(flash_program(store, next * sector_size(store), header, SECTOR_HEAD));
    store->head = next;
    store->seq++;
    store->used++;
    store->ends[next] = SECTOR_HEAD / 4;
    store->head_closed = false;
    return WB_OK;
}

/* Writes a record behind the last of the head, which has room, and reads it back. */
static enum wb_err write_record(struct wb_store *store, uint16_t key, uint16_t len,
                                const struct source *source)
{
    uint32_t size = record_size(len);
    uint32_t end = store->ends[store->head] * 4u;
    uint32_t offset = store->head * sector_size(store) + end;
    uint32_t value_len = len == LEN_REMOVED ? 0 : len;
    uint32_t crc;
    uint8_t buf[CHUNK];
    struct wb_writer w;
    WB_ASSERT(size <= head_room(store));
    WB_TRY(record_crc(store, store->seq, key, len, source, &crc));
    store->head_closed = true; /* unless all goes well */
    wb_writer_init(&w, buf, CHUNK);
    wb_write_le16(&w, key);
    wb_write_le16(&w, len);
    wb_write_le32(&w, crc);
    uint32_t taken = 0;
    for (uint32_t at = 0; at < size;) {
        size_t left = value_len - taken;
        if (w.len == 0 && source->memory != NULL && left >= 4) { /* whole words as they lie */
            size_t whole = left & ~(size_t)3;
            WB_TRY(flash_program(store, offset + at, source->memory + taken, whole));
            taken += (uint32_t)whole;
            at += (uint32_t)whole;
            continue;
        }
        size_t take = left < CHUNK - w.len ? left : CHUNK - w.len;
        WB_TRY(source_read(store, source, taken, buf + w.len, take));
        taken += (uint32_t)take;
        w.len += take;
        while (w.len % 4 != 0) {
            buf[w.len++] = 0xff;
        }
        WB_TRY(flash_program(store, offset + at, buf, w.len));
        at += (uint32_t)w.len;
        w.len = 0;
    }
    struct record written;
    if (!is_record(store, store->seq, offset, size, &written)) {
        return WB_ERR_FLASH;
    }
    store->ends[store->head] = (uint16_t)((end + size) / 4);
    store->head_closed = false;
    return WB_OK;
}

/* Appends the records of the oldest sector that still count; a key to be dropped is left out. */
static enum wb_err copy_oldest(struct wb_store *store, uint8_t oldest, uint16_t drop)
{
    uint32_t base = oldest * sector_size(store);
    uint32_t end = store->ends[oldest] * 4u;
    struct record record;
    for (uint32_t at = SECTOR_HEAD; at < end;) {
        if (!read_record(store, base + at, &record)) {
            return WB_ERR_FLASH;
        }
        at += record_size(record.len);
        struct walk behind = {(uint8_t)(store->used - 1), at};
        /* A record that says removed ends here, too: what it removed lies before it, in this
         * sector. */
        if (record.key == drop || record.len == LEN_REMOVED ||
            is_superseded(store, behind, record.key)) {
            continue;
        }
        if (record_size(record.len) > head_room(store)) {
            if (store->used == store->sectors) {
                return WB_ERR_FLASH; /* a sector's records fit into a sector: writing failed before
                                      */
            }
            WB_TRY(open_sector(store));
        }
        struct source value = {NULL, record.offset + RECORD_HEAD};
        WB_TRY(write_record(store, record.key, record.len, &value));
    }
    return WB_OK;
}

/* Frees the oldest sector. */
static enum wb_err collect(struct wb_store *store, uint16_t drop)
{
    static const uint8_t zeros[SECTOR_HEAD];
    uint8_t oldest = sector_before(store, (uint8_t)(store->used - 1));
    uint32_t base = oldest * sector_size(store);
    if (oldest == store->head) { /* R is 2 */
        WB_TRY(open_sector(store));
    }
    WB_TRY(copy_oldest(store, oldest, drop));
    WB_TRACE(store, "sector %u collected -> retired", oldest);
    /* What the header says now decides, here and at the next mount, also when the flash reports an
     * error. */
    uint32_t seq;
    enum wb_err err = flash_program(store, base, zeros, SECTOR_HEAD);
    if (read_header(store, oldest, &seq) == HEADER_GOOD) {
        return err != WB_OK ? err : WB_ERR_FLASH;
    }
    store->ends[oldest] = 0;
    store->used--;
    return err;
}

/* One step towards room in the head: a new head while more than one sector is free, else a
 * collection. */
static enum wb_err make_room(struct wb_store *store, uint16_t drop)
{
    if (store->used == store->sectors) { /* a collection failed before */
        WB_TRY(undo_head(store));
    }
    return store->used + 1 < store->sectors ? open_sector(store) : collect(store, drop);
}

enum wb_err log_append(struct wb_store *store, uint16_t key, uint16_t len,
                       const struct source *source)
{
    uint32_t size = record_size(len);
    uint32_t capacity = (uint32_t)(store->sectors - 1) * (sector_size(store) - SECTOR_HEAD);
    if (size > head_room(store) && log_live_bytes(store) + size > capacity) {
        return WB_ERR_FULL;
    }
    /* Once around the ring packs the records as densely as they go. */
    for (unsigned step = 0; size > head_room(store); step++) {
        if (step > 2u * store->sectors) {
            return WB_ERR_FULL;
        }
        WB_TRY(make_room(store, 0));
    }
    return write_record(store, key, len, source);
}

static bool is_equal(const struct wb_store *store, const struct record *record, const void *value,
                     size_t len)
{
    uint8_t buf[CHUNK];
    if (record->len != len) {
        return false;
    }
    for (size_t at = 0; at < len;) {
        size_t take = len - at < CHUNK ? len - at : CHUNK;
        uint32_t offset = record->offset + RECORD_HEAD + (uint32_t)at;
        if (flash_read(store, offset, buf, take) != WB_OK ||
            memcmp(buf, (const uint8_t *)value + at, take) != 0) {
            return false;
        }
        at += take;
    }
    return true;
}

enum wb_err log_put(struct wb_store *store, uint16_t key, const void *value, size_t len)
{
    struct record record;
    struct source source = {len == 0 ? (const uint8_t *)"" : value, 0};
    WB_ASSERT(len <= WB_STORE_VALUE_MAX);
    if (log_find(store, key, &record) && is_equal(store, &record, value, len)) {
        return WB_OK;
    }
    return log_append(store, key, (uint16_t)len, &source);
}

enum wb_err log_remove(struct wb_store *store, uint16_t key)
{
    static const struct source nothing = {(const uint8_t *)"", 0};
    struct record record;
    while (RECORD_HEAD > head_room(store)) {
        WB_TRY(make_room(store, key));
        if (!log_find(store, key, &record)) {
            return WB_OK; /* it vanished with the sector that it was in */
        }
    }
    return write_record(store, key, LEN_REMOVED, &nothing);
}
