/* SPDX-License-Identifier: AGPL-3.0-only */
/* Certificates in PEM files, and what TLS makes of them: identities and trust anchors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki.h"

enum wb_err pki_chain_read(const char *path, uint8_t der[WB_PKI_CHAIN_MAX][WB_PKI_CERT_MAX],
                           size_t len[WB_PKI_CHAIN_MAX], size_t *count, wb_pki_err_text err_text)
{
    char *text;
    size_t text_len;
    char label[WB_PEM_LABEL_MAX + 1];
    uint8_t block[WB_PKI_CERT_MAX];
    size_t block_len;
    struct wb_pem pem;
    WB_TRY(pki_file_read(path, &text, &text_len, err_text));
    wb_pem_init(&pem, text, text_len);
    *count = 0;
    enum wb_err err;
    while ((err = wb_pem_next(&pem, label, block, sizeof block, &block_len)) == WB_OK) {
        if (strcmp(label, WB_PEM_CERTIFICATE) != 0) {
            continue; /* a key in the same file is no mistake */
        }
        if (*count == WB_PKI_CHAIN_MAX) {
            err = pki_fail(err_text, WB_ERR_LIMIT, "%s: holds more than %u certificates", path,
                           WB_PKI_CHAIN_MAX);
            break;
        }
        memcpy(der[*count], block, block_len);
        len[(*count)++] = block_len;
    }
    wb_wipe(block, sizeof block);
    pki_file_free(text, text_len);
    if (pem.fault.code != WB_OK) {
        return pki_fail(err_text, pem.fault.code, "%s: block %u, line %u: %s", path,
                        (unsigned)pem.fault.where[0] + 1, (unsigned)pem.fault.where[1],
                        pem.fault.what);
    }
    if (err != WB_ERR_NOT_FOUND) {
        return err;
    }
    if (*count == 0) {
        return pki_fail(err_text, WB_ERR_NOT_FOUND, "%s: holds no block CERTIFICATE", path);
    }
    return WB_OK;
}

enum wb_err wb_pki_certs_load(struct wb_pki_certs *certs, const char *path,
                              wb_pki_err_text err_text)
{
    return pki_chain_read(path, certs->der, certs->len, &certs->count, err_text);
}

enum wb_err wb_pki_pem_load(const char *path, const char *label, uint8_t *der, size_t cap,
                            size_t *len, wb_pki_err_text err_text)
{
    char *text;
    size_t text_len;
    struct wb_fault fault = {0};
    WB_TRY(pki_file_read(path, &text, &text_len, err_text));
    enum wb_err err = wb_pem_find(text, text_len, label, der, cap, len, &fault);
    pki_file_free(text, text_len);
    if (err == WB_ERR_TYPE || err == WB_ERR_NOT_FOUND) {
        return pki_fail(err_text, WB_ERR_TYPE, "%s: holds no block %s", path, label);
    }
    if (err != WB_OK) {
        fault.code = err;
        return pki_fail_fault(err_text, path, &fault);
    }
    return WB_OK;
}

enum wb_err wb_pki_pem_save(const char *label, const void *der, size_t len, const char *path,
                            wb_pki_err_text err_text)
{
    size_t cap = wb_pem_len(label, len);
    size_t text_len = 0;
    char *text = malloc(cap + 1);
    if (text == NULL) {
        return pki_fail(err_text, WB_ERR_MEMORY, "%s: not enough memory", path);
    }
    enum wb_err err = wb_pem_write(label, der, len, text, cap, &text_len);
    WB_ASSERT(err == WB_OK);
    err = pki_file_write(path, text, text_len, 0644, err_text);
    free(text);
    return err;
}

enum wb_err wb_pki_cert_save(const struct wb_bytes *chain, size_t count, const char *path,
                             wb_pki_err_text err_text)
{
    size_t cap = 0;
    for (size_t i = 0; i < count; i++) {
        cap += wb_pem_len(WB_PEM_CERTIFICATE, chain[i].len);
    }
    char *text = malloc(cap + 1);
    if (text == NULL) {
        return pki_fail(err_text, WB_ERR_MEMORY, "%s: not enough memory", path);
    }
    size_t len = 0;
    enum wb_err err = WB_OK;
    for (size_t i = 0; i < count && err == WB_OK; i++) {
        size_t block_len = 0;
        err = wb_pem_write(WB_PEM_CERTIFICATE, chain[i].data, chain[i].len, text + len, cap - len,
                           &block_len);
        len += block_len;
    }
    WB_ASSERT(err == WB_OK);
    err = pki_file_write(path, text, len, 0644, err_text);
    free(text);
    return err;
}

