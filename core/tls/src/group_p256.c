/* SPDX-License-Identifier: AGPL-3.0-only */
/* secp256r1 of core/crypto as a group (RFC 8446 §4.2.8.2). */
#include "wb_tls.h"

static enum wb_err share(uint8_t *out, const uint8_t *random)
{
    uint8_t private_key[32];
    wb_p256_private_key(private_key, random);
    enum wb_err err = wb_p256_public_key(out, private_key);
    wb_wipe(private_key, sizeof private_key);
    return err;
}

static enum wb_err agree(uint8_t *secret, const uint8_t *random, const uint8_t *peer_share)
{
    uint8_t private_key[32];
    wb_p256_private_key(private_key, random);
    enum wb_err err = wb_p256_ecdh(secret, private_key, peer_share);
    wb_wipe(private_key, sizeof private_key);
    return err;
}

static enum wb_err answer(uint8_t *out, uint8_t *secret, const uint8_t *random,
                          const uint8_t *client_share)
{
    WB_TRY(agree(secret, random, client_share));
    return share(out, random);
}

const struct wb_tls_group wb_tls_secp256r1 = {
    .id = WB_TLS_GROUP_SECP256R1,
    .random_len = 48,
    .client_share_len = WB_P256_POINT_LEN,
    .server_share_len = WB_P256_POINT_LEN,
    .secret_len = 32,
    .share = share,
    .answer = answer,
    .agree = agree,
};
