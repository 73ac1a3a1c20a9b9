/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed cert key|ca|csr|issue|renew|revoke`: files of keys, requests and certificates. Each
 * command says in one line what it wrote. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cert_text.h"
#include "commands.h"
#include "wb_net.h"
#include "wb_pem.h"
#include "wb_pki.h"

static int failed(const struct args *args, const char *why)
{
    fprintf(stderr, "wasmbed %s: %s\n", args->command->name, why);
    return EXIT_FAILED;
}

static int usage(const struct args *args, const char *what)
{
    fprintf(stderr, "wasmbed %s: %s\nTry 'wasmbed %s --help'.\n", args->command->name, what,
            args->command->name);
    return EXIT_USAGE;
}

static int tell_cert(const char *path, const struct wb_x509_cert *cert)
{
    char until[CERT_TIME_CAP], subject[WB_PKI_NAME_TEXT_MAX];
    cert_time_text(cert->not_after, until);
    (void)wb_pki_name_text(cert->subject, subject, sizeof subject);
    printf("%s: certificate of %s, valid until %s\n", path, subject, until);
    return EXIT_OK;
}

/* Saves a certificate and reads it back for the line that tells of it. */
static int save_cert(const struct args *args, const uint8_t *der, size_t len, const char *path)
{
    wb_pki_err_text why;
    struct wb_x509_cert cert;
    struct wb_fault fault = {0};
    const struct wb_bytes chain = {der, len};
    if (wb_x509_parse(&cert, der, len, &fault) != WB_OK) {
        return failed(args, fault.what);
    }
    if (wb_pki_cert_save(&chain, 1, path, why) != WB_OK) {
        return failed(args, why);
    }
    return tell_cert(path, &cert);
}

int command_cert_key(struct args *args)
{
    const char *out = NULL;
    bool is_forced = false;
    const struct option options[] = {
        OPTION_TEXT("out", 'o', "FILE", "where the key goes, PEM, mode 0600", &out),
        OPTION_FLAG("force", 0, "replace a key that is there", &is_forced),
        OPTION_END,
    };
    struct wb_pki_key key;
    wb_pki_err_text why;
    int result = args_parse(args, options, 0, 0);
    if (result != -1) {
        return result;
    }
    if (out == NULL) {
        return usage(args, "--out is needed");
    }
    if (!is_forced && access(out, F_OK) == 0) {
        fprintf(stderr, "wasmbed cert key: %s: is there already; --force replaces it\n", out);
        return EXIT_FAILED;
    }
    if (wb_pki_key_generate(&key, why) != WB_OK || wb_pki_key_save(&key, out, why) != WB_OK) {
        result = failed(args, why);
    } else {
        printf("%s: Ed25519 private key\n", out);
        result = EXIT_OK;
    }
    wb_wipe(&key, sizeof key);
    return result;
}

int command_cert_ca(struct args *args)
{
    const char *dir = NULL;
    const char *name = "Wasmbed CA";
    const struct option options[] = {
        OPTION_TEXT("dir", 0, "DIR", "its folder: ca-cert.pem and ca-key.pem", &dir),
        OPTION_TEXT("name", 0, "NAME", "its common name (default Wasmbed CA)", &name),
        OPTION_END,
    };
    struct wb_pki_ca ca;
    wb_pki_err_text why;
    char path[4096];
    int result = args_parse(args, options, 0, 0);
    if (result != -1) {
        return result;
    }
    if (dir == NULL) {
        return usage(args, "--dir is needed");
    }
    if (wb_pki_ca_create(&ca, dir, name, wb_net_unix_s(), why) != WB_OK) {
        return failed(args, why);
    }
    wb_wipe(&ca.key, sizeof ca.key);
    snprintf(path, sizeof path, "%s/ca-cert.pem", dir);
    return tell_cert(path, &ca.cert);
}

int command_cert_csr(struct args *args)
{
    const char *key_path = NULL;
    const char *out = NULL;
    const struct option options[] = {
        OPTION_TEXT("key", 0, "FILE", "private key, PEM; made when there is none", &key_path),
        OPTION_TEXT("out", 'o', "FILE", "where the request goes, PEM", &out),
        OPTION_END,
    };
    struct wb_pki_key key;
    wb_pki_err_text why;
    uint8_t der[WB_X509_CERT_MAX];
    size_t len = 0;
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    if (key_path == NULL || out == NULL) {
        return usage(args, "--key and --out are needed");
    }
    if (wb_pki_key_load_or_create(&key, key_path, why) != WB_OK) {
        return failed(args, why);
    }
    enum wb_err err = wb_x509_request_write(args->positional[0], key.private_key, key.public_key,
                                            der, sizeof der, &len);
    wb_wipe(&key, sizeof key);
    if (err != WB_OK) {
        return failed(args, "the name has 1 to 64 bytes of UTF-8");
    }
    if (wb_pki_pem_save(WB_PEM_REQUEST, der, len, out, why) != WB_OK) {
        return failed(args, why);
    }
    printf("%s: request of %s\n", out, args->positional[0]);
    return EXIT_OK;
}

/* ---- issue ---- */

struct issue {
    const char *ca_dir, *key, *csr, *out, *purpose;
    long days;
};

/* The public key that is to be certified, and the name that a request asks for. */
static int find_key(const struct args *args, const struct issue *o, uint8_t public_key[32],
                    char name[WB_X509_NAME_MAX + 1])
{
    wb_pki_err_text why;
    if (o->csr == NULL) {
        struct wb_pki_key key;
        if (wb_pki_key_load_or_create(&key, o->key, why) != WB_OK) {
            return failed(args, why);
        }
        memcpy(public_key, key.public_key, 32);
        wb_wipe(&key, sizeof key);
        return -1;
    }
    uint8_t der[WB_PKI_CERT_MAX];
    size_t len = 0;
    struct wb_x509_request request;
    struct wb_fault fault = {0};
    if (wb_pki_pem_load(o->csr, WB_PEM_REQUEST, der, sizeof der, &len, why) != WB_OK) {
        return failed(args, why);
    }
    if (wb_x509_request_parse(&request, der, len, &fault) != WB_OK) {
        fprintf(stderr, "wasmbed %s: %s: %s\n", args->command->name, o->csr, fault.what);
        return EXIT_FAILED;
    }
    memcpy(public_key, request.public_key, 32);
    if (request.common_name.len <= WB_X509_NAME_MAX) {
        memcpy(name, request.common_name.data, request.common_name.len);
        name[request.common_name.len] = '\0';
    }
    return -1;
}

static int issue(struct args *args, const struct issue *o)
{
    static struct wb_pki_ca ca;
    wb_pki_err_text why;
    uint8_t der[WB_X509_CERT_MAX], public_key[32];
    char requested[WB_X509_NAME_MAX + 1] = "";
    const char *names[WB_X509_ALT_NAME_MAX];
    size_t len = 0, count = 0;
    bool is_server = strcmp(o->purpose, "server") == 0;
    int result = find_key(args, o, public_key, requested);
    if (result != -1) {
        return result;
    }
    for (int i = 0; i < args->positional_count && count < WB_ARRAY_LEN(names); i++) {
        names[count++] = args->positional[i];
    }
    if (count == 0 && requested[0] != '\0') {
        names[count++] = requested;
    }
    if (count == 0 || (!is_server && count != 1)) {
        return usage(args,
                     is_server ? "a server's names are missing" : "a device has one name, its id");
    }
    if (wb_pki_ca_load(&ca, o->ca_dir, why) != WB_OK) {
        return failed(args, why);
    }
    enum wb_err err = is_server
                          ? wb_pki_issue_server(&ca, public_key, names, count, (unsigned)o->days,
                                                wb_net_unix_s(), der, sizeof der, &len, why)
                          : wb_pki_issue_device(&ca, public_key, names[0], (unsigned)o->days,
                                                wb_net_unix_s(), der, sizeof der, &len, why);
    wb_wipe(&ca.key, sizeof ca.key);
    return err != WB_OK ? failed(args, why) : save_cert(args, der, len, o->out);
}

int command_cert_issue(struct args *args)
{
    struct issue o = {.purpose = "device", .days = 365};
    const struct option options[] = {
        OPTION_TEXT("ca", 0, "DIR", "the authority's folder", &o.ca_dir),
        OPTION_TEXT("for", 0, "PURPOSE", "server or device (default device)", &o.purpose),
        OPTION_TEXT("key", 0, "FILE", "its private key, PEM; made when there is none", &o.key),
        OPTION_TEXT("csr", 0, "FILE",
                    "instead of --key: a request, PEM; only its key and its name "
                    "are taken over",
                    &o.csr),
        OPTION_TEXT("out", 'o', "FILE", "where the certificate goes, PEM", &o.out),
        OPTION_NUMBER("days", 0, "N", "valid for so many days (default 365)", &o.days, 1, 36500),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, (int)WB_X509_ALT_NAME_MAX);
    if (result != -1) {
        return result;
    }
    if (o.ca_dir == NULL || o.out == NULL) {
        return usage(args, "--ca and --out are needed");
    }
    if ((o.key == NULL) == (o.csr == NULL)) {
        return usage(args, "either --key or --csr is needed");
    }
    if (strcmp(o.purpose, "server") != 0 && strcmp(o.purpose, "device") != 0) {
        return usage(args, "--for is server or device");
    }
    return issue(args, &o);
}

int command_cert_renew(struct args *args)
{
    static struct wb_pki_ca ca;
    static struct wb_pki_certs old;
    const char *ca_dir = NULL;
    const char *out = NULL;
    long days = 365;
    const struct option options[] = {
        OPTION_TEXT("ca", 0, "DIR", "the authority's folder", &ca_dir),
        OPTION_TEXT("out", 'o', "FILE", "where it goes (default: replaces FILE)", &out),
        OPTION_NUMBER("days", 0, "N", "valid for so many days (default 365)", &days, 1, 36500),
        OPTION_END,
    };
    wb_pki_err_text why;
    struct wb_x509_cert cert;
    struct wb_fault fault = {0};
    uint8_t der[WB_X509_CERT_MAX];
    size_t len = 0;
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    if (ca_dir == NULL) {
        return usage(args, "--ca is needed");
    }
    if (wb_pki_certs_load(&old, args->positional[0], why) != WB_OK ||
        wb_pki_ca_load(&ca, ca_dir, why) != WB_OK) {
        return failed(args, why);
    }
    if (wb_x509_parse(&cert, old.der[0], old.len[0], &fault) != WB_OK) {
        return failed(args, fault.what);
    }
    enum wb_err err =
        wb_pki_renew(&ca, &cert, (unsigned)days, wb_net_unix_s(), der, sizeof der, &len, why);
    wb_wipe(&ca.key, sizeof ca.key);
    return err != WB_OK ? failed(args, why)
                        : save_cert(args, der, len, out != NULL ? out : args->positional[0]);
}

int command_cert_revoke(struct args *args)
{
    static struct wb_pki_ca ca;
    static struct wb_pki_certs certs;
    const char *ca_dir = NULL;
    const struct option options[] = {
        OPTION_TEXT("ca", 0, "DIR", "the authority's folder; its list is ca-crl.pem", &ca_dir),
        OPTION_END,
    };
    wb_pki_err_text why;
    struct wb_x509_cert cert;
    struct wb_fault fault = {0};
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    if (ca_dir == NULL) {
        return usage(args, "--ca is needed");
    }
    if (wb_pki_certs_load(&certs, args->positional[0], why) != WB_OK ||
        wb_pki_ca_load(&ca, ca_dir, why) != WB_OK) {
        return failed(args, why);
    }
    if (wb_x509_parse(&cert, certs.der[0], certs.len[0], &fault) != WB_OK) {
        return failed(args, fault.what);
    }
    enum wb_err err = wb_pki_revoke(&ca, ca_dir, &cert, wb_net_unix_s(), why);
    wb_wipe(&ca.key, sizeof ca.key);
    if (err != WB_OK) {
        return failed(args, why);
    }
    printf("%s/ca-crl.pem: %s is revoked\n", ca_dir, args->positional[0]);
    return EXIT_OK;
}
