/* SPDX-License-Identifier: AGPL-3.0-only */
/* The installer: any chunking gives the same image, flash rules are kept, limits and refusals are
 * explained. */
#include "wb_test.h"

#include "run_module.h"
#include "wasm_fixture.h"

static const struct wb_wasm_import imports[] = {
    {"env", "add", "iI>I", 0, WB_WASM_FUNC, 0, 0},
    {"env", "wait", "i>i", 1, WB_WASM_FUNC, 0, 0},
    {"env", "quit", "i>", 2, WB_WASM_FUNC, 0, 0},
};

static enum wb_err install(struct flash *flash, struct wb_wasm_install *x, size_t count,
                           size_t mem_len, const void *module, size_t len, size_t chunk)
{
    static uint32_t mem[1024];
    return flash_install(flash, x, imports, count, mem, mem_len, module, len, chunk);
}

static void chunks_of_any_size_give_the_same_image(void **state)
{
    (void)state;
    struct flash whole = {0};
    struct wb_wasm_install x;
    assert_ok(install(&whole, &x, 3, 700, run_module, sizeof run_module, 0));
    assert_null(whole.broken);
    for (size_t chunk = 1; chunk < 80; chunk++) {
        struct flash parts = {0};
        assert_ok(install(&parts, &x, 3, 700, run_module, sizeof run_module, chunk));
        assert_null(parts.broken);
        assert_int_equal(parts.len, whole.len);
        assert_memory_equal(parts.bytes, whole.bytes, whole.len);
        flash_free(&parts);
    }
    printf("# module %zu bytes, image %zu bytes, %u appends, %u programs; installer struct %zu "
           "bytes\n",
           sizeof run_module, whole.len, whole.appends, whole.programs, sizeof x);
    flash_free(&whole);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    unsigned complete = 0;
    for (size_t len = 0; len < sizeof run_module; len++) {
        struct flash flash = {0};
        struct wb_wasm_install x;
        enum wb_err err = install(&flash, &x, 3, 700, run_module, len, 3);
        struct wb_wasm_image image;
        if (err == WB_OK) {
            complete++;
        } else {
            assert_err(WB_ERR_FORMAT, err);
            assert_true(flash.len == 0 ||
                        wb_wasm_image_open(&image, flash.bytes, flash.len) != WB_OK);
            assert_non_null(x.fault.what);
        }
        assert_null(flash.broken);
        flash_free(&flash);
    }
    /* Cut before its functions are announced (empty, types, imports) or before the data it is a
     * module itself. */
    assert_int_equal(complete, 4);
}

static void survives_every_changed_byte(void **state)
{
    (void)state;
    uint8_t copy[sizeof run_module];
    for (size_t at = 0; at < sizeof run_module; at++) {
        for (unsigned value = 0; value < 256; value += 5) {
            struct flash flash = {0};
            struct wb_wasm_install x;
            memcpy(copy, run_module, sizeof copy);
            copy[at] = (uint8_t)value;
            (void)install(&flash, &x, 3, 700, copy, sizeof copy, 0);
            assert_null(flash.broken);
            flash_free(&flash);
        }
    }
}

static void names_the_import_that_is_unknown(void **state)
{
    (void)state;
    struct flash flash = {0};
    struct wb_wasm_install x;
    assert_err(WB_ERR_IMPORT, install(&flash, &x, 2, 700, run_module, sizeof run_module, 1));
    assert_string_equal(x.import_module, "env");
    assert_string_equal(x.import_name, "quit");
    assert_string_equal(x.fault.what, "unknown import");
    flash_free(&flash);
}

