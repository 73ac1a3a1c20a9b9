/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reads a certificate in the order of RFC 5280 §4.1: read wb_x509_parse(), parse_tbs(),
 * parse_extensions(). Everything is checked for form; what the values mean for trust is
 * x509_verify.c's matter. */
#include <string.h>

#include "der.h"
#include "text.h"
#include "x509.h"

/* Where a fault lies: the innermost step notes it, the first one wins. */
struct parse {
    struct wb_x509_cert *cert;
    const uint8_t *start;
    struct wb_fault *fault;
    struct wb_bytes algorithm; /* of the signature, outside the signed part */
};

static enum wb_err fault_at(const struct parse *p, const uint8_t *at, enum wb_err code,
                            const char *what, const char *hint)
{
    uint32_t offset = at != NULL ? (uint32_t)(at - p->start) : 0;
    return wb_fault_set(p->fault, code, what, hint, 0, offset);
}

static enum wb_err parse_tbs(struct parse *p, struct wb_reader *tbs);
static enum wb_err parse_validity(struct parse *p, struct wb_reader *tbs);
static enum wb_err parse_extensions(struct parse *p, struct wb_reader *tbs);

enum wb_err wb_x509_parse(struct wb_x509_cert *cert, const void *der, size_t len,
                          struct wb_fault *fault)
{
    struct wb_fault ignored = {0};
    struct parse p = {cert, der, fault != NULL ? fault : &ignored, {NULL, 0}};
    memset(cert, 0, sizeof *cert);
    cert->path_len = -1;

    struct wb_reader all;
    wb_reader_init(&all, der, len);
    cert->der = (struct wb_bytes){der, len};
    struct wb_reader outer = der_enter(&all, DER_SEQUENCE);
    der_end(&all);
    if (all.err != WB_OK) {
        return fault_at(&p, der, WB_ERR_FORMAT,
                        TEXT("certificate is not one complete DER sequence"),
                        TEXT("is it truncated, or PEM instead of DER?"));
    }
    cert->tbs = der_take_whole(&outer, DER_SEQUENCE);
    const uint8_t *algorithm_at = outer.at;
    struct wb_bytes algorithm = der_take_whole(&outer, DER_SEQUENCE);
    struct wb_bytes signature = der_take_bits(&outer);
    der_end(&outer);
    if (outer.err != WB_OK) {
        return fault_at(&p, outer.at, WB_ERR_FORMAT,
                        TEXT("certificate: outer structure is malformed"), NULL);
    }
    cert->scheme = x509_scheme(algorithm);
    if (cert->scheme == 0) {
        return fault_at(&p, algorithm_at, WB_ERR_UNSUPPORTED,
                        TEXT("certificate is not signed with Ed25519, ECDSA or RSA with SHA-2"),
                        TEXT("issue it from an authority with an Ed25519 or P-256 key"));
    }
    if (signature.len > WB_X509_SIGNATURE_MAX ||
        (cert->scheme == WB_X509_ED25519 && signature.len != 64)) {
        return fault_at(&p, signature.data, WB_ERR_FORMAT,
                        TEXT("certificate: signature has the wrong length"), NULL);
    }
    cert->signature = signature.data;
    cert->signature_len = (uint16_t)signature.len;
    p.algorithm = algorithm;

    struct wb_reader whole;
    wb_reader_init(&whole, cert->tbs.data, cert->tbs.len);
    struct wb_reader tbs = der_enter(&whole, DER_SEQUENCE);
    return parse_tbs(&p, &tbs);
}

