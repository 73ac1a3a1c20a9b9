/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chip.h"

#define SIZE   8192u
#define SECTOR 1024u

static char path[64];
static struct chip chip;
static const char *why;
static uint32_t from;
static uint32_t len;

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/wb-chip-%d.bin", (int)getpid());
    unlink(path);
    return chip_open(&chip, path, SIZE, SECTOR, &why) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    chip_close(&chip);
    return unlink(path);
}

static enum wb_mailbox_status execute(uint8_t op, uint32_t addr, const void *data, uint16_t n)
{
    static struct wb_mailbox_request request;
    request.op = op;
    request.addr = addr;
    request.len = n;
    if (n > 0) {
        memcpy(request.payload, data, n);
    }
    return chip_execute(&chip, &request, 0, &from, &len);
}

static void file_byte_is(uint32_t offset, uint8_t value)
{
    uint8_t got;
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, &got, 1, offset), 1);
    close(fd);
    assert_int_equal(got, value);
}

static void new_chip_is_erased(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, SIZE);
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_int_equal(chip.bytes[i], 0xFF);
    }
    file_byte_is(SIZE - 1, 0xFF);
}

static void program_clears_bits_in_file_and_window(void **state)
{
    (void)state;
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, 100, "\xF0\x0F", 2), WB_MAILBOX_DONE);
    assert_int_equal(from, 100);
    assert_int_equal(len, 2);
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, 100, "\x70\xFF", 2), WB_MAILBOX_DONE);
    file_byte_is(100, 0x70);
    file_byte_is(101, 0x0F);
}

static void program_that_sets_a_bit_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, 200, "\xFF\x0F\xFF", 3), WB_MAILBOX_DONE);
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, 200, "\x12\x1F\x34", 3), WB_MAILBOX_REFUSED_BITS);
    assert_int_equal(len, 0);
    file_byte_is(200, 0xFF);
    file_byte_is(201, 0x0F);
    file_byte_is(202, 0xFF);
}

static void erase_sets_one_sector(void **state)
{
    (void)state;
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, SECTOR - 1, "\0\0", 2), WB_MAILBOX_DONE);
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, 2 * SECTOR, "\0", 1), WB_MAILBOX_DONE);
    assert_int_equal(execute(WB_MAILBOX_ERASE, SECTOR, NULL, 0), WB_MAILBOX_DONE);
    assert_int_equal(len, SECTOR);
    file_byte_is(SECTOR - 1, 0);
    file_byte_is(SECTOR, 0xFF);
    file_byte_is(2 * SECTOR, 0);
}

static void what_lies_outside_is_refused(void **state)
{
    (void)state;
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, SIZE, "a", 1), WB_MAILBOX_REFUSED_RANGE);
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, SIZE - 1, "ab", 2), WB_MAILBOX_REFUSED_RANGE);
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, UINT32_MAX, "ab", 2), WB_MAILBOX_REFUSED_RANGE);
    assert_int_equal(execute(WB_MAILBOX_ERASE, SIZE, NULL, 0), WB_MAILBOX_REFUSED_RANGE);
    assert_int_equal(execute(WB_MAILBOX_ERASE, 1, NULL, 0), WB_MAILBOX_REFUSED_RANGE);
    assert_int_equal(execute(WB_MAILBOX_ERASE, 0, "a", 1), WB_MAILBOX_REFUSED_RANGE);
    assert_int_equal(execute('?', 0, NULL, 0), WB_MAILBOX_REFUSED_UNKNOWN);
    assert_int_equal(chip.sync_due, WB_NEVER);
}

static void content_is_there_at_the_next_start(void **state)
{
    (void)state;
    assert_int_equal(execute(WB_MAILBOX_PROGRAM, 300, "kept", 4), WB_MAILBOX_DONE);
    chip_close(&chip);
    assert_true(chip_open(&chip, path, SIZE, SECTOR, &why));
    assert_memory_equal(chip.bytes + 300, "kept", 4);
}

static void second_launcher_is_turned_away(void **state)
{
    (void)state;
    struct chip other;
    assert_false(chip_open(&other, path, SIZE, SECTOR, &why));
    assert_string_equal(why, "in use by another launcher");
}

static void file_of_another_size_or_kind(void **state)
{
    (void)state;
    struct chip other;
    chip_close(&chip);
    assert_false(chip_open(&other, path, SIZE / 2, SECTOR, &why));
    assert_non_null(strstr(why, "larger"));
    assert_int_equal(truncate(path, 10), 0);
    assert_true(chip_open(&chip, path, SIZE, SECTOR, &why));
    assert_int_equal(chip.bytes[10], 0xFF);
    file_byte_is(SIZE - 1, 0xFF);
    assert_false(chip_open(&other, "/tmp", SIZE, SECTOR, &why));
    assert_false(chip_open(&other, "/nowhere/flash.bin", SIZE, SECTOR, &why));
    assert_string_equal(why, "No such file or directory");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(new_chip_is_erased),
        CASE(program_clears_bits_in_file_and_window),
        CASE(program_that_sets_a_bit_changes_nothing),
        CASE(erase_sets_one_sector),
        CASE(what_lies_outside_is_refused),
        CASE(content_is_there_at_the_next_start),
        CASE(second_launcher_is_turned_away),
        CASE(file_of_another_size_or_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
