/* SPDX-License-Identifier: AGPL-3.0-only */
/* Sessions, timers and flow control over a perfect line, with single frames lost on purpose. */
#include "wb_link.h"
#include "wb_test.h"

static struct wb_link board;
static struct wb_link bridge;
static wb_ms now;

/* Carries what one end has to say to the other; returns the number of bytes. */
static size_t carry(struct wb_link *from, struct wb_link *to)
{
    uint8_t buf[512];
    size_t len = wb_link_emit(from, now, buf, sizeof buf);
    if (to != NULL) {
        wb_link_feed(to, now, buf, len);
    }
    return len;
}

static void settle(void)
{
    while (carry(&board, &bridge) + carry(&bridge, &board) > 0) {
    }
}

static void expect_event(struct wb_link *link, enum wb_link_event_kind kind,
                         enum wb_link_reason reason)
{
    struct wb_link_event event;
    assert_true(wb_link_next(link, &event));
    assert_int_equal(event.kind, kind);
    if (kind == WB_LINK_EVENT_CLOSED) {
        assert_int_equal(event.reason, reason);
    }
}

static void expect_no_event(struct wb_link *link)
{
    struct wb_link_event event;
    assert_false(wb_link_next(link, &event));
}

static int start(void **state)
{
    (void)state;
    now = 1000;
    wb_link_init(&board, &(struct wb_link_cfg){.opens = true}, now);
    wb_link_init(&bridge, &(struct wb_link_cfg){.opens = false}, now);
    return 0;
}

static int start_open(void **state)
{
    start(state);
    wb_link_open(&board, 7, now);
    settle();
    expect_event(&bridge, WB_LINK_EVENT_ASKED, 0);
    wb_link_accept(&bridge, now);
    settle();
    expect_event(&board, WB_LINK_EVENT_OPENED, 0);
    assert_int_equal(wb_link_state(&board), WB_LINK_OPEN);
    assert_int_equal(wb_link_state(&bridge), WB_LINK_OPEN);
    return 0;
}

static void write_all(struct wb_link *link, const char *text)
{
    size_t taken;
    assert_ok(wb_link_write(link, text, strlen(text), &taken));
    assert_int_equal(taken, strlen(text));
}

static void expect_read(struct wb_link *link, const char *text)
{
    const uint8_t *data;
    size_t len;
    wb_link_read(link, &data, &len);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, len);
    wb_link_read_done(link, len);
}

static void an_end_fits_its_budget(void **state)
{
    (void)state;
    assert_true(sizeof(struct wb_link) <= 400);
}

static void carries_bytes_both_ways(void **state)
{
    (void)state;
    write_all(&board, "up");
    write_all(&board, "wards");
    write_all(&bridge, "down");
    assert_false(wb_link_is_flushed(&board));
    settle();
    expect_read(&bridge, "upwards");
    expect_read(&board, "down");
    settle();
    assert_true(wb_link_is_flushed(&board));
    assert_true(wb_link_is_flushed(&bridge));
}

static void carries_every_byte_value_and_length(void **state)
{
    (void)state;
    for (size_t len = 1; len <= WB_LINK_PAYLOAD_MAX; len++) {
        for (unsigned fill = 0; fill < 256; fill += len == 1 ? 1 : 51) {
            uint8_t data[WB_LINK_PAYLOAD_MAX];
            size_t taken;
            for (size_t i = 0; i < len; i++) {
                data[i] = (uint8_t)(i % 3 == 0 ? fill : fill + i);
            }
            assert_ok(wb_link_write(&board, data, len, &taken));
            assert_int_equal(taken, len);
            assert_true(carry(&board, &bridge) <= WB_LINK_FRAME_MAX);
            const uint8_t *got;
            size_t got_len;
            wb_link_read(&bridge, &got, &got_len);
            assert_int_equal(got_len, len);
            assert_memory_equal(got, data, len);
            wb_link_read_done(&bridge, len);
            settle();
        }
    }
    assert_int_equal(board.frames_repeated, 0);
}

