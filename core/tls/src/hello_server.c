/* SPDX-License-Identifier: AGPL-3.0-only */
/* The server's side of the hellos: reads ClientHello; writes ServerHello, HelloRetryRequest,
 * EncryptedExtensions and CertificateRequest (RFC 8446 §4.1, §4.3). The order of the checks at the
 * end of ClientHello is that of their alerts' severity: version, missing extensions, then what
 * cannot be agreed. */
#include "tls.h"

enum { STEP_FIXED, STEP_SUITES_LEN, STEP_SUITES, STEP_COMPRESSION, STEP_EXTENSIONS_LEN };
#define FIXED_LEN      (2u + 32u + 1u)
#define EARLY_DATA_MAX 16384u /* refused early data that is passed over */

enum wb_err tls_client_hello_begin(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    work->is_hello_prefix = true;
    work->has_share = false;
    work->has_version = false;
    work->has_group = false;
    work->has_scheme = false;
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
    memcpy(work->session_id, session_id, session_id_len);
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
    /* §9.2: what a ClientHello without PSK must carry; PSKs are never accepted here */
    bool has_groups = tls_extension_seen(tls, EXT_SUPPORTED_GROUPS);
    if (!has_groups || !tls_extension_seen(tls, EXT_KEY_SHARE) ||
        !tls_extension_seen(tls, EXT_SIGNATURE_ALGORITHMS) ||
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
    if (!work->has_scheme) {
        return tls_fail(tls, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED,
                        "client does not accept Ed25519 signatures");
    }
    if (work->has_share && !work->has_group) {
        return tls_fail_illegal(tls, "ClientHello has a share for a group that it does not list");
    }
    if (!work->has_group) {
        return tls_fail(tls, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_UNSUPPORTED,
                        "client does not support the group X25519");
    }
    if (tls->cfg->alpn_required && tls->alpn == 0) {
        return tls_fail(tls, WB_TLS_ALERT_NO_APPLICATION_PROTOCOL, WB_ERR_PROTOCOL,
                        "client names no application protocol (ALPN) that is served here");
    }
    return WB_OK;
}

static enum wb_err end_hello(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    WB_TRY(tls_done(tls));
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
        tls_transcript_restart(tls);
        tls->flight = FLIGHT_HELLO_RETRY;
        tls_set_state(tls, STATE_WAIT_CLIENT_HELLO_2);
        return WB_OK;
    }
    tls->flight = FLIGHT_SERVER_HELLO;
    bool is_asking = tls->cfg->request_client_certificate || tls->cfg->require_client_certificate;
    tls_set_state(tls, is_asking ? STATE_WAIT_CLIENT_CERTIFICATE : STATE_WAIT_CLIENT_FINISHED);
    return WB_OK;
}

enum wb_err tls_client_hello_item(struct wb_tls *tls, const uint8_t *item, size_t len)
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
    case STEP_EXT_END: return end_hello(tls);
    default: return tls_extensions_item(tls, item, len);
    }
}

/* ---- extensions of ClientHello ---- */

/* RFC 6066 §3. Whatever the name is, there is one identity: the name is acknowledged, the client
 * judges. */
enum wb_err tls_server_read_server_name(struct wb_tls *tls, struct wb_reader *r)
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

enum wb_err tls_server_read_groups(struct wb_tls *tls, struct wb_reader *r)
{
    size_t len = wb_read_be16(r);
    if (len == 0 || len % 2 != 0 || len != wb_reader_left(r)) {
        return tls_fail_decode(tls, "supported_groups is malformed");
    }
    while (wb_reader_left(r) > 0) {
        if (wb_read_be16(r) == WB_TLS_GROUP_X25519) {
            tls->work->has_group = true;
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
enum wb_err tls_server_read_alpn(struct wb_tls *tls, struct wb_reader *r)
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

enum wb_err tls_server_read_versions(struct wb_tls *tls, struct wb_reader *r)
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

enum wb_err tls_server_read_key_share(struct wb_tls *tls, struct wb_reader *r)
{
    struct wb_tls_work *work = tls->work;
    if (wb_read_be16(r) != wb_reader_left(r)) {
        return tls_fail_decode(tls, "key_share is malformed");
    }
    while (wb_reader_left(r) > 0) {
        uint16_t group = wb_read_be16(r);
        uint16_t len = wb_read_be16(r);
        const uint8_t *share = wb_read_bytes(r, len);
        if (share == NULL || len == 0) {
            return tls_fail_decode(tls, "key_share is malformed");
        }
        if (group != WB_TLS_GROUP_X25519) {
            continue;
        }
        if (len != 32 || work->has_share) {
            return tls_fail_illegal(tls, "ClientHello has a wrong or a second X25519 share");
        }
        memcpy(work->random, share, 32);
        work->has_share = true;
    }
    return WB_OK;
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

static void write_hello(struct wb_tls *tls, struct wb_writer *w, const uint8_t random[32],
                        size_t extensions_len)
{
    write_header(w, MESSAGE_SERVER_HELLO);
    wb_write_be16(w, VERSION_LEGACY);
    wb_write_bytes(w, random, 32);
    wb_write_u8(w, tls->work->session_id_len);
    wb_write_bytes(w, tls->work->session_id, tls->work->session_id_len);
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

size_t tls_hello_retry_write(struct wb_tls *tls, struct wb_writer *w)
{
    write_hello(tls, w, tls_hello_retry_random, 6 + 6);
    wb_write_be16(w, EXT_KEY_SHARE);
    wb_write_be16(w, 2);
    wb_write_be16(w, WB_TLS_GROUP_X25519);
    write_version(w);
    return finish(w);
}

/* Draws the server's random and share; 0 when there is no entropy. */
size_t tls_server_hello_write(struct wb_tls *tls, struct wb_writer *w)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    uint8_t buf[32];
    if (cfg->random(cfg->random_ctx, buf, 32) != WB_OK ||
        cfg->random(cfg->random_ctx, tls->work->share_private_key, 32) != WB_OK) {
        return 0;
    }
    write_hello(tls, w, buf, 40 + 6);
    cfg->crypto->x25519_public_key(buf, tls->work->share_private_key);
    wb_write_be16(w, EXT_KEY_SHARE);
    wb_write_be16(w, 36);
    wb_write_be16(w, WB_TLS_GROUP_X25519);
    wb_write_be16(w, 32);
    wb_write_bytes(w, buf, 32);
    write_version(w);
    return finish(w);
}

size_t tls_encrypted_extensions_write(struct wb_tls *tls, struct wb_writer *w)
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
    w->buf[len_at] = (uint8_t)((w->len - len_at - 2) >> 8);
    w->buf[len_at + 1] = (uint8_t)(w->len - len_at - 2);
    return finish(w);
}

size_t tls_certificate_request_write(struct wb_tls *tls, struct wb_writer *w)
{
    (void)tls;
    write_header(w, MESSAGE_CERTIFICATE_REQUEST);
    wb_write_u8(w, 0); /* context */
    wb_write_be16(w, 8);
    wb_write_be16(w, EXT_SIGNATURE_ALGORITHMS);
    wb_write_be16(w, 4);
    wb_write_be16(w, 2);
    wb_write_be16(w, WB_TLS_SIGNATURE_ED25519);
    return finish(w);
}
