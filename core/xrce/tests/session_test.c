/* SPDX-License-Identifier: AGPL-3.0-only */
/* Client and agent over a perfect line, single messages lost on purpose; each timer one unit before
 * and at its time. */
#include "pair.h"

static void session_opens_and_closes(void **state)
{
    (void)state;
    start();
    assert_int_equal(wb_xrce_client_due(&client), WB_NEVER);
    assert_ok(wb_xrce_client_open(&client, now));
    assert_err(WB_ERR_STATE, wb_xrce_client_open(&client, now));
    settle();
    assert_int_equal(client_log.count, 1);
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_OPENED);
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy_log.of[0].kind, WB_XRCE_PROXY_CONNECTED);
    assert_false(proxy_log.of[0].flag);
    assert_memory_equal(proxy.key, "\xA1\xB2\xC3\xD4", 4);

    forget_logs();
    wb_xrce_client_close(&client, now);
    settle();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_SHUT);
    assert_int_equal(proxy_log.of[0].kind, WB_XRCE_PROXY_DISCONNECTED);
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_CLOSED);
    assert_false(proxy.is_connected);
    open_session(); /* and again */
}

static void open_is_repeated_until_answered(void **state)
{
    (void)state;
    start();
    assert_ok(wb_xrce_client_open(&client, now));
    assert_true(carry_up(false) > 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(carry_up(true), 0);
        wb_ms due = wb_xrce_client_due(&client);
        now = due - 1;
        tick();
        assert_int_equal(carry_up(false), 0);
        now = due;
        tick();
        assert_true(carry_up(i == 4) > 0);
    }
    settle();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_OPENED);
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, "x", 1, NULL));
}

static void opening_can_be_given_up(void **state)
{
    (void)state;
    start();
    assert_ok(wb_xrce_client_open(&client, now));
    wb_xrce_client_close(&client, now);
    drain_client();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_SHUT);
    assert_int_equal(carry_up(true), 0);
}

static void close_is_confirmed_even_when_the_answer_was_lost(void **state)
{
    (void)state;
    start();
    open_session();
    wb_xrce_client_close(&client, now);
    assert_true(carry_up(true) > 0);
    assert_true(carry_down(false) > 0); /* STATUS */
    now += 1000;
    tick();
    settle();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_SHUT);
    assert_int_equal(proxy_log.count, 1);
}

static void close_ends_after_three_tries(void **state)
{
    (void)state;
    start();
    open_session();
    wb_xrce_client_close(&client, now);
    int sent = 0;
    while (wb_xrce_client_state(&client) == WB_XRCE_CLIENT_CLOSING) {
        sent += carry_up(false) > 0;
        now = wb_xrce_client_due(&client);
        tick();
    }
    assert_int_equal(sent, 3);
    drain_client();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_SHUT);
}

static void agent_can_refuse(void **state)
{
    (void)state;
    start();
    assert_ok(wb_xrce_client_open(&client, now));
    uint8_t message[MESSAGE];
    size_t len = wb_xrce_client_emit(&client, now, message, sizeof message);
    struct wb_xrce_create_client peeked;
    assert_true(wb_xrce_peek(message, len, &peeked));
    assert_int_equal(peeked.key[3], 0xD4);
    assert_int_equal(peeked.mtu, MESSAGE);
    wb_xrce_proxy_feed(&proxy, now, message, len);
    drain_proxy();
    wb_xrce_proxy_refuse(&proxy, WB_XRCE_DENIED);
    assert_true(carry_down(true) > 0);
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_REFUSED);
    assert_int_equal(client_log.of[0].status, WB_XRCE_DENIED);
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_CLOSED);
    assert_false(proxy.is_connected);
}

