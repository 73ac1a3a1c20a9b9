/* SPDX-License-Identifier: AGPL-3.0-only */
/* sha2.h: what the SHA-2 functions share. */
#ifndef WB_CRYPTO_SHA2_H
#define WB_CRYPTO_SHA2_H

#include "wb_crypto.h"

/* FIPS 180-4 §4.2.3: the first 64 bits of the fractional parts of the cube roots of the first 80
 * primes. The upper halves of the first 64 are SHA-256's constants (§4.2.2), so one table serves
 * both. */
extern const uint64_t wb_sha2_constants[80];

void wb_sha512_init(struct wb_sha512 *hash);
void wb_sha384_init(struct wb_sha512 *hash);
void wb_sha512_update(struct wb_sha512 *hash, const void *data, size_t len);
/* Writes the first digest_len bytes (64 or 48) and wipes the context. */
void wb_sha512_final(struct wb_sha512 *hash, uint8_t *digest, size_t digest_len);

#endif
