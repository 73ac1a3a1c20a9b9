/* SPDX-License-Identifier: AGPL-3.0-only */
/* All of core/crypto as provider. */
#include "provider.h"

static const struct wb_tls_group *const groups[] = {&wb_tls_x25519, &wb_tls_secp256r1, NULL};

const struct wb_tls_crypto wb_tls_crypto_core = {
    .name = "core",
    PROVIDER_OF_CORE,
    .groups = groups,
    .algorithms = wb_x509_algorithms,
};
