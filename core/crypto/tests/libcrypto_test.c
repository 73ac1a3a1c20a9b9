/* SPDX-License-Identifier: AGPL-3.0-only */
/* Random inputs, and the same answers from OpenSSL's libcrypto. A fresh seed each run is printed;
 * SEED= replays. */
#include "wb_test.h"

#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "keccak.h"
#include "wb_crypto.h"

static uint64_t seed;

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static void random_fill(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)random_next();
    }
}

static const EVP_MD *evp_hash(int id)
{
    return id == WB_HASH_SHA256 ? EVP_sha256() : id == WB_HASH_SHA384 ? EVP_sha384() : EVP_sha512();
}

static void hashes_and_macs_agree(void **state)
{
    (void)state;
    uint8_t data[600], key[200], ours[64], theirs[64];
    for (unsigned i = 0; i < 600; i++) {
        const int id = (int)(i % 3);
        const size_t key_len = random_next() % sizeof key;
        random_fill(data, i);
        random_fill(key, key_len);
        wb_hash_once((enum wb_hash_id)id, data, i, ours);
        assert_int_equal(EVP_Digest(data, i, theirs, NULL, evp_hash(id), NULL), 1);
        assert_memory_equal(ours, theirs, wb_hash_len((enum wb_hash_id)id));
        const struct wb_bytes whole = {data, i};
        wb_hmac((enum wb_hash_id)id, key, key_len, &whole, 1, ours);
        assert_non_null(HMAC(evp_hash(id), key, (int)key_len, data, i, theirs, NULL));
        assert_memory_equal(ours, theirs, wb_hash_len((enum wb_hash_id)id));
    }
}

static void keccak_agrees(void **state)
{
    (void)state;
    static const struct {
        uint32_t rate;
        uint8_t suffix;
        size_t len;
        const EVP_MD *(*evp)(void);
    } kinds[4] = {{KECCAK_RATE_256, KECCAK_SHA3, 32, EVP_sha3_256},
                  {KECCAK_RATE_512, KECCAK_SHA3, 64, EVP_sha3_512},
                  {KECCAK_RATE_128, KECCAK_SHAKE, 500, EVP_shake128},
                  {KECCAK_RATE_256, KECCAK_SHAKE, 500, EVP_shake256}};
    uint8_t data[600], ours[500], theirs[500];
    for (unsigned i = 0; i < 600; i++) {
        struct keccak k;
        const unsigned kind = i % 4;
        random_fill(data, i);
        wb_keccak_init(&k, kinds[kind].rate);
        wb_keccak_absorb(&k, data, i);
        wb_keccak_finish(&k, kinds[kind].suffix);
        wb_keccak_squeeze(&k, ours, kinds[kind].len);
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestInit(c, kinds[kind].evp()), 1);
        assert_int_equal(EVP_DigestUpdate(c, data, i), 1);
        if (kinds[kind].suffix == KECCAK_SHAKE) {
            assert_int_equal(EVP_DigestFinalXOF(c, theirs, kinds[kind].len), 1);
        } else {
            assert_int_equal(EVP_DigestFinal(c, theirs, NULL), 1);
        }
        EVP_MD_CTX_free(c);
        assert_memory_equal(ours, theirs, kinds[kind].len);
    }
}

static void evp_seal(enum wb_aead_id id, const uint8_t *key, const uint8_t *nonce,
                     const uint8_t *ad, size_t ad_len, uint8_t *text, size_t len, uint8_t *tag)
{
    const EVP_CIPHER *cipher = id == WB_AEAD_AES_128_GCM   ? EVP_aes_128_gcm()
                               : id == WB_AEAD_AES_256_GCM ? EVP_aes_256_gcm()
                                                           : EVP_chacha20_poly1305();
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int done = 0;
    assert_non_null(c);
    assert_int_equal(EVP_EncryptInit_ex(c, cipher, NULL, key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(c, NULL, &done, ad, (int)ad_len), 1);
    assert_int_equal(EVP_EncryptUpdate(c, text, &done, text, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(c, tag, &done), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
    EVP_CIPHER_CTX_free(c);
}

static void aeads_agree(void **state)
{
    (void)state;
    static uint8_t plain[17000], ours[17000], theirs[17000];
    uint8_t key[32], nonce[12], ad[100], tag[16], other_tag[16];
    for (unsigned i = 0; i < 900; i++) {
        const enum wb_aead_id id = (enum wb_aead_id)(i % 3);
        const size_t len = i > 880 ? random_next() % sizeof plain : i / 3;
        const size_t ad_len = 1 + random_next() % (sizeof ad - 1);
        random_fill(key, sizeof key);
        random_fill(nonce, sizeof nonce);
        random_fill(ad, ad_len);
        random_fill(plain, len);
        memcpy(ours, plain, len);
        memcpy(theirs, plain, len);
        wb_aead_encrypt(id, key, nonce, ad, ad_len, ours, len, tag);
        evp_seal(id, key, nonce, ad, ad_len, theirs, len, other_tag);
        assert_memory_equal(ours, theirs, len);
        assert_memory_equal(tag, other_tag, 16);
        assert_ok(wb_aead_decrypt(id, key, nonce, ad, ad_len, ours, len, tag));
        assert_memory_equal(ours, plain, len);
    }
}

static EVP_PKEY *evp_key(int type, const uint8_t private_key[32])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, private_key, 32);
    assert_non_null(key);
    return key;
}

static void x25519_agrees(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        uint8_t private_key[32], peer[32], ours[32], theirs[32];
        size_t len = 32;
        random_fill(private_key, 32);
        random_fill(peer, 32); /* a point of the curve or of its twist */
        EVP_PKEY *key = evp_key(EVP_PKEY_X25519, private_key);
        EVP_PKEY *peer_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, theirs, &len), 1);
        wb_x25519_public_key(ours, private_key);
        assert_memory_equal(ours, theirs, 32);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
        assert_int_equal(EVP_PKEY_derive_init(c), 1);
        assert_int_equal(EVP_PKEY_derive_set_peer(c, peer_key), 1);
        assert_int_equal(EVP_PKEY_derive(c, theirs, &len), 1);
        assert_ok(wb_x25519(ours, private_key, peer));
        assert_memory_equal(ours, theirs, 32);
        EVP_PKEY_CTX_free(c);
        EVP_PKEY_free(peer_key);
        EVP_PKEY_free(key);
    }
}

