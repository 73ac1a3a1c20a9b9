/* SPDX-License-Identifier: AGPL-3.0-only */
/* What we send: messages are made one part ("run") at a time, and each part is copied into the
 * record that is being filled as far as the send buffer has room; the rest waits for emit. So a
 * chain of any length passes through a send buffer of a few hundred bytes. */
#include "tls.h"

#define HELLO_ROOM  144u       /* record of a ServerHello (132) and a change_cipher_spec (6) */
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

static void set_run(struct wb_tls *tls, const void *data, size_t len, enum flight next)
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

static bool fail_internal(struct wb_tls *tls, enum wb_err code, const char *what)
{
    (void)tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, code, what);
    return false;
}

/* Hellos are plaintext and end their record; behind the first one comes a change_cipher_spec when
 * the client asked for compatibility mode by a session id (§D.4). */
static bool put_hello(struct wb_tls *tls)
{
    static const uint8_t change_cipher_spec[6] = {TYPE_CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1};
    struct wb_tls_work *work = tls->work;
    bool is_retry = tls->flight == FLIGHT_HELLO_RETRY;
    if (tls->tx_at == tls->tx_len) {
        tls->tx_at = 0;
        tls->tx_len = 0;
    }
    if (tls->tx_cap - tls->tx_len < HELLO_ROOM) {
        return false;
    }
    struct wb_writer w;
    wb_writer_init(&w, tls_scratch(tls), tls->scratch_cap);
    size_t len = is_retry ? tls_hello_retry_write(tls, &w) : tls_server_hello_write(tls, &w);
    if (len == 0) {
        return fail_internal(tls, WB_ERR_ENTROPY, "no entropy for the handshake");
    }
    tls_transcript_update(tls, w.buf, len);
    bool is_put = tls_record_put(tls, TYPE_HANDSHAKE, w.buf, len);
    WB_ASSERT(is_put);
    if (work->session_id_len > 0 && !work->is_hello_retried) {
        memcpy(tls->tx + tls->tx_len, change_cipher_spec, sizeof change_cipher_spec);
        tls->tx_len += sizeof change_cipher_spec;
    }
    if (is_retry) {
        work->is_hello_retried = true;
        tls->flight = FLIGHT_NONE;
        return true;
    }
    uint8_t shared_secret[32];
    if (tls->cfg->crypto->x25519(shared_secret, work->share_private_key, work->random) != WB_OK) {
        (void)tls_fail_illegal(tls, "client's key share is a point of small order");
        return false;
    }
    tls_schedule_handshake(tls, shared_secret);
    wb_wipe(shared_secret, sizeof shared_secret);
    wb_wipe(work->share_private_key, sizeof work->share_private_key);
    tls->flight = FLIGHT_ENCRYPTED_EXTENSIONS;
    return true;
}

static bool has_credential(const struct wb_tls *tls)
{
    return tls->work->credential != NULL && tls->work->has_scheme;
}

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
    for (size_t i = 0; has_credential(tls) && i < credential->chain_count; i++) {
        list_len += 3 + credential->chain[i].len + 2;
    }
    buf[0] = MESSAGE_CERTIFICATE;
    put_be24(buf + 1, 1 + 3 + list_len);
    buf[4] = 0;
    put_be24(buf + 5, list_len);
    tls->work->cert_index = 0;
    set_run(tls, buf, 8, list_len > 0 ? FLIGHT_CERTIFICATE_HEAD : FLIGHT_FINISHED);
}

