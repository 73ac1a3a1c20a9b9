/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "wb_board.h"

static uint8_t image[256];
static struct wb_board_layout good;

static int setup(void **state)
{
    (void)state;
    memset(image, 0x5A, sizeof image);
    good = (struct wb_board_layout){.magic = WB_BOARD_MAGIC,
                                    .type = "hifive1",
                                    .version = "1.2.3",
                                    .store_base = 0x20480000,
                                    .store_size = 0x40000,
                                    .sector_size = 4096,
                                    .seed_base = 0x2047F000,
                                    .ram_base = 0x80000000,
                                    .ram_size = 16384};
    return 0;
}

/* The test's host is little-endian, as boards are. */
static enum wb_err find_at(size_t at)
{
    struct wb_board_layout found;
    memcpy(image + at, &good, sizeof good);
    enum wb_err err = wb_board_layout_find(image, sizeof image, &found);
    if (err == WB_OK) {
        assert_memory_equal(&found, &good, sizeof good);
    }
    return err;
}

static void record_is_found_at_any_multiple_of_four(void **state)
{
    (void)state;
    for (size_t at = 0; at + sizeof good <= sizeof image; at += 4) {
        memset(image, 0, sizeof image);
        assert_ok(find_at(at));
    }
}

static void image_without_whole_record_has_none(void **state)
{
    (void)state;
    struct wb_board_layout found;
    assert_err(WB_ERR_NOT_FOUND, wb_board_layout_find(image, 0, &found));
    assert_err(WB_ERR_NOT_FOUND, wb_board_layout_find(image, sizeof image, &found));
    memcpy(image, &good, sizeof good);
    assert_err(WB_ERR_NOT_FOUND, wb_board_layout_find(image, sizeof good - 1, &found));
}

static void contradicting_numbers_are_refused(void **state)
{
    (void)state;
    struct wb_board_layout keep = good;
#define REFUSES(change)                                                                            \
    good = keep;                                                                                   \
    good.change;                                                                                   \
    assert_err(WB_ERR_FORMAT, find_at(0))
    REFUSES(sector_size = 0);
    REFUSES(sector_size = 3000);
    REFUSES(sector_size = 128);
    REFUSES(store_size = 0);
    REFUSES(store_size = 4096 + 1);
    REFUSES(store_size = 128u << 20);
    REFUSES(store_base = 0x20480001);
    REFUSES(store_base = 0xFFFFF000);
    REFUSES(seed_base = 0x20480000);
    REFUSES(seed_base = 0x204BFFFF);
    REFUSES(ram_size = 0);
#undef REFUSES
    good = keep;
    memset(good.type, 'x', sizeof good.type);
    assert_err(WB_ERR_FORMAT, find_at(0));
    good = keep;
    memset(good.version, 'x', sizeof good.version);
    assert_err(WB_ERR_FORMAT, find_at(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(record_is_found_at_any_multiple_of_four, setup),
        cmocka_unit_test_setup(image_without_whole_record_has_none, setup),
        cmocka_unit_test_setup(contradicting_numbers_are_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
