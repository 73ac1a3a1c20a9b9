/* SPDX-License-Identifier: AGPL-3.0-only */
/* The image: what the installer writes and the interpreter executes. All of it is 32-bit
 * little-endian words; offsets are bytes from the image's start. Order: header, types, imports,
 * functions, tables, globals, exports, elements, code, data.
 *
 * types      records [packed type bytes] [params | results << 16] [canonical index] [param slots |
 * result slots << 16], found through an index of offsets of their second part imports    [kind |
 * host index << 16] [type] [min] [max] [module len | name len << 16] module, name functions
 * [canonical type | 0x7fff0000 | undeclared << 31] [code offset, or host index of an import] tables
 * [type | imported << 8] [min] [max] globals    [type | mutable << 8 | imported << 9 | slot << 16];
 * imports are followed by the host's index instead of an initialiser exports    [name len] name
 * [kind | index << 8] [name's hash] elements   [mode | table << 16] offset expression if active
 * [type] [count] entries: 0 null, function index + 1, or global index | 1 << 31 code       of each
 * function: [frame slots | slots to zero << 16] [param slots | word of its last map << 16] [module
 * offset of the body] instructions, and between them where they are not reached (or are jumped
 * over) maps: which code came from which bytes of the module map        [bytes | words back to the
 * map before, or 0, << 16] [code word of its first entry] [module offset of it, from the body] then
 * for each next entry a byte words | bytes << 4 of progress, or MAP_LONG and two LEB128 data [mode]
 * offset expression if active [len] bytes
 */
#ifndef WB_WASM_FORMAT_H
#define WB_WASM_FORMAT_H

#include <string.h>

#include "wb_wasm.h"

#define IMAGE_MAGIC 0x31574257u /* "WBW1" */

enum image_header {
    H_MAGIC,
    H_VERSION, /* version | page_log2 << 16 | memory count << 24 */
    H_LEN,
    H_TYPES,
    H_FUNCS,
    H_TABLES,
    H_GLOBALS,
    H_GLOBAL_EXPRS,
    H_IMPORTS,
    H_EXPORTS,
    H_ELEMS,
    H_DATAS,
    H_EXPORTS_END,
    H_TYPES_FUNCS,     /* type count | function count << 16 */
    H_IMPORTS_EXPORTS, /* import count | export count << 16 */
    H_TABLES_GLOBALS,  /* table count | global count << 16 */
    H_ELEM_COUNT,      /* | imported function count << 16 */
    H_DATA_COUNT,
    H_MEMORY_MIN, /* pages */
    H_MEMORY_MAX,
    H_START,
    H_GLOBAL_SLOTS, /* | imported global count << 16 */
    H_CODE,
    H_WORDS = 24
};

#define FUNC_HEADER_WORDS 3u
#define MAP_LONG          0xffu

#define T_UNKNOWN 7u /* operand of unreachable code */

#define FUNC_UNDECLARED 0x80000000u

/* Whether a 0-terminated text equals len bytes. */
static inline bool text_is(const char *text, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || text[i] != bytes[i]) {
            return false;
        }
    }
    return text[len] == '\0';
}

/* 4-byte slots a value takes. */
static inline unsigned type_slots(unsigned type)
{
    return type == WB_WASM_I64 || type == WB_WASM_F64 ? 2u : 1u;
}

/* Words of code. An op is a multiple of 4 in bits 2 to 10 (bits 0 and 1 are 0), so that it is a
 * byte offset into the interpreter's table. Behind it three operands of 7 bits, d | a | b (slots of
 * the frame, or b as an immediate), or d and one of 14 bits (T: a slot times 4, or an immediate);
 * ops marked S hold a 16-bit number in the upper half instead. "+ ..." are further words.
 *
 * Most results of 32 bits also stay in the accumulator. Ops with four forms:
 *     0: slots only                  1 (_D): the result goes to the accumulator only
 *     2 (_A): a is the accumulator   3 (_DA): both
 * and for stores, where d is the value: 1: d is the accumulator; 2: a is; 3: d is an immediate.
 * Nothing is known of the accumulator where code is reached by a branch, or after a host call.
 *
 * A branch word holds the distance to its target, in words from the word behind it, in its upper
 * half, and 0 in the lower; until then the lower half is the installer's chain of branches that
 * wait for the same label. */
