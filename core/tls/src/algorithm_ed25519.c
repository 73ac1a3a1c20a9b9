/* SPDX-License-Identifier: AGPL-3.0-only */
/* Ed25519 of core/crypto as a row of the algorithm table. */
#include "algorithm.h"

static enum wb_err verify(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                          const void *message, size_t len, const uint8_t *signature,
                          size_t signature_len)
{
    if (scheme != WB_X509_ED25519) {
        return WB_ERR_UNSUPPORTED;
    }
    if (public_key_len != 32 || signature_len != 64) {
        return WB_ERR_SIGNATURE;
    }
    return wb_ed25519_verify(signature, public_key, message, len);
}

static enum wb_err sign(uint16_t scheme, const uint8_t private_key[32], const uint8_t *public_key,
                        const void *message, size_t len, uint8_t *signature, size_t *signature_len)
{
    if (scheme != WB_X509_ED25519) {
        return WB_ERR_UNSUPPORTED;
    }
    wb_ed25519_sign(signature, private_key, public_key, message, len);
    *signature_len = 64;
    return WB_OK;
}

static enum wb_err public_key_of(uint8_t public_key[WB_X509_PUBLIC_KEY_MAX], size_t *public_key_len,
                                 const uint8_t private_key[32])
{
    wb_ed25519_public_key(public_key, private_key);
    *public_key_len = 32;
    return WB_OK;
}

const struct wb_x509_algorithm wb_x509_ed25519 = {
    .key_type = WB_X509_KEY_ED25519,
    .verify = verify,
    .sign = sign,
    .public_key = public_key_of,
};
const struct wb_x509_algorithm *const wb_x509_algorithms_small[] = {&wb_x509_ed25519, NULL};
