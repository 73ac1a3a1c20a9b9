/* SPDX-License-Identifier: AGPL-3.0-only */
/* The record layer (RFC 8446 §5): headers, limits, protection. Works in place in the caller's
 * buffers. */
#include "tls.h"

/* Nonce (§5.3): the sequence number, padded on the left, XORed into the iv. */
static void make_nonce(const struct wb_tls_keys *keys, uint8_t nonce[12])
{
    memcpy(nonce, keys->iv, 12);
    for (unsigned i = 0; i < 8; i++) {
        nonce[11 - i] ^= (uint8_t)(keys->sequence >> (8 * i));
    }
}

/* ---- incoming ---- */

/* May refused early data (or what looks like it) be passed over now? §4.2.10: records that do not
 * decrypt until the client's first one that does, up to a limit. */
static bool is_early_data_passed(struct wb_tls *tls, size_t len)
{
    if (tls->early_left < len || tls->in.sequence != 0 || tls->is_connected) {
        return false;
    }
    tls->early_left -= (uint32_t)len;
    return true;
}

enum wb_err tls_record_check_header(struct wb_tls *tls)
{
    uint8_t type = tls->rx[0];
    size_t len = (size_t)tls->rx[3] << 8 | tls->rx[4];
    /* §5.1: legacy_record_version "MUST be ignored for all purposes" */
    if (type < TYPE_CHANGE_CIPHER_SPEC || type > TYPE_APPLICATION_DATA) {
        return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                        "these bytes are not a TLS record");
    }
    bool is_protected = type == TYPE_APPLICATION_DATA;
    if (len > PLAINTEXT_MAX + (is_protected ? 256u : 0u)) {
        return tls_fail(tls, WB_TLS_ALERT_RECORD_OVERFLOW, WB_ERR_PROTOCOL,
                        "record is longer than TLS allows");
    }
    if (len > tls->rx_cap - RECORD_HEADER_LEN) {
        (void)wb_fault_set(
            &tls->fault, WB_ERR_LIMIT, TEXT("record is longer than the receive buffer"),
            TEXT("the peer must honour record_size_limit (RFC 8449), or the buffer must grow"),
            (uint32_t)len, tls->rx_cap);
        return tls_fail(tls, WB_TLS_ALERT_RECORD_OVERFLOW, WB_ERR_LIMIT, NULL);
    }
    return WB_OK;
}

enum wb_err tls_record_open(struct wb_tls *tls, uint8_t *type, size_t *len, bool *is_ignored)
{
    size_t body_len = tls->rx_have - RECORD_HEADER_LEN;
    uint8_t *body = tls->rx + RECORD_HEADER_LEN;
    uint8_t outer = tls->rx[0];
    *is_ignored = false;
    *type = outer;
    *len = body_len;
    if (outer != TYPE_APPLICATION_DATA) {
        return WB_OK; /* plaintext: whether it may be is decided by its type */
    }
    if (!tls->is_encrypted_in) {
        if (is_early_data_passed(tls, body_len)) {
            *is_ignored = true;
            return WB_OK;
        }
        return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                        "application data before the handshake");
    }
    uint8_t nonce[12];
    make_nonce(&tls->in, nonce);
    if (body_len < WB_AEAD_TAG_LEN + 1 ||
        tls->cfg->crypto->aead_decrypt((enum wb_aead_id)tls_suite(tls)->aead, tls->in.key, nonce,
                                       tls->rx, RECORD_HEADER_LEN, body, body_len - WB_AEAD_TAG_LEN,
                                       body + body_len - WB_AEAD_TAG_LEN) != WB_OK) {
        if (is_early_data_passed(tls, body_len)) {
            *is_ignored = true;
            return WB_OK;
        }
        return tls_fail(tls, WB_TLS_ALERT_BAD_RECORD_MAC, WB_ERR_AUTH,
                        "record was altered on its way, or sealed with another key");
    }
    tls->in.sequence++;
    size_t inner = body_len - WB_AEAD_TAG_LEN;
    size_t limit = tls->is_limit_agreed ? tls->limit_in : PLAINTEXT_MAX + 1;
    if (inner > limit) {
        return tls_fail(tls, WB_TLS_ALERT_RECORD_OVERFLOW, WB_ERR_PROTOCOL,
                        "record is longer than the agreed record_size_limit");
    }
    while (inner > 0 && body[inner - 1] == 0) { /* §5.4: padding */
        inner--;
    }
    if (inner == 0) {
        return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                        "record consists of padding only");
    }
    *type = body[inner - 1];
    *len = inner - 1;
    return WB_OK;
}

/* ---- outgoing ---- */

size_t tls_record_begin(struct wb_tls *tls, size_t wanted)
{
    WB_ASSERT(!tls->is_record_open);
    if (tls->tx_at == tls->tx_len && !tls->is_hello_held) {
        tls->tx_at = 0;
        tls->tx_len = 0;
    }
    size_t space = tls->tx_cap - tls->tx_len;
    if (space <= RECORD_OVERHEAD) {
        return 0;
    }
    size_t content = space - RECORD_OVERHEAD;
    if (tls->is_encrypted_out && content > tls->limit_out) {
        content = tls->limit_out;
    }
    size_t least = (tls->tx_cap - RECORD_OVERHEAD) / 2;
    least = least < tls->limit_out ? least : tls->limit_out;
    if (content < wanted && content < least) {
        return 0;
    }
    tls->is_record_open = true;
    tls->tx_fill = 0;
    return content;
}

void tls_record_end(struct wb_tls *tls, uint8_t type)
{
    uint8_t *header = tls->tx + tls->tx_len;
    uint8_t *body = header + RECORD_HEADER_LEN;
    size_t len = tls->tx_fill;
    WB_ASSERT(tls->is_record_open);
    tls->is_record_open = false;
    header[0] = type;
    header[1] = VERSION_LEGACY >> 8;
    header[2] = VERSION_LEGACY & 0xff;
    if (tls->is_encrypted_out) {
        header[0] = TYPE_APPLICATION_DATA;
        body[len++] = type;
        len += WB_AEAD_TAG_LEN;
    }
    header[3] = (uint8_t)(len >> 8);
    header[4] = (uint8_t)len;
    if (tls->is_encrypted_out) {
        uint8_t nonce[12];
        make_nonce(&tls->out, nonce);
        size_t text_len = len - WB_AEAD_TAG_LEN;
        tls->cfg->crypto->aead_encrypt((enum wb_aead_id)tls_suite(tls)->aead, tls->out.key, nonce,
                                       header, RECORD_HEADER_LEN, body, text_len, body + text_len);
        tls->out.sequence++;
    }
    tls->tx_len += (uint32_t)(RECORD_HEADER_LEN + len);
    WB_ASSERT(tls->tx_len <= tls->tx_cap);
}

bool tls_record_put(struct wb_tls *tls, uint8_t type, const uint8_t *content, size_t len)
{
    if (tls_record_begin(tls, len) < len) {
        tls->is_record_open = false;
        return false;
    }
    memcpy(tls->tx + tls->tx_len + RECORD_HEADER_LEN, content, len);
    tls->tx_fill = (uint32_t)len;
    tls_record_end(tls, type);
    return true;
}
