/* SPDX-License-Identifier: AGPL-3.0-only */
/* Options of `tls server` and `tls client`, checked and loaded. */
#include "tls_settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wb_libcrypto.h"

static const struct {
    uint16_t id;
    const char *name;
} suites[] = {
    {WB_TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"},
    {WB_TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"},
    {WB_TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"},
};

const char *tls_suite_name(uint16_t id)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(suites); i++) {
        if (suites[i].id == id) {
            return suites[i].name;
        }
    }
    return "unknown";
}

static int usage(const struct args *args, const char *what, const char *value)
{
    fprintf(stderr, "wasmbed %s: %s%s%s\nTry 'wasmbed %s --help'.\n", args->command->name, what,
            value != NULL ? ": " : "", value != NULL ? value : "", args->command->name);
    return EXIT_USAGE;
}

static int failed(const struct args *args, const char *what)
{
    fprintf(stderr, "wasmbed %s: %s\n", args->command->name, what);
    return EXIT_FAILED;
}

static int choose_provider(struct tls_settings *s, const struct args *args)
{
    static const struct wb_tls_crypto *const providers[] = {&wb_tls_crypto_libcrypto,
                                                            &wb_tls_crypto_core};
    s->cfg.crypto = providers[0];
    for (size_t i = 0; i < WB_ARRAY_LEN(providers) && s->provider != NULL; i++) {
        if (strcmp(providers[i]->name, s->provider) == 0) {
            s->cfg.crypto = providers[i];
            return -1;
        }
    }
    return s->provider == NULL ? -1
                               : usage(args, "--provider is core or openssl, not", s->provider);
}

static int choose_suites(struct tls_settings *s, const struct args *args)
{
    for (int i = 0; i < s->suites.count; i++) {
        size_t row = 0;
        while (row < WB_ARRAY_LEN(suites) &&
               strcasecmp(suites[row].name, s->suites.items[i]) != 0) {
            row++;
        }
        if (row == WB_ARRAY_LEN(suites)) {
            return usage(args, "--suite: no such cipher suite", s->suites.items[i]);
        }
        if (i == TLS_SUITE_MAX) {
            return usage(args, "--suite is given too often", NULL);
        }
        s->suite_ids[i] = suites[row].id;
    }
    s->cfg.suites = s->suites.count > 0 ? s->suite_ids : NULL;
    s->cfg.suite_count = (size_t)s->suites.count;
    return -1;
}

static int choose_alpn(struct tls_settings *s, const struct args *args)
{
    if (s->alpn.count > TLS_ALPN_MAX) {
        return usage(args, "--alpn: at most 8 names", NULL);
    }
    for (int i = 0; i < s->alpn.count; i++) {
        size_t len = strlen(s->alpn.items[i]);
        if (len == 0 || len > 32) {
            return usage(args, "--alpn: a name has 1 to 32 bytes", s->alpn.items[i]);
        }
    }
    if (s->alpn_required && s->alpn.count == 0) {
        return usage(args, "--alpn-required needs --alpn", NULL);
    }
    s->cfg.alpn = s->alpn.count > 0 ? s->alpn.items : NULL;
    s->cfg.alpn_count = (size_t)s->alpn.count;
    s->cfg.alpn_required = s->alpn_required;
    return -1;
}

static int load_files(struct tls_settings *s, const struct args *args)
{
    wb_pki_err_text why;
    if ((s->cert == NULL) != (s->key == NULL)) {
        return usage(args, "--cert and --key belong together", NULL);
    }
    if (s->cert != NULL) {
        if (wb_pki_identity_load(&s->identity, s->cert, s->key, why) != WB_OK) {
            return failed(args, why);
        }
        s->cfg.credential = &s->identity.credential;
    }
    if (s->ca != NULL) {
        if (wb_pki_anchors_load(&s->anchors, s->ca, why) != WB_OK) {
            return failed(args, why);
        }
        s->cfg.anchors = s->anchors.anchors;
        s->cfg.anchor_count = s->anchors.count;
    }
    return -1;
}

int tls_settings_apply(struct tls_settings *s, const struct args *args)
{
    int result = choose_provider(s, args);
    result = result == -1 ? choose_suites(s, args) : result;
    result = result == -1 ? choose_alpn(s, args) : result;
    result = result == -1 ? load_files(s, args) : result;
    s->cfg.random = wb_pki_random;
    s->cfg.record_size_limit = (uint16_t)s->record_size_limit;
    s->cfg.handshake_timeout_ms = s->timeout_s > 0 ? (uint32_t)s->timeout_s * 1000u : 10000u;
    return result;
}

void tls_settings_wipe(struct tls_settings *s)
{
    wb_pki_identity_wipe(&s->identity);
}
