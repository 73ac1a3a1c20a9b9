/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "wb_api.h"

static void names_follow_dns_1123(void **state)
{
    (void)state;
    char label[65];
    memset(label, 'a', 64);
    label[63] = '\0';
    assert_true(wb_api_is_dns_label(label));
    memset(label, 'a', 64);
    label[64] = '\0';
    assert_false(wb_api_is_dns_label(label));
    assert_true(wb_api_is_dns_label("hifive1-0"));
    const char *const bad[] = {"", "-a", "a-", "A", "a_b", "a.b", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_false(wb_api_is_dns_label(bad[i]));
    }
    assert_true(wb_api_is_dns_subdomain("a.b-c.d"));
    assert_false(wb_api_is_dns_subdomain("a..b"));
    assert_false(wb_api_is_dns_subdomain(".a"));
    assert_false(wb_api_is_dns_subdomain("a."));
    char name[256];
    for (size_t i = 0; i < 254; i++) {
        name[i] = i % 2 == 0 ? 'a' : '.';
    }
    name[253] = '\0';
    assert_true(wb_api_is_dns_subdomain(name));
    name[253] = 'a';
    name[254] = '\0';
    assert_false(wb_api_is_dns_subdomain(name));
}

static void labels_follow_kubernetes(void **state)
{
    (void)state;
    assert_true(wb_api_is_label_key("wasmbed.github.io/gateway"));
    assert_true(wb_api_is_label_key("Site_1.x"));
    const char *const bad[] = {"", "/a", "a/", "a/b/c", "A.b/c", "-a", "a-"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_false(wb_api_is_label_key(bad[i]));
    }
    assert_true(wb_api_is_label_value(""));
    assert_true(wb_api_is_label_value("A.b_c-1"));
    assert_false(wb_api_is_label_value("a b"));
    assert_false(wb_api_is_label_value("_a"));
}

static void digests_have_one_text_form(void **state)
{
    (void)state;
    uint8_t digest[32];
    uint8_t back[32];
    char text[WB_API_DIGEST_LEN + 1];
    for (size_t i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(i * 37);
    }
    wb_api_digest_write(digest, text);
    assert_int_equal(strlen(text), WB_API_DIGEST_LEN);
    assert_ok(wb_api_digest_read(text, back));
    assert_memory_equal(digest, back, 32);
    text[70] = 'A';
    assert_err(WB_ERR_FORMAT, wb_api_digest_read(text, back));
    text[70] = '\0';
    assert_err(WB_ERR_FORMAT, wb_api_digest_read(text, back));
    assert_err(WB_ERR_FORMAT, wb_api_digest_read("", back));
    assert_err(WB_ERR_FORMAT, wb_api_digest_read("sha512:", back));
}

