/* SPDX-License-Identifier: AGPL-3.0-only */
/* Ed25519 (RFC 8032 §5.1.5 to §5.1.7) over edwards.c and scalar.c. */
#include "wb_crypto.h"

#include "edwards.h"
#include "sha2.h"

#include <string.h>

/* SHA-512 of up to three pieces, as a number below L. */
static void hash_to_scalar(struct scalar *out, const struct wb_bytes pieces[3])
{
    struct wb_sha512 hash;
    uint8_t digest[64];
    sha512_init(&hash);
    for (unsigned i = 0; i < 3; i++) {
        sha512_update(&hash, pieces[i].data, pieces[i].len);
    }
    sha512_final(&hash, digest, sizeof digest);
    scalar_reduce_wide(out, digest);
    wb_wipe(digest, sizeof digest);
}

/* The secret scalar in the first half, pruned (§5.1.5 step 2), the prefix in the second. */
static void expand_key(uint8_t expanded[64], const uint8_t private_key[32])
{
    struct wb_sha512 hash;
    sha512_init(&hash);
    sha512_update(&hash, private_key, 32);
    sha512_final(&hash, expanded, 64);
    expanded[0] &= 0xf8;
    expanded[31] = (uint8_t)((expanded[31] & 0x7f) | 0x40);
}

static void encode_base_multiple(uint8_t out[32], const struct scalar *k)
{
    struct point p;
    edwards_mul_base(&p, k);
    edwards_encode(out, &p);
    wb_wipe(&p, sizeof p);
}

void wb_ed25519_public_key(uint8_t public_key[32], const uint8_t private_key[32])
{
    uint8_t expanded[64];
    struct scalar a;
    expand_key(expanded, private_key);
    scalar_decode(&a, expanded);
    scalar_reduce(&a, &a);
    encode_base_multiple(public_key, &a);
    wb_wipe(expanded, sizeof expanded);
    wb_wipe(&a, sizeof a);
}

void wb_ed25519_sign(uint8_t signature[64], const uint8_t private_key[32],
                     const uint8_t public_key[32], const void *message, size_t len)
{
    uint8_t expanded[64];
    struct scalar nonce, challenge, a;
    expand_key(expanded, private_key);
    const struct wb_bytes nonce_pieces[3] = {{expanded + 32, 32}, {message, len}, {NULL, 0}};
    hash_to_scalar(&nonce, nonce_pieces);
    encode_base_multiple(signature, &nonce);
    const struct wb_bytes pieces[3] = {{signature, 32}, {public_key, 32}, {message, len}};
    hash_to_scalar(&challenge, pieces);
    scalar_decode(&a, expanded);
    scalar_mul_add(&a, &a, &challenge, &nonce);
    scalar_encode(signature + 32, &a);
    wb_wipe(expanded, sizeof expanded);
    wb_wipe(&nonce, sizeof nonce);
    wb_wipe(&a, sizeof a);
}

/* R = s B - h A, compared as bytes: so a non-canonical R never matches, and there is no cofactor.
 */
enum wb_err wb_ed25519_verify(const uint8_t signature[64], const uint8_t public_key[32],
                              const void *message, size_t len)
{
    struct scalar s, challenge;
    struct point key, r;
    uint8_t encoded[32];
    scalar_decode(&s, signature + 32);
    if (!scalar_is_reduced(&s) || !edwards_decode(&key, public_key)) {
        return WB_ERR_SIGNATURE;
    }
    const struct wb_bytes pieces[3] = {{signature, 32}, {public_key, 32}, {message, len}};
    hash_to_scalar(&challenge, pieces);
    edwards_negate(&key);
    edwards_mul_add_public(&r, &challenge, &key, &s);
    edwards_encode(encoded, &r);
    return memcmp(encoded, signature, 32) == 0 ? WB_OK : WB_ERR_SIGNATURE;
}
