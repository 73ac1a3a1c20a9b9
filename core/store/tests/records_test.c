/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_flash_sim.h"
#include "wb_store.h"
#include "wb_test.h"

static struct wb_flash_sim sim;
static struct wb_store store;

static int start(void **state)
{
    (void)state;
    wb_flash_sim_new(&sim, 1024, 16, 1);
    assert_err(WB_ERR_NOT_FOUND, wb_store_mount(&store, &sim.flash, 3));
    assert_ok(wb_store_format(&store, &sim.flash, 3));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    wb_flash_sim_free(&sim);
    return 0;
}

static void expect_record(uint16_t key, const char *value)
{
    char buf[WB_STORE_VALUE_MAX];
    const void *mapped;
    size_t len;
    assert_ok(wb_store_get(&store, key, buf, sizeof buf, &len));
    assert_int_equal(len, strlen(value));
    assert_memory_equal(buf, value, len);
    assert_ok(wb_store_get_mapped(&store, key, &mapped, &len));
    assert_int_equal(len, strlen(value));
    assert_memory_equal(mapped, value, len);
}

static void put_text(uint16_t key, const char *value)
{
    assert_ok(wb_store_put(&store, key, value, strlen(value)));
}

static void a_store_fits_its_budget(void **state)
{
    (void)state;
    assert_true(sizeof(struct wb_store) <= 80);
    assert_true(sizeof(struct wb_store_writer) <= 112);
}

static void gives_back_what_was_put_also_after_mounting(void **state)
{
    (void)state;
    put_text(1, "one");
    put_text(2, "");
    put_text(0x7fff, "last");
    put_text(1, "uno");
    for (int round = 0; round < 2; round++) {
        expect_record(1, "uno");
        expect_record(2, "");
        expect_record(0x7fff, "last");
        assert_ok(wb_store_mount(&store, &sim.flash, 3));
    }
}

static void says_what_is_not_there(void **state)
{
    (void)state;
    size_t len;
    char buf[4];
    const void *mapped;
    assert_err(WB_ERR_NOT_FOUND, wb_store_get(&store, 5, buf, 4, &len));
    assert_err(WB_ERR_NOT_FOUND, wb_store_get_mapped(&store, 5, &mapped, &len));
    assert_err(WB_ERR_NOT_FOUND, wb_store_remove(&store, 5));
    put_text(5, "fifth");
    assert_err(WB_ERR_SPACE, wb_store_get(&store, 5, buf, 4, &len));
    assert_int_equal(len, 5);
    sim.flash.map = NULL;
    assert_err(WB_ERR_UNSUPPORTED, wb_store_get_mapped(&store, 5, &mapped, &len));
}

static void removes_for_good(void **state)
{
    (void)state;
    size_t len;
    put_text(1, "a");
    put_text(1, "b");
    assert_ok(wb_store_remove(&store, 1));
    assert_err(WB_ERR_NOT_FOUND, wb_store_remove(&store, 1));
    assert_ok(wb_store_mount(&store, &sim.flash, 3));
    assert_err(WB_ERR_NOT_FOUND, wb_store_get(&store, 1, NULL, 0, &len));
    for (int i = 0; i < 500; i++) { /* collections bring nothing back */
        uint32_t value = (uint32_t)i;
        assert_ok(wb_store_put(&store, 2, &value, sizeof value));
        assert_err(WB_ERR_NOT_FOUND, wb_store_get(&store, 1, NULL, 0, &len));
    }
}

static void an_equal_value_costs_no_flash_operation(void **state)
{
    (void)state;
    put_text(1, "same");
    uint64_t ops = sim.ops;
    put_text(1, "same");
    assert_int_equal(sim.ops, ops);
    put_text(1, "sane");
    assert_true(sim.ops > ops);
}

static void takes_values_up_to_512_bytes(void **state)
{
    (void)state;
    uint8_t value[WB_STORE_VALUE_MAX + 1];
    uint8_t got[WB_STORE_VALUE_MAX];
    memset(value, 0xa5, sizeof value);
    assert_err(WB_ERR_LIMIT, wb_store_put(&store, 1, value, sizeof value));
    for (size_t len = 0; len <= WB_STORE_VALUE_MAX; len++) {
        size_t got_len;
        value[len / 2] = (uint8_t)len;
        assert_ok(wb_store_put(&store, 1, value, len));
        assert_ok(wb_store_get(&store, 1, got, sizeof got, &got_len));
        assert_int_equal(got_len, len);
        assert_memory_equal(got, value, len);
    }
}

static void iterates_in_order_of_keys(void **state)
{
    (void)state;
    assert_int_equal(wb_store_next(&store, 0), 0);
    put_text(300, "c");
    put_text(7, "a");
    put_text(20, "b");
    put_text(7, "a2");
    put_text(21, "x");
    assert_ok(wb_store_remove(&store, 21));
    assert_int_equal(wb_store_next(&store, 0), 7);
    assert_int_equal(wb_store_next(&store, 7), 20);
    assert_int_equal(wb_store_next(&store, 20), 300);
    assert_int_equal(wb_store_next(&store, 300), 0);
}

