/* SPDX-License-Identifier: AGPL-3.0-only */
/* The captured sessions against our own ends: the reference client's messages played to our agent,
 * whose answers must be the reference agent's; and our client led through the same script, whose
 * messages must be the reference client's. Compared are the messages of each stream in order, byte
 * for byte but for padding; ACKNACK, HEARTBEAT and clock readings depend on time and are left out.
 */
#include "captures.h"
#include "pair.h"

struct message {
    size_t len;
    uint8_t data[MESSAGE];
};

struct messages {
    size_t count;
    struct message of[256];
};

static struct messages expected[3]; /* streams none, best effort, reliable */
static struct messages got[3];

/* Decoded and encoded again, so that padding is zero. Empty when it is left out. */
static size_t normalise(const uint8_t *data, size_t len, uint8_t *out, size_t *stream)
{
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_sub sub;
    struct wb_xrce_any any;
    assert_ok(wb_xrce_walk_message(&walk, data, len, &head));
    *stream = head.stream == 0 ? 0 : head.stream < WB_XRCE_STREAM_RELIABLE ? 1 : 2;
    size_t out_len = wb_xrce_head_encode(&head, out);
    while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
        assert_ok(wb_xrce_decode_any(&sub, &any));
        if (sub.id == WB_XRCE_ACKNACK || sub.id == WB_XRCE_HEARTBEAT) {
            return 0;
        }
        if (sub.id == WB_XRCE_TIMESTAMP) {
            any.of.timestamp = (struct wb_xrce_timestamp){0};
        } else if (sub.id == WB_XRCE_TIMESTAMP_REPLY) {
            any.of.timestamp_reply.transmit = (struct wb_xrce_time){0};
            any.of.timestamp_reply.receive = (struct wb_xrce_time){0};
        } else if (sub.id == WB_XRCE_CREATE && any.of.create.entity.bin_len > 0) {
            uint8_t body[MESSAGE];
            struct wb_xrce_description d;
            struct wb_cdr_writer w;
            assert_ok(wb_xrce_describe(&any.of.create.entity, &d));
            wb_cdr_writer_init(&w, body, sizeof body, any.of.create.entity.is_big);
            wb_xrce_encode_description(&w, &d);
            assert_ok(w.err);
            any.of.create.entity.bin = body;
            assert_ok(wb_xrce_encode_any(&any, out, MESSAGE, &out_len));
            continue;
        }
        assert_ok(wb_xrce_encode_any(&any, out, MESSAGE, &out_len));
    }
    return out_len;
}

static void collect(struct messages messages[3], const uint8_t *data, size_t len)
{
    struct message message;
    size_t stream;
    message.len = normalise(data, len, message.data, &stream);
    if (message.len > 0) {
        assert_true(messages[stream].count < 256);
        messages[stream].of[messages[stream].count++] = message;
    }
}

static void compare(void)
{
    for (size_t stream = 0; stream < 3; stream++) {
        for (size_t i = 0; i < got[stream].count && i < expected[stream].count; i++) {
            const struct message *a = &got[stream].of[i];
            const struct message *b = &expected[stream].of[i];
            if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0) {
                print_message("stream %zu message %zu\n", stream, i);
            }
            assert_int_equal(a->len, b->len);
            assert_memory_equal(a->data, b->data, a->len);
        }
        assert_int_equal(got[stream].count, expected[stream].count);
    }
}

static void load(const char *name, bool from_agent)
{
    memset(expected, 0, sizeof expected);
    memset(got, 0, sizeof got);
    capture_load_pcap(name);
    for (size_t i = 0; i < captured_count; i++) {
        if (captured[i].from_agent == from_agent) {
            collect(expected, captured[i].data, captured[i].len);
        }
    }
}

/* ---- our agent ---------------------------------------------------------------------------- */

/* The identity that the reference agent put in front of the service request. */
static const uint8_t *captured_identity(void)
{
    for (size_t i = 0; i < captured_count; i++) {
        const uint8_t *data = captured[i].data;
        if (captured[i].from_agent && data[4] == WB_XRCE_DATA && data[11] == 0x18) {
            return data + 12;
        }
    }
    fail();
    return NULL;
}

static void collect_answers(void)
{
    uint8_t message[MESSAGE];
    size_t len;
    while ((len = wb_xrce_proxy_emit(&proxy, now, message, sizeof message)) > 0) {
        collect(got, message, len);
    }
}