static void unfit_clients_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t major, session;
        uint16_t mtu;
        uint8_t status;
    } cases[] = {
        {2, 0x81, 512, WB_XRCE_INCOMPATIBLE}, {0, 0x81, 512, WB_XRCE_INCOMPATIBLE},
        {1, 0x80, 512, WB_XRCE_INVALID_DATA}, {1, 0x00, 512, WB_XRCE_INVALID_DATA},
        {1, 0x81, 63, WB_XRCE_INVALID_DATA},  {1, 0x81, 64, WB_XRCE_OK},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        start();
        struct wb_xrce_any any = {.id = WB_XRCE_CREATE_CLIENT,
                                  .flags = WB_XRCE_FLAG_LITTLE,
                                  .of.create_client = {.self.version = {cases[i].major, 0},
                                                       .key = {1, 2, 3, 4},
                                                       .session = cases[i].session,
                                                       .mtu = cases[i].mtu}};
        uint8_t message[64] = {0x80};
        size_t len = 4;
        assert_ok(wb_xrce_encode_any(&any, message, sizeof message, &len));
        wb_xrce_proxy_feed(&proxy, now, message, len);
        drain_proxy();
        assert_int_equal(proxy.is_connected, cases[i].status == WB_XRCE_OK);
        uint8_t answer[64];
        struct wb_xrce_walk walk;
        struct wb_xrce_head head;
        struct wb_xrce_sub sub;
        struct wb_xrce_status_agent status;
        len = wb_xrce_proxy_emit(&proxy, now, answer, sizeof answer);
        assert_ok(wb_xrce_walk_message(&walk, answer, len, &head));
        assert_ok(wb_xrce_walk_next(&walk, &sub));
        assert_int_equal(sub.id, WB_XRCE_STATUS_AGENT);
        assert_ok(wb_xrce_decode_status_agent(&sub, &status));
        assert_int_equal(status.status, cases[i].status);
    }
}

static void objects_are_created_with_their_names(void **state)
{
    (void)state;
    start();
    open_session();
    create_expecting(PARTICIPANT, 0, WB_XRCE_OK);
    create_expecting(TOPIC, 0, WB_XRCE_OK);
    assert_int_equal(proxy_log.count, 2);
    assert_int_equal(proxy_log.of[1].len, 10);
    assert_memory_equal(proxy_log.of[1].data, "rt/chatter", 10);
    uint16_t request;
    assert_ok(wb_xrce_client_create_text(
        &client, WB_XRCE_ID(2, WB_XRCE_PARTICIPANT), 0, 0, WB_XRCE_XML,
        WB_CDR_STR("<dds><participant><rtps><name>px4</name></rtps></participant></dds>"), 7,
        &request));
    assert_ok(wb_xrce_client_create_text(&client, WB_XRCE_ID(3, WB_XRCE_PARTICIPANT), 0, 0,
                                         WB_XRCE_REF, WB_CDR_STR("px4_participant"), 0, &request));
    settle();
    assert_int_equal(proxy_log.count, 4);
    assert_memory_equal(proxy_log.of[2].data, "px4", 3);
    assert_memory_equal(proxy_log.of[3].data, "px4_participant", 15);
}

static void creation_modes_follow_the_specification(void **state)
{
    (void)state;
    start();
    open_session();
    create_expecting(TOPIC, 0, WB_XRCE_UNKNOWN_REFERENCE); /* no participant yet */
    create_expecting(PARTICIPANT, 0, WB_XRCE_OK);
    create_expecting(TOPIC, 0, WB_XRCE_OK);
    create_expecting(TOPIC, 0, WB_XRCE_ALREADY_EXISTS);
    create_expecting(TOPIC, WB_XRCE_FLAG_REUSE, WB_XRCE_OK_MATCHED);
    create_expecting(TOPIC, WB_XRCE_FLAG_REUSE | WB_XRCE_FLAG_REPLACE, WB_XRCE_OK_MATCHED);
    assert_int_equal(proxy_log.count, 2);
    create_expecting(TOPIC, WB_XRCE_FLAG_REPLACE, WB_XRCE_OK);
    assert_int_equal(proxy_log.count, 4); /* gone, and created again */
    assert_int_equal(proxy_log.of[2].kind, WB_XRCE_PROXY_DELETE);
    assert_true(proxy_log.of[2].flag);
    assert_int_equal(proxy_log.of[3].kind, WB_XRCE_PROXY_CREATE);

    struct wb_xrce_description other = describe(TOPIC);
    other.name = WB_CDR_STR("rt/other");
    forget_logs();
    assert_ok(
        wb_xrce_client_create(&client, TOPIC, PARTICIPANT, WB_XRCE_FLAG_REUSE, &other, 0, NULL));
    assert_ok(wb_xrce_client_create(&client, TOPIC, PARTICIPANT,
                                    WB_XRCE_FLAG_REUSE | WB_XRCE_FLAG_REPLACE, &other, 0, NULL));
    settle();
    assert_int_equal(client_log.of[0].status, WB_XRCE_MISMATCH);
    assert_int_equal(client_log.of[1].status, WB_XRCE_OK);
    assert_memory_equal(proxy_log.of[1].data, "rt/other", 8);
}

