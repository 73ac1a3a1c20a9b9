/* SPDX-License-Identifier: AGPL-3.0-only */
/* tls_settings.h: what `tls server` and `tls client` have in common on the command line, and the
 * configuration of core/tls that follows from it. */
#ifndef WB_CLI_TLS_SETTINGS_H
#define WB_CLI_TLS_SETTINGS_H

#include "args.h"
#include "wb_pki.h"
#include "wb_tls.h"

#define TLS_SUITE_MAX 3
#define TLS_GROUP_MAX 3
#define TLS_ALPN_MAX  8

/* Filled by options, then made into cfg by tls_settings_apply(). Zero is the default everywhere. */
struct tls_settings {
    const char *cert, *key, *ca, *provider;
    struct text_list alpn, suites, groups;
    bool alpn_required, board_buffers;
    long record_size_limit, timeout_s, key_updates;
    /* what follows from them */
    struct wb_tls_cfg cfg;
    struct wb_tls_more more; /* clients: where a session lies */
    struct wb_pki_identity identity;
    struct wb_pki_anchors anchors;
    uint16_t suite_ids[TLS_SUITE_MAX];
    uint16_t group_ids[TLS_GROUP_MAX];
};

/* Rows of an option table. */
#define TLS_OPTIONS(s)                                                                             \
    OPTION_TEXT("cert", 0, "FILE", "our certificate chain, PEM, leaf first", &(s)->cert),          \
        OPTION_TEXT("key", 0, "FILE", "its private key, PEM", &(s)->key),                          \
        OPTION_TEXT("ca", 0, "FILE", "authorities that we trust, PEM", &(s)->ca),                  \
        OPTION_TEXT("provider", 0, "NAME", "who computes: core or openssl (default openssl)",      \
                    &(s)->provider),                                                               \
        OPTION_LIST("alpn", 0, "NAME", "application protocol; may be given several times",         \
                    &(s)->alpn),                                                                   \
        OPTION_FLAG("alpn-required", 0, "fail unless one of them is agreed on",                    \
                    &(s)->alpn_required),                                                          \
        OPTION_LIST("suite", 0, "NAME",                                                            \
                    "cipher suite in order of preference: TLS_AES_128_GCM_SHA256, "                \
                    "TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256",                        \
                    &(s)->suites),                                                                 \
        OPTION_LIST("group", 0, "NAME", "key exchange in order of preference: X25519, secp256r1",  \
                    &(s)->groups),                                                                 \
        OPTION_NUMBER("record-size-limit", 0, "N", "largest record we take (RFC 8449)",            \
                      &(s)->record_size_limit, 64, 16385),                                         \
        OPTION_NUMBER("key-updates", 0, "N",                                                       \
                      "renew keys in both directions before each of the first N messages",         \
                      &(s)->key_updates, 0, 1000),                                                 \
        OPTION_NUMBER("timeout", 0, "SECONDS", "for the handshake (default 10)", &(s)->timeout_s,  \
                      1, 3600),                                                                    \
        OPTION_FLAG("board-buffers", 0, "buffers as small as a 16 KB board's",                     \
                    &(s)->board_buffers)

/* Loads files and fills s->cfg, whose role and further fields the caller has set. Returns -1, or
 * the exit code after it has said what is wrong. */
int tls_settings_apply(struct tls_settings *s, const struct args *args);
void tls_settings_wipe(struct tls_settings *s);

/* "TLS_AES_128_GCM_SHA256", "X25519"; "unknown" for others. */
const char *tls_suite_name(uint16_t id);
const char *tls_group_name(uint16_t id);

#endif
