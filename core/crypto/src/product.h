/* SPDX-License-Identifier: AGPL-3.0-only */
/* product.h: products of 256-bit numbers in 32-bit words, least significant first, in constant
 * time. Both fields reduce what comes out. From the folder field32 or field64, whichever the build
 * takes.
 */
#ifndef WB_CRYPTO_PRODUCT_H
#define WB_CRYPTO_PRODUCT_H

#include <stdint.h>

/* out = a * b; out lies apart from the operands. */
void wb_product(uint32_t out[16], const uint32_t a[8], const uint32_t b[8]);
void wb_product_square(uint32_t out[16], const uint32_t a[8]);

#endif
