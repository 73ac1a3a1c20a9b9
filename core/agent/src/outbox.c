/* SPDX-License-Identifier: AGPL-3.0-only */
/* outbox.c: messages to the gateway, framed (16-bit length, message), first in, first out,
 * contiguous at the start of the caller's buffer. A message leaves when all its bytes were handed
 * to TLS; so after a lost link the one that was cut is sent again whole.
 */
#include <string.h>

#include "agent.h"

static uint32_t front_len(const struct wb_agent *a)
{
    const uint8_t *box = a->cfg->outbox;

    return WB_PROTOCOL_FRAME_HEAD + ((uint32_t)box[0] << 8 | box[1]);
}

bool wb_agent_outbox_is_empty(const struct wb_agent *a)
{
    return a->outbox_used == 0;
}

bool wb_agent_outbox_put(struct wb_agent *a, const struct wb_protocol_message *message,
                         uint32_t keep_free)
{
    uint32_t free = a->cfg->outbox_len - a->outbox_used;
    size_t len;

    if (free <= keep_free) {
        return false;
    }
    if (wb_protocol_encode(message, a->peer_frame_max, a->cfg->outbox + a->outbox_used,
                           free - keep_free, &len) != WB_OK) {
        return false;
    }
    a->outbox_used += (uint32_t)len;
    return true;
}

/* Removes len bytes at the front. */
static void front_cut(struct wb_agent *a, uint32_t len)
{
    WB_ASSERT(len <= a->outbox_used);
    a->outbox_used -= len;
    memmove(a->cfg->outbox, a->cfg->outbox + len, a->outbox_used);
}

bool wb_agent_outbox_drop_oldest(struct wb_agent *a)
{
    if (a->outbox_used == 0 || a->outbox_sent != 0 || a->hello_left != 0) {
        return false;
    }
    front_cut(a, front_len(a));
    return true;
}

void wb_agent_outbox_to_front(struct wb_agent *a, uint32_t first_len)
{
    /* The message that was appended last moves before the others: rotate by reversing thrice. */
    uint8_t *box = a->cfg->outbox;
    uint32_t spans[3][2] = {{0, first_len}, {first_len, a->outbox_used}, {0, a->outbox_used}};

    WB_ASSERT(a->outbox_sent == 0);
    WB_ASSERT(first_len <= a->outbox_used);
    for (int i = 0; i < 3; i++) {
        for (uint32_t low = spans[i][0], high = spans[i][1]; low + 1 < high; low++, high--) {
            uint8_t byte = box[low];

            box[low] = box[high - 1];
            box[high - 1] = byte;
        }
    }
}

size_t wb_agent_outbox_peek(const struct wb_agent *a, const uint8_t **data)
{
    *data = a->cfg->outbox + a->outbox_sent;
    return a->outbox_used - a->outbox_sent;
}

void wb_agent_outbox_sent(struct wb_agent *a, size_t len)
{
    a->outbox_sent += (uint32_t)len;
    while (a->outbox_used != 0 && a->outbox_sent >= front_len(a)) {
        uint32_t n = front_len(a);

        a->outbox_sent -= n;
        front_cut(a, n);
    }
    WB_ASSERT(a->outbox_sent <= a->outbox_used);
}

/* Type of the message in a frame: an array of two, then a number below 24 (protocol.cddl). */
static bool is_report(const uint8_t *frame)
{
    return frame[WB_PROTOCOL_FRAME_HEAD + 1u] == WB_PROTOCOL_LOG ||
           frame[WB_PROTOCOL_FRAME_HEAD + 1u] == WB_PROTOCOL_TRAP;
}

void wb_agent_outbox_keep_reports(struct wb_agent *a)
{
    uint8_t *box = a->cfg->outbox;
    uint32_t kept = 0;

    for (uint32_t at = 0; at < a->outbox_used;) {
        uint32_t len = WB_PROTOCOL_FRAME_HEAD + ((uint32_t)box[at] << 8 | box[at + 1]);

        if (is_report(box + at)) {
            memmove(box + kept, box + at, len);
            kept += len;
        }
        at += len;
    }
    a->outbox_used = kept;
    a->outbox_sent = 0;
}
