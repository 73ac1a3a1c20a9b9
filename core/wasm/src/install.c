/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reads a module, item by item, and writes its image. An item (a number, a section header, one instruction)
 * is at most 32 bytes; it is read from the caller's chunk, or, when a chunk ends within it, collected in
 * stage. A step either consumes its whole item or has no effect. Names and data bytes are runs of any
 * length. Function bodies are translate.c's. */
#include "install.h"
#include "run.h"

static void step(struct wb_wasm_install *x, struct item *r);
static void run_bytes(struct wb_wasm_install *x, const uint8_t *bytes, uint32_t len);
static void vector_next(struct wb_wasm_install *x, enum state item);
static void spaces_begin(struct wb_wasm_install *x, unsigned order);
static void settle(struct wb_wasm_install *x);

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
        out_word(x, UINT32_MAX);
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
            run_bytes(x, p, n);
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
    h[H_VERSION] = WB_WASM_IMAGE_VERSION | (uint32_t)x->page_log2 << 16 | (uint32_t)x->memory_count << 24;
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
            out_program(x, word * 4, h[word]);
        }
    }
}

static void window_flush(struct wb_wasm_install *x, uint32_t len);

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
    spaces_begin(x, 20);
    if (x->data_count != UINT32_MAX && x->data_count != x->data_seen) {
        malformed(x, "data count and data section differ");
    }
    window_flush(x, x->out_len - x->window_at);
    header_program(x);
    if (!failed(x) && info != NULL) {
        *info = (struct wb_wasm_info){
            .image_len = x->out_len,
            .memory_min = (uint64_t)x->memory_min << x->page_log2,
            .memory_max = x->memory_max == UINT32_MAX ? 0 : (uint64_t)x->memory_max << x->page_log2,
            .func_count = x->func_count,
            .import_count = x->import_count,
            .export_count = x->export_count,
            .start = x->start,
        };
        info->ram_len = instance_ram_len(x->global_slots, x->table_count, x->table_entries,
                                         x->elem_count, x->data_seen);
    }
    return x->fault.code;
}

/* ---- faults, output ----------------------------------------------------------------------- */

void fault(struct wb_wasm_install *x, enum wb_err code, const char *what)
{
    (void)wb_fault_set(&x->fault, code, what, NULL, x->func, x->at);
}

void over_limit(struct wb_wasm_install *x, const char *what)
{
    (void)wb_fault_set(&x->fault, WB_ERR_LIMIT, what, "give the installer more memory or split the function",
                       x->func, x->at);
}

static void sink_result(struct wb_wasm_install *x, enum wb_err err)
{
    if (err != WB_OK) {
        fault(x, err, "image cannot be written");
    }
}

/* Hands the first len bytes of the window to the sink. */
static void window_flush(struct wb_wasm_install *x, uint32_t len)
{
    if (failed(x) || len == 0) {
        return;
    }
    sink_result(x, x->cfg.sink.append(x->cfg.sink.ctx, x->window, len));
    uint32_t rest = x->out_len - x->window_at - len;
    memmove(x->window, (uint8_t *)x->window + len, rest);
    x->window_at += len;
}

/* The last 32 bytes stay, so that the newest instruction can be changed. */
void out_word(struct wb_wasm_install *x, uint32_t word)
{
    if (x->out_len - x->window_at == sizeof x->window) {
        window_flush(x, sizeof x->window - 32);
    }
    if (failed(x)) {
        return;
    }
    if (x->out_len > UINT32_MAX - 64) {
        over_limit(x, "image is too large");
        return;
    }
    x->window[(x->out_len - x->window_at) / 4] = word;
    x->out_len += 4;
}

void out_program(struct wb_wasm_install *x, uint32_t offset, uint32_t word)
{
    if (failed(x)) {
        return;
    }
    if (offset >= x->window_at) {
        x->window[(offset - x->window_at) / 4] = word;
    } else {
        sink_result(x, x->cfg.sink.program(x->cfg.sink.ctx, offset, word));
    }
}

uint32_t out_read(struct wb_wasm_install *x, uint32_t offset)
{
    uint32_t word = 0;
    if (offset >= x->window_at) {
        return x->window[(offset - x->window_at) / 4];
    }
    if (!failed(x)) {
        sink_result(x, x->cfg.sink.read(x->cfg.sink.ctx, offset, &word, 4));
    }
    return word;
}

/* Bytes of names and data are packed into words through scratch[3]; done pads with zeros. */
static void out_byte(struct wb_wasm_install *x, uint8_t byte)
{
    x->scratch[3] = x->scratch[3] >> 8 | (uint32_t)byte << 24;
    if (++x->packed == 4) {
        out_word(x, x->scratch[3]);
        x->packed = 0;
    }
}

static void out_bytes_end(struct wb_wasm_install *x)
{
    while (x->packed != 0) {
        out_byte(x, 0);
    }
}

static uint8_t out_read_byte(struct wb_wasm_install *x, uint32_t offset)
{
    return (uint8_t)(out_read(x, offset & ~3u) >> (offset & 3) * 8);
}

/* ---- items -------------------------------------------------------------------------------- */

uint8_t item_u8(struct item *r)
{
    if (r->at == r->end) {
        r->short_input = true;
        return 0;
    }
    return *r->at++;
}

