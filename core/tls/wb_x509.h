/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_x509.h: X.509 certificates with Ed25519, P-256 and RSA keys: reading, checking, writing;
 * certificate requests; revocation lists.
 * Shape    structs that point into the caller's DER; checks are plain functions; which signatures
 *          can be verified is a table (wb_x509_algorithm), so that boards link what they use
 * Limits   certificates below 64 KiB; serial numbers up to 20 bytes; 8 names when writing; paths of
 *          WB_X509_PATH_MAX intermediates
 * Memory   no heap; whoever holds a parsed struct holds its DER
 * Errors   code and wb_fault with what is wrong; where = {0, byte offset in the DER}
 * Source   RFC 5280, RFC 8410 (Ed25519), RFC 5480 (P-256), RFC 4055 (RSA), RFC 9525 (names), RFC
 * 2986 (requests), X.690 (DER, strict)
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

/* ---- keys and signatures ---- */

enum wb_x509_key_type {
    WB_X509_KEY_NONE, /* where a caller says nothing, Ed25519 is meant */
    WB_X509_KEY_ED25519,
    WB_X509_KEY_P256,
    WB_X509_KEY_RSA,
};

/* Signature algorithms are named by TLS's code points (RFC 8446 §4.2.3), also in certificates:
 * there, 0x0503 and 0x0603 are ECDSA with SHA-384 and SHA-512 whatever the curve. */
#define WB_X509_ED25519          0x0807u
#define WB_X509_ECDSA_SHA256     0x0403u
#define WB_X509_ECDSA_SHA384     0x0503u
#define WB_X509_ECDSA_SHA512     0x0603u
#define WB_X509_RSA_PKCS1_SHA256 0x0401u
#define WB_X509_RSA_PKCS1_SHA384 0x0501u
#define WB_X509_RSA_PKCS1_SHA512 0x0601u
#define WB_X509_RSA_PSS_SHA256   0x0804u
#define WB_X509_RSA_PSS_SHA384   0x0805u
#define WB_X509_RSA_PSS_SHA512   0x0806u

#define WB_X509_SIGNATURE_MAX  512u /* RSA with 4,096 bits; Ed25519 64, ECDSA P-256 72 */
#define WB_X509_PUBLIC_KEY_MAX 65u  /* of the keys that sign here: Ed25519 32, P-256 65 */

/* What one kind of key can do. Public keys: Ed25519 32 bytes; P-256 the uncompressed point, 65
 * bytes; RSA an RSAPublicKey in DER (RFC 8017 §A.1.1). Private keys have 32 bytes. */
struct wb_x509_algorithm {
    uint8_t key_type; /* enum wb_x509_key_type */
    /* Outcomes: WB_ERR_SIGNATURE, WB_ERR_KEY, WB_ERR_UNSUPPORTED (scheme of another key). */
    enum wb_err (*verify)(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                          const void *message, size_t len, const uint8_t *signature,
                          size_t signature_len);
    /* NULL: such keys only verify. signature has room for 72 bytes. Outcomes: WB_ERR_KEY,
     * WB_ERR_UNSUPPORTED. */
    enum wb_err (*sign)(uint16_t scheme, const uint8_t private_key[32], const uint8_t *public_key,
                        const void *message, size_t len, uint8_t *signature, size_t *signature_len);
    /* The public key that belongs to a private one; NULL like sign. Outcomes: WB_ERR_KEY. */
    enum wb_err (*public_key)(uint8_t public_key[WB_X509_PUBLIC_KEY_MAX], size_t *public_key_len,
                              const uint8_t private_key[32]);
};

/* Made of core/crypto. Lists end with NULL. */
extern const struct wb_x509_algorithm wb_x509_ed25519;
extern const struct wb_x509_algorithm wb_x509_p256;
extern const struct wb_x509_algorithm wb_x509_rsa;                       /* verifies only */
extern const struct wb_x509_algorithm *const wb_x509_algorithms[];       /* all three */
extern const struct wb_x509_algorithm *const wb_x509_algorithms_small[]; /* Ed25519 alone */

/* The row for a kind of key; NULL when the list lacks it. */
const struct wb_x509_algorithm *
wb_x509_algorithm_find(const struct wb_x509_algorithm *const *algorithms,
                       enum wb_x509_key_type key_type);
/* The kind of key that makes signatures of this scheme; WB_X509_KEY_NONE for unknown ones. */
enum wb_x509_key_type wb_x509_scheme_key_type(uint16_t scheme);

/* Reads an RSAPublicKey (modulus, exponent); both borrow. Outcomes: WB_ERR_FORMAT. */
enum wb_err wb_x509_rsa_key_read(const void *der, size_t len,
                                 struct wb_rsa_public_key *key) WB_MUST_USE;

