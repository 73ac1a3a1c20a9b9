/* SPDX-License-Identifier: AGPL-3.0-only */
/* Private keys of every form: PKCS#8 (RFC 5958) around Ed25519 (RFC 8410), EC (RFC 5915, SEC 1) and
 * RSA (RFC 8017 §A.1.2), or the latter two bare. */
#include <string.h>

#include "der.h"
#include "text.h"
#include "wb_pem.h"
#include "x509.h"

static enum wb_err malformed(struct wb_fault *fault, const char *what)
{
    return wb_fault_set(fault, WB_ERR_FORMAT, what, NULL, 0, 0);
}

/* ECPrivateKey ::= SEQUENCE { 1, OCTET STRING, [0] curve, [1] public key }. The curve stands
 * outside in PKCS#8 and inside in SEC 1. */
static enum wb_err read_ec(struct wb_private_key *key, struct wb_reader *r, bool is_curve_known,
                           struct wb_fault *fault)
{
    static const uint8_t curve_p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x03, 0x01, 0x07};
    struct wb_bytes number = der_take(r, DER_OCTET_STRING);
    if (der_peek(r) == DER_CONTEXT_CONSTRUCTED) {
        struct wb_bytes curve = der_take(r, DER_CONTEXT_CONSTRUCTED);
        if (!der_is(curve, curve_p256, sizeof curve_p256)) {
            return wb_fault_set(fault, WB_ERR_UNSUPPORTED, TEXT("EC key is not on the curve P-256"),
                                TEXT("openssl ecparam -name prime256v1 -genkey makes one"), 0, 0);
        }
        is_curve_known = true;
    }
    if (der_peek(r) == (DER_CONTEXT_CONSTRUCTED | 1)) {
        (void)der_take(r, DER_CONTEXT_CONSTRUCTED | 1);
    }
    der_end(r);
    if (r->err != WB_OK || number.len != 32 || !is_curve_known) {
        return malformed(fault, TEXT("EC private key is malformed, or does not name its curve"));
    }
    key->key_type = WB_X509_KEY_P256;
    memcpy(key->private_key, number.data, 32);
    return WB_OK;
}

static enum wb_err read_rsa(struct wb_private_key *key, struct wb_reader *r,
                            struct wb_bytes modulus, struct wb_fault *fault)
{
    struct wb_bytes exponent = der_take(r, DER_INTEGER);
    for (unsigned i = 0; i < 6; i++) { /* d, p, q, dP, dQ, qInv */
        (void)der_take(r, DER_INTEGER);
    }
    der_end(r);
    if (r->err != WB_OK) {
        return malformed(fault, TEXT("RSA private key is malformed"));
    }
    key->key_type = WB_X509_KEY_RSA;
    key->modulus = modulus.data;
    key->modulus_len = modulus.len;
    key->exponent = exponent.data;
    key->exponent_len = exponent.len;
    return WB_OK;
}

/* The bare forms begin with their version: EC 1 and an OCTET STRING, RSA 0 and an INTEGER. */
static enum wb_err read_bare(struct wb_private_key *key, struct wb_bytes der, unsigned expected,
                             struct wb_fault *fault)
{
    struct wb_reader all;
    wb_reader_init(&all, der.data, der.len);
    struct wb_reader r = der_enter(&all, DER_SEQUENCE);
    der_end(&all);
    struct wb_bytes version = der_take(&r, DER_INTEGER);
    if (all.err != WB_OK || r.err != WB_OK || version.len != 1) {
        return malformed(fault, TEXT("private key is malformed"));
    }
    uint8_t number = *(const uint8_t *)version.data;
    if (expected != WB_X509_KEY_RSA && number == 1 && der_peek(&r) == DER_OCTET_STRING) {
        return read_ec(key, &r, expected == WB_X509_KEY_P256, fault);
    }
    if (expected != WB_X509_KEY_P256 && number == 0 && der_peek(&r) == DER_INTEGER) {
        key->rsa = der.data;
        key->rsa_len = der.len;
        return read_rsa(key, &r, der_take(&r, DER_INTEGER), fault);
    }
    return malformed(fault, TEXT("private key is neither PKCS#8 nor SEC 1 nor PKCS#1"));
}

static enum wb_err read_pkcs8(struct wb_private_key *key, struct wb_bytes der,
                              struct wb_fault *fault)
{
    struct wb_reader all;
    wb_reader_init(&all, der.data, der.len);
    struct wb_reader r = der_enter(&all, DER_SEQUENCE);
    (void)der_take(&r, DER_INTEGER);
    struct wb_bytes algorithm = der_take_whole(&r, DER_SEQUENCE);
    struct wb_bytes inner = der_take(&r, DER_OCTET_STRING);
    if (r.err != WB_OK) {
        return malformed(fault, TEXT("PKCS#8 private key is malformed"));
    }
    static const enum wb_x509_key_type types[] = {WB_X509_KEY_P256, WB_X509_KEY_RSA};
    for (size_t i = 0; i < WB_ARRAY_LEN(types); i++) {
        struct wb_bytes identifier = x509_key_identifier(types[i]);
        if (der_is(algorithm, identifier.data, identifier.len)) {
            return read_bare(key, inner, types[i], fault);
        }
    }
    key->key_type = WB_X509_KEY_ED25519;
    return wb_pkcs8_read_ed25519(der.data, der.len, key->private_key, fault);
}

enum wb_err wb_private_key_read(struct wb_private_key *key, const void *der, size_t len,
                                struct wb_fault *fault)
{
    struct wb_reader all;
    memset(key, 0, sizeof *key);
    wb_reader_init(&all, der, len);
    struct wb_reader r = der_enter(&all, DER_SEQUENCE);
    der_end(&all);
    if (all.err == WB_OK && der_peek(&r) == DER_SEQUENCE) {
        return wb_fault_set(fault, WB_ERR_UNSUPPORTED,
                            TEXT("private key is encrypted, or no private key"),
                            TEXT("openssl pkey -in FILE writes it without a password"), 0, 0);
    }
    (void)der_take(&r, DER_INTEGER);
    if (all.err != WB_OK || r.err != WB_OK) {
        return malformed(fault, TEXT("private key is not one complete DER sequence"));
    }
    struct wb_bytes whole = {der, len};
    enum wb_err err = der_peek(&r) == DER_SEQUENCE ? read_pkcs8(key, whole, fault)
                                                   : read_bare(key, whole, WB_X509_KEY_NONE, fault);
    if (err != WB_OK) {
        wb_wipe(key, sizeof *key);
    }
    return err;
}

void wb_pkcs8_write_p256(const uint8_t private_key[32], const uint8_t public_key[65],
                         uint8_t der[WB_PKCS8_P256_LEN])
{
    static const uint8_t head[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06,
                                   0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                   0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
                                   0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
    static const uint8_t middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};
    _Static_assert(sizeof head + 32 + sizeof middle + 65 == WB_PKCS8_P256_LEN, "lengths add up");
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, private_key, 32);
    memcpy(der + sizeof head + 32, middle, sizeof middle);
    memcpy(der + sizeof head + 32 + sizeof middle, public_key, 65);
}
