/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a module uses, and where its linker put data, stack and heap. Walks the instructions of a
 * module that the installer accepted; of others it reports what it saw before it lost its way. */
#include <string.h>

#include "wasm_module.h"

#define USE(feature) (layout->features |= 1u << WASM_##feature)

const char *wasm_feature_str(enum wasm_feature feature)
{
    static const char *const texts[] = {
#define WASM_FEATURE_TEXT(code, text) text,
        WASM_FEATURE_LIST(WASM_FEATURE_TEXT)
#undef WASM_FEATURE_TEXT
    };
    return texts[feature];
}

static void type_note(uint8_t type, struct wasm_layout *layout)
{
    switch (type) {
    case 0x7d: USE(F32); break;
    case 0x7c: USE(F64); break;
    case 0x7b: USE(SIMD); break;
    case 0x6f: USE(REFERENCE_TYPES); break;
    default: break;
    }
}

static void lost(struct wb_reader *r)
{
    r->err = r->err == WB_OK ? WB_ERR_FORMAT : r->err;
}

/* ---- instructions -------------------------------------------------------------------------- */

static void block_type(struct wb_reader *r, struct wasm_layout *layout)
{
    int64_t type = wasm_read_s64(r);
    if (type >= 0) {
        USE(MULTI_VALUE);
    }
}

static void prefixed(struct wb_reader *r, struct wasm_layout *layout)
{
    uint32_t op = wasm_read_u32(r);
    if (op <= 7) {
        USE(SATURATING);
        return;
    }
    if (op <= 14) {
        USE(BULK_MEMORY);
    } else {
        USE(REFERENCE_TYPES);
    }
    (void)wasm_read_u32(r);
    if (op == 8 || op == 10 || op == 12 || op == 14) { /* init and copy name two things */
        (void)wasm_read_u32(r);
    }
    if (op > 17) {
        lost(r);
    }
}

static void memory_argument(struct wb_reader *r)
{
    (void)wasm_read_u32(r);
    (void)wasm_read_u32(r);
}

/* One instruction. Floats are seen by their ranges of opcodes. */
static void instruction(struct wb_reader *r, struct wasm_layout *layout)
{
    uint8_t op = wb_read_u8(r);
    layout->instructions++;
    switch (op) {
    case 0x02:
    case 0x03:
    case 0x04: block_type(r, layout); return;
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x18:
    case 0x19:
        USE(EXCEPTIONS);
        lost(r);
        return;
    case 0x0c:
    case 0x0d:
    case 0x10: (void)wasm_read_u32(r); return;
    case 0x0e: {
        uint32_t count = wasm_read_u32(r);
        for (uint32_t i = 0; i <= count && r->err == WB_OK; i++) {
            (void)wasm_read_u32(r);
        }
        return;
    }
    case 0x12:
        USE(TAIL_CALL);
        (void)wasm_read_u32(r);
        return;
    case 0x11:
    case 0x13:
        USE(INDIRECT_CALLS);
        if (op == 0x13) {
            USE(TAIL_CALL);
        }
        (void)wasm_read_u32(r);
        if (wasm_read_u32(r) != 0) {
            USE(REFERENCE_TYPES);
        }
        return;
    case 0x1c: {
        USE(REFERENCE_TYPES);
        uint32_t count = wasm_read_u32(r);
        (void)wb_read_bytes(r, count);
        return;
    }
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24: (void)wasm_read_u32(r); return;
    case 0x25:
    case 0x26:
    case 0xd2:
        USE(REFERENCE_TYPES);
        (void)wasm_read_u32(r);
        return;
    case 0xd0:
        USE(REFERENCE_TYPES);
        (void)wb_read_u8(r);
        return;
    case 0xd1: USE(REFERENCE_TYPES); return;
    case 0x3f: (void)wasm_read_u32(r); return;
    case 0x40:
        USE(MEMORY_GROW);
        (void)wasm_read_u32(r);
        return;
    case 0x41:
    case 0x42: (void)wasm_read_s64(r); return;
    case 0x43:
        USE(F32);
        (void)wb_read_bytes(r, 4);
        return;
    case 0x44:
        USE(F64);
        (void)wb_read_bytes(r, 8);
        return;
    case 0xfc: prefixed(r, layout); return;
    case 0xfd:
        USE(SIMD);
        lost(r);
        return;
    case 0xfe:
        USE(THREADS);
        lost(r);
        return;
    default: break;
    }
    if (op >= 0x28 && op <= 0x3e) {
        memory_argument(r);
    }
    if (op >= 0xc0 && op <= 0xc4) {
        USE(SIGN_EXTENSION);
    }
    if (op == 0x2a || op == 0x38 || (op >= 0x5b && op <= 0x60) || (op >= 0x8b && op <= 0x98)) {
        USE(F32);
    }
    if (op == 0x2b || op == 0x39 || (op >= 0x61 && op <= 0x66) || (op >= 0x99 && op <= 0xa6)) {
        USE(F64);
    }
}