static void refuses_to_write_without_a_session(void **state)
{
    (void)state;
    size_t taken;
    assert_err(WB_ERR_CLOSED, wb_link_write(&board, "x", 1, &taken));
    wb_link_open(&board, 1, now);
    assert_err(WB_ERR_CLOSED, wb_link_write(&board, "x", 1, &taken));
}

static void takes_nothing_while_a_frame_is_on_its_way(void **state)
{
    (void)state;
    size_t taken;
    write_all(&board, "x");
    carry(&board, &bridge);
    assert_ok(wb_link_write(&board, "y", 1, &taken));
    assert_int_equal(taken, 0);
}

static void emits_into_any_small_buffer(void **state)
{
    (void)state;
    write_all(&board, "one byte at a time");
    uint8_t byte;
    while (wb_link_emit(&board, now, &byte, 1) == 1) {
        wb_link_feed(&bridge, now, &byte, 1);
    }
    assert_int_equal(wb_link_emit(&board, now, &byte, 0), 0);
    expect_read(&bridge, "one byte at a time");
}

static void partial_reads_acknowledge_after_the_last_byte(void **state)
{
    (void)state;
    const uint8_t *data;
    size_t len;
    write_all(&board, "abc");
    carry(&board, &bridge);
    wb_link_read(&bridge, &data, &len);
    wb_link_read_done(&bridge, 2);
    assert_int_equal(carry(&bridge, &board), 0);
    expect_read(&bridge, "c");
    assert_true(carry(&bridge, &board) > 0);
    assert_true(wb_link_is_flushed(&board));
}

static void a_lost_frame_comes_again_at_the_millisecond(void **state)
{
    (void)state;
    write_all(&board, "again");
    carry(&board, NULL); /* lost */
    assert_true(wb_link_due(&board) == now + 200);
    now += 199;
    wb_link_tick(&board, now);
    assert_int_equal(carry(&board, &bridge), 0);
    now += 1;
    wb_link_tick(&board, now);
    wb_link_tick(&board, now);
    carry(&board, &bridge);
    expect_read(&bridge, "again");
    assert_int_equal(board.frames_repeated, 1);
    assert_true(wb_link_due(&board) == now + 400);
}

static void a_lost_acknowledgement_does_not_double_the_bytes(void **state)
{
    (void)state;
    write_all(&board, "once");
    carry(&board, &bridge);
    expect_read(&bridge, "once");
    carry(&bridge, NULL); /* lost */
    now += 200;
    wb_link_tick(&board, now);
    carry(&board, &bridge);
    expect_read(&bridge, "");
    carry(&bridge, &board);
    assert_true(wb_link_is_flushed(&board));
}

static void a_busy_receiver_holds_the_sender_and_is_not_given_up(void **state)
{
    (void)state;
    const uint8_t *data;
    size_t len;
    char filled[WB_LINK_PAYLOAD_MAX + 1];
    memset(filled, 'f', WB_LINK_PAYLOAD_MAX);
    filled[WB_LINK_PAYLOAD_MAX] = '\0';
    for (int i = 0; i < 2; i++) { /* a long frame and one that fits the side buffer */
        write_all(&board, i == 0 ? filled : "z");
        carry(&board, &bridge);
        wb_ms until = now + 200000;
        while (now < until) { /* longer than dead_ms */
            now = wb_ms_min(wb_link_due(&board), wb_link_due(&bridge));
            wb_link_tick(&board, now);
            wb_link_tick(&bridge, now);
            settle();
        }
        expect_no_event(&board);
        expect_no_event(&bridge);
        wb_link_read(&bridge, &data, &len);
        assert_int_equal(len, i == 0 ? WB_LINK_PAYLOAD_MAX : 1);
        wb_link_read_done(&bridge, len);
        settle();
        assert_true(wb_link_is_flushed(&board));
    }
}

