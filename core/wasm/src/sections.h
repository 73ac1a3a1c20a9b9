/* SPDX-License-Identifier: AGPL-3.0-only */
/* sections.h: how the files that read sections call one another. install.c dispatches by state to
 * the item's reader; each reader ends by choosing the next state. */
#ifndef WB_WASM_SECTIONS_H
#define WB_WASM_SECTIONS_H

#include "install.h"

enum name_use { NAME_CUSTOM, NAME_MODULE, NAME_FIELD, NAME_EXPORT };

struct limits {
    uint32_t min, max;
    uint8_t page_log2;
};

/* After an item of a vector: the next one, or the section's end. */
void wb_wasm_vector_next(struct wb_wasm_install *x, enum state item);

/* Output: the window's first len bytes go to the sink; bytes are packed into words, the end pads
 * with zeros. */
void wb_wasm_window_flush(struct wb_wasm_install *x, uint32_t len);
void wb_wasm_out_byte(struct wb_wasm_install *x, uint8_t byte);
void wb_wasm_out_bytes_end(struct wb_wasm_install *x);
uint8_t wb_wasm_out_read_byte(struct wb_wasm_install *x, uint32_t offset);

/* Types; wb_wasm_spaces_begin() begins index spaces with their imports and is called with each
 * section's place in the order (20: end). */
void wb_wasm_spaces_begin(struct wb_wasm_install *x, unsigned order);
void wb_wasm_type_begin(struct wb_wasm_install *x, struct item *r);
void wb_wasm_type_value(struct wb_wasm_install *x, struct item *r, unsigned shift);
void wb_wasm_type_results(struct wb_wasm_install *x, struct item *r);

/* Names and byte runs. wb_wasm_run_end() does what follows a run without further input. */
void wb_wasm_name_begin(struct wb_wasm_install *x, struct item *r, enum name_use use);
void wb_wasm_run_bytes(struct wb_wasm_install *x, const uint8_t *bytes, uint32_t len);
void wb_wasm_run_end(struct wb_wasm_install *x);

/* Imports and limits. */
void wb_wasm_import_desc(struct wb_wasm_install *x, struct item *r);
bool wb_wasm_limits_read(struct wb_wasm_install *x, struct item *r, bool memory,
                         struct limits *limits);
void wb_wasm_memory_declare(struct wb_wasm_install *x, const struct limits *limits);

/* The other sections. */
void wb_wasm_function_entry(struct wb_wasm_install *x, struct item *r);
void wb_wasm_table_entry(struct wb_wasm_install *x, struct item *r);
void wb_wasm_memory_entry(struct wb_wasm_install *x, struct item *r);
void wb_wasm_global_begin(struct wb_wasm_install *x, struct item *r);
void wb_wasm_export_desc(struct wb_wasm_install *x, struct item *r);
void wb_wasm_start_entry(struct wb_wasm_install *x, struct item *r);
void wb_wasm_expr_op(struct wb_wasm_install *x, struct item *r);
void wb_wasm_elem_begin(struct wb_wasm_install *x, struct item *r);
void wb_wasm_elem_type_read(struct wb_wasm_install *x, struct item *r);
void wb_wasm_elem_count_read(struct wb_wasm_install *x, struct item *r);
void wb_wasm_elem_entry(struct wb_wasm_install *x, struct item *r);
void wb_wasm_datacount(struct wb_wasm_install *x, struct item *r);
void wb_wasm_data_begin(struct wb_wasm_install *x, struct item *r);
void wb_wasm_data_len(struct wb_wasm_install *x, struct item *r);
void wb_wasm_data_end(struct wb_wasm_install *x);

#endif