static void children_go_with_their_parent(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    uint16_t request;
    assert_ok(wb_xrce_client_delete(&client, PARTICIPANT, &request));
    settle();
    assert_int_equal(proxy_log.count, 8);
    uint16_t gone[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(proxy_log.of[i].kind, WB_XRCE_PROXY_DELETE);
        assert_int_equal(proxy_log.of[i].flag, i < 7);
        gone[i] = proxy_log.of[i].object;
        for (size_t k = 0; k < i; k++) { /* leaves before branches */
            assert_int_not_equal(gone[k], parent_of(gone[i]));
        }
    }
    assert_int_equal(client_log.count, 1);
    assert_int_equal(client_log.of[0].request, request);
    assert_int_equal(client_log.of[0].status, WB_XRCE_OK);
    assert_ok(wb_xrce_client_delete(&client, PARTICIPANT, NULL));
    settle();
    assert_int_equal(client_log.of[1].status, WB_XRCE_UNKNOWN_REFERENCE);
}

static void full_table_and_denied_creations_leave_no_object(void **state)
{
    (void)state;
    struct wb_xrce_client_cfg c = client_cfg();
    struct wb_xrce_proxy_cfg p = proxy_cfg();
    p.objects_cap = 2;
    start_with(&c, &p);
    open_session();
    create_expecting(PARTICIPANT, 0, WB_XRCE_OK);
    proxy_status = WB_XRCE_DENIED;
    create_expecting(TOPIC, 0, WB_XRCE_DENIED);
    proxy_status = WB_XRCE_OK;
    create_expecting(TOPIC, 0, WB_XRCE_OK);
    create_expecting(PUBLISHER, 0, WB_XRCE_RESOURCES);
}

static void samples_cross_on_both_streams(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    uint16_t request;
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_BEST_EFFORT, "one", 3, NULL));
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, "two", 3, &request));
    settle();
    assert_int_equal(proxy_log.count, 2);
    assert_int_equal(proxy_log.of[0].stream, WB_XRCE_STREAM_RELIABLE);
    assert_int_equal(proxy_log.of[0].request, request);
    assert_memory_equal(proxy_log.of[0].data, "two", 3);
    assert_memory_equal(proxy_log.of[1].data, "one", 3);
    assert_true(wb_xrce_client_is_flushed(&client));
    /* an unknown writer is dropped in silence */
    assert_ok(wb_xrce_client_write(&client, WB_XRCE_ID(9, WB_XRCE_DATAWRITER),
                                   WB_XRCE_STREAM_RELIABLE, "x", 1, NULL));
    assert_ok(wb_xrce_client_write(&client, READER, WB_XRCE_STREAM_RELIABLE, "x", 1, NULL));
    settle();
    assert_int_equal(proxy_log.count, 2);
    assert_int_equal(client_log.count, 0);
}