/* Plays DDS: the writer's samples come back to the reader, requests to the replier, replies to the
 * requester. */
static void serve(const struct wb_xrce_proxy_event *event, uint16_t *asked)
{
    uint8_t buf[2048];
    const struct wb_xrce_data *data = &event->of.data;
    switch (event->kind) {
    case WB_XRCE_PROXY_CREATE:
        wb_xrce_proxy_answer(&proxy, event->request, event->object, WB_XRCE_OK);
        break;
    case WB_XRCE_PROXY_DELETE:
        if (!event->is_implied) {
            wb_xrce_proxy_answer(&proxy, event->request, event->object, WB_XRCE_OK);
        }
        break;
    case WB_XRCE_PROXY_WRITE:
        if (event->object == 0x0015) {
            assert_ok(wb_xrce_proxy_deliver(&proxy, now, 0x0016, data->data, data->len));
        } else if (event->object == 0x0017) {
            memcpy(buf, captured_identity(), WB_XRCE_SAMPLE_IDENTITY_LEN);
            memcpy(buf + WB_XRCE_SAMPLE_IDENTITY_LEN, data->data, data->len);
            *asked = event->request;
            assert_ok(wb_xrce_proxy_deliver(&proxy, now, 0x0018, buf,
                                            WB_XRCE_SAMPLE_IDENTITY_LEN + data->len));
        } else if (event->object == 0x0018) {
            size_t len = data->len - WB_XRCE_SAMPLE_IDENTITY_LEN;
            buf[0] = (uint8_t)(*asked >> 8);
            buf[1] = (uint8_t)*asked;
            buf[2] = 0x00;
            buf[3] = 0x17;
            memcpy(buf + 4, data->data + WB_XRCE_SAMPLE_IDENTITY_LEN, len);
            assert_ok(wb_xrce_proxy_deliver(&proxy, now, 0x0017, buf, 4 + len));
        }
        break;
    case WB_XRCE_PROXY_CONNECTED:
    case WB_XRCE_PROXY_DISCONNECTED:
    case WB_XRCE_PROXY_READ: break;
    case WB_XRCE_PROXY_DROPPED: fail(); break;
    }
}

static void agent_answers_as_the_reference(const char *name)
{
    uint16_t asked = 0;
    load(name, true);
    start();
    for (size_t i = 0; i < captured_count; i++) {
        struct wb_xrce_proxy_event event;
        if (captured[i].from_agent) {
            continue;
        }
        now += 10;
        wb_xrce_proxy_feed(&proxy, now, captured[i].data, captured[i].len);
        while (wb_xrce_proxy_next(&proxy, &event)) {
            serve(&event, &asked);
            collect_answers();
        }
        collect_answers();
    }
    assert_int_equal(proxy.messages_dropped, 0);
    assert_int_equal(proxy.answers_dropped, 0);
    compare();
}

static void agent_answers_the_bin_session_as_the_reference(void **state)
{
    (void)state;
    agent_answers_as_the_reference("udp-bin.pcap");
    assert_false(proxy.is_connected);
}

static void agent_answers_the_px4_session_as_the_reference(void **state)
{
    (void)state;
    agent_answers_as_the_reference("udp-px4.pcap");
}

/* ---- our client --------------------------------------------------------------------------- */

static void flush(void)
{
    uint8_t message[MESSAGE];
    size_t len;
    for (bool is_busy = true; is_busy;) {
        is_busy = false;
        while ((len = wb_xrce_client_emit(&client, now, message, sizeof message)) > 0) {
            is_busy = true;
            collect(got, message, len);
            wb_xrce_proxy_feed(&proxy, now, message, len);
            drain_proxy();
        }
        while (carry_down(true) > 0) {
            is_busy = true;
        }
    }
}

static void add(uint16_t object, uint16_t parent, const struct wb_xrce_description *d)
{
    assert_ok(wb_xrce_client_create(&client, object, parent,
                                    WB_XRCE_FLAG_REUSE | WB_XRCE_FLAG_REPLACE, d, 0, NULL));
}

