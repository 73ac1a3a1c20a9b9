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
void x509_key_id(const uint8_t public_key[32], uint8_t id[X509_KEY_ID_LEN]);

/* Reads over a Name; *common_name (may be NULL) borrows its last CN, or stays as it is. */
enum wb_err x509_name_parse(struct wb_bytes name, struct wb_bytes *common_name,
                            struct wb_fault *fault) WB_MUST_USE;

#endif
