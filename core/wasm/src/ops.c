/* SPDX-License-Identifier: AGPL-3.0-only */
/* Operations that the interpreter's loop calls: floats, rare 64-bit integers, bulk memory, tables.
 */
#include "run.h"
#include "softfloat.h"

#define RET_TRAP(kind) return WB_WASM_TRAP_##kind

/* ---- numbers ------------------------------------------------------------------------------ */

static uint32_t clz32(uint32_t v)
{
    uint32_t n = 0;
    if (v == 0) {
        return 32;
    }
    for (uint32_t step = 16; step > 0; step /= 2) {
        if (v >> (32 - step) == 0) {
            n += step;
            v <<= step;
        }
    }
    return n;
}

static uint32_t ctz32(uint32_t v)
{
    return v == 0 ? 32 : 31 - clz32(v & (0u - v));
}

static uint32_t popcnt32(uint32_t v)
{
    v -= v >> 1 & 0x55555555u;
    v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0fu;
    return v * 0x01010101u >> 24;
}

static uint32_t f32_binary(unsigned op, uint32_t a, uint32_t b)
{
    switch (op) {
    case OP_F32_ADD: return wb_f32_add(a, b);
    case OP_F32_SUB: return wb_f32_sub(a, b);
    case OP_F32_MUL: return wb_f32_mul(a, b);
    case OP_F32_DIV: return wb_f32_div(a, b);
    case OP_F32_MIN: return wb_f32_min(a, b);
    case OP_F32_MAX: return wb_f32_max(a, b);
    case OP_F32_COPYSIGN: return wb_f32_copysign(a, b);
    case OP_F32_EQ: return wb_f32_eq(a, b);
    case OP_F32_NE: return wb_f32_ne(a, b);
    case OP_F32_LT: return wb_f32_lt(a, b);
    case OP_F32_GT: return wb_f32_gt(a, b);
    case OP_F32_LE: return wb_f32_le(a, b);
    default: return wb_f32_ge(a, b);
    }
}

static uint64_t f64_binary(unsigned op, uint64_t a, uint64_t b)
{
    switch (op) {
    case OP_F64_ADD: return wb_f64_add(a, b);
    case OP_F64_SUB: return wb_f64_sub(a, b);
    case OP_F64_MUL: return wb_f64_mul(a, b);
    case OP_F64_DIV: return wb_f64_div(a, b);
    case OP_F64_MIN: return wb_f64_min(a, b);
    case OP_F64_MAX: return wb_f64_max(a, b);
    default: return wb_f64_copysign(a, b);
    }
}

static bool f64_compare(unsigned op, uint64_t a, uint64_t b)
{
    switch (op) {
    case OP_F64_EQ: return wb_f64_eq(a, b);
    case OP_F64_NE: return wb_f64_ne(a, b);
    case OP_F64_LT: return wb_f64_lt(a, b);
    case OP_F64_GT: return wb_f64_gt(a, b);
    case OP_F64_LE: return wb_f64_le(a, b);
    default: return wb_f64_ge(a, b);
    }
}

static enum wb_wasm_trap_kind i64_binary(unsigned op, uint64_t a, uint64_t b, uint32_t *d)
{
    uint64_t result;
    if (op <= OP_I64_REM_U && b == 0) {
        RET_TRAP(DIVIDE_BY_ZERO);
    }
    switch (op) {
    case OP_I64_DIV_S:
        if (b == UINT64_MAX && a == (uint64_t)1 << 63) {
            RET_TRAP(INTEGER_OVERFLOW);
        }
        result = (uint64_t)((int64_t)a / (int64_t)b);
        break;
    case OP_I64_DIV_U: result = a / b; break;
    case OP_I64_REM_S: result = b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b); break;
    case OP_I64_REM_U: result = a % b; break;
    case OP_I64_ROTL: result = a << (b & 63) | a >> (-b & 63); break;
    default: result = a >> (b & 63) | a << (-b & 63); break;
    }
    slots_put64(d, result);
    RET_TRAP(NONE);
}

static enum wb_wasm_trap_kind outcome_trap(enum wb_float_outcome outcome)
{
    switch (outcome) {
    case WB_FLOAT_OVERFLOW: RET_TRAP(INTEGER_OVERFLOW);
    case WB_FLOAT_NAN: RET_TRAP(CONVERSION);
    case WB_FLOAT_OK: break;
    }
    RET_TRAP(NONE);
}

