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

/* Slots of a word; see format.h. */
#define AT(bytes)    ((uint32_t *)((uint8_t *)fp + (bytes)))
#define D            (*AT(w >> 9 & 0x1fc))
#define A            (*AT(w >> 16 & 0x1fc))
#define B            (*AT(w >> 23 & 0x1fc))
#define T            (*AT(w >> 18))
#define A64          slots_get64(AT(w >> 16 & 0x1fc))
#define B64          slots_get64(AT(w >> 23 & 0x1fc))
#define PUT64(value) slots_put64(AT(w >> 9 & 0x1fc), (value))
#define IMM          ((uint32_t)((int32_t)w >> 25))
#define TIMM         ((uint32_t)((int32_t)w >> 18))
#define U16          (w >> 16)
#define FP16         (fp[w >> 16])

#define UNLIKELY(x) __builtin_expect((x), 0)
#define OP(name)    op_##name:
#ifndef NEXT /* step.c has its own: it stops before the second operation */
#define INTERPRET wb_wasm_interpret
#define LOCALS
#define NEXT                                                                                       \
    do {                                                                                           \
        w = *pc++;                                                                                 \
        goto *HANDLER(w);                                                                          \
    } while (0)
#endif
#define HANDLER(w)                                                                                 \
    (*(const void *const *)(const void *)((const char *)table + ((w)&0x7fc) * (sizeof(void *) / 4)))
#define TRAP(kind)                                                                                 \
    do {                                                                                           \
        inst->trap = WB_WASM_TRAP_##kind;                                                          \
        goto trapped;                                                                              \
    } while (0)

/* Takes a branch; pc is behind its branch word. */
#define JUMP(word)                                                                                 \
    do {                                                                                           \
        intptr_t by_ = (int32_t)(word) >> 14;                                                      \
        pc = (const uint32_t *)(const void *)((const uint8_t *)pc + by_);                          \
        limit += (uintptr_t)by_;                                                                   \
        if (UNLIKELY(limit < (uintptr_t)pc)) {                                                     \
            goto out_of_fuel;                                                                      \
        }                                                                                          \
    } while (0)

/* One form of an op: its operands, what it computes, whether it is stored. */
#define FORM(name, a_is, b_is, expression, store)                                                  \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = (a_is);                                                                       \
        uint32_t b = (b_is);                                                                       \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        acc = (expression);                                                                        \
        store;                                                                                     \
        NEXT;                                                                                      \
    }
