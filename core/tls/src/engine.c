/* SPDX-License-Identifier: AGPL-3.0-only */
/* The calls of wb_tls.h, and what one incoming record does. Order: init, feed, emit, write and
 * read, the rest. */
#include "tls.h"

#define IDLE_RECORDS_MAX                                                                           \
    100u /* records in a row that bring nothing (§D.1 leaves the number to us) */

/* ---- init ---- */

enum wb_err tls_refuse(struct wb_tls *tls, enum wb_err code, const char *what)
{
    return wb_fault_set(&tls->fault, code, what, NULL, 0, 0);
}

static enum wb_err check_cfg(struct wb_tls *tls, const struct wb_tls_cfg *cfg)
{
    if (cfg->role == NULL || cfg->crypto == NULL || cfg->random == NULL) {
        return tls_refuse(tls, WB_ERR_VALUE,
                          TEXT("wb_tls_cfg: role, crypto and random are required"));
    }
    WB_TRY(cfg->role->check_cfg(tls, cfg));
    if (cfg->credential != NULL &&
        (cfg->credential->chain_count == 0 || cfg->credential->chain_count > 255)) {
        return tls_refuse(tls, WB_ERR_VALUE, TEXT("wb_tls_cfg: credential without a certificate"));
    }
    if (cfg->record_size_limit != 0 &&
        (cfg->record_size_limit < 64 || cfg->record_size_limit > PLAINTEXT_MAX + 1)) {
        return tls_refuse(tls, WB_ERR_VALUE,
                          TEXT("wb_tls_cfg: record_size_limit is not in 64..16385"));
    }
    if (cfg->alpn_count > 8) {
        return tls_refuse(tls, WB_ERR_VALUE, TEXT("wb_tls_cfg: more than 8 ALPN names"));
    }
    for (size_t i = 0; i < cfg->alpn_count; i++) {
        if (strlen(cfg->alpn[i]) < 1 || strlen(cfg->alpn[i]) > 32) {
            return tls_refuse(tls, WB_ERR_VALUE,
                              TEXT("wb_tls_cfg: an ALPN name has 1 to 32 bytes"));
        }
    }
    if (cfg->crl_count > 0 && cfg->verify == NULL) { /* never a list that nobody looks at */
        return tls_refuse(tls, WB_ERR_VALUE,
                          TEXT("wb_tls_cfg: crls need verify = wb_x509_verify_path"));
    }
    if (tls_suite_at(cfg, 0) == 0) {
        return tls_refuse(tls, WB_ERR_VALUE, TEXT("wb_tls_cfg: no known cipher suite is allowed"));
    }
    return WB_OK;
}

static enum wb_err check_mem(struct wb_tls *tls, const struct wb_tls_mem *mem)
{
    if (mem->rx_cap < WB_TLS_RX_CAP(128)) {
        return tls_refuse(tls, WB_ERR_SPACE, TEXT("wb_tls_mem: receive buffer is too small"));
    }
    if (mem->tx_cap < WB_TLS_TX_CAP_MIN) {
        return tls_refuse(tls, WB_ERR_SPACE, TEXT("wb_tls_mem: send buffer is too small"));
    }
    if (mem->work_cap < WB_TLS_WORK_CAP(WB_TLS_CERT_CAP_MIN)) {
        return tls_refuse(tls, WB_ERR_SPACE, TEXT("wb_tls_mem: work memory is too small"));
    }
    if ((uintptr_t)mem->work % _Alignof(struct wb_tls_work) != 0) {
        return tls_refuse(tls, WB_ERR_VALUE, TEXT("wb_tls_mem: work memory is not aligned"));
    }
    return WB_OK;
}

enum wb_err wb_tls_init(struct wb_tls *tls, const struct wb_tls_cfg *cfg,
                        const struct wb_tls_mem *mem, wb_ms now, wb_unix_s unix_now)
{
    return tls_init(tls, cfg, mem, NULL, NULL, now, unix_now);
}