/* Truncations: kind's bit 0: unsigned, bit 1: from f64, bit 2: to i64, as the saturating opcodes
 * count them. */
static enum wb_float_outcome truncate(unsigned kind, const uint32_t *a, uint32_t *d)
{
    uint64_t from = (kind & 2) != 0 ? slots_get64(a) : a[0];
    uint32_t narrow = 0;
    uint64_t wide = 0;
    enum wb_float_outcome outcome;
    switch (kind) {
    case 0: outcome = wb_f32_to_i32_s((uint32_t)from, &narrow); break;
    case 1: outcome = wb_f32_to_i32_u((uint32_t)from, &narrow); break;
    case 2: outcome = wb_f64_to_i32_s(from, &narrow); break;
    case 3: outcome = wb_f64_to_i32_u(from, &narrow); break;
    case 4: outcome = wb_f32_to_i64_s((uint32_t)from, &wide); break;
    case 5: outcome = wb_f32_to_i64_u((uint32_t)from, &wide); break;
    case 6: outcome = wb_f64_to_i64_s(from, &wide); break;
    default: outcome = wb_f64_to_i64_u(from, &wide); break;
    }
    if (kind < 4) {
        d[0] = narrow;
    } else {
        slots_put64(d, wide);
    }
    return outcome;
}

/* which: the specification's opcode, or UNARY_SAT + n */
static enum wb_wasm_trap_kind unary(unsigned which, const uint32_t *slot, uint32_t *d)
{
    uint32_t a = slot[0];
    switch (which) {
    case 0x67: d[0] = clz32(a); break;
    case 0x68: d[0] = ctz32(a); break;
    case 0x69: d[0] = popcnt32(a); break;
    case 0x79: slots_put64(d, slot[1] != 0 ? clz32(slot[1]) : 32 + clz32(a)); break;
    case 0x7a: slots_put64(d, a != 0 ? ctz32(a) : 32 + ctz32(slot[1])); break;
    case 0x7b: slots_put64(d, popcnt32(a) + popcnt32(slot[1])); break;
    case 0x8b: d[0] = wb_f32_abs(a); break;
    case 0x8c: d[0] = wb_f32_neg(a); break;
    case 0x8d: d[0] = wb_f32_ceil(a); break;
    case 0x8e: d[0] = wb_f32_floor(a); break;
    case 0x8f: d[0] = wb_f32_trunc(a); break;
    case 0x90: d[0] = wb_f32_nearest(a); break;
    case 0x91: d[0] = wb_f32_sqrt(a); break;
    case 0x99: slots_put64(d, wb_f64_abs(slots_get64(slot))); break;
    case 0x9a: slots_put64(d, wb_f64_neg(slots_get64(slot))); break;
    case 0x9b: slots_put64(d, wb_f64_ceil(slots_get64(slot))); break;
    case 0x9c: slots_put64(d, wb_f64_floor(slots_get64(slot))); break;
    case 0x9d: slots_put64(d, wb_f64_trunc(slots_get64(slot))); break;
    case 0x9e: slots_put64(d, wb_f64_nearest(slots_get64(slot))); break;
    case 0x9f: slots_put64(d, wb_f64_sqrt(slots_get64(slot))); break;
    case 0xa8:
    case 0xa9:
    case 0xaa:
    case 0xab: return outcome_trap(truncate(which - 0xa8, slot, d));
    case 0xae:
    case 0xaf:
    case 0xb0:
    case 0xb1: return outcome_trap(truncate(which - 0xae + 4, slot, d));
    case 0xb2: d[0] = wb_f32_from_i32_s(a); break;
    case 0xb3: d[0] = wb_f32_from_i32_u(a); break;
    case 0xb4: d[0] = wb_f32_from_i64_s(slots_get64(slot)); break;
    case 0xb5: d[0] = wb_f32_from_i64_u(slots_get64(slot)); break;
    case 0xb6: d[0] = wb_f32_demote_f64(slots_get64(slot)); break;
    case 0xb7: slots_put64(d, wb_f64_from_i32_s(a)); break;
    case 0xb8: slots_put64(d, wb_f64_from_i32_u(a)); break;
    case 0xb9: slots_put64(d, wb_f64_from_i64_s(slots_get64(slot))); break;
    case 0xba: slots_put64(d, wb_f64_from_i64_u(slots_get64(slot))); break;
    case 0xbb: slots_put64(d, wb_f64_promote_f32(a)); break;
    case 0xc0: d[0] = (uint32_t)(int32_t)(int8_t)a; break;
    case 0xc1: d[0] = (uint32_t)(int32_t)(int16_t)a; break;
    case 0xc2: slots_put64(d, (uint64_t)(int64_t)(int8_t)a); break;
    case 0xc3: slots_put64(d, (uint64_t)(int64_t)(int16_t)a); break;
    case 0xc4: slots_put64(d, (uint64_t)(int64_t)(int32_t)a); break;
    default: (void)truncate(which - UNARY_SAT, slot, d); break;
    }
    RET_TRAP(NONE);
}

