/* SPDX-License-Identifier: AGPL-3.0-only */
/* Exporters (RFC 8446 §7.5): HKDF-Expand-Label with labels and outputs of any length. */
#include "tls.h"

#define LABEL_MAX 32u

static void expand(const struct wb_tls *tls, const uint8_t *secret, const char *label,
                   const uint8_t *digest, uint8_t *out, size_t out_len)
{
    static const uint8_t prefix[6] = {'t', 'l', 's', '1', '3', ' '};
    uint8_t head[2 + 1 + sizeof prefix + LABEL_MAX + 1];
    uint8_t block[WB_HASH_LEN_MAX];
    size_t hash_len = tls_hash_len(tls);
    size_t label_len = strlen(label);
    head[0] = (uint8_t)(out_len >> 8);
    head[1] = (uint8_t)out_len;
    head[2] = (uint8_t)(sizeof prefix + label_len);
    memcpy(head + 3, prefix, sizeof prefix);
    memcpy(head + 9, label, label_len);
    head[9 + label_len] = (uint8_t)hash_len;
    uint8_t info[sizeof head + WB_HASH_LEN_MAX];
    memcpy(info, head, 10 + label_len);
    memcpy(info + 10 + label_len, digest, hash_len);
    for (uint8_t counter = 1; out_len > 0; counter++) {
        const struct wb_bytes pieces[3] = {
            {block, counter == 1 ? 0 : hash_len}, {info, 10 + label_len + hash_len}, {&counter, 1}};
        uint8_t next[WB_HASH_LEN_MAX];
        tls->cfg->crypto->hmac((enum wb_hash_id)tls_suite(tls)->hash, secret, hash_len, pieces, 3,
                               next);
        memcpy(block, next, hash_len);
        size_t n = out_len < hash_len ? out_len : hash_len;
        memcpy(out, block, n);
        out += n;
        out_len -= n;
        wb_wipe(next, sizeof next);
    }
    wb_wipe(block, sizeof block);
}

static void digest_of(const struct wb_tls *tls, const void *data, size_t len, uint8_t *digest)
{
    struct wb_tls_hash hash;
    tls->cfg->crypto->hash_init(&hash, (enum wb_hash_id)tls_suite(tls)->hash);
    tls->cfg->crypto->hash_update(&hash, data, len);
    tls->cfg->crypto->hash_final(&hash, digest);
}

enum wb_err wb_tls_export(const struct wb_tls *tls, const char *label, const void *context,
                          size_t context_len, uint8_t *out, size_t out_len)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    uint8_t secret[WB_HASH_LEN_MAX];
    if (!tls->is_connected || tls->exporter_secret == NULL) {
        return WB_ERR_STATE;
    }
    if (out_len > 255 * tls_hash_len(tls) || strlen(label) > LABEL_MAX) {
        return WB_ERR_LIMIT;
    }
    digest_of(tls, "", 0, digest);
    expand(tls, tls->exporter_secret, label, digest, secret, tls_hash_len(tls));
    digest_of(tls, context_len > 0 ? context : "", context_len, digest);
    expand(tls, secret, "exporter", digest, out, out_len);
    wb_wipe(secret, sizeof secret);
    return WB_OK;
}
