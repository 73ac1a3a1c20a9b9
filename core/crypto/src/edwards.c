/* SPDX-License-Identifier: AGPL-3.0-only */
/* Formulas are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited" (2008),
 * complete on this curve: no case distinctions. Read doubling and addition, then the two
 * multiplications, then the byte strings. */
#include "edwards.h"

#include "mask.h"
#include "wb_base.h"
#include "window.h"

#include <string.h>

static const struct field d = FIELD(0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898,
                                    0x8cc74079, 0x2b6ffe73, 0x52036cee);
static const struct field d_twice = FIELD(0x26b2f159, 0xebd69b94, 0x8283b156, 0x00e0149a,
                                          0xeef3d130, 0x198e80f2, 0x56dffce7, 0x2406d9dc);
static const struct field sqrt_minus_one = FIELD(0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806,
                                                 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480);

/* ---- doubling and addition ---------------------------------------------------------------- */

/* Both end alike: x = e f, y = g h, z = f g, t = e h. Only an addition reads t, so a doubling, or
 * an addition before one, may leave it out. */
static void finish(struct point *p, const struct field *e, const struct field *f,
                   const struct field *g, const struct field *h, bool with_t)
{
    wb_field_mul(&p->x, e, f);
    wb_field_mul(&p->y, g, h);
    wb_field_mul(&p->z, f, g);
    if (with_t) {
        wb_field_mul(&p->t, e, h);
    }
}

static void point_double(struct point *p, bool with_t)
{
    struct field a, b, e;
    wb_field_square(&a, &p->x);
    wb_field_square(&b, &p->y);
    wb_field_add(&e, &p->x, &p->y);
    wb_field_square(&e, &e);
    wb_field_square(&p->t, &p->z);
    wb_field_add(&p->t, &p->t, &p->t);
    wb_field_add(&p->x, &a, &b); /* -h */
    wb_field_sub(&e, &p->x, &e); /* -e */
    wb_field_sub(&a, &a, &b);    /* -g */
    wb_field_add(&b, &p->t, &a); /* -f */
    struct field h = p->x;
    finish(p, &e, &b, &a, &h, with_t); /* all four products keep their signs */
}

/* p += q, or p -= q. q_z is twice q's z, NULL when that is 1. */
static void point_add(struct point *p, const struct point_affine *q, const struct field *q_z,
                      bool negative, bool with_t)
{
    struct field a, b, c;
    wb_field_sub(&a, &p->y, &p->x);
    wb_field_add(&b, &p->y, &p->x);
    wb_field_mul(&a, &a, negative ? &q->sum : &q->difference);
    wb_field_mul(&b, &b, negative ? &q->difference : &q->sum);
    wb_field_mul(&c, &p->t, &q->product);
    if (q_z == NULL) {
        wb_field_add(&p->z, &p->z, &p->z);
    } else {
        wb_field_mul(&p->z, &p->z, q_z);
    }
    wb_field_sub(&p->x, &b, &a); /* e */
    wb_field_add(&p->y, &b, &a); /* h */
    wb_field_sub(&a, &p->z, &c); /* f */
    wb_field_add(&b, &p->z, &c); /* g */
    struct field e = p->x;
    c = p->y;
    if (negative) { /* c had the other sign, so f and g are exchanged */
        finish(p, &e, &b, &a, &c, with_t);
    } else {
        finish(p, &e, &a, &b, &c, with_t);
    }
}

static void point_set_neutral(struct point *p)
{
    memset(p, 0, sizeof *p);
    p->y.v[0] = 1;
    p->z.v[0] = 1;
}

/* ---- the base point, secret scalar -------------------------------------------------------- */

/* out = table[index]; every entry is read. */
static void select_secret(struct point_affine *out, const struct point_affine table[8],
                          uint32_t index)
{
    field_word masks[8];
    for (uint32_t j = 0; j < 8; j++) {
        masks[j] = (field_word)(int32_t)mask_equal(j, index); /* its sign is extended */
    }
    for (unsigned i = 0; i < FIELD_WORDS; i++) {
        field_word sum = 0, difference = 0, product = 0;
        for (unsigned j = 0; j < 8; j++) {
            sum |= table[j].sum.v[i] & masks[j];
            difference |= table[j].difference.v[i] & masks[j];
            product |= table[j].product.v[i] & masks[j];
        }
        out->sum.v[i] = sum;
        out->difference.v[i] = difference;
        out->product.v[i] = product;
    }
}

/* p += sign * table[index] without telling which: every entry is read. */
static void add_secret(struct point *p, const struct point_affine table[8], unsigned digits,
                       bool with_t)
{
    /* digits: four bits, 1 for +, 0 for -. The top one is factored out. */
    uint32_t negative = (digits >> 3 & 1) - 1; /* all ones for - */
    uint32_t index = (digits ^ negative) & 7;
    struct point_affine entry;
    select_secret(&entry, table, index);
    field_word mask = (field_word)0 - (field_word)(negative & 1);
    struct field zero, minus;
    wb_field_set_small(&zero, 0);
    wb_field_sub(&minus, &zero, &entry.product);
    wb_field_select(&entry.product, &minus, mask);
    wb_field_swap(&entry.sum, &entry.difference, mask);
    point_add(p, &entry, NULL, false, with_t);
    wb_wipe(&entry, sizeof entry);
    wb_wipe(&minus, sizeof minus);
}

