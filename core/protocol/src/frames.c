/* SPDX-License-Identifier: AGPL-3.0-only */
/* Cutting the byte stream into messages: two bytes of length, then as many bytes. */
#include "wb_protocol.h"

#include <string.h>

void wb_protocol_frames_init(struct wb_protocol_frames *frames, void *buf, size_t cap)
{
    *frames = (struct wb_protocol_frames){.buf = buf, .cap = cap};
}

static bool is_complete(const struct wb_protocol_frames *frames)
{
    return frames->len >= WB_PROTOCOL_FRAME_HEAD &&
           frames->len == WB_PROTOCOL_FRAME_HEAD + frames->want;
}

/* One byte of the length. */
static void take_head(struct wb_protocol_frames *frames, uint8_t byte)
{
    frames->want = frames->want << 8 | byte;
    frames->len++;
    if (frames->len < WB_PROTOCOL_FRAME_HEAD) {
        return;
    }
    if (frames->want == 0) {
        frames->err = WB_ERR_FORMAT;
    } else if (frames->want > frames->cap) {
        frames->err = WB_ERR_LIMIT;
    }
}

enum wb_err wb_protocol_frames_feed(struct wb_protocol_frames *frames, const void *data, size_t len,
                                    size_t *used)
{
    const uint8_t *bytes = data;
    size_t at = 0;
    while (at < len && frames->err == WB_OK && !is_complete(frames)) {
        if (frames->len < WB_PROTOCOL_FRAME_HEAD) {
            take_head(frames, bytes[at++]);
            continue;
        }
        size_t have = frames->len - WB_PROTOCOL_FRAME_HEAD;
        size_t take = frames->want - have < len - at ? frames->want - have : len - at;
        memcpy(frames->buf + have, bytes + at, take);
        frames->len += take;
        at += take;
    }
    *used = at;
    return frames->err;
}

bool wb_protocol_frames_message(const struct wb_protocol_frames *frames, const uint8_t **message,
                                size_t *len)
{
    if (frames->err != WB_OK || !is_complete(frames)) {
        return false;
    }
    *message = frames->buf;
    *len = frames->want;
    return true;
}

void wb_protocol_frames_done(struct wb_protocol_frames *frames)
{
    if (is_complete(frames)) {
        frames->len = 0;
        frames->want = 0;
    }
}
