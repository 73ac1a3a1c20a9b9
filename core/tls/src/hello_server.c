/* SPDX-License-Identifier: AGPL-3.0-only */
/* The server's side of the hellos: reads ClientHello; writes ServerHello, HelloRetryRequest,
 * EncryptedExtensions and CertificateRequest (RFC 8446 §4.1, §4.3). The order of the checks at the
 * end of ClientHello is that of their alerts' severity: version, missing extensions, then what
 * cannot be agreed. */
#include "ticket.h"

enum {
    STEP_FIXED,
    STEP_SUITES_LEN,
    STEP_SUITES,
    STEP_COMPRESSION,
    STEP_EXTENSIONS_LEN,
    STEP_SHARES_LEN,
    STEP_SHARE_HEAD,
    STEP_SHARE_PASSED,
    STEP_SHARE,
    STEP_IDS_LEN,
    STEP_ID_LEN,
    STEP_ID,
    STEP_ID_PASSED,
    STEP_AGE,
    STEP_BINDERS_LEN,
    STEP_BINDER_LEN,
    STEP_BINDER,
};
/* ServerHello without its share: fixed part, session id, three extensions */
#define HELLO_LEN      (4u + 2u + 32u + 1u + 32u + 2u + 1u + 2u + 6u + 8u + 6u)
#define FIXED_LEN      (2u + 32u + 1u)
#define EARLY_DATA_MAX 16384u /* refused early data that is passed over */

static enum wb_err client_hello_begin(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    work->is_hello_prefix = true;
    work->has_share = false;
    work->has_version = false;
    work->groups = 0;
    work->shares = 0;
    work->schemes = 0;
    work->kept_len = 0;
    work->psk_index = 0;
    work->has_psk_mode = false;
    tls->is_resumed = false;
    work->is_name_acked = false;
    work->is_suite_changed = false;
    tls->alpn = 0;
    tls->is_limit_agreed = false;
    tls->limit_out = PLAINTEXT_MAX;
    return tls_want(tls, FIXED_LEN, STEP_FIXED);
}

/* The prefix up to and with the suites lies in the scratch: the hash is chosen now. */
static enum wb_err read_suites(struct wb_tls *tls, const uint8_t *prefix, size_t len)
{
    struct wb_tls_work *work = tls->work;
    size_t session_id_len = prefix[34];
    struct wb_reader r;
    wb_reader_init(&r, prefix, len);
    (void)wb_read_bytes(&r, FIXED_LEN);
    const uint8_t *session_id = wb_read_bytes(&r, session_id_len);
    (void)wb_read_be16(&r);
    memcpy(work->random, session_id, session_id_len);
    work->session_id_len = (uint8_t)session_id_len;
    uint8_t chosen = 0;
    while (wb_reader_left(&r) >= 2) {
        uint8_t row = tls_suite_find(tls->cfg, wb_read_be16(&r));
        bool is_agreed = work->is_hello_retried ? row == tls->suite : true;
        if (chosen == 0 && row != 0 && is_agreed) {
            chosen = row;
        }
    }
    if (work->is_hello_retried) {
        work->is_suite_changed = chosen == 0;
    } else {
        tls->suite = chosen;
        if (chosen != 0) {
            tls_transcript_init(tls);
        }
    }
    if (tls->suite != 0) {
        tls_transcript_update(tls, tls->header, sizeof tls->header);
        tls_transcript_update(tls, prefix, len);
    }
    work->is_hello_prefix = false;
    return tls_want(tls, 1, STEP_COMPRESSION);
}

static enum wb_err read_compression(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    if (len == 1) { /* the list's length; the list comes behind it */
        return item[0] == 0 ? tls_fail_decode(tls, "ClientHello names no compression method")
                            : tls_want_more(tls, item[0], STEP_COMPRESSION);
    }
    tls->work->is_compression_null = len == 2 && item[1] == 0;
    if (tls->message_left == 0) { /* TLS 1.2 and before: no extensions at all */
        return tls_fail(tls, WB_TLS_ALERT_PROTOCOL_VERSION, WB_ERR_UNSUPPORTED,
                        "client does not speak TLS 1.3");
    }
    return tls_want(tls, 2, STEP_EXTENSIONS_LEN);
}

