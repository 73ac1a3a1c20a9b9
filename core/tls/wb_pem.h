/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_pem.h: PEM blocks (RFC 7468) and Ed25519 private keys in PKCS#8 (RFC 5958, RFC 8410).
 * Shape    one block a call, through a position in the text
 * Limits   what the caller's output buffer holds; labels up to 32 characters
 * Memory   no heap; wipes what it decoded when it fails
 * Errors   wb_fault says which block (where[0], counted from 0) and line (where[1], counted from
 * 1), and why
 */
#ifndef WB_PEM_H
#define WB_PEM_H

#include "wb_base.h"

#define WB_PEM_CERTIFICATE "CERTIFICATE"
#define WB_PEM_PRIVATE_KEY "PRIVATE KEY"
#define WB_PEM_REQUEST     "CERTIFICATE REQUEST"
#define WB_PEM_CRL         "X509 CRL"
#define WB_PEM_EC_KEY      "EC PRIVATE KEY"
#define WB_PEM_RSA_KEY     "RSA PRIVATE KEY"
#define WB_PEM_PUBLIC_KEY  "PUBLIC KEY"
#define WB_PEM_LABEL_MAX   32u

struct wb_pem {
    const char *text; /* borrowed */
    size_t len;
    size_t at;
    uint32_t block;
    uint32_t line;
    struct wb_fault fault;
};

void wb_pem_init(struct wb_pem *pem, const void *text, size_t len);

/* Decodes the next block into der; text between blocks is read over. label receives its name.
 * Outcomes: WB_ERR_NOT_FOUND (no further block), WB_ERR_FORMAT, WB_ERR_SPACE; pem->fault says
 * where. */
enum wb_err wb_pem_next(struct wb_pem *pem, char label[WB_PEM_LABEL_MAX + 1], uint8_t *der,
                        size_t cap, size_t *len) WB_MUST_USE;

/* Decodes the first block with this label. Outcomes: as wb_pem_next; WB_ERR_TYPE when there are
 * blocks, but none with this label. fault (may be NULL) names it. */
enum wb_err wb_pem_find(const void *text, size_t text_len, const char *label, uint8_t *der,
                        size_t cap, size_t *len, struct wb_fault *fault) WB_MUST_USE;

/* Writes one block with lines of 64 characters; text receives no terminator. Outcomes:
 * WB_ERR_SPACE. */
enum wb_err wb_pem_write(const char *label, const void *der, size_t der_len, char *text, size_t cap,
                         size_t *len) WB_MUST_USE;
/* Length of that text. */
size_t wb_pem_len(const char *label, size_t der_len);

/* ---- PKCS#8 ---- */

#define WB_PKCS8_ED25519_LEN 48u

/* Reads an Ed25519 private key (version 1, or version 2 with its public key, which is not
 * compared). Outcomes: WB_ERR_UNSUPPORTED (another algorithm), WB_ERR_FORMAT. fault may be NULL. */
enum wb_err wb_pkcs8_read_ed25519(const void *der, size_t len, uint8_t private_key[32],
                                  struct wb_fault *fault) WB_MUST_USE;
/* Writes the 48-byte form that every tool reads. */
void wb_pkcs8_write_ed25519(const uint8_t private_key[32], uint8_t der[WB_PKCS8_ED25519_LEN]);

/* ---- private keys of any form ---- */

/* Needs wb_x509.h for the kinds of keys. Contents borrow the DER for RSA. */
struct wb_private_key {
    unsigned key_type;       /* enum wb_x509_key_type */
    uint8_t private_key[32]; /* Ed25519 seed or P-256 number; RSA: zeros, another library signs */
    const void *rsa;         /* RSA: the whole RSAPrivateKey (PKCS#1), borrowed */
    size_t rsa_len;
    const void *modulus; /* RSA: content of the INTEGERs, borrowed */
    size_t modulus_len;
    const void *exponent;
    size_t exponent_len;
};

/* Reads a private key: PKCS#8 (Ed25519, EC P-256, RSA), SEC 1 (EC) or PKCS#1 (RSA), told apart by
 * their structure. Outcomes: WB_ERR_UNSUPPORTED (another algorithm or curve, encrypted),
 * WB_ERR_FORMAT. fault may be NULL. */
enum wb_err wb_private_key_read(struct wb_private_key *key, const void *der, size_t len,
                                struct wb_fault *fault) WB_MUST_USE;

#define WB_PKCS8_P256_LEN 138u
/* Writes a P-256 key in PKCS#8, with its public key. */
void wb_pkcs8_write_p256(const uint8_t private_key[32], const uint8_t public_key[65],
                         uint8_t der[WB_PKCS8_P256_LEN]);

#endif
