/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_pki.h: keys, certificates and the platform's authority in files.
 * Shape    plain functions; every failure writes one line naming file and reason into err_text
 * Limits   WB_PKI_CHAIN_MAX certificates a file; PEM files up to 64 KiB
 * Memory   a few structs of the caller's; wb_pki_identity_wipe wipes keys. Files are written
 * atomically (temporary file, fsync, rename), private keys with mode 0600 Errors   wb_err and
 * err_text; both are complete sentences without a newline
 */
#ifndef WB_PKI_H
#define WB_PKI_H

#include "wb_base.h"
#include "wb_libcrypto.h"
#include "wb_tls.h"
#include "wb_x509.h"

#define WB_PKI_ERR_MAX   256u
#define WB_PKI_CHAIN_MAX 4u
#define WB_PKI_CERT_MAX  2048u /* longest certificate in DER */

typedef char wb_pki_err_text[WB_PKI_ERR_MAX];

/* A random function for wb_tls_cfg, by getrandom(2). ctx is not used. */
enum wb_err wb_pki_random(void *ctx, void *out, size_t len);

struct wb_pki_key {
    uint8_t private_key[32];
    uint8_t public_key[32];
};

/* A certificate authority that can sign. Fixed size, no pointers to outside: may be moved only
 * before use. */
struct wb_pki_ca {
    uint8_t der[WB_PKI_CERT_MAX];
    size_t der_len;
    struct wb_pki_key key;
    struct wb_x509_cert cert; /* borrows der */
};

/* A chain and its key, ready for wb_tls_cfg.credential. Must not be moved while its credential is
 * used. */
struct wb_pki_identity {
    uint8_t der[WB_PKI_CHAIN_MAX][WB_PKI_CERT_MAX];
    struct wb_bytes chain[WB_PKI_CHAIN_MAX];
    size_t chain_count;
    struct wb_pki_key key;              /* zeros when the key is none of Ed25519 */
    struct wb_libcrypto_key *other_key; /* P-256, RSA; NULL: key is it. Owned */
    struct wb_tls_credential credential;
};

/* Trust anchors, ready for wb_tls_cfg.anchors. */
struct wb_pki_anchors {
    uint8_t der[WB_PKI_CHAIN_MAX][WB_PKI_CERT_MAX];
    struct wb_x509_anchor anchors[WB_PKI_CHAIN_MAX];
    size_t count;
};

/* ---- keys ---- */

enum wb_err wb_pki_key_generate(struct wb_pki_key *key, wb_pki_err_text err_text) WB_MUST_USE;
/* PKCS#8 PEM. */
enum wb_err wb_pki_key_load(struct wb_pki_key *key, const char *path,
                            wb_pki_err_text err_text) WB_MUST_USE;
/* Replaces the file atomically; mode 0600. */
enum wb_err wb_pki_key_save(const struct wb_pki_key *key, const char *path,
                            wb_pki_err_text err_text) WB_MUST_USE;
/* Loads the key, or generates and saves it when the file does not exist. */
enum wb_err wb_pki_key_load_or_create(struct wb_pki_key *key, const char *path,
                                      wb_pki_err_text err_text) WB_MUST_USE;

/* ---- authority ---- */

/* Loads dir/ca-cert.pem and dir/ca-key.pem. Outcomes: WB_ERR_NOT_FOUND when neither exists. */
enum wb_err wb_pki_ca_load(struct wb_pki_ca *ca, const char *dir,
                           wb_pki_err_text err_text) WB_MUST_USE;
/* The same, creating directory (mode 0700), key and certificate (20 years) when neither file
 * exists; one without the other is an error, never silently replaced. */
enum wb_err wb_pki_ca_load_or_create(struct wb_pki_ca *ca, const char *dir, const char *common_name,
                                     wb_unix_s unix_now, wb_pki_err_text err_text) WB_MUST_USE;

/* Creates directory, key and certificate (20 years), as above. Outcomes: WB_ERR_EXISTS when either
 * file is there. */
enum wb_err wb_pki_ca_create(struct wb_pki_ca *ca, const char *dir, const char *common_name,
                             wb_unix_s unix_now, wb_pki_err_text err_text) WB_MUST_USE;

/* Issues a server certificate for a public key: names are DNS names or IP address texts, the first
 * one that is a DNS name is also the subject's CN. Valid from five minutes ago for `days`. */
enum wb_err wb_pki_issue_server(const struct wb_pki_ca *ca, const uint8_t public_key[32],
                                const char *const *names, size_t name_count, unsigned days,
                                wb_unix_s unix_now, uint8_t *der, size_t cap, size_t *len,
                                wb_pki_err_text err_text) WB_MUST_USE;
/* Issues a device's (client) certificate; common_name is the device id. Valid as above. */
enum wb_err wb_pki_issue_device(const struct wb_pki_ca *ca, const uint8_t public_key[32],
                                const char *common_name, unsigned days, wb_unix_s unix_now,
                                uint8_t *der, size_t cap, size_t *len,
                                wb_pki_err_text err_text) WB_MUST_USE;

