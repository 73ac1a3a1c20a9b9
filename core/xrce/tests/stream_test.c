/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reliable streams by themselves: what is kept, asked for, repeated and joined. */
#include "wb_test.h"
#include "wb_xrce_stream.h"

#define SLOTS 4
#define SLOT  66 /* messages of 64 bytes */

static uint8_t out_mem[SLOTS * SLOT];
static uint8_t in_mem[SLOTS * SLOT];
static uint8_t assembly[256];
static struct wb_xrce_out out;
static struct wb_xrce_in in;
static const struct wb_xrce_head head = {.session = 0x81};

static void start(uint16_t seq)
{
    const struct wb_xrce_memory memory = {.out = out_mem,
                                          .out_len = sizeof out_mem,
                                          .out_slots = SLOTS,
                                          .in = in_mem,
                                          .in_len = sizeof in_mem,
                                          .in_slots = SLOTS,
                                          .assembly = assembly,
                                          .assembly_len = sizeof assembly};
    wb_xrce_out_init(&out, &memory, 512, 200);
    wb_xrce_in_init(&in, &memory);
    out.first = seq;
    in.expected = seq;
    in.last = (uint16_t)(seq - 1);
}

static enum wb_err put(const void *data, uint32_t len)
{
    const struct wb_xrce_piece pieces[2] = {{data, len}, {NULL, 0}};
    return wb_xrce_out_put(&out, &head, WB_XRCE_STATUS, 1, pieces);
}

static void expect_acknack(uint16_t first, uint16_t nacks)
{
    struct wb_xrce_acknack ack = wb_xrce_in_acknack(&in);
    assert_int_equal(ack.first_unacked, first);
    assert_int_equal(ack.nacks, nacks);
    assert_int_equal(ack.stream, 0x80);
}

/* Four messages come in reverse order; nothing has to be sent twice. Also across the wrap. */
static void early_messages_are_kept_and_follow_at_once(void **state)
{
    (void)state;
    for (uint32_t begin = 65530; begin < 65545; begin++) {
        uint16_t seq = (uint16_t)begin;
        uint8_t messages[SLOTS + 1][64];
        size_t lens[SLOTS + 1];
        start(seq);
        for (uint8_t i = 0; i < SLOTS; i++) {
            assert_ok(put(&i, 1));
            lens[i] = wb_xrce_out_emit(&out, 0, messages[i], 64);
            assert_int_equal(messages[i][2] | messages[i][3] << 8, (uint16_t)(seq + i));
        }
        assert_false(wb_xrce_in_accept(&in, (uint16_t)(seq + 3), messages[3], lens[3]));
        expect_acknack(seq, 0x7);
        assert_false(wb_xrce_in_accept(&in, (uint16_t)(seq + 1), messages[1], lens[1]));
        expect_acknack(seq, 0x5);
        assert_false(wb_xrce_in_accept(&in, (uint16_t)(seq + 1), messages[0], lens[0]));
        assert_false(wb_xrce_in_accept(&in, (uint16_t)(seq + 2), messages[2], lens[2]));
        expect_acknack(seq, 0x1);
        assert_true(wb_xrce_in_accept(&in, seq, messages[0], lens[0]));
        for (uint8_t i = 1; i < SLOTS; i++) {
            size_t len;
            const uint8_t *message = wb_xrce_in_advance(&in, &len);
            assert_non_null(message);
            assert_int_equal(len, lens[i]);
            assert_memory_equal(message, messages[i], len);
        }
        size_t len;
        assert_null(wb_xrce_in_advance(&in, &len));
        expect_acknack((uint16_t)(seq + SLOTS), 0);
        struct wb_xrce_acknack ack = wb_xrce_in_acknack(&in);
        wb_xrce_out_acknack(&out, 0, &ack);
        assert_int_equal(out.kept, 0);
        assert_int_equal(out.heartbeat_at, WB_NEVER);
    }
}

