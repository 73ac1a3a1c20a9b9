/* SPDX-License-Identifier: AGPL-3.0-only */
/* Images: content in whole sectors behind the record log; what exists is said by records alone (key
 * = id; value: first sector, size, CRC of the content, meta). So committing is one put, and free
 * space is what no record and no writer claims. */
#include "log.h"

#include <string.h>

#define IMAGE_HEAD 12u
_Static_assert(IMAGE_HEAD + WB_STORE_META_MAX <= WB_STORE_VALUE_MAX, "an image is one record");

struct range { /* of sectors */
    uint32_t start;
    uint32_t count;
};

static uint32_t sectors_for(const struct wb_store *store, uint32_t size)
{
    uint32_t sector_size = store->flash->sector_size;
    return size / sector_size + (size % sector_size != 0);
}

static uint32_t sectors_total(const struct wb_store *store)
{
    return store->flash->size / store->flash->sector_size;
}

/* Reads an image's record; false when it makes no sense. */
static bool read_image(const struct wb_store *store, const struct record *record,
                       struct wb_store_image *image, struct range *range)
{
    uint8_t head[IMAGE_HEAD];
    struct wb_reader r;
    if (record->key < KEY_IMAGE_MIN || record->key > KEY_IMAGE_MAX || record->len < IMAGE_HEAD ||
        flash_read(store, record->offset + RECORD_HEAD, head, IMAGE_HEAD) != WB_OK) {
        return false;
    }
    wb_reader_init(&r, head, IMAGE_HEAD);
    range->start = wb_read_le32(&r);
    image->id = record->key;
    image->size = wb_read_le32(&r);
    image->crc = wb_read_le32(&r);
    image->meta_len = (uint16_t)(record->len - IMAGE_HEAD);
    range->count = sectors_for(store, image->size);
    return image->size > 0 && range->start >= store->sectors &&
           range->start < sectors_total(store) &&
           range->count <= sectors_total(store) - range->start;
}

/* The image with the smallest id above `id`. */
static bool next_image(const struct wb_store *store, uint16_t id, struct wb_store_image *image,
                       struct range *range)
{
    struct record record = {.key = id < KEY_IMAGE_MIN ? KEY_IMAGE_MIN - 1 : id};
    while (log_next_key(store, record.key, &record)) {
        if (read_image(store, &record, image, range)) {
            return true;
        }
    }
    return false;
}

/* First range from sector `from` on that is taken: by an image, or by the writer. */
static bool next_taken(const struct wb_store *store, uint32_t from, struct range *taken)
{
    struct wb_store_image image = {0};
    struct range range = {store->write_start, store->write_sectors};
    bool found = range.count > 0 && range.start >= from;
    if (found) {
        *taken = range;
    }
    while (next_image(store, image.id, &image, &range)) {
        if (range.start >= from && (!found || range.start < taken->start)) {
            *taken = range;
            found = true;
        }
    }
    return found;
}

/* First gap of at least `count` sectors; the largest one when count is 0. Its count is 0 when there
 * is none. */
static struct range find_gap(const struct wb_store *store, uint32_t count)
{
    struct range best = {0, 0};
    uint32_t from = store->sectors;
    struct range taken = {0, 0};
    bool more = true;
    while (more) {
        more = next_taken(store, from, &taken);
        uint32_t end = more ? taken.start : sectors_total(store);
        struct range gap = {from, end - from};
        if (count != 0 && gap.count >= count) {
            return gap;
        }
        if (count == 0 && gap.count > best.count) {
            best = gap;
        }
        from = more ? taken.start + taken.count : end;
    }
    return best;
}

enum wb_err wb_store_image_begin(struct wb_store *store, struct wb_store_writer *writer,
                                 uint32_t size_max)
{
    memset(writer, 0, sizeof *writer);
    if (store->write_sectors != 0) {
        return WB_ERR_STATE;
    }
    uint32_t count = sectors_for(store, size_max);
    struct range gap = find_gap(store, count);
    if (gap.count == 0) {
        return WB_ERR_FULL;
    }
    count = count == 0 ? gap.count : count;
    store->write_start = (uint16_t)gap.start;
    store->write_sectors = (uint16_t)count;
    writer->store = store;
    writer->base = gap.start * store->flash->sector_size;
    writer->cap = count * store->flash->sector_size;
    return WB_OK;
}

uint32_t wb_store_writer_cap(const struct wb_store_writer *writer)
{
    return writer->cap;
}

uint32_t wb_store_writer_len(const struct wb_store_writer *writer)
{
    return writer->len;
}

