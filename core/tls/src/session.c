/* SPDX-License-Identifier: AGPL-3.0-only */
/* A client's session, in bytes that the caller keeps over connections and reboots:
 *
 *     format 1 | PSK length 1 | suite 2 | lifetime 4 | age_add 4 | received 8 | server name's CRC 4
 * | not after 8 | PSK | ticket length 2 | ticket
 *
 * While a connection lasts, the PSK's place holds the resumption master secret, until the first
 * ticket comes. */
#include "tls.h"

#define PSK_AT       32u
#define FORMAT       1u
#define LIFETIME_MAX 604800u /* §4.6.1: seven days */

enum { STEP_LIFETIME, STEP_AGE_ADD, STEP_NONCE_LEN, STEP_TICKET_LEN, STEP_PASSED };

struct session { /* borrows from tls->session */
    const uint8_t *psk;
    const uint8_t *ticket;
    size_t ticket_len;
    wb_unix_s not_after;
    uint32_t age_add;
    uint32_t age_ms;
    uint8_t psk_len;
    uint8_t suite; /* row + 1 */
};

static uint32_t name_crc(const struct wb_tls *tls)
{
    return wb_crc32(0, tls->cfg->server_name, strlen(tls->cfg->server_name));
}

/* Reads what the caller brought; false when it is nothing that may be offered now. */
static bool session_read(const struct wb_tls *tls, struct session *s)
{
    struct wb_reader r;
    wb_reader_init(&r, tls->session, tls->session_len);
    uint8_t format = wb_read_u8(&r);
    s->psk_len = wb_read_u8(&r);
    s->suite = tls_suite_find(tls->cfg, wb_read_be16(&r));
    uint32_t lifetime = wb_read_be32(&r);
    s->age_add = wb_read_be32(&r);
    wb_unix_s received = (wb_unix_s)wb_read_be64(&r);
    uint32_t crc = wb_read_be32(&r);
    s->not_after = (wb_unix_s)wb_read_be64(&r);
    s->psk = wb_read_bytes(&r, s->psk_len);
    s->ticket_len = wb_read_be16(&r);
    s->ticket = wb_read_bytes(&r, s->ticket_len);
    if (r.err != WB_OK || format != FORMAT || s->suite == 0 || s->ticket_len == 0 ||
        crc != name_crc(tls) ||
        s->psk_len != wb_hash_len((enum wb_hash_id)tls_suite_hash(s->suite))) {
        return false;
    }
    wb_unix_s now = tls->work->unix_now;
    s->age_ms = 0;
    if (now == 0 || received == 0) {
        return true; /* without a clock: the server knows how old it is */
    }
    if (now < received || now - received >= (wb_unix_s)lifetime || now > s->not_after) {
        return false;
    }
    s->age_ms = (uint32_t)((uint64_t)(now - received) * 1000u);
    return true;
}

/* The handshake is over: prepares the place of the next session. */
static void session_begin(struct wb_tls *tls)
{
    uint8_t digest[WB_HASH_LEN_MAX];
    struct wb_writer w;
    size_t hash_len = tls_hash_len(tls);
    tls->session_len = 0;
    if (tls->session == NULL || tls->session_cap < PSK_AT + hash_len) {
        tls->session = NULL;
        return;
    }
    tls_transcript_digest(tls, digest);
    wb_writer_init(&w, tls->session, tls->session_cap);
    wb_write_u8(&w, 0); /* nothing to be offered yet */
    wb_write_u8(&w, (uint8_t)hash_len);
    wb_write_be16(&w, tls_suite(tls)->id);
    wb_write_be32(&w, 0);
    wb_write_be32(&w, 0);
    wb_write_be64(&w, (uint64_t)tls->work->unix_now);
    wb_write_be32(&w, name_crc(tls));
    wb_write_be64(&w, (uint64_t)tls->peer.not_after);
    tls_expand_label(tls, tls->work->secret, "res master", digest, hash_len, tls->session + PSK_AT,
                     hash_len);
}

/* Where nonce and ticket are gathered: behind the PSK and the ticket's length. */
static uint8_t *session_body(const struct wb_tls *tls, size_t *cap)
{
    size_t at = PSK_AT + tls_hash_len(tls) + 2;
    *cap = tls->session_cap > at ? tls->session_cap - at : 0;
    return tls->session + at;
}

static enum wb_err session_ticket_begin(struct wb_tls *tls)
{
    if (tls->session == NULL || tls->session_len > 0) { /* the first ticket counts */
        return tls_skip(tls, tls->message_left, STEP_PASSED);
    }
    return tls_want(tls, 4, STEP_LIFETIME);
}

static enum wb_err take_ticket(struct wb_tls *tls, size_t len)
{
    uint8_t *at = tls->session + PSK_AT + tls_hash_len(tls);
    at[0] = (uint8_t)(len >> 8);
    at[1] = (uint8_t)len;
    tls->session[0] = FORMAT;
    tls->session_len = (uint16_t)(at + 2 + len - tls->session);
    return tls_skip(tls, tls->message_left, STEP_PASSED); /* its extensions are about early data */
}

