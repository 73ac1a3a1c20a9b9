/* SPDX-License-Identifier: AGPL-3.0-only */
/* tls_null_crypto.h: a provider that protects nothing, so that a fuzzer gets through a whole
 * handshake: texts stay as they are, tags and MACs are zero, every signature verifies. Never for
 * anything else. */
#ifndef WB_FUZZ_TLS_NULL_CRYPTO_H
#define WB_FUZZ_TLS_NULL_CRYPTO_H

#include <string.h>

#include "wb_tls.h"

static void null_hash_init(struct wb_tls_hash *hash, enum wb_hash_id id)
{
    hash->space[0] = id;
}

static void null_hash_update(struct wb_tls_hash *hash, const void *data, size_t len)
{
    const volatile uint8_t *at = data; /* reads all of it, so that the address sanitizer looks */
    for (size_t i = 0; i < len; i++) {
        hash->space[1] += at[i];
    }
}

static void null_hash_final(struct wb_tls_hash *hash, uint8_t *digest)
{
    memset(digest, 0, wb_hash_len((enum wb_hash_id)hash->space[0]));
}

static void null_hmac(enum wb_hash_id id, const void *key, size_t key_len,
                      const struct wb_bytes *pieces, size_t piece_count, uint8_t *mac)
{
    (void)key, (void)key_len, (void)pieces, (void)piece_count;
    memset(mac, 0, wb_hash_len(id));
}

static void null_encrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                         const void *ad, size_t ad_len, uint8_t *text, size_t len, uint8_t tag[16])
{
    (void)id, (void)key, (void)nonce, (void)ad, (void)ad_len, (void)text, (void)len;
    memset(tag, 0, 16);
}

static enum wb_err null_decrypt(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                                const void *ad, size_t ad_len, uint8_t *text, size_t len,
                                const uint8_t tag[16])
{
    (void)id, (void)key, (void)nonce, (void)ad, (void)ad_len, (void)text, (void)len;
    return tag[0] == 0xff ? WB_ERR_AUTH : WB_OK; /* one way to fail, for the early data's sake */
}

static void null_public_key(uint8_t public_key[32], const uint8_t private_key[32])
{
    memcpy(public_key, private_key, 32);
}

static enum wb_err null_x25519(uint8_t shared_secret[32], const uint8_t private_key[32],
                               const uint8_t peer_public_key[32])
{
    (void)private_key;
    memset(shared_secret, 1, 32);
    return peer_public_key[0] == 0 && peer_public_key[1] == 0 ? WB_ERR_KEY : WB_OK;
}

static void null_sign(uint8_t signature[64], const uint8_t private_key[32],
                      const uint8_t public_key[32], const void *message, size_t len)
{
    (void)private_key, (void)public_key, (void)message, (void)len;
    memset(signature, 0, 64);
}

static enum wb_err null_verify(const uint8_t signature[64], const uint8_t public_key[32],
                               const void *message, size_t len)
{
    (void)public_key, (void)message, (void)len;
    return signature[0] == 0xff ? WB_ERR_SIGNATURE : WB_OK;
}

static const struct wb_tls_crypto null_crypto = {
    .name = "null",
    .hash_init = null_hash_init,
    .hash_update = null_hash_update,
    .hash_final = null_hash_final,
    .hmac = null_hmac,
    .aead_encrypt = null_encrypt,
    .aead_decrypt = null_decrypt,
    .x25519_public_key = null_public_key,
    .x25519 = null_x25519,
    .ed25519_sign = null_sign,
    .ed25519_verify = null_verify,
};

static enum wb_err fixed_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0x42, len);
    return WB_OK;
}

static const char *const fuzz_alpn[] = {"wasmbed/1", "h2"};

/* Feeds the input in pieces whose sizes come from its first byte; reads, echoes and emits as a
 * program would. */
static void run_engine(struct wb_tls *tls, const uint8_t *data, size_t size)
{
    uint8_t out[64];
    size_t piece = size > 0 ? 1u + data[0] : 1;
    size_t at = size > 0 ? 1 : 0;
    unsigned idle = 0;
    while (at < size && idle < 4) {
        size_t len = size - at < piece ? size - at : piece;
        size_t used = 0;
        size_t taken;
        struct wb_tls_event event;
        enum wb_err err = wb_tls_feed(tls, 0, data + at, len, &used);
        at += used;
        bool is_moving = used > 0;
        const uint8_t *text;
        size_t text_len;
        if (wb_tls_read(tls, &text, &text_len)) {
            (void)!wb_tls_write(tls, text, text_len, &taken);
            wb_tls_read_done(tls, text_len > 3 ? text_len - 3 : text_len);
            is_moving = true;
        }
        while (wb_tls_next(tls, &event)) {
            if (event.type == WB_TLS_EVENT_FAILED && (err == WB_OK || event.fault->what == NULL)) {
                __builtin_trap();
            }
        }
        while (wb_tls_emit(tls, 0, out, sizeof out) > 0) {
            is_moving = true;
        }
        if (err != WB_OK) {
            break;
        }
        idle = is_moving ? 0 : idle + 1;
    }
    (void)!wb_tls_key_update(tls, true);
    wb_tls_close(tls);
    while (wb_tls_emit(tls, 0, out, sizeof out) > 0) {
    }
    (void)!wb_tls_feed_end(tls);
    wb_tls_deinit(tls);
}

/* A certificate from fixed keys; the null provider "verifies" whatever it says. */
struct fuzz_identity {
    uint8_t der[WB_X509_CERT_MAX];
    size_t len;
    struct wb_bytes chain[1];
    struct wb_tls_credential credential;
};

static const uint8_t fuzz_key[32] = {7};

static void make_identity(struct fuzz_identity *id, bool is_ca, uint8_t purposes)
{
    static const uint8_t serial[] = {1};
    static const char *const names[] = {"localhost"};
    uint8_t public_key[32];
    wb_ed25519_public_key(public_key, fuzz_key);
    const struct wb_x509_spec spec = {.serial = serial,
                                      .serial_len = 1,
                                      .common_name = "Fuzz CA",
                                      .public_key = public_key,
                                      .not_after = WB_X509_NO_EXPIRY,
                                      .is_ca = is_ca,
                                      .purposes = purposes,
                                      .alt_names = names,
                                      .alt_name_count = is_ca ? 0 : 1};
    if (wb_x509_write_self_signed(&spec, fuzz_key, id->der, sizeof id->der, &id->len) != WB_OK) {
        __builtin_trap();
    }
    id->chain[0] = (struct wb_bytes){id->der, id->len};
    id->credential =
        (struct wb_tls_credential){.chain = id->chain, .chain_count = 1, .private_key = fuzz_key};
}

#endif
