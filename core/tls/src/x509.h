/* SPDX-License-Identifier: AGPL-3.0-only */
/* x509.h: what the X.509 sources share. */
#ifndef WB_TLS_X509_PRIVATE_H
#define WB_TLS_X509_PRIVATE_H

#include "wb_x509.h"

#define X509_KEY_ID_LEN 20u

/* Seconds since 1970 of a date in the proleptic Gregorian calendar; false when there is no such
 * date. */
bool x509_unix_time(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                    unsigned second, wb_unix_s *out);

/* RFC 7093 §2, method 1: the leftmost 160 bits of the SHA-256 of the public key. */
void x509_key_id(const uint8_t *public_key, size_t len, uint8_t id[X509_KEY_ID_LEN]);

/* Code point of a signature AlgorithmIdentifier (with its header); 0: not supported. */
uint16_t x509_scheme(struct wb_bytes algorithm);
/* The AlgorithmIdentifier of a scheme that signs here: Ed25519, ECDSA with SHA-256. */
struct wb_bytes x509_scheme_identifier(uint16_t scheme);
/* Kind and bytes of a SubjectPublicKeyInfo. Outcomes: WB_ERR_FORMAT, WB_ERR_UNSUPPORTED. */
enum wb_err x509_key_parse(struct wb_bytes info, uint8_t *key_type,
                           struct wb_bytes *key) WB_MUST_USE;
/* AlgorithmIdentifier of a kind of key. */
struct wb_bytes x509_key_identifier(enum wb_x509_key_type key_type);
/* Verifies with the row for this kind of key. Outcomes: WB_ERR_UNSUPPORTED when there is none. */
enum wb_err x509_verify_signature(const struct wb_x509_algorithm *const *algorithms,
                                  uint8_t key_type, const uint8_t *public_key,
                                  size_t public_key_len, uint16_t scheme, struct wb_bytes message,
                                  const uint8_t *signature, size_t signature_len) WB_MUST_USE;
/* What is checked of an end entity besides its issuer. */
enum wb_err x509_verify_leaf(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                             struct wb_fault *fault) WB_MUST_USE;
bool x509_is_time_in(wb_unix_s now, wb_unix_s not_before, wb_unix_s not_after);
/* UTCTime or GeneralizedTime as RFC 5280 spells them. */
bool x509_time_read(struct wb_reader *r, wb_unix_s *out);
bool x509_is_same_text(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* Reads over a Name; *common_name (may be NULL) borrows its last CN, or stays as it is. */
enum wb_err x509_name_parse(struct wb_bytes name, struct wb_bytes *common_name,
                            struct wb_fault *fault) WB_MUST_USE;

#endif
