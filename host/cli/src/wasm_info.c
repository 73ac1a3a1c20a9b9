/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed wasm info`: what a module is, and where it fits. The facts are collected as one JSON
 * object; the human view is a rendering of it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "wasm_vm.h"

static const char *const kinds[] = {"function", "table", "memory", "global"};
static const char *const types[] = {"i32", "i64", "f32", "f64", "funcref", "externref"};

static const char *type_of(char letter)
{
    const char *at = strchr("iIfFpe", letter);
    return at != NULL && *at != '\0' ? types[at - "iIfFpe"] : "?";
}

/* "iI>f" becomes "(i32, i64) -> f32". */
static json_t *signature_text(const char *signature)
{
    char text[1024] = "(";
    size_t len = 1;
    bool is_first = true;
    for (const char *p = signature; *p != '\0' && len < sizeof text - 32; p++) {
        if (*p == '>') {
            len += (size_t)snprintf(text + len, sizeof text - len, ") -> %s",
                                    p[1] == '\0' ? "()" : "");
            is_first = true;
            continue;
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", is_first ? "" : ", ",
                                type_of(*p));
        is_first = false;
    }
    return json_string(text);
}

static json_t *text_json(const char *at, size_t len)
{
    json_t *text = json_stringn(at, len);
    return text != NULL ? text : json_string("(not UTF-8)");
}

static json_t *limits_text(uint32_t min, uint32_t max)
{
    return max == UINT32_MAX ? json_sprintf("%u or more", min) : json_sprintf("%u to %u", min, max);
}

static json_t *entry_json(const struct wb_wasm_image *image, const struct wb_wasm_entry *entry,
                          uint32_t func)
{
    char signature[2048];
    json_t *object = json_object();
    if (entry->module != NULL) {
        json_object_set_new(object, "module", text_json(entry->module, entry->module_len));
    }
    json_object_set_new(object, "name", text_json(entry->name, entry->name_len));
    json_object_set_new(object, "kind", json_string(kinds[entry->kind & 3]));
    if (entry->kind == WB_WASM_FUNC &&
        wb_wasm_func_signature(image, func, signature, sizeof signature) == WB_OK) {
        json_object_set_new(object, "type", signature_text(signature));
    } else if (entry->module != NULL && entry->kind == WB_WASM_GLOBAL) {
        json_object_set_new(object, "type",
                            json_sprintf("%s%s", entry->is_mutable ? "mutable " : "",
                                         types[entry->type % WB_ARRAY_LEN(types)]));
    } else if (entry->module != NULL && entry->kind != WB_WASM_FUNC) {
        json_object_set_new(object, "type", limits_text(entry->min, entry->max));
    }
    return object;
}

static bool is_offered(const struct wb_wasm_entry *entry)
{
    return entry->index != UINT16_MAX;
}

static void entries_add(const struct wb_wasm_image *image, json_t *object)
{
    struct wb_wasm_entry entry;
    json_t *imports = json_array();
    json_t *exports = json_array();
    uint32_t func = 0;
    for (uint32_t cursor = 0; wb_wasm_import_next(image, &cursor, &entry);) {
        json_t *row = entry_json(image, &entry, func);
        json_object_set_new(row, "offered", json_boolean(is_offered(&entry)));
        json_array_append_new(imports, row);
        func += entry.kind == WB_WASM_FUNC;
    }
    for (uint32_t cursor = 0; wb_wasm_export_next(image, &cursor, &entry);) {
        json_array_append_new(exports, entry_json(image, &entry, entry.index));
    }
    json_object_set_new(object, "imports", imports);
    json_object_set_new(object, "exports", exports);
}

static json_t *memory_json(const struct wb_wasm_info *info, const struct wasm_layout *layout)
{
    json_t *memory = json_object();
    json_object_set_new(memory, "declared", json_integer((json_int_t)info->memory_min));
    json_object_set_new(memory, "max", json_integer((json_int_t)info->memory_max));
    json_object_set_new(memory, "dataEnd", json_integer((json_int_t)layout->data_end));
    json_object_set_new(memory, "stackTop", json_integer((json_int_t)layout->stack_top));
    json_object_set_new(memory, "heapBase", json_integer((json_int_t)layout->heap_base));
    json_object_set_new(memory, "needed", json_integer((json_int_t)layout->memory_need));
    json_object_set_new(memory, "exact", json_boolean(layout->is_need_exact));
    return memory;
}

/* Verdicts: "yes"; "with resources.memory N" when only a backed prefix fits; "no". */
static json_t *board_json(const struct wasm_board *board, const struct wb_wasm_info *info,
                          const struct wasm_layout *layout)
{
    uint64_t least_memory =
        layout->memory_need < info->memory_min ? layout->memory_need : info->memory_min;
    uint64_t declared = wasm_board_ram_need(board, info, info->memory_min);
    uint64_t least = wasm_board_ram_need(board, info, least_memory);
    bool flash_fits = info->image_len <= board->flash;
    json_t *row = json_object();
    json_object_set_new(row, "board", json_string(board->name));
    json_object_set_new(row, "flashNeeded", json_integer(info->image_len));
    json_object_set_new(row, "flash", json_integer(board->flash));
    json_object_set_new(row, "ramNeeded", json_integer((json_int_t)declared));
    json_object_set_new(row, "ramLeast", json_integer((json_int_t)least));
    json_object_set_new(row, "ram", json_integer(board->ram));
    if (flash_fits && declared <= board->ram) {
        json_object_set_new(row, "fits", json_string("yes"));
    } else if (flash_fits && least <= board->ram && layout->memory_need > 0) {
        json_object_set_new(
            row, "fits",
            json_sprintf("with resources.memory %" PRIu64, (least_memory + 7) & ~(uint64_t)7));
    } else {
        json_object_set_new(row, "fits", json_string(flash_fits ? "no: RAM" : "no: flash"));
    }
    return row;
}

static json_t *info_json(const struct wasm_module *m, const struct wb_wasm_image *image,
                         const char *file)
{
    struct wb_wasm_info info;
    struct wasm_layout layout;
    wb_wasm_image_info(image, &info);
    wasm_layout_get(m, &layout);
    json_t *object = json_object();
    json_t *features = json_array();
    for (unsigned i = 0; i < WASM_FEATURE_COUNT; i++) {
        if ((layout.features & 1u << i) != 0) {
            json_array_append_new(features, json_string(wasm_feature_str((enum wasm_feature)i)));
        }
    }
    json_object_set_new(object, "file", json_string(file));
    json_object_set_new(object, "bytes", json_integer((json_int_t)m->len));
    json_object_set_new(object, "codeBytes", json_integer((json_int_t)m->code.len));
    json_object_set_new(object, "customBytes", json_integer(m->custom_len));
    json_object_set_new(object, "hasLines", json_boolean(m->debug_line.at != NULL));
    json_object_set_new(object, "functions", json_integer(info.func_count));
    json_object_set_new(object, "instructions", json_integer(layout.instructions));
    json_object_set_new(object, "features", features);
    entries_add(image, object);
    json_object_set_new(object, "memory", memory_json(&info, &layout));
    json_object_set_new(object, "imageBytes", json_integer(info.image_len));
    json_object_set_new(object, "instanceBytes", json_integer(info.ram_len));
    json_t *rows = json_array();
    for (size_t i = 0; wasm_board_get(i) != NULL; i++) {
        json_array_append_new(rows, board_json(wasm_board_get(i), &info, &layout));
    }
    json_object_set_new(object, "boards", rows);
    return object;
}

/* ---- for people ---------------------------------------------------------------------------- */

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static void entries_print(const json_t *list, const char *title)
{
    size_t i;
    json_t *row;
    if (json_array_size(list) > 0) {
        printf("\n%s\n", title);
    }
    json_array_foreach(list, i, row)
    {
        const json_t *offered = json_object_get(row, "offered");
        const char *module = text(row, "module");
        printf("  %-8s %s%s%s %s%s\n", text(row, "kind"), module, module[0] != '\0' ? "." : "",
               text(row, "name"), text(row, "type"),
               json_is_false(offered) ? "   -- devices do not offer this" : "");
    }
}

static void memory_print(const json_t *memory)
{
    if (number(memory, "max") == 0) {
        printf("memory        none\n");
        return;
    }
    printf("memory        %lld bytes declared, at most %lld\n", number(memory, "declared"),
           number(memory, "max"));
    printf("  data end    %lld\n", number(memory, "dataEnd"));
    if (number(memory, "stackTop") != 0) {
        printf("  stack top   %lld\n", number(memory, "stackTop"));
    }
    if (number(memory, "heapBase") != 0) {
        printf("  heap base   %lld\n", number(memory, "heapBase"));
    }
    printf("  needed      %s%lld bytes%s\n",
           json_is_true(json_object_get(memory, "exact")) ? "" : "at least ",
           number(memory, "needed"),
           number(memory, "heapBase") == 0 && number(memory, "stackTop") > 0
               ? " (link with --export=__heap_base to know exactly)"
               : "");
}

static void info_print(const json_t *info)
{
    size_t i;
    json_t *row;
    printf("file          %s\n", text(info, "file"));
    printf("module        %lld bytes: code %lld, custom sections %lld%s\n", number(info, "bytes"),
           number(info, "codeBytes"), number(info, "customBytes"),
           json_is_true(json_object_get(info, "hasLines")) ? " (with source lines)" : "");
    printf("functions     %lld, %lld instructions\n", number(info, "functions"),
           number(info, "instructions"));
    printf("features     ");
    json_array_foreach(json_object_get(info, "features"), i, row)
    {
        printf("%s%s", i > 0 ? ", " : " ", json_string_value(row));
    }
    printf("%s\n", json_array_size(json_object_get(info, "features")) == 0 ? " none" : "");
    memory_print(json_object_get(info, "memory"));
    printf("image         %lld bytes of flash\n", number(info, "imageBytes"));
    printf("instance      %lld bytes of RAM for globals, tables and flags\n",
           number(info, "instanceBytes"));
    entries_print(json_object_get(info, "imports"), "imports");
    entries_print(json_object_get(info, "exports"), "exports");
    printf("\n%-10s %21s  %21s  %s\n", "board", "flash needed/has", "RAM needed/has", "fits");
    json_array_foreach(json_object_get(info, "boards"), i, row)
    {
        printf("%-10s %10lld/%-10lld  %10lld/%-10lld  %s\n", text(row, "board"),
               number(row, "flashNeeded"), number(row, "flash"), number(row, "ramNeeded"),
               number(row, "ram"), text(row, "fits"));
    }
}

int command_wasm_info(struct args *args)
{
    const char *output = "human";
    const struct option options[] = {
        OPTION_TEXT("output", 'o', "human|json", "form of the output", &output),
        OPTION_END,
    };
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    bool is_json = strcmp(output, "json") == 0;
    if (!is_json && strcmp(output, "human") != 0) {
        fprintf(stderr, "wasmbed wasm info: --output takes human or json, not: %s\n", output);
        return EXIT_USAGE;
    }
    struct wasm_module module;
    struct wasm_image bytes;
    struct wb_wasm_image image;
    const struct wasm_install_options install = {
        .imports = wasm_host_imports, .import_count = WASM_HOST_FUNCS, .any_import = true};
    const char *file = args->positional[0];
    if (!wasm_module_load(&module, file)) {
        return EXIT_FAILED;
    }
    int code = EXIT_FAILED;
    if (wasm_image_install(&bytes, &module, file, &install) == WB_OK) {
        if (wb_wasm_image_open(&image, bytes.words, bytes.len) == WB_OK) {
            json_t *info = info_json(&module, &image, file);
            if (is_json) {
                json_dumpf(info, stdout, JSON_INDENT(2));
                printf("\n");
            } else {
                info_print(info);
            }
            json_decref(info);
            code = EXIT_OK;
        }
        wasm_image_free(&bytes);
    }
    wasm_module_free(&module);
    return code;
}
