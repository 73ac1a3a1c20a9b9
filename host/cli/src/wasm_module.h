/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasm_module.h: a module's file: sections, names, lines of source code. For tools: the installer
 * judges validity; here whatever cannot be understood is simply not there.
 * Memory   the file's bytes and one array of names; texts point into the file
 */
#ifndef WB_CLI_WASM_MODULE_H
#define WB_CLI_WASM_MODULE_H

#include "wb_base.h"

#define WASM_FILE_MAX (64u * 1024u * 1024u)

struct wasm_span {
    const uint8_t *at; /* NULL: not there */
    size_t len;
};

struct wasm_text {
    const char *at; /* not terminated; NULL: unknown */
    uint32_t len;
};

struct wasm_module {
    uint8_t *bytes;
    size_t len;
    uint32_t code_at; /* module offset of the code section's content; DWARF counts from there */
    uint32_t func_imports, func_count;
    struct wasm_text *names;        /* of functions: name section, else export, else import */
    struct wasm_text stack_pointer; /* name of the global that is one, if known */
    struct wasm_span types, imports, functions, tables, memories, globals, exports, start;
    struct wasm_span elements, code, data, data_count;
    struct wasm_span debug_line, debug_line_str, debug_str;
    uint32_t custom_len; /* bytes in custom sections: they never reach a board's flash */
};

/* Reads a file; prints what is wrong and returns false. */
bool wasm_module_load(struct wasm_module *m, const char *path);
/* The same of bytes that were allocated (taken). False: no module at all. */
bool wasm_module_parse(struct wasm_module *m, uint8_t *bytes, size_t len);
void wasm_module_free(struct wasm_module *m);

/* "name" or "func[N]", cut to fit and with unprintable bytes replaced. */
const char *wasm_func_name(const struct wasm_module *m, uint32_t func, char *buf, size_t cap);

/* Cursor helpers for the format; sticky as wb_reader's own. */
uint32_t wasm_read_u32(struct wb_reader *r);
int64_t wasm_read_s64(struct wb_reader *r);
struct wasm_text wasm_read_name(struct wb_reader *r);

/* What a module uses beyond the first version of WebAssembly, and what costs much on small boards.
 */
#define WASM_FEATURE_LIST(X)                                                                       \
    X(MUTABLE_GLOBALS, "mutable-globals")                                                          \
    X(SIGN_EXTENSION, "sign-extension")                                                            \
    X(SATURATING, "saturating-float-to-int")                                                       \
    X(MULTI_VALUE, "multi-value")                                                                  \
    X(BULK_MEMORY, "bulk-memory")                                                                  \
    X(REFERENCE_TYPES, "reference-types")                                                          \
    X(EXTENDED_CONST, "extended-const")                                                            \
    X(TAIL_CALL, "tail-call")                                                                      \
    X(CUSTOM_PAGE_SIZES, "custom-page-sizes")                                                      \
    X(MEMORY_GROW, "memory.grow")                                                                  \
    X(INDIRECT_CALLS, "call_indirect")                                                             \
    X(F32, "f32")                                                                                  \
    X(F64, "f64")                                                                                  \
    X(SIMD, "simd (not supported)")                                                                \
    X(THREADS, "threads (not supported)")                                                          \
    X(EXCEPTIONS, "exceptions (not supported)")

enum wasm_feature {
#define WASM_FEATURE_ENUM(code, text) WASM_##code,
    WASM_FEATURE_LIST(WASM_FEATURE_ENUM)
#undef WASM_FEATURE_ENUM
        WASM_FEATURE_COUNT
};
const char *wasm_feature_str(enum wasm_feature feature);

/* Where the linker put things. */
struct wasm_layout {
    uint32_t features;     /* bits: 1 << enum wasm_feature */
    uint64_t data_end;     /* behind the last active data segment */
    uint64_t stack_top;    /* initial stack pointer; 0: not recognised */
    uint64_t heap_base;    /* exported __heap_base, else __data_end; 0: neither is exported */
    uint64_t memory_need;  /* what the three together say: the smallest prefix that is used */
    bool is_need_exact;    /* heap_base is known and memory does not grow */
    uint32_t instructions; /* in the code section */
};
void wasm_layout_get(const struct wasm_module *m, struct wasm_layout *layout);

/* Source of a module offset, from .debug_line (DWARF 4 and 5). False: unknown. */
struct wasm_line {
    struct wasm_text folder, file;
    uint32_t line, column;
};
bool wasm_line_find(const struct wasm_module *m, uint32_t module_offset, struct wasm_line *line);
/* "folder/file.c:12", or "" when unknown; returns buf. */
const char *wasm_line_text(const struct wasm_module *m, uint32_t module_offset, char *buf,
                           size_t cap);

#endif
