/* SPDX-License-Identifier: AGPL-3.0-only */
/* What decode and encode refuse. Messages are built with the CBOR writer, one wrong thing each. */
#include "wb_protocol.h"
#include "wb_test.h"

static const uint8_t digest[32] = {1, 2, 3};

static uint8_t message_buf[2048];

static struct wb_writer begin(unsigned type, size_t pairs)
{
    struct wb_writer w;
    wb_writer_init(&w, message_buf, sizeof message_buf);
    wb_cbor_write_array(&w, 2);
    wb_cbor_write_uint(&w, type);
    wb_cbor_write_map(&w, pairs);
    return w;
}

static void put_uint(struct wb_writer *w, unsigned key, uint64_t value)
{
    wb_cbor_write_uint(w, key);
    wb_cbor_write_uint(w, value);
}

static void put_text(struct wb_writer *w, unsigned key, const char *text)
{
    wb_cbor_write_uint(w, key);
    wb_cbor_write_text(w, text, strlen(text));
}

static void put_bytes(struct wb_writer *w, unsigned key, const void *data, size_t len)
{
    wb_cbor_write_uint(w, key);
    wb_cbor_write_bytes(w, data, len);
}

static enum wb_err decode(const struct wb_writer *w, struct wb_fault *fault)
{
    static struct wb_protocol_message message;
    uint8_t *copy = malloc(w->len); /* exact, for the sanitizer */
    memcpy(copy, w->buf, w->len);
    enum wb_err err = wb_protocol_decode(copy, w->len, &message, fault);
    free(copy);
    return err;
}

static void ignores_unknown_types_as_an_outcome(void **state)
{
    (void)state;
    static const unsigned types[] = {0, 2, 12, 31, 33, 38, 255, 70000};
    for (size_t i = 0; i < WB_ARRAY_LEN(types); i++) {
        struct wb_fault fault = {0};
        struct wb_writer w = begin(types[i], 0);
        assert_err(WB_ERR_UNSUPPORTED, decode(&w, &fault));
        assert_int_equal(fault.code, WB_OK);
    }
}

static void passes_over_unknown_keys_and_items(void **state)
{
    (void)state;
    struct wb_writer w;
    struct wb_protocol_message message;
    wb_writer_init(&w, message_buf, sizeof message_buf);
    wb_cbor_write_array(&w, 3);
    wb_cbor_write_uint(&w, WB_PROTOCOL_DESIRED_ACK);
    wb_cbor_write_map(&w, 4);
    put_uint(&w, 0, 1);
    put_uint(&w, 1, 77);
    put_text(&w, 200, "future");
    wb_cbor_write_text(&w, "key of another kind", 19);
    wb_cbor_write_array(&w, 1);
    wb_cbor_write_null(&w);
    wb_cbor_write_bool(&w, true);
    assert_ok(wb_protocol_decode(message_buf, w.len, &message, NULL));
    assert_int_equal(message.type, WB_PROTOCOL_DESIRED_ACK);
    assert_int_equal(message.u.desired_ack.generation, 77);
}

static void refuses_a_missing_key_first_in_the_middle_and_last(void **state)
{
    (void)state;
    for (unsigned missing = 1; missing <= 3; missing++) {
        struct wb_fault fault = {0};
        struct wb_writer w = begin(WB_PROTOCOL_FETCH, 2);
        if (missing != 1) {
            put_bytes(&w, 1, digest, 32);
        }
        for (unsigned key = 2; key <= 3; key++) {
            if (missing != key) {
                put_uint(&w, key, 5);
            }
        }
        assert_err(WB_ERR_NOT_FOUND, decode(&w, &fault));
        assert_string_equal(fault.what, "required key is missing");
        assert_int_equal(fault.where[1], WB_PROTOCOL_FETCH);
    }
}

static void refuses_keys_twice_or_out_of_order(void **state)
{
    (void)state;
    struct wb_writer w = begin(WB_PROTOCOL_DESIRED_ACK, 2);
    put_uint(&w, 1, 5);
    put_uint(&w, 1, 6);
    assert_err(WB_ERR_FORMAT, decode(&w, NULL));
    w = begin(WB_PROTOCOL_WELCOME, 3);
    put_uint(&w, 1, 5);
    put_uint(&w, 3, 6);
    put_uint(&w, 2, 6);
    assert_true(decode(&w, NULL) != WB_OK);
    w = begin(WB_PROTOCOL_DESIRED_ACK, 3);
    put_uint(&w, 1, 5);
    put_uint(&w, 9, 6);
    put_uint(&w, 8, 6);
    assert_err(WB_ERR_FORMAT, decode(&w, NULL));
}

