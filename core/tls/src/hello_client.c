/* SPDX-License-Identifier: AGPL-3.0-only */
/* The client's side of the hellos: writes ClientHello; reads ServerHello, HelloRetryRequest,
 * EncryptedExtensions and CertificateRequest (RFC 8446 §4.1, §4.3). */
#include "tls.h"

/* SHA-256 of "HelloRetryRequest" (§4.1.3). */
const uint8_t tls_hello_retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* ---- ClientHello ---- */

static void write_server_name(struct wb_tls *tls, struct wb_writer *w)
{
    const char *name = tls->cfg->server_name;
    uint8_t ip[16];
    size_t len = strlen(name);
    if (len == 0 || wb_x509_ip_parse(name, ip) > 0) {
        return; /* RFC 6066 §3: literal addresses are not permitted */
    }
    wb_write_be16(w, EXT_SERVER_NAME);
    wb_write_be16(w, (uint16_t)(len + 5));
    wb_write_be16(w, (uint16_t)(len + 3));
    wb_write_u8(w, 0); /* host_name */
    wb_write_be16(w, (uint16_t)len);
    wb_write_bytes(w, name, len);
    tls->work->is_name_sent = true;
}

static void write_alpn(const struct wb_tls *tls, struct wb_writer *w)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    size_t len = 0;
    for (size_t i = 0; i < cfg->alpn_count; i++) {
        len += 1 + strlen(cfg->alpn[i]);
    }
    if (len == 0) {
        return;
    }
    wb_write_be16(w, EXT_ALPN);
    wb_write_be16(w, (uint16_t)(len + 2));
    wb_write_be16(w, (uint16_t)len);
    for (size_t i = 0; i < cfg->alpn_count; i++) {
        wb_write_u8(w, (uint8_t)strlen(cfg->alpn[i]));
        wb_write_bytes(w, cfg->alpn[i], strlen(cfg->alpn[i]));
    }
}

static void write_groups(const struct wb_tls *tls, struct wb_writer *w)
{
    size_t count = 0;
    while (tls_group_at(tls, count) != NULL) {
        count++;
    }
    wb_write_be16(w, EXT_SUPPORTED_GROUPS);
    wb_write_be16(w, (uint16_t)(2 * count + 2));
    wb_write_be16(w, (uint16_t)(2 * count));
    for (size_t i = 0; i < count; i++) {
        wb_write_be16(w, tls_group_at(tls, i)->id);
    }
}

/* One share: for the first group, or for the one that the server asked for. */
static void write_key_share(struct wb_tls *tls, struct wb_writer *w)
{
    const struct wb_tls_group *group = tls_group(tls);
    size_t len = group->client_share_len;
    bool is_empty = tls->cfg->empty_key_share && !tls->work->is_hello_retried;
    wb_write_be16(w, EXT_KEY_SHARE);
    wb_write_be16(w, (uint16_t)(is_empty ? 2 : len + 6));
    wb_write_be16(w, (uint16_t)(is_empty ? 0 : len + 4));
    if (is_empty) {
        return;
    }
    wb_write_be16(w, group->id);
    wb_write_be16(w, (uint16_t)len);
    if (w->err == WB_OK && w->cap - w->len >= len &&
        group->share(w->buf + w->len, tls->work->share_private_key) == WB_OK) {
        w->len += len;
    } else {
        w->err = WB_ERR_SPACE;
    }
}

static void write_extensions(struct wb_tls *tls, struct wb_writer *w)
{
    struct wb_tls_work *work = tls->work;
    write_server_name(tls, w);
    write_groups(tls, w);
    tls_schemes_write(tls, w);
    write_alpn(tls, w);
    wb_write_be16(w, EXT_RECORD_SIZE_LIMIT);
    wb_write_be16(w, 2);
    wb_write_be16(w, tls->limit_in);
    wb_write_be16(w, EXT_SUPPORTED_VERSIONS);
    wb_write_be16(w, 3);
    wb_write_u8(w, 2);
    wb_write_be16(w, VERSION_1_3);
    if (work->kept_len > 0) {
        wb_write_be16(w, EXT_COOKIE);
        wb_write_be16(w, (uint16_t)(work->kept_len + 2));
        wb_write_be16(w, work->kept_len);
        wb_write_bytes(w, tls_kept(tls), work->kept_len);
    }
    write_key_share(tls, w);
}

