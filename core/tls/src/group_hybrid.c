/* SPDX-License-Identifier: AGPL-3.0-only */
/* X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem §4): ML-KEM-768's share and secret come first,
 * X25519's behind them. Both private keys come from one 32-byte seed. About 8 KB of stack: for
 * hosts. */
#include <string.h>

#include "wb_tls.h"

struct keys {
    uint8_t mlkem[64];
    uint8_t x25519[32];
    uint8_t random[32]; /* the server's, for encapsulation */
};
_Static_assert(sizeof(struct keys) == 2 * 64, "two outputs of HMAC-SHA-512");

static void derive(struct keys *keys, const uint8_t *random)
{
    uint8_t label[] = "wasmbed X25519MLKEM768 1";
    const struct wb_bytes piece = {label, sizeof label};
    uint8_t out[128];
    wb_hmac(WB_HASH_SHA512, random, 32, &piece, 1, out);
    label[sizeof label - 2] = '2';
    wb_hmac(WB_HASH_SHA512, random, 32, &piece, 1, out + 64);
    memcpy(keys, out, sizeof *keys);
    wb_wipe(out, sizeof out);
}

static enum wb_err share(uint8_t *out, const uint8_t *random)
{
    struct keys keys;
    struct wb_mlkem768_work work;
    derive(&keys, random);
    wb_mlkem768_public_key(out, keys.mlkem, &work);
    wb_x25519_public_key(out + WB_MLKEM768_PUBLIC_KEY_LEN, keys.x25519);
    wb_wipe(&keys, sizeof keys);
    return WB_OK;
}

static enum wb_err answer(uint8_t *out, uint8_t *secret, const uint8_t *random,
                          const uint8_t *client_share)
{
    struct keys keys;
    struct wb_mlkem768_work work;
    derive(&keys, random);
    enum wb_err err = wb_mlkem768_encaps(out, secret, client_share, keys.random, &work);
    if (err == WB_OK) {
        wb_x25519_public_key(out + WB_MLKEM768_CIPHERTEXT_LEN, keys.x25519);
        err = wb_x25519(secret + 32, keys.x25519, client_share + WB_MLKEM768_PUBLIC_KEY_LEN);
    }
    wb_wipe(&keys, sizeof keys);
    return err;
}

static enum wb_err agree(uint8_t *secret, const uint8_t *random, const uint8_t *server_share)
{
    struct keys keys;
    struct wb_mlkem768_work work;
    derive(&keys, random);
    wb_mlkem768_decaps(secret, keys.mlkem, server_share, &work);
    enum wb_err err =
        wb_x25519(secret + 32, keys.x25519, server_share + WB_MLKEM768_CIPHERTEXT_LEN);
    wb_wipe(&keys, sizeof keys);
    return err;
}

const struct wb_tls_group wb_tls_x25519mlkem768 = {
    .id = WB_TLS_GROUP_X25519MLKEM768,
    .random_len = 32,
    .client_share_len = WB_MLKEM768_PUBLIC_KEY_LEN + 32,
    .server_share_len = WB_MLKEM768_CIPHERTEXT_LEN + 32,
    .secret_len = 64,
    .share = share,
    .answer = answer,
    .agree = agree,
};