static void refuses_fields_of_another_type(void **state)
{
    (void)state;
    struct wb_writer w = begin(WB_PROTOCOL_DESIRED_ACK, 1);
    put_text(&w, 1, "5");
    assert_err(WB_ERR_TYPE, decode(&w, NULL));
    w = begin(WB_PROTOCOL_SUBSCRIBE, 2);
    put_bytes(&w, 1, "app", 3);
    put_text(&w, 2, "topic");
    assert_err(WB_ERR_TYPE, decode(&w, NULL));
}

static void refuses_numbers_out_of_range(void **state)
{
    (void)state;
    struct wb_writer w = begin(WB_PROTOCOL_WELCOME, 3);
    put_uint(&w, 1, UINT64_MAX);               /* 64 bits here … */
    put_uint(&w, 2, (uint64_t)UINT32_MAX + 1); /* … 32 there */
    put_uint(&w, 3, 512);
    assert_err(WB_ERR_VALUE, decode(&w, NULL));
    w = begin(WB_PROTOCOL_LOG, 3);
    put_uint(&w, 2, WB_PROTOCOL_LOG_LEVEL_COUNT);
    put_text(&w, 3, "");
    put_uint(&w, 4, 0);
    assert_err(WB_ERR_VALUE, decode(&w, NULL));
}

static void refuses_what_is_no_name(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",         "-a",
        "a-",       "A",
        "a.b",      "a/b",
        "a b",      "a_b",
        "\xc3\xbc", "a123456789012345678901234567890123456789012345678901234567890123" /* 64 */,
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        struct wb_writer w = begin(WB_PROTOCOL_SUBSCRIBE, 2);
        put_text(&w, 1, bad[i]);
        put_text(&w, 2, "topic");
        enum wb_err err = decode(&w, NULL);
        assert_true(err == WB_ERR_VALUE || (err == WB_ERR_LIMIT && strlen(bad[i]) == 64));
        assert_false(wb_protocol_is_name(wb_protocol_text(bad[i])));
    }
    assert_true(wb_protocol_is_name(wb_protocol_text("a")));
    assert_true(wb_protocol_is_name(wb_protocol_text("0-9--a")));
    assert_true(wb_protocol_is_name(wb_protocol_text(
        "a12345678901234567890123456789012345678901234567890123456789012"))); /* 63 */
}

static void refuses_topics_empty_or_too_long(void **state)
{
    (void)state;
    char topic[129];
    memset(topic, 't', sizeof topic);
    topic[128] = '\0';
    struct wb_writer w = begin(WB_PROTOCOL_SUBSCRIBE, 2);
    put_text(&w, 1, "app");
    put_text(&w, 2, topic);
    assert_err(WB_ERR_LIMIT, decode(&w, NULL));
    w = begin(WB_PROTOCOL_SUBSCRIBE, 2);
    put_text(&w, 1, "app");
    put_text(&w, 2, topic + 1);
    assert_ok(decode(&w, NULL));
    w = begin(WB_PROTOCOL_SUBSCRIBE, 2);
    put_text(&w, 1, "app");
    put_text(&w, 2, "");
    assert_err(WB_ERR_VALUE, decode(&w, NULL));
}

static void refuses_digests_of_another_length(void **state)
{
    (void)state;
    for (size_t len = 31; len <= 33; len += 2) {
        uint8_t bytes[33] = {0};
        struct wb_writer w = begin(WB_PROTOCOL_FETCH, 3);
        put_bytes(&w, 1, bytes, len);
        put_uint(&w, 2, 0);
        put_uint(&w, 3, 1);
        assert_err(WB_ERR_VALUE, decode(&w, NULL));
    }
}

static void refuses_lists_too_long_or_of_other_things(void **state)
{
    (void)state;
    struct wb_writer w = begin(WB_PROTOCOL_TRAP, 3);
    put_text(&w, 1, "app");
    put_text(&w, 2, "unreachable");
    wb_cbor_write_uint(&w, 3);
    wb_cbor_write_array(&w, WB_PROTOCOL_LIST_MAX + 1);
    for (unsigned i = 0; i <= WB_PROTOCOL_LIST_MAX; i++) {
        wb_cbor_write_array(&w, 2);
        wb_cbor_write_uint(&w, i);
        wb_cbor_write_uint(&w, i);
    }
    assert_err(WB_ERR_LIMIT, decode(&w, NULL));
    for (size_t items = 0; items <= 3; items++) { /* only pairs are places */
        w = begin(WB_PROTOCOL_TRAP, 3);
        put_text(&w, 1, "app");
        put_text(&w, 2, "unreachable");
        wb_cbor_write_uint(&w, 3);
        wb_cbor_write_array(&w, 1);
        wb_cbor_write_array(&w, items);
        for (size_t i = 0; i < items; i++) {
            wb_cbor_write_uint(&w, i);
        }
        assert_int_equal(decode(&w, NULL) == WB_OK, items == 2);
    }
}

