/* SPDX-License-Identifier: AGPL-3.0-only */
/* The agent's arena, outbox, inbox and texts, without an agent around them. */
#include "wb_test.h"

#include "agent.h"
#include "wb_seed.h"

static uint8_t arena[1024], outbox[600], inbox[64];
static struct wb_agent_slot slots[4];
static struct wb_agent agent;
static struct wb_agent_cfg cfg = {
    .slots = slots,
    .slot_count = 4,
    .arena = arena,
    .arena_len = sizeof(arena),
    .outbox = outbox,
    .outbox_len = sizeof(outbox),
    .inbox = inbox,
    .inbox_len = sizeof(inbox),
};

static int begin(void **state)
{
    (void)state;
    memset(&agent, 0, sizeof(agent));
    memset(slots, 0, sizeof(slots));
    agent.cfg = &cfg;
    agent.peer_frame_max = 512;
    return 0;
}

/* ---- arena --------------------------------------------------------------------------------- */

static void first_gap_that_fits_is_taken(void **state)
{
    (void)state;
    assert_ptr_equal(wb_agent_arena_take(&agent, &slots[0].block, 100), arena);
    assert_ptr_equal(wb_agent_arena_take(&agent, &slots[1].block, 200), arena + 104);
    assert_ptr_equal(wb_agent_arena_take(&agent, &slots[2].block, 300), arena + 304);
    assert_int_equal(wb_agent_arena_free(&agent), 1024 - 608);
    wb_agent_arena_free_block(&slots[1].block);
    assert_int_equal(wb_agent_arena_largest(&agent, NULL), 1024 - 608);
    assert_int_equal(wb_agent_arena_largest(&agent, &slots[2].block), 1024 - 104);
    assert_ptr_equal(wb_agent_arena_take(&agent, &slots[3].block, 201), arena + 608);
    assert_ptr_equal(wb_agent_arena_take(&agent, &agent.handshake_block, 200), arena + 104);
}

static void what_does_not_fit_is_refused(void **state)
{
    uint32_t at;

    (void)state;
    assert_null(wb_agent_arena_take(&agent, &slots[0].block, 1025));
    assert_null(wb_agent_arena_take(&agent, &slots[0].block, UINT32_MAX));
    assert_int_equal(slots[0].block.len, 0);
    assert_non_null(wb_agent_arena_take(&agent, &slots[0].block, 1024));
    assert_null(wb_agent_arena_take(&agent, &slots[1].block, 1));
    assert_true(wb_agent_arena_fits(&agent, 1024, &slots[0].block, &at));
    assert_false(wb_agent_arena_fits(&agent, 8, NULL, &at));
}

static void blocks_never_overlap(void **state)
{
    struct wb_random random = {wb_seed("blocks_never_overlap")};

    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        struct wb_agent_block *block = &slots[wb_random_below(&random, 4)].block;
        uint32_t len = wb_random_below(&random, 500) + 1;
        uint32_t largest = wb_agent_arena_largest(&agent, NULL);

        if (block->len != 0) {
            wb_agent_arena_free_block(block);
            continue;
        }
        assert_int_equal(wb_agent_arena_take(&agent, block, len) != NULL,
                         (len + 7) / 8 * 8 <= largest);
        for (int i = 0; i < 4; i++) {
            const struct wb_agent_block *a = &slots[i].block;

            assert_true(a->at % 8 == 0 && a->at + a->len <= sizeof(arena));
            for (int j = 0; j < i; j++) {
                const struct wb_agent_block *b = &slots[j].block;

                assert_true(a->len == 0 || b->len == 0 || a->at + a->len <= b->at ||
                            b->at + b->len <= a->at);
            }
        }
    }
}

/* ---- outbox -------------------------------------------------------------------------------- */

static bool put_log(const char *text, uint32_t keep_free)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_LOG};

    m.u.log.text = wb_protocol_text(text);
    return wb_agent_outbox_put(&agent, &m, keep_free);
}

static bool put_ack(uint64_t generation)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_DESIRED_ACK};

    m.u.desired_ack.generation = generation;
    return wb_agent_outbox_put(&agent, &m, 0);
}

