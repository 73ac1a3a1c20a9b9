/* SPDX-License-Identifier: AGPL-3.0-only */
/* Writes certificate requests (PKCS#10, RFC 2986 §4). */
#include "x509_put.h"

enum wb_err wb_x509_request_write(const char *common_name, const uint8_t private_key[32],
                                  const uint8_t public_key[32], uint8_t *der, size_t cap,
                                  size_t *len)
{
    return wb_x509_request_write_with(common_name, &wb_x509_ed25519, private_key, public_key, der,
                                      cap, len);
}

enum wb_err wb_x509_request_write_with(const char *common_name,
                                       const struct wb_x509_algorithm *algorithm,
                                       const uint8_t private_key[32], const uint8_t *public_key,
                                       uint8_t *der, size_t cap, size_t *len)
{
    static const uint8_t version_1[] = {0x02, 0x01, 0x00};
    static const uint8_t no_attributes[] = {0xa0, 0x00};
    if (!x509_is_name_valid(common_name, WB_X509_NAME_MAX)) {
        return WB_ERR_VALUE;
    }
    struct der_writer w;
    der_writer_init(&w, der, cap);
    der_put(&w, no_attributes, sizeof no_attributes);
    enum wb_x509_key_type key_type = (enum wb_x509_key_type)algorithm->key_type;
    x509_put_key_info(&w, key_type, public_key, x509_key_len(key_type));
    x509_put_name(&w, common_name);
    der_put(&w, version_1, sizeof version_1);
    der_put_header(&w, DER_SEQUENCE, cap);
    size_t info_len;
    WB_TRY(der_finish(&w, &info_len));
    return x509_sign_document(der, cap, info_len, algorithm, private_key, public_key, len);
}
