/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasm_trace.h: running one operation at a time: what `--trace` prints, and counts for the profile.
 */
#ifndef WB_CLI_WASM_TRACE_H
#define WB_CLI_WASM_TRACE_H

#include "wasm_vm.h"

/* For struct wasm_vm.run: prints calls and returns on standard error. */
enum wb_wasm_status wasm_trace_run(struct wasm_vm *vm, uint32_t fuel);

/* Executions of each word of the image that begins an operation, in vm->run_ctx. */
struct wasm_counts {
    uint64_t *words; /* image_len / 4 */
    uint64_t *calls; /* the same, of those that were the first of a call */
    uint64_t total;
    uint32_t depth; /* of the operation before */
};
enum wb_wasm_status wasm_count_run(struct wasm_vm *vm, uint32_t fuel);

#endif
