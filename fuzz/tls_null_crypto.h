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

static enum wb_err null_share(uint8_t *share, const uint8_t *random)
{
    memcpy(share, random, 32);
    return WB_OK;
}

static enum wb_err null_agree(uint8_t *secret, const uint8_t *random, const uint8_t *peer_share)
{
    (void)random;
    memset(secret, 1, 32);
    return peer_share[0] == 0 && peer_share[1] == 0 ? WB_ERR_KEY : WB_OK;
}

static enum wb_err null_answer(uint8_t *share, uint8_t *secret, const uint8_t *random,
                               const uint8_t *client_share)
{
    memset(share, 2, 32);
    return null_agree(secret, random, client_share);
}

static enum wb_err null_long_share(uint8_t *share, const uint8_t *random)
{
    memset(share, 3, 200);
    return null_share(share, random);
}

static enum wb_err null_long_answer(uint8_t *share, uint8_t *secret, const uint8_t *random,
                                    const uint8_t *client_share)
{
    memset(share, 4, 180);
    return null_agree(secret, random, client_share);
}

static const struct wb_tls_group null_group = {.id = WB_TLS_GROUP_X25519,
                                               .random_len = 32,
                                               .client_share_len = 32,
                                               .server_share_len = 32,
                                               .secret_len = 32,
                                               .share = null_share,
                                               .answer = null_answer,
                                               .agree = null_agree};
/* Shares of different lengths, as post-quantum groups have them. */
static const struct wb_tls_group null_long_group = {.id = WB_TLS_GROUP_X25519MLKEM768,
                                                    .random_len = 32,
                                                    .client_share_len = 200,
                                                    .server_share_len = 180,
                                                    .secret_len = 32,
                                                    .share = null_long_share,
                                                    .answer = null_long_answer,
                                                    .agree = null_agree};
static const struct wb_tls_group *const null_groups[] = {&null_group, &null_long_group, NULL};

static enum wb_err null_verify(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                               const void *message, size_t len, const uint8_t *signature,
                               size_t signature_len)
{
    (void)scheme, (void)public_key, (void)public_key_len, (void)message, (void)len;
    return signature_len > 0 && signature[0] == 0xff ? WB_ERR_SIGNATURE : WB_OK;
}

static enum wb_err null_sign(uint16_t scheme, const uint8_t private_key[32],
                             const uint8_t *public_key, const void *message, size_t len,
                             uint8_t *signature, size_t *signature_len)
{
    (void)scheme, (void)private_key, (void)public_key, (void)message, (void)len;
    memset(signature, 0, 64);
    *signature_len = 64;
    return WB_OK;
}

static const struct wb_x509_algorithm null_ed25519 = {
    .key_type = WB_X509_KEY_ED25519, .verify = null_verify, .sign = null_sign};
static const struct wb_x509_algorithm null_p256 = {
    .key_type = WB_X509_KEY_P256, .verify = null_verify, .sign = null_sign};
static const struct wb_x509_algorithm null_rsa = {.key_type = WB_X509_KEY_RSA,
                                                  .verify = null_verify};
static const struct wb_x509_algorithm *const null_algorithms[] = {&null_ed25519, &null_p256,
                                                                  &null_rsa, NULL};

static const struct wb_tls_crypto null_crypto = {
    .name = "null",
    .hash_init = null_hash_init,
    .hash_update = null_hash_update,
    .hash_final = null_hash_final,
    .hmac = null_hmac,
    .aead_encrypt = null_encrypt,
    .aead_decrypt = null_decrypt,
    .groups = null_groups,
    .algorithms = null_algorithms,
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
