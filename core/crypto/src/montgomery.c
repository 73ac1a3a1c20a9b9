/* SPDX-License-Identifier: AGPL-3.0-only */
/* One routine for the orders of both curves and for RSA's moduli: multiplication and reduction go
 * word by word in one loop, so a product needs one word more than its factors. */
#include "montgomery.h"

void wb_montgomery_subtract(uint32_t *out, const uint32_t *a, uint32_t top, const uint32_t *n,
                            size_t count)
{
    int64_t carry = 0;
    for (size_t i = 0; i < count; i++) {
        carry = (carry + a[i] - n[i]) >> 32;
    }
    const uint32_t take = ~(uint32_t)((carry + top) >> 32); /* all ones when a >= n */
    carry = 0;
    for (size_t i = 0; i < count; i++) {
        carry += (int64_t)a[i] - (n[i] & take);
        out[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* t stays below 2 n: with a' the words of a used so far, t < (a' b + (R' - 1) n) / R' + n. */
void wb_montgomery(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *n,
                   uint32_t minus_inverse, size_t count, uint32_t *t)
{
    for (size_t i = 0; i <= count; i++) {
        t[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t word = a[i];
        const uint32_t factor = (t[0] + word * b[0]) * minus_inverse;
        uint64_t x = (uint64_t)word * b[0] + t[0];
        uint64_t y = (uint64_t)factor * n[0] + (uint32_t)x; /* its low word is 0 */
        for (size_t j = 1; j < count; j++) {
            x = (uint64_t)word * b[j] + t[j] + (x >> 32);
            y = (uint64_t)factor * n[j] + (uint32_t)x + (y >> 32);
            t[j - 1] = (uint32_t)y;
        }
        x = (x >> 32) + (y >> 32) + t[count];
        t[count - 1] = (uint32_t)x;
        t[count] = (uint32_t)(x >> 32);
    }
    wb_montgomery_subtract(out, t, t[count], n, count);
}
