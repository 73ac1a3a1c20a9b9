/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: cose crypto cbor */
/* Any bytes as a COSE_Sign1: what it borrows lies within the input, and nothing verifies under a
 * key nobody signs with. */
#include "wb_cose.h"

#include <stdlib.h>

static void check_within(const uint8_t *data, size_t size, const uint8_t *part, size_t len)
{
    if (part < data || len > size || part > data + (size - len)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The key of a case of RFC 8032, whose private key signs nothing here. */
    static const uint8_t key[32] = {0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3,
                                    0x8d, 0xa4, 0x7e, 0xd0, 0x02, 0x30, 0xf0, 0x58,
                                    0x08, 0x16, 0xed, 0x13, 0xba, 0x33, 0x03, 0xac,
                                    0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25};
    const uint8_t *part = NULL;
    size_t len = 0;
    if (wb_cose_sign1_kid(data, size, &part, &len) == WB_OK) {
        check_within(data, size, part, len);
    }
    if (wb_cose_sign1_verify(data, size, key, NULL, 0, "aad", 3, &part, &len) == WB_OK ||
        wb_cose_sign1_verify(data, size, key, "payload", 7, "aad", 3, &part, &len) == WB_OK) {
        abort();
    }
    return 0;
}
