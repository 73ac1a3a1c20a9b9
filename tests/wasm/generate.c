/* SPDX-License-Identifier: AGPL-3.0-only */
/* Random modules, written directly as binary. A function's body is a tree grown by type: expression
 * (type) emits code that leaves one value of that type; statement() leaves nothing; both draw from
 * the same random numbers, and a budget of nodes keeps bodies small. Labels are a stack with the
 * types that a branch to them carries, so branches can be placed anywhere. */
#include "generate.h"

#include <stdbool.h>
#include <string.h>

enum type { I32, I64, F32, F64, TYPES };
static const uint8_t type_bytes[TYPES] = {0x7f, 0x7e, 0x7d, 0x7c};

#define FUNCS        8u /* with parameters, called by one another */
#define SIGNATURES   5u
#define PARAMS_MAX   4u
#define RESULTS_MAX  3u
#define LOCALS_EXTRA 6u
#define LABELS_MAX   24u
#define GLOBALS      8u /* two of a type; behind them the budget */
#define GLOBAL_FUEL  8u
#define FUEL         400
#define TABLE_SIZE   12u
#define MEMORY_BYTES 65536u

struct signature {
    unsigned param_count, result_count;
    enum type params[PARAMS_MAX], results[RESULTS_MAX];
};

struct label {
    unsigned count; /* values that a branch carries */
    enum type types[RESULTS_MAX];
};

struct generator {
    uint64_t random;
    uint8_t *buf;
    size_t len;
    struct signature signatures[SIGNATURES];
    uint8_t func_signature[FUNCS];
    /* the function being written */
    const struct signature *signature;
    enum type locals[PARAMS_MAX + LOCALS_EXTRA + TYPES];
    unsigned local_count; /* those that code may use; behind them one of each type for NaNs */
    struct label labels[LABELS_MAX];
    unsigned label_count;
    int nodes; /* left */
};

/* ---- random numbers and bytes --------------------------------------------------------------- */

static uint64_t next(struct generator *g)
{
    g->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = g->random;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned below(struct generator *g, unsigned n)
{
    return (unsigned)(next(g) % n);
}

static bool chance(struct generator *g, unsigned percent)
{
    return below(g, 100) < percent;
}

static void byte(struct generator *g, uint8_t value)
{
    if (g->len < GENERATE_MAX) {
        g->buf[g->len++] = value;
    }
}

static void bytes(struct generator *g, const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        byte(g, ((const uint8_t *)data)[i]);
    }
}

static void u32(struct generator *g, uint32_t value)
{
    do {
        byte(g, (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0)));
        value >>= 7;
    } while (value != 0);
}

static void s64(struct generator *g, int64_t value)
{
    bool more = true;
    while (more) {
        uint8_t low = value & 0x7f;
        value >>= 7;
        more = !((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0));
        byte(g, (uint8_t)(low | (more ? 0x80 : 0)));
    }
}

/* A length that is known later: five bytes, filled in by close(). */
static size_t open(struct generator *g)
{
    for (unsigned i = 0; i < 5; i++) {
        byte(g, 0);
    }
    return g->len;
}

