/* SPDX-License-Identifier: AGPL-3.0-only */
/* SHA-512 and SHA-384 (FIPS 180-4 §6.4, §6.5), built like sha256.c. Messages are shorter than 2^61
 * bytes, so that the upper half of the 128-bit length field is always zero. */
#include "sha2.h"

#include <string.h>

static void compress(uint64_t state[8], const uint8_t block[128]);

void wb_sha512_init(struct wb_sha512 *hash)
{
    static const uint64_t start[8] = {
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    };
    memcpy(hash->state, start, sizeof start);
    hash->len = 0;
}

void wb_sha384_init(struct wb_sha512 *hash)
{
    static const uint64_t start[8] = {
        0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
        0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
    };
    memcpy(hash->state, start, sizeof start);
    hash->len = 0;
}

void wb_sha512_update(struct wb_sha512 *hash, const void *data, size_t len)
{
    const uint8_t *in = data;
    size_t fill = (size_t)hash->len & 127u;
    hash->len += len;
    while (len > 0) {
        if (fill == 0 && len >= 128) {
            compress(hash->state, in);
            in += 128;
            len -= 128;
            continue;
        }
        size_t take = 128 - fill < len ? 128 - fill : len;
        memcpy(hash->block + fill, in, take);
        in += take;
        len -= take;
        fill += take;
        if (fill == 128) {
            compress(hash->state, hash->block);
            fill = 0;
        }
    }
}

void wb_sha512_final(struct wb_sha512 *hash, uint8_t *digest, size_t digest_len)
{
    size_t fill = (size_t)hash->len & 127u;
    uint64_t bits = hash->len << 3;
    hash->block[fill++] = 0x80;
    if (fill > 112) {
        memset(hash->block + fill, 0, 128 - fill);
        compress(hash->state, hash->block);
        fill = 0;
    }
    memset(hash->block + fill, 0, 120 - fill);
    for (unsigned i = 0; i < 8; i++) {
        hash->block[120 + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    compress(hash->state, hash->block);
    for (size_t i = 0; i < digest_len; i++) {
        digest[i] = (uint8_t)(hash->state[i / 8] >> (56 - 8 * (i % 8)));
    }
    wb_wipe(hash, sizeof *hash);
}

static inline uint64_t rotr(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static void compress(uint64_t state[8], const uint8_t block[128])
{
    uint64_t w[16];
    uint64_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint64_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 80; t++) {
        uint64_t wt = 0;
        if (t < 16) {
            for (unsigned i = 0; i < 8; i++) {
                wt = wt << 8 | *block++;
            }
        } else {
            uint64_t w2 = w[(t - 2) & 15];
            uint64_t w15 = w[(t - 15) & 15];
            wt = w[t & 15] + w[(t - 7) & 15] + (rotr(w2, 19) ^ rotr(w2, 61) ^ w2 >> 6) +
                 (rotr(w15, 1) ^ rotr(w15, 8) ^ w15 >> 7);
        }
        w[t & 15] = wt;
        uint64_t t1 = h + (rotr(e, 14) ^ rotr(e, 18) ^ rotr(e, 41)) + (g ^ (e & (f ^ g))) +
                      wb_sha2_constants[t] + wt;
        uint64_t t2 = (rotr(a, 28) ^ rotr(a, 34) ^ rotr(a, 39)) + ((a & b) | (c & (a | b)));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
    wb_wipe(w, sizeof w);
}
