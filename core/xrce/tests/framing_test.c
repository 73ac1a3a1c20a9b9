/* SPDX-License-Identifier: AGPL-3.0-only */
/* TCP and serial framings: any split, any noise, every damage. */
#include "wb_test.h"
#include "wb_xrce.h"

static uint8_t buf[64];

static void tcp_messages_survive_any_split(void **state)
{
    (void)state;
    static const uint8_t line[] = {3, 0, 'a', 'b', 'c', 1, 0, 'd', 62, 0};
    uint8_t stream[sizeof line + 62];
    memcpy(stream, line, sizeof line);
    memset(stream + sizeof line, 'e', 62);
    for (size_t split = 1; split <= sizeof stream; split++) {
        struct wb_xrce_tcp tcp;
        size_t lens[4];
        size_t count = 0;
        wb_xrce_tcp_init(&tcp, buf, sizeof buf);
        for (size_t at = 0; at < sizeof stream;) {
            size_t part = sizeof stream - at < split ? sizeof stream - at : split;
            size_t used, len;
            const uint8_t *message;
            assert_ok(wb_xrce_tcp_feed(&tcp, stream + at, part, &used, &message, &len));
            assert_true(used > 0 && used <= part);
            at += used;
            if (message != NULL) {
                assert_memory_equal(message,
                                    count == 0   ? "abc"
                                    : count == 1 ? "d"
                                                 : "eee",
                                    len < 3 ? len : 3);
                lens[count++] = len;
            }
        }
        assert_int_equal(count, 3);
        assert_int_equal(lens[0], 3);
        assert_int_equal(lens[1], 1);
        assert_int_equal(lens[2], 62);
    }
    uint8_t head[2];
    wb_xrce_tcp_head(head, 0x1234);
    assert_memory_equal(head, "\x34\x12", 2);
}

static void tcp_rejects_empty_and_oversize_for_good(void **state)
{
    (void)state;
    static const uint8_t cases[][2] = {{0, 0}, {63, 0}, {0xFF, 0xFF}, {0, 1}};
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct wb_xrce_tcp tcp;
        size_t used, len;
        const uint8_t *message;
        enum wb_err expected = i == 0 ? WB_ERR_FORMAT : WB_ERR_LIMIT;
        wb_xrce_tcp_init(&tcp, buf, sizeof buf);
        assert_err(expected, wb_xrce_tcp_feed(&tcp, cases[i], 2, &used, &message, &len));
        assert_err(expected, wb_xrce_tcp_feed(&tcp, "\1\0a", 3, &used, &message, &len));
        assert_null(message);
        assert_int_equal(used, 0);
    }
}

struct taken {
    int count;
    size_t len;
    uint8_t data[64];
    uint8_t source, destination;
};

static struct taken feed(struct wb_xrce_serial *serial, const uint8_t *data, size_t len,
                         size_t split)
{
    struct taken taken = {0};
    for (size_t at = 0; at < len;) {
        size_t part = len - at < split ? len - at : split;
        size_t used, message_len;
        const uint8_t *message;
        wb_xrce_serial_feed(serial, data + at, part, &used, &message, &message_len, &taken.source,
                            &taken.destination);
        assert_true(used > 0 && used <= part);
        at += used;
        if (message != NULL) {
            taken.count++;
            taken.len = message_len;
            memcpy(taken.data, message, message_len);
        }
    }
    return taken;
}

static const uint8_t message[] = {0x7E, 0x7D, 0x5E, 0x5D, 0, 0xFF, 0x20, 0x7E, 0x7E, 'x'};

static size_t make_frame(uint8_t *out, size_t cap)
{
    size_t len;
    assert_ok(wb_xrce_serial_encode(0x7E, 0x7D, message, sizeof message, out, cap, &len));
    return len;
}

static void serial_frames_survive_any_split_and_noise(void **state)
{
    (void)state;
    uint8_t line[128] = {'n', 'o', 'i', 's', 'e', 0x7D, 0x7E, 0x7E}; /* and idle flags */
    size_t len = 8 + make_frame(line + 8, sizeof line - 8);
    for (size_t split = 1; split <= len; split++) {
        struct wb_xrce_serial serial;
        wb_xrce_serial_init(&serial, buf, sizeof buf);
        struct taken taken = feed(&serial, line, len, split);
        assert_int_equal(taken.count, 1);
        assert_int_equal(taken.len, sizeof message);
        assert_memory_equal(taken.data, message, sizeof message);
        assert_int_equal(taken.source, 0x7E);
        assert_int_equal(taken.destination, 0x7D);
        assert_int_equal(serial.frames_damaged, 0);
    }
}

