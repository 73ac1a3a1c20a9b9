/* SPDX-License-Identifier: AGPL-3.0-only */
/* Project Wycheproof (C2SP/wycheproof, commit dac1dd4): AEADs, X25519, Ed25519, P-256, HMAC, HKDF;
 * and where the cases of all other files are run, if anywhere. */
#include "wb_test.h"

#include <dirent.h>

#include "wb_crypto.h"
#include "wycheproof.h"

static bool is_valid(const char *result)
{
    return strcmp(result, "valid") == 0;
}

/* ---- AEAD --------------------------------------------------------------------------------- */

static enum case_outcome check_aead(enum wb_aead_id id, const json_t *test, const char *result)
{
    struct hex_field key = hex_get(test, "key"), nonce = hex_get(test, "iv");
    struct hex_field ad = hex_get(test, "aad"), text = hex_get(test, "msg");
    struct hex_field sealed = hex_get(test, "ct"), tag = hex_get(test, "tag");
    struct hex_field opened = hex_get(test, "ct");
    assert_int_equal(key.len, wb_aead_key_len(id));
    enum wb_err err = wb_aead_decrypt(id, key.data, nonce.data, ad.data, ad.len, opened.data,
                                      opened.len, tag.data);
    if ((err == WB_OK) != is_valid(result)) {
        return CASE_WRONG;
    }
    if (err != WB_OK) {
        return err == WB_ERR_AUTH ? CASE_RIGHT : CASE_WRONG;
    }
    if (memcmp(opened.data, text.data, text.len) != 0 || text.len != sealed.len) {
        return CASE_WRONG;
    }
    uint8_t computed[16];
    wb_aead_encrypt(id, key.data, nonce.data, ad.data, ad.len, text.data, text.len, computed);
    return memcmp(text.data, sealed.data, sealed.len) == 0 && memcmp(computed, tag.data, 16) == 0
               ? CASE_RIGHT
               : CASE_WRONG;
}

static enum case_outcome check_gcm(const json_t *group, const json_t *test, const char *result,
                                   const char **reason)
{
    long long key_bits = json_integer_value(json_object_get(group, "keySize"));
    if (json_integer_value(json_object_get(group, "ivSize")) != 96) {
        *reason = "nonce is not 12 bytes";
        return CASE_NOT_APPLICABLE;
    }
    if (json_integer_value(json_object_get(group, "tagSize")) != 128) {
        *reason = "tag is not 16 bytes";
        return CASE_NOT_APPLICABLE;
    }
    if (key_bits == 192) {
        *reason = "AES-192";
        return CASE_NOT_APPLICABLE;
    }
    return check_aead(key_bits == 128 ? WB_AEAD_AES_128_GCM : WB_AEAD_AES_256_GCM, test, result);
}

static enum case_outcome check_chacha(const json_t *group, const json_t *test, const char *result,
                                      const char **reason)
{
    if (json_integer_value(json_object_get(group, "ivSize")) != 96) {
        *reason = "nonce is not 12 bytes";
        return CASE_NOT_APPLICABLE;
    }
    return check_aead(WB_AEAD_CHACHA20_POLY1305, test, result);
}

static void aes_gcm(void **state)
{
    (void)state;
    run_file("aes_gcm", check_gcm);
}

static void chacha20_poly1305(void **state)
{
    (void)state;
    run_file("chacha20_poly1305", check_chacha);
}

/* ---- curves ------------------------------------------------------------------------------- */

static enum case_outcome check_x25519(const json_t *group, const json_t *test, const char *result,
                                      const char **reason)
{
    (void)group;
    (void)result; /* "acceptable" cases compute as well: non-canonical, low order, on the twist */
    (void)reason;
    static const uint8_t zero[32];
    struct hex_field public_key = hex_get(test, "public"), private_key = hex_get(test, "private");
    struct hex_field expected = hex_get(test, "shared");
    uint8_t shared[32];
    if (public_key.len != 32 || private_key.len != 32 || expected.len != 32) {
        return CASE_WRONG;
    }
    enum wb_err err = wb_x25519(shared, private_key.data, public_key.data);
    bool is_zero = memcmp(expected.data, zero, 32) == 0;
    return memcmp(shared, expected.data, 32) == 0 && err == (is_zero ? WB_ERR_KEY : WB_OK)
               ? CASE_RIGHT
               : CASE_WRONG;
}

static void x25519(void **state)
{
    (void)state;
    run_file("x25519", check_x25519);
}

static enum case_outcome check_ed25519(const json_t *group, const json_t *test, const char *result,
                                       const char **reason)
{
    struct hex_field key = hex_get(json_object_get(group, "publicKey"), "pk");
    struct hex_field message = hex_get(test, "msg"), signature = hex_get(test, "sig");
    if (signature.len != 64) {
        assert_false(is_valid(result));
        *reason = "signature is not 64 bytes, which the type uint8_t[64] excludes";
        return CASE_NOT_APPLICABLE;
    }
    enum wb_err err = wb_ed25519_verify(signature.data, key.data, message.data, message.len);
    return (err == WB_OK) == is_valid(result) ? CASE_RIGHT : CASE_WRONG;
}

