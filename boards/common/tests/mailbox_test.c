/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "wb_mailbox.h"

static struct wb_mailbox_decoder decoder;
static struct wb_mailbox_request request;
static const uint8_t *text;
static size_t text_len;

static size_t build(uint8_t *out, enum wb_mailbox_op op, uint8_t seq, uint32_t addr,
                    const void *payload, uint16_t len)
{
    wb_mailbox_head(out, op, seq, len, addr);
    if (len > 0) {
        memcpy(out + WB_MAILBOX_HEAD_LEN, payload, len);
    }
    uint32_t crc = wb_crc32(0, out + 1, WB_MAILBOX_HEAD_LEN - 1u + len);
    for (int i = 0; i < 4; i++) {
        out[WB_MAILBOX_HEAD_LEN + len + i] = (uint8_t)(crc >> (8 * i));
    }
    return (size_t)WB_MAILBOX_HEAD_LEN + len + WB_MAILBOX_CRC_LEN;
}

static int setup(void **state)
{
    (void)state;
    wb_mailbox_decoder_init(&decoder);
    return 0;
}

static enum wb_mailbox_got next(const uint8_t *data, size_t len, size_t *used)
{
    return wb_mailbox_next(&decoder, data, len, used, &text, &text_len, &request);
}

static void request_between_text_is_found_at_every_split(void **state)
{
    (void)state;
    uint8_t stream[256] = "before\n";
    size_t len = 7;
    len += build(stream + len, WB_MAILBOX_PROGRAM, 9, 0x1234, "\x01pay\x01load", 9);
    memcpy(stream + len, "after", 5);
    len += 5;
    for (size_t split = 0; split <= len; split++) {
        char got[32] = "";
        int requests = 0;
        wb_mailbox_decoder_init(&decoder);
        for (int part = 0; part < 2; part++) {
            const uint8_t *from = part == 0 ? stream : stream + split;
            size_t part_len = part == 0 ? split : len - split;
            size_t used = 0;
            enum wb_mailbox_got what;
            while ((what = next(from, part_len, &used)) != WB_MAILBOX_NOTHING) {
                if (what == WB_MAILBOX_TEXT) {
                    strncat(got, (const char *)text, text_len);
                } else {
                    requests++;
                    assert_string_equal(got, "before\n");
                    assert_int_equal(request.op, WB_MAILBOX_PROGRAM);
                    assert_int_equal(request.seq, 9);
                    assert_int_equal(request.addr, 0x1234);
                    assert_int_equal(request.len, 9);
                    assert_memory_equal(request.payload, "\x01pay\x01load", 9);
                }
            }
            assert_int_equal(used, part_len);
        }
        assert_int_equal(requests, 1);
        assert_string_equal(got, "before\nafter");
        assert_int_equal(decoder.damaged, 0);
    }
}

static void request_with_any_bit_damaged_is_dropped(void **state)
{
    (void)state;
    uint8_t good[64];
    size_t len = build(good, WB_MAILBOX_ERASE, 1, 4096, NULL, 0);
    for (size_t bit = 8; bit < len * 8; bit++) {
        uint8_t bad[64];
        size_t used = 0;
        memcpy(bad, good, len);
        bad[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        wb_mailbox_decoder_init(&decoder);
        enum wb_mailbox_got what;
        while ((what = next(bad, len, &used)) != WB_MAILBOX_NOTHING) {
            assert_int_equal(what, WB_MAILBOX_TEXT);
        }
    }
}

static void longest_payload_is_taken_and_one_more_is_not(void **state)
{
    (void)state;
    static uint8_t stream[WB_MAILBOX_PAYLOAD_MAX + 64];
    static uint8_t payload[WB_MAILBOX_PAYLOAD_MAX + 1];
    size_t used = 0;
    size_t len = build(stream, WB_MAILBOX_PROGRAM, 1, 0, payload, WB_MAILBOX_PAYLOAD_MAX);
    assert_int_equal(next(stream, len, &used), WB_MAILBOX_REQUEST);
    used = 0;
    len = build(stream, WB_MAILBOX_PROGRAM, 1, 0, payload, WB_MAILBOX_PAYLOAD_MAX + 1);
    assert_int_not_equal(next(stream, len, &used), WB_MAILBOX_REQUEST);
    assert_int_equal(decoder.damaged, 1);
}

static void decoder_finds_the_next_request_after_a_damaged_one(void **state)
{
    (void)state;
    uint8_t stream[64];
    size_t used = 0;
    size_t len = build(stream, WB_MAILBOX_ERASE, 1, 0, NULL, 0);
    stream[len - 1] ^= 1;
    len += build(stream + len, WB_MAILBOX_ERASE, 2, 0, NULL, 0);
    assert_int_equal(next(stream, len, &used), WB_MAILBOX_REQUEST);
    assert_int_equal(request.seq, 2);
    assert_int_equal(decoder.damaged, 1);
}

static void reply_is_read_back_and_refused_with_any_bit_damaged(void **state)
{
    (void)state;
    uint8_t reply[WB_MAILBOX_REPLY_LEN];
    uint8_t seq;
    uint8_t status;
    wb_mailbox_reply(reply, 200, WB_MAILBOX_REFUSED_BITS);
    assert_true(wb_mailbox_reply_read(reply, &seq, &status));
    assert_int_equal(seq, 200);
    assert_int_equal(status, WB_MAILBOX_REFUSED_BITS);
    for (size_t bit = 0; bit < sizeof reply * 8; bit++) {
        reply[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(wb_mailbox_reply_read(reply, &seq, &status));
        reply[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(request_between_text_is_found_at_every_split, setup),
        cmocka_unit_test_setup(request_with_any_bit_damaged_is_dropped, setup),
        cmocka_unit_test_setup(longest_payload_is_taken_and_one_more_is_not, setup),
        cmocka_unit_test_setup(decoder_finds_the_next_request_after_a_damaged_one, setup),
        cmocka_unit_test(reply_is_read_back_and_refused_with_any_bit_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