/* Every length around the limits of a message, a fragment and all slots together. */
static void long_samples_are_cut_and_joined(void **state)
{
    (void)state;
    static uint8_t sample[8192];
    static const size_t lens[] = {0,   1,   495, 496, 497, 499,  500,  501,
                                  991, 992, 993, 996, 997, 1500, 4000, 4096};
    for (size_t i = 0; i < sizeof sample; i++) {
        sample[i] = (uint8_t)(i * 7 + i / 256);
    }
    start();
    open_session();
    create_all();
    assert_ok(wb_xrce_client_read(
        &client, READER, WB_XRCE_STREAM_RELIABLE,
        &(struct wb_xrce_delivery){.samples_max = WB_XRCE_SAMPLES_UNLIMITED}, NULL));
    settle();
    for (size_t i = 0; i < WB_ARRAY_LEN(lens); i++) {
        forget_logs();
        assert_ok(
            wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample, lens[i], NULL));
        assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, sample, lens[i]));
        settle();
        assert_int_equal(proxy_log.count, 1);
        assert_int_equal(proxy_log.of[0].len, lens[i]);
        assert_memory_equal(proxy_log.of[0].data, sample, lens[i]);
        assert_int_equal(client_log.count, 1);
        assert_int_equal(client_log.of[0].len, lens[i]);
        assert_memory_equal(client_log.of[0].data, sample, lens[i]);
    }
    /* 16 slots of 500 bytes of fragments each; the answering side keeps two back */
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample, 7992, NULL));
    forget_logs();
    settle();
    assert_int_equal(proxy_log.of[0].kind, WB_XRCE_PROXY_DROPPED); /* over its assembly buffer */
    assert_err(WB_ERR_LIMIT,
               wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample, 7993, NULL));
    assert_err(WB_ERR_LIMIT, wb_xrce_proxy_deliver(&proxy, now, READER, sample, 7000));
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, sample, 6992));
    assert_err(WB_ERR_FULL, wb_xrce_proxy_deliver(&proxy, now, READER, sample, 1));
    settle();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_DROPPED);
    /* and the streams live on */
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, "end", 3, NULL));
    settle();
    assert_int_equal(proxy_log.of[1].kind, WB_XRCE_PROXY_WRITE);
    assert_int_equal(proxy_log.of[1].len, 3);
}

static void best_effort_samples_must_fit_one_message(void **state)
{
    (void)state;
    static uint8_t sample[600];
    start();
    open_session();
    create_all();
    assert_err(WB_ERR_LIMIT, wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_BEST_EFFORT,
                                                  sample, MESSAGE - 11, NULL));
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_BEST_EFFORT, sample,
                                   MESSAGE - 12, NULL));
    assert_err(WB_ERR_FULL,
               wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_BEST_EFFORT, sample, 1, NULL));
    settle();
    assert_int_equal(proxy_log.of[0].len, MESSAGE - 12);
}

static void full_window_says_so_and_opens_again(void **state)
{
    (void)state;
    static uint8_t sample[400];
    start();
    open_session();
    create_all();
    for (int i = 0; i < SLOTS; i++) {
        assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample,
                                       sizeof sample, NULL));
    }
    assert_err(WB_ERR_FULL, wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample,
                                                 sizeof sample, NULL));
    struct wb_xrce_description d = describe(TOPIC);
    for (int i = 0; i < SLOTS; i++) { /* sent, so the last message is no longer open */
        assert_true(carry_up(false) > 0);
    }
    assert_err(WB_ERR_FULL, wb_xrce_client_create(&client, TOPIC, PARTICIPANT, 0, &d, 0, NULL));
    now += 200;
    tick();
    settle(); /* HEARTBEAT, ACKNACK naming all sixteen, repetitions */
    assert_int_equal(proxy_log.count, SLOTS);
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample, 1, NULL));
}

static void reading_ends_after_the_samples_asked_for(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_RELIABLE, NULL, NULL));
    settle();
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1)); /* no delivery control: one */
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    uint16_t request;
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_BEST_EFFORT,
                                  &(struct wb_xrce_delivery){.samples_max = 2}, &request));
    settle();
    forget_logs();
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, "y", 1));
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, "z", 1));
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    settle();
    assert_int_equal(client_log.count, 2);
    assert_int_equal(client_log.of[1].request, request);
    assert_int_equal(client_log.of[1].object, READER);
    assert_int_equal(client_log.of[1].data[0], 'z');
    /* cancelled */
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_RELIABLE,
                                  &(struct wb_xrce_delivery){.samples_max = 5}, NULL));
    settle();
    assert_true(wb_xrce_proxy_is_reading(&proxy, READER, now));
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_NONE,
                                  &(struct wb_xrce_delivery){.samples_max = 0}, NULL));
    settle();
    assert_false(wb_xrce_proxy_is_reading(&proxy, READER, now));
    /* refused by the agent's user */
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_RELIABLE, NULL, &request));
    settle();
    wb_xrce_proxy_answer(&proxy, request, READER, WB_XRCE_DENIED);
    forget_logs();
    settle();
    assert_int_equal(client_log.of[0].status, WB_XRCE_DENIED);
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    /* of nothing that can be read */
    assert_ok(wb_xrce_client_read(&client, WRITER, WB_XRCE_STREAM_RELIABLE, NULL, &request));
    forget_logs();
    settle();
    assert_int_equal(client_log.of[0].status, WB_XRCE_UNKNOWN_REFERENCE);
}

