/* SPDX-License-Identifier: AGPL-3.0-only */
/* Import section: limits, and the resolution of imports against what the host offers. */
#include "sections.h"

bool wb_wasm_limits_read(struct wb_wasm_install *x, struct item *r, bool memory,
                         struct limits *limits)
{
    uint8_t flags = wb_wasm_item_u8(r);
    limits->min = wb_wasm_item_u32(r);
    limits->max = flags & 1 ? wb_wasm_item_u32(r) : UINT32_MAX;
    limits->page_log2 = 16;
    if (memory && (flags & 8) != 0) {
        uint32_t log2 = wb_wasm_item_u32(r);
        if (item_ok(r) && log2 != 0 && log2 != 16) {
            malformed(x, "custom page size must be 1 or 65,536 bytes");
            return false;
        }
        limits->page_log2 = (uint8_t)log2;
    }
    if (!item_ok(r)) {
        return false;
    }
    if ((flags & ~(memory ? 9u : 1u)) != 0) {
        if (memory && (flags & 6) != 0) {
            wb_wasm_fault(x, WB_ERR_UNSUPPORTED, "shared or 64-bit memory is not supported");
        } else {
            malformed(x, "malformed limits flags");
        }
        return false;
    }
    uint64_t bytes_max = (uint64_t)1 << 32;
    if (memory &&
        (((uint64_t)limits->min << limits->page_log2) > bytes_max ||
         ((flags & 1) != 0 && ((uint64_t)limits->max << limits->page_log2) > bytes_max))) {
        invalid(x, "memory size must be at most 65536 pages (4GiB)");
        return false;
    }
    if (limits->min > limits->max) {
        invalid(x, "size minimum must not be greater than maximum");
        return false;
    }
    return true;
}

void wb_wasm_memory_declare(struct wb_wasm_install *x, const struct limits *limits)
{
    if (x->memory_count > 0) {
        invalid(x, "multiple memories");
        return;
    }
    x->memory_count = 1;
    x->memory_min = limits->min;
    x->memory_max = limits->max;
    x->page_log2 = limits->page_log2;
}

/* Whether a function type reads like this signature. */
static bool signature_matches(struct wb_wasm_install *x, uint32_t index, const char *text)
{
    struct type type;
    if (!wb_wasm_type_get(x, index, &type)) {
        return false;
    }
    for (unsigned i = 0; i <= (unsigned)type.params + type.results; i++) {
        if (i == type.params && *text++ != '>') {
            return false;
        }
        if (i == (unsigned)type.params + type.results) {
            break;
        }
        if (*text == '\0' || *text++ != "iIfFpe"[wb_wasm_type_item(x, &type, i)]) {
            return false;
        }
    }
    return *text == '\0';
}

static bool import_resolve(struct wb_wasm_install *x, const struct wb_wasm_import *offer,
                           unsigned kind, uint32_t type, uint32_t min, uint32_t max)
{
    if (offer->kind != kind) {
        return false;
    }
    switch (kind) {
    case WB_WASM_FUNC: return signature_matches(x, type, offer->signature);
    case WB_WASM_GLOBAL:
        return offer->signature[0] == "iIfFpe"[type & 0xff] &&
               (offer->signature[1] == '!') == ((type & 0x100) != 0);
    case WB_WASM_TABLE:
        if (offer->signature[0] != "iIfFpe"[type]) {
            return false;
        }
        break;
    default: break;
    }
    return offer->min >= min && (max == UINT32_MAX || offer->max <= max);
}

