/* SPDX-License-Identifier: AGPL-3.0-only */
/* A server's tickets: it keeps nothing and seals what it must know again (AES-256-GCM):
 *
 *     key id 4 | nonce 12 | sealed { format 1 | suite row 1 | issued 4 | flags 1 | not after 5 |
 *                                    public key 32 | fingerprint 32 | name 1 + n | PSK } | tag 16
 *
 * With flags: 1 peer known, 2 self-issued, its kind of key in bits 2 and 3. */
#include "ticket.h"

#define FORMAT     2u
#define ID_LEN     4u
#define NONCE_LEN  12u
#define HEAD_LEN   (ID_LEN + NONCE_LEN)
#define FLAG_PEER  1u
#define FLAG_SELF  2u
#define TYPE_SHIFT 2u

static void put_contents(const struct wb_tls *tls, struct wb_writer *w, const uint8_t *psk)
{
    const struct wb_tls_peer *peer = &tls->peer;
    size_t name_len = strlen(peer->common_name);
    wb_write_u8(w, FORMAT);
    wb_write_u8(w, tls->suite);
    wb_write_be32(w, (uint32_t)tls->work->unix_now);
    wb_write_u8(w, (uint8_t)((tls->has_peer ? FLAG_PEER : 0u) |
                             (peer->is_self_issued ? FLAG_SELF : 0u) |
                             (unsigned)peer->key_type << TYPE_SHIFT));
    wb_write_u8(w, (uint8_t)((uint64_t)peer->not_after >> 32));
    wb_write_be32(w, (uint32_t)peer->not_after);
    wb_write_bytes(w, peer->public_key, sizeof peer->public_key);
    wb_write_bytes(w, peer->fingerprint, sizeof peer->fingerprint);
    wb_write_u8(w, (uint8_t)name_len);
    wb_write_bytes(w, peer->common_name, name_len);
    wb_write_bytes(w, psk, tls_hash_len(tls));
}

static bool seal(const struct wb_tls *tls, struct wb_writer *w, const uint8_t *psk)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    const struct wb_tls_ticket_key *key = &cfg->tickets->current;
    uint8_t *start = w->buf + w->len;
    uint8_t nonce[NONCE_LEN];
    if (cfg->random(cfg->random_ctx, nonce, sizeof nonce) != WB_OK) {
        return false;
    }
    wb_write_bytes(w, key->id, ID_LEN);
    wb_write_bytes(w, nonce, NONCE_LEN);
    put_contents(tls, w, psk);
    size_t len = (size_t)(w->buf + w->len - start) - HEAD_LEN;
    uint8_t tag[WB_AEAD_TAG_LEN] = {0};
    cfg->crypto->aead_encrypt(WB_AEAD_AES_256_GCM, key->key, nonce, key->id, ID_LEN,
                              start + HEAD_LEN, len, tag);
    wb_write_bytes(w, tag, sizeof tag);
    return w->err == WB_OK;
}

size_t ticket_write(struct wb_tls *tls, uint8_t *buf, size_t cap)
{
    static const uint8_t ticket_nonce[1] = {0};
    const struct wb_tls_cfg *cfg = tls->cfg;
    uint8_t digest[WB_HASH_LEN_MAX];
    uint8_t psk[48];
    uint8_t age_add[4];
    struct wb_writer w;
    if (cfg->random(cfg->random_ctx, age_add, sizeof age_add) != WB_OK) {
        return 0;
    }
    tls_transcript_digest(tls, digest);
    tls_expand_label(tls, tls->work->secret, "res master", digest, tls_hash_len(tls), psk,
                     tls_hash_len(tls));
    tls_expand_label(tls, psk, "resumption", ticket_nonce, 1, psk, tls_hash_len(tls));
    wb_writer_init(&w, buf, cap);
    wb_write_u8(&w, MESSAGE_NEW_SESSION_TICKET);
    wb_write_be24(&w, 0);
    wb_write_be32(&w, cfg->tickets->lifetime_s);
    wb_write_bytes(&w, age_add, sizeof age_add);
    wb_write_u8(&w, sizeof ticket_nonce);
    wb_write_bytes(&w, ticket_nonce, sizeof ticket_nonce);
    size_t len_at = w.len;
    wb_write_be16(&w, 0);
    bool is_sealed = seal(tls, &w, psk);
    wb_wipe(psk, sizeof psk);
    size_t ticket_len = w.len - len_at - 2;
    wb_write_be16(&w, 0); /* no extensions */
    if (!is_sealed || w.err != WB_OK) {
        return 0;
    }
    buf[2] = (uint8_t)((w.len - 4) >> 8);
    buf[3] = (uint8_t)(w.len - 4);
    buf[len_at] = (uint8_t)(ticket_len >> 8);
    buf[len_at + 1] = (uint8_t)ticket_len;
    return w.len;
}

