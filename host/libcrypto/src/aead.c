/* SPDX-License-Identifier: AGPL-3.0-only */
/* Records. Expanding a key costs about 1,300 instructions and a context of one's own 1.1 KB a
 * connection and direction; so each thread has a few contexts, found by the key's low bits, and
 * expands only when another key is there. Then an idle connection holds nothing and a busy one
 * pays nothing. */
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "libcrypto.h"

/* A context with this key and nonce, for one text. */
static EVP_CIPHER_CTX *begin(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                             bool is_encrypt)
{
    struct aead_slot *slot = &libcrypto_thread()->aead[id][key[0] % AEAD_SLOTS];
    size_t key_len = wb_aead_key_len(id);
    const EVP_CIPHER *cipher = NULL;
    if (slot->ctx == NULL) {
        slot->ctx = EVP_CIPHER_CTX_new();
        WB_ASSERT(slot->ctx != NULL);
        cipher = libcrypto_algorithms()->aead[id];
    }
    bool is_same = slot->has_key && wb_ct_equal(slot->key, key, key_len);
    int done = EVP_CipherInit_ex2(slot->ctx, cipher, is_same ? NULL : key, nonce, is_encrypt, NULL);
    WB_ASSERT(done == 1);
    if (!is_same) {
        memcpy(slot->key, key, key_len);
        slot->has_key = true;
    }
    return slot->ctx;
}

static void add(EVP_CIPHER_CTX *ctx, uint8_t *out, const void *in, size_t len)
{
    int out_len = 0;
    WB_ASSERT(len <= INT_MAX);
    if (len > 0) {
        int done = EVP_CipherUpdate(ctx, out, &out_len, in, (int)len);
        WB_ASSERT(done == 1);
        WB_ASSERT((size_t)out_len == len);
    }
}

void libcrypto_aead_encrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                            const void *ad, size_t ad_len, uint8_t *text, size_t len,
                            uint8_t tag[16])
{
    int rest = 0;
    EVP_CIPHER_CTX *ctx = begin(id, key, nonce, true);
    add(ctx, NULL, ad, ad_len);
    add(ctx, text, text, len);
    int done = EVP_CipherFinal_ex(ctx, tag, &rest);
    WB_ASSERT(done == 1);
    WB_ASSERT(rest == 0);
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, WB_AEAD_TAG_LEN),
        OSSL_PARAM_construct_end()};
    done = EVP_CIPHER_CTX_get_params(ctx, params);
    WB_ASSERT(done == 1);
}

enum wb_err libcrypto_aead_decrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                                   const void *ad, size_t ad_len, uint8_t *text, size_t len,
                                   const uint8_t tag[16])
{
    int rest = 0;
    uint8_t expected[WB_AEAD_TAG_LEN];
    memcpy(expected, tag, sizeof expected);
    EVP_CIPHER_CTX *ctx = begin(id, key, nonce, false);
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, expected, sizeof expected),
        OSSL_PARAM_construct_end()};
    int done = EVP_CIPHER_CTX_set_params(ctx, params);
    WB_ASSERT(done == 1);
    add(ctx, NULL, ad, ad_len);
    add(ctx, text, text, len);
    if (EVP_CipherFinal_ex(ctx, expected, &rest) != 1) {
        memset(text, 0, len);
        return WB_ERR_AUTH;
    }
    return WB_OK;
}
