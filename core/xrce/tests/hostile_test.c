/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a peer must not be able to do: crash an end, make it accept nonsense, or break a session
 * that is not its own. Messages are made by hand, in both byte orders, cut and turned at random. */
#include "pair.h"

struct made {
    size_t len;
    uint8_t data[MESSAGE];
};

static struct made make(uint8_t session, uint8_t stream, uint16_t seq,
                        const struct wb_xrce_any *any)
{
    struct made made;
    made.len = wb_xrce_head_encode(
        &(struct wb_xrce_head){.session = session, .stream = stream, .seq = seq}, made.data);
    assert_ok(wb_xrce_encode_any(any, made.data, sizeof made.data, &made.len));
    return made;
}

static void to_proxy(const void *data, size_t len)
{
    wb_xrce_proxy_feed(&proxy, now, data, len);
    drain_proxy();
}

static void to_client(const void *data, size_t len)
{
    wb_xrce_client_feed(&client, now, data, len);
    drain_client();
}

static struct wb_xrce_status next_status(void)
{
    uint8_t message[MESSAGE];
    size_t len;
    struct wb_xrce_status status = {0};
    while ((len = wb_xrce_proxy_emit(&proxy, now, message, sizeof message)) > 0) {
        struct wb_xrce_walk walk;
        struct wb_xrce_head head;
        struct wb_xrce_sub sub;
        assert_ok(wb_xrce_walk_message(&walk, message, len, &head));
        while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
            if (sub.id == WB_XRCE_STATUS) {
                assert_ok(wb_xrce_decode_status(&sub, &status));
                return status;
            }
        }
    }
    fail();
    return status;
}

static void big_endian_clients_are_understood(void **state)
{
    (void)state;
    uint8_t body[128];
    struct wb_cdr_writer w;
    start();
    open_session();
    create_expecting(PARTICIPANT, 0, WB_XRCE_OK);
    struct wb_xrce_description d = describe(TOPIC);
    wb_cdr_writer_init(&w, body, sizeof body, true);
    wb_xrce_encode_description(&w, &d);
    assert_ok(w.err);
    struct wb_xrce_any any = {.id = WB_XRCE_CREATE,
                              .of.create = {.base = {0x1234, TOPIC},
                                            .entity = {.kind = WB_XRCE_TOPIC,
                                                       .representation = WB_XRCE_BIN,
                                                       .bin = body,
                                                       .bin_len = (uint32_t)w.len,
                                                       .parent = PARTICIPANT}}};
    struct made made = make(0x81, 0x80, 1, &any);
    forget_logs();
    to_proxy(made.data, made.len);
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy_log.of[0].request, 0x1234);
    assert_memory_equal(proxy_log.of[0].data, "rt/chatter", 10);
    any = (struct wb_xrce_any){.id = WB_XRCE_READ_DATA,
                               .of.read_data = {.base = {0x1235, READER},
                                                .has_delivery = true,
                                                .delivery.samples_max = 3}};
    made = make(0x81, 0x80, 2, &any);
    to_proxy(made.data, made.len);
    assert_int_equal(next_status().status, WB_XRCE_OK); /* of the topic */
    any = (struct wb_xrce_any){.id = WB_XRCE_ACKNACK,
                               .of.acknack = {.first_unacked = 2, .nacks = 1, .stream = 0x80}};
    made = make(0x81, 0, 0, &any);
    to_proxy(made.data, made.len);
    assert_int_equal(proxy.out.first, 2);
}

