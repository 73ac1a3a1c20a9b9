/* SPDX-License-Identifier: AGPL-3.0-only */
/* Mounting, formatting, and the records as users see them. */
#include "log.h"

#include <string.h>

uint8_t wb_store_record_sectors(const struct wb_flash *flash)
{
    uint32_t wanted = 12u * 1024u / flash->sector_size + 1;
    uint32_t half = flash->size / flash->sector_size / 2;
    wanted = wanted < half ? wanted : half;
    wanted = wanted < 2 ? 2 : wanted;
    return (uint8_t)(wanted < WB_STORE_RECORD_SECTORS_MAX ? wanted : WB_STORE_RECORD_SECTORS_MAX);
}

static enum wb_err init(struct wb_store *store, const struct wb_flash *flash,
                        uint8_t record_sectors)
{
    uint32_t size = flash->sector_size;
    memset(store, 0, sizeof *store);
    store->flash = flash;
    if (size < 1024 || size > 128u * 1024u || (size & (size - 1)) != 0 || flash->size % size != 0 ||
        flash->size / size < 8 || flash->size / size > UINT16_MAX) {
        return WB_ERR_UNSUPPORTED;
    }
    store->sectors = record_sectors != 0 ? record_sectors : wb_store_record_sectors(flash);
    bool fits = store->sectors >= 2 && store->sectors <= WB_STORE_RECORD_SECTORS_MAX &&
                store->sectors < flash->size / size;
    return fits ? WB_OK : WB_ERR_UNSUPPORTED;
}

enum wb_err wb_store_mount(struct wb_store *store, const struct wb_flash *flash,
                           uint8_t record_sectors)
{
    uint8_t last[2];
    size_t len;
    WB_TRY(init(store, flash, record_sectors));
    WB_TRY(flash_read(store, 0, last, sizeof last)); /* a flash that fails is not an empty one */
    WB_TRY(log_mount(store));
    store->image_last = KEY_IMAGE_MIN;
    if (wb_store_get(store, KEY_LAST, last, sizeof last, &len) == WB_OK && len == sizeof last) {
        uint16_t id = (uint16_t)(last[0] | last[1] << 8);
        store->image_last = id < KEY_IMAGE_MIN || id > KEY_IMAGE_MAX ? KEY_IMAGE_MIN : id;
    }
    return WB_OK;
}

enum wb_err wb_store_format(struct wb_store *store, const struct wb_flash *flash,
                            uint8_t record_sectors)
{
    WB_TRY(init(store, flash, record_sectors));
    for (uint8_t i = 0; i < store->sectors; i++) {
        if (!flash_is_blank(store, i * flash->sector_size, flash->sector_size)) {
            WB_TRY(flash->erase(i, flash->ctx));
        }
    }
    WB_TRY(log_start(store));
    store->image_last = KEY_IMAGE_MIN;
    return WB_OK;
}

enum wb_err wb_store_get(const struct wb_store *store, uint16_t key, void *buf, size_t cap,
                         size_t *len)
{
    struct record record;
    if (!log_find(store, key, &record)) {
        return WB_ERR_NOT_FOUND;
    }
    WB_TRY(log_check(store, &record));
    *len = record.len;
    if (record.len > cap) {
        return WB_ERR_SPACE;
    }
    return flash_read(store, record.offset + RECORD_HEAD, buf, record.len);
}

enum wb_err wb_store_get_mapped(const struct wb_store *store, uint16_t key, const void **value,
                                size_t *len)
{
    struct record record;
    const struct wb_flash *flash = store->flash;
    if (!log_find(store, key, &record)) {
        return WB_ERR_NOT_FOUND;
    }
    WB_TRY(log_check(store, &record));
    const void *mapped =
        flash->map == NULL ? NULL : flash->map(record.offset + RECORD_HEAD, record.len, flash->ctx);
    if (mapped == NULL) {
        return WB_ERR_UNSUPPORTED;
    }
    *value = mapped;
    *len = record.len;
    return WB_OK;
}

enum wb_err wb_store_put(struct wb_store *store, uint16_t key, const void *value, size_t len)
{
    WB_ASSERT(key != 0);
    WB_ASSERT(key <= WB_STORE_KEY_MAX);
    return len > WB_STORE_VALUE_MAX ? WB_ERR_LIMIT : log_put(store, key, value, len);
}

enum wb_err wb_store_remove(struct wb_store *store, uint16_t key)
{
    struct record record;
    WB_ASSERT(key <= WB_STORE_KEY_MAX);
    return log_find(store, key, &record) ? log_remove(store, key) : WB_ERR_NOT_FOUND;
}

uint16_t wb_store_next(const struct wb_store *store, uint16_t key)
{
    struct record record;
    bool found = log_next_key(store, key, &record) && record.key <= WB_STORE_KEY_MAX;
    return found ? record.key : 0;
}
