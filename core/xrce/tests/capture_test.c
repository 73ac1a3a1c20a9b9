/* SPDX-License-Identifier: AGPL-3.0-only */
/* Every message of the reference client and agent: decoded completely, encoded again. The encoding
 * must be the same byte for byte, but for padding; a byte counts as padding only when turning it
 * round changes nothing of what is decoded. */
#include "captures.h"
#include "wb_xrce_stream.h"

static size_t reencode(const uint8_t *message, size_t len, uint8_t *out, size_t cap)
{
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_sub sub;
    struct wb_xrce_any any;
    enum wb_err err;
    assert_ok(wb_xrce_walk_message(&walk, message, len, &head));
    size_t out_len = wb_xrce_head_encode(&head, out);
    while ((err = wb_xrce_walk_next(&walk, &sub)) == WB_OK) {
        assert_ok(wb_xrce_decode_any(&sub, &any));
        assert_ok(wb_xrce_encode_any(&any, out, cap, &out_len));
    }
    assert_err(WB_ERR_NOT_FOUND, err);
    return out_len;
}

static void check_message(const struct captured *message)
{
    uint8_t first[2048];
    uint8_t second[2048];
    uint8_t turned[2048];
    size_t len = reencode(message->data, message->len, first, sizeof first);
    assert_true(len <= message->len && message->len - len < 4);
    for (size_t i = 0; i < len; i++) {
        if (first[i] == message->data[i]) {
            continue;
        }
        memcpy(turned, message->data, message->len);
        turned[i] ^= 0xFF;
        assert_int_equal(reencode(turned, message->len, second, sizeof second), len);
        assert_memory_equal(first, second, len);
    }
}

static size_t describe_again(const struct wb_xrce_entity *entity, uint8_t *out, size_t cap)
{
    struct wb_xrce_description description;
    struct wb_cdr_writer w;
    assert_ok(wb_xrce_describe(entity, &description));
    wb_cdr_writer_init(&w, out, cap, entity->is_big);
    wb_xrce_encode_description(&w, &description);
    assert_ok(w.err);
    return w.len;
}

static void check_description(const struct wb_xrce_entity *entity)
{
    uint8_t first[1024];
    uint8_t second[1024];
    uint8_t turned[1024];
    size_t len = describe_again(entity, first, sizeof first);
    assert_int_equal(len, entity->bin_len);
    for (size_t i = 0; i < len; i++) {
        if (first[i] == entity->bin[i]) {
            continue;
        }
        memcpy(turned, entity->bin, len);
        turned[i] ^= 0xFF;
        struct wb_xrce_entity other = *entity;
        other.bin = turned;
        assert_int_equal(describe_again(&other, second, sizeof second), len);
        assert_memory_equal(first, second, len);
    }
}

/* Checks all messages loaded; returns how many creations there were. */
static int check_all(void)
{
    int creations = 0;
    for (size_t i = 0; i < captured_count; i++) {
        check_message(&captured[i]);
        struct wb_xrce_walk walk;
        struct wb_xrce_head head;
        struct wb_xrce_sub sub;
        struct wb_xrce_create create;
        assert_ok(wb_xrce_walk_message(&walk, captured[i].data, captured[i].len, &head));
        while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
            if (sub.id != WB_XRCE_CREATE) {
                continue;
            }
            creations++;
            assert_ok(wb_xrce_decode_create(&sub, &create));
            assert_int_equal(WB_XRCE_ID_KIND(create.base.object), create.entity.kind);
            if (create.entity.representation == WB_XRCE_BIN) {
                check_description(&create.entity);
            }
        }
    }
    return creations;
}

static void assert_text(struct wb_cdr_str text, const char *expected)
{
    assert_non_null(text.at);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.at, expected, text.len);
}

/* The description of the n-th CREATE of this kind. */
static struct wb_xrce_create find_creation(uint8_t kind, int n,
                                           struct wb_xrce_description *description)
{
    for (size_t i = 0; i < captured_count; i++) {
        struct wb_xrce_walk walk;
        struct wb_xrce_head head;
        struct wb_xrce_sub sub;
        struct wb_xrce_create create;
        assert_ok(wb_xrce_walk_message(&walk, captured[i].data, captured[i].len, &head));
        while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
            if (sub.id == WB_XRCE_CREATE) {
                assert_ok(wb_xrce_decode_create(&sub, &create));
                if (create.entity.kind == kind && n-- == 0) {
                    assert_ok(wb_xrce_describe(&create.entity, description));
                    return create;
                }
            }
        }
    }
    fail();
    return (struct wb_xrce_create){0};
}