static void ed25519(void **state)
{
    (void)state;
    run_file("ed25519", check_ed25519);
}

/* ---- P-256 -------------------------------------------------------------------------------- */

static enum case_outcome check_ecdsa(enum wb_hash_id id, const json_t *group, const json_t *test,
                                     const char *result)
{
    struct hex_field key = hex_get(json_object_get(group, "publicKey"), "uncompressed");
    struct hex_field message = hex_get(test, "msg"), der = hex_get(test, "sig");
    uint8_t digest[WB_HASH_LEN_MAX], signature[64], again[72];
    assert_int_equal(key.len, 65);
    wb_hash_once(id, message.data, message.len, digest);
    enum wb_err err = wb_p256_signature_decode(signature, der.data, der.len);
    if (err == WB_OK) {
        assert_int_equal(wb_p256_signature_encode(again, signature), der.len);
        assert_memory_equal(again, der.data, der.len);
        err = wb_p256_verify(signature, key.data, id, digest);
    }
    const bool as_expected = is_valid(result) ? err == WB_OK : err == WB_ERR_SIGNATURE;
    return as_expected ? CASE_RIGHT : CASE_WRONG;
}

static enum case_outcome check_ecdsa_256(const json_t *group, const json_t *test,
                                         const char *result, const char **reason)
{
    (void)reason;
    return check_ecdsa(WB_HASH_SHA256, group, test, result);
}

static enum case_outcome check_ecdsa_512(const json_t *group, const json_t *test,
                                         const char *result, const char **reason)
{
    (void)reason;
    return check_ecdsa(WB_HASH_SHA512, group, test, result);
}

static void ecdsa(void **state)
{
    (void)state;
    run_file("ecdsa_secp256r1_sha256", check_ecdsa_256);
    run_file("ecdsa_secp256r1_sha512", check_ecdsa_512);
}

/* A point of 65 bytes. private: a number of any length, at most 32 bytes without leading zeros. */
static enum case_outcome check_ecdh_point(const json_t *test, const uint8_t point[65],
                                          const char *result)
{
    struct hex_field number = hex_get(test, "private"), expected = hex_get(test, "shared");
    uint8_t private_key[32] = {0}, shared[32];
    while (number.len > 0 && number.data[0] == 0) {
        number.data++; /* hex_fields keeps the start */
        number.len--;
    }
    assert_true(number.len <= 32);
    memcpy(private_key + 32 - number.len, number.data, number.len);
    const enum wb_err err = wb_p256_ecdh(shared, private_key, point);
    if (!is_valid(result)) { /* none is "acceptable" that gets here */
        return err == WB_ERR_KEY ? CASE_RIGHT : CASE_WRONG;
    }
    return err == WB_OK && expected.len == 32 && memcmp(shared, expected.data, 32) == 0
               ? CASE_RIGHT
               : CASE_WRONG;
}

static enum case_outcome check_ecpoint(const json_t *group, const json_t *test, const char *result,
                                       const char **reason)
{
    (void)group;
    struct hex_field point = hex_get(test, "public");
    if (point.len == 33) {
        *reason = "compressed point";
        return CASE_NOT_APPLICABLE;
    }
    if (point.len != 65) {
        assert_false(is_valid(result));
        *reason = "point is not 65 bytes, which the type uint8_t[65] excludes";
        return CASE_NOT_APPLICABLE;
    }
    return check_ecdh_point(test, point.data, result);
}

/* The public key as SubjectPublicKeyInfo. Those that begin as RFC 5480 has it for a named curve and
 * an uncompressed point are taken; parsing the others is for core/tls. */
static enum case_outcome check_ecdh_spki(const json_t *group, const json_t *test,
                                         const char *result, const char **reason)
{
    (void)group;
    uint8_t head[26];
    from_hex(head, sizeof head, "3059301306072a8648ce3d020106082a8648ce3d030107034200");
    struct hex_field spki = hex_get(test, "public");
    const size_t head_len = 26;
    if (spki.len != head_len + 65 || memcmp(spki.data, head, head_len) != 0) {
        assert_false(is_valid(result) && spki.len == head_len + 65);
        *reason = "key in another form than RFC 5480's with a named curve, uncompressed";
        return CASE_NOT_APPLICABLE;
    }
    return check_ecdh_point(test, spki.data + head_len, result);
}

static void ecdh(void **state)
{
    (void)state;
    run_file("ecdh_secp256r1_ecpoint", check_ecpoint);
    run_file("ecdh_secp256r1", check_ecdh_spki);
}

/* ---- HMAC, HKDF --------------------------------------------------------------------------- */

static enum case_outcome check_hmac(enum wb_hash_id id, const json_t *test, const char *result)
{
    struct hex_field key = hex_get(test, "key"), message = hex_get(test, "msg");
    struct hex_field tag = hex_get(test, "tag"); /* also truncated ones */
    uint8_t mac[WB_HASH_LEN_MAX];
    const struct wb_bytes piece = {message.data, message.len};
    wb_hmac(id, key.data, key.len, &piece, 1, mac);
    assert_true(tag.len <= wb_hash_len(id));
    return (memcmp(mac, tag.data, tag.len) == 0) == is_valid(result) ? CASE_RIGHT : CASE_WRONG;
}

