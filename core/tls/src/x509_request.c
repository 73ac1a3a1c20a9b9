/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reads certificate requests (PKCS#10, RFC 2986 §4) and checks that the sender holds the key. */
#include <string.h>

#include "der.h"
#include "x509.h"

static enum wb_err malformed(struct wb_fault *fault)
{
    return wb_fault_set(fault, WB_ERR_FORMAT, "certificate request is malformed", NULL, 0, 0);
}

enum wb_err wb_x509_request_parse(struct wb_x509_request *request, const void *der, size_t len,
                                  struct wb_fault *fault)
{
    static const uint8_t version_1[] = {0x00};
    struct wb_reader all;
    memset(request, 0, sizeof *request);
    wb_reader_init(&all, der, len);
    struct wb_reader outer = der_enter(&all, DER_SEQUENCE);
    der_end(&all);
    struct wb_bytes info = der_take_whole(&outer, DER_SEQUENCE);
    struct wb_bytes algorithm = der_take_whole(&outer, DER_SEQUENCE);
    struct wb_bytes signature = der_take_bits(&outer);
    der_end(&outer);
    if (all.err != WB_OK || outer.err != WB_OK) {
        return malformed(fault);
    }
    struct wb_reader whole;
    wb_reader_init(&whole, info.data, info.len);
    struct wb_reader r = der_enter(&whole, DER_SEQUENCE);
    struct wb_bytes version = der_take(&r, DER_INTEGER);
    request->subject = der_take_whole(&r, DER_SEQUENCE);
    struct wb_reader key_info = der_enter(&r, DER_SEQUENCE);
    struct wb_bytes key_algorithm = der_take_whole(&key_info, DER_SEQUENCE);
    struct wb_bytes key = der_take_bits(&key_info);
    der_end(&key_info);
    (void)der_take(&r, DER_CONTEXT_CONSTRUCTED); /* attributes */
    der_end(&r);
    if (r.err != WB_OK || key_info.err != WB_OK || !der_is(version, version_1, 1)) {
        return malformed(fault);
    }
    if (!der_is(algorithm, der_ed25519, DER_ED25519_LEN) ||
        !der_is(key_algorithm, der_ed25519, DER_ED25519_LEN)) {
        return wb_fault_set(fault, WB_ERR_UNSUPPORTED,
                            "certificate request is not for an Ed25519 key", NULL, 0, 0);
    }
    if (key.len != 32 || signature.len != 64) {
        return malformed(fault);
    }
    WB_TRY(x509_name_parse(request->subject, &request->common_name, fault));
    request->public_key = key.data;
    if (wb_ed25519_verify(signature.data, key.data, info.data, info.len) != WB_OK) {
        return wb_fault_set(fault, WB_ERR_SIGNATURE,
                            "certificate request is not signed with the key it is for", NULL, 0, 0);
    }
    return WB_OK;
}
