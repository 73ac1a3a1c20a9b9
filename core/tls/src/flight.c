/* SPDX-License-Identifier: AGPL-3.0-only */
/* What we send: messages are made one part ("run") at a time, and each part is copied into the
 * record that is being filled as far as the send buffer has room; the rest waits for emit. So a
 * chain of any length passes through a send buffer of a few hundred bytes. */
#include "tls.h"

#define REKEY_AFTER (1u << 23) /* records under one key: AES-GCM allows 2^24.5 (RFC 8446 §5.5) */

static bool step_flight(struct wb_tls *tls);
static bool put_key_update(struct wb_tls *tls);

static void put_alert(struct wb_tls *tls, uint8_t alert)
{
    bool is_warning = alert == WB_TLS_ALERT_CLOSE_NOTIFY || alert == WB_TLS_ALERT_USER_CANCELED;
    const uint8_t content[2] = {is_warning ? 1 : 2, alert};
    if (!tls_record_put(tls, TYPE_ALERT, content, sizeof content)) {
        return; /* no room: again after the next emit */
    }
    if (tls->is_failed) {
        tls->is_alert_due = false;
        wb_wipe(&tls->out, sizeof tls->out);
    } else {
        tls->is_close_due = false;
        tls->is_close_sent = true;
    }
}

void tls_pump(struct wb_tls *tls)
{
    while (!tls->is_failed && tls->flight != FLIGHT_NONE && step_flight(tls)) {
    }
    if (tls->is_failed) {
        if (tls->is_alert_due) {
            put_alert(tls, tls->alert);
        }
        return;
    }
    if (!tls->is_connected || tls->is_close_sent) {
        return;
    }
    if (tls->out.sequence >= REKEY_AFTER) {
        tls->is_key_update_due = true;
    }
    if (tls->is_key_update_due && !put_key_update(tls)) {
        return;
    }
    if (tls->is_close_due) {
        put_alert(tls, WB_TLS_ALERT_CLOSE_NOTIFY);
    }
}

/* §4.6.3: sealed with the old key; everything after it with the new one. */
static bool put_key_update(struct wb_tls *tls)
{
    const uint8_t message[5] = {MESSAGE_KEY_UPDATE, 0, 0, 1, tls->is_key_update_asked};
    if (!tls_record_put(tls, TYPE_HANDSHAKE, message, sizeof message)) {
        return false;
    }
    tls_keys_update(tls, &tls->out);
    tls->is_key_update_due = false;
    tls->is_key_update_asked = false;
    return true;
}

/* ---- runs ---- */

void tls_set_run(struct wb_tls *tls, const void *data, size_t len, enum flight next)
{
    tls->work->run = data;
    tls->work->run_left = (uint32_t)len;
    tls_transcript_update(tls, data, len);
    tls->flight = (uint8_t)next;
}

static bool put_run(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    if (!tls->is_record_open) {
        tls->tx_room = (uint32_t)tls_record_begin(tls, work->run_left);
        if (tls->tx_room == 0) {
            return false;
        }
    }
    uint32_t n = tls->tx_room - tls->tx_fill;
    n = n < work->run_left ? n : work->run_left;
    memcpy(tls->tx + tls->tx_len + RECORD_HEADER_LEN + tls->tx_fill, work->run, n);
    tls->tx_fill += n;
    work->run += n;
    work->run_left -= n;
    if (tls->tx_fill == tls->tx_room) {
        tls_record_end(tls, TYPE_HANDSHAKE);
    }
    return true;
}

/* ---- messages ---- */

static void put_be24(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 16);
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)value;
}

/* Certificate: header, empty context and the list's length; then head, DER and tail of each
 * certificate. */
static void put_certificate(struct wb_tls *tls)
{
    const struct wb_tls_credential *credential = tls->work->credential;
    uint8_t *buf = tls_scratch(tls);
    size_t list_len = 0;
    for (size_t i = 0; credential != NULL && i < credential->chain_count; i++) {
        list_len += 3 + credential->chain[i].len + 2;
    }
    buf[0] = MESSAGE_CERTIFICATE;
    put_be24(buf + 1, 1 + 3 + list_len);
    buf[4] = 0;
    put_be24(buf + 5, list_len);
    tls->work->cert_index = 0;
    tls_set_run(tls, buf, 8, list_len > 0 ? FLIGHT_CERTIFICATE_HEAD : FLIGHT_FINISHED);
}

#define SHORT_SIGNATURE_MAX 72u

/* A foreign signer may write up to WB_TLS_SIGNATURE_MAX: where the scratch is shorter, beside it.
 */
