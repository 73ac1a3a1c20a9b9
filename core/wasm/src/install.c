/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reads a module, item by item, and writes its image. An item (a number, a section header, one
 * instruction) is at most 32 bytes; it is read from the caller's chunk, or, when a chunk ends
 * within it, collected in stage. A step either consumes its whole item or has no effect. Names and
 * data bytes are runs of any length. Function bodies are translate.c's. */
#include "run.h"
#include "sections.h"

static void step(struct wb_wasm_install *x, struct item *r);
static void settle(struct wb_wasm_install *x);

_Static_assert(sizeof(void *) > 4 || sizeof(struct wb_wasm_install) <= 640,
               "on a 16 KB board the installer and its scratch memory share 1,536 bytes");

/* ---- public ------------------------------------------------------------------------------- */

enum wb_err wb_wasm_install_init(struct wb_wasm_install *x, const struct wb_wasm_install_cfg *cfg)
{
    if (cfg->mem_len < 64) {
        return WB_ERR_SPACE;
    }
    memset(x, 0, sizeof *x);
    x->cfg = *cfg;
    x->cfg.mem_len &= ~(size_t)3;
    x->func = UINT32_MAX;
    x->start = UINT32_MAX;
    x->memory_max = UINT32_MAX;
    x->data_count = UINT32_MAX;
    x->page_log2 = 16;
    x->section_end = UINT32_MAX;
    x->state = S_MAGIC;
    for (unsigned i = 0; i < H_WORDS; i++) {
        wb_wasm_out_word(x, UINT32_MAX);
    }
    return x->fault.code;
}

static uint32_t bound(const struct wb_wasm_install *x)
{
    bool in_body = x->state == S_LOCALS || x->state == S_CODE || x->state == S_BR_TABLE;
    return in_body ? x->item_end : x->section_end;
}

/* Tries one item; returns the bytes consumed, 0 when the item is not complete. */
static size_t try_item(struct wb_wasm_install *x, const uint8_t *bytes, size_t len)
{
    uint32_t room = bound(x) - x->at;
    bool cut = len >= room;
    struct item r = {bytes, bytes, bytes + (cut ? room : len), false, false};
    step(x, &r);
    if (failed(x)) {
        return 0;
    }
    if (r.bad) {
        malformed(x, "number is encoded too long or too large");
        return 0;
    }
    if (r.short_input) {
        if (cut || len >= sizeof x->stage) {
            malformed(x, "section or function body ends within an item");
        }
        return 0;
    }
    x->at += (uint32_t)(r.at - bytes);
    return (size_t)(r.at - bytes);
}

enum wb_err wb_wasm_install_feed(struct wb_wasm_install *x, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    const uint8_t *end = p + len;
    while (p < end && !failed(x)) {
        if (x->state == S_NAME || x->state == S_SKIP || x->state == S_DATA_BYTES) {
            uint32_t n = (size_t)(end - p) < x->name_left ? (uint32_t)(end - p) : x->name_left;
            wb_wasm_run_bytes(x, p, n);
            p += n;
            settle(x);
            continue;
        }
        if (x->stage_len == 0) {
            size_t used = try_item(x, p, (size_t)(end - p));
            p += used;
            if (used != 0) {
                settle(x);
            }
            if (used != 0 || failed(x)) {
                continue;
            }
        }
        /* One byte at a time, so that the stage never holds more than the item. */
        x->stage[x->stage_len++] = *p++;
        if (try_item(x, x->stage, x->stage_len) != 0) {
            x->stage_len = 0;
            settle(x);
        }
    }
    return x->fault.code;
}

static void header_program(struct wb_wasm_install *x)
{
    uint32_t h[H_WORDS];
    memset(h, 0xff, sizeof h);
    h[H_VERSION] =
        WB_WASM_IMAGE_VERSION | (uint32_t)x->page_log2 << 16 | (uint32_t)x->memory_count << 24;
    h[H_LEN] = x->out_len;
    h[H_TYPES] = x->types_at;
    h[H_FUNCS] = x->funcs_at;
    h[H_TABLES] = x->tables_at;
    h[H_GLOBALS] = x->globals_at;
    h[H_GLOBAL_EXPRS] = x->global_exprs_at;
    h[H_IMPORTS] = x->imports_at;
    h[H_EXPORTS] = x->exports_at;
    h[H_ELEMS] = x->elems_at;
    h[H_DATAS] = x->datas_at;
    h[H_EXPORTS_END] = x->exports_end;
    h[H_TYPES_FUNCS] = x->type_count | (uint32_t)x->func_count << 16;
    h[H_IMPORTS_EXPORTS] = x->import_count | (uint32_t)x->export_count << 16;
    h[H_TABLES_GLOBALS] = x->table_count | (uint32_t)x->global_count << 16;
    h[H_ELEM_COUNT] = x->elem_count | (uint32_t)x->func_imports << 16;
    h[H_DATA_COUNT] = x->data_seen;
    h[H_MEMORY_MIN] = x->memory_min;
    h[H_MEMORY_MAX] = x->memory_max;
    h[H_START] = x->start;
    h[H_GLOBAL_SLOTS] = x->global_slots | (uint32_t)x->import_globals << 16;
    h[H_CODE] = x->code_begin;
    h[H_MAGIC] = IMAGE_MAGIC;
    /* The magic comes last: an image that was torn has none. */
    for (unsigned i = 1; i <= H_WORDS; i++) {
        unsigned word = i % H_WORDS;
        if (h[word] != UINT32_MAX) {
            wb_wasm_out_program(x, word * 4, h[word]);
        }
    }
}

