/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: tls crypto */
/* Any bytes as a certificate and as a request: what parses points into the input, and checking it
 * is safe. */
#include "tls_null_crypto.h"

static void check_inside(struct wb_bytes part, const uint8_t *data, size_t size)
{
    const uint8_t *at = part.data;
    if (part.len > 0 && (at < data || part.len > size || at > data + size - part.len)) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_x509_cert cert;
    struct wb_x509_anchor anchor;
    struct wb_x509_request request;
    struct wb_x509_crl crl;
    struct wb_fault fault = {0};
    (void)run_engine, (void)make_identity, (void)fixed_random, (void)null_crypto, (void)fuzz_alpn;
    (void)!wb_x509_request_parse(&request, data, size, NULL);
    (void)!wb_x509_request_parse_with(&request, data, size, null_algorithms, NULL);
    const uint8_t *name; /* a list's issuer is whoever it says */
    for (size_t at = 0; at < size && at < 40; at++) {
        name = data + at;
        const struct wb_x509_cert issuer = {
            .subject = {name, size - at < 2u + name[0] ? size - at : 2u + name[0]},
            .key_type = WB_X509_KEY_ED25519,
            .is_ca = true};
        if (wb_x509_crl_init(&crl, data, size, &issuer, null_algorithms, NULL) == WB_OK) {
            check_inside(crl.revoked, data, size);
            (void)wb_x509_crl_has(&crl, (struct wb_bytes){"x", 1}, NULL);
        }
    }
    enum wb_err err = wb_x509_parse(&cert, data, size, &fault);
    if (err != WB_OK) {
        if (fault.code != err || fault.what == NULL || fault.where[1] > size) {
            __builtin_trap();
        }
        return 0;
    }
    check_inside(cert.tbs, data, size);
    check_inside(cert.subject, data, size);
    check_inside(cert.issuer, data, size);
    check_inside(cert.common_name, data, size);
    check_inside(cert.alt_names, data, size);
    (void)wb_x509_has_name(&cert, "localhost");
    (void)wb_x509_has_name(&cert, "a.b.example");
    (void)wb_x509_has_name(&cert, "::1");
    size_t count = wb_x509_anchor_init(&anchor, data, size, NULL) == WB_OK;
    const struct wb_bytes others = {data, size};
    const struct wb_x509_check check = {.anchors = &anchor,
                                        .anchor_count = count,
                                        .unix_now = 1750000000,
                                        .purpose = WB_X509_SERVER_AUTH,
                                        .server_name = "localhost",
                                        .accept_self_issued = true,
                                        .algorithms = null_algorithms,
                                        .intermediates = &others,
                                        .intermediate_count = 1};
    (void)!wb_x509_verify(&cert, &check, NULL, NULL);
    (void)!wb_x509_verify_path(&cert, &check, NULL, NULL);
    return 0;
}
