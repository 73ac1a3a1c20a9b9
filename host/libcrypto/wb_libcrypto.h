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

/* Wipes and frees this thread's contexts; they come back with the next use. Threads do it by
 * themselves when they end. */
void wb_libcrypto_thread_free(void);

#endif
