/* SPDX-License-Identifier: AGPL-3.0-only */
/* Of the digits k_(i-1) - k_i, a run of `width`, which starts at a digit that is not 0, is one odd
 * multiple of a power of two. */
#include "window.h"

static int window_bit(const struct window *w, int i)
{
    return i < 0 || i > 255 ? 0 : (int)scalar_bit(w->k, (unsigned)i);
}

int wb_window_digit(struct window *w, int i)
{
    if (w->position < 0 && window_bit(w, i) != window_bit(w, i - 1)) {
        int last = i - (int)w->width + 1; /* lowest position of the run; may be below 0 */
        int value = -window_bit(w, i);
        for (int j = i - 1; j >= last; j--) {
            value = 2 * value + window_bit(w, j);
        }
        value += window_bit(w, last - 1);
        while (value % 2 == 0) {
            value /= 2;
            last++;
        }
        w->digit = value;
        w->position = last;
    }
    if (w->position != i) {
        return 0;
    }
    w->position = -1;
    return w->digit;
}