/* The first message that waits: a log's text, or "#generation". */
static const char *first(void)
{
    static char text[200];
    struct wb_protocol_message m;
    const uint8_t *data;
    size_t len = wb_agent_outbox_peek(&agent, &data);

    if (len == 0) {
        return "";
    }
    assert_ok(wb_protocol_decode(data + 2, (size_t)data[0] << 8 | data[1], &m, NULL));
    if (m.type == WB_PROTOCOL_LOG) {
        snprintf(text, sizeof(text), "%.*s", (int)m.u.log.text.len, m.u.log.text.data);
    } else {
        snprintf(text, sizeof(text), "#%d", (int)m.u.desired_ack.generation);
    }
    return text;
}

static void sent_first(void)
{
    const uint8_t *data;

    assert_true(wb_agent_outbox_peek(&agent, &data) > 0);
    wb_agent_outbox_sent(&agent, 2u + ((size_t)data[0] << 8 | data[1]));
}

static void messages_leave_in_order(void **state)
{
    (void)state;
    assert_true(wb_agent_outbox_is_empty(&agent));
    assert_true(put_log("one", 0));
    assert_true(put_ack(2));
    assert_true(put_log("three", 0));
    assert_string_equal(first(), "one");
    sent_first();
    assert_string_equal(first(), "#2");
    sent_first();
    assert_string_equal(first(), "three");
    sent_first();
    assert_true(wb_agent_outbox_is_empty(&agent));
}

static void room_is_kept_for_what_matters(void **state)
{
    int logs = 0;

    (void)state;
    while (put_log("a line of some length", 224)) {
        logs++;
    }
    assert_true(logs >= 8);
    assert_true(agent.outbox_used <= sizeof(outbox) - 224);
    assert_true(put_ack(1));
    while (put_log("a line of some length", 0)) {
    }
    assert_true(agent.outbox_used <= sizeof(outbox));
    assert_string_equal(first(), "a line of some length");
}

static void a_cut_message_is_sent_again_whole(void **state)
{
    (void)state;
    assert_true(put_ack(1));
    assert_true(put_log("one", 0));
    assert_true(put_log("two", 0));
    sent_first();
    wb_agent_outbox_sent(&agent, 3);
    assert_false(wb_agent_outbox_drop_oldest(&agent)); /* half of it is gone already */
    assert_true(put_ack(2));
    wb_agent_outbox_keep_reports(&agent);
    assert_string_equal(first(), "one");
    sent_first();
    assert_string_equal(first(), "two");
    sent_first();
    assert_true(wb_agent_outbox_is_empty(&agent)); /* the acknowledgement was of that session */
}

static void hello_goes_before_what_waits(void **state)
{
    uint32_t before;

    (void)state;
    wb_agent_outbox_to_front(&agent, 0);
    assert_true(put_log("one", 0));
    assert_true(put_log("two", 0));
    before = agent.outbox_used;
    assert_true(put_ack(7));
    wb_agent_outbox_to_front(&agent, before);
    assert_string_equal(first(), "#7");
    sent_first();
    assert_string_equal(first(), "one");
    sent_first();
    assert_string_equal(first(), "two");
}

static void oldest_is_dropped_first(void **state)
{
    (void)state;
    assert_false(wb_agent_outbox_drop_oldest(&agent));
    assert_true(put_log("one", 0));
    assert_true(put_log("two", 0));
    agent.hello_left = 10; /* the oldest is hello: it must go out */
    assert_false(wb_agent_outbox_drop_oldest(&agent));
    agent.hello_left = 0;
    assert_true(wb_agent_outbox_drop_oldest(&agent));
    assert_string_equal(first(), "two");
}

static void message_over_the_peers_limit_is_refused(void **state)
{
    char text[161];

    (void)state;
    memset(text, 'x', 160);
    text[160] = '\0';
    agent.peer_frame_max = 100;
    assert_false(put_log(text, 0));
    assert_true(wb_agent_outbox_is_empty(&agent));
}

/* ---- inbox --------------------------------------------------------------------------------- */

