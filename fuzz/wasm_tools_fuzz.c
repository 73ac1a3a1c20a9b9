/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: cli wasm base */
/* What the command line's tools read of module files: sections, names, layout, line programs. The
 * input is a module; in its first byte's place (a module's is 0) another value asks for the rest as
 * a .debug_line section. */
#include <stdlib.h>
#include <string.h>

#include "src/wasm_module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wasm_module m;
    struct wasm_layout layout;
    char text[64];
    if (size > 0 && data[0] != 0) {
        uint8_t *lines = malloc(size);
        memcpy(lines, data, size);
        m = (struct wasm_module){.code_at = 0,
                                 .debug_line = {lines + 1, size - 1},
                                 .debug_str = {lines + 1, size - 1},
                                 .debug_line_str = {lines + 1, size - 1}};
        (void)wasm_line_text(&m, data[0], text, sizeof text);
        (void)wasm_line_text(&m, 0x10000, text, sizeof text);
        free(lines);
        return 0;
    }
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, data, size);
    if (!wasm_module_parse(&m, copy, size)) {
        free(copy);
        return 0;
    }
    wasm_layout_get(&m, &layout);
    (void)wasm_func_name(&m, 0, text, sizeof text);
    (void)wasm_line_text(&m, m.code_at + 1, text, sizeof text);
    wasm_module_free(&m);
    return 0;
}
