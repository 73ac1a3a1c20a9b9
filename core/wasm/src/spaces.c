/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a module has declared so far, read back from the image: types and index spaces. */
#include "sections.h"

/* ---- types -------------------------------------------------------------------------------- */

bool wb_wasm_ref_type(struct wb_wasm_install *x, unsigned byte, unsigned *type)
{
    if (byte != 0x70 && byte != 0x6f) {
        malformed(x, "malformed reference type");
        return false;
    }
    *type = byte == 0x70 ? WB_WASM_FUNCREF : WB_WASM_EXTERNREF;
    return true;
}

bool wb_wasm_value_type(struct wb_wasm_install *x, unsigned byte, unsigned *type)
{
    if (byte >= 0x7c && byte <= 0x7f) {
        *type = 0x7f - byte;
        return true;
    }
    if (byte == 0x7b) {
        wb_wasm_fault(x, WB_ERR_UNSUPPORTED, "vector instructions (SIMD) are not supported");
        return false;
    }
    if (byte != 0x70 && byte != 0x6f) {
        malformed(x, "malformed value type");
        return false;
    }
    return wb_wasm_ref_type(x, byte, type);
}

bool wb_wasm_type_get(struct wb_wasm_install *x, uint32_t index, struct type *type)
{
    if (index >= x->type_count) {
        invalid(x, "unknown type");
        return false;
    }
    uint32_t at = wb_wasm_out_read(x, x->types_at + index * 4);
    uint32_t counts = wb_wasm_out_read(x, at);
    uint32_t slots = wb_wasm_out_read(x, at + 8);
    type->params = (uint16_t)counts;
    type->results = (uint16_t)(counts >> 16);
    type->param_slots = (uint16_t)slots;
    type->result_slots = (uint16_t)(slots >> 16);
    type->at = at - ((type->params + type->results + 3u) & ~3u);
    return !failed(x);
}

unsigned wb_wasm_type_item(struct wb_wasm_install *x, const struct type *type, unsigned index)
{
    return wb_wasm_out_read_byte(x, type->at + index);
}

uint32_t wb_wasm_type_canonical(struct wb_wasm_install *x, uint32_t index)
{
    return wb_wasm_out_read(x, wb_wasm_out_read(x, x->types_at + index * 4) + 4);
}

void wb_wasm_type_begin(struct wb_wasm_install *x, struct item *r)
{
    uint8_t form = wb_wasm_item_u8(r);
    uint32_t count = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (form != 0x60) {
        malformed(x, "malformed function type");
        return;
    }
    if (count > 1000) {
        wb_wasm_over_limit(x, "function type has more than 1,000 parameters");
        return;
    }
    x->scratch[0] = count; /* params | results << 16 */
    x->scratch[1] = 0;     /* slots of them, likewise */
    x->name_left = count;
    x->state = count > 0 ? S_TYPE_PARAM : S_TYPE_RESULTS;
}

static void type_end(struct wb_wasm_install *x)
{
    wb_wasm_out_bytes_end(x);
    uint32_t index = x->type_count;
    uint32_t at = x->out_len;
    struct type type = {.params = (uint16_t)x->scratch[0],
                        .results = (uint16_t)(x->scratch[0] >> 16)};
    uint32_t words = (type.params + type.results + 3u) / 4;
    uint32_t canonical = 0;
    for (; canonical < index; canonical++) {
        uint32_t other = wb_wasm_out_read(x, x->types_at + canonical * 4);
        bool same = wb_wasm_out_read(x, other) == x->scratch[0];
        for (uint32_t i = 1; same && i <= words; i++) {
            same = wb_wasm_out_read(x, other - i * 4) == wb_wasm_out_read(x, at - i * 4);
        }
        if (same || failed(x)) {
            break;
        }
    }
    wb_wasm_out_word(x, x->scratch[0]);
    wb_wasm_out_word(x, canonical);
    wb_wasm_out_word(x, x->scratch[1]);
    wb_wasm_out_program(x, x->types_at + index * 4, at);
    x->type_count++;
    wb_wasm_vector_next(x, S_TYPE);
}

