/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

static void gives_the_check_value_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(wb_crc32(0, "123456789", 9), 0xcbf43926);
}

static void goes_on_from_the_bytes_before(void **state)
{
    (void)state;
    assert_int_equal(wb_crc32(wb_crc32(0, "12345", 5), "6789", 4), 0xcbf43926);
    assert_int_equal(wb_crc32(0, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_check_value_of_the_standard),
        cmocka_unit_test(goes_on_from_the_bytes_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
