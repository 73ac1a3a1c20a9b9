/* SPDX-License-Identifier: AGPL-3.0-only */
/* Slot code: see format.h for its words. An instruction holds 7-bit slots. In the rare function
 * that needs more than 128, FAR copies the operands to a small frame of the instance, the
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
    back_barrier(x);
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

void wb_wasm_back_map_room(struct wb_wasm_install *x)
{
    if (live(x) && x->map_len > sizeof x->map - 9) {
        /* No place where nothing falls through came in time: jump over the map. */
        wb_wasm_out_word(x, op_word_s(OP_BR, 0));
        uint32_t hole = wb_wasm_back_hole(x);
        map_write(x);
        wb_wasm_back_bind_hole(x, hole);
    }
}

void wb_wasm_back_map_note(struct wb_wasm_install *x, uint32_t module_offset)
{
    if (!live(x)) {
        return;
    }
    wb_wasm_back_map_room(x);
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

/* ---- instructions ------------------------------------------------------------------------- */

static enum layout layout_of(unsigned op)
{
    if (op == OP_UNREACHABLE || op > OP_GGET_D) {
        return LAYOUT_NONE;
    }
    if (op < OP_I32_ADDI) {
        return LAYOUT_BIN;
    }
    if (op < OP_I32_ADDK) {
        return LAYOUT_IMM;
    }
    if (op < OP_I32_SHL_ADDK) {
        return LAYOUT_K;
    }
    if (op < OP_MOVI) {
        return LAYOUT_FIX;
    }
    return op <= OP_MOVW_D || op >= OP_GGET ? LAYOUT_T : LAYOUT_NONE;
}

static bool is_store(unsigned op)
{
    return (op >= OP_S32A && op < OP_I32_ADDI) || (op >= OP_S32 && op < OP_I32_ADDK) ||
           (op >= OP_S32K && op < OP_MOV) || (op >= OP_S32SK && op < OP_MOVI);
}

static bool commutes(unsigned op)
{
    return op == OP_I32_ADD || op == OP_I32_MUL || (op >= OP_I32_AND && op <= OP_I32_XOR) ||
           (op >= OP_L32A && op <= OP_L16UA);
}

/* Whether the result is in the accumulator afterwards. */
static bool sets_acc(unsigned op)
{
    return layout_of(op) != LAYOUT_NONE || (op >= OP_I32_DIV_S && op <= OP_I32_GE_UI) ||
           op == OP_SELECT || (op >= OP_L32X && op <= OP_L16SX) ||
           (op >= OP_I64_EQ && op <= OP_I64_EQZ);
}

/* x->last as a word */
static uint32_t encode(const struct wb_wasm_install *x)
{
    unsigned op = x->last.op;
    unsigned form = x->last.form;
    unsigned d = x->last.d;
    unsigned a = x->last.a;
    unsigned b = x->last.b;
    enum layout layout = layout_of(op);
    if (form == FORM_SI && is_store(op)) {
        return layout == LAYOUT_K ? op_word_t(op + form, d, a * 4) : op_word(op + form, d, a, b);
    }
    switch (layout) {
    case LAYOUT_K: return op_word_t(op + form, form & FORM_D ? 0 : d, form & FORM_A ? 0 : a * 4);
    case LAYOUT_T: return op_word_t(op + form, form & FORM_D ? 0 : d, b & 0x3fff);
    case LAYOUT_BIN:
    case LAYOUT_IMM:
        if (form != 0) {
            unsigned x7 = form == FORM_D ? a : form == FORM_A ? d : 0;
            return op_word_t(op + form, x7, layout == LAYOUT_BIN ? b * 4 : b & 0x3fff);
        }
        if (op == OP_I32_ADD && (d == a || d == b)) {
            return op_word_t(OP_ADD_TO, d, (d == a ? b : a) * 4);
        }
        if (op == OP_I32_ADDI && d == a) {
            return op_word_t(OP_INC, d, b & 0x3fff);
        }
        return op_word(op, d, a, b);
    default: return op_word(op + form, d, a, b);
    }
}

/* The accumulator's slot is read: if it is an operand's home, which nothing reads again, and the
 * newest instruction made it, then that one need not store it. */
static void consume(struct wb_wasm_install *x, unsigned slot)
{
    if (x->last_at != 0 && x->last_dst == slot && slot >= x->local_slots &&
        layout_of(x->last.op) != LAYOUT_NONE && out_is_open(x, x->last_at)) {
        x->last.form |= FORM_D;
        wb_wasm_out_program(x, x->last_at, encode(x));
    }
}

/* Writes an instruction; d's, a's and b's slots may lie anywhere. */
static void write(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width, unsigned a,
                  unsigned b, bool b_is_imm, bool d_is_imm, const uint32_t *ext)
{
    if (!live(x)) {
        return;
    }
    if ((d > SLOT_MAX && !d_is_imm) || a > SLOT_MAX || (!b_is_imm && b > SLOT_MAX)) {
        wb_wasm_out_word(x, op_word_s(OP_FAR, 0));
        wb_wasm_out_word(x, a | (b_is_imm ? 0 : b << 16));
        wb_wasm_out_word(x, d_is_imm ? 0 : d);
        x->last.op = (uint16_t)op;
        x->last.d = (uint16_t)(d_is_imm ? d : 0);
        x->last.a = 2;
        x->last.b = (uint16_t)(b_is_imm ? b : 4);
        x->last.form = d_is_imm ? FORM_SI : 0;
        wb_wasm_out_word(x, encode(x));
        if (ext != NULL) {
            wb_wasm_out_word(x, *ext);
        }
        wb_wasm_out_word(x, op_word_s(OP_FAR_OUT, d) | width << 11);
        back_barrier(x);
        return;
    }
    enum layout layout = layout_of(op);
    bool store = is_store(op);
    bool reads_acc = op == OP_XOR_ROTLI || op == OP_XOR_SHR_UI;
    uint32_t acc_before = x->acc_slot;
    unsigned form = 0;
    if (d_is_imm) {
        form = FORM_SI;
    } else if (layout != LAYOUT_NONE && layout != LAYOUT_T && !reads_acc &&
               x->acc_slot != UINT32_MAX) {
        if (commutes(op) && x->acc_slot == b) {
            unsigned swap = a;
            a = b;
            b = swap;
        }
        if (store && x->acc_slot == d) {
            form = FORM_D;
            consume(x, d);
        } else if (x->acc_slot == a) {
            form = FORM_A;
            consume(x, a);
        }
    }
    if (op == OP_MOV && form == 0 && x->last_at != 0 && x->last.op == OP_MOV && x->last.form == 0 &&
        x->last_at + 4 == x->out_len && out_is_open(x, x->last_at)) {
        /* Two moves are one instruction; the second word looks as it does alone. */
        wb_wasm_out_program(x, x->last_at, op_word_t(OP_MOV2, x->last.d, x->last.a * 4u));
        wb_wasm_out_word(x, op_word_t(OP_MOV, d, a * 4));
        x->last_at = 0;
        x->acc_slot = d;
        return;
    }
    x->acc_before = acc_before;
    x->last.op = (uint16_t)op;
    x->last.d = (uint16_t)d;
    x->last.a = (uint16_t)a;
    x->last.b = (uint16_t)b;
    x->last.form = (uint8_t)form;
    x->last.ext = ext != NULL ? *ext : 0;
    x->last.has_ext = ext != NULL;
    x->last_at = width > 0 ? x->out_len : 0;
    x->last_dst = d;
    wb_wasm_out_word(x, encode(x));
    if (ext != NULL) {
        wb_wasm_out_word(x, *ext);
    }
    if (width > 0) {
        x->acc_slot = width == 1 && sets_acc(op) ? d : UINT32_MAX;
    }
}

void wb_wasm_back_op3(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width, unsigned a,
                      unsigned b)
{
    write(x, op, d, width, a, b, false, false, NULL);
}

void wb_wasm_back_op_imm(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         unsigned a, int imm)
{
    write(x, op, d, width, a, (unsigned)imm & 0x3fff, true, false, NULL);
}

void wb_wasm_back_op_ext(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         unsigned a, unsigned b, uint32_t ext)
{
    write(x, op, d, width, a, b, false, false, &ext);
}

void wb_wasm_back_op16(struct wb_wasm_install *x, enum op op, unsigned number)
{
    if (live(x)) {
        wb_wasm_out_word(x, op_word_s(op, number));
        x->last_at = 0;
    }
}

/* One of two ops, the second of which takes the accumulator. */
static void op16_or_acc(struct wb_wasm_install *x, enum op op, enum op op_acc, unsigned slot)
{
    if (live(x) && x->acc_slot == slot) {
        consume(x, slot);
        wb_wasm_back_op16(x, op_acc, 0);
    } else {
        wb_wasm_back_op16(x, op, slot);
    }
}

void wb_wasm_back_return(struct wb_wasm_install *x, unsigned slot, unsigned width)
{
    if (width == 2) {
        wb_wasm_back_op16(x, OP_RET64, slot);
    } else {
        op16_or_acc(x, OP_RET32, OP_RET32_A, slot);
    }
}

void wb_wasm_back_table(struct wb_wasm_install *x, unsigned slot)
{
    op16_or_acc(x, OP_BR_TABLE, OP_BR_TABLE_A, slot);
}

/* Frame for an instruction whose d lies anywhere; true when it does not fit. */
static bool far_begin(struct wb_wasm_install *x, unsigned d)
{
    if (d <= SLOT_MAX) {
        return false;
    }
    wb_wasm_out_word(x, op_word_s(OP_FAR, 0));
    wb_wasm_out_word(x, 0);
    wb_wasm_out_word(x, d);
    return true;
}

static void far_end(struct wb_wasm_install *x, unsigned d, unsigned width)
{
    wb_wasm_out_word(x, op_word_s(OP_FAR_OUT, d) | width << 11);
    back_barrier(x);
}

void wb_wasm_back_const(struct wb_wasm_install *x, unsigned d, unsigned width, uint64_t value)
{
    if (!live(x)) {
        return;
    }
    int64_t number = width == 2 ? (int64_t)value : (int32_t)(uint32_t)value;
    bool is_short = number >= -T_MAX && number <= T_MAX;
    bool is_far = far_begin(x, d);
    uint32_t ext = (uint32_t)value;
    if (width == 1) {
        write(x, is_short ? OP_MOVI : OP_MOVW, is_far ? 0 : d, 1, 0, is_short ? ext & 0x3fff : 0,
              true, false, is_short ? NULL : &ext);
    } else if (is_short) {
        wb_wasm_out_word(x, op_word_t(OP_MOVI64, is_far ? 0 : d, ext & 0x3fff));
        back_barrier(x);
    } else {
        wb_wasm_out_word(x, op_word(OP_MOVW64, is_far ? 0 : d, 0, 0));
        wb_wasm_out_word(x, ext);
        wb_wasm_out_word(x, (uint32_t)(value >> 32));
        back_barrier(x);
    }
    if (is_far) {
        far_end(x, d, width);
    }
}

void wb_wasm_back_move(struct wb_wasm_install *x, unsigned d, unsigned a, unsigned width)
{
    if (d != a) {
        write(x, width == 2 ? OP_MOV64 : OP_MOV, d, width, a, 0, true, false, NULL);
    }
}

void wb_wasm_back_global(struct wb_wasm_install *x, bool set, unsigned slot, unsigned width,
                         unsigned global_slot)
{
    if (!live(x)) {
        return;
    }
    if (global_slot > GLOBALS_MAX) {
        wb_wasm_over_limit(x, "too many globals");
        return;
    }
    bool is_far = far_begin(x, slot);
    unsigned place = is_far ? 0 : slot;
    if (!set && width == 1) {
        write(x, OP_GGET, place, 1, 0, global_slot, true, false, NULL);
    } else if (set && width == 1 && !is_far && x->acc_slot == slot) {
        consume(x, slot);
        wb_wasm_out_word(x, op_word_t(OP_GSET_A, 0, global_slot));
        x->last_at = 0;
    } else {
        enum op op = set ? (width == 2 ? OP_GSET64 : OP_GSET) : OP_GGET64;
        wb_wasm_out_word(x, op_word_t(op, place, global_slot));
        if (set) {
            x->last_at = 0;
        } else {
            back_barrier(x);
        }
    }
    if (is_far) {
        far_end(x, slot, set ? 0 : width);
    }
}

void wb_wasm_back_load(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                       unsigned a, uint32_t offset, bool d_is_imm)
{
    static const struct {
        uint16_t op, ext;
    } wide[] = {{OP_L32, OP_L32X},   {OP_L8U, OP_L8UX}, {OP_L8S, OP_L8SX}, {OP_L16U, OP_L16UX},
                {OP_L16S, OP_L16SX}, {OP_L64, OP_L64X}, {OP_S8, OP_S8X},   {OP_S16, OP_S16X},
                {OP_S32, OP_S32X},   {OP_S64, OP_S64X}};
    if (offset <= OFFSET_MAX) {
        write(x, op, d, width, a, offset, true, d_is_imm, NULL);
        return;
    }
    for (unsigned i = 0; i < WB_ARRAY_LEN(wide); i++) {
        if (wide[i].op == op) {
            write(x, (enum op)wide[i].ext, d, width, a, 0, true, false, &offset);
        }
    }
}

void wb_wasm_back_select(struct wb_wasm_install *x, unsigned d, unsigned width, unsigned a,
                         unsigned b, unsigned cond)
{
    if (d <= SLOT_MAX && a <= SLOT_MAX && b <= SLOT_MAX) {
        uint32_t ext = cond;
        write(x, width == 2 ? OP_SELECT64 : OP_SELECT, d, width, a, b, false, false, &ext);
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

/* The newest instruction's op, if it wrote this slot and can still be taken back. */
static unsigned newest(const struct wb_wasm_install *x, unsigned home)
{
    if (!live(x) || x->last_at == 0 || x->last_dst != home || !out_is_open(x, x->last_at)) {
        return OP_UNREACHABLE;
    }
    return x->last.op;
}

static void take_back(struct wb_wasm_install *x)
{
    x->out_len = x->last_at;
    x->last_at = 0;
    x->acc_slot = x->acc_before;
}

bool wb_wasm_back_take_const(struct wb_wasm_install *x, unsigned home, int32_t *value)
{
    if (newest(x, home) != OP_MOVW) {
        return false;
    }
    *value = (int32_t)x->last.ext;
    take_back(x);
    return true;
}

/* Ops of an access whose address is a sum, a plus constant, a shifted plus constant. */
static const struct {
    uint16_t op, sum, k, sk;
} fused[] = {{OP_L32, OP_L32A, OP_L32K, OP_L32SK},     {OP_L8U, OP_L8UA, OP_L8UK, OP_L8USK},
             {OP_L16U, OP_L16UA, OP_L16UK, OP_L16USK}, {OP_S8, OP_S8A, OP_S8K, OP_S8SK},
             {OP_S32, OP_S32A, OP_S32K, OP_S32SK},     {OP_S16, 0, OP_S16K, OP_S16SK}};

static int fused_find(enum op op)
{
    for (int i = 0; i < (int)WB_ARRAY_LEN(fused); i++) {
        if (fused[i].op == op) {
            return i;
        }
    }
    return -1;
}

bool wb_wasm_back_store_imm(enum op op, int32_t value, uint32_t offset)
{
    return is_store(op) && value >= 0 && value <= 127 && offset <= OFFSET_MAX;
}

bool wb_wasm_back_take_address(struct wb_wasm_install *x, enum op op, unsigned d, unsigned home,
                               uint32_t offset, bool d_is_imm, struct address *address)
{
    int i = fused_find(op);
    unsigned made_by = newest(x, home);
    if (i < 0 || d > SLOT_MAX) {
        return false;
    }
    if (d_is_imm && (x->last.form & FORM_A) != 0) {
        return false; /* a may be in the accumulator only, which a stored immediate does not read */
    }
    memset(address, 0, sizeof *address);
    address->a = (uint8_t)x->last.a;
    address->b = (uint8_t)x->last.b;
    switch (made_by) {
    case OP_I32_ADD:
        if (offset != 0 || fused[i].sum == 0) {
            return false;
        }
        address->is_sum = true;
        break;
    case OP_I32_ADDI:
        address->constant = (uint32_t)((int32_t)((uint32_t)x->last.b << 18) >> 18);
        break;
    case OP_I32_ADDK: address->constant = x->last.ext; break;
    case OP_I32_SHLI: address->shift = (uint8_t)x->last.b; break;
    case OP_I32_SHL_ADDK:
        address->shift = (uint8_t)x->last.b;
        address->constant = x->last.ext;
        break;
    default: return false;
    }
    if (address->shift > 3 || offset > 31) {
        return false;
    }
    take_back(x);
    return true;
}

void wb_wasm_back_access(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         const struct address *address, uint32_t offset, bool d_is_imm)
{
    int i = fused_find(op);
    if (address->is_sum) {
        write(x, (enum op)fused[i].sum, d, width, address->a, address->b, false, d_is_imm, NULL);
    } else if (address->shift == 0 && offset == 0) {
        write(x, (enum op)fused[i].k, d, width, address->a, 0, true, d_is_imm, &address->constant);
    } else {
        write(x, (enum op)fused[i].sk, d, width, address->a, address->shift | offset << 2, true,
              d_is_imm, &address->constant);
    }
}

bool wb_wasm_back_xor_shifted(struct wb_wasm_install *x, unsigned d, unsigned a, unsigned b)
{
    unsigned made_by = newest(x, b);
    if ((made_by != OP_I32_ROTLI && made_by != OP_I32_SHR_UI) || x->last.form != 0 ||
        x->acc_before != a || d > SLOT_MAX) {
        return false;
    }
    take_back(x);
    write(x, made_by == OP_I32_ROTLI ? OP_XOR_ROTLI : OP_XOR_SHR_UI, d, 1, x->last.a, x->last.b,
          true, false, NULL);
    return true;
}

void wb_wasm_back_op_const(struct wb_wasm_install *x, enum op op, unsigned d, unsigned a,
                           uint32_t value)
{
    if (op == OP_I32_ADDK && d <= SLOT_MAX && d == a && newest(x, a) == OP_I32_SHLI) {
        take_back(x);
        write(x, OP_I32_SHL_ADDK, d, 1, x->last.a, x->last.b, true, false, &value);
        return;
    }
    write(x, op, d, 1, a, 0, true, false, &value);
}

bool wb_wasm_back_redirect(struct wb_wasm_install *x, unsigned from, unsigned to)
{
    if (x->last_at == 0 || x->last_dst != from || to > SLOT_MAX || !out_is_open(x, x->last_at)) {
        return false;
    }
    x->last.d = (uint16_t)to;
    wb_wasm_out_program(x, x->last_at, encode(x));
    x->last_dst = to;
    x->acc_slot = x->acc_slot == from ? to : UINT32_MAX;
    return true;
}

/* ---- comparisons and branches ------------------------------------------------------------- */

void wb_wasm_back_compare(struct wb_wasm_install *x, const struct compare *c, unsigned d)
{
    if (c->has_imm && c->imm >= -64 && c->imm <= 63) {
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
    bool counts = c->has_imm && cond == C_NE && newest(x, c->a) == OP_I32_ADDI &&
                  x->last.a == c->a && x->last.form == 0 && x->last_at + 4 == x->out_len;
    if (counts) {
        wb_wasm_out_program(x, x->last_at, op_word_t(OP_LOOP_NE, c->a, x->last.b & 0x3fffu));
        wb_wasm_out_word(x, (uint32_t)c->imm);
        x->last_at = 0;
        return;
    }
    if (c->has_imm && c->imm == 0 && c->cond <= C_NE) {
        if (cond == C_EQ) {
            op16_or_acc(x, OP_BRZ, OP_BRZ_A, c->a);
        } else {
            op16_or_acc(x, OP_BRNZ, OP_BRNZ_A, c->a);
        }
        return;
    }
    if (c->a > SLOT_MAX || (!c->has_imm && c->b > SLOT_MAX)) {
        wb_wasm_back_compare(x, c, c->home);
        wb_wasm_back_op16(x, negate ? OP_BRZ : OP_BRNZ, c->home);
        return;
    }
    bool is_const = c->has_imm && (c->imm < -T_MAX || c->imm > T_MAX);
    unsigned a = c->a;
    unsigned b = c->b;
    if (!c->has_imm && cond <= C_NE && x->acc_slot == b) {
        b = a;
        a = c->b;
    }
    unsigned op = OP_BR_EQ + cond * BRANCH_FORMS + (is_const ? 4u : c->has_imm ? 2u : 0u);
    if (x->acc_slot == a) {
        consume(x, a);
        op++;
        a = 0;
    }
    wb_wasm_out_word(x, op_word_t(op, a,
                                  is_const     ? 0
                                  : c->has_imm ? (uint32_t)c->imm & 0x3fff
                                               : b * 4));
    if (is_const) {
        wb_wasm_out_word(x, (uint32_t)c->imm);
    }
    x->last_at = 0;
}

uint16_t wb_wasm_back_here(struct wb_wasm_install *x)
{
    uint32_t here = (x->out_len - x->code_at) / 4;
    if (here > 0xffff) {
        wb_wasm_over_limit(x, "function is too large");
    }
    return (uint16_t)here;
}

/* Writes the distance into the branch word at place. */
static void resolve(struct wb_wasm_install *x, uint32_t place, uint32_t target)
{
    int32_t distance = (int32_t)target - (int32_t)place - 1;
    if (distance > 0x7fff) {
        wb_wasm_over_limit(x, "function is too large for a branch");
        return;
    }
    uint32_t offset = x->code_at + place * 4;
    wb_wasm_out_program(x, offset, (uint32_t)distance << 16);
}

void wb_wasm_back_label_word(struct wb_wasm_install *x, struct wb_wasm_control *label)
{
    if (!live(x)) {
        return;
    }
    uint16_t here = wb_wasm_back_here(x);
    if (label->kind == BLOCK_LOOP) {
        int32_t distance = (int32_t)label->chain - here - 1;
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
    back_barrier(x);
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
    back_barrier(x);
}
