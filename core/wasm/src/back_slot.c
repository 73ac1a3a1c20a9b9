/* SPDX-License-Identifier: AGPL-3.0-only */
/* Slot code: see format.h for its words. An instruction holds 8-bit slots. In the rare function
 * that needs more than 256, FAR copies the operands to a small frame of the instance, the
 * instruction runs there, and FAR_OUT copies its result back. */
#include "back.h"

static bool live(const struct wb_wasm_install *x)
{
    return !x->dead && !failed(x);
}

static void map_write(struct wb_wasm_install *x);

void wb_wasm_back_func_begin(struct wb_wasm_install *x, uint32_t zero_slots, uint32_t module_offset)
{
    x->code_at = x->out_len;
    wb_wasm_out_program(x, x->funcs_at + x->func * 8 + 4, x->out_len);
    wb_wasm_out_word(x, 0xffff | zero_slots << 16);
    wb_wasm_out_word(x, x->param_slots | 0xffff0000u);
    wb_wasm_out_word(x, module_offset);
    x->map_len = x->map_first = 0;
    x->map_last = 0;
    x->map_base_module = module_offset;
    back_barrier(x);
}

void wb_wasm_back_func_end(struct wb_wasm_install *x)
{
    map_write(x);
    uint32_t word = wb_wasm_out_read(x, x->code_at);
    wb_wasm_out_program(x, x->code_at, (word & 0xffff0000u) | x->slots_max);
    if (x->map_last != 0) {
        wb_wasm_out_program(x, x->code_at + 4, x->param_slots | x->map_last << 16);
    }
}

/* ---- map ---------------------------------------------------------------------------------- */

/* Writes what was noted. map_first is 1 when there is a first entry, which map_code and map_module
 * started from. */
static void map_write(struct wb_wasm_install *x)
{
    if (x->map_first == 0) {
        return;
    }
    uint32_t here = wb_wasm_back_here(x);
    wb_wasm_out_word(x, x->map_len | (x->map_last == 0 ? 0 : here - x->map_last) << 16);
    wb_wasm_out_word(x, x->map_base_code);
    wb_wasm_out_word(x, x->map_start_module);
    for (unsigned i = 0; i < x->map_len; i += 4) {
        uint32_t word = 0;
        for (unsigned j = 0; j < 4 && i + j < x->map_len; j++) {
            word |= (uint32_t)x->map[i + j] << 8 * j;
        }
        wb_wasm_out_word(x, word);
    }
    x->map_last = here;
    x->map_len = x->map_first = 0;
    x->last_at = 0;
}