/* Erases sectors up to content offset `end`, the blank ones excepted. */
static enum wb_err erase_to(struct wb_store_writer *writer, uint32_t end)
{
    const struct wb_flash *flash = writer->store->flash;
    while (writer->erased < end) {
        uint32_t offset = writer->base + writer->erased;
        if (!flash_is_blank(writer->store, offset, flash->sector_size)) {
            WB_TRY(flash->erase(offset / flash->sector_size, flash->ctx));
        }
        writer->erased += flash->sector_size;
    }
    return WB_OK;
}

static void program_to(struct wb_store_writer *writer, const uint8_t *data, uint32_t end)
{
    const struct wb_flash *flash = writer->store->flash;
    uint32_t from = writer->programmed;
    writer->err = erase_to(writer, end);
    if (writer->err == WB_OK) {
        writer->err = flash->program(writer->base + from, data, end - from, flash->ctx);
    }
}

/* Programs what the page holds beyond `programmed`; a last word that is not full only with pad, and
 * it will be programmed again when it is. The page begins at a multiple of its size. */
static void flush(struct wb_store_writer *writer, bool pad)
{
    uint32_t whole = writer->len & ~3u;
    uint32_t end = pad ? (writer->len + 3) & ~3u : whole;
    if (writer->err != WB_OK || writer->programmed == end) {
        return;
    }
    for (uint32_t i = writer->len; i < end; i++) {
        writer->page[i % WB_STORE_PAGE] = 0xff;
    }
    program_to(writer, writer->page + writer->programmed % WB_STORE_PAGE, end);
    writer->programmed = whole;
}

enum wb_err wb_store_image_append(struct wb_store_writer *writer, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    if (writer->store == NULL) {
        return WB_ERR_STATE;
    }
    if (writer->err == WB_OK && len > writer->cap - writer->len) {
        writer->err = WB_ERR_FULL;
    }
    while (len > 0 && writer->err == WB_OK) {
        uint32_t at = writer->len % WB_STORE_PAGE;
        if (at == 0 && len >= WB_STORE_PAGE) { /* the page is empty: whole pages as they lie */
            uint32_t whole = (uint32_t)(len - len % WB_STORE_PAGE);
            program_to(writer, bytes, writer->len + whole);
            writer->len += whole;
            writer->programmed = writer->len;
            bytes += whole;
            len -= whole;
            continue;
        }
        size_t take = len < WB_STORE_PAGE - at ? len : WB_STORE_PAGE - at;
        memcpy(writer->page + at, bytes, take);
        writer->len += (uint32_t)take;
        bytes += take;
        len -= take;
        if (writer->len % WB_STORE_PAGE == 0) {
            flush(writer, false);
        }
    }
    return writer->err;
}

enum wb_err wb_store_image_program(struct wb_store_writer *writer, uint32_t offset,
                                   const void *data, size_t len)
{
    if (writer->store == NULL) {
        return WB_ERR_STATE;
    }
    flush(writer, false);
    WB_TRY(writer->err);
    if (offset % 4 != 0 || len % 4 != 0 || offset > writer->programmed ||
        len > writer->programmed - offset) {
        return WB_ERR_VALUE;
    }
    const struct wb_flash *flash = writer->store->flash;
    writer->err = flash->program(writer->base + offset, data, len, flash->ctx);
    return writer->err;
}

enum wb_err wb_store_image_read(struct wb_store_writer *writer, uint32_t offset, void *buf,
                                size_t len)
{
    if (writer->store == NULL) {
        return WB_ERR_STATE;
    }
    if (offset > writer->len || len > writer->len - offset) {
        return WB_ERR_VALUE;
    }
    flush(writer, true);
    WB_TRY(writer->err);
    return flash_read(writer->store, writer->base + offset, buf, len);
}

const void *wb_store_image_map(struct wb_store_writer *writer)
{
    if (writer->store == NULL) {
        return NULL;
    }
    const struct wb_flash *flash = writer->store->flash;
    flush(writer, true);
    if (writer->err != WB_OK || flash->map == NULL) {
        return NULL;
    }
    return flash->map(writer->base, writer->len, flash->ctx);
}

static enum wb_err content_crc(const struct wb_store *store, uint32_t offset, uint32_t size,
                               uint32_t *crc)
{
    uint8_t buf[CHUNK];
    *crc = 0;
    while (size > 0) {
        size_t take = size < CHUNK ? size : CHUNK;
        WB_TRY(flash_read(store, offset, buf, take));
        *crc = wb_crc32(*crc, buf, take);
        offset += (uint32_t)take;
        size -= (uint32_t)take;
    }
    return WB_OK;
}