static void delivery_control_holds_samples_back(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_RELIABLE,
                                  &(struct wb_xrce_delivery){.samples_max = 100,
                                                             .elapsed_max_s = 2,
                                                             .bytes_per_second_max = 1000,
                                                             .pace_min_ms = 20},
                                  NULL));
    settle();
    wb_ms began = now;
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, "0123456789", 10)); /* 10 ms of bytes */
    now = began + 19;
    assert_err(WB_ERR_STATE, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    now = began + 20;
    uint8_t big[100] = {0};
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, big, sizeof big)); /* 100 ms of bytes */
    now = began + 119;
    assert_err(WB_ERR_STATE, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    now = began + 1999;
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    now = began + 2000;
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
}

static void ping_works_with_and_without_session(void **state)
{
    (void)state;
    start();
    wb_xrce_client_ping(&client, now);
    uint8_t message[MESSAGE];
    uint8_t answer[64];
    size_t len = wb_xrce_client_emit(&client, now, message, sizeof message);
    size_t answer_len = wb_xrce_answer_ping(message, len, answer, sizeof answer);
    assert_true(answer_len > 0);
    assert_int_equal(wb_xrce_answer_ping(message, len - 1, answer, sizeof answer), 0);
    assert_int_equal(wb_xrce_answer_ping(message, len, answer, answer_len - 1), 0);
    assert_int_equal(wb_xrce_answer_ping(message, len, answer, sizeof answer), answer_len);
    wb_xrce_client_feed(&client, now, answer, answer_len);
    drain_client();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_GOT_PONG);
    wb_xrce_client_ping(&client, now); /* a proxy of its own connection answers, too */
    settle();
    assert_int_equal(client_log.count, 2);
    open_session();
    wb_xrce_client_ping(&client, now);
    settle();
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_GOT_PONG);
}

static void clocks_are_compared(void **state)
{
    (void)state;
    start();
    open_session();
    wb_xrce_client_clock(&client, now, 5000000000);        /* 5 s after boot */
    wb_xrce_proxy_clock(&proxy, now, 1795438960000000000); /* wall time */
    wb_xrce_client_sync(&client, now);
    assert_true(carry_up(true) > 0);
    now += 10; /* the agent takes 10 ms, which do not count */
    assert_true(carry_down(true) > 0);
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_GOT_TIME);
    assert_true(client_log.of[0].offset_ns == 1795438960000000000 - 5000000000);
}

static void nanoseconds_are_split(void **state)
{
    (void)state;
    static const uint64_t cases[] = {0,          1,          999999999,           1000000000,
                                     1000000001, UINT32_MAX, 1795438960123456789, INT64_MAX};
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_xrce_time time = wb_xrce_time_of_ns(cases[i]);
        assert_int_equal(time.s, (uint32_t)(cases[i] / 1000000000));
        assert_int_equal(time.ns, cases[i] % 1000000000);
    }
    assert_int_equal(wb_xrce_time_of_ns(UINT64_MAX).ns, UINT64_MAX % 1000000000);
    assert_int_equal(wb_xrce_time_of_ns(UINT64_MAX).s, (uint32_t)(UINT64_MAX / 1000000000));
}

static void silent_agent_is_pinged_and_given_up(void **state)
{
    (void)state;
    struct wb_xrce_client_cfg c = client_cfg();
    struct wb_xrce_proxy_cfg p = proxy_cfg();
    c.keepalive_ms = 500;
    start_with(&c, &p);
    open_session();
    now += 499;
    tick();
    assert_int_equal(carry_up(true), 0);
    now += 1;
    assert_int_equal(wb_xrce_client_due(&client), now);
    tick();
    settle(); /* ping and pong */
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_GOT_PONG);
    forget_logs();
    wb_ms heard = now;
    int pings = 0;
    while (client_log.count == 0) {
        now = wb_xrce_client_due(&client);
        tick();
        pings += carry_up(false) > 0;
        drain_client();
    }
    assert_int_equal(pings, 3);
    assert_int_equal(now - heard, 2000);
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_LOST);
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_CLOSED);
    assert_int_equal(wb_xrce_client_due(&client), WB_NEVER);
}

