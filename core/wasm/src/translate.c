/* SPDX-License-Identifier: AGPL-3.0-only */
/* Function bodies: validation (the algorithm of the specification's appendix) and allocation of
 * slots, in one pass.
 *
 * Each operand has a home: the slot behind the locals at its place in the operand stack. local.get
 * and const do not produce code: their operand is a note (LOCAL, CONST) until an instruction uses
 * it. An i32 comparison waits one instruction for a branch. Where control flow meets (block, loop,
 * if, else, end, branches with values) all operands are brought home, so below a block's height
 * everything is at home always. */
#include "back.h"

enum note { HOME, LOCAL, CONST };

struct operand {
    uint8_t type;
    uint8_t note;
    uint16_t slot; /* where the value is, unless CONST */
    uint16_t home;
    int32_t value;
};

#define CONST_MAX 0x3ffffff

/* ---- operand stack ------------------------------------------------------------------------ */

/* An operand is a word: type | note << 3 | (slot or constant of 27 bits) << 5. */
static uint32_t operand_word(unsigned type, enum note note, int32_t payload)
{
    return type | (unsigned)note << 3 | (uint32_t)payload << 5;
}

static unsigned word_type(uint32_t word)
{
    return word & 7;
}

static unsigned word_note(uint32_t word)
{
    return word >> 3 & 3;
}

void wb_wasm_operands_reset(struct wb_wasm_install *x)
{
    x->operands = x->cfg.mem;
    x->control = (struct wb_wasm_control *)(void *)((uint8_t *)x->cfg.mem + x->cfg.mem_len);
    x->operand_count = x->control_count = x->run_count = 0;
    x->slots = x->slots_max = 0;
    x->dead = x->polymorphic = 0;
    x->pending = 0;
}

static bool push_word(struct wb_wasm_install *x, uint32_t word)
{
    uint32_t *place = x->operands + x->operand_count;
    if ((uint8_t *)(place + 1) > (uint8_t *)x->control) {
        wb_wasm_over_limit(x, "too many operands and blocks at a time");
        return false;
    }
    if (x->slots > 0xfff0) {
        wb_wasm_over_limit(x, "function needs too many slots");
        return false;
    }
    *place = word;
    x->operand_count++;
    x->slots = (uint16_t)(x->slots + type_slots(word_type(word)));
    if (x->slots > x->slots_max) {
        x->slots_max = x->slots;
    }
    return true;
}

bool wb_wasm_operand_push_type(struct wb_wasm_install *x, unsigned type)
{
    return push_word(x, operand_word(type, HOME, 0));
}

/* Brings the operand's value into a slot. */
static unsigned slot_of(struct wb_wasm_install *x, const struct operand *o)
{
    if (o->note != CONST) {
        return o->slot;
    }
    wb_wasm_back_const(x, o->home, type_slots(o->type), (uint64_t)(int64_t)o->value);
    return o->home;
}

static const struct wb_wasm_control no_block;

static const struct wb_wasm_control *top(const struct wb_wasm_install *x)
{
    return x->control_count > 0 ? x->control : &no_block;
}

static struct operand operand_of(uint32_t word, unsigned home)
{
    struct operand o = {.type = (uint8_t)word_type(word),
                        .note = (uint8_t)word_note(word),
                        .home = (uint16_t)home,
                        .slot = (uint16_t)home};
    if (o.note == LOCAL) {
        o.slot = (uint16_t)(word >> 5);
    } else if (o.note == CONST) {
        o.value = (int32_t)word >> 5;
    }
    return o;
}

/* Pops an operand of a type, or of any (T_UNKNOWN). */
static struct operand pop(struct wb_wasm_install *x, unsigned type)
{
    struct operand o = {.type = (uint8_t)type, .home = x->slots, .slot = x->slots};
    if (x->operand_count == top(x)->height) {
        if (!x->polymorphic) {
            invalid(x, "type mismatch: the operand stack is empty");
        }
        return o;
    }
    uint32_t word = x->operands[--x->operand_count];
    unsigned found = word_type(word);
    x->slots = (uint16_t)(x->slots - type_slots(found));
    if (found != type && found != T_UNKNOWN && type != T_UNKNOWN) {
        invalid(x, "type mismatch");
    }
    o = operand_of(word, x->slots);
    if (found == T_UNKNOWN) {
        o.type = (uint8_t)type;
    }
    return o;
}

bool wb_wasm_operand_pop_type(struct wb_wasm_install *x, unsigned type)
{
    (void)pop(x, type);
    return !failed(x);
}

/* Pops an operand into a slot. */
static unsigned pop_slot(struct wb_wasm_install *x, unsigned type)
{
    struct operand o = pop(x, type);
    return slot_of(x, &o);
}

/* Pushes a result at home and returns its slot. */
static unsigned push(struct wb_wasm_install *x, unsigned type)
{
    unsigned home = x->slots;
    (void)push_word(x, operand_word(type, HOME, 0));
    return home;
}

/* Brings the newest count operands home (all of the block's by count = UINT16_MAX). */
static void flush(struct wb_wasm_install *x, unsigned count)
{
    unsigned home = x->slots;
    for (unsigned i = x->operand_count; i > top(x)->height && count > 0; i--, count--) {
        uint32_t word = x->operands[i - 1];
        unsigned width = type_slots(word_type(word));
        home -= width;
        struct operand o = operand_of(word, home);
        if (o.note == LOCAL) {
            wb_wasm_back_move(x, home, o.slot, width);
        } else if (o.note == CONST) {
            (void)slot_of(x, &o);
        } else {
            continue;
        }
        x->operands[i - 1] = operand_word(o.type, HOME, 0);
    }
}

/* A local is about to change: operands that note it take their value first. */
static void flush_local(struct wb_wasm_install *x, unsigned slot)
{
    unsigned home = x->slots;
    for (unsigned i = x->operand_count; i > top(x)->height; i--) {
        uint32_t word = x->operands[i - 1];
        home -= type_slots(word_type(word));
        if (word_note(word) == LOCAL && word >> 5 == slot) {
            wb_wasm_back_move(x, home, slot, type_slots(word_type(word)));
            x->operands[i - 1] = operand_word(word_type(word), HOME, 0);
        }
    }
}

/* ---- comparisons -------------------------------------------------------------------------- */

static struct compare pending_compare(const struct wb_wasm_install *x, unsigned home)
{
    return (struct compare){.cond = x->pending_cond,
                            .has_imm = x->pending_const,
                            .a = (uint16_t)x->pending_a,
                            .b = (uint16_t)x->pending_b,
                            .imm = (int32_t)x->pending_b,
                            .home = (uint16_t)home};
}

/* The waiting comparison was not followed by a branch. */
static void pending_flush(struct wb_wasm_install *x)
{
    if (x->pending) {
        struct compare c = pending_compare(x, x->slots - 1u);
        x->pending = 0;
        wb_wasm_back_compare(x, &c, c.home);
    }
}

/* Pops a condition: the waiting comparison, or a slot compared with 0. */
static struct compare pop_condition(struct wb_wasm_install *x)
{
    bool waits = x->pending;
    struct operand o = pop(x, WB_WASM_I32);
    x->pending = 0;
    if (waits) {
        return pending_compare(x, o.home);
    }
    return (struct compare){
        .cond = C_NE, .has_imm = true, .a = (uint16_t)slot_of(x, &o), .imm = 0, .home = o.home};
}

