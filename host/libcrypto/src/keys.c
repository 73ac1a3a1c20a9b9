/* SPDX-License-Identifier: AGPL-3.0-only */
/* X25519 and Ed25519. Keys are made of raw bytes with both halves given: with the private half
 * alone libcrypto computes the public one each time, which costs as much as the operation itself.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>

#include "libcrypto.h"

static EVP_PKEY *make_key(EVP_PKEY_CTX *maker, const uint8_t *private_key,
                          const uint8_t *public_key)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[3];
    size_t count = 0;
    if (public_key != NULL) {
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                            (void *)(uintptr_t)public_key, 32);
    }
    if (private_key != NULL) {
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
                                                            (void *)(uintptr_t)private_key, 32);
    }
    params[count] = OSSL_PARAM_construct_end();
    int done = EVP_PKEY_fromdata(
        maker, &key, private_key != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    WB_ASSERT(done == 1);
    return key;
}

void libcrypto_x25519_public_key(uint8_t public_key[32], const uint8_t private_key[32])
{
    size_t len = 32;
    EVP_PKEY *key = make_key(libcrypto_thread()->x25519, private_key, NULL);
    int done = EVP_PKEY_get_raw_public_key(key, public_key, &len);
    WB_ASSERT(done == 1);
    EVP_PKEY_free(key);
}

enum wb_err libcrypto_x25519(uint8_t shared_secret[32], const uint8_t private_key[32],
                             const uint8_t peer_public_key[32])
{
    size_t len = 32;
    EVP_PKEY_CTX *maker = libcrypto_thread()->x25519;
    /* Our own public half takes no part in the agreement: any 32 bytes save computing it. */
    EVP_PKEY *ours = make_key(maker, private_key, peer_public_key);
    EVP_PKEY *theirs = make_key(maker, NULL, peer_public_key);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
    WB_ASSERT(ctx != NULL);
    int done = EVP_PKEY_derive_init(ctx);
    WB_ASSERT(done == 1);
    done = EVP_PKEY_derive_set_peer_ex(ctx, theirs, 0);
    WB_ASSERT(done == 1);
    bool is_derived =
        EVP_PKEY_derive(ctx, shared_secret, &len) == 1; /* refuses zero, RFC 7748 §6.1 */
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    if (!is_derived) {
        wb_wipe(shared_secret, 32);
        return WB_ERR_KEY;
    }
    return WB_OK;
}

void libcrypto_ed25519_sign(uint8_t signature[64], const uint8_t private_key[32],
                            const uint8_t public_key[32], const void *message, size_t len)
{
    size_t signature_len = 64;
    struct thread *t = libcrypto_thread();
    EVP_PKEY *key = make_key(t->ed25519, private_key, public_key);
    int done = EVP_DigestSignInit(t->signature, NULL, NULL, NULL, key);
    WB_ASSERT(done == 1);
    done = EVP_DigestSign(t->signature, signature, &signature_len, message, len);
    WB_ASSERT(done == 1);
    WB_ASSERT(signature_len == 64);
    (void)EVP_MD_CTX_reset(t->signature);
    EVP_PKEY_free(key);
}

/* RFC 8032 §5.1.3 step 1: an encoding of y >= 2^255 - 19 is refused; libcrypto reduces it. */
static bool is_canonical(const uint8_t point[32])
{
    if (point[0] < 0xed || (point[31] & 0x7f) != 0x7f) {
        return true;
    }
    for (size_t i = 1; i < 31; i++) {
        if (point[i] != 0xff) {
            return true;
        }
    }
    return false;
}

enum wb_err libcrypto_ed25519_verify(const uint8_t signature[64], const uint8_t public_key[32],
                                     const void *message, size_t len)
{
    struct thread *t = libcrypto_thread();
    if (!is_canonical(public_key)) {
        return WB_ERR_SIGNATURE;
    }
    EVP_PKEY *key = make_key(t->ed25519, NULL, public_key);
    int done = EVP_DigestVerifyInit(t->signature, NULL, NULL, NULL, key);
    WB_ASSERT(done == 1);
    bool is_good = EVP_DigestVerify(t->signature, signature, 64, message, len) == 1;
    (void)EVP_MD_CTX_reset(t->signature);
    EVP_PKEY_free(key);
    return is_good ? WB_OK : WB_ERR_SIGNATURE;
}
