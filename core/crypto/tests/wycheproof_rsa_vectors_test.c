/* SPDX-License-Identifier: AGPL-3.0-only */
/* Project Wycheproof (C2SP/wycheproof, commit dac1dd4): RSA signatures of both schemes. */
#include "wb_test.h"

#include "wb_crypto.h"
#include "wycheproof.h"

/* False for the hashes that we do not have. */
static bool hash_of(const json_t *group, const char *name, enum wb_hash_id *id)
{
    static const char *const names[] = {"SHA-256", "SHA-384", "SHA-512"};
    const char *text = json_string_value(json_object_get(group, name));
    assert_non_null(text);
    for (unsigned i = 0; i < WB_ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *id = (enum wb_hash_id)i;
            return true;
        }
    }
    return false;
}

struct input {
    struct wb_rsa_public_key key;
    enum wb_hash_id id;
    uint8_t digest[WB_HASH_LEN_MAX];
    struct hex_field signature;
    uint32_t *work; /* no word more than documented, on the heap, so that the sanitizer looks */
    size_t work_count;
};

static void input_init(struct input *in, const json_t *group, const json_t *test)
{
    const json_t *key = json_object_get(group, "publicKey");
    struct hex_field modulus = hex_get(key, "modulus"), exponent = hex_get(key, "publicExponent");
    struct hex_field message = hex_get(test, "msg");
    in->signature = hex_get(test, "sig");
    in->key =
        (struct wb_rsa_public_key){{modulus.data, modulus.len}, {exponent.data, exponent.len}};
    assert_ok(wb_rsa_public_key_check(&in->key));
    wb_hash_once(in->id, message.data, message.len, in->digest);
    in->work_count =
        WB_RSA_WORK_COUNT((size_t)json_integer_value(json_object_get(group, "keySize")) / 8);
    in->work = malloc(in->work_count * sizeof *in->work);
    assert_non_null(in->work);
}

/* RFC 8017 §8.2.2 note: a DigestInfo without NULL may be taken; we do not. */
static enum case_outcome verdict(enum wb_err err, const char *result)
{
    const bool is_valid = strcmp(result, "valid") == 0;
    return err == (is_valid ? WB_OK : WB_ERR_SIGNATURE) ? CASE_RIGHT : CASE_WRONG;
}

static enum case_outcome check_pkcs1(const json_t *group, const json_t *test, const char *result,
                                     const char **reason)
{
    struct input in;
    if (!hash_of(group, "sha", &in.id)) {
        *reason = "hash other than SHA-256, SHA-384, SHA-512";
        return CASE_NOT_APPLICABLE;
    }
    input_init(&in, group, test);
    const enum wb_err err = wb_rsa_verify_pkcs1(&in.key, in.id, in.digest, in.signature.data,
                                                in.signature.len, in.work, in.work_count);
    free(in.work);
    return verdict(err, result);
}

static enum case_outcome check_pss(const json_t *group, const json_t *test, const char *result,
                                   const char **reason)
{
    struct input in;
    enum wb_hash_id mgf_id;
    if (!hash_of(group, "sha", &in.id) || !hash_of(group, "mgfSha", &mgf_id)) {
        *reason = "hash other than SHA-256, SHA-384, SHA-512";
        return CASE_NOT_APPLICABLE;
    }
    input_init(&in, group, test);
    const size_t salt_len = (size_t)json_integer_value(json_object_get(group, "sLen"));
    const enum wb_err err =
        wb_rsa_verify_pss(&in.key, in.id, mgf_id, salt_len, in.digest, in.signature.data,
                          in.signature.len, in.work, in.work_count);
    free(in.work);
    return verdict(err, result);
}

static void pkcs1(void **state)
{
    (void)state;
    run_file("rsa_signature_2048_sha256", check_pkcs1);
    run_file("rsa_signature_2048_sha384", check_pkcs1);
    run_file("rsa_signature_2048_sha512", check_pkcs1);
    run_file("rsa_signature_3072_sha256", check_pkcs1);
    run_file("rsa_signature_3072_sha384", check_pkcs1);
    run_file("rsa_signature_4096_sha256", check_pkcs1);
    run_file("rsa_signature_4096_sha384", check_pkcs1);
    run_file("rsa_signature_4096_sha512", check_pkcs1);
}

static void pss(void **state)
{
    (void)state;
    run_file("rsa_pss_2048_sha256_mgf1_32", check_pss);
    run_file("rsa_pss_2048_sha256_mgf1_32_params", check_pss);
    run_file("rsa_pss_2048_sha384_mgf1_48", check_pss);
    run_file("rsa_pss_3072_sha256_mgf1_32", check_pss);
    run_file("rsa_pss_4096_sha256_mgf1_32", check_pss);
    run_file("rsa_pss_4096_sha384_mgf1_48", check_pss);
    run_file("rsa_pss_4096_sha512_mgf1_64", check_pss);
    run_file("rsa_pss_misc", check_pss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs1),
        cmocka_unit_test(pss),
    };
    if (wycheproof_is_absent()) {
        return WB_TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
