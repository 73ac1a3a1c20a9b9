/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_wasm.h: WebAssembly: streaming installer, images executed in place, interpreter.
 * Shape    install: init, feed chunks of any size, finish; run: image_open, instance_init, call,
 * run Limits   65,535 functions; 32,767 types; 1,000 parameters or results a type; host functions
 * take and give at most WB_WASM_HOST_SLOTS values; branches span 32,767 code words (128 KB) Memory
 * no heap, no globals, no recursion. Installer: its struct and the caller's scratch, together 1,536
 * bytes on a small board. Instance: its struct and one arena Errors   install errors are sticky and
 * explained by a wb_fault; run-time errors are traps Source   WebAssembly core specification 2.0
 * without SIMD; proposals extended-const, custom-page-sizes
 *
 * Typical use, installing:          and running:
 *     wb_wasm_install_init              wb_wasm_image_open
 *     wb_wasm_install_feed (…)          wb_wasm_instance_init
 *     wb_wasm_install_finish            wb_wasm_export_find, wb_wasm_call
 *                                       wb_wasm_run until DONE or TRAP
 */
#ifndef WB_WASM_H
#define WB_WASM_H

#include "wb_base.h"

/* Version of the image format; images of another version are refused by wb_wasm_image_open(). */
#define WB_WASM_IMAGE_VERSION 3u

/* Most parameters, and most results, of a host function. */
#define WB_WASM_HOST_SLOTS 16u

/* Longest module or field name of an import that can be resolved. */
#define WB_WASM_NAME_MAX 31u

/* Value types, and how signatures name them: "iI>f" takes an i32 and an i64 and returns an f32. */
enum wb_wasm_type {
    WB_WASM_I32,       /* 'i' */
    WB_WASM_I64,       /* 'I' */
    WB_WASM_F32,       /* 'f' as bit pattern */
    WB_WASM_F64,       /* 'F' as bit pattern */
    WB_WASM_FUNCREF,   /* 'p' 0 is null, else function index + 1 of the instance */
    WB_WASM_EXTERNREF, /* 'e' 0 is null, else 32 bits that the host chose */
};

enum wb_wasm_extern {
    WB_WASM_FUNC,
    WB_WASM_TABLE,
    WB_WASM_MEMORY,
    WB_WASM_GLOBAL,
};

/* ---- install ------------------------------------------------------------------------------ */

/* Where the image goes, in program order. Offsets count from the first byte appended. All lengths
 * and offsets are multiples of 4. Made for NOR flash: reserved places are appended as bits set
 * to 1. */
struct wb_wasm_sink {
    /* Adds len bytes (at most WB_WASM_APPEND_MAX) at the end. */
    enum wb_err (*append)(void *ctx, const void *bytes, size_t len);
    /* Replaces the word at offset, written before. Only changes bits from 1 to 0 (the rest of the
     * word has the value it has already); happens at most once for each word. */
    enum wb_err (*program)(void *ctx, uint32_t offset, uint32_t word);
    /* Reads what was written. */
    enum wb_err (*read)(void *ctx, uint32_t offset, void *buf, size_t len);
    void *ctx;
};
#define WB_WASM_APPEND_MAX 128u

/* One thing that the host offers to modules. */
struct wb_wasm_import {
    const char *module;
    const char *name;
    const char *signature; /* function: "iI>f"; global: "i" constant, "i!" mutable; table: "p" or
                            * "e"; memory: "" */
    uint16_t index; /* below 65,535: of the function or global in the instance's cfg; kept in the
                     * image, so it must mean the same in later firmware */
    uint8_t kind;   /* enum wb_wasm_extern */
    uint32_t min;   /* table, memory: size offered, in entries or pages */
    uint32_t max;   /* table, memory: UINT32_MAX: none */
};

struct wb_wasm_install_cfg {
    struct wb_wasm_sink sink;
    const struct wb_wasm_import *imports; /* kept until finish */
    uint16_t import_count;
    void *mem; /* kept until finish; 4-byte aligned. 4 bytes an operand and a run of locals of one
                * type, 12 bytes a nested block: 700 bytes are plenty for compiled C */
    size_t mem_len; /* bytes */
    /* Accept imports that are not offered, too: for looking at modules. Such an image cannot run.
     */
    bool any_import;
};