static enum wb_err check_hello(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    if (!work->has_version) {
        return tls_fail(tls, WB_TLS_ALERT_PROTOCOL_VERSION, WB_ERR_UNSUPPORTED,
                        "client does not speak TLS 1.3");
    }
    if (!work->is_compression_null) {
        return tls_fail_illegal(tls, "ClientHello offers compression");
    }
    /* §9.2: what a ClientHello must carry; signature_algorithms only without a PSK */
    bool has_groups = tls_extension_seen(tls, EXT_SUPPORTED_GROUPS);
    if (!has_groups || !tls_extension_seen(tls, EXT_KEY_SHARE) ||
        (!tls->is_resumed && !tls_extension_seen(tls, EXT_SIGNATURE_ALGORITHMS)) ||
        (tls_extension_seen(tls, EXT_PRE_SHARED_KEY) &&
         !tls_extension_seen(tls, EXT_PSK_KEY_EXCHANGE_MODES))) {
        return tls_fail(tls, WB_TLS_ALERT_MISSING_EXTENSION, WB_ERR_PROTOCOL,
                        "ClientHello lacks an extension that TLS 1.3 requires");
    }
    if (work->is_suite_changed) {
        return tls_fail_illegal(tls, "second ClientHello no longer offers the cipher suite");
    }
    if (tls->suite == 0) {
        return tls_fail(tls, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED,
                        "client offers no cipher suite that is allowed here");
    }
    if (!tls->is_resumed && tls_credential_choose(tls, &work->scheme) == NULL) {
        return tls_fail(tls, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED,
                        "client accepts no signatures of our keys");
    }
    if (work->shares & ~work->groups) {
        return tls_fail_illegal(tls, "ClientHello has a share for a group that it does not list");
    }
    if (work->groups == 0) {
        return tls_fail(tls, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED,
                        "client supports no group that is allowed here");
    }
    if (tls->cfg->alpn_required && tls->alpn == 0) {
        return tls_fail(tls, WB_TLS_ALERT_NO_APPLICATION_PROTOCOL, WB_ERR_PROTOCOL,
                        "client names no application protocol (ALPN) that is served here");
    }
    return WB_OK;
}

static bool is_asking(const struct wb_tls *tls)
{
    return tls->cfg->request_client_certificate || tls->cfg->require_client_certificate;
}

/* The ticket is good and its binder right: taken unless it was used before. */
static void choose_psk(struct wb_tls *tls)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    struct wb_tls_work *work = tls->work;
    bool is_taken = work->psk_index > 0 && work->has_psk_mode && work->has_share &&
                    (cfg->ticket_use == NULL ||
                     cfg->ticket_use(cfg->ticket_ctx, work->client_secret, work->ticket_until));
    tls->is_resumed = is_taken;
    tls->has_peer = is_taken && work->is_peer_known;
    if (!is_taken) {
        memset(&tls->peer, 0, sizeof tls->peer);
    }
}

static enum wb_err end_hello(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    WB_TRY(tls_done(tls));
    choose_psk(tls);
    WB_TRY(check_hello(tls));
    bool has_early_data = tls_extension_seen(tls, EXT_EARLY_DATA);
    if (work->is_hello_retried && has_early_data) {
        return tls_fail_illegal(tls, "second ClientHello announces early data");
    }
    if (has_early_data) {
        tls->early_left = EARLY_DATA_MAX;
    }
    if (!work->has_share) {
        if (work->is_hello_retried) {
            return tls_fail_illegal(tls, "second ClientHello lacks the share that was asked for");
        }
        while (!(work->groups >> tls->group & 1u)) { /* the first of ours that it supports */
            tls->group++;
        }
        tls_transcript_restart(tls);
        tls->flight = FLIGHT_HELLO_RETRY;
        tls_set_state(tls, STATE_WAIT_CLIENT_HELLO_2);
        return WB_OK;
    }
    tls->has_group = true;
    work->credential = tls_credential_choose(tls, &work->scheme);
    tls->flight = FLIGHT_SERVER_HELLO;
    tls_set_state(tls, is_asking(tls) && !tls->is_resumed ? STATE_WAIT_CLIENT_CERTIFICATE
                                                          : STATE_WAIT_CLIENT_FINISHED);
    return WB_OK;
}