static void compare_wait(struct wb_wasm_install *x, enum cond cond, const struct operand *a,
                         const struct operand *b)
{
    x->pending_const = b->note == CONST;
    x->pending_a = slot_of(x, a);
    x->pending_b = x->pending_const ? (uint32_t)b->value : slot_of(x, b);
    x->pending_cond = (uint8_t)cond;
    (void)push(x, WB_WASM_I32);
    x->pending = 1;
}

/* which: place of the opcode after i32.eq: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u */
static void compare_i32(struct wb_wasm_install *x, unsigned which)
{
    static const uint8_t conds[] = {C_EQ,   C_NE,   C_LT_S, C_LT_U, C_LT_S,
                                    C_LT_U, C_GE_S, C_GE_U, C_GE_S, C_GE_U};
    static const uint8_t swapped[] = {0, 0, 0, 0, 1, 1, 1, 1, 0, 0};
    struct operand b = pop(x, WB_WASM_I32);
    struct operand a = pop(x, WB_WASM_I32);
    enum cond cond = (enum cond)conds[which];
    bool swap = swapped[which];
    if (b.note == HOME && wb_wasm_back_take_const(x, b.home, &b.value)) {
        b.note = CONST;
    }
    if (swap && b.note == CONST && a.note != CONST &&
        b.value != (cond >= C_LT_U ? -1 : INT32_MAX)) {
        /* a > k is a >= k + 1; a <= k is a < k + 1 */
        b.value = (int32_t)((uint32_t)b.value + 1);
        compare_wait(x, (enum cond)(cond ^ 1), &a, &b);
    } else if (swap || (cond <= C_NE && a.note == CONST)) {
        compare_wait(x, cond, &b, &a);
    } else {
        compare_wait(x, cond, &a, &b);
    }
}

static void eqz_i32(struct wb_wasm_install *x)
{
    if (x->pending) {
        x->pending_cond ^= 1;
        return;
    }
    struct operand a = pop(x, WB_WASM_I32);
    struct operand zero = {.type = WB_WASM_I32, .note = CONST};
    compare_wait(x, C_EQ, &a, &zero);
}

static void compare_i64(struct wb_wasm_install *x, unsigned which)
{
    static const uint8_t conds[] = {C_EQ,   C_NE,   C_LT_S, C_LT_U, C_LT_S,
                                    C_LT_U, C_GE_S, C_GE_U, C_GE_S, C_GE_U};
    struct operand b = pop(x, WB_WASM_I64);
    struct operand a = pop(x, WB_WASM_I64);
    unsigned sa = slot_of(x, &a);
    unsigned sb = slot_of(x, &b);
    bool swap = which >= 4 && which <= 7;
    unsigned d = push(x, WB_WASM_I32);
    wb_wasm_back_op3(x, (enum op)(OP_I64_EQ + conds[which]), d, 1, swap ? sb : sa, swap ? sa : sb);
}

/* ---- arithmetic --------------------------------------------------------------------------- */

static void binary(struct wb_wasm_install *x, enum op op, unsigned in, unsigned out)
{
    unsigned b = 0;
    unsigned a = 0;
    struct operand ob = pop(x, in);
    struct operand oa = pop(x, in);
    b = slot_of(x, &ob);
    a = slot_of(x, &oa);
    unsigned d = push(x, out);
    wb_wasm_back_op3(x, op, d, type_slots(out), a, b);
}

/* which: place of the opcode after i32.add */
static void binary_i32(struct wb_wasm_install *x, unsigned which)
{
    static const uint16_t imm_ops[] = {OP_I32_ADDI,
                                       OP_I32_ADDI,
                                       OP_I32_MULI,
                                       0,
                                       0,
                                       0,
                                       0,
                                       OP_I32_ANDI,
                                       OP_I32_ORI,
                                       OP_I32_XORI,
                                       OP_I32_SHLI,
                                       OP_I32_SHR_SI,
                                       OP_I32_SHR_UI,
                                       OP_I32_ROTLI,
                                       OP_I32_ROTLI};
    static const uint16_t const_ops[15] = {[0] = OP_I32_ADDK, [1] = OP_I32_ADDK, [2] = OP_I32_MULK,
                                           [7] = OP_I32_ANDK, [8] = OP_I32_ORK,  [9] = OP_I32_XORK};
    struct operand b = pop(x, WB_WASM_I32);
    struct operand a = pop(x, WB_WASM_I32);
    static const uint16_t ops[] = {OP_I32_ADD,   OP_I32_SUB,   OP_I32_MUL,   OP_I32_DIV_S,
                                   OP_I32_DIV_U, OP_I32_REM_S, OP_I32_REM_U, OP_I32_AND,
                                   OP_I32_OR,    OP_I32_XOR,   OP_I32_SHL,   OP_I32_SHR_S,
                                   OP_I32_SHR_U, OP_I32_ROTL,  OP_I32_ROTR};
    unsigned op = ops[which];
    if (b.note == HOME && wb_wasm_back_take_const(x, b.home, &b.value)) {
        b.note = CONST;
    }
    bool commutes = op == OP_I32_ADD || op == OP_I32_MUL || (op >= OP_I32_AND && op <= OP_I32_XOR);
    if (commutes && a.note == CONST && b.note != CONST) {
        struct operand swap = a;
        uint16_t home = a.home;
        a = b;
        b = swap;
        a.home = home;
    }
    unsigned d = x->slots;
    int32_t value = b.value;
    if (b.note == CONST && imm_ops[which] != 0) {
        if (which >= 10) {
            value = op == OP_I32_ROTR ? (int32_t)((0u - (uint32_t)value) & 31) : value & 31;
        } else if (op == OP_I32_SUB) {
            value = value == INT32_MIN ? value : -value;
        }
        if (value >= -64 && value <= 63) {
            unsigned sa = slot_of(x, &a);
            (void)push(x, WB_WASM_I32);
            wb_wasm_back_op_imm(x, (enum op)imm_ops[which], d, 1, sa, value);
            return;
        }
    }
    enum op const_op = const_ops[which];
    if (b.note == CONST && const_op != OP_UNREACHABLE) {
        unsigned sa = slot_of(x, &a);
        (void)push(x, WB_WASM_I32);
        wb_wasm_back_op_const(x, const_op, d, sa,
                              (uint32_t)(op == OP_I32_SUB ? -(int64_t)b.value : b.value));
        return;
    }
    if (op == OP_I32_XOR && a.note != CONST && b.note == HOME &&
        wb_wasm_back_xor_shifted(x, d, a.slot, b.home)) {
        (void)push(x, WB_WASM_I32);
        return;
    }
    unsigned sb = slot_of(x, &b);
    unsigned sa = slot_of(x, &a);
    (void)push(x, WB_WASM_I32);
    wb_wasm_back_op3(x, (enum op)op, d, 1, sa, sb);
}

static void unary(struct wb_wasm_install *x, unsigned which, unsigned in, unsigned out)
{
    unsigned a = pop_slot(x, in);
    unsigned d = push(x, out);
    wb_wasm_back_op_imm(x, OP_UNARY, d, type_slots(out), a, (int)(which - UNARY_FIRST));
}

/* Same bits, other type. */
static void retype(struct wb_wasm_install *x, unsigned in, unsigned out)
{
    struct operand o = pop(x, in);
    if (o.note == CONST) {
        (void)push_word(x, operand_word(out, CONST, o.value)); /* wrap: its 27 bits suffice */
    } else if (o.note == LOCAL) {
        (void)push_word(x, operand_word(out, LOCAL, o.slot));
    } else {
        if (type_slots(in) != type_slots(out)) {
            back_barrier(x); /* the newest instruction writes both halves */
        }
        (void)push(x, out);
    }
}

