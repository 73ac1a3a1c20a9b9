/* SPDX-License-Identifier: AGPL-3.0-only */
/* clang-format off */
/* wb_crypto.h: the cryptographic primitives of boards, portable and constant-time.
 * Shape    plain functions over the caller's buffers; contexts are complete structs
 * Limits   messages shorter than 2^61 bytes; AEAD texts up to 2^32 - 64 bytes; RSA moduli of 2,048
 *          to 4,096 bits
 * Memory   no heap, no globals; key schedules live on the stack and are wiped; RSA and ML-KEM work
 *          in memory that the caller gives
 * Stack    on rv32imac -Os: X25519 800 bytes, Ed25519 sign 950, verify 1,500, P-256 ECDH 1,700, sign
 *          and verify 1,250, RSA 650, ML-KEM 1,200, AES-GCM 1,100, HKDF 800, ChaCha20-Poly1305 500
 *          (bench/crypto measures it)
 * Timing   no branch and no address depends on a private key, a nonce secret or a text; verifying
 *          signatures knows no secrets and takes its shortcuts
 * Source   FIPS 180-4, RFC 2104, RFC 5869, SP 800-38D, RFC 8439, RFC 7748, RFC 8032, SP 800-90A,
 *          FIPS 186-5, SEC 1, RFC 6979, RFC 8017, FIPS 203
 */
/* clang-format on */
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

/* ---- P-256, also called secp256r1 (FIPS 186-5, SP 800-186 §3.2.1.3) ----------------------- */

/* Private keys are big-endian numbers from 1 to n - 1; public keys are uncompressed points, 0x04
 * and two coordinates (SEC 1 §2.3.3). */
#define WB_P256_POINT_LEN         65u
#define WB_P256_SIGNATURE_DER_MAX 72u

/* Makes a private key of 48 random bytes: reduced modulo n, so that none has to be refused (FIPS
 * 186-5 A.2.1; the 16 bytes above n's length make the bias smaller than 2^-128). */
void wb_p256_private_key(uint8_t private_key[32], const uint8_t random[48]);
/* Outcomes: WB_ERR_KEY when private_key is no number from 1 to n - 1. */
enum wb_err wb_p256_public_key(uint8_t public_key[65], const uint8_t private_key[32]) WB_MUST_USE;
/* Outcomes: WB_ERR_KEY unless the bytes are an uncompressed point of the curve (then it has order
 * n, as the cofactor is 1). wb_p256_ecdh and wb_p256_verify check this by themselves. */
enum wb_err wb_p256_public_key_check(const uint8_t public_key[65]) WB_MUST_USE;
/* The shared point's x coordinate (SP 800-56A §5.7.1.2). Outcomes: WB_ERR_KEY when either key is
 * unusable; nothing is written then. */
enum wb_err wb_p256_ecdh(uint8_t shared_secret[32], const uint8_t private_key[32],
                         const uint8_t peer_public_key[65]) WB_MUST_USE;

/* ECDSA over a digest that the caller has computed with the hash id. signature is r and s, 32 bytes
 * each. The nonce is deterministic (RFC 6979); extra (may be NULL with length 0) is mixed into it
 * (§3.6): fresh random bytes there make fault attacks harder, and are no risk when they are bad.
 * Outcomes: WB_ERR_KEY when private_key is out of range. */
enum wb_err wb_p256_sign(uint8_t signature[64], const uint8_t private_key[32], enum wb_hash_id id,
                         const uint8_t *digest, const void *extra, size_t extra_len) WB_MUST_USE;
/* Outcomes: WB_ERR_KEY when public_key is no point of the curve, else WB_ERR_SIGNATURE. Takes s and
 * n - s alike, as the standard does. */
enum wb_err wb_p256_verify(const uint8_t signature[64], const uint8_t public_key[65],
                           enum wb_hash_id id, const uint8_t *digest) WB_MUST_USE;

/* The form of X.509 and TLS (RFC 3279 §2.2.3, Ecdsa-Sig-Value in DER) from r and s, and back.
 * Encoding returns the length, 8 to 72. Decoding is strict: shortest forms only, nothing behind,
 * both numbers positive and below 2^256. Outcomes: WB_ERR_SIGNATURE. */