static void close(struct generator *g, size_t begin)
{
    uint32_t len = (uint32_t)(g->len - begin);
    for (unsigned i = 0; i < 5; i++) {
        g->buf[begin - 5 + i] = (uint8_t)((len >> 7 * i & 0x7f) | (i < 4 ? 0x80 : 0));
    }
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static uint64_t interesting(struct generator *g)
{
    static const uint64_t values[] = {0,          1,          2,
                                      3,          7,          8,
                                      31,         32,         33,
                                      63,         64,         100,
                                      127,        128,        255,
                                      256,        32767,      32768,
                                      65535,      65536,      0x7fffffff,
                                      0x80000000, 0xffffffff, 0x100000000,
                                      ~0ull,      ~1ull,      0x7fffffffffffffff,
                                      1ull << 63, 0xff80,     0xffffff80};
    switch (below(g, 3)) {
    case 0: return values[below(g, sizeof values / sizeof values[0])];
    case 1: return next(g) >> below(g, 64);
    default: return (uint64_t)(int64_t)((int)below(g, 300) - 150);
    }
}

static uint32_t interesting_f32(struct generator *g)
{
    static const uint32_t values[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000,
                                      0xff800000, 0x7fc00000, 0x00000001, 0x807fffff, 0x00800000,
                                      0x7f7fffff, 0x4f000000, 0xcf000000, 0x4f800000, 0x3f000000,
                                      0x5f000000, 0xdf000000, 0x5f800000, 0x3effffff, 0x4effffff};
    uint32_t bits = (uint32_t)next(g);
    bool is_nan = (bits & 0x7f800000) == 0x7f800000;
    return chance(g, 60) || is_nan ? values[below(g, sizeof values / sizeof values[0])] : bits;
}

static uint64_t interesting_f64(struct generator *g)
{
    static const uint64_t values[] = {0,
                                      1ull << 63,
                                      0x3ff0000000000000,
                                      0xbff0000000000000,
                                      0x7ff0000000000000,
                                      0xfff0000000000000,
                                      0x7ff8000000000000,
                                      1,
                                      0x800fffffffffffff,
                                      0x0010000000000000,
                                      0x7fefffffffffffff,
                                      0x41e0000000000000,
                                      0xc1e0000000000000,
                                      0x41f0000000000000,
                                      0x43e0000000000000,
                                      0xc3e0000000000000,
                                      0x43f0000000000000,
                                      0x3fe0000000000000,
                                      0x41dfffffffc00000,
                                      0xc1e0000000200000,
                                      0x36a0000000000000,
                                      0x380fffffe0000000,
                                      0x47efffffe0000000,
                                      0x47effffff0000000};
    uint64_t bits = next(g);
    bool is_nan = (bits & 0x7ff0000000000000) == 0x7ff0000000000000;
    return chance(g, 60) || is_nan ? values[below(g, sizeof values / sizeof values[0])] : bits;
}

static void constant(struct generator *g, enum type type)
{
    uint64_t value;
    uint32_t value32;
    switch (type) {
    case I32:
        byte(g, 0x41);
        s64(g, (int32_t)(uint32_t)interesting(g));
        break;
    case I64:
        byte(g, 0x42);
        s64(g, (int64_t)interesting(g));
        break;
    case F32:
        byte(g, 0x43);
        value32 = interesting_f32(g);
        bytes(g, &value32, 4);
        break;
    default:
        byte(g, 0x44);
        value = interesting_f64(g);
        bytes(g, &value, 8);
        break;
    }
}

static bool local_find(struct generator *g, enum type type, uint32_t *index)
{
    unsigned start = below(g, g->local_count);
    for (unsigned i = 0; i < g->local_count; i++) {
        *index = (start + i) % g->local_count;
        if (g->locals[*index] == type) {
            return true;
        }
    }
    return false;
}

static void leaf(struct generator *g, enum type type)
{
    uint32_t index;
    unsigned kind = below(g, 10);
    if (kind < 5 && local_find(g, type, &index)) {
        byte(g, 0x20);
        u32(g, index);
    } else if (kind < 6) {
        byte(g, 0x23);
        u32(g, (uint32_t)type * 2 + below(g, 2));
    } else {
        constant(g, type);
    }
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void expression(struct generator *g, enum type type);
static void statement(struct generator *g);
static void call_any(struct generator *g, int wanted);

/* A float operation's NaN gets the canonical bits: x == x ? x : nan. */
static void nan_settle(struct generator *g, enum type type)
{
    uint32_t scratch = g->local_count + (uint32_t)type;
    byte(g, 0x21);
    u32(g, scratch);
    byte(g, 0x20);
    u32(g, scratch);
    if (type == F32) {
        static const uint8_t nan[] = {0x43, 0, 0, 0xc0, 0x7f};
        bytes(g, nan, sizeof nan);
    } else {
        static const uint8_t nan[] = {0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f};
        bytes(g, nan, sizeof nan);
    }
    byte(g, 0x20);
    u32(g, scratch);
    byte(g, 0x20);
    u32(g, scratch);
    byte(g, type == F32 ? 0x5b : 0x61);
    byte(g, 0x1b);
}

/* Without fuel the function returns constants, seldom it traps. */
static void fuel_spend(struct generator *g)
{
    static const uint8_t code[] = {0x23, GLOBAL_FUEL, 0x41, 1, 0x6b, 0x24, GLOBAL_FUEL,
                                   0x23, GLOBAL_FUEL, 0x41, 0, 0x48, 0x04, 0x40};
    bytes(g, code, sizeof code);
    if (chance(g, 1)) {
        byte(g, 0x00);
    } else {
        for (unsigned i = 0; i < g->signature->result_count; i++) {
            constant(g, g->signature->results[i]);
        }
        byte(g, 0x0f);
    }
    byte(g, 0x0b);
}

/* Keeps an i32 mostly within a mask of ones. */
static void mask(struct generator *g, unsigned bits, unsigned seldom)
{
    byte(g, 0x41);
    s64(g, (int32_t)(below(g, 400) != 0 ? bits : seldom));
    byte(g, 0x71);
}

/* An address: masked, or one of the sums that compilers write. */
static void address(struct generator *g)
{
    uint32_t index;
    unsigned kind = below(g, 6);
    expression(g, I32);
    if (kind <= 1) { /* base + index */
        mask(g, 0x3ff8 >> below(g, 8), 0xffffffff);
        if (kind == 1 && chance(g, 50)) {
            byte(g, 0x41);
            s64(g, below(g, 300));
            byte(g, 0x6a);
        }
        expression(g, I32);
        mask(g, 0x1ff8 >> below(g, 8), 0xffffffff);
        byte(g, 0x6a);
    } else if (kind == 2) { /* (index << shift) + constant */
        mask(g, 0xfff >> below(g, 8), 0xffffffff);
        byte(g, 0x41);
        s64(g, below(g, 4));
        byte(g, 0x74);
        byte(g, 0x41);
        s64(g, below(g, 2000));
        byte(g, 0x6a);
    } else if (kind == 3) { /* base + what a call gives */
        mask(g, 0x3ff8 >> below(g, 8), 0xffffffff);
        call_any(g, I32);
        mask(g, 0x7ff, 0xffffffff);
        if (chance(g, 50) && local_find(g, I32, &index)) {
            byte(g, 0x21);
            u32(g, index);
            byte(g, 0x20);
            u32(g, index);
        }
        byte(g, 0x6a);
    } else {
        mask(g, chance(g, 3) ? 0xffff : 0x7ff8 >> below(g, 8), 0xffffffff);
    }
}

/* What is stored: often a constant or a comparison. */
static void stored(struct generator *g, enum type type)
{
    if (chance(g, 30)) {
        constant(g, type);
    } else {
        expression(g, type);
    }
}

static void memory_argument(struct generator *g, unsigned log2_max)
{
    u32(g, below(g, log2_max + 1));
    switch (below(g, 60)) {
    case 0: u32(g, below(g, chance(g, 10) ? 70000 : 9000)); break;
    case 1: u32(g, chance(g, 10) ? (uint32_t)next(g) : 0); break;
    case 2:
    case 3:
    case 4: u32(g, below(g, 2000)); break;
    case 5:
    case 6:
    case 7: u32(g, below(g, 300)); break;
    default: u32(g, chance(g, 60) ? 0 : below(g, 16)); break;
    }
}

struct access {
    uint8_t opcode, log2;
};
static const struct access loads[TYPES][7] = {
    {{0x28, 2}, {0x2c, 0}, {0x2d, 0}, {0x2e, 1}, {0x2f, 1}, {0x28, 2}, {0x28, 2}},
    {{0x29, 3}, {0x30, 0}, {0x31, 0}, {0x32, 1}, {0x33, 1}, {0x34, 2}, {0x35, 2}},
    {{0x2a, 2}, {0x2a, 2}, {0x2a, 2}, {0x2a, 2}, {0x2a, 2}, {0x2a, 2}, {0x2a, 2}},
    {{0x2b, 3}, {0x2b, 3}, {0x2b, 3}, {0x2b, 3}, {0x2b, 3}, {0x2b, 3}, {0x2b, 3}}};
static const struct access stores[TYPES][4] = {{{0x36, 2}, {0x3a, 0}, {0x3b, 1}, {0x36, 2}},
                                               {{0x37, 3}, {0x3c, 0}, {0x3d, 1}, {0x3e, 2}},
                                               {{0x38, 2}, {0x38, 2}, {0x38, 2}, {0x38, 2}},
                                               {{0x39, 3}, {0x39, 3}, {0x39, 3}, {0x39, 3}}};

static void load(struct generator *g, enum type type)
{
    const struct access *a = &loads[type][below(g, 7)];
    address(g);
    byte(g, a->opcode);
    memory_argument(g, a->log2);
    if (type >= F32) {
        nan_settle(g, type);
    }
}

static void binary(struct generator *g, enum type type)
{
    static const uint8_t first[TYPES] = {0x6a, 0x7c, 0x92, 0xa0};
    static const uint8_t count[TYPES] = {15, 15, 7, 7};
    unsigned op = below(g, count[type]);
    expression(g, type);
    expression(g, type);
    if (type <= I64 && op >= 3 && op <= 6 && chance(g, 98)) { /* divisor: not 0, not -1 */
        byte(g, type == I32 ? 0x41 : 0x42);
        s64(g, 0x7fff);
        byte(g, type == I32 ? 0x71 : 0x83);
        byte(g, type == I32 ? 0x41 : 0x42);
        s64(g, 1);
        byte(g, type == I32 ? 0x72 : 0x84);
    }
    byte(g, (uint8_t)(first[type] + op));
    if (type >= F32) {
        nan_settle(g, type);
    }
}

static void comparison(struct generator *g)
{
    static const uint8_t first[TYPES] = {0x46, 0x51, 0x5b, 0x61};
    static const uint8_t count[TYPES] = {10, 10, 6, 6};
    enum type type = (enum type)below(g, TYPES);
    expression(g, type);
    expression(g, type);
    byte(g, (uint8_t)(first[type] + below(g, count[type])));
}

/* Unary operations and conversions that give this type: opcode and type of the operand. */
static void unary(struct generator *g, enum type type)
{
    static const struct {
        uint8_t opcode;
        uint8_t from;
    } ops[TYPES][16] = {{{0x67, I32},
                         {0x68, I32},
                         {0x69, I32},
                         {0x45, I32},
                         {0xc0, I32},
                         {0xc1, I32},
                         {0xa7, I64},
                         {0x50, I64},
                         {0xa8, F32},
                         {0xa9, F32},
                         {0xaa, F64},
                         {0xab, F64},
                         {0xbc, F32},
                         {0xa7, I64},
                         {0x45, I32},
                         {0x50, I64}},
                        {{0x79, I64},
                         {0x7a, I64},
                         {0x7b, I64},
                         {0xc2, I64},
                         {0xc3, I64},
                         {0xc4, I64},
                         {0xac, I32},
                         {0xad, I32},
                         {0xae, F32},
                         {0xaf, F32},
                         {0xb0, F64},
                         {0xb1, F64},
                         {0xbd, F64},
                         {0xac, I32},
                         {0xad, I32},
                         {0xac, I32}},
                        {{0x8b, F32},
                         {0x8c, F32},
                         {0x8d, F32},
                         {0x8e, F32},
                         {0x8f, F32},
                         {0x90, F32},
                         {0x91, F32},
                         {0xb2, I32},
                         {0xb3, I32},
                         {0xb4, I64},
                         {0xb5, I64},
                         {0xb6, F64},
                         {0xbe, I32},
                         {0xb2, I32},
                         {0xb4, I64},
                         {0xb6, F64}},
                        {{0x99, F64},
                         {0x9a, F64},
                         {0x9b, F64},
                         {0x9c, F64},
                         {0x9d, F64},
                         {0x9e, F64},
                         {0x9f, F64},
                         {0xb7, I32},
                         {0xb8, I32},
                         {0xb9, I64},
                         {0xba, I64},
                         {0xbb, F32},
                         {0xbf, I64},
                         {0xb7, I32},
                         {0xb9, I64},
                         {0xbb, F32}}};
    unsigned i = below(g, 16);
    uint8_t opcode = ops[type][i].opcode;
    expression(g, (enum type)ops[type][i].from);
    bool is_truncation = (opcode >= 0xa8 && opcode <= 0xab) || (opcode >= 0xae && opcode <= 0xb1);
    if (is_truncation && chance(g, 97)) { /* the saturating one */
        byte(g, 0xfc);
        u32(g, opcode <= 0xab ? opcode - 0xa8u : opcode - 0xaeu + 4u);
    } else {
        byte(g, opcode);
    }
    if (type >= F32) {
        nan_settle(g, type);
    }
}

/* Index of a signature's type in the type section: behind them come block types. */
static void arguments(struct generator *g, const struct signature *s)
{
    for (unsigned i = 0; i < s->param_count; i++) {
        expression(g, s->params[i]);
    }
}

/* Values on the stack become one of this type, or none. */
static void results_take(struct generator *g, const struct signature *s, int wanted)
{
    for (unsigned i = s->result_count; i > 0; i--) {
        uint32_t index;
        enum type type = s->results[i - 1];
        if (i == 1 && wanted == (int)type) {
            return;
        }
        if (chance(g, 50) && local_find(g, type, &index)) {
            byte(g, 0x21);
            u32(g, index);
        } else {
            byte(g, 0x1a);
        }
    }
    if (wanted >= 0) {
        leaf(g, (enum type)wanted);
    }
}

static void call_any(struct generator *g, int wanted)
{
    if (chance(g, 65)) {
        uint32_t func = below(g, FUNCS);
        const struct signature *s = &g->signatures[g->func_signature[func]];
        arguments(g, s);
        byte(g, 0x10);
        u32(g, func);
        results_take(g, s, wanted);
        return;
    }
    unsigned signature = chance(g, 98) ? g->func_signature[below(g, FUNCS)] : below(g, SIGNATURES);
    arguments(g, &g->signatures[signature]);
    if (chance(g, 92)) {
        /* an entry that had this signature at the start */
        uint32_t func = 0;
        while (func < FUNCS && g->func_signature[func] != signature) {
            func++;
        }
        byte(g, 0x41);
        s64(g, func);
    } else {
        expression(g, I32);
        mask(g, 7, 15);
    }
    byte(g, 0x11);
    u32(g, signature);
    byte(g, 0);
    results_take(g, &g->signatures[signature], wanted);
}

static void label_push(struct generator *g, unsigned count, const enum type *types)
{
    struct label *label = &g->labels[g->label_count++];
    label->count = count;
    for (unsigned i = 0; i < count; i++) {
        label->types[i] = types[i];
    }
}

/* block, loop or if that gives a type (negative: nothing). */
static void block_type(struct generator *g, int type)
{
    byte(g, type < 0 ? 0x40 : type_bytes[type]);
}

static void statements(struct generator *g)
{
    for (unsigned i = below(g, 4); i > 0; i--) {
        statement(g);
    }
}

static void structure(struct generator *g, int type)
{
    enum type result = type < 0 ? I32 : (enum type)type;
    unsigned count = type < 0 ? 0 : 1;
    unsigned kind = below(g, 3);
    if (kind == 2) {
        expression(g, I32);
    }
    byte(g, (uint8_t)(0x02 + kind));
    block_type(g, type);
    label_push(g, kind == 1 ? 0 : count, &result);
    if (kind == 1) {
        fuel_spend(g);
    }
    for (unsigned part = 0; part < (kind == 2 ? 2u : 1u); part++) {
        if (part == 1) {
            if (count == 0 && chance(g, 40)) {
                break; /* no else */
            }
            byte(g, 0x05);
        }
        statements(g);
        if (count > 0) {
            expression(g, result);
        }
    }
    g->label_count--;
    byte(g, 0x0b);
}

/* A block with parameters and several results (a type index): two values go in, two come out. */
static void structure_wide(struct generator *g, enum type type)
{
    enum type types[2] = {type, I64};
    expression(g, type);
    expression(g, I64);
    bool is_loop = chance(g, 30);
    byte(g, is_loop ? 0x03 : 0x02);
    s64(g, (int64_t)(SIGNATURES + 1 + (unsigned)type)); /* (type, i64) -> (type, i64) */
    label_push(g, 2, types);
    if (is_loop) {
        fuel_spend(g);
    }
    byte(g, 0x1a);
    byte(g, 0x1a);
    statements(g);
    expression(g, type);
    expression(g, I64);
    g->label_count--;
    byte(g, 0x0b);
    byte(g, 0x1a);
}

static void expression(struct generator *g, enum type type)
{
    if (--g->nodes <= 0 || chance(g, 12)) {
        leaf(g, type);
        return;
    }
    uint32_t index;
    unsigned kind = below(g, 100);
    if (kind < 34) {
        binary(g, type);
    } else if (kind < 52) {
        unary(g, type);
    } else if (kind < 62) {
        load(g, type);
    } else if (kind < 70 && type == I32) {
        comparison(g);
    } else if (kind < 75) { /* select */
        expression(g, type);
        expression(g, type);
        expression(g, I32);
        byte(g, 0x1b);
    } else if (kind < 79 && local_find(g, type, &index)) {
        expression(g, type);
        byte(g, 0x22);
        u32(g, index);
    } else if (kind < 85 && g->label_count < LABELS_MAX - 2) {
        structure(g, (int)type);
    } else if (kind < 87 && g->label_count < LABELS_MAX - 2) {
        structure_wide(g, type);
    } else if (kind < 93) {
        call_any(g, (int)type);
    } else if (kind < 95 && type == I32) {
        switch (below(g, 4)) {
        case 0:
            byte(g, 0x3f);
            byte(g, 0);
            break;
        case 1:
            expression(g, I32);
            byte(g, 0x41);
            s64(g, 1);
            byte(g, 0x71);
            byte(g, 0x40);
            byte(g, 0);
            break;
        case 2: /* table.size */
            byte(g, 0xfc);
            u32(g, 16);
            byte(g, 0);
            break;
        default: /* ref.is_null of table.get */
            expression(g, I32);
            mask(g, 7, 15);
            byte(g, 0x25);
            byte(g, 0);
            byte(g, 0xd1);
            break;
        }
    } else {
        leaf(g, type);
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void values(struct generator *g, const struct label *label)
{
    for (unsigned i = 0; i < label->count; i++) {
        expression(g, label->types[i]);
    }
}

static void drop(struct generator *g, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        byte(g, 0x1a);
    }
}

static void branch(struct generator *g)
{
    uint32_t depth = below(g, g->label_count);
    const struct label *label = &g->labels[g->label_count - 1 - depth];
    switch (below(g, 10)) {
    case 0: /* br, in a block of its own: what follows it is never reached */
        byte(g, 0x02);
        byte(g, 0x40);
        label_push(g, 0, NULL);
        values(g, label);
        byte(g, 0x0c);
        u32(g, depth + 1);
        if (chance(g, 50)) {
            statement(g);
        }
        g->label_count--;
        byte(g, 0x0b);
        break;
    case 1: { /* br_table with labels of the same types */
        uint32_t count = below(g, 5);
        values(g, label);
        expression(g, I32);
        byte(g, 0x41);
        s64(g, 7);
        byte(g, 0x71);
        byte(g, 0x02);
        byte(g, 0x40);
        byte(g, 0x0b);
        byte(g, 0x0e);
        u32(g, count);
        for (uint32_t i = 0; i <= count; i++) {
            uint32_t other = below(g, g->label_count);
            const struct label *l = &g->labels[g->label_count - 1 - other];
            bool is_same = l->count == label->count &&
                           memcmp(l->types, label->types, l->count * sizeof l->types[0]) == 0;
            u32(g, is_same ? other : depth);
        }
        /* unreachable from here to the end of the enclosing block: its values are any */
        break;
    }
    default:
        values(g, label);
        expression(g, I32);
        byte(g, 0x0d);
        u32(g, depth);
        drop(g, label->count);
        break;
    }
}

/* Ranges for memory and tables, mostly inside: to, from or value, length. */
static void range(struct generator *g, unsigned to, unsigned from, unsigned len)
{
    expression(g, I32);
    mask(g, to, 0xfffff);
    expression(g, I32);
    mask(g, from, 0xfffff);
    expression(g, I32);
    mask(g, len, 0xfffff);
}

static void bulk(struct generator *g)
{
    switch (below(g, 9)) {
    case 0: /* memory.fill */
        range(g, 0x7fff, 0xffffffff, 0xff);
        byte(g, 0xfc);
        u32(g, 11);
        byte(g, 0);
        break;
    case 1: /* memory.copy */
        range(g, 0x7fff, 0x7fff, 0x3ff);
        byte(g, 0xfc);
        u32(g, 10);
        byte(g, 0);
        byte(g, 0);
        break;
    case 2: /* memory.init of the passive segment */
        range(g, 0xffff, 15, 7);
        byte(g, 0xfc);
        u32(g, 8);
        u32(g, 1);
        byte(g, 0);
        break;
    case 3:
        if (chance(g, 15)) { /* data.drop */
            byte(g, 0xfc);
            u32(g, 9);
            u32(g, 1);
        }
        break;
    case 4: /* table.set */
        expression(g, I32);
        mask(g, 7, 15);
        if (chance(g, 90)) {
            byte(g, 0xd2);
            u32(g, below(g, FUNCS));
        } else {
            byte(g, 0xd0);
            byte(g, 0x70);
        }
        byte(g, 0x26);
        byte(g, 0);
        break;
    case 5: /* table.copy */
        range(g, 7, 7, 3);
        byte(g, 0xfc);
        u32(g, 14);
        byte(g, 0);
        byte(g, 0);
        break;
    case 6: /* table.init */
        range(g, 7, 1, 1);
        byte(g, 0xfc);
        u32(g, 12);
        u32(g, 1);
        byte(g, 0);
        break;
    case 7: /* table.grow */
        byte(g, 0xd2);
        u32(g, below(g, FUNCS));
        expression(g, I32);
        byte(g, 0x41);
        s64(g, 1);
        byte(g, 0x71);
        byte(g, 0xfc);
        u32(g, 15);
        byte(g, 0);
        byte(g, 0x1a);
        break;
    default: /* table.fill */
        expression(g, I32);
        mask(g, 7, 15);
        byte(g, 0xd2);
        u32(g, below(g, FUNCS));
        expression(g, I32);
        byte(g, 0x41);
        s64(g, 3);
        byte(g, 0x71);
        byte(g, 0xfc);
        u32(g, 17);
        byte(g, 0);
        break;
    }
}

static void statement(struct generator *g)
{
    if (--g->nodes <= 0) {
        return;
    }
    uint32_t index;
    enum type type = (enum type)below(g, TYPES);
    unsigned kind = below(g, 100);
    if (kind < 30 && local_find(g, type, &index)) {
        expression(g, type);
        byte(g, 0x21);
        u32(g, index);
    } else if (kind < 50) {
        const struct access *a = &stores[type][below(g, 4)];
        address(g);
        stored(g, type);
        byte(g, a->opcode);
        memory_argument(g, a->log2);
    } else if (kind < 60) {
        expression(g, type);
        byte(g, 0x24);
        u32(g, (uint32_t)type * 2 + below(g, 2));
    } else if (kind < 76 && g->label_count < LABELS_MAX - 2) {
        structure(g, -1);
    } else if (kind < 86 && g->label_count < LABELS_MAX - 2) {
        branch(g);
    } else if (kind < 92) {
        call_any(g, -1);
    } else if (kind < 97) {
        bulk(g);
    } else if (kind < 98 &&
               g->label_count < LABELS_MAX - 2) { /* return, never reached code behind it */
        byte(g, 0x02);
        byte(g, 0x40);
        label_push(g, 0, NULL);
        for (unsigned i = 0; i < g->signature->result_count; i++) {
            expression(g, g->signature->results[i]);
        }
        byte(g, 0x0f);
        g->label_count--;
        byte(g, 0x0b);
    } else if (kind < 99 && chance(g, 3)) {
        byte(g, 0x00);
    } else {
        expression(g, type);
        byte(g, 0x1a);
    }
}

/* ---- module ---------------------------------------------------------------------------------- */

static void function_body(struct generator *g, unsigned func)
{
    const struct signature *s = &g->signatures[g->func_signature[func]];
    size_t body = open(g);
    g->signature = s;
    g->local_count = s->param_count + LOCALS_EXTRA;
    memcpy(g->locals, s->params, sizeof s->params);
    u32(g, LOCALS_EXTRA + TYPES);
    for (unsigned i = 0; i < LOCALS_EXTRA + TYPES; i++) {
        enum type type =
            i < LOCALS_EXTRA ? (enum type)below(g, TYPES) : (enum type)(i - LOCALS_EXTRA);
        g->locals[s->param_count + i] = type;
        u32(g, 1);
        byte(g, type_bytes[type]);
    }
    g->label_count = 0;
    g->nodes = 40 + (int)below(g, 160);
    label_push(g, s->result_count, s->results);
    fuel_spend(g);
    for (unsigned i = 1 + below(g, 6); i > 0; i--) {
        statement(g);
    }
    if (chance(g, 8)) { /* a tail call of a function with the same results */
        uint32_t callee = below(g, FUNCS);
        const struct signature *t = &g->signatures[g->func_signature[callee]];
        if (t->result_count == s->result_count &&
            memcmp(t->results, s->results, s->result_count * sizeof s->results[0]) == 0) {
            arguments(g, t);
            byte(g, 0x12);
            u32(g, callee);
            byte(g, 0x0b);
            close(g, body);
            return;
        }
    }
    for (unsigned i = 0; i < s->result_count; i++) {
        expression(g, s->results[i]);
    }
    byte(g, 0x0b);
    close(g, body);
}

/* Exported: gives fuel, calls with constants, turns floats into integers. */
static void wrapper_body(struct generator *g, unsigned func)
{
    const struct signature *s = &g->signatures[g->func_signature[func]];
    size_t body = open(g);
    u32(g, 2);
    u32(g, 1);
    byte(g, 0x7d);
    u32(g, 1);
    byte(g, 0x7c);
    byte(g, 0x41);
    s64(g, FUEL);
    byte(g, 0x24);
    u32(g, GLOBAL_FUEL);
    for (unsigned i = 0; i < s->param_count; i++) {
        constant(g, s->params[i]);
    }
    byte(g, 0x10);
    u32(g, func);
    /* Only the last result can be reached without more locals: fold them into one i64. */
    for (unsigned i = s->result_count; i > 0; i--) {
        static const uint8_t to_i64[TYPES] = {0xad, 0, 0, 0xbd};
        enum type type = s->results[i - 1];
        if (type == F32) {
            byte(g, 0xbc);
            byte(g, 0xad);
        } else if (type != I64) {
            byte(g, to_i64[type]);
        }
        byte(g, 0x23); /* mixed into global 2 (i64), which is a result of its own later */
        u32(g, 2);
        byte(g, 0x42);
        s64(g, 31);
        byte(g, 0x7e);
        byte(g, 0x7c);
        byte(g, 0x24);
        u32(g, 2);
    }
    byte(g, 0x23);
    u32(g, 2);
    byte(g, 0x0b);
    close(g, body);
}

/* Exported: every global as i64s, and a checksum of the memory. */
static void state_body(struct generator *g)
{
    static const uint8_t sum[] = {0x02, 0x40, 0x03, 0x40, /* block loop */
                                  0x20, 0,    0x41, 0x80, 0x80, 0x04, 0x4f, 0x0d,
                                  1, /* br_if 1 (i >= 65536) */
                                  0x20, 1,    0x42, 0xb7, 0xe6, 0x05, 0x7e,    /* sum * 95031 */
                                  0x20, 0,    0x29, 3,    0,    0x7c, 0x21, 1, /* + load(i) */
                                  0x20, 0,    0x41, 8,    0x6a, 0x21, 0,       /* i += 8 */
                                  0x0c, 0,    0x0b, 0x0b};
    size_t body = open(g);
    u32(g, 2);
    u32(g, 1);
    byte(g, 0x7f);
    u32(g, 1);
    byte(g, 0x7e);
    bytes(g, sum, sizeof sum);
    for (unsigned i = 0; i < GLOBALS; i++) {
        static const uint8_t code[TYPES][2] = {{0xad, 0}, {0, 0}, {0xbc, 0xad}, {0xbd, 0}};
        byte(g, 0x23);
        u32(g, i);
        for (unsigned k = 0; k < 2; k++) {
            if (code[i / 2][k] != 0) {
                byte(g, code[i / 2][k]);
            }
        }
    }
    byte(g, 0x20);
    u32(g, 1);
    byte(g, 0x0b);
    close(g, body);
}

static void types_write(struct generator *g)
{
    byte(g, 1);
    size_t section = open(g);
    u32(g, SIGNATURES + 1 + TYPES + 1);
    for (unsigned i = 0; i < SIGNATURES; i++) {
        struct signature *s = &g->signatures[i];
        s->param_count = below(g, PARAMS_MAX + 1);
        s->result_count = chance(g, 75) ? 1 : below(g, RESULTS_MAX + 1);
        byte(g, 0x60);
        u32(g, s->param_count);
        for (unsigned k = 0; k < s->param_count; k++) {
            s->params[k] = (enum type)below(g, TYPES);
            byte(g, type_bytes[s->params[k]]);
        }
        u32(g, s->result_count);
        for (unsigned k = 0; k < s->result_count; k++) {
            s->results[k] = (enum type)below(g, TYPES);
            byte(g, type_bytes[s->results[k]]);
        }
    }
    static const uint8_t wrapper[] = {0x60, 0, 1, 0x7e};
    bytes(g, wrapper, sizeof wrapper);
    for (unsigned i = 0; i < TYPES; i++) {
        const uint8_t wide[] = {0x60, 2, type_bytes[i], 0x7e, 2, type_bytes[i], 0x7e};
        bytes(g, wide, sizeof wide);
    }
    byte(g, 0x60); /* state: nine i64 */
    u32(g, 0);
    u32(g, GLOBALS + 1);
    for (unsigned i = 0; i <= GLOBALS; i++) {
        byte(g, 0x7e);
    }
    close(g, section);
}

static void definitions_write(struct generator *g)
{
    byte(g, 3);
    size_t section = open(g);
    u32(g, 2 * FUNCS + 1);
    for (unsigned i = 0; i < FUNCS; i++) {
        g->func_signature[i] = (uint8_t)below(g, SIGNATURES);
        u32(g, g->func_signature[i]);
    }
    for (unsigned i = 0; i < FUNCS; i++) {
        u32(g, SIGNATURES);
    }
    u32(g, SIGNATURES + 1 + TYPES);
    close(g, section);

    static const uint8_t table_memory[] = {4, 5, 1, 0x70, 1, TABLE_SIZE, 16, 5, 4, 1, 1, 1, 3};
    bytes(g, table_memory, sizeof table_memory);

    byte(g, 6);
    section = open(g);
    u32(g, GLOBALS + 1);
    for (unsigned i = 0; i < GLOBALS; i++) {
        byte(g, type_bytes[i / 2]);
        byte(g, 1);
        constant(g, (enum type)(i / 2));
        byte(g, 0x0b);
    }
    static const uint8_t fuel[] = {0x7f, 1, 0x41, 0, 0x0b};
    bytes(g, fuel, sizeof fuel);
    close(g, section);
}

static void exports_write(struct generator *g)
{
    byte(g, 7);
    size_t section = open(g);
    u32(g, 2 * FUNCS + 1);
    /* Each function twice, in different order, so that state left by others matters; state last. */
    for (unsigned i = 0; i < 2 * FUNCS; i++) {
        uint8_t name = (uint8_t)('a' + i);
        u32(g, 1);
        byte(g, name);
        byte(g, 0);
        u32(g, FUNCS + (i < FUNCS ? i : 2 * FUNCS - 1 - i));
    }
    u32(g, 1);
    byte(g, 'z');
    byte(g, 0);
    u32(g, 2 * FUNCS);
    close(g, section);
}

static void segments_write(struct generator *g)
{
    byte(g, 9);
    size_t section = open(g);
    u32(g, 2);
    byte(g, 0); /* active: functions in order */
    byte(g, 0x41);
    s64(g, 0);
    byte(g, 0x0b);
    u32(g, FUNCS);
    for (unsigned i = 0; i < FUNCS; i++) {
        u32(g, i);
    }
    byte(g, 1); /* passive */
    byte(g, 0);
    u32(g, 4);
    for (unsigned i = 0; i < 4; i++) {
        u32(g, below(g, FUNCS));
    }
    close(g, section);
    static const uint8_t data_count[] = {12, 1, 2};
    bytes(g, data_count, sizeof data_count);
}

static void data_write(struct generator *g)
{
    byte(g, 11);
    size_t section = open(g);
    u32(g, 2);
    byte(g, 0);
    byte(g, 0x41);
    s64(g, below(g, 60000));
    byte(g, 0x0b);
    u32(g, 64);
    for (unsigned i = 0; i < 64; i++) {
        byte(g, (uint8_t)next(g));
    }
    byte(g, 1);
    u32(g, 24);
    for (unsigned i = 0; i < 24; i++) {
        byte(g, (uint8_t)next(g));
    }
    close(g, section);
}

size_t generate_module(uint64_t seed, uint8_t *buf)
{
    static const uint8_t magic[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    struct generator g = {.random = seed, .buf = buf};
    bytes(&g, magic, sizeof magic);
    types_write(&g);
    definitions_write(&g);
    exports_write(&g);
    segments_write(&g);
    byte(&g, 10);
    size_t section = open(&g);
    u32(&g, 2 * FUNCS + 1);
    for (unsigned i = 0; i < FUNCS; i++) {
        function_body(&g, i);
    }
    for (unsigned i = 0; i < FUNCS; i++) {
        wrapper_body(&g, i);
    }
    state_body(&g);
    close(&g, section);
    data_write(&g);
    return g.len;
}
