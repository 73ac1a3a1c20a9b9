/* SPDX-License-Identifier: AGPL-3.0-only */
/* Writes certificates. DER is written backwards: read each function from its end to see the order
 * of the fields. */
#include <string.h>

#include "x509_put.h"

void x509_key_id(const uint8_t *public_key, size_t len, uint8_t id[X509_KEY_ID_LEN])
{
    uint8_t digest[32];
    wb_hash_once(WB_HASH_SHA256, public_key, len, digest);
    memcpy(id, digest, X509_KEY_ID_LEN);
}

static size_t spec_key_len(const struct wb_x509_spec *spec)
{
    return spec->key_type == WB_X509_KEY_RSA ? spec->public_key_len : x509_key_len(spec->key_type);
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
    x509_put_extension_header(w, 17, false, end);
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
    x509_put_extension_header(w, 37, false, end);
}

static void put_extensions(struct der_writer *w, const struct wb_x509_spec *spec,
                           const uint8_t *issuer_key, size_t issuer_key_len)
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
    x509_put_extension_header(w, 15, true, end);

    end = w->at;
    if (spec->is_ca) {
        const uint8_t ca[] = {0x01, 0x01, 0xff, 0x02, 0x01, spec->path_len};
        der_put(w, ca, sizeof ca);
    }
    der_put_header(w, DER_SEQUENCE, end);
    x509_put_extension_header(w, 19, true, end);

    end = w->at;
    x509_key_id(issuer_key, issuer_key_len, id);
    der_put_element(w, DER_CONTEXT, id, sizeof id);
    der_put_header(w, DER_SEQUENCE, end);
    x509_put_extension_header(w, 35, false, end);

    if (spec->is_ca) { /* RFC 5280 §4.2.1.2: required for authorities; leaves save the 31 bytes */
        end = w->at;
        x509_key_id(spec->public_key, spec_key_len(spec), id);
        der_put_element(w, DER_OCTET_STRING, id, sizeof id);
        x509_put_extension_header(w, 14, false, end);
    }
    der_put_header(w, DER_SEQUENCE, all);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 3, all);
}

/* ---- whole documents ---- */

static bool is_spec_valid(const struct wb_x509_spec *spec)
{
    if (spec->serial_len < 1 || spec->serial_len > 20 || spec->serial[0] >= 0x80 ||
        (spec->serial_len > 1 && spec->serial[0] == 0 && spec->serial[1] < 0x80) ||
        (spec->serial_len == 1 && spec->serial[0] == 0)) {
        return false;
    }
    if (!x509_is_name_valid(spec->common_name, WB_X509_NAME_MAX) || spec->not_before < 0 ||
        spec->not_after < spec->not_before || spec->not_after > WB_X509_NO_EXPIRY ||
        spec->alt_name_count > WB_X509_ALT_NAME_MAX || spec->path_len > 127) {
        return false;
    }
    for (size_t i = 0; i < spec->alt_name_count; i++) {
        if (!x509_is_name_valid(spec->alt_names[i], 253)) {
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

enum wb_err wb_x509_write(const struct wb_x509_spec *spec, const struct wb_x509_issuer *issuer,
                          uint8_t *der, size_t cap, size_t *len)
{
    return wb_x509_write_with(spec, issuer, &wb_x509_ed25519, der, cap, len);
}

enum wb_err wb_x509_write_with(const struct wb_x509_spec *spec, const struct wb_x509_issuer *issuer,
                               const struct wb_x509_algorithm *algorithm, uint8_t *der, size_t cap,
                               size_t *len)
{
    static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
    if (!is_spec_valid(spec)) {
        return WB_ERR_VALUE;
    }
    struct wb_bytes identifier = x509_scheme_identifier(x509_sign_scheme(algorithm));
    struct der_writer w;
    der_writer_init(&w, der, cap);
    put_extensions(&w, spec, issuer->public_key,
                   x509_key_len((enum wb_x509_key_type)algorithm->key_type));
    x509_put_key_info(&w, spec->key_type, spec->public_key, spec_key_len(spec));
    x509_put_name(&w, spec->common_name);
    size_t validity_end = w.at;
    x509_put_time(&w, spec->not_after);
    x509_put_time(&w, spec->not_before);
    der_put_header(&w, DER_SEQUENCE, validity_end);
    der_put(&w, issuer->subject.data, issuer->subject.len);
    der_put(&w, identifier.data, identifier.len);
    der_put_element(&w, DER_INTEGER, spec->serial, spec->serial_len);
    der_put(&w, version_3, sizeof version_3);
    der_put_header(&w, DER_SEQUENCE, cap);
    size_t tbs_len;
    WB_TRY(der_finish(&w, &tbs_len));
    return x509_sign_document(der, cap, tbs_len, algorithm, issuer->private_key, issuer->public_key,
                              len);
}

enum wb_err wb_x509_write_self_signed(const struct wb_x509_spec *spec,
                                      const uint8_t private_key[32], uint8_t *der, size_t cap,
                                      size_t *len)
{
    return wb_x509_write_self_signed_with(spec, &wb_x509_ed25519, private_key, der, cap, len);
}

enum wb_err wb_x509_write_self_signed_with(const struct wb_x509_spec *spec,
                                           const struct wb_x509_algorithm *algorithm,
                                           const uint8_t private_key[32], uint8_t *der, size_t cap,
                                           size_t *len)
{
    uint8_t name[WB_X509_NAME_MAX + 16];
    struct der_writer w;
    if (!is_spec_valid(spec)) {
        return WB_ERR_VALUE;
    }
    der_writer_init(&w, name, sizeof name);
    x509_put_name(&w, spec->common_name);
    size_t name_len;
    WB_TRY(der_finish(&w, &name_len));
    struct wb_x509_issuer self = {{name, name_len}, private_key, spec->public_key};
    return wb_x509_write_with(spec, &self, algorithm, der, cap, len);
}
