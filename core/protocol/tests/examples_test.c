/* SPDX-License-Identifier: AGPL-3.0-only */
/* One message of each kind as it stands on the wire, written by hand from docs/spec/protocol.cddl:
 * decoding gives these fields, encoding gives these bytes. Other implementations can be tried
 * against them. */
#include "wb_protocol.h"
#include "wb_test.h"

#define D32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" /* a digest */

static uint8_t frame[1024];
static size_t frame_len;
static struct wb_protocol_message message;

static void from_hex(const char *hex)
{
    frame_len = 0;
    for (; hex[0] != '\0'; hex += hex[0] == ' ' ? 1 : 2) {
        unsigned byte;
        if (hex[0] == ' ') {
            continue;
        }
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        frame[frame_len++] = (uint8_t)byte;
    }
}

/* Decodes the example into `message` and checks that it encodes to the same bytes. */
static void both_ways(const char *hex)
{
    static uint8_t again[1024];
    size_t len;
    from_hex(hex);
    assert_ok(wb_protocol_decode(frame, frame_len, &message, NULL));
    assert_ok(wb_protocol_encode(&message, 512, again, sizeof again, &len));
    assert_int_equal(len, frame_len + WB_PROTOCOL_FRAME_HEAD);
    assert_int_equal(again[0] << 8 | again[1], frame_len);
    assert_memory_equal(again + 2, frame, frame_len);
}

static void expect_text(struct wb_cbor_text text, const char *expected)
{
    assert_true(wb_protocol_text_equal(text, expected));
}

static void expect_digest(const uint8_t *digest)
{
    for (int i = 0; i < 32; i++) {
        assert_int_equal(digest[i], i);
    }
}

static void hello(void **state)
{
    (void)state;
    both_ways(
        "82 01 ab 01 01 02 68 6869666976652d31 03 65 302e312e30 04 6d 72697363762d68696669766531"
        "05 190200 06 01 07 02 08 191800 09 03 0a 07 0b 68 7761746368646f67");
    const struct wb_protocol_hello *m = &message.u.hello;
    assert_int_equal(message.type, WB_PROTOCOL_HELLO);
    assert_int_equal(m->version, 1);
    expect_text(m->device_id, "hifive-1");
    expect_text(m->firmware, "0.1.0");
    expect_text(m->device_type, "riscv-hifive1");
    assert_int_equal(m->frame_max, 512);
    assert_int_equal(m->abi, 1);
    assert_int_equal(m->app_slots, 2);
    assert_int_equal(m->arena_size, 6144);
    assert_int_equal(m->boots, 3);
    assert_int_equal(m->generation, 7);
    expect_text(m->reset_reason, "watchdog");
}

static void hello_without_the_optional(void **state)
{
    (void)state;
    both_ways("82 01 a9 01 01 02 61 61 03 60 04 60 05 190200 06 01 07 02 08 191800 09 00");
    assert_int_equal(message.u.hello.generation, 0);
    assert_int_equal(message.u.hello.reset_reason.len, 0);
}

static void heartbeat(void **state)
{
    (void)state;
    both_ways("82 03 a8 01 1b 0000000100000000 02 191000 03 192710 04 0c 05 1a 000f4240 06 18 64"
              "07 1a 00100000 08 194000");
    const struct wb_protocol_heartbeat *m = &message.u.heartbeat;
    assert_true(m->uptime_ms == (uint64_t)1 << 32);
    assert_int_equal(m->arena_free, 4096);
    assert_int_equal(m->ram_peak, 10000);
    assert_int_equal(m->cpu_permille, 12);
    assert_int_equal(m->bytes_in, 1000000);
    assert_int_equal(m->bytes_out, 100);
    assert_int_equal(m->flash_free, 1 << 20);
    assert_int_equal(m->ram_size, 16384);
}

static void app_status(void **state)
{
    (void)state;
    both_ways("82 04 a8 01 65 68656c6c6f 02 04 03 5820" D32
              "04 05 05 63 626164 06 190400 07 00 08 02");
    const struct wb_protocol_app_status *m = &message.u.app_status;
    expect_text(m->name, "hello");
    assert_int_equal(m->phase, WB_PROTOCOL_APP_FAILED);
    expect_digest(m->digest);
    assert_int_equal(m->restarts, 5);
    expect_text(m->message, "bad");
    assert_int_equal(m->memory, 1024);
    assert_int_equal(m->fuel, 0);
    assert_int_equal(m->revision, 2);
    assert_null(m->running);
    both_ways("82 04 a8 01 65 68656c6c6f 02 04 03 5820" D32
              "04 05 06 190400 07 00 08 02 09 5820" D32);
    expect_digest(m->running);
}

