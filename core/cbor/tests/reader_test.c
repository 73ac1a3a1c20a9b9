/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_cbor.h"
#include "wb_test.h"

#define READER(...)                                                                                \
    const uint8_t in[] = {__VA_ARGS__};                                                            \
    struct wb_fault fault = {0};                                                                   \
    struct wb_cbor_reader r;                                                                       \
    wb_cbor_reader_init(&r, in, sizeof in, &fault)

static void refuses_numbers_longer_than_needed(void **state)
{
    (void)state;
    static const uint8_t cases[][9] = {
        {0x18, 0x17},
        {0x19, 0x00, 0xff},
        {0x1a, 0x00, 0x00, 0xff, 0xff},
        {0x1b, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff},
        {0x38, 0x00},
        {0x58, 0x01, 0x00},
        {0x78, 0x01, 0x41},
        {0x98, 0x01, 0x00},
        {0xb8, 0x01, 0x00, 0x00},
        {0xd8, 0x05, 0x00},
        {0xf8, 0x1f},
        {0xf8, 0x14},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_cbor_reader r;
        struct wb_fault fault = {0};
        wb_cbor_reader_init(&r, cases[i], sizeof cases[i], &fault);
        wb_cbor_skip(&r);
        assert_err(WB_ERR_FORMAT, r.err);
        assert_string_equal(fault.what, "not in shortest form");
        assert_int_equal(fault.where[0], 0);
    }
}

static void refuses_reserved_additional_information(void **state)
{
    (void)state;
    for (unsigned major = 0; major < 8; major++) {
        for (unsigned info = 28; info < 32; info++) {
            READER((uint8_t)(major << 5 | info), 0, 0, 0, 0, 0, 0, 0, 0);
            wb_cbor_skip(&r);
            assert_err(WB_ERR_FORMAT, r.err);
        }
    }
}

static void says_type_for_another_type_and_names_the_offset(void **state)
{
    (void)state;
    READER(0x01, 0x41, 0x00);
    assert_int_equal(wb_cbor_read_uint(&r, 9), 1);
    assert_int_equal(wb_cbor_read_text(&r, 9).len, 0);
    assert_err(WB_ERR_TYPE, r.err);
    assert_int_equal(fault.where[0], 1);
    assert_string_equal(fault.what, "item of another type");
}

static void stays_at_the_first_error(void **state)
{
    (void)state;
    READER(0x19, 0x01, 0x00, 0x01);
    assert_int_equal(wb_cbor_read_uint(&r, 255), 0);
    assert_err(WB_ERR_VALUE, r.err);
    assert_int_equal(wb_cbor_read_uint(&r, 255), 0);
    assert_int_equal(wb_cbor_read_int(&r), 0);
    assert_int_equal(wb_cbor_read_tag(&r), 0);
    assert_int_equal(wb_cbor_read_map(&r, 9), 0);
    assert_false(wb_cbor_read_bool(&r));
    wb_cbor_read_null(&r);
    assert_null(wb_cbor_read_bytes(&r, 9).data);
    assert_null(wb_cbor_read_bytes_exact(&r, 0));
    assert_null(wb_cbor_read_raw(&r).data);
    assert_int_equal(wb_cbor_peek(&r), WB_CBOR_NONE);
    wb_cbor_fail(&r, WB_ERR_FULL, "later");
    assert_err(WB_ERR_VALUE, wb_cbor_finish(&r));
    assert_int_equal(fault.where[0], 0);
}

static void takes_numbers_up_to_max_only(void **state)
{
    (void)state;
    READER(0x18, 0x63, 0x18, 0x64, 0x18, 0x65);
    assert_int_equal(wb_cbor_read_uint(&r, 100), 99);
    assert_int_equal(wb_cbor_read_uint(&r, 100), 100);
    assert_int_equal(wb_cbor_read_uint(&r, 100), 0);
    assert_err(WB_ERR_VALUE, r.err);
}

