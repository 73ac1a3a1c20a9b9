/* SPDX-License-Identifier: AGPL-3.0-only */
/* The platform's authority: its files, and the certificates that it issues. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pki.h"

#define DAY_S        86400
#define CLOCK_SKEW_S 300  /* devices' clocks may be a little behind ours */
#define CA_DAYS      7300 /* 20 years: replacing it means provisioning every device again */

struct paths {
    char cert[PATH_MAX];
    char key[PATH_MAX];
};

static enum wb_err make_paths(struct paths *paths, const char *dir, wb_pki_err_text err_text)
{
    int a = snprintf(paths->cert, sizeof paths->cert, "%s/ca-cert.pem", dir);
    int b = snprintf(paths->key, sizeof paths->key, "%s/ca-key.pem", dir);
    if (a < 0 || b < 0 || (size_t)a >= sizeof paths->cert) {
        return pki_fail(err_text, WB_ERR_LIMIT, "%.100s...: path is too long", dir);
    }
    return WB_OK;
}

static enum wb_err parse_ca(struct wb_pki_ca *ca, const char *path, wb_pki_err_text err_text)
{
    struct wb_fault fault = {0};
    struct wb_x509_anchor anchor; /* checks that it is an authority's */
    if (wb_x509_anchor_init(&anchor, ca->der, ca->der_len, &fault) != WB_OK ||
        wb_x509_parse(&ca->cert, ca->der, ca->der_len, &fault) != WB_OK) {
        return pki_fail_fault(err_text, path, &fault);
    }
    if (memcmp(ca->cert.public_key, ca->key.public_key, sizeof ca->key.public_key) != 0) {
        return pki_fail(err_text, WB_ERR_KEY,
                        "%s: the key beside it belongs to another certificate", path);
    }
    return WB_OK;
}

enum wb_err wb_pki_ca_load(struct wb_pki_ca *ca, const char *dir, wb_pki_err_text err_text)
{
    struct paths paths;
    WB_TRY(make_paths(&paths, dir, err_text));
    bool has_cert = pki_file_exists(paths.cert);
    bool has_key = pki_file_exists(paths.key);
    if (has_cert != has_key) {
        return pki_fail(err_text, WB_ERR_IO, "%s: is missing beside %s; restore it, or remove both",
                        has_cert ? paths.key : paths.cert, has_cert ? "ca-cert.pem" : "ca-key.pem");
    }
    uint8_t der[WB_PKI_CHAIN_MAX][WB_PKI_CERT_MAX];
    size_t len[WB_PKI_CHAIN_MAX];
    size_t count;
    WB_TRY(pki_chain_read(paths.cert, der, len, &count, err_text));
    WB_TRY(wb_pki_key_load(&ca->key, paths.key, err_text));
    memcpy(ca->der, der[0], len[0]);
    ca->der_len = len[0];
    return parse_ca(ca, paths.cert, err_text);
}

static enum wb_err create(struct wb_pki_ca *ca, const struct paths *paths, const char *dir,
                          const char *common_name, wb_unix_s unix_now, wb_pki_err_text err_text)
{
    uint8_t serial[8];
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return pki_fail(err_text, WB_ERR_IO, "%s: cannot be created: %s", dir, strerror(errno));
    }
    WB_TRY(pki_serial(serial, err_text));
    WB_TRY(wb_pki_key_generate(&ca->key, err_text));
    const struct wb_x509_spec spec = {.serial = serial,
                                      .serial_len = sizeof serial,
                                      .common_name = common_name,
                                      .public_key = ca->key.public_key,
                                      .not_before = unix_now - CLOCK_SKEW_S,
                                      .not_after = unix_now + (wb_unix_s)CA_DAYS * DAY_S,
                                      .is_ca = true};
    enum wb_err err = wb_x509_write_self_signed(&spec, ca->key.private_key, ca->der, sizeof ca->der,
                                                &ca->der_len);
    if (err != WB_OK) {
        return pki_fail(err_text, err, "authority \"%.80s\": %s; a name has 1 to 64 bytes",
                        common_name, wb_err_str(err));
    }
    /* The key first: a certificate without its key would be the worse half to be left with. */
    WB_TRY(wb_pki_key_save(&ca->key, paths->key, err_text));
    const struct wb_bytes chain = {ca->der, ca->der_len};
    WB_TRY(wb_pki_cert_save(&chain, 1, paths->cert, err_text));
    return parse_ca(ca, paths->cert, err_text);
}

enum wb_err wb_pki_ca_load_or_create(struct wb_pki_ca *ca, const char *dir, const char *common_name,
                                     wb_unix_s unix_now, wb_pki_err_text err_text)
{
    struct paths paths;
    WB_TRY(make_paths(&paths, dir, err_text));
    if (pki_file_exists(paths.cert) || pki_file_exists(paths.key)) {
        return wb_pki_ca_load(ca, dir, err_text);
    }
    return create(ca, &paths, dir, common_name, unix_now, err_text);
}

enum wb_err wb_pki_ca_create(struct wb_pki_ca *ca, const char *dir, const char *common_name,
                             wb_unix_s unix_now, wb_pki_err_text err_text)
{
    struct paths paths;
    WB_TRY(make_paths(&paths, dir, err_text));
    if (pki_file_exists(paths.cert) || pki_file_exists(paths.key)) {
        return pki_fail(err_text, WB_ERR_EXISTS,
                        "%s: an authority is there already; certificates "
                        "that it issued would become worthless",
                        dir);
    }
    return create(ca, &paths, dir, common_name, unix_now, err_text);
}

