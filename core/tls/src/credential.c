/* SPDX-License-Identifier: AGPL-3.0-only */
/* A credential is accepted only when its key signs for its leaf: a mistake shows at start, not at a
 * peer. */
#include "tls.h"

enum wb_err wb_tls_credential_init(struct wb_tls_credential *credential,
                                   const struct wb_bytes *chain, size_t chain_count,
                                   const uint8_t private_key[32], struct wb_fault *fault)
{
    uint8_t public_key[32];
    struct wb_x509_cert leaf;
    if (chain_count == 0) {
        return wb_fault_set(fault, WB_ERR_VALUE, "there is no certificate", NULL, 0, 0);
    }
    WB_TRY(wb_x509_parse(&leaf, chain[0].data, chain[0].len, fault));
    wb_ed25519_public_key(public_key, private_key);
    if (memcmp(public_key, leaf.public_key, sizeof public_key) != 0) {
        return wb_fault_set(fault, WB_ERR_KEY, "private key belongs to another certificate",
                            "was one of the two files replaced?", 0, 0);
    }
    memset(credential, 0, sizeof *credential);
    credential->chain = chain;
    credential->chain_count = chain_count;
    credential->private_key = private_key;
    memcpy(credential->public_key, public_key, sizeof public_key);
    return WB_OK;
}