enum wb_err wb_pki_anchors_load(struct wb_pki_anchors *anchors, const char *path,
                                wb_pki_err_text err_text)
{
    size_t len[WB_PKI_CHAIN_MAX];
    size_t count;
    WB_TRY(pki_chain_read(path, anchors->der, len, &count, err_text));
    for (size_t i = 0; i < count; i++) {
        struct wb_fault fault = {0};
        if (wb_x509_anchor_init(&anchors->anchors[i], anchors->der[i], len[i], &fault) != WB_OK) {
            return pki_fail_fault(err_text, path, &fault);
        }
    }
    anchors->count = count;
    return WB_OK;
}

enum wb_err wb_pki_anchors_from_ca(struct wb_pki_anchors *anchors, const struct wb_pki_ca *ca,
                                   wb_pki_err_text err_text)
{
    struct wb_fault fault = {0};
    memcpy(anchors->der[0], ca->der, ca->der_len);
    if (wb_x509_anchor_init(&anchors->anchors[0], anchors->der[0], ca->der_len, &fault) != WB_OK) {
        return pki_fail_fault(err_text, "authority", &fault);
    }
    anchors->count = 1;
    return WB_OK;
}

/* Joins what lies in identity->der and identity->key. */
static enum wb_err join(struct wb_pki_identity *identity, const size_t *len, size_t count,
                        const char *name, wb_pki_err_text err_text)
{
    struct wb_fault fault = {0};
    for (size_t i = 0; i < count; i++) {
        identity->chain[i] = (struct wb_bytes){identity->der[i], len[i]};
    }
    identity->chain_count = count;
    if (wb_tls_credential_init(&identity->credential, identity->chain, count,
                               identity->key.private_key, &fault) != WB_OK) {
        wb_pki_identity_wipe(identity);
        return pki_fail_fault(err_text, name, &fault);
    }
    return WB_OK;
}

/* A key that is no Ed25519 key in PKCS#8: libcrypto reads it and signs with it. */
static enum wb_err join_other(struct wb_pki_identity *identity, const size_t *len, size_t count,
                              const char *key_path, const char *names, wb_pki_err_text err_text)
{
    char *text;
    size_t text_len;
    struct wb_fault fault = {0};
    struct wb_x509_cert leaf;
    WB_TRY(pki_file_read(key_path, &text, &text_len, err_text));
    enum wb_err err = wb_libcrypto_key_read(&identity->other_key, text, text_len, &fault);
    pki_file_free(text, text_len);
    if (err != WB_OK) {
        return pki_fail_fault(err_text, key_path, &fault);
    }
    for (size_t i = 0; i < count; i++) {
        identity->chain[i] = (struct wb_bytes){identity->der[i], len[i]};
    }
    identity->chain_count = count;
    err = wb_x509_parse(&leaf, identity->der[0], len[0], &fault);
    if (err == WB_OK && !wb_libcrypto_key_fits(identity->other_key, &leaf)) {
        err = wb_fault_set(&fault, WB_ERR_KEY, "private key belongs to another certificate",
                           "was one of the two files replaced?", 0, 0);
    }
    if (err == WB_OK) {
        err = wb_tls_credential_init_sign(&identity->credential, identity->chain, count,
                                          wb_libcrypto_key_sign, identity->other_key, &fault);
    }
    if (err != WB_OK) {
        wb_pki_identity_wipe(identity);
        return pki_fail_fault(err_text, names, &fault);
    }
    return WB_OK;
}

enum wb_err wb_pki_identity_load(struct wb_pki_identity *identity, const char *cert_path,
                                 const char *key_path, wb_pki_err_text err_text)
{
    size_t len[WB_PKI_CHAIN_MAX];
    size_t count;
    char names[512];
    (void)snprintf(names, sizeof names, "%s with %s", cert_path, key_path);
    identity->other_key = NULL;
    memset(&identity->key, 0, sizeof identity->key);
    WB_TRY(pki_chain_read(cert_path, identity->der, len, &count, err_text));
    enum wb_err err = wb_pki_key_load(&identity->key, key_path, err_text);
    if (err == WB_ERR_UNSUPPORTED || err == WB_ERR_TYPE) {
        return join_other(identity, len, count, key_path, names, err_text);
    }
    WB_TRY(err);
    return join(identity, len, count, names, err_text);
}

enum wb_err wb_pki_identity_set(struct wb_pki_identity *identity, const void *cert_der,
                                size_t cert_len, const struct wb_pki_key *key,
                                wb_pki_err_text err_text)
{
    if (cert_len > WB_PKI_CERT_MAX) {
        return pki_fail(err_text, WB_ERR_LIMIT, "certificate is longer than %u bytes",
                        WB_PKI_CERT_MAX);
    }
    memcpy(identity->der[0], cert_der, cert_len);
    identity->other_key = NULL;
    identity->key = *key;
    return join(identity, &cert_len, 1, "certificate", err_text);
}

void wb_pki_identity_wipe(struct wb_pki_identity *identity)
{
    wb_wipe(&identity->key, sizeof identity->key);
    wb_libcrypto_key_free(identity->other_key);
    identity->other_key = NULL;
    memset(&identity->credential, 0, sizeof identity->credential);
}