/* ---- reading ---- */

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
    const uint8_t *public_key; /* form: see wb_x509_algorithm */
    const uint8_t *signature;
    uint16_t public_key_len;
    uint16_t signature_len;
    uint16_t scheme;                     /* of the signature */
    uint8_t key_type;                    /* enum wb_x509_key_type */
    struct wb_bytes key_info;            /* SubjectPublicKeyInfo, with its header */
    struct wb_bytes permitted, excluded; /* nameConstraints: contents of the lists, empty: none */
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
 * other keys than Ed25519, P-256 and RSA and signatures other than theirs (WB_ERR_UNSUPPORTED),
 * unknown critical extensions (WB_ERR_CERTIFICATE), anything that is not DER (WB_ERR_FORMAT).
 * Nothing is verified. fault may be NULL. */
enum wb_err wb_x509_parse(struct wb_x509_cert *cert, const void *der, size_t len,
                          struct wb_fault *fault) WB_MUST_USE;

/* Whom one trusts: a CA certificate's subject and key. Borrows the DER. */
struct wb_x509_anchor {
    struct wb_bytes subject;
    const uint8_t *public_key;
    wb_unix_s not_before;
    wb_unix_s not_after;
    struct wb_bytes der;
    uint16_t public_key_len;
    uint8_t key_type;
    int8_t path_len;                     /* of its basicConstraints, -1: none */
    struct wb_bytes permitted, excluded; /* its nameConstraints */
};

/* Makes a trust anchor of a CA certificate (basicConstraints CA, keyUsage keyCertSign when
 * present). Its own signature is not checked: trust comes from the caller. der is kept as long as
 * the anchor is used. */
enum wb_err wb_x509_anchor_init(struct wb_x509_anchor *anchor, const void *der, size_t len,
                                struct wb_fault *fault) WB_MUST_USE;

/* A revocation list whose signature was verified. Borrows the DER. */
struct wb_x509_crl {
    struct wb_bytes issuer;  /* Name, with its header */
    struct wb_bytes revoked; /* content of revokedCertificates; empty: none */
    wb_unix_s this_update;
    wb_unix_s next_update; /* 0: not said */
};

#define WB_X509_PATH_MAX 6u /* intermediates in a path */

/* What a certificate is checked for. */
struct wb_x509_check {
    const struct wb_x509_anchor *anchors;
    size_t anchor_count;
    wb_unix_s unix_now; /* 0: unknown, validity is not checked */
    enum wb_x509_purpose purpose;
    const char *server_name; /* DNS name or IP address text; NULL: names are not compared */
    bool accept_self_issued; /* take a self-signed end-entity certificate, too */
    const struct wb_x509_algorithm *const *algorithms; /* NULL: wb_x509_algorithms_small */
    /* wb_x509_verify_path only: */
    const struct wb_bytes *intermediates; /* certificates in DER that may help, in any order */
    size_t intermediate_count;
    const struct wb_x509_crl *crls; /* every certificate whose issuer has one here is looked up */
    size_t crl_count;
};

/* Checks a leaf against the anchors: issuer, signature, validity, keyUsage, extendedKeyUsage,
 * names. A leaf that is byte for byte an anchor's certificate is trusted. *is_self_issued (may be
 * NULL) tells which rule let it pass. Outcomes: WB_ERR_CERTIFICATE_UNTRUSTED,
 * WB_ERR_CERTIFICATE_EXPIRED, WB_ERR_CERTIFICATE (usage, name), WB_ERR_SIGNATURE. */
enum wb_err wb_x509_verify(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                           bool *is_self_issued, struct wb_fault *fault) WB_MUST_USE;
/* The same by way of intermediates (RFC 5280 §6: basicConstraints with pathLenConstraint, keyUsage,
 * extendedKeyUsage, nameConstraints, validity) and with revocation lists. At most WB_X509_PATH_MAX
 * intermediates and 32 signatures are tried. Further outcomes: WB_ERR_CERTIFICATE_REVOKED;
 * WB_ERR_CERTIFICATE_EXPIRED, too, when an issuer's list is out of date (fault says so). */
enum wb_err wb_x509_verify_path(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                                bool *is_self_issued, struct wb_fault *fault) WB_MUST_USE;
typedef enum wb_err (*wb_x509_verify_fn)(const struct wb_x509_cert *cert,
                                         const struct wb_x509_check *check, bool *is_self_issued,
                                         struct wb_fault *fault);

/* Parses a revocation list (RFC 5280 §5, version 2) and verifies its issuer's signature. Refused:
 * unknown critical extensions (delta and indirect lists among them), an issuer that may not sign
 * lists. algorithms NULL: wb_x509_algorithms_small. Outcomes: as wb_x509_parse, WB_ERR_SIGNATURE,
 * WB_ERR_CERTIFICATE_UNTRUSTED (list of another issuer). */
enum wb_err wb_x509_crl_init(struct wb_x509_crl *crl, const void *der, size_t len,
                             const struct wb_x509_cert *issuer,
                             const struct wb_x509_algorithm *const *algorithms,
                             struct wb_fault *fault) WB_MUST_USE;