static enum wb_err session_ticket_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    size_t cap;
    uint8_t *psk = tls->session + PSK_AT;
    (void)session_body(tls, &cap);
    switch (tls->step) {
    case STEP_LIFETIME: {
        struct wb_reader r;
        wb_reader_init(&r, item, len);
        uint32_t lifetime = wb_read_be32(&r);
        if (lifetime == 0) { /* §4.6.1: discard at once */
            return tls_skip(tls, tls->message_left, STEP_PASSED);
        }
        lifetime = lifetime > LIFETIME_MAX ? LIFETIME_MAX : lifetime;
        struct wb_writer w;
        wb_writer_init(&w, tls->session + 4, 4);
        wb_write_be32(&w, lifetime);
        return tls_want(tls, 4, STEP_AGE_ADD);
    }
    case STEP_AGE_ADD: memcpy(tls->session + 8, item, 4); return tls_want(tls, 1, STEP_NONCE_LEN);
    case STEP_NONCE_LEN:
        if (item[0] > cap) {
            return tls_skip(tls, tls->message_left, STEP_PASSED);
        }
        return tls_want(tls, item[0], STEP_SESSION_NONCE);
    case STEP_SESSION_NONCE:
        tls_expand_label(tls, psk, "resumption", item, len, psk, tls_hash_len(tls));
        return tls_want(tls, 2, STEP_TICKET_LEN);
    case STEP_TICKET_LEN: {
        size_t ticket_len = (size_t)item[0] << 8 | item[1];
        if (ticket_len == 0 || ticket_len > tls->message_left) {
            return tls_fail_decode(tls, "NewSessionTicket is malformed");
        }
        if (ticket_len > cap) { /* no resumption, then: the PSK is gone */
            tls->session = NULL;
            return tls_skip(tls, tls->message_left, STEP_PASSED);
        }
        return tls_want(tls, ticket_len, STEP_SESSION_TICKET);
    }
    case STEP_SESSION_TICKET: return take_ticket(tls, len);
    default: return tls_done(tls);
    }
}

/* ---- ClientHello and ServerHello ---- */

/* Offers the session: psk_dhe_ke, one identity; the binder is filled in when the rest is written.
 * Returns the length of the binders. */
static size_t write_psk(struct wb_tls *tls, struct wb_writer *w)
{
    struct session s;
    if (tls->session == NULL) {
        return 0;
    }
    wb_write_be16(w, EXT_PSK_KEY_EXCHANGE_MODES); /* asks for a ticket, too */
    wb_write_be16(w, 2);
    wb_write_be16(w, 0x0101); /* one mode: psk_dhe_ke */
    if (!tls->work->is_psk_offered || !session_read(tls, &s) ||
        (tls->suite != 0 && tls_suite_hash(tls->suite) != tls_suite_hash(s.suite))) {
        tls->work->is_psk_offered = false;
        return 0;
    }
    size_t binders_len = 2u + 1u + s.psk_len;
    static const uint8_t zeros[48];
    wb_write_be16(w, EXT_PRE_SHARED_KEY);
    wb_write_be16(w, (uint16_t)(2 + 2 + s.ticket_len + 4 + binders_len));
    wb_write_be16(w, (uint16_t)(2 + s.ticket_len + 4));
    wb_write_be16(w, (uint16_t)s.ticket_len);
    wb_write_bytes(w, s.ticket, s.ticket_len);
    wb_write_be32(w, s.age_ms + s.age_add); /* modulo 2^32 */
    wb_write_be16(w, (uint16_t)(1 + s.psk_len));
    wb_write_u8(w, s.psk_len);
    wb_write_bytes(w, zeros, s.psk_len);
    return binders_len;
}

/* §4.2.11.2: over everything before the binders; message lies in tx, lengths are final. */
static void fill_binder(struct wb_tls *tls, uint8_t *message, size_t len, size_t binders_len)
{
    struct session s;
    uint8_t digest[WB_HASH_LEN_MAX], mac[48];
    struct wb_tls_hash hash = tls->work->transcript;
    uint8_t suite = tls->suite;
    const struct wb_tls_crypto *crypto = tls->cfg->crypto;
    if (binders_len == 0 || !session_read(tls, &s)) {
        return;
    }
    tls->suite = s.suite; /* whose hash it is, before one is agreed */
    if (!tls->work->is_hello_retried) {
        crypto->hash_init(&hash, (enum wb_hash_id)tls_suite(tls)->hash);
    }
    crypto->hash_update(&hash, message, len - binders_len);
    crypto->hash_final(&hash, digest);
    tls_psk_binder(tls, s.psk, digest, mac);
    memcpy(message + len - s.psk_len, mac, s.psk_len);
    tls->suite = suite;
}

static enum wb_err read_psk(struct wb_tls *tls, struct wb_reader *r)
{
    struct session s;
    uint16_t index = wb_read_be16(r);
    if (r->err != WB_OK) {
        return tls_fail_decode(tls, "pre_shared_key is malformed");
    }
    if (index != 0 || !session_read(tls, &s) || tls_suite_hash(s.suite) != tls_suite(tls)->hash) {
        return tls_fail_illegal(tls, "server chooses a session that was not offered");
    }
    memcpy(tls->work->secret, s.psk, s.psk_len);
    tls->is_resumed = true;
    tls->has_peer = true;
    tls->peer.not_after = s.not_after;
    return WB_OK;
}

/* ---- the table, linked only by programs that ask for it ---- */

static const struct resumption resumption = {
    .write_psk = write_psk,
    .fill_binder = fill_binder,
    .read_psk = read_psk,
    .begin = session_begin,
    .ticket_begin = session_ticket_begin,
    .ticket_item = session_ticket_item,
    .body = session_body,
};

enum wb_err wb_tls_init_with(struct wb_tls *tls, const struct wb_tls_cfg *cfg,
                             const struct wb_tls_mem *mem, const struct wb_tls_more *more,
                             wb_ms now, wb_unix_s unix_now)
{
    return tls_init(tls, cfg, mem, more, &resumption, now, unix_now);
}
