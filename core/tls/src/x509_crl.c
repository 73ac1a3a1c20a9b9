/* SPDX-License-Identifier: AGPL-3.0-only */
/* Revocation lists (RFC 5280 §5): read, verified, looked up, written. */
#include <string.h>

#include "text.h"
#include "x509_put.h"

static enum wb_err malformed(struct wb_fault *fault)
{
    return wb_fault_set(fault, WB_ERR_FORMAT, TEXT("revocation list is malformed"),
                        TEXT("is it complete, and a list of certificates (X509 CRL)?"), 0, 0);
}

/* Lists that speak of other things than all of their issuer's certificates say so in a critical
 * extension; none is understood. */
static bool has_critical_extension(struct wb_reader *list)
{
    struct wb_reader all = der_enter(list, DER_SEQUENCE);
    while (all.err == WB_OK && all.at != all.end) {
        struct wb_reader ext = der_enter(&all, DER_SEQUENCE);
        (void)der_take(&ext, DER_OID);
        if (der_peek(&ext) == DER_BOOLEAN) {
            return true;
        }
        (void)der_take(&ext, DER_OCTET_STRING);
        der_end(&ext);
        if (ext.err != WB_OK) {
            all.err = ext.err;
        }
    }
    list->err = list->err == WB_OK ? all.err : list->err;
    return false;
}

/* Every entry is looked at once, so that a lookup may trust their form. */
static enum wb_err check_entries(struct wb_bytes revoked, struct wb_fault *fault)
{
    struct wb_reader r;
    wb_reader_init(&r, revoked.data, revoked.len);
    while (r.err == WB_OK && r.at != r.end) {
        struct wb_reader entry = der_enter(&r, DER_SEQUENCE);
        wb_unix_s when;
        (void)der_take(&entry, DER_INTEGER);
        if (!x509_time_read(&entry, &when)) {
            return malformed(fault);
        }
        if (entry.at != entry.end && has_critical_extension(&entry)) {
            return wb_fault_set(fault, WB_ERR_UNSUPPORTED,
                                TEXT("revocation list: an entry has a critical extension"), NULL, 0,
                                0);
        }
        der_end(&entry);
        if (entry.err != WB_OK) {
            return malformed(fault);
        }
    }
    return r.err == WB_OK ? WB_OK : malformed(fault);
}

enum wb_err wb_x509_crl_init(struct wb_x509_crl *crl, const void *der, size_t len,
                             const struct wb_x509_cert *issuer,
                             const struct wb_x509_algorithm *const *algorithms,
                             struct wb_fault *fault)
{
    static const uint8_t version_2[] = {1};
    struct wb_x509_crl made = {0};
    struct wb_reader all;
    wb_reader_init(&all, der, len);
    struct wb_reader outer = der_enter(&all, DER_SEQUENCE);
    der_end(&all);
    struct wb_bytes tbs = der_take_whole(&outer, DER_SEQUENCE);
    struct wb_bytes algorithm = der_take_whole(&outer, DER_SEQUENCE);
    struct wb_bytes signature = der_take_bits(&outer);
    der_end(&outer);
    if (all.err != WB_OK || outer.err != WB_OK) {
        return malformed(fault);
    }
    struct wb_reader whole;
    wb_reader_init(&whole, tbs.data, tbs.len);
    struct wb_reader r = der_enter(&whole, DER_SEQUENCE);
    struct wb_bytes version = der_take(&r, DER_INTEGER);
    struct wb_bytes inner = der_take_whole(&r, DER_SEQUENCE);
    made.issuer = der_take_whole(&r, DER_SEQUENCE);
    if (r.err != WB_OK || !der_is(version, version_2, 1) ||
        !der_is(inner, algorithm.data, algorithm.len) || !x509_time_read(&r, &made.this_update)) {
        return malformed(fault);
    }
    uint8_t tag = der_peek(&r);
    if ((tag == DER_UTC_TIME || tag == DER_GENERALIZED_TIME) &&
        !x509_time_read(&r, &made.next_update)) {
        return malformed(fault);
    }
    if (der_peek(&r) == DER_SEQUENCE) {
        made.revoked = der_take(&r, DER_SEQUENCE);
        WB_TRY(check_entries(made.revoked, fault));
    }
    if (der_peek(&r) == DER_CONTEXT_CONSTRUCTED) {
        struct wb_reader extensions = der_enter(&r, DER_CONTEXT_CONSTRUCTED);
        if (has_critical_extension(&extensions)) {
            return wb_fault_set(
                fault, WB_ERR_UNSUPPORTED,
                TEXT("revocation list has a critical extension (delta or partial?)"),
                TEXT("give the authority's full list"), 0, 0);
        }
        der_end(&extensions);
        if (extensions.err != WB_OK) {
            return malformed(fault);
        }
    }
    der_end(&r);
    if (r.err != WB_OK) {
        return malformed(fault);
    }
    if (!der_is(made.issuer, issuer->subject.data, issuer->subject.len)) {
        return wb_fault_set(fault, WB_ERR_CERTIFICATE_UNTRUSTED,
                            TEXT("revocation list is another authority's"), NULL, 0, 0);
    }
    if (!issuer->is_ca ||
        (issuer->has_key_usage && !(issuer->key_usage & WB_X509_KEY_USAGE_CRL_SIGN))) {
        return wb_fault_set(fault, WB_ERR_CERTIFICATE,
                            TEXT("the issuer's key may not sign revocation lists (keyUsage)"), NULL,
                            0, 0);
    }
    uint16_t scheme = x509_scheme(algorithm);
    if (scheme == 0 || signature.len > WB_X509_SIGNATURE_MAX) {
        return wb_fault_set(fault, WB_ERR_UNSUPPORTED,
                            TEXT("revocation list is signed with an unknown algorithm"), NULL, 0,
                            0);
    }
    enum wb_err err =
        x509_verify_signature(algorithms, issuer->key_type, issuer->public_key,
                              issuer->public_key_len, scheme, tbs, signature.data, signature.len);
    if (err != WB_OK) {
        return wb_fault_set(fault, err, TEXT("revocation list's signature does not verify"), NULL,
                            0, 0);
    }
    *crl = made;
    return WB_OK;
}

