/* SPDX-License-Identifier: AGPL-3.0-only */
/* Project Wycheproof (C2SP/wycheproof, commit dac1dd4): ML-KEM-768. */
#include "wb_test.h"

#include "wb_crypto.h"
#include "wycheproof.h"

static struct wb_mlkem768_work work;

static bool is_valid(const char *result)
{
    return strcmp(result, "valid") == 0;
}

/* Lengths are types of ours, uint8_t[…]: a case that is about another one cannot be asked. */
static bool has_len(struct hex_field field, size_t len, const char *result, const char **reason)
{
    if (field.len == len) {
        return true;
    }
    assert_false(is_valid(result));
    *reason = "input of another length, which its type excludes";
    return false;
}

static enum case_outcome check_keygen(const json_t *group, const json_t *test, const char *result,
                                      const char **reason)
{
    (void)group;
    struct hex_field seed = hex_get(test, "seed"), public_key = hex_get(test, "ek");
    struct hex_field expanded = hex_get(test, "dk");
    uint8_t ours[WB_MLKEM768_PUBLIC_KEY_LEN], ciphertext[WB_MLKEM768_CIPHERTEXT_LEN];
    uint8_t secret[32], again[32], random[32] = {1};
    if (!has_len(seed, 64, result, reason)) {
        return CASE_NOT_APPLICABLE;
    }
    assert_int_equal(public_key.len, sizeof ours);
    assert_int_equal(expanded.len, WB_MLKEM768_EXPANDED_LEN);
    wb_mlkem768_public_key(ours, seed.data, &work);
    /* The long form of the private key is not written by us, but read: it opens what is sealed. */
    if (memcmp(ours, public_key.data, sizeof ours) != 0 ||
        wb_mlkem768_encaps(ciphertext, secret, ours, random, &work) != WB_OK ||
        wb_mlkem768_decaps_expanded(again, expanded.data, ciphertext, &work) != WB_OK) {
        return CASE_WRONG;
    }
    return memcmp(secret, again, 32) == 0 && is_valid(result) ? CASE_RIGHT : CASE_WRONG;
}

static enum case_outcome check_encaps(const json_t *group, const json_t *test, const char *result,
                                      const char **reason)
{
    (void)group;
    struct hex_field public_key = hex_get(test, "ek"), random = hex_get(test, "m");
    struct hex_field expected = hex_get(test, "c"), expected_secret = hex_get(test, "K");
    uint8_t ciphertext[WB_MLKEM768_CIPHERTEXT_LEN], secret[32];
    if (!has_len(public_key, WB_MLKEM768_PUBLIC_KEY_LEN, result, reason) ||
        !has_len(random, 32, result, reason)) {
        return CASE_NOT_APPLICABLE;
    }
    const enum wb_err err =
        wb_mlkem768_encaps(ciphertext, secret, public_key.data, random.data, &work);
    if (!is_valid(result)) {
        return err == WB_ERR_KEY ? CASE_RIGHT : CASE_WRONG;
    }
    return err == WB_OK && expected.len == sizeof ciphertext && expected_secret.len == 32 &&
                   memcmp(ciphertext, expected.data, sizeof ciphertext) == 0 &&
                   memcmp(secret, expected_secret.data, 32) == 0
               ? CASE_RIGHT
               : CASE_WRONG;
}

static enum case_outcome check_decaps(const json_t *group, const json_t *test, const char *result,
                                      const char **reason)
{
    (void)group;
    struct hex_field seed = hex_get(test, "seed"), ciphertext = hex_get(test, "c");
    struct hex_field expected = hex_get(test, "K");
    uint8_t public_key[WB_MLKEM768_PUBLIC_KEY_LEN], secret[32];
    if (!has_len(seed, 64, result, reason) ||
        !has_len(ciphertext, WB_MLKEM768_CIPHERTEXT_LEN, result, reason)) {
        return CASE_NOT_APPLICABLE;
    }
    if (json_object_get(test, "ek") != NULL) {
        struct hex_field expected_key = hex_get(test, "ek");
        wb_mlkem768_public_key(public_key, seed.data, &work);
        if (expected_key.len != sizeof public_key ||
            memcmp(public_key, expected_key.data, sizeof public_key) != 0) {
            return CASE_WRONG;
        }
    }
    wb_mlkem768_decaps(secret, seed.data, ciphertext.data, &work);
    return is_valid(result) && memcmp(secret, expected.data, 32) == 0 ? CASE_RIGHT : CASE_WRONG;
}

static enum case_outcome check_decaps_expanded(const json_t *group, const json_t *test,
                                               const char *result, const char **reason)
{
    (void)group;
    struct hex_field key = hex_get(test, "dk"), ciphertext = hex_get(test, "c");
    uint8_t secret[32];
    if (!has_len(key, WB_MLKEM768_EXPANDED_LEN, result, reason) ||
        !has_len(ciphertext, WB_MLKEM768_CIPHERTEXT_LEN, result, reason)) {
        return CASE_NOT_APPLICABLE;
    }
    const enum wb_err err = wb_mlkem768_decaps_expanded(secret, key.data, ciphertext.data, &work);
    if (!is_valid(result)) {
        return err == WB_ERR_KEY ? CASE_RIGHT : CASE_WRONG;
    }
    struct hex_field expected = hex_get(test, "K");
    return err == WB_OK && memcmp(secret, expected.data, 32) == 0 ? CASE_RIGHT : CASE_WRONG;
}

static void keygen(void **state)
{
    (void)state;
    run_file("mlkem_768_keygen_seed", check_keygen);
}

static void encaps(void **state)
{
    (void)state;
    run_file("mlkem_768_encaps", check_encaps);
}

static void decaps(void **state)
{
    (void)state;
    run_file("mlkem_768", check_decaps);
    run_file("mlkem_768_semi_expanded_decaps", check_decaps_expanded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keygen),
        cmocka_unit_test(encaps),
        cmocka_unit_test(decaps),
    };
    if (wycheproof_is_absent()) {
        return WB_TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