static void refuses_negative_numbers_below_int64(void **state)
{
    (void)state;
    READER(0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(wb_cbor_read_int(&r), 0);
    assert_err(WB_ERR_VALUE, r.err);
}

static void limits_strings_and_counts(void **state)
{
    (void)state;
    {
        READER(0x43, 1, 2, 3, 0x43, 1, 2, 3);
        assert_int_equal(wb_cbor_read_bytes(&r, 3).len, 3);
        assert_null(wb_cbor_read_bytes(&r, 2).data);
        assert_err(WB_ERR_LIMIT, r.err);
    }
    {
        READER(0x82, 1, 2, 3);
        assert_int_equal(wb_cbor_read_array(&r, 1), 0);
        assert_err(WB_ERR_LIMIT, r.err);
    }
    {
        READER(0x42, 1, 2);
        assert_null(wb_cbor_read_bytes_exact(&r, 3));
        assert_err(WB_ERR_VALUE, r.err);
    }
}

static void refuses_lengths_beyond_the_input(void **state)
{
    (void)state;
    {
        READER(0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0);
        assert_null(wb_cbor_read_bytes(&r, SIZE_MAX).data);
        assert_err(WB_ERR_END, r.err);
    }
    {
        READER(0x9a, 0xff, 0xff, 0xff, 0xff, 0, 0, 0);
        assert_int_equal(wb_cbor_read_array(&r, SIZE_MAX), 0);
        assert_err(WB_ERR_END, r.err);
    }
    {
        READER(0xa2, 0, 0, 0);
        assert_int_equal(wb_cbor_read_map(&r, SIZE_MAX), 0);
        assert_err(WB_ERR_END, r.err);
    }
}

static void checks_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"plain", true},
        {"\xc3\xbc", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x90\x85\x91", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\x80", false},
        {"\xc3", false},
        {"\xc3(", false},
        {"\xc0\xaf", false},
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xe2\x82", false},
        {"\xe2(\xac", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"a\xf0\x90\x85", false},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        uint8_t buf[16];
        struct wb_writer w;
        struct wb_cbor_reader r;
        wb_writer_init(&w, buf, sizeof buf);
        wb_cbor_write_text(&w, cases[i].text, strlen(cases[i].text));
        wb_cbor_reader_init(&r, buf, w.len, NULL);
        struct wb_cbor_text text = wb_cbor_read_text(&r, 99);
        assert_int_equal(text.len, cases[i].good ? strlen(cases[i].text) : 0);
        assert_err(cases[i].good ? WB_OK : WB_ERR_FORMAT, r.err);
    }
}

static void measures_the_valid_prefix_of_a_text(void **state)
{
    (void)state;
    assert_int_equal(wb_cbor_utf8_prefix("ab\xffzz", 5), 2);
    assert_int_equal(wb_cbor_utf8_prefix("ab\xe2\x82\xac", 5), 5);
    assert_int_equal(wb_cbor_utf8_prefix("ab\xe2\x82\xac", 4), 2); /* cut inside a character */
    assert_int_equal(wb_cbor_utf8_prefix(NULL, 0), 0);
}

static void skips_to_the_depth_limit_and_no_deeper(void **state)
{
    (void)state;
    uint8_t in[WB_CBOR_DEPTH_MAX + 2];
    memset(in, 0x81, sizeof in);
    for (size_t depth = WB_CBOR_DEPTH_MAX; depth <= WB_CBOR_DEPTH_MAX + 1; depth++) {
        struct wb_cbor_reader r;
        in[depth] = 0x80 - 0x80; /* the innermost item: 0 */
        wb_cbor_reader_init(&r, in, depth + 1, NULL);
        wb_cbor_skip(&r);
        assert_err(depth <= WB_CBOR_DEPTH_MAX ? WB_OK : WB_ERR_LIMIT, wb_cbor_finish(&r));
        in[depth] = 0x81;
    }
}