#define STORE D = acc
#define BINARY(name, expression)                                                                   \
    FORM(name, A, B, expression, STORE)                                                            \
    FORM(name##_D, D, T, expression, )                                                             \
    FORM(name##_A, acc, T, expression, STORE)                                                      \
    FORM(name##_DA, acc, T, expression, )
#define BINARY_IMM(name, expression)                                                               \
    FORM(name, A, IMM, expression, STORE)                                                          \
    FORM(name##_D, D, TIMM, expression, )                                                          \
    FORM(name##_A, acc, TIMM, expression, STORE)                                                   \
    FORM(name##_DA, acc, TIMM, expression, )
#define BINARY_CONST(name, expression)                                                             \
    FORM(name, T, *pc++, expression, STORE)                                                        \
    FORM(name##_D, T, *pc++, expression, )                                                         \
    FORM(name##_A, acc, *pc++, expression, STORE)                                                  \
    FORM(name##_DA, acc, *pc++, expression, )
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
        acc = (expression);                                                                        \
        D = acc;                                                                                   \
        NEXT;                                                                                      \
    }
#define BRANCH_FORM(name, a_is, b_is, expression)                                                  \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = (a_is);                                                                       \
        uint32_t b = (b_is);                                                                       \
        pc++;                                                                                      \
        if (expression) {                                                                          \
            JUMP(pc[-1]);                                                                          \
        }                                                                                          \
        NEXT;                                                                                      \
    }
#define COMPARE(name, expression)                                                                  \
    FORM(I32_##name, A, B, expression, STORE)                                                      \
    FORM(I32_##name##I, A, IMM, expression, STORE)                                                 \
    BRANCH_FORM(BR_##name, D, T, expression)                                                       \
    BRANCH_FORM(BR_##name##_A, acc, T, expression)                                                 \
    BRANCH_FORM(BR_##name##I, D, TIMM, expression)                                                 \
    BRANCH_FORM(BR_##name##I_A, acc, TIMM, expression)                                             \
    BRANCH_FORM(BR_##name##K, D, *pc++, expression)                                                \
    BRANCH_FORM(BR_##name##K_A, acc, *pc++, expression)

/* Checks size bytes at an address plus an offset up to OFFSET_MAX; p points there then. What is
 * near the memory's end, or misaligned for this processor, is done out of line. */
#define ADDRESS(address, offset, size)                                                             \
    start = (address);                                                                             \
    off = (offset);                                                                                \
    uint8_t *p = memory + (start + off);                                                           \
    if (UNLIKELY(start >= safe) || UNLIKELY(MISALIGNED(p, (size)-1))) {                            \
        goto edge;                                                                                 \
    }
/* The same for any offset. */
#define ADDRESS_WIDE(address, offset, size)                                                        \
    start = (address);                                                                             \
    off = (offset);                                                                                \
    uint8_t *p = memory + (start + off);                                                           \
    if (UNLIKELY(start + off < off) || UNLIKELY(start + off >= safe) ||                            \
        UNLIKELY(MISALIGNED(p, (size)-1))) {                                                       \
        goto edge;                                                                                 \
    }
#define ACCESS(name, address, offset, size, statement)                                             \
    OP(name)                                                                                       \
    {                                                                                              \
        ADDRESS(address, offset, size)                                                             \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }
#define ACCESS_K(name, address, offset, size, statement)                                           \
    OP(name)                                                                                       \
    {                                                                                              \
        ADDRESS((address) + *pc, offset, size)                                                     \
        pc++;                                                                                      \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }
#define ACCESS_X(name, size, statement)                                                            \
    OP(name)                                                                                       \
    {                                                                                              \
        ADDRESS_WIDE(A, *pc, size)                                                                 \
        pc++;                                                                                      \
        statement;                                                                                 \
        NEXT;                                                                                      \
    }
#define SHIFT (w >> 25 & 3)
#define LOAD(name, size, value)                                                                    \
    ACCESS(name, A, w >> 25, size, acc = (value); STORE)                                           \
    ACCESS(name##_D, D, w >> 18, size, acc = (value))                                              \
    ACCESS(name##_A, acc, w >> 18, size, acc = (value); STORE)                                     \
    ACCESS(name##_DA, acc, w >> 18, size, acc = (value))                                           \
    ACCESS_X(name##X, size, acc = (value); STORE)
#define LOAD_FUSED(name, size, value)                                                              \
    LOAD(name, size, value)                                                                        \
    ACCESS(name##A, A + B, 0, size, acc = (value); STORE)                                          \
    ACCESS(name##A_D, D + T, 0, size, acc = (value))                                               \
    ACCESS(name##A_A, acc + T, 0, size, acc = (value); STORE)                                      \
    ACCESS(name##A_DA, acc + T, 0, size, acc = (value))                                            \
    ACCESS_K(name##K, T, 0, size, acc = (value); STORE)                                            \
    ACCESS_K(name##K_D, T, 0, size, acc = (value))                                                 \
    ACCESS_K(name##K_A, acc, 0, size, acc = (value); STORE)                                        \
    ACCESS_K(name##K_DA, acc, 0, size, acc = (value))                                              \
    ACCESS_K(name##SK, A << SHIFT, w >> 27, size, acc = (value); STORE)                            \
    ACCESS_K(name##SK_D, A << SHIFT, w >> 27, size, acc = (value))                                 \
    ACCESS_K(name##SK_A, acc << SHIFT, w >> 27, size, acc = (value); STORE)                        \
    ACCESS_K(name##SK_DA, acc << SHIFT, w >> 27, size, acc = (value))
#define VALUE_IMM (w >> 11 & 0x7f)
#define STORES(name, size, put)                                                                    \
    ACCESS(name, A, w >> 25, size, put(p, D))                                                      \
    ACCESS(name##_D, D, w >> 18, size, put(p, acc))                                                \
    ACCESS(name##_A, acc, w >> 18, size, put(p, D))                                                \
    ACCESS(name##_DA, A, w >> 25, size, put(p, VALUE_IMM))                                         \
    ACCESS_X(name##X, size, put(p, D))                                                             \
    ACCESS_K(name##K, T, 0, size, put(p, D))                                                       \
    ACCESS_K(name##K_D, T, 0, size, put(p, acc))                                                   \
    ACCESS_K(name##K_A, acc, 0, size, put(p, D))                                                   \
    ACCESS_K(name##K_DA, T, 0, size, put(p, VALUE_IMM))                                            \
    ACCESS_K(name##SK, A << SHIFT, w >> 27, size, put(p, D))                                       \
    ACCESS_K(name##SK_D, A << SHIFT, w >> 27, size, put(p, acc))                                   \
    ACCESS_K(name##SK_A, acc << SHIFT, w >> 27, size, put(p, D))                                   \
    ACCESS_K(name##SK_DA, A << SHIFT, w >> 27, size, put(p, VALUE_IMM))
#define STORES_SUM(name, size, put)                                                                \
    ACCESS(name##A, A + B, 0, size, put(p, D))                                                     \
    ACCESS(name##A_D, D + T, 0, size, put(p, acc))                                                 \
    ACCESS(name##A_A, acc + T, 0, size, put(p, D))                                                 \
    ACCESS(name##A_DA, A + B, 0, size, put(p, VALUE_IMM))

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
    uint32_t safe = wb_wasm_memory_safe(inst);
    uintptr_t limit = (uintptr_t)pc + (uintptr_t)fuel * 4;
    const uint8_t *const image = (const uint8_t *)inst->image.base;
    uint32_t acc = inst->acc;
    uint32_t w;
    uint32_t start; /* of an access: address and offset */
    uint32_t off;
    uint32_t base;
    const uint32_t *code;
    enum wb_wasm_status status;
    LOCALS

    NEXT;

    OP(UNREACHABLE)
    TRAP(UNREACHABLE);
    OP(MOV)
    acc = T;
    STORE;
    NEXT;
    OP(MOV2)
    D = T;
    w = *pc++;
    acc = T;
    STORE;
    NEXT;
    OP(ADD_TO)
    acc = D + T;
    STORE;
    NEXT;
    OP(INC)
    acc = D + TIMM;
    STORE;
    NEXT;
    OP(LOOP_NE)
    {
        uint32_t *d = &D;
        acc = *d + TIMM;
        *d = acc;
        pc += 2;
        if (acc != pc[-2]) {
            JUMP(pc[-1]);
        }
        NEXT;
    }
    OP(MOV_D)
    acc = T;
    NEXT;
    OP(MOV_A)
    STORE;
    NEXT;
    OP(MOV_DA)
    NEXT;
    OP(MOV64)
    {
        PUT64(A64);
        NEXT;
    }
    OP(MOVI)
    acc = TIMM;
    STORE;
    NEXT;
    OP(MOVI_D)
    acc = TIMM;
    NEXT;
    OP(MOVI64)
    PUT64((uint64_t)(int64_t)((int32_t)w >> 18));
    NEXT;
    OP(MOVW)
    acc = *pc++;
    STORE;
    NEXT;
    OP(MOVW_D)
    acc = *pc++;
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
            acc = 0u - A;
            STORE;
            NEXT;
        }
        acc = (uint32_t)((int32_t)A / (int32_t)b);
        STORE;
        NEXT;
    }
    OP(I32_DIV_U)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        acc = A / b;
        STORE;
        NEXT;
    }
    OP(I32_REM_S)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        acc = b == UINT32_MAX ? 0 : (uint32_t)((int32_t)A % (int32_t)b);
        STORE;
        NEXT;
    }
    OP(I32_REM_U)
    {
        uint32_t b = B;
        if (b == 0) {
            TRAP(DIVIDE_BY_ZERO);
        }
        acc = A % b;
        STORE;
        NEXT;
    }
    BINARY(I32_AND, a & b)
    BINARY(I32_OR, a | b)
    BINARY(I32_XOR, a ^ b)
    BINARY(I32_SHL, a << (b & 31))
    BINARY(I32_SHR_S, (uint32_t)((int32_t)a >> (b & 31)))
    BINARY(I32_SHR_U, a >> (b & 31))
    FORM(I32_ROTL, A, B, a << (b & 31) | a >> (-b & 31), STORE)
    FORM(I32_ROTR, A, B, a >> (b & 31) | a << (-b & 31), STORE)
    BINARY_CONST(I32_ADDK, a + b)
    BINARY_CONST(I32_MULK, a * b)
    BINARY_CONST(I32_ANDK, a & b)
    BINARY_CONST(I32_ORK, a | b)
    BINARY_CONST(I32_XORK, a ^ b)
#define SHIFTED(name, expression)                                                                  \
    FORM(name, A, w >> 25, expression, STORE)                                                      \
    FORM(name##_D, A, w >> 25, expression, )                                                       \
    OP(name##_A)                                                                                   \
    OP(name##_DA)
    SHIFTED(XOR_ROTLI, acc ^ (a << (b & 31) | a >> (-b & 31)))
    SHIFTED(XOR_SHR_UI, acc ^ a >> (b & 31))
    FORM(I32_SHL_ADDK, A, *pc++, (a << (w >> 25 & 31)) + b, STORE)
    FORM(I32_SHL_ADDK_D, A, *pc++, (a << (w >> 25 & 31)) + b, )
    FORM(I32_SHL_ADDK_A, acc, *pc++, (a << (w >> 25 & 31)) + b, STORE)
    FORM(I32_SHL_ADDK_DA, acc, *pc++, (a << (w >> 25 & 31)) + b, )
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
    JUMP(pc[-1]);
    NEXT;
    BRANCH_FORM(BRZ, FP16, 0, a == b)
    BRANCH_FORM(BRNZ, FP16, 0, a != b)
    BRANCH_FORM(BRZ_A, acc, 0, a == b)
    BRANCH_FORM(BRNZ_A, acc, 0, a != b)
    OP(BR_TABLE)
    acc = FP16;
    OP(BR_TABLE_A)
    {
        uint32_t count = *pc++;
        const uint32_t *place = pc + (acc < count ? acc : count);
        limit += (uintptr_t)(place + 1) - (uintptr_t)pc;
        pc = place + 1;
        JUMP(pc[-1]);
        NEXT;
    }

    OP(RET32)
    acc = FP16;
    OP(RET32_A)
    fp[0] = acc;
    goto op_RET;
    OP(RET64)
    {
        uint64_t value = slots_get64(&FP16);
        slots_put64(fp, value);
    }
    OP(RET)
    {
        uint32_t to = csp[0];
        fp = (uint32_t *)((uint8_t *)fp - csp[1]);
        csp += 2;
        if (UNLIKELY(to == 0)) {
            status = WB_WASM_DONE;
            goto stop;
        }
        code = (const uint32_t *)(const void *)(image + to);
        limit += (uintptr_t)code - (uintptr_t)pc;
        pc = code;
        NEXT;
    }

    OP(CALL)
    base = w >> 14 & ~3u;
    code =
        (const uint32_t *)(const void *)(image + *(const uint32_t *)(const void *)(image + *pc++));
    goto call;
    OP(CALLB)
    base = w >> 14 & ~3u;
    code = (const uint32_t *)(const void *)(image + *pc++);
call : {
    uint32_t frame = code[0];
    uint32_t *callee = AT(base);
    if (UNLIKELY((uintptr_t)csp - (uintptr_t)callee < (frame & 0xffff) * 4u + 16u)) {
        TRAP(STACK);
    }
    csp -= 2;
    csp[0] = (uint32_t)((const uint8_t *)pc - image);
    csp[1] = base;
    fp = callee;
    goto enter;
}
    OP(RCALL)
    code =
        (const uint32_t *)(const void *)(image + *(const uint32_t *)(const void *)(image + *pc++));
    goto tail;
    OP(RCALLB)
    code = (const uint32_t *)(const void *)(image + *pc++);
tail:
    if (UNLIKELY((uintptr_t)csp - (uintptr_t)fp < (code[0] & 0xffff) * 4u + 16u)) {
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
        base = w >> 14 & ~3u;
        if (ref < (header(&inst->image, H_ELEM_COUNT) >> 16)) {
            w = ref;
            goto host;
        }
        pc += 2;
        code = image_at(&inst->image, entry[1]);
        if (word_op(w) == OP_RCALL_INDIRECT) {
            goto tail;
        }
        goto call;
    }
    OP(CALL_HOST)
    base = w >> 14 & ~3u;
    w = pc[0];
host:
    inst->pc = pc - 1;
    inst->fp = fp;
    inst->csp = csp;
    switch (host_call(inst, AT(base), w, pc[1])) {
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
        acc = fp[*pc++] != 0 ? A : B;
        STORE;
        NEXT;
    }
    OP(SELECT64)
    {
        uint64_t value = fp[*pc++] != 0 ? A64 : B64;
        PUT64(value);
        NEXT;
    }

    LOAD_FUSED(L32, 4, load32(p))
    LOAD_FUSED(L8U, 1, *p)
    LOAD(L8S, 1, (uint32_t)(int32_t)(int8_t)*p)
    LOAD_FUSED(L16U, 2, load16(p))
    LOAD(L16S, 2, (uint32_t)(int32_t)(int16_t)load16(p))
    ACCESS(L64, A, w >> 25, 4, PUT64(load32(p) | (uint64_t)load32(p + 4) << 32))
    ACCESS_X(L64X, 4, PUT64(load32(p) | (uint64_t)load32(p + 4) << 32))
    STORES(S32, 4, store32)
    STORES(S8, 1, store8)
    STORES(S16, 2, store16)
    STORES_SUM(S32, 4, store32)
    STORES_SUM(S8, 1, store8)
    ACCESS(S64, A, w >> 25, 4, {
        const uint32_t *d = &D;
        store32(p, d[0]);
        store32(p + 4, d[1]);
    })
    ACCESS_X(S64X, 4, {
        const uint32_t *d = &D;
        store32(p, d[0]);
        store32(p + 4, d[1]);
    })

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
    acc = A64 == 0;
    STORE;
    NEXT;
    OP(EXT_S)
    {
        uint32_t a = A;
        PUT64((uint64_t)(int64_t)(int32_t)a);
        NEXT;
    }
    OP(EXT_U)
    {
        uint32_t a = A;
        PUT64(a);
        NEXT;
    }
    OP(GGET)
    acc = inst->globals[w >> 18];
    STORE;
    NEXT;
    OP(GGET_D)
    acc = inst->globals[w >> 18];
    NEXT;
    OP(GGET64)
    PUT64(slots_get64(inst->globals + (w >> 18)));
    NEXT;
    OP(GSET)
    inst->globals[w >> 18] = D;
    NEXT;
    OP(GSET_A)
    inst->globals[w >> 18] = acc;
    NEXT;
    OP(GSET64)
    slots_put64(inst->globals + (w >> 18), slots_get64(&D));
    NEXT;

    OP(I64_DIV_S)
    OP(I64_DIV_U)
    OP(I64_REM_S)
    OP(I64_REM_U)
    OP(I64_ROTL)
    OP(I64_ROTR)
    OP(F32_ADD)
    OP(F32_SUB)
    OP(F32_MUL)
    OP(F32_DIV)
    OP(F32_MIN)
    /* clang-format off */
    OP(F32_MAX) OP(F32_COPYSIGN) OP(F64_ADD) OP(F64_SUB) OP(F64_MUL) OP(F64_DIV) OP(F64_MIN)
    OP(F64_MAX) OP(F64_COPYSIGN) OP(F32_EQ) OP(F32_NE) OP(F32_LT) OP(F32_GT) OP(F32_LE) OP(F32_GE)
    OP(F64_EQ) OP(F64_NE) OP(F64_LT) OP(F64_GT) OP(F64_LE) OP(F64_GE) OP(UNARY)
    /* clang-format on */
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
    OP(MEM_INIT)
    OP(DATA_DROP)
    OP(TABLE_GET)
    OP(TABLE_SET)
    OP(TABLE_SIZE) OP(TABLE_GROW) OP(TABLE_FILL) OP(TABLE_COPY) OP(TABLE_INIT) OP(ELEM_DROP)
    {
        uint32_t cost = 0;
        enum wb_wasm_trap_kind trap = wb_wasm_op_bulk(inst, fp, w, *pc, &cost);
        if (trap != WB_WASM_TRAP_NONE) {
            inst->trap = (uint8_t)trap;
            goto trapped;
        }
        pc++;
        safe = wb_wasm_memory_safe(inst);
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
        for (uint32_t i = 0; i < (w >> 11 & 0x1f); i++) {
            fp[U16 + i] = inst->far_slots[i];
        }
        NEXT;
    }

edge : {
    uint32_t value = acc; /* acc has no address, or it would not have a register */
    uint32_t taken = wb_wasm_op_access(inst, fp, w, start, off, &value);
    acc = value;
    if (taken == 0) {
        goto trapped;
    }
    pc += taken - 1;
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
    inst->acc = acc;
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
