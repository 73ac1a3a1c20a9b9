/* SPDX-License-Identifier: AGPL-3.0-only */
/* inbox.c: messages that applications have not received yet, in order of arrival: slot, handle,
 * length (16 bits), data. An application that is slow costs itself and, when the box is full, the
 * newest message.
 */
#include <string.h>

#include "agent.h"

#define HEAD 4u

static uint32_t entry_len(const uint8_t *entry)
{
    return HEAD + ((uint32_t)entry[2] << 8 | entry[3]);
}

static uint8_t *find(const struct wb_agent *a, uint8_t slot)
{
    uint8_t *box = a->cfg->inbox;

    for (uint32_t at = 0; at < a->inbox_used; at += entry_len(box + at)) {
        if (box[at] == slot) {
            return box + at;
        }
    }
    return NULL;
}

bool wb_agent_inbox_put(struct wb_agent *a, uint8_t slot, uint8_t handle, const void *data,
                        size_t len)
{
    uint8_t *entry = a->cfg->inbox + a->inbox_used;

    if (len > UINT16_MAX || a->cfg->inbox_len - a->inbox_used < HEAD + len) {
        return false;
    }
    entry[0] = slot;
    entry[1] = handle;
    entry[2] = (uint8_t)(len >> 8);
    entry[3] = (uint8_t)len;
    if (len > 0) {
        memcpy(entry + HEAD, data, len);
    }
    a->inbox_used += HEAD + (uint32_t)len;
    return true;
}

bool wb_agent_inbox_peek(const struct wb_agent *a, uint8_t slot, uint8_t *handle,
                         const uint8_t **data, size_t *len)
{
    const uint8_t *entry = find(a, slot);

    if (entry == NULL) {
        return false;
    }
    *handle = entry[1];
    *data = entry + HEAD;
    *len = entry_len(entry) - HEAD;
    return true;
}

void wb_agent_inbox_drop(struct wb_agent *a, uint8_t slot)
{
    uint8_t *entry = find(a, slot);
    uint32_t at, len;

    if (entry == NULL) {
        return;
    }
    at = (uint32_t)(entry - a->cfg->inbox);
    len = entry_len(entry);
    memmove(entry, entry + len, a->inbox_used - at - len);
    a->inbox_used -= len;
}

void wb_agent_inbox_purge(struct wb_agent *a, uint8_t slot)
{
    while (find(a, slot) != NULL) {
        wb_agent_inbox_drop(a, slot);
    }
}
