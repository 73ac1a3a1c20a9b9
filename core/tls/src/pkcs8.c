/* SPDX-License-Identifier: AGPL-3.0-only */
/* Ed25519 private keys: OneAsymmetricKey of RFC 5958 §2 with the CurvePrivateKey of RFC 8410 §7. */
#include <string.h>

#include "der.h"
#include "text.h"
#include "wb_pem.h"

enum wb_err wb_pkcs8_read_ed25519(const void *der, size_t len, uint8_t private_key[32],
                                  struct wb_fault *fault)
{
    struct wb_reader all;
    wb_reader_init(&all, der, len);
    struct wb_reader r = der_enter(&all, DER_SEQUENCE);
    der_end(&all);
    struct wb_bytes version = der_take(&r, DER_INTEGER);
    struct wb_bytes algorithm = der_take_whole(&r, DER_SEQUENCE);
    if (all.err != WB_OK || r.err != WB_OK || version.len != 1 ||
        *(const uint8_t *)version.data > 1) {
        return wb_fault_set(fault, WB_ERR_FORMAT, TEXT("private key is not PKCS#8"),
                            TEXT("openssl pkcs8 -topk8 -nocrypt converts other forms"), 0, 0);
    }
    if (!der_is(algorithm, der_ed25519, DER_ED25519_LEN)) {
        return wb_fault_set(fault, WB_ERR_UNSUPPORTED, TEXT("private key is not an Ed25519 key"),
                            TEXT("openssl genpkey -algorithm ed25519 makes one"), 0, 0);
    }
    struct wb_reader inner = der_enter(&r, DER_OCTET_STRING);
    struct wb_bytes seed = der_take(&inner, DER_OCTET_STRING);
    der_end(&inner);
    if (der_peek(&r) == DER_CONTEXT_CONSTRUCTED) { /* attributes: read over */
        (void)der_take(&r, DER_CONTEXT_CONSTRUCTED);
    }
    if (*(const uint8_t *)version.data == 1 && der_peek(&r) == (DER_CONTEXT | 1)) {
        (void)der_take(&r, DER_CONTEXT | 1);
    }
    der_end(&r);
    if (inner.err != WB_OK || r.err != WB_OK || seed.len != 32) {
        return wb_fault_set(fault, WB_ERR_FORMAT, TEXT("Ed25519 private key is malformed"), NULL, 0,
                            0);
    }
    memcpy(private_key, seed.data, 32);
    return WB_OK;
}

void wb_pkcs8_write_ed25519(const uint8_t private_key[32], uint8_t der[WB_PKCS8_ED25519_LEN])
{
    static const uint8_t head[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                     0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, private_key, 32);
}
