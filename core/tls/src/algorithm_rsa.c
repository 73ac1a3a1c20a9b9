/* SPDX-License-Identifier: AGPL-3.0-only */
/* RSA of core/crypto as a row of the algorithm table: verifies, never signs. Takes 2 KB of stack.
 */
#include "algorithm.h"
#include "der.h"

enum wb_err wb_x509_rsa_key_read(const void *der, size_t len, struct wb_rsa_public_key *key)
{
    struct wb_reader all;
    wb_reader_init(&all, der, len);
    struct wb_reader r = der_enter(&all, DER_SEQUENCE);
    struct wb_bytes modulus = der_take(&r, DER_INTEGER);
    struct wb_bytes exponent = der_take(&r, DER_INTEGER);
    der_end(&r);
    der_end(&all);
    if (all.err != WB_OK || r.err != WB_OK || modulus.len == 0 || exponent.len == 0) {
        return WB_ERR_FORMAT;
    }
    *key = (struct wb_rsa_public_key){modulus, exponent};
    return WB_OK;
}

static enum wb_err verify(uint16_t scheme, const uint8_t *public_key, size_t public_key_len,
                          const void *message, size_t len, const uint8_t *signature,
                          size_t signature_len)
{
    struct wb_rsa_public_key key;
    uint8_t digest[WB_HASH_LEN_MAX];
    uint32_t work[WB_RSA_WORK_COUNT_MAX];
    if (wb_x509_scheme_key_type(scheme) != WB_X509_KEY_RSA) {
        return WB_ERR_UNSUPPORTED;
    }
    if (wb_x509_rsa_key_read(public_key, public_key_len, &key) != WB_OK) {
        return WB_ERR_KEY;
    }
    bool is_pss = scheme >> 8 == 8;
    enum wb_hash_id id = algorithm_hash(is_pss ? scheme & 0xffu : scheme >> 8);
    wb_hash_once(id, message, len, digest);
    return is_pss ? wb_rsa_verify_pss(&key, id, id, wb_hash_len(id), digest, signature,
                                      signature_len, work, WB_RSA_WORK_COUNT_MAX)
                  : wb_rsa_verify_pkcs1(&key, id, digest, signature, signature_len, work,
                                        WB_RSA_WORK_COUNT_MAX);
}

const struct wb_x509_algorithm wb_x509_rsa = {.key_type = WB_X509_KEY_RSA, .verify = verify};