static enum wb_err share_item(struct wb_tls *tls, const uint8_t *item, size_t len);
static enum wb_err psk_item(struct wb_tls *tls, const uint8_t *item, size_t len);

static enum wb_err client_hello_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    switch (tls->step) {
    case STEP_FIXED:
        if (item[34] > 32) {
            return tls_fail_decode(tls, "session id is longer than 32 bytes");
        }
        return tls_want_more(tls, item[34] + 2u, STEP_SUITES_LEN);
    case STEP_SUITES_LEN: {
        size_t suites_len = (size_t)item[len - 2] << 8 | item[len - 1];
        if (suites_len == 0 || suites_len % 2 != 0) {
            return tls_fail_decode(tls, "list of cipher suites is malformed");
        }
        return tls_want_more(tls, suites_len, STEP_SUITES);
    }
    case STEP_SUITES: return read_suites(tls, item, len);
    case STEP_COMPRESSION: return read_compression(tls, item, len);
    case STEP_EXTENSIONS_LEN:
        return tls_extensions_begin(tls, IN_CLIENT_HELLO, (size_t)item[0] << 8 | item[1]);
    case STEP_SHARES_LEN:
    case STEP_SHARE_HEAD:
    case STEP_SHARE_PASSED:
    case STEP_SHARE: return share_item(tls, item, len);
    case STEP_IDS_LEN:
    case STEP_ID_LEN:
    case STEP_ID:
    case STEP_ID_PASSED:
    case STEP_AGE:
    case STEP_BINDERS_LEN:
    case STEP_BINDER_LEN:
    case STEP_BINDER: return psk_item(tls, item, len);
    case STEP_EXT_END: return end_hello(tls);
    default: return tls_extensions_item(tls, item, len);
    }
}

/* ---- extensions of ClientHello ---- */

/* RFC 6066 §3. Whatever the name is, there is one identity: the name is acknowledged, the client
 * judges. */
static enum wb_err read_server_name(struct wb_tls *tls, struct wb_reader *r)
{
    size_t list_len = wb_read_be16(r);
    uint8_t type = wb_read_u8(r);
    size_t len = wb_read_be16(r);
    const uint8_t *name = wb_read_bytes(r, len);
    if (r->err != WB_OK || type != 0 || len == 0 || list_len != len + 3 ||
        memchr(name, 0, len) != NULL) {
        return tls_fail_decode(tls, "server_name is malformed");
    }
    tls->work->is_name_acked = true;
    return WB_OK;
}

/* Room for ServerHello beside the client's share? Else a group is as good as unknown. */
static bool has_room(const struct wb_tls *tls, size_t index)
{
    const struct wb_tls_group *group = tls_group_at(tls, index);
    return tls->scratch_cap >= HELLO_LEN + group->server_share_len +
                                   (group->client_share_len > group->secret_len
                                        ? group->client_share_len
                                        : group->secret_len);
}

static enum wb_err read_groups(struct wb_tls *tls, struct wb_reader *r)
{
    size_t len = wb_read_be16(r);
    if (len == 0 || len % 2 != 0 || len != wb_reader_left(r)) {
        return tls_fail_decode(tls, "supported_groups is malformed");
    }
    while (wb_reader_left(r) > 0) {
        int index = tls_group_find(tls, wb_read_be16(r));
        if (index >= 0 && has_room(tls, (size_t)index)) {
            tls->work->groups |= (uint16_t)(1u << index);
        }
    }
    return WB_OK;
}

