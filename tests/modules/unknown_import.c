/* SPDX-License-Identifier: AGPL-3.0-only */
/* Asks for an import that no device has: it must be refused at install, by name. */
#include "wasmbed.h"

WASMBED_IMPORT("no_such_function") int32_t no_such_function(int32_t value);
WASMBED_EXPORT("_start") void unknown_import_start(void);

void unknown_import_start(void)
{
    no_such_function(1);
}
