/* SPDX-License-Identifier: AGPL-3.0-only */
/* RFC 8949 appendix A: every example that deterministic encoding can produce is read, written again
 * to the same bytes, and skipped; those with indefinite lengths are refused. */
#include "wb_cbor.h"
#include "wb_test.h"

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return len;
}

/* Reads one item and writes the same; floats and other simple values are copied. */
static void copy_item(struct wb_cbor_reader *r, struct wb_writer *w)
{
    switch (wb_cbor_peek(r)) {
    case WB_CBOR_UINT: wb_cbor_write_uint(w, wb_cbor_read_uint(r, UINT64_MAX)); break;
    case WB_CBOR_NINT: wb_cbor_write_int(w, wb_cbor_read_int(r)); break;
    case WB_CBOR_BYTES: {
        struct wb_cbor_bytes bytes = wb_cbor_read_bytes(r, SIZE_MAX);
        wb_cbor_write_bytes(w, bytes.data, bytes.len);
        break;
    }
    case WB_CBOR_TEXT: {
        struct wb_cbor_text text = wb_cbor_read_text(r, SIZE_MAX);
        wb_cbor_write_text(w, text.data, text.len);
        break;
    }
    case WB_CBOR_ARRAY: {
        size_t count = wb_cbor_read_array(r, SIZE_MAX);
        wb_cbor_write_array(w, count);
        for (size_t i = 0; i < count; i++) {
            copy_item(r, w);
        }
        break;
    }
    case WB_CBOR_MAP: {
        size_t count = wb_cbor_read_map(r, SIZE_MAX);
        wb_cbor_write_map(w, count);
        for (size_t i = 0; i < 2 * count; i++) {
            copy_item(r, w);
        }
        break;
    }
    case WB_CBOR_TAG:
        wb_cbor_write_tag(w, wb_cbor_read_tag(r));
        copy_item(r, w);
        break;
    case WB_CBOR_BOOL: wb_cbor_write_bool(w, wb_cbor_read_bool(r)); break;
    case WB_CBOR_NULL:
        wb_cbor_read_null(r);
        wb_cbor_write_null(w);
        break;
    case WB_CBOR_SIMPLE:
    case WB_CBOR_FLOAT: {
        struct wb_cbor_bytes raw = wb_cbor_read_raw(r);
        wb_cbor_write_raw(w, raw.data, raw.len);
        break;
    }
    case WB_CBOR_NONE: fail_msg("input ended early"); break;
    }
}

static void rewrites_every_deterministic_example(void **state)
{
    (void)state;
    static const char *const examples[] = {
        "00",
        "01",
        "0a",
        "17",
        "1818",
        "1819",
        "1864",
        "1903e8",
        "1a000f4240",
        "1b000000e8d4a51000",
        "1bffffffffffffffff",
        "c249010000000000000000",
        "c349010000000000000000",
        "20",
        "29",
        "3863",
        "3903e7",
        "f90000",
        "f98000",
        "f93c00",
        "fb3ff199999999999a",
        "f93e00",
        "f97bff",
        "fa47c35000",
        "fa7f7fffff",
        "fb7e37e43c8800759c",
        "f90001",
        "f90400",
        "f9c400",
        "fbc010666666666666",
        "f97c00",
        "f97e00",
        "f9fc00",
        "f4",
        "f5",
        "f6",
        "f7",
        "f0",
        "f8ff",
        "c074323031332d30332d32315432303a30343a30305a",
        "c11a514b67b0",
        "c1fb41d452d9ec200000",
        "d74401020304",
        "d818456449455446",
        "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        "40",
        "4401020304",
        "60",
        "6161",
        "6449455446",
        "62225c",
        "62c3bc",
        "63e6b0b4",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "a0",
        "a201020304",
        "a26161016162820203",
        "826161a161626163",
        "a56161614161626142616361436164614461656145",
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(examples); i++) {
        uint8_t in[64];
        uint8_t out[64];
        size_t len = from_hex(examples[i], in);
        struct wb_cbor_reader r;
        struct wb_writer w;
        wb_cbor_reader_init(&r, in, len, NULL);
        wb_writer_init(&w, out, sizeof out);
        copy_item(&r, &w);
        assert_ok(wb_cbor_finish(&r));
        assert_ok(w.err);
        assert_int_equal(w.len, len);
        assert_memory_equal(in, out, len);

        wb_cbor_reader_init(&r, in, len, NULL);
        wb_cbor_skip(&r);
        assert_ok(wb_cbor_finish(&r));
        for (size_t cut = 0; cut < len; cut++) {
            wb_cbor_reader_init(&r, in, cut, NULL);
            wb_cbor_skip(&r);
            assert_err(WB_ERR_END, wb_cbor_finish(&r));
        }
    }
}

static void refuses_every_indefinite_example(void **state)
{
    (void)state;
    static const char *const examples[] = {
        "5f42010243030405ff",
        "7f657374726561646d696e67ff",
        "9fff",
        "9f018202039f0405ffff",
        "9f01820203820405ff",
        "83018202039f0405ff",
        "83019f0203ff820405",
        "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
        "bf61610161629f0203ffff",
        "826161bf61626163ff",
        "bf6346756ef563416d7421ff",
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(examples); i++) {
        uint8_t in[64];
        struct wb_cbor_reader r;
        struct wb_fault fault = {0};
        wb_cbor_reader_init(&r, in, from_hex(examples[i], in), &fault);
        wb_cbor_skip(&r);
        assert_err(WB_ERR_FORMAT, r.err);
        assert_string_equal(fault.what, "indefinite length");
    }
}

static void reads_the_numbers_that_the_examples_mean(void **state)
{
    (void)state;
    const uint8_t in[] = {0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                          0x39, 0x03, 0xe7, 0x1a, 0x00, 0x0f, 0x42, 0x40, 0x3b,
                          0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct wb_cbor_reader r;
    wb_cbor_reader_init(&r, in, sizeof in, NULL);
    assert_true(wb_cbor_read_uint(&r, UINT64_MAX) == UINT64_MAX);
    assert_int_equal(wb_cbor_read_int(&r), -1000);
    assert_int_equal(wb_cbor_read_int(&r), 1000000);
    assert_true(wb_cbor_read_int(&r) == INT64_MIN);
    assert_ok(wb_cbor_finish(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrites_every_deterministic_example),
        cmocka_unit_test(refuses_every_indefinite_example),
        cmocka_unit_test(reads_the_numbers_that_the_examples_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
