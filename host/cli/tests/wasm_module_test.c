/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reading of module files, source lines and values by the tools: what they understand, and that
 * nothing they do not understand harms them. */
#include <stdlib.h>
#include <string.h>

#include "wb_test.h"

#include "wasm_module.h"
#include "wasm_vm.h"

/* Header, type () -> (), one function, memory of 1 page, global 0 = mutable i32 1024, exports "f",
 * code { nop } and a name section that calls the function "work". */
static const uint8_t small[] = {
    0, 'a', 's', 'm',  1, 0,    0, 0,    1,    4,   1,    0x60, 0, 0, 3, 2,   1,   0,   5,   3,  1,
    0, 1,   6,   7,    1, 0x7f, 1, 0x41, 0x80, 8,   0x0b, 7,    5, 1, 1, 'f', 0,   0,   10,  5,  1,
    3, 0,   1,   0x0b, 0, 14,   4, 'n',  'a',  'm', 'e',  1,    7, 1, 0, 4,   'w', 'o', 'r', 'k'};

static struct wasm_module parse(const uint8_t *bytes, size_t len)
{
    struct wasm_module m;
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, bytes, len);
    if (!wasm_module_parse(&m, copy, len)) {
        free(copy);
        m.bytes = NULL;
    }
    return m;
}

static void names_come_from_the_name_section_else_from_exports(void **state)
{
    char name[32];
    (void)state;
    struct wasm_module m = parse(small, sizeof small);
    assert_non_null(m.bytes);
    assert_int_equal(m.func_count, 1);
    assert_string_equal(wasm_func_name(&m, 0, name, sizeof name), "work");
    assert_string_equal(wasm_func_name(&m, 1, name, sizeof name), "func[1]");
    assert_string_equal(wasm_func_name(&m, UINT32_MAX, name, sizeof name), "func[4294967295]");
    char tiny[3];
    assert_string_equal(wasm_func_name(&m, 0, tiny, sizeof tiny), "wo");
    wasm_module_free(&m);
    m = parse(small, sizeof small - 16); /* without the name section */
    assert_string_equal(wasm_func_name(&m, 0, name, sizeof name), "f");
    wasm_module_free(&m);
}

static void layout_finds_the_stack_pointer(void **state)
{
    struct wasm_layout layout;
    (void)state;
    struct wasm_module m = parse(small, sizeof small);
    wasm_layout_get(&m, &layout);
    assert_int_equal(layout.stack_top, 1024);
    assert_int_equal(layout.memory_need, 1024);
    assert_int_equal(layout.instructions, 2);
    assert_int_equal(layout.features, 0);
    assert_false(layout.is_need_exact);
    wasm_module_free(&m);
}

static void cut_and_damaged_files_are_survived(void **state)
{
    (void)state;
    for (size_t len = 0; len <= sizeof small; len++) {
        for (unsigned flip = 0; flip < 256; flip += 5) {
            uint8_t bytes[sizeof small];
            struct wasm_layout layout;
            struct wasm_line line;
            char name[16];
            memcpy(bytes, small, sizeof small);
            if (len > 8) {
                bytes[8 + (len * 7 + flip) % (sizeof small - 8)] ^= (uint8_t)flip;
            }
            struct wasm_module m = parse(bytes, len);
            assert_true((m.bytes != NULL) == (len >= 8));
            if (m.bytes != NULL) {
                wasm_layout_get(&m, &layout);
                (void)wasm_func_name(&m, 0, name, sizeof name);
                assert_false(wasm_line_find(&m, 40, &line));
                wasm_module_free(&m);
            }
        }
    }
}

static void what_is_no_module_is_refused(void **state)
{
    struct wasm_module m;
    (void)state;
    uint8_t other[8] = {0, 'a', 's', 'm', 2, 0, 0, 0};
    assert_false(wasm_module_parse(&m, other, 8));
    other[4] = 1;
    assert_false(wasm_module_parse(&m, other, 7));
    assert_false(wasm_module_load(&m, "/nonexistent/file.wasm"));
}

/* A line program of version 4: file a.c, line 7 from address 0, line 9 from 4, end at 8. */
static const uint8_t program4[] = {55, 0,   0,   0,   4, 0, 30, 0, 0, 0, 1, 1, 1,   0xfb, 14,  13,
                                   0,  1,   1,   1,   1, 0, 0,  0, 1, 0, 0, 1, 's', 'r',  'c', 0,
                                   0,  'a', '.', 'c', 0, 1, 0,  0, 0, 0, 5, 2, 0,   0,    0,   0,
                                   3,  6,   1,   2,   4, 3, 2,  1, 2, 4, 0, 1, 1};

