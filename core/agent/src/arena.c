/* SPDX-License-Identifier: AGPL-3.0-only */
/* arena.c: where applications' memory lies. A block belongs to a slot, one more to the TLS
 * handshake. There are so few that the table of owners is the free list: first fit by moving past
 * whatever overlaps. Blocks never move, because instances hold addresses.
 */
#include "agent.h"

static uint32_t align8(uint32_t n)
{
    return (n + 7u) & ~7u;
}

/* The end of a block that overlaps [at, at + len), or 0. */
static uint32_t overlap_end(const struct wb_agent *a, uint32_t at, uint32_t len,
                            const struct wb_agent_block *ignored)
{
    for (uint32_t i = 0; i <= a->cfg->slot_count; i++) {
        const struct wb_agent_block *b =
            i < a->cfg->slot_count ? &a->cfg->slots[i].block : &a->handshake_block;

        if (b != ignored && b->len != 0 && at < b->at + b->len && b->at < at + len) {
            return b->at + b->len;
        }
    }
    return 0;
}

bool wb_agent_arena_fits(const struct wb_agent *a, uint32_t len,
                         const struct wb_agent_block *ignored, uint32_t *at)
{
    uint32_t start = 0;

    if (len > a->cfg->arena_len) {
        return false;
    }
    len = align8(len);
    while (start <= a->cfg->arena_len && len <= a->cfg->arena_len - start) {
        uint32_t end = overlap_end(a, start, len, ignored);

        if (end == 0) {
            *at = start;
            return true;
        }
        start = end;
    }
    return false;
}

void *wb_agent_arena_take(struct wb_agent *a, struct wb_agent_block *block, uint32_t len)
{
    uint32_t at;

    WB_ASSERT(block->len == 0);
    if (!wb_agent_arena_fits(a, len, NULL, &at)) {
        return NULL;
    }
    block->at = at;
    block->len = align8(len);
    return a->cfg->arena + at;
}

void wb_agent_arena_free_block(struct wb_agent_block *block)
{
    block->at = 0;
    block->len = 0;
}

uint32_t wb_agent_arena_free(const struct wb_agent *a)
{
    uint32_t used = a->handshake_block.len;

    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        used += a->cfg->slots[i].block.len;
    }
    return a->cfg->arena_len - used;
}

uint32_t wb_agent_arena_largest(const struct wb_agent *a, const struct wb_agent_block *ignored)
{
    uint32_t largest = 0;
    uint32_t start = 0;

    /* Gaps begin at 0 or at a block's end. */
    for (uint32_t i = 0; i <= a->cfg->slot_count + 1u; i++) {
        uint32_t gap_end = a->cfg->arena_len;

        if (i > 0) {
            const struct wb_agent_block *b =
                i <= a->cfg->slot_count ? &a->cfg->slots[i - 1].block : &a->handshake_block;

            if (b->len == 0 || b == ignored) {
                continue;
            }
            start = b->at + b->len;
        }
        if (start >= a->cfg->arena_len || overlap_end(a, start, 1, ignored) != 0) {
            continue;
        }
        for (uint32_t j = 0; j <= a->cfg->slot_count; j++) {
            const struct wb_agent_block *b =
                j < a->cfg->slot_count ? &a->cfg->slots[j].block : &a->handshake_block;

            if (b != ignored && b->len != 0 && b->at >= start && b->at < gap_end) {
                gap_end = b->at;
            }
        }
        if (gap_end - start > largest) {
            largest = gap_end - start;
        }
    }
    return largest;
}
