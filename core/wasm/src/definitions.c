/* SPDX-License-Identifier: AGPL-3.0-only */
/* Sections between imports and code, and data: functions, tables, memory, globals, exports, start,
 * constant expressions, element and data segments. */
#include "sections.h"

/* ---- functions, tables, memory, globals, exports, start ----------------------------------- */

void wb_wasm_function_entry(struct wb_wasm_install *x, struct item *r)
{
    uint32_t type = wb_wasm_item_u32(r);
    struct type t;
    if (!item_ok(r) || !wb_wasm_type_get(x, type, &t)) {
        return;
    }
    wb_wasm_out_word(x, wb_wasm_type_canonical(x, type) | 0xffff0000u);
    wb_wasm_out_word(x, UINT32_MAX);
    x->func_count++;
    wb_wasm_vector_next(x, S_FUNC);
}

void wb_wasm_table_entry(struct wb_wasm_install *x, struct item *r)
{
    uint8_t byte = wb_wasm_item_u8(r);
    struct limits limits;
    unsigned type;
    if (!item_ok(r) || !wb_wasm_ref_type(x, byte, &type) ||
        !wb_wasm_limits_read(x, r, false, &limits)) {
        return;
    }
    wb_wasm_out_word(x, type);
    wb_wasm_out_word(x, limits.min);
    wb_wasm_out_word(x, limits.max);
    x->table_entries += limits.min;
    x->table_count++;
    wb_wasm_vector_next(x, S_TABLE);
}

void wb_wasm_memory_entry(struct wb_wasm_install *x, struct item *r)
{
    struct limits limits;
    if (wb_wasm_limits_read(x, r, true, &limits)) {
        wb_wasm_memory_declare(x, &limits);
        wb_wasm_vector_next(x, S_MEMORY);
    }
}

static void expr_begin(struct wb_wasm_install *x, unsigned type)
{
    wb_wasm_operands_reset(x);
    x->cur_type = (uint16_t)type;
    x->state = S_EXPR;
}

void wb_wasm_global_begin(struct wb_wasm_install *x, struct item *r)
{
    uint8_t byte = wb_wasm_item_u8(r);
    uint8_t mutability = wb_wasm_item_u8(r);
    unsigned type;
    if (!item_ok(r) || !wb_wasm_value_type(x, byte, &type)) {
        return;
    }
    if (mutability > 1) {
        malformed(x, "malformed mutability");
        return;
    }
    if (x->global_slots + 2u > GLOBALS_MAX) {
        wb_wasm_over_limit(x, "too many globals");
        return;
    }
    wb_wasm_out_program(x, x->globals_at + x->global_count * 4u,
                        type | (uint32_t)mutability << 8 | (uint32_t)x->global_slots << 16);
    x->global_slots = (uint16_t)(x->global_slots + type_slots(type));
    expr_begin(x, type);
}

void wb_wasm_export_desc(struct wb_wasm_install *x, struct item *r)
{
    uint8_t kind = wb_wasm_item_u8(r);
    uint32_t index = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    uint32_t hash = x->scratch[0];
    switch (kind) {
    case WB_WASM_FUNC: wb_wasm_func_declare(x, index); break;
    case WB_WASM_TABLE: (void)wb_wasm_table_type(x, index); break;
    case WB_WASM_GLOBAL: (void)wb_wasm_global_entry(x, index); break;
    case WB_WASM_MEMORY:
        if (index >= x->memory_count) {
            invalid(x, "unknown memory");
        }
        break;
    default: malformed(x, "malformed export kind"); break;
    }
    wb_wasm_out_word(x, kind | index << 8);
    wb_wasm_out_word(x, hash);
    x->export_count++;
    x->exports_end = x->out_len;
    wb_wasm_vector_next(x, S_EXPORT);
}

void wb_wasm_start_entry(struct wb_wasm_install *x, struct item *r)
{
    uint32_t index = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    struct type type;
    uint32_t t = wb_wasm_func_type(x, index);
    if (!failed(x) && wb_wasm_type_get(x, t, &type) && type.params + type.results != 0) {
        invalid(x, "start function has parameters or results");
    }
    x->start = index;
    x->state = S_END;
}

/* ---- constant expressions ----------------------------------------------------------------- */

static void expr_end(struct wb_wasm_install *x);