static void patch_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static enum wb_err write_hello(struct wb_tls *tls)
{
    const uint8_t *start = tls->tx;
    struct wb_tls_work *work = tls->work;
    struct wb_writer w;
    wb_writer_init(&w, tls->tx, tls->tx_cap);
    wb_write_u8(&w, TYPE_HANDSHAKE);
    /* §5.1: 0x0301 for an initial ClientHello, for old middleboxes' sake */
    wb_write_be16(&w, work->is_hello_retried ? VERSION_LEGACY : 0x0301);
    wb_write_be16(&w, 0);
    wb_write_u8(&w, MESSAGE_CLIENT_HELLO);
    wb_write_be24(&w, 0);
    wb_write_be16(&w, VERSION_LEGACY);
    wb_write_bytes(&w, work->random, sizeof work->random);
    wb_write_u8(&w, 0); /* no compatibility mode: legacy_session_id is empty */
    size_t suites_at = w.len;
    wb_write_be16(&w, 0);
    for (size_t i = 0; tls_suite_at(tls->cfg, i) != 0; i++) {
        wb_write_be16(&w, tls_suite_at(tls->cfg, i));
    }
    size_t suites_len = w.len - suites_at - 2;
    wb_write_be16(&w, 0x0100); /* one compression method: null */
    size_t extensions_at = w.len;
    wb_write_be16(&w, 0);
    write_extensions(tls, &w);
    size_t binders_len = tls->resumption != NULL ? tls->resumption->write_psk(tls, &w) : 0;
    if (w.err != WB_OK) {
        return wb_fault_set(&tls->fault, WB_ERR_SPACE,
                            TEXT("ClientHello does not fit into the send buffer"),
                            TEXT("enlarge wb_tls_mem.tx_cap"), tls->tx_cap, 0);
    }
    patch_be16(tls->tx + 3, w.len - RECORD_HEADER_LEN);
    patch_be16(tls->tx + 7, w.len - RECORD_HEADER_LEN - 4);
    patch_be16(tls->tx + suites_at, suites_len);
    patch_be16(tls->tx + extensions_at, w.len - extensions_at - 2);
    if (binders_len > 0) {
        tls->resumption->fill_binder(tls, tls->tx + RECORD_HEADER_LEN, w.len - RECORD_HEADER_LEN,
                                     binders_len);
    }
    tls->tx_at = 0;
    tls->tx_len = (uint32_t)w.len;
    if (work->is_hello_retried) {
        tls_transcript_update(tls, start + RECORD_HEADER_LEN, w.len - RECORD_HEADER_LEN);
    } else {
        tls->is_hello_held = true;
    }
    return WB_OK;
}

/* ---- ServerHello and HelloRetryRequest ---- */

enum { STEP_FIXED, STEP_SESSION_ID };
#define FIXED_LEN (2u + 32u + 1u)

static enum wb_err server_hello_begin(struct wb_tls *tls)
{
    tls->work->is_hello_prefix = true;
    return tls_want(tls, FIXED_LEN, STEP_FIXED);
}

static bool is_retry(const uint8_t *prefix)
{
    return memcmp(prefix + 2, tls_hello_retry_random, sizeof tls_hello_retry_random) == 0;
}

