/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: tls crypto */
/* Any stream to a TLS server, over a provider that protects nothing: the whole handshake and what
 * follows it. The first byte sets the size of the pieces that the stream comes in, the second the
 * server's configuration. */
#include "tls_null_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_identity ca, leaf;
    static uint8_t rx[WB_TLS_RX_CAP(1024)], tx[WB_TLS_TX_CAP(300)];
    static _Alignas(8) uint8_t work[sizeof(struct wb_tls_work) + 1024];
    struct wb_x509_anchor anchor;
    struct wb_tls tls;
    if (ca.len == 0) {
        make_identity(&ca, true, 0);
        make_identity(&leaf, false, WB_X509_SERVER_AUTH);
    }
    if (size < 2 || wb_x509_anchor_init(&anchor, ca.der, ca.len, NULL) != WB_OK) {
        return 0;
    }
    uint8_t bits = data[1];
    static const struct wb_tls_ticket_keys tickets = {.lifetime_s = 1000};
    const struct wb_tls_cfg cfg = {.role = WB_TLS_SERVER,
                                   .crypto = &null_crypto,
                                   .random = fixed_random,
                                   .credential = &leaf.credential,
                                   .anchors = &anchor,
                                   .anchor_count = 1,
                                   .server_name = "localhost",
                                   .request_client_certificate = bits & 1,
                                   .require_client_certificate = bits & 2,
                                   .accept_self_issued = bits & 4,
                                   .empty_key_share = bits & 8,
                                   .alpn = fuzz_alpn,
                                   .alpn_count = bits & 16 ? 2 : 0,
                                   .alpn_required = bits & 32,
                                   .tickets = &tickets,
                                   .verify = bits & 8 ? wb_x509_verify_path : NULL,
                                   .record_size_limit = bits & 64 ? 64 : 0};
    const struct wb_tls_mem mem = {rx, sizeof rx, tx, sizeof tx, work, sizeof work};
    uint8_t stream[4096];
    size_t len = size - 1 < sizeof stream ? size - 1 : sizeof stream;
    memcpy(stream, data + 1, len);
    stream[0] = data[0];
    if (wb_tls_init(&tls, &cfg, &mem, 0, bits & 128 ? 1750000000 : 0) != WB_OK) {
        __builtin_trap();
    }
    run_engine(&tls, stream, len);
    return 0;
}
