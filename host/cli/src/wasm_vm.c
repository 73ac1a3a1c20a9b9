/* SPDX-License-Identifier: AGPL-3.0-only */
/* Installing and running modules on this machine: the sink, the instance, the loop around
 * wb_wasm_run() that sleeps where an application waits, and the trap report. */
#include "wasm_vm.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define STACK_DEFAULT (1024u * 1024u)
#define GROWTH_MAX    ((uint64_t)1 << 30) /* of linear memory, when nothing else is said */
#define TABLE_EXTRA   4096u
#define FUEL_SLICE    (1u << 24)
#define TRACE_DEPTH   64u /* calls told of a trap */

/* ---- boards -------------------------------------------------------------------------------- */

/* Store of 256 KB (posix: 1 MB) less four sectors of records; arenas of firmware 0.1.0. */
static const struct wasm_board boards[] = {
    {"hifive1", 256 * 1024 - 4 * 4096, 6744, 1024},
    {"cortex-m", 256 * 1024 - 4 * 4096, 101768, 4096},
    {"posix", 1024 * 1024 - 4 * 4096, 1024 * 1024, 8192},
};
/* The agent's bookkeeping of an instance on a 32-bit board, the interpreter's struct included. */
#define RUN_BYTES 488u

const struct wasm_board *wasm_board_get(size_t index)
{
    return index < WB_ARRAY_LEN(boards) ? &boards[index] : NULL;
}

const struct wasm_board *wasm_board_find(const char *name)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(boards); i++) {
        if (strcmp(boards[i].name, name) == 0) {
            return &boards[i];
        }
    }
    return NULL;
}

const char *wasm_board_names(void)
{
    return "hifive1, cortex-m, posix";
}

static uint64_t align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

uint64_t wasm_board_ram_need(const struct wasm_board *board, const struct wb_wasm_info *info,
                             uint64_t memory)
{
    return RUN_BYTES + align8(info->ram_len) + align8(memory) + align8(board->stack) + 16;
}

/* ---- installing ---------------------------------------------------------------------------- */

static enum wb_err image_append(void *ctx, const void *bytes, size_t len)
{
    struct wasm_image *image = ctx;
    if (image->len + len > image->cap) {
        size_t cap = (image->len + len) * 2 + 4096;
        uint32_t *words = realloc(image->words, cap);
        if (words == NULL) {
            return WB_ERR_MEMORY;
        }
        image->words = words;
        image->cap = cap;
    }
    memcpy((uint8_t *)image->words + image->len, bytes, len);
    image->len += len;
    return WB_OK;
}

static enum wb_err image_program(void *ctx, uint32_t offset, uint32_t word)
{
    struct wasm_image *image = ctx;
    if (offset % 4 != 0 || offset + 4 > image->len) {
        return WB_ERR_FLASH;
    }
    image->words[offset / 4] &= word; /* as flash does */
    return WB_OK;
}

static enum wb_err image_read(void *ctx, uint32_t offset, void *buf, size_t len)
{
    const struct wasm_image *image = ctx;
    if (offset > image->len || len > image->len - offset) {
        return WB_ERR_FLASH;
    }
    memcpy(buf, (const uint8_t *)image->words + offset, len);
    return WB_OK;
}

static void install_report(const struct wb_wasm_install *x, const struct wasm_module *m,
                           const char *file, enum wb_err err)
{
    char name[96];
    char line[256];
    fprintf(stderr, "wasmbed: %s: %s", file,
            x->fault.what != NULL ? x->fault.what : wb_err_str(err));
    if (err == WB_ERR_IMPORT) {
        fprintf(stderr,
                ": %s.%s; devices offer wasi_snapshot_preview1 (without files) and wasmbed "
                "(sdk/c/wasmbed.h)",
                x->import_module, x->import_name);
    } else if (x->fault.what != NULL && x->fault.where[0] != UINT32_MAX) {
        wasm_line_text(m, x->fault.where[1], line, sizeof line);
        fprintf(stderr, " in %s at offset 0x%x%s%s",
                wasm_func_name(m, x->fault.where[0], name, sizeof name), x->fault.where[1],
                line[0] != '\0' ? ", " : "", line);
    } else if (x->fault.what != NULL) {
        fprintf(stderr, " at offset 0x%x", x->fault.where[1]);
    }
    fprintf(stderr, "%s%s\n", x->fault.hint != NULL ? "; " : "",
            x->fault.hint != NULL ? x->fault.hint : "");
}