static void constant(struct wb_wasm_install *x, unsigned type, uint64_t value)
{
    int64_t number = type_slots(type) == 2 ? (int64_t)value : (int32_t)(uint32_t)value;
    if (number >= -CONST_MAX && number <= CONST_MAX) {
        (void)push_word(x, operand_word(type, CONST, (int32_t)number));
    } else {
        unsigned d = push(x, type);
        wb_wasm_back_const(x, d, type_slots(type), value);
    }
}

/* 0xa7 … 0xc4: in and out types */
static void conversion(struct wb_wasm_install *x, unsigned op)
{
    enum { I = WB_WASM_I32, L = WB_WASM_I64, F = WB_WASM_F32, D = WB_WASM_F64 };
    static const uint8_t in[] = {L, F, F, D, D, I, I, F, F, D, D, I, I, L, L,
                                 D, I, I, L, L, F, F, D, I, L, I, I, L, L, L};
    static const uint8_t out[] = {I, I, I, I, I, L, L, L, L, L, L, F, F, F, F,
                                  F, D, D, D, D, D, I, L, F, D, I, I, L, L, L};
    /* promote is 0xbb, reinterpretations 0xbc to 0xbf */
    unsigned n = op - 0xa7;
    unsigned from = n == 20 ? F : in[n];
    unsigned to = out[n];
    if (op == 0xa7 || (op >= 0xbc && op <= 0xbf)) {
        retype(x, from, to);
    } else if (op == 0xac || op == 0xad) {
        unsigned a = pop_slot(x, I);
        unsigned d = push(x, L);
        wb_wasm_back_op_imm(x, op == 0xac ? OP_EXT_S : OP_EXT_U, d, 2, a, 0);
    } else {
        unary(x, op, from, to);
    }
}

/* ---- locals, globals ---------------------------------------------------------------------- */

/* Runs of locals of one type: end index | type << 16, at the start of the scratch memory. */
static bool local_find(struct wb_wasm_install *x, uint32_t index, unsigned *type, unsigned *slot)
{
    const uint32_t *runs = x->cfg.mem;
    uint32_t begin = 0;
    uint32_t slots = 0;
    for (unsigned i = 0; i < x->run_count; i++) {
        uint32_t end = runs[i] & 0xffff;
        *type = runs[i] >> 16;
        if (index < end) {
            *slot = slots + (index - begin) * type_slots(*type);
            return true;
        }
        slots += (end - begin) * type_slots(*type);
        begin = end;
    }
    invalid(x, "unknown local");
    return false;
}

static void local_access(struct wb_wasm_install *x, unsigned op, uint32_t index)
{
    unsigned type = 0;
    unsigned slot = 0;
    if (!local_find(x, index, &type, &slot)) {
        return;
    }
    if (op == 0x20) {
        (void)push_word(x, operand_word(type, LOCAL, (int32_t)slot));
        return;
    }
    struct operand o = pop(x, type);
    uint32_t last = x->last_at;
    flush_local(x, slot);
    if (o.note == CONST) {
        wb_wasm_back_const(x, slot, type_slots(type), (uint64_t)(int64_t)o.value);
    } else if (o.note != HOME || last != x->last_at || !wb_wasm_back_redirect(x, o.home, slot)) {
        wb_wasm_back_move(x, slot, o.slot, type_slots(type));
    }
    if (op == 0x22) {
        (void)push_word(x, operand_word(type, LOCAL, (int32_t)slot));
    }
}

static void global_access(struct wb_wasm_install *x, bool set, uint32_t index)
{
    uint32_t entry = wb_wasm_global_entry(x, index);
    unsigned type = entry & 0xff;
    if (failed(x)) {
        return;
    }
    if (set) {
        if ((entry & 0x100) == 0) {
            invalid(x, "global is immutable");
        }
        unsigned slot = pop_slot(x, type);
        wb_wasm_back_global(x, true, slot, type_slots(type), entry >> 16);
    } else {
        unsigned slot = push(x, type);
        wb_wasm_back_global(x, false, slot, type_slots(type), entry >> 16);
    }
}

/* ---- blocks ------------------------------------------------------------------------------- */

static unsigned block_params(struct wb_wasm_install *x, unsigned block, struct type *type)
{
    memset(type, 0, sizeof *type);
    if (block < BLOCK_SIMPLE) {
        (void)wb_wasm_type_get(x, block, type);
        return type->params;
    }
    type->results = block == BLOCK_EMPTY ? 0 : 1;
    type->result_slots = block == BLOCK_EMPTY ? 0 : (uint16_t)type_slots(block & 7);
    return 0;
}

/* Type of the i-th parameter or, behind them, result. */
static unsigned block_item(struct wb_wasm_install *x, unsigned block, const struct type *type,
                           unsigned i)
{
    return block < BLOCK_SIMPLE ? wb_wasm_type_item(x, type, i) : block & 7;
}

static void push_items(struct wb_wasm_install *x, unsigned block, const struct type *type,
                       unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count && !failed(x); i++) {
        (void)push(x, block_item(x, block, type, first + i));
    }
}

static void pop_items(struct wb_wasm_install *x, unsigned block, const struct type *type,
                      unsigned first, unsigned count)
{
    for (unsigned i = count; i > 0 && !failed(x); i--) {
        (void)pop(x, block_item(x, block, type, first + i - 1));
    }
}

/* The rest of the block cannot be reached. */
static void unreachable(struct wb_wasm_install *x)
{
    bool was_dead = x->dead;
    x->dead = 1;
    x->polymorphic = 1;
    x->operand_count = x->control->height;
    x->slots = x->control->slot;
    back_barrier(x);
    if (!was_dead) {
        wb_wasm_back_map_chance(x);
    }
}

static bool control_push(struct wb_wasm_install *x, enum block_kind kind, unsigned block)
{
    struct wb_wasm_control *c = x->control - 1;
    if ((uint8_t *)c < (uint8_t *)(x->operands + x->operand_count)) {
        wb_wasm_over_limit(x, "too many operands and blocks at a time");
        return false;
    }
    *c = (struct wb_wasm_control){.type = (uint16_t)block,
                                  .height = x->operand_count,
                                  .slot = x->slots,
                                  .kind = (uint8_t)kind,
                                  .dead = x->dead,
                                  .polymorphic = x->polymorphic};
    x->polymorphic = 0;
    x->control = c;
    x->control_count++;
    return true;
}

static bool block_type(struct wb_wasm_install *x, int64_t code, unsigned *block)
{
    if (code >= 0) {
        if (code >= x->type_count) {
            invalid(x, "unknown type");
            return false;
        }
        *block = (unsigned)code;
        return true;
    }
    if (code == -64) {
        *block = BLOCK_EMPTY;
        return true;
    }
    unsigned type;
    if (code < -64 || !wb_wasm_value_type(x, (unsigned)(code & 0x7f), &type)) {
        malformed(x, "malformed block type");
        return false;
    }
    *block = BLOCK_SIMPLE | type;
    return true;
}

