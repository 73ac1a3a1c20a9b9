/* SPDX-License-Identifier: AGPL-3.0-only */
/* What mount says about flash that is not a good store, and that it leaves such flash alone. */
#include "wb_flash_sim.h"
#include "wb_store.h"
#include "wb_test.h"

static struct wb_flash_sim sim;
static struct wb_store store;

/* Four record sectors of 1 KB of which three are in use. */
static int start(void **state)
{
    (void)state;
    uint8_t value[200] = {0};
    wb_flash_sim_new(&sim, 1024, 16, 1);
    assert_ok(wb_store_format(&store, &sim.flash, 4));
    for (uint16_t key = 1; key <= 12; key++) {
        value[0] = (uint8_t)key;
        assert_ok(wb_store_put(&store, key, value, sizeof value));
    }
    assert_int_equal(store.used, 3);
    wb_flash_sim_power_on(&sim, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    wb_flash_sim_free(&sim);
    return 0;
}

static void expect_mount(enum wb_err expected)
{
    uint64_t ops = sim.ops;
    assert_err(expected, wb_store_mount(&store, &sim.flash, 4));
    assert_int_equal(sim.ops, ops); /* nothing was changed */
}

static void blank_flash_is_called_blank(void **state)
{
    (void)state;
    memset(sim.bytes, 0xff, sim.flash.size);
    expect_mount(WB_ERR_NOT_FOUND);
    memset(sim.bytes + 4096, 0, 100); /* not in the record region */
    expect_mount(WB_ERR_NOT_FOUND);
}

static void foreign_content_is_not_touched(void **state)
{
    (void)state;
    memset(sim.bytes, 0xff, sim.flash.size);
    sim.bytes[4095] = 0xfe; /* one bit anywhere */
    expect_mount(WB_ERR_FORMAT);
    memset(sim.bytes, 0, sim.flash.size);
    expect_mount(WB_ERR_FORMAT);
    memcpy(sim.bytes,
           "\x7f"
           "ELF",
           4);
    expect_mount(WB_ERR_FORMAT);
}

static void another_geometry_or_version_is_unsupported(void **state)
{
    (void)state;
    assert_err(WB_ERR_UNSUPPORTED, wb_store_mount(&store, &sim.flash, 3));
    assert_err(WB_ERR_UNSUPPORTED, wb_store_mount(&store, &sim.flash, 5));
    sim.flash.size -= 1024;
    assert_err(WB_ERR_UNSUPPORTED, wb_store_mount(&store, &sim.flash, 4));
    sim.flash.size += 1024;
    for (int sector = 0; sector < 3; sector++) { /* a version from the future */
        uint8_t *header = sim.bytes + sector * 1024;
        header[11] = 2;
        uint32_t crc = wb_crc32(0, header, 16);
        for (int i = 0; i < 4; i++) {
            header[16 + i] = (uint8_t)(crc >> 8 * i);
        }
    }
    expect_mount(WB_ERR_UNSUPPORTED);
}

static void a_hole_in_the_log_is_damage(void **state)
{
    (void)state;
    sim.bytes[1024 + 5] ^= 1; /* header of the middle sector */
    expect_mount(WB_ERR_INTEGRITY);
}

static void all_headers_damaged_is_damage_not_foreign(void **state)
{
    (void)state;
    for (int sector = 0; sector < 3; sector++) {
        sim.bytes[sector * 1024 + 5] ^= 1;
    }
    expect_mount(WB_ERR_INTEGRITY);
}

static void impossible_flashes_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t size, sector_size;
        uint8_t records;
    } cases[] = {
        {7 * 1024, 1024, 2},   {16 * 512, 512, 2},       {8 * 262144, 262144, 2},
        {12 * 1500, 1500, 2},  {16 * 1024 + 4, 1024, 2}, {16 * 1024, 1024, 1},
        {16 * 1024, 1024, 16}, {64 * 1024, 1024, 17},    {65536 * 1024, 1024, 2},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_flash flash = sim.flash;
        flash.size = cases[i].size;
        flash.sector_size = cases[i].sector_size;
        assert_err(WB_ERR_UNSUPPORTED, wb_store_mount(&store, &flash, cases[i].records));
        assert_err(WB_ERR_UNSUPPORTED, wb_store_format(&store, &flash, cases[i].records));
    }
}

