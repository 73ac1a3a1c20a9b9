/* SPDX-License-Identifier: AGPL-3.0-only */
/* The loop that executes slot code.
 *
 * Fuel costs nothing on straight code: limit is the address at which pc would be when the fuel is
 * used up. A taken branch moves limit by as much as pc, and looks whether pc has passed it; so each
 * word executed costs one unit. A call pushes a record of two words from the stack's end down:
 * where to return to (bytes from the image's start; 0: the call came from outside) and the caller's
 * frame. */
#include "access.h"
#include "run.h"

/* Byte offsets of a word's three slots. */
#define SLOT(shift)  (*(uint32_t *)((uint8_t *)fp + (w >> ((shift)-2) & 0x3fc)))
#define D            SLOT(8)
#define A            SLOT(16)
#define B            (*(uint32_t *)((uint8_t *)fp + (w >> 22 & 0x3fc)))
#define PAIR(shift)  ((uint32_t *)((uint8_t *)fp + (w >> ((shift)-2) & 0x3fc)))
#define A64          slots_get64(PAIR(16))
#define B64          slots_get64(PAIR(24))
#define PUT64(value) slots_put64(PAIR(8), (value))
#define IMM          ((int32_t)w >> 24)
#define U16          (w >> 16)
#define FP16         (*(uint32_t *)((uint8_t *)fp + (w >> 14 & 0x3fffc)))

#define OP(name) op_##name:
#ifndef NEXT /* step.c has its own: it stops before the second operation */
#define INTERPRET wb_wasm_interpret
#define LOCALS
#define NEXT                                                                                       \
    do {                                                                                           \
        w = *pc++;                                                                                 \
        goto *table[w & 0xff];                                                                     \
    } while (0)
#endif
#define TRAP(kind)                                                                                 \
    do {                                                                                           \
        inst->trap = WB_WASM_TRAP_##kind;                                                          \
        goto trapped;                                                                              \
    } while (0)

/* Takes the branch whose branch word is at place. */
#define JUMP(place)                                                                                \
    do {                                                                                           \
        const uint32_t *from_ = (place);                                                           \
        const uint32_t *to_ = from_ + ((int32_t)*from_ >> 16);                                     \
        limit += (uintptr_t)to_ - (uintptr_t)pc;                                                   \
        pc = to_;                                                                                  \
        if (limit < (uintptr_t)pc) {                                                               \
            goto out_of_fuel;                                                                      \
        }                                                                                          \
    } while (0)

#define BINARY(name, expression)                                                                   \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = A;                                                                            \
        uint32_t b = B;                                                                            \
        D = (expression);                                                                          \
        NEXT;                                                                                      \
    }
#define BINARY_IMM(name, expression)                                                               \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = A;                                                                            \
        uint32_t b = (uint32_t)IMM;                                                                \
        D = (expression);                                                                          \
        NEXT;                                                                                      \
    }
#define BINARY64(name, expression)                                                                 \
    OP(name)                                                                                       \
    {                                                                                              \
        uint64_t a = A64;                                                                          \
        uint64_t b = B64;                                                                          \
        PUT64(expression);                                                                         \
        NEXT;                                                                                      \
    }
#define COMPARE64(name, expression)                                                                \
    OP(name)                                                                                       \
    {                                                                                              \
        uint64_t a = A64;                                                                          \
        uint64_t b = B64;                                                                          \
        D = (expression);                                                                          \
        NEXT;                                                                                      \
    }
