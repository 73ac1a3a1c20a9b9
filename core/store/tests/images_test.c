/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_flash_sim.h"
#include "wb_store.h"
#include "wb_test.h"

static struct wb_flash_sim sim;
static struct wb_store store;
static struct wb_store_writer writer;

/* 3 record sectors, 13 sectors of 1 KB for images. */
static int start(void **state)
{
    (void)state;
    wb_flash_sim_new(&sim, 1024, 16, 1);
    assert_ok(wb_store_format(&store, &sim.flash, 3));
    memset(&writer, 0, sizeof writer);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    wb_flash_sim_free(&sim);
    return 0;
}

static uint8_t content_at(uint32_t salt, uint32_t i)
{
    return (uint8_t)(i * 7 + salt + (i >> 8));
}

/* Appends size bytes in pieces of odd lengths. */
static void append(uint32_t salt, uint32_t size)
{
    uint8_t piece[97];
    for (uint32_t at = 0; at < size;) {
        uint32_t len = 1 + (at * 31 + salt) % sizeof piece;
        len = len < size - at ? len : size - at;
        for (uint32_t i = 0; i < len; i++) {
            piece[i] = content_at(salt, at + i);
        }
        assert_ok(wb_store_image_append(&writer, piece, len));
        at += len;
    }
}

static uint16_t install(uint32_t salt, uint32_t size)
{
    uint16_t id;
    char meta[16];
    int len = snprintf(meta, sizeof meta, "meta %u", salt);
    assert_ok(wb_store_image_begin(&store, &writer, size));
    append(salt, size);
    assert_ok(wb_store_image_commit(&writer, meta, (size_t)len, &id));
    return id;
}

static void expect_image(uint16_t id, uint32_t salt, uint32_t size)
{
    struct wb_store_image image;
    char meta[16];
    char expected[16];
    size_t len;
    assert_ok(wb_store_image_find(&store, id, &image));
    assert_int_equal(image.size, size);
    assert_int_equal(image.offset % sim.flash.sector_size, 0);
    const uint8_t *data = image.data;
    for (uint32_t i = 0; i < size; i++) {
        assert_int_equal(data[i], content_at(salt, i));
    }
    assert_ok(wb_store_image_check(&store, id));
    assert_ok(wb_store_image_meta(&store, id, meta, sizeof meta, &len));
    assert_int_equal(len, snprintf(expected, sizeof expected, "meta %u", salt));
    assert_memory_equal(meta, expected, len);
    assert_int_equal(image.meta_len, len);
}

static void installs_side_by_side_and_survives_mounting(void **state)
{
    (void)state;
    uint16_t a = install(1, 1);
    uint16_t b = install(2, 1024);
    uint16_t c = install(3, 1025);
    uint16_t d = install(4, 5001);
    for (int round = 0; round < 2; round++) {
        expect_image(a, 1, 1);
        expect_image(b, 2, 1024);
        expect_image(c, 3, 1025);
        expect_image(d, 4, 5001);
        assert_int_equal(wb_store_image_next(&store, 0), a);
        assert_int_equal(wb_store_image_next(&store, c), d);
        assert_int_equal(wb_store_image_next(&store, d), 0);
        assert_int_equal(wb_store_next(&store, 0), 0); /* no user's record */
        assert_ok(wb_store_mount(&store, &sim.flash, 3));
    }
}

static void a_new_image_leaves_the_old_one_running_until_it_is_removed(void **state)
{
    (void)state;
    uint16_t old = install(1, 6000);
    struct wb_store_image image;
    assert_ok(wb_store_image_find(&store, old, &image));
    const void *running = image.data;
    uint16_t fresh = install(2, 7000);
    expect_image(old, 1, 6000);
    assert_ok(wb_store_image_find(&store, old, &image));
    assert_ptr_equal(image.data, running);
    assert_ok(wb_store_image_remove(&store, old));
    assert_err(WB_ERR_NOT_FOUND, wb_store_image_find(&store, old, &image));
    assert_err(WB_ERR_NOT_FOUND, wb_store_image_remove(&store, old));
    expect_image(fresh, 2, 7000);
    install(3, 6000);
    expect_image(fresh, 2, 7000);
}

static void ids_do_not_come_back(void **state)
{
    (void)state;
    uint16_t last = 0;
    for (int i = 0; i < 50; i++) {
        uint16_t id = install(5, 300);
        assert_int_not_equal(id, last);
        assert_true(id >= 0x8000);
        if (last != 0) {
            assert_int_equal(id, last + 1);
        }
        last = id;
        assert_ok(wb_store_image_remove(&store, id));
        assert_ok(wb_store_mount(&store, &sim.flash, 3));
    }
}

