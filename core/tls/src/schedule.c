/* SPDX-License-Identifier: AGPL-3.0-only */
/* The key schedule of RFC 8446 §7.1, the PSK being zero or that
 * of a ticket:
 *
 *   0 -> Extract(PSK) = early -> "derived" -> Extract(ECDHE) = handshake -> "c hs traffic", "s hs
 * traffic"
 *                                               -> "derived" -> Extract(0) = master -> "c/s ap
 * traffic"
 *
 * Every output is at most one hash long, so HKDF-Expand is a single HMAC. */
#include "tls.h"

void tls_expand_label(const struct wb_tls *tls, const uint8_t *secret, const char *label,
                      const uint8_t *context, size_t context_len, uint8_t *out, size_t out_len)
{
    static const uint8_t prefix[6] = {'t', 'l', 's', '1', '3', ' '};
    uint8_t head[2 + 1 + 6 + 12 + 1];
    uint8_t mac[WB_HASH_LEN_MAX];
    size_t hash_len = tls_hash_len(tls);
    size_t label_len = strlen(label);
    WB_ASSERT(out_len <= hash_len);
    WB_ASSERT(label_len <= 12);
    head[0] = 0;
    head[1] = (uint8_t)out_len;
    head[2] = (uint8_t)(sizeof prefix + label_len);
    memcpy(head + 3, prefix, sizeof prefix);
    memcpy(head + 9, label, label_len);
    head[9 + label_len] = (uint8_t)context_len;
    const uint8_t counter = 1;
    const struct wb_bytes pieces[3] = {
        {head, 10 + label_len}, {context, context_len}, {&counter, 1}};
    tls->cfg->crypto->hmac((enum wb_hash_id)tls_suite(tls)->hash, secret, hash_len, pieces, 3, mac);
    memcpy(out, mac, out_len);
    wb_wipe(mac, sizeof mac);
}

/* ---- transcript ---- */

void tls_transcript_init(struct wb_tls *tls)
{
    tls->cfg->crypto->hash_init(&tls->work->transcript, (enum wb_hash_id)tls_suite(tls)->hash);
    tls->work->is_transcript_on = true;
}

void tls_transcript_update(struct wb_tls *tls, const void *data, size_t len)
{
    tls->cfg->crypto->hash_update(&tls->work->transcript, data, len);
}

void tls_transcript_digest(const struct wb_tls *tls, uint8_t *digest)
{
    struct wb_tls_hash fork = tls->work->transcript;
    tls->cfg->crypto->hash_final(&fork, digest);
}

void tls_transcript_restart(struct wb_tls *tls)
{
    uint8_t message[4 + WB_HASH_LEN_MAX];
    size_t hash_len = tls_hash_len(tls);
    message[0] = MESSAGE_HASH;
    message[1] = 0;
    message[2] = 0;
    message[3] = (uint8_t)hash_len;
    tls_transcript_digest(tls, message + 4);
    tls_transcript_init(tls);
    tls_transcript_update(tls, message, 4 + hash_len);
}

/* ---- keys ---- */

void tls_keys_set(const struct wb_tls *tls, struct wb_tls_keys *keys, const uint8_t *secret)
{
    memcpy(keys->traffic_secret, secret, tls_hash_len(tls));
    tls_expand_label(tls, secret, "key", NULL, 0, keys->key,
                     wb_aead_key_len((enum wb_aead_id)tls_suite(tls)->aead));
    tls_expand_label(tls, secret, "iv", NULL, 0, keys->iv, sizeof keys->iv);
    keys->sequence = 0;
}

void tls_keys_update(const struct wb_tls *tls, struct wb_tls_keys *keys)
{
    uint8_t secret[48];
    tls_expand_label(tls, keys->traffic_secret, "traffic upd", NULL, 0, secret, tls_hash_len(tls));
    tls_keys_set(tls, keys, secret);
    wb_wipe(secret, sizeof secret);
}

static void extract(const struct wb_tls *tls, const uint8_t *salt, const uint8_t *ikm,
                    size_t ikm_len, uint8_t *out)
{
    const struct wb_bytes piece = {ikm, ikm_len};
    tls->cfg->crypto->hmac((enum wb_hash_id)tls_suite(tls)->hash, salt, tls_hash_len(tls), &piece,
                           1, out);
}

