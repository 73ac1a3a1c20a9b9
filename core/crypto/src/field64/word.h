/* SPDX-License-Identifier: AGPL-3.0-only */
/* word.h: the field's words have 64 bits. */
#ifndef WB_CRYPTO_WORD_H
#define WB_CRYPTO_WORD_H

#include <stdint.h>

typedef uint64_t field_word;

/* One word from two 32-bit words of a constant, the lower first. */
#define FIELD_WORD(lo, hi) (lo) | (uint64_t)(hi) << 32

#endif