#define BRANCH(name, expression)                                                                   \
    OP(BR_##name)                                                                                  \
    {                                                                                              \
        uint32_t a = A;                                                                            \
        uint32_t b = B;                                                                            \
        pc++;                                                                                      \
        if (expression) {                                                                          \
            JUMP(pc - 1);                                                                          \
        }                                                                                          \
        NEXT;                                                                                      \
    }                                                                                              \
    OP(BR_##name##K)                                                                               \
    {                                                                                              \
        uint32_t a = A;                                                                            \
        uint32_t b = *pc;                                                                          \
        pc += 2;                                                                                   \
        if (expression) {                                                                          \
            JUMP(pc - 1);                                                                          \
        }                                                                                          \
        NEXT;                                                                                      \
    }                                                                                              \
    OP(BR_##name##I)                                                                               \
    {                                                                                              \
        uint32_t a = A;                                                                            \
        uint32_t b = (uint32_t)IMM;                                                                \
        pc++;                                                                                      \
        if (expression) {                                                                          \
            JUMP(pc - 1);                                                                          \
        }                                                                                          \
        NEXT;                                                                                      \
    }
#define BINARY_CONST(name, expression)                                                             \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = A;                                                                            \
        uint32_t b = *pc++;                                                                        \
        D = (expression);                                                                          \
        NEXT;                                                                                      \
    }
#define COMPARE(name, expression)                                                                  \
    BINARY(I32_##name, expression)                                                                 \
    BINARY_IMM(I32_##name##I, expression)                                                          \
    BRANCH(name, expression)

/* Checks size bytes at an address plus an offset; ea is the sum then. */
#define ADDRESS(address, offset, size)                                                             \
    uint32_t start = (address);                                                                    \
    uint32_t off = (offset);                                                                       \
    uint32_t ea = start + off;                                                                     \
    if ((ea < off || ea >= safe) && !wb_wasm_memory_edge(inst, start, off, (size))) {              \
        goto trapped;                                                                              \
    }                                                                                              \
    uint8_t *p = memory + ea;
#define FUSED(name, size, statement)                                                               \
    OP(name##A)                                                                                    \
    {                                                                                              \
        ADDRESS(A + B, 0, size)                                                                    \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }                                                                                              \
    OP(name##K)                                                                                    \
    {                                                                                              \
        ADDRESS((A << (w >> 24 & 3)) + *pc, w >> 26, size)                                         \
        pc++;                                                                                      \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }
#define ACCESS(name, size, statement)                                                              \
    OP(name)                                                                                       \
    {                                                                                              \
        ADDRESS(A, w >> 24, size)                                                                  \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }                                                                                              \
    OP(name##X)                                                                                    \
    {                                                                                              \
        ADDRESS(A, *pc, size)                                                                      \
        pc++;                                                                                      \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }

static enum wb_wasm_host host_call(struct wb_wasm_instance *inst, uint32_t *slots, uint32_t func,
                                   uint32_t type);

enum wb_wasm_status INTERPRET(struct wb_wasm_instance *inst, uint32_t fuel)
{
    static const void *const labels[] = {
#define OP_LABEL(name) &&op_##name,
        WB_WASM_OPS(OP_LABEL)
#undef OP_LABEL
    };
    const void *const *table = labels;
    __asm__(""
            : "+r"(table)); /* keeps its address in a register: compilers would make it anew for
                               each jump */
    const uint32_t *pc = inst->pc;
    uint32_t *fp = inst->fp;
    uint32_t *csp = inst->csp;
    uint8_t *memory = inst->memory;
    uint32_t safe = memory_safe(inst);
    uintptr_t limit = (uintptr_t)pc + (uintptr_t)fuel * 4;
    uint32_t w;
    uint32_t base;
    const uint32_t *code;
    enum wb_wasm_status status;
    LOCALS

    NEXT;

    OP(UNREACHABLE)
    TRAP(UNREACHABLE);
    OP(MOV)
    D = A;
    NEXT;
    OP(MOV64)
    {
        PUT64(A64);
        NEXT;
    }
    OP(MOVI)
    D = (uint32_t)((int32_t)w >> 16);
    NEXT;
    OP(MOVI64)
    PUT64((uint64_t)(int64_t)((int32_t)w >> 16));
    NEXT;
    OP(MOVW)
    D = *pc++;
    NEXT;
    OP(MOVW64)
    PUT64(slots_get64(pc));
    pc += 2;
    NEXT;

    BINARY(I32_ADD, a + b)
    BINARY(I32_SUB, a - b)
    BINARY(I32_MUL, a * b)
    OP(I32_DIV_S)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        if (b == UINT32_MAX) {
            if (A == 0x80000000u) {
                TRAP(INTEGER_OVERFLOW);
            }
            D = 0u - A;
            NEXT;
        }
        D = (uint32_t)((int32_t)A / (int32_t)b);
        NEXT;
    }
    OP(I32_DIV_U)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        D = A / b;
        NEXT;
    }
    OP(I32_REM_S)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        D = b == UINT32_MAX ? 0 : (uint32_t)((int32_t)A % (int32_t)b);
        NEXT;
    }
    OP(I32_REM_U)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        D = A % b;
        NEXT;
    }
    BINARY(I32_AND, a & b)
    BINARY(I32_OR, a | b)
    BINARY(I32_XOR, a ^ b)
    BINARY(I32_SHL, a << (b & 31))
    BINARY(I32_SHR_S, (uint32_t)((int32_t)a >> (b & 31)))
    BINARY(I32_SHR_U, a >> (b & 31))
    BINARY(I32_ROTL, a << (b & 31) | a >> (-b & 31))
    BINARY(I32_ROTR, a >> (b & 31) | a << (-b & 31))
    BINARY_CONST(I32_ADDK, a + b)
    BINARY_CONST(I32_MULK, a * b)
    BINARY_CONST(I32_ANDK, a & b)
    BINARY_CONST(I32_ORK, a | b)
    BINARY_CONST(I32_XORK, a ^ b)
    OP(I32_SHL_ADDK)
    {
        uint32_t a = A;
        D = (a << (w >> 24 & 31)) + *pc++;
        NEXT;
    }
    BINARY_IMM(I32_ADDI, a + b)
    BINARY_IMM(I32_MULI, a * b)
    BINARY_IMM(I32_ANDI, a & b)
    BINARY_IMM(I32_ORI, a | b)
    BINARY_IMM(I32_XORI, a ^ b)
    BINARY_IMM(I32_SHLI, a << (b & 31))
    BINARY_IMM(I32_SHR_SI, (uint32_t)((int32_t)a >> (b & 31)))
    BINARY_IMM(I32_SHR_UI, a >> (b & 31))
    BINARY_IMM(I32_ROTLI, a << (b & 31) | a >> (-b & 31))

    COMPARE(EQ, a == b)
    COMPARE(NE, a != b)
    COMPARE(LT_S, (int32_t)a < (int32_t)b)
    COMPARE(GE_S, (int32_t)a >= (int32_t)b)
    COMPARE(LT_U, a < b)
    COMPARE(GE_U, a >= b)

    OP(BR)
    pc++;
    JUMP(pc - 1);
    NEXT;
    OP(BRZ)
    pc++;
    if (FP16 == 0) {
        JUMP(pc - 1);
    }
    NEXT;
    OP(BRNZ)
    pc++;
    if (FP16 != 0) {
        JUMP(pc - 1);
    }
    NEXT;
    OP(BR_TABLE)
    {
        uint32_t index = FP16;
        uint32_t count = *pc++;
        const uint32_t *place = pc + (index < count ? index : count);
        JUMP(place);
        NEXT;
    }

    OP(RET32)
    fp[0] = FP16;
    goto op_RET;
    OP(RET64)
    {
        uint64_t value = slots_get64(&FP16);
        slots_put64(fp, value);
    }
    OP(RET)
    {
        uint32_t to = csp[0];
        fp = (uint32_t *)((uint8_t *)inst->stack + csp[1]);
        csp += 2;
        if (to == 0) {
            status = WB_WASM_DONE;
            goto stop;
        }
        code = (const uint32_t *)((const uint8_t *)inst->image.base + to);
        limit += (uintptr_t)code - (uintptr_t)pc;
        pc = code;
        NEXT;
    }

    OP(CALL)
    base = U16;
    code = image_at(&inst->image, *image_at(&inst->image, *pc++));
    goto call;
    OP(CALLB)
    base = U16;
    code = image_at(&inst->image, *pc++);
call : {
    uint32_t frame = code[0];
    uint32_t *callee = fp + base;
    if ((size_t)(csp - callee) < (frame & 0xffff) + 4u) {
        TRAP(STACK);
    }
    csp -= 2;
    csp[0] = (uint32_t)((const uint8_t *)pc - (const uint8_t *)inst->image.base);
    csp[1] = (uint32_t)((uint8_t *)fp - (uint8_t *)inst->stack);
    fp = callee;
    goto enter;
}
    OP(RCALL)
    code = image_at(&inst->image, *image_at(&inst->image, *pc++));
    goto tail;
    OP(RCALLB)
    code = image_at(&inst->image, *pc++);
tail:
    if ((size_t)(csp - fp) < (code[0] & 0xffff) + 4u) {
        TRAP(STACK);
    }
enter : {
    uint32_t frame = code[0];
    uint32_t *zero = fp + (code[1] & 0xffff);
    for (frame >>= 16; frame > 0; frame--) {
        *zero++ = 0;
    }
    code += FUNC_HEADER_WORDS;
    limit += (uintptr_t)code - (uintptr_t)pc;
    pc = code;
    if (limit < (uintptr_t)pc) {
        goto out_of_fuel;
    }
    NEXT;
}
    OP(RCALL_INDIRECT)
    OP(CALL_INDIRECT)
    {
        const struct wb_wasm_table *t = &inst->tables[pc[0] >> 16];
        uint32_t index = fp[pc[0] & 0xffff];
        if (index >= t->len) {
            TRAP(UNDEFINED_ELEMENT);
        }
        uint32_t ref = t->elems[index];
        if (ref == 0) {
            TRAP(UNINITIALIZED_ELEMENT);
        }
        ref--;
        const uint32_t *entry = func_entry(&inst->image, ref);
        if ((entry[0] & 0xffff) != pc[1]) {
            TRAP(SIGNATURE);
        }
        base = U16;
        if (ref < (header(&inst->image, H_ELEM_COUNT) >> 16)) {
            w = ref;
            goto host;
        }
        pc += 2;
        code = image_at(&inst->image, entry[1]);
        if ((w & 0xff) == OP_RCALL_INDIRECT) {
            goto tail;
        }
        goto call;
    }
    OP(CALL_HOST)
    base = U16;
    w = pc[0];
host:
    inst->pc = pc - 1;
    inst->fp = fp;
    inst->csp = csp;
    switch (host_call(inst, fp + base, w, pc[1])) {
    case WB_WASM_HOST_DONE: break;
    case WB_WASM_HOST_SUSPEND:
        pc += 2;
        status = WB_WASM_SUSPENDED;
        goto stop;
    case WB_WASM_HOST_EXIT: TRAP(EXIT);
    case WB_WASM_HOST_TRAP:
    default: TRAP(HOST);
    }
    pc += 2;
    NEXT;

    OP(SELECT)
    {
        uint32_t value = fp[*pc++] != 0 ? A : B;
        D = value;
        NEXT;
    }
    OP(SELECT64)
    {
        uint64_t value = fp[*pc++] != 0 ? A64 : B64;
        PUT64(value);
        NEXT;
    }

    ACCESS(L32, 4, D = load32(p))
    ACCESS(L8U, 1, D = *p)
    ACCESS(L8S, 1, D = (uint32_t)(int32_t)(int8_t)*p)
    ACCESS(L16U, 2, D = load16(p))
    ACCESS(L16S, 2, D = (uint32_t)(int32_t)(int16_t)load16(p))
    ACCESS(L64, 8, PUT64(load32(p) | (uint64_t)load32(p + 4) << 32))
    ACCESS(S8, 1, *p = (uint8_t)D)
    ACCESS(S16, 2, store16(p, D))
    ACCESS(S32, 4, store32(p, D))
    ACCESS(S64, 8, {
        store32(p, PAIR(8)[0]);
        store32(p + 4, PAIR(8)[1]);
    })

    FUSED(L32, 4, D = load32(p))
    FUSED(L8U, 1, D = *p)
    FUSED(L16U, 2, D = load16(p))
    FUSED(S8, 1, *p = (uint8_t)D)
    FUSED(S32, 4, store32(p, D))

    BINARY64(I64_ADD, a + b)
    BINARY64(I64_SUB, a - b)
    BINARY64(I64_MUL, a * b)
    BINARY64(I64_AND, a & b)
    BINARY64(I64_OR, a | b)
    BINARY64(I64_XOR, a ^ b)
    BINARY64(I64_SHL, a << (b & 63))
    BINARY64(I64_SHR_S, (uint64_t)((int64_t)a >> (b & 63)))
    BINARY64(I64_SHR_U, a >> (b & 63))
    COMPARE64(I64_EQ, a == b)
    COMPARE64(I64_NE, a != b)
    COMPARE64(I64_LT_S, (int64_t)a < (int64_t)b)
    COMPARE64(I64_GE_S, (int64_t)a >= (int64_t)b)
    COMPARE64(I64_LT_U, a < b)
    COMPARE64(I64_GE_U, a >= b)
    OP(I64_EQZ)
    D = (PAIR(16)[0] | PAIR(16)[1]) == 0;
    NEXT;
    OP(EXT_S)
    {
        uint32_t a = A;
        PAIR(8)[0] = a;
        PAIR(8)[1] = (uint32_t)((int32_t)a >> 31);
        NEXT;
    }
    OP(EXT_U)
    {
        uint32_t a = A;
        PAIR(8)[0] = a;
        PAIR(8)[1] = 0;
        NEXT;
    }
    OP(GGET)
    D = inst->globals[U16];
    NEXT;
    OP(GGET64)
    PUT64(slots_get64(inst->globals + U16));
    NEXT;
    OP(GSET)
    inst->globals[U16] = D;
    NEXT;
    OP(GSET64)
    slots_put64(inst->globals + U16, slots_get64(PAIR(8)));
    NEXT;

    OP(I64_DIV_S)
    OP(I64_DIV_U)
    OP(I64_REM_S)
    OP(I64_REM_U)
    OP(I64_ROTL) OP(I64_ROTR) OP(F32_ADD) OP(F32_SUB) OP(F32_MUL) OP(F32_DIV) OP(F32_MIN)
        OP(F32_MAX) OP(F32_COPYSIGN) OP(F64_ADD) OP(F64_SUB) OP(F64_MUL) OP(F64_DIV) OP(F64_MIN)
            OP(F64_MAX) OP(F64_COPYSIGN) OP(F32_EQ) OP(F32_NE) OP(F32_LT) OP(F32_GT) OP(F32_LE)
                OP(F32_GE) OP(F64_EQ) OP(F64_NE) OP(F64_LT) OP(F64_GT) OP(F64_LE) OP(F64_GE)
                    OP(UNARY)
    {
        enum wb_wasm_trap_kind trap = wb_wasm_op_slow(fp, w);
        if (trap != WB_WASM_TRAP_NONE) {
            inst->trap = (uint8_t)trap;
            goto trapped;
        }
        NEXT;
    }

    OP(MEM_SIZE)
    OP(MEM_GROW)
    OP(MEM_COPY)
    OP(MEM_FILL)
    OP(MEM_INIT) OP(DATA_DROP) OP(TABLE_GET) OP(TABLE_SET) OP(TABLE_SIZE) OP(TABLE_GROW)
        OP(TABLE_FILL) OP(TABLE_COPY) OP(TABLE_INIT) OP(ELEM_DROP)
    {
        uint32_t cost = 0;
        enum wb_wasm_trap_kind trap = wb_wasm_op_bulk(inst, fp, w, *pc, &cost);
        if (trap != WB_WASM_TRAP_NONE) {
            inst->trap = (uint8_t)trap;
            goto trapped;
        }
        pc++;
        safe = memory_safe(inst);
        /* The next branch notices when that was too much. */
        limit =
            limit > (uintptr_t)pc && cost < limit - (uintptr_t)pc ? limit - cost : (uintptr_t)pc;
        NEXT;
    }

    OP(FAR)
    {
        uint32_t *slots = inst->far_slots;
        const uint32_t *d = fp + pc[1];
        const uint32_t *a = fp + (pc[0] & 0xffff);
        const uint32_t *b = fp + (pc[0] >> 16);
        slots_put64(slots, slots_get64(d));
        slots_put64(slots + 2, slots_get64(a));
        slots_put64(slots + 4, slots_get64(b));
        inst->far_fp = fp;
        fp = slots;
        pc += 2;
        NEXT;
    }
    OP(FAR_OUT)
    {
        fp = inst->far_fp;
        inst->far_fp = NULL;
        for (uint32_t i = 0; i < (w >> 8 & 0xff); i++) {
            fp[U16 + i] = inst->far_slots[i];
        }
        NEXT;
    }

out_of_fuel:
    status = WB_WASM_OUT_OF_FUEL;
    goto stop;
trapped:
    status = WB_WASM_TRAP;
    pc--;
    if (inst->far_fp != NULL) {
        fp = inst->far_fp;
        inst->far_fp = NULL;
    }
stop:
    inst->pc = pc;
    inst->fp = fp;
    inst->csp = csp;
    inst->fuel_used += fuel - (uint32_t)((intptr_t)(limit - (uintptr_t)pc) / 4);
    return status;
}

static enum wb_wasm_host host_call(struct wb_wasm_instance *inst, uint32_t *slots, uint32_t func,
                                   uint32_t type)
{
    uint64_t values[WB_WASM_HOST_SLOTS];
    struct func_type t;
    wb_wasm_func_type_get(&inst->image, type, &t);
    wb_wasm_values_unpack(t.items, t.params, slots, values);
    const struct wb_wasm_host_func *host = &inst->funcs[func_entry(&inst->image, func)[1]];
    enum wb_wasm_host result = host->fn(host->ctx, inst, values);
    if (result == WB_WASM_HOST_DONE) {
        wb_wasm_values_pack(t.items + t.params, t.results, values, slots);
    }
    return result;
}
