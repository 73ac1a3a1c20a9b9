/* SPDX-License-Identifier: AGPL-3.0-only */
/* provider.h: what the providers made of core/crypto have in common. */
#ifndef WB_TLS_PROVIDER_H
#define WB_TLS_PROVIDER_H

#include "wb_tls.h"

void provider_hash_init(struct wb_tls_hash *hash, enum wb_hash_id id);
void provider_hash_update(struct wb_tls_hash *hash, const void *data, size_t len);
void provider_hash_final(struct wb_tls_hash *hash, uint8_t *digest);

#define PROVIDER_OF_CORE                                                                           \
    .hash_init = provider_hash_init, .hash_update = provider_hash_update,                          \
    .hash_final = provider_hash_final, .hmac = wb_hmac, .aead_encrypt = wb_aead_encrypt,           \
    .aead_decrypt = wb_aead_decrypt

#endif
