/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_libcrypto.h: the crypto provider of hosts: OpenSSL's libcrypto behind wb_tls's table.
 * Shape    one constant table; put &wb_tls_crypto_libcrypto into wb_tls_cfg.crypto
 * Limits   as in wb_tls.h; keys and signatures it accepts are those that core/crypto accepts
 * Memory   algorithms are fetched once a process; contexts are allocated once a thread, on first
 *          use, about 15 KB; hashing and records allocate nothing, asymmetric operations a little
 * Errors   WB_ERR_AUTH, WB_ERR_KEY, WB_ERR_SIGNATURE as in wb_crypto.h; a libcrypto without one of
 *          the algorithms, or without memory, ends the process with an assertion
 * Threads  safe: threads share nothing but constants
 * Secrets  a thread's contexts hold the last record keys until others take their place, the thread
 *          ends, or wb_libcrypto_thread_free()
 */
#ifndef WB_LIBCRYPTO_H
#define WB_LIBCRYPTO_H

#include "wb_tls.h"

extern const struct wb_tls_crypto wb_tls_crypto_libcrypto;

/* A private key that libcrypto holds: Ed25519, P-256 or RSA (2,048 to 4,096 bits), read from
 * PKCS#8, SEC 1 or PKCS#1 in PEM. It signs for a credential:
 * wb_tls_credential_init_sign(&credential, chain, count, wb_libcrypto_key_sign, key, &fault). */
struct wb_libcrypto_key;
/* Outcomes: WB_ERR_FORMAT (nothing that can be read, or encrypted), WB_ERR_UNSUPPORTED (another
 * kind or size). fault may be NULL. */
enum wb_err wb_libcrypto_key_read(struct wb_libcrypto_key **key, const void *pem, size_t len,
                                  struct wb_fault *fault) WB_MUST_USE;
void wb_libcrypto_key_free(struct wb_libcrypto_key *key);
/* wb_tls_credential.sign with the key as ctx. Outcomes: WB_ERR_UNSUPPORTED (scheme of other keys),
 * WB_ERR_KEY (libcrypto refuses). */
enum wb_err wb_libcrypto_key_sign(void *ctx, uint16_t scheme, const void *message, size_t len,
                                  uint8_t signature[WB_TLS_SIGNATURE_MAX],
                                  size_t *signature_len) WB_MUST_USE;
/* Does the certificate belong to this key? */
bool wb_libcrypto_key_fits(const struct wb_libcrypto_key *key, const struct wb_x509_cert *cert);

/* Wipes and frees this thread's contexts; they come back with the next use. Threads do it by
 * themselves when they end. */
void wb_libcrypto_thread_free(void);

#endif