/* Issues a certificate like an earlier one of this authority: same key, names and purposes, new
 * serial number. Valid as above. Outcomes: WB_ERR_CERTIFICATE_UNTRUSTED (another's certificate),
 * WB_ERR_UNSUPPORTED (it says more than we write). */
enum wb_err wb_pki_renew(const struct wb_pki_ca *ca, const struct wb_x509_cert *cert, unsigned days,
                         wb_unix_s unix_now, uint8_t *der, size_t cap, size_t *len,
                         wb_pki_err_text err_text) WB_MUST_USE;

/* Puts a certificate of this authority on its revocation list, dir/ca-crl.pem (valid for 30 days,
 * at most 1,000 entries), which is made when there is none. Outcomes: WB_ERR_EXISTS (on it
 * already), WB_ERR_CERTIFICATE_UNTRUSTED (another's certificate). */
enum wb_err wb_pki_revoke(const struct wb_pki_ca *ca, const char *dir,
                          const struct wb_x509_cert *cert, wb_unix_s unix_now,
                          wb_pki_err_text err_text) WB_MUST_USE;

/* ---- what certificates say, as text ---- */

#define WB_PKI_NAME_TEXT_MAX 256u

/* subjectAltName: DNS names and addresses as texts. */
struct wb_pki_names {
    char text[WB_X509_ALT_NAME_MAX][WB_PKI_NAME_TEXT_MAX];
    const char *names[WB_X509_ALT_NAME_MAX];
    size_t count;
    size_t others; /* names of other kinds, or beyond the limit */
};
void wb_pki_names_read(struct wb_pki_names *names, const struct wb_x509_cert *cert);
/* A Name as "CN=device-1, O=Example" in the order of the certificate, cut to cap; bytes that are
 * not printable are shown as "\\xx". Returns the number of attributes. */
size_t wb_pki_name_text(struct wb_bytes name, char *text, size_t cap);

/* ---- certificates in files ---- */

/* The certificates of a PEM file, in order. */
struct wb_pki_certs {
    uint8_t der[WB_PKI_CHAIN_MAX][WB_PKI_CERT_MAX];
    size_t len[WB_PKI_CHAIN_MAX];
    size_t count;
};
enum wb_err wb_pki_certs_load(struct wb_pki_certs *certs, const char *path,
                              wb_pki_err_text err_text) WB_MUST_USE;

/* The first block with this label (WB_PEM_...). Outcomes: WB_ERR_NOT_FOUND (file), WB_ERR_TYPE (no
 * such block). */
enum wb_err wb_pki_pem_load(const char *path, const char *label, uint8_t *der, size_t cap,
                            size_t *len, wb_pki_err_text err_text) WB_MUST_USE;
/* Replaces the file atomically (mode 0644) by one block. */
enum wb_err wb_pki_pem_save(const char *label, const void *der, size_t len, const char *path,
                            wb_pki_err_text err_text) WB_MUST_USE;

/* Replaces the file atomically (mode 0644) by these certificates in PEM. */
enum wb_err wb_pki_cert_save(const struct wb_bytes *chain, size_t count, const char *path,
                             wb_pki_err_text err_text) WB_MUST_USE;
/* Loads every certificate of a PEM file as a trust anchor. */
enum wb_err wb_pki_anchors_load(struct wb_pki_anchors *anchors, const char *path,
                                wb_pki_err_text err_text) WB_MUST_USE;
/* Makes an authority the only trust anchor. */
enum wb_err wb_pki_anchors_from_ca(struct wb_pki_anchors *anchors, const struct wb_pki_ca *ca,
                                   wb_pki_err_text err_text) WB_MUST_USE;
/* Loads chain (leaf first) and key and proves that they belong together. Keys: Ed25519 in PKCS#8;
 * P-256 and RSA in any form that libcrypto reads. */
enum wb_err wb_pki_identity_load(struct wb_pki_identity *identity, const char *cert_path,
                                 const char *key_path, wb_pki_err_text err_text) WB_MUST_USE;
/* Makes an identity of a certificate and key in memory; both are copied. */
enum wb_err wb_pki_identity_set(struct wb_pki_identity *identity, const void *cert_der,
                                size_t cert_len, const struct wb_pki_key *key,
                                wb_pki_err_text err_text) WB_MUST_USE;
/* Wipes the private key; the identity must have been loaded, set or zeroed before. */
void wb_pki_identity_wipe(struct wb_pki_identity *identity);

/* What `wasmbed up` needs: loads cert_path and key_path when they are there, belong together, were
 * issued by this CA, carry all names and stay valid for another third of `days`; otherwise issues
 * them anew (the key is kept when it is there) and saves both. */
enum wb_err wb_pki_server_ensure(struct wb_pki_identity *identity, const struct wb_pki_ca *ca,
                                 const char *cert_path, const char *key_path,
                                 const char *const *names, size_t name_count, unsigned days,
                                 wb_unix_s unix_now, wb_pki_err_text err_text) WB_MUST_USE;
enum wb_err wb_pki_device_ensure(struct wb_pki_identity *identity, const struct wb_pki_ca *ca,
                                 const char *cert_path, const char *key_path,
                                 const char *common_name, unsigned days, wb_unix_s unix_now,
                                 wb_pki_err_text err_text) WB_MUST_USE;

#endif
