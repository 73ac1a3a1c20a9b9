/* SPDX-License-Identifier: AGPL-3.0-only */
/* Extensions (RFC 8446 §4.2): one table says which exist and where each may stand; who
 * reads them, the role says.
 * Lists are walked item by item; an unknown extension is passed over without being held. */
#include "tls.h"

#define CH  IN_CLIENT_HELLO
#define SH  IN_SERVER_HELLO
#define HRR IN_HELLO_RETRY
#define EE  IN_ENCRYPTED_EXTENSIONS
#define CT  IN_CERTIFICATE
#define CR  IN_CERTIFICATE_REQUEST

static const struct extension {
    uint16_t type;
    uint8_t where;   /* enum extension_message, bits */
    uint8_t offered; /* clients: messages in which we may be answered, bits; 0: we never send it */
} table[] = {
    {EXT_SERVER_NAME, CH | EE, EE},
    {1, CH | EE, 0},      /* max_fragment_length */
    {5, CH | CR | CT, 0}, /* status_request */
    {EXT_SUPPORTED_GROUPS, CH | EE, EE},
    {EXT_SIGNATURE_ALGORITHMS, CH | CR, CR},
    {14, CH | EE, 0}, /* use_srtp */
    {15, CH | EE, 0}, /* heartbeat */
    {EXT_ALPN, CH | EE, EE},
    {18, CH | CR | CT, 0}, /* signed_certificate_timestamp */
    {19, CH | EE, 0},      /* client_certificate_type */
    {20, CH | EE, 0},      /* server_certificate_type */
    {21, CH, 0},           /* padding */
    {EXT_RECORD_SIZE_LIMIT, CH | EE, EE},
    {EXT_PRE_SHARED_KEY, CH | SH, SH},
    {EXT_EARLY_DATA, CH | EE, 0},
    {EXT_SUPPORTED_VERSIONS, CH | SH | HRR, SH | HRR},
    {EXT_COOKIE, CH | HRR, HRR},
    {EXT_PSK_KEY_EXCHANGE_MODES, CH, 0},
    {EXT_CERTIFICATE_AUTHORITIES, CH | CR, CR},
    {48, CR, CR},      /* oid_filters */
    {49, CH, 0},       /* post_handshake_auth */
    {50, CH | CR, CR}, /* signature_algorithms_cert */
    {EXT_KEY_SHARE, CH | SH | HRR, SH | HRR},
};
_Static_assert(WB_ARRAY_LEN(table) <= 32, "wb_tls_work.seen has one bit a row");

#define ROW_NONE 0xffu

static uint8_t find_row(uint16_t type)
{
    for (uint8_t i = 0; i < WB_ARRAY_LEN(table); i++) {
        if (table[i].type == type) {
            return i;
        }
    }
    return ROW_NONE;
}

bool tls_extension_seen(const struct wb_tls *tls, uint16_t type)
{
    return (tls->work->seen >> find_row(type) & 1u) != 0;
}

enum wb_err tls_extensions_begin(struct wb_tls *tls, enum extension_message where, size_t len)
{
    tls->work->list_left = (uint32_t)len;
    tls->work->seen = 0;
    tls->work->ext_message = (uint8_t)where;
    return len == 0 ? tls_want(tls, 0, STEP_EXT_END) : tls_want(tls, 4, STEP_EXT_HEADER);
}

/* Did we send something that this extension may answer? */
static bool is_answer(const struct wb_tls *tls, const struct extension *row)
{
    if (!(row->offered & tls->work->ext_message)) {
        return false;
    }
    if (row->type == EXT_SERVER_NAME) {
        return tls->work->is_name_sent;
    }
    if (row->type == EXT_PRE_SHARED_KEY) {
        return tls->work->is_psk_offered;
    }
    return row->type != EXT_ALPN || tls->cfg->alpn_count > 0;
}