/* Everything up to the extensions' length lies in the scratch. */
static enum wb_err read_prefix(struct wb_tls *tls, const uint8_t *prefix, size_t len)
{
    struct wb_tls_work *work = tls->work;
    const uint8_t *tail = prefix + len - 5; /* suite, compression, extensions' length */
    uint16_t suite = (uint16_t)(tail[0] << 8 | tail[1]);
    size_t extensions_len = (size_t)tail[3] << 8 | tail[4];
    bool is_hello_retry = is_retry(prefix);

    if (prefix[0] != VERSION_LEGACY >> 8 || prefix[1] != (VERSION_LEGACY & 0xff)) {
        return tls_fail(tls, WB_TLS_ALERT_PROTOCOL_VERSION, WB_ERR_UNSUPPORTED,
                        "server speaks an older version of TLS");
    }
    if (prefix[34] != 0) {
        return tls_fail_illegal(tls, "ServerHello does not echo our session id");
    }
    uint8_t row = tls_suite_find(tls->cfg, suite);
    if (row == 0) {
        return tls_fail_illegal(tls, "ServerHello chooses a cipher suite that was not offered");
    }
    if (tail[2] != 0) {
        return tls_fail_illegal(tls, "ServerHello chooses compression");
    }
    if (is_hello_retry && work->is_hello_retried) {
        return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                        "second HelloRetryRequest");
    }
    if (work->is_hello_retried && row != tls->suite) {
        return tls_fail_illegal(tls, "ServerHello and HelloRetryRequest differ in cipher suite");
    }
    tls->suite = row;
    if (!work->is_transcript_on) { /* now the hash is known: begin with the ClientHello, still in tx
                                    */
        tls_transcript_init(tls);
        tls_transcript_update(tls, tls->tx + RECORD_HEADER_LEN, tls->tx_len - RECORD_HEADER_LEN);
        tls->is_hello_held = false;
    }
    if (is_hello_retry) {
        tls_transcript_restart(tls);
    }
    tls_transcript_update(tls, tls->header, sizeof tls->header);
    tls_transcript_update(tls, prefix, len);
    work->is_hello_prefix = false;
    work->has_share = false;
    work->has_version = false;
    work->has_group = is_hello_retry;
    return tls_extensions_begin(tls, is_hello_retry ? IN_HELLO_RETRY : IN_SERVER_HELLO,
                                extensions_len);
}

/* The private key of a share, of the chosen group's length. */
static enum wb_err draw_key(struct wb_tls *tls)
{
    return tls->cfg->random(tls->cfg->random_ctx, tls->work->share_private_key,
                            tls_group(tls)->random_len);
}

static enum wb_err end_retry(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    if (!work->has_share && work->kept_len == 0) {
        return tls_fail_illegal(tls, "HelloRetryRequest would change nothing");
    }
    WB_TRY(tls_done(tls));
    if (tls->tx_at != tls->tx_len) { /* the answer came before the whole question left */
        return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                        "HelloRetryRequest before the ClientHello was sent");
    }
    work->is_hello_retried = true;
    if (work->has_share && draw_key(tls) != WB_OK) {
        return tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, WB_ERR_ENTROPY,
                        "no entropy for the handshake");
    }
    if (write_hello(tls) != WB_OK) {
        return tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, WB_ERR_SPACE, NULL);
    }
    work->kept_len = 0;
    return WB_OK;
}

static enum wb_err end_hello(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    uint8_t shared_secret[WB_TLS_GROUP_SECRET_MAX];
    if (!work->has_version) {
        return tls_fail(tls, WB_TLS_ALERT_PROTOCOL_VERSION, WB_ERR_UNSUPPORTED,
                        "server speaks an older version of TLS");
    }
    if (work->ext_message == IN_HELLO_RETRY) {
        return end_retry(tls);
    }
    if (!work->has_share) {
        return tls_fail(tls, WB_TLS_ALERT_MISSING_EXTENSION, WB_ERR_PROTOCOL,
                        "ServerHello carries no key share");
    }
    WB_TRY(tls_done(tls));
    const struct wb_tls_group *group = tls_group(tls);
    if (group->agree(shared_secret, work->share_private_key, tls_kept(tls)) != WB_OK) {
        return tls_fail_illegal(tls, "server's key share is not a usable public key");
    }
    work->kept_len = 0;
    tls->has_group = true;
    tls_schedule_handshake(tls, shared_secret, group->secret_len);
    wb_wipe(shared_secret, sizeof shared_secret);
    wb_wipe(work->share_private_key, sizeof work->share_private_key);
    tls_set_state(tls, STATE_WAIT_ENCRYPTED_EXTENSIONS);
    return WB_OK;
}

