/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_protocol.h"
#include "wb_test.h"

/* Feeds stream in pieces of `piece` bytes and checks that messages of 1, 2, 3 … bytes come out. */
static void check_split(size_t piece)
{
    uint8_t stream[64];
    size_t total = 0;
    for (uint8_t len = 1; len <= 8; len++) {
        stream[total++] = 0;
        stream[total++] = len;
        memset(stream + total, len, len);
        total += len;
    }
    uint8_t buf[8];
    struct wb_protocol_frames frames;
    wb_protocol_frames_init(&frames, buf, sizeof buf);
    size_t expected = 1;
    for (size_t at = 0; at < total;) {
        size_t len = piece < total - at ? piece : total - at;
        size_t used;
        assert_ok(wb_protocol_frames_feed(&frames, stream + at, len, &used));
        assert_true(used <= len);
        at += used;
        const uint8_t *message;
        size_t message_len;
        if (wb_protocol_frames_message(&frames, &message, &message_len)) {
            assert_int_equal(message_len, expected);
            assert_int_equal(message[0], expected);
            assert_int_equal(message[expected - 1], expected);
            expected++;
            assert_ok(wb_protocol_frames_feed(&frames, stream + at, total - at, &used));
            assert_int_equal(used, 0); /* not before the message was dealt with */
            wb_protocol_frames_done(&frames);
        } else {
            assert_int_equal(used, len);
        }
    }
    assert_int_equal(expected, 9);
}

static void cuts_any_split_into_the_same_messages(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 64; piece++) {
        check_split(piece);
    }
}

static void refuses_a_length_above_the_buffer(void **state)
{
    (void)state;
    uint8_t buf[300];
    struct wb_protocol_frames frames;
    size_t used;
    wb_protocol_frames_init(&frames, buf, 258);
    assert_ok(wb_protocol_frames_feed(&frames, "\x01\x02", 2, &used));
    wb_protocol_frames_init(&frames, buf, 257);
    assert_err(WB_ERR_LIMIT, wb_protocol_frames_feed(&frames, "\x01\x02zz", 4, &used));
    assert_int_equal(used, 2);
    assert_err(WB_ERR_LIMIT, wb_protocol_frames_feed(&frames, "\x00\x01z", 3, &used));
    assert_int_equal(used, 0);
    const uint8_t *message;
    assert_false(wb_protocol_frames_message(&frames, &message, &used));
}

static void refuses_a_length_of_zero(void **state)
{
    (void)state;
    uint8_t buf[8];
    struct wb_protocol_frames frames;
    size_t used;
    wb_protocol_frames_init(&frames, buf, sizeof buf);
    assert_err(WB_ERR_FORMAT, wb_protocol_frames_feed(&frames, "\x00\x00\x00\x01z", 5, &used));
}

static void done_without_a_message_changes_nothing(void **state)
{
    (void)state;
    uint8_t buf[8];
    struct wb_protocol_frames frames;
    const uint8_t *message;
    size_t used;
    wb_protocol_frames_init(&frames, buf, sizeof buf);
    wb_protocol_frames_done(&frames);
    assert_ok(wb_protocol_frames_feed(&frames, "\x00\x02z", 3, &used));
    wb_protocol_frames_done(&frames);
    assert_false(wb_protocol_frames_message(&frames, &message, &used));
    assert_ok(wb_protocol_frames_feed(&frames, "y", 1, &used));
    assert_true(wb_protocol_frames_message(&frames, &message, &used));
    assert_memory_equal(message, "zy", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_any_split_into_the_same_messages),
        cmocka_unit_test(refuses_a_length_above_the_buffer),
        cmocka_unit_test(refuses_a_length_of_zero),
        cmocka_unit_test(done_without_a_message_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
