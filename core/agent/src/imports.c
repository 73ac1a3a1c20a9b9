/* SPDX-License-Identifier: AGPL-3.0-only */
/* imports.c: the table of host functions, as the installer and as the interpreter want it. */
#include "host.h"

enum {
#define HOST_INDEX(module, name, signature, function) INDEX_##function,
    HOST_FUNCTIONS(HOST_INDEX)
#undef HOST_INDEX
        INDEX_COUNT
};

const struct wb_wasm_import wb_agent_imports[] = {
#define HOST_IMPORT(module_name, field, sig, function)                                             \
    {.module = module_name,                                                                        \
     .name = field,                                                                                \
     .signature = sig,                                                                             \
     .index = INDEX_##function,                                                                    \
     .kind = WB_WASM_FUNC},
    HOST_FUNCTIONS(HOST_IMPORT)
#undef HOST_IMPORT
};

const struct wb_wasm_host_func wb_agent_host_funcs[] = {
#define HOST_FUNC(module, name, signature, function) {.fn = function, .ctx = NULL},
    HOST_FUNCTIONS(HOST_FUNC)
#undef HOST_FUNC
};

const uint16_t wb_agent_import_count = INDEX_COUNT;