static void map_leb(struct wb_wasm_install *x, uint32_t value)
{
    while (value > 0x7f) {
        x->map[x->map_len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    x->map[x->map_len++] = (uint8_t)value;
}

void wb_wasm_back_map_chance(struct wb_wasm_install *x)
{
    if (x->map_len >= 8 && !failed(x)) {
        map_write(x);
    }
}

void wb_wasm_back_map_note(struct wb_wasm_install *x, uint32_t module_offset)
{
    if (!live(x)) {
        return;
    }
    if (x->map_len > sizeof x->map - 9) {
        /* No place where nothing falls through came in time: jump over the map. */
        wb_wasm_out_word(x, OP_BR);
        uint32_t hole = wb_wasm_back_hole(x);
        map_write(x);
        wb_wasm_back_bind_hole(x, hole);
    }
    uint32_t code = wb_wasm_back_here(x);
    uint32_t module = module_offset - x->map_base_module;
    if (x->map_first == 0) {
        x->map_first = 1;
        x->map_base_code = code;
        x->map_start_module = module;
    } else {
        uint32_t words = code - x->map_code;
        uint32_t bytes = module - x->map_module;
        if (words <= 15 && bytes <= 14) {
            x->map[x->map_len++] = (uint8_t)(words | bytes << 4);
        } else {
            x->map[x->map_len++] = MAP_LONG;
            map_leb(x, words);
            map_leb(x, bytes);
        }
    }
    x->map_code = code;
    x->map_module = module;
}

void wb_wasm_back_word(struct wb_wasm_install *x, uint32_t word)
{
    if (live(x)) {
        wb_wasm_out_word(x, word);
    }
}

/* Writes an instruction; d's, a's and b's slots may lie anywhere. */
static void write(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width, unsigned a,
                  unsigned b, bool b_is_imm, const uint32_t *ext)
{
    if (!live(x)) {
        return;
    }
    bool is_far = d > 255 || a > 255 || (!b_is_imm && b > 255);
    if (!is_far) {
        x->last_at = width > 0 ? x->out_len : 0;
        x->last_dst = d;
        wb_wasm_out_word(x, op_word(op, d, a, b));
        if (ext != NULL) {
            wb_wasm_out_word(x, *ext);
        }
        return;
    }
    wb_wasm_out_word(x, OP_FAR);
    wb_wasm_out_word(x, a | (b_is_imm ? 0 : b << 16));
    wb_wasm_out_word(x, d);
    wb_wasm_out_word(x, op_word(op, 0, 2, b_is_imm ? b : 4));
    if (ext != NULL) {
        wb_wasm_out_word(x, *ext);
    }
    wb_wasm_out_word(x, OP_FAR_OUT | width << 8 | d << 16);
    x->last_at = 0;
}

void wb_wasm_back_op3(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width, unsigned a,
                      unsigned b)
{
    write(x, op, d, width, a, b, false, NULL);
}

void wb_wasm_back_op_imm(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         unsigned a, int imm)
{
    write(x, op, d, width, a, (unsigned)imm & 0xff, true, NULL);
}

void wb_wasm_back_op_ext(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         unsigned a, unsigned b, uint32_t ext)
{
    write(x, op, d, width, a, b, false, &ext);
}

void wb_wasm_back_op16(struct wb_wasm_install *x, enum op op, unsigned number)
{
    if (live(x)) {
        wb_wasm_out_word(x, op | number << 16);
        x->last_at = 0;
    }
}

void wb_wasm_back_const(struct wb_wasm_install *x, unsigned d, unsigned width, uint64_t value)
{
    if (!live(x)) {
        return;
    }
    int64_t number = width == 2 ? (int64_t)value : (int32_t)(uint32_t)value;
    bool is_short = number >= -0x8000 && number <= 0x7fff;
    bool is_far = d > 255;
    if (is_far) {
        wb_wasm_out_word(x, OP_FAR);
        wb_wasm_out_word(x, 0);
        wb_wasm_out_word(x, d);
    }
    unsigned place = is_far ? 0 : d;
    x->last_at = is_far ? 0 : x->out_len;
    x->last_dst = d;
    if (is_short) {
        wb_wasm_out_word(x,
                         (width == 2 ? OP_MOVI64 : OP_MOVI) | place << 8 | (uint32_t)number << 16);
    } else {
        wb_wasm_out_word(x, op_word(width == 2 ? OP_MOVW64 : OP_MOVW, place, 0, 0));
        wb_wasm_out_word(x, (uint32_t)value);
        if (width == 2) {
            wb_wasm_out_word(x, (uint32_t)(value >> 32));
        }
    }
    if (is_far) {
        wb_wasm_out_word(x, OP_FAR_OUT | width << 8 | d << 16);
    }
}

void wb_wasm_back_move(struct wb_wasm_install *x, unsigned d, unsigned a, unsigned width)
{
    if (d != a) {
        write(x, width == 2 ? OP_MOV64 : OP_MOV, d, width, a, 0, true, NULL);
    }
}

void wb_wasm_back_global(struct wb_wasm_install *x, bool set, unsigned slot, unsigned width,
                         unsigned global_slot)
{
    if (!live(x)) {
        return;
    }
    enum op op = set ? (width == 2 ? OP_GSET64 : OP_GSET) : width == 2 ? OP_GGET64 : OP_GGET;
    bool is_far = slot > 255;
    if (is_far) {
        wb_wasm_out_word(x, OP_FAR);
        wb_wasm_out_word(x, 0);
        wb_wasm_out_word(x, slot);
    }
    x->last_at = is_far || set ? 0 : x->out_len;
    x->last_dst = slot;
    wb_wasm_out_word(x, op | (is_far ? 0 : slot) << 8 | global_slot << 16);
    if (is_far) {
        wb_wasm_out_word(x, OP_FAR_OUT | (set ? 0 : width) << 8 | slot << 16);
    }
}

void wb_wasm_back_load(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                       unsigned a, uint32_t offset)
{
    if (offset <= 255) {
        write(x, op, d, width, a, offset, true, NULL);
    } else {
        write(x, (enum op)(op + (OP_L32X - OP_L32)), d, width, a, 0, true, &offset);
    }
}

void wb_wasm_back_select(struct wb_wasm_install *x, unsigned d, unsigned width, unsigned a,
                         unsigned b, unsigned cond)
{
    if (d <= 255 && a <= 255 && b <= 255) {
        uint32_t ext = cond;
        write(x, width == 2 ? OP_SELECT64 : OP_SELECT, d, width, a, b, false, &ext);
        return;
    }
    if (!live(x)) {
        return;
    }
    wb_wasm_back_move(x, d, a,
                      width); /* d is a's home or above all operands: b and cond are still there */
    wb_wasm_back_op16(x, OP_BRNZ, cond);
    uint32_t hole = wb_wasm_back_hole(x);
    wb_wasm_back_move(x, d, b, width);
    wb_wasm_back_bind_hole(x, hole);
}

/* ---- joining instructions ----------------------------------------------------------------- */

/* The newest instruction, if it wrote this slot and can still be taken back. */
static bool newest(struct wb_wasm_install *x, unsigned home, uint32_t *word)
{
    if (!live(x) || x->last_at == 0 || x->last_dst != home || !out_is_open(x, x->last_at)) {
        return false;
    }
    *word = wb_wasm_out_read(x, x->last_at);
    return true;
}

static void take_back(struct wb_wasm_install *x)
{
    x->out_len = x->last_at;
    x->last_at = 0;
}

bool wb_wasm_back_take_const(struct wb_wasm_install *x, unsigned home, int32_t *value)
{
    uint32_t word;
    if (!newest(x, home, &word) || (word & 0xff) != OP_MOVW) {
        return false;
    }
    *value = (int32_t)wb_wasm_out_read(x, x->last_at + 4);
    take_back(x);
    return true;
}

static unsigned fused_access(enum op op)
{
    switch (op) {
    case OP_L32: return OP_L32A;
    case OP_L8U: return OP_L8UA;
    case OP_L16U: return OP_L16UA;
    case OP_S8: return OP_S8A;
    case OP_S32: return OP_S32A;
    default: return 0;
    }
}

bool wb_wasm_back_take_address(struct wb_wasm_install *x, enum op op, unsigned d, unsigned home,
                               uint32_t offset, unsigned busy, struct address *address)
{
    uint32_t word;
    if (fused_access(op) == 0 || d > 255 || !newest(x, home, &word)) {
        return false;
    }
    unsigned made_by = word & 0xff;
    address->is_sum = made_by == OP_I32_ADD;
    address->a = (uint8_t)(word >> 16);
    address->b = (uint8_t)(word >> 24);
    address->shift = made_by == OP_I32_SHL_ADDK ? address->b : 0;
    if (address->a == busy || (address->is_sum && address->b == busy)) {
        return false;
    }
    if (address->is_sum ? offset != 0
                        : offset > 63 || address->shift > 3 ||
                              (made_by != OP_I32_ADDK && made_by != OP_I32_SHL_ADDK)) {
        return false;
    }
    address->constant = address->is_sum ? 0 : wb_wasm_out_read(x, x->last_at + 4);
    take_back(x);
    return true;
}

void wb_wasm_back_access(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         const struct address *address, uint32_t offset)
{
    enum op fused = (enum op)fused_access(op);
    if (address->is_sum) {
        write(x, fused, d, width, address->a, address->b, false, NULL);
    } else {
        write(x, (enum op)(fused + (OP_L32K - OP_L32A)), d, width, address->a,
              address->shift | offset << 2, true, &address->constant);
    }
}

void wb_wasm_back_op_const(struct wb_wasm_install *x, enum op op, unsigned d, unsigned a,
                           uint32_t value)
{
    uint32_t word;
    if (op == OP_I32_ADDK && newest(x, a, &word) && (word & 0xff) == OP_I32_SHLI && d <= 255 &&
        d == a) {
        take_back(x);
        write(x, OP_I32_SHL_ADDK, d, 1, word >> 16 & 0xff, word >> 24, true, &value);
        return;
    }
    write(x, op, d, 1, a, 0, true, &value);
}

bool wb_wasm_back_redirect(struct wb_wasm_install *x, unsigned from, unsigned to)
{
    if (x->last_at == 0 || x->last_dst != from || to > 255 || !out_is_open(x, x->last_at)) {
        return false;
    }
    uint32_t word = wb_wasm_out_read(x, x->last_at);
    wb_wasm_out_program(x, x->last_at, (word & ~0xff00u) | to << 8);
    x->last_at = 0;
    return true;
}

/* ---- comparisons and branches ------------------------------------------------------------- */

static bool is_short(const struct compare *c)
{
    return c->imm >= (c->cond >= C_LT_U ? 0 : -128) && c->imm <= 127;
}

void wb_wasm_back_compare(struct wb_wasm_install *x, const struct compare *c, unsigned d)
{
    if (c->has_imm && is_short(c)) {
        wb_wasm_back_op_imm(x, (enum op)(OP_I32_EQI + c->cond), d, 1, c->a, c->imm);
    } else if (c->has_imm) {
        /* Of the two operands' homes, home and the one behind it, the constant's is free. */
        unsigned b = c->a == c->home + 1u ? c->home : c->home + 1u;
        wb_wasm_back_const(x, b, 1, (uint32_t)c->imm);
        wb_wasm_back_op3(x, (enum op)(OP_I32_EQ + c->cond), d, 1, c->a, b);
    } else {
        wb_wasm_back_op3(x, (enum op)(OP_I32_EQ + c->cond), d, 1, c->a, c->b);
    }
}

void wb_wasm_back_branch_if(struct wb_wasm_install *x, const struct compare *c, bool negate)
{
    if (!live(x)) {
        return;
    }
    unsigned cond = c->cond ^ (negate ? 1u : 0u);
    if (c->has_imm && c->imm == 0 && c->cond <= C_NE) {
        wb_wasm_back_op16(x, cond == C_EQ ? OP_BRZ : OP_BRNZ, c->a);
    } else if (c->a > 255 || (!c->has_imm && c->b > 255)) {
        wb_wasm_back_compare(x, c, c->home);
        wb_wasm_back_op16(x, negate ? OP_BRZ : OP_BRNZ, c->home);
    } else if (c->has_imm && !is_short(c)) {
        wb_wasm_out_word(x, op_word(OP_BR_EQK + cond, 0, c->a, 0));
        wb_wasm_out_word(x, (uint32_t)c->imm);
        x->last_at = 0;
    } else {
        unsigned op = (c->has_imm ? OP_BR_EQI : OP_BR_EQ) + cond;
        wb_wasm_out_word(x, op_word(op, 0, c->a, c->has_imm ? (unsigned)c->imm : c->b));
        x->last_at = 0;
    }
}

uint16_t wb_wasm_back_here(struct wb_wasm_install *x)
{
    uint32_t here = (x->out_len - x->code_at) / 4;
    if (here > 0xffff) {
        wb_wasm_over_limit(x, "function is too large");
    }
    return (uint16_t)here;
}

/* Writes the distance into the branch word at place; its lower half stays. */
static void resolve(struct wb_wasm_install *x, uint32_t place, uint32_t target)
{
    int32_t distance = (int32_t)target - (int32_t)place;
    if (distance > 0x7fff) {
        wb_wasm_over_limit(x, "function is too large for a branch");
        return;
    }
    uint32_t offset = x->code_at + place * 4;
    uint32_t word = wb_wasm_out_read(x, offset);
    wb_wasm_out_program(x, offset, (word & 0xffff) | (uint32_t)distance << 16);
}

void wb_wasm_back_label_word(struct wb_wasm_install *x, struct wb_wasm_control *label)
{
    if (!live(x)) {
        return;
    }
    uint16_t here = wb_wasm_back_here(x);
    if (label->kind == BLOCK_LOOP) {
        int32_t distance = (int32_t)label->chain - here;
        if (distance < -0x8000) {
            wb_wasm_over_limit(x, "function is too large for a branch");
        }
        wb_wasm_out_word(x, (uint32_t)distance << 16);
    } else {
        wb_wasm_out_word(x, 0xffff0000u | label->chain);
        label->chain = here;
    }
    x->last_at = 0;
}

uint32_t wb_wasm_back_hole(struct wb_wasm_install *x)
{
    if (!live(x)) {
        return 0;
    }
    uint32_t here = wb_wasm_back_here(x);
    wb_wasm_out_word(x, 0xffff0000u);
    return here;
}

void wb_wasm_back_bind_hole(struct wb_wasm_install *x, uint32_t hole)
{
    x->last_at = 0;
    if (hole != 0 && !failed(x)) {
        resolve(x, hole, wb_wasm_back_here(x));
    }
}

void wb_wasm_back_bind(struct wb_wasm_install *x, struct wb_wasm_control *label)
{
    uint16_t here = wb_wasm_back_here(x);
    uint32_t place = label->chain;
    while (place != 0 && !failed(x)) {
        uint32_t next = wb_wasm_out_read(x, x->code_at + place * 4) & 0xffff;
        resolve(x, place, here);
        place = next;
    }
    label->chain = 0;
    x->last_at = 0;
}
