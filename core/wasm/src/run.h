/* SPDX-License-Identifier: AGPL-3.0-only */
/* What the parts of the run time share. interp.c: the loop; ops.c: operations out of line;
 * instance.c: set-up, calls, results; image.c: what an image contains. */
#ifndef WB_WASM_RUN_H
#define WB_WASM_RUN_H

#include "format.h"

/* Arena bytes for globals, tables and dropped flags. */
uint32_t wb_wasm_instance_ram_len(uint32_t global_slots, uint32_t tables, uint32_t table_entries,
                                  uint32_t elems, uint32_t datas);

static inline uint32_t header(const struct wb_wasm_image *image, enum image_header field)
{
    return image->base[field];
}

static inline const uint32_t *image_at(const struct wb_wasm_image *image, uint32_t offset)
{
    return image->base + offset / 4;
}

/* Entry of a function: [canonical type …] [code offset or host index]. */
static inline const uint32_t *func_entry(const struct wb_wasm_image *image, uint32_t func)
{
    return image_at(image, header(image, H_FUNCS)) + (size_t)func * 2;
}

struct func_type {
    uint16_t params, results, param_slots, result_slots;
    const uint8_t *items; /* parameters, then results */
};
void wb_wasm_func_type_get(const struct wb_wasm_image *image, uint32_t type, struct func_type *out);

static inline uint64_t slots_get64(const uint32_t *slot)
{
    return slot[0] | (uint64_t)slot[1] << 32;
}

static inline void slots_put64(uint32_t *slot, uint64_t value)
{
    slot[0] = (uint32_t)value;
    slot[1] = (uint32_t)(value >> 32);
}

/* Operations that take the address of their word's slots; the result is a trap or
 * WB_WASM_TRAP_NONE. */
enum wb_wasm_trap_kind wb_wasm_op_slow(uint32_t *fp, uint32_t word);
enum wb_wasm_trap_kind wb_wasm_op_bulk(struct wb_wasm_instance *inst, uint32_t *fp, uint32_t word,
                                       uint32_t ext, uint32_t *cost);

/* Table and memory initialisation, as table.init and memory.init do it. */
enum wb_wasm_trap_kind wb_wasm_table_init(struct wb_wasm_instance *inst, uint32_t table,
                                          uint32_t segment, uint32_t to, uint32_t from,
                                          uint32_t count);
enum wb_wasm_trap_kind wb_wasm_memory_init(struct wb_wasm_instance *inst, uint32_t segment,
                                           uint32_t to, uint32_t from, uint32_t count);

/* A load or store at any address, byte by byte. Returns how many words its code has; 0, and notes
 * the trap, when a byte is not there. */
uint32_t wb_wasm_op_access(struct wb_wasm_instance *inst, uint32_t *fp, uint32_t word,
                           uint32_t start, uint32_t offset, uint32_t *acc);
/* Accesses at addresses below this, plus an offset up to OFFSET_MAX, need no look at the memory's
 * last bytes. */
uint32_t wb_wasm_memory_safe(const struct wb_wasm_instance *inst);

/* Moves a host function's or caller's values between slots and 64-bit words. */
void wb_wasm_values_unpack(const uint8_t *types, unsigned count, const uint32_t *slots,
                           uint64_t *values);
void wb_wasm_values_pack(const uint8_t *types, unsigned count, const uint64_t *values,
                         uint32_t *slots);

enum wb_wasm_status wb_wasm_interpret(struct wb_wasm_instance *inst, uint32_t fuel);

static inline bool bit_get(const uint32_t *bits, uint32_t index)
{
    return (bits[index / 32] >> index % 32 & 1) != 0;
}

#endif