static uint8_t find_alpn(const struct wb_tls_cfg *cfg, const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < cfg->alpn_count; i++) {
        if (strlen(cfg->alpn[i]) == len && memcmp(cfg->alpn[i], name, len) == 0) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

/* RFC 7301: our own order decides. */
static enum wb_err read_alpn(struct wb_tls *tls, struct wb_reader *r)
{
    size_t list_len = wb_read_be16(r);
    if (list_len != wb_reader_left(r) || list_len < 2) {
        return tls_fail_decode(tls, "ALPN is malformed");
    }
    while (wb_reader_left(r) > 0) {
        size_t len = wb_read_u8(r);
        const uint8_t *name = wb_read_bytes(r, len);
        if (name == NULL || len == 0) {
            return tls_fail_decode(tls, "ALPN is malformed");
        }
        uint8_t row = find_alpn(tls->cfg, name, len);
        if (row != 0 && (tls->alpn == 0 || row < tls->alpn)) {
            tls->alpn = row;
        }
    }
    /* §3.2: "In the event that the server supports no protocols that the client advertises" */
    if (tls->cfg->alpn_count > 0 && tls->alpn == 0) {
        return tls_fail(tls, WB_TLS_ALERT_NO_APPLICATION_PROTOCOL, WB_ERR_PROTOCOL,
                        "client names no application protocol (ALPN) that is served here");
    }
    return WB_OK;
}

static enum wb_err read_versions(struct wb_tls *tls, struct wb_reader *r)
{
    size_t len = wb_read_u8(r);
    if (len == 0 || len % 2 != 0 || len != wb_reader_left(r)) {
        return tls_fail_decode(tls, "supported_versions is malformed");
    }
    while (wb_reader_left(r) > 0) {
        if (wb_read_be16(r) == VERSION_1_3) {
            tls->work->has_version = true;
        }
    }
    return WB_OK;
}

/* key_share may be longer than the scratch (post-quantum shares beside others): it is walked share
 * by share, and only the best that we understand is kept. */
static enum wb_err share_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    struct wb_tls_work *work = tls->work;
    if (tls->step == STEP_SHARES_LEN) {
        if (((size_t)item[0] << 8 | item[1]) != work->certs_left) {
            return tls_fail_decode(tls, "key_share is malformed");
        }
    } else if (tls->step == STEP_SHARE_HEAD) {
        size_t share_len = (size_t)item[2] << 8 | item[3];
        int index = tls_group_find(tls, (uint16_t)(item[0] << 8 | item[1]));
        work->certs_left -= 4;
        if (share_len == 0 || share_len > work->certs_left) {
            return tls_fail_decode(tls, "key_share is malformed");
        }
        work->certs_left -= (uint32_t)share_len;
        if (index < 0 || !has_room(tls, (size_t)index)) {
            return tls_skip(tls, share_len, STEP_SHARE_PASSED);
        }
        if (share_len != tls_group_at(tls, (size_t)index)->client_share_len ||
            (work->shares >> index & 1u)) {
            return tls_fail_illegal(tls, "ClientHello has a wrong or a second share for a group");
        }
        work->shares |= (uint16_t)(1u << index);
        if (work->is_hello_retried ? index != tls->group : work->has_share && index > tls->group) {
            return tls_skip(tls, share_len, STEP_SHARE_PASSED);
        }
        work->kept_len = 0; /* of a group that we like less */
        tls->group = (uint8_t)index;
        return tls_want(tls, share_len, STEP_SHARE);
    } else if (tls->step == STEP_SHARE) {
        work->has_share = tls_keep(tls, item, len);
    }
    if (work->certs_left == 0) {
        return tls_extensions_next(tls);
    }
    if (work->certs_left < 4) {
        return tls_fail_decode(tls, "key_share is malformed");
    }
    return tls_want(tls, 4, STEP_SHARE_HEAD);
}

static enum wb_err read_psk_modes(struct wb_tls *tls, struct wb_reader *r)
{
    size_t len = wb_read_u8(r);
    if (len == 0 || len != wb_reader_left(r)) {
        return tls_fail_decode(tls, "psk_key_exchange_modes is malformed");
    }
    while (wb_reader_left(r) > 0) {
        if (wb_read_u8(r) == 1) { /* psk_dhe_ke */
            tls->work->has_psk_mode = true;
        }
    }
    return WB_OK;
}

/* Identities: the first ticket that opens is chosen. */
static enum wb_err identity_item(struct wb_tls *tls, uint8_t *item, size_t len)
{
    struct wb_tls_work *work = tls->work;
    if (tls->step == STEP_ID_LEN) {
        uint32_t id_len = (uint32_t)item[0] << 8 | item[1];
        if (id_len == 0 || work->certs_left < 2 + id_len + 4 || work->psk_count == 255) {
            return tls_fail_decode(tls, "pre_shared_key is malformed");
        }
        work->certs_left -= 2 + id_len + 4;
        work->psk_count++;
        bool is_tried = work->psk_index == 0 && id_len <= TICKET_LEN_MAX &&
                        id_len <= tls->scratch_cap - work->kept_len;
        return is_tried ? tls_want(tls, id_len, STEP_ID) : tls_skip(tls, id_len, STEP_ID_PASSED);
    }
    if (tls->step == STEP_ID && ticket_open(tls, item, len)) {
        work->psk_index = work->psk_count;
        memcpy(work->client_secret, work->digest, 16); /* the ticket's name */
    }
    return tls_want(tls, 4, STEP_AGE); /* its age matters for early data only */
}