static enum wb_err parse_serial(struct parse *p, struct wb_reader *tbs)
{
    const uint8_t *at = tbs->at;
    struct wb_bytes serial = der_take(tbs, DER_INTEGER);
    const uint8_t *bytes = serial.data;
    bool is_minimal = serial.len == 1 || (serial.len > 1 && !(bytes[0] == 0 && bytes[1] < 0x80));
    /* RFC 5280 §4.1.2.2: positive, at most 20 octets (of value: a leading zero may come on top) */
    if (serial.len == 0 || serial.len > 21 || bytes[0] >= 0x80 || !is_minimal) {
        return fault_at(
            p, at, WB_ERR_FORMAT,
            TEXT("certificate: serial number is not a positive number of at most 20 bytes"), NULL);
    }
    p->cert->serial = serial;
    return WB_OK;
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { OID, string }; the last CN wins, as readers of names
 * expect. */
enum wb_err x509_name_parse(struct wb_bytes name, struct wb_bytes *common_name,
                            struct wb_fault *fault)
{
    static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03};
    struct wb_reader outer;
    wb_reader_init(&outer, name.data, name.len);
    struct wb_reader names = der_enter(&outer, DER_SEQUENCE);
    while (names.err == WB_OK && names.at != names.end) {
        struct wb_reader set = der_enter(&names, DER_SET);
        do {
            struct wb_reader pair = der_enter(&set, DER_SEQUENCE);
            struct wb_bytes oid = der_take(&pair, DER_OID);
            uint8_t tag = der_peek(&pair);
            struct wb_bytes text = der_take(&pair, tag);
            der_end(&pair);
            if (pair.err != WB_OK) {
                return wb_fault_set(fault, WB_ERR_FORMAT, TEXT("certificate: malformed name"), NULL,
                                    0, 0);
            }
            bool is_text = tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING;
            if (common_name == NULL || !is_text ||
                !der_is(oid, oid_common_name, sizeof oid_common_name)) {
                continue;
            }
            if (text.len == 0 || text.len > WB_X509_NAME_MAX ||
                memchr(text.data, 0, text.len) != NULL) {
                return wb_fault_set(fault, WB_ERR_CERTIFICATE,
                                    TEXT("certificate: common name is not 1 to 64 bytes of text"),
                                    NULL, 0, 0);
            }
            *common_name = text;
        } while (set.err == WB_OK && set.at != set.end);
    }
    if (names.err != WB_OK) {
        return wb_fault_set(fault, WB_ERR_FORMAT, TEXT("certificate: malformed name"), NULL, 0, 0);
    }
    return WB_OK;
}

static enum wb_err parse_key(struct parse *p, struct wb_reader *tbs)
{
    const uint8_t *at = tbs->at;
    struct wb_x509_cert *cert = p->cert;
    struct wb_bytes key = {NULL, 0};
    cert->key_info = der_take_whole(tbs, DER_SEQUENCE);
    enum wb_err err = x509_key_parse(cert->key_info, &cert->key_type, &key);
    if (err != WB_OK) {
        return fault_at(p, at, err,
                        err == WB_ERR_UNSUPPORTED
                            ? TEXT("certificate's key is not an Ed25519, P-256 or RSA key")
                            : TEXT("certificate: malformed public key"),
                        TEXT("make one with an Ed25519 key"));
    }
    cert->public_key = key.data;
    cert->public_key_len = (uint16_t)key.len;
    return WB_OK;
}

static enum wb_err parse_tbs(struct parse *p, struct wb_reader *tbs)
{
    static const uint8_t version_3[] = {0x02, 0x01, 0x02};
    const uint8_t *at = tbs->at;
    if (der_peek(tbs) != DER_CONTEXT_CONSTRUCTED ||
        !der_is(der_take(tbs, DER_CONTEXT_CONSTRUCTED), version_3, sizeof version_3)) {
        return fault_at(p, at, WB_ERR_UNSUPPORTED, TEXT("certificate is not of version 3"), NULL);
    }
    WB_TRY(parse_serial(p, tbs));
    at = tbs->at;
    /* RFC 5280 §4.1.1.2: the inner algorithm identifier is the same as the outer one */
    if (!der_is(der_take_whole(tbs, DER_SEQUENCE), p->algorithm.data, p->algorithm.len)) {
        return fault_at(p, at, WB_ERR_FORMAT,
                        TEXT("certificate: inner and outer signature algorithms differ"), NULL);
    }
    p->cert->issuer = der_take_whole(tbs, DER_SEQUENCE);
    WB_TRY(x509_name_parse(p->cert->issuer, NULL, p->fault));
    WB_TRY(parse_validity(p, tbs));
    p->cert->subject = der_take_whole(tbs, DER_SEQUENCE);
    WB_TRY(x509_name_parse(p->cert->subject, &p->cert->common_name, p->fault));
    WB_TRY(parse_key(p, tbs));
    for (uint8_t id = 1; id <= 2; id++) { /* issuerUniqueID, subjectUniqueID: read over */
        if (der_peek(tbs) == (DER_CONTEXT | id)) {
            (void)der_take(tbs, DER_CONTEXT | id);
        }
    }
    if (der_peek(tbs) == (DER_CONTEXT_CONSTRUCTED | 3)) {
        WB_TRY(parse_extensions(p, tbs));
    }
    der_end(tbs);
    if (tbs->err != WB_OK) {
        return fault_at(p, tbs->at, WB_ERR_FORMAT, TEXT("certificate: malformed fields"), NULL);
    }
    return WB_OK;
}

/* ---- validity ---- */

static bool read_digits(const uint8_t **at, unsigned count, unsigned *value)
{
    *value = 0;
    for (unsigned i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *value = *value * 10 + (unsigned)(**at - '0');
    }
    return true;
}