static void log_of_the_device_and_of_an_application(void **state)
{
    (void)state;
    both_ways("82 05 a3 02 01 03 62 6869 04 0a");
    assert_int_equal(message.u.log.app.len, 0);
    assert_int_equal(message.u.log.level, WB_PROTOCOL_LOG_WARNING);
    expect_text(message.u.log.text, "hi");
    assert_int_equal(message.u.log.uptime_ms, 10);
    both_ways("82 05 a4 01 61 61 02 01 03 60 04 0a");
    expect_text(message.u.log.app, "a");
}

static void trap(void **state)
{
    (void)state;
    both_ways("82 06 a3 01 61 61 02 6b 756e726561636861626c65 03 82 82 03 190100 82 00 05");
    struct wb_protocol_list list = message.u.trap.backtrace;
    uint32_t function;
    uint32_t offset;
    expect_text(message.u.trap.reason, "unreachable");
    assert_int_equal(list.count, 2);
    assert_true(wb_protocol_list_next_place(&list, &function, &offset));
    assert_int_equal(function, 3);
    assert_int_equal(offset, 256);
    assert_true(wb_protocol_list_next_place(&list, &function, &offset));
    assert_int_equal(function, 0);
    assert_int_equal(offset, 5);
    assert_false(wb_protocol_list_next_place(&list, &function, &offset));
    both_ways("82 06 a3 01 61 61 02 60 03 80");
    assert_int_equal(message.u.trap.backtrace.count, 0);
}

static void fetch(void **state)
{
    (void)state;
    both_ways("82 07 a3 01 5820" D32 "02 190400 03 1901c0");
    expect_digest(message.u.fetch.digest);
    assert_int_equal(message.u.fetch.offset, 1024);
    assert_int_equal(message.u.fetch.len, 448);
}

static void publish_and_data(void **state)
{
    (void)state;
    both_ways("82 08 a3 01 61 61 02 63 742f31 03 43 00ff10");
    assert_int_equal(message.type, WB_PROTOCOL_PUBLISH);
    expect_text(message.u.publish.topic, "t/1");
    assert_int_equal(message.u.publish.payload.len, 3);
    assert_memory_equal(message.u.publish.payload.data, "\x00\xff\x10", 3);
    both_ways("82 1824 a3 01 61 61 02 63 742f31 03 40");
    assert_int_equal(message.type, WB_PROTOCOL_DATA);
    assert_int_equal(message.u.publish.payload.len, 0);
}

static void subscribe_and_unsubscribe(void **state)
{
    (void)state;
    both_ways("82 0a a2 01 61 61 02 63 742f31");
    assert_int_equal(message.type, WB_PROTOCOL_SUBSCRIBE);
    expect_text(message.u.subscribe.app, "a");
    expect_text(message.u.subscribe.topic, "t/1");
    both_ways("82 0b a2 01 61 61 02 63 742f31");
    assert_int_equal(message.type, WB_PROTOCOL_UNSUBSCRIBE);
}

static void desired_ack(void **state)
{
    (void)state;
    both_ways("82 09 a1 01 1b ffffffffffffffff");
    assert_true(message.u.desired_ack.generation == UINT64_MAX);
}

static void welcome(void **state)
{
    (void)state;
    both_ways("82 1820 a3 01 1b 0000019ab9f2c000 02 192710 03 191000");
    assert_true(message.u.welcome.unix_ms == 0x19ab9f2c000);
    assert_int_equal(message.u.welcome.heartbeat_ms, 10000);
    assert_int_equal(message.u.welcome.frame_max, 4096);
}

static void desired_of_nothing(void **state)
{
    (void)state;
    both_ways("82 1822 a3 01 05 02 00 03 00");
    assert_int_equal(message.u.desired.generation, 5);
    assert_int_equal(message.u.desired.count, 0);
}

#define APP_MAP                                                                                    \
    "aa 01 65 68656c6c6f 02 5820" D32                                                              \
    "03 190800 04 43 d28440 05 03 06 191000 07 1a 000f4240 08 01"                                  \
    "09 82 65 68656c6c6f 62 2d76 0a 81 63 413d31"