static enum case_outcome check_hkdf(enum wb_hash_id id, const json_t *test, const char *result)
{
    struct hex_field ikm = hex_get(test, "ikm"), salt = hex_get(test, "salt");
    struct hex_field info = hex_get(test, "info"), okm = hex_get(test, "okm");
    size_t size = (size_t)json_integer_value(json_object_get(test, "size"));
    uint8_t prk[WB_HASH_LEN_MAX];
    uint8_t *out = calloc(1, size + 1);
    assert_non_null(out);
    wb_hkdf_extract(id, salt.data, salt.len, ikm.data, ikm.len, prk);
    enum wb_err err = wb_hkdf_expand(id, prk, info.data, info.len, out, size);
    bool same = err == WB_OK && okm.len == size && memcmp(out, okm.data, size) == 0;
    free(out);
    return same == is_valid(result) && (same || err == WB_ERR_LIMIT) ? CASE_RIGHT : CASE_WRONG;
}

#define HASH_TESTS(n)                                                                              \
    static enum case_outcome check_hmac_##n(const json_t *group, const json_t *test,               \
                                            const char *result, const char **reason)               \
    {                                                                                              \
        (void)group;                                                                               \
        (void)reason;                                                                              \
        return check_hmac(WB_HASH_SHA##n, test, result);                                           \
    }                                                                                              \
    static enum case_outcome check_hkdf_##n(const json_t *group, const json_t *test,               \
                                            const char *result, const char **reason)               \
    {                                                                                              \
        (void)group;                                                                               \
        (void)reason;                                                                              \
        return check_hkdf(WB_HASH_SHA##n, test, result);                                           \
    }                                                                                              \
    static void hmac_and_hkdf_sha##n(void **state)                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        run_file("hmac_sha" #n, check_hmac_##n);                                                   \
        run_file("hkdf_sha" #n, check_hkdf_##n);                                                   \
    }

HASH_TESTS(256)
HASH_TESTS(384)
HASH_TESTS(512)

/* ---- all files ---------------------------------------------------------------------------- */

/* The first prefix that fits decides. NULL: run by this program or one beside it. */
static const struct {
    const char *prefix, *why_not;
} places[] = {
    {"aes_gcm_test", NULL},
    {"chacha20_poly1305_test", NULL},
    {"x25519_test", NULL},
    {"x25519_asn", "keys in DER, which core/tls parses"},
    {"x25519_pem", "keys in PEM, which core/tls parses"},
    {"ed25519_test", NULL},
    {"ecdsa_secp256r1_", NULL},
    {"ecdsa_secp384r1_", "P-384 is not supported"},
    {"ecdh_secp256r1_pem", "keys in PEM, which core/tls parses"},
    {"ecdh_secp256r1_", NULL},
    {"hmac_sha", NULL},
    {"hkdf_sha", NULL},
    {"rsa_signature_", NULL}, /* wycheproof_rsa_vectors_test.c */
    {"rsa_pss_", NULL},
    {"mlkem_768_", NULL}, /* wycheproof_mlkem_vectors_test.c */
    {"primality", "no RSA keys are generated"},
};

static long long case_count(const char *file_name)
{
    char path[512];
    snprintf(path, sizeof path, WYCHEPROOF_DIR "/%s", file_name);
    json_t *file = json_load_file(path, 0, NULL);
    assert_non_null(file);
    const long long count = json_integer_value(json_object_get(file, "numberOfTests"));
    json_decref(file);
    return count;
}

static void every_file_has_its_place(void **state)
{
    (void)state;
    DIR *folder = opendir(WYCHEPROOF_DIR);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, "_test.json") == NULL) {
            continue;
        }
        size_t i = 0;
        while (i < WB_ARRAY_LEN(places) &&
               strncmp(entry->d_name, places[i].prefix, strlen(places[i].prefix)) != 0) {
            i++;
        }
        if (i == WB_ARRAY_LEN(places)) {
            fail_msg("%s is run nowhere", entry->d_name);
        }
        if (places[i].why_not != NULL) {
            printf("%s: %lld cases not run here: %s\n", entry->d_name, case_count(entry->d_name),
                   places[i].why_not);
        }
    }
    closedir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_gcm),
        cmocka_unit_test(chacha20_poly1305),
        cmocka_unit_test(x25519),
        cmocka_unit_test(ed25519),
        cmocka_unit_test(ecdsa),
        cmocka_unit_test(ecdh),
        cmocka_unit_test(hmac_and_hkdf_sha256),
        cmocka_unit_test(hmac_and_hkdf_sha384),
        cmocka_unit_test(hmac_and_hkdf_sha512),
        cmocka_unit_test(every_file_has_its_place),
    };
    if (wycheproof_is_absent()) {
        return WB_TEST_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