static void ed25519_agrees(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (unsigned i = 0; i < 200; i++) {
        uint8_t private_key[32], public_key[32], theirs[64], ours[64], message[300];
        size_t len = 32;
        random_fill(private_key, 32);
        random_fill(message, i);
        EVP_PKEY *key = evp_key(EVP_PKEY_ED25519, private_key);
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, theirs, &len), 1);
        wb_ed25519_public_key(public_key, private_key);
        assert_memory_equal(public_key, theirs, 32);
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        len = 64;
        assert_int_equal(EVP_DigestSignInit(c, NULL, NULL, NULL, key), 1);
        assert_int_equal(EVP_DigestSign(c, theirs, &len, message, i), 1);
        wb_ed25519_sign(ours, private_key, public_key, message, i);
        assert_memory_equal(ours, theirs, 64);
        EVP_MD_CTX_free(c);

        for (unsigned k = 0; k < 2; k++) { /* as it is, then damaged: the same verdict */
            c = EVP_MD_CTX_new();
            assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, key), 1);
            bool good = EVP_DigestVerify(c, ours, 64, message, i) == 1;
            assert_int_equal(wb_ed25519_verify(ours, public_key, message, i) == WB_OK, good);
            refused += !good;
            EVP_MD_CTX_free(c);
            ours[random_next() % 64] ^= (uint8_t)(1u << random_next() % 8);
        }
        EVP_PKEY_free(key);
    }
    assert_int_equal(refused, 200);
}

/* A P-256 key pair, or a public key alone when private_key is NULL. */
static EVP_PKEY *p256_key(const uint8_t *private_key, const uint8_t public_key[65])
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *number = private_key == NULL ? NULL : BN_bin2bn(private_key, 32, NULL);
    assert_int_equal(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0),
                     1);
    assert_int_equal(
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public_key, 65), 1);
    if (number != NULL) {
        assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number), 1);
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
    assert_int_equal(
        EVP_PKEY_fromdata(c, &key, number == NULL ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, params),
        1);
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(number);
    return key;
}

static void random_p256_key(uint8_t private_key[32], uint8_t public_key[65])
{
    uint8_t random[48];
    random_fill(random, sizeof random);
    wb_p256_private_key(private_key, random);
    assert_ok(wb_p256_public_key(public_key, private_key));
}

static void p256_ecdh_agrees(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        uint8_t private_key[32], public_key[65], peer[32], peer_public[65], ours[32], theirs[32];
        size_t len = 32;
        random_p256_key(private_key, public_key);
        random_p256_key(peer, peer_public);
        EVP_PKEY *key = p256_key(private_key, public_key);
        EVP_PKEY *peer_key = p256_key(NULL, peer_public);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
        assert_int_equal(EVP_PKEY_pairwise_check(c), 1); /* the public key is the right one */
        assert_int_equal(EVP_PKEY_derive_init(c), 1);
        assert_int_equal(EVP_PKEY_derive_set_peer(c, peer_key), 1);
        assert_int_equal(EVP_PKEY_derive(c, theirs, &len), 1);
        assert_ok(wb_p256_ecdh(ours, private_key, peer_public));
        assert_memory_equal(ours, theirs, 32);
        EVP_PKEY_CTX_free(c);
        EVP_PKEY_free(peer_key);
        EVP_PKEY_free(key);
    }
}

