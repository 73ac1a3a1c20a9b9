/* SPDX-License-Identifier: AGPL-3.0-only */
/* core/crypto as provider; the part that every board needs. */
#include "provider.h"

static struct wb_hash *core_hash(struct wb_tls_hash *hash)
{
    _Static_assert(sizeof(struct wb_hash) <= sizeof(struct wb_tls_hash),
                   "wb_tls_hash is too small");
    return (struct wb_hash *)(void *)hash->space;
}

void provider_hash_init(struct wb_tls_hash *hash, enum wb_hash_id id)
{
    wb_hash_init(core_hash(hash), id);
}

void provider_hash_update(struct wb_tls_hash *hash, const void *data, size_t len)
{
    wb_hash_update(core_hash(hash), data, len);
}

void provider_hash_final(struct wb_tls_hash *hash, uint8_t *digest)
{
    wb_hash_final(core_hash(hash), digest);
}

static const struct wb_tls_group *const groups[] = {&wb_tls_x25519, NULL};

const struct wb_tls_crypto wb_tls_crypto_small = {
    .name = "core, small",
    PROVIDER_OF_CORE,
    .groups = groups,
    .algorithms = wb_x509_algorithms_small,
};
