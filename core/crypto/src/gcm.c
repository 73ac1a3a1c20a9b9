/* SPDX-License-Identifier: AGPL-3.0-only */
/* AES-GCM with 12-byte nonces and 16-byte tags (SP 800-38D). Read wb_gcm_run, then GHASH below it.
 */
#include "aead.h"

#include "aes.h"
#include "bytes.h"
#include "declassify.h"

#include <string.h>

struct ghash {
    uint32_t
        h[9]; /* the key's four words, least significant first, and sums of them for Karatsuba */
    uint32_t y[4];
    struct { /* of ghash_block; here, so that it is wiped once, at the end */
        uint32_t sums[9];
        uint32_t low[9], high[9];
        uint32_t v[8];
    } work;
};

static void ghash_init(struct ghash *ghash, const uint32_t h[4]);
static void ghash_padded(struct ghash *ghash, const uint8_t *data, size_t len);
static void ghash_block(struct ghash *ghash, const uint8_t block[16]);

static uint32_t byte_swap(uint32_t x)
{
    return x << 24 | (x << 8 & 0x00ff0000) | (x >> 8 & 0x0000ff00) | x >> 24;
}

static void xor_stream(uint8_t *text, const uint32_t *stream, size_t len)
{
    for (; len >= 4; len -= 4) {
        store_le32(text, load_le32(text) ^ *stream++);
        text += 4;
    }
    for (size_t i = 0; i < len; i++) {
        text[i] ^= (uint8_t)(*stream >> 8 * i);
    }
}

/* GCTR (§6.5), two blocks at a time, from counter 2 on. */
static void ctr_xor(const struct aes *aes, const uint32_t nonce[3], uint8_t *text, size_t len)
{
    uint32_t stream[8];
    for (uint32_t counter = 2; len > 0; counter += 2) {
        memcpy(stream, nonce, 12);
        memcpy(stream + 4, nonce, 12);
        stream[3] = byte_swap(counter);
        stream[7] = byte_swap(counter + 1);
        wb_aes_encrypt2(aes, stream, stream + 4);
        size_t take = len < 32 ? len : 32;
        xor_stream(text, stream, take);
        text += take;
        len -= take;
    }
    wb_wipe(stream, sizeof stream);
}

enum wb_err wb_gcm_run(enum aead_direction direction, const uint8_t *key, size_t key_len,
                       const uint8_t nonce[12], const void *ad, size_t ad_len, uint8_t *text,
                       size_t len, uint8_t tag[16], const uint8_t *expected)
{
    struct aes aes;
    struct ghash ghash;
    enum wb_err err = WB_OK;
    wb_aes_init(&aes, key, key_len);
    uint32_t h[4] = {0};
    uint32_t mask[4] = {load_le32(nonce), load_le32(nonce + 4), load_le32(nonce + 8), byte_swap(1)};
    const uint32_t nonce_words[3] = {mask[0], mask[1], mask[2]};
    wb_aes_encrypt2(&aes, h,
                    mask); /* the hash key, and what masks the tag: the block of counter 1 */
    ghash_init(&ghash, h);

    if (direction == AEAD_ENCRYPT) {
        ctr_xor(&aes, nonce_words, text, len);
    }
    ghash_padded(&ghash, ad, ad_len);
    ghash_padded(&ghash, text, len);
    uint8_t lengths[16];
    store_be32(lengths, (uint32_t)((uint64_t)ad_len >> 29));
    store_be32(lengths + 4, (uint32_t)(ad_len << 3));
    store_be32(lengths + 8, (uint32_t)((uint64_t)len >> 29));
    store_be32(lengths + 12, (uint32_t)(len << 3));
    ghash_block(&ghash, lengths);
    for (unsigned i = 0; i < 4; i++) {
        store_be32(tag + 4 * i, ghash.y[3 - i] ^ byte_swap(mask[i]));
    }

    if (direction == AEAD_DECRYPT) {
        if (wb_declassify(wb_ct_equal(tag, expected, WB_AEAD_TAG_LEN))) {
            ctr_xor(&aes, nonce_words, text, len);
        } else {
            memset(text, 0, len);
            err = WB_ERR_AUTH;
        }
    }
    wb_wipe(&aes, sizeof aes);
    wb_wipe(&ghash, sizeof ghash);
    wb_wipe(h, sizeof h);
    wb_wipe(mask, sizeof mask);
    return err;
}

/* ---- GHASH (§6.4) ------------------------------------------------------------------------- */

/* Operand sums of two-level Karatsuba over four words, in the order in which ghash_block uses them.
 */
static void karatsuba_sums(uint32_t s[9])
{
    s[4] = s[0] ^ s[1];
    s[5] = s[2] ^ s[3];
    s[6] = s[0] ^ s[2];
    s[7] = s[1] ^ s[3];
    s[8] = s[6] ^ s[7];
}

