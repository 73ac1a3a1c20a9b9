/* SPDX-License-Identifier: AGPL-3.0-only */
/* Cipher suites, groups and signature schemes: what is known, what is allowed here. */
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

uint8_t tls_suite_hash(uint8_t suite)
{
    return suite > 0 && suite <= WB_ARRAY_LEN(suites) ? suites[suite - 1].hash : 0xff;
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

/* ---- groups ---- */

static const struct wb_tls_group *provider_group(const struct wb_tls *tls, uint16_t id)
{
    const struct wb_tls_group *const *group = tls->cfg->crypto->groups;
    while (*group != NULL && (*group)->id != id) {
        group++;
    }
    return *group;
}

const struct wb_tls_group *tls_group_at(const struct wb_tls *tls, size_t index)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    if (cfg->groups == NULL) {
        const struct wb_tls_group *const *group = cfg->crypto->groups;
        while (*group != NULL && index > 0) {
            group++;
            index--;
        }
        return *group;
    }
    for (size_t i = 0; i < cfg->group_count; i++) { /* unknown ids are passed over */
        const struct wb_tls_group *group = provider_group(tls, cfg->groups[i]);
        if (group != NULL && index-- == 0) {
            return group;
        }
    }
    return NULL;
}

#define GROUP_MAX 16 /* bits of wb_tls_work.groups */

int tls_group_find(const struct wb_tls *tls, uint16_t id)
{
    for (int i = 0; i < GROUP_MAX && tls_group_at(tls, (size_t)i) != NULL; i++) {
        if (tls_group_at(tls, (size_t)i)->id == id) {
            return i;
        }
    }
    return -1;
}

/* ---- signature schemes ---- */

/* The first ones may sign a handshake; PKCS #1 v1.5 stands in certificates only (§4.2.3). */
#define HANDSHAKE_SCHEMES 5u
static const uint16_t schemes[] = {
    WB_X509_ED25519,          WB_X509_ECDSA_SHA256,     WB_X509_RSA_PSS_SHA256,
    WB_X509_RSA_PSS_SHA384,   WB_X509_RSA_PSS_SHA512,   WB_X509_RSA_PKCS1_SHA256,
    WB_X509_RSA_PKCS1_SHA384, WB_X509_RSA_PKCS1_SHA512,
};

static const struct wb_x509_algorithm *scheme_algorithm(const struct wb_tls *tls, uint16_t scheme)
{
    return wb_x509_algorithm_find(tls->cfg->crypto->algorithms, wb_x509_scheme_key_type(scheme));
}

uint16_t tls_scheme_bit(uint16_t scheme)
{
    for (unsigned i = 0; i < WB_ARRAY_LEN(schemes); i++) {
        if (schemes[i] == scheme) {
            return (uint16_t)(1u << i);
        }
    }
    return 0;
}

bool tls_scheme_is_offered(const struct wb_tls *tls, uint16_t scheme)
{
    uint16_t bit = tls_scheme_bit(scheme);
    return bit != 0 && bit < 1u << HANDSHAKE_SCHEMES && scheme_algorithm(tls, scheme) != NULL;
}

void tls_schemes_write(const struct wb_tls *tls, struct wb_writer *w)
{
    uint16_t count = 0;
    for (unsigned i = 0; i < WB_ARRAY_LEN(schemes); i++) {
        count += scheme_algorithm(tls, schemes[i]) != NULL;
    }
    wb_write_be16(w, EXT_SIGNATURE_ALGORITHMS);
    wb_write_be16(w, (uint16_t)(2 * count + 2));
    wb_write_be16(w, (uint16_t)(2 * count));
    for (unsigned i = 0; i < WB_ARRAY_LEN(schemes); i++) {
        if (scheme_algorithm(tls, schemes[i]) != NULL) {
            wb_write_be16(w, schemes[i]);
        }
    }
}

const struct wb_tls_credential *tls_credential_choose(const struct wb_tls *tls, uint16_t *scheme)
{
    const struct wb_tls_credential *credential = tls->cfg->credential;
    for (; credential != NULL; credential = credential->next) {
        uint8_t key_type =
            credential->key_type != 0 ? credential->key_type : (uint8_t)WB_X509_KEY_ED25519;
        for (unsigned i = 0; i < HANDSHAKE_SCHEMES; i++) {
            const struct wb_x509_algorithm *algorithm = scheme_algorithm(tls, schemes[i]);
            bool is_able =
                credential->sign != NULL || (algorithm != NULL && algorithm->sign != NULL);
            if ((tls->work->schemes >> i & 1u) && is_able &&
                wb_x509_scheme_key_type(schemes[i]) == key_type) {
                *scheme = schemes[i];
                return credential;
            }
        }
    }
    return NULL;
}