static enum wb_err server_hello_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    switch (tls->step) {
    case STEP_FIXED:
        if (item[34] > 32) {
            return tls_fail_decode(tls, "session id is longer than 32 bytes");
        }
        return tls_want_more(tls, item[34] + 5u, STEP_SESSION_ID);
    case STEP_SESSION_ID: return read_prefix(tls, item, len);
    case STEP_EXT_END: return end_hello(tls);
    default: return tls_extensions_item(tls, item, len);
    }
}

static enum wb_err read_version(struct wb_tls *tls, struct wb_reader *r)
{
    uint16_t version = wb_read_be16(r);
    if (r->err == WB_OK && version != VERSION_1_3) {
        return tls_fail_illegal(tls, "server chooses a version that was not offered");
    }
    tls->work->has_version = true;
    return WB_OK;
}

static enum wb_err read_psk(struct wb_tls *tls, struct wb_reader *r)
{
    return tls->resumption->read_psk(tls, r); /* it was offered, so it is there */
}

/* In a HelloRetryRequest only the group stands; it must be one that we support and sent no share
 * for. */
static enum wb_err read_key_share(struct wb_tls *tls, struct wb_reader *r)
{
    struct wb_tls_work *work = tls->work;
    int index = tls_group_find(tls, wb_read_be16(r));
    bool is_sent = !tls->cfg->empty_key_share || work->is_hello_retried;
    if (r->err == WB_OK && index < 0) {
        return tls_fail_illegal(tls, "server chooses a group that was not offered");
    }
    if (work->ext_message == IN_HELLO_RETRY) {
        if (is_sent && index == tls->group) {
            return tls_fail_illegal(tls, "HelloRetryRequest asks for a share that was sent");
        }
        work->has_share = true;
        tls->group = (uint8_t)index;
        return WB_OK;
    }
    if (!is_sent || index != tls->group) {
        return tls_fail_illegal(tls, "server answers a share that was not sent");
    }
    uint16_t len = wb_read_be16(r);
    const uint8_t *share = wb_read_bytes(r, len);
    if (r->err != WB_OK) {
        return tls_fail_decode(tls, "key_share is malformed");
    }
    if (len != tls_group(tls)->server_share_len) {
        return tls_fail_illegal(tls, "server's key share has another length than its group's");
    }
    r->at = r->end; /* the move may cover what the reader points to; its length is checked: */
    work->has_share = tls_keep(tls, share, len);
    return len + 4u == tls->item_want ? WB_OK : tls_fail_decode(tls, "key_share is malformed");
}

/* Kept at the end of the scratch until the second ClientHello is written. */
static enum wb_err read_cookie(struct wb_tls *tls, struct wb_reader *r)
{
    uint16_t len = wb_read_be16(r);
    const uint8_t *cookie = wb_read_bytes(r, len);
    if (r->err != WB_OK || len == 0) {
        return tls_fail_decode(tls, "cookie is malformed");
    }
    (void)tls_keep(tls, cookie, len); /* fits, as it lies in the scratch */
    r->at = r->end; /* the move may have covered what the reader points to; all of it was read: */
    return len + 2u == tls->item_want ? WB_OK : tls_fail_decode(tls, "cookie is malformed");
}

/* ---- EncryptedExtensions ---- */

static enum wb_err encrypted_extensions_begin(struct wb_tls *tls)
{
    return tls_want(tls, 2, STEP_FIXED);
}

