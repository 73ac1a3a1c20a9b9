/* SPDX-License-Identifier: AGPL-3.0-only */
/* Doubling and addition in Jacobian coordinates (dbl-2001-b and add-1998-cmo-2 of the Explicit
 * Formulas Database). Addition is wrong for two equal points: it then gives (0 : 0 : 0). Read the
 * two, then why the multiplications by secrets meet that case in their last addition at most, then
 * the one by public numbers, then the byte strings. */
#include "p256_point.h"

#include "mask.h"
#include "wb_base.h"
#include "window.h"
#include "wipe_stack.h"

#include <string.h>

#define WINDOWS   64u /* of four bits */
#define MULTIPLES 4   /* 1, 3, 5, 7 times p: windows of 4 digits */

static const struct p256_field curve_b = {{0x29c4bddf, 0xd89cdf62, 0x78843090, 0xacf005cd,
                                           0xf7212ed6, 0xe5a220ab, 0x04874834, 0xdc30061d}};

/* ---- doubling and addition ---------------------------------------------------------------- */

static void point_double(struct p256_point *p)
{
    struct p256_field a, b, c;
    wb_p256_field_square(&a, &p->z);
    wb_p256_field_mul(&p->z, &p->z, &p->y);
    wb_p256_field_add(&p->z, &p->z, &p->z);
    wb_p256_field_sub(&b, &p->x, &a);
    wb_p256_field_add(&a, &p->x, &a);
    wb_p256_field_mul(&a, &a, &b);
    wb_p256_field_add(&b, &a, &a);
    wb_p256_field_add(&a, &a, &b); /* 3 (x - z^2) (x + z^2) */
    wb_p256_field_square(&c, &p->y);
    wb_p256_field_add(&c, &c, &c); /* 2 y^2 */
    wb_p256_field_mul(&b, &p->x, &c);
    wb_p256_field_add(&b, &b, &b); /* 4 x y^2 */
    wb_p256_field_square(&p->x, &a);
    wb_p256_field_sub(&p->x, &p->x, &b);
    wb_p256_field_sub(&p->x, &p->x, &b);
    wb_p256_field_sub(&b, &b, &p->x);
    wb_p256_field_mul(&a, &a, &b);
    wb_p256_field_square(&c, &c);
    wb_p256_field_add(&c, &c, &c); /* 8 y^4 */
    wb_p256_field_sub(&p->y, &a, &c);
}

/* p += q; neither at infinity. z2 is q's z, NULL when that is 1. p = -q gives z = 0 and x not 0,
 * p = q gives all zeros: then double q. */
static void point_add(struct p256_point *p, const struct p256_field *x2,
                      const struct p256_field *y2, const struct p256_field *z2)
{
    struct p256_field a, b, h, r;
    if (z2 != NULL) {
        wb_p256_field_square(&a, z2);
        wb_p256_field_mul(&p->x, &p->x, &a);
        wb_p256_field_mul(&a, &a, z2);
        wb_p256_field_mul(&p->y, &p->y, &a);
    }
    wb_p256_field_square(&a, &p->z);
    wb_p256_field_mul(&h, x2, &a);
    wb_p256_field_mul(&a, &a, &p->z);
    wb_p256_field_mul(&r, y2, &a);
    wb_p256_field_sub(&h, &h, &p->x);
    wb_p256_field_sub(&r, &r, &p->y);
    wb_p256_field_mul(&p->z, &p->z, &h);
    if (z2 != NULL) {
        wb_p256_field_mul(&p->z, &p->z, z2);
    }
    wb_p256_field_square(&a, &h);
    wb_p256_field_mul(&b, &a, &h);
    wb_p256_field_mul(&a, &a, &p->x);
    wb_p256_field_square(&p->x, &r);
    wb_p256_field_sub(&p->x, &p->x, &b);
    wb_p256_field_sub(&p->x, &p->x, &a);
    wb_p256_field_sub(&p->x, &p->x, &a);
    wb_p256_field_sub(&a, &a, &p->x);
    wb_p256_field_mul(&a, &a, &r);
    wb_p256_field_mul(&b, &b, &p->y);
    wb_p256_field_sub(&p->y, &a, &b);
}

static void negate_y(struct p256_point *p, uint32_t mask)
{
    static const struct p256_field zero;
    struct p256_field minus;
    wb_p256_field_sub(&minus, &zero, &p->y);
    wb_p256_field_select(&p->y, &minus, mask);
    wb_wipe(&minus, sizeof minus);
}

/* ---- secret scalars ----------------------------------------------------------------------- */

