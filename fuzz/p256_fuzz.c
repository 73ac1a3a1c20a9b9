/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: crypto */
/* Any bytes as a signature in DER and as a point: what decodes is encoded to the same bytes, and
 * what is taken as a point can be used. The first byte says which. */
#include "wb_crypto.h"

#include <string.h>

static void try_signature(const uint8_t *data, size_t size)
{
    uint8_t signature[64], der[WB_P256_SIGNATURE_DER_MAX];
    if (wb_p256_signature_decode(signature, data, size) != WB_OK) {
        return;
    }
    if (wb_p256_signature_encode(der, signature) != size || memcmp(der, data, size) != 0) {
        __builtin_trap();
    }
}

static void try_point(const uint8_t *data, size_t size)
{
    static const uint8_t two[32] = {[31] = 2};
    uint8_t point[WB_P256_POINT_LEN] = {0}, secret[32], signature[64];
    memcpy(point, data, size < sizeof point ? size : sizeof point);
    memset(signature, 0x55, sizeof signature);
    const enum wb_err err = wb_p256_public_key_check(point);
    if (err != wb_p256_ecdh(secret, two, point)) {
        __builtin_trap();
    }
    const enum wb_err verdict = wb_p256_verify(signature, point, WB_HASH_SHA256, signature);
    if ((verdict == WB_ERR_KEY) != (err == WB_ERR_KEY)) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        try_signature(data + 1, size - 1);
    } else {
        try_point(data + 1, size - 1);
    }
    return 0;
}