static void block_begin(struct wb_wasm_install *x, enum block_kind kind, int64_t code)
{
    unsigned block;
    struct type type;
    struct compare cond = {0};
    if (!block_type(x, code, &block)) {
        return;
    }
    if (kind == BLOCK_IF) {
        cond = pop_condition(x);
    }
    flush(x, UINT16_MAX);
    unsigned params = block_params(x, block, &type);
    pop_items(x, block, &type, 0, params);
    if (failed(x) || !control_push(x, kind, block)) {
        return;
    }
    push_items(x, block, &type, 0, params);
    if (kind == BLOCK_LOOP) {
        back_barrier(x);
        x->control->chain = wb_wasm_back_here(x);
    } else if (kind == BLOCK_IF) {
        wb_wasm_back_branch_if(x, &cond, true);
        x->control->else_at = (uint16_t)wb_wasm_back_hole(x);
    }
}

/* The block's operands are its results, nothing else; brings them home. */
static void block_results(struct wb_wasm_install *x)
{
    struct type type;
    unsigned block = x->control->type;
    unsigned params = block_params(x, block, &type);
    if (!x->dead) {
        flush(x, UINT16_MAX);
    }
    pop_items(x, block, &type, params, type.results);
    if (!failed(x) && x->operand_count != x->control->height) {
        invalid(x, "type mismatch: values remain at the end of the block");
    }
}

static void block_else(struct wb_wasm_install *x)
{
    struct wb_wasm_control *c = x->control;
    struct type type;
    if (c->kind != BLOCK_IF) {
        invalid(x, "else without if");
        return;
    }
    block_results(x);
    if (failed(x)) {
        return;
    }
    wb_wasm_back_op16(x, OP_BR, 0);
    wb_wasm_back_label_word(x, c);
    x->dead = c->dead;
    x->polymorphic = 0;
    wb_wasm_back_bind_hole(x, c->else_at);
    c->else_at = 0;
    c->kind = BLOCK_ELSE;
    x->slots = c->slot;
    unsigned params = block_params(x, c->type, &type);
    push_items(x, c->type, &type, 0, params);
}

static void emit_return(struct wb_wasm_install *x, const struct type *type);

static void code_end(struct wb_wasm_install *x, struct item *r)
{
    wb_wasm_back_func_end(x);
    if (x->at + (uint32_t)(r->at - r->start) != x->item_end) {
        malformed(x, "function body's size mismatch");
        return;
    }
    x->func = UINT32_MAX;
    x->func_offset++;
    if (x->left > 0) {
        x->left--;
        x->state = S_BODY;
    } else {
        x->state = S_END;
    }
}

static void block_end(struct wb_wasm_install *x, struct item *r)
{
    struct wb_wasm_control *c = x->control;
    struct type type;
    block_results(x);
    unsigned params = block_params(x, c->type, &type);
    if (c->kind == BLOCK_IF) {
        /* Without else the parameters are the results. */
        bool same = params == type.results;
        for (unsigned i = 0; same && i < params; i++) {
            same = block_item(x, c->type, &type, i) == block_item(x, c->type, &type, params + i);
        }
        if (!same) {
            invalid(x, "type mismatch: if without else must not change the operands' types");
        }
    }
    if (failed(x)) {
        return;
    }
    bool reached = !x->dead || c->chain != 0;
    x->dead = c->dead;
    x->polymorphic = c->polymorphic;
    if (c->kind == BLOCK_IF) {
        wb_wasm_back_bind_hole(x, c->else_at);
    }
    if (c->kind != BLOCK_LOOP) {
        wb_wasm_back_bind(x, c);
    }
    back_barrier(x);
    unsigned block = c->type;
    x->slots = c->slot;
    if (c->kind == BLOCK_FUNC) {
        push_items(x, block, &type, params, type.results);
        x->dead = !reached;
        emit_return(x, &type);
        code_end(x, r);
        return;
    }
    x->control++;
    x->control_count--;
    push_items(x, block, &type, params, type.results);
}

/* ---- branches ----------------------------------------------------------------------------- */

struct label {
    struct wb_wasm_control *block;
    struct type type;
    unsigned first, count; /* its values among the type's items */
};

static bool label_find(struct wb_wasm_install *x, uint32_t depth, struct label *label)
{
    if (depth >= x->control_count) {
        invalid(x, "unknown label");
        return false;
    }
    label->block = x->control + depth;
    unsigned params = block_params(x, label->block->type, &label->type);
    bool loop = label->block->kind == BLOCK_LOOP;
    label->first = loop ? 0 : params;
    label->count = loop ? params : label->type.results;
    return !failed(x);
}

/* Whether the newest operands fit the label; they stay. */
static void label_check(struct wb_wasm_install *x, const struct label *label)
{
    unsigned here = x->operand_count - x->control->height;
    for (unsigned i = 0; i < label->count; i++) {
        unsigned want =
            block_item(x, label->block->type, &label->type, label->first + label->count - 1 - i);
        if (i >= here) {
            if (!x->polymorphic) {
                invalid(x, "type mismatch: too few operands for the branch");
            }
            return;
        }
        unsigned found = word_type(x->operands[x->operand_count - 1 - i]);
        if (found != want && found != T_UNKNOWN) {
            invalid(x, "type mismatch");
            return;
        }
    }
}

/* Home of the newest count operands' first. */
static unsigned home_of_newest(const struct wb_wasm_install *x, unsigned count)
{
    unsigned home = x->slots;
    for (unsigned i = 0; i < count; i++) {
        home -= type_slots(word_type(x->operands[x->operand_count - 1 - i]));
    }
    return home;
}

/* Moves the newest count operands to slots from d on, which do not lie above their homes; with test
 * it only tells whether something is to be moved. */
static bool move_newest(struct wb_wasm_install *x, unsigned count, unsigned d, bool test)
{
    if (x->dead) {
        return false;
    }
    unsigned home = home_of_newest(x, count);
    for (unsigned i = x->operand_count - count; i < x->operand_count; i++) {
        struct operand o = operand_of(x->operands[i], home);
        unsigned width = type_slots(o.type);
        if (o.note != HOME || home != d) {
            if (test) {
                return true;
            }
            if (o.note == CONST) {
                wb_wasm_back_const(x, d, width, (uint64_t)(int64_t)o.value);
            } else {
                wb_wasm_back_move(x, d, o.slot, width);
            }
        }
        home += width;
        d += width;
    }
    return false;
}

/* Returns with the newest operands, which are the function's results. They are popped by the
 * caller. */
static void emit_return(struct wb_wasm_install *x, const struct type *type)
{
    if (x->dead || failed(x)) {
        return;
    }
    if (type->results == 1) {
        struct operand o = operand_of(x->operands[x->operand_count - 1], home_of_newest(x, 1));
        unsigned slot = slot_of(x, &o);
        wb_wasm_back_return(x, slot, type->result_slots);
        return;
    }
    if (type->results > 1) {
        flush(x,
              type->results); /* a result may be a parameter's slot, which another result takes */
        (void)move_newest(x, type->results, 0, false);
    }
    wb_wasm_back_op16(x, OP_RET, 0);
}

static void branch(struct wb_wasm_install *x, uint32_t depth)
{
    struct label label;
    if (!label_find(x, depth, &label)) {
        return;
    }
    label_check(x, &label);
    if (failed(x)) {
        return;
    }
    if (label.block->kind == BLOCK_FUNC) {
        emit_return(x, &label.type);
    } else {
        (void)move_newest(x, label.count, label.block->slot, false);
        wb_wasm_back_op16(x, OP_BR, 0);
        wb_wasm_back_label_word(x, label.block);
    }
    unreachable(x);
}

