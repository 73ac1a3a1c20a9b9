/* SPDX-License-Identifier: AGPL-3.0-only */
/* Stepping. A call is seen as one more record on the call stack, a return as one less; a tail call
 * as another function at the same depth. */
#include "wasm_trace.h"

#include <inttypes.h>
#include <stdio.h>

static void enter_print(const struct wasm_vm *vm, uint32_t depth, uint32_t func)
{
    char name[96];
    fprintf(stderr, "%*s> %s\n", (int)(depth < 40 ? depth * 2 : 80), "",
            wasm_func_name(vm->module, func, name, sizeof name));
}

static void return_print(const struct wasm_vm *vm, uint32_t depth, uint32_t func, uint32_t offset)
{
    char name[96];
    char line[256];
    wasm_line_text(vm->module, offset, line, sizeof line);
    fprintf(stderr, "%*s< %s%s%s\n", (int)(depth < 40 ? depth * 2 : 80), "",
            wasm_func_name(vm->module, func, name, sizeof name), line[0] != '\0' ? " " : "", line);
}

static uint64_t fuel_left(const struct wasm_vm *vm, uint64_t begin, uint32_t fuel)
{
    uint64_t used = wb_wasm_fuel_used(&vm->inst) - begin;
    return used < fuel ? fuel - used : 0;
}

enum wb_wasm_status wasm_trace_run(struct wasm_vm *vm, uint32_t fuel)
{
    uint64_t begin = wb_wasm_fuel_used(&vm->inst);
    enum wb_wasm_status status = WB_WASM_OUT_OF_FUEL;
    while (fuel_left(vm, begin, fuel) > 0 && status == WB_WASM_OUT_OF_FUEL) {
        uint32_t depth;
        uint32_t func = UINT32_MAX;
        uint32_t offset;
        uint32_t at = wb_wasm_position(&vm->inst, &depth);
        bool is_known = wb_wasm_locate(&vm->image, at, &func, &offset);
        if (is_known && (depth > vm->trace_depth || func != vm->trace_func)) {
            if (depth < vm->trace_depth) {
                return_print(vm, depth, func, offset);
            } else {
                enter_print(vm, depth, func);
            }
        } else if (is_known && depth < vm->trace_depth) {
            return_print(vm, depth, func, offset);
        }
        vm->trace_depth = depth;
        vm->trace_func = func;
        status = wb_wasm_step(&vm->inst);
    }
    if (status == WB_WASM_DONE || status == WB_WASM_TRAP) {
        vm->trace_depth = 0;
        vm->trace_func = UINT32_MAX;
    }
    return status;
}

enum wb_wasm_status wasm_count_run(struct wasm_vm *vm, uint32_t fuel)
{
    struct wasm_counts *counts = vm->run_ctx;
    uint64_t begin = wb_wasm_fuel_used(&vm->inst);
    enum wb_wasm_status status = WB_WASM_OUT_OF_FUEL;
    while (fuel_left(vm, begin, fuel) > 0 && status == WB_WASM_OUT_OF_FUEL) {
        uint32_t depth;
        uint32_t at = wb_wasm_position(&vm->inst, &depth) / 4;
        if (at < vm->image.len / 4) {
            counts->words[at]++;
            counts->calls[at] += depth > counts->depth;
            counts->total++;
        }
        counts->depth = depth;
        status = wb_wasm_step(&vm->inst);
    }
    counts->depth = status == WB_WASM_DONE ? 0 : counts->depth;
    return status;
}
