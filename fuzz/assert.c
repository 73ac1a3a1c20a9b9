/* SPDX-License-Identifier: AGPL-3.0-only */
/* A failed assertion ends a fuzz target the way libFuzzer notices. */
#include <stdio.h>
#include <stdlib.h>

#include "wb_base.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}
