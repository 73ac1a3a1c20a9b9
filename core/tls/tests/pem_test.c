/* SPDX-License-Identifier: AGPL-3.0-only */
/* PEM and PKCS#8: what was written is read, what is malformed is named. */
#include "wb_pem.h"
#include "wb_test.h"

static void blocks_of_any_length_read_back(void **state)
{
    (void)state;
    uint8_t der[200], back[200];
    char text[400], label[WB_PEM_LABEL_MAX + 1];
    for (size_t len = 1; len <= sizeof der; len++) {
        size_t text_len, back_len;
        for (size_t i = 0; i < len; i++) {
            der[i] = (uint8_t)(i * 37 + len);
        }
        assert_ok(wb_pem_write("A LABEL", der, len, text, sizeof text, &text_len));
        assert_int_equal(text_len, wb_pem_len("A LABEL", len));
        struct wb_pem pem;
        wb_pem_init(&pem, text, text_len);
        assert_ok(wb_pem_next(&pem, label, back, len, &back_len));
        assert_string_equal(label, "A LABEL");
        assert_int_equal(back_len, len);
        assert_memory_equal(back, der, len);
        assert_err(WB_ERR_NOT_FOUND, wb_pem_next(&pem, label, back, sizeof back, &back_len));
        wb_pem_init(&pem, text, text_len);
        assert_err(WB_ERR_SPACE, wb_pem_next(&pem, label, back, len - 1, &back_len));
        assert_err(WB_ERR_SPACE, wb_pem_next(&pem, label, back, len, &back_len)); /* sticky */
        assert_err(WB_ERR_SPACE, wb_pem_write("A LABEL", der, len, text, text_len - 1, &back_len));
    }
}

static void lines_may_end_and_be_wrapped_otherwise(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "-----BEGIN X-----\nAQIDBA==\n-----END X-----\n",
        "-----BEGIN X-----\r\nAQIDBA==\r\n-----END X-----\r\n",
        "-----BEGIN X-----\nAQ\nID\nBA\n==\n-----END X-----",
        "some words\n\n-----BEGIN X-----\nAQIDBA==  \n\n-----END X-----\ntail\n",
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(texts); i++) {
        uint8_t der[8];
        size_t len;
        assert_ok(wb_pem_find(texts[i], strlen(texts[i]), "X", der, sizeof der, &len, NULL));
        assert_int_equal(len, 4);
        assert_memory_equal(der, "\1\2\3\4", 4);
    }
}

static void malformed_blocks_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        enum wb_err err;
        uint32_t line;
    } cases[] = {
        {"", "no block", WB_ERR_NOT_FOUND, 0},
        {"hello\n", "no block", WB_ERR_NOT_FOUND, 1},
        {"-----BEGIN X-----\nAQID\n", "END line is missing", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nAQID\n-----END Y-----\n", "does not match", WB_ERR_FORMAT, 3},
        {"-----BEGIN X-----\nAQID\n-----END X---\n", "does not match", WB_ERR_FORMAT, 3},
        {"-----BEGIN X---\nAQID\n-----END X-----\n", "malformed BEGIN", WB_ERR_FORMAT, 1},
        {"-----BEGIN -----\nAQID\n-----END -----\n", "malformed BEGIN", WB_ERR_FORMAT, 1},
        {"-----BEGIN X-----\nAQI\n-----END X-----\n", "cut short", WB_ERR_FORMAT, 3},
        {"-----BEGIN X-----\nA===\n-----END X-----\n", "padding", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nAR==\n-----END X-----\n", "padding", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nAQ=D\n-----END X-----\n", "after the padding", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nAQ==AQID\n-----END X-----\n", "after the padding", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nAQ ID\n-----END X-----\n", "not base64", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nAQ-_\n-----END X-----\n", "not base64", WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END X-----\n", "not base64",
         WB_ERR_FORMAT, 2},
        {"-----BEGIN X-----\n-----END X-----\n", "empty", WB_ERR_FORMAT, 2},
        {"-----BEGIN Y-----\nAQID\n-----END Y-----\n", "none of the wanted", WB_ERR_TYPE, 3},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        uint8_t der[16];
        size_t len;
        struct wb_fault fault = {0};
        assert_err(cases[i].err, wb_pem_find(cases[i].text, strlen(cases[i].text), "X", der,
                                             sizeof der, &len, &fault));
        assert_non_null(strstr(fault.what, cases[i].what));
        assert_int_equal(fault.where[1], cases[i].line);
    }
}

static void key_file_reads_back(void **state)
{
    (void)state;
    static const char text[] = /* RFC 8410 §10.3 */
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        "-----END PRIVATE KEY-----\n";
    uint8_t der[64], key[32], again[WB_PKCS8_ED25519_LEN];
    size_t len;
    assert_ok(wb_pem_find(text, sizeof text - 1, WB_PEM_PRIVATE_KEY, der, sizeof der, &len, NULL));
    assert_ok(wb_pkcs8_read_ed25519(der, len, key, NULL));
    assert_int_equal(key[0], 0xd4);
    assert_int_equal(key[31], 0x42);
    wb_pkcs8_write_ed25519(key, again);
    assert_int_equal(len, sizeof again);
    assert_memory_equal(again, der, len);
}

static void key_with_attributes_and_public_key_is_read(void **state)
{
    (void)state;
    static const char text[] = /* RFC 8410 §10.3, second form */
        "-----BEGIN PRIVATE KEY-----\n"
        "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
        "Z9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        "-----END PRIVATE KEY-----\n";
    uint8_t der[128], key[32];
    size_t len;
    assert_ok(wb_pem_find(text, sizeof text - 1, WB_PEM_PRIVATE_KEY, der, sizeof der, &len, NULL));
    assert_ok(wb_pkcs8_read_ed25519(der, len, key, NULL));
    assert_int_equal(key[0], 0xd4);
}

static void every_damaged_key_is_refused(void **state)
{
    (void)state;
    uint8_t key[32] = {1, 2, 3}, der[WB_PKCS8_ED25519_LEN], out[32];
    wb_pkcs8_write_ed25519(key, der);
    for (size_t i = 0; i < sizeof der; i++) {
        uint8_t *copy = malloc(i + 1);
        assert_non_null(copy);
        memcpy(copy, der, i);
        assert_int_not_equal(wb_pkcs8_read_ed25519(copy, i, out, NULL), WB_OK);
        free(copy);
        if (i < 16 && i != 4) { /* i == 4 is the version, of which two exist */
            struct wb_fault fault = {0};
            der[i] ^= 0x40;
            assert_int_not_equal(wb_pkcs8_read_ed25519(der, sizeof der, out, &fault), WB_OK);
            assert_true(strlen(fault.what) > 0);
            der[i] ^= 0x40;
        }
    }
    der[4] = 2;
    assert_err(WB_ERR_FORMAT, wb_pkcs8_read_ed25519(der, sizeof der, out, NULL));
    der[4] = 0;
    der[11] = 0x71; /* Ed448 */
    struct wb_fault fault = {0};
    assert_err(WB_ERR_UNSUPPORTED, wb_pkcs8_read_ed25519(der, sizeof der, out, &fault));
    assert_non_null(strstr(fault.hint, "ed25519"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_any_length_read_back),
        cmocka_unit_test(lines_may_end_and_be_wrapped_otherwise),
        cmocka_unit_test(malformed_blocks_are_named),
        cmocka_unit_test(key_file_reads_back),
        cmocka_unit_test(key_with_attributes_and_public_key_is_read),
        cmocka_unit_test(every_damaged_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