struct wb_wasm_control; /* private */

/* The fields are private but fault, import_module and import_name. */
struct wb_wasm_install {
    struct wb_fault
        fault; /* where = {function index (UINT32_MAX outside of code), module byte offset} */
    char import_module[WB_WASM_NAME_MAX + 1]; /* of the import that was refused, cut to what fits */
    char import_name[WB_WASM_NAME_MAX + 1];

    struct wb_wasm_install_cfg cfg;
    uint32_t at;          /* module bytes consumed */
    uint32_t section_end; /* module offset at which the section ends */
    uint32_t item_end;    /* … the function body */
    uint32_t left;        /* items left in the vector being read */
    uint32_t utf8;        /* state of the UTF-8 check */
    uint32_t module_len, name_len;
    uint32_t name_left;  /* bytes left of the run, or items of an inner vector */
    uint32_t scratch[4]; /* of the item being read */
    uint8_t state, section, order, spaces;
    uint8_t stage_len, flags, packed;
    uint8_t memory_count, page_log2;
    uint8_t stage[32];

    uint32_t out_len;   /* bytes appended, window included */
    uint32_t window_at; /* offset of the window's first byte */
    uint32_t window[WB_WASM_APPEND_MAX / 4];

    uint32_t types_at, imports_at, funcs_at, tables_at, globals_at, global_exprs_at, exports_at;
    uint32_t exports_end, elems_at, datas_at, code_begin;
    uint32_t data_count, data_seen, code_count;
    uint32_t memory_min, memory_max, start, table_entries;
    uint16_t type_count, import_count, func_count, func_imports, table_count, global_count;
    uint16_t export_count, elem_count, global_slots, import_globals;

    /* the function being translated */
    uint32_t func, func_offset, code_at, instr_at;
    struct {
        uint16_t op, d, a, b;
        uint8_t form;
        bool has_ext;
        uint32_t ext;
    } last;                     /* newest instruction ... */
    uint32_t last_at, last_dst; /* and its place, if its destination may be replaced */
    uint32_t acc_slot;   /* slot whose value the accumulator has, too; UINT32_MAX: none is known */
    uint32_t acc_before; /* the same before the newest instruction */
    uint32_t *operands; /* grows up from behind the runs of locals; blocks grow down from the end */
    struct wb_wasm_control *control;
    uint32_t pending_a, pending_b; /* comparison that waits for a branch */
    uint16_t operand_count, control_count, run_count, slots, slots_max;
    uint16_t local_slots, cur_type, param_slots;
    uint8_t dead, polymorphic, pending, pending_cond, pending_const;
    /* which code came from where, not yet in the image */
    uint8_t map_len, map_first;
    uint8_t map[28];
    uint32_t map_code, map_module, map_base_code, map_base_module, map_start_module, map_last;
};

/* What a module declares and needs. */
struct wb_wasm_info {
    uint32_t image_len;    /* bytes */
    uint64_t memory_min;   /* bytes of linear memory declared */
    uint64_t memory_max;   /* bytes it may grow to; 2^32 when nothing is said; 0: no memory */
    uint32_t ram_len;      /* bytes of arena without linear memory, stack and table_extra */
    uint32_t func_count;   /* imports included */
    uint32_t import_count; /* of any kind */
    uint32_t export_count;
    uint32_t start; /* start function; UINT32_MAX: none */
};

/* Begins an installation; cfg is copied. Outcomes: WB_ERR_SPACE when mem is below 64 bytes. */
WB_MUST_USE enum wb_err wb_wasm_install_init(struct wb_wasm_install *x,
                                             const struct wb_wasm_install_cfg *cfg);

/* Takes the module's next len bytes, all of them. Outcomes: WB_ERR_FORMAT, WB_ERR_VALIDATION,
 * WB_ERR_IMPORT (see import_module, import_name), WB_ERR_UNSUPPORTED, WB_ERR_LIMIT, or what the
 * sink returned; x->fault explains. */
