/* SPDX-License-Identifier: AGPL-3.0-only */
/* Picks the construction. */
#include "aead.h"

size_t wb_aead_key_len(enum wb_aead_id id)
{
    return id == WB_AEAD_AES_128_GCM ? 16 : 32;
}

static enum wb_err run(enum wb_aead_id id, enum aead_direction direction, const uint8_t *key,
                       const uint8_t nonce[12], const void *ad, size_t ad_len, uint8_t *text,
                       size_t len, uint8_t tag[16], const uint8_t *expected)
{
    if (id == WB_AEAD_CHACHA20_POLY1305) {
        return wb_chacha20_poly1305_run(direction, key, nonce, ad, ad_len, text, len, tag,
                                        expected);
    }
    return wb_gcm_run(direction, key, wb_aead_key_len(id), nonce, ad, ad_len, text, len, tag,
                      expected);
}

void wb_aead_encrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                     const void *ad, size_t ad_len, uint8_t *text, size_t len, uint8_t tag[16])
{
    enum wb_err err = run(id, AEAD_ENCRYPT, key, nonce, ad, ad_len, text, len, tag, NULL);
    WB_ASSERT(err == WB_OK);
}

enum wb_err wb_aead_decrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                            const void *ad, size_t ad_len, uint8_t *text, size_t len,
                            const uint8_t tag[16])
{
    uint8_t computed[WB_AEAD_TAG_LEN];
    return run(id, AEAD_DECRYPT, key, nonce, ad, ad_len, text, len, computed, tag);
}
