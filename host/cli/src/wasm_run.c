/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed wasm run`: a module on this machine, as a board would run it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "wasm_trace.h"
#include "wasm_vm.h"

#define EXIT_TRAP 134 /* as a process that aborts */

struct run_options {
    const char *invoke, *board;
    struct text_list env;
    long fuel, memory, stack, for_ms;
    bool is_traced, is_quiet;
};

/* argv[0] is the file's name without folder and suffix, as a device passes the application's. */
static char *program_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *name = strdup(slash != NULL ? slash + 1 : file);
    size_t len = name != NULL ? strlen(name) : 0;
    if (len > 5 && strcmp(name + len - 5, ".wasm") == 0) {
        name[len - 5] = '\0';
    }
    return name;
}

static bool env_is_good(const struct text_list *env)
{
    for (int i = 0; i < env->count; i++) {
        const char *equals = strchr(env->items[i], '=');
        if (equals == NULL || equals == env->items[i]) {
            fprintf(stderr, "wasmbed wasm run: --env takes NAME=VALUE, not: %s\n", env->items[i]);
            return false;
        }
    }
    return true;
}

static int exit_code(const struct wasm_vm *vm, enum wasm_end end)
{
    switch (end) {
    case WASM_END_DONE:
    case WASM_END_TIME: return EXIT_OK;
    case WASM_END_EXIT: return vm->host.exit_code & 0xff;
    case WASM_END_TRAP: return EXIT_TRAP;
    case WASM_END_FUEL:
    case WASM_END_FAILED: return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

/* Calls an export with arguments as its signature wants them, and prints its results. */
static int invoke(struct wasm_vm *vm, const char *name, char **words, int count)
{
    uint32_t func;
    char signature[2 * 1000 + 2];
    uint64_t values[1000];
    if (wb_wasm_export_find(&vm->image, WB_WASM_FUNC, name, &func) != WB_OK ||
        wb_wasm_func_signature(&vm->image, func, signature, sizeof signature) != WB_OK) {
        fprintf(stderr,
                "wasmbed: %s exports no function \"%s\"; `wasmbed wasm info %s` lists them\n",
                vm->file, name, vm->file);
        return EXIT_FAILED;
    }
    const char *results = strchr(signature, '>') + 1;
    int params = (int)(results - signature) - 1;
    if (params != count) {
        fprintf(stderr, "wasmbed: %s takes %d argument%s, not %d\n", name, params,
                params == 1 ? "" : "s", count);
        return EXIT_USAGE;
    }
    for (int i = 0; i < params; i++) {
        if (!wasm_value_read(signature[i], words[i], &values[i])) {
            char type[48];
            wasm_value_text(signature[i], 0, type, sizeof type);
            *strchr(type, ':') = '\0';
            fprintf(stderr, "wasmbed: argument %d of %s is %s, not: %s\n", i + 1, name, type,
                    words[i]);
            return EXIT_USAGE;
        }
    }
    enum wasm_end end = wasm_vm_call(vm, func, values, (size_t)params);
    if (end == WASM_END_DONE) {
        size_t have = wb_wasm_results(&vm->inst, values, WB_ARRAY_LEN(values));
        for (size_t i = 0; i < have; i++) {
            char text[64];
            printf("%s\n", wasm_value_text(results[i], values[i], text, sizeof text));
        }
    }
    return exit_code(vm, end);
}

static int run_file(const struct args *args, const struct run_options *o,
                    const struct wasm_board *board)
{
    const char *file = args->positional[0];
    struct wasm_module module;
    struct wasm_vm_options options = {.board = board,
                                      .memory = (uint64_t)o->memory,
                                      .stack = (uint32_t)o->stack,
                                      .fuel = (uint64_t)o->fuel};
    if (!wasm_module_load(&module, file)) {
        return EXIT_FAILED;
    }
    struct wasm_vm *vm = calloc(1, sizeof *vm);
    char *name = program_name(file);
    const char **words = calloc((size_t)args->rest_count + 1, sizeof *words);
    int code = EXIT_FAILED;
    if (vm != NULL && name != NULL && words != NULL) {
        words[0] = name;
        memcpy(words + 1, args->rest, sizeof *words * (size_t)args->rest_count);
        wasm_host_init(&vm->host);
        vm->host.args = words;
        vm->host.arg_count = (uint32_t)args->rest_count + 1;
        vm->host.env = o->env.items;
        vm->host.env_count = (uint32_t)o->env.count;
        vm->host.is_traced = o->is_traced;
        if (o->is_traced) {
            vm->run = wasm_trace_run;
        }
        enum wasm_end end = wasm_vm_open(vm, &module, file, &options);
        vm->end_at = o->for_ms != 0 ? wasm_host_now() + (wb_ms)o->for_ms : WB_NEVER;
        if (end != WASM_END_DONE) {
            code = exit_code(vm, end);
        } else if (o->invoke != NULL) {
            code = invoke(vm, o->invoke, args->rest, args->rest_count);
        } else {
            code = exit_code(vm, wasm_vm_main(vm));
        }
        wasm_vm_close(vm);
    }
    free(words);
    free(name);
    free(vm);
    wasm_module_free(&module);
    return code;
}

int command_wasm_run(struct args *args)
{
    struct run_options o = {0};
    const struct option options[] = {
        OPTION_TEXT("invoke", 0, "NAME", "call this export with ARGS; print its results",
                    &o.invoke),
        OPTION_LIST("env", 'e', "NAME=VALUE", "environment variable; may be repeated", &o.env),
        OPTION_NUMBER("fuel", 0, "N", "stop after N words of translated code (default: never)",
                      &o.fuel, 1, INT64_MAX),
        OPTION_NUMBER("memory", 0, "N", "bytes of linear memory that exist (resources.memory)",
                      &o.memory, 1, UINT32_MAX),
        OPTION_NUMBER("stack", 0, "N", "bytes for calls (default: 1 MiB, or the board's)", &o.stack,
                      64, 1 << 30),
        OPTION_TEXT("board", 'b', "NAME", "refuse what this board has no room for", &o.board),
        OPTION_NUMBER("for-ms", 0, "N", "end a reactor after so many milliseconds", &o.for_ms, 1,
                      INT32_MAX),
        OPTION_FLAG("trace", 0, "show calls, returns and host functions on standard error",
                    &o.is_traced),
        OPTION_END,
    };
    args->words_until_rest = 1;
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    const struct wasm_board *board = NULL;
    if (o.board != NULL && (board = wasm_board_find(o.board)) == NULL) {
        fprintf(stderr, "wasmbed wasm run: unknown board: %s; known are: %s\n", o.board,
                wasm_board_names());
        return EXIT_USAGE;
    }
    if (!env_is_good(&o.env)) {
        return EXIT_USAGE;
    }
    return run_file(args, &o, board);
}