static void branch_if(struct wb_wasm_install *x, uint32_t depth)
{
    struct label label;
    struct compare cond = pop_condition(x);
    if (failed(x) || !label_find(x, depth, &label)) {
        return;
    }
    if (x->dead) {
        pop_items(x, label.block->type, &label.type, label.first, label.count);
        push_items(x, label.block->type, &label.type, label.first, label.count);
        return;
    }
    label_check(x, &label);
    if (failed(x)) {
        return;
    }
    if (!move_newest(x, label.count, label.block->slot, true)) {
        wb_wasm_back_branch_if(x, &cond, false);
        wb_wasm_back_label_word(x, label.block);
        return;
    }
    wb_wasm_back_branch_if(x, &cond, true);
    uint32_t hole = wb_wasm_back_hole(x);
    (void)move_newest(x, label.count, label.block->slot, false);
    wb_wasm_back_op16(x, OP_BR, 0);
    wb_wasm_back_label_word(x, label.block);
    wb_wasm_back_bind_hole(x, hole);
}

/* scratch[0]: slot of the index; scratch[1]: values of the labels, UINT32_MAX before the first;
 * name_left: labels left. Labels without values become a table; those with values (compilers do not
 * make them) a chain of tests that counts the index down in its home. */
static void br_table_begin(struct wb_wasm_install *x, uint32_t count)
{
    struct operand index = pop(x, WB_WASM_I32);
    if (count > x->item_end - x->at) {
        malformed(x, "function body ends within br_table");
        return;
    }
    x->scratch[0] = slot_of(x, &index);
    x->scratch[1] = UINT32_MAX;
    x->scratch[2] = index.home;
    x->name_left = count + 1;
    x->state = S_BR_TABLE;
}

void wb_wasm_code_br_table_label(struct wb_wasm_install *x, struct item *r)
{
    struct label label;
    uint32_t depth = wb_wasm_item_u32(r);
    if (!item_ok(r) || !label_find(x, depth, &label)) {
        return;
    }
    label_check(x, &label);
    if (failed(x)) {
        return;
    }
    if (x->scratch[1] == UINT32_MAX) {
        x->scratch[1] = label.count;
        if (label.count == 0) {
            wb_wasm_back_table(x, x->scratch[0]);
            wb_wasm_back_word(x, x->name_left - 1);
        } else if (!x->dead) {
            flush(x, label.count);
            wb_wasm_back_move(x, x->scratch[2], x->scratch[0], 1);
            x->slots_max =
                x->scratch[2] >= x->slots_max ? (uint16_t)(x->scratch[2] + 1) : x->slots_max;
        }
    } else if (x->scratch[1] != label.count) {
        invalid(x, "type mismatch: labels of br_table take different numbers of values");
        return;
    }
    x->name_left--;
    if (label.count == 0) {
        wb_wasm_back_label_word(x, label.block);
    } else if (!x->dead) {
        uint32_t hole = 0;
        if (x->name_left > 0) {
            wb_wasm_back_op16(x, OP_BRNZ, x->scratch[2]);
            hole = wb_wasm_back_hole(x);
        }
        (void)move_newest(x, label.count, label.block->slot, false);
        wb_wasm_back_op16(x, OP_BR, 0);
        wb_wasm_back_label_word(x, label.block);
        if (x->name_left > 0) {
            wb_wasm_back_bind_hole(x, hole);
            wb_wasm_back_op_imm(x, OP_I32_ADDI, x->scratch[2], 1, x->scratch[2], -1);
            back_barrier(x);
        }
    }
    if (x->name_left == 0) {
        unreachable(x);
        x->state = S_CODE;
    }
}

/* ---- calls -------------------------------------------------------------------------------- */

static void call_results(struct wb_wasm_install *x, uint32_t index, const struct type *type,
                         bool acc)
{
    unsigned slot = x->slots;
    push_items(x, index, type, type->params, type->results);
    back_barrier(x);
    if (acc && type->results == 1 && type->result_slots == 1) {
        back_call_result(x, slot);
    }
}

static void call(struct wb_wasm_install *x, uint32_t func)
{
    struct type type;
    uint32_t index = wb_wasm_func_type(x, func);
    if (failed(x) || !wb_wasm_type_get(x, index, &type)) {
        return;
    }
    flush(x, type.params);
    pop_items(x, index, &type, 0, type.params);
    uint32_t entry = x->funcs_at + func * 8;
    if (func < x->func_imports) {
        wb_wasm_back_op16(x, OP_CALL_HOST, x->slots);
        wb_wasm_back_word(x, func);
        wb_wasm_back_word(x, index);
    } else if (func <= x->func) {
        wb_wasm_back_op16(x, OP_CALLB, x->slots);
        wb_wasm_back_word(x, wb_wasm_out_read(x, entry + 4));
    } else {
        wb_wasm_back_op16(x, OP_CALL, x->slots);
        wb_wasm_back_word(x, entry + 4);
    }
    call_results(x, index, &type, func >= x->func_imports);
}

static void call_indirect(struct wb_wasm_install *x, uint32_t index, uint32_t table)
{
    struct type type;
    if (wb_wasm_table_type(x, table) != WB_WASM_FUNCREF && !failed(x)) {
        invalid(x, "type mismatch: call_indirect needs a table of functions");
    }
    if (failed(x) || !wb_wasm_type_get(x, index, &type)) {
        return;
    }
    unsigned slot = pop_slot(x, WB_WASM_I32);
    flush(x, type.params);
    pop_items(x, index, &type, 0, type.params);
    wb_wasm_back_op16(x, OP_CALL_INDIRECT, x->slots);
    wb_wasm_back_word(x, slot | table << 16);
    wb_wasm_back_word(x, wb_wasm_type_canonical(x, index));
    call_results(x, index, &type, false);
}

/* The callee returns to this function's caller, so it must have this function's results. */
static bool tail_results_fit(struct wb_wasm_install *x, const struct type *callee)
{
    struct type mine;
    bool same = wb_wasm_type_get(x, x->cur_type, &mine) && mine.results == callee->results;
    for (unsigned i = 0; same && i < mine.results; i++) {
        same = wb_wasm_type_item(x, &mine, (unsigned)mine.params + i) ==
               wb_wasm_type_item(x, callee, (unsigned)callee->params + i);
    }
    if (!same) {
        invalid(x, "type mismatch: a tail call's results are not the function's");
    }
    return same;
}

static void return_call(struct wb_wasm_install *x, uint32_t func)
{
    struct type type;
    uint32_t index = wb_wasm_func_type(x, func);
    if (failed(x) || !wb_wasm_type_get(x, index, &type) || !tail_results_fit(x, &type)) {
        return;
    }
    if (func < x->func_imports) {
        call(x, func);
        branch(x, x->control_count - 1u);
        return;
    }
    flush(x, type.params);
    pop_items(x, index, &type, 0, type.params);
    push_items(x, index, &type, 0, type.params);
    if (!failed(x) && !x->dead) {
        (void)move_newest(x, type.params, 0, false);
    }
    pop_items(x, index, &type, 0, type.params);
    uint32_t entry = x->funcs_at + func * 8 + 4;
    bool known = func <= x->func;
    wb_wasm_back_op16(x, known ? OP_RCALLB : OP_RCALL, 0);
    wb_wasm_back_word(x, known ? wb_wasm_out_read(x, entry) : entry);
    unreachable(x);
}

