/* SPDX-License-Identifier: AGPL-3.0-only */
/* declassify.h: marks as public what was computed from secrets, a verdict ("the tag is right") or a
 * value that is published (part of a public key): from here on branches may depend on it.
 * declassify.c does nothing else; the constant-time test links another file, which tells valgrind.
 */
#ifndef WB_CRYPTO_DECLASSIFY_H
#define WB_CRYPTO_DECLASSIFY_H

#include <stdbool.h>
#include <stddef.h>

/* Returns it unchanged. */
bool wb_declassify(bool verdict);
void wb_declassify_bytes(void *bytes, size_t len);

#endif