enum wb_err wb_wasm_install_finish(struct wb_wasm_install *x, struct wb_wasm_info *info)
{
    if (failed(x)) {
        return x->fault.code;
    }
    if (x->state != S_SECTION || x->stage_len != 0) {
        malformed(x, "module ends within a section");
    } else if (x->code_count != (uint32_t)(x->func_count - x->func_imports)) {
        malformed(x, "function and code section have inconsistent lengths");
    }
    wb_wasm_spaces_begin(x, 20);
    if (x->data_count != UINT32_MAX && x->data_count != x->data_seen) {
        malformed(x, "data count and data section differ");
    }
    wb_wasm_window_flush(x, x->out_len - x->window_at);
    header_program(x);
    if (!failed(x) && info != NULL) {
        bool open_end = x->memory_max == UINT32_MAX;
        *info = (struct wb_wasm_info){
            .image_len = x->out_len,
            .ram_len = wb_wasm_instance_ram_len(x->global_slots, x->table_count, x->table_entries,
                                                x->elem_count, x->data_seen),
            .func_count = x->func_count,
            .import_count = x->import_count,
            .export_count = x->export_count,
            .start = x->start,
        };
        if (x->memory_count > 0) {
            info->memory_min = (uint64_t)x->memory_min << x->page_log2;
            info->memory_max =
                open_end ? (uint64_t)1 << 32 : (uint64_t)x->memory_max << x->page_log2;
        }
    }
    return x->fault.code;
}

/* ---- faults, output ----------------------------------------------------------------------- */

void wb_wasm_fault(struct wb_wasm_install *x, enum wb_err code, const char *what)
{
    (void)wb_fault_set(&x->fault, code, what, NULL, x->func, x->at);
}

void wb_wasm_over_limit(struct wb_wasm_install *x, const char *what)
{
    (void)wb_fault_set(&x->fault, WB_ERR_LIMIT, what,
                       "give the installer more memory or split the function", x->func, x->at);
}

/* ---- sections ----------------------------------------------------------------------------- */

static void magic(struct wb_wasm_install *x, struct item *r)
{
    uint32_t a = wb_wasm_item_le32(r);
    uint32_t b = wb_wasm_item_le32(r);
    if (!item_ok(r)) {
        return;
    }
    if (a != 0x6d736100u) {
        malformed(x, "not a WebAssembly module (magic number)");
    } else if (b != 1) {
        malformed(x, "unknown version of WebAssembly");
    }
    x->state = S_SECTION;
}

static void section_begin(struct wb_wasm_install *x, struct item *r)
{
    /* Place of section ids in the order; the data count (12) lies before the code. */
    static const uint8_t orders[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};
    uint8_t id = wb_wasm_item_u8(r);
    uint32_t len = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (id >= sizeof orders) {
        malformed(x, "unknown section");
        return;
    }
    uint32_t begin = x->at + (uint32_t)(r->at - r->start);
    if (len > UINT32_MAX - 1 - begin) {
        malformed(x, "section is too long");
        return;
    }
    x->section_end = begin + len;
    x->section = id;
    if (id != 0) {
        if (orders[id] <= x->order) {
            malformed(x, "section out of order or twice");
            return;
        }
        x->order = orders[id];
        wb_wasm_spaces_begin(x, x->order);
    }
    static const uint8_t starts[] = {S_CUSTOM, S_COUNT, S_COUNT,    S_COUNT, S_COUNT,
                                     S_COUNT,  S_COUNT, S_COUNT,    S_START, S_COUNT,
                                     S_COUNT,  S_COUNT, S_DATACOUNT};
    x->state = starts[id];
}

/* After an item of a vector: the next one, or the section's end. */
void wb_wasm_vector_next(struct wb_wasm_install *x, enum state item)
{
    if (x->left > 0) {
        x->left--;
        x->state = (uint8_t)item;
    } else {
        x->state = S_END;
    }
}

static enum state section_item(unsigned id)
{
    static const uint8_t items[] = {S_END,    S_TYPE, S_IMPORT, S_FUNC, S_TABLE, S_MEMORY, S_GLOBAL,
                                    S_EXPORT, S_END,  S_ELEM,   S_BODY, S_DATA,  S_END};
    return (enum state)items[id];
}

