/* SPDX-License-Identifier: AGPL-3.0-only */
/* ECDSA on P-256 (FIPS 186-5 §6.4) with deterministic nonces (RFC 6979), and its signatures in DER.
 */
#include "wb_crypto.h"

#include "declassify.h"
#include "p256.h"
#include "p256_point.h"
#include "wipe_stack.h"

#include <string.h>

/* ---- nonces (RFC 6979 §3.2) --------------------------------------------------------------- */

struct nonces {
    enum wb_hash_id id;
    uint8_t key[WB_HASH_LEN_MAX];   /* K */
    uint8_t value[WB_HASH_LEN_MAX]; /* V */
};

/* K = HMAC(K, V || round || private key || digest || extra), V = HMAC(K, V): steps d to g; with
 * nothing behind round, step h.3. */
static void nonces_mix(struct nonces *n, uint8_t round, const uint8_t *private_key,
                       const uint8_t *reduced_digest, const void *extra, size_t extra_len)
{
    const size_t len = wb_hash_len(n->id);
    const size_t scalar_len = private_key == NULL ? 0 : 32;
    const struct wb_bytes pieces[5] = {{n->value, len},
                                       {&round, 1},
                                       {private_key, scalar_len},
                                       {reduced_digest, scalar_len},
                                       {extra, extra_len}};
    wb_hmac(n->id, n->key, len, pieces, 5, n->key);
    wb_hmac(n->id, n->key, len, pieces, 1, n->value);
}

/* ---- signing ------------------------------------------------------------------------------ */

/* The leftmost 256 bits of the digest, modulo n. */
static void reduce_digest(struct scalar *out, const uint8_t *digest)
{
    wb_scalar_decode_be(out, digest);
    wb_scalar_reduce(out, out, &wb_scalar_p256);
}

/* r = x coordinate of nonce * base point, modulo n. */
static void commit(struct scalar *r, const struct scalar *nonce)
{
    uint8_t x[32];
    struct p256_point p;
    wb_p256_mul_base(&p, nonce);
    wb_p256_point_encode(x, NULL, &p);
    wb_scalar_decode_be(r, x);
    wb_scalar_reduce(r, r, &wb_scalar_p256);
    wb_wipe(&p, sizeof p);
    wb_wipe_stack();
}

enum wb_err wb_p256_sign(uint8_t signature[64], const uint8_t private_key[32], enum wb_hash_id id,
                         const uint8_t *digest, const void *extra, size_t extra_len)
{
    struct nonces nonces = {.id = id};
    struct scalar d, z, nonce, r, s;
    uint8_t reduced_digest[32];
    if (!wb_p256_scalar_decode(&d, private_key)) {
        wb_wipe(&d, sizeof d);
        return WB_ERR_KEY;
    }
    reduce_digest(&z, digest);
    wb_scalar_encode_be(reduced_digest, &z);
    memset(nonces.value, 0x01, sizeof nonces.value);
    for (uint8_t round = 0; round < 2; round++) {
        nonces_mix(&nonces, round, private_key, reduced_digest, extra, extra_len);
    }
    for (;;) {
        const struct wb_bytes value = {nonces.value, wb_hash_len(id)};
        wb_hmac(id, nonces.key, value.len, &value, 1, nonces.value);
        if (wb_p256_scalar_decode(&nonce, nonces.value)) {
            commit(&r, &nonce);
            wb_scalar_mul(&d, &d, &r, &wb_scalar_p256);
            wb_scalar_add(&d, &d, &z, &wb_scalar_p256);
            wb_scalar_invert(&s, &nonce, &wb_scalar_p256);
            wb_scalar_mul(&s, &s, &d, &wb_scalar_p256);
            if (!wb_declassify(wb_scalar_is_zero(&r)) && !wb_declassify(wb_scalar_is_zero(&s))) {
                break;
            }
            (void)wb_p256_scalar_decode(&d, private_key);
        }
        nonces_mix(&nonces, 0, NULL, NULL, NULL, 0);
    }
    wb_scalar_encode_be(signature, &r);
    wb_scalar_encode_be(signature + 32, &s);
    wb_wipe(&nonces, sizeof nonces);
    wb_wipe(&d, sizeof d);
    wb_wipe(&nonce, sizeof nonce);
    wb_wipe_stack();
    return WB_OK;
}

/* ---- verifying ---------------------------------------------------------------------------- */

