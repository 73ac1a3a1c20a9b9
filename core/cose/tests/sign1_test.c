/* SPDX-License-Identifier: AGPL-3.0-only */
/* COSE_Sign1 against the COSE working group's example, against the structure of RFC 9052 §4.4 built
 * by hand, and against everything that is not quite a message. */
#include "wb_test.h"

#include "wb_cose.h"
#include "wb_crypto.h"

/* Key "11" of the COSE working group's examples, which is RFC 8032's first. */
static const uint8_t private_key[32] = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
static uint8_t public_key[32];
static const char content[] = "This is the content.";
#define CONTENT_LEN 20u

static size_t from_hex(uint8_t *out, size_t cap, const char *text)
{
    size_t len = strlen(text) / 2;
    assert_true(len <= cap);
    for (size_t i = 0; i < len; i++) {
        unsigned value;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
    return len;
}

static int setup(void **state)
{
    (void)state;
    wb_ed25519_public_key(public_key, private_key);
    return 0;
}

/* ---- what is accepted --------------------------------------------------------------------- */

/* cose-wg/Examples, eddsa-examples/eddsa-sig-01: content type protected, key id not. */
static const char working_group_example[] =
    "d28445a201270300a10442313154546869732069732074686520636f6e74656e742e5840"
    "7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb87"
    "11497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d";

static void verifies_the_working_groups_example(void **state)
{
    (void)state;
    uint8_t message[128];
    const uint8_t *payload = NULL, *kid = NULL;
    size_t payload_len = 0, kid_len = 0;
    size_t len = from_hex(message, sizeof message, working_group_example);
    assert_ok(
        wb_cose_sign1_verify(message, len, public_key, NULL, 0, NULL, 0, &payload, &payload_len));
    assert_int_equal(payload_len, CONTENT_LEN);
    assert_memory_equal(payload, content, CONTENT_LEN);
    assert_ok(wb_cose_sign1_kid(message, len, &kid, &kid_len));
    assert_int_equal(kid_len, 2);
    assert_memory_equal(kid, "11", 2);
    /* untagged */
    assert_ok(wb_cose_sign1_verify(message + 1, len - 1, public_key, NULL, 0, NULL, 0, NULL, NULL));
}

static void writes_what_rfc_9052_says(void **state)
{
    (void)state;
    static const char to_be_signed[] = "\x84\x6aSignature1\x43\xa1\x01\x27\x45outer\x54"
                                       "This is the content.";
    uint8_t message[128], signature[64];
    size_t len = 0;
    wb_ed25519_sign(signature, private_key, public_key, to_be_signed, sizeof to_be_signed - 1);
    assert_ok(wb_cose_sign1_write(message, sizeof message, &len, private_key, public_key, content,
                                  CONTENT_LEN, "outer", 5, false));
    assert_int_equal(len, 8 + CONTENT_LEN + 2 + 64);
    assert_memory_equal(message, "\xd2\x84\x43\xa1\x01\x27\xa0\x54This is the content.\x58\x40",
                        30);
    assert_memory_equal(message + 30, signature, 64);

    assert_ok(wb_cose_sign1_write(message, sizeof message, &len, private_key, public_key, content,
                                  CONTENT_LEN, "outer", 5, true));
    assert_memory_equal(message, "\xd2\x84\x43\xa1\x01\x27\xa0\xf6\x58\x40", 10);
    assert_memory_equal(message + 10, signature, 64);
    assert_int_equal(len, 74);
}

static void round_trips_with_any_lengths(void **state)
{
    (void)state;
    static uint8_t payload[70000],
        message[70000 + WB_COSE_SIGN1_OVERHEAD_MAX + WB_COSE_KID_MAX + 4];
    static const size_t lens[] = {0, 1, 23, 24, 255, 256, 65535, 65536, sizeof payload};
    uint8_t kid[WB_COSE_KID_MAX];
    memset(kid, 'k', sizeof kid);
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 11);
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(lens); i++) {
        for (unsigned variant = 0; variant < 8; variant++) {
            const bool detached = (variant & 1) != 0;
            const size_t kid_len = (variant & 2) != 0 ? (i == 0 ? 1 : sizeof kid) : 0;
            const size_t aad_len = (variant & 4) != 0 ? 300 : 0;
            const uint8_t *found = NULL;
            size_t len = 0, found_len = 0;
            assert_ok(wb_cose_sign1_write_kid(message, sizeof message, &len, private_key,
                                              public_key, kid, kid_len, payload, lens[i], payload,
                                              aad_len, detached));
            if (kid_len == 0) {
                assert_true(len <= (detached ? 0 : lens[i]) + WB_COSE_SIGN1_OVERHEAD_MAX);
            }
            assert_ok(wb_cose_sign1_verify(message, len, public_key, detached ? payload : NULL,
                                           lens[i], payload, aad_len, &found, &found_len));
            assert_int_equal(found_len, lens[i]);
            assert_memory_equal(found, payload, lens[i]);
            enum wb_err err = wb_cose_sign1_kid(message, len, &found, &found_len);
            if (kid_len == 0) {
                assert_err(WB_ERR_NOT_FOUND, err);
            } else {
                assert_ok(err);
                assert_int_equal(found_len, kid_len);
                assert_memory_equal(found, kid, kid_len);
            }
        }
    }
}

