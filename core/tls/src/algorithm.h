/* SPDX-License-Identifier: AGPL-3.0-only */
/* algorithm.h: what the rows of the algorithm table share. */
#ifndef WB_TLS_ALGORITHM_H
#define WB_TLS_ALGORITHM_H

#include "wb_x509.h"

/* The hash inside a scheme, from the byte that numbers it: 4, 5, 6 are SHA-256, -384, -512. */
static inline enum wb_hash_id algorithm_hash(unsigned number)
{
    return (enum wb_hash_id)(WB_HASH_SHA256 + (number - 4u));
}

#endif
