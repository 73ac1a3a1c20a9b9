/* SPDX-License-Identifier: AGPL-3.0-only */
/* One interface over the hashes, and what is built from it alone: HMAC (RFC 2104) and HKDF (RFC
 * 5869). */
#include "sha2.h"

#include <string.h>

size_t wb_hash_len(enum wb_hash_id id)
{
    return id == WB_HASH_SHA256 ? 32 : id == WB_HASH_SHA384 ? 48 : 64;
}

static size_t block_len(enum wb_hash_id id)
{
    return id == WB_HASH_SHA256 ? 64 : 128;
}

void wb_hash_init(struct wb_hash *hash, enum wb_hash_id id)
{
    hash->id = id;
    switch (id) {
    case WB_HASH_SHA256: wb_sha256_init(&hash->u.sha256); break;
    case WB_HASH_SHA384: wb_sha384_init(&hash->u.sha512); break;
    case WB_HASH_SHA512: wb_sha512_init(&hash->u.sha512); break;
    }
}

void wb_hash_update(struct wb_hash *hash, const void *data, size_t len)
{
    if (hash->id == WB_HASH_SHA256) {
        wb_sha256_update(&hash->u.sha256, data, len);
    } else {
        wb_sha512_update(&hash->u.sha512, data, len);
    }
}

void wb_hash_final(struct wb_hash *hash, uint8_t *digest)
{
    if (hash->id == WB_HASH_SHA256) {
        wb_sha256_final(&hash->u.sha256, digest);
    } else {
        wb_sha512_final(&hash->u.sha512, digest, wb_hash_len(hash->id));
    }
}

void wb_hash_once(enum wb_hash_id id, const void *data, size_t len, uint8_t *digest)
{
    struct wb_hash hash;
    wb_hash_init(&hash, id);
    wb_hash_update(&hash, data, len);
    wb_hash_final(&hash, digest);
}

/* ---- HMAC and HKDF ------------------------------------------------------------------------ */

static void xor_all(uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= value;
    }
}

void wb_hmac(enum wb_hash_id id, const void *key, size_t key_len, const struct wb_bytes *pieces,
             size_t piece_count, uint8_t *mac)
{
    struct wb_hash hash;
    uint8_t block_key[WB_HASH_BLOCK_MAX] = {0};
    size_t block = block_len(id);
    if (key_len > block) {
        wb_hash_once(id, key, key_len, block_key);
    } else if (key_len > 0) {
        memcpy(block_key, key, key_len);
    }
    xor_all(block_key, block, 0x36);
    wb_hash_init(&hash, id);
    wb_hash_update(&hash, block_key, block);
    for (size_t i = 0; i < piece_count; i++) {
        wb_hash_update(&hash, pieces[i].data, pieces[i].len);
    }
    uint8_t inner[WB_HASH_LEN_MAX]; /* not mac: a piece may lie there */
    wb_hash_final(&hash, inner);

    xor_all(block_key, block, 0x36 ^ 0x5c);
    wb_hash_init(&hash, id);
    wb_hash_update(&hash, block_key, block);
    wb_hash_update(&hash, inner, wb_hash_len(id));
    wb_hash_final(&hash, mac);
    wb_wipe(block_key, sizeof block_key);
    wb_wipe(inner, sizeof inner);
}

void wb_hkdf_extract(enum wb_hash_id id, const void *salt, size_t salt_len, const void *ikm,
                     size_t ikm_len, uint8_t *prk)
{
    /* A salt of HashLen zeros (RFC 5869 §2.2) and no salt are the same HMAC key. */
    const struct wb_bytes piece = {ikm, ikm_len};
    wb_hmac(id, salt, salt_len, &piece, 1, prk);
}

enum wb_err wb_hkdf_expand(enum wb_hash_id id, const uint8_t *prk, const void *info,
                           size_t info_len, void *out, size_t out_len)
{
    size_t hash_len = wb_hash_len(id);
    if (out_len > 255 * hash_len) {
        return WB_ERR_LIMIT;
    }
    uint8_t *at = out;
    uint8_t t[WB_HASH_LEN_MAX];
    uint8_t counter = 0;
    size_t left = out_len;
    while (left > 0) {
        const struct wb_bytes pieces[3] = {
            {t, counter == 0 ? 0 : hash_len}, {info, info_len}, {&counter, 1}};
        counter++;
        wb_hmac(id, prk, hash_len, pieces, 3, t);
        size_t take = left < hash_len ? left : hash_len;
        memcpy(at, t, take);
        at += take;
        left -= take;
    }
    wb_wipe(t, sizeof t);
    return WB_OK;
}