enum wb_err wasm_image_install(struct wasm_image *image, const struct wasm_module *m,
                               const char *file, const struct wasm_install_options *options)
{
    struct wb_wasm_install own;
    struct wb_wasm_install *x = options->state != NULL ? options->state : &own;
    size_t mem_len = 256 * 1024;
    uint32_t *mem = malloc(mem_len);
    struct wb_wasm_install_cfg cfg = {.sink = {image_append, image_program, image_read, image},
                                      .imports = options->imports,
                                      .import_count = options->import_count,
                                      .mem = mem,
                                      .mem_len = mem_len,
                                      .any_import = options->any_import};
    memset(image, 0, sizeof *image);
    memset(x, 0, sizeof *x);
    enum wb_err err = mem != NULL ? wb_wasm_install_init(x, &cfg) : WB_ERR_MEMORY;
    size_t chunk = options->chunk != 0 ? options->chunk : m->len;
    for (size_t at = 0; err == WB_OK && at < m->len; at += chunk) {
        err = wb_wasm_install_feed(x, m->bytes + at, m->len - at < chunk ? m->len - at : chunk);
    }
    if (err == WB_OK) {
        err = wb_wasm_install_finish(x, NULL);
    }
    if (err != WB_OK) {
        if (!options->is_quiet) {
            install_report(x, m, file, err);
        }
        wasm_image_free(image);
    }
    free(mem);
    return err;
}

void wasm_image_free(struct wasm_image *image)
{
    free(image->words);
    *image = (struct wasm_image){NULL, 0, 0};
}

/* ---- instance ------------------------------------------------------------------------------ */

