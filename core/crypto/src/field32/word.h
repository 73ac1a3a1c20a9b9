/* SPDX-License-Identifier: AGPL-3.0-only */
/* word.h: the field's words have 32 bits. */
#ifndef WB_CRYPTO_WORD_H
#define WB_CRYPTO_WORD_H

#include <stdint.h>

typedef uint32_t field_word;

/* Two 32-bit words of a constant, the lower first. */
#define FIELD_WORD(lo, hi) (lo), (hi)

#endif