/* Any odd number k below 2^256 is the sum over i of (2 d_i - 1) 2^i, with the bits d_i of
 * (k + 2^256 - 1) / 2: digits that are 1 or -1, never 0, so that every window adds a point. An even
 * k is replaced by n - k; the mask says that the result has to be negated.
 *
 * The sum over a part of the positions is never 0, as its lowest position decides, and while a
 * position from 224 up is missing it is below 2^256 - 2^224, so below n. What meets in an addition
 * are two such sums over different positions, so they are neither equal nor opposite modulo n
 * before the last addition has all positions; and that one cannot meet opposite points, as k is not
 * 0. It meets equal points for one k: n - 2 in wb_p256_mul, n - 2^225 - 2^161 + 2^97 - 2^33 in
 * wb_p256_mul_base. So the last addition also computes the double, and takes the right one. */
static uint32_t recode(struct scalar *digits, const struct scalar *k)
{
    struct scalar opposite;
    int64_t t = 0;
    const uint32_t even = mask_hide((k->v[0] & 1) - 1);
    for (unsigned i = 0; i < 8; i++) {
        t += (int64_t)wb_scalar_p256.n.v[i] - k->v[i];
        opposite.v[i] = (uint32_t)t ^ (((uint32_t)t ^ k->v[i]) & ~even);
        t >>= 32;
    }
    for (unsigned i = 0; i < 8; i++) {
        const uint32_t above = i < 7 ? opposite.v[i + 1] : 1;
        digits->v[i] = opposite.v[i] >> 1 | above << 31;
    }
    wb_wipe(&opposite, sizeof opposite);
    return even;
}

/* entry = the multiple that four digits name, of a table of 8 points of 16 or 24 words each; every
 * entry is read. */
static void take_secret(struct p256_point *entry, const void *table, unsigned words,
                        uint32_t digits)
{
    /* Bit 3 of digits is the sign of the whole. */
    const uint32_t negative = mask_hide((digits >> 3 & 1) - 1); /* all ones for - */
    const uint32_t index = (digits ^ negative) & 7;
    uint32_t masks[8];
    uint32_t sum[24];
    for (uint32_t j = 0; j < 8; j++) {
        masks[j] = mask_equal(j, index);
    }
    const uint32_t *at = table;
    for (unsigned i = 0; i < words; i++) {
        uint32_t word = 0;
        for (unsigned j = 0; j < 8; j++) {
            word |= at[j * words + i] & masks[j];
        }
        sum[i] = word;
    }
    memcpy(entry, sum, words * sizeof sum[0]);
    if (words < 24) {
        entry->z = wb_p256_field_one;
    }
    negate_y(entry, negative);
    wb_wipe(sum, sizeof sum);
}

static void add_last(struct p256_point *p, const struct p256_point *q)
{
    struct p256_point twice = *q;
    point_double(&twice);
    point_add(p, &q->x, &q->y, &q->z);
    const uint32_t same = mask_hide((uint32_t)0 - (uint32_t)wb_p256_field_is_zero(&p->z));
    wb_p256_field_select(&p->x, &twice.x, same);
    wb_p256_field_select(&p->y, &twice.y, same);
    wb_p256_field_select(&p->z, &twice.z, same);
    wb_wipe(&twice, sizeof twice);
}

/* Two combs of four teeth, 64 bits apart, the second comb 32 bits above the first: 31 doublings and
 * 63 additions. */
void wb_p256_mul_base(struct p256_point *out, const struct scalar *k)
{
    struct scalar digits;
    struct p256_point entry;
    const uint32_t negative = recode(&digits, k);
    for (unsigned step = 0; step < 64; step++) {
        const unsigned column = 31 - step / 2;
        const unsigned comb = step % 2;
        uint32_t teeth = 0;
        for (unsigned t = 0; t < 4; t++) {
            teeth |= scalar_bit(&digits, 64 * t + 32 * comb + column) << t;
        }
        take_secret(&entry, wb_p256_comb[comb], 16, teeth);
        if (step == 0) {
            *out = entry;
            continue;
        }
        if (comb == 0) {
            point_double(out);
        }
        if (step == 63) {
            add_last(out, &entry);
        } else {
            point_add(out, &entry.x, &entry.y, NULL);
        }
    }
    negate_y(out, negative);
    wb_wipe(&digits, sizeof digits);
    wb_wipe(&entry, sizeof entry);
    wb_wipe_stack();
}

/* table[i] = (2 i + 1) p */
static void odd_multiples(struct p256_point *table, unsigned count, const struct p256_point *p)
{
    struct p256_point twice = *p;
    point_double(&twice);
    table[0] = *p;
    for (unsigned i = 1; i < count; i++) {
        table[i] = twice;
        point_add(&table[i], &table[i - 1].x, &table[i - 1].y, &table[i - 1].z);
    }
}