/* Is what the ticket says still good enough for a connection of today's configuration? */
static bool is_acceptable(const struct wb_tls *tls, const struct wb_tls_peer *peer, uint8_t flags,
                          uint8_t suite, wb_unix_s issued)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    wb_unix_s now = tls->work->unix_now;
    bool has_peer = (flags & FLAG_PEER) != 0;
    /* §4.6.1: the PSK goes with its hash; suites of another hash cannot take it */
    if (tls_suite_hash(suite) != tls_suite(tls)->hash) {
        return false;
    }
    if (now < issued || now - issued > (wb_unix_s)cfg->tickets->lifetime_s) {
        return false;
    }
    if (cfg->require_client_certificate && !has_peer) {
        return false;
    }
    return !has_peer ||
           (now <= peer->not_after && (!peer->is_self_issued || cfg->accept_self_issued));
}

bool ticket_open(struct wb_tls *tls, uint8_t *ticket, size_t len)
{
    const struct wb_tls_ticket_keys *keys = tls->cfg->tickets;
    const struct wb_tls_ticket_key *key = NULL;
    struct wb_tls_work *work = tls->work;
    if (len < HEAD_LEN + WB_AEAD_TAG_LEN) {
        return false;
    }
    if (memcmp(ticket, keys->current.id, ID_LEN) == 0) {
        key = &keys->current;
    } else if (keys->has_previous && memcmp(ticket, keys->previous.id, ID_LEN) == 0) {
        key = &keys->previous;
    }
    size_t text_len = len - HEAD_LEN - WB_AEAD_TAG_LEN;
    uint8_t *text = ticket + HEAD_LEN;
    if (key == NULL ||
        tls->cfg->crypto->aead_decrypt(WB_AEAD_AES_256_GCM, key->key, ticket + ID_LEN, key->id,
                                       ID_LEN, text, text_len, text + text_len) != WB_OK) {
        return false;
    }
    struct wb_reader r;
    struct wb_tls_peer peer = {0};
    wb_reader_init(&r, text, text_len);
    uint8_t format = wb_read_u8(&r);
    uint8_t suite = wb_read_u8(&r);
    wb_unix_s issued = wb_read_be32(&r);
    uint8_t flags = wb_read_u8(&r);
    uint64_t not_after = (uint64_t)wb_read_u8(&r) << 32;
    peer.not_after = (wb_unix_s)(not_after | wb_read_be32(&r));
    const uint8_t *public_key = wb_read_bytes(&r, sizeof peer.public_key);
    const uint8_t *fingerprint = wb_read_bytes(&r, sizeof peer.fingerprint);
    size_t name_len = wb_read_u8(&r);
    const uint8_t *name = wb_read_bytes(&r, name_len);
    const uint8_t *psk = wb_read_bytes(&r, tls_hash_len(tls));
    peer.is_self_issued = (flags & FLAG_SELF) != 0;
    peer.key_type = flags >> TYPE_SHIFT;
    if (r.err != WB_OK || r.at != r.end || format != FORMAT || name_len > WB_TLS_NAME_MAX ||
        !is_acceptable(tls, &peer, flags, suite, issued)) {
        return false;
    }
    memcpy(peer.public_key, public_key, sizeof peer.public_key);
    memcpy(peer.fingerprint, fingerprint, sizeof peer.fingerprint);
    memcpy(peer.common_name, name, name_len);
    memcpy(work->secret, psk, tls_hash_len(tls));
    memcpy(work->digest, text + text_len, WB_AEAD_TAG_LEN); /* names the ticket */
    work->ticket_until = issued + (wb_unix_s)tls->cfg->tickets->lifetime_s;
    tls->peer = peer;
    work->is_peer_known = (flags & FLAG_PEER) != 0;
    return true;
}