static bool put_verify(struct wb_tls *tls)
{
    const struct wb_tls_credential *credential = tls->work->credential;
    uint8_t *content = tls_scratch(tls);
    uint8_t *message = content + VERIFY_CONTENT_MAX;
    size_t signature_len = 64;
    tls_transcript_digest(tls, tls->work->digest);
    size_t content_len = tls_verify_content(tls, !tls_is_client(tls), tls->work->digest, content);
    if (credential->sign != NULL) {
        enum wb_err err = credential->sign(credential->ctx, WB_TLS_SIGNATURE_ED25519, content,
                                           content_len, message + 8, &signature_len);
        if (err != WB_OK || signature_len > WB_TLS_SIGNATURE_MAX) {
            return fail_internal(tls, err == WB_OK ? WB_ERR_KEY : err,
                                 "our private key does not sign");
        }
    } else {
        tls->cfg->crypto->ed25519_sign(message + 8, credential->private_key, credential->public_key,
                                       content, content_len);
    }
    message[0] = MESSAGE_CERTIFICATE_VERIFY;
    put_be24(message + 1, 4 + signature_len);
    message[4] = WB_TLS_SIGNATURE_ED25519 >> 8;
    message[5] = WB_TLS_SIGNATURE_ED25519 & 0xff;
    message[6] = (uint8_t)(signature_len >> 8);
    message[7] = (uint8_t)signature_len;
    set_run(tls, message, 8 + signature_len, FLIGHT_FINISHED);
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
    set_run(tls, message, 4 + hash_len, FLIGHT_END);
}

static void end_flight(struct wb_tls *tls)
{
    if (tls->is_record_open) {
        tls_record_end(tls, TYPE_HANDSHAKE);
    }
    tls->flight = FLIGHT_NONE;
    if (tls_is_client(tls)) {
        tls_keys_set(tls, &tls->out, tls->work->client_secret);
        tls_connected(tls);
    } else {
        tls_schedule_application(tls);
    }
}

/* Makes the next part; false: no room, or failed. */
static bool step_flight(struct wb_tls *tls)
{
    struct wb_tls_work *work = tls->work;
    const struct wb_tls_cfg *cfg = tls->cfg;
    struct wb_writer w;
    if (work->run_left > 0) {
        return put_run(tls);
    }
    uint8_t *buf = tls_scratch(tls);
    wb_writer_init(&w, buf, tls->scratch_cap);
    switch ((enum flight)tls->flight) {
    case FLIGHT_NONE: return false;
    case FLIGHT_HELLO_RETRY:
    case FLIGHT_SERVER_HELLO: return put_hello(tls);
    case FLIGHT_ENCRYPTED_EXTENSIONS: {
        bool is_asking = cfg->request_client_certificate || cfg->require_client_certificate;
        set_run(tls, buf, tls_encrypted_extensions_write(tls, &w),
                is_asking ? FLIGHT_CERTIFICATE_REQUEST : FLIGHT_CERTIFICATE);
        return true;
    }
    case FLIGHT_CERTIFICATE_REQUEST:
        set_run(tls, buf, tls_certificate_request_write(tls, &w), FLIGHT_CERTIFICATE);
        return true;
    case FLIGHT_CERTIFICATE: put_certificate(tls); return true;
    case FLIGHT_CERTIFICATE_HEAD:
        put_be24(buf, work->credential->chain[work->cert_index].len);
        set_run(tls, buf, 3, FLIGHT_CERTIFICATE_DATA);
        return true;
    case FLIGHT_CERTIFICATE_DATA:
        set_run(tls, work->credential->chain[work->cert_index].data,
                work->credential->chain[work->cert_index].len, FLIGHT_CERTIFICATE_TAIL);
        return true;
    case FLIGHT_CERTIFICATE_TAIL: {
        static const uint8_t no_extensions[2] = {0, 0};
        bool is_last = ++work->cert_index == work->credential->chain_count;
        set_run(tls, no_extensions, 2,
                is_last ? FLIGHT_CERTIFICATE_VERIFY : FLIGHT_CERTIFICATE_HEAD);
        return true;
    }
    case FLIGHT_CERTIFICATE_VERIFY: return put_verify(tls);
    case FLIGHT_FINISHED: put_finished(tls); return true;
    case FLIGHT_END: end_flight(tls); return true;
    }
    return false;
}
