/* SPDX-License-Identifier: AGPL-3.0-only */
/* Handshake messages as a stream. Bytes may come one by one and a message may be longer than all
 * memory: its reader asks for one item after the other (a length, an extension, a certificate),
 * each of which is gathered in the scratch, hashed into the transcript and handed over. Which
 * message may come when, and who reads it, is a table of each role. */
#include "tls.h"

static const struct message_row *find_row(const struct wb_tls *tls, uint8_t type)
{
    const struct message_row *row = tls->cfg->role->rows;
    while (row->type != 0 && (row->type != type || !(row->states & 1u << tls->state))) {
        row++;
    }
    return row->type != 0 ? row : NULL;
}

/* ---- what item handlers call ---- */

static uint8_t *item_memory(struct wb_tls *tls, size_t *cap)
{
    if (tls->step == STEP_SESSION_NONCE || tls->step == STEP_SESSION_TICKET) {
        return tls->resumption->body(tls, cap);
    }
    if (tls->work == NULL) {
        *cap = sizeof tls->small;
        return tls->small;
    }
    *cap = tls->scratch_cap - tls->work->kept_len;
    return tls_scratch(tls);
}

static enum wb_err want(struct wb_tls *tls, size_t have, size_t len, uint8_t step)
{
    size_t cap;
    tls->step = step;
    (void)item_memory(tls, &cap);
    if (len > tls->message_left) {
        return tls_fail_decode(tls, "handshake message is shorter than its fields say");
    }
    if (have + len > cap) {
        (void)wb_fault_set(&tls->fault, WB_ERR_LIMIT,
                           TEXT("a field of a handshake message does not fit into the work memory"),
                           TEXT("enlarge wb_tls_mem.work_cap"), (uint32_t)(have + len),
                           (uint32_t)cap);
        return tls_fail(tls, WB_TLS_ALERT_INTERNAL_ERROR, WB_ERR_LIMIT, NULL);
    }
    tls->item_have = (uint32_t)have;
    tls->item_want = (uint32_t)(have + len);
    return WB_OK;
}

enum wb_err tls_want(struct wb_tls *tls, size_t len, uint8_t step)
{
    return want(tls, 0, len, step);
}

enum wb_err tls_want_more(struct wb_tls *tls, size_t len, uint8_t step)
{
    return want(tls, tls->item_have, len, step);
}

enum wb_err tls_skip(struct wb_tls *tls, size_t len, uint8_t step)
{
    if (len > tls->message_left) {
        return tls_fail_decode(tls, "handshake message is shorter than its fields say");
    }
    tls->skip_left = (uint32_t)len;
    return want(tls, 0, 0, step);
}

enum wb_err tls_done(struct wb_tls *tls)
{
    tls->step = STEP_DONE;
    if (tls->message_left > 0) {
        return tls_fail_decode(tls, "handshake message is longer than its fields say");
    }
    return WB_OK;
}

bool tls_keep(struct wb_tls *tls, const void *data, size_t len)
{
    if (len > tls->scratch_cap) {
        return false;
    }
    memmove(tls_scratch(tls) + tls->scratch_cap - len, data, len);
    tls->work->kept_len = (uint16_t)len;
    return true;
}

/* ---- the stream ---- */

static bool is_hashed(const struct wb_tls *tls)
{
    return tls->work != NULL && tls->work->is_transcript_on && !tls->work->is_hello_prefix;
}

static enum wb_err begin_message(struct wb_tls *tls)
{
    const struct message_row *row = find_row(tls, tls->header[0]);
    if (row == NULL) {
        return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                        "this handshake message may not come now");
    }
    tls->message_left =
        (uint32_t)tls->header[1] << 16 | (uint32_t)tls->header[2] << 8 | tls->header[3];
    tls->skip_left = 0;
    WB_TRY(row->begin(tls)); /* looks at the transcript without this message */
    if (is_hashed(tls)) {
        tls_transcript_update(tls, tls->header, sizeof tls->header);
    }
    return WB_OK;
}

static uint32_t take(uint32_t *left, size_t available)
{
    uint32_t n = available < *left ? (uint32_t)available : *left;
    *left -= n;
    return n;
}

/* Takes bytes for the current skip or item; hands the item over when it is complete. */
static enum wb_err feed_body(struct wb_tls *tls, const struct message_row *row, const uint8_t *data,
                             size_t len, size_t *used)
{
    if (tls->skip_left > 0) {
        uint32_t n = take(&tls->skip_left, len);
        if (is_hashed(tls)) {
            tls_transcript_update(tls, data, n);
        }
        tls->message_left -= n;
        *used = n;
        if (tls->skip_left > 0) {
            return WB_OK;
        }
    }
    size_t cap;
    uint8_t *item = item_memory(tls, &cap);
    uint32_t missing = tls->item_want - tls->item_have;
    uint32_t n = take(&missing, len - *used);
    if (n > 0) {
        memcpy(item + tls->item_have, data + *used, n);
        if (is_hashed(tls)) {
            tls_transcript_update(tls, data + *used, n);
        }
    }
    tls->item_have += n;
    tls->message_left -= n;
    *used += n;
    return missing > 0 ? WB_OK : row->item(tls, item, tls->item_want);
}

static bool is_item_ready(const struct wb_tls *tls)
{
    return tls->skip_left == 0 && tls->item_have == tls->item_want;
}

enum wb_err tls_messages_feed(struct wb_tls *tls, const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (;;) {
        if (tls->header_have < sizeof tls->header) {
            if (at == len) {
                return WB_OK;
            }
            tls->header[tls->header_have++] = data[at++];
            if (tls->header_have < sizeof tls->header) {
                continue;
            }
            WB_TRY(begin_message(tls));
        }
        const struct message_row *row = find_row(tls, tls->header[0]);
        WB_ASSERT(row != NULL);
        if (at == len && !is_item_ready(tls)) {
            return WB_OK;
        }
        size_t used = 0;
        WB_TRY(feed_body(tls, row, data + at, len - at, &used));
        at += used;
        if (tls->step != STEP_DONE) {
            continue;
        }
        tls->header_have = 0;
        tls->step = 0;
        if (row->is_epoch_end && at < len) {
            return tls_fail(tls, WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL,
                            "handshake bytes follow a message behind which the keys change");
        }
    }
}

/* ---- after the handshake ---- */

enum wb_err tls_key_update_begin(struct wb_tls *tls)
{
    if (tls->message_left != 1) {
        return tls_fail_decode(tls, "KeyUpdate has one byte");
    }
    return tls_want(tls, 1, 0);
}

/* §4.6.3: renew the receiving keys; when asked for, our own, before the next application data. */
enum wb_err tls_key_update_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    (void)len;
    if (item[0] > 1) {
        return tls_fail_illegal(tls, "KeyUpdate asks for something unknown");
    }
    if (item[0] == 1) {
        tls->is_key_update_due = true;
    }
    tls_keys_update(tls, &tls->in);
    return tls_done(tls);
}
