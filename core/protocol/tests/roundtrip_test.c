/* SPDX-License-Identifier: AGPL-3.0-only */
/* Property: a message with random fields, encoded into a frame and cut out of the stream again,
 * decodes to the same fields; cut short it never decodes; with a byte changed it decodes to
 * something or is refused. */
#include "wb_protocol.h"
#include "wb_seed.h"
#include "wb_test.h"

static struct wb_random random_state;
static char texts[8][256];
static unsigned text_count;
static uint8_t list_bufs[2][2048];
static uint8_t digest[32];

static uint32_t below(uint32_t n)
{
    return wb_random_below(&random_state, n);
}

static uint64_t number(unsigned bits)
{
    uint64_t value = wb_random_next(&random_state) >> below(64);
    return bits == 64 ? value : value & UINT32_MAX;
}

static struct wb_cbor_text text(uint32_t min, uint32_t max)
{
    char *buf = texts[text_count++];
    uint32_t len = min + below(max - min + 1);
    for (uint32_t i = 0; i < len; i++) {
        buf[i] = (char)(' ' + below(95));
    }
    return (struct wb_cbor_text){buf, len};
}

static struct wb_cbor_text name(void)
{
    struct wb_cbor_text result = text(1, 63);
    for (size_t i = 0; i < result.len; i++) {
        texts[text_count - 1][i] = (char)('a' + below(26));
    }
    return result;
}

static struct wb_protocol_list text_list(uint8_t *buf, size_t cap)
{
    struct wb_protocol_list_writer writer;
    struct wb_protocol_list list;
    wb_protocol_list_init(&writer, buf, cap);
    for (uint32_t i = below(5); i > 0; i--) {
        wb_protocol_list_add_text(&writer, "an argument of some length", below(26));
    }
    assert_ok(wb_protocol_list_finish(&writer, &list));
    return list;
}

static struct wb_protocol_application application(void)
{
    return (struct wb_protocol_application){
        .name = name(),
        .digest = digest,
        .size = (uint32_t)number(32),
        .signature = {list_bufs[0], below(161)},
        .revision = number(64),
        .memory = (uint32_t)number(32),
        .fuel_per_s = number(64),
        .restart = below(3),
        .args = text_list(list_bufs[0], sizeof list_bufs[0]),
        .env = text_list(list_bufs[1], sizeof list_bufs[1]),
    };
}