/* clang-format off */
#define OPS4(X, name) X(name) X(name##_D) X(name##_A) X(name##_DA)
#define OPS_BRANCH(X, name)                                                                        \
    X(name) X(name##_A) X(name##I) X(name##I_A) X(name##K) X(name##K_A) /* K: + constant */

/* Layouts of the forms 1 to 3; form 0 is d | a | b but for LAYOUT_K: d | T = a.
 *     BIN    _D: a | T = b       _A: d | T = b       _DA: T = b
 *     IMM    the same, T = immediate
 *     K      d | T = a, whichever are used; + constant
 *     FIX    d | a | b, whichever are used; + constant */
#define WB_WASM_OPS_BIN(X)                                                                         \
    OPS4(X, I32_ADD)                                                                               \
    OPS4(X, I32_SUB)                                                                               \
    OPS4(X, I32_MUL)                                                                               \
    OPS4(X, I32_AND)                                                                               \
    OPS4(X, I32_OR)                                                                                \
    OPS4(X, I32_XOR)                                                                               \
    OPS4(X, I32_SHL)                                                                               \
    OPS4(X, I32_SHR_S) OPS4(X, I32_SHR_U) OPS4(X, L32A) OPS4(X, L8UA) OPS4(X, L16UA) OPS4(X, S32A) \
        OPS4(X, S8A) /* address a + b */
#define WB_WASM_OPS_IMM(X)                                                                         \
    OPS4(X, I32_ADDI)                                                                              \
    OPS4(X, I32_MULI)                                                                              \
    OPS4(X, I32_ANDI)                                                                              \
    OPS4(X, I32_ORI)                                                                               \
    OPS4(X, I32_XORI)                                                                              \
    OPS4(X, I32_SHLI)                                                                              \
    OPS4(X, I32_SHR_SI)                                                                            \
    OPS4(X, I32_SHR_UI) OPS4(X, I32_ROTLI) OPS4(X, L32) OPS4(X, L8U) OPS4(X, L8S) OPS4(X, L16U)    \
        OPS4(X, L16S) OPS4(X, S32) OPS4(X, S8) OPS4(X, S16)
#define WB_WASM_OPS_K(X)                                                                           \
    OPS4(X, I32_ADDK)                                                                              \
    OPS4(X, I32_MULK)                                                                              \
    OPS4(X, I32_ANDK)                                                                              \
    OPS4(X, I32_ORK)                                                                               \
    OPS4(X, I32_XORK)                                                                              \
    OPS4(X, L32K) OPS4(X, L8UK) OPS4(X, L16UK) OPS4(X, S32K) OPS4(X, S8K) OPS4(X, S16K) OPS4(X, MOV)
#define WB_WASM_OPS_FIX(X)                                                                         \
    OPS4(X, I32_SHL_ADDK) /* d = (a << b) + constant */                                            \
    OPS4(X, XOR_ROTLI)                                                                             \
    OPS4(X, XOR_SHR_UI)                                                                            \
    /* d = accumulator ^ (a shifted by b); forms 0, 1 */ OPS4(X, L32SK) OPS4(X, L8USK)             \
        OPS4(X, L16USK) OPS4(X, S32SK) OPS4(X, S8SK)                                               \
            OPS4(X, S16SK) /* address (a << shift) + constant + offset; b: shift | offset << 2 */

#define WB_WASM_OPS(X)                                                                             \
    X(UNREACHABLE)                                                                                 \
    WB_WASM_OPS_BIN(X)                                                                             \
    WB_WASM_OPS_IMM(X)                                                                             \
    WB_WASM_OPS_K(X)                                                                               \
    WB_WASM_OPS_FIX(X)                                                                             \
    X(MOVI)                                                                                        \
    X(MOVI_D)                                                                                      \
    /* d | T */ X(MOVW) X(MOVW_D) /* + constant */                                                 \
        X(MOV64) X(MOVI64) /* d | T */ X(MOVW64) /* + 2 */ X(ADD_TO) /* d += slot T */ X(          \
            INC) /* d += T */ X(MOV2) /* d | T = a + the same */ X(LOOP_NE) /* d += T, branch if   \
                                                                               it is not: +        \
                                                                               constant            \
                                                                               + branch word */    \
        X(I32_DIV_S) X(I32_DIV_U) X(I32_REM_S) X(I32_REM_U) X(I32_ROTL) X(I32_ROTR) X(I32_EQ)      \
            X(I32_NE) X(I32_LT_S) X(I32_GE_S) X(I32_LT_U) X(I32_GE_U) X(I32_EQI) X(I32_NEI)        \
                X(I32_LT_SI) X(I32_GE_SI) X(I32_LT_UI) X(I32_GE_UI) OPS_BRANCH(X, BR_EQ)           \
                    OPS_BRANCH(X, BR_NE) OPS_BRANCH(X, BR_LT_S) OPS_BRANCH(X, BR_GE_S)             \
                        OPS_BRANCH(X, BR_LT_U)                                                     \
                            OPS_BRANCH(X, BR_GE_U) /* a | T: b; _A: T; + branch word */            \
        X(BR) X(BRZ) /* S */ X(BRNZ) /* S */ X(BRZ_A) X(BRNZ_A) /* + branch word */                \
        X(BR_TABLE) X(BR_TABLE_A)                               /* S + count, branch words */      \
        X(RET) X(RET32) /* S */ X(RET32_A) X(RET64)             /* S */                            \
        X(CALL)                             /* S base + offset of function entry */                \
        X(CALLB) /* S base + code offset */ /* tail calls, arguments in slots from 0: as CALL,     \
                                               CALLB, CALL_INDIRECT; RET follows the last */       \
        X(RCALL) X(RCALLB) X(RCALL_INDIRECT) X(CALL_HOST) /* S base + host index + type */         \
        X(CALL_INDIRECT)      /* S base + index slot | table << 16 + type */                       \
        X(SELECT) X(SELECT64) /* + condition slot */                                               \
        X(L64) X(S64)         /* d | a | offset */                                                 \
        X(L32X) X(L8UX) X(L8SX) X(L16UX) X(L16SX) X(L64X) X(S8X) X(S16X) X(S32X)                   \
            X(S64X) /* d | a + offset */                                                           \
        X(I64_ADD) X(I64_SUB) X(I64_MUL) X(I64_DIV_S) X(I64_DIV_U) X(I64_REM_S) X(I64_REM_U)       \
            X(I64_AND) X(I64_OR) X(I64_XOR) X(I64_SHL) X(I64_SHR_S) X(I64_SHR_U) X(I64_ROTL)       \
                X(I64_ROTR) X(I64_EQ) X(I64_NE) X(I64_LT_S) X(I64_GE_S) X(I64_LT_U) X(I64_GE_U)    \
                    X(I64_EQZ) X(EXT_S) X(EXT_U) X(GGET) X(GGET_D) X(GGET64) X(GSET) X(GSET_A)     \
                        X(GSET64) /* d | T: global slot, not times 4 */                            \
        X(F32_ADD) X(F32_SUB) X(F32_MUL) X(F32_DIV) X(F32_MIN) X(F32_MAX) X(F32_COPYSIGN)          \
            X(F64_ADD) X(F64_SUB) X(F64_MUL) X(F64_DIV) X(F64_MIN) X(F64_MAX) X(F64_COPYSIGN)      \
                X(F32_EQ) X(F32_NE) X(F32_LT) X(F32_GT) X(F32_LE) X(F32_GE) X(F64_EQ) X(F64_NE)    \
                    X(F64_LT) X(F64_GT) X(F64_LE) X(F64_GE)                                        \
                        X(UNARY) /* b: which */ /* MEM_SIZE to ELEM_DROP: + immediate */           \
        X(MEM_SIZE) X(MEM_GROW) X(MEM_COPY) X(MEM_FILL) X(MEM_INIT) X(DATA_DROP) X(TABLE_GET)      \
            X(TABLE_SET) X(TABLE_SIZE) X(TABLE_GROW) X(TABLE_FILL) X(TABLE_COPY) X(TABLE_INIT)     \
                X(ELEM_DROP) X(FAR) /* + a | b << 16 + d; one op follows */                        \
        X(FAR_OUT)                  /* S d; T's place below: d's width */
/* clang-format on */

enum op {
#define OP_ENUM(name) OP_##name,
    WB_WASM_OPS(OP_ENUM)
#undef OP_ENUM
        OP_COUNT
};
_Static_assert(OP_COUNT <= 512, "an op has 9 bits");

#define SLOT_MAX    127u   /* in an operand of 7 bits */
#define OFFSET_MAX  127u   /* of an access with an offset in its word */
#define T_MAX       8191   /* immediate in T */
#define GLOBALS_MAX 16383u /* slots of globals */

enum layout { LAYOUT_NONE, LAYOUT_BIN, LAYOUT_IMM, LAYOUT_K, LAYOUT_FIX, LAYOUT_T };

#define FORM_D  1u
#define FORM_A  2u
#define FORM_SI 3u /* store of an immediate */

/* Condition of a comparison, in the order of I32_EQ, ...; the lowest bit negates. */
enum cond { C_EQ, C_NE, C_LT_S, C_GE_S, C_LT_U, C_GE_U };
#define BRANCH_FORMS 6u

/* UNARY's b is the specification's opcode less UNARY_FIRST; the saturating conversions 0xfc 0 to 7
 * follow from UNARY_SAT on. */
#define UNARY_FIRST 0x67u
#define UNARY_SAT   0xc5u

static inline unsigned word_op(uint32_t word)
{
    return word >> 2 & 0x1ff;
}

static inline uint32_t op_word(unsigned op, unsigned d, unsigned a, unsigned b)
{
    return op << 2 | d << 11 | a << 18 | (uint32_t)(b & 0x7f) << 25;
}

/* d, and T's 14 bits */
static inline uint32_t op_word_t(unsigned op, unsigned d, uint32_t t)
{
    return op << 2 | d << 11 | t << 18;
}

/* number of 16 bits */
static inline uint32_t op_word_s(unsigned op, uint32_t number)
{
    return op << 2 | number << 16;
}

#endif