static void return_call_indirect(struct wb_wasm_install *x, uint32_t index, uint32_t table)
{
    struct type type;
    if (wb_wasm_table_type(x, table) != WB_WASM_FUNCREF && !failed(x)) {
        invalid(x, "type mismatch: return_call_indirect needs a table of functions");
    }
    if (failed(x) || !wb_wasm_type_get(x, index, &type) || !tail_results_fit(x, &type)) {
        return;
    }
    /* At home the index lies above the slots that the arguments move to. */
    flush(x, type.params + 1u);
    unsigned slot = pop_slot(x, WB_WASM_I32);
    pop_items(x, index, &type, 0, type.params);
    push_items(x, index, &type, 0, type.params);
    if (!failed(x) && !x->dead) {
        (void)move_newest(x, type.params, 0, false);
    }
    pop_items(x, index, &type, 0, type.params);
    wb_wasm_back_op16(x, OP_RCALL_INDIRECT, 0);
    wb_wasm_back_word(x, slot | table << 16);
    wb_wasm_back_word(x, wb_wasm_type_canonical(x, index));
    wb_wasm_back_op16(x, OP_RET, 0);
    unreachable(x);
}

/* ---- memory, tables, references ----------------------------------------------------------- */

static void need_memory(struct wb_wasm_install *x)
{
    if (x->memory_count == 0) {
        invalid(x, "unknown memory");
    }
}

/* 0x28 … 0x3e */
static void memory_access(struct wb_wasm_install *x, unsigned op, uint32_t align, uint32_t offset)
{
    enum { I = WB_WASM_I32, L = WB_WASM_I64, F = WB_WASM_F32, D = WB_WASM_F64 };
    enum { PLAIN, ZERO_HIGH, SIGN_HIGH };
    static const struct {
        uint8_t type, log2;
        uint16_t op;
        uint8_t high;
    } ops[] = {
        {I, 2, OP_L32, PLAIN},     {L, 3, OP_L64, PLAIN},      {F, 2, OP_L32, PLAIN},
        {D, 3, OP_L64, PLAIN},     {I, 0, OP_L8S, PLAIN},      {I, 0, OP_L8U, PLAIN},
        {I, 1, OP_L16S, PLAIN},    {I, 1, OP_L16U, PLAIN},     {L, 0, OP_L8S, SIGN_HIGH},
        {L, 0, OP_L8U, ZERO_HIGH}, {L, 1, OP_L16S, SIGN_HIGH}, {L, 1, OP_L16U, ZERO_HIGH},
        {L, 2, OP_L32, SIGN_HIGH}, {L, 2, OP_L32, ZERO_HIGH},  {I, 2, OP_S32, PLAIN},
        {L, 3, OP_S64, PLAIN},     {F, 2, OP_S32, PLAIN},      {D, 3, OP_S64, PLAIN},
        {I, 0, OP_S8, PLAIN},      {I, 1, OP_S16, PLAIN},      {L, 0, OP_S8, PLAIN},
        {L, 1, OP_S16, PLAIN},     {L, 2, OP_S32, PLAIN},
    };
    unsigned n = op - 0x28;
    unsigned type = ops[n].type;
    need_memory(x);
    if (align > ops[n].log2) {
        invalid(x, "alignment must not be larger than natural");
    }
    struct operand value = {0};
    struct address address;
    bool imm = false;
    wb_wasm_back_map_room(x); /* nothing may come between taking the address back and its use */
    if (op >= 0x36) {
        value = pop(x, type);
    }
    struct operand at = pop(x, WB_WASM_I32);
    enum op access = (enum op)ops[n].op;
    unsigned d = x->slots;
    if (op >= 0x36) {
        imm = value.note == CONST && wb_wasm_back_store_imm(access, value.value, offset);
        d = imm ? (unsigned)value.value : value.slot;
    }
    bool fused = at.note == HOME && (value.note != CONST || imm) &&
                 wb_wasm_back_take_address(x, access, d, at.home, offset, imm, &address);
    unsigned base = fused ? 0 : slot_of(x, &at);
    unsigned width = ops[n].high != PLAIN ? 1 : type_slots(type);
    if (op >= 0x36) {
        d = imm ? d : slot_of(x, &value);
        width = 0;
    } else {
        d = push(x, type);
    }
    wb_wasm_back_map_note(x, x->instr_at);
    if (fused) {
        wb_wasm_back_access(x, access, d, width, &address, offset, imm);
    } else {
        wb_wasm_back_load(x, access, d, width, base, offset, imm);
    }
    if (ops[n].high == PLAIN || op >= 0x36) {
        return;
    }
    back_keep(x); /* the low half is stored, too */
    if (ops[n].high == ZERO_HIGH) {
        wb_wasm_back_const(x, d + 1, 1, 0);
        back_barrier(x);
    } else if (ops[n].high == SIGN_HIGH) {
        wb_wasm_back_op_imm(x, OP_I32_SHR_SI, d + 1, 1, d, 31);
        back_barrier(x);
    }
}

/* Pops three i32-or-other operands, deepest first in t0, for a bulk operation. */
static void bulk(struct wb_wasm_install *x, enum op op, unsigned t0, unsigned t1, unsigned t2,
                 uint32_t ext)
{
    struct operand c = pop(x, t2);
    struct operand b = pop(x, t1);
    struct operand a = pop(x, t0);
    unsigned sa = slot_of(x, &a);
    unsigned sb = slot_of(x, &b);
    wb_wasm_back_op_ext(x, op, sa, 0, sb, slot_of(x, &c), ext);
}

static void need_data(struct wb_wasm_install *x, uint32_t index)
{
    if (x->data_count == UINT32_MAX) {
        malformed(x, "data count section required");
    } else if (index >= x->data_count) {
        invalid(x, "unknown data segment");
    }
}

/* 0xfc */
static void prefixed(struct wb_wasm_install *x, uint32_t sub, uint32_t a, uint32_t b)
{
    enum { I = WB_WASM_I32 };
    if (sub <= 7) {
        unsigned in = (sub & 2) != 0 ? WB_WASM_F64 : WB_WASM_F32;
        unary(x, UNARY_SAT + sub, in, sub < 4 ? WB_WASM_I32 : WB_WASM_I64);
        return;
    }
    switch (sub) {
    case 8:
        need_memory(x);
        need_data(x, a);
        bulk(x, OP_MEM_INIT, I, I, I, a);
        break;
    case 9:
        need_data(x, a);
        wb_wasm_back_op_ext(x, OP_DATA_DROP, 0, 0, 0, 0, a);
        break;
    case 10:
        need_memory(x);
        bulk(x, OP_MEM_COPY, I, I, I, 0);
        break;
    case 11:
        need_memory(x);
        bulk(x, OP_MEM_FILL, I, I, I, 0);
        break;
    case 12:
        if (wb_wasm_table_type(x, b) != wb_wasm_elem_type(x, a) && !failed(x)) {
            invalid(x, "type mismatch: table and element segment");
        }
        bulk(x, OP_TABLE_INIT, I, I, I, a | b << 16);
        break;
    case 13:
        (void)wb_wasm_elem_type(x, a);
        wb_wasm_back_op_ext(x, OP_ELEM_DROP, 0, 0, 0, 0, a);
        break;
    case 14:
        if (wb_wasm_table_type(x, a) != wb_wasm_table_type(x, b) && !failed(x)) {
            invalid(x, "type mismatch: tables");
        }
        bulk(x, OP_TABLE_COPY, I, I, I, a | b << 16);
        break;
    case 15: {
        unsigned type = wb_wasm_table_type(x, a);
        struct operand n = pop(x, I);
        struct operand value = pop(x, type);
        unsigned sv = slot_of(x, &value);
        unsigned sn = slot_of(x, &n);
        wb_wasm_back_op_ext(x, OP_TABLE_GROW, push(x, I), 1, sv, sn, a);
        break;
    }
    case 16: {
        (void)wb_wasm_table_type(x, a);
        wb_wasm_back_op_ext(x, OP_TABLE_SIZE, push(x, I), 1, 0, 0, a);
        break;
    }
    case 17: {
        unsigned type = wb_wasm_table_type(x, a);
        bulk(x, OP_TABLE_FILL, I, type, I, a);
        break;
    }
    default: malformed(x, "illegal opcode"); break;
    }
}