/* In the image: [opcode | index << 8] and the constant's words, up to [0x0b]. */
void wb_wasm_expr_op(struct wb_wasm_install *x, struct item *r)
{
    uint8_t op = wb_wasm_item_u8(r);
    uint32_t index = 0;
    uint64_t value = 0;
    unsigned words = 0;
    unsigned type = 0;
    if (!item_ok(r)) {
        return;
    }
    switch (op) {
    case 0x41:
        value = (uint32_t)wb_wasm_item_s32(r);
        words = 1;
        type = WB_WASM_I32;
        break;
    case 0x42:
        value = (uint64_t)wb_wasm_item_s64(r);
        words = 2;
        type = WB_WASM_I64;
        break;
    case 0x43:
        value = wb_wasm_item_le32(r);
        words = 1;
        type = WB_WASM_F32;
        break;
    case 0x44:
        value = wb_wasm_item_le32(r);
        value |= (uint64_t)wb_wasm_item_le32(r) << 32;
        words = 2;
        type = WB_WASM_F64;
        break;
    case 0x23:
    case 0xd2: index = wb_wasm_item_u32(r); break;
    case 0xd0: index = wb_wasm_item_u8(r); break;
    case 0x6a:
    case 0x6b:
    case 0x6c:
    case 0x7c:
    case 0x7d:
    case 0x7e: type = op < 0x70 ? WB_WASM_I32 : WB_WASM_I64; break;
    case 0x0b: break;
    default: invalid(x, "constant expression required"); return;
    }
    if (!item_ok(r)) {
        return;
    }
    if (op == 0x23) {
        uint32_t entry = wb_wasm_global_entry(x, index);
        if (index >= x->import_globals) {
            invalid(x, "unknown global (only imported ones in constant expressions)");
        } else if ((entry & 0x100) != 0) {
            invalid(x, "constant expression required: the global is mutable");
        }
        type = entry & 0xff;
    } else if (op == 0xd2) {
        wb_wasm_func_declare(x, index);
        type = WB_WASM_FUNCREF;
    } else if (op == 0xd0 && !wb_wasm_ref_type(x, index, &type)) {
        return;
    }
    if (op == 0x0b) {
        wb_wasm_out_word(x, op);
        if (!wb_wasm_operand_pop_type(x, x->cur_type)) {
            return;
        }
        if (x->operand_count != 0) {
            invalid(x, "constant expression leaves more than one value");
            return;
        }
        expr_end(x);
        return;
    }
    if (op >= 0x6a && op <= 0x7e &&
        (!wb_wasm_operand_pop_type(x, type) || !wb_wasm_operand_pop_type(x, type))) {
        return;
    }
    if (x->operand_count >= 8) {
        wb_wasm_over_limit(x, "constant expression is more than 8 values deep");
    }
    (void)wb_wasm_operand_push_type(x, type);
    wb_wasm_out_word(x, op | index << 8);
    for (unsigned i = 0; i < words; i++) {
        wb_wasm_out_word(x, (uint32_t)(value >> 32 * i));
    }
}

static void expr_end(struct wb_wasm_install *x)
{
    if (x->section == 6) {
        x->global_count++;
        wb_wasm_vector_next(x, S_GLOBAL);
    } else if (x->section == 9) {
        x->state = (x->scratch[0] & 3) == 0 ? S_ELEM_COUNT : S_ELEM_TYPE;
    } else {
        x->state = S_DATA_LEN;
    }
}

/* ---- element segments --------------------------------------------------------------------- */

/* scratch[0]: the segment's flags; scratch[1]: its type; scratch[2]: its table */
void wb_wasm_elem_begin(struct wb_wasm_install *x, struct item *r)
{
    uint32_t flags = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (flags > 7) {
        malformed(x, "malformed elements segment kind");
        return;
    }
    bool active = (flags & 1) == 0;
    uint32_t table = active && (flags & 2) != 0 ? wb_wasm_item_u32(r) : 0;
    if (!item_ok(r)) {
        return;
    }
    x->scratch[0] = flags;
    x->scratch[1] = WB_WASM_FUNCREF;
    x->scratch[2] = table;
    unsigned mode = active ? 0 : (flags & 2) != 0 ? 2 : 1;
    if (active) {
        (void)wb_wasm_table_type(x, table);
    }
    wb_wasm_out_word(x, mode | table << 16);
    if (active) {
        expr_begin(x, WB_WASM_I32);
    } else {
        x->state = S_ELEM_TYPE;
    }
}