enum wb_err tls_init(struct wb_tls *tls, const struct wb_tls_cfg *cfg, const struct wb_tls_mem *mem,
                     const struct wb_tls_more *more, const struct resumption *resumption, wb_ms now,
                     wb_unix_s unix_now)
{
    memset(tls, 0, sizeof *tls);
    tls->is_failed = true; /* until everything is in order */
    tls->deadline = WB_NEVER;
    WB_TRY(check_cfg(tls, cfg));
    WB_TRY(check_mem(tls, mem));
    tls->cfg = cfg;
    if (tls_group_at(tls, 0) == NULL) {
        return tls_refuse(tls, WB_ERR_VALUE, TEXT("wb_tls_cfg: no known group is allowed"));
    }
    tls->rx = mem->rx;
    tls->rx_cap = mem->rx_cap > UINT32_MAX ? UINT32_MAX : (uint32_t)mem->rx_cap;
    tls->tx = mem->tx;
    tls->tx_cap = mem->tx_cap > UINT32_MAX ? UINT32_MAX : (uint32_t)mem->tx_cap;
    tls->work = mem->work;
    tls->scratch_cap = (uint32_t)(mem->work_cap - sizeof(struct wb_tls_work));
    memset(tls->work, 0, sizeof *tls->work);
    tls->work->unix_now = unix_now;
    tls->work->credential = cfg->credential;
    uint32_t limit = cfg->record_size_limit != 0 ? cfg->record_size_limit : PLAINTEXT_MAX + 1;
    uint32_t fitting = tls->rx_cap - RECORD_HEADER_LEN - WB_AEAD_TAG_LEN;
    tls->limit_in = (uint16_t)(limit < fitting ? limit : fitting);
    tls->limit_out = PLAINTEXT_MAX;
    if (cfg->handshake_timeout_ms > 0) {
        tls->deadline = now + cfg->handshake_timeout_ms;
    }
    if (more != NULL) {
        tls->resumption = more->session != NULL ? resumption : NULL;
        tls->exporter_secret = more->exporter_secret;
        tls->session = more->session;
        tls->session_cap =
            more->session_cap > UINT16_MAX ? UINT16_MAX : (uint16_t)more->session_cap;
        tls->session_len = more->session_len > tls->session_cap ? 0 : (uint16_t)more->session_len;
    }
    tls->state = cfg->role->first_state;
    WB_TRY(cfg->role->begin(tls));
    tls->is_failed = false;
    return WB_OK;
}

static void wipe_work(struct wb_tls *tls)
{
    if (tls->work != NULL) {
        wb_wipe(tls->work, sizeof(struct wb_tls_work) + tls->scratch_cap);
        tls->work = NULL;
    }
}

void wb_tls_deinit(struct wb_tls *tls)
{
    wipe_work(tls);
    wb_wipe(tls, sizeof *tls);
    tls->is_failed = true;
    tls->deadline = WB_NEVER;
    tls->fault.code = WB_ERR_CLOSED;
}

/* ---- states and failure ---- */

void tls_set_state(struct wb_tls *tls, enum state state)
{
    bool is_client_state = state <= STATE_WAIT_FINISHED;
    WB_ASSERT(state == STATE_CONNECTED || is_client_state == tls_is_client(tls));
    WB_ASSERT(state > (enum state)tls->state);
    WB_TRACE(tls, "tls state %u -> %u", tls->state, (unsigned)state);
    tls->state = (uint8_t)state;
}

void tls_connected(struct wb_tls *tls)
{
    tls_set_state(tls, STATE_CONNECTED);
    tls->is_connected = true;
    tls->is_event_connected = true;
    tls->deadline = WB_NEVER;
    wipe_work(tls);
}

static enum wb_err fail(struct wb_tls *tls, bool is_alert_sent, uint8_t alert, enum wb_err code,
                        const char *what)
{
    WB_ASSERT(code != WB_OK);
    WB_ASSERT(!tls->is_failed);
    (void)wb_fault_set(&tls->fault, code, what, NULL, 0, 0);
    WB_TRACE(tls, "tls fails: %s -> alert %u", tls->fault.what, alert);
    tls->is_failed = true;
    tls->is_connected = false;
    tls->is_event_failed = true;
    tls->is_alert_due = is_alert_sent;
    tls->alert = alert;
    tls->flight = FLIGHT_NONE;
    tls->is_record_open = false;
    tls->is_hello_held = false;
    tls->data_left = 0;
    tls->rx_have = 0;
    tls->deadline = WB_NEVER;
    wb_wipe(&tls->in, sizeof tls->in);
    wipe_work(tls);
    return tls->fault.code;
}

#if defined(WB_BOARD_BUILD)
enum wb_err tls_fail_code(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err code)
{
    return fail(tls, true, (uint8_t)alert, code, NULL);
}

enum wb_err tls_fail_decode_code(struct wb_tls *tls)
{
    return tls_fail_code(tls, WB_TLS_ALERT_DECODE_ERROR, WB_ERR_FORMAT);
}

enum wb_err tls_fail_illegal_code(struct wb_tls *tls)
{
    return tls_fail_code(tls, WB_TLS_ALERT_ILLEGAL_PARAMETER, WB_ERR_PROTOCOL);
}

