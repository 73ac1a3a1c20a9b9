/* SPDX-License-Identifier: AGPL-3.0-only */
/* declassify.h: marks a verdict as public, e.g. "the tag is right": from here on branches may
 * depend on it. Returns it unchanged. declassify.c does nothing else; the constant-time test links
 * another file, which tells valgrind. */
#ifndef WB_CRYPTO_DECLASSIFY_H
#define WB_CRYPTO_DECLASSIFY_H

#include <stdbool.h>

bool wb_declassify(bool verdict);

#endif
