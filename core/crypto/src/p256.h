/* SPDX-License-Identifier: AGPL-3.0-only */
/* p256.h: what ECDH and ECDSA share. */
#ifndef WB_CRYPTO_P256_H
#define WB_CRYPTO_P256_H

#include "scalar.h"

/* Big-endian; false (a public verdict) when the number is not from 1 to n - 1. */
bool wb_p256_scalar_decode(struct scalar *out, const uint8_t in[32]);

#endif
