/* SPDX-License-Identifier: AGPL-3.0-only */
/* Tells valgrind that something is public. */
#include "declassify.h"

#include <valgrind/memcheck.h>

bool wb_declassify(bool verdict)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(&verdict, sizeof verdict);
    return verdict;
}

void wb_declassify_bytes(void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}
