/* SPDX-License-Identifier: AGPL-3.0-only */
/* keccak.h: SHA-3 and SHAKE (FIPS 202), for ML-KEM. */
#ifndef WB_CRYPTO_KECCAK_H
#define WB_CRYPTO_KECCAK_H

#include <stddef.h>
#include <stdint.h>

struct keccak {
    uint64_t state[25];
    uint32_t rate; /* bytes a block: 200 less twice the security strength */
    uint32_t at;   /* next byte of the block */
};

#define KECCAK_RATE_128 168u /* SHAKE128 */
#define KECCAK_RATE_256 136u /* SHAKE256, SHA3-256 */
#define KECCAK_RATE_512 72u  /* SHA3-512 */

/* The bits that follow the message (§6.1, §6.2), with the first 1 of the padding. */
#define KECCAK_SHA3  0x06
#define KECCAK_SHAKE 0x1f

void wb_keccak_init(struct keccak *k, uint32_t rate);
void wb_keccak_absorb(struct keccak *k, const void *data, size_t len);
/* Ends the message; then bytes can be squeezed, in any number of calls. */
void wb_keccak_finish(struct keccak *k, uint8_t suffix);
void wb_keccak_squeeze(struct keccak *k, void *out, size_t len);

#endif