/* RFC 5280 §4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050; both to the second and in Z. */
bool x509_time_read(struct wb_reader *r, wb_unix_s *out)
{
    uint8_t tag = der_peek(r);
    bool is_utc = tag == DER_UTC_TIME;
    if (!is_utc && tag != DER_GENERALIZED_TIME) {
        return false;
    }
    struct wb_bytes text = der_take(r, tag);
    if (text.len != (is_utc ? 13u : 15u)) {
        return false;
    }
    const uint8_t *at = text.data;
    unsigned year, month, day, hour, minute, second;
    if (!read_digits(&at, is_utc ? 2 : 4, &year) || !read_digits(&at, 2, &month) ||
        !read_digits(&at, 2, &day) || !read_digits(&at, 2, &hour) ||
        !read_digits(&at, 2, &minute) || !read_digits(&at, 2, &second) || *at != 'Z') {
        return false;
    }
    if (is_utc) {
        year += year < 50 ? 2000 : 1900;
    }
    return x509_unix_time(year, month, day, hour, minute, second, out);
}

bool x509_unix_time(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                    unsigned second, wb_unix_s *out)
{
    static const uint8_t month_days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] || hour > 23 ||
        minute > 59 || second > 59 || year < 1) {
        return false;
    }
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month == 2 && day == 29 && !is_leap) {
        return false;
    }
    /* Count from March, so that the leap day is a year's last: 153 days in five months from there.
     */
    uint32_t y = year - (month <= 2);
    uint32_t from_march = (month + 9) % 12;
    uint32_t days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1;
    *out = ((int64_t)days - 719468) * 86400 + (int64_t)hour * 3600 + minute * 60 + second;
    return true;
}

static enum wb_err parse_validity(struct parse *p, struct wb_reader *tbs)
{
    const uint8_t *at = tbs->at;
    struct wb_reader validity = der_enter(tbs, DER_SEQUENCE);
    if (!x509_time_read(&validity, &p->cert->not_before) ||
        !x509_time_read(&validity, &p->cert->not_after) || validity.at != validity.end) {
        return fault_at(p, at, WB_ERR_FORMAT, TEXT("certificate: malformed validity"), NULL);
    }
    return WB_OK;
}

/* ---- extensions (RFC 5280 §4.2) ---- */

static bool read_basic_constraints(struct wb_x509_cert *cert, struct wb_reader *value)
{
    struct wb_reader r = der_enter(value, DER_SEQUENCE);
    if (der_peek(&r) == DER_BOOLEAN) {
        static const uint8_t yes[] = {
            0xff}; /* FALSE is the default and so has no encoding in DER */
        if (!der_is(der_take(&r, DER_BOOLEAN), yes, 1)) {
            return false;
        }
        cert->is_ca = true;
    }
    if (der_peek(&r) == DER_INTEGER) {
        struct wb_bytes len = der_take(&r, DER_INTEGER);
        if (len.len != 1 || *(const uint8_t *)len.data > 127 || !cert->is_ca) {
            return false;
        }
        cert->path_len = (int8_t) * (const uint8_t *)len.data;
    }
    der_end(&r);
    return r.err == WB_OK;
}

static bool read_key_usage(struct wb_x509_cert *cert, struct wb_reader *value)
{
    struct wb_bytes bits = der_take(value, DER_BIT_STRING);
    const uint8_t *b = bits.data;
    if (bits.len < 2 || bits.len > 3 || b[0] > 7 || (b[bits.len - 1] & ((1u << b[0]) - 1)) != 0) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) { /* bit 0 of the standard is the leftmost */
        cert->key_usage |= (uint16_t)((b[1] >> (7 - i) & 1u) << i);
    }
    cert->has_key_usage = true;
    return cert->key_usage != 0 || bits.len == 3;
}

static bool read_purposes(struct wb_x509_cert *cert, struct wb_reader *value)
{
    static const uint8_t server[] = {0x2b, 6, 1, 5, 5, 7, 3, 1};
    static const uint8_t client[] = {0x2b, 6, 1, 5, 5, 7, 3, 2};
    static const uint8_t any[] = {0x55, 0x1d, 0x25, 0x00};
    struct wb_reader r = der_enter(value, DER_SEQUENCE);
    do {
        struct wb_bytes oid = der_take(&r, DER_OID);
        if (der_is(oid, server, sizeof server)) {
            cert->purposes |= WB_X509_SERVER_AUTH;
        } else if (der_is(oid, client, sizeof client)) {
            cert->purposes |= WB_X509_CLIENT_AUTH;
        } else if (der_is(oid, any, sizeof any)) {
            cert->purposes |= WB_X509_ANY_PURPOSE;
        }
    } while (r.err == WB_OK && r.at != r.end);
    cert->has_purposes = true;
    return r.err == WB_OK;
}

