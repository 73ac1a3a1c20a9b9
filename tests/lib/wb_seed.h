/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_seed.h: repeatable randomness for tests. A test draws its seed with wb_seed(), which prints
 * it; SEED=number in the environment replays it. */
#ifndef WB_SEED_H
#define WB_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct wb_random {
    uint64_t state;
};

/* SEED, or a fresh number. */
static inline uint64_t wb_seed(const char *test)
{
    const char *text = getenv("SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = (uint64_t)now.tv_sec * 1000003u ^ (uint64_t)now.tv_nsec;
    if (text != NULL) {
        seed = strtoull(text, NULL, 0);
    }
    printf("%s: SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

/* splitmix64 */
static inline uint64_t wb_random_next(struct wb_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 … below - 1; below is not 0. */
static inline uint32_t wb_random_below(struct wb_random *random, uint32_t below)
{
    return (uint32_t)(wb_random_next(random) % below);
}

#endif
