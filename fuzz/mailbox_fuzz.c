/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: common base */
/* The console stream of a board that may run anything, as the launcher takes it apart. The pieces
 * are of varying length; text and requests together are never more than what came in. */
#include "wb_mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct wb_mailbox_decoder decoder;
    static struct wb_mailbox_request request;
    size_t at = 0;
    size_t out = 0;
    wb_mailbox_decoder_init(&decoder);
    while (at < len) {
        size_t piece = 1u + data[at] % 97u;
        size_t used = 0;
        const uint8_t *text;
        size_t text_len;
        if (piece > len - at) {
            piece = len - at;
        }
        for (;;) {
            enum wb_mailbox_got got =
                wb_mailbox_next(&decoder, data + at, piece, &used, &text, &text_len, &request);
            WB_ASSERT(used <= piece);
            if (got == WB_MAILBOX_NOTHING) {
                break;
            }
            if (got == WB_MAILBOX_TEXT) {
                WB_ASSERT(text_len > 0 && text >= data + at &&
                          text + text_len <= data + at + piece);
                out += text_len;
            } else {
                WB_ASSERT(request.len <= WB_MAILBOX_PAYLOAD_MAX);
                out += WB_MAILBOX_HEAD_LEN + WB_MAILBOX_CRC_LEN + (size_t)request.len;
            }
        }
        WB_ASSERT(used == piece);
        at += piece;
    }
    WB_ASSERT(out <= len);
    return 0;
}
