/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: tls */
/* Any bytes as a private key: one that is read is written and reads back the same. */
#include "wb_pem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t key[32], again[32], der[WB_PKCS8_ED25519_LEN];
    struct wb_fault fault = {0};
    struct wb_private_key any;
    if (wb_private_key_read(&any, data, size, &fault) != WB_OK && fault.what == NULL) {
        abort();
    }
    fault = (struct wb_fault){0};
    if (wb_pkcs8_read_ed25519(data, size, key, &fault) != WB_OK) {
        if (fault.what == NULL) {
            abort();
        }
        return 0;
    }
    wb_pkcs8_write_ed25519(key, der);
    if (wb_pkcs8_read_ed25519(der, sizeof der, again, NULL) != WB_OK ||
        memcmp(key, again, 32) != 0) {
        abort();
    }
    return 0;
}