static void refuses_desired_whose_parts_do_not_agree(void **state)
{
    (void)state;
    static const struct {
        unsigned index, count;
        bool app, good;
    } cases[] = {
        {0, 0, false, true}, {0, 1, true, true},   {1, 2, true, true},  {1, 0, false, false},
        {0, 0, true, false}, {0, 1, false, false}, {1, 1, true, false}, {2, 1, true, false},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_writer w = begin(WB_PROTOCOL_DESIRED, cases[i].app ? 4 : 3);
        put_uint(&w, 1, 1);
        put_uint(&w, 2, cases[i].index);
        put_uint(&w, 3, cases[i].count);
        if (cases[i].app) {
            wb_cbor_write_uint(&w, 4);
            wb_cbor_write_map(&w, 4);
            put_text(&w, 1, "app");
            put_bytes(&w, 2, digest, 32);
            put_uint(&w, 3, 100);
            put_uint(&w, 5, 1);
        }
        assert_err(cases[i].good ? WB_OK : WB_ERR_VALUE, decode(&w, NULL));
    }
}

static void refuses_messages_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum wb_err err;
    } cases[] = {
        {"", 0, WB_ERR_END},
        {"\x00", 1, WB_ERR_TYPE},
        {"\x80", 1, WB_ERR_END},
        {"\x81\x09", 2, WB_ERR_FORMAT},
        {"\x82\x09", 2, WB_ERR_END},
        {"\x82\x09\x80", 3, WB_ERR_TYPE},
        {"\x82\x29\xa0", 3, WB_ERR_TYPE},
        {"\x82\x18\x09\xa1\x01\x05", 6, WB_ERR_FORMAT}, /* not shortest */
        {"\x9f\x09\xa1\x01\x05\xff", 6, WB_ERR_FORMAT}, /* indefinite */
        {"\x82\x09\xa1\x01\x05\x00", 6, WB_ERR_FORMAT}, /* one byte more */
        {"\x82\x09\xa1\x01", 4, WB_ERR_END},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_writer w = {(uint8_t *)(uintptr_t)cases[i].bytes, 0, cases[i].len, WB_OK};
        if (decode(&w, NULL) != cases[i].err) {
            fail_msg("case %zu: %s", i, wb_err_str(decode(&w, NULL)));
        }
    }
}

static struct wb_protocol_message log_message(const char *text)
{
    return (struct wb_protocol_message){
        .type = WB_PROTOCOL_LOG,
        .u.log = {wb_protocol_text("app"), WB_PROTOCOL_LOG_INFO, wb_protocol_text(text), 1},
    };
}

