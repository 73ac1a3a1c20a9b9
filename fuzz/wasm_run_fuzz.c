/* SPDX-License-Identifier: AGPL-3.0-only */
/* Any bytes as a module: installed in chunks into memory that checks the rules of flash, and, when
 * it validates, every exported function is called with bounded fuel. */
/* uses: wasm */
#include <stdlib.h>
#include <string.h>

#include "wb_wasm.h"

#define IMAGE_MAX (1u << 20)
#define ARENA_LEN (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct flash {
    uint8_t *bytes;
    uint8_t *programmed;
    size_t len;
};

static enum wb_err append(void *ctx, const void *bytes, size_t len)
{
    struct flash *f = ctx;
    if (len > IMAGE_MAX - f->len) {
        return WB_ERR_FULL;
    }
    memcpy(f->bytes + f->len, bytes, len);
    memset(f->programmed + f->len / 4, 0, len / 4);
    f->len += len;
    return WB_OK;
}

static enum wb_err program(void *ctx, uint32_t offset, uint32_t word)
{
    struct flash *f = ctx;
    uint32_t old;
    if (offset % 4 != 0 || offset + 4 > f->len || f->programmed[offset / 4]++ != 0) {
        abort();
    }
    memcpy(&old, f->bytes + offset, 4);
    if ((word & ~old) != 0) {
        abort();
    }
    memcpy(f->bytes + offset, &word, 4);
    return WB_OK;
}

static enum wb_err read_back(void *ctx, uint32_t offset, void *buf, size_t len)
{
    struct flash *f = ctx;
    if (offset > f->len || len > f->len - offset) {
        abort();
    }
    memcpy(buf, f->bytes + offset, len);
    return WB_OK;
}

static enum wb_wasm_host host(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    slots[0] += wb_wasm_memory_backed(inst);
    return slots[0] % 3 == 0 ? WB_WASM_HOST_SUSPEND : WB_WASM_HOST_DONE;
}

static void run(struct wb_wasm_instance *inst)
{
    static const uint64_t results[WB_WASM_HOST_SLOTS];
    uint64_t out[4];
    struct wb_wasm_trap trap;
    uint32_t func;
    uint32_t offset;
    for (unsigned i = 0; i < 20; i++) {
        switch (wb_wasm_run(inst, 500)) {
        case WB_WASM_SUSPENDED:
            if (wb_wasm_resume(inst, results) != WB_OK) {
                abort(); /* a suspended call always takes its results */
            }
            break;
        case WB_WASM_TRAP: wb_wasm_trap_get(inst, &trap); break;
        default: break;
        }
    }
    for (uint32_t depth = 0; depth < 8 && wb_wasm_backtrace(inst, depth, &func, &offset); depth++) {
    }
    (void)wb_wasm_results(inst, out, 4);
}

static void instance(const struct flash *flash)
{
    static uint64_t arena[ARENA_LEN / 8];
    static const struct wb_wasm_host_func funcs[] = {{host, NULL}};
    static const uint64_t globals[] = {7};
    struct wb_wasm_image image;
    struct wb_wasm_instance inst;
    struct wb_wasm_entry entry;
    struct wb_wasm_instance_cfg cfg = {.memory_bytes = 4096,
                                       .stack_bytes = 4096,
                                       .table_extra = 4,
                                       .funcs = funcs,
                                       .func_count = 1,
                                       .globals = globals,
                                       .global_count = 1};
    if (wb_wasm_image_open(&image, flash->bytes, flash->len) != WB_OK) {
        abort(); /* what was installed can be opened */
    }
    if (wb_wasm_instance_init(&inst, &image, arena, sizeof arena, &cfg, NULL) != WB_OK) {
        return;
    }
    run(&inst);
    for (uint32_t cursor = 0; wb_wasm_export_next(&image, &cursor, &entry);) {
        uint64_t args[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        char signature[16];
        if (entry.kind == WB_WASM_FUNC &&
            wb_wasm_func_signature(&image, entry.index, signature, sizeof signature) == WB_OK) {
            size_t count = (size_t)(strchr(signature, '>') - signature);
            if (count <= 8 && wb_wasm_call(&inst, entry.index, args, count) == WB_OK) {
                run(&inst);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct wb_wasm_import imports[] = {
        {"e", "f", "i>i", 0, WB_WASM_FUNC, 0, 0},
        {"e", "F", "I>", 0, WB_WASM_FUNC, 0, 0},
        {"e", "v", ">", 0, WB_WASM_FUNC, 0, 0},
        {"e", "g", "i", 0, WB_WASM_GLOBAL, 0, 0},
        {"e", "m", "", 0, WB_WASM_MEMORY, 1, 2},
        {"e", "t", "p", 0, WB_WASM_TABLE, 10, 20},
        {"env", "add", "iI>I", 0, WB_WASM_FUNC, 0, 0},
        {"env", "wait", "i>i", 0, WB_WASM_FUNC, 0, 0},
        {"env", "quit", "i>", 0, WB_WASM_FUNC, 0, 0},
    };
    static uint32_t mem[175];
    static uint32_t image[IMAGE_MAX / 4];
    static uint8_t programmed[IMAGE_MAX / 4];
    struct flash flash = {(uint8_t *)image, programmed, 0};
    struct wb_wasm_install x;
    struct wb_wasm_install_cfg cfg = {.sink = {append, program, read_back, &flash},
                                      .imports = imports,
                                      .import_count = WB_ARRAY_LEN(imports),
                                      .mem = mem,
                                      .mem_len = sizeof mem};
    enum wb_err err = wb_wasm_install_init(&x, &cfg);
    size_t chunk = size > 0 ? data[size - 1] % 40 + 1 : 1;
    for (size_t at = 0; at < size && err == WB_OK; at += chunk) {
        err = wb_wasm_install_feed(&x, data + at, size - at < chunk ? size - at : chunk);
    }
    if (err == WB_OK && wb_wasm_install_finish(&x, NULL) == WB_OK) {
        instance(&flash);
    }
    return 0;
}
