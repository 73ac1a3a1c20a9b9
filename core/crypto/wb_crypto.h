/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_crypto.h: the cryptographic primitives of boards, portable and constant-time.
 * Shape    plain functions over the caller's buffers; contexts are complete structs
 * Limits   messages shorter than 2^61 bytes; AEAD texts up to 2^32 - 64 bytes
 * Memory   no heap, no globals; key schedules live on the stack and are wiped
 * Stack    on rv32imac -Os: X25519 800 bytes, Ed25519 sign 950, verify 1,500, AES-GCM 1,100, HKDF
 * 800, ChaCha20-Poly1305 500 (bench/crypto measures it) Timing   no branch and no address depends
 * on a key, a nonce secret or a text Source   FIPS 180-4, RFC 2104, RFC 5869, SP 800-38D, RFC 8439,
 * RFC 7748, RFC 8032, SP 800-90A
 */
#ifndef WB_CRYPTO_H
#define WB_CRYPTO_H

#include "wb_base.h"

/* ---- hashes ------------------------------------------------------------------------------- */

enum wb_hash_id {
    WB_HASH_SHA256,
    WB_HASH_SHA384,
    WB_HASH_SHA512,
};

#define WB_HASH_LEN_MAX   64u
#define WB_HASH_BLOCK_MAX 128u

struct wb_sha256 {
    uint32_t state[8];
    uint64_t len;
    uint8_t block[64];
};

struct wb_sha512 { /* SHA-384, too: it differs in start values and length only */
    uint64_t state[8];
    uint64_t len;
    uint8_t block[128];
};

/* One hash of any kind. Copying the struct forks the computation (transcripts do). */
struct wb_hash {
    enum wb_hash_id id;
    union {
        struct wb_sha256 sha256;
        struct wb_sha512 sha512;
    } u;
};

/* Digest length in bytes: 32, 48, 64. */
size_t wb_hash_len(enum wb_hash_id id);

void wb_hash_init(struct wb_hash *hash, enum wb_hash_id id);
void wb_hash_update(struct wb_hash *hash, const void *data, size_t len);
/* Writes wb_hash_len(id) bytes and wipes the context. */
void wb_hash_final(struct wb_hash *hash, uint8_t *digest);
/* All three in one call. */
void wb_hash_once(enum wb_hash_id id, const void *data, size_t len, uint8_t *digest);

/* SHA-256 alone, where the smaller context matters (image digests). */
void wb_sha256_init(struct wb_sha256 *hash);
void wb_sha256_update(struct wb_sha256 *hash, const void *data, size_t len);
void wb_sha256_final(struct wb_sha256 *hash, uint8_t digest[32]);

/* ---- HMAC and HKDF ------------------------------------------------------------------------ */

/* HMAC (RFC 2104) over up to three pieces, so that callers need no buffer to join them; a piece may
 * be NULL with length 0. mac receives wb_hash_len(id) bytes. */
struct wb_bytes {
    const void *data;
    size_t len;
};
void wb_hmac(enum wb_hash_id id, const void *key, size_t key_len, const struct wb_bytes *pieces,
             size_t piece_count, uint8_t *mac);

/* RFC 5869 §2.2. salt may be NULL with length 0: then a string of zeros. prk: wb_hash_len(id)
 * bytes. */
void wb_hkdf_extract(enum wb_hash_id id, const void *salt, size_t salt_len, const void *ikm,
                     size_t ikm_len, uint8_t *prk);
/* RFC 5869 §2.3. Outcomes: WB_ERR_LIMIT when out_len > 255 * wb_hash_len(id). */
enum wb_err wb_hkdf_expand(enum wb_hash_id id, const uint8_t *prk, const void *info,
                           size_t info_len, void *out, size_t out_len) WB_MUST_USE;

/* ---- AEAD --------------------------------------------------------------------------------- */

enum wb_aead_id {
    WB_AEAD_AES_128_GCM,
    WB_AEAD_AES_256_GCM,
    WB_AEAD_CHACHA20_POLY1305,
};

#define WB_AEAD_KEY_MAX   32u
#define WB_AEAD_NONCE_LEN 12u
#define WB_AEAD_TAG_LEN   16u

/* Key length in bytes: 16, 32, 32. */
size_t wb_aead_key_len(enum wb_aead_id id);

/* Encrypts text in place and writes the tag (which may lie right behind the text). */
void wb_aead_encrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                     const void *ad, size_t ad_len, uint8_t *text, size_t len, uint8_t tag[16]);
/* Decrypts text in place. Outcomes: WB_ERR_AUTH when the tag differs; the text is then zeroed. */
enum wb_err wb_aead_decrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                            const void *ad, size_t ad_len, uint8_t *text, size_t len,
                            const uint8_t tag[16]) WB_MUST_USE;

/* ---- X25519 (RFC 7748) -------------------------------------------------------------------- */

void wb_x25519_public_key(uint8_t public_key[32], const uint8_t private_key[32]);
/* Outcomes: WB_ERR_KEY when the shared secret is all zero (RFC 7748 §6.1); it is then wiped. */
enum wb_err wb_x25519(uint8_t shared_secret[32], const uint8_t private_key[32],
                      const uint8_t peer_public_key[32]) WB_MUST_USE;

/* ---- Ed25519 (RFC 8032 §5.1) -------------------------------------------------------------- */

/* private_key is RFC 8032's 32-byte seed. public_key must belong to it when signing: signatures
 * under two public keys give away the private key. */
void wb_ed25519_public_key(uint8_t public_key[32], const uint8_t private_key[32]);
void wb_ed25519_sign(uint8_t signature[64], const uint8_t private_key[32],
                     const uint8_t public_key[32], const void *message, size_t len);
/* Strict: refuses s >= L, a non-canonical A or R encoding. Outcomes: WB_ERR_SIGNATURE. */
enum wb_err wb_ed25519_verify(const uint8_t signature[64], const uint8_t public_key[32],
                              const void *message, size_t len) WB_MUST_USE;
/* The same for a message that lies in pieces. */
void wb_ed25519_sign_pieces(uint8_t signature[64], const uint8_t private_key[32],
                            const uint8_t public_key[32], const struct wb_bytes *pieces,
                            size_t piece_count);
enum wb_err wb_ed25519_verify_pieces(const uint8_t signature[64], const uint8_t public_key[32],
                                     const struct wb_bytes *pieces, size_t piece_count) WB_MUST_USE;

/* ---- random bits -------------------------------------------------------------------------- */

/* HMAC-DRBG with SHA-256 (SP 800-90A §10.1.2), without prediction resistance. */
struct wb_drbg {
    uint8_t key[32];
    uint8_t value[32];
    uint32_t reseed_counter; /* 0: not seeded */
};

/* Outcomes: WB_ERR_ENTROPY when seed_len < 32. personalisation may be NULL with length 0. */
enum wb_err wb_drbg_init(struct wb_drbg *drbg, const void *seed, size_t seed_len,
                         const void *personalisation, size_t personalisation_len) WB_MUST_USE;
/* A seed shorter than 32 bytes is mixed in, but counts as no reseeding; before wb_drbg_init nothing
 * happens. */
void wb_drbg_reseed(struct wb_drbg *drbg, const void *seed, size_t seed_len);
/* Outcomes: WB_ERR_ENTROPY when it was never seeded, or after 2^24 requests without reseeding. */
enum wb_err wb_drbg_generate(struct wb_drbg *drbg, void *out, size_t len) WB_MUST_USE;

#endif