WB_MUST_USE enum wb_err wb_wasm_install_feed(struct wb_wasm_install *x, const void *bytes,
                                             size_t len);

/* Ends the module and completes the image: its header is written last. info may be NULL. */
WB_MUST_USE enum wb_err wb_wasm_install_finish(struct wb_wasm_install *x,
                                               struct wb_wasm_info *info);

/* ---- image -------------------------------------------------------------------------------- */

struct wb_wasm_image {
    const uint32_t *base; /* kept; may be flash */
    uint32_t len;
};

/* Checks header, version and lengths. That the bytes are those which the installer wrote is the
 * caller's job (digest): the interpreter trusts them. Outcomes: WB_ERR_FORMAT, WB_ERR_UNSUPPORTED
 * (another version). */
WB_MUST_USE enum wb_err wb_wasm_image_open(struct wb_wasm_image *image, const void *base,
                                           size_t len);

void wb_wasm_image_info(const struct wb_wasm_image *image, struct wb_wasm_info *info);

/* Looks up an export. Outcomes: WB_ERR_NOT_FOUND. */
WB_MUST_USE enum wb_err wb_wasm_export_find(const struct wb_wasm_image *image,
                                            enum wb_wasm_extern kind, const char *name,
                                            uint32_t *index);

/* Whether function func has this signature ("iI>f"). */
bool wb_wasm_func_has_signature(const struct wb_wasm_image *image, uint32_t func,
                                const char *signature);

/* Writes function func's signature, 0-terminated. Outcomes: WB_ERR_SPACE, WB_ERR_NOT_FOUND. */
WB_MUST_USE enum wb_err wb_wasm_func_signature(const struct wb_wasm_image *image, uint32_t func,
                                               char *buf, size_t cap);

/* One entry of the export or import list; names borrow the image and are not 0-terminated. */
struct wb_wasm_entry {
    const char *module; /* imports */
    const char *name;
    uint16_t module_len, name_len;
    uint8_t kind;       /* enum wb_wasm_extern */
    uint8_t type;       /* global: enum wb_wasm_type; table: element type */
    bool is_mutable;    /* global */
    uint32_t index;     /* export: of the thing in its index space; import: the host's index */
    uint32_t func_type; /* import of a function: private */
    uint32_t min, max;  /* table, memory: declared limits */
};
/* Iterates: start with *cursor = 0; false at the end. */
bool wb_wasm_export_next(const struct wb_wasm_image *image, uint32_t *cursor,
                         struct wb_wasm_entry *entry);
bool wb_wasm_import_next(const struct wb_wasm_image *image, uint32_t *cursor,
                         struct wb_wasm_entry *entry);

/* ---- run ---------------------------------------------------------------------------------- */

struct wb_wasm_instance;

/* What a host function tells the interpreter. */
enum wb_wasm_host {
    WB_WASM_HOST_DONE,    /* results are in slots */
    WB_WASM_HOST_SUSPEND, /* run() returns SUSPENDED; wb_wasm_resume() brings the results */
    WB_WASM_HOST_TRAP,    /* trap of kind HOST */
    WB_WASM_HOST_EXIT,    /* trap of kind EXIT: the application ended by itself (proc_exit) */
};

/* A host function. slots[0 …] hold the arguments, one each (i32 zero-extended; floats as bit
 * patterns), and take the results, one each. It may read and write memory through wb_wasm_memory();
 * it must not call, run or resume inst. */
struct wb_wasm_host_func {
    enum wb_wasm_host (*fn)(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots);
    void *ctx;
};

struct wb_wasm_instance_cfg {
    /* Bytes of the arena reserved for linear memory. 0: what the module declares at least, and what
     * the arena has left for growth. Less than declared: a backed prefix; access beyond it traps
     * with a reason of its own. More: room for memory.grow. */
    uint32_t memory_bytes;
    uint32_t stack_bytes;                  /* frames of calls: 4 bytes a slot, 8 a call; 0: 1,024 */
    uint32_t table_extra;                  /* entries by which each table may grow */
    const struct wb_wasm_host_func *funcs; /* kept; indexed by wb_wasm_import.index */
    uint16_t func_count;
    const uint64_t
        *globals; /* borrowed; values of imported globals, indexed by wb_wasm_import.index */
    uint16_t global_count;
};