static void client_asks_as_the_reference(void **state)
{
    (void)state;
    const struct wb_xrce_delivery all = {.samples_max = WB_XRCE_SAMPLES_UNLIMITED};
    struct wb_xrce_description d;
    load("udp-bin.pcap", false);
    start();
    wb_xrce_client_ping(&client, now);
    flush();
    assert_ok(wb_xrce_client_open(&client, now));
    flush();
    wb_xrce_client_sync(&client, now);
    flush();

    d = describe(PARTICIPANT);
    d.name = WB_CDR_STR("xrce_probe");
    add(0x0011, 0, &d);
    d = describe(TOPIC);
    add(0x0012, 0x0011, &d);
    d = (struct wb_xrce_description){.kind = WB_XRCE_PUBLISHER};
    add(0x0013, 0x0011, &d);
    d = describe(WRITER);
    d.topic = 0x0012;
    add(0x0015, 0x0013, &d);
    d = (struct wb_xrce_description){.kind = WB_XRCE_SUBSCRIBER};
    add(0x0014, 0x0011, &d);
    d = describe(READER);
    d.topic = 0x0012;
    add(0x0016, 0x0014, &d);
    flush();
    d = describe(REPLIER);
    add(0x0018, 0x0011, &d);
    d = describe(REQUESTER);
    add(0x0017, 0x0011, &d);
    flush();
    assert_ok(wb_xrce_client_read(&client, 0x0016, WB_XRCE_STREAM_RELIABLE, &all, NULL));
    assert_ok(wb_xrce_client_read(&client, 0x0018, WB_XRCE_STREAM_RELIABLE, &all, NULL));
    assert_ok(wb_xrce_client_read(&client, 0x0017, WB_XRCE_STREAM_RELIABLE, &all, NULL));
    flush();
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t hello[] = {8, 0, 0, 0, 'h', 'e', 'l', 'l', 'o', ' ', (uint8_t)('0' + i), 0};
        assert_ok(wb_xrce_client_write(&client, 0x0015,
                                       i < 2 ? WB_XRCE_STREAM_BEST_EFFORT : WB_XRCE_STREAM_RELIABLE,
                                       hello, sizeof hello, NULL));
        flush();
    }
    uint8_t big[1500] = {0xD8, 0x05};
    memset(big + 4, 'x', sizeof big - 5);
    assert_ok(
        wb_xrce_client_write(&client, 0x0015, WB_XRCE_STREAM_RELIABLE, big, sizeof big, NULL));
    flush();
    uint8_t call[16] = {40, [8] = 2};
    assert_ok(
        wb_xrce_client_write(&client, 0x0017, WB_XRCE_STREAM_RELIABLE, call, sizeof call, NULL));
    flush();
    wb_xrce_client_ping(&client, now);
    uint8_t reply[32];
    memcpy(reply, captured_identity(), WB_XRCE_SAMPLE_IDENTITY_LEN);
    memcpy(reply + WB_XRCE_SAMPLE_IDENTITY_LEN, "\x2a\0\0\0\0\0\0", 8);
    assert_ok(
        wb_xrce_client_write(&client, 0x0018, WB_XRCE_STREAM_RELIABLE, reply, sizeof reply, NULL));
    flush();
    assert_ok(wb_xrce_client_read(&client, 0x0016, WB_XRCE_STREAM_NONE,
                                  &(struct wb_xrce_delivery){0}, NULL));
    flush();
    assert_ok(wb_xrce_client_delete(&client, 0x0016, NULL));
    assert_ok(wb_xrce_client_delete(&client, 0x0015, NULL));
    assert_ok(wb_xrce_client_delete(&client, 0x0011, NULL));
    flush();
    wb_xrce_client_close(&client, now);
    flush();
    compare();
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_CLOSED);
}