__attribute__((noinline)) static enum wb_err sign_beside(const struct wb_tls_credential *credential,
                                                         uint16_t scheme, const uint8_t *content,
                                                         size_t content_len, uint8_t *out,
                                                         size_t *out_len)
{
    uint8_t signature[WB_TLS_SIGNATURE_MAX];
    WB_TRY(credential->sign(credential->ctx, scheme, content, content_len, signature, out_len));
    if (*out_len > SHORT_SIGNATURE_MAX) {
        return WB_ERR_KEY;
    }
    memcpy(out, signature, *out_len);
    return WB_OK;
}

static bool put_verify(struct wb_tls *tls)
{
    const struct wb_tls_credential *credential = tls->work->credential;
    uint8_t *content = tls_scratch(tls);
    uint8_t *message = content + VERIFY_CONTENT_MAX;
    size_t signature_len = 0;
    size_t room = tls->scratch_cap - VERIFY_CONTENT_MAX - 8;
    uint16_t scheme = tls->work->scheme;
    tls_transcript_digest(tls, tls->work->digest);
    size_t content_len = tls_verify_content(tls, !tls_is_client(tls), tls->work->digest, content);
    enum wb_err err = WB_ERR_SPACE; /* only an RSA signature can be too long for it */
    if (credential->sign != NULL && room >= WB_TLS_SIGNATURE_MAX) {
        err = credential->sign(credential->ctx, scheme, content, content_len, message + 8,
                               &signature_len);
    } else if (credential->sign != NULL && credential->key_type != WB_X509_KEY_RSA) {
        err = sign_beside(credential, scheme, content, content_len, message + 8, &signature_len);
    } else if (credential->sign == NULL) {
        const struct wb_x509_algorithm *algorithm =
            wb_x509_algorithm_find(tls->cfg->crypto->algorithms, wb_x509_scheme_key_type(scheme));
        err = algorithm->sign(scheme, credential->private_key, credential->public_key, content,
                              content_len, message + 8, &signature_len);
    }
    if (err != WB_OK || signature_len > room) {
        (void)tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, err == WB_OK ? WB_ERR_KEY : err,
                       "our private key does not sign");
        return false;
    }
    message[0] = MESSAGE_CERTIFICATE_VERIFY;
    put_be24(message + 1, 4 + signature_len);
    message[4] = (uint8_t)(scheme >> 8);
    message[5] = (uint8_t)scheme;
    message[6] = (uint8_t)(signature_len >> 8);
    message[7] = (uint8_t)signature_len;
    tls_set_run(tls, message, 8 + signature_len, FLIGHT_FINISHED);
    return true;
}

static void put_finished(struct wb_tls *tls)
{
    uint8_t *message = tls_scratch(tls);
    size_t hash_len = tls_hash_len(tls);
    tls_transcript_digest(tls, tls->work->digest);
    message[0] = MESSAGE_FINISHED;
    put_be24(message + 1, hash_len);
    tls_finished_mac(tls, tls->out.traffic_secret, tls->work->digest, message + 4);
    tls_set_run(tls, message, 4 + hash_len, FLIGHT_END);
}

static void end_flight(struct wb_tls *tls)
{
    if (tls->is_record_open) {
        tls_record_end(tls, TYPE_HANDSHAKE);
    }
    tls->flight = FLIGHT_NONE;
    tls->cfg->role->end_flight(tls);
}

/* Makes the next part; false: no room, or failed. */
static bool step_flight(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    if (work->run_left > 0) {
        return put_run(tls);
    }
    uint8_t *buf = tls_scratch(tls);
    if (tls->flight >= FLIGHT_ROLE) {
        return tls->cfg->role->step_flight(tls);
    }
    switch ((enum flight)tls->flight) {
    case FLIGHT_NONE: return false;
    case FLIGHT_CERTIFICATE: put_certificate(tls); return true;
    case FLIGHT_CERTIFICATE_HEAD:
        put_be24(buf, work->credential->chain[work->cert_index].len);
        tls_set_run(tls, buf, 3, FLIGHT_CERTIFICATE_DATA);
        return true;
    case FLIGHT_CERTIFICATE_DATA:
        tls_set_run(tls, work->credential->chain[work->cert_index].data,
                    work->credential->chain[work->cert_index].len, FLIGHT_CERTIFICATE_TAIL);
        return true;
    case FLIGHT_CERTIFICATE_TAIL: {
        static const uint8_t no_extensions[2] = {0, 0};
        bool is_last = ++work->cert_index == work->credential->chain_count;
        tls_set_run(tls, no_extensions, 2,
                    is_last ? FLIGHT_CERTIFICATE_VERIFY : FLIGHT_CERTIFICATE_HEAD);
        return true;
    }
    case FLIGHT_CERTIFICATE_VERIFY: return put_verify(tls);
    case FLIGHT_FINISHED: put_finished(tls); return true;
    case FLIGHT_END: end_flight(tls); return true;
    default: return false;
    }
}