/* Id that no image has, remembered first: after a cut it is skipped, never used twice. */
static enum wb_err take_id(struct wb_store *store, uint16_t *id)
{
    struct record record;
    uint16_t next = store->image_last;
    do {
        next = (uint16_t)(next < KEY_IMAGE_MAX ? next + 1u : KEY_IMAGE_MIN);
    } while (log_find(store, next, &record));
    uint8_t bytes[2] = {(uint8_t)next, (uint8_t)(next >> 8)};
    WB_TRY(log_put(store, KEY_LAST, bytes, sizeof bytes));
    store->image_last = next;
    *id = next;
    return WB_OK;
}

static enum wb_err commit(struct wb_store_writer *writer, const void *meta, size_t meta_len,
                          uint16_t *id)
{
    struct wb_store *store = writer->store;
    uint8_t value[IMAGE_HEAD + WB_STORE_META_MAX];
    struct wb_writer w;
    uint32_t crc;
    if (meta_len > WB_STORE_META_MAX || writer->len == 0) {
        return WB_ERR_VALUE;
    }
    flush(writer, true);
    WB_TRY(writer->err);
    WB_TRY(content_crc(store, writer->base, writer->len, &crc));
    WB_TRY(take_id(store, id));
    wb_writer_init(&w, value, sizeof value);
    wb_write_le32(&w, writer->base / store->flash->sector_size);
    wb_write_le32(&w, writer->len);
    wb_write_le32(&w, crc);
    wb_write_bytes(&w, meta, meta_len);
    return log_put(store, *id, value, w.len);
}

enum wb_err wb_store_image_commit(struct wb_store_writer *writer, const void *meta, size_t meta_len,
                                  uint16_t *id)
{
    if (writer->store == NULL) {
        return WB_ERR_STATE;
    }
    enum wb_err err = commit(writer, meta, meta_len, id);
    wb_store_image_abort(writer);
    return err;
}

void wb_store_image_abort(struct wb_store_writer *writer)
{
    if (writer->store != NULL) {
        writer->store->write_sectors = 0;
        writer->store = NULL;
    }
}

/* ---- committed images --------------------------------------------------------------------- */

enum wb_err wb_store_image_find(const struct wb_store *store, uint16_t id,
                                struct wb_store_image *image)
{
    struct record record;
    struct range range;
    const struct wb_flash *flash = store->flash;
    if (!log_find(store, id, &record) || !read_image(store, &record, image, &range)) {
        return WB_ERR_NOT_FOUND;
    }
    image->offset = range.start * flash->sector_size;
    image->data = flash->map == NULL ? NULL : flash->map(image->offset, image->size, flash->ctx);
    return WB_OK;
}

uint16_t wb_store_image_next(const struct wb_store *store, uint16_t id)
{
    struct wb_store_image image;
    struct range range;
    return next_image(store, id, &image, &range) ? image.id : 0;
}

enum wb_err wb_store_image_meta(const struct wb_store *store, uint16_t id, void *buf, size_t cap,
                                size_t *len)
{
    struct record record;
    struct wb_store_image image;
    struct range range;
    if (!log_find(store, id, &record) || !read_image(store, &record, &image, &range)) {
        return WB_ERR_NOT_FOUND;
    }
    *len = image.meta_len;
    if (image.meta_len > cap) {
        return WB_ERR_SPACE;
    }
    return flash_read(store, record.offset + RECORD_HEAD + IMAGE_HEAD, buf, image.meta_len);
}

enum wb_err wb_store_image_check(const struct wb_store *store, uint16_t id)
{
    struct wb_store_image image;
    uint32_t crc;
    WB_TRY(wb_store_image_find(store, id, &image));
    WB_TRY(content_crc(store, image.offset, image.size, &crc));
    return crc == image.crc ? WB_OK : WB_ERR_INTEGRITY;
}

enum wb_err wb_store_image_remove(struct wb_store *store, uint16_t id)
{
    struct wb_store_image image;
    WB_TRY(wb_store_image_find(store, id, &image));
    return log_remove(store, id);
}

void wb_store_space(const struct wb_store *store, struct wb_store_space *space)
{
    uint32_t sector_size = store->flash->sector_size;
    uint32_t used = 0;
    struct wb_store_image image = {0};
    struct range range;
    while (next_image(store, image.id, &image, &range)) {
        used += range.count * sector_size;
    }
    space->image_size = (sectors_total(store) - store->sectors) * sector_size;
    space->image_free = space->image_size - used;
    space->image_gap_max = find_gap(store, 0).count * sector_size;
    space->record_size = (uint32_t)(store->sectors - 1) * (sector_size - SECTOR_HEAD);
    space->record_live = log_live_bytes(store);
}