bool wb_x509_crl_has(const struct wb_x509_crl *crl, struct wb_bytes serial, wb_unix_s *when)
{
    struct wb_reader r;
    wb_reader_init(&r, crl->revoked.data, crl->revoked.len);
    while (r.err == WB_OK && r.at != r.end) {
        struct wb_reader entry = der_enter(&r, DER_SEQUENCE);
        struct wb_bytes number = der_take(&entry, DER_INTEGER);
        wb_unix_s since = 0;
        if (der_is(number, serial.data, serial.len) && x509_time_read(&entry, &since)) {
            if (when != NULL) {
                *when = since;
            }
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

static void put_number(struct der_writer *w, uint64_t number)
{
    size_t end = w->at;
    size_t inner;
    do {
        der_put_u8(w, (uint8_t)number);
        number >>= 8;
    } while (number > 0);
    if (w->err == WB_OK && w->buf[w->at] >= 0x80) {
        der_put_u8(w, 0);
    }
    der_put_header(w, DER_INTEGER, end);
    x509_put_extension_header(w, 20, false, end);
    inner = end;
    der_put_header(w, DER_SEQUENCE, inner);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED, inner);
}

enum wb_err wb_x509_crl_write(const struct wb_x509_issuer *issuer,
                              const struct wb_x509_algorithm *algorithm, uint64_t number,
                              wb_unix_s this_update, wb_unix_s next_update,
                              const struct wb_x509_revoked *revoked, size_t revoked_count,
                              uint8_t *der, size_t cap, size_t *len)
{
    static const uint8_t version_2[] = {0x02, 0x01, 0x01};
    struct wb_bytes identifier = x509_scheme_identifier(x509_sign_scheme(algorithm));
    struct der_writer w;
    if (this_update < 0 || next_update < this_update || next_update > WB_X509_NO_EXPIRY) {
        return WB_ERR_VALUE;
    }
    der_writer_init(&w, der, cap);
    put_number(&w, number);
    size_t end = w.at;
    for (size_t i = revoked_count; i-- > 0;) {
        const struct wb_x509_revoked *entry = &revoked[i];
        size_t entry_end = w.at;
        if (entry->serial_len < 1 || entry->serial_len > 21 || entry->serial[0] >= 0x80 ||
            entry->when < 0 || entry->when > WB_X509_NO_EXPIRY) {
            return WB_ERR_VALUE;
        }
        x509_put_time(&w, entry->when);
        der_put_element(&w, DER_INTEGER, entry->serial, entry->serial_len);
        der_put_header(&w, DER_SEQUENCE, entry_end);
    }
    if (revoked_count > 0) { /* §5.1.2.6: absent rather than empty */
        der_put_header(&w, DER_SEQUENCE, end);
    }
    x509_put_time(&w, next_update);
    x509_put_time(&w, this_update);
    der_put(&w, issuer->subject.data, issuer->subject.len);
    der_put(&w, identifier.data, identifier.len);
    der_put(&w, version_2, sizeof version_2);
    der_put_header(&w, DER_SEQUENCE, cap);
    size_t tbs_len;
    WB_TRY(der_finish(&w, &tbs_len));
    return x509_sign_document(der, cap, tbs_len, algorithm, issuer->private_key, issuer->public_key,
                              len);
}