/* One bit anywhere in the checked part: never a message, and the next frame is whole. The length
 * and the addresses are not under the checksum; a wrong length fails it anyway. */
static void damaged_serial_frame_is_counted_and_skipped(void **state)
{
    (void)state;
    uint8_t frame[128];
    uint8_t line[256];
    size_t len = make_frame(frame, sizeof frame);
    for (size_t at = 5; at < len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct wb_xrce_serial serial;
            memcpy(line, frame, len);
            memcpy(line + len, frame, len);
            line[at] ^= (uint8_t)(1 << bit);
            wb_xrce_serial_init(&serial, buf, sizeof buf);
            struct taken taken = feed(&serial, line, 2 * len, 7);
            assert_true(taken.count >= 1 && serial.frames_damaged <= 2);
            if (taken.count == 2) {
                fail_msg("a frame with a wrong bit at %zu was taken", at);
            }
            assert_memory_equal(taken.data, message, sizeof message);
        }
    }
}

static void cut_serial_frame_does_not_eat_the_next(void **state)
{
    (void)state;
    uint8_t frame[128];
    uint8_t line[256];
    size_t len = make_frame(frame, sizeof frame);
    for (size_t cut = 0; cut < len; cut++) {
        struct wb_xrce_serial serial;
        memcpy(line, frame, cut);
        memcpy(line + cut, frame, len);
        wb_xrce_serial_init(&serial, buf, sizeof buf);
        struct taken taken = feed(&serial, line, cut + len, 3);
        assert_int_equal(taken.count, 1);
        assert_memory_equal(taken.data, message, sizeof message);
        assert_true(serial.frames_damaged <= 1);
    }
}

static void serial_rejects_oversize_and_empty(void **state)
{
    (void)state;
    uint8_t frame[128];
    uint8_t small[sizeof message];
    struct wb_xrce_serial serial;
    size_t len = make_frame(frame, sizeof frame);
    wb_xrce_serial_init(&serial, small, sizeof small);
    assert_int_equal(feed(&serial, frame, len, 100).count, 1);
    wb_xrce_serial_init(&serial, small, sizeof small - 1);
    assert_int_equal(feed(&serial, frame, len, 100).count, 0);
    assert_int_equal(serial.frames_damaged, 1);
    static const uint8_t empty[] = {0x7E, 1, 0, 0, 0, 0, 0};
    assert_int_equal(feed(&serial, empty, sizeof empty, 100).count, 0);
    assert_int_equal(serial.frames_damaged, 2);

    size_t out_len = 99;
    for (size_t cap = 0; cap < len; cap++) {
        assert_err(WB_ERR_SPACE, wb_xrce_serial_encode(0x7E, 0x7D, message, sizeof message, frame,
                                                       cap, &out_len));
    }
    assert_err(WB_ERR_LIMIT,
               wb_xrce_serial_encode(0, 0, message, 65536, frame, sizeof frame, &out_len));
    assert_int_equal(out_len, 99);
    assert_true(len <= WB_XRCE_SERIAL_LEN_MAX(sizeof message));
}

static void checksum_is_the_one_of_the_captures(void **state)
{
    (void)state;
    static const uint8_t ping[] = {0x80, 0, 0, 0, 2, 1, 8, 0, 0, 0x0A, 0xFF, 0xFD, 2, 0, 0, 0};
    assert_int_equal(wb_xrce_serial_crc(ping, sizeof ping), 0x12CF);
    assert_int_equal(wb_xrce_serial_crc("123456789", 9), 0xBB3D); /* CRC-16/ARC */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_messages_survive_any_split),
        cmocka_unit_test(tcp_rejects_empty_and_oversize_for_good),
        cmocka_unit_test(serial_frames_survive_any_split_and_noise),
        cmocka_unit_test(damaged_serial_frame_is_counted_and_skipped),
        cmocka_unit_test(cut_serial_frame_does_not_eat_the_next),
        cmocka_unit_test(serial_rejects_oversize_and_empty),
        cmocka_unit_test(checksum_is_the_one_of_the_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