/* Signed LEB128 of bits significant bits; unsigned numbers are one bit wider. */
static uint64_t leb(struct item *r, unsigned bits, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    for (;;) {
        uint8_t byte = item_u8(r);
        if (!item_ok(r)) {
            return 0;
        }
        unsigned left = bits - shift; /* bits that this byte may still fill */
        if (left < 7) {
            unsigned high = (byte & 0x7fu) >> left;
            unsigned ones = 0x7fu >> left;
            bool negative = is_signed && (byte >> (left - 1) & 1u) != 0;
            if ((byte & 0x80u) != 0 || high != (negative ? ones : 0)) {
                r->bad = true;
                return 0;
            }
        }
        value |= (uint64_t)(byte & 0x7fu) << shift;
        shift += 7;
        if ((byte & 0x80u) == 0) {
            if (is_signed && shift < 64 && (byte & 0x40u) != 0) {
                value |= UINT64_MAX << shift;
            }
            return value;
        }
    }
}

uint32_t item_u32(struct item *r)
{
    return (uint32_t)leb(r, 32, false);
}

int32_t item_s32(struct item *r)
{
    return (int32_t)(uint32_t)leb(r, 32, true);
}

int64_t item_s33(struct item *r)
{
    return (int64_t)leb(r, 33, true);
}

int64_t item_s64(struct item *r)
{
    return (int64_t)leb(r, 64, true);
}

uint32_t item_le32(struct item *r)
{
    uint32_t v = item_u8(r);
    v |= (uint32_t)item_u8(r) << 8;
    v |= (uint32_t)item_u8(r) << 16;
    v |= (uint32_t)item_u8(r) << 24;
    return v;
}

/* ---- types -------------------------------------------------------------------------------- */

bool ref_type(struct wb_wasm_install *x, unsigned byte, unsigned *type)
{
    if (byte != 0x70 && byte != 0x6f) {
        malformed(x, "malformed reference type");
        return false;
    }
    *type = byte == 0x70 ? WB_WASM_FUNCREF : WB_WASM_EXTERNREF;
    return true;
}

bool value_type(struct wb_wasm_install *x, unsigned byte, unsigned *type)
{
    if (byte >= 0x7c && byte <= 0x7f) {
        *type = 0x7f - byte;
        return true;
    }
    if (byte == 0x7b) {
        fault(x, WB_ERR_UNSUPPORTED, "vector instructions (SIMD) are not supported");
        return false;
    }
    if (byte != 0x70 && byte != 0x6f) {
        malformed(x, "malformed value type");
        return false;
    }
    return ref_type(x, byte, type);
}

bool type_get(struct wb_wasm_install *x, uint32_t index, struct type *type)
{
    if (index >= x->type_count) {
        invalid(x, "unknown type");
        return false;
    }
    uint32_t at = out_read(x, x->types_at + index * 4);
    uint32_t counts = out_read(x, at);
    uint32_t slots = out_read(x, at + 8);
    type->params = (uint16_t)counts;
    type->results = (uint16_t)(counts >> 16);
    type->param_slots = (uint16_t)slots;
    type->result_slots = (uint16_t)(slots >> 16);
    type->at = at - ((type->params + type->results + 3u) & ~3u);
    return !failed(x);
}

unsigned type_item(struct wb_wasm_install *x, const struct type *type, unsigned index)
{
    return out_read_byte(x, type->at + index);
}

uint32_t type_canonical(struct wb_wasm_install *x, uint32_t index)
{
    return out_read(x, out_read(x, x->types_at + index * 4) + 4);
}

static void type_begin(struct wb_wasm_install *x, struct item *r)
{
    uint8_t form = item_u8(r);
    uint32_t count = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (form != 0x60) {
        malformed(x, "malformed function type");
        return;
    }
    if (count > 1000) {
        over_limit(x, "function type has more than 1,000 parameters");
        return;
    }
    x->scratch[0] = count;           /* params | results << 16 */
    x->scratch[1] = 0;               /* slots of them, likewise */
    x->name_left = count;
    x->state = count > 0 ? S_TYPE_PARAM : S_TYPE_RESULTS;
}

static void type_end(struct wb_wasm_install *x)
{
    out_bytes_end(x);
    uint32_t index = x->type_count;
    uint32_t at = x->out_len;
    struct type type = {.params = (uint16_t)x->scratch[0], .results = (uint16_t)(x->scratch[0] >> 16)};
    uint32_t words = (type.params + type.results + 3u) / 4;
    uint32_t canonical = 0;
    for (; canonical < index; canonical++) {
        uint32_t other = out_read(x, x->types_at + canonical * 4);
        bool same = out_read(x, other) == x->scratch[0];
        for (uint32_t i = 1; same && i <= words; i++) {
            same = out_read(x, other - i * 4) == out_read(x, at - i * 4);
        }
        if (same || failed(x)) {
            break;
        }
    }
    out_word(x, x->scratch[0]);
    out_word(x, canonical);
    out_word(x, x->scratch[1]);
    out_program(x, x->types_at + index * 4, at);
    x->type_count++;
    vector_next(x, S_TYPE);
}

static void type_value(struct wb_wasm_install *x, struct item *r, unsigned shift)
{
    uint8_t byte = item_u8(r);
    unsigned type;
    if (!item_ok(r) || !value_type(x, byte, &type)) {
        return;
    }
    out_byte(x, (uint8_t)type);
    x->scratch[1] += type_slots(type) << shift;
    if (--x->name_left > 0) {
        return;
    }
    if (shift == 0) {
        x->state = S_TYPE_RESULTS;
    } else {
        type_end(x);
    }
}