static struct wasm_module with_lines(uint8_t *bytes, size_t len)
{
    return (struct wasm_module){.code_at = 100, .debug_line = {bytes, len}};
}

static void lines_are_found_by_address(void **state)
{
    uint8_t bytes[sizeof program4];
    char text[64];
    (void)state;
    memcpy(bytes, program4, sizeof bytes);
    bytes[0] = (uint8_t)(sizeof bytes - 4);
    bytes[6] = 31;
    struct wasm_module m = with_lines(bytes, sizeof bytes);
    assert_string_equal(wasm_line_text(&m, 100, text, sizeof text), "src/a.c:7");
    assert_string_equal(wasm_line_text(&m, 103, text, sizeof text), "src/a.c:7");
    assert_string_equal(wasm_line_text(&m, 104, text, sizeof text), "src/a.c:9");
    assert_string_equal(wasm_line_text(&m, 107, text, sizeof text), "src/a.c:9");
    assert_string_equal(wasm_line_text(&m, 108, text, sizeof text), "");
    assert_string_equal(wasm_line_text(&m, 99, text, sizeof text), "");
}

static void damaged_line_programs_end(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof program4; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t *bytes = malloc(sizeof program4);
            char text[64];
            memcpy(bytes, program4, sizeof program4);
            bytes[0] = (uint8_t)(sizeof program4 - 4);
            bytes[6] = 31;
            bytes[at] = (uint8_t)value;
            struct wasm_module m = with_lines(bytes, sizeof program4);
            (void)wasm_line_text(&m, 104, text, sizeof text);
            m.debug_line.len = at;
            (void)wasm_line_text(&m, 104, text, sizeof text);
            free(bytes);
        }
    }
}

static void values_are_read_as_their_type_wants(void **state)
{
    uint64_t v = 0;
    char text[64];
    (void)state;
    assert_true(wasm_value_read('i', "-1", &v));
    assert_string_equal(wasm_value_text('i', v, text, sizeof text), "i32:4294967295");
    assert_true(wasm_value_read('i', "i32:0x10", &v));
    assert_int_equal(v, 16);
    assert_true(wasm_value_read('I', "-9223372036854775808", &v));
    assert_true(v == (uint64_t)1 << 63);
    assert_true(wasm_value_read('f', "1.5", &v));
    assert_string_equal(wasm_value_text('f', v, text, sizeof text), "f32:1.5");
    assert_true(wasm_value_read('F', "-inf", &v));
    assert_string_equal(wasm_value_text('F', v, text, sizeof text), "f64:-inf");
    assert_true(wasm_value_read('f', "-nan:0x200000", &v));
    assert_string_equal(wasm_value_text('f', v, text, sizeof text), "f32:-nan:0x200000");
    assert_true(wasm_value_read('e', "null", &v));
    assert_string_equal(wasm_value_text('e', v, text, sizeof text), "externref:null");
    assert_true(wasm_value_read('e', "7", &v));
    assert_string_equal(wasm_value_text('e', v, text, sizeof text), "externref:7");
    assert_string_equal(wasm_value_text('p', 0, text, sizeof text), "funcref:null");
    static const char *const bad[] = {
        "",   "x",     "1x",          "-",   "4294967296", "-2147483649",
        " 1", "i64:1", "0x100000000", "1.5", "--1"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_false(wasm_value_read('i', bad[i], &v));
    }
    assert_false(wasm_value_read('f', "", &v));
    assert_false(wasm_value_read('f', "1.5x", &v));
    assert_false(wasm_value_read('f', "nan:0x800000", &v));
    assert_false(wasm_value_read('f', "nan:0x0", &v));
    assert_false(wasm_value_read('p', "3", &v));
    assert_false(wasm_value_read('?', "3", &v));
}

static void boards_are_known_by_name(void **state)
{
    (void)state;
    assert_non_null(wasm_board_find("hifive1"));
    assert_null(wasm_board_find("toaster"));
    assert_null(wasm_board_find(""));
    const struct wb_wasm_info info = {.ram_len = 100, .memory_min = 65536};
    const struct wasm_board *board = wasm_board_find("hifive1");
    assert_int_equal(wasm_board_ram_need(board, &info, 1000),
                     wasm_board_ram_need(board, &info, 0) + 1000);
    assert_true(wasm_board_ram_need(board, &info, info.memory_min) > board->ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_from_the_name_section_else_from_exports),
        cmocka_unit_test(layout_finds_the_stack_pointer),
        cmocka_unit_test(cut_and_damaged_files_are_survived),
        cmocka_unit_test(what_is_no_module_is_refused),
        cmocka_unit_test(lines_are_found_by_address),
        cmocka_unit_test(damaged_line_programs_end),
        cmocka_unit_test(values_are_read_as_their_type_wants),
        cmocka_unit_test(boards_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
