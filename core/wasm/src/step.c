/* SPDX-License-Identifier: AGPL-3.0-only */
/* Single steps, for traces and profiles on hosts: the interpreter's loop once more, with a NEXT
 * that stops before the second operation. FAR, FAR_OUT and what lies between them are one. */
#include "run.h"

#define INTERPRET wb_wasm_interpret_one
#define LOCALS    bool has_stepped = false;
#define NEXT                                                                                       \
    do {                                                                                           \
        if (has_stepped && inst->far_fp == NULL) {                                                 \
            goto out_of_fuel;                                                                      \
        }                                                                                          \
        has_stepped = true;                                                                        \
        w = *pc++;                                                                                 \
        goto *HANDLER(w);                                                                          \
    } while (0)
enum wb_wasm_status wb_wasm_interpret_one(struct wb_wasm_instance *inst, uint32_t fuel);
#include "interp.c" /* NOLINT: a second loop */

enum wb_wasm_status wb_wasm_step(struct wb_wasm_instance *inst)
{
    if (inst->status == WB_WASM_READY || inst->status == WB_WASM_OUT_OF_FUEL) {
        inst->status = (uint8_t)wb_wasm_interpret_one(inst, 1);
    }
    return (enum wb_wasm_status)inst->status;
}

uint32_t wb_wasm_position(const struct wb_wasm_instance *inst, uint32_t *depth)
{
    const uint32_t *base = inst->image.base;
    *depth = (uint32_t)((inst->stack_end - inst->csp) / 2);
    return inst->pc >= base && inst->pc < base + inst->image.len / 4
               ? (uint32_t)(inst->pc - base) * 4
               : UINT32_MAX;
}

bool wb_wasm_locate(const struct wb_wasm_image *image, uint32_t offset, uint32_t *func,
                    uint32_t *module_offset)
{
    const struct wb_wasm_instance there = {
        .image = *image, .pc = image->base + offset / 4, .call_func = UINT32_MAX};
    return offset < image->len && wb_wasm_backtrace(&there, 0, func, module_offset);
}
