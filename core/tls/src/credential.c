/* SPDX-License-Identifier: AGPL-3.0-only */
/* A credential is accepted only when its key signs for its leaf: a mistake shows at start, not at a
 * peer. */
#include "tls.h"

static enum wb_err begin(struct wb_tls_credential *credential, const struct wb_bytes *chain,
                         size_t chain_count, struct wb_x509_cert *leaf, struct wb_fault *fault)
{
    if (chain_count == 0) {
        return wb_fault_set(fault, WB_ERR_VALUE, TEXT("there is no certificate"), NULL, 0, 0);
    }
    WB_TRY(wb_x509_parse(leaf, chain[0].data, chain[0].len, fault));
    memset(credential, 0, sizeof *credential);
    credential->chain = chain;
    credential->chain_count = chain_count;
    credential->key_type = leaf->key_type;
    return WB_OK;
}

enum wb_err wb_tls_credential_init(struct wb_tls_credential *credential,
                                   const struct wb_bytes *chain, size_t chain_count,
                                   const uint8_t private_key[32], struct wb_fault *fault)
{
    return wb_tls_credential_init_with(credential, wb_x509_algorithms_small, chain, chain_count,
                                       private_key, fault);
}

enum wb_err wb_tls_credential_init_with(struct wb_tls_credential *credential,
                                        const struct wb_x509_algorithm *const *algorithms,
                                        const struct wb_bytes *chain, size_t chain_count,
                                        const uint8_t private_key[32], struct wb_fault *fault)
{
    uint8_t public_key[WB_X509_PUBLIC_KEY_MAX];
    size_t public_key_len;
    struct wb_x509_cert leaf;
    struct wb_tls_credential made;
    WB_TRY(begin(&made, chain, chain_count, &leaf, fault));
    const struct wb_x509_algorithm *algorithm =
        wb_x509_algorithm_find(algorithms, (enum wb_x509_key_type)leaf.key_type);
    if (algorithm == NULL || algorithm->sign == NULL) {
        return wb_fault_set(fault, WB_ERR_UNSUPPORTED,
                            TEXT("certificate has a kind of key that cannot sign here"),
                            TEXT("use an Ed25519 key"), 0, 0);
    }
    if (algorithm->public_key(public_key, &public_key_len, private_key) != WB_OK ||
        public_key_len != leaf.public_key_len ||
        memcmp(public_key, leaf.public_key, public_key_len) != 0) {
        return wb_fault_set(fault, WB_ERR_KEY, TEXT("private key belongs to another certificate"),
                            TEXT("was one of the two files replaced?"), 0, 0);
    }
    *credential = made;
    credential->private_key = private_key;
    if (leaf.key_type == WB_X509_KEY_ED25519) {
        memcpy(credential->public_key, public_key, sizeof credential->public_key);
    }
    return WB_OK;
}

enum wb_err wb_tls_credential_init_sign(
    struct wb_tls_credential *credential, const struct wb_bytes *chain, size_t chain_count,
    enum wb_err (*sign)(void *ctx, uint16_t scheme, const void *message, size_t len,
                        uint8_t signature[WB_TLS_SIGNATURE_MAX], size_t *signature_len),
    void *ctx, struct wb_fault *fault)
{
    struct wb_x509_cert leaf;
    WB_TRY(begin(credential, chain, chain_count, &leaf, fault));
    credential->sign = sign;
    credential->ctx = ctx;
    return WB_OK;
}