static void udp_session_decodes_and_encodes_identically(void **state)
{
    (void)state;
    capture_load_pcap("udp-bin.pcap");
    assert_int_equal(check_all(), 8);
    struct wb_xrce_description d;
    struct wb_xrce_create create = find_creation(WB_XRCE_PARTICIPANT, 0, &d);
    assert_true(create.reuse && create.replace);
    assert_text(d.name, "xrce_probe");
    assert_int_equal(create.entity.domain, 0);
    create = find_creation(WB_XRCE_TOPIC, 0, &d);
    assert_text(d.name, "rt/chatter");
    assert_text(d.type, "std_msgs::msg::dds_::String_");
    assert_int_equal(create.entity.parent, 0x0011);
    (void)find_creation(WB_XRCE_DATAWRITER, 0, &d);
    assert_int_equal(d.topic, 0x0012);
    assert_int_equal(d.qos.flags, WB_XRCE_QOS_RELIABLE | WB_XRCE_QOS_KEEP_LAST);
    assert_true(d.qos.has_depth);
    assert_int_equal(d.qos.depth, 10);
    (void)find_creation(WB_XRCE_REPLIER, 0, &d);
    assert_text(d.name, "/add_two_ints");
    assert_text(d.request_topic, "rq/add_two_intsRequest");
    assert_text(d.reply_topic, "rr/add_two_intsReply");
    assert_text(d.type, "example_interfaces::srv::dds_::AddTwoInts_Request_");
    assert_text(d.reply_type, "example_interfaces::srv::dds_::AddTwoInts_Response_");
}

static void px4_session_decodes_and_encodes_identically(void **state)
{
    (void)state;
    capture_load_pcap("udp-px4.pcap");
    assert_true(check_all() >= 7);
    struct wb_xrce_description d;
    struct wb_xrce_create create = find_creation(WB_XRCE_PARTICIPANT, 0, &d);
    assert_int_equal(create.entity.representation, WB_XRCE_XML);
    assert_text(d.name, "/px4_micro_xrce_dds");
    (void)find_creation(WB_XRCE_TOPIC, 0, &d);
    assert_text(d.name, "rt/fmu/out/vehicle_status");
    assert_text(d.type, "px4_msgs::msg::dds_::VehicleStatus_");
    (void)find_creation(WB_XRCE_DATAWRITER, 0, &d);
    assert_int_equal(d.qos.flags, WB_XRCE_QOS_KEEP_LAST | WB_XRCE_QOS_TRANSIENT_LOCAL);
    assert_false(d.qos.has_depth);
    (void)find_creation(WB_XRCE_DATAREADER, 0, &d);
    assert_int_equal(d.qos.depth, 2);
}

/* The bytes of one direction, put together: a record is what one read gave, of any split. */
static size_t serial_line(size_t file_len, uint8_t direction, uint8_t *line)
{
    struct wb_reader r;
    size_t len = 0;
    wb_reader_init(&r, capture_file, file_len);
    while (wb_reader_left(&r) > 0) {
        uint8_t record_direction = wb_read_u8(&r);
        uint16_t record_len = wb_read_le16(&r);
        const uint8_t *record = wb_read_bytes(&r, record_len);
        assert_non_null(record);
        if (record_direction == direction) {
            memcpy(line + len, record, record_len);
            len += record_len;
        }
    }
    return len;
}

static void serial_frames_decode_and_encode_identically(void **state)
{
    (void)state;
    static uint8_t line[8192];
    size_t file_len = capture_read_file("serial-bin.ser");
    captured_count = 0;
    for (uint8_t direction = 0; direction < 2; direction++) { /* 0: from client 1 to agent 0 */
        size_t line_len = serial_line(file_len, direction, line);
        struct wb_xrce_serial serial;
        uint8_t buf[512];
        wb_xrce_serial_init(&serial, buf, sizeof buf);
        for (size_t at = 0, used; at < line_len; at += used) {
            const uint8_t *message;
            size_t message_len, again_len;
            uint8_t source, destination;
            uint8_t again[WB_XRCE_SERIAL_LEN_MAX(512)];
            wb_xrce_serial_feed(&serial, line + at, line_len - at, &used, &message, &message_len,
                                &source, &destination);
            assert_non_null(message);
            assert_int_equal(source, 1 - direction);
            assert_int_equal(destination, direction);
            assert_ok(wb_xrce_serial_encode(source, destination, message, message_len, again,
                                            sizeof again, &again_len));
            assert_int_equal(again_len, used);
            assert_memory_equal(again, line + at, used);
            capture_add(direction == 1, message, message_len);
        }
        assert_int_equal(serial.frames_damaged, 0);
    }
    assert_int_equal(check_all(), 8);
}

