/* SPDX-License-Identifier: AGPL-3.0-only */
/* The table. */
#include "libcrypto.h"

const struct wb_tls_crypto wb_tls_crypto_libcrypto = {
    .name = "openssl",
    .hash_init = libcrypto_hash_init,
    .hash_update = libcrypto_hash_update,
    .hash_final = libcrypto_hash_final,
    .hmac = libcrypto_hmac,
    .aead_encrypt = libcrypto_aead_encrypt,
    .aead_decrypt = libcrypto_aead_decrypt,
    .x25519_public_key = libcrypto_x25519_public_key,
    .x25519 = libcrypto_x25519,
    .ed25519_sign = libcrypto_ed25519_sign,
    .ed25519_verify = libcrypto_ed25519_verify,
};