/* ---- what is refused ---------------------------------------------------------------------- */

static void refuses_every_flipped_bit_and_every_prefix(void **state)
{
    (void)state;
    uint8_t message[200];
    for (unsigned detached = 0; detached < 2; detached++) {
        const char *given = detached ? content : NULL;
        size_t len = 0;
        assert_ok(wb_cose_sign1_write_kid(message, sizeof message, &len, private_key, public_key,
                                          "publisher", 9, content, CONTENT_LEN, "outer", 5,
                                          detached));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(wb_cose_sign1_verify(message, len, public_key, given, CONTENT_LEN, "outer",
                                             5, NULL, NULL) != WB_OK);
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t prefix = 0; prefix < len; prefix++) {
            uint8_t *copy = malloc(prefix + 1); /* its end is the sanitizer's */
            assert_non_null(copy);
            memcpy(copy, message, prefix);
            assert_true(wb_cose_sign1_verify(copy, prefix, public_key, given, CONTENT_LEN, "outer",
                                             5, NULL, NULL) != WB_OK);
            free(copy);
        }
        message[len] = 0;
        assert_err(WB_ERR_FORMAT, wb_cose_sign1_verify(message, len + 1, public_key, given,
                                                       CONTENT_LEN, "outer", 5, NULL, NULL));
    }
}

static void refuses_other_key_payload_and_external_data(void **state)
{
    (void)state;
    uint8_t message[128], other_key[32], other_private[32] = {1};
    const uint8_t *untouched = message;
    size_t len = 0;
    wb_ed25519_public_key(other_key, other_private);
    assert_ok(wb_cose_sign1_write(message, sizeof message, &len, private_key, public_key, content,
                                  CONTENT_LEN, "wasmbed/module/1", 16, true));
    const uint8_t *payload = untouched;
    assert_err(WB_ERR_SIGNATURE, wb_cose_sign1_verify(message, len, other_key, content, CONTENT_LEN,
                                                      "wasmbed/module/1", 16, &payload, NULL));
    assert_err(WB_ERR_SIGNATURE,
               wb_cose_sign1_verify(message, len, public_key, content, CONTENT_LEN - 1,
                                    "wasmbed/module/1", 16, &payload, NULL));
    assert_err(WB_ERR_SIGNATURE,
               wb_cose_sign1_verify(message, len, public_key, content, CONTENT_LEN,
                                    "wasmbed/firmware/", 16, &payload, NULL));
    assert_err(WB_ERR_SIGNATURE, wb_cose_sign1_verify(message, len, public_key, content,
                                                      CONTENT_LEN, NULL, 0, &payload, NULL));
    /* the border between external data and payload is signed, too */
    assert_err(WB_ERR_SIGNATURE,
               wb_cose_sign1_verify(message, len, public_key, "1This is the content.",
                                    CONTENT_LEN + 1, "wasmbed/module/", 15, &payload, NULL));
    assert_ptr_equal(payload, untouched);
}