static enum wb_err binder_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    struct wb_tls_work *work = tls->work;
    uint8_t expected[48];
    if (tls->step == STEP_BINDER_LEN) {
        if (item[0] < 32 || work->certs_left < 1u + item[0]) {
            return tls_fail_decode(tls, "pre_shared_key is malformed");
        }
        work->certs_left -= 1u + item[0];
        work->cert_index++;
        return tls_want(tls, item[0], STEP_BINDER);
    }
    if (work->cert_index == work->psk_index) {
        tls_psk_binder(tls, work->secret, work->digest, expected);
        if (len != tls_hash_len(tls) || !wb_ct_equal(expected, item, len)) {
            return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_AUTH,
                            "client does not hold the key of its ticket (binder differs)");
        }
    }
    if (work->certs_left > 0) {
        return tls_want(tls, 1, STEP_BINDER_LEN);
    }
    if (work->cert_index != work->psk_count) {
        return tls_fail_illegal(tls, "pre_shared_key has not one binder an identity");
    }
    return tls_extensions_next(tls);
}

/* pre_shared_key (§4.2.11), item by item: certs_left counts down a list, list_left (the last
 * extension's) is 0 here. */
static enum wb_err psk_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    struct wb_tls_work *work = tls->work;
    switch (tls->step) {
    case STEP_IDS_LEN: {
        uint32_t ids_len = (uint32_t)item[0] << 8 | item[1];
        work->psk_count = 0;
        work->cert_index = 0;
        if (ids_len < 7 || ids_len > tls->message_left) {
            return tls_fail_decode(tls, "pre_shared_key is malformed");
        }
        work->certs_left = ids_len;
        return tls_want(tls, 2, STEP_ID_LEN);
    }
    case STEP_AGE:
        if (work->certs_left > 0) {
            return work->certs_left < 7 ? tls_fail_decode(tls, "pre_shared_key is malformed")
                                        : tls_want(tls, 2, STEP_ID_LEN);
        }
        tls_transcript_digest(tls, work->digest); /* what the binders cover ends here */
        return tls_want(tls, 2, STEP_BINDERS_LEN);
    case STEP_BINDERS_LEN:
        work->certs_left = (uint32_t)item[0] << 8 | item[1];
        if (work->certs_left < 33 || work->certs_left != tls->message_left) {
            return tls_fail_decode(tls, "pre_shared_key is malformed");
        }
        return tls_want(tls, 1, STEP_BINDER_LEN);
    case STEP_BINDER_LEN:
    case STEP_BINDER: return binder_item(tls, item, len);
    default: return identity_item(tls, tls_scratch(tls), len);
    }
}

static bool has_tickets(const struct wb_tls *tls)
{
    return tls->cfg->tickets != NULL && tls->cfg->tickets->lifetime_s > 0 &&
           tls->work->unix_now > 0;
}

static enum wb_err begin_extension(struct wb_tls *tls, uint16_t type, size_t len)
{
    if (type == EXT_KEY_SHARE) {
        if (len < 2) {
            return tls_fail_decode(tls, "key_share is malformed");
        }
        tls->work->certs_left = (uint32_t)len - 2;
        return tls_want(tls, 2, STEP_SHARES_LEN);
    }
    if (type == EXT_PRE_SHARED_KEY && tls->suite != 0 && has_tickets(tls) &&
        !tls->work->is_suite_changed) {
        return tls_want(tls, 2, STEP_IDS_LEN);
    }
    return tls_skip(tls, len, STEP_EXT_NEXT);
}

/* ---- the server's messages ---- */

static void write_header(struct wb_writer *w, uint8_t type)
{
    wb_write_u8(w, type);
    wb_write_be24(w, 0);
}

static size_t finish(struct wb_writer *w)
{
    WB_ASSERT(w->err == WB_OK);
    size_t len = w->len - 4;
    w->buf[1] = 0;
    w->buf[2] = (uint8_t)(len >> 8);
    w->buf[3] = (uint8_t)len;
    return w->len;
}