static void bad_creations_are_answered(void **state)
{
    (void)state;
    static const uint8_t nonsense[] = {1, 2, 3};
    static const struct {
        uint16_t object;
        struct wb_xrce_entity entity;
        uint8_t status;
    } cases[] = {
        /* id says topic, description participant */
        {TOPIC, {.kind = 1, .representation = 2, .text = {"x", 1}}, WB_XRCE_INVALID_DATA},
        /* body of nonsense, of nothing */
        {TOPIC,
         {.kind = 2, .representation = 3, .bin = nonsense, .bin_len = 3, .parent = 0x11},
         WB_XRCE_INVALID_DATA},
        {TOPIC, {.kind = 2, .representation = 3, .parent = 0x11}, WB_XRCE_INVALID_DATA},
        /* markup in a name */
        {TOPIC,
         {.kind = 2, .representation = 2, .text = {"<name>&lt;</name>", 17}, .parent = 0x11},
         WB_XRCE_INVALID_DATA},
        /* parents that are missing or of the wrong kind */
        {PUBLISHER,
         {.kind = 3, .representation = 2, .text = {"", 0}, .parent = 0x21},
         WB_XRCE_UNKNOWN_REFERENCE},
        {WRITER,
         {.kind = 5, .representation = 2, .text = {"", 0}, .parent = 0x11},
         WB_XRCE_UNKNOWN_REFERENCE},
        {TOPIC,
         {.kind = 2, .representation = 2, .text = {"", 0}, .parent = TOPIC},
         WB_XRCE_UNKNOWN_REFERENCE},
        {TOPIC,
         {.kind = 2, .representation = 2, .text = {"", 0}, .parent = 0},
         WB_XRCE_UNKNOWN_REFERENCE},
    };
    start();
    open_session();
    create_expecting(PARTICIPANT, 0, WB_XRCE_OK);
    forget_logs();
    for (uint16_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_xrce_any any = {.id = WB_XRCE_CREATE,
                                  .flags = WB_XRCE_FLAG_LITTLE,
                                  .of.create = {.base = {(uint16_t)(100 + i), cases[i].object},
                                                .entity = cases[i].entity}};
        struct made made = make(0x81, 0x80, (uint16_t)(1 + i), &any);
        to_proxy(made.data, made.len);
        struct wb_xrce_status status = next_status();
        assert_int_equal(status.related.request, 100 + i);
        assert_int_equal(status.status, cases[i].status);
        wb_xrce_out_reset(&proxy.out);
    }
    /* kinds that nobody knows, representations that nobody knows */
    static const uint8_t raw[][14] = {
        {0x01, 0x01, 10, 0, 0, 50, 0, 0x1A, 10, 2, 0, 0, 0, 0},
        {0x01, 0x01, 10, 0, 0, 51, 0, 0x11, 1, 9, 0, 0, 0, 0},
        {0x01, 0x01, 6, 0, 0, 52, 0, 0x11, 1, 2},
    };
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t message[18] = {0x81, 0x80, (uint8_t)(9 + i), 0};
        memcpy(message + 4, raw[i], i == 2 ? 10 : 14);
        to_proxy(message, i == 2 ? 14 : 18);
        struct wb_xrce_status status = next_status();
        assert_int_equal(status.related.request, 50 + i);
        assert_int_equal(status.status, WB_XRCE_INVALID_DATA);
        wb_xrce_out_reset(&proxy.out);
    }
    assert_int_equal(proxy_log.count, 0);
}

static void messages_of_other_sessions_change_nothing(void **state)
{
    (void)state;
    start();
    struct wb_xrce_any any = {
        .id = WB_XRCE_DELETE, .flags = 1, .of.request = {1, WB_XRCE_ID_CLIENT}};
    struct made made = make(0x81, 0, 0, &any);
    to_proxy(made.data, made.len); /* before any session */
    assert_int_equal(carry_down(false), 0);
    open_session();
    made = make(0x82, 0, 0, &any);
    to_proxy(made.data, made.len);
    made = make(0x80, 0, 0, &any); /* a DELETE without session */
    to_proxy(made.data, made.len);
    made = make(0x00, 0, 0, &any);
    to_proxy(made.data, made.len);
    assert_true(proxy.is_connected);
    assert_int_equal(proxy_log.count, 0);
    any = (struct wb_xrce_any){
        .id = WB_XRCE_STATUS, .flags = 1, .of.status = {.related = {2, WB_XRCE_ID_CLIENT}}};
    made = make(0x82, 0, 0, &any);
    to_client(made.data, made.len);
    made = make(0x81, 0x81, 0, &any); /* a second reliable stream */
    to_client(made.data, made.len);
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_OPEN);
    assert_int_equal(client_log.count, 0);
}

