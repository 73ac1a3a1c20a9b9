/* SPDX-License-Identifier: AGPL-3.0-only */
/* ECDSA with P-256 of core/crypto as a row of the algorithm table. */
#include "algorithm.h"

static bool digest_of(uint16_t scheme, const void *message, size_t len, enum wb_hash_id *id,
                      uint8_t digest[WB_HASH_LEN_MAX])
{
    if (wb_x509_scheme_key_type(scheme) != WB_X509_KEY_P256) {
        return false;
    }
    *id = algorithm_hash(scheme >> 8);
    wb_hash_once(*id, message, len, digest);
    return true;
}

static enum wb_err verify(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                          const void *message, size_t len, const uint8_t *signature,
                          size_t signature_len)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    uint8_t plain[64];
    enum wb_hash_id id;
    if (!digest_of(scheme, message, len, &id, digest)) {
        return WB_ERR_UNSUPPORTED;
    }
    if (public_key_len != WB_P256_POINT_LEN) {
        return WB_ERR_KEY;
    }
    WB_TRY(wb_p256_signature_decode(plain, signature, signature_len));
    return wb_p256_verify(plain, public_key, id, digest);
}

static enum wb_err sign(uint16_t scheme, const uint8_t private_key[32], const uint8_t *public_key,
                        const void *message, size_t len, uint8_t *signature, size_t *signature_len)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    uint8_t plain[64];
    enum wb_hash_id id;
    (void)public_key;
    if (!digest_of(scheme, message, len, &id, digest)) {
        return WB_ERR_UNSUPPORTED;
    }
    WB_TRY(wb_p256_sign(plain, private_key, id, digest, NULL, 0));
    *signature_len = wb_p256_signature_encode(signature, plain);
    return WB_OK;
}

static enum wb_err public_key_of(uint8_t public_key[WB_X509_PUBLIC_KEY_MAX], size_t *public_key_len,
                                 const uint8_t private_key[32])
{
    *public_key_len = WB_P256_POINT_LEN;
    return wb_p256_public_key(public_key, private_key);
}

const struct wb_x509_algorithm wb_x509_p256 = {
    .key_type = WB_X509_KEY_P256,
    .verify = verify,
    .sign = sign,
    .public_key = public_key_of,
};
