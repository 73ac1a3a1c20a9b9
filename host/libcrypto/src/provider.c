/* SPDX-License-Identifier: AGPL-3.0-only */
/* The tables. All is libcrypto's but RSA's verification, which is core/crypto's. */
#include "libcrypto.h"

static enum wb_err x25519_share(uint8_t *share, const uint8_t *random)
{
    libcrypto_x25519_public_key(share, random);
    return WB_OK;
}

static enum wb_err x25519_answer(uint8_t *share, uint8_t *secret, const uint8_t *random,
                                 const uint8_t *client_share)
{
    libcrypto_x25519_public_key(share, random);
    return libcrypto_x25519(secret, random, client_share);
}

static const struct wb_tls_group x25519 = {
    .id = WB_TLS_GROUP_X25519,
    .random_len = 32,
    .client_share_len = 32,
    .server_share_len = 32,
    .secret_len = 32,
    .share = x25519_share,
    .answer = x25519_answer,
    .agree = libcrypto_x25519,
};

static enum wb_err ed25519_verify(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                                  const void *message, size_t len, const uint8_t *signature,
                                  size_t signature_len)
{
    if (scheme != WB_X509_ED25519) {
        return WB_ERR_UNSUPPORTED;
    }
    if (public_key_len != 32 || signature_len != 64) {
        return WB_ERR_SIGNATURE;
    }
    return libcrypto_ed25519_verify(signature, public_key, message, len);
}

static enum wb_err ed25519_sign(uint16_t scheme, const uint8_t private_key[32],
                                const uint8_t *public_key, const void *message, size_t len,
                                uint8_t *signature, size_t *signature_len)
{
    if (scheme != WB_X509_ED25519) {
        return WB_ERR_UNSUPPORTED;
    }
    libcrypto_ed25519_sign(signature, private_key, public_key, message, len);
    *signature_len = 64;
    return WB_OK;
}

static enum wb_err ed25519_public_key(uint8_t public_key[WB_X509_PUBLIC_KEY_MAX],
                                      size_t *public_key_len, const uint8_t private_key[32])
{
    *public_key_len = 32;
    wb_ed25519_public_key(public_key, private_key);
    return WB_OK;
}

static const struct wb_x509_algorithm ed25519 = {
    .key_type = WB_X509_KEY_ED25519,
    .verify = ed25519_verify,
    .sign = ed25519_sign,
    .public_key = ed25519_public_key,
};

static const struct wb_tls_group *const groups[] = {&x25519, &libcrypto_secp256r1, NULL};
static const struct wb_x509_algorithm *const algorithms[] = {&ed25519, &libcrypto_p256,
                                                             &wb_x509_rsa, NULL};

const struct wb_tls_crypto wb_tls_crypto_libcrypto = {
    .name = "openssl",
    .hash_init = libcrypto_hash_init,
    .hash_update = libcrypto_hash_update,
    .hash_final = libcrypto_hash_final,
    .hmac = libcrypto_hmac,
    .aead_encrypt = libcrypto_aead_encrypt,
    .aead_decrypt = libcrypto_aead_decrypt,
    .groups = groups,
    .algorithms = algorithms,
};