static void table_access(struct wb_wasm_install *x, bool set, uint32_t table)
{
    unsigned type = wb_wasm_table_type(x, table);
    if (set) {
        struct operand value = pop(x, type);
        unsigned index = pop_slot(x, WB_WASM_I32);
        wb_wasm_back_op_ext(x, OP_TABLE_SET, slot_of(x, &value), 0, index, 0, table);
    } else {
        unsigned index = pop_slot(x, WB_WASM_I32);
        wb_wasm_back_op_ext(x, OP_TABLE_GET, push(x, type), 1, index, 0, table);
    }
}

static void select_op(struct wb_wasm_install *x, unsigned type)
{
    unsigned cond = pop_slot(x, WB_WASM_I32);
    struct operand b = pop(x, type);
    struct operand a = pop(x, type);
    if (type == T_UNKNOWN) {
        if (a.type != b.type && a.type != T_UNKNOWN && b.type != T_UNKNOWN) {
            invalid(x, "type mismatch: select's operands differ in type");
        }
        type = a.type == T_UNKNOWN ? b.type : a.type;
        if (type == WB_WASM_FUNCREF || type == WB_WASM_EXTERNREF) {
            invalid(x, "type mismatch: select of references needs its type");
        }
    }
    unsigned sb = slot_of(x, &b);
    unsigned sa = slot_of(x, &a);
    wb_wasm_back_select(x, push(x, type), type_slots(type), sa, sb, cond);
}

/* ---- bodies ------------------------------------------------------------------------------- */

static bool run_add(struct wb_wasm_install *x, uint32_t count, unsigned type)
{
    uint32_t *runs = x->cfg.mem;
    uint32_t before = x->run_count > 0 ? runs[x->run_count - 1] & 0xffff : 0;
    if (count == 0) {
        return true;
    }
    if (count > 0xffff - before || x->local_slots + count * type_slots(type) > 0xff00) {
        wb_wasm_over_limit(x, "too many locals");
        return false;
    }
    if (x->run_count == 0 || runs[x->run_count - 1] >> 16 != type) {
        if ((x->run_count + 1u) * 4 > x->cfg.mem_len) {
            wb_wasm_over_limit(x, "locals change their type too often");
            return false;
        }
        x->run_count++;
    }
    runs[x->run_count - 1] = (before + count) | type << 16;
    x->local_slots = (uint16_t)(x->local_slots + count * type_slots(type));
    return true;
}

static void locals_end(struct wb_wasm_install *x)
{
    x->operands = (uint32_t *)x->cfg.mem + x->run_count;
    x->slots = x->slots_max = x->local_slots;
    wb_wasm_back_func_begin(x, (uint32_t)(x->local_slots - x->param_slots), x->instr_at);
    x->state = S_CODE;
    (void)control_push(x, BLOCK_FUNC, x->cur_type);
}

void wb_wasm_code_body_begin(struct wb_wasm_install *x, struct item *r)
{
    uint32_t size = wb_wasm_item_u32(r);
    uint32_t body = x->at + (uint32_t)(r->at - r->start);
    uint32_t runs = wb_wasm_item_u32(r);
    struct type type;
    if (!item_ok(r)) {
        return;
    }
    if (size > x->section_end - body) {
        malformed(x, "function body runs beyond its section");
        return;
    }
    x->item_end = body + size;
    x->func = x->func_offset;
    x->instr_at = body;
    wb_wasm_operands_reset(x);
    x->local_slots = 0;
    x->cur_type = (uint16_t)wb_wasm_func_type(x, x->func);
    if (failed(x) || !wb_wasm_type_get(x, x->cur_type, &type)) {
        return;
    }
    for (unsigned i = 0; i < type.params; i++) {
        if (!run_add(x, 1, wb_wasm_type_item(x, &type, i))) {
            return;
        }
    }
    x->param_slots = x->local_slots;
    x->name_left = runs;
    x->state = S_LOCALS;
    if (runs == 0) {
        locals_end(x);
    }
}

void wb_wasm_code_locals(struct wb_wasm_install *x, struct item *r)
{
    uint32_t count = wb_wasm_item_u32(r);
    uint8_t byte = wb_wasm_item_u8(r);
    unsigned type;
    if (!item_ok(r) || !wb_wasm_value_type(x, byte, &type) || !run_add(x, count, type)) {
        return;
    }
    if (--x->name_left == 0) {
        locals_end(x);
    }
}

struct immediates {
    uint32_t a, b;
    uint64_t value;
};

static void zero_byte(struct wb_wasm_install *x, struct item *r)
{
    if (wb_wasm_item_u8(r) != 0 && item_ok(r)) {
        malformed(x, "zero byte expected");
    }
}

/* Reads what follows the opcode. */
static void immediates_read(struct wb_wasm_install *x, unsigned op, struct item *r,
                            struct immediates *imm)
{
    if (op >= 0x28 && op <= 0x3e) {
        imm->a = wb_wasm_item_u32(r);
        imm->b = wb_wasm_item_u32(r);
        return;
    }
    switch (op) {
    case 0x02:
    case 0x03:
    case 0x04: imm->value = (uint64_t)wb_wasm_item_s33(r); break;
    case 0x11:
    case 0x13:
        imm->a = wb_wasm_item_u32(r);
        imm->b = wb_wasm_item_u32(r);
        break;
    case 0x1c:
        imm->a = wb_wasm_item_u32(r);
        if (imm->a == 1) {
            imm->b = wb_wasm_item_u8(r);
        }
        break;
    case 0x0c:
    case 0x0d:
    case 0x0e:
    case 0x10:
    case 0x12:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0xd2: imm->a = wb_wasm_item_u32(r); break;
    case 0x3f:
    case 0x40: zero_byte(x, r); break;
    case 0x41: imm->value = (uint32_t)wb_wasm_item_s32(r); break;
    case 0x42: imm->value = (uint64_t)wb_wasm_item_s64(r); break;
    case 0x43: imm->value = wb_wasm_item_le32(r); break;
    case 0x44:
        imm->value = wb_wasm_item_le32(r);
        imm->value |= (uint64_t)wb_wasm_item_le32(r) << 32;
        break;
    case 0xd0: imm->a = wb_wasm_item_u8(r); break;
    case 0xfc:
        imm->value = wb_wasm_item_u32(r);
        if (!item_ok(r) || imm->value <= 7) {
            break;
        }
        if (imm->value != 10 && imm->value != 11) {
            imm->a = wb_wasm_item_u32(r);
        }
        if (imm->value == 12 || imm->value == 14) {
            imm->b = wb_wasm_item_u32(r);
        } else if (imm->value == 8 || imm->value == 10 || imm->value == 11) {
            zero_byte(x, r);
        }
        if (imm->value == 10) {
            zero_byte(x, r);
        }
        break;
    default: break;
    }
}