static enum wb_err check(struct wb_tls *tls, uint16_t type, uint8_t row)
{
    struct wb_tls_work *work = tls->work;
    bool is_request = work->ext_message == CH || work->ext_message == CR;
    if (row != ROW_NONE && !(table[row].where & work->ext_message)) {
        return tls_fail_illegal(tls, "extension stands in a message where it may not");
    }
    /* "Implementations MUST NOT send extension responses if the remote endpoint did not send the
     * corresponding extension requests ... unsupported_extension" */
    if (!is_request && (row == ROW_NONE || !is_answer(tls, &table[row]))) {
        return tls_fail(tls, WB_TLS_ALERT_UNSUPPORTED_EXTENSION, WB_ERR_PROTOCOL,
                        "extension answers something that was not asked");
    }
    if (row != ROW_NONE && (work->seen >> row & 1u)) {
        return tls_fail_illegal(tls, "an extension appears twice");
    }
    /* §4.2.11: pre_shared_key is the last extension in ClientHello */
    if (work->ext_message == CH && type != EXT_PRE_SHARED_KEY &&
        tls_extension_seen(tls, EXT_PRE_SHARED_KEY)) {
        return tls_fail_illegal(tls, "pre_shared_key is not the last extension");
    }
    if (row != ROW_NONE) {
        work->seen |= 1u << row;
    }
    return WB_OK;
}

static extension_fn find_reader(const struct wb_tls *tls)
{
    const struct extension_reader *reader = tls->cfg->role->readers;
    while (reader->read != NULL && reader->type != tls->work->ext_type) {
        reader++;
    }
    return reader->read;
}

static enum wb_err read_header(struct wb_tls *tls, const uint8_t *item)
{
    struct wb_tls_work *work = tls->work;
    uint16_t type = (uint16_t)(item[0] << 8 | item[1]);
    uint32_t len = (uint32_t)item[2] << 8 | item[3];
    if (work->list_left < 4 + len) {
        return tls_fail_decode(tls, "extension is longer than its list");
    }
    work->list_left -= 4 + len;
    uint8_t row = find_row(type);
    WB_TRY(check(tls, type, row));
    work->ext_type = type;
    if (work->ext_message != CT && find_reader(tls) != NULL) {
        return tls_want(tls, len, STEP_EXT_BODY);
    }
    if (work->ext_message == CH && tls->cfg->role->begin_extension != NULL) {
        return tls->cfg->role->begin_extension(tls, type, len);
    }
    return tls_skip(tls, len, STEP_EXT_NEXT);
}

enum wb_err tls_extensions_item(struct wb_tls *tls, const uint8_t *item, size_t len)
{
    if (tls->step == STEP_EXT_HEADER) {
        return read_header(tls, item);
    }
    if (tls->step == STEP_EXT_BODY) {
        struct wb_reader r;
        wb_reader_init(&r, item, len);
        WB_TRY(find_reader(tls)(tls, &r));
        if (r.err != WB_OK || r.at != r.end) {
            return tls_fail_decode(tls, "an extension is malformed");
        }
    }
    return tls_extensions_next(tls);
}

enum wb_err tls_extensions_next(struct wb_tls *tls)
{
    if (tls->work->list_left == 0) {
        return tls_want(tls, 0, STEP_EXT_END);
    }
    if (tls->work->list_left < 4) {
        return tls_fail_decode(tls, "bytes are left behind the last extension");
    }
    return tls_want(tls, 4, STEP_EXT_HEADER);
}

/* ---- extensions that both roles read ---- */

enum wb_err tls_read_schemes(struct wb_tls *tls, struct wb_reader *r)
{
    size_t len = wb_read_be16(r);
    if (len == 0 || len % 2 != 0 || len != wb_reader_left(r)) {
        return tls_fail_decode(tls, "signature_algorithms is malformed");
    }
    tls->work->schemes = 0;
    while (wb_reader_left(r) > 0) {
        tls->work->schemes |= tls_scheme_bit(wb_read_be16(r));
    }
    return WB_OK;
}

/* RFC 8449 §4: the value counts the type byte; below 64 is illegal, and above the protocol's
 * maximum a server accepts it (a later version may allow more). */
enum wb_err tls_read_record_size_limit(struct wb_tls *tls, struct wb_reader *r)
{
    uint16_t limit = wb_read_be16(r);
    if (r->err != WB_OK) {
        return tls_fail_decode(tls, "record_size_limit is malformed");
    }
    if (limit < 64 || (tls_is_client(tls) && limit > PLAINTEXT_MAX + 1)) {
        return tls_fail_illegal(tls, "record_size_limit is out of range");
    }
    tls->limit_out = limit > PLAINTEXT_MAX ? PLAINTEXT_MAX : (uint16_t)(limit - 1);
    tls->is_limit_agreed = true;
    return WB_OK;
}
