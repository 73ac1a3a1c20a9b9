/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: store */
/* Any flash content: mounting does not crash and gives a usable store or an error; blank flash
 * alone is called blank. The input lies over the beginning of the flash; its first byte chooses the
 * geometry, its second whether checksums of sector headers and records are put right, so that the
 * fuzzer gets behind them. */
#include "wb_store.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR  1024u
#define SECTORS 16u

static uint8_t bytes[SECTOR * SECTORS];

static enum wb_err read_flash(uint32_t offset, void *buf, size_t len, void *ctx)
{
    (void)ctx;
    if (offset > sizeof bytes || len > sizeof bytes - offset) {
        abort();
    }
    memcpy(buf, bytes + offset, len);
    return WB_OK;
}

static enum wb_err program_flash(uint32_t offset, const void *data, size_t len, void *ctx)
{
    (void)ctx;
    if (offset % 4 != 0 || len % 4 != 0 || offset > sizeof bytes || len > sizeof bytes - offset) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        bytes[offset + i] &= ((const uint8_t *)data)[i];
    }
    return WB_OK;
}

static enum wb_err erase_flash(uint32_t sector, void *ctx)
{
    (void)ctx;
    if (sector >= SECTORS) {
        abort();
    }
    memset(bytes + sector * SECTOR, 0xff, SECTOR);
    return WB_OK;
}

static const void *map_flash(uint32_t offset, size_t len, void *ctx)
{
    (void)ctx;
    if (offset > sizeof bytes || len > sizeof bytes - offset) {
        abort();
    }
    return bytes + offset;
}

static void put_le32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

/* Corrects CRCs along the records as far as their lengths make sense. */
static void mend(uint8_t *sector, uint8_t records)
{
    uint32_t seq = sector[4]; /* small numbers: so that sectors follow one another */
    memcpy(sector, "WBS1", 4);
    put_le32(sector + 4, seq);
    put_le32(sector + 8, 1u << 24 | (uint32_t)records << 16 | SECTOR >> 10);
    put_le32(sector + 12, SECTORS);
    put_le32(sector + 16, wb_crc32(0, sector, 16));
    for (uint32_t at = 20; at + 8 <= SECTOR;) {
        uint32_t len = (uint32_t)(sector[at + 2] | sector[at + 3] << 8);
        uint32_t value_len = len == 0xfffe ? 0 : len;
        if (value_len > 512 || at + 8 + value_len > SECTOR) {
            return;
        }
        uint32_t crc = wb_crc32(seq, sector + at, 4);
        put_le32(sector + at + 4, wb_crc32(crc, sector + at + 8, value_len));
        at += 8 + ((value_len + 3) & ~3u);
    }
}

/* Outcomes that depend on the content. */
static void ignore(enum wb_err err)
{
    (void)err;
}

static void use(struct wb_store *store)
{
    static uint8_t value[WB_STORE_VALUE_MAX];
    struct wb_store_writer writer;
    struct wb_store_space space;
    struct wb_store_image image;
    size_t len;
    uint16_t id;
    for (uint16_t key = 0; (key = wb_store_next(store, key)) != 0;) {
        if (wb_store_get(store, key, value, sizeof value, &len) != WB_OK) {
            abort();
        }
    }
    for (id = 0; (id = wb_store_image_next(store, id)) != 0;) {
        if (wb_store_image_find(store, id, &image) == WB_OK) {
            ignore(wb_store_image_check(store, id));
            ignore(wb_store_image_meta(store, id, value, sizeof value, &len));
        }
    }
    wb_store_space(store, &space);
    memset(value, 0x5a, sizeof value);
    enum wb_err err = wb_store_put(store, 77, value, 100);
    if (err == WB_OK &&
        (wb_store_get(store, 77, value, sizeof value, &len) != WB_OK || len != 100)) {
        abort();
    }
    if (err != WB_OK && err != WB_ERR_FULL) {
        abort();
    }
    if (wb_store_image_begin(store, &writer, 0) == WB_OK) {
        ignore(wb_store_image_append(&writer, value, 300));
        ignore(wb_store_image_commit(&writer, "m", 1, &id));
    }
    ignore(wb_store_remove(store, 77));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_flash flash = {.size = sizeof bytes,
                             .sector_size = SECTOR,
                             .read = read_flash,
                             .program = program_flash,
                             .erase = erase_flash,
                             .map = map_flash};
    struct wb_store store;
    if (size < 2) {
        return 0;
    }
    uint8_t records = (uint8_t)(2 + data[0] % 4);
    memset(bytes, 0xff, sizeof bytes);
    memcpy(bytes, data + 2, size - 2 < sizeof bytes ? size - 2 : sizeof bytes);
    for (uint8_t i = 0; i < records; i++) {
        if ((data[1] >> i & 1) != 0) {
            mend(bytes + i * SECTOR, records);
        }
    }
    static uint8_t before[sizeof bytes];
    memcpy(before, bytes, sizeof bytes);
    enum wb_err err = wb_store_mount(&store, &flash, records);
    if (err == WB_OK) {
        use(&store);
        if (wb_store_mount(&store, &flash, records) != WB_OK) {
            abort();
        }
    } else if (memcmp(before, bytes, sizeof bytes) != 0) {
        abort(); /* an error changes nothing */
    }
    return 0;
}