static void ecdsa_agrees(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (unsigned i = 0; i < 90; i++) {
        const int id = (int)(i % 3);
        uint8_t private_key[32], public_key[65], message[100], digest[64], raw[64], der[80];
        size_t len = sizeof der;
        random_p256_key(private_key, public_key);
        random_fill(message, i);
        wb_hash_once((enum wb_hash_id)id, message, i, digest);
        EVP_PKEY *key = p256_key(private_key, public_key);
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(c, NULL, evp_hash(id), NULL, key), 1);
        assert_int_equal(EVP_DigestSign(c, der, &len, message, i), 1);
        EVP_MD_CTX_free(c);
        assert_ok(wb_p256_signature_decode(raw, der, len));
        assert_ok(wb_p256_verify(raw, public_key, (enum wb_hash_id)id, digest));

        assert_ok(wb_p256_sign(raw, private_key, (enum wb_hash_id)id, digest, message, i));
        for (unsigned k = 0; k < 2; k++) { /* as it is, then damaged: the same verdict */
            len = wb_p256_signature_encode(der, raw);
            c = EVP_MD_CTX_new();
            assert_int_equal(EVP_DigestVerifyInit(c, NULL, evp_hash(id), NULL, key), 1);
            const bool good = EVP_DigestVerify(c, der, len, message, i) == 1;
            const enum wb_err err = wb_p256_verify(raw, public_key, (enum wb_hash_id)id, digest);
            assert_int_equal(err == WB_OK, good);
            refused += !good;
            EVP_MD_CTX_free(c);
            raw[random_next() % 64] ^= (uint8_t)(1u << random_next() % 8);
        }
        EVP_PKEY_free(key);
    }
    assert_int_equal(refused, 90);
}

/* A signature of theirs by a fresh key of an odd size, as it is and damaged. */
static void rsa_agrees(void **state)
{
    (void)state;
    static const unsigned exponents[] = {65537, 3, 0xfffffffb, 17};
    unsigned refused = 0;
    for (unsigned i = 0; i < 8; i++) {
        const int bits = i == 0 ? 2048 : 2048 + (int)(random_next() % 33);
        const int id = (int)(i % 3);
        uint8_t modulus[300], exponent[8], message[50], digest[64], signature[300];
        BIGNUM *e = BN_new();
        BIGNUM *n = NULL;
        EVP_PKEY *key = NULL;
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        assert_int_equal(BN_set_word(e, exponents[i % 4]), 1);
        assert_int_equal(EVP_PKEY_keygen_init(c), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(c, bits), 1);
        assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, e), 1);
        assert_int_equal(EVP_PKEY_generate(c, &key), 1);
        EVP_PKEY_CTX_free(c);
        assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
        const struct wb_rsa_public_key ours = {
            {modulus, (size_t)BN_bn2bin(n, modulus)},
            {exponent, (size_t)BN_bn2binpad(e, exponent, sizeof exponent)}};
        random_fill(message, sizeof message);
        wb_hash_once((enum wb_hash_id)id, message, sizeof message, digest);
        for (unsigned is_pss = 0; is_pss < 2; is_pss++) {
            const size_t salt_len = random_next() % 100;
            size_t len = sizeof signature;
            uint32_t work[WB_RSA_WORK_COUNT(300)];
            EVP_MD_CTX *signing = EVP_MD_CTX_new();
            assert_int_equal(EVP_DigestSignInit(signing, &c, evp_hash(id), NULL, key), 1);
            if (is_pss != 0) {
                assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING), 1);
                assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, (int)salt_len), 1);
            }
            assert_int_equal(EVP_DigestSign(signing, signature, &len, message, sizeof message), 1);
            EVP_MD_CTX_free(signing);
            for (unsigned damaged = 0; damaged < 2; damaged++) {
                const enum wb_hash_id hash = (enum wb_hash_id)id;
                const enum wb_err err =
                    is_pss != 0 ? wb_rsa_verify_pss(&ours, hash, hash, salt_len, digest, signature,
                                                    len, work, WB_ARRAY_LEN(work))
                                : wb_rsa_verify_pkcs1(&ours, hash, digest, signature, len, work,
                                                      WB_ARRAY_LEN(work));
                assert_err(damaged != 0 ? WB_ERR_SIGNATURE : WB_OK, err);
                refused += damaged;
                signature[random_next() % len] ^= (uint8_t)(1u << random_next() % 8);
            }
        }
        EVP_PKEY_free(key);
        BN_free(n);
        BN_free(e);
    }
    assert_int_equal(refused, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_and_macs_agree), cmocka_unit_test(keccak_agrees),
        cmocka_unit_test(aeads_agree),           cmocka_unit_test(x25519_agrees),
        cmocka_unit_test(ed25519_agrees),        cmocka_unit_test(p256_ecdh_agrees),
        cmocka_unit_test(ecdsa_agrees),          cmocka_unit_test(rsa_agrees),
    };
    const char *given = getenv("SEED");
    seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    seed |= 1;
    printf("SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