static void execute(struct wb_wasm_install *x, unsigned op, const struct immediates *imm,
                    struct item *r);

/* Instructions whose place may be asked for: those that trap, and calls. Memory accesses note it
 * themselves. */
static bool may_trap(unsigned op, const struct immediates *imm)
{
    return op == 0x00 || (op >= 0x10 && op <= 0x13) || op == 0x25 || op == 0x26 ||
           (op >= 0x6d && op <= 0x70) || (op >= 0x7f && op <= 0x82) || (op >= 0xa8 && op <= 0xab) ||
           (op >= 0xae && op <= 0xb1) || (op == 0xfc && imm->value >= 8);
}

void wb_wasm_code_instruction(struct wb_wasm_install *x, struct item *r)
{
    struct immediates imm = {0};
    unsigned op = wb_wasm_item_u8(r);
    immediates_read(x, op, r, &imm);
    if (!item_ok(r) || failed(x)) {
        return;
    }
    x->instr_at = x->at;
    if (op != 0x0d && op != 0x04 && op != 0x45) {
        pending_flush(x);
    }
    if (may_trap(op, &imm)) {
        wb_wasm_back_map_note(x, x->at);
    }
    execute(x, op, &imm, r);
}

static void simple(struct wb_wasm_install *x, unsigned op);

static void execute(struct wb_wasm_install *x, unsigned op, const struct immediates *imm,
                    struct item *r)
{
    unsigned type;
    switch (op) {
    case 0x00:
        wb_wasm_back_op16(x, OP_UNREACHABLE, 0);
        unreachable(x);
        break;
    case 0x01: break;
    case 0x02: block_begin(x, BLOCK_BLOCK, (int64_t)imm->value); break;
    case 0x03: block_begin(x, BLOCK_LOOP, (int64_t)imm->value); break;
    case 0x04: block_begin(x, BLOCK_IF, (int64_t)imm->value); break;
    case 0x05: block_else(x); break;
    case 0x0b: block_end(x, r); break;
    case 0x0c: branch(x, imm->a); break;
    case 0x0d: branch_if(x, imm->a); break;
    case 0x0e: br_table_begin(x, imm->a); break;
    case 0x0f: branch(x, x->control_count - 1u); break;
    case 0x10: call(x, imm->a); break;
    case 0x11: call_indirect(x, imm->a, imm->b); break;
    case 0x1a: (void)pop(x, T_UNKNOWN); break;
    case 0x1b: select_op(x, T_UNKNOWN); break;
    case 0x1c:
        if (imm->a != 1) {
            invalid(x, "invalid result arity");
        } else if (wb_wasm_value_type(x, imm->b, &type)) {
            select_op(x, type);
        }
        break;
    case 0x20:
    case 0x21:
    case 0x22: local_access(x, op, imm->a); break;
    case 0x23:
    case 0x24: global_access(x, op == 0x24, imm->a); break;
    case 0x25:
    case 0x26: table_access(x, op == 0x26, imm->a); break;
    case 0x3f:
        need_memory(x);
        wb_wasm_back_op_ext(x, OP_MEM_SIZE, push(x, WB_WASM_I32), 1, 0, 0, 0);
        break;
    case 0x40: {
        need_memory(x);
        unsigned pages = pop_slot(x, WB_WASM_I32);
        wb_wasm_back_op_ext(x, OP_MEM_GROW, push(x, WB_WASM_I32), 1, pages, 0, 0);
        break;
    }
    case 0x41: constant(x, WB_WASM_I32, imm->value); break;
    case 0x42: constant(x, WB_WASM_I64, imm->value); break;
    case 0x43: constant(x, WB_WASM_F32, imm->value); break;
    case 0x44: constant(x, WB_WASM_F64, imm->value); break;
    case 0xd0:
        if (wb_wasm_ref_type(x, imm->a, &type)) {
            (void)push_word(x, operand_word(type, CONST, 0));
        }
        break;
    case 0xd1: {
        struct operand o = pop(x, T_UNKNOWN);
        if (o.type < WB_WASM_FUNCREF) {
            invalid(x, "type mismatch: ref.is_null needs a reference");
        }
        struct operand zero = {.type = WB_WASM_I32, .note = CONST};
        compare_wait(x, C_EQ, &o, &zero);
        break;
    }
    case 0xd2:
        if (imm->a >= x->func_count) {
            invalid(x, "unknown function");
        } else if ((wb_wasm_out_read(x, x->funcs_at + imm->a * 8) & FUNC_UNDECLARED) != 0) {
            invalid(x, "undeclared function reference");
        } else {
            (void)push_word(x, operand_word(WB_WASM_FUNCREF, CONST, (int32_t)imm->a + 1));
        }
        break;
    case 0xfc: prefixed(x, (uint32_t)imm->value, imm->a, imm->b); break;
    case 0xfd:
        wb_wasm_fault(x, WB_ERR_UNSUPPORTED, "vector instructions (SIMD) are not supported");
        break;
    case 0x12: return_call(x, imm->a); break;
    case 0x13: return_call_indirect(x, imm->a, imm->b); break;
    default:
        if (op >= 0x28 && op <= 0x3e) {
            memory_access(x, op, imm->a, imm->b);
        } else {
            simple(x, op);
        }
        break;
    }
}

/* Instructions without immediates that take and give numbers. */
static void simple(struct wb_wasm_install *x, unsigned op)
{
    enum { I = WB_WASM_I32, L = WB_WASM_I64, F = WB_WASM_F32, D = WB_WASM_F64 };
    if (op == 0x45) {
        eqz_i32(x);
    } else if (op >= 0x46 && op <= 0x4f) {
        compare_i32(x, op - 0x46);
    } else if (op == 0x50) {
        unsigned a = pop_slot(x, L);
        wb_wasm_back_op_imm(x, OP_I64_EQZ, push(x, I), 1, a, 0);
    } else if (op >= 0x51 && op <= 0x5a) {
        compare_i64(x, op - 0x51);
    } else if (op >= 0x5b && op <= 0x60) {
        binary(x, (enum op)(OP_F32_EQ + op - 0x5b), F, I);
    } else if (op >= 0x61 && op <= 0x66) {
        binary(x, (enum op)(OP_F64_EQ + op - 0x61), D, I);
    } else if (op >= 0x67 && op <= 0x69) {
        unary(x, op, I, I);
    } else if (op >= 0x6a && op <= 0x78) {
        binary_i32(x, op - 0x6a);
    } else if (op >= 0x79 && op <= 0x7b) {
        unary(x, op, L, L);
    } else if (op >= 0x7c && op <= 0x8a) {
        binary(x, (enum op)(OP_I64_ADD + op - 0x7c), L, L);
    } else if (op >= 0x8b && op <= 0x91) {
        unary(x, op, F, F);
    } else if (op >= 0x92 && op <= 0x98) {
        binary(x, (enum op)(OP_F32_ADD + op - 0x92), F, F);
    } else if (op >= 0x99 && op <= 0x9f) {
        unary(x, op, D, D);
    } else if (op >= 0xa0 && op <= 0xa6) {
        binary(x, (enum op)(OP_F64_ADD + op - 0xa0), D, D);
    } else if (op >= 0xa7 && op <= 0xc4) {
        conversion(x, op);
    } else {
        malformed(x, "illegal opcode");
    }
}
