/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reads certificate requests (PKCS#10, RFC 2986 §4) and checks that the sender holds the key. */
#include <string.h>

#include "der.h"
#include "text.h"
#include "x509.h"

static enum wb_err malformed(struct wb_fault *fault)
{
    return wb_fault_set(fault, WB_ERR_FORMAT, TEXT("certificate request is malformed"), NULL, 0, 0);
}

static enum wb_err unsupported(struct wb_fault *fault)
{
    return wb_fault_set(fault, WB_ERR_UNSUPPORTED,
                        TEXT("certificate request is for a kind of key that is not accepted"),
                        TEXT("make an Ed25519 key"), 0, 0);
}

enum wb_err wb_x509_request_parse(struct wb_x509_request *request, const void *der, size_t len,
                                  struct wb_fault *fault)
{
    return wb_x509_request_parse_with(request, der, len, wb_x509_algorithms_small, fault);
}

enum wb_err wb_x509_request_parse_with(struct wb_x509_request *request, const void *der, size_t len,
                                       const struct wb_x509_algorithm *const *algorithms,
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
    struct wb_bytes key_info = der_take_whole(&r, DER_SEQUENCE);
    (void)der_take(&r, DER_CONTEXT_CONSTRUCTED); /* attributes */
    der_end(&r);
    if (r.err != WB_OK || !der_is(version, version_1, 1)) {
        return malformed(fault);
    }
    uint8_t key_type = WB_X509_KEY_NONE;
    struct wb_bytes key = {NULL, 0};
    enum wb_err err = x509_key_parse(key_info, &key_type, &key);
    uint16_t scheme = x509_scheme(algorithm);
    if (err == WB_ERR_FORMAT) {
        return malformed(fault);
    }
    if (err != WB_OK || scheme == 0) {
        return unsupported(fault);
    }
    WB_TRY(x509_name_parse(request->subject, &request->common_name, fault));
    request->public_key = key.data;
    request->public_key_len = key.len;
    request->key_type = (enum wb_x509_key_type)key_type;
    err = x509_verify_signature(algorithms, key_type, key.data, key.len, scheme, info,
                                signature.data, signature.len);
    if (err == WB_ERR_UNSUPPORTED) {
        return unsupported(fault);
    }
    if (err != WB_OK) {
        return wb_fault_set(fault, WB_ERR_SIGNATURE,
                            TEXT("certificate request is not signed with the key it is for"), NULL,
                            0, 0);
    }
    return WB_OK;
}
