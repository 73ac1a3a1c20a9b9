/* SPDX-License-Identifier: AGPL-3.0-only */
/* The authority's revocation list, ca-crl.pem beside its certificate: written anew with each
 * revocation, signed, with a number of time and length, which grows. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki.h"

#define CRL_CAP       49152u /* in PEM still below PKI_FILE_MAX */
#define CRL_COUNT_MAX 1000u
#define CRL_LIFE_S    (30 * 86400)

struct list {
    uint8_t old[CRL_CAP], made[CRL_CAP];
    struct wb_x509_revoked entries[CRL_COUNT_MAX];
    size_t count;
};

/* Serial numbers of the list there is: revokedCertificates is a SEQUENCE of SEQUENCEs that begin
 * with an INTEGER; the list was checked, and its entries are shorter than 128 bytes. */
static bool read_entries(struct list *list, const struct wb_x509_crl *crl)
{
    const uint8_t *at = crl->revoked.data;
    size_t left = crl->revoked.len;
    while (left > 0) {
        if (left < 4 || at[0] != 0x30 || at[1] >= 0x80 || (size_t)at[1] + 2 > left ||
            at[2] != 0x02 || at[3] + 2u > at[1] || list->count == CRL_COUNT_MAX) {
            return false;
        }
        struct wb_x509_revoked *entry = &list->entries[list->count++];
        *entry = (struct wb_x509_revoked){.serial = at + 4, .serial_len = at[3]};
        (void)wb_x509_crl_has(crl, (struct wb_bytes){at + 4, at[3]}, &entry->when);
        left -= (size_t)at[1] + 2;
        at += (size_t)at[1] + 2;
    }
    return true;
}

static enum wb_err revoke(struct list *list, const struct wb_pki_ca *ca, const char *path,
                          const struct wb_x509_cert *cert, wb_unix_s unix_now,
                          wb_pki_err_text err_text)
{
    struct wb_x509_crl crl;
    struct wb_fault fault = {0};
    size_t len = 0;
    if (pki_file_exists(path)) {
        WB_TRY(wb_pki_pem_load(path, WB_PEM_CRL, list->old, CRL_CAP, &len, err_text));
        if (wb_x509_crl_init(&crl, list->old, len, &ca->cert, NULL, &fault) != WB_OK) {
            return pki_fail_fault(err_text, path, &fault);
        }
        if (wb_x509_crl_has(&crl, cert->serial, NULL)) {
            return pki_fail(err_text, WB_ERR_EXISTS, "%s: the certificate is on the list already",
                            path);
        }
        if (!read_entries(list, &crl)) {
            return pki_fail(err_text, WB_ERR_LIMIT, "%s: holds other entries than ours, or %u",
                            path, CRL_COUNT_MAX);
        }
    }
    if (list->count == CRL_COUNT_MAX) {
        return pki_fail(err_text, WB_ERR_LIMIT, "%s: is full (%u entries)", path, CRL_COUNT_MAX);
    }
    list->entries[list->count++] = (struct wb_x509_revoked){
        .serial = cert->serial.data, .serial_len = cert->serial.len, .when = unix_now};
    const struct wb_x509_issuer issuer = {.subject = ca->cert.subject,
                                          .private_key = ca->key.private_key,
                                          .public_key = ca->key.public_key};
    /* Grows within a second, too: the list gets longer each time. */
    uint64_t number = (uint64_t)unix_now * 1024 + list->count;
    enum wb_err err =
        wb_x509_crl_write(&issuer, &wb_x509_ed25519, number, unix_now, unix_now + CRL_LIFE_S,
                          list->entries, list->count, list->made, CRL_CAP, &len);
    if (err != WB_OK) {
        return pki_fail(err_text, err, "%s: cannot be made: %s", path, wb_err_str(err));
    }
    return wb_pki_pem_save(WB_PEM_CRL, list->made, len, path, err_text);
}

enum wb_err wb_pki_revoke(const struct wb_pki_ca *ca, const char *dir,
                          const struct wb_x509_cert *cert, wb_unix_s unix_now,
                          wb_pki_err_text err_text)
{
    char path[PATH_MAX];
    int written = snprintf(path, sizeof path, "%s/ca-crl.pem", dir);
    if (written < 0 || (size_t)written >= sizeof path) {
        return pki_fail(err_text, WB_ERR_LIMIT, "%.100s...: path is too long", dir);
    }
    if (cert->issuer.len != ca->cert.subject.len ||
        memcmp(cert->issuer.data, ca->cert.subject.data, cert->issuer.len) != 0) {
        return pki_fail(err_text, WB_ERR_CERTIFICATE_UNTRUSTED,
                        "certificate is none of this authority's");
    }
    struct list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        return pki_fail(err_text, WB_ERR_MEMORY, "%s: not enough memory", path);
    }
    enum wb_err err = revoke(list, ca, path, cert, unix_now, err_text);
    free(list);
    return err;
}
