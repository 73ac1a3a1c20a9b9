/* SPDX-License-Identifier: AGPL-3.0-only */
/* secp256r1: key exchange by EC_POINT_mul, whose paths for a single point and for the generator are
 * constant-time (libcrypto's own key generation and ECDH are these calls); signatures by EVP. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

#include "libcrypto.h"

/* Private key times point (NULL: the generator), uncompressed. False when peer is no point of the
 * curve. */
static bool multiply(uint8_t out[WB_P256_POINT_LEN], const uint8_t *random, const uint8_t *peer)
{
    struct thread *t = libcrypto_thread();
    uint8_t private_key[32];
    wb_p256_private_key(private_key, random);
    BIGNUM *scalar = BN_secure_new();
    EC_POINT *point = EC_POINT_new(t->p256);
    WB_ASSERT(scalar != NULL && point != NULL);
    WB_ASSERT(BN_bin2bn(private_key, sizeof private_key, scalar) != NULL);
    wb_wipe(private_key, sizeof private_key);
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    bool is_point =
        peer == NULL || EC_POINT_oct2point(t->p256, point, peer, WB_P256_POINT_LEN, t->bn) == 1;
    if (is_point) {
        int done = peer == NULL ? EC_POINT_mul(t->p256, point, scalar, NULL, NULL, t->bn)
                                : EC_POINT_mul(t->p256, point, NULL, point, scalar, t->bn);
        WB_ASSERT(done == 1);
        is_point = EC_POINT_point2oct(t->p256, point, POINT_CONVERSION_UNCOMPRESSED, out,
                                      WB_P256_POINT_LEN, t->bn) == WB_P256_POINT_LEN;
    }
    EC_POINT_clear_free(point);
    BN_clear_free(scalar);
    return is_point;
}

static enum wb_err share(uint8_t *out, const uint8_t *random)
{
    return multiply(out, random, NULL) ? WB_OK : WB_ERR_KEY;
}

static enum wb_err agree(uint8_t *secret, const uint8_t *random, const uint8_t *peer_share)
{
    uint8_t point[WB_P256_POINT_LEN];
    if (peer_share[0] != 0x04 || !multiply(point, random, peer_share)) {
        return WB_ERR_KEY;
    }
    memcpy(secret, point + 1, 32); /* x alone, RFC 8446 §7.4.2 */
    wb_wipe(point, sizeof point);
    return WB_OK;
}

static enum wb_err answer(uint8_t *out, uint8_t *secret, const uint8_t *random,
                          const uint8_t *client_share)
{
    WB_TRY(agree(secret, random, client_share));
    return share(out, random);
}

const struct wb_tls_group libcrypto_secp256r1 = {
    .id = WB_TLS_GROUP_SECP256R1,
    .random_len = 48,
    .client_share_len = WB_P256_POINT_LEN,
    .server_share_len = WB_P256_POINT_LEN,
    .secret_len = 32,
    .share = share,
    .answer = answer,
    .agree = agree,
};

/* ---- ECDSA ---- */

/* NULL when the public key is no point of the curve, or the private key out of range. */
static EVP_PKEY *make_key(const uint8_t *private_key, const uint8_t *public_key)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[4];
    uint8_t native[32];
    size_t count = 0;
    params[count++] =
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"prime256v1"}, 0);
    params[count++] = OSSL_PARAM_construct_octet_string(
        OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)public_key, WB_P256_POINT_LEN);
    if (private_key != NULL) {
        BIGNUM *number = BN_bin2bn(private_key, 32, NULL);
        WB_ASSERT(number != NULL);
        WB_ASSERT(BN_bn2nativepad(number, native, sizeof native) == sizeof native);
        BN_clear_free(number);
        params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof native);
    }
    params[count] = OSSL_PARAM_construct_end();
    if (EVP_PKEY_fromdata(libcrypto_thread()->ec, &key,
                          private_key != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1) {
        key = NULL;
    }
    wb_wipe(native, sizeof native);
    return key;
}

static enum wb_err verify(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                          const void *message, size_t len, const uint8_t *signature,
                          size_t signature_len)
{
    uint8_t plain[64];
    if (wb_x509_scheme_key_type(scheme) != WB_X509_KEY_P256) {
        return WB_ERR_UNSUPPORTED;
    }
    if (public_key_len != WB_P256_POINT_LEN || public_key[0] != 0x04) {
        return WB_ERR_KEY;
    }
    WB_TRY(wb_p256_signature_decode(plain, signature, signature_len)); /* strict DER */
    EVP_PKEY *key = make_key(NULL, public_key);
    if (key == NULL) {
        return WB_ERR_KEY;
    }
    struct thread *t = libcrypto_thread();
    int done = EVP_DigestVerifyInit_ex(t->signature, NULL, libcrypto_hash_name(scheme >> 8), NULL,
                                       NULL, key, NULL);
    WB_ASSERT(done == 1);
    bool is_good = EVP_DigestVerify(t->signature, signature, signature_len, message, len) == 1;
    (void)EVP_MD_CTX_reset(t->signature);
    EVP_PKEY_free(key);
    return is_good ? WB_OK : WB_ERR_SIGNATURE;
}

static enum wb_err sign(uint16_t scheme, const uint8_t private_key[32], const uint8_t *public_key,
                        const void *message, size_t len, uint8_t *signature, size_t *signature_len)
{
    uint8_t own[WB_P256_POINT_LEN];
    if (wb_x509_scheme_key_type(scheme) != WB_X509_KEY_P256) {
        return WB_ERR_UNSUPPORTED;
    }
    (void)public_key; /* may be absent: credentials keep Ed25519's only */
    WB_TRY(wb_p256_public_key(own, private_key));
    EVP_PKEY *key = make_key(private_key, own);
    if (key == NULL) {
        return WB_ERR_KEY;
    }
    *signature_len = WB_P256_SIGNATURE_DER_MAX;
    enum wb_err err = libcrypto_sign(key, scheme, message, len, signature, signature_len);
    EVP_PKEY_free(key);
    return err;
}

static enum wb_err public_key_of(uint8_t public_key[WB_X509_PUBLIC_KEY_MAX], size_t *public_key_len,
                                 const uint8_t private_key[32])
{
    *public_key_len = WB_P256_POINT_LEN;
    return wb_p256_public_key(public_key, private_key);
}

const struct wb_x509_algorithm libcrypto_p256 = {
    .key_type = WB_X509_KEY_P256,
    .verify = verify,
    .sign = sign,
    .public_key = public_key_of,
};
