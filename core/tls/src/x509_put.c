/* SPDX-License-Identifier: AGPL-3.0-only */
/* Parts that certificates, requests and revocation lists are written of. DER is written backwards:
 * read each function from its end to see the order of the fields. */
#include <string.h>

#include "der.h"
#include "x509_put.h"

/* Name with one CN: SEQUENCE { SET { SEQUENCE { OID 2.5.4.3, UTF8String } } } */
void x509_put_name(struct der_writer *w, const char *common_name)
{
    static const uint8_t oid_common_name[] = {0x06, 0x03, 0x55, 0x04, 0x03};
    size_t end = w->at;
    der_put_element(w, DER_UTF8_STRING, common_name, strlen(common_name));
    der_put(w, oid_common_name, sizeof oid_common_name);
    der_put_header(w, DER_SEQUENCE, end);
    der_put_header(w, DER_SET, end);
    der_put_header(w, DER_SEQUENCE, end);
}

void x509_put_key_info(struct der_writer *w, enum wb_x509_key_type key_type,
                       const uint8_t *public_key, size_t public_key_len)
{
    struct wb_bytes identifier = x509_key_identifier(key_type);
    size_t end = w->at;
    der_put_bits(w, public_key, public_key_len);
    der_put(w, identifier.data, identifier.len);
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
void x509_put_time(struct der_writer *w, wb_unix_s time)
{
    /* 86400 = 128 * 675; so no division of 64 bits is needed, which boards do in software */
    uint32_t days = (uint32_t)(time >> 7) / 675u;
    unsigned second = (unsigned)(time - (int64_t)days * 86400);
    /* The inverse of x509_unix_time(): years begin in March, eras of 400 years have 146097 days. */
    uint32_t z = days + 719468u;
    uint32_t era = z / 146097u;
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
void x509_put_extension_header(struct der_writer *w, uint8_t id, bool is_critical, size_t end)
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

bool x509_is_name_valid(const char *name, size_t len_max)
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

size_t x509_key_len(enum wb_x509_key_type key_type)
{
    return key_type == WB_X509_KEY_P256 ? WB_P256_POINT_LEN : 32;
}

uint16_t x509_sign_scheme(const struct wb_x509_algorithm *algorithm)
{
    return algorithm->key_type == WB_X509_KEY_P256 ? WB_X509_ECDSA_SHA256 : WB_X509_ED25519;
}

enum wb_err x509_sign_document(uint8_t *der, size_t cap, size_t tbs_len,
                               const struct wb_x509_algorithm *algorithm,
                               const uint8_t private_key[32], const uint8_t *public_key,
                               size_t *len)
{
    uint8_t signature[WB_P256_SIGNATURE_DER_MAX];
    size_t signature_len = 0;
    uint16_t scheme = x509_sign_scheme(algorithm);
    struct wb_bytes identifier = x509_scheme_identifier(scheme);
    if (algorithm->sign == NULL) {
        return WB_ERR_UNSUPPORTED;
    }
    WB_TRY(
        algorithm->sign(scheme, private_key, public_key, der, tbs_len, signature, &signature_len));
    size_t tail = 3 + signature_len + identifier.len;
    if (tbs_len + tail > cap) {
        return WB_ERR_SPACE;
    }
    memmove(der + cap - tail - tbs_len, der, tbs_len);
    struct der_writer w;
    der_writer_init(&w, der, cap);
    der_put_bits(&w, signature, signature_len);
    der_put(&w, identifier.data, identifier.len);
    WB_ASSERT(w.err != WB_OK || w.at == cap - tail);
    w.at -= tbs_len; /* lies there already */
    der_put_header(&w, DER_SEQUENCE, cap);
    return der_finish(&w, len);
}
