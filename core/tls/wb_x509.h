/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_x509.h: X.509 certificates with Ed25519: reading, checking, writing; certificate requests.
 * Shape    structs that point into the caller's DER; checks are plain functions
 * Limits   certificates below 64 KiB; serial numbers up to 20 bytes; 8 names when writing
 * Memory   no heap; whoever holds a parsed struct holds its DER
 * Errors   code and wb_fault with what is wrong; where = {0, byte offset in the DER}
 * Source   RFC 5280, RFC 8410 (Ed25519), RFC 9525 (names), RFC 2986 (requests), X.690 (DER, strict)
 */
#ifndef WB_X509_H
#define WB_X509_H

#include "wb_base.h"
#include "wb_crypto.h"

#define WB_X509_NAME_MAX 64u /* common names (RFC 5280, ub-common-name) */

/* Bits of keyUsage (RFC 5280 §4.2.1.3) that are looked at. */
enum wb_x509_key_usage {
    WB_X509_KEY_USAGE_DIGITAL_SIGNATURE = 1u << 0,
    WB_X509_KEY_USAGE_CERT_SIGN = 1u << 5,
    WB_X509_KEY_USAGE_CRL_SIGN = 1u << 6,
};

/* Purposes of extendedKeyUsage, as bits. */
enum wb_x509_purpose {
    WB_X509_SERVER_AUTH = 1u << 0,
    WB_X509_CLIENT_AUTH = 1u << 1,
    WB_X509_ANY_PURPOSE = 1u << 2,
};

/* A parsed certificate. All wb_bytes borrow the DER it was parsed from. */
struct wb_x509_cert {
    struct wb_bytes der;     /* the whole certificate */
    struct wb_bytes tbs;     /* what is signed */
    struct wb_bytes serial;  /* content of the INTEGER */
    struct wb_bytes issuer;  /* Name, with its header */
    struct wb_bytes subject; /* Name, with its header */
    struct wb_bytes
        common_name; /* the subject's last CN, as text without terminator; empty when none */
    struct wb_bytes alt_names; /* content of subjectAltName; empty when absent */
    const uint8_t *public_key; /* Ed25519, 32 bytes */
    const uint8_t *signature;  /* Ed25519, 64 bytes */
    wb_unix_s not_before;
    wb_unix_s not_after;
    uint16_t key_usage; /* wb_x509_key_usage; has_key_usage says whether present */
    uint8_t purposes;   /* wb_x509_purpose; has_purposes says whether present */
    int8_t path_len;    /* pathLenConstraint, -1: none */
    bool has_key_usage, has_purposes, is_ca, has_subject_key_id, has_authority_key_id;
    struct wb_bytes subject_key_id;
    struct wb_bytes authority_key_id;
};

/* Parses one DER certificate, complete and without bytes behind it. Refused: other versions than 3,
 * other keys and signatures than Ed25519 (WB_ERR_UNSUPPORTED), unknown critical extensions
 * (WB_ERR_CERTIFICATE), anything that is not DER (WB_ERR_FORMAT). Nothing is verified. fault may be
 * NULL. */
enum wb_err wb_x509_parse(struct wb_x509_cert *cert, const void *der, size_t len,
                          struct wb_fault *fault) WB_MUST_USE;

/* Whom one trusts: a CA certificate's subject and key. Borrows the DER. */
struct wb_x509_anchor {
    struct wb_bytes subject;
    const uint8_t *public_key;
    wb_unix_s not_before;
    wb_unix_s not_after;
    struct wb_bytes der;
};

/* Makes a trust anchor of a CA certificate (basicConstraints CA, keyUsage keyCertSign when
 * present). Its own signature is not checked: trust comes from the caller. der is kept as long as
 * the anchor is used. */
enum wb_err wb_x509_anchor_init(struct wb_x509_anchor *anchor, const void *der, size_t len,
                                struct wb_fault *fault) WB_MUST_USE;

typedef enum wb_err (*wb_x509_verify_fn)(const uint8_t signature[64], const uint8_t public_key[32],
                                         const void *message, size_t len);

