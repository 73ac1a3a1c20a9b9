/* SPDX-License-Identifier: AGPL-3.0-only */
/* Both providers do the same: every function of the table, compared on seeded input, and what must
 * be refused. core/crypto itself is tested against the standards' vectors. */
#include <pthread.h>

#include "wb_libcrypto.h"
#include "wb_test.h"

static const struct wb_tls_crypto *const ours = &wb_tls_crypto_libcrypto;
static const struct wb_tls_crypto *const core = &wb_tls_crypto_core;
static const enum wb_hash_id hashes[] = {WB_HASH_SHA256, WB_HASH_SHA384, WB_HASH_SHA512};
static const enum wb_aead_id aeads[] = {WB_AEAD_AES_128_GCM, WB_AEAD_AES_256_GCM,
                                        WB_AEAD_CHACHA20_POLY1305};

static uint32_t seed = 0x2545f491;

static void fill(void *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        ((uint8_t *)out)[i] = (uint8_t)(seed >> 11);
    }
}

static void table_is_complete(void **state)
{
    (void)state;
    /* name, then functions only: none may be missing */
    const void *const *fields = (const void *const *)(const void *)ours;
    for (size_t i = 0; i < sizeof *ours / sizeof *fields; i++) {
        assert_non_null(fields[i]);
    }
}

static void hashes_equal_cores_at_every_length_and_fork(void **state)
{
    (void)state;
    uint8_t data[600];
    fill(data, sizeof data);
    for (size_t h = 0; h < WB_ARRAY_LEN(hashes); h++) {
        for (size_t len = 0; len <= 300; len++) {
            uint8_t want[64], got[64], forked[64];
            struct wb_tls_hash a, b;
            wb_hash_once(hashes[h], data, len, want);
            ours->hash_init(&a, hashes[h]);
            ours->hash_update(&a, data, len / 3);
            b = a; /* a transcript is forked like this */
            ours->hash_update(&a, data + len / 3, len - len / 3);
            ours->hash_final(&a, got);
            ours->hash_update(&b, data + len / 3, len - len / 3);
            ours->hash_final(&b, forked);
            assert_memory_equal(got, want, wb_hash_len(hashes[h]));
            assert_memory_equal(forked, want, wb_hash_len(hashes[h]));
        }
    }
}

static void hmac_equals_cores_for_every_key_length(void **state)
{
    (void)state;
    uint8_t key[200], data[100];
    fill(key, sizeof key);
    fill(data, sizeof data);
    const struct wb_bytes pieces[3] = {{data, 10}, {NULL, 0}, {data + 10, 90}};
    for (size_t h = 0; h < WB_ARRAY_LEN(hashes); h++) {
        for (size_t len = 0; len <= sizeof key; len++) {
            for (size_t count = 0; count <= 3; count++) {
                uint8_t want[64], got[64];
                core->hmac(hashes[h], key, len, pieces, count, want);
                ours->hmac(hashes[h], len > 0 ? key : NULL, len, pieces, count, got);
                assert_memory_equal(got, want, wb_hash_len(hashes[h]));
            }
        }
    }
}

static void records_equal_cores_with_changing_keys(void **state)
{
    (void)state;
    static uint8_t keys[7][32]; /* more keys than contexts */
    static uint8_t text[17000], sealed[17000], want[17000];
    static const size_t lens[] = {0, 1, 15, 16, 17, 63, 64, 512, 16385};
    uint8_t nonce[12], ad[5], tag[16], want_tag[16];
    fill(keys, sizeof keys);
    memset(keys[6], 0, 32);
    fill(text, sizeof text);
    fill(ad, sizeof ad);
    for (size_t round = 0; round < 60; round++) {
        enum wb_aead_id id = aeads[round % 3];
        const uint8_t *key = keys[(round / 2) % 7]; /* the same one twice in a row, too */
        size_t len = lens[round % WB_ARRAY_LEN(lens)];
        size_t ad_len = round % 5 == 4 ? 0 : 5;
        fill(nonce, sizeof nonce);
        memcpy(sealed, text, len);
        memcpy(want, text, len);
        ours->aead_encrypt(id, key, nonce, ad, ad_len, sealed, len, tag);
        core->aead_encrypt(id, key, nonce, ad, ad_len, want, len, want_tag);
        assert_memory_equal(sealed, want, len);
        assert_memory_equal(tag, want_tag, 16);
        assert_ok(ours->aead_decrypt(id, key, nonce, ad, ad_len, sealed, len, tag));
        assert_memory_equal(sealed, text, len);
    }
}