#define WB_WASM_TRAP_LIST(X)                                                                       \
    X(NONE, "no trap")                                                                             \
    X(UNREACHABLE, "unreachable")                                                                  \
    X(MEMORY_BOUNDS, "out of bounds memory access")                                                \
    X(MEMORY_NOT_BACKED, "memory not backed")                                                      \
    X(TABLE_BOUNDS, "out of bounds table access")                                                  \
    X(UNDEFINED_ELEMENT, "undefined element")                                                      \
    X(UNINITIALIZED_ELEMENT, "uninitialized element")                                              \
    X(SIGNATURE, "indirect call type mismatch")                                                    \
    X(DIVIDE_BY_ZERO, "integer divide by zero")                                                    \
    X(INTEGER_OVERFLOW, "integer overflow")                                                        \
    X(CONVERSION, "invalid conversion to integer")                                                 \
    X(STACK, "call stack exhausted")                                                               \
    X(HOST, "host function failed")                                                                \
    X(EXIT, "application exited")

enum wb_wasm_trap_kind {
#define WB_WASM_TRAP_ENUM(code, text) WB_WASM_TRAP_##code,
    WB_WASM_TRAP_LIST(WB_WASM_TRAP_ENUM)
#undef WB_WASM_TRAP_ENUM
        WB_WASM_TRAP_COUNT
};

/* Text of a trap, for people (the specification's words); never NULL. */
const char *wb_wasm_trap_str(enum wb_wasm_trap_kind kind);

struct wb_wasm_trap {
    enum wb_wasm_trap_kind kind;
    uint32_t func;             /* function index; UINT32_MAX when none was running */
    uint32_t offset;           /* module byte offset of the instruction */
    uint32_t image_offset;     /* of its code */
    uint32_t address;          /* MEMORY_*: first byte of the access, modulo 2^32 */
    uint64_t backed, declared; /* bytes; for "memory not backed: N of M bytes" */
};

enum wb_wasm_status {
    WB_WASM_IDLE,        /* nothing was called */
    WB_WASM_READY,       /* called or resumed, run() goes on */
    WB_WASM_DONE,        /* results can be read */
    WB_WASM_OUT_OF_FUEL, /* run() goes on */
    WB_WASM_SUSPENDED,   /* a host function asked for it: wb_wasm_resume() */
    WB_WASM_TRAP,        /* see wb_wasm_trap_get() */
};

struct wb_wasm_table {
    uint32_t *elems;
    uint32_t len, cap;
};

/* An instance. The fields are private. */
struct wb_wasm_instance {
    struct wb_wasm_image image;
    const struct wb_wasm_host_func *funcs;
    uint8_t *memory;
    uint32_t memory_len; /* bytes that can be accessed */
    uint32_t memory_cap; /* bytes the arena has for it */
    uint32_t pages, pages_max;
    uint32_t *globals;
    struct wb_wasm_table *tables;
    uint32_t *dropped;           /* bits: element segments, then data segments */
    uint32_t *stack, *stack_end; /* values from the start up, return records from the end down */
    uint32_t *fp, *csp;
    const uint32_t *pc;
    uint64_t fuel_used;
    uint32_t call_func;
    uint32_t acc; /* accumulator, while the interpreter does not run */
    uint32_t trap_address;
    uint32_t *tables_max;  /* declared maximum of each table's entries */
    uint32_t far_slots[8]; /* small frame of FAR; code of a call to an imported function */
    uint32_t *far_fp;
    uint16_t func_count, table_count;
    uint8_t status, trap, page_log2, has_memory;
};

/* Makes an instance in the arena (kept, 8-byte aligned) and carries out its initialisers: globals,
 * element and data segments. The start function, if any, is prepared as a call would be: run it
 * before others (status READY). Outcomes: WB_ERR_MEMORY: the arena is too small (fault says for
 * what); WB_ERR_IMPORT: cfg lacks an import; WB_ERR_TRAP: a segment does not fit its table or
 * memory. fault may be NULL. */
