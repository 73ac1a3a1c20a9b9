/* SPDX-License-Identifier: AGPL-3.0-only */
/* ChaCha20-Poly1305 (RFC 8439). Read the cipher, the authenticator, then the construction (§2.8).
 * Poly1305 here only sees strings padded with zeros to 16 bytes, so every block is a whole one. */
#include "aead.h"

#include "bytes.h"
#include "declassify.h"

#include <string.h>

/* ---- ChaCha20 (§2.3) ---------------------------------------------------------------------- */

static inline uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* The quarter round wants its words in registers: hence variables and a macro, not an array. */
#define QUARTER(a, b, c, d)                                                                        \
    a += b;                                                                                        \
    d = rotl(d ^ a, 16);                                                                           \
    c += d;                                                                                        \
    b = rotl(b ^ c, 12);                                                                           \
    a += b;                                                                                        \
    d = rotl(d ^ a, 8);                                                                            \
    c += d;                                                                                        \
    b = rotl(b ^ c, 7)

static void chacha20_block(uint32_t out[16], const uint32_t in[16])
{
    uint32_t x0 = in[0], x1 = in[1], x2 = in[2], x3 = in[3];
    uint32_t x4 = in[4], x5 = in[5], x6 = in[6], x7 = in[7];
    uint32_t x8 = in[8], x9 = in[9], x10 = in[10], x11 = in[11];
    uint32_t x12 = in[12], x13 = in[13], x14 = in[14], x15 = in[15];
    for (unsigned i = 0; i < 10; i++) {
        QUARTER(x0, x4, x8, x12);
        QUARTER(x1, x5, x9, x13);
        QUARTER(x2, x6, x10, x14);
        QUARTER(x3, x7, x11, x15);
        QUARTER(x0, x5, x10, x15);
        QUARTER(x1, x6, x11, x12);
        QUARTER(x2, x7, x8, x13);
        QUARTER(x3, x4, x9, x14);
    }
    out[0] = x0 + in[0], out[1] = x1 + in[1], out[2] = x2 + in[2], out[3] = x3 + in[3];
    out[4] = x4 + in[4], out[5] = x5 + in[5], out[6] = x6 + in[6], out[7] = x7 + in[7];
    out[8] = x8 + in[8], out[9] = x9 + in[9], out[10] = x10 + in[10], out[11] = x11 + in[11];
    out[12] = x12 + in[12], out[13] = x13 + in[13], out[14] = x14 + in[14], out[15] = x15 + in[15];
}

static void chacha20_init(uint32_t state[16], const uint8_t key[32], const uint8_t nonce[12])
{
    state[0] = 0x61707865; /* "expand 32-byte k" */
    state[1] = 0x3320646e;
    state[2] = 0x79622d32;
    state[3] = 0x6b206574;
    for (unsigned i = 0; i < 8; i++) {
        state[4 + i] = load_le32(key + 4 * i);
    }
    state[12] = 0;
    for (unsigned i = 0; i < 3; i++) {
        state[13 + i] = load_le32(nonce + 4 * i);
    }
}

/* Ciphers text in place from block counter 1 on (§2.4). */
static void chacha20_xor(uint32_t state[16], uint8_t *text, size_t len)
{
    uint32_t stream[16];
    while (len > 0) {
        state[12]++;
        chacha20_block(stream, state);
        unsigned word = 0;
        for (; len >= 4 && word < 16; word++) {
            store_le32(text, load_le32(text) ^ stream[word]);
            text += 4;
            len -= 4;
        }
        if (word < 16) {
            for (; len > 0; len--) {
                *text++ ^= (uint8_t)stream[word];
                stream[word] >>= 8;
            }
        }
    }
    wb_wipe(stream, sizeof stream);
}

/* ---- Poly1305 (§2.5) ---------------------------------------------------------------------- */

/* h is kept below 2^130 + 2^33: four full words and a small fifth. */
struct poly1305 {
    uint32_t h[5];
    uint32_t r[4];
    uint32_t r5[4]; /* 5 * r[i] / 4 for i = 1..3: what r[i] weighs after 2^130 = 5 */
    uint32_t s[4];
};

static void poly1305_init(struct poly1305 *poly, const uint32_t key[8])
{
    memset(poly->h, 0, sizeof poly->h);
    for (unsigned i = 0; i < 4; i++) {
        poly->r[i] = key[i] & (i == 0 ? 0x0fffffff : 0x0ffffffc);
        poly->r5[i] = poly->r[i] + (poly->r[i] >> 2);
        poly->s[i] = key[4 + i];
    }
}

/* Absorbs blocks of 16 bytes: h = (h + block + 2^128) * r mod 2^130 - 5. The clamping of r (§2.5.1)
 * makes r[i] < 2^28 and r[1..3] multiples of 4, so that no column below exceeds 2^32 * 2^28 * 4.75
 * < 2^63. */
