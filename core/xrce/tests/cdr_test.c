/* SPDX-License-Identifier: AGPL-3.0-only */
/* CDR: the bytes of known values, both orders, and everything that is refused. */
#include "wb_cdr.h"
#include "wb_test.h"

static uint8_t buf[256];

static void aligns_each_value_to_its_size(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        1,   0,   2, 0, 0, 0, 0,    0,    /* u8, pad, u16, pad to 8 */
        8,   7,   6, 5, 4, 3, 2,    1,    /* u64 */
        9,   0,   0, 0, 3, 0, 0,    0,    /* u8, pad, string length */
        'h', 'i', 0, 0, 0, 0, 0x80, 0x3f, /* text, pad, f32 1.0 */
    };
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_cdr_write_u8(&w, 1);
    wb_cdr_write_u16(&w, 2);
    wb_cdr_write_u64(&w, 0x0102030405060708u);
    wb_cdr_write_u8(&w, 9);
    wb_cdr_write_str(&w, WB_CDR_STR("hi"), 10);
    wb_cdr_write_f32(&w, 1.0f);
    assert_ok(w.err);
    assert_int_equal(w.len, sizeof expected);
    assert_memory_equal(buf, expected, sizeof expected);

    struct wb_cdr_reader r;
    wb_cdr_reader_init(&r, buf, w.len, false);
    assert_int_equal(wb_cdr_read_u8(&r), 1);
    assert_int_equal(wb_cdr_read_u16(&r), 2);
    assert_true(wb_cdr_read_u64(&r) == 0x0102030405060708u);
    assert_int_equal(wb_cdr_read_u8(&r), 9);
    struct wb_cdr_str text = wb_cdr_read_str(&r, 2);
    assert_int_equal(text.len, 2);
    assert_memory_equal(text.at, "hi", 2);
    assert_true(wb_cdr_read_f32(&r) == 1.0f);
    assert_ok(r.err);
    assert_int_equal(wb_cdr_reader_left(&r), 0);
}

static void alignment_counts_from_behind_the_encapsulation(void **state)
{
    (void)state;
    static const uint8_t little[] = {0, 1, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    static const uint8_t big[] = {0,    0,    0,    3,    0x40, 0x09, 0x21, 0xFB,
                                  0x54, 0x44, 0x2D, 0x18, 1,    0,    0,    0};
    struct wb_cdr_writer w;
    wb_cdr_writer_init_encapsulated(&w, buf, sizeof buf, false);
    wb_cdr_write_u64(&w, 0x0102030405060708u);
    assert_int_equal(wb_cdr_writer_finish_encapsulated(&w), sizeof little);
    assert_memory_equal(buf, little, sizeof little);

    wb_cdr_writer_init_encapsulated(&w, buf, sizeof buf, true);
    wb_cdr_write_f64(&w, 3.141592653589793);
    wb_cdr_write_bool(&w, true);
    assert_int_equal(wb_cdr_writer_finish_encapsulated(&w), sizeof big);
    assert_memory_equal(buf, big, sizeof big);

    struct wb_cdr_reader r;
    wb_cdr_reader_init_encapsulated(&r, big, sizeof big);
    assert_true(wb_cdr_read_f64(&r) == 3.141592653589793);
    assert_true(wb_cdr_read_bool(&r));
    assert_int_equal(wb_cdr_reader_left(&r), 0);
}

static void arrays_keep_their_order_in_both_endiannesses(void **state)
{
    (void)state;
    const uint32_t items[] = {1, 0x80000002u, 3};
    const int16_t shorts[] = {-1, 2, -3};
    for (int is_big = 0; is_big < 2; is_big++) {
        struct wb_cdr_writer w;
        wb_cdr_writer_init(&w, buf, sizeof buf, is_big != 0);
        wb_cdr_write_u8(&w, 7);
        wb_cdr_write_u32(&w, 3);
        wb_cdr_write_array(&w, items, 4, 3);
        wb_cdr_write_array(&w, shorts, 2, 3);
        wb_cdr_write_array(&w, "xyz", 1, 3);
        wb_cdr_write_array(&w, NULL, 8, 0);
        assert_ok(w.err);
        assert_int_equal(w.len, 8 + 12 + 6 + 3);
        assert_int_equal(buf[is_big ? 11 : 8], 1);

        struct wb_cdr_reader r;
        uint32_t items_out[3] = {0};
        int16_t shorts_out[3] = {0};
        char text[3];
        wb_cdr_reader_init(&r, buf, w.len, is_big != 0);
        assert_int_equal(wb_cdr_read_u8(&r), 7);
        assert_int_equal(wb_cdr_read_count(&r, 3, 4), 3);
        wb_cdr_read_array(&r, items_out, 4, 3);
        wb_cdr_read_array(&r, shorts_out, 2, 3);
        wb_cdr_read_array(&r, text, 1, 3);
        assert_ok(r.err);
        assert_memory_equal(items, items_out, sizeof items);
        assert_memory_equal(shorts, shorts_out, sizeof shorts);
        assert_memory_equal(text, "xyz", 3);
    }
}

static void rejects_strings_that_are_not(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t len;
        enum wb_err err;
    } cases[] = {
        {{3, 0, 0, 0, 'a', 'b', 0}, 7, WB_OK},
        {{0, 0, 0, 0}, 4, WB_OK},                         /* length 0: empty */
        {{1, 0, 0, 0, 0}, 5, WB_OK},                      /* just the zero */
        {{3, 0, 0, 0, 'a', 'b', 'c'}, 7, WB_ERR_FORMAT},  /* no zero */
        {{3, 0, 0, 0, 'a', 0, 0}, 7, WB_ERR_FORMAT},      /* zero inside */
        {{4, 0, 0, 0, 'a', 'b', 0}, 7, WB_ERR_END},       /* one byte short */
        {{0xff, 0xff, 0xff, 0xff, 'a'}, 5, WB_ERR_LIMIT}, /* 4 GiB */
        {{7, 0, 0, 0, 'a', 'b', 0}, 7, WB_ERR_LIMIT},     /* over the caller's bound */
        {{3, 0, 0}, 3, WB_ERR_END},
        {{0}, 0, WB_ERR_END},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_cdr_reader r;
        wb_cdr_reader_init(&r, cases[i].bytes, cases[i].len, false);
        struct wb_cdr_str text = wb_cdr_read_str(&r, 5);
        assert_err(cases[i].err, r.err);
        assert_true(text.at != NULL && (r.err == WB_OK || text.len == 0));
    }
}

