/* SPDX-License-Identifier: AGPL-3.0-only */
/* libcrypto.h: what the sources of host/libcrypto share. */
#ifndef WB_LIBCRYPTO_PRIVATE_H
#define WB_LIBCRYPTO_PRIVATE_H

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "wb_libcrypto.h"

#define AEAD_COUNT 3u
#define AEAD_SLOTS 4u /* contexts an algorithm; a key's low bits choose */

/* A cipher context and the key that is expanded in it. A busy connection finds its key there; an
 * idle one costs nothing. */
struct aead_slot {
    EVP_CIPHER_CTX *ctx;
    uint8_t key[WB_AEAD_KEY_MAX];
    bool has_key;
};

/* One a thread. */
struct thread {
    struct aead_slot aead[AEAD_COUNT][AEAD_SLOTS];
    EVP_MD_CTX *signature;
    EVP_PKEY_CTX *x25519; /* these make keys of raw bytes */
    EVP_PKEY_CTX *ed25519;
    EVP_PKEY_CTX *ec;
    EC_GROUP *p256;
    BN_CTX *bn;
};

/* One a process: algorithms, fetched by name once. */
struct algorithms {
    EVP_CIPHER *aead[AEAD_COUNT];
};

/* This thread's contexts, made on first use. */
struct thread *libcrypto_thread(void);
const struct algorithms *libcrypto_algorithms(void);

/* hash.c */
void libcrypto_hash_init(struct wb_tls_hash *hash, enum wb_hash_id id);
void libcrypto_hash_update(struct wb_tls_hash *hash, const void *data, size_t len);
void libcrypto_hash_final(struct wb_tls_hash *hash, uint8_t *digest);
void libcrypto_hmac(enum wb_hash_id id, const void *key, size_t key_len,
                    const struct wb_bytes *pieces, size_t piece_count, uint8_t *mac);

/* aead.c */
void libcrypto_aead_encrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                            const void *ad, size_t ad_len, uint8_t *text, size_t len,
                            uint8_t tag[16]);
enum wb_err libcrypto_aead_decrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                                   const void *ad, size_t ad_len, uint8_t *text, size_t len,
                                   const uint8_t tag[16]);

/* keys.c */
void libcrypto_x25519_public_key(uint8_t public_key[32], const uint8_t private_key[32]);
enum wb_err libcrypto_x25519(uint8_t shared_secret[32], const uint8_t private_key[32],
                             const uint8_t peer_public_key[32]);
void libcrypto_ed25519_sign(uint8_t signature[64], const uint8_t private_key[32],
                            const uint8_t public_key[32], const void *message, size_t len);
enum wb_err libcrypto_ed25519_verify(const uint8_t signature[64], const uint8_t public_key[32],
                                     const void *message, size_t len);

/* p256.c */
extern const struct wb_tls_group libcrypto_secp256r1;
extern const struct wb_x509_algorithm libcrypto_p256;

/* signer.c: *signature_len is the room before. Outcomes: WB_ERR_KEY. */
enum wb_err libcrypto_sign(EVP_PKEY *key, uint16_t scheme, const void *message, size_t len,
                           uint8_t *signature, size_t *signature_len);
/* Name of the hash with this number in the upper byte of a code point. */
const char *libcrypto_hash_name(unsigned hash);

#endif
