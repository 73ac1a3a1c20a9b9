/* SPDX-License-Identifier: AGPL-3.0-only */
/* Options of `tls server` and `tls client`, checked and loaded. */
#include "tls_settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wb_libcrypto.h"

struct code_point {
    uint16_t id;
    const char *name;
};

static const struct code_point suites[] = {
    {WB_TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"},
    {WB_TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"},
    {WB_TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"},
    {0, NULL},
};

static const struct code_point groups[] = {
    {WB_TLS_GROUP_X25519, "X25519"},
    {WB_TLS_GROUP_SECP256R1, "secp256r1"},
    {WB_TLS_GROUP_X25519MLKEM768, "X25519MLKEM768"},
    {0, NULL},
};

static const char *name_of(const struct code_point *table, uint16_t id)
{
    while (table->name != NULL && table->id != id) {
        table++;
    }
    return table->name != NULL ? table->name : "unknown";
}

const char *tls_suite_name(uint16_t id)
{
    return name_of(suites, id);
}

const char *tls_group_name(uint16_t id)
{
    return name_of(groups, id);
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

/* Code points of a list of names, at most max; -1 or the exit code. */
static int choose(const struct args *args, const struct text_list *names,
                  const struct code_point *table, const char *what, uint16_t *ids, int max)
{
    for (int i = 0; i < names->count; i++) {
        const struct code_point *row = table;
        while (row->name != NULL && strcasecmp(row->name, names->items[i]) != 0) {
            row++;
        }
        if (row->name == NULL || i == max) {
            char text[64];
            snprintf(text, sizeof text, row->name == NULL ? "no such %s" : "too many of %s", what);
            return usage(args, text, names->items[i]);
        }
        ids[i] = row->id;
    }
    return -1;
}

static bool has_group(const struct wb_tls_crypto *crypto, uint16_t id)
{
    const struct wb_tls_group *const *g = crypto->groups;
    while (*g != NULL && (*g)->id != id) {
        g++;
    }
    return *g != NULL;
}

static int choose_algorithms(struct tls_settings *s, const struct args *args)
{
    int result = choose(args, &s->suites, suites, "cipher suite", s->suite_ids, TLS_SUITE_MAX);
    result = result == -1 ? choose(args, &s->groups, groups, "group", s->group_ids, TLS_GROUP_MAX)
                          : result;
    s->cfg.suites = s->suites.count > 0 ? s->suite_ids : NULL;
    s->cfg.suite_count = (size_t)s->suites.count;
    s->cfg.groups = s->groups.count > 0 ? s->group_ids : NULL;
    s->cfg.group_count = (size_t)s->groups.count;
    for (int i = 0; i < s->groups.count && result == -1; i++) {
        if (!has_group(s->cfg.crypto, s->group_ids[i])) {
            result = usage(args, "this provider has no such group", s->groups.items[i]);
        }
    }
    return result;
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
    result = result == -1 ? choose_algorithms(s, args) : result;
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