static void agent_that_never_acknowledges_is_given_up(void **state)
{
    (void)state;
    start();
    open_session();
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, "x", 1, NULL));
    int rounds = 0;
    while (client_log.count == 0 ||
           client_log.of[client_log.count - 1].kind != WB_XRCE_CLIENT_LOST) {
        client_log.count = 0;
        now = wb_xrce_client_due(&client);
        tick();
        assert_true(rounds++ < 1000);
        uint8_t message[MESSAGE];
        size_t len;
        while ((len = wb_xrce_client_emit(&client, now, message, sizeof message)) > 0) {
            if (message[4] == WB_XRCE_GET_INFO) { /* answers pings, nothing else */
                wb_xrce_proxy_feed(&proxy, now, message, len);
                drain_proxy();
            }
        }
        while (carry_down(true) > 0) {
        }
        drain_client();
    }
    assert_true(now < 1000 + 2000 + 11000);
}

static void idle_ends_have_no_deadline_but_keepalive(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    assert_int_equal(wb_xrce_proxy_due(&proxy), WB_NEVER);
    assert_int_equal(wb_xrce_client_due(&client), now + 2000);
}

static void silent_client_is_not_bothered_for_ever(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_RELIABLE, NULL, NULL));
    settle();
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, READER, "x", 1));
    assert_true(carry_down(false) > 0);
    wb_ms heard = now;
    int heartbeats = 0;
    while (wb_xrce_proxy_due(&proxy) != WB_NEVER) {
        now = wb_xrce_proxy_due(&proxy);
        wb_xrce_proxy_tick(&proxy, now);
        heartbeats += carry_down(false) > 0;
    }
    assert_true(now - heard < 30000);
    assert_int_equal(heartbeats, 149);
}

static void restarted_client_takes_its_session_up_again(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    assert_ok(wb_xrce_client_read(&client, READER, WB_XRCE_STREAM_RELIABLE, NULL, NULL));
    settle();
    forget_logs();
    now += 499; /* a copy of CREATE_CLIENT that was late changes nothing */
    struct wb_xrce_client_cfg c = client_cfg();
    wb_xrce_client_init(&client, &c, now);
    assert_ok(wb_xrce_client_open(&client, now));
    settle();
    assert_int_equal(proxy_log.count, 0);
    now += 1;
    wb_xrce_client_init(&client, &c, now);
    assert_ok(wb_xrce_client_open(&client, now));
    settle();
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy_log.of[0].kind, WB_XRCE_PROXY_CONNECTED);
    assert_true(proxy_log.of[0].flag);
    assert_false(wb_xrce_proxy_is_reading(&proxy, READER, now));
    create_expecting(TOPIC, WB_XRCE_FLAG_REUSE, WB_XRCE_OK_MATCHED);
    /* another session: everything is gone */
    now += 1;
    c.session = 0x82;
    forget_logs();
    wb_xrce_client_init(&client, &c, now);
    assert_ok(wb_xrce_client_open(&client, now));
    settle();
    assert_false(proxy_log.of[0].flag);
    create_expecting(TOPIC, WB_XRCE_FLAG_REUSE, WB_XRCE_UNKNOWN_REFERENCE);
}

static void session_with_key_in_the_header_works(void **state)
{
    (void)state;
    struct wb_xrce_client_cfg c = client_cfg();
    struct wb_xrce_proxy_cfg p = proxy_cfg();
    c.session = 0x01;
    start_with(&c, &p);
    open_session();
    create_all();
    static uint8_t sample[2000];
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, sample, sizeof sample,
                                   NULL));
    settle();
    assert_int_equal(proxy_log.of[0].len, sizeof sample);
    /* the same with another key is somebody else */
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_BEST_EFFORT, "x", 1, NULL));
    client.burst.mem[7] ^= 1;
    uint32_t dropped = proxy.messages_dropped;
    settle();
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy.messages_dropped, dropped + 1);
}

