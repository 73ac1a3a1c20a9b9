/* SPDX-License-Identifier: AGPL-3.0-only */
/* back.h: the translator's output side: operations on frame slots, labels, fix-ups. The translator
 * knows nothing of how code looks; back_slot.c writes portable slot code for the interpreter,
 * another file could write native code. A slot is 4 bytes of the frame; 64-bit values take two.
 * Nothing is written while the code is unreachable. */
#ifndef WB_WASM_BACK_H
#define WB_WASM_BACK_H

#include "install.h"

/* Function header; the frame's size comes at the end. */
void wb_wasm_back_func_begin(struct wb_wasm_install *x, uint32_t zero_slots,
                             uint32_t module_offset);
void wb_wasm_back_func_end(struct wb_wasm_install *x);

/* What is written next comes from the module's byte at module_offset. */
void wb_wasm_back_map_note(struct wb_wasm_install *x, uint32_t module_offset);
/* Nothing falls through to here: a good place for the map. */
void wb_wasm_back_map_chance(struct wb_wasm_install *x);

/* d = a op b; width: slots of d, 0 when d is another input. */
void wb_wasm_back_op3(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width, unsigned a,
                      unsigned b);
/* d = a op immediate of 8 bits */
void wb_wasm_back_op_imm(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         unsigned a, int imm);
/* As back_op3, with a further word. */
void wb_wasm_back_op_ext(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         unsigned a, unsigned b, uint32_t ext);
/* op with one 16-bit slot or number, and words behind it */
void wb_wasm_back_op16(struct wb_wasm_install *x, enum op op, unsigned number);
void wb_wasm_back_word(struct wb_wasm_install *x, uint32_t word);
void wb_wasm_back_const(struct wb_wasm_install *x, unsigned d, unsigned width, uint64_t value);
void wb_wasm_back_move(struct wb_wasm_install *x, unsigned d, unsigned a, unsigned width);
void wb_wasm_back_global(struct wb_wasm_install *x, bool set, unsigned slot, unsigned width,
                         unsigned global_slot);
void wb_wasm_back_load(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                       unsigned a, uint32_t offset, bool d_is_imm);
void wb_wasm_back_select(struct wb_wasm_install *x, unsigned d, unsigned width, unsigned a,
                         unsigned b, unsigned cond);

/* How an address was computed, if the newest instruction did it: a + b, or (a << shift) + constant.
 */
struct address {
    bool is_sum;
    uint8_t a, b, shift;
    uint32_t constant;
};
/* Takes that instruction back, for an access of this op, offset and other slot; false when it
 * cannot be part of it. */
bool wb_wasm_back_take_address(struct wb_wasm_install *x, enum op op, unsigned d, unsigned home,
                               uint32_t offset, bool d_is_imm, struct address *address);
void wb_wasm_back_access(struct wb_wasm_install *x, enum op op, unsigned d, unsigned width,
                         const struct address *address, uint32_t offset, bool d_is_imm);
/* Whether a store's value fits into its instruction: then d is the value. */
bool wb_wasm_back_store_imm(enum op op, int32_t value, uint32_t offset);
/* Takes back the newest instruction if it put a constant into this slot. */
bool wb_wasm_back_take_const(struct wb_wasm_install *x, unsigned home, int32_t *value);
/* d = a ^ (b shifted), if the newest instruction shifted b and a is in the accumulator. */
bool wb_wasm_back_xor_shifted(struct wb_wasm_install *x, unsigned d, unsigned a, unsigned b);
/* d = a op constant for add, mul, and, or, xor; joins a shift before it. */
void wb_wasm_back_op_const(struct wb_wasm_install *x, enum op op, unsigned d, unsigned a,
                           uint32_t value);

/* Redirects the newest instruction's result from one slot to another; false when that is not
 * possible. */
bool wb_wasm_back_redirect(struct wb_wasm_install *x, unsigned from, unsigned to);
/* Code may be reached from elsewhere here: what is known about the newest instruction is void. */
static inline void back_barrier(struct wb_wasm_install *x)
{
    x->last_at = 0;
    x->acc_slot = UINT32_MAX;
}
/* The newest instruction must stay as it is. */
static inline void back_keep(struct wb_wasm_install *x)
{
    x->last_at = 0;
}
/* A call left its only result, of one slot, in the accumulator, too. */
static inline void back_call_result(struct wb_wasm_install *x, unsigned slot)
{
    x->acc_slot = slot;
}
void wb_wasm_back_return(struct wb_wasm_install *x, unsigned slot, unsigned width);
void wb_wasm_back_table(struct wb_wasm_install *x, unsigned slot);
/* Makes sure that the next map_note writes nothing. */
void wb_wasm_back_map_room(struct wb_wasm_install *x);

/* A comparison of i32, or a test of one slot against 0. */
struct compare {
    uint8_t cond; /* enum cond */
    bool has_imm; /* b is imm instead of a slot */
    uint16_t a, b;
    int32_t imm;
    uint16_t home; /* free slot for the truth value */
};
void wb_wasm_back_compare(struct wb_wasm_install *x, const struct compare *c, unsigned d);
/* Branch taken when c holds (or does not: negate); its branch word is written next. */
void wb_wasm_back_branch_if(struct wb_wasm_install *x, const struct compare *c, bool negate);
/* Branch word to a block's label. */
void wb_wasm_back_label_word(struct wb_wasm_install *x, struct wb_wasm_control *label);
/* Branch word whose target is bound later, by its place. */
uint32_t wb_wasm_back_hole(struct wb_wasm_install *x);
void wb_wasm_back_bind_hole(struct wb_wasm_install *x, uint32_t hole);
/* Binds all branch words that wait for a block's end. */
void wb_wasm_back_bind(struct wb_wasm_install *x, struct wb_wasm_control *label);
/* Place of the next instruction, as branch words count; faults when the function is too large. */
uint16_t wb_wasm_back_here(struct wb_wasm_install *x);

#endif