WB_MUST_USE enum wb_err wb_wasm_instance_init(struct wb_wasm_instance *inst,
                                              const struct wb_wasm_image *image, void *arena,
                                              size_t arena_len,
                                              const struct wb_wasm_instance_cfg *cfg,
                                              struct wb_fault *fault);

/* Prepares a call of function func with arg_count arguments, one a parameter. An earlier call that
 * is not finished is given up. Outcomes: WB_ERR_NOT_FOUND: no such function; WB_ERR_VALUE: another
 * number of parameters; WB_ERR_MEMORY: stack too small for the arguments. */
WB_MUST_USE enum wb_err wb_wasm_call(struct wb_wasm_instance *inst, uint32_t func,
                                     const uint64_t *args, size_t arg_count);

/* Executes for about fuel words of code (one word is about one operation; at most 2^27 a call).
 * Returns DONE, OUT_OF_FUEL, SUSPENDED or TRAP; IDLE when nothing was called. Never blocks. */
enum wb_wasm_status wb_wasm_run(struct wb_wasm_instance *inst, uint32_t fuel);

/* Delivers the results of the host function that suspended; then status is READY. results holds one
 * value a result. Outcomes: WB_ERR_STATE when the instance is not suspended. */
WB_MUST_USE enum wb_err wb_wasm_resume(struct wb_wasm_instance *inst, const uint64_t *results);

/* Lets a suspended call fail: the next run() returns TRAP of this kind. */
WB_MUST_USE enum wb_err wb_wasm_resume_trap(struct wb_wasm_instance *inst,
                                            enum wb_wasm_trap_kind kind);

/* Number of results of the call that is DONE; copies up to cap of them. */
size_t wb_wasm_results(const struct wb_wasm_instance *inst, uint64_t *results, size_t cap);

enum wb_wasm_status wb_wasm_status(const struct wb_wasm_instance *inst);

/* Words executed since instance_init. */
uint64_t wb_wasm_fuel_used(const struct wb_wasm_instance *inst);

/* len bytes of linear memory at addr, or NULL when they are not all there (bounds and backing). The
 * pointer is good until the instance runs again. len = 0 gives a non-NULL pointer for addr within
 * bounds. */
uint8_t *wb_wasm_memory(struct wb_wasm_instance *inst, uint32_t addr, uint32_t len);

/* What memory.size would say, in bytes, and how many of them can be accessed. */
uint64_t wb_wasm_memory_declared(const struct wb_wasm_instance *inst);
uint32_t wb_wasm_memory_backed(const struct wb_wasm_instance *inst);

/* The trap of an instance whose status is TRAP. */
void wb_wasm_trap_get(const struct wb_wasm_instance *inst, struct wb_wasm_trap *trap);

/* Walks the calls of a trapped, suspended or interrupted instance, innermost first: depth 0, 1, 2 …
 * until it returns false. */
bool wb_wasm_backtrace(const struct wb_wasm_instance *inst, uint32_t depth, uint32_t *func,
                       uint32_t *module_offset);

/* ---- for tools; not part of boards ---------------------------------------------------------- */

/* As wb_wasm_run() for one operation: OUT_OF_FUEL when there is more to do. */
enum wb_wasm_status wb_wasm_step(struct wb_wasm_instance *inst);

/* Where the next operation lies, in bytes from the image's start (UINT32_MAX: not in the image),
 * and how many calls are open. */
uint32_t wb_wasm_position(const struct wb_wasm_instance *inst, uint32_t *depth);

/* Which function, and byte of the module, code at an offset of the image comes from. */
bool wb_wasm_locate(const struct wb_wasm_image *image, uint32_t offset, uint32_t *func,
                    uint32_t *module_offset);

/* ---- state ---------------------------------------------------------------------------------- */

/* Value of global index (imports counted), as in args. Outcomes: WB_ERR_NOT_FOUND. */
WB_MUST_USE enum wb_err wb_wasm_global_get(const struct wb_wasm_instance *inst, uint32_t index,
                                           uint64_t *value);

#endif
