/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

static void reads_integers_in_both_orders(void **state)
{
    (void)state;
    const uint8_t data[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09};
    struct wb_reader r;
    wb_reader_init(&r, data, sizeof data);
    assert_int_equal(wb_read_be16(&r), 0x0102);
    assert_int_equal(wb_read_le16(&r), 0x0403);
    assert_int_equal(wb_read_be24(&r), 0x050607);
    assert_int_equal(wb_read_u8(&r), 0x08);
    assert_int_equal(wb_reader_left(&r), 1);
    assert_ok(r.err);
}

static void read_past_the_end_is_sticky(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3};
    struct wb_reader r;
    wb_reader_init(&r, data, sizeof data);
    assert_int_equal(wb_read_be32(&r), 0);
    assert_err(WB_ERR_END, r.err);
    assert_int_equal(wb_read_u8(&r), 0);
    assert_null(wb_read_bytes(&r, 1));
    assert_int_equal(wb_reader_left(&r), 0);
}

static void reads_to_exactly_the_end(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3};
    struct wb_reader r;
    wb_reader_init(&r, data, sizeof data);
    assert_ptr_equal(wb_read_bytes(&r, 3), data);
    assert_non_null(wb_read_bytes(&r, 0));
    assert_ok(r.err);
}

static void write_over_capacity_is_sticky_and_writes_nothing(void **state)
{
    (void)state;
    uint8_t buf[5] = {0};
    struct wb_writer w;
    wb_writer_init(&w, buf, 4);
    wb_write_be24(&w, 0x010203);
    wb_write_be16(&w, 0xffff);
    assert_err(WB_ERR_SPACE, w.err);
    wb_write_u8(&w, 9);
    assert_int_equal(w.len, 3);
    assert_int_equal(buf[3], 0);
    assert_int_equal(buf[4], 0);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct wb_writer w;
    wb_writer_init(&w, buf, sizeof buf);
    wb_write_be64(&w, 0x0123456789abcdefu);
    wb_write_le64(&w, 0xfedcba9876543210u);
    wb_write_be32(&w, 0xdeadbeef);
    wb_write_le32(&w, 0xcafebabe);
    wb_write_le16(&w, 0x1234);
    struct wb_reader r;
    wb_reader_init(&r, buf, w.len);
    assert_true(wb_read_be64(&r) == 0x0123456789abcdefu);
    assert_true(wb_read_le64(&r) == 0xfedcba9876543210u);
    assert_true(wb_read_be32(&r) == 0xdeadbeef);
    assert_true(wb_read_le32(&r) == 0xcafebabe);
    assert_true(wb_read_le16(&r) == 0x1234);
    assert_ok(r.err);
}

static void first_fault_wins(void **state)
{
    (void)state;
    struct wb_fault fault = {0};
    assert_err(WB_ERR_FORMAT, wb_fault_set(&fault, WB_ERR_FORMAT, "first", NULL, 1, 2));
    assert_err(WB_ERR_FORMAT, wb_fault_set(&fault, WB_ERR_LIMIT, "second", NULL, 3, 4));
    assert_string_equal(fault.what, "first");
    assert_err(WB_ERR_LIMIT, wb_fault_set(NULL, WB_ERR_LIMIT, "third", NULL, 0, 0));
}

static void constant_time_compare_sees_every_byte(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    assert_true(wb_ct_equal(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] = 0x80;
        assert_false(wb_ct_equal(a, b, sizeof a));
        b[i] = 0;
    }
    assert_true(wb_ct_equal(a, b, 0));
}

static void every_error_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < WB_ERR_COUNT; i++) {
        assert_true(strlen(wb_err_str((enum wb_err)i)) > 3);
    }
    assert_string_equal(wb_err_str((enum wb_err)1000), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers_in_both_orders),
        cmocka_unit_test(read_past_the_end_is_sticky),
        cmocka_unit_test(reads_to_exactly_the_end),
        cmocka_unit_test(write_over_capacity_is_sticky_and_writes_nothing),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(first_fault_wins),
        cmocka_unit_test(constant_time_compare_sees_every_byte),
        cmocka_unit_test(every_error_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