static enum wb_err encrypted_extensions_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    if (tls->step == STEP_FIXED) {
        return tls_extensions_begin(tls, IN_ENCRYPTED_EXTENSIONS, (size_t)item[0] << 8 | item[1]);
    }
    if (tls->step != STEP_EXT_END) {
        return tls_extensions_item(tls, item, len);
    }
    WB_TRY(tls_done(tls));
    if (tls->cfg->alpn_required && tls->alpn == 0) {
        return tls_fail(tls, WB_TLS_ALERT_NO_APPLICATION_PROTOCOL, WB_ERR_PROTOCOL,
                        "server does not agree to our application protocol (ALPN)");
    }
    tls_set_state(tls, tls->is_resumed ? STATE_WAIT_FINISHED : STATE_WAIT_CERTIFICATE_OR_REQUEST);
    return WB_OK;
}

static enum wb_err read_server_name(struct wb_tls *tls, struct wb_reader *r)
{
    (void)tls;
    (void)r; /* empty: the caller checks that nothing is left */
    return WB_OK;
}

static enum wb_err read_alpn(struct wb_tls *tls, struct wb_reader *r)
{
    size_t list_len = wb_read_be16(r);
    size_t len = wb_read_u8(r);
    const uint8_t *name = wb_read_bytes(r, len);
    if (r->err != WB_OK || list_len != len + 1 || len == 0) {
        return tls_fail_decode(tls, "ALPN answer is malformed");
    }
    for (size_t i = 0; i < tls->cfg->alpn_count; i++) {
        const char *ours = tls->cfg->alpn[i];
        if (strlen(ours) == len && memcmp(ours, name, len) == 0) {
            tls->alpn = (uint8_t)(i + 1);
            return WB_OK;
        }
    }
    return tls_fail_illegal(tls, "server chooses an application protocol that was not offered");
}

/* ---- CertificateRequest ---- */

enum { STEP_CONTEXT_LEN, STEP_EXTENSIONS_LEN };

static enum wb_err certificate_request_begin(struct wb_tls *tls)
{
    return tls_want(tls, 1, STEP_CONTEXT_LEN);
}

static enum wb_err certificate_request_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    switch (tls->step) {
    case STEP_CONTEXT_LEN:
        if (item[0] != 0) { /* §4.3.2: empty during the handshake */
            return tls_fail_illegal(tls, "CertificateRequest in the handshake has a context");
        }
        return tls_want(tls, 2, STEP_EXTENSIONS_LEN);
    case STEP_EXTENSIONS_LEN:
        tls->work->schemes = 0;
        return tls_extensions_begin(tls, IN_CERTIFICATE_REQUEST, (size_t)item[0] << 8 | item[1]);
    case STEP_EXT_END:
        WB_TRY(tls_done(tls));
        if (!tls_extension_seen(tls, EXT_SIGNATURE_ALGORITHMS)) {
            return tls_fail(tls, WB_TLS_ALERT_MISSING_EXTENSION, WB_ERR_PROTOCOL,
                            "CertificateRequest names no signature algorithms");
        }
        tls->work->is_certificate_requested = true;
        tls_set_state(tls, STATE_WAIT_CERTIFICATE);
        return WB_OK;
    default: return tls_extensions_item(tls, item, len);
    }
}

/* ---- NewSessionTicket ---- */

static enum wb_err ticket_begin(struct wb_tls *tls)
{
    return tls->resumption != NULL ? tls->resumption->ticket_begin(tls)
                                   : tls_skip(tls, tls->message_left, 0);
}

static enum wb_err ticket_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    return tls->resumption != NULL ? tls->resumption->ticket_item(tls, item, len) : tls_done(tls);
}

/* ---- the role ---- */