enum wb_err tls_fail_unexpected_code(struct wb_tls *tls)
{
    return tls_fail_code(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL);
}
#else
enum wb_err tls_fail_text(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err code,
                          const char *what)
{
    return fail(tls, true, (uint8_t)alert, code, what);
}
#endif

/* ---- one record ---- */

static enum wb_err process_alert(struct wb_tls *tls, const uint8_t *content, size_t len)
{
    bool is_plaintext = tls->rx[0] == TYPE_ALERT;
    /* A client that cannot read our ServerHello has no keys yet to protect its alert with. */
    bool may_be_plaintext = !tls->is_encrypted_in ||
                            (!tls_is_client(tls) && !tls->is_connected && tls->in.sequence == 0);
    if (is_plaintext && !may_be_plaintext) {
        return tls_fail_unexpected(tls, "unprotected alert in a protected connection");
    }
    if (len != 2) {
        return tls_fail_decode(tls, "alert is malformed");
    }
    uint8_t alert = content[1];
    if (alert == WB_TLS_ALERT_USER_CANCELED) { /* §6.1: a close_notify follows */
        return WB_OK;
    }
    if (alert !=
        WB_TLS_ALERT_CLOSE_NOTIFY) { /* §6.2: all of them are fatal, whatever their level says */
        tls->is_alert_received = true;
        return fail(tls, false, alert, WB_ERR_PEER,
                    TEXT(wb_tls_alert_str((enum wb_tls_alert)alert)));
    }
    if (!tls->is_connected) {
        tls->is_alert_received = true;
        return fail(tls, false, alert, WB_ERR_CLOSED, TEXT("peer closed during the handshake"));
    }
    tls->is_peer_closed = true;
    tls->is_event_closed = true;
    return WB_OK;
}

/* §5: between the first ClientHello and the peer's Finished a change_cipher_spec is dropped. */
static enum wb_err process_change_cipher_spec(struct wb_tls *tls, const uint8_t *content,
                                              size_t len)
{
    bool is_window = !tls->is_connected && tls->state != STATE_WAIT_CLIENT_HELLO;
    if (tls->rx[0] != TYPE_CHANGE_CIPHER_SPEC || !is_window || tls->header_have > 0 || len != 1 ||
        content[0] != 1) {
        return tls_fail_unexpected(tls, "change_cipher_spec may not come here");
    }
    return WB_OK;
}

static enum wb_err process_handshake(struct wb_tls *tls, const uint8_t *content, size_t len)
{
    if (tls->rx[0] == TYPE_HANDSHAKE && tls->is_encrypted_in) {
        return tls_fail_unexpected(tls, "unprotected handshake message in a protected connection");
    }
    if (len == 0) {
        return tls_fail_unexpected(tls, "empty handshake record");
    }
    return tls_messages_feed(tls, content, len);
}

static enum wb_err process_data(struct wb_tls *tls, size_t len)
{
    if (!tls->is_connected || tls->header_have > 0) {
        return tls_fail_unexpected(tls, "application data may not come here");
    }
    tls->data_at = RECORD_HEADER_LEN;
    tls->data_left = (uint32_t)len;
    if (len > 0) {
        tls->idle_count = 0;
    }
    return WB_OK;
}

static enum wb_err process_record(struct wb_tls *tls)
{
    uint8_t type;
    size_t len;
    bool is_ignored;
    const uint8_t *content = tls->rx + RECORD_HEADER_LEN;
    WB_TRY(tls_record_open(tls, &type, &len, &is_ignored));
    tls->rx_have = 0;
    bool is_progress = type == TYPE_HANDSHAKE && !tls->is_connected;
    tls->idle_count = is_progress ? 0 : (uint8_t)(tls->idle_count + 1);
    if (tls->idle_count > IDLE_RECORDS_MAX) {
        return tls_fail_unexpected(tls, "too many records that bring nothing");
    }
    if (is_ignored) {
        return WB_OK;
    }
    switch (type) {
    case TYPE_CHANGE_CIPHER_SPEC: return process_change_cipher_spec(tls, content, len);
    case TYPE_ALERT: return process_alert(tls, content, len);
    case TYPE_HANDSHAKE: return process_handshake(tls, content, len);
    case TYPE_APPLICATION_DATA: return process_data(tls, len);
    default: return tls_fail_unexpected(tls, "record of an unknown type");
    }
}

/* ---- feed and emit ---- */

bool wb_tls_wants_feed(const struct wb_tls *tls)
{
    return !tls->is_failed && tls->data_left == 0 && tls->flight == FLIGHT_NONE;
}

