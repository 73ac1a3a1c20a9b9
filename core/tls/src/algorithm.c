/* SPDX-License-Identifier: AGPL-3.0-only */
/* Signature schemes: which kind of key makes them, and who can verify that. */
#include "algorithm.h"

const struct wb_x509_algorithm *
wb_x509_algorithm_find(const struct wb_x509_algorithm *const *algorithms,
                       enum wb_x509_key_type key_type)
{
    while (*algorithms != NULL && (*algorithms)->key_type != key_type) {
        algorithms++;
    }
    return *algorithms;
}

/* RFC 8446 §4.2.3 and RFC 5246 §7.4.1.4.1: the low byte says what signs, the high one the hash. */
enum wb_x509_key_type wb_x509_scheme_key_type(uint16_t scheme)
{
    if (scheme == WB_X509_ED25519) {
        return WB_X509_KEY_ED25519;
    }
    bool is_pss = scheme >= WB_X509_RSA_PSS_SHA256 && scheme <= WB_X509_RSA_PSS_SHA512;
    bool is_hash = scheme >> 8 >= 4 && scheme >> 8 <= 6;
    if (is_pss || (is_hash && (scheme & 0xff) == 1)) {
        return WB_X509_KEY_RSA;
    }
    return is_hash && (scheme & 0xff) == 3 ? WB_X509_KEY_P256 : WB_X509_KEY_NONE;
}
