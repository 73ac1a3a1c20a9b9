/* SPDX-License-Identifier: AGPL-3.0-only */
/* x509_put.h: parts of what is written. All write backwards. */
#ifndef WB_TLS_X509_PUT_H
#define WB_TLS_X509_PUT_H

#include "der.h"
#include "x509.h"

/* Name with one CN. */
void x509_put_name(struct der_writer *w, const char *common_name);
void x509_put_key_info(struct der_writer *w, enum wb_x509_key_type key_type,
                       const uint8_t *public_key, size_t public_key_len);
void x509_put_time(struct der_writer *w, wb_unix_s time);
/* Closes the extension whose value was written since end. id: last byte of the OID 2.5.29.x. */
void x509_put_extension_header(struct der_writer *w, uint8_t id, bool is_critical, size_t end);
/* 1 to len_max bytes without control characters. */
bool x509_is_name_valid(const char *name, size_t len_max);
/* Length of a public key that signs here. */
size_t x509_key_len(enum wb_x509_key_type key_type);
/* The scheme that documents are signed with. */
uint16_t x509_sign_scheme(const struct wb_x509_algorithm *algorithm);
/* The signed part lies at the start of der, tbs_len bytes; adds algorithm and signature around it.
 */
enum wb_err x509_sign_document(uint8_t *der, size_t cap, size_t tbs_len,
                               const struct wb_x509_algorithm *algorithm,
                               const uint8_t private_key[32], const uint8_t *public_key,
                               size_t *len) WB_MUST_USE;

#endif
