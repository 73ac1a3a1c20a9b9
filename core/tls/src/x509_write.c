/* SPDX-License-Identifier: AGPL-3.0-only */
/* Writes certificates and requests. DER is written backwards: read each function from its end to
 * see the order of the fields. */
#include <string.h>

#include "der.h"
#include "x509.h"

void x509_key_id(const uint8_t public_key[32], uint8_t id[X509_KEY_ID_LEN])
{
    uint8_t digest[32];
    wb_hash_once(WB_HASH_SHA256, public_key, 32, digest);
    memcpy(id, digest, X509_KEY_ID_LEN);
}

/* ---- parts ---- */

/* Name with one CN: SEQUENCE { SET { SEQUENCE { OID 2.5.4.3, UTF8String } } } */
static void put_name(struct der_writer *w, const char *common_name)
{
    static const uint8_t oid_common_name[] = {0x06, 0x03, 0x55, 0x04, 0x03};
    size_t end = w->at;
    der_put_element(w, DER_UTF8_STRING, common_name, strlen(common_name));
    der_put(w, oid_common_name, sizeof oid_common_name);
    der_put_header(w, DER_SEQUENCE, end);
    der_put_header(w, DER_SET, end);
    der_put_header(w, DER_SEQUENCE, end);
}

static void put_key_info(struct der_writer *w, const uint8_t public_key[32])
{
    size_t end = w->at;
    der_put_bits(w, public_key, 32);
    der_put(w, der_ed25519, DER_ED25519_LEN);
    der_put_header(w, DER_SEQUENCE, end);
}

