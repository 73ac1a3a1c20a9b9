/* SPDX-License-Identifier: AGPL-3.0-only */
/* AlgorithmIdentifiers of keys (RFC 5480, RFC 8410, RFC 3279) and signatures (RFC 5758, RFC 4055,
 * RFC 8410). Each has one spelling in DER, so they are compared as bytes. */
#include <string.h>

#include "der.h"
#include "x509.h"

static const uint8_t id_p256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                  0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
/* rsaEncryption; for signatures, the last byte of the OID is another */
static const uint8_t id_rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
#define RSA_OID_END 12u
static const uint8_t id_ecdsa[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                   0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
#define ECDSA_OID_END 11u
/* RSASSA-PSS with SHA-256, MGF1 with SHA-256, 32 bytes of salt; other hashes differ in 3 bytes */
static const uint8_t id_pss[] = {
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30,
    0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
    0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
    0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x20};
#define PSS_HASH_AT 29u
#define PSS_MGF_AT  61u
#define PSS_SALT_AT 66u
_Static_assert(sizeof id_pss == PSS_SALT_AT + 1, "the salt's length is the last byte");

/* Equal but for the bytes at these places? */
static bool is_like(struct wb_bytes a, const uint8_t *pattern, size_t len, size_t at1, size_t at2,
                    size_t at3)
{
    const uint8_t *bytes = a.data;
    if (a.len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != pattern[i] && i != at1 && i != at2 && i != at3) {
            return false;
        }
    }
    return true;
}

uint16_t x509_scheme(struct wb_bytes algorithm)
{
    const uint8_t *a = algorithm.data;
    if (der_is(algorithm, der_ed25519, DER_ED25519_LEN)) {
        return WB_X509_ED25519;
    }
    if (is_like(algorithm, id_ecdsa, sizeof id_ecdsa, ECDSA_OID_END, 0, 0) &&
        a[ECDSA_OID_END] >= 2 && a[ECDSA_OID_END] <= 4) {
        return (uint16_t)(WB_X509_ECDSA_SHA256 + (a[ECDSA_OID_END] - 2) * 0x100);
    }
    if (is_like(algorithm, id_rsa, sizeof id_rsa, RSA_OID_END, 0, 0) && a[RSA_OID_END] >= 11 &&
        a[RSA_OID_END] <= 13) {
        return (uint16_t)(WB_X509_RSA_PKCS1_SHA256 + (a[RSA_OID_END] - 11) * 0x100);
    }
    if (is_like(algorithm, id_pss, sizeof id_pss, PSS_HASH_AT, PSS_MGF_AT, PSS_SALT_AT) &&
        a[PSS_HASH_AT] >= 1 && a[PSS_HASH_AT] <= 3 && a[PSS_MGF_AT] == a[PSS_HASH_AT] &&
        a[PSS_SALT_AT] == 16 * (a[PSS_HASH_AT] + 1)) {
        return (uint16_t)(WB_X509_RSA_PSS_SHA256 + a[PSS_HASH_AT] - 1);
    }
    return 0;
}

struct wb_bytes x509_scheme_identifier(uint16_t scheme)
{
    return scheme == WB_X509_ED25519 ? (struct wb_bytes){der_ed25519, DER_ED25519_LEN}
                                     : (struct wb_bytes){id_ecdsa, sizeof id_ecdsa};
}

struct wb_bytes x509_key_identifier(enum wb_x509_key_type key_type)
{
    return key_type == WB_X509_KEY_RSA    ? (struct wb_bytes){id_rsa, sizeof id_rsa}
           : key_type == WB_X509_KEY_P256 ? (struct wb_bytes){id_p256, sizeof id_p256}
                                          : (struct wb_bytes){der_ed25519, DER_ED25519_LEN};
}

enum wb_err x509_key_parse(struct wb_bytes info, uint8_t *key_type, struct wb_bytes *key)
{
    struct wb_reader all;
    wb_reader_init(&all, info.data, info.len);
    struct wb_reader r = der_enter(&all, DER_SEQUENCE);
    struct wb_bytes algorithm = der_take_whole(&r, DER_SEQUENCE);
    *key = der_take_bits(&r);
    der_end(&r);
    der_end(&all);
    if (all.err != WB_OK || r.err != WB_OK || key->len > UINT16_MAX) {
        return WB_ERR_FORMAT;
    }
    if (der_is(algorithm, der_ed25519, DER_ED25519_LEN)) {
        *key_type = WB_X509_KEY_ED25519;
        return key->len == 32 ? WB_OK : WB_ERR_FORMAT;
    }
    if (der_is(algorithm, id_p256, sizeof id_p256)) { /* RFC 5480 §2.2: compressed is optional */
        *key_type = WB_X509_KEY_P256;
        return key->len != WB_P256_POINT_LEN         ? WB_ERR_UNSUPPORTED
               : *(const uint8_t *)key->data == 0x04 ? WB_OK
                                                     : WB_ERR_FORMAT;
    }
    if (der_is(algorithm, id_rsa, sizeof id_rsa)) { /* its form is checked by who verifies */
        *key_type = WB_X509_KEY_RSA;
        return WB_OK;
    }
    return WB_ERR_UNSUPPORTED;
}

enum wb_err x509_verify_signature(const struct wb_x509_algorithm *const *algorithms,
                                  uint8_t key_type, const uint8_t *public_key,
                                  size_t public_key_len, uint16_t scheme, struct wb_bytes message,
                                  const uint8_t *signature, size_t signature_len)
{
    const struct wb_x509_algorithm *algorithm =
        wb_x509_algorithm_find(algorithms != NULL ? algorithms : wb_x509_algorithms_small,
                               (enum wb_x509_key_type)key_type);
    if (algorithm == NULL) {
        return WB_ERR_UNSUPPORTED;
    }
    if (wb_x509_scheme_key_type(scheme) != (enum wb_x509_key_type)key_type) {
        return WB_ERR_SIGNATURE; /* of another kind of key: cannot be this one's */
    }
    return algorithm->verify(scheme, public_key, public_key_len, message.data, message.len,
                             signature, signature_len);
}