/* The shape of PX4's uxrce_dds_client: participant by XML, REPLACE only, samples best effort. */
static void client_asks_as_px4(void **state)
{
    (void)state;
    const uint8_t replace = WB_XRCE_FLAG_REPLACE;
    const uint16_t participant = 0x0011;
    struct wb_xrce_description d;
    load("udp-px4.pcap", false);
    start();
    wb_xrce_client_ping(&client, now);
    flush();
    assert_ok(wb_xrce_client_open(&client, now));
    flush();
    wb_xrce_client_sync(&client, now);
    flush();
    assert_ok(wb_xrce_client_create_text(
        &client, participant, 0, replace, WB_XRCE_XML,
        WB_CDR_STR("<dds><participant><rtps><name>/px4_micro_xrce_dds</name></rtps></participant>"
                   "</dds>"),
        0, NULL));
    flush();
    d = (struct wb_xrce_description){.kind = WB_XRCE_TOPIC,
                                     .name = WB_CDR_STR("rt/fmu/out/vehicle_status"),
                                     .type = WB_CDR_STR("px4_msgs::msg::dds_::VehicleStatus_")};
    assert_ok(wb_xrce_client_create(&client, 0x0102, participant, replace, &d, 0, NULL));
    d = (struct wb_xrce_description){.kind = WB_XRCE_PUBLISHER};
    assert_ok(wb_xrce_client_create(&client, 0x0103, participant, replace, &d, 0, NULL));
    d = (struct wb_xrce_description){
        .kind = WB_XRCE_DATAWRITER,
        .topic = 0x0102,
        .qos = {.has_qos = true, .flags = WB_XRCE_QOS_KEEP_LAST | WB_XRCE_QOS_TRANSIENT_LOCAL}};
    assert_ok(wb_xrce_client_create(&client, 0x0105, 0x0103, replace, &d, 0, NULL));
    flush();
    d = (struct wb_xrce_description){.kind = WB_XRCE_TOPIC,
                                     .name = WB_CDR_STR("rt/fmu/in/vehicle_command"),
                                     .type = WB_CDR_STR("px4_msgs::msg::dds_::VehicleCommand_")};
    assert_ok(wb_xrce_client_create(&client, 0x8002, participant, replace, &d, 0, NULL));
    d = (struct wb_xrce_description){.kind = WB_XRCE_SUBSCRIBER};
    assert_ok(wb_xrce_client_create(&client, 0x8004, participant, replace, &d, 0, NULL));
    d = (struct wb_xrce_description){
        .kind = WB_XRCE_DATAREADER,
        .topic = 0x8002,
        .qos = {.has_qos = true, .flags = WB_XRCE_QOS_KEEP_LAST, .has_depth = true, .depth = 2}};
    assert_ok(wb_xrce_client_create(&client, 0x8006, 0x8004, replace, &d, 0, NULL));
    flush();
    assert_ok(wb_xrce_client_read(
        &client, 0x8006, WB_XRCE_STREAM_BEST_EFFORT,
        &(struct wb_xrce_delivery){.samples_max = WB_XRCE_SAMPLES_UNLIMITED}, NULL));
    flush();
    for (int i = 0; i < 40; i++) {
        uint8_t sample[88] = {0};
        sample[0] = (uint8_t)(snprintf((char *)sample + 4, 20, "hello %d", i) + 1);
        assert_ok(wb_xrce_client_write(&client, 0x0105, WB_XRCE_STREAM_BEST_EFFORT, sample,
                                       sizeof sample, NULL));
        flush();
    }
    wb_xrce_client_ping(&client, now);
    flush();
    assert_ok(wb_xrce_client_read(&client, 0x8006, WB_XRCE_STREAM_NONE,
                                  &(struct wb_xrce_delivery){0}, NULL));
    flush();
    assert_ok(wb_xrce_client_delete(&client, 0x8006, NULL));
    assert_ok(wb_xrce_client_delete(&client, 0x0105, NULL));
    assert_ok(wb_xrce_client_delete(&client, participant, NULL));
    flush();
    wb_xrce_client_close(&client, now);
    flush();
    compare();
}

/* The reference agent's messages mean something to our client: nothing in them is dropped. */
static void client_understands_the_reference_agent(void **state)
{
    (void)state;
    int statuses = 0;
    int samples = 0;
    load("udp-bin.pcap", true);
    start();
    assert_ok(wb_xrce_client_open(&client, now));
    for (size_t i = 0; i < captured_count; i++) {
        struct wb_xrce_client_event event;
        if (!captured[i].from_agent) {
            continue;
        }
        if (captured[i].len == 14 && captured[i].data[10] == 0xFF) {
            wb_xrce_client_close(&client, now); /* the last STATUS answers it */
        }
        wb_xrce_client_feed(&client, now, captured[i].data, captured[i].len);
        while (wb_xrce_client_next(&client, &event)) {
            statuses += event.kind == WB_XRCE_CLIENT_GOT_STATUS;
            samples += event.kind == WB_XRCE_CLIENT_GOT_DATA;
        }
    }
    assert_int_equal(client.messages_dropped, 0);
    assert_int_equal(statuses, 11);
    assert_int_equal(samples, 7);
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_answers_the_bin_session_as_the_reference),
        cmocka_unit_test(agent_answers_the_px4_session_as_the_reference),
        cmocka_unit_test(client_asks_as_the_reference),
        cmocka_unit_test(client_asks_as_px4),
        cmocka_unit_test(client_understands_the_reference_agent),
    };
    if (!capture_available()) {
        return WB_TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
