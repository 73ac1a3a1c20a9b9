/* SPDX-License-Identifier: AGPL-3.0-only */
/* X25519 of core/crypto as a group (RFC 8446 §4.2.8.2). */
#include "wb_tls.h"

static enum wb_err share(uint8_t *out, const uint8_t *random)
{
    wb_x25519_public_key(out, random);
    return WB_OK;
}

static enum wb_err answer(uint8_t *out, uint8_t *secret, const uint8_t *random,
                          const uint8_t *client_share)
{
    wb_x25519_public_key(out, random);
    return wb_x25519(secret, random, client_share);
}

const struct wb_tls_group wb_tls_x25519 = {
    .id = WB_TLS_GROUP_X25519,
    .random_len = 32,
    .client_share_len = 32,
    .server_share_len = 32,
    .secret_len = 32,
    .share = share,
    .answer = answer,
    .agree = wb_x25519,
};