/* Takes bytes up to the end of the header or of the record; *is_complete: the record is there. */
static enum wb_err fill(struct wb_tls *tls, const uint8_t *bytes, size_t len, size_t *used,
                        bool *is_complete)
{
    size_t want = RECORD_HEADER_LEN;
    if (tls->rx_have >= RECORD_HEADER_LEN) {
        want += (size_t)tls->rx[3] << 8 | tls->rx[4];
    }
    size_t n = want - tls->rx_have;
    n = n < len ? n : len;
    if (n > 0) {
        memcpy(tls->rx + tls->rx_have, bytes, n);
    }
    bool was_header = tls->rx_have < RECORD_HEADER_LEN;
    tls->rx_have += (uint32_t)n;
    *used += n;
    if (was_header && tls->rx_have == RECORD_HEADER_LEN) {
        WB_TRY(tls_record_check_header(tls));
        want += (size_t)tls->rx[3] << 8 | tls->rx[4];
    }
    *is_complete = tls->rx_have >= RECORD_HEADER_LEN && tls->rx_have == want;
    return WB_OK;
}

enum wb_err wb_tls_feed(struct wb_tls *tls, wb_ms now, const void *bytes, size_t len, size_t *used)
{
    const uint8_t *in = bytes;
    *used = 0;
    wb_tls_tick(tls, now);
    if (tls->is_failed) {
        return tls->fault.code;
    }
    if (tls->is_peer_closed) { /* §6.1: whatever follows a close_notify is ignored */
        *used = len;
        return WB_OK;
    }
    enum wb_err err = WB_OK;
    while (err == WB_OK && *used < len && wb_tls_wants_feed(tls) && !tls->is_peer_closed) {
        bool is_complete = false;
        err = fill(tls, in + *used, len - *used, used, &is_complete);
        if (err == WB_OK && is_complete) {
            err = process_record(tls);
            tls_pump(tls);
        }
    }
    tls_pump(tls);
    if (tls->is_failed) {
        return tls->fault.code;
    }
    return err;
}

enum wb_err wb_tls_feed_end(struct wb_tls *tls)
{
    if (tls->is_failed) {
        return tls->fault.code;
    }
    if (tls->is_peer_closed) {
        return WB_OK;
    }
    return fail(tls, false, WB_TLS_ALERT_CLOSE_NOTIFY, WB_ERR_CLOSED,
                tls->is_connected
                    ? TEXT("the transport ended without a close_notify: data may be missing")
                    : TEXT("the transport ended during the handshake"));
}

size_t wb_tls_emit(struct wb_tls *tls, wb_ms now, void *buf, size_t cap)
{
    uint8_t *out = buf;
    size_t len = 0;
    wb_tls_tick(tls, now);
    while (len < cap && tls->tx != NULL) {
        tls_pump(tls);
        size_t n = tls->tx_len - tls->tx_at;
        n = n < cap - len ? n : cap - len;
        if (n == 0) {
            break;
        }
        memcpy(out + len, tls->tx + tls->tx_at, n);
        tls->tx_at += (uint32_t)n;
        len += n;
    }
    if (tls->tx != NULL) {
        tls_pump(tls);
    }
    return len;
}

bool wb_tls_wants_emit(const struct wb_tls *tls)
{
    return tls->tx_at < tls->tx_len || tls->is_alert_due;
}

/* ---- application data ---- */

enum wb_err wb_tls_write(struct wb_tls *tls, const void *data, size_t len, size_t *taken)
{
    const uint8_t *in = data;
    *taken = 0;
    if (tls->is_failed) {
        return tls->fault.code;
    }
    if (tls->is_close_due || tls->is_close_sent) {
        return WB_ERR_CLOSED;
    }
    if (!tls->is_connected) {
        return WB_OK;
    }
    tls_pump(tls);
    while (*taken < len && !tls->is_key_update_due) {
        size_t n = tls_record_begin(tls, len - *taken);
        if (n == 0) {
            break;
        }
        n = n < len - *taken ? n : len - *taken;
        memcpy(tls->tx + tls->tx_len + RECORD_HEADER_LEN, in + *taken, n);
        tls->tx_fill = (uint32_t)n;
        tls_record_end(tls, TYPE_APPLICATION_DATA);
        *taken += n;
        tls_pump(tls); /* a worn-out key is renewed between two records */
    }
    return WB_OK;
}