/* Every beginning of every message: an error or fewer submessages, never a read beyond. The bytes
 * lie at the end of an allocation so that the sanitizer sees it. */
static void every_truncation_is_refused_or_shorter(void **state)
{
    (void)state;
    static const char *const names[] = {"udp-bin.pcap", "udp-px4.pcap"};
    for (size_t n = 0; n < 2; n++) {
        capture_load_pcap(names[n]);
        for (size_t i = 0; i < captured_count; i++) {
            for (size_t len = 0; len < captured[i].len; len++) {
                uint8_t *copy = malloc(len + 1);
                assert_non_null(copy);
                memcpy(copy + 1, captured[i].data, len);
                struct wb_xrce_walk walk;
                struct wb_xrce_head head;
                struct wb_xrce_sub sub;
                if (wb_xrce_walk_message(&walk, copy + 1, len, &head) == WB_OK) {
                    while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
                        struct wb_xrce_any any;
                        assert_ok(wb_xrce_decode_any(&sub, &any));
                    }
                }
                free(copy);
            }
        }
    }
}

/* Every beginning of every payload and description is an error: nothing in them may be absent. */
static void every_shorter_payload_is_refused(void **state)
{
    (void)state;
    capture_load_pcap("udp-bin.pcap");
    for (size_t i = 0; i < captured_count; i++) {
        struct wb_xrce_walk walk;
        struct wb_xrce_head head;
        struct wb_xrce_sub sub;
        struct wb_xrce_any any;
        assert_ok(wb_xrce_walk_message(&walk, captured[i].data, captured[i].len, &head));
        while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
            bool is_open = sub.id == WB_XRCE_WRITE_DATA || sub.id == WB_XRCE_DATA;
            uint16_t whole = is_open ? 4 : sub.len;
            for (uint16_t len = 0; len < whole && sub.id != WB_XRCE_FRAGMENT; len++) {
                struct wb_xrce_sub cut = sub;
                cut.len = len;
                assert_err(WB_ERR_END, wb_xrce_decode_any(&cut, &any));
            }
            if (sub.id != WB_XRCE_CREATE) {
                continue;
            }
            struct wb_xrce_create create;
            struct wb_xrce_description d;
            assert_ok(wb_xrce_decode_create(&sub, &create));
            whole = (uint16_t)create.entity.bin_len;
            for (uint16_t len = 0; len < whole; len++) {
                create.entity.bin_len = len;
                assert_err(WB_ERR_END, wb_xrce_describe(&create.entity, &d));
            }
        }
    }
}

/* The 1,500 byte sample that crossed in four fragments each way. */
static void fragments_join_to_the_sample(void **state)
{
    (void)state;
    capture_load_pcap("udp-bin.pcap");
    for (int from_agent = 0; from_agent < 2; from_agent++) {
        uint8_t assembly[2048];
        struct wb_xrce_in in;
        wb_xrce_in_init(
            &in, &(struct wb_xrce_memory){.assembly = assembly, .assembly_len = sizeof assembly});
        int joined = 0;
        for (size_t i = 0; i < captured_count; i++) {
            struct wb_xrce_walk walk;
            struct wb_xrce_head head;
            struct wb_xrce_sub sub;
            assert_ok(wb_xrce_walk_message(&walk, captured[i].data, captured[i].len, &head));
            while (captured[i].from_agent == (from_agent != 0) &&
                   wb_xrce_walk_next(&walk, &sub) == WB_OK) {
                bool is_whole;
                if (sub.id != WB_XRCE_FRAGMENT) {
                    continue;
                }
                assert_ok(wb_xrce_in_fragment(&in, &sub, &is_whole));
                if (!is_whole) {
                    continue;
                }
                struct wb_xrce_data data;
                wb_xrce_walk_subs(&walk, in.assembly, in.assembly_len);
                assert_ok(wb_xrce_walk_next(&walk, &sub));
                assert_int_equal(sub.id, from_agent ? WB_XRCE_DATA : WB_XRCE_WRITE_DATA);
                assert_ok(wb_xrce_decode_data(&sub, &data));
                assert_int_equal(data.len, 1500);
                joined++;
            }
        }
        assert_int_equal(joined, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_session_decodes_and_encodes_identically),
        cmocka_unit_test(px4_session_decodes_and_encodes_identically),
        cmocka_unit_test(serial_frames_decode_and_encode_identically),
        cmocka_unit_test(every_truncation_is_refused_or_shorter),
        cmocka_unit_test(every_shorter_payload_is_refused),
        cmocka_unit_test(fragments_join_to_the_sample),
    };
    if (!capture_available()) {
        return WB_TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