size_t wb_p256_signature_encode(uint8_t der[72], const uint8_t signature[64]);
enum wb_err wb_p256_signature_decode(uint8_t signature[64], const void *der,
                                     size_t len) WB_MUST_USE;

/* ---- RSA, verification only (RFC 8017) ---------------------------------------------------- */

/* Both numbers big-endian and borrowed; leading zeros (of DER's INTEGER) are allowed. The modulus
 * is odd and has 2,048 to 4,096 bits, the exponent is odd, 3 or more, below 2^32. */
struct wb_rsa_public_key {
    struct wb_bytes modulus;
    struct wb_bytes exponent;
};

/* 32-bit words of work memory for a modulus of modulus_len bytes: 1,028 bytes for 2,048 bits, 2,052
 * for 4,096. Its contents do not matter and are no secret. */
#define WB_RSA_WORK_COUNT(modulus_len) (4u * (((modulus_len) + 3u) / 4u) + 1u)
#define WB_RSA_WORK_COUNT_MAX          WB_RSA_WORK_COUNT(512u)

/* Outcomes: WB_ERR_KEY when a number of the key is outside the limits above. */
enum wb_err wb_rsa_public_key_check(const struct wb_rsa_public_key *key) WB_MUST_USE;
/* RSASSA-PKCS1-v1_5 (§8.2.2) over a digest made with the hash id. For certificates only: TLS 1.3
 * forbids it in CertificateVerify. Outcomes: WB_ERR_KEY; WB_ERR_SPACE when work has fewer words
 * than WB_RSA_WORK_COUNT(length of the modulus without leading zeros); WB_ERR_SIGNATURE. */
enum wb_err wb_rsa_verify_pkcs1(const struct wb_rsa_public_key *key, enum wb_hash_id id,
                                const uint8_t *digest, const void *signature, size_t signature_len,
                                uint32_t *work, size_t work_count) WB_MUST_USE;
/* RSASSA-PSS (§8.1.2) with MGF1 over mgf_id (TLS: the same hash) and exactly salt_len bytes of salt
 * (TLS: the digest's length). Outcomes as above. */
enum wb_err wb_rsa_verify_pss(const struct wb_rsa_public_key *key, enum wb_hash_id id,
                              enum wb_hash_id mgf_id, size_t salt_len, const uint8_t *digest,
                              const void *signature, size_t signature_len, uint32_t *work,
                              size_t work_count) WB_MUST_USE;

/* ---- ML-KEM-768 (FIPS 203) ---------------------------------------------------------------- */

#define WB_MLKEM768_PUBLIC_KEY_LEN 1184u /* encapsulation key */
#define WB_MLKEM768_CIPHERTEXT_LEN 1088u
#define WB_MLKEM768_EXPANDED_LEN   2400u /* decapsulation key in the standard's long form */

/* Work memory, wiped before each function returns. */
struct wb_mlkem768_work {
    uint16_t polynomials[8][256];
};

/* A private key is its seed, d and z (§7.1): 64 random bytes, from which each call expands it. */
void wb_mlkem768_public_key(uint8_t public_key[1184], const uint8_t private_key[64],
                            struct wb_mlkem768_work *work);
/* random: 32 fresh random bytes, secret. Outcomes: WB_ERR_KEY when public_key fails the modulus
 * check (§7.2); nothing is written then. */
enum wb_err wb_mlkem768_encaps(uint8_t ciphertext[1088], uint8_t shared_secret[32],
                               const uint8_t public_key[1184], const uint8_t random[32],
                               struct wb_mlkem768_work *work) WB_MUST_USE;
/* Never fails: a ciphertext that was not made for this key gives a secret that nobody else can know
 * (implicit rejection, §6.3). */
void wb_mlkem768_decaps(uint8_t shared_secret[32], const uint8_t private_key[64],
                        const uint8_t ciphertext[1088], struct wb_mlkem768_work *work);
/* The same with a key in the long form. Outcomes: WB_ERR_KEY when the hash inside it is not that of
 * the public key inside it (§7.3). */
enum wb_err wb_mlkem768_decaps_expanded(uint8_t shared_secret[32], const uint8_t key[2400],
                                        const uint8_t ciphertext[1088],
                                        struct wb_mlkem768_work *work) WB_MUST_USE;

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