static void what_is_asked_for_is_repeated_and_nothing_else(void **state)
{
    (void)state;
    uint8_t message[64];
    start(0);
    for (uint8_t i = 0; i < SLOTS; i++) {
        assert_ok(put(&i, 1));
        assert_true(wb_xrce_out_emit(&out, 0, message, 64) > 0);
    }
    assert_err(WB_ERR_FULL, put("x", 1));
    wb_xrce_out_acknack(&out, 10, &(struct wb_xrce_acknack){1, 0x5, 0x80});
    assert_int_equal(wb_xrce_out_emit(&out, 10, message, 5), 0); /* no room: comes again */
    assert_true(wb_xrce_out_emit(&out, 10, message, 64) > 0);
    assert_int_equal(message[2], 1);
    assert_true(wb_xrce_out_emit(&out, 10, message, 64) > 0);
    assert_int_equal(message[2], 3);
    assert_int_equal(wb_xrce_out_emit(&out, 10, message, 64), 0);
    /* bits beyond what was sent mean nothing */
    wb_xrce_out_acknack(&out, 10, &(struct wb_xrce_acknack){4, 0xFFFF, 0x80});
    assert_int_equal(wb_xrce_out_emit(&out, 10, message, 64), 0);
    /* nor do those of messages that are not sent yet */
    assert_ok(put("x", 1));
    wb_xrce_out_acknack(&out, 10, &(struct wb_xrce_acknack){5, 0, 0x80});
    assert_int_equal(out.first, 4);
}

static void heartbeat_comes_while_something_is_open(void **state)
{
    (void)state;
    uint8_t message[64];
    start(0);
    assert_ok(put("x", 1));
    wb_xrce_out_tick(&out, 1000);
    assert_false(out.heartbeat_owed); /* nothing was sent yet */
    assert_true(wb_xrce_out_emit(&out, 1000, message, 64) > 0);
    wb_xrce_out_tick(&out, 1199);
    assert_false(out.heartbeat_owed);
    wb_xrce_out_tick(&out, 1200);
    assert_true(out.heartbeat_owed);
    struct wb_xrce_heartbeat heartbeat = wb_xrce_out_heartbeat(&out);
    assert_int_equal(heartbeat.first_unacked, 0);
    assert_int_equal(heartbeat.last_unacked, 0);
    wb_xrce_in_heartbeat(&in, &heartbeat);
    expect_acknack(0, 1);
    assert_int_equal(out.heartbeat_at, 1400);
}

static void submessages_share_a_message_until_it_is_sent(void **state)
{
    (void)state;
    uint8_t message[64];
    uint8_t big[60] = {0};
    start(0);
    assert_ok(put("abcde", 5));
    assert_ok(put("f", 1));
    assert_int_equal(out.kept, 1);
    size_t len = wb_xrce_out_emit(&out, 0, message, 64);
    assert_int_equal(len, 4 + 4 + 5 + 3 + 4 + 1);
    assert_ok(put("g", 1));
    assert_int_equal(out.kept, 2);
    assert_ok(put(big, 56)); /* 4 + 56 fill a message of its own */
    assert_int_equal(out.kept, 3);
    assert_err(WB_ERR_FULL, put(big, 57)); /* two fragments, one slot */
    assert_int_equal(out.kept, 3);
    wb_xrce_out_reset(&out);
    assert_ok(put(big, 57));
    assert_int_equal(out.kept, 2);
    assert_ok(put("h", 1)); /* not behind the last fragment */
    assert_int_equal(out.kept, 3);
    assert_err(WB_ERR_LIMIT, put(in_mem, 4 * 56 - 3));
    wb_xrce_out_reset(&out);
    assert_ok(put(in_mem, 4 * 56 - 4));
    assert_int_equal(out.kept, 4);
}

static void messages_beyond_the_slots_are_left_to_repetition(void **state)
{
    (void)state;
    uint8_t message[100] = {0};
    start(0);
    assert_false(wb_xrce_in_accept(&in, SLOTS + 1, message, 20)); /* one too far */
    expect_acknack(0, 0x3F);
    assert_false(wb_xrce_in_accept(&in, SLOTS, message, 65)); /* too long for a slot */
    expect_acknack(0, 0x3F);
    assert_false(wb_xrce_in_accept(&in, SLOTS, message, 64));
    expect_acknack(0, 0x2F);
    assert_false(wb_xrce_in_accept(&in, 1000, message, 20)); /* nonsense: not asked for */
    expect_acknack(0, 0x2F);
    wb_xrce_in_heartbeat(&in, &(struct wb_xrce_heartbeat){0, 16, 0x80});
    expect_acknack(0, 0x2F);
    wb_xrce_in_heartbeat(&in, &(struct wb_xrce_heartbeat){0, 15, 0x80});
    expect_acknack(0, 0xFFEF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_messages_are_kept_and_follow_at_once),
        cmocka_unit_test(what_is_asked_for_is_repeated_and_nothing_else),
        cmocka_unit_test(heartbeat_comes_while_something_is_open),
        cmocka_unit_test(submessages_share_a_message_until_it_is_sent),
        cmocka_unit_test(messages_beyond_the_slots_are_left_to_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
