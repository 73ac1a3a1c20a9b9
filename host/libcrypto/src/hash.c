/* SPDX-License-Identifier: AGPL-3.0-only */
/* SHA-2 and HMAC. A transcript is forked by copying its struct, so the running hash must be plain
 * memory: EVP's contexts are not, and copying one allocates. The older SHA256_… and SHA512_… calls
 * run the same code (SHA extensions included) on such plain structs. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <string.h>

#include "libcrypto.h"

/* Digest lengths stand at the same place in both: SHA512_CTX keeps md_len in its last word. */
union state {
    SHA512_CTX sha512; /* SHA-384, too */
    SHA256_CTX sha256;
};
_Static_assert(sizeof(union state) <= sizeof(struct wb_tls_hash), "a running hash must fit");
_Static_assert(sizeof(SHA256_CTX) <= offsetof(SHA512_CTX, md_len), "md_len is free in SHA-256");

void libcrypto_hash_init(struct wb_tls_hash *hash, enum wb_hash_id id)
{
    union state *s = (union state *)(void *)hash->space;
    switch (id) {
    case WB_HASH_SHA256:
        (void)SHA256_Init(&s->sha256);
        s->sha512.md_len = SHA256_DIGEST_LENGTH;
        break;
    case WB_HASH_SHA384: (void)SHA384_Init(&s->sha512); break;
    case WB_HASH_SHA512: (void)SHA512_Init(&s->sha512); break;
    }
}

void libcrypto_hash_update(struct wb_tls_hash *hash, const void *data, size_t len)
{
    union state *s = (union state *)(void *)hash->space;
    if (len == 0) {
        return;
    }
    if (s->sha512.md_len == SHA256_DIGEST_LENGTH) {
        (void)SHA256_Update(&s->sha256, data, len);
    } else {
        (void)SHA512_Update(&s->sha512, data, len);
    }
}

void libcrypto_hash_final(struct wb_tls_hash *hash, uint8_t *digest)
{
    union state *s = (union state *)(void *)hash->space;
    if (s->sha512.md_len == SHA256_DIGEST_LENGTH) {
        (void)SHA256_Final(digest, &s->sha256);
    } else {
        (void)SHA512_Final(digest, &s->sha512); /* md_len bytes: 48 or 64 */
    }
    wb_wipe(hash, sizeof *hash);
}

/* RFC 2104: H((K ^ opad) || H((K ^ ipad) || text)). */
void libcrypto_hmac(enum wb_hash_id id, const void *key, size_t key_len,
                    const struct wb_bytes *pieces, size_t piece_count, uint8_t *mac)
{
    struct wb_tls_hash hash;
    uint8_t block[WB_HASH_BLOCK_MAX] = {0};
    uint8_t inner[WB_HASH_LEN_MAX];
    size_t block_len = id == WB_HASH_SHA256 ? 64 : 128;
    if (key_len > block_len) {
        libcrypto_hash_init(&hash, id);
        libcrypto_hash_update(&hash, key, key_len);
        libcrypto_hash_final(&hash, block);
    } else if (key_len > 0) {
        memcpy(block, key, key_len);
    }
    for (size_t i = 0; i < block_len; i++) {
        block[i] ^= 0x36;
    }
    libcrypto_hash_init(&hash, id);
    libcrypto_hash_update(&hash, block, block_len);
    for (size_t i = 0; i < piece_count; i++) {
        libcrypto_hash_update(&hash, pieces[i].data, pieces[i].len);
    }
    libcrypto_hash_final(&hash, inner);
    for (size_t i = 0; i < block_len; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    libcrypto_hash_init(&hash, id);
    libcrypto_hash_update(&hash, block, block_len);
    libcrypto_hash_update(&hash, inner, wb_hash_len(id));
    libcrypto_hash_final(&hash, mac);
    wb_wipe(block, sizeof block);
    wb_wipe(inner, sizeof inner);
}