static void a_flash_that_fails_is_not_an_empty_one(void **state)
{
    (void)state;
    sim.dead = true;
    expect_mount(WB_ERR_FLASH);
}

static void a_damaged_record_costs_itself_and_what_came_after_in_its_sector(void **state)
{
    (void)state;
    uint8_t value[200];
    size_t len;
    sim.bytes[20 + 208 + 30] ^= 1; /* key 2: the second of sector 0 */
    expect_mount(WB_OK);
    assert_ok(wb_store_get(&store, 1, value, sizeof value, &len));
    assert_err(WB_ERR_NOT_FOUND, wb_store_get(&store, 2, value, sizeof value, &len));
    assert_ok(wb_store_get(&store, 5, value, sizeof value, &len));
    assert_ok(wb_store_put(&store, 2, value, sizeof value));
}

static void a_bit_lost_after_mounting_is_noticed_by_get(void **state)
{
    (void)state;
    uint8_t value[200];
    const void *mapped;
    size_t len;
    sim.bytes[20 + 208 + 30] ^= 1;
    assert_err(WB_ERR_INTEGRITY, wb_store_get(&store, 2, value, sizeof value, &len));
    assert_err(WB_ERR_INTEGRITY, wb_store_get_mapped(&store, 2, &mapped, &len));
    assert_ok(wb_store_get(&store, 3, value, sizeof value, &len));
}

static void format_empties_any_flash(void **state)
{
    (void)state;
    size_t len;
    memset(sim.bytes, 0x55, sim.flash.size);
    assert_ok(wb_store_format(&store, &sim.flash, 4));
    assert_int_equal(wb_store_next(&store, 0), 0);
    expect_mount(WB_OK);
    assert_err(WB_ERR_NOT_FOUND, wb_store_get(&store, 1, NULL, 0, &len));
    assert_int_equal(sim.bytes[4096], 0x55); /* images are erased when their place is needed */
}

static void a_cut_format_is_noticed_or_done(void **state)
{
    (void)state;
    for (uint64_t cut = 1; cut < 10; cut++) {
        memset(sim.bytes, 0x55, sim.flash.size);
        wb_flash_sim_power_on(&sim, cut);
        enum wb_err err = wb_store_format(&store, &sim.flash, 4);
        wb_flash_sim_power_on(&sim, 0);
        enum wb_err mounted = wb_store_mount(&store, &sim.flash, 4);
        if (err == WB_OK) {
            assert_ok(mounted);
            return;
        }
        assert_true(mounted == WB_ERR_FORMAT || mounted == WB_ERR_INTEGRITY ||
                    mounted == WB_ERR_NOT_FOUND || mounted == WB_OK);
        assert_ok(wb_store_format(&store, &sim.flash, 4));
    }
    fail_msg("format takes too many operations");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(blank_flash_is_called_blank),
        TEST(foreign_content_is_not_touched),
        TEST(another_geometry_or_version_is_unsupported),
        TEST(a_hole_in_the_log_is_damage),
        TEST(all_headers_damaged_is_damage_not_foreign),
        TEST(impossible_flashes_are_refused),
        TEST(a_flash_that_fails_is_not_an_empty_one),
        TEST(a_damaged_record_costs_itself_and_what_came_after_in_its_sector),
        TEST(a_bit_lost_after_mounting_is_noticed_by_get),
        TEST(format_empties_any_flash),
        TEST(a_cut_format_is_noticed_or_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
