/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_flash_sim.h: a NOR flash in memory for tests. It enforces the rules (alignment, bits only from
 * 1 to 0, erase by sector) by assertion, counts what is done, and loses power at operation cut_at:
 * that operation is torn, and everything fails until wb_flash_sim_power_on(). */
#ifndef WB_FLASH_SIM_H
#define WB_FLASH_SIM_H

#include <string.h>

#include "wb_seed.h"
#include "wb_store.h"

struct wb_flash_sim {
    struct wb_flash flash;
    struct wb_random random; /* how operations are torn */
    uint8_t *bytes;
    uint32_t *erases;  /* a sector */
    uint64_t programs; /* operations since wb_flash_sim_new */
    uint64_t ops;      /* programs and erases since power on */
    uint64_t cut_at;   /* 1: the next operation is torn; 0: none */
    bool dead;
};

#define WB_FLASH_SIM_CHECK(condition)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "flash rule broken: %s\n", #condition);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline enum wb_err wb_flash_sim_read(uint32_t offset, void *buf, size_t len, void *ctx)
{
    struct wb_flash_sim *sim = ctx;
    WB_FLASH_SIM_CHECK(offset <= sim->flash.size && len <= sim->flash.size - offset);
    if (sim->dead) {
        return WB_ERR_FLASH;
    }
    memcpy(buf, sim->bytes + offset, len);
    return WB_OK;
}

/* A torn program: words up to a point are done, one is half done; or bits anywhere are missing. */
static inline void wb_flash_sim_tear_program(struct wb_flash_sim *sim, uint8_t *at,
                                             const uint8_t *data, size_t len)
{
    size_t done = wb_random_below(&sim->random, (uint32_t)len / 4 + 1) * 4;
    bool anywhere = wb_random_below(&sim->random, 4) == 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t skip = (uint8_t)wb_random_next(&sim->random);
        if (anywhere || (i >= done && i < done + 4)) {
            at[i] &= data[i] | skip;
        } else if (i < done) {
            at[i] &= data[i];
        }
    }
}

static inline void wb_flash_sim_tear_erase(struct wb_flash_sim *sim, uint8_t *at, size_t len)
{
    uint32_t kind = wb_random_below(&sim->random, 5);
    size_t done = wb_random_below(&sim->random, (uint32_t)len + 1);
    for (size_t i = 0; i < len; i++) {
        uint8_t bits = (uint8_t)wb_random_next(&sim->random);
        switch (kind) {
        case 0: at[i] = i < done ? 0xff : at[i]; break;  /* the first part is erased */
        case 1: at[i] = i >= done ? 0xff : at[i]; break; /* the last part */
        case 2: at[i] |= bits; break;                    /* some bits everywhere */
        case 3: at[i] &= bits; break;                    /* chips program zeros before they erase */
        default: at[i] = i >= 24 ? 0xff : at[i]; break;  /* a header survives alone */
        }
    }
}

/* True when the operation is to be carried out whole. */
static inline bool wb_flash_sim_count(struct wb_flash_sim *sim)
{
    sim->ops++;
    return sim->cut_at == 0 || sim->ops < sim->cut_at;
}

static inline enum wb_err wb_flash_sim_program(uint32_t offset, const void *data, size_t len,
                                               void *ctx)
{
    struct wb_flash_sim *sim = ctx;
    const uint8_t *bytes = data;
    WB_FLASH_SIM_CHECK(offset % 4 == 0 && len % 4 == 0 && len > 0);
    WB_FLASH_SIM_CHECK(offset <= sim->flash.size && len <= sim->flash.size - offset);
    if (sim->dead) {
        return WB_ERR_FLASH;
    }
    for (size_t i = 0; i < len; i++) {
        WB_FLASH_SIM_CHECK(bytes[i] == 0xff || (bytes[i] & ~sim->bytes[offset + i]) == 0);
    }
    sim->programs++;
    if (!wb_flash_sim_count(sim)) {
        sim->dead = true;
        wb_flash_sim_tear_program(sim, sim->bytes + offset, bytes, len);
        return WB_ERR_FLASH;
    }
    for (size_t i = 0; i < len; i++) {
        sim->bytes[offset + i] &= bytes[i];
    }
    return WB_OK;
}

static inline enum wb_err wb_flash_sim_erase(uint32_t sector, void *ctx)
{
    struct wb_flash_sim *sim = ctx;
    uint32_t size = sim->flash.sector_size;
    WB_FLASH_SIM_CHECK(sector < sim->flash.size / size);
    if (sim->dead) {
        return WB_ERR_FLASH;
    }
    sim->erases[sector]++;
    if (!wb_flash_sim_count(sim)) {
        sim->dead = true;
        wb_flash_sim_tear_erase(sim, sim->bytes + (size_t)sector * size, size);
        return WB_ERR_FLASH;
    }
    memset(sim->bytes + (size_t)sector * size, 0xff, size);
    return WB_OK;
}

static inline const void *wb_flash_sim_map(uint32_t offset, size_t len, void *ctx)
{
    struct wb_flash_sim *sim = ctx;
    WB_FLASH_SIM_CHECK(offset <= sim->flash.size && len <= sim->flash.size - offset);
    return sim->bytes + offset;
}

/* A blank flash. */
static inline void wb_flash_sim_new(struct wb_flash_sim *sim, uint32_t sector_size,
                                    uint32_t sectors, uint64_t seed)
{
    memset(sim, 0, sizeof *sim);
    sim->flash = (struct wb_flash){.size = sector_size * sectors,
                                   .sector_size = sector_size,
                                   .read = wb_flash_sim_read,
                                   .program = wb_flash_sim_program,
                                   .erase = wb_flash_sim_erase,
                                   .map = wb_flash_sim_map,
                                   .ctx = sim};
    sim->random.state = seed;
    sim->bytes = malloc(sim->flash.size);
    sim->erases = calloc(sectors, sizeof *sim->erases);
    memset(sim->bytes, 0xff, sim->flash.size);
}

static inline void wb_flash_sim_free(struct wb_flash_sim *sim)
{
    free(sim->bytes);
    free(sim->erases);
}

/* Power comes (back): operations count from 0, and operation cut_at will be torn (0: none). */
static inline void wb_flash_sim_power_on(struct wb_flash_sim *sim, uint64_t cut_at)
{
    sim->dead = false;
    sim->ops = 0;
    sim->cut_at = cut_at;
}

#endif