static void an_image_with_unknown_imports_cannot_run(void **state)
{
    (void)state;
    struct flash flash = {.any_import = true};
    struct wb_wasm_install x;
    struct wb_wasm_image image;
    struct wb_wasm_instance inst;
    static uint64_t arena[1000];
    struct wb_wasm_instance_cfg cfg = {.memory_bytes = 1024};
    assert_ok(install(&flash, &x, 0, 700, run_module, sizeof run_module, 0));
    assert_ok(wb_wasm_image_open(&image, flash.bytes, flash.len));
    assert_err(WB_ERR_IMPORT,
               wb_wasm_instance_init(&inst, &image, arena, sizeof arena, &cfg, NULL));
    flash_free(&flash);
}

static void refuses_an_import_of_another_type(void **state)
{
    (void)state;
    static uint32_t mem[200];
    struct wb_wasm_import other[3];
    struct flash flash = {0};
    struct wb_wasm_install x;
    memcpy(other, imports, sizeof other);
    other[1].signature = "I>i";
    assert_err(WB_ERR_IMPORT, flash_install(&flash, &x, other, 3, mem, sizeof mem, run_module,
                                            sizeof run_module, 0));
    assert_string_equal(x.fault.what, "incompatible import type");
    flash_free(&flash);
}

static void is_bounded_by_its_memory(void **state)
{
    (void)state;
    struct flash flash = {0};
    struct wb_wasm_install x;
    uint8_t module[8 + 6 + 4 + 2 + 1 + 2 + 40 * 2 + 40 + 1] = {
        0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 124 + 1, 1, 122 + 1, 0};
    for (unsigned i = 0; i < 40; i++) {
        module[23 + i * 2] = 0x41;  /* i32.const */
        module[23 + 80 + i] = 0x1a; /* drop */
    }
    module[143] = 0x0b;
    module[19] = 124;
    module[21] = 122;
    assert_err(WB_ERR_SPACE, install(&flash, &x, 3, 60, module, sizeof module, 0));
    assert_err(WB_ERR_LIMIT, install(&flash, &x, 3, 40 * 4 + 8, module, sizeof module, 0));
    assert_non_null(x.fault.hint);
    assert_int_equal(x.fault.where[0], 0);
    flash_free(&flash);
    assert_ok(install(&flash, &x, 3, 40 * 4 + 12, module, sizeof module, 0));
    flash_free(&flash);
}

static void passes_on_a_full_store(void **state)
{
    (void)state;
    struct wb_wasm_install x;
    struct flash whole = {0};
    assert_ok(install(&whole, &x, 3, 700, run_module, sizeof run_module, 0));
    for (size_t room = 4; room < whole.len; room += 16) {
        struct flash flash = {.fail_after = room};
        assert_err(WB_ERR_FULL, install(&flash, &x, 3, 700, run_module, sizeof run_module, 0));
        assert_err(WB_ERR_FULL, wb_wasm_install_feed(&x, "a", 1)); /* sticky */
        flash_free(&flash);
    }
    flash_free(&whole);
}

static void refuses_images_of_others(void **state)
{
    (void)state;
    struct flash flash = {0};
    struct wb_wasm_install x;
    struct wb_wasm_image image;
    assert_ok(install(&flash, &x, 3, 700, run_module, sizeof run_module, 0));
    assert_ok(wb_wasm_image_open(&image, flash.bytes, flash.len));
    assert_err(WB_ERR_FORMAT, wb_wasm_image_open(&image, flash.bytes, flash.len - 4));
    assert_err(WB_ERR_FORMAT, wb_wasm_image_open(&image, flash.bytes, 3));
    flash.bytes[4]++;
    assert_err(WB_ERR_UNSUPPORTED, wb_wasm_image_open(&image, flash.bytes, flash.len));
    flash.bytes[0]++;
    assert_err(WB_ERR_FORMAT, wb_wasm_image_open(&image, flash.bytes, flash.len));
    flash_free(&flash);
}