size_t wb_tls_write_room(const struct wb_tls *tls)
{
    if (!tls->is_connected || tls->is_close_due || tls->is_close_sent || tls->is_key_update_due) {
        return 0;
    }
    size_t space = tls->tx_at == tls->tx_len ? tls->tx_cap : tls->tx_cap - tls->tx_len;
    size_t room = 0;
    while (space > RECORD_OVERHEAD) {
        size_t n = space - RECORD_OVERHEAD;
        n = n < tls->limit_out ? n : tls->limit_out;
        room += n;
        space -= n + RECORD_OVERHEAD;
    }
    return room;
}

bool wb_tls_read(const struct wb_tls *tls, const uint8_t **data, size_t *len)
{
    if (tls->data_left == 0) {
        return false;
    }
    *data = tls->rx + tls->data_at;
    *len = tls->data_left;
    return true;
}

void wb_tls_read_done(struct wb_tls *tls, size_t n)
{
    WB_ASSERT(n <= tls->data_left);
    tls->data_at += (uint32_t)n;
    tls->data_left -= (uint32_t)n;
}

/* ---- events, closing, time ---- */

static bool take_flag(bool *flag)
{
    bool was = *flag;
    *flag = false;
    return was;
}

bool wb_tls_next(struct wb_tls *tls, struct wb_tls_event *event)
{
    memset(event, 0, sizeof *event);
    if (take_flag(&tls->is_event_connected)) {
        event->type = WB_TLS_EVENT_CONNECTED;
        return true;
    }
    if (take_flag(&tls->is_event_closed)) {
        event->type = WB_TLS_EVENT_PEER_CLOSED;
        return true;
    }
    if (take_flag(&tls->is_event_failed)) {
        event->type = WB_TLS_EVENT_FAILED;
        event->alert = (enum wb_tls_alert)tls->alert;
        event->is_alert_received = tls->is_alert_received;
        event->fault = &tls->fault;
        return true;
    }
    return false;
}

void wb_tls_close(struct wb_tls *tls)
{
    if (tls->is_failed || tls->is_close_due || tls->is_close_sent) {
        return;
    }
    if (!tls->is_connected) {
        wb_tls_abort(tls, WB_TLS_ALERT_CLOSE_NOTIFY, WB_ERR_CLOSED,
                     TEXT("closed during the handshake"));
        return;
    }
    tls->is_close_due = true;
    tls_pump(tls);
}

void wb_tls_abort(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err err, const char *what)
{
    if (!tls->is_failed) {
        (void)fail(tls, !tls->is_close_sent, (uint8_t)alert, err, what);
        tls_pump(tls);
    }
}

enum wb_err wb_tls_key_update(struct wb_tls *tls, bool is_peer_asked)
{
    if (!tls->is_connected || tls->is_close_due || tls->is_close_sent) {
        return WB_ERR_STATE;
    }
    tls->is_key_update_due = true;
    tls->is_key_update_asked = is_peer_asked;
    tls_pump(tls);
    return WB_OK;
}

void wb_tls_tick(struct wb_tls *tls, wb_ms now)
{
    if (!tls->is_failed && now >= tls->deadline) {
        wb_tls_abort(tls, WB_TLS_ALERT_HANDSHAKE_FAILURE, WB_ERR_TIMEOUT,
                     TEXT("the handshake took too long"));
    }
}

wb_ms wb_tls_due(const struct wb_tls *tls)
{
    return tls->deadline;
}

/* ---- what is known ---- */

bool wb_tls_is_connected(const struct wb_tls *tls)
{
    return tls->is_connected;
}

bool wb_tls_is_done(const struct wb_tls *tls)
{
    bool is_over = tls->is_failed || (tls->is_peer_closed && tls->is_close_sent);
    return is_over && !wb_tls_wants_emit(tls);
}

const struct wb_tls_peer *wb_tls_peer(const struct wb_tls *tls)
{
    return tls->is_connected && tls->has_peer ? &tls->peer : NULL;
}

const char *wb_tls_alpn(const struct wb_tls *tls)
{
    return tls->alpn == 0 || !tls->is_connected ? NULL : tls->cfg->alpn[tls->alpn - 1];
}

uint16_t wb_tls_suite(const struct wb_tls *tls)
{
    return tls->suite == 0 ? 0 : tls_suite(tls)->id;
}

uint16_t wb_tls_group(const struct wb_tls *tls)
{
    return tls->has_group ? tls_group(tls)->id : 0;
}

size_t wb_tls_session(const struct wb_tls *tls)
{
    return tls->is_connected || tls->is_failed ? tls->session_len : 0;
}

bool wb_tls_is_resumed(const struct wb_tls *tls)
{
    return tls->is_resumed;
}
