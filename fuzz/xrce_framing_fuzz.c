/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: xrce */
/* Any bytes as a serial line and as a TCP stream, in pieces of the first byte's size. A message
 * that comes out must make a frame that gives it back. */
#include "wb_xrce.h"

#include <stdlib.h>

static void give_back(const uint8_t *message, size_t len, uint8_t source, uint8_t destination)
{
    static uint8_t line[WB_XRCE_SERIAL_LEN_MAX(256)];
    static uint8_t buf[256];
    struct wb_xrce_serial serial;
    size_t line_len, used, again_len;
    const uint8_t *again;
    uint8_t s, d;
    if (wb_xrce_serial_encode(source, destination, message, len, line, sizeof line, &line_len) !=
        WB_OK) {
        abort();
    }
    wb_xrce_serial_init(&serial, buf, sizeof buf);
    wb_xrce_serial_feed(&serial, line, line_len, &used, &again, &again_len, &s, &d);
    if (again == NULL || used != line_len || again_len != len || memcmp(again, message, len) != 0 ||
        s != source || d != destination) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[256];
    struct wb_xrce_serial serial;
    struct wb_xrce_tcp tcp;
    const uint8_t *message;
    size_t used, len;
    if (size < 2) {
        return 0;
    }
    size_t split = data[0] + 1u;
    wb_xrce_serial_init(&serial, buf, sizeof buf);
    for (size_t at = 1; at < size; at += used) {
        uint8_t source, destination;
        size_t part = size - at < split ? size - at : split;
        wb_xrce_serial_feed(&serial, data + at, part, &used, &message, &len, &source, &destination);
        if (used == 0 || used > part || (message != NULL && len > sizeof buf)) {
            abort();
        }
        if (message != NULL) {
            give_back(message, len, source, destination);
        }
    }
    wb_xrce_tcp_init(&tcp, buf, sizeof buf);
    for (size_t at = 1; at < size; at += used) {
        size_t part = size - at < split ? size - at : split;
        if (wb_xrce_tcp_feed(&tcp, data + at, part, &used, &message, &len) != WB_OK) {
            break;
        }
        if (used == 0 || used > part ||
            (message != NULL && (len == 0 || len > sizeof buf - 2 || message != buf + 2))) {
            abort();
        }
    }
    return 0;
}
