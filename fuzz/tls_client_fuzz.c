/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: tls crypto */
/* Any stream to a TLS client, over a provider that protects nothing: the whole handshake and what
 * follows it. The first byte sets the size of the pieces that the stream comes in, the second the
 * client's configuration. */
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
        make_identity(&leaf, false, WB_X509_CLIENT_AUTH);
    }
    if (size < 2 || wb_x509_anchor_init(&anchor, ca.der, ca.len, NULL) != WB_OK) {
        return 0;
    }
    uint8_t bits = data[1];
    const struct wb_tls_cfg cfg = {.role = WB_TLS_CLIENT,
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
                                   .verify = bits & 2 ? wb_x509_verify_path : NULL,
                                   .record_size_limit = bits & 64 ? 64 : 0};
    const struct wb_tls_mem mem = {rx, sizeof rx, tx, sizeof tx, work, sizeof work};
    uint8_t stream[4096];
    size_t len = size - 1 < sizeof stream ? size - 1 : sizeof stream;
    memcpy(stream, data + 1, len);
    stream[0] = data[0];
    static uint8_t session[WB_TLS_SESSION_CAP];
    static uint8_t exporter[WB_TLS_EXPORTER_LEN];
    struct wb_writer w; /* a session of no real server */
    wb_writer_init(&w, session, sizeof session);
    wb_write_be16(&w, 0x0120);
    wb_write_be16(&w, WB_TLS_CHACHA20_POLY1305_SHA256);
    wb_write_be64(&w, 1000ull << 32);
    wb_write_be64(&w, 0);
    wb_write_be32(&w, wb_crc32(0, "localhost", 9));
    wb_write_be64(&w, 0);
    w.len += 32;
    wb_write_be16(&w, 4);
    wb_write_be32(&w, 0x01020304);
    const struct wb_tls_more more = {session, bits & 1 ? 48 : sizeof session, bits & 4 ? w.len : 0,
                                     exporter};
    if (wb_tls_init_with(&tls, &cfg, &mem, &more, 0, bits & 128 ? 1750000000 : 0) != WB_OK) {
        __builtin_trap();
    }
    run_engine(&tls, stream, len);
    return 0;
}
