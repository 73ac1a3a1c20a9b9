/* SPDX-License-Identifier: AGPL-3.0-only */
/* window.h: signed sliding windows over a public scalar, from the top bit down. */
#ifndef WB_CRYPTO_WINDOW_H
#define WB_CRYPTO_WINDOW_H

#include "scalar.h"

/* Starts as {k, width, 0, -1}. */
struct window {
    const struct scalar *k;
    unsigned width;
    int digit;    /* odd; to be added when `position` is reached */
    int position; /* -1: none */
};

/* What is to be added at position i: an odd number of magnitude below 2^(width - 1), or 0. Called
 * for each i from the top down; the first is the number of k's bits, i.e. one above its top bit. */
int wb_window_digit(struct window *w, int i);

#endif