/* Derive-Secret with an empty transcript. */
static void derive_empty(const struct wb_tls *tls, const uint8_t *secret, const char *label,
                         uint8_t *out)
{
    struct wb_tls_hash hash;
    uint8_t digest[WB_HASH_LEN_MAX];
    size_t hash_len = tls_hash_len(tls);
    tls->cfg->crypto->hash_init(&hash, (enum wb_hash_id)tls_suite(tls)->hash);
    tls->cfg->crypto->hash_final(&hash, digest);
    tls_expand_label(tls, secret, label, digest, hash_len, out, hash_len);
}

/* Derive-Secret(secret, "derived", "") and Extract with the next input. */
static void next_stage(const struct wb_tls *tls, uint8_t *secret, const uint8_t *ikm,
                       size_t ikm_len)
{
    uint8_t salt[48];
    derive_empty(tls, secret, "derived", salt);
    extract(tls, salt, ikm, ikm_len, secret);
    wb_wipe(salt, sizeof salt);
}

static const uint8_t zeros[48];

void tls_psk_binder(const struct wb_tls *tls, const uint8_t *psk, const uint8_t *digest,
                    uint8_t *mac)
{
    uint8_t secret[WB_HASH_LEN_MAX];
    extract(tls, zeros, psk, tls_hash_len(tls), secret);
    derive_empty(tls, secret, "res binder", secret);
    tls_finished_mac(tls, secret, digest, mac);
    wb_wipe(secret, sizeof secret);
}

void tls_schedule_handshake(struct wb_tls *tls, const uint8_t *shared_secret, size_t len)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    uint8_t secret[WB_HASH_LEN_MAX];
    uint8_t traffic[48];
    size_t hash_len = tls_hash_len(tls);
    bool is_client = tls_is_client(tls);

    extract(tls, zeros, tls->is_resumed ? tls->work->secret : zeros, hash_len, secret); /* early */
    next_stage(tls, secret, shared_secret, len); /* handshake secret */
    tls_transcript_digest(tls, digest);
    tls_expand_label(tls, secret, "c hs traffic", digest, hash_len, traffic, hash_len);
    tls_keys_set(tls, is_client ? &tls->out : &tls->in, traffic);
    tls_expand_label(tls, secret, "s hs traffic", digest, hash_len, traffic, hash_len);
    tls_keys_set(tls, is_client ? &tls->in : &tls->out, traffic);
    next_stage(tls, secret, zeros, hash_len); /* master secret */
    memcpy(tls->work->secret, secret, hash_len);
    tls->is_encrypted_in = true;
    tls->is_encrypted_out = true;
    wb_wipe(secret, sizeof secret);
    wb_wipe(traffic, sizeof traffic);
}

void tls_schedule_application(struct wb_tls *tls)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    uint8_t traffic[48];
    size_t hash_len = tls_hash_len(tls);
    tls_transcript_digest(tls, digest);
    tls_expand_label(tls, tls->work->secret, "c ap traffic", digest, hash_len,
                     tls->work->client_secret, hash_len);
    tls_expand_label(tls, tls->work->secret, "s ap traffic", digest, hash_len, traffic, hash_len);
    tls_keys_set(tls, tls_is_client(tls) ? &tls->in : &tls->out, traffic);
    wb_wipe(traffic, sizeof traffic);
    if (tls->exporter_secret != NULL) {
        tls_expand_label(tls, tls->work->secret, "exp master", digest, hash_len,
                         tls->exporter_secret, hash_len);
    }
}

void tls_finished_mac(const struct wb_tls *tls, const uint8_t *traffic_secret,
                      const uint8_t *digest, uint8_t *mac)
{
    uint8_t key[48];
    uint8_t full[WB_HASH_LEN_MAX];
    size_t hash_len = tls_hash_len(tls);
    tls_expand_label(tls, traffic_secret, "finished", NULL, 0, key, hash_len);
    extract(tls, key, digest, hash_len, full); /* HMAC(finished_key, digest) */
    memcpy(mac, full, hash_len);
    wb_wipe(key, sizeof key);
}
