/* SPDX-License-Identifier: AGPL-3.0-only */
/* Cipher suites, alerts, and the provider of core/crypto, each as a table. */
#include "tls.h"

static const struct suite suites[] = {
    {WB_TLS_CHACHA20_POLY1305_SHA256, WB_AEAD_CHACHA20_POLY1305, WB_HASH_SHA256},
    {WB_TLS_AES_256_GCM_SHA384, WB_AEAD_AES_256_GCM, WB_HASH_SHA384},
    {WB_TLS_AES_128_GCM_SHA256, WB_AEAD_AES_128_GCM, WB_HASH_SHA256},
};

const struct suite *tls_suite(const struct wb_tls *tls)
{
    WB_ASSERT(tls->suite > 0);
    return &suites[tls->suite - 1];
}

size_t tls_hash_len(const struct wb_tls *tls)
{
    return wb_hash_len((enum wb_hash_id)tls_suite(tls)->hash);
}

static uint8_t find_row(uint16_t id)
{
    for (uint8_t i = 0; i < WB_ARRAY_LEN(suites); i++) {
        if (suites[i].id == id) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

/* Walks the configuration's list; unknown ids in it are passed over. */
uint16_t tls_suite_at(const struct wb_tls_cfg *cfg, size_t index)
{
    if (cfg->suites == NULL) {
        return index < WB_ARRAY_LEN(suites) ? suites[index].id : 0;
    }
    for (size_t i = 0; i < cfg->suite_count; i++) {
        if (find_row(cfg->suites[i]) != 0 && index-- == 0) {
            return cfg->suites[i];
        }
    }
    return 0;
}

uint8_t tls_suite_find(const struct wb_tls_cfg *cfg, uint16_t id)
{
    for (size_t i = 0; tls_suite_at(cfg, i) != 0; i++) {
        if (tls_suite_at(cfg, i) == id) {
            return find_row(id);
        }
    }
    return 0;
}

const char *wb_tls_alert_str(enum wb_tls_alert alert)
{
    switch ((int)alert) {
#define ALERT_CASE(name, number, text)                                                             \
    case number: return text;
        WB_TLS_ALERT_LIST(ALERT_CASE)
#undef ALERT_CASE
    default: return "unknown alert";
    }
}

/* ---- core/crypto as provider ---- */

static struct wb_hash *core_hash(struct wb_tls_hash *hash)
{
    _Static_assert(sizeof(struct wb_hash) <= sizeof(struct wb_tls_hash),
                   "wb_tls_hash is too small");
    return (struct wb_hash *)(void *)hash->space;
}

static void core_hash_init(struct wb_tls_hash *hash, enum wb_hash_id id)
{
    wb_hash_init(core_hash(hash), id);
}

static void core_hash_update(struct wb_tls_hash *hash, const void *data, size_t len)
{
    wb_hash_update(core_hash(hash), data, len);
}

static void core_hash_final(struct wb_tls_hash *hash, uint8_t *digest)
{
    wb_hash_final(core_hash(hash), digest);
}

const struct wb_tls_crypto wb_tls_crypto_core = {
    .name = "core",
    .hash_init = core_hash_init,
    .hash_update = core_hash_update,
    .hash_final = core_hash_final,
    .hmac = wb_hmac,
    .aead_encrypt = wb_aead_encrypt,
    .aead_decrypt = wb_aead_decrypt,
    .x25519_public_key = wb_x25519_public_key,
    .x25519 = wb_x25519,
    .ed25519_sign = wb_ed25519_sign,
    .ed25519_verify = wb_ed25519_verify,
};