static void reserved_words_are_programmed_later_and_read_back(void **state)
{
    (void)state;
    uint8_t buf[200];
    uint32_t word = 0xffffffff;
    uint16_t id;
    assert_ok(wb_store_image_begin(&store, &writer, 2000));
    append(9, 61);
    while (wb_store_writer_len(&writer) % 4 != 0) {
        assert_ok(wb_store_image_append(&writer, "\x01", 1));
    }
    uint32_t hole = wb_store_writer_len(&writer);
    assert_ok(wb_store_image_append(&writer, &word, 4));
    assert_ok(wb_store_image_append(&writer, "tail!", 5));
    assert_ok(wb_store_image_read(&writer, 0, buf, wb_store_writer_len(&writer)));
    assert_int_equal(buf[60], content_at(9, 60));
    assert_memory_equal(buf + hole, "\xff\xff\xff\xfftail!", 9);
    assert_ok(wb_store_image_program(&writer, hole, "word", 4));
    assert_err(WB_ERR_VALUE, wb_store_image_program(&writer, hole + 2, "word", 4));
    assert_err(WB_ERR_VALUE, wb_store_image_program(&writer, hole, "wo", 2));
    assert_err(WB_ERR_VALUE, wb_store_image_program(&writer, hole + 8, "word", 4)); /* beyond */
    assert_err(WB_ERR_VALUE, wb_store_image_program(&writer, 0xfffffffc, "wordword", 8));
    assert_err(WB_ERR_VALUE, wb_store_image_read(&writer, hole, buf, 10));
    assert_ok(wb_store_image_append(&writer, " more", 5));
    const uint8_t *mapped = wb_store_image_map(&writer);
    assert_memory_equal(mapped + hole, "wordtail! more", 14);
    assert_ok(wb_store_image_append(&writer, " still", 6));
    assert_ok(wb_store_image_commit(&writer, NULL, 0, &id));
    struct wb_store_image image;
    assert_ok(wb_store_image_find(&store, id, &image));
    assert_memory_equal((const uint8_t *)image.data + hole, "wordtail! more still", 20);
    assert_ok(wb_store_image_check(&store, id));
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct wb_store_writer other;
    uint16_t id;
    uint8_t big[WB_STORE_META_MAX + 1] = {0};
    assert_err(WB_ERR_FULL, wb_store_image_begin(&store, &writer, 13 * 1024 + 1));
    assert_err(WB_ERR_FULL, wb_store_image_begin(&store, &writer, UINT32_MAX));
    assert_ok(wb_store_image_begin(&store, &writer, 1000));
    assert_err(WB_ERR_STATE, wb_store_image_begin(&store, &other, 1000));
    assert_int_equal(wb_store_writer_cap(&writer), 1024);
    append(1, 1024);
    assert_err(WB_ERR_FULL, wb_store_image_append(&writer, "x", 1));
    assert_err(WB_ERR_FULL, wb_store_image_append(&writer, "", 0)); /* sticky */
    assert_err(WB_ERR_FULL, wb_store_image_commit(&writer, NULL, 0, &id));
    assert_int_equal(wb_store_image_next(&store, 0), 0);
    assert_ok(wb_store_image_begin(&store, &writer, 10));
    assert_err(WB_ERR_VALUE, wb_store_image_commit(&writer, NULL, 0, &id)); /* empty */
    assert_ok(wb_store_image_begin(&store, &writer, 10));
    append(1, 10);
    assert_err(WB_ERR_VALUE, wb_store_image_commit(&writer, big, sizeof big, &id));
    assert_err(WB_ERR_STATE, wb_store_image_append(&writer, "x", 1));
    assert_err(WB_ERR_STATE, wb_store_image_commit(&writer, NULL, 0, &id));
    wb_store_image_abort(&writer);
}

static void the_largest_gap_is_offered_and_the_rest_given_back(void **state)
{
    (void)state;
    uint16_t a = install(1, 3000); /* sectors 3 to 5 */
    uint16_t b = install(2, 1000); /* 6 */
    uint16_t c = install(3, 4000); /* 7 to 10, leaving 11 to 15 */
    assert_ok(wb_store_image_remove(&store, a));
    struct wb_store_space space;
    wb_store_space(&store, &space);
    assert_int_equal(space.image_size, 13 * 1024);
    assert_int_equal(space.image_free, 8 * 1024);
    assert_int_equal(space.image_gap_max, 5 * 1024);
    assert_ok(wb_store_image_begin(&store, &writer, 0));
    assert_int_equal(wb_store_writer_cap(&writer), 5 * 1024);
    append(4, 100);
    uint16_t d;
    assert_ok(wb_store_image_commit(&writer, "meta 4", 6, &d));
    assert_ok(wb_store_image_begin(&store, &writer, 0));
    assert_int_equal(wb_store_writer_cap(&writer), 4 * 1024);
    wb_store_image_abort(&writer);
    assert_ok(wb_store_image_begin(&store, &writer, 2500)); /* first fit: where a was */
    append(5, 2500);
    uint16_t e;
    assert_ok(wb_store_image_commit(&writer, "meta 5", 6, &e));
    struct wb_store_image image;
    assert_ok(wb_store_image_find(&store, e, &image));
    assert_int_equal(image.offset, 3 * 1024);
    expect_image(b, 2, 1000);
    expect_image(c, 3, 4000);
    expect_image(d, 4, 100);
    expect_image(e, 5, 2500);
}