static void poly1305_blocks(struct poly1305 *poly, const uint8_t *data, size_t count)
{
    const uint32_t r0 = poly->r[0], r1 = poly->r[1], r2 = poly->r[2], r3 = poly->r[3];
    const uint32_t v1 = poly->r5[1], v2 = poly->r5[2], v3 = poly->r5[3];
    uint32_t h0 = poly->h[0], h1 = poly->h[1], h2 = poly->h[2], h3 = poly->h[3], h4 = poly->h[4];
    for (; count > 0; count--) {
        uint64_t t = (uint64_t)h0 + load_le32(data);
        h0 = (uint32_t)t;
        t = (t >> 32) + h1 + load_le32(data + 4);
        h1 = (uint32_t)t;
        t = (t >> 32) + h2 + load_le32(data + 8);
        h2 = (uint32_t)t;
        t = (t >> 32) + h3 + load_le32(data + 12);
        h3 = (uint32_t)t;
        h4 += (uint32_t)(t >> 32) + 1;
        data += 16;

        uint64_t x0 = (uint64_t)h0 * r0 + (uint64_t)h1 * v3 + (uint64_t)h2 * v2 + (uint64_t)h3 * v1;
        uint64_t x1 =
            (uint64_t)h0 * r1 + (uint64_t)h1 * r0 + (uint64_t)h2 * v3 + (uint64_t)h3 * v2 + h4 * v1;
        uint64_t x2 =
            (uint64_t)h0 * r2 + (uint64_t)h1 * r1 + (uint64_t)h2 * r0 + (uint64_t)h3 * v3 + h4 * v2;
        uint64_t x3 =
            (uint64_t)h0 * r3 + (uint64_t)h1 * r2 + (uint64_t)h2 * r1 + (uint64_t)h3 * r0 + h4 * v3;
        uint32_t x4 = h4 * r0; /* h4 <= 6, r0 < 2^28 */

        x1 += x0 >> 32;
        x2 += x1 >> 32;
        x3 += x2 >> 32;
        x4 += (uint32_t)(x3 >> 32);
        t = (uint64_t)(uint32_t)x0 + (x4 >> 2) * UINT32_C(5);
        h0 = (uint32_t)t;
        t = (t >> 32) + (uint32_t)x1;
        h1 = (uint32_t)t;
        t = (t >> 32) + (uint32_t)x2;
        h2 = (uint32_t)t;
        t = (t >> 32) + (uint32_t)x3;
        h3 = (uint32_t)t;
        h4 = (x4 & 3) + (uint32_t)(t >> 32);
    }
    poly->h[0] = h0, poly->h[1] = h1, poly->h[2] = h2, poly->h[3] = h3, poly->h[4] = h4;
}

static void poly1305_padded(struct poly1305 *poly, const uint8_t *data, size_t len)
{
    poly1305_blocks(poly, data, len / 16);
    size_t rest = len % 16;
    if (rest > 0) {
        uint8_t block[16] = {0};
        memcpy(block, data + (len - rest), rest);
        poly1305_blocks(poly, block, 1);
    }
}

/* tag = ((h mod 2^130 - 5) + s) mod 2^128. */
static void poly1305_final(struct poly1305 *poly, uint8_t tag[16])
{
    /* h >= p exactly when h + 5 reaches 2^130: then h - p is h + 5 without that bit. h4 <= 4, so h
     * may be between p and 2p only. */
    uint64_t t = 5;
    for (unsigned i = 0; i < 4; i++) {
        t = (t >> (i == 0 ? 0 : 32)) + poly->h[i];
    }
    uint32_t over = (uint32_t)(((t >> 32) + poly->h[4]) >> 2);
    t = (uint64_t)over * 5;
    for (unsigned i = 0; i < 4; i++) {
        t += (uint64_t)poly->h[i] + poly->s[i];
        store_le32(tag + 4 * i, (uint32_t)t);
        t >>= 32;
    }
    wb_wipe(poly, sizeof *poly);
}

/* ---- the construction (§2.8) -------------------------------------------------------------- */

enum wb_err wb_chacha20_poly1305_run(enum aead_direction direction, const uint8_t key[32],
                                     const uint8_t nonce[12], const void *ad, size_t ad_len,
                                     uint8_t *text, size_t len, uint8_t tag[16],
                                     const uint8_t *expected)
{
    uint32_t state[16];
    uint32_t block[16];
    struct poly1305 poly;
    enum wb_err err = WB_OK;
    chacha20_init(state, key, nonce);
    chacha20_block(block, state); /* counter 0: the one-time key (§2.6) */
    poly1305_init(&poly, block);
    wb_wipe(block, sizeof block);

    if (direction == AEAD_ENCRYPT) {
        chacha20_xor(state, text, len);
    }
    poly1305_padded(&poly, ad, ad_len);
    poly1305_padded(&poly, text, len);
    uint8_t lengths[16];
    store_le32(lengths, (uint32_t)ad_len);
    store_le32(lengths + 4, (uint32_t)((uint64_t)ad_len >> 32));
    store_le32(lengths + 8, (uint32_t)len);
    store_le32(lengths + 12, (uint32_t)((uint64_t)len >> 32));
    poly1305_blocks(&poly, lengths, 1);
    poly1305_final(&poly, tag);

    if (direction == AEAD_DECRYPT) {
        if (wb_declassify(wb_ct_equal(tag, expected, WB_AEAD_TAG_LEN))) {
            chacha20_xor(state, text, len);
        } else {
            memset(text, 0, len);
            err = WB_ERR_AUTH;
        }
    }
    wb_wipe(state, sizeof state);
    return err;
}