void wb_wasm_import_desc(struct wb_wasm_install *x, struct item *r)
{
    uint8_t kind = wb_wasm_item_u8(r);
    uint32_t type = 0;
    struct limits limits = {0, UINT32_MAX, 16};
    if (!item_ok(r)) {
        return;
    }
    if (kind == WB_WASM_FUNC) {
        type = wb_wasm_item_u32(r);
        if (!item_ok(r)) {
            return;
        }
        struct type t;
        if (!wb_wasm_type_get(x, type, &t)) {
            return;
        }
        if (t.params > WB_WASM_HOST_SLOTS || t.results > WB_WASM_HOST_SLOTS) {
            wb_wasm_over_limit(x, "imported function has more than 16 parameters or results");
            return;
        }
        type = wb_wasm_type_canonical(x, type);
    } else if (kind == WB_WASM_TABLE || kind == WB_WASM_GLOBAL) {
        uint8_t byte = wb_wasm_item_u8(r);
        unsigned value = 0;
        if (!item_ok(r) || !(kind == WB_WASM_TABLE ? wb_wasm_ref_type(x, byte, &value)
                                                   : wb_wasm_value_type(x, byte, &value))) {
            return;
        }
        type = value;
        if (kind == WB_WASM_TABLE && !wb_wasm_limits_read(x, r, false, &limits)) {
            return;
        }
        if (kind == WB_WASM_GLOBAL) {
            uint8_t mutability = wb_wasm_item_u8(r);
            if (!item_ok(r)) {
                return;
            }
            if (mutability > 1) {
                malformed(x, "malformed mutability");
                return;
            }
            type |= (uint32_t)mutability << 8;
        }
    } else if (kind == WB_WASM_MEMORY) {
        if (!wb_wasm_limits_read(x, r, true, &limits)) {
            return;
        }
        if (x->memory_count > 0) {
            invalid(x, "multiple memories");
            return;
        }
    } else {
        malformed(x, "malformed import kind");
        return;
    }
    const struct wb_wasm_import *offer = NULL;
    bool known = false;
    for (unsigned i = 0; i < x->cfg.import_count && offer == NULL; i++) {
        const struct wb_wasm_import *o = &x->cfg.imports[i];
        if (x->module_len <= WB_WASM_NAME_MAX && x->name_len <= WB_WASM_NAME_MAX &&
            text_is(o->module, x->import_module, x->module_len) &&
            text_is(o->name, x->import_name, x->name_len)) {
            known = true;
            offer = import_resolve(x, o, kind, type, limits.min, limits.max) ? o : NULL;
        }
    }
    struct wb_wasm_import any = {.index = UINT16_MAX};
    if (offer == NULL && x->cfg.any_import && x->module_len <= WB_WASM_NAME_MAX &&
        x->name_len <= WB_WASM_NAME_MAX) {
        any.min = limits.min;
        any.max = limits.max;
        offer = &any;
    }
    if (offer == NULL) {
        wb_wasm_fault(x, WB_ERR_IMPORT, known ? "incompatible import type" : "unknown import");
        return;
    }
    wb_wasm_out_word(x, kind | (uint32_t)offer->index << 16);
    wb_wasm_out_word(x, type);
    /* A table or memory from outside has the size of what is offered. */
    bool sized = kind == WB_WASM_TABLE || kind == WB_WASM_MEMORY;
    limits.min = sized ? offer->min : 0;
    limits.max = sized ? offer->max : 0;
    wb_wasm_out_word(x, limits.min);
    wb_wasm_out_word(x, limits.max);
    wb_wasm_out_word(x, x->module_len | x->name_len << 16);
    for (uint32_t i = 0; i < x->module_len; i++) {
        wb_wasm_out_byte(x, (uint8_t)x->import_module[i]);
    }
    wb_wasm_out_bytes_end(x);
    for (uint32_t i = 0; i < x->name_len; i++) {
        wb_wasm_out_byte(x, (uint8_t)x->import_name[i]);
    }
    wb_wasm_out_bytes_end(x);
    x->import_count++;
    switch (kind) {
    case WB_WASM_FUNC:
        x->func_imports++;
        x->func_count++;
        break;
    case WB_WASM_TABLE: x->table_count++; break;
    case WB_WASM_MEMORY: wb_wasm_memory_declare(x, &limits); break;
    default:
        x->import_globals++;
        x->global_count++;
        break;
    }
    wb_wasm_vector_next(x, S_IMPORT);
}
