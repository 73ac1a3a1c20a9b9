/* SPDX-License-Identifier: AGPL-3.0-only */
/* The parts of the field that do not multiply words: powers, selection, byte strings. */
#include "field.h"

#include <string.h>

#define WORD_BITS (8 * sizeof(field_word))

void wb_field_set_small(struct field *out, uint32_t value)
{
    memset(out, 0, sizeof *out);
    out->v[0] = value;
}

void wb_field_square_times(struct field *out, const struct field *a, unsigned count)
{
    wb_field_square(out, a);
    while (--count > 0) {
        wb_field_square(out, out);
    }
}

/* a^(2^250 - 1), and a^11. The exponent's length doubles: x_n stands for a^(2^n - 1). */
static void pow_250_ones(struct field *out, struct field *a11, const struct field *a)
{
    struct field x, y, z;
    wb_field_square(&x, a);           /* 2 */
    wb_field_square_times(&y, &x, 2); /* 8 */
    wb_field_mul(&y, &y, a);          /* 9 */
    wb_field_mul(a11, &x, &y);        /* 11 */
    wb_field_square(&x, a11);         /* 22 */
    wb_field_mul(&x, &x, &y);         /* x_5 = 31 */
    wb_field_square_times(&y, &x, 5);
    wb_field_mul(&x, &y, &x); /* x_10 */
    wb_field_square_times(&y, &x, 10);
    wb_field_mul(&y, &y, &x); /* x_20 */
    wb_field_square_times(&z, &y, 20);
    wb_field_mul(&y, &z, &y); /* x_40 */
    wb_field_square_times(&y, &y, 10);
    wb_field_mul(&x, &y, &x); /* x_50 */
    wb_field_square_times(&y, &x, 50);
    wb_field_mul(&y, &y, &x); /* x_100 */
    wb_field_square_times(&z, &y, 100);
    wb_field_mul(&y, &z, &y); /* x_200 */
    wb_field_square_times(&y, &y, 50);
    wb_field_mul(out, &y, &x); /* x_250 */
}

void wb_field_invert(struct field *out, const struct field *a)
{
    struct field t, a11; /* p - 2 = 2^5 (2^250 - 1) + 11 */
    pow_250_ones(&t, &a11, a);
    wb_field_square_times(&t, &t, 5);
    wb_field_mul(out, &t, &a11);
}

void wb_field_pow_p58(struct field *out, const struct field *a)
{
    struct field t, a11; /* (p - 5) / 8 = 2^252 - 3 = 2^2 (2^250 - 1) + 1 */
    pow_250_ones(&t, &a11, a);
    wb_field_square_times(&t, &t, 2);
    wb_field_mul(out, &t, a);
}

void wb_field_select(struct field *out, const struct field *a, field_word mask)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        out->v[i] ^= (out->v[i] ^ a->v[i]) & mask;
    }
}

void wb_field_swap(struct field *a, struct field *b, field_word mask)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        field_word difference = (a->v[i] ^ b->v[i]) & mask;
        a->v[i] ^= difference;
        b->v[i] ^= difference;
    }
}

void wb_field_decode(struct field *out, const uint8_t in[32])
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        field_word word = 0;
        for (unsigned j = sizeof word; j > 0; j--) {
            word = word << 8 | in[i * sizeof word + j - 1];
        }
        out->v[i] = word;
    }
    out->v[FIELD_WORDS - 1] &= (field_word)-1 >> 1;
}

/* Adds value and clears bit 255; returns what that bit was. */
static field_word add_small(struct field *a, field_word value)
{
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        a->v[i] += value;
        value = a->v[i] < value;
    }
    field_word top = a->v[FIELD_WORDS - 1] >> (WORD_BITS - 1);
    a->v[FIELD_WORDS - 1] &= (field_word)-1 >> 1;
    return top;
}

void wb_field_encode(uint8_t out[32], const struct field *a)
{
    struct field t = *a;
    field_word top = add_small(&t, 0);
    /* Now a = t + 2^255 top, t < 2^255, so a = t + 19 top (mod p), below p + 38. Adding 19 more
     * sets bit 255 exactly when that sum is p or above: then the sum without the bit is the one
     * reduced by p; else the 19 has to go again. */
    top = add_small(&t, 19 * top + 19);
    field_word borrow = 19 & (top - 1);
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        field_word word = t.v[i];
        t.v[i] = word - borrow;
        borrow = word < borrow;
    }
    for (unsigned i = 0; i < 32; i++) {
        out[i] = (uint8_t)(t.v[i / sizeof(field_word)] >> 8 * (i % sizeof(field_word)));
    }
}

bool wb_field_is_zero(const struct field *a)
{
    uint8_t bytes[32];
    uint8_t any = 0;
    wb_field_encode(bytes, a);
    for (unsigned i = 0; i < 32; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

unsigned wb_field_is_odd(const struct field *a)
{
    uint8_t bytes[32];
    wb_field_encode(bytes, a);
    return bytes[0] & 1;
}