static void service_calls_carry_identities(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    uint16_t asked, request;
    assert_ok(wb_xrce_client_read(&client, REPLIER, WB_XRCE_STREAM_RELIABLE, NULL, NULL));
    assert_ok(wb_xrce_client_read(&client, REQUESTER, WB_XRCE_STREAM_RELIABLE, NULL, &asked));
    assert_ok(wb_xrce_client_write(&client, REQUESTER, WB_XRCE_STREAM_RELIABLE, "ab", 2, &request));
    settle();
    assert_int_equal(proxy_log.of[2].kind, WB_XRCE_PROXY_WRITE);
    assert_int_equal(proxy_log.of[2].request, request);
    uint8_t with_identity[WB_XRCE_SAMPLE_IDENTITY_LEN + 2] = {7};
    assert_ok(wb_xrce_proxy_deliver(&proxy, now, REPLIER, with_identity, sizeof with_identity));
    settle();
    assert_int_equal(client_log.of[0].object, REPLIER);
    assert_ok(wb_xrce_client_write(&client, REPLIER, WB_XRCE_STREAM_RELIABLE, client_log.of[0].data,
                                   client_log.of[0].len, NULL));
    settle();
    assert_int_equal(proxy_log.of[3].object, REPLIER);
    assert_int_equal(proxy_log.of[3].len, sizeof with_identity);
}

static void requests_need_an_open_session(void **state)
{
    (void)state;
    start();
    struct wb_xrce_description d = describe(PARTICIPANT);
    assert_err(WB_ERR_STATE, wb_xrce_client_create(&client, PARTICIPANT, 0, 0, &d, 0, NULL));
    assert_err(WB_ERR_STATE, wb_xrce_client_delete(&client, PARTICIPANT, NULL));
    assert_err(WB_ERR_STATE, wb_xrce_client_read(&client, READER, 1, NULL, NULL));
    assert_err(WB_ERR_STATE, wb_xrce_client_write(&client, WRITER, 1, "x", 1, NULL));
    wb_xrce_client_close(&client, now);
    wb_xrce_client_sync(&client, now);
    assert_int_equal(carry_up(true), 0);
    open_session();
    static char name[600];
    memset(name, 'n', sizeof name);
    d.name = (struct wb_cdr_str){name, 256};
    assert_err(WB_ERR_LIMIT, wb_xrce_client_create(&client, PARTICIPANT, 0, 0, &d, 0, NULL));
    assert_err(WB_ERR_LIMIT, wb_xrce_client_create_text(&client, PARTICIPANT, 0, 0, WB_XRCE_XML,
                                                        (struct wb_cdr_str){name, 490}, 0, NULL));
    assert_true(wb_xrce_client_is_flushed(&client));
    assert_ok(wb_xrce_client_create_text(&client, PARTICIPANT, 0, 0, WB_XRCE_XML,
                                         (struct wb_cdr_str){name, 480}, 0, NULL));
}