static void acknowledgements_pass_unread_payload(void **state)
{
    (void)state;
    write_all(&bridge, "unread");
    write_all(&board, "waiting for its acknowledgement");
    carry(&board, &bridge);
    carry(&bridge, &board);
    expect_read(&bridge, "waiting for its acknowledgement");
    carry(&bridge, &board);
    assert_true(wb_link_is_flushed(&board));
    expect_read(&board, "unread");
}

static void open_is_repeated_until_answered(void **state)
{
    (void)state;
    wb_link_open(&board, 9, now);
    for (int i = 0; i < 20; i++) {
        assert_true(carry(&board, NULL) > 0);
        now = wb_link_due(&board);
        assert_true(now < 1000000);
        wb_link_tick(&board, now);
    }
    settle();
    expect_event(&bridge, WB_LINK_EVENT_ASKED, 0);
    wb_link_accept(&bridge, now);
    carry(&bridge, NULL); /* OPENED is lost */
    now = wb_link_due(&board);
    wb_link_tick(&board, now);
    settle();
    expect_event(&board, WB_LINK_EVENT_OPENED, 0);
    expect_no_event(&bridge);
}

static void data_stands_for_a_lost_opened(void **state)
{
    (void)state;
    wb_link_open(&board, 9, now);
    settle();
    wb_link_accept(&bridge, now);
    carry(&bridge, NULL); /* OPENED is lost */
    write_all(&bridge, "hello");
    settle();
    expect_event(&board, WB_LINK_EVENT_OPENED, 0);
    expect_read(&board, "hello");
}

static void the_bridge_may_refuse(void **state)
{
    (void)state;
    wb_link_open(&board, 9, now);
    settle();
    expect_event(&bridge, WB_LINK_EVENT_ASKED, 0);
    wb_link_refuse(&bridge, now);
    settle();
    expect_event(&board, WB_LINK_EVENT_CLOSED, WB_LINK_REFUSED);
    assert_true(wb_link_due(&board) == WB_NEVER);
    assert_true(wb_link_due(&bridge) == WB_NEVER);
}

static void close_tells_the_peer(void **state)
{
    (void)state;
    wb_link_close(&board, now);
    expect_no_event(&board);
    settle();
    expect_event(&bridge, WB_LINK_EVENT_CLOSED, WB_LINK_CLOSED_BY_USER);
    assert_int_equal(wb_link_state(&bridge), WB_LINK_IDLE);
}

static void a_lost_close_is_noticed_at_the_next_frame(void **state)
{
    (void)state;
    wb_link_close(&board, now);
    carry(&board, NULL);
    write_all(&bridge, "anyone?");
    settle();
    expect_event(&bridge, WB_LINK_EVENT_CLOSED, WB_LINK_RESTARTED);
}

static void a_restarted_bridge_is_noticed_at_the_next_frame(void **state)
{
    (void)state;
    wb_link_init(&bridge, &(struct wb_link_cfg){.opens = false}, now);
    write_all(&board, "anyone?");
    settle();
    expect_event(&board, WB_LINK_EVENT_CLOSED, WB_LINK_RESTARTED);
    expect_no_event(&bridge);
}

static void a_restarted_board_replaces_its_session(void **state)
{
    (void)state;
    write_all(&bridge, "old bytes");
    wb_link_init(&board, &(struct wb_link_cfg){.opens = true}, now);
    wb_link_open(&board, 8, now);
    settle();
    expect_event(&bridge, WB_LINK_EVENT_CLOSED, WB_LINK_RESTARTED);
    expect_event(&bridge, WB_LINK_EVENT_ASKED, 0);
    wb_link_accept(&bridge, now);
    settle();
    expect_event(&board, WB_LINK_EVENT_OPENED, 0);
    expect_read(&board, "");
}

