/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasm_vm.h: a module installed in memory as a board installs it in flash, and an instance of it.
 * Shape    load a module, wasm_image_install, wasm_vm_open, then calls with wasm_vm_run
 */
#ifndef WB_CLI_WASM_VM_H
#define WB_CLI_WASM_VM_H

#include "wasm_host.h"
#include "wasm_module.h"
#include "wb_wasm.h"

/* Memory that plays flash. */
struct wasm_image {
    uint32_t *words;
    size_t len, cap; /* bytes */
};

/* Installs through the streaming installer; prints what is wrong with the module (named file) and
 * returns false. imports: usually wasm_host_imports. */
struct wasm_install_options {
    const struct wb_wasm_import *imports;
    uint16_t import_count;
    bool any_import;               /* unknown ones, too: to look at, not to run */
    uint32_t chunk;                /* bytes fed at once; 0: all */
    bool is_quiet;                 /* do not print */
    struct wb_wasm_install *state; /* not NULL: the installer, to be asked what was wrong */
};
enum wb_err wasm_image_install(struct wasm_image *image, const struct wasm_module *m,
                               const char *file, const struct wasm_install_options *options);
void wasm_image_free(struct wasm_image *image);

/* Boards, for what fits where. Figures of the firmware: boards/README.md and board_config.h. */
struct wasm_board {
    const char *name;
    uint32_t flash; /* bytes for images; one application and its next version must fit at a time */
    uint32_t ram;   /* bytes of arena for applications */
    uint32_t stack; /* bytes that each application gets for its calls */
};
const struct wasm_board *wasm_board_find(const char *name);
const struct wasm_board *wasm_board_get(size_t index); /* NULL behind the last */
/* "hifive1, cortex-m, posix" */
const char *wasm_board_names(void);
/* Arena bytes that an instance takes on a board: bookkeeping, globals, tables, stack, memory. */
uint64_t wasm_board_ram_need(const struct wasm_board *board, const struct wb_wasm_info *info,
                             uint64_t memory);

struct wasm_vm {
    const struct wasm_module *module; /* borrowed, as file */
    const char *file;
    struct wasm_image bytes;
    struct wb_wasm_image image;
    struct wb_wasm_info info;
    struct wb_wasm_instance inst;
    struct wasm_host host;
    void *arena;
    size_t arena_len;
    bool has_fuel;
    uint64_t fuel_left;
    wb_ms end_at; /* WB_NEVER: runs until it ends by itself */
    /* Called instead of wb_wasm_run(); NULL: wb_wasm_run itself. */
    enum wb_wasm_status (*run)(struct wasm_vm *vm, uint32_t fuel);
    void *run_ctx;
    uint32_t trace_depth, trace_func; /* last position of a trace */
};

struct wasm_vm_options {
    const struct wasm_board *board; /* limits of this board; NULL: those of this machine */
    uint64_t memory;                /* backed bytes; 0: what the module declares, and growth */
    uint32_t stack;                 /* bytes for calls; 0: the board's, else 1 MiB */
    uint64_t fuel;                  /* 0: unlimited */
};

enum wasm_end {
    WASM_END_DONE,
    WASM_END_EXIT,   /* proc_exit: host.exit_code */
    WASM_END_TRAP,   /* reported */
    WASM_END_FUEL,   /* reported */
    WASM_END_TIME,   /* end_at has come */
    WASM_END_FAILED, /* could not be called; reported */
};

/* Installs and instantiates, and runs the start function. vm is zeroed but for host, which was
 * initialised; prints what is wrong. */
enum wasm_end wasm_vm_open(struct wasm_vm *vm, const struct wasm_module *m, const char *file,
                           const struct wasm_vm_options *options);
void wasm_vm_close(struct wasm_vm *vm);
/* Calls function func and runs it to its end, waiting where it waits. */
enum wasm_end wasm_vm_call(struct wasm_vm *vm, uint32_t func, const uint64_t *args, size_t count);
/* What `wasmbed wasm run` does with a program: _start, or _initialize and callbacks until there is
 * nothing to wait for. */
enum wasm_end wasm_vm_main(struct wasm_vm *vm);
/* Reason, address and calls on standard error. */
void wasm_vm_report_trap(const struct wasm_vm *vm);

/* "i32:5"; text of a value of a signature's letter. */
const char *wasm_value_text(char type, uint64_t value, char *buf, size_t cap);
/* The reverse: "5", "-1", "0x1f", "1.5", "nan", "-inf", also with "i32:" before. */
bool wasm_value_read(char type, const char *text, uint64_t *value);

#endif