static void assert_message(uint8_t slot, const char *text)
{
    uint8_t handle;
    const uint8_t *data;
    size_t len;

    assert_true(wb_agent_inbox_peek(&agent, slot, &handle, &data, &len));
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, len);
    assert_int_equal(handle, slot + 10);
}

static void each_slot_gets_its_messages_in_order(void **state)
{
    uint8_t handle;
    const uint8_t *data;
    size_t len;

    (void)state;
    assert_true(wb_agent_inbox_put(&agent, 1, 11, "first", 5));
    assert_true(wb_agent_inbox_put(&agent, 2, 12, "", 0));
    assert_true(wb_agent_inbox_put(&agent, 1, 11, "second", 6));
    assert_message(1, "first");
    wb_agent_inbox_drop(&agent, 1);
    assert_message(1, "second");
    assert_message(2, "");
    wb_agent_inbox_drop(&agent, 0); /* has none */
    wb_agent_inbox_purge(&agent, 1);
    assert_false(wb_agent_inbox_peek(&agent, 1, &handle, &data, &len));
    assert_message(2, "");
    wb_agent_inbox_drop(&agent, 2);
    assert_int_equal(agent.inbox_used, 0);
}

static void full_inbox_refuses(void **state)
{
    uint8_t bytes[64] = {0};

    (void)state;
    assert_false(wb_agent_inbox_put(&agent, 0, 0, bytes, 61));
    assert_true(wb_agent_inbox_put(&agent, 0, 10, bytes, 56));
    assert_false(wb_agent_inbox_put(&agent, 1, 0, bytes, 1));
    assert_true(wb_agent_inbox_put(&agent, 1, 11, bytes, 0));
    wb_agent_inbox_drop(&agent, 0);
    assert_message(1, "");
}

/* ---- texts --------------------------------------------------------------------------------- */

static void numbers_are_written(void **state)
{
    char buf[64];
    struct wb_text t = wb_text_init(buf, sizeof(buf));

    (void)state;
    wb_text_add_uint(&t, 0);
    wb_text_add(&t, " ");
    wb_text_add_uint(&t, UINT32_MAX);
    wb_text_add(&t, " ");
    wb_text_add_uint(&t, UINT64_MAX);
    wb_text_add(&t, " ");
    wb_text_add_int(&t, INT64_MIN);
    assert_string_equal(buf, "0 4294967295 18446744073709551615 -9223372036854775808");
    t = wb_text_init(buf, sizeof(buf));
    wb_text_add_uint(&t, 42949672960u);
    assert_string_equal(buf, "42949672960");
}

static void long_text_is_cut(void **state)
{
    char buf[8];
    struct wb_text t = wb_text_init(buf, sizeof(buf));

    (void)state;
    wb_text_add(&t, "123456789");
    wb_text_add_uint(&t, 5);
    assert_string_equal(buf, "1234567");
    assert_int_equal(t.len, 7);
}

static void foreign_bytes_are_replaced(void **state)
{
    char buf[16];
    struct wb_text t = wb_text_init(buf, sizeof(buf));

    (void)state;
    wb_text_add(&t, "gr\xc3\xbc\xc3\x9f \n\x7f.");
    assert_string_equal(buf, "gr???? ??.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_gap_that_fits_is_taken, begin),
        cmocka_unit_test_setup(what_does_not_fit_is_refused, begin),
        cmocka_unit_test_setup(blocks_never_overlap, begin),
        cmocka_unit_test_setup(messages_leave_in_order, begin),
        cmocka_unit_test_setup(room_is_kept_for_what_matters, begin),
        cmocka_unit_test_setup(a_cut_message_is_sent_again_whole, begin),
        cmocka_unit_test_setup(hello_goes_before_what_waits, begin),
        cmocka_unit_test_setup(oldest_is_dropped_first, begin),
        cmocka_unit_test_setup(message_over_the_peers_limit_is_refused, begin),
        cmocka_unit_test_setup(each_slot_gets_its_messages_in_order, begin),
        cmocka_unit_test_setup(full_inbox_refuses, begin),
        cmocka_unit_test_setup(numbers_are_written, begin),
        cmocka_unit_test_setup(long_text_is_cut, begin),
        cmocka_unit_test_setup(foreign_bytes_are_replaced, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