static void code_walk(const struct wasm_module *m, struct wasm_layout *layout)
{
    struct wb_reader r;
    wb_reader_init(&r, m->code.at, m->code.len);
    uint32_t count = m->code.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        uint32_t len = wasm_read_u32(&r);
        const uint8_t *at = wb_read_bytes(&r, len);
        struct wb_reader body;
        wb_reader_init(&body, at, at != NULL ? len : 0);
        uint32_t runs = wasm_read_u32(&body);
        for (uint32_t k = 0; k < runs && body.err == WB_OK; k++) {
            (void)wasm_read_u32(&body);
            type_note(wb_read_u8(&body), layout);
        }
        while (wb_reader_left(&body) > 0 && body.err == WB_OK) {
            instruction(&body, layout);
        }
    }
}

/* ---- definitions --------------------------------------------------------------------------- */

static void types_walk(const struct wasm_module *m, struct wasm_layout *layout)
{
    struct wb_reader r;
    wb_reader_init(&r, m->types.at, m->types.len);
    uint32_t count = m->types.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        (void)wb_read_u8(&r);
        for (unsigned list = 0; list < 2; list++) {
            uint32_t values = wasm_read_u32(&r);
            if (list == 1 && values > 1) {
                USE(MULTI_VALUE);
            }
            for (uint32_t k = 0; k < values && r.err == WB_OK; k++) {
                type_note(wb_read_u8(&r), layout);
            }
        }
    }
}

static void limits_walk(struct wb_reader *r, struct wasm_layout *layout)
{
    uint32_t flags = wasm_read_u32(r);
    (void)wasm_read_u32(r);
    if ((flags & 1) != 0) {
        (void)wasm_read_u32(r);
    }
    if ((flags & 2) != 0) {
        USE(THREADS);
    }
    if ((flags & 8) != 0) {
        USE(CUSTOM_PAGE_SIZES);
        (void)wasm_read_u32(r);
    }
}

static void imports_walk(const struct wasm_module *m, struct wasm_layout *layout)
{
    struct wb_reader r;
    wb_reader_init(&r, m->imports.at, m->imports.len);
    uint32_t count = m->imports.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        (void)wasm_read_name(&r);
        (void)wasm_read_name(&r);
        switch (wb_read_u8(&r)) {
        case 0: (void)wasm_read_u32(&r); break;
        case 1:
            type_note(wb_read_u8(&r), layout);
            limits_walk(&r, layout);
            break;
        case 2: limits_walk(&r, layout); break;
        case 3:
            type_note(wb_read_u8(&r), layout);
            if (wb_read_u8(&r) == 1) {
                USE(MUTABLE_GLOBALS);
            }
            break;
        default: lost(&r); break;
        }
    }
}

static void tables_memories_walk(const struct wasm_module *m, struct wasm_layout *layout)
{
    struct wb_reader r;
    wb_reader_init(&r, m->tables.at, m->tables.len);
    uint32_t count = m->tables.at != NULL ? wasm_read_u32(&r) : 0;
    if (count > 1) {
        USE(REFERENCE_TYPES);
    }
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        type_note(wb_read_u8(&r), layout);
        limits_walk(&r, layout);
    }
    wb_reader_init(&r, m->memories.at, m->memories.len);
    count = m->memories.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        limits_walk(&r, layout);
    }
}

/* A constant expression. True: it is one i32.const, whose value is returned. */
static bool constant(struct wb_reader *r, struct wasm_layout *layout, uint32_t *value)
{
    struct wasm_layout ignored = {0};
    unsigned count = 0;
    bool is_i32 = false;
    for (; r->err == WB_OK && wb_reader_left(r) > 0; count++) {
        uint8_t op = *r->at;
        if (op == 0x0b) {
            (void)wb_read_u8(r);
            return count == 1 && is_i32;
        }
        if ((op >= 0x6a && op <= 0x6c) || (op >= 0x7c && op <= 0x7e)) {
            USE(EXTENDED_CONST);
        }
        if (op == 0x41) {
            struct wb_reader copy = *r;
            (void)wb_read_u8(&copy);
            *value = (uint32_t)wasm_read_s64(&copy);
            is_i32 = true;
        }
        instruction(r, &ignored);
    }
    lost(r);
    return false;
}

