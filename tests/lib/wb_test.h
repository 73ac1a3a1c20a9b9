/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_test.h: cmocka with the headers it needs in the right order, and what host tests share.
 * Include it in one file of a test program only: it defines wb_assert_failed(). */
#ifndef WB_TEST_H
#define WB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wb_base.h"

/* Exit code by which a test program tells ctest that it was skipped; say why on stdout first. */
#define WB_TEST_SKIPPED 77

#ifndef WB_TEST_NO_ASSERT
_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}
#endif

#define assert_ok(expression) assert_string_equal(wb_err_str(expression), wb_err_str(WB_OK))
#define assert_err(expected, expression)                                                           \
    assert_string_equal(wb_err_str(expression), wb_err_str(expected))

#endif