static void base64_round_trips_at_every_length(void **state)
{
    (void)state;
    uint8_t data[64];
    for (size_t len = 0; len < sizeof data; len++) {
        for (size_t i = 0; i < len; i++) {
            data[i] = (uint8_t)(i * 151 + len);
        }
        char *text = wb_api_base64_encode(data, len);
        uint8_t *back;
        size_t back_len;
        assert_ok(wb_api_base64_decode(text, strlen(text), len, &back, &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, data, len);
        free(back);
        if (len > 0) {
            assert_err(WB_ERR_LIMIT,
                       wb_api_base64_decode(text, strlen(text), len - 1, &back, &back_len));
        }
        free(text);
    }
}

static void base64_takes_line_breaks_and_refuses_the_rest(void **state)
{
    (void)state;
    uint8_t *data;
    size_t len;
    assert_ok(wb_api_base64_decode("AG\nFz\r\nbQ ==\n", 13, 100, &data, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(data, "\0asm", 4);
    free(data);
    const char *const bad[] = {"A",        "AA",   "AAA",
                               "AA=",      "A===", "====",
                               "AA==AA==", "A*AA", "AB==" /* left-over bits */,
                               "AAAB=",    "AA=A", "AAA=A"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_err(WB_ERR_FORMAT, wb_api_base64_decode(bad[i], strlen(bad[i]), 100, &data, &len));
    }
    assert_err(WB_ERR_FORMAT, wb_api_base64_decode("AA\0A", 4, 100, &data, &len));
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    wb_unix_s time;
    int64_t micro;
    char text[WB_API_TIME_CAP];
    assert_ok(wb_api_time_read("1970-01-01T00:00:00Z", &time));
    assert_int_equal(time, 0);
    assert_ok(wb_api_time_read("2026-11-23T16:00:00+01:30", &time));
    wb_api_time_write(time, text);
    assert_string_equal(text, "2026-11-23T14:30:00Z");
    assert_ok(wb_api_time_read("2024-02-29T23:59:59.999Z", &time));
    wb_api_time_write(time, text);
    assert_string_equal(text, "2024-02-29T23:59:59Z");
    assert_ok(wb_api_time_read_micro("2026-11-23T16:00:00.25Z", &micro));
    wb_api_time_write_micro(micro, text);
    assert_string_equal(text, "2026-11-23T16:00:00.250000Z");
    const char *const bad[] = {"",
                               "2026-11-23",
                               "2026-11-23T16:00:00",
                               "2026-13-01T00:00:00Z",
                               "2026-02-29T00:00:00Z",
                               "2026-00-01T00:00:00Z",
                               "2026-01-01T24:00:00Z",
                               "2026-01-01T00:00:00.Z",
                               "2026-01-01T00:00:00Zx",
                               "2026-01-01T00:00:00+0100",
                               "26-01-01T00:00:00Z"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_err(WB_ERR_FORMAT, wb_api_time_read(bad[i], &time));
    }
    wb_api_time_write(INT64_MAX, text); /* no such year: some text, no overflow */
    assert_string_equal(text, "1970-01-01T00:00:00Z");
}

static void quantities_and_durations_have_units(void **state)
{
    (void)state;
    struct {
        const char *text;
        enum wb_err err;
        uint32_t bytes;
    } const cases[] = {{"0", WB_OK, 0},
                       {"4096", WB_OK, 4096},
                       {"8Ki", WB_OK, 8192},
                       {"64k", WB_OK, 64000},
                       {"3Gi", WB_OK, 3u << 30},
                       {"4Gi", WB_ERR_VALUE, 0},
                       {"", WB_ERR_FORMAT, 0},
                       {"Ki", WB_ERR_FORMAT, 0},
                       {"1.5Ki", WB_ERR_FORMAT, 0},
                       {"-1", WB_ERR_FORMAT, 0},
                       {"1 Ki", WB_ERR_FORMAT, 0},
                       {"99999999999999999999", WB_ERR_FORMAT, 0}};
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        uint32_t bytes = 0;
        json_t *value = json_string(cases[i].text);
        assert_err(cases[i].err, wb_api_quantity_read(value, &bytes));
        assert_int_equal(bytes, cases[i].bytes);
        json_decref(value);
    }
    uint32_t bytes;
    json_t *number = json_integer(-1);
    assert_err(WB_ERR_VALUE, wb_api_quantity_read(number, &bytes));
    json_decref(number);
    assert_err(WB_ERR_FORMAT, wb_api_quantity_read(NULL, &bytes));
    wb_ms ms;
    assert_ok(wb_api_duration_read("500ms", &ms));
    assert_int_equal(ms, 500);
    assert_ok(wb_api_duration_read("5m", &ms));
    assert_int_equal(ms, 300000);
    assert_err(WB_ERR_VALUE, wb_api_duration_read("721h", &ms));
    assert_err(WB_ERR_FORMAT, wb_api_duration_read("5", &ms));
    assert_err(WB_ERR_FORMAT, wb_api_duration_read("s", &ms));
}

static void paths_end_quietly_where_something_is_missing(void **state)
{
    (void)state;
    json_t *object = json_pack("{s:{s:s, s:i}}", "a", "text", "x", "number", 7);
    assert_string_equal(wb_api_text_at(object, "-", "a", "text", NULL), "x");
    assert_string_equal(wb_api_text_at(object, "-", "a", "number", NULL), "-");
    assert_string_equal(wb_api_text_at(object, "-", "a", "text", "b", NULL), "-");
    assert_int_equal(wb_api_integer_at(object, -1, "a", "number", NULL), 7);
    assert_int_equal(wb_api_integer_at(NULL, -1, "a", NULL), -1);
    assert_null(wb_api_at(object, "b", "c", NULL));
    json_decref(object);
}

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    const char *text = "a\xe2\x82\xac"
                       "b"; /* a, the euro sign, b */
    const size_t wanted[] = {0, 1, 1, 1, 4, 5, 5};
    for (size_t max = 0; max < WB_ARRAY_LEN(wanted); max++) {
        assert_int_equal(wb_api_text_cut(text, max), wanted[max]);
    }
}

static void first_problem_wins(void **state)
{
    (void)state;
    struct wb_api_problem problem = {0};
    assert_err(WB_ERR_LIMIT, wb_api_problem_set(&problem, WB_ERR_LIMIT, "first %d", 1));
    assert_err(WB_ERR_LIMIT, wb_api_problem_set(&problem, WB_ERR_TYPE, "second"));
    assert_string_equal(problem.text, "first 1");
    assert_err(WB_ERR_TYPE, wb_api_problem_set(NULL, WB_ERR_TYPE, "nobody asks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_dns_1123),
        cmocka_unit_test(labels_follow_kubernetes),
        cmocka_unit_test(digests_have_one_text_form),
        cmocka_unit_test(base64_round_trips_at_every_length),
        cmocka_unit_test(base64_takes_line_breaks_and_refuses_the_rest),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(quantities_and_durations_have_units),
        cmocka_unit_test(paths_end_quietly_where_something_is_missing),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(first_problem_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