/* A C compiler's stack pointer is global 0, mutable, i32, with a multiple of 16 as its start. */
static void globals_walk(const struct wasm_module *m, struct wasm_layout *layout, uint32_t *values,
                         bool *known, uint32_t cap)
{
    struct wb_reader r;
    wb_reader_init(&r, m->globals.at, m->globals.len);
    uint32_t count = m->globals.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        uint8_t type = wb_read_u8(&r);
        uint8_t is_mutable = wb_read_u8(&r);
        uint32_t value = 0;
        type_note(type, layout);
        bool is_const = constant(&r, layout, &value);
        if (i < cap) {
            values[i] = value;
            known[i] = is_const;
        }
        bool looks_right = type == 0x7f && is_mutable == 1 && is_const && value >= 16;
        if (i == 0 && looks_right && (value % 16 == 0 || m->stack_pointer.at != NULL)) {
            layout->stack_top = value;
        }
    }
}

/* Counts imported globals. */
static uint32_t global_imports(const struct wasm_module *m)
{
    struct wb_reader r;
    struct wasm_layout ignored = {0};
    uint32_t found = 0;
    wb_reader_init(&r, m->imports.at, m->imports.len);
    uint32_t count = m->imports.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        (void)wasm_read_name(&r);
        (void)wasm_read_name(&r);
        switch (wb_read_u8(&r)) {
        case 0: (void)wasm_read_u32(&r); break;
        case 1:
            (void)wb_read_u8(&r);
            limits_walk(&r, &ignored);
            break;
        case 2: limits_walk(&r, &ignored); break;
        default:
            found++;
            (void)wb_read_bytes(&r, 2);
            break;
        }
    }
    return found;
}

static void exports_walk(const struct wasm_module *m, struct wasm_layout *layout,
                         const uint32_t *values, const bool *known, uint32_t cap)
{
    struct wb_reader r;
    uint32_t imported = global_imports(m);
    uint64_t data_end = 0;
    wb_reader_init(&r, m->exports.at, m->exports.len);
    uint32_t count = m->exports.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        struct wasm_text name = wasm_read_name(&r);
        uint8_t kind = wb_read_u8(&r);
        uint32_t index = wasm_read_u32(&r) - imported;
        if (kind != 3 || index >= cap || !known[index] || name.at == NULL) {
            continue;
        }
        if (name.len == 11 && memcmp(name.at, "__heap_base", 11) == 0) {
            layout->heap_base = values[index];
        } else if (name.len == 10 && memcmp(name.at, "__data_end", 10) == 0) {
            data_end = values[index];
        }
    }
    layout->heap_base = layout->heap_base != 0 ? layout->heap_base : data_end;
}

static void data_walk(const struct wasm_module *m, struct wasm_layout *layout)
{
    struct wb_reader r;
    wb_reader_init(&r, m->data.at, m->data.len);
    uint32_t count = m->data.at != NULL ? wasm_read_u32(&r) : 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        uint32_t mode = wasm_read_u32(&r);
        uint32_t at = 0;
        if (mode == 2) {
            (void)wasm_read_u32(&r);
        }
        bool is_active = mode != 1 && constant(&r, layout, &at);
        uint32_t len = wasm_read_u32(&r);
        (void)wb_read_bytes(&r, len);
        if (is_active && r.err == WB_OK && (uint64_t)at + len > layout->data_end) {
            layout->data_end = (uint64_t)at + len;
        }
        if (mode != 0) {
            USE(BULK_MEMORY);
        }
    }
}

void wasm_layout_get(const struct wasm_module *m, struct wasm_layout *layout)
{
    uint32_t values[64] = {0};
    bool known[64] = {false};
    memset(layout, 0, sizeof *layout);
    types_walk(m, layout);
    imports_walk(m, layout);
    tables_memories_walk(m, layout);
    globals_walk(m, layout, values, known, WB_ARRAY_LEN(values));
    exports_walk(m, layout, values, known, WB_ARRAY_LEN(values));
    data_walk(m, layout);
    code_walk(m, layout);
    uint64_t need = layout->data_end;
    need = layout->stack_top > need ? layout->stack_top : need;
    need = layout->heap_base > need ? layout->heap_base : need;
    layout->memory_need = need;
    layout->is_need_exact =
        layout->heap_base != 0 && (layout->features & 1u << WASM_MEMORY_GROW) == 0;
}