static void section_count(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    /* Every entry takes at least a byte of the section. */
    if (count > x->section_end - x->at) {
        malformed(x, "section ends before its entries do");
        return;
    }
    bool many = count > 0xffff - (uint32_t)(x->func_count + x->global_count);
    if ((many && x->section != 11) || (x->section == 1 && count > 0x7fff) ||
        (x->section == 4 && count > 100)) {
        wb_wasm_over_limit(x, "section has too many entries");
        return;
    }
    x->left = count;
    if (x->section == 1) {
        x->types_at = x->out_len;
        for (uint32_t i = 0; i < count; i++) {
            wb_wasm_out_word(x, UINT32_MAX);
        }
    } else if (x->section == 2) {
        x->imports_at = x->out_len;
    } else if (x->section == 5 && count + x->memory_count > 1) {
        invalid(x, "multiple memories");
    } else if (x->section == 6) {
        x->global_count = x->import_globals;
        for (uint32_t i = 0; i < count; i++) {
            wb_wasm_out_word(x, UINT32_MAX);
        }
        x->global_exprs_at = x->out_len;
    } else if (x->section == 7) {
        x->exports_at = x->out_len;
    } else if (x->section == 9) {
        x->elems_at = x->out_len;
    } else if (x->section == 10) {
        x->code_begin = x->out_len;
        x->code_count = count;
        if (count != (uint32_t)(x->func_count - x->func_imports)) {
            malformed(x, "function and code section have inconsistent lengths");
        }
        x->func_offset = x->func_imports;
    } else if (x->section == 11) {
        x->datas_at = x->out_len;
    }
    wb_wasm_vector_next(x, section_item(x->section));
}

static void section_done(struct wb_wasm_install *x)
{
    if (x->state == S_END) {
        if (x->at != x->section_end) {
            malformed(x, "section size mismatch");
            return;
        }
        x->section_end = UINT32_MAX;
        x->state = S_SECTION;
    }
}

/* ---- dispatch ----------------------------------------------------------------------------- */

static void step(struct wb_wasm_install *x, struct item *r)
{
    switch ((enum state)x->state) {
    case S_MAGIC: magic(x, r); break;
    case S_SECTION: section_begin(x, r); break;
    case S_COUNT: section_count(x, r); break;
    case S_CUSTOM: wb_wasm_name_begin(x, r, NAME_CUSTOM); break;
    case S_TYPE: wb_wasm_type_begin(x, r); break;
    case S_TYPE_PARAM: wb_wasm_type_value(x, r, 0); break;
    case S_TYPE_RESULTS: wb_wasm_type_results(x, r); break;
    case S_TYPE_RESULT: wb_wasm_type_value(x, r, 16); break;
    case S_IMPORT: wb_wasm_name_begin(x, r, NAME_MODULE); break;
    case S_IMPORT_FIELD: wb_wasm_name_begin(x, r, NAME_FIELD); break;
    case S_IMPORT_DESC: wb_wasm_import_desc(x, r); break;
    case S_FUNC: wb_wasm_function_entry(x, r); break;
    case S_TABLE: wb_wasm_table_entry(x, r); break;
    case S_MEMORY: wb_wasm_memory_entry(x, r); break;
    case S_GLOBAL: wb_wasm_global_begin(x, r); break;
    case S_EXPR: wb_wasm_expr_op(x, r); break;
    case S_EXPORT: wb_wasm_name_begin(x, r, NAME_EXPORT); break;
    case S_EXPORT_DESC: wb_wasm_export_desc(x, r); break;
    case S_START: wb_wasm_start_entry(x, r); break;
    case S_ELEM: wb_wasm_elem_begin(x, r); break;
    case S_ELEM_TYPE: wb_wasm_elem_type_read(x, r); break;
    case S_ELEM_COUNT: wb_wasm_elem_count_read(x, r); break;
    case S_ELEM_ENTRY: wb_wasm_elem_entry(x, r); break;
    case S_DATACOUNT: wb_wasm_datacount(x, r); break;
    case S_BODY: wb_wasm_code_body_begin(x, r); break;
    case S_LOCALS: wb_wasm_code_locals(x, r); break;
    case S_CODE: wb_wasm_code_instruction(x, r); break;
    case S_BR_TABLE: wb_wasm_code_br_table_label(x, r); break;
    case S_DATA: wb_wasm_data_begin(x, r); break;
    case S_DATA_LEN: wb_wasm_data_len(x, r); break;
    case S_NAME:
    case S_SKIP:
    case S_DATA_BYTES:
    case S_END: break;
    }
}

/* What follows without further input. */
static void settle(struct wb_wasm_install *x)
{
    wb_wasm_run_end(x);
    section_done(x);
}