static void patch_len(struct wb_writer *w, size_t len_at)
{
    w->buf[len_at] = (uint8_t)((w->len - len_at - 2) >> 8);
    w->buf[len_at + 1] = (uint8_t)(w->len - len_at - 2);
}

static void write_hello(struct wb_tls *tls, struct wb_writer *w, const uint8_t random[32],
                        size_t extensions_len)
{
    write_header(w, MESSAGE_SERVER_HELLO);
    wb_write_be16(w, VERSION_LEGACY);
    wb_write_bytes(w, random, 32);
    wb_write_u8(w, tls->work->session_id_len);
    wb_write_bytes(w, tls->work->random, tls->work->session_id_len);
    wb_write_be16(w, tls_suite(tls)->id);
    wb_write_u8(w, 0);
    wb_write_be16(w, (uint16_t)extensions_len);
}

static void write_version(struct wb_writer *w)
{
    wb_write_be16(w, EXT_SUPPORTED_VERSIONS);
    wb_write_be16(w, 2);
    wb_write_be16(w, VERSION_1_3);
}

static size_t hello_retry_write(struct wb_tls *tls, struct wb_writer *w)
{
    write_hello(tls, w, tls_hello_retry_random, 6 + 6);
    wb_write_be16(w, EXT_KEY_SHARE);
    wb_write_be16(w, 2);
    wb_write_be16(w, tls_group(tls)->id);
    write_version(w);
    return finish(w);
}

/* Draws the server's random and share; the secret is kept instead of the client's share. */
enum wb_err tls_server_hello_write(struct wb_tls *tls, struct wb_writer *w)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    const struct wb_tls_group *group = tls_group(tls);
    struct wb_tls_work *work = tls->work;
    uint8_t random[32], secret[WB_TLS_GROUP_SECRET_MAX];
    if (cfg->random(cfg->random_ctx, random, sizeof random) != WB_OK ||
        cfg->random(cfg->random_ctx, work->share_private_key, group->random_len) != WB_OK) {
        return WB_ERR_ENTROPY;
    }
    write_hello(tls, w, random, 8u + group->server_share_len + 6u + (tls->is_resumed ? 6u : 0u));
    wb_write_be16(w, EXT_KEY_SHARE);
    wb_write_be16(w, (uint16_t)(group->server_share_len + 4));
    wb_write_be16(w, group->id);
    wb_write_be16(w, group->server_share_len);
    WB_ASSERT(w->cap - w->len >= (size_t)group->server_share_len + 6 + work->kept_len);
    WB_TRY(group->answer(w->buf + w->len, secret, work->share_private_key, tls_kept(tls)));
    w->len += group->server_share_len;
    write_version(w);
    if (tls->is_resumed) {
        wb_write_be16(w, EXT_PRE_SHARED_KEY);
        wb_write_be16(w, 2);
        wb_write_be16(w, (uint16_t)(work->psk_index - 1));
    }
    (void)finish(w);
    (void)tls_keep(tls, secret, group->secret_len);
    wb_wipe(secret, sizeof secret);
    wb_wipe(work->share_private_key, sizeof work->share_private_key);
    return WB_OK;
}

static size_t encrypted_extensions_write(struct wb_tls *tls, struct wb_writer *w)
{
    write_header(w, MESSAGE_ENCRYPTED_EXTENSIONS);
    size_t len_at = w->len;
    wb_write_be16(w, 0);
    if (tls->work->is_name_acked) {
        wb_write_be16(w, EXT_SERVER_NAME);
        wb_write_be16(w, 0);
    }
    if (tls->alpn != 0) {
        const char *name = tls->cfg->alpn[tls->alpn - 1];
        size_t len = strlen(name);
        wb_write_be16(w, EXT_ALPN);
        wb_write_be16(w, (uint16_t)(len + 3));
        wb_write_be16(w, (uint16_t)(len + 1));
        wb_write_u8(w, (uint8_t)len);
        wb_write_bytes(w, name, len);
    }
    if (tls->is_limit_agreed) { /* RFC 8449 §5: only when the client sent it, too */
        wb_write_be16(w, EXT_RECORD_SIZE_LIMIT);
        wb_write_be16(w, 2);
        wb_write_be16(w, tls->limit_in);
    }
    patch_len(w, len_at);
    return finish(w);
}