/* The arena: a board's exact need, or as much address space as the options allow for. */
static bool arena_make(struct wasm_vm *vm, const struct wasm_vm_options *o, uint64_t memory,
                       uint32_t stack)
{
    uint64_t declared = vm->info.memory_min;
    uint64_t max = vm->info.memory_max < GROWTH_MAX ? vm->info.memory_max : GROWTH_MAX;
    uint64_t room = memory != 0 ? memory : (declared > max ? declared : max);
    if (o->board != NULL && memory == 0) {
        room = declared;
    }
    if (vm->info.memory_min == 0 && vm->info.memory_max == 0) {
        room = 0;
    }
    uint64_t len = align8(vm->info.ram_len) + align8(stack) + align8(room) + 64;
    len += o->board == NULL ? (uint64_t)64 * TABLE_EXTRA * 4 : 0;
    vm->arena_len = (size_t)len;
    vm->arena = mmap(NULL, vm->arena_len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (vm->arena == MAP_FAILED) {
        vm->arena = NULL;
        fprintf(stderr, "wasmbed: %s: no room for %" PRIu64 " bytes: %s\n", vm->file, len,
                strerror(errno));
        return false;
    }
    return true;
}

/* Says "needs N bytes of flash, hifive1 has M" when it does not fit. */
static bool board_fits(const struct wasm_vm *vm, const struct wasm_board *board, uint64_t memory)
{
    uint64_t need = wasm_board_ram_need(board, &vm->info, memory);
    if (vm->info.image_len > board->flash) {
        fprintf(stderr, "wasmbed: %s needs %u bytes of flash, %s has %u\n", vm->file,
                vm->info.image_len, board->name, board->flash);
        return false;
    }
    if (need > board->ram) {
        struct wasm_layout layout;
        wasm_layout_get(vm->module, &layout);
        fprintf(stderr,
                "wasmbed: %s needs %" PRIu64 " bytes of RAM (linear memory %" PRIu64 "), %s has %u",
                vm->file, need, memory, board->name, board->ram);
        uint64_t least = wasm_board_ram_need(board, &vm->info, layout.memory_need);
        if (least <= board->ram && layout.memory_need < memory) {
            fprintf(stderr,
                    "; data and stack take %" PRIu64 " bytes, so --memory %" PRIu64
                    " (resources.memory) may do",
                    layout.memory_need, align8(layout.memory_need));
        }
        fprintf(stderr, "\n");
        return false;
    }
    return true;
}

static enum wasm_end drive(struct wasm_vm *vm);

enum wasm_end wasm_vm_open(struct wasm_vm *vm, const struct wasm_module *m, const char *file,
                           const struct wasm_vm_options *o)
{
    static const struct wasm_install_options install = {.imports = wasm_host_imports,
                                                        .import_count = WASM_HOST_FUNCS};
    struct wb_fault fault = {0};
    vm->module = m;
    vm->file = file;
    vm->end_at = WB_NEVER;
    vm->has_fuel = o->fuel != 0;
    vm->fuel_left = o->fuel;
    if (wasm_image_install(&vm->bytes, m, file, &install) != WB_OK ||
        wb_wasm_image_open(&vm->image, vm->bytes.words, vm->bytes.len) != WB_OK) {
        return WASM_END_FAILED;
    }
    wb_wasm_image_info(&vm->image, &vm->info);
    bool has_memory = vm->info.memory_min != 0 || vm->info.memory_max != 0;
    uint64_t memory = has_memory ? o->memory : 0;
    uint32_t stack = o->stack != 0 ? o->stack : o->board != NULL ? o->board->stack : STACK_DEFAULT;
    if (o->board != NULL && !board_fits(vm, o->board, memory != 0 ? memory : vm->info.memory_min)) {
        return WASM_END_FAILED;
    }
    if (!arena_make(vm, o, memory, stack)) {
        return WASM_END_FAILED;
    }
    struct wb_wasm_instance_cfg cfg = {.memory_bytes = (uint32_t)memory,
                                       .stack_bytes = stack,
                                       .table_extra = o->board == NULL ? TABLE_EXTRA : 0,
                                       .funcs = vm->host.funcs,
                                       .func_count = WASM_HOST_FUNCS};
    enum wb_err err =
        wb_wasm_instance_init(&vm->inst, &vm->image, vm->arena, vm->arena_len, &cfg, &fault);
    if (err != WB_OK) {
        fprintf(stderr, "wasmbed: %s: cannot be started: %s%s%s\n", file,
                fault.what != NULL ? fault.what : wb_err_str(err), fault.hint != NULL ? "; " : "",
                fault.hint != NULL ? fault.hint : "");
        return err == WB_ERR_TRAP ? WASM_END_TRAP : WASM_END_FAILED;
    }
    return wb_wasm_status(&vm->inst) == WB_WASM_READY ? drive(vm) : WASM_END_DONE;
}

void wasm_vm_close(struct wasm_vm *vm)
{
    wasm_image_free(&vm->bytes);
    if (vm->arena != NULL) {
        munmap(vm->arena, vm->arena_len);
    }
    vm->arena = NULL;
}

/* ---- running ------------------------------------------------------------------------------- */

static void sleep_until(wb_ms until)
{
    wb_ms now = wasm_host_now();
    if (until > now) {
        wb_ms ms = until - now;
        struct timespec span = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
        nanosleep(&span, NULL);
    }
}

static enum wb_wasm_status run_slice(struct wasm_vm *vm)
{
    uint32_t fuel = FUEL_SLICE;
    uint64_t before = wb_wasm_fuel_used(&vm->inst);
    if (vm->has_fuel && vm->fuel_left < fuel) {
        fuel = (uint32_t)vm->fuel_left;
    }
    enum wb_wasm_status status = vm->run != NULL ? vm->run(vm, fuel) : wb_wasm_run(&vm->inst, fuel);
    uint64_t used = wb_wasm_fuel_used(&vm->inst) - before;
    vm->fuel_left = used < vm->fuel_left ? vm->fuel_left - used : 0;
    return status;
}

/* Runs what was called to its end. */
static enum wasm_end drive(struct wasm_vm *vm)
{
    for (;;) {
        if (wasm_host_now() >= vm->end_at) {
            return WASM_END_TIME;
        }
        switch (run_slice(vm)) {
        case WB_WASM_DONE:
        case WB_WASM_IDLE: return WASM_END_DONE;
        case WB_WASM_READY: break;
        case WB_WASM_OUT_OF_FUEL:
            if (vm->has_fuel && vm->fuel_left == 0) {
                uint32_t func;
                uint32_t offset;
                char name[96];
                bool is_known = wb_wasm_backtrace(&vm->inst, 0, &func, &offset);
                fprintf(stderr, "wasmbed: %s: out of fuel after %" PRIu64 " words of code in %s\n",
                        vm->file, wb_wasm_fuel_used(&vm->inst),
                        is_known ? wasm_func_name(vm->module, func, name, sizeof name) : "?");
                return WASM_END_FUEL;
            }
            break;
        case WB_WASM_SUSPENDED:
            sleep_until(wb_ms_min(vm->host.wake_at, vm->end_at));
            if (wasm_host_now() >= vm->host.wake_at) {
                wasm_host_resume(&vm->host, &vm->inst);
            }
            break;
        case WB_WASM_TRAP:
            if (vm->host.has_exited) {
                return WASM_END_EXIT;
            }
            wasm_vm_report_trap(vm);
            return WASM_END_TRAP;
        }
    }
}

enum wasm_end wasm_vm_call(struct wasm_vm *vm, uint32_t func, const uint64_t *args, size_t count)
{
    enum wb_err err = wb_wasm_call(&vm->inst, func, args, count);
    if (err != WB_OK) {
        fprintf(stderr, "wasmbed: %s: the call is not possible: %s\n", vm->file, wb_err_str(err));
        return WASM_END_FAILED;
    }
    return drive(vm);
}

static bool func_find(const struct wasm_vm *vm, const char *name, const char *signature,
                      uint32_t *func)
{
    return wb_wasm_export_find(&vm->image, WB_WASM_FUNC, name, func) == WB_OK &&
           wb_wasm_func_has_signature(&vm->image, *func, signature);
}

/* One callback of a reactor, if one is due; *due says when the next timer is. */
static enum wasm_end callback(struct wasm_vm *vm, bool *was_idle, wb_ms *due)
{
    struct wasm_host *host = &vm->host;
    enum wasm_end end = WASM_END_DONE;
    uint32_t func;
    wb_ms now = wasm_host_now();
    *due = WB_NEVER;
    *was_idle = true;
    for (uint32_t i = 0; i < WASM_TIMERS_MAX && end == WASM_END_DONE; i++) {
        if (host->timers[i].next <= now) {
            uint64_t id = i;
            host->timers[i].next += host->timers[i].period_ms;
            if (host->timers[i].next <= now) {
                host->timers[i].next = now + host->timers[i].period_ms;
            }
            *was_idle = false;
            if (func_find(vm, "on_timer", "i>", &func)) {
                end = wasm_vm_call(vm, func, &id, 1);
            }
        }
        *due = wb_ms_min(*due, host->timers[i].next);
    }
    if (host->inbox_count > 0 && end == WASM_END_DONE) {
        const struct wasm_message *message = &host->inbox[host->inbox_first];
        uint64_t args[2] = {message->handle, message->len};
        *was_idle = false;
        host->has_message = true;
        if (func_find(vm, "on_message", "ii>", &func)) {
            end = wasm_vm_call(vm, func, args, 2);
        }
        host->has_message = false;
        host->inbox_first = (host->inbox_first + 1) % WASM_INBOX_MAX;
        host->inbox_count--;
    }
    return end;
}

enum wasm_end wasm_vm_main(struct wasm_vm *vm)
{
    uint32_t func;
    enum wasm_end end = WASM_END_DONE;
    bool is_reactor = func_find(vm, "_initialize", ">", &func);
    if (!is_reactor && func_find(vm, "_start", ">", &func)) {
        return wasm_vm_call(vm, func, NULL, 0);
    }
    uint32_t unused;
    if (!is_reactor && !func_find(vm, "on_timer", "i>", &unused) &&
        !func_find(vm, "on_message", "ii>", &unused)) {
        fprintf(stderr,
                "wasmbed: %s exports neither _start nor _initialize nor callbacks; call a function "
                "of it with --invoke NAME (`wasmbed wasm info %s` lists them)\n",
                vm->file, vm->file);
        return WASM_END_FAILED;
    }
    if (is_reactor) {
        end = wasm_vm_call(vm, func, NULL, 0);
    }
    while (end == WASM_END_DONE) {
        wb_ms due;
        bool was_idle;
        end = callback(vm, &was_idle, &due);
        if (end == WASM_END_DONE && was_idle) {
            if (due == WB_NEVER) {
                break; /* nothing will ever happen again */
            }
            sleep_until(wb_ms_min(due, vm->end_at));
            end = wasm_host_now() >= vm->end_at ? WASM_END_TIME : end;
        }
    }
    return end;
}

void wasm_vm_report_trap(const struct wasm_vm *vm)
{
    struct wb_wasm_trap trap;
    wb_wasm_trap_get(&vm->inst, &trap);
    bool is_host = trap.kind == WB_WASM_TRAP_HOST && vm->host.trap_reason != NULL;
    fprintf(stderr, "wasmbed: %s: trap: %s", vm->file,
            is_host ? vm->host.trap_reason : wb_wasm_trap_str(trap.kind));
    if (trap.kind == WB_WASM_TRAP_MEMORY_NOT_BACKED) {
        fprintf(stderr, ": %" PRIu64 " of %" PRIu64 " bytes; access to address 0x%x", trap.backed,
                trap.declared, trap.address);
    } else if (trap.kind == WB_WASM_TRAP_MEMORY_BOUNDS) {
        fprintf(stderr, ": address 0x%x, memory has %" PRIu64 " bytes", trap.address,
                trap.declared);
    }
    fprintf(stderr, "\n");
    uint32_t func;
    uint32_t offset;
    for (uint32_t depth = 0; wb_wasm_backtrace(&vm->inst, depth, &func, &offset); depth++) {
        char name[96];
        char line[256];
        if (depth == TRACE_DEPTH) {
            fprintf(stderr, "  ...\n");
            break;
        }
        wasm_line_text(vm->module, offset, line, sizeof line);
        fprintf(stderr, "  #%u %s (function %u, offset 0x%x)%s%s\n", depth,
                wasm_func_name(vm->module, func, name, sizeof name), func, offset,
                line[0] != '\0' ? " at " : "", line);
    }
}

/* ---- values -------------------------------------------------------------------------------- */

const char *wasm_value_text(char type, uint64_t value, char *buf, size_t cap)
{
    float f32;
    double f64;
    uint32_t low = (uint32_t)value;
    memcpy(&f32, &low, sizeof f32);
    memcpy(&f64, &value, sizeof f64);
    switch (type) {
    case 'i': snprintf(buf, cap, "i32:%" PRIu32, low); break;
    case 'I': snprintf(buf, cap, "i64:%" PRIu64, value); break;
    case 'f':
        if (isnan(f32)) {
            snprintf(buf, cap, "f32:%snan:0x%06x", low >> 31 != 0 ? "-" : "", low & 0x7fffff);
        } else {
            snprintf(buf, cap, "f32:%.9g", (double)f32);
        }
        break;
    case 'F':
        if (isnan(f64)) {
            snprintf(buf, cap, "f64:%snan:0x%013" PRIx64, value >> 63 != 0 ? "-" : "",
                     value & 0xfffffffffffff);
        } else {
            snprintf(buf, cap, "f64:%.17g", f64);
        }
        break;
    case 'p':
        if (value == 0) {
            snprintf(buf, cap, "funcref:null");
        } else {
            snprintf(buf, cap, "funcref:%" PRIu32, low - 1);
        }
        break;
    default:
        if (value == 0) {
            snprintf(buf, cap, "externref:null");
        } else {
            snprintf(buf, cap, "externref:%" PRIu32, low - 1);
        }
        break;
    }
    return buf;
}

static bool integer_read(const char *text, bool is_64, uint64_t *value)
{
    char *end;
    bool is_negative = text[0] == '-';
    const char *digits = is_negative || text[0] == '+' ? text + 1 : text;
    bool is_hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (digits[0] < '0' || digits[0] > '9') {
        return false;
    }
    errno = 0;
    uint64_t number = strtoull(digits, &end, is_hex ? 16 : 10);
    uint64_t max = is_64 ? UINT64_MAX : UINT32_MAX;
    uint64_t min = is_64 ? (uint64_t)1 << 63 : (uint64_t)1 << 31;
    if (errno != 0 || *end != '\0' || number > (is_negative ? min : max)) {
        return false;
    }
    *value = (is_negative ? 0 - number : number) & max;
    return true;
}

static bool float_read(const char *text, bool is_64, uint64_t *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;
    if (strncmp(digits, "nan:0x", 6) == 0) {
        uint64_t payload = strtoull(digits + 6, &end, 16);
        uint64_t max = is_64 ? 0xfffffffffffff : 0x7fffff;
        if (*end != '\0' || end == digits + 6 || payload == 0 || payload > max) {
            return false;
        }
        *value = payload | (is_64 ? (uint64_t)0x7ff << 52 : (uint64_t)0x7f800000) |
                 (text[0] == '-' ? (uint64_t)1 << (is_64 ? 63 : 31) : 0);
        return true;
    }
    if (text[0] == '\0' || text[0] == ' ') {
        return false;
    }
    if (is_64) {
        double number = strtod(text, &end);
        memcpy(value, &number, sizeof number);
    } else {
        float number = strtof(text, &end);
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        *value = bits;
    }
    return *end == '\0';
}

bool wasm_value_read(char type, const char *text, uint64_t *value)
{
    static const struct {
        char type;
        const char *prefix;
    } prefixes[] = {{'i', "i32:"}, {'I', "i64:"}, {'f', "f32:"}, {'F', "f64:"}};
    for (size_t i = 0; i < WB_ARRAY_LEN(prefixes); i++) {
        if (prefixes[i].type == type && strncmp(text, prefixes[i].prefix, 4) == 0) {
            text += 4;
        }
    }
    switch (type) {
    case 'i': return integer_read(text, false, value);
    case 'I': return integer_read(text, true, value);
    case 'f': return float_read(text, false, value);
    case 'F': return float_read(text, true, value);
    case 'p':
    case 'e':
        *value = 0;
        if (strcmp(text, "null") == 0) {
            return true;
        }
        if (type == 'p' || !integer_read(text, false, value) || *value == UINT32_MAX) {
            return false;
        }
        (*value)++;
        return true;
    default: return false;
    }
}
