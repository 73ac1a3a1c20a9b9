/* SPDX-License-Identifier: AGPL-3.0-only */
/* The flash file keeps NOR rules and its contents. */
#include "wb_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "wb_posix.h"

#define SIZE (8u * WB_POSIX_SECTOR_SIZE)

static char path[] = "/tmp/wb-flash-XXXXXX";

static int file_make(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    return 0;
}

static int file_remove(void **state)
{
    (void)state;
    unlink(path);
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    return 0;
}

static void absent_file_is_made_only_when_asked(void **state)
{
    struct wb_posix_flash flash;
    struct stat st;

    (void)state;
    assert_err(WB_ERR_NOT_FOUND, wb_posix_flash_open(&flash, path, 0));
    assert_ok(wb_posix_flash_open(&flash, path, SIZE));
    assert_int_equal(flash.flash.size, SIZE);
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_int_equal(flash.map[i], 0xff);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* it holds the device's key */
    wb_posix_flash_close(&flash);
    wb_posix_flash_close(&flash); /* harmless */
}

static void contents_last(void **state)
{
    struct wb_posix_flash flash;
    uint8_t bytes[4] = {1, 2, 3, 4}, back[4];

    (void)state;
    assert_ok(wb_posix_flash_open(&flash, path, SIZE));
    assert_ok(flash.flash.program(100, bytes, 4, flash.flash.ctx));
    wb_posix_flash_close(&flash);
    assert_ok(wb_posix_flash_open(&flash, path, 0));
    assert_ok(flash.flash.read(100, back, 4, flash.flash.ctx));
    assert_memory_equal(back, bytes, 4);
    assert_memory_equal(flash.flash.map(100, 4, flash.flash.ctx), bytes, 4);
    wb_posix_flash_close(&flash);
}

static void bits_are_cleared_and_never_set(void **state)
{
    struct wb_posix_flash flash;
    uint8_t f0[4] = {0xf0, 0xf0, 0xff, 0xff}, bits_to_set[4] = {0x0f, 0xff, 0xff, 0xff};
    uint8_t less[4] = {0x10, 0xff, 0xff, 0x00}, back[4];

    (void)state;
    assert_ok(wb_posix_flash_open(&flash, path, SIZE));
    assert_ok(flash.flash.program(0, f0, 4, flash.flash.ctx));
    assert_err(WB_ERR_FLASH, flash.flash.program(0, bits_to_set, 4, flash.flash.ctx));
    assert_ok(flash.flash.program(0, less, 4, flash.flash.ctx));
    assert_ok(flash.flash.read(0, back, 4, flash.flash.ctx));
    assert_int_equal(back[0], 0x10);
    assert_int_equal(back[1], 0xf0);
    assert_int_equal(back[3], 0x00);
    assert_ok(flash.flash.erase(0, flash.flash.ctx));
    assert_ok(flash.flash.read(0, back, 4, flash.flash.ctx));
    assert_int_equal(back[0], 0xff);
    wb_posix_flash_close(&flash);
}

static void ranges_outside_are_refused(void **state)
{
    struct wb_posix_flash flash;
    uint8_t bytes[8] = {0};

    (void)state;
    assert_ok(wb_posix_flash_open(&flash, path, SIZE));
    assert_err(WB_ERR_VALUE, flash.flash.program(SIZE - 4, bytes, 8, flash.flash.ctx));
    assert_err(WB_ERR_VALUE, flash.flash.read(SIZE, bytes, 1, flash.flash.ctx));
    assert_err(WB_ERR_VALUE, flash.flash.read(UINT32_MAX, bytes, 8, flash.flash.ctx));
    assert_err(WB_ERR_VALUE, flash.flash.erase(8, flash.flash.ctx));
    assert_null(flash.flash.map(SIZE - 1, 2, flash.flash.ctx));
    wb_posix_flash_close(&flash);
}

static void second_user_is_refused(void **state)
{
    struct wb_posix_flash flash, second;

    (void)state;
    assert_ok(wb_posix_flash_open(&flash, path, SIZE));
    assert_err(WB_ERR_STATE, wb_posix_flash_open(&second, path, 0));
    wb_posix_flash_close(&flash);
    assert_ok(wb_posix_flash_open(&second, path, 0));
    wb_posix_flash_close(&second);
}

static void odd_sizes_are_refused(void **state)
{
    struct wb_posix_flash flash;
    FILE *file = fopen(path, "wb");

    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 5000; i++) {
        fputc(0xff, file);
    }
    fclose(file);
    assert_err(WB_ERR_FORMAT, wb_posix_flash_open(&flash, path, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(absent_file_is_made_only_when_asked, file_make,
                                        file_remove),
        cmocka_unit_test_setup_teardown(contents_last, file_make, file_remove),
        cmocka_unit_test_setup_teardown(bits_are_cleared_and_never_set, file_make, file_remove),
        cmocka_unit_test_setup_teardown(ranges_outside_are_refused, file_make, file_remove),
        cmocka_unit_test_setup_teardown(second_user_is_refused, file_make, file_remove),
        cmocka_unit_test_setup_teardown(odd_sizes_are_refused, file_make, file_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