static struct wb_protocol_message draw(void)
{
    static const enum wb_protocol_type types[] = {
        WB_PROTOCOL_HELLO,       WB_PROTOCOL_HEARTBEAT,   WB_PROTOCOL_APP_STATUS,
        WB_PROTOCOL_LOG,         WB_PROTOCOL_TRAP,        WB_PROTOCOL_FETCH,
        WB_PROTOCOL_PUBLISH,     WB_PROTOCOL_DESIRED_ACK, WB_PROTOCOL_SUBSCRIBE,
        WB_PROTOCOL_UNSUBSCRIBE, WB_PROTOCOL_WELCOME,     WB_PROTOCOL_DESIRED,
        WB_PROTOCOL_CHUNK,       WB_PROTOCOL_DATA,        WB_PROTOCOL_COMMAND,
    };
    struct wb_protocol_message m = {.type = types[below(WB_ARRAY_LEN(types))]};
    text_count = 0;
    switch (m.type) {
    case WB_PROTOCOL_HELLO:
        m.u.hello = (struct wb_protocol_hello){
            (uint32_t)number(32), text(1, 63),          text(0, 63),          text(0, 63),
            (uint32_t)number(32), (uint32_t)number(32), (uint32_t)number(32), (uint32_t)number(32),
            (uint32_t)number(32), number(64),           text(0, 127)};
        break;
    case WB_PROTOCOL_HEARTBEAT:
        m.u.heartbeat = (struct wb_protocol_heartbeat){
            number(64), (uint32_t)number(32), (uint32_t)number(32), (uint32_t)number(32),
            number(64), number(64),           (uint32_t)number(32), (uint32_t)number(32)};
        break;
    case WB_PROTOCOL_APP_STATUS:
        m.u.app_status = (struct wb_protocol_app_status){name(),
                                                         below(5),
                                                         digest,
                                                         (uint32_t)number(32),
                                                         text(0, 255),
                                                         (uint32_t)number(32),
                                                         number(64),
                                                         number(64),
                                                         below(2) ? digest : NULL};
        break;
    case WB_PROTOCOL_LOG:
        m.u.log = (struct wb_protocol_log){below(2) ? name() : text(0, 0), below(4), text(0, 255),
                                           number(64)};
        break;
    case WB_PROTOCOL_TRAP: {
        struct wb_protocol_list_writer writer;
        m.u.trap.app = name();
        m.u.trap.reason = text(0, 255);
        wb_protocol_list_init(&writer, list_bufs[0], sizeof list_bufs[0]);
        for (uint32_t i = below(WB_PROTOCOL_LIST_MAX + 1); i > 0; i--) {
            wb_protocol_list_add_place(&writer, (uint32_t)number(32), (uint32_t)number(32));
        }
        assert_ok(wb_protocol_list_finish(&writer, &m.u.trap.backtrace));
        break;
    }
    case WB_PROTOCOL_FETCH:
        m.u.fetch = (struct wb_protocol_fetch){digest, (uint32_t)number(32), (uint32_t)number(32)};
        break;
    case WB_PROTOCOL_PUBLISH:
    case WB_PROTOCOL_DATA:
        m.u.publish =
            (struct wb_protocol_publish){name(), text(1, 127), {list_bufs[1], below(700)}};
        break;
    case WB_PROTOCOL_DESIRED_ACK: m.u.desired_ack.generation = number(64); break;
    case WB_PROTOCOL_SUBSCRIBE:
    case WB_PROTOCOL_UNSUBSCRIBE:
        m.u.subscribe = (struct wb_protocol_subscribe){name(), text(1, 127)};
        break;
    case WB_PROTOCOL_WELCOME:
        m.u.welcome =
            (struct wb_protocol_welcome){number(64), (uint32_t)number(32), (uint32_t)number(32)};
        break;
    case WB_PROTOCOL_DESIRED:
        m.u.desired.generation = number(64);
        m.u.desired.count = below(4);
        if (m.u.desired.count > 0) {
            m.u.desired.index = below(m.u.desired.count);
            m.u.desired.app = application();
        }
        break;
    case WB_PROTOCOL_CHUNK:
        m.u.chunk = (struct wb_protocol_chunk){
            digest, (uint32_t)number(32), {list_bufs[0], below(2000)}, text(0, 255)};
        break;
    case WB_PROTOCOL_COMMAND:
        m.u.command = (struct wb_protocol_command){(uint32_t)number(32), text(0, 0)};
        break;
    }
    return m;
}

static void round_trip(const struct wb_protocol_message *message)
{
    static uint8_t frame[8192];
    static uint8_t again[8192];
    static uint8_t buf[8192];
    struct wb_protocol_message decoded;
    struct wb_protocol_frames frames;
    const uint8_t *data;
    size_t len;
    size_t used;
    assert_ok(wb_protocol_encode(message, 8000, frame, sizeof frame, &len));
    size_t split = below((uint32_t)len + 1);
    wb_protocol_frames_init(&frames, buf, sizeof buf);
    assert_ok(wb_protocol_frames_feed(&frames, frame, split, &used));
    assert_ok(wb_protocol_frames_feed(&frames, frame + split, len - split, &used));
    assert_true(wb_protocol_frames_message(&frames, &data, &used));
    assert_int_equal(used, len - WB_PROTOCOL_FRAME_HEAD);
    assert_ok(wb_protocol_decode(data, used, &decoded, NULL));
    assert_int_equal(decoded.type, message->type);
    size_t again_len;
    assert_ok(wb_protocol_encode(&decoded, 8000, again, sizeof again, &again_len));
    assert_int_equal(again_len, len);
    assert_memory_equal(again, frame, len);

    size_t cut = below((uint32_t)used);
    uint8_t *damaged = malloc(used); /* exact, for the sanitizer */
    memcpy(damaged, data, used);
    assert_true(wb_protocol_decode(damaged, cut, &decoded, NULL) != WB_OK);
    damaged[below((uint32_t)used)] ^= (uint8_t)(1 << below(8));
    enum wb_err err = wb_protocol_decode(damaged, used, &decoded, NULL);
    assert_true((unsigned)err < WB_ERR_COUNT);
    free(damaged);
}

static void run(uint64_t seed)
{
    random_state.state = seed;
    for (int i = 0; i < 3000; i++) {
        struct wb_protocol_message message = draw();
        round_trip(&message);
    }
}

static void messages_of_a_fixed_seed_come_back(void **state)
{
    (void)state;
    run(1);
}

static void messages_of_a_fresh_seed_come_back(void **state)
{
    (void)state;
    run(wb_seed("protocol roundtrip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_a_fixed_seed_come_back),
        cmocka_unit_test(messages_of_a_fresh_seed_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
