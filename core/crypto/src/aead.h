/* SPDX-License-Identifier: AGPL-3.0-only */
/* aead.h: the two constructions behind wb_aead_*. seal and open share one function each: the tag is
 * always over the ciphertext, so only the order of ciphering and authenticating differs. */
#ifndef WB_CRYPTO_AEAD_H
#define WB_CRYPTO_AEAD_H

#include "wb_crypto.h"

enum aead_direction {
    AEAD_ENCRYPT,
    AEAD_DECRYPT,
};

/* Both write the tag of the ciphertext to tag, or compare it with expected when decrypting; a text
 * whose tag differs is zeroed without having been deciphered. */
enum wb_err wb_gcm_run(enum aead_direction direction, const uint8_t *key, size_t key_len,
                       const uint8_t nonce[12], const void *ad, size_t ad_len, uint8_t *text,
                       size_t len, uint8_t tag[16], const uint8_t *expected);
enum wb_err wb_chacha20_poly1305_run(enum aead_direction direction, const uint8_t key[32],
                                     const uint8_t nonce[12], const void *ad, size_t ad_len,
                                     uint8_t *text, size_t len, uint8_t tag[16],
                                     const uint8_t *expected);

#endif