static void skips_long_runs_of_tags_without_nesting(void **state)
{
    (void)state;
    uint8_t in[1000];
    memset(in, 0xc1, sizeof in);
    in[999] = 0x00;
    struct wb_cbor_reader r;
    wb_cbor_reader_init(&r, in, sizeof in, NULL);
    wb_cbor_skip(&r);
    assert_ok(wb_cbor_finish(&r));
    wb_cbor_reader_init(&r, in, 999, NULL);
    wb_cbor_skip(&r);
    assert_err(WB_ERR_END, r.err);
}

static void borrows_the_raw_item(void **state)
{
    (void)state;
    READER(0xa1, 0x01, 0x82, 0x02, 0xf9, 0x3c, 0x00, 0x05);
    struct wb_cbor_bytes raw = wb_cbor_read_raw(&r);
    assert_ptr_equal(raw.data, in);
    assert_int_equal(raw.len, 7);
    assert_int_equal(wb_cbor_read_uint(&r, 9), 5);
    assert_ok(wb_cbor_finish(&r));
}

static void refuses_bytes_left_over(void **state)
{
    (void)state;
    READER(0x01, 0x02);
    assert_int_equal(wb_cbor_read_uint(&r, 9), 1);
    assert_err(WB_ERR_FORMAT, wb_cbor_finish(&r));
    assert_int_equal(fault.where[0], 1);
}

static void tells_bool_null_simple_and_float_apart(void **state)
{
    (void)state;
    READER(0xf5, 0xf4, 0xf6, 0xf7, 0xf8, 0x20, 0xfa, 0, 0, 0, 0);
    assert_true(wb_cbor_read_bool(&r));
    assert_false(wb_cbor_read_bool(&r));
    assert_int_equal(wb_cbor_peek(&r), WB_CBOR_NULL);
    wb_cbor_read_null(&r);
    assert_int_equal(wb_cbor_peek(&r), WB_CBOR_SIMPLE);
    wb_cbor_skip(&r);
    wb_cbor_skip(&r);
    assert_int_equal(wb_cbor_peek(&r), WB_CBOR_FLOAT);
    assert_false(wb_cbor_read_bool(&r));
    assert_err(WB_ERR_TYPE, r.err);
}

static void reads_empty_input_as_end(void **state)
{
    (void)state;
    struct wb_cbor_reader r;
    wb_cbor_reader_init(&r, NULL, 0, NULL);
    assert_int_equal(wb_cbor_peek(&r), WB_CBOR_NONE);
    assert_ok(wb_cbor_finish(&r));
    wb_cbor_read_null(&r);
    assert_err(WB_ERR_END, wb_cbor_finish(&r));
}

static void writer_stops_at_the_end_of_the_buffer(void **state)
{
    (void)state;
    uint8_t buf[10];
    for (size_t cap = 0; cap <= 9; cap++) {
        struct wb_writer w;
        memset(buf, 0xee, sizeof buf);
        wb_writer_init(&w, buf, cap);
        wb_cbor_write_uint(&w, UINT64_MAX);
        assert_err(cap < 9 ? WB_ERR_SPACE : WB_OK, w.err);
        assert_int_equal(buf[cap], 0xee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_numbers_longer_than_needed),
        cmocka_unit_test(refuses_reserved_additional_information),
        cmocka_unit_test(says_type_for_another_type_and_names_the_offset),
        cmocka_unit_test(stays_at_the_first_error),
        cmocka_unit_test(takes_numbers_up_to_max_only),
        cmocka_unit_test(refuses_negative_numbers_below_int64),
        cmocka_unit_test(limits_strings_and_counts),
        cmocka_unit_test(refuses_lengths_beyond_the_input),
        cmocka_unit_test(checks_utf8),
        cmocka_unit_test(measures_the_valid_prefix_of_a_text),
        cmocka_unit_test(skips_to_the_depth_limit_and_no_deeper),
        cmocka_unit_test(skips_long_runs_of_tags_without_nesting),
        cmocka_unit_test(borrows_the_raw_item),
        cmocka_unit_test(refuses_bytes_left_over),
        cmocka_unit_test(tells_bool_null_simple_and_float_apart),
        cmocka_unit_test(reads_empty_input_as_end),
        cmocka_unit_test(writer_stops_at_the_end_of_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
