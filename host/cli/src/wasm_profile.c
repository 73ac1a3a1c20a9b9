/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed wasm profile`: which functions, or lines of source code, executed most operations of
 * translated code. Exact: every operation is counted; a host function is its caller's one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "wasm_trace.h"

#define LINE_TEXT_MAX 160

struct profile_options {
    const char *invoke;
    struct text_list env;
    long fuel, memory, top, for_ms;
    bool by_line;
};

struct place {
    uint64_t count;
    uint64_t calls;
    uint32_t func;
    uint32_t offset;          /* module offset of what was executed first */
    char line[LINE_TEXT_MAX]; /* by line */
};

static int by_count(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->count != y->count) {
        return x->count < y->count ? 1 : -1;
    }
    return x->func < y->func ? -1 : x->func > y->func;
}

static int by_line(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->line, ((const struct place *)b)->line);
}

/* Sums up the counts of image words; those of a function follow each other. */
static size_t functions_collect(const struct wasm_vm *vm, const struct wasm_counts *counts,
                                struct place *places)
{
    size_t used = 0;
    for (uint32_t i = 0; i < vm->image.len / 4; i++) {
        uint32_t func;
        uint32_t offset;
        if (counts->words[i] == 0 || !wb_wasm_locate(&vm->image, i * 4, &func, &offset)) {
            continue;
        }
        if (used == 0 || places[used - 1].func != func) {
            places[used++] = (struct place){.func = func, .offset = offset};
        }
        places[used - 1].count += counts->words[i];
        places[used - 1].calls += counts->calls[i];
    }
    return used;
}

/* Without line information a place is named by its module offset. */
static size_t lines_collect(const struct wasm_vm *vm, const struct wasm_counts *counts,
                            struct place *places)
{
    size_t count = 0;
    size_t used = 0;
    for (uint32_t i = 0; i < vm->image.len / 4; i++) {
        struct place *p = &places[count];
        if (counts->words[i] == 0 || !wb_wasm_locate(&vm->image, i * 4, &p->func, &p->offset)) {
            continue;
        }
        p->count = counts->words[i];
        wasm_line_text(vm->module, p->offset, p->line, sizeof p->line);
        if (p->line[0] == '\0') {
            snprintf(p->line, sizeof p->line, "offset 0x%x", p->offset);
        }
        count++;
    }
    qsort(places, count, sizeof *places, by_line);
    for (size_t i = 0; i < count; i++) {
        if (used > 0 && strcmp(places[used - 1].line, places[i].line) == 0) {
            places[used - 1].count += places[i].count;
        } else {
            places[used++] = places[i];
        }
    }
    return used;
}

static void print(const struct wasm_vm *vm, const struct wasm_counts *counts, bool is_by_line,
                  size_t top)
{
    struct place *places = calloc(vm->image.len / 4 + 1, sizeof *places);
    if (places == NULL) {
        fprintf(stderr, "wasmbed: no memory for the profile\n");
        return;
    }
    size_t count =
        is_by_line ? lines_collect(vm, counts, places) : functions_collect(vm, counts, places);
    qsort(places, count, sizeof *places, by_count);
    fprintf(stderr, "%" PRIu64 " operations, %" PRIu64 " words of code\n", counts->total,
            wb_wasm_fuel_used(&vm->inst));
    fprintf(stderr, is_by_line ? "%14s %7s  %s\n" : "%14s %7s %12s  %s\n", "operations", "share",
            is_by_line ? "place" : "calls", "function");
    for (size_t i = 0; i < count && i < top; i++) {
        char name[96];
        double share = 100.0 * (double)places[i].count / (double)counts->total;
        wasm_func_name(vm->module, places[i].func, name, sizeof name);
        if (is_by_line) {
            fprintf(stderr, "%14" PRIu64 " %6.2f%%  %s  %s\n", places[i].count, share,
                    places[i].line, name);
        } else {
            fprintf(stderr, "%14" PRIu64 " %6.2f%% %12" PRIu64 "  %s\n", places[i].count, share,
                    places[i].calls, name);
        }
    }
    if (count > top) {
        fprintf(stderr, "(%zu more; --top shows them)\n", count - top);
    }
    free(places);
}

/* Calls what is to be profiled. */
static enum wasm_end start(struct wasm_vm *vm, const struct profile_options *o, char **words,
                           int count)
{
    uint64_t values[64];
    char signature[130];
    uint32_t func;
    if (o->invoke == NULL) {
        return wasm_vm_main(vm);
    }
    if (wb_wasm_export_find(&vm->image, WB_WASM_FUNC, o->invoke, &func) != WB_OK ||
        wb_wasm_func_signature(&vm->image, func, signature, sizeof signature) != WB_OK) {
        fprintf(stderr, "wasmbed: %s exports no function \"%s\"\n", vm->file, o->invoke);
        return WASM_END_FAILED;
    }
    int params = (int)(strchr(signature, '>') - signature);
    for (int i = 0; i < params && params == count; i++) {
        if (!wasm_value_read(signature[i], words[i], &values[i])) {
            fprintf(stderr, "wasmbed: argument %d of %s is unusable: %s\n", i + 1, o->invoke,
                    words[i]);
            return WASM_END_FAILED;
        }
    }
    if (params != count) {
        fprintf(stderr, "wasmbed: %s takes %d argument%s, not %d\n", o->invoke, params,
                params == 1 ? "" : "s", count);
        return WASM_END_FAILED;
    }
    return wasm_vm_call(vm, func, values, (size_t)count);
}

static int profile(const struct args *args, const struct profile_options *o)
{
    struct wasm_module module;
    struct wasm_counts counts = {.words = NULL};
    const struct wasm_vm_options options = {.memory = (uint64_t)o->memory,
                                            .fuel = (uint64_t)o->fuel};
    if (!wasm_module_load(&module, args->positional[0])) {
        return EXIT_FAILED;
    }
    struct wasm_vm *vm = calloc(1, sizeof *vm);
    const char **words = calloc((size_t)args->rest_count + 1, sizeof *words);
    int code = EXIT_FAILED;
    if (vm != NULL && words != NULL) {
        words[0] = args->positional[0];
        memcpy(words + 1, args->rest, sizeof *words * (size_t)args->rest_count);
        wasm_host_init(&vm->host);
        vm->host.args = words;
        vm->host.arg_count = (uint32_t)args->rest_count + 1;
        vm->host.env = o->env.items;
        vm->host.env_count = (uint32_t)o->env.count;
        enum wasm_end end = wasm_vm_open(vm, &module, args->positional[0], &options);
        size_t words_count = end == WASM_END_DONE ? vm->image.len / 4 + 1 : 1;
        counts.words = calloc(words_count, sizeof *counts.words);
        counts.calls = calloc(words_count, sizeof *counts.calls);
        if (end == WASM_END_DONE && counts.words != NULL && counts.calls != NULL) {
            vm->run = wasm_count_run;
            vm->run_ctx = &counts;
            vm->end_at = o->for_ms != 0 ? wasm_host_now() + (wb_ms)o->for_ms : WB_NEVER;
            end = start(vm, o, args->rest, args->rest_count);
            fflush(stdout);
            if (end != WASM_END_FAILED) {
                print(vm, &counts, o->by_line, (size_t)o->top);
                code = EXIT_OK; /* a trap or the end of the fuel is told; the figures are good */
            }
        }
        wasm_vm_close(vm);
    }
    free(counts.words);
    free(counts.calls);
    free(words);
    free(vm);
    wasm_module_free(&module);
    return code;
}

int command_wasm_profile(struct args *args)
{
    struct profile_options o = {.top = 20};
    const struct option options[] = {
        OPTION_TEXT("invoke", 0, "NAME", "profile a call of this export with ARGS", &o.invoke),
        OPTION_LIST("env", 'e', "NAME=VALUE", "environment variable; may be repeated", &o.env),
        OPTION_NUMBER("fuel", 0, "N", "stop after N words of translated code (default: never)",
                      &o.fuel, 1, INT64_MAX),
        OPTION_NUMBER("memory", 0, "N", "bytes of linear memory that exist", &o.memory, 1,
                      UINT32_MAX),
        OPTION_NUMBER("for-ms", 0, "N", "end a reactor after so many milliseconds", &o.for_ms, 1,
                      INT32_MAX),
        OPTION_FLAG("lines", 0, "count by line of source code instead of by function", &o.by_line),
        OPTION_NUMBER("top", 0, "N", "rows to show (default: 20)", &o.top, 1, 100000),
        OPTION_END,
    };
    args->words_until_rest = 1;
    int result = args_parse(args, options, 1, 1);
    return result != -1 ? result : profile(args, &o);
}
