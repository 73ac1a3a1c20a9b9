/* SPDX-License-Identifier: AGPL-3.0-only */
/* SHA-256 (FIPS 180-4 §6.2), made for size: the message schedule is a ring of 16 words and the
 * rounds are a loop. */
#include "sha2.h"

#include <string.h>

static void compress(uint32_t state[8], const uint8_t block[64]);

void wb_sha256_init(struct wb_sha256 *hash)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->len = 0;
}

void wb_sha256_update(struct wb_sha256 *hash, const void *data, size_t len)
{
    const uint8_t *in = data;
    size_t fill = (size_t)hash->len & 63u;
    hash->len += len;
    while (len > 0) {
        if (fill == 0 && len >= 64) {
            compress(hash->state, in);
            in += 64;
            len -= 64;
            continue;
        }
        size_t take = 64 - fill < len ? 64 - fill : len;
        memcpy(hash->block + fill, in, take);
        in += take;
        len -= take;
        fill += take;
        if (fill == 64) {
            compress(hash->state, hash->block);
            fill = 0;
        }
    }
}

void wb_sha256_final(struct wb_sha256 *hash, uint8_t digest[32])
{
    size_t fill = (size_t)hash->len & 63u;
    uint64_t bits = hash->len << 3;
    hash->block[fill++] = 0x80;
    if (fill > 56) {
        memset(hash->block + fill, 0, 64 - fill);
        compress(hash->state, hash->block);
        fill = 0;
    }
    memset(hash->block + fill, 0, 56 - fill);
    for (unsigned i = 0; i < 8; i++) {
        hash->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    compress(hash->state, hash->block);
    for (unsigned i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
    }
    wb_wipe(hash, sizeof *hash);
}

static inline uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void compress(uint32_t state[8], const uint8_t block[64])
{
    uint32_t w[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 64; t++) {
        uint32_t wt;
        if (t < 16) {
            wt = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 |
                 block[3];
            block += 4;
        } else {
            uint32_t w2 = w[(t - 2) & 15];
            uint32_t w15 = w[(t - 15) & 15];
            wt = w[t & 15] + w[(t - 7) & 15] + (rotr(w2, 17) ^ rotr(w2, 19) ^ w2 >> 10) +
                 (rotr(w15, 7) ^ rotr(w15, 18) ^ w15 >> 3);
        }
        w[t & 15] = wt;
        uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (g ^ (e & (f ^ g))) +
                      (uint32_t)(wb_sha2_constants[t] >> 32) + wt;
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
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