static void a_page_may_be_one_byte(void **state)
{
    (void)state;
    static const uint8_t module[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 5, 5, 1, 9, 10, 20, 0};
    uint8_t other[sizeof module];
    struct flash flash = {0};
    struct wb_wasm_install x;
    struct wb_wasm_image image;
    struct wb_wasm_info info;
    struct wb_wasm_instance inst;
    static uint64_t arena[200];
    struct wb_wasm_instance_cfg cfg = {.stack_bytes = 64};
    assert_ok(install(&flash, &x, 0, 64, module, sizeof module, 1));
    assert_ok(wb_wasm_image_open(&image, flash.bytes, flash.len));
    wb_wasm_image_info(&image, &info);
    assert_int_equal(info.memory_min, 10);
    assert_int_equal(info.memory_max, 20);
    assert_ok(wb_wasm_instance_init(&inst, &image, arena, sizeof arena, &cfg, NULL));
    assert_non_null(wb_wasm_memory(&inst, 9, 1));
    assert_null(wb_wasm_memory(&inst, 9, 2));
    flash_free(&flash);
    memcpy(other, module, sizeof other);
    other[14] = 1; /* pages of 2 bytes are not foreseen */
    assert_err(WB_ERR_FORMAT, install(&flash, &x, 0, 64, other, sizeof other, 1));
    flash_free(&flash);
}

static void lists_exports_imports_and_signatures(void **state)
{
    (void)state;
    struct flash flash = {0};
    struct wb_wasm_install x;
    struct wb_wasm_image image;
    struct wb_wasm_entry entry;
    struct wb_wasm_info info;
    uint32_t index;
    uint32_t cursor = 0;
    char text[16];
    assert_ok(install(&flash, &x, 3, 700, run_module, sizeof run_module, 0));
    assert_ok(wb_wasm_image_open(&image, flash.bytes, flash.len));
    wb_wasm_image_info(&image, &info);
    assert_int_equal(info.memory_min, 65536);
    assert_int_equal(info.memory_max, 131072);
    assert_int_equal(info.import_count, 3);
    assert_int_equal(info.start, UINT32_MAX);
    assert_ok(wb_wasm_export_find(&image, WB_WASM_FUNC, "swap", &index));
    assert_true(wb_wasm_func_has_signature(&image, index, "iI>Ii"));
    assert_false(wb_wasm_func_has_signature(&image, index, "iI>I"));
    assert_false(wb_wasm_func_has_signature(&image, index, "iI>Iii"));
    assert_ok(wb_wasm_func_signature(&image, index, text, sizeof text));
    assert_string_equal(text, "iI>Ii");
    assert_err(WB_ERR_SPACE, wb_wasm_func_signature(&image, index, text, 5));
    assert_ok(wb_wasm_export_find(&image, WB_WASM_FUNC, "spin", &index));
    assert_true(wb_wasm_func_has_signature(&image, index, ">"));
    assert_err(WB_ERR_NOT_FOUND, wb_wasm_export_find(&image, WB_WASM_FUNC, "memory", &index));
    assert_ok(wb_wasm_export_find(&image, WB_WASM_MEMORY, "memory", &index));
    assert_true(wb_wasm_import_next(&image, &cursor, &entry));
    assert_true(wb_wasm_import_next(&image, &cursor, &entry));
    assert_int_equal(entry.name_len, 4);
    assert_memory_equal(entry.name, "wait", 4);
    assert_int_equal(entry.index, 1);
    assert_true(wb_wasm_import_next(&image, &cursor, &entry));
    assert_false(wb_wasm_import_next(&image, &cursor, &entry));
    flash_free(&flash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_any_size_give_the_same_image),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_changed_byte),
        cmocka_unit_test(names_the_import_that_is_unknown),
        cmocka_unit_test(an_image_with_unknown_imports_cannot_run),
        cmocka_unit_test(refuses_an_import_of_another_type),
        cmocka_unit_test(is_bounded_by_its_memory),
        cmocka_unit_test(passes_on_a_full_store),
        cmocka_unit_test(refuses_images_of_others),
        cmocka_unit_test(a_page_may_be_one_byte),
        cmocka_unit_test(lists_exports_imports_and_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
