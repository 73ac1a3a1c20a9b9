/* SPDX-License-Identifier: AGPL-3.0-only */
/* What an image contains: checks, signatures, exports, imports. */
#include "run.h"

static uint32_t low(uint32_t word)
{
    return word & 0xffff;
}

enum wb_err wb_wasm_image_open(struct wb_wasm_image *image, const void *base, size_t len)
{
    const uint32_t *words = base;
    if (len < H_WORDS * 4 || ((uintptr_t)base & 3) != 0 || words[H_MAGIC] != IMAGE_MAGIC) {
        return WB_ERR_FORMAT;
    }
    if (low(words[H_VERSION]) != WB_WASM_IMAGE_VERSION) {
        return WB_ERR_UNSUPPORTED;
    }
    if (words[H_LEN] > len || words[H_LEN] < H_WORDS * 4) {
        return WB_ERR_FORMAT;
    }
    /* Every list lies within the image; what the lists say is the installer's. */
    for (unsigned field = H_TYPES; field <= H_EXPORTS_END; field++) {
        if (words[field] > words[H_LEN] || (words[field] & 3) != 0) {
            return WB_ERR_FORMAT;
        }
    }
    image->base = words;
    image->len = words[H_LEN];
    return WB_OK;
}

uint32_t wb_wasm_instance_ram_len(uint32_t global_slots, uint32_t tables, uint32_t table_entries,
                                  uint32_t elems, uint32_t datas)
{
    /* Each part is rounded up to 8 bytes. */
    return (uint32_t)(((global_slots * 4 + 7) & ~7u) +
                      ((tables * sizeof(struct wb_wasm_table) + 7) & ~(size_t)7) +
                      table_entries * 4 + tables * 4 + (((elems + datas + 31) / 32 * 4 + 7) & ~7u));
}

void wb_wasm_image_info(const struct wb_wasm_image *image, struct wb_wasm_info *info)
{
    uint32_t tables = low(header(image, H_TABLES_GLOBALS));
    const uint32_t *table = image_at(image, header(image, H_TABLES));
    uint32_t entries = 0;
    uint32_t version = header(image, H_VERSION);
    unsigned page_log2 = version >> 16 & 0xff;
    for (uint32_t i = 0; i < tables; i++) {
        entries += table[i * 3 + 1];
    }
    *info = (struct wb_wasm_info){
        .image_len = image->len,
        .func_count = header(image, H_TYPES_FUNCS) >> 16,
        .import_count = low(header(image, H_IMPORTS_EXPORTS)),
        .export_count = header(image, H_IMPORTS_EXPORTS) >> 16,
        .start = header(image, H_START),
    };
    if (version >> 24 != 0) {
        uint32_t max = header(image, H_MEMORY_MAX);
        info->memory_min = (uint64_t)header(image, H_MEMORY_MIN) << page_log2;
        info->memory_max = max == UINT32_MAX ? (uint64_t)1 << 32 : (uint64_t)max << page_log2;
    }
    info->ram_len =
        wb_wasm_instance_ram_len(low(header(image, H_GLOBAL_SLOTS)), tables, entries,
                                 low(header(image, H_ELEM_COUNT)), header(image, H_DATA_COUNT));
}

/* ---- types -------------------------------------------------------------------------------- */

void wb_wasm_func_type_get(const struct wb_wasm_image *image, uint32_t type, struct func_type *out)
{
    const uint32_t *index = image_at(image, header(image, H_TYPES));
    const uint32_t *record = image_at(image, index[type]);
    out->params = (uint16_t)record[0];
    out->results = (uint16_t)(record[0] >> 16);
    out->param_slots = (uint16_t)record[2];
    out->result_slots = (uint16_t)(record[2] >> 16);
    out->items = (const uint8_t *)record - ((out->params + out->results + 3u) & ~3u);
}