static void type_results(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (count > 1000) {
        over_limit(x, "function type has more than 1,000 results");
        return;
    }
    x->scratch[0] |= count << 16;
    x->name_left = count;
    x->state = S_TYPE_RESULT;
    if (count == 0) {
        type_end(x);
    }
}

/* ---- index spaces ------------------------------------------------------------------------- */

uint32_t func_type(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->func_count) {
        invalid(x, "unknown function");
        return 0;
    }
    return out_read(x, x->funcs_at + index * 8) & 0xffff;
}

void func_declare(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->func_count) {
        invalid(x, "unknown function");
        return;
    }
    uint32_t at = x->funcs_at + index * 8;
    uint32_t entry = out_read(x, at);
    if ((entry & FUNC_UNDECLARED) != 0) {
        out_program(x, at, entry & ~FUNC_UNDECLARED);
    }
}

uint32_t global_entry(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->global_count) {
        invalid(x, "unknown global");
        return 0;
    }
    return out_read(x, x->globals_at + index * 4);
}

unsigned table_type(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->table_count) {
        invalid(x, "unknown table");
        return 0;
    }
    return out_read(x, x->tables_at + index * 12) & 0xff;
}

/* Skips a constant expression in the image. */
static uint32_t expr_skip(struct wb_wasm_install *x, uint32_t at)
{
    for (;;) {
        uint32_t op = out_read(x, at) & 0xff;
        at += 4;
        if (op == 0x0b || failed(x)) {
            return at;
        }
        at += op == 0x41 || op == 0x43 ? 4u : op == 0x42 || op == 0x44 ? 8u : 0u;
    }
}

unsigned elem_type(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->elem_count) {
        invalid(x, "unknown element segment");
        return 0;
    }
    uint32_t at = x->elems_at;
    for (;; index--) {
        bool active = (out_read(x, at) & 0xff) == 0;
        at = active ? expr_skip(x, at + 4) : at + 4;
        if (index == 0 || failed(x)) {
            return out_read(x, at);
        }
        at += 8 + out_read(x, at + 4) * 4;
    }
}

/* Copies the imports of one kind to the start of their index space. */
static void import_space(struct wb_wasm_install *x, enum wb_wasm_extern kind)
{
    uint32_t at = x->imports_at;
    for (unsigned i = 0; i < x->import_count && !failed(x); i++) {
        uint32_t w0 = out_read(x, at);
        uint32_t type = out_read(x, at + 4);
        uint32_t lens = out_read(x, at + 16);
        if ((w0 & 0xff) == kind) {
            if (kind == WB_WASM_FUNC) {
                out_word(x, type | 0xffff0000u);
                out_word(x, w0 >> 16);
            } else if (kind == WB_WASM_TABLE) {
                uint32_t min = out_read(x, at + 8);
                uint32_t max = out_read(x, at + 12);
                out_word(x, type | 0x100);
                out_word(x, min);
                out_word(x, max);
                x->table_entries += min;
            } else {
                out_word(x, type | 0x200 | (uint32_t)x->global_slots << 16);
                x->global_slots = (uint16_t)(x->global_slots + type_slots(type & 0xff));
            }
        }
        at += 20 + (((lens & 0xffff) + 3u) & ~3u) + (((lens >> 16) + 3u) & ~3u);
    }
}

/* The index spaces begin with the imports. Called with the place of each section, or 20 at the end. */
static void spaces_begin(struct wb_wasm_install *x, unsigned order)
{
    if (order > 2 && x->spaces < 1) {
        x->spaces = 1;
        x->funcs_at = x->out_len;
        import_space(x, WB_WASM_FUNC);
    }
    if (order > 3 && x->spaces < 2) {
        x->spaces = 2;
        x->tables_at = x->out_len;
        import_space(x, WB_WASM_TABLE);
    }
    if (order > 5 && x->spaces < 3) {
        x->spaces = 3;
        x->globals_at = x->out_len;
        import_space(x, WB_WASM_GLOBAL);
    }
}

/* ---- sections ----------------------------------------------------------------------------- */

static void magic(struct wb_wasm_install *x, struct item *r)
{
    uint32_t a = item_le32(r);
    uint32_t b = item_le32(r);
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
    uint8_t id = item_u8(r);
    uint32_t len = item_u32(r);
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
        spaces_begin(x, x->order);
    }
    static const uint8_t starts[] = {S_CUSTOM, S_COUNT, S_COUNT, S_COUNT, S_COUNT, S_COUNT, S_COUNT,
                                     S_COUNT, S_START, S_COUNT, S_COUNT, S_COUNT, S_DATACOUNT};
    x->state = starts[id];
}

/* After an item of a vector: the next one, or the section's end. */
static void vector_next(struct wb_wasm_install *x, enum state item)
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
    static const uint8_t items[] = {S_END, S_TYPE, S_IMPORT, S_FUNC, S_TABLE, S_MEMORY, S_GLOBAL,
                                    S_EXPORT, S_END, S_ELEM, S_BODY, S_DATA, S_END};
    return (enum state)items[id];
}