static void a_request_that_nobody_saw_vanishes_without_event(void **state)
{
    (void)state;
    wb_link_open(&board, 8, now);
    settle();
    wb_link_open(&board, 9, now);
    settle();
    expect_event(&bridge, WB_LINK_EVENT_ASKED, 0);
    expect_no_event(&bridge);
}

static void an_idle_link_wakes_for_keepalive_only(void **state)
{
    (void)state;
    unsigned wakes = 0;
    wb_ms until = now + 600000;
    while (now < until) {
        wakes++;
        now = wb_ms_min(wb_link_due(&board), wb_link_due(&bridge));
        wb_link_tick(&board, now);
        wb_link_tick(&bridge, now);
        settle();
    }
    expect_no_event(&board);
    expect_no_event(&bridge);
    assert_true(wakes <= 600000 / 15000 + 1);
}

static void a_silent_peer_is_given_up_at_dead_ms(void **state)
{
    (void)state;
    wb_ms start_ms = now;
    while (wb_link_state(&board) == WB_LINK_OPEN) {
        now = wb_link_due(&board);
        wb_link_tick(&board, now - 1);
        assert_int_equal(wb_link_state(&board), WB_LINK_OPEN);
        wb_link_tick(&board, now);
        carry(&board, NULL);
    }
    assert_true(now == start_ms + 45000);
    expect_event(&board, WB_LINK_EVENT_CLOSED, WB_LINK_DEAD);
    assert_true(wb_link_due(&board) == WB_NEVER);
}

static void noise_is_counted_and_passed_over(void **state)
{
    (void)state;
    uint8_t noise[1000];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i * 37 >> 3);
    }
    wb_link_feed(&board, now, noise, sizeof noise);
    wb_link_feed(&bridge, now, noise, sizeof noise);
    write_all(&board, "after the storm");
    settle();
    expect_read(&bridge, "after the storm");
    assert_true(bridge.frames_damaged > 0);
    assert_int_equal(board.frames_repeated, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_fits_its_budget),
        cmocka_unit_test_setup(carries_bytes_both_ways, start_open),
        cmocka_unit_test_setup(carries_every_byte_value_and_length, start_open),
        cmocka_unit_test_setup(refuses_to_write_without_a_session, start),
        cmocka_unit_test_setup(takes_nothing_while_a_frame_is_on_its_way, start_open),
        cmocka_unit_test_setup(emits_into_any_small_buffer, start_open),
        cmocka_unit_test_setup(partial_reads_acknowledge_after_the_last_byte, start_open),
        cmocka_unit_test_setup(a_lost_frame_comes_again_at_the_millisecond, start_open),
        cmocka_unit_test_setup(a_lost_acknowledgement_does_not_double_the_bytes, start_open),
        cmocka_unit_test_setup(a_busy_receiver_holds_the_sender_and_is_not_given_up, start_open),
        cmocka_unit_test_setup(acknowledgements_pass_unread_payload, start_open),
        cmocka_unit_test_setup(open_is_repeated_until_answered, start),
        cmocka_unit_test_setup(data_stands_for_a_lost_opened, start),
        cmocka_unit_test_setup(the_bridge_may_refuse, start),
        cmocka_unit_test_setup(close_tells_the_peer, start_open),
        cmocka_unit_test_setup(a_lost_close_is_noticed_at_the_next_frame, start_open),
        cmocka_unit_test_setup(a_restarted_bridge_is_noticed_at_the_next_frame, start_open),
        cmocka_unit_test_setup(a_restarted_board_replaces_its_session, start_open),
        cmocka_unit_test_setup(a_request_that_nobody_saw_vanishes_without_event, start),
        cmocka_unit_test_setup(an_idle_link_wakes_for_keepalive_only, start_open),
        cmocka_unit_test_setup(a_silent_peer_is_given_up_at_dead_ms, start_open),
        cmocka_unit_test_setup(noise_is_counted_and_passed_over, start_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