/* §4.2.4: subjects of those whom we trust. Sorted by nobody; the client may choose by them. */
static void write_authorities(const struct wb_tls_cfg *cfg, struct wb_writer *w)
{
    size_t len = 0;
    for (size_t i = 0; i < cfg->anchor_count; i++) {
        len += 2 + cfg->anchors[i].subject.len;
    }
    if (!cfg->send_authorities || len == 0 || len + 64 > w->cap) {
        return; /* a hint, no necessity */
    }
    wb_write_be16(w, EXT_CERTIFICATE_AUTHORITIES);
    wb_write_be16(w, (uint16_t)(len + 2));
    wb_write_be16(w, (uint16_t)len);
    for (size_t i = 0; i < cfg->anchor_count; i++) {
        wb_write_be16(w, (uint16_t)cfg->anchors[i].subject.len);
        wb_write_bytes(w, cfg->anchors[i].subject.data, cfg->anchors[i].subject.len);
    }
}

static size_t certificate_request_write(struct wb_tls *tls, struct wb_writer *w)
{
    write_header(w, MESSAGE_CERTIFICATE_REQUEST);
    wb_write_u8(w, 0); /* context */
    size_t len_at = w->len;
    wb_write_be16(w, 0);
    tls_schemes_write(tls, w);
    write_authorities(tls->cfg, w);
    patch_len(w, len_at);
    return finish(w);
}

/* ---- flights ---- */

static bool fail_internal(struct wb_tls *tls, enum wb_err code)
{
    (void)tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, code, "no entropy for the handshake");
    return false;
}

/* Hellos are plaintext and end their record. */
static bool put_hello(struct wb_tls *tls, struct wb_writer *w)
{
    if (tls->flight == FLIGHT_HELLO_RETRY) {
        tls_set_run(tls, w->buf, hello_retry_write(tls, w), FLIGHT_HELLO_END);
        return true;
    }
    enum wb_err err = tls_server_hello_write(tls, w);
    if (err == WB_ERR_KEY) {
        (void)tls_fail_illegal(tls, "client's key share is not a usable public key");
        return false;
    }
    if (err != WB_OK) {
        return fail_internal(tls, err);
    }
    tls_set_run(tls, w->buf, w->len, FLIGHT_HELLO_END);
    return true;
}

/* Behind the first hello comes a change_cipher_spec when the client asked for compatibility mode
 * by a session id (§D.4). */
static bool end_hello_flight(struct wb_tls *tls)
{
    static const uint8_t change_cipher_spec[6] = {TYPE_CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1};
    struct wb_tls_work *work = tls->work;
    bool is_retry = tls->state == STATE_WAIT_CLIENT_HELLO_2;
    if (tls->is_record_open) {
        tls_record_end(tls, TYPE_HANDSHAKE);
    }
    if (work->session_id_len > 0 && !work->is_hello_retried) {
        if (tls->tx_at == tls->tx_len) {
            tls->tx_at = tls->tx_len = 0;
        }
        if (tls->tx_cap - tls->tx_len < sizeof change_cipher_spec) {
            return false;
        }
        memcpy(tls->tx + tls->tx_len, change_cipher_spec, sizeof change_cipher_spec);
        tls->tx_len += sizeof change_cipher_spec;
    }
    if (is_retry) {
        work->is_hello_retried = true;
        tls->flight = FLIGHT_NONE;
        return true;
    }
    tls_schedule_handshake(tls, tls_kept(tls), work->kept_len);
    wb_wipe(tls_kept(tls), work->kept_len);
    work->kept_len = 0;
    tls->flight = FLIGHT_ENCRYPTED_EXTENSIONS;
    return true;
}