/* ---- issuing ---- */

static enum wb_err issue(const struct wb_pki_ca *ca, struct wb_x509_spec *spec, unsigned days,
                         wb_unix_s unix_now, uint8_t *der, size_t cap, size_t *len,
                         wb_pki_err_text err_text)
{
    uint8_t serial[8];
    if (days == 0 || days > 36500) {
        return pki_fail(err_text, WB_ERR_VALUE,
                        "certificate for \"%.80s\": valid for 1 to 36500 days", spec->common_name);
    }
    WB_TRY(pki_serial(serial, err_text));
    spec->serial = serial;
    spec->serial_len = sizeof serial;
    spec->not_before = unix_now - CLOCK_SKEW_S;
    spec->not_after = unix_now + (wb_unix_s)days * DAY_S;
    if (spec->not_after > ca->cert.not_after) { /* nothing outlives its issuer */
        spec->not_after = ca->cert.not_after;
    }
    if (spec->not_after <= unix_now) {
        return pki_fail(err_text, WB_ERR_CERTIFICATE_EXPIRED,
                        "the authority's certificate has expired");
    }
    const struct wb_x509_issuer issuer = {ca->cert.subject, ca->key.private_key,
                                          ca->key.public_key};
    enum wb_err err = wb_x509_write(spec, &issuer, der, cap, len);
    if (err != WB_OK) {
        return pki_fail(
            err_text, err,
            "certificate for \"%.80s\": %s; names have 1 to 64 bytes without spaces, at most %u",
            spec->common_name, wb_err_str(err), WB_X509_ALT_NAME_MAX);
    }
    return WB_OK;
}

enum wb_err wb_pki_issue_server(const struct wb_pki_ca *ca, const uint8_t public_key[32],
                                const char *const *names, size_t name_count, unsigned days,
                                wb_unix_s unix_now, uint8_t *der, size_t cap, size_t *len,
                                wb_pki_err_text err_text)
{
    if (name_count == 0) {
        return pki_fail(err_text, WB_ERR_VALUE, "a server certificate needs at least one name");
    }
    const char *common_name = names[0];
    for (size_t i = name_count; i-- > 0;) {
        uint8_t ip[16];
        if (wb_x509_ip_parse(names[i], ip) == 0 && strlen(names[i]) <= WB_X509_NAME_MAX) {
            common_name = names[i];
        }
    }
    struct wb_x509_spec spec = {.common_name = common_name,
                                .public_key = public_key,
                                .purposes = WB_X509_SERVER_AUTH,
                                .alt_names = names,
                                .alt_name_count = name_count};
    return issue(ca, &spec, days, unix_now, der, cap, len, err_text);
}

enum wb_err wb_pki_issue_device(const struct wb_pki_ca *ca, const uint8_t public_key[32],
                                const char *common_name, unsigned days, wb_unix_s unix_now,
                                uint8_t *der, size_t cap, size_t *len, wb_pki_err_text err_text)
{
    struct wb_x509_spec spec = {
        .common_name = common_name, .public_key = public_key, .purposes = WB_X509_CLIENT_AUTH};
    return issue(ca, &spec, days, unix_now, der, cap, len, err_text);
}

enum wb_err wb_pki_renew(const struct wb_pki_ca *ca, const struct wb_x509_cert *cert, unsigned days,
                         wb_unix_s unix_now, uint8_t *der, size_t cap, size_t *len,
                         wb_pki_err_text err_text)
{
    struct wb_x509_anchor anchor;
    struct wb_fault fault = {0};
    WB_ASSERT(wb_x509_anchor_init(&anchor, ca->der, ca->der_len, &fault) == WB_OK);
    const struct wb_x509_check check = {.anchors = &anchor,
                                        .anchor_count = 1,
                                        .purpose = (cert->purposes & WB_X509_SERVER_AUTH) != 0 ||
                                                           !cert->has_purposes
                                                       ? WB_X509_SERVER_AUTH
                                                       : WB_X509_CLIENT_AUTH};
    if (wb_x509_verify(cert, &check, NULL, &fault) != WB_OK) {
        return pki_fail(err_text, WB_ERR_CERTIFICATE_UNTRUSTED,
                        "certificate is none of this authority's: %s", fault.what);
    }
    struct wb_pki_names names;
    char common_name[WB_X509_NAME_MAX + 1] = "";
    char subject[WB_PKI_NAME_TEXT_MAX];
    wb_pki_names_read(&names, cert);
    size_t attributes = wb_pki_name_text(cert->subject, subject, sizeof subject);
    if (cert->is_ca || names.others > 0 || attributes != 1 || cert->common_name.len == 0 ||
        cert->common_name.len > WB_X509_NAME_MAX) {
        return pki_fail(err_text, WB_ERR_UNSUPPORTED,
                        "certificate of \"%.80s\" says more than we write (a longer subject, other "
                        "names, or an authority); issue a new one",
                        subject);
    }
    memcpy(common_name, cert->common_name.data, cert->common_name.len);
    struct wb_x509_spec spec = {.common_name = common_name,
                                .public_key = cert->public_key,
                                .purposes = cert->purposes,
                                .alt_names = names.names,
                                .alt_name_count = names.count};
    return issue(ca, &spec, days, unix_now, der, cap, len, err_text);
}
