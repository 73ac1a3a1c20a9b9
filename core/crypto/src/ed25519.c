/* SPDX-License-Identifier: AGPL-3.0-only */
/* Ed25519 (RFC 8032 §5.1.5 to §5.1.7) over edwards.c and scalar.c. */
#include "wb_crypto.h"

#include "edwards.h"
#include "sha2.h"
#include "wipe_stack.h"

#include <string.h>

/* SHA-512 of up to two keys and the message, as a number below L. */
static void hash_to_scalar(struct scalar *out, const uint8_t *first, const uint8_t *second,
                           const struct wb_bytes *pieces, size_t piece_count)
{
    struct wb_sha512 hash;
    uint8_t digest[64];
    wb_sha512_init(&hash);
    wb_sha512_update(&hash, first, 32);
    if (second != NULL) {
        wb_sha512_update(&hash, second, 32);
    }
    for (size_t i = 0; i < piece_count; i++) {
        wb_sha512_update(&hash, pieces[i].data, pieces[i].len);
    }
    wb_sha512_final(&hash, digest, sizeof digest);
    struct scalar low, high;
    wb_scalar_decode(&low, digest);
    wb_scalar_decode(&high, digest + 32);
    wb_scalar_reduce_wide(out, &low, &high, &wb_scalar_ed25519);
    wb_wipe(digest, sizeof digest);
    wb_wipe(&low, sizeof low);
    wb_wipe(&high, sizeof high);
}

/* The secret scalar in the first half, pruned (§5.1.5 step 2), the prefix in the second. */
static void expand_key(uint8_t expanded[64], const uint8_t private_key[32])
{
    struct wb_sha512 hash;
    wb_sha512_init(&hash);
    wb_sha512_update(&hash, private_key, 32);
    wb_sha512_final(&hash, expanded, 64);
    expanded[0] &= 0xf8;
    expanded[31] = (uint8_t)((expanded[31] & 0x7f) | 0x40);
}

static void encode_base_multiple(uint8_t out[32], const struct scalar *k)
{
    struct point p;
    wb_edwards_mul_base(&p, k);
    wb_edwards_encode(out, &p);
    wb_wipe(&p, sizeof p);
    wb_wipe_stack();
}

void wb_ed25519_public_key(uint8_t public_key[32], const uint8_t private_key[32])
{
    uint8_t expanded[64];
    struct scalar a;
    expand_key(expanded, private_key);
    wb_scalar_decode(&a, expanded);
    wb_scalar_reduce(&a, &a, &wb_scalar_ed25519);
    encode_base_multiple(public_key, &a);
    wb_wipe(expanded, sizeof expanded);
    wb_wipe(&a, sizeof a);
}

void wb_ed25519_sign_pieces(uint8_t signature[64], const uint8_t private_key[32],
                            const uint8_t public_key[32], const struct wb_bytes *pieces,
                            size_t piece_count)
{
    uint8_t expanded[64];
    struct scalar nonce, challenge, a;
    expand_key(expanded, private_key);
    hash_to_scalar(&nonce, expanded + 32, NULL, pieces, piece_count);
    encode_base_multiple(signature, &nonce);
    hash_to_scalar(&challenge, signature, public_key, pieces, piece_count);
    wb_scalar_decode(&a, expanded);
    wb_scalar_mul(&a, &a, &challenge, &wb_scalar_ed25519);
    wb_scalar_add(&a, &a, &nonce, &wb_scalar_ed25519);
    wb_scalar_encode(signature + 32, &a);
    wb_wipe(expanded, sizeof expanded);
    wb_wipe(&nonce, sizeof nonce);
    wb_wipe(&a, sizeof a);
    wb_wipe_stack();
}

/* R = s B - h A, compared as bytes: so a non-canonical R never matches, and there is no cofactor.
 */
enum wb_err wb_ed25519_verify_pieces(const uint8_t signature[64], const uint8_t public_key[32],
                                     const struct wb_bytes *pieces, size_t piece_count)
{
    struct scalar s, challenge;
    struct point key, r;
    uint8_t encoded[32];
    wb_scalar_decode(&s, signature + 32);
    if (!wb_scalar_is_reduced(&s, &wb_scalar_ed25519) || !wb_edwards_decode(&key, public_key)) {
        return WB_ERR_SIGNATURE;
    }
    hash_to_scalar(&challenge, signature, public_key, pieces, piece_count);
    wb_edwards_negate(&key);
    wb_edwards_mul_add_public(&r, &challenge, &key, &s);
    wb_edwards_encode(encoded, &r);
    return memcmp(encoded, signature, 32) == 0 ? WB_OK : WB_ERR_SIGNATURE;
}

void wb_ed25519_sign(uint8_t signature[64], const uint8_t private_key[32],
                     const uint8_t public_key[32], const void *message, size_t len)
{
    const struct wb_bytes whole = {message, len};
    wb_ed25519_sign_pieces(signature, private_key, public_key, &whole, 1);
}

enum wb_err wb_ed25519_verify(const uint8_t signature[64], const uint8_t public_key[32],
                              const void *message, size_t len)
{
    const struct wb_bytes whole = {message, len};
    return wb_ed25519_verify_pieces(signature, public_key, &whole, 1);
}