/* Flags 1, 2, 3: an element kind (0: functions); 5, 6, 7: a reference type; 0 and 4: neither. */
void wb_wasm_elem_type_read(struct wb_wasm_install *x, struct item *r)
{
    uint8_t byte = wb_wasm_item_u8(r);
    unsigned type = WB_WASM_FUNCREF;
    if (!item_ok(r)) {
        return;
    }
    if (x->scratch[0] < 4) {
        if (byte != 0) {
            malformed(x, "malformed element kind");
            return;
        }
    } else if (!wb_wasm_ref_type(x, byte, &type)) {
        return;
    }
    x->scratch[1] = type;
    x->state = S_ELEM_COUNT;
}

void wb_wasm_elem_count_read(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if ((x->scratch[0] & 1) == 0 && wb_wasm_table_type(x, x->scratch[2]) != x->scratch[1]) {
        invalid(x, "type mismatch: element segment and table");
        return;
    }
    if (count > x->section_end - x->at) {
        malformed(x, "section ends before its entries do");
        return;
    }
    wb_wasm_out_word(x, x->scratch[1]);
    wb_wasm_out_word(x, count);
    x->name_left = count;
    x->state = S_ELEM_ENTRY;
    if (count == 0) {
        x->elem_count++;
        wb_wasm_vector_next(x, S_ELEM);
    }
}

void wb_wasm_elem_entry(struct wb_wasm_install *x, struct item *r)
{
    uint32_t word = 0;
    if ((x->scratch[0] & 4) == 0) {
        uint32_t index = wb_wasm_item_u32(r);
        if (!item_ok(r)) {
            return;
        }
        wb_wasm_func_declare(x, index);
        word = index + 1;
    } else {
        uint8_t op = wb_wasm_item_u8(r);
        uint32_t index = 0;
        unsigned type = 0;
        if (!item_ok(r)) {
            return;
        }
        if (op == 0xd0) {
            index = wb_wasm_item_u8(r);
        } else if (op == 0xd2 || op == 0x23) {
            index = wb_wasm_item_u32(r);
        } else {
            invalid(x, op == 0x0b || op == 0x41 ? "type mismatch" : "constant expression required");
            return;
        }
        uint8_t end = wb_wasm_item_u8(r);
        if (!item_ok(r)) {
            return;
        }
        if (end != 0x0b) {
            invalid(x, "constant expression required");
            return;
        }
        if (op == 0xd0) {
            if (!wb_wasm_ref_type(x, index, &type)) {
                return;
            }
        } else if (op == 0xd2) {
            wb_wasm_func_declare(x, index);
            type = WB_WASM_FUNCREF;
            word = index + 1;
        } else {
            uint32_t entry = wb_wasm_global_entry(x, index);
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
    wb_wasm_out_word(x, word);
    if (--x->name_left == 0) {
        x->elem_count++;
        wb_wasm_vector_next(x, S_ELEM);
    }
}

/* ---- data segments ------------------------------------------------------------------------ */

void wb_wasm_datacount(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = wb_wasm_item_u32(r);
    if (item_ok(r)) {
        x->data_count = count;
        x->state = S_END;
    }
}

void wb_wasm_data_begin(struct wb_wasm_install *x, struct item *r)
{
    uint32_t flags = wb_wasm_item_u32(r);
    uint32_t memory = flags == 2 ? wb_wasm_item_u32(r) : 0;
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
    wb_wasm_out_word(x, flags == 1 ? 1 : 0);
    x->state = S_DATA_LEN;
    if (flags != 1) {
        expr_begin(x, WB_WASM_I32);
    }
}

void wb_wasm_data_len(struct wb_wasm_install *x, struct item *r)
{
    uint32_t len = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    if (len > x->section_end - x->at - (uint32_t)(r->at - r->start)) {
        malformed(x, "data segment runs beyond its section");
        return;
    }
    wb_wasm_out_word(x, len);
    x->name_left = len;
    x->state = S_DATA_BYTES;
}

void wb_wasm_data_end(struct wb_wasm_install *x)
{
    wb_wasm_out_bytes_end(x);
    x->data_seen++;
    wb_wasm_vector_next(x, S_DATA);
}
