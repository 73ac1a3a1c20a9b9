/* SPDX-License-Identifier: AGPL-3.0-only */
/* Certificate, CertificateVerify and Finished of the peer (RFC 8446 §4.4): who it is, that it holds
 * the key, and that both saw the same handshake. */
#include "tls.h"

/* ---- Certificate ---- */

enum { STEP_CONTEXT, STEP_LIST_LEN, STEP_CERT_LEN, STEP_CERT_DATA, STEP_EXTENSIONS_LEN };

static enum wb_err end_list(struct wb_tls *tls);
static enum wb_err check_leaf(struct wb_tls *tls, const uint8_t *der, size_t len);

enum wb_err tls_certificate_begin(struct wb_tls *tls)
{
    tls->work->is_leaf_seen = false;
    return tls_want(tls, 1, STEP_CONTEXT);
}

static uint32_t be24(const uint8_t *at)
{
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static enum wb_err begin_cert(struct wb_tls *tls, uint32_t len)
{
    struct wb_tls_work *work = tls->work;
    if (len == 0 || work->certs_left < 3 + len + 2) {
        return tls_fail_decode(tls, "certificate list is malformed");
    }
    work->certs_left -= 3 + len + 2;
    if (work->is_leaf_seen) { /* what follows may help others to build a path; anchors sign our
                                 leaves */
        return tls_skip(tls, len, STEP_CERT_DATA);
    }
    if (len > tls->scratch_cap) {
        (void)wb_fault_set(
            &tls->fault, WB_ERR_LIMIT, "peer's certificate is longer than the memory to verify it",
            "an Ed25519 signature cannot be verified in a stream: issue a shorter one, or "
            "enlarge wb_tls_mem.work_cap",
            len, tls->scratch_cap);
        return tls_fail(tls, WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE, WB_ERR_LIMIT, "");
    }
    return tls_want(tls, len, STEP_CERT_DATA);
}

enum wb_err tls_certificate_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    struct wb_tls_work *work = tls->work;
    switch (tls->step) {
    case STEP_CONTEXT:
        if (item[0] != 0) {
            return tls_fail_illegal(tls, "Certificate in the handshake has a context");
        }
        return tls_want(tls, 3, STEP_LIST_LEN);
    case STEP_LIST_LEN:
        work->certs_left = be24(item);
        return work->certs_left == 0 ? end_list(tls) : tls_want(tls, 3, STEP_CERT_LEN);
    case STEP_CERT_LEN: return begin_cert(tls, be24(item));
    case STEP_CERT_DATA:
        if (!work->is_leaf_seen) {
            work->is_leaf_seen = true;
            WB_TRY(check_leaf(tls, item, len));
        }
        return tls_want(tls, 2, STEP_EXTENSIONS_LEN);
    case STEP_EXTENSIONS_LEN: {
        uint32_t extensions_len = (uint32_t)item[0] << 8 | item[1];
        if (work->certs_left < extensions_len) {
            return tls_fail_decode(tls, "certificate list is malformed");
        }
        work->certs_left -= extensions_len;
        return tls_extensions_begin(tls, IN_CERTIFICATE, extensions_len);
    }
    case STEP_EXT_END:
        return work->certs_left == 0 ? end_list(tls) : tls_want(tls, 3, STEP_CERT_LEN);
    default: return tls_extensions_item(tls, item, len);
    }
}

static enum wb_tls_alert certificate_alert(enum wb_err err)
{
    switch ((int)err) {
    case WB_ERR_CERTIFICATE_UNTRUSTED: return WB_TLS_ALERT_UNKNOWN_CA;
    case WB_ERR_CERTIFICATE_EXPIRED: return WB_TLS_ALERT_CERTIFICATE_EXPIRED;
    case WB_ERR_UNSUPPORTED: return WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE;
    default: return WB_TLS_ALERT_BAD_CERTIFICATE;
    }
}

/* Not inlined: its hash must not lie on the stack while signatures are verified. */
__attribute__((noinline)) static void note_peer(struct wb_tls *tls, const struct wb_x509_cert *cert)
{
    struct wb_tls_peer *peer = &tls->peer;
    struct wb_tls_hash hash;
    size_t name_len = cert->common_name.len;
    WB_ASSERT(name_len <= WB_TLS_NAME_MAX);
    if (name_len > 0) {
        memcpy(peer->common_name, cert->common_name.data, name_len);
    }
    peer->common_name[name_len] = '\0';
    memcpy(peer->public_key, cert->public_key, sizeof peer->public_key);
    peer->not_after = cert->not_after;
    tls->cfg->crypto->hash_init(&hash, WB_HASH_SHA256);
    tls->cfg->crypto->hash_update(&hash, cert->der.data, cert->der.len);
    tls->cfg->crypto->hash_final(&hash, peer->fingerprint);
}