enum wb_wasm_trap_kind wb_wasm_op_slow(uint32_t *fp, uint32_t word)
{
    unsigned op = word_op(word);
    uint32_t *d = fp + (word >> 11 & 0x7f);
    const uint32_t *a = fp + (word >> 18 & 0x7f);
    if (op == OP_UNARY) {
        return unary((word >> 25) + UNARY_FIRST, a, d);
    }
    const uint32_t *b = fp + (word >> 25);
    if (op < OP_F32_ADD) {
        return i64_binary(op, slots_get64(a), slots_get64(b), d);
    }
    if (op >= OP_F64_ADD && op <= OP_F64_COPYSIGN) {
        slots_put64(d, f64_binary(op, slots_get64(a), slots_get64(b)));
    } else if (op >= OP_F64_EQ) {
        *d = f64_compare(op, slots_get64(a), slots_get64(b));
    } else {
        *d = f32_binary(op, *a, *b);
    }
    RET_TRAP(NONE);
}

/* ---- memory ------------------------------------------------------------------------------- */

/* A trap's kind for an access of which at least a byte is not there. */
static enum wb_wasm_trap_kind memory_trap(struct wb_wasm_instance *inst, uint64_t at, uint64_t len)
{
    uint64_t declared = wb_wasm_memory_declared(inst);
    inst->trap_address = (uint32_t)at;
    return at + len <= declared ? WB_WASM_TRAP_MEMORY_NOT_BACKED : WB_WASM_TRAP_MEMORY_BOUNDS;
}

static bool memory_has(const struct wb_wasm_instance *inst, uint64_t at, uint64_t len)
{
    return at + len <= inst->memory_len;
}

uint32_t wb_wasm_memory_safe(const struct wb_wasm_instance *inst)
{
    return inst->memory_len >= OFFSET_MAX + 8 ? inst->memory_len - (OFFSET_MAX + 7) : 0;
}

enum { IS_STORE = 0x10, IS_SIGNED = 0x20 };

/* Bytes of an access | IS_STORE | IS_SIGNED, of the groups of four forms and the ops with an offset
 * behind them. */
static unsigned access_kind(unsigned op, bool *has_ext)
{
    static const uint8_t kinds[] = {
        4, 1, 1 | IS_SIGNED, 2, 2 | IS_SIGNED, 4 | IS_STORE, 1 | IS_STORE, 2 | IS_STORE};
    static const uint8_t fused[] = {4, 1, 2, 4 | IS_STORE, 1 | IS_STORE, 2 | IS_STORE};
    static const uint8_t wide[] = {4,
                                   1,
                                   1 | IS_SIGNED,
                                   2,
                                   2 | IS_SIGNED,
                                   8,
                                   1 | IS_STORE,
                                   2 | IS_STORE,
                                   4 | IS_STORE,
                                   8 | IS_STORE};
    *has_ext = op >= OP_L32K;
    if (op >= OP_L32X) {
        return wide[op - OP_L32X];
    }
    if (op >= OP_L64) {
        *has_ext = false;
        return op == OP_L64 ? 8 : 8 | IS_STORE;
    }
    if (op >= OP_L32SK) {
        return fused[(op - OP_L32SK) / 4];
    }
    if (op >= OP_L32K) {
        return fused[(op - OP_L32K) / 4];
    }
    return op >= OP_L32 ? kinds[(op - OP_L32) / 4] : fused[(op - OP_L32A) / 4];
}

