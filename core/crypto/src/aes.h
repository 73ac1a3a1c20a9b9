/* SPDX-License-Identifier: AGPL-3.0-only */
/* aes.h: AES encryption of two blocks at a time, bitsliced: no tables, no secret-dependent address.
 */
#ifndef WB_CRYPTO_AES_H
#define WB_CRYPTO_AES_H

#include <stddef.h>
#include <stdint.h>

#define AES_ROUNDS_MAX 14u

struct aes {
    uint32_t round_keys[AES_ROUNDS_MAX + 1][8];
    unsigned rounds; /* 10 or 14 */
};

/* key_len: 16 or 32. */
void wb_aes_init(struct aes *aes, const uint8_t *key, size_t key_len);
/* Encrypts two blocks of four words each, a word being four bytes in little-endian order. */
void wb_aes_encrypt2(const struct aes *aes, uint32_t a[4], uint32_t b[4]);

#endif