static void section_count(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    /* Every entry takes at least a byte of the section. */
    if (count > x->section_end - x->at) {
        malformed(x, "section ends before its entries do");
        return;
    }
    bool many = count > 0xffff - (uint32_t)(x->func_count + x->global_count);
    if ((many && x->section != 11) || (x->section == 1 && count > 0x7fff)
        || (x->section == 4 && count > 100)) {
        over_limit(x, "section has too many entries");
        return;
    }
    x->left = count;
    if (x->section == 1) {
        x->types_at = x->out_len;
        for (uint32_t i = 0; i < count; i++) {
            out_word(x, UINT32_MAX);
        }
    } else if (x->section == 2) {
        x->imports_at = x->out_len;
    } else if (x->section == 5 && count + x->memory_count > 1) {
        invalid(x, "multiple memories");
    } else if (x->section == 6) {
        x->global_count = x->import_globals;
        for (uint32_t i = 0; i < count; i++) {
            out_word(x, UINT32_MAX);
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
    vector_next(x, section_item(x->section));
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

/* ---- names and byte runs ------------------------------------------------------------------ */

enum name_use { NAME_CUSTOM, NAME_MODULE, NAME_FIELD, NAME_EXPORT };

/* Strict UTF-8: utf8 holds the continuation bytes that must follow (bits 0-1), and the range of the next one. */
static bool utf8_next(uint32_t *state, uint8_t b)
{
    unsigned left = *state & 3;
    if (left == 0) {
        unsigned low = 0x80;
        unsigned high = 0xbf;
        if (b < 0x80) {
            return true;
        }
        if (b >= 0xc2 && b <= 0xdf) {
            left = 1;
        } else if (b >= 0xe0 && b <= 0xef) {
            left = 2;
            low = b == 0xe0 ? 0xa0 : low;   /* no overlong forms */
            high = b == 0xed ? 0x9f : high; /* no surrogates */
        } else if (b >= 0xf0 && b <= 0xf4) {
            left = 3;
            low = b == 0xf0 ? 0x90 : low;
            high = b == 0xf4 ? 0x8f : high; /* nothing beyond U+10FFFF */
        } else {
            return false;
        }
        *state = left | low << 8 | high << 16;
        return true;
    }
    if (b < (*state >> 8 & 0xff) || b > (*state >> 16 & 0xff)) {
        return false;
    }
    *state = (left - 1) | 0x80u << 8 | 0xbfu << 16;
    return true;
}

static void name_end(struct wb_wasm_install *x);
static void data_end(struct wb_wasm_install *x);

static void name_begin(struct wb_wasm_install *x, struct item *r, enum name_use use)
{
    uint32_t len = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    uint32_t used = (uint32_t)(r->at - r->start);
    if (len > x->section_end - x->at - used) {
        malformed(x, "name runs beyond its section");
        return;
    }
    x->flags = (uint8_t)use;
    x->name_len = len;
    x->name_left = len;
    x->utf8 = 0;
    x->state = S_NAME;
    x->scratch[0] = 2166136261u; /* FNV-1a */
    if (use == NAME_EXPORT) {
        if (len > 0xffff) {
            over_limit(x, "export name is longer than 65,535 bytes");
        }
        x->scratch[1] = x->out_len;
        out_word(x, len);
    }
    if (use == NAME_MODULE) {
        memset(x->import_module, 0, sizeof x->import_module);
        memset(x->import_name, 0, sizeof x->import_name);
    }
}

static void name_bytes(struct wb_wasm_install *x, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (!utf8_next(&x->utf8, bytes[i])) {
            malformed(x, "malformed UTF-8 encoding");
            return;
        }
        uint32_t place = x->name_len - x->name_left + i;
        if (x->flags == NAME_EXPORT) {
            x->scratch[0] = (x->scratch[0] ^ bytes[i]) * 16777619u;
            out_byte(x, bytes[i]);
        } else if (place < WB_WASM_NAME_MAX) {
            if (x->flags == NAME_MODULE) {
                x->import_module[place] = (char)bytes[i];
            } else if (x->flags == NAME_FIELD) {
                x->import_name[place] = (char)bytes[i];
            }
        }
    }
}

static void run_bytes(struct wb_wasm_install *x, const uint8_t *bytes, uint32_t len)
{
    if (x->state == S_NAME) {
        name_bytes(x, bytes, len);
    } else if (x->state == S_DATA_BYTES) {
        for (uint32_t i = 0; i < len; i++) {
            out_byte(x, bytes[i]);
        }
    }
    x->at += len;
    x->name_left -= len;
}

/* Runs that are complete lead on without input. */
static void run_end(struct wb_wasm_install *x)
{
    if (x->name_left != 0 || failed(x)) {
        return;
    }
    if (x->state == S_NAME) {
        if ((x->utf8 & 3) != 0) {
            malformed(x, "malformed UTF-8 encoding");
            return;
        }
        name_end(x);
    }
    if (x->state == S_SKIP && x->name_left == 0) {
        x->state = S_END;
    } else if (x->state == S_DATA_BYTES && x->name_left == 0) {
        data_end(x);
    }
}

static bool import_resolve(struct wb_wasm_install *x, const struct wb_wasm_import *offer,
                           unsigned kind, uint32_t type, uint32_t min, uint32_t max);

/* An export's name is in the image: it must differ from all before. */
static void export_name_check(struct wb_wasm_install *x)
{
    out_bytes_end(x);
    uint32_t words = (x->name_len + 3) / 4;
    uint32_t mine = x->scratch[1];
    uint32_t at = x->exports_at;
    while (at < mine && !failed(x)) {
        uint32_t len = out_read(x, at);
        uint32_t other_words = (len + 3) / 4;
        uint32_t hash = out_read(x, at + 8 + other_words * 4);
        if (hash == x->scratch[0] && len == x->name_len) {
            uint32_t i = 1;
            while (i <= words && out_read(x, at + i * 4) == out_read(x, mine + i * 4)) {
                i++;
            }
            if (i > words) {
                invalid(x, "duplicate export name");
            }
        }
        at += 12 + other_words * 4;
    }
}

static void name_end(struct wb_wasm_install *x)
{
    switch (x->flags) {
    case NAME_CUSTOM:
        x->name_left = x->section_end - x->at;
        x->state = S_SKIP;
        break;
    case NAME_MODULE:
        x->module_len = x->name_len;
        x->state = S_IMPORT_FIELD;
        break;
    case NAME_FIELD: x->state = S_IMPORT_DESC; break;
    default:
        export_name_check(x);
        x->state = S_EXPORT_DESC;
        break;
    }
}

/* ---- imports ------------------------------------------------------------------------------ */

struct limits {
    uint32_t min, max;
    uint8_t page_log2;
};

static bool limits_read(struct wb_wasm_install *x, struct item *r, bool memory,
                        struct limits *limits)
{
    uint8_t flags = item_u8(r);
    limits->min = item_u32(r);
    limits->max = flags & 1 ? item_u32(r) : UINT32_MAX;
    limits->page_log2 = 16;
    if (memory && (flags & 8) != 0) {
        uint32_t log2 = item_u32(r);
        if (item_ok(r) && log2 != 0 && log2 != 16) {
            malformed(x, "custom page size must be 1 or 65,536 bytes");
            return false;
        }
        limits->page_log2 = (uint8_t)log2;
    }
    if (!item_ok(r)) {
        return false;
    }
    if ((flags & ~(memory ? 9u : 1u)) != 0) {
        if (memory && (flags & 6) != 0) {
            fault(x, WB_ERR_UNSUPPORTED, "shared or 64-bit memory is not supported");
        } else {
            malformed(x, "malformed limits flags");
        }
        return false;
    }
    uint64_t bytes_max = (uint64_t)1 << 32;
    if (memory && (((uint64_t)limits->min << limits->page_log2) > bytes_max
                   || ((flags & 1) != 0 && ((uint64_t)limits->max << limits->page_log2) > bytes_max))) {
        invalid(x, "memory size must be at most 65536 pages (4GiB)");
        return false;
    }
    if (limits->min > limits->max) {
        invalid(x, "size minimum must not be greater than maximum");
        return false;
    }
    return true;
}

static void memory_declare(struct wb_wasm_install *x, const struct limits *limits)
{
    if (x->memory_count > 0) {
        invalid(x, "multiple memories");
        return;
    }
    x->memory_count = 1;
    x->memory_min = limits->min;
    x->memory_max = limits->max;
    x->page_log2 = limits->page_log2;
}

/* Whether a function type reads like this signature. */
static bool signature_matches(struct wb_wasm_install *x, uint32_t index, const char *text)
{
    struct type type;
    if (!type_get(x, index, &type)) {
        return false;
    }
    for (unsigned i = 0; i <= (unsigned)type.params + type.results; i++) {
        if (i == type.params && *text++ != '>') {
            return false;
        }
        if (i == (unsigned)type.params + type.results) {
            break;
        }
        if (*text == '\0' || *text++ != "iIfFpe"[type_item(x, &type, i)]) {
            return false;
        }
    }
    return *text == '\0';
}

static bool import_resolve(struct wb_wasm_install *x, const struct wb_wasm_import *offer,
                           unsigned kind, uint32_t type, uint32_t min, uint32_t max)
{
    if (offer->kind != kind) {
        return false;
    }
    switch (kind) {
    case WB_WASM_FUNC: return signature_matches(x, type, offer->signature);
    case WB_WASM_GLOBAL:
        return offer->signature[0] == "iIfFpe"[type & 0xff]
               && (offer->signature[1] == '!') == ((type & 0x100) != 0);
    case WB_WASM_TABLE:
        if (offer->signature[0] != "iIfFpe"[type]) {
            return false;
        }
        break;
    default: break;
    }
    return offer->min >= min && (max == UINT32_MAX || offer->max <= max);
}

static void import_desc(struct wb_wasm_install *x, struct item *r)
{
    uint8_t kind = item_u8(r);
    uint32_t type = 0;
    struct limits limits = {0, UINT32_MAX, 16};
    if (!item_ok(r)) {
        return;
    }
    if (kind == WB_WASM_FUNC) {
        type = item_u32(r);
        if (!item_ok(r)) {
            return;
        }
        struct type t;
        if (!type_get(x, type, &t)) {
            return;
        }
        if (t.params > WB_WASM_HOST_SLOTS || t.results > WB_WASM_HOST_SLOTS) {
            over_limit(x, "imported function has more than 16 parameters or results");
            return;
        }
        type = type_canonical(x, type);
    } else if (kind == WB_WASM_TABLE || kind == WB_WASM_GLOBAL) {
        uint8_t byte = item_u8(r);
        unsigned value = 0;
        if (!item_ok(r) || !(kind == WB_WASM_TABLE ? ref_type(x, byte, &value) : value_type(x, byte, &value))) {
            return;
        }
        type = value;
        if (kind == WB_WASM_TABLE && !limits_read(x, r, false, &limits)) {
            return;
        }
        if (kind == WB_WASM_GLOBAL) {
            uint8_t mutability = item_u8(r);
            if (!item_ok(r)) {
                return;
            }
            if (mutability > 1) {
                malformed(x, "malformed mutability");
                return;
            }
            type |= (uint32_t)mutability << 8;
        }
    } else if (kind == WB_WASM_MEMORY) {
        if (!limits_read(x, r, true, &limits)) {
            return;
        }
        if (x->memory_count > 0) {
            invalid(x, "multiple memories");
            return;
        }
    } else {
        malformed(x, "malformed import kind");
        return;
    }
    const struct wb_wasm_import *offer = NULL;
    bool known = false;
    for (unsigned i = 0; i < x->cfg.import_count && offer == NULL; i++) {
        const struct wb_wasm_import *o = &x->cfg.imports[i];
        if (x->module_len <= WB_WASM_NAME_MAX && x->name_len <= WB_WASM_NAME_MAX
            && strlen(o->module) == x->module_len && strlen(o->name) == x->name_len
            && strcmp(o->module, x->import_module) == 0 && strcmp(o->name, x->import_name) == 0) {
            known = true;
            offer = import_resolve(x, o, kind, type, limits.min, limits.max) ? o : NULL;
        }
    }
    struct wb_wasm_import any = {.index = UINT16_MAX};
    if (offer == NULL && x->cfg.any_import && x->module_len <= WB_WASM_NAME_MAX
        && x->name_len <= WB_WASM_NAME_MAX) {
        any.min = limits.min;
        any.max = limits.max;
        offer = &any;
    }
    if (offer == NULL) {
        fault(x, WB_ERR_IMPORT, known ? "incompatible import type" : "unknown import");
        return;
    }
    out_word(x, kind | (uint32_t)offer->index << 16);
    out_word(x, type);
    /* A table or memory from outside has the size of what is offered. */
    bool sized = kind == WB_WASM_TABLE || kind == WB_WASM_MEMORY;
    limits.min = sized ? offer->min : 0;
    limits.max = sized ? offer->max : 0;
    out_word(x, limits.min);
    out_word(x, limits.max);
    out_word(x, x->module_len | x->name_len << 16);
    for (uint32_t i = 0; i < x->module_len; i++) {
        out_byte(x, (uint8_t)x->import_module[i]);
    }
    out_bytes_end(x);
    for (uint32_t i = 0; i < x->name_len; i++) {
        out_byte(x, (uint8_t)x->import_name[i]);
    }
    out_bytes_end(x);
    x->import_count++;
    switch (kind) {
    case WB_WASM_FUNC:
        x->func_imports++;
        x->func_count++;
        break;
    case WB_WASM_TABLE: x->table_count++; break;
    case WB_WASM_MEMORY: memory_declare(x, &limits); break;
    default:
        x->import_globals++;
        x->global_count++;
        break;
    }
    vector_next(x, S_IMPORT);
}

/* ---- functions, tables, memory, globals, exports, start ----------------------------------- */

static void function_entry(struct wb_wasm_install *x, struct item *r)
{
    uint32_t type = item_u32(r);
    struct type t;
    if (!item_ok(r) || !type_get(x, type, &t)) {
        return;
    }
    out_word(x, type_canonical(x, type) | 0xffff0000u);
    out_word(x, UINT32_MAX);
    x->func_count++;
    vector_next(x, S_FUNC);
}

static void table_entry(struct wb_wasm_install *x, struct item *r)
{
    uint8_t byte = item_u8(r);
    struct limits limits;
    unsigned type;
    if (!item_ok(r) || !ref_type(x, byte, &type) || !limits_read(x, r, false, &limits)) {
        return;
    }
    out_word(x, type);
    out_word(x, limits.min);
    out_word(x, limits.max);
    x->table_entries += limits.min;
    x->table_count++;
    vector_next(x, S_TABLE);
}

static void memory_entry(struct wb_wasm_install *x, struct item *r)
{
    struct limits limits;
    if (limits_read(x, r, true, &limits)) {
        memory_declare(x, &limits);
        vector_next(x, S_MEMORY);
    }
}

static void expr_begin(struct wb_wasm_install *x, unsigned type)
{
    operands_reset(x);
    x->cur_type = (uint16_t)type;
    x->state = S_EXPR;
}

static void global_begin(struct wb_wasm_install *x, struct item *r)
{
    uint8_t byte = item_u8(r);
    uint8_t mutability = item_u8(r);
    unsigned type;
    if (!item_ok(r) || !value_type(x, byte, &type)) {
        return;
    }
    if (mutability > 1) {
        malformed(x, "malformed mutability");
        return;
    }
    if (x->global_slots >= 0xfffe) {
        over_limit(x, "too many globals");
        return;
    }
    out_program(x, x->globals_at + x->global_count * 4u,
                type | (uint32_t)mutability << 8 | (uint32_t)x->global_slots << 16);
    x->global_slots = (uint16_t)(x->global_slots + type_slots(type));
    expr_begin(x, type);
}

static void export_desc(struct wb_wasm_install *x, struct item *r)
{
    uint8_t kind = item_u8(r);
    uint32_t index = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    uint32_t hash = x->scratch[0];
    switch (kind) {
    case WB_WASM_FUNC: func_declare(x, index); break;
    case WB_WASM_TABLE: (void)table_type(x, index); break;
    case WB_WASM_GLOBAL: (void)global_entry(x, index); break;
    case WB_WASM_MEMORY:
        if (index >= x->memory_count) {
            invalid(x, "unknown memory");
        }
        break;
    default: malformed(x, "malformed export kind"); break;
    }
    out_word(x, kind | index << 8);
    out_word(x, hash);
    x->export_count++;
    x->exports_end = x->out_len;
    vector_next(x, S_EXPORT);
}

static void start_entry(struct wb_wasm_install *x, struct item *r)
{
    uint32_t index = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    struct type type;
    uint32_t t = func_type(x, index);
    if (!failed(x) && type_get(x, t, &type) && type.params + type.results != 0) {
        invalid(x, "start function has parameters or results");
    }
    x->start = index;
    x->state = S_END;
}

/* ---- constant expressions ----------------------------------------------------------------- */

static void expr_end(struct wb_wasm_install *x);

/* In the image: [opcode | index << 8] and the constant's words, up to [0x0b]. */
static void expr_op(struct wb_wasm_install *x, struct item *r)
{
    uint8_t op = item_u8(r);
    uint32_t index = 0;
    uint64_t value = 0;
    unsigned words = 0;
    unsigned type = 0;
    if (!item_ok(r)) {
        return;
    }
    switch (op) {
    case 0x41:
        value = (uint32_t)item_s32(r);
        words = 1;
        type = WB_WASM_I32;
        break;
    case 0x42:
        value = (uint64_t)item_s64(r);
        words = 2;
        type = WB_WASM_I64;
        break;
    case 0x43:
        value = item_le32(r);
        words = 1;
        type = WB_WASM_F32;
        break;
    case 0x44:
        value = item_le32(r);
        value |= (uint64_t)item_le32(r) << 32;
        words = 2;
        type = WB_WASM_F64;
        break;
    case 0x23:
    case 0xd2: index = item_u32(r); break;
    case 0xd0: index = item_u8(r); break;
    case 0x6a:
    case 0x6b:
    case 0x6c:
    case 0x7c:
    case 0x7d:
    case 0x7e:
        type = op < 0x70 ? WB_WASM_I32 : WB_WASM_I64;
        break;
    case 0x0b: break;
    default: invalid(x, "constant expression required"); return;
    }
    if (!item_ok(r)) {
        return;
    }
    if (op == 0x23) {
        uint32_t entry = global_entry(x, index);
        if (index >= x->import_globals) {
            invalid(x, "unknown global (only imported ones in constant expressions)");
        } else if ((entry & 0x100) != 0) {
            invalid(x, "constant expression required: the global is mutable");
        }
        type = entry & 0xff;
    } else if (op == 0xd2) {
        func_declare(x, index);
        type = WB_WASM_FUNCREF;
    } else if (op == 0xd0 && !ref_type(x, index, &type)) {
        return;
    }
    if (op == 0x0b) {
        out_word(x, op);
        if (!operand_pop_type(x, x->cur_type)) {
            return;
        }
        if (x->operand_count != 0) {
            invalid(x, "constant expression leaves more than one value");
            return;
        }
        expr_end(x);
        return;
    }
    if (op >= 0x6a && op <= 0x7e && (!operand_pop_type(x, type) || !operand_pop_type(x, type))) {
        return;
    }
    if (x->operand_count >= 8) {
        over_limit(x, "constant expression is more than 8 values deep");
    }
    (void)operand_push_type(x, type);
    out_word(x, op | index << 8);
    for (unsigned i = 0; i < words; i++) {
        out_word(x, (uint32_t)(value >> 32 * i));
    }
}

static void expr_end(struct wb_wasm_install *x)
{
    if (x->section == 6) {
        x->global_count++;
        vector_next(x, S_GLOBAL);
    } else if (x->section == 9) {
        x->state = (x->scratch[0] & 3) == 0 ? S_ELEM_COUNT : S_ELEM_TYPE;
    } else {
        x->state = S_DATA_LEN;
    }
}

/* ---- element segments --------------------------------------------------------------------- */

/* scratch[0]: the segment's flags; scratch[1]: its type; scratch[2]: its table */
static void elem_begin(struct wb_wasm_install *x, struct item *r)
{
    uint32_t flags = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (flags > 7) {
        malformed(x, "malformed elements segment kind");
        return;
    }
    bool active = (flags & 1) == 0;
    uint32_t table = active && (flags & 2) != 0 ? item_u32(r) : 0;
    if (!item_ok(r)) {
        return;
    }
    x->scratch[0] = flags;
    x->scratch[1] = WB_WASM_FUNCREF;
    x->scratch[2] = table;
    unsigned mode = active ? 0 : (flags & 2) != 0 ? 2 : 1;
    if (active) {
        (void)table_type(x, table);
    }
    out_word(x, mode | table << 16);
    if (active) {
        expr_begin(x, WB_WASM_I32);
    } else {
        x->state = S_ELEM_TYPE;
    }
}

/* Flags 1, 2, 3: an element kind (0: functions); 5, 6, 7: a reference type; 0 and 4: neither. */
static void elem_type_read(struct wb_wasm_install *x, struct item *r)
{
    uint8_t byte = item_u8(r);
    unsigned type = WB_WASM_FUNCREF;
    if (!item_ok(r)) {
        return;
    }
    if (x->scratch[0] < 4) {
        if (byte != 0) {
            malformed(x, "malformed element kind");
            return;
        }
    } else if (!ref_type(x, byte, &type)) {
        return;
    }
    x->scratch[1] = type;
    x->state = S_ELEM_COUNT;
}

static void elem_count_read(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if ((x->scratch[0] & 1) == 0 && table_type(x, x->scratch[2]) != x->scratch[1]) {
        invalid(x, "type mismatch: element segment and table");
        return;
    }
    if (count > x->section_end - x->at) {
        malformed(x, "section ends before its entries do");
        return;
    }
    out_word(x, x->scratch[1]);
    out_word(x, count);
    x->name_left = count;
    x->state = S_ELEM_ENTRY;
    if (count == 0) {
        x->elem_count++;
        vector_next(x, S_ELEM);
    }
}

static void elem_entry(struct wb_wasm_install *x, struct item *r)
{
    uint32_t word = 0;
    if ((x->scratch[0] & 4) == 0) {
        uint32_t index = item_u32(r);
        if (!item_ok(r)) {
            return;
        }
        func_declare(x, index);
        word = index + 1;
    } else {
        uint8_t op = item_u8(r);
        uint32_t index = 0;
        unsigned type = 0;
        if (!item_ok(r)) {
            return;
        }
        if (op == 0xd0) {
            index = item_u8(r);
        } else if (op == 0xd2 || op == 0x23) {
            index = item_u32(r);
        } else {
            invalid(x, op == 0x0b || op == 0x41 ? "type mismatch" : "constant expression required");
            return;
        }
        uint8_t end = item_u8(r);
        if (!item_ok(r)) {
            return;
        }
        if (end != 0x0b) {
            invalid(x, "constant expression required");
            return;
        }
        if (op == 0xd0) {
            if (!ref_type(x, index, &type)) {
                return;
            }
        } else if (op == 0xd2) {
            func_declare(x, index);
            type = WB_WASM_FUNCREF;
            word = index + 1;
        } else {
            uint32_t entry = global_entry(x, index);
            type = entry & 0xff;
            word = index | 0x80000000u;
            if (index >= x->import_globals || (entry & 0x100) != 0) {
                invalid(x, "constant expression required");
            }
        }
        if (type != x->scratch[1]) {
            invalid(x, "type mismatch");
        }
    }
    out_word(x, word);
    if (--x->name_left == 0) {
        x->elem_count++;
        vector_next(x, S_ELEM);
    }
}

/* ---- data segments ------------------------------------------------------------------------ */

static void datacount(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = item_u32(r);
    if (item_ok(r)) {
        x->data_count = count;
        x->state = S_END;
    }
}

static void data_begin(struct wb_wasm_install *x, struct item *r)
{
    uint32_t flags = item_u32(r);
    uint32_t memory = flags == 2 ? item_u32(r) : 0;
    if (!item_ok(r)) {
        return;
    }
    if (flags > 2) {
        malformed(x, "malformed data segment kind");
        return;
    }
    if (flags != 1 && memory >= x->memory_count) {
        invalid(x, "unknown memory");
        return;
    }
    out_word(x, flags == 1 ? 1 : 0);
    x->state = S_DATA_LEN;
    if (flags != 1) {
        expr_begin(x, WB_WASM_I32);
    }
}

static void data_len(struct wb_wasm_install *x, struct item *r)
{
    uint32_t len = item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (len > x->section_end - x->at - (uint32_t)(r->at - r->start)) {
        malformed(x, "data segment runs beyond its section");
        return;
    }
    out_word(x, len);
    x->name_left = len;
    x->state = S_DATA_BYTES;
}

static void data_end(struct wb_wasm_install *x)
{
    out_bytes_end(x);
    x->data_seen++;
    vector_next(x, S_DATA);
}

/* ---- dispatch ----------------------------------------------------------------------------- */

static void step(struct wb_wasm_install *x, struct item *r)
{
    switch ((enum state)x->state) {
    case S_MAGIC: magic(x, r); break;
    case S_SECTION: section_begin(x, r); break;
    case S_COUNT: section_count(x, r); break;
    case S_CUSTOM: name_begin(x, r, NAME_CUSTOM); break;
    case S_TYPE: type_begin(x, r); break;
    case S_TYPE_PARAM: type_value(x, r, 0); break;
    case S_TYPE_RESULTS: type_results(x, r); break;
    case S_TYPE_RESULT: type_value(x, r, 16); break;
    case S_IMPORT: name_begin(x, r, NAME_MODULE); break;
    case S_IMPORT_FIELD: name_begin(x, r, NAME_FIELD); break;
    case S_IMPORT_DESC: import_desc(x, r); break;
    case S_FUNC: function_entry(x, r); break;
    case S_TABLE: table_entry(x, r); break;
    case S_MEMORY: memory_entry(x, r); break;
    case S_GLOBAL: global_begin(x, r); break;
    case S_EXPR: expr_op(x, r); break;
    case S_EXPORT: name_begin(x, r, NAME_EXPORT); break;
    case S_EXPORT_DESC: export_desc(x, r); break;
    case S_START: start_entry(x, r); break;
    case S_ELEM: elem_begin(x, r); break;
    case S_ELEM_TYPE: elem_type_read(x, r); break;
    case S_ELEM_COUNT: elem_count_read(x, r); break;
    case S_ELEM_ENTRY: elem_entry(x, r); break;
    case S_DATACOUNT: datacount(x, r); break;
    case S_BODY: code_body_begin(x, r); break;
    case S_LOCALS: code_locals(x, r); break;
    case S_CODE: code_instruction(x, r); break;
    case S_BR_TABLE: code_br_table_label(x, r); break;
    case S_DATA: data_begin(x, r); break;
    case S_DATA_LEN: data_len(x, r); break;
    case S_NAME:
    case S_SKIP:
    case S_DATA_BYTES:
    case S_END: break;
    }
}

/* What follows without further input. */
static void settle(struct wb_wasm_install *x)
{
    run_end(x);
    section_done(x);
}