static void desired_and_its_stored_application(void **state)
{
    (void)state;
    both_ways("82 1822 a4 01 05 02 01 03 02 04" APP_MAP);
    const struct wb_protocol_desired *m = &message.u.desired;
    assert_int_equal(m->index, 1);
    assert_int_equal(m->count, 2);
    struct wb_protocol_application app = m->app;
    uint8_t stored[512];
    size_t stored_len = app.raw.len;
    memcpy(stored, app.raw.data, stored_len);
    from_hex(APP_MAP);
    assert_int_equal(stored_len, frame_len);
    assert_memory_equal(stored, frame, frame_len);
    memset(frame, 0, sizeof frame); /* the message is gone, the flash remains */

    assert_ok(wb_protocol_application_decode(stored, stored_len, &app, NULL));
    expect_text(app.name, "hello");
    expect_digest(app.digest);
    assert_int_equal(app.size, 2048);
    assert_int_equal(app.signature.len, 3);
    assert_int_equal(app.revision, 3);
    assert_int_equal(app.memory, 4096);
    assert_int_equal(app.fuel_per_s, 1000000);
    assert_int_equal(app.restart, WB_PROTOCOL_RESTART_ON_FAILURE);
    struct wb_cbor_text text;
    assert_true(wb_protocol_list_next_text(&app.args, &text));
    expect_text(text, "hello");
    assert_true(wb_protocol_list_next_text(&app.args, &text));
    expect_text(text, "-v");
    assert_false(wb_protocol_list_next_text(&app.args, &text));
    assert_true(wb_protocol_list_next_text(&app.env, &text));
    expect_text(text, "A=1");
    assert_ptr_equal(app.raw.data, stored);
    assert_int_equal(app.raw.len, stored_len);
}

static void an_application_is_built_from_its_fields(void **state)
{
    (void)state;
    uint8_t args[64];
    uint8_t env[64];
    uint8_t buf[512];
    size_t len;
    struct wb_protocol_list_writer writer;
    static const uint8_t signature[] = {0xd2, 0x84, 0x40};
    uint8_t digest[32];
    for (uint8_t i = 0; i < 32; i++) {
        digest[i] = i;
    }
    struct wb_protocol_application app = {.name = wb_protocol_text("hello"),
                                          .digest = digest,
                                          .size = 2048,
                                          .signature = {signature, 3},
                                          .revision = 3,
                                          .memory = 4096,
                                          .fuel_per_s = 1000000,
                                          .restart = WB_PROTOCOL_RESTART_ON_FAILURE};
    wb_protocol_list_init(&writer, args, sizeof args);
    wb_protocol_list_add_text(&writer, "hello", 5);
    wb_protocol_list_add_text(&writer, "-v", 2);
    assert_ok(wb_protocol_list_finish(&writer, &app.args));
    wb_protocol_list_init(&writer, env, sizeof env);
    wb_protocol_list_add_text(&writer, "A=1", 3);
    assert_ok(wb_protocol_list_finish(&writer, &app.env));
    assert_ok(wb_protocol_application_encode(&app, buf, sizeof buf, &len));
    from_hex(APP_MAP);
    assert_int_equal(len, frame_len);
    assert_memory_equal(buf, frame, len);
    assert_err(WB_ERR_SPACE, wb_protocol_application_encode(&app, buf, len - 1, &len));
}

static void chunk_with_data_and_with_an_error(void **state)
{
    (void)state;
    both_ways("82 1823 a3 01 5820" D32 "02 190400 03 44 0061736d");
    expect_digest(message.u.chunk.digest);
    assert_int_equal(message.u.chunk.offset, 1024);
    assert_int_equal(message.u.chunk.data.len, 4);
    both_ways("82 1823 a3 01 5820" D32 "02 00 04 67 756e6b6e6f776e");
    assert_int_equal(message.u.chunk.data.len, 0);
    expect_text(message.u.chunk.error, "unknown");
}

static void command(void **state)
{
    (void)state;
    both_ways("82 1825 a2 01 03 02 65 68656c6c6f");
    assert_int_equal(message.u.command.action, WB_PROTOCOL_RESTART_APP);
    expect_text(message.u.command.app, "hello");
    both_ways("82 1825 a1 01 02");
    assert_int_equal(message.u.command.action, WB_PROTOCOL_IDENTIFY);
    both_ways("82 1825 a1 01 1863"); /* of a newer gateway */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello),
        cmocka_unit_test(hello_without_the_optional),
        cmocka_unit_test(heartbeat),
        cmocka_unit_test(app_status),
        cmocka_unit_test(log_of_the_device_and_of_an_application),
        cmocka_unit_test(trap),
        cmocka_unit_test(fetch),
        cmocka_unit_test(publish_and_data),
        cmocka_unit_test(subscribe_and_unsubscribe),
        cmocka_unit_test(desired_ack),
        cmocka_unit_test(welcome),
        cmocka_unit_test(desired_of_nothing),
        cmocka_unit_test(desired_and_its_stored_application),
        cmocka_unit_test(an_application_is_built_from_its_fields),
        cmocka_unit_test(chunk_with_data_and_with_an_error),
        cmocka_unit_test(command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