void wb_p256_mul(struct p256_point *out, const struct scalar *k, const struct p256_point *p)
{
    struct scalar digits;
    struct p256_point entry, table[8];
    const uint32_t negative = recode(&digits, k);
    odd_multiples(table, 8, p);
    for (unsigned i = WINDOWS; i-- > 0;) {
        take_secret(&entry, table, 24, digits.v[i / 8] >> (4 * (i % 8)) & 15);
        if (i == WINDOWS - 1) {
            *out = entry;
            continue;
        }
        for (unsigned j = 0; j < 4; j++) {
            point_double(out);
        }
        if (i == 0) {
            add_last(out, &entry);
        } else {
            point_add(out, &entry.x, &entry.y, &entry.z);
        }
    }
    negate_y(out, negative);
    wb_wipe(&digits, sizeof digits);
    wb_wipe(&entry, sizeof entry);
    wb_wipe_stack();
}

/* ---- two points, public scalars ----------------------------------------------------------- */

/* p += digit * base of a table of odd multiples, in every case; z NULL: 1. */
static void add_public(struct p256_point *p, int digit, const struct p256_field *x,
                       const struct p256_field *y, const struct p256_field *z)
{
    struct p256_point entry = {*x, *y, z == NULL ? wb_p256_field_one : *z};
    negate_y(&entry, digit < 0 ? UINT32_MAX : 0);
    if (wb_p256_field_is_zero(&p->z)) {
        *p = entry;
        return;
    }
    point_add(p, &entry.x, &entry.y, z);
    if (wb_p256_field_is_zero(&p->z) && wb_p256_field_is_zero(&p->x)) {
        *p = entry;
        point_double(p);
    }
}

void wb_p256_mul_add_public(struct p256_point *out, const struct scalar *a,
                            const struct p256_point *p, const struct scalar *b)
{
    struct p256_point table[MULTIPLES];
    struct window wa = {a, 4, 0, -1};
    struct window wb = {b, 5, 0, -1};
    odd_multiples(table, MULTIPLES, p);
    memset(out, 0, sizeof *out);
    for (int i = 256; i >= 0; i--) {
        const int digit_a = wb_window_digit(&wa, i);
        const int digit_b = wb_window_digit(&wb, i);
        point_double(out);
        if (digit_a != 0) {
            const struct p256_point *entry = &table[(digit_a < 0 ? -digit_a : digit_a) / 2];
            add_public(out, digit_a, &entry->x, &entry->y, &entry->z);
        }
        if (digit_b != 0) {
            const struct p256_affine *entry = &wb_p256_odd[(digit_b < 0 ? -digit_b : digit_b) / 2];
            add_public(out, digit_b, &entry->x, &entry->y, NULL);
        }
    }
}

/* ---- byte strings ------------------------------------------------------------------------- */

bool wb_p256_point_decode(struct p256_point *out, const uint8_t in[65])
{
    struct p256_field t;
    const bool x_in_range = wb_p256_field_decode(&out->x, in + 1);
    const bool y_in_range = wb_p256_field_decode(&out->y, in + 33);
    out->z = wb_p256_field_one;
    wb_p256_field_add(&t, &out->z, &out->z);
    wb_p256_field_add(&t, &t, &out->z);
    wb_p256_field_square(&out->z, &out->x);
    wb_p256_field_sub(&t, &out->z, &t);
    wb_p256_field_mul(&t, &t, &out->x);
    wb_p256_field_add(&t, &t, &curve_b); /* (x^2 - 3) x + b */
    wb_p256_field_square(&out->z, &out->y);
    wb_p256_field_sub(&t, &t, &out->z);
    out->z = wb_p256_field_one;
    return in[0] == 4 && x_in_range && y_in_range && wb_p256_field_is_zero(&t);
}

void wb_p256_point_encode(uint8_t x[32], uint8_t y[32], const struct p256_point *p)
{
    struct p256_field inverse, square;
    wb_p256_field_invert(&inverse, &p->z);
    wb_p256_field_square(&square, &inverse);
    if (y != NULL) {
        wb_p256_field_mul(&inverse, &inverse, &square);
        wb_p256_field_mul(&inverse, &inverse, &p->y);
        wb_p256_field_encode(y, &inverse);
    }
    wb_p256_field_mul(&square, &square, &p->x);
    wb_p256_field_encode(x, &square);
    wb_wipe(&inverse, sizeof inverse);
    wb_wipe(&square, sizeof square);
}
