/* SPDX-License-Identifier: AGPL-3.0-only */
/* What the parts of the installer share: reader of one item, output, types. Order to read:
 * install.c (sections), translate.c (function bodies: validation and allocation of slots),
 * back_slot.c (the code that comes out). */
#ifndef WB_WASM_INSTALL_H
#define WB_WASM_INSTALL_H

#include "format.h"

/* ---- reader: one item of the module, all or nothing --------------------------------------- */

struct item {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end; /* of what is here, and of what the enclosing section or body allows */
    bool short_input;   /* item ends behind end */
    bool bad;           /* a number is encoded too long or too large */
};

uint8_t wb_wasm_item_u8(struct item *r);
uint32_t wb_wasm_item_u32(struct item *r);
int32_t wb_wasm_item_s32(struct item *r);
int64_t wb_wasm_item_s33(struct item *r);
int64_t wb_wasm_item_s64(struct item *r);
uint32_t wb_wasm_item_le32(struct item *r);

static inline bool item_ok(const struct item *r)
{
    return !r->short_input && !r->bad;
}

/* ---- faults ------------------------------------------------------------------------------- */

static inline bool failed(const struct wb_wasm_install *x)
{
    return x->fault.code != WB_OK;
}
void wb_wasm_fault(struct wb_wasm_install *x, enum wb_err code, const char *what);
static inline void invalid(struct wb_wasm_install *x, const char *what)
{
    wb_wasm_fault(x, WB_ERR_VALIDATION, what);
}
static inline void malformed(struct wb_wasm_install *x, const char *what)
{
    wb_wasm_fault(x, WB_ERR_FORMAT, what);
}
void wb_wasm_over_limit(struct wb_wasm_install *x, const char *what);

/* ---- output ------------------------------------------------------------------------------- */

void wb_wasm_out_word(struct wb_wasm_install *x, uint32_t word);
/* Later value of a word; only bits that are 1 change. */
void wb_wasm_out_program(struct wb_wasm_install *x, uint32_t offset, uint32_t word);
uint32_t wb_wasm_out_read(struct wb_wasm_install *x, uint32_t offset);
/* Whether a word can still be changed freely. */
static inline bool out_is_open(const struct wb_wasm_install *x, uint32_t offset)
{
    return offset >= x->window_at;
}

/* ---- module ------------------------------------------------------------------------------- */

struct type {
    uint16_t params, results, param_slots, result_slots;
    uint32_t at; /* offset of the packed types: parameters, then results */
};
/* Faults when there is no such type. */
bool wb_wasm_type_get(struct wb_wasm_install *x, uint32_t index, struct type *type);
unsigned wb_wasm_type_item(struct wb_wasm_install *x, const struct type *type, unsigned index);
uint32_t wb_wasm_type_canonical(struct wb_wasm_install *x, uint32_t index);

/* Value type of its byte; false (and a fault) for others. */
bool wb_wasm_value_type(struct wb_wasm_install *x, unsigned byte, unsigned *type);
bool wb_wasm_ref_type(struct wb_wasm_install *x, unsigned byte, unsigned *type);

/* Words of the entry in the index spaces; these fault with "unknown …" beyond the end. */
uint32_t wb_wasm_func_type(struct wb_wasm_install *x, uint32_t index); /* canonical type */
uint32_t wb_wasm_global_entry(struct wb_wasm_install *x, uint32_t index);
unsigned wb_wasm_table_type(struct wb_wasm_install *x, uint32_t index);
unsigned wb_wasm_elem_type(struct wb_wasm_install *x, uint32_t index);
/* Marks a function as one that ref.func in code may name. */
void wb_wasm_func_declare(struct wb_wasm_install *x, uint32_t index);

/* ---- code --------------------------------------------------------------------------------- */

struct wb_wasm_control {
    uint16_t chain; /* loop: its start; else: last branch word that waits for the end; from code_at
                       in words */
    uint16_t else_at;        /* if: branch word of the false case */
    uint16_t type;           /* type index, or BLOCK_SIMPLE | value type, or BLOCK_EMPTY */
    uint16_t height;         /* operands below */
    uint16_t slot;           /* first slot of parameters and results */
    uint8_t kind;            /* enum block_kind */
    uint8_t dead : 1;        /* before the block: code is unreachable, */
    uint8_t polymorphic : 1; /* and so the operand stack of the block around it has any type */
};
enum block_kind { BLOCK_FUNC, BLOCK_BLOCK, BLOCK_LOOP, BLOCK_IF, BLOCK_ELSE };
#define BLOCK_SIMPLE 0x8000u
#define BLOCK_EMPTY  0xffffu

/* Each reads one item and acts on it if it is complete. */
void wb_wasm_code_body_begin(struct wb_wasm_install *x, struct item *r);
void wb_wasm_code_locals(struct wb_wasm_install *x, struct item *r);
void wb_wasm_code_instruction(struct wb_wasm_install *x, struct item *r);
void wb_wasm_code_br_table_label(struct wb_wasm_install *x, struct item *r);

enum state {
    S_MAGIC,
    S_SECTION,
    S_COUNT,
    S_CUSTOM,
    S_NAME,
    S_SKIP,
    S_TYPE,
    S_TYPE_PARAM,
    S_TYPE_RESULTS,
    S_TYPE_RESULT,
    S_IMPORT,
    S_IMPORT_FIELD,
    S_IMPORT_DESC,
    S_FUNC,
    S_TABLE,
    S_MEMORY,
    S_GLOBAL,
    S_EXPR,
    S_EXPORT,
    S_EXPORT_DESC,
    S_START,
    S_ELEM,
    S_ELEM_TYPE,
    S_ELEM_COUNT,
    S_ELEM_ENTRY,
    S_DATACOUNT,
    S_BODY,
    S_LOCALS,
    S_CODE,
    S_BR_TABLE,
    S_DATA,
    S_DATA_LEN,
    S_DATA_BYTES,
    S_END
};

/* Operand stack of validation, shared with constant expressions. */
void wb_wasm_operands_reset(struct wb_wasm_install *x);
bool wb_wasm_operand_push_type(struct wb_wasm_install *x, unsigned type);
bool wb_wasm_operand_pop_type(struct wb_wasm_install *x, unsigned type);

#endif