static void refuses_payload_both_or_neither(void **state)
{
    (void)state;
    uint8_t message[128];
    size_t len = 0;
    assert_ok(wb_cose_sign1_write(message, sizeof message, &len, private_key, public_key, content,
                                  CONTENT_LEN, NULL, 0, false));
    assert_err(WB_ERR_STATE, wb_cose_sign1_verify(message, len, public_key, content, CONTENT_LEN,
                                                  NULL, 0, NULL, NULL));
    assert_ok(wb_cose_sign1_write(message, sizeof message, &len, private_key, public_key, content,
                                  CONTENT_LEN, NULL, 0, true));
    assert_err(WB_ERR_STATE,
               wb_cose_sign1_verify(message, len, public_key, NULL, 0, NULL, 0, NULL, NULL));
}

static void writes_nothing_beyond_the_buffer(void **state)
{
    (void)state;
    uint8_t message[128];
    size_t full = 0;
    assert_ok(wb_cose_sign1_write(message, sizeof message, &full, private_key, public_key, content,
                                  CONTENT_LEN, NULL, 0, false));
    for (size_t cap = 0; cap < full; cap++) {
        uint8_t *small = malloc(cap + 1);
        size_t len = 77;
        assert_non_null(small);
        small[cap] = 0xee;
        assert_err(WB_ERR_SPACE, wb_cose_sign1_write(small, cap, &len, private_key, public_key,
                                                     content, CONTENT_LEN, NULL, 0, false));
        assert_int_equal(len, 77);
        assert_int_equal(small[cap], 0xee);
        free(small);
    }
    uint8_t kid[WB_COSE_KID_MAX + 1] = {0};
    assert_err(WB_ERR_LIMIT,
               wb_cose_sign1_write_kid(message, sizeof message, &full, private_key, public_key, kid,
                                       sizeof kid, content, CONTENT_LEN, NULL, 0, true));
}

/* Messages whose signature is right for what they say, so that only the header decides. */
static enum wb_err verify_with_headers(const char *protected_hex, const char *unprotected_hex)
{
    uint8_t message[200] = {0x84}, protected_header[64], structure[128], signature[64];
    size_t protected_len = from_hex(protected_header, sizeof protected_header, protected_hex);
    assert_true(protected_len < 24);
    size_t len = 1;
    message[len++] = (uint8_t)(0x40 + protected_len);
    memcpy(message + len, protected_header, protected_len);
    len += protected_len;
    len += from_hex(message + len, sizeof message - len, unprotected_hex);
    memcpy(message + len, "\x42hi\x58\x40", 5);
    len += 5;

    size_t at = 0;
    memcpy(structure, "\x84\x6aSignature1", 12);
    at = 12;
    structure[at++] = (uint8_t)(0x40 + protected_len);
    memcpy(structure + at, protected_header, protected_len);
    at += protected_len;
    memcpy(structure + at, "\x40\x42hi", 4);
    at += 4;
    wb_ed25519_sign(signature, private_key, public_key, structure, at);
    memcpy(message + len, signature, 64);
    return wb_cose_sign1_verify(message, len + 64, public_key, NULL, 0, NULL, 0, NULL, NULL);
}

