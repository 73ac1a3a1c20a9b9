/* SPDX-License-Identifier: AGPL-3.0-only */
/* X25519 (RFC 7748 §5): the Montgomery ladder; public keys through Ed25519's table of the base
 * point, three times as fast. */
#include "wb_crypto.h"

#include "declassify.h"
#include "edwards.h"
#include "wipe_stack.h"

#include <string.h>

static void decode_scalar(uint8_t k[32], const uint8_t private_key[32])
{
    memcpy(k, private_key, 32);
    k[0] &= 0xf8;
    k[31] = (uint8_t)((k[31] & 0x7f) | 0x40);
}

/* u = (1 + y) / (1 - y) maps Ed25519's base point to 9 (RFC 7748 §4.1). A clamped scalar lies
 * between 2^254 and 2^255 and is a multiple of 8, so it is no multiple of L, and y is never 1. */
void wb_x25519_public_key(uint8_t public_key[32], const uint8_t private_key[32])
{
    uint8_t k[32];
    struct scalar scalar;
    struct point p;
    decode_scalar(k, private_key);
    wb_scalar_decode(&scalar, k);
    wb_scalar_reduce(&scalar, &scalar, &wb_scalar_ed25519);
    wb_edwards_mul_base(&p, &scalar);
    wb_field_sub(&p.x, &p.z, &p.y);
    wb_field_add(&p.y, &p.z, &p.y);
    wb_field_invert(&p.x, &p.x);
    wb_field_mul(&p.x, &p.x, &p.y);
    wb_field_encode(public_key, &p.x);
    wb_wipe(k, sizeof k);
    wb_wipe(&scalar, sizeof scalar);
    wb_wipe(&p, sizeof p);
    wb_wipe_stack();
}

/* One step for the whole ladder: (x2 : z2) and (x3 : z3) differ by the point u. Names as in §5. */
static void ladder(struct field *x2, struct field *z2, const struct field *u, const uint8_t k[32])
{
    struct field x3 = *u, z3, a, b;
    wb_field_set_small(x2, 1);
    wb_field_set_small(z2, 0);
    wb_field_set_small(&z3, 1);
    field_word swapped = 0;
    for (unsigned i = 255; i-- > 0;) {
        field_word bit = (field_word)0 - (field_word)(k[i / 8] >> (i % 8) & 1);
        wb_field_swap(x2, &x3, swapped ^ bit);
        wb_field_swap(z2, &z3, swapped ^ bit);
        swapped = bit;

        wb_field_add(&a, x2, z2);
        wb_field_sub(&b, x2, z2);
        wb_field_sub(z2, &x3, &z3);
        wb_field_add(x2, &x3, &z3);
        wb_field_mul(&z3, z2, &a); /* DA */
        wb_field_mul(x2, x2, &b);  /* CB */
        wb_field_add(&x3, &z3, x2);
        wb_field_sub(&z3, &z3, x2);
        wb_field_square(&x3, &x3);
        wb_field_square(&z3, &z3);
        wb_field_mul(&z3, &z3, u);
        wb_field_square(&a, &a); /* AA */
        wb_field_square(&b, &b); /* BB */
        wb_field_mul(x2, &a, &b);
        wb_field_sub(&b, &a, &b); /* E */
        wb_field_mul_small(z2, &b, 121665);
        wb_field_add(z2, z2, &a);
        wb_field_mul(z2, z2, &b);
    }
    wb_field_swap(x2, &x3, swapped);
    wb_field_swap(z2, &z3, swapped);
    wb_wipe(&x3, sizeof x3);
    wb_wipe(&z3, sizeof z3);
    wb_wipe(&a, sizeof a);
    wb_wipe(&b, sizeof b);
}

enum wb_err wb_x25519(uint8_t shared_secret[32], const uint8_t private_key[32],
                      const uint8_t peer_public_key[32])
{
    uint8_t k[32];
    struct field u, x, z;
    decode_scalar(k, private_key);
    wb_field_decode(&u, peer_public_key);
    ladder(&x, &z, &u, k);
    wb_field_invert(&z, &z);
    wb_field_mul(&x, &x, &z);
    wb_field_encode(shared_secret, &x);
    uint8_t any = 0;
    for (unsigned i = 0; i < 32; i++) {
        any |= shared_secret[i];
    }
    wb_wipe(k, sizeof k);
    wb_wipe(&x, sizeof x);
    wb_wipe(&z, sizeof z);
    wb_wipe_stack();
    /* §6.1: all zero exactly when the peer's point has low order. */
    return wb_declassify(any == 0) ? WB_ERR_KEY : WB_OK;
}
