/* SPDX-License-Identifier: AGPL-3.0-only */
/* Certificate, CertificateVerify and Finished of the peer (RFC 8446 §4.4): who it is, that it holds
 * the key, and that both saw the same handshake. */
#include "tls.h"

/* ---- Certificate ---- */

enum {
    STEP_CONTEXT,
    STEP_LIST_LEN,
    STEP_CERT_LEN,
    STEP_CERT_DATA,
    STEP_CERT_PASSED,
    STEP_EXTENSIONS_LEN
};

static enum wb_err end_list(struct wb_tls *tls);
static enum wb_err take_cert(struct wb_tls *tls, const uint8_t *der, size_t len);
static enum wb_err check_leaf(struct wb_tls *tls, struct wb_bytes der,
                              const struct wb_bytes *others, size_t other_count);

enum wb_err tls_certificate_begin(struct wb_tls *tls)
{
    tls->work->is_leaf_seen = false;
    tls->work->cert_index = 0;
    tls->work->kept_len = 0;
    return tls_want(tls, 1, STEP_CONTEXT);
}

static uint32_t be24(const uint8_t *at)
{
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

#define CERTS_MAX     8u         /* of a list, that are looked at */
#define KEPT_OVERHEAD (2u + 16u) /* length before a kept certificate, items behind it */

static enum wb_err begin_cert(struct wb_tls *tls, uint32_t len)
{
    struct wb_tls_work *work = tls->work;
    if (len == 0 || work->certs_left < 3 + len + 2) {
        return tls_fail_decode(tls, "certificate list is malformed");
    }
    work->certs_left -= 3 + len + 2;
    /* Where paths are built, certificates are kept at the end of the scratch, the leaf and those
     * behind it as long as there is room for the items that follow. */
    bool is_gathering = tls->cfg->verify != NULL;
    size_t room = tls->scratch_cap - work->kept_len - (is_gathering ? KEPT_OVERHEAD : 0u);
    bool is_useful = is_gathering && len <= room && work->cert_index < CERTS_MAX;
    if (work->is_leaf_seen && !is_useful) {
        return tls_skip(tls, len, STEP_CERT_PASSED);
    }
    if (len > room) {
        (void)wb_fault_set(
            &tls->fault, WB_ERR_LIMIT,
            TEXT("peer's certificate is longer than the memory to verify it"),
            TEXT("an Ed25519 signature cannot be verified in a stream: issue a shorter one, or "
                 "enlarge wb_tls_mem.work_cap"),
            len, tls->scratch_cap);
        return tls_fail(tls, WB_TLS_ALERT_UNSUPPORTED_CERTIFICATE, WB_ERR_LIMIT, NULL);
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
        WB_TRY(take_cert(tls, item, len));
        return tls_want(tls, 2, STEP_EXTENSIONS_LEN);
    case STEP_CERT_PASSED: return tls_want(tls, 2, STEP_EXTENSIONS_LEN);
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
    case WB_ERR_CERTIFICATE_REVOKED: return WB_TLS_ALERT_CERTIFICATE_REVOKED;
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
    peer->key_type = cert->key_type;
    peer->not_after = cert->not_after;
    if (cert->key_type == WB_X509_KEY_ED25519) {
        memcpy(peer->public_key, cert->public_key, sizeof peer->public_key);
    } else {
        tls->cfg->crypto->hash_init(&hash, WB_HASH_SHA256);
        tls->cfg->crypto->hash_update(&hash, cert->key_info.data, cert->key_info.len);
        tls->cfg->crypto->hash_final(&hash, peer->public_key);
    }
    tls->cfg->crypto->hash_init(&hash, WB_HASH_SHA256);
    tls->cfg->crypto->hash_update(&hash, cert->der.data, cert->der.len);
    tls->cfg->crypto->hash_final(&hash, peer->fingerprint);
}

/* Whose key it is for CertificateVerify: Ed25519 keys are in tls->peer, others are kept. */
static enum wb_err keep_key(struct wb_tls *tls, const struct wb_x509_cert *cert)
{
    if (cert->key_type == WB_X509_KEY_ED25519) {
        tls->work->kept_len = 0;
        return WB_OK;
    }
    bool is_kept = tls_keep(tls, cert->public_key, cert->public_key_len);
    WB_ASSERT(is_kept);
    return WB_OK;
}

static enum wb_err check_leaf(struct wb_tls *tls, struct wb_bytes der,
                              const struct wb_bytes *others, size_t other_count)
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
        .algorithms = cfg->crypto->algorithms,
        .intermediates = others,
        .intermediate_count = other_count,
        .crls = cfg->crls,
        .crl_count = cfg->crl_count,
    };
    enum wb_err err = wb_x509_parse(&cert, der.data, der.len, &tls->fault);
    if (err == WB_OK && wb_x509_algorithm_find(cfg->crypto->algorithms,
                                               (enum wb_x509_key_type)cert.key_type) == NULL) {
        err = wb_fault_set(&tls->fault, WB_ERR_UNSUPPORTED,
                           TEXT("peer's certificate has a kind of key that was not offered"),
                           TEXT("use an Ed25519 key"), 0, 0);
    }
    if (err == WB_OK) {
        note_peer(tls, &cert);
        err = (cfg->verify != NULL ? cfg->verify : wb_x509_verify)(
            &cert, &check, &tls->peer.is_self_issued, &tls->fault);
    }
    return err == WB_OK ? keep_key(tls, &cert) : tls_fail(tls, certificate_alert(err), err, NULL);
}