static void acknacks_and_heartbeats_of_nonsense_change_nothing(void **state)
{
    (void)state;
    static const uint16_t firsts[] = {3, 4, 100, 0x7FFF, 0x8000, 0xFFFF};
    start();
    open_session();
    create_all(); /* eight messages each way, all acknowledged: first is 8 */
    assert_int_equal(client.out.first, 8);
    for (size_t i = 0; i < WB_ARRAY_LEN(firsts); i++) {
        struct wb_xrce_any any = {
            .id = WB_XRCE_ACKNACK,
            .flags = 1,
            .of.acknack = {.first_unacked = firsts[i], .nacks = 0xFFFF, .stream = 0x80}};
        struct made made = make(0x81, 0, 0, &any);
        to_client(made.data, made.len);
        to_proxy(made.data, made.len);
        any = (struct wb_xrce_any){.id = WB_XRCE_HEARTBEAT,
                                   .flags = 1,
                                   .of.heartbeat = {firsts[i], (uint16_t)(firsts[i] + 5), 0x80}};
        made = make(0x81, 0, 0, &any);
        to_client(made.data, made.len);
        to_proxy(made.data, made.len);
    }
    assert_int_equal(client.out.first, 8);
    assert_int_equal(client.in.expected, 8);
    settle();
    forget_logs();
    assert_ok(wb_xrce_client_write(&client, WRITER, WB_XRCE_STREAM_RELIABLE, "ok", 2, NULL));
    settle();
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy_log.of[0].len, 2);
}

/* FRAGMENTs without an end, inside one another, on streams where they do not belong. */
static void fragments_stay_within_their_buffer(void **state)
{
    (void)state;
    uint8_t part[400];
    memset(part, 0x0D, sizeof part);
    start();
    open_session();
    create_all();
    uint16_t seq = proxy.in.expected;
    for (int i = 0; i < 100; i++) {
        struct wb_xrce_any any = {.id = WB_XRCE_FRAGMENT,
                                  .flags = i == 99 ? 3 : 1,
                                  .of.raw = {.payload = part, .len = sizeof part}};
        struct made made = make(0x81, 0x80, seq++, &any);
        to_proxy(made.data, made.len);
        to_client(made.data, made.len);
    }
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy_log.of[0].kind, WB_XRCE_PROXY_DROPPED);
    /* a fragment that holds a fragment is not taken apart again */
    const uint8_t inner[] = {WB_XRCE_FRAGMENT, 3, 4, 0, 1, 2, 3, 4};
    struct wb_xrce_any any = {
        .id = WB_XRCE_FRAGMENT, .flags = 3, .of.raw = {.payload = inner, .len = sizeof inner}};
    struct made made = make(0x81, 0x80, seq++, &any);
    to_proxy(made.data, made.len);
    made = make(0x81, 0x01, 0, &any);
    to_proxy(made.data, made.len);
    made = make(0x81, 0x00, 0, &any);
    to_proxy(made.data, made.len);
    assert_int_equal(proxy_log.count, 1);
}

/* A flood of creations and deletions in one message: every answer finds room or the message waits.
 */
static void answers_never_overflow_the_stream(void **state)
{
    (void)state;
    struct wb_xrce_client_cfg c = client_cfg();
    struct wb_xrce_proxy_cfg p = proxy_cfg();
    p.memory.out_slots = 2;
    p.memory.out_len = 2 * SLOT;
    start_with(&c, &p);
    open_session();
    uint16_t seq = 0;
    for (int i = 0; i < 20; i++) {
        struct made made = {.len = 4, .data = {0x81, 0x80, (uint8_t)seq, 0}};
        struct wb_xrce_any any = {.id = WB_XRCE_DELETE, .flags = 1, .of.request = {1, READER}};
        while (made.len + 8 <= MESSAGE) {
            assert_ok(wb_xrce_encode_any(&any, made.data, sizeof made.data, &made.len));
        }
        to_proxy(made.data, made.len);
        seq = proxy.in.expected;
    }
    assert_int_equal(seq, 1); /* the rest waits until the answers are acknowledged */
    assert_int_equal(proxy.answers_dropped, 0);
    assert_true(proxy.messages_dropped >= 19);
}

static uint32_t dice_state;

static uint32_t dice(void)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return dice_state >> 8;
}

