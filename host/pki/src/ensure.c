/* SPDX-License-Identifier: AGPL-3.0-only */
/* Certificates that are there when they are needed: kept while they are good, issued anew before
 * they are not. */
#include <string.h>

#include "pki.h"

static bool is_good(const struct wb_pki_identity *identity, const struct wb_pki_ca *ca,
                    enum wb_x509_purpose purpose, const char *const *names, size_t name_count,
                    const char *common_name, unsigned days, wb_unix_s unix_now)
{
    struct wb_x509_cert cert;
    struct wb_x509_anchor anchor;
    if (wb_x509_parse(&cert, identity->chain[0].data, identity->chain[0].len, NULL) != WB_OK ||
        wb_x509_anchor_init(&anchor, ca->der, ca->der_len, NULL) != WB_OK) {
        return false;
    }
    const struct wb_x509_check check = {
        .anchors = &anchor, .anchor_count = 1, .unix_now = unix_now, .purpose = purpose};
    if (wb_x509_verify(&cert, &check, NULL, NULL) != WB_OK) {
        return false;
    }
    for (size_t i = 0; i < name_count; i++) {
        if (!wb_x509_has_name(&cert, names[i])) {
            return false;
        }
    }
    if (common_name != NULL &&
        (cert.common_name.len != strlen(common_name) ||
         memcmp(cert.common_name.data, common_name, cert.common_name.len) != 0)) {
        return false;
    }
    /* A third of the usual life must be left, unless the authority's own end allows no more. */
    wb_unix_s third = (wb_unix_s)days * 86400 / 3;
    return cert.not_after - unix_now >= third || cert.not_after >= ca->cert.not_after;
}

static enum wb_err ensure(struct wb_pki_identity *identity, const struct wb_pki_ca *ca,
                          enum wb_x509_purpose purpose, const char *cert_path, const char *key_path,
                          const char *const *names, size_t name_count, const char *common_name,
                          unsigned days, wb_unix_s unix_now, wb_pki_err_text err_text)
{
    if (pki_file_exists(cert_path) && pki_file_exists(key_path) &&
        wb_pki_identity_load(identity, cert_path, key_path, err_text) == WB_OK) {
        if (is_good(identity, ca, purpose, names, name_count, common_name, days, unix_now)) {
            return WB_OK;
        }
        wb_pki_identity_wipe(identity);
    }
    struct wb_pki_key key;
    uint8_t der[WB_X509_CERT_MAX];
    size_t len = 0;
    WB_TRY(wb_pki_key_load_or_create(&key, key_path, err_text));
    enum wb_err err = purpose == WB_X509_SERVER_AUTH
                          ? wb_pki_issue_server(ca, key.public_key, names, name_count, days,
                                                unix_now, der, sizeof der, &len, err_text)
                          : wb_pki_issue_device(ca, key.public_key, common_name, days, unix_now,
                                                der, sizeof der, &len, err_text);
    if (err == WB_OK) {
        const struct wb_bytes chain = {der, len};
        err = wb_pki_cert_save(&chain, 1, cert_path, err_text);
    }
    if (err == WB_OK) {
        err = wb_pki_identity_set(identity, der, len, &key, err_text);
    }
    wb_wipe(&key, sizeof key);
    return err;
}

enum wb_err wb_pki_server_ensure(struct wb_pki_identity *identity, const struct wb_pki_ca *ca,
                                 const char *cert_path, const char *key_path,
                                 const char *const *names, size_t name_count, unsigned days,
                                 wb_unix_s unix_now, wb_pki_err_text err_text)
{
    return ensure(identity, ca, WB_X509_SERVER_AUTH, cert_path, key_path, names, name_count, NULL,
                  days, unix_now, err_text);
}

enum wb_err wb_pki_device_ensure(struct wb_pki_identity *identity, const struct wb_pki_ca *ca,
                                 const char *cert_path, const char *key_path,
                                 const char *common_name, unsigned days, wb_unix_s unix_now,
                                 wb_pki_err_text err_text)
{
    return ensure(identity, ca, WB_X509_CLIENT_AUTH, cert_path, key_path, NULL, 0, common_name,
                  days, unix_now, err_text);
}
