/* SPDX-License-Identifier: AGPL-3.0-only */
/* declassify.h: marks a verdict as public, e.g. "the tag is right": from here on branches may
 * depend on it. It does nothing; the constant-time test puts another file of this name in front,
 * which tells valgrind. */
#ifndef WB_CRYPTO_DECLASSIFY_H
#define WB_CRYPTO_DECLASSIFY_H

#include <stdbool.h>

static inline bool declassify(bool verdict)
{
    return verdict;
}

#endif
