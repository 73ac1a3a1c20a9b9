/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed cert show|verify`: what certificates and requests say, and whether they are good. One
 * JSON object a certificate is made first; -o json prints it, the table is read from it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cert_text.h"
#include "commands.h"
#include "wb_crypto.h"
#include "wb_net.h"
#include "wb_pem.h"
#include "wb_pki.h"

void cert_time_text(wb_unix_s unix_s, char text[CERT_TIME_CAP])
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    if (unix_s >= WB_X509_NO_EXPIRY) {
        snprintf(text, CERT_TIME_CAP, "no end");
    } else if (gmtime_r(&t, &tm) == NULL ||
               strftime(text, CERT_TIME_CAP, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(text, CERT_TIME_CAP, "%lld", (long long)unix_s);
    }
}

static int failed(const struct args *args, const char *path, const char *why)
{
    fprintf(stderr, "wasmbed %s: %s%s%s\n", args->command->name, path, path[0] != '\0' ? ": " : "",
            why);
    return EXIT_FAILED;
}

static json_t *hex(const void *data, size_t len)
{
    char text[2 * 600 + 1] = ""; /* an RSA key of 4,096 bits has 526 bytes */
    for (size_t i = 0; i < len && i < 600; i++) {
        snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)data)[i]);
    }
    return json_string(text);
}

static json_t *time_json(wb_unix_s unix_s)
{
    char text[CERT_TIME_CAP];
    cert_time_text(unix_s, text);
    return json_string(text);
}

static json_t *name_json(struct wb_bytes name)
{
    char text[WB_PKI_NAME_TEXT_MAX];
    (void)wb_pki_name_text(name, text, sizeof text);
    json_t *string = json_string(text);
    return string != NULL ? string : json_string("(not UTF-8)");
}

static json_t *usages_json(const struct wb_x509_cert *cert)
{
    static const struct {
        unsigned bit;
        const char *name;
    } usages[] = {{WB_X509_KEY_USAGE_DIGITAL_SIGNATURE, "digitalSignature"},
                  {WB_X509_KEY_USAGE_CERT_SIGN, "keyCertSign"},
                  {WB_X509_KEY_USAGE_CRL_SIGN, "cRLSign"}},
      purposes[] = {{WB_X509_SERVER_AUTH, "serverAuth"},
                    {WB_X509_CLIENT_AUTH, "clientAuth"},
                    {WB_X509_ANY_PURPOSE, "any"}};
    json_t *list = json_array();
    for (size_t i = 0; i < WB_ARRAY_LEN(usages) && cert->has_key_usage; i++) {
        if ((cert->key_usage & usages[i].bit) != 0) {
            json_array_append_new(list, json_string(usages[i].name));
        }
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(purposes) && cert->has_purposes; i++) {
        if ((cert->purposes & purposes[i].bit) != 0) {
            json_array_append_new(list, json_string(purposes[i].name));
        }
    }
    return list;
}

static const char *key_name(unsigned key_type)
{
    switch (key_type) {
    case WB_X509_KEY_P256: return "P-256";
    case WB_X509_KEY_RSA: return "RSA";
    default: return "Ed25519";
    }
}

static json_t *cert_json(const struct wb_x509_cert *cert)
{
    struct wb_pki_names names;
    uint8_t fingerprint[32];
    wb_pki_names_read(&names, cert);
    wb_hash_once(WB_HASH_SHA256, cert->der.data, cert->der.len, fingerprint);
    json_t *alt_names = json_array();
    for (size_t i = 0; i < names.count; i++) {
        json_array_append_new(alt_names, json_string(names.names[i]));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:o, s:I, s:o}", "type",
                     "certificate", "subject", name_json(cert->subject), "issuer",
                     name_json(cert->issuer), "serial", hex(cert->serial.data, cert->serial.len),
                     "notBefore", time_json(cert->not_before), "notAfter",
                     time_json(cert->not_after), "keyAlgorithm", key_name(cert->key_type),
                     "publicKey", hex(cert->public_key, cert->public_key_len), "names", alt_names,
                     "isCA", cert->is_ca, "usages", usages_json(cert), "bytes",
                     (json_int_t)cert->der.len, "sha256", hex(fingerprint, 32));
}

/* ---- the table ---- */

static void print_list(const char *label, const json_t *list)
{
    size_t i;
    json_t *item;
    if (json_array_size(list) > 0) {
        printf("%-12s", label);
        json_array_foreach(list, i, item)
        {
            printf("%s%s", i > 0 ? ", " : "", json_string_value(item));
        }
        printf("\n");
    }
}

static void print_object(const json_t *object)
{
    static const struct {
        const char *label, *member;
    } rows[] = {{"subject", "subject"},      {"issuer", "issuer"},  {"serial", "serial"},
                {"valid from", "notBefore"}, {"until", "notAfter"}, {"key", "keyAlgorithm"},
                {"public key", "publicKey"}, {"sha256", "sha256"}};
    printf("%s%s\n", json_string_value(json_object_get(object, "type")),
           json_is_true(json_object_get(object, "isCA")) ? " of an authority" : "");
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        const char *text = json_string_value(json_object_get(object, rows[i].member));
        if (text != NULL) {
            printf("%-12s%s\n", rows[i].label, text);
        }
    }
    print_list("names", json_object_get(object, "names"));
    print_list("usages", json_object_get(object, "usages"));
    printf("%-12s%lld bytes\n", "size",
           (long long)json_integer_value(json_object_get(object, "bytes")));
}

static int choose_output(const struct args *args, const char *output, bool *is_json)
{
    *is_json = output != NULL && strcmp(output, "json") == 0;
    if (output == NULL || *is_json || strcmp(output, "human") == 0) {
        return -1;
    }
    fprintf(stderr, "wasmbed %s: -o is human or json, not %s\n", args->command->name, output);
    return EXIT_USAGE;
}

static void print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    printf("\n");
}

/* ---- show ---- */

static json_t *request_json(const char *path, wb_pki_err_text why)
{
    uint8_t der[WB_PKI_CERT_MAX];
    size_t len = 0;
    struct wb_x509_request request;
    struct wb_fault fault = {0};
    if (wb_pki_pem_load(path, WB_PEM_REQUEST, der, sizeof der, &len, why) != WB_OK) {
        return NULL;
    }
    if (wb_x509_request_parse(&request, der, len, &fault) != WB_OK) {
        snprintf(why, WB_PKI_ERR_MAX, "%s: %s", path, fault.what);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:s, s:o, s:I}", "type", "certificate request", "subject",
                     name_json(request.subject), "keyAlgorithm", "Ed25519", "publicKey",
                     hex(request.public_key, 32), "bytes", (json_int_t)len);
}

/* Every certificate of the file, or its request. NULL: why is written. */
static json_t *file_json(const char *path, wb_pki_err_text why)
{
    static struct wb_pki_certs certs;
    enum wb_err err = wb_pki_certs_load(&certs, path, why);
    json_t *list = json_array();
    if (err != WB_OK) {
        wb_pki_err_text other;
        json_t *request = request_json(path, other);
        if (request == NULL) {
            json_decref(list);
            return NULL; /* what was wrong with the certificates is told */
        }
        json_array_append_new(list, request);
        return list;
    }
    for (size_t i = 0; i < certs.count; i++) {
        struct wb_x509_cert cert;
        struct wb_fault fault = {0};
        if (wb_x509_parse(&cert, certs.der[i], certs.len[i], &fault) != WB_OK) {
            snprintf(why, WB_PKI_ERR_MAX, "%s: certificate %zu: %s", path, i + 1, fault.what);
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, cert_json(&cert));
    }
    return list;
}

int command_cert_show(struct args *args)
{
    const char *output = NULL;
    bool is_json = false;
    const struct option options[] = {
        OPTION_TEXT("output", 'o', "FORMAT", "human or json (default human)", &output),
        OPTION_END,
    };
    wb_pki_err_text why;
    int result = args_parse(args, options, 1, 1);
    result = result == -1 ? choose_output(args, output, &is_json) : result;
    if (result != -1) {
        return result;
    }
    json_t *list = file_json(args->positional[0], why);
    if (list == NULL) {
        return failed(args, "", why);
    }
    if (is_json) {
        print_json(list);
    } else {
        size_t i;
        json_t *object;
        json_array_foreach(list, i, object)
        {
            printf("%s", i > 0 ? "\n" : "");
            print_object(object);
        }
    }
    json_decref(list);
    return EXIT_OK;
}

/* ---- verify ---- */

struct verify {
    const char *ca, *purpose, *name, *output;
    long at;
};

static bool check(const struct verify *o, const char *path, struct wb_fault *fault,
                  wb_pki_err_text why)
{
    static struct wb_pki_certs certs;
    static struct wb_pki_anchors anchors;
    struct wb_x509_cert cert;
    if (wb_pki_anchors_load(&anchors, o->ca, why) != WB_OK ||
        wb_pki_certs_load(&certs, path, why) != WB_OK) {
        return false;
    }
    const struct wb_x509_check rules = {
        .anchors = anchors.anchors,
        .anchor_count = anchors.count,
        .unix_now = o->at > 0 ? o->at : wb_net_unix_s(),
        .purpose = strcmp(o->purpose, "server") == 0 ? WB_X509_SERVER_AUTH : WB_X509_CLIENT_AUTH,
        .server_name = o->name,
        .algorithms = wb_x509_algorithms};
    if (wb_x509_parse(&cert, certs.der[0], certs.len[0], fault) != WB_OK ||
        wb_x509_verify(&cert, &rules, NULL, fault) != WB_OK) {
        snprintf(why, WB_PKI_ERR_MAX, "%s%s%s", fault->what, fault->hint != NULL ? "; " : "",
                 fault->hint != NULL ? fault->hint : "");
        return false;
    }
    return true;
}

int command_cert_verify(struct args *args)
{
    struct verify o = {.purpose = "server"};
    bool is_json = false;
    const struct option options[] = {
        OPTION_TEXT("ca", 0, "FILE", "authorities that are trusted, PEM", &o.ca),
        OPTION_TEXT("for", 0, "PURPOSE", "server or device (default server)", &o.purpose),
        OPTION_TEXT("name", 0, "NAME", "DNS name or address that it must carry", &o.name),
        OPTION_NUMBER("at", 0, "SECONDS", "at this Unix time (default: now)", &o.at, 1,
                      253402300799),
        OPTION_TEXT("output", 'o', "FORMAT", "human or json (default human)", &o.output),
        OPTION_END,
    };
    wb_pki_err_text why = "";
    struct wb_fault fault = {0};
    int result = args_parse(args, options, 1, 1);
    result = result == -1 ? choose_output(args, o.output, &is_json) : result;
    if (result != -1) {
        return result;
    }
    if (o.ca == NULL || (strcmp(o.purpose, "server") != 0 && strcmp(o.purpose, "device") != 0)) {
        fprintf(stderr, "wasmbed cert verify: %s\nTry 'wasmbed cert verify --help'.\n",
                o.ca == NULL ? "--ca is needed" : "--for is server or device");
        return EXIT_USAGE;
    }
    bool is_good = check(&o, args->positional[0], &fault, why);
    if (is_json) {
        json_t *object = json_pack("{s:s, s:b, s:s}", "file", args->positional[0], "valid", is_good,
                                   "reason", is_good ? "" : why);
        print_json(object);
        json_decref(object);
    } else if (is_good) {
        printf("%s: valid\n", args->positional[0]);
    } else {
        printf("%s: not valid: %s\n", args->positional[0], why);
    }
    return is_good ? EXIT_OK : EXIT_FAILED;
}