static bool read_alt_names(struct wb_x509_cert *cert, struct wb_reader *value)
{
    cert->alt_names = der_take(value, DER_SEQUENCE);
    struct wb_reader r;
    wb_reader_init(&r, cert->alt_names.data, cert->alt_names.len);
    do {
        (void)der_take(&r, der_peek(&r));
    } while (r.err == WB_OK && r.at != r.end);
    return value->err == WB_OK && r.err == WB_OK;
}

static bool read_subject_key_id(struct wb_x509_cert *cert, struct wb_reader *value)
{
    cert->subject_key_id = der_take(value, DER_OCTET_STRING);
    cert->has_subject_key_id = true;
    return value->err == WB_OK;
}

static bool read_authority_key_id(struct wb_x509_cert *cert, struct wb_reader *value)
{
    struct wb_reader r = der_enter(value, DER_SEQUENCE);
    if (der_peek(&r) == DER_CONTEXT) {
        cert->authority_key_id = der_take(&r, DER_CONTEXT);
        cert->has_authority_key_id = true;
    }
    return r.err == WB_OK; /* issuer and serial number may follow: not used */
}

/* RFC 5280 §4.2.1.10; what it means is x509_path.c's matter. */
static bool read_name_constraints(struct wb_x509_cert *cert, struct wb_reader *value)
{
    struct wb_reader r = der_enter(value, DER_SEQUENCE);
    bool is_empty = der_peek(&r) == 0;
    if (der_peek(&r) == DER_CONTEXT_CONSTRUCTED) {
        cert->permitted = der_take(&r, DER_CONTEXT_CONSTRUCTED);
    }
    if (der_peek(&r) == (DER_CONTEXT_CONSTRUCTED | 1)) {
        cert->excluded = der_take(&r, DER_CONTEXT_CONSTRUCTED | 1);
    }
    der_end(&r);
    return r.err == WB_OK && !is_empty;
}

/* The extensions we understand: last byte of the OID 2.5.29.x, reader. */
static const struct {
    uint8_t id;
    bool (*read)(struct wb_x509_cert *cert, struct wb_reader *value);
} extensions[] = {
    {14, read_subject_key_id},    {15, read_key_usage},        {17, read_alt_names},
    {19, read_basic_constraints}, {35, read_authority_key_id}, {37, read_purposes},
    {30, read_name_constraints},
};

static enum wb_err parse_extension(struct parse *p, struct wb_reader *list, uint32_t *seen)
{
    const uint8_t *at = list->at;
    struct wb_reader ext = der_enter(list, DER_SEQUENCE);
    struct wb_bytes oid = der_take(&ext, DER_OID);
    bool is_critical = false;
    if (der_peek(&ext) == DER_BOOLEAN) {
        static const uint8_t yes[] = {0xff};
        is_critical = true;
        if (!der_is(der_take(&ext, DER_BOOLEAN), yes, 1)) {
            return fault_at(p, at, WB_ERR_FORMAT, TEXT("certificate: malformed extension"), NULL);
        }
    }
    struct wb_reader value = der_enter(&ext, DER_OCTET_STRING);
    der_end(&ext);
    if (ext.err != WB_OK) {
        return fault_at(p, at, WB_ERR_FORMAT, TEXT("certificate: malformed extension"), NULL);
    }
    const uint8_t *id = oid.data;
    for (size_t i = 0; i < WB_ARRAY_LEN(extensions); i++) {
        if (oid.len != 3 || id[0] != 0x55 || id[1] != 0x1d || id[2] != extensions[i].id) {
            continue;
        }
        if (*seen & 1u << i) { /* RFC 5280 §4.2: not more than one instance */
            return fault_at(p, at, WB_ERR_FORMAT, TEXT("certificate: an extension appears twice"),
                            NULL);
        }
        *seen |= 1u << i;
        if (!extensions[i].read(p->cert, &value) || value.at != value.end) {
            return fault_at(p, at, WB_ERR_FORMAT,
                            TEXT("certificate: an extension's value is malformed"), NULL);
        }
        return WB_OK;
    }
    if (is_critical) {
        return fault_at(p, at, WB_ERR_CERTIFICATE,
                        TEXT("certificate has a critical extension that is not understood"), NULL);
    }
    return WB_OK;
}

static enum wb_err parse_extensions(struct parse *p, struct wb_reader *tbs)
{
    uint32_t seen = 0;
    struct wb_reader explicit_tag = der_enter(tbs, DER_CONTEXT_CONSTRUCTED | 3);
    struct wb_reader list = der_enter(&explicit_tag, DER_SEQUENCE);
    der_end(&explicit_tag);
    do {
        if (explicit_tag.err != WB_OK || list.err != WB_OK) {
            return fault_at(p, list.at, WB_ERR_FORMAT, TEXT("certificate: malformed extensions"),
                            NULL);
        }
        WB_TRY(parse_extension(p, &list, &seen));
    } while (list.at != list.end);
    return WB_OK;
}