void wb_wasm_type_value(struct wb_wasm_install *x, struct item *r, unsigned shift)
{
    uint8_t byte = wb_wasm_item_u8(r);
    unsigned type;
    if (!item_ok(r) || !wb_wasm_value_type(x, byte, &type)) {
        return;
    }
    wb_wasm_out_byte(x, (uint8_t)type);
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

void wb_wasm_type_results(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (count > 1000) {
        wb_wasm_over_limit(x, "function type has more than 1,000 results");
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

uint32_t wb_wasm_func_type(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->func_count) {
        invalid(x, "unknown function");
        return 0;
    }
    return wb_wasm_out_read(x, x->funcs_at + index * 8) & 0xffff;
}

void wb_wasm_func_declare(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->func_count) {
        invalid(x, "unknown function");
        return;
    }
    uint32_t at = x->funcs_at + index * 8;
    uint32_t entry = wb_wasm_out_read(x, at);
    if ((entry & FUNC_UNDECLARED) != 0) {
        wb_wasm_out_program(x, at, entry & ~FUNC_UNDECLARED);
    }
}

uint32_t wb_wasm_global_entry(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->global_count) {
        invalid(x, "unknown global");
        return 0;
    }
    return wb_wasm_out_read(x, x->globals_at + index * 4);
}

unsigned wb_wasm_table_type(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->table_count) {
        invalid(x, "unknown table");
        return 0;
    }
    return wb_wasm_out_read(x, x->tables_at + index * 12) & 0xff;
}

/* Skips a constant expression in the image. */
static uint32_t expr_skip(struct wb_wasm_install *x, uint32_t at)
{
    for (;;) {
        uint32_t op = wb_wasm_out_read(x, at) & 0xff;
        at += 4;
        if (op == 0x0b || failed(x)) {
            return at;
        }
        at += op == 0x41 || op == 0x43 ? 4u : op == 0x42 || op == 0x44 ? 8u : 0u;
    }
}

unsigned wb_wasm_elem_type(struct wb_wasm_install *x, uint32_t index)
{
    if (index >= x->elem_count) {
        invalid(x, "unknown element segment");
        return 0;
    }
    uint32_t at = x->elems_at;
    for (;; index--) {
        bool active = (wb_wasm_out_read(x, at) & 0xff) == 0;
        at = active ? expr_skip(x, at + 4) : at + 4;
        if (index == 0 || failed(x)) {
            return wb_wasm_out_read(x, at);
        }
        at += 8 + wb_wasm_out_read(x, at + 4) * 4;
    }
}

/* Copies the imports of one kind to the start of their index space. */
static void import_space(struct wb_wasm_install *x, enum wb_wasm_extern kind)
{
    uint32_t at = x->imports_at;
    for (unsigned i = 0; i < x->import_count && !failed(x); i++) {
        uint32_t w0 = wb_wasm_out_read(x, at);
        uint32_t type = wb_wasm_out_read(x, at + 4);
        uint32_t lens = wb_wasm_out_read(x, at + 16);
        if ((w0 & 0xff) == kind) {
            if (kind == WB_WASM_FUNC) {
                wb_wasm_out_word(x, type | 0xffff0000u);
                wb_wasm_out_word(x, w0 >> 16);
            } else if (kind == WB_WASM_TABLE) {
                uint32_t min = wb_wasm_out_read(x, at + 8);
                uint32_t max = wb_wasm_out_read(x, at + 12);
                wb_wasm_out_word(x, type | 0x100);
                wb_wasm_out_word(x, min);
                wb_wasm_out_word(x, max);
                x->table_entries += min;
            } else {
                wb_wasm_out_word(x, type | 0x200 | (uint32_t)x->global_slots << 16);
                x->global_slots = (uint16_t)(x->global_slots + type_slots(type & 0xff));
            }
        }
        at += 20 + (((lens & 0xffff) + 3u) & ~3u) + (((lens >> 16) + 3u) & ~3u);
    }
}

/* The index spaces begin with the imports. Called with the place of each section, or 20 at the end.
 */
void wb_wasm_spaces_begin(struct wb_wasm_install *x, unsigned order)
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