static void ghash_init(struct ghash *ghash, const uint32_t h[4])
{
    for (unsigned i = 0; i < 4; i++) {
        ghash->h[i] = byte_swap(h[3 - i]);
        ghash->y[i] = 0;
    }
    karatsuba_sums(ghash->h);
}

/* Carry-less product of two words through the ordinary multiplier: only every fourth bit of an
 * operand is used at a time, so at most 8 products meet in one bit and their carries stay in the
 * three bits above it, which are masked away. */
static uint64_t multiply(uint32_t x, uint32_t y)
{
    const uint32_t m = 0x11111111;
    const uint32_t x0 = x & m, x1 = x & m << 1, x2 = x & m << 2, x3 = x & m << 3;
    const uint32_t y0 = y & m, y1 = y & m << 1, y2 = y & m << 2, y3 = y & m << 3;
    const uint64_t mask = UINT64_C(0x1111111111111111);
    uint64_t z0 = (uint64_t)x0 * y0 ^ (uint64_t)x1 * y3 ^ (uint64_t)x2 * y2 ^ (uint64_t)x3 * y1;
    uint64_t z1 = (uint64_t)x0 * y1 ^ (uint64_t)x1 * y0 ^ (uint64_t)x2 * y3 ^ (uint64_t)x3 * y2;
    uint64_t z2 = (uint64_t)x0 * y2 ^ (uint64_t)x1 * y1 ^ (uint64_t)x2 * y0 ^ (uint64_t)x3 * y3;
    uint64_t z3 = (uint64_t)x0 * y3 ^ (uint64_t)x1 * y2 ^ (uint64_t)x2 * y1 ^ (uint64_t)x3 * y0;
    return (z0 & mask) | (z1 & mask << 1) | (z2 & mask << 2) | (z3 & mask << 3);
}

/* y = (y + block) * h in GF(2^128). GCM's first bit is the coefficient of x^0 but our most
 * significant bit; in this reflected order a product of two 128-bit numbers must be shifted left by
 * one, and x^128 = x^7 + x^2 + x + 1 moves the lower half up by shifts to the right. */
static void ghash_block(struct ghash *ghash, const uint8_t block[16])
{
    uint32_t *s = ghash->work.sums, *lo = ghash->work.low, *hi = ghash->work.high;
    for (unsigned i = 0; i < 4; i++) {
        s[i] = ghash->y[i] ^ load_be32(block + 12 - 4 * i);
    }
    karatsuba_sums(s);
    for (unsigned i = 0; i < 9; i++) {
        uint64_t product = multiply(s[i], ghash->h[i]);
        lo[i] = (uint32_t)product;
        hi[i] = (uint32_t)(product >> 32);
    }
    /* 64-bit products, each of four words: a = low halves, b = high halves, m = of the sums. */
    uint32_t a1 = hi[0] ^ lo[0] ^ lo[1] ^ lo[4], a2 = lo[1] ^ hi[0] ^ hi[1] ^ hi[4];
    uint32_t b1 = hi[2] ^ lo[2] ^ lo[3] ^ lo[5], b2 = lo[3] ^ hi[2] ^ hi[3] ^ hi[5];
    uint32_t m1 = hi[6] ^ lo[6] ^ lo[7] ^ lo[8], m2 = lo[7] ^ hi[6] ^ hi[7] ^ hi[8];
    uint32_t *v = ghash->work.v;
    v[0] = lo[0];
    v[1] = a1;
    v[2] = a2 ^ lo[6] ^ lo[0] ^ lo[2];
    v[3] = hi[1] ^ m1 ^ a1 ^ b1;
    v[4] = lo[2] ^ m2 ^ a2 ^ b2;
    v[5] = b1 ^ hi[7] ^ hi[1] ^ hi[3];
    v[6] = b2;
    v[7] = hi[3];
    for (unsigned i = 7; i > 0; i--) {
        v[i] = v[i] << 1 | v[i - 1] >> 31;
    }
    v[0] <<= 1;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t w = v[i];
        v[i + 4] ^= w ^ w >> 1 ^ w >> 2 ^ w >> 7;
        v[i + 3] ^= w << 31 ^ w << 30 ^ w << 25;
    }
    for (unsigned i = 0; i < 4; i++) {
        ghash->y[i] = v[i + 4];
    }
}

static void ghash_padded(struct ghash *ghash, const uint8_t *data, size_t len)
{
    for (; len >= 16; len -= 16) {
        ghash_block(ghash, data);
        data += 16;
    }
    if (len > 0) {
        uint8_t block[16] = {0};
        memcpy(block, data, len);
        ghash_block(ghash, block);
    }
}
