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

/* Words of code: op | d << 8 | a << 16 | b << 24, with operands as slots of the frame or b as an
 * immediate. Ops marked S hold a 16-bit slot or immediate in the upper half instead. "+ …" are
 * further words. A branch word holds the distance to its target, in words from itself, in its upper
 * half; the lower half is the installer's chain of branches that wait for the same label. */
#define WB_WASM_OPS(X)                                                                             \
    X(UNREACHABLE)                                                                                 \
    X(MOV)                                                                                         \
    X(MOV64)                                                                                       \
    X(MOVI)                                                                                        \
    /* S */ X(MOVI64) /* S */ X(MOVW) X(MOVW64) X(I32_ADD) X(I32_SUB) X(I32_MUL) X(I32_DIV_S)      \
        X(I32_DIV_U) X(I32_REM_S) X(I32_REM_U) X(I32_AND) X(I32_OR) X(I32_XOR) X(I32_SHL)          \
            X(I32_SHR_S) X(I32_SHR_U) X(I32_ROTL) X(I32_ROTR) X(I32_ADDI) X(I32_MULI) X(I32_ANDI)  \
                X(I32_ORI) X(I32_XORI) X(I32_SHLI) X(I32_SHR_SI) X(I32_SHR_UI) X(I32_ROTLI)        \
                    X(I32_ADDK) X(I32_MULK) X(I32_ANDK) X(I32_ORK) X(I32_XORK) /* + constant */    \
        X(I32_SHL_ADDK) /* d = (a << b) + constant: + constant */                                  \
        X(I32_EQ) X(I32_NE) X(I32_LT_S) X(I32_GE_S) X(I32_LT_U) X(I32_GE_U) X(I32_EQI) X(I32_NEI)  \
            X(I32_LT_SI) X(I32_GE_SI) X(I32_LT_UI) X(I32_GE_UI) X(BR_EQ) X(BR_NE) X(BR_LT_S)       \
                X(BR_GE_S) X(BR_LT_U) X(BR_GE_U) X(BR_EQK) X(BR_NEK) X(BR_LT_SK) X(BR_GE_SK)       \
                    X(BR_LT_UK) X(BR_GE_UK) /* + constant */                                       \
        X(BR_EQI) X(BR_NEI) X(BR_LT_SI) X(BR_GE_SI) X(BR_LT_UI) X(BR_GE_UI) X(BR)                  \
            X(BRZ) /* S */ X(BRNZ) /* S */ X(BR_TABLE) /* S + count, branch words */               \
        X(RET) X(RET32) /* S */ X(RET64)               /* S */                                     \
        X(CALL) /* S base + offset of function entry */ X(                                         \
            CALLB) /* S base + code offset */ /* tail calls, arguments in slots from 0: as CALL,   \
                                                 CALLB, CALL_INDIRECT; RET follows the last */     \
        X(RCALL) X(RCALLB) X(RCALL_INDIRECT) X(CALL_HOST) /* S base + host index + type */         \
        X(CALL_INDIRECT)      /* S base + index slot | table << 16 + type */                       \
        X(SELECT) X(SELECT64) /* + condition slot */                                               \
        X(L32) X(L8U) X(L8S) X(L16U) X(L16S) X(L64) X(S8) X(S16) X(S32) X(S64) X(L32X) X(L8UX)     \
            X(L8SX) X(L16UX) X(L16SX) X(L64X) X(S8X) X(S16X) X(S32X) X(                            \
                S64X) /* address a + b; address (a << shift) + constant, b: shift | offset << 2 */ \
        X(L32A) X(L8UA) X(L16UA) X(S8A) X(S32A) X(L32K) X(L8UK) X(L16UK) X(S8K) X(S32K) X(I64_ADD) \
            X(I64_SUB) X(I64_MUL) X(I64_DIV_S) X(I64_DIV_U) X(I64_REM_S) X(I64_REM_U) X(I64_AND)   \
                X(I64_OR) X(I64_XOR) X(I64_SHL) X(I64_SHR_S) X(I64_SHR_U) X(I64_ROTL) X(I64_ROTR)  \
                    X(I64_EQ) X(I64_NE) X(I64_LT_S) X(I64_GE_S) X(I64_LT_U) X(I64_GE_U) X(I64_EQZ) \
                        X(EXT_S) X(EXT_U) X(GGET) X(GGET64) X(GSET) X(GSET64) /* S global slot */  \
        X(F32_ADD) X(F32_SUB) X(F32_MUL) X(F32_DIV) X(F32_MIN) X(F32_MAX) X(F32_COPYSIGN)          \
            X(F64_ADD) X(F64_SUB) X(F64_MUL) X(F64_DIV) X(F64_MIN) X(F64_MAX) X(F64_COPYSIGN)      \
                X(F32_EQ) X(F32_NE) X(F32_LT) X(F32_GT) X(F32_LE) X(F32_GE) X(F64_EQ) X(F64_NE)    \
                    X(F64_LT) X(F64_GT) X(F64_LE) X(F64_GE) X(UNARY) /* b: which */                \
        X(MEM_SIZE) X(MEM_GROW) X(MEM_COPY) X(MEM_FILL) X(MEM_INIT) X(DATA_DROP) X(TABLE_GET)      \
            X(TABLE_SET) X(TABLE_SIZE) X(TABLE_GROW) X(TABLE_FILL) X(TABLE_COPY) X(TABLE_INIT)     \
                X(ELEM_DROP) /* MEM_SIZE to ELEM_DROP: + immediate */                              \
        X(FAR) /* + a | b << 16 + d; one op follows */ X(FAR_OUT) /* b: d's width; S-less + d */

enum op {
#define OP_ENUM(name) OP_##name,
    WB_WASM_OPS(OP_ENUM)
#undef OP_ENUM
        OP_COUNT
};
_Static_assert(OP_COUNT <= 256, "an op has 8 bits");

/* Second half of a comparison op, in the order of I32_EQ …; the lowest bit negates. */
enum cond { C_EQ, C_NE, C_LT_S, C_GE_S, C_LT_U, C_GE_U };

/* UNARY's b is the specification's opcode; the saturating conversions 0xfc 0 … 7 follow from here.
 */
#define UNARY_SAT 0xc5u

static inline uint32_t op_word(unsigned op, unsigned d, unsigned a, unsigned b)
{
    return op | d << 8 | a << 16 | (uint32_t)(b & 0xff) << 24;
}

#endif