enum wb_err wb_wasm_func_signature(const struct wb_wasm_image *image, uint32_t func, char *buf,
                                   size_t cap)
{
    struct func_type type;
    if (func >= header(image, H_TYPES_FUNCS) >> 16) {
        return WB_ERR_NOT_FOUND;
    }
    wb_wasm_func_type_get(image, low(func_entry(image, func)[0]), &type);
    size_t count = (size_t)type.params + type.results;
    if (cap < count + 2) {
        return WB_ERR_SPACE;
    }
    for (size_t i = 0; i < count; i++) {
        *buf = '>';
        buf += i == type.params;
        *buf++ = "iIfFpe"[type.items[i]];
    }
    *buf = '>';
    buf += type.results == 0;
    *buf = '\0';
    return WB_OK;
}

bool wb_wasm_func_has_signature(const struct wb_wasm_image *image, uint32_t func,
                                const char *signature)
{
    struct func_type type;
    if (func >= header(image, H_TYPES_FUNCS) >> 16) {
        return false;
    }
    wb_wasm_func_type_get(image, low(func_entry(image, func)[0]), &type);
    unsigned count = (unsigned)type.params + type.results;
    for (unsigned i = 0; i < count; i++) {
        if (i == type.params && *signature++ != '>') {
            return false;
        }
        if (*signature++ != "iIfFpe"[type.items[i]]) {
            return false;
        }
    }
    if (type.results == 0 && *signature++ != '>') {
        return false;
    }
    return *signature == '\0';
}

/* ---- exports, imports --------------------------------------------------------------------- */

bool wb_wasm_export_next(const struct wb_wasm_image *image, uint32_t *cursor,
                         struct wb_wasm_entry *entry)
{
    uint32_t count = header(image, H_IMPORTS_EXPORTS) >> 16;
    const uint32_t *at = image_at(image, header(image, H_EXPORTS)) + *cursor;
    const uint32_t *end = image_at(image, header(image, H_EXPORTS_END));
    if (count == 0 || at >= end) {
        return false;
    }
    uint32_t words = (at[0] + 3) / 4;
    memset(entry, 0, sizeof *entry);
    entry->name = (const char *)(at + 1);
    entry->name_len = (uint16_t)at[0];
    entry->kind = (uint8_t)at[1 + words];
    entry->index = at[1 + words] >> 8;
    *cursor += words + 3;
    return true;
}

enum wb_err wb_wasm_export_find(const struct wb_wasm_image *image, enum wb_wasm_extern kind,
                                const char *name, uint32_t *index)
{
    struct wb_wasm_entry entry;
    for (uint32_t cursor = 0; wb_wasm_export_next(image, &cursor, &entry);) {
        if (entry.kind == kind && text_is(name, entry.name, entry.name_len)) {
            *index = entry.index;
            return WB_OK;
        }
    }
    return WB_ERR_NOT_FOUND;
}

bool wb_wasm_import_next(const struct wb_wasm_image *image, uint32_t *cursor,
                         struct wb_wasm_entry *entry)
{
    const uint32_t *at = image_at(image, header(image, H_IMPORTS)) + *cursor;
    const uint32_t *end = image_at(image, header(image, H_FUNCS));
    if (low(header(image, H_IMPORTS_EXPORTS)) == 0 || at >= end) {
        return false;
    }
    memset(entry, 0, sizeof *entry);
    entry->kind = (uint8_t)at[0];
    entry->index = at[0] >> 16;
    entry->func_type = at[1];
    entry->type = (uint8_t)at[1];
    entry->is_mutable = (at[1] & 0x100) != 0 && entry->kind == WB_WASM_GLOBAL;
    entry->min = at[2];
    entry->max = at[3];
    entry->module_len = (uint16_t)at[4];
    entry->name_len = (uint16_t)(at[4] >> 16);
    entry->module = (const char *)(at + 5);
    uint32_t words = (entry->module_len + 3u) / 4;
    entry->name = (const char *)(at + 5 + words);
    *cursor += 5 + words + (entry->name_len + 3u) / 4;
    return true;
}
