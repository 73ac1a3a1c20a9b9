/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: link */
/* Any bytes at both roles in all states. The first byte chooses the state; the rest comes from the
 * line. So that the fuzzer gets past the checksum, each run of input up to a zero is also sent as a
 * well-formed frame. */
#include "../core/link/src/frame.h"
#include "wb_link.h"

#include <stdlib.h>
#include <string.h>

static void use(struct wb_link *link, wb_ms now)
{
    uint8_t buf[64];
    struct wb_link_event event;
    const uint8_t *data;
    size_t len;
    while (wb_link_next(link, &event)) {
        if (event.kind == WB_LINK_EVENT_ASKED) {
            wb_link_accept(link, now);
        }
    }
    wb_link_read(link, &data, &len);
    if (len > WB_LINK_PAYLOAD_MAX) {
        abort();
    }
    wb_link_read_done(link, len / 2);
    (void)wb_link_write(link, "abc", 3, &len);
    for (int i = 0; i < 20; i++) {
        if (wb_link_emit(link, now, buf, sizeof buf) > sizeof buf) {
            abort();
        }
    }
    wb_link_tick(link, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct wb_link link;
    wb_link_init(&link, &(struct wb_link_cfg){.opens = (data[0] & 1) != 0}, 0);
    if ((data[0] & 1) != 0) {
        wb_link_open(&link, 0x01010101, 0);
    }
    size_t begin = 1;
    for (size_t i = 1; i < size; i++) {
        if (data[i] != 0 && i + 1 < size) {
            continue;
        }
        uint8_t frame[WB_LINK_FRAME_MAX];
        size_t len = i - begin;
        if (len >= 2 && len - 2 <= WB_LINK_PAYLOAD_MAX) {
            memcpy(frame + FRAME_PAYLOAD, data + begin + 2, len - 2);
            len = frame_encode(frame, (enum kind)(data[begin] & 7),
                               (data[begin] & 8) != 0 ? 2 : 0x01010101, data[begin + 1] & 3,
                               (uint8_t)(len - 2));
            wb_link_feed(&link, i, frame, len);
            use(&link, i);
        }
        begin = i + 1;
    }
    wb_link_feed(&link, size, data, size);
    use(&link, size);
    return 0;
}
