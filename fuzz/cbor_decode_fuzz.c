/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: cbor */
/* Any bytes: items are read by their type, and each one that skip accepts lies within the input. */
#include "wb_cbor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_cbor_reader r;
    struct wb_fault fault = {0};
    wb_cbor_reader_init(&r, data, size, &fault);
    while (wb_cbor_peek(&r) != WB_CBOR_NONE) {
        switch (wb_cbor_peek(&r)) {
        case WB_CBOR_UINT: (void)wb_cbor_read_uint(&r, UINT64_MAX); break;
        case WB_CBOR_NINT: (void)wb_cbor_read_int(&r); break;
        case WB_CBOR_BYTES: (void)wb_cbor_read_bytes(&r, 64); break;
        case WB_CBOR_TEXT: (void)wb_cbor_read_text(&r, 64); break;
        case WB_CBOR_ARRAY: (void)wb_cbor_read_array(&r, SIZE_MAX); break;
        case WB_CBOR_MAP: (void)wb_cbor_read_map(&r, SIZE_MAX); break;
        case WB_CBOR_TAG: (void)wb_cbor_read_tag(&r); break;
        case WB_CBOR_BOOL: (void)wb_cbor_read_bool(&r); break;
        case WB_CBOR_NULL: wb_cbor_read_null(&r); break;
        case WB_CBOR_SIMPLE:
        case WB_CBOR_FLOAT: wb_cbor_skip(&r); break;
        case WB_CBOR_NONE: break;
        }
    }
    wb_cbor_reader_init(&r, data, size, NULL);
    for (;;) {
        struct wb_cbor_bytes raw = wb_cbor_read_raw(&r);
        if (r.err != WB_OK) {
            break;
        }
        if (raw.len == 0 || raw.data < data || raw.data + raw.len > data + size) {
            abort();
        }
    }
    return 0;
}
