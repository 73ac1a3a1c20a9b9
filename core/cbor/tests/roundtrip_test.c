/* SPDX-License-Identifier: AGPL-3.0-only */
/* Property: whatever is written is read back equal, and no cut or flipped byte makes the reader
 * leave its input. */
#include "wb_cbor.h"
#include "wb_seed.h"
#include "wb_test.h"

#define ROUNDS 2000

/* Numbers of all lengths, edges preferred. */
static uint64_t draw_number(struct wb_random *random)
{
    uint64_t value = wb_random_next(random) >> wb_random_below(random, 64);
    static const uint64_t edges[] = {
        0, 23, 24, 255, 256, 65535, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX};
    return wb_random_below(random, 3) == 0 ? edges[wb_random_below(random, WB_ARRAY_LEN(edges))]
                                           : value;
}

/* Writes a random tree, at most 8 deep. The same draws serve for comparing, so that reading needs
 * no model: check == NULL writes, else it reads and compares. */
static void walk(struct wb_random *random, struct wb_writer *w, struct wb_cbor_reader *check,
                 unsigned depth)
{
    static const char letters[] = "abc\xc3\xbc\xe2\x82\xac"
                                  "defghijklmnopqrstuvwxyz0123456789";
    uint64_t number = draw_number(random);
    switch (wb_random_below(random, depth < 8 ? 8 : 5)) {
    case 0:
        if (check == NULL) {
            wb_cbor_write_uint(w, number);
        } else {
            assert_true(wb_cbor_read_uint(check, UINT64_MAX) == number);
        }
        break;
    case 1: {
        int64_t negative = -1 - (int64_t)(number >> 1);
        if (check == NULL) {
            wb_cbor_write_int(w, negative);
        } else {
            assert_true(wb_cbor_read_int(check) == negative);
        }
        break;
    }
    case 2: {
        size_t len = wb_random_below(random, 40);
        if (check == NULL) {
            wb_cbor_write_bytes(w, letters, len % sizeof letters);
        } else {
            struct wb_cbor_bytes bytes = wb_cbor_read_bytes(check, SIZE_MAX);
            assert_int_equal(bytes.len, len % sizeof letters);
            assert_memory_equal(bytes.data, letters, bytes.len);
        }
        break;
    }
    case 3: {
        static const size_t ends[] = {0, 1, 3, 5, 8, 20, 34}; /* whole characters */
        size_t len = ends[wb_random_below(random, WB_ARRAY_LEN(ends))];
        if (check == NULL) {
            wb_cbor_write_text(w, letters, len);
        } else {
            struct wb_cbor_text text = wb_cbor_read_text(check, SIZE_MAX);
            assert_int_equal(text.len, len);
            assert_memory_equal(text.data, letters, len);
        }
        break;
    }
    case 4: {
        bool value = number & 1;
        if (check == NULL) {
            number & 2 ? wb_cbor_write_bool(w, value) : wb_cbor_write_null(w);
        } else if (number & 2) {
            assert_int_equal(wb_cbor_read_bool(check), value);
        } else {
            wb_cbor_read_null(check);
        }
        break;
    }
    case 5:
        if (check == NULL) {
            wb_cbor_write_tag(w, number);
        } else {
            assert_true(wb_cbor_read_tag(check) == number);
        }
        walk(random, w, check, depth + 1);
        break;
    case 6:
    default: {
        bool map = number & 1;
        size_t count = wb_random_below(random, 6);
        if (check == NULL) {
            map ? wb_cbor_write_map(w, count) : wb_cbor_write_array(w, count);
        } else {
            assert_int_equal(map ? wb_cbor_read_map(check, 6) : wb_cbor_read_array(check, 6),
                             count);
        }
        for (size_t i = 0; i < (map ? 2 * count : count); i++) {
            walk(random, w, check, depth + 1);
        }
        break;
    }
    }
}

static void reads_back_what_was_written(uint64_t seed)
{
    static uint8_t buf[1 << 20];
    struct wb_random random = {seed};
    for (int round = 0; round < ROUNDS; round++) {
        struct wb_random draws = random;
        struct wb_random again = random;
        struct wb_writer w;
        struct wb_cbor_reader r;
        wb_writer_init(&w, buf, sizeof buf);
        walk(&draws, &w, NULL, 0);
        random = draws;
        if (w.err != WB_OK) {
            continue;
        }
        wb_cbor_reader_init(&r, buf, w.len, NULL);
        walk(&again, NULL, &r, 0);
        assert_ok(wb_cbor_finish(&r));
        wb_cbor_reader_init(&r, buf, w.len, NULL);
        wb_cbor_skip(&r);
        assert_ok(wb_cbor_finish(&r));

        /* Damage: from an exact copy on the heap, so that the sanitizer sees each byte too far. */
        size_t cut = wb_random_below(&random, (uint32_t)w.len) + 1;
        uint8_t *damaged = malloc(cut);
        memcpy(damaged, buf, cut);
        damaged[wb_random_below(&random, (uint32_t)cut)] ^=
            (uint8_t)(1 << wb_random_below(&random, 8));
        wb_cbor_reader_init(&r, damaged, cut, NULL);
        while (wb_cbor_peek(&r) != WB_CBOR_NONE) {
            wb_cbor_skip(&r);
        }
        free(damaged);
    }
}

static void reads_back_what_a_fixed_seed_wrote(void **state)
{
    (void)state;
    reads_back_what_was_written(1);
}

static void reads_back_what_a_fresh_seed_wrote(void **state)
{
    (void)state;
    reads_back_what_was_written(wb_seed("cbor roundtrip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_a_fixed_seed_wrote),
        cmocka_unit_test(reads_back_what_a_fresh_seed_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