uint32_t wb_wasm_op_access(struct wb_wasm_instance *inst, uint32_t *fp, uint32_t word,
                           uint32_t start, uint32_t offset, uint32_t *acc)
{
    unsigned op = word_op(word);
    bool has_ext;
    unsigned kind = access_kind(op, &has_ext);
    unsigned size = kind & 0xf;
    bool grouped = op < OP_L64;
    unsigned first = op >= OP_L32SK  ? OP_L32SK
                     : op >= OP_L32K ? OP_L32K
                     : op >= OP_L32  ? OP_L32
                                     : OP_L32A;
    unsigned form = grouped ? (op - first) % 4 : 0;
    uint64_t at = (uint64_t)start + offset;
    uint32_t *d = fp + (word >> 11 & 0x7f);
    if (!memory_has(inst, at, size)) {
        inst->trap = (uint8_t)memory_trap(inst, at, size);
        return 0;
    }
    uint8_t *p = inst->memory + at;
    if ((kind & IS_STORE) != 0) {
        uint32_t low = form == FORM_D ? *acc : form == FORM_SI ? word >> 11 & 0x7f : d[0];
        uint64_t value = size == 8 ? slots_get64(d) : low;
        for (unsigned i = 0; i < size; i++) {
            p[i] = (uint8_t)(value >> 8 * i);
        }
        return has_ext ? 2 : 1;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)p[i] << 8 * i;
    }
    if (size == 8) {
        slots_put64(d, value);
        return has_ext ? 2 : 1;
    }
    uint32_t sign = (kind & IS_SIGNED) != 0 ? 1u << (8 * size - 1) : 0;
    *acc = ((uint32_t)value ^ sign) - sign;
    if ((form & FORM_D) == 0) {
        *d = *acc;
    }
    return has_ext ? 2 : 1;
}

static uint32_t memory_grow(struct wb_wasm_instance *inst, uint32_t delta)
{
    uint32_t before = inst->pages;
    uint64_t pages = (uint64_t)before + delta;
    uint64_t bytes = pages << inst->page_log2;
    if (pages > inst->pages_max || bytes > inst->memory_cap) {
        return delta == 0 ? before : UINT32_MAX;
    }
    memset(inst->memory + inst->memory_len, 0, (size_t)(bytes - inst->memory_len));
    inst->memory_len = (uint32_t)bytes;
    inst->pages = (uint32_t)pages;
    return before;
}

/* Skips a constant expression. */
static const uint32_t *expr_skip(const uint32_t *at)
{
    for (;;) {
        uint32_t op = *at++ & 0xff;
        if (op == 0x0b) {
            return at;
        }
        at += op == 0x41 || op == 0x43 ? 1 : op == 0x42 || op == 0x44 ? 2 : 0;
    }
}

enum wb_wasm_trap_kind wb_wasm_memory_init(struct wb_wasm_instance *inst, uint32_t segment,
                                           uint32_t to, uint32_t from, uint32_t count)
{
    const uint32_t *at = image_at(&inst->image, header(&inst->image, H_DATAS));
    uint32_t flag = (header(&inst->image, H_ELEM_COUNT) & 0xffff) + segment;
    for (uint32_t i = 0;; i++) {
        bool active = *at++ == 0;
        at = active ? expr_skip(at) : at;
        if (i == segment) {
            break;
        }
        at += 1 + (*at + 3) / 4;
    }
    uint32_t len = bit_get(inst->dropped, flag) ? 0 : *at;
    if ((uint64_t)from + count > len) {
        inst->trap_address = to;
        RET_TRAP(MEMORY_BOUNDS);
    }
    if (!memory_has(inst, to, count)) {
        return memory_trap(inst, to, count);
    }
    if (count > 0) {
        memcpy(inst->memory + to, (const uint8_t *)(at + 1) + from, count);
    }
    RET_TRAP(NONE);
}

/* ---- tables ------------------------------------------------------------------------------- */

enum wb_wasm_trap_kind wb_wasm_table_init(struct wb_wasm_instance *inst, uint32_t table,
                                          uint32_t segment, uint32_t to, uint32_t from,
                                          uint32_t count)
{
    const uint32_t *at = image_at(&inst->image, header(&inst->image, H_ELEMS));
    struct wb_wasm_table *t = &inst->tables[table];
    for (uint32_t i = 0;; i++) {
        bool active = (*at++ & 0xff) == 0;
        at = active ? expr_skip(at) : at;
        if (i == segment) {
            break;
        }
        at += 2 + at[1];
    }
    uint32_t len = bit_get(inst->dropped, segment) ? 0 : at[1];
    if ((uint64_t)from + count > len || (uint64_t)to + count > t->len) {
        RET_TRAP(TABLE_BOUNDS);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = at[2 + from + i];
        if ((word & 0x80000000u) != 0) {
            const uint32_t *globals = image_at(&inst->image, header(&inst->image, H_GLOBALS));
            word = inst->globals[globals[word & 0x7fffffffu] >> 16];
        }
        t->elems[to + i] = word;
    }
    RET_TRAP(NONE);
}