static void rejects_counts_that_cannot_fit(void **state)
{
    (void)state;
    const uint8_t bytes[12] = {2};
    struct wb_cdr_reader r;
    wb_cdr_reader_init(&r, bytes, 12, false);
    assert_int_equal(wb_cdr_read_count(&r, 2, 4), 2);
    wb_cdr_reader_init(&r, bytes, 12, false);
    assert_int_equal(wb_cdr_read_count(&r, 1, 4), 0);
    assert_err(WB_ERR_LIMIT, r.err);
    wb_cdr_reader_init(&r, bytes, 12, false);
    assert_int_equal(wb_cdr_read_count(&r, 2, 5), 0);
    assert_err(WB_ERR_END, r.err);
    wb_cdr_reader_init(&r, bytes, 12, false);
    wb_cdr_read_array(&r, buf, 8, SIZE_MAX / 4);
    assert_err(WB_ERR_END, r.err);
}

static void rejects_foreign_encapsulations(void **state)
{
    (void)state;
    static const struct {
        uint8_t head[5];
        size_t len;
        enum wb_err err;
    } cases[] = {
        {{0, 1, 0, 0}, 4, WB_OK},
        {{0, 2, 0, 0}, 4, WB_ERR_UNSUPPORTED},
        {{0, 3, 0, 0}, 4, WB_ERR_UNSUPPORTED},
        {{0, 7, 0, 0}, 4, WB_ERR_UNSUPPORTED},
        {{1, 1, 0, 0}, 4, WB_ERR_UNSUPPORTED},
        {{0, 1, 0}, 3, WB_ERR_END},
        {{0, 1, 0, 1}, 4, WB_ERR_FORMAT},
        {{0, 1, 0, 3, 9}, 5, WB_ERR_FORMAT},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_cdr_reader r;
        wb_cdr_reader_init_encapsulated(&r, cases[i].head, cases[i].len);
        assert_err(cases[i].err, r.err);
    }
}

static void reading_past_the_end_sticks(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct wb_cdr_reader r;
    wb_cdr_reader_init(&r, bytes, sizeof bytes, false);
    assert_int_equal(wb_cdr_read_u8(&r), 1);
    assert_int_equal(wb_cdr_read_u32(&r), 0); /* padding to 4 leaves one byte */
    assert_err(WB_ERR_END, r.err);
    assert_int_equal(wb_cdr_read_u8(&r), 0);
    assert_null(wb_cdr_read_bytes(&r, 0));
    assert_int_equal(wb_cdr_reader_left(&r), 0);
    wb_cdr_reader_fail(&r, WB_ERR_VALUE);
    assert_err(WB_ERR_END, r.err);
    wb_cdr_reader_init(&r, NULL, 0, true);
    wb_cdr_read_align(&r, 8);
    assert_ok(r.err);
    (void)wb_cdr_read_i64(&r);
    assert_err(WB_ERR_END, r.err);
    const uint8_t two = 2;
    wb_cdr_reader_init(&r, &two, 1, false);
    assert_false(wb_cdr_read_bool(&r));
    assert_err(WB_ERR_VALUE, r.err);
}

static void writing_past_the_end_sticks(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 15; cap++) {
        memset(buf, 0xAA, sizeof buf);
        struct wb_cdr_writer w;
        wb_cdr_writer_init(&w, buf, cap, false);
        wb_cdr_write_u8(&w, 1);
        wb_cdr_write_u32(&w, 2);
        wb_cdr_write_str(&w, WB_CDR_STR("xy"), 2);
        assert_err(WB_ERR_SPACE, w.err);
        assert_true(w.len <= cap);
        assert_int_equal(buf[cap], 0xAA);
        assert_int_equal(wb_cdr_writer_finish_encapsulated(&w), 0);
    }
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_cdr_write_str(&w, WB_CDR_STR("abc"), 2);
    assert_err(WB_ERR_LIMIT, w.err);
    wb_cdr_writer_init(&w, buf, sizeof buf, false);
    wb_cdr_write_str(&w, WB_CDR_STR("a\0c"), 10);
    assert_err(WB_ERR_VALUE, w.err);
    wb_cdr_writer_init_encapsulated(&w, buf, 3, false);
    assert_err(WB_ERR_SPACE, w.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_each_value_to_its_size),
        cmocka_unit_test(alignment_counts_from_behind_the_encapsulation),
        cmocka_unit_test(arrays_keep_their_order_in_both_endiannesses),
        cmocka_unit_test(rejects_strings_that_are_not),
        cmocka_unit_test(rejects_counts_that_cannot_fit),
        cmocka_unit_test(rejects_foreign_encapsulations),
        cmocka_unit_test(reading_past_the_end_sticks),
        cmocka_unit_test(writing_past_the_end_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