static enum wb_err check_leaf(struct wb_tls *tls, const uint8_t *der, size_t len)
{
    const struct wb_tls_cfg *cfg = tls->cfg;
    bool is_client = tls_is_client(tls);
    struct wb_x509_cert cert;
    const struct wb_x509_check check = {
        .anchors = cfg->anchors,
        .anchor_count = cfg->anchor_count,
        .unix_now = tls->work->unix_now,
        .purpose = is_client ? WB_X509_SERVER_AUTH : WB_X509_CLIENT_AUTH,
        .server_name = is_client ? cfg->server_name : NULL,
        .accept_self_issued = !is_client && cfg->accept_self_issued,
        .verify = cfg->crypto->ed25519_verify,
    };
    enum wb_err err = wb_x509_parse(&cert, der, len, &tls->fault);
    if (err == WB_OK) {
        note_peer(tls, &cert);
        err = wb_x509_verify(&cert, &check, &tls->peer.is_self_issued, &tls->fault);
    }
    return err == WB_OK ? WB_OK : tls_fail(tls, certificate_alert(err), err, "");
}

static enum wb_err end_list(struct wb_tls *tls)
{
    WB_TRY(tls_done(tls));
    if (tls->work->is_leaf_seen) {
        tls_set_state(tls, tls_is_client(tls) ? STATE_WAIT_CERTIFICATE_VERIFY
                                              : STATE_WAIT_CLIENT_VERIFY);
        return WB_OK;
    }
    if (tls_is_client(tls)) { /* §4.4.2.4 */
        return tls_fail_decode(tls, "server presents no certificate");
    }
    if (tls->cfg->require_client_certificate) {
        return tls_fail(tls, WB_TLS_ALERT_CERTIFICATE_REQUIRED, WB_ERR_CERTIFICATE_REQUIRED,
                        "client presents no certificate");
    }
    tls_set_state(tls, STATE_WAIT_CLIENT_FINISHED);
    return WB_OK;
}

/* ---- CertificateVerify ---- */

size_t tls_verify_content(const struct wb_tls *tls, bool is_by_server, const uint8_t *digest,
                          uint8_t out[VERIFY_CONTENT_MAX])
{
    static const char context[] =
        "TLS 1.3, client CertificateVerify"; /* and its NUL as separator */
    static const char server[6] = {'s', 'e', 'r', 'v', 'e', 'r'};
    size_t hash_len = tls_hash_len(tls);
    memset(out, ' ', 64);
    memcpy(out + 64, context, sizeof context);
    if (is_by_server) {
        memcpy(out + 64 + 9, server, sizeof server);
    }
    memcpy(out + 64 + sizeof context, digest, hash_len);
    return 64 + sizeof context + hash_len;
}

#define SIGNED_ITEM_LEN (2u + 2u + 64u)

enum wb_err tls_verify_begin(struct wb_tls *tls)
{
    tls_transcript_digest(tls, tls->work->digest);
    return tls_want(tls, 4, 0);
}

enum wb_err tls_verify_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    uint16_t scheme = (uint16_t)(item[0] << 8 | item[1]);
    size_t signature_len = (size_t)item[2] << 8 | item[3];
    if (len == 4) {
        if (scheme != WB_TLS_SIGNATURE_ED25519) {
            return tls_fail_illegal(tls, "peer signs with an algorithm that was not offered");
        }
        if (signature_len != tls->message_left) {
            return tls_fail_decode(tls, "CertificateVerify is malformed");
        }
        if (signature_len != 64) {
            return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_SIGNATURE,
                            "an Ed25519 signature has 64 bytes");
        }
        return tls_want_more(tls, 64, 1);
    }
    uint8_t *content = tls_scratch(tls) + SIGNED_ITEM_LEN;
    size_t content_len = tls_verify_content(tls, tls_is_client(tls), tls->work->digest, content);
    WB_TRY(tls_done(tls));
    if (tls->cfg->crypto->ed25519_verify(item + 4, tls->peer.public_key, content, content_len) !=
        WB_OK) {
        return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_SIGNATURE,
                        "peer does not hold the key of its certificate");
    }
    tls->has_peer = true;
    tls_set_state(tls, tls_is_client(tls) ? STATE_WAIT_FINISHED : STATE_WAIT_CLIENT_FINISHED);
    return WB_OK;
}

/* ---- Finished ---- */

enum wb_err tls_finished_begin(struct wb_tls *tls)
{
    if (tls->message_left != tls_hash_len(tls)) {
        return tls_fail_decode(tls, "Finished has the wrong length");
    }
    tls_transcript_digest(tls, tls->work->digest);
    return tls_want(tls, tls->message_left, 0);
}

enum wb_err tls_finished_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    struct wb_tls_work *work = tls->work;
    uint8_t expected[48];
    tls_finished_mac(tls, tls->in.traffic_secret, work->digest, expected);
    if (!wb_ct_equal(expected, item, len)) {
        return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_AUTH,
                        "the handshake was altered on its way (Finished differs)");
    }
    WB_TRY(tls_done(tls));
    if (tls_is_client(tls)) { /* connected once our own flight is sealed */
        tls_schedule_application(tls);
        tls->flight = work->is_certificate_requested ? FLIGHT_CERTIFICATE : FLIGHT_FINISHED;
        return WB_OK;
    }
    tls_keys_set(tls, &tls->in, work->client_secret);
    tls_connected(tls);
    return WB_OK;
}