static void encode_honours_frame_max_to_the_byte(void **state)
{
    (void)state;
    uint8_t buf[200];
    size_t len;
    struct wb_protocol_message message = log_message("0123456789");
    assert_ok(wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
    size_t exact = len - WB_PROTOCOL_FRAME_HEAD;
    assert_int_equal(buf[0] << 8 | buf[1], exact);
    assert_ok(wb_protocol_encode(&message, exact, buf, sizeof buf, &len));
    assert_err(WB_ERR_LIMIT, wb_protocol_encode(&message, exact - 1, buf, sizeof buf, &len));
    assert_err(WB_ERR_LIMIT, wb_protocol_encode(&message, 0, buf, sizeof buf, &len));
    assert_ok(wb_protocol_encode(&message, 512, buf, exact + 2, &len));
    for (size_t cap = 0; cap < exact + 2; cap++) {
        assert_err(WB_ERR_SPACE, wb_protocol_encode(&message, 512, buf, cap, &len));
    }
}

static void encode_refuses_what_decode_would(void **state)
{
    (void)state;
    uint8_t buf[600];
    size_t len;
    struct wb_protocol_message message = log_message("bad \xff text");
    assert_err(WB_ERR_VALUE, wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
    message = log_message("good");
    message.u.log.app = wb_protocol_text("Not A Name");
    assert_err(WB_ERR_VALUE, wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
    message = log_message("good");
    message.u.log.level = 4;
    assert_err(WB_ERR_VALUE, wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
    message = (struct wb_protocol_message){.type = WB_PROTOCOL_FETCH};
    assert_err(WB_ERR_VALUE, wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
    message = (struct wb_protocol_message){.type = WB_PROTOCOL_DESIRED, .u.desired.count = 1};
    assert_err(WB_ERR_VALUE, wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
    message = (struct wb_protocol_message){.type = WB_PROTOCOL_SUBSCRIBE,
                                           .u.subscribe = {wb_protocol_text("app"), {NULL, 0}}};
    assert_err(WB_ERR_VALUE, wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
}

static void the_largest_chunk_fills_the_frame(void **state)
{
    (void)state;
    static uint8_t data[70000];
    static uint8_t buf[70000];
    static const size_t sizes[] = {50, 64, 512, 4096, 65535, 100000};
    for (size_t i = 0; i < WB_ARRAY_LEN(sizes); i++) {
        size_t len;
        struct wb_protocol_message message = {
            .type = WB_PROTOCOL_CHUNK,
            .u.chunk = {digest,
                        UINT32_MAX,
                        {data, wb_protocol_chunk_data_max(sizes[i])},
                        {NULL, 0}},
        };
        assert_ok(wb_protocol_encode(&message, sizes[i], buf, sizeof buf, &len));
        message.u.chunk.data.len += 4; /* shorter heads of short data leave up to 3 bytes free */
        assert_err(WB_ERR_LIMIT, wb_protocol_encode(&message, sizes[i], buf, sizeof buf, &len));
    }
    assert_int_equal(wb_protocol_chunk_data_max(49), 0);
    assert_int_equal(wb_protocol_chunk_data_max(0), 0);
}

static void the_longest_log_text_fits(void **state)
{
    (void)state;
    static char text[513];
    uint8_t buf[600];
    size_t len;
    memset(text, 'x', 512 - WB_PROTOCOL_LOG_REST);
    struct wb_protocol_message message = log_message(text);
    message.u.log.app =
        wb_protocol_text("a12345678901234567890123456789012345678901234567890123456789012");
    message.u.log.uptime_ms = UINT64_MAX;
    assert_ok(wb_protocol_encode(&message, 512, buf, sizeof buf, &len));
}

static void text_clean_replaces_bad_bytes_only(void **state)
{
    (void)state;
    char text[] = "ok \xff\xc3\xbc\xe2\x82 end\xc3";
    wb_protocol_text_clean(text, sizeof text - 1);
    assert_string_equal(text, "ok ?\xc3\xbc?? end?");
    wb_protocol_text_clean(NULL, 0);
}

static void list_writer_is_bounded_and_sticky(void **state)
{
    (void)state;
    uint8_t buf[300];
    struct wb_protocol_list list;
    struct wb_protocol_list_writer writer;
    wb_protocol_list_init(&writer, buf, 4);
    wb_protocol_list_add_text(&writer, "abc", 3);
    wb_protocol_list_add_text(&writer, "d", 1);
    assert_err(WB_ERR_SPACE, wb_protocol_list_finish(&writer, &list));
    wb_protocol_list_init(&writer, buf, sizeof buf);
    for (unsigned i = 0; i < WB_PROTOCOL_LIST_MAX; i++) {
        wb_protocol_list_add_place(&writer, i, i);
    }
    assert_ok(wb_protocol_list_finish(&writer, &list));
    assert_int_equal(list.count, WB_PROTOCOL_LIST_MAX);
    wb_protocol_list_add_place(&writer, 0, 0);
    assert_err(WB_ERR_LIMIT, wb_protocol_list_finish(&writer, &list));
    wb_protocol_list_init(&writer, buf, sizeof buf);
    wb_protocol_list_add_text(&writer, "\xff", 1);
    assert_err(WB_ERR_VALUE, wb_protocol_list_finish(&writer, &list));
}

static void every_type_has_a_name_and_a_direction(void **state)
{
    (void)state;
    assert_string_equal(wb_protocol_type_str(WB_PROTOCOL_APP_STATUS), "app-status");
    assert_string_equal(wb_protocol_type_str((enum wb_protocol_type)99), "unknown");
    assert_true(wb_protocol_is_from_device(WB_PROTOCOL_UNSUBSCRIBE));
    assert_false(wb_protocol_is_from_device(WB_PROTOCOL_WELCOME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignores_unknown_types_as_an_outcome),
        cmocka_unit_test(passes_over_unknown_keys_and_items),
        cmocka_unit_test(refuses_a_missing_key_first_in_the_middle_and_last),
        cmocka_unit_test(refuses_keys_twice_or_out_of_order),
        cmocka_unit_test(refuses_fields_of_another_type),
        cmocka_unit_test(refuses_numbers_out_of_range),
        cmocka_unit_test(refuses_what_is_no_name),
        cmocka_unit_test(refuses_topics_empty_or_too_long),
        cmocka_unit_test(refuses_digests_of_another_length),
        cmocka_unit_test(refuses_lists_too_long_or_of_other_things),
        cmocka_unit_test(refuses_desired_whose_parts_do_not_agree),
        cmocka_unit_test(refuses_messages_that_are_none),
        cmocka_unit_test(encode_honours_frame_max_to_the_byte),
        cmocka_unit_test(encode_refuses_what_decode_would),
        cmocka_unit_test(the_largest_chunk_fills_the_frame),
        cmocka_unit_test(the_longest_log_text_fits),
        cmocka_unit_test(text_clean_replaces_bad_bytes_only),
        cmocka_unit_test(list_writer_is_bounded_and_sticky),
        cmocka_unit_test(every_type_has_a_name_and_a_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