static void headers_decide(void **state)
{
    (void)state;
    assert_ok(verify_with_headers("a10127", "a0"));
    assert_ok(verify_with_headers("a201270300", "a104413a"));
    assert_ok(verify_with_headers("a2012761780a", "a2187801617982f600")); /* unknown labels */

    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("a10126", "a0")); /* ES256 */
    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("a1010a", "a0")); /* a positive one */
    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("a101654564445341", "a0")); /* "EdDSA" */
    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("a0", "a0"));
    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("", "a0"));
    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("a20127028103", "a0")); /* crit */
    assert_err(WB_ERR_UNSUPPORTED, verify_with_headers("a10127", "a1028103"));
    assert_err(WB_ERR_FORMAT, verify_with_headers("a10127", "a10127")); /* unprotected algorithm */
    assert_err(WB_ERR_FORMAT, verify_with_headers("a0", "a10127"));
    assert_err(WB_ERR_FORMAT, verify_with_headers("a201270126", "a0"));         /* twice */
    assert_err(WB_ERR_FORMAT, verify_with_headers("a203000127", "a0"));         /* descending */
    assert_err(WB_ERR_FORMAT, verify_with_headers("a20127044131", "a1044132")); /* two key ids */
    assert_err(WB_ERR_TYPE, verify_with_headers("a201270463313131", "a0"));     /* key id as text */
    assert_err(WB_ERR_FORMAT, verify_with_headers("a2012740f6", "a0")); /* label a byte string */
    assert_err(WB_ERR_FORMAT, verify_with_headers("a1012700", "a0"));   /* bytes left over */
    assert_err(WB_ERR_FORMAT, verify_with_headers("a1013807", "a0"));   /* -8 in two bytes */
    assert_err(WB_ERR_FORMAT, verify_with_headers("bf0127ff", "a0"));   /* indefinite */
    assert_err(WB_ERR_END, verify_with_headers("a20127", "a0"));
    assert_err(WB_ERR_TYPE, verify_with_headers("820127", "a0"));
    assert_err(WB_ERR_TYPE, verify_with_headers("a10127", "80"));
}

static void refuses_other_structures(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum wb_err err;
    } cases[] = {
        {"", WB_ERR_END},
        {"d2", WB_ERR_END},
        {"d28443a10127a0f6", WB_ERR_END},
        {"d18443a10127a0f65800", WB_ERR_TYPE},      /* tag 17: COSE_Mac0 */
        {"d2d28443a10127a0f65800", WB_ERR_TYPE},    /* tagged twice */
        {"8343a10127a0f6", WB_ERR_FORMAT},          /* three parts */
        {"8543a10127a0f6f6f6", WB_ERR_LIMIT},       /* five */
        {"84a10127a0f640", WB_ERR_TYPE},            /* protected header not in a byte string */
        {"8443a10127a0f640", WB_ERR_VALUE},         /* signature of no bytes */
        {"8443a10127a063616263f6", WB_ERR_TYPE},    /* payload a text */
        {"8443a10127a0f6f6", WB_ERR_TYPE},          /* no signature */
        {"9f43a10127a0f640ff", WB_ERR_FORMAT},      /* indefinite */
        {"845bffffffffffffffffa0f640", WB_ERR_END}, /* a length that lies */
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        uint8_t message[64];
        size_t len = from_hex(message, sizeof message, cases[i].hex);
        enum wb_err err = wb_cose_sign1_verify(message, len, public_key, content, CONTENT_LEN, NULL,
                                               0, NULL, NULL);
        if (err != cases[i].err) {
            fail_msg("%s: %s, expected %s", cases[i].hex, wb_err_str(err),
                     wb_err_str(cases[i].err));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_the_working_groups_example),
        cmocka_unit_test(writes_what_rfc_9052_says),
        cmocka_unit_test(round_trips_with_any_lengths),
        cmocka_unit_test(refuses_every_flipped_bit_and_every_prefix),
        cmocka_unit_test(refuses_other_key_payload_and_external_data),
        cmocka_unit_test(refuses_payload_both_or_neither),
        cmocka_unit_test(writes_nothing_beyond_the_buffer),
        cmocka_unit_test(headers_decide),
        cmocka_unit_test(refuses_other_structures),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