/* What a certificate is checked for. */
struct wb_x509_check {
    const struct wb_x509_anchor *anchors;
    size_t anchor_count;
    wb_unix_s unix_now; /* 0: unknown, validity is not checked */
    enum wb_x509_purpose purpose;
    const char *server_name;  /* DNS name or IP address text; NULL: names are not compared */
    bool accept_self_issued;  /* take a self-signed end-entity certificate, too */
    wb_x509_verify_fn verify; /* NULL: wb_ed25519_verify */
};

/* Checks a leaf against the anchors: issuer, signature, validity, keyUsage, extendedKeyUsage,
 * names. A leaf that is byte for byte an anchor's certificate is trusted. *is_self_issued (may be
 * NULL) tells which rule let it pass. Outcomes: WB_ERR_CERTIFICATE_UNTRUSTED,
 * WB_ERR_CERTIFICATE_EXPIRED, WB_ERR_CERTIFICATE (usage, name), WB_ERR_SIGNATURE. */
enum wb_err wb_x509_verify(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                           bool *is_self_issued, struct wb_fault *fault) WB_MUST_USE;

/* Does the certificate carry this DNS name or IP address text in subjectAltName? RFC 9525 §6.3:
 * case is ignored, "*" stands for a whole leftmost label; a common name never matches. */
bool wb_x509_has_name(const struct wb_x509_cert *cert, const char *name);

/* Reads an IPv4 or IPv6 address text into 4 or 16 bytes; returns that length, 0 when it is no
 * address. */
size_t wb_x509_ip_parse(const char *text, uint8_t out[16]);

/* ---- writing ---- */

#define WB_X509_ALT_NAME_MAX 8u
#define WB_X509_CERT_MAX     1024u /* enough for every certificate that wb_x509_write makes */
#define WB_X509_NO_EXPIRY                                                                          \
    253402300799 /* 9999-12-31T23:59:59Z: no well-defined end (RFC 5280 §4.1.2.5) */

/* The CA that signs. */
struct wb_x509_issuer {
    struct wb_bytes subject;    /* its Name in DER, e.g. wb_x509_cert.subject */
    const uint8_t *private_key; /* Ed25519 seed, 32 bytes */
    const uint8_t *public_key;  /* 32 bytes */
};

struct wb_x509_spec {
    const uint8_t *serial;     /* positive; leading bit is cleared by the caller */
    size_t serial_len;         /* 1..20 */
    const char *common_name;   /* 1..64 bytes of UTF-8 */
    const uint8_t *public_key; /* subject's, 32 bytes */
    wb_unix_s not_before;
    wb_unix_s not_after;
    bool is_ca;       /* CA: keyCertSign, cRLSign, path length 0; otherwise digitalSignature */
    uint8_t purposes; /* wb_x509_purpose bits; 0: no extendedKeyUsage */
    const char *const *alt_names; /* DNS names or IP address texts */
    size_t alt_name_count;        /* at most WB_X509_ALT_NAME_MAX */
};

/* Writes a certificate. issuer NULL is not allowed; a self-signed one names itself: see
 * wb_x509_write_self_signed. Outcomes: WB_ERR_SPACE, WB_ERR_VALUE (name, serial or period out of
 * range). */
enum wb_err wb_x509_write(const struct wb_x509_spec *spec, const struct wb_x509_issuer *issuer,
                          uint8_t *der, size_t cap, size_t *len) WB_MUST_USE;
enum wb_err wb_x509_write_self_signed(const struct wb_x509_spec *spec,
                                      const uint8_t private_key[32], uint8_t *der, size_t cap,
                                      size_t *len) WB_MUST_USE;

/* ---- certificate requests (PKCS#10) ---- */

struct wb_x509_request {
    struct wb_bytes subject;
    struct wb_bytes common_name;
    const uint8_t *public_key; /* 32 bytes */
};

/* Writes a request for common_name, signed with the key it is for. Outcomes as wb_x509_write. */
enum wb_err wb_x509_request_write(const char *common_name, const uint8_t private_key[32],
                                  const uint8_t public_key[32], uint8_t *der, size_t cap,
                                  size_t *len) WB_MUST_USE;
/* Parses a request and verifies its signature (proof of possession). Borrows der. Its attributes
 * are read over, not obeyed. */
enum wb_err wb_x509_request_parse(struct wb_x509_request *request, const void *der, size_t len,
                                  struct wb_fault *fault) WB_MUST_USE;

#endif