/* Is this serial number (content of its INTEGER) on the list? *when: since when; may be NULL. */
bool wb_x509_crl_has(const struct wb_x509_crl *crl, struct wb_bytes serial, wb_unix_s *when);

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
    const uint8_t *private_key; /* 32 bytes */
    const uint8_t *public_key;  /* Ed25519 32 bytes, P-256 65 */
};

struct wb_x509_spec {
    const uint8_t *serial;     /* positive; leading bit is cleared by the caller */
    size_t serial_len;         /* 1..20 */
    const char *common_name;   /* 1..64 bytes of UTF-8 */
    const uint8_t *public_key; /* subject's, in the form of its key_type */
    wb_unix_s not_before;
    wb_unix_s not_after;
    bool is_ca;       /* CA: keyCertSign, cRLSign, path length 0; otherwise digitalSignature */
    uint8_t purposes; /* wb_x509_purpose bits; 0: no extendedKeyUsage */
    const char *const *alt_names;   /* DNS names or IP address texts */
    size_t alt_name_count;          /* at most WB_X509_ALT_NAME_MAX */
    enum wb_x509_key_type key_type; /* WB_X509_KEY_NONE: Ed25519 */
    size_t public_key_len;          /* RSA only */
    uint8_t path_len;               /* CA: intermediates that may follow it; 0: none */
};

/* Writes a certificate. issuer NULL is not allowed; a self-signed one names itself: see
 * wb_x509_write_self_signed. Outcomes: WB_ERR_SPACE, WB_ERR_VALUE (name, serial or period out of
 * range). */
enum wb_err wb_x509_write(const struct wb_x509_spec *spec, const struct wb_x509_issuer *issuer,
                          uint8_t *der, size_t cap, size_t *len) WB_MUST_USE;
enum wb_err wb_x509_write_self_signed(const struct wb_x509_spec *spec,
                                      const uint8_t private_key[32], uint8_t *der, size_t cap,
                                      size_t *len) WB_MUST_USE;

/* The same with any algorithm that signs (keys in its form). */
enum wb_err wb_x509_write_with(const struct wb_x509_spec *spec, const struct wb_x509_issuer *issuer,
                               const struct wb_x509_algorithm *algorithm, uint8_t *der, size_t cap,
                               size_t *len) WB_MUST_USE;
enum wb_err wb_x509_write_self_signed_with(const struct wb_x509_spec *spec,
                                           const struct wb_x509_algorithm *algorithm,
                                           const uint8_t private_key[32], uint8_t *der, size_t cap,
                                           size_t *len) WB_MUST_USE;

/* ---- revocation lists ---- */

struct wb_x509_revoked {
    const uint8_t *serial; /* as wb_x509_spec.serial */
    size_t serial_len;
    wb_unix_s when;
};

/* Writes a revocation list with a number (RFC 5280 §5.2.3; it must grow from list to list).
 * Outcomes: as wb_x509_write. Length: about 200 bytes and 40 an entry. */
enum wb_err wb_x509_crl_write(const struct wb_x509_issuer *issuer,
                              const struct wb_x509_algorithm *algorithm, uint64_t number,
                              wb_unix_s this_update, wb_unix_s next_update,
                              const struct wb_x509_revoked *revoked, size_t revoked_count,
                              uint8_t *der, size_t cap, size_t *len) WB_MUST_USE;

/* ---- certificate requests (PKCS#10) ---- */

struct wb_x509_request {
    struct wb_bytes subject;
    struct wb_bytes common_name;
    const uint8_t *public_key; /* form: see wb_x509_algorithm */
    size_t public_key_len;
    enum wb_x509_key_type key_type;
};

/* Writes a request for common_name, signed with the key it is for. Outcomes as wb_x509_write. */
enum wb_err wb_x509_request_write(const char *common_name, const uint8_t private_key[32],
                                  const uint8_t public_key[32], uint8_t *der, size_t cap,
                                  size_t *len) WB_MUST_USE;
/* The same with any algorithm that signs. */
enum wb_err wb_x509_request_write_with(const char *common_name,
                                       const struct wb_x509_algorithm *algorithm,
                                       const uint8_t private_key[32], const uint8_t *public_key,
                                       uint8_t *der, size_t cap, size_t *len) WB_MUST_USE;
/* Parses a request and verifies its signature (proof of possession). Borrows der. Its attributes
 * are read over, not obeyed. */
enum wb_err wb_x509_request_parse(struct wb_x509_request *request, const void *der, size_t len,
                                  struct wb_fault *fault) WB_MUST_USE;
/* The same for keys of all these algorithms; wb_x509_request_parse takes Ed25519 alone. */
enum wb_err wb_x509_request_parse_with(struct wb_x509_request *request, const void *der, size_t len,
                                       const struct wb_x509_algorithm *const *algorithms,
                                       struct wb_fault *fault) WB_MUST_USE;

#endif