static void put_digits(char *at, unsigned count, unsigned value)
{
    while (count > 0) {
        at[--count] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
static void put_time(struct der_writer *w, wb_unix_s time)
{
    int64_t days = time / 86400;
    unsigned second = (unsigned)(time % 86400);
    /* The inverse of x509_unix_time(): years begin in March, eras of 400 years have 146097 days. */
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    unsigned day_of_era = (unsigned)(z - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned from_march = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * from_march + 2) / 5 + 1;
    unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
    unsigned year = (unsigned)(era * 400) + year_of_era + (month <= 2 ? 1 : 0);
    char text[15];
    put_digits(text, 4, year);
    put_digits(text + 4, 2, month);
    put_digits(text + 6, 2, day);
    put_digits(text + 8, 2, second / 3600);
    put_digits(text + 10, 2, second / 60 % 60);
    put_digits(text + 12, 2, second % 60);
    text[14] = 'Z';
    if (year < 2050) {
        der_put_element(w, DER_UTC_TIME, text + 2, 13);
    } else {
        der_put_element(w, DER_GENERALIZED_TIME, text, 15);
    }
}

/* Closes the extension whose value was written since end. id: last byte of the OID 2.5.29.x. */
static void put_extension_header(struct der_writer *w, uint8_t id, bool is_critical, size_t end)
{
    static const uint8_t yes[] = {0x01, 0x01, 0xff};
    const uint8_t oid[] = {0x06, 0x03, 0x55, 0x1d, id};
    der_put_header(w, DER_OCTET_STRING, end);
    if (is_critical) {
        der_put(w, yes, sizeof yes);
    }
    der_put(w, oid, sizeof oid);
    der_put_header(w, DER_SEQUENCE, end);
}

static void put_alt_names(struct der_writer *w, const struct wb_x509_spec *spec)
{
    size_t end = w->at;
    for (size_t i = spec->alt_name_count; i-- > 0;) {
        const char *name = spec->alt_names[i];
        uint8_t ip[16];
        size_t ip_len = wb_x509_ip_parse(name, ip);
        if (ip_len > 0) {
            der_put_element(w, DER_CONTEXT | 7, ip, ip_len);
        } else {
            der_put_element(w, DER_CONTEXT | 2, name, strlen(name));
        }
    }
    der_put_header(w, DER_SEQUENCE, end);
    put_extension_header(w, 17, false, end);
}

static void put_purposes(struct der_writer *w, uint8_t purposes)
{
    uint8_t oid[] = {0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 0};
    size_t end = w->at;
    if (purposes & WB_X509_CLIENT_AUTH) {
        oid[9] = 2;
        der_put(w, oid, sizeof oid);
    }
    if (purposes & WB_X509_SERVER_AUTH) {
        oid[9] = 1;
        der_put(w, oid, sizeof oid);
    }
    der_put_header(w, DER_SEQUENCE, end);
    put_extension_header(w, 37, false, end);
}

static void put_extensions(struct der_writer *w, const struct wb_x509_spec *spec,
                           const uint8_t issuer_key[32])
{
    uint8_t id[X509_KEY_ID_LEN];
    size_t all = w->at;
    size_t end;
    if (spec->alt_name_count > 0) {
        put_alt_names(w, spec);
    }
    if (spec->purposes != 0) {
        put_purposes(w, spec->purposes);
    }

    end = w->at;                                   /* keyUsage: BIT STRING, unused bits first */
    static const uint8_t usage_leaf[] = {7, 0x80}; /* digitalSignature */
    static const uint8_t usage_ca[] = {1, 0x06};   /* keyCertSign, cRLSign */
    der_put_element(w, DER_BIT_STRING, spec->is_ca ? usage_ca : usage_leaf, 2);
    put_extension_header(w, 15, true, end);

    end = w->at;
    if (spec->is_ca) {
        static const uint8_t ca_without_sub_ca[] = {0x01, 0x01, 0xff, 0x02, 0x01, 0x00};
        der_put(w, ca_without_sub_ca, sizeof ca_without_sub_ca);
    }
    der_put_header(w, DER_SEQUENCE, end);
    put_extension_header(w, 19, true, end);

    end = w->at;
    x509_key_id(issuer_key, id);
    der_put_element(w, DER_CONTEXT, id, sizeof id);
    der_put_header(w, DER_SEQUENCE, end);
    put_extension_header(w, 35, false, end);

    if (spec->is_ca) { /* RFC 5280 §4.2.1.2: required for authorities; leaves save the 31 bytes */
        end = w->at;
        x509_key_id(spec->public_key, id);
        der_put_element(w, DER_OCTET_STRING, id, sizeof id);
        put_extension_header(w, 14, false, end);
    }
    der_put_header(w, DER_SEQUENCE, all);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 3, all);
}

/* ---- whole documents ---- */

static bool is_name_valid(const char *name, size_t len_max)
{
    size_t len = strlen(name);
    if (len == 0 || len > len_max) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_spec_valid(const struct wb_x509_spec *spec)
{
    if (spec->serial_len < 1 || spec->serial_len > 20 || spec->serial[0] >= 0x80 ||
        (spec->serial_len > 1 && spec->serial[0] == 0 && spec->serial[1] < 0x80) ||
        (spec->serial_len == 1 && spec->serial[0] == 0)) {
        return false;
    }
    if (!is_name_valid(spec->common_name, WB_X509_NAME_MAX) || spec->not_before < 0 ||
        spec->not_after < spec->not_before || spec->not_after > WB_X509_NO_EXPIRY ||
        spec->alt_name_count > WB_X509_ALT_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < spec->alt_name_count; i++) {
        if (!is_name_valid(spec->alt_names[i], 253)) {
            return false;
        }
        for (const char *c = spec->alt_names[i]; *c != '\0'; c++) {
            if ((uint8_t)*c <= ' ' || (uint8_t)*c >= 0x7f) { /* IA5String without spaces */
                return false;
            }
        }
    }
    return true;
}

/* The signed part lies at the start of der, tbs_len bytes; adds algorithm and signature around it.
 */
static enum wb_err sign_document(uint8_t *der, size_t cap, size_t tbs_len,
                                 const uint8_t private_key[32], const uint8_t public_key[32],
                                 size_t *len)
{
    uint8_t signature[64];
    size_t tail = 67 + DER_ED25519_LEN;
    if (tbs_len + tail > cap) {
        return WB_ERR_SPACE;
    }
    wb_ed25519_sign(signature, private_key, public_key, der, tbs_len);
    memmove(der + cap - tail - tbs_len, der, tbs_len);
    struct der_writer w;
    der_writer_init(&w, der, cap);
    der_put_bits(&w, signature, sizeof signature);
    der_put(&w, der_ed25519, DER_ED25519_LEN);
    WB_ASSERT(w.err != WB_OK || w.at == cap - tail);
    w.at -= tbs_len; /* lies there already */
    der_put_header(&w, DER_SEQUENCE, cap);
    return der_finish(&w, len);
}

enum wb_err wb_x509_write(const struct wb_x509_spec *spec, const struct wb_x509_issuer *issuer,
                          uint8_t *der, size_t cap, size_t *len)
{
    static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
    if (!is_spec_valid(spec)) {
        return WB_ERR_VALUE;
    }
    struct der_writer w;
    der_writer_init(&w, der, cap);
    put_extensions(&w, spec, issuer->public_key);
    put_key_info(&w, spec->public_key);
    put_name(&w, spec->common_name);
    size_t validity_end = w.at;
    put_time(&w, spec->not_after);
    put_time(&w, spec->not_before);
    der_put_header(&w, DER_SEQUENCE, validity_end);
    der_put(&w, issuer->subject.data, issuer->subject.len);
    der_put(&w, der_ed25519, DER_ED25519_LEN);
    der_put_element(&w, DER_INTEGER, spec->serial, spec->serial_len);
    der_put(&w, version_3, sizeof version_3);
    der_put_header(&w, DER_SEQUENCE, cap);
    size_t tbs_len;
    WB_TRY(der_finish(&w, &tbs_len));
    return sign_document(der, cap, tbs_len, issuer->private_key, issuer->public_key, len);
}

enum wb_err wb_x509_write_self_signed(const struct wb_x509_spec *spec,
                                      const uint8_t private_key[32], uint8_t *der, size_t cap,
                                      size_t *len)
{
    uint8_t name[WB_X509_NAME_MAX + 16];
    struct der_writer w;
    if (!is_spec_valid(spec)) {
        return WB_ERR_VALUE;
    }
    der_writer_init(&w, name, sizeof name);
    put_name(&w, spec->common_name);
    size_t name_len;
    WB_TRY(der_finish(&w, &name_len));
    struct wb_x509_issuer self = {{name, name_len}, private_key, spec->public_key};
    return wb_x509_write(spec, &self, der, cap, len);
}

/* ---- PKCS#10 (RFC 2986 §4) ---- */

enum wb_err wb_x509_request_write(const char *common_name, const uint8_t private_key[32],
                                  const uint8_t public_key[32], uint8_t *der, size_t cap,
                                  size_t *len)
{
    static const uint8_t version_1[] = {0x02, 0x01, 0x00};
    static const uint8_t no_attributes[] = {0xa0, 0x00};
    if (!is_name_valid(common_name, WB_X509_NAME_MAX)) {
        return WB_ERR_VALUE;
    }
    struct der_writer w;
    der_writer_init(&w, der, cap);
    der_put(&w, no_attributes, sizeof no_attributes);
    put_key_info(&w, public_key);
    put_name(&w, common_name);
    der_put(&w, version_1, sizeof version_1);
    der_put_header(&w, DER_SEQUENCE, cap);
    size_t info_len;
    WB_TRY(der_finish(&w, &info_len));
    return sign_document(der, cap, info_len, private_key, public_key, len);
}