static void refuses_every_altered_bit_and_zeroes_the_text(void **state)
{
    (void)state;
    uint8_t key[32], nonce[12], ad[5], tag[16], text[20], sealed[20], zero[20] = {0};
    fill(key, sizeof key);
    fill(nonce, sizeof nonce);
    fill(ad, sizeof ad);
    fill(text, sizeof text);
    for (size_t a = 0; a < WB_ARRAY_LEN(aeads); a++) {
        memcpy(sealed, text, sizeof text);
        ours->aead_encrypt(aeads[a], key, nonce, ad, sizeof ad, sealed, sizeof sealed, tag);
        struct {
            uint8_t *bytes;
            size_t len;
        } const parts[] = {
            {sealed, 20}, {tag, 16}, {ad, 5}, {nonce, 12}, {key, wb_aead_key_len(aeads[a])}};
        for (size_t p = 0; p < WB_ARRAY_LEN(parts); p++) {
            for (size_t bit = 0; bit < parts[p].len * 8; bit++) {
                uint8_t work[20];
                parts[p].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                memcpy(work, sealed, sizeof work);
                assert_err(WB_ERR_AUTH, ours->aead_decrypt(aeads[a], key, nonce, ad, sizeof ad,
                                                           work, sizeof work, tag));
                assert_memory_equal(work, zero, sizeof work);
                parts[p].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
        assert_ok(ours->aead_decrypt(aeads[a], key, nonce, ad, sizeof ad, sealed, 20, tag));
        assert_memory_equal(sealed, text, sizeof text);
    }
}

static enum wb_err verify(const uint8_t *signature, const uint8_t *public_key, const void *message,
                          size_t len)
{
    return ours->algorithms[0]->verify(WB_X509_ED25519, public_key, 32, message, len, signature,
                                       64);
}

static void agrees_on_x25519_and_refuses_points_of_small_order(void **state)
{
    (void)state;
    uint8_t a[32], b[32], a_public[32], b_public[32], want[32], got[32];
    for (size_t i = 0; i < 20; i++) {
        fill(a, 32);
        fill(b, 32);
        assert_ok(ours->groups[0]->share(a_public, a));
        wb_x25519_public_key(want, a);
        assert_memory_equal(a_public, want, 32);
        wb_x25519_public_key(b_public, b);
        assert_ok(ours->groups[0]->agree(got, a, b_public));
        assert_ok(wb_x25519(want, b, a_public));
        assert_memory_equal(got, want, 32);
    }
    uint8_t zero[32] = {0}, one[32] = {1};
    assert_err(WB_ERR_KEY, ours->groups[0]->agree(got, a, zero));
    assert_memory_equal(got, zero, 32);
    assert_err(WB_ERR_KEY, ours->groups[0]->agree(got, a, one));
}

static void signs_like_core_and_refuses_what_core_refuses(void **state)
{
    (void)state;
    uint8_t key[32], public_key[32], message[100], want[64], got[64];
    fill(message, sizeof message);
    for (size_t len = 0; len <= sizeof message; len += 25) {
        fill(key, 32);
        wb_ed25519_public_key(public_key, key);
        size_t got_len;
        assert_ok(ours->algorithms[0]->sign(WB_X509_ED25519, key, public_key, message, len, got,
                                            &got_len));
        assert_int_equal(got_len, 64);
        wb_ed25519_sign(want, key, public_key, message, len);
        assert_memory_equal(got, want, 64);
        assert_ok(verify(got, public_key, message, len));
    }
    for (size_t bit = 0; bit < 512; bit += 3) {
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(WB_ERR_SIGNATURE, verify(got, public_key, message, 100));
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 256; bit += 3) {
        public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(WB_ERR_SIGNATURE, verify(got, public_key, message, 100));
        public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_err(WB_ERR_SIGNATURE, verify(got, public_key, message, 99));
    assert_ok(verify(got, public_key, message, 100));
}

/* y = 1 + p, p itself, 2^255 - 1: with h A of small order such keys could verify. */
static void refuses_non_canonical_public_keys(void **state)
{
    (void)state;
    uint8_t key[32], signature[64] = {1}; /* R is the neutral element, s is 0 */
    static const uint8_t low[] = {0xed, 0xee, 0xff};
    for (size_t i = 0; i < WB_ARRAY_LEN(low); i++) {
        for (int sign = 0; sign < 2; sign++) {
            memset(key, 0xff, 32);
            key[0] = low[i];
            key[31] = sign != 0 ? 0xff : 0x7f;
            assert_err(WB_ERR_SIGNATURE, wb_ed25519_verify(signature, key, "m", 1));
            assert_err(WB_ERR_SIGNATURE, verify(signature, key, "m", 1));
        }
    }
}

static const struct wb_tls_group *group_of(const struct wb_tls_crypto *crypto, uint16_t id)
{
    const struct wb_tls_group *const *g = crypto->groups;
    while (*g != NULL && (*g)->id != id) {
        g++;
    }
    return *g;
}

static void agrees_on_p256_and_refuses_what_is_no_point(void **state)
{
    (void)state;
    const struct wb_tls_group *a = group_of(ours, WB_TLS_GROUP_SECP256R1);
    const struct wb_tls_group *b = group_of(core, WB_TLS_GROUP_SECP256R1);
    uint8_t random_a[48], random_b[48], share_a[65], share_b[65], want[65], got[32], secret[32];
    for (size_t i = 0; i < 10; i++) {
        fill(random_a, 48);
        fill(random_b, 48);
        assert_ok(a->share(share_a, random_a));
        assert_ok(b->share(want, random_a));
        assert_memory_equal(share_a, want, 65);
        assert_ok(b->answer(share_b, secret, random_b, share_a));
        assert_ok(a->agree(got, random_a, share_b));
        assert_memory_equal(got, secret, 32);
        assert_ok(a->answer(want, got, random_b, share_a));
        assert_memory_equal(got, secret, 32);
        assert_memory_equal(want, share_b, 65);
    }
    for (size_t bit = 0; bit < 65 * 8; bit += 5) {
        share_b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(WB_ERR_KEY, a->agree(got, random_a, share_b));
        assert_err(WB_ERR_KEY, b->agree(got, random_a, share_b));
        share_b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    uint8_t zero[65] = {0}, compressed[65];
    assert_err(WB_ERR_KEY, a->agree(got, random_a, zero));
    memcpy(compressed, share_b, 65);
    compressed[0] = 2;
    assert_err(WB_ERR_KEY, a->agree(got, random_a, compressed));
}

static void ecdsa_verifies_across_and_refuses_alterations(void **state)
{
    (void)state;
    const struct wb_x509_algorithm *a = wb_x509_algorithm_find(ours->algorithms, WB_X509_KEY_P256);
    const struct wb_x509_algorithm *b = wb_x509_algorithm_find(core->algorithms, WB_X509_KEY_P256);
    static const uint16_t schemes[] = {WB_X509_ECDSA_SHA256, WB_X509_ECDSA_SHA384,
                                       WB_X509_ECDSA_SHA512};
    uint8_t random[48], key[32], public_key[65], message[90], signature[72];
    size_t len, public_key_len;
    fill(random, sizeof random);
    fill(message, sizeof message);
    wb_p256_private_key(key, random);
    assert_ok(a->public_key(public_key, &public_key_len, key));
    assert_int_equal(public_key_len, 65);
    for (size_t i = 0; i < WB_ARRAY_LEN(schemes); i++) {
        assert_ok(a->sign(schemes[i], key, NULL, message, 90, signature, &len));
        assert_ok(b->verify(schemes[i], public_key, 65, message, 90, signature, len));
        assert_ok(b->sign(schemes[i], key, NULL, message, 90, signature, &len));
        assert_ok(a->verify(schemes[i], public_key, 65, message, 90, signature, len));
        assert_err(WB_ERR_SIGNATURE,
                   a->verify(schemes[i], public_key, 65, message, 89, signature, len));
        assert_err(WB_ERR_SIGNATURE,
                   a->verify(schemes[(i + 1) % 3], public_key, 65, message, 90, signature, len));
        for (size_t bit = 0; bit < len * 8; bit += 7) {
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_err(WB_ERR_SIGNATURE,
                       a->verify(schemes[i], public_key, 65, message, 90, signature, len));
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_err(WB_ERR_SIGNATURE,
                   a->verify(schemes[i], public_key, 65, message, 90, signature, len - 1));
    }
    assert_err(WB_ERR_UNSUPPORTED,
               a->verify(WB_X509_ED25519, public_key, 65, message, 90, signature, len));
    assert_err(WB_ERR_UNSUPPORTED, a->sign(0x0804, key, NULL, message, 90, signature, &len));
    public_key[40] ^= 1;
    assert_err(WB_ERR_KEY, a->verify(schemes[2], public_key, 65, message, 90, signature, len));
    assert_err(WB_ERR_KEY, a->verify(schemes[2], public_key, 64, message, 90, signature, len));
    memset(key, 0, 32);
    assert_err(WB_ERR_KEY, a->sign(schemes[0], key, NULL, message, 90, signature, &len));
}

static void keys_of_other_forms_are_refused(void **state)
{
    (void)state;
    struct wb_libcrypto_key *key = NULL;
    struct wb_fault fault = {0};
    static const char ed448[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MEcCAQAwBQYDK2VxBDsEOd+qnpH24Gc27Y4bF8tY8wTJr0EH0Qx2r0QbKQWkQ5Xw\n"
                                "3dm6JpCu5X/QVdGKcJCfzbTOdJ2S3yvT0w==\n"
                                "-----END PRIVATE KEY-----\n";
    assert_int_not_equal(wb_libcrypto_key_read(&key, ed448, sizeof ed448 - 1, &fault), WB_OK);
    assert_err(WB_ERR_FORMAT, wb_libcrypto_key_read(&key, "", 0, NULL));
    assert_err(WB_ERR_FORMAT, wb_libcrypto_key_read(&key, "no PEM", 6, NULL));
    assert_null(key);
    assert_non_null(fault.what);
    wb_libcrypto_key_free(NULL);
}

static void *use_in_thread(void *ctx)
{
    uint8_t key[32] = {7}, nonce[12] = {0}, text[64] = {0}, tag[16];
    (void)ctx;
    for (uint8_t i = 0; i < 50; i++) {
        key[0] = i;
        ours->aead_encrypt(WB_AEAD_AES_256_GCM, key, nonce, NULL, 0, text, sizeof text, tag);
        if (ours->aead_decrypt(WB_AEAD_AES_256_GCM, key, nonce, NULL, 0, text, sizeof text, tag) !=
            WB_OK) {
            return (void *)1;
        }
    }
    return NULL;
}

/* The address sanitizer's leak check sees whether an ended thread leaves its contexts behind. */
static void threads_have_contexts_of_their_own(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < WB_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_in_thread, NULL), 0);
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

static void contexts_come_back_after_they_were_freed(void **state)
{
    (void)state;
    assert_null(use_in_thread(NULL));
    wb_libcrypto_thread_free();
    wb_libcrypto_thread_free();
    assert_null(use_in_thread(NULL));
    wb_libcrypto_thread_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_complete),
        cmocka_unit_test(hashes_equal_cores_at_every_length_and_fork),
        cmocka_unit_test(hmac_equals_cores_for_every_key_length),
        cmocka_unit_test(records_equal_cores_with_changing_keys),
        cmocka_unit_test(refuses_every_altered_bit_and_zeroes_the_text),
        cmocka_unit_test(agrees_on_x25519_and_refuses_points_of_small_order),
        cmocka_unit_test(signs_like_core_and_refuses_what_core_refuses),
        cmocka_unit_test(refuses_non_canonical_public_keys),
        cmocka_unit_test(agrees_on_p256_and_refuses_what_is_no_point),
        cmocka_unit_test(ecdsa_verifies_across_and_refuses_alterations),
        cmocka_unit_test(keys_of_other_forms_are_refused),
        cmocka_unit_test(threads_have_contexts_of_their_own),
        cmocka_unit_test(contexts_come_back_after_they_were_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