static enum wb_err check_cfg(struct wb_tls *tls, const struct wb_tls_cfg *cfg)
{
    if (cfg->server_name == NULL || cfg->anchor_count == 0) {
        return tls_refuse(tls, WB_ERR_VALUE,
                          TEXT("wb_tls_cfg: a client needs server_name and anchors"));
    }
    return WB_OK;
}

static enum wb_err begin(struct wb_tls *tls)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    if (cfg->random(cfg->random_ctx, tls->work->random, sizeof tls->work->random) != WB_OK ||
        draw_key(tls) != WB_OK) {
        return tls_refuse(tls, WB_ERR_ENTROPY, TEXT("no entropy for the handshake"));
    }
    tls->work->is_psk_offered = tls->session_len > 0;
    return write_hello(tls);
}

static enum wb_err end_certificates(struct wb_tls *tls, bool has_leaf)
{
    if (!has_leaf) { /* §4.4.2.4 */
        return tls_fail_decode(tls, "server presents no certificate");
    }
    tls_set_state(tls, STATE_WAIT_CERTIFICATE_VERIFY);
    return WB_OK;
}

/* Connected once our own flight is sealed. */
static enum wb_err end_finished(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    tls_schedule_application(tls);
    tls->flight = FLIGHT_FINISHED;
    if (work->is_certificate_requested) {
        work->credential = tls_credential_choose(tls, &work->scheme);
        tls->flight = FLIGHT_CERTIFICATE;
    }
    return WB_OK;
}

static void end_flight(struct wb_tls *tls)
{
    tls_keys_set(tls, &tls->out, tls->work->client_secret);
    if (tls->resumption != NULL) {
        tls->resumption->begin(tls);
    }
    tls_connected(tls);
}

static const struct message_row rows[] = {
    {MESSAGE_SERVER_HELLO, IN(WAIT_SERVER_HELLO), true, server_hello_begin, server_hello_item},
    {MESSAGE_ENCRYPTED_EXTENSIONS, IN(WAIT_ENCRYPTED_EXTENSIONS), false, encrypted_extensions_begin,
     encrypted_extensions_item},
    {MESSAGE_CERTIFICATE_REQUEST, IN(WAIT_CERTIFICATE_OR_REQUEST), false, certificate_request_begin,
     certificate_request_item},
    {MESSAGE_CERTIFICATE, IN(WAIT_CERTIFICATE_OR_REQUEST) | IN(WAIT_CERTIFICATE), false,
     tls_certificate_begin, tls_certificate_item},
    {MESSAGE_CERTIFICATE_VERIFY, IN(WAIT_CERTIFICATE_VERIFY), false, tls_verify_begin,
     tls_verify_item},
    {MESSAGE_FINISHED, IN(WAIT_FINISHED), true, tls_finished_begin, tls_finished_item},
    {MESSAGE_KEY_UPDATE, IN(CONNECTED), true, tls_key_update_begin, tls_key_update_item},
    {MESSAGE_NEW_SESSION_TICKET, IN(CONNECTED), false, ticket_begin, ticket_item},
    {0, 0, false, NULL, NULL},
};

static const struct extension_reader readers[] = {
    {EXT_SERVER_NAME, read_server_name},
    {EXT_SIGNATURE_ALGORITHMS, tls_read_schemes},
    {EXT_ALPN, read_alpn},
    {EXT_RECORD_SIZE_LIMIT, tls_read_record_size_limit},
    {EXT_SUPPORTED_VERSIONS, read_version},
    {EXT_COOKIE, read_cookie},
    {EXT_KEY_SHARE, read_key_share},
    {EXT_PRE_SHARED_KEY, read_psk},
    {0, NULL},
};

const struct wb_tls_role wb_tls_role_client = {
    .is_client = true,
    .first_state = STATE_WAIT_SERVER_HELLO,
    .rows = rows,
    .readers = readers,
    .check_cfg = check_cfg,
    .begin = begin,
    .end_certificates = end_certificates,
    .end_finished = end_finished,
    .end_flight = end_flight,
};