static bool step_flight(struct wb_tls *tls)
{
    uint8_t *buf = tls_scratch(tls);
    struct wb_writer w;
    wb_writer_init(&w, buf, tls->scratch_cap);
    switch ((enum flight)tls->flight) {
    case FLIGHT_HELLO_RETRY:
    case FLIGHT_SERVER_HELLO: return put_hello(tls, &w);
    case FLIGHT_HELLO_END: return end_hello_flight(tls);
    case FLIGHT_ENCRYPTED_EXTENSIONS:
        tls_set_run(tls, buf, encrypted_extensions_write(tls, &w),
                    tls->is_resumed  ? FLIGHT_FINISHED
                    : is_asking(tls) ? FLIGHT_CERTIFICATE_REQUEST
                                     : FLIGHT_CERTIFICATE);
        return true;
    case FLIGHT_CERTIFICATE_REQUEST:
        tls_set_run(tls, buf, certificate_request_write(tls, &w), FLIGHT_CERTIFICATE);
        return true;
    case FLIGHT_TICKET: {
        size_t len = ticket_write(tls, buf, tls->scratch_cap);
        tls->flight = FLIGHT_TICKET_END;
        if (len > 0) {
            tls_set_run(tls, buf, len, FLIGHT_TICKET_END);
        }
        return true;
    }
    case FLIGHT_TICKET_END:
        if (tls->is_record_open) {
            tls_record_end(tls, TYPE_HANDSHAKE);
        }
        tls->flight = FLIGHT_NONE;
        tls_connected(tls);
        return true;
    default: return false;
    }
}

/* ---- the role ---- */

static enum wb_err check_cfg(struct wb_tls *tls, const struct wb_tls_cfg *cfg)
{
    if (cfg->credential == NULL) {
        return tls_refuse(tls, WB_ERR_VALUE, TEXT("wb_tls_cfg: a server needs a credential"));
    }
    return WB_OK;
}

static enum wb_err begin(struct wb_tls *tls)
{
    (void)tls;
    return WB_OK;
}

static enum wb_err end_certificates(struct wb_tls *tls, bool has_leaf)
{
    if (!has_leaf && tls->cfg->require_client_certificate) {
        return tls_fail(tls, WB_TLS_ALERT_CERTIFICATE_REQUIRED, WB_ERR_CERTIFICATE_REQUIRED,
                        "client presents no certificate");
    }
    tls_set_state(tls, has_leaf ? STATE_WAIT_CLIENT_VERIFY : STATE_WAIT_CLIENT_FINISHED);
    return WB_OK;
}

static enum wb_err end_finished(struct wb_tls *tls)
{
    tls_keys_set(tls, &tls->in, tls->work->client_secret);
    if (has_tickets(tls) && tls->work->has_psk_mode) { /* connected once it is sealed */
        tls->flight = FLIGHT_TICKET;
    } else {
        tls_connected(tls);
    }
    return WB_OK;
}

static void end_flight(struct wb_tls *tls)
{
    tls_schedule_application(tls);
}

static const struct message_row rows[] = {
    {MESSAGE_CLIENT_HELLO, IN(WAIT_CLIENT_HELLO) | IN(WAIT_CLIENT_HELLO_2), true,
     client_hello_begin, client_hello_item},
    {MESSAGE_CERTIFICATE, IN(WAIT_CLIENT_CERTIFICATE), false, tls_certificate_begin,
     tls_certificate_item},
    {MESSAGE_CERTIFICATE_VERIFY, IN(WAIT_CLIENT_VERIFY), false, tls_verify_begin, tls_verify_item},
    {MESSAGE_FINISHED, IN(WAIT_CLIENT_FINISHED), true, tls_finished_begin, tls_finished_item},
    {MESSAGE_KEY_UPDATE, IN(CONNECTED), true, tls_key_update_begin, tls_key_update_item},
    {0, 0, false, NULL, NULL},
};

static const struct extension_reader readers[] = {
    {EXT_SERVER_NAME, read_server_name},
    {EXT_SUPPORTED_GROUPS, read_groups},
    {EXT_SIGNATURE_ALGORITHMS, tls_read_schemes},
    {EXT_ALPN, read_alpn},
    {EXT_RECORD_SIZE_LIMIT, tls_read_record_size_limit},
    {EXT_SUPPORTED_VERSIONS, read_versions},
    {EXT_PSK_KEY_EXCHANGE_MODES, read_psk_modes},
    {0, NULL},
};

const struct wb_tls_role wb_tls_role_server = {
    .is_client = false,
    .first_state = STATE_WAIT_CLIENT_HELLO,
    .rows = rows,
    .readers = readers,
    .begin_extension = begin_extension,
    .check_cfg = check_cfg,
    .begin = begin,
    .step_flight = step_flight,
    .end_certificates = end_certificates,
    .end_finished = end_finished,
    .end_flight = end_flight,
};