static void a_full_region_has_no_gap(void **state)
{
    (void)state;
    install(1, 13 * 1024);
    assert_err(WB_ERR_FULL, wb_store_image_begin(&store, &writer, 0));
    assert_err(WB_ERR_FULL, wb_store_image_begin(&store, &writer, 1));
    struct wb_store_space space;
    wb_store_space(&store, &space);
    assert_int_equal(space.image_free, 0);
    assert_int_equal(space.image_gap_max, 0);
}

static void aborted_images_leave_no_trace(void **state)
{
    (void)state;
    assert_ok(wb_store_image_begin(&store, &writer, 5000));
    append(1, 5000);
    wb_store_image_abort(&writer);
    wb_store_image_abort(&writer);
    assert_int_equal(wb_store_image_next(&store, 0), 0);
    install(2, 13 * 1024); /* over the remains */
}

static void content_that_looks_like_a_store_is_content(void **state)
{
    (void)state;
    /* An image that carries a copy of the record region, sector by sector. */
    uint8_t evil[1024];
    uint16_t victim = install(1, 100);
    assert_ok(wb_store_image_begin(&store, &writer, 4096));
    memcpy(evil, sim.bytes, sizeof evil);
    for (int i = 0; i < 4; i++) {
        assert_ok(wb_store_image_append(&writer, evil, sizeof evil));
    }
    uint16_t id;
    assert_ok(wb_store_image_commit(&writer, NULL, 0, &id));
    assert_ok(wb_store_image_remove(&store, id));
    assert_ok(wb_store_mount(&store, &sim.flash, 3));
    assert_int_equal(wb_store_image_next(&store, 0), victim);
    assert_int_equal(wb_store_image_next(&store, victim), 0);
}

static void check_notices_a_flipped_bit(void **state)
{
    (void)state;
    uint16_t id = install(1, 3000);
    struct wb_store_image image;
    assert_ok(wb_store_image_check(&store, id));
    assert_ok(wb_store_image_find(&store, id, &image));
    sim.bytes[image.offset + 2999] ^= 1;
    assert_err(WB_ERR_INTEGRITY, wb_store_image_check(&store, id));
    assert_err(WB_ERR_NOT_FOUND, wb_store_image_check(&store, 0x9999));
}

static void works_without_a_map(void **state)
{
    (void)state;
    sim.flash.map = NULL;
    assert_ok(wb_store_image_begin(&store, &writer, 10));
    append(1, 10);
    assert_null(wb_store_image_map(&writer));
    uint16_t id;
    assert_ok(wb_store_image_commit(&writer, NULL, 0, &id));
    struct wb_store_image image;
    assert_ok(wb_store_image_find(&store, id, &image));
    assert_null(image.data);
    assert_ok(wb_store_image_check(&store, id));
}

static void programs_in_pages_and_erases_only_what_is_used(void **state)
{
    (void)state;
    uint64_t programs = sim.programs;
    assert_ok(wb_store_image_begin(&store, &writer, 13 * 1024));
    for (int i = 0; i < 2048; i++) { /* as an installer writes: word by word */
        assert_ok(wb_store_image_append(&writer, "word", 4));
    }
    assert_int_equal(sim.programs - programs, 2048 * 4 / 64);
    uint8_t chunk[512] = {1}; /* as chunks come from the network: one operation each */
    programs = sim.programs;
    assert_ok(wb_store_image_append(&writer, chunk, sizeof chunk));
    assert_ok(wb_store_image_append(&writer, chunk, 448));
    assert_int_equal(sim.programs - programs, 2);
    uint16_t id;
    assert_ok(wb_store_image_commit(&writer, NULL, 0, &id));
    for (int i = 3; i < 16; i++) {
        assert_int_equal(sim.erases[i], 0); /* they were blank */
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(installs_side_by_side_and_survives_mounting),
        TEST(a_new_image_leaves_the_old_one_running_until_it_is_removed),
        TEST(ids_do_not_come_back),
        TEST(reserved_words_are_programmed_later_and_read_back),
        TEST(refuses_what_does_not_fit),
        TEST(the_largest_gap_is_offered_and_the_rest_given_back),
        TEST(a_full_region_has_no_gap),
        TEST(aborted_images_leave_no_trace),
        TEST(content_that_looks_like_a_store_is_content),
        TEST(check_notices_a_flipped_bit),
        TEST(works_without_a_map),
        TEST(programs_in_pages_and_erases_only_what_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