/* A certificate is complete: judged at once, or kept before the others until all are here. */
static enum wb_err take_cert(struct wb_tls *tls, const uint8_t *der, size_t len)
{
    struct wb_tls_work *work = tls->work;
    work->is_leaf_seen = true;
    if (tls->cfg->verify == NULL) {
        return check_leaf(tls, (struct wb_bytes){der, len}, NULL, 0);
    }
    work->kept_len += (uint16_t)len;
    memmove(tls_kept(tls), der, len);
    work->kept_len += 2;
    tls_kept(tls)[0] = (uint8_t)(len >> 8);
    tls_kept(tls)[1] = (uint8_t)len;
    work->cert_index++;
    return WB_OK;
}

/* The kept ones, last first; the leaf lies at the end. */
static enum wb_err check_kept(struct wb_tls *tls)
{
    struct wb_bytes others[CERTS_MAX];
    struct wb_reader r;
    size_t count = 0;
    wb_reader_init(&r, tls_kept(tls), tls->work->kept_len);
    while (wb_reader_left(&r) > 0) {
        WB_ASSERT(count < CERTS_MAX);
        others[count].len = wb_read_be16(&r);
        others[count].data = wb_read_bytes(&r, others[count].len);
        count++;
    }
    WB_ASSERT(r.err == WB_OK && count > 0);
    return check_leaf(tls, others[count - 1], others, count - 1);
}

static enum wb_err end_list(struct wb_tls *tls)
{
    WB_TRY(tls_done(tls));
    if (tls->work->is_leaf_seen && tls->cfg->verify != NULL) {
        WB_TRY(check_kept(tls));
    }
    return tls->cfg->role->end_certificates(tls, tls->work->is_leaf_seen);
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

enum wb_err tls_verify_begin(struct wb_tls *tls)
{
    tls_transcript_digest(tls, tls->work->digest);
    return tls_want(tls, 4, 0);
}

enum wb_err tls_verify_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    uint16_t scheme = (uint16_t)(item[0] << 8 | item[1]);
    size_t signature_len = (size_t)item[2] << 8 | item[3];
    enum wb_x509_key_type key_type = wb_x509_scheme_key_type(scheme);
    bool is_ed25519 = key_type == WB_X509_KEY_ED25519;
    if (len == 4) {
        if (!tls_scheme_is_offered(tls, scheme)) {
            return tls_fail_illegal(tls, "peer signs with an algorithm that was not offered");
        }
        if (key_type != tls->peer.key_type) {
            return tls_fail_illegal(tls,
                                    "peer signs with another kind of key than its certificate's");
        }
        if (signature_len != tls->message_left) {
            return tls_fail_decode(tls, "CertificateVerify is malformed");
        }
        if (signature_len > WB_X509_SIGNATURE_MAX || (is_ed25519 && signature_len != 64)) {
            return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_SIGNATURE,
                            "signature has the wrong length");
        }
        if (4 + signature_len + VERIFY_CONTENT_MAX > tls->scratch_cap - tls->work->kept_len) {
            return tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, WB_ERR_LIMIT,
                            "CertificateVerify does not fit into wb_tls_mem.work");
        }
        return tls_want_more(tls, signature_len, 1);
    }
    uint8_t *content = tls_scratch(tls) + len;
    size_t content_len = tls_verify_content(tls, tls_is_client(tls), tls->work->digest, content);
    const struct wb_x509_algorithm *algorithm =
        wb_x509_algorithm_find(tls->cfg->crypto->algorithms, key_type);
    const uint8_t *key = is_ed25519 ? tls->peer.public_key : tls_kept(tls);
    size_t key_len = is_ed25519 ? sizeof tls->peer.public_key : tls->work->kept_len;
    WB_TRY(tls_done(tls));
    if (algorithm->verify(scheme, key, key_len, content, content_len, item + 4, signature_len) !=
        WB_OK) {
        return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_SIGNATURE,
                        "peer does not hold the key of its certificate");
    }
    tls->work->kept_len = 0;
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
    uint8_t expected[48];
    tls_finished_mac(tls, tls->in.traffic_secret, tls->work->digest, expected);
    if (!wb_ct_equal(expected, item, len)) {
        return tls_fail(tls, WB_TLS_ALERT_DECRYPT_ERROR, WB_ERR_AUTH,
                        "the handshake was altered on its way (Finished differs)");
    }
    WB_TRY(tls_done(tls));
    return tls->cfg->role->end_finished(tls);
}