static void table_finds_clients_by_address_and_key(void **state)
{
    (void)state;
    static struct wb_xrce_proxy proxies[2];
    static struct buffers buffers[2];
    static struct wb_xrce_object tables[2][4];
    struct wb_xrce_agent agent;
    struct wb_xrce_proxy *found;
    start();
    for (int i = 0; i < 2; i++) {
        wb_xrce_proxy_init(&proxies[i],
                           &(struct wb_xrce_proxy_cfg){.memory = memory_of(&buffers[i]),
                                                       .objects = tables[i],
                                                       .objects_cap = 4},
                           now);
    }
    wb_xrce_agent_init(&agent, proxies, 2);
    uint8_t message[MESSAGE];
    const uint8_t data[] = {0x81, 0, 0, 0};
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_agent_route(&agent, 77, data, 4, &found));
    assert_err(WB_ERR_END, wb_xrce_agent_route(&agent, 77, data, 3, &found));
    struct wb_xrce_client_cfg c = client_cfg();
    for (uint8_t i = 0; i < 3; i++) {
        c.key[0] = i;
        c.session = 1;
        wb_xrce_client_init(&client, &c, now);
        assert_ok(wb_xrce_client_open(&client, now));
        size_t len = wb_xrce_client_emit(&client, now, message, sizeof message);
        if (i == 2) {
            assert_err(WB_ERR_FULL, wb_xrce_agent_route(&agent, 102, message, len, &found));
            /* at the address of the first it takes the first one's place */
            assert_ok(wb_xrce_agent_route(&agent, 100, message, len, &found));
            assert_ptr_equal(found, &proxies[0]);
            break;
        }
        assert_ok(wb_xrce_agent_route(&agent, 100u + i, message, len, &found));
        assert_ptr_equal(found, &proxies[i]);
        struct wb_xrce_proxy_event event;
        wb_xrce_proxy_feed(found, now, message, len);
        assert_true(wb_xrce_proxy_next(found, &event));
        assert_false(wb_xrce_proxy_next(found, &event));
    }
    /* the second, by key from anywhere */
    const uint8_t keyed[] = {1, 0, 0, 0, 1, 0xB2, 0xC3, 0xD4};
    assert_ok(wb_xrce_agent_route(&agent, 555, keyed, sizeof keyed, &found));
    assert_ptr_equal(found, &proxies[1]);
    /* a client that was refused keeps no place */
    c.key[0] = 9;
    wb_xrce_client_init(&client, &c, now);
    assert_ok(wb_xrce_client_open(&client, now));
    size_t hello_len = wb_xrce_client_emit(&client, now, message, sizeof message);
    assert_err(WB_ERR_FULL, wb_xrce_agent_route(&agent, 103, message, hello_len, &found));
    wb_xrce_proxy_refuse(&proxies[0], WB_XRCE_DENIED);
    uint8_t answer[64];
    while (wb_xrce_proxy_emit(&proxies[0], now, answer, sizeof answer) > 0) {
    }
    assert_ok(wb_xrce_agent_route(&agent, 103, message, hello_len, &found));
    assert_ptr_equal(found, &proxies[0]);
    wb_xrce_proxy_forget(&proxies[1]);
    assert_err(WB_ERR_NOT_FOUND, wb_xrce_agent_route(&agent, 555, keyed, sizeof keyed, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_opens_and_closes),
        cmocka_unit_test(open_is_repeated_until_answered),
        cmocka_unit_test(opening_can_be_given_up),
        cmocka_unit_test(close_is_confirmed_even_when_the_answer_was_lost),
        cmocka_unit_test(close_ends_after_three_tries),
        cmocka_unit_test(agent_can_refuse),
        cmocka_unit_test(unfit_clients_are_refused),
        cmocka_unit_test(objects_are_created_with_their_names),
        cmocka_unit_test(creation_modes_follow_the_specification),
        cmocka_unit_test(children_go_with_their_parent),
        cmocka_unit_test(full_table_and_denied_creations_leave_no_object),
        cmocka_unit_test(samples_cross_on_both_streams),
        cmocka_unit_test(long_samples_are_cut_and_joined),
        cmocka_unit_test(best_effort_samples_must_fit_one_message),
        cmocka_unit_test(full_window_says_so_and_opens_again),
        cmocka_unit_test(reading_ends_after_the_samples_asked_for),
        cmocka_unit_test(delivery_control_holds_samples_back),
        cmocka_unit_test(ping_works_with_and_without_session),
        cmocka_unit_test(clocks_are_compared),
        cmocka_unit_test(nanoseconds_are_split),
        cmocka_unit_test(silent_agent_is_pinged_and_given_up),
        cmocka_unit_test(agent_that_never_acknowledges_is_given_up),
        cmocka_unit_test(idle_ends_have_no_deadline_but_keepalive),
        cmocka_unit_test(silent_client_is_not_bothered_for_ever),
        cmocka_unit_test(restarted_client_takes_its_session_up_again),
        cmocka_unit_test(session_with_key_in_the_header_works),
        cmocka_unit_test(service_calls_carry_identities),
        cmocka_unit_test(requests_need_an_open_session),
        cmocka_unit_test(table_finds_clients_by_address_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