/* Whether p's x coordinate is the number `x`, without dividing by z. */
static bool has_x(const struct p256_point *p, const struct scalar *x)
{
    struct p256_field expected, t;
    uint8_t bytes[32];
    wb_scalar_encode_be(bytes, x);
    if (!wb_p256_field_decode(&expected, bytes)) {
        return false;
    }
    wb_p256_field_square(&t, &p->z);
    wb_p256_field_mul(&t, &t, &expected);
    return memcmp(&t, &p->x, sizeof t) == 0;
}

/* Whether p's x coordinate is r modulo n: it is r, or r + n when that is still below the field's p.
 */
static bool has_x_modulo_n(const struct p256_point *p, const struct scalar *r)
{
    struct scalar above;
    uint64_t t = 0;
    for (unsigned i = 0; i < 8; i++) {
        t += (uint64_t)r->v[i] + wb_scalar_p256.n.v[i];
        above.v[i] = (uint32_t)t;
        t >>= 32;
    }
    return has_x(p, r) || (t == 0 && has_x(p, &above));
}

enum wb_err wb_p256_verify(const uint8_t signature[64], const uint8_t public_key[65],
                           enum wb_hash_id id, const uint8_t *digest)
{
    struct scalar r, s, u;
    struct p256_point key, p;
    (void)id; /* every digest has 32 bytes or more, of which the first 32 count */
    if (!wb_p256_point_decode(&key, public_key)) {
        return WB_ERR_KEY;
    }
    if (!wb_p256_scalar_decode(&r, signature) || !wb_p256_scalar_decode(&s, signature + 32)) {
        return WB_ERR_SIGNATURE;
    }
    wb_scalar_invert(&u, &s, &wb_scalar_p256);
    reduce_digest(&s, digest);
    wb_scalar_mul(&s, &s, &u, &wb_scalar_p256);
    wb_scalar_mul(&u, &r, &u, &wb_scalar_p256);
    wb_p256_mul_add_public(&p, &u, &key, &s);
    if (wb_p256_field_is_zero(&p.z) || !has_x_modulo_n(&p, &r)) {
        return WB_ERR_SIGNATURE;
    }
    return WB_OK;
}

/* ---- DER ---------------------------------------------------------------------------------- */

#define TAG_SEQUENCE 0x30
#define TAG_INTEGER  0x02

static void write_integer(struct wb_writer *w, const uint8_t number[32])
{
    size_t len = 32;
    while (len > 1 && *number == 0) {
        number++;
        len--;
    }
    const bool needs_zero = *number >= 0x80; /* else it would be negative */
    wb_write_u8(w, TAG_INTEGER);
    wb_write_u8(w, (uint8_t)(len + needs_zero));
    if (needs_zero) {
        wb_write_u8(w, 0);
    }
    wb_write_bytes(w, number, len);
}

size_t wb_p256_signature_encode(uint8_t der[72], const uint8_t signature[64])
{
    struct wb_writer w;
    wb_writer_init(&w, der, WB_P256_SIGNATURE_DER_MAX);
    wb_write_u8(&w, TAG_SEQUENCE);
    wb_write_u8(&w, 0);
    write_integer(&w, signature);
    write_integer(&w, signature + 32);
    der[1] = (uint8_t)(w.len - 2);
    return w.len;
}

/* X.690 §8.3: neither empty nor negative nor longer than needed; and here not 0. */
static bool read_integer(struct wb_reader *r, uint8_t number[32])
{
    const uint8_t tag = wb_read_u8(r);
    size_t len = wb_read_u8(r);
    const uint8_t *at = wb_read_bytes(r, len);
    if (at == NULL || tag != TAG_INTEGER || len == 0 || at[0] >= 0x80) {
        return false;
    }
    if (at[0] == 0) {
        at++;
        len--;
        if (len == 0 || at[0] < 0x80) {
            return false;
        }
    }
    if (len > 32) {
        return false;
    }
    memset(number, 0, 32 - len);
    memcpy(number + 32 - len, at, len);
    return true;
}

enum wb_err wb_p256_signature_decode(uint8_t signature[64], const void *der, size_t len)
{
    struct wb_reader r;
    uint8_t numbers[64];
    wb_reader_init(&r, der, len);
    const uint8_t tag = wb_read_u8(&r);
    const size_t left = wb_read_u8(&r); /* at most 70, so one byte below 0x80 */
    if (tag != TAG_SEQUENCE || left != wb_reader_left(&r) || !read_integer(&r, numbers) ||
        !read_integer(&r, numbers + 32) || wb_reader_left(&r) != 0) {
        return WB_ERR_SIGNATURE;
    }
    memcpy(signature, numbers, sizeof numbers);
    return WB_OK;
}
