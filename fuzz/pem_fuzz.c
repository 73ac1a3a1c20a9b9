/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: tls */
/* Any text as PEM: every block that is read can be written and reads back the same. */
#include "wb_pem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_pem pem;
    char label[WB_PEM_LABEL_MAX + 1];
    uint8_t der[512], back[512];
    char text[1024];
    size_t len, text_len, back_len;
    wb_pem_init(&pem, data, size);
    while (wb_pem_next(&pem, label, der, sizeof der, &len) == WB_OK) {
        if (wb_pem_write(label, der, len, text, sizeof text, &text_len) != WB_OK ||
            wb_pem_find(text, text_len, label, back, sizeof back, &back_len, NULL) != WB_OK ||
            back_len != len || memcmp(der, back, len) != 0) {
            abort();
        }
    }
    if (pem.at > size) {
        abort();
    }
    return 0;
}