/* Real messages with wrong bytes, to both ends, in a running session. */
static void turned_and_cut_messages_do_no_harm(void **state)
{
    (void)state;
    static uint8_t sample[1200];
    for (dice_state = 1; dice_state <= 60; dice_state++) {
        uint32_t seed = dice_state;
        start();
        open_session();
        create_all();
        for (int round = 0; round < 60; round++) {
            uint8_t message[MESSAGE];
            client_log.count = 0;
            proxy_log.count = 0;
            (void)!wb_xrce_client_write(&client, WRITER, dice() % 2 ? 0x80 : 1, sample,
                                        dice() % sizeof sample, NULL);
            (void)!wb_xrce_client_read(&client, READER, dice() % 2 ? 0x80 : 1, NULL, NULL);
            (void)!wb_xrce_proxy_deliver(&proxy, now, READER, sample, dice() % sizeof sample);
            wb_xrce_client_ping(&client, now);
            wb_xrce_client_sync(&client, now);
            for (int direction = 0; direction < 2; direction++) {
                size_t len;
                int patience = 40;
                while (patience-- > 0 &&
                       (len = direction == 0
                                  ? wb_xrce_client_emit(&client, now, message, sizeof message)
                                  : wb_xrce_proxy_emit(&proxy, now, message, sizeof message)) > 0) {
                    for (uint32_t n = dice() % 4; n > 0; n--) {
                        message[dice() % len] = (uint8_t)dice();
                    }
                    len = dice() % 4 == 0 ? dice() % (len + 1) : len;
                    uint8_t *exact = malloc(len + 1);
                    assert_non_null(exact);
                    memcpy(exact + 1, message, len);
                    client_log.count = 0;
                    proxy_log.count = 0;
                    if (direction == 0) {
                        to_proxy(exact + 1, len);
                    } else {
                        to_client(exact + 1, len);
                    }
                    free(exact);
                }
            }
            now += 250;
            tick();
            drain_client();
        }
        dice_state = seed;
    }
}

static void unknown_and_reset_submessages_are_skipped(void **state)
{
    (void)state;
    start();
    open_session();
    create_all();
    uint8_t message[64] = {0x81, 0x01, 0, 0,    0xF0, 1, 2,    0,    9,  9, 0, 0, WB_XRCE_RESET,
                           1,    0,    0, 0x7F, 0,    0, 0, /* unknown, big-endian, empty */
                           7,    1,    5, 0,    0,    9, 0x00, 0x15, 'x'};
    to_proxy(message, 29);
    assert_int_equal(proxy_log.count, 1);
    assert_int_equal(proxy_log.of[0].kind, WB_XRCE_PROXY_WRITE);
    assert_int_equal(proxy_log.of[0].len, 1);
    message[22] = 6; /* one byte more than there is */
    message[2] = 1;
    to_proxy(message, 29);
    assert_int_equal(proxy_log.count, 1);
}

static void best_effort_is_never_doubled_or_late(void **state)
{
    (void)state;
    static const struct {
        uint16_t seq;
        bool taken;
    } cases[] = {{0, true}, {0, false},     {1, true},       {5, true},  {4, false},
                 {6, true}, {0x8005, true}, {0x8005, false}, {7, false}, {0x8006, true}};
    start();
    open_session();
    create_all();
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_xrce_any any = {
            .id = WB_XRCE_WRITE_DATA,
            .flags = 1,
            .of.data = {.base = {1, WRITER}, .data = (const uint8_t *)"x", .len = 1}};
        struct made made = make(0x81, 1, cases[i].seq, &any);
        proxy_log.count = 0;
        to_proxy(made.data, made.len);
        assert_int_equal(proxy_log.count, cases[i].taken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_endian_clients_are_understood),
        cmocka_unit_test(bad_creations_are_answered),
        cmocka_unit_test(messages_of_other_sessions_change_nothing),
        cmocka_unit_test(acknacks_and_heartbeats_of_nonsense_change_nothing),
        cmocka_unit_test(fragments_stay_within_their_buffer),
        cmocka_unit_test(answers_never_overflow_the_stream),
        cmocka_unit_test(turned_and_cut_messages_do_no_harm),
        cmocka_unit_test(unknown_and_reset_submessages_are_skipped),
        cmocka_unit_test(best_effort_is_never_doubled_or_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