/* Two combs of four teeth, 64 bits apart, the second comb 32 bits above the first: 31 doublings and
 * 64 additions. Digits are 1 and -1 (wb_scalar_recode), so every column adds. */
void wb_edwards_mul_base(struct point *out, const struct scalar *k)
{
    struct scalar digits;
    wb_scalar_recode(&digits, k);
    point_set_neutral(out);
    for (unsigned column = 32; column-- > 0;) {
        if (column < 31) {
            point_double(out, true);
        }
        for (unsigned j = 0; j < 2; j++) {
            unsigned teeth = 0;
            for (unsigned t = 0; t < 4; t++) {
                teeth |= scalar_bit(&digits, 64 * t + 32 * j + column) << t;
            }
            add_secret(out, wb_edwards_comb[j], teeth, j == 0);
        }
    }
    wb_wipe(&digits, sizeof digits);
}

/* ---- two points, public scalars ----------------------------------------------------------- */

#define MULTIPLES 4 /* 1, 3, 5, 7 times p: windows of 4 digits */

static void add_public(struct point *p, int digit, const struct point_affine *table,
                       const struct field *z, bool with_t)
{
    if (digit != 0) {
        unsigned index = (unsigned)(digit < 0 ? -digit : digit) / 2;
        point_add(p, &table[index], z == NULL ? NULL : &z[index], digit < 0, with_t);
    }
}

void wb_edwards_mul_add_public(struct point *out, const struct scalar *a, const struct point *p,
                               const struct scalar *b)
{
    struct point_affine table[MULTIPLES];
    struct field table_z[MULTIPLES];
    struct point twice = *p;
    point_double(&twice, true);
    *out = *p;
    for (unsigned i = 0; i < MULTIPLES; i++) {
        wb_field_add(&table[i].sum, &out->y, &out->x);
        wb_field_sub(&table[i].difference, &out->y, &out->x);
        wb_field_mul(&table[i].product, &out->t, &d_twice);
        wb_field_add(&table_z[i], &out->z, &out->z);
        if (i + 1 < MULTIPLES) {
            *out = twice;
            point_add(out, &table[i], &table_z[i], false, true);
        }
    }
    struct window wa = {a, 4, 0, -1};
    struct window wb = {b, 5, 0, -1};
    point_set_neutral(out);
    for (int i = 253; i >= 0; i--) {
        const int digit_a = wb_window_digit(&wa, i);
        const int digit_b = wb_window_digit(&wb, i);
        point_double(out, digit_a != 0 || digit_b != 0);
        add_public(out, digit_a, table, table_z, digit_b != 0);
        add_public(out, digit_b, wb_edwards_odd, NULL, false);
    }
}

/* ---- byte strings ------------------------------------------------------------------------- */

void wb_edwards_negate(struct point *p)
{
    struct field zero;
    wb_field_set_small(&zero, 0);
    wb_field_sub(&p->x, &zero, &p->x);
    wb_field_sub(&p->t, &zero, &p->t);
}

void wb_edwards_encode(uint8_t out[32], const struct point *p)
{
    struct field inverse, x, y;
    wb_field_invert(&inverse, &p->z);
    wb_field_mul(&x, &p->x, &inverse);
    wb_field_mul(&y, &p->y, &inverse);
    wb_field_encode(out, &y);
    out[31] |= (uint8_t)(wb_field_is_odd(&x) << 7);
}

bool wb_edwards_decode(struct point *out, const uint8_t in[32])
{
    uint8_t canonical[32];
    struct field u, v, t;
    unsigned sign = in[31] >> 7;
    wb_field_decode(&out->y, in);
    wb_field_encode(canonical, &out->y);
    canonical[31] |= (uint8_t)(sign << 7);
    if (memcmp(canonical, in, 32) != 0) {
        return false;
    }
    /* x^2 = u / v with u = y^2 - 1, v = d y^2 + 1; a root, if there is one, is u v^3 (u
     * v^7)^((p-5)/8) or that times the root of -1 (§5.1.3). */
    wb_field_set_small(&out->z, 1);
    wb_field_square(&u, &out->y);
    wb_field_mul(&v, &u, &d);
    wb_field_sub(&u, &u, &out->z);
    wb_field_add(&v, &v, &out->z);
    wb_field_square(&t, &v);
    wb_field_mul(&t, &t, &v);      /* v^3 */
    wb_field_mul(&out->x, &t, &u); /* u v^3 */
    wb_field_square(&t, &t);
    wb_field_mul(&t, &t, &v); /* v^7 */
    wb_field_mul(&t, &t, &u);
    wb_field_pow_p58(&t, &t);
    wb_field_mul(&out->x, &out->x, &t);

    wb_field_square(&t, &out->x);
    wb_field_mul(&t, &t, &v);
    wb_field_sub(&v, &t, &u);
    if (!wb_field_is_zero(&v)) {
        wb_field_add(&v, &t, &u);
        if (!wb_field_is_zero(&v)) {
            return false;
        }
        wb_field_mul(&out->x, &out->x, &sqrt_minus_one);
    }
    if (wb_field_is_zero(&out->x) && sign == 1) {
        return false;
    }
    if (wb_field_is_odd(&out->x) != sign) {
        wb_field_set_small(&t, 0);
        wb_field_sub(&out->x, &t, &out->x);
    }
    wb_field_mul(&out->t, &out->x, &out->y);
    return true;
}