static void wears_the_sectors_evenly(void **state)
{
    (void)state;
    put_text(1, "stays in place for ever");
    for (uint32_t i = 0; i < 5000; i++) {
        assert_ok(wb_store_put(&store, 2, &i, sizeof i));
    }
    expect_record(1, "stays in place for ever");
    printf("5000 puts of 4 bytes: erases %u %u %u\n", sim.erases[0], sim.erases[1], sim.erases[2]);
    for (int i = 0; i < 3; i++) {
        assert_in_range(sim.erases[i], sim.erases[0] - 1, sim.erases[0] + 1);
        assert_true(sim.erases[i] <= 5000 * 12 / 1004 / 3 * 3 / 2);
    }
    assert_int_equal(sim.erases[3], 0);
}

static void says_full_keeps_all_and_can_still_remove(void **state)
{
    (void)state;
    uint8_t value[100];
    uint16_t count = 0;
    memset(value, 0x11, sizeof value);
    while (wb_store_put(&store, (uint16_t)(count + 1), value, sizeof value) == WB_OK) {
        count++;
    }
    struct wb_store_space space;
    wb_store_space(&store, &space);
    printf("R=3: %u of %u bytes live when full\n", space.record_live, space.record_size);
    assert_true(space.record_live + 2 * 108 > space.record_size);
    assert_err(WB_ERR_FULL, wb_store_put(&store, 999, value, sizeof value));
    value[0] = 0x22;
    assert_err(WB_ERR_FULL, wb_store_put(&store, 1, value, sizeof value)); /* old value counts */
    /* Small ones take what is left; then removing needs no room at all. */
    uint16_t small = 1000;
    while (wb_store_put(&store, small, "", 0) == WB_OK) {
        small++;
    }
    for (uint16_t key = count; key >= 1; key--) {
        uint8_t got[100];
        size_t len;
        assert_ok(wb_store_get(&store, key, got, sizeof got, &len));
        assert_int_equal(got[0], 0x11);
        assert_ok(wb_store_remove(&store, key));
        assert_err(WB_ERR_NOT_FOUND, wb_store_get(&store, key, got, sizeof got, &len));
    }
    assert_int_equal(wb_store_next(&store, 0), small == 1000 ? 0 : 1000);
    assert_ok(wb_store_put(&store, 1, value, sizeof value));
}

static void every_geometry_works(void **state)
{
    (void)state;
    static const struct {
        uint32_t sector_size, sectors;
        uint8_t records, expected;
    } cases[] = {
        {1024, 8, 0, 4},  {1024, 64, 0, 13}, {4096, 16, 0, 4},      {4096, 256, 2, 2},
        {65536, 8, 0, 2}, {131072, 8, 0, 2}, {2048, 40000, 16, 16}, {32768, 32, 0, 2},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_flash_sim other;
        struct wb_store s;
        uint8_t value[300];
        size_t len;
        wb_flash_sim_new(&other, cases[i].sector_size, cases[i].sectors, 1);
        assert_int_equal(wb_store_format(&s, &other.flash, cases[i].records), WB_OK);
        assert_int_equal(s.sectors, cases[i].expected);
        for (uint32_t n = 0; n < 4 * cases[i].expected * cases[i].sector_size / 308; n++) {
            memset(value, (int)n, sizeof value);
            assert_ok(wb_store_put(&s, 1, value, sizeof value));
        }
        uint8_t last = value[0];
        assert_ok(wb_store_mount(&s, &other.flash, cases[i].records));
        assert_ok(wb_store_get(&s, 1, value, sizeof value, &len));
        assert_int_equal(value[0], last);
        wb_flash_sim_free(&other);
    }
}

static void passes_flash_errors_up_and_recovers(void **state)
{
    (void)state;
    put_text(1, "kept");
    for (uint64_t cut = 1; cut < 40;
         cut++) { /* the flash refuses once and works again: no remount */
        uint8_t value[200];
        memset(value, (int)cut, sizeof value);
        wb_flash_sim_power_on(&sim, cut % 7 + 1);
        enum wb_err err = WB_OK;
        while (err == WB_OK) {
            err = wb_store_put(&store, 2, value, sizeof value);
            value[0]++;
        }
        assert_err(WB_ERR_FLASH, err);
        wb_flash_sim_power_on(&sim, 0);
        expect_record(1, "kept");
        assert_ok(wb_store_put(&store, 3, &cut, sizeof cut));
        expect_record(1, "kept");
    }
    assert_ok(wb_store_mount(&store, &sim.flash, 3));
    expect_record(1, "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_fits_its_budget),
        cmocka_unit_test_setup_teardown(gives_back_what_was_put_also_after_mounting, start, stop),
        cmocka_unit_test_setup_teardown(says_what_is_not_there, start, stop),
        cmocka_unit_test_setup_teardown(removes_for_good, start, stop),
        cmocka_unit_test_setup_teardown(an_equal_value_costs_no_flash_operation, start, stop),
        cmocka_unit_test_setup_teardown(takes_values_up_to_512_bytes, start, stop),
        cmocka_unit_test_setup_teardown(iterates_in_order_of_keys, start, stop),
        cmocka_unit_test_setup_teardown(wears_the_sectors_evenly, start, stop),
        cmocka_unit_test_setup_teardown(says_full_keeps_all_and_can_still_remove, start, stop),
        cmocka_unit_test(every_geometry_works),
        cmocka_unit_test_setup_teardown(passes_flash_errors_up_and_recovers, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