static uint32_t table_grow(struct wb_wasm_instance *inst, uint32_t table, uint32_t value,
                           uint32_t delta)
{
    struct wb_wasm_table *t = &inst->tables[table];
    uint32_t before = t->len;
    if (delta > t->cap - t->len) {
        return UINT32_MAX;
    }
    for (uint32_t i = 0; i < delta; i++) {
        t->elems[t->len++] = value;
    }
    return before;
}

static enum wb_wasm_trap_kind table_copy(struct wb_wasm_instance *inst, uint32_t tables,
                                         uint32_t to, uint32_t from, uint32_t count)
{
    struct wb_wasm_table *d = &inst->tables[tables & 0xffff];
    const struct wb_wasm_table *s = &inst->tables[tables >> 16];
    if ((uint64_t)to + count > d->len || (uint64_t)from + count > s->len) {
        RET_TRAP(TABLE_BOUNDS);
    }
    if (count > 0) {
        memmove(d->elems + to, s->elems + from, (size_t)count * 4);
    }
    RET_TRAP(NONE);
}

enum wb_wasm_trap_kind wb_wasm_op_bulk(struct wb_wasm_instance *inst, uint32_t *fp, uint32_t word,
                                       uint32_t ext, uint32_t *cost)
{
    uint32_t *d = fp + (word >> 11 & 0x7f);
    uint32_t a = fp[word >> 18 & 0x7f];
    uint32_t b = fp[word >> 25];
    struct wb_wasm_table *table = &inst->tables[ext & 0xff];
    switch (word_op(word)) {
    case OP_MEM_SIZE: *d = inst->pages; break;
    case OP_MEM_GROW:
        *cost = inst->memory_len;
        *d = memory_grow(inst, a);
        *cost = inst->memory_len - *cost;
        break;
    case OP_MEM_COPY:
        if (!memory_has(inst, *d, b)) {
            return memory_trap(inst, *d, b);
        }
        if (!memory_has(inst, a, b)) {
            return memory_trap(inst, a, b);
        }
        if (b > 0) {
            memmove(inst->memory + *d, inst->memory + a, b);
        }
        *cost = b;
        break;
    case OP_MEM_FILL:
        if (!memory_has(inst, *d, b)) {
            return memory_trap(inst, *d, b);
        }
        if (b > 0) {
            memset(inst->memory + *d, (int)(a & 0xff), b);
        }
        *cost = b;
        break;
    case OP_MEM_INIT: *cost = b; return wb_wasm_memory_init(inst, ext, *d, a, b);
    case OP_DATA_DROP:
        ext += header(&inst->image, H_ELEM_COUNT) & 0xffff;
        inst->dropped[ext / 32] |= 1u << ext % 32;
        break;
    case OP_ELEM_DROP: inst->dropped[ext / 32] |= 1u << ext % 32; break;
    case OP_TABLE_GET:
        if (a >= table->len) {
            RET_TRAP(TABLE_BOUNDS);
        }
        *d = table->elems[a];
        break;
    case OP_TABLE_SET:
        if (a >= table->len) {
            RET_TRAP(TABLE_BOUNDS);
        }
        table->elems[a] = *d;
        break;
    case OP_TABLE_SIZE: *d = table->len; break;
    case OP_TABLE_GROW:
        *cost = b * 4;
        *d = table_grow(inst, ext, a, b);
        break;
    case OP_TABLE_FILL:
        if ((uint64_t)*d + b > table->len) {
            RET_TRAP(TABLE_BOUNDS);
        }
        for (uint32_t i = 0; i < b; i++) {
            table->elems[*d + i] = a;
        }
        *cost = b * 4;
        break;
    case OP_TABLE_COPY: *cost = b * 4; return table_copy(inst, ext, *d, a, b);
    default: *cost = b * 4; return wb_wasm_table_init(inst, ext >> 16, ext & 0xffff, *d, a, b);
    }
    RET_TRAP(NONE);
}
